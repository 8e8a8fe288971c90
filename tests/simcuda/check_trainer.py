"""Each kind of network under each setting of the trainer: devices, layouts, types, waits, resuming."""

import contextlib
import itertools
import warnings

import pytest
import simcuda
import torch
from torch import nn

from gancourse import data, losses, nets, training
from gancourse.training import GANTrainer

torch.set_num_threads(2)
SHAPE = (1, 8, 8)


def grown():
    pair = nets.GrowingGenerator(16, SHAPE, width=8), nets.GrowingDiscriminator(SHAPE, width=8)
    nets.grow(0.5, *pair)  # a stage is fading in
    return pair


KINDS = {
    "mlp": lambda: (nets.MLPGenerator(16, SHAPE), nets.MLPDiscriminator(SHAPE)),
    "dcgan": lambda: (
        nets.DCGANGenerator(16, SHAPE, width=8),
        nets.DCGANDiscriminator(SHAPE, width=8),
    ),
    "conditional": lambda: (
        nets.ConditionalDCGANGenerator(16, SHAPE, width=8),
        nets.ConditionalDCGANDiscriminator(SHAPE, width=8),
    ),
    "style": lambda: (
        nets.StyleGenerator(16, SHAPE, width=8, mixing=0.5),
        nets.DCGANDiscriminator(SHAPE, width=8, norm="spectral"),
    ),
    "growing": grown,
    "r3gan": lambda: (
        nets.R3GANGenerator(16, SHAPE, width=16, blocks=1),
        nets.R3GANDiscriminator(SHAPE, width=16, blocks=1),
    ),
}
PENALTIES = {
    "none": {},
    "r1": {"r1": 1.0},
    "r1, r2": {"r1": 1.0, "r2": 1.0},
    "gp": {"gp": 1.0, "n_critic": 2},
    "clip": {"clip": 0.01},
}
AMP = {None: torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def trainer(kind, **settings):
    torch.manual_seed(0)
    return GANTrainer(*KINDS[kind](), batch_size=8, **settings)


@pytest.fixture(scope="module")
def digits():
    return data.digits()


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(training, "time", type("clock", (), {"monotonic": staticmethod(lambda: 0)}))


def steps_without_waiting(run, images, steps):
    """fit, with waits forbidden in each step and counted beside them. (Growing nets look at their
    stage in each pass, and say so: theirs are only counted.)"""
    plain = run.d_step, run.g_step

    def watched(step):
        def call(*args, **kwargs):
            grows = hasattr(run.generator, "stage")
            with contextlib.nullcontext() if grows else simcuda.no_sync():
                return step(*args, **kwargs)

        return call

    run.d_step, run.g_step = map(watched, plain)
    try:
        before = simcuda.lib.sim_syncs()
        run.fit(images, steps, progress=False)
        return simcuda.lib.sim_syncs() - before
    finally:
        del run.d_step, run.g_step


def grid(kind):
    """Loss, penalty, amp and (accumulate, ema): every combination of the first three for the MLP and
    the conditional pair, each penalty under each amp for the others, with losses in turn."""
    product = list(itertools.product(PENALTIES, AMP, losses.LOSSES))
    if kind not in ("mlp", "conditional"):
        names = list(losses.LOSSES)
        plain = itertools.product(PENALTIES, AMP)
        product = [(p, a, names[i % len(names)]) for i, (p, a) in enumerate(plain)]
    rest = ((1, None), (2, 0.9), (1, 0.9), (2, None))
    return [(*one, *rest[(i + i // 4) % 4]) for i, one in enumerate(product)]


@pytest.mark.parametrize("kind", KINDS)
def check_every_setting_trains_without_a_wait_or_a_mix(kind, digits):
    failed = []
    for penalty, amp, loss, accumulate, ema in grid(kind):
        settings = {"loss": loss, "amp": amp, "accumulate": accumulate, "ema": ema}
        try:
            run = trainer(kind, **settings, **PENALTIES[penalty])
            assert run.device.type == "cuda"
            steps_without_waiting(run, digits, 2)
            assert run.history.d_loss.isfinite().all()
            assert run.sample(3).is_cuda
        except Exception as error:
            failed.append(f"{settings} {penalty}: {type(error).__name__}: {error}")
    assert not failed, f"{len(failed)} settings:\n" + "\n".join(failed[:5])


@pytest.mark.parametrize("amp", AMP)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "growing"])
def check_more_steps_wait_no_more(kind, amp, digits):
    """Not in drawing a batch either: what a fit waits for, it waits for once in a hundred steps."""
    run = trainer(kind, r1=1.0, ema=0.9, amp=amp, loss="relativistic")
    steps_without_waiting(run, digits, 1)
    one, four = (steps_without_waiting(run, digits, n) for n in (2, 6))
    assert one == four


@pytest.mark.parametrize("amp", AMP)
def check_layouts_and_types_are_what_is_meant(amp, digits):
    run = trainer("dcgan", r1=1.0, amp=amp, ema=0.9)
    seen = {"generator": set(), "discriminator": set()}
    for name, net in (("generator", run.generator), ("discriminator", run.discriminator)):
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                weight = layer.weight
                assert weight.is_contiguous(memory_format=torch.channels_last), layer
                assert weight.dtype == torch.float32
                layer.register_forward_hook(lambda m, i, out, n=name: seen[n].add(out.dtype))
    run.fit(digits, 2, progress=False)
    half = AMP[amp]
    assert seen["generator"] == {torch.float32, half}  # (the look at the data before is float32)
    assert seen["discriminator"] == {torch.float32, half}  # what R1 differentiates stays float32
    assert run.history.d_loss.dtype == torch.float32
    for state in run.optimizer_d.state.values():
        assert state["exp_avg"].is_cuda and state["exp_avg"].dtype == torch.float32


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("amp", [None, "fp16"])
def check_a_run_resumes_bit_for_bit_and_opens_on_a_cpu(kind, amp, digits, tmp_path):
    settings = {"r1": 1.0, "ema": 0.9, "amp": amp}
    whole, path = trainer(kind, **settings), tmp_path / "run.ckpt"
    whole.fit(digits, 4, progress=False)
    trainer(kind, **settings).fit(digits, 2, checkpoint=path, progress=False)
    again = trainer(kind, **settings)
    again.fit(digits, 4, checkpoint=path, progress=False)
    assert torch.equal(whole.history.d_loss, again.history.d_loss)
    if kind != "style":  # its noise is drawn anew in each pass
        assert torch.equal(whole.sample(8), again.sample(8))
    cpu = trainer(kind, r1=1.0, ema=0.9, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of another device's random stream, of no amp
        cpu.load(path)
    assert not cpu.sample(3).is_cuda


def check_accumulating_lowers_the_peak(digits):
    peaks = []
    for accumulate in (1, 4):
        torch.manual_seed(0)
        pair = nets.R3GANGenerator(16, SHAPE, width=32), nets.R3GANDiscriminator(SHAPE, width=32)
        run = GANTrainer(*pair, batch_size=64, r1=1.0, r2=1.0, accumulate=accumulate)
        run.fit(digits, 1, progress=False)
        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated()
        run.fit(digits, 2, progress=False)
        peaks.append(torch.cuda.max_memory_allocated() - held)
    assert peaks[1] < 0.4 * peaks[0]
