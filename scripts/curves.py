"""Curves that a reader draws before he sees them: ``<!-- guess: D*(x) = curve best-discriminator -->``
below a question (scripts/practice.py). book/_static/curve.js takes the drawing and lays the truth over
it.

Each is computed at the build, where the chapter has the formula by the chapter's own function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from scripts.chapters import chapter

POINTS = 21  # that the reader moves


def curve(
    low: float,
    high: float,
    top: float,
    truth: Callable[[np.ndarray], Any],
    x: str,
    within: float,
    **given: Callable[[np.ndarray], Any],
) -> dict[str, Any]:
    """What the page needs: the truth at the reader's points and, to be drawn, at 241; ``given`` curves
    by name, seen from the start; ``within``, how far off a good guess is on average."""

    def at(f: Callable[[np.ndarray], Any], n: int) -> list[float]:
        return [round(float(v), 4) for v in f(np.linspace(low, high, n))]

    return {
        "low": low, "high": high, "top": top, "x": x, "within": within,
        "right": at(truth, POINTS), "fine": at(truth, 241),
        "given": {name: at(f, 241) for name, f in given.items()},
    }  # fmt: skip


def best_discriminator() -> dict[str, Any]:
    """Chapter 1's data, half around -2 and half around 2, and its first generator, 1 + 1.2 z."""
    page = chapter("01")

    def p(x: np.ndarray) -> Any:
        return page.log_p(torch.from_numpy(x)).exp()

    def q(x: np.ndarray) -> Any:
        return page.log_normal(torch.from_numpy(x), 1.0, 1.2).exp()

    return curve(-4, 4, 1, lambda x: p(x) / (p(x) + q(x)), "x", 0.1, p=p, q=q)


def jsd_of_lines() -> dict[str, Any]:
    """Chapter 4's two lines: they share no point, or all."""
    return curve(-1, 1, 0.8, lambda x: np.where(np.abs(x) < 1e-9, 0.0, math.log(2)), "θ", 0.08)


CURVES = {"best-discriminator": best_discriminator, "jsd-of-lines": jsd_of_lines}
