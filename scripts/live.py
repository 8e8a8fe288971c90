"""Figures that are formulas: in the built pages they are drawn in the page, and can be dragged.

In a notebook such a figure is a flipbook, or widgets where there is a kernel. Here, in a page, its
frames go, all but the one shown first, which stays for who has no JavaScript and for the book in one
file; book/_static/live.js puts its drawing there. `FIGURES` says which figures these are, by their
titles; tests/test_live.py compares the formulas with the package's values.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

FIGURE = re.compile(
    r'<figure class="gc-flipbook" (?P<head>[^>]*)>(?P<inside>(?:(?!</figure>).)*)</figure>\s*'
    r'<script type="application/json" class="gc-frames">(?P<data>.*?)</script>',
    re.S,
)
CAPTION = re.compile(r"<figcaption>([^<]*)</figcaption>")


def _quadrature() -> dict[str, Any]:
    """Nodes and weights of a standard normal, as gancourse.dynamics takes them."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return {"quadrature": [nodes.tolist(), (weights / weights.sum()).tolist()]}


def _games() -> dict[str, Any]:
    titles = {
        "minimax": "minimax",
        "nonsaturating": "non-saturating",
        "wgan": "WGAN",
        "wgan-clip": "WGAN, weights clipped at 1",
        "wgan-gp": "WGAN-GP, slope 1",
        "r1": "minimax + R1, γ = 1",
        "noise": "minimax + instance noise, σ = 1",
    }
    return {"games": [list(pair) for pair in titles.items()], **_quadrature()}


def _line() -> dict[str, Any]:
    """The real points of chapter 4's critic, and the generated ones around 0 at width 1."""
    cloud = [-1.9, -1.5, -1.3, 1.0, 1.2, 1.4, 1.7, 2.1]
    return {"cloud": cloud, "clump": np.linspace(-0.35, 0.35, 8).tolist()}


#: Title in the chapter -> (kind in live.js, its parameters).
FIGURES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "The generator against its best discriminator": ("game", dict),
    "A discriminator gets stronger": ("strength", _quadrature),
    "Seven games, two ways to step": ("dirac", _games),
    "Inside the disc it arrives (grey: where they go as γ grows)": ("disc", dict),
    "Two masses and the cheapest plan": ("masses", dict),
    "The best critic on a line": ("critic", _line),
}


def _start(data: dict[str, Any]) -> list[float]:
    """The values shown first: numbers, or which of an axis's words."""
    sizes = [len(values) for values in data["values"]]
    at = np.unravel_index(data["frames"].index(None), sizes)
    found: list[float] = []
    for values, i in zip(data["values"], at, strict=True):
        try:
            found.append(float(values[i]))
        except ValueError:
            found.append(int(i))
    return found


def live(text: str, root: str) -> str:
    """A page with its figures that are formulas drawn by live.js; ``root`` leads to the site's."""

    def draw(match: re.Match[str]) -> str:
        data, title = json.loads(match["data"]), CAPTION.search(match["inside"])
        if not title or html.unescape(title[1]) not in FIGURES:
            return match[0]
        kind, parameters = FIGURES[html.unescape(title[1])]
        kept = match["inside"].partition('<div class="gc-row"')[0]
        said = {"id": data["id"], "kind": kind, "start": _start(data), "parameters": parameters()}
        told = json.dumps(said).replace("<", "\\u003c")
        return (
            f'<figure class="gc-flipbook gc-live" {match["head"]}>{kept}</figure>'
            f'<script type="application/json" class="gc-live-data">{told}</script>'
        )

    drawn = FIGURE.sub(draw, text)
    if drawn == text:
        return text
    script = f'<script defer src="{html.escape(root)}_static/live.js"></script>'
    return drawn.replace("</body>", f"{script}\n</body>", 1)
