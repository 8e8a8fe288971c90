"""Where a drawn figure can be taken apart, so that a phone shows its panels one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]  # left, right, bottom, top, as shares of the figure


def smallest_text(fig: Figure) -> float | None:
    """Points of the smallest text that is shown; None: there is no text."""
    from matplotlib.text import Text

    texts = [t for t in fig.findobj(Text) if t.get_visible() and t.get_text().strip()]
    # An axes' ticks keep their labels when the whole axis is off.
    shown = [t for t in texts if t.axes is None or t.axes.axison or t in _own(t.axes)]
    return min((float(t.get_fontsize()) for t in shown), default=None)


def _own(ax: Any) -> list:
    return [*ax.texts, *(getattr(ax, name) for name in ("title", "_left_title", "_right_title"))]


def _box(ax: Axes) -> Box | None:
    """What belongs to an axes: itself, its labels, titles and texts."""
    fig = ax.figure
    whole = ax.get_tightbbox()
    if whole is None:
        return None
    shares = whole.transformed(fig.transFigure.inverted())
    return shares.x0, shares.x1, shares.y0, shares.y1


def panels(fig: Figure) -> str:
    """For each panel a row of "bottom top left right", and "left right" of the scale at the row's left
    where the panel has none of its own; rows end in ";". Empty: the figure is one piece.

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
    slack, found = 0.004, ""
    for row in rows:
        row.sort(key=lambda pair: pair[1][0])
        bottom, top = min(b[2] for _, b in row), max(b[3] for _, b in row)
        if any(a[1] > b[0] + slack for (_, a), (_, b) in zip(row, row[1:])):
            return ""
        first, box = row[0]
        spine = first.get_position().x0
        for k, (ax, (left, right, _, _)) in enumerate(row):
            found += f"{bottom:.4f} {top:.4f} {left:.4f} {right:.4f}"
            labels = [t for t in ax.get_yticklabels() if t.get_visible() and t.get_text()]
            if k and ax.axison and ax.yaxis.get_visible() and not labels and first.axison:
                found += f" {box[0]:.4f} {spine:.4f}"
            found += ";"
    above = [min(b[2] for _, b in row) for row in rows]
    below = [max(b[3] for _, b in row) for row in rows]
    return "" if any(b > a + slack for a, b in zip(above, below[1:])) else found
