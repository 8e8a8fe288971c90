"""The page of all claims: what a small cache holds is listed, numbered, and traced to its source."""

import re

import nbformat
import pytest

from scripts import build, checks_page

CLAIM = {"tags": ["claim"]}
SETUP = "import torch\nfrom gancourse import claims, recorded"
LOAD = "run = recorded.load('x') or {'results': [7]}"
MAIN = f"""{LOAD}
x = torch.ones(3)
claims.verify(
    claims.near("ones <b>bold</b> | $x$", 1, x, within=1e-3),
    claims.above("a recorded run", run["results"], 3),
)
assert x.sum() == 3"""
LOOP = "for v in x:\n    claims.verify(claims.below(f'number {v:.0f}', v, 2))"


def notebook(title, *sources, tags=CLAIM):
    nb = nbformat.v4.new_notebook()
    cells = [nbformat.v4.new_code_cell(source, metadata=tags) for source in sources]
    nb.cells = [
        nbformat.v4.new_markdown_cell(f"# {title}\n\nText."),
        nbformat.v4.new_code_cell(SETUP),
        *cells,
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nb.metadata["kernelspec"] = kernel
    return nb


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Three executed chapters, from a cache as the build makes it."""
    root = tmp_path_factory.mktemp("book")
    (root / "book").mkdir()
    for name, nb in {
        "03-a": notebook("Why & how", MAIN, LOOP),
        "03-a-deeper-b": notebook("Deeper", "claims.verify(claims.same('a kind', 'x', 'x'))"),
        "04-c": notebook("Bare", "y = torch.ones(2)\nassert y[0] == 1\nassert y[1] == 1"),
    }.items():
        nbformat.write(nb, root / "book" / f"{name}.ipynb")
    patch = pytest.MonkeyPatch()
    patch.setattr(build, "ROOT", root)
    patch.setattr(build, "CACHE", root / "_build" / ".jupyter_cache")
    with pytest.raises(LookupError, match="03-a.ipynb has not run"):
        build.executed()
    assert build.fill_cache(jobs=1) == []
    yield build.executed()
    patch.undo()


def test_each_claim_is_listed_with_its_number_and_source(pages):
    found, bare = checks_page.checked(pages)
    assert [(one.number, one.link, one.source) for one in found] == [
        ("3.1", "03-a.html#claim-3-1", "live"),
        ("3.2", "03-a.html#claim-3-2", "recorded"),
        ("3.3", "03-a.html#claim-3-3", "live"),
        ("3.4", "03-a.html#claim-3-4", "live"),
        ("3.5", "03-a.html#claim-3-5", "live"),
        ("3.6", "03-a-deeper-b.html#claim-3-6", "live"),
    ]
    assert [one.row["claim"] for one in found[2:]] == ["number 1"] * 3 + ["a kind"]
    assert bare == {"03": 1, "04": 2}


def test_the_page(pages):
    text = checks_page.page(pages)
    assert "6 claims were checked when this book was built, and all of them hold: 5 look" in text
    assert "1 at recorded runs." in text and "3 more are asserts" in text
    assert re.findall(r"^## .*", text, re.M) == [
        "## 3. [Why & how](03-a.ipynb)",
        "## 4. [Bare](04-c.ipynb)",
    ]
    assert '<th scope="row">ones &lt;b&gt;bold&lt;/b&gt; | $x$</th>' in text and "<b>" not in text
    cells = '<td data-label="predicted">&gt; 3</td><td data-label="measured">7</td>'
    assert cells + '<td data-label="tolerance">limit</td><td data-label="source">recorded</td>' in text
    assert (
        "\nAnd 1 assert in view in its code.\n" in text and "\n2 asserts in view in its code.\n" in text
    )
    tables = re.findall(r"<table.*?</table>", text, re.S)
    assert len(tables) == 1 and "\n\n" not in tables[0]  # else Markdown would begin in it


def test_it_is_written_only_where_it_changed(pages, tmp_path, capsys):
    target = tmp_path / "checks.md"
    checks_page.write(pages, target)
    checks_page.write(pages, target)
    assert capsys.readouterr().out.count("wrote") == 1
    checks_page.write(pages[:1], target)
    assert "04-c" not in target.read_text(encoding="utf-8")


def test_a_claim_that_missed_is_said(pages):
    pages[0][1].cells[2].outputs[0].metadata.gancourse.claims[0].holds = False
    text = checks_page.page(pages)
    assert "and 1 of them missed" in text and '<tr class="gc-missed">' in text
