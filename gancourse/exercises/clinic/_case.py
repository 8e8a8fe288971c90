"""A clinic case: an exercise whose stub is broken code, and whose check is a lab report.

The reader edits a function that runs but is ill. `Case.bench` puts the function on the bench, where
everything can be worked out by hand; `Case.run` puts it into a small run of a few hundred steps.
Both measure *signs*, each with a healthy range, as on a lab report: a repair counts when all signs
are healthy, however it is written. A listed wrong edit is recognised by what it does on the bench,
in a few milliseconds; of an edit that nobody foresaw the first sign out of range says what is wrong.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .. import Exercise, Mistake
from .._compare import untouched
from .._grading import failed, uncallable, unmatched
from .._issue import Unmatched
from .._limit import TimeUp, limited
from .._sandbox import one_line, sandbox, seed


@dataclass(frozen=True)
class Sign:
    """A number that is healthy between ``low`` and ``high``.

    What tells one wrong edit from another: of an ``exact`` sign the digits, of a ``trained`` one
    (measured after training, where rounding grows) nothing, of any other whether it is low or high.
    ``too_low`` and ``too_high`` say what such a value means, and what to do about it.
    """

    name: str
    low: float
    high: float
    exact: bool = False
    trained: bool = False
    too_low: str = ""
    too_high: str = ""

    def state(self, value: float) -> str:
        if not math.isfinite(value):
            return "not finite"
        return "low" if value < self.low else "high" if value > self.high else "healthy"

    def advice(self, value: float) -> str:
        state = self.state(value)
        if state == "not finite":
            return f"A number that should be finite is not ({self.name})."
        return {"low": self.too_low, "high": self.too_high}.get(state, "")

    @property
    def range(self) -> str:
        if number(self.low) == number(self.high):
            return number(self.low)
        if self.low == -math.inf:
            return f"at most {number(self.high)}"
        if self.high == math.inf:
            return f"at least {number(self.low)}"
        return f"{number(self.low)} to {number(self.high)}"


@dataclass
class Exam:
    """What was seen: signs by name, curves over the run, and pictures (tensors) by name."""

    signs: dict[str, float]
    curves: dict[str, list[float]] = field(default_factory=dict)
    pictures: dict[str, Any] = field(default_factory=dict)
    fingerprint: list[float] = field(default_factory=list)  # tells wrong edits apart, not shown

    def and_then(self, later: Exam) -> Exam:
        return Exam(
            self.signs | later.signs,
            self.curves | later.curves,
            self.pictures | later.pictures,
            self.fingerprint,
        )


class Unusable(ValueError):
    """What the reader's function returned is of no use to the probe; says why."""


@dataclass(frozen=True)
class Case(Exercise):
    """An exercise of the clinic: ``broken`` is its stub, ``reference`` the repaired function.

    For who answers on the built page: ``diagnosis`` is the right one of the candidates that the
    chapter names, and ``ill`` the stub's line that is at fault; "" where something is missing.
    """

    broken: Callable = lambda: None
    bench: Callable[[Callable, int], Exam] = lambda function, seed: Exam({})  # milliseconds
    run: Callable[[Callable, int], Exam] = lambda function, seed: Exam({})  # half a second
    second_run: Callable[[Callable, int], Exam] | None = None  # for seeds 1 and 2; as `run` if None
    signs: tuple[Sign, ...] = ()
    symptom: str = ""  # one sentence: what is still to be seen when nothing was repaired
    diagnosis: str = ""
    ill: str = ""
    seconds: float = 15.0

    def examine(
        self,
        function: Callable,
        run_seed: int = 0,
        run: Callable[[Callable, int], Exam] | None = None,
    ) -> Exam:
        """Bench and run; the notebook's random generators are left as they were."""
        exam = self.on_the_bench(function, run_seed)
        with sandbox():
            seed(run_seed)
            exam = exam.and_then((run or self.run)(function, run_seed))
        if exam.signs.keys() != {sign.name for sign in self.signs}:
            raise KeyError(f"case {self.id}: {list(exam.signs)} measured")
        return exam

    def on_the_bench(self, function: Callable, run_seed: int = 0) -> Exam:
        with sandbox():
            seed(run_seed)
            return self.bench(function, run_seed)

    def states(self, exam: Exam) -> dict[str, str]:
        return {sign.name: sign.state(exam.signs[sign.name]) for sign in self.signs}

    def healthy(self, exam: Exam, trained: bool = True) -> bool:
        """Are all signs in range? With ``trained=False``: all that no training run is needed for."""
        signs = [sign for sign in self.signs if trained or not sign.trained]
        return all(sign.state(exam.signs[sign.name]) == "healthy" for sign in signs)

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
        if problem := uncallable(self, answer, names, tuple(names)):
            return False, True, problem
        exams: list[Exam] = []
        error = limited(lambda: exams.append(self._exam(answer)), self.seconds)
        if error is not None:
            return False, True, self._raised(error, answer)
        exam = exams[0]
        if self.healthy(exam):
            return True, True, f"Cured: all signs are healthy.\n{self.report(exam)}"
        if self._alike(exam, self.broken) and self._runs_like_the_patient(exam):
            told = f"{self.symptom}\n{self.report(exam)}"
            if rewritten(answer, self.broken):
                return False, True, f"Your edit changes nothing that the lab can measure. {told}"
            return False, False, f"The patient is unchanged. {told}"
        named = next((m.message for m in self.mistakes if self._alike(exam, m.wrong)), None)
        if named is None and self.healthy(exam, trained=False):
            return self._other_seeds(answer, exam)
        advice = self._advice(exam) or "See the last column."
        told = named or f"The patient has changed, and is not well yet. {advice}"
        told = f"{told}\n{self.report(exam)}"
        return False, True, told if named else Unmatched(told)

    def _advice(self, exam: Exam) -> str:
        """What the first sign out of range means; "" where none says."""
        return next(filter(None, (sign.advice(exam.signs[sign.name]) for sign in self.signs)), "")

    def _runs_like_the_patient(self, exam: Exam) -> bool:
        """Has nothing changed in the run, either? Else the report would contradict the verdict."""
        sick = examined(self, self.broken)
        return isinstance(sick, Exam) and self.states(exam) == self.states(sick)

    def _other_seeds(self, answer: Callable, exam: Exam) -> tuple[bool, bool, str]:
        """A right step may meet a bad seed (of 24 healthy rings one ended badly): try two more.

        Where a right answer can be of another temper than the reference, `second_run` is calmer.
        """
        others: list[Exam] = []
        calmer = ", with a slower generator" if self.second_run else ""
        print(f"The run of seed 0 ended badly. Examining seeds 1 and 2{calmer} ...", flush=True)
        error = limited(
            lambda: others.extend(self.examine(answer, k, self.second_run) for k in (1, 2)),
            self.seconds,
        )
        if error is not None:
            return False, True, self._raised(error, answer)
        if all(map(self.healthy, others)):
            told = "Cured. The run of seed 0 ended badly, by bad luck: seeds 1 and 2 are healthy."
            if self.second_run:
                told = (
                    "Cured. The run of seed 0 ended badly: your loss is of another temper. With a "
                    "slower generator seeds 1 and 2 are healthy."
                )
            return True, True, f"{told} Seed 1:\n{self.report(others[0])}"
        told = "What is measured outside the run is healthy, and the run is not, on seeds 0, 1 and 2."
        if any(map(self.healthy, others)):
            told = (
                "What is measured outside the run is healthy, but only one run of three "
                "(seeds 0, 1, 2) ends well."
            )
        told = f"{told} {self._advice(exam)}".rstrip()
        return False, True, f"{told} Seed 0:\n{self.report(exam)}"

    def _exam(self, answer: Callable) -> Exam:
        own = (self.reference, self.broken, *(mistake.wrong for mistake in self.mistakes))
        kept = examined(self, answer) if any(answer is function for function in own) else None
        return kept if isinstance(kept, Exam) else self.examine(answer)

    def _raised(self, error: BaseException, answer: Callable) -> str:
        if isinstance(error, TimeUp):
            return "\n".join(failed(error, answer))
        own = isinstance(error, Unusable)
        lines = [str(error)] if own else failed(error, answer)
        text = one_line(error)
        if not own:
            text = text[:50]  # shapes and numbers come after it
        for mistake in self.mistakes:
            other = benched(self, mistake.wrong)
            if isinstance(other, str) and other[: len(text)] == text:
                return "\n".join([*lines, mistake.message])
        told = "\n".join(lines)
        return told if own else unmatched(told, error)

    def _alike(self, exam: Exam, function: Callable) -> bool:
        """Does the function leave the same marks on the bench? See `Sign`."""
        other = benched(self, function)
        if isinstance(other, str):
            return False
        pairs = list(zip(exam.fingerprint, other.fingerprint))
        for sign in self.signs:
            if sign.trained:
                continue
            mine, theirs = exam.signs[sign.name], other.signs[sign.name]
            if sign.state(mine) != sign.state(theirs):
                return False
            if sign.exact and math.isfinite(mine):
                pairs.append((mine, theirs))
        return all(math.isclose(a, b, rel_tol=0.02, abs_tol=1e-4) for a, b in pairs)


def body(source: str) -> list[str]:
    """Arguments and statements of a function as they are written, without its docstring."""
    written = next(n for n in ast.parse(textwrap.dedent(source)).body if isinstance(n, ast.FunctionDef))
    told = ast.get_docstring(written) is not None
    return [ast.dump(written.args), *map(ast.dump, written.body[told:])]


def rewritten(answer: Callable, patient: Callable) -> bool:
    """Does the source say something else than the patient's? No where it is not to be had."""
    try:
        return body(inspect.getsource(answer)) != body(inspect.getsource(patient))
    except (OSError, TypeError, SyntaxError, StopIteration):
        return False


def examined(case: Case, function: Callable) -> Exam | str:
    """The exam of one of the clinic's own functions, or what it raised. Once a session."""
    return _once(case, case.examine, function)


def benched(case: Case, function: Callable) -> Exam | str:
    """The same without the run: enough to compare an answer with, and there at once."""
    return _once(case, case.on_the_bench, function)


def _once(case: Case, look: Callable[[Callable], Exam], function: Callable) -> Exam | str:
    key = look.__name__, function
    if key not in case._runs:
        try:
            case._runs[key] = look(function)
        except Exception as error:
            case._runs[key] = one_line(error)
    return case._runs[key]


def number(value: float) -> str:
    """Three digits, without an exponent where it can be helped."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value:g}"
    size = abs(value)
    if size >= 1e5 or 0 < size < 1e-3:
        return f"{value:.0e}"
    return f"{value:,.0f}" if size >= 100 else f"{value:.3g}"


__all__ = ["Case", "Exam", "Mistake", "Sign", "Unusable"]
