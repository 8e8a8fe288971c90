"""The book's search, by sections: an index by Pagefind, made from the built pages.

    python scripts/search.py [FOLDER]

Sphinx's own search finds pages, and Chinese words only whole; Pagefind (https://pagefind.app) finds
sections and fetches the few kilobytes that a word needs. It reads its index by `fetch`, which a page
opened by double click may not: there book/_static/search.js asks Sphinx's instead.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
# Sphinx gives a section its anchor, Pagefind looks for it at the heading.
SECTION = re.compile(r'(<section[^>]*?) id="([^"]+)"([^>]*>\s*(?:<span id="[^"]*"></span>\s*)*<h[1-6])')
# Not searched: links beside headings, formulas (raw TeX in a text), what the set-up cell says in each
# chapter, folded code of figures, buttons of figures, forms.
NOT_SEARCHED = (
    ".headerlink, .math, noscript, .tag_setup, .tag_hide-input .cell_input, .gc-flipbook, [data-lab], "
    ".gc-practice, script"
)
# What search.js asks for in an English book; the rest of Pagefind's folder are ready-made forms, and
# the stems of no language.
KEPT = re.compile(
    r"(pagefind\.js|pagefind-worker\.js|pagefind-entry\.json|wasm\.en\.pagefind|.*\.pf_\w+)"
)
SPHINX = re.compile(
    r'\s*<script[^>]* src="([^"]*(?:searchtools|language_data|searchindex)\.js)[^"]*"></script>'
)


def headings_with_anchors(text: str) -> str:
    """A page as Pagefind wants it; no reader sees it."""
    return SECTION.sub(r'\1\3 id="\2"', text)


def index(folder: Path) -> None:
    """Writes FOLDER/pagefind from the chapters and pages under FOLDER/book."""
    shutil.rmtree(folder / "pagefind", ignore_errors=True)  # an earlier build's
    with tempfile.TemporaryDirectory() as place:
        for page in (folder / "book").glob("**/*.html"):
            copy = Path(place, page.relative_to(folder))
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(headings_with_anchors(page.read_text(encoding="utf-8")), "utf-8")
        command = [sys.executable, "-m", "pagefind", "--quiet", "--site", place]
        command += ["--output-path", str(folder / "pagefind"), "--force-language", "en"]
        command += ["--root-selector", "article.bd-article", "--exclude-selectors", NOT_SEARCHED]
        subprocess.run(command, check=True)
    for path in (folder / "pagefind").glob("*"):
        if path.is_file() and not KEPT.fullmatch(path.name):
            path.unlink()


def asks_both(text: str) -> str:
    """The search page with our script, which knows where Sphinx's are."""
    scripts = SPHINX.findall(text)
    if len(scripts) != 3:
        raise ValueError(f"the search page has {len(scripts)} of Sphinx's 3 scripts: {scripts}")
    text = SPHINX.sub("", text)
    own = f'<script defer src="_static/search.js" data-sphinx="{" ".join(scripts)}"></script>'
    return text.replace("</head>", f"  {own}\n  </head>", 1)


def main(folder: Path = HTML) -> None:
    page = folder / "search.html"
    text = page.read_text(encoding="utf-8")
    if "_static/search.js" in text:
        return  # this build has been through here
    index(folder)
    page.write_text(asks_both(text), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
