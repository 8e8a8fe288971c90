"""What several test files share."""

import shutil

import pytest


@pytest.fixture(scope="module")  # playwright's event loop must not outlive it: nbval has its own
def browser():
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.fail("no Chromium: `apt-get install chromium` (or install Google Chrome)")
    from playwright.sync_api import sync_playwright

    arguments = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-dev-shm-usage"
    ).split()
    arguments.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


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
