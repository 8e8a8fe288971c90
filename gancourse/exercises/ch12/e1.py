"""Exercise 12.1: Train on synthetic, test on real."""

import torch

from .. import Exercise, Mistake


def _share(predict, pair):
    x, y = pair
    return (predict(x) == y).double().mean().item()


def _tstr(fit, real, fake, test):
    return _share(fit(*real), test), _share(fit(*fake), test)


def _tstr_swapped(fit, real, fake, test):
    return _tstr(fit, fake, real, test)


def _tstr_trts(fit, real, fake, test):
    predict = fit(*real)
    return _share(predict, test), _share(predict, fake)


def _tstr_own(fit, real, fake, test):
    return _share(fit(*real), test), _share(fit(*fake), fake)


def _tstr_both(fit, real, fake, test):
    joined = [torch.cat(pair) for pair in zip(real, fake, strict=True)]
    return _share(fit(*real), test), _share(fit(*joined), test)


def _tstr_on_real(fit, real, fake, test):
    return _share(fit(*real), real), _share(fit(*fake), real)


def _tstr_counts(fit, real, fake, test):
    return tuple(share * len(test[1]) for share in _tstr(fit, real, fake, test))


def _tstr_mistakes(fit, real, fake, test):
    return tuple(1 - share for share in _tstr(fit, real, fake, test))


def _tstr_only(fit, real, fake, test):
    return _share(fit(*fake), test)


def _tstr_gap(fit, real, fake, test):
    on_real, on_fake = _tstr(fit, real, fake, test)
    return on_real - on_fake, on_fake


def _tstr_on_test(fit, real, fake, test):
    return _share(fit(*test), test), _share(fit(*fake), test)


def _tstr_crossed(fit, real, fake, test):
    return _share(fit(*real), fake), _share(fit(*fake), real)


def _tstr_real_labels(fit, real, fake, test):
    n = min(len(real[1]), len(fake[0]))
    return _share(fit(*real), test), _share(fit(fake[0][:n], real[1][:n]), test)


def _tstr_percent(fit, real, fake, test):
    return tuple(100 * share for share in _tstr(fit, real, fake, test))


def _nearest_mean(x, y):
    classes = y.unique()
    means = torch.stack([x[y == k].mean(0) for k in classes])
    return lambda new: classes[torch.cdist(new, means).argmin(1)]


def _nearest_neighbour(x, y):
    return lambda new: y[torch.cdist(new, x).argmin(1)]


def _tstr_inputs(g):
    cases = []
    for fit, classes, n, d in ((_nearest_mean, 3, 30, 2), (_nearest_neighbour, 4, 24, 3)):
        centers = 1.2 * torch.randn(classes, d, generator=g)

        def draw(count, noise, centers=centers, classes=classes, d=d):
            y = torch.arange(count) % classes
            return centers[y] + noise * torch.randn(count, d, generator=g), y

        real, test = draw(n, 0.8), draw(4 * n + 2, 0.8)
        x, y = draw(n + 7, 0.8)
        # A generator that misses: its classes have moved.
        fake = (x + 0.9 * torch.randn(classes, d, generator=g)[y], y)
        cases.append((fit, real, fake, test))
    return cases


MISTAKES = [
    Mistake(
        _tstr_swapped,
        "The two numbers have changed places: first the classifier that was trained on "
        "real data, then the one trained on synthetic data.",
        slip={"fit(*real), fit(*fake)": "fit(*fake), fit(*real)"},
    ),
    Mistake(
        _tstr_trts,
        "The second number is *train on real, test on synthetic*. It asks whether fakes "
        "look like their class, and a generator with one picture a class passes it. Turn "
        "it round.",
        slip={"on_fake(x) == y": "on_real(fake[0]) == fake[1]"},
    ),
    Mistake(
        _tstr_own,
        "The second classifier is tested on the pictures that it was trained on. Test both on `test`.",
        slip={"on_fake(x) == y": "on_fake(fake[0]) == fake[1]"},
    ),
    Mistake(
        _tstr_both,
        "The second classifier has seen real data as well: that is augmentation, a "
        "question of its own. Fit it on `fake` alone.",
    ),
    Mistake(
        _tstr_on_real,
        "You test on `real`, which the first classifier (and the generator) was trained "
        "on. `test` is there for that.",
        slip={("    x, y = test\n"): ("    x, y = real\n")},
    ),
    Mistake(
        _tstr_counts,
        "These are numbers of right answers: divide by the size of the test set.",
    ),
    Mistake(
        _tstr_mistakes,
        "These are shares of *wrong* answers. Asked for are the right ones.",
    ),
    Mistake(
        _tstr_only,
        "Two numbers are asked for: the classifier trained on `real` and the one trained on "
        "`fake`, both on `test`. Alone, the second says nothing.",
    ),
    Mistake(
        _tstr_gap,
        "Your first number is the difference of the two. Return both shares as they are.",
    ),
    Mistake(
        _tstr_on_test,
        "Your first classifier is trained on the test set. Fit it on `real`.",
    ),
    Mistake(
        _tstr_crossed,
        "You test each classifier on the other's training set. Test both on `test`.",
    ),
    Mistake(
        _tstr_real_labels,
        "You fit the fake pictures with the labels of the real ones. `fake` has labels of its own.",
    ),
    Mistake(_tstr_percent, "These are percentages. Return shares between 0 and 1."),
]

EXERCISE = Exercise(
    "12.1",
    "Train on synthetic, test on real",
    difficulty=1,
    minutes=8,
    reference=_tstr,
    inputs=_tstr_inputs,
    parts=("the share after training on real data", "the share after training on fakes"),
    mistakes=MISTAKES,
)
