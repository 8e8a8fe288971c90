"""The Dirac-GAN's fields against closed forms, and its eigenvalues against what is measured."""

import math

import pytest
import torch

from gancourse import dynamics
from gancourse.dynamics import DIRAC, dirac, jacobian, largest_stable_step, simulate

SCHEMES = ("simultaneous", "alternating")
START = (1.0, 1.0)


def final_radius(name, scheme, **settings):
    return float(simulate(dirac(name, **settings), START, 0.2, 500, scheme)[-1].norm())


@pytest.mark.parametrize(
    "name, simultaneous, alternating",
    [
        ("minimax", 3.35, 1.34),
        ("nonsaturating", 0.640, 0.284),
        ("wgan", 25_636, 1.40),
        ("wgan-clip", 1.17, 1.02),
        ("wgan-gp", 1.71, 1.28),
        ("r1", 0.0, 0.0),
        ("noise", 0.0, 0.0),
    ],
)
def test_final_radius_after_500_steps(name, simultaneous, alternating):
    """The table of recipes.md: learning rate 0.2, start (1, 1), 500 steps."""
    assert final_radius(name, "simultaneous") == pytest.approx(simultaneous, rel=5e-3, abs=1e-3)
    assert final_radius(name, "alternating") == pytest.approx(alternating, rel=5e-3, abs=1e-3)


def test_fields_equal_their_closed_forms():
    theta, psi = torch.randn(2, 40, generator=torch.Generator().manual_seed(0)).double()
    points, down = torch.stack([theta, psi], -1), torch.sigmoid(-psi * theta)
    up = 1 - down
    expected = {  # (d theta / dt, d psi / dt); up = D(theta), the slope of -log(1 - D)
        "minimax": (psi * up, -theta * up),
        "nonsaturating": (psi * down, -theta * up),
        "wgan": (psi, -theta),
        "wgan-clip": (psi, -theta),
        "wgan-gp": (psi, -theta - 2.0 * (psi.abs() - 0.5) * psi.sign()),
        "r1": (psi * up, -theta * up - 2.0 * psi),
    }
    for name, field in expected.items():
        got = dirac(name, gamma=2.0, target=0.5).field(points)
        torch.testing.assert_close(got, torch.stack(field, -1))


def test_instance_noise_is_the_average_over_noisy_points():
    generator, sigma, theta, psi = torch.Generator().manual_seed(0), 0.7, 0.8, -0.6
    noise = sigma * torch.randn(2, 400_000, generator=generator).double()
    real, fake = noise[0], theta + noise[1]
    v = (psi * torch.sigmoid(psi * fake)).mean()
    w = (real * torch.sigmoid(-psi * real) - fake * torch.sigmoid(psi * fake)).mean()
    got = dirac("noise", sigma=sigma).field(torch.tensor([theta, psi]).double())
    torch.testing.assert_close(got, torch.stack([v, w]), atol=3e-3, rtol=0)


@pytest.mark.parametrize("name", DIRAC)
def test_field_is_minus_the_gradient_of_each_players_loss(name):
    game, eps = dirac(name), 1e-6
    t, p = torch.tensor(0.7).double(), torch.tensor(-0.4).double()
    v = -(game.loss_g(t + eps, p) - game.loss_g(t - eps, p)) / (2 * eps)
    w = -(game.loss_d(t, p + eps) - game.loss_d(t, p - eps)) / (2 * eps)
    torch.testing.assert_close(game.field(torch.stack([t, p])), torch.stack([v, w]))


def test_eigenvalues_at_the_equilibrium():
    """Mescheder et al. 2018: +-i f'(0); R1 -gamma/2 +- ..., noise f''(0) sigma^2 +- ..."""

    def eigenvalues(name, **settings):
        values = torch.linalg.eigvals(jacobian(dirac(name, **settings)))
        return sorted(values.tolist(), key=lambda v: (v.imag, v.real))

    assert eigenvalues("minimax") == pytest.approx([-0.5j, 0.5j])
    assert eigenvalues("nonsaturating") == pytest.approx([-0.5j, 0.5j])
    assert eigenvalues("wgan") == pytest.approx([-1j, 1j])
    root = math.sqrt(0.25 - 0.3**2 / 4)
    assert eigenvalues("r1", gamma=0.3) == pytest.approx([-0.15 - root * 1j, -0.15 + root * 1j])
    root = math.sqrt(3.0**2 / 4 - 0.25)
    assert eigenvalues("r1", gamma=3.0) == pytest.approx([-1.5 - root, -1.5 + root])
    real, sigma = -0.25 * 0.6**2, 0.6
    root = math.sqrt(0.25 - real**2)
    assert eigenvalues("noise", sigma=sigma) == pytest.approx([real - root * 1j, real + root * 1j])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "name, settings",
    [
        ("minimax", {}),
        ("nonsaturating", {}),
        ("wgan", {}),
        ("r1", {"gamma": 0.25}),
        ("r1", {"gamma": 0.5}),
        ("r1", {"gamma": 2.0}),
        ("noise", {"sigma": 0.5}),
        ("noise", {"sigma": 1.0}),
    ],
)
def test_eigenvalues_predict_the_measured_rate(name, settings, scheme):
    game = dirac(name, **settings)
    path = simulate(game, (1e-3, 1e-3), 0.2, 400, scheme)[100:]
    predicted = dynamics.predicted_rate(jacobian(game), 0.2, scheme)
    assert dynamics.measured_rate(path) == pytest.approx(predicted, rel=0.02, abs=1e-5)


def test_two_learning_rates_reach_the_right_player():
    game, lr = dirac("r1", gamma=0.5), (0.05, 0.3)
    for scheme in SCHEMES:
        matrix = dynamics.step_matrix(jacobian(game), lr, scheme)
        start = torch.tensor([1e-6, 2e-6]).double()
        moved = simulate(game, start, lr, 1, scheme)[1]
        torch.testing.assert_close(moved, matrix @ start, rtol=1e-5, atol=0)
    slow_g = simulate(game, START, (1e-9, 0.2), 20)[-1]
    assert slow_g[0] == pytest.approx(1.0, abs=1e-6) and abs(slow_g[1] - 1.0) > 0.1


def test_largest_stable_step():
    jac = jacobian(dirac("r1", gamma=0.5))
    values = torch.linalg.eigvals(jac)
    closed = float((-2 * values.real / values.abs() ** 2).min())
    assert largest_stable_step(jac) == pytest.approx(closed, rel=1e-9)
    for scheme in SCHEMES:
        h, game = largest_stable_step(jac, scheme), dirac("r1", gamma=0.5)
        inside = simulate(game, (1e-3, 0.0), 0.98 * h, 400, scheme)[-1].norm()
        outside = simulate(game, (1e-3, 0.0), 1.02 * h, 400, scheme)[-1].norm()
        assert inside < 1e-3 < outside
    # Plain rotation shrinks for no simultaneous step, and is only carried around by alternation.
    assert largest_stable_step(jacobian(dirac("wgan"))) == 0.0
    assert largest_stable_step(jacobian(dirac("wgan")), "alternating") == 0.0


def test_alternating_keeps_a_rotation_bounded_up_to_its_limit():
    """Eigenvalues stay on the unit circle for h < 2 / |f'(0)| (WGAN: 2), then leave it."""
    jac = jacobian(dirac("wgan"))
    assert dynamics.predicted_rate(jac, 1.9, "alternating") == pytest.approx(0.0, abs=1e-12)
    assert dynamics.predicted_rate(jac, 2.1, "alternating") > 0.1
    assert dynamics.predicted_rate(jac, 0.1, "simultaneous") == pytest.approx(0.5 * math.log(1 + 0.1**2))


def test_batches_of_starts_run_side_by_side():
    game = dirac("wgan-clip", clip=0.5)
    starts = torch.randn(4, 2, generator=torch.Generator().manual_seed(0)).double()
    together = simulate(game, starts, steps=30)
    assert together.shape == (31, 4, 2)
    torch.testing.assert_close(together[:, 2], simulate(game, starts[2], steps=30))
    assert together[1:, :, 1].abs().max() <= 0.5
    points, arrows = dynamics.phase_portrait(game, extent=1.5, n=5)
    assert points.shape == arrows.shape == (5, 5, 2) and points.max() == 1.5
    torch.testing.assert_close(arrows[1, 3], game.field(points[1, 3]))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="name='hinge'"):
        dirac("hinge")
    with pytest.raises(ValueError, match="scheme='parallel'"):
        simulate(dirac("r1"), START, scheme="parallel")
    with pytest.raises(ValueError, match="lr="):
        simulate(dirac("r1"), START, lr=(0.1, 0.0))
