"""Recorded runs of chapter 5: the chapter runs seed 0 of each live, with these very settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from gancourse import data, metrics, nets, training
from scripts.chapters import chapter
from scripts.experiments import Recorder, experiment

page = chapter("05")
# The toys of Gulrajani et al. 2017, brought to a standard deviation of about 1 as there.
TOYS: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "8 Gaussians": data.ring(8, math.sqrt(2), 0.014).sample,
    "25 Gaussians": data.grid(5, 0.707, 0.018).sample,
    "Swiss roll": lambda n, rng: 1.9 * data.swiss_roll().sample(n, rng),
}


@experiment("ch05-surfaces", clip=0.01, lam=1.0, steps=600, batch=256)
def surfaces(
    seed: int, device: torch.device, record: Recorder, *, clip: float, lam: float, **rest: Any
) -> dict:
    """Clipping against the gradient penalty on three toys, the generator held fixed."""
    result: dict[str, dict] = {}
    for name, sample in TOYS.items():
        pairs = page.with_noise(sample)
        methods: dict[str, Any] = {"clip": {"clip": clip, "lr": 1e-3}, "penalty": {"lam": lam}}
        for method, how in methods.items():
            critic = page.fit_critic(pairs, page.plane_critic, seed=seed, **how, **rest)
            result.setdefault(name, {})[method] = page.judge(critic, pairs)
    return result


@experiment("ch05-sides", lams=(0.1, 1.0, 3.0, 10.0, 30.0), steps=500, batch=256)
def sides(
    seed: int, device: torch.device, record: Recorder, *, lams: tuple[float, ...], **rest: Any
) -> dict:
    """Two-sided against one-sided penalty on the eight Gaussians, for several lambda."""
    pairs = page.with_noise(TOYS["8 Gaussians"])
    result: dict[str, list[dict]] = {"two-sided": [], "one-sided": []}
    for lam in lams:
        for name, one_sided in (("two-sided", False), ("one-sided", True)):
            critic = page.fit_critic(
                pairs, page.plane_critic, lam=lam, one_sided=one_sided, seed=seed, **rest
            )
            result[name].append({"lam": lam, **page.judge(critic, pairs)})
    return result


# --- gradients by layer ---------------------------------------------------------------------------


DEEP: dict[str, dict] = {
    "nothing": {},
    "clip 0.1": {"clip": 0.1, "lr": 2e-3},
    "clip 0.01": {"clip": 0.01, "lr": 2e-3},
    "clip 0.001": {"clip": 0.001, "lr": 2e-3},
    "gradient penalty": {"lam": 1.0},
    "R1": {"gamma": 0.2},
    "spectral norm": {"spectral": True},
}


@experiment("ch05-depth", steps=200, batch=128, lr=5e-4)
def depth(seed: int, device: torch.device, record: Recorder, **rest: Any) -> dict:
    """How large a gradient arrives at each layer of a twelve-layer critic, under each remedy."""
    pairs = page.with_noise(TOYS["Swiss roll"])
    result = {}
    for name, how in DEEP.items():
        options: dict[str, Any] = {"seed": seed, **rest, **how}
        spectral = options.pop("spectral", False)
        critic = page.fit_critic(pairs, partial(page.deep_critic, spectral), **options)
        result[name] = page.gradient_by_layer(critic, pairs)
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
