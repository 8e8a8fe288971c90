"""Exercise 9.5: BatchNorm, twice."""

import torch

from .. import Exercise, Mistake


def _view(v):
    return v.view(1, -1, 1, 1)


def _normalise(x, mean, var, eps):
    return (x - _view(mean)) / (_view(var) + eps).sqrt()


def _running(x, mean, var, momentum):
    new_mean, new_var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    return mean.lerp(new_mean, momentum), var.lerp(new_var, momentum)


def _batch_norm(x, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _normalise(x, mean, var, eps), mean, var
    y = _normalise(x, x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False), eps)
    return y, *_running(x, mean, var, momentum)


def _bn_per_pixel(x, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _batch_norm(x, mean, var, training, momentum, eps)
    y = (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()
    return y, *_running(x, mean, var, momentum)


def _bn_per_sample(x, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _batch_norm(x, mean, var, training, momentum, eps)
    center, spread = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
    return (x - center) / (spread + eps).sqrt(), *_running(x, mean, var, momentum)


def _bn_biased_running(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    if training:
        new_var = var.lerp(x.var((0, 2, 3), unbiased=False), momentum)
    return y, new_mean, new_var


def _bn_unbiased(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    if training:
        y = _normalise(x, x.mean((0, 2, 3)), x.var((0, 2, 3)), eps)
    return y, new_mean, new_var


def _bn_momentum(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, training, 1 - momentum, eps)


def _bn_running_in_training(x, mean, var, training, momentum=0.1, eps=1e-5):
    _, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    return _normalise(x, new_mean, new_var, eps), new_mean, new_var


def _bn_always_batch(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, *_ = _batch_norm(x, mean, var, True, momentum, eps)
    return y, *_batch_norm(x, mean, var, training, momentum, eps)[1:]


def _bn_always_training(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, True, momentum, eps)


def _bn_updates_in_eval(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, *_ = _batch_norm(x, mean, var, training, momentum, eps)
    return y, *_running(x, mean, var, momentum)


def _bn_never_updates(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, training, momentum, eps)[0], mean, var


def _bn_eps_outside(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    return (x - _view(mean)) / (_view(var).sqrt() + eps), new_mean, new_var


def _bn_variance(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    return (x - _view(mean)) / (_view(var) + eps), new_mean, new_var


def _bn_momentum_fixed(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, training, 0.1, eps)


def _bn_no_eps(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, training, momentum, 0.0)


def _bn_layer(x, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _batch_norm(x, mean, var, training, momentum, eps)
    center = x.mean((1, 2, 3), keepdim=True)
    spread = x.var((1, 2, 3), unbiased=False, keepdim=True)
    return (x - center) / (spread + eps).sqrt(), *_running(x, mean, var, momentum)


def _bn_keeps_batch(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, *_ = _batch_norm(x, mean, var, training, momentum, eps)
    return (y, x.mean((0, 2, 3)), x.var((0, 2, 3))) if training else (y, mean, var)


def _bn_keeps_std(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, _ = _batch_norm(x, mean, var, training, momentum, eps)
    return y, new_mean, var.lerp(x.std((0, 2, 3)), momentum) if training else var


def _bn_never_training(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, False, momentum, eps)


def _bn_other_mode(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, not training, momentum, eps)


def _batches(g):
    cases = []
    for shape, training, momentum, eps in (
        ((4, 3, 5, 5), True, 0.1, 1e-5), ((4, 3, 5, 5), False, 0.1, 1e-5),
        ((2, 2, 3, 4), True, 0.3, 0.01), ((1, 2, 3, 4), False, 0.3, 0.01),
    ):  # fmt: skip
        scale = 0.5 + torch.rand(1, shape[1], 1, 1, generator=g)
        x = 2 * torch.randn(1, shape[1], 1, 1, generator=g) + scale * torch.randn(shape, generator=g)
        mean, var = torch.randn(shape[1], generator=g), 0.5 + torch.rand(shape[1], generator=g)
        cases.append((x, mean, var, training, momentum, eps))
    x, mean, var = (
        0.01 * torch.randn(3, 2, 4, 4, generator=g),
        torch.zeros(2),
        torch.full((2,), 1e-4),
    )
    # so faint that the default eps counts, and the default momentum does
    return [*cases, (x, mean, var, True), (x.clone(), mean.clone(), var.clone(), False)]


MISTAKES = [
    Mistake(
        _bn_per_pixel,
        "You normalise each pixel over the batch. A channel has *one* mean and variance, "
        "over samples, rows and columns together.",
    ),
    Mistake(
        _bn_per_sample,
        "You normalise each sample by itself: that is instance normalisation. The batch "
        "shares its mean and variance.",
    ),
    Mistake(
        _bn_biased_running,
        "Nearly. PyTorch normalises with the biased variance (divided by n), and *keeps* "
        "the unbiased one (n - 1) for later.",
        slip={"momentum * x.var((0, 2, 3))": "momentum * v"},
    ),
    Mistake(
        _bn_unbiased,
        "Nearly. In training, normalise with the biased variance (divided by n); only the "
        "running one is unbiased.",
        slip={"x.var((0, 2, 3), unbiased=False)": "x.var((0, 2, 3))"},
    ),
    Mistake(
        _bn_momentum,
        "Momentum the wrong way round: PyTorch's `momentum` is the weight of the *new* "
        "batch, not of the past.",
        slip={
            "(1 - momentum) * mean + momentum * m": "momentum * mean + (1 - momentum) * m",
            "(1 - momentum) * var + momentum * x.var": "momentum * var + (1 - momentum) * x.var",
        },
    ),
    Mistake(
        _bn_running_in_training,
        "In training you normalise with the running averages. Use the batch's own "
        "statistics; the averages are only kept for evaluation.",
    ),
    Mistake(
        _bn_always_batch,
        "In evaluation mode you still normalise with the batch's statistics. Use the "
        "running ones: a sample must not depend on its neighbours.",
    ),
    Mistake(
        _bn_always_training,
        "The argument `training` is not used: evaluation does what training does.",
    ),
    Mistake(
        _bn_updates_in_eval,
        "Evaluation changes the running averages. They must stay as they are.",
    ),
    Mistake(
        _bn_never_updates,
        "Training must return the updated running averages.",
    ),
    Mistake(
        _bn_momentum_fixed,
        "The argument `momentum` is not used.",
    ),
    Mistake(
        _bn_no_eps,
        "`eps` is missing, or fixed. Add the argument to the variance, under the root.",
    ),
    Mistake(
        _bn_layer,
        "You normalise each sample over all its channels: that is layer normalisation. "
        "Each channel has its own mean and variance, over the whole batch.",
    ),
    Mistake(
        _bn_keeps_batch,
        "You return the batch's own statistics as the averages. They are mixed with the "
        "old ones: `momentum` is the weight of the new batch.",
    ),
    Mistake(
        _bn_keeps_std,
        "The running average keeps variances; yours mixes in a standard deviation.",
    ),
    Mistake(
        _bn_never_training,
        "The argument `training` is not used: training does what evaluation does.",
    ),
    Mistake(
        _bn_other_mode,
        "The two modes are exchanged: in *training* the batch's own statistics count.",
    ),
    Mistake(
        _bn_eps_outside,
        "eps is added to the standard deviation. It belongs to the variance, under the root.",
        slip={"(v.view(1, -1, 1, 1) + eps).sqrt()": "(v.view(1, -1, 1, 1).sqrt() + eps)"},
    ),
    Mistake(
        _bn_variance,
        "You divide by the variance. Divide by its root.",
    ),
]

EXERCISE = Exercise(
    "9.5",
    "BatchNorm, twice",
    difficulty=2,
    minutes=15,
    reference=_batch_norm,
    inputs=_batches,
    parts=("y", "mean", "var"),
    may_change=("mean", "var"),  # PyTorch changes its running averages in place
    mistakes=MISTAKES,
)
