"""Which exercises are solved: in this session, and across sessions in a file.

`_progress_file` says what the file holds. Each save reads it again and merges, so that two notebooks
can share one, and replaces it in one move, so that a crash leaves the old file or the new one.
"""

from __future__ import annotations

import html
import itertools
import os
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .._paths import given_path, replace_text
from ._progress_file import FILE, MOST_BYTES, Kept, Tried, added, merged, most, parse, written


@dataclass
class _Session:
    solved: dict[str, str] = field(default_factory=dict)  # exercise id -> when first solved
    tried: dict[str, Tried] = field(default_factory=dict)  # as the file has it
    new: dict[str, Tried] = field(default_factory=dict)  # since then
    mistakes: bool | None = None  # are they noted? None: as the file's owner wanted it
    file: Path | None = None


_session = _Session()


def record(exercise_id: str, passed: bool, mistake: str | None = None) -> None:
    """Note an answer that was checked: that it passed; or, where the reader wants that, that it did
    not and which known mistake (`Mistake.id`) it was. A full disk or a lost drive is a warning."""
    if passed:
        if exercise_id in _session.solved:
            return
        _session.solved[exercise_id] = datetime.now().isoformat(timespec="seconds")
    elif _session.mistakes:
        one = {exercise_id: Tried(1, {mistake: 1} if mistake else {})}
        _session.new = added(_session.new, one)
    else:
        return
    if _session.file is not None:
        try:
            _save(_session.file)
        except OSError as error:
            warnings.warn(
                f"exercise {exercise_id} could not be written to {_session.file} ({error}); it "
                "counts in this session only",
                stacklevel=3,
            )


def keep(folder: str | os.PathLike[str]) -> Path:
    """Use the progress file in a folder from now on; what it holds is merged with the session's.

    Raises:
        ValueError: if the folder is a file, or the folder that it should be made in is not there.
        OSError: if it can't be written to.
    """
    path = given_path(folder, "folder")
    if path.is_file():
        raise ValueError(
            f"folder={str(folder)!r} is a file; give a folder (progress(merge=...) takes a file in)"
        )
    if not path.exists() and not path.absolute().parent.is_dir():
        hint = ""
        if str(path).startswith("/content/drive"):
            hint = "; mount Google Drive first (google.colab.drive.mount('/content/drive'))"
        raise ValueError(f"folder={str(folder)!r}: there is no {path.absolute().parent}{hint}")
    path.mkdir(exist_ok=True)
    _save(path / FILE)
    _session.file = path / FILE
    return path / FILE


def note(mistakes: bool) -> None:
    """Note mistakes from now on; or not, and forget those that were noted."""
    _session.mistakes = mistakes
    if not mistakes:
        _session.tried, _session.new = {}, {}


def take_in(file: str | os.PathLike[str]) -> None:
    """Merge another progress file, such as one that the book's pages have exported.

    Raises:
        ValueError: if there is none, or it is not this course's.
    """
    path = given_path(file, "merge")
    if not path.is_file():
        raise ValueError(f"merge={str(file)!r}: there is no such file; give a {FILE}")
    kept = read(path)
    _session.solved = merged(_session.solved, kept.solved)
    if _session.mistakes and kept.tried:
        # The larger numbers count, so that a file taken in twice counts once.
        _session.tried = most(added(_session.tried, _session.new), kept.tried)
        _session.new = {}


def read(file: Path) -> Kept:
    """What a file holds.

    Raises:
        ValueError: if it is torn, or not this course's; it says which.
    """
    with file.open("rb") as opened:
        data = opened.read(MOST_BYTES + 1)
    try:
        return parse(data)
    except ValueError as error:
        raise ValueError(f"{file} {error}") from None


def _save(file: Path) -> None:
    kept = Kept()
    if file.exists():
        try:
            kept = read(file)
        except ValueError as error:
            names = (f"{file.stem}.unreadable{n or ''}{file.suffix}" for n in itertools.count())
            aside = next(path for name in names if not (path := file.with_name(name)).exists())
            os.replace(file, aside)
            warnings.warn(f"{error}; it is now {aside.name}, and a new one begins", stacklevel=4)
    _session.solved = merged(_session.solved, kept.solved)
    if _session.mistakes is None and kept.tried is not None:
        _session.mistakes = True
    tried = added(most(_session.tried, kept.tried or {}), _session.new)
    replace_text(file, written(Kept(_session.solved, tried if _session.mistakes else None)))
    if _session.mistakes:
        _session.tried, _session.new = tried, {}


@dataclass(frozen=True)
class Progress:
    """What is solved, by chapter; the last expression of a cell shows it, and so does print."""

    solved: dict[str, bool]  # every exercise of the course, in order
    minutes: int  # of the exercises not solved yet
    file: Path | None
    noted: int | None = None  # answers that did not pass; None: they are not noted

    def _chapters(self) -> dict[str, list[str]]:
        chapters: dict[str, list[str]] = {}
        for name in self.solved:
            chapters.setdefault(name.split(".")[0], []).append(name)
        return chapters

    @property
    def headline(self) -> str:
        hours = f"{self.minutes / 60:.0f} hours" if self.minutes >= 90 else f"{self.minutes} minutes"
        left = f"; about {hours} to go" if self.minutes else ": all of them"
        return f"{sum(self.solved.values())} of {len(self.solved)} exercises solved{left}"

    @property
    def where(self) -> str:
        if self.file is None:
            return 'This session only; progress("a folder") keeps it for the next.'
        return f"Kept in {self.file}"

    @property
    def notes(self) -> str:
        """What else is written, where the reader has turned that on."""
        if self.noted is None:
            return ""
        return (
            f"Noted, too: that an answer did not pass and which known mistake it was ({self.noted} "
            "so far), never your code. progress(mistakes=False) ends that and forgets them."
        )

    def __repr__(self) -> str:
        lines = [self.headline]
        for chapter, names in self._chapters().items():
            marks = "".join("●" if self.solved[name] else "○" for name in names)
            done = sum(self.solved[name] for name in names)
            lines.append(f"  chapter {chapter:>2}  {marks:12}  {done} of {len(names)}")
        return "\n".join([*lines, *filter(None, (self.where, self.notes))])

    def _repr_html_(self) -> str:
        rows = ""
        for chapter, names in self._chapters().items():
            marks = " ".join(
                f"<strong>{name} ✓</strong>" if self.solved[name] else f"<span>{name} ○</span>"
                for name in names
            )
            done = sum(self.solved[name] for name in names)
            rows += (
                f'<tr><th scope="row">chapter {chapter}</th><td>{done} of {len(names)}</td>'
                f'<td style="text-align:left">{marks}</td></tr>'
            )
        return (
            f"<p><strong>{html.escape(self.headline)}</strong></p><table>{rows}</table>"
            f"<p>{html.escape(' '.join(filter(None, (self.where, self.notes))))}</p>"
        )


def solved_now() -> tuple[dict[str, str], Path | None, int | None]:
    """(solved in this session and the file, the file, answers noted that did not pass), read again
    if there is one."""
    if _session.file is not None:
        try:
            _save(_session.file)  # another notebook may have written since
        except OSError as error:
            warnings.warn(f"{_session.file} is out of reach ({error})", stacklevel=3)
    tried = added(_session.tried, _session.new).values()
    noted = sum(one.times for one in tried) if _session.mistakes else None
    return dict(_session.solved), _session.file, noted
