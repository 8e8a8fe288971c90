"""Distances between two sets of features: how far is the generated from the real?

Every function takes features, torch tensors or numpy arrays ``(N, d)``, and gives back floats. The
arithmetic is float64, on the device of the first argument (on the CPU where that has no float64, as
Apple's GPUs); no network is imported, so what a feature *is* stays the caller's choice and
has to be said beside the number (:class:`MetricReport` does). All refuse, with a ValueError that
says why, what is not ``(N, d)``, too few rows, different d, and NaN, infinite, complex or overflowing
values. Where something is drawn and no ``generator`` is given, seed 0 is: a metric gives the same
number twice. Sizes may be Python, numpy or torch numbers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gancourse._numbers import real as number
from gancourse._numbers import whole

Array = Tensor | np.ndarray
Generator = torch.Generator | None
EPS = torch.finfo(torch.float64).eps
LARGEST = 1e140  # the square of anything larger, summed over rows and columns, may be infinite


class SampleSizeWarning(UserWarning):
    """The number is computed as asked, but at sample sizes that make it hard to compare.

    :func:`fid` and :func:`fid_infinity` warn when a sample has fewer rows than dimensions (its
    covariance is singular, the bias large); :func:`fid`, :func:`precision_recall` and
    :func:`density_coverage` when the two samples differ in size. :func:`kid` is unbiased at every
    size and never warns.
    """


def _tensor(x: Any, name: str) -> Tensor:
    """``x`` as it came, as a dense tensor of real numbers, or a ValueError."""
    if not isinstance(x, Tensor):
        try:
            array = np.asarray(x)
            if array.ndim == 0:
                raise TypeError("no rows")
            if array.dtype == object:  # rows of a table, mixed numbers
                array = array.astype(np.float64)
            if not array.dtype.isnative:
                array = array.astype(array.dtype.newbyteorder("="))
            # torch takes no view that runs backwards, and warns of one that it may not write to.
            easy = array.flags.writeable and min(array.strides, default=0) >= 0
            x = torch.from_numpy(array if easy else array.copy())
        except (TypeError, ValueError) as error:
            text = f"{name} is {type(x).__name__}; need numbers (N, d), a tensor or an array"
            raise ValueError(f"{text} ({error})") from None
    x = x.detach()
    if x.layout != torch.strided or x.is_quantized or x.is_complex() or x.device.type == "meta":
        what = f"{x.dtype}, {x.layout}, on {x.device}"
        raise ValueError(f"{name} is {what}; need dense real numbers (N, d)")
    return x


def _wide(x: Tensor) -> Tensor:
    """``x`` in float64, on the CPU if its own device has none."""
    try:
        return x.cpu().double() if x.device.type == "mps" else x.to(torch.float64)
    except TypeError:
        return x.cpu().to(torch.float64)


def _matrix(x: Array, name: str, rows: int = 2, largest: float = LARGEST) -> Tensor:
    """``x`` as a finite float64 ``(N, d)`` with at least ``rows`` rows, or a ValueError."""
    x = _tensor(x, name)
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; need (N, d) with d >= 1")
    if len(x) < rows:
        raise ValueError(f"{name} has {len(x)} rows; need at least {rows}")
    x = _wide(x)
    low, high = x.aminmax()
    most = float(torch.maximum(-low, high))  # NaN if there is one
    if not math.isfinite(most):
        bad = int((~x.isfinite().all(1)).sum())
        raise ValueError(f"{name} has NaN or infinite values in {bad} of {len(x)} rows; need none")
    if most > largest:
        raise ValueError(
            f"{name} has values up to {most:.3g}, too large for float64; need at most "
            f"{largest:.0e}: divide all samples by one number first"
        )
    return x


def _pair(
    real: Array, fake: Array, names=("real", "fake"), rows: int = 2, largest: float = LARGEST
) -> tuple[Tensor, Tensor]:
    x, y = _matrix(real, names[0], rows, largest), _matrix(fake, names[1], rows, largest)
    if x.shape[1] != y.shape[1]:
        d, e = x.shape[1], y.shape[1]
        raise ValueError(f"{names[0]} has {d} columns, {names[1]} has {e}; need the same number")
    return x, y.to(x.device)


def _warn(text: str) -> None:
    warnings.warn(text, SampleSizeWarning, stacklevel=3)


def _warn_unequal(x: Tensor, y: Tensor) -> None:
    if len(x) != len(y):
        text = f"{len(x)} real but {len(y)} fake rows: compare only with numbers made the same way"
        warnings.warn(text, SampleSizeWarning, stacklevel=3)


def _seeded(generator: Generator) -> torch.Generator:
    return torch.Generator().manual_seed(0) if generator is None else generator


def _subset(x: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """``size`` different rows of ``x``, in random order."""
    order = torch.randperm(len(x), generator=generator, device=generator.device)
    return x[order[:size].to(x.device)]


# --- Fréchet distance: compare means and covariances ----------------------------------------------


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
        x, batch = _matrix(features, "features", rows=1), FeatureStats()
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
    """Squared Fréchet (2-Wasserstein) distance of two Gaussians, in squared feature units.

        |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)

    With S1 = A A' and S2 = B B', the last trace is the sum of the singular values of A'B: real,
    never negative, and without the square root of a matrix. A and B come from Cholesky, or from
    the eigenvectors where a covariance is singular.

    Args:
        mean1, mean2: ``(d,)``.   cov1, cov2: ``(d, d)``, symmetric.

    Raises:
        ValueError: for shapes that don't fit, NaN, a matrix that is no covariance.

    Source: Dowson & Landau 1982, Journal of Multivariate Analysis 12.
    """
    given = {"mean1": mean1, "cov1": cov1, "mean2": mean2, "cov2": cov2}
    m1, s1, m2, s2 = parts = [_tensor(a, name) for name, a in given.items()]
    shapes = [tuple(a.shape) for a in parts]
    d = (*shapes[0], 0)[0]
    if shapes != [(d,), (d, d)] * 2:
        raise ValueError(f"mean1, cov1, mean2, cov2 have shapes {shapes}; need (d,), (d, d), twice")
    s1, s2 = _pair(s1, s2, ("cov1", "cov2"), 1, LARGEST**2)
    m1, m2 = _pair(m1[None], m2[None], ("mean1", "mean2"), 1)
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
    x, y = _pair(real, fake)
    if min(len(x), len(y)) < x.shape[1]:
        _warn(
            f"fewer rows ({len(x)} real, {len(y)} fake) than dimensions ({x.shape[1]}): the "
            "covariance is singular and the value mostly bias; take more, or report kid"
        )
    _warn_unequal(x, y)
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
        real: ``(n, d)``.   fake: ``(m, d)``.
        sizes: 2 or more; 15 of them from a tenth of the smaller sample to all of it if not given.

    Returns:
        ``value``, ``slope``, and the points of the fit, ``sizes`` and ``fids``.

    Raises:
        ValueError: for fewer than 2 different sizes, or one below 2 or above n or m; without
            ``sizes``, for fewer than 20 rows, a tenth of which is no sample.

    Source: Chong & Forsyth 2020, arXiv 1911.07023.
    """
    x, y = _pair(real, fake)
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
        _warn(f"sizes from {min(sizes)} in {x.shape[1]} dimensions: not on the line yet")
    g = _seeded(generator)
    fids = [_fid(_subset(x, s, g), _subset(y, s, g)) for s in sizes]
    slope, value = np.polyfit(1 / np.array(sizes), fids, 1)
    return FidInfinity(float(value), float(slope), sizes, fids)


# --- kernel distance: no Gaussian, no bias --------------------------------------------------------


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
    x, y = _pair(real, fake, largest=1e40)
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
    x, y = _pair(real, fake)
    subset_size = whole("subset_size", subset_size, 2, min(len(x), len(y)))
    subsets = whole("subsets", subsets)
    g = _seeded(generator)
    values = [kid(_subset(x, subset_size, g), _subset(y, subset_size, g)) for _ in range(subsets)]
    return float(np.mean(values)), float(np.std(values))


# --- inception score: ask a classifier ------------------------------------------------------------


def inception_score(
    logits: Array, splits: int = 1, generator: Generator = None
) -> tuple[float, float]:
    """``exp(mean KL(p(y|x) || p(y)))``, from 1 to K, of a classifier's logits ``(N, K)``.

    High when each image is classified with confidence and the classes come out even; it never
    looks at real data. It falls with the number of splits, so say which. Rows are shuffled first:
    parts in class order would score 1.

    Returns:
        Mean and standard deviation over the splits.

    Raises:
        ValueError: for splits below 1 or above N / 2, or probabilities in place of logits (rows
            that are nowhere negative and sum to 1; their logarithm would do).

    Source: Salimans et al. 2016, arXiv 1606.03498.
    """
    x = _matrix(logits, "logits")
    splits = whole("splits", splits, 1, len(x) // 2)  # two rows for each
    # float16 probabilities of 1,000 classes sum to 1 within some 2e-3.
    if x.shape[1] > 1 and bool((x >= 0).all()) and bool(((x.sum(1) - 1).abs() < 5e-3).all()):
        raise ValueError(
            "logits are probabilities: no row has a negative entry, and each sums to 1; need what "
            "the classifier returns before its softmax, or the probabilities' logarithm"
        )
    scores = []
    for part in _subset(x, len(x), _seeded(generator)).log_softmax(1).tensor_split(splits):
        log_marginal = part.logsumexp(0) - math.log(len(part))
        scores.append(float((part.exp() * (part - log_marginal)).sum(1).mean().exp()))
    return float(np.mean(scores)), float(np.std(scores))


# --- nearest neighbours: fidelity and diversity apart ---------------------------------------------


# The matrix product |x|^2 + |y|^2 - 2 x.y is fast, but off by up to a few ulps of |x|^2 + |y|^2: more
# than a whole distance where clusters lie far apart. So it gives lower bounds only, and every
# comparison that they leave open is decided by differences, which are right to a few ulps of the
# distance itself. On ordinary features that is about one pair a row.


class _Points(NamedTuple):
    """A sample twice: as it came, and scaled and shifted for the matrix product."""

    raw: Tensor  # (N, d), of any type
    scale: float  # a power of two; raw * scale lies in [-1, 1]
    near: Tensor  # (N, d) float64: raw * scale - center
    squares: Tensor  # (N,): |near|^2

    def rows(self, index: Tensor | slice) -> Tensor:
        return self.raw[index].to(torch.float64) * self.scale

    def after(self, i: int) -> _Points:
        return _Points(self.raw[i:], self.scale, self.near[i:], self.squares[i:])


def _rounding(x: _Points) -> float:
    """Times ``|x|^2 + |y|^2``: how far the matrix product may be off (a bound, not a typical value)."""
    return (x.raw.shape[1] + 16) * EPS


def _neighbours(real: Array, fake: Array, names=("real", "fake")) -> tuple[_Points, _Points]:
    x, y = _pair(real, fake, names, largest=math.inf)
    # Balls don't see a shift or a scale: squares of 1e200 needn't overflow. The center is a median,
    # which one far outlier can't pull away from the rest.
    exponent = max(math.frexp(max(float(s.abs().max()) for s in (x, y)))[1], -1000)
    scale, some = 2.0**-exponent, x[:: max(1, len(x) // 256)]
    center, points = (some * scale).median(0).values, []
    for given, wide, name in ((real, x, names[0]), (fake, y, names[1])):
        raw = _tensor(given, name).to(x.device)
        # Not in place where these may still be the caller's own numbers.
        near = wide * scale if raw.dtype == wide.dtype else wide.mul_(scale)
        near -= center
        squares = torch.linalg.vector_norm(near, dim=1).square()
        points.append(_Points(raw, scale, near, squares))
    return points[0], points[1]


def _blocks(x: _Points, y: _Points, elements: int = 1 << 23) -> Iterator[tuple[slice, Tensor]]:
    """Lower bounds of squared distances, 64 MiB at most at a time: rows of ``x``, ``(rows, M)``."""
    short = 1 - _rounding(x)
    step = max(1, min(256, elements // len(y.raw)))
    for i in range(0, len(x.raw), step):
        rows = slice(i, min(i + step, len(x.raw)))
        block = torch.addmm(y.squares * short, x.near[rows], y.near.T, alpha=-2)
        yield rows, block.add_(x.squares[rows, None] * short)


def _exact(x: _Points, y: _Points, i: Tensor, j: Tensor) -> Tensor:
    """Squared distances of pairs of rows, by differences."""
    step = max(1, (1 << 20) // x.raw.shape[1])
    pairs = zip(i.split(step), j.split(step))
    return torch.cat([(x.rows(a) - y.rows(b)).square().sum(1) for a, b in pairs])


def _all_exact(x: _Points, y: _Points, rows: Tensor | slice) -> Tensor:
    """The same for some rows of ``x`` against all of ``y``: slow, for where much is left open."""
    every = slice(None)
    mode = "donot_use_mm_for_euclid_dist"
    return torch.cdist(x.rows(rows), y.rows(every), compute_mode=mode).square()


def _kth(x: _Points, y: _Points, k: int) -> tuple[Tensor, Tensor]:
    """Squared distance of each row of ``x`` to its k-th nearest in ``y``, and which that is.

    Where ``y is x``, a row is not its own neighbour.
    """
    n, others = len(x.raw), len(y.raw) - (x is y)
    keep = min(k + 4, others)
    low = x.near.new_full((n, keep), torch.inf)
    who = torch.zeros((n, keep), dtype=torch.int64, device=low.device)

    def merge(rows: slice, block: Tensor, first: int) -> None:
        values, at = torch.cat([low[rows], block], 1).topk(keep, 1, largest=False)
        old = who[rows].gather(1, at.clamp(max=keep - 1))
        low[rows], who[rows] = values, torch.where(at < keep, old, at - keep + first)

    if x is y:
        i = 0
        while i < n:
            # Of the symmetric matrix only the part from the diagonal on: it serves rows and columns.
            rest = x.after(i)
            block = next(_blocks(rest, rest))[1]
            block.diagonal().fill_(torch.inf)
            j = i + len(block)
            merge(slice(i, j), block, i)
            merge(slice(j, None), block[:, j - i :].T, i)
            i = j
    else:
        for rows, block in _blocks(x, y):
            merge(rows, block, 0)
    # The k-th distance lies between the k-th lower and the k-th upper bound.
    high = low + 2 * _rounding(x) * (x.squares[:, None] + y.squares[who])
    least, most = low[:, k - 1 : k], high.kthvalue(k, 1, keepdim=True).values
    row, column = ((high >= least) & (low <= most)).nonzero(as_tuple=True)
    beyond = low[:, -1:] <= most  # a row that was not kept may be the one
    low[row, column] = _exact(x, y, row, who[row, column])
    values, at = low.sort(1)
    distance, which = values[:, k - 1], who.gather(1, at[:, k - 1 : k])[:, 0]
    if keep < others:
        for rows in beyond[:, 0].nonzero()[:, 0].split(256):
            whole_rows = _all_exact(x, y, rows)
            if x is y:
                whole_rows[torch.arange(len(rows), device=rows.device), rows] = torch.inf
            distance[rows], which[rows] = whole_rows.kthvalue(k, 1)
    return distance, which


def _radii(x: _Points, k: int, name: str) -> Tensor:
    """Squared radius of the ball of each row, ``(N,)``: it reaches to the k-th nearest *other* row."""
    if not 1 <= k < len(x.raw):
        raise ValueError(f"k={k} with {len(x.raw)} rows in {name}; need 1 <= k < rows")
    # A hair wider, so that a point on the sphere counts as inside whatever the rounding.
    return _kth(x, x, k)[0] * (1 + (4 + math.sqrt(x.raw.shape[1])) * EPS)


def _inside(x: _Points, y: _Points, rows: slice, low: Tensor, radii: Tensor) -> Tensor:
    """Which of a block's squared distances, known by lower bounds, are at most the radii."""
    inside = low <= radii
    i, j = inside.nonzero(as_tuple=True)
    r = radii.expand_as(low)[i, j]
    open_ = low[i, j] + 2 * _rounding(x) * (x.squares[rows][i] + y.squares[j]) > r
    i, j, r = i[open_], j[open_], r[open_]
    if len(i) > low.numel() // 8:
        return _all_exact(x, y, rows) <= radii
    if len(i):
        inside[i, j] = _exact(x, y, i + rows.start, j) <= r
    return inside


def precision_recall(real: Array, fake: Array, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall: does one sample fall into the neighbourhoods of the other?

    Precision: share of fakes ``(m, d)`` within the k-th-neighbour ball of some real point
    (fidelity). Recall: share of reals ``(n, d)`` within the ball of some fake (diversity). Balls
    are closed; no point is its own neighbour. An outlier's ball is huge: see
    :func:`density_coverage`.

    Distances are compared exactly (up to a few ulps, within which a point counts as on the sphere):
    neither an outlier nor an offset changes who is inside.

    Raises:
        ValueError: for k outside 1 .. rows - 1.

    Warns:
        SampleSizeWarning: when n != m (the smaller sample has the larger balls).

    Source: Kynkäänniemi et al. 2019, arXiv 1904.06991.
    """
    k = whole("k", k, None)
    x, y = _neighbours(real, fake)
    _warn_unequal(x.raw, y.raw)
    x_radii, y_radii = _radii(x, k, "real"), _radii(y, k, "fake")
    fake_inside, reached = torch.zeros_like(y_radii, dtype=torch.bool), 0
    for rows, low in _blocks(x, y):
        fake_inside |= _inside(x, y, rows, low, x_radii[rows, None]).any(0)
        reached += int(_inside(x, y, rows, low, y_radii[None]).any(1).sum())
    return float(fake_inside.double().mean()), reached / len(x.raw)


def density_coverage(real: Array, fake: Array, k: int = 5) -> tuple[float, float]:
    """Density and coverage: the same two questions, asked of the real balls only.

    Density: in how many real balls a fake lies on average, over k; about 1 for a perfect
    generator, and above 1 where fakes crowd. Coverage: share of real balls that hold a fake.
    Raises and warns as :func:`precision_recall`.

    Source: Naeem, Oh, Uh, Choi & Yoo 2020, arXiv 2002.09797.
    """
    k = whole("k", k, None)
    x, y = _neighbours(real, fake)
    _warn_unequal(x.raw, y.raw)
    radii, hits, covered = _radii(x, k, "real"), 0, 0
    for rows, low in _blocks(x, y):
        inside = _inside(x, y, rows, low, radii[rows, None])
        hits, covered = hits + int(inside.sum()), covered + int(inside.any(1).sum())
    return hits / (k * len(y.raw)), covered / len(x.raw)


# --- two tests: was it copied? can it be told apart? ----------------------------------------------


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
        train: ``(n, d)``.   test: ``(t, d)``, never trained on.   fake: ``(m, d)``.

    Source: Meehan, Chaudhuri & Dasgupta 2020, arXiv 2004.05675 (their statistic with one cell).
    """
    from scipy.stats import rankdata

    distances = []
    for name, sample in (("fake", fake), ("test", test)):
        x, y = _pair(train, sample, ("train", name))
        near_x, near_y = _neighbours(x, y, ("train", name))
        nearest = x[_kth(near_y, near_x, 1)[1]]
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
        real: ``(n, d)``.   fake: ``(m, d)``.   Both of 4 rows or more.
        classifier: anything with scikit-learn's ``fit`` and ``predict``; if not given, a logistic
            regression on standardised features.

    Source: Lopez-Paz & Oquab 2017, arXiv 1610.06545.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = _pair(real, fake, rows=4)
    if classifier is not None and not (
        hasattr(classifier, "fit") and hasattr(classifier, "predict")
    ):
        got = type(classifier).__name__
        raise ValueError(f"classifier is {got}; need an object with fit and predict, or None")
    g, n = _seeded(generator), min(len(x), len(y))
    x, y, half = _subset(x, n, g).cpu(), _subset(y, n, g).cpu(), n // 2
    if classifier is None:
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(torch.cat([x[:half], y[:half]]).numpy(), np.repeat([0, 1], half))
    guess = classifier.predict(torch.cat([x[half:], y[half:]]).numpy())
    accuracy = float((guess == np.repeat([0, 1], n - half)).mean())
    z = (accuracy - 0.5) * math.sqrt(8 * (n - half))
    return ClassifierTest(accuracy, 0.5 * math.erfc(z / math.sqrt(2)))


# --- how sure are we, and what does the number mean? ----------------------------------------------


class Interval(NamedTuple):
    """What :func:`interval` returns."""

    value: float
    low: float
    high: float


def _single(metric: Callable, value: Any) -> float:
    """What a metric returned, as one number, or a ValueError that names the metric."""
    try:
        return number("value", value, "")
    except ValueError:
        pass
    if isinstance(value, float) or getattr(value, "ndim", None) == 0:
        return float(value)  # NaN or infinite: the metric's own answer
    name, what = getattr(metric, "__name__", str(metric)), type(value).__name__
    if isinstance(value, (tuple, list)):
        what = f"{len(value)} values"
    raise ValueError(f"metric returned {what}; need one number, e.g. lambda r, f: {name}(r, f)[0]")


def interval(
    metric: Callable[..., float],
    *samples: Array,
    level: float = 0.95,
    resamples: int = 200,
    generator: Generator = None,
) -> Interval:
    """Bootstrap interval of any metric: how far would it move with other samples of this size?

    Each resample is a random *half* of every sample, without repeats; over such halves a mean
    spreads as it does over fresh full samples. Drawing with repeats would put copies at distance
    0, which breaks KID, k-NN metrics and the bias of FID alike. Only sampling noise at this n is
    covered: neither the bias nor the seeds of training. The width is an estimate itself: for the
    distance of 360 rows in chapter 8 it was right on average over samples, and for single ones
    0.7 to 1.9 times what it should be.

    Args:
        metric: called as ``metric(*samples)``; e.g. ``lambda r, f: precision_recall(r, f)[1]``.
        samples: each ``(N, d)``, of 4 rows or more.
        level: how often the interval should hold, between 0 and 1.   resamples: 10 or more.

    Raises:
        ValueError: for samples or settings as above, a metric that doesn't return one number, or one
            that refuses the halves.

    Source: Shao & Wu 1989, Annals of Statistics 17 (the delete-d jackknife at d = n / 2).
    """
    level = number("level", level, "a share between 0 and 1", above=0, most=1 - EPS)
    resamples = whole("resamples", resamples, 10)
    if not samples:
        raise ValueError("no samples; need interval(metric, real, fake), or as many as it takes")
    x, g = [_matrix(s, "samples", rows=4) for s in samples], _seeded(generator)
    value, halves = _single(metric, metric(*x)), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SampleSizeWarning)  # said once, by the line above
        for _ in range(resamples):
            parts = [_subset(s, len(s) // 2, g) for s in x]
            try:
                halves.append(_single(metric, metric(*parts)))
            except ValueError as error:
                rows = " and ".join(f"{len(p)} of {len(s)} rows" for p, s in zip(parts, x))
                raise ValueError(
                    f"metric takes the samples, but not their random halves ({rows}): {error}"
                ) from error
    # FID of a half is more biased than FID of the whole: take the spread, not the place.
    low, high = np.quantile(halves, [(1 - level) / 2, (1 + level) / 2]) - np.mean(halves)
    return Interval(value, value + float(low), value + float(high))


@dataclass(frozen=True)
class MetricReport:
    """A number with all that is needed to compare it with another. ``print`` it.

    ``floor`` is the same metric for other real data at the size of the fakes: nothing beats it.
    ``ceiling`` is the same for something worthless (noise, an untrained generator). ``features``
    and ``digest`` name the network, ``split`` the real data, e.g. ``"test"``.
    """

    metric: str
    value: float
    floor: float
    ceiling: float
    features: str
    digest: str
    n_real: int
    n_fake: int
    split: str

    @classmethod
    def measure(
        cls,
        metric: Callable[..., float],
        real: Array,
        fake: Array,
        *,
        other_real: Array,
        worthless: Array,
        features: Any,
        split: str,
    ) -> MetricReport:
        """Value, floor and ceiling of ``metric(real, sample)``, each sample as long as ``fake``.

        ``features`` is the network, with ``.name`` and ``.digest``. ValueError when
        ``other_real`` or ``worthless`` has fewer rows than ``fake``, for a metric that doesn't return
        one number, and for a lambda: the report needs its name.
        """
        label = getattr(getattr(metric, "func", metric), "__name__", type(metric).__name__)
        if label == "<lambda>":
            raise ValueError("metric is a lambda, which has no name to report; define it with def")
        n = len(fake)
        if min(len(other_real), len(worthless)) < n:
            got = f"other_real has {len(other_real)} rows, worthless {len(worthless)}"
            raise ValueError(f"{got}; need {n}, as many as fake")
        samples = (fake, other_real, worthless)
        value, floor, ceiling = (_single(metric, metric(real, s[:n])) for s in samples)
        about = (features.name, features.digest)
        return cls(label, value, floor, ceiling, *about, len(real), n, split)

    def __str__(self) -> str:
        return (
            f"{self.metric} {self.value:.4g} (floor {self.floor:.4g}, ceiling {self.ceiling:.4g}; "
            f"features {self.features} {self.digest[:8]}; {self.n_real} real [{self.split}], "
            f"{self.n_fake} generated)"
        )


# --- toys: which modes were found? ----------------------------------------------------------------


class ModeCoverage(NamedTuple):
    """What :func:`mode_coverage` returns."""

    modes: int
    high_quality: float
    reverse_kl: float
    fair_modes: int


def mode_coverage(samples: Array, centers: Array, std: float, n_std: float = 3) -> ModeCoverage:
    """Which modes of a known mixture do the samples reach, and how evenly?

    Each sample belongs to its nearest center; within ``n_std * std`` of it the sample is of *high
    quality*. The result unpacks as ``modes, high_quality, reverse_kl, fair_modes``:

    - ``modes``: modes with at least one high-quality sample. The usual count, and easy to fool: a
      wide blob reaches nearly every mode by chance.
    - ``high_quality``: share of the samples, 0 to 1.
    - ``reverse_kl``: KL(q || uniform) in nats, where q_k is the share of *all* samples that belong
      to mode k. 0 when even, ``ln K`` when everything belongs to one mode. (The authors' code
      bins only high-quality samples; where nearly all are, the two agree.)
    - ``fair_modes``: modes with at least 20 % of their fair share, ``0.2 n / K``, of high-quality
      samples. A blob fails this.

    Args:
        samples: ``(n, d)``.   centers: ``(K, d)``.
        std: standard deviation of each mode, in the samples' units.
        n_std: how many of them away a sample may lie.

    Raises:
        ValueError: for a std or n_std that is not positive.

    Source: Lin, Khetan, Fanti & Oh 2018 (PacGAN), arXiv 1712.04086; ``fair_modes`` is ours.
    """
    x, centers = _pair(samples, centers, ("samples", "centers"), rows=1)
    std = number("std", std, "a positive number", above=0)
    n_std = number("n_std", n_std, "a positive number", above=0)
    n, k = len(x), len(centers)
    # Differences, not torch.cdist: its matrix-product form loses digits far from the origin.
    distance, nearest = (x[:, None] - centers).norm(dim=2).min(1)
    good = torch.bincount(nearest[distance <= n_std * std], minlength=k)
    share = torch.bincount(nearest, minlength=k).double() / n
    return ModeCoverage(
        modes=int((good > 0).sum()),
        high_quality=float(good.sum()) / n,
        reverse_kl=max(0.0, float(torch.xlogy(share, share).sum()) + math.log(k)),
        fair_modes=int((good >= 0.2 * n / k).sum()),
    )
