"""Exercise 14.1: A Gumbel-softmax draw, and its bias."""

import torch
from torch.nn.functional import one_hot

from .. import Exercise, Mistake
from .._gradients import gradients


def _gumbel(u):
    return -torch.log(-torch.log(u))


def _bias(draws, logits):
    return draws, draws.mean(0) - torch.softmax(logits, dim=0)


def _gs(logits, tau, u):
    return _bias(torch.softmax((logits + _gumbel(u)) / tau, dim=1), logits)


def _gs_one_log(logits, tau, u):
    return _bias(torch.softmax((logits - torch.log(u)) / tau, dim=1), logits)


def _gs_sign(logits, tau, u):
    return _bias(torch.softmax((logits - _gumbel(u)) / tau, dim=1), logits)


def _gs_uniform(logits, tau, u):
    return _bias(torch.softmax((logits + u) / tau, dim=1), logits)


def _gs_times(logits, tau, u):
    return _bias(torch.softmax((logits + _gumbel(u)) * tau, dim=1), logits)


def _gs_cold_logits(logits, tau, u):
    return _bias(torch.softmax(logits / tau + _gumbel(u), dim=1), logits)


def _gs_axis(logits, tau, u):
    return _bias(torch.softmax((logits + _gumbel(u)) / tau, dim=0), logits)


def _gs_probabilities(logits, tau, u):
    draws = torch.softmax((torch.softmax(logits, dim=0) + _gumbel(u)) / tau, dim=1)
    return _bias(draws, logits)


def _gs_hard(logits, tau, u):
    draws = one_hot((logits + _gumbel(u)).argmax(1), len(logits)).to(logits.dtype)
    return _bias(draws, logits)


def _gs_warm_truth(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws.mean(0) - torch.softmax(logits / tau, dim=0)


def _gs_bias_sign(logits, tau, u):
    draws, bias = _gs(logits, tau, u)
    return draws, -bias


def _gs_mean(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws.mean(0)


def _gs_mirrored(logits, tau, u):
    return _gs(logits, tau, 1 - u)


def _gs_absolute(logits, tau, u):
    draws, bias = _gs(logits, tau, u)
    return draws, bias.abs()


def _gs_against_uniform(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws.mean(0) - 1 / len(logits)


def _gs_relative(logits, tau, u):
    draws, bias = _gs(logits, tau, u)
    return draws, bias / torch.softmax(logits, dim=0)


def _gs_against_hard(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws.mean(0) - _gs_hard(logits, tau, u)[0].mean(0)


def _gs_each(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws - torch.softmax(logits, dim=0)


def _gs_observe(result, args):
    """Draws and bias, and the gradient of a weighted sum of the draws with respect to the logits."""
    draws, bias = result
    weights = torch.arange(draws.numel(), dtype=draws.dtype).view(draws.shape) + 1
    return {
        "The draws": draws.detach(),
        "The bias": bias.detach(),
        "The gradient": gradients((draws * weights).sum(), args[:1], "the draws")[0],
    }


def _gs_inputs(g):
    return [
        (
            torch.randn(k, generator=g).requires_grad_(),
            tau,
            torch.rand(n, k, generator=g) * 0.98 + 0.01,
        )
        for n, k, tau in ((6, 3, 0.5), (9, 4, 2.0), (5, 2, 0.2))
    ]


MISTAKES = [
    Mistake(
        _gs_one_log,
        "Your noise has one logarithm: that is exponential noise. With it the largest "
        "score no longer falls on each letter with its probability. Gumbel noise takes "
        "the logarithm twice, with a minus sign each time.",
        slip={"-torch.log(-torch.log(u))": "-torch.log(u)"},
    ),
    Mistake(
        _gs_sign,
        "Your noise has the wrong sign: the outer minus is missing (or the noise is "
        "subtracted). The Gumbel distribution is lopsided, so its negative is another "
        "distribution.",
    ),
    Mistake(
        _gs_uniform,
        "You add the uniform numbers themselves. They must first be turned into Gumbel noise.",
    ),
    Mistake(
        _gs_times,
        "You multiply by the temperature. A *low* temperature must give nearly hard draws.",
    ),
    Mistake(
        _gs_cold_logits,
        "You divide only the logits by `tau`. The noise is added first and the sum "
        "divided: else the temperature changes the probabilities of the letters and not "
        "only the softness.",
        slip={"(logits + noise) / tau": "logits / tau + noise"},
    ),
    Mistake(
        _gs_axis,
        "Your softmax runs over the draws. It belongs over the letters: each *row* adds up to 1.",
        slip={"(logits + noise) / tau, dim=1)": "(logits + noise) / tau, dim=0)"},
    ),
    Mistake(
        _gs_probabilities,
        "You add the noise to the probabilities. It belongs on the logits (or on the "
        "logarithms of the probabilities): only then is the largest sum letter `k` as "
        "often as it should be.",
    ),
    Mistake(
        _gs_hard,
        "These are hard draws: their average is right, and they have no slope. Here the "
        "soft ones are asked for.",
    ),
    Mistake(
        _gs_warm_truth,
        "The draws are right. Your bias compares with the softmax at temperature `tau`; "
        "the letters' probabilities are those of the logits as they are.",
        slip={"torch.softmax(logits, dim=0)": "torch.softmax(logits / tau, dim=0)"},
    ),
    Mistake(
        _gs_bias_sign,
        "The draws are right; the bias has its sign turned round. It is the average of the "
        "draws minus the probabilities.",
    ),
    Mistake(
        _gs_mean,
        "The second part is the average of the draws. How far is it from the probabilities?",
    ),
    Mistake(
        _gs_mirrored,
        "You use 1 - u. It is as uniform as u, so your draws are as good; they are other "
        "draws than those of the given `u`.",
    ),
    Mistake(
        _gs_absolute,
        "Your bias has lost its sign. Too much of one letter is too little of another: keep it.",
    ),
    Mistake(
        _gs_against_uniform,
        "You compare the average with equal shares. Compare it with the letters' "
        "probabilities, the softmax of the logits.",
    ),
    Mistake(
        _gs_relative,
        "You divide the bias by the probabilities. Asked for is the plain difference.",
    ),
    Mistake(
        _gs_against_hard,
        "You compare with the average of hard draws, which has chance in it. The "
        "probabilities are known: the softmax of the logits.",
    ),
    Mistake(
        _gs_each,
        "You return a difference for each draw. The bias is that of their *average*.",
    ),
]

EXERCISE = Exercise(
    "14.1",
    "A Gumbel-softmax draw, and its bias",
    difficulty=2,
    minutes=10,
    reference=_gs,
    inputs=_gs_inputs,
    observe=_gs_observe,
    parts=("The draws", "The bias"),
    mistakes=MISTAKES,
)
