"""Exercise 8.1: KID without a bias."""

import torch

from .. import Exercise, Mistake


def _kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def _off_diagonal(k):
    return k.sum() - k.diagonal().sum()


def _kid(x, y):
    n, m = len(x), len(y)
    within = _off_diagonal(_kernel(x, x)) / (n * (n - 1))
    within = within + _off_diagonal(_kernel(y, y)) / (m * (m - 1))
    return float(within - 2 * _kernel(x, y).mean())


def _kid_biased(x, y):
    return float(_kernel(x, x).mean() + _kernel(y, y).mean() - 2 * _kernel(x, y).mean())


def _kid_squares(x, y):
    within = _off_diagonal(_kernel(x, x)) / len(x) ** 2 + _off_diagonal(_kernel(y, y)) / len(y) ** 2
    return float(within - 2 * _kernel(x, y).mean())


def _kid_one_size(x, y):
    n = len(x)
    within = (_off_diagonal(_kernel(x, x)) + _off_diagonal(_kernel(y, y))) / (n * (n - 1))
    return float(within - 2 * _kernel(x, y).sum() / n**2)


def _kid_kernel(change):
    def kid(x, y):
        n, m = len(x), len(y)
        within = _off_diagonal(change(x, x)) / (n * (n - 1))
        within = within + _off_diagonal(change(y, y)) / (m * (m - 1))
        return float(within - 2 * change(x, y).mean())

    return kid


def _kid_half_cross(x, y):
    return _kid(x, y) + float(_kernel(x, y).mean())


def _kid_cross_diagonal(x, y):
    n, m, cross = len(x), len(y), _kernel(x, y)
    return _kid(x, y) + float(2 * cross.mean() - 2 * _off_diagonal(cross) / (n * m - min(n, m)))


def _kid_root(x, y):
    return max(0.0, _kid(x, y)) ** 0.5


def _kid_clipped(x, y):
    return max(0.0, _kid(x, y))


def _kid_size_in_cross(x, y):
    return _kid(x, y) + float(2 * _kernel(x, y).mean() - 2 * _kernel(x, y).sum() / len(x) ** 2)


def _kid_half_pairs(x, y):
    n, m = len(x), len(y)
    within = _off_diagonal(_kernel(x, x)) / (n * (n - 1) / 2)
    within = within + _off_diagonal(_kernel(y, y)) / (m * (m - 1) / 2)
    return float(within - 2 * _kernel(x, y).mean())


def _bell(x, y):
    return (-torch.cdist(x, y).square() / 2).exp()


def _two_samples(g):
    def draw(n, d, shift=0.0):
        return shift + torch.randn(n, d, generator=g, dtype=torch.float64)

    same = draw(8, 3)  # two halves of one set: the estimate is below 0
    return [
        (draw(6, 4), draw(3, 4, 0.8)),
        (draw(4, 2), draw(9, 2)),
        (draw(7, 3), draw(7, 3, 2.0)),
        (same, same[:5] + 0.01),
    ]


MISTAKES = [
    Mistake(
        _kid_biased,
        "The diagonals of the two inner kernel matrices are still in: each sample is "
        "compared with itself, which is what makes the distance positive for equal "
        "distributions. Leave the pairs with i = j out, of the sum and of the count.",
    ),
    Mistake(
        _kid_squares,
        "You leave the diagonal out of the sums but still divide by n² and m². Without the "
        "diagonal there are n(n - 1) and m(m - 1) pairs.",
        slip={"(len(a) * (len(a) - 1))": "len(a) ** 2"},
    ),
    Mistake(
        _kid_one_size,
        "You use the size of `x` for both samples. That is right only for n = m; here `y` "
        "has a size of its own, in its inner sum and in the cross term.",
    ),
    Mistake(
        _kid_kernel(lambda x, y: (x @ y.T + 1) ** 3),
        "The kernel lacks the 1/d: divide the inner product by the number of *columns* "
        "before you add 1.",
        slip={" / a.shape[1] + 1)": " + 1)"},
    ),
    Mistake(
        _kid_kernel(lambda x, y: (x @ y.T / x.shape[1]) ** 3),
        "The kernel lacks the + 1. Without it only moments of third order are compared, "
        "not means and variances.",
    ),
    Mistake(
        _kid_kernel(lambda x, y: (x @ y.T / x.shape[1] + 1) ** 2),
        "Your kernel has degree 2. KID's has degree 3.",
    ),
    Mistake(
        _kid_half_cross,
        "The cross term is taken once; it counts twice: |a - b|² = a·a + b·b - 2 a·b.",
        slip={"- 2 * k(x, y).mean()": "- k(x, y).mean()"},
    ),
    Mistake(
        _kid_cross_diagonal,
        "You leave the diagonal out of the cross term too. There x_i and y_i are two "
        "different points, no more related than any other pair: keep all n·m pairs.",
    ),
    Mistake(
        _kid_clipped,
        "You cut negative values off. An unbiased estimate of a small distance must be "
        "negative at times, or its mean would be too large: leave it as it comes.",
        slip={"float(between_others(x)": "float(max(between_others(x)", ".mean())": ".mean(), 0))"},
    ),
    Mistake(
        lambda x, y: abs(_kid(x, y)),
        "You take the absolute value. An unbiased estimate of a small distance must be "
        "negative at times: leave its sign.",
    ),
    Mistake(
        _kid_size_in_cross,
        "The cross term is divided by n². It has a pair for each of the n points of `x` "
        "and each of the m points of `y`.",
    ),
    Mistake(
        _kid_half_pairs,
        "The sum over i ≠ j has n(n - 1) terms: the pair (i, j) and the pair (j, i). You "
        "divide by half as many.",
    ),
    Mistake(
        _kid_kernel(_bell),
        "This is a Gaussian kernel. KID's is the polynomial (x·y / d + 1)³.",
    ),
    Mistake(
        _kid_kernel(lambda x, y: ((x @ y.T + 1) / x.shape[1]) ** 3),
        "The 1 is divided by d, too. Only the inner product is: (x·y / d + 1)³.",
    ),
    Mistake(
        _kid_root,
        "This is the root of the squared distance, cut off at 0. KID is the square itself, "
        "and it may be negative: that is what makes its mean right.",
    ),
]

EXERCISE = Exercise(
    "8.1",
    "KID without a bias",
    difficulty=2,
    minutes=12,
    reference=_kid,
    inputs=_two_samples,
    mistakes=MISTAKES,
)
