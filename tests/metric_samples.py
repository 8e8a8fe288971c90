"""Samples for the tests of the metrics, and the metrics without their warnings."""

import math
import warnings

import torch
from hypothesis import settings
from hypothesis import strategies as st

from gancourse import metrics
from gancourse.metrics import SampleSizeWarning

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
