"""Exercise 10.2: The projection logit."""

import torch

from .. import Exercise, Mistake


def _projection(phi, y, w, c, v):
    return phi @ w + c + (v[y] * phi).sum(1)


def _projection_inputs(g):
    cases = []
    for n, d, k in ((5, 3, 4), (4, 4, 4), (7, 6, 10)):
        phi, v = torch.randn(n, d, generator=g), torch.randn(k, d, generator=g)
        y = torch.randint(k, (n,), generator=g)
        w, c = torch.randn(d, generator=g), torch.randn((), generator=g)
        cases.append((phi, y, w, c, v))
    return cases


def _column_of_v(phi, y, w, c, v):
    # column instead of row; runs only where there are as many features as classes or more
    return phi @ w + c + (v.T[y] * phi).sum(1)


MISTAKES = [
    Mistake(
        lambda phi, y, w, c, v: (v[y] * phi).sum(1),
        "The unconditional part is missing: without `phi @ w + c` nobody asks whether the "
        "sample looks real at all, only whether it fits its label.",
        slip={"phi @ w + c + (v": "(v"},
    ),
    Mistake(
        lambda phi, y, w, c, v: phi @ w + (v[y] * phi).sum(1),
        "The bias `c` is missing.",
    ),
    Mistake(
        lambda phi, y, w, c, v: phi @ w + c,
        "The label isn't used: this is the unconditional logit. Add the projection on the "
        "label's vector.",
    ),
    Mistake(
        lambda phi, y, w, c, v: phi @ w + c + (v[y] * phi).mean(1),
        "You take the mean over the features: an inner product is their sum.",
        slip={".sum(1)": ".mean(1)"},
    ),
    Mistake(
        lambda phi, y, w, c, v: (phi @ w).sum() + c + (v[y] * phi).sum(0),
        "You sum over the samples (axis 0), which mixes the batch: each sample needs a "
        "number of its own, so sum over its features.",
    ),
    Mistake(
        lambda phi, y, w, c, v: phi @ w + c + v[y] @ phi.T,
        "The result is a matrix: every sample met every other sample's label. Only pairs "
        "of the same row belong together.",
    ),
    Mistake(
        lambda phi, y, w, c, v: phi @ w + c + (phi @ v.T).sum(1),
        "You add the projections on *all* labels' vectors, so the label makes no "
        "difference. Take the one that belongs to `y`.",
        slip={"phi @ w + c + (v[y] * phi).sum(1)": "phi @ w + c + (phi @ v.T).sum(1)"},
    ),
    Mistake(
        lambda phi, y, w, c, v: phi @ w + c + (phi @ v.T).max(1).values,
        "You take the label that fits best, not the one that was asked for: the "
        "discriminator would never notice a wrong label.",
        slip={"phi @ w + c + (v[y] * phi).sum(1)": "phi @ w + c + (phi @ v.T).amax(1)"},
    ),
    Mistake(
        _column_of_v,
        "You pick columns of `v`. It has one *row* a class, `(K, d)`.",
    ),
    Mistake(
        lambda phi, y, w, c, v: (phi @ w + c + (v[y] * phi).sum(1))[:, None],
        "Your logits have the shape (N, 1). Against logits of shape (N,) a difference would "
        "spread out to a matrix: return (N,).",
    ),
    Mistake(
        lambda phi, y, w, c, v: phi @ w + c + torch.nn.functional.cosine_similarity(v[y], phi),
        "You normalise the two vectors. The projection is their plain inner product: the "
        "length of `phi` counts.",
    ),
    Mistake(
        lambda phi, y, w, c, v: (phi @ w + c) * (v[y] * phi).sum(1),
        "You multiply the two parts. They are two terms of a log ratio: add them.",
    ),
]

EXERCISE = Exercise(
    "10.2",
    "The projection logit",
    difficulty=1,
    minutes=8,
    reference=_projection,
    inputs=_projection_inputs,
    rtol=1e-4,
    atol=1e-5,
    mistakes=MISTAKES,
)
