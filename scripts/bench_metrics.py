"""The metrics beside the forms that others compute them in: CPU seconds, peak memory, and the values.

    python scripts/bench_metrics.py [--rounds 3] [--threads 1] [--only fid] [--skip-large]

At d = 2,048, Inception's feature size, with features whose spectrum decays like those of images:

- *Covariance* of n = 10,000 rows, ``FeatureStats.update`` beside one ``np.cov``.
- *Fréchet distance*, from means and covariances, and from the features, n = 10,000 and n = 1,000 (the
  covariances are singular there). Against ``scipy.linalg.sqrtm`` of the product, as popular code
  calls it (own re-creation), and against torchmetrics.
  (Their difference there is their rounding: our two ways, singular values of the data and
  eigenvectors of the covariances, agree to 1e-14.)
- *KID* against torchmetrics' ``poly_mmd``; *precision, recall, density and coverage* against prdc.

The forms of one row run interleaved, round by round, so that a change in the machine's load hits
all of them; times are medians, the ratio is the median of the rounds' ratios. Memory is measured in
a fresh process for each form: the rise of its peak over what it held before the call (imports, a
small warm-up, the inputs). What is too long for rounds (n = 10,000 with all pairs) is timed there.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from gancourse import metrics

D, LARGE, SMALL = 2048, 10_000, 1_000
Values = list[float]


def make_features(n: int, seed: int) -> np.ndarray:
    """``(n, D)`` float32: variance of the i-th direction falling as 1/i, a common offset."""
    axes = torch.linalg.qr(torch.randn(D, D, generator=torch.Generator().manual_seed(0))).Q
    g = torch.Generator().manual_seed(seed)
    scale = torch.arange(1, D + 1).float().pow(-0.5) * (1 + 0.1 * (seed % 2))
    return ((torch.randn(n, D, generator=g) * scale) @ axes + 0.4).numpy()


# --- the other forms ------------------------------------------------------------------------------


def sqrtm_frechet(m1, s1, m2, s2) -> Values:
    from scipy.linalg import sqrtm

    root = sqrtm(s1 @ s2)
    if not np.isfinite(root).all():
        offset = np.eye(len(s1)) * 1e-6
        root = sqrtm((s1 + offset) @ (s2 + offset))
    root = root.real if np.iscomplexobj(root) else root
    return [float((m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * np.trace(root))]


def sqrtm_fid(x, y) -> Values:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    return sqrtm_frechet(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))


def torchmetrics_frechet(m1, s1, m2, s2) -> Values:
    from torchmetrics.image.fid import _compute_fid

    return [float(_compute_fid(*(torch.from_numpy(a) for a in (m1, s1, m2, s2))))]


def torchmetrics_fid(x, y) -> Values:
    x, y = torch.from_numpy(x).double(), torch.from_numpy(y).double()
    return torchmetrics_frechet(
        x.mean(0).numpy(), x.T.cov().numpy(), y.mean(0).numpy(), y.T.cov().numpy()
    )


def torchmetrics_kid(x, y) -> Values:
    from torchmetrics.image.kid import poly_mmd

    return [float(poly_mmd(torch.from_numpy(x).double(), torch.from_numpy(y).double()))]


def prdc_all(x, y) -> Values:
    import contextlib
    import io

    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        got = compute_prdc(x.astype(np.float64), y.astype(np.float64), 5)
    return [float(got[name]) for name in ("precision", "recall", "density", "coverage")]


def ours_all(x, y) -> Values:
    return [*metrics.precision_recall(x, y, 5), *metrics.density_coverage(x, y, 5)]


def trace_and_corner(cov) -> Values:
    return [float(cov.trace()), float(cov[0, -1])]


# what -> the forms to compare, ours first; each takes the row's inputs.
FORMS: dict[str, dict[str, Callable[..., Values]]] = {
    "cov": {
        "gancourse": lambda x, _: trace_and_corner(metrics.FeatureStats().update(x).cov),
        "np.cov": lambda x, _: trace_and_corner(np.cov(x.T)),
    },
    "frechet": {
        "gancourse": lambda *s: [metrics.frechet_distance(*s)],
        "torchmetrics": torchmetrics_frechet,
        "sqrtm": sqrtm_frechet,
    },
    "fid": {
        "gancourse": lambda x, y: [metrics.frechet_distance(x, y)],
        "torchmetrics": torchmetrics_fid,
        "sqrtm": sqrtm_fid,
    },
    "kid": {"gancourse": lambda x, y: [metrics.kid(x, y)], "torchmetrics": torchmetrics_kid},
    "prdc": {"gancourse": ours_all, "prdc": prdc_all},
}
NAMES = {
    "cov": "covariance",
    "frechet": "Fréchet distance from statistics",
    "fid": "Fréchet distance from features",
    "kid": "KID",
    "prdc": "precision, recall, density, coverage",
}


def inputs(what: str, n: int, folder: Path) -> list[np.ndarray]:
    x, y = (np.load(folder / f"{name}.npy", mmap_mode="r")[:n] for name in ("real", "fake"))
    if what != "frechet":
        return [np.array(x), np.array(y)]
    return [np.load(folder / f"{name}.npy") for name in ("m1", "s1", "m2", "s2")]


def measure(form: Callable[..., Values], args: list[np.ndarray]) -> tuple[float, float, Values]:
    start, wall = time.process_time(), time.perf_counter()
    values = form(*args)
    return time.process_time() - start, time.perf_counter() - wall, values


def peak_mib() -> float:
    """Highest memory this process held. (On Linux ru_maxrss starts from the parent's peak.)"""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(what: str, form: str, n: int, threads: int, folder: Path) -> None:
    """One call in this fresh process: print its seconds, its rise in peak memory, its values."""
    torch.set_num_threads(threads)
    call = FORMS[what][form]
    small = np.random.default_rng(0).normal(size=(64, 16))
    tiny = [small.mean(0), np.cov(small.T)] * 2 if what == "frechet" else [small, small + 0.1]
    call(*tiny)  # so that imports and thread pools are not counted
    args = inputs(what, n, folder)
    before = peak_mib()
    seconds, wall, values = measure(call, args)
    print(json.dumps({"seconds": seconds, "wall": wall, "mib": peak_mib() - before, "values": values}))


def in_child(what: str, form: str, n: int, threads: int, folder: Path) -> dict:
    command = [sys.executable, __file__, "--child", what, form, str(n), str(folder)]
    out = subprocess.run(
        [*command, "--threads", str(threads)], capture_output=True, text=True, check=True
    )
    return json.loads(out.stdout.splitlines()[-1])


def compare(what: str, n: int, rounds: int, threads: int, folder: Path) -> list[dict]:
    """One row a form: seconds (CPU, wall), ratio to ours, memory, values, difference to ours."""
    forms = FORMS[what]
    alone = {form: in_child(what, form, n, threads, folder) for form in forms}
    seconds: dict[str, list[float]] = {form: [] for form in forms}
    walls: dict[str, list[float]] = {form: [] for form in forms}
    args = inputs(what, n, folder) if rounds else []
    for _ in range(rounds):
        for form, call in forms.items():
            cpu, wall, _ = measure(call, args)
            seconds[form].append(cpu)
            walls[form].append(wall)
    if not rounds:
        seconds = {form: [alone[form]["seconds"]] for form in forms}
        walls = {form: [alone[form]["wall"]] for form in forms}
    ours, rows = alone["gancourse"]["values"], []
    for form in forms:
        ratios, wall_ratios = (
            [s / o for s, o in zip(taken[form], taken["gancourse"], strict=True)]
            for taken in (seconds, walls)
        )
        values = alone[form]["values"]
        difference = max(abs(v - o) / abs(o) for v, o in zip(values, ours, strict=True))
        rows.append(
            {
                "what": NAMES[what],
                "n": n,
                "form": form,
                "seconds": statistics.median(seconds[form]),
                "ratio": statistics.median(ratios),
                "wall": statistics.median(walls[form]),
                "wall_ratio": statistics.median(wall_ratios),
                "mib": alone[form]["mib"],
                "values": values,
                "difference": difference,
            }
        )
    return rows


def show(rows: list[dict]) -> None:
    for row in rows:
        if row["form"] == "gancourse":
            print(f"\n{row['what']}, n = {row['n']:,}, d = {D:,}")
            print(
                f"  {'form':14} {'CPU s':>8} {'ratio':>7} {'wall s':>8} {'ratio':>7} {'peak MiB':>9}"
                f"  {'rel. diff.':>10}  values"
            )
        values = " ".join(f"{v:.9g}" for v in row["values"])
        print(
            f"  {row['form']:14} {row['seconds']:8.3f} {row['ratio']:6.1f}x"
            f" {row['wall']:8.3f} {row['wall_ratio']:6.1f}x {row['mib']:9.0f}"
            f"  {row['difference']:10.1e}  {values}",
            flush=True,
        )


def main(rounds: int = 3, threads: int = 1, large: bool = True, only: Sequence[str] = ()) -> list[dict]:
    """Measure, print, and give back the rows."""
    torch.set_num_threads(threads)
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed, part in enumerate(("real", "fake")):
            features = make_features(LARGE, seed)
            np.save(folder / f"{part}.npy", features)
            stats = metrics.FeatureStats().update(features)
            np.save(folder / f"m{seed + 1}.npy", stats.mean.numpy())
            np.save(folder / f"s{seed + 1}.npy", stats.cov.numpy())
        cases = [("cov", LARGE, rounds), ("frechet", LARGE, rounds)]
        cases += [("fid", LARGE, rounds), ("fid", SMALL, rounds)]
        cases += [("kid", SMALL, rounds), ("prdc", SMALL, rounds)]
        cases += [("kid", LARGE, 0), ("prdc", LARGE, 0)] if large else []
        for what, n, times in (case for case in cases if not only or case[0] in only):
            part_rows = compare(what, n, times, threads, folder)
            show(part_rows)
            rows += part_rows
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(NAMES), help="these rows alone")
    parser.add_argument("--skip-large", action="store_true", help="leave out all pairs of 10,000")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        what, form, n, folder = options.child
        child(what, form, int(n), options.threads, Path(folder))
    else:
        main(options.rounds, options.threads, not options.skip_large, options.only or ())
