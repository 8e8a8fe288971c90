"""Recorded runs of chapter 3: one recipe that works on the ring, the same with one thing changed,
three seeds each; and the four logs of exercise 3.5.

The chapter runs seed 0 of the three failures live, with these settings and these measurements.
"""

from __future__ import annotations

from typing import Any

import torch

from gancourse import data, metrics, nets, training
from scripts.chapters import chapter
from scripts.experiments import experiment

page = chapter("03")

RECIPE: dict[str, Any] = {
    "loss": "nonsaturating", "lr": 1e-3, "betas": (0.5, 0.999), "schedule": "linear"
}  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "healthy": {},
    "collapse": {"lr": (1e-3, 3e-5)},  # a discriminator thirty times slower
    "dropping": {"width": 16},  # a generator of 16 units, not 64
    "rotation": {"betas": (0.9, 0.999)},  # Adam's default momentum
}
EVERY = 100


def make(seed: int, change: dict[str, Any]) -> training.GANTrainer:
    settings = {**RECIPE, **change}
    width = settings.pop("width", 64)
    torch.manual_seed(seed)
    pair = nets.MLPGenerator(width=width), nets.MLPDiscriminator()
    return training.GANTrainer(*pair, seed=seed, device="cpu", **settings)


@experiment("ch03-failures", steps=2500)
def failures(seed: int, device: torch.device, record: Any, *, steps: int) -> dict[str, Any]:
    """Per run: shares (percent) and fair modes (0/1) as text, one entry for every 100 steps."""
    ring, result = data.ring(), {}
    for name, change in CHANGES.items():
        rows: dict[str, list] = {"shares": [], "fair": [], "kl": []}

        def look(trainer: training.GANTrainer, rows: dict[str, list] = rows) -> None:
            x = trainer.sample(2500)
            percent = (100 * page.shares(x, ring.centers)).tolist()
            rows["shares"].append(" ".join(f"{p:.2f}" for p in percent))
            fair = page.fairly_covered(x, ring.centers, ring.std)
            rows["fair"].append("".join(str(int(b)) for b in fair.tolist()))
            rows["kl"].append(round(metrics.mode_coverage(x, ring.centers, ring.std)[2], 4))

        trainer = make(seed, change)
        trainer.fit(ring, steps, callback=look, callback_steps=range(0, steps + 1, EVERY),
                    progress=False)  # fmt: skip
        score = metrics.mode_coverage(trainer.sample(2500), ring.centers, ring.std)
        result[name] = {
            **rows,
            "modes": score.modes,
            "fair_modes": score.fair_modes,
            "high_quality": score.high_quality,
        }
    return result


def generator_gradient(trainer: training.GANTrainer) -> float:
    """Norm of the gradient of the generator's own loss, on 512 latents that never change."""
    z = torch.randn(512, 2, generator=torch.Generator().manual_seed(9))
    loss = trainer.loss.generator(trainer.discriminator(trainer.generator(z)))
    gradient = torch.autograd.grad(loss, list(trainer.generator.parameters()))
    return float(torch.cat([g.flatten() for g in gradient]).norm())


@experiment("ch03-logs", seeds=(8,), steps=3000)
def logs(seed: int, device: torch.device, record: Any, *, steps: int) -> dict[str, Any]:
    """What a dashboard shows of four runs that the chapter does not name."""
    ring, result = data.ring(), {}
    runs = {"A": "rotation", "B": "vanishing", "C": "dropping", "D": "collapse"}
    for letter, name in runs.items():
        if name == "vanishing":  # plain gradient descent, against a head start of 500 steps
            trainer = make(seed, {"loss": "minimax", "schedule": None})
            plain = torch.optim.SGD(trainer.generator.parameters(), 1e-2)
            trainer.optimizer_g = plain  # type: ignore[assignment]
            for _ in range(500):
                trainer.d_step(ring.sample(128, trainer.rng))
        else:
            keep = {"schedule": None} if name == "rotation" else {}  # else it freezes half-way
            trainer = make(seed, {**CHANGES[name], **keep})
        columns: dict[str, list] = {"gradient": [], "spread": [], "modes": []}

        def look(trainer: training.GANTrainer, columns: dict[str, list] = columns) -> None:
            x = trainer.sample(2500)
            columns["gradient"].append(float(f"{generator_gradient(trainer):.3g}"))
            columns["spread"].append(round(float(x.var(0).sum().sqrt()), 3))
            score = metrics.mode_coverage(x, ring.centers, ring.std)
            columns["modes"].append(score.fair_modes)

        history = trainer.fit(ring, steps, callback=look, callback_steps=range(50, steps + 1, 50),
                              progress=False)  # fmt: skip
        for player, loss in (("d_loss", history.d_loss), ("g_loss", history.g_loss)):
            columns[player] = [float(f"{v:.3g}") for v in loss.reshape(-1, 50).mean(1).tolist()]
        result[letter] = columns
    return result
