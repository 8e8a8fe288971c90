"""What a trainer may be given beside losses and networks: penalties apart, optimizers, augmentation,
an average with a ramp; and the lines that it leaves beside a checkpoint."""

import copy
import json
import math
import warnings
from functools import partial

import pytest
import torch
from torch import nn

from gancourse import checkpoints, data, nets, penalties
from gancourse._settings import ramped
from gancourse.training import CheckpointError, GANTrainer
from tests.runs import conditional, mixed, same, state, three_classes, trainer

torch.set_num_threads(1)
RING = data.ring()
RMSprop, SGD = torch.optim.RMSprop, torch.optim.SGD


def cut_off_and_resumed(make, samples, folder, steps=24, at=13):
    """The same run, whole and stopped in its midst and gone on with by a new trainer."""
    whole = make()
    whole.fit(samples, steps, progress=False)
    first = make()

    def stop(t):
        raise KeyboardInterrupt

    path = folder / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        first.fit(samples, steps, checkpoint=path, save_every=5, progress=False,
                  callback=stop, callback_steps=[at])  # fmt: skip
    second = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second.fit(samples, steps, checkpoint=path, save_every=5, progress=False)
    return whole, second


def is_the_same_run(one, two):
    for name in ("generator", "discriminator", "ema"):
        if getattr(one, name) is not None:
            assert same(state(getattr(one, name)), state(getattr(two, name)))
    for name in ("d_loss", "g_loss", "penalty"):
        assert getattr(one.history, name).equal(getattr(two.history, name))


# --- penalties beside the loss --------------------------------------------------------------------


def test_penalties_are_kept_apart_from_the_loss():
    t = trainer(loss="wasserstein", r1=0.3, r2=0.2, gp=2.0)
    critic, generator = copy.deepcopy(t.discriminator), copy.deepcopy(t.generator)
    rng = torch.Generator().manual_seed(1)
    real = RING.sample(16, generator=rng)
    fake = generator(torch.randn(16, 3, generator=rng)).detach()
    mix = torch.rand(16, 1, generator=rng)
    estimate = critic(real).mean() - critic(fake).mean()
    penalty = (
        0.15 * penalties.r1_penalty(critic, real)
        + 0.1 * penalties.r2_penalty(critic, fake)
        + 2 * penalties.gradient_penalty(critic, real, fake, mix=mix)
    )
    history = t.fit(RING, 1, progress=False)
    assert history.d_loss.item() == pytest.approx(-estimate.item(), abs=1e-6)
    assert history.penalty.item() == pytest.approx(penalty.item(), rel=1e-5)
    assert penalty > 0.1 and len(history.penalty) == 1


@pytest.mark.parametrize("accumulate", [1, 4])
def test_a_step_returns_what_it_minimised_and_keeps_the_parts(accumulate):
    t = trainer(r1=5.0, accumulate=accumulate)
    total = t.d_step(RING.sample(16, generator=torch.Generator().manual_seed(0)))
    loss, penalty = t.d_parts
    assert penalty > 0.01 and total.item() == pytest.approx((loss + penalty).item(), rel=1e-6)
    assert not (total.requires_grad or loss.requires_grad or penalty.requires_grad)


def test_without_penalties_there_are_none():
    t = trainer()
    assert t.fit(RING, 7, progress=False).penalty.equal(torch.zeros(7))
    total = t.d_step(torch.zeros(16, 2))
    assert total.equal(t.d_parts[0]) and t.d_parts[1] == 0


@pytest.mark.parametrize(("settings", "known"), [({"r1": 0.5}, False), ({}, True)])
def test_the_first_editions_files_say_what_their_losses_hold(tmp_path, settings, known):
    path = tmp_path / "run.ckpt"
    trainer(**settings).fit(RING, 4, checkpoint=path, progress=False)
    old = checkpoints.read(path, torch.device("cpu"))
    old["format"] = 2
    old["d_loss"] = old["d_loss"] + old.pop("penalty")
    checkpoints.write(old, path)
    t = trainer(**settings)
    h = t.fit(RING, 6, checkpoint=path, progress=False)
    assert len(h.penalty) == 6 and h.penalty[4:].isfinite().all()
    assert h.penalty[:4].isnan().all() if not known else h.penalty[:4].equal(torch.zeros(4))
    lines = [json.loads(x) for x in (tmp_path / "run.ckpt.jsonl").read_text().splitlines()]
    assert [x["step"] for x in lines] == [4, 6]


# --- optimizers from outside ----------------------------------------------------------------------


def test_adam_is_fused_unless_another_is_given():
    t = trainer()
    for optimizer in (t.optimizer_g, t.optimizer_d):
        assert type(optimizer) is torch.optim.Adam and optimizer.param_groups[0]["fused"]


def test_a_given_optimizer_takes_the_steps():
    """RMSProp for both, as in the WGAN paper, beside the steps written out."""
    t = trainer(loss="wasserstein", weight_clip=0.05, lr=(2e-3, 3e-3), n_critic=2,
                optimizer_g=RMSprop, optimizer_d=partial(RMSprop, alpha=0.9))  # fmt: skip
    g, d = copy.deepcopy(t.generator), copy.deepcopy(t.discriminator)
    og, od = RMSprop(g.parameters(), lr=2e-3), RMSprop(d.parameters(), lr=3e-3, alpha=0.9)
    rng = torch.Generator().manual_seed(1)
    for _ in range(5):
        for _ in range(2):
            real = RING.sample(16, generator=rng)
            fake = g(torch.randn(16, 3, generator=rng)).detach()
            od.zero_grad()
            (d(fake).mean() - d(real).mean()).backward()
            od.step()
            penalties.clip_weights_(d, 0.05)
        og.zero_grad()
        (-d(g(torch.randn(16, 3, generator=rng))).mean()).backward()
        og.step()
    t.fit(RING, 5, progress=False)
    for mine, theirs in ((g, t.generator), (d, t.discriminator)):
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
            assert torch.allclose(a, b, atol=1e-6)


def test_an_optimizer_brings_its_own_rates_and_the_schedule_scales_them():
    pair = nets.MLPGenerator(width=8), nets.MLPDiscriminator(2, width=8)
    slow = [{"params": pair[1].net[0].parameters(), "lr": 0.01}]
    rest = [p for layer in pair[1].net[1:] for p in layer.parameters()]
    given = SGD([*slow, {"params": rest}], lr=0.1, momentum=0.5)
    t = GANTrainer(*pair, lr=0.002, optimizer_d=given, schedule="linear", batch_size=8, device="cpu")
    assert t.optimizer_d is given and t.lr == (0.002, 0.01)
    assert t.settings["optimizer_d"].startswith("SGD momentum=0.5")
    t.fit(RING, 4, progress=False)  # the last step's rate is half of the first's
    assert [group["lr"] for group in given.param_groups] == pytest.approx([0.005, 0.05])
    assert t.optimizer_g.param_groups[0]["lr"] == pytest.approx(0.001)
    # One of torch's own schedules can go on from there: it looks for the rates that were given.
    later = torch.optim.lr_scheduler.LambdaLR(given, lambda step: 1.0, last_epoch=t.step)
    assert later.base_lrs == [0.01, 0.1]


def made(kind="factory", **settings):
    t = trainer(**settings)
    if kind == "factory":
        return trainer(optimizer_g=RMSprop, optimizer_d=partial(SGD, momentum=0.9), **settings)
    pair = t.generator, t.discriminator
    given = {"optimizer_d": SGD(pair[1].parameters(), lr=1e-3, momentum=0.9)}
    given["optimizer_g"] = RMSprop(pair[0].parameters(), lr=1e-3)
    return GANTrainer(*pair, device="cpu", batch_size=16, seed=1, **given, **settings)


@pytest.mark.parametrize("kind", ["factory", "instance"])
def test_a_run_with_other_optimizers_resumes_to_the_bit(tmp_path, kind):
    make = partial(made, kind, ema=0.9, schedule="cosine", r1=0.1, n_critic=2)
    is_the_same_run(*cut_off_and_resumed(make, RING, tmp_path))


class Listed(SGD):
    """With momentum in a list that is changed in place, as some optimizers' moments are."""

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                (momentum,) = self.state[p].setdefault("kept", [torch.zeros_like(p)])
                p.data.sub_(group["lr"] * momentum.mul_(0.9).add_(p.grad))


def test_a_step_cut_off_gives_back_lists_in_an_optimizers_state():
    runs = [trainer(optimizer_g=Listed, optimizer_d=Listed) for _ in range(2)]
    step, calls = runs[1].g_step, []

    def fails_once(*arguments):
        calls.append(1)
        if len(calls) == 8:
            raise RuntimeError("out of memory")
        return step(*arguments)

    runs[1].g_step = fails_once
    often = {"progress": False, "callback": lambda t: None, "callback_steps": [3]}
    runs[0].fit(RING, 12, **often)
    with pytest.raises(RuntimeError, match="out of memory"):
        runs[1].fit(RING, 12, **often)
    runs[1].fit(RING, 12, **often)
    is_the_same_run(*runs)


def test_the_two_ways_of_giving_an_optimizer_are_one():
    one, two = made("factory"), made("instance")
    for t in (one, two):
        t.fit(RING, 9, progress=False)
    is_the_same_run(one, two)
    assert one.settings == two.settings


def test_moments_of_another_optimizer_are_not_taken_over(tmp_path):
    path = tmp_path / "run.ckpt"
    trainer().fit(RING, 5, checkpoint=path, progress=False)
    t = made()
    before = state(t.generator)
    for attempt in (lambda: t.load(path), lambda: t.fit(RING, 9, checkpoint=path, progress=False)):
        with pytest.raises(CheckpointError, match="optimizer_g was Adam and is RMSprop"):
            attempt()
    assert same(before, state(t.generator)) and t.step == 0
    t.load(path, networks_only=True)
    t.fit(RING, 3, progress=False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "Adam"),
        (torch.optim.Adam, "Adam betas=(0.9, 0.999)"),  # its own, not the trainer's
        (partial(torch.optim.Adam, betas=(0.5, 0.999), eps=1e-6, fused=True), "Adam eps=1e-06"),
        (partial(RMSprop, alpha=0.9), "RMSprop alpha=0.9"),
        (SGD, "SGD"),
    ],
)
def test_settings_say_what_is_not_usual_of_an_optimizer(given, words):
    assert trainer(optimizer_d=given).settings["optimizer_d"] == words


def test_an_optimizers_own_settings_are_compared_on_resuming(tmp_path):
    other = trainer(optimizer_d=partial(SGD, momentum=0.1))
    other.fit(RING, 5, checkpoint=tmp_path / "sgd.ckpt", progress=False)
    with pytest.warns(UserWarning, match="optimizer_d was 'SGD momentum=0.1' and is 'SGD momentum=0.2'"):
        trainer(optimizer_d=partial(SGD, momentum=0.2)).load(tmp_path / "sgd.ckpt")


def of_another(kind, **settings):
    return kind(nets.MLPDiscriminator(2).parameters(), **settings)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("Adam", "optimizer_d is 'Adam'; need an optimizer over discriminator.parameters"),
        (lambda parameters, lr: None, "optimizer_d makes a NoneType"),
        (lambda parameters: SGD(parameters, 0.1), r"can't be called as \(parameters, lr=...\)"),
        (partial(RMSprop, lr=5e-5), "brings lr=5e-05; give lr to GANTrainer"),
        (lambda parameters, lr: of_another(SGD, lr=lr), "no parameters of the discriminator"),
        (of_another(SGD, lr=0.1), "no parameters of the discriminator; build it from discr"),
        (lambda parameters, lr: SGD(parameters[:1], lr), "leaves out 5 parameters .*net.0.bias"),
        (torch.optim.LBFGS, "takes several losses a step"),
    ],
)
def test_what_is_no_optimizer_of_the_player_is_named(given, words):
    with pytest.raises(ValueError, match=words):
        trainer(optimizer_d=given)


def test_an_optimizer_may_leave_out_what_is_frozen():
    G, D = nets.MLPGenerator(width=8), nets.MLPDiscriminator(2, width=8)
    D.net[0].requires_grad_(False)
    learning = [p for p in D.parameters() if p.requires_grad]
    t = GANTrainer(G, D, optimizer_d=SGD(learning, lr=0.1), batch_size=8, device="cpu")
    before = D.net[0].weight.clone()
    t.fit(RING, 3, progress=False)
    assert D.net[0].weight.equal(before) and not D.net[0].weight.requires_grad


# --- augmentation ---------------------------------------------------------------------------------


def turned(x, generator):
    """A random sign a sample: what a ring does not mind."""
    sign = torch.randint(2, (len(x), 1), generator=generator, device=x.device) * 2.0 - 1
    return x * sign.to(x.dtype)


@pytest.mark.parametrize(
    ("settings", "in_d", "in_g"),
    [
        ({}, 2, 1),
        ({"r1": 0.1, "r2": 0.1}, 2, 1),
        ({"gp": 1.0, "n_critic": 2}, 3, 1),
        ({"loss": "relativistic"}, 2, 2),
    ],
)
def test_all_that_the_discriminator_sees_is_augmented(settings, in_d, in_g):
    """Real and generated, in both players' steps: whatever goes in has the mark."""
    calls, seen = [], []
    t = trainer(augment=lambda x, rng: (calls.append(1), x.clamp(-9, 9) + 100)[1], **settings)
    t.discriminator.register_forward_hook(lambda net, inputs, out: seen.append(inputs[0].min()))
    for _ in range(3):
        calls.clear()
        t.d_step(RING.sample(16))
        assert len(calls) == in_d
        t.g_step(16, RING.sample(16) if t.loss.pairs else None)
        assert len(calls) == in_d + in_g
    assert len(seen) == 3 * (in_d + in_g) and min(seen) > 50


def test_augmentation_draws_from_a_stream_of_its_own():
    def draws_only(x, generator):
        torch.rand(3, generator=generator)
        return x * 1.0

    one, two = trainer(), trainer(augment=draws_only)
    for t in (one, two):
        t.fit(RING, 12, progress=False)
    is_the_same_run(one, two)


def test_penalties_differentiate_through_it():
    class Square(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.tensor([1.0, 2.0]))

        def forward(self, x):
            return (self.w * x.square()).sum(1) / 2

    t = GANTrainer(nets.MLPGenerator(), Square(), r1=2.0, augment=lambda x, rng: 2 * x, device="cpu")
    x = torch.tensor([[1.0, 1.0], [0.5, -2.0]])
    t.d_step(x)  # f(2 x): its gradient is 4 w x
    expected = (4 * torch.tensor([1.0, 2.0]) * x).square().sum(1).mean()
    assert t.d_parts[1].item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_generator_learns_through_it():
    """Under a shift that is always there it learns the samples before the shift, not after it."""
    settings = {"batch_size": 64, "r1": 0.1, "lr": 2e-3, "betas": (0.0, 0.99)}
    t = trainer(augment=lambda x, rng: x + 3.0, **settings)
    t.fit(RING, 400, progress=False)
    assert t.sample(500).mean(0).abs().max() < 0.5


@pytest.mark.parametrize("amp", [None, "fp16"])
def test_an_augmented_run_resumes_to_the_bit(tmp_path, amp):
    make = partial(conditional, augment=turned, r1=0.1, ema=0.9, amp=amp, accumulate=2)
    whole, second = cut_off_and_resumed(make, three_classes(60), tmp_path)
    is_the_same_run(whole, second)
    assert whole.augment_rng.get_state().equal(second.augment_rng.get_state())
    plain = conditional(r1=0.1, ema=0.9, amp=amp, accumulate=2)
    plain.fit(three_classes(60), 24, progress=False)
    assert not plain.history.d_loss.equal(whole.history.d_loss)


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        (3, "augment=3; need a function"),
        (lambda x: x, r"can't be called as \(samples, generator\)"),
        (lambda x, rng: None, "augment returns a NoneType"),
        (lambda x, rng: x[:, :1], r"\(2, 1\) torch.float32 of \(2, 2\)"),
        (lambda x, rng: x.double(), "float64 of"),
        (lambda x, rng: x.detach() * 2, "has no gradient with respect to the samples"),
        (lambda x, rng: torch.from_numpy(x.detach().numpy()), "has no gradient"),
    ],
)
def test_what_is_no_augmentation_is_named(augment, words):
    with pytest.raises(ValueError, match=words):
        trainer(augment=augment).fit(RING, 1, progress=False)


def test_a_run_that_goes_on_with_another_augmentation_says_so(tmp_path):
    path = tmp_path / "run.ckpt"
    trainer(augment=turned).fit(RING, 3, checkpoint=path, progress=False)
    with pytest.warns(UserWarning, match="augment was 'turned' and is None"):
        trainer().fit(RING, 5, checkpoint=path, progress=False)


# --- the average's half-life and ramp -------------------------------------------------------------


def averaged_by_hand(t, steps, decay_at):
    """The average of the weights after each step, in closed form."""
    weights = []
    t.fit(RING, steps, progress=False, callback_steps=range(steps + 1),
          callback=lambda t: weights.append([p.detach().clone() for p in t.generator.parameters()])
    )  # fmt: skip
    decays = [decay_at(k) for k in range(steps)]  # k steps done before this one
    shares = [math.prod(decays)]
    shares += [(1 - decays[k]) * math.prod(decays[k + 1 :]) for k in range(steps)]
    assert sum(shares) == pytest.approx(1)
    return [sum(s * w.double() for s, w in zip(shares, ws, strict=True)) for ws in zip(*weights)]


def edm(halflife, rampup, k, batch=16):
    """Karras et al. 2022, training_loop.py: k steps of a batch done; everything in images."""
    halflife_nimg, cur_nimg = halflife * batch, k * batch
    if rampup is not None:
        halflife_nimg = min(halflife_nimg, cur_nimg * rampup)
    return 0.5 ** (batch / max(halflife_nimg, 1e-8))


@pytest.mark.parametrize(
    ("settings", "decay_at"),
    [
        ({"ema": 0.8}, lambda k: 0.8),
        ({"ema_halflife": 4}, lambda k: edm(4, None, k)),
        ({"ema_halflife": 4, "ema_rampup": 0.2}, lambda k: edm(4, 0.2, k)),
        ({"ema": 0.5**0.25, "ema_rampup": 0.2}, lambda k: edm(4, 0.2, k)),
    ],
)
def test_the_average_is_the_closed_form(settings, decay_at):
    t = trainer(**settings)
    expected = averaged_by_hand(t, 30, decay_at)
    for a, b in zip(expected, t.ema.parameters(), strict=True):
        assert torch.allclose(a, b.double(), atol=1e-6)


def test_a_ramp_forgets_the_untrained_generator():
    """At step k of a ramp r the half-life is r k, so the first step's weights replace the first
    average; a constant decay still holds 0.99^150 = 22 % of it after 150 steps."""
    t = trainer(ema=0.99, ema_rampup=0.05)
    t.fit(RING, 1, progress=False)
    assert same(state(t.generator), state(t.ema))
    assert ramped(0.99, 0.05, 10**6) == 0.99 and ramped(0.99, None, 0) == 0.99
    assert ramped(0.99, 0.05, 40) == pytest.approx(0.5 ** (1 / 2))


def test_a_ramped_average_resumes_to_the_bit(tmp_path):
    make = partial(mixed, ema_halflife=8, ema_rampup=0.3)
    is_the_same_run(*cut_off_and_resumed(make, RING, tmp_path))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ema": 0.9, "ema_halflife": 5}, "ema=0.9 and ema_halflife=5 are two ways"),
        ({"ema_rampup": 0.05}, "ema_rampup=0.05 without an average"),
        ({"ema_halflife": 0}, "ema_halflife=0; need None or a positive"),
        ({"ema_halflife": "a"}, "ema_halflife='a'; need"),
        ({"ema": 0.9, "ema_rampup": -1}, "ema_rampup=-1; need"),
    ],
)
def test_averages_that_cannot_be_are_named(settings, words):
    with pytest.raises(ValueError, match=words):
        trainer(**settings)


# --- lines on disk --------------------------------------------------------------------------------


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def looking_often(t, steps, path, **more):
    """With a look at the losses every tenth step."""
    return t.fit(RING, steps, checkpoint=path, progress=False, callback=lambda t: None,
                 callback_steps=range(10, steps + 1, 10), **more)  # fmt: skip


def test_a_line_for_each_look_at_the_losses(tmp_path):
    path, log = tmp_path / "run.ckpt", tmp_path / "run.ckpt.jsonl"
    t = trainer(r1=0.5, lr=(1e-3, 2e-3), schedule="linear")
    h = looking_often(t, 40, path)
    written = lines(log)
    steps = [line["step"] for line in written]
    assert steps == sorted(set(steps)) and {10, 20, 30, 40} <= set(steps)
    for line, first in zip(written, [0, *steps], strict=False):
        for name in ("d_loss", "g_loss", "penalty"):
            mean = getattr(h, name)[first : line["step"]].mean().item()
            assert line[name] == pytest.approx(mean, rel=1e-4), name
        assert line["seconds"] >= 0 and line["images_per_second"] > 0
    assert written[-1]["penalty"] > 0
    assert written[-1]["lr"] == pytest.approx([1e-3 * 2 / 40, 2e-3 * 2 / 40])  # of the 40th step
    seconds = [line["seconds"] for line in written]
    assert seconds == sorted(seconds)


def test_a_resumed_run_writes_no_step_twice(tmp_path):
    """Killed behind its last save, the lines are ahead of the file."""
    path, log = tmp_path / "run.ckpt", tmp_path / "run.ckpt.jsonl"
    looking_often(trainer(), 20, path)
    saved = path.read_bytes()
    looking_often(trainer(), 40, path)
    path.write_bytes(saved)
    before = log.read_bytes() + b'{"step": 45, "d_l'  # and in the midst of a line
    log.write_bytes(before)
    h = looking_often(trainer(), 60, path)
    assert log.read_bytes().startswith(before.removesuffix(b'{"step": 45, "d_l'))
    steps = [line["step"] for line in lines(log)]
    assert steps == sorted(set(steps)) and steps[-1] == 60 and 45 not in steps
    after = [line for line in lines(log) if line["step"] > 40]
    shares = [a - b for a, b in zip([x["step"] for x in after], [40, *[x["step"] for x in after]])]
    mean = sum(n * line["d_loss"] for n, line in zip(shares, after, strict=True)) / 20
    assert mean == pytest.approx(h.d_loss[40:].mean().item(), rel=1e-4)


def test_beginning_anew_begins_new_lines(tmp_path):
    path = tmp_path / "run.ckpt"
    looking_often(trainer(), 30, path)
    old = (tmp_path / "run.ckpt.jsonl").read_bytes()
    looking_often(trainer(), 20, path, fresh=True)
    assert lines(tmp_path / "run.ckpt.jsonl")[-1]["step"] == 20
    assert (tmp_path / "run.ckpt.jsonl.old").read_bytes() == old
    path.unlink()  # a deleted file begins anew, too
    looking_often(trainer(), 10, path)
    assert lines(tmp_path / "run.ckpt.jsonl")[-1]["step"] == 10


def test_no_file_without_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer().fit(RING, 12, progress=False)
    assert not list(tmp_path.iterdir())


def test_lines_that_cannot_be_written_end_no_run(tmp_path):
    looking_often(trainer(), 10, tmp_path / "run.ckpt")
    (tmp_path / "run.ckpt.jsonl").unlink()
    (tmp_path / "run.ckpt.jsonl").mkdir()
    t = trainer()
    with pytest.warns(UserWarning, match=r"run.ckpt.jsonl could not be written.*lines are missing"):
        looking_often(t, 20, tmp_path / "run.ckpt")
    again = trainer()
    again.load(tmp_path / "run.ckpt")
    assert t.step == again.step == 20


def test_foreign_lines_are_left_alone(tmp_path):
    log = tmp_path / "run.ckpt.jsonl"
    looking_often(trainer(), 10, tmp_path / "run.ckpt")
    ours = log.read_text()
    log.write_text(ours + "notes\n[1]\n")
    looking_often(trainer(), 20, tmp_path / "run.ckpt")
    assert log.read_text().startswith(ours + 'notes\n[1]\n{"step": ')
    assert json.loads(log.read_text().splitlines()[-1])["step"] == 20
