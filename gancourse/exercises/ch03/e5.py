"""Exercise 3.5: Name the failure."""

import itertools

from .. import Exercise, Mistake

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

EXERCISE = Exercise(
    "3.5",
    "Name the failure",
    difficulty=2,
    minutes=10,
    reference=_FAILURES,
    mistakes=MISTAKES,
)
