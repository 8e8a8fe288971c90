"""`make pdf`: the whole book as one file, read back."""

import re

import pytest

from scripts import book, pdf
from tests.test_book import HTML

pypdf = pytest.importorskip("pypdf")


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: `make book`")
    return pypdf.PdfReader(pdf.make(tmp_path_factory.mktemp("pdf") / "book.pdf"))


@pytest.fixture(scope="module")
def articles():
    texts = ((HTML / f"{name}.html").read_text(encoding="utf-8") for name in book.toc())
    return [pdf.ARTICLE.search(text)[1] for text in texts]


def titles(outline, depth=0):
    for entry in outline:
        if isinstance(entry, list):
            yield from titles(entry, depth + 1)
        else:
            yield depth, entry.title


def test_every_page_of_the_book_is_in_the_outline(printed, articles):
    plain = [re.search(r"<h1>(.*?)<a class=\"headerlink", a, re.S)[1] for a in articles]
    wanted = {re.sub(r"<[^>]+>|\s+", " ", t).strip().replace("  ", " ") for t in plain}
    found = {" ".join(title.split()) for depth, title in titles(printed.outline) if depth == 0}
    assert wanted <= found | {"GANs: a course you can run"}, wanted - found
    assert "Hints, solutions, answers" in found


def test_formulas_are_drawn_and_text_is_text(printed):
    text = "\n".join(page.extract_text() for page in printed.pages)
    assert len(printed.pages) > 200
    assert "\\(" not in text and "$$" not in text
    assert "the best discriminator" in text.lower()


def test_every_figure_is_there_and_has_its_text(printed, articles):
    """Each picture of the pages, and more: of a figure with sliders there are some frames."""
    files = {address for a in articles for address in re.findall(r'<img[^>]* src="([^"]+)"', a)}
    drawn = set()
    for page in printed.pages:
        for entry in page["/Resources"].get("/XObject", {}).values():
            if entry.get_object()["/Subtype"] == "/Image":
                drawn.add(entry.idnum)
    raster = [f for f in files if not f.endswith(".svg")]
    assert len(drawn) >= len(raster) > 100
    assert printed.trailer["/Root"]["/MarkInfo"]["/Marked"]  # tags, with the alternative texts


def test_links_stay_in_the_file(printed, articles):
    inside = outside = 0
    for page in printed.pages:
        for entry in page.get("/Annots", []):
            note = entry.get_object()
            address = note.get("/A", {}).get("/URI", "")
            assert not address.startswith("file:"), address
            inside += "/Dest" in note or note.get("/A", {}).get("/S") == "/GoTo"
            outside += bool(address)
    answers = sum(len(re.findall(r"<details(?! class=\"hide)", a)) for a in articles)
    assert inside > answers > 200 and outside > 100


def test_nothing_is_left_behind(printed):
    assert not list(HTML.glob("book/_print*"))


def test_a_book_that_is_not_built_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="make book"):
        pdf.make(tmp_path / "x.pdf", folder=tmp_path)
    assert not list(tmp_path.iterdir())
