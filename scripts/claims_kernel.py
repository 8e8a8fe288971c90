"""The kernel of `make test-claims`: a chapter's code, untouched, in a world that differs a little.

    python scripts/claims_kernel.py -f CONNECTION_FILE

From the environment, each of them off where it is not set:

    CLAIMS_SEED=1000     what is seeded with s (torch's and numpy's generators) is seeded with s + 1000:
                         other weights, batches, latents, drawn pictures; what had the same seed
                         still has. scikit-learn's `random_state` stays.
    CLAIMS_PERTURB=1     what an optimizer is given starts one part in a million off, the same network
                         in the same way each time: it stands for the rounding of processors not at hand.
    CLAIMS_THREADS=2     torch computes with two threads, whatever the chapter says.
    CLAIMS_FIGURES=1     figures are drawn. Without, they are not: no claim looks at one.
    CLAIMS_LOG=file      a line of JSON for each cell that asserted: what, whether it held, the numbers.

An assert that fails, or a row of `claims.verify`, is noted and the cell goes on, so one miss hides no
other.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MANY = 60  # numbers kept of one assert: a claim in a loop of thousands would fill the log


def key(source: str) -> str:
    """What a cell goes by in the log: kernels before ipykernel 6.26 are not told its id."""
    return hashlib.sha256(source.strip().encode()).hexdigest()[:16]


class Watch(ast.NodeTransformer):
    """`assert a < b` becomes a call that notes whether it held, and the values of a and b.

    Each side is evaluated once, where it stood before. Constants are not noted.
    """

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        source = ast.unparse(node.test)
        self.generic_visit(node)
        test: ast.expr = _Sides(source).visit(node.test)
        call = ast.Call(ast.Name("__claim__", ast.Load()), [ast.Constant(source), test], [])
        return ast.fix_missing_locations(ast.copy_location(ast.Expr(call), node))


class _Sides(ast.NodeTransformer):
    def __init__(self, claim: str) -> None:
        self.claim = claim

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        node.left = self.seen(node.left)
        node.comparators = [self.seen(side) for side in node.comparators]
        return node

    def seen(self, side: ast.expr) -> ast.expr:
        if isinstance(side, ast.Constant) or isinstance(side, (ast.List, ast.Set, ast.Tuple)):
            return side
        name = ast.Name("__seen__", ast.Load())
        return ast.Call(name, [ast.Constant(self.claim), ast.Constant(ast.unparse(side)), side], [])


class Log:
    """What one cell's asserts saw."""

    def __init__(self) -> None:
        self.claims: dict[str, dict[str, Any]] = {}

    def of(self, source: str) -> dict[str, Any]:
        return self.claims.setdefault(source, {"held": 0, "missed": 0, "seen": []})

    def claim(self, source: str, holds: object) -> None:
        self.of(source)["held" if holds else "missed"] += 1
        if not holds:
            print(f"MISSED: {source}")

    def rows(self, verify: Any, *rows: Any) -> None:
        """In place of `claims.verify`: shows the same, notes each row, and raises nothing."""
        try:
            verify(*rows)
        except AssertionError:
            pass  # ValueError, of a claim that is none, goes on
        for row in rows:
            for value in row.values:
                self.seen(row.what, "measured", value)
            self.claim(row.what, row.holds)

    def seen(self, claim: str, side: str, value: Any) -> Any:
        kept = self.of(claim)["seen"]
        if len(kept) < MANY:
            try:
                number = value.detach() if hasattr(value, "detach") else value
                kept.append([side, float(number)])
            except (TypeError, ValueError, RuntimeError):
                pass  # a shape, a name, a set: no number
        return value


def shift_seeds(offset: int) -> None:
    import numpy as np
    import torch

    class Generator(torch.Generator):
        def manual_seed(self, seed: int) -> torch.Generator:
            return super().manual_seed(seed + offset)

    seed_all, default_rng = torch.manual_seed, np.random.default_rng
    torch.Generator = Generator  # type: ignore[misc]
    torch.manual_seed = lambda seed: seed_all(seed + offset)
    torch.random.manual_seed = torch.manual_seed

    def shifted(seed: Any = None) -> np.random.Generator:
        return default_rng(seed + offset if isinstance(seed, int) else seed)

    np.random.default_rng = shifted


def perturb_weights(noise: int, size: float = 1e-6) -> None:
    import torch

    begin = torch.optim.Optimizer.__init__

    def tensors(given: Any) -> list[torch.Tensor]:
        """Of a tensor, a (name, tensor), a group, a list of any of these, in order."""
        if isinstance(given, torch.Tensor):
            return [given]
        if isinstance(given, dict):
            given["params"] = tensors(given["params"])  # it may have been a generator
            return given["params"]
        return [t for part in given if not isinstance(part, str) for t in tensors(part)]

    def init(self: Any, params: Any, defaults: dict[str, Any]) -> None:
        params = list(params)
        with torch.no_grad():
            for i, p in enumerate(tensors(params)):
                if p.is_floating_point():
                    g = torch.Generator().manual_seed(noise * 1_000_003 + i * 7919 + p.numel())
                    off = torch.randn(p.shape, generator=g, dtype=torch.float64)
                    p.mul_((1 + size * off).to(p))
        begin(self, params, defaults)

    torch.optim.Optimizer.__init__ = init  # type: ignore[method-assign]


def use_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    torch.set_num_threads = lambda nthreads: None


def leave_figures_out() -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from gancourse import explore, plots

    def nothing(*args: Any, **settings: Any) -> Any:
        plt.close("all")

    plots.show = explore.flipbook = explore.explore = nothing


def change_the_world() -> None:
    if offset := int(os.environ.get("CLAIMS_SEED", "0")):
        shift_seeds(offset)
    if noise := int(os.environ.get("CLAIMS_PERTURB", "0")):
        perturb_weights(noise)
    if threads := int(os.environ.get("CLAIMS_THREADS", "0")):
        use_threads(threads)
    if not os.environ.get("CLAIMS_FIGURES"):
        leave_figures_out()


def main() -> None:
    # This file's folder has modules of common names (notebook, build); the clone is what is meant.
    sys.path[:] = [
        str(ROOT),
        *(p for p in sys.path if Path(p or ".").resolve() != ROOT / "scripts"),
    ]
    from ipykernel.kernelapp import IPKernelApp

    change_the_world()
    app = IPKernelApp.instance()
    app.initialize()
    shell: Any = app.shell
    state: dict[str, Any] = {"log": Log(), "cell": ""}

    def before(info: Any) -> None:
        state["log"], state["cell"] = Log(), key(info.raw_cell)

    def after(result: Any) -> None:
        if state["log"].claims:
            with open(os.environ["CLAIMS_LOG"], "a", encoding="utf-8") as file:
                line = {"cell": state["cell"], "claims": state["log"].claims}
                file.write(json.dumps(line) + "\n")

    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)
    shell.ast_transformers.append(Watch())
    from gancourse import claims

    verify = claims.verify
    claims.verify = lambda *rows: state["log"].rows(verify, *rows)
    vars(builtins)["__claim__"] = lambda *a: state["log"].claim(*a)
    vars(builtins)["__seen__"] = lambda *a: state["log"].seen(*a)
    app.start()


if __name__ == "__main__":
    main()
