"""Generators and discriminators: a generator maps latents to samples, a discriminator samples to
logits ``(N,)``.

Every generator has an attribute ``nz``, the size of its latent, so that whoever holds it can draw
``z`` for it. A conditional net has the attribute ``num_classes`` too, and takes the labels
``y (N,)``, int64, as its second argument.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.nn.utils.parametrizations import spectral_norm


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


def _classes(num_classes: int) -> int:
    if not isinstance(num_classes, int) or num_classes < 1:
        raise ValueError(f"num_classes={num_classes!r}; need a positive whole number")
    return num_classes


def _check_latent(z: Tensor, nz: int) -> None:
    if z.ndim != 2 or z.shape[1] != nz:
        raise ValueError(f"z has shape {tuple(z.shape)}; this generator needs (N, {nz})")


def _check_samples(x: Tensor, shape: tuple[int, ...]) -> None:
    if x.shape[1:] != shape:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; this discriminator needs "
            f"(N, {', '.join(map(str, shape))})"
        )


def _check_labels(y: Tensor, n: int, num_classes: int) -> None:
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
        if nz < 1 or width < 1 or depth < 1:
            raise ValueError(f"nz={nz}, width={width}, depth={depth}; need positive numbers")
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
        if width < 1 or depth < 1:
            raise ValueError(f"width={width}, depth={depth}; need positive numbers")
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
        self.nz, self.num_classes = nz, _classes(num_classes)
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
        self.shape, self.num_classes = _shape(shape), _classes(num_classes)
        self.net = MLPDiscriminator(math.prod(self.shape) + num_classes, width=width, depth=depth)

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
        _check_latent(z, self.nz)
        return self.net(z)


def _down(channels: int, shape: Sequence[int], width: int, norm: str | None) -> nn.Sequential:
    """Strided convolutions from an image down to flat features, and nothing after them."""
    if width < 1:
        raise ValueError(f"width={width}; need a positive number")
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
        self.nz, self.num_classes = nz, _classes(num_classes)
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
        self.shape, self.num_classes, self.how = _shape(shape), _classes(num_classes), how
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
