"""scripts/looks.py: boxes get their kinds from portable markup; and what they look like."""

import io
import re

import pytest
from PIL import Image

from scripts import book, looks
from tests.pages import BOOK, text
from tests.test_book import HTML, Page, channels

QUOTE = "<blockquote>\n<div><p><strong>{}</strong> Text.</p>\n</div></blockquote>"
FOLD = "<details><summary>{}</summary>\n<p>Text.</p>\n</details>"
SECTION = """<section id="exercise-3-2-a-title">
<h3>Exercise 3.2 · A title<a href="#x">#</a></h3>
<p>●●○ · 12 minutes</p>
<p>Write it.</p>
<div class="cell"><details class="hide"><summary>Code</summary></details></div>
{folds}
{after}</section>"""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Theorem 2.", "theorem"),
        ("Lemma.", "theorem"),
        ("Key idea.", "idea"),
        ("Watch out.", "warning"),
        ("Theorems and ideas.", "aside"),
    ],
)
def test_a_box_gets_the_kind_that_its_first_words_name(name, kind):
    made = looks.boxes(QUOTE.format(name))
    assert f'<blockquote class="gc-box gc-{kind}">' in made
    assert f'<strong class="gc-box-name">{name}</strong> Text.' in made


def test_a_quotation_without_a_name_stays_one():
    plain = "<blockquote>\n<div><p>Text, <strong>bold</strong>.</p>\n</div></blockquote>"
    assert looks.boxes(plain) == plain


def test_an_exercise_ends_with_its_last_fold():
    folds = FOLD.format("Hint 1") + "\n" + FOLD.format("Solution")
    after = "<p>What the chapter says of it.</p>" + FOLD.format("Answer")
    made = looks.exercises(SECTION.format(folds=folds, after=after))
    box = made.partition('<div class="gc-exercise">')[2].partition("</details>\n</div>")
    for inside in ("<h3>Exercise 3.2", "Hint 1", "Solution"):
        assert inside in box[0]
    assert "What the chapter says of it." in box[2] and "Answer" in box[2]
    assert made.count("<div") == made.count("</div>")


def test_a_fold_before_the_cell_for_the_answer_does_not_end_an_exercise():
    page = SECTION.format(folds=FOLD.format("Solution"), after="<p>After.</p>")
    page = page.replace('<div class="cell">', f'{FOLD.format("The log")}<div class="cell tag_exercise">')
    box = looks.exercises(page).partition("</details>\n</div>")
    assert "The log" in box[0] and "Solution" in box[0] and "After." in box[2]


def test_difficulty_is_said_as_a_number():
    made = looks.exercises(SECTION.format(folds=FOLD.format("Solution"), after=""))
    assert '<span aria-hidden="true">●●○</span>' in made
    assert '<span class="visually-hidden">difficulty 2 of 3</span> · 12 minutes' in made


def test_an_exercise_without_a_fold_of_its_own_stops_the_build():
    two = SECTION.format(folds="", after="") + f"<section>{FOLD.format('Answer')}</section>"
    with pytest.raises(LookupError, match="exercise-3-2"):
        looks.exercises(two)


def test_a_second_run_changes_nothing():
    page = f"<body><article>{QUOTE.format('Key idea.')}</article>"
    once = looks.dressed(page, "01-a")
    assert once != page and looks.dressed(once, "01-a") == once


def test_boxes_of_the_chapters_have_known_names():
    """A misspelt name would silently make an aside: these are all there are."""
    asides = set()
    for page in [*BOOK.glob("*.ipynb"), *BOOK.glob("*.md")]:
        for name in re.findall(r"^> \*\*([^*]+)\*\*", text(page.name), re.M):
            if looks.kind(name) == "aside":
                asides.add(name)
    assert asides == {"Eigenvalues in two lines.", "What a fair comparison needs."}


@pytest.fixture(scope="module")
def site():
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: `make book`")
    return HTML.as_uri()


def test_every_exercise_of_the_built_book_is_a_card(site):
    cards = 0
    for name in book.toc():
        page = (HTML / f"{name}.html").read_text(encoding="utf-8")
        headings = len(re.findall(r"<h[23]>(?:<[^>]*>[^<]*</[^>]*>)?Exercise \d+\.\d+ ", page))
        assert page.count('<div class="gc-exercise">') == headings, name
        boxes = page.split('<div class="gc-exercise">')[1:]
        answered = sum("tag_exercise" in one.partition("</details>\n</div>")[0] for one in boxes)
        assert answered == page.count("tag_exercise"), f"{name}: a box ends before its cell"
        cards += headings
    assert cards >= 79


def style(page, selector, *names):
    read = "(s, names) => names.map(n => getComputedStyle(s)[n])"
    return page.tab.locator(selector).first.evaluate(read, list(names))


LINES = """() => {
  // Characters on each full line of the text's longest paragraphs.
  const counts = [];
  for (const p of document.querySelectorAll('.bd-article section > p')) {
    if (p.querySelector('mjx-container, code') || p.textContent.length < 220) continue;
    const range = document.createRange(), lines = new Map();
    for (const walker = document.createTreeWalker(p, 4); walker.nextNode();) {
      for (let k = 0; k < walker.currentNode.length; k++) {
        range.setStart(walker.currentNode, k); range.setEnd(walker.currentNode, k + 1);
        const y = Math.round(range.getBoundingClientRect().bottom / 8);
        lines.set(y, (lines.get(y) || 0) + 1);
      }
    }
    counts.push(...[...lines.values()].slice(0, -1));
  }
  return counts;
}"""


@pytest.mark.parametrize("width", [1280, 1920])
def test_a_line_has_about_seventy_characters_and_figures_break_out(site, browser, width):
    with Page(browser, site, "book/01-minimax", width=width) as page:
        counts = sorted(page.tab.evaluate(LINES))
        assert len(counts) > 20
        assert 62 <= counts[len(counts) // 2] <= 76, counts
        text, figure = (
            page.tab.locator(what).first.bounding_box()["width"]
            for what in (".bd-article section > p:not([class])", ".gc-flipbook")
        )
        assert figure > text


@pytest.mark.parametrize("dark", [False, True])
def test_the_players_have_their_colours_in_formulas(site, browser, dark):
    seen = {}
    with Page(browser, site, "book/01-minimax", dark=dark) as page:
        for letter, code in {"G": "1D43A", "D": "1D437", "x": "1D465"}.items():
            seen[letter] = page.tab.locator(f"mjx-c.mjx-c{code}").first.evaluate(
                "c => getComputedStyle(c, '::before').color"
            )
    red, green, blue = channels(seen["G"])[:3]
    assert red > green > blue, seen  # the generator's red-orange
    red, green, blue = channels(seen["D"])[:3]
    assert green > blue > red, seen  # the discriminator's green
    assert len(set(seen.values())) == 3
    with Page(browser, site, "book/04-wasserstein-deeper-duality", dark=dark) as page:
        plain = page.tab.locator("mjx-c.mjx-c1D43A").first.evaluate(
            "c => getComputedStyle(c, '::before').color"
        )
    assert plain == seen["x"]  # there G is a distribution function


def test_on_paper_colours_are_those_of_a_light_page(site, browser):
    names = ("--gc-g", "--gc-d", "--gc-task", "--gc-warn", "--gc-warn-ground", "--gc-good")
    read = "names => names.map(n => getComputedStyle(document.documentElement).getPropertyValue(n))"
    seen = {}
    for dark in (False, True):
        with Page(browser, site, "book/01-minimax", dark=dark) as page:
            page.tab.emulate_media(media="print" if dark else "screen")
            seen[dark] = page.tab.evaluate(read, list(names))
    assert seen[True] == seen[False] and all(seen[True])


def test_boxes_differ_in_shape_and_not_only_in_colour(site, browser):
    shapes = {}
    with Page(browser, site, "book/01-minimax") as page:
        for kind in (".gc-theorem", ".gc-idea", ".gc-exercise", ".gc-claims"):
            names = ("borderTopStyle", "borderTopWidth", "borderLeftWidth", "fontFamily")
            shapes[kind] = tuple(style(page, kind, *names))
        page.tab.evaluate("document.querySelector('.gc-idea').className = 'gc-box gc-warning'")
        shapes[".gc-warning"] = tuple(style(page, ".gc-warning", *names))
    assert len(set(shapes.values())) == len(shapes), shapes


def test_the_sign_of_a_box_is_seen(site, browser):
    with Page(browser, site, "book/01-minimax") as page:
        box = page.tab.locator(".gc-idea").first
        box.scroll_into_view_if_needed()
        place = box.bounding_box()
        shown = Image.open(io.BytesIO(box.screenshot())).convert("RGB")
        assert shown.width >= place["width"] - 1
        sign = shown.crop((15, 12, 36, 34))
        assert len(sign.getcolors(1000)) > 4, "the sign lies below the ground of its box"


def test_in_forced_colours_every_box_has_a_frame(site, browser):
    context = browser.new_context(forced_colors="active", viewport={"width": 1280, "height": 900})
    try:
        tab = context.new_page()
        tab.goto(f"{site}/book/01-minimax.html")
        for kind in (".gc-theorem", ".gc-idea", ".gc-exercise", ".gc-claims", ".gc-facts"):
            side = "Top" if kind in (".gc-exercise", ".gc-facts") else "Left"
            width, line, colour, ground = tab.locator(f".bd-article {kind}").first.evaluate(
                "(e, side) => { const s = getComputedStyle(e); return [s[`border${side}Width`], "
                "s[`border${side}Style`], s[`border${side}Color`], s.backgroundColor]; }",
                side,
            )
            assert float(width[:-2]) >= 1 and line != "none" and colour != ground, kind
        sign = tab.locator(".gc-idea").first.evaluate(
            "e => getComputedStyle(e, '::before').backgroundColor"
        )
        assert sign not in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"), sign
    finally:
        context.close()


MARKED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  // The mark may stand on what stands for the element: a box around it, the arrow in it.
  const box = e.parentElement;
  const near = [e, ...e.children, box, box.parentElement].map(p => getComputedStyle(p));
  const ring = e.querySelector('.gc-ring');  // of a figure that is dragged: a thick stroke
  const stroke = ring ? parseFloat(getComputedStyle(ring).strokeWidth) : 0;
  const seen = near[0].boxShadow !== 'none' || stroke >= 4
    || near.some(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1);
  return [seen, `${e.tagName}.${e.getAttribute('class')} ${e.textContent.trim()}`.slice(0, 80)];
}"""


@pytest.mark.parametrize("name", ["index", "book/01-minimax", "book/03-failures", "book/lab"])
def test_who_moves_by_keyboard_sees_where_they_are(site, browser, name):
    with Page(browser, site, name) as page:
        unmarked = []
        for _ in range(140):
            page.tab.keyboard.press("Tab")
            stop = page.tab.evaluate(MARKED)
            if stop is None:
                break
            if not stop[0]:
                unmarked.append(stop[1])
        assert unmarked == []


def test_buttons_of_figures_are_large_enough_for_a_thumb(site, browser):
    for name in ("book/01-minimax", "book/lab"):
        with Page(browser, site, name, width=390) as page:
            buttons = page.tab.locator(".gc-flipbook button:visible, .gc-lab-run button:visible")
            for box in (b.bounding_box() for b in buttons.all()):
                assert box["width"] >= 44 and box["height"] >= 44, (name, box)
