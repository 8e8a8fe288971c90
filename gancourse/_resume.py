"""What a checkpoint holds of a run, and how a run goes on from it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from . import checkpoints
from ._settings import check_schedule
from ._state import random_state, settings_of, soundness, what_is_unsound
from ._warn import warn
from .checkpoints import ANEW, CheckpointError, Lock, TornError
from .history import DivergedError, History

if TYPE_CHECKING:
    from .training import GANTrainer


def save(run: GANTrainer, path: Path) -> None:
    """Write ``run`` to ``path``, under its own lock unless ``fit`` holds it for this file."""
    if run._open:
        run._take_back()
    if soundness(run) < 0:
        raise DivergedError(run.step, path if path.exists() else None, what_is_unsound(run))
    mine = run._lock is not None and run._lock.held
    if run.rank or (mine and checkpoints.beside(path, ".lock") == run._lock.name):  # type: ignore[union-attr]
        write(run, path)
        return
    lock = Lock(path)
    try:
        lock.take()
        checkpoints.recover(path)
        write(run, path)
    finally:
        lock.release()


def load(run: GANTrainer, path: Path, networks_only: bool) -> None:
    """Take over what is saved at ``path``, and name the settings that are others."""
    state = checkpoints.read(path, run.device)
    take_over(run, state, path, networks_only)
    different = differences(run, state)
    if different and not networks_only:
        warn(f"{path} {different}. This trainer's are used from here on")


def write(run: GANTrainer, path: Path) -> None:
    """Save ``run`` at ``path``: the main process writes, the others wait for it."""
    rng, torch_rng, device_rng, augment_rng = random_state(run)
    state = {
        "format": checkpoints.FORMAT,
        "settings": run.settings,
        "data": run._data,
        "generator": _state_of(run.generator),
        "discriminator": _state_of(run.discriminator),
        "ema": _state_of(run.ema) if run.ema is not None else None,
        "optimizer_g": run.optimizer_g.state_dict(),
        "optimizer_d": run.optimizer_d.state_dict(),
        "scaler_g": run.scaler_g.state_dict(),  # empty without fp16
        "scaler_d": run.scaler_d.state_dict(),
        "d_loss": run.history.d_loss,
        "g_loss": run.history.g_loss,
        "penalty": run.history.penalty,
        "rng": rng,
        "augment_rng": augment_rng,
        "torch_rng": torch_rng,  # dropout and the like draw from the global streams
        "cuda_rng": device_rng,
        "step": run.step,
        "averaged": run._averaged,
        "total": run.total,
    }
    try:
        if run.rank == 0:
            checkpoints.write(state, path)
    finally:
        run.processes.wait()


def save_if_possible(run: GANTrainer, path: Path, last: bool) -> None:
    """A drive that is gone for a moment, or full, doesn't end a run of hours."""
    try:
        write(run, path)
    except OSError as error:
        if last or not run._unsaved:
            then = "it is tried again at the next save"
            if last:
                then = "the run is at its end: mend it and call trainer.save(path), now"
            warn(
                f"{path} could not be written at step {run.step} ({error}). Is the disk full, "
                f"or the drive no longer mounted? Training goes on; {then}. An earlier "
                "save, if there is one, is as it was",
            )
        run._unsaved = True
    else:
        run._unsaved = False


@torch.inference_mode(False)
def take_over(run: GANTrainer, state: dict[str, Any], path: Path, networks_only: bool = False) -> None:
    """All of it or, whatever goes wrong, nothing: a refusal or interrupt is taken back."""
    if not networks_only and (state["ema"] is None) != (run.ema is None):
        raise CheckpointError(f"{path} and this trainer disagree about ema; use the same setting")
    if run._open:
        run._take_back()
    run._keep()
    run._open = True
    try:
        _put_in(run, state, path, networks_only)
        run._open = False
    except CheckpointError:
        raise
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path} was saved from other networks or optimizers "
            f"({(str(error) or type(error).__name__).splitlines()[0]}); build the same ones, or "
            "choose another checkpoint file"
        ) from error
    finally:
        if run._open:
            run._take_back()
        run._kept = None


def _put_in(run: GANTrainer, state: dict[str, Any], path: Path, networks_only: bool) -> None:
    _load_into(run.generator, state["generator"], "generator", path)
    _load_into(run.discriminator, state["discriminator"], "discriminator", path)
    if run.ema is not None:
        _load_into(run.ema, state["ema"] or state["generator"], "generator", path)
    if soundness(run) < 0:
        raise CheckpointError(
            f"{path} holds weights that are not finite: a run that had diverged; use an earlier "
            "save, or begin anew"
        )
    if networks_only:
        return
    settings = state.get("settings") or {}
    for optimizer, name in (
        (run.optimizer_g, "optimizer_g"),
        (run.optimizer_d, "optimizer_d"),
    ):
        theirs, mine = settings.get(name, "Adam").split()[0], type(optimizer).__name__
        if theirs != mine:
            raise CheckpointError(
                f"{path} was saved from other networks or optimizers ({name} was {theirs} and is "
                f"{mine}, which can't go on from its moments); build the same one, or take the "
                "networks alone: load(path, networks_only=True)"
            )
        pairs = zip(settings_of(optimizer), state[name]["param_groups"], strict=True)
        groups = [{**own, "params": saved["params"]} for own, saved in pairs]
        optimizer.load_state_dict({**state[name], "param_groups": groups})
    for scaler, name in ((run.scaler_g, "scaler_g"), (run.scaler_d, "scaler_d")):
        if scaler.is_enabled() and state.get(name):
            scaler.load_state_dict(state[name])
    run.history = History(*(state[name].cpu() for name in ("d_loss", "g_loss", "penalty")))
    if len(state["rng"]) == len(run.rng.get_state()):
        run.rng.set_state(state["rng"].cpu())
        if "augment_rng" in state:
            run.augment_rng.set_state(state["augment_rng"].cpu())
    else:
        warn(
            f"{path} was saved on another kind of device, whose random numbers {run.device} "
            "can't go on with; fine for samples, but a resumed run will draw other batches",
        )
    torch.set_rng_state(state["torch_rng"].cpu())
    if state.get("cuda_rng") is not None and run._cuda:
        torch.cuda.set_rng_state(state["cuda_rng"].cpu(), run.device)
    run.step, run._done, run._pending = state["step"], state["step"], []
    run._averaged = state.get("averaged", run.step)
    # A schedule of the file's is this trainer's business only if both have one.
    has_schedule = settings.get("schedule", True)
    run.total = state.get("total") if has_schedule else None


def differences(run: GANTrainer, state: dict[str, Any], data: bool = False) -> str:
    """In words, how the settings (and data) of a file are not this trainer's; or nothing."""
    theirs = state.get("settings")
    if theirs is None:
        return "was saved by an earlier version, which kept no settings to compare with"
    parts = [
        f"{name} was {theirs[name]!r} and is {mine!r}"
        for name, mine in run.settings.items()
        if name in theirs and theirs[name] != mine
    ]
    if data and state.get("data") not in (None, run._data):
        parts.append("the data are others")
    return f"was saved with other settings: {'; '.join(parts)}" if parts else ""


def begin(run: GANTrainer, path: Path, steps: int, fresh: bool) -> None:
    """Take the file for this run, and go on from what it holds if that is ahead."""
    previous, name = checkpoints.beside(path, ".prev"), path.name
    if run.rank == 0:
        run._lock = Lock(path)
        run._lock.take()
        checkpoints.recover(path)
        forgotten = previous.exists() and not path.exists() and run.step == 0
        if fresh or (not path.exists() and run.step == 0):
            checkpoints.set_aside(path)  # or .prev would be gone after two saves
        if forgotten and not fresh:
            warn(
                f"{path} is not there, so the run begins anew; the save before it, {name}.prev, "
                f"is not used and now called {name}.old (to go on from it, call it {name})",
            )
    if not path.exists():
        return
    try:
        state, torn = checkpoints.read(path, run.device), None
    except TornError as error:
        if not previous.exists():
            raise
        state, torn = checkpoints.read(previous, run.device), error
    if state["step"] > run.step:
        saved = state.get("settings") or {}
        check_schedule(run.schedule and saved.get("schedule", True), state.get("total"), steps)
        take_over(run, state, path if torn is None else previous)
        different = differences(run, state, data=True)
        if different and run.step >= steps:
            warn(
                f"{path} {different}. IT IS FINISHED ({run.step} steps): nothing was trained "
                f"now, and what you get is that run. {ANEW.format(name)}",
            )
        elif different:
            warn(
                f"{path} {different}. This trainer's are used from step {run.step + 1} on. "
                f"{ANEW.format(name)}",
            )
    if torn is not None and run.rank == 0:
        # Out of the way, or the next save would put it over the good one.
        os.replace(path, checkpoints.beside(path, ".torn"))
        os.replace(previous, checkpoints.actual(path))
        warn(f"{torn}; going on from {previous}")


def _bare(name: str) -> str:
    """A weight's name without what torch.compile puts into it."""
    return re.sub(r"(^|\.)_orig_mod(?=\.|$)", "", name).lstrip(".")


def _state_of(net: nn.Module) -> dict[str, Any]:
    state = net.state_dict()
    bare = type(state)((_bare(name), value) for name, value in state.items())
    versions = getattr(state, "_metadata", {})
    bare._metadata = {_bare(name): value for name, value in versions.items()}  # type: ignore[attr-defined]
    return bare


def _load_into(net: nn.Module, saved: dict[str, Any], player: str, path: Path) -> None:
    names = {_bare(name): name for name in net.state_dict()}
    state = _state_of(net)
    theirs = type(state)((_bare(name), value) for name, value in saved.items())

    def form(value: Any) -> str:
        return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else ""

    wrong = [f"{name} is only in the file" for name in theirs.keys() - state.keys()]
    wrong += [f"{name} is not in the file" for name in state.keys() - theirs.keys()]
    for name in state.keys() & theirs.keys():
        if form(state[name]) != form(theirs[name]):
            wrong.append(f"{name} is {form(theirs[name])} there and {form(state[name])} here")
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise CheckpointError(
            f"{path} was saved from other networks ({player}: {sorted(wrong)[0]}{more}); build the "
            "same ones, or choose another checkpoint file"
        )
    renamed = type(state)((names[name], value) for name, value in theirs.items())
    if names.keys() == set(names.values()) and hasattr(saved, "_metadata"):
        renamed._metadata = saved._metadata  # type: ignore[attr-defined]
    net.load_state_dict(renamed)
