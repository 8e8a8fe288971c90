"""What a call did besides returning: to networks, optimizers and tensors that it was handed.

The reference's effects are the allowed ones. So an exercise need not list what must stay as it was:
if the reference leaves D's `requires_grad` alone, an answer that leaves D frozen is told so.
"""

from __future__ import annotations

import copy
import types
from collections import deque
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Changes = dict[tuple[str, str], str]  # (argument, what of it) -> the sentence for the reader

_LARGEST = 20_000_000
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_OPAQUE = (
    str, bytes, int, float, complex, type(None), type, types.ModuleType, types.FunctionType,
    types.BuiltinFunctionType, types.MethodType, torch.Generator, torch.dtype, torch.device,
)  # fmt: skip


class Snapshot:
    """The arguments of a call as they were before it."""

    def __init__(self, names: Sequence[str], args: tuple) -> None:
        self.tensors: list[tuple[str, str, Tensor, Tensor | None, bool, Tensor | None]] = []
        self.arrays: list[tuple[str, np.ndarray, np.ndarray]] = []
        self.modules: list[tuple[str, nn.Module, dict]] = []
        self.optimizers: list[tuple[str, torch.optim.Optimizer, Any, Any]] = []
        self.holders: list[tuple[str, Any, list]] = []
        self._seen: set[int] = set()
        # Networks first: a weight is called by its network's name, also where an optimizer has it.
        pairs = list(zip(names, args))
        for name, value in sorted(pairs, key=lambda pair: not isinstance(pair[1], nn.Module)):
            self._walk(name, value, 0)

    def _new(self, value: Any) -> bool:
        if id(value) in self._seen:
            return False
        self._seen.add(id(value))
        return True

    def _tensor(self, name: str, role: str, value: Tensor) -> None:
        if not self._new(value):
            return
        with torch.no_grad():
            kept = None
            if value.numel() <= _LARGEST and value.layout is torch.strided:
                kept = value.detach().clone()
            grad = value.grad if value.is_leaf else None
            grad = None if grad is None else grad.detach().clone()
        self.tensors.append((name, role, value, kept, value.requires_grad, grad))

    def _walk(self, name: str, value: Any, depth: int) -> None:
        if depth > 4 or isinstance(value, _OPAQUE):
            return
        if isinstance(value, Tensor):
            self._tensor(name, "tensor", value)
        elif isinstance(value, np.ndarray):
            if self._new(value) and value.size <= _LARGEST:
                self.arrays.append((name, value, value.copy()))
        elif isinstance(value, nn.Module):
            if self._new(value):
                for parameter in value.parameters():
                    self._tensor(name, "parameters", parameter)
                for buffer in value.buffers():
                    self._tensor(name, "buffers", buffer)
                self.modules.append((name, value, _look(value)))
        elif isinstance(value, torch.optim.Optimizer):
            if self._new(value):
                for group in value.param_groups:
                    for parameter in group["params"]:
                        self._tensor(f"the parameters of {name}", "parameters", parameter)
                self.optimizers.append((name, value, _settings(value), _state(value)))
        elif isinstance(value, Mapping):
            if self._new(value):
                self.holders.append((name, value, _parts(value)))
                for key, part in value.items():
                    self._walk(f"{name} ({key})", part, depth + 1)
        elif isinstance(value, (list, tuple, deque, Set, bytearray)):
            if self._new(value) and len(value) <= 10_000:
                self.holders.append((name, value, _parts(value)))
                for part in value:
                    self._walk(name, part, depth + 1)
        elif self._new(value):
            for key, part in list(getattr(value, "__dict__", {}).items()):
                self._walk(f"{name}.{key}", part, depth + 1)

    def changes(self) -> Changes:
        """What is no longer as it was."""
        found: Changes = {}
        for name, role, value, kept, wanted, grad in self.tensors:
            for what, sentence in _tensor_changes(name, role, value, kept, wanted, grad):
                found.setdefault((name, what), sentence)
        for name, array, copied in self.arrays:
            if array.shape != copied.shape or not np.array_equal(array, copied, _floats(array)):
                found[name, "values"] = _spoiled(name)
        for name, module, looks in self.modules:
            for what, was in looks.items():
                if (now := _look(module)[what]) != was:
                    found[name, what] = _module_sentence(name, what, was, now)
        for name, optimizer, settings, state in self.optimizers:
            if (now := _settings(optimizer)) != settings:
                keys = sorted({k for a, b in zip(settings, now) for k in a if a[k] != b.get(k)})
                listed = ", ".join(keys) or "its groups of parameters"
                found[name, "settings"] = f"The settings of {name} have changed: {listed}."
            if not _same_state(_state(optimizer), state):
                found[name, "state"] = f"{name} has made a step, or its memory was changed."
        for name, holder, parts in self.holders:
            if not _same_parts(parts, _parts(holder)):
                found[name, "contents"] = _spoiled(name)
        return found


def _floats(array: np.ndarray) -> bool:
    return array.dtype.kind in "fc"


def _spoiled(name: str) -> str:
    return f"Your function changes its argument {name}: work on a copy, or without operations in place."


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(one, other) or bool(((one == other) | ((one != one) & (other != other))).all())


def _parts(holder: Any) -> list:
    """What a collection holds; a set, in some order that stays as long as its members do."""
    if isinstance(holder, Set):
        return sorted(holder, key=id)
    return list(holder.items() if isinstance(holder, Mapping) else holder)


def _same_parts(one: list, other: list) -> bool:
    if len(one) != len(other):
        return False
    for a, b in zip(one, other):
        if isinstance(a, tuple) and isinstance(b, tuple):  # an item of a dictionary
            if len(a) != len(b) or any(x is not y for x, y in zip(a, b)):
                return False
        elif a is not b:
            return False
    return True


def _tensor_changes(
    name: str, role: str, value: Tensor, kept: Tensor | None, wanted: bool, grad: Tensor | None
) -> list[tuple[str, str]]:
    found = []
    of = f"the parameters of {name}" if role == "parameters" and " of " not in name else name
    if wanted and not value.requires_grad:
        if role == "parameters":
            text = f"{name} is left frozen: requires_grad was switched off and not put back."
        else:
            text = f"{name} no longer requires gradients after your function: work on a copy of it."
        found.append(("frozen", text))
    if not wanted and value.requires_grad and role == "parameters":
        text = f"{name} was frozen and is left thawed: requires_grad was switched on."
        found.append(("thawed", text))
    now = value.grad if value.is_leaf else None
    if (now is None) != (grad is None) or (
        now is not None and grad is not None and not _same(now.detach(), grad)
    ):
        if now is None:
            text = f"The gradients that were in {of} are gone: .grad was emptied."
        elif grad is None:
            text = (
                f"Your function leaves gradients in {of} (.grad): nothing here may do so. Cut the "
                "way there, or ask torch.autograd.grad for the gradient that you need."
            )
        else:
            text = f"The gradients that were in {of} have changed: yours were added to .grad."
        found.append(("gradients", text))
    if kept is not None and not _same(value.detach(), kept):
        if role == "buffers":
            text = f"The buffers of {name} (running statistics) have changed."
        elif role == "parameters":
            text = f"The weights of {name} have changed, and must stay as they are here."
        else:
            text = _spoiled(name)
        found.append(("buffers" if role == "buffers" else "values", text))
    return found


def _look(module: nn.Module) -> dict[str, Any]:
    """The modes, hooks and layers of a network."""
    all_of_it = list(module.named_modules())
    return {
        "mode": tuple(m.training for _, m in all_of_it),
        "hooks": tuple(tuple(map(id, getattr(m, h, {}).values())) for _, m in all_of_it for h in _HOOKS),
        "layers": (
            tuple((n, id(m)) for n, m in all_of_it),
            tuple((n, id(p)) for n, p in module.named_parameters()),
            tuple((n, id(b)) for n, b in module.named_buffers()),
        ),
    }


def _module_sentence(name: str, what: str, was: Any, now: Any) -> str:
    if what == "hooks":
        return f"A hook is left on {name}: remove it before you return."
    if what == "layers":
        return f"The layers or weights of {name} were replaced by others: change values, in place."
    if len(was) == len(now) and not any(now) and any(was):
        return f"{name} is left in eval mode: put it back into training mode."
    if len(was) == len(now) and all(now):
        return f"{name} is left in training mode, and was in eval mode."
    return f"{name} is left with some layers in another mode (training or eval) than before."


def _settings(optimizer: torch.optim.Optimizer) -> list[dict]:
    groups = []
    for group in optimizer.param_groups:
        rest = {
            key: float(value) if isinstance(value, Tensor) else copy.copy(value)
            for key, value in group.items()
            if key != "params"
        }
        groups.append({**rest, "its parameters": [id(p) for p in group["params"]]})
    return groups


def _state(optimizer: torch.optim.Optimizer) -> dict:
    return {
        id(parameter): {
            key: value.detach().clone() if isinstance(value, Tensor) else value
            for key, value in state.items()
        }
        for parameter, state in optimizer.state.items()
    }


def _same_state(one: dict, other: dict) -> bool:
    if one.keys() != other.keys():
        return False
    for key, state in one.items():
        if state.keys() != other[key].keys():
            return False
        for name, value in state.items():
            was = other[key][name]
            both = isinstance(value, Tensor) and isinstance(was, Tensor)
            if not (_same(value, was) if both else value is was or value == was):
                return False
    return True
