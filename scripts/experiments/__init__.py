"""The longer experiments, registered by name; scripts/record.py runs them.

    from scripts.experiments import experiment

    @experiment("ring-r1", seeds=(0, 1, 2), gamma=0.1, steps=8000)
    def ring_r1(seed, device, record, *, gamma, steps):
        ...
        record.figure(fig, alt="...")          # optional, and small
        return {"modes": 8, "high_quality": 0.93}

`load_all` imports each module of this folder; an experiment stands in its chapter's: ch03.py. What
the chapter has is taken from it (scripts/chapters.py), not written again.
The returned dict holds JSON values only: numbers, strings, lists. Numbers are stored as they are;
round when you show them.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gancourse import recorded


@dataclass
class Recorder:
    """Collects the figures of one run."""

    figures: list[dict[str, str]] = field(default_factory=list)

    def figure(self, fig: Any, alt: str) -> None:
        """Keep a small matplotlib figure; raises ValueError when its PNG is over 300 kB."""
        import matplotlib.pyplot as plt

        buffer = io.BytesIO()
        fig.savefig(buffer, format="png", dpi=100, facecolor="white")
        plt.close(fig)
        self.figures.append(recorded.figure(buffer.getvalue(), alt))


@dataclass(frozen=True)
class Experiment:
    name: str
    run: Callable[..., dict[str, Any]]
    seeds: tuple[int, ...]
    settings: dict[str, Any]


EXPERIMENTS: dict[str, Experiment] = {}


def experiment(
    name: str, *, seeds: tuple[int, ...] = (0, 1, 2), **settings: Any
) -> Callable[[Callable[..., dict[str, Any]]], Callable[..., dict[str, Any]]]:
    """Register a function `(seed, device, record, **settings) -> dict` under `name`."""

    def register(run: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        if name in EXPERIMENTS and EXPERIMENTS[name].run.__module__ != run.__module__:
            raise ValueError(f"name: {name!r} is registered twice")
        EXPERIMENTS[name] = Experiment(name, run, tuple(seeds), dict(settings))
        return run

    return register


def load_all() -> dict[str, Experiment]:
    """Import every module of this folder, so that all experiments are registered."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return EXPERIMENTS
