"""Recorded runs of chapter 9: the tiny conditional DCGAN over three seeds, and what changes it.

The chapter trains seed 0 of ``ch09-glyphs`` live, with these settings. Its GPU cell keeps its
own record (gancourse/recorded.py, ``keep``).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gancourse import data, features, metrics, nets
from gancourse.nets.dcgan import dcgan_init
from gancourse.training import GANTrainer
from scripts.chapters import chapter
from scripts.experiments import Recorder, experiment

page = chapter("09")

# The chapter's settings. lr and decay are those of both players.
RECIPE: dict[str, Any] = {
    "loss": "nonsaturating", "lr": 3e-3, "betas": (0.0, 0.99), "batch_size": 32, "r1": 1.0,
    "ema": 0.995, "schedule": "linear",
}  # fmt: skip
# Each ablation changes one thing of the recipe, or the few things its name says.
ABLATIONS: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "no BatchNorm in G": {"g_norm": False},
    "torch's init": {"init": "torch"},
    "torch's init, no BatchNorm in G": {"init": "torch", "g_norm": False},
    "BatchNorm in D": {"d_norm": "batch"},
    "ReLU in D": {"slope": 0.0},
    "beta1 = 0.5": {"betas": (0.5, 0.99)},
    "beta1 = 0.9": {"betas": (0.9, 0.99)},
    "no R1": {"r1": 0.0},
    "no R1, BatchNorm in D": {"r1": 0.0, "d_norm": "batch"},
    "no R1, BatchNorm in D, beta1 = 0.5": {"r1": 0.0, "d_norm": "batch", "betas": (0.5, 0.99)},
    "2015's settings": {
        "r1": 0.0,
        "d_norm": "batch",
        "betas": (0.5, 0.999),
        "lr": 2e-4,
        "schedule": None,
        "ema": None,
    },
}
# Those that start as well as the recipe, or better: do they end as well?
LONG = ("BatchNorm in D", "no R1", "no R1, BatchNorm in D")
UPSAMPLINGS = ("kernel 3", "kernel 4", "kernel 5", "resize")


def build(
    g_norm: bool = True,
    d_norm: str | None = None,
    slope: float = 0.2,
    init: str = "dcgan",
    upsampling: str = "kernel 4",
) -> tuple[nn.Module, nn.Module]:
    """The chapter's pair with one thing or another changed."""
    generator = nets.ConditionalDCGANGenerator(norm=g_norm)
    discriminator = nets.ConditionalDCGANDiscriminator(how="select", norm=d_norm)
    if upsampling != "kernel 4":
        layers = generator.net.net
        for i, layer in enumerate(layers):
            if isinstance(layer, nn.ConvTranspose2d):
                layers[i] = page.double(upsampling, layer.in_channels, layer.out_channels)
                layers[i].apply(dcgan_init)
    for module in (*generator.modules(), *discriminator.modules()):
        if isinstance(module, nn.LeakyReLU):
            module.negative_slope = slope
        if init == "torch" and isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            module.reset_parameters()
    return generator, discriminator


def spectrum(images: Tensor) -> list[float]:
    """Power by horizontal frequency, 0 to 1/2 cycle a pixel, summed over vertical ones."""
    x = images - images.mean((2, 3), keepdim=True)
    power = torch.fft.rfft2(x).abs().square().mean((0, 1)).sum(0)
    return [float(f"{p:.4g}") for p in power]


@functools.cache
def glyphs() -> tuple[data.ImageSet, Any, Tensor, Tensor, Tensor]:
    """Training set, feature network, features of 2,000 + 2,000 other real images, worthless ones."""
    net = features.load("glyphs")
    test = data.glyphs(4000, seed=5).images
    torch.manual_seed(0)
    noise = torch.rand(2000, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    real = net.features(test)
    return data.glyphs(6000, seed=0), net, real[:2000], real[2000:], net.features(noise)


def score(fake: Tensor, labels: Tensor, net: Any, real: Tensor) -> dict[str, Any]:
    hit = net.logits(fake).argmax(1) == labels
    return {
        "frechet": metrics.frechet_distance(real, net.features(fake)),
        "accuracy": float(hit.double().mean()),
        "accuracy_by_class": [round(float(hit[labels == k].double().mean()), 4) for k in range(10)],
    }


def run(seed: int, steps: int, **changes: Any) -> tuple[GANTrainer, dict[str, Any]]:
    """One training on glyphs, scored on 2,000 samples."""
    train, net, real, *_ = glyphs()
    shape = {k: changes.pop(k) for k in ("g_norm", "d_norm", "slope", "init", "upsampling")
             if k in changes}  # fmt: skip
    torch.manual_seed(seed)
    trainer = GANTrainer(*build(**shape), seed=seed, device="cpu", **RECIPE | changes)
    before = trainer.sample(500)
    began = time.process_time()
    trainer.fit(train, steps, progress=False)
    seconds = time.process_time() - began
    fake = trainer.sample(2000)
    result = score(fake, torch.arange(2000) % 10, net, real)
    result |= {
        "checkerboard_before": page.checkerboard_share(before),
        "checkerboard": page.checkerboard_share(fake),
        "spectrum": spectrum(fake),
        "cpu_seconds": seconds,
    }
    return trainer, result


@experiment("ch09-glyphs", steps=1600)
def tiny(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    _, net, real, other, worthless = glyphs()
    _, result = run(seed, steps)
    result["floor"] = metrics.frechet_distance(real, other)
    result["ceiling"] = metrics.frechet_distance(real, worthless)
    return result


def ablate(seed: int, steps: int, names: Iterable[str]) -> dict[str, Any]:
    keep = ("frechet", "accuracy", "checkerboard", "cpu_seconds")
    rows = {name: run(seed, steps, **ABLATIONS[name])[1] for name in names}
    return {name: {key: row[key] for key in keep} for name, row in rows.items()}


@experiment("ch09-ablation", steps=400)
def ablation(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return ablate(seed, steps, ABLATIONS)


@experiment("ch09-long", steps=1600)
def long(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    return ablate(seed, steps, LONG)


@experiment("ch09-upsampling", steps=400)
def upsampling(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    rows = {kind: run(seed, steps, upsampling=kind)[1] for kind in UPSAMPLINGS}
    real = data.glyphs(2000, seed=5).float()
    for row in rows.values():
        del row["accuracy_by_class"]
    return rows | {"real": {"checkerboard": page.checkerboard_share(real), "spectrum": spectrum(real)}}


@experiment("ch09-upsampling-long", steps=1600)
def upsampling_long(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """The same to the end of the schedule; kernel 4 is ``ch09-glyphs``."""
    keep = ("frechet", "accuracy", "checkerboard", "spectrum", "cpu_seconds")
    kinds = (kind for kind in UPSAMPLINGS if kind != "kernel 4")
    rows = {kind: run(seed, steps, upsampling=kind)[1] for kind in kinds}
    return {kind: {key: row[key] for key in keep} for kind, row in rows.items()}


@experiment("ch09-mnist", steps=2500)
def mnist(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """The same pair on MNIST; 10,000 samples against 10,000 random rows of the training set."""
    train, test = (data.mnist(split, download=False) for split in ("train", "test"))
    net = features.load("mnist")
    torch.manual_seed(seed)
    trainer = GANTrainer(*build(), seed=seed, device=device, **RECIPE)
    began = time.process_time()
    trainer.fit(train, steps, progress=False)
    seconds = time.process_time() - began
    # Random rows: MNIST's files are not in random order.
    rng = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(train), generator=rng)[:10_000]
    real = net.features(train.images[rows])
    fake = trainer.sample(10_000).cpu()
    result = score(fake, torch.arange(10_000) % 10, net, real)
    noise = torch.rand(10_000, 1, 28, 28, generator=rng) * 2 - 1
    result |= {
        "floor": metrics.frechet_distance(real, net.features(test.images)),
        "ceiling": metrics.frechet_distance(real, net.features(noise)),
        "checkerboard": page.checkerboard_share(fake),
        "cpu_seconds": seconds,
    }
    if seed == 0:
        from matplotlib import pyplot as plt

        from gancourse import plots

        plots.use_style()
        fig, ax = plt.subplots(figsize=(7.2, 3.7))
        plots.image_grid(ax, fake[:200], columns=20)
        alt = "200 generated MNIST digits, seed 0, unselected; columns cycle through 0 to 9."
        record.figure(fig, alt)
    return result
