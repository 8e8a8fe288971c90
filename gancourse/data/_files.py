"""Files by others: fetched within bounds of time and size, and parsed without trust."""

from __future__ import annotations

import gzip
import io
import math
import queue
import tarfile
import threading
import zlib
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urljoin

import torch
from torch import Tensor


def download(
    url: str,
    path: Path,
    most: int,
    timeout: tuple[float, float],
    patience: float,
    slowest: float,
) -> None:
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
                with session.get(url, stream=True, timeout=timeout, headers=headers) as response:
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
                left = began + patience + size / slowest - monotonic()
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


def unpack(path: Path, most: int) -> bytes:
    """The content of a gzip file, unless it is broken or suspiciously large."""
    try:
        with gzip.open(path) as file:
            content = file.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is no whole gzip file ({error}); delete it and try again") from None
    if len(content) > most:
        raise ValueError(f"{path} unpacks to over {most:,} bytes; need less: delete it")
    return content


def read_idx(path: Path, ndim: int, most: int) -> Tensor:
    """Parse a gzipped IDX file of bytes: 0, 0, type 8 (uint8), ndim, then sizes, then the data."""
    content = unpack(path, most)
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


def read_cifar(path: Path, batches: list[str], most: int) -> tuple[Tensor, Tensor]:
    """Images and labels of some batches in CIFAR's tar.gz. Nothing is extracted to disk.

    A record is one byte of label and 3 x 32 x 32 of color, plane by plane.
    """
    content, parts = unpack(path, most), []
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
