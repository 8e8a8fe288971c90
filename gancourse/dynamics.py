"""Two players, one plane: GAN training as a vector field.

A game is two losses. Player one owns theta and walks down `loss_g`, player two owns psi and walks
down `loss_d`. The field v = (-d loss_g / d theta, -d loss_d / d psi) says where both want to go, an
integrator how they get there, and the eigenvalues of the field's Jacobian at the equilibrium
whether they will arrive.

The Dirac-GAN is the smallest GAN that shows it: the data are one point at 0, the generator's output
is one point at theta, the discriminator is a line through the origin, f(x) = psi * x. Its
equilibrium is (0, 0). Points are tensors (..., 2) of (theta, psi); a batch runs side by side.

Source: Mescheder, Geiger, Nowozin (2018), arXiv 1801.04406; Mescheder, Nowozin, Geiger (2017),
The numerics of GANs, arXiv 1705.10461.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

__all__ = [
    "Game",
    "DIRAC",
    "dirac",
    "simulate",
    "jacobian",
    "step_matrix",
    "predicted_rate",
    "measured_rate",
    "largest_stable_step",
    "phase_portrait",
]

Loss = Callable[[Tensor, Tensor], Tensor]  # (theta, psi), elementwise


@dataclass(frozen=True)
class Game:
    """Two players with one parameter each.

    `loss_g(theta, psi)` and `loss_d(theta, psi)` work elementwise and are minimised, the first over
    theta, the second over psi. `clip` keeps ``|psi| <= clip`` after each step of the second player.
    """

    name: str
    loss_g: Loss
    loss_d: Loss
    clip: float | None = None

    def field(self, points: Tensor) -> Tensor:
        """Where both players want to go from each of `points` (..., 2): a tensor of that shape."""
        keep = points.requires_grad  # the Jacobian differentiates the field once more
        theta, psi = (points if keep else points.detach().requires_grad_()).unbind(-1)
        (v,) = torch.autograd.grad(self.loss_g(theta, psi).sum(), theta, create_graph=keep)
        (w,) = torch.autograd.grad(self.loss_d(theta, psi).sum(), psi, create_graph=keep)
        return torch.stack([-v, -w], dim=-1)


#: The losses that :func:`dirac` knows by name.
DIRAC = ("minimax", "nonsaturating", "wgan", "wgan-clip", "wgan-gp", "r1", "noise")


def dirac(
    name: str, *, gamma: float = 1.0, target: float = 1.0, clip: float = 1.0, sigma: float = 1.0
) -> Game:
    """The Dirac-GAN under one of the losses in `DIRAC`.

    gamma: weight of the penalty gamma/2 * (...)^2 of wgan-gp and r1; target: the slope wgan-gp asks
    for; clip: wgan-clip's bound; sigma: standard deviation of the instance noise that is added to
    the real and to the generated point (averaged by quadrature: nothing is random here).
    Raises ValueError for an unknown name.
    """
    if name not in DIRAC:
        raise ValueError(f"name={name!r}: there is no such Dirac-GAN; choose from {list(DIRAC)}")
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.hermite_e.hermegauss(40))
    noise, weights = sigma * nodes, weights / weights.sum()

    def noisy(t: Tensor, p: Tensor) -> Tensor:
        t, p = t[..., None], p[..., None]
        return (softplus(-p * noise) + softplus(p * (t + noise))) @ weights

    # Real logit f(0) = 0, generated logit f(theta) = psi * theta; constants are left out.
    games: dict[str, tuple[Loss, Loss]] = {
        "minimax": (lambda t, p: -softplus(p * t), lambda t, p: softplus(p * t)),
        "nonsaturating": (lambda t, p: softplus(-p * t), lambda t, p: softplus(p * t)),
        "wgan": (lambda t, p: -p * t, lambda t, p: p * t),
        "wgan-clip": (lambda t, p: -p * t, lambda t, p: p * t),
        "wgan-gp": (lambda t, p: -p * t, lambda t, p: p * t + gamma / 2 * (p.abs() - target) ** 2),
        "r1": (lambda t, p: -softplus(p * t), lambda t, p: softplus(p * t) + gamma / 2 * p**2),
        "noise": (lambda t, p: -noisy(t, p), noisy),
    }
    return Game(name, *games[name], clip=clip if name == "wgan-clip" else None)


def _rates(lr: float | tuple[float, float], scheme: str) -> Tensor:
    if scheme not in ("simultaneous", "alternating"):
        raise ValueError(f"scheme={scheme!r}: choose 'simultaneous' or 'alternating'")
    h = torch.tensor(lr if isinstance(lr, tuple) else (lr, lr), dtype=torch.float64)
    if h.shape != (2,) or not bool((h > 0).all()):
        raise ValueError(f"lr={lr}: give one rate > 0, or two: (generator's, discriminator's)")
    return h


def simulate(
    game: Game,
    start: Tensor | tuple[float, float],
    lr: float | tuple[float, float] = 0.2,
    steps: int = 500,
    scheme: str = "alternating",
) -> Tensor:
    """Play `steps` rounds of gradient descent from `start` (..., 2); the path, (steps + 1, ..., 2).

    lr: one learning rate or (generator's, discriminator's). "simultaneous": both read the same
    position and move at once. "alternating": the discriminator moves, the generator sees the move
    and answers, the order of a GAN's training loop.
    """
    h, point = _rates(lr, scheme), torch.as_tensor(start, dtype=torch.float64).clone()
    only_d, only_g = torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])
    moves = [only_d, only_g] if scheme == "alternating" else [torch.ones(2)]
    path = [point]
    for _ in range(steps):
        for who in moves:
            point = point + h * who * game.field(point)
            if game.clip is not None:
                point = torch.stack([point[..., 0], point[..., 1].clamp(-game.clip, game.clip)], -1)
        path.append(point)
    return torch.stack(path)


def jacobian(game: Game, point: tuple[float, float] = (0.0, 0.0)) -> Tensor:
    """Derivative of the field at `point`, by autograd: (2, 2), row = whose move, column = by what.

    wgan-gp has none on psi = 0, where its field jumps; what comes back there means nothing.
    """
    at = torch.tensor(point, dtype=torch.float64)
    return torch.autograd.functional.jacobian(game.field, at)


def step_matrix(
    jac: Tensor, lr: float | tuple[float, float] = 0.2, scheme: str = "simultaneous"
) -> Tensor:
    """The linear map (2, 2) that one round of gradient descent applies to a small deviation."""
    scaled, one = _rates(lr, scheme)[:, None] * jac, torch.eye(2, dtype=torch.float64)
    if scheme == "simultaneous":
        return one + scaled
    g_moves, d_moves = one.clone(), one.clone()
    g_moves[0] += scaled[0]
    d_moves[1] += scaled[1]
    return g_moves @ d_moves


def predicted_rate(
    jac: Tensor, lr: float | tuple[float, float] = 0.2, scheme: str = "simultaneous"
) -> float:
    """log of the step matrix's spectral radius: growth (> 0) or decay (< 0) of log radius a step."""
    return math.log(float(torch.linalg.eigvals(step_matrix(jac, lr, scheme)).abs().max()))


def measured_rate(path: Tensor) -> float:
    """Slope of ``log |(theta, psi)|`` against the step over `path` (steps + 1, 2), by least squares."""
    log_radius = path.norm(dim=-1).log()
    step = torch.arange(len(path), dtype=torch.float64) - (len(path) - 1) / 2
    return float((step * log_radius).sum() / (step**2).sum())


def largest_stable_step(jac: Tensor, scheme: str = "simultaneous", upper: float = 1e3) -> float:
    """The learning rate below which small deviations shrink, found by bisection; 0 if none does.

    For simultaneous steps this is the least ``-2 Re(l) / |l|^2`` over eigenvalues. `upper` bounds the
    search and is what comes back when every rate below it is stable.
    """
    lo, hi = 1e-9, upper
    if predicted_rate(jac, lo, scheme) >= -1e-14:
        return 0.0
    for _ in range(80):
        mid = math.sqrt(lo * hi)
        lo, hi = (mid, hi) if predicted_rate(jac, mid, scheme) < 0 else (lo, mid)
    return lo


def phase_portrait(game: Game, extent: float = 2.0, n: int = 17) -> tuple[Tensor, Tensor]:
    """The field on a grid: points (n, n, 2) over [-extent, extent]^2 and arrows (n, n, 2)."""
    axis = torch.linspace(-extent, extent, n, dtype=torch.float64)
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1)
    return points, game.field(points)
