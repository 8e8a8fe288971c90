"""Wrong answers made by machine are refused, right ones in other dress pass, chapter by chapter.

``tests/exercise_mutants.py`` makes them, and is the tool for killing a survivor. The lists in
``survivors/`` may only shrink: a listed mutant that is killed, or is no longer made, fails here.
"""

from __future__ import annotations

import pytest
import torch

from tests import exercise_mutants as mutants

torch.set_num_threads(1)
CHAPTERS = sorted({int(name.split(".")[0]) for name in mutants.printed_ids()})


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_mutants_are_refused_and_right_answers_pass(chapter, record_property):
    result, reasons = mutants.judge(chapter), mutants.listed(chapter)
    killed, of = mutants.rate(result, reasons)
    record_property("mutants", f"chapter {chapter:2}: {killed} of {of} killed")
    assert not result.refused, "right, and refused:\n" + "\n".join(result.refused)
    new = [f"{name}\n{diff}" for name, diff in result.survivors.items() if name not in reasons]
    assert not new, "pass, and are listed nowhere:\n" + "\n".join(new)
    gone = reasons.keys() - result.survivors.keys()
    assert not gone, f"listed in ch{chapter:02}.json, but not among the survivors: {sorted(gone)}"
    assert all(r == "open" or r.startswith("equivalent: ") for r in reasons.values())
    assert killed >= 0.95 * of, f"{killed} of {of} non-equivalent mutants killed"


def test_mutants_are_made_in_the_same_order_and_tell_what_they_change():
    source = "def f(x):\n    y = x.mean(0)\n    y += 1\n    return (y - x).square() < 2"
    first, again = list(mutants.mutated(source)), list(mutants.mutated(source))
    assert first == again and len({name for name, _, _ in first}) == len(first)
    names = [name.split(" | ")[0] for name, _, _ in first]
    for wanted in ("mean to sum", "statement dropped", "Sub to Add", "square dropped", "Lt to LtE",
                   "constant + 1", "sides swapped", "right side dropped"):  # fmt: skip
        assert wanted in names
    for _, diff, text in first:
        compile(text, "<mutant>", "exec")
        assert diff.startswith("@@")


def test_a_mutant_that_passes_is_seen():
    exercise = mutants.engine.Exercise(
        "t.1", "The mean", 1, 1, reference=lambda x: x.mean(0), inputs=[(torch.ones(2, 2),)] * 2
    )
    assert mutants.passes(exercise, lambda x: x.mean(1))  # the inputs can't tell them apart
    assert not mutants.passes(exercise, lambda x: x.sum(0))
    assert not mutants.passes(exercise, lambda x: 1 / 0)
