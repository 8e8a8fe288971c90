"""Exercises that say what is wrong, not only that it is wrong.

A reader writes a function and calls ``check("1.1", my_function)``. An `Exercise` is data: the
right implementation (the *reference*), the inputs to try, and the *mistakes*: wrong
implementations that readers really write, each with what to tell its author. `check` runs the
answer on every input and compares it with the reference; an answer that differs, but agrees with
a known mistake on all inputs, gets that mistake's message.

How to write one (in ``chNN.py``, which ends with ``EXERCISES = [...]``)::

    def _mean(x):                                    # the reference, named like the stub's function
        return x.mean(0)

    def _inputs(g):                                  # a new list of argument tuples at each call
        return [(torch.randn(n, 3, generator=g),) for n in (4, 7)]

    EXERCISES = [
        Exercise("9.1", "The mean image", difficulty=1, minutes=5, reference=_mean, inputs=_inputs,
                 mistakes=[
                     Mistake(lambda x: x.mean(1), "You average over pixels: average over samples."),
                     Mistake(lambda x: x.sum(0), "This is the sum: how many samples are there?"),
                     Mistake(lambda x: x.mean(0, keepdim=True), "One axis too many is left."),
                 ]),
    ]

- Inputs: at least two, of different shapes, so that a constant is seen to be one; make one hard
  (zeros, large values). A callable gets a seeded ``torch.Generator`` and must build everything
  anew; a plain list is deep-copied.
- A right value counts in any ordinary dress: float32 or float64, tensor, numpy or Python number,
  list, tuple or tensor, shape (1,) for a number, int32 for int64, "B, D" for a set of letters. What
  does not: shape (N, 1) for (N,), numbers for True and False, and a result without a graph where
  the reference's has one: let inputs ask for gradients (``requires_grad_()``) where an answer is to
  be trained on. ``strict=True``, where the exercise is about dtype or container.
- ``parts=("reached", "fair")`` names the parts of a result that is a tuple, for the messages.
- Side effects are watched: `requires_grad`, `.grad`, training mode, hooks, weights and buffers of
  every network, settings of every optimizer, values of every tensor, array, list or dictionary
  that can be reached from the arguments. What the reference leaves as it was, an answer must leave
  as it was; nothing needs to be written for it. (Only a plain tensor may come to require
  gradients.) ``may_change=("mean", "critic: gradients")`` lists what an answer may change all the
  same: an argument, or one thing of it (frozen, gradients, values, buffers, mode, settings ...).
- Random answers: torch's, numpy's and Python's global generators are set to the same seed before
  each call, so draws can be compared. Afterwards these and all other globals (default device and
  dtype, modes, threads, warnings, working directory, ``torch.mean = ...``) are as before.
- ``observe(result, args)`` maps a finished call to what is compared (tensors, numbers, text, in
  nested dicts, lists and tuples; a module counts as its state_dict), for a function whose effect
  counts: ``lambda loss, args: {"The loss": loss, "D after the step": args[0]}``. Keys are shown to
  readers, as the subject of a sentence. ``result`` comes in the dress of the reference's (a 0-d
  tensor, where the reference returns one), where it can be had; where ``observe`` raises, or
  returns other keys, the reader is told what the *result* should have been (its kind, its shape, a
  gradient): keep the keys the same for all answers, or raise.
- An answer that is a value, not a function: give the value as ``reference`` and wrong values as
  mistakes. ``compare(expected, got) -> bool`` replaces the comparison where equality won't do.
- A stub that is broken code instead of an empty function: ``Case`` in ``_case.py``, used by
  ``clinic.py``; its answers are judged by what a short run with them looks like.
- A message says what is wrong and what to do about it, and leaves the code to the reader. In it
  `this` is shown as code and *this* with emphasis; no other markup.
- ``python -m tests.exercise_mutants 9 9.1`` derives wrong and right answers from the reference and
  the printed solution, and shows those that are judged wrongly.
"""

from __future__ import annotations

import copy
import difflib
import functools
import html
import importlib
import inspect
import math
import os
import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from . import _progress
from ._compare import (
    NO_GRADIENT,
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
from ._effects import Changes, Snapshot
from ._progress import Progress
from ._sandbox import TimeUp, accepts, limited, one_line, readers_line, sandbox, seed

__all__ = ["EXERCISES", "Exercise", "Mistake", "Progress", "Report", "check", "progress"]


@dataclass(frozen=True)
class Mistake:
    """A wrong implementation (or a wrong value), and what to tell the reader who wrote it."""

    wrong: Any
    message: str


@dataclass(frozen=True)
class Exercise:
    """One exercise, as data; the module's docstring says how to write one."""

    id: str
    title: str
    difficulty: int  # 1 to 3: ●○○ to ●●●
    minutes: int
    reference: Any  # the right function, or the right value
    inputs: Callable[[torch.Generator], Sequence] | Sequence = ()
    mistakes: Sequence[Mistake] = ()
    rtol: float = 1e-4
    atol: float = 1e-6
    seconds: float = 5.0  # for all inputs together
    observe: Callable[[Any, tuple], Any] | None = None
    compare: Callable[[Any, Any], bool] | None = None
    parts: Sequence[str] = ()  # names of the parts of a result that is a tuple
    may_change: Sequence[str] = ()  # arguments that an answer may change though the reference won't
    strict: bool = False  # dtype and container must be the reference's
    _runs: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def cases(self) -> list[tuple]:
        """Fresh arguments, one tuple for each call."""
        seed(0)
        made = (
            self.inputs(torch.Generator().manual_seed(0))
            if callable(self.inputs)
            else copy.deepcopy(list(self.inputs))
        )
        return [args if isinstance(args, tuple) else (args,) for args in made]

    def grade(self, answer: Any) -> tuple[bool, bool, str]:
        """(passed, attempted, message), within the sandbox."""
        if untouched(answer):
            return False, False, ""
        if callable(self.reference):
            return _grade_function(self, answer)
        return _grade_value(self, answer)


_PRE = (
    "margin:.2em 0;padding:0;background:none;border:0;color:inherit;box-shadow:none;"
    "white-space:pre-wrap"
)


@dataclass(frozen=True, repr=False)
class Report:
    """What `check` found. It has been shown already; ``print(report)`` shows it again."""

    exercise_id: str
    title: str
    passed: bool
    message: str
    attempted: bool = True
    _cell: int | None = field(default=None, compare=False)

    @property
    def headline(self) -> str:
        state = "passed" if self.passed else "not yet" if self.attempted else "not attempted yet"
        if not self.attempted and self.message:  # a case of the clinic, as ill as it came
            state = "unchanged"
        return f"Exercise {self.exercise_id}: {state}"

    def __repr__(self) -> str:
        return f"<{self.headline}>"  # the report itself has been printed already

    def __str__(self) -> str:
        indented = "".join(f"\n  {line}" for line in self.message.splitlines())
        return self.headline + indented

    def _repr_html_(self) -> str:
        # Colors only in the bar, so that the text follows the page's theme; words carry the state.
        mark, color = ("✓", "#009E73") if self.passed else ("✗", "#D55E00")
        if not self.attempted:
            mark, color = "○", "#777777"
        body = ""
        for line in map(html.escape, self.message.splitlines()):
            if line.startswith("  "):  # code and values
                body += f'<pre style="{_PRE}">{line}</pre>'
            else:
                line = re.sub(r"`([^`]+)`", r"<code>\1</code>", line)
                line = re.sub(r"(?<![\w*])\*(\w[\w ]*)\*(?![\w*])", r"<em>\1</em>", line)
                body += f'<p style="margin:.2em 0">{line}</p>'
        return (
            f'<div class="gc-report" style="border-left:4px solid {color};padding:.2em 0 .2em .9em;'
            f'margin:.5em 0"><strong><span aria-hidden="true">{mark} </span>'
            f"{html.escape(self.headline)}</strong>{body}</div>"
        )

    def _ipython_display_(self) -> None:
        """Nothing in the cell that called `check`, which has shown it; in another cell, all."""
        shell = _shell()
        if shell is None or self._cell != shell.execution_count:
            self._show()

    def _show(self) -> None:
        if _shell() is None:
            print(self)
        else:
            from IPython.display import display

            display({"text/html": self._repr_html_(), "text/plain": str(self)}, raw=True)


def check(exercise_id: str, answer: Any) -> Report:
    """Run the reader's answer, show what was found, and return it.

    The report shows itself exactly once, with or without a semicolon after the call. Whatever the
    answer raises is reported, not raised (but for KeyboardInterrupt), and an endless loop is ended.

    Raises:
        ValueError: no exercise has this id.
    """
    exercise = _find(exercise_id)
    shell = _shell()
    passed, attempted, message = _grade(exercise, answer)
    if passed:
        _progress.record(exercise.id)
    cell = shell.execution_count if shell else None
    report = Report(exercise.id, exercise.title, passed, message, attempted, cell)
    report._show()
    return report


def progress(folder: str | os.PathLike[str] | None = None) -> Progress:
    """Which exercises are solved, in this session and, with a folder, across sessions.

    Name a folder once a session; from then on every passed `check` is written there at once, to
    ``gancourse-progress.json``. On Colab, whose disk is emptied after each session, take one on
    Google Drive::

        from google.colab import drive
        drive.mount("/content/drive")
        progress("/content/drive/MyDrive/gan-course")

    Args:
        folder: where to keep the progress; it is made if its parent is there.

    Raises:
        ValueError: if the folder is a file, or there is no folder to make it in.
        OSError: if it can't be written to.
    """
    if folder is not None:
        _progress.keep(folder)
    solved, file = _progress.solved_now()
    exercises = sorted(_registry().values(), key=lambda e: [int(n) for n in e.id.split(".")])
    left = sum(exercise.minutes for exercise in exercises if exercise.id not in solved)
    return Progress({exercise.id: exercise.id in solved for exercise in exercises}, left, file)


@functools.cache
def _chapter(name: str) -> dict[str, Exercise]:
    """The exercises of one file."""
    found: dict[str, Exercise] = {}
    for exercise in getattr(importlib.import_module(f"{__name__}.{name}"), "EXERCISES", ()):
        if exercise.id in found:
            raise ValueError(f"exercise id {exercise.id!r} is used twice in {name}.py")
        found[exercise.id] = exercise
    return found


@functools.cache
def _registry() -> dict[str, Exercise]:
    found: dict[str, Exercise] = {}
    for info in pkgutil.iter_modules(__path__):
        if twice := found.keys() & (chapter := _chapter(info.name)).keys():
            raise ValueError(f"exercise ids {sorted(twice)} are used twice; see {info.name}.py")
        found.update(chapter)
    return found


def _find(exercise_id: str) -> Exercise:
    """One exercise; of the chapters' files only its own is imported."""
    match = re.fullmatch(r"(\d+)\.\d+", exercise_id) if isinstance(exercise_id, str) else None
    names = {info.name for info in pkgutil.iter_modules(__path__)}
    if match and (name := f"ch{int(match[1]):02}") in names and exercise_id in _chapter(name):
        return _chapter(name)[exercise_id]
    exercises = _registry()
    if not isinstance(exercise_id, str) or exercise_id not in exercises:
        near = difflib.get_close_matches(str(exercise_id), exercises, 4, 0.3)
        raise ValueError(
            f"exercise_id = {exercise_id!r} is unknown; give one of the ids as text, "
            f"such as {', '.join(map(repr, near or exercises))}"
        )
    return exercises[exercise_id]


def __getattr__(name: str) -> Any:
    # The chapters' files are imported when somebody asks, not at `import gancourse.exercises`.
    if name == "EXERCISES":
        return _registry()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _shell() -> Any:
    """The IPython shell, where there is one. Never imports IPython."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module and hasattr(module, "get_ipython") else None


# --- grading: each step is one question, in the order in which a teacher would ask it -------------


def _no(message: str) -> tuple[bool, bool, str]:
    return False, True, message


def _grade(exercise: Exercise, answer: Any) -> tuple[bool, bool, str]:
    """(passed, attempted, message); the notebook's globals are as they were."""
    with sandbox() as left:
        passed, attempted, message = exercise.grade(answer)
    return passed, attempted, "\n".join([message, *left.notes] if left.notes else [message])


def _grade_function(exercise: Exercise, answer: Any) -> tuple[bool, bool, str]:
    if not callable(answer):
        call = f'check("{exercise.id}", your_function)'
        return _no(f"check wants the function itself, not its result ({kind(answer)}): {call}.")
    expected = _expected(exercise)
    got = _Run(exercise, answer, expected)
    if not accepts(answer, got.cases[0]):
        return _no(f"Your function must take the arguments ({', '.join(got.names)}).")
    try:
        limited(got.all, exercise.seconds)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        late = isinstance(error, TimeUp)
        what = f"did not finish within {exercise.seconds:g} s: is there a loop that never ends?"
        lines = [f"Your function {what if late else 'raised ' + one_line(error)}"]
        lines += readers_line(error, answer)
        given = _arguments(got.names, exercise.cases()[min(len(got.seen), len(got.cases) - 1)])
        lines.append((None if late else _named(exercise, got, error)) or given)
        return _no("\n".join(lines))

    # A function that works on its arguments may return None; a stub returns "...".
    blank = (...,) if exercise.observe else (None, ...)
    if all(untouched(result, blank) for result in got.results):
        return False, False, ""
    differences = [_differ(exercise, *pair) for pair in zip(expected.seen, got.seen)]
    effects = _forbidden(exercise, expected, got)
    if not any(differences) and not any(effects):
        return True, True, f"Correct on {len(got.seen)} inputs."
    if named := _named(exercise, got):
        return _no(named)

    unusable = next((s for s in got.seen if isinstance(s, _Unusable)), None)
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
    return _no(f"{differences[first]}\n{_arguments(got.names, exercise.cases()[first])}")


def _grade_value(exercise: Exercise, answer: Any) -> tuple[bool, bool, str]:
    # The message never shows the reference: a reader is to find it.
    if callable(answer):
        return _no("This exercise wants a value, not a function.")
    right = freeze(exercise.reference)
    wrong = [freeze(mistake.wrong) for mistake in exercise.mistakes]
    known = sorted(
        {str(x) for tree in (right, *wrong) if isinstance(tree, frozenset) for x in tree}
    )
    frozen: list[Any] = []
    try:  # under the limit: an object's own methods may do anything
        limited(lambda: frozen.append(freeze(dress(right, answer, known))), exercise.seconds)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return _no(f"Your answer can't be read: {one_line(error)}.")
    got = frozen[0]
    if isinstance(got, float) and math.isnan(got):
        return _no("Your answer is NaN (not a number).")
    if not _differ(exercise, right, got):
        return True, True, "Correct."
    for mistake, other in zip(exercise.mistakes, wrong):
        if not _differ(exercise, other, got, "any"):
            return _no(mistake.message)
    if isinstance(right, str) and isinstance(got, str):
        choices = sorted({right, *(str(mistake.wrong) for mistake in exercise.mistakes)})
        return _no(f"{short(got)} is none of the choices: {', '.join(choices)}.")
    if isinstance(right, frozenset):
        if letters(answer) is None:
            return _no(
                f"Your answer is {kind(got)}; it should be a set, such as {_example(known)}."
            )
        if foreign := sorted(map(str, set(got) - set(known))):
            return _no(f"{', '.join(foreign)}: not one of {', '.join(known)}.")
    if isinstance(right, dict) and isinstance(got, dict):
        return _no(_missing_in_table(right, wrong, got))
    if problem := misfit(right, got, exercise.parts, "Your answer"):
        return _no(problem)
    return _no(f"{short(got)} is not it.")


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


class _Run:
    """One implementation over all inputs: what it returned, what it changed, what is compared."""

    def __init__(
        self, exercise: Exercise, function: Callable, expected: _Run | None = None
    ) -> None:
        self.exercise, self.function, self.cases = exercise, function, exercise.cases()
        self.expected = expected
        self.names = list(inspect.signature(exercise.reference).parameters)
        self.results: list[Any] = []
        self.seen: list[Any] = []
        self.effects: list[Changes] = []

    def all(self) -> None:
        for index in range(len(self.cases)):
            self.one(index)

    def one(self, index: int) -> None:
        args = self.cases[index]
        before = Snapshot(self.names, args)
        seed(index)
        with torch.enable_grad():
            modes = _modes()
            result = self.function(*args)
            self.effects.append({**before.changes(), **_changed_modes(modes)})
            if self.expected is None:
                self.results.append(freeze(result))
                self.seen.append(self._observed(result, args))
                return
            wanted = self.expected.results[index]
            raw = freeze(result)
            self.results.append(raw)
            if not self.exercise.strict:
                result = dress(wanted, result)
            self.seen.append(self._compared(wanted, raw, result, args, self.expected.seen[index]))

    def _observed(self, result: Any, args: tuple) -> Any:
        observe = self.exercise.observe
        return freeze(observe(result, args) if observe else result)

    def _compared(self, wanted: Any, raw: Any, result: Any, args: tuple, right: Any) -> Any:
        if not self.exercise.observe:
            return freeze(result)
        problem, lost = None, ""
        if wanted is not None:  # else the function works on its arguments
            problem = misfit(wanted, freeze(result), self.exercise.parts)
            lost = (
                "graph" if problem is None and _asks(wanted) and not _asks(freeze(result)) else ""
            )
            problem = problem or (lost and f"The result {NO_GRADIENT}") or None
            if problem and not lost and raw is not None:
                return _Unusable(problem, raw)
        try:
            seen = freeze(self.exercise.observe(result, args))
        except Exception as error:  # a gradient of something that has none, for instance
            if problem:
                return _Unusable(problem, raw)
            what = f"What your function returned can't be used: {one_line(error)}"
            return _Unusable(what, raw, sure=False)
        if not problem:
            return seen
        other = isinstance(right, dict) and isinstance(seen, dict) and right.keys() != seen.keys()
        if other or kind(right) != kind(seen) or (not lost and _differ(self.exercise, right, seen)):
            return _Unusable(problem, raw)
        return seen


class _Unusable(str):
    """Why `observe` could make nothing of an answer, and the answer."""

    raw: Any
    sure: bool  # is this the cause, or only what it led to?

    def __new__(cls, text: str, raw: Any = None, sure: bool = True) -> _Unusable:
        self = super().__new__(cls, text)
        self.raw, self.sure = raw, sure
        return self


def _asks(tree: Any) -> bool:
    """Does a tensor in it carry a graph of gradients?"""
    if isinstance(tree, list):
        return any(map(_asks, tree))
    return isinstance(tree, torch.Tensor) and tree.requires_grad


def _modes() -> dict[str, Any]:
    return {
        "gradients": torch.is_grad_enabled(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
    }


def _changed_modes(before: dict[str, Any]) -> Changes:
    """The modes that a call leaves behind it, and back with them."""
    found: Changes = {}
    now = _modes()
    if now["gradients"] != before["gradients"]:
        torch.set_grad_enabled(before["gradients"])
        state = "off" if before["gradients"] else "on"
        found["torch", "gradients"] = (
            f"Your function leaves gradients switched {state} for the whole notebook: "
            "use `with torch.no_grad():`, which puts them back."
        )
    if now["dtype"] != before["dtype"]:
        torch.set_default_dtype(before["dtype"])
        found["torch", "dtype"] = (
            "Your function leaves another default dtype for the whole notebook."
        )
    if now["device"] != before["device"]:
        torch.set_default_device(None if before["device"].type == "cpu" else before["device"])
        found["torch", "device"] = "Your function leaves another default device for the notebook."
    return found


def _expected(exercise: Exercise) -> _Run:
    """The reference's run, kept for the session."""
    if "reference" not in exercise._runs:
        run = _Run(exercise, exercise.reference)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run.all()
        run.cases = []
        exercise._runs["reference"] = run
    return exercise._runs["reference"]


def _mistaken(exercise: Exercise, number: int) -> tuple[_Run, BaseException | None]:
    """A mistake's run and what it raised, kept for the session."""
    if number not in exercise._runs:
        run, raised = _Run(exercise, exercise.mistakes[number].wrong, _expected(exercise)), None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                run.all()
            except Exception as error:
                raised = error.with_traceback(None)
        run.cases = []
        exercise._runs[number] = run, raised
    return exercise._runs[number]


def _forbidden(exercise: Exercise, expected: _Run, got: _Run) -> list[Changes]:
    """For each input, what the answer has changed and the reference has not."""
    return [
        {
            key: sentence
            for key, sentence in mine.items()
            if key not in theirs
            and key[0].partition(" ")[0] not in exercise.may_change
            and f"{key[0]}: {key[1]}" not in exercise.may_change
        }
        for theirs, mine in zip(expected.effects, got.effects)
    ]


def _named(exercise: Exercise, got: _Run, error: BaseException | None = None) -> str | None:
    """The message of the first mistake that does as the answer does, on every input; of several,
    one that leaves the same marks on the arguments."""
    expected = _expected(exercise)
    marks = [changes.keys() for changes in _forbidden(exercise, expected, got)]
    right = not error and _same(exercise, expected.seen, got.seen, "ordinary")
    found = None
    for number, mistake in enumerate(exercise.mistakes):
        wrong, raised = _mistaken(exercise, number)
        # Of an error's text only the beginning is compared: shapes and numbers come after it.
        if (raised and one_line(raised)[:50]) == (error and one_line(error)[:50]) and _same(
            exercise, wrong.seen, got.seen
        ):
            if [changes.keys() for changes in _forbidden(exercise, expected, wrong)] == marks:
                return mistake.message
            found = found or mistake.message
    return None if right else found


def _same(exercise: Exercise, one: list, other: list, types: str = "any") -> bool:
    return len(one) == len(other) and not any(
        _differ(exercise, a, b, types) for a, b in zip(one, other)
    )


def _differ(exercise: Exercise, expected: Any, got: Any, types: str = "") -> str | None:
    types = types or ("strict" if exercise.strict else "ordinary")
    rtol, atol = exercise.rtol, exercise.atol
    if isinstance(got, _Unusable) or isinstance(expected, _Unusable):
        both = isinstance(got, _Unusable) and isinstance(expected, _Unusable)
        if both and expected[:90] == got[:90]:
            if difference(expected.raw, got.raw, rtol, atol, types=types) is None:
                return None
        return str(got if isinstance(got, _Unusable) else expected)
    if exercise.compare:
        try:
            same = exercise.compare(expected, got)
        except Exception:  # an answer of a kind that nobody thought of
            same = False
        if same:
            return None
        problem = misfit(expected, got, exercise.parts)
        return problem or (
            f"The result is not right:\n  expected  {short(expected)}\n  got       {short(got)}"
        )
    return difference(expected, got, rtol, atol, parts=exercise.parts, types=types)


def _constant(results: list) -> bool:
    first = results[0]
    return (
        len(results) > 1
        and not untouched(first)
        and not isinstance(first, Odd)
        and not any(difference(first, other, 0.0, 0.0, types="strict") for other in results[1:])
    )


def _arguments(names: list[str], args: tuple) -> str:
    parts = [f"{name} = {short(arg)}" for name, arg in zip(names, args)]
    parts = [part if len(part) <= 120 else part[:117] + "..." for part in parts]
    return f"called with {', '.join(parts)}"
