"""Exercise 17.4: Attention from scratch."""

import math

import torch

from .. import Exercise, Mistake
from .._gradients import gradients


def _turn(k):
    return k.transpose(-2, -1)


def _read(scores, v, dim=-1):
    weights = torch.softmax(scores, dim=dim)
    return weights @ v, weights


def _attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    weights = torch.softmax(scores, dim=-1)
    return weights @ v, weights


def _unscaled(q, k, v):
    return _read(q @ _turn(k), v)


def _columns(q, k, v):
    return _read(q @ _turn(k) / math.sqrt(q.shape[-1]), v, -2)


def _unscaled_columns(q, k, v):
    return _read(q @ _turn(k), v, -2)


def _by_dimension(q, k, v):
    return _read(q @ _turn(k) / q.shape[-1], v)


def _times_root(q, k, v):
    return _read(q @ _turn(k) * math.sqrt(q.shape[-1]), v)


def _by_keys(q, k, v):
    return _read(q @ _turn(k) / math.sqrt(k.shape[-2]), v)


def _by_queries(q, k, v):
    return _read(q @ _turn(k) / math.sqrt(q.shape[-2]), v)


def _by_values(q, k, v):
    return _read(q @ _turn(k) / math.sqrt(v.shape[-1]), v)


def _scaled_late(q, k, v):
    weights = torch.softmax(q @ _turn(k), -1) / math.sqrt(q.shape[-1])
    return weights @ v, weights


def _no_softmax(q, k, v):
    weights = q @ _turn(k) / math.sqrt(q.shape[-1])
    return weights @ v, weights


def _sigmoid(q, k, v):
    weights = torch.sigmoid(q @ _turn(k) / math.sqrt(q.shape[-1]))
    return weights @ v, weights


def _linear(q, k, v):
    weights = q @ _turn(k)
    weights = weights / weights.sum(-1, keepdim=True)
    return weights @ v, weights


def _cosine(q, k, v):
    normal = torch.nn.functional.normalize
    return _read(normal(q, dim=-1) @ _turn(normal(k, dim=-1)), v)


def _negative(q, k, v):
    return _read(-q @ _turn(k) / math.sqrt(q.shape[-1]), v)


def _distance(q, k, v):
    return _read(-torch.cdist(q, k).square() / math.sqrt(q.shape[-1]), v)


def _whole(q, k, v):
    scores = q @ _turn(k) / math.sqrt(q.shape[-1])
    weights = torch.softmax(scores.flatten(-2), -1).view(scores.shape)
    return weights @ v, weights


def _naive(q, k, v):
    weights = torch.exp(q @ _turn(k) / math.sqrt(q.shape[-1]))
    weights = weights / weights.sum(-1, keepdim=True)
    return weights @ v, weights


def _scores_too(q, k, v):
    scores = q @ _turn(k) / math.sqrt(q.shape[-1])
    return _read(scores, v)[0], scores


def _turned(q, k, v):
    return _attention(q, k, v)[::-1]


def _output_only(q, k, v):
    return _attention(q, k, v)[0]


def _hard(q, k, v):
    weights = torch.nn.functional.one_hot((q @ _turn(k)).argmax(-1), k.shape[-2]).to(v.dtype)
    return weights @ v, weights


def _causal(q, k, v):
    scores = q @ _turn(k) / math.sqrt(q.shape[-1])
    return _read(scores + torch.full_like(scores, -math.inf).triu(1), v)


def _residual(q, k, v):
    output, weights = _attention(q, k, v)
    return output + q[..., : v.shape[-1]] if q.shape[-2:] == output.shape[-2:] else output, weights


def _three_axes(q, k, v):
    scores = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(q.shape[-1])
    weights = torch.softmax(scores, -1)
    return torch.bmm(weights, v), weights


def _t(q, k, v):
    return _read(q @ k.t() / math.sqrt(q.shape[-1]), v)


def _no_turn(q, k, v):
    return _read(q @ k / math.sqrt(q.shape[-1]), v)


def _detached(q, k, v):
    output, weights = _attention(q, k, v)
    return weights.detach() @ v, weights


def _observe(result, args):
    """Output and weights, and what reaches each of the three."""
    output, weights = result
    factors = torch.arange(output.numel(), dtype=output.dtype).view(output.shape) + 1
    found = gradients((output * factors.cos()).sum(), args, "the output")
    names = [f"The gradient that reaches {name}" for name in ("q", "k", "v")]
    seen = {"The output": output.detach(), "The weights": weights.detach()}
    return seen | dict(zip(names, found))


def _inputs(g):
    cases = []
    for batch, queries, keys, d, e, size in (
        ((2,), 3, 5, 4, 2, 1.0),
        ((2, 3), 4, 4, 4, 4, 1.0),  # heads; and a square, which lets a wrong axis pass silently
        ((1,), 2, 6, 9, 3, 100.0),  # scores beyond what exp can hold
    ):
        q = size * torch.randn(*batch, queries, d, generator=g)
        k = torch.randn(*batch, keys, d, generator=g)
        v = torch.randn(*batch, keys, e, generator=g)
        cases.append(tuple(x.requires_grad_() for x in (q, k, v)))
    return cases


MISTAKES = [
    Mistake(
        _unscaled,
        "The scores are not scaled. With `d` coordinates a product of random vectors has a standard "
        "deviation of the root of `d`, and the softmax of large scores is nearly hard.",
        slip={" / math.sqrt(q.shape[-1])": ""},
    ),
    Mistake(
        _columns,
        "Your softmax runs over the queries. Each query asks all keys: its weights over the *keys* "
        "add up to 1.",
        slip={"dim=-1": "dim=-2"},
    ),
    Mistake(
        _unscaled_columns,
        "Two things: the scores aren't scaled by the root of the queries' dimension, and the "
        "softmax runs over the queries instead of the keys.",
        slip={" / math.sqrt(q.shape[-1])": "", "dim=-1": "dim=-2"},
    ),
    Mistake(
        _by_dimension,
        "You divide by the dimension. It is the *root* of the dimension that keeps the scores at a "
        "standard deviation of 1.",
    ),
    Mistake(
        _times_root,
        "You multiply by the root of the dimension. The scores are too large already: divide.",
    ),
    Mistake(
        _by_keys,
        "You scale by the number of keys. The scores grow with the dimension of queries and keys, "
        "whatever their number is.",
    ),
    Mistake(
        _by_queries,
        "You scale by the number of queries. The scores grow with the dimension of queries and "
        "keys, whatever their number is.",
    ),
    Mistake(
        _by_values,
        "You scale by the dimension of the values, which don't enter the scores. Take that of the "
        "queries and keys.",
    ),
    Mistake(
        _scaled_late,
        "You scale after the softmax: the weights no longer add up to 1. Scale the scores.",
    ),
    Mistake(
        _no_softmax,
        "Your weights are the scores themselves: they can be negative and don't add up to 1.",
    ),
    Mistake(
        _sigmoid,
        "You use a sigmoid: the weights of a query don't add up to 1. The keys compete for them.",
    ),
    Mistake(
        _linear,
        "You divide the scores by their sum. They can be negative, and the sum near zero: it is "
        "their exponentials that are normalised.",
    ),
    Mistake(
        _cosine,
        "You compare by cosines, without the vectors' lengths. Here a long query is a "
        "sure one: take the plain product.",
    ),
    Mistake(
        _negative,
        "Your most similar keys get the least weight: the sign of the scores is turned round.",
    ),
    Mistake(
        _distance,
        "You compare by distances. Here the product of query and key is the score.",
    ),
    Mistake(
        _whole,
        "Your softmax runs over queries and keys together. *Each* query's weights add up to 1.",
    ),
    Mistake(
        _naive,
        "Right for small scores. For large ones the exponential is infinite, and your weights are "
        "NaN: a softmax takes the largest score out first.",
    ),
    Mistake(
        _scores_too,
        "The output is right; the second part should be the weights, not the scores.",
    ),
    Mistake(
        _turned,
        "Right values in the wrong order: the output first, then the weights.",
    ),
    Mistake(
        _output_only,
        "You return the output alone. The weights are wanted, too: to be looked at.",
    ),
    Mistake(
        _hard,
        "Each of your queries reads a single value, that of its best key. That has no slope for "
        "queries and keys; weigh all values.",
    ),
    Mistake(
        _causal,
        "Your queries see no key beyond their own place, as in a model that writes from left to "
        "right. Here each sees all.",
    ),
    Mistake(
        _residual,
        "You add the query to the output. In a transformer's block that comes after attention; it "
        "is not asked for here.",
    ),
    Mistake(
        _three_axes,
        "This works for three axes. With heads there are four, and you can't know how many: only "
        "the last two are yours.",
    ),
    Mistake(
        _t,
        "`k.t()` is for matrices of two axes. Turn round the last two, however many stand before.",
    ),
    Mistake(
        _no_turn,
        "Each query is multiplied with the keys' *columns*. Turn the keys round, so that a score "
        "is the product of one query and one key.",
    ),
    Mistake(
        _detached,
        "The values are right. But the weights are cut off their graph: queries and keys would "
        "learn nothing.",
    ),
]

EXERCISE = Exercise(
    "17.4",
    "Attention from scratch",
    difficulty=2,
    minutes=10,
    reference=_attention,
    inputs=_inputs,
    observe=_observe,
    parts=("The output", "The weights"),
    mistakes=MISTAKES,
)
