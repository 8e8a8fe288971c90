"""How samples of features come in: checked, in float64, on one device."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

Array = Tensor | np.ndarray
Generator = torch.Generator | None
EPS = torch.finfo(torch.float64).eps
LARGEST = 1e140  # the square of anything larger, summed over rows and columns, may be infinite


class SampleSizeWarning(UserWarning):
    """The number is computed as asked, but at sample sizes that make it hard to compare.

    :func:`frechet_distance`, :func:`fid` and :func:`fid_infinity` warn when a sample has fewer rows
    than dimensions (its covariance is singular, the bias large); the first two,
    :func:`precision_recall` and :func:`density_coverage` when the two samples differ in size.
    :func:`kid` is unbiased at every size and never warns.
    """


def as_tensor(x: Any, name: str) -> Tensor:
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


def as_matrix(x: Array, name: str, rows: int = 2, largest: float = LARGEST) -> Tensor:
    """``x`` as a finite float64 ``(N, d)`` with at least ``rows`` rows, or a ValueError."""
    x = as_tensor(x, name)
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


def as_pair(
    real: Array, fake: Array, names=("real", "fake"), rows: int = 2, largest: float = LARGEST
) -> tuple[Tensor, Tensor]:
    x, y = as_matrix(real, names[0], rows, largest), as_matrix(fake, names[1], rows, largest)
    if x.shape[1] != y.shape[1]:
        d, e = x.shape[1], y.shape[1]
        raise ValueError(f"{names[0]} has {d} columns, {names[1]} has {e}; need the same number")
    return x, y.to(x.device)


def warn(text: str, stacklevel: int = 3) -> None:
    warnings.warn(text, SampleSizeWarning, stacklevel=stacklevel)


def warn_unequal(n: int, m: int, stacklevel: int = 3) -> None:
    if n != m:
        text = f"{n} real but {m} fake rows: compare only with numbers made the same way"
        warn(text, stacklevel + 1)


def seeded(generator: Generator) -> torch.Generator:
    return torch.Generator().manual_seed(0) if generator is None else generator


def subset(x: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """``size`` different rows of ``x``, in random order."""
    order = torch.randperm(len(x), generator=generator, device=generator.device)
    return x[order[:size].to(x.device)]
