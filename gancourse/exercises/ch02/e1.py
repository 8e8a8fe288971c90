"""Exercise 2.1: One step of the discriminator."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.nn.functional import softplus

from .. import Exercise, Mistake
from ._shared import NO_GRAPH, gradients_of, moved, old_gradients, remember, two_networks


def _d_loss(real_logits, fake_logits):
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def _d_variant(
    loss=_d_loss,
    cut=True,
    order=("zero", "backward", "step"),
    *,
    noise=lambda z: z,
    own=None,
    gradients=True,
    wipe=False,
    again=False,
):
    """A discriminator step with one thing changed."""

    def d_step(generator, discriminator, optimizer_d, real, z):
        z = noise(z)
        optimizer = own(discriminator.parameters()) if own else optimizer_d
        fake = generator(z).detach() if cut else generator(z)
        with torch.set_grad_enabled(gradients):
            value = loss(discriminator(real), discriminator(fake))
        do = {"zero": optimizer.zero_grad, "backward": value.backward, "step": optimizer.step}
        for name in order:
            do[name]()
        if wipe:
            generator.zero_grad()
        return loss(discriminator(real), discriminator(fake)).detach() if again else value.detach()

    return d_step


def _d_cases(g):
    cases = []
    # The optimizers have a memory of their own, so that no other can stand in for them.
    adam = functools.partial(torch.optim.Adam, lr=0.05, betas=(0.5, 0.9))
    momentum = functools.partial(torch.optim.SGD, lr=0.1, momentum=0.7)
    for n, real_n, make in ((8, 16, momentum), (5, 9, adam)):
        generator, discriminator = two_networks(n)
        old_gradients(discriminator)
        old_gradients(generator, 0.25)
        optimizer: Any = make(discriminator.parameters())
        optimizer.step()
        optimizer.steps = 0
        optimizer.register_step_post_hook(_count)
        remember(discriminator)
        real = 1 + torch.randn(real_n, 2, generator=g)
        z = torch.randn(real_n, 2, generator=g)
        cases.append((generator, discriminator, optimizer, real, z))
    return cases


def _count(optimizer, args, kwargs):
    optimizer.steps += 1


def _after_d(loss, args):
    generator, discriminator, optimizer = args[:3]
    if moved(discriminator) and not optimizer.steps:
        return {"How D moved": "not by the optimizer that was handed over"}
    return {
        "The loss": loss,
        "The number of steps that optimizer_d took": optimizer.steps,
        "D after the step": discriminator,
        "G after the step": generator,
        "The gradients in G": gradients_of(generator),
    }


_D_UNMOVED = (
    "The loss is right, but D has not moved. Its optimizer must step, and after backward; and "
    "between the two no zero_grad may wipe out what backward has written."
)

MISTAKES = [
    Mistake(_d_variant(gradients=False), NO_GRAPH),
    Mistake(
        _d_variant(cut=False, wipe=True),
        "D's step is right, but you cleared the gradients in G. The old ones, which were none of "
        "this step's business, are gone as well. If that was to undo a leak: cut the fakes off "
        "from the generator before D sees them, and nothing leaks.",
    ),
    Mistake(
        _d_variant(own=lambda parameters: torch.optim.SGD(parameters, 0.1)),
        "D moved, but not by `optimizer_d`, which you were handed. An optimizer keeps a memory "
        "from step to step (momentum, Adam's averages): a new one at each step has none. Use the "
        "one you got.",
    ),
    Mistake(
        _d_variant(again=True),
        "The step is right, but you return the loss computed anew, after it. Return the value "
        "that you called backward on: it describes the D that made it, and costs nothing more.",
    ),
    Mistake(
        _d_variant(noise=torch.randn_like),
        "You draw noise of your own. The fakes are to be made from the latents `z` that you were "
        "handed, so that whoever calls you decides about the randomness.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).sum() + softplus(fake).sum()),
        "These are sums over the batch; the loss is the sum of two *means*. With sums the step "
        "would grow with the batch.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).mean() + softplus(-fake).mean()),
        "D is taught to call everything real: for generated samples the logit has to fall, so "
        "their term is softplus(f), without the minus.",
        slip={"softplus(discriminator(fake))": "softplus(-discriminator(fake))"},
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).mean() + softplus(fake.detach()).mean()),
        "The loss is right, but you detached D's *logits*: D no longer learns from the fakes. Cut "
        "between G and D, before D is called, not after.",
        slip={
            "softplus(discriminator(fake)).mean()": "softplus(discriminator(fake).detach()).mean()",
            "generator(z).detach()": "generator(z)",
        },
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).mean() - softplus(fake).mean()),
        "The two terms are added: D pays for real samples with a low logit and for generated ones "
        "with a high one.",
    ),
    Mistake(
        _d_variant(cut=False),
        "D's step is right, but backward went on into the generator and left gradients there, "
        "which a later generator step may add to its own (and it cost a backward pass for "
        "nothing). Cut the fakes off from the generator before D sees them.",
        slip={(".detach()\n    loss"): ("\n    loss")},
    ),
    Mistake(
        _d_variant(order=("backward", "step")),
        "backward *adds* to the gradients that are there already, and D still held old ones, from "
        "the generator's step. Zero them before backward.",
        slip={("    optimizer_d.zero_grad()\n"): ""},
    ),
    Mistake(
        _d_variant(lambda real, fake: _d_loss(fake, real)),
        "The signs are swapped: this D learns to call generated samples real. Minimising "
        "softplus(-f) raises the logit f; for which samples should it rise?",
    ),
    Mistake(
        _d_variant(lambda real, fake: -_d_loss(real, fake)),
        "The sign is turned: optimizers minimise, and you hand them the negative loss. D gets "
        "worse at each step.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(fake).mean()),
        "D saw generated samples only. It can call everything generated and be right; it needs "
        "the real batch in its loss as well.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).mean()),
        "D saw real samples only. It can call everything real and be right; it needs the "
        "generated batch in its loss as well.",
    ),
    Mistake(_d_variant(order=("zero", "backward")), _D_UNMOVED),
    Mistake(_d_variant(order=("backward", "zero", "step")), _D_UNMOVED),
    Mistake(_d_variant(order=("zero", "step", "backward")), _D_UNMOVED),
    Mistake(
        _d_variant(order=("step", "zero", "backward")),
        "D stepped along the gradients of an earlier step, before backward had computed this "
        "one's: zero, backward, step, in this order.",
    ),
    Mistake(
        _d_variant(lambda real, fake: _d_loss(real, fake) / 2),
        "You average the two terms; the value function adds them. That only halves D's step, and "
        "many programs do it on purpose, but then their losses compare with log 2, not with 2 log "
        "2. Here: the sum.",
    ),
    Mistake(
        _d_variant(lambda real, fake: _d_loss(torch.sigmoid(real), torch.sigmoid(fake))),
        "A sigmoid too many: softplus wants logits. With probabilities the loss never gets near "
        "0, and D learns little.",
    ),
]

EXERCISE = Exercise(
    "2.1",
    "One step of the discriminator",
    difficulty=1,
    minutes=10,
    reference=_d_variant(),
    inputs=_d_cases,
    mistakes=MISTAKES,
    observe=_after_d,
)
