"""Case 15.5: Textbook losses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import binary_cross_entropy, softplus
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign
from ._probes import INF, LOGITS, slopes_of


def _sick(real_logits, fake_logits):
    real_p, fake_p = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    ones, zeros = torch.ones_like(real_p), torch.zeros_like(fake_p)
    d_loss = bce(real_p, ones) + bce(fake_p, zeros)
    g_loss = bce(fake_p, ones)
    return d_loss, g_loss


def _well(real_logits, fake_logits):
    ones, zeros = torch.ones_like(real_logits), torch.zeros_like(fake_logits)
    d_loss = bce(real_logits, ones) + bce(fake_logits, zeros)
    g_loss = bce(fake_logits, ones)
    return d_loss, g_loss


def _by_log(real_logits, fake_logits):
    real_p, fake_p = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return -real_p.log().mean() - (1 - fake_p).log().mean(), -fake_p.log().mean()


def _by_guarded_log(real_logits, fake_logits):
    real_p, fake_p = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    d_loss = -(real_p + 1e-8).log().mean() - (1 - fake_p + 1e-8).log().mean()
    return d_loss, -(fake_p + 1e-8).log().mean()


def _by_squares(real_logits, fake_logits):
    real_p, fake_p = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return (real_p - 1).square().mean() + fake_p.square().mean(), (fake_p - 1).square().mean()


def _bench(losses: Callable, seed: int) -> Exam:
    def d_loss(real: float, fake: float) -> float:
        both = losses(torch.full((48,), real), torch.full((48,), fake))
        return ward.value(ward.pair(both, "Your function", "d_loss, g_loss")[0], "d_loss")

    # Which way is real? Whoever turns both players' labels round has turned nothing.
    real_pull = sum(slopes_of(losses, *logits)[0].sum().item() for logits in LOGITS)
    up = -1.0 if real_pull > 0 else 1.0
    fake = torch.full((48,), -6.0 * up)
    pull = -up * slopes_of(losses, -fake, fake)[2].sum().item()
    answers = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
    lowest = min(d_loss(up * a, -up * b) for a in answers for b in answers)
    signs = {
        "D's lowest loss, answers within ±10": lowest,
        "D's loss, all wrong (logits ±200)": d_loss(-200.0 * up, 200.0 * up),
        "G's pull on a sure fake (logit -6)": pull,
    }
    return Exam(signs)


def _run(losses: Callable, seed: int) -> Exam:
    exam = ward.losses_run(losses, seed)
    exam.signs = {
        "mean logit at the end": exam.signs["logit"],
        "gradient norm in G, last 100 steps": exam.signs["gradient"],
        "modes covered, of 8": exam.signs["modes"],
    }
    return exam


SIGNS = (
    Sign(
        "D's lowest loss, answers within ±10",
        -INF,
        0.01,
        exact=True,
        too_high="However right D is, its loss cannot fall to 0: its answers are still "
        "squashed before the loss sees them, or one of its targets is wrong.",
    ),
    Sign(
        "D's loss, all wrong (logits ±200)",
        99,
        INF,
        exact=True,
        too_low="A D that is wrong and sure is hardly charged for it: something between its "
        "logits and the loss is bounded.",
    ),
    Sign(
        "G's pull on a sure fake (logit -6)",
        0.2,
        30,
        exact=True,
        too_low="Where D is sure of a fake, G's loss has no slope, or the wrong sign: look at "
        "what stands between the logit and the logarithm, and at G's target.",
        too_high="G's loss grows with the batch: a sum where a mean was?",
    ),
    Sign("mean logit at the end", -2, 2, trained=True),
    Sign("gradient norm in G, last 100 steps", 0.05, INF, trained=True),
    Sign("modes covered, of 8", 6, 8, trained=True),
)

MISTAKES = [
    Mistake(
        lambda real_logits, fake_logits: (
            _well(real_logits, fake_logits)[0],
            _sick(real_logits, fake_logits)[1],
        ),
        "D is cured. G's loss still squashes twice: look at its gradient where D is sure.",
        slip={"g_loss = bce(fake_logits, ones)": "g_loss = bce(torch.sigmoid(fake_logits), ones)"},
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            _sick(real_logits, fake_logits)[0],
            _well(real_logits, fake_logits)[1],
        ),
        "G is cured. D's loss still squashes twice, and still has a floor.",
        slip={
            "bce(real_logits, ones)": "bce(torch.sigmoid(real_logits), ones)",
            "bce(fake_logits, zeros)": "bce(torch.sigmoid(fake_logits), zeros)",
        },
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            _well(real_logits, fake_logits)[0],
            -softplus(fake_logits).mean(),
        ),
        "The second sigmoid is gone. But your G now has the minimax loss of chapter 1, which "
        "saturates: where D is sure of a fake, its pull is gone as well. The patient had the "
        "other one.",
        slip={"g_loss = bce(fake_logits, ones)": "g_loss = -bce(fake_logits, zeros)"},
    ),
    Mistake(
        _by_log,
        "Right on paper. But in float32 `torch.sigmoid` of a logit of 200 is exactly 1, that of "
        "-200 is 0, and the logarithm infinite. Keep the loss that works on logits.",
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            binary_cross_entropy(real_logits, torch.ones_like(real_logits)),
            binary_cross_entropy(fake_logits, torch.ones_like(fake_logits)),
        ),
        "Both sigmoids are gone now: `binary_cross_entropy` wants probabilities, its sister "
        "`..._with_logits` wants logits. Exactly one squashing in all.",
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            _well(real_logits, fake_logits)[0],
            softplus(fake_logits).mean(),
        ),
        "The second sigmoid is gone. But G wants its samples called real, and now has the target "
        "of *fake* for them.",
    ),
    Mistake(
        _by_guarded_log,
        "The small number keeps the logarithm finite, and cuts it off: a D that is wrong and sure "
        "pays 18 for each half at most, and nothing pulls it back. The loss that works on logits "
        "needs no guard.",
    ),
    Mistake(
        _by_squares,
        "This is the least-squares loss, on probabilities: the sigmoid still flattens it where D is "
        "sure. (LSGAN leaves the sigmoid out.) The patient had cross-entropy: keep it.",
    ),
    Mistake(
        lambda real_logits, fake_logits: _well(real_logits.tanh(), fake_logits.tanh()),
        "From -1 to 1 instead of from 0 to 1: still squashed, and the loss squashes again. It wants "
        "the logits as they are.",
    ),
    Mistake(
        lambda real_logits, fake_logits: _well(
            10 * torch.sigmoid(real_logits), 10 * torch.sigmoid(fake_logits)
        ),
        "A factor makes the range wider and leaves it bounded: what is squashed stays squashed. The "
        "loss wants the logits as they are.",
    ),
]

EXERCISE = Case(
    "15.5",
    "Textbook losses",
    difficulty=2,
    minutes=10,
    reference=_well,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="D's output is squashed before the loss squashes it again",
    ill="real_p, fake_p = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)",
    symptom="D's loss still cannot fall below 1.006, however right D is.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
