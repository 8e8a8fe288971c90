"""What an answer does besides returning: it is seen, and told."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import gancourse.exercises as engine
from gancourse.exercises import (
    Mistake,
)
from tests.exercise_help import (
    example,
    says,
)

torch.set_num_threads(1)


def net_and_all(g):
    cases = []
    for n in (4, 6):
        net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
        head = nn.Linear(2, 1)
        for p in head.parameters():
            p.grad = torch.ones_like(p)
        adam = torch.optim.SGD(net.parameters(), 0.1)
        x = torch.randn(n, 3, generator=g)
        cases.append((net, {"head": head}, adam, [x], np.arange(3.0)))
    return cases


def look(net, nets, adam, batches, weights):
    return net[0](batches[0]).sum()


def effect(change):
    def answer(net, nets, adam, batches, weights):
        result = look(net, nets, adam, batches, weights)
        change(net, nets, adam, batches, weights)
        return result

    return answer


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda n, h, o, b, w: n.requires_grad_(False), "net is left frozen"),
        (lambda n, h, o, b, w: h["head"].bias.requires_grad_(False), "nets (head) is left frozen"),
        (lambda n, h, o, b, w: n.eval(), "net is left in eval mode"),
        (lambda n, h, o, b, w: n[1].eval(), "net is left with some layers in another mode"),
        (lambda n, h, o, b, w: n(b[0]), "buffers of net (running statistics) have changed"),
        (lambda n, h, o, b, w: n[0](b[0]).sum().backward(), "leaves gradients in the parameters of"),
        (lambda n, h, o, b, w: h["head"].zero_grad(), "nets (head) are gone"),
        (lambda n, h, o, b, w: h["head"].bias.grad.mul_(2), "nets (head) have changed"),
        (lambda n, h, o, b, w: n[0].weight.data.mul_(2), "weights of net have changed"),
        (lambda n, h, o, b, w: o.param_groups[0].update(lr=1.0), "adam have changed: lr"),
        (lambda n, h, o, b, w: o.add_param_group({"params": h["head"].bias}), "settings of adam"),
        (lambda n, h, o, b, w: n.register_forward_hook(print), "A hook is left on net"),
        (lambda n, h, o, b, w: n.__setitem__(0, nn.Linear(3, 2)), "layers or weights of net"),
        (lambda n, h, o, b, w: b[0].clamp_(0), "changes its argument batches"),
        (lambda n, h, o, b, w: b.append(0), "changes its argument batches"),
        (lambda n, h, o, b, w: h.clear(), "changes its argument nets"),
        (lambda n, h, o, b, w: w.sort(), None),
        (lambda n, h, o, b, w: np.negative(w, out=w), "changes its argument weights"),
        (lambda n, h, o, b, w: torch.set_grad_enabled(False), "leaves gradients switched off"),
        (lambda n, h, o, b, w: torch.set_default_dtype(torch.float64), "another default dtype"),
        (lambda n, h, o, b, w: torch.set_default_device("meta"), "another default device"),
        (lambda n, h, o, b, w: [p.requires_grad_(f) for f in (False, True)
                                for p in n.parameters()], None),
        (lambda n, h, o, b, w: (n.eval(), n(b[0]), n.train()), None),
        (lambda n, h, o, b, w: b[0].requires_grad_(), None),
    ],
)  # fmt: skip
def test_side_effects_are_watched(change, words):
    exercise = example(reference=look, inputs=net_and_all, mistakes=[])
    passed, attempted, message = engine.grade(exercise, effect(change))
    assert passed is (words is None) and attempted
    if words:
        assert message.startswith("The result is right. But:\n") and words in message, message
        # What the reference does, an answer may do.
        allowed = example(reference=effect(change), inputs=net_and_all, mistakes=[])
        assert engine.grade(allowed, effect(change))[0]
        assert engine.grade(allowed, look)[0]
    if "leaves gradients in" in str(words):
        told = dataclasses.replace(exercise, may_change=["net: gradients"])
        assert engine.grade(told, effect(change))[0]
        assert not engine.grade(told, effect(lambda n, *rest: n.eval()))[0]


def test_a_mistake_known_by_its_side_effect_alone_is_named():
    frozen = effect(lambda n, h, o, b, w: n.requires_grad_(False))
    exercise = example(reference=look, inputs=net_and_all, mistakes=[Mistake(frozen, "frozen for good")])
    assert says(exercise, lambda *a: frozen(*a)) == "frozen for good"
    assert "left in eval mode" in says(exercise, effect(lambda n, h, o, b, w: n.eval()))


@pytest.mark.parametrize("kind", [set, frozenset, bytearray, collections.deque, list])
def test_collections_of_every_kind_are_watched(kind):
    exercise = example(
        reference=lambda known, x: len(known) + len(x),
        inputs=lambda g: [({"strings": kind([65, 66])}, [n]) for n in (1, 2)],
        mistakes=[],
    )
    assert engine.grade(exercise, lambda known, x: len(known) + len(x))[0]

    def empties(known, x):
        result = len(known) + len(x)
        held = known["strings"]
        held.clear() if hasattr(held, "clear") else known.clear()
        return result

    def exchanges(known, x):
        result = empties(known, x)
        held = known.get("strings")
        if held is not None:
            held.update([1, 2]) if isinstance(held, set) else held.extend([1, 2])
        return result

    for answer in (empties, exchanges):
        assert "changes its argument known" in says(exercise, answer)
