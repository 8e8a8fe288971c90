"""The cycle of two translators, half or wrong: of points in 14.4, of pictures in 16.3.

``far(a, b)`` is the exercise's own distance, one number; ``G`` translates ``x`` and ``F`` ``y``.
"""

import torch

from ._gradients import gradients


def of_x(far, G, F, x, y):
    return far(F(G(x)), x)


def of_y(far, G, F, x, y):
    return far(G(F(y)), y)


def difference(far, G, F, x, y):
    return of_x(far, G, F, x, y) - of_y(far, G, F, x, y)


def same_twice(far, G, F, x, y):
    return far(G(G(x)), x) + far(F(F(y)), y)


def wrong_side(far, G, F, x, y):
    return far(G(F(x)), x) + far(F(G(y)), y)


def pairs(far, G, F, x, y):
    n = min(len(x), len(y))
    return far(G(x)[:n], y[:n]) + far(F(y)[:n], x[:n])


def nothing_changed(far, G, F, x, y):
    return far(G(x), x) + far(F(y), y)


def identity(far, G, F, x, y):
    """CycleGAN's other term: what is of the right side already."""
    return far(G(y), y) + far(F(x), x)


def cut(far, G, F, x, y):
    return far(F(G(x).detach()), x) + far(G(F(y).detach()), y)


def total(G, F, x, y):
    return (F(G(x)) - x).abs().sum() + (G(F(y)) - y).abs().sum()


def observe(result, args):
    """The value, and the gradients of both translators."""
    weights = [net.weight for net in args[:2]]
    found = [torch.zeros_like(w) for w in weights]
    if result.requires_grad:
        found = gradients(result.sum(), weights)
    return {"The loss": result.detach(), "The gradient of G": found[0], "The gradient of F": found[1]}
