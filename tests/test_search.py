"""The pieces of the search's making that need no built book; tests/test_book.py searches in one."""

import pytest

from scripts import search

SECTION = """<section class="tex2jax_ignore" id="the-bias-line">
<span id="old"></span><h2>The bias line<a class="headerlink" href="#the-bias-line">#</a></h2>
<section id="b"><p>No heading</p></section></section>"""
PAGE = """<head>
  <script src="_static/searchtools.js?v=1"></script>
  <script defer src="_static/language_data.js"></script>
  <script src="searchindex.js"></script>
</head><body></body>"""


def test_a_sections_anchor_moves_to_its_heading():
    text = search.headings_with_anchors(SECTION)
    assert '<h2 id="the-bias-line">' in text and 'class="tex2jax_ignore">' in text
    assert '<section id="b"><p>' in text  # of no heading


def test_the_search_page_keeps_sphinxs_scripts_for_later():
    text = search.asks_both(PAGE)
    assert text.count("<script") == 1
    assert 'data-sphinx="_static/searchtools.js _static/language_data.js searchindex.js"' in text


def test_another_theme_is_noticed():
    with pytest.raises(ValueError, match="1 of Sphinx's 3"):
        search.asks_both('<head><script src="searchindex.js"></script></head>')


def test_an_index_holds_what_the_page_asks_for_and_no_form(tmp_path):
    page = tmp_path / "book" / "one.html"
    page.parent.mkdir()
    page.write_text(
        f"<html><body><article class='bd-article'>{SECTION}</article></body></html>", "utf-8"
    )
    search.index(tmp_path)
    names = {p.name for p in (tmp_path / "pagefind").glob("*")}
    assert {"pagefind.js", "pagefind-entry.json", "fragment", "index"} <= names
    assert not [n for n in names if "ui" in n.split("-") or n.endswith(".css")]
    assert not list(page.parent.glob("pagefind*"))
