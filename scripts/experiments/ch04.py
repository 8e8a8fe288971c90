"""Recorded runs of chapter 4: does a player's loss follow the quality of the samples?

Two targets, three ways to train, three seeds. The chapter runs seed 0 of the ring's WGAN and GAN
live, with these settings and this measurement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from gancourse import data, nets, training
from scripts.chapters import chapter
from scripts.experiments import Recorder, experiment

page = chapter("04")

TARGETS = {"ring": data.ring(), "grid": data.grid()}
# 3x64 MLPs, z = 2, batch 128. "GAN, 5 D steps" gives the GAN what the critic gets.
METHODS: dict[str, dict] = {
    "WGAN": {
        "loss": "wasserstein",
        "n_critic": 5,
        "weight_clip": 0.05,
        "lr": 5e-4,
        "betas": (0.0, 0.99),
    },
    "GAN": {"loss": "nonsaturating", "lr": 1e-3, "betas": (0.5, 0.999)},
    "GAN, 5 D steps": {"loss": "nonsaturating", "n_critic": 5, "lr": 1e-3, "betas": (0.5, 0.999)},
}

# The same WGAN at twice the learning rate: does what is said of it hold there too?
FASTER = METHODS["WGAN"] | {"lr": 1e-3}


def run(
    target: str, method: str, seed: int, steps: int, every: int, points: int, nudge: int = 0
) -> dict:
    """W1 of the samples every `every` steps, beside the losses' means over those steps.

    nudge: seed of a change of all initial weights by one part in ten million, as another machine's
    rounding makes it; 0 for none.
    """
    p = TARGETS[target]
    real = p.sample(points, torch.Generator().manual_seed(99))
    settings = FASTER if method == "WGAN, lr 1e-3" else METHODS[method]
    torch.manual_seed(seed)
    pair = nets.MLPGenerator(), nets.MLPDiscriminator()
    if nudge:
        g = torch.Generator().manual_seed(nudge)
        for weight in [*pair[0].parameters(), *pair[1].parameters()]:
            weight.data *= 1 + 1e-7 * torch.randn(weight.shape, generator=g)
    trainer = training.GANTrainer(*pair, seed=seed, device="cpu", **settings)
    w1: list[float] = []
    history = trainer.fit(
        p,
        steps,
        callback=lambda t: w1.append(float(page.w1_of_samples(real, t.sample(points)))),
        callback_steps=range(every, steps + 1, every),
        progress=False,
    )
    d_loss = history.d_loss.view(-1, every).mean(1)
    # What the discriminator's loss says of the distance: the critic's estimate of K * W1, or the
    # GAN's lower bound of the Jensen-Shannon divergence. Both should fall as samples improve.
    distance = -d_loss if "WGAN" in method else np.log(2) - d_loss / 2
    return {
        "w1": [round(v, 4) for v in w1],
        "distance": [round(float(v), 5) for v in distance],
        "rank_correlation": round(float(spearmanr(distance, w1).statistic), 3),
    }


@experiment("ch04-loss-and-quality", steps=1000, every=50, points=512)
def loss_and_quality(seed: int, device: torch.device, record: Recorder, **settings: Any) -> dict:
    return {f"{t}: {m}": run(t, m, seed, **settings) for t in TARGETS for m in METHODS}


@experiment("ch04-faster-critic", steps=1000, every=50, points=512)
def faster_critic(seed: int, device: torch.device, record: Recorder, **settings: Any) -> dict:
    return {f"{t}: WGAN, lr 1e-3": run(t, "WGAN, lr 1e-3", seed, **settings) for t in TARGETS}


@experiment("ch04-last-digit", seeds=(1, 2, 3), steps=1000, every=50, points=512)
def last_digit(seed: int, device: torch.device, record: Recorder, **settings: Any) -> dict:
    """The ring's WGAN of seed 0 again, its initial weights changed in the last digit."""
    return {"ring: WGAN": run("ring", "WGAN", 0, nudge=seed, **settings)}


@experiment("ch04-fresh-discriminator", steps=1000, fresh_steps=1500)
def fresh_discriminator(
    seed: int, device: torch.device, record: Recorder, *, steps: int, fresh_steps: int
) -> dict:
    """JS lower bounds for one generator: its own discriminator's, and a newly trained one's."""
    p = TARGETS["ring"]
    torch.manual_seed(seed)
    gan = training.GANTrainer(
        nets.MLPGenerator(), nets.MLPDiscriminator(), seed=seed, device="cpu", **METHODS["GAN"]
    )
    own = np.log(2) - gan.fit(p, steps, progress=False).d_loss[-50:].mean().item() / 2
    torch.manual_seed(seed)
    fresh = training.GANTrainer(
        gan.generator, nets.MLPDiscriminator(), seed=seed, device="cpu", **METHODS["GAN"]
    )
    for _ in range(fresh_steps):  # the generator stands still
        fresh.d_step(p.sample(128, fresh.rng))
    g = torch.Generator().manual_seed(99)
    with torch.no_grad():
        real, fake = p.sample(5000, g), gan.generator(torch.randn(5000, 2, generator=g))
        loss = fresh.loss.discriminator(fresh.discriminator(real), fresh.discriminator(fake))
    return {"own": round(own, 4), "fresh": round(float(np.log(2) - loss / 2), 4)}
