"""Exercise 6.1: The relativistic pair."""

import torch
from torch.nn.functional import softplus

from .. import Exercise, Mistake


def _pair_losses(real_logits, fake_logits):
    difference = real_logits - fake_logits
    return softplus(-difference).mean(), softplus(difference).mean()


def _average_critic(real_logits, fake_logits):
    d_loss = softplus(-(real_logits - fake_logits.mean())).mean()
    return d_loss, softplus(-(fake_logits - real_logits.mean())).mean()


def _one_sign(real_logits, fake_logits):
    loss = softplus(-(real_logits - fake_logits)).mean()
    return loss, loss


def _swapped(real_logits, fake_logits):
    return _pair_losses(real_logits, fake_logits)[::-1]


def _probabilities(real_logits, fake_logits):
    difference = real_logits.sigmoid() - fake_logits.sigmoid()
    return softplus(-difference).mean(), softplus(difference).mean()


def _all_pairs(real_logits, fake_logits):
    difference = real_logits[:, None] - fake_logits[None]
    return softplus(-difference).mean(), softplus(difference).mean()


def _negated(real_logits, fake_logits):
    d_loss = softplus(-(real_logits - fake_logits)).mean()
    return d_loss, -d_loss


def _means_first(real_logits, fake_logits):
    difference = real_logits.mean() - fake_logits.mean()
    return softplus(-difference), softplus(difference)


def _pair_sums(real_logits, fake_logits):
    difference = real_logits - fake_logits
    return softplus(-difference).sum(), softplus(difference).sum()


def _no_pairs(real_logits, fake_logits):
    d_loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    return d_loss, softplus(-fake_logits).mean()


def _pair_hinge(real_logits, fake_logits):
    difference = real_logits - fake_logits
    return (1 - difference).relu().mean(), (1 + difference).relu().mean()


def _unsafe_softplus(real_logits, fake_logits):
    difference = real_logits - fake_logits
    return (1 + (-difference).exp()).log().mean(), (1 + difference.exp()).log().mean()


def _pair_no_graph(real_logits, fake_logits):
    return _pair_losses(real_logits.detach(), fake_logits.detach())


def _generator_without_real(real_logits, fake_logits):
    # the value is right; the real logits are a constant in the generator's loss
    difference = real_logits - fake_logits
    return softplus(-difference).mean(), softplus(real_logits - fake_logits.detach()).mean()


def _logits(g):
    cases = [(torch.randn(n, generator=g), 2 * torch.randn(n, generator=g)) for n in (4, 9)]
    big = torch.tensor([800.0, -800.0, 3.0])
    cases.append((big, -big.flip(0)))
    return [tuple(x.clone().requires_grad_() for x in case) for case in cases]


def _losses_and_gradients(result, args):
    """Both losses, and what each sends into the logits that its player can move."""
    d_loss, g_loss = result
    d_real, d_fake = torch.autograd.grad(d_loss, args, retain_graph=True)
    (g_fake,) = torch.autograd.grad(g_loss, args[1:], retain_graph=True)
    return {
        "The discriminator's loss": d_loss.detach(),
        "The generator's loss": g_loss.detach(),
        "The gradient of the discriminator's loss in the real logits": d_real,
        "The gradient of the discriminator's loss in the fake logits": d_fake,
        "The gradient of the generator's loss in the fake logits": g_fake,
    }


MISTAKES = [
    Mistake(
        _average_critic,
        "You compare each logit with the other side's *average*. That is the relativistic "
        "average GAN (RaGAN); here sample i meets sample i: subtract before averaging.",
    ),
    Mistake(
        _one_sign,
        "Both players minimise the same number, so they cooperate: the generator learns to "
        "look generated. Its loss must fall when fake logits rise.",
    ),
    Mistake(
        _swapped,
        "The two losses come in the wrong order, or with exchanged signs: the "
        "discriminator's must fall when real logits rise above fake ones.",
        slip={"-difference).mean(), softplus(difference": "difference).mean(), softplus(-difference"},
    ),
    Mistake(
        _probabilities,
        "You squash the logits first and compare probabilities: differences beyond 1 "
        "can't occur then, and gradients vanish. Subtract the logits themselves.",
        slip={"real_logits - fake_logits": "real_logits.sigmoid() - fake_logits.sigmoid()"},
    ),
    Mistake(
        _all_pairs,
        "Every real sample meets every fake one (N times N pairs). That is another loss, "
        "with another landscape, as section 3 shows: pair sample i with sample i.",
        slip={"real_logits - fake_logits": "real_logits[:, None] - fake_logits"},
    ),
    Mistake(
        _negated,
        "Your generator's loss is minus the discriminator's: the saturating form. It is "
        "flat exactly where the discriminator wins; use softplus of the opposite "
        "difference.",
        slip={"softplus(difference).mean()": "-softplus(-difference).mean()"},
    ),
    Mistake(
        _pair_no_graph,
        "The values are right, but they are plain numbers: no gradient leads back to the "
        "logits, so neither player could learn. Leave out `.item()`, `.detach()`, "
        "`no_grad` and numpy.",
    ),
    Mistake(
        _generator_without_real,
        "The values are right, but the generator's loss sends no gradient to the fake "
        "logits, so it can't learn. Don't detach them.",
    ),
    Mistake(
        _means_first,
        "You average the logits first and compare the two averages. Each pair has its own "
        "difference: softplus first, mean last.",
    ),
    Mistake(_pair_sums, "These are sums over the pairs. Take the mean."),
    Mistake(
        _no_pairs,
        "These are the losses without pairs: a real logit never meets a fake one. Subtract "
        "them, sample by sample, before the softplus.",
    ),
    Mistake(
        _pair_hinge,
        "This is a hinge on the difference. It is a loss, but another one: softplus is asked for.",
    ),
    Mistake(
        _unsafe_softplus,
        "`exp` of a difference of hundreds overflows. `softplus` is the same function, "
        "written so that it can't.",
    ),
]

EXERCISE = Exercise(
    "6.1",
    "The relativistic pair",
    difficulty=1,
    minutes=8,
    reference=_pair_losses,
    inputs=_logits,
    parts=("The discriminator's loss", "The generator's loss"),
    observe=_losses_and_gradients,
    mistakes=MISTAKES,
)
