"""Exercise 14.2: Straight through."""

import torch
from torch.nn.functional import gumbel_softmax, one_hot

from .. import Exercise, Mistake
from .._gradients import gradients


def _hard(p):
    return one_hot(p.argmax(-1), p.shape[-1]).to(p.dtype)


def _st(p):
    return _hard(p) + (p - p.detach())


def _st_observe(result, args):
    """The value, and the gradient of a weighted sum with respect to the probabilities."""
    weights = torch.arange(result.numel(), dtype=result.dtype).view(result.shape) + 1
    (gradient,) = gradients((result * weights).sum(), args, "the letters")
    return {"The value": result.detach(), "The gradient": gradient}


def _st_sign(p):
    return _hard(p) + (p.detach() - p)


def _st_no_stop(p):
    return _hard(p) + (p - p)


def _st_sum(p):
    return _hard(p) + p


def _st_axis(p):
    hard = torch.zeros_like(p).scatter(1, p.argmax(1, keepdim=True), 1.0)
    return hard + (p - p.detach())


def _st_times(p):
    return _hard(p) * p / p.detach()


def _st_drawn(p):
    drawn = torch.multinomial(p.flatten(0, -2), 1).view(p.shape[:-1])
    return one_hot(drawn, p.shape[-1]).to(p.dtype) + (p - p.detach())


def _st_rounded(p):
    return p.round() + (p - p.detach())


def _st_gumbel(p):
    return gumbel_softmax(p, hard=True)


def _st_rows(p):
    return _st(p).flatten(0, 1)


def _st_masked(p):
    return _hard(p) * p + (_hard(p) - _hard(p) * p).detach()


def _st_inputs(g):
    return [
        (torch.softmax(torch.randn(shape, generator=g), -1).requires_grad_(),)
        for shape in ((3, 4, 5), (2, 6, 3), (4, 1, 2))
    ]


MISTAKES = [
    Mistake(
        _st_sign,
        "The value is right, and the gradient has the opposite sign: the detach is on the "
        "wrong term. A generator trained with this walks away from what the "
        "discriminator likes.",
        slip={"(p - p.detach())": "(p.detach() - p)"},
    ),
    Mistake(
        _hard,
        "The value is right, and no gradient comes back: an index has none, and what is "
        "detached has none. Add something whose value is zero and whose gradient is not.",
        slip={"hard + (p - p.detach())": "hard"},
    ),
    Mistake(
        _st_no_stop,
        "The value is right, and the gradient of `p` is zero. `p - p` has none: one of the two "
        "must be taken as a constant. (And `requires_grad_` on the letters only makes a new "
        "start of the graph.)",
        slip={"(p - p.detach())": "(p - p)"},
    ),
    Mistake(
        lambda p: p,
        "You return the probabilities as they are: the discriminator would see no letter.",
    ),
    Mistake(
        _st_sum,
        "The gradient is right, and the value is hard *plus* soft. The soft part's value "
        "has to be taken off again, as a constant.",
        slip={"(p - p.detach())": "p"},
    ),
    Mistake(
        _st_axis,
        "Your argmax runs over the places of the word. It belongs over the letters, the last axis.",
    ),
    Mistake(
        _st_times,
        "The value is right, and only the chosen letter gets a gradient, divided by its "
        "probability. The gradient asked for is that of `p`: the letters not chosen get "
        "one, too.",
    ),
    Mistake(
        _st_masked,
        "The value is right, and only the chosen letter gets a gradient. The gradient asked "
        "for is that of `p`: the letters not chosen get one, too.",
    ),
    Mistake(
        _st_drawn,
        "You draw a letter. The noise is in `p` already: take the likeliest.",
    ),
    Mistake(
        _st_gumbel,
        "You draw once more, with the probabilities for logits. The noise is in `p` already: "
        "take the likeliest letter.",
    ),
    Mistake(
        _st_rounded,
        "You round. Where no letter has more than one half, none is left: take the largest.",
    ),
    Mistake(
        _st_rows,
        "The values are right, but the words are gone: keep the shape of `p`.",
    ),
]

EXERCISE = Exercise(
    "14.2",
    "Straight through",
    difficulty=2,
    minutes=10,
    reference=_st,
    inputs=_st_inputs,
    observe=_st_observe,
    mistakes=MISTAKES,
)
