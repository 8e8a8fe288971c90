"""Every exercise, as a reader meets it: its stub, its solution, its mistakes; and the engine."""

from __future__ import annotations

import ast
import dataclasses
import functools
import math
import random
import re
import signal
import threading
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from torch import nn

import gancourse.exercises as engine
from gancourse.exercises import EXERCISES, Exercise, Mistake, check

torch.set_num_threads(1)

BOOK = Path(__file__).parent.parent / "book"
HEADING = re.compile(r"^### Exercise (\S+) · (.+)$", re.M)
EFFORT = re.compile(r"^(●*)(○*) · (\d+) minutes$", re.M)
SOLUTION = re.compile(
    r"<summary>Solution</summary>.*?```python\n(.*?)\n```.*?</details>", re.S
)  # fmt: skip


@dataclasses.dataclass
class Printed:
    """An exercise as it stands in a notebook."""

    notebook: str
    id: str
    title: str
    difficulty: int
    minutes: int
    stub: str
    solution: str
    folded: int


@functools.cache
def printed() -> dict[str, Printed]:
    found = {}
    for path in sorted(BOOK.glob("[0-9][0-9]-*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        for number, cell in enumerate(cells):
            match = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
            if not match:
                continue
            where = f"{path.name}, exercise {match[1]}"
            effort = EFFORT.search(cell.source)
            assert effort, f"{where}: no line like '●●○ · 10 minutes'"
            assert len(effort[1] + effort[2]) == 3, f"{where}: three circles, please"
            rest = cells[number + 1 :]
            stop = next((i for i, c in enumerate(rest) if HEADING.search(c.source)), len(rest))
            stub = next((c for c in rest[:stop] if "exercise" in c.metadata.get("tags", [])), None)
            assert stub, f"{where}: no code cell tagged 'exercise' follows"
            text = "\n".join(c.source for c in rest[:stop] if c.cell_type == "markdown")
            solution = SOLUTION.search(text)
            assert solution, f"{where}: no folded solution with a python block"
            folded = len(re.findall(r"<details>\s*<summary>Hint \d", text))
            assert match[1] not in found, f"{where}: printed twice"
            found[match[1]] = Printed(
                path.name, match[1], match[2].strip(), len(effort[1]), int(effort[3]),
                stub.source, solution[1], folded,
            )  # fmt: skip
    return found


def run_cell(stub: str, solution: str = "") -> tuple[str, object]:
    """What the cell hands to check: (id, answer); with a solution, that is pasted over the stub."""
    from gancourse import plots

    handed: list[tuple[str, object]] = []
    space = {
        "torch": torch, "np": np, "math": math, "plots": plots, "__name__": "__main__",
        "device": torch.device("cpu"), "check": lambda *call: handed.append(call),
    }  # fmt: skip
    exec(compile(stub, "<stub>", "exec"), space)
    if solution:
        exec(compile(solution, "<solution>", "exec"), space)
        calls = [node for node in ast.parse(stub).body if "check(" in ast.unparse(node)]
        exec(compile(ast.Module(calls[-1:], []), "<check>", "exec"), space)
    return handed[-1]


def all_printed() -> list[str]:
    return sorted(printed())


CASES = [name for name, exercise in EXERCISES.items() if hasattr(exercise, "broken")]  # the clinic
FUNCTIONS = [name for name, ex in EXERCISES.items() if callable(ex.reference) and name not in CASES]
VALUES = [name for name in EXERCISES if name not in FUNCTIONS + CASES]
ORDINARY = FUNCTIONS + VALUES  # of the clinic's cases test_clinic.py asks the same, and more


# --- the exercises --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", all_printed())
def test_printed_exercise_is_registered_and_says_the_same(name):
    assert name in EXERCISES, f"{printed()[name].notebook} prints {name}; chNN.py lacks it"
    page, exercise = printed()[name], EXERCISES[name]
    assert (page.title, page.difficulty, page.minutes) == (
        exercise.title, exercise.difficulty, exercise.minutes,
    )  # fmt: skip
    assert page.folded >= 1, "give at least one hint, folded"


@pytest.mark.parametrize("name", EXERCISES)
def test_registered_exercise_is_printed(name):
    chapter = name.split(".")[0].zfill(2)
    if not list(BOOK.glob(f"{chapter}-*.ipynb")):
        pytest.skip(f"no notebook of chapter {chapter} yet")
    assert name in printed()


@pytest.mark.parametrize("name", all_printed())
def test_printed_solution_passes(name):
    page = printed()[name]
    asked, answer = run_cell(page.stub, page.solution)
    passed, _, message = engine._grade(EXERCISES[name], answer)
    assert asked == name and passed, message


@pytest.mark.parametrize("name", all_printed())
def test_stub_is_not_attempted_yet(name, capsys):
    page = printed()[name]
    if name in CASES:  # the stub is the patient: test_clinic.py looks after it
        return
    assert "your code here" in page.stub or "..." in page.stub
    report = check(*run_cell(page.stub))
    assert not report.passed and not report.attempted
    assert f"Exercise {name}: not attempted yet" in capsys.readouterr().out


@pytest.mark.parametrize("name", ORDINARY)
def test_reference_passes(name):
    passed, _, message = engine._grade(EXERCISES[name], EXERCISES[name].reference)
    assert passed, message


@pytest.mark.parametrize("name", ORDINARY)
def test_each_mistake_fails_and_is_named(name):
    exercise = EXERCISES[name]
    assert len(exercise.mistakes) >= 3
    for mistake in exercise.mistakes:
        passed, attempted, message = engine._grade(exercise, mistake.wrong)
        assert not passed and attempted
        assert mistake.message in message, f"wanted: {mistake.message}\ngot: {message}"
        assert len(mistake.message) > 20 and "\n" not in mistake.message


def first_result(exercise):
    with engine.sandbox():
        run = engine._Run(exercise, exercise.reference)
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
    passed, attempted, message = engine._grade(exercise, lambda *args: constant)
    assert not passed and attempted
    if results[0] is not None and len(results) > 1 and not engine._constant(results):
        assert is_clear(exercise, message, "the same for every input"), message
    else:
        assert message

    nan = with_nan(results[0])
    if str(nan) != str(results[0]):
        passed, _, message = engine._grade(
            exercise, lambda *args: with_nan(engine.freeze(exercise.reference(*args)))
        )
        assert not passed and is_clear(exercise, message, "NaN", "nan"), message

    def broken(*args):
        raise ZeroDivisionError("on purpose")

    passed, _, message = engine._grade(exercise, broken)
    assert not passed
    first, line, called = message.split("\n")
    assert first == "Your function raised ZeroDivisionError: on purpose"
    assert 'raise ZeroDivisionError("on purpose")' in line and called.startswith("called with ")

    def endless(*args):
        while True:
            pass

    quick = dataclasses.replace(exercise, seconds=0.2)
    passed, _, message = engine._grade(quick, endless)
    assert not passed and "did not finish within 0.2 s" in message and "while True" not in line


@pytest.mark.parametrize("name", VALUES)
def test_wrong_values_get_clear_messages(name):
    exercise = EXERCISES[name]
    for wrong in ("no such answer", math.nan, 1e9, [], lambda: None):
        passed, attempted, message = engine._grade(exercise, wrong)
        assert not passed and attempted and message
    assert not engine._grade(exercise, ...)[1]
    assert "is none of the choices" in engine._grade(exercise, "no such answer")[
        2
    ] or not isinstance(exercise.reference, str)


# --- the engine -----------------------------------------------------------------------------------


def mean(x):
    return x.mean(0)


def example(**changes):
    settings = dict(
        id="t.1", title="The mean", difficulty=1, minutes=1, reference=mean,
        inputs=lambda g: [(torch.randn(n, 3, generator=g),) for n in (4, 7)],
        mistakes=[Mistake(lambda x: x.mean(1), "over pixels")],
    )  # fmt: skip
    return Exercise(**{**settings, **changes})


def says(exercise, answer):
    return engine._grade(exercise, answer)[2]


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(engine, "_registry", lambda: {"t.1": example()})


def test_right_answer_passes_and_inputs_are_fresh():
    def spoils_its_argument(x):
        result = x.mean(0)
        x.zero_()
        return result

    assert engine._grade(example(may_change=["x"]), spoils_its_argument)[0]
    shared = [(torch.ones(2, 3),), (torch.zeros(4, 3),)]
    assert engine._grade(example(inputs=shared), mean)[0]
    assert "changes its argument x" in says(example(inputs=shared), spoils_its_argument)
    assert shared[0][0].sum() == 6


@pytest.mark.parametrize("stub", [..., None, lambda x: ..., lambda x: None, lambda x: (..., ...)])
def test_untouched_stub(stub):
    assert engine._grade(example(), stub) == (False, False, "")


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
    passed, attempted, message = engine._grade(example(), answer)
    assert not passed and attempted and words in message


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
        engine._grade(example(), interrupted)


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
    assert engine._grade(exercise, lambda x: (x * x).sum())[0]
    message = says(exercise, lambda x: x.detach().square().sum())
    assert message.startswith("The result carries no gradient (look for .item()")
    assert "is a `return` missing?" in says(exercise, lambda x: None)
    assert "the same for every input" in says(exercise, lambda x: torch.tensor(2.0))
    assert "it should be one number" in says(exercise, lambda x: x.square())
    other = says(exercise, lambda x: torch.ones(1, requires_grad=True).sum() * len(x))
    assert other.startswith("What your function returned can't be used: RuntimeError")


def endless(x):
    while True:
        pass


def catches_everything(x):
    while True:
        try:
            x = x + 0
        except Exception:
            pass


@pytest.mark.parametrize("answer", [endless, catches_everything])
@pytest.mark.parametrize("in_thread", [False, True])
def test_endless_loop_ends_and_the_alarm_is_put_back(answer, in_thread):
    exercise, said = example(seconds=0.2), []
    if in_thread:
        worker = threading.Thread(target=lambda: said.append(says(exercise, answer)))
        worker.start()
        worker.join(10)
    else:
        before = signal.getsignal(signal.SIGALRM)
        said.append(says(exercise, answer))
        assert signal.getsignal(signal.SIGALRM) is before
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert "did not finish within 0.2 s" in said[0]
    assert threading.active_count() < 10


def test_somebody_elses_alarm_goes_on():
    rang = []
    old = signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 50)
        engine._grade(example(), mean)
        assert 45 < signal.getitimer(signal.ITIMER_REAL)[0] <= 50
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def test_random_answers_compare_and_the_notebooks_numbers_stay():
    def draw(n):
        return torch.randn(n) + random.random() + np.random.rand()

    exercise = example(reference=draw, inputs=[(3,), (4,)])
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    want = torch.rand(2), np.random.rand(), random.random()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    assert engine._grade(exercise, lambda n: draw(n))[0]
    assert not engine._grade(exercise, lambda n: torch.rand(n))[0]
    assert not engine._grade(exercise, lambda n: 1 / 0)[0]
    got = torch.rand(2), np.random.rand(), random.random()
    assert torch.equal(got[0], want[0]) and got[1:] == want[1:]


def test_gradient_mode_is_put_back():
    def switches_it_off(x):
        torch.set_grad_enabled(False)
        return x.mean(0)

    assert not engine._grade(example(), switches_it_off)[0] and torch.is_grad_enabled()
    exercise = example(
        reference=lambda x: x.square().sum(),
        inputs=[(torch.ones(n, requires_grad=True),) for n in (2, 3)],
    )
    with torch.no_grad():
        assert engine._grade(exercise, lambda x: x.square().sum())[0]
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
    assert engine._grade(exercise, step)[0]
    assert not engine._grade(exercise, lambda net, x: ...)[1]
    passed, attempted, message = engine._grade(exercise, lambda net, x: None)
    assert not passed and attempted and message.startswith("The weights (weight) is not right")


def test_nested_results_are_compared_with_clear_paths():
    reference = {"loss": torch.tensor(1.0), "modes": [3, "ring"]}

    def differs(parts=(), **changes):
        return engine.difference(reference, {**reference, **changes}, 0, 0, parts=parts)

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
    assert engine._grade(exercise, lambda x: [x.mean(0).numpy(), np.int64(len(x))])[0]
    assert says(exercise, lambda x: (x.mean(0), 9)).startswith("the count is not right")
    assert "it should have 2: the mean, the count." in says(exercise, lambda x: (x.mean(0),))
    assert "it should be 2 things: the mean, the count." in says(exercise, lambda x: x.mean())


# --- the dress of a right value -------------------------------------------------------------------

NUMBER = example(reference=lambda x: x.sum(), mistakes=[])
PYTHON = example(reference=lambda x: float(x.sum()), mistakes=[])
VECTOR = example(mistakes=[])
LIST = example(reference=lambda x: x.sum(1).tolist(), mistakes=[])
PAIR = example(reference=lambda x: (x.sum(), 3), mistakes=[])
MASK = example(reference=lambda x: x > 0, mistakes=[])
TRUTH = example(reference=lambda x: bool(x.sum() > 0), mistakes=[])
COUNTS = example(reference=lambda x: (x > 0).sum(0), mistakes=[])
TEXT = example(reference=lambda x: f"{len(x)} rows", mistakes=[])
TRAINED = example(
    reference=lambda x: x.square().sum(),
    inputs=lambda g: [(torch.randn(n, 3, generator=g).requires_grad_(),) for n in (4, 7)],
    mistakes=[],
)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        *((which, answer) for which in (NUMBER, PYTHON) for answer in (
            lambda x: x.sum(), lambda x: x.sum().double(), lambda x: x.sum().item(),
            lambda x: x.sum().numpy(), lambda x: np.float64(x.sum()),
            lambda x: x.numpy().sum(keepdims=True), lambda x: x.sum().reshape(1),
            lambda x: x.sum((0, 1), keepdim=True), lambda x: [x.sum()], lambda x: (x.sum().item(),),
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
        (TEXT, lambda x: np.str_(f" {len(x)} Rows")),
        (TRAINED, lambda x: x.square().sum().view(1)),
        (TRAINED, lambda x: x.double().square().sum()),
    ],
)  # fmt: skip
def test_a_right_value_passes_in_any_ordinary_dress(exercise, answer):
    passed, _, message = engine._grade(exercise, answer)
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
    assert engine._grade(exercise, answer)[:2] == (False, True)


def test_strict_accepts_the_reference_itself():
    for exercise in (VECTOR, LIST, NUMBER, PYTHON, PAIR, TRAINED):
        strict = dataclasses.replace(exercise, strict=True)
        assert engine._grade(strict, exercise.reference)[0]


def test_the_tolerance_is_never_under_the_rounding_of_the_answer():
    fine = example(reference=lambda x: x.double().mean(0), rtol=1e-9, atol=0, mistakes=[])
    assert engine._grade(fine, lambda x: x.sum(0) / len(x))[0]
    assert not engine._grade(fine, lambda x: x.double().mean(0) * (1 + 1e-8))[0]
    assert not engine._grade(fine, lambda x: x.mean(0) * (1 + 1e-4))[0]


# --- what an answer does to its arguments ---------------------------------------------------------


def net_and_all(g):
    cases = []
    for n in (4, 6):
        net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
        head = nn.Linear(2, 1)
        for p in head.parameters():
            p.grad = torch.ones_like(p)
        adam = torch.optim.SGD(net.parameters(), 0.1)
        x = torch.randn(n, 3, generator=g)
        cases.append((net, {"head": head}, adam, [x], np.arange(3.0)))
    return cases


def look(net, nets, adam, batches, weights):
    return net[0](batches[0]).sum()


def effect(change):
    def answer(net, nets, adam, batches, weights):
        result = look(net, nets, adam, batches, weights)
        change(net, nets, adam, batches, weights)
        return result

    return answer


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda n, h, o, b, w: n.requires_grad_(False), "net is left frozen"),
        (lambda n, h, o, b, w: h["head"].bias.requires_grad_(False), "nets (head) is left frozen"),
        (lambda n, h, o, b, w: n.eval(), "net is left in eval mode"),
        (lambda n, h, o, b, w: n[1].eval(), "net is left with some layers in another mode"),
        (lambda n, h, o, b, w: n(b[0]), "buffers of net (running statistics) have changed"),
        (lambda n, h, o, b, w: n[0](b[0]).sum().backward(), "leaves gradients in the parameters of"),
        (lambda n, h, o, b, w: h["head"].zero_grad(), "nets (head) are gone"),
        (lambda n, h, o, b, w: h["head"].bias.grad.mul_(2), "nets (head) have changed"),
        (lambda n, h, o, b, w: n[0].weight.data.mul_(2), "weights of net have changed"),
        (lambda n, h, o, b, w: o.param_groups[0].update(lr=1.0), "adam have changed: lr"),
        (lambda n, h, o, b, w: o.add_param_group({"params": h["head"].bias}), "settings of adam"),
        (lambda n, h, o, b, w: n.register_forward_hook(print), "A hook is left on net"),
        (lambda n, h, o, b, w: n.__setitem__(0, nn.Linear(3, 2)), "layers or weights of net"),
        (lambda n, h, o, b, w: b[0].clamp_(0), "changes its argument batches"),
        (lambda n, h, o, b, w: b.append(0), "changes its argument batches"),
        (lambda n, h, o, b, w: h.clear(), "changes its argument nets"),
        (lambda n, h, o, b, w: w.sort(), None),
        (lambda n, h, o, b, w: np.negative(w, out=w), "changes its argument weights"),
        (lambda n, h, o, b, w: torch.set_grad_enabled(False), "leaves gradients switched off"),
        (lambda n, h, o, b, w: torch.set_default_dtype(torch.float64), "another default dtype"),
        (lambda n, h, o, b, w: torch.set_default_device("meta"), "another default device"),
        (lambda n, h, o, b, w: [p.requires_grad_(f) for f in (False, True)
                                for p in n.parameters()], None),
        (lambda n, h, o, b, w: (n.eval(), n(b[0]), n.train()), None),
        (lambda n, h, o, b, w: b[0].requires_grad_(), None),
    ],
)  # fmt: skip
def test_side_effects_are_watched(change, words):
    exercise = example(reference=look, inputs=net_and_all, mistakes=[])
    passed, attempted, message = engine._grade(exercise, effect(change))
    assert passed is (words is None) and attempted
    if words:
        assert message.startswith("The result is right. But:\n") and words in message, message
        # What the reference does, an answer may do.
        allowed = example(reference=effect(change), inputs=net_and_all, mistakes=[])
        assert engine._grade(allowed, effect(change))[0]
        assert engine._grade(allowed, look)[0]
    if "leaves gradients in" in str(words):
        told = dataclasses.replace(exercise, may_change=["net: gradients"])
        assert engine._grade(told, effect(change))[0]
        assert not engine._grade(told, effect(lambda n, *rest: n.eval()))[0]


def test_a_mistake_known_by_its_side_effect_alone_is_named():
    frozen = effect(lambda n, h, o, b, w: n.requires_grad_(False))
    exercise = example(
        reference=look, inputs=net_and_all, mistakes=[Mistake(frozen, "frozen for good")]
    )
    assert says(exercise, lambda *a: frozen(*a)) == "frozen for good"
    assert "left in eval mode" in says(exercise, effect(lambda n, h, o, b, w: n.eval()))


# --- odd answers ----------------------------------------------------------------------------------

INTERNAL = re.compile(
    r"\bdict\b|frozenset|'?_?Unusable|\bsequence\b|\bNoneType\b|Odd\(|<lambda>|"
    r"(?:^|\n)\[\d+\]|(?:^|\n)(?:\w+ )*\w*\[['\d]|should (?:not )?have '|observe"
)


def per_sample(*args):
    tensor = next(a for a in args if isinstance(a, torch.Tensor))
    return tensor.flatten(1).sum(1) if tensor.ndim > 1 else tensor


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
        passed, attempted, message = engine._grade(exercise, answer)
        told = "\n".join(x for x in message.split("\n") if not x.startswith(("  ", "called with ")))
        assert not INTERNAL.search(told), f"{label}: {message}"
        if label == "no return" and not passed and attempted:
            named = any(m.message in message for m in exercise.mistakes)
            assert named or "`return` missing" in message or not message.startswith("The result")


def freeze_number(result):
    tensors = [x for x in engine.freeze([result]) if isinstance(x, torch.Tensor)]
    return tensors[0].detach().double().sum().item() if tensors else 0.5


def crowded():
    """How many processes want one core: what a limit by the clock must be stretched by."""
    import os

    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Hostile:
    def __eq__(self, other):
        raise RuntimeError("no comparison")

    __hash__ = None

    def __bool__(self):
        raise RuntimeError("no truth")

    def __repr__(self):
        raise RuntimeError("no text")

    def __getattr__(self, name):
        raise RuntimeError("no attributes")


def nested_list():
    one = [1.0]
    one.append(one)
    return one


WEIRD = {
    "sparse": lambda x: torch.eye(3).to_sparse(),
    "csr": lambda x: torch.eye(3).to_sparse_csr(),
    "quantised": lambda x: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8),
    "nested": lambda x: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "meta": lambda x: torch.ones(3, device="meta"),
    "huge": lambda x: torch.zeros(1, 1).expand(1_000_000_000, 3),
    "huge array": lambda x: np.broadcast_to(np.zeros(1), (1_000_000_000, 3)),
    "bytes": lambda x: b"123",
    "objects": lambda x: np.array([object(), None, "x"], dtype=object),
    "words": lambda x: np.array(["one", "two", "three"]),
    "records": lambda x: np.zeros(3, dtype=[("a", float), ("b", int)]),
    "10**400": lambda x: 10**400,
    "10**5000": lambda x: [10**5000] * 3,
    "itself": lambda x: nested_list(),
    "range": lambda x: range(10**12),
    "hostile": lambda x: Hostile(),
    "hostile parts": lambda x: [Hostile(), Hostile(), Hostile()],
    "exception": lambda x: ValueError("returned, not raised"),
    "module": lambda x: torch,
    "many parts": lambda x: [0.0] * 3_000_000,
    "exit": lambda x: exit(3),
    "recursion": lambda x: WEIRD["recursion"](x),
    "key": lambda x: {Hostile: 1}[0],
    "dates": lambda x: np.array(["2026-01-01"], dtype="datetime64[D]"),
    "complex": lambda x: [1j, math.inf, math.nan],
}


@pytest.mark.parametrize("name", WEIRD)
def test_whatever_comes_is_reported_in_time(name, registered, capsys):
    import time

    for exercise in (example(), NUMBER, PAIR, TEXT, example(observe=lambda r, a: {"sum": r.sum()})):
        began = time.monotonic()
        passed, attempted, message = engine._grade(exercise, WEIRD[name])
        assert not passed and attempted and message and not INTERNAL.search(message)
        assert time.monotonic() - began < 7 * crowded()
    value = WEIRD[name](None) if name not in ("exit", "recursion", "key") else 10**400
    for reference in (0.5, "b", frozenset("AB"), {"A": "x"}, [1, 2]):
        asked = example(reference=reference, mistakes=[Mistake("c", "c is the other one")])
        passed, attempted, message = engine._grade(asked, value)
        assert not passed and message and not INTERNAL.search(message), message
    assert not check("t.1", WEIRD[name]).passed  # the report can be shown
    assert capsys.readouterr().out.count("Exercise t.1: not yet") == 1


def long_call(x):
    import time

    time.sleep(4)  # in C and without Python's lock, as a large product is
    return x.mean(0)


def test_a_long_call_into_c_is_not_waited_for():
    import time

    began = time.monotonic()
    message = says(example(seconds=0.5), long_call)
    assert time.monotonic() - began < 2.5 * crowded()
    assert "did not finish within 0.5 s" in message and "It is still running" in message
    for thread in threading.enumerate():
        if getattr(thread, "given_up", False):
            thread.join(60)
            assert not thread.is_alive()


def test_output_is_capped_and_told():
    import contextlib
    import io

    def talks(x):
        while True:
            print("still here")

    with contextlib.redirect_stdout(io.StringIO()) as heard:
        message = says(example(seconds=0.3), talks)
    assert len(heard.getvalue()) <= 20_000 and "cut off after 20,000 characters" in message
    with contextlib.redirect_stdout(io.StringIO()) as heard:
        assert "cut off" not in says(example(), lambda x: print("heard") or x.mean(0))
    assert heard.getvalue() == "heard\n" * 2


def test_time_inside_an_import_does_not_count_and_the_module_is_whole(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import time\nfor _ in range(40):\n    time.sleep(0.02)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def imports(x):
        import slow_to_import

        assert slow_to_import.whole
        return x.mean(0)

    assert engine._grade(example(seconds=0.3), imports)[0]


def pokes(x):
    """Change every global that one can think of."""
    import os
    import sys
    import warnings

    torch.set_num_threads(2 if torch.get_num_threads() == 1 else 1)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    torch.autograd.set_detect_anomaly(True)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.benchmark = True
    torch.set_printoptions(precision=2)
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    torch.mean = torch.sum
    torch.Tensor.mean = torch.Tensor.sum
    nn.functional.relu = None
    math.sqrt = abs
    nn.modules.module.register_module_forward_hook(lambda *a: None)
    np.seterr(all="raise"), np.set_printoptions(precision=2)
    warnings.simplefilter("error")
    os.chdir("/")
    os.environ["GANCOURSE_POKED"] = "1"
    sys.setrecursionlimit(5000)
    sys.stdout = None
    sys.stdin = None
    sys.path.insert(0, "/nowhere")
    __builtins__["print" if isinstance(__builtins__, dict) else "x"] = None
    raise RuntimeError("after all that")


def everything():
    import builtins
    import os
    import sys
    import warnings

    return [
        torch.get_num_threads(), torch.get_default_dtype(), torch.get_default_device(),
        torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled(),
        torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision(),
        torch.backends.cudnn.benchmark, torch._tensor_str.PRINT_OPTS.precision, torch.mean,
        vars(torch.Tensor).get("mean"), nn.functional.relu, math.sqrt,
        len(nn.modules.module._global_forward_hooks), np.geterr(),
        np.get_printoptions()["precision"], list(warnings.filters), os.getcwd(), dict(os.environ),
        sys.getrecursionlimit(), sys.stdout, sys.stderr, sys.stdin, list(sys.path), builtins.print,
        torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate(),
        [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGALRM, signal.SIGTERM)],
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["plain", "no gradients", "double", "meta", "inference"])
def test_every_global_is_as_before(mode):
    import contextlib

    def run():
        before = everything()
        assert "RuntimeError: after all that" in says(example(), pokes)
        now = everything()
        for one, other in zip(before, now, strict=True):
            assert one == other
        assert engine._grade(example(), mean)[0]  # and a right answer is right in any mode
        assert engine._grade(TRAINED, lambda x: x.square().sum())[0]
        assert everything() == before

    modes = {"no gradients": torch.no_grad(), "inference": torch.inference_mode()}
    with modes.get(mode, contextlib.nullcontext()):
        try:
            if mode == "double":
                torch.set_default_dtype(torch.float64)
            if mode == "meta":
                torch.set_default_device("meta")
            run()
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_default_device(None)


def test_a_thread_left_running_is_named():
    stop = threading.Event()

    def starts(x):
        threading.Thread(target=stop.wait, daemon=True).start()
        return x.mean(0)

    passed, _, message = engine._grade(example(), starts)
    stop.set()
    assert passed and "started a thread that is still running" in message


def test_one_check_imports_one_chapter():
    import subprocess
    import sys

    code = (
        "import sys, gancourse.exercises as e; e.check('1.1', ...); "
        "n = [m for m in sys.modules if '.exercises.ch' in m or '.clinic' in m]; "
        "assert n == ['gancourse.exercises.ch01'], n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=BOOK.parent)


def test_value_answers():
    choice = example(reference="b", mistakes=[Mistake("a", "a has collapsed")])
    assert engine._grade(choice, " B ")[0]
    assert says(choice, "a") == "a has collapsed"
    assert says(choice, "x") == "'x' is none of the choices: a, b."
    assert "not a function" in says(choice, mean)
    number = example(reference=0.25, rtol=0.1, mistakes=[Mistake(4.0, "upside down")])
    assert engine._grade(number, torch.tensor(0.26))[0]
    assert says(number, 4) == "upside down" and "NaN" in says(number, math.nan)
    assert "0.25" not in says(number, 0.5)  # the answer is not given away
    close = example(reference=10, compare=lambda want, got: abs(want - got) < 3, mistakes=[])
    assert engine._grade(close, 12)[0] and not engine._grade(close, 14)[0]
    assert engine._grade(close, "twelve")[:2] == (False, True)


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
        assert engine._grade(letters, right)[0], right
    assert says(letters, "A, B") == "A is a story, not a sign"
    assert says(letters, {"B"}) == "{B} is not it."
    assert says(letters, {"B", "X"}) == "X: not one of A, B, D, E."
    assert says(letters, 3) == "Your answer is a number; it should be a set, such as {'A', 'B'}."
    table = example(reference={"A": "collapse", "B": "drift"}, mistakes=[])
    assert engine._grade(table, {"B": "Drift", "A": "collapse "})[0]
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


def test_importing_the_engine_does_not_import_the_chapters():
    import subprocess
    import sys

    code = (
        "import sys, gancourse.exercises as e; n = [m for m in sys.modules if '.exercises.ch' in m]; "
        "assert not n, n; assert '1.1' in e.EXERCISES; assert 'IPython' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=BOOK.parent)


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
    NotebookClient(book, timeout=60, resources={"metadata": {"path": str(BOOK.parent)}}).execute()

    def shown(number):
        outputs = book.cells[number].outputs
        return [o.data["text/plain"] for o in outputs if o.output_type != "stream"]

    for number in (1, 2, 3, 4):
        assert shown(number) == ["Exercise 1.1: not attempted yet"], number
    assert "text/html" in book.cells[1].outputs[0].data
    assert any("heard" in o.get("text", "") for o in book.cells[5].outputs)
    assert len(shown(5)) == 1 and "*generated*" in shown(5)[0]
    assert len(shown(6)) == 1 and "line 3: while True: x += 1" in shown(6)[0]
