"""Exercise 1.2: The value of a game."""

import math

import numpy as np
import torch
from torch import Tensor

from .. import Exercise, Mistake


def _value(p, q, d, dx):
    return (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum() * dx


def _value_where_possible(p, q, d, dx):
    on_real = torch.where(d > 0, torch.xlogy(p, d), 0)
    return (on_real + torch.where(d < 1, torch.xlogy(q, 1 - d), 0)).sum() * dx


def _games(g):
    cases = []
    for n, mean in ((400, 1.0), (240, 2.0)):
        x = torch.linspace(-8, 8, n, dtype=torch.float64)
        p, q = (torch.exp(-((x - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (0.0, mean))
        cases.append((p, q, torch.sigmoid(0.4 - 0.7 * x), 16 / (n - 1)))
    x = (torch.arange(60, dtype=torch.float64) + 0.5) / 20  # boxes: p on [0, 2], q on [1, 3]
    p, q = (x < 2).double() / 2, (x > 1).double() / 2
    refuted = p / (p + q), (x < 1).double()  # the second calls half of the real data impossible
    return [*cases, *((p, q, d, 1 / 20) for d in refuted)]


def _worth(value, args):
    """V; where it is minus infinity anything below -3 will do: a small number inside the
    logarithm, harmless elsewhere, makes -7 (for 1e-6) to -14 (for 1e-12) of it."""
    p, _, d, _ = args
    impossible = bool(((d == 0) & (p > 0)).any())
    if impossible and isinstance(value, (Tensor, np.ndarray, np.generic, float)):
        number = torch.as_tensor(value)
        return -math.inf if number.ndim == 0 and bool(number < -3) else value
    return value


MISTAKES = [
    Mistake(
        lambda p, q, d, dx: (p * d.log() + q * (1 - d).log()).sum() * dx,
        "Right while 0 < D < 1. Where p = 0 and D = 0 you compute 0 · (-inf) = NaN; that point "
        "should add 0. There is a function in torch for x log y.",
        slip={"torch.xlogy(p, d) + torch.xlogy(q, 1 - d)": "p * d.log() + q * (1 - d).log()"},
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum(),
        "You sum the values, but an integral is a sum of value times width: where is dx?",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).mean(),
        "The mean over the grid isn't the integral: it depends on how wide the grid is. The "
        "densities already are the weights; multiply by dx and sum.",
        slip={"integrand.sum() * dx": "integrand.mean()"},
    ),
    Mistake(
        lambda p, q, d, dx: -_value(p, q, d, dx),
        "The sign is turned: this is the discriminator's loss. V is what the discriminator "
        "maximises, and it is never positive.",
        slip={"return integrand": "return -integrand"},
    ),
    Mistake(
        lambda p, q, d, dx: _value(q, p, d, dx),
        "The densities are swapped: log D is averaged over real data (p), log(1 - D) over "
        "generated data (q).",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(q, d)).sum() * dx,
        "For generated data D should be small: their term is log(1 - D), not log D.",
        slip={"torch.xlogy(q, 1 - d)": "torch.xlogy(q, d)"},
    ),
    Mistake(
        lambda p, q, d, dx: torch.xlogy(p, d).sum() * dx,
        "This is the real data's half only. Generated data have a term of their own.",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) - torch.xlogy(q, 1 - d)).sum() * dx,
        "The two terms are added: the discriminator wants both to be large.",
    ),
    Mistake(
        lambda p, q, d, dx: _value(p, q, d, dx) / math.log(2),
        "This is in bits (log2). The book counts in nats: use the natural logarithm.",
    ),
    Mistake(
        lambda p, q, d, dx: _value(p, q, d, dx) / math.log(10),
        "This is with logarithms to the base 10. The book counts in nats: use the natural one.",
    ),
    Mistake(
        lambda p, q, d, dx: _value(p, q, d, dx) / 2,
        "This is half of it: V is the sum of the two averages, not their mean.",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)) * dx,
        "These are the strips of the integral, one for each point: add them up.",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(1 - p, 1 - d)).sum() * dx,
        "Generated data have a density of their own, q; 1 - p is no density.",
    ),
    Mistake(
        _value_where_possible,
        "Right while D is 0 or 1 only where nothing lands. In the last input D is 0 where real "
        "samples *do* land; it has called impossible what happens, and V is minus infinity. Leave "
        "out the points where the density is 0, not those where D is.",
    ),
]

EXERCISE = Exercise(
    "1.2",
    "The value of a game",
    difficulty=1,
    minutes=10,
    reference=_value,
    inputs=_games,
    mistakes=MISTAKES,
    observe=_worth,
)
