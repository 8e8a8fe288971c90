"""What a claim says that does not hold on the reader's machine.

A chapter asserts what it claims. Training a GAN makes another run of another machine's rounding, so an
assert may miss where nobody made a mistake; a bare ``AssertionError`` would not say so.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

__all__ = ["explain_misses"]

MANY = 8  # values shown of one side
NOTE = """\
What to make of it: a GAN's training blows up the last digit of each sum, and your processor or
library may round otherwise than those that this claim was tried on. A near miss is such a case: go on
with the next cell. If you changed something above, look there first. A wide miss in an unchanged
chapter, or one where nothing is trained, is a mistake of ours: please tell us."""


def explain_misses() -> None:
    """In a notebook, an assert of a cell that fails also shows the numbers that it compared.

    The error stays an error, with its traceback. Outside of IPython this does nothing.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        shell.set_custom_exc((AssertionError,), _show)


def _show(shell: Any, kind: type, error: AssertionError, trace: TracebackType, tb_offset=None):
    # IPython's own evaluation: of the cell's words, where the cell stood.
    if said := explanation(trace, shell.ev):
        print(said, flush=True)
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def explanation(trace: TracebackType, evaluate: Callable[[str], Any]) -> str:
    """What to say of the assert that ended this traceback, or "" if it stands in no cell."""
    last = trace
    while last.tb_next is not None:
        last = last.tb_next
    frame = last.tb_frame
    if frame.f_globals.get("__name__") != "__main__":
        return ""  # an assert of a library is no claim
    source = "".join(linecache.getlines(frame.f_code.co_filename))
    try:
        nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Assert)]
    except SyntaxError:  # a cell with magics
        return ""
    for node in nodes:
        if node.lineno <= last.tb_lineno <= (node.end_lineno or node.lineno):
            claim = ast.unparse(node.test)
            values = [
                f"    {side} = {value}" for side, value in _sides(node.test, evaluate).items()
            ]
            return "\n".join([f"This claim missed: {claim}", "Measured:", *values, NOTE])
    return ""


def _sides(test: ast.expr, evaluate: Callable[[str], Any]) -> dict[str, str]:
    """What a test compares: text of each side -> its value; one value a round inside ``all(...)``."""
    found: dict[str, str] = {}
    rounds = {
        part.elt: part.generators
        for part in ast.walk(test)
        if isinstance(part, (ast.GeneratorExp, ast.ListComp))
    }

    def look(node: ast.AST, loops: list[ast.comprehension]) -> None:
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                if not isinstance(side, ast.Constant):
                    found[ast.unparse(side)] = _value(side, loops, evaluate)
            return
        for child in ast.iter_child_nodes(node):
            look(child, rounds.get(child, loops) if isinstance(child, ast.expr) else loops)

    look(test, [])
    return found


def _value(side: ast.expr, loops: list[ast.comprehension], evaluate: Callable[[str], Any]) -> str:
    whole = ast.ListComp(side, loops) if loops else side
    try:
        value = evaluate(ast.unparse(whole))
        values = value if loops else [value]
        shown = [f"{float(v):.4g}" for v in values[:MANY]]
    except Exception:  # no number, or a function's own names: the claim is printed all the same
        return "?"
    return ", ".join(shown) + (", ..." if len(values) > MANY else "")
