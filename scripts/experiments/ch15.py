"""Recorded run of chapter 15: every case of the clinic, broken and repaired, on five seeds."""

from __future__ import annotations

import math
from typing import Any

from gancourse.exercises import clinic
from scripts.experiments import experiment


@experiment("clinic-seeds", seeds=(0, 1, 2, 3, 4))
def clinic_seeds(seed: int, device: Any, record: Any) -> dict[str, Any]:
    """Signs by case; None where a sign is not a number."""
    found: dict[str, Any] = {}
    for case in clinic.EXERCISES:
        for name, function in (("sick", case.broken), ("well", case.reference)):
            signs = case.examine(function, seed).signs
            found.setdefault(case.id, {})[name] = {
                sign: round(float(value), 5) if math.isfinite(value) else None
                for sign, value in signs.items()
            }
    return found
