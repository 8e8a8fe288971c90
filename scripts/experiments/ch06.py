"""Recorded runs of chapter 6: what each part of a modern baseline does, asked from both ends.

A run differs from another in the loss (non-saturating, or relativistic pairs), R1, R2, beta1,
beta2, the learning rate and its decay. The tutorials' settings stand at one end, the full recipe
at the other; each row below changes one thing of an end, or is a corner of one of two cubes:
pairing x R1 x R2 with the fast optimizer, and beta2 x rate x decay with non-saturating + R1.

The chapter runs seed 0 of two rows live, with the package's trainer and these settings.
``ch06-stacked`` asks the upper rows again on images and wants a GPU.

Seeds 3, 4 and 5 are held back: they were run once, after the chapter had said from the other five
where their scores should fall (``ch06-heldback``).
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from gancourse import data, metrics, nets
from gancourse.training import GANTrainer
from scripts.experiments import Recorder, experiment

# gamma of the gradient penalties: in units of the data, so it differs with their scale
GAMMA = {"ring": 0.1, "grid": 0.03}
TUTORIAL: dict[str, Any] = {
    "loss": "nonsaturating", "lr": 1e-3, "betas": (0.5, 0.999), "decay": None,
}  # fmt: skip
FAST: dict[str, Any] = {"lr": 2e-3, "betas": (0.0, 0.99), "decay": "linear"}
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
    # the tutorials' optimizer, and the fast one with their beta1
    corners += [(1e-3, 0.5, 0.999, None), (2e-3, 0.5, 0.99, "linear")]
    rows = {
        optimizer(*corner): TUTORIAL
        | R1
        | {"lr": corner[0], "betas": corner[1:3], "decay": corner[3]}
        for corner in corners
    }
    del rows[optimizer(2e-3, 0.0, 0.99, "linear")]  # it is LOSSES["non-saturating, R1"]
    return rows


OPTIMIZER = cube()
# One thing added to the tutorials' settings (R1 alone is a row of OPTIMIZER) ...
BOTTOM: dict[str, dict[str, Any]] = {
    "tutorial": TUTORIAL,
    "tutorial + R1 + R2": TUTORIAL | R1 | R2,
    "tutorial + pairs": TUTORIAL | PAIRS,
    "tutorial + beta1 0": TUTORIAL | {"betas": (0.0, 0.999)},
    "tutorial + beta2 0.99": TUTORIAL | {"betas": (0.5, 0.99)},
    "tutorial + rate 2e-3": TUTORIAL | {"lr": 2e-3},
    "tutorial + linear decay": TUTORIAL | {"decay": "linear"},
}
# ... and one thing of the recipe's optimizer put back (its loss and penalties: LOSSES).
TOP: dict[str, dict[str, Any]] = {
    "recipe, beta1 0.5": RECIPE | {"betas": (0.5, 0.99)},
    "recipe, beta2 0.999": RECIPE | {"betas": (0.0, 0.999)},
    "recipe, rate 1e-3": RECIPE | {"lr": 1e-3},
    "recipe, no decay": RECIPE | {"decay": None},
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
    "pairs, R1 + R2", "tutorial", optimizer(1e-3, 0.5, 0.999, None),
    optimizer(2e-3, 0.0, 0.999, "linear"),
}  # fmt: skip
HELD_BACK = (
    "tutorial", optimizer(1e-3, 0.5, 0.999, None), "non-saturating", "non-saturating, R1",
    "non-saturating, R1 + R2", "pairs, R1 + R2",
)  # fmt: skip
ON_THE_RING = ("tutorial", "non-saturating", "non-saturating, R1", "pairs, R1 + R2")
DRAWN = ("tutorial", optimizer(1e-3, 0.5, 0.999, None), "non-saturating", "non-saturating, R1",
         "non-saturating, R1 + R2", "pairs, R1 + R2")  # fmt: skip
LOOKS = (500, 1000, 2000, 4000, 6000)  # steps at which a run is scored on its way


def width(samples: Tensor, mixture: data.GaussianMixture) -> float:
    """Median over modes of the good samples' standard deviation, as a share of the true one.

    ``samples (n, 2)``; modes with fewer than five good samples are left out.
    """
    distance, mode = torch.cdist(samples, mixture.centers).min(1)
    good = distance < 3 * mixture.std
    spreads = [
        samples[good & (mode == k)].std(0).mean()
        for k in range(len(mixture.centers))
        if int((good & (mode == k)).sum()) >= 5
    ]
    return float(torch.stack(spreads).median() / mixture.std) if spreads else 0.0


def landscape(trainer: GANTrainer, mixture: data.GaussianMixture) -> dict[str, float]:
    """What the discriminator's logit looks like: its height at the centers and half-way between
    neighbours, and its root mean square slope at real and at generated samples."""
    net, centers = trainer.discriminator, mixture.centers
    gaps = torch.cdist(centers, centers).fill_diagonal_(torch.inf)
    i, j = (gaps < 1.01 * gaps.min()).nonzero().T
    with torch.no_grad():
        told = {"centers": net(centers), "between": net((centers[i] + centers[j]) / 2)}
    found = {name: float(f.mean()) for name, f in told.items()}
    found["spread"] = float(told["centers"].std())
    real = mixture.sample(1000, torch.Generator().manual_seed(7))
    for name, x in (("slope_real", real), ("slope_fake", trainer.sample(1000))):
        x = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(net(x).sum(), x)
        found[name] = float(slope.square().sum(1).mean().sqrt())
    return found


def run(target: str, row: str, seed: int, steps: int) -> tuple[dict[str, Any], GANTrainer]:
    """One run on the ring or the grid: 3x64 MLPs, z = 2, batch 128; scored on 2,500 samples.

    The average (EMA, 0.999) of the same run is scored beside it: it changes nothing in training.
    """
    mixture = data.ring() if target == "ring" else data.grid()
    settings = {k: GAMMA[target] * v if k in ("r1", "r2") else v for k, v in ROWS[row].items()}
    torch.manual_seed(seed)
    trainer = GANTrainer(
        nets.MLPGenerator(), nets.MLPDiscriminator(),
        batch_size=128, seed=seed, device="cpu", ema=0.999, **settings,
    )  # fmt: skip
    average = trainer.ema

    def scored() -> tuple[dict[str, float], Tensor]:
        samples = trainer.sample(2500)
        score = metrics.mode_coverage(samples, mixture.centers, mixture.std)
        return score._asdict(), samples

    on_the_way: list[dict[str, float]] = []

    def look(trainer: GANTrainer) -> None:
        trainer.ema = None  # the live generator
        on_the_way.append({"step": trainer.step, **scored()[0], **landscape(trainer, mixture)})
        trainer.ema = average

    began = time.process_time()
    trainer.fit(mixture, steps, progress=False, callback=look, callback_steps=LOOKS)
    cpu_seconds = time.process_time() - began
    averaged, _ = scored()
    trainer.ema = None
    score, samples = scored()
    result: dict[str, Any] = score | {
        "width": width(samples, mixture),
        "average": averaged,
        "landscape": landscape(trainer, mixture),
        "on_the_way": on_the_way,
        "cpu_seconds": cpu_seconds,
    }
    if row in DRAWN:
        # a picture's worth of points, rounded: they are drawn, not measured
        result["samples"] = [[round(v, 3) for v in point] for point in samples[:300].tolist()]
    return result, trainer


def rows(names: Any, target: str, seed: int, steps: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    return {
        target: {
            name: run(target, name, seed, steps)[0]
            for name in names
            if seed <= 2 or name in DECIDING
        }
    }


FIVE = (0, 1, 2, 6, 7)


@experiment("ch06-losses", seeds=FIVE, steps=8000)
def losses(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows(LOSSES, "grid", seed, steps)


@experiment("ch06-bottom", seeds=FIVE, steps=8000)
def bottom(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows(BOTTOM, "grid", seed, steps)


@experiment("ch06-optimizer", seeds=FIVE, steps=8000)
def optimizers(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return rows(OPTIMIZER, "grid", seed, steps)


@experiment("ch06-heldback", seeds=(3, 4, 5), steps=8000)
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


# The records that the chapter shows until it is rewritten around the rows above.
@experiment("ch06-ladder", steps=8000)
def ladder(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    raise SystemExit("recorded by an older version; see ch06-losses and ch06-bottom")


@experiment("ch06-ablations", steps=8000)
def ablations(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    raise SystemExit("recorded by an older version; see ch06-losses and ch06-top")


def count_modes(images: torch.Tensor, classifier: Any) -> tuple[int, float]:
    """Modes reached and KL(generated || uniform) in nats, for ``(N, 3, H, W)`` in [-1, 1]."""
    digits = torch.stack([classifier.logits(images[:, c : c + 1]).argmax(1) for c in range(3)], 1)
    labels = (digits.cpu() * torch.tensor([100, 10, 1])).sum(1)
    q = torch.bincount(labels, minlength=1000).double() / len(labels)
    seen = q[q > 0]
    return len(seen), float((seen * (seen * 1000).log()).sum())


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
        settings = {k: gamma * v if k in ("r1", "r2") else v for k, v in LOSSES[row].items()}
        torch.manual_seed(seed)
        trainer = GANTrainer(
            nets.DCGANGenerator(128, (3, 28, 28), width=width, norm=False),
            nets.DCGANDiscriminator((3, 28, 28), width=width),
            batch_size=batch_size, seed=seed, device=device, ema=0.999, amp=amp,
            **settings | {"lr": lr},
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
