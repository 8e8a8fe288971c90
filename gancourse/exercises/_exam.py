"""An exam from the book's exercises: a seed picks them, the same ones on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ._exercise import Exercise
from ._progress_file import number

HONEST = (
    "A seed picks exercises; it does not make new numbers: the numbers stand in an exercise's text, "
    "and `check` runs every answer on the same inputs. The solutions are printed in the book. So ask "
    "in an exam, too, why the code is as it is, or for the line that a mistake would change."
)


@dataclass(frozen=True)
class Exam:
    seed: int
    picked: list[Exercise]

    @property
    def minutes(self) -> int:
        return sum(exercise.minutes for exercise in self.picked)

    def __str__(self) -> str:
        names = [f"{e.id} {e.title}" for e in self.picked]
        wide = max(map(len, names))
        lines = [f"Exam of seed {self.seed}: {len(names)} exercises, {self.minutes} minutes", ""]
        for name, e in zip(names, self.picked):
            circles = "●" * e.difficulty + "○" * (3 - e.difficulty)
            lines.append(f"  {name:{wide}}  {circles}  {e.minutes:3} min")
        choices = [e.id for e in self.picked if not callable(e.reference)]
        lines += ["", HONEST]
        if choices:
            several = "are a choice" if len(choices) > 1 else "is a choice"
            lines.append(f"{', '.join(choices)} {several} or a value, which is quickly passed on.")
        return "\n".join(lines)


def pick(
    exercises: Mapping[str, Exercise],
    seed: int,
    chapters: Sequence[int],
    *,
    count: int | None = None,
    minutes: int | None = None,
) -> Exam:
    """Exercises in turn from each chapter, in an order that the seed alone decides; at most
    ``count`` of them, and as many as fit into ``minutes``.

    Raises:
        ValueError: a chapter without exercises; none fits into the minutes; a count below 1.
    """
    by_chapter = {c: [n for n in exercises if n.partition(".")[0] == str(c)] for c in chapters}
    if empty := [str(c) for c, names in by_chapter.items() if not names]:
        known = sorted({int(name.partition(".")[0]) for name in exercises})
        raise ValueError(
            f"--chapters {', '.join(empty)}: no exercises there; give some of "
            f"{', '.join(map(str, known))}"
        )
    if count is not None and count < 1:
        raise ValueError(f"--count {count}: give 1 or more")

    def drawn(name: str) -> str:
        return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()

    queues = [sorted(names, key=drawn) for _, names in sorted(by_chapter.items())]
    turns = [name for k in range(max(map(len, queues))) for q in queues for name in q[k : k + 1]]
    picked: list[str] = []
    left = minutes
    for name in turns:
        if count is not None and len(picked) == count:
            break
        if left is not None:
            if exercises[name].minutes > left:
                continue
            left -= exercises[name].minutes
        picked.append(name)
    if not picked:
        raise ValueError(f"--minutes {minutes}: no exercise of these chapters is so short")
    return Exam(seed, [exercises[name] for name in sorted(picked, key=number)])
