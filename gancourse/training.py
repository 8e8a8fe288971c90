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

import copy
import math
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import checkpoints, losses, penalties
from ._numbers import real as a_number
from ._numbers import whole
from ._paths import given_path
from .checkpoints import ANEW, CheckpointError, Lock, TornError

FLUSH = 100  # steps between two looks at the losses: one device synchronisation each
KEEP = 2.0  # seconds of work that an interrupt may cost: at least so often the state is copied
DRIVE = Path("/content/drive/MyDrive")  # where Colab mounts Google Drive
BELOW_1 = math.nextafter(1.0, 0.0)
AMP = {None: None, "bf16": torch.bfloat16, "fp16": torch.float16}


class DivergedError(RuntimeError):
    """A loss or a weight was not finite: ``step`` says where, ``checkpoint`` which file holds a good
    state."""

    def __init__(
        self, step: int, checkpoint: Path | None, what: str = "the loss became non-finite"
    ):
        self.step, self.checkpoint = step, checkpoint
        kept = f"the last good state is in {checkpoint}" if checkpoint else "no checkpoint was kept"
        super().__init__(
            f"{what} at step {step}; {kept}. Usual remedies: a lower learning "
            "rate, beta1 = 0, an R1 penalty, logits instead of log(sigmoid)"
        )


def _no_losses() -> Tensor:
    return torch.empty(0, dtype=torch.float32, device="cpu")


@dataclass
class History:
    """Losses by generator step, each ``(steps,)`` on the CPU (``d_loss``: the last critic step's,
    with its penalties)."""

    d_loss: Tensor = field(default_factory=_no_losses)
    g_loss: Tensor = field(default_factory=_no_losses)

    def __len__(self) -> int:
        return len(self.d_loss)


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
        clip: bound that the discriminator's weights are clamped to after each of its steps.
        ema: decay of the running average of the generator's weights, e.g. 0.999. Buffers
            (BatchNorm's statistics) are copied, not averaged. ``sample`` then uses the average.
        decay: of both learning rates over a ``fit``: None, ``"linear"`` (constant for the first
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
        clip: float | None = None,
        ema: float | None = None,
        decay: str | None = None,
        amp: str | None = None,
        accumulate: int = 1,
        seed: int = 0,
        device: str | torch.device | None = None,
        accelerator: Any = None,
    ):
        self.loss = losses.get(loss)
        self.nz = whole("generator.nz", _nz(generator))
        self.num_classes: int | None = _number_of_classes(generator, discriminator)
        self.n_critic = whole("n_critic", n_critic)
        self.batch_size = whole("batch_size", batch_size)
        self.accumulate = whole("accumulate", accumulate)
        self.lr = _pair("lr", lr, "a positive number, or two (generator, discriminator)", above=0)
        self.betas = _pair("betas", betas, "two numbers in [0, 1)", least=0, most=BELOW_1)
        self.r1 = a_number("r1", r1, "0 or more", least=0)
        self.r2 = a_number("r2", r2, "0 or more", least=0)
        self.gp = a_number("gp", gp, "0 or more", least=0)
        need = "None or a positive bound"
        self.clip = None if clip is None else a_number("clip", clip, need, above=0)
        need = "None or a number in [0, 1), e.g. 0.999"
        self.ema_decay = None if ema is None else a_number("ema", ema, need, least=0, most=BELOW_1)
        for name, value, known in (
            ("decay", decay, (None, "linear", "cosine")),
            ("amp", amp, tuple(AMP)),
        ):
            if not (value is None or isinstance(value, str)) or value not in known:
                raise ValueError(f"{name}={value!r}; need None, {known[1]!r} or {known[2]!r}")
        self.decay, self.amp = decay, amp
        self.seed = whole("seed", seed, least=-(2**63), most=2**64 - 2)
        self.accelerator = accelerator
        self.rank, self.world = 0, 1  # this process, and how many share a step
        if accelerator is not None:
            _check_accelerator(accelerator, device)
            self.rank, self.world = accelerator.process_index, accelerator.num_processes
            # Processes on a CPU are given cpu:0, cpu:1, ...; torch.load knows only one.
            device = "cpu" if accelerator.device.type == "cpu" else accelerator.device
        if self.batch_size % (self.accumulate * self.world):
            raise ValueError(
                f"batch_size={self.batch_size} can't be cut into accumulate={self.accumulate} equal "
                "parts" + (f" in each of {self.world} processes" if accelerator else "")
            )
        default = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(default if device is None else device)
        self._cuda = self.device.type == "cuda"
        self.dtype = _check_players(generator, discriminator)
        self.generator = generator.to(self.device)
        self.discriminator = discriminator.to(self.device)
        if self._cuda:
            _channels_last(generator, discriminator)
        # What each player is called through in its own step: under Accelerate a wrapper that hands
        # out rank 0's weights once and from then on averages gradients in the backward pass.
        self._g: nn.Module = generator
        self._d: nn.Module = discriminator
        if accelerator is not None:
            self._g, self._d = _prepare(accelerator, generator, discriminator)
        self.ema = None if self.ema_decay is None else _average_of(generator, self.ema_decay)
        # fused: one kernel for all parameters instead of a Python loop over them.
        self.optimizer_g, self.optimizer_d = (
            torch.optim.Adam(net.parameters(), rate, self.betas, fused=True)
            for net, rate in zip((generator, discriminator), self.lr, strict=True)
        )
        # Small fp16 gradients would round to 0: each player's loss is scaled up before its backward
        # pass and the gradients down after it. A step whose gradients overflow is left out and the
        # scale halved. (Disabled, a scaler hands everything through.)
        self.scaler_g, self.scaler_d = self._scalers()
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
        self._open, self._kept = False, None  # type: bool, _Kept | None
        self._done = -1  # the step after which file and callback have had their turn
        self._lock: Lock | None = None
        self._unsaved = False

    def _scalers(self) -> Any:
        fp16 = self.amp == "fp16"
        return [torch.amp.GradScaler(self.device.type, enabled=fp16) for _ in range(2)]

    def _nets(self) -> list[nn.Module]:
        return [n for n in (self.generator, self.discriminator, self.ema) if n is not None]

    # --- one step of each player ------------------------------------------------------------------

    def latent(self, n: int) -> Tensor:
        """Draw ``z (n, nz)``, standard normal, from the trainer's own random stream."""
        z = torch.randn(
            n * self.world, self.nz, generator=self.rng, device=self.device, dtype=self.dtype
        )
        return self._share(z)

    def _share(self, batch: Tensor) -> Tensor:
        """This process's part of a batch. Every process draws the whole of it, from one seed: so
        the samples are those of a single process, however many share them."""
        return batch.chunk(self.world)[self.rank] if self.world > 1 else batch

    @torch.inference_mode(False)  # and gradients on, whatever the session's mode
    def d_step(self, real: Tensor, labels: Tensor | None = None) -> Tensor:
        """One discriminator step on real samples ``(N, ...)`` and as many new generated ones.

        In a conditional run the generated samples are of the same ``labels (N,)``. Returns the
        loss, a scalar on the device. The generator is left as it is.
        """
        self._check_labelled(labels)
        self._thaw()
        learning = _trainable(self._d_parameters, "discriminator")
        z = self.latent(len(real))
        mix = None
        if self.gp:  # one weight a sample
            shape = (len(real) * self.world,) + (1,) * (real.ndim - 1)
            mix = torch.rand(shape, generator=self.rng, device=self.device, dtype=real.dtype)
            mix = self._share(mix)
        self.optimizer_d.zero_grad()
        done: list[Tensor] = []
        for part in self._parts(real, labels, z, mix):
            with self._averaging(self._d, last=len(done) == self.accumulate - 1):
                done.append(self._backward(part, learning))
        self._update(self.optimizer_d, self.scaler_d)
        if self.clip is not None:
            penalties.clip_weights_(nn.ParameterList(learning), self.clip)
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
        _trainable(self._g_parameters, "generator")
        # Noted before they are frozen: whatever interrupts the step, they are found again.
        self._frozen = [p for p in self._d_parameters if p.requires_grad]
        try:
            for parameter in self._frozen:  # its gradients would be computed and thrown away
                parameter.requires_grad_(False)
            self.optimizer_g.zero_grad()
            done: list[Tensor] = []
            for z, x, y in self._parts(self.latent(n), real, labels):
                with self._averaging(self._g, last=len(done) == self.accumulate - 1):
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

    def _averaging(self, net: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Processes average their gradients once a step: in the backward pass of the last part."""
        alone = self.accelerator is not None and not last
        return self.accelerator.no_sync(net) if alone else nullcontext()

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

    def fit(
        self,
        data: Any,
        steps: int,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        every: int = 1000,
        callback: Callable[[GANTrainer], object] | None = None,
        callback_steps: Iterable[float] | None = None,
        progress: bool | None = None,
        fresh: bool = False,
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
            every: steps between two saves. The save before the last is kept as ``<name>.prev``.
            callback: called with the trainer after each step listed in ``callback_steps`` (0:
                before the first), in any order; without a list, after every 100th and the last.
            progress: show a progress bar. None: in a live session yes, in a book build no.
            fresh: begin anew, whatever file is there; it is renamed to ``<name>.old``.

        Raises:
            ValueError: for bad steps or data, or nets that don't fit together or the data.
            OSError: for a checkpoint path that can't be written, before any training.
            CheckpointError: for a file that another run wrote, or is writing.
            DivergedError: when a loss or weight is no longer finite. The file on disk stays good.
        """
        steps, every = whole("steps", steps, 0), whole("every", every)
        wanted = _when(callback, callback_steps, steps)
        if callback is not None and not torch.is_grad_enabled():
            callback = torch.no_grad()(callback)  # it sees the session's mode
        path = None if checkpoint is None else given_path(checkpoint, "checkpoint")
        if fresh and self.step:
            raise ValueError(
                f"fresh=True, but this trainer has done {self.step} steps; to begin anew build the "
                "networks and the trainer again, to go on leave fresh=True out"
            )
        bar = _bar(self.step, steps, progress if self.rank == 0 else False)
        self._modes = _modes(*self._nets())
        try:
            try:
                self._fit(data, steps, path, every, callback, wanted, bar, fresh)
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
        every: int,
        callback: Callable[[GANTrainer], object] | None,
        wanted: set[int],
        bar: Any,
        fresh: bool,
    ) -> None:
        if self._open:
            self._take_back()
        self._thaw()  # after a g_step of the caller's own that was cut off
        draw = self._batches(data)
        if path is not None:
            checkpoints.check_writable(path)
            with self.accelerator.main_process_first() if self.accelerator else nullcontext():
                self._begin(path, steps, fresh)
            self._check_in_step(path)
        _check_schedule(self.step and self.decay, self.total, steps)
        self.total, self._unsaved = steps, False
        if self.step >= steps and (self.step == 0 or self._done >= self.step):
            return
        self.generator.train()
        self.discriminator.train()
        self._modes = _modes(*self._nets())
        bar.update(self.step - bar.n)
        self._keep()
        while True:
            if self._done < self.step:  # of the last step, or of one before an interrupt
                self._after_a_step(steps, path, every, callback, wanted, bar)
            if self.step >= steps:
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
        steps: int,
        path: Path | None,
        every: int,
        callback: Callable[[GANTrainer], object] | None,
        wanted: set[int],
        bar: Any,
    ) -> None:
        last = self.step == steps
        save = path is not None and self.step > 0 and (last or self.step % every == 0)
        call = callback is not None and self.step in wanted
        # (Processes must meet at the same steps: there the clock has no say.)
        late = self.world == 1 and self._kept is not None and time.monotonic() > self._kept.until
        if not (save or call or last or late or len(self._pending) == FLUSH):
            self._done = self.step
            return
        self._flush(path, bar)
        if save and path is not None:
            self._save_if_possible(path, last)
        # One line: no interrupt can come between the call and the note that it is done.
        self._done = (callback(self) if call and callback is not None else None, self.step)[1]
        self.generator.train()
        self.discriminator.train()
        self._keep()

    def _keep(self) -> None:
        self._kept = None  # its memory first
        self._kept = _Kept(self)

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
            _check_labels(y, n, self.num_classes)
            batches.append(y.to(self.device))
        elif labels is not None:
            raise ValueError("labels are given, but the generator has no num_classes")
        modes = _modes(net)
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

    def _batches(self, data: Any) -> Callable[[], tuple[Tensor, ...]]:
        """A function that draws the next real batch: samples and, in a conditional run, labels."""
        labels = None
        if hasattr(data, "images"):  # an ImageSet
            data, labels = data.float(), data.labels
        elif isinstance(data, (tuple, list)) and len(data) == 2:
            data, labels = data
            if self.num_classes is None:
                raise ValueError("data has labels, but the generator has no num_classes")
        if hasattr(data, "__array__") and not isinstance(data, Tensor):
            data = _from_array(data)
        if isinstance(data, Tensor):
            if data.is_floating_point():
                data = data.detach().to(self.dtype)
            _check_data(data)
            tensors = [data.to(self.device)]
            if self.num_classes is not None:
                if labels is None:
                    raise ValueError(
                        f"data has no labels, and generator.num_classes is {self.num_classes}; "
                        "need an ImageSet or (samples, labels)"
                    )
                _check_labels(labels, len(data), self.num_classes)
                tensors.append(labels.to(self.device))
            size = (self.batch_size,)

            def draw() -> tuple[Tensor, ...]:
                index = torch.randint(len(data), size, generator=self.rng, device=self.device)
                return tuple(tensor[self._share(index)] for tensor in tensors)

            example = tensors[0][:2]
            self._data = checkpoints.fingerprint(*tensors)
        elif hasattr(data, "sample") and self.num_classes is None:
            where = {"device": self.device, "dtype": self.dtype}

            def draw() -> tuple[Tensor, ...]:
                batch = data.sample(self.batch_size, generator=self.rng)
                return (self._share(batch.to(**where)),)

            example = data.sample(2, generator=torch.Generator(self.device).manual_seed(0))
            if not isinstance(example, Tensor):
                raise ValueError(
                    f"data.sample(2, generator=...) returns a {type(example).__name__}; need a "
                    "tensor (2, ...)"
                )
            parts = [v for v in getattr(data, "__dict__", {}).values() if isinstance(v, Tensor)]
            self._data = f"{type(data).__name__} {checkpoints.fingerprint(*parts)}"
        else:
            need = "an ImageSet or (float tensor (N, ...), int64 labels (N,))"
            if self.num_classes is None:
                need = "a float tensor (N, ...), an ImageSet, or an object with .sample(n, "
                need += "generator=...)"
            raise ValueError(f"data is a {type(data).__name__}; need {need}")
        self._check_nets(example)
        return draw

    @torch.no_grad()
    def _check_nets(self, example: Tensor) -> None:
        """A look at two samples, in evaluation mode so that nothing learns from it."""
        modes = _modes(self.generator, self.discriminator)
        self.generator.eval()
        self.discriminator.eval()
        y = [] if self.num_classes is None else [_zeros(2).long().to(self.device)]
        try:
            fake = self.generator(_zeros(2, self.nz).to(self.device, self.dtype), *y)
            if not isinstance(fake, Tensor):
                raise ValueError(f"generator returns {_kind(fake)}; need one tensor (2, ...)")
            if fake.shape[1:] != example.shape[1:]:
                raise ValueError(
                    f"generator makes samples of shape {tuple(fake.shape[1:])}, data has "
                    f"{tuple(example.shape[1:])}; give both one shape"
                )
            logits = self.discriminator(fake, *y)
            if not isinstance(logits, Tensor):
                raise ValueError(
                    f"discriminator returns {_kind(logits)}; need one tensor of logits (N,). Of "
                    "several heads give GANTrainer the one that tells real from generated"
                )
            if logits.shape != (2,):
                raise ValueError(
                    f"discriminator returns shape {tuple(logits.shape)} for 2 samples; need logits "
                    "(2,): end it in .squeeze(1)"
                )
        finally:
            for module, mode in modes:
                module.training = mode
        _trainable(self._d_parameters, "discriminator")
        _trainable(self._g_parameters, "generator")

    def _set_learning_rates(self) -> None:
        if self.decay is None or self.total is None:
            return
        progress = self.step / self.total
        if self.decay == "linear":
            factor = min(1.0, 2 * (1 - progress))
        else:
            factor = (1 + math.cos(math.pi * progress)) / 2
        for optimizer, lr in zip((self.optimizer_g, self.optimizer_d), self.lr, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr * factor

    @torch.no_grad()
    def _soundness(self) -> Tensor:
        """On the device: 0, or less if a weight or a buffer of a network is not finite."""
        ends: dict[torch.dtype, list[Tensor]] = {}
        for net in self._nets():
            for tensor in (*net.parameters(), *net.buffers()):
                if tensor.is_floating_point() and tensor.numel():
                    ends.setdefault(tensor.dtype, []).extend(tensor.aminmax())
        finite = [torch.stack(values).isfinite().all() for values in ends.values()]
        return torch.stack(finite).all().float() - 1

    def _unsound(self) -> str:
        names = ("generator", "discriminator", "generator's average")
        for name, net in zip(names, (self.generator, self.discriminator, self.ema), strict=True):
            tensors = () if net is None else (*net.parameters(), *net.buffers())
            if not all(bool(t.isfinite().all()) for t in tensors):
                return f"a weight of the {name} became non-finite"
        return "a weight became non-finite in another process"

    def _record(self, alone: bool = False) -> tuple[Tensor, bool]:
        """Fetch the losses that are still on the device, and whether the weights are finite."""
        values = [loss.float() for pair in self._pending for loss in pair]
        fetched = torch.stack([*values, self._soundness()])
        if self.accelerator is not None and not alone:
            # The whole batch's losses. All processes see the same, so all stop at the same step.
            fetched = self.accelerator.reduce(fetched, "mean")
        fetched = fetched.cpu()
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
            raise DivergedError(self.step, good, self._unsound())
        # fp16 leaves out steps whose gradients overflow; a loss can stay finite while none is taken
        if self.amp == "fp16" and min(s.get_scale() for s in (self.scaler_g, self.scaler_d)) < 1e-6:
            raise DivergedError(self.step, good, "no gradient was finite for dozens of steps")
        bar.update(self.step - bar.n)
        if len(new):
            bar.set_postfix_str(f"D {new[-1, 0]:.3f}  G {new[-1, 1]:.3f}", refresh=False)

    # --- checkpoints ------------------------------------------------------------------------------

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for, by the names of the arguments; a checkpoint holds it too."""
        names = ("n_critic", "lr", "betas", "batch_size", "r1", "r2", "gp", "clip", "decay", "amp")
        mine = {name: getattr(self, name) for name in (*names, "accumulate", "seed")}
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
        if self._soundness() < 0:
            raise DivergedError(self.step, path if path.exists() else None, self._unsound())
        mine = self._lock is not None and self._lock.held
        if self.rank or (mine and checkpoints.beside(path, ".lock") == self._lock.name):  # type: ignore[union-attr]
            self._write(path)
            return
        lock = Lock(path)
        try:
            lock.take()
            checkpoints.recover(path)
            self._write(path)
        finally:
            lock.release()

    def _write(self, path: Path) -> None:
        rng, torch_rng, device_rng = self._random_state()
        state = {
            "format": checkpoints.FORMAT,
            "settings": self.settings,
            "data": self._data,
            "generator": _state_of(self.generator),
            "discriminator": _state_of(self.discriminator),
            "ema": _state_of(self.ema) if self.ema is not None else None,
            "optimizer_g": self.optimizer_g.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
            "scaler_g": self.scaler_g.state_dict(),  # empty without fp16
            "scaler_d": self.scaler_d.state_dict(),
            "d_loss": self.history.d_loss,
            "g_loss": self.history.g_loss,
            "rng": rng,
            "torch_rng": torch_rng,  # dropout and the like draw from the global streams
            "cuda_rng": device_rng,
            "step": self.step,
            "total": self.total,
        }
        try:
            if self.rank == 0:
                checkpoints.write(state, path)
        finally:
            if self.accelerator is not None:
                self.accelerator.wait_for_everyone()

    def _save_if_possible(self, path: Path, last: bool) -> None:
        """A drive that is gone for a moment, or full, doesn't end a run of hours."""
        try:
            self._write(path)
        except OSError as error:
            if last or not self._unsaved:
                then = "it is tried again at the next save"
                if last:
                    then = "the run is at its end: mend it and call trainer.save(path), now"
                warnings.warn(
                    f"{path} could not be written at step {self.step} ({error}). Is the disk full, "
                    f"or the drive no longer mounted? Training goes on; {then}. An earlier "
                    "save, if there is one, is as it was",
                    stacklevel=2,
                )
            self._unsaved = True
        else:
            self._unsaved = False

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
        self._take_over(state, path, networks_only)
        different = self._differences(state)
        if different and not networks_only:
            warnings.warn(f"{path} {different}. This trainer's are used from here on", stacklevel=2)

    @torch.inference_mode(False)
    def _take_over(self, state: dict[str, Any], path: Path, networks_only: bool = False) -> None:
        """All of it or, whatever goes wrong, nothing: a refusal or interrupt is taken back."""
        if not networks_only and (state["ema"] is None) != (self.ema is None):
            raise CheckpointError(
                f"{path} and this trainer disagree about ema; use the same setting"
            )
        if self._open:
            self._take_back()
        self._keep()
        self._open = True
        try:
            self._put_in(state, path, networks_only)
            self._open = False
        except CheckpointError:
            raise
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"{path} was saved from other networks or optimizers "
                f"({(str(error) or type(error).__name__).splitlines()[0]}); build the same ones, or "
                "choose another checkpoint file"
            ) from error
        finally:
            if self._open:
                self._take_back()
            self._kept = None

    def _put_in(self, state: dict[str, Any], path: Path, networks_only: bool) -> None:
        _load_into(self.generator, state["generator"], "generator", path)
        _load_into(self.discriminator, state["discriminator"], "discriminator", path)
        if self.ema is not None:
            _load_into(self.ema, state["ema"] or state["generator"], "generator", path)
        if self._soundness() < 0:
            raise CheckpointError(
                f"{path} holds weights that are not finite: a run that had diverged; use an earlier "
                "save, or begin anew"
            )
        if networks_only:
            return
        for optimizer, name in (
            (self.optimizer_g, "optimizer_g"),
            (self.optimizer_d, "optimizer_d"),
        ):
            groups = _settings_of(optimizer)
            optimizer.load_state_dict(state[name])
            for group, mine in zip(optimizer.param_groups, groups, strict=True):
                parameters = group["params"]
                group.clear()
                group.update(mine, params=parameters)
        for scaler, name in ((self.scaler_g, "scaler_g"), (self.scaler_d, "scaler_d")):
            if scaler.is_enabled() and state.get(name):
                scaler.load_state_dict(state[name])
        self.history = History(state["d_loss"].cpu(), state["g_loss"].cpu())
        if len(state["rng"]) == len(self.rng.get_state()):
            self.rng.set_state(state["rng"].cpu())
        else:
            warnings.warn(
                f"{path} was saved on another kind of device, whose random numbers {self.device} "
                "can't go on with; fine for samples, but a resumed run will draw other batches",
                stacklevel=4,
            )
        torch.set_rng_state(state["torch_rng"].cpu())
        if state.get("cuda_rng") is not None and self._cuda:
            torch.cuda.set_rng_state(state["cuda_rng"].cpu(), self.device)
        self.step, self._done, self._pending = state["step"], state["step"], []
        # A schedule of the file's is this trainer's business only if both have one.
        has_schedule = (state.get("settings") or {"decay": True})["decay"]
        self.total = state.get("total") if has_schedule else None

    def _random_state(self) -> tuple[Tensor, Tensor, Tensor | None]:
        device = torch.cuda.get_rng_state(self.device) if self._cuda else None
        return self.rng.get_state(), torch.get_rng_state(), device

    def _differences(self, state: dict[str, Any], data: bool = False) -> str:
        """In words, how the settings (and data) of a file are not this trainer's; or nothing."""
        theirs = state.get("settings")
        if theirs is None:
            return "was saved by an earlier version, which kept no settings to compare with"
        parts = [
            f"{name} was {theirs[name]!r} and is {mine!r}"
            for name, mine in self.settings.items()
            if name in theirs and theirs[name] != mine
        ]
        if data and state.get("data") not in (None, self._data):
            parts.append("the data are others")
        return f"was saved with other settings: {'; '.join(parts)}" if parts else ""

    def _begin(self, path: Path, steps: int, fresh: bool) -> None:
        """Take the file for this run, and go on from what it holds if that is ahead."""
        previous, name = checkpoints.beside(path, ".prev"), path.name
        if self.rank == 0:
            self._lock = Lock(path)
            self._lock.take()
            checkpoints.recover(path)
            if fresh:
                checkpoints.set_aside(path)
            elif previous.exists() and not path.exists() and self.step == 0:
                checkpoints.set_aside(path)  # or it would be gone after two saves
                warnings.warn(
                    f"{path} is not there, so the run begins anew; the save before it, {name}.prev, "
                    f"is not used and now called {name}.old (to go on from it, call it {name})",
                    stacklevel=5,
                )
        if not path.exists():
            return
        try:
            state, torn = checkpoints.read(path, self.device), None
        except TornError as error:
            if not previous.exists():
                raise
            state, torn = checkpoints.read(previous, self.device), error
        if state["step"] > self.step:
            saved = state.get("settings") or {}
            _check_schedule(self.decay and saved.get("decay", True), state.get("total"), steps)
            self._take_over(state, path if torn is None else previous)
            different = self._differences(state, data=True)
            if different and self.step >= steps:
                warnings.warn(
                    f"{path} {different}. IT IS FINISHED ({self.step} steps): nothing was trained "
                    f"now, and what you get is that run. {ANEW.format(name)}",
                    stacklevel=5,
                )
            elif different:
                warnings.warn(
                    f"{path} {different}. This trainer's are used from step {self.step + 1} on. "
                    f"{ANEW.format(name)}",
                    stacklevel=5,
                )
        if torn is not None and self.rank == 0:
            # Out of the way, or the next save would put it over the good one.
            os.replace(path, checkpoints.beside(path, ".torn"))
            os.replace(previous, checkpoints.actual(path))
            warnings.warn(f"{torn}; going on from {previous}", stacklevel=5)

    def _check_in_step(self, path: Path) -> None:
        """All processes must have read the same file, or they would wait for each other forever."""
        if self.accelerator is None:
            return
        steps = self.accelerator.gather(torch.tensor([self.step], device=self.device)).tolist()
        if len(set(steps)) > 1:
            raise ValueError(
                f"after reading checkpoint={str(path)!r} the processes stand at steps {steps}; need "
                "a folder that all of them, on all machines, see"
            )


def _check_accelerator(accelerator: Any, device: Any) -> None:
    if device is not None:
        raise ValueError(f"device={device!r} and an accelerator; the accelerator brings the device")
    kind = accelerator.distributed_type.value
    if kind not in ("NO", "MULTI_CPU", "MULTI_GPU"):
        raise ValueError(f"accelerator.distributed_type is {kind}; need NO, MULTI_CPU or MULTI_GPU")
    if accelerator.mixed_precision != "no":
        raise ValueError(
            f"accelerator.mixed_precision={accelerator.mixed_precision!r}; need 'no': it would put "
            "penalties in half precision too. Give GANTrainer amp= instead"
        )


def _prepare(accelerator: Any, generator: nn.Module, discriminator: nn.Module) -> Any:
    from accelerate.utils import DistributedDataParallelKwargs, broadcast

    # Buffers are handed out here, once. By default every pass would copy rank 0's to all, in the
    # midst of a step; nobody needs that: BatchNorm's statistics are not used in training, and the
    # power iterations of spectral normalisation are the same wherever the weights are.
    broadcast([*generator.buffers(), *discriminator.buffers()])
    if accelerator.ddp_handler is None:
        accelerator.ddp_handler = DistributedDataParallelKwargs(broadcast_buffers=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of the option's new name in torch 2.13
        return accelerator.prepare(generator, discriminator)


def _channels_last(*nets: nn.Module) -> None:
    for net in nets:  # the weights of convolutions; others have no channels
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def run_folder(name: str) -> Path:
    """A folder for a run's checkpoints that outlives the session, made if it isn't there.

    The first of: ``$GANCOURSE_RUNS/name`` (``~`` is the home folder); ``gancourse/name`` on Google
    Drive where Colab has it mounted; ``runs/name`` in the working directory, which is lost with a
    Colab machine.

    Raises:
        ValueError: if ``name`` is anything but letters, digits, ``-`` and ``_``, or
            ``GANCOURSE_RUNS`` is no path.
        OSError: if the folder can't be made.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"name={name!r}; need letters, digits, '-' and '_' only")
    base = given_path(os.environ.get("GANCOURSE_RUNS") or "runs", "GANCOURSE_RUNS")
    if DRIVE.is_dir() and "GANCOURSE_RUNS" not in os.environ:
        base = DRIVE / "gancourse"
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check_data(data: Tensor) -> None:
    if data.ndim < 2 or len(data) == 0:
        raise ValueError(f"data has shape {tuple(data.shape)}; need (N, ...) with N >= 1")
    if not data.is_floating_point():
        raise ValueError(f"data is {data.dtype}; need float (an ImageSet's .float() is in [-1, 1])")
    if not data.isfinite().all():
        raise ValueError("data holds NaN or infinite values; remove them first")
    if data.ndim == 4 and (data.min() < -1 or data.max() > 1):
        raise ValueError(
            f"data are images in [{data.min():.3g}, {data.max():.3g}]; need [-1, 1], the range of "
            "a tanh generator: x / 127.5 - 1 for bytes, 2 * x - 1 for [0, 1]"
        )
    if data.ndim == 4 and data.min() >= 0 and data.max() > 0:
        warnings.warn(
            f"data are images with no value below 0 ({data.min():.3g} to {data.max():.3g}): are they "
            "in [0, 1]? A tanh generator draws in [-1, 1]: give 2 * x - 1",
            stacklevel=5,
        )


def _check_labels(labels: Tensor, n: int, num_classes: int) -> None:
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != (n,):
        came = type(labels).__name__
        if isinstance(labels, Tensor):
            came = f"{labels.dtype} {tuple(labels.shape)}"
        raise ValueError(f"labels are {came}; need int64 ({n},), one a sample")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; generator.num_classes is "
            f"{num_classes}: need 0 to {num_classes - 1}"
        )


def _total(parts: list[Tensor]) -> Tensor:
    return (parts[0] if len(parts) == 1 else torch.stack(parts).sum()).detach()


def _check_schedule(has_one: Any, total: int | None, steps: int) -> None:
    if has_one and total not in (None, steps):
        raise ValueError(
            f"steps={steps}, but the run so far decays its learning rate over {total}; go on with "
            "that number, or build a new trainer: load(path, networks_only=True) begins a run of "
            "its own from these weights, fit(..., fresh=True) begins anew"
        )


def _call(net: nn.Module, *inputs: Tensor) -> Tensor:
    return net(*inputs)


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float32, device="cpu")


def _modes(*nets: nn.Module) -> list[tuple[nn.Module, bool]]:
    return [(module, module.training) for net in nets for module in net.modules()]


def _trainable(parameters: Iterable[Tensor], player: str) -> list[Tensor]:
    found = [p for p in parameters if p.requires_grad]
    if not found:
        raise ValueError(
            f"{player} has nothing to train: no parameter has requires_grad=True; unfreeze a layer "
            "(parameter.requires_grad_(True))"
        )
    return found


def _kind(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _from_array(data: Any) -> Tensor:
    try:
        return torch.as_tensor(data.__array__(), device="cpu")
    except TypeError as error:
        raise ValueError(f"data is a {type(data).__name__} of no numbers; need floats") from error


def _nz(generator: nn.Module) -> Any:
    nz = getattr(generator, "nz", None)
    if nz is None:
        raise ValueError("generator.nz is None; need the attribute nz, the size of its latent")
    return nz


def _number_of_classes(generator: nn.Module, discriminator: nn.Module) -> int | None:
    found: list[int | None] = []
    for name, net in (("generator", generator), ("discriminator", discriminator)):
        k = getattr(net, "num_classes", None)
        found.append(None if k is None else whole(f"{name}.num_classes", k))
    if found[0] != found[1]:
        raise ValueError(
            f"generator.num_classes is {found[0]} and discriminator.num_classes {found[1]}; give "
            "both one number of classes, or neither"
        )
    return found[0]


def _pair(name: str, value: Any, need: str, **bounds: float) -> tuple[float, float]:
    """Two floats: from one number (not for betas), or from two of them."""
    several = not isinstance(value, (str, dict)) and getattr(value, "ndim", 1) > 0
    several = several and hasattr(value, "__len__")
    if not several and name == "betas" or several and len(value) != 2:
        raise ValueError(f"{name}={value!r}; need {need}")
    try:
        one, two = (a_number(name, v, need, **bounds) for v in (value if several else (value,) * 2))
    except ValueError:
        raise ValueError(f"{name}={value!r}; need {need}") from None
    return one, two


def _check_players(generator: nn.Module, discriminator: nn.Module) -> torch.dtype:
    """The float type that both are of."""
    types = []
    for name, net in (("generator", generator), ("discriminator", discriminator)):
        parameters = list(net.parameters())
        if not parameters:
            raise ValueError(f"{name} has nothing to train: it has no parameters")
        if any(p.is_inference() for p in parameters):
            raise ValueError(
                f"{name} was built under torch.inference_mode(), so its weights can't be trained; "
                "build it outside"
            )
        types.append(next(p.dtype for p in parameters if p.is_floating_point()))
    if types[0] != types[1]:
        raise ValueError(
            f"generator is {types[0]} and discriminator {types[1]}; give both one type, e.g. "
            "discriminator.to(torch.float32)"
        )
    return types[0]


def _average_of(generator: nn.Module, ema: float) -> nn.Module:
    plain = getattr(generator, "_orig_mod", generator)  # not the compiled wrapper
    try:
        return copy.deepcopy(plain).requires_grad_(False)
    except RuntimeError as error:
        layers = [
            name or "the generator itself"
            for name, module in plain.named_modules()
            if any(isinstance(v, Tensor) and not v.is_leaf for v in vars(module).values())
        ]
        raise ValueError(
            f"ema={ema} needs a copy of the generator, and {', '.join(layers) or 'a layer'} can't "
            "be copied: it keeps a computed weight, as the old torch.nn.utils.weight_norm and "
            "spectral_norm do; take those of torch.nn.utils.parametrizations, or leave ema out"
        ) from error


def _when(callback: Any, steps_given: Any, steps: int) -> set[int]:
    """The steps after which the callback is called."""
    if callback is not None and not callable(callback):
        raise ValueError(f"callback={callback!r}; need a function that takes the trainer")
    if callback is None:
        return set()
    if steps_given is None:
        return {*range(FLUSH, steps + 1, FLUSH), steps}
    try:
        if isinstance(steps_given, (str, bytes)):
            raise TypeError
        # (float32 steps of a linspace may be off in their last digit)
        wanted = {whole("", round(float(v), 3), 0) for v in steps_given}
    except (TypeError, ValueError):
        raise ValueError(
            f"callback_steps={steps_given!r}; need whole numbers from 0 on, such as "
            "range(0, 1001, 100) or [0, 10, 100]"
        ) from None
    if wanted and max(wanted) > steps:
        warnings.warn(
            f"callback_steps names step {max(wanted)}, which is never reached: the run ends at "
            f"{steps}",
            stacklevel=3,
        )
    return wanted


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


def _settings_of(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    return [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]


def _tensors(net: nn.Module) -> list[tuple[str, Tensor]]:
    return [*net.named_parameters(), *net.named_buffers()]


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


class _Kept:
    """What a step changes, as it was between two steps: where an interrupt within one goes back to.

    Made once in a hundred steps or two seconds, so that it costs the loop nothing to speak of; the
    steps since are repeated, with the same random numbers.
    """

    def __init__(self, run: GANTrainer):
        self.until = time.monotonic() + KEEP
        self.nets = [{name: _copy(t) for name, t in _tensors(net)} for net in run._nets()]
        self.trained = [(p, p.requires_grad) for net in run._nets() for p in net.parameters()]
        self.optimizers = [
            ({p: {k: _copy(v) for k, v in s.items()} for p, s in o.state.items()}, _settings_of(o))
            for o in (run.optimizer_g, run.optimizer_d)
        ]
        self.scalers = [scaler.state_dict() for scaler in (run.scaler_g, run.scaler_d)]
        self.random = run._random_state()
        self.history, self.losses = run.history, (run.history.d_loss, run.history.g_loss)
        self.numbers = run.step, run._done, run.total

    @torch.no_grad()
    def give_back(self, run: GANTrainer) -> None:
        for net, kept in zip(run._nets(), self.nets, strict=True):
            for name, tensor in _tensors(net):
                if name in kept:
                    tensor.copy_(kept[name])
        for weight, flag in self.trained:
            weight.requires_grad_(flag)
        for optimizer, (state, groups) in zip(
            (run.optimizer_g, run.optimizer_d), self.optimizers, strict=True
        ):
            optimizer.state.clear()
            for parameter, values in state.items():
                optimizer.state[parameter] = {k: _copy(v) for k, v in values.items()}
            for group, settings in zip(optimizer.param_groups, groups, strict=True):
                group.update(settings)
        run.scaler_g, run.scaler_d = run._scalers()  # one cut off in its step would stay there
        for scaler, values in zip((run.scaler_g, run.scaler_d), self.scalers, strict=True):
            if values:
                scaler.load_state_dict(values)
        rng, torch_rng, device_rng = self.random
        run.rng.set_state(rng)
        torch.set_rng_state(torch_rng)
        if device_rng is not None:
            torch.cuda.set_rng_state(device_rng, run.device)
        run.history, run._frozen, run._pending = self.history, [], []
        run.history.d_loss, run.history.g_loss = self.losses
        run.step, run._done, run.total = self.numbers


def _bar(done: int, total: int, progress: bool | None) -> Any:
    from tqdm.auto import tqdm

    if progress is None:
        progress = os.environ.get("GANCOURSE_STATIC") != "1"
    return tqdm(initial=done, total=total, unit="step", disable=not progress, leave=False)
