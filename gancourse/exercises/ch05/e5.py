"""Exercise 5.5: R1, and a case you can do in your head."""

import torch
from torch import nn

from .. import Exercise, Mistake
from .._gradients import weight_gradients
from ._shared import slope, slope_by_backward


def _r1_penalty(discriminator, real):
    x = real.detach().requires_grad_()
    return slope(discriminator, x).flatten(1).square().sum(1).mean()


def _r1_unsquared(discriminator, real):
    x = real.detach().requires_grad_()
    return slope(discriminator, x).flatten(1).norm(dim=1).mean()


def _r1_entries(discriminator, real):
    return slope(discriminator, real.detach().requires_grad_()).square().mean()


def _r1_sum(discriminator, real):
    return slope(discriminator, real.detach().requires_grad_()).square().sum()


def _r1_of_mean(discriminator, real):
    x = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).mean(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean()


def _r1_sigmoid(discriminator, real):
    return _r1_penalty(lambda x: discriminator(x).sigmoid(), real)


def _r1_no_graph(discriminator, real):
    x = real.detach().requires_grad_()
    return slope(discriminator, x, create_graph=False).flatten(1).square().sum(1).mean()


def _r1_target_one(discriminator, real):
    x = real.detach().requires_grad_()
    return (slope(discriminator, x).flatten(1).norm(dim=1) - 1).square().mean()


def _r1_half(discriminator, real):
    return _r1_penalty(discriminator, real) / 2


def _r1_weights(discriminator, real):
    return torch.stack([w.square().sum() for w in discriminator.parameters()]).sum()


def _discriminators(g):
    linear = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    images = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(24, 1), nn.Flatten(0)
    )
    curved = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    return [
        (linear, torch.randn(6, 3, generator=g)),
        (images, torch.randn(4, 3, 4, 5, generator=g)),
        (curved, 2 * torch.randn(7, 2, generator=g)),
    ]


def _r1_not_asked(discriminator, real):
    return slope(discriminator, real).flatten(1).square().sum(1).mean()


def _r1_backward(discriminator, real):
    x = real.detach().requires_grad_()
    return slope_by_backward(discriminator, x).flatten(1).square().sum(1).mean()


def _r1_squared_mean(discriminator, real):
    x = real.detach().requires_grad_()
    return slope(discriminator, x).flatten(1).norm(dim=1).mean().square()


def _r1_noisy(discriminator, real):
    x = (real + 0.1 * torch.randn_like(real)).detach().requires_grad_()
    return slope(discriminator, x).flatten(1).square().sum(1).mean()


def _r1_by_coordinate(discriminator, real):
    x = real.detach().requires_grad_()
    return slope(discriminator, x).flatten(1).square().sum(0).mean()


def _r1_channels(discriminator, real):
    return slope(discriminator, real.detach().requires_grad_()).square().sum(1).mean()


def _observe_r1(result, args):
    return {
        "The penalty": result.detach(),
        "Its gradient in the discriminator's weights": weight_gradients(result, args[0]),
    }


MISTAKES = [
    Mistake(
        _r1_unsquared,
        "This is the mean slope. R1 averages the *squared* norms: for f(x) = w·x + b it must give |w|².",
        slip={".square().sum(1).mean()": ".norm(dim=1).mean()"},
    ),
    Mistake(
        _r1_entries,
        "You average over samples and over their entries. Add up a sample's squared "
        "entries; average over samples only.",
        slip={".square().sum(1).mean()": ".square().mean()"},
    ),
    Mistake(
        _r1_sum,
        "You add up the whole batch: twice the batch would give twice the penalty. Average "
        "over samples.",
    ),
    Mistake(
        _r1_of_mean,
        "You differentiate the mean of the logits: the result is N² times too small.",
        slip={"discriminator(x).sum()": "discriminator(x).mean()"},
    ),
    Mistake(
        _r1_sigmoid,
        "You differentiate D, the probability. R1 is about the logit f: a saturated sigmoid "
        "is flat even where f is steep.",
    ),
    Mistake(
        _r1_no_graph,
        "The value is right, but no gradient reaches the discriminator's weights. Ask "
        "autograd to keep the graph of this gradient.",
        slip={", create_graph=True": ""},
    ),
    Mistake(
        _r1_target_one,
        "You ask for slope 1. R1's target is 0: at the equilibrium the discriminator has "
        "nothing left to say.",
    ),
    Mistake(
        _r1_half,
        "You include the factor 1/2. Return the bare mean; the trainer multiplies by γ/2.",
    ),
    Mistake(
        _r1_weights,
        "This is weight decay. It agrees with R1 for no network but a bias-free linear "
        "one: differentiate the logits with respect to the *images*.",
    ),
    Mistake(
        _r1_not_asked,
        "PyTorch follows only what requires a gradient, and the points that you hand to "
        "the discriminator don't. Detach them, and let the result require one.",
    ),
    Mistake(
        _r1_backward,
        "The value is right, but `backward` has also left a gradient in each of the "
        "discriminator's weights, which its next step would follow. `torch.autograd.grad` "
        "returns a gradient and leaves nothing behind.",
    ),
    Mistake(
        _r1_squared_mean,
        "You square the mean slope. Square each sample's slope, then take the mean: a "
        "steep place must not hide behind flat ones.",
    ),
    Mistake(
        _r1_by_coordinate,
        "You sum over the batch and average over the entries: the axes have changed places.",
    ),
    Mistake(
        _r1_channels,
        "You sum over axis 1 only. For points that is all; for images it is the channels, "
        "and the pixels are averaged. Flatten all axes but the first.",
    ),
    Mistake(
        _r1_noisy,
        "You take the slope at points around the data (as DRAGAN does). R1 takes it at the "
        "real samples themselves.",
    ),
]

EXERCISE = Exercise(
    "5.5",
    "R1, and a case you can do in your head",
    difficulty=1,
    minutes=8,
    reference=_r1_penalty,
    inputs=_discriminators,
    observe=_observe_r1,
    mistakes=MISTAKES,
)
