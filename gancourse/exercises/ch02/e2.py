"""Exercise 2.2: One step of the generator."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn
from torch.nn.functional import softplus
from torch.optim.optimizer import register_optimizer_step_post_hook

from .. import Exercise, Mistake
from ._shared import NO_GRAPH, gradients_of, moved, old_gradients, remember, two_networks


def _g_variant(
    loss=lambda logits: softplus(-logits).mean(),
    *,
    cut=False,
    players="G",
    order=("zero", "backward", "step"),
    noise=lambda z: z,
    make=torch.optim.SGD,
    gradients=True,
    steps=1,
    again=False,
):
    def g_step(generator, discriminator, z, lr):
        z = noise(z)
        nets = {"G": [generator], "D": [discriminator], "both": [generator, discriminator]}[players]
        optimizer = make([p for net in nets for p in net.parameters()], lr)
        for _ in range(steps):
            fake = generator(z).detach() if cut else generator(z)
            with torch.set_grad_enabled(gradients):
                value = loss(discriminator(fake))
            do = {"zero": optimizer.zero_grad, "backward": value.backward, "step": optimizer.step}
            for name in order:
                do[name]()
        return loss(discriminator(generator(z))).detach() if again else value.detach()

    return g_step


class _Watched(nn.Sequential):
    """A generator that sees which optimizers step while it is in use: the first step of SGD with
    momentum is that of plain SGD."""

    lr: float
    open: ClassVar[list] = []  # what is watched; of an answer that raised it is closed next time

    def forward(self, z):
        if self not in self.open:
            self.seen: list[str] = []
            self.handle = register_optimizer_step_post_hook(self._note)
            self.open.append(self)
        return super().forward(z)

    def _note(self, optimizer, args, kwargs):
        plain = torch.optim.SGD([torch.zeros(())], self.lr).defaults
        names = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
        odd = {k: v for k, v in optimizer.param_groups[0].items() if k in names and v != plain[k]}
        name = type(optimizer).__name__
        if name == "SGD":
            name += "".join(f", {option} {value}" for option, value in odd.items())
        self.seen.append(name)

    def close(self):
        if self in self.open:
            self.handle.remove()
            self.open.remove(self)


_Watched.__name__ = "Sequential"  # what a reader's message calls it


def _g_cases(g):
    for generator in list(_Watched.open):
        generator.close()
    cases = []
    for n, lr in ((8, 0.1), (5, 0.3)):
        generator, discriminator = two_networks(n)
        generator = _Watched(*generator)
        generator.lr = lr
        old_gradients(generator)
        remember(generator)
        cases.append((generator, discriminator, torch.randn(3 * n, 2, generator=g), lr))
    return cases


def _after_g(loss, args):
    generator, discriminator = args[:2]
    generator.close()
    arrived = any(bool(gradient.any()) for gradient in gradients_of(generator).values())
    gradient = "used" if moved(generator) else "not used" if arrived else "never arrived"
    seen = getattr(generator, "seen", [])
    return {
        # A step by hand, with no optimizer, is judged by where it leads.
        "Your optimizer's steps": " and ".join(seen) or "SGD",
        "The loss": loss,
        "D after the step": discriminator,
        "The gradient in G": gradient,
        "G after the step": generator,
    }


_NO_GRADIENT = (
    "The loss is right, but G stepped without a gradient and stayed where it was. Either the "
    "fakes were made outside the graph (detach, no_grad), and then backward can't find the way "
    "from D to G; or zero_grad stands between backward and step."
)

MISTAKES = [
    Mistake(
        _g_variant(gradients=False),
        NO_GRAPH.replace(
            "Only the *fakes* may be made that way; D has to be called outside.",
            "Gradients have to flow through D into G: no `no_grad` here.",
        ),
    ),
    Mistake(
        _g_variant(make=lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9)),
        "The step is right, but it was to be plain SGD, and yours has momentum: from the second "
        "step on it would go on in old directions.",
    ),
    Mistake(
        _g_variant(make=torch.optim.Adam),
        "Adam's first step has the size of the learning rate, whatever the gradient. Asked for is "
        "plain SGD, whose step is the learning rate times the gradient.",
    ),
    Mistake(
        _g_variant(make=lambda parameters, lr: torch.optim.Adam(parameters, lr, betas=(0.5, 0.999))),
        "Adam's first step has the size of the learning rate, whatever the gradient. Asked for is "
        "plain SGD, whose step is the learning rate times the gradient.",
    ),
    *(
        Mistake(
            _g_variant(make=lambda parameters, lr, mine=mine: torch.optim.SGD(parameters, mine)),
            "The step has the wrong length: use the learning rate `lr` that you were handed.",
        )
        for mine in (1e-4, 1e-3, 1e-2, 1.0)
    ),
    Mistake(_g_variant(steps=2), "You took two steps; asked for is one."),
    Mistake(
        _g_variant(again=True),
        "The step is right, but you return the loss computed anew, after it. Return the value "
        "that you called backward on.",
    ),
    Mistake(
        _g_variant(noise=torch.randn_like),
        "You draw noise of your own. The fakes are to be made from the latents `z` that you were "
        "handed.",
    ),
    Mistake(
        _g_variant(lambda logits: softplus(-logits).sum()),
        "This is the sum over the batch; the loss is the *mean*. With a sum the step would grow "
        "with the batch.",
    ),
    Mistake(
        _g_variant(cut=True),
        _NO_GRADIENT,
        slip={"discriminator(generator(z))": "discriminator(generator(z).detach())"},
    ),
    Mistake(_g_variant(order=("backward", "zero", "step")), _NO_GRADIENT),
    Mistake(
        _g_variant(order=("zero", "backward")),
        "The gradient is there, but nothing steps after it was computed, so G stays where it was: "
        "zero, backward, step, in this order.",
    ),
    Mistake(
        _g_variant(order=("backward", "step")),
        "backward *adds* to the gradients that are there already, and G still held old ones. Zero "
        "them before backward.",
        slip={("    optimizer.zero_grad()\n"): ""},
    ),
    Mistake(
        _g_variant(order=("step", "zero", "backward")),
        "G stepped along the gradients of an earlier step, before backward had computed this "
        "one's: zero, backward, step, in this order.",
    ),
    Mistake(
        _g_variant(players="both"),
        "G's step is right, but D moved too: your optimizer holds the parameters of both players, "
        "so D stepped towards being fooled. Each player gets an optimizer of its own.",
    ),
    Mistake(
        _g_variant(players="D"),
        "The wrong player moved: the optimizer holds D's parameters, so D learned to be fooled. "
        "Give it the generator's.",
        slip={"generator.parameters()": "discriminator.parameters()"},
    ),
    Mistake(
        _g_variant(lambda logits: softplus(logits).mean()),
        "The sign is swapped: softplus(f) is small when D says 'generated', so this G learns to be "
        "caught. It wants D to say 'real'.",
        slip={"softplus(-discriminator": "softplus(discriminator"},
    ),
    Mistake(
        _g_variant(lambda logits: -softplus(logits).mean()),
        "This is the saturating loss log(1 - D). It pulls in the right direction, but hardly at "
        "all while D is sure; asked for is the non-saturating one, -log D.",
    ),
    Mistake(
        _g_variant(lambda logits: -softplus(-logits).mean()),
        "The sign is turned: optimizers minimise, and you hand them log D, so that G makes D "
        "surer each time. Minimise -log D.",
    ),
    Mistake(
        _g_variant(lambda logits: softplus(-torch.sigmoid(logits)).mean()),
        "A sigmoid too many: softplus wants logits.",
    ),
]

EXERCISE = Exercise(
    "2.2",
    "One step of the generator",
    difficulty=2,
    minutes=10,
    reference=_g_variant(),
    inputs=_g_cases,
    mistakes=MISTAKES,
    observe=_after_g,
)
