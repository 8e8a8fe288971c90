"""The chapters as files: markup that Colab draws, stripped outputs, anatomy, time."""

import re
from pathlib import Path

import nbformat
import pytest

from gancourse.recorded import chapter_pages
from scripts import book, build, claims, notebook

ROOT = build.ROOT
CHAPTERS = build.chapters()
NAMES = [path.stem for path in CHAPTERS]
BUDGET = 60  # CPU seconds of one chapter
ALL_CHAPTERS = 40 * len(book.main_pages())  # of all: fifteen take five minutes on two cores
MOST_LINES = 40  # that a cell prints
NOISE = 1.25  # a busy machine's caches cost CPU time, too

FENCE = re.compile(r"(?ms)^(```+|~~~+)([^\n]*)\n.*?^\1[ \t]*$")
CODE_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
BAD_MARKUP = {
    "a MyST role": re.compile(r"\{[A-Za-z][\w:.+-]*\}`"),
    "a MyST directive (colon fence)": re.compile(r"(?m)^\s*:::"),
    "a MyST target": re.compile(r"(?m)^\([\w-]+\)=\s*$"),
    "a MyST comment": re.compile(r"(?m)^% "),
    "a MyST block break": re.compile(r"(?m)^\+\+\+"),
    "a footnote": re.compile(r"\[\^[^\]]+\]"),
    "a GitHub alert": re.compile(r"(?m)^\s*>\s*\[!\w+\]"),
    "a div with a blank line inside": re.compile(r"<div\b(?:(?!</div>).)*?\n[ \t]*\n.*?</div>", re.S),
}
MACHINE_PATH = re.compile(r"(?<![\w.:/-])(?:/home/|/root/|/work/|/tmp/|/Users/|/mnt/|[A-Z]:\\\w)")


@pytest.fixture(params=CHAPTERS, ids=NAMES)
def chapter(request):
    return request.param, notebook.read(request.param)


# the head of a table, told by the line of dashes under it
TABLE_HEAD = re.compile(r"^[ \t]*(\|.*\|)[ \t]*\n[ \t]*\|[ \t:|-]*-[ \t:|-]*\|[ \t]*$", re.M)


def markup_problems(text: str) -> list[str]:
    """What GitHub, Colab or JupyterLab would show raw in a markdown cell, or not say aloud."""
    problems = [
        f"a MyST directive: {m[0].splitlines()[0]}"
        for m in FENCE.finditer(text)
        if m[2].strip().startswith("{")
    ]
    prose = FENCE.sub("", text)
    problems += [f"a MyST role: {m[0]}" for m in re.finditer(r"\{[A-Za-z][\w:.+-]*\}`[^`]*`", prose)]
    prose = CODE_SPAN.sub("", prose)
    problems += [f"{what}: {m[0]!r}" for what, bad in BAD_MARKUP.items() for m in bad.finditer(prose)]
    problems += [
        f"a column without a name, which a screen reader can't announce: {m[1]}"
        for m in TABLE_HEAD.finditer(prose)
        if not all(name.strip() for name in m[1].strip("|").split("|")) or m[1].startswith("||")
    ]
    opened, closed = len(re.findall(r"<details\b", prose)), prose.count("</details>")
    if opened != closed:
        problems.append(f"{opened} <details>, but {closed} </details>")
    # `text` and not `prose`: what stands right after a summary may be a fence
    if re.search(r"</summary>[ \t]*\n?[ \t]*\S", text):
        problems.append("no blank line after </summary>: what follows is not drawn as Markdown")
    if re.search(r"\S[ \t]*\n[ \t]*</details>", text):
        problems.append("no blank line before </details>")
    return problems


@pytest.mark.parametrize(
    "bad",
    [
        "see {ref}`here`",
        "```{note}\nx\n```",
        ":::{tip}\nx\n:::",
        "x[^1]",
        "> [!NOTE]\n> x",
        '<div class="admonition">\n\nx\n\n</div>',
        "(label)=\n# x",
        "<details><summary>Hint</summary>\ntext\n\n</details>",
        "<details><summary>Hint</summary>\n\ntext\n</details>",
        "<details><summary>Hint</summary>\n\ntext",
        "x\n\n| | a |\n|---|---|\n| 1 | 2 |",
        "|| a |\n|:--|--:|\n| 1 | 2 |",
    ],
)
def test_markup_that_is_drawn_raw_somewhere_is_found(bad):
    assert markup_problems(bad)


@pytest.mark.parametrize(
    "good",
    [
        "> **Key idea.** $x^{2}$ and `{ref}` and $$\\begin{align}a\\end{align}$$",
        "<details><summary>Hint 1</summary>\n\ntext `x`\n\n```python\nd[:, :]\n```\n\n</details>",
        "[next](02-training.ipynb)\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        "$D^*_{\\psi}(x) = \\frac{p(x)}{p(x) + q(x)}$ with `torch`",
    ],
)
def test_portable_markup_is_let_through(good):
    assert markup_problems(good) == []


def test_markup_is_portable(chapter):
    path, nb = chapter
    problems = [
        f"cell {i}: {problem}"
        for i, cell in enumerate(nb.cells)
        if cell.cell_type == "markdown"
        for problem in markup_problems(cell.source)
    ]
    assert not problems, "\n".join(problems)


def test_is_valid_clean_and_stable(chapter, tmp_path):
    path, nb = chapter
    nbformat.validate(nb)
    assert (nb.nbformat, nb.nbformat_minor) == (4, 5)
    assert len({cell.id for cell in nb.cells}) == len(nb.cells)
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    remedy = f"python scripts/notebook.py strip {path.relative_to(ROOT)}"
    assert not notebook.strip(copy), f"outputs, metadata or the setup cell are not clean: {remedy}"
    notebook.to_text(path, tmp_path / "text.py")
    assert not notebook.from_text(tmp_path / "text.py", copy), "does not survive editing as text"


def test_outputs(chapter):
    _, nb = chapter
    for i, cell in enumerate(nb.cells):
        if cell.cell_type != "code":
            continue
        if notebook.CHECKED in notebook.tags(cell):
            assert cell.outputs, f"cell {i} is to be compared, but with nothing: run `execute`"
            for output in cell.outputs:
                # Text and claims only: a figure's bytes change with matplotlib's version.
                strip = 'class="gc-claims"' in output.get("data", {}).get("text/html", "")
                assert strip or output.output_type == "stream" and output.name == "stdout"
        else:
            assert not cell.outputs, f"cell {i} has outputs"
        assert cell.execution_count == (1 if notebook.CHECKED in notebook.tags(cell) else None)


def test_code_fits_the_page(chapter):
    _, nb = chapter
    for i, cell in enumerate(nb.cells):
        if cell.cell_type == "code":
            for line in cell.source.splitlines():
                assert len(line) <= 88, f"cell {i}: {len(line)} columns: {line}"


def test_a_folded_cell_says_what_it_does(chapter):
    """In its first line, `# @title ...`: the words of the fold in the book, and Colab's form."""
    _, nb = chapter
    nameless = [cell.id for cell in nb.cells if notebook.fold(cell) and not notebook.title(cell)]
    assert not nameless, f"no '# @title ...' in the first line of {nameless}"


def test_no_path_of_somebodys_machine(chapter):
    _, nb = chapter
    for i, cell in enumerate(nb.cells):  # not the file's text: JSON has backslashes of its own
        printed = "".join(output.get("text", "") for output in cell.get("outputs", []))
        found = MACHINE_PATH.findall(cell.source + "\n" + printed)
        assert not found, f"cell {i}: {found}"


def test_links_to_other_pages_lead_somewhere(chapter):
    path, nb = chapter
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", cell.source)):
                if not re.match(r"[a-z]+:|#", target):
                    file = target.partition("#")[0]
                    assert (path.parent / file).exists(), f"{target} is not there"


def test_every_chapter_is_in_the_book():
    pages = [page.removeprefix("book/") for page in book.toc()]
    missing = set(NAMES) - set(pages)
    assert not missing, f"not in _toc.yml: {sorted(missing)}"
    there = [(book.main_name(page), book.is_deeper(page)) for page in pages if page in NAMES]
    assert there == sorted(there), "a deeper page stands in _toc.yml under its chapter's main page"


def prose(path: Path) -> list[str]:
    return [c.source for c in notebook.read(path).cells if c.cell_type == "markdown"]


EXERCISE = re.compile(r"(?m)^### Exercise (\d+)\.(\d+) · \S.*\n\n[●○]{3} · \d+ min")


def exercises_of(number: str) -> list[int]:
    """The second numbers of a chapter's exercises, on all its pages."""
    pages = chapter_pages(ROOT / "book", number)
    text = "\n\n".join(part for page in pages for part in prose(page))
    return sorted(int(k) for n, k in EXERCISE.findall(text) if int(n) == int(number))


def lacks_of_an_exercise(nb: nbformat.NotebookNode) -> list[str]:
    """What the exercises that stand on a page lack there."""
    text = "\n\n".join(c.source for c in nb.cells if c.cell_type == "markdown")
    stubs = [c.source for c in nb.cells if "exercise" in notebook.tags(c)]
    names = [f"{n}.{k}" for n, k in EXERCISE.findall(text)]
    lacks = [
        f"a stub for {name}"
        for name in names
        if not any(re.search(rf"check\(\s*[\"']{name}[\"']", stub) for stub in stubs)
    ]
    for what in ("Hint 1", "Solution"):
        if text.count(f"<summary>{what}</summary>") < len(names):
            lacks.append(f"a {what.lower()} for each exercise")
    return lacks


# How a deeper page says who it is for.
WHO = re.compile(
    r"(?i)\b(if you|for (those|readers|anyone|whoever|everyone|who)|readers? who|who wants?)\b"
)


def lacks_of_any_page(nb: nbformat.NotebookNode) -> list[str]:
    """What every page of a chapter has."""
    code = [c for c in nb.cells if c.cell_type == "code"]
    text = "\n\n".join(c.source for c in nb.cells if c.cell_type == "markdown")
    conditions = {
        "a title, first": nb.cells[0].cell_type == "markdown" and text.startswith("# "),
        "exactly one title": len(re.findall(r"(?m)^# ", FENCE.sub("", text))) == 1,
        "the setup cell, as the first code cell": "setup" in notebook.tags(code[0]),
        "one setup cell": sum("setup" in notebook.tags(c) for c in code) == 1,
        "a claim that is checked": any(re.search(r"\bassert\b|\bverify\(", c.source) for c in code),
        "plots.show(fig, alt=...), not plt.show()": not any("plt.show(" in c.source for c in code),
    }
    return [what for what, there in conditions.items() if not there] + lacks_of_an_exercise(nb)


def lacks_of_a_main_page(path: Path, nb: nbformat.NotebookNode) -> list[str]:
    """What makes a page a whole lecture."""
    pages = chapter_pages(ROOT / "book", path.name[:2])
    cells = [c for page in pages for c in notebook.read(page).cells if c.cell_type == "code"]
    code = [c.source for c in nb.cells if c.cell_type == "code"]
    texts = prose(path)
    text = "\n\n".join(texts)
    exercises = exercises_of(path.name[:2])
    gpu = any("gpu" in notebook.tags(c) for c in cells)
    conditions = {
        f"three exercises (found {len(exercises)})": len(exercises) >= 3,
        "exercises numbered from 1": exercises == list(range(1, len(exercises) + 1)),
        "an interactive figure": any(re.search(r"\b(explore|flipbook)\(", s) for s in code),
        "a GPU cell, or why there is none": gpu or re.search(r"(no|nothing)\b[^.]*\bgain", text),
        "a summary": re.search(r"(?mi)^## .*(summary|what you (now )?know)", text),
        "what to read next": re.search(r"(?mi)read(ing)? (next|on|more)|further reading", text),
    }
    links = [page.name for page in pages if page != path]
    conditions |= {f"a link to its deeper page {name}": f"({name}" in text for name in links}
    order = book.main_pages()
    if following := order[order.index(path) + 1 :]:
        link = following[0].name
        conditions[f"a link to {link} at the end"] = any(link in part for part in texts[-3:])
    return [what for what, there in conditions.items() if not there]


def lacks_of_a_deeper_page(path: Path, nb: nbformat.NotebookNode) -> list[str]:
    """It is for some readers, and leads back: no exercises, GPU cell, summary or next chapter needed."""
    main = path.with_name(f"{book.main_name(path)}.ipynb")
    texts = prose(path)
    conditions = {
        f"its main page {main.name}": main.exists(),
        "who should read it, before the first code": WHO.search(nb.cells[0].source),
        f"a link back to {main.name}, at the end": f"({main.name}" in texts[-1],
    }
    return [what for what, there in conditions.items() if not there]


def test_anatomy(chapter):
    path, nb = chapter
    own = lacks_of_a_deeper_page if book.is_deeper(path) else lacks_of_a_main_page
    missing = lacks_of_any_page(nb) + own(path, nb)
    assert not missing, f"{path.name} lacks: " + "; ".join(missing)


def test_a_claim_looks_at_something_that_was_computed(chapter):
    """Each cell tagged `claim` asserts something about a live number, or says `recorded`."""
    _, nb = chapter
    problems = [claim.problem for claim in claims.claims(nb) if claim.problem]
    assert not problems, "\n".join(problems)


def cells(*sources: str, tags: tuple[str, ...] = ("claim",)):
    """A notebook of these cells, the last one with these tags."""
    nb = nbformat.v4.new_notebook()
    nb.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nb.cells[-1].metadata["tags"] = list(tags)
    return nb


LOAD = "runs = recorded.load('ch02-x')['results']\nbest = [max(r['modes']) for r in runs]"
HELPER = "def mean(values):\n    return np.mean(values)"


@pytest.mark.parametrize(
    "sources, tags, wrong",
    [
        (["share = 0.01 * 0.95 / (0.01 * 0.95 + 0.99 * 0.10)\nassert round(1 / share) == 11"], (), 1),
        ([LOAD, "assert min(best) > 3"], (), 1),
        ([LOAD, HELPER, "assert mean(best) > 3"], (), 1),
        ([LOAD, "for k, b in enumerate(best):\n    assert b > k"], (), 1),
        (["x = torch.randn(3)", "print(x)"], (), 1),
        ([LOAD, "assert min(best) > 3"], ("recorded",), 0),
        ([LOAD, "live = train(0)\nassert abs(live - best[0]) < 1"], (), 0),
        (["import torch", "x = torch.randn(9)\nassert x.mean() < 3"], (), 0),
        (["def f():\n    return torch.randn(9)", "a = [f().max()]", "assert a"], (), 0),
        (["seen = []\nseen.append(metrics.fid(a, b))", "assert max(seen) < 3"], (), 0),
        (["by = {}\nby['x'] = GANTrainer(G, D).fit(ring, 9)", "assert by['x'].d_loss[-1] < 3"], (), 0),
    ],
)  # fmt: skip
def test_where_the_numbers_of_a_claim_come_from(sources, tags, wrong):
    found = claims.claims(cells(*sources, tags=("claim", *tags)))
    assert sum(claim.problem is not None for claim in found) == wrong


@pytest.fixture(scope="module")
def executed():
    """The chapters as the book build ran them; runs those that it has not run yet."""
    failures = build.fill_cache(jobs=2)
    assert not failures, "\n".join(failures)
    return build.open_cache()


def checked_texts(nb):
    """Id -> outputs, of the cells that nbval compares."""
    return {
        cell.id: [o.get("text") or o.get("data") for o in cell.outputs]
        for cell in nb.cells
        if notebook.CHECKED in notebook.tags(cell)
    }


def test_a_second_run_gives_the_same(chapter, executed):
    """nbval is one run; this is the build's. Both must give what stands in the file."""
    path, nb = chapter
    _, again = executed.merge_match_into_notebook(notebook.read(path))
    assert checked_texts(again) == checked_texts(nb)


def printed(output) -> str:
    """What the page shows of an output as plain text."""
    if "text" in output:
        return output["text"]
    data = output.get("data", {})
    return data.get("text/plain", "") if set(data) == {"text/plain"} else ""


def test_no_cell_floods_its_page(chapter, executed):
    """Such as one whose last line returns a long object."""
    path, _ = chapter
    _, ran = executed.merge_match_into_notebook(notebook.read(path))
    for cell in ran.cells:
        lines = sum(printed(output).count("\n") for output in cell.get("outputs", []))
        assert lines <= MOST_LINES, f"cell {cell.id} prints {lines} lines: end it in a semicolon?"


def test_time_budget(executed):
    """Count CPU time: wall time says more about what else the machine does."""
    times = build.cpu_times()
    assert set(times) == {path.name for path in CHAPTERS}
    over = {name: round(s, 1) for name, s in times.items() if s > BUDGET * NOISE}
    assert not over, f"over {BUDGET} s of CPU time (and {NOISE - 1:.0%} for noise): {over}"
    total = sum(times.values())
    assert total <= ALL_CHAPTERS * NOISE, f"all chapters take {total:.0f} s of CPU time"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_sections_have_no_numbers_and_questions_one_form(path):
    """Chapters and exercises are numbered; sections are called by their names, everywhere alike."""
    texts = [c.source for c in notebook.read(path).cells if c.cell_type == "markdown"]
    prose = "\n\n".join(texts)
    assert not re.findall(r"^#{2,6} \d+(?:\.\d+)*\.? .*", prose, re.M)
    assert "## Check yourself" not in prose
    for part in re.findall(r"^## Test yourself$.*?(?=^## |\Z)", prose, re.M | re.S):
        asked = re.findall(r"^\*\*(\d+)\.\*\* ", part, re.M)
        answers = re.findall(r"<summary>(.*?)</summary>", part)
        numbers = [str(k + 1) for k in range(len(answers))]
        assert answers and (asked == numbers or (not asked and len(answers) == 1)), part[:300]
        assert set(answers) == {"Answer"}  # the question can be read before anything is unfolded
