"""An answer that no known mistake explains: the report offers a prefilled issue, and sends nothing."""

import importlib.metadata
from urllib.parse import parse_qs, urlsplit

import pytest
import tomllib
import torch

import gancourse.exercises as engine
from gancourse.exercises import EXERCISES, Exercise, Mistake, _issue, check
from scripts import repository

URL = "https://github.com/some-one/gan.course_2"


class Installed:
    def __init__(self, *urls):
        self.urls = list(urls) or None

    def get_all(self, name):
        assert name == "Project-URL"
        return self.urls


@pytest.fixture
def published(monkeypatch):
    installed = Installed("Homepage, https://example.org", f"Repository, {URL}")
    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: installed)
    monkeypatch.setattr(engine, "EXERCISES", {"1.1": DOUBLE, "1.2": CHOICE})
    monkeypatch.setattr(engine._progress, "_session", engine._progress._Session())


def double(x):
    return 2 * x


DOUBLE = Exercise(
    "1.1",
    "Double",
    1,
    5,
    double,
    lambda g: [(torch.randn(n, generator=g),) for n in (3, 4)],
    [Mistake(lambda x: 3 * x, "You *triple* it.")],
)
CHOICE = Exercise("1.2", "Choose", 1, 5, 7.0, mistakes=[Mistake(8.0, "One too many.")])


def opened(report):
    """(title, body) that GitHub would show."""
    assert report.issue.startswith(f"{URL}/issues/new?")
    asked = parse_qs(urlsplit(report.issue).query, strict_parsing=True)
    assert asked.keys() == {"title", "body"}
    return asked["title"][0], asked["body"][0]


def test_a_wrong_answer_like_no_mistake_offers_an_issue(published, capsys):
    def my_secret_name(x):
        return 5 * x  # my secret comment

    report = check("1.1", my_secret_name)
    title, body = opened(report)
    assert title == "Exercise 1.1: an answer that no known mistake explains"
    assert f"torch {torch.__version__}" in body and "Python 3." in body and "gancourse 0." in body
    assert "expected" in body and "secret" not in body
    said = capsys.readouterr().out
    assert said.count(report.issue) == 1 and "not your code" in said
    shown = report._repr_html_()
    assert f'href="{report.issue.replace("&", "&amp;")}"' in shown and 'rel="noopener' in shown
    assert opened(check("1.2", 3.0))[1].startswith("`check('1.2', ...)` said:\n\n> 3 is not it.")


def test_of_an_exception_only_its_kind_is_told(published):
    def answer(x):
        my_password = x.sum(7)  # my password
        return my_password

    report = check("1.1", answer)
    assert "my_password = x.sum(7)" in report.message  # to the reader
    _, body = opened(report)
    assert "password" not in body and "> Your function raised IndexError." in body


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("1.1", lambda x: 3 * x),  # a known mistake
        ("1.1", lambda x: x.new_zeros(2)),  # the same for every input
        ("1.1", double),
        ("1.1", lambda: 1),
        ("1.1", 3.0),
        ("1.1", ...),
        ("1.2", 8.0),
        ("1.2", 7.0),
        ("1.2", float("nan")),
        ("1.2", torch.zeros(3)),
    ],
)
def test_what_the_message_explains_needs_no_issue(published, name, answer):
    assert check(name, answer).issue == ""


def test_a_patient_that_changed_like_nobody_expected_offers_one(published, monkeypatch):
    monkeypatch.setattr(engine, "EXERCISES", EXERCISES)
    case = EXERCISES["15.2"]

    def explodes(*args):
        raise RuntimeError("my own words")

    explodes.__signature__ = __import__("inspect").signature(case.broken)
    report = check("15.2", explodes)
    assert "my own words" not in opened(report)[1] and "RuntimeError" in opened(report)[1]
    assert check("15.2", case.mistakes[0].wrong).issue == ""


@pytest.mark.parametrize(
    "urls",
    [
        (),
        ("Homepage, https://github.com/a/b",),
        ("Repository, javascript:alert(1)",),
        ("Repository, https://github.com.evil.org/a/b",),
        ("Repository, https://github.com/a/b/../../c",),
        ("Repository, https://github.com/a/..",),
        ("Repository",),
    ],
)
def test_without_a_published_repository_there_is_none(published, monkeypatch, urls, capsys):
    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: Installed(*urls))
    assert check("1.1", lambda x: 5 * x).issue == ""
    assert "Tell the authors" not in capsys.readouterr().out


def test_a_copy_that_is_not_installed_has_no_address(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "metadata", missing)
    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert _issue.repository() == "" and _issue.version("gancourse") == "not installed"


def test_the_installation_knows_the_repository_that_was_set(tmp_path):
    for name in ("README.md", "_config.yml", "pyproject.toml", "scripts/setup_cell.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((repository.ROOT / name).read_text("utf-8"), "utf-8")
    repository.set_url(URL, tmp_path)
    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))
    assert settings["project"]["urls"] == {"Repository": URL}
    repository.set_url("", tmp_path)
    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))
    assert "urls" not in settings["project"]
