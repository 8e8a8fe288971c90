"""Exercises of chapter 7: Inception Score, Fréchet distance, its bias, leaks, merged statistics."""

from __future__ import annotations

import numpy as np
import torch

from . import Exercise, Mistake

# --- 7.1 the Inception Score ----------------------------------------------------------------------


def _logs(logits, dim=1):
    """log p(y|x) and log p(y), safe for large logits."""
    log_p = logits.log_softmax(dim)
    return log_p, log_p.logsumexp(0) - np.log(len(log_p))


def _inception_score(logits):
    log_p, log_marginal = _logs(logits)
    return (log_p.exp() * (log_p - log_marginal)).sum(1).mean().exp()


def _score_unsafe(logits):
    p = logits.softmax(1)
    return (p * (p.log() - p.mean(0).log())).sum(1).mean().exp()


def _score_geometric(logits):
    log_p = logits.log_softmax(1)
    return (log_p.exp() * (log_p - log_p.mean(0))).sum(1).mean().exp()


def _score_reversed(logits):
    log_p, log_marginal = _logs(logits)
    return (log_marginal.exp() * (log_marginal - log_p)).sum(1).mean().exp()


def _score_wrong_axis(logits):
    log_p, log_marginal = _logs(logits, dim=0)
    return (log_p.exp() * (log_p - log_marginal)).sum(1).mean().exp()


def _score_of_counts(logits):
    share = torch.bincount(logits.argmax(1), minlength=logits.shape[1]) / len(logits)
    return (-torch.xlogy(share, share).sum()).exp()


def _kl(logits):
    log_p, log_marginal = _logs(logits)
    return log_p.exp() * (log_p - log_marginal)


def _marginal_entropy(logits):
    _, log_marginal = _logs(logits)
    return (-(log_marginal.exp() * log_marginal).sum()).exp()


def _no_log_n(logits):
    return _inception_score(logits) / len(logits)


def _score_other_base(logits):
    return (_kl(logits).sum(1).mean() / np.log(2)).exp()


def _score_mean_logits(logits):
    log_p = logits.log_softmax(1)
    log_marginal = logits.mean(0).log_softmax(0)
    return (log_p.exp() * (log_p - log_marginal)).sum(1).mean().exp()


def _score_sure_only(logits):
    log_p = logits.log_softmax(1)
    return (log_p.exp() * log_p).sum(1).mean().neg().exp()


def _logit_inputs(g):
    return [
        (torch.randn(6, 3, generator=g),),
        (4 * torch.randn(40, 10, generator=g),),
        (400 * torch.randn(9, 5, generator=g),),  # a very sure classifier
        (2 * torch.randn(1, 4, generator=g),),  # one picture: it tells nothing apart
        (3 * torch.randn(7, 7, generator=g) + 5 * torch.arange(7.0),),  # as many as classes
    ]


_SCORE_MISTAKES = [
    Mistake(
        _score_unsafe,
        "A very sure classifier gives probabilities that are exactly 0 in float32, and 0 times "
        "log 0 is NaN. Stay with logarithms: take them from the logits directly.",
    ),
    Mistake(
        lambda x: _kl(x).sum(1).mean(),
        "This is the mean divergence itself, in nats. The score is its exponential, so that it "
        "runs from 1 to the number of classes.",
    ),
    Mistake(
        lambda x: _kl(x).sum(1).exp().mean(),
        "You take the exponential of each picture's divergence and average then. The average "
        "comes first, the exponential last.",
    ),
    Mistake(
        lambda x: _kl(x).mean().exp(),
        "You average over pictures and classes. A divergence is a *sum* over classes; only over "
        "the pictures is it a mean.",
    ),
    Mistake(
        _score_geometric,
        "Your p(y) averages the logarithms of the probabilities. It is the average of the "
        "probabilities themselves; take its logarithm afterwards.",
    ),
    Mistake(
        _score_reversed,
        "The divergence is the wrong way round: it is weighted by p(y|x), not by p(y).",
    ),
    Mistake(
        _score_wrong_axis,
        "You normalise over the pictures. Each row of logits becomes one distribution over the "
        "classes: which axis is that?",
    ),
    Mistake(
        _marginal_entropy,
        "This is the evenness of the classes alone. How sure the classifier is of each picture "
        "is missing.",
    ),
    Mistake(
        _no_log_n,
        "Too small by the factor n: your p(y) is the *sum* of the pictures' probabilities. It is "
        "their mean, so subtract the logarithm of the number of pictures.",
    ),
    Mistake(
        _score_mean_logits,
        "Your p(y) comes from the average *logits*. Turn each picture's logits into probabilities "
        "first, and average those.",
    ),
    Mistake(
        lambda x: (-_kl(x).sum(1).mean()).exp(),
        "The sign is wrong: a divergence is at least 0, so the score is at least 1.",
    ),
    Mistake(
        _score_other_base,
        "Your divergence is in bits and the exponential in nats. Take natural logarithms "
        "throughout.",
    ),
    Mistake(
        _score_sure_only,
        "This is the classifier's doubt about single pictures alone. How even the classes are, "
        "p(y), is missing.",
    ),
    Mistake(
        _score_of_counts,
        "You count the most likely class of each picture, as if the classifier were always sure. "
        "The score works with its probabilities.",
    ),
]

# --- 7.2 the Fréchet distance ---------------------------------------------------------------------


def _frechet(x, y):
    x, y = x.double(), y.double()
    a = (x - x.mean(0)) / (len(x) - 1) ** 0.5
    b = (y - y.mean(0)) / (len(y) - 1) ** 0.5
    root = torch.linalg.svdvals(a @ b.T).sum()
    apart = (x.mean(0) - y.mean(0)).square().sum()
    return float(apart + a.square().sum() + b.square().sum() - 2 * root)


def _root(s):
    values, vectors = torch.linalg.eigh(s)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _root_unclamped(s):
    values, vectors = torch.linalg.eigh(s)
    return vectors * values.sqrt() @ vectors.T


def _no_clamp_first(a, b):
    root = _root_unclamped(a)
    return torch.linalg.eigvalsh(root @ b @ root).clamp(min=0).sqrt().sum()


def _no_clamp_last(a, b):
    root = _root(a)
    return torch.linalg.eigvalsh(root @ b @ root).sqrt().sum()


def _with_a_little_more(a, b):
    """As pytorch-fid does where the product is singular."""
    little = 1e-6 * torch.eye(len(a), dtype=a.dtype)
    root = _root(a + little)
    return torch.linalg.eigvalsh(root @ (b + little) @ root).clamp(min=0).sqrt().sum()


def _distance_a_little_more(x, y):
    little = 1e-6 * torch.eye(x.shape[1], dtype=torch.float64)
    return _distance(x, y, cov=lambda z: torch.cov(z.T) + little)


def _distance(x, y, *, trace=None, apart=None, cov=None, two=2.0, double=True):
    """The same from covariances, with one part exchanged."""
    if double:
        x, y = x.double(), y.double()
    cov = cov or (lambda z: torch.cov(z.T))
    s1, s2 = cov(x), cov(y)
    delta = x.mean(0) - y.mean(0)
    total = (apart(delta) if apart else delta.square().sum()) + s1.trace() + s2.trace()
    if trace is None:
        root = _root(s1)
        cross = torch.linalg.eigvalsh(root @ s2 @ root).clamp(min=0).sqrt().sum()
    else:
        cross = trace(s1, s2)
    return float(total - two * cross)


def _distance_variant(**change):
    return lambda x, y: _distance(x, y, **change)


def _sample_inputs(g):
    def cloud(n, d, shift=0.0):
        mix = torch.randn(d, d, generator=g) / d**0.5
        return torch.randn(n, d, generator=g) @ mix + shift

    return [
        (cloud(50, 3), cloud(70, 3, 1.0)),
        (cloud(40, 5, 2.0), cloud(40, 5)),
        (cloud(12, 30), cloud(15, 30, 0.3)),  # fewer rows than columns
        (cloud(8, 8), cloud(8, 8)),
        (cloud(60, 4, 3.0) * torch.tensor([3.0, 1.0, 1.0, 0.2]), cloud(25, 4, 3.0)),
    ]


_FRECHET_MISTAKES = [
    Mistake(
        _distance_variant(
            trace=lambda a, b: torch.linalg.eigvalsh(a @ b).clamp(min=0).sqrt().sum()
        ),
        "The product of two covariances is not symmetric, and `eigvalsh` does not check: it reads "
        "one triangle and imagines the other. Bring the product into a symmetric form that has "
        "the same eigenvalues, or use singular values.",
    ),
    Mistake(
        _distance_variant(cov=lambda z: torch.cov(z.T, correction=0)),
        "Your covariances divide by n. The field divides by n - 1 (so do `np.cov` and "
        "`torch.cov`), and at small n the difference shows.",
    ),
    Mistake(
        _distance_variant(apart=torch.linalg.vector_norm),
        "The distance of the means must be squared, like everything else in this formula.",
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: (a @ b).diagonal().clamp(min=0).sqrt().sum()),
        "You take the root of each element. The root of a matrix M is a matrix R with R R = M: "
        "its trace is the sum of the roots of M's eigenvalues.",
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: (a @ b).sqrt().trace()),
        "You take the root of each element (and of negative ones: hence NaN). The root of a "
        "matrix M is a matrix R with R R = M: its trace is the sum of the roots of M's "
        "eigenvalues.",
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: torch.trace(_root(a) @ _root(b))),
        "The root of a product is not the product of the roots, unless the two matrices commute.",
    ),
    Mistake(
        _distance_variant(
            double=False,
            trace=lambda a, b: torch.linalg.eigvals(a @ b).sqrt().sum().real,
        ),
        "Right where there are many rows, off where there are few. There the product has "
        "eigenvalues that should be 0 and come out as tiny numbers of both signs: the roots of "
        "the negative ones are imaginary and you drop them silently, the roots of the positive "
        "ones add up. Use float64 and a symmetric form, and clamp at 0.",
    ),
    Mistake(
        _distance_variant(double=False),
        "Nearly: computed in float32. Where there are fewer rows than columns, rounding leaves "
        "eigenvalues of about 1e-7 that should be 0, and the *roots* of dozens of them add up. "
        "Convert the features to float64 first.",
    ),
    Mistake(
        _distance_variant(trace=_with_a_little_more),
        "You add a little to the diagonals, as popular code does against singular covariances. It "
        "is not needed, and its root is not little: clamp the eigenvalues at 0 instead.",
    ),
    Mistake(
        _distance_a_little_more,
        "You add a little to the diagonals, as popular code does against singular covariances. It "
        "is not needed, and its root is not little: clamp the eigenvalues at 0 instead.",
    ),
    Mistake(
        _distance_variant(trace=_no_clamp_first),
        "A covariance of fewer rows than columns has eigenvalues 0, rounding pushes some of them "
        "below, and their roots are NaN. Clamp the eigenvalues at 0 before you take the roots.",
    ),
    Mistake(
        _distance_variant(trace=_no_clamp_last),
        "Some eigenvalues of the product are 0, rounding pushes a few below, and their roots are "
        "NaN. Clamp at 0 before you take the roots.",
    ),
    Mistake(
        _distance_variant(apart=lambda delta: delta.square().mean()),
        "You average the squared differences of the means. The squared distance of two points is "
        "their *sum*.",
    ),
    Mistake(
        _distance_variant(apart=lambda delta: delta.sum().square()),
        "Square first, then add: differences of opposite sign must not cancel.",
    ),
    Mistake(
        _distance_variant(apart=lambda delta: delta.new_zeros(())),
        "The distance between the two means is missing.",
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: (a @ b).trace()),
        "The root is missing: this is the trace of the product itself.",
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: (a @ b).trace().clamp(min=0).sqrt()),
        "You take the root of the trace. Asked is the trace of the root: the roots of the "
        "eigenvalues come first, then their sum.",
    ),
    Mistake(
        _distance_variant(cov=torch.cov),
        "`torch.cov` takes variables in rows and observations in columns. Your features are the "
        "other way round, so you have the covariance between pictures.",
    ),
    Mistake(
        _distance_variant(cov=lambda z: z.T @ z / (len(z) - 1)),
        "You forgot to subtract the mean before the products: these are second moments, not "
        "covariances.",
    ),
    Mistake(
        _distance_variant(two=1.0),
        "Between equal samples your value is not 0. How often does the cross term count?",
    ),
    Mistake(
        lambda x, y: _frechet(x, y) ** 0.5,
        "This is the distance, the root of what the field prints: FID is a squared distance.",
    ),
]

# --- 7.3 extrapolate ------------------------------------------------------------------------------


def _line(feature):
    def fit(sizes, fids):
        return float(np.polyfit(feature(np.asarray(sizes, float)), np.asarray(fids), 1)[1])

    return fit


def _slope(sizes, fids):
    return float(np.polyfit(1 / np.asarray(sizes), np.asarray(fids), 1)[0])


def _ends(sizes, fids):
    u, v = 1 / sizes[0], 1 / sizes[-1]
    return float((fids[-1] * u - fids[0] * v) / (u - v))


def _line_inputs(g):
    cases = []
    for sizes, value, slope in (
        ([100, 200, 500, 1000], 3.0, 460.0),
        ([300, 150, 400, 250, 350], 0.0, 2200.0),  # in no order, and with nothing left at infinity
        ([500, 1000, 2000, 4000, 8000], 12.5, 900.0),
    ):
        n = torch.tensor(sizes, dtype=torch.float64)
        noise = 0.05 * slope / n * torch.randn(len(n), generator=g, dtype=torch.float64)
        cases.append((n.tolist(), (value + slope / n + noise).tolist()))
    cases.append(([800.0, 900.0, 1000.0], [3.1, 2.9, 2.95]))  # the smallest is not the last
    return cases


_LINE_MISTAKES = [
    Mistake(
        _line(lambda n: n),
        "You fit a line against n and read it at n = 0: no samples at all. Plot the distances "
        "against another function of n, in which infinitely many samples are a place on the axis.",
    ),
    Mistake(
        _slope,
        "This is the slope: how much bias there is. The value at infinity is the other number of "
        "the fit.",
    ),
    Mistake(
        _line(lambda n: 1 / np.sqrt(n)),
        "You fit against the inverse *root* of n. That is how fast the noise falls; the bias falls "
        "like 1/n.",
    ),
    Mistake(
        _line(np.log),
        "You fit against log n, which has no place for infinity: your value is the one at n = 1.",
    ),
    Mistake(
        lambda sizes, fids: float(fids[int(np.argmax(sizes))]),
        "This is the distance at the largest n. It still holds the bias of that n.",
    ),
    Mistake(
        lambda sizes, fids: float(min(fids)),
        "The smallest of the distances is not the limit: it still holds bias, and by choosing the "
        "smallest you add luck.",
    ),
    Mistake(
        lambda sizes, fids: _line(lambda n: 1 / n)(sorted(sizes), fids),
        "You sort the sizes and leave the distances as they came, so they no longer belong "
        "together. A fit needs no order.",
    ),
    Mistake(
        lambda sizes, fids: float(np.polyfit(1 / np.asarray(sizes), fids, 2)[-1]),
        "You fit a parabola. With a few noisy points its value at the edge is mostly noise; the "
        "bias is a straight line in 1/n.",
    ),
    Mistake(
        lambda sizes, fids: float(np.polyfit(1 / np.asarray(sizes), fids, 1) @ [1 / max(sizes), 1]),
        "This is the fitted line at the largest n. At infinity 1/n is 0.",
    ),
    Mistake(
        lambda sizes, fids: float(
            np.polyfit(1 / np.asarray(sizes), fids, 1, w=np.sqrt(np.asarray(sizes)))[1]
        ),
        "You weigh the points by their size. That is defensible; asked is the plain least-squares "
        "line through all points.",
    ),
    Mistake(
        _ends,
        "You draw the line through the first and the last point only. Each point is noisy: fit "
        "all of them.",
    ),
    Mistake(
        lambda sizes, fids: float(np.mean(fids)),
        "The mean of the distances is a distance at some middle n. Extrapolate to 1/n = 0.",
    ),
]

# --- 7.4 find the leak ----------------------------------------------------------------------------


def _same_picture(reference, train):
    """(n, m) bool: which pictures are equal, pixel by pixel."""
    return (reference.flatten(1)[:, None] == train.flatten(1)).all(2)


def _leak(reference, train):
    return float(_same_picture(reference, train).any(1).double().mean())


def _as_set(images):
    return {image.numpy().tobytes() for image in images}


def _leak_by_place(reference, train):
    n = min(len(reference), len(train))
    return float((reference[:n] == train[:n]).flatten(1).all(1).double().mean())


def _leak_unique(reference, train):
    both = torch.cat([reference, train]).flatten(1)
    return float((len(both) - len(both.unique(dim=0))) / len(reference))


def _leak_near(reference, train):
    gap = reference.flatten(1).float()[:, None] - train.flatten(1).float()
    return float((gap.abs().amax(2) < 2.5).any(1).double().mean())


def _leak_by_sum(reference, train):
    a, b = reference.flatten(1).long().sum(1), train.flatten(1).long().sum(1)
    return float((a[:, None] == b).any(1).double().mean())


def _leak_any_pixel(reference, train):
    equal = reference.flatten(1)[:, None] == train.flatten(1)
    return float(equal.any(2).any(1).double().mean())


def _picture_inputs(g):
    def fresh(n):
        return torch.randint(0, 256, (n, 1, 4, 4), generator=g, dtype=torch.uint8)

    train = fresh(10)
    train[7] = train[2]  # the training set holds one picture twice
    near = train[4:5].clone()
    near[0, 0, 0, 0] ^= 1  # one grey level in one pixel: another picture
    last = train[[8, 3]].clone()
    last[0, 0, 3, 3] ^= 64  # all rows but the last are equal
    last[1, 0, 1:3, 1:3] ^= 255  # the border is equal
    turned = train[5:7].flip(2)  # the same pixels in another order
    first = torch.cat([fresh(3), train[[2, 9]], near, last, turned, fresh(1)])
    twice = fresh(4)
    second = torch.cat([twice, twice[:1], train[:6]])  # it repeats one of its own
    in_place = fresh(6)
    in_place[0] = train[0]
    again = torch.cat([train[[4, 4, 4, 1]], fresh(3)])  # a leaked picture three times
    wide = torch.randint(0, 256, (5, 1, 3, 6), generator=g, dtype=torch.uint8)
    more = torch.cat([wide, wide[1:4], wide[:1]])
    more[7:] = 255 - more[7:]
    return [
        (first, train),
        (second, train),
        (fresh(5), train),
        (in_place, train[:4]),
        (again, train),
        (more, wide[[3, 0]]),
    ]


_LEAK_MISTAKES = [
    Mistake(
        _leak_by_place,
        "You compare the first with the first, the second with the second. A leaked picture can "
        "stand anywhere in the training set.",
    ),
    Mistake(
        lambda r, t: float(_same_picture(r, t).any(0).double().mean()),
        "You give the share of the *training* pictures that come back. Asked is which share of "
        "the reference has been trained on.",
    ),
    Mistake(
        lambda r, t: float(_same_picture(r, t).sum() / len(r)),
        "You count pairs. A training picture that is there twice makes two pairs, but the "
        "reference holds only one leaked picture.",
    ),
    Mistake(
        _leak_unique,
        "You count everything that occurs twice in the two sets together. A picture that one set "
        "holds twice on its own is no leak.",
    ),
    Mistake(
        lambda r, t: len(_as_set(r) & _as_set(t)) / len(r),
        "You count each leaked picture once. The reference may hold it twice, and then two of its "
        "pictures have leaked: ask of each picture in turn.",
    ),
    Mistake(
        lambda r, t: len(_as_set(r) & _as_set(t)) / len(_as_set(r)),
        "You drop repeated pictures before you count. Asked is the share of all pictures of the "
        "reference, a repeated one as often as it stands there.",
    ),
    Mistake(
        lambda r, t: 1 - _leak(r, t),
        "This is the share that has *not* leaked.",
    ),
    Mistake(
        lambda r, t: _leak(r, t) * len(r),
        "This is a count. Divide it by the number of pictures in the reference.",
    ),
    Mistake(
        lambda r, t: 100 * _leak(r, t),
        "This is in per cent. Return a share between 0 and 1.",
    ),
    Mistake(
        _leak_near,
        "You call pictures equal that differ by a grey level or two. Real near-duplicates are "
        "worth looking for, but here a leak is an exact copy.",
    ),
    Mistake(
        _leak_by_sum,
        "You compare a summary of the pixels, such as their sum. Different pictures can share it.",
    ),
    Mistake(
        _leak_any_pixel,
        "One equal pixel is enough for you. A copy is equal in *all* of them.",
    ),
]

# --- 7.5 statistics in parts ----------------------------------------------------------------------


def _merge(n1, mean1, cov1, n2, mean2, cov2):
    n, delta = n1 + n2, mean2 - mean1
    mean = mean1 + delta * n2 / n
    scatter = (n1 - 1) * cov1 + (n2 - 1) * cov2 + n1 * n2 / n * torch.outer(delta, delta)
    return n, mean, scatter / (n - 1)


def _merge_variant(change):
    def wrong(n1, mean1, cov1, n2, mean2, cov2):
        n, mean, cov = _merge(n1, mean1, cov1, n2, mean2, cov2)
        delta = torch.outer(mean2 - mean1, mean2 - mean1)
        parts = {"n": n, "mean": mean, "cov": cov}
        parts |= change(n1, mean1, cov1, n2, mean2, cov2, n, delta)
        return tuple(parts.values())

    return wrong


def _part_inputs(g):
    cases = []
    for n1, n2, d, apart in ((4, 7, 3, 1.0), (50, 20, 5, 3.0), (30, 2, 2, 0.0)):
        x = torch.randn(n1, d, generator=g, dtype=torch.float64)
        y = 2 * torch.randn(n2, d, generator=g, dtype=torch.float64) + apart
        cases.append((n1, x.mean(0), torch.cov(x.T), n2, y.mean(0), torch.cov(y.T)))
    return cases


_MERGE_MISTAKES = [
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {"cov": ((n1 - 1) * s1 + (n2 - 1) * s2) / (n - 1)}
        ),
        "You average the two covariances. Each was measured around its own mean: how far the two "
        "means lie apart is spread as well, and it is missing.",
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {"cov": ((n1 - 1) * s1 + (n2 - 1) * s2) / (n - 2)}
        ),
        "This is the pooled covariance of a t-test: it assumes one mean for both. Here the two "
        "means differ, and their distance is part of the spread.",
    ),
    Mistake(
        _merge_variant(lambda n1, m1, s1, n2, m2, s2, n, dd: {"mean": (m1 + m2) / 2}),
        "The mean is not weighted: a part with more rows counts more.",
    ),
    Mistake(
        _merge_variant(lambda n1, m1, s1, n2, m2, s2, n, dd: {"mean": (n2 * m1 + n1 * m2) / n}),
        "The weights of the mean are exchanged: a part with more rows counts more, not less.",
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {
                "cov": ((n1 - 1) * s1 + (n2 - 1) * s2 + n1 * n2 / n * dd.trace()) / (n - 1),
            }
        ),
        "You add one number to all elements of the covariance, the squared distance of the means. "
        "The part between the means is a matrix: each component of the difference times each.",
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {
                "cov": ((n1 - 1) * s1 + (n2 - 1) * s2 + n1 * n2 / n * dd.diag().diag()) / (n - 1),
            }
        ),
        "You square the difference of the means component by component, which gives the diagonal "
        "only. The components go together too: take the outer product.",
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {
                "cov": ((n1 - 1) * s1 + (n2 - 1) * s2 + n1 * n2 / n**2 * dd) / (n - 1),
            }
        ),
        "The part between the means has too little weight, by the factor n: it is a sum over all "
        "rows, like the other two.",
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {
                "mean": (m1 + m2) / 2,
                "cov": (s1 + s2) / 2,
            }
        ),
        "You average the two means and the two covariances. Weigh the parts by their rows, and "
        "count the distance between the means.",
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {
                "cov": (n1 * s1 + n2 * s2 + n1 * n2 / n * dd) / n,
            }
        ),
        "You weigh the covariances by n, but they were divided by n - 1: multiply each by what it "
        "was divided by, add up, and divide the sum by the new n - 1.",
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {
                "cov": ((n1 - 1) * s1 + (n2 - 1) * s2 + n1 * n2 / n * dd) / n,
            }
        ),
        "Everything is added up rightly; divide it by n - 1 at the end, not by n.",
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {
                "cov": ((n1 - 1) * s1 + (n2 - 1) * s2 + n * dd) / (n - 1),
            }
        ),
        "The part between the means has too much weight. Measure it from the *common* mean: the "
        "first part's mean lies n2/n of the way from it, the second's n1/n.",
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {
                "cov": ((n1 - 1) * s1 + (n2 - 1) * s2 + dd) / (n - 1),
            }
        ),
        "The part between the means counts as if it were one row. All rows of a part lie around "
        "their own mean, so each of them carries it.",
    ),
]

EXERCISES = [
    Exercise("7.1", "The Inception Score", difficulty=1, minutes=10, reference=_inception_score,
             inputs=_logit_inputs, mistakes=_SCORE_MISTAKES, rtol=1e-3),
    Exercise("7.2", "The Fréchet distance of two samples", difficulty=3, minutes=25,
             reference=_frechet, inputs=_sample_inputs, mistakes=_FRECHET_MISTAKES, rtol=1e-4,
             atol=1e-5),
    Exercise("7.3", "The distance at infinity", difficulty=1, minutes=8,
             reference=_line(lambda n: 1 / n), inputs=_line_inputs, mistakes=_LINE_MISTAKES,
             atol=1e-4),
    Exercise("7.4", "Find the leak", difficulty=2, minutes=12, reference=_leak,
             inputs=_picture_inputs, mistakes=_LEAK_MISTAKES),
    Exercise("7.5", "Statistics in parts", difficulty=2, minutes=15, reference=_merge,
             inputs=_part_inputs, mistakes=_MERGE_MISTAKES, atol=1e-8,
             parts=("number of rows", "mean", "covariance")),
]  # fmt: skip
