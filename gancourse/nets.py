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


# --- convolutional --------------------------------------------------------------------------------


def _halvings(shape: Sequence[int]) -> int:
    """How often a square image can be halved before its side is odd or 4: 28 -> 14 -> 7 is 2."""
    _, height, side = shape
    steps = 0
    while height == side and side > 4 and side % 2 == 0:
        height, side, steps = height // 2, side // 2, steps + 1
    if steps == 0:
        raise ValueError(
            f"shape={tuple(shape)}; need a square image whose side is even and at least 8, "
            "such as (1, 28, 28), (3, 32, 32) or (3, 64, 64)"
        )
    return steps


def _dcgan_init(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class DCGANGenerator(nn.Module):
    """Transposed convolutions from a small map up to an image, ``z (N, nz) -> x (N, C, S, S)``.

    Kernel 4, stride 2: each layer doubles the side, from 4 (or 7 for 28) up to S. Every kernel
    size is a multiple of its stride, which avoids checkerboards of uneven overlap.

    Args:
        nz: size of the latent.
        shape: ``(C, S, S)`` with S even and at least 8, e.g. 28, 32 or 64.
        width: channels of the last hidden layer; they double towards the latent.
        norm: BatchNorm after each hidden layer.

    Raises:
        ValueError: for another shape or sizes that are not positive.

    Source: Radford, Metz & Chintala 2015, arXiv 1511.06434 (weights drawn from N(0, 0.02)).
    """

    def __init__(
        self,
        nz: int = 64,
        shape: Sequence[int] = (1, 28, 28),
        *,
        width: int = 16,
        norm: bool = True,
    ):
        super().__init__()
        if nz < 1 or width < 1:
            raise ValueError(f"nz={nz}, width={width}; need positive numbers")
        self.nz, self.shape = nz, _shape(shape)
        steps = _halvings(self.shape)
        side = self.shape[1] // 2**steps
        n = width * 2 ** (steps - 1)

        def normalise(channels: int) -> list[nn.Module]:
            return [nn.BatchNorm2d(channels)] if norm else []

        layers: list[nn.Module] = [nn.Linear(nz, n * side**2), nn.Unflatten(1, (n, side, side))]
        layers += [*normalise(n), nn.ReLU()]
        for _ in range(steps - 1):
            layers += [nn.ConvTranspose2d(n, n // 2, 4, 2, 1), *normalise(n // 2), nn.ReLU()]
            n //= 2
        layers += [nn.ConvTranspose2d(n, self.shape[0], 4, 2, 1), nn.Tanh()]
        self.net = nn.Sequential(*layers).apply(_dcgan_init)

    def forward(self, z: Tensor) -> Tensor:
        if z.ndim != 2 or z.shape[1] != self.nz:
            raise ValueError(f"z has shape {tuple(z.shape)}; this generator needs (N, {self.nz})")
        return self.net(z)


class DCGANDiscriminator(nn.Module):
    """Strided convolutions down to one logit, ``x (N, C, S, S) -> logits (N,)``.

    Mirrors :class:`DCGANGenerator`, with LeakyReLU 0.2 and no BatchNorm: a gradient penalty asks
    for one sample's gradient at a time, and BatchNorm would mix the samples of a batch.

    Args:
        shape: ``(C, S, S)``, as for the generator.
        width: channels of the first layer; they double at each further one.

    Raises:
        ValueError: for another shape or a width that is not positive.
    """

    def __init__(self, shape: Sequence[int] = (1, 28, 28), *, width: int = 16):
        super().__init__()
        if width < 1:
            raise ValueError(f"width={width}; need a positive number")
        self.shape = _shape(shape)
        steps = _halvings(self.shape)
        layers: list[nn.Module] = []
        n_in, n = self.shape[0], width
        for _ in range(steps):
            layers += [nn.Conv2d(n_in, n, 4, 2, 1), nn.LeakyReLU(0.2)]
            n_in, n = n, 2 * n
        side = self.shape[1] // 2**steps
        layers += [nn.Flatten(), nn.Linear(n_in * side**2, 1)]
        self.net = nn.Sequential(*layers).apply(_dcgan_init)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1:] != self.shape:
            raise ValueError(
                f"x has shape {tuple(x.shape)}; this discriminator needs "
                f"(N, {', '.join(map(str, self.shape))})"
            )
        return self.net(x).squeeze(1)
