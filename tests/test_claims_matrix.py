"""`make test-claims`: what its kernel changes, what it notes, what goes stale."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gancourse import claims
from scripts import claims_kernel, claims_matrix

ROOT = Path(__file__).resolve().parent.parent


def watched(source, log):
    """Run a cell's source as the kernel does."""
    tree = claims_kernel.Watch().visit(ast.parse(source))
    names = {"__claim__": log.claim, "__seen__": log.seen}
    exec(compile(tree, "cell", "exec"), names)
    return names


def test_an_assert_is_noted_with_its_numbers_and_the_cell_goes_on(capsys):
    log = claims_kernel.Log()
    names = watched(
        "for v in (1, 3):\n    assert 0 < v < 2 and all(w > v for w in [5])\ndone = 1\nassert done",
        log,
    )
    assert names["done"] == 1
    first, second = log.claims.values()
    assert (first["held"], first["missed"]) == (1, 1)
    assert first["seen"] == [["v", 1.0], ["w", 5.0], ["v", 1.0], ["v", 3.0]]
    assert (second["held"], second["missed"]) == (1, 0)
    assert "MISSED: 0 < v < 2" in capsys.readouterr().out


def test_a_side_is_evaluated_once():
    log, calls = claims_kernel.Log(), []
    tree = claims_kernel.Watch().visit(ast.parse("assert f() < 2 < 3"))
    names = {"__claim__": log.claim, "__seen__": log.seen, "f": lambda: calls.append(1) or 1}
    exec(compile(tree, "cell", "exec"), names)
    assert calls == [1] and log.claims["f() < 2 < 3"]["held"] == 1


def test_a_row_of_verify_is_noted_with_its_numbers_and_the_cell_goes_on(capsys):
    log = claims_kernel.Log()
    rows = claims.near("a ratio", 1, [1, 3], within=0.5), claims.same("a kind", "ring", "ring")
    log.rows(claims.verify, *rows)
    missed = {"held": 0, "missed": 1, "seen": [["measured", 1.0], ["measured", 3.0]]}
    assert log.claims == {"a ratio": missed, "a kind": {"held": 1, "missed": 0, "seen": []}}
    printed = capsys.readouterr().out
    assert "a ratio" in printed.splitlines()[1] and "MISSED: a ratio" in printed
    with pytest.raises(ValueError):
        log.rows(claims.verify)


def in_another_world(code, **variables):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from scripts import claims_kernel as k\nk.change_the_world()\n{code}",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | variables | {"PYTHONPATH": str(ROOT)},
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


DRAW = """
import json, numpy as np, torch
def numbers(s):
    torch.manual_seed(s)
    a = torch.rand(1).item()
    g = torch.Generator().manual_seed(s)
    return [a, torch.rand(1, generator=g).item(), np.random.default_rng(s).random()]
print(json.dumps([numbers(1), numbers(1001), torch.Generator().initial_seed() > 0]))
"""


def test_seeds_are_shifted_everywhere_alike():
    plain = in_another_world(DRAW)
    shifted = in_another_world(DRAW, CLAIMS_SEED="1000")
    assert shifted[0] == plain[1] != plain[0]


TRAIN = """
import json, torch
from gancourse import nets, training
torch.manual_seed(0)
G, D = nets.MLPGenerator(4, 2), nets.MLPDiscriminator(2)
before = [p.clone() for p in G.parameters()]
one = torch.optim.SGD(G.parameters(), 0.1)
def apart(a, b):
    return ((a - b).abs().max() / b.abs().max().clamp(min=1e-9)).item()
off = [apart(a, b) for a, b in zip(G.parameters(), before)]
torch.manual_seed(0)
H = nets.MLPGenerator(4, 2)
torch.optim.Adam([{"params": H.parameters()}], 0.1)
same = all(a.equal(b) for a, b in zip(G.parameters(), H.parameters()))
named = torch.optim.Adam(D.named_parameters(), 0.1)
print(json.dumps([max(off), same]))
"""


def test_weights_start_one_part_in_a_million_off_the_same_net_alike():
    assert in_another_world(TRAIN) == [0.0, True]
    off, same = in_another_world(TRAIN, CLAIMS_PERTURB="1")
    assert 1e-7 < off < 1e-5 and same
    assert in_another_world(TRAIN, CLAIMS_PERTURB="2")[0] not in (off, 0.0)


def test_threads_and_figures():
    code = "import torch\ntorch.set_num_threads(1)\nprint(torch.get_num_threads())"
    assert in_another_world(code, CLAIMS_THREADS="2") == 2
    code = "from gancourse.explore import flipbook\nprint(0 if flipbook(1, 2, 3) is None else 1)"
    assert in_another_world(code) == 0


@pytest.fixture
def clone(tmp_path):
    """A package of two functions, a chapter that claims something of one."""
    (tmp_path / "gancourse").mkdir()
    (tmp_path / "gancourse" / "losses.py").write_text('def f(x):\n    """Text."""\n    return x\n')
    (tmp_path / "book" / "recorded").mkdir(parents=True)
    (tmp_path / "book" / "recorded" / "ch01-x.json").write_text("{}")
    nb = nbformat.v4.new_notebook()
    nb.cells = [
        nbformat.v4.new_markdown_cell("# One\n\n## A | B"),
        nbformat.v4.new_code_cell("%time\nfrom gancourse import losses\nruns = load('ch01-x')"),
        nbformat.v4.new_code_cell("x = 2\nassert x < 1\nassert x < 5", metadata={"tags": ["claim"]}),
        nbformat.v4.new_code_cell("1 / 0"),
        nbformat.v4.new_code_cell("assert x == 2", metadata={"tags": ["claim"]}),
        nbformat.v4.new_code_cell(
            "from gancourse import claims\n"
            "claims.verify(claims.below('x', x, 1), claims.above('x, again', x, 1))\nx = 3",
            metadata={"tags": ["claim"]},
        ),
    ]
    nbformat.write(nb, tmp_path / "book" / "01-one.ipynb")
    return tmp_path


def test_only_what_a_claim_can_see_makes_it_stale(clone):
    chapter = clone / "book" / "01-one.ipynb"
    now = claims_matrix.digest(chapter, clone)
    # Comments, docstrings and the file that a function stands in.
    (clone / "gancourse" / "losses.py").write_text("# moved\n")
    (clone / "gancourse" / "losses").mkdir()
    (clone / "gancourse" / "losses" / "a.py").write_text(
        "import math\n\n__all__ = ['f']\n\n\ndef f(x):\n    # twice\n    return x\n"
    )
    (clone / "gancourse" / "plots.py").write_text("from gancourse import losses\ny = 1\n")
    (clone / "gancourse" / "exercises").mkdir()
    (clone / "gancourse" / "exercises" / "ch01.py").write_text("x = 1\n")
    (clone / "book" / "recorded" / "ch02-y.json").write_text("{}")
    nb = nbformat.read(chapter, as_version=4)
    nb.cells[0].source += "\n\nMore text."
    nbformat.write(nb, chapter)
    assert claims_matrix.digest(chapter, clone) == now
    (clone / "book" / "recorded" / "ch01-x.json").write_text("[]")
    record = claims_matrix.digest(chapter, clone)
    (clone / "gancourse" / "losses" / "b.py").write_text("from ..deeper.c import d\nfrom .a import f\n")
    assert claims_matrix.digest(chapter, clone) == record  # an import defines nothing
    (clone / "gancourse" / "deeper").mkdir()
    (clone / "gancourse" / "deeper" / "c.py").write_text("d = 1\n")
    deeper = claims_matrix.digest(chapter, clone)
    assert deeper != record
    (clone / "gancourse" / "losses" / "a.py").write_text("def f(x):\n    return x + 1\n")
    package = claims_matrix.digest(chapter, clone)
    nb.cells[2].source = "x = 3"
    nbformat.write(nb, chapter)
    assert len({now, record, package, claims_matrix.digest(chapter, clone)}) == 4


def test_a_run_notes_misses_and_errors_and_goes_on(clone):
    chapter = clone / "book" / "01-one.ipynb"
    ids = [cell.id for cell in nbformat.read(chapter, as_version=4).cells]
    nb = nbformat.read(chapter, as_version=4)
    nb.cells[1].source = "import warnings; warnings.warn('old')"
    nbformat.write(nb, chapter)
    cells = claims_matrix.run(chapter, claims_matrix.BY_NAME["default"], sys.executable, 60)
    assert [claims_matrix.state(cells.get(i)) for i in ids] == ["?", ".", "x", "E", ".", "x"]
    assert claims_matrix.why(cells[ids[2]]) == "x < 1 with x = 2"
    assert "ZeroDivisionError" in claims_matrix.why(cells[ids[3]])
    assert "UserWarning: old" in claims_matrix.why(cells[ids[1]])
    assert cells[ids[4]]["claims"]["x == 2"] == {"held": 1, "missed": 0, "seen": [["x", 2.0]]}
    assert claims_matrix.why(cells[ids[5]]) == "x with measured = 2"
    assert cells[ids[5]]["claims"]["x, again"]["held"] == 1 and "error" not in cells[ids[5]]
    # Kept, it is not run again; the table shows it, and what it lacks.
    results = clone / "results" / "default"
    results.mkdir(parents=True)
    kept = {"digest": claims_matrix.digest(chapter), "date": "2026-11-28", "versions": "v"}
    del cells[ids[4]]
    (results / "01-one.json").write_text(json.dumps(kept | {"cells": cells}))
    claims_matrix.fill([chapter], ["default"], results.parent, "", 60)
    lines, problems = claims_matrix.table([chapter], results.parent)
    assert lines[2:4] == [f"| 01 | {ids[2]} | A / B | x |", f"| 01 | {ids[4]} | A / B | ? |"]
    assert len(problems) == 5 and "not reached" in problems[-2]
    (results / "01-one.json").write_text(json.dumps(kept | {"cells": cells, "digest": "old"}))
    lines, _ = claims_matrix.table([chapter], results.parent)
    assert lines[2].endswith("| (x) |")


def test_the_report_says_when_and_with_what(clone, tmp_path, monkeypatch):
    chapter = clone / "book" / "01-one.ipynb"
    cell = nbformat.read(chapter, as_version=4).cells[4].id
    seen = {"held": 0, "missed": 1, "seen": [["x", 2.0]]}
    kept = {"digest": claims_matrix.digest(chapter), "date": "2026-11-28", "versions": "torch 9"}
    kept["cells"] = {cell: {"claims": {"x == 2": seen}}}
    (tmp_path / "r" / "avx2").mkdir(parents=True)
    (tmp_path / "r" / "avx2" / "01-one.json").write_text(json.dumps(kept))
    text = claims_matrix.report([chapter], tmp_path / "r")
    assert "Dates: 2026-11-28." in text and "- `avx2`: AVX2 kernels (torch 9): 1 of 3 cells ran" in text
    assert f"| 01 | {cell} | A / B | x |" in text
    assert f"- 01-one cell 4 ({cell}), avx2: x == 2 with x = 2" in text
    assert claims_matrix.margins([chapter], tmp_path / "r") == []  # one environment: no spread
