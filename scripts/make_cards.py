"""The small pictures on the front page: figures of the executed chapters, made small.

    python scripts/make_cards.py          after `make book`; writes book/_static/cards/*.webp

A card shows what a cell draws, and the cell is named by its id, which stays when cells move; of a
figure with sliders, one frame. Look at them after a chapter's figures have changed.
"""

from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

TARGET = ROOT / "book" / "_static" / "cards"
SIZE = (440, 248)
FRAME = re.compile(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)")
#: Card -> (page, id of the cell, which of its pictures, the part of it that is shown: left, top,
#: right, bottom as shares of its size).
WHOLE = (0.0, 0.0, 1.0, 1.0)
CARDS: dict[str, tuple[str, str, int, tuple[float, float, float, float]]] = {
    "01": ("01-minimax", "1dd44d84", 0, (0, 0, 1, 0.94)),
    "02": ("02-training", "c12b0006", 0, WHOLE),
    "03": ("03-failures", "b3c0de01", 0, WHOLE),
    "04": ("04-wasserstein", "55f14f47", 0, WHOLE),
    "05": ("05-smooth-critic", "a3ce8344", 0, WHOLE),
    "06": ("06-modern-baseline", "c6a10003", 0, (0, 0, 1, 0.525)),
    "07": ("07-fid", "7c1e0a09", 0, WHOLE),
    "08": ("08-beyond-fid", "95485c79", 0, WHOLE),
    "09": ("09-dcgan", "d619f4eb", 0, WHOLE),
    "10": ("10-conditional", "ca4d4867", 0, WHOLE),
    "11": ("11-bigger", "6b7c06af", -1, WHOLE),
    "12": ("12-data-privacy", "ae022d21", 0, WHOLE),
    "13": ("13-vae-diffusion", "c13b0005", 0, WHOLE),
    "14": ("14-beyond-pictures", "c8e904bb", -1, WHOLE),
    "15": ("15-clinic", "be855720", 25, WHOLE),
    "16": ("16-pictures", "8c2807b4", 0, (0, 0.1, 0.56, 0.92)),
    "17": ("17-video-words", "b61c5e9b", 0, (0, 0, 1, 0.53)),
    "18": ("18-one-step", "44a8a96d", 0, WHOLE),
    "copies": ("08-beyond-fid", "d6f7aa01", 0, WHOLE),
    "ten-pictures": ("07-fid", "7c1e0a05", 0, WHOLE),
    "ten-seconds": ("11-bigger", "797387ee", 0, (0, 0, 0.56, 1)),
    "wrong-map": ("14-beyond-pictures-deeper-translation", "5394b64c", 0, WHOLE),
}


def pictures(cell: Any) -> list[bytes]:
    """What a cell of an executed notebook shows, in order; of a figure with sliders, all frames, the
    one in sight first."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            found.append(base64.b64decode(data["image/png"]))
        else:
            found += map(base64.b64decode, FRAME.findall(data.get("text/html", "")))
    return found


def card(picture: bytes, part: tuple[float, float, float, float]) -> Image.Image:
    """A part of a picture, fitted into a card of SIZE on white."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    left, top, right, bottom = part
    width, height = image.size
    image = image.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )
    return ImageOps.pad(image, SIZE, Image.Resampling.LANCZOS, color="white")


def blob() -> bytes:
    """The first blob of chapter 3 (cell 26bd0661) over the grid that it knows nothing of; those of its
    points that count as good are dark."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import torch

    from gancourse import data, metrics, plots

    grid, n = data.grid(), 2500
    points = (8 + grid.std**2) ** 0.5 * torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
    score = metrics.mode_coverage(points, grid.centers, grid.std)
    good = torch.cdist(points, grid.centers).amin(1) <= 3 * grid.std
    assert abs(good.float().mean() - score.high_quality) < 1e-6
    plots.use_style()
    figure, axes = plt.subplots(figsize=(4.4, 2.48), dpi=200)
    axes.scatter(points[~good][:, 0], points[~good][:, 1], s=1.2, color=plots.FAKE, alpha=0.6)
    axes.scatter(grid.centers[:, 0], grid.centers[:, 1], s=60, facecolors="none", edgecolors=plots.REAL)
    axes.scatter(points[good][:, 0], points[good][:, 1], s=7, color="black")
    axes.set(xlim=(-9.6, 9.6), ylim=(-5.4, 5.4), xticks=[], yticks=[])
    axes.set_title(f"{score.modes} of 25 modes reached, {score.fair_modes} fairly", fontsize=10)
    axes.spines[:].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    plt.close(figure)
    return out.getvalue()


def main(wanted: list[str] | None = None) -> int:
    from scripts import build

    cells = {(name, cell["id"]): cell for name, notebook in build.executed() for cell in notebook.cells}
    TARGET.mkdir(exist_ok=True)
    for name in wanted or [*CARDS, "blob"]:
        if name == "blob":
            card(blob(), WHOLE).save(TARGET / "blob.webp", quality=72, method=6)
            continue
        page, cell, number, part = CARDS[name]
        if (page, cell) not in cells:
            raise LookupError(f"card {name}: {page} has no cell {cell}; see scripts/make_cards.py")
        drawn = pictures(cells[page, cell])
        if not drawn:
            raise LookupError(f"card {name}: cell {cell} of {page} shows no picture")
        card(drawn[number], part).save(TARGET / f"{name}.webp", quality=72, method=6)
    total = sum(p.stat().st_size for p in TARGET.glob("*.webp"))
    print(f"{total / 1000:.0f} kB of cards")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
