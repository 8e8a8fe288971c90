"""Trains the generators that run in a page, and writes them as scripts of 8-bit weights.

    python scripts/generators.py conditional [--steps 1500]

Writes book/_static/generators/NAME.js: BatchNorm is folded into the layer before it, and each output
channel's weights become whole numbers from -127 to 127 with a scale of their own, in base64. `unpack`
is the way back; book/_static/generators/generator.js does the same in the page (tests/test_generators.py
compares the two). `directions` are those of the latent that the first layer stretches most, each of
length 1 (Shen & Zhou 2021, arXiv 2007.06600).
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gancourse import data, features, nets  # noqa: E402
from scripts.chapters import chapter  # noqa: E402

FOLDER = ROOT / "book" / "_static" / "generators"


def folded(layers: list[nn.Module]) -> list[dict[str, Any]]:
    """Weights and biases of the layers, in float64, with their BatchNorm in them; a layer's weights
    stand as (out channels, rest), a transposed convolution's rest as (in, row, column)."""
    found: list[dict[str, Any]] = []
    for layer in layers:
        if isinstance(layer, nn.Linear):
            found.append({"kind": "dense", "w": layer.weight.double(), "b": layer.bias.double()})
        elif isinstance(layer, nn.ConvTranspose2d):
            w = layer.weight.double().transpose(0, 1).flatten(1)
            found.append({"kind": "up", "w": w, "b": layer.bias.double()})  # type: ignore[union-attr]
        elif isinstance(layer, nn.BatchNorm2d):
            by = layer.weight.double() / (layer.running_var.double() + layer.eps).sqrt()  # type: ignore[union-attr]
            to = layer.bias.double() - by * layer.running_mean.double()  # type: ignore[union-attr]
            last = found[-1]
            times = len(last["b"]) // len(by)  # a dense layer has a channel's whole map
            by, to = by.repeat_interleave(times), to.repeat_interleave(times)
            last["w"], last["b"] = last["w"] * by[:, None], last["b"] * by + to
        elif not isinstance(layer, nn.ReLU | nn.Tanh | nn.Unflatten):
            raise TypeError(f"no way to write a {type(layer).__name__} for the page")
    return found


def packed(G: nets.ConditionalDCGANGenerator) -> dict[str, Any]:
    """A generator as JSON values."""
    with torch.no_grad():
        layers = folded(list(G.net.net))
        stretched = layers[0]["w"][:, : G.nz]
        directions = torch.linalg.svd(stretched, full_matrices=False).Vh[:4]
    rows = []
    for layer in layers:
        scale = layer["w"].abs().amax(1) / 127
        whole = (layer["w"] / scale[:, None]).round().numpy().astype(np.int8)
        rows.append({
            "kind": layer["kind"],
            "scale": [float(f"{v:.7g}") for v in scale.tolist()],
            "bias": [float(f"{v:.7g}") for v in layer["b"].tolist()],
            "weights": base64.b64encode(whole.tobytes()).decode(),
        })  # fmt: skip
    return {
        "nz": G.nz, "classes": G.num_classes, "side": G.net.shape[1], "layers": rows,
        "directions": [[round(v, 4) for v in row] for row in directions.tolist()],
    }  # fmt: skip


def unpack(model: dict[str, Any]) -> nets.ConditionalDCGANGenerator:
    """The package's generator with the weights of a written one; its BatchNorm does nothing."""
    side = model["side"]
    G = nets.ConditionalDCGANGenerator(model["nz"], (1, side, side), num_classes=model["classes"]).eval()
    rows = iter(model["layers"])
    with torch.no_grad():
        for layer in G.net.net:
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = 0.0
            if not isinstance(layer, nn.Linear | nn.ConvTranspose2d):
                continue
            row = next(rows)
            whole = np.frombuffer(base64.b64decode(row["weights"]), np.int8).astype(np.float64)
            scale = torch.tensor(row["scale"], dtype=torch.float64)
            w = torch.from_numpy(whole).reshape(len(scale), -1) * scale[:, None]
            if isinstance(layer, nn.ConvTranspose2d):
                w = w.reshape(len(scale), layer.in_channels, 4, 4).transpose(0, 1)
            layer.weight.copy_(w)
            layer.bias.copy_(torch.tensor(row["bias"]))  # type: ignore[union-attr]
    return G


def conditional(steps: int) -> nets.ConditionalDCGANGenerator:
    """Chapter 10's generator with its discriminator `select`, of more steps than the chapter's."""
    glyphs = data.glyphs(4000, 16, seed=0)
    page = chapter("10", x=glyphs.float(), y=glyphs.labels)
    return page.trained(lambda: nets.ConditionalDCGANDiscriminator(page.SHAPE, how="select"), steps)


def read(path: Path) -> dict[str, Any]:
    """What a written script holds."""
    text = path.read_text(encoding="utf-8")
    return json.loads(text[text.index("] = ") + 4 : text.rindex(";")])


def measured(G: nets.ConditionalDCGANGenerator, kept: nets.ConditionalDCGANGenerator) -> str:
    """What 8 bits cost, and what is right of 2,000 requests: for the script's first line."""
    page = chapter("10", reader=features.load("glyphs"))
    y = torch.arange(2000) % 10
    exact, whole = page.ask(G, y), page.ask(kept, y)
    apart = (exact - whole).abs()
    right = [(page.seen_in(images) == y).double().mean() for images in (exact, whole)]
    return (
        f"8 bits move a pixel (-1 to 1) by {apart.mean():.4f} on average, {apart.max():.3f} at most; "
        f"right answers {right[0]:.1%}, of the 8-bit generator {right[1]:.1%}"
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=["conditional"])
    parser.add_argument("--steps", type=int, default=1500)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    G = conditional(args.steps)
    model = packed(G)
    said = measured(G, unpack(model))
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{args.name}.js"
    told = json.dumps(model, separators=(",", ":"))
    path.write_text(
        f"// python scripts/generators.py {args.name} --steps {args.steps}: {said}.\n"
        f'(window.gcGenerators ??= {{}})["{args.name}"] = {told};\n',
        encoding="utf-8",
    )
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB; {said}")


if __name__ == "__main__":
    main()
