"""What the metrics take, what they refuse and warn of, and what they leave alone."""

import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from gancourse import metrics
from gancourse.metrics import SampleSizeWarning
from tests.metric_samples import (
    fid_infinity,
    gaussian,
    precision_recall,
)
from tests.modes import each_mode

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


def test_warnings_point_at_the_readers_line():
    x = gaussian(30)
    calls = [(metrics.fid, x[:5], x[:5]), (metrics.fid, x, x[:5]), (metrics.fid_infinity, x, x)]
    for metric in (metrics.fid, metrics.precision_recall, metrics.density_coverage):
        calls.append((metric, x, x[:29]))
    for metric, *samples in calls:
        with pytest.warns(SampleSizeWarning) as caught:
            metric(*samples)  # from here: one frame further up is another file's
        assert {w.filename for w in caught} == {__file__}


# --- the module itself ----------------------------------------------------------------------------


def test_metrics_import_no_network_and_leave_the_random_state_alone():
    # The first part of the name: an editable install brings a finder with a longer one.
    code = "import sys, gancourse.metrics\n"
    code += "parts = [m.split('.') for m in sys.modules]\n"
    code += "print(sorted({m[1] for m in parts if m[0] == 'gancourse' and m[1:]}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "['_numbers', 'metrics']"
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    metrics.kid_subsets(gaussian(9), gaussian(9), 2, 5)
    metrics.classifier_test(gaussian(20), gaussian(20))
    metrics.interval(metrics.kid, gaussian(9), gaussian(9), resamples=10)
    assert torch.equal(torch.rand(1), expected)
