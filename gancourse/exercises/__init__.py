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
  anew; a plain list is deep-copied. Either way an answer may spoil its arguments.
- Random answers: torch's, numpy's and Python's global generators are set to the same seed before
  each call, so draws can be compared; afterwards they are put back where the notebook had them.
- ``observe(result, args)`` maps a finished call to what is compared (tensors, numbers, text, in
  nested dicts, lists and tuples; a module counts as its state_dict), for a function whose effect
  counts: ``lambda loss, args: {"loss": loss, "weights of D": args[0]}``. Keys are shown to readers.
- An answer that is a value, not a function: give the value as ``reference`` and wrong values as
  mistakes. ``compare(expected, got) -> bool`` replaces the comparison where equality won't do.
- A stub that is broken code instead of an empty function: ``Case`` in ``_case.py``, used by
  ``clinic.py``; its answers are judged by what a short run with them looks like.
- A message says what is wrong and what to do about it, and leaves the code to the reader. In it
  `this` is shown as code and *this* with emphasis; no other markup.
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
from typing import Any, Protocol, runtime_checkable

import torch

from . import _progress
from ._compare import difference, freeze, kind, short, untouched
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

    def cases(self) -> list[tuple]:
        """Fresh arguments, one tuple for each call."""
        seed(0)
        made = (
            self.inputs(torch.Generator().manual_seed(0))
            if callable(self.inputs)
            else copy.deepcopy(list(self.inputs))
        )
        return [args if isinstance(args, tuple) else (args,) for args in made]


@runtime_checkable
class _Graded(Protocol):
    """An exercise that grades its answers itself: a case of the clinic (``_case.py``)."""

    def grade(self, answer: Any) -> tuple[bool, bool, str]: ...


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
    exercises = _registry()
    if exercise_id not in exercises:
        near = difflib.get_close_matches(str(exercise_id), exercises, 4, 0.3)
        raise ValueError(
            f"exercise_id = {exercise_id!r} is unknown; give one of the ids as text, "
            f"such as {', '.join(map(repr, near or exercises))}"
        )
    shell = _shell()
    passed, attempted, message = _grade(exercises[exercise_id], answer)
    if passed:
        _progress.record(exercise_id)
    cell = shell.execution_count if shell else None
    report = Report(exercise_id, exercises[exercise_id].title, passed, message, attempted, cell)
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
def _registry() -> dict[str, Exercise]:
    found: dict[str, Exercise] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for exercise in getattr(module, "EXERCISES", ()):
            if exercise.id in found:
                raise ValueError(f"exercise id {exercise.id!r} is used twice; see {info.name}.py")
            found[exercise.id] = exercise
    return found


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
    """(passed, attempted, message)"""
    if isinstance(exercise, _Graded):
        return exercise.grade(answer)
    if untouched(answer):
        return False, False, ""
    if not callable(exercise.reference):
        return _grade_value(exercise, answer)
    if not callable(answer):
        call = f'check("{exercise.id}", your_function)'
        return _no(f"check wants the function itself, not its result ({kind(answer)}): {call}.")
    names = list(inspect.signature(exercise.reference).parameters)
    with sandbox():
        expected = _Run(exercise, exercise.reference)
        expected.all()
        assert not any(isinstance(seen, _Unusable) for seen in expected.seen), expected.seen
        got = _Run(exercise, answer)
        if not accepts(answer, got.cases[0]):
            return _no(f"Your function must take the arguments ({', '.join(names)}).")
        try:
            limited(got.all, exercise.seconds)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            late = isinstance(error, TimeUp)
            what = f"did not finish within {exercise.seconds:g} s: is there a loop that never ends?"
            lines = [f"Your function {what if late else 'raised ' + one_line(error)}"]
            lines += readers_line(error, answer)
            given = _arguments(names, exercise.cases()[len(got.seen)])
            lines.append((None if late else _named(exercise, got, error)) or given)
            return _no("\n".join(lines))

        # A function that works on its arguments may return None; a stub returns "...".
        blank = (...,) if exercise.observe else (None, ...)
        if all(untouched(result, blank) for result in got.results):
            return False, False, ""
        differences = [_differ(exercise, *pair) for pair in zip(expected.seen, got.seen)]
        if not any(differences):
            return True, True, f"Correct on {len(got.seen)} inputs."
        if named := _named(exercise, got):
            return _no(named)

        first = next(i for i, difference in enumerate(differences) if difference)
        varies = not untouched(expected.results[0]) and not _constant(expected.results)
        if varies and _constant(got.results) and "NaN" not in str(differences[first]):
            same = f"Your function returns the same for every input ({short(got.results[0])})"
            return _no(f"{same}: the result must depend on {', '.join(names)}.")
        return _no(f"{differences[first]}\n{_arguments(names, exercise.cases()[first])}")


def _grade_value(exercise: Exercise, answer: Any) -> tuple[bool, bool, str]:
    # The message never shows the reference: a reader is to find it.
    if callable(answer):
        return _no("This exercise wants a value, not a function.")
    got, right = freeze(answer), freeze(exercise.reference)
    if isinstance(got, float) and math.isnan(got):
        return _no("Your answer is NaN (not a number).")
    if not _differ(exercise, right, got):
        return True, True, "Correct."
    for mistake in exercise.mistakes:
        if not _differ(exercise, freeze(mistake.wrong), got, exact_types=False):
            return _no(mistake.message)
    if isinstance(right, str):
        choices = sorted({right, *(str(mistake.wrong) for mistake in exercise.mistakes)})
        return _no(f"{short(got)} is none of the choices: {', '.join(choices)}.")
    if kind(got) != kind(right):
        return _no(f"Your answer is {kind(got)}; it should be {kind(right)}.")
    return _no(f"{short(got)} is not it.")


class _Run:
    """One implementation over all inputs: what it returned, and what is compared."""

    def __init__(self, exercise: Exercise, function: Callable) -> None:
        self.exercise, self.function, self.cases = exercise, function, exercise.cases()
        self.results: list[Any] = []
        self.seen: list[Any] = []

    def all(self) -> None:
        for index, args in enumerate(self.cases):
            seed(index)
            with torch.enable_grad():
                result = self.function(*args)
                self.results.append(freeze(result))
                if not (observe := self.exercise.observe):
                    self.seen.append(self.results[-1])
                    continue
                try:
                    self.seen.append(freeze(observe(result, args)))
                except Exception as error:  # a gradient of something that has none, for instance
                    what = f"What your function returned can't be used: {one_line(error)}"
                    self.seen.append(_Unusable(what))


class _Unusable(str):
    """Why `observe` could make nothing of an answer."""


def _named(exercise: Exercise, got: _Run, error: BaseException | None = None) -> str | None:
    """The message of the first mistake that does as the answer does, on every input."""
    for mistake in exercise.mistakes:
        wrong, raised = _Run(exercise, mistake.wrong), None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                wrong.all()
            except Exception as other:
                raised = other
        # Of an error's text only the beginning is compared: shapes and numbers come after it.
        if (raised and one_line(raised)[:50]) == (error and one_line(error)[:50]) and _same(
            exercise, wrong.seen, got.seen
        ):
            return mistake.message
    return None


def _same(exercise: Exercise, one: list, other: list) -> bool:
    return len(one) == len(other) and not any(
        _differ(exercise, a, b, exact_types=False) for a, b in zip(one, other)
    )


def _differ(exercise: Exercise, expected: Any, got: Any, exact_types: bool = True) -> str | None:
    if isinstance(got, _Unusable):
        return None if isinstance(expected, _Unusable) and expected[:90] == got[:90] else str(got)
    if exercise.compare:
        try:
            same = exercise.compare(expected, got)
        except Exception:  # an answer of a kind that nobody thought of
            same = False
        return None if same else f"  expected  {short(expected)}\n  got       {short(got)}"
    return difference(expected, got, exercise.rtol, exercise.atol, "", exact_types)


def _constant(results: list) -> bool:
    first = results[0]
    return (
        len(results) > 1
        and not untouched(first)
        and not any(difference(first, other, 0.0, 0.0, "", True) for other in results[1:])
    )


def _arguments(names: list[str], args: tuple) -> str:
    parts = [f"{name} = {short(arg)}" for name, arg in zip(names, args)]
    parts = [part if len(part) <= 120 else part[:117] + "..." for part in parts]
    return f"called with {', '.join(parts)}"
