"""What "real" means: exact distributions, and images whose factors are known."""

import math

import pytest
import torch

from gancourse import data


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_ring_has_distinct_centers_on_the_circle():
    mixture = data.ring(modes=8, radius=2.0)
    assert mixture.centers.shape == (8, 2)
    assert torch.allclose(mixture.centers.norm(dim=1), torch.full((8,), 2.0))
    # linspace(0, 2 pi, 8) would make the smallest distance 0
    assert torch.pdist(mixture.centers).min() > 1


def test_grid_is_centered_and_spaced():
    centers = data.grid(side=5, spacing=2.0).centers
    assert centers.shape == (25, 2)
    assert centers.mean(0).abs().max() < 1e-6
    assert torch.pdist(centers).min() == 2
    assert data.grid(side=1).centers.shape == (1, 2)


def test_mixture_density_integrates_to_one_and_matches_samples():
    mixture = data.GaussianMixture(torch.tensor([[-0.5, 0.0], [0.7, 0.3]]), 0.2)
    axis = torch.linspace(-3, 3, 301, dtype=torch.float64)
    density = mixture.density(torch.cartesian_prod(axis, axis))
    assert abs(density.sum().item() * 0.02**2 - 1) < 1e-6
    samples = mixture.sample(20_000, generator=rng())
    assert samples.shape == (20_000, 2) and samples.dtype == torch.float32
    assert (samples.mean(0) - mixture.centers.mean(0)).abs().max() < 0.02
    # share of samples in the right half against the density's
    right = density.reshape(301, 301)[151:].sum().item() * 0.02**2
    assert abs((samples[:, 0] > 0.01).float().mean().item() - right) < 0.015


def test_density_of_one_gaussian_is_the_closed_form():
    x = torch.tensor([[0.3, -0.4]])
    expected = math.exp(-0.125 / 0.25) / (2 * math.pi * 0.25)
    got = data.GaussianMixture(torch.zeros(1, 2), 0.5).density(x).item()
    assert got == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("make", [data.ring, data.grid, data.swiss_roll])
def test_samples_follow_their_generator(make):
    first, again = (make().sample(50, generator=rng(3)) for _ in range(2))
    other = make().sample(50, generator=rng(4))
    assert first.equal(again) and not first.equal(other)


def test_swiss_roll_stays_between_its_radii():
    radius = data.swiss_roll(std=0.0).sample(1000, generator=rng()).norm(dim=1)
    assert 0.33 < radius.min() < 0.4 and 0.95 < radius.max() < 1.001


def test_parallel_lines():
    real, fake = (line.sample(100, generator=rng()) for line in data.parallel_lines(0.25))
    assert (real[:, 0] == 0).all() and (fake[:, 0] == 0.25).all()
    assert real[:, 1].min() >= 0 and real[:, 1].max() <= 1


def test_digits_splits_do_not_overlap_and_keep_their_labels():
    train, test, both = data.digits("train"), data.digits("test"), data.digits("all")
    assert (len(train), len(test), len(both)) == (1437, 360, 1797)
    assert train.images.shape == (1437, 1, 8, 8) and train.images.dtype == torch.uint8
    assert both.images.equal(torch.cat([train.images, test.images]))
    assert test.labels.bincount(minlength=10).min() >= 25  # shuffled: no class is missing
    from sklearn.datasets import load_digits

    bunch = load_digits()
    assert both.images.float().mean().item() == pytest.approx(bunch.images.mean() * 255 / 16, abs=0.3)
    zero = torch.from_numpy(bunch.images[bunch.target == 0]).mean(0) * 255 / 16
    ours = both.images[both.labels == 0].double().mean((0, 1))
    assert (zero - ours).abs().max() < 0.5


def test_float_images_fill_the_range_of_tanh():
    x = data.digits().float()
    assert x.dtype == torch.float32 and x.min() == -1 and x.max() == 1


def test_glyphs_repeat_with_their_seed_and_know_their_factors():
    one, again, other = data.glyphs(300, seed=5), data.glyphs(300, seed=5), data.glyphs(300, seed=6)
    assert one.images.equal(again.images) and one.labels.equal(again.labels)
    assert not one.images.equal(other.images)
    assert one.images.shape == (300, 1, 28, 28)
    assert one.factors is not None and {len(v) for v in one.factors.values()} == {300}
    # every glyph has ink, none of it cut off at the border
    ink = one.images.float().sum((1, 2, 3)) / 255
    assert ink.min() > 15
    border = torch.cat([one.images[..., 0, :], one.images[..., -1, :]], -1)
    assert (border > 0).float().mean() < 0.02


def test_glyph_factors_are_what_was_drawn():
    images = data.glyphs(2000, seed=1, classes="O")
    assert images.factors is not None
    mass = images.images[:, 0].double()
    axis = torch.arange(28.0).double() + 0.5
    center_x = (mass.sum(1) * axis).sum(1) / mass.sum((1, 2))
    expected = 28 * (0.5 + images.factors["shift_x"])
    # slanted faces and skew move the center of mass a little, not by pixels
    assert (center_x - expected).abs().mean() < 0.5
    ink = mass.sum((1, 2))
    pair = torch.stack([ink, images.factors["stroke"].double()])
    assert torch.corrcoef(pair)[0, 1] > 0.3


def test_every_factor_is_drawn_and_in_its_direction():
    """Shift and height by the box of the ink; shear by the slope of an upright stroke."""
    glyphs = data.glyphs(1500, seed=3, classes="I")
    assert glyphs.factors is not None
    mass = glyphs.images[:, 0].double()
    axis = torch.arange(28.0).double() + 0.5
    total = mass.sum((1, 2))
    center_y = (mass.sum(2) * axis).sum(1) / total
    # Rows count downwards, shift_y upwards.
    assert (center_y - 28 * (0.5 - glyphs.factors["shift_y"])).abs().mean() < 0.5
    rows = mass.amax(2) > 100
    height = rows.sum(1).double()
    assert torch.corrcoef(torch.stack([height, glyphs.factors["height"]]))[0, 1] > 0.6
    assert (height / (28 * glyphs.factors["height"])).median() == pytest.approx(1, abs=0.15)
    # A positive shear leans the top to the right; so does a negative rotation.
    center_x = (mass.sum(1) * axis).sum(1) / total
    dx, dy = axis - center_x[:, None], center_y[:, None] - axis
    covariance = (mass * dx[:, None, :] * dy[:, :, None]).sum((1, 2))
    slope = covariance / (mass * dy[:, :, None].square()).sum((1, 2))
    lean = torch.stack([slope, glyphs.factors["shear"], -glyphs.factors["rotation"]])
    assert torch.corrcoef(lean)[0, 1] > 0.4 and torch.corrcoef(lean)[0, 2] > 0.4


def test_other_sizes_and_alphabets():
    small = data.glyphs(70, size=16, classes="AB")
    assert small.images.shape == (70, 1, 16, 16) and small.classes == ("A", "B")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: data.ring(modes=0), "modes=0"),
        (lambda: data.grid(side=0), "side=0"),
        (lambda: data.ring(std=0.0), "std=0.0"),
        (lambda: data.ring().sample(0), "n=0"),
        (lambda: data.ring().density(torch.zeros(3)), "x has shape (3,)"),
        (lambda: data.GaussianMixture(torch.zeros(0, 2), 1.0), "centers has shape (0, 2)"),
        (lambda: data.digits("validation"), "split='validation'"),
        (lambda: data.glyphs(0), "n=0"),
        (lambda: data.glyphs(2, size=4), "size=4"),
        (lambda: data.glyphs(2, classes="11"), "classes='11'"),
        (lambda: data.glyphs(2, classes="a "), "visible ASCII"),
        (lambda: data.ImageSet(torch.zeros(2, 8, 8), torch.zeros(2), ("a",)), "images is"),
        (
            lambda: data.ImageSet(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(3), ("a",)),
            "labels has shape (3,)",
        ),
        (
            lambda: data.ImageSet(
                torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 2]), ("a", "b")
            ),
            "labels has values from 0 to 2; need 0 to 1",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)


# --- stacked images ---------------------------------------------------------------------------------


def test_stacked_channels_show_the_labels_classes():
    source = data.digits("test")
    images = data.stacked(source, 500, seed=2)
    assert images.images.shape == (500, 3, 8, 8) and len(images.classes) == 1000
    assert images.classes[407] == "407"
    # find each channel's image in the source: its class must be the label's digit
    flat = source.images.flatten(1).float()
    for i in range(20):
        for channel, digit in enumerate(f"{int(images.labels[i]):03d}"):
            distance = (flat - images.images[i, channel].flatten().float()).abs().sum(1)
            assert distance.min() == 0 and source.labels[distance.argmin()] == int(digit)
    assert images.labels.unique().numel() > 300
