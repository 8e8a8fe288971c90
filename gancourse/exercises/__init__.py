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
- A message says what is wrong and what to do about it, and leaves the code to the reader.
"""

from __future__ import annotations

import copy
import ctypes
import difflib
import functools
import html
import importlib
import inspect
import math
import pkgutil
import random
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["EXERCISES", "Exercise", "Mistake", "Report", "check"]


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
        _seed(0)
        made = (
            self.inputs(torch.Generator().manual_seed(0))
            if callable(self.inputs)
            else copy.deepcopy(list(self.inputs))
        )
        return [args if isinstance(args, tuple) else (args,) for args in made]


@dataclass(frozen=True)
class Report:
    """What `check` found. It has been shown already; ``print(report)`` shows it again."""

    exercise_id: str
    title: str
    passed: bool
    message: str
    attempted: bool = True
    _cell: int | None = field(default=None, repr=False, compare=False)

    @property
    def headline(self) -> str:
        state = "passed" if self.passed else "not yet" if self.attempted else "not attempted yet"
        return f"Exercise {self.exercise_id}: {state}"

    def __str__(self) -> str:
        indented = "".join(f"\n  {line}" for line in self.message.splitlines())
        return self.headline + indented

    def _repr_html_(self) -> str:
        # Colors only in the bar, so that the text follows the page's theme; words carry the state.
        mark, color = ("✓", "#009E73") if self.passed else ("✗", "#D55E00")
        if not self.attempted:
            mark, color = "○", "#777777"
        body = "".join(
            f'<pre style="margin:.2em 0;padding:0;background:none;border:0;color:inherit;'
            f'box-shadow:none;white-space:pre-wrap">{html.escape(line)}</pre>'
            if line.startswith("  ")
            else f'<p style="margin:.2em 0">{html.escape(line)}</p>'
            for line in self.message.splitlines()
        )
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
    report = Report(
        exercise_id, exercises[exercise_id].title, passed, message, attempted,
        _cell=shell.execution_count if shell else None,
    )  # fmt: skip
    report._show()
    return report


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


# --- grading: each step is one question, in the order in which a teacher would ask it -------------


def _grade(exercise: Exercise, answer: Any) -> tuple[bool, bool, str]:
    """(passed, attempted, message)"""
    if _untouched(answer):
        return False, False, ""
    if not callable(exercise.reference):
        return _grade_value(exercise, answer)
    names = _parameters(exercise.reference)
    if not callable(answer):
        return False, True, (
            f"check wants the function itself, not its result (got {_kind(answer)}): "
            f'check("{exercise.id}", your_function).'
        )  # fmt: skip
    with _sandbox():
        expected = _Run(exercise, exercise.reference)
        expected.all()
        got = _Run(exercise, answer)
        if not _accepts(answer, got.cases[0]):
            return False, True, f"Your function must take the arguments ({', '.join(names)})."
        try:
            _limited(got.all, exercise.seconds)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            late = isinstance(error, _TimeUp)
            what = f"did not finish within {exercise.seconds:g} s: is there a loop that never ends?"
            what = f"Your function {what if late else 'raised ' + _one_line(error)}"
            where = _readers_line(error, answer)
            given = _arguments(names, exercise.cases()[len(got.seen)])
            why = None if late else _named(exercise, got, error)
            return False, True, "\n".join(filter(None, [what, where, why or f"called with {given}"]))

        # A function that works on its arguments may return None; a stub returns "...".
        blank = (...,) if exercise.observe else (None, ...)
        if all(_untouched(result, blank) for result in got.results):
            return False, False, ""

        differences = [_differ(exercise, e, g) for e, g in zip(expected.seen, got.seen)]
        if not any(differences):
            count = len(got.seen)
            return True, True, f"Correct on {count} inputs."
        if message := _named(exercise, got):
            return False, True, message
        first = next(i for i, difference in enumerate(differences) if difference)
        constant = _constant(got.results) and not _constant(expected.results)
        if constant and "NaN" not in differences[first]:
            return False, True, (
                f"Your function returns the same for every input ({_short(got.results[0])}): "
                f"the result must depend on {', '.join(names)}."
            )
        given = _arguments(names, exercise.cases()[first])
        return False, True, f"{differences[first]}\ncalled with {given}"


def _grade_value(exercise: Exercise, answer: Any) -> tuple[bool, bool, str]:
    if callable(answer):
        return False, True, "This exercise wants a value, not a function."
    got = _freeze(answer)
    if isinstance(got, float) and math.isnan(got):
        return False, True, "Your answer is NaN (not a number)."
    if not _differ(exercise, _freeze(exercise.reference), got):
        return True, True, "Correct."
    for mistake in exercise.mistakes:
        if not _differ(exercise, _freeze(mistake.wrong), got, exact_types=False):
            return False, True, mistake.message
    if isinstance(exercise.reference, str):
        values = sorted({exercise.reference, *(str(m.wrong) for m in exercise.mistakes)})
        return False, True, f"{_short(got)} is none of the choices: {', '.join(values)}."
    if _kind(got) != _kind(exercise.reference):
        kinds = f"Your answer is {_kind(got)}; it should be {_kind(exercise.reference)}."
        return False, True, kinds
    return False, True, f"{_short(got)} is not it."


class _Run:
    """One implementation over all inputs: what it returned, and what is compared."""

    def __init__(self, exercise: Exercise, function: Callable) -> None:
        self.exercise, self.function, self.cases = exercise, function, exercise.cases()
        self.results: list[Any] = []
        self.seen: list[Any] = []

    def all(self) -> None:
        for index, args in enumerate(self.cases):
            _seed(index)
            with torch.enable_grad():
                result = self.function(*args)
                self.results.append(_freeze(result))
                observe = self.exercise.observe
                self.seen.append(_freeze(observe(result, args) if observe else result))


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
        if (raised and _one_line(raised)[:50]) == (error and _one_line(error)[:50]) and _same(
            exercise, wrong.seen, got.seen
        ):
            return mistake.message
    return None


def _same(exercise: Exercise, one: list, other: list) -> bool:
    return len(one) == len(other) and not any(
        _differ(exercise, a, b, exact_types=False) for a, b in zip(one, other)
    )


def _differ(exercise: Exercise, expected: Any, got: Any, exact_types: bool = True) -> str | None:
    if exercise.compare:
        different = not exercise.compare(expected, got)
        return f"  expected  {_short(expected)}\n  got       {_short(got)}" if different else None
    return _difference(expected, got, exercise.rtol, exercise.atol, "", exact_types)


def _constant(results: list) -> bool:
    first = results[0]
    return (
        len(results) > 1
        and not _untouched(first)
        and not any(_difference(first, other, 0.0, 0.0, "", True) for other in results[1:])
    )


# --- comparing trees of tensors, numbers and text ------------------------------------------------


def _freeze(tree: Any) -> Any:
    """A copy that later calls cannot change; modules become their state."""
    if isinstance(tree, nn.Module):
        tree = tree.state_dict()
    if isinstance(tree, Tensor):
        return tree.detach().clone().requires_grad_(tree.requires_grad)
    if isinstance(tree, np.ndarray):
        return tree.copy()
    if isinstance(tree, np.generic):
        return tree.item()
    if isinstance(tree, dict):
        return {key: _freeze(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_freeze(value) for value in tree]
    return tree


def _untouched(tree: Any, blank: tuple = (None, ...)) -> bool:
    if isinstance(tree, (dict, list, tuple)):
        values = list(tree.values()) if isinstance(tree, dict) else list(tree)
        return bool(values) and all(_untouched(value, blank) for value in values)
    return any(tree is mark for mark in blank)


def _kind(value: Any) -> str:
    if value is ...:
        return "still ..."
    if isinstance(value, bool):
        return "a bool"
    if isinstance(value, (int, float)) or (isinstance(value, Tensor) and value.ndim == 0):
        return "a number"  # a scalar tensor and a Python number count as the same thing
    names = {Tensor: "a tensor", np.ndarray: "a numpy array", dict: "a dict", list: "a sequence"}
    names |= {tuple: "a sequence", str: "text", type(None): "None"}
    article = "an" if type(value).__name__[0].lower() in "aeiou" else "a"
    return next((n for t, n in names.items() if isinstance(value, t)),
                f"{article} {type(value).__name__}")  # fmt: skip


def _difference(
    expected: Any, got: Any, rtol: float, atol: float, path: str, exact_types: bool
) -> str | None:
    """What differs first, in words, or None."""
    where = path or "The result"

    def inside(a: Any, b: Any, key: Any) -> str | None:
        name = f"{path}[{key!r}]" if path or not isinstance(key, str) else key
        return _difference(a, b, rtol, atol, name, exact_types)

    if _kind(expected) != _kind(got):
        hint = " (is a `return` missing?)" if got is None and not path else ""
        return f"{where} is {_kind(got)}; it should be {_kind(expected)}{hint}."
    if isinstance(expected, dict):
        missing, extra = [k for k in expected if k not in got], [k for k in got if k not in expected]
        if missing or extra:
            keys, verb = (missing, "lacks") if missing else (extra, "should not have")
            return f"{where} {verb} {', '.join(map(repr, keys))}."
        return next(filter(None, (inside(expected[k], got[k], k) for k in expected)), None)
    if isinstance(expected, list):
        if len(expected) != len(got):
            return f"{where} has {len(got)} parts; it should have {len(expected)}."
        return next(filter(None, (inside(*ab, i) for i, ab in enumerate(zip(expected, got)))), None)
    if not isinstance(expected, (Tensor, np.ndarray, int, float)):
        same = expected.strip().casefold() == got.strip().casefold() if isinstance(
            expected, str) else bool(expected == got)  # fmt: skip
        return None if same else f"{where}: expected {_short(expected)}, got {_short(got)}"

    a, b = torch.as_tensor(expected).detach(), torch.as_tensor(got).detach()
    if a.shape != b.shape:
        return f"{where} has shape {tuple(b.shape)}; it should be {tuple(a.shape)}."
    both_typed = isinstance(expected, Tensor) and isinstance(got, Tensor)
    if both_typed and exact_types and (a.is_floating_point(), a.is_complex()) != (
            b.is_floating_point(), b.is_complex()):  # fmt: skip
        return f"{where} has dtype {_dtype(b)}; it should be {_dtype(a)}."
    wide = torch.complex128 if a.is_complex() or b.is_complex() else torch.float64
    x, y = a.cpu().to(wide), b.cpu().to(wide)
    close = torch.isclose(y, x, rtol=rtol, atol=atol, equal_nan=True)
    if not close.all():
        return _values(where, x, y, ~close)
    if exact_types and both_typed and a.dtype != b.dtype:
        return f"{where} has the right values, but dtype {_dtype(b)}; it should be {_dtype(a)}."
    if isinstance(expected, Tensor) and expected.requires_grad and not (
            isinstance(got, Tensor) and got.requires_grad):  # fmt: skip
        return (f"{where} has the right value, but carries no gradient "
                "(look for .item(), .detach(), no_grad or a new tensor on the way).")  # fmt: skip
    return None


def _values(where: str, expected: Tensor, got: Tensor, wrong: Tensor) -> str:
    n = expected.numel()
    for name, test in (("NaN (not a number)", torch.isnan), ("infinite", torch.isinf)):
        if bad := int((test(got) & ~test(expected)).sum()):
            verb = "is" if n == 1 else f"has {bad} of {n} values that {'is' if bad == 1 else 'are'}"
            title = f"{where} {verb} {name}."
            break
    else:
        title = f"{where} is not right" + (f": {int(wrong.sum())} of {n} values differ." * (n > 1))
    if n > 8:
        index = tuple(int(i) for i in wrong.nonzero()[0])
        title += f" The first is at {list(index)}:"
        expected, got = expected[index], got[index]
    return f"{title}\n  expected  {_short(expected)}\n  got       {_short(got)}"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _short(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, (Tensor, np.ndarray)):
        value = torch.as_tensor(value).detach().cpu()
        if value.numel() > 8:
            return f"{_dtype(value)} tensor of shape {tuple(value.shape)}"
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_short, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_short, value)) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_short(item)}" for key, item in value.items()) + "}"
    if value is None or isinstance(value, (str, int)):
        return repr(value)
    return "..." if value is ... else getattr(value, "__name__", type(value).__name__)


def _arguments(names: list[str], args: tuple) -> str:
    parts = [f"{name} = {_short(arg)}" for name, arg in zip(names, args)]
    return ", ".join(part if len(part) <= 120 else part[:117] + "..." for part in parts)


# --- running a stranger's code ---------------------------------------------------------------------


def _parameters(function: Callable) -> list[str]:
    return list(inspect.signature(function).parameters)


def _accepts(function: Callable, args: tuple) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return True
    try:
        signature.bind(*args)
    except TypeError:
        return False
    return True


def _one_line(error: BaseException) -> str:
    try:
        text = str(error).strip().split("\n")[0]
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__


def _readers_line(error: BaseException, answer: Callable) -> str:
    """Line number and text of the reader's own line at which an exception came out."""
    code = getattr(inspect.unwrap(answer), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if code and f.filename == code.co_filename and f.filename != __file__]
    if not own:  # a class or a partial: the last line that is not a library's
        own = [f for f in frames if "site-packages" not in f.filename and f.filename != __file__]
    return f"  line {own[-1].lineno}: {own[-1].line}" if own else ""


def _shell() -> Any:
    """The IPython shell, where there is one. Never imports IPython."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module and hasattr(module, "get_ipython") else None


def _seed(seed: int) -> None:
    # Not torch.manual_seed: before CUDA starts, that would queue a seed for the whole notebook.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed)
    random.seed(seed)


@contextmanager
def _sandbox() -> Iterator[None]:
    """Leave the global generators and the gradient mode as they were found."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    grad = torch.is_grad_enabled()
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        torch.set_rng_state(state[0])
        np.random.set_state(state[1])
        random.setstate(state[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


class _TimeUp(BaseException):
    """Not an Exception, so that `except Exception` in an answer lets it pass."""


def _limited(work: Callable[[], None], seconds: float) -> None:
    """Run `work`; raise _TimeUp when it takes longer. A single long call into C is waited for."""
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        return _limited_in_thread(work, seconds)
    armed = True

    def ring(*_: Any) -> None:
        if armed:
            raise _TimeUp

    began, handler = time.monotonic(), signal.signal(signal.SIGALRM, ring)
    delay, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        work()
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
        if delay:  # somebody else's alarm (pytest-timeout) goes on
            left = max(delay - (time.monotonic() - began), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def _limited_in_thread(work: Callable[[], None], seconds: float) -> None:
    """The same where no signal can be had: Windows, or a kernel that runs cells in a thread."""
    raised: list[BaseException] = []

    def target() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    worker = threading.Thread(target=target, daemon=True)
    worker.start()
    end, exception = time.monotonic() + seconds, _TimeUp
    try:
        while worker.is_alive() and time.monotonic() < end:
            worker.join(0.05)
    except KeyboardInterrupt:
        end, exception = 0.0, KeyboardInterrupt
        raise
    finally:
        tries = 0
        while worker.is_alive() and tries < 20:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(worker.ident or 0), ctypes.py_object(exception)
            )
            worker.join(0.1)
            tries += 1
    if raised or worker.is_alive():
        raise raised[0] if raised else _TimeUp()
