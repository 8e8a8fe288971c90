"""scripts/record_gpu.py, dry: every job runs to its record, with few steps of small networks."""

import json
import re
from pathlib import Path

import pytest
import simcuda  # noqa: F401
import torch

from gancourse import data
from scripts import gpu_cells, record_gpu

torch.set_num_threads(2)


@pytest.fixture
def mnist(monkeypatch):
    def drawn(split="train", root=None, download=True):
        return data.glyphs(400, seed=90 + (split == "test"))

    monkeypatch.setattr(data, "mnist", drawn)


def check_every_gpu_cell_has_a_job_or_a_reason():
    run = set(
        re.findall(r'cell\(\s*out, "(\w+)"', Path(record_gpu.__file__).read_text(encoding="utf-8"))
    )
    cells = {cell.id for cell in gpu_cells.cells()}
    assert run | set(record_gpu.LEFT_OUT) == cells and not run & set(record_gpu.LEFT_OUT)


def check_every_job_is_recorded_and_the_end_says_so(mnist, tmp_path, capsys):
    arguments = ["--out", str(tmp_path / "out"), "--runs", str(tmp_path / "runs"), "--dry-run"]
    assert record_gpu.main([*arguments, "--minutes", "30", "--commit", "abc"]) == 0
    printed = capsys.readouterr().out
    said = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert said["dry_run"] and set(said["jobs"].values()) == {"recorded"}, said
    assert f"recorded: {', '.join(record_gpu.JOBS)}" in printed and "missing:" not in printed
    for name in record_gpu.JOBS:
        run = json.loads((tmp_path / "out" / "recorded" / f"{name}.json").read_text())
        assert run["commit"] == "abc" and "simulated" in run["device"]
        assert run["settings"].get("steps", 4) < 10  # nobody can take it for the real one
    colours = json.loads((tmp_path / "out" / "recorded" / "ch09-wide.json").read_text())
    assert colours["settings"]["data"] == "coloured_mnist"


def check_a_job_that_the_clock_cuts_off_is_missing(mnist, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(record_gpu, "FEWER", [(p, f) for p, f in record_gpu.FEWER if "[24]0" not in p])
    arguments = ["--out", str(tmp_path / "out"), "--runs", str(tmp_path / "runs"), "--dry-run"]
    record_gpu.main([*arguments, "--minutes", "0.05", "--only", "ch02-mnist-gpu"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"missing: ch02-mnist-gpu: [\d,]+ of 20,000 steps in its time", last)
    assert not list((tmp_path / "out" / "recorded").glob("*.json"))
