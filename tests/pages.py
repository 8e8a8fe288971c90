"""What tests of the pages share: a page's text and its anchors, a site on a port of this machine."""

import contextlib
import functools
import http.server
import importlib
import json
import re
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
PAGES = sorted(p.stem for p in BOOK.glob("*.md"))
CHAPTERS = sorted(p.stem for p in BOOK.glob("*.ipynb"))


@cache
def text(name: str) -> str:
    """The Markdown of a page or of a chapter's text cells, without fenced code."""
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
    if name == "api.md":  # scripts/reference.py makes these
        public = [(m, n) for m, names in reference().items() for n in names if not n.isupper()]
        found |= {f"{m}{n}".lower() for m, n in public}
    return frozenset(found)


@cache
def reference() -> dict[str, list[str]]:
    """The modules that book/api.md shows, and the public names of each."""
    page = (BOOK / "api.md").read_text(encoding="utf-8")
    modules = re.findall(r"^\.\. automodule:: gancourse\.(\w+)$", page, re.M)
    return {m: importlib.import_module(f"gancourse.{m}").__all__ for m in modules}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextlib.contextmanager
def served(folder: Path, kind: type[Quiet] = Quiet) -> Iterator[str]:
    """The address at which a folder is served meanwhile."""
    handler = functools.partial(kind, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
