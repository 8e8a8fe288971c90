"""What progress.js finds in the built pages: run after scripts/header.py, on `_build/html`.

    python scripts/ticks.py [FOLDER]

A place for a tick beside each exercise's heading, as large as the tick will be, so that nothing moves
when the script comes; which exercises each page of the sidebar has; and the scripts themselves. What the
ticks are kept in is book/_static/progress.js's matter.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import header  # noqa: E402

HTML = ROOT / "_build" / "html"
HEADING = re.compile(rf"{header.EXERCISE.pattern} .*?</h[23]>", re.S)
SIDEBAR = re.compile(r'<nav class="bd-links.*?</nav>', re.S)
LINK = re.compile(r'<a class="((?:current )?)reference internal" href="([^"]*)"')
# The theme reads its mode from the store at once; where the browser forbids even that (all storage of
# sites blocked), its scripts would stop there.
STORE = (
    "<script>for(const name of ['localStorage','sessionStorage'])try{window[name].length}catch{"
    "Object.defineProperty(window,name,{value:{getItem:()=>null,setItem(){},removeItem(){}}})}"
    "</script>"
)


def places(text: str) -> str:
    """A chapter's page with a place for a tick after the heading of each exercise."""
    return HEADING.sub(
        lambda m: f'{m[0]}\n<p class="gc-solved" data-gc-tick="{m[1]}"></p>',
        text,
    )


def listed(text: str, name: str, exercises: dict[str, list[str]]) -> str:
    """A page whose list of pages says which exercises each has; ``name`` is the page's own."""

    def link(match: re.Match[str]) -> str:
        target = name if match[1] else Path(match[2]).stem
        ids = " ".join(exercises.get(target, ()))
        return f'{match[0]} data-gc-page="{target}" data-gc-ids="{ids}"' if ids else match[0]

    return SIDEBAR.sub(lambda m: LINK.sub(link, m[0]), text)


def main(folder: Path = HTML) -> None:
    exercises = {}
    for page in sorted((folder / "book").glob("[0-9][0-9]-*.html")):
        ids = list(dict.fromkeys(header.EXERCISE.findall(page.read_text(encoding="utf-8"))))
        exercises[page.stem] = ids
    for page in [*sorted((folder / "book").glob("*.html")), *sorted(folder.glob("*.html"))]:
        text = page.read_text(encoding="utf-8")
        if "_static/progress.js" in text or not SIDEBAR.search(text):
            continue
        if page.stem in exercises:
            text = places(text)
        name = "intro" if page.name == "index.html" else page.stem
        text = listed(text, name, exercises).replace("<head>", f"<head>\n{STORE}", 1)
        root = "../" if page.parent.name == "book" else ""
        scripts = ["progress.js", *(["progress-page.js"] if 'id="gc-progress"' in text else [])]
        tags = "".join(f'<script defer src="{root}_static/{s}"></script>\n' for s in scripts)
        page.write_text(text.replace("</body>", f"{tags}</body>", 1), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
