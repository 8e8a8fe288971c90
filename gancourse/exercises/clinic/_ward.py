"""The clinic's patients: small runs, a few tenths of a second each, and what is measured.

A run takes the one function that a case is about and supplies everything else in good health.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gancourse import data, features, metrics, nets

from .._compare import dress, kind
from ._case import Exam, Unusable

STEPS = 400
FRAMES = (0, 25, 50, 100, 400)  # steps at which the ring's state is kept
CENTERS = data.ring().centers


# --- healthy parts --------------------------------------------------------------------------------


def d_step(D, G, adam, real, z):
    with torch.no_grad():
        fake = G(z)
    real_loss, fake_loss = softplus(-D(real)).mean(), softplus(D(fake)).mean()
    adam.zero_grad()
    (real_loss + fake_loss).backward()
    adam.step()
    return real_loss.item(), fake_loss.item()


def g_step(D, G, adam, z):
    loss = softplus(-D(G(z))).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss.item()


# --- the runs -------------------------------------------------------------------------------------


def ring_run(
    seed: int = 0,
    *,
    d_step: Callable = d_step,
    g_step: Callable = g_step,
    centers: Tensor = CENTERS,
    generator: nn.Module | None = None,
    clip: float | None = None,
    pass_real: bool = False,
    rate_of_g: float = 4e-3,
    steps: int = STEPS,
    after: Callable[[nn.Module], None] | None = None,
) -> Exam:
    """A plain GAN on a ring of eight Gaussians, standard deviation 0.1."""
    torch.manual_seed(seed)
    G = generator or nets.MLPGenerator(width=32, depth=2)
    D = nets.MLPDiscriminator(width=32, depth=2)
    adam_g = torch.optim.Adam(G.parameters(), rate_of_g, (0.0, 0.99), fused=True)
    adam_d = torch.optim.Adam(D.parameters(), 4e-3, (0.0, 0.99), fused=True)
    mixture = data.GaussianMixture(centers, 0.1)
    rng = torch.Generator().manual_seed(seed)
    pool, test = mixture.sample(4096, rng), mixture.sample(1000, rng)
    latents = torch.randn(1000, 2, generator=rng)
    curves: dict[str, list[float]] = {}
    frames = {}

    def look(step: int) -> None:
        with torch.no_grad():
            points = G(latents)
            frames[step] = {"points": points, "surface": D(_mesh()), "D": D(test)}

    for step in range(steps):
        if step in FRAMES:
            look(step)
        real = pool[torch.randint(len(pool), (64,), generator=rng)]
        z = torch.randn(2, 64, 2, generator=rng)
        found = d_step(D, G, adam_d, real, z[0])
        if clip:
            for parameter in D.parameters():
                parameter.data.clamp_(-clip, clip)
        g_loss = g_step(D, G, adam_g, z[1], *([real] if pass_real else []))
        if after:
            after(G)
        if isinstance(found, (tuple, list)):
            values = dict(zip(("D on real", "D on fakes"), map(plain, found)))
            values["D"] = sum(values.values())
        else:
            values = {"D": plain(found)}
        values["G"] = plain(g_loss)
        values["gradient"] = gradient_norm(G)
        with torch.no_grad():
            values["logit"] = D(test[:100]).mean().item()
        for name, value in values.items():
            curves.setdefault(name, []).append(value)
    look(steps)
    points = frames[steps]["points"]
    coverage = metrics.mode_coverage(points, centers, 0.1) if finite(points) else None
    with torch.no_grad():
        logits = {"real": D(test), "fake": D(points)}
    signs = {
        "distance": energy(points, test),
        "modes": coverage.fair_modes if coverage else math.nan,
        "moved": (points - frames[0]["points"]).norm(dim=1).mean().item(),
        "right on real": (logits["real"] > 0).float().mean().item(),
        "right on fakes": (logits["fake"] < 0).float().mean().item(),
        "logit": (logits["real"].mean() + logits["fake"].mean()).item() / 2,
        "gradient": sum(curves["gradient"][-100:]) / 100,
        "farthest": points.abs().max().item(),
    }
    return Exam(signs, curves, {"frames": frames, "real": test, "points": points, "G": G})


def losses_run(losses: Callable, seed: int = 0, clip: float | None = None) -> Exam:
    """The ring, with both players' losses from one (real_logits, fake_logits) -> (d_loss, g_loss)."""

    def descend(which: int, real_logits: Tensor, fake_logits: Tensor, adam: Any) -> float:
        loss = two_losses(losses(real_logits, fake_logits))[which]
        adam.zero_grad()
        loss.backward()
        adam.step()
        return float(loss.detach())

    def d_step(D, G, adam, real, z):
        with torch.no_grad():
            fake = G(z)
        return descend(0, D(real), D(fake), adam)

    def g_step(D, G, adam, z, real):
        return descend(1, D(real), D(G(z)), adam)

    return ring_run(seed, d_step=d_step, g_step=g_step, clip=clip, pass_real=True)


def digits_run(
    seed: int = 0,
    *,
    images: Tensor | None = None,
    generator: nn.Module | None = None,
) -> Exam:
    """400 steps of a plain GAN on the 8 x 8 digits."""
    torch.manual_seed(seed)
    images = digits().float() if images is None else images
    G = generator or nets.MLPGenerator(16, (1, 8, 8), width=64, depth=2)
    D = nets.MLPDiscriminator((1, 8, 8), width=64, depth=2)
    adam_g = torch.optim.Adam(G.parameters(), 2e-3, (0.0, 0.99), fused=True)
    adam_d = torch.optim.Adam(D.parameters(), 2e-3, (0.0, 0.99), fused=True)
    rng = torch.Generator().manual_seed(seed)
    curves: dict[str, list[float]] = {"D": [], "G": []}
    latents = torch.randn(360, 16, generator=rng)
    for _ in range(STEPS):
        real = images[torch.randint(len(images), (64,), generator=rng)]
        z = torch.randn(2, 64, 16, generator=rng)
        curves["D"].append(sum(d_step(D, G, adam_d, real, z[0])))
        curves["G"].append(g_step(D, G, adam_g, z[1]))
    with torch.no_grad():
        samples = G(latents)
    return Exam({"distance": frechet(samples)}, curves, {"images": samples})


def critic_run(penalty: Callable, seed: int = 0, *, steps: int, hidden: Callable[[], nn.Module]) -> Exam:
    """A WGAN-GP critic between the digits and the same digits with their pixels shuffled."""
    torch.manual_seed(seed)
    real = digits().float()
    order = torch.randperm(64, generator=torch.Generator().manual_seed(seed))
    fake = real.flatten(1)[:, order].view_as(real)
    layers = [nn.Linear(64, 64), hidden(), nn.Linear(64, 64), hidden(), nn.Linear(64, 1)]
    critic = nn.Sequential(nn.Flatten(), *layers, nn.Flatten(0))
    adam = torch.optim.Adam(critic.parameters(), 2e-3, (0.0, 0.99), fused=True)
    rng = torch.Generator().manual_seed(seed)
    curves: dict[str, list[float]] = {"estimate": [], "penalty": []}
    for _ in range(steps):
        rows = torch.randint(len(real), (2, 64), generator=rng)
        x, y = real[rows[0]], fake[rows[1]]
        price = scalar(penalty(critic, x, y), "Your function")
        loss = critic(y).mean() - critic(x).mean() + 10 * price
        adam.zero_grad()
        loss.backward()
        adam.step()
        curves["estimate"].append(float((10 * price - loss).detach()))
        curves["penalty"].append(float(price.detach()))
    rows = torch.randint(len(real), (2, 400), generator=rng)
    x, y = real[rows[0]], fake[rows[1]]
    places = [k / 10 for k in range(11)]
    profile = [slope(critic, t * x + (1 - t) * y) for t in places]
    return Exam({"slope": profile[5]}, curves, {"places": places, "profile": profile})


def average_run(update: Callable, seed: int = 0) -> Exam:
    """The ring with BatchNorm in the generator, and a running average of its weights."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Linear(2, 32), nn.BatchNorm1d(32), nn.ReLU()]
    layers += [nn.Linear(32, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2)]
    G = nn.Sequential(*layers)
    average = copy.deepcopy(G)
    exam = ring_run(seed, generator=G, after=lambda net: update(average, net, 0.98))
    latents = torch.randn(1000, 2, generator=torch.Generator().manual_seed(seed + 1))
    for name, net in (("average", average.eval()), ("live", G.eval())):
        with torch.no_grad():
            exam.pictures[name] = net(latents)
        exam.signs[name] = energy(exam.pictures[name], exam.pictures["real"])
    return exam


# --- measures -------------------------------------------------------------------------------------


def finite(x: Tensor) -> bool:
    return bool(torch.isfinite(x).all())


def energy(x: Tensor, y: Tensor) -> float:
    """Energy distance of two clouds of points: 0 when they are alike."""
    if not finite(x):
        return math.nan
    within = torch.cdist(x, x).mean() + torch.cdist(y, y).mean()
    return float(2 * torch.cdist(x, y).mean() - within)


def gradient_norm(net: nn.Module) -> float:
    found = [p.grad for p in net.parameters() if p.grad is not None]
    return math.sqrt(sum(g.square().sum().item() for g in found)) if found else 0.0


def slope(critic: Callable, x: Tensor) -> float:
    """Mean gradient norm of a critic at ``x``."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    return gradient.flatten(1).norm(dim=1).mean().item()


@functools.cache
def _mesh(side: int = 41, extent: float = 1.6) -> Tensor:
    axis = torch.linspace(-extent, extent, side)
    return torch.cartesian_prod(axis, axis)


def digits(split: str = "train") -> data.ImageSet:
    """The digits as they came: a reader may have edited the set that `data.digits()` keeps."""
    load = getattr(data.digits, "__wrapped__", data.digits)  # past the cache, where there is one
    return load(split)


@functools.cache
def digit_net() -> Any:
    return features.load("digits")


@functools.cache
def digit_features(split: str) -> Tensor:
    """Features (N, 64) of the digits, from the course's small classifier."""
    return digit_net().features(digits(split).float())


def frechet(samples: Tensor) -> float:
    """Fréchet distance in classifier features, 360 samples against the 360 test digits."""
    if not finite(samples):
        return math.nan
    return metrics.frechet_distance(digit_features("test"), digit_net().features(samples))


# --- what a reader's function returned ------------------------------------------------------------


def pair(result: Any, name: str, parts: str) -> Sequence:
    result = dress([0.0, 0.0], result)  # two numbers in any ordinary dress
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise Unusable(f"{name} should return two values, ({parts}); it returned {_kind(result)}.")
    return result


def plain(value: Any) -> float:
    """A logged loss as a number, whether the reader wrote `.item()` or not."""
    return float(value.detach() if isinstance(value, Tensor) else value)


def two_losses(result: Any) -> tuple[Tensor, Tensor]:
    """The two losses of both players, each one number that backward can start from."""
    both = []
    for name, loss in zip(("d_loss", "g_loss"), pair(result, "Your function", "d_loss, g_loss")):
        if not isinstance(loss, Tensor):
            why = "no gradient passes through it (look for .item() or float())"
            raise Unusable(f"{name} should be a tensor; it is {_kind(loss)}, and {why}.")
        if loss.numel() != 1:
            raise Unusable(f"{name} should be one number; it is {_kind(loss)}: take the mean.")
        both.append(loss.reshape(()))
    return both[0], both[1]


def scalar(result: Any, name: str) -> Tensor:
    if not isinstance(result, Tensor) or result.numel() != 1:
        raise Unusable(f"{name} should return one number, a tensor; it returned {_kind(result)}.")
    return result.squeeze()


def value(result: Any, name: str) -> float:
    """One number, in whatever dress."""
    try:
        return float(result.detach() if isinstance(result, Tensor) else result)
    except (TypeError, ValueError, RuntimeError):
        raise Unusable(f"{name} should return one number; it returned {_kind(result)}.") from None


def tensor(result: Any, name: str, shape: tuple[int, ...]) -> Tensor:
    """A tensor (array, nested list) of this shape, as float32 if it holds floats."""
    result = dress(torch.empty(shape), result)
    if not isinstance(result, Tensor) or tuple(result.shape) != shape:
        raise Unusable(f"{name} should return a tensor {shape}; it returned {_kind(result)}.")
    return result.float() if result.is_floating_point() else result


def _kind(result: Any) -> str:
    many = isinstance(result, (Tensor, np.ndarray)) and result.ndim
    return f"{kind(result)} {tuple(result.shape)}" if many else kind(result)
