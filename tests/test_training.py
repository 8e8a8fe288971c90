"""The loop: who is changed by which step, and by what."""

import copy
import re

import pytest
import torch
from torch import nn

from gancourse import (
    _settings,
    _state,
    data,
    losses,
    nets,
    penalties,
    training,
)
from gancourse.training import DivergedError, GANTrainer
from tests.runs import (
    CENTERS,
    NormGenerator,
    conditional,
    conditional_images,
    same,
    state,
    three_classes,
    trainer,
)

torch.set_num_threads(1)


# --- the two steps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [{}, {"r1": 0.1, "r2": 0.1}, {"gp": 10.0}, {"weight_clip": 0.05}])
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
    t = trainer(loss="wasserstein", weight_clip=0.01, lr=1.0)
    t.fit(data.ring(), 3, progress=False)
    assert max(p.abs().max() for p in t.discriminator.parameters()) <= 0.01


def test_n_critic_counts_discriminator_steps(monkeypatch):
    t = trainer(n_critic=3)
    calls = []
    step = t.d_step
    monkeypatch.setattr(t, "d_step", lambda real: calls.append(1) or step(real))
    t.fit(data.ring(), 4, progress=False)
    assert len(calls) == 12 and t.step == 4 and len(t.history) == 4
    assert repr(training.History()) == "History(0 steps)"
    assert re.fullmatch(r"History\(4 steps, at the end d_loss \S+, g_loss \S+\)", repr(t.history))


# --- which batch goes where ------------------------------------------------------------------------


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
    monkeypatch.setattr(training, "progress_bar", lambda *_: bar)
    t = trainer()
    h = t.fit(data.ring(), 7, progress=False)
    assert bar.text == f"D {h.d_loss[-1]:.3f}  G {h.g_loss[-1]:.3f}" and bar.n == 7 and bar.closed


# --- EMA, decay, sampling --------------------------------------------------------------------------


def test_ema_averages_parameters_and_copies_buffers():
    torch.manual_seed(0)
    t = GANTrainer(NormGenerator(), nets.MLPDiscriminator(2, width=8), ema=0.9, device="cpu")
    average = [p.clone() for p in t.generator.parameters()]
    for _ in range(5):
        t.fit(data.ring(), t.step + 1, progress=False)
        average = [0.9 * a + 0.1 * p for a, p in zip(average, t.generator.parameters(), strict=True)]
    for a, p in zip(average, t.ema.parameters(), strict=True):
        assert torch.allclose(a, p, atol=1e-6) and not p.requires_grad
    for a, b in zip(t.generator.buffers(), t.ema.buffers(), strict=True):
        assert a.equal(b) and a.data_ptr() != b.data_ptr()
    assert t.ema.net[1].num_batches_tracked > 0


def test_decay_schedules():
    seen = []
    for decay in (None, "linear", "cosine"):
        t = trainer(schedule=decay, lr=(0.1, 0.2))
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
    two.fit(data.ring(), 20, progress=False, callback_steps=[0, 7, 13], callback=lambda t: t.sample(9))
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


# --- conditional runs ------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["nonsaturating", "relativistic"])
def test_the_label_decides_the_sample(loss):
    """400 steps: each label's samples lie at its class's centre. With shuffled labels they can't."""
    x, y = three_classes()
    t = conditional(loss=loss, r1=0.3, lr=4e-3, betas=(0.0, 0.99), schedule="cosine")
    t.fit((x, y), 400, progress=False)
    for k in range(3):
        mean = t.sample(200, labels=k).mean(0)
        assert (mean - CENTERS[k]).norm() < 0.2, (k, mean)

    t = conditional(loss=loss, r1=0.3, lr=4e-3, betas=(0.0, 0.99), schedule="cosine")
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
    settings = {"ema": 0.9, "schedule": "cosine", "r1": 0.5, "amp": amp, "accumulate": 2}
    whole = conditional_images(**settings)
    whole.fit(data.digits(), 24, progress=False)

    def cut(t):
        raise KeyboardInterrupt

    path = tmp_path / "run.ckpt"
    cut_off = conditional_images(**settings)
    with pytest.raises(KeyboardInterrupt):
        cut_off.fit(
            data.digits(), 24, checkpoint=path, save_every=5, callback=cut, callback_steps=[18],
            progress=False,
        )  # fmt: skip
    resumed = conditional_images(**settings)
    resumed.fit(data.digits(), 24, checkpoint=path, save_every=5, progress=False)
    for net in ("generator", "discriminator", "ema"):
        assert same(state(getattr(whole, net)), state(getattr(resumed, net)))
    assert whole.history.d_loss.equal(resumed.history.d_loss)
    assert whole.scaler_d.state_dict() == resumed.scaler_d.state_dict()
    assert whole.sample(5).equal(resumed.sample(5))


# --- half precision, parts of a batch --------------------------------------------------------------


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
