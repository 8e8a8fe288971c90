"""Previous and next lead from chapter to chapter: a deeper page is no stop on the way.

It is reached from its chapter's text and from the list of pages; its own previous page is its
chapter, its next one the chapter after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sphinx.application import Sphinx

from scripts import book

Relations = Mapping[str, Sequence[str | None]]  # page -> its parent, the one before, the one after
SIDES = {"prev": 1, "next": 2}


def neighbour(relations: Relations, page: str, side: str) -> str | None:
    """The page before or after this one, deeper pages left out; None at an end of the book."""
    name = relations[page][SIDES[side]]
    while name is not None and book.is_deeper(name):
        name = relations[name][SIDES[side]]
    return name


def lead_on(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    relations: Relations = getattr(app.builder, "relations", {})
    if page not in relations:
        return
    for side in SIDES:
        name = neighbour(relations, page, side)
        if name is None:
            context[side] = None
        elif context.get(side):
            title = app.builder.render_partial(app.env.titles[name])["title"]  # type: ignore[attr-defined]
            context[side] = {"link": app.builder.get_relative_uri(page, name), "title": title}


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", lead_on)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
