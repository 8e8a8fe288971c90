"""Edit notebooks as text, and run them: the only way chapters are written in this repository.

    python scripts/notebook.py from-text .drafts/03-name.py book/03-name.ipynb
    python scripts/notebook.py to-text   book/03-name.ipynb .drafts/03-name.py
    python scripts/notebook.py execute   book/03-name.ipynb [--figures DIR]
    python scripts/notebook.py strip     book/*.ipynb
    python scripts/notebook.py new exercise 3 "Title"        (see skeleton.py)
    python scripts/notebook.py new page 16-name "Title"

The text is jupytext's percent format. A notebook keeps its cell ids through all of this, holds no
outputs but those of cells tagged `nbval-check-output`, and its setup cell is scripts/setup_cell.py.
"""

from __future__ import annotations

import argparse
import base64
import difflib
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbformat import NotebookNode

CHECKED = "nbval-check-output"
SETUP_CELL = Path(__file__).with_name("setup_cell.py")
ENVIRONMENT = {  # of every kernel that a script or a test starts
    "GANCOURSE_STATIC": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
EMBEDDED_IMAGE = re.compile(r"data:image/(png|jpeg|webp|gif);base64,([A-Za-z0-9+/=]+)")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def write(nb: NotebookNode, path: Path) -> bool:
    """Write `nb` unless the file says the same already; True if it was written."""
    nbformat.validate(nb)
    text = nbformat.writes(nb, version=4).rstrip("\n") + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return True


def clean(nb: NotebookNode, setup: str | None = None) -> NotebookNode:
    """Minimal metadata, the one setup cell, no outputs but checked ones. In place."""
    nb.nbformat, nb.nbformat_minor = 4, 5
    gpu = any("gpu" in tags(cell) for cell in nb.cells)
    nb.metadata = nbformat.from_dict(
        {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
        # Colab then offers a GPU of itself, and nothing else reads this.
        | ({"accelerator": "GPU"} if gpu else {})
    )
    for cell in nb.cells:
        keep = {"tags": tags(cell)} if tags(cell) else {}
        cell.metadata = nbformat.from_dict(keep)
        cell.pop("attachments", None)
        if cell.cell_type != "code":
            continue
        if "setup" in keep.get("tags", []) or cell.source.strip() == "# SETUP":
            cell.source = (setup or SETUP_CELL.read_text(encoding="utf-8")).strip()
            cell.metadata = nbformat.from_dict({"tags": ["setup"]})
        # nbval compares a cell only if the stored one has been run
        cell.execution_count = 1 if CHECKED in tags(cell) else None
        cell.outputs = [_plain(o) for o in merged(cell.outputs)] if CHECKED in tags(cell) else []
    return nb


def merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs with neighbouring pieces of one stream joined: where they break is chance."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last is not None and output.output_type == "stream" == last.output_type:
            if output.name == last.name:
                last.text += output.text
                continue
        joined.append(nbformat.from_dict(dict(output)))
    return joined


def _plain(output: NotebookNode) -> NotebookNode:
    if "execution_count" in output:
        output.execution_count = 1
    if "metadata" in output:
        output.metadata = nbformat.from_dict({})
    return output


def _new_id(source: str, taken: set[str]) -> str:
    for salt in range(10_000):
        digest = hashlib.sha256(f"{salt}:{source}".encode()).hexdigest()[:8]
        if digest not in taken:
            return digest
    raise AssertionError("no free cell id")


def carry_over(new: NotebookNode, old: NotebookNode | None) -> None:
    """Give the cells of `new` ids (and checked outputs) from `old` where they are the same cell.

    The same cell is: one that names its id; one whose source stands in `old`; one that was edited
    in place, between neighbours that were not. Anything else gets an id from its source.
    """
    before = list(old.cells) if old is not None else []
    by_id = {cell.id: cell for cell in before}
    match: dict[int, NotebookNode] = {}
    taken: set[str] = set()

    def claim(i: int, cell_id: str) -> None:
        if i not in match and cell_id not in taken:
            match[i] = by_id.get(cell_id, NotebookNode(id=cell_id, source=None))
            taken.add(cell_id)

    for i, cell in enumerate(new.cells):
        if cell_id := cell.metadata.pop("cell_id", None):
            claim(i, str(cell_id))

    def keys(cells: list[NotebookNode]) -> list[tuple[str, str]]:
        return [(c.cell_type, c.source) for c in cells]

    matcher = difflib.SequenceMatcher(None, keys(before), keys(new.cells), autojunk=False)
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        if kind == "equal" or (kind == "replace" and a1 - a0 == b1 - b0):
            for a, b in zip(range(a0, a1), range(b0, b1), strict=True):
                if before[a].cell_type == new.cells[b].cell_type:
                    claim(b, before[a].id)
    for i, cell in enumerate(new.cells):  # moved cells
        for candidate in before:
            if (cell.cell_type, cell.source) == (candidate.cell_type, candidate.source):
                claim(i, candidate.id)

    for i, cell in enumerate(new.cells):
        if i in match:
            cell.id = match[i].id
            unchanged = cell.cell_type == "code" and match[i].source == cell.source
            if unchanged and CHECKED in tags(cell):
                cell.outputs = match[i].get("outputs", [])
        else:
            cell.id = _new_id(cell.source, taken)
            taken.add(cell.id)


def from_text(source: Path, target: Path) -> bool:
    import jupytext

    nb = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    nb.cells = [cell for cell in nb.cells if cell.source.strip()]
    ids = [cell.metadata.get("cell_id") for cell in nb.cells]
    clean(nb)
    for cell, cell_id in zip(nb.cells, ids, strict=True):
        if cell_id:
            cell.metadata["cell_id"] = cell_id
    carry_over(nb, read(target) if target.exists() else None)
    return write(nb, target)


def to_text(source: Path, target: Path) -> None:
    import jupytext

    nb = read(source)
    for cell in nb.cells:
        if "setup" in tags(cell):
            cell.source = "# SETUP"
        cell.metadata["cell_id"] = cell.id
    nb.metadata = nbformat.from_dict({"jupytext": {"cell_metadata_filter": "tags,cell_id"}})
    text = jupytext.writes(nb, fmt="py:percent")
    if text.startswith("# ---\n"):  # the YAML header says nothing that from-text needs
        text = text.split("# ---\n", 2)[2].lstrip("\n")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its children, dead and alive."""
    import psutil

    process = psutil.Process(pid)
    times = process.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    return total + sum(sum(c.cpu_times()[:2]) for c in process.children(recursive=True))


class Run:
    """One execution of a notebook: the executed notebook, seconds per cell, CPU seconds in all."""

    def __init__(self, path: Path) -> None:
        self.path, self.nb = path, read(path)
        self.wall: dict[int, float] = {}
        self.cpu: dict[int, float] = {}
        self.total_cpu = 0.0

    def execute(self, *, timeout: int = 600) -> None:
        from nbclient import NotebookClient

        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        started: dict[int, float] = {}

        def kernel_cpu() -> float:
            return cpu_seconds(client.km.provisioner.pid)  # type: ignore[union-attr]

        def before(cell: NotebookNode, cell_index: int, **_: object) -> None:
            started[cell_index] = time.perf_counter()

        def after(cell: NotebookNode, cell_index: int, **_: object) -> None:
            self.wall[cell_index] = time.perf_counter() - started[cell_index]
            total = kernel_cpu()
            self.cpu[cell_index] = total - self.total_cpu
            self.total_cpu = total

        client = NotebookClient(
            self.nb,
            timeout=timeout,
            kernel_name="python3",
            resources={"metadata": {"path": str(self.path.parent)}},
            on_cell_execute=before,
            on_cell_executed=after,
            store_widget_state=False,
            record_timing=False,  # it goes into cell metadata, and a cache could not match it
        )
        client.execute()

    def problem(self) -> str:
        """The cell that raised, with its traceback, or "" if none did."""
        for i, cell in enumerate(self.nb.cells):
            for output in cell.get("outputs", []):
                if output.output_type == "error":
                    source = "\n".join(f"    {line}" for line in cell.source.splitlines())
                    traceback = ANSI.sub("", "\n".join(output.traceback))
                    return f"\nCell {i} (id {cell.id}) failed:\n\n{source}\n\n{traceback}"
        return ""


def execute(path: Path, figures: Path | None = None) -> int:
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    began = time.perf_counter()
    run, failed = Run(path), False
    try:
        run.execute()
    except CellTimeoutError as error:
        print(error)
        failed = True
    except CellExecutionError:
        failed = True
    print(run.problem())
    for i, cell in enumerate(run.nb.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                print(f"cell {i} wrote to stderr: {output.text.strip()[:400]}")
    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
        print(f"{_save_figures(run.nb, figures)} figures in {figures}")
    print("cell  wall s   CPU s  first line")
    for i, seconds in run.wall.items():
        first = next((s for s in run.nb.cells[i].source.splitlines() if s.strip()), "")
        print(f"{i:4d} {seconds:7.2f} {run.cpu[i]:7.2f}  {first[:70]}")
    wall = time.perf_counter() - began
    print(f"{path.name}: {run.total_cpu:.1f} s CPU, {wall:.1f} s wall; the budget is 60 s CPU")
    if failed:
        return 1
    nb = read(path)
    for cell, done in zip(nb.cells, run.nb.cells, strict=True):
        if CHECKED in tags(cell):
            cell.outputs = done.outputs
    write(clean(nb), path)
    return 0


def _save_figures(nb: NotebookNode, folder: Path) -> int:
    count = 0
    for i, cell in enumerate(nb.cells):
        n = 0
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            found = [("png", data["image/png"])] if "image/png" in data else []
            found += EMBEDDED_IMAGE.findall(data.get("text/html", ""))
            for kind, payload in found:
                name = folder / f"cell{i:03d}-{n:02d}.{kind}"
                name.write_bytes(base64.b64decode(payload))
                n += 1
        count += n
    return count


def strip(path: Path, setup: str | None = None) -> bool:
    """Clean a notebook in place (also puts the present setup cell in); True if that changed it."""
    nb = read(path)
    taken: set[str] = set()
    for cell in nb.cells:
        if not cell.get("id") or cell.id in taken:
            cell.id = _new_id(cell.source, taken)
        taken.add(cell.id)
    return write(clean(nb, setup), path)


def new(what: str, where: str, title: str) -> int:
    sys.path.insert(0, str(SETUP_CELL.parent.parent))
    from scripts import skeleton

    try:
        if what == "page":
            print(f"{skeleton.new_page(where, title)}: write over it, then `make test`")
        else:
            name = skeleton.new_exercise(int(where), title)
            print(f"exercise {name}: write over its cells and its data, then pytest -k {name}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    exercises = SETUP_CELL.parent.parent / "gancourse" / "exercises"
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(exercises)])
    return 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("from-text", "to-text"):
        command = commands.add_parser(name)
        command.add_argument("source", type=Path)
        command.add_argument("target", type=Path)
    command = commands.add_parser("execute")
    command.add_argument("notebook", type=Path)
    command.add_argument("--figures", type=Path, help="save every image of every output here")
    command = commands.add_parser("strip")
    command.add_argument("notebooks", type=Path, nargs="+")
    command = commands.add_parser("new", help="begin an exercise or a chapter")
    command.add_argument("what", choices=["exercise", "page"])
    command.add_argument("where", help="the chapter's number, or the new page's name (16-name)")
    command.add_argument("title")
    args = parser.parse_args(argv)
    if args.command == "new":
        return new(args.what, args.where, args.title)
    if args.command == "from-text":
        changed = from_text(args.source, args.target)
        print(f"{args.target}: {'written' if changed else 'unchanged'}")
        return 0
    if args.command == "to-text":
        to_text(args.source, args.target)
        return 0
    if args.command == "execute":
        return execute(args.notebook, args.figures)
    for path in args.notebooks:
        if strip(path):
            print(f"stripped {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
