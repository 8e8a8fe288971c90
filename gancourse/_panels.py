"""Where a drawn figure can be taken apart, so that a phone shows its panels one below the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def _box(part: Any) -> Box:
    """Where an axes lies with its labels, titles and texts, or one of its axes with its numbers."""
    inside = part.get_tightbbox().transformed(part.figure.transFigure.inverted())
    return inside.x0, inside.x1, inside.y0, inside.y1


def _scale(ax: Axes, first: Axes) -> Box | None:
    """The numbers at the left of `first`, if `ax` has the same scale and leaves them out."""

    def numbers(one: Axes) -> list:
        return [t for t in one.get_yticklabels() if t.get_visible() and t.get_text()]

    shown = ax.axison and ax.yaxis.get_visible() and len(ax.get_yticks())
    if not shown or not first.axison or numbers(ax) or not numbers(first):
        return None
    if (ax.get_yscale(), ax.get_ylim()) != (first.get_yscale(), first.get_ylim()):
        return None
    return _box(first.yaxis)


def _union(boxes: Iterable[Box]) -> Box:
    left, right, bottom, top = zip(*boxes)
    return min(left), max(right), min(bottom), max(top)


Piece = tuple[Box, Box | None]  # a panel, and the scale that it takes from its row


def _columns(rows: list[list[Piece]]) -> list[Piece] | None:
    """Each column of a grid as one piece; None: its columns reach into one another."""
    if len({len(row) for row in rows}) > 1:
        return None
    pieces: list[Piece] = []
    for column in zip(*rows):
        scales = [scale for _, scale in column if scale]
        if scales and len(scales) < len(column):
            return None
        pieces.append((_union(box for box, _ in column), _union(scales) if scales else None))
    apart = all(a[1] <= b[0] + SLACK for (a, _), (b, _) in zip(pieces, pieces[1:]))
    return pieces if apart else None


def _rows(boxes: Mapping[Axes, Box]) -> list[dict[Axes, Box]]:
    """Axes that stand beside one another, from left to right; the highest row first."""
    rows: list[list[Axes]] = []
    for ax in sorted(boxes, key=lambda ax: -boxes[ax][3]):
        place = ax.get_position()
        middle = (place.y0 + place.y1) / 2
        for row in rows:
            first = row[0].get_position()
            if first.y0 < middle < first.y1:
                row.append(ax)
                break
        else:
            rows.append([ax])
    return [{ax: boxes[ax] for ax in sorted(row, key=lambda ax: boxes[ax][0])} for row in rows]


def _pieces(row: Mapping[Axes, Box]) -> list[Piece] | None:
    """The panels of a row, each as high as the row; None: they reach into one another."""
    first, boxes = next(iter(row)), list(row.values())
    if any(a[1] > b[0] + SLACK for a, b in zip(boxes, boxes[1:])):
        return None
    _, _, bottom, top = _union(boxes)
    return [
        ((left, right, bottom, top), None if ax is first else _scale(ax, first))
        for ax, (left, right, _, _) in row.items()
    ]


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
    rows = _rows({ax: _box(ax) for ax in axes})
    if max(map(len, rows)) < 2:
        return ""  # its panels are below one another already
    found: list[list[Piece]] = []
    for row in rows:
        pieces = _pieces(row)
        if pieces is None or (found and pieces[0][0][3] > found[-1][0][0][2] + SLACK):
            return ""
        found.append(pieces)
    every = [piece for pieces in found for piece in pieces]
    if len(every) > MOST and any(ax.axison for ax in axes):
        every = _columns(found) or every
    text = ""
    for (left, right, bottom, top), scale in every:
        text += f"{bottom:.4f} {top:.4f} {left:.4f} {right:.4f}"
        if scale:
            text += f" {scale[0]:.4f} {scale[1]:.4f} {max(scale[2], bottom):.4f}"
        text += ";"
    return text
