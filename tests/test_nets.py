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
