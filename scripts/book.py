"""The pages of the book: which notebook belongs to which chapter, and their order.

A chapter is a main page, book/NN-name.ipynb, and maybe deeper pages under it for who wants more,
book/NN-name-deeper-topic.ipynb, nested under the main page in _toc.yml. That is all that makes a
page one of the two: whatever has to tell them apart asks here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gancourse.recorded import DEEPER, page_order

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
NAME = re.compile(rf"\d\d-[a-z0-9]+(?:-[a-z0-9]+)*?(?:{DEEPER}[a-z0-9-]+)?")


def is_deeper(page: Path | str) -> bool:
    """Whether a page (its path, or its name as in the table of contents) is a deeper one."""
    return DEEPER in Path(page).name


def main_name(page: Path | str) -> str:
    """The name, without suffix, of the main page that a page stands under; of a main page its own."""
    return Path(page).stem.partition(DEEPER)[0]


def notebooks(folder: Path = BOOK) -> list[Path]:
    """All notebooks, in the book's order: each chapter's deeper pages after its main page."""
    return sorted(folder.glob("*.ipynb"), key=reading_order())


def reading_order(
    root: Path = ROOT,
) -> Callable[[Path], tuple[str, bool, int, tuple[str, str, str]]]:
    """What sorts pages (notebooks or built ones) by chapter, and within one as _toc.yml lists them;
    a page that is not listed comes after its chapter's others, by its name."""
    places = {Path(name).name: place for place, name in enumerate(toc(root))}

    def key(page: Path) -> tuple[str, bool, int, tuple[str, str, str]]:
        place = places.get(page.stem)
        return page.name[:2], place is None, place or 0, page_order(page)

    return key


def main_pages(folder: Path = BOOK) -> list[Path]:
    return [page for page in notebooks(folder) if not is_deeper(page)]


def write_made(target: Path, text: str) -> None:
    """Writes a page that the build makes; the same text is not written again, since an older date
    means no rebuild."""
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target}")


def toc(root: Path = ROOT) -> list[str]:
    """The pages in _toc.yml, in reading order: `book/intro`, `book/01-minimax`, ..."""
    import yaml

    def files(node: Any) -> list[str]:
        if isinstance(node, list):
            return [name for item in node for name in files(item)]
        if not isinstance(node, dict):
            return []
        own = [node[key] for key in ("root", "file") if key in node]
        return own + [name for value in node.values() for name in files(value)]

    return files(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8")))
