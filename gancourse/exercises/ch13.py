"""Exercises of chapter 13, GAN, VAE, diffusion."""

from __future__ import annotations

import itertools
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


def _elbo_mean_pixels(x, decoded, mean, logvar, sigma):
    return _logp(x, decoded, sigma).mean(1) - _kl(mean, logvar).sum(1)


def _elbo_mean_latents(x, decoded, mean, logvar, sigma):
    return _logp(x, decoded, sigma).sum(1) - _kl(mean, logvar).mean(1)


def _elbo_mse_mean(x, decoded, mean, logvar, sigma):
    return -(x - decoded).square().mean(1) - _kl(mean, logvar).sum(1)


def _elbo_mse_half(x, decoded, mean, logvar, sigma):
    return -0.5 * (x - decoded).square().sum(1) - _kl(mean, logvar).sum(1)


def _elbo_constant_once(x, decoded, mean, logvar, sigma):
    square = -0.5 * ((x - decoded) / sigma).square().sum(1)
    return square - math.log(sigma * math.sqrt(2 * math.pi)) - _kl(mean, logvar).sum(1)


def _elbo_no_log_sigma(x, decoded, mean, logvar, sigma):
    return _elbo(x, decoded, mean, logvar, sigma) + x.shape[1] * math.log(sigma)


def _elbo_no_pi(x, decoded, mean, logvar, sigma):
    return _elbo(x, decoded, mean, logvar, sigma) + x.shape[1] * math.log(2 * math.pi) / 2


def _elbo_sigma_variance(x, decoded, mean, logvar, sigma):
    return _elbo(x, decoded, mean, logvar, math.sqrt(sigma))


def _elbo_kl_twice(x, decoded, mean, logvar, sigma):
    return _logp(x, decoded, sigma).sum(1) - 2 * _kl(mean, logvar).sum(1)


def _elbo_square_whole(x, decoded, mean, logvar, sigma):
    square = -0.5 * ((x - decoded) / sigma).square().sum(1)
    return _elbo(x, decoded, mean, logvar, sigma) + square


def _elbo_kl_turned(x, decoded, mean, logvar, sigma):
    kl = 0.5 * ((mean.square() + 1) / logvar.exp() - 1 + logvar)
    return _logp(x, decoded, sigma).sum(1) - kl.sum(1)


def _elbo_kl_log_sign(x, decoded, mean, logvar, sigma):
    kl = 0.5 * (mean.square() + logvar.exp() - 1 + logvar)
    return _logp(x, decoded, sigma).sum(1) - kl.sum(1)


def _elbo_no_kl(x, decoded, mean, logvar, sigma):
    return _logp(x, decoded, sigma).sum(1)


def _elbo_total(x, decoded, mean, logvar, sigma):
    return _elbo(x, decoded, mean, logvar, sigma).sum()


def _elbo_inputs(g):
    cases = []
    for n, d, nz, sigma in ((4, 6, 2, 0.3), (3, 10, 3, 1.5)):
        x, decoded = torch.randn(n, d, generator=g), torch.randn(n, d, generator=g)
        mean, logvar = torch.randn(n, nz, generator=g), torch.randn(n, nz, generator=g)
        made = (t.requires_grad_() for t in (decoded, mean, logvar))
        cases.append((x, *made, sigma))
    return cases


def _elbo_observe(result, args):
    """The bounds, and the gradients of their weighted sum: a VAE is trained on it."""
    weights = torch.arange(result.numel(), dtype=result.dtype).view(result.shape) + 1
    found = torch.autograd.grad((result * weights).sum(), args[1:4], allow_unused=True)
    names = (
        "The gradient of the reconstructions",
        "The gradient of mean",
        "The gradient of logvar",
    )
    gradients = [
        torch.zeros_like(arg) if gradient is None else gradient
        for arg, gradient in zip(args[1:4], found, strict=True)
    ]
    return {"The bound": result.detach(), **dict(zip(names, gradients, strict=True))}


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


# --- 13.4 is the comparison fair? -------------------------------------------------------------------

_FLAWS = frozenset("BDE")

_FAIR = {
    "A": "A is fair: when each model has the same time, unequal numbers of steps are the "
    "consequence, and no flaw.",
    "C": "C is fair: when both had the same time and were scored with the same features on "
    "the same number of samples, a parameter count that differs is something to "
    "report, not a flaw.",
}
_MISSED = {
    "B": "In B, what was measured: the model or its hyperparameter search?",
    "D": "Read D again: what does chapter 7 say about a Fréchet distance at another number of samples?",
    "E": "Whose training was looked at more often before its number was chosen? Read E again.",
}


def _remark(chosen):
    """What a wrong set of letters gets wrong."""
    said = [text for letter, text in _FAIR.items() if letter in chosen]
    lacking = [letter for letter in _MISSED if letter not in chosen]
    if len(lacking) == 1:
        said.append(f"One is missing. {_MISSED[lacking[0]]}")
    elif lacking:
        count = {2: "Two are", 3: "Three are"}[len(lacking)]
        said.append(
            f"{count} missing. Ask of each sentence what differs between the models besides the "
            "models: the data, the judge, the number of samples, the effort, the number of tries?"
        )
    return " ".join(said)


EXERCISES = [
    Exercise(
        "13.1",
        "The two terms of the bound",
        difficulty=2,
        minutes=10,
        reference=_elbo,
        inputs=_elbo_inputs,
        observe=_elbo_observe,
        mistakes=[
            Mistake(
                _elbo_mean_pixels,
                "The commonest mistake in VAE code: you average over the pixels and sum over the "
                "latents, so that the KL term counts as many times too much as there are pixels. A "
                "log-density of a picture is a *sum* over its pixels.",
            ),
            Mistake(
                _elbo_mean_latents,
                "You average over the latents and sum over the pixels. The KL divergence of a code is "
                "a *sum* over its coordinates.",
            ),
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
                _elbo_mse_mean,
                "The first term is a mean squared error, not a log-density: `sigma` has no effect, "
                "and the KL term, a sum, outweighs it.",
            ),
            Mistake(
                _elbo_mse_half,
                "The first term is half the squared error, the log-density for a `sigma` of 1 without "
                "its constant. Divide the error by `sigma`, and include the constant.",
            ),
            Mistake(
                _elbo_constant_once,
                "The normalising constant stands in there once. Each of the coordinates has one: "
                "sum it with the squares.",
            ),
            Mistake(
                _elbo_no_log_sigma,
                "The constant lacks the logarithm of `sigma`. Without it a learned `sigma` would grow "
                "without limit.",
            ),
            Mistake(
                _elbo_no_pi,
                "The constant lacks the 2 pi: half of its logarithm for each coordinate. No gradient "
                "changes, but the number is no bound on log p(x).",
            ),
            Mistake(
                _elbo_sigma_variance,
                "You take `sigma` for the variance. It is the standard deviation: `Normal` wants it as "
                "it is, and a square is divided by its square.",
            ),
            Mistake(
                _elbo_square_whole,
                "The square in the log-density has a factor one half.",
            ),
            Mistake(
                _elbo_kl_twice,
                "The KL divergence has a factor one half in front.",
            ),
            Mistake(
                _elbo_kl_turned,
                "The KL divergence is the other way round: from the prior to the code's distribution. "
                "The bound has that of the *code's* distribution from the prior.",
            ),
            Mistake(
                _elbo_kl_log_sign,
                "In the KL divergence the logarithm of the variance is subtracted.",
            ),
            Mistake(
                _elbo_no_kl,
                "This is the first term alone. What does the code cost? Subtract its KL divergence "
                "from the prior.",
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
            Mistake(
                _elbo_total,
                "You summed over the batch. Return one number for each sample, `(N,)`.",
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
        parts=("The noisy sample", "The velocity"),
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
            Mistake(
                _noisy_by_time,
                "Your velocity is the derivative with respect to the *time*, pi/2 times as large. Here "
                "it is that with respect to the angle.",
            ),
            Mistake(
                _noisy_difference,
                "The noisy sample is right; your target is the noise minus the data, the velocity of a "
                "*straight* path. This one is an arc: the weights change with the time.",
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
            ),
            Mistake(
                _noisy_weights_swapped,
                "The noisy sample is right; in the velocity cosine and sine have changed places.",
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
            ),
            Mistake(
                _step_clean_sign,
                "The noise estimate is right; in the clean estimate the velocity has the wrong sign.",
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
        ],
    ),
    Exercise(
        "13.4",
        "Is this comparison fair?",
        difficulty=1,
        minutes=5,
        reference=_FLAWS,
        # Every other set of letters has its own message: what is missing, what is too much.
        mistakes=[
            Mistake(frozenset(chosen), _remark(set(chosen)))
            for size in range(6)
            for chosen in itertools.combinations("ABCDE", size)
            if set(chosen) != _FLAWS
        ],
    ),
]
