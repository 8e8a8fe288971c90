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


def labels_of_samples(run: GANTrainer, n: int, labels: Any) -> list[Tensor]:
    """What ``sample`` gives the generator beside its latents: labels, or nothing."""
    if run.num_classes is None:
        if labels is not None:
            raise ValueError("labels are given, but the generator has no num_classes")
        return []
    y = torch.arange(n, device="cpu") % run.num_classes
    if labels is not None:
        y = torch.as_tensor(labels, device="cpu")
        y = y if y.is_floating_point() else y.long()
    y = y.expand(n) if y.ndim == 0 else y
    check_labels(y, n, run.num_classes)
    return [y.to(run.device)]


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
        _check_augment(run, example)
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


def _check_augment(run: GANTrainer, example: Tensor) -> None:
    """Two samples through it, with numbers of a stream that nobody else draws from."""
    if run.augment is None:
        return
    with torch.enable_grad():
        x = example.detach().to(run.device, run.dtype, copy=True).requires_grad_()
        try:
            seen = run.augment(x, torch.Generator(run.device).manual_seed(0))
        except TypeError as error:
            raise ValueError(
                f"augment can't be called as (samples, generator): {error}; need a function of "
                "samples (N, ...) and the torch.Generator that it draws from"
            ) from error
    if not isinstance(seen, Tensor):
        raise ValueError(f"augment returns {_kind(seen)}; need one tensor (N, ...)")
    if seen.shape != x.shape or seen.dtype != x.dtype:
        raise ValueError(
            f"augment makes {tuple(seen.shape)} {seen.dtype} of {tuple(x.shape)} {x.dtype}; need "
            "samples of the same shape and type"
        )
    if not seen.requires_grad:
        raise ValueError(
            "augment's result has no gradient with respect to the samples, so the generator could "
            "not learn through it; need differentiable operations, without .detach(), .numpy() or "
            "rounding to whole numbers"
        )


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


def check_labelled(run: GANTrainer, labels: Tensor | None) -> None:
    """A step has labels in a conditional run, and in no other."""
    if (labels is None) != (run.num_classes is None):
        raise ValueError(
            f"labels are {'missing' if labels is None else 'given'}, but generator.num_classes "
            f"is {run.num_classes}"
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
