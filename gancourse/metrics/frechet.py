"""Fréchet distance: compare means and covariances."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, overload

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
MANY = 512  # dimensions from which on it pays to load SciPy for its symmetric routines


def _gram(x: Tensor) -> Tensor:
    """``x' x``. numpy's library makes one half of what is symmetric, in half the time."""
    if x.device.type == "cpu" and x.shape[1] >= MANY:
        return torch.from_numpy(np.dot(x.numpy().T, x.numpy()))
    return x.T @ x


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
        given, batch = as_tensor(features, "features"), FeatureStats()
        x = as_matrix(given, "features", rows=1)
        batch.n, batch._mean = len(x), x.mean(0)
        # Not in place where these may still be the caller's own numbers.
        x = x - batch._mean if given.dtype == x.dtype else x.sub_(batch._mean)
        batch._scatter = _gram(x)
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


def _sum_of_roots(s1: Tensor, s2: Tensor) -> Tensor:
    """``tr (S1 S2)^(1/2)``, the sum of the roots of the eigenvalues of ``S1 S2``."""
    many = s1.device.type == "cpu" and len(s1) >= MANY
    a, b = _cholesky(s1), None
    if many and a is not None:
        del a  # one matrix less in memory
        if _cholesky(s2) is not None:
            from scipy.linalg import eigh  # of the symmetric A' S2 A, without its two products

            settings = {"type": 2, "eigvals_only": True, "driver": "gv", "check_finite": False}
            values = torch.from_numpy(eigh(s2.numpy(), s1.numpy(), **settings))
            return values.clamp(min=0).sqrt().sum()
    elif a is not None and (b := _cholesky(s2)) is not None:
        a = b.T @ a
        # eigvalsh of M'M takes a third of the time of svdvals of M, and is accurate enough here.
        return torch.linalg.eigvalsh(a.T @ a).clamp(min=0).sqrt().sum()
    a, b = _eigen_factor(s1, "cov1"), _eigen_factor(s2, "cov2")
    return torch.linalg.svdvals(a.T @ b).sum()


def _of_statistics(mean1: Array, cov1: Array, mean2: Array, cov2: Array) -> float:
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
    root = _sum_of_roots(s1, s2)
    return max(0.0, float((m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * root))


@overload
def frechet_distance(real: Array | FeatureStats, fake: Array | FeatureStats) -> float: ...


@overload
def frechet_distance(mean1: Array, cov1: Array, mean2: Array, cov2: Array) -> float: ...


def frechet_distance(*parts, **named) -> float:
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians, in squared feature units::

        |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)

    Of two samples of features it is the distance of the Gaussians with their means and covariances.
    On the features of Inception that is the FID (:func:`fid`, the same number); on those of any
    other network say in which: the numbers don't compare. Biased upwards by about c / n: compare
    at equal n, and with the floor, real against real. (For Gaussian features whose covariance has
    the eigenvalues v, c = 2 sum v + sum_ij v_i v_j (1 + [i = j]) / (v_i + v_j).)

    With S1 = A A' and S2 = B B', the last trace is the sum of the singular values of A'B: real,
    never negative, and without the square root of a matrix. A and B come from Cholesky, or from
    the eigenvectors where a covariance is singular.

    Args:
        real, fake: features ``(n, d)`` and ``(m, d)``, n and m >= 2, or the :class:`FeatureStats` of
            them.
        mean1, mean2: instead, ``(d,)``.
        cov1, cov2: ``(d, d)``, symmetric.

    Raises:
        ValueError: for shapes that don't fit, NaN, a matrix that is no covariance.

    Warns:
        SampleSizeWarning: for samples, when n < d or m < d, and when n != m.

    Source: Dowson & Landau 1982, Journal of Multivariate Analysis 12.
    """
    names = ("real", "fake") if len(parts) + len(named) < 3 else ("mean1", "cov1", "mean2", "cov2")
    given = dict(zip(names, parts, strict=False)) | named
    if len(given) != len(parts) + len(named) or set(given) != set(names):
        got = ", ".join([*("..." for _ in parts), *(f"{name}=..." for name in named)])
        raise TypeError(f"frechet_distance({got}); need (real, fake) or (mean1, cov1, mean2, cov2)")
    if len(names) == 2:
        return _of_samples(given["real"], given["fake"])
    return _of_statistics(**given)


def _fid(x: Tensor, y: Tensor) -> float:
    if min(len(x), len(y)) >= x.shape[1]:
        return _of_stats(*(FeatureStats().update(s) for s in (x, y)))
    # Fewer samples than dimensions: the centered data themselves are the factors A' and B' of the
    # covariances, and their (n, m) product is all we need. Much faster, and the most accurate.
    a, b = ((s - s.mean(0)) / math.sqrt(len(s) - 1) for s in (x, y))
    total = (x.mean(0) - y.mean(0)).square().sum() + a.square().sum() + b.square().sum()
    return max(0.0, float(total - 2 * torch.linalg.svdvals(a @ b.T).sum()))


def _of_stats(x: FeatureStats, y: FeatureStats) -> float:
    return _of_statistics(x.mean, x.cov, y.mean, y.cov)


def _of_samples(real: Array | FeatureStats, fake: Array | FeatureStats) -> float:
    x: Any
    y: Any
    distance: Callable[..., float]
    if isinstance(real, FeatureStats) or isinstance(fake, FeatureStats):
        x, y = (s if isinstance(s, FeatureStats) else FeatureStats().update(s) for s in (real, fake))
        (n, m), d, distance = (x.n, y.n), len(x.mean), _of_stats
    else:
        x, y = as_pair(real, fake)
        (n, m), d, distance = (len(x), len(y)), x.shape[1], _fid
    if min(n, m) < d:
        warn(
            f"fewer rows ({n} real, {m} fake) than dimensions ({d}): the "
            "covariance is singular and the value mostly bias; take more, or report kid",
            stacklevel=4,
        )
    warn_unequal(n, m, stacklevel=4)
    return distance(x, y)


def fid(real: Array | FeatureStats, fake: Array | FeatureStats) -> float:
    """Fréchet Inception Distance: :func:`frechet_distance` of features that are Inception's.

    The same number for any features, but only on Inception's does anybody else call it FID. What
    it takes, refuses and warns of stands there.

    Source: Heusel et al. 2017, arXiv 1706.08500.
    """
    return _of_samples(real, fake)


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
