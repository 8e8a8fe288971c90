"""The chapters as files: markup that Colab draws, stripped outputs, anatomy, time."""

import re
from pathlib import Path

import nbformat
import pytest
import yaml

from scripts import build, claims, notebook

ROOT = build.ROOT
CHAPTERS = build.chapters()
NAMES = [path.stem for path in CHAPTERS]
BUDGET = 60  # CPU seconds of one chapter
ALL_CHAPTERS = 40 * len(CHAPTERS)  # of all: fifteen take five minutes on two cores
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
    "a div with a blank line inside": re.compile(
        r"<div\b(?:(?!</div>).)*?\n[ \t]*\n.*?</div>", re.S
    ),
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
    problems += [
        f"a MyST role: {m[0]}" for m in re.finditer(r"\{[A-Za-z][\w:.+-]*\}`[^`]*`", prose)
    ]
    prose = CODE_SPAN.sub("", prose)
    problems += [
        f"{what}: {m[0]!r}" for what, bad in BAD_MARKUP.items() for m in bad.finditer(prose)
    ]
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
                # Text only: a figure's bytes change with matplotlib's version.
                assert output.output_type == "stream" and output.name == "stdout"
        else:
            assert not cell.outputs, f"cell {i} has outputs"
        assert cell.execution_count == (1 if notebook.CHECKED in notebook.tags(cell) else None)


def test_code_fits_the_page(chapter):
    _, nb = chapter
    for i, cell in enumerate(nb.cells):
        if cell.cell_type == "code":
            for line in cell.source.splitlines():
                assert len(line) <= 88, f"cell {i}: {len(line)} columns: {line}"


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


def toc() -> list[str]:
    """Pages in reading order."""
    table = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    parts = table.get("parts", [table])
    return [table["root"]] + [c["file"] for part in parts for c in part.get("chapters", [])]


def test_every_chapter_is_in_the_book():
    missing = {f"book/{name}" for name in NAMES} - set(toc())
    assert not missing, f"not in _toc.yml: {sorted(missing)}"


def test_anatomy(chapter):
    path, nb = chapter
    number = int(path.name[:2])
    code = [c for c in nb.cells if c.cell_type == "code"]
    prose = [c.source for c in nb.cells if c.cell_type == "markdown"]
    text = "\n\n".join(prose)
    missing = []

    def need(condition: object, what: str) -> None:
        if not condition:
            missing.append(what)

    need(prose[0].startswith("# ") and nb.cells[0].cell_type == "markdown", "a title, first")
    need(len(re.findall(r"(?m)^# ", FENCE.sub("", text))) == 1, "exactly one title")
    need("setup" in notebook.tags(code[0]), "the setup cell, as the first code cell")
    need(sum("setup" in notebook.tags(c) for c in code) == 1, "one setup cell")
    exercises = re.findall(
        rf"(?m)^### Exercise {number}\.(\d+) · \S.*\n\n[●○]{{3}} · \d+ min", text
    )
    need(len(exercises) >= 3, f"three exercises (found {len(exercises)})")
    need(exercises == [str(k + 1) for k in range(len(exercises))], "exercises numbered from 1")
    stubs = [c.source for c in code if "exercise" in notebook.tags(c)]
    for k in exercises:
        name = f"{number}.{k}"
        need(any(re.search(rf"check\(\s*[\"']{name}[\"']", s) for s in stubs), f"a stub for {name}")
    need(text.count("<summary>Hint 1</summary>") >= len(exercises), "a hint for each exercise")
    need(
        text.count("<summary>Solution</summary>") >= len(exercises), "a solution for each exercise"
    )
    need(any(re.search(r"\b(explore|flipbook)\(", c.source) for c in code), "an interactive figure")
    need(any("assert" in c.source for c in code), "a claim that is checked")
    need(not any("plt.show(" in c.source for c in code), "plots.show(fig, alt=...), not plt.show()")
    gpu = any("gpu" in notebook.tags(c) for c in code)
    need(gpu or re.search(r"(no|nothing)\b[^.]*\bgain", text), "a GPU cell, or why there is none")
    need(re.search(r"(?mi)^## .*(summary|what you (now )?know)", text), "a summary")
    need(re.search(r"(?mi)read(ing)? (next|on|more)|further reading", text), "what to read next")
    following = (
        toc()[toc().index(f"book/{path.stem}") + 1 :] if f"book/{path.stem}" in toc() else []
    )
    following = [f for f in following if (ROOT / f"{f}.ipynb").exists()]
    if following:
        link = Path(following[0]).name + ".ipynb"
        need(any(link in p for p in prose[-3:]), f"a link to {link} at the end")
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


def test_time_budget(executed):
    """Count CPU time: wall time says more about what else the machine does."""
    times = build.cpu_times()
    assert set(times) == {path.name for path in CHAPTERS}
    over = {name: round(s, 1) for name, s in times.items() if s > BUDGET * NOISE}
    assert not over, f"over {BUDGET} s of CPU time (and {NOISE - 1:.0%} for noise): {over}"
    total = sum(times.values())
    assert total <= ALL_CHAPTERS * NOISE, f"all chapters take {total:.0f} s of CPU time"
