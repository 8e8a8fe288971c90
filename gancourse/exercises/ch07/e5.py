"""Exercise 7.5: Statistics in parts."""

import torch

from .. import Exercise, Mistake


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


MISTAKES = [
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
        slip={" + between) / (n - 1)": ") / (n - 2)"},
    ),
    Mistake(
        _merge_variant(lambda n1, m1, s1, n2, m2, s2, n, dd: {"mean": (m1 + m2) / 2}),
        "The mean is not weighted: a part with more rows counts more.",
    ),
    Mistake(
        _merge_variant(lambda n1, m1, s1, n2, m2, s2, n, dd: {"mean": (n2 * m1 + n1 * m2) / n}),
        "The weights of the mean are exchanged: a part with more rows counts more, not less.",
        slip={("delta * n2 / n\n"): ("delta * n1 / n\n")},
    ),
    Mistake(
        _merge_variant(
            lambda n1, m1, s1, n2, m2, s2, n, dd: {
                "cov": ((n1 - 1) * s1 + (n2 - 1) * s2 + n1 * n2 / n * dd.trace()) / (n - 1),
            }
        ),
        "You add one number to all elements of the covariance, the squared distance of the means. "
        "The part between the means is a matrix: each component of the difference times each.",
        slip={"torch.outer(delta, delta)": "delta.square().sum()"},
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
        slip={"/ (n - 1)": "/ n"},
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

EXERCISE = Exercise(
    "7.5",
    "Statistics in parts",
    difficulty=2,
    minutes=15,
    reference=_merge,
    inputs=_part_inputs,
    mistakes=MISTAKES,
    atol=1e-8,
    parts=("number of rows", "mean", "covariance"),
)
