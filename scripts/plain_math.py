r"""Formulas for a reader without JavaScript: from TeX, in letters and signs, ``p_g(x) \le \tfrac12``
as *p*\ :sub:`g` and so on, written beside the TeX that MathJax draws.

MathML would be the better picture, and half as many bytes again as the page of chapter 1 has; this is
less than a tenth, and without scripts a page says what it means. scripts/light.py calls `beside`.
"""

from __future__ import annotations

import html
import re

FORMULA = re.compile(
    r'<(span|div) class="math notranslate nohighlight"[^>]*>'
    r"(?:<span class=\"eqno\">.*?</span>)?\s*\\[(\[](.*?)\\[)\]]\s*</\1>",
    re.S,
)
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|\d+|.", re.S)
NAMED = "log exp max min sup inf arg sin cos tan sinh cosh tanh det Pr ln lim dim deg sign".split()
SIGNS = {
    name: html.unescape(f"&{name};")
    for name in (
        "alpha beta gamma delta zeta eta theta kappa lambda mu nu xi pi rho sigma tau upsilon chi "
        "psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell pm mp times nabla "
        "langle rangle lfloor rfloor lceil rceil emptyset forall exists"
    ).split()
} | {
    "epsilon": "ϵ", "varepsilon": "ε", "phi": "ϕ", "varphi": "φ", "infty": "∞", "top": "T",
    "|": "‖", "lVert": "‖", "rVert": "‖", "Vert": "‖", "lvert": "|", "rvert": "|", "circ": "∘",
    "dots": "…", "ldots": "…", "cdots": "…", "{": "{", "}": "}", "%": "%", "#": "#", "_": "_",
    "&": "&amp;", "$": "$", "prime": "′", "star": "*", "odot": "⊙", "otimes": "⊗",
    "oplus": "⊕", "bot": "⊥", "cup": "∪", "cap": "∩", "vert": "|", "sum": "∑", "prod": "∏",
    "int": "∫", "setminus": "∖", "cdot": "·", "bmod": " mod ", "partial": "∂",
}  # fmt: skip
RELATIONS = {
    "=": "=", "<": "&lt;", ">": "&gt;", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠",
    "neq": "≠", "approx": "≈", "sim": "~", "to": "→", "mapsto": "↦", "leftarrow": "←",
    "rightarrow": "→", "in": "∈", "notin": "∉", "subset": "⊂", "mid": "|", "gg": "≫", "ll": "≪",
    "Rightarrow": "⇒", "Longrightarrow": "⇒", "Longleftrightarrow": "⇔", "Leftrightarrow": "⇔",
    "iff": "⇔", "equiv": "≡", "propto": "∝", "ast": "*",
}  # fmt: skip
# What may follow a fraction that stands without brackets.
END = {"", *") ] } , . ; + - & / | \\} \\\\ \\quad \\qquad \\right".split()}
GAPS = {"&", "\\quad", "\\qquad"}
SPACES = {",": " ", ";": " ", ":": " ", " ": " ", "quad": "  ", "qquad": "  ", "!": ""}
ACCENTS = {"hat": "̂", "widehat": "̂", "bar": "̄", "tilde": "̃", "dot": "̇", "ddot": "̈", "vec": "⃗"}
DOUBLE = dict(zip("RENPZ1", "ℝ𝔼ℕℙℤ𝟙", strict=True))
NOTHING = set(
    "left right big Big bigl bigr Bigl Bigr bigg Bigg biggl biggr textstyle displaystyle limits "
    "nolimits boxed underbrace overbrace mathbf mathcal mathit mathsf boldsymbol bm".split()
)
WORDS = {"text", "textbf", "textit", "mathrm"}
FRACTIONS = {"frac", "tfrac", "dfrac"}
BINOMIALS = {"binom", "tbinom", "dbinom"}


class Reader:
    """The tokens of a formula, one at a time."""

    def __init__(self, tex: str):
        self.tokens = TOKEN.findall(tex)
        self.at = 0
        self.matrix = False

    def more(self) -> bool:
        return self.at < len(self.tokens)

    def next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self) -> str:
        while self.more() and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.more() else ""

    def goes_on(self) -> bool:
        """Whether the next line of an aligned formula is the rest of this one."""
        rest = [t for t in self.tokens[self.at : self.at + 6] if t not in GAPS and not t.isspace()]
        return not self.matrix and rest[:1] in (["+"], ["-"], ["="])

    def raw(self) -> str:
        """A group's letters as they stand."""
        if self.peek() != "{":
            return self.next() if self.more() else ""
        self.next()
        found, depth = [], 1
        while self.more():
            token = self.next()
            depth += (token == "{") - (token == "}")
            if not depth:
                break
            found.append(token)
        return "".join(found)

    def argument(self, small: bool = False) -> str:
        """A group or one token, as HTML."""
        if self.peek() == "{":
            self.next()
            return tidy(self.until("}", small))
        if not self.more():
            return ""
        token = self.next()
        if token.isdigit() and len(token) > 1:  # \tfrac12
            self.at -= 1
            self.tokens[self.at : self.at + 1] = list(token)
            token = self.next()
        return tidy(self.one(token, "", small))

    def until(self, end: str, small: bool = False) -> str:
        found = ""
        while self.more():
            token = self.next()
            if token == end:
                break
            found += self.one(token, found, small)
        return found

    def one(self, token: str, before: str, small: bool) -> str:
        """What a token says, as HTML; ``before`` is the text at its left."""
        name = token.removeprefix("\\") if len(token) > 1 and token[0] == "\\" else ""
        if token.isspace() or token in "{}":
            return self.until("}", small) if token == "{" else ""
        if token in ("_", "^"):
            tag = "sub" if token == "_" else "sup"
            return f"<{tag}>{self.argument(small=True).strip()}</{tag}>"
        if token == "'":
            return "′"
        if token in ("+", "-"):
            sign = "+" if token == "+" else "−"
            binary = not small and re.search(r"[\w)\]}|>′‖̂̄̃̇]\s*$", before)
            return f" {sign} " if binary else sign
        if token in ("&", "~"):
            return " "
        if (name or token) in RELATIONS:
            sign = RELATIONS[name or token]
            return sign if small else f" {sign} "
        if not name:
            return html.escape(token) if token != "," else (token if small else ", ")
        if name == "\\":
            return " " if self.goes_on() else "; "
        if name in SPACES:
            return SPACES[name]
        if name in NAMED:
            return self.function(name, before)
        if name in FRACTIONS:
            part = f"{whole(self.argument(small))}/{whole(self.argument(small), 1)}"
            after = self.peek()
            alone = after in END or after.removeprefix("\\") in RELATIONS
            return part if alone else f"({part})"
        if name in BINOMIALS:
            return f"({self.argument(small)} choose {self.argument(small)})"
        if name == "sqrt":
            return f"√{whole(self.argument(small))}"
        if name in ACCENTS:
            return self.argument(small) + ACCENTS[name]
        if name == "mathbb":
            inside = self.raw()
            return DOUBLE.get(inside, html.escape(inside))
        if name in ("begin", "end"):
            kind = self.raw()
            self.matrix = name == "begin" and kind.endswith("matrix")
            ends = {"pmatrix": "()", "bmatrix": "[]", "cases": "{ "}.get(kind, "  ")
            return ends[0] if name == "begin" else ends[1]
        if name == "operatorname":
            return self.function(html.escape(re.sub(r"\\[,;: ]", " ", self.raw())), before)
        if name in WORDS:
            return html.escape(self.raw())
        if name in NOTHING:
            if name in ("left", "right") and self.peek() == ".":
                self.next()
            return ""
        if name in SIGNS:
            return SIGNS[name]
        return name  # (a test says which commands of the book have no sign here)

    def function(self, name: str, before: str) -> str:
        gap = " " if re.search(r"[\w)>]$", before) else ""
        after = "" if self.peek() in ("(", "[", "_", "^", "\\{", "\\bigl", "\\left", "") else " "
        return f"{gap}{name}{after}"


def whole(part: str, most: int = 9) -> str:
    """A part of a fraction, in brackets if it has more than ``most`` letters or another sign."""
    part = part.strip()
    bare = re.sub(r"<(su[bp])>.*?</\1>", "", part)
    letters = re.fullmatch(rf"\d+|(?:\w[′̂̄̃̇]*){{1,{most}}}|\w?\([^()]*\)", bare)
    return part if letters else f"({part})"


def tidy(text: str) -> str:
    return re.sub(r" +([,;.)])", r"\1", re.sub(r" {2,}", " ", text)).strip()


KNOWN = {
    *SIGNS, *RELATIONS, *SPACES, *ACCENTS, *NOTHING, *NAMED, *WORDS, *FRACTIONS, *BINOMIALS,
    "\\", "mathbb", "operatorname", "begin", "end", "sqrt",
}  # fmt: skip


def unknown(tex: str) -> set[str]:
    """The commands of a formula that have no sign here; `plain` writes their names."""
    return {t[1:] for t in TOKEN.findall(tex) if len(t) > 1 and t[0] == "\\"} - KNOWN


def plain(tex: str) -> str:
    """A formula's TeX as HTML of letters, signs, sub- and superscripts."""
    return tidy(Reader(tex).until(""))


def beside(text: str) -> str:
    """A page whose formulas can be read without JavaScript."""

    def both(match: re.Match[str]) -> str:
        words = plain(html.unescape(match[2]))
        if match[1] == "div":
            words = f"<p>{words}</p>"
        return f"{match[0]}<noscript>{words}</noscript>"

    text, count = FORMULA.subn(both, text)
    if count:
        hidden = "<noscript><style>.math{display:none!important}</style></noscript>"
        text = text.replace("</head>", f"{hidden}\n</head>", 1)
    return text
