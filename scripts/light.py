"""What makes the built pages arrive at once: run after the strict build, on `_build/html`.

    python scripts/light.py [FOLDER]

A chapter as Sphinx leaves it carries every frame of every figure inside its HTML, waits for 1.5 MB
of icons of which it shows thirteen, and has 24 MB of MathJax beside it of which it loads one. Here

- pictures and sounds become files, once each, that load when the reader comes near them;
- a page waits for one style sheet and for no script; the figures' script is one for the whole book;
- the theme's icons are drawn in the page, and the icon fonts and scripts are left out;
- a page says in its head what it is about, for whoever shares or finds it;
- a formula can be read without JavaScript (plain_math.py);
- what a page says a hundred times (a colour, an outline, an indentation) it says once (slim.py);
- files that no page asks for are removed.

A notebook keeps its self-contained figures: on Colab there is nothing beside it. Everything here
works from `file://` as well, where a page may show other files but not read them.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gancourse import _flipbook  # noqa: E402
from scripts import book, live, notebook, plain_math, repository, slim  # noqa: E402

HTML = ROOT / "_build" / "html"
LARGE = 60_000  # bytes of a picture, beyond which another format is tried
KINDS = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg", "audio/wav": "wav"}
DATA_URI = re.compile(rf"data:({'|'.join(KINDS)});base64,([A-Za-z0-9+/]{{100,}}=*)")
ICON = re.compile(r'<(i|span) class="([^"]*\bfa-[^"]*)"([^>]*)></\1>')
STYLES = {"fa-solid", "fas", "fa-brands", "fab", "fa-regular", "far", "fa"}
SIZES = {"fa-lg", "fa-sm", "fa-xs", "fa-xl", "fa-fw", "fa-2x"}
LEFT_OUT = re.compile(
    r"\s*<(?:script|link)[^>]*(?:fontawesome\.js|/webfonts/|/fontawesome/)[^>]*>(?:</script>)?"
)
# Never asked for by a page: what a developer's tools read, all of MathJax but the one file of the
# pages and its fonts, the fonts and scripts of the icons that are drawn in the pages now, the words of
# the theme in other languages (the build has used them by then).
DEAD = [
    "**/*.map",
    "_static/vendor/fontawesome/**/*",
    "_static/scripts/fontawesome*",
    "_static/webpack-macros.html",
    "_static/locales/**/*",
    "_static/mathjax/**/*",
]
# Pictures, kept where a page, script or sheet has their name.
IF_NAMED = ["_images/*", "_static/**/*.png"]
NAME = re.compile(r"""(?<=[/"'(])[^/"'\\ <>()?#]+\.\w+""")
SOURCE_OF_A_PAGE = re.compile(r'href="(?:\.\./)*(_sources/[^"]+)"')
# The alphabets that the book's formulas have; a test looks for commands that ask for another.
ALPHABETS = ("AMS", "Calligraphic-Regular", "Main", "Math", "Size", "Vector", "Zero")
ALIVE = [
    "_static/mathjax/tex-chtml.js",
    *(f"_static/mathjax/output/chtml/fonts/*/MathJax_{name}*" for name in ALPHABETS),
]

# The script of _flipbook.py takes its figure's data from a literal; here from the element that holds it.
# A chapter that ran with another version of that script has the same literal, and the same figure.
_HEAD, _BODY = _flipbook.SCRIPT.split('"DATA"')
_STYLE = re.compile(r'(<figure class="gc-flipbook"[^>]*>\s*)<style>.*?</style>', re.S)
_BODY = _BODY[: _BODY.rindex("})();")]
SCRIPT_OF_PAGES = (
    Path(__file__)
    .with_name("page.js")
    .read_text(encoding="utf-8")
    .replace("FLIPBOOK", _BODY.removeprefix(";"))
)


class Icons:
    """The theme's icons as inline drawings, taken from the script that it would load."""

    def __init__(self, script: str):
        self.script = script

    def path(self, name: str) -> tuple[str, str, str]:
        """(width, height, outline) of an icon, by its name or a former one (which stands in the
        icon's list of aliases). Solid ones stand last in the script."""
        word = re.escape(name)
        found = re.findall(
            rf'[{{,](?:"?{word}"?:\[(?=\d)|"?[\w-]+"?:\[(?=\d+,\d+,\[[^\]]*"{word}"))'
            r'(\d+),(\d+),\[[^\]]*\],"[0-9a-f]+","(M[^"]+)"\]',
            self.script,
        )
        if not found:
            raise LookupError(f"the theme's script has no icon {name!r}; see scripts/light.py")
        return found[-1]

    def draw(self, match: re.Match[str]) -> str:
        classes = match[2].split()
        names = [c for c in classes if c.startswith("fa-") and c not in STYLES | SIZES]
        width, height, outline = self.path(names[0].removeprefix("fa-"))
        # The names stay: the theme's own rules show one of three by them.
        kept = " ".join(["svg-inline--fa", *(c for c in classes if c not in STYLES)])
        return (
            f'<svg class="{kept}" aria-hidden="true" viewBox="0 0 {width} {height}"{match[3]}>'
            f'<path fill="currentColor" d="{outline}"/></svg>'
        )


def to_files(text: str, folder: Path, address: str) -> str:
    """Data URIs become files in ``folder``, named by their content; ``address`` leads there."""

    def write(match: re.Match[str]) -> str:
        data = base64.b64decode(match[2])
        name = f"{hashlib.sha256(data).hexdigest()[:16]}.{KINDS[match[1]]}"
        path = folder / name
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return f"{address}/{name}"

    return DATA_URI.sub(write, text)


def smaller(text: str, page: Path) -> str:
    """The page's PNGs become WebPs: lossless ones, and a large one a lossy one where that takes at
    most two thirds of its bytes. Frames of figures too, whose addresses stand in their data."""

    def shrink(match: re.Match[str]) -> str:
        path = (page.parent / match[0]).resolve()
        target = path.with_suffix(".webp")
        if not target.exists() and (not path.exists() or not webp(path, target)):
            return match[0]
        return match[0].removesuffix(".png") + ".webp"

    text = re.sub(r'(?<=")(?:\.\./)*_images/[^":\\ ]+\.png(?=")', shrink, text)
    return re.sub(r'(?<=src=")(?:\.\./)*_static/[^":\\ ]+\.png(?=")', shrink, text)


def webp(path: Path, target: Path) -> bool:
    """Whether a picture came out smaller as a WebP, which it then is."""
    from PIL import Image

    image, size = Image.open(path), path.stat().st_size
    if size > LARGE:
        image.convert("RGB").save(target, quality=88, method=6)
        if target.stat().st_size <= size * 2 / 3:
            return True
    image.save(target, lossless=True, method=3, quality=100)  # (quality: how long it may look)
    if target.stat().st_size < 0.95 * size:
        return True
    target.unlink()
    return False


def lazily(text: str) -> str:
    """Pictures of the article load when they come near; the first one, which is in sight, at once."""
    before, article, rest = text.partition("<article")
    first = True

    def mark(match: re.Match[str]) -> str:
        nonlocal first
        now, first = first, False
        how = 'decoding="async"' if now else 'loading="lazy" decoding="async"'
        return f"<img {how} "

    return before + article + re.sub(r"<img (?!loading|decoding)", mark, rest)


SCRIPT = re.compile(rf"<script>{re.escape(_HEAD)}(?P<data>[^\n]*);\nconst PLAY = .*?</script>", re.S)
FIGURE_ALONE = re.compile(
    r'<img (?=[^>]*class="gc-figure")(?=[^>]*style="width:(?P<width>\d+)px)[^>]*src="(?P<file>[^"]+)">'
)

NARROW = re.compile(r' data-narrow="([^"]+)" ')
PHONE = "(max-width: 480px)"  # as in page.js and gancourse.css


def zoomable(text: str) -> str:
    """A figure is a link to its picture's file, which page.js opens over the page. One that was drawn
    again for a phone (gancourse/_narrow.py) shows that one there."""

    def link(match: re.Match[str]) -> str:
        where, shown = f'href="{match["file"]}" data-width="{match["width"]}"', match[0]
        if narrow := NARROW.search(shown):
            source = f'<source media="{PHONE}" srcset="{narrow[1]}">'
            shown = f"<picture>{source}{shown.replace(narrow[0], ' ')}</picture>"
        return f'<a class="gc-zoom" {where} title="Full size">{shown}</a>'

    return FIGURE_ALONE.sub(link, text)


def bare(script: str) -> str:
    """A script without what only its readers need: lines of comment, and space before the others."""
    return re.sub(r"^\s*(?://.*\n\s*)*|  // .*$", "", script, flags=re.M)


def one_script(text: str, root: str, chapter: int = 0, before: int = 0) -> str:
    """The figures' data stay in the page; their script and style sheet are the book's. A chapter's
    figures are numbered, fig-3-2, from ``before`` on (its earlier pages'), and can be linked to.
    """
    text = _STYLE.sub(r"\1", text)
    names: dict[str, str] = {}

    def data(match: re.Match[str]) -> str:
        said = json.loads(match["data"])
        name = f"fig-{chapter}-{before + len(names) + 1}" if chapter else said["id"]
        names[said["id"]] = said["id"] = name
        told = json.dumps(said).replace("<", "\\u003c")
        return f'<script type="application/json" class="gc-frames">{told}</script>'

    text = SCRIPT.sub(data, text)
    if f"<script>{_HEAD}" in text:
        raise LookupError("a figure's script is not _flipbook.py's; see scripts/light.py")
    for old, new in names.items():
        text = re.sub(rf'(?<=")({re.escape(old)})(?=["-])', new, text)
    if names:
        sheet = f'<link rel="stylesheet" href="{root}_static/flipbook.css">'
        still = "<noscript><style>.gc-flipbook .gc-row{display:none}</style></noscript>"
        text = text.replace("</head>", f"{sheet}{still}\n</head>", 1)
    script = f'<script defer src="{root}_static/page.js"></script>'
    return text.replace("</body>", f"{script}\n</body>", 1)


FORMULA = re.compile(r'<span class="math notranslate nohighlight">(\\\(.*?\\\))</span>', re.S)


def width(formula: str) -> float:
    """About how many em a formula will take: its symbols, and the space around relations."""
    tex = html.unescape(formula)[2:-2]
    tex = re.sub(
        r"\\(?:left|right|big|Big|bigl|bigr|mathrm|mathbb|mathcal|text|operatorname|tfrac)\b", "", tex
    )
    names = [t.removeprefix("\\") if len(t) > 1 else t for t in plain_math.TOKEN.findall(tex)]
    wide = sum(name in plain_math.RELATIONS or name in {"+", "cdot", "times", "pm"} for name in names)
    small = len(re.findall(r"[_^](?:\\[A-Za-z]+|\{[^{}]*\}|.)", tex))
    symbols = len(re.findall(r"\\[A-Za-z]+|[^\s{}_^\\]", tex))
    named = sum(name in plain_math.NAMED for name in names)
    return round(max(0.6, 0.55 * symbols + 0.5 * wide + 0.9 * named - 0.1 * small), 1)


def room_for_math(text: str) -> str:
    """Says how wide a formula will be, so that lines don't break anew when MathJax has drawn it."""
    return FORMULA.sub(
        lambda m: m[0].replace(' nohighlight"', f' nohighlight" style="--gc-w:{width(m[1])}em"'),
        text,
    )


SHEET = re.compile(r'\s*<link(?=[^>]*rel="stylesheet")[^>]*href="([^"?]*)[^"]*"[^>]*>')
LOADED = re.compile(r'<script ((?:data-[^ ]* )?)src="((?:\.\./)*_static/[^"]*)"></script>')
OPTIONS = re.compile(r'<script src="((?:\.\./)*_static/documentation_options\.js)[^"]*"></script>')


def one_sheet(pages: Sequence[Path], static: Path) -> set[Path]:
    """The style sheets of all pages, one after the other, as one file for all; returns the files that
    no page asks for any more. Nothing is drawn before the last sheet is there, ten of them take a
    phone four journeys, and the next page has its sheet already."""
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    sheets: dict[Path, None] = {}  # in the order of the first page that asks for each
    for page, text in texts.items():
        own = [(page.parent / match[1]).resolve() for match in SHEET.finditer(text)]
        sheets |= dict.fromkeys(own)

    def read(path: Path) -> str:
        def address(inside: re.Match[str]) -> str:
            target = inside[1].strip("\"'")
            if target.startswith(("data:", "#")):
                return inside[0]
            return f'url("{os.path.relpath(path.parent / target, static)}")'

        sheet = re.sub(r'@charset "[^"]*";', "", path.read_text(encoding="utf-8"))
        sheet = re.sub(r"url\(([^)]*)\)", address, sheet)
        imported = re.compile(r'@import "([^"]*)";')  # valid at the head of a file alone
        return imported.sub(lambda m: read((path.parent / m[1]).resolve()), sheet)

    whole = slim.sheet("\n".join(read(sheet) for sheet in sheets))
    name = f"page-{hashlib.sha256(whole.encode()).hexdigest()[:12]}.css"
    (static / name).write_text(whole, encoding="utf-8")
    for page, text in texts.items():
        found = list(SHEET.finditer(text))
        if not found:
            continue
        for match in reversed(found[1:]):
            text = text[: match.start()] + text[match.end() :]
        link = f'<link rel="stylesheet" href="{os.path.relpath(static, page.parent)}/{name}">'
        text = text[: found[0].start()] + "\n" + link + text[found[0].end() :]
        page.write_text(text, encoding="utf-8")
    return set(sheets)


def nothing_waits(text: str, page: Path) -> str:
    """Scripts run, in their order, when the page has been read, and not before it is drawn."""

    def inline(match: re.Match[str]) -> str:
        return f"<script>{(page.parent / match[1]).read_text(encoding='utf-8')}</script>"

    # (one inline script of the theme needs this one, of some lines, at once)
    return LOADED.sub(r'<script defer \1src="\2"></script>', OPTIONS.sub(inline, text))


SUMMARY = re.compile(
    r'(<div class="cell (?P<tags>[^"]*)">\s*<details class="[^"]*\bhide above-input">\s*)'
    r'<summary aria-label="[^"]*">(?P<prompts>.*?)</summary>'
    r"(?P<code>\s*<div[^>]*>\s*<div[^>]*>\s*<div[^>]*>\s*<pre>(?:<span></span>)?)"
    rf'(?:<span class="c1">{notebook.TITLE}(?P<title>[^\n]*)</span>\n)?',
    re.S,
)


def folds(text: str) -> str:
    """The fold of a figure's or a table's code says what is in it, with the title that the cell
    begins with; of any fold the words that are seen are those that are read aloud."""

    def name(match: re.Match[str]) -> str:
        tags = [word.removeprefix("tag_") for word in match["tags"].split()]
        prompts, title = match["prompts"], match["title"] or ""
        if "setup" not in tags and (fold := notebook.fold_of(tags)):
            label = f"{fold}: {title}" if title else fold
            prompts, title = f'<p class="admonition-title">{label}</p>', ""
        line = f'<span class="c1">{notebook.TITLE}{title}</span>\n' if title else ""
        return f"{match[1]}<summary>{prompts}</summary>{match['code']}{line}"

    return SUMMARY.sub(name, text)


TOGGLE = re.compile(r'(<a [^>]*>([^<]*)</a><details[^>]*><summary)(?=><span class="toctree-toggle")')


def named_toggles(text: str) -> str:
    """In the list of pages, the arrow at a chapter that has a deeper page says what it unfolds. The
    Tab key passes all of them on the way to the text: a chapter's own page has its arrow open, and
    each chapter names its deeper page."""
    return TOGGLE.sub(r'\1 aria-label="Deeper page of \2" tabindex="-1"', text)


# A browser has a key for it; on the way to the text it is one more stop of the Tab key.
FULL_SCREEN = re.compile(r'<button onclick="toggleFullScreen\(\)".*?</button>\s*', re.S)


MATHJAX = re.compile(r"\s*<script[^>]*(?:>window\.MathJax = |/mathjax/)[^<]*</script>")


def only_where_used(text: str) -> str:
    """A page without a formula needs no MathJax; a cell's output may hold one that only it sees."""
    return text if 'class="math' in text or 'class="output' in text else MATHJAX.sub("", text)


SOURCE = re.compile(r"<li><a [^>]*btn-(?:source-edit|download-source)-button.*?</li>", re.S)
MADE = {
    "book/exercises.html",
    "book/checks.html",
    "book/teaching.html",
}  # pages that the build writes: there is no source to edit or to take home


def signatures(text: str) -> str:
    """Sphinx writes a signature's arguments as a list of definitions without terms, which is no list
    to a screen reader; plain boxes look the same."""

    def plain(match: re.Match[str]) -> str:
        opened = match[0].replace("<dl>", '<div class="gc-arguments">').replace("<dd>", "<div>")
        return opened.replace("</dl>", "</div>").replace("</dd>", "</div>")

    return re.sub(r'<dt class="sig .*?</dt>', plain, text, flags=re.S)


MOVABLE = re.compile('<figure class="gc-flipbook"')
CLAIM = re.compile(r'<tr class="gc-(?:holds|missed)"><th scope="row">')


def numbered(text: str, chapter: int, before: int) -> str:
    """A chapter's claims get numbers and anchors, as the page of all claims has them
    (scripts/checks_page.py); ``before`` claims stand on the chapter's pages before this one."""
    count = before

    def number(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        anchor = f"claim-{chapter}-{count}"
        # As Sphinx's links at headings: to copy, by mouse; the Tab key passes thirty of them.
        link = f'<a class="gc-number" href="#{anchor}" tabindex="-1">{chapter}.{count}</a> '
        return match[0].replace("<tr ", f'<tr id="{anchor}" ') + link

    return CLAIM.sub(number, text)


def before(folder: Path, wanted: re.Pattern[str]) -> dict[Path, tuple[int, int]]:
    """Page -> its chapter's number, and how many of what is wanted (claims, figures with controls)
    the chapter's pages before it have."""
    found, counts = {}, dict.fromkeys(range(100), 0)
    for page in sorted(folder.glob("book/[0-9][0-9]-*.html"), key=book.reading_order()):
        chapter = int(page.name[:2])
        found[page] = chapter, counts[chapter]
        counts[chapter] += len(wanted.findall(page.read_text(encoding="utf-8")))
    return found


CHINESE = re.compile(r"[\u3400-\u9fff]+(?:[、，；：]?[\u3400-\u9fff]+)*")


def in_their_language(text: str) -> str:
    """Chinese words in an English page say that they are: for a screen reader, and for the shapes."""
    before, article, rest = text.partition("<article")
    pieces = re.split(r"(<script.*?</script>|<[^>]*>)", article + rest, flags=re.S)
    pieces[::2] = [CHINESE.sub(r'<span lang="zh">\g<0></span>', words) for words in pieces[::2]]
    return before + "".join(pieces)


def about(text: str, limit: int = 200) -> str:
    """The first paragraph of the article, as plain text of at most ``limit`` characters."""
    article = text.partition("<article")[2]
    for paragraph in re.findall(r"<p>(.*?)</p>", article, re.S):
        plain = html.unescape(re.sub(r"<[^>]+>", "", paragraph))
        plain = re.sub(r"\\[()\[\]]", "", " ".join(plain.split()))
        if len(plain) > 60:
            return plain if len(plain) <= limit else plain[: plain.rindex(" ", 0, limit)] + " …"
    return ""


COURSE = {
    "@context": "https://schema.org",
    "@type": "Course",
    "name": "GANs: a course you can run",
    "description": "Generative adversarial networks in PyTorch, with every claim checked by a cell.",
    "inLanguage": "en",
    "isAccessibleForFree": True,
    "license": "https://creativecommons.org/licenses/by/4.0/",
    "provider": {"@type": "Organization", "name": "the gancourse authors"},
}


def headed(text: str, name: str = "", site: str = "") -> str:
    """What a search engine and a shared link show; addresses where the site's own is known.

    ``name`` is the page's place in the site, such as ``book/01-minimax.html``.
    """
    if '<meta name="description"' in text:
        return text
    found = re.search(r"<title>(.*?)</title>", text, re.S)
    title, description = (found[1].strip() if found else ""), html.escape(about(text))
    tags = [
        f'<meta property="og:title" content="{title}">',
        '<meta property="og:type" content="article">',
    ]
    if description:
        tags.append(f'<meta name="description" content="{description}">')
        tags.append(f'<meta property="og:description" content="{description}">')
    tags.append('<meta name="theme-color" content="#0072b2">')
    if site:
        address = site if name == "book/intro.html" else site + name  # which is the root, too
        image = f"{site}_static/hero.png"
        tags += [
            f'<link rel="canonical" href="{address}">',
            f'<meta property="og:url" content="{address}">',
            f'<meta property="og:image" content="{image}">',
            '<meta name="twitter:card" content="summary_large_image">',
        ]
    if name == "book/intro.html":
        course = json.dumps(COURSE | ({"url": site} if site else {})).replace("<", "\\u003c")
        tags.append(f'<script type="application/ld+json">{course}</script>')
    return text.replace("</title>", "</title>\n" + "\n".join(tags), 1)


def not_found(site: str) -> str:
    """The page for a wrong address. It may be shown in place of any, so it needs no other file."""
    home = site or "/"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>No such page: GANs, a course you can run</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<style>:root{{color-scheme:light dark}}body{{max-width:36rem;margin:20vh auto;padding:0 1rem;
font:1.1rem/1.6 system-ui,sans-serif}}</style></head>
<body><main><h1>There is no such page</h1>
<p>It may have moved, or the address has a slip in it. <a href="{home}">The front page</a> lists all
chapters and has a search.</p></main></body></html>
"""


def sitemap(pages: list[str], site: str) -> str:
    rows = "".join(f"<url><loc>{site}{name}</loc></url>\n" for name in pages)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{rows}</urlset>\n'
    )


READ_HERE = re.compile(r"(<p><strong>Read it here\.</strong>.*?)(?=</p>)", re.S)


def with_files(text: str) -> str:
    """The front page of a published book says where the whole book is as one file
    (.github/workflows/publish.yml puts them there)."""
    files = (
        ' The whole book as one file: <a href="../gancourse.pdf">PDF</a>, '
        '<a href="../gancourse.epub">EPUB</a>.'
    )
    text, once = READ_HERE.subn(rf"\1{files}", text)
    if once != 1:
        raise LookupError("the front page has no paragraph 'Read it here.'; see scripts/light.py")
    return text


def at_the_root(text: str) -> str:
    """The front page as the site's root: the same page, its addresses seen from one folder up."""

    def move(match: re.Match[str]) -> str:
        name, address = match[1], match[2]
        if address.startswith("../"):
            return f'{name}="{address[3:]}"'
        if re.match(r"[a-z]+:|#|/|$", address):
            return match[0]
        return f'{name}="book/{address}"'

    text = text.replace('data-content_root="../"', 'data-content_root="./"')
    return re.sub(r'\b(href|src|action)="([^"]*)"', move, text)


def prune(folder: Path, merged: set[Path]) -> int:
    """Removes what no page asks for, the sheets that are ``merged`` into one among it; returns the
    bytes."""
    texts = [
        p.read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
        for p in folder.glob(f"**/*.{kind}")
    ]
    named = {name for text in texts for name in NAME.findall(text)}
    unseen = {p for pattern in IF_NAMED for p in folder.glob(pattern) if p.name not in named}
    offered = {folder / path for text in texts for path in SOURCE_OF_A_PAGE.findall(text)}
    unseen |= {p for p in folder.glob("_sources/**/*") if p.is_file()} - offered
    alive = {p for pattern in ALIVE for p in folder.glob(pattern)}
    dead = {p for pattern in DEAD for p in folder.glob(pattern) if p.is_file()} - alive | unseen | merged
    size = sum(p.stat().st_size for p in dead)
    for path in dead:
        path.unlink()
    for path in sorted(folder.glob("**/"), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
    return size


def main(folder: Path = HTML, site: str | None = None) -> int:
    if site is None:
        site = repository.site_of(repository.read_url())
    script = folder / "_static" / "scripts" / "fontawesome.js"
    if not script.exists():
        return 0  # this build is light already
    icons = Icons(script.read_text(encoding="utf-8"))
    static = folder / "_static"
    for old in static.glob("page-*.css"):
        old.unlink()  # an earlier build's
    (static / "page.js").write_text(SCRIPT_OF_PAGES, encoding="utf-8")
    drawn = static / "live.js"
    if drawn.exists():
        drawn.write_text(bare(drawn.read_text(encoding="utf-8")), encoding="utf-8")
    (static / "flipbook.css").write_text(_flipbook.STYLE, encoding="utf-8")
    claims, figures = before(folder, CLAIM), before(folder, MOVABLE)
    tokens = static / "pygments.css"
    same = slim.colours(tokens.read_text(encoding="utf-8")) if tokens.exists() else {}
    made_here = {folder / "index.html", folder / "404.html"}  # below, maybe by an earlier build
    every = sorted(p for p in folder.glob("**/*.html") if "_static" not in p.parts)
    every = [page for page in every if page not in made_here]
    for page in every:
        root = "../" * (len(page.relative_to(folder).parts) - 1)
        text = page.read_text(encoding="utf-8")
        text = numbered(text, *claims[page]) if page in claims else text
        text = folds(named_toggles(FULL_SCREEN.sub("", LEFT_OUT.sub("", text))))
        text = ICON.sub(icons.draw, text)
        text = to_files(text, folder / "_images", f"{root}_images")
        text = only_where_used(in_their_language(signatures(smaller(text, page))))
        name = page.relative_to(folder).as_posix()
        if name in MADE:
            text = SOURCE.sub("", text)
        if site and name == "book/intro.html":
            text = with_files(text)
        text = zoomable(lazily(room_for_math(text)))
        text = live.live(one_script(text, root, *figures.get(page, ())), root)
        text = plain_math.beside(headed(text, name, site))
        if page.parent.name == "book":  # the search page's own scripts count on each other
            text = nothing_waits(text, page)
        page.write_text(slim.page(text, same), encoding="utf-8")
    merged = one_sheet(every, static)
    front = folder / "book" / "intro.html"
    if front.exists():
        text = at_the_root(front.read_text(encoding="utf-8"))
        (folder / "index.html").write_text(text, encoding="utf-8")
    (folder / "404.html").write_text(not_found(site), encoding="utf-8")
    if site:
        shown = [p.relative_to(folder).as_posix() for p in sorted(folder.glob("book/*.html"))]
        pages = ["", *(name for name in shown if name != "book/intro.html")]
        (folder / "sitemap.xml").write_text(sitemap(pages, site), encoding="utf-8")
    gone = prune(folder, merged)
    kept = sum(p.stat().st_size for p in folder.glob("**/*") if p.is_file())
    print(f"light: {gone / 1e6:.0f} MB removed, {kept / 1e6:.0f} MB stay")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else HTML))
