"""What "real" means: 2-D distributions that we know exactly, and small images.

Points are ``(n, d)`` float32; images are kept as uint8 ``(N, C, H, W)`` and handed to networks as
float32 in [-1, 1], on the CPU unless a ``generator`` lives elsewhere. Only
``mnist``, ``fashion_mnist`` and ``cifar10`` download; all else works with no network connection.
:func:`folder` reads pictures of your own.

``mixtures`` has the distributions in the plane, ``images`` what needs no file, ``styles`` what is
translated into one another, ``scenes`` what moves and what has a caption, ``pictures`` your own files.
The data sets by others stand here, with the sums and limits that their files are held to; ``_files``
fetches and parses them.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

from gancourse._paths import given_path
from gancourse.data import _files
from gancourse.data.images import FACES, ImageSet, digits, glyphs, stacked
from gancourse.data.mixtures import Curve, GaussianMixture, grid, parallel_lines, ring, swiss_roll
from gancourse.data.pictures import folder
from gancourse.data.scenes import (
    COLORS,
    PLACES,
    SIZES,
    SLANTS,
    SPEED,
    WALLS,
    CaptionedSet,
    captioned,
    moving,
)
from gancourse.data.styles import PHOTOGRAPHERS, STYLES, photographs, style_pair

__all__ = [
    "GaussianMixture",
    "ring",
    "grid",
    "Curve",
    "swiss_roll",
    "parallel_lines",
    "ImageSet",
    "digits",
    "FACES",
    "glyphs",
    "stacked",
    "STYLES",
    "style_pair",
    "PHOTOGRAPHERS",
    "photographs",
    "WALLS",
    "SPEED",
    "moving",
    "COLORS",
    "SIZES",
    "PLACES",
    "SLANTS",
    "CaptionedSet",
    "captioned",
    "folder",
    "mnist",
    "fashion_mnist",
    "cifar10",
    "stacked_mnist",
]

Root = str | os.PathLike[str] | None

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


def _fetch(dataset: str, name: str, root: Root, download: bool) -> Path:
    """The path of a file whose checksum is right, downloaded if need be.

    pooch writes to a temporary file, checks it, and moves it into place: a broken download leaves
    nothing behind. Each mirror gets two tries.
    """
    mirrors, sha256 = MIRRORS[dataset], FILES[dataset][name]
    if root is not None:
        folder = given_path(root, "root") / dataset
    elif variable := os.environ.get("GANCOURSE_DATA"):
        folder = given_path(variable, "GANCOURSE_DATA") / dataset
    else:
        import pooch

        folder = Path(pooch.os_cache("gancourse")) / dataset
    path = folder / name
    if path.exists():
        came = hashlib.sha256(path.read_bytes()).hexdigest()
        if came != sha256:
            raise ValueError(
                f"{path} is damaged or another file: SHA-256 {came}, expected {sha256}; delete it "
                "and run again to download it"
            )
        return path
    if not download:
        raise FileNotFoundError(f"{path} is not there; pass download=True, or put the file there")

    import pooch
    import requests

    def get(url: str, output: str, _: Any) -> None:
        _files.download(url, Path(output), LARGEST[dataset], TIMEOUT, PATIENCE, SLOWEST)

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


def _idx_set(dataset: str, split: str, root: Root, download: bool, classes: tuple[str, ...]) -> ImageSet:
    prefix = {"train": "train", "test": "t10k"}.get(split)
    if prefix is None:
        raise ValueError(f"split={split!r}; choose one of train, test")
    images, labels = (
        _files.read_idx(_fetch(dataset, f"{prefix}-{kind}-ubyte.gz", root, download), ndim, UNPACKED)
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
    return ImageSet(*_files.read_cifar(path, batches[split], UNPACKED), tuple(classes.split()))


def stacked_mnist(n: int = 60_000, seed: int = 0, root: Root = None, download: bool = True) -> ImageSet:
    """Stacked MNIST: ``n`` images ``(3, 28, 28)`` in 1,000 modes; see :func:`stacked`."""
    return stacked(mnist("train", root, download), n, seed)
