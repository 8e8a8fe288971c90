"""Exercise 13.2: What the denoiser is asked for."""

import math

import torch

from .. import Exercise, Mistake


def _angles(u, x):
    u = u.view(-1, *[1] * (x.ndim - 1))
    return torch.cos(math.pi / 2 * u), torch.sin(math.pi / 2 * u)


def _noisy(x, eps, u):
    alpha, sigma = _angles(u, x)
    return alpha * x + sigma * eps, alpha * eps - sigma * x


def _noisy_swapped(x, eps, u):
    noisy, target = _noisy(eps, x, u)
    return noisy, -target


def _noisy_eps(x, eps, u):
    return _noisy(x, eps, u)[0], eps


def _noisy_sign(x, eps, u):
    noisy, target = _noisy(x, eps, u)
    return noisy, -target


def _noisy_linear(x, eps, u):
    weight = u.view(-1, *[1] * (x.ndim - 1))
    return (1 - weight) * x + weight * eps, eps - x


def _noisy_squared(x, eps, u):
    alpha, sigma = (w.square() for w in _angles(u, x))
    return alpha * x + sigma * eps, alpha * eps - sigma * x


def _noisy_one_time(x, eps, u):
    return _noisy(x, eps, u[:1].expand(len(u)))


def _noisy_order(x, eps, u):
    return _noisy(x, eps, u)[::-1]


def _noisy_by_time(x, eps, u):
    noisy, target = _noisy(x, eps, u)
    return noisy, math.pi / 2 * target


def _noisy_difference(x, eps, u):
    return _noisy(x, eps, u)[0], eps - x


def _noisy_difference_turned(x, eps, u):
    return _noisy(x, eps, u)[0], x - eps


def _noisy_clean(x, eps, u):
    return _noisy(x, eps, u)[0], x


def _noisy_plus(x, eps, u):
    alpha, sigma = _angles(u, x)
    return alpha * x + sigma * eps, alpha * eps + sigma * x


def _noisy_weights_swapped(x, eps, u):
    alpha, sigma = _angles(u, x)
    return alpha * x + sigma * eps, sigma * eps - alpha * x


def _noisy_roots(x, eps, u):
    u = u.view(-1, *[1] * (x.ndim - 1))
    alpha, sigma = (1 - u).sqrt(), u.sqrt()
    return alpha * x + sigma * eps, alpha * eps - sigma * x


def _noisy_radians(x, eps, u):
    return _noisy(x, eps, u / (math.pi / 2))


def _noisy_whole_turn(x, eps, u):
    return _noisy(x, eps, 2 * u)


def _noisy_points_only(x, eps, u):
    alpha, sigma = torch.cos(math.pi / 2 * u[:, None]), torch.sin(math.pi / 2 * u[:, None])
    return alpha * x + sigma * eps, alpha * eps - sigma * x


def _noisy_no_axes(x, eps, u):
    alpha, sigma = torch.cos(math.pi / 2 * u), torch.sin(math.pi / 2 * u)
    return alpha * x + sigma * eps, alpha * eps - sigma * x


def _noisy_inputs(g):
    shapes = ((5, 3), (4, 1, 2, 2), (2, 2))
    return [
        (torch.randn(s, generator=g), torch.randn(s, generator=g), torch.rand(s[0], generator=g))
        for s in shapes
    ]


MISTAKES = [
    Mistake(
        _noisy_swapped,
        "Data and noise have changed places: at time 0 this gives pure noise. At time 0 "
        "nothing has been added yet.",
    ),
    Mistake(
        _noisy_eps,
        "The noisy sample is right; the target is the noise. That is what "
        "DDPM asks for. Here the target is the velocity, a mix of noise and data.",
    ),
    Mistake(
        _noisy_sign,
        "The target's sign is turned round. It is the derivative of the noisy sample "
        "along the angle: cosine becomes minus sine.",
        slip={"alpha * eps - sigma * x": "sigma * x - alpha * eps"},
    ),
    Mistake(
        _noisy_linear,
        "You mix along a straight line (as rectified flow does), with weights that add "
        "up to 1. Here their *squares* add up to 1, so that the variance is kept.",
    ),
    Mistake(
        _noisy_squared,
        "These weights are the squared cosine and sine: they add up to 1, their squares "
        "do not, and the noisy sample shrinks half-way.",
    ),
    Mistake(
        _noisy_one_time,
        "All samples get the first sample's time. Each row of the batch has its own.",
    ),
    Mistake(
        _noisy_order,
        "Right values in the wrong order: the noisy sample first, then the target.",
    ),
    Mistake(
        _noisy_by_time,
        "Your velocity is the derivative with respect to the *time*, pi/2 times as large. Here "
        "it is that with respect to the angle.",
    ),
    Mistake(
        _noisy_difference,
        "The noisy sample is right; your target is the noise minus the data, the velocity of a "
        "*straight* path. This one is an arc: the weights change with the time.",
        slip={"alpha * eps - sigma * x": "eps - x"},
    ),
    Mistake(
        _noisy_difference_turned,
        "The noisy sample is right; your target is the data minus the noise. The path is an "
        "arc that runs from data to noise: its direction changes with the time.",
    ),
    Mistake(
        _noisy_clean,
        "The noisy sample is right; the target is the data. At time 0 that would ask for "
        "nothing that can't be read off. Here the target is the velocity.",
    ),
    Mistake(
        _noisy_plus,
        "The noisy sample is right; in the velocity the data are *subtracted*: the derivative "
        "of a cosine is minus the sine.",
        slip={"alpha * eps - sigma * x": "alpha * eps + sigma * x"},
    ),
    Mistake(
        _noisy_weights_swapped,
        "The noisy sample is right; in the velocity cosine and sine have changed places.",
        slip={"alpha * eps - sigma * x": "sigma * eps - alpha * x"},
    ),
    Mistake(
        _noisy_roots,
        "Your weights are square roots of the time. They keep the variance, too; here they are "
        "the cosine and sine of an angle that grows evenly.",
    ),
    Mistake(
        _noisy_radians,
        "You take the time for the angle. At time 1 the angle is a quarter turn, pi/2.",
    ),
    Mistake(
        _noisy_whole_turn,
        "Your angle is pi times the time. At time 1 it should be a quarter turn, pi/2.",
    ),
    Mistake(
        _noisy_points_only,
        "This works for points `(N, 2)`; for images `(N, C, H, W)` the times need as many axes "
        "as the data have.",
    ),
    Mistake(
        _noisy_no_axes,
        "The times have the shape (N,) and line up with the *last* axis of the data. Give them "
        "as many axes as the data have, so that each sample gets its own time.",
    ),
]

EXERCISE = Exercise(
    "13.2",
    "What the denoiser is asked for",
    difficulty=2,
    minutes=10,
    reference=_noisy,
    inputs=_noisy_inputs,
    parts=("The noisy sample", "The velocity"),
    mistakes=MISTAKES,
)
