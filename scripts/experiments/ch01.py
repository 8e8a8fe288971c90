"""Recorded runs of chapter 1: the GAN of its first film, on five seeds."""

from __future__ import annotations

from typing import Any

import torch

from gancourse import data, metrics, nets, training
from scripts.experiments import Recorder, experiment


@experiment(
    "ch01-film", seeds=(0, 1, 2, 3, 4), steps=1000, lr=2e-3, betas=(0.0, 0.99), r1=0.1,
    schedule="linear",
)  # fmt: skip
def film(
    seed: int, device: torch.device, record: Recorder, *, steps: int, **settings: Any
) -> dict[str, Any]:
    """Clusters found, and the share of samples on one."""
    clusters = data.ring(std=0.05)
    torch.manual_seed(seed)
    pair = nets.MLPGenerator(), nets.MLPDiscriminator()
    trainer = training.GANTrainer(*pair, seed=seed, device="cpu", **settings)
    trainer.fit(clusters, steps, progress=False)
    samples = trainer.sample(2500, torch.Generator().manual_seed(1))
    found = metrics.mode_coverage(samples, clusters.centers, clusters.std)
    return {"fair_modes": found.fair_modes, "high_quality": found.high_quality}
