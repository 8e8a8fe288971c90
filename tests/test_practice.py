"""Exercises on the built page: every question asked in Chromium, every choice answered."""

import html
import json
import re
import shutil

import pytest

from gancourse.exercises import EXERCISES
from gancourse.exercises._report import marked
from scripts import book, notebook, practice
from tests.exercise_help import CASES, FUNCTIONS, ROOT, VALUES, printed
from tests.pages import served

STATIC = ROOT / "book" / "_static"
# What Sphinx leaves of an exercise, and what the theme gives a page: its colors.
EXERCISE = """<section id="exercise-{anchor}"><h3>Exercise {id} · {title}<a href="#">#</a></h3>
<div class="cell tag_exercise docutils container"><pre>...</pre></div>
<details><summary>Hint 1</summary><p>...</p></details></section>
"""
PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">
<title>Chapter {chapter}</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width"><style>
html {{ --pst-color-background: #fff; --pst-color-text-base: #222832; }}
html[data-theme=dark] {{ --pst-color-background: #14181e; --pst-color-text-base: #ced6dd; }}
body {{ margin: 0 16px; background: var(--pst-color-background); color: var(--pst-color-text-base);
       font: 16px/1.65 sans-serif; }}
* {{ box-sizing: border-box; }}
</style><link rel="stylesheet" href="../_static/gancourse.css"></head><body><main>
<article class="bd-article"><h1>{chapter}</h1><h2>Text</h2>{exercises}
<!-- guess: The &lt;step&gt; = 0.25 +- 0.02 --><p>.</p><!-- guess: Is it? = *yes* | no, never -->
<details><summary>Answer</summary><p>because</p></details>
<section id="ward-round"><h2>Ward round</h2>
</section></article></main></body></html>"""
LINE = "That line is well, or only follows from the one that is not."
CHAPTERS = list(dict.fromkeys(name.split(".")[0] for name in EXERCISES))


def page(chapter, theme="light"):
    exercises = "".join(
        EXERCISE.format(id=name, anchor=name.replace(".", "-"), title=html.escape(one.title))
        for name, one in EXERCISES.items()
        if name.split(".")[0] == chapter
    )
    return PAGE.format(chapter=chapter, exercises=exercises, theme=theme)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page for each chapter, as scripts/practice.py leaves it, and the book's static files."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(STATIC, root / "_static")
    (root / "book").mkdir()
    for chapter in CHAPTERS:
        (root / "book" / f"{chapter.zfill(2)}-x.html").write_text(page(chapter), encoding="utf-8")
    dark = root / "book" / "03-x-deeper-dark.html"
    dark.write_text(page("3", "dark"), encoding="utf-8")
    practice.main(root)
    return root


@pytest.fixture(scope="module")
def addresses(folder):
    with served(folder) as site:
        yield {"http": f"{site}/book", "file": (folder / "book").as_uri()}


def data(text):
    inside = text.partition('id="gc-practice-data">')[2].partition("</script>")[0]
    return json.loads(inside)


class Tab:
    """A page, opened; what it logs is collected, and there must be nothing when it closes."""

    def __init__(self, browser, address, *, width=1000, **options):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page, self.problems = self.context.new_page(), []
        self.page.on("console", lambda m: self.problems.append(m.text))
        self.page.on("pageerror", lambda e: self.problems.append(str(e)))
        self.page.on("requestfailed", lambda r: self.problems.append(r.url))
        self.page.add_init_script(
            "window.told = []; window.gcProgress = {"
            "solved: (...all) => told.push(['solved', ...all]),"
            "tried: (...all) => told.push(['tried', ...all])};"
        )
        self.page.goto(address)

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        self.context.close()
        assert kind or self.problems == []

    def fold(self, name):
        fold = self.page.locator(f"[data-practice='{name}']")
        if fold.get_attribute("open") is None:
            fold.locator("summary").click()
        fold.locator("form").first.wait_for()
        return fold

    def unfold(self):
        self.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        self.page.wait_for_function(
            "[...document.querySelectorAll('.gc-practice')].every(d => d.querySelector('form'))"
        )


def plain(message):
    """A message as a reader sees it."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", message)).split())


# --- what the page holds --------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*FUNCTIONS, *CASES])
def test_choices_are_the_solution_and_its_mistakes_word_for_word(name):
    known = {m.id: m.message for m in EXERCISES[name].mistakes}
    right, *wrong = practice.practice(name)["choices"]
    assert 2 <= len(wrong) <= practice.MOST and "id" not in right
    assert plain(right["code"]) == " ".join(practice.shown(printed(name).solution).split())
    assert [one["told"] for one in wrong] == [f"<p>{marked(known[one['id']])}</p>" for one in wrong]
    assert len({one["code"] for one in (right, *wrong)}) == 1 + len(wrong)
    assert any("gc-differs" in one["code"] for one in wrong)


@pytest.mark.parametrize("name", CASES)
def test_a_case_names_its_diagnosis_and_its_line(name):
    case, asked = EXERCISES[name], practice.practice(name)
    assert asked["diagnosis"][0]["label"] == marked(case.diagnosis)
    assert len(asked["diagnosis"]) == 3
    well = [line.strip() for line in printed(name).solution.split("\n")]
    assert case.ill not in well and (case.ill or asked["ill"] == -1)
    if case.ill:
        assert plain(asked["lines"][asked["ill"]]) == " ".join(case.ill.split())


@pytest.mark.parametrize("name", VALUES)
def test_a_form_knows_what_check_says_to_every_answer(name):
    asked, exercise = practice.practice(name), EXERCISES[name]
    assert asked["told"][asked["right"]] == "<p>Correct.</p>"
    assert list(asked["graded"].values()).count(asked["right"]) == 1
    messages = {f"<p>{marked(m.message)}</p>" for m in exercise.mistakes}
    others = {told for told in asked["told"] if told != "<p>Correct.</p>"}
    assert others <= messages, "an answer that no mistake of the registry explains"


def test_a_slip_that_fits_nowhere_or_twice_is_noticed():
    with pytest.raises(ValueError, match="exercise 1.1: 'x' stands 2 times"):
        practice.slipped("1.1", "x + x", {"x": "y"})
    with pytest.raises(ValueError, match="stands 0 times"):
        practice.slipped("1.1", "x", {"y": "x"})


def test_a_page_without_a_stub_is_noticed_and_one_without_exercises_left_alone():
    with pytest.raises(LookupError, match=r"1\.1.*no stub"):
        list(practice.places("<h3>Exercise 1.1 · A</h3><details><summary>Hint 1</summary>"))
    assert practice.with_practice("<head></head><body></body>") == "<head></head><body></body>"


def test_nothing_is_shown_without_a_script_and_a_second_run_changes_nothing(folder):
    path = folder / "book" / "01-x.html"
    text = path.read_text(encoding="utf-8")
    assert "<noscript><style>.gc-practice{display:none}</style></noscript>" in text
    assert text.count(" data-practice=") == len(data(text)) - 2 == 4
    assert "<" not in text.partition('id="gc-practice-data">')[2].partition("</script>")[0]
    practice.main(folder)
    assert path.read_text(encoding="utf-8") == text


QUESTIONS = [
    (path.name, *found)
    for path in book.notebooks()
    for cell in notebook.read(path).cells
    for found in practice.GUESS.findall(cell.source if cell.cell_type == "markdown" else "")
]


@pytest.mark.parametrize("name, label, spec", QUESTIONS)
def test_a_question_of_the_text_is_well_formed(name, label, spec):
    asked = practice.guess(label, spec)
    assert asked["right"] in asked.get("options", [asked["right"]])


@pytest.mark.parametrize("spec", ["0.5", "yes", "yes | no", "*yes* | *no*", "0.5 ± 0.1"])
def test_a_question_that_says_no_answer_is_noticed(spec):
    with pytest.raises(ValueError, match="give a number as"):
        practice.guess("How much?", spec)


# --- what a reader does ---------------------------------------------------------------------------


def answer(form, box):
    """Chooses one and checks it: (the verdict, what is told)."""
    box.check(force=True)
    form.locator("button").click()
    status = form.get_by_role("status")
    return status.locator("strong").text_content(), plain(status.locator("div").inner_html())


def crawl(form, options):
    """Answers with every choice of a form, the right one last; returns what was told to each."""
    rows = form.locator(".gc-practice-choice")
    assert rows.count() == len(options)
    found, right = {}, None
    for k in range(len(options)):
        row = rows.nth(k)
        part = row.locator("pre") if row.locator("pre").count() else row.locator("label")
        key = " ".join(part.inner_text().split())
        if key == next(iter(options)):
            right = row
            continue
        verdict, told = answer(form, row.locator("input"))
        assert verdict.startswith("✗ Not yet")
        assert not form.locator(".gc-practice-right").count()
        found[key] = told
    verdict, told = answer(form, right.locator("input"))
    assert verdict.startswith("✓ Right")
    found[next(iter(options))] = told
    assert found == options


def choices(asked):
    return {plain(one["code"]): plain(one["told"]) for one in asked["choices"]}


@pytest.mark.parametrize(
    "chapter, scheme", [*((c, "file") for c in CHAPTERS), ("2", "http"), ("15", "http")]
)
def test_every_choice_is_answered_with_the_message_of_the_registry(
    browser, addresses, folder, chapter, scheme
):
    name = f"{chapter.zfill(2)}-x.html"
    questions = data((folder / "book" / name).read_text(encoding="utf-8"))
    with Tab(browser, f"{addresses[scheme]}/{name}") as tab:
        for exercise, asked in questions.items():
            if asked["kind"] == "guess":
                continue
            fold = tab.fold(exercise)
            assert fold.get_attribute("data-done") is None
            forms = fold.locator("form")
            if asked["kind"] == "code":
                crawl(forms, choices(asked))
            elif asked["kind"] == "case":
                crawl(forms, {plain(d["label"]): plain(d["told"]) for d in asked["diagnosis"]})
                lines = {plain(line): LINE for line in asked["lines"] if line.strip()}
                missing = "No line is wrong; something is missing."
                ill = plain(asked["lines"][asked["ill"]]) if asked["ill"] >= 0 else missing
                told = {ill: plain(asked["symptom"]), **lines, missing: LINE}
                crawl(forms.nth(1), told | {ill: plain(asked["symptom"])})
                assert fold.get_attribute("data-done") is None
                crawl(forms.nth(2), choices(asked))
                assert fold.get_by_role("link", name="The ward round").count() == 1
            else:
                fill(forms, asked)
            assert fold.get_attribute("data-done") == ""
            assert fold.locator("summary").inner_text() == "No kernel? Answer here · ✓ solved"
            told = tab.page.evaluate("told.splice(0)")
            ids = {m.id for m in EXERCISES[exercise].mistakes}
            assert told.pop() == ["solved", exercise, f"exercise-{exercise.replace('.', '-')}"]
            assert {(kind, which) for kind, which, _ in told} == {("tried", exercise)}
            assert {mistake for *_, mistake in told} <= {*ids, None}  # None: no mistake of the list


def fill(form, asked):
    """Every answer of a form, at most forty of them, the right one last."""
    keys = sorted(asked["graded"], key=lambda key: asked["graded"][key] == asked["right"])
    for key in [*keys[:: max(1, len(keys) // 40)], keys[-1]]:
        parts = key.split(",") if key else []
        if asked["kind"] == "table":
            for select, part in zip(form.locator("select").all(), parts):
                select.select_option(part)
        else:
            for box, option in zip(form.locator("input").all(), asked["options"]):
                if asked["kind"] == "many" or option in parts:
                    box.set_checked(option in parts, force=True)
        form.locator("button").click()
        status = form.get_by_role("status")
        at = asked["graded"][key]
        assert plain(status.locator("div").inner_html()) == plain(asked["told"][at])
        assert (status.locator("strong").text_content() == "✓ Right") == (at == asked["right"])


def test_by_keyboard_alone(browser, addresses):
    with Tab(browser, f"{addresses['file']}/01-x.html") as tab:
        press = tab.page.keyboard.press
        fold = tab.page.locator("[data-practice='1.1']")
        fold.locator("summary").focus()
        press("Enter")
        fold.locator("form").wait_for()
        press("Tab")  # into the group of choices, which is one stop
        press("Tab")  # out of it again, to the button
        assert tab.page.evaluate("document.activeElement.textContent") == "Check"
        press("Enter")
        assert "Choose an answer first." in fold.get_by_role("status").inner_text()
        press("Shift+Tab")
        for _ in range(practice.MOST + 1):
            press("ArrowDown")
            code = tab.page.evaluate("document.activeElement.parentElement.lastChild.innerText")
            if code.split() == printed("1.1").solution.split():
                break
        press("Enter")
        assert fold.get_by_role("status").inner_text().startswith("✓ Right")
        assert fold.get_attribute("data-done") == ""


def test_the_truth_stands_beside_a_guess(browser, addresses):
    with Tab(browser, f"{addresses['file']}/01-x.html") as tab:
        number, choice = (tab.page.locator(f"[data-guess='guess-{k}']") for k in (1, 2))
        number.locator("summary").click()
        told, check = number.get_by_role("status"), number.get_by_role("button")
        for text, words in {
            "": "Give a number, such as 0.5.",
            "<b>": "Give a number, such as 0.5.",
            "2": "✗ Not yet You: 2. It is: 0.25.",
            "0,26": "✓ Right You: 0,26.",
            "1/4": "✓ Right You: 1/4.",
        }.items():
            number.get_by_label("The <step>").fill(text)
            check.click()
            assert " ".join(told.inner_text().split()) == words
        choice.locator("summary").click()
        assert not tab.page.get_by_text("because").is_visible()
        choice.get_by_label("no, never").check(force=True)
        choice.get_by_role("button").click()
        assert "It is: yes." in choice.get_by_role("status").inner_text()
        assert tab.page.get_by_text("because").is_visible()  # the answer's own fold
        assert tab.page.evaluate("told") == []


def test_a_table_says_what_is_still_open(browser, addresses):
    with Tab(browser, f"{addresses['file']}/03-x.html") as tab:
        fold = tab.fold("3.5")
        fold.locator("select").first.select_option(index=1)
        fold.locator("button").click()
        assert "Still open: B, C, D." in fold.get_by_role("status").inner_text()


def test_the_order_differs_by_visit(browser, addresses):
    with Tab(browser, f"{addresses['file']}/01-x.html") as tab:
        seen = set()
        for _ in range(8):
            tab.page.reload()
            seen.add(tuple(tab.fold("1.1").locator("pre").all_inner_texts()))
        assert len(seen) > 1 and len({frozenset(order) for order in seen}) == 1


@pytest.mark.parametrize("name", [*(f"{c.zfill(2)}-x" for c in CHAPTERS), "03-x-deeper-dark"])
def test_a_phone_and_a_screen_reader_get_every_form(browser, addresses, name):
    from axe_playwright_python.sync_playwright import Axe

    address = f"{addresses['http']}/{name}.html"  # axe asks for the style sheets once more
    with Tab(browser, address, width=390, has_touch=True) as tab:
        tab.unfold()
        for fold in tab.page.locator(".gc-practice").all():
            fold.locator("button").first.tap()
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
        small = tab.page.eval_on_selector_all(
            ".gc-practice :is(label, button, select)",
            "all => all.filter(e => e.getBoundingClientRect().height < 44 && "
            "!e.closest('.gc-practice-field')).map(e => e.textContent)",
        )
        assert small == []
        problems = Axe().run(tab.page).response["violations"]
        assert [(p["id"], p["nodes"][0]["target"]) for p in problems] == []


def test_paper_and_pages_without_a_script_show_no_fold(browser, addresses):
    address = f"{addresses['file']}/01-x.html"
    with Tab(browser, address) as tab:
        tab.page.emulate_media(media="print")
        assert not tab.page.locator("[data-practice='1.1']").is_visible()
    with Tab(browser, address, java_script_enabled=False) as tab:
        assert not tab.page.locator("[data-practice='1.1']").is_visible()
        assert tab.page.get_by_text("Hint 1").first.is_visible()
