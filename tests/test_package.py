"""The house rules of the package: who imports whom, how large it is, what a docstring says."""

import ast
import inspect
import re
import subprocess
import sys
import textwrap
import time
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gancourse"
MODULES = sorted(p.stem for p in PACKAGE.glob("*.py") if p.stem != "__init__")

# The doors through which arguments come in; any module may use them, and they import nothing.
DOORS = {"_numbers", "_paths"}
# The rooms behind `training`: what is asked for, data to batches, a copy to go back to, the files.
ROOMS = {"_settings", "_batches", "_state", "_resume"}
# module -> modules of the package that it may import (the design's arrows, and no others)
ARROWS = {
    "data": {"_pictures"},
    "training": {"checkpoints", "losses", "penalties", "history", "scaling", *ROOMS},
    "_batches": {"checkpoints", "_settings", "_state"},
    "_resume": {"checkpoints", "history", "_settings", "_state"},
    "_settings": {"history"},
    "explore": {"plots"},
    "features": {"data"},  # to train the shipped networks; loading them needs no data
}


def package_imports(path: Path) -> set[str]:
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # What a function is told of its arguments' types is no arrow: it imports nothing when it runs.
    tree.body = [
        n
        for n in tree.body
        if not (isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test))
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if node.level == 1 and path.parent == PACKAGE:
                found |= {node.module} if node.module else {a.name for a in node.names}
            elif node.level == 0 and (node.module or "").split(".")[0] == "gancourse":
                rest = (node.module or "").split(".")[1:]
                found |= {rest[0]} if rest else {a.name for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("gancourse.")}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_only_the_designs_arrows(module):
    allowed = set() if module in DOORS else ARROWS.get(module, set()) | DOORS
    assert package_imports(PACKAGE / f"{module}.py") <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_nothing_imports_torchvision_or_unpickles(module):
    source = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    assert not re.search(r"^\s*(import|from) (torchvision|pickle|dill|joblib)\b", source, re.M)
    assert not re.search(r"\b(eval|exec)\(", re.sub(r"\.eval\(", "", source))
    for call in re.findall(r"torch\.load\((?:[^()]|\([^()]*\))*\)", source):
        assert "weights_only=True" in call


def code_lines(path: Path) -> int:
    """Lines that are neither blank, nor comment, nor docstring."""
    source = path.read_text(encoding="utf-8")
    documentation: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                documentation |= set(range(first.lineno, (first.end_lineno or 0) + 1))
    lines = enumerate(source.splitlines(), 1)
    return sum(
        bool(s.strip()) and not s.strip().startswith("#") and n not in documentation
        for n, s in lines
    )


def test_the_package_stays_small():
    """A reader can read all of it. Docstrings not counted.

    The plan was 2,000 lines for what chapters 1 to 8 import. Since then came what chapters 9 to 11
    and "Scaling out" are about, and a reader would look for in the package: conditional,
    style-based, growing and residual networks, half precision, accumulation, several processes,
    and two more datasets. The second edition added a reader's own pictures, bounded downloads,
    neighbours decided exactly, doors for numbers and paths, and 600 lines for runs that survive
    interrupts, failing saves, edited settings and frozen layers. What comes next has to fit, or move
    something out.
    """
    sizes = {m: code_lines(PACKAGE / f"{m}.py") for m in MODULES}
    print(sizes, sum(sizes.values()))
    assert sum(sizes.values()) <= 4300, sizes


def public(module):
    for name, thing in vars(import_module(f"gancourse.{module}")).items():
        own = getattr(thing, "__module__", "") == f"gancourse.{module}"
        if (
            not name.startswith("_")
            and own
            and (inspect.isfunction(thing) or inspect.isclass(thing))
        ):
            yield name, thing


@pytest.mark.parametrize("module", MODULES)
def test_public_names_are_documented(module):
    bare = [name for name, thing in public(module) if not inspect.getdoc(thing)]
    assert not bare, f"no docstring: {bare}"


@pytest.mark.parametrize("module", ["data", "losses", "penalties", "metrics", "dynamics"])
def test_papers_are_cited_by_arxiv_id(module):
    source = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    assert re.search(r"arXiv[: ]\d{4}\.\d{4,5}", source)


def test_import_is_light():
    """`import gancourse` costs next to nothing on top of torch; no plotting or sklearn comes along."""
    code = textwrap.dedent("""
        import sys, time, torch
        start = time.perf_counter()
        import gancourse
        from gancourse import checkpoints, data, losses, nets, penalties, plots, training
        print(time.perf_counter() - start)
        print([m for m in ("matplotlib.pyplot", "sklearn", "IPython", "scipy") if m in sys.modules])
    """)
    seconds = []
    for _ in range(3):
        out = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        first, modules = out.stdout.split("\n")[:2]
        seconds.append(float(first))
        assert modules == "[]"
        time.sleep(0.05)
    assert min(seconds) < 0.5
