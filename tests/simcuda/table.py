"""What each GPU cell costs, counted on the simulated card: the rows of book/colab.md's table.

.venv/bin/python tests/test_simcuda.py table        counts, and writes the rows (some minutes)
"""

import re
import tempfile
from pathlib import Path

import harness
import torch

from scripts import gpu_cells

PAGE = Path(__file__).resolve().parents[2] / "book" / "colab.md"
ROW = re.compile(
    r"^(?P<head>\| .* \| .*) \| (?P<float32>\S+) \| (?P<half>\S+) \| (?P<gb>\S+) \| (?P<minutes>\S+)"
    r" <!-- (?P<id>\w{8}) --> \|$",
    re.M,
)
NUMBERS = ("float32", "half", "gb", "minutes")  # the first two in 10^15 operations
NONE = "–"
LARGE, SMALL = (
    "2d92d09b",
    (2, 4),
)  # at full width, with these batches: all it costs is linear in them
INCEPTION = "699963a9"  # trains nothing
CELLS = {cell.id: cell for cell in gpu_cells.cells()}


def rows(text: str) -> dict[str, dict[str, float | None]]:
    """Cell id -> what the page says."""
    return {
        row["id"]: {n: None if row[n] == NONE else float(row[n]) for n in NUMBERS}
        for row in ROW.finditer(text)
    }


def written(text: str, costs: dict[str, dict[str, float | None]]) -> str:
    """The page with these numbers."""

    def new(row: re.Match) -> str:
        values = [costs[row["id"]][name] for name in NUMBERS]
        digits = zip(values, (2, 2, 1, 1), strict=True)
        shown = [NONE if v is None else f"{v:.{n}f}" for v, n in digits]
        return " | ".join([row["head"], *shown]) + f" <!-- {row['id']} --> |"

    return ROW.sub(new, text)


def counted(name: str, folder: Path) -> harness.Outcome:
    """A training cell's first steps."""
    if name != LARGE:
        return harness.run_cell(CELLS[name], folder, 2)
    done = []
    for batch in SMALL:
        place = folder / str(batch)
        place.mkdir()
        done.append(harness.run_cell(CELLS[name], place, 1, batch))
    fewer, more = done
    more.runs[0] = harness.larger(fewer.runs[0], more.runs[0], more.names["batch"])
    return more


def cost(done: harness.Outcome) -> dict[str, float | None]:
    """Of a whole training cell."""
    total = harness.cost(done.runs)
    work = {name: total[name] / 1e15 for name in ("float32", "half")}
    return work | {"gb": total["peak"] / 1e9, "minutes": total["minutes"]}


def inception() -> dict[str, float | None]:
    """5.7 billion multiply-adds a picture (torchvision's count), float32: 31 sets of 5,000."""
    work = 2 * 5.7e9 * 31 * 5000
    minutes = harness.t4_minutes(work, 0)
    return {"float32": work / 1e15, "half": 0.0, "gb": None, "minutes": minutes}


def main() -> None:
    torch.set_num_threads(2)
    costs = {INCEPTION: inception()}
    with tempfile.TemporaryDirectory() as folder:
        for name in CELLS:
            if name != INCEPTION:
                place = Path(folder, name)
                place.mkdir()
                done = counted(name, place)
                costs[name] = cost(done)
                kernels = sorted({run.kernels for run in done.runs})
                print(name, costs[name], f"{kernels} kernels a step", f"{done.seconds:.0f} s")
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(written(text, costs), encoding="utf-8")
