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

    assert engine._grade(example(), spoils_its_argument)[0]
    shared = [(torch.ones(2, 3),), (torch.zeros(4, 3),)]
    assert engine._grade(example(inputs=shared), spoils_its_argument)[0]
    assert shared[0][0].sum() == 6


@pytest.mark.parametrize("stub", [..., None, lambda x: ..., lambda x: None, lambda x: (..., ...)])
def test_untouched_stub(stub):
    assert engine._grade(example(), stub) == (False, False, "")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: x.mean(1), "over pixels"),
        (lambda x: x.mean(0, keepdim=True), "shape (1, 3); it should be (3,)"),
        (lambda x: x.mean(0).double(), "dtype float64; it should be float32"),
        (lambda x: x.mean(0).round().long(), "dtype int64; it should be float32"),
        (lambda x: x.mean(0).tolist(), "is a sequence; it should be a tensor"),
        (lambda x: x.mean(0).numpy(), "is a numpy array; it should be a tensor"),
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
    assert "3 of 12 values differ. The first is at [3, 0]:" in text


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
    assert message.startswith("What your function returned can't be used: RuntimeError")
    assert "the same for every input" in says(exercise, lambda x: torch.tensor(2.0))


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

    assert engine._grade(example(), switches_it_off)[0] and torch.is_grad_enabled()
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
    assert not passed and attempted and message.startswith("The weights['weight'] is not right")


def test_nested_results_are_compared_with_clear_paths():
    reference = {"loss": torch.tensor(1.0), "modes": [3, "ring"]}
    assert engine.difference(reference, dict(reference), 0, 0, "", True) is None

    def differs(**changes):
        return engine.difference(reference, {**reference, **changes}, 0, 0, "", True)

    assert differs(loss=2.0).startswith("loss is not right")
    assert differs(modes=[3, "grid"]) == "modes[1]: expected 'ring', got 'grid'"
    assert differs(modes=[3]) == "modes has 1 parts; it should have 2."
    assert differs(extra=1) == "The result should not have 'extra'."
    assert differs(modes=...) == "modes is still ...; it should be a sequence."


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
