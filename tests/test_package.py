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
# A module is a file, or a folder of files behind one import: module -> its files.
FILES = {p.stem: [p] for p in PACKAGE.glob("*.py") if p.stem != "__init__"} | {
    p.parent.name: sorted(p.parent.rglob("*.py")) for p in PACKAGE.glob("*/__init__.py")
}
EXERCISES = FILES.pop("exercises")
MODULES = sorted(FILES)

# The doors through which arguments come in and warnings go out; any module may use them, and they
# import nothing.
DOORS = {"_names", "_numbers", "_paths", "_warn"}
# The rooms behind `training`: what is asked for, data to batches, a copy to go back to, the files.
ROOMS = {"_settings", "_batches", "_state", "_resume"}
# module -> modules of the package that it may import (the design's arrows, and no others)
ARROWS = {
    "training": {"checkpoints", "losses", "penalties", "history", "scaling", *ROOMS},
    "_batches": {"checkpoints", "_settings", "_state"},
    "history": {"checkpoints", "_state"},
    "_resume": {"checkpoints", "history", "_settings", "_state"},
    "_settings": {"history"},
    "plots": {"_narrow", "_panels", "_tables"},
    "_narrow": {"_panels"},
    "claims": {"_tables"},
    "explore": {"plots", "_flipbook"},
    "features": {"data"},  # to train the shipped networks; loading them needs no data
}


def package_imports(path: Path) -> set[str]:
    """The modules of the package that a file imports."""
    here = ["gancourse", *path.relative_to(PACKAGE).parts[:-1]]
    found = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # What a function is told of its arguments' types is no arrow: it imports nothing when it runs.
    tree.body = [n for n in tree.body if not ast.unparse(n).startswith("if TYPE_CHECKING:")]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else []
            whole = [*base, *(node.module.split(".") if node.module else [])]
            found |= {tuple([*whole, a.name][:2]) for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {tuple(a.name.split(".")[:2]) for a in node.names}
    return {module for root, module in (f for f in found if len(f) == 2) if root == "gancourse"}


@pytest.mark.parametrize("module", MODULES)
def test_only_the_designs_arrows(module):
    allowed = set() if module in DOORS else ARROWS.get(module, set()) | DOORS
    imported = set().union(*map(package_imports, FILES[module])) - {module}
    assert imported <= allowed


def test_an_import_is_seen_however_it_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "nets").mkdir()
    for file, text, expected in (
        ("a.py", "from gancourse import plots, losses", {"plots", "losses"}),
        ("a.py", "import gancourse.plots as p", {"plots"}),
        ("a.py", "def f():\n    from gancourse.metrics.kernel import kid", {"metrics"}),
        ("a.py", "from . import data", {"data"}),
        ("a.py", "from .data import ring", {"data"}),
        ("nets/a.py", "from .b import c", {"nets"}),
        ("nets/a.py", "from ..plots import table", {"plots"}),
        ("a.py", "import torch.nn, os\nfrom torch import nn", set()),
    ):
        (tmp_path / file).write_text(text)
        assert package_imports(tmp_path / file) == expected, text


@pytest.mark.parametrize("module", MODULES)
def test_nothing_imports_torchvision_or_unpickles(module):
    for path in FILES[module]:
        source = path.read_text(encoding="utf-8")
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
        bool(s.strip()) and not s.strip().startswith("#") and n not in documentation for n, s in lines
    )


MOST = 400  # code lines of a file of the package, and
MOST_OF_A_TEST = 600  # lines of a test file: what a reader takes in at one sitting
# Longer still; each is being split, and its row goes with the split.
LONGER = {}
# Code lines of each module when somebody last looked at it as a whole.
SIZES = {
    "_batches": 175,
    "_flipbook": 125,
    "_names": 27,
    "_narrow": 74,
    "_numbers": 44,
    "_panels": 89,
    "_paths": 14,
    "_resume": 239,
    "_settings": 213,
    "_state": 83,
    "_tables": 93,
    "_warn": 11,
    "checkpoints": 200,
    "claims": 341,
    "data": 812,
    "dynamics": 100,
    "explore": 274,
    "features": 196,
    "history": 110,
    "losses": 80,
    "metrics": 594,
    "nets": 557,
    "penalties": 85,
    "plots": 218,
    "recorded": 202,
    "scaling": 59,
    "training": 396,
}


def sizes_of_files() -> dict[str, tuple[int, int]]:
    """What is counted of each file of the package and its tests, and the most that it may be."""
    root = PACKAGE.parent
    files = [(p, code_lines(p), MOST) for module in (*FILES.values(), EXERCISES) for p in module]
    files += [
        (p, len(p.read_text(encoding="utf-8").splitlines()), MOST_OF_A_TEST)
        for p in (root / "tests").glob("*.py")
    ]
    return {p.relative_to(root).as_posix(): (size, most) for p, size, most in files}


def test_no_file_is_too_long_to_be_read():
    long = {name: size for name, (size, most) in sizes_of_files().items() if size > most}
    for name, size in long.items():
        most = MOST_OF_A_TEST if name.startswith("tests/") else MOST
        assert name in LONGER, f"{name} has {size} lines, may have {most}: split it by subject"
    spare = LONGER - long.keys()
    assert not spare, f"no longer too long, or gone; take them out of LONGER: {sorted(spare)}"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_grew_is_looked_at_as_a_whole(module):
    """Each may grow by a tenth and 20 lines; then somebody asks whether it is still one idea."""
    size = sum(map(code_lines, FILES[module]))
    assert module in SIZES, f'gancourse/{module} is new: write "{module}": {size} into SIZES'
    recorded = SIZES[module]
    assert size <= 1.1 * recorded + 20, (
        f"gancourse/{module} grew from {recorded} to {size} code lines: move something out, or "
        "write its new size into SIZES in a commit that says what it needs them for"
    )
    assert size >= 0.7 * recorded - 20, (
        f"gancourse/{module} shrank from {recorded} to {size} code lines; write that into SIZES"
    )


def test_code_lines_are_neither_blank_nor_comment_nor_docstring(tmp_path):
    (tmp_path / "a.py").write_text(
        '"""Two\n\nlines."""\n\nx = 1  # one\n# no\n\n\ndef f():\n    """No."""\n'
    )
    assert code_lines(tmp_path / "a.py") == 2


def public(module):
    """Functions and classes that a module defines itself, or lists in its ``__all__``."""
    it = import_module(f"gancourse.{module}")
    listed = getattr(it, "__all__", ())
    for name, thing in vars(it).items():
        own = getattr(thing, "__module__", "") == f"gancourse.{module}" or name in listed
        if not name.startswith("_") and own and (inspect.isfunction(thing) or inspect.isclass(thing)):
            yield name, thing


# What nets.conditional shares with nets.dcgan, and nobody outside.
FOR_CONDITIONAL = {"dcgan_init", "strided", "flat_features", "spectral"}


@pytest.mark.parametrize("module", ["data", "metrics", "nets"])
def test_a_package_lists_all_that_its_files_define(module):
    """Or the page of the reference, which reads ``__all__``, would miss a new metric."""
    it = import_module(f"gancourse.{module}")
    assert len(set(it.__all__)) == len(it.__all__)
    assert all(hasattr(it, name) for name in it.__all__)
    for path in FILES[module]:
        if not path.stem.startswith("_"):
            defined = {name for name, _ in public(f"{module}.{path.stem}")}
            missing = defined - set(it.__all__) - FOR_CONDITIONAL
            assert not missing, f"{path.name} defines {missing}: list them, or begin with _"


@pytest.mark.parametrize("module", MODULES)
def test_public_names_are_documented(module):
    bare = [name for name, thing in public(module) if not inspect.getdoc(thing)]
    assert not bare, f"no docstring: {bare}"


@pytest.mark.parametrize("module", ["data", "losses", "penalties", "metrics", "dynamics"])
def test_papers_are_cited_by_arxiv_id(module):
    source = "".join(path.read_text(encoding="utf-8") for path in FILES[module])
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
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        first, modules = out.stdout.split("\n")[:2]
        seconds.append(float(first))
        assert modules == "[]"
        time.sleep(0.05)
    assert min(seconds) < 0.5
