"""Exercise 18.2: A walk in equal steps."""

import torch

from .. import Exercise, Mistake
from ._velocity import Velocity


def _times(z, t):
    return z.new_full((len(z),), t)


def _walk(velocity, noise, steps, time=lambda k, n: k / n, sign=1):
    z = noise
    for k in range(steps):
        z = z + sign * velocity(z, _times(z, time(k, steps))) / steps
    return z


def _euler(velocity, noise, steps):
    z = noise
    for k in range(steps):
        t = torch.full((len(z),), k / steps)
        z = z + velocity(z, t) / steps
    return z


def _euler_end_of_step(velocity, noise, steps):
    return _walk(velocity, noise, steps, lambda k, n: (k + 1) / n)


def _euler_times_down(velocity, noise, steps):
    return _walk(velocity, noise, steps, lambda k, n: 1 - k / n)


def _euler_minus(velocity, noise, steps):
    return _walk(velocity, noise, steps, sign=-1)


def _euler_way_back(velocity, noise, steps):
    return _walk(velocity, noise, steps, lambda k, n: 1 - k / n, sign=-1)


def _euler_end_down(velocity, noise, steps):
    return _walk(velocity, noise, steps, lambda k, n: 1 - (k + 1) / n)


def _euler_middle(velocity, noise, steps):
    return _walk(velocity, noise, steps, lambda k, n: (k + 0.5) / n)


def _euler_linspace(velocity, noise, steps):
    return _walk(velocity, noise, steps, lambda k, n: k / max(n - 1, 1))


def _euler_counted(velocity, noise, steps):
    return _walk(velocity, noise, steps, lambda k, n: float(k))


def _euler_no_time(velocity, noise, steps):
    return _walk(velocity, noise, steps, lambda k, n: 0.0)


def _euler_a_number(velocity, noise, steps):
    z = noise
    for k in range(steps):
        z = z + velocity(z, k / steps) / steps
    return z


def _euler_no_axis(velocity, noise, steps):
    z = noise
    for k in range(steps):
        z = z + velocity(z, torch.tensor(k / steps)) / steps
    return z


def _euler_whole_steps(velocity, noise, steps):
    z = noise
    for k in range(steps):
        z = z + velocity(z, _times(z, k / steps))
    return z


def _euler_forgets(velocity, noise, steps):
    z = noise
    for k in range(steps):
        z = noise + velocity(z, _times(z, k / steps)) / steps
    return z


def _euler_from_noise(velocity, noise, steps):
    z = noise
    for k in range(steps):
        z = z + velocity(noise, _times(z, k / steps)) / steps
    return z


def _euler_one_less(velocity, noise, steps):
    z = noise
    for k in range(steps - 1):
        z = z + velocity(z, _times(z, k / steps)) / steps
    return z


def _euler_one_more(velocity, noise, steps):
    z = noise
    for k in range(steps + 1):
        z = z + velocity(z, _times(z, k / steps)) / steps
    return z


def _euler_as_denoiser(velocity, noise, steps):
    z = noise
    for k in range(steps):
        z = z + (velocity(z, _times(z, k / steps)) - z) / steps
    return z


def _euler_only_moves(velocity, noise, steps):
    return _walk(velocity, noise, steps) - noise


def _euler_last_velocity(velocity, noise, steps):
    z = noise
    for k in range(steps):
        v = velocity(z, _times(z, k / steps))
        z = z + v / steps
    return v


def _heun(velocity, noise, steps):
    z = noise
    for k in range(steps):
        v = velocity(z, _times(z, k / steps))
        ahead = velocity(z + v / steps, _times(z, (k + 1) / steps))
        z = z + (v + ahead) / (2 * steps)
    return z


def _midpoint(velocity, noise, steps):
    z = noise
    for k in range(steps):
        half = z + velocity(z, _times(z, k / steps)) / (2 * steps)
        z = z + velocity(half, _times(z, (k + 0.5) / steps)) / steps
    return z


def _euler_maruyama(velocity, noise, steps):
    z = noise
    for k in range(steps):
        z = z + velocity(z, _times(z, k / steps)) / steps + torch.randn_like(z) / steps**0.5
    return z


def _euler_inputs(g):
    cases = []
    for shape, steps in (((5, 2), 4), ((3, 1, 2, 2), 3), ((4, 3), 1)):
        field = Velocity(shape[1:], g).requires_grad_(False)  # a walk under no_grad is as right
        cases.append((field, torch.randn(shape, generator=g), steps))
    return cases


MISTAKES = [
    Mistake(
        _euler_times_down,
        "Your times run down from 1. A walk from noise to data begins at time 0: at each step the "
        "network must be told when it is.",
        slip={"k / steps": "1 - k / steps"},
    ),
    Mistake(
        _euler_minus,
        "You walk against the velocity. It points from noise to data: go where it points.",
        slip={"z + velocity": "z - velocity"},
    ),
    Mistake(
        _euler_way_back,
        "This is the way back, from data at time 1 to noise at time 0. Begin at time 0, and go "
        "where the velocity points.",
        slip={"k / steps": "1 - k / steps", "z + velocity": "z - velocity"},
    ),
    Mistake(
        _euler_end_of_step,
        "You ask for the velocity at the *end* of each step. Euler's walk looks at where it stands, "
        "at the time when the step begins.",
    ),
    Mistake(
        _euler_end_down,
        "Your times run down, and stop at 0. A walk from noise to data begins at time 0.",
    ),
    Mistake(
        _euler_middle,
        "You ask for the velocity at the middle of the step's time, but at the place where the "
        "step begins. Euler's walk takes place and time of the beginning.",
    ),
    Mistake(
        _euler_linspace,
        "Your times reach 1 at the last step, when the step begins. From there a step would lead "
        "beyond the data: with `K` steps the times are `K` of the `K + 1` ends of the intervals.",
    ),
    Mistake(
        _euler_counted,
        "You give the number of the step for the time. The whole walk lasts from 0 to 1.",
    ),
    Mistake(
        _euler_no_time,
        "The network is told time 0 at each step, as if the walk had not moved on.",
    ),
    Mistake(
        _euler_a_number,
        "You hand a Python number to `velocity` for the time. It wants a tensor of shape (N,), a "
        "time for each sample.",
    ),
    Mistake(
        _euler_no_axis,
        "You hand a tensor without an axis to `velocity` for the time. It wants the shape (N,), a "
        "time for each sample.",
    ),
    Mistake(
        _euler_whole_steps,
        "Each of your steps is as long as the whole walk. A step lasts a `K`-th of the time.",
    ),
    Mistake(
        _euler_forgets,
        "Each step starts again at the noise, so that only the last one counts. Go on from where "
        "the step before ended.",
    ),
    Mistake(
        _euler_from_noise,
        "You ask for the velocity at the noise, at each step. Ask where the walk has come to: that "
        "is why it takes several steps.",
    ),
    Mistake(
        _euler_one_less,
        "One step is missing: the walk stops before time 1.",
    ),
    Mistake(
        _euler_one_more,
        "There is one step too many: the walk goes on beyond time 1.",
    ),
    Mistake(
        _euler_as_denoiser,
        "You subtract the place from the velocity, as if the network had named a place to go to. "
        "It gives a direction.",
    ),
    Mistake(
        _euler_only_moves,
        "You return how far the samples have moved. Asked for is where they are.",
    ),
    Mistake(
        _euler_last_velocity,
        "You return the last velocity. Asked for is where the samples are.",
    ),
    *(
        Mistake(
            wrong,
            "This is a more accurate walk than Euler's, and it asks the network twice a step. Here "
            "each step may ask once.",
        )
        for wrong in (_heun, _midpoint)
    ),
    Mistake(
        _euler_maruyama,
        "You add fresh noise at each step. That is another sampler; a flow's walk has no chance in "
        "it once the noise is drawn.",
    ),
]

EXERCISE = Exercise(
    "18.2",
    "A walk in equal steps",
    difficulty=1,
    minutes=8,
    reference=_euler,
    inputs=_euler_inputs,
    mistakes=MISTAKES,
)
