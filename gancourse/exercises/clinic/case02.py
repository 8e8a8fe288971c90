"""Case 15.2: The best loss curves on the ward."""

from __future__ import annotations

from collections.abc import Callable

from torch.nn.functional import softplus

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign
from ._probes import INF, alliance, alliance_signs


def _sick(real_logits, fake_logits):
    d_loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    g_loss = softplus(fake_logits).mean()
    return d_loss, g_loss


def _well(real_logits, fake_logits):
    d_loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    g_loss = softplus(-fake_logits).mean()
    return d_loss, g_loss


def _bench(losses: Callable, seed: int) -> Exam:
    return alliance("D", losses)


def _run(losses: Callable, seed: int) -> Exam:
    exam = ward.losses_run(losses, seed)
    exam.signs = {
        "distance to the data": exam.signs["distance"],
        "modes covered, of 8": exam.signs["modes"],
    }
    return exam


SIGNS = (
    *alliance_signs("D"),
    Sign("distance to the data", -INF, 0.15, trained=True),
    Sign("modes covered, of 8", 6, 8, trained=True),
)

MISTAKES = [
    Mistake(
        lambda real_logits, fake_logits: (
            _sick(real_logits, fake_logits)[0],
            softplus(-real_logits).mean(),
        ),
        "G's loss now contains no fake at all, so it has no gradient in G. G is judged by "
        "what D says about *fakes*.",
        slip={"g_loss = softplus(-fake_logits)": "g_loss = softplus(-real_logits)"},
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            softplus(real_logits).mean() + softplus(-fake_logits).mean(),
            softplus(-fake_logits).mean(),
        ),
        "You flipped D's labels and G's target together: two allies in new uniforms. Turn "
        "one of the two players round, not both.",
        slip={
            "-real_logits).mean() + softplus(fake_logits": "real_logits).mean() + softplus(-fake_logits"
        },
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            softplus(-real_logits).mean() + softplus(-fake_logits).mean(),
            softplus(fake_logits).mean(),
        ),
        "You turned D's half on the fakes round, so that D calls everything real. D's loss was "
        "right; the other player's is not.",
        slip={
            " + softplus(fake_logits).mean()": " + softplus(-fake_logits).mean()",
            "g_loss = softplus(-fake_logits)": "g_loss = softplus(fake_logits)",
        },
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            softplus(-real_logits).mean() + softplus(-fake_logits).mean(),
            softplus(-fake_logits).mean(),
        ),
        "G's loss is right now, but D's half on the fakes was turned as well: D calls everything real.",
        slip={" + softplus(fake_logits).mean()": " + softplus(-fake_logits).mean()"},
    ),
    Mistake(
        lambda real_logits, fake_logits: _well(real_logits, fake_logits)[::-1],
        "Both losses are right, and come in the wrong order: D now trains on G's loss and G on "
        "D's. Return D's first.",
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            _well(real_logits, fake_logits)[0],
            -softplus(-fake_logits).mean(),
        ),
        "Two signs turned in G's loss, the one inside the softplus and the one in front: G is D's "
        "ally as before. Turn one.",
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            softplus(-real_logits).mean(),
            softplus(-fake_logits).mean(),
        ),
        "G's loss is right now, and D's half on the fakes is gone: D no longer opposes G. Both "
        "halves belong in D's loss.",
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            softplus(fake_logits).mean(),
            softplus(-fake_logits).mean(),
        ),
        "G's loss is right now, and D's half on the real points is gone: D can call everything "
        "fake. Both halves belong in D's loss.",
    ),
    Mistake(
        lambda real_logits, fake_logits: (
            fake_logits.mean() - real_logits.mean(),
            -fake_logits.mean(),
        ),
        "The two compete now, by the losses of a critic. Nothing bounds D's logits here, neither a "
        "clip nor a penalty, so that its loss falls without end and says nothing. Keep the softplus.",
    ),
]

EXERCISE = Case(
    "15.2",
    "The best loss curves on the ward",
    difficulty=1,
    minutes=8,
    reference=_well,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="the players have stopped competing",
    ill="g_loss = softplus(fake_logits).mean()",
    symptom="The two players still pull the fakes' logits the same way.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
