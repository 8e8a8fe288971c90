"""The whole book as an EPUB, for reading devices: made from the built pages, as the PDF is.

    python scripts/epub.py [TARGET]        default: _build/gancourse.epub

Formulas are MathML, drawn from their TeX by the book's own MathJax in Chromium; of a figure with
sliders three pictures stand, with what its sliders say; hints, solutions and answers are at the end
of their page, with a link there and one back; the code of figures is left out. No script is in it.
`check` reads a file back: all that a reading device would trip over, without any other program.
"""

from __future__ import annotations

import html
import io
import posixpath
import re
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import book, browser, header, looks, pdf, repository  # noqa: E402

HTML = ROOT / "_build" / "html"
TARGET = ROOT / "_build" / "gancourse.epub"
TITLE = "GANs: a course you can run"
FRAMES = 3  # pictures of a figure with sliders
WIDEST = 1200  # pixels: more than the width of a reading device's page
SCRIPT = Path(__file__).with_name("epub.js")
XHTML, OPF, XML = (
    "{http://www.w3.org/1999/xhtml}",
    "{http://www.idpf.org/2007/opf}",
    "{http://www.w3.org/XML/1998/namespace}",
)
CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="EPUB/book.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""
STYLE = """
body { line-height: 1.5; }
h1, h2, h3 { line-height: 1.2; break-after: avoid; }
img { max-width: 100%; height: auto; }
figure { margin: 0.8em 0; break-inside: avoid; }
nav ol { list-style: none; padding-left: 1.2em; }
figcaption, .gc-eyebrow, .gc-difficulty, .gc-facts { font-size: 0.9em; }
.gc-name { font-weight: bold; margin-bottom: 0; }
.gc-display { margin: 0.8em 0; text-align: center; overflow-x: auto; }
pre { padding: 0.6em; background: #f6f8fa; font-size: 0.72em; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-size: 0.9em; }
table { border-collapse: collapse; font-size: 0.82em; margin: 0.8em 0; }
th, td { padding: 0.15em 0.6em 0.15em 0; border-top: 1px solid #ccc; }
th, td { text-align: left; vertical-align: top; }
blockquote { margin: 1em 0; padding: 0.3em 0.9em; border-left: 4px solid #0072b2; }
.gc-theorem { border: 1px solid; }
.gc-warning { border: 1px dashed #8a5300; border-left: 4px double #8a5300; }
.gc-exercise { margin: 1.2em 0; padding: 0.3em 0.8em; }
.gc-exercise { border: 1px solid #bbb; border-top: 4px solid #6b3fa0; }
.gc-claims { border-left: 3px solid #1a6b3c; }
.gc-claims th, .gc-claims td { padding-left: 0.5em; font-weight: normal; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; }
"""


def page_of(title: str, body: str) -> str:
    """A file of the book; ``body`` is XHTML."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html>\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" '
        f'lang="en" xml:lang="en"><head><title>{html.escape(title)}</title>'
        f'<link rel="stylesheet" type="text/css" href="book.css"/></head>\n<body>{body}</body></html>\n'
    )


def converted(folder: Path, names: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, what epub.js says of the page) for each of the built pages, in order."""
    script = SCRIPT.read_text(encoding="utf-8")
    texts = {n: (folder / f"{n}.html").read_text(encoding="utf-8") for n in names}
    own = [Path(name).name for name in names]
    mathematical = next((t for t in texts.values() if 'class="math' in t), "")
    settings = re.search(r"window\.MathJax = ({.*?})</script>", mathematical)
    with browser.chromium() as chromium:
        tab = chromium.new_page()
        tab.set_default_timeout(300_000)
        tab.goto((folder / "404.html").as_uri())
        tab.evaluate(f"window.MathJax = {settings[1] if settings else '{}'}")
        tab.evaluate("window.MathJax.startup = {typeset: false}")
        tab.add_script_tag(url=(folder / "_static" / "mathjax" / "tex-chtml.js").as_uri())
        tab.evaluate("async () => { await MathJax.startup.promise }")
        for name, text in texts.items():
            article = pdf.ARTICLE.search(text)
            if article is None:
                raise LookupError(f"{name}.html has no article")
            asked = {
                "name": Path(name).name,
                "article": article[1],
                "names": own,
                "frames": FRAMES,
                "letters": Path(name).name not in looks.OTHER_LETTERS,
            }
            yield Path(name).name, tab.evaluate(script, asked)


def picture(path: Path) -> tuple[str, bytes]:
    """(name in the book, bytes): PNG or JPEG, which every device draws, no wider than WIDEST."""
    from PIL import Image

    if path.suffix == ".svg":
        return path.name, path.read_bytes()
    image: Any = Image.open(path).convert("RGB")
    if image.width > WIDEST:
        size = (WIDEST, round(image.height * WIDEST / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    flat, smooth = io.BytesIO(), io.BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(flat, "PNG", optimize=True)
    image.save(smooth, "JPEG", quality=82, optimize=True)
    if len(flat.getvalue()) <= 1.5 * len(smooth.getvalue()):  # lines stay sharp in a PNG
        return f"{path.stem}.png", flat.getvalue()
    return f"{path.stem}.jpg", smooth.getvalue()


KINDS = {
    ".xhtml": "application/xhtml+xml",
    ".css": "text/css",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".svg": "image/svg+xml",
}


def contents(titles: dict[str, str]) -> str:
    """The table of contents, by the book's parts; a deeper page stands under its chapter."""
    captions, rows, part = header.parts(), "", None
    names = list(titles)
    for name in names:
        if book.is_deeper(name) or name == "cover":
            continue
        deeper = [n for n in names if book.is_deeper(n) and book.main_name(n) == name]
        under = "".join(f"<li>{link(n, titles[n])}</li>" for n in deeper)
        under = f"<ol>{under}</ol>" if under else ""
        caption = captions.get(name)
        if caption != part:
            rows += "</ol></li>" if part else ""
            rows += f"<li><span>{html.escape(caption)}</span><ol>" if caption else ""
            part = caption
        rows += f"<li>{link(name, titles[name])}{under}</li>"
    rows += "</ol></li>" if part else ""
    return page_of("Contents", f'<nav epub:type="toc" id="toc"><h1>Contents</h1><ol>{rows}</ol></nav>')


def link(name: str, title: str) -> str:
    return f'<a href="{name}.xhtml">{html.escape(title)}</a>'


def package(titles: dict[str, str], files: dict[str, bytes], mathematical: set[str]) -> str:
    """The list of all files and their order."""
    items = ""
    for k, name in enumerate(files):
        properties = {"nav.xhtml": "nav", "hero.png": "cover-image"}.get(name, "")
        properties = properties or ("mathml" if name.removesuffix(".xhtml") in mathematical else "")
        properties = f' properties="{properties}"' if properties else ""
        kind = KINDS[Path(name).suffix]
        items += f'<item id="f{k}" href="{name}" media-type="{kind}"{properties}/>\n'
    order = {name: k for k, name in enumerate(files)}
    spine = "".join(
        f'<itemref idref="f{order[f"{name}.xhtml"]}"/>' for name in ["cover", "nav", *list(titles)[1:]]
    )
    now = datetime.now(timezone.utc).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    site = repository.read_url()
    identifier = uuid.uuid5(uuid.NAMESPACE_URL, site or "gancourse")
    source = f"<dc:source>{html.escape(site)}</dc:source>" if site else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:{identifier}</dc:identifier>
<dc:title>{TITLE}</dc:title><dc:language>en</dc:language>
<dc:creator>the gancourse authors</dc:creator>{source}
<dc:rights>Text and figures: CC BY 4.0. Code: MIT.</dc:rights>
<meta property="dcterms:modified">{now}</meta>
<meta property="schema:accessMode">textual</meta><meta property="schema:accessMode">visual</meta>
<meta property="schema:accessibilityFeature">alternativeText</meta>
<meta property="schema:accessibilityFeature">MathML</meta>
<meta property="schema:accessibilityFeature">tableOfContents</meta>
<meta property="schema:accessibilityHazard">none</meta>
</metadata>
<manifest>
{items}</manifest>
<spine>{spine}</spine>
</package>
"""


def make(target: Path = TARGET, folder: Path = HTML, names: list[str] | None = None) -> Path:
    """Writes the pages (all, in the order of the table of contents) and returns ``target``.

    Raises:
        FileNotFoundError: the book is not built, or there is no Chromium.
        ValueError: `check` finds a fault in what was made; nothing is left behind.
    """
    names = names or book.toc(ROOT)
    if not (folder / f"{names[0]}.html").exists():
        raise FileNotFoundError(f"{folder / names[0]}.html: build the book first, `make book`")
    titles, files, mathematical = {"cover": TITLE}, {}, set()
    drawn: dict[Path, str] = {}
    files["book.css"] = STYLE.encode()
    for name, page in converted(folder, names):
        body = page["body"]
        for address in dict.fromkeys(page["pictures"]):
            path = (folder / "book" / address).resolve()
            if path not in drawn:
                drawn[path], files[drawn[path]] = picture(path)
            body = body.replace(f'src="{address}"', f'src="{drawn[path]}"')
        titles[name] = " ".join(page["title"].split())
        if page["formulas"]:
            mathematical.add(name)
        files[f"{name}.xhtml"] = page_of(titles[name], body).encode()
    hero = ROOT / "book" / "_static" / "hero.png"
    files["hero.png"] = hero.read_bytes()
    cover = (
        f'<section epub:type="titlepage"><h1>{TITLE}</h1><p><img src="hero.png" alt="Four moments of a '
        f'generator that learns to reach eight clusters of points."/></p><p>All pages of the book, as '
        f"built on {datetime.now(timezone.utc):%d %B %Y}. The notebooks run; this does not.</p>"
        "</section>"
    )
    files["cover.xhtml"] = page_of(TITLE, cover).encode()
    files["nav.xhtml"] = contents(titles).encode()
    part = target.with_suffix(".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip", zipfile.ZIP_STORED)
            out.writestr("META-INF/container.xml", CONTAINER)
            out.writestr("EPUB/book.opf", package(titles, files, mathematical))
            for name, data in files.items():
                how = zipfile.ZIP_STORED if name.endswith((".png", ".jpg")) else None
                out.writestr(f"EPUB/{name}", data, how)
        if faults := check(part):
            raise ValueError(f"{len(faults)} faults in the EPUB:\n" + "\n".join(faults[:20]))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def check(path: Path) -> list[str]:
    """What is wrong with an EPUB: its zip, its list of files, well-formed XHTML, ids and links,
    pictures without words, scripts."""
    faults: list[str] = []
    with zipfile.ZipFile(path) as book_file:
        names = book_file.namelist()
        first = book_file.infolist()[0]
        if first.filename != "mimetype" or first.compress_type != zipfile.ZIP_STORED:
            faults.append("mimetype is not the first file, uncompressed")
        elif book_file.read("mimetype") != b"application/epub+zip":
            faults.append("mimetype says something else")
        if len(set(names)) != len(names):
            faults.append("a file is in the zip twice")
        if bad := book_file.testzip():
            faults.append(f"{bad} is damaged")
        texts = {n: book_file.read(n) for n in names if n.endswith((".xhtml", ".opf", ".xml"))}
    trees: dict[str, Any] = {}
    for name, text in texts.items():
        try:
            trees[name] = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            faults.append(f"{name} is not well-formed: {error}")
    opf = trees.get("EPUB/book.opf")
    if opf is None:
        return [*faults, "EPUB/book.opf is missing"]
    listed = {f"EPUB/{i.get('href')}": i for i in opf.iter(f"{OPF}item")}
    there = {n for n in names if n.startswith("EPUB/")} - {"EPUB/book.opf"}
    faults += [f"{n} is listed and not there" for n in sorted(listed.keys() - there)]
    faults += [f"{n} is there and not listed" for n in sorted(there - listed.keys())]
    spine = {i.get("idref") for i in opf.iter(f"{OPF}itemref")}
    ids = {
        name: [e.get("id") for e in tree.iter() if e.get("id")]
        for name, tree in trees.items()
        if name.endswith(".xhtml")
    }
    for name, found in ids.items():
        if listed.get(name) is not None and listed[name].get("id") not in spine:
            faults.append(f"{name} is in no reader's way")
        faults += [f"{name}: id {i!r} twice" for i in sorted({i for i in found if found.count(i) > 1})]
        for element in trees[name].iter():
            tag = str(element.tag)
            if tag in (f"{XHTML}script", f"{XHTML}iframe", f"{XHTML}form", f"{XHTML}button"):
                faults.append(f"{name}: {tag.partition('}')[2]}")
            faults += [f"{name}: {key}" for key in element.attrib if re.match(r"on[a-z]", key)]
            if tag == f"{XHTML}img" and not (element.get("alt") or "").strip():
                faults.append(f"{name}: {element.get('src')} without words")
            for key in ("href", "src"):
                address = element.get(key)
                if address is None or re.match(r"(https?|mailto):", address):
                    continue
                file, _, anchor = address.partition("#")
                target = posixpath.normpath(f"EPUB/{file}") if file else name
                if target not in there:
                    faults.append(f"{name}: {address} is not in the book")
                elif anchor and anchor not in ids.get(target, ()):
                    faults.append(f"{name}: {address} leads to no such place")
    return faults


def main(arguments: list[str]) -> int:
    began = time.perf_counter()
    target = make(Path(arguments[0]) if arguments else TARGET)
    size, took = target.stat().st_size / 1e6, time.perf_counter() - began
    with zipfile.ZipFile(target) as made:
        files = len(made.namelist())
    print(f"{target}: {files} files, {size:.1f} MB, {took:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
