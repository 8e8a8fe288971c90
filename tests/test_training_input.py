"""What a trainer is given: numbers, data, networks of any kind, modes of the session; and what bad
input is told."""

import contextlib
import copy
import inspect
import tempfile
import warnings
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from torch import nn

from gancourse import checkpoints, data, losses, nets
from gancourse.training import DivergedError, GANTrainer
from tests.runs import (
    NormGenerator,
    conditional,
    mixed,
    same,
    state,
    three_classes,
    trainer,
)

torch.set_num_threads(1)


# --- modes of the session --------------------------------------------------------------------------


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


# --- types of data and networks --------------------------------------------------------------------


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


# --- frozen parameters -----------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [{"r1": 0.1, "r2": 0.1}, {"gp": 1.0}, {"weight_clip": 0.001}])
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


# --- numbers ---------------------------------------------------------------------------------------


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
    "ema": st.one_of(st.none(), numbers(st.just(0.5))), "weight_clip": st.one_of(st.none(), RATE),
    "seed": st.one_of(numbers(st.integers(-9, 9), True), st.sampled_from([-(2**63), 2**64 - 2])),
    "schedule": st.sampled_from([None, "linear", "cosine"]),
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
            first.fit(data.ring(), 4, checkpoint=path, save_every=2, progress=False,
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
        {"r1": float("nan")}, {"r2": float("inf")}, {"gp": True}, {"weight_clip": "a"}, {"ema": True},
        {"accumulate": None}, {"schedule": ["linear"]}, {"amp": 1}, {"seed": 2**64},
    ],
)  # fmt: skip
def test_what_is_no_number_is_named(settings_):
    ((name, value),) = settings_.items()
    with pytest.raises(ValueError) as error:
        trainer(**settings_)
    assert f"{name}={value!r}; need" in str(error.value)


# --- callbacks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "called"),
    [
        (None, [100, 120]), (torch.tensor([3, 7]), [3, 7]), (range(0, 121, 60), [0, 60, 120]),
        (np.linspace(0, 120, 4), [0, 40, 80, 120]), (torch.linspace(0, 120, 3), [0, 60, 120]),
        ([5.0, np.int32(4)], [4, 5]), ([], []),
    ],
)  # fmt: skip
def test_callback_steps_are_numbers_of_any_kind(steps, called):
    assert called_back(**({} if steps is None else {"callback_steps": steps})) == called


def test_callback_steps_may_be_a_generator():
    assert called_back(callback_steps=(n for n in (1, 2))) == [1, 2]  # made here: it serves once


def called_back(**settings_):
    seen = []
    trainer().fit(data.ring(), 120, callback=lambda t: seen.append(t.step), progress=False, **settings_)
    return seen


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


# --- other people's networks -----------------------------------------------------------------------


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
        t.fit(data.ring(), 10, checkpoint=path, save_every=1, progress=False)
    assert path.read_bytes() == old


@pytest.mark.parametrize("penalty", ["r1", "r2", "gp"])
def test_a_penalty_on_a_compiled_discriminator_is_refused_by_name(penalty):
    G, D = nets.MLPGenerator(width=8, depth=1), nets.MLPDiscriminator(width=8, depth=1)
    compiled = torch.compile(D, backend="aot_eager")
    run = GANTrainer(G, compiled, batch_size=8, device="cpu", **{penalty: 0.1})
    with pytest.raises(ValueError, match="discriminator is compiled"):
        run.fit(data.ring(), 2, progress=False)


# --- bad input -------------------------------------------------------------------------------------

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
        ({"weight_clip": 0.0}, "weight_clip=0.0"),
        ({"ema": 1.0}, "ema=1.0"),
        ({"schedule": "step"}, "schedule='step'"),
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
    with pytest.raises(ValueError, match="save_every=0"):
        t.fit(data.ring(), 1, save_every=0)
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
    decayed = trainer(schedule="linear")
    decayed.fit(data.ring(), 4, progress=False)
    with pytest.raises(ValueError, match="steps=9, but the run so far"):
        decayed.fit(data.ring(), 9, progress=False)


def test_images_that_look_like_0_to_1_are_noticed():
    G = nets.MLPGenerator(4, (1, 8, 8), width=8, depth=1)
    run = GANTrainer(G, nets.MLPDiscriminator((1, 8, 8), width=8), batch_size=8, device="cpu")
    with pytest.warns(UserWarning, match=r"no value below 0 \(0 to 1\).*2 \* x - 1"):
        run.fit(data.digits().images.float() / 255, 1, progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.fit(data.digits(), 2, progress=False)


# --- names that were others once ------------------------------------------------------------------


def test_old_names_go_on_and_mean_the_same(tmp_path):
    """The keywords of the first edition: not a word, and the same run to the bit."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        old = trainer(loss="wasserstein", decay="cosine", clip=0.02)
        new = trainer(loss="wasserstein", schedule="cosine", weight_clip=0.02)
        old.fit(data.ring(), 9, checkpoint=tmp_path / "old.ckpt", every=3, progress=False)
        new.fit(data.ring(), 9, checkpoint=tmp_path / "new.ckpt", save_every=3, progress=False)
    assert same(state(old.generator), state(new.generator)) and old.settings == new.settings
    assert old.clip == old.weight_clip == 0.02 and old.decay == old.schedule == "cosine"
    old.clip, old.decay = None, None  # attributes, too
    assert old.weight_clip is old.schedule is None
    assert GANTrainer.clip.__doc__ is None  # the reference prints what has a docstring
    for name in ("old", "new"):  # every third was saved
        kept = checkpoints.read(tmp_path / f"{name}.ckpt.prev", old.device)
        assert kept["step"] == 6
    assert "weight_clip" in inspect.signature(GANTrainer).parameters


def test_an_old_name_beside_its_new_one_is_refused():
    with pytest.raises(ValueError, match=r"clip=1 and weight_clip=2 are one setting.*weight_clip"):
        trainer(clip=1, weight_clip=2)
    with pytest.raises(ValueError, match="every=1 and save_every=1 are one setting"):
        trainer().fit(data.ring(), 1, every=1, save_every=1)


def test_an_error_says_the_name_that_was_given():
    for words, settings in (
        ("decay='step'; need", {"decay": "step"}),
        ("schedule='step'; need", {"schedule": "step"}),
        ("clip=-1; need", {"clip": -1}),
        ("lr=0; need", {"lr": 0, "clip": 1}),
    ):
        with pytest.raises(ValueError, match=f"^{words}"):
            trainer(**settings)
    with pytest.raises(ValueError, match="^every=0; need"):
        trainer().fit(data.ring(), 1, every=0)


def test_warnings_point_at_the_readers_line(tmp_path):
    """Whichever room they come from: what is given to fit, to load, in images."""
    path = tmp_path / "run.ckpt"
    trainer().fit(data.ring(), 2, checkpoint=path, progress=False)
    with pytest.warns(UserWarning) as said:
        trainer(r1=0.5).fit(data.ring(), 3, checkpoint=path, progress=False)
        trainer().load(path)
        trainer().fit(data.ring(), 2, callback=print, callback_steps=[9], progress=False)
        trainer((1, 8, 8)).fit(data.digits().images.float() / 255, 1, progress=False)
    assert len(said) == 4 and {w.filename for w in said} == {__file__}
