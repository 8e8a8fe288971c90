"""Distributions in the plane."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gancourse._numbers import real, whole
from gancourse.data._inputs import as_tensor, count


def _range(n: int) -> Tensor:
    return torch.arange(n, device="cpu", dtype=torch.float32)


@dataclass(frozen=True)
class GaussianMixture:
    """Equal-weight mixture of isotropic Gaussians, with a density that can be evaluated.

    Args:
        centers: ``(K, d)``.
        std: standard deviation of every component, in the units of the centers.

    Raises:
        ValueError: for centers that are not (K, d) with K >= 1, or a std that is not positive.
    """

    centers: Tensor
    std: float

    def __post_init__(self) -> None:
        centers = as_tensor(self.centers, "centers")
        if not centers.is_floating_point():
            centers = centers.to(torch.float32)
        object.__setattr__(self, "centers", centers)
        if centers.ndim != 2 or 0 in centers.shape or not bool(centers.isfinite().all()):
            raise ValueError(
                f"centers has shape {tuple(centers.shape)}; need finite (K, d), K >= 1, d >= 1"
            )
        object.__setattr__(self, "std", real("std", self.std, "a positive number", above=0))

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw ``(n, d)``: a component uniformly, then a Gaussian point around its center."""
        n = count(n)
        device = generator.device if generator is not None else self.centers.device
        component = torch.randint(len(self.centers), (n,), generator=generator, device=device)
        centers = self.centers.to(device)[component]
        noise = torch.randn(centers.shape, generator=generator, device=device, dtype=centers.dtype)
        return centers + self.std * noise

    def density(self, x: Tensor) -> Tensor:
        """Probability density at ``x (n, d)``, shape ``(n,)``."""
        k, d = self.centers.shape
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(f"x has shape {tuple(x.shape)}; need (n, {d})")
        squared = (x[:, None] - self.centers.to(x)).square().sum(2)
        log_norm = math.log(k) + d / 2 * math.log(2 * math.pi * self.std**2)
        return torch.exp(torch.logsumexp(-squared / (2 * self.std**2), 1) - log_norm)


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> GaussianMixture:
    """``modes`` Gaussians evenly spaced on a circle.

    The angles are ``2 pi k / modes``. (``linspace(0, 2 pi, modes)`` would put the first and the
    last center on the same spot: 7 modes where 8 were meant.)

    Raises:
        ValueError: for fewer than one mode or a std that is not positive.

    Source: the ring of Metz et al. 2016 (arXiv 1611.02163) and PacGAN (Lin et al. 2017,
    arXiv 1712.04086), which uses radius 1 and std 0.01.
    """
    modes = whole("modes", modes)
    angle = 2 * math.pi * _range(modes) / modes
    return GaussianMixture(radius * torch.stack([angle.cos(), angle.sin()], 1), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
    """``side x side`` Gaussians on a square grid centered at the origin.

    Raises:
        ValueError: for a side below 1 or a std that is not positive.

    Source: the 25-mode grid of PacGAN (Lin et al. 2017, arXiv 1712.04086): spacing 2, std 0.05.
    """
    side = whole("side", side)
    axis = spacing * (_range(side) - (side - 1) / 2)
    return GaussianMixture(torch.cartesian_prod(axis, axis).reshape(-1, 2), std)


@dataclass(frozen=True)
class Curve:
    """Points spread along a curve in the plane, blurred by Gaussian noise.

    Args:
        position: maps ``u (n,)``, uniform in [0, 1], to points ``(n, 2)``.
        std: noise around the curve; 0 for none.
    """

    position: Callable[[Tensor], Tensor]
    std: float = 0.0

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw ``(n, 2)``."""
        n = count(n)
        device = generator.device if generator is not None else "cpu"
        u = torch.rand(n, generator=generator, device=device, dtype=torch.float32)
        points = self.position(u)
        noise = torch.randn(points.shape, generator=generator, device=device, dtype=torch.float32)
        return points + self.std * noise


def swiss_roll(turns: float = 1.5, std: float = 0.03) -> Curve:
    """A spiral from radius 1/3 out to 1, one of the toys of WGAN-GP (arXiv 1704.00028)."""

    def position(u: Tensor) -> Tensor:
        angle = 2 * math.pi * turns * u
        return ((1 + 2 * u) / 3)[:, None] * torch.stack([angle.cos(), angle.sin()], 1)

    return Curve(position, std)


def parallel_lines(theta: float) -> tuple[Curve, Curve]:
    """Two vertical unit segments ``theta`` apart: the "real" one at x = 0, the other at x = theta.

    Their supports are disjoint unless ``theta`` is 0, so the Jensen-Shannon divergence is log 2
    at every other distance, while the Wasserstein distance is ``|theta|``.

    Source: Arjovsky, Chintala & Bottou 2017, arXiv 1701.07875, example 1.
    """

    def line(x: float) -> Curve:
        return Curve(lambda u: torch.stack([torch.full_like(u, x), u], 1))

    return line(0.0), line(float(theta))
