"""Curves that a reader draws before he sees them (scripts/curves.py, book/_static/curve.js): the truth
is computed again here, and drawing works by mouse, touch and keyboard in a real Chromium."""

import math
import shutil

import numpy as np
import pytest
from scipy.stats import norm

from scripts import book, curves, practice
from tests.pages import served
from tests.test_practice import PAGE, STATIC, Tab

X = np.linspace(-4, 4, curves.POINTS)
P = (norm.pdf(X, -2, 0.5) + norm.pdf(X, 2, 0.5)) / 2
TRUTHS = {
    "best-discriminator": P / (P + norm.pdf(X, 1, 1.2)),
    "jsd-of-lines": [math.log(2)] * 10 + [0] + [math.log(2)] * 10,
}
USED = [
    (path.stem, spec)
    for path in book.notebooks()
    for _, spec in practice.GUESS.findall(path.read_text(encoding="utf-8"))
    if spec.startswith("curve ")
]


@pytest.mark.parametrize("name", curves.CURVES)
def test_the_truth_is_the_computed_one(name):
    made = curves.CURVES[name]()
    np.testing.assert_allclose(made["right"], TRUTHS[name], atol=1e-4)
    assert made["right"] == made["fine"][:: 240 // (curves.POINTS - 1)]
    every = [made["fine"], *made["given"].values()]
    assert min(map(min, every)) >= 0 and max(map(max, every)) <= made["top"]


def test_each_is_asked_for_once():
    assert sorted(spec.removeprefix("curve ") for _, spec in USED) == sorted(curves.CURVES)


def test_an_unknown_curve_is_an_error():
    with pytest.raises(ValueError, match="the curves are best-discriminator"):
        practice.guess("D", "curve worst-discriminator")


def test_the_script_is_small_and_only_where_it_is_used():
    source = (STATIC / "curve.js").read_text(encoding="utf-8")
    assert len(source) <= 7_000
    assert not any(word in source for word in ("fetch(", "import ", "eval(", "innerHTML"))
    page = "<head></head><body><!-- guess: Is it? = *yes* | no --></body>"
    assert "curve.js" not in practice.with_practice(page)


# --- in the page


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(STATIC, root / "_static")
    (root / "book").mkdir()
    asked = "".join(f"<p>Draw.</p><!-- guess: it = curve {name} -->" for name in curves.CURVES)
    for theme in ("light", "dark"):
        text = PAGE.format(chapter="1", exercises=asked, theme=theme)
        (root / "book" / f"01-{theme}.html").write_text(text, encoding="utf-8")
    practice.main(root)
    with served(root) as site:
        yield {"http": f"{site}/book", "file": (root / "book").as_uri()}


def opened(tab, k=1):
    fold = tab.page.locator(f"[data-guess='guess-{k}']")
    assert fold.locator("summary").inner_text() == "Draw it first"
    fold.locator("summary").click()
    return fold


def place(fold, at, value, top=1):
    """Pixels of the window: of the point with this number, at this height (340 x 210 in the drawing)."""
    box = fold.locator("svg").bounding_box()
    scale = box["width"] / 340
    x, y = 34 + at / (curves.POINTS - 1) * 298, 10 + (1 - value / top) * 170
    return box["x"] + x * scale, box["y"] + y * scale


def drawn(fold):
    return [float(dot.get_attribute("aria-valuenow")) for dot in fold.get_by_role("slider").all()]


def told(fold):
    fold.get_by_role("button", name="Check").click()
    return " ".join(fold.get_by_role("status").inner_text().split())


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_by_mouse(browser, addresses, scheme):
    with Tab(browser, f"{addresses[scheme]}/01-light.html") as tab:
        fold = opened(tab)
        fold.locator("svg").scroll_into_view_if_needed()
        assert "Draw the curve first" in told(fold)
        assert fold.locator(".gc-curve-truth").count() == 0
        right = TRUTHS["best-discriminator"]
        tab.page.mouse.move(*place(fold, 0, right[0]))
        tab.page.mouse.down()
        for k in range(0, curves.POINTS, 2):  # fast: every second point is passed over
            tab.page.mouse.move(*place(fold, k, right[k]))
        tab.page.mouse.up()
        tab.page.mouse.move(*place(fold, 3, 0))  # no button is down
        mine = drawn(fold)
        np.testing.assert_allclose(mine[::2], right[::2], atol=0.01)
        np.testing.assert_allclose(mine[1::2], (right[:-1:2] + right[2::2]) / 2, atol=0.01)
        words = told(fold)
        assert words.startswith("✓ Right Dashed: the truth.")
        assert fold.locator(".gc-curve-truth").count() == 1
        off = float(fold.locator("svg").get_attribute("data-off"))
        assert off == pytest.approx(np.abs(mine - right).mean(), abs=1e-3)


def test_a_wrong_curve_is_told_where(browser, addresses):
    """Who thinks that the divergence grows with the distance."""
    with Tab(browser, f"{addresses['file']}/01-light.html") as tab:
        fold = opened(tab, 2)
        fold.locator("svg").scroll_into_view_if_needed()
        tab.page.mouse.move(*place(fold, 0, 0.69, 0.8))
        tab.page.mouse.down()
        tab.page.mouse.move(*place(fold, 10, 0, 0.8))
        tab.page.mouse.move(*place(fold, 20, 0.69, 0.8))
        tab.page.mouse.up()
        words = told(fold)
        assert words.startswith("✗ Not yet") and "it is 0.69" in words


def test_by_keyboard_alone(browser, addresses):
    with Tab(browser, f"{addresses['file']}/01-light.html") as tab:
        fold, press = tab.page.locator("[data-guess='guess-2']"), tab.page.keyboard.press
        fold.locator("summary").focus()
        press("Enter")
        fold.locator("svg").wait_for()
        press("Tab")
        named = "document.activeElement.getAttribute('aria-label')"
        assert tab.page.evaluate(named) == "θ = −1"
        for key in ("PageUp", "ArrowUp", "ArrowUp", "ArrowDown"):  # 0.4 + 6 x 0.04
            press(key)
        for _ in range(10):
            press("ArrowRight")
        assert tab.page.evaluate(named) == "θ = 0"
        for _ in range(4):
            press("PageDown")
        press("ArrowRight")
        press("PageUp"), press("PageUp"), press("PageUp"), press("ArrowUp")
        mine = drawn(fold)
        assert mine[0] == pytest.approx(0.64) and mine[10] == 0 and mine[11] == pytest.approx(0.64)
        assert mine[20] == pytest.approx(0.64)  # as the nearest that was drawn
        press("Tab")
        press("Enter")
        assert fold.get_by_role("status").inner_text().startswith(("✓ Right", "✗ Not yet"))
        assert fold.locator(".gc-curve-truth").count() == 1


def test_by_touch(browser, addresses):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{addresses['file']}/01-light.html")
    fold = page.locator("[data-guess='guess-1']")
    fold.locator("summary").tap()
    fold.locator("svg").scroll_into_view_if_needed()
    assert fold.locator("svg").evaluate("e => getComputedStyle(e).touchAction") == "none"
    page.touchscreen.tap(*place(fold, 5, 0.25))
    assert drawn(fold)[5] == pytest.approx(0.25, abs=0.02)
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_overflows(browser, addresses, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{addresses['file']}/01-{theme}.html")
    for k in (1, 2):
        fold = page.locator(f"[data-guess='guess-{k}']")
        fold.locator("summary").click()
        fold.get_by_role("slider").first.press("ArrowUp")
        fold.get_by_role("button", name="Check").click()
    rules = Axe().run(page, context="#none, .gc-practice").response["violations"]
    assert [(rule["id"], rule["nodes"][0]["target"]) for rule in rules] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
