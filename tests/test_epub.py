"""`make epub`: the whole book for a reading device, read back."""

import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from scripts import book, epub, pdf
from tests.test_book import HTML


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: `make book`")
    return epub.make(tmp_path_factory.mktemp("epub") / "book.epub")


@pytest.fixture(scope="module")
def texts(made):
    with zipfile.ZipFile(made) as file:
        return {n: file.read(n).decode() for n in file.namelist() if n.endswith((".xhtml", ".opf"))}


@pytest.fixture(scope="module")
def articles():
    found = {}
    for name in book.toc():
        article = pdf.ARTICLE.search((HTML / f"{name}.html").read_text(encoding="utf-8"))
        found[Path(name).name] = article[1]
    return found


def test_nothing_is_wrong_with_it(made):
    assert epub.check(made) == []


def test_epubcheck_finds_nothing(made):
    program = shutil.which("epubcheck")
    if program is None:
        pytest.skip("no epubcheck: `apt-get install epubcheck default-jre-headless`")
    if Path(program).read_bytes()[:2] == b"PK":  # Debian's is the jar, which needs jarwrapper to run
        if shutil.which("java") is None:
            pytest.skip("epubcheck without Java: `apt-get install default-jre-headless`")
        command = ["java", "-jar", program]
    else:
        command = [program]
    done = subprocess.run([*command, str(made)], capture_output=True, text=True, timeout=300)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "0 errors / 0 warnings" in said, said[-3000:]


def test_every_page_is_there_in_order_and_in_the_contents(texts, articles):
    spine = re.findall(r'<itemref idref="(\w+)"/>', texts["EPUB/book.opf"])
    files = dict(re.findall(r'<item id="(\w+)" href="([^"]+)"', texts["EPUB/book.opf"]))
    order = [files[i].removesuffix(".xhtml") for i in spine]
    assert order == ["cover", "nav", *articles]
    listed = re.findall(r'<a href="([\w-]+)\.xhtml">', texts["EPUB/nav.xhtml"])
    assert sorted(listed) == sorted(articles)
    for name in articles:
        assert "<h1>" in texts[f"EPUB/{name}.xhtml"], name


def test_formulas_are_mathml_and_none_is_raw(texts, articles):
    total = 0
    for name, article in articles.items():
        page = texts[f"EPUB/{name}.xhtml"]
        formulas = len(re.findall(r'class="(?:amsmath )?math notranslate', article))
        assert page.count("<math ") == formulas, name
        plain = re.sub(r"<(?:pre|code)\b.*?</(?:pre|code)>|alttext=\"[^\"]*\"", "", page, flags=re.S)
        assert "\\(" not in plain and "\\[" not in plain, name
        assert ('properties="mathml"' in item(texts, name)) == bool(formulas)
        total += formulas
    assert total > 1000


def item(texts, name):
    return re.search(rf'<item [^>]*href="{name}\.xhtml"[^>]*>', texts["EPUB/book.opf"])[0]


def test_a_figure_with_sliders_is_three_pictures_that_differ_and_say_where_they_are(texts, articles):
    figures = 0
    for name, article in articles.items():
        wanted = article.count('class="gc-frames"')
        strips = re.findall(r'<div class="gc-strip".*?</div>', texts[f"EPUB/{name}.xhtml"], re.S)
        assert len(strips) == wanted, name
        for strip in strips:
            pictures = re.findall(r'<img [^>]*src="([^"]+)"', strip)
            says = re.findall(r"<figcaption>(.*?)</figcaption>", strip)
            assert len(pictures) == len(says) == len(set(says)) == epub.FRAMES, (name, says)
            assert len(set(pictures)) == epub.FRAMES, (name, pictures)
        figures += wanted
    assert figures > 20


def test_each_folded_answer_is_at_the_end_with_links_both_ways(texts, articles):
    answers = 0
    for name, article in articles.items():
        page = texts[f"EPUB/{name}.xhtml"]
        wanted = len(re.findall(r"<details><summary>", article))
        there = re.findall(r'id="gc-answer-(\d+)"', page)
        assert len(there) <= wanted and bool(there) == bool(wanted), name
        for k in there:
            assert f'href="#gc-answer-{k}"' in page and f'href="#gc-asked-{k}"' in page
        assert "<details" not in page and "gc-practice" not in page
        answers += len(there)
    assert answers > 200


def test_pictures_are_what_every_device_draws(made):
    with zipfile.ZipFile(made) as file:
        pictures = [n for n in file.namelist() if n.endswith((".png", ".jpg"))]
        for name in pictures:
            image = Image.open(io.BytesIO(file.read(name)))
            assert image.format in ("PNG", "JPEG"), name
    assert len(pictures) > 100
    assert made.stat().st_size < 30e6


PAGE = epub.page_of("One", '<h1 id="a">One</h1><p><a href="#a">x</a><img src="p.png" alt="y"/></p>')


def small(path, page=PAGE, *, first="mimetype", opf=None, extra=()):
    """A book of one page."""
    files = ["one.xhtml", "p.png", "book.css"]
    listed = "".join(f'<item id="f{k}" href="{name}"/>' for k, name in enumerate(files))
    opf = opf or f'<package xmlns="{epub.OPF[1:-1]}"><manifest>{listed}</manifest>'
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(first, "application/epub+zip")
        out.writestr("EPUB/book.opf", f'{opf}<spine><itemref idref="f0"/></spine></package>')
        out.writestr("EPUB/one.xhtml", page)
        out.writestr("EPUB/p.png", b"")
        out.writestr("EPUB/book.css", b"")
        for name in extra:
            out.writestr(name, "")
    return epub.check(path)


def test_the_check_of_a_sound_book_says_nothing(tmp_path):
    assert small(tmp_path / "a.epub") == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("</h1>", "<h1>"), "not well-formed"),
        (('href="#a"', 'href="#b"'), "#b leads to no such place"),
        (('href="#a"', 'href="two.xhtml"'), "two.xhtml is not in the book"),
        (('alt="y"', 'alt=""'), "p.png without words"),
        (("</p>", "</p><script/>"), "script"),
        (("<p>", '<p onclick="x">'), "onclick"),
        (("<p>", '<p id="a">'), "id 'a' twice"),
    ],
)
def test_the_check_finds_each_fault_of_a_page(tmp_path, change, said):
    assert any(said in fault for fault in small(tmp_path / "a.epub", PAGE.replace(*change)))


def test_the_check_finds_files_that_are_not_listed_and_a_wrong_beginning(tmp_path):
    faults = small(tmp_path / "a.epub", first="x", extra=["EPUB/b.css"])
    assert any("mimetype" in fault for fault in faults)
    assert any("EPUB/b.css is there and not listed" in fault for fault in faults)


def test_a_book_with_faults_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(epub, "check", lambda path: ["a fault"])
    monkeypatch.setattr(epub, "converted", lambda folder, names: iter([]))
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "one.html").write_text("")
    with pytest.raises(ValueError, match="a fault"):
        epub.make(tmp_path / "x.epub", folder=tmp_path / "html", names=["one"])
    assert not list(tmp_path.glob("x.*"))


def test_a_book_that_is_not_built_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="make book"):
        epub.make(tmp_path / "x.epub", folder=tmp_path)
    assert not list(tmp_path.iterdir())
