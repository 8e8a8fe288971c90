"""What makes, trains on and draws data minds no global mode of torch, and takes numbers of any kind."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from gancourse import data, features, losses, nets, penalties, plots
from tests.modes import each_mode


def rng():
    return torch.Generator("cpu").manual_seed(0)


@each_mode
def test_data(mode):
    makers = [
        lambda: data.ring().sample(5, rng()),
        lambda: data.grid().sample(5, rng()),
        lambda: data.ring().density(torch.zeros(3, 2, device="cpu", dtype=torch.float32)),
        lambda: data.swiss_roll().sample(5, rng()),
        lambda: data.parallel_lines(0.3)[1].sample(5, rng()),
        lambda: data.digits("test").images,
        lambda: data.digits("test").float(),
        lambda: data.glyphs(3).images,
        lambda: data.stacked(data.digits(), 5).labels,
    ]
    want = [make() for make in makers]
    with mode():
        got = [make() for make in makers]
    for a, b in zip(want, got, strict=True):
        assert a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)


@each_mode
def test_losses(mode):
    real, fake = torch.randn(5, generator=rng()), torch.randn(5, generator=rng())
    for loss in losses.LOSSES.values():
        want = loss.discriminator(real, fake), loss.generator(fake, real)
        with mode():
            got = loss.discriminator(real, fake), loss.generator(fake, real)
        assert got == want and got[0].dtype == torch.float32


@each_mode
@pytest.mark.parametrize("inside", [False, True], ids=["made outside", "made inside"])
def test_penalties(mode, inside):
    net = nets.MLPDiscriminator(width=8)

    def batches():
        g = torch.Generator("cpu").manual_seed(0)
        both = torch.randn(2, 6, 2, generator=g, device="cpu", dtype=torch.float32)
        return both[0].clone(), both[1].clone()

    real, fake = batches()

    def all_three():
        return (
            penalties.gradient_penalty(net, real, fake, generator=rng()),
            penalties.r1_penalty(net, real),
            penalties.r2_penalty(net, fake),
        )

    want = all_three()
    gradients = [torch.autograd.grad(p, net.net[0].weight)[0] for p in want]
    with mode():
        if inside:
            real, fake = batches()
        got = all_three()
    for value, other, gradient in zip(want, got, gradients, strict=True):
        assert torch.equal(value.detach(), other.detach())
        assert torch.equal(torch.autograd.grad(other, net.net[0].weight)[0], gradient)


@each_mode
def test_features(mode):
    images = data.digits("test").images[:20]
    want = features.load("digits").features(images)
    with mode():
        net = features.load("digits")
        assert torch.equal(net.features(images), want)


@each_mode
def test_plots(mode):
    net, points = nets.MLPDiscriminator(width=8), data.ring().sample(9, rng())
    images, ax = data.digits().float()[:4], plt.subplots()[1]

    def draw():
        ax.clear()
        surface = np.asarray(plots.decision_surface(ax, net, points=9).get_array())
        plots.gradient_arrows(ax, net, points)
        plots.scatter(ax, points, points)
        plots.image_grid(ax, images)
        plots.loss_curves(ax, {"D": [1.0, 2.0], "G": points[:, 0]})
        return surface

    want = draw()
    with mode():
        np.testing.assert_allclose(draw(), want)
    plt.close("all")


def test_plots_of_a_network_in_float64():
    ax = plt.subplots()[1]
    plots.decision_surface(ax, nets.MLPDiscriminator(width=8).double())
    plots.loss_curves(ax, {"D": torch.ones(9).bfloat16()})
    plots.scatter(ax, torch.zeros(3, 2).bfloat16())
    plt.close("all")


PAIRS = {
    "mlp": lambda n: (nets.MLPGenerator(n, width=n, depth=n), nets.MLPDiscriminator(n, width=n)),
    "conditional mlp": lambda n: (
        nets.ConditionalMLPGenerator(n, num_classes=n, width=n),
        nets.ConditionalMLPDiscriminator(num_classes=n, width=n, depth=n),
    ),
    "dcgan": lambda n: (nets.DCGANGenerator(n, width=n), nets.DCGANDiscriminator(width=n)),
    "conditional dcgan": lambda n: (
        nets.ConditionalDCGANGenerator(n, num_classes=n, width=n),
        nets.ConditionalDCGANDiscriminator(num_classes=n, width=n),
    ),
    "style": lambda n: (nets.StyleGenerator(n, width=n, depth=n), nets.GrowingGenerator(n, width=n)),
    "r3gan": lambda n: (
        nets.R3GANGenerator(n, width=8 * n, blocks=n), nets.R3GANDiscriminator(width=8 * n)
    ),
    "growing": lambda n: (nets.GrowingDiscriminator(width=n), nets.MLPDiscriminator((n, n))),
}  # fmt: skip


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS.keys())
def test_sizes_of_any_kind(make):
    def shapes(pair):
        return [{k: tuple(v.shape) for k, v in net.state_dict().items()} for net in pair]

    want = shapes(make(2))
    for two in (2.0, np.int64(2), torch.tensor(2), torch.tensor([0, 1]).max() + 1):
        pair = make(two)
        assert shapes(pair) == want
        for net in pair:
            assert all(type(getattr(net, a, 2)) is int for a in ("nz", "num_classes"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nets.MLPGenerator(2.5), "nz=2.5; need a positive whole number"),
        (lambda: nets.DCGANGenerator(width="16"), "width='16'; need"),
        (lambda: nets.MLPGenerator(2)(torch.zeros(3, 2).long()), "z is torch.int64; need"),
        (lambda: nets.MLPDiscriminator(2)(np.zeros((3, 2))), "x is ndarray; need a tensor"),
        (lambda: nets.DCGANDiscriminator()(data.glyphs(2).images), "x is torch.uint8; need"),
        (
            lambda: nets.ConditionalMLPGenerator(2)(torch.zeros(1, 2), [3]),
            "labels are list; need a tensor",
        ),
        (
            lambda: losses.get("hinge").generator(torch.zeros(3).long()),
            "fake_logits is torch.int64",
        ),
        (lambda: losses.get("hinge").discriminator([1.0], torch.zeros(3)), "real_logits is list"),
        (
            lambda: penalties.r1_penalty(lambda x: (x[:, 0], x), torch.zeros(3, 2)),
            "the critic returned a tuple",
        ),
        (lambda: penalties.r2_penalty(len, torch.zeros(3, 2).byte()), "fake is torch.uint8"),
        (
            lambda: penalties.gradient_penalty(len, torch.zeros(3, 2), torch.zeros(3, 2).double()),
            "real is torch.float32 on cpu and fake torch.float64",
        ),
        (lambda: penalties.clip_weights_(nets.MLPDiscriminator(), "1"), "bound='1'"),
        (lambda: data.ring(modes=2.5), "modes=2.5"),
        (lambda: data.ring(std="1"), "std='1'"),
        (lambda: data.ring().sample(1.5), "n=1.5"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)


# --- pictures -------------------------------------------------------------------------------------


def drawn(images):
    ax = plt.subplots()[1]
    plots.image_grid(ax, images)
    plt.close("all")
    return np.asarray(ax.images[0].get_array())


def test_an_image_grid_draws_bytes_as_bytes():
    digits = data.digits()
    want = drawn(digits.float()[:10])
    for same in (digits.images[:10], digits.images[:10].numpy(), digits.float()[:10].double()):
        np.testing.assert_allclose(drawn(same), want, atol=1e-6)
    assert set(np.unique(drawn(digits.images[:10] > 100))) == {0, 1}
    np.testing.assert_allclose(drawn(3 * digits.float()[:10]), np.clip(3 * want - 1, 0, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.float(), "x / 127.5 - 1 for bytes"),
        (lambda x: x.int(), "images is torch.int32; need uint8"),
        (lambda x: x.permute(0, 2, 3, 1), r"channels stand last, so .permute\(0, 3, 1, 2\)"),
        (lambda x: x / 255 * float("nan"), "images has NaN"),
    ],
)
def test_an_image_grid_refuses_the_rest(change, words):
    with pytest.raises(ValueError, match=words):
        drawn(change(data.digits().images[:5]))


def test_features_notice_pictures_between_0_and_1():
    net, images = features.load("digits"), data.digits("test").images[:50]
    with pytest.warns(UserWarning, match=r"are they in \[0, 1\]\? Need \[-1, 1\], 2 \* x - 1"):
        net.features(images.float() / 255)
    with pytest.raises(ValueError, match="x / 127.5 - 1 for bytes"):
        net.features(images.float())


@pytest.mark.filterwarnings("error")
def test_features_say_nothing_of_right_pictures():
    net, images = features.load("digits"), data.digits("test")
    net.features(images.images[:50])
    net.features(images.float()[:50])
    net.features(torch.full((5, 1, 8, 8), 0.7))  # grey, whatever it is


# --- what is handed out is the caller's -------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "test", "all"])
def test_digits_edited_in_place_stay_the_readers_own(split):
    before = data.digits(split)
    mine = data.digits(split)
    mine.images.fill_(7)
    mine.labels.zero_()
    after = data.digits(split)
    assert torch.equal(after.images, before.images) and torch.equal(after.labels, before.labels)
    assert data.digits("all").images.float().mean() > 50


@pytest.mark.parametrize("kind", [torch.int32, torch.float32, torch.uint8, np.int16, list])
def test_whole_labels_of_any_kind_become_int64(kind):
    labels = torch.tensor([0, 2, 1])
    if isinstance(kind, torch.dtype):
        given = labels.to(kind)
    else:
        given = labels.tolist() if kind is list else labels.numpy().astype(kind)
    got = data.ImageSet(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), given, ["a", "b", "c"])
    assert torch.equal(got.labels, labels) and got.labels.dtype == torch.int64
    assert got.classes == ("a", "b", "c")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.tensor([True, False]), "labels is torch.bool"),
        (torch.tensor([0.5, 1.0]), "labels is torch.float32; need whole numbers"),
        (torch.tensor([0, float("nan")]), "labels is torch.float32; need whole numbers"),
        (torch.eye(2).long(), r"one-hot rows become that by .argmax\(1\)"),
        (torch.tensor([1, 2]), "labels has values from 1 to 2; need 0 to 1"),
        (None, "labels is"),
    ],
)
def test_other_labels_are_refused(labels, words):
    with pytest.raises(ValueError, match=words):
        data.ImageSet(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), labels, ("a", "b"))
