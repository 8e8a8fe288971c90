"""Recorded runs of chapter 2: the ring with 1, 2 and 5 discriminator steps and with a lopsided pair
of learning rates, the digits with and without R1, and a larger network on MNIST for the GPU.

All of them use GANTrainer, which the chapter shows to give the reader's loop's numbers.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from gancourse import data, features, metrics, nets, plots, training
from scripts.chapters import chapter
from scripts.experiments import experiment

page = chapter("02", data=data.ring())

EVAL_SEED = 2024  # of the latents that every generator of this chapter is judged on


def scores(generator: torch.nn.Module) -> dict[str, float]:
    ring = data.ring()
    z = torch.randn(2500, 2, generator=torch.Generator().manual_seed(EVAL_SEED))
    with torch.no_grad():
        x = generator(z)
    cover = metrics.mode_coverage(x, ring.centers, ring.std)
    return {
        "fair_modes": cover.fair_modes,
        "high_quality": cover.high_quality,
        "distance": float((x[:, None] - ring.centers).norm(dim=2).min(1).values.mean()),
    }


def _ring(
    seed: int,
    steps: int,
    judged: tuple[int, ...] = (),
    finally_judged: bool = False,
    **settings: Any,
) -> dict[str, Any]:
    torch.manual_seed(seed)
    pair = nets.MLPGenerator(2, 2), nets.MLPDiscriminator(2)
    trainer = training.GANTrainer(*pair, seed=seed, device="cpu", **settings)
    verdicts: list[dict[str, float]] = []

    def look(trainer: training.GANTrainer) -> None:
        verdicts.append({"step": trainer.step, "judge": page.fresh_judge(trainer.generator)})

    began = time.process_time()
    if judged:
        history = trainer.fit(data.ring(), steps, callback=look, callback_steps=judged)
    else:
        history = trainer.fit(data.ring(), steps, progress=False)
    seconds = time.process_time() - began
    result: dict[str, Any] = scores(trainer.generator)
    result["d_loss"] = float(history.d_loss[-500:].mean())
    result["g_loss"] = float(history.g_loss[-500:].mean())
    if judged:  # the judge's time would spoil the comparison
        for verdict in verdicts:
            first, last = max(int(verdict["step"]) - 100, 0), max(int(verdict["step"]), 1)
            verdict["d_loss"] = float(history.d_loss[first:last].mean())
        result["verdicts"] = verdicts
    else:
        result["cpu_seconds"] = seconds
    if finally_judged:
        result["judge"] = page.fresh_judge(trainer.generator)
    return result


@experiment("ch02-ring-k1", steps=3000, n_critic=1)
@experiment("ch02-ring-k2", steps=3000, n_critic=2)
@experiment("ch02-ring-k5", steps=3000, n_critic=5)
def ring_k(seed, device, record, *, steps, n_critic):
    return _ring(seed, steps, n_critic=n_critic)


@experiment("ch02-ring-gap", steps=3000, n_critic=(1, 5))
def ring_gap(seed, device, record, *, steps, n_critic):
    """How far is the discriminator from the best one? Its own loss beside that of a fresh judge of
    the same generator. (A recording of its own: the judge's time would spoil ring_k's.)"""
    return {f"k = {k}": _ring(seed, steps, finally_judged=True, n_critic=k) for k in n_critic}


@experiment("ch02-ring-minimax", steps=3000, loss="minimax")
def ring_minimax(seed, device, record, *, steps, loss):
    return _ring(seed, steps, loss=loss)


@experiment("ch02-ring-judged", steps=3000)
def ring_judged(seed, device, record, *, steps):
    return _ring(seed, steps, judged=(0, 300, 1000, steps))


@experiment("ch02-ring-lopsided", steps=3000, lr_g=2e-3, lr_d=2e-4)
def ring_lopsided(seed, device, record, *, steps, lr_g, lr_d):
    return _ring(seed, steps, lr=(lr_g, lr_d))


# --- images ---------------------------------------------------------------------------------------


@experiment("ch02-digits", steps=4000, r1=0.1, decay="cosine", betas=(0.0, 0.99))
@experiment("ch02-digits-plain", steps=4000, r1=0.0, decay=None, betas=(0.5, 0.999))
def digits(seed, device, record, *, steps, r1, decay, betas):
    images, test = data.digits("train").float(), data.digits("test").float()
    torch.manual_seed(seed)
    generator = nets.MLPGenerator(16, (1, 8, 8), width=128, depth=2)
    discriminator = nets.MLPDiscriminator((1, 8, 8), width=128, depth=2)
    trainer = training.GANTrainer(
        generator, discriminator, lr=1e-3, betas=betas, r1=r1, schedule=decay, seed=seed,
        device="cpu",
    )  # fmt: skip
    began = time.process_time()
    trainer.fit(images, steps, progress=False)
    seconds = time.process_time() - began
    net = features.load("digits")
    fake = net.features(trainer.sample(len(test)))
    pixels = ((trainer.sample(30) + 1) * 127.5).round().to(torch.uint8).flatten()
    return {
        "frechet": metrics.frechet_distance(net.features(test), fake),
        "cpu_seconds": seconds,
        "samples": bytes(pixels.tolist()).hex(),  # 30 images of 8 x 8 pixels, 0 to 255
    }


@experiment("ch02-mnist-gpu", steps=20_000, width=1024, batch_size=1024)
def mnist_gpu(seed, device, record: Any, *, steps, width, batch_size):
    """The digits' recipe at the size where a GPU pays; meant for `make record ... DEVICE=cuda`."""
    import matplotlib.pyplot as plt

    train, test = (data.mnist(split, download=False).float() for split in ("train", "test"))
    torch.manual_seed(seed)
    generator = nets.MLPGenerator(64, (1, 28, 28), width=width)
    untrained = copy.deepcopy(generator).to(device)
    discriminator = nets.MLPDiscriminator((1, 28, 28), width=width)
    trainer = training.GANTrainer(
        generator, discriminator, lr=5e-4, betas=(0.0, 0.99), r1=1.0, schedule="cosine", ema=0.999,
        batch_size=batch_size, amp="bf16", seed=seed, device=device,
    )  # fmt: skip
    wait: Callable[[], Any] = torch.cuda.synchronize if device.type == "cuda" else int
    wait()
    began = time.perf_counter()
    history = trainer.fit(train, steps, progress=False)
    wait()
    seconds = time.perf_counter() - began
    fig, ax = plt.subplots(figsize=(6, 3))
    plots.image_grid(ax, trainer.sample(50).cpu(), columns=10)
    record.figure(fig, alt=f"Fifty generated digits in five rows of ten, seed {seed}.")
    assert math.isfinite(float(history.d_loss[-1]))
    net = features.load("mnist", device)
    # Random rows: MNIST's files are not in random order.
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[: len(test)]
    with torch.no_grad():
        worthless = untrained(trainer.latent(len(test)))
    samples = {"frechet": trainer.sample(len(test)), "floor": train[rows], "ceiling": worthless}
    real = net.features(test)
    scores = {name: metrics.frechet_distance(real, net.features(x)) for name, x in samples.items()}
    return (
        scores
        | {
            "images_a_second": steps * batch_size / seconds,
            "d_loss": float((history.d_loss + history.penalty)[-500:].mean()),  # as it was recorded
            "g_loss": float(history.g_loss[-500:].mean()),
        }
    )
