"""A chapter's definitions, taken from it by scripts/chapters.py."""

from __future__ import annotations

import ast
import copy
import difflib
import inspect
import io
import json
import pickle
import subprocess
import sys
import tokenize
import traceback

import pytest
import torch

from scripts import chapters
from scripts.chapters import Chapter, chapter

CELLS = [
    "import math\nfrom math import tau as turn\n%matplotlib inline",
    "STEPS, DRAWN = 3, []\nLEVEL = 2 / STEPS\nK = 4\nraise SystemExit('a cell was run')",
    "def half(x):\n    return twice(x) * LEVEL / turn\n\n\ndef twice(x):\n    return 2 * x\n",
    "class Base:\n    size = STEPS\n    both = size + 1\n\n\nclass Child(Base):\n"
    "    def answer(self):\n        return [self.size + i for i in range(STEPS)]",
    "MADE = twice(3)\nWAITS = [lambda x: twice(x)]\nmean = 5\nOFTEN = 1\nOFTEN = 2\n\n\n"
    "def lost():\n    return mean + MADE",
    "def failing(x):\n    y = x + 1\n    return y / 0",
    "def two():\n    return 1",
    "def two():\n    return 2",
]


@pytest.fixture
def toy(tmp_path, monkeypatch):
    cells = [
        {"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "source": source}
        for i, source in enumerate(CELLS)
    ]
    exercise = {"tags": ["exercise"]}
    cells.append({"cell_type": "code", "id": "e", "metadata": exercise, "source": "def asked(): 0"})
    cells.append({"cell_type": "markdown", "id": "m", "metadata": {}, "source": "def prose(): 0"})
    path = tmp_path / "93-toy.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    monkeypatch.setattr(chapters, "BOOK", tmp_path)
    return lambda **given: Chapter("93", given)


def test_a_definition_comes_with_what_it_needs_and_no_cell_is_run(toy):
    page = toy()
    assert page.half(3) == pytest.approx(3 * 2 * 2 / 3 / 6.283185307)
    assert page.WAITS[0](4) == 8
    assert page.STEPS == 3 and page.half is page.half
    assert page.Child().answer() == [3, 4, 5] and page.Base.both == 4
    assert "DRAWN" not in vars(page)  # nothing but what was asked for and needed
    assert page.half.__globals__ is vars(page)


def test_what_a_cell_computes_can_be_given(toy):
    assert toy(mean=1, MADE=2).lost() == 3
    assert toy(twice=lambda x: 0).half(3) == 0
    torch.manual_seed(0)
    state = torch.get_rng_state()
    assert toy(mean=chapters.Later(lambda: torch.rand(2)), MADE=2).lost().shape == (2,)
    assert torch.equal(torch.get_rng_state(), state)  # no draw of an experiment's was taken
    made = []
    page = toy(mean=1, MADE=chapters.Later(lambda: made.append(1) or 2))
    assert not made and page.lost() == page.lost() == 3 and made == [1]
    with pytest.raises(ValueError, match="has no 'maen'"):
        toy(maen=1, MADE=2).half(1)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("halve", "defines no 'halve'; did you mean 'half'?"),
        ("asked", "defines no 'asked'"),
        ("prose", "defines no 'prose'"),
        ("mean", "computes 'mean' in a cell"),
        ("MADE", "computes 'MADE' in a cell"),  # by a function of its own
        ("K", "computes 'K' in a cell"),  # one letter: a chapter's networks are called G and D
        ("lost", r"'lost' needs 'MADE': chapter 93 computes 'MADE' in a cell.*MADE=\.\.\."),
        ("OFTEN", "'OFTEN' more than one meaning"),
        ("two", "'two' more than one meaning"),
    ],
)
def test_what_cannot_be_had_is_named(toy, name, says):
    with pytest.raises(AttributeError, match=says):
        getattr(toy(), name)


def test_tracebacks_and_inspect_show_the_chapters_lines(toy, monkeypatch):
    page = toy()
    monkeypatch.setitem(sys.modules, page.__name__, page)  # as those of the book are
    with pytest.raises(ZeroDivisionError) as caught:
        page.failing(1)
    shown = "".join(traceback.format_exception(caught.value))
    assert "<chapter 93>" in shown and "return y / 0" in shown
    assert inspect.getsource(page.half).startswith("def half(x):")
    assert inspect.getsource(page.Child).startswith("class Child(Base):")


def test_the_source_that_counts_is_that_of_what_is_needed(toy):
    source = toy()._definitions.source
    assert "def twice" in source(["half"]) and "Base" not in source(["half"])
    assert source(["half"]).index("tau") < source(["half"]).index("LEVEL")
    assert source(["lost"], given=["mean", "MADE"]).startswith("def lost")


def test_pickle_deepcopy_and_a_child_process():
    page = chapter("14")
    assert chapter("14") is page and page.complaint is chapter("14").complaint
    writer = page.Writer(nz=2, width=3)
    assert type(copy.deepcopy(writer)) is type(pickle.loads(pickle.dumps(writer))) is page.Writer
    done = subprocess.run(
        [sys.executable, "-c", "import pickle, sys; print(type(pickle.load(sys.stdin.buffer)))"],
        input=pickle.dumps(writer), cwd=chapters.BOOK.parent, capture_output=True, check=True,
    )  # fmt: skip
    assert b"scripts.chapters.ch14.Writer" in done.stdout
    with pytest.raises(pickle.PicklingError):  # its chapter was given something: not by name
        pickle.dumps(chapter("12", KEY=None).z_score)


def write_page(path, *sources):
    cells = [
        {"cell_type": "code", "id": f"{path.stem}-{i}", "metadata": {}, "source": source}
        for i, source in enumerate(sources)
    ]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")


def test_a_chapter_has_the_definitions_of_all_its_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(chapters, "BOOK", tmp_path)
    main, deeper = tmp_path / "93-toy.ipynb", tmp_path / "93-toy-deeper-waves.ipynb"
    write_page(main, "import math", "STEPS = 3", "def half(x):\n    return x / 2")
    alone = chapters.chapter_text("93")
    assert alone == main.read_text(encoding="utf-8")  # no page more: no other digest of a record
    write_page(
        deeper,
        "import math",
        "def half(x):\n    return x / 2",
        "def wave(x):\n    return half(STEPS)",
    )
    assert chapters.chapter_file("93") == main
    page = Chapter("93", {})
    assert page.wave(1) == 1.5 and page.half(4) == 2 and page.math.pi > 3
    write_page(deeper, "def half(x):\n    return x // 2")
    with pytest.raises(AttributeError, match="'half' more than one meaning"):
        Chapter("93", {}).half(4)


def test_a_number_that_no_chapter_has():
    for number in ("99", "3", "../03", ""):
        with pytest.raises(ValueError, match="number"):
            chapter(number)


# Written in a chapter and, nearly alike, in an experiment; each with the reason why it stays.
TWINS = {
    "ch07.draw": "hands out both halves; the chapter's gives their distance, from its own set",
    "ch07.predicted_slope": "one product rounds otherwise than torch.cov; the record is of this one",
    "ch07.in_parts": "one line, like chapter 8's `feats` by chance",
    "ch08.train": "a call of GANTrainer, as in chapter 12",
    "ch10.Discriminator": "three ways in one class; its projection rounds as the recorded one",
    "ch11.average_": "an average of weights, three lines as anywhere",
    "ch11.gaze": "the chapter's looks at the network of its cell, this one at any",
    "ch12.grain": "one line, like the watermark's by chance",
    "ch13.held_out": "one line, like chapter 12's `saved` by chance",
    "ch13.train_gan": "a call of GANTrainer, as in chapter 12",
    "ch14.string_gan": "a call of GANTrainer, as in chapter 12",
    "ch14.likelihood": "a loop of Adam's, as in chapter 10",
    "ch16.styled": "one line, like chapter 5's `bump_pairs` by chance",
    "ch16.grey": "one line, like chapter 12's `saved` by chance",
}


class Plain(ast.NodeTransformer):
    """Code without what differs by habit: annotations, docstrings, decorators."""

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        node.returns, node.decorator_list = None, []
        return self.visit_ClassDef(node)

    def visit_ClassDef(self, node):
        self.generic_visit(node)
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return node


def words(node: ast.stmt) -> list[str]:
    """A definition as words, its own name left out."""
    node = Plain().visit(copy.deepcopy(node))
    lines = io.StringIO(ast.unparse(node)).readline
    found = [t.string for t in tokenize.generate_tokens(lines) if t.string.strip()]
    return [w for i, w in enumerate(found) if i != 1]


def twins() -> dict[str, tuple[str, float]]:
    """Of each experiment's functions and classes the most similar one of a chapter, above 0.6."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    written = [
        (f"chapter {path.name[:2]}'s {name}", words(node))
        for path in sorted(chapters.BOOK.glob("[0-9][0-9]-*.ipynb"))
        for name, nodes in chapters.Definitions(path.name[:2], path.read_text("utf-8")).found.items()
        for node in nodes
        if isinstance(node, kinds)
    ]
    found = {}
    for path in sorted((chapters.BOOK.parent / "scripts" / "experiments").glob("ch*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, kinds):
                ours = difflib.SequenceMatcher(None, autojunk=False)
                ours.set_seq2(words(node))
                best = ("", 0.6)
                for name, theirs in written:
                    ours.set_seq1(theirs)
                    if ours.real_quick_ratio() > best[1] and ours.quick_ratio() > best[1]:
                        best = max(best, (name, ours.ratio()), key=lambda pair: pair[1])
                if best[1] > 0.6:
                    found[f"{path.stem}.{node.name}"] = best
    return found


def test_nothing_stands_in_a_chapter_and_again_in_an_experiment():
    found = twins()
    new = {name: twin for name, twin in found.items() if name not in TWINS}
    assert not new, f"take it from the chapter (scripts/chapters.py), or say why not: {new}"
    assert TWINS.keys() <= found.keys(), f"no twin any more: {sorted(TWINS.keys() - found.keys())}"
