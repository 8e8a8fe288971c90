"""Keeping a critic smooth: penalties on its gradient with respect to its *input*, and clipping.

Every penalty is the mean over samples of a function of one gradient norm per sample. The norm runs
over all coordinates of a sample (``flatten(1)``), not over channels alone. None multiplies by its
weight: the caller does. Gradients are switched on where a penalty needs them, whatever mode the
caller is in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gancourse._numbers import real as number

__all__ = [
    "input_gradient",
    "gradient_penalty",
    "r1_penalty",
    "r2_penalty",
    "clip_weights_",
]

Critic = Callable[[Tensor], Tensor]


def input_gradient(logits: Tensor, inputs: Tensor) -> Tensor:
    """Gradient of each logit with respect to its own sample, ``(N, D)``, still differentiable.

    ``logits.sum()`` is differentiated once for the whole batch: sample i's logit depends on sample
    i only, so the gradient's row i is that of logit i. (BatchNorm in a critic breaks this: its
    logits depend on the whole batch, and the rows mix. That is why a GP critic has none.)

    Args:
        logits: ``(N,)``, computed from ``inputs`` in the current graph.
        inputs: ``(N, ...)`` with ``requires_grad``.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return gradient.flatten(1)


@contextmanager
def _gradients_on() -> Iterator[None]:
    """With gradients, also inside ``torch.no_grad()`` or ``torch.inference_mode()``."""
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False), torch.enable_grad():
            yield
    else:
        with torch.enable_grad():
            yield


def _gradient_at(critic: Critic, points: Tensor) -> Tensor:
    points = points.detach()
    # What was made in inference mode can carry no gradient; its copy can.
    points = (points.clone() if points.is_inference() else points).requires_grad_(True)
    logits = critic(points)
    if not isinstance(logits, Tensor) or logits.shape != (len(points),):
        shape = (
            f"shape {tuple(logits.shape)}"
            if isinstance(logits, Tensor)
            else f"a {type(logits).__name__}"
        )
        raise ValueError(
            f"the critic returned {shape} for {len(points)} samples; "
            "need logits (N,), before any sigmoid"
        )
    return input_gradient(logits, points)


def _check(**batches: Tensor) -> None:
    for name, batch in batches.items():
        if not (isinstance(batch, Tensor) and batch.is_floating_point()):
            what = batch.dtype if isinstance(batch, Tensor) else type(batch).__name__
            raise ValueError(f"{name} is {what}; need a tensor of floats (N, ...)")
        if batch.ndim < 2 or len(batch) == 0:
            raise ValueError(f"{name} has shape {tuple(batch.shape)}; need (N, ...) with N >= 1")


def gradient_penalty(
    critic: Critic,
    real: Tensor,
    fake: Tensor,
    target: float = 1.0,
    one_sided: bool = False,
    generator: torch.Generator | None = None,
    mix: Tensor | None = None,
) -> Tensor:
    """WGAN-GP: mean of ``(|grad f(x)| - target)^2`` at random points between real and fake.

    Args:
        critic: maps ``(N, ...)`` to logits ``(N,)``.
        real, fake: ``(N, ...)``, same shape.
        target: the norm asked for (1 for a 1-Lipschitz critic).
        one_sided: punish only norms above ``target`` (``max(0, norm - target)^2``).
        generator: draws the mixing weight, one per *sample*, uniform in [0, 1].
        mix: these weights ``(N, 1, ...)`` instead, drawn by the caller (a run that is to be
            resumed, or split over devices, draws for the whole batch from one stream), of any float
            type, in any place.

    Returns:
        A scalar, differentiable in the critic's parameters; multiply it by lambda.

    Raises:
        ValueError: for empty batches, shapes that differ, a ``mix`` that is not one weight per
            sample, or a critic that doesn't return (N,).

    Source: Gulrajani et al. 2017, arXiv 1704.00028 (two-sided, lambda = 10 on images and 0.1 on the
    2-D toys); one-sided: its appendix, and Petzka et al. 2017, arXiv 1709.08894.
    """
    _check(real=real, fake=fake)
    if real.shape != fake.shape:
        raise ValueError(
            f"real has shape {tuple(real.shape)} and fake {tuple(fake.shape)}; points between "
            "them need two batches of one shape"
        )
    if real.dtype != fake.dtype or real.device != fake.device:
        got = f"real is {real.dtype} on {real.device} and fake {fake.dtype} on {fake.device}"
        raise ValueError(f"{got}; need two batches of one type in one place")
    shape = (len(real),) + (1,) * (real.ndim - 1)
    if mix is None:
        where = real.device if generator is None else generator.device
        mix = torch.rand(shape, generator=generator, device=where, dtype=real.dtype)
    elif mix.shape != shape:
        raise ValueError(
            f"mix has shape {tuple(mix.shape)}; need {shape}, one weight per sample (per pixel, the "
            "points would not lie between a real and a generated sample)"
        )
    with _gradients_on():
        norm = torch.linalg.vector_norm(_gradient_at(critic, real.lerp(fake, mix.to(real))), dim=1)
        excess = norm - target
        return (excess.relu() if one_sided else excess).square().mean()


def r1_penalty(discriminator: Critic, real: Tensor) -> Tensor:
    """Mean squared gradient norm on real samples, ``E|grad f(x)|^2``; multiply by gamma / 2.

    Args:
        discriminator: maps ``(N, ...)`` to logits ``(N,)``.
        real: ``(N, ...)``.

    Raises:
        ValueError: for an empty batch or a discriminator that doesn't return (N,).

    Source: Mescheder, Geiger & Nowozin 2018, arXiv 1801.04406, eq. 9.
    """
    _check(real=real)
    with _gradients_on():
        return _gradient_at(discriminator, real).square().sum(1).mean()


def r2_penalty(discriminator: Critic, fake: Tensor) -> Tensor:
    """Mean squared gradient norm on generated samples; multiply by gamma / 2.

    As :func:`r1_penalty`, at ``fake`` ``(N, ...)``; the penalty reaches the discriminator only,
    since ``fake`` is detached.

    Source: Mescheder, Geiger & Nowozin 2018, arXiv 1801.04406, eq. 10.
    """
    _check(fake=fake)
    with _gradients_on():
        return _gradient_at(discriminator, fake).square().sum(1).mean()


@torch.no_grad()
def clip_weights_(critic: nn.Module, bound: float) -> None:
    """Clamp every parameter to ``[-bound, bound]`` in place; call it *after* the optimizer's step.

    Raises:
        ValueError: for a bound that is not positive.

    Source: WGAN, Arjovsky, Chintala & Bottou 2017, arXiv 1701.07875, algorithm 1 (bound 0.01).
    """
    bound = number("bound", bound, "a positive number (WGAN used 0.01)", above=0)
    for parameter in critic.parameters():
        parameter.clamp_(-bound, bound)
