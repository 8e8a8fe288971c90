"""A small velocity field that two exercises of this chapter ask."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from .._networks import Small


class Velocity(nn.Module):
    """Of any shape of sample, smooth, and another one at each time."""

    def __init__(self, shape: tuple[int, ...], g: torch.Generator) -> None:
        super().__init__()
        size = math.prod(shape)
        self.net = Small(size + 1, g, hidden=8, outputs=(size,))

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        if not isinstance(t, Tensor) or t.shape != z.shape[:1]:
            came = f"shape {tuple(t.shape)}" if isinstance(t, Tensor) else type(t).__name__
            raise ValueError(f"t = {came}; velocity wants a tensor of shape (N,), a time a sample")
        return self.net(z, t[:, None].to(z.dtype)).view(z.shape)
