"""Case 15.9: Eight of eight, says the counter."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gancourse import data

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign


def _sick(modes, radius):
    angle = torch.linspace(0, 2 * math.pi, modes)
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


def _well(modes, radius):
    angle = 2 * math.pi * torch.arange(modes) / modes
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


def _at(angles: Callable) -> Callable:
    def ring_centers(modes, radius):
        angle = angles(modes)
        return radius * torch.stack([angle.cos(), angle.sin()], 1)

    return ring_centers


def _heaviest(x: Tensor, centers: Tensor) -> float:
    """The largest share of the samples that lies within 0.3 of one center."""
    return (torch.cdist(x, centers) < 0.3).float().mean(0).max().item()


def _bench(ring_centers: Callable, seed: int) -> Exam:
    centers = ward.tensor(ring_centers(8, 1.0), "ring_centers(8, 1.0)", (8, 2)).float()
    if not torch.allclose(ward.tensor(ring_centers(8, 1.0), "ring_centers", (8, 2)).float(), centers):
        raise ward.Unusable(
            "ring_centers(8, 1.0) returned other centers when it was called again: something in it is "
            "random. The modes of a data set stay where they are, with equal gaps."
        )
    other = ward.tensor(ring_centers(5, 3.0), "ring_centers(5, 3.0)", (5, 2)).float()
    angle = torch.atan2(centers[:, 1], centers[:, 0]).rad2deg().remainder(360).sort().values
    gaps = torch.cat([angle[1:] - angle[:-1], angle[:1] + 360 - angle[-1:]])
    same = torch.cdist(centers, centers) < 0.05
    real = data.GaussianMixture(centers, 0.1).sample(2500, torch.Generator().manual_seed(seed))
    signs = {
        "different places among 8 centers": (1 / same.sum(1)).sum().item(),
        "largest gap (degrees)": gaps.max().item(),
        "radius of ring_centers(5, 3.0)": other.norm(dim=1).mean().item(),
        "heaviest place, share of real points": _heaviest(real, centers),
    }
    return Exam(signs, pictures={"centers": centers}, fingerprint=[gaps.min().item()])


def _run(ring_centers: Callable, seed: int) -> Exam:
    centers = ward.tensor(ring_centers(8, 1.0), "ring_centers(8, 1.0)", (8, 2)).float()
    exam = ward.ring_run(seed, centers=centers)
    exam.signs = {
        "heaviest place, share of generated": _heaviest(exam.pictures["points"], centers),
        "modes covered, by the usual count": exam.signs["modes"],
    }
    return exam


SIGNS = (
    Sign(
        "different places among 8 centers",
        7.9,
        8,
        exact=True,
        too_low="Some of the centers still lie in the same place.",
    ),
    Sign(
        "largest gap (degrees)",
        44.9,
        45.1,
        exact=True,
        too_low="The centers do not go once round the origin.",
        too_high="The centers differ, and are not spread evenly round the origin: all gaps "
        "should be 360 degrees divided by the number of modes.",
    ),
    Sign(
        "radius of ring_centers(5, 3.0)",
        2.99,
        3.01,
        exact=True,
        too_low="The angles are right; the centers lie too near. They belong at `radius`.",
        too_high="The angles are right; the centers lie too far out. They belong at `radius`.",
    ),
    Sign("heaviest place, share of real points", 0.1, 0.16),
    Sign("heaviest place, share of generated", 0.08, 0.16, trained=True),
    Sign("modes covered, by the usual count", 7, 8, trained=True),
)

MISTAKES = [
    Mistake(
        _at(lambda modes: torch.linspace(0, 2 * math.pi, modes + 1)),
        "One angle too many: the last of them is the first once more, 2π being 0. Leave the "
        "end point out.",
        slip={"2 * math.pi * torch.arange(modes) / modes": "torch.linspace(0, 2 * math.pi, modes + 1)"},
    ),
    Mistake(
        _at(lambda modes: torch.linspace(0, 2 * math.pi - 0.01, modes)),
        "You shaved a little off the end: now two modes nearly coincide. Eight modes need "
        "eight *equal* gaps, and there is one between the last and the first.",
    ),
    Mistake(
        _at(lambda modes: math.pi * torch.arange(modes) / modes),
        "Your modes fill half a circle: the full one is 2π.",
        slip={"2 * math.pi * torch.arange(modes) / modes": "math.pi * torch.arange(modes) / modes"},
    ),
    Mistake(
        _at(lambda modes: 2 * math.pi * torch.arange(1, modes + 1) / (modes + 1)),
        "Eight different modes, but divided as if there were nine: one gap is twice as wide "
        "as the others.",
        slip={"torch.arange(modes) / modes": "torch.arange(modes) / (modes + 1)"},
    ),
    Mistake(
        _at(lambda modes: 360.0 * torch.arange(modes) / modes),
        "Your angles are in degrees; cosine and sine take them in radians, where the full circle is 2π.",
    ),
    Mistake(
        lambda modes, radius: _well(modes, radius**2),
        "The angles are right; the radius is squared. The centers belong at `radius`.",
    ),
    Mistake(
        lambda modes, radius: _well(modes, 1.0),
        "The angles are right; `radius` has no effect any more.",
    ),
]

EXERCISE = Case(
    "15.9",
    "Eight of eight, says the counter",
    difficulty=1,
    minutes=8,
    reference=_well,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="the data are not what their name says",
    ill="angle = torch.linspace(0, 2 * math.pi, modes)",
    symptom="One place is still twice as heavy as the others, in the real data too.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
