"""Compare two trees of tensors, numbers and text, and say in words what differs first."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def freeze(tree: Any) -> Any:
    """A copy that later calls cannot change; modules become their state."""
    if isinstance(tree, nn.Module):
        tree = tree.state_dict()
    if isinstance(tree, Tensor):
        return tree.detach().clone().requires_grad_(tree.requires_grad)
    if isinstance(tree, np.ndarray):
        return tree.copy()
    if isinstance(tree, np.generic):
        return tree.item()
    if isinstance(tree, dict):
        return {key: freeze(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [freeze(value) for value in tree]
    return tree


def untouched(tree: Any, blank: tuple = (None, ...)) -> bool:
    if isinstance(tree, (dict, list, tuple)):
        values = list(tree.values()) if isinstance(tree, dict) else list(tree)
        return bool(values) and all(untouched(value, blank) for value in values)
    return any(tree is mark for mark in blank)


_KINDS: list[tuple[Any, str]] = [
    (Tensor, "a tensor"), (np.ndarray, "a numpy array"), (dict, "a dict"),
    ((list, tuple), "a sequence"), (str, "text"), (type(None), "None"),
]  # fmt: skip


def kind(value: Any) -> str:
    if value is ...:
        return "still ..."
    if isinstance(value, bool):
        return "a bool"
    if isinstance(value, (int, float)) or (isinstance(value, Tensor) and value.ndim == 0):
        return "a number"  # a scalar tensor and a Python number count as the same thing
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def difference(
    expected: Any, got: Any, rtol: float, atol: float, path: str, exact_types: bool
) -> str | None:
    """What differs first, in words, or None."""
    where = path or "The result"

    def inside(a: Any, b: Any, key: Any) -> str | None:
        name = f"{path}[{key!r}]" if path or not isinstance(key, str) else key
        return difference(a, b, rtol, atol, name, exact_types)

    if kind(expected) != kind(got):
        hint = " (is a `return` missing?)" if got is None and not path else ""
        return f"{where} is {kind(got)}; it should be {kind(expected)}{hint}."
    if isinstance(expected, dict):
        if expected.keys() != got.keys():
            verb, keys = "should have", expected.keys() - got.keys()
            if not keys:
                verb, keys = "should not have", got.keys() - expected.keys()
            return f"{where} {verb} {', '.join(sorted(map(repr, keys)))}."
        return next(filter(None, (inside(expected[k], got[k], k) for k in expected)), None)
    if isinstance(expected, list):
        if len(expected) != len(got):
            return f"{where} has {len(got)} parts; it should have {len(expected)}."
        return next(filter(None, (inside(*ab, i) for i, ab in enumerate(zip(expected, got)))), None)
    if not isinstance(expected, (Tensor, np.ndarray, int, float)):
        if isinstance(expected, str):
            expected, got = expected.strip(), got.strip()
            same = expected.casefold() == got.casefold()
        else:
            same = bool(expected == got)
        return None if same else f"{where}: expected {short(expected)}, got {short(got)}"

    a, b = torch.as_tensor(expected).detach(), torch.as_tensor(got).detach()
    if a.shape != b.shape:
        return f"{where} has shape {tuple(b.shape)}; it should be {tuple(a.shape)}."
    typed = exact_types and isinstance(expected, Tensor) and isinstance(got, Tensor)
    if typed and a.is_floating_point() != b.is_floating_point():
        return f"{where} has dtype {_dtype(b)}; it should be {_dtype(a)}."
    wide = torch.complex128 if a.is_complex() or b.is_complex() else torch.float64
    x, y = a.cpu().to(wide), b.cpu().to(wide)
    close = torch.isclose(y, x, rtol=rtol, atol=atol, equal_nan=True)
    if not close.all():
        return _values(where, x, y, ~close)
    if typed and a.dtype != b.dtype:
        return f"{where} has the right values, but dtype {_dtype(b)}; it should be {_dtype(a)}."
    if getattr(expected, "requires_grad", False) and not getattr(got, "requires_grad", False):
        cut = "look for .item(), .detach(), no_grad or a new tensor on the way"
        return f"{where} has the right value, but carries no gradient ({cut})."
    return None


def _values(where: str, expected: Tensor, got: Tensor, wrong: Tensor) -> str:
    n = expected.numel()
    for name, test in (("NaN (not a number)", torch.isnan), ("infinite", torch.isinf)):
        if bad := int((test(got) & ~test(expected)).sum()):
            verb = "is" if n == 1 else f"has {bad} of {n} values that {'is' if bad == 1 else 'are'}"
            title = f"{where} {verb} {name}."
            break
    else:
        many = f" {int(wrong.sum())} of {n} values differ." if n > 1 else ""
        title = f"{where} is not right:{many}"
    if n > 8:
        index = tuple(int(i) for i in wrong.nonzero()[0])
        title += f" The first is at {list(index)}:"
        expected, got = expected[index], got[index]
    return f"{title}\n  expected  {short(expected)}\n  got       {short(got)}"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def short(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, (Tensor, np.ndarray)):
        value = torch.as_tensor(value).detach().cpu()
        if value.numel() > 8:
            return f"{_dtype(value)} tensor of shape {tuple(value.shape)}"
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(short, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(short, value)) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {short(item)}" for key, item in value.items()) + "}"
    if value is None or isinstance(value, (str, int)):
        return repr(value)
    return "..." if value is ... else getattr(value, "__name__", type(value).__name__)
