"""What a built page says more than once is said once: half of its bytes, and nothing that is seen.

Pygments marks every name, dot and space of the code, most of them in the colour that the text has
anyway; the theme's icons are drawn out in full at each of forty links, and its style sheets name
two thousand that no page shows; its templates leave the indentation of their source.
scripts/light.py calls `page` on each page and `sheet` on the style sheet of all.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping

# `html[data-theme="light"] .highlight .k { color: #6730C5 }`, and without a class the text's own
RULE = re.compile(r'html\[data-theme="(\w+)"\] \.highlight( \.\w+)? \{([^}]*)\}')
COLOUR = re.compile(r"(?:^|;)\s*color: *(#\w+)")
TOKEN = re.compile(r'<span class="(\w+)">([^<]*)</span>')
# Neighbours of one colour, with space alone between them.
ROW = re.compile(r"<span class=(\w+)>[^<]*</span>(?:\s*<span class=\1>[^<]*</span>)+")
AGAIN = re.compile(r"<span class=\w+>|</span>")
BLOCK = re.compile(r'(<div class="highlight">)<pre>(.*?)(</pre>)', re.S)
PRACTICE = re.compile(r'(<script type="application/json" id="gc-practice-data">)(.*?)(</script>)')
ICON = re.compile(r'(<svg class="svg-inline--fa [^>]*>)<path fill="currentColor" d="([^"]+)"/>')
QUOTED_OR_COMMENT = re.compile(
    r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|url\([^)]*\))|/\*.*?\*/""", re.S
)
GLYPH = re.compile(r'(?:\.fa-[\w-]+::?before,?)+\{content:"[^"]*"\}')
WORD = re.compile(r'<span class="pre">([^<]*)</span>')
KEPT_OR_BREAK = re.compile(r"(<(pre|script|style|textarea)\b.*?</\2>)|\s*\n\s*", re.S)


def colours(sheet: str) -> dict[str, str]:
    """Class of a token -> the first class that looks the same in all of the sheet's schemes, and ""
    where the text around it does. A class that does more than colour (bold, a ground) is left out.
    """
    looks: dict[str, dict[str, str]] = {}
    plain: dict[str, str] = {}
    for scheme, name, said in RULE.findall(sheet):
        colour = COLOUR.search(said)
        shade = colour[1] if colour else ""
        if not name:
            plain[scheme] = shade
        else:
            only = not COLOUR.sub("", said).strip("; ")
            looks.setdefault(name.removeprefix(" ."), {})[scheme] = shade if only else ""
    first: dict[tuple[str, ...], str] = {tuple(plain[s] for s in sorted(plain)): ""}
    same = {}
    for name, by in looks.items():
        if set(by) == set(plain) and all(by.values()):
            same[name] = first.setdefault(tuple(by[s] for s in sorted(plain)), name)
    return same


def code(text: str, same: Mapping[str, str]) -> str:
    """Highlighted code in as few spans as show the same colours."""
    if naked(text):  # words outside of spans, which may have another colour
        same = {name: other or "n" for name, other in same.items()}

    def token(match: re.Match[str]) -> str:
        name = same.get(match[1], match[1])
        if not name or (match[1] in same and not match[2].strip()):
            return match[2]  # it has the colour of the text, or nothing to colour
        return f"<span class={name}>{match[2]}</span>"

    text = TOKEN.sub(token, text.removeprefix("<span></span>"))
    return ROW.sub(lambda row: f"<span class={row[1]}>{AGAIN.sub('', row[0])}</span>", text)


def naked(text: str) -> bool:
    """Whether any words stand outside of the spans."""
    return bool(re.sub(r"<[^>]*>", "", TOKEN.sub("", text)).strip())


def block(match: re.Match[str], same: Mapping[str, str]) -> str:
    """A cell's code; `.gc-code` has the colour of code, where a <pre> has the colour of text."""
    mark = "" if naked(match[2]) else ' class="gc-code"'
    return f"{match[1]}<pre{mark}>{code(match[2], same)}{match[3]}"


def in_script(text: str, change: Callable[[str], str]) -> str:
    """The data of the exercises (scripts/practice.py), with the code in them changed."""

    def walk(value: object) -> object:
        if isinstance(value, str):
            return change(value) if '<span class="' in value else value
        if isinstance(value, list):
            return [walk(one) for one in value]
        if isinstance(value, dict):
            return {key: walk(one) for key, one in value.items()}
        return value

    def again(match: re.Match[str]) -> str:
        told = json.dumps(walk(json.loads(match[2])), separators=(",", ":"))
        return match[1] + told.replace("<", "\\u003c") + match[3]

    return PRACTICE.sub(again, text)


def drawn_once(text: str) -> str:
    """The second icon of a kind on a page shows the first one's outline."""
    outlines = Counter(outline for _, outline in ICON.findall(text))
    names: dict[str, str] = {}

    def draw(match: re.Match[str]) -> str:
        outline = match[2]
        if outlines[outline] == 1:
            return match[0]
        if outline in names:
            return f'{match[1]}<use href="#{names[outline]}"/>'
        names[outline] = f"gc-icon-{len(names) + 1}"
        return match[0].replace("<path ", f'<path id="{names[outline]}" ')

    return ICON.sub(draw, text)


def unindented(text: str) -> str:
    """Without the space that ends and begins the lines of the theme's templates. Not in the article,
    where a style sheet may show it."""
    before, opened, rest = text.partition("<article")
    article, closed, after = rest.rpartition("</article>")

    def trim(html: str) -> str:
        return KEPT_OR_BREAK.sub(lambda m: m[1] or "\n", html)

    return trim(before) + opened + article + closed + trim(after)


def words(text: str) -> str:
    """The article without the span around each word of `code`, which does no more than forbid a break
    in it, on a phone too."""
    before, opened, rest = text.partition("<article")
    article, closed, after = rest.rpartition("</article>")
    return before + opened + WORD.sub(r"\1", article) + closed + after


def sheet(text: str) -> str:
    """A style sheet without its comments, its indentation and the letters of the icon font, which
    light.py leaves out."""
    text = QUOTED_OR_COMMENT.sub(lambda m: m[1] or "", text)
    return GLYPH.sub("", re.sub(r"\s*\n\s*", "\n", text))


def page(text: str, same: Mapping[str, str]) -> str:
    """A page that looks and reads the same, with the classes of code that `colours` found."""
    text = BLOCK.sub(lambda m: block(m, same), text)
    text = in_script(text, lambda said: code(said, same))
    return unindented(words(drawn_once(text)))
