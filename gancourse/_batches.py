"""From whatever a reader calls data to a function that draws the next batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from . import checkpoints
from ._settings import trainable
from ._state import modes_of
from ._warn import warn

if TYPE_CHECKING:
    from .training import GANTrainer


def batches(run: GANTrainer, data: Any) -> Callable[[], tuple[Tensor, ...]]:
    """A function that draws the next real batch: samples and, in a conditional run, labels."""
    labels = None
    if hasattr(data, "images"):  # an ImageSet
        data, labels = data.float(), data.labels
    elif isinstance(data, (tuple, list)) and len(data) == 2:
        data, labels = data
        if run.num_classes is None:
            raise ValueError("data has labels, but the generator has no num_classes")
    if hasattr(data, "__array__") and not isinstance(data, Tensor):
        data = _from_array(data)
    if isinstance(data, Tensor):
        if data.is_floating_point():
            data = data.detach().to(run.dtype)
        _check_data(data)
        tensors = [data.to(run.device)]
        if run.num_classes is not None:
            if labels is None:
                raise ValueError(
                    f"data has no labels, and generator.num_classes is {run.num_classes}; "
                    "need an ImageSet or (samples, labels)"
                )
            check_labels(labels, len(data), run.num_classes)
            tensors.append(labels.to(run.device))
        size = (run.batch_size,)

        def draw() -> tuple[Tensor, ...]:
            index = torch.randint(len(data), size, generator=run.rng, device=run.device)
            return tuple(tensor[run.processes.share(index)] for tensor in tensors)

        example = tensors[0][:2]
        run._data = checkpoints.fingerprint(*tensors)
    elif hasattr(data, "sample") and run.num_classes is None:
        where = {"device": run.device, "dtype": run.dtype}

        def draw() -> tuple[Tensor, ...]:
            batch = data.sample(run.batch_size, generator=run.rng)
            return (run.processes.share(batch.to(**where)),)

        example = data.sample(2, generator=torch.Generator(run.device).manual_seed(0))
        if not isinstance(example, Tensor):
            raise ValueError(
                f"data.sample(2, generator=...) returns a {type(example).__name__}; need a "
                "tensor (2, ...)"
            )
        parts = [v for v in getattr(data, "__dict__", {}).values() if isinstance(v, Tensor)]
        run._data = f"{type(data).__name__} {checkpoints.fingerprint(*parts)}"
    else:
        need = "an ImageSet or (float tensor (N, ...), int64 labels (N,))"
        if run.num_classes is None:
            need = "a float tensor (N, ...), an ImageSet, or an object with .sample(n, "
            need += "generator=...)"
        raise ValueError(f"data is a {type(data).__name__}; need {need}")
    _check_nets(run, example)
    return draw


@torch.no_grad()
def _check_nets(run: GANTrainer, example: Tensor) -> None:
    """A look at two samples, in evaluation mode so that nothing learns from it."""
    modes = modes_of(run.generator, run.discriminator)
    run.generator.eval()
    run.discriminator.eval()
    y = [] if run.num_classes is None else [_zeros(2).long().to(run.device)]
    try:
        fake = run.generator(_zeros(2, run.nz).to(run.device, run.dtype), *y)
        if not isinstance(fake, Tensor):
            raise ValueError(f"generator returns {_kind(fake)}; need one tensor (2, ...)")
        if fake.shape[1:] != example.shape[1:]:
            raise ValueError(
                f"generator makes samples of shape {tuple(fake.shape[1:])}, data has "
                f"{tuple(example.shape[1:])}; give both one shape"
            )
        logits = run.discriminator(fake, *y)
        if not isinstance(logits, Tensor):
            raise ValueError(
                f"discriminator returns {_kind(logits)}; need one tensor of logits (N,). Of "
                "several heads give GANTrainer the one that tells real from generated"
            )
        if logits.shape != (2,):
            raise ValueError(
                f"discriminator returns shape {tuple(logits.shape)} for 2 samples; need logits "
                "(2,): end it in .squeeze(1)"
            )
    finally:
        for module, mode in modes:
            module.training = mode
    trainable(run._d_parameters, "discriminator")
    trainable(run._g_parameters, "generator")


def _check_data(data: Tensor) -> None:
    if data.ndim < 2 or len(data) == 0:
        raise ValueError(f"data has shape {tuple(data.shape)}; need (N, ...) with N >= 1")
    if not data.is_floating_point():
        raise ValueError(f"data is {data.dtype}; need float (an ImageSet's .float() is in [-1, 1])")
    if not data.isfinite().all():
        raise ValueError("data holds NaN or infinite values; remove them first")
    if data.ndim == 4 and (data.min() < -1 or data.max() > 1):
        raise ValueError(
            f"data are images in [{data.min():.3g}, {data.max():.3g}]; need [-1, 1], the range of "
            "a tanh generator: x / 127.5 - 1 for bytes, 2 * x - 1 for [0, 1]"
        )
    if data.ndim == 4 and data.min() >= 0 and data.max() > 0:
        warn(
            f"data are images with no value below 0 ({data.min():.3g} to {data.max():.3g}): are they "
            "in [0, 1]? A tanh generator draws in [-1, 1]: give 2 * x - 1",
        )


def check_labels(labels: Tensor, n: int, num_classes: int) -> None:
    """int64, one a sample, each a class that the networks know."""
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != (n,):
        came = type(labels).__name__
        if isinstance(labels, Tensor):
            came = f"{labels.dtype} {tuple(labels.shape)}"
        raise ValueError(f"labels are {came}; need int64 ({n},), one a sample")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; generator.num_classes is "
            f"{num_classes}: need 0 to {num_classes - 1}"
        )


def _kind(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"


def _from_array(data: Any) -> Tensor:
    try:
        return torch.as_tensor(data.__array__(), device="cpu")
    except TypeError as error:
        raise ValueError(f"data is a {type(data).__name__} of no numbers; need floats") from error


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float32, device="cpu")
