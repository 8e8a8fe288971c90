"""What autodoc leaves to do for book/api.md: names as chapters write them, and anchors that stay.

An object is shown as `losses.get` (chapters import `losses` from `gancourse`), and is found at
`api.html#losses-get` and from a page at `api.md#lossesget`, the anchors that the book always had,
beside autodoc's own `#gancourse.losses.get`.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

PACKAGE = "gancourse"


def borrow_comments(app: Sphinx) -> None:
    """A package shows constants of its modules, whose `#:` comments stand where they are set."""
    for _, name, is_package in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__):
        if not is_package:
            continue
        package = importlib.import_module(f"{PACKAGE}.{name}")
        mine = ModuleAnalyzer.for_module(package.__name__).find_attr_docs()
        for module in [m for m in sys.modules if m.startswith(f"{package.__name__}.")]:
            for key, comment in ModuleAnalyzer.for_module(module).find_attr_docs().items():
                if key[0] == "" and key[1] in getattr(package, "__all__", ()):
                    mine.setdefault(key, comment)


def skip_field_numbers(app: Sphinx, what: str, name: str, member: Any, skip: bool, *_: Any) -> Any:
    """A named tuple's fields are in its signature; Python's docstrings say "Alias for field 0"."""
    return True if type(member).__name__ == "_tuplegetter" else None


def name_and_anchor(app: Sphinx, doctree: nodes.document) -> None:
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for signature in doctree.findall(addnodes.desc_signature):
        module = str(signature.get("module", ""))
        if not module.startswith(f"{PACKAGE}.") or signature["class"]:
            continue
        name = f"{module.removeprefix(f'{PACKAGE}.')}.{signature['fullname']}"
        for shown in signature.findall(addnodes.desc_addname):
            shown.children = [nodes.Text(shown.astext().removeprefix(f"{PACKAGE}."))]
        slug, old = name.replace(".", "").lower(), nodes.make_id(name)
        if slug not in slugs and not signature["fullname"].isupper():  # `dirac` has it, not `DIRAC`
            signature["ids"].append(old)
            slugs[slug] = (signature.line, old, name)
    for field in doctree.findall(nodes.field_name):
        if field.astext() == "Variables":  # Sphinx's word for attributes
            field.children = [nodes.Text("Attributes")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", borrow_comments)
    app.connect("autodoc-skip-member", skip_field_numbers)
    app.connect("doctree-read", name_and_anchor)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
