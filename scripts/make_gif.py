"""The moving picture of the README: the run of chapter 1's film, one that is recorded.

    python scripts/make_gif.py           writes .github/film.gif (about 15 s of CPU)

It trains with the settings of book/recorded/ch01-film.json and its first seed, draws some moments as
chapter 1 does, and stops if the run does not end as the record says.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import torch  # noqa: E402
from matplotlib.collections import LineCollection  # noqa: E402
from PIL import Image  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gancourse import data, metrics, nets, plots, recorded, training  # noqa: E402
from scripts.make_hero import latent_grid  # noqa: E402

TARGET = ROOT / ".github" / "film.gif"
MOST = 3_000_000  # bytes
MOMENTS = [*range(0, 100, 10), *range(100, 400, 20), *range(400, 1001, 50)]
MILLISECONDS, LAST = 120, 2500  # of a frame, and of the last
SIDE = 420  # pixels


def frame(trainer: Any, clusters: data.GaussianMixture) -> Image.Image:
    """One moment: net, samples, the discriminator's surface."""
    real = clusters.sample(400, torch.Generator().manual_seed(0))
    samples = trainer.sample(2500, torch.Generator().manual_seed(1))
    found = metrics.mode_coverage(samples, clusters.centers, clusters.std).fair_modes
    with torch.no_grad():
        lines = [trainer.generator(line).numpy() for line in latent_grid()]
    figure, axes = plt.subplots(figsize=(4.2, 4.2), layout="none", dpi=2 * SIDE / 4.2)
    figure.subplots_adjust(0.02, 0.02, 0.98, 0.93)
    plots.decision_surface(axes, trainer.discriminator, 1.6, points=60, limit=1.2)
    axes.add_collection(LineCollection(lines, colors=plots.GENERATOR, lw=0.4, alpha=0.5))
    plots.scatter(axes, real, samples[:250], extent=1.6)
    axes.set_axis_off()
    axes.set_title(f"step {trainer.step:,}: {found} of 8 clusters found")
    out = io.BytesIO()
    figure.savefig(out, format="png")
    plt.close(figure)
    image = Image.open(out).convert("RGB")
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def write(frames: list[Image.Image], target: Path) -> int:
    """One palette for all frames, so that what stands still does not flicker; returns the bytes."""
    strip = Image.new("RGB", (SIDE, SIDE * 4))
    for k, one in enumerate((frames[0], frames[len(frames) // 2], frames[-1])):
        strip.paste(one, (0, k * SIDE))
    # Points are few pixels: their colours get room of their own, with the shades of their edges.
    for k, colour in enumerate((plots.REAL, plots.FAKE, plots.GENERATOR, "black", "#5a7f99")):
        shades = Image.linear_gradient("L").resize((SIDE, SIDE // 5))
        patch = Image.composite(
            Image.new("RGB", shades.size, colour), Image.new("RGB", shades.size, "white"), shades
        )
        strip.paste(patch, (0, 3 * SIDE + k * (SIDE // 5)))
    palette = strip.quantize(200, dither=Image.Dither.NONE)
    flat = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in frames]
    durations = [MILLISECONDS] * (len(flat) - 1) + [LAST]
    target.parent.mkdir(exist_ok=True)
    flat[0].save(
        target, save_all=True, append_images=flat[1:], duration=durations, loop=0, optimize=False
    )
    return target.stat().st_size


def main() -> int:
    torch.set_num_threads(1)
    plots.use_style()
    record = recorded.load("ch01-film")
    if record is None:
        raise FileNotFoundError("book/recorded/ch01-film.json: make record NAME=ch01-film")
    settings, seed = dict(record["settings"]), record["seeds"][0]
    steps = settings.pop("steps")
    settings["betas"] = tuple(settings["betas"])
    clusters = data.ring(std=0.05)
    torch.manual_seed(seed)
    trainer = training.GANTrainer(
        nets.MLPGenerator(), nets.MLPDiscriminator(), seed=seed, device="cpu", **settings
    )
    frames: list[Image.Image] = []
    trainer.fit(
        clusters,
        steps,
        progress=False,
        callback=lambda now: frames.append(frame(now, clusters)),
        callback_steps=MOMENTS,
    )
    samples = trainer.sample(2500, torch.Generator().manual_seed(1))
    ended = metrics.mode_coverage(samples, clusters.centers, clusters.std)
    wanted = record["results"][0]
    if ended.fair_modes != wanted["fair_modes"]:
        raise ValueError(f"the run ends with {ended.fair_modes} clusters, the record says {wanted}")
    size = write(frames, TARGET)
    print(f"{TARGET}: {len(frames)} frames, {size / 1e6:.2f} MB")
    return 0 if size <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
