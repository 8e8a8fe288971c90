"""Every GPU cell at full size with few steps, and what it costs: the table of book/colab.md."""

import re
from pathlib import Path

import harness
import pytest
import torch

from gancourse import features
from scripts import gpu_cells

torch.set_num_threads(2)
PAGE = Path(__file__).resolve().parents[2] / "book" / "colab.md"
GB = 1e9
LARGE, SMALL = (
    "2d92d09b",
    (2, 4),
)  # at full width, with these batches: all it costs is linear in them
INCEPTION = "699963a9"  # trains nothing
CELLS = {cell.id: cell for cell in gpu_cells.cells()}


def rows():
    """Cell id -> what the page says: operations in 10^15 (float32, half), GB, minutes."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\| .*<!-- (\w{8}) -->", line):
            found[match[1]] = [float(v) for v in re.findall(r"\| *([\d.]+)(?= *(?:\||<))", line)]
    return found


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    kept = {}

    def run(name, batch=None):
        if (name, batch) not in kept:
            folder = tmp_path_factory.mktemp(name)
            kept[name, batch] = harness.run_cell(CELLS[name], folder, 1 if batch else 2, batch)
        return kept[name, batch]

    return run


def check_the_table_has_every_cell():
    assert list(rows()) == list(CELLS)


TRAINING = [name for name in CELLS if name != INCEPTION]


@pytest.mark.parametrize("name", TRAINING)
def check_a_cell_never_waits_in_a_step_and_costs_what_the_page_says(name, outcomes):
    done = outcomes(name, SMALL[1] if name == LARGE else None)
    assert done.runs and all(run.syncs == 0 for run in done.runs)
    assert all(run.minutes and run.minutes * len(done.runs) <= 15 for run in done.runs)
    assert all(run.settings["amp"] in (None, "fp16") for run in done.runs)  # a T4 has no bf16
    if name == LARGE:
        fewer = outcomes(name, SMALL[0]).runs
        done.runs[0] = harness.larger(fewer[0], done.runs[0], done.names["batch"])
    cost = harness.cost(done.runs)
    said = dict(zip(("float32", "half", "gb", "minutes"), rows()[name], strict=True))
    assert said["float32"] == pytest.approx(cost["float32"] / 1e15, abs=0.006)
    assert said["half"] == pytest.approx(cost["half"] / 1e15, abs=0.006)
    assert said["gb"] == pytest.approx(cost["peak"] / GB, abs=0.06)
    assert said["minutes"] == pytest.approx(cost["minutes"], abs=0.6)
    assert said["gb"] < 12
    first = CELLS[name].text.splitlines()[0]
    assert re.search(rf"On a T4: {said['minutes']:.0f} minutes?\b", first)
    assert said["minutes"] <= 15 or "in pieces of 15" in first
    assert float(re.search(r"([\d.]+) GB", first)[1]) == pytest.approx(said["gb"], abs=0.5)


@pytest.mark.parametrize("name", TRAINING)
def check_a_cell_says_what_is_left_and_the_next_call_goes_on(name, outcomes):
    """The runs were cut after a step or two: nothing may be told as the whole run."""
    printed = outcomes(name, SMALL[0] if name == LARGE else None).printed
    if name == "082ecc86":
        assert len(re.findall(r"run this cell again", printed)) == 3
    else:
        assert re.search(r"\d of [\d,]+ steps: run this cell again to go on", printed)
    assert "images a second" not in printed


class StandIn(torch.nn.Module):
    """Inception's shapes: 299 x 299 bytes in, 2,048 numbers out."""

    def __init__(self):
        super().__init__()
        self.conv, self.up = torch.nn.Conv2d(3, 16, 9, 8), torch.nn.Linear(256, 2048)

    def forward(self, x):
        assert x.dtype == torch.uint8 and x.shape[1:] == (3, 299, 299)
        x = torch.nn.functional.adaptive_avg_pool2d(self.conv(x.float() / 255).relu(), 4)
        return (self.up(x.flatten(1)),)


def check_the_inception_cell(monkeypatch, tmp_path):
    extractor = features.Inception(StandIn())
    monkeypatch.setattr(features, "_load_inception", lambda: extractor)
    cell = CELLS[INCEPTION]
    small = gpu_cells.Cell(cell.path, cell.index, cell.id, cell.text.replace("5_000", "60"))
    assert small.text != cell.text
    done = harness.run_cell(small, tmp_path)
    assert "noise" in done.printed and "contamination" in done.printed
    assert all(torch.tensor(row).isfinite().all() for row in done.names["table"].values())
    # 5.7 billion multiply-adds a picture (torchvision's count), float32: 31 sets of 5,000
    pictures = 31 * 5000
    minutes = harness.t4_minutes(2 * 5.7e9 * pictures, 0)
    said = rows()[INCEPTION]
    assert said[0] == pytest.approx(2 * 5.7e9 * pictures / 1e15, abs=0.006)
    assert said[-1] == pytest.approx(minutes, abs=0.6) and minutes < 15
    assert f"On a T4: {said[-1]:.0f} minutes" in cell.text.splitlines()[0]
