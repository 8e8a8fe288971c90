"""What the built pages take from the cache of executed chapters: an extension of Sphinx.

It also says, below each chapter, how to run that chapter alone.

Two things differ from jupyter-cache's own way. The repository's URL, a line of each setup cell, is no
part of a chapter's key: `make repository URL=...` publishes the results that are there. And the panel
of a run that nobody has recorded yet is left out of the page; in the notebook it stands.
"""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache.cache.main import JupyterCacheBase

IN_CELL = re.compile(r'(?m)^REPOSITORY = "[^"\n]*"$')
MISSING = "gc-recorded-missing"

_hashed = JupyterCacheBase.create_hashed_notebook
_merged = JupyterCacheBase.merge_match_into_notebook


def create_hashed_notebook(
    self: Any, nb: nbformat.NotebookNode, *args: Any, **kwargs: Any
) -> tuple[nbformat.NotebookNode, str]:
    nb = copy.deepcopy(nb)
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.source = IN_CELL.sub('REPOSITORY = ""', cell.source)
    return _hashed(self, nb, *args, **kwargs)


def merge_match_into_notebook(
    self: Any, nb: nbformat.NotebookNode, *args: Any, **kwargs: Any
) -> tuple[int, nbformat.NotebookNode]:
    key, merged = _merged(self, nb, *args, **kwargs)
    for cell, mine in zip(merged.cells, nb.cells, strict=True):
        cell.source = mine.source  # with the URL
        if "outputs" in cell:
            cell.outputs = [o for o in cell.outputs if not missing(o)]
    return key, merged


def missing(output: nbformat.NotebookNode) -> bool:
    """Is it the panel of a run that nobody has recorded?"""
    return MISSING in output.get("data", {}).get("text/html", "")


def install() -> None:
    JupyterCacheBase.create_hashed_notebook = create_hashed_notebook
    JupyterCacheBase.merge_match_into_notebook = merge_match_into_notebook


def offer(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Below a chapter: its notebook and the package, and what to do with them."""
    source = context.get("sourcename") or ""
    wheels = sorted(Path(app.srcdir, "book", "_static").glob("gancourse-*.whl"))
    if not source.endswith(".ipynb") or not wheels or "body" not in context:
        return
    address = context["pathto"]
    notebook = address(f"_sources/{source}", 1)
    package = address(f"_static/{wheels[0].name}", 1)
    context["body"] += (
        '<p class="gc-alone"><strong>Run this chapter elsewhere.</strong> Download '
        f'<a href="{notebook}" download>its notebook</a> and '
        f'<a href="{package}" download>the course\'s package</a> into one folder, or upload both to '
        "Colab (<em>Files</em>, on the left).<br>The notebook's first cell installs the package from "
        "there; PyTorch and the rest must be there, as they are on Colab.</p>"
    )


def setup(app: Any) -> dict[str, bool]:
    install()
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
