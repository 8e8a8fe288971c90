"""Distances between two sets of features: how far is the generated from the real?

Every function takes features, torch tensors or numpy arrays ``(N, d)``, and gives back floats. The
arithmetic is float64; no network is imported, so what a feature *is* stays the caller's choice and
has to be said beside the number.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

Array = Tensor | np.ndarray


def _matrix(x: Array, name: str, rows: int = 1) -> Tensor:
    """``x`` as a finite float64 ``(N, d)`` with at least ``rows`` rows, or a ValueError."""
    x = torch.as_tensor(x).detach().to(torch.float64)
    if x.ndim != 2 or x.shape[1] == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; need (N, d) with d >= 1")
    if len(x) < rows:
        raise ValueError(f"{name} has {len(x)} rows; need at least {rows}")
    bad = int((~x.isfinite()).any(1).sum())
    if bad:
        raise ValueError(f"{name} has NaN or infinite values in {bad} of {len(x)} rows; need none")
    return x


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
        ValueError: for wrong shapes, no samples, NaN, or a std or n_std that is not positive.

    Source: Lin, Khetan, Fanti & Oh 2018 (PacGAN), arXiv 1712.04086; ``fair_modes`` is this
    course's own.
    """
    x, centers = _matrix(samples, "samples"), _matrix(centers, "centers")
    if x.shape[1] != centers.shape[1]:
        raise ValueError(f"samples have {x.shape[1]} columns, centers {centers.shape[1]}; need =")
    if not (std > 0 and n_std > 0):
        raise ValueError(f"std={std}, n_std={n_std}; need both positive")
    n, k = len(x), len(centers)
    # Differences, not torch.cdist: its matrix-product form loses digits far from the origin.
    distance, nearest = (x[:, None] - centers.to(x.device)).norm(dim=2).min(1)
    good = torch.bincount(nearest[distance <= n_std * std], minlength=k)
    share = torch.bincount(nearest, minlength=k).double() / n
    return ModeCoverage(
        modes=int((good > 0).sum()),
        high_quality=float(good.sum()) / n,
        reverse_kl=max(0.0, float(torch.xlogy(share, share).sum()) + math.log(k)),
        fair_modes=int((good >= 0.2 * n / k).sum()),
    )
