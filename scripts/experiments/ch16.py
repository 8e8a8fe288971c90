"""Recorded runs of chapter 16: enlarging with a critic of several weights, translation with pairs
and without. Networks, loops and scores are the chapter's own, which runs seed 0 live."""

from __future__ import annotations

import functools
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from gancourse import data, features, plots
from scripts.chapters import Later, chapter
from scripts.experiments import Recorder, experiment

SHOWN = {"enlarge": 10, "pairs": 16}


@functools.cache
def sans(n: int, seed: int) -> data.ImageSet:
    return data.style_pair(n, 16, seed, ("sans", "sans"))[0]


@functools.cache
def styled(n: int, seed: int) -> tuple[data.ImageSet, data.ImageSet]:
    return data.style_pair(n, 16, seed, ("thin", "hatched"))


page = chapter(
    "16",
    judge=Later(lambda: features.load("glyphs")),
    train=Later(lambda: sans(6000, 1)),
    test=Later(lambda: sans(1000, 5)),
    truth=Later(lambda: sans(1000, 5).float()),
    thin=Later(lambda: styled(3000, 1)[0]),
    hatched=Later(lambda: styled(3000, 1)[1]),
    thin_test=Later(lambda: styled(1000, 5)[0]),
    hatched_test=Later(lambda: styled(1000, 5)[1]),
)


def rounded(scores: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in scores.items()}


def grey(pictures: Tensor) -> list[int]:
    """Pictures as whole numbers 0 to 255, one list."""
    return features.to_uint8(pictures).flatten().tolist()


def enlarged(seed: int, steps: int, losses: list[str]) -> dict[str, Any]:
    """Scores of each loss on the chapter's test set; pictures of its first digits, of seed 0."""
    found: dict[str, Any] = {"scores": {}, "pictures": {}}
    torch.manual_seed(0)
    seen = page.shrink(sans(1000, 5).float())  # as the chapter's
    for name in losses:
        net = page.enlarge(seed, page.WEIGHTS[name], steps)
        torch.manual_seed(1)
        with torch.no_grad():
            made = net(seen)
        found["scores"][name] = rounded(page.scores(made))
        if seed == 0:
            found["pictures"][name] = grey(made[: SHOWN["enlarge"]])
    return found


@experiment("ch16-enlarge", seeds=(0, 1, 2), steps=1200, losses=["squared error", "both"])
def enlarge(
    seed: int, device: torch.device, record: Recorder, *, steps: int, losses: list[str]
) -> dict[str, Any]:
    return enlarged(seed, steps, losses)


@experiment("ch16-weights", seeds=(0, 1, 2), steps=1200, losses=["a little critic", "critic"])
def weights(
    seed: int, device: torch.device, record: Recorder, *, steps: int, losses: list[str]
) -> dict[str, Any]:
    return enlarged(seed, steps, losses)


@experiment("ch16-pairs", seeds=(0, 1, 2), steps=400)
def pairs(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """Scores of pix2pix under three losses; pictures of the first digits, of seed 0."""
    found: dict[str, Any] = {"scores": {}, "pictures": {}}
    for name, weights in page.PAIR_LOSSES.items():
        net = page.pix2pix(seed, weights, steps)
        with torch.no_grad():
            made = net(styled(1000, 5)[0].float())
        found["scores"][name] = rounded(page.style_scores(made))
        if seed == 0:
            found["pictures"][name] = grey(made[: SHOWN["pairs"]])
    return found


@experiment("ch16-cycle", seeds=(0, 1, 2), steps=400, weights=[0.1, 0.01])
def cycle(
    seed: int, device: torch.device, record: Recorder, *, steps: int, weights: list[float]
) -> dict[str, Any]:
    """Scores of two translators that were trained without pairs, for each weight of the cycle loss;
    pictures of the last weight, of seed 0."""
    heaps = [heap.float() for heap in data.style_pair(3000, 16, 1, ("thin", "hatched"), paired=False)]
    found: dict[str, Any] = {"scores": {}}
    for weight in weights:
        there, back = page.cycle_gan(*heaps, seed, steps, weight)
        torch.manual_seed(1)
        found["scores"][str(weight)] = rounded(page.cycle_scores(there, back))
    if seed == 0:
        x, y = (s.float()[: SHOWN["pairs"]] for s in styled(1000, 5))
        with torch.no_grad():
            made = {"there": there(x), "back": back(y), "home": there(back(y))}
        found["pictures"] = {name: grey(pictures) for name, pictures in made.items()}
    return found


@experiment("ch16-single", seeds=(0, 1, 2), steps=200)
def single(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """A GAN of one photograph, the dahlia; a figure of the first seed's."""
    picture = data.photographs("whole").float()[1:]
    painters, fixed = page.single_image_gan(picture, seed, steps)
    torch.manual_seed(1)
    made = page.paint(painters, page.noises(6, len(page.SIZES)))
    again = page.paint(painters, fixed)
    real = interpolate(picture, size=page.SIZES[-1], mode="bilinear", antialias=True)
    if seed == 0:
        fig, ax = plt.subplots(figsize=(7.2, 2.6))
        plots.image_grid(ax, torch.cat([real, again, made]), columns=4)
        record.figure(
            fig,
            alt="Eight color pictures of 60 by 90 pixels. First the photograph of an orange dahlia "
            "before dark green leaves, then what the fixed noise gives, the same, softer; the other "
            "six, from new noise, have orange blossoms of other shapes in other places.",
        )
    return {"scores": rounded(page.one_picture_scores(made, real))}
