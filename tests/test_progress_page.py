"""Progress in the browser, in a real Chromium, over http and by double click; and what scripts/ticks.py
prepares for it. Most of it on a small site of the book's own pieces, the last part on the built book."""

import json
import re
import shutil

import pytest
from markdown_it import MarkdownIt

import gancourse.exercises as engine
from gancourse.exercises import EXERCISES, _progress, progress
from gancourse.exercises._progress_file import MOST_BYTES, parse
from scripts import exercises_page, ticks
from tests.pages import BOOK, served
from tests.test_book import HTML, PHONE, SHIFTS
from tests.test_class_report import FIRST, file

STATIC = BOOK / "_static"
# What the theme gives a page: its colors.
THEME = """
:root { --pst-color-background: #fff; --pst-color-text-base: #222832; --pst-color-text-muted: #48566b; }
html[data-theme=dark] { color-scheme: dark; --pst-color-background: #14181e;
  --pst-color-text-base: #ced6dd; --pst-color-text-muted: #9ca4af; }
body { margin: 0 16px; background: var(--pst-color-background); color: var(--pst-color-text-base);
       font: 16px/1.65 sans-serif; }
a { color: var(--pst-color-link); text-decoration: none; } * { box-sizing: border-box; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; margin: -1px;
  clip: rect(0, 0, 0, 0); white-space: nowrap; }
td, th { padding: .5rem; } pre { white-space: pre-wrap; } table { border-collapse: collapse; }
"""
CHAPTERS = {"03-failures": ["3.1", "3.2", "3.5"], "03-failures-deeper-dynamics": ["3.3", "3.4"]}


def page(name: str, article: str) -> str:
    current = {n: ("current " if n == name else "") for n in [*CHAPTERS, "exercises"]}
    address = {n: ("#" if n == name else f"{n}.html") for n in current}
    links = "".join(
        f'<li class="toctree-l1"><a class="{current[n]}reference internal" href="{address[n]}">'
        f"{number}. Page {number}</a></li>"
        for number, n in enumerate(current, 1)
    )
    return (
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        '<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">'
        f"<title>{name}</title><style>{THEME}</style>"
        '<link rel="stylesheet" href="../_static/gancourse.css"></head><body>'
        f'<nav class="bd-links bd-docs-nav" aria-label="Main"><ul>{links}</ul></nav>'
        f'<main><article class="bd-article">{article}</article></main></body></html>'
    )


def chapter(name: str) -> str:
    sections = "".join(
        f'<section id="exercise-{i.replace(".", "-")}"><h2>Exercise {i} · {EXERCISES[i].title}'
        f"</h2>\n<p>Text.</p>"
        '<div style="height:700px"></div></section>'
        for i in CHAPTERS[name]
    )
    return page(name, f'<section id="top"><h1>When it breaks</h1>{sections}</section>')


def exercises() -> str:
    """The page of all exercises, as Sphinx nests it."""
    text = exercises_page.page().replace(".ipynb", ".html")
    html = (
        MarkdownIt("commonmark").enable("table").render(text).replace("<table>", '<table class="table">')
    )
    head, *rest = re.split(r"(?=<h2>)", html)
    sections = "".join(f'<section id="s{k}">{one}</section>' for k, one in enumerate(rest))
    return page("exercises", f'<section id="all">{head}{sections}</section>')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    (root / "book").mkdir()
    (root / "_static").mkdir()
    for name in ("gancourse.css", "progress.js", "progress-page.js"):
        shutil.copy(STATIC / name, root / "_static" / name)
    for name in CHAPTERS:
        (root / "book" / f"{name}.html").write_text(chapter(name), encoding="utf-8")
    (root / "book" / "exercises.html").write_text(exercises(), encoding="utf-8")
    front = '<h1>GANs</h1><p><a class="gc-button" href="book/01-minimax.html">Start</a></p>'
    text = page("index", front).replace("../_static", "_static")
    text = re.sub(r'href="(?=0|ex)', 'href="book/', text)
    (root / "index.html").write_text(text, encoding="utf-8")
    ticks.main(root)
    return root


@pytest.fixture(scope="module")
def site(folder):
    with served(folder) as address:
        yield address


@pytest.fixture(params=["http", "file"])
def base(request, site, folder):
    return site if request.param == "http" else folder.as_uri()


class Reader:
    """One reader with one browser: what is stored stays until they go. No page may have a problem."""

    def __init__(self, browser, base, before="", **options):
        options = {"viewport": {"width": 1280, "height": 900}} | options
        self.context, self.base, self.problems = browser.new_context(**options), base, []
        self.context.add_init_script(before + SHIFTS)
        self.tab = self.new_tab()

    def new_tab(self):
        tab = self.context.new_page()
        tab.on(
            "console",
            lambda m: self.problems.append(m.text) if m.type in ("error", "warning") else None,
        )
        tab.on("pageerror", lambda e: self.problems.append(str(e)))
        tab.on("requestfailed", lambda r: self.problems.append(r.url))
        return tab

    def open(self, name):
        self.tab.goto(f"{self.base}/{name}.html", wait_until="networkidle")
        return self.tab

    def ticked(self):
        return self.tab.eval_on_selector_all(
            "[data-gc-tick]",
            "all => all.filter(p => p.querySelector('input').checked).map(p => p.dataset.gcTick)",
        )

    def stored(self):
        return self.tab.evaluate("localStorage.getItem('gancourse-progress')")

    def give(self, data, name="progress.json"):
        """Imports a file's bytes; the words that the page then says."""
        data = data if isinstance(data, bytes) else data.encode()
        chosen = {"name": name, "mimeType": "application/json", "buffer": data}
        self.tab.evaluate("document.querySelector('#gc-progress [role=status]').textContent = ''")
        self.tab.set_input_files("#gc-progress input[type=file]", chosen)
        self.tab.wait_for_function("document.querySelector('#gc-progress [role=status]').textContent")
        return self.tab.locator("#gc-progress [role=status]").text_content()

    def exported(self) -> bytes:
        with self.tab.expect_download() as waiting:
            self.tab.get_by_role("button", name="Export").click()
        assert waiting.value.suggested_filename == _progress.FILE
        with open(waiting.value.path(), "rb") as opened:
            return opened.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.context.close()
        assert kind or self.problems == []


def axe(tab):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(tab).response["violations"]
    return [(rule["id"], [n["target"][0] for n in rule["nodes"]][:3]) for rule in found]


def test_a_tick_is_there_at_the_second_visit(browser, base):
    with Reader(browser, base) as reader:
        tab = reader.open("book/03-failures")
        assert reader.ticked() == [] and tab.locator(".gc-count").count() == 0
        tab.get_by_label("Solved: exercise 3.2").check()
        count = tab.locator(".bd-links a", has=tab.locator(".gc-count"))
        assert count.inner_text().split() == "1. Page 1 1 of 3 exercises solved".split()
        tab = reader.open("book/03-failures-deeper-dynamics")  # another page knows
        assert tab.locator(".gc-count").count() == 1 and reader.ticked() == []
        assert tab.evaluate("window.shifts") < 0.1
        reader.tab.close()
        reader.tab = reader.new_tab()
        reader.open("book/exercises")
        assert reader.ticked() == ["3.2"]
        tab = reader.tab
        tab.get_by_label("3.2 solved", exact=True).uncheck()
        assert json.loads(reader.stored())["solved"] == {}
        reader.open("book/03-failures")
        assert reader.ticked() == []


def test_another_open_page_and_other_scripts_are_told(browser, site):
    with Reader(browser, site) as reader:
        tab = reader.open("book/03-failures")
        first = tab
        reader.tab = reader.new_tab()
        reader.open("book/exercises")
        count = "window.told = 0; document.addEventListener('gc-progress', () => window.told++)"
        first.evaluate(f"(() => {{ {count} }})()")
        first.evaluate("gcProgress.solved('3.5', 'exercise-3-5')")
        assert first.evaluate("window.told") == 1 and first.evaluate("gcProgress.isSolved('3.5')")
        assert first.get_by_label("exercise 3.5").is_checked()
        reader.tab.wait_for_function("document.querySelector('[data-gc-tick=\"3.5\"] input').checked")
        assert reader.tab.locator("#gc-progress").inner_text().startswith("1 of ")
        for wrong in ("'<img src=x>'", "'3'", "{}", "'__proto__'"):
            said = first.evaluate(
                f"(() => {{ try {{ gcProgress.solved({wrong}) }} catch (e) {{ return e.message }} }})()"
            )
            assert "is no exercise's number" in said


def test_mistakes_are_noted_by_nobody_but_who_asks(browser, base):
    with Reader(browser, base) as reader:
        tab = reader.open("book/exercises")
        tab.evaluate(f"gcProgress.tried('2.1', '{FIRST.id}')")
        assert reader.stored() is None
        tab.get_by_label("Also note which mistakes I make").check()
        assert "Never what you wrote" in tab.locator("#gc-progress [role=status]").text_content()
        for mistake in (f"'{FIRST.id}'", f"'{FIRST.id}'", "undefined", "'<b>'"):
            tab.evaluate(f"gcProgress.tried('2.1', {mistake})")
        assert json.loads(reader.stored())["tried"] == {"2.1": {"times": 4, "mistakes": {FIRST.id: 2}}}
        tab.get_by_label("Also note which mistakes I make").uncheck()
        assert "tried" not in json.loads(reader.stored())


def test_page_to_notebook_to_page(browser, base, tmp_path, monkeypatch):
    """The same file there and back, by the two programs that write it."""
    monkeypatch.setattr(_progress, "_session", _progress._Session())
    with Reader(browser, base) as reader:
        tab = reader.open("book/exercises")
        tab.get_by_label("Also note which mistakes I make").check()
        for name in ("1.1", "3.5", "15.12"):
            tab.get_by_label(f"{name} solved", exact=True).check()
        tab.evaluate(f"gcProgress.tried('2.1', '{FIRST.id}')")
        data = reader.exported()
        kept = parse(data)
        assert kept.solved.keys() == {"1.1", "3.5", "15.12"}
        assert kept.tried["2.1"].mistakes == {FIRST.id: 1}

        (tmp_path / _progress.FILE).write_bytes(data)  # as a notebook's own
        assert [n for n, done in progress(tmp_path).solved.items() if done] == [
            "1.1",
            "3.5",
            "15.12",
        ]
        assert progress().noted == 1
        engine.check("2.5", EXERCISES["2.5"].reference)
        engine.check("2.5", ...)
        written = (tmp_path / _progress.FILE).read_bytes()

    with Reader(browser, base) as reader:  # somebody else's browser, with a tick of its own
        tab = reader.open("book/exercises")
        tab.get_by_label("Also note which mistakes I make").check()
        tab.get_by_label("4.1 solved", exact=True).check()
        assert reader.give(written) == "Imported: 4 solved."
        assert reader.give(written) == "Imported: 4 solved."
        assert reader.ticked() == ["1.1", "2.5", "3.5", "4.1", "15.12"]
        back = parse(reader.exported())
        assert back.tried == kept.tried
        assert {n: back.solved[n] for n in kept.solved} == kept.solved  # the first time counts
        progress(tmp_path)
        (tmp_path / "back.json").write_bytes(reader.exported())
        assert sum(progress(merge=tmp_path / "back.json").solved.values()) == 5


HOSTILE = [
    (b"", "it is not whole JSON"),
    (b"[" * 100_000, "it is not whole JSON"),
    (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, "not a progress file of this course"),
    (b"<script>window.hit=1</script>", "it is not whole JSON"),
    (b" " * (MOST_BYTES + 1), "it is larger than any progress file"),
    (b"[]", "not a progress file of this course"),
    (b"null", "not a progress file of this course"),
    (b'{"course": "gancourse", "solved": null}', "not a progress file of this course"),
    (b'{"course": ["gancourse"], "solved": {}}', "not a progress file of this course"),
    (
        file(["<img src=x onerror=window.hit=1>"]).encode(),
        'names "<img src=x onerror=window.hit=1>"',
    ),
    (b'{"course": "gancourse", "solved": {"__proto__": "2026"}}', 'names "__proto__"'),
    (file(["1.1\n"]).encode(), 'names "1.1\\n"'),
    (b'{"course": "gancourse", "solved": {"1.1": "<b onclick=hit()>"}}', 'has "<b onclick=hit()>"'),
    (b'{"course": "gancourse", "solved": {"1.1": {"toString": "x"}}}', "needed a date and time"),
    (file([], []).encode(), "tried is [], needed a table"),
    (file([], {"1.1": None}).encode(), "tried: 1.1 is null, needed a table"),
    (file([], {"1.1": {"times": 1e300}}).encode(), "needed a number from 1 to 100000"),
    (file([], {"1.1": {"times": 1, "code": "x"}}).encode(), 'names "code"'),
    (file([], {"1.1": {"times": 1, "mistakes": None}}).encode(), "is null, needed a table"),
    (file([], {"1.1": {"times": 1, "mistakes": {"<b>": 1}}}).encode(), 'names "<b>"'),
    (file([], {"1.1": {"mistakes": {}}}).encode(), "nothing, needed a number"),
    (
        file([f"{a}.{b}" for a in range(30) for b in range(30)]).encode(),
        "900 entries, more than 500",
    ),
]


def test_a_hostile_file_shows_a_line_and_no_element(browser, base):
    with Reader(browser, base) as reader:
        tab = reader.open("book/exercises")
        tab.get_by_label("1.2 solved", exact=True).check()
        before, elements = reader.stored(), tab.evaluate("document.querySelectorAll('*').length")
        for data, words in HOSTILE:
            said = reader.give(data, '"><img src=x onerror=window.hit=1>.json')
            assert said.startswith("Nothing was imported: ") and words in said, (data[:80], said)
            assert len(said) < 200
            assert reader.stored() == before
            assert tab.evaluate("document.querySelectorAll('*').length") == elements
            with pytest.raises(ValueError):  # what the page refuses, a notebook refuses
                parse(data)
        assert tab.evaluate("window.hit") is None and reader.ticked() == ["1.2"]


def test_what_a_notebook_refuses_the_page_refuses(browser, site):
    """And the other way round: one rule in two languages."""
    from tests.test_class_report import test_a_hostile_file_is_left_out_with_a_reason as others

    cases = next(m for m in others.pytestmark if m.name == "parametrize").args[1]
    with Reader(browser, site) as reader:
        reader.open("book/exercises")
        for data, _ in cases:
            assert reader.give(data).startswith("Nothing was imported: "), data[:80]
        good = file(["1.1"], {"2.1": {"times": 2, "mistakes": {FIRST.id: 1}}})
        assert parse(good.encode()) and reader.give("\ufeff" + good).startswith("Imported: 1 solved.")


def test_hostile_storage_is_nothing_to_the_page(browser, base):
    with Reader(browser, base) as reader:
        tab = reader.open("book/exercises")
        for progress_, where in (
            ('{"course": "gancourse", "solved": {"<img src=x>": "2026"}}', '{"page": "x"}'),
            ("[", "["),
            ("x" * 300_000, '{"page": "03-failures", "at": "\\"><img src=x>"}'),
            ("{}", '{"page": "javascript:alert(1)//03-x", "at": ""}'),
            ("0", '{"page": "../../03-failures", "at": ""}'),
            ("null", "null"),
        ):
            store = (
                "([p, w]) => { localStorage.setItem('gancourse-progress', p); "
                "localStorage.setItem('gancourse-where', w); }"
            )
            tab.goto(f"{reader.base}/book/exercises.html")
            tab.evaluate(store, [progress_, where])
            tab.wait_for_timeout(300)  # pages of files are processes of their own: it takes a moment
            reader.open("index")
            assert tab.locator("a.gc-button").get_attribute("href") == "book/01-minimax.html"
            reader.open("book/exercises")
            assert reader.ticked() == [] and tab.locator("#gc-progress a, img").count() == 0
            assert tab.evaluate("localStorage.getItem('gancourse-progress.unreadable')") == progress_
            tab.get_by_label("1.2 solved", exact=True).check()  # and a new one begins
            assert list(parse(reader.stored().encode()).solved) == ["1.2"]


FORBIDDEN = """
Object.defineProperty(window, 'localStorage', {configurable: true,
  get() { throw new DOMException('denied', 'SecurityError'); }});
"""
FULL = """
Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };
"""


@pytest.mark.parametrize("before", [FORBIDDEN, FULL], ids=["forbidden", "full"])
def test_without_storage_it_works_until_the_page_is_left_and_says_so(browser, base, before):
    with Reader(browser, base, before) as reader:
        tab = reader.open("book/exercises")
        tab.get_by_label("1.2 solved", exact=True).check()
        said = tab.locator("#gc-progress").inner_text()
        assert said.startswith("1 of ") and "gives the page no storage" in said
        assert list(parse(reader.exported()).solved) == ["1.2"]
        tab.get_by_label("1.3 solved", exact=True).check()
        assert reader.ticked() == ["1.2", "1.3"]
        reader.open("book/exercises")
        assert reader.ticked() == []


def test_continue_where_you_were(browser, base):
    with Reader(browser, base) as reader:
        tab = reader.open("index")
        assert tab.locator("a.gc-button").inner_text() == "Start"
        reader.open("book/03-failures-deeper-dynamics")
        tab.locator("#exercise-3-4").evaluate("e => e.scrollIntoView({behavior: 'instant'})")
        reader.open("index")
        start = tab.locator("a.gc-button")
        assert start.inner_text() == "Continue with a deeper page of chapter 3"
        reader.open("book/exercises")
        tab.get_by_role("link", name="2. Page 2").last.click()
        tab.wait_for_url("**/03-failures-deeper-dynamics.html#exercise-3-4")
        reader.open("index")
        start.click()
        tab.wait_for_url("**/03-failures-deeper-dynamics.html#exercise-3-4")


def test_hardest_first_and_back(browser, base):
    with Reader(browser, base) as reader:
        tab = reader.open("book/exercises")
        tab.get_by_label("1.2 solved", exact=True).check()
        button = tab.get_by_role("button", name="Hardest first")
        button.focus()
        tab.keyboard.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        shown = "#gc-hardest tbody tr"
        order = tab.eval_on_selector_all(
            shown, "all => all.map(r => [r.cells[1].textContent, +r.cells[2].textContent])"
        )
        assert order == sorted(order, reverse=True) and len(order) == len(EXERCISES)
        assert tab.locator("tr:visible").count() == len(EXERCISES) + 1
        assert tab.get_by_label("1.2 solved", exact=True).locator("visible=true").is_checked()
        tab.locator(shown).first.get_by_role("checkbox").check()
        assert tab.locator("#gc-progress").inner_text().startswith("2 of ")
        if base.startswith("http"):  # axe asks for the style sheet
            assert axe(tab) == []
        button.click()
        assert not tab.locator("#gc-hardest").count() and len(reader.ticked()) == 2
        button.click()
        tab.evaluate("location.hash = 's3'")  # a link to a chapter brings the chapters back
        tab.wait_for_function("!document.getElementById('gc-hardest')")
        assert tab.locator("#s3").is_visible()


def test_erase_asks_first(browser, base):
    with Reader(browser, base) as reader:
        tab = reader.open("book/exercises")
        tab.get_by_label("1.2 solved", exact=True).check()
        asked = []
        tab.once("dialog", lambda d: (asked.append(d.message), d.dismiss()))
        tab.get_by_role("button", name="Erase").click()
        assert "Only an exported file brings it back" in asked[0] and reader.ticked() == ["1.2"]
        tab.once("dialog", lambda d: d.accept())
        tab.get_by_role("button", name="Erase").click()
        assert reader.ticked() == []
        assert tab.evaluate("Object.keys(localStorage).filter(k => k.startsWith('gancourse'))") == []
        reader.open("book/exercises")
        assert reader.ticked() == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, PHONE])
def test_it_can_be_reached_read_and_touched(browser, site, width, dark):
    options = {"viewport": {"width": width, "height": 900}, "has_touch": True}
    with Reader(browser, site, **options) as reader:
        for name in ("book/exercises", "book/03-failures"):
            tab = reader.open(name)
            if dark:
                tab.evaluate("document.documentElement.dataset.theme = 'dark'")
            reader.tab.locator("[data-gc-tick] label").first.tap()
            assert len(reader.ticked()) == 1
            sizes = tab.eval_on_selector_all(
                "[data-gc-tick] label, #gc-progress :is(button, label)",
                "all => all.map(e => e.getBoundingClientRect()).map(b => [b.width, b.height])",
            )
            assert min(min(size) for size in sizes) >= 44
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert axe(tab) == []
            tab.locator("[data-gc-tick] input").first.focus()
            tab.keyboard.press("Space")
            assert reader.ticked() == []


def test_nothing_moves_when_the_script_comes(browser, site):
    kept = json.dumps({"course": "gancourse", "solved": dict.fromkeys(EXERCISES, "2026")})
    before = f"localStorage.setItem('gancourse-progress', {json.dumps(kept)});"
    with Reader(browser, site, before) as reader:
        for name in ("book/exercises", "book/03-failures"):
            tab = reader.open(name)
            assert len(reader.ticked()) > 2 and tab.evaluate("window.shifts") < 0.02, name


def test_paper_has_none_of_it(browser, site):
    with Reader(browser, site) as reader:
        for name in ("book/exercises", "book/03-failures"):
            tab = reader.open(name)
            tab.emulate_media(media="print")
            assert tab.locator("[data-gc-tick]:visible, #gc-progress:visible").count() == 0


def test_the_scripts_are_small_and_plain():
    for name in ("progress.js", "progress-page.js"):
        text = (STATIC / name).read_text(encoding="utf-8")
        assert len(text.encode()) < 12_000
        for word in (
            "innerHTML",
            "insertAdjacentHTML",
            "fetch(",
            "XMLHttp",
            "eval(",
            "http",
        ):
            assert word not in text, f"{name}: {word}"
        assert not re.search(r"^\s*import\b|\bimport\(", text, re.M)


# --- what scripts/ticks.py prepares -----------------------------------------------------------------


def test_each_page_of_the_list_has_its_exercises(folder):
    for name in ("book/03-failures.html", "book/exercises.html", "index.html"):
        text = (folder / name).read_text(encoding="utf-8")
        for page_, ids in CHAPTERS.items():
            assert f'data-gc-page="{page_}" data-gc-ids="{" ".join(ids)}"' in text, name
        assert text.count("data-gc-ids") == 2
        assert text.count("_static/progress.js") == 1
        assert ("progress-page.js" in text) == (name == "book/exercises.html")
    once = {p: p.read_text("utf-8") for p in folder.glob("**/*.html")}
    ticks.main(folder)
    assert {p: p.read_text("utf-8") for p in once} == once


# --- the built book -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built():
    if not (HTML / "index.html").exists():
        pytest.fail("the book is not built: `make book`")
    with served(HTML) as address:
        yield address


def test_each_exercise_of_the_book_can_be_ticked(built):
    found = []
    for path in sorted((HTML / "book").glob("[0-9][0-9]-*.html")):
        text = path.read_text(encoding="utf-8")
        found += re.findall(r'class="gc-solved" data-gc-tick="([\d.]+)"', text)
        listed = re.search(rf'data-gc-page="{path.stem}" data-gc-ids="([^"]*)"', text)
        assert (listed[1].split() if listed else []) == re.findall(
            r'class="gc-solved" data-gc-tick="([\d.]+)"', text
        )
    assert sorted(found) == sorted(EXERCISES)
    page_ = (HTML / "book" / "exercises.html").read_text(encoding="utf-8")
    assert sorted(re.findall(r'<span data-gc-tick="([\d.]+)"', page_)) == sorted(EXERCISES)


def test_by_keyboard_the_box_stands_where_the_exercise_is_answered(browser, built):
    with Reader(browser, built) as reader:
        tab = reader.open("book/03-failures")
        beside = tab.locator('.gc-solved[data-gc-tick="3.1"] input')
        assert beside.get_attribute("tabindex") == "-1"
        tab.locator('[data-practice="3.1"] > summary').focus()
        tab.keyboard.press("Enter")
        box = tab.locator('[data-practice="3.1"] [data-gc-tick] input')
        box.wait_for()
        for _ in range(30):
            tab.keyboard.press("Tab")
            if box.evaluate("e => e === document.activeElement"):
                break
        tab.keyboard.press("Space")
        assert beside.is_checked() and box.is_checked()
        assert tab.locator('[data-practice="3.1"] button').count()  # and the answers are there


@pytest.mark.parametrize("way", ["http", "file"])
def test_a_reader_of_the_book_comes_back(browser, built, way):
    with Reader(browser, built if way == "http" else HTML.as_uri()) as reader:
        tab = reader.open("book/03-failures")
        tab.get_by_label("exercise 3.2").check()
        reader.open("index")
        assert tab.locator("a.gc-button").first.inner_text() == "Continue with chapter 3"
        assert tab.locator(".bd-links .gc-count").count() == 1
        assert tab.evaluate("window.shifts") < 0.1
        reader.open("book/exercises")
        assert reader.ticked() == ["3.2"]
        said = tab.locator("#gc-progress").inner_text()
        assert said.startswith(f"1 of {len(EXERCISES)} exercises") and "When the game breaks" in said
        assert tab.evaluate("window.shifts") < 0.1
        tab.get_by_role("button", name="Hardest first").click()
        assert tab.locator("#gc-hardest tbody tr").count() == len(EXERCISES)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 1280
