"""Exercises that say what is wrong, not only that it is wrong.

A reader writes a function and calls ``check("1.1", my_function)``. An `Exercise` is data: the
right implementation (the *reference*), the inputs to try, and the *mistakes*: wrong
implementations that readers really write, each with what to tell its author. `check` runs the
answer on every input and compares it with the reference; an answer that differs, but agrees with
a known mistake on all inputs, gets that mistake's message.

How to write one (9.1 in ``ch09/e1.py``, found by its name)::

    def _mean(x):                                    # the reference, named like the stub's function
        return x.mean(0)

    def _inputs(g):                                  # a new list of argument tuples at each call
        return [(torch.randn(n, 3, generator=g),) for n in (4, 7)]

    MISTAKES = [
        Mistake(lambda x: x.mean(1), "You average over pixels: average over samples."),
        Mistake(lambda x: x.sum(0), "This is the sum: how many samples are there?"),
        Mistake(lambda x: x.mean(0, keepdim=True), "One axis too many is left."),
    ]

    EXERCISE = Exercise("9.1", "The mean image", difficulty=1, minutes=5, reference=_mean,
                        inputs=_inputs, mistakes=MISTAKES)

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
  gradient): keep the keys the same for all answers, or raise. ``_gradients`` finds what reaches a
  network or a tensor; ``_networks.Small`` is a network for samples of any shape.
- An answer that is a value, not a function: give the value as ``reference`` and wrong values as
  mistakes. ``compare(expected, got) -> bool`` replaces the comparison where equality won't do.
- A stub that is broken code instead of an empty function: ``Case``, in ``clinic/``; its answers are
  judged by what a short run with them looks like.
- ``slip={"p / total": "q / total"}`` is a mistake as an edit of the solution printed in the chapter,
  for readers without a kernel: the page shows two to four such answers among the right one. What
  stands left must be there once; a test runs the edited solution, which must get this message.
- ``variant=_anew`` where a question can be asked on paper with other numbers: ``_anew(draw)`` takes
  them from a `_variant.Draw`, which an exam's seed decides, and returns question, answer and why.
- A message says what is wrong and what to do about it, and leaves the code to the reader. In it
  `this` is shown as code and *this* with emphasis; no other markup.
- ``python -m tests.exercise_mutants 9 9.1`` derives wrong and right answers from the reference and
  the printed solution, and shows those that are judged wrongly.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import os
import pkgutil
import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import _issue, _progress
from ._exercise import Exercise, Mistake
from ._grading import grade
from ._progress import Progress
from ._report import Report, shell

__all__ = ["EXERCISES", "Exercise", "Mistake", "Progress", "Report", "check", "progress"]


class _Exercises(Mapping[str, Exercise]):
    """Exercises by id, in order. The names of the files say which there are (``ch09/e3.py`` holds
    9.3, ``clinic/case03.py`` 15.3); each is imported when somebody asks for it, and not before."""

    @functools.cached_property
    def _modules(self) -> dict[str, str]:
        found = {}
        for package in pkgutil.iter_modules(__path__):
            inside = [os.path.join(path, package.name) for path in __path__]
            for module in pkgutil.iter_modules(inside):
                name = f"{package.name}.{module.name}"
                if match := re.fullmatch(r"(?:ch(\d+)\.e|clinic\.case)(\d+)", name):
                    found[int(match[1] or 15), int(match[2])] = name
        return {f"{chapter}.{number}": found[chapter, number] for chapter, number in sorted(found)}

    def __getitem__(self, exercise_id: str) -> Exercise:
        name = self._modules[exercise_id]
        exercise = importlib.import_module(f"{__name__}.{name}").EXERCISE
        if exercise.id != exercise_id:
            raise ValueError(f"{name} holds exercise {exercise.id!r}, not {exercise_id!r}")
        return exercise

    def __contains__(self, exercise_id: object) -> bool:
        return exercise_id in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __repr__(self) -> str:
        names = list(self)
        return f"<{len(names)} exercises, {names[0]} to {names[-1]}>"


#: Every exercise of the book by its id, such as ``EXERCISES["3.2"]``, in order.
#:
#: :meta hide-value:
EXERCISES: Mapping[str, Exercise] = _Exercises()
_grade = grade  # files of answers that are kept outside of this package call these two


def _registry() -> Mapping[str, Exercise]:
    return EXERCISES


def check(exercise_id: str, answer: Any) -> Report:
    """Run the reader's answer, show what was found, and return it.

    The report shows itself exactly once, with or without a semicolon after the call. Whatever the
    answer raises is reported, not raised (but for KeyboardInterrupt), and an endless loop is ended.

    Raises:
        ValueError: no exercise has this id.
    """
    if not isinstance(exercise_id, str) or exercise_id not in EXERCISES:
        near = difflib.get_close_matches(str(exercise_id), EXERCISES, 4, 0.3)
        raise ValueError(
            f"exercise_id = {exercise_id!r} is unknown; give one of the ids as text, "
            f"such as {', '.join(map(repr, near or EXERCISES))}"
        )
    exercise = EXERCISES[exercise_id]
    passed, attempted, message = grade(exercise, answer)
    mistake = None if passed else _known(exercise, message)
    if attempted:
        _progress.record(exercise.id, passed, mistake.id if mistake else None)
    running = shell()
    cell = running.execution_count if running else None
    issue = _issue.link(exercise.id, message)
    report = Report(exercise.id, exercise.title, passed, message, attempted, issue, cell)
    report._show()
    return report


def _known(exercise: Exercise, message: str) -> Mistake | None:
    """The mistake whose message a reader was told."""
    told = [mistake for mistake in exercise.mistakes if mistake.message in message]
    return max(told, key=lambda mistake: len(mistake.message), default=None)


def progress(
    folder: str | os.PathLike[str] | None = None,
    *,
    merge: str | os.PathLike[str] | None = None,
    mistakes: bool | None = None,
) -> Progress:
    """Which exercises are solved, in this session and, with a folder, across sessions.

    Name a folder once a session; from then on every passed `check` is written there at once, to
    ``gancourse-progress.json``. On Colab, whose disk is emptied after each session, take one on
    Google Drive::

        from google.colab import drive
        drive.mount("/content/drive")
        progress("/content/drive/MyDrive/gan-course")

    Args:
        folder: where to keep the progress; it is made if its parent is there.
        merge: a progress file to take in, such as one that the book's page of all exercises exported.
        mistakes: True also notes how many answers did not pass and which known mistakes they were
            (for a teacher's report, say), never your code; the file remembers that you wanted it.
            False ends that and forgets them. Nobody turns this on but you.

    Raises:
        ValueError: if the folder is a file, or there is no folder to make it in; or if ``merge``
            is no progress file of this course, or ``mistakes`` neither True nor False.
        OSError: if it can't be written to.
    """
    if mistakes is not None:
        if not isinstance(mistakes, bool):
            raise ValueError(f"mistakes={mistakes!r}; give True or False")
        _progress.note(mistakes)
    if folder is not None:
        _progress.keep(folder)
    if merge is not None:
        _progress.take_in(merge)
    solved, file, noted = _progress.solved_now()
    left = sum(EXERCISES[name].minutes for name in EXERCISES if name not in solved)
    return Progress({name: name in solved for name in EXERCISES}, left, file, noted)
