"""The alternating loop: ``n_critic`` steps for the discriminator, one for the generator, repeat.

:class:`GANTrainer` is chapter 2's fifteen lines plus what a long run needs: penalties, an average
of the generator's weights (EMA), learning-rate decay, checkpoints that survive a kill, and a stop
when a loss is no longer finite. It keeps the hot path clean:

- fakes for the discriminator's step are made under ``no_grad`` (no graph through the generator);
- the discriminator's parameters are frozen in the generator's step (no gradients nobody uses);
- losses stay on the device until a hundred of them are fetched at once (no ``.item()`` a step);
- data are one tensor on the device, indexed (no worker processes, no copies), labels beside it;
- on a GPU networks for images work in channels-last layout, which convolutions there are fastest in.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import _resume, checkpoints, losses, penalties
from ._batches import batches, check_labels
from ._names import renamed
from ._numbers import real as a_number
from ._numbers import whole
from ._paths import given_path
from ._settings import (
    BELOW_1,
    average_of,
    channels_last,
    check_schedule,
    common_type,
    number_of_classes,
    pair,
    size_of_latent,
    trainable,
    when,
)
from ._state import Kept, modes_of, nets_of, scalers_of, soundness, what_is_unsound
from ._warn import warn
from .checkpoints import CheckpointError, Lock, run_folder
from .history import FLUSH, DivergedError, History
from .scaling import Processes

__all__ = ["CheckpointError", "DivergedError", "GANTrainer", "History", "run_folder"]

AMP = {None: None, "bf16": torch.bfloat16, "fp16": torch.float16}


class GANTrainer:
    """Trains a generator against a discriminator by alternating steps.

    A generator with an attribute ``num_classes`` makes the run conditional: both networks take the
    labels ``y (N,)`` as a second argument, real and generated samples of a step share them, and
    penalties are gradients with respect to ``x`` at fixed ``y``.

    Parameters with ``requires_grad=False`` stay as they are (a frozen layer of a pre-trained
    discriminator). Latents and data are given to the networks in the generator's own type, float32
    as a rule. Numbers may be Python's, numpy's or torch's.

    Args:
        generator: ``z (N, nz) -> x (N, ...)``, with the attribute ``nz``; or ``(z, y) -> x``.
        discriminator: ``x (N, ...) -> logits (N,)``; or ``(x, y) -> logits``.
        loss: a name in :data:`gancourse.losses.LOSSES`, or a ``GANLoss``.
        n_critic: discriminator steps for each generator step.
        lr: learning rates ``(generator, discriminator)``, or one number for both.
        betas: Adam's, for both players.
        batch_size: samples a step, of each kind.
        r1, r2: gamma of the gradient penalty on real / on generated samples (``gamma / 2
            * E|grad|^2``).
        gp: lambda of WGAN-GP's penalty between real and generated samples (target 1, two-sided).
        weight_clip: bound that the discriminator's weights are clamped to after each of its steps
            (of weights: gradients are never clipped).
        ema: decay of the running average of the generator's weights, e.g. 0.999. Buffers
            (BatchNorm's statistics) are copied, not averaged. ``sample`` then uses the average.
        schedule: of both learning rates over a ``fit``: None, ``"linear"`` (constant for the first
            half, then straight to 0) or ``"cosine"``.
        amp: None, or the half precision that the networks' passes run in, ``"bf16"`` or ``"fp16"``
            (with a loss scaler for each player). Weights, losses and whatever a penalty
            differentiates stay in float32.
        accumulate: number of parts that a batch goes through the networks in, for batches that
            don't fit. The gradient is that of the whole batch, but BatchNorm, where there is one,
            sees a part at a time.
        seed: of everything the trainer draws (batches, latents, mixing weights).
        device: None: CUDA if there is one, else the CPU. (Apple's ``"mps"`` when asked for: not
            tested here, and at the size of most chapters slower than the CPU.)
        accelerator: an ``accelerate.Accelerator``, to share each step between several processes
            (see :meth:`fit`). It then brings the device.

    Raises:
        ValueError: naming the argument that is out of range, or the network that can't be trained.

    Attributes:
        step: generator steps done. history: a :class:`History`. ema: the averaged generator,
            or None.
    """

    @renamed(decay="schedule", clip="weight_clip")
    @torch.inference_mode(False)
    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        loss: str | losses.GANLoss = "nonsaturating",
        n_critic: int = 1,
        lr: float | tuple[float, float] = 1e-3,
        betas: tuple[float, float] = (0.5, 0.999),
        batch_size: int = 128,
        r1: float = 0.0,
        r2: float = 0.0,
        gp: float = 0.0,
        weight_clip: float | None = None,
        ema: float | None = None,
        schedule: str | None = None,
        amp: str | None = None,
        accumulate: int = 1,
        seed: int = 0,
        device: str | torch.device | None = None,
        accelerator: Any = None,
    ):
        self.loss = losses.get(loss)
        self.nz = whole("generator.nz", size_of_latent(generator))
        self.num_classes: int | None = number_of_classes(generator, discriminator)
        self.n_critic = whole("n_critic", n_critic)
        self.batch_size = whole("batch_size", batch_size)
        self.accumulate = whole("accumulate", accumulate)
        self.lr = pair("lr", lr, "a positive number, or two (generator, discriminator)", above=0)
        self.betas = pair("betas", betas, "two numbers in [0, 1)", least=0, most=BELOW_1)
        self.r1 = a_number("r1", r1, "0 or more", least=0)
        self.r2 = a_number("r2", r2, "0 or more", least=0)
        self.gp = a_number("gp", gp, "0 or more", least=0)
        need = "None or a positive bound"
        self.weight_clip = (
            None if weight_clip is None else a_number("weight_clip", weight_clip, need, above=0)
        )
        need = "None or a number in [0, 1), e.g. 0.999"
        self.ema_decay = None if ema is None else a_number("ema", ema, need, least=0, most=BELOW_1)
        for name, value, known in (
            ("schedule", schedule, (None, "linear", "cosine")),
            ("amp", amp, tuple(AMP)),
        ):
            if not (value is None or isinstance(value, str)) or value not in known:
                raise ValueError(f"{name}={value!r}; need None, {known[1]!r} or {known[2]!r}")
        self.schedule, self.amp = schedule, amp
        self.seed = whole("seed", seed, least=-(2**63), most=2**64 - 2)
        self.processes = Processes(accelerator, device)
        self.accelerator, self.device = accelerator, self.processes.device
        self.rank, self.world = self.processes.rank, self.processes.world
        if self.batch_size % (self.accumulate * self.world):
            raise ValueError(
                f"batch_size={self.batch_size} can't be cut into accumulate={self.accumulate} equal "
                "parts" + (f" in each of {self.world} processes" if accelerator else "")
            )
        self._cuda = self.device.type == "cuda"
        self.dtype = common_type(generator, discriminator)
        self.generator = generator.to(self.device)
        self.discriminator = discriminator.to(self.device)
        if self._cuda:
            channels_last(generator, discriminator)
        self._g, self._d = self.processes.prepare(generator, discriminator)
        self.ema = None if self.ema_decay is None else average_of(generator, self.ema_decay)
        # fused: one kernel for all parameters instead of a Python loop over them.
        self.optimizer_g, self.optimizer_d = (
            torch.optim.Adam(net.parameters(), rate, self.betas, fused=True)
            for net, rate in zip((generator, discriminator), self.lr, strict=True)
        )
        # Small fp16 gradients would round to 0: each player's loss is scaled up before its backward
        # pass and the gradients down after it. A step whose gradients overflow is left out and the
        # scale halved. (Disabled, a scaler hands everything through.)
        self.scaler_g, self.scaler_d = scalers_of(self)
        self.rng = torch.Generator(self.device).manual_seed(self.seed)
        self.step = 0
        self.total: int | None = None  # steps of the learning-rate schedule
        self.history = History()
        self._d_parameters = list(discriminator.parameters())
        self._g_parameters: list[Tensor] = list(generator.parameters())
        self._frozen: list[Tensor] = []  # of the discriminator, while the generator's step runs
        self._pending: list[tuple[Tensor, Tensor]] = []  # losses that are still on the device
        self._data: str | None = None  # which data the last fit saw
        # A step that has begun and not ended is taken back, to what was kept between two steps.
        self._open, self._kept = False, None  # type: bool, Kept | None
        self._done = -1  # the step after which file and callback have had their turn
        self._lock: Lock | None = None
        self._unsaved = False

    # --- one step of each player ------------------------------------------------------------------

    def latent(self, n: int) -> Tensor:
        """Draw ``z (n, nz)``, standard normal, from the trainer's own random stream."""
        z = torch.randn(
            n * self.world, self.nz, generator=self.rng, device=self.device, dtype=self.dtype
        )
        return self.processes.share(z)

    @torch.inference_mode(False)  # and gradients on, whatever the session's mode
    def d_step(self, real: Tensor, labels: Tensor | None = None) -> Tensor:
        """One discriminator step on real samples ``(N, ...)`` and as many new generated ones.

        In a conditional run the generated samples are of the same ``labels (N,)``. Returns the
        loss, a scalar on the device. The generator is left as it is.
        """
        self._check_labelled(labels)
        self._thaw()
        learning = trainable(self._d_parameters, "discriminator")
        z = self.latent(len(real))
        mix = None
        if self.gp:  # one weight a sample
            shape = (len(real) * self.world,) + (1,) * (real.ndim - 1)
            mix = torch.rand(shape, generator=self.rng, device=self.device, dtype=real.dtype)
            mix = self.processes.share(mix)
        self.optimizer_d.zero_grad()
        done: list[Tensor] = []
        for part in self._parts(real, labels, z, mix):
            with self.processes.averaging(self._d, last=len(done) == self.accumulate - 1):
                done.append(self._backward(part, learning))
        self._update(self.optimizer_d, self.scaler_d)
        if self.weight_clip is not None:
            penalties.clip_weights_(nn.ParameterList(learning), self.weight_clip)
        return _total(done)

    def _backward(self, part: Any, learning: list[Tensor]) -> Tensor:
        try:
            loss = self._d_loss(*part) / self.accumulate
            # Not .backward(): that would go on to the penalised samples, which are leaves too.
            torch.autograd.backward(self.scaler_d.scale(loss), inputs=learning)
        except RuntimeError as error:
            if "double backward" not in str(error) and "donated buffer" not in str(error):
                raise
            raise ValueError(
                "discriminator is compiled, and r1, r2 and gp differentiate its gradient once more, "
                "which torch.compile can't; give GANTrainer the discriminator as it was before "
                "torch.compile (the generator may stay compiled), or leave the penalties out"
            ) from error
        return loss

    def _d_loss(self, real: Tensor, y: Tensor | None, z: Tensor, mix: Tensor | None) -> Tensor:
        fake = self._generate_only(z, y)
        if self.r1:
            real = real.detach().requires_grad_()
        if self.r2:
            fake.requires_grad_()
        real_logits = self._pass(self._d, real, y, exact=self.r1 > 0)
        fake_logits = self._pass(self._d, fake, y, exact=self.r2 > 0)
        loss = self.loss.discriminator(real_logits, fake_logits)
        if self.r1:  # from the logits just computed: no second pass through the network
            gradient = penalties.input_gradient(real_logits, real)
            loss = loss + self.r1 / 2 * gradient.square().sum(1).mean()
        if self.r2:
            gradient = penalties.input_gradient(fake_logits, fake)
            loss = loss + self.r2 / 2 * gradient.square().sum(1).mean()
        if self.gp:
            judge = partial(self._pass, self._d, y=y, exact=True)
            loss = loss + self.gp * penalties.gradient_penalty(judge, real, fake, mix=mix)
        return loss

    @torch.inference_mode(False)
    def g_step(self, n: int, real: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """One generator step on ``n`` new generated samples, in a conditional run of the given
        ``labels (n,)``; ``real`` (of the same labels) only for paired losses.

        Returns the loss, a scalar on the device. The discriminator is left as it is.
        """
        self._check_labelled(labels)
        self._thaw()
        trainable(self._g_parameters, "generator")
        # Noted before they are frozen: whatever interrupts the step, they are found again.
        self._frozen = [p for p in self._d_parameters if p.requires_grad]
        try:
            for parameter in self._frozen:  # its gradients would be computed and thrown away
                parameter.requires_grad_(False)
            self.optimizer_g.zero_grad()
            done: list[Tensor] = []
            for z, x, y in self._parts(self.latent(n), real, labels):
                with self.processes.averaging(self._g, last=len(done) == self.accumulate - 1):
                    fake = self._pass(self._g, z, y)
                    fake_logits = self._pass(self.discriminator, fake, y)
                    real_logits = self._pass(self.discriminator, x, y) if x is not None else None
                    done.append(self.loss.generator(fake_logits, real_logits) / self.accumulate)
                    self.scaler_g.scale(done[-1]).backward()
            self._update(self.optimizer_g, self.scaler_g)
        finally:
            self._thaw()
        if self.ema is not None:
            self._update_ema()
        return _total(done)

    def _thaw(self) -> None:
        for parameter in self._frozen:
            parameter.requires_grad_(True)
        self._frozen = []

    @torch.no_grad()  # the generator is not trained in the other's step: no graph through it
    def _generate_only(self, z: Tensor, y: Tensor | None) -> Tensor:
        return self._pass(self.generator, z, y)

    def _pass(self, net: nn.Module, x: Tensor, y: Tensor | None, exact: bool = False) -> Tensor:
        """Samples or logits. ``exact``: in float32 under ``amp`` too, for what a penalty
        differentiates. A penalty is a *squared gradient*, differentiated once more: fp16 ends at
        65504 and loses digits below 6e-5, so a gradient of 300 already overflows when squared and
        one of 1e-4 vanishes; bf16 has the range, but 3 significant digits for a double derivative.
        """
        inputs = (x,) if y is None else (x, y)
        if self.amp is None:
            return net(*inputs)
        half = torch.autocast(self.device.type, AMP[self.amp], enabled=not exact)
        return half(_call)(net, *inputs).float()

    def _parts(self, *batches: Tensor | None) -> Iterator[Any]:
        """The batches cut into ``accumulate`` equal parts, side by side (None stays None)."""
        n = max(len(batch) for batch in batches if batch is not None)
        if n % self.accumulate:
            raise ValueError(f"{n} samples can't be cut into accumulate={self.accumulate} parts")
        k = self.accumulate
        return zip(*([None] * k if b is None else b.chunk(k) for b in batches), strict=True)

    def _update(self, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        scaler.step(optimizer)
        scaler.update()

    def _check_labelled(self, labels: Tensor | None) -> None:
        if (labels is None) != (self.num_classes is None):
            raise ValueError(
                f"labels are {'missing' if labels is None else 'given'}, but generator.num_classes "
                f"is {self.num_classes}"
            )

    @torch.no_grad()
    def _update_ema(self) -> None:
        assert self.ema is not None and self.ema_decay is not None
        average: list[Tensor] = list(self.ema.parameters())
        torch._foreach_lerp_(average, self._g_parameters, 1 - self.ema_decay)
        for mine, theirs in zip(self.ema.buffers(), self.generator.buffers(), strict=True):
            mine.copy_(theirs)

    # --- the loop ---------------------------------------------------------------------------------

    @renamed(every="save_every")
    def fit(
        self,
        data: Any,
        steps: int,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        save_every: int = 1000,
        callback: Callable[[GANTrainer], object] | None = None,
        callback_steps: Iterable[float] | None = None,
        progress: bool | None = None,
        fresh: bool = False,
        minutes: float | None = None,
    ) -> History:
        """Train until ``steps`` generator steps have been done in all.

        Calling again with the same number does nothing; with a larger one it goes on. With a
        ``checkpoint`` file, a run that was cut off resumes from it and ends bit for bit where an
        uninterrupted one ends (same machine and versions; on a GPU: with deterministic kernels).
        The same holds after an interrupt in a living session: the step that was cut in two, and at
        most two seconds or a hundred steps before it, are taken back, and the next ``fit`` repeats
        them. (What cannot be taken back: anything that a network or the data keep outside of
        parameters and buffers.)

        The file brings weights, the optimizers' moments, random numbers, step and history.
        Settings are the trainer's own; where they are not those that the file was written with, a
        warning names them.

        With an ``accelerator``, call it in every process with the same arguments, on a trainer with
        the same seed: each works on its part of every batch (``batch_size`` is that of all together)
        and gradients are averaged, so that the run is a single process's, up to rounding. BatchNorm
        sees a process's part at a time. Only the main process writes the checkpoint, all read it.

        Args:
            data: samples ``(N, ...)`` as a float tensor or array, an ``ImageSet``, or anything with
                ``.sample(n, generator=...)``. Images must lie in [-1, 1]. A conditional run needs
                labels: an ``ImageSet``, or ``(samples, labels (N,))``. Data of another float type
                than the networks' are converted.
            steps: generator steps in all.
            checkpoint: file to resume from if it is there, and to save to. A save that fails is
                told and tried again; a file that another run is writing is refused.
            save_every: steps between two saves. The save before the last is kept as ``<name>.prev``.
            callback: called with the trainer after each step listed in ``callback_steps`` (0:
                before the first), in any order; without a list, after every 100th and the last.
            progress: show a progress bar. None: in a live session yes, in a book build no.
            fresh: begin anew, whatever file is there; it is renamed to ``<name>.old``.
            minutes: stop between two steps after so long, with a save if there is a ``checkpoint``;
                the next ``fit`` with the same ``steps`` goes on. For a run that is longer than a
                session. Not for several processes: their clocks differ.

        Raises:
            ValueError: for bad steps or data, or nets that don't fit together or the data.
            OSError: for a checkpoint path that can't be written, before any training.
            CheckpointError: for a file that another run wrote, or is writing.
            DivergedError: when a loss or weight is no longer finite. The file on disk stays good.
        """
        steps, save_every = whole("steps", steps, 0), whole("save_every", save_every)
        wanted = when(callback, callback_steps, steps)
        if minutes is not None:
            minutes = a_number("minutes", minutes, "None or a positive number", above=0)
            if self.world > 1:
                raise ValueError(f"minutes={minutes} with {self.world} processes; leave it out")
        if callback is not None and not torch.is_grad_enabled():
            callback = torch.no_grad()(callback)  # it sees the session's mode
        path = None if checkpoint is None else given_path(checkpoint, "checkpoint")
        if fresh and self.step:
            raise ValueError(
                f"fresh=True, but this trainer has done {self.step} steps; to begin anew build the "
                "networks and the trainer again, to go on leave fresh=True out"
            )
        bar = _bar(self.step, steps, progress if self.rank == 0 else False)
        self._modes = modes_of(*nets_of(self))
        try:
            try:
                self._fit(data, steps, path, save_every, callback, wanted, bar, fresh, minutes)
            finally:
                self._settle(bar)
        finally:  # once more: the interrupt may have come in the midst of settling
            self._settle(bar)
        return self.history

    @torch.inference_mode(False)
    def _fit(
        self,
        data: Any,
        steps: int,
        path: Path | None,
        save_every: int,
        callback: Callable[[GANTrainer], object] | None,
        wanted: set[int],
        bar: Any,
        fresh: bool,
        minutes: float | None,
    ) -> None:
        end = math.inf if minutes is None else time.monotonic() + 60 * minutes
        if self._open:
            self._take_back()
        self._thaw()  # after a g_step of the caller's own that was cut off
        draw = batches(self, data)
        if path is not None:
            checkpoints.check_writable(path)
            with self.processes.main_first():
                _resume.begin(self, path, steps, fresh)
            self.processes.check_in_step(self.step, path)
        check_schedule(self.step and self.schedule, self.total, steps)
        self.total, self._unsaved = steps, False
        if self.step >= steps and (self.step == 0 or self._done >= self.step):
            return
        self.generator.train()
        self.discriminator.train()
        self._modes = modes_of(*nets_of(self))
        bar.update(self.step - bar.n)
        self._keep()
        while True:
            over = self.step >= steps or time.monotonic() >= end
            if self._done < self.step:  # of the last step, or of one before an interrupt
                self._after_a_step(over, path, save_every, callback, wanted, bar)
            if over:
                return
            self._open = True
            self._set_learning_rates()
            for _ in range(self.n_critic):
                d_loss = self.d_step(*draw())
            g_loss = self.g_step(self.batch_size // self.world, **self._for_generator(draw))
            self._pending.append((d_loss, g_loss))
            self.step += 1
            self._open = False

    def _after_a_step(
        self,
        last: bool,
        path: Path | None,
        save_every: int,
        callback: Callable[[GANTrainer], object] | None,
        wanted: set[int],
        bar: Any,
    ) -> None:
        save = path is not None and self.step > 0 and (last or self.step % save_every == 0)
        call = callback is not None and self.step in wanted
        # (Processes must meet at the same steps: there the clock has no say.)
        late = self.world == 1 and self._kept is not None and time.monotonic() > self._kept.until
        if not (save or call or last or late or len(self._pending) == FLUSH):
            self._done = self.step
            return
        self._flush(path, bar)
        if save and path is not None:
            _resume.save_if_possible(self, path, last)
        # One line: no interrupt can come between the call and the note that it is done.
        self._done = (callback(self) if call and callback is not None else None, self.step)[1]
        self.generator.train()
        self.discriminator.train()
        self._keep()

    def _keep(self) -> None:
        self._kept = None  # its memory first
        self._kept = Kept(self)

    def _take_back(self) -> None:
        """From the midst of a step to what was kept between two; cut off, it can be done again."""
        assert self._kept is not None
        self._kept.give_back(self)
        self._open = False

    @torch.inference_mode(False)
    def _settle(self, bar: Any) -> None:
        """What holds after a ``fit``, however it ended: a consistent state, and nothing held."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        if self._open:
            self._take_back()
        if self._pending:  # what was measured is kept
            self._record(alone=True)  # (the other processes may be gone)
        self._thaw()
        for module, mode in self._modes:
            module.training = mode
        self._kept = None
        bar.close()

    def sample(
        self,
        n: int,
        generator: torch.Generator | None = None,
        labels: int | Sequence[int] | Tensor | None = None,
    ) -> Tensor:
        """Generate ``(n, ...)`` from the averaged generator if there is one, in evaluation mode.

        Without ``generator`` the latents are the same at every call, so that pictures taken through
        training can be compared; training's own random stream is not touched either way. Another
        ``n`` is another draw: ``sample(1)`` need not be the first of ``sample(64)``.

        Args:
            n: how many.
            generator: draws the latents.
            labels: ``(n,)``, or one label for all; None: 0, 1, 2, ... over and over. Conditional
                runs only.

        Raises:
            ValueError: for n < 1, or labels that don't fit.
        """
        n = whole("n", n)
        net = self.ema if self.ema is not None else self.generator
        rng = generator or torch.Generator(self.device).manual_seed(self.seed + 1)
        z = torch.randn(n, self.nz, generator=rng, device=rng.device, dtype=self.dtype)
        batches = [z.to(self.device)]
        if self.num_classes is not None:
            y = torch.arange(n, device="cpu") % self.num_classes
            if labels is not None:
                y = torch.as_tensor(labels, device="cpu")
                y = y if y.is_floating_point() else y.long()
            y = y.expand(n) if y.ndim == 0 else y
            check_labels(y, n, self.num_classes)
            batches.append(y.to(self.device))
        elif labels is not None:
            raise ValueError("labels are given, but the generator has no num_classes")
        modes = modes_of(net)
        net.eval()
        try:
            with torch.no_grad():
                return torch.cat([net(*chunk) for chunk in zip(*(b.split(4096) for b in batches))])
        finally:
            for module, mode in modes:
                module.training = mode

    def _for_generator(self, draw: Callable[[], tuple[Tensor, ...]]) -> dict[str, Tensor]:
        """What a generator's step needs of the data: labels, real samples to pair with, or none."""
        if not self.loss.pairs and self.num_classes is None:
            return {}
        batch = dict(zip(("real", "labels"), draw()))
        return batch if self.loss.pairs else {"labels": batch["labels"]}

    def _set_learning_rates(self) -> None:
        if self.schedule is None or self.total is None:
            return
        progress = self.step / self.total
        if self.schedule == "linear":
            factor = min(1.0, 2 * (1 - progress))
        else:
            factor = (1 + math.cos(math.pi * progress)) / 2
        for optimizer, lr in zip((self.optimizer_g, self.optimizer_d), self.lr, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr * factor

    def _record(self, alone: bool = False) -> tuple[Tensor, bool]:
        """Fetch the losses that are still on the device, and whether the weights are finite."""
        values = [loss.float() for pair in self._pending for loss in pair]
        fetched = torch.stack([*values, soundness(self)])
        fetched = (fetched if alone else self.processes.mean(fetched)).cpu()
        new = fetched[:-1].view(-1, 2)
        h = self.history
        d, g = torch.cat([h.d_loss, new[:, 0]]), torch.cat([h.g_loss, new[:, 1]])
        h.d_loss, h.g_loss, self._pending = d, g, []  # one line, one state: see _take_back
        return new, bool(fetched[-1] >= 0)

    def _flush(self, path: Path | None, bar: Any) -> None:
        new, sound = self._record()
        good = path if path is not None and path.exists() else None
        finite = new.isfinite().all(1)
        if not finite.all():
            step = self.step - len(new) + 1 + int(finite.logical_not().nonzero()[0])
            raise DivergedError(step, good)
        # A finite loss can have a gradient that is not (the square root of a variance of 0).
        if not sound:
            raise DivergedError(self.step, good, what_is_unsound(self))
        # fp16 leaves out steps whose gradients overflow; a loss can stay finite while none is taken
        if self.amp == "fp16" and min(s.get_scale() for s in (self.scaler_g, self.scaler_d)) < 1e-6:
            raise DivergedError(self.step, good, "no gradient was finite for dozens of steps")
        bar.update(self.step - bar.n)
        if len(new):
            text = f"D {new[-1, 0]:.3f}  G {new[-1, 1]:.3f}"
            if not getattr(bar, "disable", True) and bar.format_dict["rate"]:
                text += f"  {bar.format_dict['rate'] * self.batch_size:,.0f} samples/s"
            bar.set_postfix_str(text, refresh=False)

    # Their names before the second edition.
    clip = property(lambda self: self.weight_clip)
    decay = property(lambda self: self.schedule)

    # --- checkpoints ------------------------------------------------------------------------------

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for, by the names of the arguments; a checkpoint holds it too."""
        names = (
            "n_critic",
            "lr",
            "betas",
            "batch_size",
            "r1",
            "r2",
            "gp",
            "weight_clip",
            "schedule",
        )
        mine = {name: getattr(self, name) for name in (*names, "amp", "accumulate", "seed")}
        return {"loss": self.loss.name, "ema": self.ema_decay, **mine}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything a run needs to go on: nets, EMA, optimizers, history, random state; and
        the settings, so that a run that goes on with others can say so.

        The file is written beside ``path``, flushed to disk and renamed, so a kill at any moment
        leaves a whole file; the save before is kept as ``<name>.prev``. With an ``accelerator``
        call it in every process: the main one writes, the others wait for it.

        Raises:
            OSError: when the folder can't be written.
            CheckpointError: when another run is writing this file.
            DivergedError: when a weight is not finite; no file is touched.
        """
        path = given_path(path)
        if self._open:
            self._take_back()
        if soundness(self) < 0:
            raise DivergedError(self.step, path if path.exists() else None, what_is_unsound(self))
        mine = self._lock is not None and self._lock.held
        if self.rank or (mine and checkpoints.beside(path, ".lock") == self._lock.name):  # type: ignore[union-attr]
            _resume.write(self, path)
            return
        lock = Lock(path)
        try:
            lock.take()
            checkpoints.recover(path)
            _resume.write(self, path)
        finally:
            lock.release()

    def load(self, path: str | os.PathLike[str], *, networks_only: bool = False) -> None:
        """Take over the state saved at ``path``; nothing is unpickled (``weights_only=True``).

        Settings (learning rates and all other arguments) stay this trainer's; a warning names those
        that the file was written with if they differ.

        Args:
            path: the file.
            networks_only: take the weights and their average and nothing else, to begin a run of
                its own (fine-tuning): step 0, new optimizers, its own schedule.

        Raises:
            FileNotFoundError: if there is no such file.
            CheckpointError: if it is torn or altered, or belongs to other networks. The trainer
                is then as it was.
        """
        path = given_path(path)
        state = checkpoints.read(path, self.device)
        _resume.take_over(self, state, path, networks_only)
        different = _resume.differences(self, state)
        if different and not networks_only:
            warn(f"{path} {different}. This trainer's are used from here on")


def _total(parts: list[Tensor]) -> Tensor:
    return (parts[0] if len(parts) == 1 else torch.stack(parts).sum()).detach()


def _call(net: nn.Module, *inputs: Tensor) -> Tensor:
    return net(*inputs)


def _bar(done: int, total: int, progress: bool | None) -> Any:
    from tqdm.auto import tqdm

    if progress is None:
        progress = os.environ.get("GANCOURSE_STATIC") != "1"
    return tqdm(initial=done, total=total, unit="step", disable=not progress, leave=False)
