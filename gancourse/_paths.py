"""Paths as people write them, and files that are never there by half."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def given_path(value: str | os.PathLike[str], name: str = "path") -> Path:
    """The path that a person or an environment variable gave; ``~`` is the home folder.

    Args:
        value: text or a path object. What the file system makes of it (links, ``..``) stays.
        name: of the argument or variable, for the error.

    Raises:
        ValueError: for anything else, nothing at all, or a ``~name`` whose home is unknown.
    """
    try:
        text = os.fspath(value)
        if not isinstance(text, str) or not text or "\0" in text:
            raise TypeError
        return Path(text).expanduser()
    except (TypeError, RuntimeError) as error:
        raise ValueError(
            f"{name}={value!r}; need the name of a file or folder as text or Path, in which ~ "
            "stands for a home folder that exists"
        ) from error


def replace_text(path: Path, text: str) -> None:
    """Writes a text file for its owner to read, in one step: whoever looks finds the file as it was,
    or the new one, and an error leaves no half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as part:
            part.write(text)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
