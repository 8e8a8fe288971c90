"""What every family of networks needs: checks of sizes and inputs, sides of images, initial weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancourse._numbers import whole


def sample_shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    try:
        result = tuple(whole("shape", n) for n in shape)  # type: ignore[union-attr]
    except TypeError:  # one number
        result = (whole("shape", shape),)
    except ValueError:
        result = ()
    if not result:
        raise ValueError(f"shape={shape}; need positive sizes of one sample, e.g. 2 or (1, 8, 8)")
    return result


def positive(**sizes: int) -> list[int]:
    """Each size as a positive int, or a ValueError that names it."""
    return [whole(name, size) for name, size in sizes.items()]


def check_floats(x: Tensor, name: str) -> None:
    if not (isinstance(x, Tensor) and x.is_floating_point()):
        what = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"{name} is {what}; need a tensor of floats (images: in [-1, 1])")


def check_latent(z: Tensor, nz: int) -> None:
    check_floats(z, "z")
    if z.ndim != 2 or z.shape[1] != nz:
        raise ValueError(f"z has shape {tuple(z.shape)}; this generator needs (N, {nz})")


def check_samples(x: Tensor, shape: tuple[int, ...]) -> None:
    check_floats(x, "x")
    if x.shape[1:] != shape:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; this discriminator needs (N, {', '.join(map(str, shape))})"
        )


def check_labels(y: Tensor, n: int, num_classes: int) -> None:
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


def halvings_of(shape: Sequence[int]) -> int:
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


def pyramid(shape: tuple[int, ...], width: int) -> tuple[list[int], list[int]]:
    """Sides and channels from coarse to fine: (1, 16, 16), 8 -> [4, 8, 16], [32, 16, 8]."""
    steps = range(halvings_of(shape), -1, -1)
    return [shape[1] // 2**i for i in steps], [width * 2**i for i in steps]


LRELU_GAIN = math.sqrt(2 / (1 + 0.2**2))  # keeps the variance through LeakyReLU 0.2
Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def he(layer: Layer, gain: float = 1.0) -> Layer:
    """``layer`` with weights of variance ``gain^2 / inputs``, and zero biases."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def unit_length(x: Tensor) -> Tensor:
    """``x (N, C, ...)`` with mean square 1 over its channels (PGGAN's pixel norm)."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def doubled(x: Tensor, mode: str) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode=mode)
