"""Every claim of every chapter on other processors, versions, seeds and weights.

    python scripts/claims_matrix.py                       runs what is missing or stale (hours)
    python scripts/claims_matrix.py --only perturbed-1 avx2 --chapters 11 12
    python scripts/claims_matrix.py --table               prints what is known, runs nothing
    python scripts/claims_matrix.py --margins             numbers of each assert, the tightest first
    python scripts/claims_matrix.py --write               writes tests/claims.md as well

Each (chapter, environment) is run once and kept in _build/claims/ENVIRONMENT/CHAPTER.json with the
numbers that its asserts looked at. It goes by a digest of the chapter's code, its recorded runs and the
modules that it imports: text, comments, docstrings and the file that a function stands in don't count.
Stop it whenever you like; it goes on from there. See claims_kernel.py for what changes.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import book, notebook
from scripts.claims_kernel import key

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "tests" / "claims.md"
KERNEL = Path(__file__).with_name("claims_kernel.py")
RESULTS = ROOT / "_build" / "claims"
COLAB = ROOT / ".venv-colab" / "bin" / "python"
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


@dataclass(frozen=True)
class Environment:
    name: str
    what: str
    variables: dict[str, str] = field(default_factory=dict)
    colab: bool = False


#: In the order in which they were seen to tell most.
ENVIRONMENTS = [
    Environment("default", "this processor as it is, one thread, the versions of constraints.txt"),
    Environment("perturbed-1", "initial weights one part in a million off", {"CLAIMS_PERTURB": "1"}),
    Environment("avx2", "AVX2 kernels", AVX2),
    Environment("seeds-1", "all seeds 1,000 higher", {"CLAIMS_SEED": "1000"}),
    Environment(
        "colab",
        "Colab's Python and torch (make test-colab), figures and widgets drawn",
        {"CLAIMS_FIGURES": "1", "GANCOURSE_STATIC": "0"},
        colab=True,
    ),
    Environment("seeds-2", "all seeds 2,000 higher", {"CLAIMS_SEED": "2000"}),
    Environment("perturbed-2", "the same, another noise", {"CLAIMS_PERTURB": "2"}),
    Environment("seeds-3", "all seeds 3,000 higher", {"CLAIMS_SEED": "3000"}),
    Environment("perturbed-3", "the same, a third noise", {"CLAIMS_PERTURB": "3"}),
    Environment("avx512", "AVX-512 kernels", {"ATEN_CPU_CAPABILITY": "avx512"}),
    Environment(
        "threads-2",
        "two threads",
        {"CLAIMS_THREADS": "2", "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    ),
]
BY_NAME = {environment.name: environment for environment in ENVIRONMENTS}


# --- what a result belongs to


class _Bare(ast.NodeTransformer):
    """Code without docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node


def definitions(source: str) -> set[str]:
    """A module's statements but imports and `__all__`, as text that knows neither comment nor line."""
    found = set()
    for node in ast.parse(source).body:
        names = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
        if not isinstance(node, (ast.Import, ast.ImportFrom)) and names != ["__all__"]:
            bare = _Bare().visit(node)
            if bare is not None:
                found.add(ast.dump(bare))
    return found


def imported(source: str, inside: tuple[str, ...] = ()) -> set[str]:
    """The package's modules that some code imports; `inside`: the folders of its own file."""
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) + 1 - node.level] if node.level else ()
            base += tuple((node.module or "").split(".")) if node.module else ()
            found |= {(*base, alias.name) for alias in node.names}
    return {name[1] for name in found if name[0] == "gancourse" and len(name) > 1}


def reached(code: str, root: Path) -> dict[Path, str]:
    """File -> text of the package's modules that a chapter imports, and of those that they import.

    The exercises' oracles run in no claim but the clinic's.
    """
    lines = ["pass" if s.lstrip().startswith(("%", "!")) else s for s in code.split("\n")]
    todo, files, done = imported("\n".join(lines)), {}, set()
    while todo:
        module = todo.pop()
        done.add(module)
        if module == "exercises" and "clinic" not in code:
            continue
        for path in (root / "gancourse").rglob("*.py"):
            inside = path.relative_to(root).with_suffix("").parts
            if inside[1] == module:
                files[path] = path.read_text(encoding="utf-8")
                todo |= imported(files[path], inside[:-1])
        todo -= done
    return files


def digest(path: Path, root: Path = ROOT) -> str:
    """What a chapter's claims depend on."""
    sources = [c.source for c in notebook.read(path).cells if c.cell_type == "code"]
    code = "\n".join(s for s in sources if "from gancourse.exercises import check" not in s)
    total = hashlib.sha256(code.encode())
    texts = reached(code, root).values()
    total.update("\n".join(sorted(set().union(*map(definitions, texts)))).encode())
    for weights in sorted((root / "gancourse" / "weights").rglob("*.safetensors")):
        total.update(weights.read_bytes())
    for record in sorted((root / "book" / "recorded").glob("*.json")):
        if f'"{record.stem}"' in code or f"'{record.stem}'" in code:
            total.update(record.read_bytes())
    return total.hexdigest()[:16]


# --- one run


def run(path: Path, environment: Environment, python: str, timeout: int) -> dict[str, Any]:
    """A chapter in an environment: for each cell that asserts, what held, what missed, the numbers."""
    from jupyter_client import KernelManager
    from jupyter_client.kernelspec import KernelSpec
    from nbclient import NotebookClient

    class Manager(KernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            command = [python, str(KERNEL), "-f", "{connection_file}"]
            return KernelSpec(argv=command, language="python", display_name="claims")

    nb = notebook.read(path)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        log.touch()
        variables = os.environ | notebook.ENVIRONMENT | environment.variables
        variables |= {"CLAIMS_LOG": str(log), "MPLBACKEND": "agg"}
        variables.pop("PYTHONPATH", None)
        manager = Manager()
        client = NotebookClient(
            nb,
            km=manager,
            timeout=timeout,
            allow_errors=True,
            store_widget_state=False,
            resources={"metadata": {"path": str(path.parent)}},
        )
        try:
            client.execute(env=variables, cwd=str(path.parent))
        finally:
            manager.shutdown_kernel(now=True)  # nbclient only ends kernels that it began itself
        seen = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    by_key = {key(cell.source): cell for cell in nb.cells if cell.cell_type == "code"}
    cells = {by_key[entry["cell"]].id: {"claims": entry["claims"]} for entry in seen}
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            text = output.get("text", "")
            if output.output_type == "error":
                entry = cells.setdefault(cell.id, {"claims": {}})
                entry["error"] = f"{output.ename}: {output.evalue}"[:300]
            elif "Warning" in text:
                cells.setdefault(cell.id, {"claims": {}})["warning"] = text[:300]
            if cell.id in cells and output.output_type == "stream":
                cells[cell.id]["printed"] = (cells[cell.id].get("printed", "") + text)[:6000]
    return cells


def versions(python: str, variables: dict[str, str]) -> str:
    code = (
        "import platform, torch; print('Python', platform.python_version() + ', torch',"
        " torch.__version__ + ',', torch.backends.cpu.get_cpu_capability())"
    )
    environment = os.environ | variables
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, env=environment)
    return done.stdout.strip()


def capability(variables: dict[str, str]) -> str:
    """The kernels that torch chooses."""
    return versions(sys.executable, variables).rpartition(", ")[2]


def missing(environment: Environment, colab: str) -> str:
    """Why an environment can't be run here, or ""."""
    if environment.colab and not Path(colab).exists():
        return f"{colab} is not there: make test-colab, or --colab-python"
    if environment.name == "avx512":
        if (found := capability(environment.variables)) != "AVX512":
            return f"this processor has {found}"
        if capability({}) == "AVX512":
            return "what this processor takes by default"
    return ""


# --- the store


def load(results: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """(chapter, environment) -> what was kept."""
    found = {}
    for path in results.glob("*/*.json"):
        found[path.stem, path.parent.name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def state(cell: dict[str, Any] | None) -> str:
    """One letter of the table: held, missed, error, not reached."""
    if cell is None:
        return "?"
    if "error" in cell:
        return "E"
    return "x" if any(c["missed"] for c in cell["claims"].values()) else "."


def fill(chapters: list[Path], names: list[str], results: Path, colab: str, timeout: int) -> None:
    for name in names:
        environment = BY_NAME[name]
        if why := missing(environment, colab):
            print(f"{name}: left out: {why}", flush=True)
            continue
        python = colab if environment.colab else sys.executable
        for path in chapters:
            target = results / name / f"{path.stem}.json"
            now = digest(path)
            if target.exists() and json.loads(target.read_text())["digest"] == now:
                continue
            began = time.perf_counter()
            cells = run(path, environment, python, timeout)
            kept = {
                "digest": now,
                "date": datetime.date.today().isoformat(),
                "versions": versions(python, environment.variables),
                "machine": platform.machine(),
                "seconds": round(time.perf_counter() - began),
                "cells": cells,
            }
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            bad = [i for i, cell in cells.items() if state(cell) != "."]
            said = f"{kept['seconds']} s, misses {bad or 'none'} ({kept['versions']})"
            print(f"{name} {path.stem}: {said}", flush=True)  # Colab's, or what stands in for it


# --- what is shown


def heading(nb: Any, index: int) -> str:
    """The section that a cell stands in."""
    for cell in reversed(nb.cells[:index]):
        if cell.cell_type == "markdown":
            for line in reversed(cell.source.splitlines()):
                if line.startswith("#"):
                    return line.lstrip("# ").replace("|", "/")
    return ""


def table(chapters: list[Path], results: Path) -> tuple[list[str], list[str]]:
    """(lines of a Markdown table claim x environment, problems)."""
    known = load(results)
    names = [e.name for e in ENVIRONMENTS if any(name == e.name for _, name in known)]
    lines = ["| Chapter | Cell | Section | " + " | ".join(names) + " |"]
    lines.append("|---|---|---|" + ":-:|" * len(names))
    problems = []
    for path in chapters:
        nb, now = notebook.read(path), digest(path)
        for index, cell in enumerate(nb.cells):
            for name in names:  # of any cell: one that fails before a claim is the claim's failure
                kept = known.get((path.stem, name), {"cells": {}, "digest": now})
                entry = kept["cells"].get(cell.id)
                if entry and (found := why(entry)):
                    old = "" if kept["digest"] == now else " (older)"
                    problems.append(f"{path.stem} cell {index} ({cell.id}), {name}{old}: {found}")
            if "claim" not in notebook.tags(cell):
                continue
            row = []
            for name in names:
                if (path.stem, name) not in known:
                    row.append("")
                    continue
                kept = known[path.stem, name]
                mark = state(kept["cells"].get(cell.id))
                row.append(mark if kept["digest"] == now else f"({mark})")
                if mark == "?" and kept["digest"] == now:  # else it is a newer cell
                    problems.append(f"{path.stem} cell {index} ({cell.id}), {name}: not reached")
            short = heading(nb, index)[:48]
            lines.append(f"| {path.stem[:2]} | {cell.id} | {short} | " + " | ".join(row) + " |")
    return lines, problems


def why(entry: dict[str, Any]) -> str:
    """What went wrong in a cell, or ""."""
    if problem := entry.get("error") or entry.get("warning"):
        return problem.strip().splitlines()[0]
    bad = [
        f"{source} with {', '.join(f'{side} = {value:.4g}' for side, value in c['seen'][:8])}"
        for source, c in entry["claims"].items()
        if c["missed"]
    ]
    return "; ".join(bad)


def margins(chapters: list[Path], results: Path) -> list[str]:
    """Each number that an assert looked at, over the environments; the widest spread first."""
    known, rows = load(results), []
    for path in chapters:
        numbers: dict[tuple[str, str, str, int], dict[str, float]] = {}
        for (stem, name), kept in known.items():
            if stem != path.stem:
                continue
            for cell_id, entry in kept["cells"].items():
                for source, c in entry["claims"].items():
                    count: dict[str, int] = {}
                    for side, value in c["seen"]:
                        n = count[side] = count.get(side, -1) + 1
                        numbers.setdefault((cell_id, source, side, n), {})[name] = value
        for (cell_id, source, side, n), values in numbers.items():
            spread = max(values.values()) - min(values.values())
            middle = abs(statistics.median(values.values()))
            if spread > 0:
                shown = " ".join(f"{k}={v:.4g}" for k, v in values.items())
                text = f"{path.stem[:2]} {cell_id} {side}[{n}] in `{source}`: {shown}"
                rows.append((spread / (middle + 1e-12), text))
    return [text for _, text in sorted(rows, key=lambda row: -row[0])]


def report(chapters: list[Path], results: Path) -> str:
    lines, problems = table(chapters, results)
    known = load(results)
    dates = sorted({kept["date"] for kept in known.values()})
    used = {name: kept["versions"] for (_, name), kept in known.items()}
    present = [e for e in ENVIRONMENTS if e.name in used]
    rows = [line.split("|")[4:-1] for line in lines[2:]]
    about = []
    for column, e in enumerate(present):
        ran = sum(bool(row[column].strip(" ()?")) for row in rows)
        about.append(f"- `{e.name}`: {e.what} ({used[e.name]}): {ran} of {len(rows)} cells ran")
    return "\n".join(
        [
            "# Claims on other machines",
            "",
            "Written by `make test-claims` (scripts/claims_matrix.py), not by hand. `.` the claim held,",
            "`x` an assert missed, `E` another error, `?` the cell was not reached, empty: not run,",
            "in brackets: run with an older chapter or package.",
            "",
            f"Dates: {', '.join(dates) or 'none'}.",
            "",
            *about,
            "",
            *lines,
            "",
            "## Misses",
            "",
            *([f"- {p}" for p in problems] or ["None."]),
            "",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(BY_NAME), metavar="ENVIRONMENT")
    parser.add_argument("--chapters", nargs="+", metavar="NN", help="numbers, e.g. 03 11")
    parser.add_argument("--table", action="store_true", help="print what is known, run nothing")
    parser.add_argument("--margins", action="store_true", help="numbers of the asserts, run nothing")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(ROOT)}")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--colab-python", default=str(COLAB))
    parser.add_argument("--timeout", type=int, default=1800, help="seconds of one cell")
    args = parser.parse_args(arguments)
    chapters = book.notebooks(ROOT / "book")
    chosen = chapters
    if args.chapters:
        chosen = [p for n in args.chapters for p in chapters if p.stem[:2] == n.zfill(2)]
    if args.margins:
        print("\n".join(margins(chosen, args.results)))
        return 0
    if not args.table:
        fill(chosen, args.only or list(BY_NAME), args.results, args.colab_python, args.timeout)
    lines, problems = table(chosen, args.results)
    print("\n".join([*lines, "", *problems]))
    if args.write:
        REPORT.write_text(report(chapters, args.results), encoding="utf-8")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
