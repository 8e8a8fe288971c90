"""What "real" means: 2-D distributions that we know exactly, and small images.

Points are ``(n, d)`` float32; images are kept as uint8 ``(N, C, H, W)`` and handed to networks as
float32 in [-1, 1], on the CPU unless a ``generator`` lives elsewhere. Only
``mnist``, ``fashion_mnist`` and ``cifar10`` download; all else works with no network connection.
:func:`folder` reads pictures of your own.
"""

from __future__ import annotations

import functools
import gzip
import io
import math
import os
import queue
import tarfile
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urljoin

import numpy as np
import torch
from torch import Tensor

from gancourse import _pictures
from gancourse._numbers import real, whole
from gancourse._paths import given_path

Root = str | os.PathLike[str] | None

# --- distributions in the plane -------------------------------------------------------------------


def _count(n: int) -> int:
    return whole("n", n)


def _range(n: int) -> Tensor:
    return torch.arange(n, device="cpu", dtype=torch.float32)


def _as_tensor(x: Any, name: str) -> Tensor:
    if isinstance(x, Tensor):
        return x
    try:
        return torch.from_numpy(np.array(x))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} is {type(x).__name__}; need a tensor or array ({error})"
        ) from None


@dataclass(frozen=True)
class GaussianMixture:
    """Equal-weight mixture of isotropic Gaussians, with a density that can be evaluated.

    Args:
        centers: ``(K, d)``.
        std: standard deviation of every component, in the units of the centers.

    Raises:
        ValueError: for centers that are not (K, d) with K >= 1, or a std that is not positive.
    """

    centers: Tensor
    std: float

    def __post_init__(self) -> None:
        centers = _as_tensor(self.centers, "centers")
        if not centers.is_floating_point():
            centers = centers.to(torch.float32)
        object.__setattr__(self, "centers", centers)
        if centers.ndim != 2 or 0 in centers.shape or not bool(centers.isfinite().all()):
            raise ValueError(
                f"centers has shape {tuple(centers.shape)}; need finite (K, d), K >= 1, d >= 1"
            )
        object.__setattr__(self, "std", real("std", self.std, "a positive number", above=0))

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw ``(n, d)``: a component uniformly, then a Gaussian point around its center."""
        n = _count(n)
        device = generator.device if generator is not None else self.centers.device
        component = torch.randint(len(self.centers), (n,), generator=generator, device=device)
        centers = self.centers.to(device)[component]
        noise = torch.randn(centers.shape, generator=generator, device=device, dtype=centers.dtype)
        return centers + self.std * noise

    def density(self, x: Tensor) -> Tensor:
        """Probability density at ``x (n, d)``, shape ``(n,)``."""
        k, d = self.centers.shape
        if x.ndim != 2 or x.shape[1] != d:
            raise ValueError(f"x has shape {tuple(x.shape)}; need (n, {d})")
        squared = (x[:, None] - self.centers.to(x)).square().sum(2)
        log_norm = math.log(k) + d / 2 * math.log(2 * math.pi * self.std**2)
        return torch.exp(torch.logsumexp(-squared / (2 * self.std**2), 1) - log_norm)


def ring(modes: int = 8, radius: float = 1.0, std: float = 0.01) -> GaussianMixture:
    """``modes`` Gaussians evenly spaced on a circle.

    The angles are ``2 pi k / modes``. (``linspace(0, 2 pi, modes)`` would put the first and the
    last center on the same spot: 7 modes where 8 were meant.)

    Raises:
        ValueError: for fewer than one mode or a std that is not positive.

    Source: the ring of Metz et al. 2016 (arXiv 1611.02163) and PacGAN (Lin et al. 2017,
    arXiv 1712.04086), which uses radius 1 and std 0.01.
    """
    modes = whole("modes", modes)
    angle = 2 * math.pi * _range(modes) / modes
    return GaussianMixture(radius * torch.stack([angle.cos(), angle.sin()], 1), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
    """``side x side`` Gaussians on a square grid centered at the origin.

    Raises:
        ValueError: for a side below 1 or a std that is not positive.

    Source: the 25-mode grid of PacGAN (Lin et al. 2017, arXiv 1712.04086): spacing 2, std 0.05.
    """
    side = whole("side", side)
    axis = spacing * (_range(side) - (side - 1) / 2)
    return GaussianMixture(torch.cartesian_prod(axis, axis).reshape(-1, 2), std)


@dataclass(frozen=True)
class Curve:
    """Points spread along a curve in the plane, blurred by Gaussian noise.

    Args:
        position: maps ``u (n,)``, uniform in [0, 1], to points ``(n, 2)``.
        std: noise around the curve; 0 for none.
    """

    position: Callable[[Tensor], Tensor]
    std: float = 0.0

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw ``(n, 2)``."""
        n = _count(n)
        device = generator.device if generator is not None else "cpu"
        u = torch.rand(n, generator=generator, device=device, dtype=torch.float32)
        points = self.position(u)
        noise = torch.randn(points.shape, generator=generator, device=device, dtype=torch.float32)
        return points + self.std * noise


def swiss_roll(turns: float = 1.5, std: float = 0.03) -> Curve:
    """A spiral from radius 1/3 out to 1, one of the toys of WGAN-GP (arXiv 1704.00028)."""

    def position(u: Tensor) -> Tensor:
        angle = 2 * math.pi * turns * u
        return ((1 + 2 * u) / 3)[:, None] * torch.stack([angle.cos(), angle.sin()], 1)

    return Curve(position, std)


def parallel_lines(theta: float) -> tuple[Curve, Curve]:
    """Two vertical unit segments ``theta`` apart: the "real" one at x = 0, the other at x = theta.

    Their supports are disjoint unless ``theta`` is 0, so the Jensen-Shannon divergence is log 2
    at every other distance, while the Wasserstein distance is ``|theta|``.

    Source: Arjovsky, Chintala & Bottou 2017, arXiv 1701.07875, example 1.
    """

    def line(x: float) -> Curve:
        return Curve(lambda u: torch.stack([torch.full_like(u, x), u], 1))

    return line(0.0), line(float(theta))


# --- images ---------------------------------------------------------------------------------------


def _labels(labels: Any) -> Tensor:
    """Whole numbers of any type as int64."""
    labels = _as_tensor(labels, "labels")
    result = labels
    if labels.dtype != torch.int64:
        result = torch.empty(0) if labels.is_complex() else labels.to(torch.int64)
        if labels.dtype == torch.bool or not torch.equal(result.double(), labels.double()):
            raise ValueError(f"labels is {labels.dtype}; need whole numbers (N,), 0 to K - 1")
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise ValueError(
            f"labels has shape {tuple(labels.shape)}; need (N,): one-hot rows become that by .argmax(1)"
        )
    return result


@dataclass(frozen=True)
class ImageSet:
    """Labelled images.

    Attributes:
        images: uint8 ``(N, C, H, W)``; an array is taken, too.
        labels: int64 ``(N,)``, indices into ``classes``; whole numbers of any other type become that.
        classes: the names of the classes.
        factors: what the images were drawn from, ``name -> (N,)``, where that is known.

    Raises:
        ValueError: for images of another type or shape, labels that are no whole numbers, not one
            for each image, or no indices into ``classes``.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    factors: dict[str, Tensor] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", _as_tensor(self.images, "images"))
        object.__setattr__(self, "classes", tuple(self.classes))
        if self.images.ndim != 4 or self.images.dtype != torch.uint8 or len(self.images) == 0:
            raise ValueError(
                f"images is {self.images.dtype} {tuple(self.images.shape)}; need uint8 (N, C, H, W): "
                "floats in [-1, 1] become that by features.to_uint8"
            )
        object.__setattr__(self, "labels", _labels(self.labels))
        if self.labels.shape != (len(self.images),):
            raise ValueError(
                f"labels has shape {tuple(self.labels.shape)}; need ({len(self.images)},)"
            )
        low, high, k = int(self.labels.min()), int(self.labels.max()), len(self.classes)
        if low < 0 or high >= k:
            raise ValueError(f"labels has values from {low} to {high}; need 0 to {k - 1}")

    def __len__(self) -> int:
        return len(self.images)

    def float(self) -> Tensor:
        """The images as float32 in [-1, 1], the range of a tanh generator, ``(N, C, H, W)``."""
        return self.images.float() / 127.5 - 1


def digits(split: str = "train") -> ImageSet:
    """Scikit-learn's bundled 8x8 handwritten digits: 1,437 to train on, 360 to test.

    The 1,797 images keep one fixed, shuffled order; the test split is its last 360. The original
    17 grey levels are spread over 0..255.

    Each call returns tensors of its own: what is changed in them stays with the caller.

    Args:
        split: ``"train"``, ``"test"`` or ``"all"``.

    Raises:
        ValueError: for another split.

    Source: E. Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI.
    """
    bounds = {"train": slice(0, 1437), "test": slice(1437, None), "all": slice(None)}
    if split not in bounds:
        raise ValueError(f"split={split!r}; choose one of {', '.join(bounds)}")
    images, labels = (part[bounds[split]].clone() for part in _all_digits())
    return ImageSet(images, labels, tuple("0123456789"))


@functools.cache
def _all_digits() -> tuple[Tensor, Tensor]:
    """All digits in their fixed order; never handed out but as copies."""
    from sklearn.datasets import load_digits  # slow to import, and most chapters don't need it

    bunch = load_digits()
    order = np.random.RandomState(0).permutation(len(bunch.images))
    images = torch.from_numpy(np.round(bunch.images[order] * (255 / 16)).astype(np.uint8))
    return images[:, None], torch.from_numpy(bunch.target[order].astype(np.int64))


# Faces that matplotlib ships and that draw every ASCII letter and digit.
FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralItalic",
    "cmr10",
    "cmss10",
    "cmtt10",
)


@functools.cache
def _outline(character: str, face: str):
    """The outline of a character, centered at 0, the longer side of its box scaled to 1."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(fname=Path(get_data_path()) / "fonts" / "ttf" / f"{face}.ttf")
    path = TextPath((0, 0), character, size=100, prop=font)
    box = path.get_extents()
    center = Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2)
    return center.scale(1 / max(box.width, box.height)).transform_path(path)


def glyphs(n: int, size: int = 28, seed: int = 0, classes: str = "0123456789") -> ImageSet:
    """Characters drawn at run time: an endless image set whose factors are known.

    White on black like MNIST. Each image draws its class, a typeface (of :data:`FACES`), height,
    stroke (extra line width), shear, rotation and shift at random; the draws are kept in
    ``factors``: ``face`` (index), ``height`` (share of the image), ``stroke`` (pixels at size 28),
    ``shear``, ``rotation`` (degrees), ``shift_x`` and ``shift_y`` (share of the image).

    Args:
        n: number of images.
        size: height and width in pixels.
        seed: the same seed gives the same images (with the same matplotlib).
        classes: the characters to draw.

    Raises:
        ValueError: for n below 1, a size below 8, or ``classes`` that are none, repeat, or
            are not visible ASCII (which is what every face draws).
    """
    n, size = _count(n), whole("size", size, 8)  # fewer pixels show no legible character
    if (
        not classes
        or len(set(classes)) != len(classes)
        or not all("!" <= c <= "~" for c in classes)
    ):
        raise ValueError(f"classes={classes!r}; need visible ASCII characters, none twice")
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.transforms import Affine2D, Bbox

    rng = np.random.default_rng(seed)
    labels = rng.integers(len(classes), size=n)
    factors = {
        "face": rng.integers(len(FACES), size=n),
        "height": rng.uniform(0.56, 0.74, n),
        "stroke": rng.uniform(0.0, 2.0, n),
        "shear": rng.uniform(-0.25, 0.25, n),
        "rotation": rng.uniform(-12, 12, n),
        "shift_x": rng.uniform(-0.06, 0.06, n),
        "shift_y": rng.uniform(-0.06, 0.06, n),
    }
    images = np.empty((n, size, size), np.uint8)
    # Drawn tile by tile on one wide canvas: a renderer per image would cost more than the drawing.
    columns = min(n, 64)
    for first in range(0, n, columns):
        canvas = RendererAgg(size * columns, size, 72)
        for column, i in enumerate(range(first, min(first + columns, n))):
            f = {name: values[i] for name, values in factors.items()}
            left = column * size
            transform = (
                Affine2D()
                .skew(f["shear"], 0)
                .rotate_deg(f["rotation"])
                .scale(size * f["height"])
                .translate(left + size * (0.5 + f["shift_x"]), size * (0.5 + f["shift_y"]))
            )
            gc = canvas.new_gc()
            gc.set_foreground((1.0, 1.0, 1.0))
            gc.set_linewidth(f["stroke"] * size / 28)
            gc.set_clip_rectangle(Bbox.from_bounds(left, 0, size, size))
            outline = _outline(classes[labels[i]], FACES[f["face"]])
            canvas.draw_path(gc, outline, transform, (1.0, 1.0, 1.0))
        # White ink on a transparent canvas: its alpha is how much of a pixel the ink covers.
        alpha = np.asarray(canvas.buffer_rgba())[..., 3]
        tiles = alpha.reshape(size, columns, size).swapaxes(0, 1)
        images[first : first + columns] = tiles[: n - first]
    return ImageSet(
        torch.from_numpy(images)[:, None],
        torch.from_numpy(labels),
        tuple(classes),
        {name: torch.from_numpy(values) for name, values in factors.items()},
    )


def stacked(source: ImageSet, n: int, seed: int = 0) -> ImageSet:
    """Three random grey images as the color channels of one: K classes become K^3 modes.

    Label ``100 a + 10 b + c`` (for ten classes) says which class each channel shows, so that a
    classifier of single channels can count which of the 1,000 modes a generator reaches.

    Args:
        source: grey images, ``(N, 1, H, W)``.
        n: number of stacked images.
        seed: of the draw.

    Raises:
        ValueError: for n below 1 or images that are not grey.

    Source: Stacked MNIST of Metz et al. 2016 (arXiv 1611.02163), also Srivastava et al. 2017
    (VEEGAN, arXiv 1705.07761) and PacGAN (Lin et al. 2017, arXiv 1712.04086).
    """
    n = _count(n)
    if source.images.shape[1] != 1:
        raise ValueError(f"source has {source.images.shape[1]} channels; need grey images, 1")
    g = torch.Generator("cpu").manual_seed(whole("seed", seed, None))
    index = torch.randint(len(source), (n, 3), generator=g, device="cpu")
    k, names = len(source.classes), source.classes
    labels = (source.labels[index] * torch.tensor([k * k, k, 1], device="cpu")).sum(1)
    classes = tuple(a + b + c for a in names for b in names for c in names)
    return ImageSet(source.images[index, 0], labels, classes)


# --- pictures of one's own ------------------------------------------------------------------------


def folder(
    path: str | os.PathLike[str], size: int, *, channels: int = 3, unreadable: str = "skip"
) -> ImageSet:
    """A folder of your own pictures (PNG, JPEG, WebP, BMP), of any sizes and kinds, as one image set.

    Each picture is turned upright as its camera noted (EXIF), laid over white where it is
    transparent, cut to the square in its middle, and made ``size`` pixels wide with antialiasing
    (bicubic). 16-bit grey, palette and CMYK pictures become 8 bits of grey or RGB; color profiles
    are not applied; of an animation the first frame counts. Files come in the order of their names.

    Folders inside are classes: all pictures below ``path/cats`` get the label of ``"cats"``. Without
    folders inside, all have label 0. Files of other kinds, and hidden ones, are left out.

    Args:
        path: the folder; ``~`` is your home.
        size: height and width in pixels; the DCGAN pair wants an even number from 8.
        channels: 3 for color, 1 for grey.
        unreadable: ``"skip"`` files that are damaged, or have over 100 million pixels, with a warning
            that names them; ``"refuse"`` to go on.

    Raises:
        ValueError: for a folder that isn't there or has no (readable) picture, pictures beside folders
            of pictures, another ``channels`` or ``unreadable``, or an unreadable file to be refused.

    Warns:
        UserWarning: naming the files that were skipped.
    """
    where, size = given_path(path), whole("size", size)
    if channels not in (1, 3):
        raise ValueError(f"channels={channels!r}; need 3 for color or 1 for grey")
    if unreadable not in ("skip", "refuse"):
        raise ValueError(f"unreadable={unreadable!r}; need 'skip' or 'refuse'")
    images, names, classes, failed = [], [], [], []
    for name, files in _pictures.find(where).items():
        for file in files:
            try:
                images.append(torch.from_numpy(_pictures.read(file, size, int(channels))))
                names.append(name)
            except Exception as error:  # Pillow has a dozen kinds for a damaged file
                failed.append(f"{file.relative_to(where)} ({error})")
        classes += [name] if name in names[-1:] else []
    if failed:
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        text = f"path={str(where)!r} has {len(failed)} unreadable of {len(failed) + len(images)} "
        text += f"pictures: {', '.join(failed[:5])}{more}"
        if unreadable == "refuse" or not images:
            raise ValueError(f"{text}; mend or remove them")
        warnings.warn(f"{text}; skipped", stacklevel=2)
    labels = [classes.index(name) for name in names]
    return ImageSet(torch.stack(images), torch.tensor(labels, device="cpu"), tuple(classes))


# --- files by others ------------------------------------------------------------------------------

# SHA-256 of each file, as TensorFlow Datasets publishes them. (MNIST's were checked on files that
# have the authors' MD5s.)
MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
FASHION_MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
CIFAR10_FILES = {
    "cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
}
FILES = {"mnist": MNIST_FILES, "fashion_mnist": FASHION_MNIST_FILES, "cifar10": CIFAR10_FILES}
MIRRORS = {  # tried in this order
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion_mnist": (
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    "cifar10": (  # the authors' server comes last: in 2026 its 170 MB took an hour
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
        "https://www.cs.toronto.edu/~kriz/",
    ),
}
TIMEOUT = (10, 30)  # seconds to connect, and without a single byte
# A download in all: this many seconds, and one more for each so many bytes that have come. A server
# that drips a byte a second would keep within TIMEOUT for ever.
PATIENCE, SLOWEST = 60.0, 10_000
# No file of a data set is larger; an endless one is cut off here.
LARGEST = {"mnist": 2**24, "fashion_mnist": 2**25, "cifar10": 2**28}
UNPACKED = 2**28  # bytes; the largest of these files, CIFAR-10's, unpacks to 185 MB


def _download(url: str, path: Path, most: int) -> None:
    """``url`` to ``path``, within bounds of time and size, by https to the end if it begins so.

    A thread of its own reads from the server, since no call of the library can be bounded as a whole
    (headers, too, may drip for ever); here only the clock and the sizes are watched.
    """
    import requests
    from tqdm.auto import tqdm

    class Session(requests.Session):
        def get_redirect_target(self, response):
            target = super().get_redirect_target(response)
            if target and response.url.startswith("https:"):
                if not urljoin(response.url, target).startswith("https:"):
                    raise requests.exceptions.InvalidURL(
                        f"{response.url} sends on to {target}, which is not encrypted"
                    )
            return target

    pieces: queue.Queue[Any] = queue.Queue(8)
    over = threading.Event()

    def hand(piece: Any) -> None:
        while not over.is_set():
            try:
                return pieces.put(piece, timeout=0.2)
            except queue.Full:
                continue

    def read() -> None:
        # No encoding on the way: a server that unpacks or packs the file would change its sum.
        headers = {"Accept-Encoding": "identity"}
        try:
            with Session() as session:
                with session.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
                    response.raise_for_status()
                    hand(int(response.headers.get("Content-Length") or 0))
                    for piece in response.iter_content(2**14):
                        hand(piece)
                        if over.is_set():
                            return
            hand(None)
        except Exception as error:
            hand(error)

    began, size = monotonic(), 0
    threading.Thread(target=read, daemon=True).start()
    try:
        with path.open("wb") as file, tqdm(unit="B", unit_scale=True, ncols=79) as bar:
            while True:
                left = began + PATIENCE + size / SLOWEST - monotonic()
                try:
                    piece = pieces.get(timeout=max(left, 0.001))
                except queue.Empty:
                    text = f"timed out: only {size:,} bytes in {monotonic() - began:.0f} s"
                    raise requests.exceptions.Timeout(text) from None
                if piece is None:
                    return
                if isinstance(piece, Exception):
                    raise piece
                if isinstance(piece, int):
                    bar.reset(piece or None)
                    continue
                size += len(piece)
                if size > most:
                    text = f"too long: over {most:,} bytes, and no file of this data set is"
                    raise requests.exceptions.RequestException(text)
                file.write(piece)
                bar.update(len(piece))
    finally:
        over.set()


def _fetch(dataset: str, name: str, root: Root, download: bool) -> Path:
    """The path of a file whose checksum is right, downloaded if need be.

    pooch writes to a temporary file, checks it, and moves it into place: a broken download leaves
    nothing behind. Each mirror gets two tries.
    """
    import pooch
    import requests

    mirrors, sha256 = MIRRORS[dataset], FILES[dataset][name]
    if root is not None:
        folder = given_path(root, "root") / dataset
    elif variable := os.environ.get("GANCOURSE_DATA"):
        folder = given_path(variable, "GANCOURSE_DATA") / dataset
    else:
        folder = Path(pooch.os_cache("gancourse")) / dataset
    path = folder / name
    if path.exists():
        came = pooch.file_hash(str(path))
        if came != sha256:
            raise ValueError(
                f"{path} is damaged or another file: SHA-256 {came}, expected {sha256}; delete it "
                "and run again to download it"
            )
        return path
    if not download:
        raise FileNotFoundError(f"{path} is not there; pass download=True, or put the file there")

    def get(url: str, output: str, _: Any) -> None:
        _download(url, Path(output), LARGEST[dataset])

    failures = []
    for attempt, mirror in enumerate(mirrors * 2):
        if attempt == len(mirrors):
            time.sleep(1)
        try:
            pooch.retrieve(mirror + name, f"sha256:{sha256}", name, folder, downloader=get)
            return path
        except (requests.RequestException, ValueError) as error:  # no connection, 404, wrong bytes
            failures.append(f"{mirror}{name}: {error}")
        except OSError as error:  # not the mirror's fault
            raise OSError(
                f"{name} can't be saved in {folder} ({error}); make room there, or name another "
                "folder by root=... or the environment variable GANCOURSE_DATA"
            ) from error
    raise OSError(
        f"{name} could not be had from any mirror. Check the connection and run again, or put the "
        f"file (SHA-256 {sha256}) into {folder} yourself. Tried: " + "; ".join(failures)
    )


def _unpack(path: Path) -> bytes:
    """The content of a gzip file, unless it is broken or suspiciously large."""
    try:
        with gzip.open(path) as file:
            content = file.read(UNPACKED + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path} is no whole gzip file ({error}); delete it and try again"
        ) from None
    if len(content) > UNPACKED:
        raise ValueError(f"{path} unpacks to over {UNPACKED:,} bytes; need less: delete it")
    return content


def _read_idx(path: Path, ndim: int) -> Tensor:
    """Parse a gzipped IDX file of bytes: 0, 0, type 8 (uint8), ndim, then sizes, then the data."""
    content = _unpack(path)
    header = 4 + 4 * ndim
    if content[:4] != bytes([0, 0, 8, ndim]):
        raise ValueError(f"{path} begins with {content[:4].hex()}; need IDX with {ndim} sizes")
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(ndim)]
    if len(content) != header + math.prod(shape) or 0 in shape:
        raise ValueError(
            f"{path} holds {len(content):,} bytes, its header says {header} + {shape}; it is cut "
            "short or altered: delete it and try again"
        )
    return torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header).reshape(shape)


def _read_cifar(path: Path, batches: list[str]) -> tuple[Tensor, Tensor]:
    """Images and labels of some batches in CIFAR's tar.gz. Nothing is extracted to disk.

    A record is one byte of label and 3 x 32 x 32 of color, plane by plane.
    """
    content, parts = _unpack(path), []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for batch in batches:
                member = archive.getmember(f"cifar-10-batches-bin/{batch}")
                size, file = member.size, archive.extractfile(member)
                # A sparse member may claim more than the archive holds.
                if file is None or size % 3073 or not 0 < size <= len(content):
                    raise ValueError(f"{batch} has {size:,} bytes; need records of 3,073")
                parts.append(torch.frombuffer(bytearray(file.read()), dtype=torch.uint8))
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is not CIFAR-10's archive ({error}); delete it and try again"
        ) from None
    records = torch.cat(parts).reshape(-1, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].long()


def _idx_set(
    dataset: str, split: str, root: Root, download: bool, classes: tuple[str, ...]
) -> ImageSet:
    prefix = {"train": "train", "test": "t10k"}.get(split)
    if prefix is None:
        raise ValueError(f"split={split!r}; choose one of train, test")
    images, labels = (
        _read_idx(_fetch(dataset, f"{prefix}-{kind}-ubyte.gz", root, download), ndim)
        for kind, ndim in (("images-idx3", 3), ("labels-idx1", 1))
    )
    return ImageSet(images[:, None], labels.long(), classes)


def mnist(split: str = "train", root: Root = None, download: bool = True) -> ImageSet:
    """MNIST, 28x28 handwritten digits: 60,000 to train on, 10,000 to test.

    Args:
        split: ``"train"`` or ``"test"``.
        root: folder that holds (or gets) ``mnist/``. None: the environment variable
            ``GANCOURSE_DATA`` if it is set, else the user's cache folder.
        download: fetch what is missing, over https, checked against pinned SHA-256 sums.

    Raises:
        ValueError: for another split, or a damaged file (saying what was expected and what came).
        FileNotFoundError: for a missing file when ``download`` is false.
        OSError: when no mirror has the file, or the folder can't be written to.

    Source: Y. LeCun, C. Cortes & C. Burges, The MNIST database of handwritten digits.
    """
    return _idx_set("mnist", split, root, download, tuple("0123456789"))


def fashion_mnist(split: str = "train", root: Root = None, download: bool = True) -> ImageSet:
    """Fashion-MNIST, 28x28 grey pictures of clothes: 60,000 to train on, 10,000 to test.

    Arguments and errors as :func:`mnist`; the files are in ``fashion_mnist/``.

    Source: Xiao, Rasul & Vollgraf 2017, arXiv 1708.07747.
    """
    classes = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
    return _idx_set("fashion_mnist", split, root, download, tuple(classes.split(",")))


def cifar10(split: str = "train", root: Root = None, download: bool = True) -> ImageSet:
    """CIFAR-10, 32x32 color photographs of ten things: 50,000 to train on, 10,000 to test.

    Arguments and errors as :func:`mnist`; the one file (170 MB) is in ``cifar10/``. It is the
    binary version: the usual one is a pickle, which runs whatever code is in it.

    Source: A. Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """
    batches = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
    if split not in batches:
        raise ValueError(f"split={split!r}; choose one of train, test")
    path = _fetch("cifar10", "cifar-10-binary.tar.gz", root, download)
    classes = "airplane automobile bird cat deer dog frog horse ship truck"
    return ImageSet(*_read_cifar(path, batches[split]), tuple(classes.split()))


def stacked_mnist(
    n: int = 60_000, seed: int = 0, root: Root = None, download: bool = True
) -> ImageSet:
    """Stacked MNIST: ``n`` images ``(3, 28, 28)`` in 1,000 modes; see :func:`stacked`."""
    return stacked(mnist("train", root, download), n, seed)
