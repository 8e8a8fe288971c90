"""Figures of the course: one palette, thin axes, and an alternative text for each figure.

One meaning, one color, from the first page to the last (Okabe-Ito, distinguishable with any color
vision): real data blue, generated data orange, the discriminator green, the generator red-orange,
gradients pink. Marks differ in shape as well, so that no figure relies on color alone.
"""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gancourse import _narrow, _panels
from gancourse._numbers import whole
from gancourse._tables import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "REAL",
    "FAKE",
    "DISCRIMINATOR",
    "GENERATOR",
    "GRADIENT",
    "NEUTRAL",
    "CYCLE",
    "LOSS_STYLE",
    "use_style",
    "discriminator_cmap",
    "png",
    "Picture",
    "show",
    "scatter",
    "decision_surface",
    "gradient_arrows",
    "image_grid",
    "loss_curves",
    "table",
]

REAL = "#0072B2"  #: Real data, from the first page to the last.
FAKE = "#E69F00"  #: Generated data.
DISCRIMINATOR = "#009E73"  #: The discriminator or critic.
GENERATOR = "#D55E00"  #: The generator.
GRADIENT = "#CC79A7"  #: Gradients, and the penalties on them.
NEUTRAL = "#767676"  #: What stands for nothing else.
#: Line colors for things that are none of the above (compared methods, seeds).
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#767676")

#: Label, color and line style by the loss's name in ``losses.LOSSES``, the same in every chapter.
#: Use as ``ax.plot(x, y, **plots.LOSS_STYLE["minimax"])``.
LOSS_STYLE: dict[str, dict[str, Any]] = {
    "minimax": {"label": "minimax", "color": "#767676", "linestyle": "--"},
    "nonsaturating": {"label": "non-saturating", "color": "#D55E00", "linestyle": "-"},
    "least_squares": {"label": "least squares", "color": "#CC79A7", "linestyle": "-."},
    "hinge": {"label": "hinge", "color": "#56B4E9", "linestyle": (0, (1, 1))},
    "wasserstein": {"label": "Wasserstein", "color": "#009E73", "linestyle": "-"},
    "relativistic": {"label": "relativistic", "color": "#332288", "linestyle": (0, (5, 1))},
}


def use_style() -> None:
    """Set matplotlib's defaults to the book's look: 720 px wide, thin axes without boxes."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(
        {
            "figure.figsize": (7.2, 3.6),
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.8,
            "axes.edgecolor": "#555555",
            "axes.labelcolor": "#333333",
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.titlecolor": "#222222",
            "axes.labelsize": 10,
            "axes.prop_cycle": cycler(color=CYCLE),
            "xtick.color": "#555555",
            "ytick.color": "#555555",
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "legend.frameon": False,
            "legend.fontsize": 9,
            "lines.linewidth": 1.8,
            "image.cmap": "gray",
        }
    )


def discriminator_cmap():
    """Diverging map of logits: orange "generated", white undecided (0), blue "real"."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("logit", [FAKE, "#FFFFFF", REAL])


# --- showing --------------------------------------------------------------------------------------


def png(fig: Figure, dpi: int = 200) -> bytes:
    """The figure as PNG bytes, its colors reduced to a palette of 256 (a third of the size)."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi)
    return _narrow.small(buffer)


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


class Picture:
    """A figure as a self-contained ``<img>`` with an alternative text; notebooks display it."""

    def __init__(self, data: bytes, alt: str, width: int, about: str = ""):
        self.data, self.alt, self.width, self.about = data, alt, width, about

    def _repr_html_(self) -> str:
        return (
            f'<img class="gc-figure" {self.about}alt="{html.escape(self.alt, quote=True)}" '
            f'style="width:{self.width}px;max-width:100%;height:auto;background:#fff" '
            f'src="{_address(self.data)}">'
        )

    def __repr__(self) -> str:
        return f"[figure: {self.alt}]"


def show(fig: Figure, alt: str) -> None:
    """Display a figure with an alternative text, at double resolution, and close it.

    Args:
        fig: a matplotlib figure.
        alt: what the figure shows, for a reader who can't see it.

    Raises:
        ValueError: for an empty ``alt``.
    """
    if not alt.strip():
        raise ValueError("alt is empty; say in a sentence or two what the figure shows")
    import matplotlib.pyplot as plt

    data, smallest, panels = png(fig), _panels.smallest_text(fig), _panels.panels(fig)
    about = f'data-points="{smallest:g}" ' if smallest else ""  # for the page on a phone
    about += f'data-panels="{panels}" ' if panels else ""
    if os.environ.get("GANCOURSE_NARROW") == "1" and smallest and not panels:  # the built page alone
        narrow = _narrow.png(fig, smallest)
        if narrow:
            about += f'data-narrow="{_address(narrow)}" '
    picture = Picture(data, alt, round(fig.get_figwidth() * 100), about)
    plt.close(fig)
    try:
        from IPython.display import display
    except ImportError:
        print(repr(picture))
    else:
        display(picture)


# --- drawing --------------------------------------------------------------------------------------


def _points(name: str, x: Tensor | np.ndarray) -> np.ndarray:
    # (numpy has no bfloat16)
    array = x.detach().cpu().double().numpy() if isinstance(x, Tensor) else np.asarray(x)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{name} has shape {array.shape}; need points in the plane, (n, 2)")
    return array


def scatter(
    ax: Axes,
    real: Tensor | None = None,
    fake: Tensor | None = None,
    *,
    extent: float | None = None,
    size: float = 6,
) -> None:
    """Real points (blue dots) and generated ones (orange crosses) in the plane.

    Args:
        ax: axes to draw in.
        real, fake: ``(n, 2)``, or None for neither.
        extent: half-width of the square shown; None: whatever holds the points.
        size: of a mark, in points squared.
    """
    from matplotlib.patheffects import withStroke

    if real is not None:
        xy = _points("real", real)
        ax.scatter(xy[:, 0], xy[:, 1], s=size, color=REAL, alpha=0.5, linewidths=0, label="real")
    if fake is not None:
        xy = _points("fake", fake)
        # A dark rim: on a discriminator's surface, orange marks would vanish in the orange side.
        rim = withStroke(linewidth=1.6, foreground="#6B4600")
        ax.scatter(
            xy[:, 0],
            xy[:, 1],
            s=size * 2,
            color=FAKE,
            marker="x",
            lw=0.9,
            path_effects=[rim],
            label="generated",
        )
    ax.set_aspect("equal")
    if extent is not None:
        ax.set(xlim=(-extent, extent), ylim=(-extent, extent))
    ax.set(xlabel="$x_1$", ylabel="$x_2$")


def decision_surface(
    ax: Axes,
    discriminator: Callable[[Tensor], Tensor],
    extent: float = 1.6,
    *,
    points: int = 80,
    limit: float | None = None,
) -> Any:
    """A discriminator's logit over the square [-extent, extent]^2, and its zero line.

    Args:
        ax: axes to draw in.
        discriminator: maps ``(n, 2)`` to logits ``(n,)``.
        extent: half-width of the square.
        points: resolution along a side.
        limit: logit at which the color saturates; None: the largest magnitude on the square.

    Returns:
        The image, for a colorbar.
    """
    # A network's own device and type; a plain function gets torch's defaults.
    parameter = next(iter(getattr(discriminator, "parameters", list)()), None)
    where = {} if parameter is None else {"device": parameter.device, "dtype": parameter.dtype}
    axis = torch.linspace(-extent, extent, points, **where)
    xy = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        try:
            logits = discriminator(xy)
        except RuntimeError:  # a plain function, perhaps around a network on the GPU
            if parameter is not None or not torch.cuda.is_available():
                raise
            logits = discriminator(xy.cuda())
        heights = logits.reshape(points, points).T.double().cpu().numpy()
    limit = limit or max(float(np.abs(heights).max()), 1e-6)
    box = (-extent, extent, -extent, extent)
    image = ax.imshow(
        heights, origin="lower", extent=box, cmap=discriminator_cmap(), vmin=-limit, vmax=limit,
        alpha=0.6, interpolation="bilinear",
    )  # fmt: skip
    if heights.min() < 0 < heights.max():
        ax.contour(heights, levels=[0], extent=box, colors="#444444", linewidths=0.8)
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    return image


def gradient_arrows(
    ax: Axes, discriminator: Callable[[Tensor], Tensor], fake: Tensor, *, length: float = 0.25
) -> None:
    """Where the discriminator would move each generated point: its input gradient, as arrows.

    Args:
        ax: axes to draw in.
        discriminator: maps ``(n, 2)`` to logits ``(n,)``.
        fake: ``(n, 2)``, the points that the arrows start from.
        length: of the longest arrow, in axis units; the others keep their ratio to it.
    """
    with torch.inference_mode(False), torch.enable_grad():  # whatever mode the caller is in
        x = fake.detach().clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(discriminator(x).sum(), x)
    longest = gradient.norm(dim=1).max().clamp_min(1e-12)
    xy, uv = _points("fake", fake), _points("gradient", gradient / longest * length)
    ax.quiver(
        *xy.T, *uv.T, color=GRADIENT, angles="xy", scale_units="xy", scale=1, width=0.005, zorder=3
    )


def _pictures(images: Any) -> Tensor:
    """``(N, C, H, W)`` float in [0, 1] of pictures as they come, or a ValueError with the remedy."""
    if not isinstance(images, Tensor):
        images = torch.from_numpy(np.array(images))
    images = images.detach().cpu()
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        last = images.ndim == 4 and images.shape[3] in (1, 3)
        hint = "; channels stand last, so .permute(0, 3, 1, 2) first" if last else ""
        raise ValueError(f"images has shape {tuple(images.shape)}; need (N, 1 or 3, H, W), N >= 1{hint}")
    if images.dtype == torch.uint8:
        return images.float() / 255
    if images.dtype == torch.bool:
        return images.float()
    if not images.is_floating_point():
        raise ValueError(f"images is {images.dtype}; need uint8, or float in [-1, 1]")
    images = images.float()
    low, high = float(images.min()), float(images.max())
    if not low <= high:
        raise ValueError("images has NaN; need numbers in [-1, 1]")
    if low >= 0 and high > 2:
        raise ValueError(
            f"images has values from {low:.4g} to {high:.4g}; need [-1, 1]: x / 127.5 - 1 for bytes"
        )
    return (images.clamp(-1, 1) + 1) / 2


def image_grid(
    ax: Axes, images: Tensor, *, columns: int = 10, title: str | None = None, pad: int = 1
) -> None:
    """Images side by side.

    Args:
        ax: axes to draw in.
        images: ``(N, C, H, W)``, C = 1 or 3: uint8, bool (True is white), or float in [-1, 1],
            clipped where a generator goes beyond. Floats in [0, 1] can't be told from pale pictures
            in [-1, 1]: they are drawn pale.
        columns: images in a row.
        title: above the grid.
        pad: pixels between images.

    Raises:
        ValueError: for images of another shape or type, NaN, or bytes as floats (0 to 255).
    """
    columns, pad = whole("columns", columns), whole("pad", pad, 0)
    array = _pictures(images).permute(0, 2, 3, 1).numpy()
    n, height, width, channels = array.shape
    rows = -(-n // columns)
    shape = (rows * (height + pad) - pad, columns * (width + pad) - pad, channels)
    canvas = np.ones(shape, np.float32)
    for i, image in enumerate(array):
        top, left = i // columns * (height + pad), i % columns * (width + pad)
        canvas[top : top + height, left : left + width] = image
    ax.imshow(canvas.squeeze(), vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    if title:
        ax.set_title(title)


def loss_curves(ax: Axes, curves: Mapping[str, Tensor | Sequence[float]], *, smooth: int = 50) -> None:
    """Losses against steps: each raw in a faint line, its running mean in a strong one.

    Args:
        ax: axes to draw in.
        curves: name -> values ``(steps,)``. Names that begin with "D" or "G" take the players'
            colors; the generator's line is dashed.
        smooth: steps in the running mean.
    """
    colors = {"D": DISCRIMINATOR, "G": GENERATOR}
    for i, (name, values) in enumerate(curves.items()):
        given = values.detach().cpu().double() if isinstance(values, Tensor) else values
        y = np.array([float(value) for value in given])  # single losses on a GPU, too
        color = colors.get(name[:1], CYCLE[i % len(CYCLE)])
        ax.plot(y, color=color, lw=0.5, alpha=0.25)
        k = min(smooth, len(y))
        mean = np.convolve(y, np.ones(k) / k, mode="valid")
        steps = np.arange(len(mean)) + (k - 1) / 2
        ax.plot(steps, mean, color=color, ls="--" if name[:1] == "G" else "-", label=name)
    ax.set(xlabel="step", ylabel="loss (nats)")
    ax.legend()
