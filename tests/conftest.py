"""What several test files share."""

import pytest

from scripts.browser import chromium


@pytest.fixture(scope="module")  # playwright's event loop must not outlive it: nbval has its own
def browser():
    try:
        with chromium() as opened:
            yield opened
    except FileNotFoundError as error:
        pytest.fail(str(error))


def pytest_terminal_summary(terminalreporter):
    """Of the exercises' mutants, how many are killed in each chapter."""
    reports = [r for group in terminalreporter.stats.values() for r in group]
    told = {v for r in reports for k, v in getattr(r, "user_properties", ()) if k == "mutants"}
    if told:
        terminalreporter.section("wrong answers by machine to the exercises")
        for line in sorted(told):
            terminalreporter.write_line(line)


@pytest.fixture
def registered(monkeypatch):
    """The engine with one small exercise, t.1, and no others."""
    from gancourse import exercises
    from tests.exercise_help import example

    monkeypatch.setattr(exercises, "EXERCISES", {"t.1": example()})
