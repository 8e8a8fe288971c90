"""The alternating loop: ``n_critic`` steps for the discriminator, one for the generator, repeat.

:class:`GANTrainer` is chapter 2's fifteen lines plus what a long run needs: penalties, an average
of the generator's weights (EMA), a learning-rate schedule, augmentation, checkpoints that survive a
kill, and a stop when a loss is no longer finite. It keeps the hot path clean:

- fakes for the discriminator's step are made under ``no_grad`` (no graph through the generator);
- the discriminator's parameters are frozen in the generator's step (no gradients nobody uses);
- a penalty is computed from logits that are there anyway, where it can be;
- losses stay on the device until a hundred of them are fetched at once (no ``.item()`` a step);
- data are one tensor on the device, indexed (no worker processes, no copies), labels beside it;
- on a GPU networks for images work in channels-last layout, which convolutions there are fastest in.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import _resume, _settings, checkpoints, losses, penalties
from ._batches import batches, check_labelled, labels_of_samples
from ._names import alias, renamed
from ._numbers import real as a_number
from ._numbers import whole
from ._paths import given_path
from ._state import Kept, modes_of, nets_of, scalers_of
from .checkpoints import CheckpointError, Lock, run_folder
from .history import FLUSH, DivergedError, History, Log, fetch, progress_bar, tell
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
        ema_halflife: instead of ``ema``, the generator steps after which a step's share in the
            average has halved: a decay of ``0.5 ** (1 / ema_halflife)``.
        ema_rampup: with one of them: the half-life is at most this share of the steps done so far,
            e.g. 0.05, so that a short run's average soon forgets the untrained generator (Karras et
            al. 2022, arXiv 2206.00364; there 0.05).
        schedule: of both learning rates over a ``fit``: None, ``"linear"`` (constant for the first
            half, then straight to 0) or ``"cosine"``.
        optimizer_g, optimizer_d: instead of Adam: a function called as ``(parameters, lr=...)``,
            such as ``torch.optim.RMSprop`` or a ``functools.partial`` of it; or an optimizer over
            that network's parameters, which then brings its own rates (``lr`` is not used). A
            schedule and checkpoints work with either.
        augment: ``(x (N, ...), generator) -> x (N, ...)``, differentiable, drawing from the
            ``torch.Generator`` that it is given. Everything that the discriminator sees goes through
            it, real or generated, in both players' steps (Zhao et al. 2020, arXiv 2006.10738; Karras
            et al. 2020, arXiv 2006.06676); penalties differentiate through it. It draws from a
            stream of its own, which checkpoints hold too; ``sample`` does not use it.
        amp: None, or the half precision that the networks' passes run in, ``"bf16"`` or ``"fp16"``
            (with a loss scaler for each player). Weights, losses and whatever a penalty
            differentiates stay in float32.
        accumulate: number of parts that a batch goes through the networks in, for batches that
            don't fit. The gradient is that of the whole batch, but BatchNorm, where there is one,
            sees a part at a time.
        seed: of everything the trainer draws (batches, latents, mixing weights, augmentation).
        device: None: CUDA if there is one, else the CPU. (Apple's ``"mps"`` when asked for: not
            tested here, and at the size of most chapters slower than the CPU.)
        accelerator: an ``accelerate.Accelerator``, to share each step between several processes
            (see :meth:`fit`). It then brings the device.

    Raises:
        ValueError: naming the argument that is out of range, or the network that can't be trained.

    Attributes:
        step: generator steps done. history: a :class:`History`. ema: the averaged generator,
            or None. d_parts: loss and penalty of the last discriminator step, apart.
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
        ema_halflife: float | None = None,
        ema_rampup: float | None = None,
        schedule: str | None = None,
        optimizer_g: Any = None,
        optimizer_d: Any = None,
        augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        amp: str | None = None,
        accumulate: int = 1,
        seed: int = 0,
        device: str | torch.device | None = None,
        accelerator: Any = None,
    ):
        self.loss = losses.get(loss)
        self.nz = whole("generator.nz", _settings.size_of_latent(generator))
        self.num_classes: int | None = _settings.number_of_classes(generator, discriminator)
        self.n_critic = whole("n_critic", n_critic)
        self.batch_size = whole("batch_size", batch_size)
        self.accumulate = whole("accumulate", accumulate)
        self.lr = _settings.pair(
            "lr", lr, "a positive number, or two (generator, discriminator)", above=0
        )
        self.betas = _settings.pair(
            "betas", betas, "two numbers in [0, 1)", least=0, most=_settings.BELOW_1
        )
        self.r1 = a_number("r1", r1, "0 or more", least=0)
        self.r2 = a_number("r2", r2, "0 or more", least=0)
        self.gp = a_number("gp", gp, "0 or more", least=0)
        need = "None or a positive bound"
        self.weight_clip = (
            None if weight_clip is None else a_number("weight_clip", weight_clip, need, above=0)
        )
        self.ema_decay, self.ema_rampup = _settings.decay_of_average(ema, ema_halflife, ema_rampup)
        self.schedule = _settings.one_of("schedule", schedule, None, "linear", "cosine")
        self.amp = _settings.one_of("amp", amp, *AMP)
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
        self.dtype = _settings.common_type(generator, discriminator)
        self.generator = generator.to(self.device)
        self.discriminator = discriminator.to(self.device)
        if self._cuda:
            _settings.channels_last(generator, discriminator)
        self._g, self._d = self.processes.prepare(generator, discriminator)
        self.ema = None if self.ema_decay is None else _settings.average_of(generator, self.ema_decay)
        self.optimizer_g: torch.optim.Optimizer
        self.optimizer_d: torch.optim.Optimizer
        self.optimizer_g, self.optimizer_d = (
            _settings.optimizer_of(net, given, player, rate, self.betas)
            for net, given, player, rate in (
                (generator, optimizer_g, "generator", self.lr[0]),
                (discriminator, optimizer_d, "discriminator", self.lr[1]),
            )
        )
        self.lr = (_settings.rate_of(self.optimizer_g), _settings.rate_of(self.optimizer_d))
        # Small fp16 gradients would round to 0: each player's loss is scaled up before its backward
        # pass and the gradients down after it. A step whose gradients overflow is left out and the
        # scale halved. (Disabled, a scaler hands everything through.)
        self.scaler_g, self.scaler_d = scalers_of(self)
        self.rng = torch.Generator(self.device).manual_seed(self.seed)
        self.augment = _settings.function("augment", augment, "samples and a generator")
        self.augment_rng = torch.Generator(self.device).manual_seed(self.seed)
        self.step = 0
        self.total: int | None = None  # steps of the learning-rate schedule
        self.history = History()
        self._d_parameters = list(discriminator.parameters())
        self._g_parameters: list[Tensor] = list(generator.parameters())
        self._frozen: list[Tensor] = []  # of the discriminator, while the generator's step runs
        self._no_penalty = torch.zeros((), device=self.device, dtype=torch.float32)
        self.d_parts: tuple[Tensor, Tensor] = (self._no_penalty, self._no_penalty)
        self._pending: list[tuple[Tensor, ...]] = []  # losses that are still on the device
        self._averaged = 0  # steps that the average has seen
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

        In a conditional run the generated samples are of the same ``labels (N,)``. Returns what was
        minimised, loss and penalties together, a scalar on the device; ``d_parts`` then holds them
        apart, as the history does. The generator is left as it is.
        """
        check_labelled(self, labels)
        self._thaw()
        learning = _settings.trainable(self._d_parameters, "discriminator")
        latents, weights = self.latent(len(real)), None
        if self.gp:  # one weight a sample
            shape = (len(real) * self.world,) + (1,) * (real.ndim - 1)
            weights = torch.rand(shape, generator=self.rng, device=self.device, dtype=real.dtype)
            weights = self.processes.share(weights)
        self.optimizer_d.zero_grad()
        done: list[list[Tensor]] = []
        for x, y, z, mix in self._parts(real, labels, latents, weights):
            last = len(done) == self.accumulate - 1
            with _settings.refused_if_compiled(), self.processes.averaging(self._d, last):
                with torch.no_grad():  # no graph through the generator: it is not trained here
                    fake = self._pass(self.generator, z, y)
                if self.r1:
                    x = x.detach().requires_grad_()
                if self.r2:
                    fake.requires_grad_()
                real_logits = self._judge(self._d, x, y, exact=self.r1 > 0)
                fake_logits = self._judge(self._d, fake, y, exact=self.r2 > 0)
                loss = self.loss.discriminator(real_logits, fake_logits)
                terms = []
                if self.r1:  # from the logits just computed: no second pass through the network
                    slope = penalties.input_gradient(real_logits, x)
                    terms.append(self.r1 / 2 * slope.square().sum(1).mean())
                if self.r2:
                    slope = penalties.input_gradient(fake_logits, fake)
                    terms.append(self.r2 / 2 * slope.square().sum(1).mean())
                if self.gp:
                    judge = partial(self._judge, self._d, y=y, exact=True)
                    gradient = penalties.gradient_penalty(judge, x, fake, mix=mix)
                    terms.append(self.gp * gradient)
                objective = sum(terms, loss)
                # Not .backward(): that would go on to the penalised samples, which are leaves too.
                scaled = self.scaler_d.scale(objective / self.accumulate)
                torch.autograd.backward(scaled, inputs=learning)
            done.append([value.detach() for value in (objective, loss, *terms)])
        self.scaler_d.step(self.optimizer_d)
        self.scaler_d.update()
        if self.weight_clip is not None:
            penalties.clip_weights_(nn.ParameterList(learning), self.weight_clip)
        objective, loss, *terms = map(_mean, zip(*done, strict=True))
        self.d_parts = loss, sum(terms[1:], terms[0]) if terms else self._no_penalty
        return objective

    @torch.inference_mode(False)
    def g_step(self, n: int, real: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """One generator step on ``n`` new generated samples, in a conditional run of the given
        ``labels (n,)``; ``real`` (of the same labels) only for paired losses.

        Returns the loss, a scalar on the device. The discriminator is left as it is.
        """
        check_labelled(self, labels)
        self._thaw()
        _settings.trainable(self._g_parameters, "generator")
        # Noted before they are frozen: whatever interrupts the step, they are found again.
        self._frozen = [p for p in self._d_parameters if p.requires_grad]
        try:
            for parameter in self._frozen:  # its gradients would be computed and thrown away
                parameter.requires_grad_(False)
            self.optimizer_g.zero_grad()
            done: list[Tensor] = []
            for z, x, y in self._parts(self.latent(n), real, labels):
                with self.processes.averaging(self._g, last=len(done) == self.accumulate - 1):
                    fake_logits = self._judge(self.discriminator, self._pass(self._g, z, y), y)
                    real_logits = None if x is None else self._judge(self.discriminator, x, y)
                    loss = self.loss.generator(fake_logits, real_logits)
                    self.scaler_g.scale(loss / self.accumulate).backward()
                done.append(loss.detach())
            self.scaler_g.step(self.optimizer_g)
            self.scaler_g.update()
        finally:
            self._thaw()
        if self.ema is not None:
            self._update_ema()
        return _mean(done)

    def _thaw(self) -> None:
        for parameter in self._frozen:
            parameter.requires_grad_(True)
        self._frozen = []

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

    def _judge(self, net: nn.Module, x: Tensor, y: Tensor | None, exact: bool = False) -> Tensor:
        """Logits of samples, as the discriminator sees them: augmented, if that was asked for."""
        seen = x if self.augment is None else self.augment(x, self.augment_rng)
        return self._pass(net, seen, y, exact)

    def _parts(self, *batches: Tensor | None) -> Iterator[Any]:
        """The batches cut into ``accumulate`` equal parts, side by side (None stays None)."""
        n = max(len(batch) for batch in batches if batch is not None)
        if n % self.accumulate:
            raise ValueError(f"{n} samples can't be cut into accumulate={self.accumulate} parts")
        k = self.accumulate
        return zip(*([None] * k if b is None else b.chunk(k) for b in batches), strict=True)

    @torch.no_grad()
    def _update_ema(self) -> None:
        assert self.ema is not None and self.ema_decay is not None
        average: list[Tensor] = list(self.ema.parameters())
        decay = _settings.ramped(self.ema_decay, self.ema_rampup, self._averaged)
        torch._foreach_lerp_(average, self._g_parameters, 1 - decay)
        self._averaged += 1
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
        sees a process's part at a time, and augmentation draws the same numbers for each part. Only the
        main process writes the checkpoint, all read it.

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
        wanted = _settings.when(callback, callback_steps, steps)
        end = _settings.deadline(minutes, self.world)
        if callback is not None and not torch.is_grad_enabled():
            callback = torch.no_grad()(callback)  # it sees the session's mode
        path = None if checkpoint is None else given_path(checkpoint, "checkpoint")
        if fresh and self.step:
            raise ValueError(
                f"fresh=True, but this trainer has done {self.step} steps; to begin anew build the "
                "networks and the trainer again, to go on leave fresh=True out"
            )
        bar = progress_bar(self.step, steps, progress if self.rank == 0 else False)
        plan = _Plan(steps, end, path, save_every, callback, wanted, fresh, bar)
        self._modes = modes_of(*nets_of(self))
        try:
            try:
                self._train(plan, data)
            finally:
                self._settle(bar)
        finally:  # once more: the interrupt may have come in the midst of settling
            self._settle(bar)
        return self.history

    @torch.inference_mode(False)
    def _train(self, plan: _Plan, data: Any) -> None:
        if self._open:
            self._take_back()
        self._thaw()  # after a g_step of the caller's own that was cut off
        draw = batches(self, data)
        if plan.path is not None:
            checkpoints.check_writable(plan.path)
            with self.processes.main_first():
                _resume.begin(self, plan.path, plan.steps, plan.fresh)
            self.processes.check_in_step(self.step, plan.path)
            plan.log = Log(plan.path, self.step) if self.rank == 0 else None
        _settings.check_schedule(self.step and self.schedule, self.total, plan.steps)
        self.total, self._unsaved = plan.steps, False
        if self.step >= plan.steps and (self.step == 0 or self._done >= self.step):
            return
        self.generator.train()
        self.discriminator.train()
        self._modes = modes_of(*nets_of(self))
        plan.bar.update(self.step - plan.bar.n)
        self._keep()
        while True:
            over = self.step >= plan.steps or time.monotonic() >= plan.end
            if self._done < self.step:  # of the last step, or of one before an interrupt
                self._after_a_step(plan, over)
            if over:
                return
            self._open = True
            if self.schedule is not None:
                self._set_learning_rates()
            for _ in range(self.n_critic):
                self.d_step(*draw())
            g_loss = self.g_step(self.batch_size // self.world, **self._for_generator(draw))
            self._pending.append((*self.d_parts, g_loss))
            self.step += 1
            self._open = False

    def _after_a_step(self, plan: _Plan, last: bool) -> None:
        path = plan.path
        save = path is not None and self.step > 0 and (last or self.step % plan.save_every == 0)
        call = plan.callback is not None and self.step in plan.wanted
        # (Processes must meet at the same steps: there the clock has no say.)
        late = self.world == 1 and self._kept is not None and time.monotonic() > self._kept.until
        if not (save or call or last or late or len(self._pending) == FLUSH):
            self._done = self.step
            return
        tell(self, path, plan.log, plan.bar)
        if save and path is not None:
            _resume.save_if_possible(self, path, last)
        # One line: no interrupt can come between the call and the note that it is done.
        self._done = (plan.callback(self) if call and plan.callback else None, self.step)[1]
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
            fetch(self, alone=True)  # (the other processes may be gone)
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
        inputs = [z.to(self.device), *labels_of_samples(self, n, labels)]
        modes = modes_of(net)
        net.eval()
        try:
            with torch.no_grad():
                return torch.cat([net(*chunk) for chunk in zip(*(b.split(4096) for b in inputs))])
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
        factor = _settings.scheduled(self.schedule, self.step / (self.total or 1))
        for optimizer in (self.optimizer_g, self.optimizer_d):
            for group in optimizer.param_groups:  # (the name that torch's own schedules use)
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor

    # Their names before the second edition.
    clip, decay = alias("weight_clip"), alias("schedule")

    # --- checkpoints ------------------------------------------------------------------------------

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked for, by the names of the arguments; a checkpoint holds it too."""
        names = "n_critic lr betas batch_size r1 r2 gp weight_clip ema_rampup schedule amp".split()
        mine = {name: getattr(self, name) for name in (*names, "accumulate", "seed")}
        return {
            "loss": self.loss.name,
            "ema": self.ema_decay,  # a half-life as the decay that it is
            "optimizer_g": _settings.in_words(self.optimizer_g, self.betas),
            "optimizer_d": _settings.in_words(self.optimizer_d, self.betas),
            "augment": None if self.augment is None else _settings.name_of(self.augment),
            **mine,
        }

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
        _resume.save(self, given_path(path))

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
        _resume.load(self, given_path(path), networks_only)


def _mean(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.stack(list(parts)).mean()


@dataclass
class _Plan:
    """What one ``fit`` was asked for, and what it tells with."""

    steps: int
    end: float  # on the clock
    path: Path | None
    save_every: int
    callback: Callable[[GANTrainer], object] | None
    wanted: set[int]  # steps that the callback is called after
    fresh: bool
    bar: Any
    log: Log | None = None


def _call(net: nn.Module, *inputs: Tensor) -> Tensor:
    return net(*inputs)
