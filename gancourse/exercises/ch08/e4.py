"""Exercise 8.4: Catch the copier."""

import torch

from .. import Exercise, Mistake


def _nearest(x, train):
    return torch.cdist(x, train).min(1).values


def _suspects(train, test, fake, q):
    return _nearest(fake, train) < _nearest(test, train).quantile(q)


def _suspects_upper(train, test, fake, q):
    return _nearest(fake, train) < _nearest(test, train).quantile(1 - q)


def _suspects_far(train, test, fake, q):
    return _nearest(fake, train) > _nearest(test, train).quantile(q)


def _suspects_of_test(train, test, fake, q):
    return _nearest(fake, test) < _nearest(test, train).quantile(q)


def _suspects_median(train, test, fake, q):
    return _nearest(fake, train) < _nearest(test, train).median()


def _suspects_self(train, test, fake, q):
    return _nearest(fake, train) < _nearest(train, train).quantile(q)


def _suspects_relative(train, test, fake, q):
    distances = _nearest(fake, train)
    return distances < distances.quantile(q)


def _suspects_columns(train, test, fake, q):
    return torch.cdist(fake, train).min(0).values < _nearest(test, train).quantile(q)


def _suspects_of_train(train, test, fake, q):
    """The threshold from training to test points."""
    return _nearest(fake, train) < _nearest(train, test).quantile(q)


def _among(x):
    return torch.cdist(x, x).fill_diagonal_(torch.inf).min(1).values


def _suspects_within_train(train, test, fake, q):
    return _nearest(fake, train) < _among(train).quantile(q)


def _suspects_within_test(train, test, fake, q):
    return _nearest(fake, train) < _among(test).quantile(q)


def _suspects_city(train, test, fake, q):
    of_fake, of_test = (torch.cdist(x, train, p=1).min(1).values for x in (fake, test))
    return of_fake < of_test.quantile(q)


def _suspects_mean_distance(train, test, fake, q):
    of_fake, of_test = (torch.cdist(x, train).mean(1) for x in (fake, test))
    return of_fake < of_test.quantile(q)


def _suspects_smallest(train, test, fake, q):
    return _nearest(fake, train) < _nearest(test, train).min()


def _suspects_one_in_20(train, test, fake, q):
    return _suspects(train, test, fake, 0.05)


def _suspects_share(train, test, fake, q):
    return _suspects(train, test, fake, q).double().mean()


def _suspects_rows(train, test, fake, q):
    return torch.nonzero(_suspects(train, test, fake, q)).flatten()


def _copiers(g):
    """Training sets larger than test sets, which lie a little aside, as later pictures do.

    How a quantile is interpolated must not matter: no generated point lies near the threshold.
    """
    cases = []
    for n, m, d, copies, q in (
        (240, 60, 3, 12, 0.1), (400, 100, 5, 30, 0.2), (160, 50, 2, 0, 0.3), (50, 80, 4, 15, 0.1),
    ):  # fmt: skip
        long = torch.linspace(2.0, 0.5, d, dtype=torch.float64)
        train, test, fair, poor = (
            long * torch.randn(size, d, generator=g, dtype=torch.float64) for size in (n, m, 90, 20)
        )
        noise = torch.randn(copies, d, generator=g, dtype=torch.float64)
        test = test + 0.5 * long
        fake = torch.cat([train[:copies] + 0.01 * noise, fair + 0.5 * long, 1.5 * poor])
        scale = _nearest(test, train).sort().values
        low, high = int(q * (m - 1)) - 2, int(q * (m - 1)) + 3
        distance = _nearest(fake, train)
        fake = fake[(distance < scale[low]) | (distance > scale[high])]
        cases.append((train, test, fake[torch.randperm(len(fake), generator=g)], q))
    return cases


MISTAKES = [
    Mistake(
        _suspects_upper,
        "Your threshold is the upper quantile of the test points' distances: a fair "
        "generator would have nearly all of its samples flagged. Copies are *closer* than "
        "the closest test points: take the quantile `q`.",
        slip={"quantile(q)": "quantile(1 - q)"},
    ),
    Mistake(
        _suspects_far,
        "You flag what is *farther* from the training set than the threshold. Copies are closer.",
        slip={"nearest(fake) <": "nearest(fake) >"},
    ),
    Mistake(
        _suspects_of_test,
        "You measure how far the generated points are from the *test* set. Nobody could "
        "have copied that: measure their distance to the training set.",
    ),
    Mistake(
        _suspects_median,
        "Your threshold is the median of the test points' distances, which flags half of "
        "a fair generator's samples. Take the quantile `q`.",
    ),
    Mistake(
        _suspects_self,
        "Your threshold comes from distances within the training set, where each point "
        "finds itself at distance 0. Fresh real data set the scale: the test points.",
        slip={"nearest(test).quantile(q)": "nearest(train).quantile(q)"},
    ),
    Mistake(
        _suspects_relative,
        "Your threshold is a quantile of the generated points' own distances, so a share "
        "`q` of any set is flagged, copied or not. The test points set the scale.",
        slip={"nearest(test).quantile(q)": "nearest(fake).quantile(q)"},
    ),
    Mistake(
        _suspects_of_train,
        "Your threshold is the distance from *training* points to their nearest test "
        "point. It is the other way round: how far a test point is from the training set.",
    ),
    Mistake(
        _suspects_within_train,
        "Your threshold comes from distances within the training set. Fresh real data set "
        "the scale: the distances of the test points to the training set.",
    ),
    Mistake(
        _suspects_within_test,
        "Your threshold comes from distances within the test set. Measure how far the test "
        "points are from the *training* set.",
    ),
    Mistake(
        _suspects_city,
        "You add up the absolute differences of the coordinates. The distance is "
        "Euclidean: the root of the sum of squares.",
    ),
    Mistake(
        _suspects_mean_distance,
        "You average the distances to all training points. A copy is close to *one* of "
        "them: take the smallest.",
    ),
    Mistake(
        _suspects_smallest,
        "Your threshold is the smallest distance of a test point, or nearly so. Take the "
        "quantile `q`, which is a share and not in per cent.",
    ),
    Mistake(
        _suspects_one_in_20,
        "The argument `q` is not used: your threshold is always the quantile 0.05.",
    ),
    Mistake(
        _suspects_share,
        "This is the share that is flagged. Return the mask: one True or False for each "
        "generated point.",
    ),
    Mistake(
        _suspects_rows,
        "These are the row numbers of the flagged points. Return the mask: one True or "
        "False for each generated point.",
    ),
    Mistake(
        _suspects_columns,
        "You take the nearest generated point of each training point. It is the other way "
        "round: one answer for each *generated* point.",
    ),
]

EXERCISE = Exercise(
    "8.4",
    "Catch the copier",
    difficulty=2,
    minutes=10,
    reference=_suspects,
    inputs=_copiers,
    mistakes=MISTAKES,
)
