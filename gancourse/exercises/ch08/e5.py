"""Exercise 8.5: An interval for a difference."""

import math

import torch

from .. import Exercise, Mistake


def _means(x, resamples):
    return x[torch.randint(len(x), (resamples, len(x)))].mean(1)


def _ends(draws, level):
    low, high = draws.quantile((1 - level) / 2), draws.quantile((1 + level) / 2)
    return low.item(), high.item()


def _difference_interval(a, b, level, resamples):
    return _ends(_means(a, resamples) - _means(b, resamples), level)


def _no_repeats(a, b, level, resamples):
    def means(x):
        return torch.stack([x[torch.randperm(len(x))].mean() for _ in range(200)])

    return _ends(means(a) - means(b), level)


def _wrong_percentiles(a, b, level, resamples):
    draws = _means(a, resamples) - _means(b, resamples)
    return draws.quantile(1 - level).item(), draws.quantile(level).item()


def _one_side(a, b, level, resamples):
    return _ends(_means(a, resamples) - b.mean(), level)


def _pooled(a, b, level, resamples):
    both = torch.cat([a, b])
    rows = torch.randint(len(both), (resamples, len(both)))
    return _ends(both[rows[:, : len(a)]].mean(1) - both[rows[:, len(a) :]].mean(1), level)


def _of_scores(a, b, level, resamples):
    draws = a[torch.randint(len(a), (resamples,))] - b[torch.randint(len(b), (resamples,))]
    return _ends(draws, level)


def _of_ends(a, b, level, resamples):
    one, other = _ends(_means(a, resamples), level), _ends(_means(b, resamples), level)
    return one[0] - other[1], one[1] - other[0]


def _of_best(a, b, level, resamples):
    best = [x[torch.randint(len(x), (resamples, len(x)))].min(1).values for x in (a, b)]
    return _ends(best[0] - best[1], level)


def _about_the_mean(a, b, level, resamples):
    """Mean and standard deviation of the draws, instead of their quantiles."""
    draws = _means(a, resamples) - _means(b, resamples)
    half = torch.special.ndtri(torch.tensor((1 + level) / 2)) * draws.std()
    return (draws.mean() - half).item(), (draws.mean() + half).item()


def _reflected(a, b, level, resamples):
    low, high = _difference_interval(a, b, level, resamples)
    center = 2 * (a.mean() - b.mean()).item()
    return center - high, center - low


def _own_number(a, b, level, resamples):
    return _difference_interval(a, b, level, 5000)


def _halves(a, b, level, resamples):
    def means(x):
        rows = torch.rand(resamples, len(x)).argsort(1)[:, : len(x) // 2]
        return x[rows].mean(1)

    return _ends(means(a) - means(b), level)


def _paired(a, b, level, resamples):
    n = min(len(a), len(b))
    rows = torch.randint(n, (resamples, n))
    return _ends(a[rows].mean(1) - b[rows].mean(1), level)


def _size_of_a(a, b, level, resamples):
    rows = torch.randint(len(b), (resamples, len(a)))
    return _ends(_means(a, resamples) - b[rows].mean(1), level)


def _medians(a, b, level, resamples):
    of_a, of_b = (x[torch.randint(len(x), (resamples, len(x)))].median(1).values for x in (a, b))
    return _ends(of_a - of_b, level)


def _other_sign(a, b, level, resamples):
    return _difference_interval(b, a, level, resamples)


def _high_first(a, b, level, resamples):
    return _difference_interval(a, b, level, resamples)[::-1]


def _always_95(a, b, level, resamples):
    return _difference_interval(a, b, 0.95, resamples)


def _many_draws(a, b, level, resamples):
    """The reference: what more and more draws tend to, where more than a few are asked for."""
    return _difference_interval(a, b, level, 30 * resamples if resamples > 10 else resamples)


def _same_interval(expected, got):
    """Equal up to the noise of 8,000 draws (1 % of the width); of one draw both ends are it."""
    low, high = expected
    mine = [float(end) for end in got]
    if len(mine) != 2:
        return False
    if low == high:
        return abs(mine[0] - mine[1]) < 1e-9 and abs(low - mine[0]) < 30
    if math.isnan(low):  # a mistake and an answer that makes it
        return math.isnan(mine[0])
    return max(abs(low - mine[0]), abs(high - mine[1])) <= 0.035 * abs(high - low)


def _scores(g):
    def skewed(n, start, scale):
        u = torch.rand(n, generator=g, dtype=torch.float64)
        return start - scale * (1 - u).log()

    def draw(n, mean, std):
        return mean + std * torch.randn(n, generator=g, dtype=torch.float64)

    few = torch.tensor([5.0, 5.1, 5.3, 5.4, 5.6, 11.0], dtype=torch.float64)
    return [
        (draw(8, 6.0, 1.0), draw(8, 5.0, 0.8), 0.95, 8000),
        (draw(12, 3.0, 0.5), draw(20, 3.0, 0.8), 0.8, 8000),
        (few, -skewed(9, 1.0, 0.7), 0.9, 8000),  # one bad run of six
        (draw(5, 2.0, 1.0), draw(7, 1.0, 1.0), 0.9, 1),  # a single draw
    ]


MISTAKES = [
    Mistake(
        _no_repeats,
        "Your interval has no width: drawing n of n scores without repeats gives the same "
        "scores in another order. Draw *with* replacement.",
    ),
    Mistake(
        _wrong_percentiles,
        "Your ends are the quantiles 1 - level and level. What is outside the interval has "
        "to be split: half of 1 - level on each side.",
        slip={"(1 - level) / 2)": "1 - level)", "(1 + level) / 2)": "level)"},
    ),
    Mistake(
        _one_side,
        "You resample `a` but keep `b` fixed. The scores of both methods are luck: "
        "resample both, independently.",
    ),
    Mistake(
        _pooled,
        "You draw both groups from the pooled scores. That asks what the difference would "
        "be if the methods were equal (a permutation test); an interval resamples each "
        "method from its own scores.",
    ),
    Mistake(
        _of_scores,
        "You draw one score of each method at a time: this is the spread of single runs. "
        "Each resample needs the *mean* of as many scores as there were.",
        slip={"(resamples, len(x))": "(resamples, 1)"},
    ),
    Mistake(
        _of_ends,
        "You subtract the ends of two intervals, as if both methods were unlucky in "
        "opposite ways at once: too wide. Take the difference within each resample, then "
        "its quantiles.",
    ),
    Mistake(
        _about_the_mean,
        "You turn the draws into a mean and a standard deviation, as if they were normal. "
        "Skewed scores give skewed draws: take the two quantiles of the draws themselves.",
    ),
    Mistake(
        _reflected,
        "You reflect the quantiles at the observed difference (the *basic* bootstrap). "
        "Asked are the quantiles of the draws as they are.",
    ),
    Mistake(
        _own_number,
        "The argument `resamples` is not used: make as many draws as it says.",
    ),
    Mistake(
        _halves,
        "You draw halves without repeats, as `metrics.interval` does. Here draw as many "
        "scores as there are, with replacement.",
    ),
    Mistake(
        _paired,
        "You use the same rows for both methods. Run 3 of one has nothing to do with run "
        "3 of the other: draw the rows of each by themselves.",
    ),
    Mistake(
        _size_of_a,
        "From `b` you draw as many scores as `a` has. Draw as many as `b` has itself.",
    ),
    Mistake(
        _medians,
        "These are medians. The question is about means.",
        slip={".mean(1)": ".median(1).values"},
    ),
    Mistake(
        _other_sign,
        "The difference is the wrong way round: `a` minus `b`.",
        slip={"means(a) - means(b)": "means(b) - means(a)"},
    ),
    Mistake(
        _high_first,
        "The ends are exchanged: return the lower one first.",
    ),
    Mistake(
        _always_95,
        "The argument `level` is not used.",
    ),
    Mistake(
        _of_best,
        "You compare the best score of each resample. The question is about means.",
    ),
]

EXERCISE = Exercise(
    "8.5",
    "An interval for a difference",
    difficulty=2,
    minutes=12,
    reference=_many_draws,
    inputs=_scores,
    compare=_same_interval,
    seconds=8,  # a loop over the draws is slow and right
    mistakes=MISTAKES,
)
