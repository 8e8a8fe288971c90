"""The clinic's charts: what the reader on call gets to see of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from gancourse import plots

from ._case import Exam

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = {
    "D": (plots.DISCRIMINATOR, "-"),
    "D on real": (plots.REAL, "-"),
    "D on fakes": (plots.FAKE, "--"),
    "G": (plots.GENERATOR, "-."),
    "gradient": (plots.GRADIENT, "-"),
    "estimate": (plots.DISCRIMINATOR, "-"),
    "penalty": (plots.GRADIENT, "--"),
    "logit": (plots.DISCRIMINATOR, "-"),
}


def log(exam: Exam, *names: str, every: int = 100) -> str:
    """The run's log as text: means over the 20 steps before each line."""
    steps = len(exam.curves[names[0]])
    lines = ["  step" + "".join(f"{name:>13}" for name in names)]
    for step in [20, *range(every, steps + 1, every)]:
        means = [float(np.mean(exam.curves[name][step - 20 : step])) for name in names]
        lines.append(f"{step:6d}" + "".join(_cell(mean) for mean in means))
    return "\n".join(lines)


def _cell(value: float) -> str:
    small = 0 < abs(value) < 1e-3
    return f"{value:13.1e}" if small else f"{value:13,.{0 if abs(value) >= 1000 else 3}f}"


def smooth(values: list[float], width: int = 10) -> np.ndarray:
    """Running mean over the last ``width`` steps."""
    total = np.cumsum(np.insert(np.asarray(values, dtype=float), 0, 0.0))
    ends = np.arange(1, len(total))
    starts = np.maximum(ends - width, 0)
    return (total[ends] - total[starts]) / (ends - starts)


def curves(ax: Axes, sick: Exam, well: Exam, *names: str, healthy: bool = True) -> None:
    """Curves of the patient in color, those of a healthy run thin and grey, names at the end."""
    ends = []
    for name in names:
        color, dash = STYLES[name]
        if healthy and name in well.curves:
            ax.plot(smooth(well.curves[name]), color="#B0B0B0", lw=1, ls=dash)
        line = smooth(sick.curves[name])
        ax.plot(line, color=color, ls=dash)
        ends.append((line[-1], name, color))
    ax.set(xlabel="step", xlim=(0, len(line)))
    label_ends(ax, len(line), ends)


def label_ends(ax: Axes, x: float, ends: list[tuple[float, str, str]], gap: float = 0.085) -> None:
    """Names at the right ends of lines, moved apart where they would overlap."""
    low, high = ax.get_ylim()
    below = -math.inf
    for value, name, color in sorted(ends):
        place = max((value - low) / (high - low), below + gap)
        below = place
        ax.annotate(name, (x, low + place * (high - low)), xytext=(4, 0), color=color,
                    textcoords="offset points", fontsize=8.5, va="center",
                    annotation_clip=False)  # fmt: skip


WINDOW = 1.7  # half a side of the window through which a ring is seen


def cloud(ax: Axes, points: Tensor, real: Tensor, title: str, extent: float = WINDOW) -> None:
    """Generated points over real ones; from farther off, with the usual window drawn in."""
    ax.plot(*real[:500].T, ".", color=plots.REAL, ms=2, alpha=0.5)
    ax.plot(*points[:500].detach().T, "x", color=plots.FAKE, ms=3.2, mew=0.8)
    ax.set(title=title, xlim=(-extent, extent), ylim=(-extent, extent), aspect="equal")
    ax.set(xticks=[-extent, 0, extent] if extent > 5 else [-1, 0, 1], yticks=[])
    if extent > WINDOW:
        ax.set_xlabel(f"{float(f'{extent / WINDOW:.1g}'):,.0f} times as wide")
        corners = WINDOW * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
        ax.plot(*corners.T, color=plots.NEUTRAL, lw=0.8)
        ax.annotate("right panel", (-WINDOW, 0), xytext=(-4, 0), textcoords="offset points",
                    ha="right", va="center", color=plots.NEUTRAL, fontsize=8.5)  # fmt: skip
    if extent > 1000:
        ax.set_xticks([-extent, 0, extent], [f"-{extent:,.0f}", "0", f"{extent:,.0f}"])


def mosaic(ax: Axes, images: Tensor, title: str, rows: int = 5, columns: int = 5) -> None:
    """Pictures in [-1, 1], as the course shows them."""
    tiles = images[: rows * columns, 0].detach().clamp(-1, 1)
    side = tiles.shape[-1]
    wall = np.full((rows * (side + 1) - 1, columns * (side + 1) - 1), 1.0)
    for k, tile in enumerate(tiles.numpy()):
        y, x = divmod(k, columns)
        wall[y * (side + 1) :, x * (side + 1) :][:side, :side] = tile
    ax.imshow(wall, vmin=-1, vmax=1, interpolation="nearest")
    ax.set(title=title)
    ax.axis("off")


def _three(widths: tuple[float, ...] = (1.25, 1, 1), height: float = 2.6) -> tuple[Figure, Any]:
    import matplotlib.pyplot as plt

    return plt.subplots(1, len(widths), figsize=(7.2, height), width_ratios=widths)


def _ring(sick: Exam, well: Exam, *names: str, extent: float = WINDOW) -> Figure:
    fig, axes = _three()
    curves(axes[0], sick, well, *names)
    axes[0].set_title("loss (grey: healthy)")
    cloud(axes[1], sick.pictures["points"], sick.pictures["real"], "the patient", extent)
    cloud(axes[2], well.pictures["points"], well.pictures["real"], "a healthy run")
    return fig


def _losses(sick: Exam, well: Exam) -> Figure:
    return _ring(sick, well, "D on real", "D on fakes", "G")


def _allies(sick: Exam, well: Exam) -> Figure:
    return _ring(sick, well, "D", "G", extent=15)


def _still(sick: Exam, well: Exam) -> Figure:
    return _ring(sick, well, "D on real", "D on fakes", "G")


def _grey(sick: Exam, well: Exam) -> Figure:
    fig, axes = _three()
    curves(axes[0], sick, well, "D", "G")
    axes[0].set_title("loss (grey: healthy)")
    mosaic(axes[1], sick.pictures["images"], "the patient")
    mosaic(axes[2], well.pictures["images"], "a healthy run")
    return fig


def _textbook(sick: Exam, well: Exam) -> Figure:
    fig, axes = _three((1, 1, 1))
    axes[0].set(title="loss (grey: healthy)", ylim=(0, 2.2))
    curves(axes[0], sick, well, "D", "G")
    for exam, color in ((well, "#B0B0B0"), (sick, plots.GRADIENT)):
        axes[1].plot(smooth(exam.curves["gradient"]), color=color)
    axes[1].set(title="norm of G's gradient", yscale="log", xlabel="step", xlim=(0, 400))
    cloud(axes[2], sick.pictures["points"], sick.pictures["real"], "the patient")
    return fig


def _growing(sick: Exam, well: Exam) -> Figure:
    fig, axes = _three()
    for exam, color, name in ((well, plots.NEUTRAL, "healthy"), (sick, plots.DISCRIMINATOR, "")):
        line = -smooth(exam.curves["D"])
        axes[0].plot(line, color=color)
        axes[0].annotate(name, (400, line[-1]), xytext=(-4, 5), textcoords="offset points",
                         ha="right", color=color, fontsize=8.5)  # fmt: skip
    axes[0].set(title="minus the critic's loss", xlabel="step", xlim=(0, 400))
    axes[0].set_yscale("symlog", linthresh=1)
    axes[0].set_ylim(-1, None)
    extent = float(f"{sick.signs['farthest sample (the ring has radius 1)'] * 1.1:.1g}")
    cloud(axes[1], sick.pictures["points"], sick.pictures["real"], "the patient", extent)
    cloud(axes[2], well.pictures["points"], well.pictures["real"], "a healthy run")
    return fig


def _critic(sick: Exam, well: Exam) -> Figure:
    fig, axes = _three((1, 1))
    for exam, color, name in ((well, plots.NEUTRAL, "healthy"), (sick, plots.DISCRIMINATOR, "")):
        line = smooth(exam.curves["estimate"])
        axes[0].plot(line, color=color)
        axes[1].plot(exam.pictures["places"], exam.pictures["profile"], "o-", ms=4, color=color)
        axes[0].annotate(name, (len(line), line[-1]), xytext=(-2, 5), textcoords="offset points",
                         ha="right", color=color, fontsize=8.5)  # fmt: skip
    axes[0].set(title="the critic's estimate of the distance", xlabel="step", ylim=(0, None))
    axes[1].set(title="the critic's slope", ylim=(0, None))
    axes[1].set_xlabel("place between generated (0) and real (1)")
    return fig


def _ring_of_eight(sick: Exam, well: Exam) -> Figure:
    fig, axes = _three((1, 1, 1))
    axes[0].set(title="loss (grey: healthy)", ylim=(0, 2.2))
    curves(axes[0], sick, well, "D", "G")
    cloud(axes[1], sick.pictures["points"], sick.pictures["real"], "the patient")
    cloud(axes[2], well.pictures["points"], well.pictures["real"], "a healthy run")
    return fig


def _average(sick: Exam, well: Exam) -> Figure:
    fig, axes = _three((1, 1, 1), 2.8)
    real = sick.pictures["real"]
    cloud(axes[0], sick.pictures["live"], real, "the net that trains")
    cloud(axes[1], sick.pictures["average"], real, "its average: the demo")
    cloud(axes[2], well.pictures["average"], real, "a healthy average")
    return fig


def _scores(sick: Exam, well: Exam) -> Figure:
    fig, axes = _three((1, 1))
    marks = (("A", plots.GENERATOR, "o"), ("B", plots.FAKE, "s"), ("real", plots.REAL, "+"))
    for ax, exam, title in ((axes[0], sick, "the patient"), (axes[1], well, "healthy")):
        for name, color, mark in marks:
            label = "real digits" if name == "real" else f"model {name}"
            ax.plot(range(1, 21), exam.curves[name], mark, color=color, label=label, ms=5, mfc="none")
        ax.set(title=f"{title}: 20 draws", xlabel="draw", ylim=(0, 20), xticks=[1, 10, 20])
    axes[0].set_ylabel("Fréchet distance, digit features")
    axes[1].legend(loc="upper right")
    return fig


DRAWN = {
    "15.1": _losses, "15.2": _allies, "15.3": _still, "15.4": _grey, "15.5": _textbook,
    "15.6": _growing, "15.7": _critic, "15.8": _critic, "15.9": _ring_of_eight, "15.10": _grey,
    "15.11": _average, "15.12": _scores,
}  # fmt: skip
