"""Exercise 4.2: W1 on a line, for samples of any sizes."""

import torch

from .. import Exercise, Mistake
from .._variant import Draw, Variant


def _distribution_functions(x, y, right=True):
    """Places where either function jumps; both functions on the interval that begins there."""
    at = torch.cat([x, y]).sort().values
    f = torch.searchsorted(x.sort().values, at, right=right).to(x) / len(x)
    g = torch.searchsorted(y.sort().values, at, right=right).to(x) / len(y)
    return at, f, g


def _w1_1d(x, y):
    at, f, g = _distribution_functions(x, y)
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _w1_signed(x, y):
    at, f, g = _distribution_functions(x, y)
    return ((f - g)[:-1] * at.diff()).sum()


def _w1_cramer(x, y):
    at, f, g = _distribution_functions(x, y)
    return ((f - g).square()[:-1] * at.diff()).sum()


def _w1_no_widths(x, y):
    _, f, g = _distribution_functions(x, y)
    return (f - g).abs().mean()


def _counts_over(x, y, n, m):
    at = torch.cat([x, y]).sort().values
    f = torch.searchsorted(x.sort().values, at, right=True) / n
    g = torch.searchsorted(y.sort().values, at, right=True) / m
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _w1_searched_unsorted(x, y):
    at = torch.cat([x, y]).sort().values
    f = torch.searchsorted(x, at, right=True) / len(x)
    g = torch.searchsorted(y, at, right=True) / len(y)
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _largest_gap(x, y):
    _, f, g = _distribution_functions(x, y)
    return (f - g).abs().max()


def _w1_widths_unsorted(x, y):
    at = torch.cat([x, y])
    f, g = ((s[:, None] <= at).float().mean(0) for s in (x, y))
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _w1_strict(x, y):
    at, f, g = _distribution_functions(x, y, right=False)
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _w1_truncated(x, y):
    k = min(len(x), len(y))
    return (x.sort().values[:k] - y.sort().values[:k]).abs().mean()


def _w1_unsorted(x, y):
    k = min(len(x), len(y))
    return (x[:k] - y[:k]).abs().mean()


def _w1_all_pairs(x, y):
    return (x[:, None] - y).abs().mean()


def _line_inputs(g):
    return [
        (torch.randn(4, generator=g), torch.randn(7, generator=g) + 1),
        (torch.randn(6, generator=g), 2 * torch.randn(6, generator=g)),
        (torch.tensor([0.0, 0.0, 1.0, 1.0, 5.0]), torch.tensor([1.0, 0.0, 3.0])),  # ties
        (100 * torch.randn(30, generator=g), torch.tensor([500.0])),
    ]


MISTAKES = [
    Mistake(
        _w1_truncated,
        "You cut the larger sample to the size of the smaller one, so part of its mass never "
        "moves. With different sizes a point of one sample is shared by several of the other: "
        "the area between the two distribution functions takes care of that.",
    ),
    Mistake(
        _w1_unsorted,
        "You pair the points in the order in which they came. The cheapest pairing on a line "
        "never crosses: smallest to smallest. And the sizes may differ.",
    ),
    Mistake(
        _w1_signed,
        "Positive and negative areas cancel: what is left is the difference of the two means. "
        "Earth that moves to the left costs as much as earth that moves to the right.",
        slip={"(F - G).abs()": "(F - G)"},
    ),
    Mistake(
        lambda x, y: (x.mean() - y.mean()).abs(),
        "This is the distance of the two means. Two samples with one mean and different spreads "
        "are not the same, and W1 between them is not zero.",
    ),
    Mistake(
        _w1_no_widths,
        "You average |F - G| over the points. F and G are constant between neighbouring points, "
        "and what counts is the area there: height times width.",
    ),
    Mistake(
        _w1_strict,
        "Your distribution functions lag by one point: on the interval that begins at a data "
        "point, that point is already counted (less or equal, not less).",
        slip={
            "x.sort().values, t, right=True": "x.sort().values, t",
            "y.sort().values, t, right=True": "y.sort().values, t",
        },
    ),
    Mistake(
        _w1_searched_unsorted,
        "`searchsorted` expects its first argument sorted, and doesn't look: in an unsorted sample "
        "it counts wrongly without a word. Sort x and y.",
    ),
    Mistake(
        _w1_widths_unsorted,
        "The places are in the order in which they came, so the widths between neighbours are not "
        "the widths of intervals (some are negative). Sort them first.",
    ),
    Mistake(
        lambda x, y: _counts_over(x, y, 1, 1),
        "You compare counts. The samples may differ in size, and each has the total mass 1: divide "
        "each count by its own number of points.",
    ),
    *(
        Mistake(
            wrong,
            "You divide both counts by the same number. Each sample has the total mass 1: divide "
            "each count by its own number of points.",
            slip={"/ len(x)": "/ len(t)", "/ len(y)": "/ len(t)"},
        )
        for wrong in (
            lambda x, y: _counts_over(x, y, len(x), len(x)),
            lambda x, y: _counts_over(x, y, len(y), len(y)),
            lambda x, y: _counts_over(x, y, len(x) + len(y), len(x) + len(y)),
        )
    ),
    Mistake(
        _largest_gap,
        "This is the largest gap between F and G (the Kolmogorov-Smirnov distance), a height. W1 "
        "is the area between them: height times width, added up.",
        slip={"((F - G).abs()[:-1] * t.diff()).sum()": "(F - G).abs().max()"},
    ),
    Mistake(
        _w1_cramer,
        "You integrate (F - G) squared: that is the Cramér distance, another one. W1 is the area "
        "between the two functions.",
    ),
    Mistake(
        _w1_all_pairs,
        "This is the mean distance over all pairs: a plan that sends every point everywhere. It "
        "is a plan, but not the cheapest: for two equal samples it isn't even zero.",
    ),
]


def _anew(draw: Draw) -> Variant:
    """Two points against four: each of the two is split in halves."""
    x = draw.some(range(12), 2)
    y = draw.some([n for n in range(12) if n not in x], 4)
    distance = _w1_1d(*(torch.tensor(z, dtype=torch.float64) for z in (x, y))).item()
    shown = [", ".join(map(str, z)) for z in (x, y)]
    halves = ", ".join(f"{a} to {b}" for a, b in zip(sorted(2 * x), sorted(y)))
    return Variant(
        f"Two samples on a line: {shown[0]} and {shown[1]}; in each of them all points weigh alike. "
        "What is the distance $W_1$ between the two (two decimals)?",
        f"{distance:.2f}",
        f"Each point of the first weighs as much as two of the second. In order, quarter by quarter: "
        f"{halves}; the average of these ways.",
    )


EXERCISE = Exercise(
    "4.2",
    "W1 on a line, for samples of any sizes",
    difficulty=2,
    minutes=20,
    reference=_w1_1d,
    inputs=_line_inputs,
    mistakes=MISTAKES,
    atol=1e-5,
    variant=_anew,
)
