"""What a trainer is asked for: numbers, and two networks that can be trained against each other."""

from __future__ import annotations

import copy
import inspect
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ._numbers import real as a_number
from ._numbers import whole
from ._warn import warn
from .history import FLUSH

BELOW_1 = math.nextafter(1.0, 0.0)
KERNELS = ("foreach", "fused", "capturable")  # how an optimizer computes, not what


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


def one_of(name: str, value: Any, *known: Any) -> Any:
    """``value``, if it is None or one of the two names."""
    if not (value is None or isinstance(value, str)) or value not in known:
        raise ValueError(f"{name}={value!r}; need None, {known[1]!r} or {known[2]!r}")
    return value


def function(name: str, value: Any, of: str) -> Any:
    """``value``, if it is None or can be called."""
    if value is not None and not callable(value):
        raise ValueError(f"{name}={value!r}; need a function of {of}")
    return value


def deadline(minutes: Any, processes: int) -> float:
    """On ``time.monotonic``'s clock; without minutes, never."""
    if minutes is None:
        return math.inf
    minutes = a_number("minutes", minutes, "None or a positive number", above=0)
    if processes > 1:
        raise ValueError(f"minutes={minutes} with {processes} processes; leave it out")
    return time.monotonic() + 60 * minutes


def scheduled(schedule: str | None, progress: float) -> float:
    """What the first learning rate is multiplied by, ``progress`` (0 to 1) of the way."""
    if schedule == "linear":  # constant for the first half
        return min(1.0, 2 * (1 - progress))
    return (1 + math.cos(math.pi * progress)) / 2


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
            f"callback_steps names step {max(wanted)}, which is never reached: the run ends at {steps}",
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


def decay_of_average(ema: Any, halflife: Any, rampup: Any) -> tuple[float | None, float | None]:
    """The decay a step, from itself or from a half-life in steps, and the ramp."""
    if halflife is not None:
        if ema is not None:
            raise ValueError(
                f"ema={ema!r} and ema_halflife={halflife!r} are two ways to say one thing; give one"
            )
        need = "None or a positive number of steps"
        decay = 0.5 ** (1 / a_number("ema_halflife", halflife, need, above=1e-8))
    elif ema is not None:
        need = "None or a number in [0, 1), e.g. 0.999"
        decay = a_number("ema", ema, need, least=0, most=BELOW_1)
    elif rampup is not None:
        raise ValueError(f"ema_rampup={rampup!r} without an average; give ema or ema_halflife too")
    else:
        return None, None
    if rampup is not None:
        rampup = a_number("ema_rampup", rampup, "None or a positive share, e.g. 0.05", above=0)
    return decay, rampup


def ramped(decay: float, rampup: float | None, steps: int) -> float:
    """The decay of an average that has seen ``steps`` steps: of ``rampup * steps`` as half-life
    while that is shorter (Karras et al. 2022, arXiv 2206.00364, in their training_loop.py)."""
    return decay if rampup is None else min(decay, 0.5 ** (1 / max(rampup * steps, 1e-8)))


def optimizer_of(
    net: nn.Module, given: Any, player: str, rate: float, betas: tuple[float, float]
) -> torch.optim.Optimizer:
    """The player's optimizer: Adam, or what was given, made by it or checked."""
    name, own = f"optimizer_{player[0]}", list(net.parameters())
    if given is None:
        # fused: one kernel for all parameters instead of a Python loop over them.
        return torch.optim.Adam(own, rate, betas, fused=True)
    need = (
        f"need an optimizer over {player}.parameters(), or a function (parameters, lr=...) that "
        "makes one, such as torch.optim.RMSprop"
    )
    optimizer = given
    if not isinstance(given, torch.optim.Optimizer):
        if not callable(given):
            raise ValueError(f"{name} is {given!r}; {need}")
        if "lr" in (getattr(given, "keywords", None) or {}):
            raise ValueError(f"{name} brings lr={given.keywords['lr']!r}; give lr to GANTrainer")
        try:
            optimizer = given(own, lr=rate)
        except TypeError as error:
            raise ValueError(f"{name} can't be called as (parameters, lr=...): {error}") from error
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ValueError(f"{name} makes a {type(optimizer).__name__}; {need}")
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError(f"{name} is LBFGS, which takes several losses a step; {need}")
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    strange = len(held - {id(p) for p in own})
    if strange:
        raise ValueError(
            f"{name} holds {strange} of {len(held)} tensors that are no parameters of the {player}; "
            f"build it from {player}.parameters(), after any change of the network"
        )
    left_out = [n for n, p in net.named_parameters() if p.requires_grad and id(p) not in held]
    if left_out:
        raise ValueError(
            f"{name} leaves out {len(left_out)} parameters of the {player} ({left_out[0]}, ...); "
            "give it all of them, or freeze those that shall stay (requires_grad_(False))"
        )
    return optimizer


def rate_of(optimizer: torch.optim.Optimizer) -> float:
    """Its learning rate; of several groups the first one's."""
    return float(optimizer.param_groups[0]["lr"])


def in_words(optimizer: torch.optim.Optimizer, betas: tuple[float, float]) -> str:
    """Which optimizer it is, and its settings that are neither its kind's defaults nor the trainer's
    own ``betas``: "RMSprop alpha=0.9". ("Adam" alone is the one that a trainer makes.)"""
    kind = type(optimizer)
    usual = {k: p.default for k, p in inspect.signature(kind).parameters.items()}
    usual["betas"] = betas
    group = optimizer.param_groups[0]
    named = (k for k in usual if k in group and k not in ("params", "lr", *KERNELS))
    return " ".join([kind.__name__, *(f"{k}={group[k]}" for k in named if group[k] != usual[k])])


def name_of(function: Any) -> str:
    """A function's name; of an object its class."""
    return getattr(function, "__qualname__", None) or type(function).__qualname__


@contextmanager
def refused_if_compiled() -> Iterator[None]:
    """What torch says of a penalty on a compiled discriminator, in words."""
    try:
        yield
    except RuntimeError as error:
        if "double backward" not in str(error) and "donated buffer" not in str(error):
            raise
        raise ValueError(
            "discriminator is compiled, and r1, r2 and gp differentiate its gradient once more, "
            "which torch.compile can't; give GANTrainer the discriminator as it was before "
            "torch.compile (the generator may stay compiled), or leave the penalties out"
        ) from error
