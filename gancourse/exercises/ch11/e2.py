"""Exercise 11.2: Demodulation."""

import torch

from .. import Exercise, Mistake
from .._gradients import gradients


def _norm(w, axes, eps):
    return (w.square().sum(axes, keepdim=True) + eps).sqrt()


def _styled(weight, s):
    return weight[None] * s[:, None, :, None, None]


def _modulate(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (2, 3, 4), eps)


def _modulate_only(weight, s, eps=1e-8):
    return _styled(weight, s)


def _modulate_outputs_axis(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (1, 3, 4), eps)


def _modulate_layer(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (1, 2, 3, 4), eps)


def _modulate_kernel(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (3, 4), eps)


def _modulate_channels(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (2,), eps)


def _modulate_before(weight, s, eps=1e-8):
    return _styled(weight / _norm(weight, (1, 2, 3), eps), s)


def _modulate_no_style(weight, s, eps=1e-8):
    w = weight / _norm(weight, (1, 2, 3), eps)
    return w[None].expand(len(s), *w.shape)


def _modulate_squared(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.square().sum((2, 3, 4), keepdim=True) + eps)


def _modulate_std(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.var((2, 3, 4), keepdim=True, unbiased=False) + eps).sqrt()


def _modulate_mean_square(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.square().mean((2, 3, 4), keepdim=True) + eps).sqrt()


def _modulate_eps(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.square().sum((2, 3, 4), keepdim=True).sqrt() + eps)


def _modulate_outputs(weight, s, eps=1e-8):
    w = weight[None] * s[:, :, None, None, None]
    return w / _norm(w, (2, 3, 4), eps)


def _modulate_one_plus(weight, s, eps=1e-8):
    return _modulate(weight, 1 + s, eps)


def _modulate_grouped(weight, s, eps=1e-8):
    return _modulate(weight, s, eps).flatten(0, 1)


def _modulate_times(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w * _norm(w, (2, 3, 4), eps)


def _modulate_no_keepdim(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.square().sum((2, 3, 4)) + eps).sqrt()


def _modulate_no_eps(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / w.square().sum((2, 3, 4), keepdim=True).sqrt()


def _modulate_fixed_eps(weight, s, eps=1e-8):
    return _modulate(weight, s)


def _modulate_absolute(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.abs().sum((2, 3, 4), keepdim=True) + eps)


def _modulate_style_squared(weight, s, eps=1e-8):
    return _modulate(weight, s.square(), eps)


def _modulate_shared(weight, s, eps=1e-8):
    return _modulate(weight, s.mean(0, keepdim=True).expand_as(s), eps)


def _modulate_observe(result, args):
    """The weights, and the gradients of a weighted sum of them: the layer is trained through."""
    factors = torch.linspace(-1, 2, result.numel(), dtype=result.dtype).view(result.shape)
    of_weight, of_style = gradients((result * factors).sum(), args[:2])
    return {
        "The result": result.detach(),
        "The gradient of weight": of_weight,
        "The gradient of s": of_style,
    }


def _weights(g):
    def case(k, c, size, n):
        weight, s = torch.randn(k, c, size, size, generator=g), torch.randn(n, c, generator=g)
        return weight.requires_grad_(), s.requires_grad_()

    square, tall = case(4, 4, 3, 2), case(5, 3, 1, 3)
    silent = (
        torch.randn(2, 3, 3, 3, generator=g).requires_grad_(),
        torch.zeros(1, 3).requires_grad_(),
    )
    return [square, tall, (*case(3, 6, 3, 2), 2.0), silent]


MISTAKES = [
    Mistake(
        _modulate_only,
        "The style is in, the demodulation is missing: a style of 50 would make the outputs "
        "50 times as large.",
    ),
    Mistake(
        _modulate_outputs_axis,
        "You take the norm over the *output* channels, for each input channel. An output is "
        "a sum over inputs and kernel positions: take the norm over those.",
        slip={"w.square().sum((2, 3, 4), keepdim=True)": "w.square().sum((1, 3, 4), keepdim=True)"},
    ),
    Mistake(
        _modulate_layer,
        "One norm for the whole layer: the outputs have unit variance on average, not each. "
        "Take a norm for each output channel.",
    ),
    Mistake(
        _modulate_kernel,
        "You take a norm for each pair of input and output channel. That divides the style "
        "out again: the input channels belong into the sum.",
    ),
    Mistake(
        _modulate_channels,
        "You take a norm for each position in the kernel. All of its positions feed one "
        "output: sum over them too.",
    ),
    Mistake(
        _modulate_before,
        "You normalise the weights before the style comes in. It is the *styled* weights "
        "whose norm must be 1.",
        slip={"w.square().sum((2, 3, 4": "weight.square().sum((1, 2, 3"},
    ),
    Mistake(
        _modulate_no_style,
        "The style is missing: all samples get the same weights.",
    ),
    Mistake(
        _modulate_squared,
        "You divide by the squared norm. Then a style twice as large makes the outputs half "
        "as large: take the root.",
        slip={" + eps).sqrt()": " + eps)"},
    ),
    Mistake(
        _modulate_std,
        "You divide by the standard deviation, which takes off the mean and divides by the "
        "number of weights. What carries variance is the sum of squares.",
    ),
    Mistake(
        _modulate_mean_square,
        "You divide by the root of the *mean* square. The variance of a sum is the sum of "
        "the squared weights, whatever their number.",
        slip={"w.square().sum((2, 3, 4), keepdim=True)": "w.square().mean((2, 3, 4), keepdim=True)"},
    ),
    Mistake(
        _modulate_eps,
        "eps stands outside the root. The value is nearly the same for a small eps, but the "
        "root has an infinite slope at 0: add eps to the sum of squares.",
    ),
    Mistake(
        _modulate_outputs,
        "You scale the output channels by the style. Demodulation would undo that at once: "
        "the style belongs to the *input* channels, axis 1 of the weight.",
    ),
    Mistake(
        _modulate_shared,
        "You average the styles over the batch: each sample has its own weights.",
    ),
    Mistake(
        _modulate_one_plus,
        "You scale by 1 + s. Here the style is the factor itself; a layer that wants to begin "
        "near 1 gets that from its bias.",
    ),
    Mistake(
        _modulate_grouped,
        "Samples and outputs are one axis, as a grouped convolution wants them. Asked for is "
        "(N, K, C, h, w).",
    ),
    Mistake(
        _modulate_times,
        "You multiply by the norm. Dividing by it is what makes the variance 1.",
    ),
    Mistake(
        _modulate_no_keepdim,
        "The norms have the shape (N, K), and against (N, K, C, h, w) they line up with the "
        "kernel's axes. Keep the summed axes (with length 1).",
    ),
    Mistake(
        _modulate_no_eps,
        "Without `eps`, a style of zeros divides 0 by 0. Add it under the root.",
    ),
    Mistake(
        _modulate_fixed_eps,
        "You use a fixed `eps` and not the one that was given.",
    ),
    Mistake(
        _modulate_absolute,
        "You divide by the sum of absolute weights. The variance of a sum is the sum of the "
        "*squared* weights: take the root of that.",
    ),
    Mistake(
        _modulate_style_squared,
        "You scale by the squared style, which loses its sign. The style is the factor itself.",
    ),
]

EXERCISE = Exercise(
    "11.2",
    "Demodulation",
    difficulty=2,
    minutes=15,
    reference=_modulate,
    inputs=_weights,
    observe=_modulate_observe,
    mistakes=MISTAKES,
)
