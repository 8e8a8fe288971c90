"""Gives the built pages' boxes their kinds, from markup that reads well anywhere.

    python scripts/looks.py [FOLDER]

In a notebook a theorem, an idea or a warning is a blockquote that begins with its bold name, so that
GitHub, JupyterLab and Colab show it as a quotation: `> **Theorem 2.** ...`, `> **Key idea.** ...`,
`> **Watch out.** ...`; an exercise is a heading `### Exercise 3.2 · Title` and what follows it down to
its last hint or solution. Here each gets a class, and book/_static/gancourse.css gives that its look.
A name that is none of KINDS makes an aside: there is no box without a look.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"

#: The first words of a box -> its kind.
KINDS = {
    "Theorem": "theorem",
    "Lemma": "theorem",
    "Definition": "theorem",
    "Key idea": "idea",
    "Watch out": "warning",
}
QUOTE = re.compile(
    r"<blockquote>(\s*<div>\s*<p>)<strong>([^<]*)</strong>", re.S
)  # one without a name is a quotation
SECTION = re.compile(r'<section id="exercise-\d+-\d+[^"]*">\s*')
# A fold of the text itself; the ones over code have classes.
FOLD = re.compile(r"\s*<details><summary>(?:(?!<details).)*?</details>", re.S)
DIFFICULTY = re.compile(r"<p>([●○]{3}) · ")
#: Pages on which G and D in a formula are not the generator and the discriminator.
OTHER_LETTERS = {"04-wasserstein-deeper-duality"}  # distribution functions F and G


def kind(name: str) -> str:
    """The kind of a box that begins with a bold ``name``, such as "Theorem 2."."""
    words = re.sub(r"[\s\d.:]+$", "", name)
    return KINDS.get(words, "aside")


def boxes(text: str) -> str:
    """Blockquotes with a bold name get the class of their kind, and the name one of its own."""

    def mark(match: re.Match[str]) -> str:
        before, name = match.groups()
        return (
            f'<blockquote class="gc-box gc-{kind(name)}">{before}'
            f'<strong class="gc-box-name">{name}</strong>'
        )

    return QUOTE.sub(mark, text)


def exercises(text: str) -> str:
    """An exercise's heading, text, cell and folds become one box; what the chapter says of it
    afterwards stays outside."""
    pieces, at = [], 0
    for section in SECTION.finditer(text):
        start = end = section.end()
        stop = text.find("<section", start)
        stop = stop if stop >= 0 else len(text)
        # Before the cell for the answer there may be folds of another kind.
        cell = text.find("tag_exercise", start, stop)
        first = FOLD.search(text, max(start, cell), stop)
        while first and (fold := FOLD.match(text, max(end, first.start()))):
            end = fold.end()
        if end == start or text.find("</section>", start) < end:
            raise LookupError(f"{section[0].strip()} has no hint and no solution of its own")
        inside = DIFFICULTY.sub(difficulty, text[start:end], count=1)
        pieces += [text[at:start], f'<div class="gc-exercise">{inside}\n</div>']
        at = end
    return "".join([*pieces, text[at:]])


def difficulty(match: re.Match[str]) -> str:
    """●●○ as a number for who hears it: circles are read out one by one, or not at all."""
    level = match[1].count("●")
    return (
        f'<p class="gc-difficulty"><span aria-hidden="true">{match[1]}</span>'
        f'<span class="visually-hidden">difficulty {level} of 3</span> · '
    )


def dressed(text: str, name: str) -> str:
    """A page with its boxes; ``name`` is that of the page, without suffix."""
    if 'class="gc-box' in text or 'class="gc-exercise"' in text:
        return text  # it has been through here
    before, article, rest = text.partition("<article")
    if name in OTHER_LETTERS:
        before = before.replace("<body", '<body data-letters="other"', 1)
    return before + exercises(boxes(article + rest))


def main(folder: Path = HTML) -> None:
    for path in sorted((folder / "book").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        path.write_text(dressed(text, path.stem), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
