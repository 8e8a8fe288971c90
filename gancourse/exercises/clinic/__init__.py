"""Exercises of chapter 15, The debugging clinic: twelve functions that run and are ill.

Each case holds the broken function (the stub in the notebook, word for word), the repaired one, a
bench and a run that turn a function into signs, and wrong edits. Signs are about the method and not
about the text, so that any correct repair is cured: a bench asks what can be worked out by hand.
Healthy ranges of a run were set from ten seeds of the repaired function; the recorded run
`clinic-seeds` shows five of each side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._case import Case, Exam, examined
from ._charts import DRAWN, log
from ._ward import critic_run, energy, frechet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    EXERCISES: list[Case]

__all__ = ["EXERCISES", "Exam", "admit", "chart", "critic_run", "energy", "frechet", "log"]


def __getattr__(name: str) -> Any:
    if name == "EXERCISES":  # all twelve cases, imported when somebody asks
        from .. import EXERCISES

        return [EXERCISES[case_id] for case_id in EXERCISES if case_id.startswith("15.")]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def admit(case_id: str) -> tuple[Exam, Exam]:
    """The exams of the broken function and of the repaired one. Run once a session."""
    from .. import EXERCISES

    case = EXERCISES[case_id]
    assert isinstance(case, Case)
    sick, well = examined(case, case.broken), examined(case, case.reference)
    assert isinstance(sick, Exam) and isinstance(well, Exam), (sick, well)
    return sick, well


def chart(case_id: str) -> Figure:
    """The patient's chart: its curves and samples beside those of a healthy run."""
    return DRAWN[case_id](*admit(case_id))
