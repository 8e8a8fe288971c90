"""scripts/bench.py at a tiny size on the CPU: its forms train, its table is arithmetic."""

import copy

import pytest
import torch

from gancourse import nets
from scripts import bench

torch.set_num_threads(1)


def test_every_form_of_the_gpu_table_runs_and_trains():
    times = bench.dcgan_on(torch.device("cpu"), steps=2, rounds=2, batch=4, width=4)
    assert list(times) == ["popular", "bare", "GANTrainer", "GANTrainer fp16", "GANTrainer bf16"]
    assert all(len(values) == 2 and min(values) > 0 for values in times.values())
    samples = torch.rand(8, 3, 32, 32) * 2 - 1
    for name, form in (bench.FORMS | bench.HALVES).items():
        pair = bench.wide_dcgans(4)
        before = copy.deepcopy(pair)
        form(pair, samples, 4)(2)
        for net, old in zip(pair, before, strict=True):
            changes = [(new - was).abs().max() for new, was in zip(net.parameters(), old.parameters())]
            # (at logits of nearly 0 the last bias' two gradients cancel: not all need change)
            assert 0 < max(changes) < 0.1, name


def test_bare_is_the_trainers_step():
    """What "overhead over bare" is measured against: from one seed, the same weights."""
    samples = torch.rand(64, 8, generator=torch.Generator().manual_seed(0))
    ends = []
    for form in (bench.bare, bench.course):
        torch.manual_seed(0)
        pair = nets.MLPGenerator(bench.NZ, 8, width=8), nets.MLPDiscriminator(8, width=8)
        form(pair, samples, 16)(5)
        ends.append([p.detach().clone() for net in pair for p in net.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_the_table(capsys):
    times = {"popular": [4.0, 6.0, 5.0], "bare": [2.0, 2.0, 2.0], "GANTrainer": [2.0, 3.0, 2.0]}
    row = bench.summary(times, batch=10)["GANTrainer"]
    assert row == {
        "ms": 2.0, "images_per_second": 5000.0, "faster_than_popular": 2.0, "slower_than_bare": 1.0,
    }  # fmt: skip
    bench.report("title", times, 10)
    assert "GANTrainer" in capsys.readouterr().out


def test_main_prints_both_tables(capsys):
    bench.main(["--rounds", "1", "--steps", "2"])
    printed = capsys.readouterr().out
    assert printed.count("popular ") >= 2 and "images/s" in printed


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu(capsys):
    bench.main(["--device", "cuda", "--rounds", "1", "--steps", "2"])
    assert "GANTrainer fp16" in capsys.readouterr().out
