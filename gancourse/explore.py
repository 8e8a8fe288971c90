"""Interactive figures: pictures behind a slider.

`flipbook` turns frames into one self-contained piece of HTML that works with no kernel: in the
built book, on GitHub Pages, in JupyterLab, on Colab. `explore` calls a drawing function: with a
live kernel its sliders have fine steps and draw at once; while the book is built
(``GANCOURSE_STATIC=1``) the same call makes a flipbook over the coarse grid of values given.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import itertools
import json
import os
import re
import sys
import time
import wave
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gancourse._flipbook import SCRIPT, STYLE

__all__ = [
    "explore",
    "flipbook",
    "Flipbook",
    "BUDGET",
]

#: Bytes of pictures in one flipbook; beyond, they are compressed harder (base64 adds a third).
BUDGET = 1_100_000
_count = itertools.count(1)
_TIME = {"step", "round", "epoch"}


class Flipbook:
    """What `flipbook` returns; notebooks display ``.html``."""

    def __init__(self, html_text: str, title: str, frames: int):
        self.html, self.title, self.frames = html_text, title, frames

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"[interactive figure: {self.title}, {self.frames} frames]"


def flipbook(
    frames: Sequence[Any],
    labels: Sequence[str],
    title: str,
    *,
    alts: Sequence[str] | None = None,
    interval_ms: int = 400,
    start: int = 0,
    sounds: Sequence[Any] | None = None,
    rate: int = 8000,
) -> Flipbook:
    """Frames behind one slider, with a play button, and one audio player if they have sounds.

    Args:
        frames: matplotlib figures (closed here), PNG bytes (drawn at double resolution), or uint8
            arrays ``(H, W)`` or ``(H, W, 3)`` (shown as large pixels); all of one size.
        labels: what the slider says at each frame, such as "step 400".
        title: shown above, and the slider's name.
        alts: what each frame shows, for a reader who can't see it; default "title: label".
        interval_ms: time of a frame while playing. It never plays by itself.
        start: frame shown first.
        sounds: what is heard at each frame, 1-D arrays of samples in [-1, 1]. The play button then
            plays one after the other; who listens and moves the slider goes on listening.
        rate: samples a second.

    Raises:
        ValueError: for no frames, counts that differ, frames of different sizes, a sound that is no
            row of samples in [-1, 1], or a rate that browsers refuse (below 3,000).
    """
    images = [_image(frame) for frame in frames]
    if len(labels) != len(images) or not 0 <= start < max(len(images), 1):
        raise ValueError(
            f"{len(images)} frames, {len(labels)} labels, start = {start}; need as many labels as "
            "frames, and start among them"
        )
    alts = [f"{title}: {label}" for label in labels] if alts is None else list(alts)
    values = {"": [str(label) for label in labels]}
    heard = None if sounds is None else _sounds(sounds, len(images), rate)
    return _book(images, alts, title, values, [start], interval_ms, heard)


def explore(
    draw: Callable[..., Any],
    *,
    title: str,
    start: dict[str, Any] | None = None,
    interval_ms: int = 400,
    **axes: Sequence[Any],
) -> Any:
    """A drawing function behind one to three sliders.

    Args:
        draw: called as ``draw(name=value, ...)``; returns a figure, or (figure, alt text).
        title: shown above.
        start: values shown first; default the first of each axis.
        interval_ms: time of a frame while playing.
        **axes: the values of each slider in the built book. All combinations are drawn, so keep
            the product under about 60. With a live kernel, numbers get fine steps between them.

    Raises:
        ValueError: for no axes, more than three, an axis of fewer than two values, an unknown name
            in ``start``, or more than 300 combinations.
    """
    start = start or {}
    sizes = {name: len(values) for name, values in axes.items()}
    if not 1 <= len(axes) <= 3 or min(sizes.values()) < 2 or np.prod(list(sizes.values())) > 300:
        raise ValueError(
            f"axes have {sizes or 'no'} values; need one to three axes of at least two values, "
            "and at most 300 combinations"
        )
    if unknown := set(start) - set(axes):
        raise ValueError(f"start names {sorted(unknown)}; the axes are {list(axes)}")
    if _live():
        try:
            return _panel(draw, title, start, axes)
        except ImportError:
            pass  # no ipywidgets here: the flipbook needs none
    images, alts = [], []
    for point in itertools.product(*axes.values()):
        values = dict(zip(axes, point))
        image, alt = _drawn(draw(**values), title, values)
        images.append(image)
        alts.append(alt)
    at = [_nearest(values, start.get(name, values[0])) for name, values in axes.items()]
    texts = {name: [_text(value) for value in values] for name, values in axes.items()}
    return _book(images, alts, title, texts, at, interval_ms)


# --- pictures -------------------------------------------------------------------------------------


def _image(frame: Any) -> tuple[Any, int]:
    """(PIL image, its width on the page in px); a figure is closed."""
    from PIL import Image

    if isinstance(frame, bytes):
        image = Image.open(io.BytesIO(frame)).convert("RGB")
        return image, round(image.width / 2)
    if hasattr(frame, "savefig"):
        import matplotlib.pyplot as plt
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        width = min(frame.get_figwidth() * 100, 720)
        frame.set_dpi(2 * width / frame.get_figwidth())  # twice the page's pixels: sharp anywhere
        canvas = FigureCanvasAgg(frame)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        plt.close(frame)
        return image, round(width)
    array = np.asarray(frame.detach().cpu() if hasattr(frame, "detach") else frame)
    fits = array.ndim in (2, 3) and array.shape[2:] in ((), (3,)) and array.size > 0
    if array.dtype != np.uint8 or not fits:
        raise ValueError(
            f"a frame is {type(frame).__name__} {array.dtype} {array.shape}; need a matplotlib "
            "figure, PNG bytes, or uint8 (H, W) or (H, W, 3); floats in [-1, 1] become bytes by "
            "features.to_uint8"
        )
    image, scale = Image.fromarray(array).convert("RGB"), max(1, 720 // array.shape[1])
    size = (image.width * scale, image.height * scale)
    return image.resize(size, Image.Resampling.NEAREST), min(size[0], 720)


def _encode(images: Sequence[Any]) -> list[str]:
    """Data URIs: for each picture the smaller of a palette PNG and a WebP, within BUDGET."""
    from PIL import Image

    def save(image: Any, kind: str, **options: Any) -> tuple[str, bytes]:
        buffer = io.BytesIO()
        image.save(buffer, format=kind, **options)
        return kind, buffer.getvalue()

    def encode(image: Any, quality: int, scale: float) -> tuple[str, bytes]:
        if scale != 1:
            image = image.resize((round(image.width * scale), round(image.height * scale)))
        flat = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        pair = save(flat, "png"), save(image, "webp", quality=quality, method=2)
        return min(pair, key=lambda one: len(one[1]))

    sample = images[:: max(1, len(images) // 5)]
    for how in ((80, 1.0), (60, 1.0), (40, 1.0), (40, 0.75)):
        size = np.mean([len(encode(image, *how)[1]) for image in sample]) * len(images)
        if size <= BUDGET:
            break
    best = [encode(image, *how) for image in images]
    return [f"data:image/{kind};base64,{base64.b64encode(data).decode()}" for kind, data in best]


def _sounds(sounds: Sequence[Any], frames: int, rate: int) -> tuple[list[str], int]:
    """WAV files as data URIs, one a frame, and the milliseconds of the longest."""
    rows = [np.asarray(x.detach().cpu() if hasattr(x, "detach") else x) for x in sounds]
    good = [x.ndim == 1 and x.size > 0 and bool((np.abs(x) <= 1).all()) for x in rows]
    if len(rows) != frames or not all(good) or rate < 3000:
        raise ValueError(
            f"sounds: {len(rows)} of shapes {sorted({x.shape for x in rows})} at {rate} samples a "
            f"second; need one for each of {frames} frames, 1-D, samples in [-1, 1], at 3000 or more"
        )
    sources = []
    for x in rows:
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(np.round(32767 * x).astype("<i2").tobytes())
        data = base64.b64encode(buffer.getvalue()).decode()
        sources.append(f"data:audio/wav;base64,{data}")
    return sources, round(1000 * max(x.size for x in rows) / rate)


def _drawn(result: Any, title: str, values: dict[str, Any]) -> tuple[tuple[Any, int], str]:
    frame, alt = result if isinstance(result, tuple) else (result, None)
    where = ", ".join(f"{name} = {_text(value)}" for name, value in values.items())
    if frame is None:
        raise ValueError(f"draw({where}) returned None; return the figure")
    return _image(frame), alt or f"{title}: {where}"


def _text(value: Any) -> str:
    """A slider's value as a reader writes it: 12345, 0.01, None, a name."""
    if hasattr(value, "item") and getattr(value, "size", None) in (1, ()):  # numpy's own numbers
        value = value.item()
    elif hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # torch's
        value = value.item()
    if not isinstance(value, float):
        return str(value)
    # No more digits than it has, and four are enough, but not at the price of a power of ten.
    short = f"{value:.4g}"
    return short if "e" not in short or not 1 <= abs(value) < 1e16 else f"{value:.0f}"


def _after(axis: str, labels: Sequence[str]) -> list[str]:
    """What stands after a slider's value: how far training is, "300" of 1,200; of frames with other
    labels, which one it is; of a parameter's values nothing."""
    times = [re.fullmatch(r"(?:(step|round|epoch)s? )?([\d,]+)", label) for label in labels]
    counts = [int(match[2].replace(",", "")) for match in times if match]
    counted = all(match and (match[1] or axis.rstrip("s") in _TIME) for match in times)
    if counted and counts == sorted(counts):
        return [f" of {counts[-1]:,}"] * len(labels)
    return [f" ({k} of {len(labels)})" * (not axis) for k in range(1, len(labels) + 1)]


def _nearest(values: Sequence[Any], value: Any) -> int:
    """Where ``value`` stands among the values, or the number nearest to it."""
    for at, other in enumerate(values):
        if other is value or (type(other) is type(value) and bool(other == value)):
            return at
    try:
        return int(np.argmin([abs(float(other) - float(value)) for other in values]))
    except (TypeError, ValueError):
        raise ValueError(
            f"start has {_text(value)}; need one of {', '.join(map(_text, values))}"
        ) from None


# --- with a live kernel ------------------------------------------------------------------------


def _live() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel") and os.environ.get("GANCOURSE_STATIC") != "1"


def _numbers(values: Sequence[Any]) -> bool:
    """Whether a slider orders the values: all are numbers, and none is a yes or no."""
    return all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in values)


def _fine(values: Sequence[Any]) -> list[Any]:
    """Numbers: 20 to 50 steps, evenly between each given value and the next."""
    if not _numbers(values):
        return list(values)
    intervals = len(values) - 1
    parts = max((n for n in (2, 5, 10, 20, 40) if n * intervals <= 50), default=1)  # round steps
    knots = np.arange(len(values))
    steps = np.interp(np.linspace(0, knots[-1], parts * knots[-1] + 1), knots, values)
    if all(isinstance(value, (int, np.integer)) for value in values):
        return list(dict.fromkeys(round(step) for step in steps))
    return [float(f"{step:.6g}") for step in steps]


def _options(draw: Callable, at: dict[str, Any], name: str, values: Sequence[Any]) -> list[Any]:
    """The values of a slider: finer than the given ones, where ``draw`` knows what lies between them
    (a recorded run doesn't: it has the given steps and no others)."""
    fine = _fine(values)
    between = [option for option in fine if option not in values]
    try:
        if between:
            _drawn(draw(**at | {name: between[0]}), "", at)
    except LookupError:
        return list(values)
    except Exception:
        pass  # shown in the picture's place, when the slider stands there
    return fine


def _panel(draw: Callable, title: str, start: dict[str, Any], axes: dict[str, Sequence]) -> Any:
    import ipywidgets as widgets

    # An HTML widget, not Image: it can hold an alternative text, and the error that draw raises.
    picture = widgets.HTML()
    sliders: dict[str, Any] = {}

    def redraw(_: Any = None) -> None:
        values = {name: slider.value for name, slider in sliders.items()}
        began = time.perf_counter()
        try:
            (image, width), alt = _drawn(draw(**values), title, values)
            picture.value = _img(_encode([image])[0], alt, image, width)
        except Exception as error:  # a callback's exception would go unseen
            text = html.escape(f"{type(error).__name__}: {error}")
            picture.value = f'<pre role="alert">{text}</pre>'
        for slider in sliders.values():  # a slow picture is drawn when the slider is let go
            if isinstance(slider, widgets.SelectionSlider):
                slider.continuous_update = time.perf_counter() - began < 0.3

    at = {name: values[_nearest(values, start.get(name, values[0]))] for name, values in axes.items()}
    for name, values in axes.items():
        options, slides = _options(draw, at, name, values), _numbers(values) or len(values) > 8
        style = {"description_width": "initial"} | ({} if slides else {"button_width": "auto"})
        sliders[name] = (widgets.SelectionSlider if slides else widgets.ToggleButtons)(
            options=[(_text(option), option) for option in options],
            value=options[_nearest(options, start.get(name, values[0]))],
            description=name.replace("_", " "),
            style=style,
            layout=widgets.Layout(width="100%", max_width="480px" if slides else "720px"),
        )
    redraw()
    for slider in sliders.values():
        slider.observe(redraw, "value")
    return widgets.VBox([widgets.HTML(f"<b>{html.escape(title)}</b>"), picture, *sliders.values()])


# --- without one: HTML that carries everything ---------------------------------------------------


def _img(source: str, alt: str, image: Any, width: int) -> str:
    return (
        f'<img class="gc-card dark-light" style="width:{width}px;max-width:100%;height:auto;background:#fff" '
        f'width="{image.width}" height="{image.height}" alt="{html.escape(alt)}" src="{source}">'
    )


def _book(
    images: Sequence[tuple[Any, int]],
    alts: Sequence[str],
    title: str,
    axes: dict[str, list[str]],
    start: Sequence[int],
    interval_ms: int,
    sounds: tuple[list[str], int] | None = None,
) -> Flipbook:
    sizes = {image.size for image, _ in images}
    if len(sizes) != 1 or len(alts) != len(images):
        raise ValueError(
            f"{len(images)} frames of sizes {sorted(sizes)} with {len(alts)} alts; need at least "
            "one frame, all of one size, and an alt for each"
        )
    sources: list[str | None] = [*_encode([image for image, _ in images])]
    at = int(np.ravel_multi_index(start, [len(values) for values in axes.values()]))
    digest = hashlib.sha1("".join(map(str, sources)).encode()).hexdigest()[:8]
    name = f"gc-{digest}-{next(_count)}"  # the same in each build; unique on a page
    image = _img(str(sources[at]), alts[at], *images[at])
    sources[at] = None
    data = {"id": name, "title": title, "frames": sources, "alts": list(alts), "ms": interval_ms}
    data["values"] = list(axes.values())
    after = [_after(axis, values) for axis, values in axes.items()]
    data["after"] = after
    keys = 'data-lm-suppress-shortcuts="true"'  # else JupyterLab takes the arrow keys for itself
    button = (
        f'<button type="button" aria-label="Play" {keys}><svg width="16" height="16" viewBox="0 0 16 16" '
        'aria-hidden="true"><path d="M4 2.5v11l9-5.5z"/></svg></button>'
    )
    rows, caption, player = "", html.escape(title), ""
    for k, (axis, values) in enumerate(axes.items()):
        label = f'<label for="{name}-{k}">{html.escape(axis.replace("_", " "))}</label>'
        if not axis:  # a plain flipbook: its title names the slider
            label, caption = "", f'<label for="{name}-{k}">{caption}</label>'
        rows += (
            f'<div class="gc-row">{"" if k else button}{label}<input id="{name}-{k}" type="range" '
            f'min="0" max="{len(values) - 1}" value="{start[k]}" autocomplete="off" {keys}>'
            f'<output for="{name}-{k}" aria-live="off">{html.escape(values[start[k]])}</output></div>\n'
        )
    if sounds:  # a frame lasts as long as what is heard
        heard: list[str | None] = [*sounds[0]]
        label = html.escape(f"{title}: {next(iter(axes.values()))[at]}")
        player = (
            f'<audio controls preload="none" aria-label="{label}" {keys} src="{heard[at]}"></audio>\n'
        )
        heard[at] = None
        data |= {"sounds": heard, "ms": max(interval_ms, sounds[1] + 200)}
    # A fixed width: a slider that grows and shrinks with its label runs away from the pointer.
    told = [len(a + b) for pairs in zip(axes.values(), after) for a, b in zip(*pairs)]
    value_width = min(30, max(told))
    widths = f"--gc-name:{max(map(len, axes))}ch;--gc-value:{value_width}ch"
    if images[at][0].width == images[at][1]:  # an array of pixels, which a sharp screen shows as such
        widths += ";--gc-pixels:pixelated"
    script = SCRIPT.replace('"DATA"', json.dumps(data).replace("<", "\\u003c"))
    return Flipbook(
        f'<figure class="gc-flipbook" id="{name}" style="{widths}">\n<style>{STYLE}</style>\n'
        f"<figcaption>{caption}</figcaption>\n{image}\n{rows}{player}</figure>\n<script>{script}</script>",
        title,
        len(images),
    )
