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
