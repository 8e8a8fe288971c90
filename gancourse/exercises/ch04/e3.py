"""Exercise 4.3: Is this critic allowed?"""

import math

import torch

from .. import Exercise, Mistake


def _slopes(values, points, p=2.0, power=1):
    n = len(points)
    i, j = torch.triu_indices(n, n, 1)
    rise = (values[i] - values[j]).abs()
    # The exact differences: cdist's shortcut by matrix products loses digits for close points.
    run = torch.linalg.vector_norm(points[i] - points[j], p, dim=1) ** power
    return rise, run


def _lipschitz_constant(values, points):
    rise, run = _slopes(values, points)
    return torch.where(rise == 0, rise, rise / run).max()


def _lipschitz_neighbours(values, points):
    return (values.diff().abs() / points.diff(dim=0).norm(dim=1).clamp_min(1e-12)).max()


def _lipschitz_no_cliff(values, points):
    rise, run = _slopes(values, points)
    return torch.where(run > 0, rise / run, torch.zeros_like(rise)).max()


def _lipschitz_range(values, points):
    return (values.max() - values.min()) / _slopes(values, points)[1].max()


def _lipschitz_nearest(values, points):
    run = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    run, nearest = run.fill_diagonal_(torch.inf).min(1)
    return ((values - values[nearest]).abs() / run).nan_to_num(0).max()


def _lipschitz_nan(values, points):
    return ((values[:, None] - values).abs() / (points[:, None] - points).norm(dim=2)).max()


def _lipschitz_signed(values, points):
    i, j = torch.triu_indices(len(points), len(points), 1)
    rise, run = values[j] - values[i], (points[i] - points[j]).norm(dim=1)
    return torch.where(rise == 0, rise, rise / run).max()


def _slope_variant(reduce, **options):
    def wrong(values, points):
        rise, run = _slopes(values, points, **options)
        return reduce(torch.where(rise == 0, rise, rise / run))

    return wrong


def _infinite(result, args):
    """Who keeps 0 out of the denominator by a tiny number gets a huge slope for an infinite one."""
    return math.inf if result > 1e6 else result


def _slope_inputs(g):
    twice = torch.randn(5, 2, generator=g)
    twice = torch.cat([twice, twice[:1]])  # one place twice, with one value
    values = torch.randn(5, generator=g)
    cliff = torch.cat([values, values[:1] + 1])  # the same place, with two values
    falling = torch.linspace(0, 1, 6)[:, None]
    return [
        (torch.randn(6, generator=g), torch.randn(6, 2, generator=g)),
        (torch.cat([values, values[:1]]), twice),
        (cliff, twice.clone()),
        (-3 * falling[:, 0].square(), falling),
        (torch.randn(40, generator=g), 3 * torch.randn(40, 3, generator=g)),
        (0.01 * torch.randn(7, generator=g), 0.1 * torch.randn(7, 2, generator=g)),
    ]


MISTAKES = [
    Mistake(
        _lipschitz_neighbours,
        "You compare each point with the next one in the list only. In the plane there is no "
        "order: the condition is about every pair.",
    ),
    Mistake(
        _slope_variant(torch.mean),
        "You average the slopes. One pair that is too steep breaks the condition: the largest "
        "slope decides.",
    ),
    Mistake(
        _lipschitz_nan,
        "There is a 0/0 in your slopes: a point with itself, or the same place twice. Such a "
        "pair says nothing about steepness: leave it out.",
        slip={"torch.where(rise > 0, rise / run, torch.zeros_like(rise))": "rise / run"},
    ),
    Mistake(
        _lipschitz_no_cliff,
        "You leave out every pair of points at one place. With one height such a pair says nothing; "
        "with two it is a cliff, infinitely steep, and no critic is allowed to have one.",
    ),
    Mistake(
        _lipschitz_signed,
        "You look at each pair in one direction only, so that steep descents escape you. The "
        "condition bounds the size of the difference, whichever end is higher.",
    ),
    Mistake(
        _slope_variant(torch.max, p=1.0),
        "Your distance is the sum of the coordinates' differences (L1). W1 here carries earth "
        "along straight lines: use the Euclidean distance.",
        slip={"(points[:, None] - points).norm(dim=2)": "(points[:, None] - points).abs().sum(2)"},
    ),
    Mistake(
        _slope_variant(torch.max, power=2),
        "You divide by the squared distance. A slope is rise over run, to the first power.",
        slip={".norm(dim=2)": ".square().sum(2)"},
    ),
    Mistake(
        lambda values, points: _lipschitz_constant(values, points) <= 1,
        "This says whether the critic is allowed. Asked for is the steepest slope itself, a number.",
        slip={"return slope.max()": "return bool(slope.max() <= 1)"},
    ),
    Mistake(
        _lipschitz_nearest,
        "You compare each point with its nearest neighbour only. The steepest pair need not be a "
        "close one: the condition is about every pair.",
    ),
    Mistake(
        _lipschitz_range,
        "You divide the range of the values by the largest distance. The steepest pair is seldom "
        "the one that is farthest apart.",
    ),
]

EXERCISE = Exercise(
    "4.3",
    "Is this critic allowed?",
    difficulty=2,
    minutes=15,
    reference=_lipschitz_constant,
    inputs=_slope_inputs,
    observe=_infinite,
    mistakes=MISTAKES,
    rtol=1e-3,
)
