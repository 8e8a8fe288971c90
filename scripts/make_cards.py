"""The small pictures on the front page: figures of the built book, made small.

    python scripts/make_cards.py          after `make book`; writes book/_static/cards/*.webp

A card is named by its chapter and shows the figure of that number on the chapter's page, counted
from 0. Look at them after the chapters' figures have changed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.chapters import chapter_file  # noqa: E402

BUILT, TARGET = ROOT / "_build" / "html" / "book", ROOT / "book" / "_static" / "cards"
SIZE = (440, 248)
CHAPTERS = {
    "01": 1, "02": 4, "03": 1, "04": 6, "05": 3, "06": 3, "07": 4, "08": 2,
    "09": 0, "10": 2, "11": 2, "12": 4, "13": 7, "14": 7, "15": 0,
}  # fmt: skip
RESULTS = {"copies": ("08", 7), "ten-pictures": ("07", 3), "ten-seconds": ("11", 11)}


def card(chapter: str, number: int) -> Image.Image:
    """Figure ``number`` of a chapter's page, fitted into a card of SIZE on white."""
    page = BUILT / f"{chapter_file(chapter).stem}.html"
    sources = re.findall(r'<img [^>]*src="([^"]+)"', page.read_text(encoding="utf-8"))
    picture = Image.open(page.parent / sources[number]).convert("RGB")
    if picture.width > 3.2 * picture.height:  # a long strip: its left part, not a line of dots
        picture = picture.crop((0, 0, round(3.2 * picture.height), picture.height))
    return ImageOps.pad(picture, SIZE, color="white")


def main() -> int:
    TARGET.mkdir(exist_ok=True)
    wanted = {name: (name, number) for name, number in CHAPTERS.items()} | RESULTS
    for name, (chapter, number) in wanted.items():
        card(chapter, number).save(TARGET / f"{name}.webp", quality=72, method=6)
    total = sum(p.stat().st_size for p in TARGET.glob("*.webp"))
    print(f"{len(wanted)} cards, {total / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
