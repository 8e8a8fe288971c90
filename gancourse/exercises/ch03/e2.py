"""Exercise 3.2: How many different samples are there?"""

import math

import torch

from .. import Exercise, Mistake


def _duplicates(batches, tolerance):
    """Pairs of different samples closer than the tolerance, (T,)."""
    distance = torch.cdist(batches, batches)
    return torch.triu(distance <= tolerance, diagonal=1).sum((1, 2))


def _support(count=_duplicates, pairs=lambda s: s * (s - 1) / 2, hazard=lambda p: -math.log1p(-p)):
    """The birthday estimate, any of its three parts replaced by a wrong one."""

    def support_size(batches, tolerance):
        p = float((count(batches, tolerance) > 0).double().mean())
        if p in (0.0, 1.0):
            return math.inf if p == 0 else 0.0
        return pairs(batches.shape[1]) / hazard(p)

    return support_size


def _count_with_itself(batches, tolerance):
    return (torch.cdist(batches, batches) <= tolerance).sum((1, 2))


def _count_closer(batches, tolerance):
    close = torch.cdist(batches, batches) < tolerance
    return torch.triu(close, diagonal=1).sum((1, 2))


def _count_squared(batches, tolerance):
    close = torch.cdist(batches, batches).square() <= tolerance
    return torch.triu(close, diagonal=1).sum((1, 2))


def _copies_left_out(batches, tolerance):
    distance = torch.cdist(batches, batches)
    return ((distance <= tolerance) & (distance > 0)).sum((1, 2))


def _no_special_case(batches, tolerance):
    s = batches.shape[1]
    p = float((_duplicates(batches, tolerance) > 0).double().mean())
    return -s * (s - 1) / (2 * math.log(1 - p))


def _negative(batches, tolerance):
    n = _support()(batches, tolerance)
    return n if n in (0.0, math.inf) else -n


def _pair_rate(batches, tolerance):
    s = batches.shape[1]
    rate = float(_duplicates(batches, tolerance).double().mean()) / (s * (s - 1) / 2)
    return math.inf if rate == 0 else 1 / rate


def _birthday_inputs(g):
    def batches(support, trials, size, dim, jitter):
        items = torch.randn(support, dim, generator=g)
        which = torch.randint(support, (trials, size), generator=g)
        return items[which] + jitter * torch.randn(trials, size, dim, generator=g)

    return [
        (batches(365, 300, 23, 16, 0.001), 0.05),
        (batches(60, 200, 8, 5, 0.0), 0.01),
        (batches(60, 100, 8, 16, 0.02), 0.05),  # alike, but never within the tolerance
        (batches(40, 100, 6, 64, 0.02), 0.7),
        (batches(3, 30, 9, 4, 0.0), 0.01),  # one in every batch
        # Whole numbers: neighbours lie exactly at the tolerance.
        (torch.randint(40, (200, 5, 1), generator=g).float(), 1.0),
    ]


MISTAKES = [
    Mistake(
        _support(count=_count_with_itself),
        "Every batch has a duplicate for you, so the estimate is 0: you compare each sample "
        "with itself. Look at pairs of different samples only.",
        slip={"diagonal=1": "diagonal=0"},
    ),
    Mistake(
        _support(count=_count_closer),
        "Two samples exactly at the tolerance are duplicates: *at most*, not less than.",
    ),
    Mistake(
        _support(count=_count_squared),
        "You compare the *squared* distance with the tolerance.",
        slip={"batches)": "batches).square()"},
    ),
    Mistake(
        _support(pairs=lambda s: s * s / 2),
        "You count s*s/2 pairs. A batch of s has s*(s-1)/2 pairs of different samples.",
    ),
    Mistake(
        _support(pairs=lambda s: s * (s - 1)),
        "You are off by a factor of 2: a batch of s has s*(s-1)/2 pairs, each counted once.",
        slip={"s * (s - 1) / (2 * math": "s * (s - 1) / (math"},
    ),
    Mistake(
        _support(hazard=lambda p: p),
        "You use p = pairs / N, which holds for small p only: two duplicates in one batch "
        "count once. Solve p = 1 - exp(-pairs / N) for N.",
    ),
    Mistake(
        _support(hazard=lambda p: -math.log(p)),
        "You take the logarithm of p, the share of batches *with* a duplicate. Solve "
        "p = 1 - exp(-pairs / N): the logarithm is of the share without.",
        slip={"(1 - p))": "(p))"},
    ),
    Mistake(
        _support(count=_copies_left_out),
        "You leave out pairs at distance 0, to be rid of each sample's distance to itself. "
        "Exact copies go with it, and they are duplicates like no other. Leave out the "
        "diagonal instead.",
    ),
    Mistake(
        _no_special_case,
        "In this input no batch has a duplicate: p is 0, its logarithm too, and you divide by "
        "it. Return `math.inf` then, and 0 where every batch has one (log(1 - p) fails there).",
    ),
    Mistake(
        _negative,
        "A negative number of samples? The logarithm of 1 - p is negative: turn the sign.",
    ),
    Mistake(
        _pair_rate,
        "You count all duplicate pairs. That estimates N too, but it is not the birthday test, "
        "which asks only: does this batch have a duplicate, yes or no?",
    ),
]

EXERCISE = Exercise(
    "3.2",
    "How many different samples are there?",
    difficulty=2,
    minutes=15,
    reference=_support(),
    inputs=_birthday_inputs,
    mistakes=MISTAKES,
)
