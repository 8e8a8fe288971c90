"""Two tests: was it copied, can it be told apart?"""

import math

import numpy as np
import pytest
import torch

from gancourse import metrics
from tests.metric_samples import (
    gaussian,
)


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

    train, test, fake = (gaussian(n, 2, s).round(decimals=0) for n, s in ((30, 0), (20, 1), (25, 2)))
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


class Witness:
    """Remembers what it was taught and what it was asked, and takes everything for real."""

    def fit(self, x, kinds):
        self.taught, self.kinds = x, kinds

    def predict(self, x):
        self.asked = x
        return np.zeros(len(x))


def test_the_classifier_is_taught_one_half_and_asked_about_the_other():
    x, y = gaussian(21, 2), gaussian(30, 2, 1)  # of 21 each: 10 and 11
    witness, again, other = Witness(), Witness(), Witness()
    for seed, one in ((1, witness), (1, again), (2, other)):
        found = metrics.classifier_test(x, y, one, torch.Generator().manual_seed(seed))
        assert found == (0.5, 0.5)
    assert witness.taught.shape == (20, 2) and witness.asked.shape == (22, 2)
    assert witness.kinds.tolist() == [0] * 10 + [1] * 10
    rows = {tuple(row) for row in np.concatenate([witness.taught, witness.asked]).tolist()}
    assert len(rows) == 42 and rows <= {tuple(row) for row in torch.cat([x, y]).tolist()}
    assert (witness.taught == again.taught).all() and not (witness.taught == other.taught).all()


def test_classifier_p_values_are_uniform_under_guessing():
    p = [metrics.classifier_test(gaussian(60, 2, s), gaussian(60, 2, s + 99)).p_value
         for s in range(99)]  # fmt: skip
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) < 0.05) < 0.15
