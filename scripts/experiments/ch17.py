"""Recorded runs of chapter 17: clips before three sets of judges, pictures from captions, and where
attention pays.

Networks, loops and measures are the chapter's own, which runs seed 0 for fewer steps live.
"""

from __future__ import annotations

import time
from typing import Any

import matplotlib.pyplot as plt
import torch

from gancourse import data, plots
from scripts.chapters import Later, chapter
from scripts.experiments import Recorder, experiment

page = chapter("17")
REAL = Later(lambda: data.moving(3000, seed=0, classes=page.SPOT).float())


def film(seed: int, kinds: tuple[str, ...], steps: int) -> dict[str, float]:
    """The physics of 1,000 clips of a generator that met these judges."""
    return page.physics(page.train_mover(seed, kinds, steps, REAL.make()).sample(1000))


@experiment("ch17-frames", seeds=(0, 1, 2), steps=3000)
def frames(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    return film(seed, ("frames",), steps)


@experiment("ch17-clips", seeds=(0, 1, 2), steps=3000)
def clips(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    return film(seed, ("clips",), steps)


@experiment("ch17-both", seeds=(0, 1, 2), steps=3000)
def both(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    return film(seed, ("frames", "clips"), steps)


@experiment("ch17-film", seeds=(0,), steps=3000)
def strip(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    """What the generator of both judges shows: its clips, and how alike they are."""
    x = page.train_mover(seed, ("frames", "clips"), steps, REAL.make()).sample(1000)
    fig, ax = plt.subplots(figsize=(6, 3.8))
    plots.image_grid(ax, x[:5].flatten(0, 1)[:, None], columns=8)
    ax.images[0].set_cmap("gray")
    record.figure(fig, "Five generated clips, a row each, of eight frames.")
    return page.physics(x) | {"alike": page.alike(x), "alike, real": page.alike(REAL.make())}


def painter_of(seed: int, wrong: str, steps: int) -> tuple[Any, ...]:
    x, bag, factors, kept_back, known = page.scenes_to_learn()
    learn = torch.arange(len(x)) < page.TRAIN
    rows = learn & ~kept_back
    painter = page.train_painter(seed, wrong, steps, x[rows], bag[rows], factors[rows])
    return painter, known, x, bag, factors, kept_back, learn


@experiment("ch17-album", seeds=(0,), steps=2400)
def album(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    """What the painter shows for the chapter's eight captions."""
    plots.use_style()
    painter, known, *_ = painter_of(seed, "near", steps)
    fig, alt = page.album(painter, known, data.captioned(300, 16, seed=12))
    record.figure(fig, alt)
    return {}


def painting(seed: int, wrong: str, steps: int) -> dict[str, Any]:
    """Attributes that come as asked, of captions like those learned and of those kept back."""
    painter, _, x, bag, factors, kept_back, learn = painter_of(seed, wrong, steps)
    reader = page.train_reader(x[learn], factors[learn])
    return page.answered(painter, reader, bag[~learn], factors[~learn], kept_back[~learn])


@experiment("ch17-words-any", seeds=(0, 1, 2), steps=2400)
def words_any(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    return painting(seed, "any", steps)


@experiment("ch17-words-near", seeds=(0, 1, 2), steps=2400)
def words_near(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    return painting(seed, "near", steps)


@experiment("ch17-judges", seeds=(0, 1, 2), steps=800)
def judges(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    """Four judges of equally many weights: is it one symbol twice, near and far?"""
    found: dict[str, Any] = {}
    for kind in page.WIDTHS:
        began = time.process_time()
        found[kind] = {
            name: page.right(page.train_judge(kind, gap, seed, steps), gap, seed)
            for name, gap in page.GAPS.items()
        }
        found[kind]["seconds"] = round((time.process_time() - began) / 2, 2)
    return found


def couple(kinds: tuple[str, str], seed: int, steps: int) -> tuple[dict[str, float], torch.Tensor]:
    """What a pair of networks has learned of pairs that stand far apart, and 1,000 of its strips."""
    reads, real = page.train_symbol_reader(), page.pairs(3000, page.GAPS["far"], 0, alike=1)[0]
    began = time.process_time()
    strips = page.made_by(page.train_couple(kinds, seed, steps, real))
    seconds = round(time.process_time() - began, 2)
    return page.grade_pairs(strips, reads, real) | {"seconds": seconds}, strips


@experiment("ch17-couples", seeds=(0, 1, 2))
def couples(seed: int, device: torch.device, record: Recorder) -> Any:
    """Six GANs of equally many weights for about the same seconds, on pairs that stand far apart."""
    found: dict[str, Any] = {}
    shown = {}
    for kinds, steps in page.STEPS.items():
        name = " / ".join(kinds)
        found[name], strips = couple(kinds, seed, steps)
        shown[name] = strips[:10]
    if seed == 0:
        plots.use_style()
        fig, axes = plt.subplots(3, 2, figsize=(7.2, 2.7))
        for ax, (name, strips) in zip(axes.flat, shown.items(), strict=True):
            plots.image_grid(ax, strips, columns=5, title=name)
            ax.title.set_fontsize(9)
        record.figure(fig, "Ten strips of each of six GANs: " + "; ".join(shown) + ".")
    return found


@experiment("ch17-couples-longer", seeds=(0, 1, 2), times=3)
def couples_longer(seed: int, device: torch.device, record: Recorder, *, times: int) -> Any:
    """Two of the six that had not come to an end, with more of the same."""
    kinds = (("convolutions", "attention"), ("transformer", "dense"))
    return {" / ".join(k): couple(k, seed, times * page.STEPS[k])[0] for k in kinds}
