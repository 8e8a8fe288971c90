"""Answers that run for ever, return odd things or change globals; what a check imports."""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import gancourse.exercises as engine
from gancourse.exercises import Mistake, _limit, check
from tests.exercise_help import (
    INTERNAL,
    NUMBER,
    PAIR,
    ROOT,
    TEXT,
    TRAINED,
    example,
    mean,
    says,
)

torch.set_num_threads(1)


def endless(x):
    while True:
        pass


def catches_everything(x):
    while True:
        try:
            x = x + 0
        except Exception:
            pass


@pytest.mark.parametrize("answer", [endless, catches_everything])
@pytest.mark.parametrize("in_thread", [False, True])
def test_endless_loop_ends_and_the_alarm_is_put_back(answer, in_thread):
    exercise, said = example(seconds=0.2), []
    if in_thread:
        worker = threading.Thread(target=lambda: said.append(says(exercise, answer)))
        worker.start()
        worker.join(10)
    else:
        before = signal.getsignal(signal.SIGALRM)
        said.append(says(exercise, answer))
        assert signal.getsignal(signal.SIGALRM) is before
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert "did not finish within 0.2 s" in said[0]
    assert threading.active_count() < 10


def test_somebody_elses_alarm_goes_on():
    rang = []
    old = signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 50)
        engine.grade(example(), mean)
        assert 45 < signal.getitimer(signal.ITIMER_REAL)[0] <= 50
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def in_a_fresh_process(code):
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def crowded():
    """How many processes want one core: what a limit by the clock must be stretched by."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Hostile:
    def __eq__(self, other):
        raise RuntimeError("no comparison")

    __hash__ = None

    def __bool__(self):
        raise RuntimeError("no truth")

    def __repr__(self):
        raise RuntimeError("no text")

    def __getattr__(self, name):
        raise RuntimeError("no attributes")


def nested_list():
    one = [1.0]
    one.append(one)
    return one


WEIRD = {
    "sparse": lambda x: torch.eye(3).to_sparse(),
    "csr": lambda x: torch.eye(3).to_sparse_csr(),
    "quantised": lambda x: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8),
    "nested": lambda x: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "meta": lambda x: torch.ones(3, device="meta"),
    "huge": lambda x: torch.zeros(1, 1).expand(1_000_000_000, 3),
    "huge array": lambda x: np.broadcast_to(np.zeros(1), (1_000_000_000, 3)),
    "bytes": lambda x: b"123",
    "objects": lambda x: np.array([object(), None, "x"], dtype=object),
    "words": lambda x: np.array(["one", "two", "three"]),
    "records": lambda x: np.zeros(3, dtype=[("a", float), ("b", int)]),
    "10**400": lambda x: 10**400,
    "10**5000": lambda x: [10**5000] * 3,
    "itself": lambda x: nested_list(),
    "range": lambda x: range(10**12),
    "hostile": lambda x: Hostile(),
    "hostile parts": lambda x: [Hostile(), Hostile(), Hostile()],
    "exception": lambda x: ValueError("returned, not raised"),
    "module": lambda x: torch,
    "many parts": lambda x: [0.0] * 3_000_000,
    "exit": lambda x: exit(3),
    "recursion": lambda x: WEIRD["recursion"](x),
    "key": lambda x: {Hostile: 1}[0],
    "dates": lambda x: np.array(["2026-01-01"], dtype="datetime64[D]"),
    "complex": lambda x: [1j, math.inf, math.nan],
}


@pytest.mark.parametrize("name", WEIRD)
def test_whatever_comes_is_reported_in_time(name, registered, capsys):
    for exercise in (example(), NUMBER, PAIR, TEXT, example(observe=lambda r, a: {"sum": r.sum()})):
        began = time.monotonic()
        passed, attempted, message = engine.grade(exercise, WEIRD[name])
        assert not passed and attempted and message and not INTERNAL.search(message)
        assert time.monotonic() - began < 7 * crowded()
    value = WEIRD[name](None) if name not in ("exit", "recursion", "key") else 10**400
    for reference in (0.5, "b", frozenset("AB"), {"A": "x"}, [1, 2]):
        asked = example(reference=reference, mistakes=[Mistake("c", "c is the other one")])
        passed, attempted, message = engine.grade(asked, value)
        assert not passed and message and not INTERNAL.search(message), message
    assert not check("t.1", WEIRD[name]).passed  # the report can be shown
    assert capsys.readouterr().out.count("Exercise t.1: not yet") == 1


def long_call(x):
    time.sleep(6)  # in C and without Python's lock, as a large product is
    return x.mean(0)


def test_a_call_that_waits_is_not_waited_for():
    """It computes nothing, so that the clock ends it, at four times the limit; the message says so."""
    began = time.monotonic()
    message = says(example(seconds=0.3), long_call)
    assert 1.2 <= time.monotonic() - began < 3.5 * crowded()
    assert "did not finish within 1.2 s, and computed for 0.0 s of them: does it sleep" in message
    assert "It is still running" in message
    for thread in threading.enumerate():
        if getattr(thread, "given_up", False):
            thread.join(60)
            assert not thread.is_alive()


def test_a_process_that_gets_no_core_has_its_time(monkeypatch):
    """A clock that runs ten times as fast as the process computes: nine others want its core."""
    began = time.monotonic()
    monkeypatch.setattr(_limit.time, "process_time", lambda: (time.monotonic() - began) / 10)

    def computes(x):
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            x = x + 0
        return x.mean(0)

    assert engine.grade(example(seconds=0.4), computes)[0]  # 2 s by the clock, 0.2 s of computing
    message = says(example(seconds=0.1), endless)
    assert "did not finish within 0.1 s of computing: is there a loop that never ends?" in message


needs_states = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="only Linux says what threads wait for"
)


@needs_states
def test_a_process_that_stands_in_the_queue_for_a_core_does_not_sleep(monkeypatch):
    """Under `nice` beside busy processes, right answers were ended as if they slept."""
    monkeypatch.setattr(_limit.time, "process_time", lambda: 0.0)  # not a bit of a core
    x = torch.randn(300, 300)

    def computes(batch):  # outside of Python's lock, as training is
        until = time.monotonic() + 0.7
        while time.monotonic() < until:
            torch.mm(x, x)
        return batch.mean(0)

    assert engine.grade(example(seconds=0.2), computes)[0]  # a sleeper's time is up after 0.8 s
    monkeypatch.setattr(_limit, "_wants_a_core", lambda: False)
    assert "did not finish within 0.8 s, and computed" in says(example(seconds=0.2), computes)


@needs_states
def test_a_thread_that_sleeps_wants_no_core_and_one_that_computes_does():
    """In a process of its own: here an endless answer of an earlier test may still run."""
    code = (
        "import threading, time, torch; from gancourse.exercises import _limit\n"
        "torch.set_num_threads(1); done = threading.Event(); x = torch.randn(300, 300)\n"
        "def computes():\n    while not done.is_set(): torch.mm(x, x)\n"
        "def looks(work):\n"
        "    thread = threading.Thread(target=work); thread.start(); seen = []\n"
        "    for _ in range(20): time.sleep(0.01); seen.append(_limit._wants_a_core())\n"
        "    done.set(); thread.join(); done.clear(); return sum(seen)\n"
        "assert looks(lambda: done.wait(5)) <= 2 and looks(computes) >= 10"
    )
    in_a_fresh_process(code)


def test_waiting_for_threads_and_processes_ends_too():
    def waits_for_itself(x):
        lock = threading.Lock()
        with lock:
            lock.acquire(timeout=3)
        return x.mean(0)

    def waits_for_a_process(x):
        subprocess.run([sys.executable, "-c", "while True: pass"], timeout=20)
        return x.mean(0)

    for answer, words in (
        (waits_for_itself, "did not finish within 0.8 s, and computed"),
        (waits_for_a_process, "did not finish within 0.8 s, and computed"),
    ):
        assert words in says(example(seconds=0.2), answer)

    def in_threads(x):
        results = []
        workers = [threading.Thread(target=lambda: results.append(x.mean(0))) for _ in range(3)]
        [w.start() for w in workers], [w.join() for w in workers]
        return results[1]

    assert engine.grade(example(), in_threads)[0]


@pytest.mark.parametrize(
    "answer",
    [
        "p / (p + q)",
        "torch.use_deterministic_algorithms(True)",
        "torch.optim.Adam([p.clone().requires_grad_()]).step()",
    ],
)
def test_no_check_leaves_warning_filters_changed(answer):
    """In a process of its own: what the first check of a session imports sets filters (SymPy)."""
    code = (
        "import torch, warnings, gancourse.exercises as e; before = list(warnings.filters)\n"
        f"e.check('1.1', lambda p, q: {answer})\n"
        "assert warnings.filters == before, warnings.filters"
    )
    in_a_fresh_process(code)


def test_the_first_check_imports_nothing_large():
    code = (
        "import sys, torch, gancourse.exercises as e; e.check('1.1', lambda p, q: p / (p + q))\n"
        "assert 'sympy' not in sys.modules"
    )
    in_a_fresh_process(code)


def test_output_is_capped_and_told():
    import contextlib
    import io

    def talks(x):
        while True:
            print("still here")

    with contextlib.redirect_stdout(io.StringIO()) as heard:
        message = says(example(seconds=0.3), talks)
    assert len(heard.getvalue()) <= 20_000 and "cut off after 20,000 characters" in message
    with contextlib.redirect_stdout(io.StringIO()) as heard:
        assert "cut off" not in says(example(), lambda x: print("heard") or x.mean(0))
    assert heard.getvalue() == "heard\n" * 2


def test_time_inside_an_import_does_not_count_and_the_module_is_whole(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(
        "import time\nfor _ in range(40):\n    time.sleep(0.02)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def imports(x):
        import slow_to_import

        assert slow_to_import.whole
        return x.mean(0)

    assert engine.grade(example(seconds=0.3), imports)[0]


def pokes(x):
    """Change every global that one can think of."""
    import warnings

    torch.set_num_threads(2 if torch.get_num_threads() == 1 else 1)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    torch.autograd.set_detect_anomaly(True)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.benchmark = True
    torch.set_printoptions(precision=2)
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    torch.mean = torch.sum
    torch.Tensor.mean = torch.Tensor.sum
    nn.functional.relu = None
    math.sqrt = abs
    nn.modules.module.register_module_forward_hook(lambda *a: None)
    np.seterr(all="raise"), np.set_printoptions(precision=2)
    warnings.simplefilter("error")
    os.chdir("/")
    os.environ["GANCOURSE_POKED"] = "1"
    sys.setrecursionlimit(5000)
    sys.stdout = None
    sys.stdin = None
    sys.path.insert(0, "/nowhere")
    __builtins__["print" if isinstance(__builtins__, dict) else "x"] = None
    raise RuntimeError("after all that")


def everything():
    import builtins
    import warnings

    return [
        torch.get_num_threads(), torch.get_default_dtype(), torch.get_default_device(),
        torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled(),
        torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision(),
        torch.backends.cudnn.benchmark, torch._tensor_str.PRINT_OPTS.precision, torch.mean,
        vars(torch.Tensor).get("mean"), nn.functional.relu, math.sqrt,
        len(nn.modules.module._global_forward_hooks), np.geterr(),
        np.get_printoptions()["precision"], list(warnings.filters), os.getcwd(), dict(os.environ),
        sys.getrecursionlimit(), sys.stdout, sys.stderr, sys.stdin, list(sys.path), builtins.print,
        torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate(),
        [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGALRM, signal.SIGTERM)],
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["plain", "no gradients", "double", "meta", "inference"])
def test_every_global_is_as_before(mode):
    import contextlib

    def run():
        before = everything()
        assert "RuntimeError: after all that" in says(example(), pokes)
        now = everything()
        for one, other in zip(before, now, strict=True):
            assert one == other
        assert engine.grade(example(), mean)[0]  # and a right answer is right in any mode
        assert engine.grade(TRAINED, lambda x: x.square().sum())[0]
        assert everything() == before

    modes = {"no gradients": torch.no_grad(), "inference": torch.inference_mode()}
    with modes.get(mode, contextlib.nullcontext()):
        try:
            if mode == "double":
                torch.set_default_dtype(torch.float64)
            if mode == "meta":
                torch.set_default_device("meta")
            run()
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_default_device(None)


def test_a_thread_left_running_is_named():
    stop = threading.Event()

    def starts(x):
        threading.Thread(target=stop.wait, daemon=True).start()
        return x.mean(0)

    passed, _, message = engine.grade(example(), starts)
    stop.set()
    assert passed and "started a thread that is still running" in message


def test_one_check_imports_one_exercise():
    code = (
        "import sys, gancourse.exercises as e; e.check('1.1', ...); "
        "n = [m for m in sys.modules if '.exercises.ch' in m or '.clinic' in m]; "
        "assert n == ['gancourse.exercises.ch01', 'gancourse.exercises.ch01.e1'], n"
    )
    in_a_fresh_process(code)


def test_importing_the_engine_does_not_import_the_chapters():
    code = (
        "import re, sys, gancourse.exercises as e; "
        "assert '1.1' in e.EXERCISES; "
        r"assert re.search(r' exercises, 1\.1 to \d+\.\d+>$', repr(e.EXERCISES)); "
        "n = [m for m in sys.modules if '.exercises.ch' in m]; "
        "assert not n, n; assert 'IPython' not in sys.modules"
    )
    in_a_fresh_process(code)
