"""Glyphs in two styles, and the two photographs."""

import pytest
import torch

from gancourse import data


def test_a_pair_shares_class_and_pose_and_differs_in_style():
    thin, bold = data.style_pair(200, seed=3)
    again = data.style_pair(200, seed=3)
    assert thin.images.equal(again[0].images) and bold.images.equal(again[1].images)
    assert thin.images.shape == (200, 1, 28, 28) and thin.labels.equal(bold.labels)
    for name in ("height", "shear", "rotation", "shift_x", "shift_y"):
        assert thin.factors[name].equal(bold.factors[name]), name
    ink, more = (s.images.double().sum((1, 2, 3)) for s in (thin, bold))
    assert (more > 1.3 * ink).all()
    # In the same place: nearly all of the thin ink lies on bold ink.
    on = torch.minimum(thin.images, bold.images).double().sum((1, 2, 3)) / ink
    own = torch.minimum(thin.images, bold.images.roll(1, 0)).double().sum((1, 2, 3)) / ink
    assert on.mean() > 0.95 and own.mean() < 0.8


def test_without_pairs_the_second_set_is_another():
    thin, bold = data.style_pair(200, seed=3, paired=False)
    paired, its_bold = data.style_pair(200, seed=3)
    assert thin.images.equal(paired.images) and not bold.images.equal(its_bold.images)
    assert (thin.labels == bold.labels).double().mean() < 0.3
    same = data.style_pair(50, styles=("bold", "bold"), paired=False)
    assert not same[0].images.equal(same[1].images)


def test_the_phase_of_a_hatched_glyph_is_its_own():
    thin, hatched = data.style_pair(400, seed=1, styles=("thin", "hatched"))
    assert "phase" not in thin.factors and 0.4 < hatched.factors["phase"].mean() < 0.6
    # The stripes' phase, read from the picture: the mean of ink x exp(i angle) along the diagonal.
    axis = torch.arange(28.0)
    angle = 2 * torch.pi * (axis[:, None] + axis[None, :]) / 4
    wave = torch.polar(torch.ones(28, 28), angle)
    found = -(hatched.images[:, 0] * wave).sum((1, 2)).angle() / (2 * torch.pi) % 1
    apart = (found - hatched.factors["phase"] + 0.5) % 1 - 0.5
    assert apart.abs().median() < 0.03
    other = data.style_pair(400, seed=2, styles=("thin", "hatched"))[1]
    assert not other.factors["phase"].equal(hatched.factors["phase"])
    twins = data.style_pair(50, styles=("hatched", "hatched"))
    assert not twins[0].factors["phase"].equal(twins[1].factors["phase"])


def test_photographs_keep_halves_apart():
    train, test = data.photographs("train"), data.photographs("test")
    assert train.classes == ("temple", "flower") and train.images.shape[1:] == (3, 32, 32)
    assert train.labels.bincount().tolist() == [130, 130] == test.labels.bincount().tolist()
    assert train.factors["column"].max() + 32 <= 320 <= test.factors["column"].min()
    whole = data.photographs("whole").images
    assert whole.shape == (2, 3, 427, 640)
    for part in (train, test, data.photographs("test", size=16, step=7)):
        size = part.images.shape[-1]
        for i in (0, 77, len(part) - 1):
            row, column = int(part.factors["row"][i]), int(part.factors["column"][i])
            patch = whole[part.labels[i], :, row : row + size, column : column + size]
            assert part.images[i].equal(patch)
    # The temple stands against a blue sky, the dahlia is orange in the middle.
    sky, petals = (
        whole[0, :, :100].double().mean((1, 2)),
        whole[1, :, 150:280, 250:400].double().mean((1, 2)),
    )
    assert sky[2] > sky[0] and petals[0] > petals[2]


def test_photographs_are_the_callers_own():
    data.photographs("whole").images.zero_()
    data.photographs("train").images.zero_()
    assert data.photographs("whole").images.any() and data.photographs("train").images.any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: data.style_pair(0), "n=0"),
        (lambda: data.style_pair(2, size=4), "size=4"),
        (lambda: data.style_pair(2, styles=("thin", "fat")), "need two of thin, bold"),
        (lambda: data.style_pair(2, styles=("thin",)), "styles=('thin',)"),
        (lambda: data.style_pair(2, classes="11"), "classes='11'"),
        (lambda: data.style_pair(2, seed=-1), "seed=-1"),
        (lambda: data.photographs("left"), "split='left'"),
        (lambda: data.photographs(size=321), "size=321"),
        (lambda: data.photographs(step=0), "step=0"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)
