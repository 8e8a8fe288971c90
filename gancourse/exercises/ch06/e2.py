"""Exercise 6.2: The two-point basin."""

import math

from .. import Exercise, Mistake


def _best_separable(real, fake):
    value = 0.0
    for place in set(real) | set(fake):
        r, f = real.count(place), fake.count(place)
        value += r * math.log(r / (r + f)) if r else 0.0
        value += f * math.log(f / (r + f)) if f else 0.0
    return value / (2 * len(real))


def _best_paired(real, fake):
    # a pair at one place is worth log(1/2) whatever f is; a closed loop of pairs likewise
    pairs = list(zip(real, fake, strict=True))
    reach = {(a, b) for a, b in pairs}
    for _ in pairs:
        reach |= {(a, d) for a, b in reach for c, d in reach if b == c}
    stuck = sum((b, a) in reach or a == b for a, b in pairs)
    return -math.log(2) * stuck / len(pairs)


def _basin(real, fake):
    return _best_separable(real, fake), _best_paired(real, fake)


def _basin_sums(real, fake):
    separable, paired = _basin(real, fake)
    return separable * 2 * len(real), paired * len(real)


def _basin_apart(real, fake):
    """Real and generated points at one place get logits of their own."""
    return 0.0, 0.0


def _basin_half(real, fake):
    """D = 1/2 wherever both kinds meet, whatever their numbers."""
    shared = set(real) & set(fake)
    together = sum(p in shared for p in real) + sum(p in shared for p in fake)
    return -math.log(2) * together / (2 * len(real)), _best_paired(real, fake)


def _basin_all_pairs(real, fake):
    met = sum(r == f for r in real for f in fake)
    matched = sorted(real) == sorted(fake)
    value = -math.log(2) if matched else -math.log(2) * met / len(real) ** 2
    return _best_separable(real, fake), value


def _basin_not_swapped(real, fake):
    tosses = sum(r == f for r, f in zip(real, fake, strict=True))
    return _best_separable(real, fake), -math.log(2) * tosses / len(real)


def _basin_places(real, fake):
    return _best_separable(real, fake), -math.log(2) * len(set(real) & set(fake)) / len(real)


def _basin_half_won(real, fake):
    """Swapped pairs: one of them won, the other lost by as much."""
    stuck = _best_paired(real, fake)
    return _best_separable(real, fake), stuck / 2 if _swapped_state(real, fake) else stuck


def _swapped_state(real, fake):
    return real[0] != real[1] and tuple(real[::-1]) == tuple(fake)


def _basin_by_ascent(real, fake):
    """What the chapter's `best_value` returns: 400 steps of Adam on one logit for each place."""
    return _ASCENT["".join((*real, *fake))]


def _basin_positive(real, fake):
    separable, paired = _basin(real, fake)
    return -separable, -paired


_STATES = [
    (("a", "b"), ("c", "d")),
    (("a", "b"), ("a", "c")),
    (("a", "b"), ("a", "a")),
    (("a", "b"), ("a", "b")),
    (("a", "b"), ("b", "a")),
    (("a", "b"), ("b", "c")),  # a place in common, but not in a pair
    (("a", "b"), ("c", "a")),
    (("a", "b"), ("b", "b")),
    (("a", "b"), ("c", "b")),
    (("a", "a"), ("a", "b")),  # both real points at one place
    (("c", "c"), ("c", "c")),
    (("d", "b"), ("b", "d")),
]

# real and generated points: the values that best_value comes to (it takes seconds to find them)
_ASCENT = {
    "abcd": (-0.0004139, -0.0001449), "abac": (-0.3467805, -0.3466460),
    "abaa": (-0.4774891, -0.3466460), "abab": (-0.6931472, -0.6931472),
    "abba": (-0.6931472, -0.6931472), "abbc": (-0.3467805, -0.0004139),
    "abca": (-0.3467805, -0.0004139), "abbb": (-0.4774891, -0.3466460),
    "abcb": (-0.3467805, -0.3466460), "aaab": (-0.4774891, -0.3466460),
    "cccc": (-0.6931472, -0.6931472), "dbbd": (-0.6931472, -0.6931472),
}  # fmt: skip

MISTAKES = [
    Mistake(
        _basin_sums,
        "These are sums. Divide by the number of logits (or of pairs).",
        slip={"separate / 4, -math.log(2) * tosses / 2": "separate, -math.log(2) * tosses"},
    ),
    Mistake(
        _basin_apart,
        "You let a real and a generated point at the same place have different logits. The "
        "discriminator is a function of the place: there it has one value for both.",
    ),
    Mistake(
        _basin_half,
        "D = 1/2 is best only where as many real points as generated ones sit. With two "
        "generated points on one real one the best D there is 1/3.",
    ),
    Mistake(
        _basin_all_pairs,
        "You let every real point meet every generated one. Here the pairs are fixed: "
        "real[i] meets fake[i] only.",
    ),
    Mistake(
        _basin_positive,
        "The sign is flipped: the discriminator maximises a mean of log-probabilities, so "
        "no value is above 0.",
        slip={"separate / 4, -math": "-separate / 4, math"},
    ),
    Mistake(
        _basin_not_swapped,
        "One state is missing: real points (a, b), generated ones (b, a). The first pair "
        "wants the logit of a above that of b, the second wants the opposite. What is the "
        "best that one discriminator can do for both?",
        slip={"tosses = 2 if swapped else sum": "tosses = sum"},
    ),
    Mistake(
        _basin_half_won,
        "In the swapped state, real (a, b) and generated (b, a), you let the discriminator "
        "win one of the two pairs. The other is then lost by as much, and log σ punishes a "
        "lost pair more than it rewards a won one: no difference of the logits beats 0.",
    ),
    Mistake(
        _basin_places,
        "You count the places at which a real and a generated point meet. With fixed pairs "
        "only real[i] and fake[i] meet: a place that is shared by two *different* pairs "
        "costs nothing.",
    ),
    Mistake(
        _basin_by_ascent,
        "This is the optimizer of the cell above: 400 steps come within 4e-4 of the best "
        "value, which is reached with logits infinitely far apart. The closed form is "
        "asked for.",
    ),
]

EXERCISE = Exercise(
    "6.2",
    "The two-point basin",
    difficulty=3,
    minutes=20,
    reference=_basin,
    inputs=_STATES,
    seconds=30.0,  # an answer may well try the optimizer first
    parts=("The value with separate logits", "The value with fixed pairs"),
    mistakes=MISTAKES,
)
