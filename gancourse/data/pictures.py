"""Pictures of one's own: files of any size and kind, as square bytes."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import torch

from gancourse._numbers import whole
from gancourse._paths import given_path
from gancourse.data.images import ImageSet

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")  # what is in the file, whatever its name
PIXELS = 100_000_000  # a file of a few kB may claim more than there is memory for


def _find(folder: Path) -> dict[str, list[Path]]:
    """The picture files of a folder by class, both sorted by name; hidden ones are left out.

    A class is a folder inside, with all that lies in it, however deep; without such there is one
    class, named as the folder itself.

    Raises:
        ValueError: for what is no folder, has no pictures, or has some beside folders of pictures.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "is not there"
        raise ValueError(f"path={str(folder)!r} {what}; need a folder of pictures")

    def visible(path: Path) -> bool:
        return not path.name.startswith((".", "__MACOSX"))

    def pictures(paths) -> list[Path]:
        found = [p for p in paths if p.suffix.lower() in SUFFIXES and p.is_file() and visible(p)]
        return sorted(found, key=lambda path: path.parts)

    inside = sorted(filter(visible, folder.iterdir()), key=lambda path: path.name)
    loose, classes = pictures(inside), {}
    for sub in filter(Path.is_dir, inside):
        if files := pictures(sub.rglob("*")):
            classes[sub.name] = files
    if loose and classes:
        raise ValueError(
            f"path={str(folder)!r} has {len(loose)} pictures beside folders of pictures "
            f"({', '.join(classes)}); need one or the other: each folder is a class"
        )
    if not loose and not classes:
        others = sorted({p.suffix.lower() for p in inside if p.is_file() and p.suffix})
        also = f"; the files there end in {', '.join(others)}" if others else ""
        raise ValueError(
            f"path={str(folder)!r} has no pictures; need files that end in {', '.join(SUFFIXES)}{also}"
        )
    return classes or {folder.resolve().name: loose}


def _read(path: Path, size: int, channels: int) -> np.ndarray:
    """One picture as uint8 ``(channels, size, size)``: upright, over white, cropped, made smaller.

    Raises whatever Pillow raises for a file that is no whole picture, and ValueError for one with
    more than :data:`PIXELS` pixels.
    """
    from PIL import Image, ImageOps

    Image.init()  # knows all FORMATS then

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own about size: ours comes below
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels, more than {PIXELS:,}")
            image.load()
            try:
                image = ImageOps.exif_transpose(image)
            except Exception:  # damaged notes about a whole picture
                image = image.copy()
    if image.mode.startswith("I"):  # 16 bits of grey: 65,535 is white
        deep = np.clip(np.asarray(image, dtype=np.float64), 0, 65_535)
        image = Image.fromarray(np.round(deep / 257).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        color = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", color.size, "white"), color)
    image = image.convert("RGB" if channels == 3 else "L")
    image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)  # antialiased
    array = np.array(image, dtype=np.uint8)
    return array[None] if channels == 1 else array.transpose(2, 0, 1)


def folder(
    path: str | os.PathLike[str], size: int, *, channels: int = 3, unreadable: str = "skip"
) -> ImageSet:
    """A folder of your own pictures (PNG, JPEG, WebP, BMP), of any sizes and kinds, as one image set.

    Each picture is turned upright as its camera noted (EXIF), laid over white where it is
    transparent, cut to the square in its middle, and made ``size`` pixels wide with antialiasing
    (bicubic). 16-bit grey, palette and CMYK pictures become 8 bits of grey or RGB; color profiles
    are not applied; of an animation the first frame counts. Files come in the order of their names.

    Folders inside are classes: all pictures below ``path/cats`` get the label of ``"cats"``. Without
    folders inside, all have label 0. Files of other kinds, and hidden ones, are left out.

    Args:
        path: the folder; ``~`` is your home.
        size: height and width in pixels; the DCGAN pair wants an even number from 8.
        channels: 3 for color, 1 for grey.
        unreadable: ``"skip"`` files that are damaged, or have over 100 million pixels, with a warning
            that names them; ``"refuse"`` to go on.

    Raises:
        ValueError: for a folder that isn't there or has no (readable) picture, pictures beside folders
            of pictures, another ``channels`` or ``unreadable``, or an unreadable file to be refused.

    Warns:
        UserWarning: naming the files that were skipped.
    """
    where, size = given_path(path), whole("size", size)
    if channels not in (1, 3):
        raise ValueError(f"channels={channels!r}; need 3 for color or 1 for grey")
    if unreadable not in ("skip", "refuse"):
        raise ValueError(f"unreadable={unreadable!r}; need 'skip' or 'refuse'")
    images, names, classes, failed = [], [], [], []
    for name, files in _find(where).items():
        for file in files:
            try:
                images.append(torch.from_numpy(_read(file, size, int(channels))))
                names.append(name)
            except Exception as error:  # Pillow has a dozen kinds for a damaged file
                failed.append(f"{file.relative_to(where)} ({error})")
        classes += [name] if name in names[-1:] else []
    if failed:
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        text = f"path={str(where)!r} has {len(failed)} unreadable of {len(failed) + len(images)} "
        text += f"pictures: {', '.join(failed[:5])}{more}"
        if unreadable == "refuse" or not images:
            raise ValueError(f"{text}; mend or remove them")
        warnings.warn(f"{text}; skipped", stacklevel=2)
    labels = [classes.index(name) for name in names]
    return ImageSet(torch.stack(images), torch.tensor(labels, device="cpu"), tuple(classes))
