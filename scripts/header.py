"""What stands over a chapter in the built book: its part, what it holds, what it takes, how to run it.

    python scripts/header.py [FOLDER]

Everything is counted: exercises and their minutes from the registry, claims from the strips on the
page, CPU seconds from the chapter's last run. A notebook says the same in words; on Colab it is
open already, and its title stands over it.
"""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import book  # noqa: E402

HTML = ROOT / "_build" / "html"
TITLE = re.compile(r"<h1>.*?</h1>", re.S)
QUESTION = re.compile(r"(</h1>\s*)<p>(?=<em>)")
EXERCISE = re.compile(r'<h[23][^>]*>(?:<span class="section-number">[^<]*</span>)?Exercise (\d+\.\d+)')
COLAB = re.compile(r'href="(https://colab\.research\.google\.com/[^"]+)"')


# The theme's menu has the same notebook, and printing, for which a browser has a key.
MENU = re.compile(r'<div class="dropdown dropdown-download-buttons">.*?</ul>\s*</div>\s*', re.S)


def parts(root: Path = ROOT) -> dict[str, str]:
    """Name of a chapter's main page -> the caption of its part."""
    import yaml

    table = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return {
        Path(chapter["file"]).name: part["caption"]
        for part in table["parts"]
        for chapter in part["chapters"]
    }


def counted(number: int, one: str) -> str:
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def facts(text: str, seconds: float | None) -> list[str]:
    """HTML of what a page holds and takes."""
    from gancourse.exercises import EXERCISES

    found = []
    ids = dict.fromkeys(EXERCISE.findall(text))
    if ids:
        minutes = sum(EXERCISES[i].minutes for i in ids if i in EXERCISES)
        found.append(f"{counted(len(ids), 'exercise')}, {minutes} minutes")
    if seconds is not None:
        found.append(f"{seconds:.0f} s of computing")
    claims = len(re.findall(r'\bid="claim-\d+-\d+"', text))
    if claims:
        link = f'<a href="checks.html">{counted(claims, "claim")}</a>'
        found.append(
            f'<span class="gc-tick" aria-hidden="true">✓</span> {link} checked at the last build'
        )
    return found


def buttons(text: str, name: str) -> str:
    colab = COLAB.search(text)
    # Without a published repository Colab can't fetch the notebook; the page says how to bring it there.
    there = colab[1] if colab else "colab.html"
    return (
        f'<a class="gc-run" href="{there}">Open in Colab</a>'
        f'<a class="gc-run" href="../_sources/book/{name}.ipynb" download>Download the notebook</a>'
    )


def headed(text: str, name: str, part: str, seconds: float | None) -> str:
    """A chapter's page with its header; `name` is that of the notebook, without suffix."""
    number, text = int(name[:2]), MENU.sub("", text)
    if book.is_deeper(name):
        main = book.main_name(name)
        over = f'<a href="{main}.html">Chapter {number}</a> · deeper page'
    else:
        over = f"Chapter {number} · {html.escape(part)}"
    rows = "".join(f"<li>{fact}</li>" for fact in facts(text, seconds))
    under = f'<div class="gc-facts"><ul>{rows}</ul><p>{buttons(text, name)}</p></div>'
    text, once = QUESTION.subn(r'\1<p class="gc-question">', text, count=1)
    title = TITLE.search(text, text.index("<article"))
    if title is None:
        raise LookupError(f"{name}: the page has no title")
    start, end = title.span()
    if once:  # the facts come after the question
        end = text.index("</p>", end) + len("</p>")
    eyebrow = f'<p class="gc-eyebrow">{over}</p>\n'
    return text[:start] + eyebrow + text[start:end] + "\n" + under + text[end:]


FRONT = re.compile(r'(<a [^>]*\bgc-button\b[^>]* href=")(?:book/)?colab\.html"')


def front(text: str, first: str) -> str:
    """The front page, whose button [Open in Colab] leads where that of the first chapter does."""
    colab = COLAB.search(first)
    return FRONT.sub(rf'\1{colab[1]}"', text) if colab else text


def main(folder: Path = HTML, seconds: Mapping[str, float] | None = None) -> None:
    captions = parts()
    for path in sorted((folder / "book").glob("[0-9][0-9]-*.html")):
        text = path.read_text(encoding="utf-8")
        if 'class="gc-eyebrow"' in text:
            continue
        took = (seconds or {}).get(f"{path.stem}.ipynb")
        part = captions.get(book.main_name(path.stem), "")
        path.write_text(headed(text, path.stem, part, took), encoding="utf-8")
    first = next((folder / "book").glob("01-*.html"), None)
    for path in (folder / "index.html", folder / "book" / "intro.html"):
        if first is not None and path.exists():
            text = front(path.read_text("utf-8"), first.read_text("utf-8"))
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HTML)
