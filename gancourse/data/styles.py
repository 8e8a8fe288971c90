"""What is translated: the same glyphs in two styles, and patches of two photographs."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from gancourse._numbers import whole
from gancourse.data._inputs import count
from gancourse.data.images import FACES, ImageSet, _check_classes, _draw, _poses

#: Styles of :func:`style_pair`, each a face of :data:`FACES` and extra line width in pixels at size 28.
STYLES = {
    "thin": ("DejaVuSans", 0.0),
    "bold": ("DejaVuSans-Bold", 1.5),
    "sans": ("DejaVuSans", 1.0),
    "serif": ("DejaVuSerif", 1.0),
    "hatched": ("DejaVuSans-Bold", 1.0),
}
PERIOD = 4.0  # pixels from one stripe of a hatched glyph to the next, along a row


def _hatch(images: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Diagonal stripes over the ink: from 0.3 of it to all of it and back, every PERIOD pixels."""
    axis = np.arange(images.shape[-1])
    along = (axis[:, None] + axis[None, :]) / PERIOD
    wave = 0.65 + 0.35 * np.cos(2 * np.pi * (along + phase[:, None, None]))
    return np.round(images * wave).astype(np.uint8)


def style_pair(
    n: int,
    size: int = 28,
    seed: int = 0,
    styles: tuple[str, str] = ("thin", "bold"),
    *,
    paired: bool = True,
    classes: str = "0123456789",
) -> tuple[ImageSet, ImageSet]:
    """The same characters in two styles: a picture, and what it shall be translated into.

    A style (of :data:`STYLES`) fixes the typeface and the stroke; height, shear, rotation and shift
    are drawn as :func:`glyphs` draws them, and kept in ``factors``. In a pair they are shared with
    the class, pixel for pixel in the same place. ``"hatched"`` lays diagonal stripes, 4 pixels from one
    to the next, over a bold glyph; where they begin (``phase``, 0 to 1 period) is drawn anew for each
    picture and stands in nothing else: given its pair, a hatched picture has many right answers.

    Args:
        n: number of images in each style.
        size: height and width in pixels.
        seed: the same seed gives the same images (with the same matplotlib).
        styles: the two, in the order in which they are returned.
        paired: without pairs the second set has classes and poses of its own: the first set is the
            same, and row i of the one has nothing to do with row i of the other.
        classes: the characters to draw.

    Returns:
        Two image sets of ``n``, ``(n, 1, size, size)``.

    Raises:
        ValueError: for another style, or as :func:`glyphs`.
    """
    n, size = count(n), whole("size", size, 8)
    _check_classes(classes)
    if isinstance(styles, str) or len(styles) != 2 or any(s not in STYLES for s in styles):
        raise ValueError(f"styles={styles!r}; need two of {', '.join(STYLES)}")
    seed = whole("seed", seed, 0)
    made = []
    for k, style in enumerate(styles):
        rng = np.random.default_rng((seed, 0 if paired else k))
        labels = rng.integers(len(classes), size=n)
        face, stroke = STYLES[style]
        factors = _poses(rng, n) | {
            "face": np.full(n, FACES.index(face)),
            "stroke": np.full(n, stroke),
        }
        images = _draw(labels, factors, size, classes)
        if style == "hatched":
            factors["phase"] = np.random.default_rng((seed, k, 1)).uniform(0, 1, n)
            images = _hatch(images, factors["phase"])
        tensors = {name: torch.from_numpy(values) for name, values in factors.items()}
        made.append(
            ImageSet(
                torch.from_numpy(images)[:, None], torch.from_numpy(labels), tuple(classes), tensors
            )
        )
    return made[0], made[1]


#: The pictures of :func:`photographs`, and who took them (both under CC BY 2.0).
PHOTOGRAPHERS = {"temple": "danielbuechele", "flower": "vultilion"}


@functools.cache
def _photographs() -> tuple[Tensor, ...]:
    """The temple and the flower, uint8 ``(3, 427, 640)``; never handed out but as copies."""
    from sklearn.datasets import load_sample_image

    files = ("china.jpg", "flower.jpg")
    return tuple(torch.from_numpy(np.array(load_sample_image(file))).permute(2, 0, 1) for file in files)


def photographs(split: str = "train", size: int = 32, step: int | None = None) -> ImageSet:
    """Patches of the two color photographs that come with scikit-learn.

    Each picture, a temple and a dahlia of 427 x 640 pixels, is cut down the middle: patches of its
    left half are for training, of its right half for testing, and no pixel is in both. ``factors``
    has the ``row`` and ``column`` of each patch's upper left pixel in its picture.

    Args:
        split: ``"train"``, ``"test"``, or ``"whole"``: the two pictures as they are, uncut (``size``
            and ``step`` are not looked at then).
        size: height and width of a patch in pixels.
        step: pixels from one patch to the next; ``size`` if None, so that none overlap.

    Returns:
        Patches ``(N, 3, size, size)``, those of the temple first, or ``(2, 3, 427, 640)``.

    Raises:
        ValueError: for another split, a size that is not from 8 to 320, or a step below 1.

    Source: photographs by danielbuechele (temple, flickr.com/photos/danielbuechele/6061409035) and
    vultilion (dahlia, flickr.com/photos/vultilion/6056698931), CC BY 2.0.
    """
    classes, pictures = tuple(PHOTOGRAPHERS), _photographs()
    if split == "whole":
        return ImageSet(torch.stack(pictures), torch.arange(len(pictures)), classes)
    if split not in ("train", "test"):
        raise ValueError(f"split={split!r}; choose one of train, test, whole")
    size = whole("size", size, 8)
    step = size if step is None else whole("step", step, 1)
    half = pictures[0].shape[2] // 2
    if size > half:
        raise ValueError(f"size={size}; need 8 to {half}, half a picture's width")
    patches, labels, rows, columns = [], [], [], []
    for label, picture in enumerate(pictures):
        side = picture[:, :, :half] if split == "train" else picture[:, :, half:]
        cut = side.unfold(1, size, step).unfold(2, size, step)  # (3, down, across, size, size)
        down, across = cut.shape[1:3]
        patches.append(cut.permute(1, 2, 0, 3, 4).reshape(-1, 3, size, size))
        labels.append(torch.full((down * across,), label))
        places = torch.cartesian_prod(torch.arange(down) * step, torch.arange(across) * step)
        rows.append(places[:, 0])
        columns.append(places[:, 1] + (half if split == "test" else 0))
    return ImageSet(
        torch.cat(patches),
        torch.cat(labels),
        classes,
        {"row": torch.cat(rows), "column": torch.cat(columns)},
    )
