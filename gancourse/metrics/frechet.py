"""Fréchet distance: compare means and covariances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gancourse._numbers import whole
from gancourse.metrics._samples import (
    EPS,
    LARGEST,
    Array,
    Generator,
    as_matrix,
    as_pair,
    as_tensor,
    seeded,
    subset,
    warn,
    warn_unequal,
)

EMPTY = torch.empty(0, device="cpu", dtype=torch.float64)


class FeatureStats:
    """Mean and covariance (over n - 1) of features ``(N, d)`` that arrive in batches.

    Each batch is centered at its own mean and then merged, so that a large common offset costs no
    digits; one-pass ``E[xx'] - mm'`` in float32 gives negative variances. The first batch decides on
    which device the numbers are kept; later ones may come from another.

    Source: Chan, Golub & LeVeque 1983, The American Statistician 37.
    """

    def __init__(self) -> None:
        self.n, self._mean, self._scatter = 0, EMPTY, EMPTY

    def update(self, features: Array) -> FeatureStats:
        """Add a batch of one row or more."""
        x, batch = as_matrix(features, "features", rows=1), FeatureStats()
        batch.n, batch._mean = len(x), x.mean(0)
        x = x - batch._mean
        batch._scatter = x.T @ x
        return self.merge(batch)

    def merge(self, other: FeatureStats) -> FeatureStats:
        """Add all that ``other`` has seen. ValueError if that had another d."""
        if not self.n or not other.n:
            if other.n:
                self.n, self._mean, self._scatter = other.n, other._mean, other._scatter
            return self
        if self._mean.shape != other._mean.shape:
            d, e = len(self._mean), len(other._mean)
            raise ValueError(f"features have {e} columns; need {d}, as before")
        theirs, scatter = (t.to(self._mean.device) for t in (other._mean, other._scatter))
        n, delta = self.n + other.n, theirs - self._mean
        between = self.n * other.n / n * torch.outer(delta, delta)
        self._scatter = self._scatter + scatter + between
        self._mean, self.n = self._mean + delta * (other.n / n), n
        return self

    @property
    def mean(self) -> Tensor:
        """``(d,)`` float64."""
        if self.n < 1:
            raise ValueError("FeatureStats has seen no rows; need at least 1 for a mean")
        return self._mean

    @property
    def cov(self) -> Tensor:
        """``(d, d)`` float64."""
        if self.n < 2:
            raise ValueError(f"FeatureStats has seen {self.n} rows; need 2 for a covariance")
        return self._scatter / (self.n - 1)


def _cholesky(cov: Tensor) -> Tensor | None:
    """Lower R with R R' = cov, or None where cov is singular up to rounding."""
    factor, failed = torch.linalg.cholesky_ex(cov)
    pivots = factor.diagonal().square()
    return None if failed or pivots.min() <= len(cov) * EPS * pivots.max() else factor


def _eigen_factor(cov: Tensor, name: str) -> Tensor:
    """``(d, r)`` R with R R' = cov, without the directions that hold only rounding error."""
    values, vectors = torch.linalg.eigh(cov)
    if values[0] < -1e-6 * values[-1].abs():
        raise ValueError(f"{name} has the eigenvalue {values[0]:.3g}; need none below 0")
    keep = values > len(cov) * EPS * values[-1]
    return vectors[:, keep] * values[keep].sqrt()


def frechet_distance(mean1: Array, cov1: Array, mean2: Array, cov2: Array) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians, in squared feature units::

        |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)

    With S1 = A A' and S2 = B B', the last trace is the sum of the singular values of A'B: real,
    never negative, and without the square root of a matrix. A and B come from Cholesky, or from
    the eigenvectors where a covariance is singular.

    Args:
        mean1, mean2: ``(d,)``.
        cov1, cov2: ``(d, d)``, symmetric.

    Raises:
        ValueError: for shapes that don't fit, NaN, a matrix that is no covariance.

    Source: Dowson & Landau 1982, Journal of Multivariate Analysis 12.
    """
    given = {"mean1": mean1, "cov1": cov1, "mean2": mean2, "cov2": cov2}
    m1, s1, m2, s2 = parts = [as_tensor(a, name) for name, a in given.items()]
    shapes = [tuple(a.shape) for a in parts]
    d = (*shapes[0], 0)[0]
    if shapes != [(d,), (d, d)] * 2:
        raise ValueError(f"mean1, cov1, mean2, cov2 have shapes {shapes}; need (d,), (d, d), twice")
    s1, s2 = as_pair(s1, s2, ("cov1", "cov2"), 1, LARGEST**2)
    m1, m2 = as_pair(m1[None], m2[None], ("mean1", "mean2"), 1)
    m1, m2 = m1.to(s1.device), m2.to(s1.device)
    for name, s in (("cov1", s1), ("cov2", s2)):
        if (s - s.T).max() > 1e-5 * s.diagonal().abs().max():
            raise ValueError(f"{name} is not symmetric; need a covariance")
    a, b = _cholesky(s1), _cholesky(s2)
    if a is not None and b is not None:
        for columns in a.split(128, dim=1):  # a becomes B'A in its own memory
            columns.copy_(b.T @ columns)
        del b, columns
        a = a.T @ a
        # eigvalsh of M'M takes a third of the time of svdvals of M, and is accurate enough here.
        root = torch.linalg.eigvalsh(a).clamp(min=0).sqrt().sum()
    else:
        a, b = _eigen_factor(s1, "cov1"), _eigen_factor(s2, "cov2")
        root = torch.linalg.svdvals(a.T @ b).sum()
    return max(0.0, float((m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * root))


def _fid(x: Tensor, y: Tensor) -> float:
    if min(len(x), len(y)) >= x.shape[1]:
        stats = (FeatureStats().update(s) for s in (x, y))
        return frechet_distance(*(part for s in stats for part in (s.mean, s.cov)))
    # Fewer samples than dimensions: the centered data themselves are the factors A' and B' of the
    # covariances, and their (n, m) product is all we need. Much faster, and the most accurate.
    a, b = ((s - s.mean(0)) / math.sqrt(len(s) - 1) for s in (x, y))
    total = (x.mean(0) - y.mean(0)).square().sum() + a.square().sum() + b.square().sum()
    return max(0.0, float(total - 2 * torch.linalg.svdvals(a @ b.T).sum()))


def fid(real: Array, fake: Array) -> float:
    """Fréchet distance of two samples of features ``(n, d)`` and ``(m, d)``, n and m >= 2.

    It is "the" FID only on Inception's features. Biased upwards by about c / n: compare at equal
    n, and with the floor, real against real. (For Gaussian features whose covariance has the
    eigenvalues v, c = 2 sum v + sum_ij v_i v_j (1 + [i = j]) / (v_i + v_j).)

    Warns:
        SampleSizeWarning: when n < d or m < d, and when n != m.

    Source: Heusel et al. 2017, arXiv 1706.08500.
    """
    x, y = as_pair(real, fake)
    if min(len(x), len(y)) < x.shape[1]:
        warn(
            f"fewer rows ({len(x)} real, {len(y)} fake) than dimensions ({x.shape[1]}): the "
            "covariance is singular and the value mostly bias; take more, or report kid"
        )
    warn_unequal(x, y)
    return _fid(x, y)


class FidInfinity(NamedTuple):
    """The line ``value + slope / n`` and the points that it was fitted through."""

    value: float
    slope: float
    sizes: list[int]
    fids: list[float]


def _sizes(sizes: Any, most: int) -> list[int]:
    try:
        return [whole("sizes", size, 2, most) for size in sizes]
    except (TypeError, ValueError):
        need = f"2 or more different ones, 2 to {most}"
        raise ValueError(f"sizes={sizes!r}; need {need}, each a whole number") from None


def fid_infinity(
    real: Array, fake: Array, sizes: Sequence[int] | None = None, generator: Generator = None
) -> FidInfinity:
    """FID with its bias extrapolated away: the line ``value + slope / n``, read at 1/n = 0.

    Random subsets of both samples are scored at each size. (The paper keeps its 50,000 real ones
    whole; then their bias stays in the value.)

    Args:
        real: ``(n, d)``.
        fake: ``(m, d)``.
        sizes: 2 or more; 15 of them from a tenth of the smaller sample to all of it if not given.

    Returns:
        ``value``, ``slope``, and the points of the fit, ``sizes`` and ``fids``.

    Raises:
        ValueError: for fewer than 2 different sizes, or one below 2 or above n or m; without
            ``sizes``, for fewer than 20 rows, a tenth of which is no sample.

    Source: Chong & Forsyth 2020, arXiv 1911.07023.
    """
    x, y = as_pair(real, fake)
    most = min(len(x), len(y))
    if sizes is None:
        if most < 20:
            got = f"real has {len(x)} rows, fake {len(y)}"
            raise ValueError(f"{got}; need 20 of each for a line, or sizes of your own")
        sizes = [int(s) for s in np.linspace(max(2, most // 10), most, 15)]
    sizes = _sizes(sizes, most)
    if len(set(sizes)) < 2:
        raise ValueError(f"sizes={sizes}; need 2 or more different ones, 2 to {most}")
    if min(sizes) < x.shape[1]:
        warn(f"sizes from {min(sizes)} in {x.shape[1]} dimensions: not on the line yet")
    g = seeded(generator)
    fids = [_fid(subset(x, s, g), subset(y, s, g)) for s in sizes]
    slope, value = np.polyfit(1 / np.array(sizes), fids, 1)
    return FidInfinity(float(value), float(slope), sizes, fids)
