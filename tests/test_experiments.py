"""Chapter 6's recorded runs take several seeds a step: they must be the trainer's own runs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gancourse import data, nets
from gancourse.training import GANTrainer
from scripts.experiments import ch06

STEPS = 12
SEEDS = (0, 6)


def linear(net: nn.Module) -> list[nn.Linear]:
    return [layer for layer in net.modules() if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize(
    "row", ["tutorial", "tutorial + R1", "pairs, R1 + R2", "WGAN-GP, 1 critic step"]
)
def test_runs_in_step_are_the_trainers_runs(row):
    grid, settings = data.grid(), ch06.settings(row, ch06.GAMMA["grid"])
    runs = ch06.Runs(grid, SEEDS, **settings)
    for _ in range(STEPS):
        runs.step(STEPS)
    samples, averaged = runs.sample(50), runs.sample(50, average=True)
    for i, seed in enumerate(SEEDS):
        torch.manual_seed(seed)
        trainer = GANTrainer(
            nets.MLPGenerator(), nets.MLPDiscriminator(),
            batch_size=128, seed=seed, device="cpu", ema=0.999, **settings,
        )  # fmt: skip
        trainer.fit(grid, STEPS, progress=False)
        for ours, theirs in (
            (runs.generator, trainer.generator),
            (runs.discriminator, trainer.discriminator),
        ):
            for weight, bias, layer in zip(ours.weights, ours.biases, linear(theirs), strict=True):
                # measured: at most 1.0e-6 (weights), 9.5e-7 (samples)
                torch.testing.assert_close(weight[i].T, layer.weight, rtol=0, atol=3e-6)
                torch.testing.assert_close(bias[i, 0], layer.bias, rtol=0, atol=3e-6)
        torch.testing.assert_close(averaged[i], trainer.sample(50), rtol=0, atol=3e-6)
        trainer.ema = None
        torch.testing.assert_close(samples[i], trainer.sample(50), rtol=0, atol=3e-6)


def test_the_rows_differ_in_one_thing_from_their_end():
    def differences(row, end):
        full = dict.fromkeys(("r1", "r2", "gp"), False) | {"n_critic": 1}
        one, other = full | ch06.ROWS[row], full | ch06.ROWS[end]
        keys = [k for k in one if k != "betas" and one[k] != other[k]]
        return keys + [f"beta{i + 1}" for i in (0, 1) if one["betas"][i] != other["betas"][i]]

    for row in ch06.BOTTOM:
        if row not in ("tutorial", "tutorial + R1 + R2"):
            assert len(differences(row, "tutorial")) == 1, row
    for row in ch06.TOP:
        assert len(differences(row, "pairs, R1 + R2")) == 1, row
    assert not set(ch06.HELD_BACK) - ch06.DECIDING
    assert not set(ch06.HELD_BACK_SEEDS) & set(ch06.FIVE)
