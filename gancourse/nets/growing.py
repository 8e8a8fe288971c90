"""Networks that start small and grow with the picture, after PGGAN."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancourse.nets._common import (
    LRELU_GAIN,
    check_latent,
    check_samples,
    doubled,
    he,
    positive,
    pyramid,
    sample_shape,
    unit_length,
)


class GrowingGenerator(nn.Module):
    """Generator that starts small and grows, ``z (N, nz) -> x (N, C, S, S)``.

    The buffer ``stage`` says how far: 0 draws at the smallest side (4, or 7 for 28), 1 at its
    double, and 0.3 in between: 70 % of the old image, doubled, and 30 % of the new. Set it with
    :func:`grow`. Whatever the stage, the image is enlarged to side S, and the discriminator shrinks
    what it gets: so data and trainer stay the same, and being buffers, stages are saved with a run.

    Args:
        nz: size of the latent.
        shape: ``(C, S, S)`` with S even and at least 8.
        width: channels at side S; they double at each coarser one.

    Raises:
        ValueError: for another shape or sizes that are not positive.

    Source: Karras, Aila, Laine & Lehtinen 2018, arXiv 1710.10196.
    """

    stage: Tensor

    def __init__(self, nz: int = 64, shape: Sequence[int] = (1, 28, 28), *, width: int = 16):
        super().__init__()
        nz, width = positive(nz=nz, width=width)
        self.nz, self.shape = nz, sample_shape(shape)
        sides, widths = pyramid(self.shape, width)
        self.start = nn.Sequential(
            he(nn.Linear(nz, widths[0] * sides[0] ** 2)),
            nn.Unflatten(1, (widths[0], sides[0], sides[0])),
        )
        self.blocks = nn.ModuleList(
            he(nn.Conv2d(n_in, n_out, 3, padding=1), LRELU_GAIN)
            for n_in, n_out in zip([widths[0], *widths], widths, strict=False)
        )
        self.to_image = nn.ModuleList(he(nn.Conv2d(n, self.shape[0], 1)) for n in widths)
        self.register_buffer("stage", torch.tensor(0.0))

    def forward(self, z: Tensor) -> Tensor:
        check_latent(z, self.nz)
        stage = float(self.stage)  # the path taken depends on it: one synchronisation on a GPU
        top = math.ceil(stage)
        x = self.start(unit_length(z))
        for i, block in enumerate(self.blocks[: top + 1]):
            if i:
                below, x = x, doubled(x, "nearest")
            x = unit_length(F.leaky_relu(block(x), 0.2))
        image = torch.tanh(self.to_image[top](x))
        if stage < top:  # fading in
            old = torch.tanh(self.to_image[top - 1](below))
            # (a GPU's autocast enlarges in float32)
            old = doubled(old, "nearest").to(image.dtype)
            image = torch.lerp(old, image, stage - top + 1)
        return F.interpolate(image, self.shape[1:])


class GrowingDiscriminator(nn.Module):
    """Mirror of :class:`GrowingGenerator`, ``x (N, C, S, S) -> logits (N,)``.

    It shrinks what it gets, real or generated, to the side of its ``stage`` first. (The paper
    blends real images as well while a stage fades in; here only the features are blended.)
    """

    stage: Tensor

    def __init__(self, shape: Sequence[int] = (1, 28, 28), *, width: int = 16):
        super().__init__()
        (width,) = positive(width=width)
        self.shape = sample_shape(shape)
        sides, widths = pyramid(self.shape, width)
        self.from_image = nn.ModuleList(he(nn.Conv2d(self.shape[0], n, 1), LRELU_GAIN) for n in widths)
        self.blocks = nn.ModuleList(
            he(nn.Conv2d(n_in, n_out, 3, padding=1), LRELU_GAIN)
            for n_in, n_out in zip(widths, [widths[0], *widths], strict=False)
        )
        self.head = he(nn.Linear(widths[0] * sides[0] ** 2, 1))
        self.register_buffer("stage", torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        check_samples(x, self.shape)
        stage = float(self.stage)
        top = math.ceil(stage)
        x = F.avg_pool2d(x, 2 ** (len(self.blocks) - 1 - top))
        h = F.leaky_relu(self.from_image[top](x), 0.2)
        for i in range(top, 0, -1):
            h = F.avg_pool2d(F.leaky_relu(self.blocks[i](h), 0.2), 2)
            if i > stage:  # fading in
                old = F.leaky_relu(self.from_image[i - 1](F.avg_pool2d(x, 2)), 0.2)
                h = torch.lerp(old, h, stage - i + 1)
        h = F.leaky_relu(self.blocks[0](h), 0.2)
        return self.head(h.flatten(1)).squeeze(1)


def grow(stage: float, *nets: GrowingGenerator | GrowingDiscriminator) -> None:
    """Set the ``stage`` of growing nets, 0 to the number of doublings; ValueError beyond."""
    for net in nets:
        most = len(net.blocks) - 1
        if not 0 <= stage <= most:
            raise ValueError(f"stage={stage}; need 0 to {most}, the number of doublings")
        net.stage.fill_(stage)
