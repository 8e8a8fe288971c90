"""What a progress file holds, read strictly: a notebook writes it, the book's pages do, and so may
anybody who wants to see what a teacher's machine does with it.

    {"course": "gancourse", "solved": {"1.1": "2026-11-21T10:00:00"},
     "tried": {"1.2": {"times": 3, "mistakes": {"5f2c09d1": 2}}}}

``solved`` says when an exercise was first solved. ``tried`` is there only where its owner has turned
it on: how many answers did not pass, and how many of them were which known mistake (`Mistake.id`).
No code, no answer, no name. ``book/_static/progress.js`` reads and writes the same, by the same rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FILE = "gancourse-progress.json"
COURSE = "gancourse"
MOST_BYTES = 256 * 1024
MOST_ENTRIES = 500  # exercises, and mistakes of one exercise
MOST_TIMES = 100_000

EXERCISE = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}")
WHEN = re.compile(r"[0-9]{4}[0-9T:.+Z -]{0,28}")
MISTAKE = re.compile(r"[0-9a-f]{8}")


@dataclass
class Tried:
    """Answers to one exercise that did not pass."""

    times: int = 0
    mistakes: dict[str, int] = field(default_factory=dict)  # Mistake.id -> how many of them


@dataclass
class Kept:
    """The content of a progress file."""

    solved: dict[str, str] = field(default_factory=dict)  # exercise id -> when first solved
    tried: dict[str, Tried] | None = None  # None: its owner has not turned this on


def parse(data: bytes) -> Kept:
    """Read a file's bytes.

    Raises:
        ValueError: it is not a progress file of this course, whole and of its form; it says why.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"is larger than {MOST_BYTES // 1024} kB, which no progress file is")
    try:
        content: Any = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # torn, not UTF-8, or nested without end
        raise ValueError(f"is not whole JSON ({error})") from None
    solved = content.get("solved") if isinstance(content, dict) else None
    if not isinstance(solved, dict) or content.get("course") != COURSE:
        raise ValueError("is JSON, but not a progress file of this course")
    _keys(solved, EXERCISE, "solved", "exercise numbers such as 3.2")
    for name, when in solved.items():
        if not isinstance(when, str) or not WHEN.fullmatch(when):
            raise ValueError(f"solved: {name} has {_shown(when)}, needed a date and time")
    if "tried" not in content:
        return Kept(dict(solved))
    tried = content["tried"]
    _keys(tried, EXERCISE, "tried", "exercise numbers such as 3.2")
    return Kept(dict(solved), {name: _tried(name, one) for name, one in tried.items()})


def _tried(name: str, one: Any) -> Tried:
    where = f"tried: {name}"
    if not isinstance(one, dict) or not {"times"} <= one.keys() <= {"times", "mistakes"}:
        raise ValueError(f'{where} has {_shown(one)}, needed {{"times": ..., "mistakes": ...}}')
    mistakes = one.get("mistakes", {})
    _keys(mistakes, MISTAKE, f"{where}: mistakes", "eight hexadecimal digits")
    for number in (one["times"], *mistakes.values()):
        if type(number) is not int or not 1 <= number <= MOST_TIMES:
            raise ValueError(f"{where}: {_shown(number)}, needed a number from 1 to {MOST_TIMES:,}")
    return Tried(one["times"], dict(mistakes))


def _keys(table: Any, form: re.Pattern[str], where: str, needed: str) -> None:
    if not isinstance(table, dict):
        raise ValueError(f"{where} is {_shown(table)}, needed a table with {needed}")
    if len(table) > MOST_ENTRIES:
        raise ValueError(f"{where} has {len(table):,} entries, more than {MOST_ENTRIES}")
    for key in table:
        if not form.fullmatch(key):
            raise ValueError(f"{where} names {_shown(key)}, needed {needed}")


def _shown(value: Any) -> str:
    """A stranger's value in a message: short, and in letters that do nothing to a terminal."""
    if isinstance(value, (dict, list)):
        return "a table" if isinstance(value, dict) else "a list"
    text = ascii(value)
    return text if len(text) <= 40 else text[:37] + "..."


def merged(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Solved in either; the first time counts."""
    return {
        name: min(one.get(name, "~"), other.get(name, "~"))  # "~" comes after every date
        for name in sorted({*one, *other}, key=number)
    }


def most(one: Mapping[str, Tried], other: Mapping[str, Tried]) -> dict[str, Tried]:
    """Of two records that may tell of the same answers, the larger numbers."""
    return _each(one, other, max)


def added(one: Mapping[str, Tried], more: Mapping[str, Tried]) -> dict[str, Tried]:
    """A record and what came after it."""
    return _each(one, more, lambda a, b: min(a + b, MOST_TIMES))


def _each(one: Mapping[str, Tried], other: Mapping[str, Tried], join: Any) -> dict[str, Tried]:
    found = {}
    for name in sorted({*one, *other}, key=number):
        a, b = one.get(name, Tried()), other.get(name, Tried())
        mistakes = {
            key: join(a.mistakes.get(key, 0), b.mistakes.get(key, 0))
            for key in sorted({*a.mistakes, *b.mistakes})
        }
        found[name] = Tried(join(a.times, b.times), mistakes)
    return found


def number(name: str) -> tuple[int | str, ...]:
    """Sorts exercise ids: 3.10 after 3.9."""
    return tuple(int(part) if part.isdigit() else 0 for part in name.split("."))


def written(kept: Kept) -> str:
    """The file's text."""
    content: dict[str, Any] = {"course": COURSE, "solved": kept.solved}
    if kept.tried is not None:
        content["tried"] = {
            name: {"times": one.times, "mistakes": one.mistakes} for name, one in kept.tried.items()
        }
    return json.dumps(content, indent=1, sort_keys=True)
