"""Exercise 18.1: What a flow is trained on."""

import torch

from .. import Exercise, Mistake
from .._gradients import weight_gradients
from ._velocity import Velocity


def _at(t, x):
    return t.view(-1, *[1] * (x.ndim - 1))


def _mix(x, noise, t):
    return (1 - _at(t, x)) * noise + _at(t, x) * x


def _flow(velocity, x, noise, t):
    z = (1 - _at(t, x)) * noise + _at(t, x) * x
    return (velocity(z, t) - (x - noise)).square().mean()


def _flow_target_turned(velocity, x, noise, t):
    return (velocity(_mix(x, noise, t), t) - (noise - x)).square().mean()


def _flow_mix_swapped(velocity, x, noise, t):
    return (velocity(_mix(noise, x, t), t) - (x - noise)).square().mean()


def _flow_backwards(velocity, x, noise, t):
    return (velocity(_mix(noise, x, t), t) - (noise - x)).square().mean()


def _flow_asks_data(velocity, x, noise, t):
    return (velocity(_mix(x, noise, t), t) - x).square().mean()


def _flow_asks_noise(velocity, x, noise, t):
    return (velocity(_mix(x, noise, t), t) - noise).square().mean()


def _flow_rest_of_way(velocity, x, noise, t):
    z = _mix(x, noise, t)
    return (velocity(z, t) - (x - z)).square().mean()


def _flow_arc(velocity, x, noise, t):
    angle = torch.pi / 2 * _at(t, x)
    z = angle.cos() * noise + angle.sin() * x
    return (velocity(z, t) - (x - noise)).square().mean()


def _flow_arc_and_its_velocity(velocity, x, noise, t):
    angle = torch.pi / 2 * _at(t, x)
    z = angle.cos() * noise + angle.sin() * x
    return (velocity(z, t) - (angle.cos() * x - angle.sin() * noise)).square().mean()


def _flow_noise_stays(velocity, x, noise, t):
    z = noise + _at(t, x) * x
    return (velocity(z, t) - (x - noise)).square().mean()


def _flow_at_noise(velocity, x, noise, t):
    return (velocity(noise, t) - (x - noise)).square().mean()


def _flow_at_data(velocity, x, noise, t):
    return (velocity(x, t) - (x - noise)).square().mean()


def _flow_sum(velocity, x, noise, t):
    return (velocity(_mix(x, noise, t), t) - (x - noise)).square().sum()


def _flow_sum_pixels(velocity, x, noise, t):
    return (velocity(_mix(x, noise, t), t) - (x - noise)).square().flatten(1).sum(1).mean()


def _flow_half(velocity, x, noise, t):
    return 0.5 * (velocity(_mix(x, noise, t), t) - (x - noise)).square().mean()


def _flow_absolute(velocity, x, noise, t):
    return (velocity(_mix(x, noise, t), t) - (x - noise)).abs().mean()


def _flow_root(velocity, x, noise, t):
    return (velocity(_mix(x, noise, t), t) - (x - noise)).square().mean().sqrt()


def _flow_one_time(velocity, x, noise, t):
    return _flow(velocity, x, noise, t[:1].expand(len(t)))


def _flow_no_axes(velocity, x, noise, t):
    z = (1 - t) * noise + t * x
    return (velocity(z, t) - (x - noise)).square().mean()


def _flow_points_only(velocity, x, noise, t):
    z = (1 - t[:, None]) * noise + t[:, None] * x
    return (velocity(z, t) - (x - noise)).square().mean()


def _flow_own_time(velocity, x, noise, t):
    return _flow(velocity, x, noise, torch.rand(len(x)))


def _flow_own_noise(velocity, x, noise, t):
    return _flow(velocity, x, torch.randn_like(x), t)


def _flow_detached(velocity, x, noise, t):
    return (velocity(_mix(x, noise, t), t).detach() - (x - noise)).square().mean()


def _flow_by_time(velocity, x, noise, t):
    z = _mix(x, noise, t)
    return (_at(t, x) * (velocity(z, t) - (x - noise)).square()).mean()


def _flow_observe(result, args):
    """The loss, and what it tells the network."""
    return {
        "The loss": result.detach(),
        "The gradient that reaches the network": weight_gradients(result, args[0], "the loss"),
    }


def _flow_inputs(g):
    shapes = ((5, 2), (4, 1, 2, 3), (3, 3))
    return [
        (
            Velocity(s[1:], g),
            torch.randn(s, generator=g) + 1,
            torch.randn(s, generator=g),
            torch.rand(s[0], generator=g),
        )
        for s in shapes
    ]


MISTAKES = [
    Mistake(
        _flow_target_turned,
        "The place is right; the velocity that you ask for points from the data to the noise. "
        "Time runs from noise to data here: which way does a sample move?",
        slip={"x - noise": "noise - x"},
    ),
    Mistake(
        _flow_mix_swapped,
        "The velocity that you ask for is right; the place is that of time `1 - t`. At time 0 it "
        "should be pure noise.",
        slip={"(1 - at) * noise + at * x": "at * noise + (1 - at) * x"},
    ),
    Mistake(
        _flow_backwards,
        "This is right for a time that runs from data to noise, as in chapter 13. Here it runs "
        "from noise to data: the weights *and* the velocity turn round.",
        slip={"(1 - at) * noise + at * x, x - noise": "at * noise + (1 - at) * x, noise - x"},
    ),
    Mistake(
        _flow_asks_data,
        "You ask for the data. That makes a denoiser; a flow is asked for the direction in which "
        "the sample moves, the derivative of its place along the time.",
    ),
    Mistake(
        _flow_asks_noise,
        "You ask for the noise, as DDPM does. A flow is asked for the direction in which the "
        "sample moves, the derivative of its place along the time.",
    ),
    Mistake(
        _flow_rest_of_way,
        "You ask for the way that is *left*. It shrinks as the time goes on; the velocity is that "
        "of a steady walk over the whole distance, the same at every time.",
    ),
    Mistake(
        _flow_arc,
        "Your places lie on chapter 13's arc, with a cosine and a sine. A flow's path is a "
        "straight line: its two weights add up to 1.",
    ),
    Mistake(
        _flow_arc_and_its_velocity,
        "This is chapter 13's arc with its velocity. Here the path is a straight line: its two "
        "weights add up to 1, and its velocity doesn't depend on the time.",
    ),
    Mistake(
        _flow_noise_stays,
        "Your place keeps all of its noise: at time 1 it should be the data, and nothing else.",
    ),
    Mistake(
        _flow_at_noise,
        "You ask the network at the noise, whatever the time. Ask it where the sample *is* at its time.",
    ),
    Mistake(
        _flow_at_data,
        "You ask the network at the data, whatever the time. Ask it where the sample *is* at its time.",
    ),
    Mistake(
        _flow_sum,
        "This is the sum of the squared errors. Average over samples and coordinates.",
    ),
    Mistake(
        _flow_sum_pixels,
        "You sum over the coordinates and average over the samples. Asked for is the average over "
        "both, as `mse_loss` takes it.",
    ),
    Mistake(
        _flow_half,
        "You halve the squared error. The minimum is the same; asked for is the plain average.",
    ),
    Mistake(
        _flow_absolute,
        "You average the absolute errors. Their best answer is a median; a flow needs the "
        "*average* of the directions, which squares give.",
    ),
    Mistake(
        _flow_root,
        "You take the root of the average. Return the mean square itself.",
    ),
    Mistake(
        _flow_one_time,
        "All samples get the first sample's time. Each one has its own.",
    ),
    Mistake(
        _flow_no_axes,
        "The times have the shape (N,) and line up with the *last* axis of the data. Give them "
        "as many axes as the data have, so that each sample gets its own time.",
    ),
    Mistake(
        _flow_points_only,
        "This works for points `(N, d)`; for pictures `(N, C, H, W)` the times need as many axes "
        "as the data have.",
    ),
    Mistake(
        _flow_own_time,
        "You draw times of your own. Take those of the argument `t`.",
    ),
    Mistake(
        _flow_own_noise,
        "You draw noise of your own. Take that of the argument `noise`: it decides both the "
        "place and the velocity.",
    ),
    Mistake(
        _flow_by_time,
        "You weigh the errors by the time. Here all times count alike.",
    ),
    Mistake(
        _flow_detached,
        "The value is right, but the network's answer is cut off its graph: nothing would learn.",
    ),
]

EXERCISE = Exercise(
    "18.1",
    "What a flow is trained on",
    difficulty=2,
    minutes=10,
    reference=_flow,
    inputs=_flow_inputs,
    observe=_flow_observe,
    mistakes=MISTAKES,
)
