"""Run a longer experiment over its seeds and write book/recorded/NAME.json.

    python scripts/record.py --list
    python scripts/record.py NAME [--device cuda] [--allow-dirty] [--out DIR]

The file says all that a reader needs to judge the numbers: device, torch, settings, seeds, CPU and
wall seconds, date, commit. With changes in the code that are in no commit it refuses, because
the commit would then not say what ran; --allow-dirty records all the same and marks the file.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import resource
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from gancourse.recorded import commit  # noqa: E402
from scripts.experiments import Recorder, load_all  # noqa: E402


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [s for s in cpuinfo.read_text().splitlines() if s.startswith("model name")]
        name = names[0].partition(":")[2].strip() if names else name
    threads = torch.get_num_threads()
    return f"CPU ({name or platform.machine()}), {threads} thread{'s' if threads > 1 else ''}"


def cpu_seconds() -> float:
    own, children = (
        resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def record(name: str, device: torch.device, *, allow_dirty: bool = False) -> dict[str, Any]:
    """Run experiment `name`; returns what is to be written."""
    experiments = load_all()
    if name not in experiments:
        raise SystemExit(f"no experiment {name!r}; there are: {', '.join(sorted(experiments))}")
    revision, dirty = commit(ROOT)
    if dirty and not allow_dirty:
        raise SystemExit(
            "the code has changes that are in no commit (or this is no clone): commit first, or "
            "give --allow-dirty (make record NAME=... DIRTY=1) and the recording will say so"
        )
    experiment = experiments[name]
    recorder, results, times = Recorder(), [], []
    torch.set_num_threads(1)
    began_cpu, began = cpu_seconds(), time.perf_counter()
    for seed in experiment.seeds:
        start = time.perf_counter()
        torch.manual_seed(seed)
        results.append(experiment.run(seed, device, recorder, **experiment.settings))
        times.append(time.perf_counter() - start)
        told = str(results[-1])
        told = told if len(told) < 300 else told[:300] + " ..."  # curves go to the file only
        print(f"{name} seed {seed}: {times[-1]:.1f} s  {told}", flush=True)
    return {
        "name": name,
        "results": results,
        "seeds": list(experiment.seeds),
        "settings": experiment.settings,
        "device": device_name(device),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "cpu_seconds": round(cpu_seconds() - began_cpu, 1),
        "wall_seconds": round(time.perf_counter() - began, 1),
        "wall_seconds_each": [round(t, 1) for t in times],
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": revision,
        "dirty": dirty,
        "figures": recorder.figures,
    }


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
        run = record(name, torch.device(args.device), allow_dirty=args.allow_dirty)
        args.out.mkdir(parents=True, exist_ok=True)
        path = args.out / f"{name}.json"
        # allow_nan=False: a NaN would be no JSON, and a result nobody should print
        path.write_text(json.dumps(run, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
