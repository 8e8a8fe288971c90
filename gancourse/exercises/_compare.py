"""Compare two trees of tensors, numbers and text, and say in words what differs first.

A right value counts in any ordinary dress: float32 or float64, tensor, numpy or Python number, a
list for a tuple, shape (1,) for a number, text such as "B, D" for a set of letters. `dress` puts an
answer into the dress of what is expected; `freeze` copies it, and makes a placeholder (`Odd`) of
whatever can't be compared, so that nothing of the answer's own code runs later.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, Set, ValuesView
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from numbers import Number
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LARGEST = 20_000_000  # values of a tensor that are still copied and compared
DEEPEST = 20
MOST_PARTS = 200_000


@dataclass(frozen=True)
class Odd:
    """Stands for a value that can't be compared; ``what`` is a noun with its article."""

    what: str


class Network(dict):
    """The state of a network: compared as a dictionary is, and called a network."""


class Fields(list):
    """What torch.max and its like return: compared as a list is, and called by their names."""

    what = ""


def freeze(tree: Any) -> Any:
    """A copy that later calls cannot change; modules become their state. Never raises."""
    left = [MOST_PARTS]
    try:
        return _freeze(tree, 0, left)
    except Exception as error:  # a class whose attributes raise, a tensor of a new layout
        return Odd(f"{_a(type(tree).__name__)} that can't be read ({type(error).__name__})")


def _freeze(tree: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        return Odd("a collection of too many parts to compare")
    if depth > DEEPEST:
        return Odd("a list nested without end")
    if isinstance(tree, nn.Module):
        state = _freeze(tree.state_dict(), depth, left)
        return Network(state) if isinstance(state, dict) else state
    if isinstance(tree, Tensor):
        return _freeze_tensor(tree)
    if isinstance(tree, np.ndarray):
        if tree.size > LARGEST:
            return Odd(f"an array of shape {tree.shape}, too large to compare")
        if tree.dtype.kind in "biufc":
            return np.array(tree)
        tree = tree.tolist()  # text and objects
    if isinstance(tree, np.generic):
        tree = tree.item()
    if isinstance(tree, Mapping):
        return {key: _freeze(value, depth + 1, left) for key, value in tree.items()}
    if isinstance(tree, _LISTS):
        if len(tree) > left[0]:
            return Odd("a list or tuple of too many parts to compare")
        parts = [_freeze(value, depth + 1, left) for value in tree]
        if _by_torch(tree):
            parts = Fields(parts)
            parts.what = kind(tree)
        return parts
    if isinstance(tree, Set):
        return frozenset(_member(value, depth) for value in tree)
    if isinstance(tree, bool):
        return bool(tree)
    if isinstance(tree, int):
        if abs(tree) >= 10**300:
            return Odd("a number of more than 300 digits")
        return int(tree)
    if isinstance(tree, float):
        return float(tree)
    if isinstance(tree, complex):
        return complex(tree)
    if isinstance(tree, Number):  # Fraction, Decimal
        return float(tree)  # type: ignore[arg-type]
    if isinstance(tree, str):
        return str(tree)
    if tree is None or tree is ... or callable(tree):
        return tree
    if type(tree).__module__.partition(".")[0] in ("gancourse", "builtins"):
        return tree
    return Odd(kind(tree))


_LISTS = (list, tuple, deque, range, KeysView, ValuesView, ItemsView)


def _by_torch(value: Any) -> bool:
    return isinstance(value, Fields) or type(value).__module__ == "torch.return_types"


def _member(value: Any, depth: int) -> Any:
    """One of a set, as something that can be in a set."""
    if isinstance(value, Tensor) and value.ndim == 0:
        value = value.item()
    if isinstance(value, tuple) and depth < DEEPEST:
        return tuple(_member(part, depth + 1) for part in value)
    return value if isinstance(value, (str, int, float)) else Odd(kind(value))


def _freeze_tensor(tensor: Tensor) -> Any:
    if tensor.is_meta:
        return Odd("a tensor on the device meta, which holds no values")
    if tensor.is_nested:
        return Odd("a nested tensor")
    if tensor.numel() > LARGEST:
        return Odd(f"a tensor of shape {tuple(tensor.shape)}, too large to compare")
    grad = tensor.requires_grad
    plain = tensor.detach()
    if plain.is_quantized:
        plain = plain.dequantize()
    if plain.layout is not torch.strided:
        plain = plain.to_dense()
    if type(plain) is not Tensor:
        plain = plain.as_subclass(Tensor)
    return plain.cpu().clone().requires_grad_(grad)


def untouched(tree: Any, blank: tuple = (None, ...), depth: int = 0) -> bool:
    if isinstance(tree, (dict, list, tuple)) and depth <= DEEPEST:
        values = list(tree.values()) if isinstance(tree, dict) else list(tree)
        return bool(values) and all(untouched(value, blank, depth + 1) for value in values)
    return any(tree is mark for mark in blank)


# --- dress -----------------------------------------------------------------------------------------


def _number(value: Any) -> bool:
    """A Python number, or a tensor or array of no axes."""
    if isinstance(value, (Tensor, np.ndarray)):
        return value.ndim == 0
    return isinstance(value, (Number, np.generic))  # Fraction and Decimal, too; bool is an int


def _one(value: Any) -> Any:
    """What a tensor or a list of a single value holds, as far as there is one."""
    if isinstance(value, (Tensor, np.ndarray)) and value.ndim and math.prod(value.shape) == 1:
        return value.reshape(())
    if isinstance(value, (list, tuple)) and len(value) == 1 and _number(value[0]):
        value = value[0]
    return float(value) if isinstance(value, (Fraction, Decimal)) else value


def _tensor(value: Any) -> Any:
    """Arrays, numbers and (nested) lists of them as a tensor; anything else as it came."""
    try:
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            if value.size > LARGEST:  # one number shown a billion times: a copy takes all memory
                return value
            return torch.as_tensor(np.ascontiguousarray(value).reshape(value.shape))
        if isinstance(value, (Number, np.generic)):
            value = _one(value)
            wide = isinstance(value, float)
            return torch.as_tensor(value, dtype=torch.float64 if wide else None)
        if isinstance(value, (list, tuple)) and 0 < len(value) <= MOST_PARTS and not _by_torch(value):
            parts = [part if isinstance(part, Tensor) else _tensor(part) for part in value]
            if all(isinstance(part, Tensor) for part in parts):
                return torch.stack(parts)
    except Exception:  # ragged, or too large for any dtype
        pass
    return value


def letters(value: Any, known: Sequence[str] = ()) -> frozenset | None:
    """The letters (or words) of a set, a list, or text such as "B, D and E"; None if it is none."""
    if isinstance(value, str):
        words = re.findall(r"[^\W_]+", value)
        words = [word for word in words if word.casefold() not in ("and", "und", "et")]
        if known and max(map(len, known), default=1) == 1:
            words = list("".join(words))
        value = words
    if not isinstance(value, (set, frozenset, list, tuple)):
        return None
    if not all(isinstance(word, str) for word in value):
        return None
    case = {word.casefold(): word for word in known}
    stripped = (word.strip() for word in value)
    return frozenset(case.get(word.casefold(), word) for word in stripped)


def dress(expected: Any, got: Any, known: Sequence[str] = ()) -> Any:
    """``got``, if it says the same in another ordinary way, in the way of ``expected`` (frozen).
    Graphs of gradients stay on it."""
    if isinstance(expected, (Tensor, np.ndarray)):
        got = _one(got) if expected.ndim == 0 else got
        return got if isinstance(got, Tensor) else _tensor(got)
    if isinstance(expected, (bool, int, float, complex)):
        return _one(got)
    if isinstance(expected, str):
        return str(got) if isinstance(got, str) else got
    if isinstance(expected, (set, frozenset)):
        known = [*known, *(word for word in expected if isinstance(word, str))]
        found = letters(got, known)
        return got if found is None else found
    if isinstance(expected, list):
        if isinstance(got, (Tensor, np.ndarray)) and got.ndim and len(got) <= MOST_PARTS:
            numbers = all(map(_number, expected))
            if (got.ndim > 1 and expected) if numbers else len(got) != len(expected):
                return got  # a column is no list of numbers, a batch is no pair of two batches
            got = list(got)
        if isinstance(got, _LISTS) and len(got) <= MOST_PARTS:
            got = list(got)
        if isinstance(got, (list, tuple)) and len(got) == len(expected):
            return [dress(a, b) for a, b in zip(expected, got)]
        return got
    if isinstance(expected, dict) and isinstance(got, Mapping) and not isinstance(got, Network):
        return {key: dress(expected.get(key), value) for key, value in got.items()}
    return got


# --- words -----------------------------------------------------------------------------------------


def _a(name: str) -> str:
    return f"an {name}" if name[:1].lower() in tuple("aeiou") else f"a {name}"


_KINDS: list[tuple[Any, str]] = [
    ((nn.Module, Network), "a network"), (torch.optim.Optimizer, "an optimizer"),
    (Tensor, "a tensor"), (np.ndarray, "a numpy array"), (Mapping, "a dictionary"),
    (_LISTS, "a list or tuple"), (str, "text"), (type(None), "nothing (None)"), (Set, "a set"),
    (type, "a class"), (Iterator, "an iterator (`list(...)` makes a list of it)"),
]  # fmt: skip


def kind(value: Any) -> str:
    if value is ...:
        return "still ..."
    if isinstance(value, (Odd, Fields)):
        return value.what
    if _by_torch(value):
        name = type(value).__name__.replace("_", ".")
        return f"what torch.{name} returns: ({', '.join(type(value).__match_args__)})"
    if isinstance(value, (bool, np.bool_)):
        return "True or False"
    if isinstance(value, (Tensor, np.ndarray)) and value.ndim == 0:
        boolean = value.dtype in (torch.bool, np.bool_)
        return "True or False" if boolean else "a number"
    if isinstance(value, (int, float, complex, np.number)):
        return "a number"  # a scalar tensor and a Python number count as the same thing
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return "a function" if callable(value) else _a(type(value).__name__)


def misfit(expected: Any, got: Any, parts: Sequence[str] = (), where: str = "The result") -> str | None:
    """Why ``got`` (dressed) can't be what ``expected`` is, whatever its values are; or None."""
    if kind(expected) != kind(got):
        if {kind(expected), kind(got)} <= {"a tensor", "a numpy array"}:
            return None
        hint = " (is a `return` missing?)" if got is None and where == "The result" else ""
        many = isinstance(got, (Tensor, np.ndarray)) and got.ndim
        what = f"a tensor of shape {tuple(got.shape)}" if many else kind(got)
        wanted = kind(expected)
        if wanted == "a number" and many:
            wanted = "one number"
        elif isinstance(expected, Tensor) and expected.ndim:
            wanted = f"a tensor of shape {tuple(expected.shape)}"
        elif isinstance(expected, list) and parts:
            wanted = f"{len(expected)} things: {', '.join(parts)}"
        return f"{where} is {what}; it should be {wanted}{hint}."
    if isinstance(expected, list):
        if len(expected) != len(got):
            named = f": {', '.join(parts)}" if parts and where == "The result" else ""
            return f"{where} has {_count(len(got))}; it should have {len(expected)}{named}."
        pairs = enumerate(zip(expected, got))
        return next(filter(None, (misfit(*ab, (), _inside(where, i, parts)) for i, ab in pairs)), None)
    return None


def _count(n: int) -> str:
    return "1 part" if n == 1 else f"{n} parts"


def _inside(where: str, key: Any, parts: Sequence[str] = ()) -> str:
    """The name of a part, for people."""
    if isinstance(key, int):
        if key < len(parts):
            return parts[key]
        return f"Part {key + 1} of {where[:1].lower() + where[1:]}"
    return str(key) if where == "The result" else f"{where} ({key})"


# --- the comparison --------------------------------------------------------------------------------


def difference(
    expected: Any,
    got: Any,
    rtol: float,
    atol: float,
    where: str = "The result",
    *,
    parts: Sequence[str] = (),
    types: str = "ordinary",
) -> str | None:
    """What differs first between two frozen trees, in words, or None.

    ``types`` is "ordinary" (any dress, but a graph of gradients must be there where one is
    expected), "strict" (dtypes and containers as well) or "any" (values only).
    """
    if types == "strict":
        if type(expected) is not type(got) and not (_number(expected) and _number(got)):
            return misfit(expected, got, parts, where) or (
                f"{where} is {kind(got)}; it should be {kind(expected)}."
            )
    else:
        got = dress(expected, got)
    if problem := misfit(expected, got, parts, where):
        return problem

    def inside(a: Any, b: Any, key: Any) -> str | None:
        names = parts if where == "The result" else ()
        return difference(a, b, rtol, atol, _inside(where, key, names), types=types)

    if isinstance(expected, dict):
        if expected.keys() != got.keys():
            verb, keys = "lacks", expected.keys() - got.keys()
            if not keys:
                verb, keys = "has something more:", got.keys() - expected.keys()
            return f"{where} {verb} {', '.join(sorted(map(str, keys)))}."
        return next(filter(None, (inside(expected[k], got[k], k) for k in expected)), None)
    if isinstance(expected, list):
        return next(filter(None, (inside(*ab, i) for i, ab in enumerate(zip(expected, got)))), None)
    if not isinstance(expected, (Tensor, np.ndarray, int, float, complex)):
        if isinstance(expected, str):
            expected, got = expected.strip(), got.strip()
            same = expected.casefold() == got.casefold()
        else:
            same = bool(expected == got)
        return None if same else f"{where}: expected {short(expected)}, got {short(got)}"

    a, b = (_wide(value).detach() for value in (expected, got))
    if a.shape != b.shape:
        return f"{where} has shape {tuple(b.shape)}; it should be {tuple(a.shape)}."
    if types != "any" and (a.dtype == torch.bool) != (b.dtype == torch.bool):
        one, other = ("numbers", "True and False")[:: 1 if a.dtype == torch.bool else -1]
        return f"{where} holds {one} (dtype {_dtype(b)}); it should hold {other} ({_dtype(a)})."
    if types != "any" and b.is_complex() and not a.is_complex():
        return f"{where} is complex; it should be real."
    wide = torch.complex128 if a.is_complex() or b.is_complex() else torch.float64
    x, y = a.cpu().to(wide), b.cpu().to(wide)
    close = torch.isclose(y, x, rtol=_floor(rtol, b), atol=atol, equal_nan=True)
    if not close.all():
        return _values(where, x, y, ~close)
    if types == "strict" and isinstance(expected, Tensor) and a.dtype != b.dtype:
        return f"{where} has the right values, but dtype {_dtype(b)}; it should be {_dtype(a)}."
    needs_graph = types != "any" and getattr(expected, "requires_grad", False)
    if needs_graph and not getattr(got, "requires_grad", False):
        return f"{where} has the right value, but {NO_GRADIENT}"
    return None


NO_GRADIENT = (
    "carries no gradient (look for .item(), .detach(), no_grad, numpy or a new tensor on the way)."
)


def _wide(value: Any) -> Tensor:
    """A Python float keeps its digits, which torch.as_tensor would cut to float32's."""
    return torch.as_tensor(value, dtype=torch.float64 if isinstance(value, float) else None)


def _floor(rtol: float, got: Tensor) -> float:
    """A float32 answer can't be nearer than its rounding, some of which has added up."""
    if got.dtype == torch.float64 and bool((got == got.float().double()).all()):
        return max(rtol, 1e-5)  # a Python number that was a float32: .item()
    return max(rtol, 1e-5) if got.dtype == torch.float32 else rtol


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
        place = f"index {index[0]}" if len(index) == 1 else f"index {index}"
        title += f" The first is at {place}:"
        expected, got = expected[index], got[index]
    one, other = short(expected), short(got)
    if one == other:  # they part in a later digit
        one, other = short(expected, 12), short(got, 12)
    return f"{title}\n  expected  {one}\n  got       {other}"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def short(value: Any, digits: int = 6, depth: int = 0) -> str:
    """A value in a few characters. Never raises."""
    try:
        return _short(value, digits, depth)
    except Exception:
        return f"<{type(value).__name__}>"


def _short(value: Any, digits: int, depth: int) -> str:
    if isinstance(value, (Odd, Network)):
        return kind(value)
    if isinstance(value, (Tensor, np.ndarray)):
        value = torch.as_tensor(value)
        if value.numel() > 8:
            return f"{_dtype(value)} tensor of shape {tuple(value.shape)}"
        value = value.detach().cpu().tolist()
    if depth > 3:
        return "..."

    def inner(part: Any) -> str:
        return short(part, digits, depth + 1)

    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(map(inner, value[:12])) + (", ..." if len(value) > 12 else "")
        return f"[{shown}]" if isinstance(value, list) else f"({shown})"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(str, value))) + "}" if value else "the empty set"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {inner(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if value is None or isinstance(value, int):
        return repr(value)
    if value is ... or isinstance(value, nn.Module):
        return "..." if value is ... else type(value).__name__
    return kind(value) if isinstance(value, type) else getattr(value, "__name__", kind(value))
