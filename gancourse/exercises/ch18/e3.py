"""Exercise 18.3: R1 without a gradient of a gradient."""

import math

import torch

from .. import Exercise, Mistake
from .._gradients import weight_gradients
from .._networks import Small


def _pair(change, sigma):
    penalty = change.square().mean()
    return penalty, penalty / sigma**2


def _change(discriminator, x, noise, sigma):
    return discriminator(x + sigma * noise) - discriminator(x)


def _approximated(discriminator, x, noise, sigma):
    change = discriminator(x + sigma * noise) - discriminator(x)
    penalty = change.square().mean()
    return penalty, penalty / sigma**2


def _root_of_sigma(discriminator, x, noise, sigma):
    return _pair(_change(discriminator, x, noise, sigma**0.5), sigma)


def _divided_once(discriminator, x, noise, sigma):
    penalty = _approximated(discriminator, x, noise, sigma)[0]
    return penalty, penalty / sigma


def _sigma_as_variance(discriminator, x, noise, sigma):
    penalty = _change(discriminator, x, noise, sigma**0.5).square().mean()
    return penalty, penalty / sigma


def _same_twice(discriminator, x, noise, sigma):
    penalty = _approximated(discriminator, x, noise, sigma)[0]
    return penalty, penalty


def _multiplied(discriminator, x, noise, sigma):
    penalty = _approximated(discriminator, x, noise, sigma)[0]
    return penalty, penalty * sigma**2


def _by_coordinates(discriminator, x, noise, sigma):
    penalty, estimate = _approximated(discriminator, x, noise, sigma)
    return penalty, estimate / x[0].numel()


def _by_length_of_noise(discriminator, x, noise, sigma):
    change = _change(discriminator, x, noise, sigma)
    length = (sigma * noise).flatten(1).square().sum(1)
    return change.square().mean(), (change.square() / length).mean()


def _both_divided(discriminator, x, noise, sigma):
    penalty = _approximated(discriminator, x, noise, sigma)[0] / sigma**2
    return penalty, penalty


def _averaged_first(discriminator, x, noise, sigma):
    change = _change(discriminator, x, noise, sigma)
    penalty = change.mean().square()
    return penalty, penalty / sigma**2


def _absolute(discriminator, x, noise, sigma):
    penalty = _change(discriminator, x, noise, sigma).abs().mean()
    return penalty, penalty / sigma


def _summed(discriminator, x, noise, sigma):
    penalty = _change(discriminator, x, noise, sigma).square().sum()
    return penalty, penalty / sigma**2


def _halved(discriminator, x, noise, sigma):
    penalty = _change(discriminator, x, noise, sigma).square().mean() / 2
    return penalty, penalty / sigma**2


def _no_sigma(discriminator, x, noise, sigma):
    return _pair(discriminator(x + noise) - discriminator(x), sigma)


def _noise_alone(discriminator, x, noise, sigma):
    return _pair(discriminator(sigma * noise) - discriminator(x), sigma)


def _mixed(discriminator, x, noise, sigma):
    return _pair(discriminator((1 - sigma) * x + sigma * noise) - discriminator(x), sigma)


def _both_sides(discriminator, x, noise, sigma):
    change = discriminator(x + sigma * noise) - discriminator(x - sigma * noise)
    return _pair(change, sigma)


def _probabilities(discriminator, x, noise, sigma):
    near, here = discriminator(x + sigma * noise), discriminator(x)
    return _pair(near.sigmoid() - here.sigmoid(), sigma)


def _own_noise(discriminator, x, noise, sigma):
    return _approximated(discriminator, x, torch.randn_like(x), sigma)


def _clean_side_detached(discriminator, x, noise, sigma):
    return _pair(discriminator(x + sigma * noise) - discriminator(x).detach(), sigma)


def _noisy_side_detached(discriminator, x, noise, sigma):
    return _pair(discriminator(x + sigma * noise).detach() - discriminator(x), sigma)


def _all_detached(discriminator, x, noise, sigma):
    with torch.no_grad():
        return _approximated(discriminator, x, noise, sigma)


def _gradient(discriminator, x):
    x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return slope.flatten(1).square().sum(1).mean()


def _exact(discriminator, x, noise, sigma):
    exact = _gradient(discriminator, x)
    return sigma**2 * exact, exact


def _exact_estimate(discriminator, x, noise, sigma):
    return _approximated(discriminator, x, noise, sigma)[0], _gradient(discriminator, x)


def _turned(discriminator, x, noise, sigma):
    return _approximated(discriminator, x, noise, sigma)[::-1]


def _estimate_rooted(discriminator, x, noise, sigma):
    penalty, estimate = _approximated(discriminator, x, noise, sigma)
    return penalty, estimate.sqrt()


def _observe(result, args):
    """Both numbers, and what the penalty tells the discriminator."""
    penalty, estimate = result
    return {
        "The penalty": penalty.detach(),
        "The estimate": torch.as_tensor(estimate).detach(),
        "The gradient that reaches the discriminator": weight_gradients(penalty, args[0], "the penalty"),
    }


def _inputs(g):
    return [
        (
            Small(math.prod(s[1:]), g, size=2.0),
            torch.randn(s, generator=g),
            torch.randn(s, generator=g),
            sigma,
        )
        for s, sigma in (((5, 2), 0.1), ((4, 1, 2, 3), 0.3), ((3, 3), 0.5))
    ]


MISTAKES = [
    Mistake(
        _root_of_sigma,
        "Your step is too long: `sigma` is the standard deviation of the noise that is added, not "
        "its variance.",
        slip={"sigma * noise": "sigma**0.5 * noise"},
    ),
    Mistake(
        _divided_once,
        "The penalty is right; the estimate is not. A step that is twice as long changes the logit "
        "twice as much, and the change is *squared*.",
        slip={"sigma**2": "sigma"},
    ),
    Mistake(
        _sigma_as_variance,
        "You take `sigma` for the variance of the noise, in both places. It is the standard deviation.",
        slip={"sigma * noise": "sigma**0.5 * noise", "sigma**2": "sigma"},
    ),
    Mistake(
        _same_twice,
        "You return the penalty twice. The estimate must not depend on how long the small step "
        "is: take the step's size out of it.",
    ),
    Mistake(
        _both_divided,
        "You return the estimate twice. The penalty of the paper is the mean squared change as it is.",
    ),
    Mistake(
        _multiplied,
        "You multiply by the square of `sigma`. A short step changes the logit little: the slope "
        "is larger than the change, not smaller.",
    ),
    Mistake(
        _by_coordinates,
        "Your estimate is divided by the number of coordinates. R1 is the squared *length* of the "
        "gradient, a sum over them; random steps find that sum already.",
    ),
    Mistake(
        _by_length_of_noise,
        "You divide each change by the length of its own step. That is the slope *along* the step, "
        "which is only one of many directions; R1 has all of them. Divide by the variance "
        "of the noise.",
    ),
    Mistake(
        _averaged_first,
        "You average the changes and then square. Changes up and down cancel: square each one first.",
    ),
    Mistake(
        _absolute,
        "You take absolute changes. R1 is an average of *squares*.",
    ),
    Mistake(
        _summed,
        "You sum over the batch: the penalty would grow with its size. Average.",
    ),
    Mistake(
        _halved,
        "You halve the penalty. The half belongs to the weight in front of it; here the plain "
        "mean square is asked for.",
    ),
    Mistake(
        _no_sigma,
        "You add the noise at full size. `sigma` says how small the step is.",
    ),
    Mistake(
        _noise_alone,
        "You compare the data with noise. Compare them with themselves, moved by a little noise.",
    ),
    Mistake(
        _mixed,
        "You shrink the data before you add the noise, as diffusion does. That is a step "
        "towards zero as well, which is not a random direction.",
    ),
    Mistake(
        _both_sides,
        "You step to both sides: the change is that of a step of double length. Compare with the "
        "data themselves.",
    ),
    Mistake(
        _probabilities,
        "You compare probabilities. R1 is about the slope of the *logit*: that of a sigmoid "
        "vanishes where the discriminator is sure.",
    ),
    Mistake(
        _own_noise,
        "You draw noise of your own. Take that of the argument `noise`.",
    ),
    Mistake(
        _clean_side_detached,
        "The values are right. But the logit of the data is cut off its graph: only the one beside "
        "it is pulled. Both are the discriminator's answers; let gradients through both.",
    ),
    Mistake(
        _noisy_side_detached,
        "The values are right. But the logit beside the data is cut off its graph: let gradients "
        "through both.",
    ),
    Mistake(
        _all_detached,
        "The values are right, but no gradient leads from the penalty to the discriminator: it "
        "would change nothing.",
    ),
    Mistake(
        _exact,
        "This is the exact R1, with a gradient of a gradient. Here two looks at the logit must do.",
    ),
    Mistake(
        _exact_estimate,
        "The penalty is right; your second number is the exact R1. Estimate it from the penalty.",
    ),
    Mistake(
        _turned,
        "Right values in the wrong order: the penalty first, then the estimate.",
    ),
    Mistake(
        _estimate_rooted,
        "The penalty is right; your estimate is that of the gradient's *length*. R1 is its square.",
    ),
]

EXERCISE = Exercise(
    "18.3",
    "R1 without a gradient of a gradient",
    difficulty=2,
    minutes=12,
    reference=_approximated,
    inputs=_inputs,
    observe=_observe,
    parts=("The penalty", "The estimate"),
    mistakes=MISTAKES,
)
