"""What an exercise compares beside a value: the gradients that lead from it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def gradients(result: Tensor, of: Sequence[Tensor], name: str = "the result") -> list[Tensor]:
    """Of a number, in each of these; zeros where none arrives. The graph stays.

    Raises:
        ValueError: no graph leads anywhere from the number, which is told by its ``name``.
    """
    if not result.requires_grad:
        raise ValueError(f"no gradient leads from {name} to what should learn from it")
    found = torch.autograd.grad(result, of, retain_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if one is None else one for x, one in zip(of, found)]


def weight_gradients(result: Tensor, network: nn.Module, name: str = "the result") -> Tensor:
    """The gradient that a network's weights get from a number, as one vector."""
    found = gradients(result, list(network.parameters()), name)
    return torch.cat([one.flatten() for one in found])
