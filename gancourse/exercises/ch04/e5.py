"""Exercise 4.5: One critic step."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import nn
from torch.nn.functional import softplus

from .. import Exercise, Mistake


def _step(critic, optimizer, real, fake, bound, *, order=("clear", "backward", "step"), sign=1,
          detach=True, before=None, gradients=None, after=None, again=False, loss=None, own=None,
          graph=True):  # fmt: skip
    if before:
        before(critic, bound)
    if own:
        optimizer = own(critic.parameters())
    loss = loss or (lambda f, r: f.mean() - r.mean())
    with torch.set_grad_enabled(graph):
        value = loss(critic(fake.detach() if detach else fake), critic(real))

    def backward():
        (sign * value).backward()
        if gradients:
            gradients(critic, bound)

    do = {"clear": optimizer.zero_grad, "backward": backward, "step": optimizer.step}
    for name in order:
        do[name]()
    if after:
        after(critic, bound)
    return loss(critic(fake.detach()), critic(real)) if again else value


@torch.no_grad()
def _clamp(critic, bound):
    for parameter in critic.parameters():
        parameter.clamp_(-bound, bound)


@torch.no_grad()
def _clamp_matrices(critic, bound):
    for parameter in critic.parameters():
        if parameter.ndim > 1:
            parameter.clamp_(-bound, bound)


@torch.no_grad()
def _clamp_above(critic, bound):
    for parameter in critic.parameters():
        parameter.clamp_(max=bound)


def _clamp_gradients(critic, bound):
    for parameter in critic.parameters():
        parameter.grad.clamp_(-bound, bound)


def _clamp_with_graph(critic, bound):
    for parameter in critic.parameters():
        parameter.clamp_(-bound, bound)


def _critic_step(critic, optimizer, real, fake, bound):
    return _step(critic, optimizer, real, fake, bound, after=_clamp)


class _Squeeze(nn.Module):
    def forward(self, x):
        return x.squeeze(1)


def _step_inputs(g):
    cases = []
    for d, width, bound, lr, momentum in (
        (2, 5, 0.1, 0.5, 0.0), (3, 4, 0.05, 0.2, 0.5), (1, 6, 0.3, 1.0, 0.0)
    ):  # fmt: skip
        critic = nn.Sequential(nn.Linear(d, width), nn.Tanh(), nn.Linear(width, 1), _Squeeze())
        for parameter in critic.parameters():  # what the generator's step left behind
            parameter.grad = 0.3 * torch.randn(parameter.shape, generator=g)
        optimizer: Any = torch.optim.SGD(critic.parameters(), lr, momentum)
        optimizer.step()  # so that momentum has a past, which no other optimizer has
        optimizer.steps = 0
        optimizer.register_step_post_hook(_count)
        real = torch.randn(8, d, generator=g) + 1
        fake: Any = torch.randn(8, d, generator=g).requires_grad_()
        fake.register_hook(functools.partial(_reached, fake.__dict__))
        cases.append((critic, optimizer, real, fake, bound))
    return cases


def _reached(mark, gradient):
    mark["reached"] = True  # whatever becomes of the fakes' .grad afterwards


def _count(optimizer, args, kwargs):
    optimizer.steps += 1


def _observe_step(loss, args):
    critic, optimizer, _, fake, _ = args
    loss = loss.detach() if isinstance(loss, torch.Tensor) else loss
    return {
        "The loss": loss,
        "The number of steps that the optimizer took": optimizer.steps,
        "The critic": critic,
        "The gradient of the fakes": "asked for" if hasattr(fake, "reached") else "left alone",
    }


def _variant(**options):
    def wrong(critic, optimizer, real, fake, bound):
        return _step(critic, optimizer, real, fake, bound, **options)

    return wrong


MISTAKES = [
    Mistake(
        _variant(after=_clamp, order=("clear", "backward")),
        "The weights are clipped, but no step was taken: after backward the optimizer has to move them.",
    ),
    Mistake(
        _variant(after=_clamp, order=("backward", "clear", "step")),
        "The gradients were cleared between backward and the step, so the step had nothing to "
        "follow. Clear them before backward.",
    ),
    Mistake(
        _variant(after=_clamp, order=("step", "clear", "backward")),
        "The optimizer stepped before backward, along the gradients of an earlier step: clear, "
        "backward, step, clip, in this order.",
    ),
    Mistake(
        _variant(before=_clamp, after=_clamp),
        "You clip before the step and after it. The one after is right; the one before changes "
        "the critic whose loss you measure. Clip once, as the last thing.",
    ),
    Mistake(
        _variant(after=_clamp, again=True),
        "The step is right, but you return the loss computed anew, after it. Return the one that "
        "you called backward on, of the critic as it was.",
    ),
    Mistake(
        _variant(after=_clamp, graph=False),
        "The loss was computed under `no_grad`, so there is no graph for backward to follow. Only "
        "the clipping belongs there.",
    ),
    Mistake(
        _variant(after=_clamp_with_graph),
        "A parameter that asks for gradients can't be changed in place while autograd looks on: "
        "clip under `torch.no_grad()`.",
    ),
    Mistake(
        _variant(gradients=lambda critic, b: nn.utils.clip_grad_norm_(critic.parameters(), b)),
        "You clip the length of the gradient. That limits how far one step goes, not how large the "
        "weights become. Clip the weights, after the step.",
    ),
    Mistake(
        _variant(after=_clamp, loss=lambda f, r: softplus(f).mean() + softplus(-r).mean()),
        "This is the classifier's loss. The critic's is a difference of two means: generated minus "
        "real.",
    ),
    Mistake(
        _variant(after=_clamp, loss=lambda f, r: f.sum() - r.sum()),
        "These are sums over the batch; the critic's loss is a difference of *means*.",
    ),
    *(
        Mistake(
            _variant(own=lambda p, make=make, lr=lr: make(p, lr), after=_clamp),
            "The critic moved, but not by the optimizer that you were handed. An optimizer keeps a "
            "memory from step to step; use the one you got.",
        )
        for make, lr in (
            (torch.optim.SGD, 0.1),
            (torch.optim.RMSprop, 5e-5),
            (torch.optim.Adam, 1e-3),
        )
    ),
    Mistake(
        _variant(before=_clamp),
        "You clip before the step, and then the step carries the weights out of the box again: "
        "the critic that the generator meets is not bounded. What must be the last thing to "
        "happen?",
    ),
    Mistake(
        _variant(),
        "Nothing is clipped: after the step some weights lie outside [-bound, bound].",
    ),
    Mistake(
        _variant(gradients=_clamp_gradients),
        "You clip the gradients. That limits how far one step goes, not how large the weights "
        "become: a thousand small steps leave the box as well. Clip the weights.",
        slip={
            ("    optimizer.step()\n    with"): "    with",
            "parameter.clamp_": "parameter.grad.clamp_",
            "    return loss": ("    optimizer.step()\n    return loss"),
        },
    ),
    Mistake(
        _variant(after=_clamp_matrices),
        "The biases are not clipped. WGAN's algorithm puts every parameter of the critic in the box.",
    ),
    Mistake(
        _variant(after=_clamp_above),
        "You clip from above only: large negative weights stay. The box has two sides.",
    ),
    Mistake(
        _variant(after=_clamp, order=("backward", "step")),
        "Old gradients were still there when you called backward, and the new ones were added to "
        "them. The generator's step leaves gradients in the critic: clear them first.",
        slip={("    optimizer.zero_grad()\n"): ""},
    ),
    Mistake(
        _variant(after=_clamp, detach=False),
        "The weights are right, but the gradient went on through the generated samples, into the "
        "generator. In the critic's step the fakes are data: cut them off from their graph.",
        slip={"fake.detach()": "fake"},
    ),
    Mistake(
        _variant(after=_clamp, sign=-1),
        "The critic went the wrong way: after your step it scores generated samples higher, "
        "relative to real ones, than before.",
        slip={"loss.backward()": "(-loss).backward()"},
    ),
]

EXERCISE = Exercise(
    "4.5",
    "One critic step",
    difficulty=2,
    minutes=15,
    reference=_critic_step,
    inputs=_step_inputs,
    mistakes=MISTAKES,
    observe=_observe_step,
    may_change=("fake",),
)
