"""An exam from the book's exercises: a seed picks them and draws new numbers where an exercise allows
it, the same ones on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ._exercise import Exercise
from ._progress_file import number
from ._variant import Draw, Variant

HONEST = (
    "A seed makes no new numbers for a function: `check` runs every answer on the same inputs, and the "
    "solutions are printed in the book. So ask in an exam, too, why the code is as it is, or for the "
    "line that a mistake would change."
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
        anew = [e.id for e in self.picked if e.variant]
        lines += ["", HONEST] if len(anew) < len(names) else []
        if anew:
            drawn = f"{', '.join(anew)}: with `--out FOLDER` asked on paper, with numbers of this seed."
            lines += ["", drawn]
        return "\n".join(lines)

    def variants(self) -> dict[str, Variant]:
        """Exercise id -> its question with this seed's numbers, of those that can be asked so. Each
        depends on the seed and the exercise alone, whatever else was picked."""
        return {e.id: e.variant(Draw(f"{self.seed} {e.id}")) for e in self.picked if e.variant}

    def sheet(self) -> str:
        """The questions, as Markdown; without an answer to any of them."""
        anew = self.variants()
        parts = [f"# Exam {self.seed}", f"{self.minutes} minutes. Name:"]
        for k, e in enumerate(self.picked, 1):
            parts.append(f"## {k}. {e.title} ({e.minutes} minutes)")
            parts.append(anew[e.id].question if e.id in anew else _to_write(e))
        return "\n\n".join(parts) + "\n"

    def key(self) -> str:
        """The answers, as Markdown."""
        anew = self.variants()
        parts = [f"# Key to exam {self.seed}: not for the class"]
        for k, e in enumerate(self.picked, 1):
            parts.append(f"## {k}. {e.title} (exercise {e.id})")
            if e.id in anew:
                parts += [f"**{anew[e.id].answer}**", anew[e.id].why]
            else:
                parts.append(f'`check("{e.id}", ...)` judges it; the book prints a solution.')
        return "\n\n".join(parts) + "\n"


def _to_write(exercise: Exercise) -> str:
    """What stands on paper for an exercise whose answer is code."""
    return (
        f"Exercise {exercise.id} of the book: write the answer there, where its text and its `check` "
        "stand. Then say on paper which mistake you made or came near, and by which line."
    )


def pick(
    exercises: Mapping[str, Exercise],
    seed: int,
    chapters: Sequence[int] | None = None,
    *,
    count: int | None = None,
    minutes: int | None = None,
    on_paper: bool = False,
) -> Exam:
    """Exercises in turn from each chapter, or from these, in an order that the seed alone decides; at
    most ``count`` of them, and as many as fit into ``minutes``; with ``on_paper`` only those that a
    seed draws new numbers for.

    Raises:
        ValueError: a chapter without exercises; none fits into the minutes; a count below 1.
    """
    if on_paper:
        exercises = {name: e for name, e in exercises.items() if e.variant}
    known = sorted({int(name.partition(".")[0]) for name in exercises})
    asked = known if chapters is None else chapters
    by_chapter = {c: [n for n in exercises if n.partition(".")[0] == str(c)] for c in asked}
    if empty := [str(c) for c, names in by_chapter.items() if not names]:
        raise ValueError(
            f"--chapters {', '.join(empty)}: no exercises there{' for paper' * on_paper}; give some of "
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
