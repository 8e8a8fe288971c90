"""What stands over a chapter in the built book."""

import pytest

from scripts import book, header

PAGE = """<div><h1>Print title</h1></div><article class="bd-article"><section id="dcgan">
<h1><span class="section-number">9. </span>DCGAN<a class="headerlink" href="#dcgan">#</a></h1>
<p><em>What is a neighbour?</em></p>
<p>Text.</p>
<h3>Exercise 9.1 · One</h3><h3 id="x">Exercise 9.2 · Two</h3>
<table><tr id="claim-9-1"><td></td></tr><tr id="claim-9-2"><td></td></tr></table>
</section></article>"""


def test_a_header_counts_what_the_page_holds():
    from gancourse.exercises import EXERCISES

    text = header.headed(PAGE, "09-dcgan", "Pictures & <b>", 51.4)
    minutes = EXERCISES["9.1"].minutes + EXERCISES["9.2"].minutes
    assert '<p class="gc-eyebrow">Chapter 9 · Pictures &amp; &lt;b&gt;</p>\n<h1><span' in text
    assert f"2 exercises, {minutes} minutes" in text and "51 s of computing" in text
    assert '<a href="checks.html">2 claims</a> checked at the last build' in text
    assert text.index("gc-question") < text.index("gc-facts") < text.index("Text.")
    assert 'href="colab.html"' in text and 'href="../_sources/book/09-dcgan.ipynb" download' in text


def test_the_notebook_is_offered_once():
    menu = (
        '<div class="dropdown dropdown-download-buttons"><button></button><ul><li><a href="x.ipynb">'
        "</a></li>\n</ul>\n</div>\n<button>next</button>"
    )
    text = header.headed(menu + PAGE, "09-dcgan", "Pictures", None)
    assert "dropdown" not in text and text.startswith("<button>next</button>")
    assert text.count(".ipynb") == 1


def test_a_published_book_opens_its_notebook():
    there = "https://colab.research.google.com/github/o/n/blob/main/book/09-dcgan.ipynb"
    text = header.headed(f'<a href="{there}">x</a>{PAGE}', "09-dcgan", "Pictures", None)
    assert text.count(there) == 2 and "s of computing" not in text


def test_the_front_pages_button_opens_chapter_1(tmp_path):
    there = "https://colab.research.google.com/github/o/n/blob/main/book/01-minimax.ipynb"
    front = '<a class="sd-btn gc-button reference" href="book/colab.html">Open</a><a href="colab.html">'
    assert header.front(front, PAGE) == front  # no repository yet: the page says how
    (tmp_path / "book").mkdir()
    page = f'<a href="{there}">x</a>{PAGE}'
    (tmp_path / "book" / "01-minimax.html").write_text(page, encoding="utf-8")
    (tmp_path / "index.html").write_text(front, encoding="utf-8")
    header.main(tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert text == front.replace("book/colab.html", there)


def test_the_front_page_has_such_a_button():
    source = (book.ROOT / "book" / "intro.md").read_text(encoding="utf-8")
    assert "```{button-ref} colab\n" in source


def test_a_deeper_page_leads_to_its_chapter():
    text = header.headed(PAGE.replace("<em>", ""), "09-dcgan-deeper-paints", "Pictures", 3.0)
    assert '<a href="09-dcgan.html">Chapter 9</a> · deeper page' in text
    assert "gc-question" not in text and text.index("gc-facts") < text.index("What is")


def test_a_page_without_a_title_is_noticed():
    with pytest.raises(LookupError, match="no title"):
        header.headed("<article><p>x</p></article>", "09-dcgan", "Pictures", None)


def test_a_second_run_changes_nothing(tmp_path):
    page = tmp_path / "book" / "09-dcgan.html"
    page.parent.mkdir()
    page.write_text(PAGE, encoding="utf-8")
    header.main(tmp_path, {"09-dcgan.ipynb": 51.4})
    once = page.read_text(encoding="utf-8")
    header.main(tmp_path)
    assert page.read_text(encoding="utf-8") == once != PAGE


def test_every_chapter_has_a_part():
    captions = header.parts()
    assert {p.stem for p in book.main_pages()} <= set(captions) and all(captions.values())
