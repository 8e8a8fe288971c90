"""Every GPU cell at full size with few steps, and what it costs: the table of book/colab.md."""

import re

import harness
import pytest
import table
import torch
from table import CELLS, INCEPTION, PAGE

from gancourse import features
from scripts import gpu_cells

torch.set_num_threads(2)
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = table.rows(TEXT)
TRAINING = [name for name in CELLS if name != INCEPTION]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    kept = {}

    def of(name):
        if name not in kept:
            kept[name] = table.counted(name, tmp_path_factory.mktemp(name))
        return kept[name]

    return of


def check_the_table_has_every_cell():
    assert list(ROWS) == list(CELLS)


def check_the_table_can_be_written_anew():
    assert table.written(TEXT, ROWS) == TEXT
    other = {name: row | {"gb": 9.96, "minutes": 1.25} for name, row in ROWS.items()}
    ends = re.findall(r"\| 10\.0 \| 1\.2 <!-- (\w+) --> \|$", table.written(TEXT, other), re.M)
    assert ends == list(CELLS)


@pytest.mark.parametrize("name", TRAINING)
def check_a_cell_never_waits_in_a_step_and_costs_what_the_page_says(name, outcome):
    done, said = outcome(name), ROWS[name]
    assert done.runs and all(run.syncs == 0 for run in done.runs)
    assert all(run.minutes and run.minutes * len(done.runs) <= 15 for run in done.runs)
    assert all(run.settings["amp"] in (None, "fp16") for run in done.runs)  # a T4 has no bf16
    cost = table.cost(done)
    assert said["float32"] == pytest.approx(cost["float32"], abs=0.006)
    assert said["half"] == pytest.approx(cost["half"], abs=0.006)
    assert said["gb"] == pytest.approx(cost["gb"], abs=0.06)
    assert said["minutes"] == pytest.approx(cost["minutes"], abs=0.6)
    assert said["gb"] < 12
    first = CELLS[name].text.splitlines()[0]
    assert re.search(rf"On a T4: {said['minutes']:.0f} minutes?\b", first)
    assert said["minutes"] <= 15 or "in pieces of 15" in first
    assert float(re.search(r"([\d.]+) GB", first)[1]) == said["gb"]  # what the page says


@pytest.mark.parametrize("name", TRAINING)
def check_a_cell_says_what_is_left_and_the_next_call_goes_on(name, outcome):
    """The runs were cut after a step or two: nothing may be told as the whole run."""
    printed = outcome(name).printed
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
    cost, said = table.inception(), ROWS[INCEPTION]
    assert said["float32"] == pytest.approx(cost["float32"], abs=0.006)
    assert said["minutes"] == pytest.approx(cost["minutes"], abs=0.6) and cost["minutes"] < 15
    assert f"On a T4: {said['minutes']:.0f} minutes" in cell.text.splitlines()[0]
