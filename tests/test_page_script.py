"""scripts/page.js in a real Chromium, by double click: links to a state, figures at full size."""

import io

import numpy as np
import pytest
from PIL import Image

from gancourse import explore
from scripts import light

PANELS = [(200, 0, 0), (0, 150, 0), (0, 0, 200), (200, 150, 0)]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of chapter 3 with two figures that move and one that does not, and room around them."""
    root = tmp_path_factory.mktemp("site")
    (root / "book").mkdir()
    static = root / "_static"
    (static / "scripts").mkdir(parents=True)
    (static / "scripts" / "fontawesome.js").write_text("")
    style = light.ROOT / "book" / "_static" / "gancourse.css"
    (static / "gancourse.css").write_text(style.read_text(encoding="utf-8"), encoding="utf-8")
    grey = [np.full((6, 9), 20 * k, np.uint8) for k in range(4)]
    steps = explore.flipbook(grey, [f"step {k},000" for k in range(4)], "Steps")
    words = explore.explore(
        lambda game, rate: (grey[0], f"{game} at {rate}"),
        title="Words", game=["minimax", "WGAN, clipped"], rate=[0.1, 1, 10],
    )  # fmt: skip
    drawn = io.BytesIO()
    Image.new("RGB", (1440, 720), "white").save(drawn, "PNG")
    # Two rows of two panels, each of one color; at the left of each row a black scale.
    colors = np.full((720, 1440, 3), 255, np.uint8)
    for row in (0, 1):
        colors[360 * row : 360 * row + 360, :72] = 0
        for column in (0, 1):
            left = 72 + 684 * column
            colors[360 * row : 360 * row + 360, left : left + 684] = PANELS[2 * row + column]
    many = io.BytesIO()
    Image.fromarray(colors).save(many, "PNG")
    (root / "_images").mkdir()
    (root / "_images" / "a.png").write_bytes(drawn.getvalue())
    Image.new("RGB", (732, 700), "white").save(root / "_images" / "n.png")
    (root / "_images" / "b.png").write_bytes(many.getvalue())
    figure = (
        '<img class="gc-figure" data-narrow="../_images/n.png" alt="A white picture" '
        'style="width:720px;max-width:100%;height:auto" '
        'src="../_images/a.png">'
    )
    rows = "".join(
        f"{bottom} {top} 0 0.525;{bottom} {top} 0.525 1 0 0.05 {bottom + 0.1};"
        for bottom, top in ((0.5, 1), (0, 0.5))
    )
    figure += (
        f'<img class="gc-figure" data-points="9" data-panels="{rows}" alt="Four panels" '
        'style="width:720px;max-width:100%;height:auto" src="../_images/b.png">'
    )
    room = '<p style="height:1500px">…</p>'
    (root / "book" / "03-a.html").write_text(
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>3</title>'
        '<link rel="stylesheet" href="../_static/gancourse.css"></head><body>'
        f'<article class="bd-article"><h1 id="top">3</h1>{figure}{room}<h2 id="middle">M</h2>'
        f"{steps.html}{room}{words.html}{room}</article></body></html>",
        encoding="utf-8",
    )
    light.main(root)
    return (root / "book" / "03-a.html").as_uri()


@pytest.fixture
def opened(browser, folder):
    contexts = []

    def at(hash="", **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(folder + hash)
        return page

    yield at
    for context in contexts:
        assert [problem for page in context.pages for problem in page.problems] == []
        context.close()


def shown(page, figure):
    return page.locator(f"#{figure} img").get_attribute("alt")


def in_sight(page, selector):
    top = page.locator(selector).bounding_box()["y"]
    return -5 < top < page.viewport_size["height"] / 2


def test_an_address_shows_a_figure_in_a_state(opened):
    page = opened("#fig-3-2=WGAN%2C%20clipped,10")
    assert shown(page, "fig-3-2") == "WGAN, clipped at 10" and in_sight(page, "#fig-3-2")
    assert shown(page, "fig-3-1") == "Steps: step 0,000"
    page.evaluate("location.hash = '#fig-3-1=2000'")  # "step 2,000", in short
    page.wait_for_function("document.querySelector('#fig-3-1 output').textContent === 'step 2,000'")
    assert in_sight(page, "#fig-3-1")


@pytest.mark.parametrize("hash", ["#fig-3-2=", "#fig-3-2=sgd,7", "#fig-3-2=%,%E0", "#fig-9-9=1"])
def test_an_address_of_no_state_changes_nothing(opened, hash):
    assert shown(opened(hash), "fig-3-2") == "minimax at 0.1"


def test_ordinary_anchors_lead_where_they_did(opened):
    page = opened("#middle")
    page.wait_for_timeout(100)
    assert in_sight(page, "#middle") and shown(page, "fig-3-2") == "minimax at 0.1"
    page = opened("#fig-3-2")
    page.wait_for_timeout(100)
    assert in_sight(page, "#fig-3-2")


def test_a_figures_link_leads_back_to_what_is_shown(opened):
    page = opened()
    # The theme's script asks for each anchor's target as it loads, and this is no selector.
    assert not page.locator("a[href*='=']").count()
    page.locator("#fig-3-2").get_by_text("WGAN, clipped").click()
    page.locator("#fig-3-2 [type=range]:visible").fill("1")
    link = page.locator("#fig-3-2").get_by_role("link", name="Link to this picture")
    link.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#fig-3-2=WGAN%2C%20clipped,1"
    page.reload()
    assert shown(page, "fig-3-2") == "WGAN, clipped at 1"


@pytest.mark.parametrize("how", ["tap", "Enter"])
def test_a_figure_opens_at_full_size_on_a_phone(opened, how):
    page = opened(**PHONE)
    link, dialog = page.locator("a.gc-zoom").first, page.get_by_role("dialog")
    assert link.bounding_box()["width"] <= 390
    if how == "tap":
        link.tap()
    else:
        link.focus()
        page.keyboard.press("Enter")
    image = dialog.locator("img")
    page.wait_for_function("document.querySelector('dialog img').width === 720")
    assert image.get_attribute("alt") == "A white picture"
    assert dialog.bounding_box()["width"] <= 390
    scroller = "document.querySelector('dialog > div')"
    assert page.evaluate(f"{scroller} === document.activeElement")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{scroller}.scrollLeft > 300")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.className") == "gc-zoom"


def test_a_figure_fills_a_desk_and_closes_by_its_button_or_beside_it(opened):
    page = opened(viewport={"width": 1280, "height": 900})
    dialog = page.get_by_role("dialog")
    page.locator("a.gc-zoom").first.click()
    page.wait_for_function("document.querySelector('dialog img').width === 1232")
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    page.locator("a.gc-zoom").first.click()
    page.mouse.click(640, 895)
    assert not dialog.is_visible()


def test_without_javascript_a_figure_is_a_link_to_its_picture(browser, folder):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(folder)
    page.locator("a.gc-zoom").first.click()
    page.wait_for_url("**/_images/a.webp")
    context.close()


def test_a_phone_shows_the_figure_that_was_drawn_for_it(opened):
    page = opened(**PHONE)
    shown = page.get_by_role("img", name="A white picture")
    shown.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('picture img').naturalWidth === 732")
    assert shown.bounding_box()["width"] <= 390
    page.get_by_role("link", name="A white picture").tap()  # the whole one
    page.wait_for_function("document.querySelector('dialog img').naturalWidth === 1440")
    desk = opened(viewport={"width": 1280, "height": 900})
    desk.wait_for_function("document.querySelector('picture img').naturalWidth === 1440")


def test_the_panels_of_a_figure_stand_one_below_the_other_on_a_phone(opened):
    page = opened(**PHONE)
    page.wait_for_selector(".gc-panels")
    rows = page.locator(".gc-panels > span")
    boxes = [row.bounding_box() for row in rows.all()]
    assert len(boxes) == 4
    assert all(a["y"] + a["height"] <= b["y"] for a, b in zip(boxes, boxes[1:]))
    for row, color, box in zip(rows.all(), PANELS, boxes):
        shot = Image.open(io.BytesIO(row.screenshot())).convert("RGB")
        scale = shot.width / box["width"]
        middle = (round(box["width"] * scale * 0.6), round(box["height"] * scale / 2))
        assert shot.getpixel(middle) == pytest.approx(color, abs=12)
        assert max(shot.getpixel((4, middle[1]))) < 40  # the scale, in the second column too
        assert (max(shot.getpixel((4, shot.height - 6))) > 200) == (
            color in PANELS[1::2]
        )  # no more of it than that
        # 9 points of a picture that is 720 px wide; the row shows 0.525 of it
        assert 9 * 100 / 72 * box["width"] / (0.525 * 720) >= 9
        assert box["x"] + box["width"] <= 390
    whole = page.get_by_role("link", name="Four panels")
    whole.tap()
    page.wait_for_function("document.querySelector('dialog img').width === 720")


def test_a_desk_shows_the_whole_figure(opened):
    page = opened(viewport={"width": 1280, "height": 900})
    assert page.locator("a.gc-zoom img").nth(1).bounding_box()["width"] == 720
    assert not page.locator(".gc-panels").count()
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_selector(".gc-panels")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert not page.locator(".gc-panels").is_visible()
    assert page.locator("a.gc-zoom img").nth(1).bounding_box()["width"] == 720


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_an_open_figure(opened, theme):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(**PHONE)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.locator("a.gc-zoom").first.tap()
    assert page.problems == []  # before axe, which asks for the style sheet in a wrong way
    found = Axe().run(page).response["violations"]
    page.problems.clear()
    assert [(rule["id"], rule["nodes"][0]["target"]) for rule in found] == []
