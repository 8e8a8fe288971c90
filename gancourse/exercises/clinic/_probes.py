"""Small networks and measures that several benches share."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from . import _ward as ward
from ._case import Exam, Sign

INF = math.inf


class Shift(nn.Module):
    """G(z) = z + b."""

    def __init__(self, *b: float) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.tensor(b))

    def forward(self, z: Tensor) -> Tensor:
        return z + self.b


def quotient(a: float, b: float) -> float:
    return a / b if b else math.copysign(math.inf, a) if a else 0.0


def slopes_of(losses: Callable, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How D's loss falls with its logits on real and fake points, and G's with those on fakes."""
    real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
    found: list[Tensor] = []
    for loss, logits in zip(ward.two_losses(losses(real, fake)), ((real, fake), (fake,))):
        slopes: tuple[Tensor | None, ...] = (None,) * len(logits)
        if loss.requires_grad:
            slopes = torch.autograd.grad(loss, logits, allow_unused=True, retain_graph=True)
        found += [torch.zeros(len(real)) if slope is None else slope for slope in slopes]
    return found[0], found[1], found[2]


LOGITS = tuple(  # D is right, D is wrong; within (0, 1), where hinge and least squares pull, too
    (torch.tensor(real).repeat(16), torch.tensor(fake).repeat(16))
    for real, fake in (([0.8, 0.9, 0.6], [0.2, 0.4, 0.1]), ([0.2, 0.1, 0.4], [0.8, 0.5, 0.9]))
)


def alliance(d: str, losses: Callable) -> Exam:
    """How the pulls agree: G's with D's on the fakes, D's on real with D's on fakes; their sizes.

    For cases 2 and 6, whose ``d`` is called "D" and "the critic"; of two batches the worse counts.
    """
    found = [slopes_of(losses, *logits) for logits in LOGITS]
    cosine = torch.nn.functional.cosine_similarity
    players = max(cosine(f, g, dim=0).item() for _, f, g in found)
    sides = max((r.sum().sign() * f.sum().sign()).item() for r, f, _ in found)
    prints = [s.sum().item() for triple in found for s in triple]
    balance = [quotient(abs(a), abs(b)) for a, b in (prints[:2], prints[3:5])]
    worst = max(balance, key=lambda ratio: abs(math.log(ratio)) if 0 < ratio < INF else INF)
    values = players, sides, worst, max(map(abs, prints))
    return Exam(dict(zip(_alliance_names(d), values)), fingerprint=prints)


def _alliance_names(d: str) -> tuple[str, str, str, str]:
    short = d.removeprefix("the ")
    return (
        f"pulls of G and {short} on fakes (cosine)",
        f"pulls of {short} on real and fake (sign)",
        f"{d}'s pull on real / on fakes",
        "largest pull of a batch",
    )


def alliance_signs(d: str) -> tuple[Sign, ...]:
    """What is healthy in an `alliance`."""
    players, sides, balance, size = _alliance_names(d)
    return (
        Sign(
            players, -INF, -0.5, exact=True,
            too_high=f"On the fakes {d} and G do not pull against each other: what makes the one "
            "loss small must make the other large.",
        ),
        Sign(
            sides, -1, -1, exact=True,
            too_high=f"{d[0].upper()}{d[1:]}'s loss does not pull real and fake apart: it has to "
            "push the one up and the other down, and both have to be in it.",
        ),
        Sign(
            balance, 0.2, 5, exact=True,
            too_low=f"In {d}'s loss the real half weighs next to nothing.",
            too_high=f"In {d}'s loss the half on fakes weighs next to nothing.",
        ),
        Sign(
            size, 0.02, 8, exact=True,
            too_low="The losses hardly depend on the logits.",
            too_high="The losses grow with the batch: a sum where a mean was?",
        ),
    )  # fmt: skip
