"""Recorded runs of chapter 16: enlarging with a critic of several weights, translation with pairs
and without. Networks, loops and scores are the chapter's own, which runs seed 0 live."""

from __future__ import annotations

import functools
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

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
    left=Later(lambda: data.photographs("train", step=8).float()),
    which_one=Later(lambda: data.photographs("train", step=8).labels),
    right=Later(lambda: data.photographs("test").float()),
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


@experiment("ch16-restore", seeds=(0, 1, 2), steps=400)
def restore(seed: int, device: torch.device, record: Recorder, *, steps: int) -> dict[str, Any]:
    """Scores of photographs enlarged, denoised and coloured, by loss; figures of the first seed's."""
    beholder = page.beholder(seed)
    known = beholder(page.right).argmax(1) == data.photographs("test").labels
    found: dict[str, Any] = {
        "beholder": round(known.float().mean().item(), 4),
        "scores": {},
        "unlike": {},
    }
    for damage in page.DAMAGE:
        losses = list(page.PHOTO_LOSSES)[: 4 if damage == "enlarge" else 2]
        nets = {loss: page.restore(damage, loss, seed, steps, beholder) for loss in losses}
        made = {loss: page.restored(net, damage) for loss, net in nets.items()}
        found["scores"][damage] = {loss: rounded(page.restored_scores(x)) for loss, x in made.items()}
        found["unlike"][damage] = {
            loss: round(page.unlike(beholder, x, page.right).item(), 4) for loss, x in made.items()
        }
        if seed == 0:
            restoration(record, damage, nets)
    return found


@torch.no_grad()
def restoration(record: Recorder, damage: str, nets: dict[str, Any]) -> None:
    """Keeps a figure: of colours both halves whole, else patches, as they came, restored, true."""
    nets, names = {"as it came": torch.nn.Identity()} | nets, ["as it came", *nets, "true"]
    if damage == "colour":
        halves = data.photographs("whole").float()[..., :424, 320:]
        came = page.DAMAGE[damage](halves)
        rows = [avg_pool2d(x, 4) for x in (*(net(came).clamp(-1, 1) for net in nets.values()), halves)]
        tiles, columns = torch.stack(rows, 1).flatten(0, 1), 2 * len(rows)
        fig, ax = plt.subplots(figsize=(5.8, 1.25))
    else:
        rows = [page.restored(net, damage) for net in nets.values()] + [page.right]
        detail = page.fine(page.right).square().mean((1, 2, 3)).view(2, -1)  # of temple and dahlia
        order = detail.argsort(descending=True)
        detailed = torch.cat([order[0, :9:3], order[1, :6:3] + detail.shape[1]])
        tiles, columns = torch.cat([x[detailed] for x in rows]), 5
        fig, ax = plt.subplots(figsize=(5.2, 1.02 * len(rows) + 0.3))
    plots.image_grid(ax, tiles, columns=columns)
    places = "across, twice: " if damage == "colour" else "down: "
    ax.set_title(places + "; ".join(names), fontsize=9)
    fig.subplots_adjust(0.01, 0.01, 0.99, 1 - 0.25 / fig.get_figheight())
    record.figure(fig, alt=ALTS[damage])


ALTS = {
    "enlarge": "Six rows of five color patches: blurred by bicubic enlargement; with squared error as "
    "blurred, edges a little sharper; with a critic crisp, with strokes that are not in the truth; "
    "from features alone with a grid of dots; from features and a critic crisp, with dots; "
    "and true, with leaves that no row has.",
    "denoise": "Four rows of five color patches: covered with colored noise; "
    "after squared error with less of it, and softer; with a critic nearly the same; and true.",
    "colour": "The right halves of both photographs, four times each: grey; colored after squared "
    "error, with orange on the water of the temple's picture; with a critic, nearly the same; and "
    "true, with pale water and a redder dahlia.",
}
