"""Write book/exercises.md: every exercise of the book with its difficulty, minutes and a link.

    python scripts/exercises_page.py [TARGET]

Goes by the registry (what `check` knows) and by the chapters in _toc.yml (where it is printed).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import book, notebook  # noqa: E402

HEAD = """# All exercises

{count} exercises with a check, about {hours} hours in all, {patients} of them the patients of
the [debugging clinic](15-clinic.ipynb). ●○○ is a warm-up, ●●○ takes some thought, ●●● is where you learn
most. Hints and solutions stand below each exercise, folded away. The fold "No kernel? Answer here"
lets you find the right answer among likely wrong ones, and says what is wrong with those.

## Your progress

<div id="gc-progress"></div>

These ticks are kept in this browser. `check` remembers what you have solved in a notebook; `progress`
shows it, and takes in what this page exported. (And this page takes in what a notebook wrote: it is the
same file.)

```python
from gancourse.exercises import progress

progress()
progress(merge="gancourse-progress.json")
```

Both are forgotten when the kernel stops. Name a folder, and every exercise that you solve from then on
is written to `gancourse-progress.json` in it at once; name the same folder next time. The file is
plain JSON, several notebooks can share it, and a damaged one is put aside with a message, never
overwritten. On Colab, whose disk is emptied after each session, take a folder on your Google Drive:

```python
from google.colab import drive
from gancourse.exercises import progress

drive.mount("/content/drive")
progress("/content/drive/MyDrive/gan-course")
```

A teacher can make [one table of a class's files](teaching.md#collect-progress). Which mistakes you make
is in yours only if you turn that on, `progress(mistakes=True)` or the box above, and never your code.
"""
HEADING = re.compile(r"^### (Exercise (\d+\.\d+) · .+)$", re.M)


def slug(heading: str) -> str:
    """The anchor that MyST gives to a heading."""
    return re.sub(r"[^\w\u4e00-\u9fff\- ]", "", heading.strip().lower()).replace(" ", "-")


def chapters() -> list[tuple[str, dict[str, tuple[str, str]]]]:
    """(main page, exercise id -> (page that prints it, heading)) of each chapter with exercises:
    by their numbers, 3.10 after 3.9, whichever page of the chapter prints them."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for name in (Path(page).name for page in book.toc(ROOT)):
        path = ROOT / "book" / f"{name}.ipynb"
        if not path.exists():
            continue
        prose = [c.source for c in notebook.read(path).cells if c.cell_type == "markdown"]
        headings = {m[2]: (path.name, m[1].strip()) for p in prose for m in HEADING.finditer(p)}
        found.setdefault(f"{book.main_name(path)}.ipynb", {}).update(headings)

    def number(item: tuple[str, Any]) -> int:
        return int(item[0].partition(".")[2])

    return [(main, dict(sorted(ids.items(), key=number))) for main, ids in found.items() if ids]


def page() -> str:
    from gancourse.exercises import EXERCISES

    text, count, minutes = "", 0, 0
    for main, printed in chapters():
        first = notebook.read(ROOT / "book" / main).cells[0].source
        title = first.splitlines()[0].removeprefix("# ").strip()
        rows = ""
        for name, (file, heading) in printed.items():
            exercise = EXERCISES[name]
            circles = "●" * exercise.difficulty + "○" * (3 - exercise.difficulty)
            link = f"[{name} {exercise.title}]({file}#{slug(heading)})"
            tick = f'<span data-gc-tick="{name}"></span>'
            rows += f"| {link} | {circles} | {exercise.minutes} | {tick} |\n"
            count, minutes = count + 1, minutes + exercise.minutes
        table = f"| exercise | difficulty | minutes | solved |\n|---|---|---:|---|\n{rows}"
        text += f"\n## {int(main[:2])}. [{title}]({main})\n\n{table}"
    patients = sum(name.startswith("15.") for name in EXERCISES)
    return HEAD.format(count=count, hours=round(minutes / 60), patients=patients) + text


def main(argv: list[str]) -> int:
    book.write_made(Path(argv[0]) if argv else ROOT / "book" / "exercises.md", page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
