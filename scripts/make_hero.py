"""The picture on the front page: a generator bends a grid of latents until it fits the data.

    python scripts/make_hero.py          writes book/_static/hero.png (about 25 s of CPU)

Four moments of one run of `GANTrainer` on a ring of eight clusters. The net of lines is a polar
grid in latent space, put through the generator; the color is the discriminator's logit.
"""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import torch  # noqa: E402
from matplotlib.collections import LineCollection  # noqa: E402
from torch import Tensor  # noqa: E402

from gancourse import data, nets, plots  # noqa: E402
from gancourse.training import GANTrainer  # noqa: E402

TARGET = Path(__file__).resolve().parent.parent / "book" / "_static" / "hero.png"
MOMENTS = {0: "before training", 150: "150 steps", 500: "500 steps", 8000: "8,000 steps"}
EXTENT = 1.55


def latent_grid() -> list[Tensor]:
    """Circles and rays in the plane of latents, each ``(n, 2)``."""
    angle, radius = torch.linspace(0, 2 * math.pi, 1200), torch.linspace(0.05, 2.4, 400)
    unit = torch.stack([angle.cos(), angle.sin()], 1)
    circles = [r * unit for r in torch.linspace(0.2, 2.4, 12)]
    rays = [radius[:, None] * u for u in unit[::25]]
    return circles + rays


def draw(ax: plt.Axes, trainer: GANTrainer, real: Tensor, title: str) -> None:
    plots.decision_surface(ax, trainer.discriminator, EXTENT, points=240, limit=1.5)
    with torch.no_grad():
        lines = [trainer.generator(line).numpy() for line in latent_grid()]
    ax.add_collection(LineCollection(lines, colors=plots.GENERATOR, lw=0.45, alpha=0.55))
    fake = trainer.sample(700, generator=torch.Generator().manual_seed(1))
    ax.scatter(real[:, 0], real[:, 1], s=5, color=plots.REAL, lw=0)
    ax.scatter(fake[:, 0], fake[:, 1], s=5, color=plots.GENERATOR, lw=0)
    ax.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), aspect="equal")
    ax.set_title(title, fontsize=18)
    ax.set_axis_off()


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    plots.use_style()
    ring = data.ring(std=0.03)
    trainer = GANTrainer(
        nets.MLPGenerator(), nets.MLPDiscriminator(), loss="nonsaturating", lr=2e-3,
        betas=(0.0, 0.99), r1=0.1, schedule="linear", device="cpu",
    )  # fmt: skip
    real = ring.sample(300, torch.Generator().manual_seed(0))
    fig, axes = plt.subplots(1, 4, figsize=(12, 3.4))
    panels = dict(zip(MOMENTS, axes, strict=True))
    trainer.fit(
        ring,
        max(MOMENTS),
        callback=lambda t: draw(panels[t.step], t, real, MOMENTS[t.step]),
        callback_steps=MOMENTS,
        progress=False,
    )
    TARGET.write_bytes(plots.png(fig, dpi=160))
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
