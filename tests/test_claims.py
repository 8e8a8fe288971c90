"""A claim that misses says what it compared and what to make of it; each prints before it asserts."""

import ast
import linecache
import sys

import nbformat
import pytest

from gancourse import claims
from scripts import build, notebook
from scripts import claims as origins


def miss(source):
    """What the reader of a cell is told."""
    name = f"<cell {abs(hash(source))}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    names = {"__name__": "__main__"}
    with pytest.raises(AssertionError) as caught:
        exec(compile(source, name, "exec"), names)
    return claims.explanation(caught.value.__traceback__, lambda text: eval(text, names))


def test_the_numbers_are_shown():
    said = miss("import math\nx = [1.0, 4.0]\nassert max(x) < 3 and (\n    math.sqrt(x[1]) > 1\n)")
    assert "This claim missed: max(x) < 3 and math.sqrt(x[1]) > 1" in said
    assert "    max(x) = 4\n    math.sqrt(x[1]) = 2\n" in said and claims.NOTE in said


def test_inside_all_each_round_is_shown():
    said = miss("rows = list(range(20))\nassert all(abs(r - 1) < 2 for r in rows if r)")
    assert "    abs(r - 1) = 0, 1, 2, 3, 4, 5, 6, 7, ...\n" in said


def test_what_is_no_number_or_a_functions_own_is_left_open():
    said = miss("def f(a):\n    assert a == 3 and x > 8\nx = 7\nf(3)")
    assert "    a = ?\n    x = 7\n" in said
    assert "    name = ?\n" in miss("name = 'a'\nassert name == 3")


def test_an_assert_of_a_library_is_no_claim():
    with pytest.raises(AssertionError) as caught:
        assert claims is None
    assert claims.explanation(caught.value.__traceback__, eval) == ""


def test_a_notebook_still_stops_with_the_error(tmp_path):
    nb = nbformat.v4.new_notebook()
    sources = ["from gancourse import claims\nclaims.explain_misses()", "x = 2\nassert x < 1", "1"]
    nb.cells = [nbformat.v4.new_code_cell(s) for s in sources]
    path = tmp_path / "one.ipynb"
    nbformat.write(nb, path)
    run = notebook.Run(path)
    with pytest.raises(Exception, match="AssertionError"):
        run.execute()
    outputs = run.nb.cells[1].outputs
    assert [o.output_type for o in outputs] == ["stream", "error"]
    assert "    x = 2\n" in outputs[0].text and outputs[1].ename == "AssertionError"
    assert "assert" in "\n".join(outputs[1].traceback)
    assert run.nb.cells[2].execution_count is None


def test_a_missed_row_stops_a_notebook_too_and_says_so_once(tmp_path):
    nb = nbformat.v4.new_notebook()
    setup = "from gancourse import claims\nclaims.explain_misses()"
    cell = "def f():\n    claims.verify(claims.below('a share', 0.7, 0.5))\nf()"
    nb.cells = [nbformat.v4.new_code_cell(s) for s in (setup, cell)]
    nbformat.write(nb, tmp_path / "one.ipynb")
    run = notebook.Run(tmp_path / "one.ipynb")
    with pytest.raises(Exception, match="AssertionError"):
        run.execute()
    strip, error = run.nb.cells[1].outputs
    assert "missed" in strip.data["text/html"] and not strip.metadata.gancourse.claims[0].holds
    told = "\n".join(error.traceback)
    assert told.count("What to make of it") == 1 and "a share: predicted < 0.5" in told
    assert "f()" in told and "claims.py" not in told  # it ends in the reader's own cell


def test_outside_of_a_notebook_nothing_happens(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    claims.explain_misses()


def prints(node, functions):
    """Whether a piece of code prints, itself or in a function of the chapter."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            name = part.func.id
            if name == "print" or name in functions and prints(functions[name], {}):
                return True
    return False


def silent(nb):
    """Claims that can miss on the reader's machine and whose first assert comes before any print.
    What `verify` is given, it shows before it raises."""
    functions, found = {}, []
    for claim in origins.claims(nb):
        if "claim" not in claim.tags or "recorded" in claim.tags or not claim.bare:
            continue
        functions |= {
            f.name: f
            for cell in nb.cells[: claim.index + 1]
            if cell.cell_type == "code" and "%" not in cell.source[:1]
            for f in ast.walk(ast.parse(cell.source))
            if isinstance(f, ast.FunctionDef)
        }
        tree = ast.parse(nb.cells[claim.index].source)
        parts = [n for n in ast.walk(tree) if isinstance(n, (ast.Assert, ast.Call))]
        first = min(n.lineno for n in parts if isinstance(n, ast.Assert))
        before = [n for n in parts if n.lineno < first]
        if not any(origins.verifies(n) or prints(n, functions) for n in before):
            found.append(f"cell {claim.index} ({claim.cell})")
    return found


@pytest.mark.parametrize("path", build.chapters(), ids=lambda path: path.stem)
def test_each_claim_prints_before_it_asserts(path):
    assert not silent(notebook.read(path))


def test_a_silent_claim_is_found():
    nb = nbformat.v4.new_notebook()
    sources = [
        "def f():\n    print(1)\nf()\nassert 1",
        "f()\nassert 2 > 1",
        "assert 2 > 1\nprint(2)",
        "claims.verify(claims.below('x', 1, 2))\nassert 2 > 1",
        "assert 2 > 1\nclaims.verify(claims.below('x', 1, 2))",
        "claims.verify(claims.below('x', 1, 2))",
    ]
    tags = {"tags": ["claim"]}
    nb.cells = [nbformat.v4.new_code_cell(s, metadata=tags) for s in sources]
    assert [text[:6] for text in silent(nb)] == ["cell 2", "cell 4"]


# Asserts of each chapter's claims (its deeper page's too) that are no rows of `claims.verify` yet: no
# reader sees them. None may be added; lower a number, and take it out at 0, as cells are converted.
BARE: dict[str, int] = {}


def test_no_claim_is_added_as_a_bare_assert():
    found = {}
    for path in build.chapters():
        claimed = [c for c in origins.claims(notebook.read(path)) if "claim" in c.tags]
        found[path.stem[:2]] = found.get(path.stem[:2], 0) + sum(c.bare for c in claimed)
    more = {chapter: n for chapter, n in found.items() if n > BARE.get(chapter, 0)}
    assert not more, f"{more}: make them rows of claims.verify (BARE has {BARE})"


def test_a_row_counts_as_an_assert_and_its_words_as_nothing():
    nb = nbformat.v4.new_notebook()
    sources = [
        "x = torch.randn(3)",
        "claims.verify(claims.below(f'of {x}', 1, 2), claims.same('y', 1, 1))",
        "rows = [claims.near('x', 0, v, within=9) for v in x]\nclaims.verify(*rows)\nassert 1",
        "claims.verify(claims.holds('y', 2 > 1))",
        "claims.verify(claims.same('y', 1, 1), *([claims.same('z', 1, x)] * 1 if x else []))",
        "claims.verify(claims.same('y', 1, 1), *([claims.same('z', 1, x), 2] if x else []))",
        "for v in x:\n    claims.verify(claims.holds('y', v > 1, measured=v))",
    ]
    nb.cells = [nbformat.v4.new_code_cell(s, metadata={"tags": ["claim"]}) for s in sources]
    found = origins.claims(nb)[1:]
    assert [(c.asserts, c.bare) for c in found] == [
        (2, 0), (2, 1), (1, 0), (2, 0), (3, 0), (1, 0)
    ]  # fmt: skip
    assert [bool(c.problem) for c in found] == [True, False, True, False, False, False]
    assert found[4].rows == (frozenset(), frozenset({"live"}), frozenset())
