"""Progress: what counts, what is kept, and what a damaged file does. The page of all exercises."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gancourse.exercises as engine
from gancourse.exercises import Exercise, Mistake, _progress, check, progress
from scripts import exercises_page

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def session(monkeypatch):
    """A fresh session, with three small exercises."""
    monkeypatch.setattr(_progress, "_session", _progress._Session())
    made = {
        name: Exercise(name, name, 1, minutes, "right", mistakes=[Mistake("wrong", "no, not that")])
        for name, minutes in (("1.1", 5), ("1.2", 10), ("15.1", 8))
    }
    monkeypatch.setattr(engine, "EXERCISES", made)


def new_session(monkeypatch):
    monkeypatch.setattr(_progress, "_session", _progress._Session())


def stored(folder):
    return json.loads((folder / _progress.FILE).read_text())["solved"]


def test_only_what_passes_counts(capsys):
    assert progress().headline == "0 of 3 exercises solved; about 23 minutes to go"
    check("1.1", "wrong")
    check("1.2", ...)
    check("15.1", "right")
    shown = repr(progress())
    assert shown.startswith("1 of 3 exercises solved; about 15 minutes to go")
    assert "chapter  1  ○○" in shown and "chapter 15  ●" in shown
    assert shown.endswith('This session only; progress("a folder") keeps it for the next.')


def test_html_says_the_same_without_color():
    check("1.1", "right")
    shown = progress()._repr_html_()
    assert "<strong>1.1 ✓</strong>" in shown and "<span>1.2 ○</span>" in shown
    assert "color" not in shown and "\n\n" not in shown


def test_all_solved():
    for name in ("1.1", "1.2", "15.1"):
        check(name, "right")
    assert progress().headline == "3 of 3 exercises solved: all of them"


def test_a_folder_keeps_it_across_sessions(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    check("1.1", "right")
    assert str(folder) in progress(folder).where
    assert list(stored(folder)) == ["1.1"]
    check("1.2", "right")  # written at once
    assert list(stored(folder)) == ["1.1", "1.2"]
    new_session(monkeypatch)
    assert sum(progress().solved.values()) == 0
    assert sum(progress(folder).solved.values()) == 2
    assert [path.name for path in folder.iterdir()] == [_progress.FILE]


def test_the_first_time_counts_and_strangers_ids_are_kept(tmp_path):
    old = {"course": "gancourse", "solved": {"1.1": "2020-01-01T00:00:00", "99.9": "2020"}}
    (tmp_path / _progress.FILE).write_text(json.dumps(old))
    check("1.1", "right")
    shown = progress(tmp_path)
    assert stored(tmp_path) == old["solved"]
    assert "99.9" not in shown.solved and shown.solved["1.1"]


def test_two_notebooks_share_a_file(tmp_path, monkeypatch):
    progress(tmp_path)
    check("1.1", "right")
    mine = _progress._session
    new_session(monkeypatch)
    progress(tmp_path)
    check("1.2", "right")
    monkeypatch.setattr(_progress, "_session", mine)
    assert sum(progress().solved.values()) == 2
    check("15.1", "right")
    assert len(stored(tmp_path)) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"course": "gancourse", "solv', "is not whole JSON"),
        ("", "is not whole JSON"),
        ("[1, 2]", "is JSON, but not a progress file"),
        ('{"solved": {"1.1": "x"}}', "is JSON, but not a progress file"),
        ('{"course": "gancourse", "solved": ["1.1"]}', "is JSON, but not a progress file"),
        (b"\xff\xfe\x00", "is not whole JSON"),
        (b"[" * 200_000, "is not whole JSON"),  # deeper than Python's stack
        (b'{"solved": ' + b"9" * 5000 + b"}", "is not whole JSON"),  # longer than int() reads
    ],
)
def test_a_torn_or_foreign_file_is_put_aside_and_said_so(tmp_path, text, words):
    data = text if isinstance(text, bytes) else text.encode()
    (tmp_path / _progress.FILE).write_bytes(data)
    check("1.1", "right")
    with pytest.warns(UserWarning, match=words):
        shown = progress(tmp_path)
    assert shown.solved["1.1"] and list(stored(tmp_path)) == ["1.1"]
    assert (tmp_path / "gancourse-progress.unreadable.json").read_bytes() == data
    (tmp_path / _progress.FILE).write_bytes(data)  # once more: the first is not overwritten
    with pytest.warns(UserWarning, match="unreadable1.json"):
        progress(tmp_path)


def test_a_crash_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    check("1.1", "right")
    progress(tmp_path)

    def crash(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.warns(UserWarning, match=r"1\.2 could not be written .*disk full"):
        report = check("1.2", "right")
    assert report.passed and list(stored(tmp_path)) == ["1.1"]
    assert [path.name for path in tmp_path.iterdir()] == [_progress.FILE]
    with pytest.warns(UserWarning, match="out of reach"):
        assert progress().solved["1.2"]


def test_bad_folders_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file; give a folder"):
        progress(tmp_path / "file")
    with pytest.raises(ValueError, match="there is no .*missing"):
        progress(tmp_path / "missing" / "deeper")
    with pytest.raises(ValueError, match="mount Google Drive first"):
        progress("/content/drive/MyDrive/gan-course")
    assert _progress._session.file is None


# --- which mistakes -------------------------------------------------------------------------------


def whole(folder):
    return json.loads((folder / _progress.FILE).read_text())


def test_mistakes_are_noted_by_nobody_but_who_asks(tmp_path, monkeypatch):
    progress(tmp_path)
    check("1.1", "wrong")
    assert whole(tmp_path).keys() == {"course", "solved"} and progress().notes == ""
    said = progress(mistakes=True)
    assert (
        said.noted == 0 and "never your code" in repr(said) and "never your code" in said._repr_html_()
    )
    check("1.1", "wrong")
    check("1.1", "something else")
    check("1.2", ...)  # not attempted
    check("15.1", "right")
    mistake = engine.EXERCISES["1.1"].mistakes[0].id
    assert whole(tmp_path)["tried"] == {"1.1": {"times": 2, "mistakes": {mistake: 1}}}
    text = (tmp_path / _progress.FILE).read_text()
    assert "something" not in text and "no, not that" not in text
    new_session(monkeypatch)  # the file remembers
    assert progress(tmp_path).noted == 2
    check("1.1", "wrong")
    assert whole(tmp_path)["tried"]["1.1"] == {"times": 3, "mistakes": {mistake: 2}}
    assert progress(mistakes=False).noted is None
    assert whole(tmp_path).keys() == {"course", "solved"}
    check("1.1", "wrong")
    assert "tried" not in whole(tmp_path) and list(stored(tmp_path)) == ["15.1"]


def test_two_notebooks_count_together(tmp_path, monkeypatch):
    progress(tmp_path, mistakes=True)
    check("1.1", "wrong")
    mine = _progress._session
    new_session(monkeypatch)
    progress(tmp_path)
    check("1.1", "wrong")
    monkeypatch.setattr(_progress, "_session", mine)
    check("1.1", "wrong")
    assert whole(tmp_path)["tried"]["1.1"]["times"] == 3


def test_another_file_is_taken_in_and_counts_once(tmp_path):
    mistake = engine.EXERCISES["1.1"].mistakes[0].id
    other = tmp_path / "gancourse-progress (1).json"
    tried = {"1.1": {"times": 5, "mistakes": {mistake: 4}}}
    solved = {"1.2": "2020-01-01T00:00:00"}
    other.write_text(json.dumps({"course": "gancourse", "solved": solved, "tried": tried}))
    folder = tmp_path / "mine"
    progress(folder)
    check("1.2", "right")
    progress(merge=other)
    assert stored(folder) == solved and "tried" not in whole(folder)  # which nobody asked for here
    progress(mistakes=True)
    check("1.1", "wrong")
    for _ in range(2):
        assert progress(merge=str(other)).noted == 5
    assert whole(folder)["tried"] == tried
    assert json.loads(other.read_text())["tried"] == tried


def test_what_can_not_be_taken_in_is_named(tmp_path):
    (tmp_path / "x.json").write_text('{"course": "gancourse", "solved": {"<b>": "2020"}}')
    with pytest.raises(ValueError, match="solved names '<b>', needed exercise numbers"):
        progress(merge=tmp_path / "x.json")
    with pytest.raises(ValueError, match="merge=.*there is no such file"):
        progress(merge=tmp_path / "y.json")
    with pytest.raises(ValueError, match="mistakes='yes'; give True or False"):
        progress(mistakes="yes")
    assert sum(progress().solved.values()) == 0 and progress().noted is None


def test_no_pickle_anywhere():
    assert "pickle" not in Path(_progress.__file__).read_text()


# --- the page of all exercises ---------------------------------------------------------------------


def test_page_has_every_printed_exercise_once(tmp_path):
    # in a process of its own: the fixture above replaces the registry
    target = tmp_path / "exercises.md"
    subprocess.run([sys.executable, "scripts/exercises_page.py", str(target)], cwd=ROOT, check=True)
    text = target.read_text(encoding="utf-8")
    tick = r'<span data-gc-tick="\1"></span>'
    row = rf"^\| \[(\d+\.\d+) (.+)\]\((.+)\) \| ([●○]{{3}}) \| (\d+) \| {tick} \|$"
    rows = re.findall(row, text, re.M)
    printed = [name for _, printed in exercises_page.chapters() for name in printed]
    assert [row[0] for row in rows] == printed and len(printed) >= 25
    assert text.startswith(f"# All exercises\n\n{len(printed)} exercises")
    for name, title, link, *_ in rows:
        file, _, anchor = link.partition("#")
        assert anchor == exercises_page.slug(f"Exercise {name} · {title}")
        assert f"### Exercise {name} · {title}\\n" in (ROOT / "book" / file).read_text("utf-8")


def test_slug_is_mysts():
    from mdit_py_plugins.anchors.index import slugify

    for heading in ("Exercise 3.1 · A mode counter", "Which run is healthy?", "D's loss: 1 - ε"):
        assert exercises_page.slug(heading) == slugify(heading)


@pytest.mark.parametrize("bad", [3, "", "a\0b"])
def test_a_path_that_is_none_is_named(bad):
    with pytest.raises(ValueError, match="folder="):
        progress(bad)
    with pytest.raises(ValueError, match="merge="):
        progress(merge=bad)
