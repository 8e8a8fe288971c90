"""Exercise 12.4: Read a copying test."""

import itertools

from .. import Exercise, Mistake
from .._variant import Draw, Variant, signed, table

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

# Of a generator: `closer` in features and in pixels, the share flagged in %, and what it is.
_KINDS = {
    "fair": ((0.48, 0.52), (0.48, 0.52), (0.6, 1.4), "fair: 0.5, and 1 % flagged as expected"),
    "half": ((0.49, 0.53), (0.48, 0.52), (35, 60), "copies half of the time, and is poor otherwise: the "
             "averages cancel, the share flagged does not"),
    "moved": ((0.93, 0.99), (0.48, 0.52), (88, 98), "copies, moved by a pixel: only features see it"),
    "plain": ((0.97, 1.0), (0.96, 1.0), (94, 99), "copies, in pixels as well"),
    "bad": ((0.03, 0.09), (0.02, 0.07), (0, 0), "far from all pictures, those of training as well: bad, "
            "and no copier"),
}  # fmt: skip


def _anew(draw: Draw) -> Variant:
    kinds = draw.order(["fair", *draw.some(("half", "moved", "plain", "bad"), 3)])
    rows, letters, reasons = [], "ABCD", []
    for letter, kind in zip(letters, kinds):
        features, pixels, flagged, what = _KINDS[kind]
        closer = draw.between(*features)
        z = 70 * (0.5 - closer)  # of about 1,200 samples
        shares = f"{closer:.2f}", signed(z), f"{draw.between(*pixels):.2f}"
        rows.append((letter, *shares, f"{draw.between(*flagged):.0f} %"))
        reasons.append(f"{letter}: {what}")
    copiers = [letter for letter, kind in zip(letters, kinds) if kind in ("half", "moved", "plain")]
    return Variant(
        "Four generators, each judged by the copying test in features and in pixels against fresh "
        "pictures, and by the share of samples flagged as nearer to the training set than 99 % of fresh "
        "pictures are.\n\n"
        + table(("generator", "`closer` in features", "z", "`closer` in pixels", "flagged"), rows)
        + "\n\nWhich of them hand out copies? Say for each by which number you see it.",
        ", ".join(copiers),
        "; ".join(reasons) + ".",
    )


EXERCISE = Exercise(
    "12.4",
    "Read a copying test",
    difficulty=1,
    minutes=5,
    reference=frozenset("BC"),
    # Every other set of letters has its own message: what is missing, what is too much.
    mistakes=MISTAKES,
    variant=_anew,
)
