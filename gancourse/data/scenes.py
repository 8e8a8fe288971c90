"""Glyphs that move under exact physics, and glyphs with a sentence that says what they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gancourse._numbers import whole
from gancourse.data._inputs import count
from gancourse.data.images import ImageSet, _check_classes, _draw

#: The walls where the center of a glyph of :func:`moving` turns round, and how far it goes in a frame,
#: as shares of the size of its picture.
WALLS, SPEED = (0.25, 0.75), 0.1

#: Colors of :func:`captioned`, each with its red, green and blue.
COLORS = {"red": (1.0, 0.25, 0.2), "green": (0.2, 0.85, 0.3), "blue": (0.3, 0.5, 1.0),
          "yellow": (1.0, 0.9, 0.2)}  # fmt: skip
#: Sizes of :func:`captioned`, each with its height as a share of the image's.
SIZES = {"small": 0.36, "large": 0.58}
#: Places of :func:`captioned`, each with its shift to the right and upwards, in shares of the image
#: for a small glyph; a large one goes six tenths as far.
PLACES = {"top left": (-0.24, 0.24), "top right": (0.24, 0.24), "bottom left": (-0.24, -0.24),
          "bottom right": (0.24, -0.24)}  # fmt: skip
#: Slants of :func:`captioned`, each with its shear.
SLANTS = {"upright": 0.0, "slanted": 0.4}
# What a caption names besides the symbol: each attribute with its values.
NAMED: dict[str, dict[str, Any]] = {
    "color": COLORS, "size": SIZES, "place": PLACES, "slant": SLANTS,
}  # fmt: skip
GROUNDS = ("plain", "striped", "noisy")
# One meaning in several words and orders; {} are filled from the factors.
PHRASES = (
    "a {size} {slant} {color} {symbol} at the {place}",
    "at the {place} a {color} {symbol}, {size} and {slant}",
    "{place}: {symbol} in {color}, {slant}, {size}",
)
OTHER_WORDS = {"small": "little", "large": "big", "slanted": "leaning", "upright": "straight"}


@dataclass(frozen=True)
class CaptionedSet(ImageSet):
    """Labelled images with a sentence each.

    Attributes:
        captions: as many as images.

    Raises:
        ValueError: for another number of captions, or as :class:`ImageSet`.
    """

    captions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.captions) != len(self.images):
            raise ValueError(f"captions has {len(self.captions)}; need {len(self.images)}")


def _reflected(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Where a point is that would be at ``x`` without walls: any number of elastic bounces."""
    span = high - low
    return low + span - np.abs((x - low) % (2 * span) - span)


def moving(
    n: int, frames: int = 8, size: int = 16, seed: int = 0, classes: str = "0123456789"
) -> ImageSet:
    """Short clips: a white glyph crosses a black image at a constant speed and bounces off walls.

    A clip stands where an image does, its frames where the channels do: ``images`` is uint8
    ``(N, frames, size, size)``. The center of the glyph's ink goes ``SPEED * size`` pixels in every
    frame, in a direction drawn for each clip, and is reflected where it would leave
    ``WALLS[0] * size`` to ``WALLS[1] * size``, across and down, also between two frames. The rest
    stays as it is along a clip: the glyph (its class is the label), its typeface and height.

    ``factors``: ``x`` and ``y``, the center in each frame ``(N, frames)``, in pixels from the left
    and from the top; ``vx`` and ``vy``, the velocity at the first frame, in pixels a frame;
    ``bounces``, walls met between the first frame and the last; ``face`` (index into ``FACES``);
    ``height`` (share of the image).

    Args:
        n: number of clips.
        frames: frames of a clip, 2 or more.
        size: height and width in pixels.
        seed: the same seed gives the same clips (with the same matplotlib).
        classes: the characters to draw.

    Raises:
        ValueError: for n below 1, fewer than 2 frames, a size below 16, or ``classes`` that are none,
            repeat, or are not visible ASCII.
    """
    n, frames, size = count(n), whole("frames", frames, 2), whole("size", size, 16)
    _check_classes(classes)
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(classes), size=n)
    face, height = rng.integers(2, size=n), rng.uniform(0.36, 0.42, n)  # a sans, plain or bold
    angle = rng.uniform(0, 2 * np.pi, n)
    low, high = (wall * size for wall in WALLS)
    start = rng.uniform(low, high, (n, 2))
    velocity = SPEED * size * np.stack([np.cos(angle), np.sin(angle)], 1)
    free = start[:, None] + np.arange(frames)[:, None] * velocity[:, None]  # without walls
    path = _reflected(free, low, high)
    cells = np.floor((free[:, [0, -1]] - low) / (high - low))
    bounces = np.abs(cells[:, 1] - cells[:, 0]).sum(1)

    def drawn(centers: np.ndarray) -> np.ndarray:  # (n, T, 2) -> (n, T, size, size)
        times = centers.shape[1]
        flat = centers.reshape(-1, 2) / size
        still = np.zeros(len(flat))
        poses = {
            "face": face.repeat(times), "height": height.repeat(times), "stroke": still,
            "shear": still, "rotation": still + 0.1,  # not quite upright: else it snaps to pixels
            "shift_x": flat[:, 0] - 0.5, "shift_y": 0.5 - flat[:, 1],
        }  # fmt: skip
        return _draw(labels.repeat(times), poses, size, classes).reshape(n, times, size, size)

    # The box of a 7 is centered where its ink is not: one look at each, then the clip.
    middle = np.full((n, 1, 2), size / 2)
    offset = _centers(drawn(middle)) - size / 2
    images = drawn(path - offset)
    factors = {"x": path[..., 0], "y": path[..., 1], "vx": velocity[:, 0], "vy": velocity[:, 1],
               "bounces": bounces.astype(np.int64), "face": face, "height": height}  # fmt: skip
    return ImageSet(
        torch.from_numpy(images), torch.from_numpy(labels), tuple(classes),
        {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in factors.items()},
    )  # fmt: skip


def _centers(images: np.ndarray) -> np.ndarray:
    """Center of the ink (x, y) of images ``(..., H, W)``, in pixels from the top left corner."""
    ink = images.astype(np.float64)
    mass = ink.sum((-2, -1))
    y, x = (np.arange(k) + 0.5 for k in ink.shape[-2:])
    return np.stack([(ink.sum(-2) * x).sum(-1) / mass, (ink.sum(-1) * y).sum(-1) / mass], -1)


def captioned(n: int, size: int = 32, seed: int = 0, classes: str = "AOTX") -> CaptionedSet:
    """Colored glyphs on plain and textured grounds, each with a sentence that says what is there.

    ``images`` is uint8 ``(N, 3, size, size)``. Five factors are drawn independently, and named in
    the caption: ``symbol`` (the label), ``color`` (index into :data:`COLORS`), ``size`` (of
    :data:`SIZES`), ``place`` (of :data:`PLACES`) and ``slant`` (of :data:`SLANTS`). Not in the
    caption: ``ground`` (plain, striped or noisy, always dark) and some wobble of the height, the
    place and the stroke. Captions follow a small grammar: three orders of the words, and two words
    each for a size and for a slant ("a big leaning red T at the top left").

    Args:
        n: number of images.
        size: height and width in pixels.
        seed: the same seed gives the same images and captions (with the same matplotlib).
        classes: the characters to draw.

    Raises:
        ValueError: for n below 1, a size below 16, or ``classes`` that are none, repeat, or are not
            visible ASCII.
    """
    n, size = count(n), whole("size", size, 16)
    _check_classes(classes)
    rng = np.random.default_rng(seed)
    factors = {"symbol": rng.integers(len(classes), size=n)}
    factors |= {name: rng.integers(len(table), size=n) for name, table in NAMED.items()}
    factors["ground"] = rng.integers(len(GROUNDS), size=n)
    shift = np.array(list(PLACES.values()))[factors["place"]]
    shift = shift * np.where(factors["size"] == 1, 0.6, 1)[:, None]
    shift = shift + rng.uniform(-0.02, 0.02, (n, 2))
    poses = {
        "face": np.zeros(n, np.int64),
        "height": np.array(list(SIZES.values()))[factors["size"]] * rng.uniform(0.95, 1.05, n),
        "stroke": rng.uniform(0.6, 1.4, n),
        "shear": np.array(list(SLANTS.values()))[factors["slant"]],
        "rotation": np.full(n, 0.1),
        "shift_x": shift[:, 0], "shift_y": shift[:, 1],
    }  # fmt: skip
    ink = _draw(factors["symbol"], poses, size, classes)[:, None] / 255
    color = np.array(list(COLORS.values()))[factors["color"]][:, :, None, None]
    images = (1 - ink) * _grounds(rng, factors["ground"], size) + ink * color
    captions = tuple(_caption(rng, factors, i, classes) for i in range(n))
    return CaptionedSet(
        torch.from_numpy(np.round(255 * images).astype(np.uint8)),
        torch.from_numpy(factors["symbol"]), tuple(classes),
        {name: torch.from_numpy(values) for name, values in factors.items()}, captions,
    )  # fmt: skip


def _grounds(rng: np.random.Generator, kinds: np.ndarray, size: int) -> np.ndarray:
    """Dark grounds ``(N, 1, size, size)``, 0.05 to 0.35: one grey, stripes, or noise."""
    n = len(kinds)
    level = rng.uniform(0.12, 0.28, n)[:, None, None]
    angle, phase = (rng.uniform(0, 2 * np.pi, n)[:, None, None] for _ in range(2))
    y, x = np.mgrid[:size, :size] / size
    stripes = np.sin(5 * 2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    noise = rng.uniform(-1, 1, (n, size, size))
    added = np.stack([np.zeros_like(noise), stripes, noise], 1)[np.arange(n), kinds]
    return (level + 0.07 * added)[:, None]


def _caption(rng: np.random.Generator, factors: dict[str, np.ndarray], i: int, classes: str) -> str:
    """A sentence for image i: its factors in one of the phrases, some words exchanged."""
    words = {name: list(table)[factors[name][i]] for name, table in NAMED.items()}
    for name in ("size", "slant"):
        if rng.random() < 0.5:
            words[name] = OTHER_WORDS[words[name]]
    phrase = PHRASES[rng.integers(len(PHRASES))]
    return phrase.format(symbol=classes[factors["symbol"][i]], **words)
