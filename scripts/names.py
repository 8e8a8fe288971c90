"""Names that mean two things in one notebook, so that cells run out of order change each other.

    python scripts/names.py [book/03-name.ipynb ...]

A name at the top level of a notebook has two meanings when

- it is a function, class or import in one cell and a different one, or a value, in another; or
- it is assigned in two cells, not by the same line, and some cell reads it without assigning it
  first: what that cell sees depends on which of the two ran last. A function that other cells call
  reads what its body reads.

A name that every cell assigns for itself before it reads it is scratch paper and may come again. So may
variables of loops, figures and their axes, `_`, and random generators, which every draw changes anyway.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import book, notebook  # noqa: E402
from scripts.gpu_cells import _needs, loads  # noqa: E402

SCRATCH = {"_", "fig", "ax", "axes", "rng", "g"}
Definition = ast.FunctionDef | ast.ClassDef
Import = ast.Import | ast.ImportFrom


@dataclass
class Cell:
    """What one cell does to the notebook's names."""

    id: str
    defines: dict[str, str] = field(default_factory=dict)  # functions, classes, imports -> their text
    assigns: dict[str, str] = field(default_factory=dict)  # values -> the statements that set them
    reads: set[str] = field(default_factory=set)  # from another cell
    bodies: dict[str, set[str]] = field(default_factory=dict)  # function -> what its body reads


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Top-level statements, and those in loops, branches and with-blocks; not in functions."""
    for statement in body:
        yield statement
        for part in ("body", "orelse", "finalbody"):
            if not isinstance(statement, Definition):
                yield from _statements(getattr(statement, part, []))


def _targets(statement: ast.stmt) -> list[str]:
    """Names that a statement assigns by itself, no loop's variable among them."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        targets = [statement.target]
    elif isinstance(statement, ast.With):
        targets = [item.optional_vars for item in statement.items if item.optional_vars]
    else:
        targets = []
    stored = (node for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
    return [node.id for node in stored if isinstance(node.ctx, ast.Store)]


def _look(cell_id: str, source: str) -> Cell:
    lines = ["" if s.lstrip().startswith(("%", "!")) else s for s in source.split("\n")]
    tree = ast.parse("\n".join(lines))
    cell = Cell(cell_id, reads=_needs(tree.body))
    for statement in _statements(tree.body):
        if isinstance(statement, Definition):
            cell.defines[statement.name] = ast.dump(statement)
            code = compile(ast.Module([statement], []), "<cell>", "exec")
            cell.bodies[statement.name] = loads(code) - {statement.name}
        elif isinstance(statement, Import):
            where = getattr(statement, "module", "")
            for alias in statement.names:
                name = alias.asname or alias.name.partition(".")[0]
                cell.defines[name] = f"{where} {alias.name}"
        for name in _targets(statement):
            cell.assigns[name] = cell.assigns.get(name, "") + ast.dump(statement)
    return cell


def _read_elsewhere(cells: list[Cell]) -> set[str]:
    """Names whose value one cell takes from another, also by way of a function that it calls."""
    read = set().union(*(cell.reads for cell in cells))
    called = [cell.bodies[name] for cell in cells for name in cell.bodies if name in read]
    return read.union(*called)


def two_meanings(nb: NotebookNode) -> dict[str, list[str]]:
    """Name -> ids of the cells that give it different meanings, in the notebook's order."""
    cells = [_look(cell.id, cell.source) for cell in nb.cells if cell.cell_type == "code"]
    read = _read_elsewhere(cells)
    found = {}
    for name in sorted(set().union(*({*cell.defines, *cell.assigns} for cell in cells)) - SCRATCH):
        defined = {cell.id: cell.defines[name] for cell in cells if name in cell.defines}
        assigned = {cell.id: cell.assigns[name] for cell in cells if name in cell.assigns}
        meanings = {**assigned, **defined}
        if len({*defined.values(), *assigned.values()}) > 1 and (defined or name in read):
            found[name] = [cell.id for cell in cells if cell.id in meanings]
    return found


def main(arguments: list[str]) -> int:
    count = 0
    for path in map(Path, arguments) if arguments else book.notebooks():
        for name, cells in two_meanings(notebook.read(path)).items():
            print(f"{path.stem}: {name} in cells {', '.join(cells)}")
            count += 1
    return bool(count)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
