"""A class's progress files as one table: who has solved what, and which mistake came up most.

The files come from people whom the teacher may know little about. So nothing in the folder is followed
out of it, nothing large is read, every file is parsed strictly (`_progress_file`), one that is not as
it should be is left out with a line that says why, and no name reaches a terminal or a page as anything
but text.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .._paths import given_path, replace_text
from ._exercise import Exercise
from ._progress_file import MOST_BYTES, Kept, merged, most, number, parse

MOST_FILES = 5_000
PAGE = "gancourse-report.html"
OURS = "<!-- written by python -m gancourse.exercises report -->"


@dataclass
class Person:
    name: str
    kept: Kept = field(default_factory=Kept)
    files: int = 0


@dataclass(frozen=True)
class Row:
    """One exercise over the whole class."""

    id: str
    solved: int
    open: int  # people who have tried and not solved it, of those who note mistakes
    message: str  # of the known mistake that most people made; "" if none is noted
    made_by: int


@dataclass(frozen=True)
class Class:
    """What a folder of progress files says."""

    people: list[Person]
    left_out: list[tuple[str, str]]  # file, why
    remarks: list[str]

    @property
    def noting(self) -> int:
        """People who have turned the noting of mistakes on."""
        return sum(person.kept.tried is not None for person in self.people)

    def made(self) -> Counter[tuple[str, str]]:
        """(exercise, mistake) -> how many people made it, each once."""
        return Counter(
            (name, mistake)
            for person in self.people
            for name, one in (person.kept.tried or {}).items()
            for mistake in one.mistakes
        )

    def rows(self, exercises: Mapping[str, Exercise]) -> list[Row]:
        """The exercises that somebody has solved or tried, in the book's order."""
        made = self.made()
        touched = {name for p in self.people for name in (*p.kept.solved, *(p.kept.tried or ()))}
        found = []
        for name in sorted(touched & set(exercises), key=number):
            people = [p.kept for p in self.people]
            tried = [k for k in people if name in (k.tried or {}) and name not in k.solved]
            texts = {mistake.id: mistake.message for mistake in exercises[name].mistakes}
            counts = Counter({m: n for (e, m), n in made.items() if e == name and m in texts})
            (worst, times), *_ = counts.most_common(1) or [("", 0)]
            solved = sum(name in kept.solved for kept in people)
            found.append(Row(name, solved, len(tried), texts.get(worst, ""), times))
        return found


def read_folder(folder: str | os.PathLike[str]) -> Class:
    """The progress files in a folder (``alice.json``) and in the folders right inside it
    (``alice/gancourse-progress.json``). Two files of one name are one person's.

    Raises:
        ValueError: there is no such folder, or it has more files than any class.
    """
    root = given_path(folder, "folder")
    if not root.is_dir():
        raise ValueError(f"FOLDER={shown(str(folder))}: no such folder; give the one with the files")
    people: dict[str, Person] = {}
    left_out: list[tuple[str, str]] = []
    same: dict[str, list[str]] = {}
    for count, (path, name) in enumerate(_files(root, left_out), 1):
        if count > MOST_FILES:
            raise ValueError(
                f"FOLDER={shown(str(folder))} has more than {MOST_FILES:,} .json files; give the "
                "folder with the progress files alone"
            )
        try:
            data = _bytes(path)
            kept = parse(data)
        except (OSError, ValueError) as error:
            why = (error.strerror or "can't be read") if isinstance(error, OSError) else str(error)
            left_out.append((str(path.relative_to(root)), why))
            continue
        person = people.setdefault(_key(name), Person(name))
        same.setdefault(hashlib.sha256(data).hexdigest(), []).append(name)
        person.files += 1
        solved = merged(person.kept.solved, kept.solved)
        tried = person.kept.tried
        if kept.tried is not None:
            tried = most(tried or {}, kept.tried)
        person.kept = Kept(solved, tried)
    remarks = [
        f"{person.name}: {person.files} files, taken as one person's"
        for person in people.values()
        if person.files > 1
    ]
    remarks += [
        f"the same file, byte for byte, with something solved in it: {', '.join(names)}"
        for names in same.values()
        if len(names) > 1 and people[_key(names[0])].kept.solved
    ]
    return Class([people[key] for key in sorted(people)], sorted(left_out), remarks)


def _key(name: str) -> str:
    """What makes two names the same one."""
    return unicodedata.normalize("NFKC", name).casefold()


def _files(root: Path, left_out: list[tuple[str, str]]) -> Iterator[tuple[Path, str]]:
    """(file, whose) of each .json file; links are left out."""
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if entry.is_symlink():
            left_out.append((entry.name, "is a link; only files in the folder are read"))
        elif entry.is_dir():
            try:
                inside = sorted(os.scandir(entry), key=lambda inner: inner.name)
            except OSError as error:
                left_out.append((entry.name, error.strerror or "can't be read"))
                continue
            for inner in inside:
                if not inner.name.lower().endswith(".json"):
                    continue
                if inner.is_symlink():
                    why = "is a link; only files in the folder are read"
                    left_out.append((f"{entry.name}/{inner.name}", why))
                else:
                    yield Path(inner.path), entry.name
        elif entry.name.lower().endswith(".json"):
            yield Path(entry.path), _whose(Path(entry.name).stem)


def _whose(stem: str) -> str:
    """alice, of alice-gancourse-progress (1); a name that says nobody's stays as it is."""
    rest = re.sub(r"gancourse-progress", "", stem, flags=re.I)
    rest = re.sub(r"\s*\(\d+\)$", "", rest).strip("-_ .") if rest != stem else rest
    return rest or stem


def _bytes(path: Path) -> bytes:
    """A regular file's bytes, one more than allowed at most; not through a link that has come since."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("is no ordinary file")
        return file.read(MOST_BYTES + 1)


def shown(text: str, limit: int = 60) -> str:
    """A stranger's text for a terminal or a page: what steers a terminal, or turns the direction of
    writing, becomes a question mark."""
    plain = "".join("?" if unicodedata.category(c)[0] == "C" else c for c in text)
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def _sentences(group: Class, exercises: Mapping[str, Exercise]) -> list[str]:
    """What a teacher wants to know first."""
    people = len(group.people)
    lines = [f"{people} {'person' if people == 1 else 'people'}, {len(exercises)} exercises."]
    if group.noting < people:
        lines.append(
            f"Mistakes are noted in the files of {group.noting} (progress(mistakes=True), or the box "
            "on the page of all exercises): what is said of tries and mistakes is about these."
        )
    return lines


def worst(group: Class, exercises: Mapping[str, Exercise], limit: int = 5) -> list[str]:
    """The mistakes that most people made, with their own messages."""
    rows = sorted((r for r in group.rows(exercises) if r.made_by), key=lambda r: -r.made_by)
    return [
        f"{row.made_by} of {group.noting} in {row.id} {exercises[row.id].title}: {row.message}"
        for row in rows[:limit]
    ]


def as_text(group: Class, exercises: Mapping[str, Exercise]) -> str:
    """The table for a terminal."""
    rows = group.rows(exercises)
    lines = [*_sentences(group, exercises), ""]
    if mistakes := worst(group, exercises):
        lines += ["Most people's mistakes", *(f"  {one}" for one in mistakes), ""]
    names = [f"{row.id} {exercises[row.id].title}" for row in rows]
    wide = max(map(len, [*names, "exercise"]))
    lines.append(f"{'exercise':{wide}}  solved  tried, not solved")
    for name, row in zip(names, rows):
        lines.append(f"{name:{wide}}  {row.solved:6}  {row.open:17}")
    people = [(shown(p.name, 40), p) for p in group.people]
    wide = max(map(len, [*(name for name, _ in people), "person"]))
    lines += ["", f"{'person':{wide}}  solved  tried, not solved  last solved"]
    for name, person in people:
        solved, open_, last = _person(person, exercises)
        lines.append(f"{name:{wide}}  {solved:6}  {open_:>17}  {last}".rstrip())
    if group.remarks or group.left_out:
        lines += ["", *(shown(remark, 200) for remark in group.remarks)]
        lines += [f"left out: {shown(name)} {shown(why, 120)}" for name, why in group.left_out]
    return "\n".join(lines)


def _person(person: Person, exercises: Mapping[str, Exercise]) -> tuple[int, str, str]:
    """(solved, tried and not solved, day of the last one solved)."""
    solved = {name: when for name, when in person.kept.solved.items() if name in exercises}
    tried = person.kept.tried
    open_ = "–" if tried is None else str(len(tried.keys() & set(exercises) - solved.keys()))
    return len(solved), open_, max(solved.values(), default="")[:10]


STYLE = """:root{color-scheme:light dark}body{max-width:60rem;margin:2rem auto;padding:0 1rem;
font:1rem/1.5 system-ui,sans-serif}div{overflow-x:auto}table{border-collapse:collapse}
th,td{padding:.25rem .75rem .25rem 0;border-top:1px solid #8886;text-align:left;vertical-align:top}
caption{text-align:left;font-weight:600;padding:.5rem 0}td.n{text-align:right}
td.g{padding:.25rem .15rem;font-variant-numeric:tabular-nums;white-space:nowrap}"""


def as_page(group: Class, exercises: Mapping[str, Exercise]) -> str:
    """The same as one page that needs no other file and runs nothing."""

    def table(caption: str, head: list[str], rows: list[list[object]]) -> str:
        top = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in head)
        body = ""
        for first, *rest in rows:
            cells = "".join(
                f"<td{' class=n' if isinstance(cell, int) else ''}>{html.escape(str(cell))}</td>"
                for cell in rest
            )
            body += f'<tr><th scope="row">{html.escape(str(first))}</th>{cells}</tr>\n'
        return (
            f'<div tabindex="0" role="region" aria-label="{html.escape(caption)}"><table>'
            f"<caption>{html.escape(caption)}</caption><thead><tr>{top}</tr></thead>\n"
            f"<tbody>{body}</tbody></table></div>"
        )

    def listed(title: str, lines: list[str]) -> str:
        items = "".join(f"<li>{html.escape(line)}</li>\n" for line in lines)
        return f"<h2>{title}</h2><ul>{items}</ul>" if lines else ""

    rows = group.rows(exercises)
    by_exercise: list[list[object]] = [
        [
            f"{row.id} {exercises[row.id].title}",
            row.solved,
            row.open,
            f"{row.made_by} of {group.noting}: {row.message}" if row.made_by else "",
        ]
        for row in rows
    ]
    by_person: list[list[object]] = [
        [shown(p.name, 80), *_person(p, exercises), _marks(p, rows)] for p in group.people
    ]
    exercises_table = table(
        "Exercises that somebody has solved or tried",
        ["exercise", "solved", "tried, not solved", "the mistake of most"],
        by_exercise,
    )
    people_table = table(
        "People", ["person", "solved", "tried, not solved", "last solved", "each one"], by_person
    )
    left = [f"{shown(name, 120)}: {shown(why, 200)}" for name, why in group.left_out]
    intro = "".join(f"<p>{html.escape(line)}</p>" for line in _sentences(group, exercises))
    which = f" ({', '.join(row.id for row in rows)})" if rows else ""
    return f"""<!doctype html>
{OURS}
<html lang="en"><head><meta charset="utf-8"><title>Progress of the class</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{STYLE}</style></head><body><main>
<h1>Progress of the class</h1>
<p>{datetime.now():%Y-%m-%d %H:%M}</p>
{intro}
{listed("Most people’s mistakes", worst(group, exercises, 10))}
<h2>By exercise</h2>
{exercises_table}
<h2>By person</h2>
<p>● solved, ◐ tried and not solved, ○ neither, in the order of the exercises above{which}.</p>
{people_table}
{listed("Remarks", [shown(remark, 300) for remark in group.remarks])}
{listed("Left out", left)}
</main></body></html>
"""


def _marks(person: Person, rows: list[Row]) -> str:
    tried = person.kept.tried or {}
    solved = person.kept.solved
    return "".join("●" if r.id in solved else "◐" if r.id in tried else "○" for r in rows)


def write_page(text: str, target: Path) -> None:
    """Replaces an earlier report, and nothing else: not a file that somebody has put in its place,
    nor what a link there leads to.

    Raises:
        ValueError: something else is there.
    """
    if target.is_symlink() or target.exists():
        ours = not target.is_symlink() and target.is_file() and OURS in _head(target)
        if not ours:
            raise ValueError(f"--html {shown(str(target))}: something else is there; give another name")
    replace_text(target, text)


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(200).decode("utf-8", "replace")
