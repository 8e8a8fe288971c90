"""What runs in a page when a reader opens its fold: the lab, a trained generator, a blinded test.

    python scripts/embeds.py [FOLDER]

In a notebook it is a link, in a paragraph of its own below a comment that only the page sees:

    <!-- lab: preset=collapse -->
    [Try it: watch it collapse](lab.md)

In the built page the link's words become the title of a closed fold. page.js loads the scripts from
`_static` and puts what they make into the fold when it is opened; before, nothing is loaded or runs.
In the fold stands the link, too, a lab's with the same settings. The pictures of a blinded test, whose
setting is a recorded run, are in the fold: the real ones first, then as many generated ones.
"""

from __future__ import annotations

import base64
import html
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gancourse import recorded  # noqa: E402

HTML = ROOT / "_build" / "html"
#: Kind -> its scripts in book/_static, in the order of loading; {} is what the comment says.
SCRIPTS = {
    "lab": ["lab/lab.js", "lab/lab-view.js"],
    "generator": ["embed.js", "generators/{}.js", "generators/generator.js"],
    "blind": ["embed.js", "blind/blind.js"],
}
LINKS = {
    "lab": "On a page of its own, with these settings",
    "generator": "More about this generator",
    "blind": "More about these pictures",
}
COMMENT = re.compile(r"<!-- ([a-z]+): ([^\s>]+) -->")
LINE = re.compile(
    rf'{COMMENT.pattern}\s*<p><a class="[^"]*" href="([^"#]*)(#[^"]*)?">(.*?)</a></p>', re.S
)


def blinded(name: str) -> str:
    """The pictures of a blinded test in base64."""
    run = recorded.load(name)
    if run is None:
        raise LookupError(f"<!-- blind: {name} -->: there is no recorded run of that name")
    parts = (base64.b64decode(run["results"][0][kind]) for kind in ("real", "generated"))
    return base64.b64encode(b"".join(parts)).decode()


def embedded(text: str, root: str = "../") -> str:
    """A page with its folds; ``root`` leads to the site's."""

    def fold(match: re.Match[str]) -> str:
        kind, settings, page, anchor, words = match.groups()
        if kind not in SCRIPTS:
            raise LookupError(f"<!-- {kind}: ... -->: a page can run {', '.join(SCRIPTS)}")
        settings = html.escape(html.unescape(settings))
        names = [name.format(settings) for name in SCRIPTS[kind]]
        if missing := next((n for n in names if not (ROOT / "book" / "_static" / n).exists()), ""):
            raise LookupError(f"{match[0][:60]!r} needs book/_static/{missing}, which is not there")
        scripts = " ".join(f"{root}_static/{name}" for name in names)
        title = re.sub(r"<[^>]*>", "", words)
        # page.js adds a lab's settings: the theme takes what follows a # for a selector of CSS.
        address = page if kind == "lab" else page + (anchor or "")
        link = f'<a href="{address}">{LINKS[kind]}</a>'
        pictures = f' data-pictures="{blinded(settings)}"' if kind == "blind" else ""
        return (
            f'<details class="gc-embed" data-embed="{kind}" data-settings="{settings}" '
            f'data-scripts="{scripts}"{pictures}><summary>{title}</summary>'
            f"<p>{link}</p>"
            "</details>"
        )

    text = LINE.sub(fold, text)
    left = next((found for found in COMMENT.finditer(text) if found[1] in SCRIPTS), None)
    if left:
        raise LookupError(f"below {left[0]} must stand a link in a paragraph of its own")
    return text


def main(folder: Path = HTML) -> None:
    for path in sorted((folder / "book").glob("*.html")):
        before = path.read_text(encoding="utf-8")
        after = embedded(before)
        if after != before:
            path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
