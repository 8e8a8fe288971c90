"""The blinded test of twenty pictures (book/_static/blind/blind.js), in a real Chromium: what a reader
does with it by mouse, touch and keyboard, and what he is told."""

import base64

import numpy as np
import pytest
from scipy.stats import binom

from gancourse import recorded
from scripts import embeds
from tests.test_embeds import Page, roots, site  # noqa: F401  (fixtures)

PAGE, SCRIPT = "08-beyond-fid-deeper-sure", embeds.ROOT / "book" / "_static" / "blind" / "blind.js"
RUN = recorded.load("ch08-blind")["results"][0]
PICTURES = np.concatenate(
    [
        np.frombuffer(base64.b64decode(RUN[kind]), np.uint8).reshape(10, 784)
        for kind in ("real", "generated")
    ]
)
PIXELS = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"


def opened(page):
    page.fold.locator("summary").first.click()
    return page.fold.locator(".gc-blind")


def begin(test, expected="15"):
    test.get_by_label("How many will you get right?").fill(expected)
    test.get_by_role("button", name="Begin").click()


def which(test):
    """The number of the picture that is asked about, by its pixels."""
    shown = np.array(test.locator(".gc-blind-large").evaluate(PIXELS)).reshape(784, 4)[:, 0]
    return int((PICTURES == shown).all(1).argmax())


def answer(test, rule, press="click"):
    """Twenty answers; the order in which the pictures came."""
    seen = []
    for k in range(20):
        assert test.get_attribute("data-answered") == str(k)
        seen.append(which(test))
        button = test.get_by_role("button", name="Real" if rule(seen[-1]) else "Generated", exact=True)
        getattr(button, press)()
    return seen


def calm(page):  # the browser's word on this test's own reading of pixels
    page.problems[:] = [p for p in page.problems if "willReadFrequently" not in p]


@pytest.fixture(scope="module")
def js(browser):
    page = browser.new_page()
    page.add_script_tag(path=str(SCRIPT))
    yield page.evaluate
    page.close()


@pytest.mark.parametrize("n", [6, 7, 20, 31, 100])
def test_a_coins_range_is_the_binomials(js, n):
    got = js(f"gcBlind.coin({n})")
    inside = binom.cdf(got["high"], n, 0.5) - binom.cdf(got["low"] - 1, n, 0.5)
    assert got["inside"] == pytest.approx(inside) and inside >= 0.95
    assert got["above"] == pytest.approx(binom.sf(got["high"], n, 0.5))
    assert inside - binom.pmf(got["low"], n, 0.5) - binom.pmf(got["high"], n, 0.5) < 0.95


def test_what_is_said_of_a_score(js):
    assert (js("gcBlind.coin(20).low"), js("gcBlind.coin(20).high")) == (6, 14)
    words = [js(f"gcBlind.verdict({right}, 20)") for right in (5, 6, 14, 15)]
    assert all("6 to 14 right in 96 of 100" in word for word in words)
    assert words[1] == words[2] and "could be a coin's" in words[1]
    assert "wrong way round" in words[0] and words[3].endswith("You see a difference.")
    assert all("in 2 of 100" in word for word in (words[0], words[3]))


def test_files_are_small_and_stand_alone():
    source = SCRIPT.read_text(encoding="utf-8")
    assert len(source) <= 7_000 and len(embeds.blinded("ch08-blind")) < 60_000
    words = ("fetch(", "import ", "eval(", "http", "innerHTML", "localStorage")
    assert not any(word in source for word in words)


def test_an_unknown_run_is_an_error():
    with pytest.raises(LookupError, match="no recorded run"):
        embeds.blinded("ch08-nothing")


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_all_right_and_which_were_which(browser, roots, scheme):  # noqa: F811
    with Page(browser, roots[scheme], PAGE) as page:
        assert "blind.js" not in page.asked
        test = opened(page)
        begin(test)
        seen = answer(test, lambda k: k < 10)
        assert sorted(seen) == list(range(20)) and seen != sorted(seen)
        assert test.get_attribute("data-right") == "20"
        assert "20 of 20 right; you expected 15." in test.text_content()
        assert "You took 0 of the ten generated pictures for real, and 0 of" in test.text_content()
        for kind, from_ in (("real", 0), ("generated", 10)):
            shown = test.get_by_role("list", name=f"The {kind} ones").locator("canvas").all()
            pixels = [np.array(one.evaluate(PIXELS)).reshape(784, 4)[:, 0] for one in shown]
            np.testing.assert_array_equal(pixels, PICTURES[from_ : from_ + 10])
        test.get_by_role("button", name="Again").click()
        begin(test, "3")
        assert answer(test, lambda k: True) != seen  # another order
        assert test.get_attribute("data-right") == "10"
        assert "You took 10 of the ten generated pictures for real, and 0 of" in test.text_content()
        calm(page)


def test_no_answer_can_be_read_before_the_last(browser, roots):  # noqa: F811
    with Page(browser, roots["file"], PAGE) as page:
        test = opened(page)
        begin(test)
        said = set()
        for k in range(1, 20):
            label = test.get_by_role("img").get_attribute("aria-label")
            said.add(
                (label.replace(f"Picture {k}:", ""), test.inner_text().replace(f"Picture {k} ", ""))
            )
            test.get_by_role("button", name="Real", exact=True).click()
        assert len(said) <= 2  # the same words for each ("Back" may differ at the first)
        assert "right" not in test.inner_text()


def test_by_keyboard_alone_and_with_a_step_back(browser, roots):  # noqa: F811
    with Page(browser, roots["file"], PAGE) as page:
        page.tab.keyboard.press("Tab")
        page.tab.keyboard.press("Enter")
        test = page.fold.locator(".gc-blind")
        test.wait_for()
        page.tab.keyboard.press("Tab")
        page.tab.keyboard.press("Enter")  # nothing is expected yet: the browser asks for a number
        assert test.get_attribute("data-answered") is None
        page.tab.keyboard.type("12")
        page.tab.keyboard.press("Enter")
        page.tab.keyboard.press("ArrowRight")
        page.tab.keyboard.press("Enter")
        page.tab.keyboard.press("Tab")
        page.tab.keyboard.press("Enter")  # back
        assert test.get_attribute("data-answered") == "0"
        for _ in range(20):
            page.tab.keyboard.press("ArrowLeft" if which(test) < 10 else "ArrowRight")
            page.tab.keyboard.press("Enter")
        assert test.get_attribute("data-right") == "20"
        assert "20 of 20" in page.tab.evaluate("document.activeElement.textContent")
        calm(page)


def test_by_touch(browser, roots):  # noqa: F811
    with Page(browser, roots["file"], PAGE, width=390, has_touch=True, is_mobile=True) as page:
        test = opened(page)
        begin(test)
        answer(test, lambda k: False, press="tap")
        assert test.get_attribute("data-right") == "10"
        calm(page)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_overflows(browser, roots, theme, width):  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    with Page(browser, roots["http"], PAGE, width=width, theme=theme) as page:
        test = opened(page)
        for stage in ("first", "asking", "told"):
            if stage == "asking":
                begin(test)
            if stage == "told":
                for _ in range(20):
                    test.get_by_role("button", name="Generated", exact=True).click()
            found = Axe().run(page.tab).response["violations"]
            assert [(stage, rule["id"], rule["nodes"][0]["target"]) for rule in found] == []
            assert page.tab.evaluate("document.documentElement.scrollWidth") <= width
            for target in test.locator("button, input").all():
                box = target.bounding_box()
                assert box["height"] >= 24 and box["x"] + box["width"] <= width


def test_the_lab_page_has_it_too():
    assert "<!-- blind: ch08-blind -->" in (embeds.ROOT / "book" / "lab.md").read_text()
