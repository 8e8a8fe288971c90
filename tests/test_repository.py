"""The repository's URL stands in one place, and names nothing that a stranger could register."""

import re
import shutil
import subprocess

import pytest

from scripts import notebook, repository

ROOT = repository.ROOT
URL = "https://github.com/some-one/gan.course_2"
FILES = ["README.md", "_config.yml", "pyproject.toml", "scripts/setup_cell.py"]


@pytest.fixture
def clone(tmp_path):
    """What the script reads and writes, with no URL set, and one chapter."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "book").mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    source = tmp_path / "text.py"
    source.write_text("# %% [markdown]\n# # Title\n\n# %%\n# SETUP\n\n# %%\n1 + 1\n")
    notebook.from_text(source, tmp_path / "book" / "01-x.ipynb")
    repository.set_url("", tmp_path)
    return tmp_path


def texts(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_nothing_disagrees():
    assert repository.disagreements() == []


def test_setting_it_reaches_every_place_and_clearing_leaves_no_trace(clone):
    before = texts(clone)
    assert repository.disagreements(clone) == []
    changed = {str(p.relative_to(clone)) for p in repository.set_url(URL, clone)}
    assert changed == {*FILES, "book/01-x.ipynb"}
    assert repository.read_url(clone) == URL
    assert repository.disagreements(clone) == []
    for path in texts(clone):
        if path.name != "text.py":
            assert "some-one" in path.read_text(), path
    config = (clone / "_config.yml").read_text()
    assert 'colab_url: "https://colab.research.google.com"' in config
    assert "use_edit_page_button: true" in config
    assert repository.set_url(URL, clone) == []  # a second time nothing is left to do
    repository.set_url("", clone)
    assert texts(clone) == before


@pytest.mark.parametrize("name", [*FILES, "book/01-x.ipynb"])
def test_a_file_that_disagrees_is_named(clone, name):
    repository.set_url(URL, clone)
    path = clone / name
    path.write_text(path.read_text().replace("some-one", "some-two"))
    wrong = repository.disagreements(clone)
    assert wrong
    assert name == "pyproject.toml" or any(name in line for line in wrong)


@pytest.mark.parametrize("url", [URL + "/", URL + ".git", f"  {URL} "], ids=["slash", "git", "spaces"])
def test_other_spellings_become_one(url):
    assert repository.normal(url) == URL


@pytest.mark.parametrize(
    "url",
    [
        "http://github.com/a/b",
        "https://gitlab.com/a/b",
        "https://github.com/a",
        "https://github.com/a/b/c",
        "https://github.com/a/..",
        "https://github.com/-a/b",
        "https://github.com.evil.org/a/b",
        'https://github.com/a/b"; import os',
        "git@github.com:a/b.git",
        "",
    ],
)
def test_what_is_no_repository_is_refused(url):
    with pytest.raises(ValueError, match=r"needed https://github\.com/OWNER/NAME"):
        repository.normal(url)


def tracked() -> list:
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        names = done.stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):  # an archive: no git
        names = [str(p.relative_to(ROOT)) for p in ROOT.glob("book/*")] + FILES
    kinds = {".md", ".ipynb", ".py", ".yml", ".toml", ".txt", ""}
    paths = [ROOT / name for name in names if name]
    return [p for p in paths if p.suffix in kinds and p.is_file()]


# Installed by name from the package index: others' well-known packages, and pip's own options.
KNOWN = re.compile(
    r"-|tests/|\.|torch\b|pre-commit|jupytext|accelerate\b|pytest\b|nbclient\b|constraints|\{|\$|'|\"|`|&|$"
)


def test_while_unset_no_line_installs_what_a_stranger_could_register():
    if repository.read_url():
        pytest.skip("the repository is set: install lines name it")
    for path in tracked():
        if path.name == "test_repository.py":
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        for install in re.finditer(r"pip3? install((?: -\w)*) +(\S*)", text):
            assert KNOWN.match(install[2]), f"{path}: {install[0]}"
        assert not re.search(r"pip3? install[^\n]*\bgancourse\b", text), path
        assert not re.search(r"git\+https?://(?!example\.org/)\w", text), path
        if path.suffix in {".md", ".yml", ".ipynb"} and ".github" not in path.parts:
            hosts = r"colab\.research\.google\.com/github/|mybinder\.org/v2/gh/|\w\.github\.io/gan"
            assert not re.search(hosts, text), path
