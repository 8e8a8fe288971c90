"""What a chapter claims: predicted, measured, tolerance, and whether it holds on this machine.

`verify` shows a chapter's claims as one strip and raises if one misses. Training a GAN makes another
run of another machine's rounding, so a claim may miss where nobody made a mistake; the error says so.
"""

from __future__ import annotations

import ast
import html
import linecache
import reprlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from gancourse._numbers import plain, real
from gancourse._tables import MISSING, aligned, number, show

__all__ = ["verify", "near", "below", "above", "same", "holds", "Row", "explain_misses"]

MANY = 8  # values shown of one side
KEPT = 60  # numbers that a row keeps
LONG = 120  # characters shown of one cell
COLUMNS = ("claim", "predicted", "measured", "tolerance", "holds")
NOTE = """\
What to make of it: a GAN's training blows up the last digit of each sum, and your processor or
library may round otherwise than those that this claim was tried on. A near miss is such a case: go on
with the next cell. If you changed something above, look there first. A wide miss in an unchanged
chapter, or one where nothing is trained, is a mistake of ours: please tell us."""


@dataclass(frozen=True)
class Row:
    """One claim: what is predicted, what was measured, and whether they agree.

    Made by `near`, `below`, `above`, `same` and `holds`; shown by `verify`. All but ``holds`` are
    texts as the reader sees them; ``values`` are the first numbers measured.
    """

    what: str
    predicted: str
    measured: str
    tolerance: str
    holds: bool
    values: tuple[float, ...] = ()


def verify(*rows: Row) -> None:
    """Show claims as one strip, then raise if one misses.

    A notebook draws a table (its numbers also stand in the output's metadata, for the page of all
    claims); elsewhere the same is printed.

    Args:
        rows: what `near`, `below`, `above`, `same` and `holds` return, at least one.

    Raises:
        AssertionError: if a claim misses: which ones, with their numbers, and what to make of it.
        ValueError: for no rows, something else than a row, or two rows that say the same.
    """
    if not rows:
        raise ValueError("verify() got no rows; need at least one: claims.near(...), ...")
    for k, row in enumerate(rows):
        if not isinstance(row, Row):
            raise ValueError(f"rows[{k}]={_brief(row)}; need claims.near(...), claims.below(...), ...")
    twice = [row.what for k, row in enumerate(rows) if row.what in {r.what for r in rows[:k]}]
    if twice:
        raise ValueError(f"two rows say {twice[0]!r}; need another text for each claim")
    cells = [(r.what, r.predicted, r.measured, r.tolerance, r.holds) for r in rows]
    kept = [dict(zip(COLUMNS, row, strict=True)) for row in cells]
    show(_plain_strip(cells), _strip(cells), {"gancourse": {"claims": kept}})
    if missed := [row for row in rows if not row.holds]:
        raise AssertionError(miss(missed, len(rows)))


def miss(missed: Sequence[Row], of: int) -> str:
    """What is said of the claims that missed."""
    lines = [
        f"    {r.what}: predicted {r.predicted}, measured {r.measured}"
        + (f", tolerance {r.tolerance}" if r.tolerance not in ("limit", MISSING) else "")
        for r in missed
    ]
    count = f"{len(missed)} of {of} claims" if of > 1 else "This claim"
    return "\n".join([f"{count} missed:", *lines, NOTE])


def _plain_strip(cells: Sequence[tuple[str, str, str, str, bool]]) -> str:
    body = [(*texts, "yes" if good else "NO: missed") for *texts, good in cells]
    return aligned([COLUMNS, *body], [False] * len(COLUMNS))


def _strip(cells: Sequence[tuple[str, str, str, str, bool]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = ""
    for what, *texts, good in cells:
        shown = [*texts, "\N{CHECK MARK} holds" if good else "\N{BALLOT X} missed"]
        kind = "gc-holds" if good else "gc-missed"
        body += f'<tr class="{kind}"><th scope="row">{html.escape(what)}</th>'
        for name, text in zip(COLUMNS[1:], shown, strict=True):
            body += f'<td data-label="{name}">{html.escape(text)}</td>'
        body += "</tr>"
    return f'<table class="gc-claims"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


# --- the kinds of claim ---------------------------------------------------------------------------


def near(
    what: str,
    predicted: Any,
    measured: Any,
    *,
    within: Any = None,
    relative: float | None = None,
) -> Row:
    """Claim that what was measured lies at most so far from what was predicted.

    Args:
        what: a fragment of a sentence that says what was measured.
        predicted: a finite number, or as many as measured, in the same shape.
        measured: a number, or an array, tensor, list or dict of numbers, complex ones too: all must
            lie near, and the worst is shown. NaN is near nothing.
        within: the largest distance allowed, a positive number, or one for each measured number.
        relative: instead of ``within``: the same as a share of the predicted number's size.

    Raises:
        ValueError: unless exactly one of ``within`` and ``relative`` is given; for arrays that are
            empty or of different shapes, truth values, and what is no number.
    """
    if (within is None) == (relative is None):
        raise ValueError(
            f"within={within!r}, relative={relative!r} in {what!r}; need exactly one of the two"
        )
    measured = list(measured) if isinstance(measured, Iterator) else measured
    found, expected = _sides(what, measured, "predicted", predicted)
    if relative is not None:
        relative = real("relative", relative, "a positive number", above=0)
        if not expected.all():
            raise ValueError(f"predicted=0 in {what!r}; need within=..., there is no share of 0")
        allowed = relative * np.abs(_wide(expected))
        tolerance = f"{number(100 * relative)} %"
    else:
        _, allowed = _sides(what, measured, "within", within)
        if np.iscomplexobj(allowed) or not (allowed > 0).all():
            raise ValueError(f"within={_brief(within)} in {what!r}; need a positive number")
    off = np.abs(_wide(found) - _wide(expected))
    good, k = bool((off <= allowed).all()), _worst(off / allowed)
    if relative is None:
        tolerance = number(allowed[k])
    digits = 4 if good else _digits(found[k], expected[k])
    return _row(
        what,
        number(expected[k], digits),
        number(found[k], digits) + _which(k, found, measured),
        f"\N{PLUS-MINUS SIGN} {tolerance}",
        good,
        found,
    )


def below(what: str, measured: Any, limit: Any) -> Row:
    """Claim that what was measured is less than a limit.

    Args:
        what: a fragment of a sentence that says what was measured.
        measured: a number, or an array, tensor, list or dict of numbers: all must lie below, and the
            worst is shown. NaN lies below nothing.
        limit: a finite number, or as many as measured, in the same shape.

    Raises:
        ValueError: for arrays that are empty or of different shapes, complex numbers, truth values,
            and what is no number.
    """
    return _compare(what, measured, limit, "<")


def above(what: str, measured: Any, limit: Any) -> Row:
    """Claim that what was measured is greater than a limit; else as `below`.

    Raises:
        ValueError: as `below`.
    """
    return _compare(what, measured, limit, ">")


def _compare(what: str, measured: Any, limit: Any, sign: str) -> Row:
    found, bound = _sides(what, measured, "limit", limit)
    if np.iscomplexobj(found) or np.iscomplexobj(bound):
        raise ValueError(f"a complex number in {what!r}; need real ones, which have an order")
    beyond = _wide(found) - _wide(bound) if sign == "<" else _wide(bound) - _wide(found)
    good, k = bool((beyond < 0).all()), _worst(beyond)
    digits = _digits(found[k], bound[k])
    return _row(
        what,
        f"{sign} {number(bound[k], digits)}",
        number(found[k], digits) + _which(k, found, measured),
        "limit",
        good,
        found,
    )


def same(what: str, predicted: Any, measured: Any) -> Row:
    """Claim that what was measured is exactly what was predicted.

    Args:
        what: a fragment of a sentence that says what was measured.
        predicted, measured: numbers, texts, tensors or arrays (of one shape; the types of their numbers
            need not agree), or tuples, lists, sets and dicts of these. One predicted number or text is
            compared with each that an array or a list has. NaN is the same as nothing.

    Raises:
        ValueError: for an empty array, or an empty list beside one number: nothing would be checked.
    """
    if isinstance(measured, Iterator):
        measured = list(measured)
    arrays = [_array(side) for side in (predicted, measured) if _is_array(side)]
    many = isinstance(measured, list) and _is_single(predicted)
    if many and not measured or any(array.size == 0 for array in arrays):
        raise ValueError(f"measured={_brief(measured)} in {what!r} is empty; need what to compare")
    aim, shown = _shown(predicted), _shown(measured)
    if many:
        off = np.array([not _equal(predicted, part) for part in measured])
        good = not off.any()
        if len(off) > MANY:
            aim, shown = _of_many(off, [predicted] * len(off), measured)
    elif arrays:
        good, aim, shown = _same_arrays(predicted, measured, aim, shown)
    else:
        good = _equal(predicted, measured)
    one, other = plain(predicted), plain(measured)
    if not good and isinstance(one, (int, float)) and isinstance(other, (int, float)):
        aim, shown = (number(side, _digits(one, other)) for side in (one, other))
    return _row(what, aim, shown, "exact", good, measured)


def holds(what: str, condition: Any, measured: Any = "") -> Row:
    """Claim that a condition is true, where none of the other kinds fits.

    Args:
        what: a fragment of a sentence that says what is true.
        condition: True or False, or an array, tensor or list of them: all must be true.
        measured: what the condition looked at, as a text or numbers, for the reader.

    Raises:
        ValueError: for no condition at all, or something else than truth values.
    """
    if isinstance(condition, Mapping):
        condition = condition.values()
    listed = _is_iterable(condition) and not _is_array(condition)
    parts = [_array(part).ravel() for part in (condition if listed else [condition])]
    truths = np.concatenate(parts) if parts else np.empty(0, bool)
    if not truths.size or truths.dtype != bool:
        need = "True or False" if truths.size else "at least one truth value"
        raise ValueError(f"condition={_brief(condition)} in {what!r}; need {need}")
    good, true = bool(truths.all()), int(truths.sum())
    shown = "yes" if good else "no"
    if truths.size > 1:
        shown = f"all {truths.size}" if good else f"{true} of {truths.size}"
    own = _shown(measured)
    return _row(what, "yes", own or shown, MISSING, good, truths.astype(float))


# --- what stands on the two sides -----------------------------------------------------------------


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "detach")


def _is_iterable(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes))


def _is_single(value: Any) -> bool:
    if _is_array(value):
        return value.ndim == 0
    return isinstance(value, (bool, int, float, complex, str, np.generic))


def _array(value: Any) -> np.ndarray:
    """Of a tensor, whatever its device and type, an array, a number, or a list, dict, ... of these."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().resolve_conj().resolve_neg()
        try:
            return value.numpy()
        except TypeError:  # bfloat16
            return value.float().numpy()
    if isinstance(value, Mapping):
        value = value.values()
    if _is_iterable(value) and not hasattr(value, "__array__"):
        return np.array([_array(part) for part in value])  # ValueError where shapes differ
    return np.asarray(value)


def _checked(what: str, name: str, value: Any) -> np.ndarray:
    """Numbers, at least one."""
    try:
        array = _array(value)
        if array.dtype == object:  # fractions, whole numbers beyond 64 bits
            array = np.array([float(part) for part in array.ravel()]).reshape(array.shape)
    except (TypeError, ValueError):
        array = np.array("no numbers")
    if not array.size:
        raise ValueError(f"{name}={_brief(value)} in {what!r} is empty; need at least one number")
    if array.dtype.kind not in "iufc":
        raise ValueError(
            f"{name}={_brief(value)} in {what!r}; need a number or an array of numbers"
            + ("; claims.holds takes what is true" if array.dtype == bool else "")
        )
    return array


def _sides(what: str, measured: Any, name: str, other: Any) -> tuple[np.ndarray, np.ndarray]:
    """What was measured and what is set beside it: arrays ``(N,)``."""
    found = _checked(what, "measured", measured)
    if isinstance(other, Mapping):
        if not isinstance(measured, Mapping) or other.keys() != measured.keys():
            raise ValueError(f"{name}={_brief(other)} in {what!r}; need the names of measured")
        other = [other[key] for key in measured]
    beside = _checked(what, name, other)
    if not np.isfinite(beside).all():
        raise ValueError(f"{name}={_brief(other)} in {what!r}; need finite numbers")
    if beside.size == 1 and beside.ndim <= found.ndim:
        beside = np.broadcast_to(beside.reshape(()), found.shape)
    if beside.shape != found.shape:
        raise ValueError(
            f"{name} has shape {beside.shape} in {what!r}; need one number, or measured's {found.shape}"
        )
    return found.ravel(), beside.ravel()


def _wide(array: np.ndarray) -> np.ndarray:
    """Numbers that can be subtracted: bytes cannot."""
    return array if np.iscomplexobj(array) else array.astype(float)


def _worst(score: np.ndarray) -> int:
    lost = np.isnan(score)
    return int(lost.argmax() if lost.any() else score.argmax())


def _which(k: int, found: np.ndarray, measured: Any) -> str:
    """Which of several numbers is shown."""
    if found.size == 1:
        return ""
    named = isinstance(measured, Mapping) and len(measured) == found.size
    return f" ({f'{list(measured)[k]}, ' if named else ''}worst of {found.size})"


def _digits(one: Any, other: Any) -> int:
    """As many as it takes to tell two numbers apart, at least 4."""
    digits = 4
    while digits < 17 and number(one, digits) == number(other, digits):
        digits += 1
    return digits if digits < 17 else 4


def _equal(one: Any, other: Any) -> bool:
    if _is_array(one) or _is_array(other):
        return _same_arrays(one, other, "", "")[0]
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        alike = isinstance(one, list) == isinstance(other, list) and len(one) == len(other)
        return alike and all(map(_equal, one, other))
    return bool(one == other)


def _same_arrays(one: Any, other: Any, aim: str, shown: str) -> tuple[bool, str, str]:
    """Whether two sides, one of them an array, are equal, and what their cells show."""
    try:
        # A Python number stays one: 0.1 is the same as a float32's 0.1.
        a, b = (s if _is_single(s) and not _is_array(s) else _array(s) for s in (one, other))
    except ValueError:  # a list whose rows differ in length
        return False, aim, shown
    if np.ndim(a) and np.shape(a) != np.shape(b):
        return False, f"shape {np.shape(a)}", f"shape {np.shape(b)}"
    off = np.asarray(a != b)
    good = not off.any()
    if off.size > MANY:
        wide = np.broadcast_to(a, off.shape).ravel()
        aim, shown = _of_many(off.ravel(), wide, np.ravel(b))
        if good and np.ndim(a):
            aim = f"{off.size} numbers"
    return good, aim, shown


def _of_many(off: np.ndarray, predicted: Any, measured: Any) -> tuple[str, str]:
    """The cells of what is too large to be shown whole; ``off``: where the two differ."""
    k, count = int(off.argmax()), int(off.sum())
    what = f"{_shown(measured[k])} ({count} of {off.size} differ)"
    return _shown(predicted[k]), what if count else f"the same, all {off.size}"


def _shown(value: Any) -> str:
    """A value as a reader sees it."""
    if _is_array(value):
        array = _array(value)
        value = array.tolist() if array.size <= MANY else f"array of shape {array.shape}"
    value = plain(value)
    if isinstance(value, (bool, int, float, complex)):
        text = number(value)
    elif isinstance(value, Mapping):
        text = f"{{{', '.join(f'{_shown(k)}: {_shown(v)}' for k, v in value.items())}}}"
    elif isinstance(value, (set, frozenset)):
        text = f"{{{', '.join(sorted(map(_shown, value)))}}}" if value else "none"
    elif isinstance(value, (list, tuple)):
        inner = ", ".join(map(_shown, value))
        text = f"({inner})" if isinstance(value, tuple) else inner or "none"
    else:
        text = " ".join(str(value).split())
    return text if len(text) <= LONG else text[: LONG - 4] + " ..."


def _brief(value: Any) -> str:
    if _is_array(value):
        return f"array of shape {tuple(value.shape)}, {value.dtype}"
    return reprlib.repr(value)


def _row(what: str, predicted: str, measured: str, tolerance: str, good: bool, found: Any) -> Row:
    if not isinstance(what, str) or not what.strip():
        raise ValueError(f"what={what!r}; need a text that says what is claimed")
    try:
        array = _array(found).ravel()[:KEPT]
        values = (np.abs(array) if np.iscomplexobj(array) else array.astype(float)).tolist()
    except (TypeError, ValueError):  # a text, a set: no number
        values = []
    return Row(" ".join(what.split()), predicted, measured, tolerance, good, tuple(values))


# --- bare asserts ---------------------------------------------------------------------------------


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
    above = trace
    while (inner := above.tb_next) is not None:  # what `verify` does is not where the reader looks
        if inner.tb_frame.f_globals is globals():
            above.tb_next = None
            break
        above = inner
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
                f"    {side} = {value}" for side, value in _compared_by(node.test, evaluate).items()
            ]
            return "\n".join([f"This claim missed: {claim}", "Measured:", *values, NOTE])
    return ""


def _compared_by(test: ast.expr, evaluate: Callable[[str], Any]) -> dict[str, str]:
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
