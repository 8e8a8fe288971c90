"""A figure drawn once more for a phone: as wide as its screen, with the same size of type."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gancourse import _panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

WIDTH = 3.66  # inches, at 100 pixels each: a phone's 390 without the page's margins
LEGIBLE = 9  # pixels of the smallest text
POINT = 100 / 72  # pixels


def _numbers(axis: Any) -> Iterator[Text]:
    """What stands at an axis's ticks, at those that are in view."""
    low, high = sorted(axis.get_view_interval())
    for tick in axis.get_major_ticks():
        if low <= tick.get_loc() <= high:
            yield from (tick.label1, tick.label2)


def _boxes(texts: Iterable[Text]) -> list[Bbox]:
    shown = [t for t in texts if t.get_visible() and t.get_text().strip()]
    return [t.get_window_extent().padded(-1) for t in shown]


def _faults(fig: Figure) -> Counter[str]:
    """How often words lie on words, across a line, or beyond the figure's edge, at its present size."""
    from matplotlib.legend import Legend

    for _ in range(2):  # the layout settles at the second drawing
        fig.draw_without_rendering()
    shown = [ax for ax in fig.axes if ax.get_visible()]
    sides = [side for ax in shown if ax.axison for side in (ax.xaxis, ax.yaxis)]
    legends = [t for legend in fig.findobj(Legend) for t in legend.get_texts()]
    texts = [t for ax in shown for t in _panels.own(ax)]
    words = _boxes([*(side.label for side in sides), *texts, *fig.texts, *legends])
    every = words + _boxes(number for side in sides for number in _numbers(side))
    inside, found = fig.bbox.padded(1), Counter[str]()
    for k, box in enumerate(every):
        found["on words"] += sum(box.overlaps(other) for other in every[k + 1 :])
        found["beyond the edge"] += not (
            inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)
        )
    for line in (line for ax in shown for line in ax.lines):
        if line.get_visible() and line.get_linestyle() != "None":
            path = line.get_path().transformed(line.get_transform())
            found["across a line"] += sum(path.intersects_bbox(b, filled=False) for b in words)
    return found


def small(drawn: io.BytesIO) -> bytes:
    """A PNG with a palette of 256 colors, a third of the size."""
    from PIL import Image

    image = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def png(fig: Figure, smallest: float, dpi: int = 200) -> bytes | None:
    """The figure drawn anew as narrow as a phone, or as near to it as leaves its smallest text (points)
    legible there, as PNG; None where that spoils what is written in it.

    Whatever has no room would lie on something else: then one tap on the whole figure is the better
    answer. None, too, where it is legible as it is. The figure has its own size again afterwards.
    """
    from matplotlib.transforms import Bbox

    wide, tall = fig.get_size_inches()
    if smallest * POINT * min(1, WIDTH / wide) >= LEGIBLE:
        return None  # as it is
    square = any(ax.get_visible() and ax.get_aspect() != "auto" for ax in fig.axes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "no room for axes": such a one has faults
            before = _faults(fig)
            for share in (0.0, 0.5, 1.0):  # of the way to the widest that is legible
                width = WIDTH + share * (WIDTH * smallest * POINT / LEGIBLE - WIDTH)
                # What has equal axes grows lower as it grows narrower; its labels don't.
                height = min(tall, tall * width / wide + 0.4) if square else tall
                fig.set_size_inches(width, height)
                if _faults(fig) - before:
                    continue
                drawn = fig.get_tightbbox()
                low, high = max(0, drawn.y0 - 0.05), min(height, drawn.y1 + 0.05)
                buffer = io.BytesIO()
                edges = Bbox.from_extents(0, low, width, high)
                fig.savefig(buffer, format="png", dpi=dpi, bbox_inches=edges)
                return small(buffer)
        return None
    finally:
        fig.set_size_inches(wide, tall)
