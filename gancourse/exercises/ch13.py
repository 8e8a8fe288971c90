"""Exercises of chapter 13, GAN, VAE, diffusion."""

from __future__ import annotations

import math

import torch

from . import Exercise, Mistake

# --- 13.1 the two terms of the bound ----------------------------------------------------------------


def _logp(x, decoded, sigma):
    return -0.5 * ((x - decoded) / sigma).square() - math.log(sigma * math.sqrt(2 * math.pi))


def _kl(mean, logvar):
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar)


def _elbo(x, decoded, mean, logvar, sigma):
    return _logp(x, decoded, sigma).sum(1) - _kl(mean, logvar).sum(1)


def _elbo_means(x, decoded, mean, logvar, sigma):
    return _logp(x, decoded, sigma).mean(1) - _kl(mean, logvar).mean(1)


def _elbo_mse(x, decoded, mean, logvar, sigma):
    return -(x - decoded).square().sum(1) - _kl(mean, logvar).sum(1)


def _elbo_no_constant(x, decoded, mean, logvar, sigma):
    return -0.5 * ((x - decoded) / sigma).square().sum(1) - _kl(mean, logvar).sum(1)


def _elbo_plus_kl(x, decoded, mean, logvar, sigma):
    return _logp(x, decoded, sigma).sum(1) + _kl(mean, logvar).sum(1)


def _elbo_negative(x, decoded, mean, logvar, sigma):
    return -_elbo(x, decoded, mean, logvar, sigma)


def _elbo_std(x, decoded, mean, logvar, sigma):
    return _elbo(x, decoded, mean, 2 * logvar, sigma)


def _elbo_as_variance(x, decoded, mean, logvar, sigma):
    kl = 0.5 * (mean.square() + logvar - 1 - logvar.log())
    return _logp(x, decoded, sigma).sum(1) - kl.sum(1)


def _elbo_batch(x, decoded, mean, logvar, sigma):
    return _elbo(x, decoded, mean, logvar, sigma).mean()


def _elbo_inputs(g):
    cases = []
    for n, d, nz, sigma in ((4, 6, 2, 0.3), (3, 10, 3, 1.5)):
        x, decoded = torch.randn(n, d, generator=g), torch.randn(n, d, generator=g)
        mean, logvar = torch.randn(n, nz, generator=g), torch.randn(n, nz, generator=g)
        cases.append((x, decoded, mean, logvar, sigma))
    return cases


# --- 13.2 what the denoiser is asked for ------------------------------------------------------------


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


def _noisy_inputs(g):
    shapes = ((5, 3), (4, 1, 2, 2), (2, 2))
    return [
        (torch.randn(s, generator=g), torch.randn(s, generator=g), torch.rand(s[0], generator=g))
        for s in shapes
    ]


# --- 13.3 one step of DDIM --------------------------------------------------------------------------


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


def _step_inputs(g):
    times = ((0.9, 0.6), (0.5, 0.2), (0.3, 0.0))
    return [
        (torch.randn(4, d, generator=g), torch.randn(4, d, generator=g), u, s)
        for d, (u, s) in zip((2, 3, 5), times, strict=True)
    ]


# --- 13.4 is the comparison fair? -------------------------------------------------------------------

_FLAWS = frozenset("BDE")

EXERCISES = [
    Exercise(
        "13.1",
        "The two terms of the bound",
        difficulty=2,
        minutes=10,
        reference=_elbo,
        inputs=_elbo_inputs,
        mistakes=[
            Mistake(
                _elbo_means,
                "You average over pixels and over latents: the two averages divide by different "
                "numbers, which reweighs the terms. A log-density of a picture is a *sum* over "
                "its pixels, and the KL one over the latent's coordinates.",
            ),
            Mistake(
                _elbo_mse,
                "The first term is a squared error, not a log-density: `sigma` has no effect, "
                "and with it the balance between the two terms is gone.",
            ),
            Mistake(
                _elbo_no_constant,
                "The normalising constant of the Gaussian is missing. While `sigma` is fixed it "
                "changes no gradient, but the number is no bound on log p(x), and a learned "
                "`sigma` would grow without limit.",
            ),
            Mistake(
                _elbo_plus_kl,
                "The KL divergence is added: the bound would reward a code far from the prior. "
                "It is a cost.",
            ),
            Mistake(
                _elbo_negative,
                "This is the negative of the bound, the loss. Return the bound itself.",
            ),
            Mistake(
                _elbo_std,
                "You read `logvar` as the logarithm of the standard deviation. It is that of the "
                "variance.",
            ),
            Mistake(
                _elbo_as_variance,
                "You use `logvar` as if it were the variance. Take its exponential first.",
            ),
            Mistake(
                _elbo_batch,
                "You averaged over the batch. Return one number for each sample, `(N,)`.",
            ),
        ],
    ),
    Exercise(
        "13.2",
        "What the denoiser is asked for",
        difficulty=2,
        minutes=10,
        reference=_noisy,
        inputs=_noisy_inputs,
        mistakes=[
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
        ],
    ),
    Exercise(
        "13.3",
        "One step of DDIM",
        difficulty=2,
        minutes=10,
        reference=_step,
        inputs=_step_inputs,
        rtol=1e-4,
        atol=1e-5,
        mistakes=[
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
                "The noise comes back with the weight of time `u`, so the sample stays as noisy "
                "as it was.",
            ),
            Mistake(
                _step_weights_swapped,
                "In the last mix, cosine and sine have changed places: at `s = 0` this returns "
                "the noise.",
            ),
        ],
    ),
    Exercise(
        "13.4",
        "Is this comparison fair?",
        difficulty=1,
        minutes=5,
        reference=_FLAWS,
        compare=lambda expected, got: (
            isinstance(got, (set, frozenset, list, tuple))
            and {str(letter).strip().upper() for letter in got} == set(expected)
        ),
        mistakes=[
            Mistake(
                frozenset("ABDE"),
                "A is fair: when each model has the same time, unequal numbers of steps are the "
                "consequence, and no flaw.",
            ),
            Mistake(
                frozenset("BCDE"),
                "C is fair: when both had the same time and were scored with the same features on "
                "the same number of samples, a parameter count that differs is something to "
                "report, not a flaw.",
            ),
            Mistake(
                frozenset("BD"),
                "One is missing. Whose training was looked at more often before its number was "
                "chosen?",
            ),
            Mistake(
                frozenset("BE"),
                "One is missing. Read D again: what does chapter 7 say about a Fréchet distance "
                "at another number of samples?",
            ),
            Mistake(
                frozenset("DE"),
                "One is missing. In B, what was measured: the model or its hyperparameter search?",
            ),
        ],
    ),
]
