"""Case 15.7: Gentle in the middle."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign
from ._penalties import (
    FEEDBACK,
    PLACES,
    UNHEARD,
    norm_sign,
    penalty_with,
    price_of,
    questions,
    right_penalty,
)


def _sick(critic, real, fake):
    eps = torch.rand_like(real)
    x = (eps * real + (1 - eps) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    norm = gradient.flatten(1).norm(dim=1)
    return (norm - 1).square().mean()


def _bench(gradient_penalty: Callable, seed: int) -> Exam:
    price = price_of(gradient_penalty, 3.0, 3.0)[0]
    signs, marks = questions(gradient_penalty)
    signs = {
        "penalty of a critic with slope 3": price,
        **signs,
        "gradient of the penalty in the critic": price_of(gradient_penalty, 0.5, 1.5)[1],
    }
    return Exam(signs, fingerprint=marks)


def _run(gradient_penalty: Callable, seed: int) -> Exam:
    exam = ward.critic_run(gradient_penalty, seed, steps=250, hidden=nn.Tanh)
    profile = exam.pictures["profile"]
    exam.signs = {
        "critic's slope at the middle": profile[5],
        "critic's slope at the ends": max(profile[0], profile[-1]),
    }
    return exam


SIGNS = (
    norm_sign("penalty of a critic with slope 3", 4.0),
    *PLACES,
    FEEDBACK,
    Sign("critic's slope at the middle", 0.7, 2, trained=True),
    Sign("critic's slope at the ends", 0.7, 3, trained=True),
)

MISTAKES = [
    Mistake(
        penalty_with(lambda r, f: torch.lerp(f, r, torch.rand(1))),
        "Now one number serves the whole batch: all points sit at the same place along their "
        "segments, another place each step. Draw one for each *sample*.",
        slip={"torch.rand(len(real), 1, 1, 1)": "torch.rand(1)"},
    ),
    Mistake(
        penalty_with(lambda r, f: torch.lerp(f, r, torch.full((1,), 0.5))),
        "All points sit in the middle of their segments. The constraint is wanted everywhere "
        "between real and generated: draw the place at random.",
        slip={"torch.rand(len(real), 1, 1, 1)": "torch.full((len(real), 1, 1, 1), 0.5)"},
    ),
    Mistake(
        penalty_with(lambda r, f: torch.lerp(f, r, torch.randn(len(r), 1, 1, 1))),
        "A *normal* number can be negative or above 1: about two thirds of your points lie "
        "outside their segments. The place is uniform in [0, 1].",
        slip={"torch.rand(len(real), 1, 1, 1)": "torch.randn(len(real), 1, 1, 1)"},
    ),
    Mistake(
        penalty_with(lambda r, f: r + torch.rand(len(r), 1, 1, 1) * f),
        "Your weights do not add up to 1, so the points leave the segment. With weight w on "
        "the one end, the other end gets 1 - w.",
    ),
    Mistake(
        penalty_with(lambda r, f: torch.lerp(f, r, torch.rand(len(r), 1))),
        "One number per sample is right; its shape is not. Against (N, C, H, W) a tensor (N, 1) "
        "lines up with the *last* two axes. Give it N and three ones.",
    ),
    Mistake(
        penalty_with(lambda r, f: torch.lerp(f, r, torch.rand(len(r), 1, r.shape[2], 1))),
        "One number per *row* now: still a mixture that lies off the segment. One per sample.",
        slip={"torch.rand(len(real), 1, 1, 1)": "torch.rand(len(real), 1, real.shape[2], 1)"},
    ),
    Mistake(
        UNHEARD,
        "The penalty is a number that the critic never hears of: the gradient's own graph is not "
        "kept, or is cut. Without `create_graph` there is nothing to learn from.",
    ),
    Mistake(
        penalty_with(lambda r, f: torch.lerp(f, r, 0.5 * torch.rand(len(r), 1, 1, 1))),
        "Your points lie, most or all of them, in one half of each segment. The place is uniform from "
        "one end to the other.",
    ),
    Mistake(
        penalty_with(lambda r, f: torch.lerp(f, r, (torch.rand(len(r), 1, 1, 1) > 0.5).float())),
        "All points are ends, real or generated. What lies *between* them is what the penalty asks "
        "about.",
    ),
    Mistake(
        penalty_with(lambda r, f: 1 * r),
        "You ask about real points only, as R1 does. This penalty asks between real and generated.",
    ),
    Mistake(
        penalty_with(lambda r, f: r + torch.rand(len(r), 1, 1, 1) * (r - f)),
        "You go from the real point *away* from the generated one: beyond the end of the segment.",
    ),
]

EXERCISE = Case(
    "15.7",
    "Gentle in the middle",
    difficulty=3,
    minutes=15,
    reference=right_penalty,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="the penalty is asked at the wrong *points*",
    ill="eps = torch.rand_like(real)",
    symptom="The critic is still questioned about points that lie on no segment.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
