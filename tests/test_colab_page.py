"""The Colab FAQ's code, run as printed, and what it says about chapters and sizes."""

import json
import re
import sys
import types
from pathlib import Path

import pytest
import torch

from gancourse import checkpoints, data, nets, training

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "book" / "colab.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """What a reader's session holds before these cells, with a stand-in for Colab's own module."""
    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANCOURSE_RUNS", raising=False)
    mounted = tmp_path / "MyDrive"
    monkeypatch.setattr(checkpoints, "DRIVE", mounted)
    torch_exact = torch.backends.cudnn.allow_tf32  # a cell of the page changes it
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", torch_exact)
    drive = types.SimpleNamespace(mount=lambda place: mounted.mkdir())
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(drive=drive))
    pair = nets.MLPGenerator(4, (1, 8, 8)), nets.MLPDiscriminator((1, 8, 8))
    names = {
        "generator": pair[0],
        "discriminator": pair[1],
        "images": data.digits().float(),
        "trainer": training.GANTrainer(*pair, batch_size=8),
    }
    return names, mounted


def test_the_cells_run_in_order_and_a_second_time(reader, capsys):
    names, mounted = reader
    assert len(BLOCKS) == 10
    for code in BLOCKS:
        exec(compile(code, "colab.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "0 MB" in printed and "hours" in printed
    assert re.search(r"float16 +\[inf, 0\.0\]", printed)
    assert re.search(r"float32 +\[90000\.0, ", printed)
    assert names["trainer"].step == 60 and names["trainer"].ema is not None
    folder = mounted / "gancourse" / "my-first-run"
    assert {p.name for p in folder.iterdir()} >= {"run.ckpt", "run.ckpt.prev", "samples.pt"}
    assert torch.load(folder / "samples.pt", weights_only=True).shape == (64, 1, 8, 8)

    # The session was cut; the same cell again, with fresh networks, does nothing but load.
    names |= {"generator": nets.MLPGenerator(4, (1, 8, 8))}
    names |= {"discriminator": nets.MLPDiscriminator((1, 8, 8))}
    (cell,) = [code for code in BLOCKS if "checkpoint = run_folder" in code]
    exec(cell, names)
    assert names["trainer"].step == 60
    assert names["trainer"].sample(64).equal(names["samples"])


def test_every_chapter_with_a_gpu_cell_is_in_the_table():
    listed = set(re.findall(r"^\| \[\d+\]\((.*?)\.ipynb\)", PAGE, re.M))
    tagged = set()
    for path in (ROOT / "book").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        if any("gpu" in cell["metadata"].get("tags", []) for cell in cells):
            tagged.add(path.stem)
    assert listed == tagged, "book/colab.md, 'Which chapters gain from one?'"


def test_the_sizes_of_the_data_sets():
    assert f"MNIST is {4 * 60_000 * 28 * 28 / 1e6:.0f} MB" in PAGE
    assert f"CIFAR-10 {4 * 50_000 * 3 * 32 * 32 / 1e6:.0f} MB" in PAGE
