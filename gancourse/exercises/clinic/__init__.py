"""Exercises of chapter 15, The debugging clinic: twelve functions that run and are ill.

Each case holds the broken function (the stub in the notebook, word for word), the repaired one, a
bench and a run that turn a function into signs, and wrong edits. Signs are about the method and not
about the text, so that any correct repair is cured: a bench asks what can be worked out by hand.
Healthy ranges of a run were set from ten seeds of the repaired function; the recorded run
`clinic-seeds` shows five of each side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gancourse import plots

from ._case import Case, Exam, examined
from ._charts import DRAWN, log
from ._ward import critic_run, energy, frechet, ring_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    EXERCISES: list[Case]

__all__ = [
    "EXERCISES", "Exam", "Seeds", "admit", "chart", "critic_run", "energy", "frechet", "log",
    "over_seeds", "ring_run", "visit",
]  # fmt: skip


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


def visit(case_id: str, *columns: str, alt: str) -> tuple[dict[str, float], dict[str, float]]:
    """Show a patient's log, of these columns, and its chart; the signs of patient and healthy run."""
    sick, well = admit(case_id)
    if columns:
        print(log(sick, *columns))
    plots.show(chart(case_id), alt=alt)
    return sick.signs, well.signs


class Seeds(NamedTuple):
    """What `over_seeds` saw."""

    symptoms: list[str]  # signs of the run that are out of range for the patient of every seed
    cured: list[bool]  # of each repaired run: are all its signs in the healthy range?


def over_seeds(
    case_id: str, live: tuple[Exam, Exam] | None, results: Sequence[Mapping[str, Any]]
) -> Seeds:
    """A case on today's run, if there is one, and on the recorded seeds.

    live: patient and repaired, as `admit` gives them. results: of the recorded run `clinic-seeds`.

    Raises:
        ValueError: there is neither.
    """
    from .. import EXERCISES

    if live is None and not results:
        raise ValueError(f"case {case_id}: neither live exams nor results came, needed one of them")
    case = EXERCISES[case_id]
    assert isinstance(case, Case)
    patients, repaired = ([], []) if live is None else ([exam] for exam in live)
    for run in results:
        for exams, side in ((patients, "sick"), (repaired, "well")):
            signs = run[case_id][side].items()
            exams.append(Exam({k: math.nan if v is None else v for k, v in signs}))
    states = [case.states(exam) for exam in patients]
    inexact = [sign.name for sign in case.signs if not sign.exact]
    symptoms = [name for name in inexact if all(state[name] != "healthy" for state in states)]
    return Seeds(symptoms, [case.healthy(exam) for exam in repaired])
