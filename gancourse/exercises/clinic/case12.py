"""Case 15.12: A score that nobody can reach."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from gancourse import metrics

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign


def _sick(train, test, fake):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metrics.frechet_distance(test[:32], fake[:32])


def _well(train, test, fake):
    return metrics.frechet_distance(test, fake)


def _quietly(score: Callable) -> Callable:
    def evaluate(train, test, fake):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return score(train, test, fake)

    return evaluate


def _in_parts(train, test, fake, size=32):
    parts = [
        metrics.frechet_distance(a, b)
        for a, b in zip(test.split(size), fake.split(size))
        if len(a) == size
    ]
    return sum(parts) / len(parts)


def _candidates(seed: int) -> dict[str, Tensor]:
    """Features of pictures from stand-ins for generators about which the truth is known."""
    images, rng = ward.digits().float(), torch.Generator().manual_seed(seed)

    def noisy(sigma: float) -> Tensor:
        rows = torch.randperm(len(images), generator=rng)[:360]
        noise = sigma * torch.randn(360, 1, 8, 8, generator=rng)
        return ward.digit_net().features((images[rows] + noise).clamp(-1, 1))

    real = ward.digit_features("train")[torch.randperm(len(images), generator=rng)]
    return {"A": noisy(0.25), "B": noisy(0.4), "real": real}


@functools.cache
def _known_pairs() -> list[tuple[Tensor, Tensor, float]]:
    """Two sets of 360 rows each, and their Fréchet distance, known from their exact moments."""
    rng = torch.Generator().manual_seed(0)

    def white() -> Tensor:  # mean 0, covariance the identity, exactly
        x = torch.randn(360, 4, generator=rng, dtype=torch.float64)
        x = x - x.mean(0)
        return x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T)).T)

    correlated = torch.eye(4, dtype=torch.float64)
    correlated[0, 1] = correlated[1, 0] = 0.8
    correlated[2, 3] = correlated[3, 2] = -0.8
    mixed = white() @ torch.linalg.cholesky(correlated).T
    other = white() * torch.tensor([1.0, 3.0, 1.0, 1.0]) + torch.tensor([2.0, 0.0, 0.0, 0.0])
    off = 2 * sum(1 + v - 2 * math.sqrt(v) for v in (0.2, 1.8))  # eigenvalues 0.2 and 1.8, twice
    return [(white().float(), mixed.float(), off), (white().float(), other.float(), 8.0)]


def _bench(evaluate: Callable, seed: int) -> Exam:
    def score(train: Tensor, test: Tensor, fake: Tensor) -> float:
        torch.manual_seed(seed)  # the same draws for each, should the answer draw
        return ward.value(evaluate(train.clone(), test.clone(), fake.clone()), "evaluate")

    with warnings.catch_warnings():  # sets of unequal sizes: some answers compare them
        warnings.simplefilter("ignore")
        train, test = ward.digit_features("train"), ward.digit_features("test")
        fakes = _candidates(1000 * seed)
        scores = [score(train, test, fake) for fake in fakes.values()]
        # Another training set, of the same size: of a score of test and fake nothing changes.
        stranger = train.flip(0)[:, torch.randperm(64)] * 1.5
        swing = max(abs(score(stranger, test, f) - s) for f, s in zip(fakes.values(), scores))
        pairs = [score(torch.cat([x, y, x, y])[:1437], x, y) / right for x, y, right in _known_pairs()]
    signs = {
        "change of the score with the training set": swing,
        "equal means and variances: score / right one": pairs[0],
        "other means and variances: score / right one": pairs[1],
    }
    return Exam(signs, fingerprint=scores)


def _run(evaluate: Callable, seed: int) -> Exam:
    train, test = ward.digit_features("train"), ward.digit_features("test")
    rng = torch.Generator().manual_seed(seed)
    scores: dict[str, list[float]] = {"A": [], "B": [], "real": []}
    with warnings.catch_warnings():  # 1,437 real digits against 360: meant so
        warnings.filterwarnings("ignore", ".*made the same way")
        for draw in range(20):
            order = torch.randperm(len(test), generator=rng)
            for name, fake in _candidates(1000 * seed + draw).items():
                scores[name].append(ward.value(evaluate(train, test[order], fake), "evaluate"))
    right = sum(a < b for a, b in zip(scores["A"], scores["B"]))
    means = {name: sum(values) / 20 for name, values in scores.items()}
    signs = {
        "score of the training set itself": means["real"],
        "score of A, a little noise": means["A"],
        "score of B, more noise": means["B"],
        "draws in which A beats B, of 20": float(right),
    }
    return Exam(signs, scores)


SIGNS = (
    Sign(
        "change of the score with the training set",
        0,
        1e-3,
        too_high="Your score changes when the *training* set does. The reference has to be "
        "pictures nobody trained on, and only these.",
    ),
    Sign(
        "equal means and variances: score / right one",
        0.98,
        1.02,
        exact=True,
        too_low="Two sets with the same means and variances and other correlations score too "
        "low: a Fréchet distance compares whole covariance matrices, of all pictures.",
        too_high="Two sets with the same means and variances score too high: are all pictures "
        "used, on both sides?",
    ),
    Sign(
        "other means and variances: score / right one",
        0.98,
        1.02,
        exact=True,
        too_low="Two sets with other means and variances score too low for a Fréchet distance.",
        too_high="Two sets with other means and variances score too high for a Fréchet distance.",
    ),
    Sign("score of the training set itself", 0.1, 1.2, trained=True),
    Sign("score of A, a little noise", 0.5, 4, trained=True),
    Sign("score of B, more noise", 1, 6, trained=True),
    Sign("draws in which A beats B, of 20", 18, 20, trained=True),
)

MISTAKES = [
    Mistake(
        _quietly(lambda train, test, fake: metrics.frechet_distance(train, fake)),
        "More pictures, and the wrong split: against the *training* set a generator that "
        "copies it scores a perfect 0. The reference has to be pictures nobody trained on.",
        slip={"(test, fake)": "(train, fake)"},
    ),
    Mistake(
        _quietly(lambda train, test, fake: metrics.frechet_distance(torch.cat([train, test]), fake)),
        "The training set is part of your reference now, so copying it pays. The reference "
        "has to be pictures nobody trained on.",
        slip={"(test, fake)": "(torch.cat([train, test]), fake)"},
    ),
    Mistake(
        _quietly(_in_parts),
        "The mean over small parts is steadier, but each part is biased upwards by the same "
        "amount, and averaging keeps a bias. One distance from all pictures.",
    ),
    Mistake(
        _quietly(lambda train, test, fake: metrics.frechet_distance(test[:32], fake)),
        "Half cured: the real side still has 32 pictures for 64 features, and its covariance "
        "matrix still has 33 directions of exactly no spread.",
        slip={"(test, fake)": "(test[:32], fake)"},
    ),
    Mistake(
        _quietly(lambda train, test, fake: metrics.frechet_distance(test[:64], fake[:64])),
        "As many pictures as features: enough for a formula, not for an estimate. The bias "
        "falls like 1/n, so take all that you have.",
        slip={"(test, fake)": "(test[:64], fake[:64])"},
    ),
    Mistake(
        _quietly(lambda train, test, fake: metrics.kid(test, fake)),
        "A good idea: KID has no bias at any n, so that real digits score about 0, below it as "
        "often as above, and A always wins. But these scores are compared with Fréchet "
        "distances: repair that one.",
    ),
    Mistake(
        _quietly(
            lambda train, test, fake: (
                metrics.frechet_distance(test, fake) - metrics.frechet_distance(test, train)
            )
        ),
        "You subtract the floor, the distance between two sets of real pictures. That makes a score "
        "of another name, which can fall below 0 and changes when the *training* set does. Report "
        "the floor beside the score.",
    ),
]

EXERCISE = Case(
    "15.12",
    "A score that nobody can reach",
    difficulty=3,
    minutes=15,
    reference=_well,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="too few samples for the dimension",
    ill="return metrics.frechet_distance(test[:32], fake[:32])",
    symptom="Real digits still score 10, as bad as the models, and the better model still loses draws.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
