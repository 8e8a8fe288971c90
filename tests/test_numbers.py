"""Numbers as people give them: one meaning each, whatever their type."""

import numpy as np
import pytest
import torch

from gancourse._numbers import real, whole

THREES = [3, 3.0, np.int64(3), np.uint8(3), np.float32(3), np.array(3), np.array([3]),
          torch.tensor(3), torch.tensor(3.0), torch.tensor([3]), torch.tensor(3).half()]  # fmt: skip


@pytest.mark.parametrize("value", THREES, ids=repr)
def test_a_three_is_a_three(value):
    for got, kind in ((whole("k", value), int), (real("lr", value), float)):
        assert got == 3 and type(got) is kind


NO_NUMBERS = [True, np.True_, torch.tensor(True), "3", b"3", None, [3], torch.ones(2), 3j,
              float("nan"), float("inf"), torch.tensor(3, device="meta")]  # fmt: skip


@pytest.mark.parametrize("value", [*NO_NUMBERS, 2.5, 0, -1, np.float64(0.5)], ids=repr)
def test_no_positive_whole_number(value):
    with pytest.raises(ValueError, match="^k=.*; need a positive whole number$"):
        whole("k", value)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 10**400, 0.0, -1, 1.5], ids=lambda v: repr(v)[:9])
def test_no_share(value):
    with pytest.raises(ValueError, match=r"^lr=.*; need a share in \(0, 1\]$"):
        real("lr", value, "a share in (0, 1]", above=0, most=1)


def test_bounds_are_allowed_and_said():
    assert whole("k", 0, 0, 4) == 0 and whole("k", 4, 0, 4) == 4 and whole("k", -7, None) == -7
    assert real("x", 1, most=1) == 1 and real("x", 0, least=0) == 0
    for bounds, need in {
        (0, 4): "a whole number, 0 to 4",
        (2, None): "a whole number, 2 or more",
        (None, 4): "a whole number, at most 4",
    }.items():
        with pytest.raises(ValueError, match=f"^k=9.5; need {need}$"):
            whole("k", 9.5, *bounds)
    with pytest.raises(ValueError, match="k=5"):
        whole("k", 5, 0, 4)
