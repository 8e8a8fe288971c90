"""Recorded runs of chapter 6: what each part of a modern baseline does, asked from both ends.

A run differs from another in the loss (non-saturating, or relativistic pairs), R1, R2, beta1,
beta2, the learning rate and its decay. The tutorials' settings stand at one end, the full recipe
at the other; each row below changes one thing of an end, or is a corner of one of two cubes:
pairing x R1 x R2 with the fast optimizer, and beta2 x rate x decay with non-saturating + R1.

The chapter runs seed 0 of two rows live, with the package's trainer and these settings. Here the
seeds of a row take their steps together (`Runs`), which is three times as fast: the same draws, the
same arithmetic up to rounding (tests/test_experiments.py holds it against the trainer).
``ch06-stacked`` asks the upper rows again on images and wants a GPU.

Seeds 3, 4 and 5 are held back: they were run once, after the chapter had said from the other five
where their scores should fall (``ch06-heldback``).
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gancourse import data, metrics, nets
from gancourse.training import GANTrainer
from scripts.chapters import chapter
from scripts.experiments import Recorder, experiment

page = chapter("06")

# gamma of the gradient penalties: in units of the data, so it differs with their scale
GAMMA = {"ring": 0.1, "grid": 0.03}
TUTORIAL: dict[str, Any] = {
    "loss": "nonsaturating", "lr": 1e-3, "betas": (0.5, 0.999), "schedule": None,
}  # fmt: skip
FAST: dict[str, Any] = {"lr": 2e-3, "betas": (0.0, 0.99), "schedule": "linear"}
PAIRS: dict[str, Any] = {"loss": "relativistic"}
R1: dict[str, Any] = {"r1": True}
R2: dict[str, Any] = {"r2": True}
RECIPE = TUTORIAL | FAST | PAIRS | R1 | R2

# Pairing x R1 x R2, everything else as in the recipe.
LOSSES: dict[str, dict[str, Any]] = {
    "non-saturating": TUTORIAL | FAST,
    "non-saturating, R1": TUTORIAL | FAST | R1,
    "non-saturating, R2": TUTORIAL | FAST | R2,
    "non-saturating, R1 + R2": TUTORIAL | FAST | R1 | R2,
    "pairs": TUTORIAL | FAST | PAIRS,
    "pairs, R1": TUTORIAL | FAST | PAIRS | R1,
    "pairs, R2": TUTORIAL | FAST | PAIRS | R2,
    "pairs, R1 + R2": RECIPE,
}


def optimizer(rate: float, beta1: float, beta2: float, decay: str | None) -> str:
    return f"rate {rate:g}, beta1 {beta1:g}, beta2 {beta2:g}, {decay or 'no'} decay"


def cube() -> dict[str, dict[str, Any]]:
    """Non-saturating + R1: beta2 x rate x decay at beta1 = 0, and what beta1 = 0.5 changes."""
    corners = [(r, 0.0, b, d) for r in (2e-3, 1e-3) for b in (0.99, 0.999)
               for d in ("linear", None)]  # fmt: skip
    corners += [(2e-3, 0.5, 0.99, "linear")]
    rows = {
        optimizer(*corner): TUTORIAL
        | R1
        | {"lr": corner[0], "betas": corner[1:3], "schedule": corner[3]}
        for corner in corners
    }
    del rows[optimizer(2e-3, 0.0, 0.99, "linear")]  # it is LOSSES["non-saturating, R1"]
    return rows


OPTIMIZER = cube()
CHANGED_ONCE = (  # one thing of the fast optimizer put back
    optimizer(2e-3, 0.0, 0.999, "linear"), optimizer(2e-3, 0.0, 0.99, None),
    optimizer(1e-3, 0.0, 0.99, "linear"), optimizer(2e-3, 0.5, 0.99, "linear"),
)  # fmt: skip
# One thing added to the tutorials' settings ...
BOTTOM: dict[str, dict[str, Any]] = {
    "tutorial": TUTORIAL,
    "tutorial + R1": TUTORIAL | R1,
    "tutorial + R1 + R2": TUTORIAL | R1 | R2,
    "tutorial + pairs": TUTORIAL | PAIRS,
    "tutorial + beta1 0": TUTORIAL | {"betas": (0.0, 0.999)},
    "tutorial + beta2 0.99": TUTORIAL | {"betas": (0.5, 0.99)},
    "tutorial + rate 2e-3": TUTORIAL | {"lr": 2e-3},
    "tutorial + linear decay": TUTORIAL | {"schedule": "linear"},
}
# ... and one thing of the recipe's optimizer put back (its loss and penalties: LOSSES).
TOP: dict[str, dict[str, Any]] = {
    "recipe, beta1 0.5": RECIPE | {"betas": (0.5, 0.99)},
    "recipe, beta2 0.999": RECIPE | {"betas": (0.0, 0.999)},
    "recipe, rate 1e-3": RECIPE | {"lr": 1e-3},
    "recipe, no decay": RECIPE | {"schedule": None},
}
# WGAN-GP with the lambda of its authors' toys; one critic step costs what a row above costs.
WGAN: dict[str, dict[str, Any]] = {
    f"WGAN-GP, {n} critic step{'s' * (n > 1)}": {
        **FAST, "loss": "wasserstein", "lr": 1e-3, "gp": 0.1, "n_critic": n,
    }
    for n in (1, 5)
}  # fmt: skip
ROWS = LOSSES | OPTIMIZER | BOTTOM | TOP | WGAN
# The rows that a sentence of the chapter rests on: five seeds. The others have three.
DECIDING = {
    "non-saturating", "non-saturating, R1", "non-saturating, R1 + R2", "pairs, R1",
    "pairs, R1 + R2", "tutorial", "tutorial + R1",
    optimizer(2e-3, 0.0, 0.999, "linear"),
}  # fmt: skip
HELD_BACK = (
    "tutorial", "tutorial + R1", "non-saturating", "non-saturating, R1",
    "non-saturating, R1 + R2", "pairs, R1 + R2",
)  # fmt: skip
ON_THE_RING = ("tutorial", "non-saturating", "non-saturating, R1", "pairs, R1 + R2")
DRAWN = ("tutorial", "tutorial + R1", "non-saturating", "non-saturating, R1",
         "non-saturating, R1 + R2", "pairs, R1 + R2")  # fmt: skip
LOOKS = (500, 1000, 2000, 4000, 6000)  # steps at which a run is scored on its way


def settings(row: str, gamma: float) -> dict[str, Any]:
    """GANTrainer's arguments for a row."""
    return {k: gamma * v if k in ("r1", "r2") else v for k, v in ROWS[row].items()}


class Together(nn.Module):
    """MLPs of one shape as one module, ``(S, N, in) -> (S, N, out)``: net s works on row s."""

    def __init__(self, members: Sequence[Any]):
        super().__init__()
        layers = list(zip(*([m for m in net.net if isinstance(m, nn.Linear)] for net in members)))
        self.weights = nn.ParameterList(torch.stack([m.weight.detach().T for m in s]) for s in layers)
        self.biases = nn.ParameterList(torch.stack([m.bias.detach()[None] for m in s]) for s in layers)
        self.activation = next(m for m in members[0].net if not isinstance(m, nn.Linear))

    def forward(self, x: Tensor) -> Tensor:
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(bias, x if i == 0 else self.activation(x), weight)
        return x


class Runs:
    """GANTrainer's steps for several seeds at once: each draws from its own stream, as there.

    A loss is the sum over seeds of each seed's own loss, so that every run gets its own gradient,
    and Adam works number by number: S runs in step are S runs.
    """

    def __init__(
        self, target: Any, seeds: Sequence[int], *, loss: str, lr: float,
        betas: tuple[float, float], schedule: str | None, r1: float = 0.0, r2: float = 0.0,
        gp: float = 0.0, n_critic: int = 1, batch_size: int = 128,
    ):  # fmt: skip
        self.target, self.seeds, self.loss, self.lr = target, seeds, loss, lr
        self.schedule = schedule
        self.r1, self.r2, self.gp, self.n_critic = r1, r2, gp, n_critic
        self.batch_size, self.done = batch_size, 0
        pairs = []
        for seed in seeds:
            torch.manual_seed(seed)
            pairs.append((nets.MLPGenerator(), nets.MLPDiscriminator()))
        self.generator, self.discriminator = (Together(kind) for kind in zip(*pairs))
        self.streams = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.optimizers = [
            torch.optim.Adam(net.parameters(), lr, betas, fused=True)
            for net in (self.generator, self.discriminator)
        ]
        self.average = [p.detach().clone() for p in self.generator.parameters()]

    def _draw(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        return torch.stack([draw(stream) for stream in self.streams])

    def _real(self) -> Tensor:
        return self._draw(lambda rng: self.target.sample(self.batch_size, generator=rng))

    def _latent(self) -> Tensor:
        return self._draw(lambda rng: torch.randn(self.batch_size, 2, generator=rng))

    @staticmethod
    def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
        weights = optimizer.param_groups[0]["params"]
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights)):
            # Contiguous: fused Adam reads a gradient in the order of its memory, whatever its
            # strides (torch 2.13), and a second derivative comes out transposed.
            weight.grad = gradient.contiguous()
        optimizer.step()

    @staticmethod
    def _slope(logits: Tensor, x: Tensor) -> Tensor:
        return torch.autograd.grad(logits.sum(), x, create_graph=True)[0]

    def _critic(self) -> None:
        real, z = self._real(), self._latent()
        if self.gp:
            mix = self._draw(lambda rng: torch.rand(self.batch_size, 1, generator=rng))
        with torch.no_grad():
            fake = self.generator(z)
        real.requires_grad_(self.r1 > 0)
        fake.requires_grad_(self.r2 > 0)
        on_real, on_fake = self.discriminator(real), self.discriminator(fake)
        if self.loss == "relativistic":
            each = softplus(on_fake - on_real)
        elif self.loss == "wasserstein":
            each = on_fake - on_real
        else:
            each = softplus(-on_real) + softplus(on_fake)
        loss = each.mean(1).sum()
        for gamma, logits, x in ((self.r1, on_real, real), (self.r2, on_fake, fake)):
            if gamma:
                loss = loss + gamma / 2 * self._slope(logits, x).square().sum(2).mean(1).sum()
        if self.gp:
            x = real.lerp(fake, mix).requires_grad_()
            norm = self._slope(self.discriminator(x), x).norm(dim=2)
            loss = loss + self.gp * (norm - 1).square().mean(1).sum()
        self._update(self.optimizers[1], loss)

    def step(self, total: int) -> None:
        """One generator step of ``total``, with the discriminator's before it."""
        factor = min(1.0, 2 * (1 - self.done / total)) if self.schedule else 1.0
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] = self.lr * factor
        for _ in range(self.n_critic):
            self._critic()
        pairs = self.loss == "relativistic"
        real = self._real() if pairs else None
        self.discriminator.requires_grad_(False)
        logits = self.discriminator(self.generator(self._latent()))
        if pairs:
            each = softplus(self.discriminator(real) - logits)
        else:
            each = -logits if self.loss == "wasserstein" else softplus(-logits)
        self._update(self.optimizers[0], each.mean(1).sum())
        self.discriminator.requires_grad_(True)
        live = [p.detach() for p in self.generator.parameters()]
        torch._foreach_lerp_(self.average, live, 1 - 0.999)
        self.done += 1

    def sample(self, n: int, average: bool = False) -> Tensor:
        """``(S, n, 2)``, from the latents that ``GANTrainer.sample`` takes."""
        z = torch.stack([torch.randn(n, 2, generator=torch.Generator().manual_seed(seed + 1))
                         for seed in self.seeds])  # fmt: skip
        live = [p.detach().clone() for p in self.generator.parameters()]
        with torch.no_grad():
            for weight, value in zip(self.generator.parameters(), self.average):
                if average:
                    weight.copy_(value)
            samples = self.generator(z)
            for weight, value in zip(self.generator.parameters(), live):
                weight.copy_(value)
        return samples


def landscapes(runs: Runs, mixture: data.GaussianMixture) -> list[dict[str, float]]:
    """What each discriminator's logit looks like: its height at the centers, how far these scatter,
    its height half-way between neighbours, and its root mean square slope at real and at generated
    samples."""
    centers = mixture.centers
    gaps = torch.cdist(centers, centers).fill_diagonal_(torch.inf)
    i, j = (gaps < 1.01 * gaps.min()).nonzero().T
    seeds = len(runs.seeds)
    with torch.no_grad():
        at, between = (
            runs.discriminator(x.expand(seeds, -1, -1))[..., 0]
            for x in (centers, (centers[i] + centers[j]) / 2)
        )
    real = mixture.sample(1000, torch.Generator().manual_seed(7)).expand(seeds, -1, -1)
    slopes = []
    for x in (real, runs.sample(1000)):
        x = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(runs.discriminator(x).sum(), x)
        slopes.append(slope.square().sum(2).mean(1).sqrt())
    found = zip(at.mean(1), at.std(1), between.mean(1), *slopes)
    names = ("centers", "spread", "between", "slope_real", "slope_fake")
    return [dict(zip(names, map(float, values))) for values in found]


@functools.cache
def run(target: str, row: str, seeds: tuple[int, ...], steps: int) -> dict[int, dict[str, Any]]:
    """A row's runs on the ring or the grid, by seed: 3x64 MLPs, z = 2, batch 128; scored on 2,500
    samples of the generator and, beside them, of its average (EMA 0.999), which changes nothing in
    training."""
    mixture = data.ring() if target == "ring" else data.grid()
    runs = Runs(mixture, seeds, **settings(row, GAMMA[target]))

    def scores(samples: Tensor) -> list[dict[str, float]]:
        return [metrics.mode_coverage(x, mixture.centers, mixture.std)._asdict() for x in samples]

    on_the_way: list[list[dict[str, float]]] = [[] for _ in seeds]
    began = time.process_time()
    for step in range(1, steps + 1):
        runs.step(steps)
        if step in LOOKS:
            looks = zip(on_the_way, scores(runs.sample(2500)), landscapes(runs, mixture))
            for looked, score, landscape in looks:
                looked.append({"step": step, **score, **landscape})
    cpu_seconds = (time.process_time() - began) / len(seeds)
    samples = runs.sample(2500)
    found = {}
    for i, (seed, score, average, landscape) in enumerate(
        zip(seeds, scores(samples), scores(runs.sample(2500, True)), landscapes(runs, mixture))
    ):
        result: dict[str, Any] = score | {
            "width": page.width(samples[i], mixture),
            "average": average,
            "landscape": landscape,
            "on_the_way": on_the_way[i],
            "cpu_seconds": cpu_seconds,
        }
        if row in DRAWN and seed <= 2:
            # a picture's worth of points, rounded: they are drawn, not measured
            result["samples"] = [[round(v, 3) for v in point] for point in samples[i, :300].tolist()]
        found[seed] = result
    print(f"{target}, {row}: {cpu_seconds:.0f} s a run", flush=True)
    return found


def rows(names: Any, target: str, seed: int, steps: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    results = {}
    for name in names:
        seeds = FIVE if name in DECIDING and target == "grid" else FIVE[:3]
        seeds = HELD_BACK_SEEDS if seed in HELD_BACK_SEEDS else seeds
        if seed in seeds:
            results[name] = run(target, name, seeds, steps)[seed]
    return {target: results}


def expected(values: Sequence[float], low: float, high: float) -> tuple[float, float]:
    """Where one more seed's score should fall, 95 of 100 times: mean +- t s sqrt(1 + 1/n), cut to
    what is possible. Where all recorded seeds agree it is that one value."""
    n, mean = len(values), statistics.mean(values)
    quantile = {3: 4.303, 5: 2.776}[n]  # of Student's t, n - 1 degrees of freedom
    half = quantile * statistics.stdev(values) * (1 + 1 / n) ** 0.5
    return max(low, mean - half), min(high, mean + half)


FIVE = (0, 1, 2, 6, 7)
HELD_BACK_SEEDS = (3, 4, 5)


@experiment("ch06-losses", seeds=FIVE, steps=8000)
def losses(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows(LOSSES, "grid", seed, steps)


@experiment("ch06-bottom", seeds=FIVE, steps=8000)
def bottom(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows(BOTTOM, "grid", seed, steps)


@experiment("ch06-optimizer", seeds=FIVE, steps=8000)
def optimizers(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows(CHANGED_ONCE, "grid", seed, steps)


@experiment("ch06-cube", steps=8000)
def corners(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """The corners of beta2 x rate x decay that differ from the fast optimizer in more."""
    return rows([row for row in OPTIMIZER if row not in CHANGED_ONCE], "grid", seed, steps)


@experiment("ch06-heldback", seeds=HELD_BACK_SEEDS, steps=8000)
def held_back(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows(HELD_BACK, "grid", seed, steps)


@experiment("ch06-top", steps=8000)
def top(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows([*TOP, "WGAN-GP, 1 critic step"], "grid", seed, steps)


@experiment("ch06-ring", steps=8000)
def ring(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows(ON_THE_RING, "ring", seed, steps)


@experiment("ch06-wgan", steps=8000)
def wgan(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows(["WGAN-GP, 5 critic steps"], "grid", seed, steps)


def count_modes(images: torch.Tensor, classifier: Any) -> tuple[int, float]:
    """Modes reached and KL(generated || uniform) in nats, for ``(N, 3, H, W)`` in [-1, 1]."""
    digits = torch.stack([classifier.logits(images[:, c : c + 1]).argmax(1) for c in range(3)], 1)
    labels = (digits.cpu() * torch.tensor([100, 10, 1])).sum(1)
    return page.modes_and_kl(labels)


@experiment(
    "ch06-stacked",
    steps=20_000, batch_size=128, width=64, gamma=1.0, lr=2e-4, n=26_000, amp="bf16",
)  # fmt: skip
def stacked(
    seed: int,
    device: torch.device,
    record: Recorder,
    *,
    steps: int,
    batch_size: int,
    width: int,
    gamma: float,
    lr: float,
    n: int,
    amp: str,
) -> dict[str, Any]:
    """The loss cube's upper rows on Stacked MNIST: a DCGAN pair, BatchNorm in neither net."""
    from gancourse import features

    images = data.stacked_mnist(download=False, seed=seed)
    classifier = features.load("mnist", device)
    modes, kl = count_modes(images.float()[:n], classifier)
    result: dict[str, dict[str, float]] = {"real": {"modes": modes, "kl": kl}}
    for row in ("non-saturating", "non-saturating, R1", "non-saturating, R1 + R2", "pairs, R1",
                "pairs, R1 + R2"):  # fmt: skip
        torch.manual_seed(seed)
        trainer = GANTrainer(
            nets.DCGANGenerator(128, (3, 28, 28), width=width, norm=False),
            nets.DCGANDiscriminator((3, 28, 28), width=width),
            batch_size=batch_size, seed=seed, device=device, ema=0.999, amp=amp,
            **settings(row, gamma) | {"lr": lr},
        )  # fmt: skip
        if "untrained" not in result:
            modes, kl = count_modes(trainer.sample(n), classifier)
            result["untrained"] = {"modes": modes, "kl": kl}
        began = time.perf_counter()
        trainer.fit(images, steps, progress=False)
        seconds = time.perf_counter() - began
        modes, kl = count_modes(trainer.sample(n), classifier)
        result[row] = {"modes": modes, "kl": kl, "images_a_second": steps * batch_size / seconds}
    return result
