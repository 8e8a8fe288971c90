"""Fréchet distance and its statistics, against independent implementations, and its laws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gancourse import metrics
from gancourse.metrics import SampleSizeWarning, frechet
from tests.metric_samples import SEEDS, correlated, fid, gaussian, property_test, rotation, stats

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
            fid(*(gaussian(n, d, seed) * v.sqrt() for seed in (2 * i, 2 * i + 1))) for i in range(draws)
        ]
        products[n] = n * float(np.mean(values))
    assert max(products.values()) / min(products.values()) < 1.25, products
    assert products[3500] == pytest.approx(expected, rel=0.05)


def test_one_name_for_samples_and_for_statistics():
    """What is not Inception is called a Fréchet distance; `fid` is the same number."""
    x, y = correlated(50, 12, 1), correlated(50, 12, 2, shift=0.3)
    expected = metrics.fid(x, y)
    (m1, s1), (m2, s2) = stats(x), stats(y)
    a, b = metrics.FeatureStats().update(x), metrics.FeatureStats().update(y)
    assert metrics.frechet_distance(x, y) == expected
    assert metrics.frechet_distance(fake=y, real=x.numpy()) == expected
    for got in (
        metrics.frechet_distance(m1, s1, m2, s2),
        metrics.frechet_distance(mean1=m1, cov1=s1, mean2=m2, cov2=s2),
        metrics.frechet_distance(m1, s1, m2, cov2=s2),
        metrics.frechet_distance(a, b),
        metrics.frechet_distance(a, y),
        metrics.fid(x, b),
    ):
        assert got == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", [metrics.fid, metrics.frechet_distance])
def test_warnings_of_statistics_point_at_the_readers_line(metric):
    a, b = (metrics.FeatureStats().update(correlated(n, 6, 1)) for n in (5, 9))
    with pytest.warns(SampleSizeWarning) as caught:
        metric(a, b)
    assert {w.filename for w in caught} == {__file__}


@pytest.mark.parametrize("metric", [metrics.fid, metrics.frechet_distance])
def test_statistics_are_warned_of_as_their_samples_are(metric):
    a, b = (metrics.FeatureStats().update(correlated(n, 6, 1)) for n in (5, 9))
    with pytest.warns(SampleSizeWarning) as caught:
        metric(a, b)
    first, second = (str(w.message) for w in caught)
    assert "fewer rows (5 real, 9 fake) than dimensions (6)" in first
    assert "5 real but 9 fake rows" in second


def test_wrong_arguments_are_named():
    x = correlated(9, 3)
    for args, named in (((x,), {}), ((x,), {"cov1": x}), ((x, x, x), {}), ((x, x), {"fake": x}),
                        ((x,) * 5, {}), ((), {})):  # fmt: skip
        with pytest.raises(TypeError, match=r"need \(real, fake\) or \(mean1, cov1, mean2, cov2\)"):
            metrics.frechet_distance(*args, **named)
    with pytest.raises(ValueError, match="3 columns, fake has 4"):
        metrics.frechet_distance(x, correlated(9, 4))


@pytest.mark.parametrize("d", [frechet.MANY - 1, frechet.MANY])
def test_many_dimensions_take_another_way_to_the_same_number(d):
    """From MANY dimensions on SciPy's routines; by definition it is sum (sqrt a - sqrt b)^2."""
    q = torch.linalg.qr(gaussian(d, d, 3)).Q
    a, b = (torch.linspace(*ends, d, dtype=torch.float64) for ends in ((1, 50), (90, 2)))
    expected = float((a.sqrt() - b.sqrt()).square().sum())
    zero = torch.zeros(d)
    got = metrics.frechet_distance(zero, q * a @ q.T, zero, q * b @ q.T)
    assert got == pytest.approx(expected, rel=1e-11)
    x = gaussian(40, d, 4)
    for sample in (x, x.float(), x.numpy(), x.T.contiguous().T, x[::2]):
        before = sample.copy() if isinstance(sample, np.ndarray) else sample.clone()
        cov = metrics.FeatureStats().update(sample).cov
        torch.testing.assert_close(cov, torch.as_tensor(sample).double().T.cov(), rtol=1e-12, atol=1e-14)
        assert (sample == before).all()


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


# --- the bench ------------------------------------------------------------------------------------


def test_the_forms_that_the_bench_compares_compute_the_same():
    from scripts import bench_metrics

    x, y = correlated(64, 12, 1).numpy(), correlated(64, 12, 2, shift=0.3).numpy()
    statistics = [part.numpy() for s in (x, y) for part in stats(torch.from_numpy(s))]
    for what, forms in bench_metrics.FORMS.items():
        args = statistics if what == "frechet" else [x, y]
        ours = forms["gancourse"](*args)
        for form, call in forms.items():
            assert call(*args) == pytest.approx(ours, rel=1e-8), (what, form)
