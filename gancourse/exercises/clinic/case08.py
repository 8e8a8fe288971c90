"""Case 15.8: Twenty times too steep."""

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
    eps = torch.rand(len(real), 1, 1, 1)
    x = (eps * real + (1 - eps) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    norm = gradient.norm(2, dim=1)
    return (norm - 1).square().mean()


def _bench(gradient_penalty: Callable, seed: int) -> Exam:
    mixed, learns = price_of(gradient_penalty, 0.5, 1.5)
    places, marks = questions(gradient_penalty)
    signs = {
        "penalty, all slopes 1": price_of(gradient_penalty, 1.0, 1.0)[0],
        "penalty, all slopes 3": price_of(gradient_penalty, 3.0, 3.0)[0],
        "penalty, slopes 1/2 and 3/2 by halves": mixed,
        "gradient of the penalty in the critic": learns,
        **places,
    }
    return Exam(signs, fingerprint=marks)


def _run(gradient_penalty: Callable, seed: int) -> Exam:
    leaky = ward.critic_run(gradient_penalty, seed, steps=200, hidden=lambda: nn.LeakyReLU(0.2))
    leaky.signs = {"critic's slope after 200 steps": leaky.signs["slope"]}
    return leaky


SIGNS = (
    norm_sign("penalty, all slopes 1", 0.0),
    norm_sign("penalty, all slopes 3", 4.0),
    norm_sign("penalty, slopes 1/2 and 3/2 by halves", 0.25),
    FEEDBACK,
    *PLACES,
    Sign("critic's slope after 200 steps", 0.7, 2, trained=True),
)

MISTAKES = [
    Mistake(
        penalty_with(price=lambda g: (g.norm(2, dim=(1, 2)) - 1).square().mean()),
        "Two axes of three: you take a norm for every column of every picture. One norm per "
        "sample runs over channels, rows *and* columns.",
        slip={"gradient.flatten(1).norm(dim=1)": "gradient.flatten(1, 2).norm(dim=1)"},
    ),
    Mistake(
        penalty_with(price=lambda g: (g.norm() - 1).square()),
        "One norm for the whole batch: it grows with the batch size, and the penalty cannot "
        "tell a steep sample from a flat one. One norm per sample.",
        slip={"gradient.flatten(1).norm(dim=1)": "gradient.norm()"},
    ),
    Mistake(
        penalty_with(price=lambda g: (g.flatten(1).square().sum(1) - 1).square().mean()),
        "That is the *squared* norm: a slope of 3 is fined as if it were 9. Take the root.",
        slip={".norm(dim=1)": ".square().sum(dim=1)"},
    ),
    Mistake(
        penalty_with(price=lambda g: (g.flatten(1).norm(dim=1).mean() - 1).square()),
        "You average the norms before you compare with 1, so slopes 1/2 and 3/2 pass "
        "as a pair. Compare each sample, then average.",
        slip={"(norm - 1).square().mean()": "(norm.mean() - 1).square()"},
    ),
    Mistake(
        penalty_with(price=lambda g: (g.flatten(1).norm(dim=1) - 1).relu().square().mean()),
        "The norm is right, and the penalty has become one-sided: slopes below 1 are free. "
        "That is a treatment of its own (chapter 5), not this patient's.",
    ),
    Mistake(
        penalty_with(price=lambda g: (g.square().mean((1, 2, 3)).sqrt() - 1).square().mean()),
        "That is the root of the *mean* square: the more pixels, the steeper a critic may be. A "
        "norm is the root of the sum.",
    ),
    Mistake(
        penalty_with(price=lambda g: (g.abs().flatten(1).sum(1) - 1).square().mean()),
        "That is the 1-norm, the sum of absolute values. The constraint is about the Euclidean one.",
    ),
    Mistake(
        penalty_with(price=lambda g: (g.flatten(1).norm(dim=0) - 1).square().mean()),
        "Your norm runs over the batch: one for each pixel. One for each *sample* runs over the pixels.",
    ),
    Mistake(
        penalty_with(price=lambda g: g.flatten(1).square().sum(1).mean()),
        "This is R1's price, the squared norm itself: it wants slopes of 0. Here slopes of 1 are free.",
    ),
    Mistake(
        penalty_with(price=lambda g: (g.flatten(1).norm(dim=1) - 1).square().sum()),
        "You add up over the batch: the penalty grows with the number of samples. Average.",
    ),
    Mistake(
        UNHEARD,
        "The norm is right, and the critic never hears of it: the gradient's own graph is not kept, "
        "or is cut. Keep `create_graph` as it was.",
    ),
    Mistake(
        penalty_with(lambda r, f: torch.lerp(f, r, torch.rand_like(r))),
        "The norm is right. But now every pixel has a mixture of its own, so that the points lie on "
        "no segment: that is the disease of case 7.",
    ),
]

EXERCISE = Case(
    "15.8",
    "Twenty times too steep",
    difficulty=2,
    minutes=12,
    reference=right_penalty,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="the penalty measures the wrong norm",
    ill="norm = gradient.norm(2, dim=1)",
    symptom="A critic with slope 1 everywhere is still fined.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
