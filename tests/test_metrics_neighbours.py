"""Precision, recall, density and coverage against prdc, exact arithmetic, and their laws."""

import numpy as np
import pytest
import torch
from hypothesis import given

from gancourse import metrics
from gancourse.metrics import _distances, neighbours
from gancourse.metrics._distances import blocks
from tests.metric_samples import (
    SEEDS,
    correlated,
    density_coverage,
    gaussian,
    precision_recall,
    property_test,
    rotation,
)


@pytest.mark.parametrize(("n", "m", "k"), [(120, 120, 3), (100, 140, 5), (140, 90, 1)])
@pytest.mark.parametrize("block", [1 << 23, 1000])
def test_neighbours_agree_with_prdc(n, m, k, block, monkeypatch):
    from prdc import compute_prdc

    for module in (_distances, neighbours):
        monkeypatch.setattr(module, "blocks", lambda x, y: blocks(x, y, block))
    x, y = correlated(n, 6, 1), correlated(m, 6, 2, shift=0.7)
    expected = compute_prdc(x.numpy(), y.numpy(), k)
    precision, recall = precision_recall(x, y, k)
    density, coverage = density_coverage(x, y, k)
    assert 0 < precision < 1 and 0 < recall < 1 and 0 < coverage < 1  # the case says something
    assert precision == pytest.approx(expected["precision"], abs=1e-12)
    assert recall == pytest.approx(expected["recall"], abs=1e-12)
    assert density == pytest.approx(expected["density"], rel=1e-12)
    assert coverage == pytest.approx(expected["coverage"], abs=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_neighbours_count_ties_as_inside_even_far_away(offset):
    # Six points in a row: each point's nearest neighbour is exactly 1 away.
    x = torch.arange(6.0, dtype=torch.float64)[:, None] + offset
    assert metrics.precision_recall(x, x + 1, k=1) == (1.0, 1.0)
    assert metrics.precision_recall(x, x + 1.5, k=1)[0] == pytest.approx(5 / 6)
    # A copy lies in its own ball and in those of its k nearest, of which one is k away: (k+1) / k.
    y = gaussian(40, 300) + offset
    density, coverage = metrics.density_coverage(y, y, k=5)
    assert (density, coverage) == (pytest.approx(6 / 5), 1.0)
    # Copies of some points lie on the spheres of others; matrix products of other shapes round
    # otherwise, differences don't.
    y = y.float().double()
    distance = (y[:, None] - y).norm(dim=2)
    inside = distance[:, :17] <= distance.kthvalue(6, 1).values[:, None]
    density, coverage = density_coverage(y, y[:17], k=5)
    assert density == pytest.approx(float(inside.sum()) / (5 * 17))
    assert coverage == pytest.approx(float(inside.any(1).double().mean()))


def exact_neighbours(x, y, k):
    """Precision, recall, density, coverage in whole numbers of any size: no rounding at all."""
    ratios = [[float(v).as_integer_ratio() for v in row] for row in [*x.tolist(), *y.tolist()]]
    common = max(bottom for row in ratios for _, bottom in row)  # powers of two
    points = np.array([[t * (common // b) for t, b in row] for row in ratios], dtype=object)
    points_x, points_y = points[: len(x)], points[len(x) :]

    def squared(a, b):
        return ((a[:, None] - b) ** 2).sum(2)

    def radii(a):
        return np.array([sorted(np.delete(row, i))[k - 1] for i, row in enumerate(squared(a, a))])

    between = squared(points_x, points_y)
    real = between <= radii(points_x)[:, None]
    fake = between <= radii(points_y)
    return (
        real.any(0).mean(), fake.any(1).mean(), real.sum() / (k * len(y)), real.any(1).mean()
    )  # fmt: skip


def far_outlier(x, y):
    x[0] += 1e6
    y[3] -= 1e9


def far_clusters(x, y):
    x[::2] += 1e7
    y[::3] += 1e7


def offset(x, y):
    x += 1e9
    y += 1e9


def lattice(x, y):
    x.mul_(2).round_()
    y.mul_(2).round_()


def far_lattice(x, y):
    lattice(x, y)
    offset(x, y)
    x[0] -= 1e7


def copies(x, y):
    x[10:] = x[:5].repeat(6, 1)[:30]
    y[:20] = x[:20]


def alike(x, y):
    x[:], y[:] = 1.01, 1.01


def scaled(by):
    def change(x, y):
        x *= by
        y *= by

    return change


HOSTILE = [far_outlier, far_clusters, offset, lattice, far_lattice, copies, alike, scaled(1e-300),
           scaled(1e300)]  # fmt: skip


@pytest.mark.parametrize("change", HOSTILE)
@pytest.mark.parametrize(("d", "k"), [(1, 1), (3, 3), (3, 29), (7, 3)])
@pytest.mark.parametrize("block", [1 << 23, 100])
def test_neighbours_are_exact_on_hostile_samples(change, d, k, block, monkeypatch):
    for module in (_distances, neighbours):
        monkeypatch.setattr(module, "blocks", lambda x, y: blocks(x, y, block))
    x, y = gaussian(40, d, seed=d), gaussian(30, d, seed=k, shift=0.3)
    change(x, y)
    got = *precision_recall(x, y, k), *density_coverage(x, y, k)
    assert got == pytest.approx(exact_neighbours(x, y, k), rel=1e-12)


def test_one_outlier_changes_no_other_ball():
    """Widened by the rounding of the farthest point, every ball had swallowed its surroundings."""
    x, y = gaussian(500, 3), gaussian(500, 3, seed=1)
    want = *precision_recall(x, y), *density_coverage(x, y)
    for far in (1e6, 1e9):
        spoiled = x.clone()
        spoiled[0] = far
        got = *precision_recall(spoiled, y), *density_coverage(spoiled, y)
        assert got == pytest.approx(want, abs=0.02)


def test_the_copying_test_finds_the_nearest_between_far_clusters():
    """By the matrix product alone the nearest of a cluster 1e8 away is any of its members."""
    train, test, fake = gaussian(300, 3), gaussian(200, 3, seed=1), gaussian(200, 3, seed=2)
    for sample in (train, test, fake):
        sample[::2] += 1e8
    want = [(s[:, None] - train).norm(dim=2).min(1).values for s in (fake, test)]
    got = metrics.copying_test(train, test, fake)
    assert got.ratio == pytest.approx(np.median(want[0]) / np.median(want[1]), rel=1e-9)
    assert got.closer == pytest.approx(float((want[0][:, None] < want[1]).double().mean()))


@property_test
@given(SEEDS)
def test_neighbour_laws(seed):
    x, y = correlated(40, 4, seed), correlated(40, 4, seed + 1, shift=0.5)
    precision, recall = precision_recall(x, y)
    assert precision_recall(y, x) == (recall, precision)
    q = rotation(4, seed + 2)
    moved = precision_recall(5 * x @ q + 1e7, 5 * y @ q + 1e7)
    assert moved == pytest.approx((precision, recall), abs=1e-12)
    assert density_coverage(5 * x @ q + 1e7, 5 * y @ q + 1e7) == pytest.approx(density_coverage(x, y))
    assert precision_recall(x, y + 1000) == (0.0, 0.0)
    assert density_coverage(x, y + 1000) == (0.0, 0.0)


def test_precision_stays_and_recall_falls_when_modes_drop():
    real = torch.cat([gaussian(50, 3, s, shift=20 * s, scale=0.5) for s in range(4)])
    fake = torch.cat([gaussian(50, 3, s + 9, scale=0.5) for s in range(4)])
    precision, recall = metrics.precision_recall(real, fake)
    assert precision > 0.9 and recall < 0.3
    density, coverage = metrics.density_coverage(real, fake)
    assert density == pytest.approx(1, abs=0.2) and coverage <= 0.25


@pytest.mark.parametrize("metric", [metrics.precision_recall, metrics.density_coverage])
@pytest.mark.parametrize("k", [0, 10, 11])
def test_k_that_does_not_fit(metric, k):
    with pytest.raises(ValueError, match=f"k={k} with 10 rows"):
        metric(gaussian(10), gaussian(10), k=k)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("convert", [torch.Tensor.clone, torch.Tensor.numpy])
def test_neighbours_leave_the_features_as_they_were(dtype, convert):
    x, y = gaussian(30, 4, 1).to(dtype), gaussian(30, 4, 2, shift=3.0).to(dtype)
    given = convert(x.clone()), convert(y.clone())
    precision_recall(*given)
    density_coverage(*given)
    assert torch.as_tensor(given[0]).equal(x) and torch.as_tensor(given[1]).equal(y)
