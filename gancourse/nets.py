"""Generators and discriminators: a generator maps latents to samples, a discriminator samples to
logits ``(N,)``.

Every generator has an attribute ``nz``, the size of its latent, so that whoever holds it can draw
``z`` for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def mlp(sizes: Sequence[int], activation: nn.Module) -> nn.Sequential:
    """Linear layers of the given sizes with ``activation`` between them, none at the end."""
    layers: list[nn.Module] = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(n_in, n_out), activation]
    return nn.Sequential(*layers[:-1])


def _shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    result = (shape,) if isinstance(shape, int) else tuple(shape)
    if not result or any(n < 1 for n in result):
        raise ValueError(f"shape={shape}; need positive sizes of one sample, e.g. 2 or (1, 8, 8)")
    return result


class MLPGenerator(nn.Module):
    """Fully connected generator, ``z (N, nz) -> x (N, *shape)``.

    Args:
        nz: size of the latent.
        shape: of one sample: ``2`` for points in the plane, ``(1, 8, 8)`` for small grey images.
        width, depth: size and number of hidden layers (ReLU).
        tanh: end in tanh, so that outputs lie in [-1, 1] as images do. None: for images only.

    Raises:
        ValueError: for sizes that are not positive; in the call, for z of another width.
    """

    def __init__(
        self,
        nz: int = 2,
        shape: int | Sequence[int] = 2,
        *,
        width: int = 64,
        depth: int = 3,
        tanh: bool | None = None,
    ):
        super().__init__()
        if nz < 1 or width < 1 or depth < 1:
            raise ValueError(f"nz={nz}, width={width}, depth={depth}; need positive numbers")
        self.nz, self.shape = nz, _shape(shape)
        self.net = mlp([nz] + [width] * depth + [math.prod(self.shape)], nn.ReLU())
        self.tanh = len(self.shape) == 3 if tanh is None else tanh

    def forward(self, z: Tensor) -> Tensor:
        if z.ndim != 2 or z.shape[1] != self.nz:
            raise ValueError(f"z has shape {tuple(z.shape)}; this generator needs (N, {self.nz})")
        x = self.net(z).unflatten(1, self.shape)
        return torch.tanh(x) if self.tanh else x


class MLPDiscriminator(nn.Module):
    """Fully connected discriminator or critic, ``x (N, *shape) -> logits (N,)``.

    Args:
        shape: of one sample; images are flattened.
        width, depth: size and number of hidden layers (LeakyReLU 0.2).

    Raises:
        ValueError: for sizes that are not positive; in the call, for samples of another shape.
    """

    def __init__(self, shape: int | Sequence[int] = 2, *, width: int = 64, depth: int = 3):
        super().__init__()
        if width < 1 or depth < 1:
            raise ValueError(f"width={width}, depth={depth}; need positive numbers")
        self.shape = _shape(shape)
        self.net = mlp([math.prod(self.shape)] + [width] * depth + [1], nn.LeakyReLU(0.2))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.shape:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; this discriminator needs "
                f"(N, {', '.join(map(str, self.shape))})"
            )
        return self.net(x.flatten(1)).squeeze(1)
