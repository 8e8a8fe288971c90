"""The teacher's page is written from the registry and the chapters: its numbers, links and words."""

import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from gancourse.exercises import EXERCISES, Report
from scripts import book, exercises_page, header, teaching_page
from tests.pages import BOOK, LINK, anchors


@pytest.fixture(scope="module")
def page():
    return teaching_page.page({"03-failures.ipynb": 41.6})


def section(page, title):
    return page.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(text):
    return [
        [c.strip() for c in r.strip("|").split("|")] for r in re.findall(r"^\| *\S.*\|$", text, re.M)
    ]


def test_times_are_those_of_the_registry(page):
    _, *chapters = [r for r in rows(section(page, "How long each chapter is")) if r[0] != "---"]
    chapters = [r for r in chapters if not r[0].startswith("---")]
    assert len(chapters) == len(book.main_pages())
    own = [int(r[2].partition(" + ")[0]) for r in chapters]
    both = [sum(map(int, r[2].split(" + "))) for r in chapters]
    times = [sum(map(int, r[3].split(" + "))) for r in chapters]
    assert sum(both) == len(EXERCISES) and max(own[:-1]) <= 4
    assert sum(times) == sum(e.minutes for e in EXERCISES.values())
    assert [r[4] for r in chapters if "03-failures" in r[0]] == ["42"]
    assert all(5 <= int(r[1]) <= 20 for r in chapters)


def test_a_page_has_the_exercises_that_its_header_counts(page):
    """By the built page, where there is one: the plan and the header look at different texts."""
    for path in sorted((header.HTML / "book").glob("[0-9][0-9]-*.html")):
        if book.is_deeper(path.stem):
            continue
        ids = dict.fromkeys(header.EXERCISE.findall(path.read_text(encoding="utf-8")))
        one = next(c for c in teaching_page.chapters({}) if c.page == path.stem)
        assert sorted(ids) == sorted(one.own), path.name


@pytest.mark.parametrize(("title", "days"), [("Two weeks", 10), ("One term", 15)])
def test_plans_give_each_exercise_of_their_main_pages_once(page, title, days):
    found = [r for r in rows(section(page, title)) if r[0].isdigit()]
    assert [int(r[0]) for r in found] == list(range(1, days + 1))
    given = []
    for _, lecture, *lists in found:
        mains = re.findall(r"\((\d\d-[\w-]+)\.ipynb\)", lecture)
        expected = [e for c in teaching_page.chapters({}) if c.page in mains for e in c.own]
        ids = [re.findall(r"\b\d+\.\d+\b", cell) for cell in lists]
        assert sorted(sum(ids, [])) == sorted(expected), lecture
        for cell, names in zip(lists, ids):
            minutes = re.search(r"\((\d+) min\)", cell)
            assert int(minutes[1]) == sum(EXERCISES[n].minutes for n in names)
        given += ids[0] + ids[1]
    assert len(set(given)) == len(given)
    if title == "One term":
        everything = [i for m, p in exercises_page.chapters() for i, (f, _) in p.items() if f == m]
        taught = {number for week in teaching_page.TERM for number in week}
        assert sorted(given) == sorted(i for i in everything if int(i.partition(".")[0]) in taught)


@pytest.mark.parametrize(
    ("title", "words", "plan"),
    [
        ("Two weeks", "Left for whoever goes on: ", "TWO_WEEKS"),
        ("One term", "For a longer term", "TERM"),
    ],
)
def test_what_a_plan_leaves_out_is_said(page, title, words, plan):
    found = [row for row in section(page, title).splitlines() if row.startswith(words)]
    said = {int(n) for row in found for n in re.findall(r"\d+", row)}
    taught = {number for day in getattr(teaching_page, plan) for number in day}
    assert said == {int(p.stem[:2]) for p in book.main_pages()} - taught


def test_links_lead_somewhere(page):
    for link in LINK.findall(re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S)):
        target, _, anchor = link.partition("#")
        if not target:
            assert f"({anchor})=" in page
        elif target != "exercises.md":
            assert (BOOK / target).exists(), link
            assert not anchor or anchor in anchors(target), link


def test_a_mistake_is_told_in_the_words_of_check(page):
    text = section(page, "What readers get wrong")
    html = MarkdownIt("commonmark", {"html": True}).render(text)
    told = re.findall(r"<li><strong>([\d.]+) [^<]*</strong> (.*?)</li>", html, re.S)
    assert [n for n, _ in told] == [
        e for c in teaching_page.chapters({}) for e in c.own if EXERCISES[e].mistakes
    ]
    for name, words in told:
        message = EXERCISES[name].mistakes[0].message
        shown = Report(name, "", False, message)._repr_html_().partition("</strong>")[2]
        plain = [" ".join(unescape(re.sub("<[^>]*>", " ", t)).split()) for t in (words, shown)]
        assert plain[0] == plain[1], name
        assert words.count("<code>") == shown.count("<code>"), name
        assert words.count("<em>") == shown.count("<em>"), name


def test_no_letter_of_a_message_is_markup():
    hostile = "D* <b>1</b> [x](y) $a$ a_b_c | `x*y | <i>` and *this* \\ # `"
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .renderInline(teaching_page.as_markdown(hostile))
    )
    assert re.findall(r"<(\w+)", html) == ["code", "em"]
    assert "D* &lt;b&gt;1&lt;/b&gt; [x](y) $a$ a_b_c | " in html and html.endswith("\\ # `")


def test_what_it_says_of_exams_is_so(page):
    anew = [name for name, e in EXERCISES.items() if e.variant]
    assert len(anew) >= 7
    said = f"come with {len(anew)} of the {len(EXERCISES)} exercises ({', '.join(anew)})"
    assert said in " ".join(section(page, "An exam").split())


def test_the_same_text_is_not_written_again(tmp_path, capsys):
    target = tmp_path / "teaching.md"
    teaching_page.write({}, target)
    before = target.stat().st_mtime_ns
    teaching_page.write({}, target)
    assert target.stat().st_mtime_ns == before
    assert capsys.readouterr().out.count("wrote") == 1
