"""A clinic case: an exercise whose stub is broken code, and whose check is a lab report.

The reader edits a function that runs but is ill. `Case.probe` puts the function into a small run of
a few hundred steps and measures *signs*, each with a healthy range, as on a lab report: a repair
counts when all signs are healthy, however it is written. A wrong edit is told by the pattern of its
signs (low, healthy, high), which survives a training run's rounding better than digits do.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from gancourse.exercises import Exercise, Mistake

from ._compare import kind, untouched
from ._sandbox import TimeUp, accepts, limited, one_line, readers_line, sandbox, seed


@dataclass(frozen=True)
class Sign:
    """A number that is healthy between ``low`` and ``high``.

    What tells one wrong edit from another: of an ``exact`` sign the digits, of a ``trained`` one
    (measured after training, where rounding grows) nothing, of any other whether it is low or high.
    """

    name: str
    low: float
    high: float
    exact: bool = False
    trained: bool = False

    def state(self, value: float) -> str:
        if not math.isfinite(value):
            return "not finite"
        return "low" if value < self.low else "high" if value > self.high else "healthy"

    @property
    def range(self) -> str:
        if self.low == self.high:
            return number(self.low)
        if self.low == -math.inf:
            return f"at most {number(self.high)}"
        if self.high == math.inf:
            return f"at least {number(self.low)}"
        return f"{number(self.low)} to {number(self.high)}"


@dataclass
class Exam:
    """What a probe saw: signs by name, curves over the run, and pictures (tensors) by name."""

    signs: dict[str, float]
    curves: dict[str, list[float]] = field(default_factory=dict)
    pictures: dict[str, Any] = field(default_factory=dict)
    fingerprint: list[float] = field(default_factory=list)  # tells wrong edits apart, not shown


class Unusable(ValueError):
    """What the reader's function returned is of no use to the probe; says why."""


@dataclass(frozen=True)
class Case(Exercise):
    """An exercise of the clinic: ``broken`` is its stub, ``reference`` the repaired function."""

    broken: Callable = lambda: None
    probe: Callable[[Callable, int], Exam] = lambda function, seed: Exam({})
    signs: tuple[Sign, ...] = ()
    symptom: str = ""  # one sentence: what is still to be seen when nothing was repaired
    seconds: float = 30.0

    def examine(self, function: Callable, run_seed: int = 0) -> Exam:
        """Run the probe; the notebook's random generators are left as they were."""
        with sandbox(), torch.enable_grad():
            seed(run_seed)
            exam = self.probe(function, run_seed)
        if exam.signs.keys() != {sign.name for sign in self.signs}:
            raise KeyError(f"case {self.id}: {list(exam.signs)} measured")
        return exam

    def states(self, exam: Exam) -> dict[str, str]:
        return {sign.name: sign.state(exam.signs[sign.name]) for sign in self.signs}

    def report(self, exam: Exam) -> str:
        """The lab report: a line for each sign."""
        rows = [("sign", "yours", "healthy", "")]
        for sign in self.signs:
            value, state = exam.signs[sign.name], self.states(exam)[sign.name]
            rows.append((sign.name, number(value), sign.range, "" if state == "healthy" else state))
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        return "\n".join(
            f"  {row[0]:{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:{widths[2]}}  {row[3]}".rstrip()
            for row in rows
        )

    def grade(self, answer: Any) -> tuple[bool, bool, str]:
        """(passed, attempted, message). Not attempted, with a message: nothing has changed."""
        if untouched(answer):
            return False, False, ""
        names = list(inspect.signature(self.broken).parameters)
        if not callable(answer):
            return False, True, f"check wants the function itself, not its result ({kind(answer)})."
        if not accepts(answer, tuple(names)):
            return False, True, f"Your function must take the arguments ({', '.join(names)})."
        exams: list[Exam] = []
        try:
            limited(lambda: exams.append(self._exam(answer)), self.seconds)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return False, True, self._raised(error, answer)
        exam = exams[0]
        if set(self.states(exam).values()) == {"healthy"}:
            return True, True, f"Cured: all signs are healthy.\n{self.report(exam)}"
        if self._alike(exam, self.broken):
            told = f"The patient is unchanged. {self.symptom}\n{self.report(exam)}"
            return False, False, told
        named = next((m.message for m in self.mistakes if self._alike(exam, m.wrong)), None)
        if named is None and self._only_the_run(exam):
            return self._other_seeds(answer, exam)
        told = named or "The patient has changed, and is not well yet: see the last column."
        return False, True, f"{told}\n{self.report(exam)}"

    def _only_the_run(self, exam: Exam) -> bool:
        """Is all that is measured outside the training run healthy?"""
        states = self.states(exam)
        return all(states[sign.name] == "healthy" for sign in self.signs if not sign.trained)

    def _other_seeds(self, answer: Callable, exam: Exam) -> tuple[bool, bool, str]:
        """A right step may meet a bad seed (of 24 healthy rings one ended badly): try two more."""
        others: list[Exam] = []
        try:
            limited(lambda: others.extend(self.examine(answer, k) for k in (1, 2)), self.seconds)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return False, True, self._raised(error, answer)
        if all(set(self.states(other).values()) == {"healthy"} for other in others):
            told = "Cured. The run of seed 0 ended badly, by bad luck: seeds 1 and 2 are healthy."
            return True, True, f"{told} Seed 1:\n{self.report(others[0])}"
        told = "The arithmetic is right, but the run is not well, and on seeds 1 and 2 neither."
        if any(set(self.states(other).values()) == {"healthy"} for other in others):
            told = "The arithmetic is right, but only one run of three (seeds 0, 1, 2) ends well."
        return False, True, f"{told} Seed 0:\n{self.report(exam)}"

    def _exam(self, answer: Callable) -> Exam:
        own = (self.reference, self.broken, *(mistake.wrong for mistake in self.mistakes))
        kept = examined(self, answer) if any(answer is function for function in own) else None
        return kept if isinstance(kept, Exam) else self.examine(answer)

    def _raised(self, error: BaseException, answer: Callable) -> str:
        if isinstance(error, TimeUp):
            return f"Your function did not finish within {self.seconds:g} s: an endless loop?"
        text = one_line(error)
        own = isinstance(error, Unusable)
        lines = [str(error)] if own else [f"Your function raised {text}"]
        if not own:
            lines += readers_line(error, answer)
            text = text[:50]  # shapes and numbers come after it
        for mistake in self.mistakes:
            other = examined(self, mistake.wrong)
            if isinstance(other, str) and other[: len(text)] == text:
                lines.append(mistake.message)
                break
        return "\n".join(lines)

    def _alike(self, exam: Exam, function: Callable) -> bool:
        """Does the function leave the same marks? See `Sign`."""
        other = examined(self, function)
        if isinstance(other, str):
            return False
        pairs = list(zip(exam.fingerprint, other.fingerprint))
        for sign in self.signs:
            mine, theirs = exam.signs[sign.name], other.signs[sign.name]
            if not sign.trained and sign.state(mine) != sign.state(theirs):
                return False
            if sign.exact and math.isfinite(mine):
                pairs.append((mine, theirs))
        return all(math.isclose(a, b, rel_tol=0.02, abs_tol=1e-4) for a, b in pairs)


_EXAMS: dict[tuple[str, Callable], Exam | str] = {}


def examined(case: Case, function: Callable) -> Exam | str:
    """The exam of one of the clinic's own functions, or what it raised. Once a session."""
    key = case.id, function
    if key not in _EXAMS:
        try:
            _EXAMS[key] = case.examine(function)
        except Exception as error:
            _EXAMS[key] = one_line(error)
    return _EXAMS[key]


def number(value: float) -> str:
    """Three digits, without an exponent where it can be helped."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value:g}"
    size = abs(value)
    if size >= 1e5 or 0 < size < 1e-3:
        return f"{value:.0e}"
    return f"{value:,.0f}" if size >= 100 else f"{value:.3g}"


__all__ = ["Case", "Exam", "Mistake", "Sign", "Unusable"]
