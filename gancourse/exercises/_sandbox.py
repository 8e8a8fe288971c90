"""Run a stranger's function without a trace in the notebook's state; `_limit` is the time limit.

This is no security: an answer is the reader's own code in the reader's own kernel, and somebody who
wants to cheat can.
"""

from __future__ import annotations

import builtins
import inspect
import math
import os
import random
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

MOST_OUTPUT = 20_000  # characters that the answers of one check may print


def accepts(function: Callable, args: tuple) -> bool:
    try:
        signature = inspect.signature(function)
    except Exception:  # some built-in functions have none; an object may have an odd one
        return True
    try:
        signature.bind(*args)
    except TypeError:
        return False
    return True


def one_line(error: BaseException) -> str:
    try:
        text = str(error).strip().split("\n")[0]
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__


def _ours(frame: traceback.FrameSummary) -> bool:
    return Path(__file__).parent in Path(frame.filename).parents


def readers_line(error: BaseException, answer: Callable) -> list[str]:
    """Line number and text of the reader's own line at which an exception came out."""
    code = getattr(inspect.unwrap(answer), "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if code and f.filename == code.co_filename and not _ours(f)]
    if not own:  # a class or a partial: the last line that is not a library's
        own = [f for f in frames if "site-packages" not in f.filename and not _ours(f)]
    return [f"  line {own[-1].lineno}: {own[-1].line}"] if own else []


def seed(number: int) -> None:
    """Seed torch's, numpy's and Python's global generators."""
    # Not torch.manual_seed: before CUDA starts, that would queue a seed for the whole notebook.
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(number)
    np.random.seed(number)
    random.seed(number)


class Left:
    """What a check could not undo, in sentences for the reader."""

    def __init__(self) -> None:
        self.notes: list[str] = []


@contextmanager
def neutral() -> Iterator[None]:
    """The modes that the exercises are written for, whatever the notebook has switched on."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def sandbox() -> Iterator[Left]:
    """Put back every global that is cheap to read: generators, modes, threads, streams, functions.

    What can't be put back is named in the `Left` that this yields, once the block is done.
    """
    left = Left()
    # Around all else: what is imported in order to put things back may set filters of its own.
    with warnings.catch_warnings():
        before = _globals()
        names = _namespaces()
        dynamo = "torch._dynamo" in sys.modules
        threads = set(threading.enumerate())
        interop = torch.get_num_interop_threads()
        output = _Capped(sys.stdout), _Capped(sys.stderr)
        streams = sys.stdout, sys.stderr
        try:
            with neutral():
                sys.stdout, sys.stderr = output
                torch.set_default_dtype(torch.float32)
                yield left
        finally:
            if not getattr(threading.current_thread(), "given_up", False):
                sys.stdout, sys.stderr = streams
                _put_back(before, left)
                _put_back_functions(names, left, dynamo or "torch._dynamo" not in sys.modules)
                if torch.get_num_interop_threads() != interop:
                    left.notes.append(
                        "torch.set_num_interop_threads was called, which nothing can undo but a "
                        "restart of the kernel."
                    )
                _say_what_goes_on(left, output, threads)


def _say_what_goes_on(left: Left, output: Sequence[_Capped], threads: set) -> None:
    """Of output that was cut off, and of threads that still run."""
    if any(one.cut for one in output):
        left.notes.append(f"What it printed was cut off after {MOST_OUTPUT:,} characters.")
    running = [t for t in threading.enumerate() if t not in threads and t.is_alive()]
    if any(getattr(t, "given_up", False) for t in running):
        left.notes.append(
            "It is still running, inside one long call that can't be interrupted; it ends "
            "after that call, or when you restart the kernel."
        )
        if any(one.used for one in output):  # what it prints from now on goes nowhere
            sys.stdout, sys.stderr = (one.opened() for one in output)
    elif any(type(t).__module__ == "threading" for t in running):
        left.notes.append("It has started a thread that is still running.")


class _Capped:
    """A stream that passes on so many characters, and swallows the rest."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._left = stream, MOST_OUTPUT
        self.cut = False

    @property
    def used(self) -> bool:
        return self._left < MOST_OUTPUT

    def opened(self) -> _Capped:
        """The same without a limit, but for threads that were given up."""
        self._left = sys.maxsize
        return self

    def write(self, text: str) -> int:
        if getattr(threading.current_thread(), "given_up", False):
            return len(text)
        if len(text) > self._left:
            self.cut = True
        if self._left > 0:
            self._stream.write(text[: self._left])
            self._left -= len(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGUSR1")
    if hasattr(signal, name)
]


def _signals() -> list:
    return [signal.getsignal(number) for number in _SIGNALS]


def _set_signals(handlers: list) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(_SIGNALS, handlers):
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _set_random(states: tuple) -> None:
    torch.set_rng_state(states[0])
    np.random.set_state(states[1])
    random.setstate(states[2])
    if states[3] is not None:
        torch.cuda.set_rng_state_all(states[3])


def _set_environment(saved: dict[str, str]) -> None:
    for name in os.environ.keys() - saved.keys():
        del os.environ[name]
    os.environ.update(saved)


def _set_print_options(saved: dict) -> None:
    vars(torch._tensor_str.PRINT_OPTS).update(saved)


def _set_cudnn(state: tuple[bool, bool]) -> None:
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = state


def _go(path: str | None) -> None:
    if path is not None and _here() != path:
        os.chdir(path)


def _here() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


# name -> (read, write)
_GLOBALS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "the random generators": (
        lambda: (
            torch.get_rng_state(), np.random.get_state(), random.getstate(),
            torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None,
        ),
        _set_random,
    ),
    "the gradient mode": (torch.is_grad_enabled, torch.set_grad_enabled),
    "the default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "the number of threads": (torch.get_num_threads, torch.set_num_threads),
    "anomaly detection": (
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda state: torch.autograd.set_detect_anomaly(*state),
    ),
    "the deterministic mode": (
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda state: torch.use_deterministic_algorithms(state[0], warn_only=state[1]),
    ),
    "the precision of products": (
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision,
    ),
    "the settings of cuDNN": (
        lambda: (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
        _set_cudnn,
    ),
    "the working directory": (_here, _go),
    "the environment": (lambda: dict(os.environ), _set_environment),
    "the signal handlers": (_signals, _set_signals),
    "the recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "numpy's error mode": (np.geterr, lambda state: np.seterr(**state)),
    "numpy's print options": (np.get_printoptions, lambda state: np.set_printoptions(**state)),
    "torch's print options": (
        lambda: dict(vars(torch._tensor_str.PRINT_OPTS)), _set_print_options,
    ),
    "the keyboard": (lambda: sys.stdin, lambda stream: setattr(sys, "stdin", stream)),
    "the excepthook": (lambda: sys.excepthook, lambda hook: setattr(sys, "excepthook", hook)),
    "the search path": (lambda: list(sys.path), lambda path: sys.path.__setitem__(slice(None), path)),
}  # fmt: skip


def _globals() -> dict[str, Any]:
    found = {}
    for name, (read, _) in _GLOBALS.items():
        try:
            found[name] = read()
        except Exception:  # not there on this system, or in this version
            continue
    return found


def _put_back(before: dict[str, Any], left: Left) -> None:
    for name, value in before.items():
        read, write = _GLOBALS[name]
        try:
            if not _equal(read(), value):  # to write may be dear: one mode imports SymPy (1 s)
                write(value)
        except Exception as error:
            left.notes.append(f"{name} could not be put back ({one_line(error)}).")


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (ValueError, RuntimeError):  # arrays and tensors: the generators' states
        return False


_PLACES: tuple[Any, ...] = (
    torch, torch.nn.functional, torch.nn, torch.nn.init, torch.autograd, torch.optim, torch.linalg,
    torch.Tensor, torch.nn.Module, torch.nn.Linear, torch.optim.Optimizer, torch.optim.SGD,
    torch.optim.Adam, np, np.random, np.linalg, math, random, time, builtins,
)  # fmt: skip


def _namespaces() -> list[dict[str, Any]]:
    hooks = torch.nn.modules.module
    every = [vars(place).copy() for place in _PLACES]
    return [*every, {n: dict(v) for n, v in vars(hooks).items() if n.startswith("_global_")
                     and isinstance(v, dict)}]  # fmt: skip


def _put_back_functions(saved: list[dict[str, Any]], left: Left, same_dynamo: bool) -> None:
    """Undo ``torch.mean = ...`` and hooks on all networks at once."""
    for place, names in zip(_PLACES, saved):
        now = vars(place)
        changed = [name for name, value in names.items() if now.get(name, left) is not value]
        added = now.keys() - names.keys() if isinstance(place, type) else ()
        for name in (*changed, *added):
            if name == "_" or name.startswith("__"):
                continue
            module = str(getattr(now.get(name), "__module__", ""))
            if module.startswith("torch.") and not same_dynamo:  # torch's own late changes
                continue
            try:
                setattr(place, name, names[name]) if name in names else delattr(place, name)
            except Exception:
                left.notes.append(f"{place.__name__}.{name} was replaced, and stays so.")
    for name, entries in saved[-1].items():
        hooks = getattr(torch.nn.modules.module, name)
        if hooks.keys() != entries.keys():
            hooks.clear()
            hooks.update(entries)
