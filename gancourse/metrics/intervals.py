"""How sure are we, and what does the number mean?"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gancourse._numbers import real as number
from gancourse._numbers import whole
from gancourse.metrics._samples import (
    EPS,
    Array,
    Generator,
    SampleSizeWarning,
    as_matrix,
    seeded,
    subset,
)


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
    x, g = [as_matrix(s, "samples", rows=4) for s in samples], seeded(generator)
    value, halves = _single(metric, metric(*x)), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SampleSizeWarning)  # said once, by the line above
        for _ in range(resamples):
            parts = [subset(s, len(s) // 2, g) for s in x]
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
