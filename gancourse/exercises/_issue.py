"""A prefilled issue for an answer that no known mistake explains. Nothing is sent: it is a link."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from urllib.parse import urlencode

import torch

GITHUB = re.compile(r"https://github\.com/[A-Za-z0-9-]{1,39}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
MOST = 1_000  # characters of the message


class Unmatched(str):
    """What a reader is told of an answer that is wrong like none of the mistakes; ``public`` is the
    same without anything of the reader's own: no line of code, no text of an exception."""

    public: str

    def __new__(cls, message: str, public: str | None = None) -> Unmatched:
        self = super().__new__(cls, message)
        self.public = message if public is None else public
        return self


def repository() -> str:
    """Where this copy of the course is published, as its installation says (scripts/repository.py
    writes it into pyproject.toml); "" for an unpublished one."""
    try:
        urls = importlib.metadata.metadata("gancourse").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    found = dict(line.partition(", ")[::2] for line in urls).get("Repository", "")
    return found if GITHUB.fullmatch(found) else ""


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def link(exercise_id: str, message: str) -> str:
    """The address of a new issue; "" where the message is of a known kind, or nobody to tell."""
    there = repository() if isinstance(message, Unmatched) else ""
    if not there:
        return ""
    assert isinstance(message, Unmatched)
    told = "\n".join(f"> {line}" for line in message.public[:MOST].splitlines())
    body = (
        f"`check({exercise_id!r}, ...)` said:\n\n{told}\n\n"
        f"gancourse {version('gancourse')}, torch {torch.__version__}, "
        f"Python {platform.python_version()}\n\n"
        "What my answer does, in a sentence:\n"
    )
    title = f"Exercise {exercise_id}: an answer that no known mistake explains"
    return f"{there}/issues/new?{urlencode({'title': title, 'body': body})}"
