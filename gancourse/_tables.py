"""Numbers as a reader wants them, in rows and columns: HTML where it is drawn, else aligned text."""

from __future__ import annotations

import html
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from gancourse._numbers import plain, whole

MISSING = "\N{EN DASH}"


def number(value: Any, digits: int = 4, zeros: bool = False) -> str:
    """A number with ``digits`` significant digits; whole ones, and what has more digits before the
    point, in full. ``zeros`` keeps those at the end, so that the numbers of a column line up."""
    value = plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, complex):
        sign = "-" if value.imag < 0 else "+"
        return f"{number(value.real, digits)} {sign} {number(abs(value.imag), digits)}i"
    value = float(value) or 0.0  # no -0
    size = abs(value)
    if size < 1e7 and (size >= 10**digits or (value.is_integer() and not zeros)):
        return f"{value:.0f}"
    return (f"{value:#.{digits}g}" if zeros else f"{value:.{digits}g}").rstrip(".")


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Rows of cells as text, the columns under each other; ``right``: columns of numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def show(text: str, markup: str, metadata: Mapping[str, Any] | None = None) -> None:
    """Display ``markup`` in a notebook, print ``text`` elsewhere."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return
    from IPython.display import display

    data = {"text/plain": text, "text/html": markup}
    display(data, raw=True, metadata=dict(metadata or {}))


def table(
    rows: Sequence[Mapping[str, Any]] | Mapping[Any, Mapping[str, Any]],
    *,
    digits: int = 3,
    caption: str | None = None,
    name: str = "name",
) -> None:
    """Display a table: drawn in a notebook, aligned text in a terminal.

    Args:
        rows: a list of rows ``{column: value}``, or ``{name: {column: value}}``, whose first column is
            the names. Columns stand in the order in which they first appear; a row may lack some, and
            None is a missing value: both are shown as a dash. Values are numbers (Python's, numpy's,
            torch's), truth values ("yes", "no") or text, which is shown as it is.
        digits: significant digits of numbers with a fraction. Whole numbers are shown whole.
        caption: above the table.
        name: head of the first column where ``rows`` has names.

    Raises:
        ValueError: for no rows, rows that are no dicts, no columns, a ``name`` that is a column, or bad
            ``digits``.
    """
    digits = whole("digits", digits)
    if isinstance(rows, Mapping):
        for key, row in rows.items():
            if not isinstance(row, Mapping):
                raise ValueError(f"rows[{key!r}]={row!r}; need a dict column -> value")
            if name in row:
                raise ValueError(
                    f"name={name!r} is a column of rows[{key!r}], too; need another head for names"
                )
        rows = [{name: key, **row} for key, row in rows.items()]
    found = list(rows)
    if not found:
        raise ValueError("rows is empty; need at least one row")
    for k, row in enumerate(found):
        if not isinstance(row, Mapping):
            raise ValueError(f"rows[{k}]={row!r}; need a dict column -> value")
    columns = list(dict.fromkeys(column for row in found for column in row))
    if not columns:
        raise ValueError("rows has no column; need a dict column -> value in each row")
    texts, right = [], []
    for column in columns:
        cells = [plain(row.get(column)) for row in found]
        given = [c for c in cells if c is not None]
        counts = [isinstance(c, (int, float, complex)) and not isinstance(c, bool) for c in given]
        zeros = any(isinstance(c, float) and math.isfinite(c) and c % 1 for c in cells)
        right.append(2 * sum(counts) > len(counts))
        texts.append([str(column), *(_text(c, digits, zeros) for c in cells)])
    lines = list(zip(*texts, strict=True))
    text = aligned(lines, right)
    show(text if caption is None else f"{caption}\n{text}", _markup(lines, right, caption))


def _text(value: Any, digits: int, zeros: bool) -> str:
    if value is None:
        return MISSING
    numeric = isinstance(value, (bool, int, float, complex))
    return number(value, digits, zeros) if numeric else str(value)


def _markup(lines: Sequence[Sequence[str]], right: Sequence[bool], caption: str | None) -> str:
    sides = ["right" if numbers else "left" for numbers in right]  # Colab has no style of ours
    shown = [
        "".join(
            f'<{tag} style="text-align:{side}">{html.escape(cell)}</{tag[:2]}>'
            for cell, side in zip(line, sides, strict=True)
        )
        for line, tag in zip(lines, ['th scope="col"', *["td"] * len(lines)])
    ]
    above = "" if caption is None else f"<caption>{html.escape(caption)}</caption>"
    body = "".join(f"<tr>{line}</tr>" for line in shown[1:])
    return (
        f'<table class="gc-table">{above}<thead><tr>{shown[0]}</tr></thead><tbody>{body}</tbody></table>'
    )
