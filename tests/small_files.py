"""Small files in the true formats of the data sets by others."""

import gzip
import io
import tarfile

import torch

CIFAR = "cifar-10-binary.tar.gz"
IMAGES = "train-images-idx3-ubyte.gz"
TEST = "test_batch.bin"


def packed(content: bytes) -> bytes:
    """Gzip without the time of day: it would be in the names of tests, and two workers of pytest,
    a second apart, would collect different ones."""
    return gzip.compress(content, mtime=0)


def idx(*sizes, content):
    header = bytes([0, 0, 8, len(sizes)]) + b"".join(n.to_bytes(4, "big") for n in sizes)
    return packed(header + content)


def tar(members):
    """A tar.gz of (name, content, settings of its TarInfo)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content, settings in members:
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(content)
            for key, value in settings.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def record(label, shade=0):
    """Red plane, green plane, blue plane; the first byte of each row is its number."""
    rows = (bytes([y + 32 * c]) + bytes([shade]) * 31 for c in range(3) for y in range(32))
    return bytes([label]) + b"".join(rows)


def cifar_members():
    batch = {f"data_batch_{i}.bin": record(i) + record(9 - i) for i in range(1, 6)}
    batch |= {"batches.meta.txt": b"airplane\n", "readme.html": b"<p>", "test_batch.bin": record(7)}
    return [("", b"", {"type": tarfile.DIRTYPE}), *((n, c, {}) for n, c in batch.items())]


def files():
    """data set -> name -> bytes."""
    # Noise does not compress: the training images make a file of some 20 kB, to cut and to stall.
    noise = torch.randint(256, (20_000,), generator=torch.Generator().manual_seed(0))
    pixels, labels = bytes(noise.tolist()), bytes(i % 10 for i in range(1000))
    small, few = bytes(range(60)), bytes([3, 1, 4, 1, 5])
    grey = {
        IMAGES: idx(1000, 5, 4, content=pixels),
        "train-labels-idx1-ubyte.gz": idx(1000, content=labels),
        "t10k-images-idx3-ubyte.gz": idx(5, 4, 3, content=small),
        "t10k-labels-idx1-ubyte.gz": idx(5, content=few),
    }
    return {"mnist": grey, "fashion_mnist": grey, "cifar10": {CIFAR: tar(cifar_members())}}


def listing(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def write(folder, dataset, contents):
    (folder / dataset).mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / dataset / name).write_bytes(content)


def without(name, *instead):
    return [*(m for m in cifar_members() if m[0] != name), *instead]
