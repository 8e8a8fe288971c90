"""Exercise 5.4: Power iteration."""

import torch
from torch.nn.functional import normalize

from .. import Exercise, Mistake


def _iterate(matrix, u, steps):
    with torch.no_grad():
        for _ in range(steps):
            v = normalize(matrix.T @ u, dim=0)
            u = normalize(matrix @ v, dim=0)
    return u, v


def _spectral_norm(weight, u, steps):
    matrix = weight.flatten(1)
    u, v = _iterate(matrix, u, steps)
    return u @ matrix @ v


def _sigma_unnormalised(weight, u, steps):
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(steps):
            v = matrix.T @ u
            u = matrix @ v
    return u @ matrix @ v


def _sigma_squared(weight, u, steps):
    matrix = weight.flatten(1)
    _, v = _iterate(matrix, u, steps)
    return (matrix @ v).square().sum()


def _sigma_u_stays(weight, u, steps):
    matrix = weight.flatten(1)
    v = normalize(matrix.T @ u, dim=0).detach()
    return normalize(u, dim=0) @ matrix @ v


def _sigma_one_step(weight, u, steps):
    return _spectral_norm(weight, u, 1)


def _sigma_frobenius(weight, u, steps):
    return weight.norm()


def _sigma_exact(weight, u, steps):
    return torch.linalg.svdvals(weight.flatten(1))[0]


def _sigma_reshaped(weight, u, steps):
    matrix = weight.reshape(-1, len(weight)).T
    u, v = _iterate(matrix, u, steps)
    return u @ matrix @ v


def _sigma_no_grad(weight, u, steps):
    return _spectral_norm(weight, u, steps).detach()


def _sigma_through(weight, u, steps):
    matrix = weight.flatten(1)
    for _ in range(steps):
        v = normalize(matrix.T @ u, dim=0)
        u = normalize(matrix @ v, dim=0)
    return u @ matrix @ v


def _normalised_weight(weight, u, steps):
    return weight / _spectral_norm(weight, u, steps)


def _weights(g):
    return [
        (torch.randn(*shape, generator=g).requires_grad_(), torch.randn(shape[0], generator=g), n)
        for shape, n in (((5, 4), 2), ((6, 9), 3), ((3, 2, 3, 3), 4))
    ]


def _sigma_one_more(weight, u, steps):
    return _spectral_norm(weight, u, steps + 1)


def _sigma_half_more(weight, u, steps):
    """u first: v is one product ahead at the end."""
    matrix = weight.flatten(1)
    with torch.no_grad():
        u = normalize(u, dim=0)
        v = normalize(matrix.T @ u, dim=0)
        for _ in range(steps):
            u = normalize(matrix @ v, dim=0)
            v = normalize(matrix.T @ u, dim=0)
    return u @ matrix @ v


def _sigma_and_u(weight, u, steps):
    matrix = weight.flatten(1)
    u, v = _iterate(matrix, u, steps)
    return u @ matrix @ v, u


def _sigma_largest(weight, u, steps):
    matrix = weight.flatten(1)
    with torch.no_grad():
        for _ in range(steps):
            v = matrix.T @ u
            v = v / v.abs().max()
            u = matrix @ v
            u = u / u.abs().max()
    return u @ matrix @ v


def _observe_sigma(result, args):
    (gradient,) = torch.autograd.grad(result, args[0])
    return {"Sigma": result.detach(), "The gradient of sigma in the weight": gradient}


MISTAKES = [
    Mistake(
        _sigma_unnormalised,
        "Your vectors are never brought back to length 1, so the result grows with every "
        "step. Normalise both in each round.",
        slip={
            "torch.nn.functional.normalize(matrix.T @ u, dim=0)": "matrix.T @ u",
            "torch.nn.functional.normalize(matrix @ v, dim=0)": "matrix @ v",
        },
    ),
    Mistake(
        _sigma_squared,
        "This is σ²: |Wv|² for a unit v. You want the factor by which W stretches v.",
        slip={"    return u @ matrix @ v": "    return (matrix @ v).square().sum()"},
    ),
    Mistake(
        _sigma_u_stays,
        "Your u keeps its starting value, so every round computes the same v. Feed the new "
        "u into the next round.",
    ),
    Mistake(
        _sigma_one_step,
        "You do one round, whatever `steps` says; or the new u never goes into the next round.",
    ),
    Mistake(
        _sigma_frobenius,
        "This is the Frobenius norm, the root of the sum of all σ². Normalising by it "
        "shrinks a matrix more than needed: find the largest σ alone.",
    ),
    Mistake(
        _sigma_exact,
        "Right in the limit, but this is a full decomposition, which costs too much in "
        "each step of training. Do `steps` rounds of the iteration from the u given.",
    ),
    Mistake(
        _sigma_reshaped,
        "Your reshape scrambles the weight: outputs come first in PyTorch, so keep axis 0 "
        "and flatten the others behind it.",
    ),
    Mistake(
        _sigma_no_grad,
        "The value is right, but it carries no gradient: then training does not know that "
        "it divides by σ. Only the iteration is a constant; the last product is not.",
        slip={("    matrix = weight.flatten(1)\n"): ("    matrix = weight.detach().flatten(1)\n")},
    ),
    Mistake(
        _sigma_through,
        "The value is right, but you differentiate through the iteration. Treat u and v as "
        "constants: at the exact vectors the gradient of σ is u vᵀ, and it is cheap.",
        slip={
            (
                "    with torch.no_grad():\n"
                "        for _ in range(steps):\n"
                "            v = torch.nn.functional.normalize(matrix.T @ u, dim=0)\n"
                "            u ="
            ): (
                "    for _ in range(steps):\n"
                "        v = torch.nn.functional.normalize(matrix.T @ u, dim=0)\n"
                "        u ="
            )
        },
    ),
    Mistake(
        _normalised_weight,
        "This is the normalised weight. Return σ itself.",
    ),
    Mistake(
        _sigma_one_more,
        "You do one round more than `steps`. Near the end that changes little, but here "
        "the numbers are compared: count the rounds.",
    ),
    Mistake(
        _sigma_half_more,
        "You begin with a v from the u that was given and then do `steps` rounds with u "
        "first: half a round too many. In each round v comes first.",
    ),
    Mistake(
        _sigma_and_u,
        "You return u as well. (A layer would keep it for the next step.) Only σ is asked for.",
    ),
    Mistake(
        _sigma_largest,
        "You divide by the largest entry. That keeps the numbers in range, but u and v must "
        "have length 1, or uᵀWv is not σ.",
    ),
]

EXERCISE = Exercise(
    "5.4",
    "Power iteration",
    difficulty=2,
    minutes=12,
    reference=_spectral_norm,
    inputs=_weights,
    observe=_observe_sigma,
    mistakes=MISTAKES,
)
