"""scripts/build.py: what runs again and what fails."""

import os

import pytest

from scripts import build, notebook


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A clone with a package of one line and one chapter that leaves a mark when it runs."""
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "CACHE", tmp_path / "_build" / ".jupyter_cache")
    (tmp_path / "gancourse").mkdir()
    (tmp_path / "gancourse" / "__init__.py").write_text("x = 1\n")
    write(tmp_path, "open('../ran.txt', 'a').write('x')\nprint(1)")
    return tmp_path


def write(root, code, prose="# Title"):
    source = root / "text.py"
    source.write_text(
        f'# %% [markdown]\n# {prose}\n\n# %% tags=["nbval-check-output"]\n{code}\n',
        encoding="utf-8",
    )
    notebook.from_text(source, root / "book" / "01-x.ipynb")


def runs(root):
    mark = root / "ran.txt"
    return len(mark.read_text()) if mark.exists() else 0


def test_a_chapter_runs_again_when_its_code_or_the_package_changed_and_not_else(book):
    assert build.fill_cache(jobs=1) == []
    assert runs(book) == 1
    assert build.cpu_times()["01-x.ipynb"] > 0
    assert build.fill_cache(jobs=1) == []
    write(book, "open('../ran.txt', 'a').write('x')\nprint(1)", prose="# Another title")
    assert build.fill_cache(jobs=1) == []
    assert runs(book) == 1  # prose is no reason
    (book / "gancourse" / "__init__.py").write_text("x = 2\n")
    assert build.fill_cache(jobs=1) == []
    assert runs(book) == 2
    write(book, "open('../ran.txt', 'a').write('x')\nprint(2)")
    assert build.fill_cache(jobs=1) == []
    assert runs(book) == 3


def test_the_repositorys_url_is_no_reason_to_run_again_and_stands_on_the_page(book):
    code = "open('../ran.txt', 'a').write('x')\nprint(1)"
    write(book, f'REPOSITORY = ""\n{code}')
    assert build.fill_cache(jobs=1) == []
    url = "https://github.com/some-one/course"
    write(book, f'REPOSITORY = "{url}"\n{code}')
    assert build.fill_cache(jobs=1) == []
    assert runs(book) == 1
    cache, (path,) = build.open_cache(), build.chapters()
    _, page = cache.merge_match_into_notebook(notebook.read(path))
    cell = page.cells[1]
    assert url in cell.source and cell.outputs[0].text == "1\n"
    write(book, f'REPOSITORY = ""; {code}')  # any other change is one
    assert build.cached(cache, path) is None


def test_a_run_that_is_not_recorded_leaves_no_panel_on_the_page(book):
    write(book, "from gancourse import recorded\nprint(1)\nrecorded.panel('no-such-run')")
    for name in ("__init__.py", "recorded.py", "_paths.py", "_numbers.py"):
        (book / "gancourse" / name).write_text(
            (notebook.SETUP_CELL.parents[1] / "gancourse" / name).read_text()
        )
    assert build.fill_cache(jobs=1) == []
    cache, (path,) = build.open_cache(), build.chapters()
    kept = cache.get_cache_bundle(build.cached(cache, path).pk).nb
    assert "not recorded yet" in str(kept.cells[-1].outputs)
    _, page = cache.merge_match_into_notebook(notebook.read(path))
    assert [o.output_type for o in page.cells[-1].outputs] == ["stream"]


def test_a_chapter_that_fails_fails_each_time(book):
    write(book, "print(1)\n1 / 0")
    for _ in range(2):
        (failure,) = build.fill_cache(jobs=1)
        assert "01-x.ipynb" in failure
        assert "ZeroDivisionError" in failure
        assert "1 / 0" in failure
    assert build.cpu_times() == {}


def test_a_failed_chapter_ends_the_build(book, monkeypatch, capsys):
    monkeypatch.setattr(build.exercises_page, "main", lambda argv: 0)
    monkeypatch.setattr(build, "HTML", book / "_build" / "html")
    for name in notebook.ENVIRONMENT:
        monkeypatch.setenv(name, os.environ.get(name, ""))
    write(book, "1 / 0")
    assert build.main([]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_the_time_of_a_chapter_is_told_at_the_quiet_machines_pace(monkeypatch, tmp_path):
    """A chapter that took 90 s where fixed work took half as long again counts 60; a fast machine
    gives nothing away."""
    from types import SimpleNamespace

    (tmp_path / "made_by.txt").write_text("x")
    monkeypatch.setattr(build, "CACHE", tmp_path)
    monkeypatch.setattr("jupyter_cache.get_cache", lambda path: None)
    for slow, expected in ((1.5, 60), (1.0, 90), (0.5, 90)):
        data = {"cpu_seconds": 90, "pace": slow * build.PACE}
        monkeypatch.setattr(build, "cached", lambda *_, d=data: SimpleNamespace(data=d))
        assert list(build.cpu_times().values()) == pytest.approx([expected] * len(build.chapters()))
    assert 0.2 * build.PACE < build.pace() < 20 * build.PACE
