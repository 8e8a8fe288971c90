"""Exercise 3.5: Name the failure."""

import itertools

from .. import Exercise, Mistake
from .._variant import Draw, Variant, table

_FAILURES = {
    "A": "rotation",
    "B": "vanishing gradient",
    "C": "mode dropping",
    "D": "mode collapse",
}

_LOOK = {
    "A": "look at the spread from beginning to end: does it ever come to rest?",
    "B": "look at the scale of the gradient's norm, and whether the spread moves at all.",
    "C": "look at the last third: is anything still changing, and are all eight modes there?",
    "D": "look at the spread of the samples against that of the data (1).",
}


def _wrong_names():
    for names in itertools.product(_FAILURES.values(), repeat=4):
        answer = dict(zip(_FAILURES, names, strict=True))
        wrong = [run for run, name in answer.items() if name != _FAILURES[run]]
        if wrong:
            hints = " ".join(f"{run}: {_LOOK[run]}" for run in wrong)
            yield Mistake(answer, f"Not right yet: {', '.join(wrong)}. {hints}")


MISTAKES = list(_wrong_names())

# Within the last two thirds of the four recorded runs (a test looks): D's loss, G's loss, the norm of
# G's gradient, the spread, modes; and the sign by which one knows it.
_SIGNS = {
    "rotation": ((0.41, 3.2), (0.62, 3.3), (0.3, 18), None, (0, 0), "the spread never comes to rest"),
    "vanishing gradient": ((0, 3e-5), (0, 0), (3e-5, 1.5e-4), (0.034, 0.034), (0, 0),
                           "almost no gradient, and nothing moves"),
    "mode dropping": ((1.11, 1.17), (1.05, 1.2), (1.6, 11), (0.945, 0.971), (3, 5),
                      "at rest, as wide as the data, and some modes are missing for good"),
    "mode collapse": ((1.37, 1.4), (0.67, 0.705), (8e-4, 0.11), (0.02, 0.3), (0, 0),
                      "a spread far below that of the data, 1"),
}  # fmt: skip
_SWINGS = ((0.02, 0.25), (0.4, 0.7), (1.1, 1.7))  # the spread of a rotation, at three times


def _anew(draw: Draw) -> Variant:
    rows, answer, reasons = [], [], []
    for letter, name in zip("ABCD", draw.order(list(_SIGNS))):
        d, g, gradient, spread, modes, sign = _SIGNS[name]
        low, high = gradient
        norm = low * (high / low) ** draw.share()
        spreads = [draw.between(*(spread or swing)) for swing in draw.order(_SWINGS)]
        rows.append((
            letter, f"{draw.between(*d):.2f}", f"{draw.between(*g):.2f}", f"{norm:.2g}",
            ", ".join(f"{s:.2f}" for s in spreads), str(draw.whole(*modes)),
        ))  # fmt: skip
        answer.append(f"{letter} {name}")
        reasons.append(f"{letter}: {sign}")
    head = (
        "run",
        "D's loss",
        "G's loss",
        "norm of G's gradient",
        "spread",
        "modes of 8 at the end",
    )
    return Variant(
        "Four runs on the ring, late in training. The *spread*, the standard deviation of the samples, "
        "is given at three steps; that of the data is 1.\n\n"
        + table(head, rows)
        + "\n\nName the failure of each: vanishing gradient, mode collapse, mode dropping or rotation. "
        "By which numbers do you see it?",
        ", ".join(answer),
        "; ".join(reasons) + ".",
    )


EXERCISE = Exercise(
    "3.5",
    "Name the failure",
    difficulty=2,
    minutes=10,
    reference=_FAILURES,
    mistakes=MISTAKES,
    variant=_anew,
)
