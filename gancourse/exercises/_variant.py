"""A question with new numbers, for an exam: an exercise's numbers drawn anew from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Variant:
    """A question as Markdown, its answer, and why it is that one: the key says both."""

    question: str
    answer: str
    why: str


class Draw:
    """Numbers that a text alone decides, the same on every machine and in every Python."""

    def __init__(self, text: str) -> None:
        self._text, self._drawn = text, 0

    def share(self) -> float:
        """From [0, 1)."""
        self._drawn += 1
        digest = hashlib.sha256(f"{self._text} {self._drawn}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.share()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.share() * (high - low + 1))

    def one(self, of: Sequence[T]) -> T:
        return of[self.whole(0, len(of) - 1)]

    def some(self, of: Sequence[T], count: int) -> list[T]:
        """So many of them, each at most once, in an order that is drawn, too."""
        left, found = list(of), []
        for _ in range(count):
            found.append(left.pop(self.whole(0, len(left) - 1)))
        return found

    def order(self, of: Sequence[T]) -> list[T]:
        return self.some(of, len(of))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def signed(number: float, digits: int = 1) -> str:
    return f"{number:+.{digits}f}".replace("-", "−")


Make = Callable[[Draw], Variant]
