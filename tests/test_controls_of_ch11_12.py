"""Two measurements that once misled: each is tried on cases whose answer is known."""

import torch
from torch import nn

from gancourse import data
from scripts.experiments import ch11, ch12


class Gaze(nn.Module):
    """A "discriminator" whose gradient is known."""

    def __init__(self, logit):
        super().__init__()
        self.logit = logit

    def forward(self, x):
        return self.logit(x).flatten(1).sum(1)


def test_a_gaze_at_the_middle_is_told_from_one_at_the_strokes():
    x = data.glyphs(400, size=16, seed=3).float()
    rows = torch.arange(16) - 7.5
    middle = torch.exp(-(rows[:, None] ** 2 + rows**2) / 20)
    blind = ch11.gaze(Gaze(lambda x: middle * x), x)  # looks at the middle, whatever is there
    assert blind["share"] > blind["area"] + 0.3  # the number that misled
    assert abs(blind["share"] - blind["other"]) < 0.03
    assert blind["fixed"] > blind["share"] - 0.02
    assert abs(blind["ratio"] - 1) < 0.2
    seeing = ch11.gaze(Gaze(lambda x: (x + 1) ** 2), x)  # no gradient on the ground
    assert seeing["share"] > 0.99 and seeing["other"] < 0.95 and seeing["ratio"] > 20


def test_what_all_pictures_have_in_common_does_not_hide_a_mark():
    page, x = ch12.page, data.glyphs(1500, size=12, seed=8).float()
    marked, mine = page.blur(page.mark(x[:500])), page.blur(x[500:1000])
    other = page.blur(x[1000:])  # not marked
    usual = page.detail(mine)
    assert page.z_score(marked) < 4  # drowned
    assert page.z_score(marked, usual) > 5.5
    assert abs(page.z_score(other, usual)) < 3
