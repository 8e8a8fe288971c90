"""Which rows are nearest, decided exactly: what the metrics of neighbours share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from gancourse.metrics._samples import EPS, Array, as_pair, as_tensor

# The matrix product |x|^2 + |y|^2 - 2 x.y is fast, but off by up to a few ulps of |x|^2 + |y|^2: more
# than a whole distance where clusters lie far apart. So it gives lower bounds only, and every
# comparison that they leave open is decided by differences, which are right to a few ulps of the
# distance itself. On ordinary features that is about one pair a row.


class Points(NamedTuple):
    """A sample twice: as it came, and scaled and shifted for the matrix product."""

    raw: Tensor  # (N, d), of any type
    scale: float  # a power of two; raw * scale lies in [-1, 1]
    near: Tensor  # (N, d) float64: raw * scale - center
    squares: Tensor  # (N,): |near|^2

    def rows(self, index: Tensor | slice) -> Tensor:
        return self.raw[index].to(torch.float64) * self.scale

    def after(self, i: int) -> Points:
        return Points(self.raw[i:], self.scale, self.near[i:], self.squares[i:])


def rounding(x: Points) -> float:
    """Times ``|x|^2 + |y|^2``: how far the matrix product may be off (a bound, not a typical value)."""
    return (x.raw.shape[1] + 16) * EPS


def as_points(real: Array, fake: Array, names=("real", "fake")) -> tuple[Points, Points]:
    x, y = as_pair(real, fake, names, largest=math.inf)
    # Balls don't see a shift or a scale: squares of 1e200 needn't overflow. The center is a median,
    # which one far outlier can't pull away from the rest.
    exponent = max(math.frexp(max(float(s.abs().max()) for s in (x, y)))[1], -1000)
    scale, some = 2.0**-exponent, x[:: max(1, len(x) // 256)]
    center, points = (some * scale).median(0).values, []
    for given, wide, name in ((real, x, names[0]), (fake, y, names[1])):
        raw = as_tensor(given, name).to(x.device)
        # Not in place where these may still be the caller's own numbers.
        near = wide * scale if raw.dtype == wide.dtype else wide.mul_(scale)
        near -= center
        squares = torch.linalg.vector_norm(near, dim=1).square()
        points.append(Points(raw, scale, near, squares))
    return points[0], points[1]


def blocks(x: Points, y: Points, elements: int = 1 << 23) -> Iterator[tuple[slice, Tensor]]:
    """Lower bounds of squared distances, 64 MiB at most at a time: rows of ``x``, ``(rows, M)``."""
    short = 1 - rounding(x)
    step = max(1, min(256, elements // len(y.raw)))
    for i in range(0, len(x.raw), step):
        rows = slice(i, min(i + step, len(x.raw)))
        block = torch.addmm(y.squares * short, x.near[rows], y.near.T, alpha=-2)
        yield rows, block.add_(x.squares[rows, None] * short)


def exact(x: Points, y: Points, i: Tensor, j: Tensor) -> Tensor:
    """Squared distances of pairs of rows, by differences."""
    step = max(1, (1 << 20) // x.raw.shape[1])
    pairs = zip(i.split(step), j.split(step))
    return torch.cat([(x.rows(a) - y.rows(b)).square().sum(1) for a, b in pairs])


def all_exact(x: Points, y: Points, rows: Tensor | slice) -> Tensor:
    """The same for some rows of ``x`` against all of ``y``: slow, for where much is left open."""
    every = slice(None)
    mode = "donot_use_mm_for_euclid_dist"
    return torch.cdist(x.rows(rows), y.rows(every), compute_mode=mode).square()


def kth_nearest(x: Points, y: Points, k: int) -> tuple[Tensor, Tensor]:
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
            block = next(blocks(rest, rest))[1]
            block.diagonal().fill_(torch.inf)
            j = i + len(block)
            merge(slice(i, j), block, i)
            merge(slice(j, None), block[:, j - i :].T, i)
            i = j
    else:
        for rows, block in blocks(x, y):
            merge(rows, block, 0)
    # The k-th distance lies between the k-th lower and the k-th upper bound.
    high = low + 2 * rounding(x) * (x.squares[:, None] + y.squares[who])
    least, most = low[:, k - 1 : k], high.kthvalue(k, 1, keepdim=True).values
    row, column = ((high >= least) & (low <= most)).nonzero(as_tuple=True)
    beyond = low[:, -1:] <= most  # a row that was not kept may be the one
    low[row, column] = exact(x, y, row, who[row, column])
    values, at = low.sort(1)
    distance, which = values[:, k - 1], who.gather(1, at[:, k - 1 : k])[:, 0]
    if keep < others:
        for rows in beyond[:, 0].nonzero()[:, 0].split(256):
            whole_rows = all_exact(x, y, rows)
            if x is y:
                whole_rows[torch.arange(len(rows), device=rows.device), rows] = torch.inf
            distance[rows], which[rows] = whole_rows.kthvalue(k, 1)
    return distance, which
