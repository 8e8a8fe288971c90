"""Files by others: how they are read, and that nothing is unpickled."""

import gzip
import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from gancourse import data
from gancourse.data._files import read_cifar, read_idx
from tests.small_files import (
    IMAGES,
    TEST,
    cifar_members,
    files,
    idx,
    listing,
    packed,
    record,
    tar,
    without,
    write,
)

OFFICIAL = Path(__file__).parents[2] / "shared" / "data"

# --- parsers: a file with the right sum is trusted no further than that ------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no gzip", "no whole gzip file"),
        (packed(bytes(100))[:-9], "no whole gzip file"),
        (packed(bytes(99))[:10] + b"\xff" * 30, "no whole gzip file"),
        (packed(b"\0\0\x0d\3" + bytes(12)), "begins with 00000d03"),
        (idx(4, content=bytes(4)), "begins with 00000801"),
        (packed(b"\0\0\x08\3\0\0\0\2\0\0\0\2\0\0\0\2" + bytes(7)), "cut short"),
        (idx(2, 2, 2, content=bytes(9)), "holds 25 bytes, its header says 16"),
        (idx(2**31, 2**31, 4, content=b""), "holds 16 bytes"),
        (idx(0, 28, 28, content=b""), "holds 16 bytes"),
        (packed(b"\0\0\x08\3\0\0"), "cut short"),
    ],
)
def test_malformed_idx_is_refused(tmp_path, content, words):
    (tmp_path / "file.gz").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_idx(tmp_path / "file.gz", 3, data.UNPACKED)


LINK = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}
# A file of 3 TB in two blocks of 512 bytes: a map of its pieces, and one piece.
HOLE = b"1\n0\n512\n".ljust(512, b"\0") + bytes(512)
SPARSE = {
    "pax_headers": {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": str(3073 * 10**9),
    }
}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no gzip", "no whole gzip file"),
        (packed(b"no tar" * 200), "is not CIFAR-10's archive"),
        (packed(b""), "is not CIFAR-10's archive"),
        (tar(without(TEST)), "'cifar-10-batches-bin/test_batch.bin' not found"),
        (tar(without(TEST, ("../" + TEST, record(1), {}))), "not found"),
        (tar(without(TEST, (TEST, record(1)[:-1], {}))), "3,072 bytes; need records of 3,073"),
        (tar(without(TEST, (TEST, b"", {}))), "0 bytes; need records"),
        (tar(without(TEST, (TEST, b"", LINK))), "linkname .*/etc/passwd' not found"),
        (tar(without(TEST, (TEST, b"", LINK | {"linkname": "readme.html"}))), "0 bytes; need"),
        (tar(without(TEST, (TEST, b"", {"type": tarfile.DIRTYPE}))), "0 bytes; need"),
        (tar(without(TEST, (TEST, HOLE, SPARSE))), "3,073,000,000,000 bytes; need"),
        (tar(without(TEST, (TEST, b"", SPARSE))), "is not CIFAR-10's archive"),
        (packed(gzip.decompress(tar(cifar_members()))[:-12_000]), "is not CIFAR-10's"),
    ],
)
def test_malformed_cifar_is_refused(tmp_path, content, words):
    (tmp_path / "cifar.gz").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_cifar(tmp_path / "cifar.gz", [TEST], data.UNPACKED)
    assert listing(tmp_path) == ["cifar.gz"]


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(packed(bytes(2 * 10**6)))
    with pytest.raises(ValueError, match="unpacks to over 1,000,000 bytes"):
        read_idx(tmp_path / "bomb.gz", 3, 10**6)
    with pytest.raises(ValueError, match="unpacks to over 1,000,000 bytes"):
        read_cifar(tmp_path / "bomb.gz", [TEST], 10**6)


# --- the official files ---------------------------------------------------------------------------


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the official files are not part of the project")
def test_the_official_mnist_files():
    for name, md5 in {
        IMAGES: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    }.items():
        content = (OFFICIAL / "mnist" / name).read_bytes()
        assert hashlib.md5(content, usedforsecurity=False).hexdigest() == md5
        assert hashlib.sha256(content).hexdigest() == data.MNIST_FILES[name]
    train = data.mnist("train", root=OFFICIAL, download=False)
    test = data.mnist("test", root=OFFICIAL, download=False)
    assert train.images.shape == (60_000, 1, 28, 28) and test.images.shape == (10_000, 1, 28, 28)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert train.labels.bincount().tolist() == counts
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert test.labels.bincount().tolist() == counts
    # The mean and standard deviation that everybody normalises MNIST with.
    pixels = train.images.float() / 255
    assert pixels.mean().item() == pytest.approx(0.1307, abs=5e-5)
    assert pixels.std().item() == pytest.approx(0.3081, abs=5e-5)


# --- nothing is unpickled -------------------------------------------------------------------------

UNPICKLE = """
import pickle, sys
from pathlib import Path
import torch, scipy.stats, sklearn.datasets, matplotlib.figure
from gancourse import data, features, losses, metrics, nets, recorded, training
root, folder = map(Path, sys.argv[1:3])

# Python says so (an audit event) whenever an unpickler, in C or in Python, looks up a name to call.
# torch.load(weights_only=True) has an interpreter of its own, which knows only tensors and plain
# values and is not Python's unpickler: it is let through.
looked_up = []
sys.addaudithook(lambda event, args: looked_up.append(args) if "pickle" in event else None)

def refuse(*args, **kwargs):
    raise AssertionError("something was unpickled")

load, pickle.load, pickle.loads, pickle._load, pickle._loads = pickle.loads, *[refuse] * 4

for name, sums in data.FILES.items():
    for file in (root / name).iterdir():
        sums[file.name] = __import__("pooch").file_hash(str(file))
    for split in ("train", "test"):
        getattr(data, name)(split, root=root, download=False)
digits = data.digits()
glyphs = data.glyphs(70)
data.stacked_mnist(5, root=root, download=False)
for name, images in (("digits", digits), ("glyphs", glyphs), ("mnist", glyphs)):
    net = features.load(name)
    f = net.features(images.images[:60])
    metrics.fid(f[:30], f[30:]), metrics.copying_test(f[:20], f[20:40], f[40:])
def trainer():
    return training.GANTrainer(
        nets.MLPGenerator(nz=2, shape=(1, 8, 8), width=4, depth=1),
        nets.MLPDiscriminator(shape=(1, 8, 8), width=4, depth=1),
        loss=losses.LOSSES["nonsaturating"], lr=(1e-3, 1e-3), batch_size=8, ema=0.9)
first = trainer()
first.fit(digits, 2, checkpoint=folder / "run.ckpt", every=1, progress=False)
second = trainer()
second.fit(digits, 3, checkpoint=folder / "run.ckpt", every=1, progress=False)
assert len(second.history) == 3, "it did not resume"
trainer().load(folder / "run.ckpt")
for path in Path("book/recorded").glob("*.json"):
    assert recorded.load(path.stem)
assert not looked_up, looked_up

# The two guards do guard.
load(pickle.dumps(Path("x")))
assert looked_up
try:
    pickle.loads(b"")
except AssertionError:
    print("nothing was unpickled")
"""


def test_no_path_into_the_package_unpickles(tmp_path):
    """Data, features, training, resuming and recorded runs, in a process where it would be seen."""
    root, folder = tmp_path / "data", tmp_path / "run"
    root.mkdir(), folder.mkdir()
    for dataset, contents in files().items():
        write(root, dataset, contents)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", UNPICKLE, str(root), str(folder)],
        capture_output=True, text=True, cwd=Path(__file__).parents[1], timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() == "nothing was unpickled", done.stderr
