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
import hashlib
import io
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from . import losses, penalties

FLUSH = 100  # steps between two looks at the losses: one device synchronisation each
DRIVE = Path("/content/drive/MyDrive")  # where Colab mounts Google Drive
AMP = {None: None, "bf16": torch.bfloat16, "fp16": torch.float16}


class CheckpointError(ValueError):
    """A checkpoint file that can't be used: torn, altered, or from another run."""


class DivergedError(RuntimeError):
    """A loss was not finite: ``step`` says where, ``checkpoint`` which file holds a good state."""

    def __init__(
        self, step: int, checkpoint: Path | None, what: str = "the loss became non-finite"
    ):
        self.step, self.checkpoint = step, checkpoint
        kept = f"the last good state is in {checkpoint}" if checkpoint else "no checkpoint was kept"
        super().__init__(
            f"{what} at step {step}; {kept}. Usual remedies: a lower learning "
            "rate, beta1 = 0, an R1 penalty, logits instead of log(sigmoid)"
        )


@dataclass
class History:
    """Losses by generator step, each ``(steps,)`` on the CPU (``d_loss``: the last critic step's,
    with its penalties)."""

    d_loss: Tensor = field(default_factory=lambda: torch.empty(0))
    g_loss: Tensor = field(default_factory=lambda: torch.empty(0))

    def __len__(self) -> int:
        return len(self.d_loss)


class GANTrainer:
    """Trains a generator against a discriminator by alternating steps.

    A generator with an attribute ``num_classes`` makes the run conditional: both networks take the
    labels ``y (N,)`` as a second argument, real and generated samples of a step share them, and
    penalties are gradients with respect to ``x`` at fixed ``y``.

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
        device: None: a GPU if there is one.
        accelerator: an ``accelerate.Accelerator``, to share each step between several processes
            (see :meth:`fit`). It then brings the device.

    Raises:
        ValueError: naming the argument that is out of range.

    Attributes:
        step: generator steps done. history: a :class:`History`. ema: the averaged generator,
            or None.
    """

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
        lr_g, lr_d = (lr, lr) if isinstance(lr, (int, float)) else lr
        self.loss = losses.get(loss)
        nz = getattr(generator, "nz", None)
        if not isinstance(nz, int):
            raise ValueError(
                f"generator.nz is {nz!r}; need the attribute nz, the size of its latent"
            )
        self.nz = nz
        self.num_classes: int | None = getattr(generator, "num_classes", None)
        if self.num_classes != getattr(discriminator, "num_classes", None):
            raise ValueError(
                f"generator.num_classes is {self.num_classes} and discriminator.num_classes "
                f"{getattr(discriminator, 'num_classes', None)}; give both one number of classes, "
                "or neither"
            )
        for name, value, good, need in (
            ("n_critic", n_critic, n_critic >= 1, "at least 1"),
            ("batch_size", batch_size, batch_size >= 1, "at least 1"),
            ("lr", lr, lr_g > 0 and lr_d > 0, "positive numbers (generator, discriminator)"),
            ("betas", betas, all(0 <= b < 1 for b in betas), "two numbers in [0, 1)"),
            ("r1", r1, r1 >= 0, "0 or more"),
            ("r2", r2, r2 >= 0, "0 or more"),
            ("gp", gp, gp >= 0, "0 or more"),
            ("clip", clip, clip is None or clip > 0, "None or a positive bound"),
            ("ema", ema, ema is None or 0 <= ema < 1, "None or a number in [0, 1), e.g. 0.999"),
            ("decay", decay, decay in (None, "linear", "cosine"), "None, 'linear' or 'cosine'"),
            ("amp", amp, amp in AMP, "None, 'bf16' or 'fp16'"),
            ("accumulate", accumulate, accumulate >= 1, "at least 1"),
        ):
            if not good:
                raise ValueError(f"{name}={value!r}; need {need}")
        self.accelerator = accelerator
        self.rank, self.world = 0, 1  # this process, and how many share a step
        if accelerator is not None:
            _check_accelerator(accelerator, device)
            self.rank, self.world = accelerator.process_index, accelerator.num_processes
            # Processes on a CPU are given cpu:0, cpu:1, ...; torch.load knows only one.
            device = "cpu" if accelerator.device.type == "cpu" else accelerator.device
        if batch_size % (accumulate * self.world):
            raise ValueError(
                f"batch_size={batch_size} can't be cut into accumulate={accumulate} equal parts"
                + (f" in each of {self.world} processes" if accelerator else "")
            )
        default = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device or default)
        self._cuda = self.device.type == "cuda"
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
        self.n_critic, self.batch_size = n_critic, batch_size
        self.r1, self.r2, self.gp, self.clip, self.decay = r1, r2, gp, clip, decay
        self.ema_decay = ema
        self.ema = copy.deepcopy(generator).requires_grad_(False) if ema is not None else None
        self.lr = (lr_g, lr_d)
        betas = (float(betas[0]), float(betas[1]))  # Adam refuses (0, 0.99): an int and a float
        # fused: one kernel for all parameters instead of a Python loop over them.
        self.optimizer_g = torch.optim.Adam(generator.parameters(), lr_g, betas, fused=True)
        self.optimizer_d = torch.optim.Adam(discriminator.parameters(), lr_d, betas, fused=True)
        self.amp, self.accumulate = amp, accumulate
        # Small fp16 gradients would round to 0: each player's loss is scaled up before its backward
        # pass and the gradients down after it. A step whose gradients overflow is left out and the
        # scale halved. (Disabled, a scaler hands everything through.)
        fp16 = amp == "fp16"
        self.scaler_g = torch.amp.GradScaler(self.device.type, enabled=fp16)
        self.scaler_d = torch.amp.GradScaler(self.device.type, enabled=fp16)
        self.seed = seed
        self.rng = torch.Generator(self.device).manual_seed(seed)
        self.step = 0
        self.total: int | None = None  # steps of the learning-rate schedule
        self.history = History()
        self._d_parameters = list(discriminator.parameters())
        self._g_parameters: list[Tensor] = list(generator.parameters())

    # --- one step of each player ------------------------------------------------------------------

    def latent(self, n: int) -> Tensor:
        """Draw ``z (n, nz)``, standard normal, from the trainer's own random stream."""
        z = torch.randn(n * self.world, self.nz, generator=self.rng, device=self.device)
        return self._share(z)

    def _share(self, batch: Tensor) -> Tensor:
        """This process's part of a batch. Every process draws the whole of it, from one seed: so
        the samples are those of a single process, however many share them."""
        return batch.chunk(self.world)[self.rank] if self.world > 1 else batch

    def d_step(self, real: Tensor, labels: Tensor | None = None) -> Tensor:
        """One discriminator step on real samples ``(N, ...)`` and as many new generated ones.

        In a conditional run the generated samples are of the same ``labels (N,)``. Returns the
        loss, a scalar on the device. The generator is left as it is.
        """
        self._check_labelled(labels)
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
                done.append(self._d_loss(*part) / self.accumulate)
                # Not .backward(): that would go on to the penalised samples, which are leaves too.
                scaled = self.scaler_d.scale(done[-1])
                torch.autograd.backward(scaled, inputs=self._d_parameters)
        self._update(self.optimizer_d, self.scaler_d)
        if self.clip is not None:
            penalties.clip_weights_(self.discriminator, self.clip)
        return _total(done)

    def _d_loss(self, real: Tensor, y: Tensor | None, z: Tensor, mix: Tensor | None) -> Tensor:
        with torch.no_grad():  # the generator is not trained here: build no graph through it
            fake = self._generate(self.generator, z, y)
        if self.r1:
            real = real.detach().requires_grad_()
        if self.r2:
            fake.requires_grad_()
        real_logits = self._judge(self._d, real, y, exact=self.r1 > 0)
        fake_logits = self._judge(self._d, fake, y, exact=self.r2 > 0)
        loss = self.loss.discriminator(real_logits, fake_logits)
        if self.r1:  # from the logits just computed: no second pass through the network
            gradient = penalties.input_gradient(real_logits, real)
            loss = loss + self.r1 / 2 * gradient.square().sum(1).mean()
        if self.r2:
            gradient = penalties.input_gradient(fake_logits, fake)
            loss = loss + self.r2 / 2 * gradient.square().sum(1).mean()
        if self.gp:
            judge = partial(self._judge, self._d, y=y, exact=True)
            loss = loss + self.gp * penalties.gradient_penalty(judge, real, fake, mix=mix)
        return loss

    def g_step(self, n: int, real: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """One generator step on ``n`` new generated samples, in a conditional run of the given
        ``labels (n,)``; ``real`` (of the same labels) only for paired losses.

        Returns the loss, a scalar on the device. The discriminator is left as it is.
        """
        self._check_labelled(labels)
        for parameter in self._d_parameters:  # its gradients would be computed and thrown away
            parameter.requires_grad_(False)
        try:
            self.optimizer_g.zero_grad()
            done: list[Tensor] = []
            for z, x, y in self._parts(self.latent(n), real, labels):
                with self._averaging(self._g, last=len(done) == self.accumulate - 1):
                    fake = self._generate(self._g, z, y)
                    fake_logits = self._judge(self.discriminator, fake, y)
                    real_logits = self._judge(self.discriminator, x, y) if x is not None else None
                    done.append(self.loss.generator(fake_logits, real_logits) / self.accumulate)
                    self.scaler_g.scale(done[-1]).backward()
            self._update(self.optimizer_g, self.scaler_g)
        finally:
            for parameter in self._d_parameters:
                parameter.requires_grad_(True)
        if self.ema is not None:
            self._update_ema()
        return _total(done)

    def _generate(self, net: nn.Module, z: Tensor, y: Tensor | None) -> Tensor:
        with self._half():
            fake = net(z) if y is None else net(z, y)
        return fake.float() if self.amp else fake

    def _judge(self, net: nn.Module, x: Tensor, y: Tensor | None, exact: bool = False) -> Tensor:
        """Logits ``(N,)``. ``exact``: in float32 under ``amp`` too, for what a penalty
        differentiates. A penalty is a *squared gradient*, differentiated once more: fp16 ends at
        65504 and loses digits below 6e-5, so a gradient of 300 already overflows when squared and
        one of 1e-4 vanishes; bf16 has the range, but 3 significant digits for a double derivative.
        """
        with nullcontext() if exact else self._half():
            logits = net(x) if y is None else net(x, y)
        return logits.float() if self.amp else logits

    def _half(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, AMP[self.amp]) if self.amp else nullcontext()

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
        callback: Callable[[GANTrainer], None] | None = None,
        callback_steps: Iterable[int] = (),
        progress: bool | None = None,
    ) -> History:
        """Train until ``steps`` generator steps have been done in all.

        Calling again with the same number does nothing; with a larger one it goes on. With a
        ``checkpoint`` file, a run that was cut off resumes from it and ends bit for bit where an
        uninterrupted one ends (same machine and versions; on a GPU: with deterministic kernels).

        With an ``accelerator``, call it in every process with the same arguments, on a trainer with
        the same seed: each works on its part of every batch (``batch_size`` is that of all together)
        and gradients are averaged, so that the run is a single process's, up to rounding. BatchNorm
        sees a process's part at a time. Only the main process writes the checkpoint, all read it.

        Args:
            data: samples ``(N, ...)`` as a float tensor, an ``ImageSet``, or anything with
                ``.sample(n, generator=...)``. Images must lie in [-1, 1]. A conditional run needs
                labels: an ``ImageSet``, or ``(samples, labels (N,))``.
            steps: generator steps in all.
            checkpoint: file to resume from if it is there, and to save to.
            every: steps between two saves. The save before the last is kept as ``<name>.prev``.
            callback: called with the trainer after each step listed in ``callback_steps`` (0:
                before the first).
            progress: show a progress bar. None: in a live session yes, in a book build no.

        Raises:
            ValueError: for bad steps or data, or nets that don't fit together or the data.
            OSError: for a checkpoint path that can't be written, before any training.
            DivergedError: when a loss is no longer finite. The checkpoint on disk stays good.
        """
        if steps < 0 or every < 1:
            raise ValueError(f"steps={steps}, every={every}; need steps >= 0 and every >= 1")
        draw = self._batches(data)
        path = Path(checkpoint) if checkpoint is not None else None
        if path is not None:
            _check_writable(path)
            with self.accelerator.main_process_first() if self.accelerator else nullcontext():
                self._resume(path)
            self._check_in_step(path)
        if self.decay and self.step and self.total not in (None, steps):
            raise ValueError(
                f"steps={steps}, but the run so far decays its learning rate over {self.total}; "
                "go on with that number, or start a new trainer"
            )
        self.total = steps
        if self.step >= steps:
            return self.history
        self.generator.train()
        self.discriminator.train()
        wanted = set(callback_steps)
        if callback is not None and 0 in wanted and self.step == 0:
            callback(self)
        pending: list[Tensor] = []
        with _bar(self.step, steps, progress if self.rank == 0 else False) as bar:
            try:
                while self.step < steps:
                    self._set_learning_rates()
                    for _ in range(self.n_critic):
                        d_loss = self.d_step(*draw())
                    n = self.batch_size // self.world
                    g_loss = self.g_step(n, **self._for_generator(draw))
                    self.step += 1
                    pending += (d_loss, g_loss)
                    save = path is not None and (self.step % every == 0 or self.step == steps)
                    call = callback is not None and self.step in wanted
                    if len(pending) == 2 * FLUSH or save or call or self.step == steps:
                        self._flush(pending, path, bar)
                    if save:
                        assert path is not None
                        self.save(path)
                    if call:
                        assert callback is not None
                        callback(self)
                        self.generator.train()
                        self.discriminator.train()
            finally:  # interrupted: what was measured is kept
                if pending:  # (here: the other processes may be gone)
                    self._record(pending, alone=True)
        return self.history

    def sample(
        self,
        n: int,
        generator: torch.Generator | None = None,
        labels: int | Sequence[int] | Tensor | None = None,
    ) -> Tensor:
        """Generate ``(n, ...)`` from the averaged generator if there is one, in evaluation mode.

        Without ``generator`` the latents are the same at every call, so that pictures taken through
        training can be compared; training's own random stream is not touched either way.

        Args:
            n: how many.
            generator: draws the latents.
            labels: ``(n,)``, or one label for all; None: 0, 1, 2, ... over and over. Conditional
                runs only.

        Raises:
            ValueError: for n < 1, or labels that don't fit.
        """
        if n < 1:
            raise ValueError(f"n={n}; need at least one sample")
        net = self.ema if self.ema is not None else self.generator
        rng = generator or torch.Generator(self.device).manual_seed(self.seed + 1)
        batches = [torch.randn(n, self.nz, generator=rng, device=rng.device).to(self.device)]
        if self.num_classes is not None:
            y = torch.arange(n) % self.num_classes if labels is None else torch.as_tensor(labels)
            y = y.expand(n) if y.ndim == 0 else y
            _check_labels(y, n, self.num_classes)
            batches.append(y.to(self.device))
        elif labels is not None:
            raise ValueError("labels are given, but the generator has no num_classes")
        training = net.training
        net.eval()
        try:
            with torch.no_grad():
                return torch.cat([net(*chunk) for chunk in zip(*(b.split(4096) for b in batches))])
        finally:
            net.train(training)

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
        if isinstance(data, Tensor):
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
        elif hasattr(data, "sample") and self.num_classes is None:

            def draw() -> tuple[Tensor, ...]:
                return (self._share(data.sample(self.batch_size, generator=self.rng)),)

            example = data.sample(2, generator=torch.Generator(self.device).manual_seed(0))
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
        modes = self.generator.training, self.discriminator.training
        self.generator.eval()
        self.discriminator.eval()
        y = [] if self.num_classes is None else [torch.zeros(2, dtype=torch.int64).to(self.device)]
        try:
            fake = self.generator(torch.zeros(2, self.nz, device=self.device), *y)
            if fake.shape[1:] != example.shape[1:]:
                raise ValueError(
                    f"generator makes samples of shape {tuple(fake.shape[1:])}, data has "
                    f"{tuple(example.shape[1:])}; give both one shape"
                )
            logits = self.discriminator(fake, *y)
            if logits.shape != (2,):
                raise ValueError(
                    f"discriminator returns shape {tuple(logits.shape)} for 2 samples; need logits "
                    "(2,): end it in .squeeze(1)"
                )
        finally:
            self.generator.train(modes[0])
            self.discriminator.train(modes[1])

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

    def _record(self, pending: list[Tensor], alone: bool = False) -> Tensor:
        new = torch.stack(pending).float()
        if self.accelerator is not None and not alone:
            # The whole batch's losses. All processes see the same, so all stop at the same step.
            new = self.accelerator.reduce(new, "mean")
        new = new.cpu().view(-1, 2)
        self.history.d_loss = torch.cat([self.history.d_loss, new[:, 0]])
        self.history.g_loss = torch.cat([self.history.g_loss, new[:, 1]])
        pending.clear()
        return new

    def _flush(self, pending: list[Tensor], path: Path | None, bar: Any) -> None:
        new = self._record(pending)
        finite = new.isfinite().all(1)
        if not finite.all():
            step = self.step - len(new) + 1 + int(finite.logical_not().nonzero()[0])
            raise DivergedError(step, path if path is not None and path.exists() else None)
        # fp16 leaves out steps whose gradients overflow; a loss can stay finite while none is taken
        if self.amp == "fp16" and min(s.get_scale() for s in (self.scaler_g, self.scaler_d)) < 1e-6:
            good = path if path is not None and path.exists() else None
            raise DivergedError(self.step, good, "no gradient was finite for dozens of steps")
        bar.update(self.step - bar.n)
        bar.set_postfix_str(f"D {new[-1, 0]:.3f}  G {new[-1, 1]:.3f}", refresh=False)

    # --- checkpoints ------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything a run needs to go on: nets, EMA, optimizers, history, random state.

        The file is written beside ``path``, flushed to disk and renamed, so a kill at any moment
        leaves a whole file; the save before is kept as ``<name>.prev``. With an ``accelerator``
        call it in every process: the main one writes, the others wait for it.

        Raises:
            OSError: when the folder can't be written.
        """
        path = Path(path)
        state = {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "ema": self.ema.state_dict() if self.ema is not None else None,
            "optimizer_g": self.optimizer_g.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
            "scaler_g": self.scaler_g.state_dict(),  # empty without fp16
            "scaler_d": self.scaler_d.state_dict(),
            "d_loss": self.history.d_loss,
            "g_loss": self.history.g_loss,
            "rng": self.rng.get_state(),
            "torch_rng": torch.get_rng_state(),  # dropout and the like draw from the global stream
            "cuda_rng": torch.cuda.get_rng_state(self.device) if self._cuda else None,
            "step": self.step,
            "total": self.total,
        }
        if self.rank == 0:
            _write_checkpoint(state, path)
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take over the state saved at ``path``; nothing is unpickled (``weights_only=True``).

        Raises:
            FileNotFoundError: if there is no such file.
            CheckpointError: if it is torn or altered, or belongs to other networks.
        """
        state = _read_checkpoint(Path(path), self.device)
        if (state["ema"] is None) != (self.ema is None):
            raise CheckpointError(
                f"{path} and this trainer disagree about ema; use the same setting"
            )
        try:
            self.generator.load_state_dict(state["generator"])
            self.discriminator.load_state_dict(state["discriminator"])
            self.optimizer_g.load_state_dict(state["optimizer_g"])
            self.optimizer_d.load_state_dict(state["optimizer_d"])
            if self.ema is not None:
                self.ema.load_state_dict(state["ema"])
        except (RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"{path} was saved from other networks ({str(error).splitlines()[0]}); build the "
                "same ones, or choose another checkpoint file"
            ) from error
        for scaler, name in ((self.scaler_g, "scaler_g"), (self.scaler_d, "scaler_d")):
            if scaler.is_enabled() and state.get(name):
                scaler.load_state_dict(state[name])
        self.history = History(state["d_loss"].cpu(), state["g_loss"].cpu())
        rng = state["rng"].cpu()
        if len(rng) == len(self.rng.get_state()):
            self.rng.set_state(rng)
        else:
            warnings.warn(
                f"{path} was saved on another kind of device, whose random numbers {self.device} "
                "can't go on with; fine for samples, but a resumed run will draw other batches",
                stacklevel=2,
            )
        torch.set_rng_state(state["torch_rng"].cpu())
        if state["cuda_rng"] is not None and self._cuda:
            torch.cuda.set_rng_state(state["cuda_rng"].cpu(), self.device)
        self.step, self.total = state["step"], state["total"]

    def _resume(self, path: Path) -> None:
        """Load ``path`` if it is ahead of this trainer; a torn file gives way to ``.prev``."""
        for candidate in (path, _previous(path)):
            if not candidate.exists():
                continue
            try:
                if _read_checkpoint(candidate, self.device)["step"] > self.step:
                    self.load(candidate)
                return
            except CheckpointError as error:
                if candidate != path or not _previous(path).exists():
                    raise
                # Out of the way, or the next save would rotate it over the good one.
                os.replace(path, path.with_name(path.name + ".torn"))
                warnings.warn(f"{error}; going on from {_previous(path)}", stacklevel=3)

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

    The first of: ``$GANCOURSE_RUNS/name``; ``gancourse/name`` on Google Drive where Colab has it
    mounted; ``runs/name`` in the working directory, which is lost with a Colab machine.

    Raises:
        ValueError: if ``name`` is anything but letters, digits, ``-`` and ``_``.
        OSError: if the folder can't be made.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"name={name!r}; need letters, digits, '-' and '_' only")
    base = Path(os.environ.get("GANCOURSE_RUNS") or "runs")
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


def _check_writable(path: Path) -> None:
    if path.is_dir() or not os.access(path.parent, os.W_OK) or not path.parent.is_dir():
        raise OSError(
            f"checkpoint={str(path)!r} can't be written; need a file name in an existing, writable "
            "folder"
        )


def _previous(path: Path) -> Path:
    return path.with_name(path.name + ".prev")


MAGIC = b"GANCOURSE-CKPT-1"


def _write_checkpoint(state: dict[str, Any], path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            # The digest comes last: a file cut short anywhere fails its check.
            file.write(payload + MAGIC + hashlib.sha256(payload).digest())
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.replace(path, _previous(path))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    content = path.read_bytes()
    payload, magic, digest = content[:-48], content[-48:-32], content[-32:]
    if magic != MAGIC or hashlib.sha256(payload).digest() != digest:
        raise CheckpointError(
            f"{path} is torn or altered ({len(content):,} bytes, checksum wrong); delete it to "
            "start again, or use the save before it"
        )
    return torch.load(io.BytesIO(payload), map_location=device, weights_only=True)


def _bar(done: int, total: int, progress: bool | None) -> Any:
    from tqdm.auto import tqdm

    if progress is None:
        progress = os.environ.get("GANCOURSE_STATIC") != "1"
    return tqdm(initial=done, total=total, unit="step", disable=not progress, leave=False)
