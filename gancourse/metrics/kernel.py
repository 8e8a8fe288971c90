"""Kernel distance: no Gaussian, no bias."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gancourse._numbers import whole
from gancourse.metrics._samples import Array, Generator, as_pair, seeded, subset


def _kernel_sum(x: Tensor, y: Tensor | None = None, rows: int = 256) -> float:
    """Sum of ``(x.y / d + 1)^3`` over all pairs, or over pairs of different rows of ``x`` alone."""
    total = 0.0
    for i in range(0, len(x), rows):
        # Of the symmetric matrix only the part from the diagonal on is needed, counted twice.
        other = x[i:] if y is None else y
        k = torch.addmm(x.new_ones(1), x[i : i + rows], other.T, alpha=1 / x.shape[1]).pow_(3)
        twice = float(2 * k.sum() - k[:, :rows].sum() - k.diagonal().sum()) if y is None else 0.0
        total += twice if y is None else float(k.sum())
    return total


def kid(real: Array, fake: Array) -> float:
    """Kernel distance: the unbiased squared MMD with the kernel ``(x.y / d + 1)^3``.

    Its mean is 0 for equal distributions at every n, so it may come out negative, and the sizes
    of real ``(n, d)`` and fake ``(m, d)`` may differ. No row is paired with itself. Unlike the
    Fréchet distance it changes when both samples are shifted alike, since the kernel looks at angles
    from the origin; and far from it digits cancel: with a common offset of 1e6 spreads the value
    may be off by some 0.2 %.

    Raises:
        ValueError: for values above 1e40, whose sixth powers overflow.

    Source: Binkowski, Sutherland, Arbel & Gretton 2018, arXiv 1801.01401.
    """
    x, y = as_pair(real, fake, largest=1e40)
    n, m = len(x), len(y)
    within = _kernel_sum(x) / (n * (n - 1)) + _kernel_sum(y) / (m * (m - 1))
    return within - 2 * _kernel_sum(x, y) / (n * m)


def kid_subsets(
    real: Array,
    fake: Array,
    subsets: int = 50,
    subset_size: int = 1000,
    generator: Generator = None,
) -> tuple[float, float]:
    """KID as papers print it: mean and standard deviation over random subsets.

    The spread is that of *one subset*; how sure the mean is, :func:`interval` says.

    Raises:
        ValueError: for a subset_size below 2 or above n or m, or subsets below 1.
    """
    x, y = as_pair(real, fake)
    subset_size = whole("subset_size", subset_size, 2, min(len(x), len(y)))
    subsets = whole("subsets", subsets)
    g = seeded(generator)
    values = [kid(subset(x, subset_size, g), subset(y, subset_size, g)) for _ in range(subsets)]
    return float(np.mean(values)), float(np.std(values))
