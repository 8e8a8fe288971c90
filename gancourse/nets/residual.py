"""Residual networks without normalisation, after R3GAN."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gancourse.nets._common import (
    LRELU_GAIN,
    check_latent,
    check_samples,
    halvings_of,
    he,
    positive,
    sample_shape,
)

GROUP = 16  # channels in a group of a grouped convolution, as in R3GAN


class ResidualBlock(nn.Module):
    """``x + f(x)``, both ``(N, channels, H, W)``; f is 1x1 up, 3x3 in groups, 1x1 down again.

    Nothing is normalised. f ends in a layer that starts at zero, so that the block starts as the
    identity; its other layers start smaller by ``blocks ** -0.25``, for a net of that many blocks.

    Source: Huang et al. 2024, arXiv 2501.05441; Fixup: Zhang, Dauphin & Ma 2019, arXiv 1901.09321.
    """

    def __init__(self, channels: int, blocks: int):
        super().__init__()
        wide, gain = 2 * channels, LRELU_GAIN * blocks**-0.25
        if wide % GROUP:
            raise ValueError(f"width={channels}; need a multiple of {GROUP // 2}")
        first = he(nn.Conv2d(channels, wide, 1), gain)
        middle = he(nn.Conv2d(wide, wide, 3, padding=1, groups=wide // GROUP), gain)
        last = he(nn.Conv2d(wide, channels, 1, bias=False), 0.0)
        self.f = nn.Sequential(first, nn.LeakyReLU(0.2), middle, nn.LeakyReLU(0.2), last)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x)


class R3GANGenerator(nn.Module):
    """Residual blocks from a learned map up to an image, ``z (N, nz) -> x (N, C, S, S)``.

    z scales the channels of a learned map (side 4, or 7 for 28); then at each side ``blocks``
    residual blocks, with bilinear doubling in between. No normalisation layer.

    Args:
        nz: size of the latent.
        shape: ``(C, S, S)`` with S even and at least 8.
        width: channels at every side, a multiple of 8. (R3GAN has 768 up to side 32, and halves
            them beyond.)
        blocks: residual blocks at each side.

    Raises:
        ValueError: for another shape or sizes that don't fit.

    Source: Huang, Gokaslan, Kuleshov & Tompkin 2024, arXiv 2501.05441. The tanh is this course's:
    theirs ends linear, and its images are clipped.
    """

    def __init__(
        self, nz: int = 64, shape: Sequence[int] = (1, 28, 28), *, width: int = 64, blocks: int = 2
    ):
        super().__init__()
        nz, width, blocks = positive(nz=nz, width=width, blocks=blocks)
        self.nz, self.shape = nz, sample_shape(shape)
        doublings = halvings_of(self.shape)
        side, total = self.shape[1] // 2**doublings, blocks * (doublings + 1)
        self.map = nn.Parameter(torch.randn(width, side, side))
        self.scale = he(nn.Linear(nz, width, bias=False))
        layers: list[nn.Module] = []
        for i in range(doublings + 1):
            layers += [nn.Upsample(scale_factor=2, mode="bilinear")] if i else []
            layers += [ResidualBlock(width, total) for _ in range(blocks)]
        to_image = he(nn.Conv2d(width, self.shape[0], 1, bias=False))
        self.net = nn.Sequential(*layers, to_image, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        check_latent(z, self.nz)
        return self.net(self.map * self.scale(z)[:, :, None, None])


class R3GANDiscriminator(nn.Module):
    """Mirror of :class:`R3GANGenerator`, ``x (N, C, S, S) -> logits (N,)``; the same arguments."""

    def __init__(self, shape: Sequence[int] = (1, 28, 28), *, width: int = 64, blocks: int = 2):
        super().__init__()
        width, blocks = positive(width=width, blocks=blocks)
        self.shape = sample_shape(shape)
        halvings = halvings_of(self.shape)
        side, total = self.shape[1] // 2**halvings, blocks * (halvings + 1)
        layers: list[nn.Module] = [he(nn.Conv2d(self.shape[0], width, 1, bias=False))]
        for i in range(halvings + 1):
            # The mean of 2x2 pixels is bilinear interpolation at half the size.
            layers += [nn.AvgPool2d(2)] if i else []
            layers += [ResidualBlock(width, total) for _ in range(blocks)]
        layers += [he(nn.Conv2d(width, width, side, groups=width, bias=False)), nn.Flatten()]
        self.net = nn.Sequential(*layers, he(nn.Linear(width, 1, bias=False)))

    def forward(self, x: Tensor) -> Tensor:
        check_samples(x, self.shape)
        return self.net(x).squeeze(1)
