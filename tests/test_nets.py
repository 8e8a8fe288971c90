import pytest
import torch

from gancourse import nets


@pytest.mark.parametrize("shape", [2, (5,), (1, 8, 8), (3, 4, 6)])
def test_shapes_and_range(shape):
    torch.manual_seed(0)
    generator = nets.MLPGenerator(7, shape, width=16)
    discriminator = nets.MLPDiscriminator(shape, width=16)
    x = generator(10 * torch.randn(5, 7))
    expected = (shape,) if isinstance(shape, int) else shape
    assert x.shape == (5, *expected)
    assert discriminator(x).shape == (5,)
    if len(expected) == 3:  # images end in tanh
        assert x.abs().max() <= 1
    assert generator.nz == 7


def test_discriminator_returns_logits_not_probabilities():
    torch.manual_seed(0)
    logits = nets.MLPDiscriminator(2)(1e5 * torch.randn(500, 2))
    assert logits.abs().max() > 1


def test_tanh_can_be_chosen():
    assert not nets.MLPGenerator(2, 2).tanh
    assert nets.MLPGenerator(2, (1, 8, 8)).tanh
    assert nets.MLPGenerator(2, 2, tanh=True)(torch.randn(9, 2) * 1e4).abs().max() <= 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nets.MLPGenerator(0), "nz=0"),
        (lambda: nets.MLPGenerator(2, (1, 0, 8)), "shape=(1, 0, 8)"),
        (lambda: nets.MLPDiscriminator(2, width=0), "width=0"),
        (lambda: nets.MLPGenerator(4)(torch.zeros(3, 5)), "needs (N, 4)"),
        (lambda: nets.MLPDiscriminator((1, 8, 8))(torch.zeros(3, 64)), "needs (N, 1, 8, 8)"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 14, 14), (1, 28, 28), (3, 32, 32), (3, 64, 64)])
@pytest.mark.parametrize("norm", [True, False])
def test_dcgan_shapes_and_init(shape, norm):
    torch.manual_seed(0)
    generator = nets.DCGANGenerator(10, shape, width=8, norm=norm)
    discriminator = nets.DCGANDiscriminator(shape, width=8)
    x = generator(torch.randn(3, 10))
    assert x.shape == (3, *shape) and x.abs().max() <= 1
    assert discriminator(x).shape == (3,)
    kinds = {type(m) for m in generator.modules()}
    assert (torch.nn.BatchNorm2d in kinds) == norm
    assert not any("BatchNorm" in type(m).__name__ for m in discriminator.modules())
    weights = [m.weight for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d)]
    assert torch.cat([w.flatten() for w in weights]).std().item() == pytest.approx(0.02, rel=0.15)


def test_dcgan_is_the_recipes_network_at_28():
    """32 channels at 7x7, then 16 at 14x14 (see the course's recipes)."""
    net = nets.DCGANGenerator(64, (1, 28, 28)).net
    assert net[0].out_features == 32 * 7 * 7
    convs = [m for m in net if isinstance(m, torch.nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in convs] == [(32, 16), (16, 1)]


@pytest.mark.parametrize("shape", [(1, 7, 7), (1, 28, 14), (1, 4, 4)])
def test_dcgan_refuses_what_it_cannot_halve(shape):
    for make in (lambda: nets.DCGANGenerator(8, shape), lambda: nets.DCGANDiscriminator(shape)):
        with pytest.raises(ValueError, match="need a square image whose side is even"):
            make()


# --- conditional ----------------------------------------------------------------------------------

HOWS = ["concat", "select", "projection"]


def labels(n, k=10):
    return torch.arange(n) * 7 % k


@pytest.mark.parametrize("norm", [None, "batch", "spectral"])
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32)])
def test_conditional_dcgan_shapes(shape, how, norm):
    torch.manual_seed(0)
    generator = nets.ConditionalDCGANGenerator(5, shape, num_classes=4, width=8)
    discriminator = nets.ConditionalDCGANDiscriminator(shape, num_classes=4, width=8, how=how, norm=norm)
    x = generator(torch.randn(6, 5), labels(6, 4))
    assert x.shape == (6, *shape) and x.abs().max() <= 1
    assert discriminator(x, labels(6, 4)).shape == (6,)
    assert generator.nz == 5 and generator.num_classes == discriminator.num_classes == 4


@pytest.mark.parametrize("shape", [2, (1, 8, 8)])
def test_conditional_mlp_shapes(shape):
    generator = nets.ConditionalMLPGenerator(5, shape, num_classes=3, width=8)
    discriminator = nets.ConditionalMLPDiscriminator(shape, num_classes=3, width=8)
    x = generator(torch.randn(6, 5), labels(6, 3))
    assert x.shape[1:] == ((2,) if shape == 2 else shape)
    assert discriminator(x, labels(6, 3)).shape == (6,)


def conditional_pairs():
    shape = (1, 8, 8)
    yield nets.ConditionalMLPGenerator(5, shape), nets.ConditionalMLPDiscriminator(shape)
    for how in HOWS:
        yield (
            nets.ConditionalDCGANGenerator(5, shape, norm=False),
            nets.ConditionalDCGANDiscriminator(shape, how=how),
        )


def test_every_sample_answers_to_its_own_label_and_no_other():
    torch.manual_seed(0)
    for generator, discriminator in conditional_pairs():
        z, y = torch.randn(8, 5), labels(8)
        other = y.clone()
        other[3] = (y[3] + 1) % 10
        for net, first in ((generator, z), (discriminator, generator(z, y).detach())):
            changed = (net(first, y) != net(first, other)).view(8, -1).any(1)
            assert changed.tolist() == [False] * 3 + [True] + [False] * 4


def test_a_conditional_generator_is_the_plain_one_with_the_one_hot_label_beside_z():
    torch.manual_seed(0)
    generator = nets.ConditionalDCGANGenerator(5, (1, 8, 8), num_classes=3)
    z, y = torch.randn(4, 5), torch.tensor([2, 0, 1, 2])
    hot = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    assert generator(z, y).equal(generator.net(torch.cat([z, hot], 1)))


def test_the_three_conditional_logits_are_their_formulas():
    torch.manual_seed(0)
    x, y = torch.randn(6, 1, 8, 8), labels(6)

    net = nets.ConditionalDCGANDiscriminator((1, 8, 8), how="projection")
    torch.nn.init.normal_(net.v.weight)
    features = net.phi(x)
    for i in range(6):  # psi(phi(x)) + <v_y, phi(x)>
        logit = features[i] @ net.psi.weight[0] + net.psi.bias[0] + features[i] @ net.v.weight[y[i]]
        assert net(x, y)[i].item() == pytest.approx(logit.item(), rel=1e-5)

    net = nets.ConditionalDCGANDiscriminator((1, 8, 8), how="select")
    everything = net.psi(net.phi(x))
    assert everything.shape == (6, 10)
    assert net(x, y).equal(torch.stack([everything[i, y[i]] for i in range(6)]))

    net = nets.ConditionalDCGANDiscriminator((1, 8, 8), how="concat")
    maps = torch.zeros(6, 10, 8, 8)
    for i in range(6):
        maps[i, y[i]] = 1
    assert net(x, y).equal(net.psi(net.phi(torch.cat([x, maps], 1))).squeeze(1))


def test_select_is_projection_with_the_shared_part_added_in():
    torch.manual_seed(0)
    projection = nets.ConditionalDCGANDiscriminator((1, 8, 8), how="projection")
    select = nets.ConditionalDCGANDiscriminator((1, 8, 8), how="select")
    select.phi.load_state_dict(projection.phi.state_dict())
    with torch.no_grad():
        select.psi.weight.copy_(projection.psi.weight + projection.v.weight)
        select.psi.bias.copy_(projection.psi.bias.expand(10))
    x, y = torch.randn(6, 1, 8, 8), labels(6)
    assert torch.allclose(select(x, y), projection(x, y), atol=1e-7)


def test_batch_norm_in_a_discriminator_spares_the_first_layer():
    for net in (
        nets.DCGANDiscriminator((1, 28, 28), norm="batch").net,
        nets.ConditionalDCGANDiscriminator((1, 28, 28), norm="batch").phi,
    ):
        kinds = [type(m).__name__ for m in net]
        assert kinds[:5] == ["Conv2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU"]
        assert kinds.count("BatchNorm2d") == 1


@pytest.mark.parametrize("how", [None, *HOWS])
def test_spectral_norm_holds_every_weight_to_one(how):
    torch.manual_seed(0)
    x, y = torch.randn(4, 1, 8, 8), labels(4)
    if how is None:
        net, batch = nets.DCGANDiscriminator((1, 8, 8), norm="spectral"), (x,)
    else:
        net = nets.ConditionalDCGANDiscriminator((1, 8, 8), how=how, norm="spectral")
        batch = (x, y)
    for _ in range(30):  # one step of the power iteration in each training pass
        net(*batch)
    weights = [m.weight for m in net.eval().modules() if hasattr(m, "parametrizations")]
    assert len(weights) == {None: 2, "concat": 2, "select": 2, "projection": 3}[how]
    for weight in weights:
        largest = torch.linalg.matrix_norm(weight.flatten(1), ord=2).item()
        assert largest == pytest.approx(1, abs=0.02)


def test_weights_keep_their_names():
    """Old checkpoints of the unconditional pair load."""
    names = list(nets.DCGANDiscriminator((1, 28, 28)).state_dict())
    assert names == [f"net.{i}.{what}" for i in (0, 2, 5) for what in ("weight", "bias")]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nets.ConditionalMLPGenerator(num_classes=0), "num_classes=0"),
        (lambda: nets.ConditionalDCGANDiscriminator(num_classes=2.5), "num_classes=2.5"),
        (lambda: nets.ConditionalDCGANDiscriminator(how="sum"), "how='sum'"),
        (lambda: nets.DCGANDiscriminator(norm="layer"), "norm='layer'"),
        (lambda: nets.DCGANDiscriminator(width=0), "width=0"),
        (lambda: nets.ConditionalMLPGenerator(4)(torch.zeros(3, 5), labels(3)), "needs (N, 4)"),
        (lambda: nets.ConditionalMLPGenerator(4)(torch.zeros(3, 4), labels(2)), "need int64 (3,)"),
        (lambda: nets.ConditionalMLPGenerator(4)(torch.zeros(3, 4), torch.ones(3)), "float32"),
        (
            lambda: nets.ConditionalMLPDiscriminator(2)(torch.zeros(3, 2), labels(3) + 4),
            "labels run from 4 to 11",
        ),
        (
            lambda: nets.ConditionalDCGANDiscriminator(how="select")(
                torch.zeros(3, 1, 28, 28), labels(3) - 1
            ),
            "labels run from -1 to 6",
        ),
        (
            lambda: nets.ConditionalDCGANDiscriminator()(torch.zeros(3, 1, 8, 8), labels(3)),
            "needs (N, 1, 28, 28)",
        ),
    ],
)
def test_bad_conditional_input_is_named(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)


# --- what the layers are ----------------------------------------------------------------------------


def kinds(net):
    return [repr(m) for m in net.modules() if not list(m.children())]


def test_activations_are_those_of_the_docstrings():
    """Names of weights say nothing about what stands between them."""
    relu, leaky = "ReLU()", "LeakyReLU(negative_slope=0.2)"
    for net, has, never in (
        (nets.MLPGenerator(2, 2), relu, leaky),
        (nets.MLPDiscriminator(2), leaky, relu),
        (nets.DCGANGenerator(4), relu, leaky),
        (nets.DCGANDiscriminator(), leaky, relu),
        (nets.ConditionalMLPDiscriminator(2), leaky, relu),
        (nets.ConditionalDCGANDiscriminator(), leaky, relu),
        (nets.R3GANGenerator(4, (1, 8, 8), width=8), leaky, relu),
        (nets.R3GANDiscriminator((1, 8, 8), width=8), leaky, relu),
        (nets.StyleGenerator(4, (1, 8, 8)), leaky, relu),
    ):
        assert has in kinds(net) and never not in kinds(net), type(net)
        assert not any("LeakyReLU" in k and k != leaky for k in kinds(net))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nets.MLPGenerator(4, (1, 8, 8)),
        lambda: nets.DCGANGenerator(4, (1, 8, 8)),
        lambda: nets.ConditionalDCGANGenerator(4, (1, 8, 8)),
        lambda: nets.StyleGenerator(4, (1, 8, 8)),
        lambda: nets.GrowingGenerator(4, (1, 8, 8)),
        lambda: nets.R3GANGenerator(4, (1, 8, 8), width=8),
    ],
)
def test_images_stay_within_tanh_whatever_the_weights(make):
    torch.manual_seed(0)
    net = make()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(50).add_(0.5 * torch.randn_like(parameter))
    args = (torch.randn(6, 4), labels(6)) if hasattr(net, "num_classes") else (torch.randn(6, 4),)
    x = net(*args)
    assert x.abs().max() <= 1 and x.abs().mean() > 0.05


def test_a_style_layer_keeps_the_variance_of_its_input():
    torch.manual_seed(0)
    layer, x = nets.StyleLayer(64, 64, 4, 16), torch.randn(8, 64, 16, 16)
    y = layer(x, torch.zeros(8, 4)).detach()[:, :, 1:-1, 1:-1]
    assert float(y.square().mean()) == pytest.approx(1, abs=0.05)
