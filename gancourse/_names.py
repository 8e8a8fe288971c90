"""Names that changed: keywords that a function had before go on working, and mean the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def alias(name: str) -> property:
    """An attribute's name before: reads and sets the attribute ``name``."""
    return property(lambda self: getattr(self, name), lambda self, value: setattr(self, name, value))


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function whose keyword arguments have other names now: ``@renamed(old="new")``.

    Calls by the old name go on, without a word; an error about the argument says the name that it
    was given by.

    Raises:
        ValueError: when a call gives both.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            given = {new: old for old, new in names.items() if old in kwargs}
            for new, old in given.items():
                if new in kwargs:
                    raise ValueError(
                        f"{old}={kwargs[old]!r} and {new}={kwargs[new]!r} are one setting, which is "
                        f"called {new} now; give {new} alone"
                    )
                kwargs[new] = kwargs.pop(old)
            try:
                return function(*args, **kwargs)
            except ValueError as error:
                for new, old in given.items():
                    if str(error).startswith(f"{new}="):
                        raise ValueError(old + str(error).removeprefix(new)) from None
                raise

        return call

    return decorate
