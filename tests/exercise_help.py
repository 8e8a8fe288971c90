"""Exercises as they are printed in the notebooks, and small ones for tests of the engine."""

from __future__ import annotations

import ast
import dataclasses
import functools
import math
import re
from pathlib import Path

import nbformat
import numpy as np
import torch

import gancourse.exercises as engine
from gancourse.exercises import EXERCISES, Exercise, Mistake

ROOT = Path(__file__).parent.parent
HEADING = re.compile(r"^### Exercise (\S+) · (.+)$", re.M)
EFFORT = re.compile(r"^(●*)(○*) · (\d+) minutes$", re.M)
SOLUTION = re.compile(r"<summary>Solution</summary>.*?```python\n(.*?)\n```.*?</details>", re.S)


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
def _cells() -> dict[str, tuple[str, list]]:
    """Exercise id -> the notebook's name, and its cells from the heading to the next exercise."""
    found: dict[str, tuple[str, list]] = {}
    for path in sorted((ROOT / "book").glob("[0-9][0-9]-*.ipynb")):
        name = ""
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown" and (match := HEADING.search(cell.source)):
                name = match[1] + " again" * (match[1] in found)
                found[name] = path.name, []
            if name:
                found[name][1].append(cell)
    return found


def printed_ids() -> list[str]:
    """The exercises in the book, whether they are well formed or not: `printed` looks at one."""
    return sorted(_cells())


@functools.cache
def printed(name: str) -> Printed:
    """One exercise as it is printed; an AssertionError says what is missing there."""
    notebook, cells = _cells()[name]
    heading = HEADING.search(cells[0].source)
    assert heading and heading[1] == name, f"{notebook}: {name}"
    effort = EFFORT.search(cells[0].source)
    assert effort, f"{notebook}, exercise {name}: no line like '●●○ · 10 minutes'"
    assert len(effort[1] + effort[2]) == 3, f"{notebook}, exercise {name}: three circles, please"
    stub = next((c for c in cells if "exercise" in c.metadata.get("tags", [])), None)
    assert stub, f"{notebook}, exercise {name}: no code cell tagged 'exercise' follows"
    text = "\n".join(c.source for c in cells[1:] if c.cell_type == "markdown")
    solution = SOLUTION.search(text)
    assert solution, f"{notebook}, exercise {name}: no folded solution with a python block"
    folded = len(re.findall(r"<details>\s*<summary>Hint \d", text))
    return Printed(
        notebook, name, heading[2].strip(), len(effort[1]), int(effort[3]), stub.source,
        solution[1], folded,
    )  # fmt: skip


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


def _kind(name: str) -> str:
    """An exercise that can't be imported counts as a function, so that its own tests fail."""
    try:
        exercise = EXERCISES[name]
    except Exception:
        return "function"
    if hasattr(exercise, "broken"):
        return "case"
    return "function" if callable(exercise.reference) else "value"


KINDS = {name: _kind(name) for name in EXERCISES}
CASES = [name for name, kind in KINDS.items() if kind == "case"]  # the clinic
FUNCTIONS = [name for name, kind in KINDS.items() if kind == "function"]
VALUES = [name for name, kind in KINDS.items() if kind == "value"]
ORDINARY = FUNCTIONS + VALUES  # of the clinic's cases test_clinic.py asks the same, and more


# --- small exercises ------------------------------------------------------------------------------


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
    return engine.grade(exercise, answer)[2]


NUMBER = example(reference=lambda x: x.sum(), mistakes=[])
PYTHON = example(reference=lambda x: float(x.sum()), mistakes=[])
VECTOR = example(mistakes=[])
LIST = example(reference=lambda x: x.sum(1).tolist(), mistakes=[])
EMPTY = example(reference=lambda x: [], mistakes=[])  # a list of pairs that holds none
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


INTERNAL = re.compile(
    r"\bdict\b|frozenset|'?_?Unusable|\bsequence\b|\bNoneType\b|Odd\(|<lambda>|"
    r"(?:^|\n)\[\d+\]|(?:^|\n)(?:\w+ )*\w*\[['\d]|should (?:not )?have '|observe"
)


def per_sample(*args):
    tensor = next(a for a in args if isinstance(a, torch.Tensor))
    return tensor.flatten(1).sum(1) if tensor.ndim > 1 else tensor
