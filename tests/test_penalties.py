"""Penalties against values that can be computed by hand, finite differences, and their refusals."""

import pytest
import torch
from torch import nn

from gancourse import nets, penalties


@pytest.fixture
def linear():
    net = nets.MLPDiscriminator((2, 3, 3), width=4)
    net.net = nn.Sequential(nn.Linear(18, 1))
    return net.double()


def images(n, seed=0):
    return torch.randn(n, 2, 3, 3, generator=torch.Generator().manual_seed(seed)).double()


def weight_gradient(penalty, critic):
    grads = torch.autograd.grad(penalty, list(critic.parameters()), allow_unused=True)
    return [g for g in grads if g is not None]


# --- analytic values ------------------------------------------------------------------------------


def test_linear_critic(linear):
    """f(x) = w.x + b has slope |w| everywhere, whatever the batch and the mixing weights."""
    w = linear.net[0].weight
    norm = w.norm()
    real, fake = images(5), images(5, 1)
    for penalty in (penalties.r1_penalty(linear, real), penalties.r2_penalty(linear, fake)):
        torch.testing.assert_close(penalty, norm**2)
        torch.testing.assert_close(weight_gradient(penalty, linear)[0], 2 * w)
    for target in (1.0, 0.0, 3.0):
        penalty = penalties.gradient_penalty(linear, real, fake, target)
        torch.testing.assert_close(penalty, (norm - target) ** 2)
        expected = 2 * (norm - target) * w / norm
        torch.testing.assert_close(weight_gradient(penalty, linear)[0], expected)
    assert norm < 1  # so one-sided costs nothing
    assert penalties.gradient_penalty(linear, real, fake, one_sided=True) == 0
    one_sided = penalties.gradient_penalty(linear, real, fake, 0.1, one_sided=True)
    torch.testing.assert_close(one_sided, (norm - 0.1) ** 2)


def test_quadratic_critic():
    """f(x) = |x|^2 / 2 has gradient x: the penalties are moments of the points they are taken at."""
    real, fake = images(6), 3 + images(6, 1)

    def critic(x):
        return x.flatten(1).square().sum(1) / 2

    torch.testing.assert_close(penalties.r1_penalty(critic, real), real.square().sum() / 6)
    torch.testing.assert_close(penalties.r2_penalty(critic, fake), fake.square().sum() / 6)
    rng = torch.Generator().manual_seed(3)
    mix = torch.rand(6, 1, 1, 1, generator=rng, dtype=torch.float64)
    points = real + mix * (fake - real)
    expected = (points.flatten(1).norm(dim=1) - 1).square().mean()
    rng.manual_seed(3)
    penalty = penalties.gradient_penalty(critic, real, fake, generator=rng)
    torch.testing.assert_close(penalty, expected)


def test_points_lie_on_the_lines_between_pairs():
    """One mixing weight per sample: |x - real| + |fake - x| = |fake - real|, spread over [0, 1]."""
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    real, fake = images(400), images(400, 1)
    penalties.gradient_penalty(critic, real, fake, generator=torch.Generator().manual_seed(0))
    (points,) = seen
    whole = (fake - real).flatten(1).norm(dim=1)
    part = (points - real).flatten(1).norm(dim=1)
    rest = (fake - points).flatten(1).norm(dim=1)
    torch.testing.assert_close(part + rest, whole)
    share = part / whole
    assert share.min() < 0.02 and share.max() > 0.98 and abs(share.mean() - 0.5) < 0.05


def test_mixing_weights_can_be_given():
    """The weights that the generator would draw, drawn by the caller, give the same penalty."""
    real, fake = images(6), images(6, 1)

    def critic(x):
        return x.square().flatten(1).sum(1)

    mix = torch.rand((6, 1, 1, 1), dtype=real.dtype, generator=torch.Generator().manual_seed(3))
    drawn = penalties.gradient_penalty(critic, real, fake, generator=torch.Generator().manual_seed(3))
    given = penalties.gradient_penalty(critic, real, fake, mix=mix)
    assert torch.equal(given, drawn)
    rounded = penalties.gradient_penalty(critic, real, fake, mix=mix.float())  # of another type
    assert rounded.dtype == drawn.dtype and rounded.item() == pytest.approx(drawn.item(), rel=1e-5)
    assert penalties.gradient_penalty(critic, real, fake, mix=1 - mix) != drawn
    with pytest.raises(ValueError, match=r"mix has shape \(6, 2, 3, 3\); need \(6, 1, 1, 1\)"):
        penalties.gradient_penalty(critic, real, fake, mix=torch.rand_like(real))


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gp", "one-sided", "r1", "r2"])
def test_finite_differences(name):
    """The penalty's gradient in the weights (a second derivative) against central differences."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 1), nn.Flatten(0)).double()
    with torch.no_grad():
        critic[2].weight.mul_(4)  # slopes on both sides of 1
    rng = torch.Generator()
    real, fake = torch.randn(2, 7, 3, dtype=torch.float64)

    def penalty():
        rng.manual_seed(1)
        if name == "r1":
            return penalties.r1_penalty(critic, real)
        if name == "r2":
            return penalties.r2_penalty(critic, fake)
        one_sided = name == "one-sided"
        return penalties.gradient_penalty(critic, real, fake, one_sided=one_sided, generator=rng)

    for parameter, gradient in zip(
        [critic[0].weight, critic[0].bias, critic[2].weight],
        torch.autograd.grad(penalty(), [critic[0].weight, critic[0].bias, critic[2].weight]),
        strict=True,
    ):
        flat, h = parameter.data.view(-1), 1e-6
        for i in range(len(flat)):
            kept = flat[i].item()
            flat[i] = kept + h
            up = penalty().item()
            flat[i] = kept - h
            down = penalty().item()
            flat[i] = kept
            assert gradient.view(-1)[i].item() == pytest.approx((up - down) / (2 * h), abs=1e-6)


@pytest.mark.parametrize("one_sided", [False, True])
def test_zero_gradient_is_not_nan(one_sided):
    """A critic that is flat where it is asked: the norm's derivative at 0 must not be 0/0."""
    critic = nets.MLPDiscriminator(2, width=4, depth=1)
    with torch.no_grad():
        critic.net[-1].weight.zero_()
    x = torch.randn(5, 2)
    for penalty, value in (
        (penalties.gradient_penalty(critic, x, -x, one_sided=one_sided), 0.0 if one_sided else 1.0),
        (penalties.r1_penalty(critic, x), 0.0),
        (penalties.r2_penalty(critic, x), 0.0),
    ):
        assert penalty.item() == value
        for gradient in weight_gradient(penalty, critic):
            assert gradient.isfinite().all()


def test_penalties_reach_the_critic_only():
    """A curved critic's penalty depends on where it is taken, yet sends nothing there."""
    critic = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0))
    real, fake = torch.randn(2, 4, 3)
    penalties.r1_penalty(critic, real)
    assert not real.requires_grad  # the caller's tensor is left as it is
    real.requires_grad_(), fake.requires_grad_()
    total = penalties.gradient_penalty(critic, real, fake)
    total = total + penalties.r1_penalty(critic, real) + penalties.r2_penalty(critic, fake)
    total.backward()
    assert real.grad is None and fake.grad is None
    assert critic[0].weight.grad.abs().sum() > 0


def test_input_gradient_is_each_sample_s_own():
    critic = nets.MLPDiscriminator(3, width=5).double()
    x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    rows = penalties.input_gradient(critic(x), x)
    assert rows.shape == (6, 3) and rows.requires_grad
    for i in range(6):
        one = x[i : i + 1].detach().requires_grad_()
        torch.testing.assert_close(rows[i], torch.autograd.grad(critic(one).sum(), one)[0][0])


# --- clipping -------------------------------------------------------------------------------------


def test_clipping_clamps_every_parameter_in_place():
    critic = nets.MLPDiscriminator(2)
    before = [p.detach().clone() for p in critic.parameters()]
    addresses = [p.data_ptr() for p in critic.parameters()]
    penalties.clip_weights_(critic, 0.05)
    assert [p.data_ptr() for p in critic.parameters()] == addresses
    for parameter, old in zip(critic.parameters(), before, strict=True):
        torch.testing.assert_close(parameter.detach(), old.clamp(-0.05, 0.05))
        assert parameter.requires_grad


# --- refusals -------------------------------------------------------------------------------------


def test_refusals(linear):
    x = images(3)
    with pytest.raises(ValueError, match=r"real has shape \(3, 2, 3, 3\) and fake \(2, 2, 3, 3\)"):
        penalties.gradient_penalty(linear, x, images(2))
    for bad in (x[:0], torch.zeros(3).double()):
        with pytest.raises(ValueError, match="need .N, "):
            penalties.gradient_penalty(linear, bad, bad)
        with pytest.raises(ValueError, match="real has shape"):
            penalties.r1_penalty(linear, bad)
        with pytest.raises(ValueError, match="fake has shape"):
            penalties.r2_penalty(linear, bad)
    with pytest.raises(ValueError, match=r"returned shape \(3, 1\) for 3 samples.*sigmoid"):
        penalties.r1_penalty(lambda x: x.flatten(1).sum(1, keepdim=True), x)
    for bound in (0, -0.01, float("nan")):
        with pytest.raises(ValueError, match="need a positive number"):
            penalties.clip_weights_(linear, bound)


def test_what_is_no_tensor_of_floats_is_named(linear):
    x = images(3)
    for bad, what in (([0.5], "list"), (x.long(), "torch.int64")):
        with pytest.raises(ValueError, match=f"real is {what}; need a tensor of floats"):
            penalties.r1_penalty(linear, bad)
        with pytest.raises(ValueError, match=f"real is {what}; need a tensor of floats"):
            penalties.gradient_penalty(linear, bad, x)
        with pytest.raises(ValueError, match=f"fake is {what}; need a tensor of floats"):
            penalties.gradient_penalty(linear, x, bad)
    with pytest.raises(ValueError, match="returned a list for 3 samples"):
        penalties.r1_penalty(lambda x: [0.0] * len(x), x)
    with pytest.raises(ValueError, match="real is torch.float64 on cpu and fake torch.float32"):
        penalties.gradient_penalty(linear, x, x.float())


def test_batches_made_in_inference_mode(linear):
    x = images(3)
    expected = penalties.r1_penalty(linear, x)
    with torch.inference_mode():
        made = images(3)
        torch.testing.assert_close(penalties.r1_penalty(linear, made), expected)
    torch.testing.assert_close(penalties.r1_penalty(linear, made), expected)


def test_a_generator_in_another_place_than_the_batches(linear):
    """As a run on a GPU that draws from the processor's stream: `meta` is a place without values."""
    x = images(3).to("meta")
    got = penalties.gradient_penalty(linear.to("meta"), x, x, generator=torch.Generator())
    assert got.device.type == "meta" and got.shape == ()


def test_weights_are_drawn_where_the_batches_are_whatever_the_default_device():
    """``meta`` stands in for a GPU as the session's default: what lands there has no values."""
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(8, 2, generator=rng), torch.randn(8, 2, generator=rng)
    w = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    values = []
    for default in ("cpu", "meta"):
        with torch.device(default):
            torch.manual_seed(3)
            penalty = penalties.gradient_penalty(lambda x: (x @ w * x).sum(1), real, fake)
            drawn = torch.Generator("cpu").manual_seed(3)
            given = penalties.gradient_penalty(lambda x: (x @ w * x).sum(1), real, fake, generator=drawn)
        values += [penalty.item(), given.item()]
    assert values == [values[0]] * 4 and values[0] > 0
