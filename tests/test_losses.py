"""Each loss against its closed form, by finite differences, and at extreme logits."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from gancourse import losses
from gancourse.losses import LOSSES

REAL = torch.tensor([1.5, -0.3, 0.2, 2.0], dtype=torch.float64)
FAKE = torch.tensor([-1.1, 0.4, -2.2, 0.9], dtype=torch.float64)


D = torch.sigmoid
# Each loss, written as its paper does, at the logits above: discriminator's, generator's.
DEFINITIONS = {
    "minimax": (-D(REAL).log().mean() - (1 - D(FAKE)).log().mean(), (1 - D(FAKE)).log().mean()),
    "nonsaturating": (-D(REAL).log().mean() - (1 - D(FAKE)).log().mean(), -D(FAKE).log().mean()),
    "least_squares": (
        ((REAL - 1) ** 2).mean() / 2 + (FAKE**2).mean() / 2,
        ((FAKE - 1) ** 2).mean() / 2,
    ),
    "hinge": ((1 - REAL).clamp_min(0).mean() + (1 + FAKE).clamp_min(0).mean(), -FAKE.mean()),
    "wasserstein": (FAKE.mean() - REAL.mean(), -FAKE.mean()),
    "relativistic": (-D(REAL - FAKE).log().mean(), -D(FAKE - REAL).log().mean()),
}


def test_each_loss_has_its_definition():
    assert list(LOSSES) == list(DEFINITIONS)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_loss_is_its_definition(name):
    of_discriminator, of_generator = DEFINITIONS[name]
    assert LOSSES[name].discriminator(REAL, FAKE).item() == pytest.approx(of_discriminator.item())
    assert LOSSES[name].generator(FAKE, REAL).item() == pytest.approx(of_generator.item())


@pytest.mark.parametrize("name", ["minimax", "nonsaturating"])
def test_discriminator_is_binary_cross_entropy(name):
    expected = bce(REAL, torch.ones(4).double()) + bce(FAKE, torch.zeros(4).double())
    assert LOSSES[name].discriminator(REAL, FAKE).item() == pytest.approx(expected.item())


def test_minimax_is_zero_sum_in_the_fake_term():
    # value = E log D(x) + E log(1 - D(G(z))): D minimises -value, G minimises the second term
    loss = LOSSES["minimax"]
    value = -loss.discriminator(REAL, FAKE)
    second = value - torch.nn.functional.logsigmoid(REAL).mean()
    assert loss.generator(FAKE).item() == pytest.approx(second.item())


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_by_finite_differences(name):
    loss = LOSSES[name]
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    assert torch.autograd.gradcheck(loss.discriminator, (real, fake))
    assert torch.autograd.gradcheck(lambda f: loss.generator(f, REAL), (fake,))


@pytest.mark.parametrize("name", LOSSES)
def test_both_players_minimise(name):
    """Raising real logits helps D; raising fake logits hurts D and helps G."""
    loss = LOSSES[name]
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    loss.discriminator(real, fake).backward()
    if name != "least_squares":  # it pulls logits to 1 and 0, from either side
        assert (real.grad <= 0).all() and (fake.grad >= 0).all()
    fake = FAKE.clone().requires_grad_()
    loss.generator(fake, REAL).backward()
    assert (fake.grad <= 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_stay_finite_with_gradients(name):
    loss = LOSSES[name]
    real = torch.tensor([1000.0, -1000.0]).requires_grad_()
    fake = torch.tensor([-1000.0, 1000.0]).requires_grad_()
    total = loss.discriminator(real, fake) + loss.generator(fake, real)
    total.backward()
    assert total.isfinite() and real.grad.isfinite().all() and fake.grad.isfinite().all()


def test_at_equal_logits():
    zero = torch.zeros(5)
    assert LOSSES["minimax"].discriminator(zero, zero).item() == pytest.approx(2 * math.log(2))
    assert LOSSES["relativistic"].discriminator(zero, zero).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("bad", [torch.zeros(4, 1), torch.zeros(0), torch.tensor(1.0)])
def test_wrong_shapes_are_named(name, bad):
    good = torch.zeros(4)
    with pytest.raises(ValueError, match="real_logits has shape"):
        LOSSES[name].discriminator(bad, good)
    with pytest.raises(ValueError, match="fake_logits has shape"):
        LOSSES[name].generator(bad, good)
    with pytest.raises(ValueError, match="fake_logits has shape"):
        LOSSES[name].discriminator(good, bad)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("bad, what", [([0.5], "list"), (torch.arange(4), "torch.int64")])
def test_what_is_no_tensor_of_floats_is_named(name, bad, what):
    good = torch.zeros(4)
    with pytest.raises(ValueError, match=f"real_logits is {what}; need a tensor of floats"):
        LOSSES[name].discriminator(bad, good)
    with pytest.raises(ValueError, match=f"fake_logits is {what}; need a tensor of floats"):
        LOSSES[name].discriminator(good, bad)


def test_pairs_need_each_other():
    loss = LOSSES["relativistic"]
    assert loss.pairs
    with pytest.raises(ValueError, match="in pairs"):
        loss.discriminator(torch.zeros(3), torch.zeros(4))
    with pytest.raises(ValueError, match="real_logits is None"):
        loss.generator(torch.zeros(3), None)


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="loss='wgan' is unknown; choose one of minimax"):
        losses.get("wgan")
    assert losses.get(LOSSES["hinge"]) is LOSSES["hinge"]
