"""Exercise 8.6: Catch the one that trained on the judge."""

import torch

from .. import Exercise, Mistake


def _answer(caught, where):
    return torch.where(caught, where, -1)


def _trained_on(scores, floors, k):
    low, where = (scores / floors).min(1)
    high = (scores / floors).max(1).values
    return _answer((low < 1) & (high > k), where)


def _no_floors(scores, floors, k):
    low, where = scores.min(1)
    return _answer((low < 1) & (scores.max(1).values > k), where)


def _smallest_score(scores, floors, k):
    low = (scores / floors).min(1).values
    high = (scores / floors).max(1).values
    return _answer((low < 1) & (high > k), scores.argmin(1))


def _below_alone(scores, floors, k):
    low, where = (scores / floors).min(1)
    return _answer(low < 1, where)


def _disagreement_alone(scores, floors, k):
    low, where = (scores / floors).min(1)
    return _answer((scores / floors).max(1).values > k * low, where)


def _above_alone(scores, floors, k):
    low, where = (scores / floors).min(1)
    return _answer((scores / floors).max(1).values > k, where)


def _the_one_that_sees(scores, floors, k):
    low = (scores / floors).min(1).values
    high, where = (scores / floors).max(1)
    return _answer((low < 1) & (high > k), where)


def _mean(scores, floors, k):
    low, where = (scores / floors).min(1)
    return _answer((low < 1) & ((scores / floors).mean(1) > k), where)


def _upside_down(scores, floors, k):
    low, where = (floors / scores).min(1)
    return _answer((low < 1) & ((floors / scores).max(1).values > k), where)


def _less_the_floor(scores, floors, k):
    low, where = (scores - floors).min(1)
    return _answer((low < 0) & ((scores - floors).max(1).values > k), where)


def _against_rivals(scores, floors, k):
    ratio = scores / scores.min(0).values
    low, where = ratio.min(1)
    return _answer((low <= 1) & (ratio.max(1).values > k), where)


def _either(scores, floors, k):
    low, where = (scores / floors).min(1)
    return _answer((low < 1) | ((scores / floors).max(1).values > k), where)


def _mask(scores, floors, k):
    return _trained_on(scores, floors, k) >= 0


def _rows(scores, floors, k):
    return torch.nonzero(_trained_on(scores, floors, k) >= 0).flatten()


def _ones_below(scores, floors, k):
    low, where = (scores / floors).min(1)
    return _answer((low < 1) & ((scores / floors > 1).any(1)), where)


def _tables(g):
    """Honest generators, copiers, poor ones, and ones that trained on a judge; unlike floors."""
    cases = []
    for n, spaces, k in ((9, 4, 3.0), (12, 5, 2.0), (7, 3, 4.0), (4, 4, 5.0), (6, 6, 2.5)):
        floors = 10 ** (3 * torch.rand(spaces, generator=g, dtype=torch.float64) - 2)
        ratio = 1.05 + 0.4 * torch.rand(n, spaces, generator=g, dtype=torch.float64)  # honest
        ratio[1] *= 0.3  # a copier
        ratio[2] = k * (1.2 + 30 * torch.rand(spaces, generator=g, dtype=torch.float64))  # poor
        for row in range(3, n):
            judge = int(torch.randint(spaces, (1,), generator=g))
            ratio[row] *= 1 + k * torch.rand(spaces, generator=g, dtype=torch.float64)
            ratio[row, (judge + 1) % spaces] = k * (1.1 + row)
            ratio[row, judge] = 0.2 + 0.7 * torch.rand(1, generator=g, dtype=torch.float64)
        if n > 6:
            ratio[4] = ratio[4].clamp(max=0.97 * k)  # below a floor, and nowhere far above one
            ratio[5, ratio[5].argmin()] = 1.02  # disagrees, and is below no floor
            ratio[6] = 1.1  # caught by one space out of all: their mean is no sign
            ratio[6, 0], ratio[6, 1] = 0.6, 1.4 * k
        cases.append((ratio * floors, floors, k))
    # On the line: a ratio of exactly 1, and of exactly k, are no sign.
    floors = torch.tensor([0.5, 2.0, 8.0], dtype=torch.float64)
    ratio = torch.tensor([[1, 9, 2], [0.5, 4, 2], [0.5, 4.5, 2], [0.5, 0.25, 8]])
    cases.append((ratio.double() * floors, floors, 4.0))
    return cases


MISTAKES = [
    Mistake(
        _no_floors,
        "You compare the distances themselves. Each feature space has a scale of its own: "
        "divide by what real pictures get there, its floor.",
        slip={"scores / floors": "scores"},
    ),
    Mistake(
        _smallest_score,
        "The judge is the feature space with the smallest *distance* in your answer, which is "
        "only the one with the smallest numbers. Take the smallest distance over its floor.",
    ),
    Mistake(
        _below_alone,
        "You catch everyone who is below a floor. A copier is below all of them: ask as well "
        "whether some other space sees it more than `k` floors away.",
        slip={" & (high > k)": ""},
    ),
    Mistake(
        _disagreement_alone,
        "You catch everyone of whom the spaces think differently by a factor of `k`. They may do "
        "so of a poor generator. The sign is a distance *below the floor*.",
    ),
    Mistake(
        _above_alone,
        "You catch everyone who is far from the data in some space, which is any poor "
        "generator. Ask as well whether it is below the floor in another.",
        slip={"(low < 1) & ": ""},
    ),
    Mistake(
        _the_one_that_sees,
        "You return the space that sees the generator *worst*: an honest witness. It trained "
        "on the one in which it looks best.",
        slip={
            "low, where = ratio.min(1)": "low = ratio.min(1).values",
            "high = ratio.max(1).values": "high, where = ratio.max(1)",
        },
    ),
    Mistake(
        _mean,
        "You hold the *mean* over the spaces against `k`. One space that sees the fraud is "
        "enough, and the mean drowns it: take the largest.",
    ),
    Mistake(
        _upside_down,
        "Your ratio is upside down: floor over distance. Divide the distance by the floor.",
    ),
    Mistake(
        _less_the_floor,
        "You subtract the floor. What is left still has the scale of its space: divide.",
    ),
    Mistake(
        _against_rivals,
        "You measure each generator by the best of its rivals. If all of them are frauds, that "
        "shows nothing: the measure is what real pictures get, `floors`.",
    ),
    Mistake(
        _either,
        "Either sign is enough in your answer. It takes both: below a floor here, and more than "
        "`k` floors away there.",
    ),
    Mistake(
        _ones_below,
        "The argument `k` is not used: you ask for a space in which the generator is above the "
        "floor at all. By luck an honest one is a little below one floor and above the others.",
    ),
    Mistake(
        _mask,
        "This says who is caught. Return for each generator the *number of the space* that it "
        "trained on, and -1 for those who are not caught.",
    ),
    Mistake(
        _rows,
        "These are the row numbers of those who are caught. Return one number for each "
        "generator: the space that it trained on, or -1.",
    ),
]

EXERCISE = Exercise(
    "8.6",
    "Catch the one that trained on the judge",
    difficulty=2,
    minutes=10,
    reference=_trained_on,
    inputs=_tables,
    mistakes=MISTAKES,
)
