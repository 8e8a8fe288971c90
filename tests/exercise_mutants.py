"""Wrong and right answers to the exercises, derived by machine from printed solutions and references.

    python -m tests.exercise_mutants 3          # a chapter: kill rate, and its survivors with diffs
    python -m tests.exercise_mutants 3 3.1      # one exercise
    python -m tests.exercise_mutants 3 --write  # lists new survivors as "open" in survivors/ch03.json

A wrong answer ("mutant") has one thing changed: a sign, `<` for `<=`, an axis, mean for sum, a term,
a method such as detach, clamp or sqrt dropped, arguments swapped ... One that the checker passes is
a survivor: kill it with a better input, or list it in ``survivors/chNN.json`` with the reason why it
is no wrong answer ("equivalent: ..."). "open" means that nobody has looked yet.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import difflib
import functools
import inspect
import json
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

import gancourse.exercises as engine
from gancourse.exercises import _limit, _run, _sandbox
from tests.exercise_help import printed, printed_ids, run_cell

LISTS = Path(__file__).parent / "survivors"
SECONDS = 3.0  # a mutant that loops for ever is as dead as one that raises

SWAPS = {
    "mean": "sum", "sum": "mean", "min": "max", "max": "min", "amin": "amax", "amax": "amin",
    "argmin": "argmax", "argmax": "argmin", "any": "all", "all": "any", "clamp_min": "clamp_max",
    "clamp_max": "clamp_min", "floor": "ceil", "ceil": "floor", "eval": "train", "train": "eval",
    "rand": "randn", "randn": "rand", "rand_like": "randn_like", "randn_like": "rand_like",
    "zeros": "ones", "ones": "zeros", "cos": "sin", "sin": "cos",
}  # fmt: skip
DROPS = {
    "detach", "square", "sqrt", "rsqrt", "abs", "clamp", "clamp_", "clamp_min", "clamp_max", "relu",
    "log", "log2", "log1p", "exp", "tanh", "sigmoid", "double", "flatten", "diagonal", "diag",
    "softmax", "log_softmax", "unique", "round", "sort", "cumsum", "flip", "t", "clone", "bool",
    "nan_to_num", "normalize", "norm", "requires_grad_", "contiguous", "transpose", "fill_diagonal_",
}  # fmt: skip
COMPARE: dict[type, list[type]] = {
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is], ast.In: [ast.NotIn], ast.NotIn: [ast.In],
}  # fmt: skip


@dataclasses.dataclass
class Answer:
    """An answer by machine: ``name`` is stable as long as its line stays."""

    name: str
    diff: str
    function: Callable


def _number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def variants(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """(operator, what stands in the node's place); None drops a statement."""
    if isinstance(node, ast.BinOp):
        pairs: dict[type, list[type]] = {
            ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
            ast.FloorDiv: [ast.Div], ast.Mod: [ast.FloorDiv], ast.BitAnd: [ast.BitOr],
            ast.BitOr: [ast.BitAnd],
        }  # fmt: skip
        for other in pairs.get(type(node.op), []):
            yield (
                f"{type(node.op).__name__} to {other.__name__}",
                ast.BinOp(node.left, other(), node.right),
            )
        if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult, ast.Pow)):
            yield "sides swapped", ast.BinOp(node.right, node.op, node.left)
        yield "right side dropped", node.left
        if isinstance(node.op, (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.Sub)):
            yield "left side dropped", node.right
    elif isinstance(node, ast.UnaryOp) and not _number(node.operand):
        yield "sign or not dropped", node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in COMPARE.get(type(node.ops[0]), []):
            yield (
                f"{type(node.ops[0]).__name__} to {other.__name__}",
                ast.Compare(node.left, [other()], node.comparators),
            )
    elif isinstance(node, ast.BoolOp):
        yield (
            "and/or",
            ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values),
        )
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield "other truth", ast.Constant(not node.value)
        elif isinstance(node.value, int):
            yield "constant + 1", ast.Constant(node.value + 1)
            if node.value:
                yield "constant - 1", ast.Constant(node.value - 1)
        elif isinstance(node.value, float):
            yield "constant doubled", ast.Constant(2 * node.value if node.value else 1.0)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.IfExp):
        yield "always the first", node.body
        yield "always the second", node.orelse
    elif isinstance(node, ast.Return) and node.value is not None:
        value = node.value
        if isinstance(value, ast.Tuple):
            yield "parts in reverse", ast.Return(ast.Tuple(value.elts[::-1], ast.Load()))
        else:
            yield "twice the result", ast.Return(ast.BinOp(ast.Constant(2), ast.Mult(), value))
            yield "the result negated", ast.Return(ast.UnaryOp(ast.USub(), value))
    elif isinstance(node, (ast.Expr, ast.AugAssign)):
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield "statement dropped", None
    elif isinstance(node, ast.With):
        yield "with dropped", node.body
    elif isinstance(node, ast.If):
        yield "if dropped", node.body
        yield "else only", node.orelse or None


def _calls(node: ast.Call) -> Iterator[tuple[str, Any]]:
    function = node.func
    if isinstance(function, ast.Attribute):
        name, on = function.attr, function.value
        if name in SWAPS:
            other = copy.deepcopy(node)
            other.func.attr = SWAPS[name]  # type: ignore[attr-defined]
            yield f"{name} to {SWAPS[name]}", other
        if name in DROPS:
            library = isinstance(on, ast.Name) and on.id in ("torch", "F", "np", "math")
            if not library:
                yield f"{name} dropped", on
            elif node.args:
                yield f"{name} dropped", node.args[0]
        if name in ("var", "std", "cov") and not any(
            k.arg in ("correction", "unbiased") for k in node.keywords
        ):
            other = copy.deepcopy(node)
            other.keywords.append(ast.keyword("correction", ast.Constant(0)))
            yield "correction=0", other
    elif isinstance(function, ast.Name) and node.args and function.id in DROPS | {"softplus"}:
        yield f"{function.id} dropped", node.args[0]
    plain = [a for a in node.args if not isinstance(a, ast.Starred)]
    if len(plain) == len(node.args) >= 2 and not (_number(plain[0]) or _number(plain[1])):
        yield (
            "arguments swapped",
            ast.Call(function, [plain[1], plain[0], *plain[2:]], node.keywords),
        )
    for keyword in node.keywords:
        if keyword.arg in ("dtype", "retain_graph", "device", "generator"):
            continue
        rest = [k for k in node.keywords if k is not keyword]
        yield f"{keyword.arg} dropped", ast.Call(function, node.args, rest)


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, by: Any) -> None:
        self.target, self.by = target, by

    def visit(self, node: ast.AST) -> Any:
        if node is self.target:
            if self.by is None:
                return ast.Pass()
            return self.by
        return self.generic_visit(node)


def mutated(source: str) -> Iterator[tuple[str, str, str]]:
    """(name, diff, source) of each mutant of a piece of Python, in a fixed order."""
    tree = ast.parse(source)
    plain = ast.unparse(tree)
    nodes = [
        node
        for top in ast.walk(tree)
        if isinstance(top, (ast.FunctionDef, ast.ClassDef, ast.Lambda)) and hasattr(top, "lineno")
        for node in ast.walk(top)
    ]
    seen, times = {plain}, {}
    defaults = {id(d) for f in ast.walk(tree) if isinstance(f, ast.arguments) for d in f.defaults}
    for node in dict.fromkeys(nodes):
        if id(node) in defaults:
            continue
        for operator, by in variants(node):
            clone_of = {id(node): node}
            memo: dict[int, Any] = {}
            twin = copy.deepcopy(tree, memo)
            target = memo[id(clone_of[id(node)])]
            replaced = copy.deepcopy(by)
            text = ast.unparse(ast.fix_missing_locations(_Replace(target, replaced).visit(twin)))
            if text in seen:
                continue
            seen.add(text)
            lines = list(difflib.unified_diff(plain.split("\n"), text.split("\n"), n=0, lineterm=""))
            before = [x[1:].strip() for x in lines[2:] if x.startswith("-")]
            base = f"{operator} | {' '.join(before)[:90]}"
            times[base] = times.get(base, 0) + 1
            name = base if times[base] == 1 else f"{base} ({times[base]})"
            yield name, "\n".join(lines[2:]), text


@functools.cache
def sources(exercise_id: str) -> tuple[tuple[str, Callable[[str], Any], str], ...]:
    """(where from, source -> answer, source): the printed solution, and the reference if plain."""
    page, found = printed(exercise_id), []

    def from_page(text: str) -> Any:
        return run_cell(page.stub, text)[1]

    found.append(("printed", from_page, page.solution))
    exercise = engine.EXERCISES[exercise_id]
    reference = getattr(exercise, "reference", None)
    if inspect.isfunction(reference) and not hasattr(exercise, "broken"):
        free = reference.__code__.co_freevars or reference.__name__ == "<lambda>"
        if not free:
            text = textwrap.dedent(inspect.getsource(reference))

            def from_reference(text: str) -> Any:
                space = dict(reference.__globals__)
                exec(compile(text, "<reference>", "exec"), space)
                return space[reference.__name__]

            found.append(("reference", from_reference, text))
    return tuple(found)


def wrong_answers(exercise_id: str) -> Iterator[Answer]:
    for where, build, source in sources(exercise_id):
        for name, diff, text in mutated(source):
            try:
                function = build(text)
            except Exception:  # it can't even be defined
                continue
            if callable(function):
                yield Answer(f"{exercise_id} {where}: {name}", diff, function)


def _each(change: Callable, tree: Any) -> Any:
    if isinstance(tree, torch.Tensor):
        return change(tree)
    if isinstance(tree, (list, tuple)):
        return type(tree)(_each(change, part) for part in tree)
    return tree


class _Class:
    def __init__(self, function: Callable) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


def right_answers(exercise_id: str) -> Iterator[Answer]:
    """The printed solution and the reference in other dress."""
    exercise = engine.EXERCISES[exercise_id]
    clinic = hasattr(exercise, "broken")
    for where, build, source in sources(exercise_id):
        f = build(source)
        if not callable(f):
            continue
        dressed = {"a class": _Class(f), "partial": functools.partial(f)}
        dressed["a lambda"] = lambda *args, f=f: f(*args)
        results = [] if clinic else _run.expected_run(exercise).results
        if results and not exercise.strict:
            one = results[0]
            changes: dict[str, Callable] = {}
            if _floating(results):
                changes["float64"] = lambda t: t.double() if t.is_floating_point() else t
            if not any(map(_run.asks, results)) and exercise.observe is None:
                changes["numpy"] = lambda t: t.detach().numpy()
                changes["a list"] = lambda t: t.tolist()
            if isinstance(one, torch.Tensor) and one.ndim == 0:
                changes["shape (1,)"] = lambda t: t.reshape(1)
            for label, change in changes.items():
                dressed[label] = lambda *args, f=f, change=change: _each(change, f(*args))
            if isinstance(one, (float, int)) and not isinstance(one, bool):
                dressed["0-d"] = lambda *args, f=f: torch.as_tensor(f(*args), dtype=torch.float64)
            if isinstance(one, list):
                dressed["as a list"] = lambda *args, f=f: list(f(*args))
                dressed["as a tuple"] = lambda *args, f=f: tuple(f(*args))
        for label, function in dressed.items():
            yield Answer(f"{exercise_id} {where}: as {label}", "", function)


def _floating(results: list) -> bool:
    return any(isinstance(r, torch.Tensor) and r.is_floating_point() for r in results)


def passes(exercise: Any, answer: Callable) -> bool:
    """The checker's verdict, without a message: it ends at the first difference."""
    verdict: list[bool] = []

    def work() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if hasattr(exercise, "broken"):
                exam = exercise.on_the_bench(answer)
                if exercise.healthy(exam, trained=False):  # else no need for a run
                    verdict.append(exercise.healthy(exercise.examine(answer)))
                return
            expected = _run.expected_run(exercise)
            run = _run.Run(exercise, answer, expected)
            for index in range(len(run.cases)):
                run.one(index)
                if _run.differ(exercise, expected.seen[index], run.seen[index]):
                    return
                if any(_run.forbidden(exercise, expected, run)):
                    return
            verdict.append(True)

    with _sandbox.sandbox():
        # a quarter of a long limit: what trains for a while needs more than the rest
        seconds = max(SECONDS, exercise.seconds * (1 if hasattr(exercise, "broken") else 0.25))
        error = _limit.limited(work, seconds)
    return error is None and verdict == [True]


def listed(chapter: int) -> dict[str, str]:
    path = LISTS / f"ch{chapter:02}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@dataclasses.dataclass
class Result:
    """Of a chapter: how many wrong answers, which passed, and which right ones did not."""

    total: int = 0
    survivors: dict[str, str] = dataclasses.field(default_factory=dict)  # name -> diff
    refused: list[str] = dataclasses.field(default_factory=list)


def judge(chapter: int, only: tuple[str, ...] = ()) -> Result:
    result = Result()
    for exercise_id in sorted(printed_ids(), key=lambda name: [int(n) for n in name.split(".")]):
        if int(exercise_id.split(".")[0]) != chapter or (only and exercise_id not in only):
            continue
        exercise = engine.EXERCISES[exercise_id]
        if not callable(exercise.reference):
            continue  # a value: its wrong answers are its mistakes
        for answer in wrong_answers(exercise_id):
            result.total += 1
            if passes(exercise, answer.function):
                result.survivors[answer.name] = answer.diff
        for answer in right_answers(exercise_id):
            if not passes(exercise, answer.function):
                result.refused.append(answer.name)
    return result


def rate(result: Result, reasons: dict[str, str]) -> tuple[int, int]:
    """(killed, not equivalent)"""
    equivalent = sum(reasons.get(name, "").startswith("equivalent") for name in result.survivors)
    return result.total - len(result.survivors), result.total - equivalent


def main(arguments: list[str]) -> None:
    torch.set_num_threads(1)
    chapter, only = int(arguments[0]), tuple(a for a in arguments[1:] if "." in a)
    result, reasons = judge(chapter, only), listed(chapter)
    for name, diff in result.survivors.items():
        print(f"\nSURVIVES  {name}\n  {reasons.get(name, 'not listed')}\n{diff}")
    for name in result.refused:
        print(f"\nREFUSED, though right  {name}")
    killed, of = rate(result, reasons)
    print(f"\nchapter {chapter}: {killed} of {of} non-equivalent mutants killed "
          f"({killed / max(of, 1):.1%}), {len(result.survivors)} survive of {result.total}; "
          f"{len(result.refused)} right answers refused")  # fmt: skip
    if "--write" in arguments and not only:
        kept = {name: reasons.get(name, "open") for name in result.survivors}
        text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
        (LISTS / f"ch{chapter:02}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
