"""A time limit for a stranger's function.

The answer runs in a thread of its own, so that `check` can report although it is in the middle of a
long call into C; the thread gets a `TimeUp` as soon as it is back in Python. What no thread can do:
end a call that holds Python's lock all the while (``10 ** 10 ** 9``).
"""

from __future__ import annotations

import contextvars
import ctypes
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

TICK = 0.05  # seconds between two looks at the answer
PATIENCE, STARVING = 4, 20  # times as late as the limit, by the clock; see `limited`


class TimeUp(BaseException):
    """Not an Exception, so that `except Exception` in an answer lets it pass."""

    def __init__(self, told: str = "") -> None:
        super().__init__(told)
        self.told = told  # which limit was hit: the rest of "Your function ..."


class _Worker(threading.Thread):
    """Runs ``work`` with the modes that exercises are written for."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(name="the answer of an exercise", daemon=True)
        self.work, self.done, self.given_up = work, False, False
        self.raised: BaseException | None = None
        self.context = contextvars.copy_context()

    def run(self) -> None:
        try:
            try:
                self.context.run(self.work)
            except BaseException as error:
                self.raised = error
            finally:
                self.done = True
        except BaseException:  # an alarm that came too late
            self.done = True

    def tell(self, exception: type[BaseException]) -> None:
        """Raise an exception in the thread, at its next step in Python."""
        if not self.done:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self.ident or 0), ctypes.py_object(exception)
            )

    def imports(self) -> bool:
        """Is it in the middle of an import? A module that is cut off there stays half made."""
        frame = sys._current_frames().get(self.ident or 0)
        while frame is not None:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return True
            frame = frame.f_back
        return False


def limited(work: Callable[[], None], seconds: float) -> BaseException | None:
    """Run `work`; return what it raised, SystemExit too, or None. Only KeyboardInterrupt comes out.

    A TimeUp, at the latest a second late, when it has computed for longer.

    What counts is the time in which this process had a core, so that a busy machine refuses no right
    answer: the clock, or the CPU time of all threads where that is less. An answer that sleeps, or
    waits for a lock or another process, is ended by the clock: `PATIENCE` times as late, or
    `STARVING` times if the process did get a little of a core now and then, or stood in the queue
    for one: under `nice` on a busy machine it may get next to nothing for a minute.

    Time inside an import doesn't count, up to a minute: the first optimizer of a process imports
    much of torch (2 to 5 s), and an import that is cut off can't be mended before a restart.
    """
    stack = threading.stack_size()
    try:
        threading.stack_size(64 * 2**20)  # as much as a main thread, for deep recursion
    except (ValueError, RuntimeError):
        pass
    worker = _Worker(work)
    try:
        worker.start()
    finally:
        threading.stack_size(stack)
    computed = slept = waited = imports = 0.0
    clock, cpu = time.monotonic(), time.process_time()
    told = ""
    try:
        while not told:
            tick = min(TICK, seconds)
            worker.join(tick)
            if not worker.is_alive():
                break
            passed, used = time.monotonic() - clock, time.process_time() - cpu
            clock, cpu = clock + passed, cpu + used
            if imports < 60 and worker.imports():
                imports += passed
                continue
            computed += min(passed, used)
            waited += passed
            if used < passed / 2 and not _wants_a_core():
                slept += max(0.0, min(passed, tick) - used)  # what is more stood in the queue, too
            told = _over(computed, slept, waited, seconds)
        for _ in range(20 if told else 0):  # a bare `except` swallows one that comes in its `try`
            if worker.done or not worker.is_alive():
                break
            worker.tell(TimeUp)
            worker.join(0.05)
    except KeyboardInterrupt:
        worker.tell(KeyboardInterrupt)
        worker.join(1.0)
        worker.given_up = worker.is_alive()
        raise
    if not worker.done:
        worker.given_up = True
        return TimeUp(told)
    worker.join(1.0)
    if isinstance(worker.raised, TimeUp):
        worker.raised.told = told
    if isinstance(worker.raised, KeyboardInterrupt):
        raise worker.raised
    return worker.raised


def _wants_a_core() -> bool:
    """Does another thread of this process run, or stand in the queue for a core? (Linux tells.)"""
    own = str(threading.get_native_id())
    for task in Path("/proc/self/task").glob("*/stat"):
        try:  # pid (name) state ...: the name may hold anything
            state = task.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        except (OSError, IndexError):  # it has ended
            continue
        if state == "R" and task.parent.name != own:
            return True
    return False


def _over(computed: float, slept: float, passed: float, seconds: float) -> str:
    """Which limit has been hit, for the reader; "" if none."""
    if computed >= seconds:
        return f"did not finish within {seconds:g} s of computing: is there a loop that never ends?"
    if slept >= PATIENCE * seconds and computed <= passed / 20:
        most = PATIENCE * seconds
    elif passed >= STARVING * seconds:
        most = STARVING * seconds
    else:
        return ""
    return (
        f"did not finish within {most:g} s, and computed for {computed:.1f} s of them: does it sleep, "
        "or wait for something that never comes?"
    )
