"""Run a stranger's function: with a time limit, and without a trace in the notebook's state."""

from __future__ import annotations

import ctypes
import inspect
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch


def accepts(function: Callable, args: tuple) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
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
    return Path(frame.filename).parent == Path(__file__).parent


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


@contextmanager
def sandbox() -> Iterator[None]:
    """Leave the global generators and the gradient mode as they were found."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    grad = torch.is_grad_enabled()
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        torch.set_rng_state(state[0])
        np.random.set_state(state[1])
        random.setstate(state[2])
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


class TimeUp(BaseException):
    """Not an Exception, so that `except Exception` in an answer lets it pass."""


def limited(work: Callable[[], None], seconds: float) -> None:
    """Run `work`; raise TimeUp when it takes longer. A single long call into C is waited for."""
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        return _limited_in_thread(work, seconds)
    armed = True

    def ring(*_: Any) -> None:
        if armed:
            raise TimeUp

    began, handler = time.monotonic(), signal.signal(signal.SIGALRM, ring)
    delay, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        work()
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if handler is None else handler)
        if delay:  # somebody else's alarm (pytest-timeout) goes on
            left = max(delay - (time.monotonic() - began), 1e-3)
            signal.setitimer(signal.ITIMER_REAL, left, interval)


def _limited_in_thread(work: Callable[[], None], seconds: float) -> None:
    """The same where no signal can be had: Windows, or a kernel that runs cells in a thread."""
    raised: list[BaseException] = []

    def target() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    worker = threading.Thread(target=target, daemon=True)
    worker.start()
    end = time.monotonic() + seconds
    exception: type[BaseException] = TimeUp
    try:
        while worker.is_alive() and time.monotonic() < end:
            worker.join(0.05)
    except KeyboardInterrupt:
        end, exception = 0.0, KeyboardInterrupt
        raise
    finally:
        tries = 0
        while worker.is_alive() and tries < 20:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(worker.ident or 0), ctypes.py_object(exception)
            )
            worker.join(0.1)
            tries += 1
    if raised or worker.is_alive():
        raise raised[0] if raised else TimeUp()
