"""Recorded runs of chapter 10: what a label is worth, and where to put it.

Training, AC-GAN's loop and most networks are the chapter's own; it runs seed 0 of some of these live
and checks that it gets the recorded numbers.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot

from gancourse import data, features, metrics, nets, plots
from gancourse.training import GANTrainer
from scripts.chapters import chapter
from scripts.experiments import experiment

page = chapter("10")

WAYS = ("blind", "concat", "AC-GAN", "projection", "select")


class Discriminator(nn.Module):
    """Logits (N,) of samples x with labels y (N,); ``how`` the label enters, or "blind".

    The chapter has its projection, too, as a sum of products. Here a layer multiplies, which rounds
    otherwise, and the recorded runs are those of this class.
    """

    def __init__(self, d: int, num_classes: int, how: str, width: int = 128):
        super().__init__()
        self.num_classes, self.how = num_classes, how
        self.phi = nets.mlp([d + num_classes * (how == "concat"), width, width], nn.LeakyReLU(0.2))
        self.psi = nn.Linear(width, 1)
        if how == "projection":
            self.v = nn.Linear(width, num_classes, bias=False)  # row y is the vector v_y

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        x = x.flatten(1)
        if self.how == "concat":
            x = torch.cat([x, one_hot(y, self.num_classes)], 1)
        phi = leaky_relu(self.phi(x), 0.2)
        logits = self.psi(phi)
        if self.how == "projection":
            logits = logits + self.v(phi).gather(1, y[:, None])
        return logits.squeeze(1)


def train(
    G: nn.Module, how: str, d: int, x: Tensor, y: Tensor, steps: int, seed: int, width: int = 128,
    **settings: Any,
) -> nn.Module:  # fmt: skip
    """The chapter's training with one of the conditional discriminators; returns ``G``."""
    if how == "select":
        D = page.Select(d, G.num_classes, width)
    else:
        D = Discriminator(d, G.num_classes, how, width)
    return page.train(G, D, x, y, steps, seed, **settings)


# --- digits ---------------------------------------------------------------------------------------


@functools.cache
def reference() -> dict[str, Any]:
    """The digits with their features and the network that reads them."""
    net, train, test = features.load("digits"), data.digits(), data.digits("test")
    return {
        "net": net,
        "x": train.float(),
        "y": train.labels,
        "train": net.features(train.images),
        "test": net.features(test.images),
        "test_y": test.labels,
    }


def judge(G: nn.Module) -> dict[str, float]:
    """Class accuracy, Fréchet distance (360 against the test images), coverage within classes."""
    r = reference()
    fake = page.ask(G, r["y"])  # as many of each class as there are training images
    made, logits = r["net"].features(fake), r["net"].logits(fake)
    right = (logits.argmax(1) == r["y"]).double()
    sure = logits.softmax(1).max(1).values > 0.95
    within = [
        (
            *metrics.density_coverage(r["train"][r["y"] == k], made[r["y"] == k]),
            *metrics.precision_recall(r["train"][r["y"] == k], made[r["y"] == k]),
        )
        for k in range(10)
    ]
    density, coverage, precision, recall = np.mean(within, 0).tolist()
    # 360 are few: the mean of four draws moves less
    draws = [r["net"].features(page.ask(G, r["test_y"], seed=3000 + i)) for i in range(4)]
    return {
        "accuracy": float(right.mean()),
        "sure": float(sure.double().mean()),
        "accuracy_sure": float(right[sure].mean()),
        "frechet": float(np.mean([metrics.frechet_distance(r["test"], draw) for draw in draws])),
        "density": density,
        "coverage": coverage,
        "precision": precision,
        "recall": recall,
    }


@experiment("ch10-ways", steps=2000)
def ways(seed, device, record, *, steps):
    torch.set_num_threads(1)
    r, result = reference(), {}
    for how in WAYS:
        G = page.new_generator(seed)
        began = time.process_time()
        if how == "AC-GAN":
            page.train_acgan(G, page.TwoHeads(64, 10), r["x"], r["y"], steps, 1.0, 64, seed)
        else:
            train(G, how, 64, r["x"], r["y"], steps, seed)
        seconds = time.process_time() - began
        result[how] = {**judge(G), "cpu_seconds": seconds}
    return result


def shuffled(y: Tensor, share: float, seed: int, num_classes: int = 10) -> Tensor:
    """Labels of which a ``share`` is drawn again, uniformly."""
    rng = torch.Generator().manual_seed(seed)
    again = torch.rand(len(y), generator=rng) < share
    return torch.where(again, torch.randint(num_classes, y.shape, generator=rng), y)


@experiment("ch10-noise", steps=2000, shares=(0.2, 0.5))
def noise(seed, device, record, *, steps, shares):
    torch.set_num_threads(1)
    r, result = reference(), {}
    for share in shares:
        y = shuffled(r["y"], share, seed)
        # with classes equally frequent, Bayes's rule turns the channel into itself
        table = (1 - share) * torch.eye(10) + share / 10
        plain = train(page.new_generator(seed), "select", 64, r["x"], y, steps, seed)
        noisy = page.Noisy(page.new_generator(seed), table)
        train(noisy, "select", 64, r["x"], y, steps, seed)
        right = float((y == r["y"]).double().mean())
        result[f"plain {share:g}"] = {"labels_right": right, **judge(plain)}
        result[f"robust {share:g}"] = {"labels_right": right, **judge(noisy.G)}
    return result


# --- overlapping classes in one dimension ---------------------------------------------------------

OVERLAP: dict[str, dict[str, Any]] = {
    "projection": {"how": "projection"},
    "concat": {"how": "concat"},
    "AC-GAN": {"weight": 1.0},
    "AC-GAN, weight 0.1": {"weight": 0.1},
    "AC-GAN, C sees fakes": {"weight": 1.0, "both": True},
}


def judge_overlap(G: nn.Module) -> dict[str, Any]:
    """Mean, spread and W1 of each class (30,000 samples), and accuracy of Bayes's rule."""
    real, y = page.overlapping(90_000, 1)
    fake = page.ask(G, y)
    result: dict[str, Any] = {"mean": [], "std": [], "w1": []}
    for k in range(3):
        a, b = (s[y == k, 0].sort().values for s in (real, fake))
        result["mean"].append(float(b.mean()))
        result["std"].append(float(b.std()))
        result["w1"].append(float((a - b).abs().mean()))
    result["w1_all"] = float((real[:, 0].sort().values - fake[:, 0].sort().values).abs().mean())
    seen = (fake - page.CENTERS).abs().argmin(1)
    result["accuracy"] = float((seen == y).double().mean())
    return result


@experiment("ch10-overlap", steps=2000, batch=128)
def overlap(seed, device, record, *, steps, batch):
    torch.set_num_threads(1)
    x, y = page.overlapping(30_000, 0)
    result = {}
    for name, settings in OVERLAP.items():
        torch.manual_seed(seed)
        G = nets.ConditionalMLPGenerator(2, 1, num_classes=3, width=64, depth=2)
        if "how" in settings:
            train(G, settings["how"], 1, x, y, steps, seed, batch_size=batch, width=64)
        else:
            D = page.TwoHeads(1, 3, width=64)
            page.train_acgan(G, D, x, y, steps, batch=batch, seed=seed, **settings)
        result[name] = judge_overlap(G)
    return result


# --- on a GPU -------------------------------------------------------------------------------------

# The chapter's GPU cell trains this pair with these settings.
GPU: dict[str, Any] = {
    "loss": "nonsaturating", "lr": 2e-4, "betas": (0.0, 0.99), "batch_size": 64, "r1": 1.0,
    "ema": 0.999, "schedule": "linear",
}  # fmt: skip


def big(source: data.ImageSet, seed: int, steps: int, width: int, device: torch.device):
    """Conditional projection DCGAN, half precision where the GPU has it; (trainer, images / s)."""
    torch.manual_seed(seed)
    shape = tuple(source.images.shape[1:])
    trainer = GANTrainer(
        nets.ConditionalDCGANGenerator(128, shape, width=width),
        nets.ConditionalDCGANDiscriminator(shape, width=width, how="projection"),
        amp="bf16" if device.type == "cuda" else None, seed=seed, device=device, **GPU,
    )  # fmt: skip
    began = time.perf_counter()
    trainer.fit(source, steps, progress=False)
    return trainer, steps * GPU["batch_size"] / (time.perf_counter() - began)


@experiment("ch10-mnist", steps=20_000, width=64)
def mnist(seed, device, record, *, steps, width):
    train, test = (data.mnist(split, download=False) for split in ("train", "test"))
    trainer, speed = big(train, seed, steps, width, device)
    net, y = features.load("mnist"), torch.arange(10_000) % 10
    fake = trainer.sample(10_000).cpu()
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:10_000]
    real = net.features(train.images[rows])
    return {
        "accuracy": float((net.logits(fake).argmax(1) == y).double().mean()),
        "frechet": metrics.frechet_distance(real, net.features(fake)),
        "floor": metrics.frechet_distance(real, net.features(test.images)),
        "images_per_second": speed,
    }


@experiment("ch10-cifar10", seeds=(0,), steps=40_000, width=64)
def cifar10(seed, device, record, *, steps, width):
    """No small classifier for CIFAR-10 comes with the package: pictures, and the speed."""
    import matplotlib.pyplot as plt

    trainer, speed = big(data.cifar10(download=False), seed, steps, width, device)
    fig, ax = plt.subplots(figsize=(7.2, 6.0), layout="constrained")
    plots.image_grid(ax, trainer.sample(80).cpu(), columns=10)
    record.figure(fig, alt="Generated CIFAR-10 images; each column is one class.")
    return {"images_per_second": speed}
