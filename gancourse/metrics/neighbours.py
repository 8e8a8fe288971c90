"""Nearest neighbours: fidelity and diversity apart."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gancourse._numbers import whole
from gancourse.metrics._distances import (
    Points,
    all_exact,
    as_points,
    blocks,
    exact,
    kth_nearest,
    rounding,
)
from gancourse.metrics._samples import EPS, Array, warn_unequal


def _radii(x: Points, k: int, name: str) -> Tensor:
    """Squared radius of the ball of each row, ``(N,)``: it reaches to the k-th nearest *other* row."""
    if not 1 <= k < len(x.raw):
        raise ValueError(f"k={k} with {len(x.raw)} rows in {name}; need 1 <= k < rows")
    # A hair wider, so that a point on the sphere counts as inside whatever the rounding.
    return kth_nearest(x, x, k)[0] * (1 + (4 + math.sqrt(x.raw.shape[1])) * EPS)


def _inside(x: Points, y: Points, rows: slice, low: Tensor, radii: Tensor) -> Tensor:
    """Which of a block's squared distances, known by lower bounds, are at most the radii."""
    inside = low <= radii
    i, j = inside.nonzero(as_tuple=True)
    r = radii.expand_as(low)[i, j]
    open_ = low[i, j] + 2 * rounding(x) * (x.squares[rows][i] + y.squares[j]) > r
    i, j, r = i[open_], j[open_], r[open_]
    if len(i) > low.numel() // 8:
        return all_exact(x, y, rows) <= radii
    if len(i):
        inside[i, j] = exact(x, y, i + rows.start, j) <= r
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
    x, y = as_points(real, fake)
    warn_unequal(len(x.raw), len(y.raw))
    x_radii, y_radii = _radii(x, k, "real"), _radii(y, k, "fake")
    fake_inside, reached = torch.zeros_like(y_radii, dtype=torch.bool), 0
    for rows, low in blocks(x, y):
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
    x, y = as_points(real, fake)
    warn_unequal(len(x.raw), len(y.raw))
    radii, hits, covered = _radii(x, k, "real"), 0, 0
    for rows, low in blocks(x, y):
        inside = _inside(x, y, rows, low, radii[rows, None])
        hits, covered = hits + int(inside.sum()), covered + int(inside.any(1).sum())
    return hits / (k * len(y.raw)), covered / len(x.raw)
