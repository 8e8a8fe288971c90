"""The lab in a real Chromium, from a server and from a file: by mouse, touch, keyboard and ear."""

import gzip
import json
import re
import shutil
import time
from pathlib import Path

import pytest

from tests.pages import served

BOOK = Path(__file__).parents[1] / "book"
STATIC = BOOK / "_static"
PAGE = (BOOK / "lab.md").read_text(encoding="utf-8")
SCRIPTS = [STATIC / "lab" / name for name in ("lab.js", "lab-view.js")]
LONG = "#steps=10000"  # still running when a test comes back to pause it, however fast the machine
# What the theme gives a page: its colors and its switch for them.
THEME = """
:root { --pst-color-background: #fff; --pst-color-text-base: #222832; }
html[data-theme=dark] { --pst-color-background: #14181e; --pst-color-text-base: #ced6dd; }
body { margin: 0 16px; background: var(--pst-color-background); color: var(--pst-color-text-base);
       font: 16px/1.65 sans-serif; }
* { box-sizing: border-box; }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page's own piece of HTML, and the book's static files beside it."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(STATIC, root / "_static")
    piece = re.search(r"<link rel=.*</script>\n", PAGE, re.S)[0]
    (root / "book").mkdir()
    (root / "book" / "lab.html").write_text(
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Lab'
        '</title><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">'
        f'<style>{THEME}</style><link rel="stylesheet" href="../_static/gancourse.css"></head><body>'
        f'<main><article class="bd-article"><h1>The lab</h1>{piece}</article></main></body></html>',
        encoding="utf-8",
    )
    return root


@pytest.fixture(scope="module")
def addresses(folder):
    with served(folder) as site:
        yield {"http": f"{site}/book/lab.html", "file": (folder / "book" / "lab.html").as_uri()}


class Lab:
    """The page, opened; problems are collected, and there must be none when it closes."""

    def __init__(self, browser, address, *, width=1000, theme="light", **options):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.tab, self.problems = self.context.new_page(), []
        self.tab.on("console", lambda m: self.problems.append(m.text))
        self.tab.on("pageerror", lambda e: self.problems.append(str(e)))
        self.tab.on("requestfailed", lambda r: self.problems.append(r.url))
        self.tab.goto(address)
        self.root = self.tab.locator("[data-lab]")
        if theme == "dark":
            self.tab.evaluate("document.documentElement.dataset.theme = 'dark'")

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.context.close()
        assert kind or self.problems == []

    def data(self, key):
        return self.root.get_attribute(f"data-{key}")

    def step(self):
        return int(self.data("step"))

    def button(self, name):
        return self.root.get_by_role("button", name=name, exact=True)

    def until(self, step, timeout=60_000):
        self.tab.wait_for_function(
            "n => +document.querySelector('[data-lab]').dataset.step >= n",
            arg=step,
            timeout=timeout,
        )

    def status(self):
        return self.root.get_by_role("status").text_content()

    def address(self):
        return self.tab.evaluate("location.hash")


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_run_pause_steps_and_reset_by_mouse(browser, addresses, scheme):
    with Lab(browser, addresses[scheme] + LONG) as lab:
        lab.tab.wait_for_timeout(300)
        assert lab.step() == 0 and lab.data("running") == "false"  # never by itself
        assert "Ready. Step 0. 0 of 8 modes" in lab.status()
        lab.button("Run").click()
        assert lab.data("running") == "true"
        lab.until(40)
        lab.button("Pause").click()
        paused = lab.step()
        assert lab.data("running") == "false" and "Paused" in lab.status()
        lab.tab.wait_for_timeout(200)
        assert lab.step() == paused
        cards = lab.root.locator(".gc-lab-turn")
        lab.button("One step of G").click()
        assert lab.step() == paused + 1
        assert "gc-lab-lit" in cards.nth(1).get_attribute("class")
        loss = cards.nth(0).locator("b").text_content()
        lab.button("One step of D").click()
        assert lab.step() == paused + 1  # rounds are counted by G's steps
        assert "gc-lab-lit" in cards.nth(0).get_attribute("class")
        assert "One step of D: its loss was" in lab.status()
        assert re.fullmatch(r"\d\.\d\d", loss) and "softplus(-D(real))" in cards.nth(0).inner_text()
        lab.button("Reset").click()
        assert lab.step() == 0 and lab.status().startswith("Reset")


def test_a_run_ends_and_begins_again(browser, addresses):
    small = "#steps=500&widthG=4&widthD=4&depth=1&batch=16"
    over = "document.querySelector('[data-lab]').dataset.running === 'false'"
    with Lab(browser, addresses["file"] + small) as lab:
        lab.button("Run").click()
        lab.tab.wait_for_function(over)
        assert lab.step() == 500 and "The run is over" in lab.status()
        now = "e => { e.click(); return document.querySelector('[data-lab]').dataset.step; }"
        assert lab.button("Run again").evaluate(now) == "0"
        lab.tab.wait_for_function(over)
        assert lab.step() == 500
        lab.root.get_by_label("Rates fall").select_option("none")  # then it goes on instead
        lab.button("Run").click()
        assert lab.step() >= 500
        lab.until(501)


def test_by_keyboard_alone(browser, addresses):
    with Lab(browser, addresses["file"]) as lab:
        lab.tab.keyboard.press("Tab")  # the first preset
        assert lab.tab.evaluate("document.activeElement.textContent") == "A recipe"
        lab.tab.keyboard.press("g")
        lab.tab.keyboard.press("d")
        assert lab.step() == 1 and "One step of D" in lab.status()
        lab.tab.keyboard.press("Tab")
        lab.tab.keyboard.press("Enter")
        assert "Collapse. Ready." in lab.status() and "lrD=0.0001" in lab.address()
        for _ in range(5):
            lab.tab.keyboard.press("Tab")
        lab.tab.keyboard.press("Space")
        assert lab.button("Pause").evaluate("e => e === document.activeElement")
        lab.until(5)
        lab.tab.keyboard.press("r")
        assert lab.data("running") == "false"
        lab.root.get_by_label("R1, weight γ").focus()
        lab.tab.keyboard.press("ArrowDown")  # in a list the keys belong to the list
        assert "r1=0.01" in lab.address()


def test_by_touch_with_a_drawing(browser, addresses):
    with Lab(browser, addresses["file"], width=390, has_touch=True, is_mobile=True) as lab:
        lab.root.get_by_label("Data", exact=True).select_option("drawn")
        board = lab.root.get_by_role("application")
        board.scroll_into_view_if_needed()
        box = board.bounding_box()
        for x, y in ((0.25, 0.25), (0.75, 0.25), (0.5, 0.75)):
            lab.tab.touchscreen.tap(box["x"] + x * box["width"], box["y"] + y * box["height"])
        points = re.search(r"points=([^&]*)", lab.address())[1]
        assert len(points) == 9
        found = lab.root.locator("[data-value=modes]").first
        assert found.text_content().endswith("of 3")
        lab.button("Run").tap()
        lab.until(5)
        lab.button("Pause").tap()
        lab.button("Clear drawing").tap()
        assert "points=" not in lab.address()


def test_drawing_by_mouse_and_by_keyboard(browser, addresses):
    with Lab(browser, addresses["file"] + "#data=drawn") as lab:
        board = lab.root.get_by_role("application")
        board.scroll_into_view_if_needed()
        box = board.bounding_box()
        at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
        lab.tab.mouse.move(*at(0.2, 0.2))
        lab.tab.mouse.down()
        lab.tab.mouse.move(*at(0.8, 0.3), steps=12)
        lab.tab.mouse.up()
        lab.tab.mouse.move(*at(0.5, 0.9))  # not pressed: draws nothing
        stroke = lab.address()
        assert 10 * 3 <= len(re.search("points=(.*)", stroke)[1]) <= 13 * 3
        board.focus()
        for key in ("ArrowDown",) * 3 + ("ArrowLeft", "Space"):
            lab.tab.keyboard.press(key)
        assert lab.address().startswith(stroke) and len(lab.address()) == len(stroke) + 3
        kept = lab.address()
    with Lab(browser, addresses["file"] + kept) as lab:
        lab.button("One step of G").click()
        assert lab.address() == kept


def test_the_address_carries_everything(browser, addresses):
    with Lab(browser, addresses["http"]) as lab:
        choices = {
            "Loss": "hinge", "R2, weight γ": "0.3", "Spectral norm in D": "true", "Width of G": "16",
            "Rates fall": "cosine", "Adam's β₁": "0.5", "Average of G (EMA)": "0.99",
            "G learns by": "sgd", "Beside it, a second run that differs in": "gp",
        }  # fmt: skip
        for label, value in choices.items():
            lab.root.get_by_label(label, exact=True).select_option(value)
        lab.root.get_by_label("and has").select_option("0.3")
        lab.root.get_by_label("Seed").fill("7")
        lab.root.get_by_label("Seed").blur()
        lab.root.get_by_label("samples", exact=True).uncheck()
        for _ in range(3):
            lab.button("One step of D").click()
            lab.button("One step of G").click()
        kept, losses = lab.address(), lab.root.locator(".gc-lab-formula").all_text_contents()
        assert "vs=gp:0.3" in kept and "seed=7" in kept and "off=samples" in kept
    with Lab(browser, addresses["file"] + kept) as lab:
        for label, value in {**choices, "and has": "0.3", "Seed": "7"}.items():
            assert lab.root.get_by_label(label, exact=True).input_value() == value
        assert not lab.root.get_by_label("samples", exact=True).is_checked()
        for _ in range(3):
            lab.button("One step of D").click()
            lab.button("One step of G").click()
        assert lab.address() == kept
        assert lab.root.locator(".gc-lab-formula").all_text_contents() == losses
        # Another address, pasted into the open page.
        lab.tab.evaluate("location.hash = 'loss=minimax&seed=3'")
        lab.tab.wait_for_function("document.querySelector('[data-lab]').dataset.step === '0'")
        assert lab.root.get_by_label("Loss", exact=True).input_value() == "minimax"
        assert "address" in lab.status()


HOSTILE = (
    "#loss=<img src=x onerror=alert(1)>&r1=1e99&batch=abc&widthG=100000&seed=-4&data=__proto__"
    "&points=%%%&vs=toString:1&off=constructor,net&depth=NaN&lrG=Infinity&beta1=&spectral=yes"
)


UNASKED = "#vs=data:grid", "#vs=steps:500"  # no second run is offered that differs in these
DRAWN = "#data=drawn&points=%F0%9F%92%A9!!&vs=data"


@pytest.mark.parametrize("text", [HOSTILE, DRAWN, *UNASKED, "#=&&&=="])
def test_nonsense_in_the_address_changes_nothing(browser, addresses, text):
    with Lab(browser, addresses["file"] + text) as lab:
        lab.button("One step of G").click()
        assert lab.step() == 1
        lab.button("Reset").click()  # writes the address anew
        rest = set(lab.address()[1:].split("&"))
        assert rest <= {"lab=start", "off=net", "data=drawn"}


def test_two_labs_on_a_page_share_no_name(browser, folder):
    page = (folder / "book" / "lab.html").read_text(encoding="utf-8")
    other = '<div data-lab="vs=r2:1"></div><div data-lab="">'
    path = folder / "book" / "two.html"
    path.write_text(page.replace('<div data-lab="">', other), encoding="utf-8")
    with Lab(browser, path.as_uri() + "#vs=r1:1") as lab:
        lab.root.get_by_role("button", name="Reset").first.click()
        named = "[...document.querySelectorAll('[data-lab] [id]')].map(e => e.id)"
        names = lab.tab.evaluate(named)
        assert len(names) > 50 and len(set(names)) == len(names)


def test_two_runs_step_side_by_side(browser, addresses):
    with Lab(browser, addresses["file"]) as lab:
        for name in ("Collapse", "Rotation", "Vanishing gradient", "WGAN clipping", "R1"):
            lab.button(name).click()
            assert lab.button(name).get_attribute("aria-pressed") == "true"
            assert lab.root.get_by_role("region").count() == 2
        titles = lab.root.locator(".gc-lab-title").all_text_contents()
        assert titles == ["A · R1, weight γ: off", "B · R1, weight γ: 0.1"]
        lab.button("Run").click()
        lab.until(12)
        lab.button("Pause").click()
        assert abs(lab.step() - int(lab.data("step-b"))) <= 1
        lab.root.get_by_label("Beside it, a second run that differs in").select_option("")
        assert lab.root.get_by_role("region").count() == 1 and lab.data("step-b") is None


def test_a_setting_changed_on_the_way_acts_at_once(browser, addresses):
    with Lab(browser, addresses["file"]) as lab:
        for _ in range(2):
            lab.button("One step of G").click()
        lab.root.get_by_label("Loss", exact=True).select_option("wasserstein")
        assert lab.step() == 2 and "D(fake).mean() - D(real).mean()" in lab.root.inner_text()
        lab.root.get_by_label("Width of D").select_option("16")
        assert lab.step() == 0 and "anew" in lab.status()


def test_a_hidden_tab_rests(browser, addresses):
    hide = """hidden => {
      Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
      document.dispatchEvent(new Event('visibilitychange'));
    }"""
    with Lab(browser, addresses["file"] + LONG) as lab:
        lab.button("Run").click()
        lab.until(3)
        lab.tab.evaluate(hide, True)
        assert lab.data("running") == "false"
        lab.tab.wait_for_timeout(100)
        kept = lab.tab.evaluate("document.querySelector('[data-value=step]').textContent")
        lab.tab.evaluate(
            "(() => { const turn = GanLab.turn; let n = 0; window.turns = () => n;"
            "GanLab.turn = (...a) => (n++, turn(...a)); })()"
        )
        lab.tab.wait_for_timeout(400)
        assert lab.tab.evaluate("turns()") == 0
        assert lab.tab.evaluate("document.querySelector('[data-value=step]').textContent") == kept
        lab.tab.evaluate(hide, False)
        assert lab.data("running") == "true"
        lab.tab.wait_for_function("turns() > 3")


def changes(lab, selector, milliseconds):
    """How often the text of an element changes."""
    return lab.tab.evaluate(
        """async ([selector, time]) => {
          let n = 0;
          const watch = new MutationObserver(() => n++);
          watch.observe(document.querySelector(selector), {childList: true, characterData: true});
          await new Promise(done => setTimeout(done, time));
          return n;
        }""",
        [selector, milliseconds],
    )


def test_reduced_motion_draws_seldom_and_trains_on(browser, addresses):
    with Lab(browser, addresses["file"] + LONG, reduced_motion="reduce") as lab:
        lab.button("Run").click()
        lab.until(1)
        before = lab.step()
        assert changes(lab, "[data-value=step]", 2500) <= 3
        lab.button("Pause").click()
        assert lab.step() > before + 20
    with Lab(browser, addresses["file"] + LONG) as lab:
        lab.button("Run").click()
        assert changes(lab, "[data-value=step]", 2500) > 5


def test_a_screen_reader_is_told_and_not_flooded(browser, addresses):
    with Lab(browser, addresses["file"] + LONG) as lab:
        status = lab.root.get_by_role("status")
        assert status.get_attribute("aria-live") == "polite"
        lab.button("Run").click()
        assert changes(lab, "[role=status]", 2500) <= 1
        lab.button("Pause").click()
        assert re.search(r"Paused\. Step [\d,]+\. \d of 8 modes, \d+ % good\.", lab.status())
        assert "of 8 modes found" in lab.root.get_by_role("img").first.get_attribute("aria-label")


def test_slow_motion_takes_a_turn_at_a_time(browser, addresses):
    with Lab(browser, addresses["file"]) as lab:
        lab.button("Slow motion").click()  # starts, too
        assert lab.button("Slow motion").get_attribute("aria-pressed") == "true"
        lab.until(1)
        lab.tab.wait_for_timeout(1500)
        assert 1 <= lab.step() <= 3 and lab.root.locator(".gc-lab-lit").count() == 1


def test_numbers_that_are_not_finite_end_the_run(browser, addresses):
    with Lab(browser, addresses["file"]) as lab:
        lab.tab.evaluate("void (GanLab.turn = s => { s.step += 1; s.finite = s.step < 3; return s; })")
        lab.button("Run").click()
        lab.tab.wait_for_function("document.querySelector('[data-lab]').dataset.running === 'false'")
        assert "At step 3 a loss was no longer finite" in lab.status()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_overflows(browser, addresses, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    with Lab(browser, addresses["http"] + "#data=drawn&vs=r1:1", width=width, theme=theme) as lab:
        lab.button("One step of G").click()
        assert lab.problems == []
        found = Axe().run(lab.tab).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["target"]) for rule in found] == []
        assert lab.tab.evaluate("document.documentElement.scrollWidth") <= width
        for target in lab.root.locator("button, select, input").all():
            if target.is_visible():
                box = target.locator("xpath=..").bounding_box() if (
                    target.get_attribute("type") == "checkbox") else target.bounding_box()  # fmt: skip
                assert box["height"] >= 24 and box["x"] + box["width"] <= width
        corner = lab.root.locator("canvas").first.evaluate(
            "c => [...c.getContext('2d').getImageData(3, 3, 1, 1).data]"
        )
        assert (max(corner[:3]) < 170) if theme == "dark" else (max(corner[:3]) > 200)


def test_without_javascript_there_is_a_picture_and_what_it_would_be(browser, addresses):
    with Lab(browser, addresses["http"], java_script_enabled=False) as lab:
        image = lab.root.locator("img")
        assert image.bounding_box()["height"] > 150 and len(image.get_attribute("alt")) > 80
        assert "With JavaScript" in lab.root.inner_text()


def test_it_is_fast(browser, addresses):
    with Lab(browser, addresses["http"]) as lab:
        client = lab.context.new_cdp_session(lab.tab)
        client.send("Performance.enable", {"timeDomain": "threadTicks"})

        def worked():  # seconds of this tab's processor time, whoever else is busy
            found = client.send("Performance.getMetrics")["metrics"]
            return next(m["value"] for m in found if m["name"] == "TaskDuration")

        lab.button("Run").click()
        lab.until(60)
        began, step, clock = worked(), lab.step(), time.monotonic()
        lab.until(step + 200)
        spent, steps = worked() - began, lab.step() - step
        wall = time.monotonic() - clock
        print(f"{steps / spent:.0f} steps a second of processor time, {steps / wall:.0f} of the clock")
        assert steps / spent > 100, f"{steps} steps, drawn and scored, took {spent:.1f} s"


@pytest.mark.parametrize("settings", ["", "#data=moons&vs=r1:1&steps=10000"])
def test_no_task_takes_50_milliseconds(browser, addresses, settings):
    """Of processor time: how long others keep a task waiting is not the page's doing.

    Nor is one slow task that a machine with other guests has now and then (63 ms once, where 27 are
    usual): what the page does itself it does in each of three recordings.
    """
    longest = []
    while not longest or (longest[-1] >= 50 and len(longest) < 3):
        longest.append(max(task_times(browser, addresses["http"] + (settings or LONG))))
    print(f"the longest task of each recording: {', '.join(f'{time:.0f} ms' for time in longest)}")
    assert 1 < longest[-1] < 50, longest


def task_times(browser, address):
    """Milliseconds of processor time of each task of the page's main thread."""
    with Lab(browser, address) as lab:
        browser.start_tracing(page=lab.tab, categories=["toplevel"])
        lab.button("Run").click()
        lab.tab.wait_for_timeout(2500)
        lab.button("Pause").click()
        lab.button("One step of D").click()
        lab.button("Reset").click()
        events = json.loads(browser.stop_tracing())["traceEvents"]
    main = {
        (e["pid"], e["tid"])
        for e in events
        if e["name"] == "thread_name" and e["args"]["name"] == "CrRendererMain"
    }
    tasks = [e for e in events if e["name"].endswith("RunTask") and (e["pid"], e["tid"]) in main]
    assert len(tasks) > 50
    return [e.get("tdur", 0) / 1000 for e in tasks]


def test_scripts_are_small_and_stand_alone():
    packed = sum(len(gzip.compress(path.read_bytes())) for path in SCRIPTS)
    print(f"{packed} bytes packed")
    assert packed <= 40_000
    for path in SCRIPTS:
        source = path.read_text(encoding="utf-8")
        assert not re.search(r"\bfetch\(|XMLHttpRequest|\bimport\b|\bexport\b|https?:|eval\(", source)
    users = [p.name for p in BOOK.glob("*.md") if "lab-view.js" in p.read_text(encoding="utf-8")]
    assert users == ["lab.md"]


def test_the_page_counts_the_scripts_lines_and_shows_all_of_them():
    source = SCRIPTS[0].read_text(encoding="utf-8")
    code = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    lines = [s for line in code.splitlines() if (s := line.strip()) and not s.startswith("//")]
    page = (BOOK / "lab-script.md").read_text(encoding="utf-8")
    assert page.startswith(f"# A GAN in {len(lines)} lines of JavaScript\n")
    assert f"{len(lines)} lines of JavaScript" in PAGE
    starts = re.findall(r':start-at: "(.*)"', page)
    ends = re.findall(r':end-before: "(.*)"', page)
    assert starts[1:] == ends and source.index(starts[0]) < 1200
    assert [source.count(start) for start in starts] == [1] * len(starts)
