"""Fully connected networks, for points and small images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gancourse.nets._common import check_latent, check_samples, positive, sample_shape


def mlp(sizes: Sequence[int], activation: nn.Module) -> nn.Sequential:
    """Linear layers of the given sizes with ``activation`` between them, none at the end."""
    layers: list[nn.Module] = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(n_in, n_out), activation]
    return nn.Sequential(*layers[:-1])


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
        nz, width, depth = positive(nz=nz, width=width, depth=depth)
        self.nz, self.shape = nz, sample_shape(shape)
        self.net = mlp([nz] + [width] * depth + [math.prod(self.shape)], nn.ReLU())
        self.tanh = len(self.shape) == 3 if tanh is None else tanh

    def forward(self, z: Tensor) -> Tensor:
        check_latent(z, self.nz)
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
        width, depth = positive(width=width, depth=depth)
        self.shape = sample_shape(shape)
        self.net = mlp([math.prod(self.shape)] + [width] * depth + [1], nn.LeakyReLU(0.2))

    def forward(self, x: Tensor) -> Tensor:
        check_samples(x, self.shape)
        return self.net(x.flatten(1)).squeeze(1)
