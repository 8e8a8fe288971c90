"""What an exercise is, as data; the package's docstring says how to write one."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from . import _grading
from ._compare import untouched
from ._sandbox import seed
from ._variant import Make


@dataclass(frozen=True)
class Mistake:
    """A wrong implementation (or a wrong value), and what to tell the reader who wrote it.

    ``slip`` makes the printed solution into this mistake: text that stands there once -> what a
    reader writes instead. The built page asks who has no kernel to tell such answers from the right
    one.
    """

    wrong: Any
    message: str
    slip: Mapping[str, str] | None = None

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that follow from its message, so that a mistake may move within
        its list; progress files, the book's pages and a class's report call it so."""
        return hashlib.sha256(self.message.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Exercise:
    """One exercise, as data; the package's docstring says how to write one."""

    id: str
    title: str
    difficulty: int  # 1 to 3: ●○○ to ●●●
    minutes: int
    reference: Any  # the right function, or the right value
    inputs: Callable[[torch.Generator], Sequence] | Sequence = ()
    mistakes: Sequence[Mistake] = ()
    rtol: float = 1e-4
    atol: float = 1e-6
    seconds: float = 5.0  # of computing, for all inputs together
    observe: Callable[[Any, tuple], Any] | None = None
    compare: Callable[[Any, Any], bool] | None = None
    parts: Sequence[str] = ()  # names of the parts of a result that is a tuple
    may_change: Sequence[str] = ()  # arguments that an answer may change though the reference won't
    strict: bool = False  # dtype and container must be the reference's
    variant: Make | None = None  # the same question with new numbers, for an exam on paper
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
            return _grading.of_function(self, answer)
        return _grading.of_value(self, answer)
