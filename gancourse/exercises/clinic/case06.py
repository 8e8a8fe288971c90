"""Case 15.6: The estimate that only grows."""

from __future__ import annotations

from collections.abc import Callable

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign
from ._probes import INF, alliance, alliance_signs


def _sick(real_scores, fake_scores):
    critic_loss = real_scores.mean() - fake_scores.mean()
    g_loss = -fake_scores.mean()
    return critic_loss, g_loss


def _well(real_scores, fake_scores):
    critic_loss = fake_scores.mean() - real_scores.mean()
    g_loss = -fake_scores.mean()
    return critic_loss, g_loss


def _bench(losses: Callable, seed: int) -> Exam:
    return alliance("the critic", losses)


def _run(losses: Callable, seed: int) -> Exam:
    exam = ward.losses_run(losses, seed, clip=0.2)
    exam.signs = {
        "farthest sample (the ring has radius 1)": exam.signs["farthest"],
        "distance to the data": exam.signs["distance"],
        "modes covered, of 8": exam.signs["modes"],
    }
    return exam


SIGNS = (
    *alliance_signs("the critic"),
    Sign("farthest sample (the ring has radius 1)", -INF, 4, trained=True),
    Sign("distance to the data", -INF, 0.5, trained=True),
    Sign("modes covered, of 8", 3, 8, trained=True),
)

MISTAKES = [
    Mistake(
        lambda real_scores, fake_scores: (
            fake_scores.mean() - real_scores.mean(),
            fake_scores.mean(),
        ),
        "You turned both players round, so they pull together again, the other way. Turn one.",
        slip={"g_loss = -fake": "g_loss = fake"},
    ),
    Mistake(
        lambda real_scores, fake_scores: (
            -(real_scores.mean() + fake_scores.mean()),
            -fake_scores.mean(),
        ),
        "A bracket slipped: with -(real + fake) the critic raises every score. Real and "
        "generated need opposite signs.",
        slip={"fake_scores.mean() - real_scores.mean()": "-(real_scores.mean() + fake_scores.mean())"},
    ),
    Mistake(
        lambda real_scores, fake_scores: (
            -(real_scores.mean() - fake_scores.mean()).abs(),
            -fake_scores.mean(),
        ),
        "The absolute value lets the critic separate either way round. When it happens to put "
        "the fakes on top, G is its ally again: signs have to be fixed, not free.",
        slip={"fake_scores.mean() - real_scores.mean": "-(real_scores.mean() - fake_scores.mean()).abs"},
    ),
    Mistake(
        lambda real_scores, fake_scores: (
            real_scores.mean() - fake_scores.mean(),
            -real_scores.mean(),
        ),
        "G's loss now contains no fake at all, so no gradient reaches G.",
        slip={
            "fake_scores.mean() - real_scores.mean()": "real_scores.mean() - fake_scores.mean()",
            "g_loss = -fake": "g_loss = -real",
        },
    ),
    Mistake(
        lambda real_scores, fake_scores: (-real_scores.mean(), -fake_scores.mean()),
        "The critic's half on the fakes is gone: it raises real scores, and with them every other. "
        "It has to push the fakes' down.",
    ),
    Mistake(
        lambda real_scores, fake_scores: (fake_scores.mean(), -fake_scores.mean()),
        "The critic's half on real points is gone: it lowers the fakes' scores, and with them every "
        "other. It has to push the real ones up.",
    ),
    Mistake(
        lambda real_scores, fake_scores: (
            fake_scores.mean() - real_scores.mean(),
            (fake_scores.mean() - real_scores.mean()).abs(),
        ),
        "The critic is cured. With the absolute value G does not raise its scores, it wants them "
        "*equal* to the real ones: where its fakes score higher it pulls with the critic.",
    ),
    Mistake(
        lambda real_scores, fake_scores: (
            -(real_scores.mean() - fake_scores.mean()).square(),
            -fake_scores.mean(),
        ),
        "The square lets the critic separate either way round, as an absolute value would. Signs "
        "have to be fixed, not free.",
    ),
]

EXERCISE = Case(
    "15.6",
    "The estimate that only grows",
    difficulty=2,
    minutes=10,
    reference=_well,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="critic and generator pull the same way",
    ill="critic_loss = real_scores.mean() - fake_scores.mean()",
    symptom="Critic and generator still push the fakes' scores the same way.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
