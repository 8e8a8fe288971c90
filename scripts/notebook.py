"""Edit notebooks as text, and run them: the only way chapters are written in this repository.

    python scripts/notebook.py from-text .drafts/03-name.py book/03-name.ipynb
    python scripts/notebook.py to-text   book/03-name.ipynb .drafts/03-name.py
    python scripts/notebook.py execute   book/03-name.ipynb [--figures DIR]
    python scripts/notebook.py strip     book/*.ipynb
    python scripts/notebook.py new exercise 3 "Title"        (see skeleton.py)
    python scripts/notebook.py new page 16-name "Title"      (03-name-deeper-topic: a deeper one)

jupytext reads and writes the text (its percent format) and finds which cell became which; nbclient
runs. By hand are: what no tool does, the setup cell and the CPU time; cell ids in the text, which
jupytext drops; and `strip`, since nbstripout knows no tag that keeps an output.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import sys
import time
from collections.abc import Collection
from pathlib import Path

import nbformat
from nbformat import NotebookNode

CHECKED = "nbval-check-output"  # the tag of a cell whose output stays, for nbval to compare
SETUP_CELL = Path(__file__).with_name("setup_cell.py")
FOLDED = {  # tags of cells that the reader need not see to follow -> what the book calls the fold
    "setup": "Set-up",
    "draw": "Code of this figure",
    "table": "Code of this table",
    "again": "Code of the main page",  # what a deeper page needs of it, word for word
}
TITLE = "# @title "  # how a folded cell begins: Colab shows what follows in the cell's place
TEXT = {  # jupytext's format: tags and ids beside the cells, no YAML above them
    "extension": ".py",
    "format_name": "percent",
    "notebook_metadata_filter": "-all",
    "cell_metadata_filter": "tags,cell_id",
}
ENVIRONMENT = {  # of every kernel that a script or a test starts
    "GANCOURSE_STATIC": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
EMBEDDED_IMAGE = re.compile(r"data:image/(png|jpeg|webp|gif);base64,([A-Za-z0-9+/=]+)")
PLAIN = {"execution_count": 1, "metadata": nbformat.from_dict({})}


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def fold_of(tags: Collection[str]) -> str:
    """What the book calls the fold of a cell with these tags, or "" if such a cell is in view."""
    if "table" in tags and "claim" in tags:
        return "Code of this check"  # its table is the strip of claims.verify
    return next((name for tag, name in FOLDED.items() if tag in tags), "")


def fold(cell: NotebookNode) -> str:
    return fold_of(tags(cell))


def title(cell: NotebookNode) -> str:
    """What a folded cell says that it does, in its first line; "" if it does not say."""
    first = cell.source.lstrip().partition("\n")[0]
    return first.removeprefix(TITLE).strip() if first.startswith(TITLE) else ""


def own_tags(cell: NotebookNode) -> list[str]:
    """The tags that somebody wrote, without the one that follows from them."""
    return [tag for tag in tags(cell) if tag != "hide-input"]


def metadata(cell: NotebookNode) -> dict[str, object]:
    """A cell's tags, and what folds it in the book, in JupyterLab and on Colab if one says so."""
    own = own_tags(cell)
    if fold(cell):
        folded = {"jupyter": {"source_hidden": True}, "cellView": "form"}
        return {"tags": [*own, "hide-input"], **folded}
    return {"tags": own} if own else {}


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
    nb.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    if any("gpu" in tags(cell) for cell in nb.cells):
        nb.metadata["accelerator"] = "GPU"  # Colab then offers one; nothing else reads this
    for cell in nb.cells:
        if cell.source.strip() == "# SETUP":
            cell.metadata["tags"] = ["setup"]
        cell.metadata = nbformat.from_dict(metadata(cell))
        cell.pop("attachments", None)
        if cell.cell_type != "code":
            continue
        if "setup" in tags(cell):
            cell.source = (setup or SETUP_CELL.read_text(encoding="utf-8")).strip()
        cell.outputs = cell.outputs if CHECKED in tags(cell) else []
        for output in cell.outputs:
            output.update({k: v for k, v in PLAIN.items() if k in output})
        # nbval compares a cell only if the stored one has been run
        cell.execution_count = 1 if CHECKED in tags(cell) else None
    return nb


def carry_over(cells: list[NotebookNode], named: list[str], before: list[NotebookNode]) -> None:
    """Give cells the ids that the text names, or those of the cells `before` that jupytext takes
    for the same; checked outputs stay with cells whose code has not changed."""
    from jupytext.combine import map_outputs_to_inputs

    ids = [name if name not in named[:i] else "" for i, name in enumerate(named)]
    nameless = [i for i, name in enumerate(ids) if not name]
    free = [cell for cell in before if cell.id not in ids]
    for i, j in zip(nameless, map_outputs_to_inputs([cells[i] for i in nameless], free)):
        ids[i] = free[j].id if j is not None else ""
    old = {cell.id: cell for cell in before}
    for cell, cell_id in zip(cells, ids):
        cell.id = cell_id or cell.id
        was = old.get(cell.id)
        if CHECKED in tags(cell) and was is not None and was.source == cell.source:
            cell.outputs = was.outputs


def from_text(source: Path, target: Path) -> bool:
    import jupytext

    nb = jupytext.reads(source.read_text(encoding="utf-8"), fmt=TEXT)
    nb.cells = [cell for cell in nb.cells if cell.source.strip()]
    named = [str(cell.metadata.get("cell_id", "")) for cell in nb.cells]
    carry_over(clean(nb).cells, named, read(target).cells if target.exists() else [])
    return write(nb, target)


def to_text(source: Path, target: Path) -> None:
    import jupytext

    nb = read(source)
    for cell in nb.cells:
        cell.source = "# SETUP" if "setup" in tags(cell) else cell.source
        cell.metadata = nbformat.from_dict({"tags": own_tags(cell), "cell_id": cell.id})
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(jupytext.writes(nb, fmt=TEXT), encoding="utf-8")


def strip(path: Path, setup: str | None = None) -> bool:
    """Clean a notebook in place (also puts the present setup cell in); True if that changed it."""
    _, nb = nbformat.validator.normalize(read(path))  # an id for each cell, and no id twice
    return write(clean(nb, setup), path)


class Run:
    """One execution of a notebook by nbclient, and the seconds that it took."""

    def __init__(self, path: Path) -> None:
        self.path, self.nb = path, read(path)
        self.seconds: dict[int, tuple[float, float]] = {}  # cell -> wall, CPU
        self.total_cpu = 0.0

    def execute(self, *, timeout: int = 600) -> None:
        """Raises what nbclient raises; `describe` tells it."""
        import psutil
        from nbclient import NotebookClient

        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        began = 0.0

        def before(**_: object) -> None:
            nonlocal began
            began = time.perf_counter()

        def after(cell_index: int, **_: object) -> None:
            kernel = psutil.Process(client.km.provisioner.pid)  # type: ignore[union-attr]
            living = sum(sum(child.cpu_times()[:2]) for child in kernel.children(recursive=True))
            total = sum(kernel.cpu_times()[:4]) + living  # user, system, and of children that ended
            self.seconds[cell_index] = time.perf_counter() - began, total - self.total_cpu
            self.total_cpu = total

        client = NotebookClient(
            self.nb,
            timeout=timeout,
            kernel_name="python3",
            resources={"metadata": {"path": str(self.path.parent)}},
            on_cell_execute=before,
            on_cell_executed=after,
            coalesce_streams=True,  # where a stream breaks into pieces is chance
            store_widget_state=False,
            record_timing=False,  # it goes into cell metadata, and a cache could not match it
        )
        client.execute()


def describe(error: Exception) -> str:
    """nbclient's message (the cell and its traceback), without a terminal's colors."""
    return re.sub(r"\x1b\[[0-9;]*m", "", f"{type(error).__name__}: {error}")


def execute(path: Path, figures: Path | None = None) -> int:
    began = time.perf_counter()
    run, problem = Run(path), ""
    try:
        run.execute()
    except Exception as error:  # whatever it was, it is the chapter's
        problem = describe(error)
    outputs = [(i, o) for i, cell in enumerate(run.nb.cells) for o in cell.get("outputs", [])]
    for i, output in outputs:
        if output.get("name") == "stderr":
            print(f"cell {i} wrote to stderr: {output.text.strip()[:400]}")
    if figures is not None:
        print(f"{_save_figures(outputs, figures)} figures in {figures}")
    print("cell  wall s   CPU s  first line")
    for i, (wall, cpu) in run.seconds.items():
        first = run.nb.cells[i].source.strip().partition("\n")[0]
        print(f"{i:4d} {wall:7.2f} {cpu:7.2f}  {first[:70]}")
    whole = time.perf_counter() - began
    print(f"{path.name}: {run.total_cpu:.1f} s CPU, {whole:.1f} s wall; the budget is 60 s CPU")
    if problem:
        print(problem)
        return 1
    nb = read(path)
    for cell, done in zip(nb.cells, run.nb.cells, strict=True):
        cell.update({"outputs": done.outputs} if CHECKED in tags(cell) else {})
    write(clean(nb), path)
    return 0


def _save_figures(outputs: list[tuple[int, NotebookNode]], folder: Path) -> int:
    """Also the frames of flipbooks, which stand in HTML: nbconvert's extraction knows PNGs only."""
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    for i, output in outputs:
        data = output.get("data", {})
        found = [("png", data["image/png"])] if "image/png" in data else []
        for kind, payload in found + EMBEDDED_IMAGE.findall(data.get("text/html", "")):
            n = sum(name.startswith(f"cell{i:03d}") for name in names)
            names.append(f"cell{i:03d}-{n:02d}.{kind}")
            (folder / names[-1]).write_bytes(base64.b64decode(payload))
    return len(names)


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
    if args.command == "from-text":
        changed = from_text(args.source, args.target)
        print(f"{args.target}: {'written' if changed else 'unchanged'}")
    elif args.command == "to-text":
        to_text(args.source, args.target)
    elif args.command == "execute":
        return execute(args.notebook, args.figures)
    elif args.command == "new":
        sys.path.insert(0, str(SETUP_CELL.parent.parent))
        from scripts import skeleton

        return skeleton.begin(args.what, args.where, args.title)
    else:
        for path in filter(strip, args.notebooks):
            print(f"stripped {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
