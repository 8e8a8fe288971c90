"""The cells tagged `gpu`, each with what it needs of the chapter before it: nothing else runs.

    python scripts/gpu_cells.py            lists them
    python scripts/gpu_cells.py 2e82a019   prints one as a program

`source(cell)` goes backwards from the cell and keeps the statements that bind a name which something
kept reads. So a test, a count or a recording can run one GPU cell in seconds, as the reader sees it.
Needs nothing but Python and the package: the lent machine has no Jupyter.
"""

from __future__ import annotations

import ast
import builtins
import dis
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import book  # noqa: E402

MUTATES = {"append", "extend", "add", "update", "setdefault", "insert"}  # methods that change x


@dataclass(frozen=True)
class Cell:
    """One cell tagged `gpu`: its chapter's file, its place there, its id, its text."""

    path: Path
    index: int
    id: str
    text: str

    @property
    def chapter(self) -> str:
        return self.path.name[:2]


def _cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def cells() -> list[Cell]:
    """All GPU cells, in the book's order."""
    return [
        Cell(path, index, cell["id"], "".join(cell["source"]))
        for path in book.notebooks()
        for index, cell in enumerate(_cells(path))
        if "gpu" in cell["metadata"].get("tags", [])
    ]


def cell(name: str) -> Cell:
    """The cell of this id.

    Raises:
        ValueError: there is none.
    """
    known = {c.id: c for c in cells()}
    if name not in known:
        raise ValueError(f"cell: {name!r} came, needed one of {', '.join(known)}")
    return known[name]


def _base(node: ast.AST) -> str | None:
    """The name at the left of x, x[...], x.a."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _binds(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Names that a top-level statement binds for sure, and those that it may bind or changes."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {a.asname or a.name.partition(".")[0] for a in statement.names}, set()
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}, set()
    whole = isinstance(statement, (ast.Assign, ast.AnnAssign))
    bound: set[str] = set()
    changed: set[str] = set()
    for node in ast.walk(statement):
        name = None
        if isinstance(node, (ast.Subscript, ast.Attribute, ast.Name)):
            if isinstance(node.ctx, ast.Store):
                name = _base(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = _base(node.func) if node.func.attr in MUTATES else None
        elif isinstance(node, ast.ExceptHandler):
            name = node.name
        if name:
            (bound if whole and isinstance(node, ast.Name) else changed).add(name)
    if isinstance(statement, ast.If):  # for sure is what both branches bind
        sides = [{n for s in side for n in _binds(s)[0]} for side in (statement.body, statement.orelse)]
        bound = sides[0] & sides[1]
    return bound, changed - bound


def loads(code: CodeType) -> set[str]:
    """The names that compiled code looks up, but for its functions' and classes' own."""
    found = _names(code, "LOAD_NAME", "LOAD_GLOBAL")
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return found.union(*(loads(c) - _names(c, "STORE_NAME") for c in inner))


def _names(code: CodeType, *kinds: str) -> set[str]:
    return {s.argval for s in dis.get_instructions(code) if s.opname.startswith(kinds)}


def _reads(statement: ast.stmt) -> set[str]:
    """What a top-level statement needs from before it."""
    found = loads(compile(ast.Module([statement], []), "<cell>", "exec"))
    if isinstance(statement, (ast.For, ast.If, ast.With, ast.Try)):
        found -= set().union(*_binds(statement))
    return {name for name in found if not hasattr(builtins, name)}


def _needs(statements: list[ast.stmt]) -> set[str]:
    """What a cell needs from before it."""
    needed: set[str] = set()
    for statement in reversed(statements):
        needed = (needed - _binds(statement)[0]) | _reads(statement)
    return needed


def source(cell: Cell) -> str:
    """The cell as a program of its own."""
    before: list[ast.stmt] = []
    for index, other in enumerate(_cells(cell.path)[: cell.index]):
        tags = other["metadata"].get("tags", [])
        if other["cell_type"] == "code" and "exercise" not in tags:
            text = "".join(other["source"])
            if "setup" in tags:  # where the package is, is settled here
                text = text[text.index("import matplotlib") :]
            lines = text.split("\n")
            text = "\n".join("" if s.lstrip().startswith(("%", "!")) else s for s in lines)
            before += ast.parse(text, f"{cell.path.name}, cell {index}").body
    needed = _needs(ast.parse(cell.text).body)
    kept: list[ast.stmt] = []
    for statement in reversed(before):
        bound, changed = _binds(statement)
        if needed & (bound | changed):
            kept.append(statement)
            needed = (needed - bound) | _reads(statement)
    return "\n".join([*map(ast.unparse, reversed(kept)), "", cell.text, ""])


def main(arguments: list[str]) -> int:
    if arguments:
        print(source(cell(arguments[0])))
        return 0
    for one in cells():
        print(one.id, one.path.name, "cell", one.index)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
