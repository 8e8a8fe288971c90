"""A deeper page is a notebook and its lines in _toc.yml: everything else finds it by itself."""

import ast
import shutil

import nbformat
import pytest

from gancourse.recorded import chapter_pages
from scripts import book, exercises_page, gpu_cells, notebook, reading_order, skeleton

ROOT = book.ROOT
TOC = """format: jb-book
root: book/intro
parts:
  - caption: The game
    numbered: 1
    chapters:
      - file: book/01-one
      - file: book/02-two
  - caption: Help
    chapters:
      - file: book/faq
"""


def page(path, *cells):
    """A notebook of (tag, source); text cells have the tag `text`."""
    nb = nbformat.v4.new_notebook()
    for tag, source in cells:
        if tag == "text":
            nb.cells.append(nbformat.v4.new_markdown_cell(source))
        else:
            nb.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}))
    notebook.write(notebook.clean(nb, "x = 1"), path)


@pytest.fixture
def clone(tmp_path):
    """Two chapters, the first with an exercise."""
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text(TOC)
    page(tmp_path / "book" / "01-one.ipynb", ("text", "# One\n\n### Exercise 1.1 · A first one"))
    page(tmp_path / "book" / "02-two.ipynb", ("text", "# Two"), ("gpu", "main = 1"))
    return tmp_path


def test_a_page_is_told_by_its_name():
    assert book.is_deeper("book/03-failures-deeper-dynamics")
    assert not book.is_deeper(ROOT / "book" / "11-bigger.ipynb")
    for name in ("03-failures-deeper-dynamics.ipynb", "book/03-failures"):
        assert book.main_name(name) == "03-failures"


@pytest.mark.parametrize("name", ["16-pictures", "03-failures-deeper-two-words", "03-a-b-deeper-c"])
def test_names_of_pages(name):
    assert book.NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["3-x", "16", "16-", "16-Pictures", "03-x-deeper-", "03-x y"])
def test_no_names_of_pages(name):
    assert not book.NAME.fullmatch(name)


def test_the_main_page_comes_first_and_the_contents_agree(clone):
    for name in ("02-two-deeper-b", "02-two-deeper-a"):
        skeleton.new_page(name, name, clone)
    names = [path.stem for path in book.notebooks(clone / "book")]
    assert names == ["01-one", "02-two", "02-two-deeper-a", "02-two-deeper-b"]
    assert [path.stem for path in book.main_pages(clone / "book")] == names[:2]
    nested = """      - file: book/02-two
        sections:
          - file: book/02-two-deeper-b
          - file: book/02-two-deeper-a
"""
    assert nested in (clone / "_toc.yml").read_text()
    assert book.toc(clone)[1:5] == [
        "book/01-one",
        "book/02-two",
        *(f"book/{n}" for n in names[:1:-1]),
    ]
    assert book.toc(clone)[5:] == ["book/faq"]


def test_a_new_chapter_comes_after_the_deeper_pages_of_the_one_before(clone):
    (clone / "gancourse" / "exercises").mkdir(parents=True)
    skeleton.new_page("02-two-deeper-a", "A", clone)
    skeleton.new_page("03-three", "Three", clone)
    assert book.toc(clone)[2:] == [
        "book/02-two",
        "book/02-two-deeper-a",
        "book/03-three",
        "book/faq",
    ]
    assert "(03-three.ipynb)" in notebook.read(clone / "book" / "02-two.ipynb").cells[-1].source


def test_what_cannot_be_deepened_is_said(clone):
    skeleton.new_page("01-one-deeper-a", "A", clone)
    with pytest.raises(ValueError, match="is there already"):
        skeleton.new_page("01-one-deeper-a", "A", clone)
    with pytest.raises(ValueError, match="no 01-other.ipynb that it could deepen"):
        skeleton.new_page("01-other-deeper-a", "A", clone)
    (clone / "_toc.yml").write_text(TOC.replace("      - file: book/02-two\n", ""))
    with pytest.raises(ValueError, match="no line for 02-two"):
        skeleton.new_page("02-two-deeper-a", "A", clone)
    assert not (clone / "book" / "02-two-deeper-a.ipynb").exists()


def test_an_exercise_is_linked_where_it_stands_in_the_order_of_numbers(clone, monkeypatch):
    monkeypatch.setattr(exercises_page, "ROOT", clone)
    skeleton.new_page("01-one-deeper-a", "Deeper", clone)
    text = "# Deeper\n\n### Exercise 1.10 · A tenth\n\n### Exercise 1.2 · A second"
    page(clone / "book" / "01-one-deeper-a.ipynb", ("text", text))
    ((main, printed),) = exercises_page.chapters()
    assert main == "01-one.ipynb"
    assert [(name, file) for name, (file, _) in printed.items()] == [
        ("1.1", "01-one.ipynb"), ("1.2", "01-one-deeper-a.ipynb"), ("1.10", "01-one-deeper-a.ipynb"),
    ]  # fmt: skip


def test_a_new_exercise_takes_a_number_that_no_page_of_the_chapter_has(clone):
    shutil.copytree(
        ROOT / "gancourse" / "exercises" / "ch01", clone / "gancourse" / "exercises" / "ch01"
    )
    skeleton.new_page("01-one-deeper-a", "Deeper", clone)
    page(clone / "book" / "01-one-deeper-a.ipynb", ("text", "# D\n\n### Exercise 1.7 · A seventh"))
    assert skeleton.new_exercise(1, "An eighth", clone) == "1.8"
    assert "Exercise 1.8 " in (clone / "book" / "01-one.ipynb").read_text()


def test_gpu_cells_are_found_on_it_and_need_nothing_of_the_main_page(clone, monkeypatch):
    text = "import matplotlib\ndeeper = 2\n"
    page(
        clone / "book" / "02-two-deeper-a.ipynb",
        ("text", "# D"),
        ("plain", text),
        ("gpu", "deeper"),
    )
    monkeypatch.setattr(book, "notebooks", lambda real=book.notebooks: real(clone / "book"))
    main, deeper = gpu_cells.cells()
    assert (main.chapter, deeper.chapter) == ("02", "02") and main.path.stem == "02-two"
    assert "deeper = 2" in gpu_cells.source(deeper) and "main" not in gpu_cells.source(deeper)


def test_previous_and_next_leave_it_out():
    names = ["01-one", "01-one-deeper-a", "01-one-deeper-b", "02-two", "02-two-deeper-a"]
    ends = [None, *names, None]
    relations = {name: (None, ends[i], ends[i + 2]) for i, name in enumerate(names)}
    found = {
        name: tuple(reading_order.neighbour(relations, name, side) for side in ("prev", "next"))
        for name in names
    }
    assert found == {
        "01-one": (None, "02-two"),
        "01-one-deeper-a": ("01-one", "02-two"),
        "01-one-deeper-b": ("01-one", "02-two"),
        "02-two": ("01-one", None),
        "02-two-deeper-a": ("02-two", None),
    }


def statements(path, again):
    """(first line, syntax tree) of what a page's cells tagged `again` say, or its other cells."""
    cells = [c for c in notebook.read(path).cells if c.cell_type == "code"]
    sources = [c.source for c in cells if ("again" in notebook.tags(c)) == again]
    nodes = [node for source in sources for node in ast.parse(source).body]
    plain = [node for node in nodes if not isinstance(node, (ast.Import, ast.ImportFrom))]
    return [(ast.unparse(node).split("\n")[0], ast.dump(node)) for node in plain]


def repeated_otherwise(path):
    """What a deeper page claims to repeat from its chapter and writes in other words."""
    others = [p for p in chapter_pages(path.parent, path.name[:2]) if p != path]
    known = {tree for other in others for _, tree in statements(other, again=False)}
    return [line for line, tree in statements(path, again=True) if tree not in known]


@pytest.mark.parametrize("path", book.notebooks(), ids=[p.stem for p in book.notebooks()])
def test_what_a_page_has_again_is_word_for_word_what_its_chapter_has(path):
    assert repeated_otherwise(path) == []


def test_what_is_written_otherwise_is_found(clone):
    skeleton.new_page("02-two-deeper-a", "A", clone)
    deeper = clone / "book" / "02-two-deeper-a.ipynb"
    page(clone / "book" / "02-two.ipynb", ("text", "# Two"), ("plain", "def f(x):\n    return x"))
    same = "# @title Again\nimport math\n\n\ndef f(x):  # by hand\n    return x"
    page(deeper, ("text", "# D"), ("again", same))
    assert repeated_otherwise(deeper) == []
    page(deeper, ("text", "# D"), ("again", same.replace("return x", "return -x")))
    assert repeated_otherwise(deeper) == ["def f(x):"]
