"""A small network that exercises hand to an answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Small(nn.Module):
    """Smooth and bent, for samples of any shape: what it is given, side by side, becomes one number
    for each sample, or ``outputs`` of them. Large logits come with a large ``size``."""

    def __init__(
        self,
        inputs: int,
        g: torch.Generator,
        *,
        hidden: int = 6,
        outputs: tuple[int, ...] = (),
        size: float = 1.0,
    ) -> None:
        super().__init__()
        self.inner = nn.Parameter(torch.randn(inputs, hidden, generator=g))
        self.outer = nn.Parameter(size * torch.randn(hidden, *outputs, generator=g))

    def forward(self, *given: Tensor) -> Tensor:
        both = torch.cat([x.flatten(1) for x in given], 1)
        return torch.tanh(both @ self.inner) @ self.outer
