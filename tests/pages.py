"""What tests of the pages share: a page's text, its anchors, a chapter's code."""

import ast
import json
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import torch
from scipy.special import gammaln, logsumexp
from scipy.stats import rankdata

from scripts import api

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
PAGES = sorted({p.stem for p in BOOK.glob("*.md")} - {"api"})
CHAPTERS = sorted(p.stem for p in BOOK.glob("*.ipynb"))


@cache
def text(name: str) -> str:
    """The Markdown of a page or of a chapter's text cells, without fenced code."""
    if name == "api.md":
        target = BOOK / "api.md"
        if not target.exists():
            api.main([])
    raw = (BOOK / name).read_text(encoding="utf-8")
    if name.endswith(".ipynb"):
        cells = json.loads(raw)["cells"]
        raw = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    return re.sub(r"^```.*?^```$", "", raw, flags=re.M | re.S)


def slug(title: str) -> str:
    """GitHub's: lower case, punctuation dropped, spaces to dashes (docutils sees plain text)."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
    plain = re.sub(r"[`*$\\]", "", plain)
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


@cache
def anchors(name: str) -> frozenset:
    found: set[str] = set()
    for title in re.findall(r"^#{1,3} +(.+?)\s*$", text(name), re.M):
        base, k = slug(title), 0
        while (one := base if not k else f"{base}-{k}") in found:
            k += 1
        found.add(one)
    return frozenset(found)


# Code of a chapter: a function of its cells, or the reference of an exercise.
@cache
def cells(number: str) -> list[str]:
    (path,) = BOOK.glob(f"{number}-*.ipynb")
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def chapter(number: str, name: str, **names):
    """The function as the chapter writes it, with what it needs from other cells in `names`."""
    space = {
        "torch": torch, "np": np, "math": math, "F": torch.nn.functional, "nn": torch.nn,
        "one_hot": torch.nn.functional.one_hot, "softmax": torch.softmax,
        "gammaln": gammaln, "logsumexp": logsumexp, "rankdata": rankdata,
    } | names  # fmt: skip
    for source in cells(number):
        if re.search(rf"^(def|class) {name}\b", source, re.M):
            for node in ast.parse(source).body:
                if getattr(node, "name", "") == name:
                    exec(compile(ast.Module([node], []), f"chapter {number}", "exec"), space)
                    return space[name]
    raise LookupError(f"chapter {number} has no {name}")
