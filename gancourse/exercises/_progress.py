"""Which exercises are solved: in this session, and across sessions in a file.

The file is plain JSON, ``{"course": "gancourse", "solved": {"1.1": "2026-11-21T10:00:00"}}``. Each
save reads it again and merges, so that two notebooks can share one, and replaces it in one move, so
that a crash leaves the old file or the new one.
"""

from __future__ import annotations

import html
import itertools
import json
import os
import tempfile
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

FILE = "gancourse-progress.json"
COURSE = "gancourse"


@dataclass
class _Session:
    solved: dict[str, str] = field(default_factory=dict)  # exercise id -> when first solved
    file: Path | None = None


_session = _Session()


def record(exercise_id: str) -> None:
    """Note a passed exercise; a full disk or a lost drive is a warning, no error."""
    if exercise_id in _session.solved:
        return
    _session.solved[exercise_id] = datetime.now().isoformat(timespec="seconds")
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
    path = Path(folder).expanduser()
    if path.is_file():
        raise ValueError(f"folder={str(folder)!r} is a file; give a folder")
    if not path.exists() and not path.absolute().parent.is_dir():
        hint = ""
        if str(path).startswith("/content/drive"):
            hint = "; mount Google Drive first (google.colab.drive.mount('/content/drive'))"
        raise ValueError(f"folder={str(folder)!r}: there is no {path.absolute().parent}{hint}")
    path.mkdir(exist_ok=True)
    _save(path / FILE)
    _session.file = path / FILE
    return path / FILE


def read(file: Path) -> dict[str, str]:
    """The solved exercises in a file.

    Raises:
        ValueError: if it is torn, or not this course's; it says which.
    """
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # torn, not UTF-8, or nested without end
        raise ValueError(f"{file} is not whole JSON ({error})") from None
    solved = content.get("solved") if isinstance(content, dict) else None
    if not isinstance(solved, dict) or content.get("course") != COURSE:
        raise ValueError(f"{file} is JSON, but not a progress file of this course")
    return {str(name): str(when) for name, when in solved.items()}


def _save(file: Path) -> None:
    kept: dict[str, str] = {}
    if file.exists():
        try:
            kept = read(file)
        except ValueError as error:
            names = (f"{file.stem}.unreadable{n or ''}{file.suffix}" for n in itertools.count())
            aside = next(path for name in names if not (path := file.with_name(name)).exists())
            os.replace(file, aside)
            warnings.warn(f"{error}; it is now {aside.name}, and a new one begins", stacklevel=4)
    _session.solved = {**_session.solved, **kept}  # the first time counts
    text = json.dumps({"course": COURSE, "solved": _session.solved}, indent=1, sort_keys=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as part:
            part.write(text)
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Progress:
    """What is solved, by chapter; the last expression of a cell shows it, and so does print."""

    solved: dict[str, bool]  # every exercise of the course, in order
    minutes: int  # of the exercises not solved yet
    file: Path | None

    def _chapters(self) -> dict[str, list[str]]:
        chapters: dict[str, list[str]] = {}
        for name in self.solved:
            chapters.setdefault(name.split(".")[0], []).append(name)
        return chapters

    @property
    def headline(self) -> str:
        hours = (
            f"{self.minutes / 60:.0f} hours" if self.minutes >= 90 else f"{self.minutes} minutes"
        )
        left = f"; about {hours} to go" if self.minutes else ": all of them"
        return f"{sum(self.solved.values())} of {len(self.solved)} exercises solved{left}"

    @property
    def where(self) -> str:
        if self.file is None:
            return 'This session only; progress("a folder") keeps it for the next.'
        return f"Kept in {self.file}"

    def __repr__(self) -> str:
        lines = [self.headline]
        for chapter, names in self._chapters().items():
            marks = "".join("●" if self.solved[name] else "○" for name in names)
            done = sum(self.solved[name] for name in names)
            lines.append(f"  chapter {chapter:>2}  {marks:12}  {done} of {len(names)}")
        return "\n".join([*lines, self.where])

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
            f"<p>{html.escape(self.where)}</p>"
        )


def solved_now() -> tuple[dict[str, str], Path | None]:
    """(solved in this session and the file, the file), read again if there is one."""
    if _session.file is not None:
        try:
            _save(_session.file)  # another notebook may have written since
        except OSError as error:
            warnings.warn(f"{_session.file} is out of reach ({error})", stacklevel=3)
    return dict(_session.solved), _session.file
