"""Distances between two sets of features: how far is the generated from the real?

Every function takes features, torch tensors or numpy arrays ``(N, d)``, and gives back floats. The
arithmetic is float64, on the device of the first argument (on the CPU where that has no float64, as
Apple's GPUs); no network is imported, so what a feature *is* stays the caller's choice and
has to be said beside the number (:class:`MetricReport` does). All refuse, with a ValueError that
says why, what is not ``(N, d)``, too few rows, different d, and NaN, infinite, complex or overflowing
values. Where something is drawn and no ``generator`` is given, seed 0 is: a metric gives the same
number twice. Sizes may be Python, numpy or torch numbers.

One file a question: ``frechet``, ``kernel``, ``neighbours`` (precision, recall, density, coverage),
``modes`` (with the Inception Score), ``twosample``, ``intervals``.
"""

from gancourse.metrics._samples import EPS as EPS
from gancourse.metrics._samples import LARGEST as LARGEST
from gancourse.metrics._samples import Array as Array
from gancourse.metrics._samples import Generator as Generator
from gancourse.metrics._samples import SampleSizeWarning
from gancourse.metrics.frechet import FeatureStats, FidInfinity, fid, fid_infinity, frechet_distance
from gancourse.metrics.intervals import Interval, MetricReport, interval
from gancourse.metrics.kernel import kid, kid_subsets
from gancourse.metrics.modes import ModeCoverage, inception_score, mode_coverage
from gancourse.metrics.neighbours import density_coverage, precision_recall
from gancourse.metrics.twosample import ClassifierTest, CopyingTest, classifier_test, copying_test

__all__ = [
    "SampleSizeWarning",
    "FeatureStats",
    "frechet_distance",
    "fid",
    "FidInfinity",
    "fid_infinity",
    "kid",
    "kid_subsets",
    "inception_score",
    "precision_recall",
    "density_coverage",
    "CopyingTest",
    "copying_test",
    "ClassifierTest",
    "classifier_test",
    "Interval",
    "interval",
    "MetricReport",
    "ModeCoverage",
    "mode_coverage",
]
