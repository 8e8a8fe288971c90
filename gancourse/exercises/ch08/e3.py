"""Exercise 8.3: The opposite twin."""

import torch

from gancourse import metrics

from .. import Exercise, Mistake


def _twin(real, fake):
    ratio = metrics.frechet_distance(real, fake) / real.var(0).sum()
    mean = real.mean(0)
    return mean + (1 - ratio.sqrt()) * (real - mean)


def _shrunk(factor):
    def twin(real, fake):
        ratio, mean = metrics.frechet_distance(real, fake) / real.var(0).sum(), real.mean(0)
        return mean + factor(ratio) * (real - mean)

    return twin


def _twin_origin(real, fake):
    return (1 - (metrics.frechet_distance(real, fake) / real.var(0).sum()).sqrt()) * real


def _twin_fake_spread(real, fake):
    mean, ratio = real.mean(0), metrics.frechet_distance(real, fake) / fake.var(0).sum()
    return mean + (1 - ratio.sqrt()) * (real - mean)


def _twin_of_fake(real, fake):
    mean, ratio = fake.mean(0), metrics.frechet_distance(real, fake) / real.var(0).sum()
    return mean + (1 - ratio.sqrt()) * (fake - mean)


def _twin_biased_variance(real, fake):
    mean, spread = real.mean(0), real.var(0, correction=0).sum()
    return mean + (1 - (metrics.frechet_distance(real, fake) / spread).sqrt()) * (real - mean)


def _twin_stds(real, fake):
    mean, spread = real.mean(0), real.std(0).sum()
    return mean + (1 - (metrics.frechet_distance(real, fake) / spread).sqrt()) * (real - mean)


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
    return mean + (1 - (metrics.frechet_distance(real, fake) / real.var()).sqrt()) * (real - mean)


def _twin_mean_variance(real, fake):
    mean = real.mean(0)
    return mean + (1 - (metrics.frechet_distance(real, fake) / real.var(0).mean()).sqrt()) * (
        real - mean
    )


def _twin_one_mean(real, fake):
    c = 1 - (metrics.frechet_distance(real, fake) / real.var(0).sum()).sqrt()
    return real.mean() + c * (real - real.mean())


def _twin_fake_mean(real, fake):
    c = 1 - (metrics.frechet_distance(real, fake) / real.var(0).sum()).sqrt()
    return fake.mean(0) + c * (real - fake.mean(0))


def _twin_only_c(real, fake):
    return 1 - (metrics.frechet_distance(real, fake) / real.var(0).sum()).sqrt()


def _twin_centered(real, fake):
    return _twin_only_c(real, fake) * (real - real.mean(0))


MISTAKES = [
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
        slip={"1 - math": "1 + math"},
    ),
    Mistake(
        _twin_origin,
        "You shrink towards the origin, which moves the mean as well and adds to the "
        "distance. Shrink towards the mean of the real points.",
        slip={"return mean + c * (real - mean)": "return c * real"},
    ),
    Mistake(
        _twin_fake_spread,
        "You divide by the variance of the flawed set. The twin is made of real points, "
        "so it is their variance that shrinks.",
    ),
    Mistake(
        _twin_of_fake,
        "You shrink the flawed set. Its defect would stay in: make the twin of the real points.",
    ),
    Mistake(
        _twin_biased_variance,
        "Nearly: your variances divide by n, those inside the Fréchet distance by n - 1.",
    ),
    Mistake(
        _twin_one_variance,
        "You take one variance over all numbers of `real`. The trace is the sum of the "
        "variances of its *columns*.",
        slip={"real.var(0).sum()": "real.var()"},
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
        slip={"mean = real.mean(0)": "mean = fake.mean(0)"},
    ),
    Mistake(
        _twin_only_c,
        "This is the factor. Return the points: all real ones, moved towards their mean by it.",
    ),
    Mistake(
        _twin_centered,
        "The twin lies around 0. Add the mean again after shrinking.",
    ),
    Mistake(
        _twin_stds,
        "You add up standard deviations over the columns. The trace adds up variances.",
    ),
]

EXERCISE = Exercise(
    "8.3",
    "The opposite twin",
    difficulty=3,
    minutes=15,
    reference=_twin,
    inputs=_noisy_pairs,
    mistakes=MISTAKES,
)
