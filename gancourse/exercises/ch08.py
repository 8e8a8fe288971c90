"""Exercises of chapter 8, Beyond one number."""

from __future__ import annotations

import math

import torch

from gancourse import metrics

from . import Exercise, Mistake

# --- 8.1 the unbiased kernel distance -------------------------------------------------------------


def _kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def _off_diagonal(k):
    return k.sum() - k.diagonal().sum()


def _kid(x, y):
    n, m = len(x), len(y)
    within = _off_diagonal(_kernel(x, x)) / (n * (n - 1))
    within = within + _off_diagonal(_kernel(y, y)) / (m * (m - 1))
    return float(within - 2 * _kernel(x, y).mean())


def _kid_biased(x, y):
    return float(_kernel(x, x).mean() + _kernel(y, y).mean() - 2 * _kernel(x, y).mean())


def _kid_squares(x, y):
    within = _off_diagonal(_kernel(x, x)) / len(x) ** 2 + _off_diagonal(_kernel(y, y)) / len(y) ** 2
    return float(within - 2 * _kernel(x, y).mean())


def _kid_one_size(x, y):
    n = len(x)
    within = (_off_diagonal(_kernel(x, x)) + _off_diagonal(_kernel(y, y))) / (n * (n - 1))
    return float(within - 2 * _kernel(x, y).sum() / n**2)


def _kid_kernel(change):
    def kid(x, y):
        n, m = len(x), len(y)
        within = _off_diagonal(change(x, x)) / (n * (n - 1))
        within = within + _off_diagonal(change(y, y)) / (m * (m - 1))
        return float(within - 2 * change(x, y).mean())

    return kid


def _kid_half_cross(x, y):
    return _kid(x, y) + float(_kernel(x, y).mean())


def _kid_cross_diagonal(x, y):
    n, m, cross = len(x), len(y), _kernel(x, y)
    return _kid(x, y) + float(2 * cross.mean() - 2 * _off_diagonal(cross) / (n * m - min(n, m)))


def _kid_root(x, y):
    return max(0.0, _kid(x, y)) ** 0.5


def _kid_clipped(x, y):
    return max(0.0, _kid(x, y))


def _kid_size_in_cross(x, y):
    return _kid(x, y) + float(2 * _kernel(x, y).mean() - 2 * _kernel(x, y).sum() / len(x) ** 2)


def _kid_half_pairs(x, y):
    n, m = len(x), len(y)
    within = _off_diagonal(_kernel(x, x)) / (n * (n - 1) / 2)
    within = within + _off_diagonal(_kernel(y, y)) / (m * (m - 1) / 2)
    return float(within - 2 * _kernel(x, y).mean())


def _bell(x, y):
    return (-torch.cdist(x, y).square() / 2).exp()


def _two_samples(g):
    def draw(n, d, shift=0.0):
        return shift + torch.randn(n, d, generator=g, dtype=torch.float64)

    same = draw(8, 3)  # two halves of one set: the estimate is below 0
    return [
        (draw(6, 4), draw(3, 4, 0.8)),
        (draw(4, 2), draw(9, 2)),
        (draw(7, 3), draw(7, 3, 2.0)),
        (same, same[:5] + 0.01),
    ]


# --- 8.2 recall -----------------------------------------------------------------------------------


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


# --- 8.3 the twin ---------------------------------------------------------------------------------


def _twin(real, fake):
    ratio = metrics.fid(real, fake) / real.var(0).sum()
    mean = real.mean(0)
    return mean + (1 - ratio.sqrt()) * (real - mean)


def _shrunk(factor):
    def twin(real, fake):
        ratio, mean = metrics.fid(real, fake) / real.var(0).sum(), real.mean(0)
        return mean + factor(ratio) * (real - mean)

    return twin


def _twin_origin(real, fake):
    return (1 - (metrics.fid(real, fake) / real.var(0).sum()).sqrt()) * real


def _twin_fake_spread(real, fake):
    mean, ratio = real.mean(0), metrics.fid(real, fake) / fake.var(0).sum()
    return mean + (1 - ratio.sqrt()) * (real - mean)


def _twin_of_fake(real, fake):
    mean, ratio = fake.mean(0), metrics.fid(real, fake) / real.var(0).sum()
    return mean + (1 - ratio.sqrt()) * (fake - mean)


def _twin_biased_variance(real, fake):
    mean, spread = real.mean(0), real.var(0, correction=0).sum()
    return mean + (1 - (metrics.fid(real, fake) / spread).sqrt()) * (real - mean)


def _twin_stds(real, fake):
    mean, spread = real.mean(0), real.std(0).sum()
    return mean + (1 - (metrics.fid(real, fake) / spread).sqrt()) * (real - mean)


def _noisy_pairs(g):
    cases = []
    for n, m, d, noise in ((40, 40, 3, 0.5), (60, 60, 2, 0.9), (25, 25, 4, 0.2)):
        scales = torch.linspace(1.0, 2.0, d, dtype=torch.float64)
        real = 3 + scales * torch.randn(n, d, generator=g, dtype=torch.float64)
        start = real[torch.arange(m) % n] + 0.1 * torch.arange(d)
        cases.append((real, start + noise * torch.randn(m, d, generator=g, dtype=torch.float64)))
    return cases


def _twin_one_variance(real, fake):
    mean = real.mean(0)
    return mean + (1 - (metrics.fid(real, fake) / real.var()).sqrt()) * (real - mean)


def _twin_mean_variance(real, fake):
    mean = real.mean(0)
    return mean + (1 - (metrics.fid(real, fake) / real.var(0).mean()).sqrt()) * (real - mean)


def _twin_one_mean(real, fake):
    c = 1 - (metrics.fid(real, fake) / real.var(0).sum()).sqrt()
    return real.mean() + c * (real - real.mean())


def _twin_fake_mean(real, fake):
    c = 1 - (metrics.fid(real, fake) / real.var(0).sum()).sqrt()
    return fake.mean(0) + c * (real - fake.mean(0))


def _twin_only_c(real, fake):
    return 1 - (metrics.fid(real, fake) / real.var(0).sum()).sqrt()


def _twin_centered(real, fake):
    return _twin_only_c(real, fake) * (real - real.mean(0))


# --- 8.4 the copier -------------------------------------------------------------------------------


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


# --- 8.5 a bootstrap interval ---------------------------------------------------------------------


def _means(x, resamples):
    return x[torch.randint(len(x), (resamples, len(x)))].mean(1)


def _ends(draws, level):
    low, high = draws.quantile((1 - level) / 2), draws.quantile((1 + level) / 2)
    return low.item(), high.item()


def _difference_interval(a, b, level, resamples):
    return _ends(_means(a, resamples) - _means(b, resamples), level)


def _no_repeats(a, b, level, resamples):
    def means(x):
        return torch.stack([x[torch.randperm(len(x))].mean() for _ in range(200)])

    return _ends(means(a) - means(b), level)


def _wrong_percentiles(a, b, level, resamples):
    draws = _means(a, resamples) - _means(b, resamples)
    return draws.quantile(1 - level).item(), draws.quantile(level).item()


def _one_side(a, b, level, resamples):
    return _ends(_means(a, resamples) - b.mean(), level)


def _pooled(a, b, level, resamples):
    both = torch.cat([a, b])
    rows = torch.randint(len(both), (resamples, len(both)))
    return _ends(both[rows[:, : len(a)]].mean(1) - both[rows[:, len(a) :]].mean(1), level)


def _of_scores(a, b, level, resamples):
    draws = a[torch.randint(len(a), (resamples,))] - b[torch.randint(len(b), (resamples,))]
    return _ends(draws, level)


def _of_ends(a, b, level, resamples):
    one, other = _ends(_means(a, resamples), level), _ends(_means(b, resamples), level)
    return one[0] - other[1], one[1] - other[0]


def _of_best(a, b, level, resamples):
    best = [x[torch.randint(len(x), (resamples, len(x)))].min(1).values for x in (a, b)]
    return _ends(best[0] - best[1], level)


def _about_the_mean(a, b, level, resamples):
    """Mean and standard deviation of the draws, instead of their quantiles."""
    draws = _means(a, resamples) - _means(b, resamples)
    half = torch.special.ndtri(torch.tensor((1 + level) / 2)) * draws.std()
    return (draws.mean() - half).item(), (draws.mean() + half).item()


def _reflected(a, b, level, resamples):
    low, high = _difference_interval(a, b, level, resamples)
    center = 2 * (a.mean() - b.mean()).item()
    return center - high, center - low


def _own_number(a, b, level, resamples):
    return _difference_interval(a, b, level, 5000)


def _halves(a, b, level, resamples):
    def means(x):
        rows = torch.rand(resamples, len(x)).argsort(1)[:, : len(x) // 2]
        return x[rows].mean(1)

    return _ends(means(a) - means(b), level)


def _paired(a, b, level, resamples):
    n = min(len(a), len(b))
    rows = torch.randint(n, (resamples, n))
    return _ends(a[rows].mean(1) - b[rows].mean(1), level)


def _size_of_a(a, b, level, resamples):
    rows = torch.randint(len(b), (resamples, len(a)))
    return _ends(_means(a, resamples) - b[rows].mean(1), level)


def _medians(a, b, level, resamples):
    of_a, of_b = (x[torch.randint(len(x), (resamples, len(x)))].median(1).values for x in (a, b))
    return _ends(of_a - of_b, level)


def _other_sign(a, b, level, resamples):
    return _difference_interval(b, a, level, resamples)


def _high_first(a, b, level, resamples):
    return _difference_interval(a, b, level, resamples)[::-1]


def _always_95(a, b, level, resamples):
    return _difference_interval(a, b, 0.95, resamples)


def _many_draws(a, b, level, resamples):
    """The reference: what more and more draws tend to, where more than a few are asked for."""
    return _difference_interval(a, b, level, 30 * resamples if resamples > 10 else resamples)


def _same_interval(expected, got):
    """Equal up to the noise of 8,000 draws (1 % of the width); of one draw both ends are it."""
    low, high = expected
    mine = [float(end) for end in got]
    if len(mine) != 2:
        return False
    if low == high:
        return abs(mine[0] - mine[1]) < 1e-9 and abs(low - mine[0]) < 30
    if math.isnan(low):  # a mistake and an answer that makes it
        return math.isnan(mine[0])
    return max(abs(low - mine[0]), abs(high - mine[1])) <= 0.035 * abs(high - low)


def _scores(g):
    def skewed(n, start, scale):
        u = torch.rand(n, generator=g, dtype=torch.float64)
        return start - scale * (1 - u).log()

    def draw(n, mean, std):
        return mean + std * torch.randn(n, generator=g, dtype=torch.float64)

    few = torch.tensor([5.0, 5.1, 5.3, 5.4, 5.6, 11.0], dtype=torch.float64)
    return [
        (draw(8, 6.0, 1.0), draw(8, 5.0, 0.8), 0.95, 8000),
        (draw(12, 3.0, 0.5), draw(20, 3.0, 0.8), 0.8, 8000),
        (few, -skewed(9, 1.0, 0.7), 0.9, 8000),  # one bad run of six
        (draw(5, 2.0, 1.0), draw(7, 1.0, 1.0), 0.9, 1),  # a single draw
    ]


EXERCISES = [
    Exercise(
        "8.1",
        "KID without a bias",
        difficulty=2,
        minutes=12,
        reference=_kid,
        inputs=_two_samples,
        mistakes=[
            Mistake(
                _kid_biased,
                "The diagonals of the two inner kernel matrices are still in: each sample is "
                "compared with itself, which is what makes the distance positive for equal "
                "distributions. Leave the pairs with i = j out, of the sum and of the count.",
            ),
            Mistake(
                _kid_squares,
                "You leave the diagonal out of the sums but still divide by n² and m². Without the "
                "diagonal there are n(n - 1) and m(m - 1) pairs.",
            ),
            Mistake(
                _kid_one_size,
                "You use the size of `x` for both samples. That is right only for n = m; here `y` "
                "has a size of its own, in its inner sum and in the cross term.",
            ),
            Mistake(
                _kid_kernel(lambda x, y: (x @ y.T + 1) ** 3),
                "The kernel lacks the 1/d: divide the inner product by the number of *columns* "
                "before you add 1.",
            ),
            Mistake(
                _kid_kernel(lambda x, y: (x @ y.T / x.shape[1]) ** 3),
                "The kernel lacks the + 1. Without it only moments of third order are compared, "
                "not means and variances.",
            ),
            Mistake(
                _kid_kernel(lambda x, y: (x @ y.T / x.shape[1] + 1) ** 2),
                "Your kernel has degree 2. KID's has degree 3.",
            ),
            Mistake(
                _kid_half_cross,
                "The cross term is taken once; it counts twice: |a - b|² = a·a + b·b - 2 a·b.",
            ),
            Mistake(
                _kid_cross_diagonal,
                "You leave the diagonal out of the cross term too. There x_i and y_i are two "
                "different points, no more related than any other pair: keep all n·m pairs.",
            ),
            Mistake(
                _kid_clipped,
                "You cut negative values off. An unbiased estimate of a small distance must be "
                "negative at times, or its mean would be too large: leave it as it comes.",
            ),
            Mistake(
                lambda x, y: abs(_kid(x, y)),
                "You take the absolute value. An unbiased estimate of a small distance must be "
                "negative at times: leave its sign.",
            ),
            Mistake(
                _kid_size_in_cross,
                "The cross term is divided by n². It has a pair for each of the n points of `x` "
                "and each of the m points of `y`.",
            ),
            Mistake(
                _kid_half_pairs,
                "The sum over i ≠ j has n(n - 1) terms: the pair (i, j) and the pair (j, i). You "
                "divide by half as many.",
            ),
            Mistake(
                _kid_kernel(_bell),
                "This is a Gaussian kernel. KID's is the polynomial (x·y / d + 1)³.",
            ),
            Mistake(
                _kid_kernel(lambda x, y: ((x @ y.T + 1) / x.shape[1]) ** 3),
                "The 1 is divided by d, too. Only the inner product is: (x·y / d + 1)³.",
            ),
            Mistake(
                _kid_root,
                "This is the root of the squared distance, cut off at 0. KID is the square itself, "
                "and it may be negative: that is what makes its mean right.",
            ),
        ],
    ),
    Exercise(
        "8.2",
        "Recall",
        difficulty=2,
        minutes=10,
        reference=_recall,
        inputs=_clouds,
        mistakes=[
            Mistake(
                _recall_swapped,
                "The roles are swapped: this is precision, the share of *generated* points within "
                "the balls of real ones. Recall is the share of *real* points within the balls of "
                "generated ones.",
            ),
            Mistake(
                _recall_self,
                "Your balls are too small: in the distances of a set to itself the nearest "
                "neighbour of each point is the point itself, at distance 0. It does not count.",
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
                "Your radius is the mean distance to the k nearest. It is the distance to the "
                "k-th.",
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
        ],
    ),
    Exercise(
        "8.3",
        "The opposite twin",
        difficulty=3,
        minutes=15,
        reference=_twin,
        inputs=_noisy_pairs,
        mistakes=[
            Mistake(
                _shrunk(lambda ratio: 1 - ratio),
                "You shrink by the ratio of distance to variance itself. The distance compares "
                "*standard deviations* and squares the difference: a root has to be taken.",
            ),
            Mistake(
                _shrunk(lambda ratio: (1 - ratio).sqrt()),
                "You take the distance away from the *variance*: c² = 1 - d² / tr S. It is the "
                "square of a difference of standard deviations: solve (1 - c)² tr S = d².",
            ),
            Mistake(
                _shrunk(lambda ratio: 1 + ratio.sqrt()),
                "The distance is right, but this twin is too wide, the same defect as before. The "
                "equation has two solutions: take the one below 1.",
            ),
            Mistake(
                _twin_origin,
                "You shrink towards the origin, which moves the mean as well and adds to the "
                "distance. Shrink towards the mean of the real points.",
            ),
            Mistake(
                _twin_fake_spread,
                "You divide by the variance of the flawed set. The twin is made of real points, "
                "so it is their variance that shrinks.",
            ),
            Mistake(
                _twin_of_fake,
                "You shrink the flawed set. Its defect would stay in: make the twin of the real "
                "points.",
            ),
            Mistake(
                _twin_biased_variance,
                "Nearly: your variances divide by n, those inside the Fréchet distance by n - 1.",
            ),
            Mistake(
                _twin_one_variance,
                "You take one variance over all numbers of `real`. The trace is the sum of the "
                "variances of its *columns*.",
            ),
            Mistake(
                _twin_mean_variance,
                "You average the variances of the columns. The trace is their sum.",
            ),
            Mistake(
                _twin_one_mean,
                "You shrink towards one number, the mean of all coordinates together. Each column "
                "has its own mean.",
            ),
            Mistake(
                _twin_fake_mean,
                "You shrink towards the mean of the generated points, which moves the twin. Shrink "
                "towards the mean of the real ones.",
            ),
            Mistake(
                _twin_only_c,
                "This is the factor. Return the points: all real ones, moved towards their mean by "
                "it.",
            ),
            Mistake(
                _twin_centered,
                "The twin lies around 0. Add the mean again after shrinking.",
            ),
            Mistake(
                _twin_stds,
                "You add up standard deviations over the columns. The trace adds up variances.",
            ),
        ],
    ),
    Exercise(
        "8.4",
        "Catch the copier",
        difficulty=2,
        minutes=10,
        reference=_suspects,
        inputs=_copiers,
        mistakes=[
            Mistake(
                _suspects_upper,
                "Your threshold is the upper quantile of the test points' distances: a fair "
                "generator would have nearly all of its samples flagged. Copies are *closer* than "
                "the closest test points: take the quantile `q`.",
            ),
            Mistake(
                _suspects_far,
                "You flag what is *farther* from the training set than the threshold. Copies are "
                "closer.",
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
            ),
            Mistake(
                _suspects_relative,
                "Your threshold is a quantile of the generated points' own distances, so a share "
                "`q` of any set is flagged, copied or not. The test points set the scale.",
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
        ],
    ),
    Exercise(
        "8.5",
        "An interval for a difference",
        difficulty=2,
        minutes=12,
        reference=_many_draws,
        inputs=_scores,
        compare=_same_interval,
        seconds=8,  # a loop over the draws is slow and right
        mistakes=[
            Mistake(
                _no_repeats,
                "Your interval has no width: drawing n of n scores without repeats gives the same "
                "scores in another order. Draw *with* replacement.",
            ),
            Mistake(
                _wrong_percentiles,
                "Your ends are the quantiles 1 - level and level. What is outside the interval has "
                "to be split: half of 1 - level on each side.",
            ),
            Mistake(
                _one_side,
                "You resample `a` but keep `b` fixed. The scores of both methods are luck: "
                "resample both, independently.",
            ),
            Mistake(
                _pooled,
                "You draw both groups from the pooled scores. That asks what the difference would "
                "be if the methods were equal (a permutation test); an interval resamples each "
                "method from its own scores.",
            ),
            Mistake(
                _of_scores,
                "You draw one score of each method at a time: this is the spread of single runs. "
                "Each resample needs the *mean* of as many scores as there were.",
            ),
            Mistake(
                _of_ends,
                "You subtract the ends of two intervals, as if both methods were unlucky in "
                "opposite ways at once: too wide. Take the difference within each resample, then "
                "its quantiles.",
            ),
            Mistake(
                _about_the_mean,
                "You turn the draws into a mean and a standard deviation, as if they were normal. "
                "Skewed scores give skewed draws: take the two quantiles of the draws themselves.",
            ),
            Mistake(
                _reflected,
                "You reflect the quantiles at the observed difference (the *basic* bootstrap). "
                "Asked are the quantiles of the draws as they are.",
            ),
            Mistake(
                _own_number,
                "The argument `resamples` is not used: make as many draws as it says.",
            ),
            Mistake(
                _halves,
                "You draw halves without repeats, as `metrics.interval` does. Here draw as many "
                "scores as there are, with replacement.",
            ),
            Mistake(
                _paired,
                "You use the same rows for both methods. Run 3 of one has nothing to do with run "
                "3 of the other: draw the rows of each by themselves.",
            ),
            Mistake(
                _size_of_a,
                "From `b` you draw as many scores as `a` has. Draw as many as `b` has itself.",
            ),
            Mistake(
                _medians,
                "These are medians. The question is about means.",
            ),
            Mistake(
                _other_sign,
                "The difference is the wrong way round: `a` minus `b`.",
            ),
            Mistake(
                _high_first,
                "The ends are exchanged: return the lower one first.",
            ),
            Mistake(
                _always_95,
                "The argument `level` is not used.",
            ),
            Mistake(
                _of_best,
                "You compare the best score of each resample. The question is about means.",
            ),
        ],
    ),
]
