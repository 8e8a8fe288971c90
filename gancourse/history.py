"""What a run tells while it trains: its losses, a line of them on disk now and then, and where they
stop being numbers."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from . import checkpoints
from ._state import soundness, what_is_unsound
from ._warn import warn

if TYPE_CHECKING:
    from .training import GANTrainer

FLUSH = 100  # steps between two looks at the losses: one device synchronisation each


class DivergedError(RuntimeError):
    """A loss or a weight was not finite: ``step`` says where, ``checkpoint`` which file holds a good
    state."""

    def __init__(self, step: int, checkpoint: Path | None, what: str = "the loss became non-finite"):
        self.step, self.checkpoint = step, checkpoint
        kept = f"the last good state is in {checkpoint}" if checkpoint else "no checkpoint was kept"
        super().__init__(
            f"{what} at step {step}; {kept}. Usual remedies: a lower learning "
            "rate, beta1 = 0, an R1 penalty, logits instead of log(sigmoid)"
        )


def _no_losses() -> Tensor:
    return torch.empty(0, dtype=torch.float32, device="cpu")


@dataclass(repr=False)
class History:
    """What was minimised, by generator step, each ``(steps,)`` on the CPU.

    Attributes:
        d_loss: the discriminator's loss in its last step, without its penalties: minus the critic's
            estimate of a distance in a Wasserstein run.
        g_loss: the generator's.
        penalty: R1, R2 and WGAN-GP's together in that discriminator's step, times their weights: it
            minimised ``d_loss + penalty``. 0 where there are none, NaN for steps from a checkpoint
            of the first edition with penalties: there ``d_loss`` is the sum.
    """

    d_loss: Tensor = field(default_factory=_no_losses)
    g_loss: Tensor = field(default_factory=_no_losses)
    penalty: Tensor = field(default_factory=_no_losses)

    def __len__(self) -> int:
        return len(self.d_loss)

    def __repr__(self) -> str:
        """One line: a cell that ends in ``fit`` shows this, and not thousands of numbers."""
        if not len(self):
            return "History(0 steps)"
        ends = f"d_loss {self.d_loss[-1]:.3g}, g_loss {self.g_loss[-1]:.3g}"
        return f"History({len(self)} steps, at the end {ends})"


def fetch(run: GANTrainer, alone: bool = False) -> tuple[Tensor, bool]:
    """Take the losses off the device into the history: the new ones ``(steps, 3)``, and whether all
    weights are finite. ``alone``: without asking the other processes."""
    values = [loss.float() for step in run._pending for loss in step]
    fetched = torch.stack([*values, soundness(run)])
    fetched = (fetched if alone else run.processes.mean(fetched)).cpu()
    new = fetched[:-1].view(-1, 3)
    h = run.history
    d, penalty, g = (
        torch.cat([old, column])
        for old, column in zip((h.d_loss, h.penalty, h.g_loss), new.unbind(1), strict=True)
    )
    # One line, one state: an interrupt may come before or after it.
    h.d_loss, h.penalty, h.g_loss, run._pending = d, penalty, g, []
    return new, bool(fetched[-1] >= 0)


def tell(run: GANTrainer, path: Path | None, log: Log | None, bar: Any) -> None:
    """Fetch the losses, stop if something is not finite, write a line, move the bar."""
    new, sound = fetch(run)
    _check(run, new, sound, path)
    if log is not None:
        log.add(run)
    bar.update(run.step - bar.n)
    if len(new):
        text = f"D {new[-1, 0]:.3f}  G {new[-1, 2]:.3f}"
        if not getattr(bar, "disable", True) and bar.format_dict["rate"]:
            text += f"  {bar.format_dict['rate'] * run.batch_size:,.0f} samples/s"
        bar.set_postfix_str(text, refresh=False)


def _check(run: GANTrainer, new: Tensor, sound: bool, path: Path | None) -> None:
    good = path if path is not None and path.exists() else None
    finite = new.isfinite().all(1)
    if not finite.all():
        step = run.step - len(new) + 1 + int(finite.logical_not().nonzero()[0])
        raise DivergedError(step, good)
    # A finite loss can have a gradient that is not (the square root of a variance of 0).
    if not sound:
        raise DivergedError(run.step, good, what_is_unsound(run))
    # fp16 leaves out steps whose gradients overflow; a loss can stay finite while none is taken.
    if run.amp == "fp16" and min(s.get_scale() for s in (run.scaler_g, run.scaler_d)) < 1e-6:
        raise DivergedError(run.step, good, "no gradient was finite for dozens of steps")


class Log:
    """``<checkpoint>.jsonl``: a line of JSON each time that the losses are fetched.

    Lines are only ever added, for steps that have none yet: a run that was cut off and resumes goes
    on behind the last one. What a kill left of half a line is cut off.

        {"step": 300, "d_loss": 1.31, "g_loss": 0.74, "penalty": 0.02, "seconds": 9.8,
         "images_per_second": 3910.2, "lr": [0.001, 0.001]}

    Losses and penalty are means over the steps since the line before (null where not known); seconds
    count from the beginning of this ``fit``; images are ``batch_size`` a generator step; rates are
    the two players'.
    """

    def __init__(self, checkpoint: Path, step: int):
        self.path = checkpoints.beside(checkpoint, ".jsonl")
        self.last = 0  # the last step that has a line
        self.began = self.looked = time.monotonic()
        self.at = step
        content = self.path.read_bytes() if self.path.is_file() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(self.path, len(whole))
        for line in reversed(whole.splitlines()):
            try:
                self.last = int(json.loads(line)["step"])
                break
            except (ValueError, KeyError, TypeError):  # not ours
                continue

    def add(self, run: GANTrainer) -> None:
        """A line, if there are steps without one. A folder that can't be written ends no run: the
        next line then stands for these steps too."""
        now = time.monotonic()
        images = (run.step - self.at) * run.batch_size / max(now - self.looked, 1e-9)
        self.at, self.looked = run.step, now
        if run.step <= self.last:
            return
        line: dict[str, Any] = {"step": run.step}
        for name in ("d_loss", "g_loss", "penalty"):
            mean = getattr(run.history, name)[self.last : run.step].double().mean().item()
            line[name] = float(f"{mean:.6g}") if math.isfinite(mean) else None
        line["seconds"], line["images_per_second"] = round(now - self.began, 2), round(images, 1)
        line["lr"] = [float(o.param_groups[0]["lr"]) for o in (run.optimizer_g, run.optimizer_d)]
        try:
            with open(self.path, "ab", buffering=0) as file:
                file.write(json.dumps(line).encode() + b"\n")
            self.last = run.step
        except OSError as error:
            if run.step == run.total:
                warn(f"{self.path} could not be written ({error}); its last lines are missing")


def progress_bar(done: int, total: int, progress: bool | None) -> Any:
    """tqdm's; None: in a live session yes, in a book build no."""
    from tqdm.auto import tqdm

    if progress is None:
        progress = os.environ.get("GANCOURSE_STATIC") != "1"
    return tqdm(initial=done, total=total, unit="step", disable=not progress, leave=False)
