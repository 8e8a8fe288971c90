"""The truths of "Answer first" are typed into comments: here each number is computed again."""

import math

import pytest
from scipy.stats import wasserstein_distance

from scripts import book, practice

ROW = range(5)
COMPUTED = {
    # counted by a claim of its page, "different ends of the five walks"
    "Different ends": 4,
    "The divergence is at least, in nats": (-1 + math.log(4)) / 2,
    "The largest V": 0,
    "The largest stable step": 2 * 0.01 / (0.01**2 + 2**2),
    "Modes that the samples share": round(8 / math.exp(1.39)),
    "The cost of moving at a hundredth": 0.01,
    "The cost": wasserstein_distance(ROW, ROW, [0.1, 0.4, 0, 0.3, 0.2], [0.3, 0.1, 0.2, 0.1, 0.3]),
    "The bias, in percent of the other": 100 * (1 / 10_000 + 1 / 60_000) / (2 / 10_000),
}
GUESSES = [
    (path.stem, practice.guess(*found))
    for path in book.notebooks()
    for found in practice.GUESS.findall(path.read_text(encoding="utf-8"))
]
NUMBERS = [(page, guess) for page, guess in GUESSES if "within" in guess]
CASES = {("15-clinic", 5), ("15-clinic-deeper-signs", 8)}  # the numbers of cases, not results


@pytest.mark.parametrize(("page", "guess"), NUMBERS)
def test_a_typed_truth_is_the_computed_one(page, guess):
    if guess["label"] == "The case's number":
        assert (page, guess["right"]) in CASES
        return
    # rounded, and never by as much as an answer may be off
    off = abs(guess["right"] - COMPUTED[guess["label"]])
    assert off <= guess["within"] / 2 and off <= 0.006 * guess["right"]


def test_none_is_left_over():
    asked = {guess["label"] for _, guess in NUMBERS}
    assert asked - {"The case's number"} == set(COMPUTED)
