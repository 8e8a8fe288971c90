"""The files of a run: written whole or not at all, by one writer at a time, read with suspicion.

A checkpoint ``run.ckpt`` may have neighbours: ``run.ckpt.prev`` (the save before),
``run.ckpt.torn`` (a damaged one, set aside), ``run.ckpt.old`` (what a run that began anew found
there), ``run.ckpt.lock`` (while somebody trains into it), ``run.ckpt.jsonl`` (losses, one line now
and then). What is *in* a checkpoint is the business of ``_resume.py``.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from ._paths import given_path

MAGIC = b"GANCOURSE-CKPT-1"
DRIVE = Path("/content/drive/MyDrive")  # where Colab mounts Google Drive
FORMAT = 3  # 1: no settings inside; 2: some under other names, penalties within the losses
RENAMED = {"clip": "weight_clip", "decay": "schedule"}  # settings, since format 3
ANEW = "fit(..., fresh=True) begins anew and keeps the old file as {}.old"

# What every checkpoint holds, whichever version wrote it, and of which type.
NEEDED: dict[str, Any] = {
    "generator": dict, "discriminator": dict, "optimizer_g": dict, "optimizer_d": dict,
    "ema": (dict, type(None)), "d_loss": Tensor, "g_loss": Tensor, "penalty": Tensor,
    "rng": Tensor, "torch_rng": Tensor, "step": int,
}  # fmt: skip


class CheckpointError(ValueError):
    """A checkpoint file that can't be used: torn, altered, from another run, or in use."""


class TornError(CheckpointError):
    """A checkpoint that was cut off or altered after it was written."""


def actual(path: Path) -> Path:
    """The file behind ``path``: writing beside a link and renaming would replace the link."""
    return Path(os.path.realpath(path))


def beside(path: Path, ending: str) -> Path:
    """``run.ckpt`` and ``".prev"`` to ``run.ckpt.prev``, in the folder of the actual file."""
    path = actual(path)
    return path.with_name(path.name + ending)


def check_writable(path: Path) -> None:
    """Raises OSError unless ``path`` can be a file in an existing, writable folder."""
    folder = actual(path).parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OSError(
            f"checkpoint={str(path)!r} can't be written; need a file name in an existing, writable "
            "folder"
        )


# --- writing --------------------------------------------------------------------------------------


def write(state: dict[str, Any], path: Path) -> None:
    """Put ``state`` at ``path`` and what was there at ``.prev``. The caller holds the lock.

    A kill at any moment leaves a whole file: at ``path``, or at a ``.tmp`` that :func:`recover`
    moves there.

    Raises:
        OSError: when the folder can't be written. The files stay as they were.
    """
    path = actual(path)
    if not path.exists():
        recover(path)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    temporary = beside(path, f".{os.getpid()}.tmp")
    is_whole = False
    try:
        with open(temporary, "wb") as file:
            file.write(buffer.getbuffer())
            # The digest comes last: a file cut short anywhere fails its check.
            file.write(MAGIC + hashlib.sha256(buffer.getbuffer()).digest())
            file.flush()
            os.fsync(file.fileno())
        is_whole = True
        if path.exists():
            os.replace(path, beside(path, ".prev"))
        os.replace(temporary, path)
    finally:
        if path.exists() or not is_whole:  # cut off between the two renames, it is the newest state
            temporary.unlink(missing_ok=True)


def recover(path: Path) -> None:
    """Finish, or clear away, what a writer that was killed has left. The caller holds the lock."""
    path = actual(path)
    for file in sorted(path.parent.iterdir()):
        number = file.name.removeprefix(path.name + ".").removesuffix(".tmp")
        if file.name != f"{path.name}.{number}.tmp" or not number.isdigit():
            continue
        if not path.exists() and _digest_is_right(file.read_bytes()):
            os.replace(file, path)
        else:
            file.unlink(missing_ok=True)


def set_aside(path: Path) -> None:
    """Rename checkpoint and ``.prev`` so that nothing resumes from them; the newest is kept."""
    for file in (beside(path, ".prev"), actual(path)):
        if file.exists():
            os.replace(file, beside(path, ".old"))
    log = beside(path, ".jsonl")
    if log.exists():
        os.replace(log, beside(path, ".jsonl.old"))


class Lock:
    """``<name>.lock``, held by the one that trains into a checkpoint; it dies with its process.

    The operating system's own lock where the folder has one; else (some network drives) the number
    of the process that holds it, which counts while that process lives on this machine.
    """

    def __init__(self, path: Path):
        self.path, self.name = path, beside(path, ".lock")
        self.file: IO[str] | None = None
        self.held = False

    def take(self) -> None:
        """Raises CheckpointError if somebody else holds it."""
        while not self.held:
            self.file = open(self.name, "a+", encoding="utf-8")  # noqa: SIM115
            if not _lock(self.file):
                self.file.seek(0)
                owner = self.file.read().strip() or "unknown"
                self.release()
                raise CheckpointError(
                    f"checkpoint={str(self.path)!r} is being written by another run (process "
                    f"{owner}); give each run a file of its own, or stop that one first"
                )
            self.held = self._is_there()  # else its last holder has just removed it
        assert self.file is not None
        self.file.truncate(0)
        self.file.write(f"{os.getpid()} on {socket.gethostname()}")
        self.file.flush()

    def _is_there(self) -> bool:
        assert self.file is not None
        with suppress(OSError):
            return os.path.samestat(os.fstat(self.file.fileno()), os.stat(self.name))
        return False

    def release(self) -> None:
        """Let go; does nothing if it is not held."""
        if self.held and self._is_there():
            with suppress(OSError):  # (Windows: not while it is open)
                self.name.unlink()
        self.held = False
        if self.file is not None:
            with suppress(OSError):
                self.file.close()
        self.file = None


def _lock(file: IO[str]) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks in this folder
        file.seek(0)
        process, _, host = file.read().partition(" on ")
        return not (host == socket.gethostname() and process.isdigit() and _lives(int(process)))
    return True


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return process != os.getpid()


# --- reading --------------------------------------------------------------------------------------


def read(path: Path, device: torch.device) -> dict[str, Any]:
    """What is saved at ``path``, its tensors on ``device``. Nothing is unpickled but tensors and
    plain types (``weights_only=True``), and no file is touched.

    Raises:
        FileNotFoundError: if there is no such file.
        TornError: if it was cut off or altered.
        CheckpointError: if it is another kind of file, or a later version's.
    """
    content = path.read_bytes()
    if not _digest_is_right(content):
        anew = ANEW.format(path.name)
        whole_zip = content[-22:-18] == b"PK\x05\x06"  # what torch.save writes ends so
        ours = content[-48:-32] == MAGIC or content.startswith(b"PK") and not whole_zip
        if ours or not content.strip(b"\0"):
            raise TornError(
                f"{path} is torn or altered ({len(content):,} bytes, checksum wrong); use the save "
                f"before it, {path.name}.prev, if there is one; {anew}"
            )
        raise CheckpointError(
            f"{path} is no checkpoint of GANTrainer, or torn or altered from its beginning on; "
            f"choose another name; {anew}"
        )
    try:
        state = torch.load(io.BytesIO(content[:-48]), map_location=device, weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"{path} holds more than tensors and plain numbers, so it is not opened; choose another name"
        ) from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds a {type(state).__name__}, not the state of a run")
    version = state.setdefault("format", 1)
    if not isinstance(version, int) or version > FORMAT:
        raise CheckpointError(
            f"{path} has format {version!r}, and this gancourse reads up to {FORMAT}; update it, "
            "or choose another name"
        )
    if version < 3:
        _bring_up_to_date(state)
    for name, kind in NEEDED.items():
        if name not in state or not isinstance(state[name], kind):
            came = f"a {type(state[name]).__name__}" if name in state else "nothing"
            raise CheckpointError(f"{path} holds {came} for {name!r}: not the state of a run")
    return state


def _bring_up_to_date(state: dict[str, Any]) -> None:
    settings = state.get("settings")
    if isinstance(settings, dict):
        state["settings"] = {RENAMED.get(k, k): v for k, v in settings.items()}
    losses = state.get("d_loss")
    if isinstance(losses, Tensor):  # penalties, where there were any, are in them
        none = isinstance(settings, dict) and not any(settings.get(k) for k in ("r1", "r2", "gp"))
        state["penalty"] = torch.full_like(losses, 0.0 if none else math.nan)


def _digest_is_right(content: bytes) -> bool:
    magic, digest = content[-48:-32], content[-32:]
    return magic == MAGIC and hashlib.sha256(memoryview(content)[:-48]).digest() == digest


def fingerprint(*tensors: Tensor) -> str:
    """16 letters that tell one data set from another: the shapes, and 64 rows spread over it."""
    digest = hashlib.sha256()
    for tensor in tensors:
        rows = tensor.detach().reshape(len(tensor) if tensor.ndim else 1, -1)
        rows = rows[:: max(1, len(rows) // 64)].to("cpu", torch.float64)
        digest.update(f"{tuple(tensor.shape)}".encode() + rows.numpy().tobytes())
    return digest.hexdigest()[:16]


def run_folder(name: str) -> Path:
    """A folder for a run's checkpoints that outlives the session, made if it isn't there.

    The first of: ``$GANCOURSE_RUNS/name`` (``~`` is the home folder); ``gancourse/name`` on Google
    Drive where Colab has it mounted; ``runs/name`` in the working directory, which is lost with a
    Colab machine.

    Raises:
        ValueError: if ``name`` is anything but letters, digits, ``-`` and ``_``, or
            ``GANCOURSE_RUNS`` is no path.
        OSError: if the folder can't be made.
    """
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"name={name!r}; need letters, digits, '-' and '_' only")
    base = DRIVE / "gancourse" if DRIVE.is_dir() else Path("runs")
    if chosen := os.environ.get("GANCOURSE_RUNS"):
        base = given_path(chosen, "GANCOURSE_RUNS")
    folder = base / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
