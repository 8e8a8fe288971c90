"""scripts/slim.py: fewer bytes, the same text, the same look; on small pieces, and in the built book
(which tests/test_book.py builds)."""

import html
import json
import re

import pytest
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from scripts import slim
from tests.pages import served
from tests.test_book import CHAPTERS, HTML, PAGES, Page

SHEET = """
html[data-theme="light"] .highlight pre { line-height: 125%; }
html[data-theme="light"] .highlight { background: #fefefe; color: #080808 }
html[data-theme="light"] .highlight .c1 { color: #515151 }
html[data-theme="light"] .highlight .k { color: #6730C5 }
html[data-theme="light"] .highlight .kn { color: #6730C5 }
html[data-theme="light"] .highlight .n { color: #080808 }
html[data-theme="light"] .highlight .p { color: #080808 }
html[data-theme="light"] .highlight .nf { color: #6730C5 }
html[data-theme="light"] .highlight .gs { font-weight: bold }
html[data-theme="light"] .highlight .gh { color: #6730C5; font-weight: bold }
html[data-theme="dark"] .highlight { background: #2b2b2b; color: #F8F8F2 }
html[data-theme="dark"] .highlight .c1 { color: #FFD900 }
html[data-theme="dark"] .highlight .k { color: #DCC6E0 }
html[data-theme="dark"] .highlight .kn { color: #DCC6E0 }
html[data-theme="dark"] .highlight .n { color: #F8F8F2 }
html[data-theme="dark"] .highlight .p { color: #F8F8F2 }
html[data-theme="dark"] .highlight .nf { color: #00E0E0 }
html[data-theme="dark"] .highlight .gs { font-weight: bold }
html[data-theme="dark"] .highlight .gh { color: #DCC6E0; font-weight: bold }
"""
SAME = {"c1": "c1", "k": "k", "kn": "k", "n": "", "p": "", "nf": "nf"}
CODE = '''from torch import nn  # a comment

def twice(x, *, by=2.0):
    """Two lines
    of words."""
    return [f"{x:.2f} < {by}" for _ in range(2)], "&amp;"
'''


def text_of(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


def seen(markup: str, same: dict[str, str]) -> list[tuple[str, str]]:
    """Each character that can be seen, with what its innermost span looks like."""
    found, spans = [], [""]
    for tag, word in re.findall(r"(<[^>]*>)|([^<]+)", markup):
        if tag == "</span>":
            spans.pop()
        elif name := re.search(r'class="?([\w-]+)', tag):
            spans.append(same.get(name[1], name[1]))
        found += [(c, spans[-1]) for c in html.unescape(word) if not c.isspace()]
    return found


def test_a_class_is_the_same_as_another_where_both_schemes_say_so():
    assert slim.colours(SHEET) == SAME


@pytest.mark.parametrize("same", [SAME, {}])
def test_code_keeps_its_text_and_its_colours_in_fewer_spans(same):
    full = highlight(CODE, PythonLexer(), HtmlFormatter(nowrap=True))
    less = slim.code("<span></span>" + full, same)
    assert text_of(less) == text_of(full) == CODE
    assert seen(less, same) == seen(full, same)
    if same:
        assert len(less) < 0.75 * len(full)


def test_neighbours_of_one_colour_are_one():
    code = '<span class="kn">from</span> <span class="k">if</span>\n<span class="n">x</span>'
    assert slim.code(code, SAME) == "<span class=k>from if</span>\nx"


def test_code_that_has_words_without_a_colour_keeps_the_others_apart():
    code = 'words <span class="n">x</span><span class="p">(</span>'
    assert slim.code(code, SAME) == "words <span class=n>x(</span>"
    block = '<div class="highlight"><pre>{}</pre></div>'
    assert 'class="gc-code"' not in slim.page(block.format(code), SAME)
    assert '<pre class="gc-code">x</pre>' in slim.page(block.format('<span class="n">x</span>'), SAME)


def test_a_line_that_differs_stays_marked_in_the_exercises_data():
    line = '<span class="gc-differs">    <span class="k">if</span> <span class="n">x</span></span>'
    data = {"1.1": {"kind": "code", "choices": [{"code": line, "told": "<p>2 < 3</p>"}], "n": 3}}
    told = json.dumps(data).replace("<", "\\u003c")
    page = f'<script type="application/json" id="gc-practice-data">{told}</script>'
    inside = re.search(r">(.*)</script>", slim.page(page, SAME))[1]
    assert "<" not in inside
    data["1.1"]["choices"][0]["code"] = '<span class="gc-differs">    <span class=k>if</span> x</span>'
    assert json.loads(inside) == data


def icon(outline: str, name: str) -> str:
    drawn = f'<path fill="currentColor" d="{outline}"/>'
    return f'<svg class="svg-inline--fa {name}" viewBox="0 0 1 1">{drawn}</svg>'


def test_the_second_icon_of_a_kind_shows_the_first():
    text = slim.drawn_once(icon("M1z", "a") + icon("M2z", "b") + icon("M1z", "c"))
    assert text == (
        icon("M1z", "a").replace("<path ", '<path id="gc-icon-1" ')
        + icon("M2z", "b")
        + icon("M1z", "c").replace('<path fill="currentColor" d="M1z"/>', '<use href="#gc-icon-1"/>')
    )


def test_indentation_goes_from_around_the_article_alone():
    page = (
        "<body>\n\n   <p> a\n  b</p>\n  <script>x\n\n  y</script>\n <article>\n\n  <p>c</p>\n  "
        "</article>\n\n  <pre>\n  d</pre>\n   </body>"
    )
    assert slim.unindented(page) == (
        "<body>\n<p> a\nb</p>\n<script>x\n\n  y</script>\n<article>\n\n  <p>c</p>\n  "
        "</article>\n<pre>\n  d</pre>\n</body>"
    )


def test_words_of_code_stand_alone_in_the_article():
    one = '<code class="literal"><span class="pre">fit(2)</span> <span class="pre">&lt;</span></code>'
    assert slim.words(f"{one}<article>{one}</article>{one}") == (
        f'{one}<article><code class="literal">fit(2) &lt;</code></article>{one}'
    )


def test_a_sheet_loses_comments_and_the_icon_fonts_letters_and_no_rule():
    sheet = (
        '/* a { } */\n.fa-x:before,.fa-y-z::before{content:"\\f1"}p {\n  color: red;\n}\n'
        'i{background:url("data:image/svg+xml,/*a*/")}b:after{content:"/*"} /* c */ .fa-lg{a:b}'
    )
    assert slim.sheet(sheet) == (
        '\np {\ncolor: red;\n}\ni{background:url("data:image/svg+xml,/*a*/")}'
        'b:after{content:"/*"}  .fa-lg{a:b}'
    )


@pytest.fixture(scope="module")
def site():
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: `make book`")
    with served(HTML) as address:
        yield address


# A block's code, marked by Pygments in full beside it: every character has the same colour in both.
CODE_COLOURS = """blocks => {
  const colours = pre => {
    const found = [], walk = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
    while (walk.nextNode())
      for (const c of walk.currentNode.data)
        if (c.trim()) found.push(c + getComputedStyle(walk.currentNode.parentElement).color);
    return found.join();
  };
  return [...document.querySelectorAll('.bd-article pre.gc-code')].map((pre, k) => {
    const full = pre.cloneNode();
    full.innerHTML = blocks[k];
    pre.after(full);
    return colours(pre) === colours(full);
  });
}"""


@pytest.mark.parametrize("dark", [False, True])
def test_code_has_the_colours_that_it_would_have_with_every_token_marked(site, browser, dark):
    with Page(browser, site, CHAPTERS[0], dark=dark) as page:
        codes = page.tab.eval_on_selector_all(
            ".bd-article pre.gc-code", "all => all.map(pre => pre.textContent)"
        )
        assert len(codes) > 10
        full = [highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)) for code in codes]
        assert page.tab.evaluate(CODE_COLOURS, full) == [True] * len(codes)


@pytest.mark.parametrize("name", [*PAGES, "index", "search"])
def test_an_icon_that_another_shows_is_there(name):
    text = (HTML / f"{name}.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'<use href="#([^"]+)"', text))
    assert shown and shown == set(re.findall(r'<path id="(gc-icon-\d+)"', text))
