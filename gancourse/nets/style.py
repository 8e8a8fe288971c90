"""The style-based generator, after StyleGAN2."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancourse.nets._common import (
    LRELU_GAIN,
    check_latent,
    doubled,
    he,
    positive,
    pyramid,
    sample_shape,
    unit_length,
)
from gancourse.nets.mlps import mlp


class ModulatedConv(nn.Module):
    """Convolution with its own weights for each sample, ``x (N, C, H, W), w (N, nw) -> (N, K, H, W)``.

    A *style* ``s (N, C)``, linear in w, scales the weights of each input channel; demodulation
    then scales those of each output channel to norm 1. Done on the inputs and the outputs instead
    of the weights it is the same, and one convolution serves the whole batch.

    Source: Karras et al. 2020 (StyleGAN2), arXiv 1912.04958.
    """

    def __init__(self, n_in: int, n_out: int, nw: int, size: int = 3, *, demodulate: bool = True):
        super().__init__()
        self.demodulate = demodulate
        self.weight = nn.Parameter(torch.randn(n_out, n_in, size, size) / math.sqrt(n_in * size**2))
        self.style = he(nn.Linear(nw, n_in))
        nn.init.ones_(self.style.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        s = self.style(w).float()  # squares and sums of squares want float32 under autocast, too
        y = F.conv2d(x * s[:, :, None, None], self.weight, padding="same")
        if not self.demodulate:
            return y
        power = (self.weight.float().square().sum((2, 3)) * s[:, None].square()).sum(2)  # (N, K)
        return y * (power + 1e-8).rsqrt()[:, :, None, None]


class StyleLayer(nn.Module):
    """Modulated convolution, noise, bias, LeakyReLU. In evaluation mode the noise is a fixed map."""

    noise: Tensor

    def __init__(self, n_in: int, n_out: int, nw: int, side: int):
        super().__init__()
        self.conv = ModulatedConv(n_in, n_out, nw)
        self.bias = nn.Parameter(torch.zeros(n_out, 1, 1))
        self.strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(side, side))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = self.conv(x, w)
        noise = torch.randn_like(x[:, :1]) if self.training else self.noise
        return LRELU_GAIN * F.leaky_relu(x + self.strength * noise + self.bias, 0.2)


class StyleGenerator(nn.Module):
    """A mapping network makes ``w`` from ``z``, and w styles every layer that draws the image.

    ``forward(z)`` is ``synthesis(mapping(z))``. The drawing starts from a learned constant (side
    4, or 7 for 28), has one :class:`StyleLayer` at each side, and each side adds its own image to
    that of the side before, doubled. (StyleGAN2 has two layers a side, ends linear, and equalises
    learning rates.)

    Args:
        nz: size of the latent, and of w.
        shape: ``(C, S, S)`` with S even and at least 8.
        width: channels at side S; they double at each coarser one.
        depth: layers of the mapping network.
        mixing: in training, the share of samples whose layers from a random one on get the w of
            another sample, so that layers learn not to rely on each other.

    Raises:
        ValueError: for another shape or sizes that are not positive, or ``mixing`` outside
            [0, 1]; in the calls, for z or w of another shape.

    Source: Karras, Laine & Aila 2019, arXiv 1812.04948; Karras et al. 2020, arXiv 1912.04958.
    """

    def __init__(
        self,
        nz: int = 64,
        shape: Sequence[int] = (1, 28, 28),
        *,
        width: int = 16,
        depth: int = 2,
        mixing: float = 0.0,
    ):
        super().__init__()
        nz, width, depth = positive(nz=nz, width=width, depth=depth)
        if not 0 <= mixing <= 1:
            raise ValueError(f"mixing={mixing}; need a share, 0 to 1")
        self.nz, self.mixing, self.shape = nz, mixing, sample_shape(shape)
        sides, widths = pyramid(self.shape, width)
        self.map = mlp([nz] * (depth + 1), nn.LeakyReLU(0.2))
        for layer in self.map:
            if isinstance(layer, nn.Linear):  # PyTorch's init would give all z nearly the same w
                he(layer, LRELU_GAIN)
        self.constant = nn.Parameter(torch.randn(1, widths[0], sides[0], sides[0]))
        self.layers = nn.ModuleList(
            StyleLayer(n_in, n_out, nz, side)
            for n_in, n_out, side in zip([widths[0], *widths], widths, sides, strict=False)
        )
        self.to_image = nn.ModuleList(
            ModulatedConv(n, self.shape[0], nz, 1, demodulate=False) for n in widths
        )

    def mapping(self, z: Tensor) -> Tensor:
        """``z (N, nz) -> w (N, nz)``; only the direction of z counts."""
        check_latent(z, self.nz)
        return self.map(unit_length(z))

    def synthesis(self, w: Tensor) -> Tensor:
        """Images from ``w (N, nz)``, or from one w for each layer, coarse first: ``(N, layers, nz)``."""
        layers = len(self.layers)
        if w.shape[1:] not in ((self.nz,), (layers, self.nz)):
            need = f"(N, {self.nz}) or (N, {layers}, {self.nz})"
            raise ValueError(f"w has shape {tuple(w.shape)}; need {need}")
        ws = w.unbind(1) if w.ndim == 3 else [w] * layers
        x = self.constant.expand(len(w), -1, -1, -1)
        image: Tensor | None = None
        for layer, to_image, style in zip(self.layers, self.to_image, ws, strict=True):
            if image is None:
                x = layer(x, style)
                image = to_image(x, style)
            else:
                x = layer(doubled(x, "bilinear"), style)
                image = doubled(image, "bilinear") + to_image(x, style)
        assert image is not None
        return torch.tanh(image)

    def forward(self, z: Tensor) -> Tensor:
        w = self.mapping(z)
        if self.training and self.mixing:
            layer = torch.arange(len(self.layers), device=w.device)[:, None]
            cut = torch.randint(1, len(layer), (len(w), 1, 1), device=w.device)
            mixed = torch.rand(len(w), 1, 1, device=w.device) < self.mixing
            w = torch.where(mixed & (layer >= cut), w.roll(1, 0)[:, None], w[:, None])
        return self.synthesis(w)
