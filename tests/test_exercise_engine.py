"""Grading: what is told of which answer, in which dress a right value passes, how a report is shown."""

from __future__ import annotations

import dataclasses
import decimal
import fractions
import math
import random
import re

import nbformat
import numpy as np
import pytest
import torch
from torch import nn

import gancourse.exercises as engine
from gancourse.exercises import (
    Mistake,
    _compare,
    check,
)
from tests.exercise_help import (
    COUNTS,
    EMPTY,
    LIST,
    MASK,
    NUMBER,
    PAIR,
    PYTHON,
    ROOT,
    TEXT,
    TRAINED,
    TRUTH,
    VECTOR,
    example,
    mean,
    says,
)

torch.set_num_threads(1)


def test_right_answer_passes_and_inputs_are_fresh():
    def spoils_its_argument(x):
        result = x.mean(0)
        x.zero_()
        return result

    assert engine.grade(example(may_change=["x"]), spoils_its_argument)[0]
    shared = [(torch.ones(2, 3),), (torch.zeros(4, 3),)]
    assert engine.grade(example(inputs=shared), mean)[0]
    assert "changes its argument x" in says(example(inputs=shared), spoils_its_argument)
    assert shared[0][0].sum() == 6


@pytest.mark.parametrize("kind", ["tensor", "array"])
def test_answers_in_one_buffer_are_compared_as_they_were_returned(kind):
    """All calls write to the same memory: compared only at the end, each would be the last one's."""
    buffer = torch.zeros(3)

    def reused(x):
        buffer.copy_(x.mean(0))
        return buffer if kind == "tensor" else buffer.numpy()

    inputs = [(torch.ones(2, 3),), (torch.full((4, 3), 5.0),)]
    assert engine.grade(example(inputs=inputs), reused)[0]


@pytest.mark.parametrize("stub", [..., None, lambda x: ..., lambda x: None, lambda x: (..., ...)])
def test_untouched_stub(stub):
    assert engine.grade(example(), stub) == (False, False, "")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: x.mean(1), "over pixels"),
        (lambda x: x.mean(0, keepdim=True), "shape (1, 3); it should be (3,)"),
        (lambda x: x.mean(0)[:, None], "shape (3, 1); it should be (3,)"),
        (lambda x: x.mean(0).round().long(), "values differ"),
        (lambda x: x.mean(0).half(), "values differ"),
        (lambda x: x.mean(0) > 0, "holds True and False (dtype bool); it should hold numbers"),
        (lambda x: x.mean(0) + 0j, "is complex; it should be real"),
        (lambda x: x.mean(), "is a number; it should be a tensor of shape (3,)"),
        (lambda x: f"{x.mean()}", "is text; it should be a tensor of shape (3,)"),
        (lambda x: {"mean": x.mean(0)}, "is a dictionary; it should be a tensor of shape (3,)"),
        (lambda x: x.mean(0) / 0, "values that are infinite"),
        (lambda x: x.mean(0) * math.nan, "3 of 3 values that are NaN"),
        (lambda x: torch.tensor([math.nan] * 3), "NaN"),
        (lambda x: torch.ones(3), "the same for every input ([1, 1, 1])"),
        (lambda x: x.mean(0) + torch.tensor([0, 0, 1]), "1 of 3 values differ"),
        (lambda x: x.mean(0) if len(x) == 4 else None, "is a `return` missing?"),
        (lambda: 1, "must take the arguments (x)"),
        (torch.ones(3), "wants the function itself"),
        (lambda x: x @ x, "raised RuntimeError"),
    ],
)
def test_messages(answer, words):
    passed, attempted, message = engine.grade(example(), answer)
    assert not passed and attempted and words in message


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda x: nn.Linear(3, 1), "is a network; it should be a tensor of shape (3,)"),
        (lambda x: nn.ReLU(), "is a network; it"),
        (lambda x: torch.optim.SGD(nn.Linear(3, 1).parameters(), 1), "is an optimizer; it"),
        (lambda x: x.max(0), "is what torch.max returns: (values, indices); it should be a tensor"),
        (lambda x: torch.linalg.qr(x), "is what torch.linalg.qr returns: (Q, R); it"),
        (lambda x: (v for v in x.mean(0)), "is an iterator (`list(...)` makes a list of it); it"),
        (lambda x: map(float, x.mean(0)), "is an iterator (`list(...)` makes a list of it); it"),
        (lambda x: {(1, len(x)), (3, 4)}, "is a set; it"),
    ],
)
def test_a_result_is_called_what_it_is(result, words):
    assert words in says(example(), result)
    table = example(reference=lambda x: {"loss": x.sum()}, mistakes=[])
    assert words.split(";")[0] in says(table, result)
    watched = example(observe=lambda result, args: {"The sum": result.sum()})
    assert words.split(";")[0] in says(watched, result)


def test_networks_sets_and_views_are_compared_by_what_they_hold():
    def network(x, change=0.0):
        net = nn.Linear(3, 1)
        nn.init.constant_(net.weight, float(x.sum()) + change)
        nn.init.zeros_(net.bias)
        return net

    made = example(reference=network, mistakes=[])
    assert engine.grade(made, network)[0]
    assert says(made, lambda x: network(x, 1.0)).startswith("weight is not right")
    assert "is a dictionary; it should be a network" in says(made, lambda x: network(x).state_dict())
    pairs = example(reference=lambda x: {(0, len(x)), (1, 2)}, mistakes=[])
    assert engine.grade(pairs, lambda x: {(1, 2), (torch.tensor(0).item(), len(x))})[0]
    assert not engine.grade(pairs, lambda x: {(1, 2), (0, 99)})[0]
    listed = example(reference=lambda x: [1, len(x)], mistakes=[])
    assert engine.grade(listed, lambda x: {"one": 1, "n": len(x)}.values())[0]
    assert engine.grade(listed, lambda x: {1: 0, len(x): 0}.keys())[0]
    both = example(reference=lambda x: (x.max(0).values, x.max(0).indices), mistakes=[])
    assert engine.grade(both, lambda x: x.max(0))[0]


def test_expected_and_got_are_shown_short():
    text = says(example(), lambda x: x.mean(0) + 1)
    assert re.search(r"\n  expected  \[\S+, \S+, \S+\]\n  got       \[", text)
    assert text.endswith("called with x = float32 tensor of shape (4, 3)")
    large = example(reference=lambda x: x * 2)
    text = says(large, lambda x: 2 * x + (torch.arange(len(x)) == 3)[:, None])
    assert "3 of 12 values differ. The first is at index (3, 0):" in text
    text = says(example(reference=lambda x: 2.0, rtol=1e-9, atol=0), lambda x: 2.000000101)
    assert "expected  2\n  got       2.000000101" in text  # not the same digits twice


def test_an_exception_names_the_readers_line_not_the_librarys():
    def answer(x):
        y = torch.zeros(7)
        return torch.nn.functional.linear(x, y.reshape(1, 7))  # the reader's line

    message = says(example(), answer)
    assert re.search(r"\n  line \d+: return torch.nn.functional.linear", message)


def test_exit_is_caught_and_keyboard_interrupt_is_not():
    def leaves(x):
        raise SystemExit(3)

    def interrupted(x):
        raise KeyboardInterrupt

    assert "raised SystemExit: 3" in says(example(), leaves)
    with pytest.raises(KeyboardInterrupt):
        engine.grade(example(), interrupted)


def test_a_mistake_that_raises_is_named():
    def wrong(x):
        return torch.zeros(2) @ x

    exercise = example(mistakes=[Mistake(wrong, "the axes are crossed")])
    assert "the axes are crossed" in says(exercise, lambda x: torch.ones(2) @ x)

    def other(x):
        return torch.ones(2).nope

    assert "the axes are crossed" not in says(exercise, other)


def test_what_observe_cannot_use_is_said_so():
    exercise = example(
        reference=lambda x: x.square().sum(),
        inputs=lambda g: [(torch.ones(n).requires_grad_(),) for n in (2, 3)],
        observe=lambda result, args: torch.autograd.grad(result, args[0]),
    )
    assert engine.grade(exercise, lambda x: (x * x).sum())[0]
    message = says(exercise, lambda x: x.detach().square().sum())
    assert message.startswith("The result carries no gradient (look for .item()")
    assert "is a `return` missing?" in says(exercise, lambda x: None)
    assert "the same for every input" in says(exercise, lambda x: torch.tensor(2.0))
    assert "it should be one number" in says(exercise, lambda x: x.square())
    other = says(exercise, lambda x: torch.ones(1, requires_grad=True).sum() * len(x))
    assert other.startswith("What your function returned can't be used: RuntimeError")


def test_random_answers_compare_and_the_notebooks_numbers_stay():
    def draw(n):
        return torch.randn(n) + random.random() + np.random.rand()

    exercise = example(reference=draw, inputs=[(3,), (4,)])
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    want = torch.rand(2), np.random.rand(), random.random()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    assert engine.grade(exercise, lambda n: draw(n))[0]
    assert not engine.grade(exercise, lambda n: torch.rand(n))[0]
    assert not engine.grade(exercise, lambda n: 1 / 0)[0]
    got = torch.rand(2), np.random.rand(), random.random()
    assert torch.equal(got[0], want[0]) and got[1:] == want[1:]


def test_gradient_mode_is_put_back():
    def switches_it_off(x):
        torch.set_grad_enabled(False)
        return x.mean(0)

    assert not engine.grade(example(), switches_it_off)[0] and torch.is_grad_enabled()
    exercise = example(
        reference=lambda x: x.square().sum(),
        inputs=[(torch.ones(n, requires_grad=True),) for n in (2, 3)],
    )
    with torch.no_grad():
        assert engine.grade(exercise, lambda x: x.square().sum())[0]
    assert "carries no gradient" in says(exercise, lambda x: x.square().sum().item())


def test_observed_state_is_compared_and_named():
    def step(net, x):
        net.weight.data += x.mean()

    exercise = example(
        reference=step,
        inputs=lambda g: [(nn.Linear(3, 1), torch.rand(n, generator=g)) for n in (2, 3)],
        observe=lambda result, args: {"The weights": args[0]},
        mistakes=[],
    )
    assert engine.grade(exercise, step)[0]
    assert not engine.grade(exercise, lambda net, x: ...)[1]
    passed, attempted, message = engine.grade(exercise, lambda net, x: None)
    assert not passed and attempted and message.startswith("The weights (weight) is not right")


def test_nested_results_are_compared_with_clear_paths():
    reference = {"loss": torch.tensor(1.0), "modes": [3, "ring"]}

    def differs(parts=(), **changes):
        return _compare.difference(reference, {**reference, **changes}, 0, 0, parts=parts)

    assert differs() is None
    assert differs(loss=2.0).startswith("loss is not right")
    assert differs(modes=[3, "grid"]) == "Part 2 of modes: expected 'ring', got 'grid'"
    assert differs(modes=[3]) == "modes has 1 part; it should have 2."
    assert differs(extra=1) == "The result has something more: extra."
    assert differs(modes=...) == "modes is still ...; it should be a list or tuple."


def test_parts_of_a_result_have_names():
    exercise = example(
        reference=lambda x: (x.mean(0), len(x)), parts=("the mean", "the count"), mistakes=[]
    )
    assert engine.grade(exercise, lambda x: [x.mean(0).numpy(), np.int64(len(x))])[0]
    assert says(exercise, lambda x: (x.mean(0), 9)).startswith("the count is not right")
    assert "it should have 2: the mean, the count." in says(exercise, lambda x: (x.mean(0),))
    assert "it should be 2 things: the mean, the count." in says(exercise, lambda x: x.mean())
    batch = says(exercise, lambda x: x)  # not "4 parts": it is one thing
    assert batch.startswith("The result is a tensor of shape (4, 3); it should be 2 things: the")


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        *((which, answer) for which in (NUMBER, PYTHON) for answer in (
            lambda x: x.sum(), lambda x: x.sum().double(), lambda x: x.sum().item(),
            lambda x: x.sum().numpy(), lambda x: np.float64(x.sum()),
            lambda x: x.numpy().sum(keepdims=True), lambda x: x.sum().reshape(1),
            lambda x: x.sum((0, 1), keepdim=True), lambda x: [x.sum()], lambda x: (x.sum().item(),),
            lambda x: fractions.Fraction(x.sum().item()), lambda x: decimal.Decimal(x.sum().item()),
        )),
        *((VECTOR, answer) for answer in (
            lambda x: x.double().mean(0), lambda x: x.mean(0).numpy(), lambda x: x.mean(0).tolist(),
            lambda x: tuple(x.mean(0)), lambda x: list(x.numpy().mean(0)),
            lambda x: x.mean(0).to_sparse(), lambda x: nn.Parameter(x.mean(0)),
            lambda x: np.array(list(map(float, x.mean(0))), dtype=object),
        )),
        *((LIST, answer) for answer in (
            lambda x: x.sum(1), lambda x: x.sum(1).numpy(), lambda x: tuple(x.sum(1)),
            lambda x: [np.float32(v) for v in x.sum(1)], lambda x: x.sum(1).double(),
        )),
        *((PAIR, answer) for answer in (
            lambda x: [x.sum(), 3], lambda x: torch.stack([x.sum(), torch.tensor(3.0)]),
            lambda x: np.array([x.sum(), 3]), lambda x: (np.float64(x.sum()), torch.tensor([3])),
        )),
        *((MASK, answer) for answer in (
            lambda x: x.numpy() > 0, lambda x: (x > 0).tolist(), lambda x: np.array(x > 0),
        )),
        *((TRUTH, answer) for answer in (
            lambda x: x.sum() > 0, lambda x: x.numpy().sum() > 0, lambda x: (x.sum() > 0).view(1),
        )),
        *((COUNTS, answer) for answer in (
            lambda x: (x > 0).int().sum(0).int(), lambda x: (x > 0).float().sum(0),
            lambda x: (x > 0).sum(0).tolist(), lambda x: (x.numpy() > 0).sum(0).astype(np.uint8),
        )),
        *((EMPTY, answer) for answer in (
            lambda x: np.zeros((0, 2)), lambda x: torch.zeros(0, 2), lambda x: torch.tensor([]),
            lambda x: (), lambda x: {}.keys(),
        )),
        (LIST, lambda x: [fractions.Fraction(v.item()) for v in x.sum(1)]),
        (VECTOR, lambda x: [decimal.Decimal(v.item()) for v in x.mean(0)]),
        (TEXT, lambda x: np.str_(f" {len(x)} Rows")),
        (TRAINED, lambda x: x.square().sum().view(1)),
        (TRAINED, lambda x: x.double().square().sum()),
    ],
)  # fmt: skip
def test_a_right_value_passes_in_any_ordinary_dress(exercise, answer):
    passed, _, message = engine.grade(exercise, answer)
    assert passed, message


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (VECTOR, lambda x: x.mean(0)[None]), (VECTOR, lambda x: x.mean(0)[:, None]),
        (VECTOR, lambda x: [x.mean(0)]), (VECTOR, lambda x: x.mean(0)[:2]),
        (NUMBER, lambda x: x.sum().expand(2)), (NUMBER, lambda x: [x.sum(), x.sum()]),
        (NUMBER, lambda x: str(float(x.sum()))), (LIST, lambda x: x.sum(1)[:, None]),
        (MASK, lambda x: (x > 0).float()), (MASK, lambda x: (x > 0).long()),
        (TRAINED, lambda x: x.square().sum().item()), (TRAINED, lambda x: x.square().sum().detach()),
        (TRAINED, lambda x: x.square().sum().detach().requires_grad_() if False else 1.0),
        (dataclasses.replace(VECTOR, strict=True), lambda x: x.mean(0).double()),
        (dataclasses.replace(VECTOR, strict=True), lambda x: x.mean(0).numpy()),
        (dataclasses.replace(LIST, strict=True), lambda x: x.sum(1)),
    ],
)  # fmt: skip
def test_what_is_no_ordinary_dress_is_refused(exercise, answer):
    assert engine.grade(exercise, answer)[:2] == (False, True)


def test_strict_accepts_the_reference_itself():
    for exercise in (VECTOR, LIST, NUMBER, PYTHON, PAIR, TRAINED):
        strict = dataclasses.replace(exercise, strict=True)
        assert engine.grade(strict, exercise.reference)[0]


def test_the_tolerance_is_never_under_the_rounding_of_the_answer():
    fine = example(reference=lambda x: x.double().mean(0), rtol=1e-9, atol=0, mistakes=[])
    assert engine.grade(fine, lambda x: x.sum(0) / len(x))[0]
    assert not engine.grade(fine, lambda x: x.double().mean(0) * (1 + 1e-8))[0]
    assert not engine.grade(fine, lambda x: x.mean(0) * (1 + 1e-4))[0]


# --- values as answers, and the report -----------------------------------------------------------


def test_value_answers():
    choice = example(reference="b", mistakes=[Mistake("a", "a has collapsed")])
    assert engine.grade(choice, " B ")[0]
    assert says(choice, "a") == "a has collapsed"
    assert says(choice, "x") == "'x' is none of the choices: a, b."
    assert "not a function" in says(choice, mean)
    number = example(reference=0.25, rtol=0.1, mistakes=[Mistake(4.0, "upside down")])
    assert engine.grade(number, torch.tensor(0.26))[0]
    assert says(number, 4) == "upside down" and "NaN" in says(number, math.nan)
    assert "0.25" not in says(number, 0.5)  # the answer is not given away
    close = example(reference=10, compare=lambda want, got: abs(want - got) < 3, mistakes=[])
    assert engine.grade(close, 12)[0] and not engine.grade(close, 14)[0]
    assert engine.grade(close, "twelve")[:2] == (False, True)


def test_sets_and_tables_as_answers():
    letters = example(
        reference=frozenset("BDE"), mistakes=[Mistake(frozenset("AB"), "A is a story, not a sign")]
    )
    for right in (
        {"B", "D", "E"},
        "B, D, E",
        "bde",
        ["B", "D", "E"],
        ("E", "D", "B"),
        "B, D and E",
    ):
        assert engine.grade(letters, right)[0], right
    assert says(letters, "A, B") == "A is a story, not a sign"
    assert says(letters, {"B"}) == "{B} is not it."
    assert says(letters, {"B", "X"}) == "X: not one of A, B, D, E."
    assert says(letters, 3) == "Your answer is a number; it should be a set, such as {'A', 'B'}."
    table = example(reference={"A": "collapse", "B": "drift"}, mistakes=[])
    assert engine.grade(table, {"B": "Drift", "A": "collapse "})[0]
    assert says(table, {"A": "collapse", "B": ...}) == "Still open: B."
    assert says(table, {"A": "collapse"}) == "Still open: B."
    assert says(table, {"A": "crash", "B": "drift"}).startswith("A: 'crash' is none of the choices")
    assert says(table, {"A": "drift", "B": "collapse"}) == "Not all of them are right."
    assert says(table, {"A": "collapse", "C": "drift"}) == "C: not one of A, B."


def test_unknown_id_lists_near_ones(registered):
    with pytest.raises(ValueError, match=r"exercise_id = 't.7' is unknown.*'t.1'"):
        check("t.7", mean)


def test_report_prints_once_and_escapes_html(registered, capsys):
    report = check("t.1", lambda x: x.mean(0)[:, None] < 3)
    shown = capsys.readouterr().out
    assert shown == f"{report}\n" and shown.startswith("Exercise t.1: not yet\n  ")
    assert "<script" not in dataclasses.replace(report, message="<script>")._repr_html_()
    assert "\n\n" not in report._repr_html_()
    marked = dataclasses.replace(report, message="`a*b` is *not so*: 2 * x * y\n  line 1: `a` *b*")
    assert "<code>a*b</code> is <em>not so</em>: 2 * x * y<" in marked._repr_html_()
    assert "line 1: `a` *b*<" in marked._repr_html_()


def test_in_a_notebook_each_report_is_shown_exactly_once():
    from nbclient import NotebookClient

    cells = [
        "import torch\nfrom gancourse.exercises import check\ndef f(p, q):\n    return ...",
        "check('1.1', f)",
        "check('1.1', f);",
        "report = check('1.1', f)\nprint('after')",
        "report",
        "def f(p, q):\n    print('heard')\n    return q / (p + q)\nreport = check('1.1', f)",
        "def f(p, q):\n    x = 1\n    while True: x += 1\ncheck('1.1', f)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(book, timeout=60, resources={"metadata": {"path": str(ROOT)}}).execute()

    def shown(number):
        outputs = book.cells[number].outputs
        return [o.data["text/plain"] for o in outputs if o.output_type != "stream"]

    for number in (1, 2, 3, 4):
        assert shown(number) == ["Exercise 1.1: not attempted yet"], number
    assert "text/html" in book.cells[1].outputs[0].data
    assert any("heard" in o.get("text", "") for o in book.cells[5].outputs)
    assert len(shown(5)) == 1 and "*generated*" in shown(5)[0]
    assert len(shown(6)) == 1 and "line 3: while True: x += 1" in shown(6)[0]


def test_the_columns_of_a_lab_report_stay_columns_on_a_phone():
    report = engine.Report("t.1", "T", False, "Not well.\n  sign  yours\n  a  1\n  b  2\n  c  <3>")
    shown = report._repr_html_()
    assert shown.count("<pre") == 1 and 'white-space:pre" tabindex="0">  sign' in shown
    assert "  b  2\n  c  &lt;3&gt;</pre>" in shown
    short = engine.Report("t.1", "T", False, "Not yet.\n  expected 1\n  got 2")._repr_html_()
    assert short.count("<pre") == 1 and 'pre-wrap">  expected 1\n  got 2</pre>' in short
