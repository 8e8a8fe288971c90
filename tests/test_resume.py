"""Runs that are killed, interrupted or diverge: resuming to the bit."""

import itertools
import json
import os
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from gancourse import (
    _batches,
    _resume,
    _settings,
    _state,
    checkpoints,
    data,
    history,
    nets,
    scaling,
    training,
)
from gancourse.training import CheckpointError, DivergedError, GANTrainer
from tests.runs import conditional, mixed, same, state, three_classes, trainer

torch.set_num_threads(1)
ROOMS = (training, checkpoints, history, scaling, _batches, _resume, _settings, _state)


# --- checkpoints -----------------------------------------------------------------------------------

CHILD = """
import sys, time, torch
torch.set_num_threads(1)
from gancourse import data, nets
from gancourse.training import GANTrainer

path, steps, slow = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "slow"
torch.manual_seed(0)

class Dropout(nets.MLPDiscriminator):  # draws from the global random stream
    def forward(self, x):
        return super().forward(torch.nn.functional.dropout(x, 0.1, self.training))

t = GANTrainer(nets.MLPGenerator(8, (1, 8, 8)), Dropout((1, 8, 8)), r1=0.1, ema=0.99,
               schedule="cosine", batch_size=32, device="cpu")
def tick(t):
    print(t.step, flush=True)
    time.sleep(0.02 if slow else 0)
t.fit(data.digits(), steps, checkpoint=path, save_every=10, progress=False,
      callback=tick, callback_steps=range(steps))
torch.save({"g": t.generator.state_dict(), "d": t.discriminator.state_dict(),
            "ema": t.ema.state_dict(), "og": t.optimizer_g.state_dict(),
            "od": t.optimizer_d.state_dict(), "dl": t.history.d_loss, "gl": t.history.g_loss},
           path + ".end")
"""


def child(path, slow=False, steps=120):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(steps), "slow" if slow else "fast"],
        stdout=subprocess.PIPE,
        text=True,
    )


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return a.equal(b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path):
    whole = child(tmp_path / "whole.ckpt")
    whole.communicate(timeout=120)
    assert whole.returncode == 0

    killed = child(tmp_path / "cut.ckpt", slow=True)
    for line in killed.stdout:  # 57: some way past the save at step 50
        if int(line) >= 57:
            os.kill(killed.pid, signal.SIGKILL)
            break
    killed.stdout.close()
    killed.wait(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "cut.ckpt").exists() and not (tmp_path / "cut.ckpt.end").exists()

    resumed = child(tmp_path / "cut.ckpt")
    steps = [int(line) for line in resumed.communicate(timeout=120)[0].split()]
    assert resumed.returncode == 0
    assert 51 <= steps[0] <= 61  # it went on, it didn't start again

    one = torch.load(tmp_path / "whole.ckpt.end", weights_only=True)
    two = torch.load(tmp_path / "cut.ckpt.end", weights_only=True)
    assert len(one["dl"]) == 120
    assert equal(one, two)


def test_torn_checkpoint_is_refused_and_the_previous_one_used(tmp_path):
    path = tmp_path / "run.ckpt"
    t = trainer()
    t.fit(data.ring(), 20, checkpoint=path, save_every=10, progress=False)
    t.fit(data.ring(), 30, checkpoint=path, save_every=10, progress=False)
    end = state(t.generator)
    for damage in (lambda b: b[: len(b) // 2], lambda b: b[:900] + bytes([b[900] ^ 1]) + b[901:]):
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(CheckpointError, match="torn or altered"):
            trainer().load(path)
        again = trainer()
        with pytest.warns(UserWarning, match=r"torn or altered.*going on from .*run\.ckpt\.prev"):
            again.fit(data.ring(), 30, checkpoint=path, save_every=10, progress=False)
        assert same(end, state(again.generator))


def test_torn_without_a_previous_one_stops(tmp_path):
    path = tmp_path / "run.ckpt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="torn or altered"):
        trainer().fit(data.ring(), 5, checkpoint=path, progress=False)
    assert path.read_bytes() == b"not a checkpoint"  # nothing of the reader's is overwritten


@pytest.mark.parametrize("at", range(3))
def test_a_kill_around_the_two_renames_is_survived(tmp_path, monkeypatch, at):
    """Before the first, between them (nothing is at the name then), after the second."""
    path = tmp_path / "run.ckpt"
    t = trainer()
    t.fit(data.ring(), 10, checkpoint=path, progress=False)
    replace, calls = os.replace, []

    class Killed(BaseException):
        pass

    def killed(*names):
        calls.append(names)
        if len(calls) == at + 1:
            monkeypatch.setattr(Path, "unlink", lambda *a, **k: None)  # a dead process tidies nothing
            raise Killed
        replace(*names)
        if len(calls) == at:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(Killed):
            t.fit(data.ring(), 20, checkpoint=path, progress=False)
    monkeypatch.undo()
    assert len(calls) == max(at, 1)
    again = trainer()
    steps = []
    again.fit(
        data.ring(), 20, checkpoint=path, progress=False, callback_steps=range(21),
        callback=lambda t: steps.append(t.step),
    )  # fmt: skip
    assert len(steps) == (10 if at == 0 else 0)
    assert same(state(t.generator), state(again.generator))
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {"run.ckpt", "run.ckpt.prev", "run.ckpt.jsonl"}


def test_saving_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run.ckpt"
    t = trainer()
    t.save(path)
    old = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        t.save(path)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


def test_checkpoint_of_other_networks_is_refused(tmp_path):
    path = tmp_path / "run.ckpt"
    trainer().save(path)
    with pytest.raises(CheckpointError, match="other networks"):
        trainer(shape=3).load(path)
    with pytest.raises(CheckpointError, match="ema"):
        trainer(ema=0.9).load(path)
    with pytest.raises(FileNotFoundError):
        trainer().load(tmp_path / "none.ckpt")


def test_a_gpus_checkpoint_can_be_looked_at_on_a_cpu(tmp_path):
    """A CUDA generator's state is 16 bytes, which a CPU's can't take."""
    t = trainer()
    t.fit(data.ring(), 5, progress=False)
    t.save(tmp_path / "run.ckpt")
    state_ = checkpoints.read(tmp_path / "run.ckpt", t.device)
    state_["rng"] = torch.zeros(16, dtype=torch.uint8)
    checkpoints.write(state_, tmp_path / "gpu.ckpt")
    again = trainer()
    with pytest.warns(UserWarning, match="another kind of device"):
        again.load(tmp_path / "gpu.ckpt")
    assert again.step == 5 and again.sample(4).equal(t.sample(4))


def test_nothing_is_unpickled(tmp_path):
    """A checkpoint that would run code when unpickled is refused, its code not run."""
    import hashlib
    import pickle

    from gancourse.checkpoints import MAGIC

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "pwned",))

    import io

    buffer = io.BytesIO()
    torch.save({"generator": Evil()}, buffer)
    payload = buffer.getvalue()
    (tmp_path / "evil.ckpt").write_bytes(payload + MAGIC + hashlib.sha256(payload).digest())
    with pytest.raises(CheckpointError, match="more than tensors") as error:
        trainer().load(tmp_path / "evil.ckpt")
    assert isinstance(error.value.__cause__, pickle.UnpicklingError)
    assert not (tmp_path / "pwned").exists()


# --- a folder that survives ------------------------------------------------------------------------


def test_run_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANCOURSE_RUNS", raising=False)
    monkeypatch.setattr(checkpoints, "DRIVE", tmp_path / "MyDrive")
    assert training.run_folder("ch09-a") == Path("runs/ch09-a") and Path("runs/ch09-a").is_dir()
    (tmp_path / "MyDrive").mkdir()  # mounted
    assert training.run_folder("ch09-a") == tmp_path / "MyDrive" / "gancourse" / "ch09-a"
    assert training.run_folder("ch09-a").is_dir()
    monkeypatch.setenv("GANCOURSE_RUNS", "")  # as good as not set
    assert training.run_folder("ch09-a") == tmp_path / "MyDrive" / "gancourse" / "ch09-a"
    monkeypatch.setenv("GANCOURSE_RUNS", str(tmp_path / "elsewhere"))
    assert training.run_folder("ch09-a") == tmp_path / "elsewhere" / "ch09-a"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GANCOURSE_RUNS", "~/runs")
    assert training.run_folder("ch09-a") == tmp_path / "home" / "runs" / "ch09-a"
    assert training.run_folder("ch09-a").is_dir() and not Path("~").exists()
    for name in ("", "../up", "a/b", "a b"):
        with pytest.raises(ValueError, match="need letters"):
            training.run_folder(name)
    monkeypatch.setenv("GANCOURSE_RUNS", "~nobody-of-this-name/runs")
    with pytest.raises(ValueError, match="GANCOURSE_RUNS=.*a home folder that exists"):
        training.run_folder("ch09-a")


# --- a run that goes wrong -------------------------------------------------------------------------


class Exploding(nets.MLPDiscriminator):
    """Its logits become infinite at its 61st training call: step 21 (two calls in D, one in G)."""

    calls = 0

    def forward(self, x):
        self.calls += self.training
        logits = super().forward(x)
        return logits * float("inf") if self.calls > 60 else logits


def test_divergence_says_where_and_keeps_the_checkpoint(tmp_path):
    path = tmp_path / "run.ckpt"
    torch.manual_seed(0)
    t = GANTrainer(nets.MLPGenerator(), Exploding(2), device="cpu")
    with pytest.raises(DivergedError, match="step 21") as error:
        t.fit(data.ring(), 500, checkpoint=path, save_every=10, progress=False)
    assert error.value.step == 21 and error.value.checkpoint == path
    assert str(path) in str(error.value)
    healthy = GANTrainer(nets.MLPGenerator(), Exploding(2), device="cpu")
    healthy.load(path)
    assert healthy.step == 20
    assert all(p.isfinite().all() for p in healthy.generator.parameters())
    assert len(t.history) >= 21  # what was measured is kept


def test_interrupt_keeps_the_history(tmp_path):
    t = trainer()

    def stop(t):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        t.fit(data.ring(), 50, progress=False, callback=stop, callback_steps=[30])
    assert len(t.history) == 30
    t.fit(data.ring(), 50, progress=False)
    assert len(t.history) == 50


def test_fit_counts_steps_in_all():
    t = trainer()
    first = t.fit(data.ring(), 10, progress=False).d_loss.clone()
    assert t.fit(data.ring(), 10, progress=False).d_loss.equal(first)
    assert len(t.fit(data.ring(), 15, progress=False)) == 15
    assert len(trainer().fit(data.ring(), 0, progress=False)) == 0


# --- whatever happens in the midst of it -----------------------------------------------------------


def jittered(x, generator):
    return x + 0.1 * torch.randn(x.shape, generator=generator)


INTERRUPTED = {
    "given": lambda: mixed(
        optimizer_d=torch.optim.RMSprop, augment=jittered, ema_halflife=3, ema_rampup=0.5, gp=0.1
    ),
    "gp": lambda: mixed(loss="wasserstein", gp=1.0, weight_clip=0.1, n_critic=2),
    "r1-ema": lambda: mixed(r1=0.1, ema=0.9, schedule="linear"),
    "fp16": lambda: mixed(amp="fp16", r2=0.1, accumulate=2),
    "pairs": lambda: conditional(loss="relativistic", r1=0.1, batch_size=6),
}


def complete(t):
    parts = [v for net in (t.generator, t.discriminator) for v in net.state_dict().values()]
    for optimizer in (t.optimizer_g, t.optimizer_d):
        parts += [v for s in optimizer.state.values() for v in s.values()]
    parts += [t.history.d_loss, t.history.g_loss, t.history.penalty, t.augment_rng.get_state()]
    parts += [t.rng.get_state(), torch.get_rng_state()]
    parts.append(torch.tensor([t.scaler_d.get_scale(), t._averaged]))
    return [part.clone() for part in parts]


def interrupted(case, folder, stop):
    """Three steps, cut off before line number ``stop`` that training or checkpoints execute."""
    seen = 0
    files = {room.__file__ for room in ROOMS}

    def line(frame, event, _):
        nonlocal seen
        seen += event == "line"
        if event == "line" and seen == stop:
            sys.settrace(None)
            raise KeyboardInterrupt
        return line

    t, calls = INTERRUPTED[case](), []
    real = three_classes(60) if case == "pairs" else three_classes(60)[0]
    arguments = {
        "progress": False, "callback_steps": [0, 1, 3], "checkpoint": folder / "run.ckpt",
        "callback": lambda t: calls.append((t.step, t.sample(2).sum().item())), "save_every": 2,
    }  # fmt: skip
    before = sys.gettrace()
    sys.settrace(lambda frame, event, _: line if frame.f_code.co_filename in files else None)
    try:
        t.fit(real, 3, **arguments)
    except KeyboardInterrupt:
        assert torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
        assert all(p.requires_grad for p in t.discriminator.parameters())
        assert all(m.training for net in (t.generator, t.discriminator) for m in net.modules())
        assert len(t.history.d_loss) == len(t.history.g_loss) == t.step
        t.fit(real, 3, **arguments)
    finally:
        sys.settrace(before)
    logged = [json.loads(line)["step"] for line in open(folder / "run.ckpt.jsonl")]
    assert logged == sorted(set(logged)) and logged[-1] == 3
    return complete(t), calls, seen


@pytest.mark.parametrize("case", INTERRUPTED)
def test_an_interrupt_anywhere_changes_nothing(case, tmp_path):
    """Before every 31st line that training or checkpoints execute in three steps with a file,
    beginning at another line in each case: a sample of the places, not all of them."""
    (tmp_path / "whole").mkdir()
    whole, calls, lines = interrupted(case, tmp_path / "whole", -1)
    assert lines > 500
    for stop in range(1 + list(INTERRUPTED).index(case), lines, 31):
        folder = tmp_path / str(stop)
        folder.mkdir()
        end, called, _ = interrupted(case, folder, stop)
        assert called == calls, stop
        assert len(end) == len(whole) and all(map(torch.equal, end, whole)), stop
        assert not [p.name for p in folder.iterdir() if p.suffix in (".lock", ".tmp")], stop


@pytest.mark.parametrize("where", ["before a fit", "in a callback"])
def test_an_interrupt_in_a_step_of_ones_own_leaves_nothing_frozen(where, monkeypatch):
    """Cut off at the very moment when the discriminator would be unfrozen."""
    t, cuts = trainer(), []
    thaw = t._thaw

    def cut():
        if t._frozen and len(cuts) == 1:
            cuts.append(2)
            raise KeyboardInterrupt
        thaw()

    def own_step(t):
        cuts.append(1)
        t.g_step(4)

    monkeypatch.setattr(t, "_thaw", cut)
    with pytest.raises(KeyboardInterrupt):
        if where == "in a callback":
            t.fit(data.ring(), 3, progress=False, callback=own_step, callback_steps=[1])
        else:
            own_step(t)
    if where == "in a callback":
        assert all(p.requires_grad for p in t.discriminator.parameters())
    assert len(t.fit(data.ring(), 3, progress=False, callback_steps=[])) == 3
    assert all(p.requires_grad for p in t.discriminator.parameters()) and cuts == [1, 2]


def test_an_error_within_a_step_is_taken_back():
    t, whole = trainer(), trainer()
    whole.fit(data.ring(), 30, progress=False)
    step, calls = t.g_step, []

    def fails(*arguments, **more):
        calls.append(1)
        if len(calls) == 17:
            raise RuntimeError("out of memory")
        return step(*arguments, **more)

    t.g_step = fails
    with pytest.raises(RuntimeError, match="out of memory"):
        t.fit(data.ring(), 30, progress=False)
    assert len(t.history) == t.step < 17
    t.fit(data.ring(), 30, progress=False)
    assert same(state(t.generator), state(whole.generator))
    assert t.history.d_loss.equal(whole.history.d_loss)


def test_losses_that_are_still_on_the_device_are_not_lost(monkeypatch):
    """An error between two steps, while nothing has been fetched yet."""
    t = trainer()
    after, calls = t._after_a_step, []

    def fails(*arguments):
        calls.append(1)
        if len(calls) == 12:  # of step 0, 1, ... 11
            raise KeyboardInterrupt
        after(*arguments)

    monkeypatch.setattr(t, "_after_a_step", fails)
    with pytest.raises(KeyboardInterrupt):
        t.fit(data.ring(), 30, progress=False)
    assert len(t.history) == t.step == 11


def test_a_run_in_pieces_by_the_clock_is_one_run(tmp_path, monkeypatch):
    """minutes= stops between two steps, with a save; the pieces end bit for bit where one run does."""
    whole = trainer(decay="cosine")
    whole.fit(data.ring(), 9)

    ticks = itertools.count()
    clock = types.SimpleNamespace(monotonic=lambda: next(ticks) * 20.0)
    for room in (training, _settings):  # each look is 20 s later
        monkeypatch.setattr(room, "time", clock)
    path, reached = tmp_path / "run.ckpt", []
    for _ in range(20):
        piece = trainer(decay="cosine")  # a new session each time
        piece.fit(data.ring(), 9, checkpoint=path, every=1000, minutes=1)
        reached.append(piece.step)
        if piece.step == 9:
            break
    assert len(reached) > 2 and reached == sorted(set(reached))
    assert len(piece.history) == 9
    assert torch.equal(piece.history.d_loss, whole.history.d_loss)
    assert torch.equal(piece.sample(8), whole.sample(8))


def test_minutes_is_a_positive_number():
    for wrong in (0, -1, "5"):
        with pytest.raises(ValueError, match="minutes"):
            trainer().fit(data.ring(), 1, minutes=wrong)
