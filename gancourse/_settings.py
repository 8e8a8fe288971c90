"""What a trainer is asked for: numbers, and two networks that can be trained against each other."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ._numbers import real as a_number
from ._numbers import whole
from ._warn import warn
from .history import FLUSH

BELOW_1 = math.nextafter(1.0, 0.0)


def pair(name: str, value: Any, need: str, **bounds: float) -> tuple[float, float]:
    """Two floats: from one number (not for betas), or from two of them."""
    several = not isinstance(value, (str, dict)) and getattr(value, "ndim", 1) > 0
    several = several and hasattr(value, "__len__")
    if not several and name == "betas" or several and len(value) != 2:
        raise ValueError(f"{name}={value!r}; need {need}")
    try:
        one, two = (a_number(name, v, need, **bounds) for v in (value if several else (value,) * 2))
    except ValueError:
        raise ValueError(f"{name}={value!r}; need {need}") from None
    return one, two


def size_of_latent(generator: nn.Module) -> Any:
    """The generator's ``nz``, or a ValueError that says what it is."""
    nz = getattr(generator, "nz", None)
    if nz is None:
        raise ValueError("generator.nz is None; need the attribute nz, the size of its latent")
    return nz


def number_of_classes(generator: nn.Module, discriminator: nn.Module) -> int | None:
    """That both networks take labels of; None: an unconditional run."""
    found: list[int | None] = []
    for name, net in (("generator", generator), ("discriminator", discriminator)):
        k = getattr(net, "num_classes", None)
        found.append(None if k is None else whole(f"{name}.num_classes", k))
    if found[0] != found[1]:
        raise ValueError(
            f"generator.num_classes is {found[0]} and discriminator.num_classes {found[1]}; give "
            "both one number of classes, or neither"
        )
    return found[0]


def common_type(generator: nn.Module, discriminator: nn.Module) -> torch.dtype:
    """The float type that both are of."""
    types = []
    for name, net in (("generator", generator), ("discriminator", discriminator)):
        parameters = list(net.parameters())
        if not parameters:
            raise ValueError(f"{name} has nothing to train: it has no parameters")
        if any(p.is_inference() for p in parameters):
            raise ValueError(
                f"{name} was built under torch.inference_mode(), so its weights can't be trained; "
                "build it outside"
            )
        types.append(next(p.dtype for p in parameters if p.is_floating_point()))
    if types[0] != types[1]:
        raise ValueError(
            f"generator is {types[0]} and discriminator {types[1]}; give both one type, e.g. "
            "discriminator.to(torch.float32)"
        )
    return types[0]


def trainable(parameters: Iterable[Tensor], player: str) -> list[Tensor]:
    """Those of a player's parameters that are not frozen; a ValueError if there are none."""
    found = [p for p in parameters if p.requires_grad]
    if not found:
        raise ValueError(
            f"{player} has nothing to train: no parameter has requires_grad=True; unfreeze a layer "
            "(parameter.requires_grad_(True))"
        )
    return found


def average_of(generator: nn.Module, ema: float) -> nn.Module:
    """A copy of the generator that follows it by ``ema``; a ValueError names what can't be copied."""
    plain = getattr(generator, "_orig_mod", generator)  # not the compiled wrapper
    try:
        return copy.deepcopy(plain).requires_grad_(False)
    except RuntimeError as error:
        layers = [
            name or "the generator itself"
            for name, module in plain.named_modules()
            if any(isinstance(v, Tensor) and not v.is_leaf for v in vars(module).values())
        ]
        raise ValueError(
            f"ema={ema} needs a copy of the generator, and {', '.join(layers) or 'a layer'} can't "
            "be copied: it keeps a computed weight, as the old torch.nn.utils.weight_norm and "
            "spectral_norm do; take those of torch.nn.utils.parametrizations, or leave ema out"
        ) from error


def channels_last(*nets: nn.Module) -> None:
    """The layout that convolutions are fastest in on a GPU."""
    for net in nets:  # the weights of convolutions; others have no channels
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def when(callback: Any, steps_given: Any, steps: int) -> set[int]:
    """The steps after which the callback is called."""
    if callback is not None and not callable(callback):
        raise ValueError(f"callback={callback!r}; need a function that takes the trainer")
    if callback is None:
        return set()
    if steps_given is None:
        return {*range(FLUSH, steps + 1, FLUSH), steps}
    try:
        if isinstance(steps_given, (str, bytes)):
            raise TypeError
        # (float32 steps of a linspace may be off in their last digit)
        wanted = {whole("", round(float(v), 3), 0) for v in steps_given}
    except (TypeError, ValueError):
        raise ValueError(
            f"callback_steps={steps_given!r}; need whole numbers from 0 on, such as "
            "range(0, 1001, 100) or [0, 10, 100]"
        ) from None
    if wanted and max(wanted) > steps:
        warn(
            f"callback_steps names step {max(wanted)}, which is never reached: the run ends at "
            f"{steps}",
        )
    return wanted


def check_schedule(has_one: Any, total: int | None, steps: int) -> None:
    """A schedule has one length: refuse to go on with it to another number of steps."""
    if has_one and total not in (None, steps):
        raise ValueError(
            f"steps={steps}, but the run so far decays its learning rate over {total}; go on with "
            "that number, or build a new trainer: load(path, networks_only=True) begins a run of "
            "its own from these weights, fit(..., fresh=True) begins anew"
        )
