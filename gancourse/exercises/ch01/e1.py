"""Exercise 1.1: The best discriminator."""

import math

import torch

from .. import Exercise, Mistake
from .._variant import Draw, Variant, table


def _optimal_discriminator(p, q):
    total = p + q
    return torch.where(total > 0, p / total, 0.5)


def _two_densities(g):
    x = torch.linspace(-6, 6, 7)
    far = torch.exp(-(x**2)) / math.sqrt(math.pi), torch.exp(-((x - 1) ** 2)) / math.sqrt(math.pi)
    holes = (
        torch.tensor([0.0, 0.5, 0.0, 0.5, 1e-30, 2e-30]),
        torch.tensor([0.5, 0.0, 0.0, 0.5, 3e-30, 0.0]),
    )
    return [(torch.rand(5, generator=g), torch.rand(5, generator=g)), far, holes]


def _tail_threshold(low):
    return lambda p, q: torch.where(p + q > low, p / (p + q), 0.5)


def _small_numbers(low):
    return lambda p, q: (p + low) / (p + q + 2 * low)


_TAILS = (
    "{} changes the tails: with p = 1e-30 and q = 3e-30 the answer is still 1/4. Treat the case "
    "p + q = 0 by itself."
)

MISTAKES = [
    Mistake(
        lambda p, q: _optimal_discriminator(q, p),
        "This is the probability of *generated*, q over the sum: D is the probability that x is real.",
        slip={"p / total": "q / total"},
    ),
    Mistake(
        lambda p, q: q / (p + q),
        "This is the probability of *generated*: D is the probability that x is real. (And 0/0 "
        "gives NaN where both densities vanish; give 1/2 there.)",
    ),
    Mistake(
        lambda p, q: p / (p + q),
        "Right wherever a density is positive, but 0/0 gives NaN where both vanish. Give 1/2 there.",
    ),
    *(
        Mistake(wrong, _TAILS.format(what), slip if low == 1e-8 else None)
        for low in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)
        for wrong, what, slip in (
            (
                lambda p, q, low=low: p / (p + q + low),
                "A small number added to the denominator",
                {"total = p + q": "total = p + q + 1e-8"},
            ),
            (
                lambda p, q, low=low: p / (p + q).clamp_min(low),
                "The clamp in the denominator",
                None,
            ),
            (
                _small_numbers(low),
                "A small number added to both densities gives 1/2 at 0/0, and",
                None,
            ),
            (_tail_threshold(low), "The threshold is far too high, and", None),
        )
    ),
    *(
        Mistake(
            lambda p, q, which=which: torch.where(which(p, q) > 0, p / (p + q), 0.5),
            "You answer 1/2 wherever one of the densities vanishes. Where the other does not, there "
            "is no doubt: D* is 0 or 1 there. Only where both vanish is there no evidence.",
        )
        for which in (lambda p, q: p, lambda p, q: q)
    ),
    Mistake(
        lambda p, q: torch.where((p > 0) & (q > 0), p / (p + q), 0.5),
        "You answer 1/2 wherever *either* density vanishes. Where only one does there is no doubt: "
        "D* is 0 or 1 there. Only where both vanish is there no evidence.",
        slip={"total > 0, p / total": "(p > 0) & (q > 0), p / total"},
    ),
    Mistake(
        lambda p, q: (p / (p + q)).nan_to_num(0.0),
        "Where both densities vanish you give 0, 'surely generated'. Neither player has evidence "
        "there: give 1/2.",
        slip={"0.5)": "0.0)"},
    ),
    Mistake(
        lambda p, q: p / q,
        "This is the ratio p/q, which can be any positive number, and inf or NaN where q "
        "vanishes. D is a probability: of p and q together, which share is p?",
    ),
    Mistake(
        lambda p, q: (p / q).nan_to_num(0.5),
        "This is the ratio p/q, which can be any positive number. D is a probability: of p and q "
        "together, which share is p?",
    ),
    Mistake(
        lambda p, q: torch.sigmoid(p - q),
        "The sigmoid wants a logit, and the logit of D* is log p - log q, not p - q. Here you can "
        "do without a sigmoid.",
    ),
    Mistake(
        lambda p, q: (p > q).float(),
        "This is a hard decision, 0 or 1. D* is a probability, and says how sure it is.",
    ),
]


def _anew(draw: Draw) -> Variant:
    """Three places; at one of them only one of the two densities is not zero."""
    p, q = ([draw.whole(1, 9) / 10 for _ in range(3)] for _ in range(2))
    nowhere = draw.whole(0, 2)
    draw.one((p, q))[nowhere] = 0.0
    densities = (torch.tensor(x, dtype=torch.float64) for x in (p, q))
    best = _optimal_discriminator(*densities).tolist()
    cells = [[f"{x:.1f}" for x in row] for row in (p, q)]
    return Variant(
        "At three places the density $p$ of the data and the density $q$ of what a generator makes "
        "are\n\n"
        + table(("", "1", "2", "3"), [("$p$", *cells[0]), ("$q$", *cells[1])])
        + "\n\nWhat does the best discriminator answer at each of them (three decimals)?",
        ", ".join(f"{x:.3f}" for x in best),
        "p / (p + q). Where only one of the two can have made a sample, the answer is sure.",
    )


EXERCISE = Exercise(
    "1.1",
    "The best discriminator",
    difficulty=1,
    minutes=5,
    reference=_optimal_discriminator,
    inputs=_two_densities,
    mistakes=MISTAKES,
    atol=0,
    variant=_anew,
)
