"""Run the chapters as Colab would: its versions, the package installed over them, no clone beside.

Run by `make test-colab` in .venv-colab. Installing must change nothing that is there: a course that
makes pip replace numpy or torch on Colab breaks the session that it runs in. A chapter fails with an
error in a cell, with a warning in an output, or with other numbers than its checked cells hold.

    .venv-colab/bin/python tests/colab.py [03 12]      all chapters, or these
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import wheel

PIP = [sys.executable, "-m", "pip"]
CHECKED = "nbval-check-output"


def installed() -> set[str]:
    done = subprocess.run([*PIP, "list", "--format=freeze"], capture_output=True, text=True, check=True)
    return {line for line in done.stdout.split() if not line.startswith("gancourse==")}


def printed(outputs: list) -> str:
    return "".join(o["text"] for o in outputs if o["output_type"] == "stream")


def problems(nb, stored) -> list[str]:
    """What is wrong with an executed chapter; `stored` is the file that it was run from."""
    found = []
    for i, (cell, before) in enumerate(zip(nb.cells, stored.cells)):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                found.append(f"cell {i} ({cell.id}): {output['ename']}: {output['evalue']}")
            elif "Warning" in output.get("text", "") or output.get("name") == "stderr":
                found.append(f"cell {i} ({cell.id}) warns: {output['text'].strip()[:300]}")
        if CHECKED in cell.metadata.get("tags", []):
            now, then = printed(cell.outputs), printed(before.outputs)
            if now != then:
                found.append(f"cell {i} ({cell.id}) prints\n{now}instead of\n{then}")
    return found


def run(path: Path) -> tuple[str, float, float, list[str]]:
    """(chapter, CPU seconds, seconds, problems); a cell that fails does not end the chapter."""
    import nbformat
    import psutil
    from nbclient import NotebookClient

    nb, stored = (nbformat.read(path, as_version=4) for _ in range(2))
    began, cpu = time.perf_counter(), [0.0]

    def after(**_):
        process = psutil.Process(client.km.provisioner.pid)
        cpu[0] = sum(process.cpu_times()[:2])

    where = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(nb, timeout=1800, kernel_name="python3", allow_errors=True, resources=where)
    client.on_cell_executed = after
    client.execute()
    return path.stem, cpu[0], time.perf_counter() - began, problems(nb, stored)


def main(arguments: list[str]) -> int:
    subprocess.run([*PIP, "uninstall", "-q", "-y", "gancourse"], check=True)
    before = installed()
    with tempfile.TemporaryDirectory() as folder:
        # From a copy: setuptools would leave build/ in the clone.
        source = Path(folder, "source")
        wheel.copy_sources(source)
        subprocess.run([*PIP, "install", "-q", str(source)], check=True)
        after = installed()
        if before != after:
            print(f"installing the package changed: {sorted(before ^ after)}", file=sys.stderr)
            return 1
        print(f"installing the package changed none of {len(before)} packages", flush=True)

        chapters = Path(folder, "content")
        chapters.mkdir()
        wanted = {number.zfill(2) for number in arguments}
        for path in sorted((ROOT / "book").glob("*.ipynb")):
            if not wanted or path.stem[:2] in wanted:
                shutil.copy(path, chapters)
        os.environ |= {"OMP_NUM_THREADS": "1", "GANCOURSE_STATIC": "0"}
        os.environ.pop("PYTHONPATH", None)
        failed = 0
        with ProcessPoolExecutor(max_workers=int(os.environ.get("COLAB_JOBS", "2"))) as pool:
            for name, cpu, wall, found in pool.map(run, sorted(chapters.glob("*.ipynb"))):
                print(f"{name}: {cpu:.0f} s CPU, {wall:.0f} s, {len(found)} problems", flush=True)
                print(*(f"  {line}" for line in found), sep="\n", end="\n" if found else "")
                failed += bool(found)
        print(f"{failed} chapters failed" if failed else "every chapter ran: no error, no warning")
        return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
