"""Where a claim's numbers come from: computed on the page, read from a recorded run, or typed in.

    python scripts/claims.py [book/03-name.ipynb ...]

Follows values through a chapter's code, cell by cell, without running it. A number is *live* if a
call of the package, torch, numpy, scipy or scikit-learn made it from nothing but literals and other
live numbers; *recorded* if it comes from `recorded.load`; arithmetic on literals is neither. A cell
tagged `claim` needs an assert, or a row of `claims.verify`, that looks at something live; one that looks
at recorded runs alone says so with the tag `recorded`.
"""

from __future__ import annotations

import ast
import builtins
import sys
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import notebook

LIVE, RECORDED = "live", "recorded"
Origins = frozenset[str]
NOTHING: Origins = frozenset()
#: Python's own functions and modules compute nothing that could come out otherwise.
PLAIN = {
    "math",
    "itertools",
    "functools",
    "collections",
    "json",
    "re",
    "Path",
    "time",
    "plt",
    "plots",
    "claims",
}
PLAIN |= set(dir(builtins)) | {
    "mpl",
    "warnings",
    "defaultdict",
    "Counter",
    "partial",
    "os",
    "IPython",
}
CONSTANTS = {"ppf"}  # quantiles: a table's numbers


@dataclass(frozen=True)
class Claim:
    """One cell with an assert or with the tag `claim`."""

    index: int
    cell: str
    tags: tuple[str, ...]
    origins: Origins  # of all that its asserts look at
    asserts: int  # bare asserts and rows of `verify`
    bare: int = 0  # of these, asserts
    rows: tuple[Origins, ...] = ()  # of each argument of `verify`

    @property
    def problem(self) -> str | None:
        """What is wrong with its tags, or None."""
        if "claim" not in self.tags:
            return None
        where = f"cell {self.index} ({self.cell}) is tagged `claim`"
        if not self.asserts:
            return f"{where} and asserts nothing"
        if LIVE in self.origins:
            return None
        if RECORDED not in self.origins:
            return f"{where}, but its asserts look at literals alone: nothing can come out otherwise"
        if RECORDED not in self.tags:
            return f"{where}, but looks at recorded runs alone: tag it `recorded`, too"
        return None


def verifies(node: ast.AST) -> bool:
    """Is it a call of `claims.verify`?"""
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("claims.verify", "verify")


def rows(arguments: list[ast.expr]) -> list[ast.expr]:
    """What `verify` is given, with what stands in lists (``*([...] if run else [])``) one by one."""
    found = []
    for node in arguments:
        value = node.value if isinstance(node, ast.Starred) else None
        value = value.body if isinstance(value, ast.IfExp) else value
        found += rows(value.elts) if isinstance(value, (ast.List, ast.Tuple)) else [node]
    return found


class _Follow(ast.NodeVisitor):
    """Origins of a chapter's names, statement by statement."""

    def __init__(self) -> None:
        self.names: dict[str, Origins] = {}
        self.functions: dict[str, ast.AST] = {}
        self.inside: list[str] = []  # functions being looked into, against recursion
        self.asserted: Origins = NOTHING
        self.asserts = self.bare = 0
        self.rows: list[Origins] = []

    # --- expressions

    def origins(self, node: ast.AST | None) -> Origins:
        if node is None or isinstance(node, ast.Constant):
            return NOTHING
        if isinstance(node, ast.Name):
            return self.names.get(node.id, NOTHING)
        if isinstance(node, ast.Lambda):
            return self.origins(node.body)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            return self.comprehension(node)
        if isinstance(node, ast.NamedExpr):
            self.assign(node.target, self.origins(node.value))
        if isinstance(node, ast.Call):
            return self.call(node)
        found = [self.origins(child) for child in ast.iter_child_nodes(node)]
        return NOTHING.union(*found)

    def comprehension(self, node) -> Origins:
        known = dict(self.names)
        found = [NOTHING]
        for part in node.generators:
            source = self.origins(part.iter)
            self.assign(part.target, source)
            found += [source, *map(self.origins, part.ifs)]
        inner = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        found += [self.origins(child) for child in inner]
        self.names = known
        return NOTHING.union(*found)

    def call(self, node: ast.Call) -> Origins:
        given = [self.origins(a) for a in node.args]
        if ast.unparse(node.func).startswith("claims."):
            given = given[1:]  # what is claimed, in words
        given += [self.origins(k.value) for k in node.keywords]
        arguments = NOTHING.union(*given)
        root = node.func
        while isinstance(root, (ast.Attribute, ast.Subscript, ast.Call)):
            root = root.func if isinstance(root, ast.Call) else root.value
        name = root.id if isinstance(root, ast.Name) else ""
        if name == "recorded" or name == "load":
            return arguments | {RECORDED}
        if isinstance(node.func, ast.Name) and name in self.functions:
            return arguments | self.body(name, arguments)
        if isinstance(node.func, ast.Attribute) and node.func.attr in CONSTANTS:
            return arguments
        own = self.origins(node.func)
        if own or not isinstance(root, ast.Name) or name in PLAIN:
            return arguments | own
        if name in self.names and isinstance(node.func, ast.Attribute):
            return arguments | own  # a method of a plain value
        return arguments if RECORDED in arguments else arguments | {LIVE}

    def body(self, name: str, arguments: Origins) -> Origins:
        """What a call of a chapter's own function or class returns."""
        if name in self.inside or len(self.inside) > 8:
            return NOTHING
        node = self.functions[name]
        if isinstance(node, ast.ClassDef):
            return frozenset({LIVE})
        inner = _Follow()
        inner.names, inner.functions = dict(self.names), dict(self.functions)
        inner.inside = [*self.inside, name]
        for argument in ast.walk(node.args):  # type: ignore[attr-defined]
            if isinstance(argument, ast.arg):
                inner.names[argument.arg] = arguments
        if isinstance(node, ast.Lambda):
            return inner.origins(node.body)
        found: list[Origins] = []
        for statement in node.body:  # type: ignore[attr-defined]
            inner.visit(statement)
        for part in ast.walk(node):
            if isinstance(part, (ast.Return, ast.Yield)):
                found.append(inner.origins(part.value))
        return NOTHING.union(*found)

    # --- statements

    def assign(self, target: ast.AST, value: Origins, more: bool = False) -> None:
        if isinstance(target, ast.Name):
            old = self.names.get(target.id, NOTHING) if more else NOTHING
            self.names[target.id] = old | value
        elif isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                self.assign(part, value, more)
        elif isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
            self.assign(target.value, value, more=True)

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Lambda):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self.functions[target.id] = node.value
        for target in node.targets:
            if (
                isinstance(target, ast.Tuple)
                and isinstance(node.value, ast.Tuple)
                and len(target.elts) == len(node.value.elts)
            ):
                for part, value in zip(target.elts, node.value.elts):
                    self.assign(part, self.origins(value))
            else:
                self.assign(target, self.origins(node.value))

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.assign(node.target, self.origins(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.assign(node.target, self.origins(node.value), more=True)

    def visit_For(self, node: ast.For) -> None:
        self.assign(node.target, self.origins(node.iter))
        for statement in node.body + node.orelse:
            self.visit(statement)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            if item.optional_vars is not None:
                self.assign(item.optional_vars, self.origins(item.context_expr))
        for statement in node.body:
            self.visit(statement)

    def visit_Expr(self, node: ast.Expr) -> None:
        if verifies(node.value):
            for row in rows(node.value.args):  # type: ignore[attr-defined]
                self.asserts += 1
                self.rows.append(self.origins(row))
            self.asserted = self.asserted.union(*self.rows)
            return
        origins = self.origins(node.value)
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            self.assign(call.func.value, origins, more=True)  # runs.append(x), trainer.fit(x)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.functions[node.name] = node

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.functions[node.name] = node

    def visit_Assert(self, node: ast.Assert) -> None:
        self.asserts += 1
        self.bare += 1
        self.asserted |= self.origins(node.test)

    def visit_If(self, node: ast.If) -> None:
        self.origins(node.test)
        for statement in node.body + node.orelse:
            self.visit(statement)


def claims(nb: NotebookNode) -> list[Claim]:
    """The cells of a chapter that assert something or are tagged `claim`, in order."""
    follow, found = _Follow(), []
    for index, cell in enumerate(nb.cells):
        if cell.cell_type != "code":
            continue
        follow.asserted, follow.asserts, follow.bare, follow.rows = NOTHING, 0, 0, []
        lines = ["" if s.lstrip().startswith(("%", "!")) else s for s in cell.source.split("\n")]
        for statement in ast.parse("\n".join(lines)).body:
            follow.visit(statement)
        tags = tuple(notebook.tags(cell))
        if follow.asserts or "claim" in tags:
            asserted = follow.asserted, follow.asserts, follow.bare, tuple(follow.rows)
            found.append(Claim(index, cell.id, tags, *asserted))
    return found


def count(nb: NotebookNode) -> tuple[int, int, int]:
    """Claims measured live, claims on recorded runs alone, and cells that only print numbers."""
    all_claims = [c for c in claims(nb) if "claim" in c.tags]
    live = sum(LIVE in c.origins for c in all_claims)
    asserting = {c.index for c in claims(nb) if c.asserts}
    text = sum(
        cell.cell_type == "code" and index not in asserting and "print(" in cell.source
        for index, cell in enumerate(nb.cells)
    )
    return live, len(all_claims) - live, text


def main(arguments: list[str]) -> int:
    paths = [Path(a) for a in arguments] or sorted(Path("book").glob("*.ipynb"))
    problems = []
    print(f"{'':30} live  recorded  only printed")
    for path in paths:
        nb = notebook.read(path)
        live, kept, text = count(nb)
        print(f"{path.stem:30} {live:4} {kept:9} {text:13}")
        problems += [f"{path.stem}: {c.problem}" for c in claims(nb) if c.problem]
    print("\n".join(["", *problems]) if problems else "")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
