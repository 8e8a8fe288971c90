import json
import re

import pytest
import torch

from gancourse import recorded
from scripts import experiments, record


@pytest.fixture
def toy(monkeypatch, tmp_path):
    monkeypatch.setattr(experiments, "EXPERIMENTS", {})
    monkeypatch.setattr(record, "load_all", lambda: experiments.EXPERIMENTS)
    monkeypatch.chdir(tmp_path)

    @experiments.experiment("toy-run", seeds=(3, 4), scale=2.0)
    def toy_run(seed, device, recorder, *, scale):
        return {"value": scale * seed + torch.rand(()).item()}

    return tmp_path


def test_what_is_recorded_is_what_a_chapter_reads(toy, monkeypatch, capsys):
    monkeypatch.setattr(record, "commit", lambda root: ("a" * 40, False))
    assert record.main(["toy-run", "--device", "cpu", "--out", "recorded"]) == 0
    run = recorded.load("toy-run")
    assert run["seeds"] == [3, 4] and run["settings"] == {"scale": 2.0}
    torch.manual_seed(4)
    assert run["results"][1]["value"] == pytest.approx(8 + torch.rand(()).item())
    assert not run["dirty"] and run["cpu_seconds"] >= 0 and run["torch"] == torch.__version__
    for text in (repr(recorded.panel("toy-run")), recorded.panel("toy-run")._repr_html_()):
        for needed in ("aaaaaaaaaa", "scale = 2.0", "3, 4", run["date"][:10]):
            assert needed in text
        assert "uncommitted" not in text


def test_uncommitted_code_is_refused_or_marked(toy, monkeypatch):
    monkeypatch.setattr(record, "commit", lambda root: ("b" * 40, True))
    with pytest.raises(SystemExit, match="commit first"):
        record.main(["toy-run", "--device", "cpu", "--out", "recorded"])
    record.main(["toy-run", "--device", "cpu", "--out", "recorded", "--allow-dirty"])
    assert "uncommitted changes" in repr(recorded.panel("toy-run"))


def test_a_missing_run_says_so(toy):
    assert recorded.load("toy-run") is None
    assert "not recorded yet" in repr(recorded.panel("toy-run"))
    assert "not recorded yet" in " ".join(recorded.panel("toy-run")._repr_html_().split())


def test_a_nan_is_not_recorded(toy, monkeypatch):
    monkeypatch.setattr(record, "commit", lambda root: ("c" * 40, False))
    experiments.experiment("bad", seeds=(0,))(lambda seed, device, recorder: {"x": float("nan")})
    with pytest.raises(ValueError, match="range"):
        record.main(["bad", "--device", "cpu", "--out", "recorded"])
    assert recorded.load("bad") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "other", "results": []}'])
def test_a_damaged_file_is_named(toy, text):
    (toy / "recorded").mkdir()
    (toy / "recorded" / "toy-run.json").write_text(text)
    with pytest.raises(ValueError, match="toy-run"):
        recorded.load("toy-run")


@pytest.mark.parametrize("name", ["", "../x", "a b"])
def test_a_bad_name_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        recorded.load(name)


def test_a_gpu_cell_records_only_when_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recorded").mkdir()
    call = {"settings": {"steps": 7}, "seconds": 12.3, "figures": {"a dot": b"png"}}
    monkeypatch.delenv("GANCOURSE_RECORD", raising=False)
    assert "not recorded yet" in repr(recorded.keep("cell", {"frechet": 1.5}, **call))
    assert not list((tmp_path / "recorded").iterdir())
    monkeypatch.setenv("GANCOURSE_RECORD", "1")
    panel = recorded.keep("cell", {"frechet": 1.5}, **call)
    run = recorded.load("cell")
    assert run["results"] == [{"frechet": 1.5}] and run["settings"] == {"steps": 7}
    for needed in ("12 s in all", "steps = 7", run["date"][:10], "unknown"):
        assert needed in repr(panel)
    assert 'alt="a dot"' in panel._repr_html_()
    before = (tmp_path / "recorded" / "cell.json").read_bytes()
    with pytest.raises(ValueError, match="range"):
        recorded.keep("cell", {"frechet": float("nan")}, settings={}, seconds=1)
    with pytest.raises(ValueError, match="lower its dpi"):
        recorded.keep("cell", {}, settings={}, seconds=1, figures={"big": bytes(300_001)})
    assert (tmp_path / "recorded" / "cell.json").read_bytes() == before


def test_a_gpu_cell_in_the_clone_names_its_commit(tmp_path, monkeypatch):
    import subprocess

    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    (tmp_path / "recorded").mkdir()
    (tmp_path / "gancourse").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANCOURSE_RECORD", "1")
    recorded.keep("cell", {}, settings={}, seconds=1)
    assert len(recorded.load("cell")["commit"]) == 40 and not recorded.load("cell")["dirty"]
    (tmp_path / "gancourse" / "new.py").write_text("x = 1")
    recorded.keep("cell", {}, settings={}, seconds=1)
    assert recorded.load("cell")["dirty"]


def test_big_figures_are_refused():
    import matplotlib.pyplot as plt

    fig = plt.figure(figsize=(12, 12))
    fig.figimage(torch.rand(1200, 1200).numpy())
    with pytest.raises(ValueError, match="at most"):
        experiments.Recorder().figure(fig, alt="noise")


def test_every_recorded_run_in_the_book_is_of_a_known_experiment():
    known = set(experiments.load_all())
    keeps = {  # chapters whose GPU cell records: "09"
        chapter.name[:2]
        for chapter in (record.ROOT / "book").glob("*.ipynb")
        if "recorded.keep(" in chapter.read_text(encoding="utf-8")
    }
    for path in (record.ROOT / "book" / "recorded").glob("*.json"):
        run = json.loads(path.read_text())
        assert run["name"] == path.stem
        from_cell = re.match(r"ch(\d\d)-", run["name"])
        by_a_cell = from_cell is not None and from_cell[1] in keeps and "cpu_seconds" not in run
        assert run["name"] in known or by_a_cell, f"{path}: recorded by nothing that is here"
        assert len(run["results"]) == len(run["seeds"])
