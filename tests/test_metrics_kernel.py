"""KID against a double loop, torchmetrics, and its laws."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given

from gancourse import metrics
from gancourse.metrics import kernel
from tests.metric_samples import (
    SEEDS,
    correlated,
    gaussian,
    property_test,
    rotation,
)


def kid_by_hand(x, y):
    """Equation by equation, one pair at a time."""
    d = x.shape[1]

    def k(a, b):
        return (sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / d + 1) ** 3

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    xy = sum(k(a, b) for a in x for b in y) / (n * m)
    return xx + yy - 2 * xy


@pytest.mark.parametrize(("n", "m"), [(9, 14), (14, 9), (11, 11), (2, 2)])
def test_kid_equals_a_double_loop(n, m):
    x, y = correlated(n, 4, 1), correlated(m, 4, 2, shift=0.4)
    assert metrics.kid(x, y) == pytest.approx(kid_by_hand(x, y), rel=1e-10)


def test_kid_in_chunks_equals_kid_at_once():
    x, y = correlated(50, 4, 1), correlated(37, 4, 2)
    for rows in (7, 10, 50, 1024):
        assert kernel._kernel_sum(x, rows=rows) == pytest.approx(kernel._kernel_sum(x), rel=1e-12)
        assert kernel._kernel_sum(x, y, rows) == pytest.approx(kernel._kernel_sum(x, y), rel=1e-12)


def test_kid_agrees_with_torchmetrics_when_n_equals_m():
    from torchmetrics.image.kid import poly_mmd

    x, y = correlated(80, 20, 1), correlated(80, 20, 2, shift=0.3)
    assert metrics.kid(x, y) == pytest.approx(float(poly_mmd(x, y)), rel=1e-9)


def test_kid_is_unbiased_and_may_be_negative():
    values = np.array([metrics.kid(gaussian(20, 8, s), gaussian(30, 8, s + 500)) for s in range(200)])
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(200)
    assert values.min() < 0 < values.max()


@property_test
@given(SEEDS)
def test_kid_laws(seed):
    x, y = correlated(30, 5, seed), correlated(20, 5, seed + 1, shift=0.5)
    base, q = metrics.kid(x, y), rotation(5, seed + 2)
    assert metrics.kid(y, x) == pytest.approx(base, rel=1e-9, abs=1e-12)
    assert metrics.kid(x @ q, y @ q) == pytest.approx(base, rel=1e-9, abs=1e-12)
    far = [metrics.kid(x, y + shift) for shift in (1.0, 2.0, 4.0)]
    assert far == sorted(far)


def test_kid_subsets():
    x, y = correlated(200, 8, 1), correlated(150, 8, 2, shift=0.2)
    mean, std = metrics.kid_subsets(x, y, subsets=100, subset_size=60)
    assert mean == pytest.approx(metrics.kid(x, y), abs=4 * std / 10)
    assert std > 0
    assert metrics.kid_subsets(x, y, 100, 60) == (mean, std)
    assert metrics.kid_subsets(x, y, subset_size=60) == metrics.kid_subsets(x, y, 50, 60)
    with pytest.raises(ValueError, match="subset_size=1000"):  # as many are usual, and not there
        metrics.kid_subsets(x, y)
    other = metrics.kid_subsets(x, y, 100, 60, torch.Generator().manual_seed(1))
    assert other != (mean, std)
    # Over n, not n - 1: the spread of these very subsets, as the authors' code has it.
    g, two = torch.Generator().manual_seed(5), []
    for _ in range(2):
        rows = [torch.randperm(len(s), generator=g)[:60] for s in (x, y)]
        two.append(metrics.kid(x[rows[0]], y[rows[1]]))
    got = metrics.kid_subsets(x, y, 2, 60, torch.Generator().manual_seed(5))
    assert got == pytest.approx((sum(two) / 2, abs(two[0] - two[1]) / 2), rel=1e-12)
    same, none = metrics.kid_subsets(x, y[:150], subsets=3, subset_size=150)
    assert none >= 0 and same == pytest.approx(metrics.kid(x, y), abs=0.2)
    with pytest.raises(ValueError, match="subset_size=151"):
        metrics.kid_subsets(x, y, subset_size=151)
