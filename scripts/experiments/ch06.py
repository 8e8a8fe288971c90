"""Recorded runs of chapter 6: a ladder from the plain GAN to a modern baseline.

The chapter runs seed 0 of the first and the last rung on the grid live, with the package's trainer
and these settings. ``ch06-stacked`` is the same ladder on images and wants a GPU.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from gancourse import data, metrics, nets
from gancourse.training import GANTrainer
from scripts.experiments import Recorder, experiment

# gamma of the gradient penalties: in units of the data, so it differs with their scale
GAMMA = {"ring": 0.1, "grid": 0.03}
# Each rung adds one thing to the rung before it.
RUNGS: dict[str, dict[str, Any]] = {
    "non-saturating": {"loss": "nonsaturating", "lr": 1e-3, "betas": (0.5, 0.999)},
    "+ beta1 = 0, lr 2e-3": {"loss": "nonsaturating", "lr": 2e-3, "betas": (0.0, 0.99)},
    "+ linear decay": {"decay": "linear"},
    "+ R1": {"r1": True},
    "+ pairs": {"loss": "relativistic"},
    "+ R2": {"r2": True},
}
# Each ablation changes one thing of the last rung.
ABLATIONS: dict[str, dict[str, Any]] = {
    "no decay": {"decay": None},
    "beta1 = 0.5": {"betas": (0.5, 0.99)},
    "no penalties": {"r1": False, "r2": False},
    "R2 only": {"r1": False},
    "EMA 0.99": {"ema": 0.99},
    "EMA 0.999": {"ema": 0.999},
}


def settings(rung: str, gamma: float) -> dict[str, Any]:
    """GANTrainer's arguments for a rung or an ablation of the last rung."""
    merged: dict[str, Any] = {}
    for name, change in RUNGS.items():
        merged.update(change)
        if name == rung:
            break
    merged.update(ABLATIONS.get(rung, {}))
    return {k: gamma * v if k in ("r1", "r2") else v for k, v in merged.items()}


def run(target: str, rung: str, seed: int, steps: int) -> tuple[dict[str, Any], GANTrainer]:
    """One run on the ring or the grid: 3x64 MLPs, z = 2, batch 128; scored on 2,500 samples."""
    mixture = data.ring() if target == "ring" else data.grid()
    torch.manual_seed(seed)
    trainer = GANTrainer(
        nets.MLPGenerator(), nets.MLPDiscriminator(),
        batch_size=128, seed=seed, device="cpu", **settings(rung, GAMMA[target]),
    )  # fmt: skip
    began = time.process_time()
    trainer.fit(mixture, steps, progress=False)
    cpu_seconds = time.process_time() - began
    samples = trainer.sample(2500)
    score = metrics.mode_coverage(samples, mixture.centers, mixture.std)
    result = {
        "modes": score.modes,
        "fair_modes": score.fair_modes,
        "high_quality": score.high_quality,
        "reverse_kl": score.reverse_kl,
        "cpu_seconds": cpu_seconds,
        # a picture's worth of points, rounded: they are drawn, not measured
        "samples": [[round(v, 3) for v in point] for point in samples[:300].tolist()],
    }
    return result, trainer


@experiment("ch06-ladder", steps=8000)
def ladder(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    return {
        target: {rung: run(target, rung, seed, steps)[0] for rung in RUNGS}
        for target in ("grid", "ring")
    }


@experiment("ch06-ablations", steps=8000)
def ablations(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    return {"grid": {name: run("grid", name, seed, steps)[0] for name in ABLATIONS}}


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
    """The ladder's rungs 3 to 6 on Stacked MNIST: a DCGAN pair, BatchNorm in neither net."""
    from gancourse import features

    images = data.stacked_mnist(download=False, seed=seed)
    classifier = features.load("mnist", device)
    modes, kl = count_modes(images.float()[:n], classifier)
    result: dict[str, dict[str, float]] = {"real": {"modes": modes, "kl": kl}}
    for rung in ("+ linear decay", "+ R1", "+ pairs", "+ R2"):
        torch.manual_seed(seed)
        trainer = GANTrainer(
            nets.DCGANGenerator(128, (3, 28, 28), width=width, norm=False),
            nets.DCGANDiscriminator((3, 28, 28), width=width),
            batch_size=batch_size, seed=seed, device=device, ema=0.999, amp=amp,
            **settings(rung, gamma) | {"lr": lr},
        )  # fmt: skip
        if "untrained" not in result:
            modes, kl = count_modes(trainer.sample(n), classifier)
            result["untrained"] = {"modes": modes, "kl": kl}
        began = time.perf_counter()
        trainer.fit(images, steps, progress=False)
        seconds = time.perf_counter() - began
        modes, kl = count_modes(trainer.sample(n), classifier)
        result[rung] = {"modes": modes, "kl": kl, "images_a_second": steps * batch_size / seconds}
    return result
