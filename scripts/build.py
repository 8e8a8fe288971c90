"""Build the book: run the chapters that changed, two at a time, then build strictly.

    python scripts/build.py [--force] [--jobs 2]

The chapters' results are kept in _build/.jupyter_cache, which goes by a notebook's code alone; so
it is emptied when anything else changed that a chapter can see: the package, the recorded runs, the
versions. (The repository's URL changes nothing, see execution_cache.py.) A chapter that fails ends
the build with its traceback. So does any warning: the strict build is always of all pages, since an
incremental one skips a page that failed before.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import (  # noqa: E402
    book,
    checks_page,
    embeds,
    execution_cache,
    exercises_page,
    header,
    light,
    looks,
    notebook,
    practice,
    search,
    teaching_page,
    ticks,
    wheel,
)

execution_cache.install()

CACHE = ROOT / "_build" / ".jupyter_cache"
HTML = ROOT / "_build" / "html"
PACE = 0.125  # CPU seconds that `pace` takes on two quiet cores of November 2026
SEEN_BY_CHAPTERS = [
    "gancourse/**/*.py",
    "gancourse/weights/*",
    "book/recorded/*",
    "constraints.txt",
]
SEEN_BY_PAGES = [
    *SEEN_BY_CHAPTERS,
    "book/**/*",
    "_config.yml",
    "_toc.yml",
    "scripts/*.py",
    "scripts/*.js",
]


def digest(patterns: list[str]) -> str:
    """A hash of the names and contents of files, and of what runs them."""
    total = hashlib.sha256(f"{sys.version} {sys.prefix}".encode())
    paths = {p for pattern in patterns for p in ROOT.glob(pattern)}
    for path in sorted(p for p in paths if p.is_file()):
        if not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts):
            total.update(f"{path.relative_to(ROOT)} ".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def chapters() -> list[Path]:
    """Every page that is run: the chapters' main pages and deeper ones."""
    return book.notebooks(ROOT / "book")


def open_cache() -> Any:
    """The cache of executed chapters, emptied if it was made by other code or versions."""
    from jupyter_cache import get_cache

    stamp, now = CACHE / "made_by.txt", digest(SEEN_BY_CHAPTERS)
    if CACHE.exists() and (not stamp.exists() or stamp.read_text() != now):
        shutil.rmtree(CACHE)
    CACHE.mkdir(parents=True, exist_ok=True)
    cache = get_cache(str(CACHE))
    stamp.write_text(now)
    return cache


def cached(cache: Any, path: Path) -> Any:
    """The cache's record of a chapter, or None: it must run."""
    try:
        return cache.match_cache_notebook(notebook.read(path))
    except KeyError:
        return None


def executed() -> list[tuple[str, Any]]:
    """(name, notebook) of each chapter as the cache holds it, in the book's order."""
    cache, found = open_cache(), []
    for path in chapters():
        if cached(cache, path) is None:
            raise LookupError(f"{path.name} has not run: python scripts/build.py")
        found.append((path.stem, cache.merge_match_into_notebook(notebook.read(path))[1]))
    return found


def cpu_times() -> dict[str, float]:
    """Chapter -> CPU seconds of its last run, for the chapters that the cache holds: at the pace of
    the quiet machine that the limits were set on, where this one was slower (see `pace`)."""
    if not (CACHE / "made_by.txt").exists():
        return {}
    from jupyter_cache import get_cache

    cache = get_cache(str(CACHE))
    records = {path.name: cached(cache, path) for path in chapters()}
    return {
        name: record.data["cpu_seconds"] / max(1.0, record.data.get("pace", PACE) / PACE)
        for name, record in records.items()
        if record is not None and "cpu_seconds" in record.data
    }


def pace() -> float:
    """CPU seconds of a fixed piece of work of a chapter's kind: many operations on small matrices.

    The CPU time of one and the same chapter was seen to differ by half from hour to hour on a shared
    machine; measured beside it, this tells a slow machine from a slow chapter.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.standard_normal((128, 64)).astype(np.float32)
    weights = rng.standard_normal((64, 64)).astype(np.float32) / 8
    began = time.process_time()
    for _ in range(3000):
        x = np.maximum(x @ weights, 0)
        x = (x - x.mean(0)) / (x.std(0) + 1e-3)
    return time.process_time() - began


def run_chapter(path: Path) -> tuple[Path, Any, float, float, float, str]:
    """Execute one chapter: (path, executed notebook, CPU seconds, wall seconds, the machine's pace
    around it, what went wrong)."""
    before = pace()
    began = time.perf_counter()
    run = notebook.Run(path)
    try:
        run.execute()
        error = ""
    except Exception as caught:  # whatever it was, it is the chapter's
        error = notebook.describe(caught)
    wall = time.perf_counter() - began
    return path, run.nb, run.total_cpu, wall, (before + pace()) / 2, error


def fill_cache(jobs: int, only: list[Path] | None = None) -> list[str]:
    """Run what is not in the cache; returns what failed, as text."""
    from jupyter_cache.base import CacheBundleIn

    cache = open_cache()
    todo = [p for p in (only or chapters()) if cached(cache, p) is None]
    failures = []
    todo.sort(key=lambda p: -p.stat().st_size)  # a guess at which takes longest: start it first
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        for path, nb, cpu, wall, beat, error in pool.map(run_chapter, todo):
            slow = max(1.0, beat / PACE)
            note = f" (the machine {slow:.1f} times slower than quiet)" if slow > 1.05 else ""
            print(f"ran {path.name}: {cpu:.1f} s CPU, {wall:.1f} s{note}", flush=True)
            if error:
                failures.append(f"{path.name} failed\n{error}")
                continue
            data = {"execution_seconds": wall, "cpu_seconds": cpu, "pace": beat}
            cache.cache_notebook_bundle(
                CacheBundleIn(nb, str(path), data=data),
                check_validity=False,
                overwrite=True,
            )
    return failures


def build(*, force: bool = False, jobs: int = 2) -> int:
    for name, value in notebook.ENVIRONMENT.items():
        os.environ[name] = value
    os.environ["GANCOURSE_NARROW"] = "1"  # figures are drawn for a phone, too
    exercises_page.main([])
    wheel.build()
    stamp, inputs = HTML / ".inputs", digest(SEEN_BY_PAGES)
    if not force and stamp.exists() and stamp.read_text() == inputs and intact():
        print(f"nothing changed: {HTML / 'index.html'}")
        return 0
    stamp.unlink(missing_ok=True)
    failures = fill_cache(jobs)
    if failures:
        print("\n\n".join(["", *failures]), file=sys.stderr)
        return 1
    checks_page.write(executed())
    teaching_page.write(cpu_times())
    inputs = digest(SEEN_BY_PAGES)  # with these pages
    program = str(Path(sys.executable).with_name("jupyter-book"))
    command = [program, "build", ".", "--all", "-W", "--keep-going", "-n"]
    # autodoc imports the package: this clone's, whatever is installed.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": path})
    if done.returncode or not (HTML / "index.html").exists():
        return done.returncode or 1
    practice.main(HTML)
    embeds.main(HTML)
    light.main(HTML)
    header.main(HTML, cpu_times())
    looks.main(HTML)
    ticks.main(HTML)
    search.main(HTML)
    stamp.write_text(inputs)
    print(f"\nThe book: {HTML / 'index.html'}")
    return 0


def intact() -> bool:
    """Every page of the table of contents is there."""
    return all((HTML / f"{name}.html").exists() for name in [*book.toc(ROOT), "index"])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the book into _build/html.")
    parser.add_argument("--force", action="store_true", help="build even if nothing changed")
    parser.add_argument("--jobs", type=int, default=2, help="chapters that run at a time")
    args = parser.parse_args(argv)
    return build(force=args.force, jobs=args.jobs)


if __name__ == "__main__":
    sys.exit(main())
