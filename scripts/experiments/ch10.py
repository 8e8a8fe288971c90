"""Recorded runs of chapter 10: what a label is worth, and where to put it.

``Discriminator`` and ``play`` are the chapter's own, word for word where it matters; the chapter
runs seed 0 of some of these live and checks that it gets the recorded numbers.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, leaky_relu, one_hot, softplus

from gancourse import data, features, metrics, nets, plots
from gancourse.training import GANTrainer
from scripts.experiments import experiment

WAYS = ("unconditional", "concat", "AC-GAN", "projection", "select")


class Discriminator(nn.Module):
    """Logits (N,) of samples x with labels y (N,), in one of five ways."""

    def __init__(self, d: int, num_classes: int, how: str, width: int = 128):
        super().__init__()
        self.num_classes, self.how = num_classes, how
        self.phi = nets.mlp([d + num_classes * (how == "concat"), width, width], nn.LeakyReLU(0.2))
        self.psi = nn.Linear(width, num_classes if how == "select" else 1)
        if how == "projection":
            self.v = nn.Linear(width, num_classes, bias=False)  # row y is the vector v_y
        if how == "AC-GAN":
            self.classes = nn.Linear(width, num_classes)

    def features(self, x: Tensor, y: Tensor) -> Tensor:
        if self.how == "concat":
            x = torch.cat([x, one_hot(y, self.num_classes)], 1)
        return leaky_relu(self.phi(x), 0.2)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        phi = self.features(x.flatten(1), y)
        logits = self.psi(phi)
        if self.how == "select":
            logits = logits.gather(1, y[:, None])
        if self.how == "projection":
            logits = logits + self.v(phi).gather(1, y[:, None])
        return logits.squeeze(1)

    def classify(self, x: Tensor) -> Tensor:
        return self.classes(leaky_relu(self.phi(x.flatten(1)), 0.2))


def play(
    G: nn.Module,
    D: Discriminator,
    x: Tensor,
    y: Tensor,
    steps: int,
    seed: int,
    *,
    lr: float = 2e-3,
    r1: float = 0.1,
    batch: int = 64,
    weight: float = 1.0,
    both: bool = False,
    channel: Tensor | None = None,
) -> nn.Module:
    """Conditional non-saturating GAN with R1; AC-GAN's classifier where D has one.

    weight: of the classifier's loss for the generator. both: train the classifier on generated
    samples too. channel: row k says how a label k is corrupted before D sees it (RCGAN).
    """
    rng = torch.Generator().manual_seed(seed)
    opt_g, opt_d = (torch.optim.Adam(n.parameters(), lr, (0.0, 0.99), fused=True) for n in (G, D))
    schedules = [torch.optim.lr_scheduler.CosineAnnealingLR(o, steps) for o in (opt_g, opt_d)]
    aux = D.how == "AC-GAN"

    def labels(c: Tensor) -> Tensor:
        return c if channel is None else torch.multinomial(channel[c], 1, generator=rng)[:, 0]

    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=rng)
        real, c = x[rows].requires_grad_(), y[rows]
        z = torch.randn(batch, G.nz, generator=rng)
        with torch.no_grad():
            fake = G(z, c)
        logits = D(real, c)
        (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
        loss = softplus(-logits).mean() + softplus(D(fake, labels(c))).mean()
        loss = loss + r1 / 2 * slope.flatten(1).square().sum(1).mean()
        if aux:
            loss = loss + cross_entropy(D.classify(real.detach()), c)
            if both:
                loss = loss + cross_entropy(D.classify(fake), c)
        opt_d.zero_grad()
        loss.backward()
        opt_d.step()

        c = y[torch.randint(len(x), (batch,), generator=rng)]
        D.requires_grad_(False)
        fake = G(torch.randn(batch, G.nz, generator=rng), c)
        loss = softplus(-D(fake, labels(c))).mean()
        if aux:
            loss = loss + weight * cross_entropy(D.classify(fake), c)
        opt_g.zero_grad()
        loss.backward()
        opt_g.step()
        D.requires_grad_(True)
        for schedule in schedules:
            schedule.step()
    return G


# --- digits ---------------------------------------------------------------------------------------

LATENT = 16


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


def generator(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nets.ConditionalMLPGenerator(LATENT, (1, 8, 8), width=128, depth=2)


@torch.no_grad()
def sample(G: nn.Module, y: Tensor, seed: int = 2024) -> Tensor:
    return G(torch.randn(len(y), G.nz, generator=torch.Generator().manual_seed(seed)), y)


def judge(G: nn.Module) -> dict[str, float]:
    """Class accuracy, Fréchet distance (360 against the test images), coverage within classes."""
    r = reference()
    fake = sample(G, r["y"])  # as many of each class as there are training images
    made, seen = r["net"].features(fake), r["net"].logits(fake).argmax(1)
    within = [
        (
            *metrics.density_coverage(r["train"][r["y"] == k], made[r["y"] == k]),
            *metrics.precision_recall(r["train"][r["y"] == k], made[r["y"] == k]),
        )
        for k in range(10)
    ]
    density, coverage, precision, recall = np.mean(within, 0).tolist()
    # 360 are few: the mean of four draws moves less
    draws = [r["net"].features(sample(G, r["test_y"], seed=3000 + i)) for i in range(4)]
    return {
        "accuracy": float((seen == r["y"]).double().mean()),
        "frechet": float(np.mean([metrics.fid(r["test"], draw) for draw in draws])),
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
        G = generator(seed)
        D = Discriminator(64, 10, how)
        began = time.process_time()
        play(G, D, r["x"], r["y"], steps, seed)
        seconds = time.process_time() - began
        result[how] = {**judge(G), "cpu_seconds": seconds}
    return result


def shuffled(y: Tensor, share: float, seed: int, num_classes: int = 10) -> Tensor:
    """Labels of which a ``share`` is drawn again, uniformly."""
    rng = torch.Generator().manual_seed(seed)
    again = torch.rand(len(y), generator=rng) < share
    return torch.where(again, torch.randint(num_classes, y.shape, generator=rng), y)


@experiment("ch10-noise", steps=2000, shares=(0.0, 0.2, 0.5))
def noise(seed, device, record, *, steps, shares):
    torch.set_num_threads(1)
    r, result = reference(), {}
    for share in shares:
        y = shuffled(r["y"], share, seed)
        channel = (1 - share) * torch.eye(10) + share / 10
        for name, c in (("plain", None), ("robust", channel)):
            if share == 0 and name == "robust":
                continue
            G = generator(seed)
            play(G, Discriminator(64, 10, "projection"), r["x"], y, steps, seed, channel=c)
            result[f"{name} {share:g}"] = {
                "labels_right": float((y == r["y"]).double().mean()),
                **judge(G),
            }
    return result


# --- overlapping classes in one dimension ---------------------------------------------------------

CENTERS = (-1.5, 0.0, 1.5)  # of three Gaussians with standard deviation 1


def overlapping(n: int, seed: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    return (torch.tensor(CENTERS)[y] + torch.randn(n, generator=rng))[:, None], y


OVERLAP: dict[str, dict[str, Any]] = {
    "projection": {"how": "projection"},
    "concat": {"how": "concat"},
    "AC-GAN": {"how": "AC-GAN"},
    "AC-GAN, weight 0.1": {"how": "AC-GAN", "weight": 0.1},
    "AC-GAN, C sees fakes": {"how": "AC-GAN", "both": True},
}


def judge_overlap(G: nn.Module) -> dict[str, Any]:
    """Mean, spread and W1 of each class (30,000 samples), and accuracy of Bayes's rule."""
    real, y = overlapping(90_000, 1)
    fake = sample(G, y)
    result: dict[str, Any] = {"mean": [], "std": [], "w1": []}
    for k in range(3):
        a, b = (s[y == k, 0].sort().values for s in (real, fake))
        result["mean"].append(float(b.mean()))
        result["std"].append(float(b.std()))
        result["w1"].append(float((a - b).abs().mean()))
    result["w1_all"] = float((real[:, 0].sort().values - fake[:, 0].sort().values).abs().mean())
    seen = (fake - torch.tensor(CENTERS)).abs().argmin(1)
    result["accuracy"] = float((seen == y).double().mean())
    return result


@experiment("ch10-overlap", steps=2000, batch=128)
def overlap(seed, device, record, *, steps, batch):
    torch.set_num_threads(1)
    x, y = overlapping(30_000, 0)
    result = {}
    for name, settings in OVERLAP.items():
        torch.manual_seed(seed)
        G = nets.ConditionalMLPGenerator(2, 1, num_classes=3, width=64, depth=2)
        D = Discriminator(1, 3, settings["how"], width=64)
        rest = {k: v for k, v in settings.items() if k != "how"}
        play(G, D, x, y, steps, seed, batch=batch, **rest)
        result[name] = judge_overlap(G)
    return result


# --- on a GPU -------------------------------------------------------------------------------------

# The chapter's GPU cell trains this pair with these settings.
GPU: dict[str, Any] = {
    "loss": "nonsaturating", "lr": 2e-4, "betas": (0.0, 0.99), "batch_size": 64, "r1": 1.0,
    "ema": 0.999, "decay": "linear",
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
        "frechet": metrics.fid(real, net.features(fake)),
        "floor": metrics.fid(real, net.features(test.images)),
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
