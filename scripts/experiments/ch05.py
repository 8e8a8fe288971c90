"""Recorded runs of chapter 5: the chapter runs seed 0 of each live, with these very settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gancourse import data, metrics, nets, penalties, training

from . import Recorder, experiment

Pairs = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]

RING = data.ring(8, math.sqrt(2), 0.014)
GRID = data.grid(5, 0.707, 0.018)


def roll(n: int, rng: torch.Generator) -> Tensor:
    return 1.9 * data.swiss_roll().sample(n, rng)


# The toys of Gulrajani et al. 2017, brought to a standard deviation of about 1 as there.
TOYS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "8 Gaussians": RING.sample,
    "25 Gaussians": GRID.sample,
    "Swiss roll": roll,
}


def with_noise(sample: Callable[[int, torch.Generator], Tensor]) -> Pairs:
    """A generator held fixed: real points plus N(0, 1) noise."""

    def pairs(n: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        real = sample(n, rng)
        return real, real + torch.randn(real.shape, generator=rng)

    return pairs


def fit_critic(
    pairs: Pairs,
    *,
    make: Callable[[], nn.Module],
    lam: float = 0.0,
    one_sided: bool = False,
    clip: float | None = None,
    gamma: float = 0.0,
    steps: int = 600,
    lr: float = 2e-3,
    batch: int = 256,
    seed: int = 0,
) -> nn.Module:
    """Train a critic against a fixed generator; the rate falls to 0 over the second half."""
    torch.manual_seed(seed)
    rng = torch.Generator().manual_seed(seed)
    critic = make()
    if clip:
        optimizer: torch.optim.Optimizer = torch.optim.RMSprop(critic.parameters(), lr)
    else:
        optimizer = torch.optim.Adam(critic.parameters(), lr, (0.5, 0.9), fused=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * min(1, 2 * (1 - step / steps))
        real, fake = pairs(batch, rng)
        loss = critic(fake).mean() - critic(real).mean()
        if lam:
            loss = loss + lam * penalties.gradient_penalty(
                critic, real, fake, one_sided=one_sided, generator=rng
            )
        if gamma:
            loss = loss + gamma / 2 * penalties.r1_penalty(critic, real)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if clip:
            penalties.clip_weights_(critic, clip)
    return critic


def small_critic() -> nn.Module:
    return nets.MLPDiscriminator(2, depth=2)


def judge(critic: nn.Module, pairs: Pairs) -> dict[str, float]:
    """The critic's difference of means, its steepest slope, and what duality makes of the two.

    Dividing by the steepest slope gives a 1-Lipschitz function, so that ``bound`` is at most W1.
    """
    real, fake = pairs(4000, torch.Generator().manual_seed(7))
    axis = torch.linspace(-3, 3, 81)
    mix = torch.rand(4000, 1, generator=torch.Generator().manual_seed(8))
    points = torch.cat([torch.cartesian_prod(axis, axis), real, fake, real.lerp(fake, mix)])
    points.requires_grad_()
    slope = penalties.input_gradient(critic(points), points).detach().norm(dim=1)
    with torch.no_grad():
        gap = float(critic(real).mean() - critic(fake).mean())
        center = float(critic(torch.zeros(1, 2)) - critic(real).mean())
    steepest = float(slope.max())
    return {
        "gap": gap,
        "steepest": steepest,
        "typical": float(slope[-4000:].median()),
        "bound": gap / steepest,
        "center": center / steepest,
    }


@experiment("ch05-surfaces", clip=0.01, lam=1.0, steps=600, batch=256)
def surfaces(
    seed: int, device: torch.device, record: Recorder, *, clip: float, lam: float, **rest: Any
) -> dict:
    """Clipping against the gradient penalty on three toys, the generator held fixed."""
    result: dict[str, dict] = {}
    for name, sample in TOYS.items():
        pairs = with_noise(sample)
        methods: dict[str, Any] = {"clip": {"clip": clip, "lr": 1e-3}, "penalty": {"lam": lam}}
        for method, how in methods.items():
            critic = fit_critic(pairs, make=small_critic, seed=seed, **how, **rest)
            result.setdefault(name, {})[method] = judge(critic, pairs)
    return result


@experiment("ch05-sides", lams=(0.1, 1.0, 3.0, 10.0, 30.0), steps=500, batch=256)
def sides(
    seed: int, device: torch.device, record: Recorder, *, lams: tuple[float, ...], **rest: Any
) -> dict:
    """Two-sided against one-sided penalty on the eight Gaussians, for several lambda."""
    pairs = with_noise(TOYS["8 Gaussians"])
    result: dict[str, list[dict]] = {"two-sided": [], "one-sided": []}
    for lam in lams:
        for name, one_sided in (("two-sided", False), ("one-sided", True)):
            critic = fit_critic(
                pairs, make=small_critic, lam=lam, one_sided=one_sided, seed=seed, **rest
            )
            result[name].append({"lam": lam, **judge(critic, pairs)})
    return result


# --- gradients by layer ---------------------------------------------------------------------------


def deep_critic(spectral: bool = False) -> nn.Module:
    """Twelve linear layers, He initialisation, no normalisation layers."""
    critic = nets.MLPDiscriminator(2, depth=11)
    for layer in list(critic.modules()):
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, 0.2)
            nn.init.zeros_(layer.bias)
            if spectral:
                spectral_norm(layer)
    return critic


DEEP: dict[str, dict] = {
    "nothing": {},
    "clip 0.1": {"clip": 0.1, "lr": 2e-3},
    "clip 0.01": {"clip": 0.01, "lr": 2e-3},
    "clip 0.001": {"clip": 0.001, "lr": 2e-3},
    "gradient penalty": {"lam": 1.0},
    "R1": {"gamma": 0.2},
    "spectral norm": {"spectral": True},
}


def gradient_by_layer(critic: nets.MLPDiscriminator, pairs: Pairs) -> list[float]:
    """Mean norm over samples of the logit's gradient in each linear layer's output."""
    real, fake = pairs(500, torch.Generator().manual_seed(7))
    h, outputs = torch.cat([real, fake]), []
    for layer in critic.net:
        h = layer(h)
        if isinstance(layer, nn.Linear):
            outputs.append(h)
    gradients = torch.autograd.grad(h.sum(), outputs)
    return [float(g.double().norm(dim=1).mean()) for g in gradients]


@experiment("ch05-depth", steps=200, batch=128, lr=5e-4)
def depth(seed: int, device: torch.device, record: Recorder, **rest: Any) -> dict:
    """How large a gradient arrives at each layer of a twelve-layer critic, under each remedy."""
    pairs = with_noise(TOYS["Swiss roll"])
    result = {}
    for name, how in DEEP.items():
        options: dict[str, Any] = {"seed": seed, **rest, **how}
        spectral = options.pop("spectral", False)
        critic = fit_critic(pairs, make=partial(deep_critic, spectral), **options)
        assert isinstance(critic, nets.MLPDiscriminator)
        result[name] = gradient_by_layer(critic, pairs)
    return result


# --- whole GANs -----------------------------------------------------------------------------------

GANS: dict[str, dict] = {
    "non-saturating, nothing": {"loss": "nonsaturating"},
    "Wasserstein, clip 0.05": {"loss": "wasserstein", "weight_clip": 0.05},
    "Wasserstein, gradient penalty 0.1": {"loss": "wasserstein", "gp": 0.1},
    "non-saturating, spectral norm": {"loss": "nonsaturating", "spectral": True},
    "non-saturating, R1 0.1": {"loss": "nonsaturating", "r1": 0.1},
}


@experiment("ch05-gan", steps=3000, lr=2e-3, batch_size=128)
def gan(seed: int, device: torch.device, record: Recorder, *, steps: int, **rest: Any) -> dict:
    """The ring and the grid under each remedy, same networks, rates and steps."""
    result: dict[str, dict] = {}
    for target, real in (("ring", data.ring()), ("grid", data.grid())):
        for name, how in GANS.items():
            options: dict[str, Any] = {**rest, **how}
            spectral = options.pop("spectral", False)
            torch.manual_seed(seed)
            generator, critic = nets.MLPGenerator(), nets.MLPDiscriminator()
            if spectral:
                for layer in list(critic.modules()):
                    if isinstance(layer, nn.Linear):
                        spectral_norm(layer)
            trainer = training.GANTrainer(
                generator, critic, betas=(0.0, 0.9), schedule="linear", seed=seed, device=device,
                **options,
            )  # fmt: skip
            trainer.fit(real, steps, progress=False)
            count = metrics.mode_coverage(trainer.sample(2500), real.centers, real.std)
            result.setdefault(target, {})[name] = {
                "fair_modes": count.fair_modes,
                "modes": count.modes,
                "high_quality": round(count.high_quality, 4),
            }
    return result
