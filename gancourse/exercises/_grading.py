"""Grading: each step is one question, in the order in which a teacher would ask it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ._compare import (
    Network,
    Odd,
    difference,
    dress,
    freeze,
    kind,
    letters,
    misfit,
    short,
    untouched,
)
from ._issue import Unmatched
from ._limit import TimeUp, limited
from ._run import Run, Unusable, all_same, differ, expected_run, forbidden, mistaken
from ._sandbox import accepts, one_line, readers_line, sandbox

if TYPE_CHECKING:
    from ._exercise import Exercise


def _no(message: str) -> tuple[bool, bool, str]:
    return False, True, message


def grade(exercise: Exercise, answer: Any) -> tuple[bool, bool, str]:
    """(passed, attempted, message); the notebook's globals are as they were."""
    with sandbox() as left:
        passed, attempted, message = exercise.grade(answer)
    if left.notes:
        text = "\n".join([message, *left.notes])
        message = Unmatched(text, message.public) if isinstance(message, Unmatched) else text
    return passed, attempted, message


def uncallable(exercise: Exercise, answer: Any, names: list[str], args: tuple) -> str | None:
    """Why the answer can't be called with these arguments; or None."""
    if not callable(answer):
        call = f'check("{exercise.id}", your_function)'
        return f"check wants the function itself, not its result ({kind(answer)}): {call}."
    if not accepts(answer, args):
        return f"Your function must take the arguments ({', '.join(names)})."
    return None


def failed(error: BaseException, answer: Any) -> list[str]:
    """What an answer raised, or that it ran too long, and at which of its lines."""
    late = isinstance(error, TimeUp) and error.told
    what = late or f"raised {one_line(error)}"
    return [f"Your function {what}", *readers_line(error, answer)]


def unmatched(told: str, error: BaseException) -> str:
    """What is told of an answer that raised like no known mistake; of one that ran out of time that
    is all there is to say."""
    if isinstance(error, TimeUp):
        return told
    return Unmatched(told, f"Your function raised {type(error).__name__}.")


def of_function(exercise: Exercise, answer: Any) -> tuple[bool, bool, str]:
    expected = expected_run(exercise)
    got = Run(exercise, answer, expected)
    if problem := uncallable(exercise, answer, got.names, got.cases[0]):
        return _no(problem)
    error = limited(got.all, exercise.seconds)
    if error is not None:  # out of time, or SystemExit
        got.raised = error
    if got.raised:
        named = None if isinstance(got.raised, TimeUp) else _named(exercise, got)
        given = _arguments(got.names, exercise.cases()[min(len(got.seen), len(got.cases) - 1)])
        text = "\n".join([*failed(got.raised, answer), named or given])
        return _no(text if named else unmatched(text, got.raised))

    # A function that works on its arguments may return None; a stub returns "...".
    blank = (...,) if exercise.observe else (None, ...)
    if all(untouched(result, blank) for result in got.results):
        return False, False, ""
    differences = [differ(exercise, *pair) for pair in zip(expected.seen, got.seen)]
    effects = forbidden(exercise, expected, got)
    if not any(differences) and not any(effects):
        return True, True, f"Correct on {len(got.seen)} inputs."
    if named := _named(exercise, got):
        return _no(named)

    unusable = next((s for s in got.seen if isinstance(s, Unusable)), None)
    if any(effects) and (not any(differences) or (unusable and not unusable.sure)):
        first = next(i for i, effect in enumerate(effects) if effect)
        told = list(dict.fromkeys(effects[first].values()))
        if not any(differences):
            told.insert(0, "The result is right. But:")
        return _no("\n".join([*told, _arguments(got.names, exercise.cases()[first])]))

    first = next(i for i, difference in enumerate(differences) if difference)
    varies = not untouched(expected.results[0]) and not _constant(expected.results)
    if varies and _constant(got.results) and "NaN" not in str(differences[first]):
        same = f"Your function returns the same for every input ({short(got.results[0])})"
        return _no(f"{same}: the result must depend on {', '.join(got.names)}.")
    given = _arguments(got.names, exercise.cases()[first])
    return _no(Unmatched(f"{differences[first]}\n{given}"))


def of_value(exercise: Exercise, answer: Any) -> tuple[bool, bool, str]:
    # The message never shows the reference: a reader is to find it.
    if callable(answer):
        return _no("This exercise wants a value, not a function.")
    right = freeze(exercise.reference)
    wrong = [freeze(mistake.wrong) for mistake in exercise.mistakes]
    known = sorted({str(x) for tree in (right, *wrong) if isinstance(tree, frozenset) for x in tree})
    frozen: list[Any] = []
    # Under the limit: an object's own methods may do anything.
    error = limited(lambda: frozen.append(freeze(dress(right, answer, known))), exercise.seconds)
    if error is not None:
        return _no(f"Your answer can't be read: {one_line(error)}.")
    got = frozen[0]
    if isinstance(got, float) and math.isnan(got):
        return _no("Your answer is NaN (not a number).")
    if not differ(exercise, right, got):
        return True, True, "Correct."
    for mistake, other in zip(exercise.mistakes, wrong):
        if not differ(exercise, other, got, "any"):
            return _no(mistake.message)
    if isinstance(right, str) and isinstance(got, str):
        choices = sorted({right, *(str(mistake.wrong) for mistake in exercise.mistakes)})
        return _no(f"{short(got)} is none of the choices: {', '.join(choices)}.")
    if isinstance(right, frozenset):
        if letters(answer) is None:
            return _no(f"Your answer is {kind(got)}; it should be a set, such as {_example(known)}.")
        if foreign := sorted(map(str, set(got) - set(known))):
            return _no(f"{', '.join(foreign)}: not one of {', '.join(known)}.")
    if isinstance(right, dict) and isinstance(got, dict):
        return _no(_missing_in_table(right, wrong, got))
    if problem := misfit(right, got, exercise.parts, "Your answer"):
        return _no(problem)
    return _no(Unmatched(f"{short(got)} is not it."))


def _example(known: Sequence[str]) -> str:
    return "{" + ", ".join(map(repr, known[:2])) + "}"


def _missing_in_table(right: dict, wrong: list, got: dict) -> str:
    """What is open or unknown in an answer like ``{"A": "collapse", ...}``."""
    if foreign := sorted(map(str, got.keys() - right.keys())):
        return f"{', '.join(foreign)}: not one of {', '.join(map(str, right))}."
    if still := [str(key) for key in right if untouched(got.get(key, ...))]:
        return f"Still open: {', '.join(still)}."
    tables = [right, *(other for other in wrong if isinstance(other, dict))]
    names = sorted({str(value) for table in tables for value in table.values()})
    for key, value in got.items():
        if str(value).strip().casefold() not in {name.casefold() for name in names}:
            return f"{key}: {short(value)} is none of the choices: {', '.join(names)}."
    return "Not all of them are right."


def _named(exercise: Exercise, got: Run) -> str | None:
    """The message of the first mistake that does as the answer does, on every input; of several,
    one that leaves the same marks on the arguments."""
    expected = expected_run(exercise)
    marks = [changes.keys() for changes in forbidden(exercise, expected, got)]
    right = not got.raised and all_same(exercise, expected.seen, got.seen, "ordinary")
    found = None
    for number, mistake in enumerate(exercise.mistakes):
        wrong = mistaken(exercise, number)
        # Of an error's text only the beginning is compared: shapes and numbers come after it.
        if (wrong.raised and one_line(wrong.raised)[:50]) == (
            got.raised and one_line(got.raised)[:50]
        ) and all_same(exercise, wrong.seen, got.seen):
            if [changes.keys() for changes in forbidden(exercise, expected, wrong)] == marks:
                return mistake.message
            found = found or mistake.message
    return None if right else found


def _constant(results: list) -> bool:
    first = results[0]
    return (
        len(results) > 1
        and not untouched(first)
        and not (isinstance(first, (Odd, Network)) or callable(first))
        and not any(difference(first, other, 0.0, 0.0, types="strict") for other in results[1:])
    )


def _arguments(names: list[str], args: tuple) -> str:
    parts = [f"{name} = {short(arg)}" for name, arg in zip(names, args)]
    parts = [part if len(part) <= 120 else part[:117] + "..." for part in parts]
    return f"called with {', '.join(parts)}"
