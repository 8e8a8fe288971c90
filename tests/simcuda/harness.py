"""GPU cells on the simulated device: stand-ins for downloads, few steps, and what a step costs.

Import `simcuda` first. `short(...)` cuts only how much is computed, never with what: networks, batches
and settings are the cell's own.
"""

import contextlib
import gc
import io
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import simcuda
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from gancourse import data, features, training
from scripts import gpu_cells

HALF = (torch.float16, torch.bfloat16)
VIEWS = {"aten::" + name for name in (
    "view _unsafe_view reshape expand permute transpose t slice select squeeze unsqueeze as_strided "
    "detach alias split split_with_sizes unbind chunk empty empty_like empty_strided new_empty "
    "new_empty_strided lift_fresh unfold _reshape_alias"
).split()}  # fmt: skip


class Count(TorchDispatchMode):
    """Operations of the large kernels by precision, bytes that kernels read and write, kernels."""

    def __init__(self):
        super().__init__()
        self.float32 = self.half = self.moved = self.kernels = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = function(*args, **kwargs)
        name = function._schema.name
        tensors = [t for t in torch.utils._pytree.tree_leaves((args, kwargs)) if is_cuda(t)]
        results = [t for t in torch.utils._pytree.tree_leaves(out) if is_cuda(t)]
        packet = function._overloadpacket
        if packet in flop_registry:
            work = convolution(name, args, out)
            if work is None:
                work = flop_registry[packet](*args, **kwargs, out_val=out)
            if tensors[0].dtype in HALF:
                self.half += work
            else:
                self.float32 += work
        if name not in VIEWS and (tensors or results):
            self.kernels += 1
            self.moved += sum(t.numel() * t.element_size() for t in (*tensors, *results))
        return out


def convolution(name, args, out):
    """Operations of a convolution or of its two gradients. (torch's own count takes those of a
    grouped one for a full one.) None for anything else."""
    if name == "aten::convolution":
        (x, weight), turned, passes, y = args[:2], args[6], 1, out
    elif name == "aten::convolution_backward":
        (y, x, weight), turned, passes = args[:3], args[7], sum(args[10][:2])
    else:
        return None
    return 2 * (x if turned else y).numel() * weight[0].numel() * passes


def is_cuda(value):
    return isinstance(value, torch.Tensor) and value.is_cuda


@dataclass
class Run:
    """One call of fit: what was asked for, and what one step of it takes."""

    steps: int
    minutes: float | None
    settings: dict
    batch: int
    float32: int = 0
    half: int = 0
    moved: int = 0
    kernels: int = 0
    peak: int = 0
    syncs: int = 0


@dataclass
class Outcome:
    """What a cell did: its runs, what it printed, the names it leaves."""

    runs: list = field(default_factory=list)
    printed: str = ""
    names: dict = field(default_factory=dict)
    seconds: float = 0.0


def stand_ins():
    """Drawn pictures in the shapes and numbers of those that would be downloaded."""
    kept = {}

    def grey(split="train", root=None, download=True):
        if split not in kept:
            drawn = data.glyphs(1000, seed=90 + len(kept))
            n = 60_000 if split == "train" else 10_000
            rows = torch.arange(n) % 1000
            kept[split] = data.ImageSet(drawn.images[rows], drawn.labels[rows], drawn.classes)
        return kept[split]

    def colour(split="train", root=None, download=True):
        rng = torch.Generator().manual_seed(3)
        n = 50_000 if split == "train" else 10_000
        rows = torch.arange(n) % 1000
        images = torch.randint(256, (1000, 3, 32, 32), generator=rng, dtype=torch.uint8)
        labels = torch.randint(10, (1000,), generator=rng)
        return data.ImageSet(images[rows], labels[rows], tuple("0123456789"))

    return {"mnist": grey, "fashion_mnist": grey, "cifar10": colour}


@contextlib.contextmanager
def short(steps, batch=None):
    """Runs of `steps` steps, of the cell's batch or a smaller one, watched."""
    trainer = training.GANTrainer
    whole = {name: getattr(trainer, name) for name in ("__init__", "fit", "sample")}
    evaluate = features.FeatureNet._run
    runs = []

    def init(self, *args, **kwargs):
        if batch and kwargs.get("batch_size", 128) > batch:
            kwargs["batch_size"] = batch
        whole["__init__"](self, *args, **kwargs)

    def fit(self, images, wanted, **kwargs):
        assert self.device.type == "cuda"
        run = Run(wanted, kwargs.pop("minutes", None), self.settings, self.batch_size)
        runs.append(run)
        if kwargs.get("callback"):
            kwargs["callback_steps"] = [0, steps]
        d_step, g_step = self.d_step, self.g_step

        def watched(step):
            def call(*args, **kwargs):
                last = self.step == steps - 1
                before = simcuda.lib.sim_syncs()
                with (
                    simcuda.no_sync(),
                    Count() if last else contextlib.nullcontext() as c,
                ):
                    loss = step(*args, **kwargs)
                run.syncs += simcuda.lib.sim_syncs() - before
                if c is not None:
                    for name in ("float32", "half", "moved", "kernels"):
                        setattr(run, name, getattr(run, name) + getattr(c, name))
                return loss

            return call

        self.d_step, self.g_step = watched(d_step), watched(g_step)
        torch.cuda.reset_peak_memory_stats()
        try:
            history = whole["fit"](self, images, steps, **kwargs)
        finally:
            del self.d_step, self.g_step
        run.peak = torch.cuda.max_memory_allocated()
        return history

    def sample(self, n, generator=None, labels=None):
        most = 50
        some = labels if labels is None or isinstance(labels, int) else labels[:most]
        part = whole["sample"](self, min(n, most), generator, some)
        return part[torch.arange(n, device=part.device) % len(part)]

    def seen(self, images, which):
        n = len(images)
        part = evaluate(self, images[:50], which)
        return part[torch.arange(n, device=part.device) % len(part)]

    trainer.__init__, trainer.fit, trainer.sample = init, fit, sample
    features.FeatureNet._run = seen
    try:
        yield runs
    finally:
        for name, value in whole.items():
            setattr(trainer, name, value)
        features.FeatureNet._run = evaluate


def run_cell(cell, folder, steps=2, batch=None):
    """One GPU cell with what it needs, on the simulated device, in an empty folder."""
    import matplotlib

    matplotlib.use("Agg")
    place = Path.cwd()
    saved = {name: getattr(data, name) for name in stand_ins()}
    printed = io.StringIO()
    os.environ["GANCOURSE_RUNS"] = str(folder / "runs")
    for name, value in stand_ins().items():
        setattr(data, name, value)
    began = time.perf_counter()
    gc.collect()
    others = simcuda.lib.sim_live()  # held by outcomes of other cells: none of this one's memory
    try:
        os.chdir(folder)
        torch.manual_seed(0)
        with short(steps, batch) as runs, contextlib.redirect_stdout(printed):
            names = {}
            code = compile(gpu_cells.source(cell), f"{cell.path.name}, cell {cell.index}", "exec")
            exec(code, names)
    finally:
        os.chdir(place)
        del os.environ["GANCOURSE_RUNS"]
        for name, value in saved.items():
            setattr(data, name, value)
    for run in runs:
        run.peak -= others
    return Outcome(runs, printed.getvalue(), names, time.perf_counter() - began)


T4 = {"float32": 8.1e12, "half": 65e12, "moved": 320e9}  # a second, NVIDIA's numbers
SHARE = 1 / 3  # of those that a training step may be hoped to reach


def t4_minutes(float32, half, moved=0.0):
    """By the count, at a third of the card's peak: what takes longer, computing or memory."""
    computing = float32 / T4["float32"] + half / T4["half"]
    return max(computing, moved / T4["moved"]) / SHARE / 60


def cost(runs):
    """Of all of a cell's steps together, from the last step of each of its runs."""
    total = {n: sum(getattr(r, n) * r.steps for r in runs) for n in ("float32", "half", "moved")}
    minutes = sum(t4_minutes(r.float32, r.half, r.moved) * r.steps for r in runs)
    return total | {"peak": max(run.peak for run in runs), "minutes": minutes}


def larger(one, two, batch):
    """The run at `batch`, from runs of the same networks with two smaller batches."""
    factor = (batch - one.batch) / (two.batch - one.batch)
    values = {
        n: getattr(one, n) + factor * (getattr(two, n) - getattr(one, n))
        for n in ("float32", "half", "moved", "peak")
    }
    return replace(two, batch=batch, **values)
