"""Case 15.3: Nothing moves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign
from ._probes import INF, Shift, quotient


def _sick(D, G, adam, z):
    fake = G(z).detach()
    loss = softplus(-D(fake)).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss.item()


def _generator_step(objective: Callable, zero: bool = True) -> Callable:
    def g_step(D, G, adam, z):
        loss = objective(D, G(z))
        if zero:
            adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.item()

    return g_step


class _Witness(nn.Module):
    """D(x) = the first coordinate of x, plus a number; remembers the rows that it was asked about."""

    def __init__(self, plus: float = 0.0) -> None:
        super().__init__()
        self.plus = nn.Parameter(torch.tensor(plus))
        self.rows: set[tuple[float, ...]] = set()

    def forward(self, x: Tensor) -> Tensor:
        self.rows |= set(map(tuple, x.detach().flatten(1).tolist()))
        return x.flatten(1)[:, 0] + self.plus


def _g_steps(g_step: Callable, logit: float, steps: int) -> tuple[list[float], int, Any]:
    """How far each step moves G up D's slope, in units of the rate; rows shown to D; the last log."""
    D, G, rate = _Witness(logit), Shift(0.0, 0.0), 0.1
    z = torch.stack([torch.zeros(64), torch.linspace(-1, 1, 64)], 1)
    sgd, moved = torch.optim.SGD(G.parameters(), rate), []
    logged = None
    for _ in range(steps):
        before, D.rows = G.b[0].item(), set()
        logged = g_step(D, G, sgd, z)
        moved.append((G.b[0].item() - before) / rate)
    return moved, len(D.rows), logged


_well = ward.g_step


def _bench(g_step: Callable, seed: int) -> Exam:
    (first, second), rows, logged = _g_steps(g_step, 0.0, 2)
    if first > 0.05 and logged is not None:  # does the log fall as fast as G climbs?
        low, high = (ward.value(_g_steps(g_step, d, 1)[2], "g_step") for d in (-0.1, 0.1))
        if not 0.7 < (low - high) / 0.2 / first < 1.4:
            raise ward.Unusable(
                "g_step does not return the loss that G learns from: where D's answer rises a "
                "little, the two do not fall alike."
            )
    sure = max(_g_steps(g_step, logit, 1)[0][0] for logit in (-6.0, 6.0))
    signs = {
        "first step, up D's slope": first,
        "second step / first step": quotient(second, first),
        "different samples shown to D, of 64": float(rows),
        "pull where D is sure (logit -6 or 6)": sure,
    }
    return Exam(signs)


def _run(g_step: Callable, seed: int) -> Exam:
    def step(D, *others):
        value = g_step(D, *others)
        if not all(parameter.requires_grad for parameter in D.parameters()):
            raise ward.Unusable(
                "Your step leaves D frozen: its weights do not require a gradient any more, so "
                "that D's next step fails. Switch them on again before you return."
            )
        return value if value is not None else math.nan

    exam = ward.ring_run(seed, g_step=step)
    exam.signs = {
        "gradient norm in G": exam.signs["gradient"],
        "samples have moved by": exam.signs["moved"],
        "distance to the data": exam.signs["distance"],
        "modes covered, of 8": exam.signs["modes"],
    }
    return exam


SIGNS = (
    Sign(
        "first step, up D's slope",
        0.05,
        8,
        exact=True,
        too_low="G's step does not lead up D's slope. Its loss has to be a function of "
        "D(G(z)), small when D calls the samples real, with nothing cut on the way.",
        too_high="The step is far too long: a sum over the batch where a mean was?",
    ),
    Sign(
        "second step / first step",
        0.2,
        1.5,
        exact=True,
        too_low="The second step hardly moves G, or moves it back.",
        too_high="The second step repeats the first and adds its own: gradients pile up. Set "
        "them to zero before `backward`.",
    ),
    Sign(
        "different samples shown to D, of 64",
        64,
        INF,
        exact=True,
        too_low="D is not shown one sample for each latent of the batch: every z has to go "
        "through G, and on to D.",
    ),
    Sign(
        "pull where D is sure (logit -6 or 6)",
        0.2,
        INF,
        exact=True,
        too_low="Where D is sure, your loss has no slope on either side, so G learns only "
        "while D doubts: is D's answer squashed before the loss squashes it again?",
    ),
    Sign("gradient norm in G", 0.01, INF, trained=True),
    Sign("samples have moved by", 0.3, 3, trained=True),
    Sign("distance to the data", -INF, 0.15, trained=True),
    Sign("modes covered, of 8", 6, 8, trained=True),
)

MISTAKES = [
    Mistake(
        _generator_step(lambda D, fake: softplus(-D(fake).detach()).mean()),
        "You moved the cut to D's answer. The gradient has to pass *through* D on its way to "
        "G, so nothing between loss and G may be cut.",
        slip={"-D(fake)": "-D(fake).detach()"},
    ),
    Mistake(
        _generator_step(lambda D, fake: softplus(D(fake)).mean()),
        "The gradient arrives, and G walks the wrong way: it is asked to make D sure that its "
        "samples are fake. Keep the loss as it was.",
        slip={"softplus(-D(fake)).mean()": "softplus(D(fake)).mean()"},
    ),
    Mistake(
        _generator_step(lambda D, fake: -softplus(-D(fake)).mean()),
        "The gradient arrives, with the wrong sign: G now maximises its own loss.",
        slip={"    loss = softplus": "    loss = -softplus"},
    ),
    Mistake(
        _generator_step(lambda D, fake: softplus(-D(fake)).mean(), zero=False),
        "The cut is gone, and so is zero_grad: now the gradients of all steps so far pile up "
        "in G, and the second step repeats the first.",
        slip={("    adam.zero_grad()\n"): ""},
    ),
    Mistake(
        _generator_step(lambda D, fake: fake.square().mean()),
        "D is not asked at all: what is real, G can learn from D's answers only. The loss was "
        "right; the way back from it was cut.",
    ),
    Mistake(
        lambda D, G, adam, z: _well(D, G, adam, z[:1].expand_as(z)),
        "All samples of the batch come from one latent: D sees the same point again and again. "
        "Each row of `z` is a sample of its own.",
    ),
]

EXERCISE = Case(
    "15.3",
    "Nothing moves",
    difficulty=1,
    minutes=8,
    reference=ward.g_step,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="the graph is cut between G and its loss",
    ill="fake = G(z).detach()",
    symptom="No gradient arrives in G, and its samples stay where they were.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
