"""Every exercise, as a reader meets it: its stub, its solution, its mistakes."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest
import torch

import gancourse.exercises as engine
from gancourse.exercises import (
    EXERCISES,
    _compare,
    _grading,
    _run,
    _sandbox,
    check,
)
from scripts import practice
from tests.exercise_help import (
    CASES,
    FUNCTIONS,
    INTERNAL,
    ORDINARY,
    ROOT,
    VALUES,
    per_sample,
    printed,
    printed_ids,
    run_cell,
)

torch.set_num_threads(1)


@pytest.mark.parametrize("name", printed_ids())
def test_printed_exercise_is_registered_and_says_the_same(name):
    assert name in EXERCISES, (
        f"{printed(name).notebook} prints {name}; gancourse/exercises has no file for it"
    )
    page, exercise = printed(name), EXERCISES[name]
    assert (page.title, page.difficulty, page.minutes) == (
        exercise.title, exercise.difficulty, exercise.minutes,
    )  # fmt: skip
    assert page.folded >= 1, "give at least one hint, folded"


@pytest.mark.parametrize("name", EXERCISES)
def test_registered_exercise_is_printed(name):
    chapter = name.split(".")[0].zfill(2)
    if not list((ROOT / "book").glob(f"{chapter}-*.ipynb")):
        pytest.skip(f"no notebook of chapter {chapter} yet")
    assert name in printed_ids()


@pytest.mark.parametrize("name", printed_ids())
def test_printed_solution_passes(name):
    page = printed(name)
    asked, answer = run_cell(page.stub, page.solution)
    passed, _, message = engine.grade(EXERCISES[name], answer)
    assert asked == name and passed, message


@pytest.mark.parametrize("name", [*FUNCTIONS, *CASES])
def test_each_answer_that_the_page_offers_gets_what_the_page_says(name):
    """Who has no kernel sees a mistake as code: that code, run, is this mistake and no other."""
    offered = practice.slips(name)
    written = {mistake.message for mistake in EXERCISES[name].mistakes if mistake.slip}
    assert 2 <= len(offered) == len(written), f"{len(written)} of at most {practice.MOST}"
    assert printed(name).solution not in [code for _, code in offered]
    for mistake, code in offered:
        answer = run_cell(printed(name).stub, code)[1]
        passed, attempted, message = engine.grade(EXERCISES[name], answer)
        assert attempted and not passed
        assert mistake.message in message.split("\n"), f"{mistake.slip}\n{message}"


@pytest.mark.parametrize("name", printed_ids())
def test_stub_is_not_attempted_yet(name, capsys):
    page = printed(name)
    if name in CASES:  # the stub is the patient: test_clinic.py looks after it
        return
    assert "your code here" in page.stub or "..." in page.stub
    report = check(*run_cell(page.stub))
    assert not report.passed and not report.attempted
    assert f"Exercise {name}: not attempted yet" in capsys.readouterr().out


@pytest.mark.parametrize("name", ORDINARY)
def test_reference_passes(name):
    passed, _, message = engine.grade(EXERCISES[name], EXERCISES[name].reference)
    assert passed, message


@pytest.mark.parametrize("name", ORDINARY)
def test_each_mistake_fails_and_is_named(name):
    exercise = EXERCISES[name]
    assert len(exercise.mistakes) >= 3
    for mistake in exercise.mistakes:
        passed, attempted, message = engine.grade(exercise, mistake.wrong)
        assert not passed and attempted
        assert mistake.message in message, f"wanted: {mistake.message}\ngot: {message}"
        assert len(mistake.message) > 20 and "\n" not in mistake.message


def first_result(exercise):
    with _sandbox.sandbox():
        run = _run.Run(exercise, exercise.reference)
        run.all()
    return run.results


def with_nan(tree):
    if isinstance(tree, dict):
        return {key: with_nan(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [with_nan(value) for value in tree]
    if isinstance(tree, torch.Tensor) and tree.is_floating_point():
        return tree * math.nan
    return math.nan if isinstance(tree, float) else tree


def is_clear(exercise, message, *words):
    named = any(mistake.message in message for mistake in exercise.mistakes)
    return named or any(word in message for word in words)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_constant_nan_exception_and_endless_loop_get_clear_messages(name):
    exercise = EXERCISES[name]
    results = first_result(exercise)

    constant = 0.0 if results[0] is None else results[0]
    passed, attempted, message = engine.grade(exercise, lambda *args: constant)
    assert not passed and attempted
    if results[0] is not None and len(results) > 1 and not _grading._constant(results):
        assert is_clear(exercise, message, "the same for every input"), message
    else:
        assert message

    nan = with_nan(results[0])
    networks = isinstance(results[0], list) and any(map(callable, results[0]))  # and functions
    if str(nan) != str(results[0]) and not networks:
        passed, _, message = engine.grade(
            exercise, lambda *args: with_nan(_compare.freeze(exercise.reference(*args)))
        )
        assert not passed and is_clear(exercise, message, "NaN", "nan"), message

    def broken(*args):
        raise ZeroDivisionError("on purpose")

    passed, _, message = engine.grade(exercise, broken)
    assert not passed
    first, line, called = message.split("\n")
    assert first == "Your function raised ZeroDivisionError: on purpose"
    assert 'raise ZeroDivisionError("on purpose")' in line and called.startswith("called with ")

    def endless(*args):
        while True:
            pass

    quick = dataclasses.replace(exercise, seconds=0.2)
    passed, _, message = engine.grade(quick, endless)
    late, line, called = message.split("\n")
    assert not passed and "did not finish within 0.2 s" in late
    assert re.match(r"  line \d+: (while|pass)", line) and called.startswith("called with ")


@pytest.mark.parametrize("name", VALUES)
def test_wrong_values_get_clear_messages(name):
    exercise = EXERCISES[name]
    for wrong in ("no such answer", math.nan, 1e9, [], lambda: None):
        passed, attempted, message = engine.grade(exercise, wrong)
        assert not passed and attempted and message
    assert not engine.grade(exercise, ...)[1]
    assert "is none of the choices" in engine.grade(exercise, "no such answer")[2] or not isinstance(
        exercise.reference, str
    )


ODD = {
    "nothing": lambda *a: None,
    "a number": lambda *a: 0.37,
    "a tuple": lambda *a: (1, 2.0, "three"),
    "a dictionary": lambda *a: {"loss": 1.0},
    "text": lambda *a: "some text",
    "a set": lambda *a: {1, 2},
    "True": lambda *a: True,
    "an array of text": lambda *a: np.array(["a", "b"]),
    "a function": lambda *a: per_sample,
    "a class": lambda *a: dict,
    "a generator": lambda *a: (x for x in a),
    "the arguments": lambda *a: a,
}


@pytest.mark.parametrize("name", ORDINARY)
def test_no_internal_word_reaches_a_reader(name):
    exercise = EXERCISES[name]
    if name in VALUES:
        odd = {label: f() for label, f in ODD.items() if label not in ("a function", "a class")}
        odd |= {"letters": {"A"}, "none": set(), "Z": {"Z"}, "an empty table": {}, "list": ["B"]}
    else:
        odd = dict(ODD)
        odd["one a sample"] = per_sample
        odd["no return"] = lambda *a: (exercise.reference(*a), None)[1]
        odd["a number for it"] = lambda *a: freeze_number(exercise.reference(*a))
        odd["in a tuple"] = lambda *a: (exercise.reference(*a), 1)
        odd["in a dictionary"] = lambda *a: {"result": exercise.reference(*a)}
        odd["repeated"] = lambda *a: [exercise.reference(*a)] * 5
        odd["as text"] = lambda *a: repr(exercise.reference(*a))
    for label, answer in odd.items():
        passed, attempted, message = engine.grade(exercise, answer)
        told = "\n".join(x for x in message.split("\n") if not x.startswith(("  ", "called with ")))
        assert not INTERNAL.search(told), f"{label}: {message}"
        if label == "no return" and not passed and attempted:
            named = any(m.message in message for m in exercise.mistakes)
            assert named or "`return` missing" in message or not message.startswith("The result")


def freeze_number(result):
    tensors = [x for x in _compare.freeze([result]) if isinstance(x, torch.Tensor)]
    return tensors[0].detach().double().sum().item() if tensors else 0.5
