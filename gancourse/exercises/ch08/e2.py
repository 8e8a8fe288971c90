"""Exercise 8.2: Recall."""

import torch

from .. import Exercise, Mistake


def _radii(x, k):
    return torch.cdist(x, x).fill_diagonal_(torch.inf).kthvalue(k, dim=1).values


def _recall(real, fake, k):
    inside = torch.cdist(real, fake) <= _radii(fake, k)
    return inside.any(1).double().mean().item()


def _recall_swapped(real, fake, k):
    return _recall(fake, real, k)


def _recall_self(real, fake, k):
    radii = torch.cdist(fake, fake).kthvalue(k, dim=1).values
    return (torch.cdist(real, fake) <= radii).any(1).double().mean().item()


def _recall_next(real, fake, k):
    return _recall(real, fake, k + 1)


def _recall_all(real, fake, k):
    return (torch.cdist(real, fake) <= _radii(fake, k)).all(1).double().mean().item()


def _recall_other_radii(real, fake, k):
    distance = torch.cdist(real, fake)
    return (distance <= distance.kthvalue(k, dim=0).values).any(1).double().mean().item()


def _recall_coverage(real, fake, k):
    inside = torch.cdist(real, fake) <= _radii(real, k)[:, None]
    return inside.any(1).double().mean().item()


def _recall_pairs(real, fake, k):
    return (torch.cdist(real, fake) <= _radii(fake, k)).double().mean().item()


def _recall_strict(real, fake, k):
    return (torch.cdist(real, fake) < _radii(fake, k)).any(1).double().mean().item()


def _recall_no_zeros(real, fake, k):
    among = torch.cdist(fake, fake)
    radii = among.masked_fill(among == 0, torch.inf).kthvalue(k, dim=1).values
    return (torch.cdist(real, fake) <= radii).any(1).double().mean().item()


def _recall_metric(p):
    def recall(real, fake, k):
        among = torch.cdist(fake, fake, p=p).fill_diagonal_(torch.inf)
        radii = among.kthvalue(k, dim=1).values
        return (torch.cdist(real, fake, p=p) <= radii).any(1).double().mean().item()

    return recall


def _recall_mean_radius(real, fake, k):
    inside = torch.cdist(real, fake) <= _radii(fake, k).mean()
    return inside.any(1).double().mean().item()


def _recall_mean_of_k(real, fake, k):
    among = torch.cdist(fake, fake).fill_diagonal_(torch.inf)
    radii = among.topk(k, largest=False).values.mean(1)
    return (torch.cdist(real, fake) <= radii).any(1).double().mean().item()


def _recall_nearest_ball(real, fake, k):
    distance, nearest = torch.cdist(real, fake).min(1)
    return (distance <= _radii(fake, k)[nearest]).double().mean().item()


def _recall_balls(real, fake, k):
    return (torch.cdist(real, fake) <= _radii(fake, k)).any(0).double().mean().item()


def _recall_of_both(real, fake, k):
    both = torch.cat([fake, real])
    return (torch.cdist(real, fake) <= _radii(both, k)[: len(fake)]).any(1).double().mean().item()


def _recall_squared(real, fake, k):
    inside = torch.cdist(real, fake) <= _radii(fake, k).square()
    return inside.any(1).double().mean().item()


def _recall_k_is_3(real, fake, k):
    return _recall(real, fake, 3)


def _clouds(g):
    def draw(n, center, std=1.0):
        center = torch.tensor(center, dtype=torch.float64)
        return center + std * torch.randn(n, len(center), generator=g, dtype=torch.float64)

    def grid(n, side):  # many ties, exact in any arithmetic
        return torch.randint(0, side, (n, 2), generator=g).double()

    apart = grid(12, 4) * 3
    long = torch.tensor([3.0, 1.0, 0.6, 0.3, 0.1], dtype=torch.float64)
    return [
        (draw(40, (0.0, 0.0)), draw(25, (1.0, 0.0), 0.6), 3),
        (draw(30, (0.0, 0.0)), draw(45, (0.0, 1.5)), 2),
        (draw(20, (100.0, 0.0)), draw(20, (100.0, 1.0), 0.5), 1),
        (grid(60, 9), grid(15, 9), 2),
        # each generated point twice or more: with k = 1 its ball is a point
        (torch.cat([apart[:5], grid(30, 10)]), torch.cat([apart, apart, apart[:4]]), 1),
        (grid(50, 12), torch.cat([apart, apart]), 3),
        (draw(200, 5 * (0.0,)) * long, draw(120, (1.0, 0.5, 0.0, 0.0, 0.0)) * long, 4),
        (draw(200, 5 * (0.0,)), 0.7 * draw(200, 5 * (0.0,)), 1),
    ]


MISTAKES = [
    Mistake(
        _recall_swapped,
        "The roles are swapped: this is precision, the share of *generated* points within "
        "the balls of real ones. Recall is the share of *real* points within the balls of "
        "generated ones.",
        slip={
            "torch.cdist(fake, fake)": "torch.cdist(real, real)",
            "torch.cdist(real, fake)": "torch.cdist(fake, real)",
        },
    ),
    Mistake(
        _recall_self,
        "Your balls are too small: in the distances of a set to itself the nearest "
        "neighbour of each point is the point itself, at distance 0. It does not count.",
        slip={".fill_diagonal_(math.inf)": ""},
    ),
    Mistake(
        _recall_next,
        "Your balls reach to the neighbour after the k-th. If you have left out the "
        "diagonal, the k-th smallest distance is the one; if you skip it by counting one "
        "further, don't do both.",
    ),
    Mistake(
        _recall_all,
        "You ask that a real point lie in *all* balls. One is enough: the generated "
        "manifold is the union of the balls, not their intersection.",
        slip={"inside.any(1)": "inside.all(1)"},
    ),
    Mistake(
        _recall_other_radii,
        "Your radii are distances from generated to *real* points. A ball's radius comes "
        "from the point's own set: its distance to its k-th generated neighbour.",
    ),
    Mistake(
        _recall_coverage,
        "The balls are drawn around the real points: this is coverage. Recall draws them "
        "around the generated ones.",
    ),
    Mistake(
        _recall_strict,
        "A point on the surface of a ball, exactly `k`-th neighbour far, is inside: "
        "compare with `<=`. With ties the difference shows.",
    ),
    Mistake(
        _recall_no_zeros,
        "You drop every distance of 0. Two generated points may lie at the same place, and "
        "then each is the other's neighbour: leave out only the point itself.",
    ),
    Mistake(
        _recall_metric(1),
        "You add up the absolute differences of the coordinates. The distance is "
        "Euclidean: the root of the sum of squares.",
    ),
    Mistake(
        _recall_metric(torch.inf),
        "You take the largest difference of a coordinate. The distance is Euclidean: the "
        "root of the sum of squares.",
    ),
    Mistake(
        _recall_mean_radius,
        "All your balls have the same radius. Each has its own: small where the generated "
        "points are dense, large where they are sparse.",
    ),
    Mistake(
        _recall_mean_of_k,
        "Your radius is the mean distance to the k nearest. It is the distance to the k-th.",
    ),
    Mistake(
        _recall_nearest_ball,
        "You ask only the ball of the *nearest* generated point. A farther one may have a "
        "larger ball: ask all of them.",
    ),
    Mistake(
        _recall_balls,
        "This is the share of *balls* that hold a real point. Asked is the share of real "
        "points that lie in a ball: reduce over the balls, not over the real points.",
        slip={"inside.any(1)": "inside.any(0)"},
    ),
    Mistake(
        _recall_of_both,
        "Your radii come from neighbours in both sets. A ball around a generated point "
        "reaches to its k-th *generated* neighbour.",
    ),
    Mistake(
        _recall_squared,
        "You compare distances with squared radii. Square both or neither.",
    ),
    Mistake(
        _recall_k_is_3,
        "The argument `k` is not used: your balls always reach to the third neighbour.",
    ),
    Mistake(
        lambda real, fake, k: 1 - _recall(real, fake, k),
        "This is the share of real points that lie in *no* ball.",
    ),
    Mistake(
        _recall_pairs,
        "You average over all pairs of a real point and a ball. First decide for each real "
        "point whether it lies in *any* ball, then average over the points.",
    ),
]

EXERCISE = Exercise(
    "8.2",
    "Recall",
    difficulty=2,
    minutes=10,
    reference=_recall,
    inputs=_clouds,
    mistakes=MISTAKES,
)
