"""Networks that take a label as well: the families of ``mlps`` and ``dcgan``, told what to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from gancourse._numbers import whole
from gancourse.nets._common import check_labels, check_latent, check_samples, positive, sample_shape
from gancourse.nets.dcgan import DCGANGenerator, dcgan_init, flat_features, spectral, strided
from gancourse.nets.mlps import MLPDiscriminator, MLPGenerator


def _with_label(x: Tensor, y: Tensor, num_classes: int) -> Tensor:
    """Rows ``x (N, d)`` with the labels one-hot beside them, ``(N, d + num_classes)``."""
    check_labels(y, len(x), num_classes)
    return torch.cat([x, one_hot(y, num_classes).to(x.dtype)], 1)


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
        self.nz, self.num_classes = nz, num_classes = positive(nz=nz, num_classes=num_classes)
        self.net = MLPGenerator(nz + num_classes, shape, width=width, depth=depth, tanh=tanh)
        self.shape = self.net.shape

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        check_latent(z, self.nz)
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
        self.shape, self.num_classes = sample_shape(shape), whole("num_classes", num_classes)
        self.net = MLPDiscriminator(math.prod(self.shape) + self.num_classes, width=width, depth=depth)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        check_samples(x, self.shape)
        return self.net(_with_label(x.flatten(1), y, self.num_classes))


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
        self.nz, self.num_classes = nz, num_classes = positive(nz=nz, num_classes=num_classes)
        self.net = DCGANGenerator(nz + num_classes, shape, width=width, norm=norm)
        self.shape = self.net.shape

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        check_latent(z, self.nz)
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
        num_classes, width = positive(num_classes=num_classes, width=width)
        self.shape, self.num_classes, self.how = sample_shape(shape), num_classes, how
        channels = self.shape[0] + (num_classes if how == "concat" else 0)
        self.phi = strided(channels, self.shape, width, norm)
        n = flat_features(self.shape, width)
        self.psi = nn.Linear(n, num_classes if how == "select" else 1)
        self.v = nn.Embedding(num_classes, n) if how == "projection" else None
        self.apply(dcgan_init)
        spectral(self, norm)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        check_samples(x, self.shape)
        check_labels(y, len(x), self.num_classes)
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
