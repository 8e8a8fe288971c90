"""Trains the generators that run in a page, and writes them as scripts of 8-bit weights.

    python scripts/generators.py conditional [--steps 1500]     chapter 10's
    python scripts/generators.py dcgan [--steps 1600]           chapter 9's
    python scripts/generators.py style [--steps 800]            chapter 11's

Writes book/_static/generators/NAME.js: BatchNorm is folded into the layer before it, and each output
channel's weights become whole numbers from -127 to 127 with a scale of their own, in base64. `unpack`
is the way back; book/_static/generators/generator.js does the same in the page (tests/test_generators.py
compares the two). `directions` are those of the latent that the first layer stretches most, of a
style-based generator those of w that move its styles most, each of length 1 (Shen & Zhou 2021,
arXiv 2007.06600).
"""

from __future__ import annotations

import argparse
import base64
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gancourse import data, features, nets  # noqa: E402
from scripts.chapters import chapter  # noqa: E402
from scripts.experiments import EXPERIMENTS  # noqa: E402

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


def whole(w: Tensor) -> dict[str, Any]:
    """Weights (outputs, ...) as whole numbers, each output's with a scale of its own."""
    rows = w.detach().double().flatten(1)
    scale = rows.abs().amax(1) / 127
    numbers = (rows / scale[:, None]).round().numpy().astype(np.int8)
    return {
        "scale": [float(f"{v:.7g}") for v in scale.tolist()],
        "weights": base64.b64encode(numbers.tobytes()).decode(),
    }


def numbers_of(row: dict[str, Any]) -> Tensor:
    """The way back from `whole`: (outputs, rest)."""
    found = np.frombuffer(base64.b64decode(row["weights"]), np.int8).astype(np.float64)
    scale = torch.tensor(row["scale"], dtype=torch.float64)
    return torch.from_numpy(found).reshape(len(scale), -1) * scale[:, None]


def layer_of(w: Tensor, b: Tensor | None, **more: Any) -> dict[str, Any]:
    bias = [] if b is None else b.detach().flatten().tolist()
    return more | whole(w) | {"bias": [float(f"{v:.7g}") for v in bias]}


def restore(layer: Any, row: dict[str, Any]) -> None:
    """A written layer's weights and biases into one of torch."""
    w = numbers_of(row)
    if isinstance(layer, nn.ConvTranspose2d):
        w = w.reshape(len(w), layer.in_channels, 4, 4).transpose(0, 1)
    layer.weight.copy_(w.reshape(layer.weight.shape))
    if row["bias"]:
        layer.bias.copy_(torch.tensor(row["bias"]).reshape(layer.bias.shape))


def rounded(rows: Tensor) -> list[list[float]]:
    return [[round(v, 4) for v in row] for row in rows.tolist()]


def packed(G: nets.ConditionalDCGANGenerator | nets.StyleGenerator) -> dict[str, Any]:
    """A generator as JSON values."""
    if isinstance(G, nets.StyleGenerator):
        return _style(G)
    with torch.no_grad():
        layers = folded(list(G.net.net))
        stretched = layers[0]["w"][:, : G.nz]
        directions = torch.linalg.svd(stretched, full_matrices=False).Vh[:4]
    return {
        "nz": G.nz, "classes": G.num_classes, "side": G.net.shape[1],
        "layers": [layer_of(layer["w"], layer["b"], kind=layer["kind"]) for layer in layers],
        "directions": rounded(directions),
    }  # fmt: skip


def _style(G: Any) -> dict[str, Any]:
    def modulated(conv: Any, **more: Any) -> dict[str, Any]:
        return whole(conv.weight) | {"style": layer_of(conv.style.weight, conv.style.bias)} | more

    with torch.no_grad():
        z = torch.randn(2500, G.nz, generator=torch.Generator().manual_seed(3))
        mean = G.mapping(z).mean(0, keepdim=True)
        linear = [layer for layer in G.map if isinstance(layer, nn.Linear)]
        styles = [m.style.weight for m in G.modules() if isinstance(m, nets.ModulatedConv)]
        directions = torch.linalg.svd(torch.cat(styles)).Vh[:4]
        return {
            "nz": G.nz, "classes": 0, "side": G.shape[1],
            "map": [layer_of(layer.weight, layer.bias) for layer in linear],
            "constant": whole(G.constant[0]),
            "layers": [
                modulated(layer.conv, noise=whole((layer.strength * layer.noise)[None]),
                          bias=[float(f"{v:.7g}") for v in layer.bias.flatten().tolist()])
                for layer in G.layers
            ],
            "images": [modulated(conv) for conv in G.to_image],
            "mean": rounded(mean)[0], "directions": rounded(directions),
        }  # fmt: skip


def unpack(model: dict[str, Any]) -> Any:
    """The package's generator with the weights of a written one; its BatchNorm does nothing."""
    shape = (1, model["side"], model["side"])
    if "map" in model:
        return _unpack_style(model, shape)
    G = nets.ConditionalDCGANGenerator(model["nz"], shape, num_classes=model["classes"]).eval()
    rows = iter(model["layers"])
    with torch.no_grad():
        for layer in G.net.net:
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = 0.0
            if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
                restore(layer, next(rows))
    return G


def _unpack_style(model: dict[str, Any], shape: tuple[int, ...]) -> nets.StyleGenerator:
    width, depth = len(model["layers"][-1]["scale"]), len(model["map"])
    G: Any = nets.StyleGenerator(model["nz"], shape, width=width, depth=depth).eval()
    with torch.no_grad():
        linear = [layer for layer in G.map if isinstance(layer, nn.Linear)]
        for layer, row in zip(linear, model["map"], strict=True):
            restore(layer, row)
        G.constant.copy_(numbers_of(model["constant"]).reshape(G.constant.shape))
        for layer, row in zip(G.layers, model["layers"], strict=True):
            layer.noise.copy_(numbers_of(row["noise"]).reshape(layer.noise.shape))
            layer.strength.fill_(1.0)
            layer.bias.copy_(torch.tensor(row["bias"])[:, None, None])
        convs = [*(layer.conv for layer in G.layers), *G.to_image]
        for conv, row in zip(convs, model["layers"] + model["images"], strict=True):
            conv.weight.copy_(numbers_of(row).reshape(conv.weight.shape))
            restore(conv.style, row["style"])
    return G


def experiments_of(number: str) -> Any:
    """The module of a chapter's longer experiments."""
    return importlib.import_module(f"scripts.experiments.ch{number}")


def conditional(steps: int) -> nets.ConditionalDCGANGenerator:
    """Chapter 10's generator with its discriminator `select`, of more steps than the chapter's."""
    glyphs = data.glyphs(4000, 16, seed=0)
    page = chapter("10", x=glyphs.float(), y=glyphs.labels)
    return page.trained(lambda: nets.ConditionalDCGANDiscriminator(page.SHAPE, how="select"), steps)


def dcgan(steps: int) -> nets.ConditionalDCGANGenerator:
    """Chapter 9's generator as ``ch09-glyphs`` trains it, seed 0."""
    return experiments_of("09").run(0, steps)[0].ema.eval()


def style(steps: int) -> Any:
    """Chapter 11's style-based generator, the average of its weights, seed 0."""
    chapters = experiments_of("11")
    settings = EXPERIMENTS["ch11-style"].settings
    of_trainer = {key: settings[key] for key in ("lr_g", "lr_d", "gamma", "batch_size")}
    trainer = chapters.style_trainer(0, 0.9, **of_trainer, ema=0.99)
    trainer.fit(data.glyphs(8000, size=16, seed=0).float(), steps)
    return trainer.ema.eval()


class Maker(NamedTuple):
    train: Callable[[int], Any]
    steps: int


MAKERS = {
    "conditional": Maker(conditional, 1500),
    "dcgan": Maker(dcgan, 1600),
    "style": Maker(style, 800),
}


def read(path: Path) -> dict[str, Any]:
    """What a written script holds."""
    text = path.read_text(encoding="utf-8")
    return json.loads(text[text.index("] = ") + 4 : text.rindex(";")])


def measured(G: Any, kept: Any) -> str:
    """What 8 bits cost, and what 2,000 samples are worth: for the script's first line."""
    z = torch.randn(2000, G.nz, generator=torch.Generator().manual_seed(2024))
    y = torch.arange(2000) % 10
    with torch.no_grad():
        exact, eight = (net(z, y) if hasattr(net, "num_classes") else net(z) for net in (G, kept))
    apart = (exact - eight).abs()
    said = f"8 bits move a pixel (-1 to 1) by {apart.mean():.4f} on average, {apart.max():.3f} at most; "
    if not hasattr(G, "num_classes"):
        page = experiments_of("11").page
        before, after = (page.score(images)["fd"] for images in (exact[:1000], eight[:1000]))
        return f"{said}Fréchet distance {before:.1f}, of the 8-bit generator {after:.1f}"
    page = chapter("10", reader=features.load("glyphs"))
    before, after = ((page.seen_in(images) == y).double().mean() for images in (exact, eight))
    return f"{said}right answers {before:.1%}, of the 8-bit generator {after:.1%}"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=MAKERS)
    parser.add_argument("--steps", type=int)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    train, steps = MAKERS[args.name]
    steps = args.steps or steps
    G = train(steps)
    model = packed(G)
    said = measured(G, unpack(model))
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{args.name}.js"
    told = json.dumps(model, separators=(",", ":"))
    path.write_text(
        f"// python scripts/generators.py {args.name} --steps {steps}: {said}.\n"
        f'(window.gcGenerators ??= {{}})["{args.name}"] = {told};\n',
        encoding="utf-8",
    )
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB; {said}")


if __name__ == "__main__":
    main()
