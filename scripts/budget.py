"""How long the pages are, against what a reader finishes (design: a main page is one lecture).

    python scripts/budget.py [03 11]         prints the table; all chapters, or these
    python scripts/budget.py --screens       ... with the height of the pages in _build/html
    python scripts/budget.py --tighten       ... and lowers tests/over_budget.json to today's numbers

A main page has at most the LIMITS. tests/over_budget.json holds the pages that are still over, each
number its page's own limit: the tests fail when a page grows beyond it, and nothing is ever raised
there. A deeper page may be as long as it likes; no name in it has two meanings either.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import book, names, notebook  # noqa: E402

LIMITS = {"words": 3500, "lines": 350, "exercises": 4, "names": 0, "screens": 22, "first": 2}
MEANING = {
    "words": "words of prose, folded ones not counted",
    "lines": "lines of code in view",
    "exercises": "exercises",
    "names": "names with two meanings (python scripts/names.py)",
    "screens": "screens of 900 px at 1,280 px",
    "first": "screens down to the middle of the first figure",
}
OF_ANY_PAGE = {"names"}  # what a deeper page is held to, too
OVER = ROOT / "tests" / "over_budget.json"
HTML = ROOT / "_build" / "html"
WIDTH, SCREEN = 1280, 900

FOLDED = re.compile(r"<details>.*?</details>", re.S)
FENCED = re.compile(r"(?ms)^(```+|~~~+)[^\n]*\n.*?^\1[ \t]*$")
DISPLAYED = re.compile(r"\$\$.*?\$\$|\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.S)
INLINE = re.compile(r"\$[^$\n]+\$")
ADDRESS = re.compile(r"\]\([^)\s]*\)")
EXERCISE = re.compile(r"^### Exercise \d+\.\d+ ", re.M)

# After all pictures have come: the height of the page, and how far down its first figure is seen.
MEASURE = """async () => {
  await Promise.all([...document.images].map(image => {
    image.loading = 'eager';
    return image.complete ? 0 : new Promise(r => { image.onload = image.onerror = r; });
  }));
  await window.MathJax?.startup?.promise;
  const box = document.querySelector('.bd-article :is(img, .gc-flipbook)')?.getBoundingClientRect();
  const height = document.documentElement.scrollHeight;
  return [height, box ? box.top + scrollY + box.height / 2 : height];
}"""


def words(markdown: str) -> int:
    """Words of running text: a formula in a line is one, a displayed one and folded text are none."""
    for pattern, instead in ((FOLDED, ""), (FENCED, ""), (DISPLAYED, ""), (INLINE, "x")):
        markdown = pattern.sub(instead, markdown)
    return len(re.findall(r"\S*\w\S*", ADDRESS.sub("]", markdown)))


def code_lines(nb: NotebookNode) -> tuple[int, int]:
    """Lines of code in view and folded, empty ones not counted."""
    counts = [0, 0]
    for cell in nb.cells:
        if cell.cell_type == "code":
            counts[bool(notebook.fold(cell))] += sum(map(bool, map(str.strip, cell.source.split("\n"))))
    return counts[0], counts[1]


def sizes(nb: NotebookNode) -> dict[str, float]:
    """What can be counted in the notebook."""
    text = "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    return {
        "words": words(text),
        "lines": code_lines(nb)[0],
        "exercises": len(EXERCISE.findall(text)),
        "names": len(names.two_meanings(nb)),
    }


def heights(tab: Any) -> dict[str, float]:
    """What is measured of a built page that is open, WIDTH x SCREEN pixels large."""
    height, first = tab.evaluate(MEASURE)
    return {"screens": round(height / SCREEN, 1), "first": round(first / SCREEN, 1)}


def heights_of(pages: list[Path]) -> dict[str, dict[str, float]]:
    """Page -> its heights in _build/html, of the pages that are built."""
    from scripts.browser import chromium

    found = {}
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": WIDTH, "height": SCREEN})
        for page in pages:
            if (built := HTML / "book" / f"{page.stem}.html").exists():
                tab.goto(built.as_uri(), wait_until="load")
                found[page.stem] = heights(tab)
    return found


def known() -> dict[str, dict[str, float]]:
    """Page -> the numbers that it is still over with."""
    return json.loads(OVER.read_text(encoding="utf-8")) if OVER.exists() else {}


def limit(page: str, what: str) -> float:
    """The most that a page may have of something."""
    if book.is_deeper(page) and what not in OF_ANY_PAGE:
        return float("inf")
    return known().get(page, {}).get(what, LIMITS[what])


def too_long(page: str, found: dict[str, float]) -> list[str]:
    """What is over its limit, as sentences."""
    return [
        f"{page}: {value:g} {MEANING[what]}, at most {limit(page, what):g} (python scripts/budget.py)"
        for what, value in found.items()
        if value > limit(page, what)
    ]


def tightened(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The table of what is over, with today's numbers where they are lower; what nobody measured now
    stays, and a number that is within the general limit goes."""
    table = {}
    for page, kept in known().items():
        now = {what: min(old, found.get(page, {}).get(what, old)) for what, old in kept.items()}
        still = {what: value for what, value in now.items() if value > LIMITS[what]}
        if still:
            table[page] = still
    return table


def write(table: dict[str, dict[str, float]]) -> None:
    rows = [f" {json.dumps(page)}: {json.dumps(row)}" for page, row in sorted(table.items())]
    OVER.write_text("{\n" + ",\n".join(rows) + "\n}\n" if rows else "{}\n", encoding="utf-8")


def line(page: str, found: dict[str, float], folded: float) -> str:
    cells = []
    for what in LIMITS:
        value = found.get(what)
        over = value is not None and value > LIMITS[what] and limit(page, what) < float("inf")
        cells.append("" if value is None else f"{value:g}{'*' if over else ' '}")
    return f"{page:34}" + "".join(f"{text:>10}" for text in cells) + f"{folded:9.0%}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="NN")
    parser.add_argument("--screens", action="store_true", help="measure the built pages, too")
    parser.add_argument("--tighten", action="store_true", help=f"write {OVER.relative_to(ROOT)}")
    args = parser.parse_args(arguments)
    wanted = {number.zfill(2) for number in args.chapters}
    pages = [page for page in book.notebooks() if not wanted or page.name[:2] in wanted]
    tall = heights_of(pages) if args.screens else {}
    print(f"{'':34}" + "".join(f"{what:>9} " for what in LIMITS) + "  folded")
    found = {}
    for page in pages:
        nb = notebook.read(page)
        found[page.stem] = sizes(nb) | tall.get(page.stem, {})
        seen, hidden = code_lines(nb)
        print(line(page.stem, found[page.stem], hidden / (seen + hidden)))
    print(f"{'at most':34}" + "".join(f"{value:>9} " for value in LIMITS.values()))
    if (table := tightened(found)) != known():
        if args.tighten:
            write(table)
        does = "tightened" if args.tighten else "holds more than is needed: --tighten lowers it"
        print(f"{OVER.relative_to(ROOT)} {does}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
