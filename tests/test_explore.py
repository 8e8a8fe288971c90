"""Interactive figures: as HTML, in a real Chromium, and as widgets of a live kernel."""

from __future__ import annotations

import base64
import io
import re

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from gancourse import explore as module
from gancourse.explore import explore, flipbook

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def closed():
    """No test leaves a figure open: neither do the functions."""
    plt.close("all")
    yield
    assert plt.get_fignums() == []


def figure(value=0.0, width=4.0):
    fig, ax = plt.subplots(figsize=(width, 2.0))
    ax.plot([0, 1, 2], [value, 1, value])
    ax.set(ylim=(-3, 3))
    return fig


def pixels(k=0):
    return np.full((8, 12), 20 * k, np.uint8)


def book(n=5, **options):
    labels = [f"step {k}" for k in range(n)]
    return flipbook([pixels(k) for k in range(n)], labels, "A <run> & more", **options)


def pictures(html):
    found = re.findall(r"data:image/(\w+);base64,([A-Za-z0-9+/=]+)", html)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for _, data in found]


# --- as HTML --------------------------------------------------------------------------------------


def test_html_is_self_contained_and_safe_in_markdown():
    html = book().html
    assert "http" not in html and "url(" not in html and "import" not in html
    assert "\n\n" not in html and not re.search(r"\n\s*\n", html)
    assert "<run>" not in html and "A &lt;run&gt; &amp; more" in html
    assert len(pictures(html)) == 5
    # Without this JupyterLab takes the arrow keys for its own (seen in 4.x).
    assert html.count('data-lm-suppress-shortcuts="true"') == html.count("<button") + html.count(
        "<input"
    )
    assert repr(book()) == "[interactive figure: A <run> & more, 5 frames]"


def test_a_label_cannot_end_the_script():
    html = flipbook([pixels(), pixels(1)], ["</script><b>", "two"], "t").html
    assert html.count("</script>") == 1 and "<b>" not in html


def test_figures_are_drawn_at_double_resolution_and_closed():
    html = flipbook([figure(0), figure(1)], ["a", "b"], "t").html
    assert {image.size for image in pictures(html)} == {(800, 400)}
    assert 'style="width:400px' in html
    html = flipbook([figure(0, width=20.0)], ["a"], "wide figures shrink to the page").html
    assert pictures(html)[0].size == (1440, 144)


def test_png_bytes_and_arrays_are_frames_too():
    from gancourse import plots

    fig = figure()
    data = plots.png(fig)
    plt.close(fig)
    assert pictures(flipbook([data], ["a"], "t").html)[0].size == (800, 400)
    color = np.zeros((8, 12, 3), np.uint8)
    color[0, 0] = (255, 0, 0)
    image = pictures(flipbook([color], ["a"], "t").html)[0].convert("RGB")
    assert image.size == (720, 480) and image.getpixel((3, 3))[0] > 200  # large pixels
    marked = "--gc-pixels:pixelated"  # and sharp ones, on a screen that has two for one
    assert marked in flipbook([color], ["a"], "t").html
    assert marked not in flipbook([data], ["a"], "t").html


def test_ids_are_unique_on_a_page_and_pictures_the_same_in_each_build():
    one, two = book().html, book().html
    ids = [re.search(r'figure class="gc-flipbook" id="(.+?)"', html)[1] for html in (one, two)]
    assert ids[0] != ids[1]
    assert one.replace(ids[0], "") == two.replace(ids[1], "")


def test_forty_busy_frames_stay_below_a_megabyte_and_a_half():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (90, 180, 3), dtype=np.uint8)  # as hard to compress as can be
    frames = [np.roll(noise, k, 0).repeat(4, 0).repeat(4, 1) for k in range(40)]
    assert len(flipbook(frames, [str(k) for k in range(40)], "t").html) < 4_000_000
    lines = [figure(k / 20, width=7.2) for k in range(15)]
    html = flipbook(lines, [str(k) for k in range(15)], "t").html
    assert len(html) < 15 * 1_500_000 / 40


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], [], "t"), "0 frames"),
        (([pixels()], ["a", "b"], "t"), "1 frames, 2 labels"),
        (([pixels(), np.zeros((9, 9), np.uint8)], ["a", "b"], "t"), "of sizes"),
        ((["no picture"], ["a"], "t"), "need a matplotlib figure"),
        (([np.zeros((2, 2))], ["a"], "t"), "float64 (2, 2)"),
    ],
)
def test_bad_frames(arguments, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        flipbook(*arguments)


def test_bad_start_and_alts():
    with pytest.raises(ValueError, match="start = 5"):
        book(start=5)
    with pytest.raises(ValueError, match="with 1 alts"):
        book(alts=["one"])


# --- explore without a kernel ---------------------------------------------------------------------


def test_explore_draws_the_product_of_its_axes():
    calls = []

    def draw(mean, kind):
        calls.append((mean, kind))
        return figure(mean), f"mean {mean}, {kind}"

    made = explore(draw, title="t", mean=[0, 1.5, 2], kind=["p", "q"], start={"mean": 1.6, "kind": "q"})
    assert calls == [(m, k) for m in (0, 1.5, 2) for k in "pq"] and made.frames == 6
    assert 'alt="mean 1.5, q"' in made.html
    assert made.html.count('type="range"') == 2 and made.html.count("<label for=") == 2
    assert 'max="2" value="1"' in made.html and 'max="1" value="1"' in made.html


@pytest.mark.parametrize(
    ("axis", "labels", "after"),
    [
        ("", ["step 0", "step 300", "step 1,200"], [" of 1,200"] * 3),
        ("steps", ["0", "400"], [" of 400"] * 2),
        ("", ["start", "turn 1, step 2"], [" (1 of 2)", " (2 of 2)"]),
        ("", ["step 3", "step 2"], [" (1 of 2)", " (2 of 2)"]),
        ("mean", ["0", "4"], ["", ""]),
    ],
)
def test_a_slider_says_how_far_the_training_is(axis, labels, after):
    assert module._after(axis, labels) == after


def test_explore_names_what_is_wrong():
    def draw(**values):
        return figure()

    with pytest.raises(ValueError, match="axes have no values"):
        explore(draw, title="t")
    with pytest.raises(ValueError, match=r"\{'a': 1\}"):
        explore(draw, title="t", a=[1])
    with pytest.raises(ValueError, match="at most 300"):
        explore(draw, title="t", a=range(20), b=range(20))
    with pytest.raises(ValueError, match=r"start names \['c'\]; the axes are \['a'\]"):
        explore(draw, title="t", a=[1, 2], start={"c": 1})
    with pytest.raises(ValueError, match=r"draw\(a = 1\) returned None"):
        explore(lambda a: None, title="t", a=[1, 2])


# --- with a live kernel ---------------------------------------------------------------------------


def test_fine_steps_pass_through_the_given_values():
    fine = module._fine([0.001, 0.01, 0.1])
    assert {0.001, 0.01, 0.1} <= set(fine) and len(fine) == 41 and fine == sorted(fine)
    assert module._fine([1, 4]) == [1, 2, 3, 4]
    assert module._fine(["a", "b"]) == ["a", "b"]


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setattr(module, "_live", lambda: True)
    return pytest.importorskip("ipywidgets")


def test_live_panel_draws_at_fine_steps_and_shows_errors(live):
    seen = []

    def draw(mean, n):
        seen.append((mean, n))
        if n == 3:
            raise RuntimeError("n = 3 is <odd>")
        return figure(mean), f"mean {mean:.2f}"

    panel = explore(draw, title="A <title>", mean=[-1.0, 0.0, 1.0], n=[1, 5], start={"mean": 0.5})
    title, picture, mean, n = panel.children
    assert seen[-1] == (0.5, 1) and "A &lt;title&gt;" in title.value
    assert 'alt="mean 0.50"' in picture.value and mean.description == "mean"
    before = picture.value
    mean.value = mean.options[0][1]
    assert seen[-1] == (-1.0, 1) and picture.value != before and 'alt="mean -1.00"' in picture.value
    n.value = 3
    assert "RuntimeError: n = 3 is &lt;odd&gt;" in picture.value
    n.value = 4
    assert "RuntimeError" not in picture.value and seen[-1] == (-1.0, 4)


def test_live_panel_asks_a_recorded_run_for_no_step_in_between(live):
    recorded = {0: 0.0, 100: 1.0, 1000: 2.0}
    panel = explore(
        lambda step, shift: figure(recorded[step] + shift),
        title="t",
        step=[*recorded],
        shift=[0, 1.0],
    )
    _, picture, step, shift = panel.children
    assert [value for _, value in step.options] == [*recorded]
    assert len(shift.options) > 20  # a formula's slider stays fine
    for _, value in step.options:
        step.value = value
        assert "KeyError" not in picture.value


def test_live_panel_has_buttons_for_words(live):
    panel = explore(lambda kind, n: (figure(n), kind), title="t", kind=["p", "q"], n=[1, 5])
    _, picture, kind, n = panel.children
    assert isinstance(kind, live.ToggleButtons) and isinstance(n, live.SelectionSlider)
    kind.value = "q"
    assert 'alt="q"' in picture.value


def test_no_widgets_no_kernel_or_a_book_build_give_a_flipbook(live, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # makes its import fail
    assert isinstance(explore(lambda a: figure(a), title="t", a=[0, 1]), module.Flipbook)
    monkeypatch.undo()
    monkeypatch.delenv("GANCOURSE_STATIC", raising=False)
    assert not module._live()  # pytest is no kernel

    class Shell:
        kernel = object()

    import IPython

    monkeypatch.setattr(IPython, "get_ipython", lambda: Shell())
    assert module._live()
    monkeypatch.setenv("GANCOURSE_STATIC", "1")
    assert not module._live()


# --- in a browser ---------------------------------------------------------------------------------


THEMES = {"light": ("#ffffff", "#222222"), "dark": ("#121212", "#ced6dd")}


def open_page(browser, theme="light", width=800, **options):
    made = [
        book(interval_ms=60, alts=[f"picture {k}" for k in range(5)]),
        book(start=2),
        explore(
            lambda mean, s: (figure(mean * s), f"curve at {mean}, {s}"),
            title="Two sliders", mean=[0, 1, 2], s=[-1, 0.5, 1], start={"s": 0.5},
        ),
    ]  # fmt: skip
    back, front = THEMES[theme]
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.set_content(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>t</title>'
        '<meta name="viewport" content="width=device-width"></head>'
        f'<body style="background:{back};color:{front};font:16px sans-serif"><main><h1>Page</h1>'
        f"{''.join(one.html for one in made)}</main></body></html>"
    )
    return page, [page.locator(".gc-flipbook").nth(k) for k in range(3)]


def state(figure):
    image = figure.locator("img")
    shown = figure.locator("output").all_text_contents()
    return image.get_attribute("src"), image.get_attribute("alt"), shown


def test_arrow_keys_change_the_picture_its_text_and_no_other(browser):
    page, (first, second, third) = open_page(browser)
    others = state(second), state(third)
    seen = [state(first)]
    first.locator("input").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        seen.append(state(first))
    assert [alt for _, alt, _ in seen] == [f"picture {k}" for k in range(5)]
    assert [label for _, _, (label,) in seen] == [f"step {k}" for k in range(5)]
    content = "e => getComputedStyle(e, '::after').content"
    assert first.locator("output").evaluate(content) == '" of 4"'
    assert len({source for source, _, _ in seen}) == 5
    assert first.locator("input").get_attribute("aria-valuetext") == "step 4 of 4"
    page.keyboard.press("Home")
    assert state(first) == seen[0]
    assert (state(second), state(third)) == others and others[0][2] == ["step 2"]
    assert page.problems == []
    page.context.close()


def test_play_advances_to_the_end_stops_and_starts_again(browser):
    page, (first, _, _) = open_page(browser)
    button, output = first.get_by_role("button"), first.locator("output")
    page.wait_for_timeout(200)
    assert state(first)[1] == "picture 0"  # never by itself
    button.click()
    assert button.get_attribute("aria-label") == "Pause"
    # A screen reader isn't flooded, and says each step once: the slider's own text.
    assert output.get_attribute("aria-live") == "off"
    page.wait_for_function("document.querySelector('output').textContent === 'step 4'")
    page.wait_for_function("document.querySelector('button').ariaLabel === 'Play'")
    button.focus()
    page.keyboard.press("Enter")  # from the start again
    assert state(first)[1] in ("picture 0", "picture 1")
    page.keyboard.press("Space")
    paused = state(first)
    page.wait_for_timeout(200)
    assert state(first) == paused and button.get_attribute("aria-label") == "Play"
    button.click()
    first.locator("input").fill("1")  # touching the slider stops it, too
    page.wait_for_timeout(200)
    assert state(first)[1] == "picture 1"
    page.context.close()


def test_two_sliders_reach_every_frame(browser):
    page, (_, _, third) = open_page(browser)
    seen = {}
    for i, mean in enumerate((0, 1, 2)):
        third.get_by_label("mean").fill(str(i))
        for k, s in enumerate(("-1", "0.5", "1")):
            third.get_by_label("s", exact=True).fill(str(k))
            source, alt, shown = state(third)
            assert alt == f"curve at {mean}, {s}" and shown == [str(mean), s]
            seen[alt] = source
    assert len(seen) == 9 and len(set(seen.values())) == 6  # by the product of the two
    assert page.problems == []
    page.context.close()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_overflows(browser, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    page, figures = open_page(browser, theme, width)
    found = Axe().run(page).response["violations"]
    assert [(rule["id"], rule["help"]) for rule in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for one in figures:
        assert one.bounding_box()["width"] <= 720
        assert one.locator("img").evaluate("i => getComputedStyle(i).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        for target in [*one.locator("button").all(), *one.locator("input").all()]:
            assert target.bounding_box()["height"] >= 24  # large enough for a finger
        assert one.locator("button").bounding_box()["height"] >= 44
    page.context.close()


def test_reduced_motion_plays_slowly(browser):
    page, (first, _, _) = open_page(browser, reduced_motion="reduce")
    first.get_by_role("button").click()
    page.wait_for_timeout(400)  # 60 ms a frame otherwise
    assert state(first)[1] == "picture 0"
    page.context.close()


def test_the_same_output_twice_on_a_page_works_in_both_places(browser):
    html = book().html
    page = browser.new_page()
    page.set_content(html + html)  # JupyterLab's "new view for output"
    for k in range(2):
        one = page.locator(".gc-flipbook").nth(k)
        one.locator("input").fill("3")
        assert one.locator("output").text_content() == "step 3"
    page.close()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        ("adam", "adam"),
        (12345, "12345"),
        (12345.0, "12345"),
        (np.int64(12345), "12345"),
        (np.float32(0.5), "0.5"),
        (np.float64(123456.7), "123457"),
        (torch.tensor(12345), "12345"),
        (torch.tensor(0.25), "0.25"),
        (0.1 + 0.2, "0.3"),
        (1e-5, "1e-05"),
        (float("inf"), "inf"),
        ((1, 2), "(1, 2)"),
    ],
)
def test_a_value_is_shown_as_it_is_written(value, text):
    assert module._text(value) == text


def test_sliders_over_anything():
    for values in (
        [None, 0.01],
        np.array([5, 12345]),
        torch.tensor([1, 2]),
        [True, False],
        ["a", None],
    ):
        html = explore(lambda x: figure(0), title="t", x=values, start={"x": values[1]}).html
        assert module._text(values[1]) in html and 'value="1"' in html
    with pytest.raises(ValueError, match="start has 0.5; need one of None, a"):
        explore(lambda x: figure(0), title="t", x=[None, "a"], start={"x": 0.5})
    plt.close("all")


def in_words(browser, width=800, **axes):
    made = explore(
        lambda **at: (figure(len("".join(map(str, at.values())))), f"it is {list(at.values())}"),
        title="Words and numbers",
        **axes,
    )
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.set_content(f"<body style='font:16px sans-serif'>{made.html}")
    return page, page.locator(".gc-flipbook")


def test_words_are_buttons_all_in_sight_and_numbers_a_slider(browser):
    axes = {"game": ["minimax", "WGAN-GP", "8 Gaussians"], "step": [0, 50, 1000]}
    page, one = in_words(browser, **axes)
    assert one.locator("input[type=range]:visible").count() == 1
    group = one.get_by_role("radiogroup", name="game")
    assert [r.is_checked() for r in group.get_by_role("radio").all()] == [True, False, False]
    group.get_by_text("8 Gaussians").click()
    assert state(one)[1] == "it is ['8 Gaussians', 0]"
    page.keyboard.press("ArrowLeft")
    assert state(one)[1] == "it is ['WGAN-GP', 0]"
    one.get_by_label("step").press("End")
    assert state(one)[1] == "it is ['WGAN-GP', 1000]"
    # What has an order is played, and stands beside the button.
    one.get_by_role("button").click()
    page.wait_for_function("document.querySelector('button').ariaLabel === 'Play'")
    assert state(one)[1] == "it is ['WGAN-GP', 1000]"
    row = one.get_by_role("button").locator("xpath=..")
    assert row.locator("input[type=range]").count() == 1 and "step" in row.inner_text()
    assert page.problems == []
    page.close()


def test_two_axes_of_words_cannot_be_played(browser):
    page, one = in_words(browser, game=["a", "b"], scheme=["c", "d"])
    assert one.get_by_role("radiogroup").count() == 2
    assert not one.get_by_role("button").is_visible()
    one.get_by_text("d", exact=True).click()
    one.get_by_text("b", exact=True).click()
    assert state(one)[1] == "it is ['b', 'd']"
    page.close()


def test_on_a_phone_name_and_value_stand_over_their_slider(browser):
    axes = {"game": ["minimax", "alternating", "non-saturating"], "step": [0, 50, 1000]}
    page, one = in_words(browser, 390, **axes)
    slider, value, button = (
        one.locator(what).bounding_box()
        for what in ("input[type=range]:visible", "output:visible", "button")
    )
    assert value["y"] + value["height"] <= slider["y"] + 1
    assert slider["x"] >= button["x"] + button["width"]
    assert slider["width"] > 250
    around = one.bounding_box()  # beyond it an output's box would cut the ring that shows the focus
    assert slider["x"] + slider["width"] + 4 <= around["x"] + around["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
