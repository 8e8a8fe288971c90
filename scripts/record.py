"""Run a longer experiment over its seeds and write book/recorded/NAME.json.

    python scripts/record.py --list
    python scripts/record.py NAME [--device cuda] [--allow-dirty] [--out DIR]

The file says all that a reader needs to judge the numbers: device, torch, settings, seeds, CPU and
wall seconds, date, commit. With changes in the code that are in no commit it refuses, because
the commit would then not say what ran; --allow-dirty records all the same and marks the file. It
refuses a commit that is not on the branch main, too: a rebase would leave it behind.
"""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from gancourse.recorded import commit, write  # noqa: E402
from scripts.chapters import Definitions, used  # noqa: E402
from scripts.experiments import Experiment, Recorder, load_all  # noqa: E402

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def cpu_seconds() -> float:
    """CPU time of this process; with that of its children where the system counts it."""
    if resource is None:
        return time.process_time()
    own, children = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def ran(experiment: Experiment) -> tuple[str, bool, dict[str, str]]:
    """Commit, whether the code differs from it, and what the experiment takes from its chapter."""
    names: dict[str, set[str]] = {}
    given: dict[str, set[str]] = {}
    for page, taken in used(sys.modules[experiment.run.__module__]):
        names.setdefault(page._number, set()).update(taken)
        given.setdefault(page._number, set()).update(page._given)
    parts = {n: functools.partial(_taken, n, names[n], given[n]) for n in names}
    return commit(ROOT, parts)


def landed(folder: Path) -> bool:
    """Whether the clone's branch main, if it has one, has the commit that is checked out."""
    command = ["git", "merge-base", "--is-ancestor", "HEAD", "main"]
    try:
        return subprocess.run(command, cwd=folder, capture_output=True).returncode != 1
    except OSError:  # no git
        return True


def _taken(number: str, names: set[str], given: set[str], notebook: str) -> str:
    return Definitions(number, notebook).source(names, given)


def record(name: str, device: torch.device, folder: Path, *, allow_dirty: bool = False) -> Path:
    """Run experiment `name` and write ``folder``/NAME.json."""
    experiments = load_all()
    if name not in experiments:
        raise SystemExit(f"no experiment {name!r}; there are: {', '.join(sorted(experiments))}")
    experiment = experiments[name]
    code = ran(experiment)
    if code[1] and not allow_dirty:
        raise SystemExit(
            "the code has changes that are in no commit (or this is no clone): commit first, or "
            "give --allow-dirty (make record NAME=... DIRTY=1) and the recording will say so"
        )
    if not (landed(ROOT) or allow_dirty):
        raise SystemExit(
            f"{code[0][:10]} is not on the branch main, and a rebase would leave it behind: land it "
            "first, then record on main (or give --allow-dirty, for a trial)"
        )
    os.environ.setdefault("GANCOURSE_STATIC", "1")  # a chapter's loops draw their progress
    recorder, results, times = Recorder(), [], []
    torch.set_num_threads(1)
    began = cpu_seconds()
    for seed in experiment.seeds:
        start = time.perf_counter()
        torch.manual_seed(seed)
        results.append(experiment.run(seed, device, recorder, **experiment.settings))
        times.append(time.perf_counter() - start)
        told = str(results[-1])
        told = told if len(told) < 300 else told[:300] + " ..."  # curves go to the file only
        print(f"{name} seed {seed}: {times[-1]:.1f} s  {told}", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    return write(
        folder, name, results, seeds=experiment.seeds, settings=experiment.settings, device=device,
        seconds=times, cpu_seconds=cpu_seconds() - began, ran=code, figures=recorder.figures,
    )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Record a longer experiment.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="name the experiments and stop")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--allow-dirty", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "book" / "recorded")
    args = parser.parse_args(argv)
    if args.list or not args.names:
        for name, experiment in sorted(load_all().items()):
            print(f"{name}  seeds {experiment.seeds}  {experiment.settings}")
        return 0 if args.list else 2
    for name in args.names:
        path = record(name, torch.device(args.device), args.out, allow_dirty=args.allow_dirty)
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
