"""Exercise 6.4: Count a thousand modes."""

import math

import torch

from .. import Exercise, Mistake


def _count_modes(labels, n_modes=1000):
    counts = torch.bincount(labels, minlength=n_modes).double()
    q = counts / counts.sum()
    seen = q[q > 0]
    return int((counts > 0).sum()), float((seen * (seen * n_modes).log()).sum())


def _modes_bits(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, kl / math.log(2)


def _modes_seen_only(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, kl - math.log(n_modes / modes)


def _modes_unnormalised(labels, n_modes=1000):
    counts = torch.bincount(labels, minlength=n_modes).double()
    seen = counts[counts > 0]
    return len(seen), float((seen * (seen * n_modes).log()).sum())


def _modes_reversed(labels, n_modes=1000):
    counts = torch.bincount(labels, minlength=n_modes).double()
    q = (counts / counts.sum()).clamp_min(1e-12)
    return int((counts > 0).sum()), float((-(q * n_modes).log() / n_modes).sum())


def _modes_entropy(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, math.log(n_modes) - kl


def _modes_largest(labels, n_modes=1000):
    return int(labels.max()) + 1, _count_modes(labels, n_modes)[1]


def _modes_always_1000(labels, n_modes=1000):
    return _count_modes(labels, 1000)


def _modes_two_each(labels, n_modes=1000):
    counts = torch.bincount(labels, minlength=n_modes)
    return int((counts > 1).sum()), _count_modes(labels, n_modes)[1]


def _modes_mean(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, kl / modes


def _modes_negative(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, -kl


def _modes_nan(labels, n_modes=1000):
    q = torch.bincount(labels, minlength=n_modes).double() / len(labels)
    return int((q > 0).sum()), float((q * (q * n_modes).log()).sum())


def _labels(g):
    spread = torch.randint(1000, (26_000,), generator=g)
    few = torch.randint(90, (26_000,), generator=g) * 7
    return [(spread, 1000), (few, 1000), (torch.tensor([0, 2, 2, 2]), 4),
            (torch.tensor([1, 6, 6, 3, 1, 3]), 9)]  # fmt: skip


MISTAKES = [
    Mistake(
        _modes_bits,
        "The KL is in bits. The papers' tables use nats: natural logarithm.",
        slip={"(seen * n_modes).log()).sum()": "(seen * n_modes).log2()).sum()"},
    ),
    Mistake(
        _modes_seen_only,
        "You compare with a uniform distribution over the modes that were *seen*. A run "
        "with one mode would score 0: compare with all n_modes.",
        slip={"seen * n_modes": "seen * len(seen)"},
    ),
    Mistake(
        _modes_unnormalised,
        "Your counts are not divided by their sum, so they are no distribution.",
    ),
    Mistake(
        _modes_reversed,
        "This is KL(uniform || generated), infinite as soon as one mode is missing (your "
        "epsilon hides it). The papers report KL(generated || uniform).",
    ),
    Mistake(
        _modes_entropy,
        "This is the entropy, which is largest for a perfect generator. The KL to the "
        "uniform distribution is what is missing from log n_modes.",
        slip={"float((seen * (seen * n_modes).log()).sum())": "float(-(seen * seen.log()).sum())"},
    ),
    Mistake(
        _modes_largest,
        "The largest label says nothing about how many labels occur: count those with at "
        "least one sample.",
        slip={"len(seen), float": "int(labels.max()) + 1, float"},
    ),
    Mistake(
        _modes_always_1000,
        "You compare with 1,000 modes whatever `n_modes` says. The function is asked about "
        "other numbers of modes, too.",
    ),
    Mistake(
        _modes_two_each,
        "You count a mode from its second sample on. One is enough for this count (which "
        "is its weakness).",
    ),
    Mistake(_modes_mean, "You average the terms of the KL. It is their sum."),
    Mistake(
        _modes_negative,
        "The sign of the KL is flipped: no distribution is less than 0 away from another.",
    ),
    Mistake(
        _modes_nan,
        "A mode without samples gives 0 times log 0, which a computer calls NaN. Its limit "
        "is 0: sum over the modes that occur.",
    ),
]

EXERCISE = Exercise(
    "6.4",
    "Count a thousand modes",
    difficulty=1,
    minutes=8,
    reference=_count_modes,
    inputs=_labels,
    parts=("The number of modes", "The KL"),
    atol=1e-5,
    mistakes=MISTAKES,
)
