"""Which classes, or modes, do the samples reach? Asked of a classifier, or of known centers."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch

from gancourse._numbers import real as number
from gancourse._numbers import whole
from gancourse.metrics._samples import Array, Generator, as_matrix, as_pair, seeded, subset


def inception_score(logits: Array, splits: int = 1, generator: Generator = None) -> tuple[float, float]:
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
    x = as_matrix(logits, "logits")
    splits = whole("splits", splits, 1, len(x) // 2)  # two rows for each
    # float16 probabilities of 1,000 classes sum to 1 within some 2e-3.
    if x.shape[1] > 1 and bool((x >= 0).all()) and bool(((x.sum(1) - 1).abs() < 5e-3).all()):
        raise ValueError(
            "logits are probabilities: no row has a negative entry, and each sums to 1; need what "
            "the classifier returns before its softmax, or the probabilities' logarithm"
        )
    scores = []
    for part in subset(x, len(x), seeded(generator)).log_softmax(1).tensor_split(splits):
        log_marginal = part.logsumexp(0) - math.log(len(part))
        scores.append(float((part.exp() * (part - log_marginal)).sum(1).mean().exp()))
    return float(np.mean(scores)), float(np.std(scores))


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
        samples: ``(n, d)``.
        centers: ``(K, d)``.
        std: standard deviation of each mode, in the samples' units.
        n_std: how many of them away a sample may lie.

    Raises:
        ValueError: for a std or n_std that is not positive.

    Source: Lin, Khetan, Fanti & Oh 2018 (PacGAN), arXiv 1712.04086; ``fair_modes`` is ours.
    """
    x, centers = as_pair(samples, centers, ("samples", "centers"), rows=1)
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
