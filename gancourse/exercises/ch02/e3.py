"""Exercise 2.3: What smoothed labels teach."""

import torch

from .. import Exercise, Mistake


def _smoothed_optimum(p, q, alpha, beta):
    return (alpha * p + beta * q) / (p + q)


MISTAKES = [
    Mistake(
        lambda p, q, alpha, beta: (alpha - beta) * p / (p + q),
        "The targets' difference times the old optimum is missing its floor: where only generated "
        "samples lie, the optimum is beta, not 0.",
    ),
    Mistake(
        lambda p, q, alpha, beta: (p / (p + q)).clamp(beta, alpha),
        "The optimum is not cut off at the targets. It is an *average* of them, and lies between "
        "them everywhere by itself.",
    ),
    Mistake(
        lambda p, q, alpha, beta: (alpha * p + beta * q) / (alpha * p + beta * q + q),
        "The denominator is the sum of both factors, of log D and of log(1 - D). Collect them "
        "once more: what do they add up to?",
        slip={"/ (p + q)": "/ (alpha * p + beta * q + q)"},
    ),
    Mistake(
        lambda p, q, alpha, beta: p / (p + q),
        "This is the optimum without smoothing, for targets 1 and 0. Put alpha and beta in their "
        "place in the loss and set its derivative to 0 again.",
    ),
    Mistake(
        lambda p, q, alpha, beta: alpha * p / (alpha * p + beta * q),
        "Targets are not weights: this is the optimum for *more* or *fewer* samples of each kind. "
        "The denominator still counts all samples at x.",
        slip={"(alpha * p + beta * q) / (p + q)": "alpha * p / (alpha * p + beta * q)"},
    ),
    Mistake(
        lambda p, q, alpha, beta: alpha * p / (alpha * p + q),
        "Targets are not weights: alpha stands in the numerator only, since the denominator still "
        "counts all samples at x; and beta is missing.",
    ),
    Mistake(
        lambda p, q, alpha, beta: alpha * p / (p + q),
        "Right for one-sided smoothing (beta = 0). With beta > 0 generated samples ask for "
        "something too.",
        slip={"(alpha * p + beta * q) / (p + q)": "alpha * p / (p + q)"},
    ),
    Mistake(
        lambda p, q, alpha, beta: _smoothed_optimum(p, q, beta, alpha),
        "alpha and beta are swapped: alpha is the target on real data (p), beta on generated data (q).",
        slip={"(alpha * p + beta * q)": "(beta * p + alpha * q)"},
    ),
    Mistake(
        lambda p, q, alpha, beta: _smoothed_optimum(p, q, alpha, 1 - beta),
        "beta is already the target for D on generated data: 0 means 'surely generated'. Don't "
        "take it from 1.",
    ),
    Mistake(
        lambda p, q, alpha, beta: alpha * p + beta * q,
        "This is the numerator. What do the targets at x add up to, and how many samples share "
        "them? D is an average of targets.",
    ),
]

EXERCISE = Exercise(
    "2.3",
    "What smoothed labels teach",
    difficulty=2,
    minutes=10,
    reference=_smoothed_optimum,
    mistakes=MISTAKES,
    inputs=lambda g: [
        (torch.rand(4, generator=g), torch.rand(4, generator=g), 0.9, 0.0),
        (torch.rand(5, generator=g), torch.rand(5, generator=g), 0.9, 0.2),
        (torch.tensor([1.0, 1e-6, 0.0]), torch.tensor([1e-6, 1.0, 2.0]), 0.8, 0.1),
    ],
)
