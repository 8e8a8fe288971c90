"""Exercise 10.4: The Fréchet distance that sees labels."""

import torch

from gancourse import metrics

from .. import Exercise, Mistake


def _intra_fid(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    scores = [metrics.frechet_distance(real[real_labels == k], fake[fake_labels == k]) for k in classes]
    return sum(scores) / len(scores)


def _pooled(real, real_labels, fake, fake_labels):
    return metrics.frechet_distance(real, fake)


def _fake_labels_unused(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    return sum(metrics.frechet_distance(real[real_labels == k], fake) for k in classes) / len(classes)


def _one_mask(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    scores = [metrics.frechet_distance(real[real_labels == k], fake[real_labels == k]) for k in classes]
    return sum(scores) / len(scores)


def _summed(real, real_labels, fake, fake_labels):
    return _intra_fid(real, real_labels, fake, fake_labels) * len(real_labels.unique())


def _weighted(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    scores = [metrics.frechet_distance(real[real_labels == k], fake[fake_labels == k]) for k in classes]
    shares = [float((real_labels == k).double().mean()) for k in classes]
    return sum(s * w for s, w in zip(scores, shares, strict=True))


def _worst(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    return max(metrics.frechet_distance(real[real_labels == k], fake[fake_labels == k]) for k in classes)


def _means_only(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    scores = [
        float((real[real_labels == k].mean(0) - fake[fake_labels == k].mean(0)).square().sum())
        for k in classes
    ]
    return sum(scores) / len(scores)


def _classes_in_a_row(real, real_labels, fake, fake_labels):
    """Classes taken as 0 to K - 1."""
    count = len(real_labels.unique())
    scores = [
        metrics.frechet_distance(real[real_labels == k], fake[fake_labels == k]) for k in range(count)
    ]
    return sum(scores) / count


def _median(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    scores = [metrics.frechet_distance(real[real_labels == k], fake[fake_labels == k]) for k in classes]
    return float(torch.tensor(scores, dtype=torch.double).quantile(0.5))


def _requested_classes(real, real_labels, fake, fake_labels):
    classes = fake_labels.unique()
    scores = [metrics.frechet_distance(real[real_labels == k], fake[fake_labels == k]) for k in classes]
    return sum(scores) / len(scores)


def _labelled_features(g):
    """Labels of any kind, and requests for a class that the real data don't have. A class has as
    many generated samples as real ones, so that `fid` gives no warning."""
    cases = []
    for names, counts, extra, d in (
        ((0, 1, 2), (30, 40, 25), {3: 20}, 3),
        ((2, 5, 9), (60, 24, 36), {6: 30}, 4),
        ((0, 3, 4, 7), (40, 30, 50, 40), {1: 25}, 2),
    ):
        centers = 3 * torch.randn(10, d, generator=g)
        sets = []
        for spread, asked in ((1.0, {}), (0.7, extra)):
            sizes = dict(zip(names, counts, strict=True)) | asked
            y = torch.cat([torch.full((n,), k) for k, n in sizes.items()])
            y = y[torch.randperm(len(y), generator=g)]
            x = centers[y] + spread * (1 + y[:, None] % 4) * torch.randn(len(y), d, generator=g)
            sets += [x.double(), y]
        cases.append(tuple(sets))
    return cases


MISTAKES = [
    Mistake(
        _pooled,
        "This is the distance of all samples pooled: it doesn't look at a single label.",
    ),
    Mistake(
        _fake_labels_unused,
        "Each real class is compared with *all* generated samples. Compare it with those "
        "that were made for this class.",
        slip={"fake[fake_labels == k]": "fake"},
    ),
    Mistake(
        _one_mask,
        "You choose the generated samples with the real samples' labels. Row i of one set "
        "has nothing to do with row i of the other; each has its own labels.",
        slip={"fake[fake_labels == k]": "fake[real_labels == k]"},
    ),
    Mistake(
        _summed,
        "This is the sum over the classes. Take the mean, so that it can be compared "
        "between data with different numbers of classes.",
    ),
    Mistake(
        _weighted,
        "You weigh classes by their share of the real data. Then a rare class may be "
        "wrong and hardly count; here each class counts the same.",
    ),
    Mistake(
        _worst,
        "This is the worst class. The mean over classes is asked for.",
        slip={"return sum(scores) / len(scores)": "return max(scores)"},
    ),
    Mistake(_median, "This is the median class. The mean over classes is asked for."),
    Mistake(
        _requested_classes,
        "You go through the classes that were *asked for*. A request for a class that the "
        "data don't have has nothing to be compared with: take the real labels' classes.",
        slip={"for k in real_labels.unique()]": "for k in fake_labels.unique()]"},
    ),
    Mistake(
        _classes_in_a_row,
        "You take the classes to be 0, 1, 2, ... Labels may be any numbers: go through "
        "those that occur.",
    ),
    Mistake(
        _means_only,
        "Only the means are compared. The spread within a class is what collapse takes "
        "away first: use the whole Fréchet distance, `metrics.frechet_distance`.",
    ),
]

EXERCISE = Exercise(
    "10.4",
    "The Fréchet distance that sees labels",
    difficulty=2,
    minutes=10,
    reference=_intra_fid,
    inputs=_labelled_features,
    mistakes=MISTAKES,
)
