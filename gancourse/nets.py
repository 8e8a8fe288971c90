"""Generators and discriminators: a generator maps latents to samples, a discriminator samples to
logits ``(N,)``.

Every generator has an attribute ``nz``, the size of its latent, so that whoever holds it can draw
``z`` for it. A conditional net has the attribute ``num_classes`` too, and takes the labels
``y (N,)``, int64, as its second argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.functional import one_hot
from torch.nn.utils.parametrizations import spectral_norm

from gancourse._numbers import whole


def mlp(sizes: Sequence[int], activation: nn.Module) -> nn.Sequential:
    """Linear layers of the given sizes with ``activation`` between them, none at the end."""
    layers: list[nn.Module] = []
    for n_in, n_out in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(n_in, n_out), activation]
    return nn.Sequential(*layers[:-1])


def _shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    try:
        result = tuple(whole("shape", n) for n in shape)  # type: ignore[union-attr]
    except TypeError:  # one number
        result = (whole("shape", shape),)
    except ValueError:
        result = ()
    if not result:
        raise ValueError(f"shape={shape}; need positive sizes of one sample, e.g. 2 or (1, 8, 8)")
    return result


def _sizes(**sizes: int) -> list[int]:
    """Each size as a positive int, or a ValueError that names it."""
    return [whole(name, size) for name, size in sizes.items()]


def _check_floats(x: Tensor, name: str) -> None:
    if not (isinstance(x, Tensor) and x.is_floating_point()):
        what = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{name} is {what}; need a tensor of floats (images: in [-1, 1])")


def _check_latent(z: Tensor, nz: int) -> None:
    _check_floats(z, "z")
    if z.ndim != 2 or z.shape[1] != nz:
        raise ValueError(f"z has shape {tuple(z.shape)}; this generator needs (N, {nz})")


def _check_samples(x: Tensor, shape: tuple[int, ...]) -> None:
    _check_floats(x, "x")
    if x.shape[1:] != shape:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; this discriminator needs "
            f"(N, {', '.join(map(str, shape))})"
        )


def _check_labels(y: Tensor, n: int, num_classes: int) -> None:
    if not isinstance(y, Tensor):
        raise ValueError(f"labels are {type(y).__name__}; need a tensor, int64 ({n},)")
    if y.shape != (n,) or y.dtype != torch.int64:
        raise ValueError(f"labels are {y.dtype} {tuple(y.shape)}; need int64 ({n},), one a sample")
    # On a GPU a look at the values would stop the queue at every step: there, whoever brings the
    # labels checks them once (GANTrainer does).
    if y.device.type == "cpu" and n and not 0 <= int(y.min()) <= int(y.max()) < num_classes:
        raise ValueError(
            f"labels run from {int(y.min())} to {int(y.max())}; this net has {num_classes} "
            f"classes, 0 to {num_classes - 1}"
        )


def _with_label(x: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Rows ``x (N, d)`` with the labels one-hot beside them, ``(N, d + num_classes)``."""
    _check_labels(y, len(x), num_classes)
    return torch.cat([x, one_hot(y, num_classes).to(x.dtype)], 1)


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
        nz, width, depth = _sizes(nz=nz, width=width, depth=depth)
        self.nz, self.shape = nz, _shape(shape)
        self.net = mlp([nz] + [width] * depth + [math.prod(self.shape)], nn.ReLU())
        self.tanh = len(self.shape) == 3 if tanh is None else tanh

    def forward(self, z: Tensor) -> Tensor:
        _check_latent(z, self.nz)
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
        width, depth = _sizes(width=width, depth=depth)
        self.shape = _shape(shape)
        self.net = mlp([math.prod(self.shape)] + [width] * depth + [1], nn.LeakyReLU(0.2))

    def forward(self, x: Tensor) -> Tensor:
        _check_samples(x, self.shape)
        return self.net(x.flatten(1)).squeeze(1)


class ConditionalMLPGenerator(nn.Module):
    """:class:`MLPGenerator` of the latent with the one-hot label beside it, ``(z, y) -> x``.

    Args:
        nz: size of the latent, the label not counted.
        shape, width, depth, tanh: as for :class:`MLPGenerator`.
        num_classes: labels are 0 to ``num_classes - 1``.

    Raises:
        ValueError: as :class:`MLPGenerator`; in the call, for labels that are not int64 ``(N,)`` or
            (on the CPU) out of range.

    Source: Mirza & Osindero 2014, arXiv 1411.1784.
    """

    def __init__(
        self,
        nz: int = 2,
        shape: int | Sequence[int] = 2,
        *,
        num_classes: int = 10,
        width: int = 64,
        depth: int = 3,
        tanh: bool | None = None,
    ):
        super().__init__()
        self.nz, self.num_classes = nz, num_classes = _sizes(nz=nz, num_classes=num_classes)
        self.net = MLPGenerator(nz + num_classes, shape, width=width, depth=depth, tanh=tanh)
        self.shape = self.net.shape

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        _check_latent(z, self.nz)
        return self.net(_with_label(z, y, self.num_classes))


class ConditionalMLPDiscriminator(nn.Module):
    """:class:`MLPDiscriminator` of the sample with the one-hot label beside it, ``(x, y) -> (N,)``.

    Args, Raises and Source: as :class:`ConditionalMLPGenerator`.
    """

    def __init__(
        self,
        shape: int | Sequence[int] = 2,
        *,
        num_classes: int = 10,
        width: int = 64,
        depth: int = 3,
    ):
        super().__init__()
        self.shape, self.num_classes = _shape(shape), whole("num_classes", num_classes)
        self.net = MLPDiscriminator(
            math.prod(self.shape) + self.num_classes, width=width, depth=depth
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        _check_samples(x, self.shape)
        return self.net(_with_label(x.flatten(1), y, self.num_classes))


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
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if not isinstance(module, nn.Embedding) and module.bias is not None:
            nn.init.zeros_(module.bias)


class DCGANGenerator(nn.Module):
    """Transposed convolutions from a small map up to an image, ``z (N, nz) -> x (N, C, S, S)``.

    Kernel 4, stride 2: each layer doubles the side, from 4 (or 7 for 28) up to S. Stride 2 divides
    4, so every pixel off the border adds up equally many taps: no checkerboard from uneven
    overlap. Weights that differ from one phase to the next can still paint one, and random ones do.

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
        nz, width = _sizes(nz=nz, width=width)
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
        _check_latent(z, self.nz)
        return self.net(z)


def _down(channels: int, shape: Sequence[int], width: int, norm: str | None) -> nn.Sequential:
    """Strided convolutions from an image down to flat features, and nothing after them."""
    if norm not in (None, "batch", "spectral"):
        raise ValueError(f"norm={norm!r}; need None, 'batch' or 'spectral'")
    layers: list[nn.Module] = []
    n = width
    for _ in range(_halvings(shape)):
        layers.append(nn.Conv2d(channels, n, 4, 2, 1))
        if norm == "batch" and len(layers) > 1:  # not on the first layer: DCGAN's rule
            layers.append(nn.BatchNorm2d(n))
        layers.append(nn.LeakyReLU(0.2))
        channels, n = n, 2 * n
    return nn.Sequential(*layers, nn.Flatten())


def _features(shape: Sequence[int], width: int) -> int:
    """How many numbers :func:`_down` ends in."""
    steps = _halvings(shape)
    return width * 2 ** (steps - 1) * (shape[1] // 2**steps) ** 2


def _spectral(net: nn.Module, norm: str | None) -> None:
    """Divide every weight of ``net`` by its largest singular value, if ``norm`` says so."""
    if norm == "spectral":
        for module in list(net.modules()):
            if isinstance(module, (nn.Conv2d, nn.Linear, nn.Embedding)):
                spectral_norm(module)


class DCGANDiscriminator(nn.Module):
    """Strided convolutions down to one logit, ``x (N, C, S, S) -> logits (N,)``.

    Mirrors :class:`DCGANGenerator`, with LeakyReLU 0.2. No BatchNorm unless asked for: a gradient
    penalty asks for one sample's gradient at a time, and BatchNorm mixes the samples of a batch.

    Args:
        shape: ``(C, S, S)``, as for the generator.
        width: channels of the first layer; they double at each further one.
        norm: None, ``"batch"`` (BatchNorm after each hidden layer but the first) or ``"spectral"``
            (every weight divided by its largest singular value).

    Raises:
        ValueError: for another shape or norm, or a width that is not positive.

    Source: Radford, Metz & Chintala 2015, arXiv 1511.06434; spectral normalisation: Miyato et al.
    2018, arXiv 1802.05957.
    """

    def __init__(
        self, shape: Sequence[int] = (1, 28, 28), *, width: int = 16, norm: str | None = None
    ):
        super().__init__()
        (width,) = _sizes(width=width)
        self.shape = _shape(shape)
        down = _down(self.shape[0], self.shape, width, norm)
        self.net = nn.Sequential(*down, nn.Linear(_features(self.shape, width), 1))
        self.net.apply(_dcgan_init)
        _spectral(self.net, norm)

    def forward(self, x: Tensor) -> Tensor:
        _check_samples(x, self.shape)
        return self.net(x).squeeze(1)


class ConditionalDCGANGenerator(nn.Module):
    """:class:`DCGANGenerator` of the latent with the one-hot label beside it, ``(z, y) -> x``.

    Args:
        nz: size of the latent, the label not counted.
        shape, width, norm: as for :class:`DCGANGenerator`.
        num_classes: labels are 0 to ``num_classes - 1``.

    Raises:
        ValueError: as :class:`DCGANGenerator`; in the call, for labels that are not int64 ``(N,)``
            or (on the CPU) out of range.

    Source: Mirza & Osindero 2014, arXiv 1411.1784, with DCGAN's layers.
    """

    def __init__(
        self,
        nz: int = 64,
        shape: Sequence[int] = (1, 28, 28),
        *,
        num_classes: int = 10,
        width: int = 16,
        norm: bool = True,
    ):
        super().__init__()
        self.nz, self.num_classes = nz, num_classes = _sizes(nz=nz, num_classes=num_classes)
        self.net = DCGANGenerator(nz + num_classes, shape, width=width, norm=norm)
        self.shape = self.net.shape

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        _check_latent(z, self.nz)
        return self.net(_with_label(z, y, self.num_classes))


class ConditionalDCGANDiscriminator(nn.Module):
    """:class:`DCGANDiscriminator` that also takes the label, ``(x, y) -> logits (N,)``.

    With the features ``phi(x)`` of the convolutions, the logit is

    - ``how="concat"``: ``psi(phi([x, y]))``, the label as ``num_classes`` constant maps beside the
      image, one of them 1 (Mirza & Osindero 2014, arXiv 1411.1784);
    - ``how="select"``: entry ``y`` of a linear layer with one output a class;
    - ``how="projection"``: ``psi(phi(x)) + <v_y, phi(x)>`` (Miyato & Koyama 2018, arXiv
      1802.05637): "select" with weights ``psi + v_y`` for class y, the part ``psi`` shared.

    Args:
        shape, width, norm: as for :class:`DCGANDiscriminator`.
        num_classes: labels are 0 to ``num_classes - 1``.
        how: one of the three above.

    Raises:
        ValueError: for another shape, norm or ``how``; in the call, for samples of another shape or
            labels that are not int64 ``(N,)`` or (on the CPU) out of range.
    """

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        *,
        num_classes: int = 10,
        width: int = 16,
        how: str = "projection",
        norm: str | None = None,
    ):
        super().__init__()
        if how not in ("concat", "select", "projection"):
            raise ValueError(f"how={how!r}; need 'concat', 'select' or 'projection'")
        num_classes, width = _sizes(num_classes=num_classes, width=width)
        self.shape, self.num_classes, self.how = _shape(shape), num_classes, how
        channels = self.shape[0] + (num_classes if how == "concat" else 0)
        self.phi = _down(channels, self.shape, width, norm)
        n = _features(self.shape, width)
        self.psi = nn.Linear(n, num_classes if how == "select" else 1)
        self.v = nn.Embedding(num_classes, n) if how == "projection" else None
        self.apply(_dcgan_init)
        _spectral(self, norm)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        _check_samples(x, self.shape)
        _check_labels(y, len(x), self.num_classes)
        if self.how == "concat":
            maps = one_hot(y, self.num_classes).to(x.dtype)[:, :, None, None]
            x = torch.cat([x, maps.expand(-1, -1, *x.shape[2:])], 1)
        features = self.phi(x)
        logits = self.psi(features)
        if self.how == "select":
            return logits.gather(1, y[:, None]).squeeze(1)
        if self.v is not None:
            logits = logits + (self.v(y) * features).sum(1, keepdim=True)
        return logits.squeeze(1)


# --- bigger and better: residual, style-based, growing --------------------------------------------


def _pyramid(shape: tuple[int, ...], width: int) -> tuple[list[int], list[int]]:
    """Sides and channels from coarse to fine: (1, 16, 16), 8 -> [4, 8, 16], [32, 16, 8]."""
    steps = range(_halvings(shape), -1, -1)
    return [shape[1] // 2**i for i in steps], [width * 2**i for i in steps]


Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def _he(layer: Layer, gain: float = 1.0) -> Layer:
    """``layer`` with weights of variance ``gain^2 / inputs``, and zero biases."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


LRELU_GAIN = math.sqrt(2 / (1 + 0.2**2))  # keeps the variance through LeakyReLU 0.2
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
        first = _he(nn.Conv2d(channels, wide, 1), gain)
        middle = _he(nn.Conv2d(wide, wide, 3, padding=1, groups=wide // GROUP), gain)
        last = _he(nn.Conv2d(wide, channels, 1, bias=False), 0.0)
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
        nz, width, blocks = _sizes(nz=nz, width=width, blocks=blocks)
        self.nz, self.shape = nz, _shape(shape)
        doublings = _halvings(self.shape)
        side, total = self.shape[1] // 2**doublings, blocks * (doublings + 1)
        self.map = nn.Parameter(torch.randn(width, side, side))
        self.scale = _he(nn.Linear(nz, width, bias=False))
        layers: list[nn.Module] = []
        for i in range(doublings + 1):
            layers += [nn.Upsample(scale_factor=2, mode="bilinear")] if i else []
            layers += [ResidualBlock(width, total) for _ in range(blocks)]
        to_image = _he(nn.Conv2d(width, self.shape[0], 1, bias=False))
        self.net = nn.Sequential(*layers, to_image, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        _check_latent(z, self.nz)
        return self.net(self.map * self.scale(z)[:, :, None, None])


class R3GANDiscriminator(nn.Module):
    """Mirror of :class:`R3GANGenerator`, ``x (N, C, S, S) -> logits (N,)``; the same arguments."""

    def __init__(self, shape: Sequence[int] = (1, 28, 28), *, width: int = 64, blocks: int = 2):
        super().__init__()
        width, blocks = _sizes(width=width, blocks=blocks)
        self.shape = _shape(shape)
        halvings = _halvings(self.shape)
        side, total = self.shape[1] // 2**halvings, blocks * (halvings + 1)
        layers: list[nn.Module] = [_he(nn.Conv2d(self.shape[0], width, 1, bias=False))]
        for i in range(halvings + 1):
            # The mean of 2x2 pixels is bilinear interpolation at half the size.
            layers += [nn.AvgPool2d(2)] if i else []
            layers += [ResidualBlock(width, total) for _ in range(blocks)]
        layers += [_he(nn.Conv2d(width, width, side, groups=width, bias=False)), nn.Flatten()]
        self.net = nn.Sequential(*layers, _he(nn.Linear(width, 1, bias=False)))

    def forward(self, x: Tensor) -> Tensor:
        _check_samples(x, self.shape)
        return self.net(x).squeeze(1)


def _unit_length(x: Tensor) -> Tensor:
    """``x (N, C, ...)`` with mean square 1 over its channels (PGGAN's pixel norm)."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


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
        self.style = _he(nn.Linear(nw, n_in))
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
        nz, width, depth = _sizes(nz=nz, width=width, depth=depth)
        if not 0 <= mixing <= 1:
            raise ValueError(f"mixing={mixing}; need a share, 0 to 1")
        self.nz, self.mixing, self.shape = nz, mixing, _shape(shape)
        sides, widths = _pyramid(self.shape, width)
        self.map = mlp([nz] * (depth + 1), nn.LeakyReLU(0.2))
        for layer in self.map:
            if isinstance(layer, nn.Linear):  # PyTorch's init would give all z nearly the same w
                _he(layer, LRELU_GAIN)
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
        _check_latent(z, self.nz)
        return self.map(_unit_length(z))

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
                x = layer(_double(x, "bilinear"), style)
                image = _double(image, "bilinear") + to_image(x, style)
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


def _double(x: Tensor, mode: str) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode=mode)


# --- progressive growing --------------------------------------------------------------------------


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
        nz, width = _sizes(nz=nz, width=width)
        self.nz, self.shape = nz, _shape(shape)
        sides, widths = _pyramid(self.shape, width)
        self.start = nn.Sequential(
            _he(nn.Linear(nz, widths[0] * sides[0] ** 2)),
            nn.Unflatten(1, (widths[0], sides[0], sides[0])),
        )
        self.blocks = nn.ModuleList(
            _he(nn.Conv2d(n_in, n_out, 3, padding=1), LRELU_GAIN)
            for n_in, n_out in zip([widths[0], *widths], widths, strict=False)
        )
        self.to_image = nn.ModuleList(_he(nn.Conv2d(n, self.shape[0], 1)) for n in widths)
        self.register_buffer("stage", torch.tensor(0.0))

    def forward(self, z: Tensor) -> Tensor:
        _check_latent(z, self.nz)
        stage = float(self.stage)  # the path taken depends on it: one synchronisation on a GPU
        top = math.ceil(stage)
        x = self.start(_unit_length(z))
        for i, block in enumerate(self.blocks[: top + 1]):
            if i:
                below, x = x, _double(x, "nearest")
            x = _unit_length(F.leaky_relu(block(x), 0.2))
        image = torch.tanh(self.to_image[top](x))
        if stage < top:  # fading in
            old = torch.tanh(self.to_image[top - 1](below))
            image = torch.lerp(_double(old, "nearest"), image, stage - top + 1)
        return F.interpolate(image, self.shape[1:])


class GrowingDiscriminator(nn.Module):
    """Mirror of :class:`GrowingGenerator`, ``x (N, C, S, S) -> logits (N,)``.

    It shrinks what it gets, real or generated, to the side of its ``stage`` first. (The paper
    blends real images as well while a stage fades in; here only the features are blended.)
    """

    stage: Tensor

    def __init__(self, shape: Sequence[int] = (1, 28, 28), *, width: int = 16):
        super().__init__()
        (width,) = _sizes(width=width)
        self.shape = _shape(shape)
        sides, widths = _pyramid(self.shape, width)
        self.from_image = nn.ModuleList(
            _he(nn.Conv2d(self.shape[0], n, 1), LRELU_GAIN) for n in widths
        )
        self.blocks = nn.ModuleList(
            _he(nn.Conv2d(n_in, n_out, 3, padding=1), LRELU_GAIN)
            for n_in, n_out in zip(widths, [widths[0], *widths], strict=False)
        )
        self.head = _he(nn.Linear(widths[0] * sides[0] ** 2, 1))
        self.register_buffer("stage", torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        _check_samples(x, self.shape)
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
