"""Exercise 12.4: Read a copying test."""

import itertools

from .. import Exercise, Mistake

_TOO_MANY = {
    "A": "A is what a fair generator looks like: 0.5, a z near 0, and 1 % flagged where 1 % is "
    "expected.",
    "D": "D is far *from* the training set, farther than fresh pictures are: a large positive z. "
    "Those are poor pictures, not copies.",
}

_MISSING = {
    "B": "One is missing. Its `closer` is an average: copies on one side of it and bad pictures "
    "on the other cancel. Another column does not average.",
    "C": "One is missing. Its pixels say nothing, its features say a lot: a copy moved by a pixel "
    "is far away in pixels.",
}


def _advice(chosen):
    said = [text for letter, text in _TOO_MANY.items() if letter in chosen]
    lacking = [text for letter, text in _MISSING.items() if letter not in chosen]
    if len(lacking) == 2:
        lacking = [
            "Two hand out copies. One is as clear as it gets: its `closer` near 1 says that its "
            "pictures lie nearer to the training set than fresh ones do. The other hides in an "
            "average."
        ]
    return " ".join(said + lacking)


MISTAKES = [
    Mistake(frozenset(chosen), _advice(set(chosen)))
    for size in range(5)
    for chosen in itertools.combinations("ABCD", size)
    if chosen != ("B", "C")
]

EXERCISE = Exercise(
    "12.4",
    "Read a copying test",
    difficulty=1,
    minutes=5,
    reference=frozenset("BC"),
    # Every other set of letters has its own message: what is missing, what is too much.
    mistakes=MISTAKES,
)
