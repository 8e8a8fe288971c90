"""The loop: who is changed by which step, resuming to the bit, and what bad input is told."""

import contextlib
import copy
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import nn

from gancourse import (
    _batches,
    _resume,
    _settings,
    _state,
    checkpoints,
    data,
    history,
    losses,
    nets,
    penalties,
    scaling,
    training,
)
from gancourse.training import CheckpointError, DivergedError, GANTrainer

torch.set_num_threads(1)
ROOMS = (training, checkpoints, history, scaling, _batches, _resume, _settings, _state)


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


def test_no_gradient_is_computed_that_nobody_uses():
    """The penalised samples are leaves too; a plain .backward() would fill their .grad (7 % of a
    DCGAN's step)."""
    t = trainer(r1=0.1, r2=0.1, gp=1.0)
    seen = []
    t.discriminator.register_forward_hook(lambda net, inputs, out: seen.append(inputs[0]))
    t.d_step(data.ring().sample(16, generator=torch.Generator().manual_seed(0)))
    assert len(seen) == 3 and all(x.requires_grad and x.grad is None for x in seen)
    t.g_step(16)
    assert all(p.grad is not None for p in t.generator.parameters())


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
            monkeypatch.setattr(
                Path, "unlink", lambda *a, **k: None
            )  # a dead process tidies nothing
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
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.ckpt", "run.ckpt.prev"]


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


# --- conditional runs -----------------------------------------------------------------------------

CENTERS = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])


def three_classes(n=600):
    rng = torch.Generator().manual_seed(0)
    y = torch.randint(3, (n,), generator=rng)
    return CENTERS[y] + 0.1 * torch.randn(n, 2, generator=rng), y


def conditional(**settings):
    torch.manual_seed(0)
    settings = {"batch_size": 32, "seed": 1, "device": "cpu"} | settings
    return GANTrainer(
        nets.ConditionalMLPGenerator(2, num_classes=3, width=32, depth=2),
        nets.ConditionalMLPDiscriminator(2, num_classes=3, width=32, depth=2),
        **settings,
    )


def conditional_images(**settings):
    torch.manual_seed(0)
    settings = {"batch_size": 16, "device": "cpu"} | settings
    shape = (1, 8, 8)
    return GANTrainer(
        nets.ConditionalDCGANGenerator(6, shape, width=8),
        nets.ConditionalDCGANDiscriminator(shape, width=8),
        **settings,
    )


@pytest.mark.parametrize("loss", ["nonsaturating", "relativistic"])
def test_the_label_decides_the_sample(loss):
    """400 steps: each label's samples lie at its class's centre. With shuffled labels they can't."""
    x, y = three_classes()
    t = conditional(loss=loss, r1=0.3, lr=4e-3, betas=(0.0, 0.99), decay="cosine")
    t.fit((x, y), 400, progress=False)
    for k in range(3):
        mean = t.sample(200, labels=k).mean(0)
        assert (mean - CENTERS[k]).norm() < 0.2, (k, mean)

    t = conditional(loss=loss, r1=0.3, lr=4e-3, betas=(0.0, 0.99), decay="cosine")
    t.fit((x, y[torch.randperm(len(y), generator=torch.Generator().manual_seed(1))]), 400)
    assert max((t.sample(200, labels=k).mean(0) - CENTERS[k]).norm() for k in range(3)) > 1.2


class Bowl(nn.Module):
    """``f(x, y) = sum_j w_yj x_j^2 / 2``: its gradient in x is ``w_y x``, so penalties can be had
    by hand, and differ from those at another sample's label."""

    num_classes = 3

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]]))

    def forward(self, x, y):
        return (self.w[y] * x.square()).sum(1) / 2


def test_penalties_are_gradients_at_fixed_labels():
    softplus = nn.functional.softplus
    x, y = three_classes(8)
    critic = Bowl()
    w = critic.w.detach()[y]
    torch.manual_seed(0)
    generator = nets.ConditionalMLPGenerator(2, num_classes=3)
    rng = torch.Generator().manual_seed(1)
    fake = generator(torch.randn(8, 2, generator=rng), y).detach()
    between = x.lerp(fake, torch.rand(8, 1, generator=rng))
    for settings, penalty in (
        ({"r1": 0.6}, 0.3 * (w * x).square().sum(1).mean()),
        ({"r2": 0.6}, 0.3 * (w * fake).square().sum(1).mean()),
        ({"gp": 10.0}, 10 * ((w * between).norm(dim=1) - 1).square().mean()),
    ):
        t = GANTrainer(generator, Bowl(), device="cpu", seed=1, **settings)
        expected = softplus(-critic(x, y)).mean() + softplus(critic(fake, y)).mean() + penalty
        assert t.d_step(x, y).item() == pytest.approx(expected.item(), rel=1e-5), settings


def test_the_generators_labels_come_as_often_as_in_the_data(monkeypatch):
    t = conditional()
    seen = []
    step = t.g_step
    monkeypatch.setattr(t, "g_step", lambda n, **kw: seen.append(kw["labels"]) or step(n, **kw))
    x, y = three_classes()
    y = torch.where(y == 2, 0, y)  # class 2 never comes
    t.fit((x, y), 40, progress=False)
    counts = torch.cat(seen).bincount(minlength=3)
    assert counts[2] == 0 and counts.sum() == 40 * 32
    assert counts[0] / counts.sum() == pytest.approx((y == 0).float().mean().item(), abs=0.06)


def test_an_image_set_brings_its_labels():
    """As a pair and as an ImageSet: the same run."""
    digits = data.digits()
    one, two = conditional_images(), conditional_images()
    one.fit(digits, 3, progress=False)
    two.fit((digits.float(), digits.labels), 3, progress=False)
    assert same(state(one.generator), state(two.generator))


def test_sample_takes_labels():
    t = conditional()
    assert t.sample(7).equal(t.sample(7, labels=torch.arange(7) % 3))
    assert t.sample(4, labels=2).equal(t.sample(4, labels=[2, 2, 2, 2]))
    assert not t.sample(4, labels=2).equal(t.sample(4, labels=1))
    assert t.sample(5000).shape == (5000, 2)
    for labels, words in (
        (3, "run from 3 to 3"),
        ([0, 1], r"need int64 \(4,\)"),
        (0.5, "torch.float32"),
    ):
        with pytest.raises(ValueError, match=words):
            t.sample(4, labels=labels)
    with pytest.raises(ValueError, match="no num_classes"):
        trainer().sample(4, labels=0)


@pytest.mark.parametrize("amp", [None, "fp16"])
def test_conditional_run_cut_off_and_resumed_is_the_whole_one(tmp_path, amp):
    settings = {"ema": 0.9, "decay": "cosine", "r1": 0.5, "amp": amp, "accumulate": 2}
    whole = conditional_images(**settings)
    whole.fit(data.digits(), 24, progress=False)

    def cut(t):
        raise KeyboardInterrupt

    path = tmp_path / "run.ckpt"
    cut_off = conditional_images(**settings)
    with pytest.raises(KeyboardInterrupt):
        cut_off.fit(
            data.digits(), 24, checkpoint=path, every=5, callback=cut, callback_steps=[18],
            progress=False,
        )  # fmt: skip
    resumed = conditional_images(**settings)
    resumed.fit(data.digits(), 24, checkpoint=path, every=5, progress=False)
    for net in ("generator", "discriminator", "ema"):
        assert same(state(getattr(whole, net)), state(getattr(resumed, net)))
    assert whole.history.d_loss.equal(resumed.history.d_loss)
    assert whole.scaler_d.state_dict() == resumed.scaler_d.state_dict()
    assert whole.sample(5).equal(resumed.sample(5))


# --- half precision, parts of a batch -------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"r1": 0.3},
        {"r1": 0.3, "r2": 0.2, "loss": "relativistic"},
        {"gp": 10.0, "loss": "wasserstein"},
    ],
)
def test_a_batch_in_parts_has_the_gradient_of_the_whole(settings):
    """Gradients are compared, not weights: Adam divides a gradient by its own size, so that for an
    entry that is nearly 0 a difference in the last digit moves a weight by a whole step."""
    x, y = three_classes(32)
    whole, parts = conditional(**settings), conditional(accumulate=4, **settings)
    pairs = whole.loss.pairs
    for step in ("d", "g"):
        for t in (whole, parts):
            loss = t.d_step(x, y) if step == "d" else t.g_step(32, x if pairs else None, y)
            t.last = loss.item()
        assert parts.last == pytest.approx(whole.last, abs=1e-6)
        nets_ = [t.discriminator if step == "d" else t.generator for t in (whole, parts)]
        for a, b in zip(*(net.parameters() for net in nets_), strict=True):
            assert torch.allclose(a.grad, b.grad, rtol=1e-5, atol=1e-6), step
        whole.discriminator.load_state_dict(parts.discriminator.state_dict())


def test_parts_go_through_the_networks_one_at_a_time():
    t = conditional(accumulate=4, r1=0.1)
    sizes = []
    t.discriminator.register_forward_hook(lambda net, inputs, out: sizes.append(len(inputs[0])))
    x, y = three_classes(32)
    t.d_step(x, y)
    t.g_step(32, labels=y)
    assert sizes == [8] * 12  # real and fake in each of 4 parts, then the generator's 4
    with pytest.raises(ValueError, match="30 samples can't be cut into accumulate=4"):
        t.d_step(x[:30], y[:30])


def test_under_amp_the_networks_run_in_half_and_penalties_in_full(monkeypatch):
    dtypes = []
    t = conditional_images(amp="bf16", r1=0.5, gp=1.0)
    t.discriminator.psi.register_forward_hook(lambda net, i, out: dtypes.append(out.dtype))
    t.generator.net.register_forward_hook(lambda net, i, out: dtypes.append(out.dtype))
    digits = data.digits()
    loss = t.d_step(digits.float()[:16], digits.labels[:16])
    half, full = torch.bfloat16, torch.float32
    assert dtypes == [half, full, half, full]  # G; real (R1), fake, between them (GP)
    assert loss.dtype == full
    dtypes.clear()
    assert t.g_step(16, labels=digits.labels[:16]).dtype == full
    assert dtypes == [half, half]
    assert all(p.dtype == p.grad.dtype == full for p in t.discriminator.parameters())
    assert t.sample(3).dtype == full


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
@pytest.mark.parametrize("settings", [{}, {"r1": 1.0, "loss": "relativistic", "r2": 1.0}])
def test_half_precision_stays_finite_and_close(amp, settings):
    """Losses over 40 steps beside the float32 run's: bf16 has 8 binary digits (each rounding errs
    by up to 0.4 %), fp16 11 (0.05 %). Losses of about 1, a few layers and 40 steps of Adam that
    each see it: 0.004 at most was measured, 0.02 is allowed."""
    runs = []
    for half in (None, amp):
        t = conditional_images(amp=half, lr=2e-3, betas=(0.0, 0.99), **settings)
        runs.append(t.fit(data.digits(), 40, progress=False))
        assert all(p.isfinite().all() for p in t.generator.parameters())
    for a, b in ((runs[0].d_loss, runs[1].d_loss), (runs[0].g_loss, runs[1].g_loss)):
        assert (a - b).abs().max() < 0.02
        assert not a.equal(b)  # it did run in half precision


class Steep(nets.MLPDiscriminator):
    """Logits that are finite, with a gradient that fp16 can't hold."""

    def forward(self, x):
        if x.requires_grad:
            x.register_hook(lambda gradient: gradient * float("inf"))
        return super().forward(x)


def test_fp16_leaves_out_overflowing_steps_and_says_when_none_is_taken(monkeypatch):
    monkeypatch.setattr(_state, "KEEP", 1e9)  # looks every 100 steps, however slow the machine
    torch.manual_seed(0)
    t = GANTrainer(nets.MLPGenerator(), Steep(2), amp="fp16", device="cpu")
    before = state(t.generator)
    t.g_step(8)
    assert same(before, state(t.generator))
    assert t.scaler_g.get_scale() == 2**15 and t.scaler_d.get_scale() == 2**16
    with pytest.raises(DivergedError, match="no gradient was finite for dozens of steps"):
        t.fit(data.ring(), 200, progress=False)
    assert t.step == 100


def test_no_step_waits_for_the_device():
    """Neither step reads a value back (``aten::_local_scalar_dense``, what ``.item()`` becomes)."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Reads(TorchDispatchMode):
        seen = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.seen += "_local_scalar_dense" in str(function) or "nonzero" in str(function)
            return function(*args, **(kwargs or {}))

    shape = (1, 8, 8)
    real = data.digits().float()[:16]
    for settings in ({"r1": 1.0, "ema": 0.9, "amp": "bf16", "accumulate": 2}, {"gp": 1.0}):
        t = GANTrainer(
            nets.DCGANGenerator(6, shape), nets.DCGANDiscriminator(shape), device="cpu", **settings
        )
        with Reads() as reads:
            t.d_step(real)
            t.g_step(16)
            assert reads.seen == 0
            real.sum().item()
        assert reads.seen == 1  # it would have been seen


def test_channels_last_changes_the_layout_and_nothing_else(tmp_path):
    """On a GPU the trainer does this to its networks; the arithmetic is the same in another order."""
    images = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def make(last):
        torch.manual_seed(0)
        shape = (3, 16, 16)
        pair = nets.DCGANGenerator(6, shape, width=8), nets.DCGANDiscriminator(shape, width=8)
        t = GANTrainer(*pair, ema=0.9, r1=0.5, batch_size=16, device="cpu")
        if last:
            _settings.channels_last(t.generator, t.discriminator, t.ema)
        return t

    plain, last = make(False), make(True)
    for net in (last.generator, last.discriminator, last.ema):
        weights = [p for p in net.parameters() if p.ndim == 4 and p.shape[1] > 1]
        assert weights and all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)
    for t in (plain, last):
        t.fit(images, 8, checkpoint=tmp_path / f"{t is last}.ckpt", progress=False)
    assert torch.allclose(plain.history.d_loss, last.history.d_loss, atol=1e-4)
    assert torch.allclose(plain.sample(9), last.sample(9), atol=0.02)
    again = make(True)
    again.load(tmp_path / "True.ckpt")
    last.fit(images, 12, progress=False)
    again.fit(images, 12, progress=False)
    assert again.sample(5).equal(last.sample(5))


# --- a folder that survives -----------------------------------------------------------------------


def test_run_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANCOURSE_RUNS", raising=False)
    monkeypatch.setattr(checkpoints, "DRIVE", tmp_path / "MyDrive")
    assert training.run_folder("ch09-a") == Path("runs/ch09-a") and Path("runs/ch09-a").is_dir()
    (tmp_path / "MyDrive").mkdir()  # mounted
    assert training.run_folder("ch09-a") == tmp_path / "MyDrive" / "gancourse" / "ch09-a"
    assert training.run_folder("ch09-a").is_dir()
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


# --- whatever happens in the midst of it ----------------------------------------------------------


class Mixed(nn.Module):
    """Batch statistics and dropout: buffers, the global random stream, a mode that matters."""

    nz = 2

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
        )

    def forward(self, z):
        return self.net(z)


def mixed(**settings):
    torch.manual_seed(0)
    settings = {"batch_size": 8, "device": "cpu"} | settings
    return GANTrainer(Mixed(), nets.MLPDiscriminator(2, width=8, depth=1), **settings)


INTERRUPTED = {
    "gp": lambda: mixed(loss="wasserstein", gp=1.0, clip=0.1, n_critic=2),
    "r1-ema": lambda: mixed(r1=0.1, ema=0.9, decay="linear"),
    "fp16": lambda: mixed(amp="fp16", r2=0.1, accumulate=2),
    "pairs": lambda: conditional(loss="relativistic", r1=0.1, batch_size=6),
}


def complete(t):
    parts = [v for net in (t.generator, t.discriminator) for v in net.state_dict().values()]
    for optimizer in (t.optimizer_g, t.optimizer_d):
        parts += [v for s in optimizer.state.values() for v in s.values()]
    parts += [t.history.d_loss, t.history.g_loss, t.rng.get_state(), torch.get_rng_state()]
    parts.append(torch.tensor(t.scaler_d.get_scale()))
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
        "callback": lambda t: calls.append((t.step, t.sample(2).sum().item())), "every": 2,
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


# --- modes of the session -------------------------------------------------------------------------


@contextlib.contextmanager
def session(mode):
    try:
        if mode == "no gradients":
            torch.set_grad_enabled(False)
        elif mode == "float64":
            torch.set_default_dtype(torch.float64)
        elif mode == "device":
            torch.set_default_device("meta")
        with torch.inference_mode() if mode == "inference" else contextlib.nullcontext():
            yield
    finally:
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)


@pytest.mark.parametrize("mode", ["no gradients", "inference", "float64", "device"])
def test_the_sessions_mode_changes_nothing(mode, tmp_path):
    def run(mode, path):
        t, again = (conditional(loss="relativistic", r1=0.1, gp=0.1, ema=0.9) for _ in range(2))
        seen = []
        with session(mode):
            t.fit(three, 6, progress=False, checkpoint=path, callback_steps=[3],
                  callback=lambda t: seen.append(torch.is_grad_enabled()))  # fmt: skip
            again.fit(three, 9, progress=False, checkpoint=path)
            again.d_step(three[0][:8], three[1][:8])
            samples = again.sample(5, labels=1)
        assert seen == [mode not in ("no gradients", "inference")]
        assert samples.device.type == again.history.d_loss.device.type == "cpu"
        return [*again.generator.state_dict().values(), again.history.d_loss, samples]

    three = three_classes(60)
    plain, other = run(None, tmp_path / "a.ckpt"), run(mode, tmp_path / "b.ckpt")
    assert all(map(torch.equal, plain, other))


def test_networks_made_under_inference_mode_are_refused():
    with torch.inference_mode():
        pair = nets.MLPGenerator(), nets.MLPDiscriminator(2)
    with pytest.raises(ValueError, match="generator was built under torch.inference_mode"):
        GANTrainer(*pair, device="cpu")


# --- types of data and networks -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("kind", ["tensor", "array", "mixture"])
def test_data_go_to_the_networks_type(dtype, kind):
    samples = data.ring().sample(50, generator=torch.Generator().manual_seed(0)).double()
    samples = {"tensor": samples, "array": samples.numpy()}.get(
        kind, data.GaussianMixture(samples[:5], 0.1)
    )
    pair = nets.MLPGenerator(width=8).to(dtype), nets.MLPDiscriminator(2, width=8).to(dtype)
    t = GANTrainer(*pair, r1=0.1, gp=0.1, ema=0.9, batch_size=16, device="cpu")
    assert len(t.fit(samples, 5, progress=False)) == 5
    assert t.sample(3).dtype == dtype and t.history.d_loss.isfinite().all()


def test_two_types_of_networks_are_named():
    with pytest.raises(ValueError, match="generator is torch.float64 and discriminator torch.fl"):
        GANTrainer(nets.MLPGenerator().double(), nets.MLPDiscriminator(2), device="cpu")


# --- frozen parameters ----------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [{"r1": 0.1, "r2": 0.1}, {"gp": 1.0}, {"clip": 0.001}])
def test_frozen_layers_stay_frozen_and_as_they_are(extra):
    t = trainer(ema=0.9, **extra)
    frozen = [*t.discriminator.net[0].parameters(), *t.generator.net[0].parameters()]
    for p in frozen:
        p.requires_grad_(False)
    before = [p.clone() for p in frozen]
    others = [p for net in (t.generator, t.discriminator) for p in net.parameters()]
    others = [(p, p.clone()) for p in others if p.requires_grad]
    t.fit(data.ring(), 5, progress=False)
    assert all(map(torch.equal, before, frozen)) and not any(p.requires_grad for p in frozen)
    assert all(p.requires_grad and not p.equal(old) for p, old in others)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_a_player_with_nothing_to_train_is_named(player):
    t = trainer()
    getattr(t, player).requires_grad_(False)
    with pytest.raises(ValueError, match=f"{player} has nothing to train"):
        t.fit(data.ring(), 5, progress=False)
    with pytest.raises(ValueError, match=f"{player} has nothing to train"):
        t.d_step(torch.zeros(4, 2)) if player == "discriminator" else t.g_step(4)


# --- numbers --------------------------------------------------------------------------------------


def numbers(values, integer=False):
    kinds = [float, np.float64, np.float32, torch.tensor, lambda v: np.array(v)]
    if integer:
        kinds = [int, np.int64, np.int32, torch.tensor, float]
    return st.builds(lambda v, kind: kind(v), values, st.sampled_from(kinds))


RATE = numbers(st.floats(1e-5, 0.01))
WEIGHT = numbers(st.sampled_from([0.0, 0.25]))
SETTINGS = {
    "lr": st.one_of(RATE, st.tuples(RATE, RATE), st.just(np.array([1e-3, 2e-3]))),
    "betas": st.tuples(numbers(st.floats(0, 0.875)), numbers(st.floats(0, 0.875))),
    "n_critic": numbers(st.integers(1, 2), True), "batch_size": numbers(st.just(8), True),
    "accumulate": numbers(st.sampled_from([1, 2]), True), "r1": WEIGHT, "gp": WEIGHT,
    "ema": st.one_of(st.none(), numbers(st.just(0.5))), "clip": st.one_of(st.none(), RATE),
    "seed": st.one_of(numbers(st.integers(-9, 9), True), st.sampled_from([-(2**63), 2**64 - 2])),
    "decay": st.sampled_from([None, "linear", "cosine"]),
    "amp": st.sampled_from([None, "bf16", "fp16"]), "loss": st.sampled_from([*losses.LOSSES]),
}  # fmt: skip


@hypothesis.settings(max_examples=25, deadline=None, derandomize=True)
@hypothesis.given(st.fixed_dictionaries({}, optional=SETTINGS))
def test_what_a_trainer_accepts_it_can_save_load_and_resume(chosen):
    def make():
        torch.manual_seed(0)
        pair = nets.MLPGenerator(2, width=4, depth=1), nets.MLPDiscriminator(2, width=4, depth=1)
        return GANTrainer(*pair, device="cpu", **{"batch_size": 8} | chosen)

    whole, first, second = make(), make(), make()
    whole.fit(data.ring(), np.int64(4), progress=False)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")  # the same settings: not a word
        path = Path(folder, "run.ckpt")
        stop = KeyboardInterrupt()
        with contextlib.suppress(KeyboardInterrupt):
            first.fit(data.ring(), 4, checkpoint=path, every=2, progress=False,
                      callback_steps=[2], callback=lambda t: (_ for _ in ()).throw(stop))  # fmt: skip
        second.fit(data.ring(), 4, checkpoint=path, progress=False)
        assert same(state(whole.generator), state(second.generator))
        assert whole.sample(3).equal(second.sample(3))
        second.load(path)


@pytest.mark.parametrize(
    "settings_",
    [
        {"lr": "1e-3"}, {"lr": float("inf")}, {"lr": (1e-3,)}, {"lr": None}, {"betas": (0.5,)},
        {"betas": 0.5}, {"betas": "ab"}, {"batch_size": 16.5}, {"n_critic": 2.5}, {"seed": 1.5},
        {"r1": float("nan")}, {"r2": float("inf")}, {"gp": True}, {"clip": "a"}, {"ema": True},
        {"accumulate": None}, {"decay": ["linear"]}, {"amp": 1}, {"seed": 2**64},
    ],
)  # fmt: skip
def test_what_is_no_number_is_named(settings_):
    ((name, value),) = settings_.items()
    with pytest.raises(ValueError) as error:
        trainer(**settings_)
    assert f"{name}={value!r}; need" in str(error.value)


# --- callbacks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "called"),
    [
        (None, [100, 120]), (torch.tensor([3, 7]), [3, 7]), (range(0, 121, 60), [0, 60, 120]),
        (np.linspace(0, 120, 4), [0, 40, 80, 120]), (torch.linspace(0, 120, 3), [0, 60, 120]),
        ([5.0, np.int32(4)], [4, 5]), ([], []), ((n for n in (1, 2)), [1, 2]),
    ],
)  # fmt: skip
def test_callback_steps_are_numbers_of_any_kind(steps, called):
    seen = []
    more = {} if steps is None else {"callback_steps": steps}
    trainer().fit(data.ring(), 120, callback=lambda t: seen.append(t.step), progress=False, **more)
    assert seen == called


def test_callback_steps_that_cannot_be_are_told():
    t = trainer()
    for wrong in (100, "100", [1.5], [None], [-1], [float("nan")]):
        with pytest.raises(ValueError, match="callback_steps=.*whole numbers"):
            t.fit(data.ring(), 5, callback=print, callback_steps=wrong, progress=False)
    with pytest.raises(ValueError, match="callback=3; need a function"):
        t.fit(data.ring(), 5, callback=3, progress=False)
    with pytest.warns(UserWarning, match="step 9, which is never reached: the run ends at 5"):
        t.fit(data.ring(), 5, callback=lambda t: None, callback_steps=[2, 9], progress=False)


def test_training_goes_on_in_training_mode_after_a_callback():
    """With dropout and batch statistics, a network that stays in evaluation mode trains otherwise."""
    one = mixed()
    one.fit(data.ring(), 10, progress=False)
    two = mixed()
    two.fit(data.ring(), 10, progress=False, callback_steps=[4],
            callback=lambda t: (t.generator.eval(), t.discriminator.eval()))  # fmt: skip
    assert same(state(one.generator), state(two.generator))


def test_sampling_is_in_evaluation_mode_and_leaves_every_layer_in_its_own():
    t = mixed()
    t.fit(data.ring(), 20, progress=False)
    t.generator.net[1].eval()  # a reader's choice
    before, modes = state(t.generator), [m.training for m in t.generator.modules()]
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(3))
    samples = t.sample(6, generator=torch.Generator().manual_seed(3))
    assert [m.training for m in t.generator.modules()] == modes and modes[0]
    assert same(before, state(t.generator))
    assert samples.equal(copy.deepcopy(t.generator).eval()(z).detach())


# --- which batch goes where -----------------------------------------------------------------------


def test_each_critic_step_has_a_batch_of_its_own():
    t, seen = trainer(n_critic=3), []
    step = t.d_step
    t.d_step = lambda real: (seen.append(real), step(real))[1]
    t.fit(data.ring(), 2, progress=False)
    assert len(seen) == 6
    assert not any(a.equal(b) for i, a in enumerate(seen) for b in seen[:i])


def test_the_paired_generator_step_has_each_samples_own_label():
    x, y = three_classes()
    t, seen = conditional(loss="relativistic"), []
    step = t.g_step
    t.g_step = lambda n, real, labels: (seen.append((real, labels)), step(n, real, labels))[1]
    t.fit((x, y), 3, progress=False)
    for real, labels in seen:
        assert (real - CENTERS[labels]).norm(dim=1).max() < 1  # the centres lie 3.4 apart


def test_the_discriminators_step_builds_no_graph_through_the_generator():
    t, seen = trainer(), []
    t.generator.register_forward_hook(lambda net, inputs, out: seen.append(out.requires_grad))
    t.d_step(torch.zeros(4, 2))
    t.g_step(4)
    assert seen == [False, True]


def test_the_bar_shows_each_players_loss(monkeypatch):
    class Bar:
        n, text = 0, ""

        def update(self, n):
            self.n += n

        def set_postfix_str(self, text, refresh):
            self.text = text

        def close(self):
            self.closed = True

    bar = Bar()
    monkeypatch.setattr(training, "_bar", lambda *_: bar)
    t = trainer()
    h = t.fit(data.ring(), 7, progress=False)
    assert bar.text == f"D {h.d_loss[-1]:.3f}  G {h.g_loss[-1]:.3f}" and bar.n == 7 and bar.closed


# --- other people's networks ----------------------------------------------------------------------


def test_a_compiled_run_and_a_plain_one_share_their_file(tmp_path):
    def make(compiled):
        torch.manual_seed(0)
        pair = nets.MLPGenerator(width=8), nets.MLPDiscriminator(2, width=8)
        pair = [torch.compile(n, backend="eager") if compiled else n for n in pair]
        return GANTrainer(*pair, ema=0.9, batch_size=8, device="cpu")

    for first, second in ((True, False), (False, True)):
        path = tmp_path / f"{first}.ckpt"
        one = make(first)
        one.fit(data.ring(), 4, checkpoint=path, progress=False)
        two = make(second)
        two.load(path)
        assert two.step == 4 and two.sample(4).equal(one.sample(4))


def test_penalties_of_a_compiled_discriminator_are_told():
    D = torch.compile(nets.MLPDiscriminator(2, width=8), backend="aot_eager")
    t = GANTrainer(nets.MLPGenerator(width=8), D, r1=0.1, batch_size=8, device="cpu")
    with pytest.raises(ValueError, match="discriminator is compiled.*before torch.compile"):
        t.fit(data.ring(), 2, progress=False)


def test_a_generator_that_cannot_be_copied_is_named():
    G = NormGenerator()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(G.net[0])
    with pytest.raises(ValueError, match=r"ema=0.9 needs a copy.*net.0 can't.*parametrizations"):
        GANTrainer(G, nets.MLPDiscriminator(2), ema=0.9, device="cpu")


def test_two_heads_are_named():
    class Heads(nets.MLPDiscriminator):
        def forward(self, x):
            return super().forward(x), x

    t = GANTrainer(nets.MLPGenerator(), Heads(2), device="cpu")
    with pytest.raises(ValueError, match="discriminator returns a tuple of 2; need one tensor"):
        t.fit(data.ring(), 1, progress=False)


def test_weights_that_are_not_finite_stop_the_run_and_keep_the_file(tmp_path):
    """The loss is finite, its gradient is not."""

    class Root(nets.MLPDiscriminator):
        bad = False

        def forward(self, x):
            logits = super().forward(x)
            return logits + (x.mean() - x.mean()).sqrt() if self.bad else logits

    torch.manual_seed(0)
    t = GANTrainer(nets.MLPGenerator(), Root(2), batch_size=8, device="cpu")
    path = tmp_path / "run.ckpt"
    t.fit(data.ring(), 5, checkpoint=path, progress=False)
    t.discriminator.bad = True
    old = path.read_bytes()
    with pytest.raises(DivergedError, match=r"weight of the generator.*last good state"):
        t.fit(data.ring(), 10, checkpoint=path, every=1, progress=False)
    assert path.read_bytes() == old


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
        ({"amp": "float16"}, "amp='float16'"),
        ({"accumulate": 0}, "accumulate=0"),
        ({"accumulate": 3}, "batch_size=16 can't be cut into accumulate=3"),
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


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (torch.zeros(9, 2), "data has no labels"),
        (data.ring(), "data is a GaussianMixture; need an ImageSet or"),
        ((torch.zeros(9, 2), torch.zeros(8).long()), "need int64 (9,)"),
        ((torch.zeros(9, 2), torch.zeros(9)), "torch.float32"),
        ((torch.zeros(9, 2), [0] * 9), "labels are list"),
        ((torch.zeros(9, 2), torch.full((9,), 3)), "labels run from 3 to 3"),
        ((torch.zeros(9, 2), torch.full((9,), -1)), "labels run from -1 to -1"),
    ],
)
def test_bad_labels_are_named(samples, words):
    with pytest.raises(ValueError) as error:
        conditional().fit(samples, 1, progress=False)
    assert words in str(error.value)


def test_one_conditional_network_is_not_enough():
    conditional_g = nets.ConditionalMLPGenerator(2, num_classes=3)
    for critic in (nets.MLPDiscriminator(2), nets.ConditionalMLPDiscriminator(2, num_classes=4)):
        with pytest.raises(ValueError, match="generator.num_classes is 3 and discriminator.num_"):
            GANTrainer(conditional_g, critic)
    with pytest.raises(ValueError, match="generator.num_classes is None and"):
        GANTrainer(nets.MLPGenerator(), nets.ConditionalMLPDiscriminator(2))
    x, y = three_classes(16)
    with pytest.raises(ValueError, match="labels are missing"):
        conditional().d_step(x)
    with pytest.raises(ValueError, match="labels are missing"):
        conditional().g_step(16)
    with pytest.raises(ValueError, match="labels are given"):
        trainer().d_step(x, y)
    with pytest.raises(ValueError, match="data has labels, but the generator has no num_classes"):
        trainer().fit((x, y), 1)


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
        from gancourse import checkpoints, data, losses, nets, penalties, plots, training
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


@pytest.mark.parametrize("penalty", ["r1", "r2", "gp"])
def test_a_penalty_on_a_compiled_discriminator_is_refused_by_name(penalty):
    G, D = nets.MLPGenerator(width=8, depth=1), nets.MLPDiscriminator(width=8, depth=1)
    compiled = torch.compile(D, backend="aot_eager")
    run = GANTrainer(G, compiled, batch_size=8, device="cpu", **{penalty: 0.1})
    with pytest.raises(ValueError, match="discriminator is compiled"):
        run.fit(data.ring(), 2, progress=False)


def test_images_that_look_like_0_to_1_are_noticed():
    G = nets.MLPGenerator(4, (1, 8, 8), width=8, depth=1)
    run = GANTrainer(G, nets.MLPDiscriminator((1, 8, 8), width=8), batch_size=8, device="cpu")
    with pytest.warns(UserWarning, match=r"no value below 0 \(0 to 1\).*2 \* x - 1"):
        run.fit(data.digits().images.float() / 255, 1, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.fit(data.digits(), 2, progress=False)
