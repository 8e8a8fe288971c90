"""Networks that turn images into features, for the metrics to compare.

Three small classifiers come with the package, as safetensors whose SHA-256 is checked and which
are never unpickled: ``digits`` (8x8), ``glyphs`` and ``mnist`` (28x28). Their features are not
Inception's: call a distance in them "Fréchet distance in mnist features", not FID, and compare it
only within one dataset. Take random rows: MNIST's files are not in random order, and the first
1,000 of one split against the first 1,000 of the other score 2.1 where random ones score 0.6.

Each was made from data by one command, with one thread::

    python -m gancourse.features train mnist --data DIR

The same machine and torch give the same file again; elsewhere the last digits differ, and with
them the hash.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "FeatureNet",
    "Inception",
    "load",
    "to_uint8",
    "read",
    "write",
    "train",
]

FOLDER = Path(__file__).parent / "weights"
SHA256 = {
    "digits": "773cc2181694aa761ce378d8dece4409eb9d4e0dd6452b8a2eed79a9819b6ba5",
    "glyphs": "45816f36fb9d45e455e6cb8f2c6cec19ea72e90c4af3acc342be0328ae0287e5",
    "mnist": "ff8fd9399694f5fb4feafd9c6942339e658333f428a19316fff9c3f2b676aa71",
}
INCEPTION_URL = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)


def to_uint8(images: Tensor, channels: int = 1) -> Tensor:
    """Images as they would be saved: ``(N, C, H, W)`` rounded to 0..255.

    Args:
        images: float in [-1, 1], or uint8 already.
        channels: C to expect; for 3, grey images are repeated.

    Raises:
        ValueError: for another shape or type, no image, NaN, or values outside [-1, 1].

    Warns:
        UserWarning: for floats with no value below 0, which look like [0, 1].
    """
    if images.ndim != 4 or len(images) == 0:
        raise ValueError(f"images has shape {tuple(images.shape)}; need (N, C, H, W), N >= 1")
    if channels == 3 and images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    if images.shape[1] != channels:
        raise ValueError(f"images has {images.shape[1]} channels; need {channels}")
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise ValueError(f"images is {images.dtype}; need float in [-1, 1] or uint8")
    images = images.detach()
    # Written so that NaN fails too.
    if not bool((images.abs() <= 1 + 1e-4).all()):
        low, high = float(images.min()), float(images.max())
        cure = ": x / 127.5 - 1 for bytes" if low >= 0 and high > 2 else ""
        raise ValueError(f"images has values from {low:.4g} to {high:.4g}; need [-1, 1], no NaN{cure}")
    low, high = float(images.min()), float(images.max())
    if low >= 0 and high - low > 0.5:
        # Not refused: a generator may make only bright pictures. Real ones hardly ever are.
        warnings.warn(
            f"images has no value below 0 ({low:.2g} to {high:.2g}): are they in [0, 1]? Need [-1, 1], "
            "2 * x - 1; features of pale pictures are not those of the pictures",
            stacklevel=3,
        )
    # Rounded, not cut off: truncation would darken each image by half a grey level.
    return ((images.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


class FeatureNet(nn.Module):
    """Small convolutional classifier with a layer of 64 features before its logits.

    Features are taken before the activation, and scaled so that over the training images their
    variance is 1 on average.

    Args:
        size: height and width of its grey images.
        classes: number of logits.
        name, digest, accuracy: what :func:`load` knows about the weights; the accuracy is on the
            test split.

    Raises:
        ValueError: for a size below 8.
    """

    def __init__(
        self, size: int, classes: int = 10, name: str = "untrained", digest: str = "", accuracy=0.0
    ) -> None:
        super().__init__()
        if size < 8:
            raise ValueError(f"size={size}; need at least 8")
        self.size, self.name, self.digest, self.accuracy = size, name, digest, float(accuracy)
        layers: list[nn.Module] = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()]
        width, side = 16, size
        while side > 4:  # halve down to 4x4
            wider = min(width + 16, 48)
            layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1), nn.ReLU()]
            width, side = wider, (side + 1) // 2
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.embed = nn.Linear(width * side**2, 64)
        self.head = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``(N, 64)`` and logits ``(N, classes)`` of float images in [-1, 1]."""
        features = self.embed(self.body(x))
        return features, self.head(features.relu())

    @torch.no_grad()
    def _run(self, images: Tensor, which: int) -> Tensor:
        images = to_uint8(images)
        if images.shape[2:] != (self.size, self.size):
            shape = tuple(images.shape)
            raise ValueError(f"images has shape {shape}; need (N, 1, {self.size}, {self.size})")
        device = self.head.weight.device
        parts = images.split(250)  # their maps fit a core's cache: 1,000 take half as long again
        return torch.cat([self(p.to(device).float() / 127.5 - 1)[which] for p in parts])

    def features(self, images: Tensor) -> Tensor:
        """``(N, 64)`` float32 of images ``(N, 1, size, size)``, float in [-1, 1] or uint8.

        Floats are rounded to grey levels first, as if saved: generated images get no advantage.
        Raises ValueError as :func:`to_uint8`, and for another size.
        """
        return self._run(images, 0)

    def logits(self, images: Tensor) -> Tensor:
        """``(N, classes)`` of the same images."""
        return self._run(images, 1)


class Inception(nn.Module):
    """Inception-v3 as FID means it, behind the same two methods as :class:`FeatureNet`.

    Images are rounded to 8 bits, resized to 299x299 (bilinear with antialiasing) and rounded
    again: the number is the one that torch-fidelity gives for the images saved at that size.

    Args:
        extractor: maps uint8 ``(N, 3, 299, 299)`` to a tuple that starts with ``(N, 2048)``, and
            has a last layer ``fc``.

    Source: Heusel et al. 2017, arXiv 1706.08500; on resizing, Parmar, Zhang & Zhu 2022,
    arXiv 2104.11222.
    """

    name = "inception-v3-compat"
    digest = INCEPTION_URL[-12:-4]

    def __init__(self, extractor: nn.Module) -> None:
        super().__init__()
        self.extractor = extractor.eval()

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """``(N, 2048)`` of ``(N, 3 or 1, H, W)``, float in [-1, 1] or uint8. ValueError as above."""
        device = next(self.extractor.parameters()).device
        parts = to_uint8(images, channels=3).split(50)
        return torch.cat([self.extractor(self.resize(p.to(device)))[0] for p in parts])

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """``(N, 1008)`` for the Inception Score, without the bias, as in the original code."""
        weight = self.extractor.get_parameter("fc.weight")
        return self.features(images) @ weight.T

    @staticmethod
    def resize(images: Tensor) -> Tensor:
        """uint8 ``(N, C, H, W)`` to uint8 ``(N, C, 299, 299)``."""
        large = F.interpolate(images.float(), (299, 299), mode="bilinear", antialias=True)
        return large.round().clamp(0, 255).to(torch.uint8)


def load(name: str, device: str | torch.device = "cpu") -> FeatureNet | Inception:
    """A trained network in evaluation mode: ``"digits"``, ``"glyphs"``, ``"mnist"``, ``"inception"``.

    The first three are files of this package. Inception's weights (91 MB) are downloaded once.

    Raises:
        ValueError: for another name, or a file whose SHA-256 is not the pinned one.
        ImportError: for ``"inception"`` without the extra ``gancourse[inception]``.
    """
    if name == "inception":
        return _load_inception().to(device)
    if name not in SHA256:
        raise ValueError(f"name={name!r}; choose one of {', '.join(SHA256)}, inception")
    return read(FOLDER / f"{name}.safetensors", SHA256[name]).to(device)


def read(path: Path, sha256: str | None = None) -> FeatureNet:
    """The network in a file written by :func:`write`; ValueError unless its SHA-256 is ``sha256``."""
    from safetensors.torch import load as parse

    data = path.read_bytes()  # hashed and parsed from the same bytes
    digest = hashlib.sha256(data).hexdigest()
    if sha256 is not None and digest != sha256:
        raise ValueError(f"{path} has SHA-256 {digest}; need {sha256}: install the package again")
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    about = json.loads(header["__metadata__"]["about"])
    with torch.device("cpu"):  # and in float32, whatever the defaults are
        net = FeatureNet(about["size"], about["classes"], about["name"], digest, about["accuracy"])
        net.float()
    net.load_state_dict(parse(data))
    return net.eval().requires_grad_(False)


def write(net: FeatureNet, path: Path, **about) -> str:
    """Save ``net`` and what is known about it; the file's SHA-256."""
    from safetensors.torch import save

    about |= {"name": net.name, "size": net.size, "classes": net.head.out_features}
    about |= {"accuracy": net.accuracy, "torch": torch.__version__}
    # One key: safetensors keeps several in no fixed order, and the same net must give the same bytes.
    data = save(net.state_dict(), {"about": json.dumps(about, sort_keys=True)})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _load_inception() -> Inception:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise ImportError(
            "features.load('inception') needs torch-fidelity and the torchvision of your torch, "
            f"which Colab has: pip install torch-fidelity ({error})"
        ) from error
    # Downloaded and checked here, and read as tensors only, before the library opens the file.
    torch.hub.load_state_dict_from_url(INCEPTION_URL, check_hash=True, weights_only=True)
    path = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_URL.rsplit("/", 1)[1]
    return Inception(FeatureExtractorInceptionV3(Inception.name, ["2048"], str(path)))


# --- making the weights ---------------------------------------------------------------------------


class Recipe(NamedTuple):
    epochs: int
    shift: int  # images are moved by up to this many pixels, a new way for each batch


RECIPES = {"digits": Recipe(60, 0), "glyphs": Recipe(8, 2), "mnist": Recipe(8, 2)}


def train(name: str, root: str | Path | None = None, epochs: int | None = None) -> FeatureNet:
    """Train the network ``name`` from its data, on the CPU, with seed 0. Minutes at most.

    Args:
        root: for mnist, the folder that holds (or gets) ``mnist/``.
        epochs: passes over the data, if not the recipe's.

    Raises:
        ValueError: for a name without a recipe.
    """
    from gancourse import data

    if name not in RECIPES:
        raise ValueError(f"name={name!r}; choose one of {', '.join(RECIPES)}")
    if name == "mnist":
        sets = [data.mnist(split, root=root) for split in ("train", "test")]
    elif name == "glyphs":
        sets = [data.glyphs(20_000, seed=1), data.glyphs(5_000, seed=2)]
    else:
        sets = [data.digits("train"), data.digits("test")]
    (images, labels), (test_images, test_labels) = ((s.images, s.labels) for s in sets)
    epochs, shift = epochs or RECIPES[name].epochs, RECIPES[name].shift
    size, batch = images.shape[-1], 128
    with torch.random.fork_rng(devices=[]):  # the initial weights come from the global generator
        torch.manual_seed(0)
        net = FeatureNet(size, len(sets[0].classes), name)
    g = torch.Generator().manual_seed(0)
    steps = epochs * (len(images) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    padded = F.pad(images, [shift] * 4)
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=g)[: len(images) // batch * batch]
        for rows in order.split(batch):
            dy, dx = torch.randint(2 * shift + 1, (2,), generator=g).tolist()
            x = padded[rows, :, dy : dy + size, dx : dx + size].float() / 127.5 - 1
            optimizer.zero_grad()
            F.cross_entropy(net(x)[1], labels[rows]).backward()
            optimizer.step()
            schedule.step()
    # ReLU(x / s) s = ReLU(x): the scale moves from the features to the head, the logits stay.
    scale = float(net.features(images).double().var(0).mean().sqrt())
    with torch.no_grad():
        net.embed.weight.div_(scale)
        net.embed.bias.div_(scale)
        net.head.weight.mul_(scale)
    net.accuracy = float((net.logits(test_images).argmax(1) == test_labels).double().mean())
    return net.eval()


def main(arguments: list[str] | None = None) -> None:
    """The command ``python -m gancourse.features``."""
    parser = argparse.ArgumentParser(prog="python -m gancourse.features")
    parser.add_argument("command", choices=["train"])
    parser.add_argument("name", choices=list(RECIPES))
    parser.add_argument("--data", help="folder that holds mnist/ (default: the user's cache)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the weights")
    parser.add_argument("--epochs", type=int, help="fewer, to try it out")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    net = train(args.name, args.data, args.epochs)
    path = args.out / f"{args.name}.safetensors"
    command = f"python -m gancourse.features train {args.name}"
    digest = write(net, path, command=command, epochs=args.epochs or RECIPES[args.name].epochs)
    size = path.stat().st_size
    print(f"{path}: {size:,} bytes, test accuracy {net.accuracy:.4f}, SHA-256 {digest}")
    if digest != SHA256[args.name]:
        warnings.warn(f"pinned for {args.name} is {SHA256[args.name]!r}", stacklevel=1)


if __name__ == "__main__":
    main()
