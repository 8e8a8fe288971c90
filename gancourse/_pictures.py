"""Picture files of any size and kind as square bytes: what :func:`gancourse.data.folder` reads with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")  # what is in the file, whatever its name
PIXELS = 100_000_000  # a file of a few kB may claim more than there is memory for


def find(folder: Path) -> dict[str, list[Path]]:
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


def read(path: Path, size: int, channels: int) -> np.ndarray:
    """One picture as uint8 ``(channels, size, size)``: upright, over white, cropped, made smaller.

    Raises whatever Pillow raises for a file that is no whole picture, and ValueError for one with
    more than :data:`PIXELS` pixels.
    """
    import warnings

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
