"""One implementation over all inputs of an exercise: what it returned, changed, and what differs."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from ._compare import NO_GRADIENT, difference, dress, freeze, kind, misfit, short
from ._effects import Changes, Snapshot
from ._sandbox import one_line, seed

if TYPE_CHECKING:
    from ._exercise import Exercise


class Run:
    """One implementation over all inputs: what it returned, what it changed, what is compared."""

    def __init__(self, exercise: Exercise, function: Callable, expected: Run | None = None) -> None:
        self.exercise, self.function, self.cases = exercise, function, exercise.cases()
        self.expected = expected
        self.names = list(inspect.signature(exercise.reference).parameters)
        self.results: list[Any] = []
        self.seen: list[Any] = []
        self.effects: list[Changes] = []
        self.raised: BaseException | None = None  # on the input after the last one seen

    def all(self) -> None:
        try:
            for index in range(len(self.cases)):
                self.one(index)
        except Exception as error:
            self.raised = error

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
            lost = "graph" if problem is None and asks(wanted) and not asks(freeze(result)) else ""
            problem = problem or (lost and f"The result {NO_GRADIENT}") or None
            if problem and not lost and raw is not None:
                return Unusable(problem, raw)
        try:
            seen = freeze(self.exercise.observe(result, args))
        except Exception as error:  # a gradient of something that has none, for instance
            if problem:
                return Unusable(problem, raw)
            what = f"What your function returned can't be used: {one_line(error)}"
            return Unusable(what, raw, sure=False)
        if not problem:
            return seen
        other = isinstance(right, dict) and isinstance(seen, dict) and right.keys() != seen.keys()
        if other or kind(right) != kind(seen) or (not lost and differ(self.exercise, right, seen)):
            return Unusable(problem, raw)
        return seen


class Unusable(str):
    """Why `observe` could make nothing of an answer, and the answer."""

    raw: Any
    sure: bool  # is this the cause, or only what it led to?

    def __new__(cls, text: str, raw: Any = None, sure: bool = True) -> Unusable:
        self = super().__new__(cls, text)
        self.raw, self.sure = raw, sure
        return self


def asks(tree: Any) -> bool:
    """Does a tensor in it carry a graph of gradients?"""
    if isinstance(tree, list):
        return any(map(asks, tree))
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
        found["torch", "dtype"] = "Your function leaves another default dtype for the whole notebook."
    if now["device"] != before["device"]:
        torch.set_default_device(None if before["device"].type == "cpu" else before["device"])
        found["torch", "device"] = "Your function leaves another default device for the notebook."
    return found


def _kept(exercise: Exercise, key: Any, function: Callable, expected: Run | None = None) -> Run:
    """A run of the exercise's own, kept for the session."""
    if key not in exercise._runs:
        run = Run(exercise, function, expected)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run.all()
        run.cases = []
        if run.raised:
            run.raised.with_traceback(None)  # which would keep the frames and all that is in them
        exercise._runs[key] = run
    return exercise._runs[key]


def expected_run(exercise: Exercise) -> Run:
    run = _kept(exercise, "reference", exercise.reference)
    if run.raised:
        raise run.raised
    return run


def mistaken(exercise: Exercise, number: int) -> Run:
    return _kept(exercise, number, exercise.mistakes[number].wrong, expected_run(exercise))


def forbidden(exercise: Exercise, expected: Run, got: Run) -> list[Changes]:
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


def all_same(exercise: Exercise, one: list, other: list, types: str = "any") -> bool:
    return len(one) == len(other) and not any(differ(exercise, a, b, types) for a, b in zip(one, other))


def differ(exercise: Exercise, expected: Any, got: Any, types: str = "") -> str | None:
    types = types or ("strict" if exercise.strict else "ordinary")
    rtol, atol = exercise.rtol, exercise.atol
    if isinstance(got, Unusable) or isinstance(expected, Unusable):
        both = isinstance(got, Unusable) and isinstance(expected, Unusable)
        if both and expected[:90] == got[:90]:
            if difference(expected.raw, got.raw, rtol, atol, types=types) is None:
                return None
        return str(got if isinstance(got, Unusable) else expected)
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
