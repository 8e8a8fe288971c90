"""Labelled images: digits that come with scikit-learn, glyphs drawn at run time, images stacked."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gancourse._numbers import whole
from gancourse.data._inputs import as_tensor, count


def _labels(labels: Any) -> Tensor:
    """Whole numbers of any type as int64."""
    labels = as_tensor(labels, "labels")
    result = labels
    if labels.dtype != torch.int64:
        result = torch.empty(0) if labels.is_complex() else labels.to(torch.int64)
        if labels.dtype == torch.bool or not torch.equal(result.double(), labels.double()):
            raise ValueError(f"labels is {labels.dtype}; need whole numbers (N,), 0 to K - 1")
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise ValueError(
            f"labels has shape {tuple(labels.shape)}; need (N,): one-hot rows become that by .argmax(1)"
        )
    return result


@dataclass(frozen=True)
class ImageSet:
    """Labelled images.

    Attributes:
        images: uint8 ``(N, C, H, W)``; an array is taken, too.
        labels: int64 ``(N,)``, indices into ``classes``; whole numbers of any other type become that.
        classes: the names of the classes.
        factors: what the images were drawn from, ``name -> (N,)``, where that is known.

    Raises:
        ValueError: for images of another type or shape, labels that are no whole numbers, not one
            for each image, or no indices into ``classes``.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    factors: dict[str, Tensor] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", as_tensor(self.images, "images"))
        object.__setattr__(self, "classes", tuple(self.classes))
        if self.images.ndim != 4 or self.images.dtype != torch.uint8 or len(self.images) == 0:
            raise ValueError(
                f"images is {self.images.dtype} {tuple(self.images.shape)}; need uint8 (N, C, H, W): "
                "floats in [-1, 1] become that by features.to_uint8"
            )
        object.__setattr__(self, "labels", _labels(self.labels))
        if self.labels.shape != (len(self.images),):
            raise ValueError(f"labels has shape {tuple(self.labels.shape)}; need ({len(self.images)},)")
        low, high, k = int(self.labels.min()), int(self.labels.max()), len(self.classes)
        if low < 0 or high >= k:
            raise ValueError(f"labels has values from {low} to {high}; need 0 to {k - 1}")

    def __len__(self) -> int:
        return len(self.images)

    def float(self) -> Tensor:
        """The images as float32 in [-1, 1], the range of a tanh generator, ``(N, C, H, W)``."""
        return self.images.float() / 127.5 - 1


def digits(split: str = "train") -> ImageSet:
    """Scikit-learn's bundled 8x8 handwritten digits: 1,437 to train on, 360 to test.

    The 1,797 images keep one fixed, shuffled order; the test split is its last 360. The original
    17 grey levels are spread over 0..255.

    Each call returns tensors of its own: what is changed in them stays with the caller.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.

    Raises:
        ValueError: for another split.

    Source: E. Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI.
    """
    bounds = {"train": slice(0, 1437), "test": slice(1437, None), "all": slice(None)}
    if split not in bounds:
        raise ValueError(f"split={split!r}; choose one of {', '.join(bounds)}")
    images, labels = (part[bounds[split]].clone() for part in _all_digits())
    return ImageSet(images, labels, tuple("0123456789"))


@functools.cache
def _all_digits() -> tuple[Tensor, Tensor]:
    """All digits in their fixed order; never handed out but as copies."""
    from sklearn.datasets import load_digits  # slow to import, and most chapters don't need it

    bunch = load_digits()
    order = np.random.RandomState(0).permutation(len(bunch.images))
    images = torch.from_numpy(np.round(bunch.images[order] * (255 / 16)).astype(np.uint8))
    return images[:, None], torch.from_numpy(bunch.target[order].astype(np.int64))


#: Typefaces of :func:`glyphs`, which matplotlib ships and which draw every ASCII letter and digit.
FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralItalic",
    "cmr10",
    "cmss10",
    "cmtt10",
)


@functools.cache
def _outline(character: str, face: str):
    """The outline of a character, centered at 0, the longer side of its box scaled to 1."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(fname=Path(get_data_path()) / "fonts" / "ttf" / f"{face}.ttf")
    path = TextPath((0, 0), character, size=100, prop=font)
    box = path.get_extents()
    center = Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2)
    return center.scale(1 / max(box.width, box.height)).transform_path(path)


def _check_classes(classes: str) -> None:
    if not classes or len(set(classes)) != len(classes) or not all("!" <= c <= "~" for c in classes):
        raise ValueError(f"classes={classes!r}; need visible ASCII characters, none twice")


def glyphs(n: int, size: int = 28, seed: int = 0, classes: str = "0123456789") -> ImageSet:
    """Characters drawn at run time: an endless image set whose factors are known.

    White on black like MNIST. Each image draws its class, a typeface (of :data:`FACES`), height,
    stroke (extra line width), shear, rotation and shift at random; the draws are kept in
    ``factors``: ``face`` (index), ``height`` (share of the image), ``stroke`` (pixels at size 28),
    ``shear``, ``rotation`` (degrees), ``shift_x`` and ``shift_y`` (share of the image).

    Args:
        n: number of images.
        size: height and width in pixels.
        seed: the same seed gives the same images (with the same matplotlib).
        classes: the characters to draw.

    Raises:
        ValueError: for n below 1, a size below 8, or ``classes`` that are none, repeat, or
            are not visible ASCII (which is what every face draws).
    """
    n, size = count(n), whole("size", size, 8)  # fewer pixels show no legible character
    _check_classes(classes)
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(classes), size=n)
    factors = {"face": rng.integers(len(FACES), size=n)} | _poses(rng, n)
    images = _draw(labels, factors, size, classes)
    return ImageSet(
        torch.from_numpy(images)[:, None],
        torch.from_numpy(labels),
        tuple(classes),
        {name: torch.from_numpy(values) for name, values in factors.items()},
    )


def _poses(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Height, stroke, shear, rotation and shift of ``n`` glyphs, at random."""
    return {
        "height": rng.uniform(0.56, 0.74, n),
        "stroke": rng.uniform(0.0, 2.0, n),
        "shear": rng.uniform(-0.25, 0.25, n),
        "rotation": rng.uniform(-12, 12, n),
        "shift_x": rng.uniform(-0.06, 0.06, n),
        "shift_y": rng.uniform(-0.06, 0.06, n),
    }


def _draw(labels: np.ndarray, factors: dict[str, np.ndarray], size: int, classes: str) -> np.ndarray:
    """Glyphs as uint8 ``(N, size, size)``: how much of each pixel the ink covers."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.transforms import Affine2D, Bbox

    n = len(labels)
    images = np.empty((n, size, size), np.uint8)
    # Drawn tile by tile on one wide canvas: a renderer per image would cost more than the drawing.
    columns = min(n, 64)
    for first in range(0, n, columns):
        canvas = RendererAgg(size * columns, size, 72)
        for column, i in enumerate(range(first, min(first + columns, n))):
            f = {name: values[i] for name, values in factors.items()}
            left = column * size
            transform = (
                Affine2D()
                .skew(f["shear"], 0)
                .rotate_deg(f["rotation"])
                .scale(size * f["height"])
                .translate(left + size * (0.5 + f["shift_x"]), size * (0.5 + f["shift_y"]))
            )
            gc = canvas.new_gc()
            gc.set_foreground((1.0, 1.0, 1.0))
            gc.set_linewidth(f["stroke"] * size / 28)
            gc.set_clip_rectangle(Bbox.from_bounds(left, 0, size, size))
            outline = _outline(classes[labels[i]], FACES[f["face"]])
            canvas.draw_path(gc, outline, transform, (1.0, 1.0, 1.0))
        # White ink on a transparent canvas: its alpha is how much of a pixel the ink covers.
        alpha = np.asarray(canvas.buffer_rgba())[..., 3]
        tiles = alpha.reshape(size, columns, size).swapaxes(0, 1)
        images[first : first + columns] = tiles[: n - first]
    return images


def stacked(source: ImageSet, n: int, seed: int = 0) -> ImageSet:
    """Three random grey images as the color channels of one: K classes become K^3 modes.

    Label ``100 a + 10 b + c`` (for ten classes) says which class each channel shows, so that a
    classifier of single channels can count which of the 1,000 modes a generator reaches.

    Args:
        source: grey images, ``(N, 1, H, W)``.
        n: number of stacked images.
        seed: of the draw.

    Raises:
        ValueError: for n below 1 or images that are not grey.

    Source: Stacked MNIST of Metz et al. 2016 (arXiv 1611.02163), also Srivastava et al. 2017
    (VEEGAN, arXiv 1705.07761) and PacGAN (Lin et al. 2017, arXiv 1712.04086).
    """
    n = count(n)
    if source.images.shape[1] != 1:
        raise ValueError(f"source has {source.images.shape[1]} channels; need grey images, 1")
    g = torch.Generator("cpu").manual_seed(whole("seed", seed, None))
    index = torch.randint(len(source), (n, 3), generator=g, device="cpu")
    k, names = len(source.classes), source.classes
    labels = (source.labels[index] * torch.tensor([k * k, k, 1], device="cpu")).sum(1)
    classes = tuple(a + b + c for a in names for b in names for c in names)
    return ImageSet(source.images[index, 0], labels, classes)
