"""Convolutional networks, after DCGAN."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gancourse.nets._common import check_latent, check_samples, halvings_of, positive, sample_shape


def dcgan_init(module: nn.Module) -> None:
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
        nz, width = positive(nz=nz, width=width)
        self.nz, self.shape = nz, sample_shape(shape)
        steps = halvings_of(self.shape)
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
        self.net = nn.Sequential(*layers).apply(dcgan_init)

    def forward(self, z: Tensor) -> Tensor:
        check_latent(z, self.nz)
        return self.net(z)


def strided(channels: int, shape: Sequence[int], width: int, norm: str | None) -> nn.Sequential:
    """Strided convolutions from an image down to flat features, and nothing after them."""
    if norm not in (None, "batch", "spectral"):
        raise ValueError(f"norm={norm!r}; need None, 'batch' or 'spectral'")
    layers: list[nn.Module] = []
    n = width
    for _ in range(halvings_of(shape)):
        layers.append(nn.Conv2d(channels, n, 4, 2, 1))
        if norm == "batch" and len(layers) > 1:  # not on the first layer: DCGAN's rule
            layers.append(nn.BatchNorm2d(n))
        layers.append(nn.LeakyReLU(0.2))
        channels, n = n, 2 * n
    return nn.Sequential(*layers, nn.Flatten())


def flat_features(shape: Sequence[int], width: int) -> int:
    """How many numbers :func:`strided` ends in."""
    steps = halvings_of(shape)
    return width * 2 ** (steps - 1) * (shape[1] // 2**steps) ** 2


def spectral(net: nn.Module, norm: str | None) -> None:
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

    def __init__(self, shape: Sequence[int] = (1, 28, 28), *, width: int = 16, norm: str | None = None):
        super().__init__()
        (width,) = positive(width=width)
        self.shape = sample_shape(shape)
        down = strided(self.shape[0], self.shape, width, norm)
        self.net = nn.Sequential(*down, nn.Linear(flat_features(self.shape, width), 1))
        self.net.apply(dcgan_init)
        spectral(self.net, norm)

    def forward(self, x: Tensor) -> Tensor:
        check_samples(x, self.shape)
        return self.net(x).squeeze(1)
