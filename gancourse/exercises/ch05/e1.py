"""Exercise 5.1: The gradient penalty."""

import torch
from torch import nn

from .. import Exercise, Mistake
from .._gradients import weight_gradients
from ._shared import slope, slope_by_backward


def _mixed(real, fake, mix):
    return real.lerp(fake, mix).detach().requires_grad_()


def _per_sample(real):
    return torch.rand(len(real), 1, 1, 1)


def _gradient_penalty(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_per_pixel(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, torch.rand_like(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_one_mix(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, torch.rand(())))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_swapped(critic, real, fake):
    return _gradient_penalty(critic, fake, real)


def _gp_channel_norm(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.norm(dim=1) - 1).square().mean()


def _gp_batch_norm(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.norm() - 1).square()


def _gp_sigmoid(critic, real, fake):
    x = _mixed(real, fake, _per_sample(real))
    gradient = slope(lambda x: critic(x).sigmoid(), x)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_no_graph(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)), create_graph=False)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_attached(critic, real, fake):
    mix = _per_sample(real)
    gradient = slope(critic, real.lerp(fake, mix))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_of_mean(critic, real, fake):
    x = _mixed(real, fake, _per_sample(real))
    (gradient,) = torch.autograd.grad(critic(x).mean(), x, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_squared_norm(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).square().sum(1) - 1).square().mean()


def _gp_mean_first(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1).mean() - 1).square()


def _gp_one_sided(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).relu().square().mean()


def _gp_on_real(critic, real, fake):
    gradient = slope(critic, real.detach().requires_grad_())
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_times_ten(critic, real, fake):
    return 10 * _gradient_penalty(critic, real, fake)


def _gp_no_square(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).abs().mean()


def _gp_sum(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().sum()


def _gp_normal(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, torch.randn(len(real), 1, 1, 1)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_per_column(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, torch.rand(len(real))))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_on_fake(critic, real, fake):
    gradient = slope(critic, fake.detach().requires_grad_())
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_each(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square()


def _gp_flat_zero(critic, real, fake):
    gradient = slope(critic, _mixed(real, fake, _per_sample(real)))
    return (gradient.flatten(1).norm(dim=0) - 1).square().mean()


def _gp_not_asked(critic, real, fake):
    gradient = slope(critic, real.lerp(fake.detach(), _per_sample(real)))
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _gp_backward(critic, real, fake):
    x = _mixed(real, fake, _per_sample(real))
    return (slope_by_backward(critic, x).flatten(1).norm(dim=1) - 1).square().mean()


def _image_critic(channels, size, scale):
    last = nn.Linear(4 * (size - 2) ** 2, 1)
    with torch.no_grad():
        last.weight.mul_(scale)  # slopes on both sides of 1
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.Softplus(), nn.Flatten(), last, nn.Flatten(0))


def _images(g):
    cases = []
    # As many images as columns, so that an ε of shape (N,) runs: it then differs by column.
    for n, channels, size, scale in ((5, 3, 5, 5.0), (4, 1, 4, 4.0), (6, 2, 6, 3.0)):
        real = torch.randn(n, channels, size, size, generator=g)
        weight = torch.ones(channels, 1, 1, requires_grad=True)  # stands for a generator's
        fake = weight * torch.randn(real.shape, generator=g).tanh()
        cases.append((_image_critic(channels, size, scale), real, fake))
    return cases


def _observe_gp(result, args):
    critic, _, fake = args
    (sent,) = torch.autograd.grad(result, fake, retain_graph=True, allow_unused=True)
    return {
        "The penalty": result.detach(),
        "Its gradient in the critic's weights": weight_gradients(result, critic),
        "The gradient that it sends to the generator": float(0 if sent is None else sent.norm()),
    }


MISTAKES = [
    Mistake(
        _gp_per_pixel,
        "Your ε is drawn per pixel: every pixel mixes differently, and the point no longer "
        "lies on the line between the two images. Draw one ε per sample.",
        slip={"torch.rand(len(real), 1, 1, 1)": "torch.rand_like(real)"},
    ),
    Mistake(
        _gp_one_mix,
        "You draw a single ε for the whole batch: all points sit at the same fraction of "
        "their lines. Draw one per sample, shaped so that it multiplies whole images.",
    ),
    Mistake(
        _gp_swapped,
        "Right but for one convention: your ε multiplies the real image. The random points "
        "are as good, but the check compares numbers: let ε = 0 be real, 1 generated.",
    ),
    Mistake(
        _gp_channel_norm,
        "Your norm runs over axis 1, which in (N, C, H, W) is the channels: that asks for "
        "slope 1 at every pixel. A sample has one slope, over all of its entries.",
        slip={"gradient.flatten(1).norm(dim=1)": "gradient.norm(dim=1)"},
    ),
    Mistake(
        _gp_batch_norm,
        "Your norm runs over the whole batch at once. Each sample has a slope of its own: "
        "take N norms, punish each, and average last.",
    ),
    Mistake(
        _gp_sigmoid,
        "You differentiate the sigmoid of the critic. The Lipschitz condition is on the "
        "critic itself; the sigmoid's slope is at most 1/4 and hides the critic's.",
    ),
    Mistake(
        _gp_no_graph,
        "The value is right, but no gradient reaches the critic's weights: the penalty is "
        "a constant to the optimizer. Ask autograd to keep the graph of this gradient.",
        slip={", create_graph=True": ""},
    ),
    Mistake(
        _gp_attached,
        "The value is right, but the penalty sends a gradient to the generator. The points "
        "between real and generated are inputs here: detach them first.",
        slip={"(real + mix * (fake - real)).detach().requires_grad_()": "real + mix * (fake - real)"},
    ),
    Mistake(
        _gp_of_mean,
        "You differentiate the mean of the logits: every slope comes out N times too "
        "small. Which reduction leaves each sample's own gradient as it is?",
    ),
    Mistake(
        _gp_squared_norm,
        "You compare the *squared* slope with 1. Take the root first: the penalty is "
        "(|gradient| - 1)², not (|gradient|² - 1)².",
    ),
    Mistake(
        _gp_mean_first,
        "You average the slopes and then punish the average: a slope of 0 here and 2 there "
        "would cost nothing. Square first, average last.",
    ),
    Mistake(
        _gp_one_sided,
        "This is the one-sided penalty, which leaves slopes below 1 alone. The exercise "
        "asks for the two-sided one.",
    ),
    Mistake(
        _gp_on_real,
        "You punish the slope at the real images. The penalty is taken at random points on "
        "the lines between real and generated ones.",
    ),
    Mistake(
        _gp_times_ten,
        "You multiply by λ = 10. Return the bare penalty; whoever calls it has λ.",
    ),
    Mistake(
        _gp_per_column,
        "Your ε has the shape (N,). PyTorch lines it up with the *last* axis, so each "
        "column of pixels gets its own; where an image isn't N pixels wide it raises. One "
        "ε per sample has the shape (N, 1, 1, 1).",
    ),
    Mistake(
        _gp_no_square,
        "You take the absolute difference of the slope from 1. The penalty is its square.",
    ),
    Mistake(_gp_sum, "This is the sum over the samples: take the mean."),
    Mistake(
        _gp_normal,
        "Your ε is normal: it leaves the line between the two images on either side. Draw "
        "it uniformly from 0 to 1.",
    ),
    Mistake(
        _gp_on_fake,
        "You punish the slope at the generated images. The penalty is taken at random "
        "points on the lines between real and generated ones.",
    ),
    Mistake(
        _gp_each,
        "You return one number for each sample. Average them at the end.",
    ),
    Mistake(
        _gp_flat_zero,
        "Your norm runs over the samples (axis 0), for each pixel. A slope belongs to a "
        "sample: take the norm over axis 1.",
    ),
    Mistake(
        _gp_not_asked,
        "PyTorch follows only what requires a gradient, and the points that you hand to "
        "the critic don't. Detach them, and let the result require one.",
    ),
    Mistake(
        _gp_backward,
        "The value is right, but `backward` has also left a gradient in each of the "
        "critic's weights, which its next step would follow. `torch.autograd.grad` returns "
        "a gradient and leaves nothing behind.",
    ),
]

EXERCISE = Exercise(
    "5.1",
    "The gradient penalty",
    difficulty=2,
    minutes=15,
    reference=_gradient_penalty,
    inputs=_images,
    observe=_observe_gp,
    mistakes=MISTAKES,
)
