"""No page grows: words, code in view, exercises, names with two meanings (heights: test_book.py)."""

import json

import nbformat
import pytest

from scripts import book, budget, names, notebook

PAGES = book.notebooks()


def nb(*cells):
    """A notebook of code cells, (tag, source) or source; a source that begins with "# " is text."""
    made = nbformat.v4.new_notebook()
    for cell in cells:
        tag, source = cell if isinstance(cell, tuple) else ("", cell)
        text = not tag and source.startswith("# ")
        make = nbformat.v4.new_markdown_cell if text else nbformat.v4.new_code_cell
        made.cells.append(make(source, metadata={"tags": [tag]} if tag else {}))
    return made


@pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])
def test_a_page_is_within_its_budget(path):
    problems = budget.too_long(path.stem, budget.sizes(notebook.read(path)))
    assert not problems, "\n".join(problems)


def test_every_page_that_may_be_longer_is_there_and_is_longer_than_a_page_may_be():
    table = budget.known()
    assert set(table) <= {path.stem for path in PAGES}
    for page, row in table.items():
        assert all(value > budget.LIMITS[what] for what, value in row.items()), page


# --- what is counted


@pytest.mark.parametrize(
    ("markdown", "count"),
    [
        ("# One two\n\nThree, *four* – five.", 5),
        ("See [the other page](02-x.ipynb#a-b) of $x + y$.", 6),
        ("One\n\n$$a = b$$\n\ntwo \\begin{align}a &= b\\end{align}", 2),
        ("One\n\n<details><summary>Hint 1</summary>\n\nnot this\n\n</details>\n\ntwo", 2),
        ("One\n\n```python\nx = 1\n```\n\ntwo", 2),
        ("| a | b |\n|---|--:|\n| 1 | 2 |", 4),
    ],
)
def test_words(markdown, count):
    assert budget.words(markdown) == count


def test_lines_in_view_are_those_that_are_not_folded_and_not_empty():
    page = nb("# Text", "x = 1\n\n\ny = 2", ("draw", "# @title\n\nz = 3"), ("gpu", "w = 4\n"))
    assert budget.code_lines(page) == (3, 2)
    assert budget.sizes(page)["lines"] == 3
    assert budget.sizes(nb("# T\n\n### Exercise 3.1 · A\n\n### Exercise 3.2 · B"))["exercises"] == 2


# --- the table of what is over


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "OVER", tmp_path / "over.json")
    budget.write({"01-a": {"words": 5000, "screens": 30.5}, "02-b": {"lines": 400}})
    return budget.OVER


def test_a_page_may_not_grow_beyond_what_it_has(table):
    assert budget.too_long("01-a", {"words": 5000, "lines": 350}) == []
    (problem,) = budget.too_long("01-a", {"words": 5001, "screens": 30.5})
    assert problem.startswith("01-a: 5001 words of prose") and "at most 5000" in problem
    assert len(budget.too_long("03-c", {"words": 3501, "lines": 351, "names": 1})) == 3
    deeper = {"words": 9000, "lines": 900, "exercises": 9, "screens": 90, "names": 1}
    (problem,) = budget.too_long("03-c-deeper-d", deeper)
    assert "two meanings" in problem


def test_the_table_is_lowered_and_never_raised(table):
    found = {
        "01-a": {"words": 4000, "screens": 40.0},
        "02-b": {"lines": 350},
        "03-c": {"words": 9000},
    }
    assert budget.tightened(found) == {"01-a": {"words": 4000, "screens": 30.5}}
    assert budget.tightened({}) == budget.known()  # what nobody measured stays
    budget.write(budget.tightened(found))
    assert json.loads(table.read_text()) == budget.known() == {"01-a": {"words": 4000, "screens": 30.5}}
    budget.write({})
    assert budget.known() == {}


# --- names


TWO = {
    "two functions": ["def f():\n    return 1", "def f():\n    return 2"],
    "a function and a value": ["def f():\n    return 1", "f = 2"],
    "a value that another cell reads": ["x = 1", "y = x", "x = 2"],
    "a value changed where it is read": ["x = 1", "x += 1"],
    "one of a pair": ["x, y = 1, 2", "print(x)", "x = 3"],
    "in a branch": ["x = 1", "if True:\n    x = 2", "print(x)"],
    "by way of a function": ["x = 1\ndef f():\n    return x", "x = 2\nprint(x)", "f()"],
    "what with opens": ["import io\nwith io.StringIO() as x:\n    pass", "x = 1", "x"],
}
ONE = {
    "the same line twice": ["x = f(1)", "y = x", "x = f(1)"],
    "the same function twice": ["def f():\n    return 1", "f()", "def f():\n    return 1"],
    "the same import": ["from math import pi", "pi", "from math import pi"],
    "scratch paper": ["x = 1\nprint(x)", "x = 2\nprint(x)"],
    "loops": ["for x in range(3):\n    print(x)", "x", "for x in range(4):\n    pass"],
    "figures": ["fig, ax = subplots()", "ax.plot()", "fig, ax = subplots(2)"],
    "inside of functions": ["def f():\n    x = 1", "def g():\n    x = 2", "x = 3", "x"],
    "one cell": ["x = 1\nx = 2", "x"],
    "a function of its own cell": ["x = 1\ndef f():\n    return x\nf()", "x = 2\nprint(x)"],
}


@pytest.mark.parametrize("case", TWO)
def test_a_name_with_two_meanings_is_found(case):
    found = names.two_meanings(nb(*TWO[case]))
    assert len(found) == 1 and len(next(iter(found.values()))) == 2


@pytest.mark.parametrize("case", ONE)
def test_a_name_with_one_meaning_is_let_through(case):
    assert names.two_meanings(nb(*ONE[case])) == {}
