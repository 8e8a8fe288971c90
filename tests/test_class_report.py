"""A class's progress files as one table; an exam by a seed. The files may be anybody's."""

import json
import math
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from scipy.stats import wasserstein_distance

from gancourse import recorded
from gancourse.exercises import EXERCISES, Exercise, __main__, _class, _exam, _variant
from gancourse.exercises._progress_file import MOST_BYTES, parse
from gancourse.exercises.ch02 import e5 as ch02_e5
from gancourse.exercises.ch02 import four_runs
from gancourse.exercises.ch03 import e5

FIRST = EXERCISES["2.1"].mistakes[0]
SECOND = EXERCISES["2.1"].mistakes[1]


def file(solved=(), tried=None, **more):
    content = {"course": "gancourse", "solved": dict.fromkeys(solved, "2026-11-21T10:00:00")}
    if tried is not None:
        content["tried"] = tried
    return json.dumps(content | more)


def noted(mistake, times=1):
    return {"times": times, "mistakes": {mistake.id: times}}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "alice.json").write_text(file(["1.1"], {"2.1": noted(FIRST, 3)}))
    (tmp_path / "bob").mkdir()
    (tmp_path / "bob" / "gancourse-progress.json").write_text(file(["1.1", "2.1"], {}))
    (tmp_path / "carol.json").write_text(file(["3.2"], {"2.1": noted(FIRST), "3.2": noted(SECOND)}))
    (tmp_path / "dan.json").write_text(file(["1.2"]))  # notes nothing
    (tmp_path / "notes.txt").write_text("not asked for")
    return tmp_path


class Elements(HTMLParser):
    """The elements of a page, as a browser would make them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "src"]

    def handle_data(self, data):
        self.words.append(data)


def test_each_exercise_each_person_and_the_mistake_of_most(folder):
    group = _class.read_folder(folder)
    assert [p.name for p in group.people] == ["alice", "bob", "carol", "dan"]
    assert group.noting == 3 and group.left_out == [] and group.remarks == []
    rows = {row.id: row for row in group.rows(EXERCISES)}
    assert list(rows) == ["1.1", "1.2", "2.1", "3.2"]
    assert (rows["1.1"].solved, rows["1.1"].open) == (2, 0)
    assert (rows["2.1"].solved, rows["2.1"].open, rows["2.1"].made_by) == (1, 2, 2)
    assert rows["2.1"].message == FIRST.message
    # an id that is no mistake of that exercise counts as tried, and has no words
    assert (rows["3.2"].made_by, rows["3.2"].message) == (0, "")
    title = EXERCISES["2.1"].title
    assert _class.worst(group, EXERCISES) == [f"2 of 3 in 2.1 {title}: {FIRST.message}"]


def test_terminal_and_page_say_the_same(folder, capsys):
    assert __main__.main(["report", str(folder)]) == 0
    said = capsys.readouterr().out
    page = (folder / _class.PAGE).read_text(encoding="utf-8")
    seen = "".join(Elements(page).words)
    for words in ("4 people, ", "in the files of 3 ", f"2 of 3 in 2.1 {EXERCISES['2.1'].title}: "):
        assert words in said and words in seen
    assert FIRST.message in said and FIRST.message in seen
    assert re.search(r"^bob +2 +0  2026-11-21$", said, re.M)
    assert re.search(r"^dan +1 +–  2026-11-21$", said, re.M)
    assert "●○◐○" in seen  # alice: 1.1 solved, 2.1 tried
    assert not {"script", "img", "link", "iframe"} & set(Elements(page).tags)
    assert "default-src 'none'" in page


def test_a_report_is_written_again_and_nothing_else_is_overwritten(folder, tmp_path, capsys):
    assert __main__.main(["report", str(folder)]) == 0
    assert __main__.main(["report", str(folder)]) == 0
    other = tmp_path / "mine.html"
    other.write_text("<p>my own page</p>")
    assert __main__.main(["report", str(folder), "--html", str(other)]) == 2
    assert "something else is there; give another name" in capsys.readouterr().err
    (folder / _class.PAGE).unlink()
    (folder / _class.PAGE).symlink_to(other)  # laid there by somebody who can write to the folder
    assert __main__.main(["report", str(folder)]) == 2
    assert other.read_text() == "<p>my own page</p>"
    assert not list(folder.glob("*.part"))


HOSTILE_NAMES = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)<',
    "&lt;b&gt;",
    "\x1b[31mred\x07",
    "\u202etxt.exe",
    "a" * 200,
    "new\nline",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_is_text_and_no_more(tmp_path, name, capsys):
    (tmp_path / f"{name}.json").write_text(file(["1.1"]))
    (tmp_path / f"{name}{name}"[:250]).mkdir()
    (tmp_path / f"{name}{name}"[:250] / f"{name}.json").write_text("[1]")
    assert __main__.main(["report", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    page = (tmp_path / _class.PAGE).read_text(encoding="utf-8")
    for text in (said, page):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    assert "\nline" not in said and "1 person, " in said
    assert {"img", "script", "b"}.isdisjoint(Elements(page).tags)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not whole JSON"),
        (b"\xff\xfe", "is not whole JSON"),
        (b"[" * 200_000, "is not whole JSON"),
        (b'{"a":' * 40_000, "is not whole JSON"),
        (b"9" * 5_000, "is not whole JSON"),
        (b" " * (MOST_BYTES + 1), "is larger than 256 kB"),
        (b"[]", "not a progress file"),
        (b'{"course": "gancourse", "solved": []}', "not a progress file"),
        (b'{"course": "other", "solved": {}}', "not a progress file"),
        (file(["<img src=x>"]).encode(), "solved names '<img src=x>', needed exercise numbers"),
        (file(["1.1\n"]).encode(), r"solved names '1\.1\\n'"),
        (file(["１.１"]).encode(), "solved names "),
        (file(["__proto__"]).encode(), "solved names '__proto__'"),
        (b'{"course": "gancourse", "solved": {"1.1": {}}}', "1.1 has a table, needed a date"),
        (b'{"course": "gancourse", "solved": {"1.1": 3}}', "1.1 has 3, needed a date"),
        (b'{"course": "gancourse", "solved": {"1.1": "<b>"}}', "1.1 has '<b>', needed a date"),
        (file([], []).encode(), "tried is a list, needed a table"),
        (file([], {"1.1": 3}).encode(), "tried: 1.1 has 3, needed"),
        (file([], {"1.1": {"times": 1, "code": "x"}}).encode(), "tried: 1.1 has a table, needed"),
        (file([], {"1.1": {"times": True}}).encode(), "True, needed a number"),
        (file([], {"1.1": {"times": -1}}).encode(), "-1, needed a number"),
        (file([], {"1.1": {"times": 1e300}}).encode(), r"1e\+300, needed a number"),
        (file([], {"1.1": {"times": 10**30}}).encode(), "needed a number from 1 to 100,000"),
        (b'{"course": "gancourse", "solved": {}, "tried": {"1.1": {"times": NaN}}}', "nan, needed"),
        (file([], {"1.1": {"times": 1, "mistakes": {"<b>": 1}}}).encode(), "mistakes names '<b>'"),
        (file([f"{a}.{b}" for a in range(30) for b in range(30)]).encode(), "more than 500"),
    ],
)
def test_a_hostile_file_is_left_out_with_a_reason(folder, data, why, capsys):
    (folder / "mallory.json").write_bytes(data)
    group = _class.read_folder(folder)
    assert [p.name for p in group.people] == ["alice", "bob", "carol", "dan"]
    ((name, said),) = group.left_out
    assert name == "mallory.json" and re.search(why, said) and len(said) < 200
    assert __main__.main(["report", str(folder)]) == 0
    assert "left out: mallory.json" in capsys.readouterr().out


def test_what_is_no_file_of_the_folder_is_not_read(folder, tmp_path_factory, capsys):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.json").write_text(file(["1.1"]))
    (folder / "linked.json").symlink_to(outside / "secret.json")
    (folder / "linked").symlink_to(outside)
    (folder / "bob" / "more.json").symlink_to(outside / "secret.json")
    (folder / "round.json").symlink_to(folder / "round.json")
    os.mkfifo(folder / "pipe.json")  # opened as it is, it would wait for ever
    (folder / "folder.json").mkdir()
    deep = folder / "bob" / "deeper"
    deep.mkdir()
    (deep / "eve.json").write_text(file(["1.1"]))
    group = _class.read_folder(folder)
    assert [p.name for p in group.people] == ["alice", "bob", "carol", "dan"]
    why = dict(group.left_out)
    assert why.keys() == {"linked.json", "linked", "bob/more.json", "round.json", "pipe.json"}
    assert why["pipe.json"] == "is no ordinary file" and "is a link" in why["linked"]


def test_one_name_is_one_person_and_copies_are_remarked(tmp_path):
    (tmp_path / "alice.json").write_text(file(["1.1"], {"2.1": noted(FIRST, 3)}))
    (tmp_path / "Alice-gancourse-progress (1).json").write_text(file(["1.2"], {"2.1": noted(FIRST, 2)}))
    (tmp_path / "gancourse-progress (2).json").write_text(file(["4.1"]))
    for name in ("eve", "mallory"):
        (tmp_path / f"{name}.json").write_text(file(["3.1"]))
    for name in ("new1", "new2"):  # nothing solved: alike without having copied
        (tmp_path / f"{name}.json").write_text(file())
    group = _class.read_folder(tmp_path)
    names = [p.name for p in group.people]
    assert names == ["Alice", "eve", "gancourse-progress (2)", "mallory", "new1", "new2"]
    alice = group.people[0]
    assert alice.kept.solved.keys() == {"1.1", "1.2"} and alice.kept.tried["2.1"].times == 3
    assert group.remarks == [
        "Alice: 2 files, taken as one person's",
        "the same file, byte for byte, with something solved in it: eve, mallory",
    ]


@pytest.mark.parametrize("what", ["missing", "empty", "a file"])
def test_a_folder_of_no_use_is_named(tmp_path, what, capsys):
    place = tmp_path / what
    if what == "empty":
        place.mkdir()
    if what == "a file":
        place.write_text("x")
    assert __main__.main(["report", str(place)]) == 2
    said = capsys.readouterr().err
    assert "FOLDER=" in said and ("give the one" in said or "collect the" in said)


def test_too_many_files_are_no_class(folder, monkeypatch):
    monkeypatch.setattr(_class, "MOST_FILES", 3)
    with pytest.raises(ValueError, match="more than 3 .json files"):
        _class.read_folder(folder)


def test_the_strict_reader_reads_what_is_right():
    kept = parse(b"\xef\xbb\xbf" + file(["1.1", "15.12"], {"2.1": noted(FIRST, 2)}).encode())
    assert kept.solved.keys() == {"1.1", "15.12"}
    assert kept.tried["2.1"].mistakes == {FIRST.id: 2}
    assert parse(file(["1.1"], more=[1]).encode()).tried is None  # of another edition: no matter


def test_a_mistakes_name_follows_from_its_message_alone():
    for exercise in EXERCISES.values():
        for mistake in exercise.mistakes:
            assert re.fullmatch("[0-9a-f]{8}", mistake.id)
            same = {m.message for m in exercise.mistakes if m.id == mistake.id}
            assert same == {mistake.message}, f"{exercise.id}: two messages have one id"


# --- an exam --------------------------------------------------------------------------------------


BOOK = {
    f"{c}.{n}": Exercise(f"{c}.{n}", f"title {n}", 1, 10 * n, "right")
    for c in (3, 4)
    for n in (1, 2, 3, 4, 10)
}


def test_a_seed_picks_the_same_exercises_on_every_machine():
    exam = _exam.pick(BOOK, 7, [4, 3], count=4)
    assert [e.id for e in exam.picked] == ["3.3", "3.4", "4.2", "4.3"]
    others = {tuple(e.id for e in _exam.pick(BOOK, s, [3, 4], count=4).picked) for s in range(9)}
    assert len(others) > 3
    more = BOOK | {"5.1": BOOK["3.1"]}  # a new exercise elsewhere changes nothing here
    assert _exam.pick(more, 7, [3, 4], count=4) == exam


def test_minutes_are_kept_and_chapters_take_turns():
    exam = _exam.pick(EXERCISES, 1, [1, 2, 3], minutes=40)
    assert exam.minutes <= 40
    chapters = [e.id.partition(".")[0] for e in _exam.pick(EXERCISES, 1, [1, 2, 3], count=6).picked]
    assert chapters == ["1", "1", "2", "2", "3", "3"]


def test_an_exam_says_what_a_seed_does_not_do(capsys):
    assert __main__.main(["exam", "--seed", "7", "--chapters", "3", "--count", "9"]) == 0
    said = capsys.readouterr().out
    assert "A seed makes no new numbers for a function" in said
    assert "3.5: with `--out FOLDER` asked on paper, with numbers of this seed." in said
    values = [e for e in EXERCISES.values() if not callable(e.reference)]  # quickly passed on
    assert values and all(e.variant for e in values)


ANEW = {name: e for name, e in EXERCISES.items() if e.variant}
SEEDS = range(40)


def asked(name, seed):
    return ANEW[name].variant(_variant.Draw(f"{seed} {name}"))


def rows(question):
    """The table of a question: its rows without the head, as text."""
    lines = [line for line in question.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(text):
    return float(text.replace("−", "-").rstrip("%").strip())


def test_the_numbers_of_a_seed_are_the_same_everywhere():
    draw = _variant.Draw("7 1.4")
    assert [draw.whole(0, 99) for _ in range(6)] == [44, 94, 5, 79, 0, 98]
    assert sorted(draw.order("abcdef")) == list("abcdef")
    assert {_variant.Draw(f"{k}").whole(1, 3) for k in range(30)} == {1, 2, 3}


@pytest.mark.parametrize("name", ANEW)
def test_another_seed_asks_with_other_numbers_and_has_another_answer(name):
    assert asked(name, 3) == asked(name, 3)
    found = [asked(name, seed) for seed in SEEDS]
    assert len({v.question for v in found}) > 30
    answers = [v.answer for v in found]
    assert max(map(answers.count, answers)) <= 16  # of 40: nobody knows it beforehand
    for variant in found:
        assert variant.question and variant.answer and variant.why
        assert variant.why not in variant.question


def test_answers_follow_from_what_the_question_shows():
    """Each is worked out again here, from the text alone."""
    for seed in SEEDS:
        one = asked("1.1", seed)
        p, q = ([number(x) for x in row[1:]] for row in rows(one.question))
        assert one.answer == ", ".join(f"{a / (a + b):.3f}" for a, b in zip(p, q))

        one = asked("1.4", seed)
        real, fake = map(int, re.search(r"on (\d+) real and (\d+) gen", one.question).groups())
        logit = number(re.search(r"logit is (\S+)\. ", one.question)[1])
        assert float(one.answer) == pytest.approx(math.exp(logit) * fake / real, rel=6e-3)

        one = asked("2.5", seed)
        names = []
        for letter, *losses in rows(one.question):
            first_d, _, last_d, first_g, _, last_g = map(float, losses)
            still = last_d == first_d and last_g == first_g
            won = "D does not learn" if last_d > 3 else "G does not keep up" if last_g > 3 else "healthy"
            names.append(f"{letter} {'nobody moves' if still else won}")
        assert one.answer == ", ".join(names)

        one = asked("3.5", seed)
        names = []
        for letter, _, _, norm, spread, modes in rows(one.question):
            wide = max(map(float, spread.split(", ")))
            quiet, lost = float(norm) < 2e-4, int(modes) >= 3
            name = "mode dropping" if lost else "mode collapse" if wide < 0.5 else "rotation"
            names.append(f"{letter} {'vanishing gradient' if quiet else name}")
        assert one.answer == ", ".join(names)

        one = asked("4.2", seed)
        x, y = re.search(r"line: ([\d, ]+) and ([\d, ]+);", one.question).groups()
        far = wasserstein_distance(*([int(n) for n in z.split(", ")] for z in (x, y)))
        assert float(one.answer) == pytest.approx(far, abs=6e-3)

        one = asked("12.4", seed)
        flagged = {row[0]: number(row[4]) for row in rows(one.question)}
        assert one.answer == ", ".join(letter for letter, n in flagged.items() if n > 10)

        one = asked("13.4", seed)
        unfair = [line[4] for line in one.question.splitlines() if re.search(UNFAIR, line)]
        assert one.answer == ", ".join(unfair) and len(unfair) in (2, 3)
        assert "{" not in one.question

        one = asked("14.3", seed)
        parts = [re.findall("`(.+?)`", part) for part in re.split(r"refuses|holds", one.question)]
        good = [s for s in parts[0] if s not in parts[1]]
        new = set(good) - set(parts[2])
        shares = len(good) / len(parts[0]), len(set(good)) / len(good), len(new) / len(set(good))
        assert one.answer.endswith(f"({', '.join(f'{share:.3f}' for share in shares)})")


UNFAIR = "best of .* VAE ran once|sampling is slow|best checkpoint|on all|against the training"


def test_the_numbers_of_the_logs_lie_within_the_recorded_runs():
    late = {}
    for letter, log in recorded.load("ch03-logs")["results"][0].items():
        ends = {key: (min(log[key][20:]), max(log[key][20:])) for key in KEYS}
        late[EXERCISES["3.5"].reference[letter]] = [ends[key] for key in KEYS]
    for name, (d, g, gradient, spread, modes, _) in e5._SIGNS.items():
        spreads = [spread] if spread else e5._SWINGS
        drawn = [(d, 0), (g, 1), (gradient, 2), *((s, 3) for s in spreads), (modes, 4)]
        for (low, high), key in drawn:
            least, most = late[name][key]
            assert least - 1e-3 <= low <= high <= most + 1e-3, (name, KEYS[key])


KEYS = ("d_loss", "g_loss", "gradient", "spread", "modes")


def test_the_losses_of_the_four_runs_lie_within_them():
    for name, (history, _) in four_runs().items():
        for losses, drawn in zip((history.d_loss, history.g_loss), ch02_e5._RUNS[name][1:]):
            for (low, high), part in zip(drawn, (losses[:1], losses[49:100], losses[399:])):
                assert min(part) - 0.006 <= low <= high <= max(part) + 0.006, (name, low, high)


def test_sheet_and_key_are_two_files(tmp_path, capsys):
    command = ["exam", "--seed", "7", "--paper", "--count", "9", "--out", str(tmp_path)]
    assert __main__.main(command) == 0
    sheet, key = (tmp_path / f"exam-7{end}.md" for end in ("", "-key"))
    said = capsys.readouterr().out
    assert f"written: {sheet}" in said and f"written: {key}" in said and "no new numbers" not in said
    sheet, key = sheet.read_text(encoding="utf-8"), key.read_text(encoding="utf-8")
    assert sheet.count("\n## ") == key.count("\n## ") == min(9, len(ANEW))
    for name in ANEW:
        variant = asked(name, 7)
        assert variant.question in sheet and variant.why not in sheet
        assert variant.answer in key and variant.why in key
    assert __main__.main([*command[:3], "--chapters", "5", "--out", str(tmp_path)]) == 0
    assert "Exercise 5." in (tmp_path / "exam-7.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--chapters", "99"], "--chapters 99: no exercises there; give some of 1, 2"),
        (
            ["--paper", "--chapters", "5"],
            "--chapters 5: no exercises there for paper; give some of 1",
        ),
        (["--out", "/nowhere/at all"], "--out /nowhere/at all: no such folder"),
        (["--count", "0"], "--count 0: give 1 or more"),
        (["--minutes", "1"], "--minutes 1: no exercise of these chapters is so short"),
    ],
)
def test_a_wrong_wish_is_named(more, words, capsys):
    assert __main__.main(["exam", "--seed", "1", *more]) == 2
    assert words in capsys.readouterr().err


def test_the_commands_answer(folder):
    command = [sys.executable, "-m", "gancourse.exercises"]
    done = subprocess.run([*command, "report", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0 and "The same as a page: " in done.stdout and not done.stderr
    done = subprocess.run([*command, "exam", "--seed", "x"], capture_output=True, text=True)
    assert done.returncode == 2 and "--seed" in done.stderr
