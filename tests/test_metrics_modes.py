"""Inception Score and mode coverage: against torchmetrics, by hand, and at their limits."""

import math

import numpy as np
import pytest
import torch

from gancourse import data, metrics
from tests.metric_samples import (
    gaussian,
)


@pytest.mark.filterwarnings("ignore::UserWarning")  # torchmetrics' own
def test_inception_score_agrees_with_torchmetrics():
    from torchmetrics.image.inception import InceptionScore

    class Logits(torch.nn.Module):
        def forward(self, x):
            return x.flatten(1)

    logits = 3 * gaussian(120, 10)
    reference = InceptionScore(feature=Logits(), splits=1).set_dtype(torch.float64)
    reference.update(logits[:, :, None, None])
    mean, std = metrics.inception_score(logits)
    assert mean == pytest.approx(float(reference.compute()[0]), rel=1e-9)
    assert std == 0


def test_inception_score_limits():
    sure = 1000 * torch.eye(10).repeat(20, 1)
    assert metrics.inception_score(sure)[0] == pytest.approx(10)  # K, and no NaN from log 0
    assert metrics.inception_score(torch.zeros(50, 10))[0] == pytest.approx(1)
    assert metrics.inception_score(sure[:1].repeat(50, 1))[0] == pytest.approx(1)
    shifted = gaussian(50, 10)
    assert metrics.inception_score(shifted + 1e4)[0] == pytest.approx(
        metrics.inception_score(shifted)[0], rel=1e-9
    )


def test_inception_score_splits():
    by_class = (8 * torch.eye(10)).repeat_interleave(100, 0)
    whole, part = metrics.inception_score(by_class)[0], metrics.inception_score(by_class, 10)
    # Shuffled, ten parts see nearly all classes; in class order they would score 1.
    assert 0.9 * whole < part[0] < whole
    assert part[1] > 0
    for splits in (0, 501):
        with pytest.raises(ValueError, match=f"splits={splits}"):
            metrics.inception_score(by_class, splits)


# --- mode coverage --------------------------------------------------------------------------------


@pytest.mark.parametrize("mixture", [data.ring(), data.grid()])
def test_mode_coverage_of_the_truth_a_point_and_a_blob(mixture):
    k = len(mixture.centers)
    g = torch.Generator().manual_seed(0)
    perfect = metrics.mode_coverage(mixture.sample(2500, g), mixture.centers, mixture.std)
    assert perfect.modes == perfect.fair_modes == k
    # In the plane P(|x| <= 3 std) = 1 - exp(-9 / 2).
    assert perfect.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.01)
    assert 0 <= perfect.reverse_kl < 0.01

    point = mixture.centers[:1].repeat(100, 1).numpy()
    collapsed = metrics.mode_coverage(point, mixture.centers.numpy(), mixture.std)
    assert collapsed == (1, 1.0, pytest.approx(math.log(k)), 1)

    blob = mixture.centers.std() * torch.randn(2500, 2, generator=g)
    modes, high_quality, reverse_kl = metrics.mode_coverage(blob, mixture.centers, mixture.std)[:3]
    assert modes > 0 and high_quality < 0.05 and reverse_kl < 0.2
    assert metrics.mode_coverage(blob, mixture.centers, mixture.std).fair_modes == 0


def test_mode_coverage_by_hand():
    centers = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    # 40 samples: fair share 10, a fifth of it 2. Modes get 20, 2, 1 and none; 17 lie off, near 0.
    samples = torch.cat([centers[0].repeat(20, 1), centers[1].repeat(2, 1), centers[2:3],
                         torch.tensor([[2.0, 2.0]]).repeat(17, 1)])  # fmt: skip
    got = metrics.mode_coverage(samples, centers, std=0.5)
    share = np.array([37, 2, 1]) / 40
    assert got.modes == 3 and got.fair_modes == 2
    assert got.high_quality == pytest.approx(23 / 40)
    assert got.reverse_kl == pytest.approx((share * np.log(share)).sum() + math.log(4))
    assert metrics.mode_coverage(samples, centers, std=0.5, n_std=6).high_quality == 1.0


def test_mode_coverage_edges_and_refusals():
    centers = torch.tensor([[0.0, 0.0], [1e6, 0.0]])
    on_the_edge = torch.tensor([[1e6 + 3.0, 0.0]])
    assert metrics.mode_coverage(on_the_edge, centers, std=1).high_quality == 1
    for args, name in (((0.0,), "std=0.0"), ((math.nan,), "std=nan"), ((1.0, -1), "n_std=-1")):
        with pytest.raises(ValueError, match=f"^{name}; need a positive number"):
            metrics.mode_coverage(on_the_edge, centers, *args)
    with pytest.raises(ValueError, match="samples has 0 rows"):
        metrics.mode_coverage(on_the_edge[:0], centers, 1.0)
    with pytest.raises(ValueError, match="samples has 2 columns, centers has 1"):
        metrics.mode_coverage(on_the_edge, centers[:, :1], 1.0)
    with pytest.raises(ValueError, match="samples has NaN"):
        metrics.mode_coverage(on_the_edge * math.nan, centers, 1.0)
