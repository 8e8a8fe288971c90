"""A chapter's own functions and classes, without running the chapter.

    from scripts.chapters import chapter

    page = chapter("14")
    page.complaint("C1CC")                 # as the chapter writes it
    page = chapter("12", KEY=key)          # with something that a cell of it computes

A definition is loaded when it is first asked for, together with what it needs. There are functions,
classes, imports, and constants: names in capitals (at least two characters), assigned once, by an
expression that calls none of the chapter's own functions. Anything else is the work of a cell, and
has to be given. Cells tagged `exercise` are left out.

A deeper page (03-failures-deeper-...) is part of its chapter: `chapter("03")` has the definitions of
all its pages, as if they were one. What two of them write alike counts once.

So an experiment, a test or a script can take from a chapter what the reader sees, and nothing has
to be written twice. Tracebacks and `inspect.getsource` show the chapter's lines; `chapter("14")` is
the module `scripts.chapters.ch14`, also for pickle and in a child process.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import functools
import inspect
import linecache
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import torch

from gancourse.recorded import chapter_pages, code, joined
from scripts.gpu_cells import loads

BOOK = Path(__file__).resolve().parent.parent / "book"
Statement = ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign


def _assigned(statement: ast.stmt) -> list[str]:
    """Every name that a top-level statement binds by assigning to it."""
    stored = (n for n in ast.walk(statement) if isinstance(n, ast.Name))
    return [n.id for n in stored if isinstance(n.ctx, ast.Store)]


def _calls(node: ast.AST) -> set[str]:
    """Names that a statement calls when it is run; what a lambda calls waits."""
    if isinstance(node, ast.Lambda):
        return set()
    own = {node.func.id} if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else set()
    return own.union(*map(_calls, ast.iter_child_nodes(node)))


class Definitions:
    """What a chapter defines, and what of it needs what; nothing is run."""

    def __init__(self, number: str, notebook: str):
        self.number, self.text = number, code(notebook)
        self.file = f"<chapter {number}>"
        tree = ast.parse(self.text)
        self.found: dict[str, list[Statement]] = {}
        self.computed: set[str] = set()
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                self._add(node.name, node)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    one = ast.copy_location(type(node)(**{**vars(node), "names": [alias]}), node)
                    self._add(alias.asname or alias.name.partition(".")[0], one)
        functions = {
            name for name, nodes in self.found.items()
            if isinstance(nodes[0], (ast.FunctionDef, ast.ClassDef))
        }  # fmt: skip
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                continue
            plain = isinstance(node, (ast.Assign, ast.AnnAssign)) and not _calls(node) & functions
            for name in _assigned(node):
                if plain and name.isupper() and len(name) > 1:
                    self._add(name, node)
                else:
                    self.computed.add(name)

    def _add(self, name: str, node: Any) -> None:
        nodes = self.found.setdefault(name, [])
        if all(ast.dump(node) != ast.dump(other) for other in nodes):
            nodes.append(node)

    def node(self, name: str) -> Statement:
        """The statement that defines `name`; AttributeError with the reason where there is none."""
        nodes = self.found.get(name, [])
        if len(nodes) == 1 and not (name in self.computed and name.isupper()):
            return nodes[0]
        if nodes:
            lines = ", ".join(str(n.lineno) for n in nodes)
            raise AttributeError(
                f"chapter {self.number} gives {name!r} more than one meaning (lines {lines} of its "
                f"code): rename one, or give it: chapter({self.number!r}, {name}=...)"
            )
        if name in self.computed:
            raise AttributeError(
                f"chapter {self.number} computes {name!r} in a cell, it does not define it: "
                f"give it, chapter({self.number!r}, {name}=...)"
            )
        close = difflib.get_close_matches(name, self.found, 1)
        raise AttributeError(
            f"chapter {self.number} defines no {name!r}"
            + (f"; did you mean {close[0]!r}?" if close else "")
        )

    def compiled(self, name: str) -> CodeType:
        return compile(ast.Module([self.node(name)], []), self.file, "exec")

    def needs(self, name: str) -> set[str]:
        """Names that `name`'s definition reads and that Python does not have by itself."""
        found = loads(self.compiled(name)) - {name}
        return {n for n in found if not hasattr(builtins, n) and not n.startswith("__")}

    def source(self, names: Iterable[str], given: Iterable[str] = ()) -> str:
        """The text of these definitions and of all that they need, in the chapter's order."""
        known, todo = set(given), sorted(set(names) - set(given))
        nodes = []
        while todo:
            name = todo.pop()
            if name not in known:
                known.add(name)
                nodes.append(self.node(name))
                todo += sorted(self.needs(name))
        nodes.sort(key=lambda node: (node.lineno, ast.dump(node)))
        return "\n".join(map(ast.unparse, nodes))


@dataclass(frozen=True)
class Later:
    """What a cell of a chapter computes, made when something first needs it."""

    make: Callable[[], Any]


class Chapter(ModuleType):
    """The module of one chapter; see `chapter`."""

    def __init__(self, number: str, given: dict[str, Any]):
        super().__init__(f"{__name__}.ch{number}")
        later = {name: value for name, value in given.items() if isinstance(value, Later)}
        now = {name: value for name, value in given.items() if name not in later}
        vars(self).update(now, _number=number, _given=frozenset(given), _later=later, _loading=set())

    @functools.cached_property
    def _definitions(self) -> Definitions:
        found = Definitions(self._number, chapter_text(self._number))
        # no time of change: then linecache keeps it
        entry = len(found.text), None, found.text.splitlines(keepends=True), found.file
        linecache.cache[found.file] = entry
        vars(self)["__file__"] = found.file  # where inspect looks for a class
        words = {n.id for n in ast.walk(ast.parse(found.text)) if isinstance(n, ast.Name)}
        if unused := sorted(self._given - words - set(found.found)):
            raise ValueError(f"given: chapter {self._number} has no {unused[0]!r}")
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        with torch.random.fork_rng(devices=[]):  # when it is loaded changes nobody's draws
            self._load(name)
        return vars(self)[name]

    def _load(self, name: str) -> None:
        space = vars(self)
        if name in space or name in self._loading:
            return
        if name in self._later:
            space[name] = self._later[name].make()
            return
        compiled = self._definitions.compiled(name)
        self._loading.add(name)
        try:
            for needed in sorted(self._definitions.needs(name)):
                try:
                    self._load(needed)
                except AttributeError as error:
                    raise AttributeError(f"{name!r} needs {needed!r}: {error}") from None
            made: dict[str, Any] = {}
            if isinstance(self._definitions.node(name), (ast.FunctionDef, ast.ClassDef)):
                exec(compiled, space)
            else:  # a tuple of targets may hold what is no constant
                exec(compiled, space, made)
                space[name] = made[name]
        finally:
            self._loading.discard(name)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *self._definitions.found})


def chapter_file(number: str) -> Path:
    """The main page of a chapter, "03": book/NN-name.ipynb; ValueError if there is none."""
    found = chapter_pages(BOOK, number) if number.isdigit() else []
    if not found:
        raise ValueError(f"number: {number!r} came, needed that of a chapter, as '03'")
    return found[0]


def chapter_text(number: str) -> str:
    """The text of a chapter's notebook, its deeper pages joined to it; ValueError if there is none."""
    chapter_file(number)
    return joined([page.read_text(encoding="utf-8") for page in chapter_pages(BOOK, number)])


def chapter(number: str, /, **given: Any) -> Chapter:
    """The definitions of chapter `number` ("03") as a module.

    given: what cells of the chapter compute and definitions need, by name; as `Later(make)` where
    making it takes its time.

    Raises:
        ValueError: there is no such chapter; or, when something is first asked for, `given` holds a
            name that the chapter does not use.
        AttributeError: when something is asked for that the chapter does not define, or that needs
            what a cell computes and nobody gave.
    """
    chapter_file(number)
    return Chapter(number, given) if given else sys.modules[f"{__name__}.ch{number}"]  # type: ignore[return-value]


def used(module: ModuleType) -> Iterator[tuple[Chapter, set[str]]]:
    """The chapters that a module holds, each with the names that its text takes from it."""
    tree = ast.parse(inspect.getsource(module))
    for name, value in list(vars(module).items()):
        if isinstance(value, Chapter):
            taken = {
                node.attr for node in ast.walk(tree)
                if isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name) and node.value.id == name
            }  # fmt: skip
            yield value, taken


# Every chapter is a module from the start, unread: so a pickle finds its functions, also in a child
# process, which imports scripts.chapters before scripts.chapters.ch14.
for _number in sorted({page.name[:2] for page in BOOK.glob("[0-9][0-9]-*.ipynb")}):
    _chapter = Chapter(_number, {})
    sys.modules[_chapter.__name__] = _chapter
    globals()[f"ch{_number}"] = _chapter
