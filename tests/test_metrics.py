"""The metrics against independent implementations, their laws, and what they refuse."""

import math
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gancourse import data, metrics
from gancourse.metrics import SampleSizeWarning
from tests.modes import each_mode

property_test = settings(max_examples=25, deadline=None, derandomize=True)
SEEDS = st.integers(0, 10_000)


def gaussian(n, d=6, seed=0, shift=0.0, scale=1.0):
    g = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, d, generator=g, dtype=torch.float64) + shift


def correlated(n, d=6, seed=0, shift=0.0):
    mix = gaussian(d, d, seed + 1000) / math.sqrt(d)
    return gaussian(n, d, seed) @ mix + shift


def rotation(d, seed):
    return torch.linalg.qr(gaussian(d, d, seed)).Q


def stats(x):
    return x.mean(0), x.T.cov()


def quietly(metric):
    """The metric without its sample-size warning."""

    def call(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SampleSizeWarning)
            return metric(*args, **kwargs)

    return call


fid = quietly(metrics.fid)
fid_infinity = quietly(metrics.fid_infinity)
precision_recall = quietly(metrics.precision_recall)
density_coverage = quietly(metrics.density_coverage)


# --- Fréchet distance -----------------------------------------------------------------------------

# (n, m, d): more rows than dimensions, fewer on both sides, fewer on one side, and barely enough.
# (Not many fewer: each null direction costs the references the square root of a rounding error.)
SHAPES = [(300, 200, 32), (60, 55, 64), (60, 150, 64), (150, 60, 64), (34, 34, 32)]


@pytest.mark.parametrize(("n", "m", "d"), SHAPES)
def test_frechet_agrees_with_pot_and_torchmetrics(n, m, d):
    from ot.gaussian import bures_wasserstein_distance
    from torchmetrics.image.fid import _compute_fid

    x, y = correlated(n, d, 1), correlated(m, d, 2, shift=0.3)
    (m1, s1), (m2, s2) = stats(x), stats(y)
    ours = metrics.frechet_distance(m1, s1, m2, s2)
    assert ours == pytest.approx(float(bures_wasserstein_distance(m1, m2, s1, s2)) ** 2, rel=1e-8)
    assert ours == pytest.approx(float(_compute_fid(m1, s1, m2, s2)), rel=1e-8)
    # The path over singular values (n < d) and the one over covariances are the same number.
    assert fid(x, y) == pytest.approx(ours, rel=1e-12)


@pytest.mark.parametrize(("n", "d"), [(300, 32), (20, 64), (34, 32)])
def test_frechet_of_identical_sets_is_zero(n, d):
    x = correlated(n, d)
    assert fid(x, x) < 1e-9
    assert metrics.frechet_distance(*stats(x), *stats(x)) < 1e-9


@pytest.mark.parametrize("seed", range(8))
def test_frechet_sees_that_a_covariance_is_singular_where_cholesky_does_not(seed):
    """Rank 9 in 10 dimensions: the last pivot is rounding, and positive about half of the time."""
    q = rotation(10, seed)
    a = torch.arange(10, dtype=torch.float64)
    s1, s2 = q * a @ q.T, q * (9 - a) @ q.T
    expected = float((a.sqrt() - (9 - a).sqrt()).square().sum())
    zero = torch.zeros(10)
    assert metrics.frechet_distance(zero, s1, zero, s2) == pytest.approx(expected, rel=1e-13)


def test_fid_through_torchmetrics_own_class():
    """The whole of the reference, fed with our features by an extractor that does nothing."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    class Flatten(torch.nn.Module):
        num_features = 12

        def forward(self, x):
            return x.flatten(1)

    x, y = correlated(60, 12, 3), correlated(50, 12, 4)
    reference = FrechetInceptionDistance(feature=Flatten(), input_img_size=(3, 2, 2))
    reference.set_dtype(torch.float64)
    reference.update(x.reshape(-1, 3, 2, 2), real=True)
    reference.update(y.reshape(-1, 3, 2, 2), real=False)
    assert fid(x, y) == pytest.approx(float(reference.compute()), rel=1e-8)


def test_frechet_of_singular_covariances_is_exact():
    """Two covariances with the same axes, half of them empty: sum (sqrt a - sqrt b)^2."""
    q = rotation(200, 0)
    a = torch.linspace(1, 100, 200, dtype=torch.float64)
    b = a.flip(0)
    a[100:], b[40:150] = 0, 0
    s1, s2, zero = q * a @ q.T, q * b @ q.T, torch.zeros(200)
    expected = float((a.sqrt() - b.sqrt()).square().sum())
    assert metrics.frechet_distance(zero, s1, zero, s2) == pytest.approx(expected, rel=1e-12)


def test_frechet_closed_forms():
    one, two = torch.tensor([0.0]), torch.tensor([3.0])
    # In one dimension: (m1 - m2)^2 + (s1 - s2)^2.
    got = metrics.frechet_distance(one, [[4.0]], two, [[25.0]])
    assert got == pytest.approx(9 + (2 - 5) ** 2, abs=1e-12)
    # A generator that makes one image: covariance 0, so only the trace and the means are left.
    x, point = gaussian(50, 4), torch.full((50, 4), 2.0)
    expected = (x.mean(0) - 2).square().sum() + x.var(0).sum()
    assert fid(x, point) == pytest.approx(float(expected), rel=1e-12)
    assert fid(point, point) == 0
    with pytest.warns(SampleSizeWarning):
        assert metrics.fid(x[:3], point[:3]) > 0


def test_frechet_uses_the_unbiased_covariance():
    x, y = gaussian(10, 1), gaussian(10, 1, seed=1)
    expected = (x.mean() - y.mean()) ** 2 + (x.std() - y.std()) ** 2  # torch.std divides by n - 1
    assert fid(x, y) == pytest.approx(float(expected), rel=1e-9)


@property_test
@given(SEEDS, st.sampled_from([(40, 30, 5), (6, 9, 12)]))
def test_fid_laws(seed, shape):
    n, m, d = shape
    x, y = correlated(n, d, seed), correlated(m, d, seed + 1, shift=0.5)
    base = fid(x, y)
    assert base >= 0
    assert fid(y, x) == pytest.approx(base, rel=1e-9)
    assert fid(x + 100, y + 100) == pytest.approx(base, rel=1e-7)
    assert fid(3 * x, 3 * y) == pytest.approx(9 * base, rel=1e-9)
    q = rotation(d, seed + 2)
    assert fid(x @ q, y @ q) == pytest.approx(base, rel=1e-9)
    distances = [fid(x, x + shift) for shift in (0.0, 0.1, 0.5, 2.0, 8.0)]
    assert distances == sorted(distances)
    assert distances[3] == pytest.approx(d * 4.0, rel=1e-6)  # equal covariances: |shift|^2


def test_fid_of_float32_and_numpy_is_that_of_float64():
    x, y = correlated(60).float(), correlated(60, seed=1).float()
    exact = fid(x.double(), y.double())
    assert fid(x, y) == exact
    assert fid(x.numpy(), y) == exact
    assert fid(x.requires_grad_(), y) == exact


def test_fid_infinity_takes_the_bias_away():
    x, y = gaussian(2000, 16), gaussian(2000, 16, seed=1)
    fit = metrics.fid_infinity(x, y)
    assert len(fit.sizes) == len(fit.fids) == 15
    assert fit.sizes[-1] == 2000 and fit.fids[-1] == pytest.approx(fid(x, y), rel=1e-9)
    assert fit.slope > 0
    assert abs(fit.value) < 0.3 * fid(x, y)
    # A known distance between the distributions is what remains: |shift|^2 = 16 * 0.25.
    shifted = metrics.fid_infinity(x, y + 0.5)
    assert shifted.value == pytest.approx(4.0, rel=0.05)
    assert metrics.fid_infinity(x, y) == fit  # seed 0 unless told


def test_fid_infinity_is_the_intercept():
    fit = metrics.fid_infinity(gaussian(100), gaussian(100, seed=1), sizes=[20, 50])
    slope = (fit.fids[0] - fit.fids[1]) / (1 / 20 - 1 / 50)
    assert fit.slope == pytest.approx(slope)
    assert fit.value == pytest.approx(fit.fids[1] - slope / 50)


@pytest.mark.parametrize("decay", [0.0, 1.0])
def test_the_bias_of_fid_is_a_constant_over_n(decay):
    """Real against real: n FID stays within 25 % from n = 100 to 3,500, and we know where.

    Both samples are of one Gaussian with variances v. To first order in 1/n the means give
    2 sum v / n and the covariances sum_ij v_i v_j (1 + [i = j]) / (v_i + v_j) / n.
    """
    d, products = 64, {}
    v = torch.arange(1, d + 1, dtype=torch.float64).pow(-decay)
    pairs = v[:, None] * v * (1 + torch.eye(d)) / (v[:, None] + v)
    expected = float(2 * v.sum() + pairs.sum())
    for n, draws in ((100, 8), (300, 6), (1000, 4), (3500, 4)):
        values = [
            fid(*(gaussian(n, d, seed) * v.sqrt() for seed in (2 * i, 2 * i + 1)))
            for i in range(draws)
        ]
        products[n] = n * float(np.mean(values))
    assert max(products.values()) / min(products.values()) < 1.25, products
    assert products[3500] == pytest.approx(expected, rel=0.05)


# --- streaming statistics -------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_streaming_statistics_equal_the_whole(offset):
    x = (correlated(200, 5) + offset).float()
    whole, left, right = metrics.FeatureStats(), metrics.FeatureStats(), metrics.FeatureStats()
    for batch in x.split(33):
        whole.update(batch)
    left.update(x[:1]).update(x[1:90])
    merged = left.merge(right.update(x[90:].numpy())).merge(metrics.FeatureStats())
    for got in (whole, merged):
        assert got.n == 200
        torch.testing.assert_close(got.mean, x.double().mean(0), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(got.cov, x.double().T.cov(), rtol=1e-9, atol=1e-12)
    assert metrics.FeatureStats().merge(whole).n == 200


def test_merging_leaves_the_other_alone():
    a, b = metrics.FeatureStats().update(gaussian(9)), metrics.FeatureStats().update(gaussian(7))
    before = b.mean.clone(), b.cov.clone()
    metrics.FeatureStats().merge(b).update(gaussian(5))
    a.merge(b)
    assert b.n == 7 and torch.equal(b.mean, before[0]) and torch.equal(b.cov, before[1])


def test_streaming_statistics_refuse():
    empty = metrics.FeatureStats()
    with pytest.raises(ValueError, match="no rows"):
        _ = empty.mean
    with pytest.raises(ValueError, match="1 rows"):
        _ = empty.update(gaussian(1)).cov
    with pytest.raises(ValueError, match="5 columns; need 6"):
        empty.update(gaussian(3, d=5))


# --- KID ------------------------------------------------------------------------------------------


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
        assert metrics._kernel_sum(x, rows=rows) == pytest.approx(metrics._kernel_sum(x), rel=1e-12)
        assert metrics._kernel_sum(x, y, rows) == pytest.approx(
            metrics._kernel_sum(x, y), rel=1e-12
        )


def test_kid_agrees_with_torchmetrics_when_n_equals_m():
    from torchmetrics.image.kid import poly_mmd

    x, y = correlated(80, 20, 1), correlated(80, 20, 2, shift=0.3)
    assert metrics.kid(x, y) == pytest.approx(float(poly_mmd(x, y)), rel=1e-9)


def test_kid_is_unbiased_and_may_be_negative():
    values = np.array(
        [metrics.kid(gaussian(20, 8, s), gaussian(30, 8, s + 500)) for s in range(200)]
    )
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


# --- Inception Score ------------------------------------------------------------------------------


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


# --- precision, recall, density, coverage ---------------------------------------------------------


@pytest.mark.parametrize(("n", "m", "k"), [(120, 120, 3), (100, 140, 5), (140, 90, 1)])
@pytest.mark.parametrize("block", [1 << 23, 1000])
def test_neighbours_agree_with_prdc(n, m, k, block, monkeypatch):
    from prdc import compute_prdc

    blocks = metrics._blocks
    monkeypatch.setattr(metrics, "_blocks", lambda x, y: blocks(x, y, block))
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
    blocks = metrics._blocks
    monkeypatch.setattr(metrics, "_blocks", lambda x, y: blocks(x, y, block))
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
    assert density_coverage(5 * x @ q + 1e7, 5 * y @ q + 1e7) == pytest.approx(
        density_coverage(x, y)
    )
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


# --- copying and telling apart --------------------------------------------------------------------


def test_copying_test_catches_the_copier():
    train, test, fresh = gaussian(300, 8), gaussian(200, 8, 1), gaussian(250, 8, 2)
    fair = metrics.copying_test(train, test, fresh)
    assert abs(fair.z) < 3 and fair.closer == pytest.approx(0.5, abs=0.1)
    assert fair.ratio == pytest.approx(1, abs=0.1)
    copied = metrics.copying_test(train, test, train[:100])
    assert copied.closer == 1 and copied.z < -10 and copied.ratio == 0
    nudged = metrics.copying_test(train + 1e4, test + 1e4, train + 1e4 + 0.01)
    assert nudged.closer == 1 and nudged.z < -10
    poor = metrics.copying_test(train, test, fresh + 2)
    assert poor.z > 10 and poor.closer < 0.1


def test_copying_test_is_mann_whitney():
    from scipy.stats import mannwhitneyu

    train, test, fake = (
        gaussian(n, 2, s).round(decimals=0) for n, s in ((30, 0), (20, 1), (25, 2))
    )
    got = metrics.copying_test(train, test, fake)
    to_fake, to_test = (torch.cdist(s, train).min(1).values for s in (fake, test))
    assert len(set(to_fake.tolist()) & set(to_test.tolist())) > 0  # ties occur
    reference = mannwhitneyu(to_fake, to_test, use_continuity=False, method="asymptotic")
    assert 2 * 0.5 * math.erfc(abs(got.z) / math.sqrt(2)) == pytest.approx(reference.pvalue)
    assert got.closer == pytest.approx(1 - reference.statistic / (25 * 20))


def test_copying_test_when_all_points_are_the_same():
    same = torch.ones(5, 3)
    assert metrics.copying_test(same, same, same)[:2] == (0.5, 0.0)


def test_classifier_test():
    x, y = gaussian(400, 5), gaussian(300, 5, 1)
    same = metrics.classifier_test(x, y)
    assert same.accuracy == pytest.approx(0.5, abs=0.08) and same.p_value > 0.01
    apart = metrics.classifier_test(x, y + 1)
    assert apart.accuracy > 0.8 and apart.p_value < 1e-6
    assert metrics.classifier_test(x, y + 1) == apart


def test_classifier_test_with_another_classifier():
    from sklearn.neighbors import KNeighborsClassifier

    # Same mean, other spread: a line can't tell them apart, a neighbour can.
    x, y = gaussian(400, 5), gaussian(400, 5, 1, scale=0.2)
    assert metrics.classifier_test(x, y).accuracy < 0.6
    assert metrics.classifier_test(x, y, KNeighborsClassifier(1)).accuracy > 0.8
    # A neighbour knows its own training points by heart: it must be asked about others.
    same = metrics.classifier_test(x, gaussian(400, 5, 2), KNeighborsClassifier(1))
    assert same.accuracy == pytest.approx(0.5, abs=0.08)


def test_classifier_p_values_are_uniform_under_guessing():
    p = [metrics.classifier_test(gaussian(60, 2, s), gaussian(60, 2, s + 99)).p_value
         for s in range(99)]  # fmt: skip
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) < 0.05) < 0.15


# --- intervals and reports ------------------------------------------------------------------------


def test_interval_of_a_mean_is_the_textbook_one():
    x = gaussian(400, 1, 3)
    got = metrics.interval(lambda s: float(s.mean()), x, resamples=2000)
    half_width = 1.96 * float(x.std()) / 20
    assert got.value == pytest.approx(float(x.mean()))
    assert got.high - got.low == pytest.approx(2 * half_width, rel=0.1)
    assert got.low < got.value < got.high
    narrow = metrics.interval(lambda s: float(s.mean()), x, level=0.5)
    assert narrow.high - narrow.low < 0.5 * (got.high - got.low)


def test_intervals_hold_as_often_as_they_say():
    """KID of two known samples: 95 % intervals around the value hold the truth, here 0."""
    held = 0
    for seed in range(60):
        x, y = gaussian(80, 4, seed), gaussian(60, 4, seed + 700)
        got = metrics.interval(metrics.kid, x, y, resamples=60, level=0.9)
        held += got.low <= 0 <= got.high
    assert 0.75 <= held / 60 <= 1.0


def test_interval_of_fid_holds_its_value_and_is_quiet():
    x, y = gaussian(40, 30), gaussian(40, 30, 1)  # 40 rows are enough, 20 would warn
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = metrics.interval(metrics.fid, x, y, resamples=50)
    assert got.low < got.value < got.high
    assert got.value == metrics.fid(x, y)
    assert metrics.interval(metrics.fid, x, y, resamples=50) == got


def test_interval_refuses():
    mean, x = (lambda s: float(s.mean())), gaussian(10)
    for bad in ({"level": 1.0}, {"level": 0}, {"resamples": 9}):
        (name, value), *_ = bad.items()
        with pytest.raises(ValueError, match=f"^{name}={value}; need"):
            metrics.interval(mean, x, **bad)
    with pytest.raises(ValueError, match="no samples"):
        metrics.interval(mean)
    with pytest.raises(ValueError, match="3 rows"):
        metrics.interval(mean, x[:3])


def test_metric_report_says_what_is_needed_to_compare():
    x, y = gaussian(90, 4), gaussian(50, 4, 1, shift=0.2)
    other, noise = gaussian(60, 4, 2), gaussian(70, 4, 3, shift=5)
    net = SimpleNamespace(name="digits", digest="0123456789abcdef")
    report = metrics.MetricReport.measure(
        fid_named, x, y, other_real=other, worthless=noise, features=net, split="test"
    )
    assert report.value == fid(x, y)
    assert report.floor == fid(x, other[:50]) and report.ceiling == fid(x, noise[:50])
    assert report.floor < report.value < report.ceiling
    text = str(report)
    for part in ("fid_named", "digits 01234567;", "90 real [test]", "50 generated", "floor"):
        assert part in text
    with pytest.raises(ValueError, match=r"other_real has 49 rows.*need 50"):
        metrics.MetricReport.measure(
            fid_named, x, y, other_real=other[:49], worthless=noise, features=net, split="test"
        )


def fid_named(real, fake):
    return fid(real, fake)


# --- refusals and warnings ------------------------------------------------------------------------

TWO_SAMPLES = [
    metrics.fid,
    metrics.fid_infinity,
    metrics.kid,
    metrics.precision_recall,
    metrics.density_coverage,
    metrics.classifier_test,
    lambda x, y: metrics.copying_test(x, gaussian(30), y),
]


@pytest.mark.parametrize("metric", TWO_SAMPLES)
@pytest.mark.filterwarnings("ignore::gancourse.metrics.SampleSizeWarning")
def test_two_sample_metrics_refuse_bad_input(metric):
    good, nan, inf = gaussian(30), gaussian(30), gaussian(30)
    nan[3, 2], inf[[0, 5], 1] = math.nan, math.inf
    with pytest.raises(ValueError, match=r"has NaN or infinite values in 1 of 30 rows"):
        metric(good, nan)
    with pytest.raises(ValueError, match=r"has NaN or infinite values in 2 of 30 rows"):
        metric(inf, good)
    with pytest.raises(ValueError, match="fake has 1 rows; need at least"):
        metric(good, good[:1])
    with pytest.raises(ValueError, match="0 rows; need at least"):
        metric(good[:0], good)
    with pytest.raises(ValueError, match="has 6 columns, fake has 5"):
        metric(good, good[:, :5])
    with pytest.raises(ValueError, match=r"shape \(30, 3, 2\); need \(N, d\)"):
        metric(good, good.reshape(30, 3, 2))
    with pytest.raises(ValueError, match=r"shape \(30,\); need \(N, d\)"):
        metric(good[:, 0], good)


def test_frechet_distance_refuses():
    mean, cov = torch.zeros(3), torch.eye(3)
    bad = cov.clone()
    bad[0, 1] = 1
    for args, message in [
        ((mean, cov, torch.zeros(2), torch.eye(2)), "have shapes"),
        ((mean, torch.eye(2), mean, cov), "have shapes"),
        ((cov, cov, cov, cov), "have shapes"),
        ((torch.tensor(0.0), torch.tensor(1.0), mean, cov), "have shapes"),
        ((mean, bad, mean, cov), "cov1 is not symmetric"),
        ((mean, cov, mean, -cov), "cov2 has the eigenvalue -1"),
        ((mean, cov, mean * math.nan, cov), "mean2 has NaN"),
        ((mean, cov * math.nan, mean, cov), "cov1 has NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            metrics.frechet_distance(*args)


SOFTMAX = gaussian(20, 10).softmax(1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: metrics.precision_recall(x, x, k=2.5), "k=2.5; need a whole number"),
        (lambda x: metrics.density_coverage(x, x, k="3"), "k='3'; need"),
        (lambda x: metrics.kid_subsets(x, x, subset_size=50.5), "subset_size=50.5; need"),
        (lambda x: metrics.kid_subsets(x, x, subset_size=41), "subset_size=41; need"),
        (lambda x: metrics.kid_subsets(x, x, 0, 10), "subsets=0; need a positive"),
        (lambda x: metrics.fid_infinity(x, x, sizes=[10.5, 20]), r"sizes=\[10.5, 20\]; need 2 or"),
        (lambda x: metrics.fid_infinity(x, x, sizes=10), "sizes=10; need 2 or more"),
        (lambda x: metrics.fid_infinity(x[:5], x[:5]), "real has 5 rows, fake 5; need 20"),
        (lambda x: metrics.fid_infinity(x, x[:19]), "fake 19; need 20"),
        (lambda x: metrics.fid(None, x), "real is NoneType; need numbers"),
        (lambda x: metrics.kid(x, "fake"), "fake is str; need numbers"),
        (lambda x: metrics.fid(x, [[1, 2], [3]]), "fake is list; need numbers"),
        (lambda x: metrics.fid(x, x + 1j), "fake is torch.complex128"),
        (lambda x: metrics.kid(x.numpy() + 1j, x), "real is torch.complex128"),
        (lambda x: metrics.fid(x, x.to_sparse()), "fake is .*sparse_coo"),
        (lambda x: metrics.fid(x.to("meta"), x), "real is .* on meta; need dense"),
        (lambda x: metrics.fid(1e160 * x, x), "real has values up to .*e.160, too large"),
        (lambda x: metrics.FeatureStats().update(1e160 * x), "features has values up to"),
        (lambda x: metrics.kid(x, 1e60 * x), "fake has values up to .*; need at most 1e.40"),
        (lambda x: metrics.inception_score(SOFTMAX), "logits are probabilities"),
        (lambda x: metrics.inception_score(SOFTMAX.half()), "logits are probabilities"),
        (lambda x: metrics.inception_score(torch.eye(10).repeat(3, 1)), "before its softmax"),
        (lambda x: metrics.inception_score(x, 2.5), "splits=2.5"),
        (lambda x: metrics.classifier_test(x, x, classifier="svm"), "classifier is str"),
        (lambda x: metrics.mode_coverage(x, x, "1"), "std='1'; need a positive number"),
        (lambda x: metrics.interval(metrics.precision_recall, x, x), "metric returned 2 values"),
        (lambda x: metrics.interval(metrics.fid_infinity, x, x), r"fid_infinity\(r, f\)\[0\]"),
        (lambda x: metrics.interval(lambda a: None, x), "metric returned NoneType"),
        (lambda x: metrics.interval(metrics.kid), "no samples"),
        (lambda x: metrics.interval(metrics.kid, x, x, resamples=9), "resamples=9; need"),
        (lambda x: metrics.interval(metrics.kid, x, x, level=1), "level=1; need"),
        (
            lambda x: metrics.interval(lambda r: metrics.density_coverage(r, r, 3)[0], x[:6]),
            r"not their random halves \(3 of 6 rows\): k=3 with 3 rows",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::gancourse.metrics.SampleSizeWarning")
def test_what_came_and_what_is_needed(call, words):
    with pytest.raises(ValueError, match=words):
        call(gaussian(40, 4))


def test_numbers_of_any_kind_are_numbers():
    x, y = gaussian(40, 4), gaussian(40, 4, seed=1)
    for k in (2.0, np.int64(2), np.float32(2), torch.tensor(2), torch.tensor([2])):
        assert metrics.precision_recall(x, y, k) == metrics.precision_recall(x, y, 2)
        assert metrics.density_coverage(x, y, k) == metrics.density_coverage(x, y, 2)
        assert metrics.inception_score(x, k) == metrics.inception_score(x, 2)
        assert metrics.kid_subsets(x, y, k, 10 * k) == metrics.kid_subsets(x, y, 2, 20)
    fit = fid_infinity(x, y, np.linspace(10, 40, 4))
    assert fit == fid_infinity(x, y, torch.tensor([10, 20, 30, 40])) and fit.sizes[1] == 20
    assert metrics.mode_coverage(x, y, np.float32(1), torch.tensor(2))[0] > 0
    spread = metrics.interval(lambda r: r.mean(), x, level=np.float64(0.9))
    assert spread == metrics.interval(lambda r: float(r.mean()), x, level=0.9)


def test_arrays_of_any_kind_are_arrays():
    x, y = gaussian(40, 4).float(), gaussian(40, 4, seed=1)
    want, array = metrics.fid(x, y), x.numpy()
    frozen = array.copy()
    frozen.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for same in (array[::-1][::-1], array.astype(">f4"), array.astype(object), frozen,
                     array.tolist(), np.asfortranarray(array)):  # fmt: skip
            assert metrics.fid(same, y) == pytest.approx(want, rel=1e-12)
        assert metrics.fid(array[::-1], y) == pytest.approx(want)
        assert metrics.fid((10 * x).int(), y) == metrics.fid((10 * x).int().double(), y)


def test_one_huge_value_is_not_taken_for_infinite():
    x = gaussian(40, 4)
    x[3] = 1e308  # its row sums to infinity
    with pytest.raises(ValueError, match="real has values up to 1e.308"):
        metrics.fid(x, gaussian(40, 4))
    assert precision_recall(x, gaussian(40, 4, seed=1))[0] > 0.5


class OnMPS(torch.Tensor):
    """Refuses float64 as Apple's GPUs do."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function == torch.Tensor.cpu or "cpu" in map(str, [*args[1:], *kwargs.values()]):
            return args[0].as_subclass(torch.Tensor)
        wide = torch.float64 in [*args[1:], *kwargs.values()] or function == torch.Tensor.double
        if wide and any(isinstance(a, OnMPS) for a in args):
            raise TypeError("the MPS framework doesn't support float64")
        if function == torch.Tensor.device.__get__:
            return torch.device("mps")
        return super().__torch_function__(function, types, args, kwargs)


ONE = {
    "fid": metrics.fid,
    "fid_infinity": metrics.fid_infinity,
    "kid": metrics.kid,
    "kid_subsets": lambda x, y: metrics.kid_subsets(x, y, 3, 20),
    "inception_score": lambda x, y: metrics.inception_score(x),
    "precision_recall": metrics.precision_recall,
    "density_coverage": metrics.density_coverage,
    "copying_test": lambda x, y: metrics.copying_test(x, y, y),
    "classifier_test": metrics.classifier_test,
    "interval": lambda x, y: metrics.interval(metrics.kid, x, y, resamples=10),
    "mode_coverage": lambda x, y: metrics.mode_coverage(x, y, 1.0),
    "stats": lambda x, y: metrics.FeatureStats().update(x).update(y).cov.sum().item(),
    "frechet": lambda x, y: metrics.frechet_distance(x[0], np.eye(4), y[0], 2 * np.eye(4)),
}


@pytest.mark.parametrize("metric", ONE.values(), ids=ONE.keys())
@pytest.mark.filterwarnings("ignore::gancourse.metrics.SampleSizeWarning")
class TestElsewhere:
    """The same number under each global mode, and on devices other than the CPU."""

    def test_mode(self, metric, mode):
        x, y = gaussian(40, 4).float(), gaussian(40, 4, seed=1).float()
        want = metric(x, y)
        with mode():
            assert metric(x, y) == want
            assert metric(x.numpy(), y.numpy()) == want

    test_mode = each_mode(test_mode)

    def test_device_without_float64(self, metric):
        x, y = gaussian(40, 4).float(), gaussian(40, 4, seed=1).float()
        want = metric(x, y)
        assert metric(x.as_subclass(OnMPS), y.as_subclass(OnMPS)) == want
        assert metric(x.as_subclass(OnMPS), y) == metric(x, y.as_subclass(OnMPS)) == want

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    def test_gpu(self, metric):
        x, y = gaussian(40, 4), gaussian(40, 4, seed=1)
        want = metric(x, y)
        for pair in ((x.cuda(), y.cuda()), (x.cuda(), y), (x, y.cuda())):
            np.testing.assert_allclose(metric(*pair), want, rtol=1e-9)


def test_other_refusals():
    x = gaussian(10)
    with pytest.raises(ValueError, match="logits has 1 rows"):
        metrics.inception_score(x[:1])
    for sizes in ([5], [5, 5], [1, 5], [5, 11]):
        with pytest.raises(ValueError, match="2 or more different"):
            metrics.fid_infinity(x, x, sizes=sizes)


def warned(metric, *args):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        metric(*args)
    assert all(w.category is SampleSizeWarning for w in caught)
    assert all(w.filename == __file__ for w in caught)  # points at the caller's line
    return " | ".join(str(w.message) for w in caught)


def test_warnings():
    x = gaussian(30)
    assert "fewer rows (5 real, 5 fake) than dimensions (6)" in warned(metrics.fid, x[:5], x[:5])
    assert "fewer rows (30 real, 5 fake)" in warned(metrics.fid, x, x[:5])
    assert "not on the line yet" in warned(metrics.fid_infinity, x, x)
    for metric in (metrics.fid, metrics.precision_recall, metrics.density_coverage):
        assert "30 real but 29 fake rows" in warned(metric, x, x[:29])
        assert warned(metric, x, x) == ""
    assert warned(metrics.kid, x[:5], x[:4]) == ""


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


# --- the module itself ----------------------------------------------------------------------------


def test_metrics_import_no_network_and_leave_the_random_state_alone():
    # The first part of the name: an editable install brings a finder with a longer one.
    code = "import sys, gancourse.metrics\n"
    code += "print([m for m in sys.modules if m.split('.')[0] == 'gancourse'])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['gancourse', 'gancourse._numbers', 'gancourse.metrics']"
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    metrics.kid_subsets(gaussian(9), gaussian(9), 2, 5)
    metrics.classifier_test(gaussian(20), gaussian(20))
    metrics.interval(metrics.kid, gaussian(9), gaussian(9), resamples=10)
    assert torch.equal(torch.rand(1), expected)


def test_the_forms_that_the_bench_compares_compute_the_same():
    from scripts import bench_metrics

    x, y = correlated(64, 12, 1).numpy(), correlated(64, 12, 2, shift=0.3).numpy()
    statistics = [part.numpy() for s in (x, y) for part in stats(torch.from_numpy(s))]
    for what, forms in bench_metrics.FORMS.items():
        args = statistics if what == "frechet" else [x, y]
        ours = forms["gancourse"](*args)
        for form, call in forms.items():
            assert call(*args) == pytest.approx(ours, rel=1e-8), (what, form)
