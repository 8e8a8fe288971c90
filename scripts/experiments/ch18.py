"""Recorded runs of chapter 18: nine ways to a sample on equal budgets, the maps of GANs, what a
critic's penalty and start do, and a drifting field without its balance.

Networks and loops are the chapter's own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gancourse import data, features, metrics, penalties
from scripts.chapters import chapter
from scripts.experiments import Recorder, experiment

page = chapter(
    "18", ring=data.ring(std=0.08), grid=data.grid(spacing=1.0, std=0.08)
)  # fmt: skip
SORTS = (("GAN", 0.0, 0.0), ("adversarial flow", 1.0, 0.0), ("GAN with a skip", 0.0, 1.0))
NOISE = torch.randn(2500, 2, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def made_by(field: nn.Module, calls: int, z: Tensor) -> Tensor:
    return field.jump(z) if calls == 1 else page.walk(field, z, calls)


def signs(samples: Tensor, mixture: data.GaussianMixture) -> dict[str, float]:
    """Clusters reached, share of high quality, evenness, and agreement with the transport."""
    score = metrics.mode_coverage(samples, mixture.centers, mixture.std)
    same = page.arrived(samples, mixture) == page.destined(NOISE, mixture)
    return {
        "modes": score.fair_modes,
        "good": round(score.high_quality, 4),
        "reverse_kl": round(score.reverse_kl, 4),
        "same place": round(same.double().mean().item(), 4),
    }


def compared(
    seed: int, draw: Callable[[int], Tensor], judge: Callable[..., dict[str, float]], **given: Any
) -> list[dict[str, Any]]:
    """A row for each method of the chapter's table."""
    return [
        {"method": name, "calls": calls, "seconds": round(seconds, 2)} | judge(field, calls)
        for name, (field, calls, seconds) in page.contestants(seed, draw, **given).items()
    ]


def on_the_plane(seed: int, mixture: data.GaussianMixture) -> dict[str, Any]:
    def judge(field: nn.Module, calls: int) -> dict[str, float]:
        return signs(made_by(field, calls, NOISE), mixture)

    return {"rows": compared(seed, mixture.sample, judge)}


@experiment("ch18-ring", seeds=(0, 1, 2))
def ring(seed: int, device: torch.device, record: Recorder) -> dict[str, Any]:
    return on_the_plane(seed, page.ring)


@experiment("ch18-grid", seeds=(0, 1, 2))
def grid(seed: int, device: torch.device, record: Recorder) -> dict[str, Any]:
    return on_the_plane(seed, page.grid)


def digits_judge(
    seed: int,
) -> tuple[Callable[[int], Tensor], Callable[..., dict[str, float]], float]:
    """Draws of the digits, the scores of a generator, and what real digits score against others."""
    images = data.digits("train").float()
    real, net = images.flatten(1), features.load("digits")
    reference = net.features(images)
    z = torch.randn(len(real), 64, generator=torch.Generator().manual_seed(seed + 100))

    def draw(n: int) -> Tensor:
        return real[torch.randint(len(real), (n,))]

    def judge(field: nn.Module, calls: int) -> dict[str, float]:
        made = net.features(made_by(field, calls, z).view(-1, 1, 8, 8).clamp(-1, 1))
        precision, recall = metrics.precision_recall(reference, made)
        found = {"frechet": metrics.frechet_distance(reference, made)}
        found |= {"precision": precision, "recall": recall}
        return {name: round(float(value), 4) for name, value in found.items()}

    half = len(reference) // 2
    floor = metrics.frechet_distance(reference[:half], reference[half : 2 * half])
    return draw, judge, round(floor, 4)


@experiment("ch18-digits", seeds=(0, 1, 2), taus=[0.5])
def digits(seed: int, device: torch.device, record: Recorder, *, taus: list[float]) -> Any:
    draw, judge, floor = digits_judge(seed)
    return {"rows": compared(seed, draw, judge, dim=64, taus=tuple(taus)), "floor": floor}


@experiment("ch18-steered", seeds=(0, 1, 2, 3, 4), steps=800)
def steered(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """On the digits: does a short GAN collapse, and does a direction help?"""
    draw, judge, _ = digits_judge(seed)
    found = {}
    for name, transport, skip in SORTS:
        torch.manual_seed(seed)
        start = page.Field(64, skip=skip)
        field, _ = page.duel(start, draw, steps, seed, transport=transport)
        found[name] = judge(field, 1)
    return found


@experiment("ch18-maps", seeds=(0, 1, 2, 3, 4), steps=800)
def maps(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """Where each noise lands: a GAN, the same with the transport term, and one with a skip."""
    found = {}
    for name, transport, skip in SORTS:
        torch.manual_seed(seed)
        start = page.Field(skip=skip)
        field, _ = page.duel(start, page.ring.sample, steps, seed, transport=transport)
        landed = page.arrived(made_by(field, 1, page.PLACES), page.ring)
        found[name] = signs(made_by(field, 1, NOISE), page.ring) | {
            "map": "".join(map(str, landed.tolist()))
        }
    return found


@experiment("ch18-penalty", seeds=(0, 1, 2, 3, 4), steps=450)
def penalty(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """One copy, post-trained under three penalties; and the flow itself, thrown into the game."""
    teacher = page.train_flow(seed, page.ring.sample, steps=1200)
    z = torch.randn(page.PAIRS, 2)
    copied = page.copy_walk(teacher, (z, page.walk(teacher, z, 32)))
    found = {"copied": signs(made_by(copied, 1, NOISE), page.ring) | {"seconds": 0.0}}
    kinds: dict[str, Any] = {
        "approximated": page.near_r1,
        "exact": lambda critic, x: 0.05 * penalties.r1_penalty(critic, x),
        "none": lambda critic, x: 0.0,
        "approximated, from the flow": page.near_r1,
    }
    for name, kind in kinds.items():
        start = teacher if "flow" in name else copied
        (field, _), seconds = page.timed(page.duel, start, page.ring.sample, steps, seed, penalty=kind)
        found[name] = signs(made_by(field, 1, NOISE), page.ring) | {"seconds": round(seconds, 2)}
    return found


@experiment("ch18-push", seeds=(0, 1, 2), steps=600)
def push(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """A drifting model whose two forces balance, and three whose forces do not."""
    found = {}
    for name, pull, away in (
        ("balanced", 1.0, 1.0), ("pull 1.5", 1.5, 1.0), ("push 1.5", 1.0, 1.5),
        ("pull alone", 1.0, 0.0),
    ):  # fmt: skip
        rule = functools.partial(page.drift, pull=pull, push=away)
        field = page.train_drift(seed, page.ring.sample, steps=steps, rule=rule)
        found[name] = signs(made_by(field, 1, NOISE), page.ring)
    return found
