"""Exercises of chapter 8, Beyond one number."""

from __future__ import annotations

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


def _two_samples(g):
    def draw(n, d, shift=0.0):
        return shift + torch.randn(n, d, generator=g, dtype=torch.float64)

    return [(draw(6, 4), draw(3, 4, 0.8)), (draw(4, 2), draw(9, 2)), (draw(7, 3), draw(7, 3, 2.0))]


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


def _clouds(g):
    def draw(n, center, std=1.0):
        noise = torch.randn(n, 2, generator=g, dtype=torch.float64)
        return torch.tensor(center, dtype=torch.float64) + std * noise

    return [
        (draw(40, (0.0, 0.0)), draw(25, (1.0, 0.0), 0.6), 3),
        (draw(30, (0.0, 0.0)), draw(45, (0.0, 1.5)), 2),
        (draw(20, (100.0, 0.0)), draw(20, (100.0, 1.0), 0.5), 1),
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
    for n, d, noise in ((40, 3, 0.5), (60, 2, 0.9), (25, 4, 0.2)):
        scales = torch.linspace(1.0, 2.0, d, dtype=torch.float64)
        real = 3 + scales * torch.randn(n, d, generator=g, dtype=torch.float64)
        cases.append((real, real + noise * torch.randn(n, d, generator=g, dtype=torch.float64)))
    return cases


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


def _copiers(g):
    cases = []
    for n, d, copies, q in ((60, 3, 12, 0.05), (90, 5, 30, 0.1), (50, 2, 0, 0.2)):
        train, test, fake = (
            torch.randn(size, d, generator=g, dtype=torch.float64) for size in (n, n, n - 10)
        )
        fake[copies:] = 1.5 * fake[copies:]  # a poor generator, as far as it does not copy
        noise = torch.randn(copies, d, generator=g, dtype=torch.float64)
        fake[:copies] = train[:copies] + 0.01 * noise
        cases.append((train, test, fake[torch.randperm(n - 10, generator=g)], q))
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


def _same_interval(expected, got):
    """Equal up to the noise of some thousand resamples: 4.5 % of the expected width."""
    low, high = expected
    mine = [float(end) for end in got]
    allowed = 0.045 * abs(high - low) + 1e-9
    return len(mine) == 2 and max(abs(low - mine[0]), abs(high - mine[1])) <= allowed


def _scores(g):
    def draw(n, mean, std):
        return mean + std * torch.randn(n, generator=g, dtype=torch.float64)

    return [
        (draw(8, 6.0, 1.0), draw(8, 5.0, 0.8), 0.95, 6000),
        (draw(12, 3.0, 0.5), draw(20, 3.0, 0.8), 0.8, 6000),
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
                "You shrink by the ratio of FID to variance itself. FID compares *standard "
                "deviations* and squares the difference, so a root has to be taken somewhere.",
            ),
            Mistake(
                _shrunk(lambda ratio: (1 - ratio).sqrt()),
                "You take the FID away from the *variance*: c² = 1 - FID / tr S. The distance is "
                "the square of a difference of standard deviations: solve (1 - c)² tr S = FID.",
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
        reference=_difference_interval,
        inputs=_scores,
        compare=_same_interval,
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
                _of_best,
                "You compare the best score of each resample. The question is about means.",
            ),
        ],
    ),
]
