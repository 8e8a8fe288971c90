"""Begin an exercise or a chapter: something small that passes every test, to be written over.

    python scripts/notebook.py new exercise 3 "What the reader will write"
    python scripts/notebook.py new page 16-name "Title of the chapter"
    python scripts/notebook.py new page 03-failures-deeper-topic "Title of a deeper page"

An exercise is three cells at the end of its chapter and a file, gancourse/exercises/chNN/eK.py;
a page is a notebook with three of them, a line in _toc.yml and a link from the chapter before; a
deeper page is a notebook, its lines in _toc.yml under its chapter's, and a link there. From then on,
edit; `python -m pytest -k 3.6` and `python -m pytest -k 16-name` say what is missing.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from gancourse.recorded import DEEPER, chapter_pages

from . import book

ROOT = Path(__file__).resolve().parent.parent

EXERCISE_TEXT = """### Exercise {id} · {title}

●○○ · 5 minutes

Write `{function}(x)` for a tensor `x` of shape `(n, d)`: the mean of its samples, shape `(d,)`."""
STUB = """def {function}(x):
    # your code here
    return ...


check("{id}", {function});"""
SOLUTION = """<details><summary>Hint 1</summary>

Over which axis do the samples run?

</details>

<details><summary>Solution</summary>

```python
def {function}(x):
    return x.mean(0)
```

</details>"""
DATA = '''"""Exercise {id}: {title}."""

import torch

from .. import Exercise, Mistake


def _{function}(x):
    return x.mean(0)


def _inputs(g):
    """Samples of unequal numbers and sizes."""
    return [(torch.randn(n, d, generator=g),) for n, d in ((4, 3), (7, 2), (5, 5))]


MISTAKES = [
    Mistake(
        lambda x: x.mean(1),
        "You average over the features: average over the samples.",
        slip={{"mean(0)": "mean(1)"}},
    ),
    Mistake(
        lambda x: x.sum(0),
        "This is the sum of the samples: divide by how many there are.",
        slip={{"mean(0)": "sum(0)"}},
    ),
    Mistake(lambda x: x.mean(), "This is one number for all features: keep one for each."),
]

EXERCISE = Exercise(
    "{id}",
    "{title}",
    difficulty=1,
    minutes=5,
    reference=_{function},
    inputs=_inputs,
    mistakes=MISTAKES,
)
'''
CLAIM = [
    (
        "markdown",
        "",
        """## The claim

The mean of `n` samples scatters with the standard deviation $\\sigma / \\sqrt{{n}}$.""",
    ),
    (
        "code",
        "claim",
        """g = torch.Generator().manual_seed(0)
means = torch.randn(4000, 100, generator=g).mean(1)
claims.verify(
    claims.near("spread of the means of 100 samples", 0.1, means.std(), within=0.004)
)""",
    ),
]
PAGE = [
    (
        "markdown",
        "",
        """# {title}

The question that this chapter answers, in one sentence.

**You will** say what the reader can do afterwards. **You need** [chapter 1](01-minimax.ipynb).
**Time**: half an hour; a few seconds on a CPU, and nothing here gains from a GPU.""",
    ),
    ("code", "setup", "# SETUP"),
    *CLAIM,
    (
        "code",
        "",
        """from gancourse.explore import explore


def draw(n):
    fig, ax = plt.subplots(figsize=(7.2, 3))
    g = torch.Generator().manual_seed(0)
    ax.hist(torch.randn(2000, n, generator=g).mean(1), bins=41, color=plots.REAL)
    ax.set(xlabel=f"mean of {{n}} samples", ylabel="how often", xlim=(-3, 3))
    return fig


explore(draw, n=[1, 4, 16, 64])""",
    ),
]
DEEPER_PAGE = [
    (
        "markdown",
        "",
        """# {title}

If you want to know more of this than [chapter {number}]({main}.ipynb) tells, read on. What you get
here and why it is worth it, in one sentence.""",
    ),
    ("code", "setup", "# SETUP"),
    *CLAIM,
    ("markdown", "", "Back to [chapter {number}]({main}.ipynb)."),
]
END = """## Summary

- One sentence for each thing that was shown.

To read on: a paper, with its link.
"""


def _cell(kind: str, tag: str, source: str) -> NotebookNode:
    make = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_code_cell
    cell = make(source)
    if tag:
        cell.metadata["tags"] = [tag]
    return cell


def _three(names: dict[str, str]) -> list[NotebookNode]:
    return [
        _cell("markdown", "", EXERCISE_TEXT.format(**names)),
        _cell("code", "exercise", STUB.format(**names)),
        _cell("markdown", "", SOLUTION.format(**names)),
    ]


def _register(number: int, names: dict[str, str], root: Path) -> Path:
    """Write the exercise into gancourse/exercises/chNN/eK.py, where the checker finds it."""
    chapter = root / "gancourse" / "exercises" / f"ch{number:02d}"
    chapter.mkdir(exist_ok=True)
    if not (chapter / "__init__.py").exists():
        text = f'"""Exercises of chapter {number}."""\n'
        (chapter / "__init__.py").write_text(text, encoding="utf-8")
    path = chapter / f"e{names['id'].partition('.')[2]}.py"
    path.write_text(DATA.format(**names), encoding="utf-8")
    return path


def _names(number: int, k: int, title: str) -> dict[str, str]:
    function = f"mean_of_samples_{k}"
    return dict(id=f"{number}.{k}", title=title, function=function)


def new_exercise(number: int, title: str, root: Path = ROOT) -> str:
    """Append an exercise to a chapter; returns its id.

    Raises:
        ValueError: there is no such chapter.
    """
    from . import notebook

    pages = chapter_pages(root / "book", f"{number:02d}")
    if not pages:
        raise ValueError(f"chapter {number}: no book/{number:02d}-*.ipynb; begin with `new page`")
    nb = notebook.read(pages[0])
    known = [  # on any page of the chapter
        int(k)
        for page in pages
        for cell in notebook.read(page).cells
        for k in re.findall(rf"^### Exercise {number}\.(\d+) ", cell.source, re.M)
    ]
    names = _names(number, max(known, default=0) + 1, title)
    _register(number, names, root)
    ends = [i for i, c in enumerate(nb.cells) if re.match(r"## (Test yourself|Summary)", c.source)]
    at = ends[0] if ends else len(nb.cells)
    nb.cells[at:at] = _three(names)
    notebook.write(notebook.clean(nb), pages[0])
    return names["id"]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _contents(text: str, after: str, name: str, *, under: bool = False) -> str:
    """The table of contents with one more page: after another and what is nested there, or under it.

    Raises:
        ValueError: it has no line for the other page.
    """
    lines = text.splitlines()
    at = next((i for i, s in enumerate(lines) if s.strip() == f"- file: book/{after}"), None)
    if at is None:
        raise ValueError(f"name: _toc.yml has no line for {after}; add the page by hand")
    depth, end = _indent(lines[at]), at + 1
    while end < len(lines) and _indent(lines[end]) > depth:
        end += 1
    new = [f"{' ' * (depth + 4 * under)}- file: book/{name}"]
    if under and end == at + 1:
        new = [f"{' ' * (depth + 2)}sections:", *new]
    return "\n".join([*lines[:end], *new, *lines[end:], ""])


def _add_to_contents(root: Path, after: str, name: str, *, under: bool = False) -> None:
    toc = root / "_toc.yml"
    text = _contents(toc.read_text(encoding="utf-8"), after, name, under=under)
    toc.write_text(text, encoding="utf-8")


def _link(page: Path, words: str) -> None:
    """At the end of a page."""
    from . import notebook

    nb = notebook.read(page)
    nb.cells[-1].source += f"\n\n{words}"
    notebook.write(nb, page)


def new_page(name: str, title: str, root: Path = ROOT) -> Path:
    """Make book/NN-name.ipynb with three exercises, in the table of contents after chapter NN - 1;
    or, of a name like 03-failures-deeper-topic, a deeper page under book/03-failures.ipynb.

    Raises:
        ValueError: the name is not NN-name, is taken, or has no chapter before it or above it.
    """
    from . import notebook

    if not book.NAME.fullmatch(name):
        raise ValueError(
            f"name: {name!r} came, needed two digits and a name, such as 16-pictures, or "
            f"03-failures{DEEPER}dynamics for a deeper page"
        )
    if book.is_deeper(name):
        return _new_deeper_page(name, title, root)
    number, path = int(name[:2]), root / "book" / f"{name}.ipynb"
    if taken := chapter_pages(root / "book", f"{number:02d}"):
        raise ValueError(f"name: chapter {number} is there already: {taken[0].name}")
    before = chapter_pages(root / "book", f"{number - 1:02d}")
    if not before:
        raise ValueError(f"name: there is no chapter {number - 1} that this one could follow")

    _add_to_contents(root, before[0].stem, name)
    nb = nbformat.v4.new_notebook()
    nb.cells = [_cell(kind, tag, source.format(title=title)) for kind, tag, source in PAGE]
    for k in (1, 2, 3):
        names = _names(number, k, f"A first exercise, number {k}")
        _register(number, names, root)
        nb.cells += _three(names)
    nb.cells.append(_cell("markdown", "", END))
    notebook.write(notebook.clean(nb), path)
    _link(before[0], f"Next: [{title}]({name}.ipynb).")
    return path


def _new_deeper_page(name: str, title: str, root: Path) -> Path:
    """Its notebook, its lines in the table of contents, and the link on its main page."""
    from . import notebook

    path = root / "book" / f"{name}.ipynb"
    main = path.with_name(f"{book.main_name(name)}.ipynb")
    if path.exists():
        raise ValueError(f"name: {path.name} is there already")
    if not main.exists():
        raise ValueError(f"name: {name!r} came, but there is no {main.name} that it could deepen")
    _add_to_contents(root, main.stem, name, under=True)
    fill = {"title": title, "number": int(name[:2]), "main": main.stem}
    nb = nbformat.v4.new_notebook()
    nb.cells = [_cell(kind, tag, source.format(**fill)) for kind, tag, source in DEEPER_PAGE]
    notebook.write(notebook.clean(nb), path)
    _link(main, f"Deeper: [{title}]({name}.ipynb).")
    return path


def begin(what: str, where: str, title: str) -> int:
    """The command `scripts/notebook.py new`."""
    try:
        if what == "page":
            print(f"{new_page(where, title)}: write over it, then `make test`")
        else:
            name = new_exercise(int(where), title)
            print(f"exercise {name}: write over its cells and its data, then pytest -k {name}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    exercises = str(ROOT / "gancourse" / "exercises")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", exercises])
    return 0
