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

from scripts import notebook  # noqa: E402

HEAD = """# All exercises

{count} exercises with a check, about {hours} hours in all, {patients} of them the patients of
the [debugging clinic](15-clinic.ipynb). ●○○ is a warm-up, ●●○ takes some thought, ●●● is where you learn
most. Hints and solutions stand below each exercise, folded away.

## Your progress

`check` remembers what you have solved; `progress` shows it.

```python
from gancourse.exercises import progress

progress()
```

That is forgotten when the kernel stops. Name a folder, and every exercise that you solve from then on
is written to `gancourse-progress.json` in it at once; name the same folder next time. The file is
plain JSON, several notebooks can share it, and a damaged one is put aside with a message, never
overwritten. On Colab, whose disk is emptied after each session, take a folder on your Google Drive:

```python
from google.colab import drive
from gancourse.exercises import progress

drive.mount("/content/drive")
progress("/content/drive/MyDrive/gan-course")
```
"""
HEADING = re.compile(r"^### (Exercise (\d+\.\d+) · .+)$", re.M)


def slug(heading: str) -> str:
    """The anchor that MyST gives to a heading."""
    return re.sub(r"[^\w\u4e00-\u9fff\- ]", "", heading.strip().lower()).replace(" ", "-")


def pages() -> list[str]:
    """The pages of the book in reading order, without ``book/``."""
    import yaml

    table = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    parts: list[dict[str, Any]] = table.get("parts", [table])
    return [c["file"].removeprefix("book/") for part in parts for c in part.get("chapters", [])]


def chapters() -> list[tuple[str, str, dict[str, str]]]:
    """(file, title, exercise id -> heading) of each chapter that prints exercises."""
    found = []
    for name in pages():
        path = ROOT / "book" / f"{name}.ipynb"
        if not path.exists():
            continue
        prose = [c.source for c in notebook.read(path).cells if c.cell_type == "markdown"]
        headings = {m[2]: m[1].strip() for text in prose for m in HEADING.finditer(text)}
        if headings:
            found.append((path.name, prose[0].splitlines()[0].removeprefix("# ").strip(), headings))
    return found


def page() -> str:
    from gancourse.exercises import EXERCISES

    text, count, minutes = "", 0, 0
    for file, title, headings in chapters():
        number = int(file[:2])
        rows = ""
        for name, heading in headings.items():
            exercise = EXERCISES[name]
            circles = "●" * exercise.difficulty + "○" * (3 - exercise.difficulty)
            link = f"[{name} {exercise.title}]({file}#{slug(heading)})"
            rows += f"| {link} | {circles} | {exercise.minutes} |\n"
            count, minutes = count + 1, minutes + exercise.minutes
        table = f"| exercise | difficulty | minutes |\n|---|---|---:|\n{rows}"
        text += f"\n## {number}. [{title}]({file})\n\n{table}"
    patients = sum(name.startswith("15.") for name in EXERCISES)
    return HEAD.format(count=count, hours=round(minutes / 60), patients=patients) + text


def main(argv: list[str]) -> int:
    target, text = Path(argv[0]) if argv else ROOT / "book" / "exercises.md", page()
    # The same text is not written again: an older date means no rebuild.
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
        print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
