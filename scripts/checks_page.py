"""Write book/checks.md: every claim that the book's chapters check, as the last build measured it.

    python scripts/checks_page.py [TARGET]

Goes by the cache of executed chapters, where `claims.verify` left its rows beside each strip, and by
scripts/claims.py, which says where a claim's numbers come from. scripts/light.py gives the strips in the
built pages the same numbers, which the links here lead to. Asserts that are no rows of `verify` are
counted, no more: they stand in the chapters' code.
"""

from __future__ import annotations

import html
import importlib.metadata
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import book, claims  # noqa: E402

HEAD = """# What this book checks

A claim of this book says what a number should be and how far off it may lie; its cell stops the chapter
where it lies farther off. {count} claims were checked when this book was built, and {held}: {live} look
at what their chapter computes there and then (live), {recorded} at recorded runs. The numbers are those
of that build (Python {python}, torch {torch}); run a chapter and you see your own.{more}
"""
COLUMNS = ("no.", "claim", "predicted", "measured", "tolerance", "source")


@dataclass(frozen=True)
class Checked:
    """One row of `claims.verify`, as a page shows it."""

    page: str  # the notebook's name, without suffix
    number: str  # "3.7"
    row: NotebookNode
    source: str  # "live" or "recorded"

    @property
    def link(self) -> str:
        return f"{self.page}.html#claim-{self.number.replace('.', '-')}"


def rows(cell: NotebookNode) -> list[NotebookNode]:
    """What `claims.verify` left in a cell's outputs."""
    kept = [output.get("metadata", {}).get("gancourse", {}) for output in cell.get("outputs", [])]
    return [row for data in kept for row in data.get("claims", [])]


def source(claim: claims.Claim | None, k: int, shown: int) -> str:
    """Where the numbers of a cell's row `k` come from."""
    if claim is None:
        return "live"
    origins = claim.rows[k] if len(claim.rows) == shown else claims.NOTHING
    found = origins or claim.origins
    return "recorded" if claims.RECORDED in found and claims.LIVE not in found else "live"


def checked(pages: Sequence[tuple[str, NotebookNode]]) -> tuple[list[Checked], dict[str, int]]:
    """The claims of executed notebooks (name, notebook) in the book's order; chapter -> how many
    asserts of its claims are no rows. A chapter's numbers go on over its deeper pages."""
    found: list[Checked] = []
    counts: dict[str, int] = {}
    bare: dict[str, int] = {}
    for name, nb in pages:
        chapter = name[:2]
        known = {claim.index: claim for claim in claims.claims(nb)}
        for index, cell in enumerate(nb.cells):
            claim = known.get(index)
            if claim is not None and "claim" in claim.tags:
                bare[chapter] = bare.get(chapter, 0) + claim.bare
            own = rows(cell)
            for k, row in enumerate(own):
                counts[chapter] = counts.get(chapter, 0) + 1
                number = f"{int(chapter)}.{counts[chapter]}"
                found.append(Checked(name, number, row, source(claim, k, len(own))))
    return found, {chapter: n for chapter, n in bare.items() if n}


def table(found: Sequence[Checked]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    lines = []
    for one in found:
        row = one.row
        texts = [row["predicted"], row["measured"], row["tolerance"], one.source]
        cells = [f'<td><a href="{one.link}">{one.number}</a></td>']
        cells.append(f'<th scope="row">{html.escape(row["claim"])}</th>')
        for name, text in zip(COLUMNS[2:], texts, strict=True):
            cells.append(f'<td data-label="{name}">{html.escape(text)}</td>')
        missed = "" if row["holds"] else ' class="gc-missed"'
        lines.append(f"<tr{missed}>{''.join(cells)}</tr>")
    body = "\n".join(lines)
    return (
        '<table class="gc-claims gc-checks">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n"
    )


def page(pages: Sequence[tuple[str, NotebookNode]]) -> str:
    """The page's text, of the chapters' executed notebooks in the book's order."""
    found, bare = checked(pages)
    missed = sum(not one.row["holds"] for one in found)
    recorded = sum(one.source == "recorded" for one in found)
    more = sum(bare.values())
    text = HEAD.format(
        count=len(found),
        held="all of them hold" if not missed else f"{missed} of them missed",
        live=len(found) - recorded,
        recorded=recorded,
        python=platform.python_version(),
        torch=importlib.metadata.version("torch"),
        more=f" {more} more are asserts in the chapters' code, not listed here." if more else "",
    )
    for name, nb in pages:
        if book.is_deeper(name):
            continue
        own = [one for one in found if one.page[:2] == name[:2]]
        count = bare.get(name[:2], 0)
        title = nb.cells[0].source.splitlines()[0].removeprefix("# ").strip()
        text += f"\n## {int(name[:2])}. [{title}]({name}.ipynb)\n"
        if own:
            text += f"\n{table(own)}"
        if count:
            also = "And " if own else ""
            text += f"\n{also}{count} assert{'s' if count > 1 else ''} in view in its code.\n"
    return text


def write(pages: Sequence[tuple[str, NotebookNode]], target: Path = ROOT / "book" / "checks.md") -> None:
    book.write_made(target, page(pages))


if __name__ == "__main__":
    from scripts import build

    write(build.executed(), *map(Path, sys.argv[1:]))
