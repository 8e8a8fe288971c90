"""One call on a lent GPU records what the book's GPU cells promise, in order of value.

    python scripts/record_gpu.py --out DIR [--minutes 10] [--only NAME ...] [--commit HASH] [--dry-run]

Each job has a share of the minutes. A run that its share cuts off is saved in --runs and goes on when
the same machine is asked again; only whole runs are recorded. DIR gets NAME.json for each recorded
run (figures inside), as book/recorded/ keeps them, and summary.json: copy them there and commit. The
last lines say what was recorded and what is missing. Needs torch, numpy, scipy, scikit-learn,
matplotlib, safetensors, tqdm; MNIST in $GANCOURSE_DATA/mnist. On a lent machine, from the root:

    cp -r ../shared/data .gpu-data          # a folder that git ignores; name it in `carry`
    GANCOURSE_DATA=$PWD/.gpu-data python3 scripts/record_gpu.py --out $OUT --commit HASH
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("GANCOURSE_STATIC", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import torch  # noqa: E402

from gancourse import data, features, nets, recorded, training  # noqa: E402
from scripts import bench, gpu_cells  # noqa: E402
from scripts.chapters import chapter  # noqa: E402

# In a dry run: how much is computed, never with what.
FEWER = [
    (r"\b128, 2, 64, 10_000\b", "16, 1, 8, 4"),
    (r"\b[24]0_000\b", "4"),
    (r"range\((0|1000), (\w+) \+ 1, 1000\)", r"range(\1 // 500, \2 + 1, 2)"),
    (r"\b50_000\b", "1000"),
    (r"\b10_000\b", "200"),
    (r"\b1024, 1024\b", "64, 32"),
    (r"\b64, 128\) if", "8, 16) if"),
    (r"\b64, 64\) if", "8, 16) if"),
    (r"\b64, 1000\b", "8, 1000"),
]


class Out:
    """Where things go, and until when the present job may work."""

    def __init__(self, folder: Path, dry: bool) -> None:
        self.folder, self.dry = folder, dry
        self.until = self.end = 0.0
        self.cut: list[str] = []  # what the clock ended

    def left(self) -> float:
        return max(0.01, min(self.until, self.end) - time.monotonic())


def coloured_mnist() -> data.ImageSet:
    """MNIST's digits, each in a random colour on black, 32 x 32: colour pictures with labels that
    need no network connection."""
    digits = data.mnist("train", download=False)
    rng = torch.Generator().manual_seed(0)
    colours = torch.rand(len(digits.images), 3, 1, 1, generator=rng) * 0.8 + 0.2
    pictures = torch.nn.functional.pad(digits.images, (2, 2, 2, 2)) * colours
    return data.ImageSet(pictures.round().to(torch.uint8), digits.labels, digits.classes)


def cell(out: Out, name: str, *changes: tuple[str, str]) -> None:
    """A chapter's GPU cell, as the reader runs it; it records itself when its run is whole."""
    one = gpu_cells.cell(name)
    text = gpu_cells.source(one)
    for old, new in changes:
        if old not in text:
            raise ValueError(f"cell {name} of {one.path.name} has no {old!r} any more")
        text = text.replace(old, new)
    for pattern, fewer in FEWER if out.dry else []:
        text = re.sub(pattern, fewer, text)
    exec(compile(text, f"{one.path.name}, cell {one.index}", "exec"), {"__name__": "__main__"})


STACKED: dict[str, dict[str, Any]] = {
    "non-saturating, R1": {"loss": "nonsaturating", "r1": 1.0},
    "pairs, R1 + R2": {"loss": "relativistic", "r1": 1.0, "r2": 1.0},
}


def stacked(out: Out, seeds: tuple[int, ...] = (0, 1, 2)) -> None:
    """Chapter 6's two best rows on Stacked MNIST: modes of 1,000 and KL, seed by seed."""
    steps, width, n, batch = (4, 8, 400, 16) if out.dry else (20_000, 64, 26_000, 128)
    modern = torch.cuda.get_device_capability()[0] >= 8
    shared: dict[str, Any] = {"lr": 2e-4, "betas": (0.0, 0.99), "decay": "linear", "ema": 0.999}
    shared |= {"batch_size": batch, "amp": "bf16" if modern else "fp16"}
    count = chapter("06").modes_and_kl
    images = data.stacked(data.mnist("train", download=False), 2000 if out.dry else 60_000)
    reader = features.load("mnist", "cuda")

    def read(fakes: torch.Tensor) -> dict[str, float]:
        digit = [reader.logits(fakes[:, c : c + 1]).argmax(1).cpu() for c in range(3)]
        modes, kl = count(100 * digit[0] + 10 * digit[1] + digit[2])
        return {"modes": modes, "kl": kl}

    done: list[dict[str, Any]] = []
    times: list[float] = []
    for seed in seeds:
        result, began = {}, time.perf_counter()
        for name, settings in STACKED.items():
            torch.manual_seed(seed)
            run = training.GANTrainer(
                nets.DCGANGenerator(128, (3, 28, 28), width=width, norm=False),
                nets.DCGANDiscriminator((3, 28, 28), width=width),
                seed=seed, device="cuda", **shared, **settings,
            )  # fmt: skip
            file = training.run_folder("stacked") / f"{seed}-{settings['loss']}.ckpt"
            run.fit(images, steps, checkpoint=file, progress=False)
            if run.step < steps:
                break
            result[name] = read(run.sample(n))
            print(f"seed {seed}, {name}: {result[name]}", flush=True)
        if len(result) < len(STACKED):
            break
        done.append(result)
        times.append(time.perf_counter() - began)
        recorded.write(
            out.folder / "recorded", "ch06-stacked-seeds", done, seeds=list(seeds[: len(done)]),
            settings={"steps": steps, "width": width, "samples": n, **shared},
            device=torch.device("cuda"), seconds=times, cpu_seconds=None,
            ran=recorded.commit(ROOT),
        )  # fmt: skip


def speed(out: Out) -> None:
    """Images a second of DCGAN's forms, in the same rounds: popular, bare, GANTrainer and its amp."""
    size = {"steps": 2, "rounds": 2, "batch": 8, "width": 8} if out.dry else {}
    began = time.perf_counter()
    device = torch.device("cuda")
    rows = bench.summary(bench.dcgan_on(device, **size), size.get("batch", 128))
    for name, row in rows.items():
        print(f"{name:16} {row['images_per_second']:10,.0f} images/s, {row['ms']:.3f} ms a step")
    recorded.write(
        out.folder / "recorded", "gpu-speed", [rows], seeds=[0],
        settings={"net": "DCGAN, 32x32, 64 channels", "batch": 128} | size, device=device,
        seconds=[time.perf_counter() - began], cpu_seconds=None, ran=recorded.commit(ROOT),
    )  # fmt: skip


# name -> (share of the minutes, what it does): in order of value
Job = Callable[[Out], None]
COLOUR = ('DATASET = "cifar10"', 'DATASET = "coloured_mnist"')
JOBS: dict[str, tuple[float, Job]] = {
    "ch06-stacked-seeds": (3.6, stacked),
    "ch10-mnist": (1.4, lambda out: cell(out, "b91d1ae1")),
    "ch09-wide": (1.4, lambda out: cell(out, "5ebecd74", COLOUR)),
    "gpu-speed": (0.6, speed),
    "ch07-gan": (1.2, lambda out: cell(out, "90e284dd")),
    "ch11-r3gan": (2.4, lambda out: cell(
        out, "2d92d09b", ("data.cifar10()", "data.coloured_mnist()"), ("CIFAR-10", "coloured MNIST")
    )),
    "ch02-mnist-gpu": (1.0, lambda out: cell(out, "2e82a019")),
}  # fmt: skip

#: GPU cells that no job runs, and why.
LEFT_OUT = {
    "082ecc86": "ch06-stacked-seeds has its two best rows, on three seeds",
    "699963a9": "Inception's weights come from the network, which a lent machine doesn't reach",
}


def without_jupyter() -> None:
    """A lent machine has no IPython: figures are shown to nobody there."""
    if importlib.util.find_spec("IPython") is None:
        display = types.ModuleType("IPython.display")
        display.display = lambda *_: None  # type: ignore[attr-defined]
        package = types.ModuleType("IPython")
        package.display = display  # type: ignore[attr-defined]
        sys.modules |= {"IPython": package, "IPython.display": display}


def run_all(out: Out, minutes: float, names: list[str], commit: str) -> dict[str, str]:
    """Run the jobs; name -> "recorded", or why not."""
    fit = training.GANTrainer.fit
    known = recorded.commit

    def boxed(self: Any, images: Any, steps: int, **kwargs: Any) -> Any:
        asked = kwargs.pop("minutes", None) or 60
        history = fit(self, images, steps, minutes=min(asked, out.left() / 60), **kwargs)
        if self.step < steps:
            out.cut.append(f"{self.step:,} of {steps:,} steps in its time")
        return history

    said: dict[str, str] = {}
    (out.folder / "recorded").mkdir(parents=True, exist_ok=True)
    place = Path.cwd()
    setattr(training.GANTrainer, "fit", boxed)  # noqa: B010
    recorded.commit = lambda *a: (commit, False, {}) if commit else known(ROOT)
    data.coloured_mnist = coloured_mnist  # type: ignore[attr-defined]
    os.environ["GANCOURSE_RECORD"] = "1"
    out.end = time.monotonic() + 60 * minutes
    scale = minutes / sum(share for share, _ in JOBS.values())
    try:
        os.chdir(out.folder)  # recorded.keep writes to ./recorded
        for name in names:
            share, job = JOBS[name]
            began, out.cut = time.monotonic(), []
            if began >= out.end:
                said[name] = "no time was left"
                continue
            # What earlier jobs did not use is not lost: a share may grow by half.
            out.until = began + 60 * share * scale * (1.5 if len(names) > 1 else 1000)
            print(f"--- {name}", flush=True)
            try:
                job(out)
            except Exception as error:  # one job's failure is not the others'
                traceback.print_exc()
                said[name] = f"failed: {type(error).__name__}: {error}"
            else:
                path = out.folder / "recorded" / f"{name}.json"
                said[name] = "recorded" if path.exists() else "; ".join(out.cut) or "not whole"
                if path.exists() and out.cut:
                    said[name] = f"recorded in part ({out.cut[-1]})"
            print(f"    {said[name]}, {time.monotonic() - began:.0f} s", flush=True)
    finally:
        os.chdir(place)
        setattr(training.GANTrainer, "fit", fit)  # noqa: B010
        recorded.commit = known
        del os.environ["GANCOURSE_RECORD"], data.coloured_mnist  # type: ignore[attr-defined]
    return said


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "gpu-records")))
    parser.add_argument("--runs", type=Path, default=Path(tempfile.gettempdir(), "gpu-runs"))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", nargs="+", choices=list(JOBS), default=list(JOBS))
    parser.add_argument("--commit", default="", help="of the code, where git can't tell it")
    parser.add_argument("--dry-run", action="store_true", help="four steps, small: does it run?")
    args = parser.parse_args(argv)
    if not torch.cuda.is_available():
        print("no GPU here: nothing can be recorded", file=sys.stderr)
        return 1
    without_jupyter()
    os.environ["GANCOURSE_RUNS"] = str(args.runs.resolve())
    out = Out(args.out.resolve(), args.dry_run)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {args.minutes} minutes")
    said = run_all(out, args.minutes, [n for n in JOBS if n in args.only], args.commit)
    summary = {"device": torch.cuda.get_device_name(), "dry_run": args.dry_run, "jobs": said}
    text = json.dumps(summary, indent=1) + "\n"
    (out.folder / "summary.json").write_text(text, encoding="utf-8")
    missing = {name: why for name, why in said.items() if why != "recorded"}
    print("\nrecorded:", ", ".join(n for n in said if n not in missing) or "nothing")
    for name, why in missing.items():
        print(f"missing: {name}: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
