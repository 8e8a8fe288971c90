"""The one door for sizes and rates: Python, numpy and torch numbers become plain Python ones."""

from __future__ import annotations

import math
from typing import Any


def plain(value: Any) -> Any:
    """The Python number in a numpy or torch number, or in an array that holds just one."""
    try:
        return value.item()
    except (AttributeError, ValueError, RuntimeError, TypeError):
        return value


def whole(name: str, value: Any, least: int | None = 1, most: int | None = None) -> int:
    """``value`` as an int: 3, 3.0, ``np.int64(3)``, ``torch.tensor(3)``, ``labels.max() + 1``.

    Args:
        name: of the argument, for the error.
        least, most: the bounds, both allowed; None for no bound.

    Raises:
        ValueError: for anything else, naming the argument, what came and what is needed.
    """
    number = plain(value)
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if (
        not isinstance(number, int)
        or isinstance(number, bool)
        or (least is not None and number < least)
        or (most is not None and number > most)
    ):
        need = "a positive whole number" if (least, most) == (1, None) else "a whole number"
        if most is not None:
            need += f", {least} to {most}" if least is not None else f", at most {most}"
        elif least not in (None, 1):
            need += f", {least} or more"
        raise ValueError(f"{name}={value!r}; need {need}")
    return number


def real(
    name: str,
    value: Any,
    need: str = "a finite number",
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    most: float = math.inf,
) -> float:
    """``value`` as a finite float, ``above < value``, ``least <= value <= most``.

    Python, numpy and torch numbers are taken.

    Args:
        name, need: of the argument, and what it should be, for the error.

    Raises:
        ValueError: for anything else, naming the argument, what came and what is needed.
    """
    number = plain(value)
    try:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise TypeError
        number = float(number)  # OverflowError for an int beyond 1e308
        if not (math.isfinite(number) and above < number and least <= number <= most):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}={value!r}; need {need}") from None
    return number
