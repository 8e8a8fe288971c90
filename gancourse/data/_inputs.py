"""How arguments of data sets come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gancourse._numbers import whole


def count(n: int) -> int:
    return whole("n", n)


def as_tensor(x: Any, name: str) -> Tensor:
    if isinstance(x, Tensor):
        return x
    try:
        return torch.from_numpy(np.array(x))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {type(x).__name__}; need a tensor or array ({error})") from None
