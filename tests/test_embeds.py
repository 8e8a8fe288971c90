"""The lab in a chapter's fold (scripts/embeds.py, page.js): nothing before it is opened, and then by
mouse, touch and keyboard, from a server and from a file, what the whole page of the lab can do."""

import html
import re
import shutil

import pytest

from scripts import book, embeds, light, notebook
from tests.pages import served
from tests.test_lab_page import THEME

ROOT = light.ROOT
LINK = r"\n\[([^\]]+)\]\(([\w-]+)\.md(?:#[\w-]+)?\)(?:\n|$)"
PLACED = [
    (path.stem, *found)
    for path in book.notebooks()
    for cell in notebook.read(path).cells
    if cell.cell_type == "markdown"
    for found in re.findall(embeds.COMMENT.pattern + LINK, cell.source)
    if found[0] in embeds.SCRIPTS
]
LABS = [(page, settings) for page, kind, settings, *_ in PLACED if kind == "lab"]


def line(kind, settings, title="Try it: watch", page="lab"):
    """As Sphinx writes it."""
    return (
        f"<!-- {kind}: {settings} -->\n"
        f'<p><a class="reference internal" href="{page}.html"><span class="std std-doc">{title}'
        "</span></a></p>\n"
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folds of each chapter as a page, with the book's scripts and sheets beside them."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "book" / "_static", folder / "_static")
    (folder / "_static" / "page.js").write_text(light.SCRIPT_OF_PAGES, encoding="utf-8")
    (folder / "book").mkdir()
    for stem in {page for page, *_ in PLACED}:
        lines = "".join(
            f"<p>Before it.</p>{line(kind, settings, html.escape(title), page)}"
            for chapter, kind, settings, title, page in PLACED
            if chapter == stem
        )
        (folder / "book" / f"{stem}.html").write_text(
            '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>C'
            '</title><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">'
            f"<style>{THEME} a {{ color: var(--pst-color-link, inherit) }}</style>"
            '<link rel="stylesheet" href="../_static/lab/lab.css">'
            '<link rel="stylesheet" href="../_static/gancourse.css"></head><body><main><article '
            f'class="bd-article"><section><h1>A chapter</h1>{lines}<p>After it.</p></section></article>'
            '</main><script defer src="../_static/page.js"></script></body></html>',
            encoding="utf-8",
        )
    embeds.main(folder)
    return folder


@pytest.fixture(scope="module")
def roots(site):
    with served(site) as address:
        yield {"http": address, "file": site.as_uri()}


class Page:
    """A chapter's folds, opened; there must be no problem when it closes."""

    def __init__(self, browser, root, stem, *, width=1000, theme="light", **options):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.tab, self.problems, self.asked = self.context.new_page(), [], []
        self.tab.on("console", lambda m: self.problems.append(m.text))
        self.tab.on("pageerror", lambda e: self.problems.append(str(e)))
        self.tab.on("requestfailed", lambda r: self.problems.append(r.url))
        self.tab.on("request", lambda r: self.asked.append(r.url.rpartition("/")[2]))
        self.tab.goto(f"{root}/book/{stem}.html")
        self.fold = self.tab.locator("details.gc-embed").first
        if theme == "dark":
            self.tab.evaluate("document.documentElement.dataset.theme = 'dark'")

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.context.close()
        assert kind or self.problems == []

    def open(self):
        self.fold.locator("summary").first.click()
        self.lab.wait_for()

    @property
    def lab(self):
        return self.fold.locator("[data-lab]")

    def until(self, step):
        self.tab.wait_for_function(
            "n => +document.querySelector('[data-lab]').dataset.step >= n", arg=step
        )


# --- the maker


def test_a_link_below_a_comment_becomes_a_fold_with_that_link():
    made = embeds.embedded(f"<p>a</p>{line('lab', 'preset=r1&amp;seed=3')}<p>b</p>")
    assert "<!--" not in made and made.count("<details") == 1
    assert "<summary>Try it: watch</summary>" in made
    assert 'data-settings="preset=r1&amp;seed=3"' in made
    # Bootstrap looks for whatever follows a # as if it were a selector, and fails on a =.
    assert 'href="lab.html"' in made
    assert 'data-scripts="../_static/lab/lab.js ../_static/lab/lab-view.js"' in made
    assert embeds.embedded(made) == made
    guess = "<!-- guess: The step = 0.005 +- 0.001 --><p>c</p>"
    assert embeds.embedded(guess) == guess


def test_settings_can_not_leave_their_attribute():
    made = embeds.embedded(line("lab", 'x="onload=alert(1)'))
    assert 'data-settings="x=&quot;onload=alert(1)"' in made


@pytest.mark.parametrize(
    "text",
    ["<!-- lab: a=1 --><p>No link.</p>", "<!-- lab: a=1 --><p>Not <a href='x'>alone</a></p>"],
)
def test_a_comment_without_its_link_is_an_error(text):
    with pytest.raises(LookupError, match="link in a paragraph of its own"):
        embeds.embedded(text)


def test_which_chapters_have_the_lab():
    assert [page[:2] for page, _ in LABS] == ["01", "02", "03", "05", "06"]
    for path in book.notebooks():
        text = path.read_text(encoding="utf-8")
        here = [one for one in PLACED if one[0] == path.stem]
        assert sum(found[1] in embeds.SCRIPTS for found in embeds.COMMENT.finditer(text)) == len(here)


# --- in the page


@pytest.mark.parametrize(("stem", "settings"), LABS)
def test_it_has_the_settings_that_the_chapter_names(browser, roots, stem, settings):
    with Page(browser, roots["file"], stem) as page:
        page.open()
        wanted = dict(pair.split("=") for pair in settings.split("&"))
        preset = wanted.pop("preset", None)
        other = wanted.pop("vs", None)
        if preset and not wanted and not other:
            assert page.lab.locator(f"[data-preset={preset}]").get_attribute("aria-pressed") == "true"
        for key, value in wanted.items():
            control = page.lab.locator(f"[id$='-{key}']")
            assert control.input_value() == value, key
        if other:
            key, value = other.split(":")
            assert page.lab.locator("[id$='-vs']").input_value() == key
            assert page.lab.locator("[id$='-value']").input_value() == value


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_nothing_comes_before_the_fold_is_opened_and_then_it_trains(browser, roots, scheme):
    with Page(browser, roots[scheme], "03-failures") as page:
        page.tab.wait_for_timeout(200)
        assert not {"lab.js", "lab-view.js"} & set(page.asked)
        assert page.lab.count() == 0 and page.tab.evaluate("typeof GanLab") == "undefined"
        address = page.tab.url
        page.open()
        assert page.asked[-2:] == ["lab.js", "lab-view.js"]
        assert page.lab.get_attribute("data-running") == "false"
        page.lab.get_by_role("button", name="Run", exact=True).click()
        page.until(5)
        page.fold.locator("summary").first.click()  # closed, it rests
        page.tab.wait_for_function("document.querySelector('[data-lab]').dataset.running === 'false'")
        page.fold.locator("summary").first.click()
        step = int(page.lab.get_attribute("data-step"))
        assert step >= 5 and page.lab.count() == 1  # the same run
        page.lab.get_by_text("All settings").click()
        page.lab.get_by_label("Loss", exact=True).select_option("hinge")
        page.lab.get_by_role("button", name="Rotation").click()
        assert page.tab.url == address  # the page's address is the page's
        assert page.asked.count("lab.js") == 1


def test_a_copied_link_leads_to_the_labs_page(browser, roots):
    with Page(browser, roots["file"], "03-failures") as page:
        page.open()
        page.lab.get_by_role("button", name="R1", exact=True).click()
        page.tab.evaluate("Object.defineProperty(window, 'isSecureContext', {value: false})")
        page.lab.get_by_role("button", name="Copy link").click()
        said = page.lab.get_by_role("status").text_content()
        assert re.search(r"The link: file:\S+/book/lab\.html#r1=0&beta1=0.5&\S*vs=r1:0.1 ", said), said


def test_by_keyboard_alone(browser, roots):
    with Page(browser, roots["file"], "01-minimax") as page:
        page.tab.keyboard.press("Tab")
        assert page.tab.evaluate("document.activeElement.tagName") == "SUMMARY"
        page.tab.keyboard.press("Enter")
        page.lab.wait_for()
        page.tab.keyboard.press("Tab")
        assert page.tab.evaluate("document.activeElement.textContent") == "A recipe"
        page.tab.keyboard.press("g")
        assert page.lab.get_attribute("data-step") == "1"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_and_nothing_overflows(browser, roots, theme, width):
    from axe_playwright_python.sync_playwright import Axe

    touch = {"has_touch": True} if width == 390 else {}
    with Page(browser, roots["http"], "03-failures", width=width, theme=theme, **touch) as page:
        summary = page.fold.locator("summary").first
        assert summary.bounding_box()["height"] >= 24
        summary.tap() if touch else summary.click()
        page.lab.wait_for()
        page.lab.get_by_text("All settings").click()
        page.lab.get_by_role("button", name="One step of G").click()
        found = Axe().run(page.tab).response["violations"]
        assert [(rule["id"], rule["nodes"][0]["target"]) for rule in found] == []
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= width


def test_a_closed_fold_is_as_high_as_a_line_of_text(browser, roots):
    with Page(browser, roots["file"], "03-failures") as page:
        heights = "[...document.querySelectorAll('p, details')].map(e => e.offsetHeight)"
        before, fold, link, after = page.tab.evaluate(heights)
        assert before == fold == after


def test_without_javascript_the_fold_holds_the_link(browser, roots):
    with Page(browser, roots["file"], "03-failures", java_script_enabled=False) as page:
        page.fold.locator("summary").click()
        link = page.fold.get_by_role("link")
        assert link.is_visible() and link.get_attribute("href") == "lab.html"


def test_the_link_of_an_opened_fold_has_the_settings(browser, roots):
    with Page(browser, roots["file"], "03-failures") as page:
        page.fold.locator("summary").click()
        page.lab.wait_for()
        link = page.fold.get_by_role("link", name="On a page of its own")
        assert link.evaluate("a => a.href").endswith("lab.html#preset=collapse")


def test_scripts_that_do_not_come_leave_the_link_and_come_when_it_is_opened_again(browser, roots):
    with Page(browser, roots["http"], "03-failures") as page:
        page.tab.route("**/lab-view.js", lambda route: route.abort())
        page.fold.locator("summary").click()
        page.tab.wait_for_timeout(300)
        assert page.fold.get_by_role("link").is_visible() and page.lab.count() == 0
        assert len(page.problems) == 2  # the browser's own words, and the request
        page.problems.clear()
        page.tab.unroute("**/lab-view.js")
        page.fold.locator("summary").click()
        page.open()
        assert page.asked.count("lab.js") == 1
