"""Exercise 14.3: Validity, uniqueness, novelty."""

import math

from .. import Exercise, Mistake
from .._variant import Draw, Variant


def _good(strings, valid):
    return [s for s, ok in zip(strings, valid, strict=True) if ok]


def _share(part, whole):
    return part / max(1, whole)


def _three(strings, valid, known):
    good = _good(strings, valid)
    kinds = set(good)
    return (
        _share(len(good), len(strings)),
        _share(len(kinds), len(good)),
        _share(len(kinds - set(known)), len(kinds)),
    )


def _three_unique_all(strings, valid, known):
    v, _, n = _three(strings, valid, known)
    return v, _share(len(set(strings)), len(strings)), n


def _three_valid_unique_of_all(strings, valid, known):
    v, _, n = _three(strings, valid, known)
    return v, _share(len(set(_good(strings, valid))), len(strings)), n


def _three_once(strings, valid, known):
    v, _, n = _three(strings, valid, known)
    good = _good(strings, valid)
    return v, _share(sum(good.count(s) == 1 for s in good), len(good)), n


def _three_novel_repeats(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    good = _good(strings, valid)
    return v, u, _share(sum(s not in known for s in good), len(good))


def _three_novel_invalid(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    kinds = set(strings)
    return v, u, _share(len(kinds - set(known)), len(kinds))


def _three_novel_of_all(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    return v, u, _share(len(set(_good(strings, valid)) - set(known)), len(strings))


def _three_novel_of_valid(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    good = _good(strings, valid)
    return v, u, _share(len(set(good) - set(known)), len(good))


def _three_copied(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    kinds = set(_good(strings, valid))
    return v, u, _share(len(kinds & set(known)), len(kinds))


def _three_percent(strings, valid, known):
    return tuple(100 * share for share in _three(strings, valid, known))


def _three_nan(strings, valid, known):
    return tuple(
        v if i == 0 or any(valid) else math.nan for i, v in enumerate(_three(strings, valid, known))
    )


def _three_divided(strings, valid, known):
    good = _good(strings, valid)
    kinds = set(good)
    return len(good) / len(strings), len(kinds) / len(good), len(kinds - known) / len(kinds)


def _three_by_known(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    return v, u, _share(len(set(_good(strings, valid)) - set(known)), len(known))


def _three_of_all(strings, valid, known):
    kinds, n = set(_good(strings, valid)), len(strings)
    return sum(valid) / n, len(kinds) / n, len(kinds - set(known)) / n


def _three_invalid(strings, valid, known):
    v, u, n = _three(strings, valid, known)
    return 1 - v, u, n


def _three_counts(strings, valid, known):
    kinds = set(_good(strings, valid))
    return sum(valid), len(kinds), len(kinds - set(known))


def _three_valid_kinds(strings, valid, known):
    _, u, n = _three(strings, valid, known)
    return _share(len(set(_good(strings, valid))), len(set(strings))), u, n


def _three_inputs(g):
    del g
    return [
        (["CO"], [True], {"CC"}),
        (
            ["CC", "CC", "CO", "C=", "N(", "CN", "C=", "OCO"],
            [True, True, True, False, False, True, False, True],
            {"CO", "CCC"},
        ),
        (["C("] * 3, [False] * 3, {"CC"}),
        (
            ["CCC", "NN", "CCC", "1C", "NN", "CCC", "C)", "C)"],
            [True, True, True, False, True, True, False, False],
            {"CCC"},
        ),
    ]


MISTAKES = [
    Mistake(
        _three_unique_all,
        "Your uniqueness counts invalid strings, above and below the line. Only valid "
        "ones belong in it.",
    ),
    Mistake(
        _three_valid_unique_of_all,
        "Your uniqueness divides by all strings, so it contains the validity once more. "
        "Divide by the valid ones.",
        slip={"len(kinds) / max(1, len(good))": "len(kinds) / max(1, len(strings))"},
    ),
    Mistake(
        _three_once,
        "You count strings that occur exactly once. A molecule that was written twice is "
        "still one different molecule.",
    ),
    Mistake(
        _three_novel_repeats,
        "Your novelty counts repetitions: one new molecule, written often, would raise "
        "it. Count different ones.",
        slip={
            "len(kinds - set(known))": "sum(s not in set(known) for s in good)",
            "max(1, len(kinds)),": "max(1, len(good)),",
        },
    ),
    Mistake(
        _three_novel_invalid,
        "Your novelty counts invalid strings. Those are almost always new: the worst "
        "generator would look the most original.",
    ),
    Mistake(
        _three_novel_of_all,
        "Your novelty divides by all strings. Its denominator is the number of different valid ones.",
    ),
    Mistake(
        _three_novel_of_valid,
        "Your novelty divides by all valid strings, repetitions included, so it contains "
        "the uniqueness once more. Divide by the number of different ones.",
        slip={"max(1, len(kinds)),": "max(1, len(good)),"},
    ),
    Mistake(
        _three_copied,
        "Your third number is the share that *is* in the training data. Novelty is the rest.",
        slip={"len(kinds - set(known))": "len(kinds & set(known))"},
    ),
    Mistake(_three_percent, "These are percentages. Return shares between 0 and 1."),
    Mistake(_three_counts, "These are counts. Divide each by its own total."),
    Mistake(
        _three_nan,
        "With no valid string there is nothing to be unique or novel: those shares are 0, not NaN.",
    ),
    Mistake(
        _three_divided,
        "With no valid string you divide by zero. A share of nothing is 0.",
    ),
    Mistake(
        _three_by_known,
        "Your novelty divides by the size of the training set. Its denominator is the number "
        "of different valid strings.",
    ),
    Mistake(
        _three_of_all,
        "You divide all three by the number of strings. Mind the denominators: each share is "
        "one of what the share before has left.",
    ),
    Mistake(_three_invalid, "Your first number is the share of *invalid* strings."),
    Mistake(
        _three_valid_kinds,
        "Your validity counts different strings. Repetitions count here: valid strings over "
        "all strings.",
    ),
]


def _anew(draw: Draw) -> Variant:
    molecules = draw.some(("CCO", "CC", "C=O", "CN", "CC=C", "NCO", "C1CC1", "COC"), 4)
    broken = draw.some(("C(", "=C", "C1C", "O==O", ")N", "C=", "N("), draw.whole(2, 3))
    again = [draw.one(molecules) for _ in range(draw.whole(2, 3))]
    strings = draw.order([*molecules, *again, *broken])
    known = sorted(draw.some(molecules, draw.whole(1, 3)))
    scores = _three(strings, [s not in broken for s in strings], set(known))
    good = len(molecules) + len(again)
    return Variant(
        f"A generator wrote these {len(strings)} strings: `{'`, `'.join(strings)}`. The checker refuses "
        f"`{'`, `'.join(sorted(broken))}`. The training set holds `{'`, `'.join(known)}`. What are "
        "validity, uniqueness and novelty, as fractions?",
        f"{good}/{len(strings)}, {len(molecules)}/{good}, {len(molecules) - len(known)}/{len(molecules)}"
        f" ({', '.join(f'{score:.3f}' for score in scores)})",
        "Each share is one of what the step before has left: valid strings of all, different ones of "
        "the valid, new ones of the different. A broken string is never novel.",
    )


EXERCISE = Exercise(
    "14.3",
    "Validity, uniqueness, novelty",
    difficulty=1,
    minutes=10,
    reference=_three,
    inputs=_three_inputs,
    parts=("Validity", "Uniqueness", "Novelty"),
    variant=_anew,
    mistakes=MISTAKES,
)
