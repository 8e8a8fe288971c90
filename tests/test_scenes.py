"""Clips under exact physics, and pictures whose sentence says what they show."""

import numpy as np
import pytest
import torch

from gancourse import data
from gancourse.data.scenes import OTHER_WORDS, _centers, _reflected

LOW, HIGH = (16 * wall for wall in data.WALLS)


@pytest.fixture(scope="module")
def clips():
    return data.moving(300, seed=4)


@pytest.fixture(scope="module")
def scenes():
    return data.captioned(1500, 32, seed=2)


def test_clips_repeat_with_their_seed(clips):
    again, other = data.moving(300, seed=4), data.moving(300, seed=5)
    assert clips.images.equal(again.images) and not clips.images.equal(other.images)
    assert clips.images.shape == (300, 8, 16, 16) and len(clips.classes) == 10
    assert data.moving(2, 3, 32, classes="AB").images.shape == (2, 3, 32, 32)


def test_the_ink_is_where_the_factors_say(clips):
    path = torch.stack([clips.factors["x"], clips.factors["y"]], -1)
    off = _centers(clips.images.numpy()) - path.numpy()
    assert np.abs(off).max() < 0.12 and np.abs(off).mean() < 0.02


def test_reflection_is_a_ball_followed_step_by_step():
    """The formula against a simulation that turns round at each wall, in steps of a 10,000th."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        x, v = rng.uniform(0.2, 0.8), rng.uniform(-3, 3)
        start, velocity = x, v
        for _ in range(10_000):
            x += v / 10_000
            if (x > 0.8 and v > 0) or (x < 0.2 and v < 0):
                v = -v
        assert _reflected(np.array(start + velocity), 0.2, 0.8) == pytest.approx(x, abs=5e-3)


def test_speed_is_kept_and_walls_are_too(clips):
    f = clips.factors
    assert torch.stack([f["x"], f["y"]]).min() >= LOW and torch.stack([f["x"], f["y"]]).max() <= HIGH
    speed = torch.hypot(f["vx"], f["vy"])
    assert torch.allclose(speed, torch.full_like(speed, 16 * data.SPEED))
    path = torch.stack([f["x"], f["y"]], -1)
    step = path.diff(dim=1).norm(dim=2)
    assert step.max() < 1.6 + 1e-9  # a bounce within a step shortens it, nothing lengthens it
    margin = 0.8  # half a step from every wall, at both ends: no bounce can lie between
    inside = ((path > LOW + margin) & (path < HIGH - margin)).all(2)
    free = inside[:, 1:] & inside[:, :-1]
    assert free.sum() > 300 and (step[free] - 1.6).abs().max() < 1e-9


def test_bounces_are_counted(clips):
    short = data.moving(300, 4, seed=4).factors  # 4.8 pixels: not every clip meets a wall
    end = short["x"][:, 0] + 3 * short["vx"], short["y"][:, 0] + 3 * short["vy"]
    inside = torch.stack([(e >= LOW) & (e <= HIGH) for e in end]).all(0)
    assert inside.equal(short["bounces"] == 0) and 0.1 < inside.float().mean() < 0.6
    # in eight frames every glyph meets one: 11.2 pixels do not fit between walls 8 apart
    assert clips.factors["bounces"].bincount(minlength=4).tolist()[0] <= 3
    assert clips.factors["bounces"].max() == 3


def test_scenes_repeat_and_fit_their_size(scenes):
    again = data.captioned(1500, 32, seed=2)
    assert scenes.images.equal(again.images) and scenes.captions == again.captions
    assert scenes.captions != data.captioned(1500, 32, seed=3).captions
    assert scenes.images.shape == (1500, 3, 32, 32) and scenes.labels.equal(scenes.factors["symbol"])
    assert data.captioned(3, 16).images.shape == (3, 3, 16, 16)


def test_captions_name_every_factor_and_no_other(scenes):
    tables = {"color": data.COLORS, "size": data.SIZES, "place": data.PLACES, "slant": data.SLANTS}
    for name, table in tables.items():
        for i, caption in enumerate(scenes.captions):
            words = caption.replace(":", " ").replace(",", " ")
            said = [k for k, word in enumerate(table)
                    if word in words or OTHER_WORDS.get(word, word) in words]  # fmt: skip
            assert said == [int(scenes.factors[name][i])], caption
    for i, caption in enumerate(scenes.captions):
        assert [c for c in "AOTX" if c in caption.split() or f"{c}," in caption.split()] == [
            scenes.classes[int(scenes.labels[i])]
        ]
    assert len(set(scenes.captions)) > 600  # 128 scenes, each in many words


def test_pictures_show_what_the_factors_say(scenes):
    x, f = scenes.images.float() / 255, scenes.factors
    ink = (x.amax(1) - 0.5).clamp(min=0)  # grounds are dark, glyphs are not
    assert (ink.sum((1, 2)) > 3).all()
    center = torch.from_numpy(_centers(ink.numpy()))
    right, top = center[:, 0] > 16, center[:, 1] < 16
    place = 2 * (~top).long() + right.long()  # the order of PLACES
    assert place.equal(f["place"])
    mean = (x * ink[:, None]).sum((2, 3)) / ink.sum((1, 2))[:, None]
    table = torch.tensor(list(data.COLORS.values()))
    assert torch.cdist(mean, table).argmin(1).equal(f["color"])
    height = (ink > 0.1).any(2).sum(1)
    assert height[f["size"] == 1].min() > height[f["size"] == 0].max()
    # a slanted glyph's top lies further right than its foot
    rows = torch.arange(32.0)[:, None] + 0.5 - center[:, 1, None, None]
    columns = torch.arange(32.0)[None] + 0.5 - center[:, 0, None, None]
    lean = -(ink * rows * columns).sum((1, 2)) / (ink * rows**2).sum((1, 2))
    for k in range(4):
        of = scenes.labels == k
        slanted = lean[of & (f["slant"] == 1)].median() - lean[of & (f["slant"] == 0)].median()
        assert slanted == pytest.approx(0.42, abs=0.1)


def test_factors_are_independent(scenes):
    names = ("symbol", "color", "size", "place", "slant", "ground")
    table = torch.stack([scenes.factors[name].double() for name in names])
    assert (torch.corrcoef(table) - torch.eye(6)).abs().max() < 0.1
    for name, k in zip(names, (4, 4, 2, 4, 2, 3), strict=True):
        assert scenes.factors[name].bincount(minlength=k).min() > 0.8 * 1500 / k


def test_textured_grounds_are_textured_and_dark(scenes):
    x, kind = scenes.images.float() / 255, scenes.factors["ground"]
    corner = torch.where(  # 8 x 8 pixels of the corner across from the glyph
        (scenes.factors["place"] < 2)[:, None, None], x[:, 0, 24:, 12:20], x[:, 0, :8, 12:20]
    ).flatten(1)
    assert corner.amax(1)[scenes.factors["size"] == 0].max() < 0.4
    spread = corner.std(1)[scenes.factors["size"] == 0]
    small = kind[scenes.factors["size"] == 0]
    assert spread[small == 0].max() < 0.005 and spread[small > 0].min() > 0.02


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: data.moving(0), "n=0"),
        (lambda: data.moving(2, frames=1), "frames=1"),
        (lambda: data.moving(2, size=8), "size=8"),
        (lambda: data.moving(2, classes="11"), "classes='11'"),
        (lambda: data.captioned(0), "n=0"),
        (lambda: data.captioned(2, 8), "size=8"),
        (lambda: data.captioned(2, classes=""), "classes=''"),
        (
            lambda: data.CaptionedSet(
                torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.zeros(2), ("a",), None, ("one",)
            ),
            "captions has 1; need 2",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)
