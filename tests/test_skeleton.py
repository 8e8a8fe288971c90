"""A newcomer begins an exercise or a chapter: two commands, few places, green at once."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from scripts import skeleton

ROOT = skeleton.ROOT


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The tracked files as they are now, in another folder."""
    target = tmp_path_factory.mktemp("clone")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("no git clone here")
    for name in tracked.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def run(clone, *command):
    environment = os.environ | {"PYTHONPATH": str(clone)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(
        [sys.executable, *command], cwd=clone, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def changed(clone):
    """Files that are other than in the repository, or not there."""
    found = []
    for path in clone.rglob("*"):
        name = path.relative_to(clone)
        if path.is_file() and not {"__pycache__", ".pytest_cache", ".ruff_cache"} & set(name.parts):
            if not (ROOT / name).exists() or (ROOT / name).read_bytes() != path.read_bytes():
                found.append(str(name))
    return found


def test_an_exercise_and_a_page_from_nothing_to_green(clone):
    code, said = run(clone, "scripts/notebook.py", "new", "exercise", "3", "The mean of samples")
    assert code == 0, said
    places = changed(clone)
    assert sorted(places) == ["book/03-failures.ipynb", "gancourse/exercises/ch03/e6.py"]

    last = max(int(p.name[:2]) for p in (clone / "book").glob("[0-9][0-9]-*.ipynb"))
    page = f"{last + 1:02d}-pictures"
    code, said = run(clone, "scripts/notebook.py", "new", "page", page, "Pictures")
    assert code == 0, said
    places = set(changed(clone)) - set(places)
    assert len(places) == 7 and f"book/{page}.ipynb" in places and "_toc.yml" in places, places

    quick = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    wanted = f"3.6 or {last + 1}."
    code, said = run(clone, *quick, "tests/test_exercises.py", "-k", wanted)
    assert code == 0, said[-3000:]
    wanted = f"({page} or {last:02d}- or 03-) and not second_run and not budget"
    code, said = run(clone, *quick, "tests/test_notebooks.py", "-k", wanted)
    assert code == 0, said[-3000:]
    code, said = run(clone, "-m", "ruff", "check", "-q", "gancourse", "book", "scripts")
    assert code == 0, said
    code, said = run(clone, "-m", "ruff", "format", "-q", "--check", "gancourse")
    assert code == 0, said


def test_a_malformed_exercise_fails_its_own_tests_and_no_others(clone):
    """A file that can't be imported, an id that is not its file's, a page without its line."""
    exercises = clone / "gancourse" / "exercises" / "ch04"
    page = next((clone / "book").glob("04-*.ipynb"))
    kept = {path: path.read_text() for path in (exercises / "e1.py", exercises / "e2.py", page)}
    try:
        (exercises / "e1.py").write_text("from nowhere import nothing\n")
        (exercises / "e2.py").write_text(kept[exercises / "e2.py"].replace('"4.2"', '"4.7"'))
        head, title, rest = kept[page].partition("### Exercise 4.3 ·")
        page.write_text(head + title + re.sub("●+○* · ", "", rest, count=1))
        quick = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rf"]
        chosen = "(4.1] or 4.2] or 4.3] or 4.4]) and not 14. and (same or printed or each_mistake)"
        _, said = run(clone, *quick, "tests/test_exercises.py", "-k", chosen)
    finally:
        for path, text in kept.items():
            path.write_text(text)
    failed = re.findall(r"^FAILED \S+?::(\w+)\[([\d.]+)\]", said, re.M)
    assert {name for _, name in failed} == {"4.1", "4.2", "4.3"}, said[-3000:]
    assert " passed" in said and " error" not in said.lower().rsplit("\n", 2)[-2], said[-3000:]
    assert "line like '●●○ · 10 minutes'" in said and "holds exercise '4.7', not '4.2'" in said


def test_what_cannot_be_begun_is_said(clone):
    for command, expected in [
        (("exercise", "77", "x"), "no book/77-*.ipynb"),
        (("page", "3", "x"), "two digits and a name"),
        (("page", "03-again", "x"), "03-failures.ipynb"),
        (("page", "77-far", "x"), "no chapter 76"),
    ]:
        code, said = run(clone, "scripts/notebook.py", "new", *command)
        assert code == 1 and expected in said and "Traceback" not in said, said
