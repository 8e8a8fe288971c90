"""Exercise 13.3: One step of DDIM."""

import math

import torch

from .. import Exercise, Mistake


def _pair(u):
    return math.cos(math.pi / 2 * u), math.sin(math.pi / 2 * u)


def _step(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    return a_next * (a * x - b * v) + b_next * (b * x + a * v)


def _step_clean(x, v, u, s):
    a, b = _pair(u)
    return a * x - b * v


def _step_fresh(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    return a_next * (a * x - b * v) + b_next * torch.randn_like(x)


def _step_v_as_noise(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    return a_next * (x - b * v) / a + b_next * v


def _step_sign(x, v, u, s):
    return _step(x, -v, u, s)


def _step_old_weights(x, v, u, s):
    (a, b), (a_next, _) = _pair(u), _pair(s)
    return a_next * (a * x - b * v) + b * (b * x + a * v)


def _step_weights_swapped(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    return b_next * (a * x - b * v) + a_next * (b * x + a * v)


def _step_euler(x, v, u, s):
    return x + (s - u) * v


def _step_euler_angle(x, v, u, s):
    return x + math.pi / 2 * (s - u) * v


def _step_clipped(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    clean = (a * x - b * v).clamp(-1, 1)
    return a_next * clean + b_next * (x - a * clean) / b


def _step_clipped_clean(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    return a_next * (a * x - b * v).clamp(-1, 1) + b_next * (b * x + a * v)


def _step_v_back(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    return a_next * (a * x - b * v) + b_next * v


def _step_noise_sign(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    return a_next * (a * x - b * v) + b_next * (b * x - a * v)


def _step_clean_sign(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    return a_next * (a * x + b * v) + b_next * (b * x + a * v)


def _step_radians(x, v, u, s):
    return _step(x, v, u / (math.pi / 2), s / (math.pi / 2))


def _step_both(x, v, u, s):
    a, b = _pair(u)
    return a * x - b * v, b * x + a * v


def _step_noise_undivided(x, v, u, s):
    (a, b), (a_next, b_next) = _pair(u), _pair(s)
    clean = a * x - b * v
    return a_next * clean + b_next * (x - a * clean)


def _step_inputs(g):
    times = ((0.9, 0.6), (0.5, 0.2), (0.3, 0.0))
    return [
        (torch.randn(4, d, generator=g), torch.randn(4, d, generator=g), u, s)
        for d, (u, s) in zip((2, 3, 5), times, strict=True)
    ]


MISTAKES = [
    Mistake(
        _step_clean,
        "You return the clean estimate. The step stops at time `s`: mix that estimate "
        "with the noise estimate again, in the proportions of `s`.",
    ),
    Mistake(
        _step_fresh,
        "You add fresh noise. That is a step of another sampler; DDIM puts back the "
        "*estimated* noise, so that the same start always gives the same end.",
    ),
    Mistake(
        _step_v_as_noise,
        "You treat the network's output as the noise. It is the velocity: work out both "
        "the data and the noise from it.",
    ),
    Mistake(
        _step_sign,
        "You walk away from the data: either the velocity has the wrong sign, or `u` and "
        "`s` have changed places (the two come to the same). Check with a "
        "picture that is all noise and no data: its velocity is the cosine times "
        "the noise.",
    ),
    Mistake(
        _step_old_weights,
        "The noise comes back with the weight of time `u`, so the sample stays as noisy as it was.",
        slip={"a_next * clean + b_next * noise": "a_next * clean + b * noise"},
    ),
    Mistake(
        _step_weights_swapped,
        "In the last mix, cosine and sine have changed places: at `s = 0` this returns the noise.",
        slip={"a_next * clean + b_next * noise": "b_next * clean + a_next * noise"},
    ),
    Mistake(
        _step_euler,
        "This is a straight step along the velocity, as with weights that add up to 1. DDIM "
        "goes round the arc: estimate data and noise, and mix them with the cosine and sine of "
        "time `s`. (And the velocity is that along the angle, not along the time.)",
    ),
    Mistake(
        _step_euler_angle,
        "This is a straight step along the velocity, an Euler step. It leaves the arc; DDIM "
        "stays on it: estimate data and noise, and mix them for time `s`.",
    ),
    *(
        Mistake(
            wrong,
            "You clip the clean estimate, as the sampler for digits does. Here nothing is to be "
            "clipped: data need not lie in [-1, 1].",
        )
        for wrong in (_step_clipped, _step_clipped_clean)
    ),
    Mistake(
        _step_v_back,
        "The clean estimate is right; then you put the velocity back as if it were the noise. "
        "Estimate the noise as well.",
    ),
    Mistake(
        _step_noise_sign,
        "The clean estimate is right; in the noise estimate the velocity has the wrong sign.",
        slip={"b * x + a * v": "b * x - a * v"},
    ),
    Mistake(
        _step_clean_sign,
        "The noise estimate is right; in the clean estimate the velocity has the wrong sign.",
        slip={"a * x - b * v": "a * x + b * v"},
    ),
    Mistake(
        _step_radians,
        "You take the times for angles. Time 1 is a quarter turn, pi/2.",
    ),
    Mistake(
        _step_both,
        "These are the estimates of data and noise. Mix them in the proportions of time `s`.",
    ),
    Mistake(
        _step_noise_undivided,
        "What is left of `x` without the data is the noise times its weight at time `u`: divide "
        "by that weight.",
    ),
]

EXERCISE = Exercise(
    "13.3",
    "One step of DDIM",
    difficulty=2,
    minutes=10,
    reference=_step,
    inputs=_step_inputs,
    rtol=1e-4,
    atol=1e-5,
    mistakes=MISTAKES,
)
