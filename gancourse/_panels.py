"""Where a drawn figure can be taken apart, so that a phone shows its panels one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]  # left, right, bottom, top, as shares of the figure
SLACK = 0.004
MOST = 6  # panels that a phone shows one below the other


def smallest_text(fig: Figure) -> float | None:
    """Points of the smallest text that is shown; None: there is no text."""
    from matplotlib.text import Text

    texts = [t for t in fig.findobj(Text) if t.get_visible() and t.get_text().strip()]
    # An axes' ticks keep their labels when the whole axis is off.
    shown = [t for t in texts if t.axes is None or t.axes.axison or t in own(t.axes)]
    return min((float(t.get_fontsize()) for t in shown), default=None)


def own(ax: Any) -> list:
    """An axes' texts and titles, without its ticks' and its labels'."""
    return [*ax.texts, *(getattr(ax, name) for name in ("title", "_left_title", "_right_title"))]


def _shares(fig: Any, whole: Any) -> Box:
    inside = whole.transformed(fig.transFigure.inverted())
    return inside.x0, inside.x1, inside.y0, inside.y1


def _box(ax: Axes) -> Box | None:
    """What belongs to an axes: itself, its labels, titles and texts."""
    whole = ax.get_tightbbox()
    return None if whole is None else _shares(ax.figure, whole)


def _scale(ax: Axes, first: Axes) -> Box | None:
    """The numbers at the left of `first`, if `ax` has the same scale and leaves them out."""

    def numbers(one: Axes) -> list:
        return [t for t in one.get_yticklabels() if t.get_visible() and t.get_text()]

    shown = ax.axison and ax.yaxis.get_visible() and len(ax.get_yticks())
    if not shown or not first.axison or numbers(ax) or not numbers(first):
        return None
    if (ax.get_yscale(), ax.get_ylim()) != (first.get_yscale(), first.get_ylim()):
        return None
    whole = first.yaxis.get_tightbbox()
    return None if whole is None else _shares(first.figure, whole)


def _union(boxes: Sequence[Box]) -> Box:
    left, right, bottom, top = zip(*boxes)
    return min(left), max(right), min(bottom), max(top)


Piece = tuple[Box, "Box | None"]  # a panel, and the scale that it takes from its row


def _columns(rows: list[list[Piece]]) -> list[Piece] | None:
    """Each column of a grid as one piece; None: its columns reach into one another."""
    if len({len(row) for row in rows}) > 1:
        return None
    pieces: list[Piece] = []
    for column in zip(*rows):
        scales = [scale for _, scale in column if scale]
        if scales and len(scales) < len(column):
            return None
        pieces.append((_union([box for box, _ in column]), _union(scales) if scales else None))
    apart = all(a[1] <= b[0] + SLACK for (a, _), (b, _) in zip(pieces, pieces[1:]))
    return pieces if apart else None


def panels(fig: Figure) -> str:
    """For each panel a row of "bottom top left right", and "left right bottom" of the scale at the
    row's left where the panel has the same one and doesn't repeat it; rows end in ";". A grid of more
    than MOST panels comes apart by its columns. Empty: the figure is one piece.

    The figure has been drawn. One with a legend, a title or a text of its own, with a color bar or
    with panels that reach into one another is one piece.
    """
    axes = [ax for ax in fig.axes if ax.get_visible()]
    alone = fig.texts or fig.legends  # (a title of the figure is one of its texts)
    if len(axes) < 2 or alone or any(ax.get_label() == "<colorbar>" for ax in axes):
        return ""
    boxes = [_box(ax) for ax in axes]
    if any(box is None for box in boxes):
        return ""
    known = [(ax, box) for ax, box in zip(axes, boxes, strict=True) if box is not None]
    rows: list[list[tuple[Axes, Box]]] = []
    for ax, box in sorted(known, key=lambda pair: -pair[1][3]):
        middle = (ax.get_position().y0 + ax.get_position().y1) / 2
        for row in rows:
            other = row[0][0].get_position()
            if other.y0 < middle < other.y1:
                row.append((ax, box))
                break
        else:
            rows.append([(ax, box)])
    if max(map(len, rows)) < 2:
        return ""  # its panels are below one another already
    found: list[list[Piece]] = []
    for row in rows:
        row.sort(key=lambda pair: pair[1][0])
        if any(a[1] > b[0] + SLACK for (_, a), (_, b) in zip(row, row[1:])):
            return ""
        _, _, bottom, top = _union([box for _, box in row])
        first = row[0][0]
        found.append(
            [
                ((left, right, bottom, top), _scale(ax, first) if k else None)
                for k, (ax, (left, right, _, _)) in enumerate(row)
            ]
        )
    if any(b[0][0][3] > a[0][0][2] + SLACK for a, b in zip(found, found[1:])):
        return ""
    pieces = [piece for row in found for piece in row]
    if len(pieces) > MOST and any(ax.axison for ax in axes):
        pieces = _columns(found) or pieces
    text = ""
    for (left, right, bottom, top), scale in pieces:
        text += f"{bottom:.4f} {top:.4f} {left:.4f} {right:.4f}"
        if scale:
            text += f" {scale[0]:.4f} {scale[1]:.4f} {max(scale[2], bottom):.4f}"
        text += ";"
    return text
