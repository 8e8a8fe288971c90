"""Recorded runs of chapter 7: does what it shows on glyphs hold elsewhere?

``ch07-mnist`` repeats the chapter's measurements on MNIST and takes a minute of CPU.
``ch07-no-shifts`` trains the chapter's feature network without moving its pictures, which takes
four minutes a seed, and ``ch07-ranks`` repeats the ranking that turns with n on other glyphs. The
other two want a GPU: ``ch07-inception`` the disturbances as the real Inception sees them (with the
extra ``gancourse[inception]``), ``ch07-gan`` a trained generator scored with 50,000 samples.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from gancourse import data, features, metrics, nets
from gancourse.training import GANTrainer
from scripts.chapters import chapter
from scripts.experiments import Recorder, experiment

page = chapter("07")


def spoilt(name: str, x: Tensor, level: float, g: torch.Generator, letters: Tensor) -> Tensor:
    """Pictures x with one of the chapter's disturbances; ``letters`` are what contaminates them."""
    if name == "contamination":
        k = round(level * len(x))
        return torch.cat([letters[:k], x[k:]])
    return page.DISTURBANCES[name][0](x, level, g)


def draw(x: Tensor, n: int, g: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two disjoint random parts of ``n`` rows each."""
    order = torch.randperm(len(x), generator=g)
    return x[order[:n]], x[order[n : 2 * n]]


def predicted_slope(x: Tensor) -> float:
    """n times the expected distance of two real samples of n, for large n (see the chapter)."""
    x = x.double()
    x = x - x.mean(0)
    values, vectors = torch.linalg.eigh(x.T @ x / (len(x) - 1))
    square = (x @ vectors).square()
    spread = square.T @ square / len(x) - torch.diag(values.square())
    return float(2 * values.sum() + (spread / (values[:, None] + values)).sum())


def in_parts(net: Any, images: Tensor) -> Tensor:
    return net.features(images).cpu()


@experiment("ch07-mnist", draws=40, n=2000)
def on_mnist(seed: int, device: torch.device, record: Recorder, *, draws: int, n: int) -> dict:
    """Bias line, disturbances and blind spots in MNIST features. Rows are taken at random."""
    warnings.simplefilter("ignore", metrics.SampleSizeWarning)
    g = torch.Generator().manual_seed(seed)
    net = features.load("mnist")
    train, test = data.mnist("train").images, data.mnist("test").images
    train, test = (x[torch.randperm(len(x), generator=g)] for x in (train, test))
    real = in_parts(net, train)
    sizes = (100, 200, 500, 1000, 2000, 3500, 10_000, 30_000)
    line = {}
    for size in sizes:
        times = min(draws, 10 * len(real) // (2 * size))
        line[size] = float(
            np.mean([metrics.frechet_distance(*draw(real, size, g)) for _ in range(times)])
        )
    reference, pictures = in_parts(net, test[:n]), train[:n]
    letters = data.glyphs(n, seed=seed, classes="ABCDEFGHJK").images

    def distance(images: Tensor) -> float:
        return metrics.frechet_distance(reference, in_parts(net, images))

    curves = {
        name: [distance(spoilt(name, pictures, level, g, letters)) for level in levels]
        for name, (_, levels, _) in page.DISTURBANCES.items()
    }
    dot, corner = pictures.clone(), pictures.clone()
    dot[..., 0, 0], corner[..., :6, :6] = 255, 0
    return {
        "line": line,
        "predicted slope": predicted_slope(real),
        "curves": curves,
        "white pixel in the corner": distance(dot),
        "black corner, 6 pixels": distance(corner),
        "first 1,000 of each split, in file order": metrics.frechet_distance(
            in_parts(net, data.mnist("train").images[:1000]),
            in_parts(net, data.mnist("test").images[:1000]),
        ),
    }


def confused(x: Tensor, copies: Tensor, everything: Tensor, another: Tensor) -> float:
    """Share of x nearer to a picture of another digit than to their own moved copy."""
    to_other = torch.cdist(x, everything).masked_fill(~another, torch.inf).amin(1)
    return float((to_other < (x - copies).norm(dim=1)).double().mean())


def train_classifier(seed: int, shift: int, epochs: int) -> features.FeatureNet:
    """As ``features.train("glyphs")``, with another seed and another shift of the pictures."""
    pictures = data.glyphs(20_000, seed=1)
    torch.manual_seed(seed)
    net, g = features.FeatureNet(28, 10), torch.Generator().manual_seed(seed)
    rows_each, batch = len(pictures) // 128 * 128, 128
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=4e-3, total_steps=epochs * (rows_each // batch)
    )
    padded = pad(pictures.images, [shift] * 4)
    for _ in range(epochs):
        order = torch.randperm(len(pictures), generator=g)[:rows_each]
        for rows in order.split(batch):
            dy, dx = torch.randint(2 * shift + 1, (2,), generator=g).tolist()
            x = padded[rows, :, dy : dy + 28, dx : dx + 28].float() / 127.5 - 1
            optimizer.zero_grad()
            cross_entropy(net(x)[1], pictures.labels[rows]).backward()
            optimizer.step()
            schedule.step()
    return net.eval()


@experiment("ch07-no-shifts", epochs=8, n=1000)
def without_shifts(seed: int, device: torch.device, record: Recorder, *, epochs: int, n: int) -> dict:
    """The chapter's first question, asked in features that were trained on unmoved pictures."""
    net = train_classifier(seed, 0, epochs)
    train, test = data.glyphs(5000, seed=71), data.glyphs(5000, seed=72)
    moved = torch.roll(train.images[:n], 2, 3)
    f_train = in_parts(net, train.images)
    another = train.labels[:n, None] != train.labels
    right = net.logits(test.images).argmax(1) == test.labels
    return {
        "accuracy": float(right.double().mean()),
        "nearer to another digit": confused(f_train[:n], in_parts(net, moved), f_train, another),
    }


@experiment("ch07-ranks", seeds=(0, 1, 2, 3, 4), noise=0.16)
def ranks(seed: int, device: torch.device, record: Recorder, *, noise: float) -> dict:
    """P makes noisy digits, Q no 8 and no 9: who is nearer to real, at 40 and at 2,000 pictures?"""
    warnings.simplefilter("ignore", metrics.SampleSizeWarning)
    net, g = features.load("glyphs"), torch.Generator().manual_seed(seed)
    train, test, fresh = (data.glyphs(5000, seed=200 + 3 * seed + i) for i in range(3))
    real = torch.cat([in_parts(net, x.images) for x in (train, test)])
    p = in_parts(net, page.noisy(fresh.images, noise, g))
    q = in_parts(net, fresh.images[fresh.labels < 8])

    def pick(x: Tensor, n: int) -> Tensor:
        return x[torch.randperm(len(x), generator=g)[:n]]

    gaps: dict[str, list[float]] = {}
    for n, times in ((40, 600), (2000, 20)):
        values = []
        for _ in range(times):
            reference = pick(real, n)
            values.append(
                metrics.frechet_distance(reference, pick(q, n))
                - metrics.frechet_distance(reference, pick(p, n))
            )
        gaps[str(n)] = [float(np.mean(values)), float(np.std(values) / times**0.5)]
    return {"Q - P: mean, standard error": gaps}


@experiment("ch07-inception", seeds=(0,), n=10_000)
def with_inception(seed: int, device: torch.device, record: Recorder, *, n: int) -> dict:
    """The chapter's disturbances of glyphs, as FID on Inception's features."""
    net = features.load("inception", device)
    g = torch.Generator().manual_seed(seed)
    real, fresh = (data.glyphs(n, seed=100 + 2 * seed + i).images for i in (0, 1))
    letters = data.glyphs(n, seed=99, classes="ABCDEFGHJK").images
    reference = in_parts(net, real)
    return {
        name: [
            metrics.fid(reference, in_parts(net, spoilt(name, fresh, level, g, letters)))
            for level in levels
        ]
        for name, (_, levels, _) in page.DISTURBANCES.items()
    }


@experiment("ch07-gan", steps=20_000, width=64, n=50_000)
def a_gan(seed: int, device: torch.device, record: Recorder, *, steps: int, width: int, n: int) -> dict:
    """A DCGAN on MNIST: its distance at 1,000 to 50,000 samples, from both splits."""
    warnings.simplefilter("ignore", metrics.SampleSizeWarning)
    g = torch.Generator().manual_seed(seed)
    net = features.load("mnist").to(device)
    train, test = data.mnist("train"), data.mnist("test")
    torch.manual_seed(seed)
    trainer = GANTrainer(
        nets.DCGANGenerator(64, (1, 28, 28), width=width),
        nets.DCGANDiscriminator((1, 28, 28), width=width),
        loss="nonsaturating", r1=1.0, lr=2e-4, betas=(0.0, 0.99), schedule="cosine", ema=0.999,
        batch_size=64, seed=seed, device=device,
    )  # fmt: skip
    trainer.fit(train.float(), steps, progress=False)
    latents = torch.Generator(device).manual_seed(seed + 1)  # without it each part is the same
    parts = (trainer.sample(1000, latents) for _ in range(n // 1000))
    fake = torch.cat([in_parts(net, part) for part in parts])
    sets = {"train": in_parts(net, train.images), "test": in_parts(net, test.images)}
    sets = {name: x[torch.randperm(len(x), generator=g)] for name, x in sets.items()}
    return {
        f"{name}, n = {size}": metrics.frechet_distance(real[:size], fake[:size])
        for name, real in sets.items()
        for size in (1000, 2000, 5000, 10_000, 20_000, n)
        if size <= min(len(real), n)
    } | {"train, n infinite": metrics.fid_infinity(sets["train"], fake).value}
