"""The whole book as one PDF, printed from the built pages by the Chromium that the tests need.

    python scripts/pdf.py [TARGET]        default: _build/gancourse.pdf

All pages stand in one document, so that a link from one to another leads through the file; hints,
solutions and other folded answers come at the end, with a link there and one back; of a figure with
sliders a few frames along the first one are printed. Chromium writes the outline and the tags.
"""

from __future__ import annotations

import re
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import book, browser  # noqa: E402

HTML = ROOT / "_build" / "html"
TARGET = ROOT / "_build" / "gancourse.pdf"
FRAMES = 4  # of a figure with sliders
HEAD = re.compile(r"<head>.*?</head>", re.S)
ARTICLE = re.compile(r'<article class="bd-article">(.*)</article>', re.S)
# Scripts of the page that a sheet of paper has no use for.
NOT_PRINTED = re.compile(r'<script[^>]*src="(?![^"]*mathjax)[^"]*"[^>]*></script>')
FOOTER = (
    '<div style="width:100%;font:8px sans-serif;color:#555;text-align:center">'
    '<span class="pageNumber"></span></div>'
)
STYLE = """
@page { size: A4; margin: 18mm 17mm 20mm; }
html { font-size: 11.5px; }
body { margin: 0; }
.gc-page, #gc-answers { break-before: page; }
.gc-cover { padding-top: 30vh; }
.bd-article h1 { font-size: 1.6rem; }  /* on one line: else the outline loses a space */
.gc-cover h1 { font-size: 3rem; }
.gc-strip { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
.gc-strip img { max-width: 100% !important; width: auto !important; height: auto; }
.gc-flipbook, figure, .cell_output img, table tr { break-inside: avoid; }
#gc-answers h3 { font-size: 1.1rem; }
.sd-stretched-link, .headerlink, .gc-link, .gc-facts p, .copybtn, .gc-alone, audio, .gc-row {
  display: none !important;
}
.mjx-container, mjx-container { font-size: 100% !important; }
"""
ARRANGE = Path(__file__).with_name("print.js")
READY = """async () => {
  await Promise.all([...document.images].map(image => image.complete ? 0
    : new Promise(done => { image.onload = image.onerror = done; })));
  const all = selector => document.querySelectorAll(selector).length;
  for (const end = Date.now() + 240000; Date.now() < end; await new Promise(f => setTimeout(f, 200)))
    if (all(".math mjx-container") >= all(".math") && all("#gc-answers h1")) return;
  throw Error("formulas are not drawn");
}"""


def document(folder: Path, names: list[str]) -> str:
    """All pages as one, for a file in FOLDER/book."""
    texts = {n: (folder / f"{n}.html").read_text(encoding="utf-8") for n in names}
    mathematical = next((t for t in texts.values() if 'class="math' in t), texts[names[0]])
    found = HEAD.search(mathematical)
    head = NOT_PRINTED.sub("", found[0] if found else "<head></head>")
    pages = []
    for name, text in texts.items():
        article = ARTICLE.search(text)
        if article is None:
            raise LookupError(f"{name}.html has no article")
        own = Path(name).name
        pages.append(f'<div class="gc-page" id="page-{own}" data-page="{own}">{article[1]}</div>')
    script = ARRANGE.read_text(encoding="utf-8").replace("FRAMES", str(FRAMES))
    cover = (
        '<div class="gc-cover"><h1>GANs: a course you can run</h1>'
        f"<p>All pages of the book, printed on {date.today():%d %B %Y}. The notebooks run; this "
        "does not.</p></div>"
    )
    return (
        f'<!doctype html><html lang="en" data-theme="light" data-mode="light" '
        f'data-content_root="../">{head.replace("</head>", f"<style>{STYLE}</style></head>")}'
        f'<body><main class="bd-content"><article class="bd-article">{cover}{"".join(pages)}'
        '<div id="gc-answers"><h1>Hints, solutions, answers</h1></div></article></main>'
        f"<script>{script}</script></body></html>"
    )


def make(target: Path = TARGET, folder: Path = HTML, names: list[str] | None = None) -> Path:
    """Prints the pages (all, in the order of the table of contents) and returns `target`.

    Raises:
        FileNotFoundError: the book is not built, or there is no Chromium.
    """
    names = names or book.toc(ROOT)
    if not (folder / f"{names[0]}.html").exists():
        raise FileNotFoundError(f"{folder / names[0]}.html: build the book first, `make book`")
    source = folder / "book" / "_print.html"
    part = target.with_suffix(".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.write_text(document(folder, names), encoding="utf-8")
        with browser.chromium() as chromium:
            page = chromium.new_page()
            page.set_default_timeout(300_000)
            page.emulate_media(media="print")
            page.goto(source.as_uri(), wait_until="load")
            page.evaluate(READY)
            page.pdf(
                path=str(part),
                tagged=True,
                outline=True,
                print_background=True,
                prefer_css_page_size=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=FOOTER,
            )
        part.replace(target)
    finally:
        source.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return target


def main(arguments: list[str]) -> int:
    began = time.perf_counter()
    target = make(Path(arguments[0]) if arguments else TARGET)
    size, took = target.stat().st_size / 1e6, time.perf_counter() - began
    print(f"{target}: {size:.1f} MB, {took:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
