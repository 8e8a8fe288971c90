"""Intervals that hold as often as they say, and reports."""

import math
import warnings
from types import SimpleNamespace

import pytest
import torch

from gancourse import metrics
from tests.metric_samples import fid, gaussian


def test_interval_of_a_mean_is_the_textbook_one():
    x = gaussian(400, 1, 3)
    got = metrics.interval(lambda s: float(s.mean()), x, resamples=2000)
    half_width = 1.96 * float(x.std()) / 20
    assert got.value == pytest.approx(float(x.mean()))
    assert got.high - got.low == pytest.approx(2 * half_width, rel=0.1)
    narrow = metrics.interval(lambda s: float(s.mean()), x, level=0.5, resamples=2000)
    assert narrow.high - narrow.low < 0.5 * (got.high - got.low)
    for side in (narrow.value - narrow.low, narrow.high - narrow.value):
        assert side == pytest.approx(0.674 / 1.96 * half_width, rel=0.15)  # a quarter on each side
    draws = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    one, same, other = (metrics.interval(lambda s: float(s.mean()), x, generator=g) for g in draws)
    assert one == same != other


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


@pytest.mark.parametrize("no_number", [math.inf, torch.tensor(math.inf)])
def test_a_metrics_own_infinity_is_reported(no_number):
    x, net = gaussian(9), SimpleNamespace(name="digits", digest="0123456789abcdef")

    def endless(real, fake):
        return no_number

    report = metrics.MetricReport.measure(
        endless, x, x, other_real=x, worthless=x, features=net, split="test"
    )
    assert report.value == math.inf


def fid_named(real, fake):
    return fid(real, fake)
