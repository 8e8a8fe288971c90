"""The loop: who is changed by which step, resuming to the bit, and what bad input is told."""

import copy
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from gancourse import data, losses, nets, penalties
from gancourse.training import CheckpointError, DivergedError, GANTrainer

torch.set_num_threads(1)


def trainer(shape=2, **settings):
    torch.manual_seed(0)
    settings = {"batch_size": 16, "seed": 1, "device": "cpu"} | settings
    return GANTrainer(
        nets.MLPGenerator(3, shape, width=16, depth=2),
        nets.MLPDiscriminator(shape, width=16, depth=2),
        **settings,
    )


def state(net):
    return {k: v.clone() for k, v in net.state_dict().items()}


def same(a, b):
    return all(a[k].equal(b[k]) for k in a) and a.keys() == b.keys()


# --- the two steps --------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [{}, {"r1": 0.1, "r2": 0.1}, {"gp": 10.0}, {"clip": 0.05}])
@pytest.mark.parametrize("name", losses.LOSSES)
def test_each_step_changes_its_own_player_only(name, extra):
    t = trainer(loss=name, **extra)
    real = data.ring().sample(16, generator=torch.Generator().manual_seed(0))

    before = state(t.generator)
    d_before = state(t.discriminator)
    t.d_step(real)
    assert same(before, state(t.generator))
    assert all(p.grad is None for p in t.generator.parameters())
    assert not same(d_before, state(t.discriminator))

    d_before = state(t.discriminator)
    d_grads = [p.grad.clone() for p in t.discriminator.parameters()]
    t.g_step(16, real if t.loss.pairs else None)
    assert not same(before, state(t.generator))
    assert same(d_before, state(t.discriminator))
    assert all(a.equal(p.grad) for a, p in zip(d_grads, t.discriminator.parameters(), strict=True))
    assert all(p.requires_grad for p in t.discriminator.parameters())
    assert not real.requires_grad


def test_d_step_is_the_written_out_step():
    t = trainer(loss="nonsaturating", r1=0.3, r2=0.2, lr=1e-3)
    mirror = copy.deepcopy(t.discriminator)
    optimizer = torch.optim.Adam(mirror.parameters(), 1e-3, (0.5, 0.999))
    real = data.ring().sample(16, generator=torch.Generator().manual_seed(0))
    z = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))
    fake = t.generator(z).detach()
    expected = (
        nn.functional.softplus(-mirror(real)).mean()
        + nn.functional.softplus(mirror(fake)).mean()
        + 0.3 / 2 * penalties.r1_penalty(mirror, real)
        + 0.2 / 2 * penalties.r2_penalty(mirror, fake)
    )
    got = t.d_step(real)
    expected.backward()
    optimizer.step()
    assert got.item() == pytest.approx(expected.item(), rel=1e-6)
    for mine, theirs in zip(mirror.parameters(), t.discriminator.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


def test_clip_comes_after_the_step():
    t = trainer(loss="wasserstein", clip=0.01, lr=1.0)
    t.fit(data.ring(), 3, progress=False)
    assert max(p.abs().max() for p in t.discriminator.parameters()) <= 0.01


def test_n_critic_counts_discriminator_steps(monkeypatch):
    t = trainer(n_critic=3)
    calls = []
    step = t.d_step
    monkeypatch.setattr(t, "d_step", lambda real: calls.append(1) or step(real))
    t.fit(data.ring(), 4, progress=False)
    assert len(calls) == 12 and t.step == 4 and len(t.history) == 4


# --- EMA, decay, sampling -------------------------------------------------------------------------


class NormGenerator(nn.Module):
    nz = 3

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, z):
        return self.net(z)


def test_ema_averages_parameters_and_copies_buffers():
    torch.manual_seed(0)
    t = GANTrainer(NormGenerator(), nets.MLPDiscriminator(2, width=8), ema=0.9, device="cpu")
    average = [p.clone() for p in t.generator.parameters()]
    for _ in range(5):
        t.fit(data.ring(), t.step + 1, progress=False)
        average = [
            0.9 * a + 0.1 * p for a, p in zip(average, t.generator.parameters(), strict=True)
        ]
    for a, p in zip(average, t.ema.parameters(), strict=True):
        assert torch.allclose(a, p, atol=1e-6) and not p.requires_grad
    for a, b in zip(t.generator.buffers(), t.ema.buffers(), strict=True):
        assert a.equal(b) and a.data_ptr() != b.data_ptr()
    assert t.ema.net[1].num_batches_tracked > 0


def test_decay_schedules():
    seen = []
    for decay in (None, "linear", "cosine"):
        t = trainer(decay=decay, lr=(0.1, 0.2))
        rates = []
        t.fit(
            data.ring(), 8, progress=False, callback_steps=range(1, 9),
            callback=lambda t: rates.append(
                (t.optimizer_g.param_groups[0]["lr"], t.optimizer_d.param_groups[0]["lr"])
            ),
        )  # fmt: skip
        assert all(d == pytest.approx(2 * g) for g, d in rates)
        seen.append([g for g, _ in rates])
    assert seen[0] == [0.1] * 8
    assert seen[1] == pytest.approx([0.1] * 5 + [0.075, 0.05, 0.025])
    assert seen[2][0] == 0.1 and seen[2][4] == pytest.approx(0.05) and seen[2][-1] < 0.01
    assert seen[2] == sorted(seen[2], reverse=True)


def test_sampling_leaves_training_alone():
    one, two = trainer(ema=0.5), trainer(ema=0.5)
    one.fit(data.ring(), 20, progress=False)
    two.fit(
        data.ring(), 20, progress=False, callback_steps=[0, 7, 13], callback=lambda t: t.sample(9)
    )
    assert same(state(one.generator), state(two.generator))
    assert one.sample(5).equal(one.sample(5))
    fresh = torch.Generator().manual_seed(9)
    assert not one.sample(5, generator=fresh).equal(one.sample(5, generator=fresh))
    assert one.sample(5000).shape == (5000, 2)


def test_same_seed_same_run_other_seed_other_run():
    runs = []
    for seed in (1, 1, 2):
        t = trainer(seed=seed)
        t.fit(data.digits().float().flatten(1)[:, :2], 15, progress=False)
        runs.append(t.history.d_loss)
    assert runs[0].equal(runs[1]) and not runs[0].equal(runs[2])


# --- checkpoints ----------------------------------------------------------------------------------

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
               decay="cosine", batch_size=32, device="cpu")
def tick(t):
    print(t.step, flush=True)
    time.sleep(0.02 if slow else 0)
t.fit(data.digits(), steps, checkpoint=path, every=10, progress=False,
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
    t.fit(data.ring(), 20, checkpoint=path, every=10, progress=False)
    t.fit(data.ring(), 30, checkpoint=path, every=10, progress=False)
    end = state(t.generator)
    for damage in (lambda b: b[: len(b) // 2], lambda b: b[:900] + bytes([b[900] ^ 1]) + b[901:]):
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(CheckpointError, match="torn or altered"):
            trainer().load(path)
        again = trainer()
        with pytest.warns(UserWarning, match=r"torn or altered.*going on from .*run\.ckpt\.prev"):
            again.fit(data.ring(), 30, checkpoint=path, every=10, progress=False)
        assert same(end, state(again.generator))


def test_torn_without_a_previous_one_stops(tmp_path):
    path = tmp_path / "run.ckpt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="torn or altered"):
        trainer().fit(data.ring(), 5, checkpoint=path, progress=False)
    assert path.read_bytes() == b"not a checkpoint"  # nothing of the reader's is overwritten


def test_kill_between_the_two_renames_is_survived(tmp_path):
    path = tmp_path / "run.ckpt"
    t = trainer()
    t.fit(data.ring(), 10, checkpoint=path, progress=False)
    path.rename(tmp_path / "run.ckpt.prev")
    again = trainer()
    again.fit(data.ring(), 10, checkpoint=path, progress=False)
    assert same(state(t.generator), state(again.generator))


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


def test_nothing_is_unpickled(tmp_path):
    """A checkpoint that would run code when unpickled is refused, its code not run."""
    import hashlib
    import pickle

    from gancourse.training import MAGIC

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "pwned",))

    import io

    buffer = io.BytesIO()
    torch.save({"generator": Evil()}, buffer)
    payload = buffer.getvalue()
    (tmp_path / "evil.ckpt").write_bytes(payload + MAGIC + hashlib.sha256(payload).digest())
    with pytest.raises(pickle.UnpicklingError):
        trainer().load(tmp_path / "evil.ckpt")
    assert not (tmp_path / "pwned").exists()


# --- a run that goes wrong ------------------------------------------------------------------------


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
        t.fit(data.ring(), 500, checkpoint=path, every=10, progress=False)
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


# --- bad input ------------------------------------------------------------------------------------

IMAGES = torch.zeros(10, 1, 8, 8)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": "gan"}, "loss='gan' is unknown"),
        ({"n_critic": 0}, "n_critic=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr": -1.0}, "lr=-1.0"),
        ({"lr": (1e-3, 0.0)}, "lr=(0.001, 0.0)"),
        ({"betas": (0.5, 1.0)}, "betas=(0.5, 1.0)"),
        ({"r1": -0.1}, "r1=-0.1"),
        ({"gp": -1.0}, "gp=-1.0"),
        ({"clip": 0.0}, "clip=0.0"),
        ({"ema": 1.0}, "ema=1.0"),
        ({"decay": "step"}, "decay='step'"),
    ],
)
def test_bad_settings_are_named(settings, words):
    with pytest.raises(ValueError) as error:
        trainer(**settings)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("samples", "shape", "words"),
    [
        (torch.zeros(0, 2), 2, "data has shape (0, 2)"),
        (torch.zeros(5), 2, "data has shape (5,)"),
        (torch.zeros(5, 3), 2, "samples of shape (2,), data has (3,)"),
        (torch.zeros(5, 2).long(), 2, "data is torch.int64"),
        (torch.full((5, 2), float("nan")), 2, "NaN"),
        (IMAGES + 255, (1, 8, 8), "need [-1, 1]"),
        (IMAGES - 1.1, (1, 8, 8), "need [-1, 1]"),
        ([1, 2, 3], 2, "data is a list"),
    ],
)
def test_bad_data_is_named(samples, shape, words):
    with pytest.raises(ValueError) as error:
        trainer(shape).fit(samples, 1, progress=False)
    assert words in str(error.value)


def test_bad_calls_are_named(tmp_path):
    t = trainer()
    with pytest.raises(ValueError, match="steps=-1"):
        t.fit(data.ring(), -1)
    with pytest.raises(ValueError, match="every=0"):
        t.fit(data.ring(), 1, every=0)
    with pytest.raises(ValueError, match="n=0"):
        t.sample(0)
    for path in (tmp_path, tmp_path / "missing" / "run.ckpt"):
        with pytest.raises(OSError, match="can't be written"):
            t.fit(data.ring(), 1, checkpoint=path, progress=False)
    with pytest.raises(ValueError, match="need the attribute nz"):
        GANTrainer(nn.Linear(2, 2), nets.MLPDiscriminator())
    column = nn.Linear(2, 1)
    with pytest.raises(ValueError, match=r"need logits \(2,\)"):
        GANTrainer(nets.MLPGenerator(), column, device="cpu").fit(data.ring(), 1, progress=False)
    decayed = trainer(decay="linear")
    decayed.fit(data.ring(), 4, progress=False)
    with pytest.raises(ValueError, match="steps=9, but the run so far"):
        decayed.fit(data.ring(), 9, progress=False)


def test_import_is_light():
    """`import gancourse` costs next to nothing on top of torch; no plotting or sklearn comes along."""
    code = textwrap.dedent("""
        import sys, time, torch
        start = time.perf_counter()
        import gancourse
        from gancourse import data, losses, nets, penalties, plots, training
        print(time.perf_counter() - start)
        print([m for m in ("matplotlib.pyplot", "sklearn", "IPython", "scipy") if m in sys.modules])
    """)
    seconds = []
    for _ in range(3):
        out = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        first, modules = out.stdout.split("\n")[:2]
        seconds.append(float(first))
        assert modules == "[]"
        time.sleep(0.05)
    assert min(seconds) < 0.5
