"""Exercise 6.3: R2, the other half."""

from __future__ import annotations

import math
import warnings

import torch
from torch import nn

from .. import Exercise, Mistake


def _gradient(discriminator, x, create_graph=True):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(discriminator(x).sum(), x, create_graph=create_graph)[0]


def _r2(discriminator, fake):
    return _gradient(discriminator, fake).flatten(1).square().sum(1).mean()


def _r2_unsquared(discriminator, fake):
    return _gradient(discriminator, fake).flatten(1).norm(dim=1).mean()


def _r2_of_the_mean(discriminator, fake):
    x = fake.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).mean(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean()


def _r2_whole_batch(discriminator, fake):
    return _gradient(discriminator, fake).square().mean()


def _r2_target(discriminator, fake):
    return (_gradient(discriminator, fake).flatten(1).norm(dim=1) - 1).square().mean()


def _r2_no_graph(discriminator, fake):
    return _gradient(discriminator, fake, create_graph=False).flatten(1).square().sum(1).mean()


def _r2_sigmoid(discriminator, fake):
    return _r2(lambda x: discriminator(x).sigmoid(), fake)


def _r2_attached(discriminator, fake):
    x = fake if fake.requires_grad else fake.requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean()


def _r2_first_axis(discriminator, fake):
    return _gradient(discriminator, fake).square().sum(1).mean()


def _r2_half(discriminator, fake):
    return _r2(discriminator, fake) / 2


def _r2_sum(discriminator, fake):
    return _gradient(discriminator, fake).square().sum()


def _r2_squared_mean(discriminator, fake):
    return _gradient(discriminator, fake).flatten(1).norm(dim=1).mean().square()


def _r2_weights(discriminator, fake):
    weights = list(discriminator.parameters())
    gradients = torch.autograd.grad(discriminator(fake.detach()).sum(), weights, create_graph=True)
    return torch.stack([g.square().sum() for g in gradients]).sum()


def _r2_backward(discriminator, fake):
    x = fake.detach().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        discriminator(x).sum().backward(create_graph=True)
    assert x.grad is not None
    return x.grad.flatten(1).square().sum(1).mean()


class _Smooth(nn.Module):
    """A small discriminator with a curved surface, so that its gradient depends on x."""

    def __init__(self, size: int):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        return 3 * self.net(x).squeeze(1)


def _nets_and_fakes(g):
    torch.manual_seed(0)
    cases = []
    for n, shape in ((5, (2,)), (3, (3, 4, 4)), (4, (1, 6, 2))):
        weight = torch.ones(shape, requires_grad=True)  # stands for the generator's weights
        fake = weight * torch.randn(n, *shape, generator=g)
        cases.append((_Smooth(math.prod(shape)), fake))
    return cases


def _value_and_gradient(result, args):
    """R2, and what it sends to the discriminator and to the generator."""
    discriminator, fake = args
    weights = list(discriminator.parameters())
    *to_d, to_g = torch.autograd.grad(result, [*weights, fake], allow_unused=True, retain_graph=True)
    return {
        "The penalty": result.detach(),
        "Its gradient in D's first weights": torch.zeros(()) if to_d[0] is None else to_d[0],
        "The gradient that it sends to the generator": float(0 if to_g is None else to_g.norm()),
    }


MISTAKES = [
    Mistake(
        _r2_no_graph,
        "The value is right, but it is a constant to the optimizer: the gradient was taken "
        "without building its own graph, so the penalty never trains anything.",
        slip={", create_graph=True": ""},
    ),
    Mistake(
        _r2_unsquared,
        "This is the mean norm; R2 is the mean *squared* norm. The square is what makes "
        "the penalty vanish smoothly where the gradient does.",
        slip={".square().sum(1).mean()": ".norm(dim=1).mean()"},
    ),
    Mistake(
        _r2_of_the_mean,
        "You differentiate the batch's mean logit, so each sample's gradient is N times "
        "too small and the penalty shrinks with the batch size. Differentiate the sum.",
    ),
    Mistake(
        _r2_whole_batch,
        "You average over the coordinates too. Sum the squares within a sample, then take "
        "the mean over samples, or the penalty shrinks with the image size.",
        slip={".square().sum(1).mean()": ".square().mean()"},
    ),
    Mistake(
        _r2_target,
        "This pulls the norm to 1: WGAN-GP's penalty, at generated points. R2 pulls it to 0.",
    ),
    Mistake(
        _r2_sigmoid,
        "You penalise the gradient of the probability: where the discriminator is sure, "
        "the sigmoid hides a steep logit. Penalise the logit.",
    ),
    Mistake(
        _r2_attached,
        "The value is right, but the penalty sends a gradient into the generator, which "
        "would learn to look for flat places. Cut `fake` off first.",
        slip={"fake.detach().requires_grad_()": "fake.requires_grad_()"},
    ),
    Mistake(
        _r2_first_axis,
        "You sum over axis 1 only. For points that is all; for images it is the channels, "
        "and the pixels are averaged. Flatten all axes but the first.",
    ),
    Mistake(_r2_half, "This holds the half of gamma / 2. Return R2 alone."),
    Mistake(_r2_sum, "This is the sum over samples. Take their mean."),
    Mistake(
        _r2_squared_mean,
        "You square the mean norm. Square each sample's norm, then take the mean: a steep "
        "sample must not hide behind flat ones.",
    ),
    Mistake(
        _r2_weights,
        "This is the gradient in the discriminator's *weights*. R2 asks how steep the "
        "logit is in its *input*, the sample.",
    ),
    Mistake(
        _r2_backward,
        "The value is right, but `backward` has also left a gradient in each of the "
        "discriminator's weights, which its next step would follow. `torch.autograd.grad` "
        "returns a gradient and leaves nothing behind.",
    ),
]

EXERCISE = Exercise(
    "6.3",
    "R2, the other half",
    difficulty=2,
    minutes=10,
    reference=_r2,
    inputs=_nets_and_fakes,
    observe=_value_and_gradient,
    mistakes=MISTAKES,
)
