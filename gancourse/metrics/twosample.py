"""Two tests: was it copied? Can it be told apart?"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch

from gancourse.metrics._distances import as_points, kth_nearest
from gancourse.metrics._samples import Array, Generator, as_pair, seeded, subset


class CopyingTest(NamedTuple):
    """What :func:`copying_test` returns."""

    closer: float
    z: float
    ratio: float


def copying_test(train: Array, test: Array, fake: Array) -> CopyingTest:
    """Do fakes lie nearer to the training set than fresh real data do? Then they are memorised.

    Returns:
        ``closer``: chance that a fake is nearer to the training set than a test point is; 0.5 for
        a fair generator, 1 for a copier, below 0.5 for a poor one. ``z``: the same as a
        Mann-Whitney score, about N(0, 1) for a fair one; below -3 says copying. ``ratio``: median
        distance of the fakes over that of the test points, 0 for a copier.

    Args:
        train: ``(n, d)``.
        test: ``(t, d)``, never trained on.
        fake: ``(m, d)``.

    Source: Meehan, Chaudhuri & Dasgupta 2020, arXiv 2004.05675 (their statistic with one cell).
    """
    from scipy.stats import rankdata

    distances = []
    for name, sample in (("fake", fake), ("test", test)):
        x, y = as_pair(train, sample, ("train", name))
        near_x, near_y = as_points(x, y, ("train", name))
        nearest = x[kth_nearest(near_y, near_x, 1)[1]]
        distances.append((y - nearest).norm(dim=1).cpu().numpy())  # exactly 0 for a copy
    (n, m), ranks = (len(d) for d in distances), rankdata(np.concatenate(distances))
    farther = ranks[:n].sum() - n * (n + 1) / 2  # pairs (fake, test) in which the fake is
    ties = np.unique(ranks, return_counts=True)[1].astype(float)
    spread = n * m / 12 * (n + m + 1 - (ties**3 - ties).sum() / ((n + m) * (n + m - 1)))
    z = (farther - n * m / 2) / math.sqrt(spread) if spread > 0 else 0.0
    made, fresh = (float(np.median(d)) for d in distances)
    return CopyingTest(1 - float(farther) / (n * m), float(z), made / fresh if fresh else math.nan)


class ClassifierTest(NamedTuple):
    """What :func:`classifier_test` returns."""

    accuracy: float
    p_value: float


def classifier_test(
    real: Array, fake: Array, classifier: Any = None, generator: Generator = None
) -> ClassifierTest:
    """Classifier two-sample test: learn real from fake on one half, score on the other half.

    An accuracy of 0.5 means that *this* classifier sees no difference. ``p_value`` is the chance
    of that much by guessing (normal approximation). The larger sample is cut to the smaller.

    Args:
        real: ``(n, d)``, 4 rows or more.
        fake: ``(m, d)``, 4 rows or more.
        classifier: anything with scikit-learn's ``fit`` and ``predict``; if not given, a logistic
            regression on standardised features.

    Source: Lopez-Paz & Oquab 2017, arXiv 1610.06545.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = as_pair(real, fake, rows=4)
    if classifier is not None and not (hasattr(classifier, "fit") and hasattr(classifier, "predict")):
        got = type(classifier).__name__
        raise ValueError(f"classifier is {got}; need an object with fit and predict, or None")
    g, n = seeded(generator), min(len(x), len(y))
    x, y, half = subset(x, n, g).cpu(), subset(y, n, g).cpu(), n // 2
    if classifier is None:
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(torch.cat([x[:half], y[:half]]).numpy(), np.repeat([0, 1], half))
    guess = classifier.predict(torch.cat([x[half:], y[half:]]).numpy())
    accuracy = float((guess == np.repeat([0, 1], n - half)).mean())
    z = (accuracy - 0.5) * math.sqrt(8 * (n - half))
    return ClassifierTest(accuracy, 0.5 * math.erfc(z / math.sqrt(2)))
