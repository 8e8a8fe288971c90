"""Exercise 14.4: The cycle loss."""

from functools import partial

import torch
from torch import nn

from .. import Exercise, Mistake, _cycles


def _l1(a, b):
    return (a - b).abs().sum(1).mean()


def _cycle(G, F, x, y):
    return _l1(F(G(x)), x) + _l1(G(F(y)), y)


def _cycle_squared(G, F, x, y):
    return (F(G(x)) - x).square().sum(1).mean() + (G(F(y)) - y).square().sum(1).mean()


def _cycle_mean(G, F, x, y):
    return (F(G(x)) - x).abs().mean() + (G(F(y)) - y).abs().mean()


def _cycle_half(G, F, x, y):
    return _cycle(G, F, x, y) / 2


def _cycle_euclid(G, F, x, y):
    return (F(G(x)) - x).norm(dim=1).mean() + (G(F(y)) - y).norm(dim=1).mean()


def _cycle_item(G, F, x, y):
    return _cycle(G, F, x, y).item()


def _cycle_points(G, F, x, y):
    return (F(G(x)) - x).abs().sum(1)


def _cycle_all_points(G, F, x, y):
    return torch.cat([(F(G(x)) - x).abs().sum(1), (G(F(y)) - y).abs().sum(1)])


def _cycle_added_points(G, F, x, y):
    return (F(G(x)) - x).abs().sum(1) + (G(F(y)) - y).abs().sum(1)


def _cycle_pair(G, F, x, y):
    return _l1(F(G(x)), x), _l1(G(F(y)), y)


def _cycle_signed(G, F, x, y):
    return (F(G(x)) - x).sum(1).mean() + (G(F(y)) - y).sum(1).mean()


def _cycle_mean_first(G, F, x, y):
    return (F(G(x)) - x).mean(0).abs().sum() + (G(F(y)) - y).mean(0).abs().sum()


def _cycle_weighted(G, F, x, y):
    return 10 * _cycle(G, F, x, y)


def _cycle_with_identity(G, F, x, y):
    return _cycle(G, F, x, y) + _cycles.identity(_l1, G, F, x, y)


def _cycle_one_average(G, F, x, y):
    return 2 * _cycle_all_points(G, F, x, y).mean()


def _cycle_inputs(g):
    cases = []
    for n, m, d in ((5, 5, 2), (4, 7, 3)):
        translators = []
        for _ in range(2):
            net = nn.Linear(d, d)
            for parameter in net.parameters():
                parameter.data = torch.randn(parameter.shape, generator=g)
            translators.append(net)
        x, y = torch.randn(n, d, generator=g), torch.randn(m, d, generator=g)
        cases.append((*translators, x, y))
    return cases


MISTAKES = [
    Mistake(
        partial(_cycles.of_x, _l1),
        "Only one direction: from A there and back. The points of B must come home, too.",
    ),
    Mistake(
        partial(_cycles.of_y, _l1),
        "Only one direction: from B there and back. The points of A must come home, too.",
    ),
    Mistake(
        _cycle_squared,
        "You square the differences. The loss takes their absolute values, which blur less.",
        slip={
            "there_and_back = (F(G(x)) - x).abs()": "there_and_back = (F(G(x)) - x).square()",
            "back_and_there = (G(F(y)) - y).abs()": "back_and_there = (G(F(y)) - y).square()",
        },
    ),
    Mistake(
        partial(_cycles.nothing_changed, _l1),
        "You compare `G(x)` with `x`: that asks a translator to change nothing. Compare "
        "with `x` only after the way back.",
        slip={"(F(G(x)) - x)": "(G(x) - x)", "(G(F(y)) - y)": "(F(y) - y)"},
    ),
    Mistake(
        partial(_cycles.same_twice, _l1),
        "You apply the same translator twice. The way back belongs to the other one.",
        slip={"F(G(x))": "G(G(x))", "G(F(y))": "F(F(y))"},
    ),
    Mistake(
        partial(_cycles.wrong_side, _l1),
        "`G` expects points of A and gets points of B: `F(x)` is no meaningful input. "
        "Start each cycle with the translator of its own side.",
        slip={"F(G(x))": "G(F(x))", "G(F(y))": "F(G(y))"},
    ),
    Mistake(
        partial(_cycles.pairs, _l1),
        "You compare `G(x)` with `y` row by row. That needs pairs, and there are none: "
        "row `i` of `x` has nothing to do with row `i` of `y`.",
    ),
    Mistake(
        _cycle_mean,
        "You average over the coordinates as well. Sum over them, and average over the points.",
    ),
    Mistake(_cycle_half, "This is half the loss: the two directions are added."),
    Mistake(
        _cycles.total,
        "You sum over the points: the loss would grow with the batch. Average over them.",
    ),
    Mistake(
        _cycle_euclid,
        "You take the Euclidean distance. The loss takes the 1-norm, the sum of absolute differences.",
    ),
    Mistake(
        partial(_cycles.cut, _l1),
        "The value is right, but the graph is cut between the two translators: the first "
        "of each cycle learns nothing from it. Don't detach.",
    ),
    Mistake(
        _cycle_item,
        "The value is right, but it is a plain number, from which no gradient comes: both "
        "translators are to learn from it. Return the tensor (without `.item()` or `detach`).",
    ),
    *(
        Mistake(
            wrong,
            "This is a loss for each point. Average over the points, each direction by "
            "itself: A and B need not have equally many.",
        )
        for wrong in (_cycle_points, _cycle_all_points, _cycle_added_points)
    ),
    Mistake(_cycle_pair, "These are the two directions. The loss is their sum."),
    Mistake(
        _cycle_signed,
        "The absolute values are missing: errors to the left and to the right cancel.",
    ),
    Mistake(
        _cycle_mean_first,
        "You average over the points before taking absolute values, so errors of different "
        "points cancel. Absolute values first.",
    ),
    Mistake(
        _cycle_weighted,
        "This is ten times the loss. The weight that CycleGAN gives it belongs where the losses "
        "are added up.",
    ),
    Mistake(
        _cycle_with_identity,
        "You add CycleGAN's identity loss. It is a term of its own; here the cycle alone is asked for.",
    ),
    Mistake(partial(_cycles.difference, _l1), "You subtract the second direction. Both are costs: add."),
    Mistake(
        _cycle_one_average,
        "You average over all points of both sides together. Where one side has more, it counts "
        "more: average each direction by itself.",
    ),
]

EXERCISE = Exercise(
    "14.4",
    "The cycle loss",
    difficulty=1,
    minutes=5,
    reference=_cycle,
    inputs=_cycle_inputs,
    observe=_cycles.observe,
    mistakes=MISTAKES,
)
