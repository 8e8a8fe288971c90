"""Exercise 13.1: The two terms of the bound."""

import math

import torch

from .. import Exercise, Mistake
from .._gradients import gradients


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
    names = (
        "The gradient of the reconstructions",
        "The gradient of mean",
        "The gradient of logvar",
    )
    found = gradients((result * weights).sum(), args[1:4])
    return {"The bound": result.detach(), **dict(zip(names, found, strict=True))}


MISTAKES = [
    Mistake(
        _elbo_mean_pixels,
        "The commonest mistake in VAE code: you average over the pixels and sum over the "
        "latents, so that the KL term counts as many times too much as there are pixels. A "
        "log-density of a picture is a *sum* over its pixels.",
        slip={"logp.sum(1) - kl.sum(1)": "logp.mean(1) - kl.sum(1)"},
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
        slip={"math.log(sigma * math": "math.log(math"},
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
        "The KL divergence is added: the bound would reward a code far from the prior. It is a cost.",
        slip={"logp.sum(1) - kl.sum(1)": "logp.sum(1) + kl.sum(1)"},
    ),
    Mistake(
        _elbo_negative,
        "This is the negative of the bound, the loss. Return the bound itself.",
    ),
    Mistake(
        _elbo_std,
        "You read `logvar` as the logarithm of the standard deviation. It is that of the variance.",
    ),
    Mistake(
        _elbo_as_variance,
        "You use `logvar` as if it were the variance. Take its exponential first.",
        slip={"mean**2 + logvar.exp() - 1 - logvar": "mean**2 + logvar - 1 - logvar.log()"},
    ),
    Mistake(
        _elbo_batch,
        "You averaged over the batch. Return one number for each sample, `(N,)`.",
    ),
    Mistake(
        _elbo_total,
        "You summed over the batch. Return one number for each sample, `(N,)`.",
    ),
]

EXERCISE = Exercise(
    "13.1",
    "The two terms of the bound",
    difficulty=2,
    minutes=10,
    reference=_elbo,
    inputs=_elbo_inputs,
    observe=_elbo_observe,
    mistakes=MISTAKES,
)
