"""scripts/light.py on small sites: pictures, icons, scripts, sheets, what a page says of itself."""

import base64
import io
import json
import re
from pathlib import Path

import pydata_sphinx_theme
import pytest
from PIL import Image

from gancourse import explore
from scripts import light, repository

ICONS = (
    'x={"circle":[512,512,[1],"f0","M9z"],bars:[448,512,["b"],"f1","M0 9z"]},'
    'y={bars:[8,9,[],"f1","M1z"]}'
)


def png(size=(40, 30), noise=False) -> bytes:
    image = Image.effect_noise(size, 90) if noise else Image.new("RGB", size, "navy")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def uri(data: bytes, kind="image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def site(tmp_path):
    """A page as Sphinx leaves it, with what it loads."""
    static = tmp_path / "_static"
    for name, text in {
        "scripts/fontawesome.js": ICONS,
        "scripts/bootstrap.js.map": "{}",
        "vendor/fontawesome/webfonts/fa-solid-900.woff2": "font",
        "styles/theme.css": '@charset "UTF-8";@import "../basic.css";',
        "basic.css": "p{color:red}i{background:url(file.png)}",
        "gancourse.css": "p{margin:0}",
        "documentation_options.js": "const DOCUMENTATION_OPTIONS = {};",
        "doctools.js": "let x = 1",
        "mathjax/tex-chtml.js": "math",
        "mathjax/tex-svg.js": "math",
        "mathjax/output/chtml/fonts/woff-v2/MathJax_Main-Bold.woff": "font",
        "mathjax/output/chtml/fonts/woff-v2/MathJax_Fraktur-Bold.woff": "font",
    }.items():
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).write_text(text, encoding="utf-8")
    frames = [Image.new("L", (30, 20), shade) for shade in (0, 255)]
    book = explore.flipbook([__import__("numpy").array(f) for f in frames], ["a", "b"], "Grey </script>")
    page = tmp_path / "book" / "one.html"
    page.parent.mkdir()
    page.write_text(
        f"""<html><head><title>1. One</title>
<link href="../_static/styles/theme.css?digest=1" rel="stylesheet" />
<link rel="stylesheet" type="text/css" href="../_static/gancourse.css?v=1" />
<link rel="preload" as="font" href="../_static/vendor/fontawesome/webfonts/fa-solid-900.woff2" />
<script src="../_static/scripts/fontawesome.js?digest=1"></script>
<script src="../_static/documentation_options.js?v=1"></script>
<script src="../_static/doctools.js?v=1"></script>
<script>DOCUMENTATION_OPTIONS.pagename = "book/one";</script>
</head><body><button onclick="toggleFullScreen()"
  class="btn-fullscreen-button"><i class="fa-solid fa-expand"></i></button>
<button><i class="theme-switch fa-solid fa-bars fa-lg" data-mode="light"></i></button>
<article><p>Short.</p><p>A paragraph of <b>some</b> length &amp; with &lt;b&gt; in it,
long enough to say something.</p>
<span class="math notranslate nohighlight">\\(p \\le \\log q\\)</span>
<img alt="first" src="{uri(png())}"><img alt="second" src="{uri(png((9, 9), noise=True))}">
<img alt="again" src="{uri(png())}">
{book.html}</article></body></html>""",
        encoding="utf-8",
    )
    return tmp_path


def lightened(site) -> str:
    light.main(site)
    return (site / "book" / "one.html").read_text(encoding="utf-8")


def test_pictures_become_files_of_the_same_pixels_once_each(site):
    text = lightened(site)
    assert "base64" not in text
    files = list((site / "_images").iterdir())
    assert len(files) == 4  # one picture stands twice, the flipbook has two frames
    drawn = [Image.open(path).convert("RGB") for path in files]
    wanted = Image.open(io.BytesIO(png()))
    same = [i for i in drawn if i.size == wanted.size and i.tobytes() == wanted.tobytes()]
    assert len(same) == 1
    assert all(f"../_images/{p.name}" in text for p in (site / "_images").iterdir())


def test_only_the_first_picture_loads_at_once(site):
    images = [tag for tag in lightened(site).split("<img ")[1:]]
    assert ["loading=" in tag.split(">")[0] for tag in images] == [False, True, True, True]


def test_icons_are_drawn_keep_their_names_and_need_no_font(site):
    text = lightened(site)
    assert 'class="svg-inline--fa theme-switch fa-bars fa-lg"' in text
    assert 'data-mode="light"' in text and 'd="M1z"' in text  # the solid one, which stands last
    assert "fontawesome" not in text and "webfonts" not in text
    assert not (site / "_static" / "vendor").exists()
    assert "toggleFullScreen" not in text  # a browser has a key for it


@pytest.mark.parametrize("name", ["pencil-alt", "circle-half-stroke", "github", "lightbulb", "rocket"])
def test_every_icon_of_a_published_page_is_found_by_its_present_or_former_name(name):
    script = Path(pydata_sphinx_theme.__file__).parent.joinpath(
        "theme", "pydata_sphinx_theme", "static", "scripts", "fontawesome.js"
    )
    width, height, outline = light.Icons(script.read_text(encoding="utf-8")).path(name)
    assert int(width) and int(height) and outline.startswith("M")


def test_a_page_that_the_build_writes_offers_no_edit():
    row = '<li><a href="/edit/x.md"\n class="btn btn-source-edit-button">Suggest edit\n</a>\n</li>'
    assert light.SOURCE.sub("", f"<ul>{row}<li>more</li></ul>") == "<ul><li>more</li></ul>"
    assert light.MADE == {
        f"book/{Path(line).stem}.html"
        for line in (light.ROOT / ".gitignore").read_text().splitlines()
        if line.startswith("book/") and line.endswith(".md")
    }


def test_an_icon_that_the_theme_does_not_have_stops_the_build():
    with pytest.raises(LookupError, match="'sparkles'"):
        light.ICON.sub(light.Icons(ICONS).draw, '<i class="fa-solid fa-sparkles"></i>')


def test_a_page_waits_for_one_sheet_and_no_script(site):
    text = lightened(site)
    head = text.partition("</head>")[0]
    assert head.count('rel="stylesheet"') == 1
    sheet = next((site / "_static").glob("page-*.css")).read_text()
    assert sheet.index("p{color:red}") < sheet.index("p{margin:0}")
    assert "@import" not in sheet and 'url("file.png")' in sheet
    assert '<script defer src="../_static/doctools.js?v=1">' in head
    assert head.index("const DOCUMENTATION_OPTIONS") < head.index(".pagename")  # at once, in place


def test_the_figures_share_one_script_and_keep_their_data(site):
    text = lightened(site)
    assert text.count('class="gc-frames"') == 1 and "const PLAY" not in text
    assert "const PLAY" in (site / "_static" / "page.js").read_text()
    assert "</script>" not in text.partition('class="gc-frames">')[2].partition("</script>")[0]


def test_a_figure_of_another_script_is_noticed():
    with pytest.raises(LookupError, match="_flipbook"):
        light.one_script(f"<head></head><script>{light._HEAD}{{}};other()</script>", "../")


def test_figures_are_numbered_through_a_chapters_pages(site):
    one = site / "book" / "one.html"
    for name in ("03-a.html", "03-a-deeper-b.html"):
        (one.parent / name).write_text(one.read_text(encoding="utf-8"), encoding="utf-8")
    light.main(site)
    for name, figure in (("03-a", "fig-3-1"), ("03-a-deeper-b", "fig-3-2"), ("one", "gc-")):
        text = (site / "book" / f"{name}.html").read_text(encoding="utf-8")
        assert f'<figure class="gc-flipbook" id="{figure}' in text
        assert f'<label for="{figure}' in text and f'"id": "{figure}' in text


def test_a_figure_is_a_link_to_its_picture():
    picture = '<img loading="lazy" class="gc-figure" alt="a &gt; b" style="width:720px;x" src="a.png">'
    text = light.zoomable(f'{picture}<img class="other" src="b.png">')
    link = '<a class="gc-zoom" href="a.png" data-width="720" title="Full size">'
    assert text == f'{link}{picture}</a><img class="other" src="b.png">'
    two = light.zoomable(picture.replace(' alt="', ' data-narrow="n.webp" alt="'))
    source = '<source media="(max-width: 480px)" srcset="n.webp">'
    assert two == f"{link}<picture>{source}{picture}</picture></a>"


def test_a_page_says_what_it_is_about_and_escapes_it(site):
    text = lightened(site)
    said = text.partition('<meta name="description" content="')[2].partition('"')[0]
    assert said.startswith("A paragraph of some length &amp; with &lt;b&gt; in it")
    assert light.headed(text) == text  # once


def test_a_shared_link_has_an_address_and_a_picture_where_the_site_has_one():
    page = "<head><title>T</title></head><article><p>" + "word " * 20 + "</p>"
    site = repository.site_of("https://github.com/Some-One/gans")
    assert site == "https://some-one.github.io/gans/" and repository.site_of("") == ""
    text = light.headed(page, "book/01.html", site)
    assert f'<link rel="canonical" href="{site}book/01.html">' in text
    assert f'content="{site}_static/hero.png"' in text
    assert f'<link rel="canonical" href="{site}">' in light.headed(page, "book/intro.html", site)
    assert "canonical" not in light.headed(page, "book/01.html")


def test_the_course_is_told_to_machines_as_json():
    text = light.headed("<title>T</title><article>", "book/intro.html", "https://a.github.io/b/")
    told = text.partition('<script type="application/ld+json">')[2].partition("</script>")[0]
    assert json.loads(told)["@type"] == "Course"
    assert json.loads(told)["url"] == "https://a.github.io/b/"


def test_a_site_has_a_map_and_a_page_for_wrong_addresses(site):
    light.main(site, "https://a.github.io/b/")
    assert "<loc>https://a.github.io/b/book/one.html</loc>" in (site / "sitemap.xml").read_text()
    assert 'href="https://a.github.io/b/"' in (site / "404.html").read_text()


def test_a_long_description_ends_at_a_word():
    text = f"<article><p>{'word ' * 100}</p>"
    assert len(light.about(text)) <= 202 and light.about(text).endswith("word …")


def test_formulas_get_room_by_their_symbols():
    assert 'style="--gc-w:' in light.room_for_math(
        '<span class="math notranslate nohighlight">\\(x\\)</span>'
    )
    short, long = light.width(r"\(x\)"), light.width(r"\(x = \alpha + \beta\)")
    assert 0.5 < short < 1 and 3 < long < 5
    # a name with an index, and a relation that is a word
    assert light.width(r"\(\max_D V\)") > 2 and light.width(r"\(q \gg p\)") > 2


def test_what_no_page_asks_for_is_removed(site):
    lightened(site)
    left = {p.name for p in site.glob("**/*") if p.is_file()}
    assert {"tex-chtml.js", "MathJax_Main-Bold.woff", "doctools.js"} <= left
    assert (
        not {
            "tex-svg.js",
            "MathJax_Fraktur-Bold.woff",
            "bootstrap.js.map",
            "fa-solid-900.woff2",
            "fontawesome.js",
        }
        & left
    )


def test_a_source_or_a_picture_that_nothing_names_is_removed(site):
    entry = '<li><a href="../_sources/book/{0}" class="btn btn-download-source-button">.md</a></li>'
    one = site / "book" / "one.html"
    text = one.read_text(encoding="utf-8")
    picture = '<img src="../_static/lab/start.png" alt="">'
    one.write_text(text.replace("</article>", f"{picture}{entry.format('one.md')}</article>"), "utf-8")
    (site / "book" / "checks.html").write_text(text + entry.format("checks.md"), encoding="utf-8")
    (site / "searchindex.js").write_text('["book/checks.md", "book/one.md"]', encoding="utf-8")
    for name, data in {
        "_sources/book/one.md": b"# One",
        "_sources/book/checks.md": b"# Written by the build",
        "_static/lab/start.png": png((400, 300)),
        "_static/hero.png": png(),
        "_static/file.png": png(),
    }.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data)
    lightened(site)
    left = {p.relative_to(site).as_posix() for p in site.glob("_*/**/*") if p.is_file()}
    assert {"_sources/book/one.md", "_static/lab/start.webp", "_static/file.png"} <= left
    assert not {"_sources/book/checks.md", "_static/lab/start.png", "_static/hero.png"} & left
    assert "_sources" not in (site / "book" / "checks.html").read_text(encoding="utf-8")


def test_no_formula_asks_for_an_alphabet_that_is_left_out():
    other = re.compile(r"\\(?:mathfrak|mathscr|mathsf|mathtt|textsf|texttt|frak|scr|sf|tt)\b")
    for page in [*light.ROOT.glob("book/*.ipynb"), *light.ROOT.glob("book/*.md")]:
        assert not other.search(page.read_text(encoding="utf-8")), page.name


def test_a_second_run_changes_nothing(site):
    text = lightened(site)
    assert lightened(site) == text


def test_a_large_picture_is_taken_in_the_smaller_format(tmp_path):
    noise = Image.effect_noise((600, 400), 60).convert("RGB")
    place = tmp_path / "_images"
    place.mkdir()
    noise.save(place / "big.png")
    lines = Image.new("RGB", (60, 40), "white")
    lines.paste("navy", (10, 5, 50, 9))
    lines.save(place / "frame.png")
    text = '<img src="_images/big.png">"_images/frame.png"'
    (tmp_path / "other.png").write_bytes(png())
    text = light.smaller(text + '"other.png"', tmp_path / "x.html")
    assert text == '<img src="_images/big.webp">"_images/frame.webp""other.png"'
    big, frame = place / "big", place / "frame"
    assert size(big, "webp") < size(big, "png") * 2 / 3
    assert size(frame, "webp") < size(frame, "png")
    pixels = [Image.open(f"{frame}.{end}").convert("RGB").tobytes() for end in ("webp", "png")]
    assert pixels[0] == pixels[1]


def size(path, suffix):
    return path.with_suffix(f".{suffix}").stat().st_size


def test_the_front_page_stands_at_the_root():
    page = (
        '<html data-content_root="../"><a href="01.html#x"><img src="../_images/a.png">'
        '<a href="#here"><a href="https://example.org/"><form action="../search.html">'
    )
    assert light.at_the_root(page) == (
        '<html data-content_root="./"><a href="book/01.html#x"><img src="_images/a.png">'
        '<a href="#here"><a href="https://example.org/"><form action="search.html">'
    )


def test_a_published_front_page_offers_the_files_that_publishing_makes():
    page = "<p><strong>Read it here.</strong> All works.</p><p>More.</p>"
    text = light.with_files(page)
    assert 'All works. The whole book as one file: <a href="../gancourse.pdf">' in text
    with pytest.raises(LookupError, match="Read it here"):
        light.with_files("<p>Other words.</p>")
    steps = (light.ROOT / ".github" / "workflows" / "publish.yml").read_text()
    for name in re.findall(r"gancourse\.\w+", text):
        assert f"_build/{name}" in steps
    # ... and the front page has the paragraph.
    assert "**Read it here.**" in (light.ROOT / "book" / "intro.md").read_text(encoding="utf-8")


def test_a_signatures_arguments_are_no_list_without_terms():
    sphinx = '<dl><dt class="sig sig-object py">f(<dl>\n<dd>x</dd></dl>)</dt><dd>text</dd></dl>'
    plain = '<div class="gc-arguments">\n<div>x</div></div>'
    wanted = f'<dl><dt class="sig sig-object py">f({plain})</dt><dd>text</dd></dl>'
    assert light.signatures(sphinx) == wanted


def test_mathjax_is_for_pages_with_formulas():
    loads = '<script>window.MathJax = {"a": 1}</script><script defer src="../mathjax/tex.js"></script>'
    assert light.only_where_used(f"{loads}<p>text</p>") == "<p>text</p>"
    formula = f'{loads}<span class="math notranslate">x</span>'
    assert light.only_where_used(formula) == formula


def test_chinese_words_say_so_and_nothing_else_changes():
    page = '<p>模式</p><article data-x="模式"><p>A (模式崩溃).</p><script>"模式"</script></article>'
    wanted = page.replace("模式崩溃", '<span lang="zh">模式崩溃</span>')
    assert light.in_their_language(page) == wanted


def cell(tag: str, first: str) -> str:
    """A folded cell as the build leaves it."""
    return (
        f'<div class="cell tag_{tag} tag_hide-input docutils container">\n'
        '<details class="admonition hide above-input">\n'
        '<summary aria-label="Toggle hidden content">\n'
        '<p class="collapsed admonition-title">Show the set-up</p>\n'
        '<p class="expanded admonition-title">Hide the set-up</p>\n</summary>\n'
        '<div class="cell_input docutils container">\n<div class="highlight-ipython3 notranslate">'
        f'<div class="highlight"><pre><span></span><span class="c1">{first}</span>\n'
        '<span class="n">draw</span>\n</pre></div>\n</div>\n</div>\n</details>\n</div>'
    )


@pytest.mark.parametrize(("tag", "of"), [("draw", "figure"), ("table", "table")])
def test_a_fold_says_what_is_in_it(tag, of):
    text = light.folds(cell(tag, "# @title Two rings &lt; one") + cell(tag, "# no title"))
    first, second = (part.partition("</summary>") for part in text.split("<summary>")[1:])
    assert first[0].strip() == f'<p class="admonition-title">Code of this {of}: Two rings &lt; one</p>'
    assert "@title" not in first[2] and "draw</span>" in first[2]
    assert second[0].strip() == f'<p class="admonition-title">Code of this {of}</p>'
    assert "# no title" in second[2]


def test_a_fold_over_a_strip_of_claims_says_so():
    text = light.folds(cell("table", "# @title Both seeds").replace("tag_table", "tag_claim tag_table"))
    assert '<p class="admonition-title">Code of this check: Both seeds</p>' in text


def test_a_fold_is_read_aloud_as_it_is_seen_and_the_set_up_keeps_its_code():
    text = light.folds(cell("setup", "# @title Set-up: finds the package"))
    assert "aria-label" not in text and "Show the set-up" in text
    assert "# @title Set-up: finds the package" in text
    other = cell("x", "y").replace("above-input", "other")
    assert light.folds(other) == other


def test_the_arrow_at_a_chapter_with_a_deeper_page_has_a_name():
    arrow = '<summary><span class="toctree-toggle"></span></summary>'
    for state in ("", ' open="open"'):
        text = light.named_toggles(f'<li><a href="02.html">2. Two</a><details{state}>{arrow}')
        assert '<summary aria-label="Deeper page of 2. Two" tabindex="-1"><span' in text


def strip(*claims):
    rows = "".join(f'<tr class="gc-{c}"><th scope="row">it</th><td>1</td></tr>' for c in claims)
    return f'<table class="gc-claims"><thead><tr><th>claim</th></tr></thead>{rows}</table>'


def test_claims_are_numbered_in_page_order_on_through_the_deeper_page(tmp_path):
    (tmp_path / "book").mkdir()
    for name, text in {
        "03-a.html": strip("holds", "missed") + "<p>x</p>" + strip("holds"),
        "03-a-deeper-b.html": strip("holds"),
        "04-c.html": strip("holds"),
        "checks.html": strip("holds"),
    }.items():
        (tmp_path / "book" / name).write_text(text)
    before = light.before(tmp_path, light.CLAIM)
    assert {page.stem: place for page, place in before.items()} == {
        "03-a": (3, 0),
        "03-a-deeper-b": (3, 3),
        "04-c": (4, 0),
    }
    main = light.numbered((tmp_path / "book" / "03-a.html").read_text(), 3, 0)
    row = '<tr id="claim-3-2" class="gc-missed"><th scope="row">'
    assert row + '<a class="gc-number" href="#claim-3-2" tabindex="-1">3.2</a> it' in main
    assert main.count("<tr id=") == 3 and 'id="claim-3-3"' in main
    assert 'id="claim-3-4"' in light.numbered(strip("holds"), 3, 3)
    assert light.numbered(main, 3, 0).count("gc-number") == 3  # once is enough
