"""Exercise 3.1: A mode counter that is hard to fool."""

import torch

from gancourse import data

from .. import Exercise, Mistake


def _count_modes(samples, centers, std):
    distance, nearest = torch.cdist(samples, centers).min(1)
    good = torch.bincount(nearest[distance <= 3 * std], minlength=len(centers))
    fair_share = len(samples) / len(centers)
    reached, fair = int((good > 0).sum()), int((good >= 0.2 * fair_share).sum())
    return reached, fair, float(good.sum() / len(samples))


def _counter(select=None, share=None, quality=None):
    """The mode counter with one of its parts replaced."""

    def wrong(samples, centers, std):
        distance, nearest = torch.cdist(samples, centers).min(1)
        inside = distance <= 3 * std if select is None else select(samples, centers, std)
        good = torch.bincount(nearest[inside], minlength=len(centers))
        n, k = len(samples), len(centers)
        needed = 0.2 * n / k if share is None else share(good, n, k)
        part = good.sum() / n if quality is None else quality(good, n, k)
        return int((good > 0).sum()), int((good >= needed).sum()), float(part)

    return wrong


def _squared(samples, centers, std):
    return torch.cdist(samples, centers).min(1).values.square() <= 3 * std


def _box(samples, centers, std):
    nearest = torch.cdist(samples, centers).argmin(1)
    return ((samples - centers[nearest]).abs() <= 3 * std).all(1)


def _modes_seen_only(samples, centers, std):
    distance, nearest = torch.cdist(samples, centers).min(1)
    good = torch.bincount(nearest[distance <= 3 * std])
    n, k = len(samples), len(good)
    return int((good > 0).sum()), int((good >= 0.2 * n / k).sum()), float(good.sum() / n)


def _more_than_a_share(samples, centers, std):
    reached, _, quality = _count_modes(samples, centers, std)
    distance, nearest = torch.cdist(samples, centers).min(1)
    good = torch.bincount(nearest[distance <= 3 * std], minlength=len(centers))
    return reached, int((good > 0.2 * len(samples) / len(centers)).sum()), quality


def _all_nearest_count(samples, centers, std):
    reached, _, quality = _count_modes(samples, centers, std)
    everyone = torch.bincount(torch.cdist(samples, centers).argmin(1), minlength=len(centers))
    return reached, int((everyone >= 0.2 * len(samples) / len(centers)).sum()), quality


def _mode_inputs(g):
    ring, grid = data.ring(), data.grid()
    uneven = torch.tensor([600, 300, 60, 31, 29, 20, 3, 0])
    which = torch.arange(8).repeat_interleave(uneven)
    wide = ring.centers[which] + 0.018 * torch.randn(len(which), 2, generator=g)
    blob = 2.83 * torch.randn(2500, 2, generator=g)
    edge = grid.centers[torch.randint(20, (700,), generator=g)]
    edge = edge + 0.11 * torch.randn(edge.shape, generator=g)
    one = ring.centers[:1] + 0.002 * torch.randn(400, 2, generator=g)
    # The fair share is 50, so 10 are needed; only four of eight modes are reached, not the last.
    sparse = ring.centers[torch.tensor([0] * 285 + [1] * 90 + [2] * 15 + [4] * 10)]
    solid = 4 * torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    ball = solid[torch.randint(4, (300,), generator=g)]
    ball = ball + 0.35 * torch.randn(ball.shape, generator=g)
    return [
        (sparse + 0.001 * torch.randn(400, 2, generator=g), ring.centers, 0.01),
        (ball, solid, 0.2),
        # Whole numbers, in which a distance can be 3 standard deviations exactly.
        (
            torch.tensor([[3.0, 0], [0, -3], [2, 2], [3, 1], [17, 0], [20, 3], [0, 24], [5, 5]]),
            torch.tensor([[0.0, 0], [20, 0], [0, 20]]),
            1.0,
        ),
        (wide, ring.centers, 0.01),
        (blob, grid.centers, 0.05),
        (edge, grid.centers, 0.05),
        (one, ring.centers, 0.01),
    ]


MISTAKES = [
    Mistake(
        _counter(select=lambda x, c, s: torch.ones(len(x), dtype=torch.bool)),
        "You count every sample for its nearest center, however far away it lies: keep only "
        "those within 3 standard deviations of it.",
    ),
    Mistake(
        _counter(select=lambda x, c, s: torch.cdist(x, c).min(1).values < 3 * s),
        "A sample at exactly 3 standard deviations is within them: `<=`, not `<`.",
        slip={"distance <= 3 * std": "distance < 3 * std"},
    ),
    Mistake(
        _counter(select=_squared),
        "You compare the *squared* distance with 3 std. Take the root, or square 3 std.",
    ),
    Mistake(
        _counter(select=_box),
        "You test each coordinate on its own: that is a square of side 6 std around the "
        "center. The rule is a disc: measure the distance.",
    ),
    Mistake(
        _counter(select=lambda x, c, s: torch.cdist(x, c).min(1).values <= s),
        "You ask for samples within 1 standard deviation; the rule is 3.",
    ),
    Mistake(
        _counter(share=lambda good, n, k: 0.2 * good.sum() / k),
        "Your fair share is taken of the good samples only, so a blob with 3 good samples in "
        "2,500 can reach it. Take it of all samples.",
        slip={"good >= 0.2 * n / k": "good >= 0.2 * good.sum() / k"},
    ),
    Mistake(
        _counter(share=lambda good, n, k: 0.2 * n),
        "You ask each mode for 20 % of all samples. Its fair share is all samples divided by "
        "the number of modes, and 20 % of that is enough.",
        slip={"0.2 * n / k": "0.2 * n"},
    ),
    Mistake(
        _counter(share=lambda good, n, k: n / k),
        "You ask each mode for its whole fair share, so about half the modes of perfect data "
        "fail by chance: 20 % of it is enough.",
    ),
    Mistake(
        _modes_seen_only,
        "Your list of counts ends with the last mode that anybody reached, and its length is "
        "taken for the number of modes. Count with `minlength`, and divide by the number of "
        "centers.",
        slip={
            ", minlength=len(centers)": "",
            "n, k = len(samples), len(centers)": "n, k = len(samples), len(good)",
        },
    ),
    Mistake(
        _more_than_a_share,
        "A mode that gets exactly 20 % of its fair share counts: *at least*, not more than.",
    ),
    Mistake(
        _all_nearest_count,
        "Your second number counts all samples that are nearest to a mode. Only the good ones "
        "count, those within 3 standard deviations.",
    ),
    Mistake(
        _counter(quality=lambda good, n, k: 100 * good.sum() / n),
        "Your third number is in percent; a share lies between 0 and 1.",
    ),
    Mistake(
        _counter(quality=lambda good, n, k: good.sum()),
        "Your third number is a count. The share of good samples is that count divided by the "
        "number of all samples.",
    ),
    Mistake(
        _counter(quality=lambda good, n, k: (good > 0).sum() / k),
        "Your third number is the share of modes reached. High quality is the share of "
        "*samples* that lie within 3 standard deviations of a center.",
    ),
]

EXERCISE = Exercise(
    "3.1",
    "A mode counter that is hard to fool",
    difficulty=2,
    minutes=12,
    reference=_count_modes,
    parts=(
        "The number of modes reached",
        "The number of modes fairly covered",
        "The share of good samples",
    ),
    inputs=_mode_inputs,
    mistakes=MISTAKES,
)
