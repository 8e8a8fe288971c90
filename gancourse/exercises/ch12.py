"""Exercises of chapter 12, Data, privacy and misuse."""

from __future__ import annotations

import itertools

import torch

from . import Exercise, Mistake

# --- 12.1 train on synthetic, test on real ----------------------------------------------------------


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


# --- 12.2 will it leak? -----------------------------------------------------------------------------


def _hidden(T):
    return bool(torch.linalg.matrix_rank(T) < len(T))


def _hidden_rows(T):
    n = len(T)
    return any(torch.allclose(T[i], T[j]) for i in range(n) for j in range(i))


def _mixing(states, p):
    return (1 - p) * torch.eye(states).double() + p / states


def _same_answer(expected, got):
    """Yes or no in any dress: True, 1, numpy's and torch's."""
    value = torch.as_tensor(got)
    return value.numel() == 1 and value.item() in (0, 1) and bool(value.item()) == expected


def _hidden_inputs(g):
    halves = torch.tensor([[0.8, 0.2, 0.0], [0.0, 0.2, 0.8], [0.4, 0.2, 0.4]])
    chain = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.7, 0.3], [0.1, 0.0, 0.9]])
    flip = torch.tensor([[0.5, 0.5], [0.5, 0.5]])
    # Here, too, one row is a mixture; but rounding leaves a determinant that is not quite zero.
    blend = torch.rand(12, 12, generator=g).double() + 0.1
    blend[7] = blend[:7].mean(0)
    blend = blend / blend.sum(1, keepdim=True)
    # `halves` has no two equal rows, and its third is the mean of the others.
    return [
        (T.double(),)
        for T in (
            _mixing(8, 0.5),
            _mixing(8, 1.0),
            torch.eye(3)[[1, 2, 0]],  # always turned: nothing is lost
            torch.eye(2)[[1, 0]],  # always mirrored, determinant -1: nothing is lost
            flip,
            _mixing(4, 0.9),
            _mixing(2, 0.999),  # hardly anything is left to be seen, and it is enough
            halves,
            chain,
            torch.eye(3),
            blend,
        )
    ]


# --- 12.3 the attack's score ------------------------------------------------------------------------


def _auc(members, others):
    margin = members[:, None] - others
    return ((margin > 0).double() + 0.5 * (margin == 0)).mean().item()


def _best_accuracy(members, others):
    cuts = torch.cat([members, others, torch.tensor([float("inf")])])
    rates = [(members >= cut).double().mean() + (others < cut).double().mean() for cut in cuts]
    return float(max(rates)) / 2


def _auc_by_position(members, others):
    n = min(len(members), len(others))
    return (members[:n] > others[:n]).double().mean().item()


def _auc_median(members, others):
    return (members > others.median()).double().mean().item()


def _auc_untied_ranks(members, others):
    ranks = torch.cat([members, others]).argsort().argsort()[: len(members)] + 1
    n = len(members)
    return (ranks.sum().item() - n * (n + 1) / 2) / (n * len(others))


def _auc_sigmoid(members, others):
    return torch.sigmoid(members[:, None] - others).mean().item()


def _auc_no_ties(members, others):
    margin = members[:, None] - others
    return ((margin > 0).double().sum() / (margin != 0).double().sum()).item()


def _auc_best_side(members, others):
    return max(_auc(members, others), 1 - _auc(members, others))


def _auc_gap(members, others):
    return (members.double().mean() - others.double().mean()).item()


def _auc_inputs(g):
    cases = []
    for n, m, shift in ((9, 14, 0.5), (20, 7, 0.0), (5, 5, -1.0)):
        members = torch.randn(n, generator=g) + shift
        others = torch.randn(m, generator=g)
        cases.append(((2 * members).round(), (2 * others).round()))
    cases.append((torch.randn(30, generator=g) + 3.0, torch.randn(12, generator=g) + 2.0))
    return cases


# --- 12.4 read a copying test -----------------------------------------------------------------------


_TOO_MANY = {
    "A": "A is what a fair generator looks like: 0.5, a z near 0, and 1 % flagged where 1 % is "
    "expected.",
    "D": "D is far *from* the training set, farther than fresh pictures are: a large positive z. "
    "Those are poor pictures, not copies.",
}
_MISSING = {
    "B": "One is missing. Its `closer` is an average: copies on one side of it and bad pictures "
    "on the other cancel. Another column does not average.",
    "C": "One is missing. Its pixels say nothing, its features say a lot: a copy moved by a pixel "
    "is far away in pixels.",
}


def _advice(chosen):
    said = [text for letter, text in _TOO_MANY.items() if letter in chosen]
    lacking = [text for letter, text in _MISSING.items() if letter not in chosen]
    if len(lacking) == 2:
        lacking = [
            "Two hand out copies. One is as clear as it gets: its `closer` near 1 says that its "
            "pictures lie nearer to the training set than fresh ones do. The other hides in an "
            "average."
        ]
    return " ".join(said + lacking)


# --- 12.5 a private gradient ------------------------------------------------------------------------


def _clipped(gradients, clip):
    norms = gradients.norm(dim=1, keepdim=True)
    return gradients * (clip / norms).clamp(max=1)


def _private(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * clip * noise) / batch


def _private_mean_first(gradients, clip, sigma, noise, batch):
    mean = gradients.sum(0) / batch
    return mean * min(1.0, clip / float(mean.norm())) + sigma * clip * noise / batch


def _private_sum_first(gradients, clip, sigma, noise, batch):
    total = gradients.sum(0)
    return (total * min(1.0, clip / float(total.norm())) + sigma * clip * noise) / batch


def _private_normalised(gradients, clip, sigma, noise, batch):
    unit = torch.nn.functional.normalize(gradients, dim=1)
    return (clip * unit.sum(0) + sigma * clip * noise) / batch


def _private_coordinates(gradients, clip, sigma, noise, batch):
    return (gradients.clamp(-clip, clip).sum(0) + sigma * clip * noise) / batch


def _private_no_clip_in_noise(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * noise) / batch


def _private_noise_late(gradients, clip, sigma, noise, batch):
    return _clipped(gradients, clip).sum(0) / batch + sigma * clip * noise


def _private_by_count(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * clip * noise) / len(gradients)


def _private_unclipped(gradients, clip, sigma, noise, batch):
    return (gradients.sum(0) + sigma * clip * noise) / batch


def _private_noise_each(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip) + sigma * clip * noise).sum(0) / batch


def _private_sum(gradients, clip, sigma, noise, batch):
    return _clipped(gradients, clip).sum(0) + sigma * clip * noise


def _private_noise_squared(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma**2 * clip * noise) / batch


def _private_noise_root(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * clip * noise / batch**0.5) / batch


def _private_noise_divided(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma / clip * noise) / batch


def _private_noise_minus(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) - sigma * clip * noise) / batch


def _private_noise_own(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * clip * torch.randn_like(noise)) / batch


def _private_no_noise(gradients, clip, sigma, noise, batch):
    return _clipped(gradients, clip).sum(0) / batch


def _private_two_counts(gradients, clip, sigma, noise, batch):
    return _clipped(gradients, clip).mean(0) + sigma * clip * noise / batch


def _private_columns(gradients, clip, sigma, noise, batch):
    clipped = gradients * (clip / gradients.norm(dim=0, keepdim=True)).clamp(max=1)
    return (clipped.sum(0) + sigma * clip * noise) / batch


def _private_one_norm(gradients, clip, sigma, noise, batch):
    clipped = gradients * (clip / gradients.abs().sum(1, keepdim=True)).clamp(max=1)
    return (clipped.sum(0) + sigma * clip * noise) / batch


def _private_squared_norm(gradients, clip, sigma, noise, batch):
    clipped = gradients * (clip / gradients.square().sum(1, keepdim=True)).clamp(max=1)
    return (clipped.sum(0) + sigma * clip * noise) / batch


def _private_dropped(gradients, clip, sigma, noise, batch):
    kept = gradients[gradients.norm(dim=1) <= clip]
    return (kept.sum(0) + sigma * clip * noise) / batch


def _private_blown_up(gradients, clip, sigma, noise, batch):
    clipped = gradients * (clip / gradients.norm(dim=1, keepdim=True)).clamp(min=1)
    return (clipped.sum(0) + sigma * clip * noise) / batch


def _private_inputs(g):
    cases = []
    for n, d, clip, sigma, batch in ((5, 3, 1.0, 0.7, 4), (7, 4, 0.5, 2.0, 8), (3, 6, 2.0, 1.0, 6)):
        gradients = torch.randn(n, d, generator=g)
        gradients[0] *= 0.05  # one that needs no clipping, and one far too long
        gradients[1] *= 6
        cases.append((gradients, clip, sigma, torch.randn(d, generator=g), batch))
    return cases


EXERCISES = [
    Exercise(
        "12.1",
        "Train on synthetic, test on real",
        difficulty=1,
        minutes=8,
        reference=_tstr,
        inputs=_tstr_inputs,
        parts=("the share after training on real data", "the share after training on fakes"),
        mistakes=[
            Mistake(
                _tstr_swapped,
                "The two numbers have changed places: first the classifier that was trained on "
                "real data, then the one trained on synthetic data.",
            ),
            Mistake(
                _tstr_trts,
                "The second number is *train on real, test on synthetic*. It asks whether fakes "
                "look like their class, and a generator with one picture a class passes it. Turn "
                "it round.",
            ),
            Mistake(
                _tstr_own,
                "The second classifier is tested on the pictures that it was trained on. Test "
                "both on `test`.",
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
                "You fit the fake pictures with the labels of the real ones. `fake` has labels of its "
                "own.",
            ),
            Mistake(_tstr_percent, "These are percentages. Return shares between 0 and 1."),
        ],
    ),
    Exercise(
        "12.2",
        "Will it leak?",
        difficulty=2,
        minutes=10,
        reference=_hidden,
        inputs=_hidden_inputs,
        compare=_same_answer,
        mistakes=[
            Mistake(
                lambda T: bool(torch.linalg.det(T) < 1e-9),
                "A negative determinant is fine: a mirror that is always applied can be undone. "
                "Only a determinant of zero says that something is lost.",
            ),
            Mistake(
                lambda T: bool(torch.linalg.det(T) == 0),
                "The idea is right, but a determinant that should be 0 is often 1e-20 in floating "
                "point (and an inverse that should not exist is computed without a complaint). Leave "
                "room for rounding, or let `torch.linalg.matrix_rank` do it.",
            ),
            Mistake(
                lambda T: not _hidden(T),
                "The other way round: True says that something is hidden, so that the generator "
                "may get away with a wrong distribution.",
            ),
            Mistake(
                lambda T: not torch.equal(T, torch.eye(len(T)).to(T)),
                "You call every augmentation a leak. Pictures may be altered as long as the "
                "*distribution* can be worked out from what is seen.",
            ),
            Mistake(
                lambda T: bool((T.diagonal() < 0.5).any()),
                "Staying the same less than half of the time is not the question: one that is "
                "*always* turned hides nothing, and exactly half can hide all. Ask whether "
                "`q @ T` determines `q`.",
            ),
            Mistake(
                lambda T: bool((T.diagonal() <= 0.5).any()),
                "How often a picture is altered does not decide: one that is *always* turned by "
                "90 degrees hides nothing, you turn it back. Ask whether `q @ T` determines `q`.",
            ),
            Mistake(
                _hidden_rows,
                "Two equal rows hide something, but they are not the only way: a row can also be "
                "a mixture of others.",
            ),
            Mistake(
                lambda T: bool(torch.linalg.matrix_rank(T - torch.eye(len(T)).to(T)) < len(T)),
                "T minus the identity is singular for every stochastic matrix (its rows sum to "
                "1). It is T itself that has to be undone.",
            ),
            Mistake(
                lambda T: bool(torch.linalg.det(T).abs() < 0.1),
                "A small determinant is not zero: with many states or a strong augmentation it is tiny, "
                "and the map can be undone all the same. Leave room for rounding only.",
            ),
            Mistake(
                lambda T: bool((torch.linalg.eigvals(T).abs() < 0.2).any()),
                "A small eigenvalue is not zero: such a map can be undone, if with much noise. Leave "
                "room for rounding only.",
            ),
            Mistake(
                lambda T: bool(torch.allclose(T @ T, T)),
                "Doing it twice like once is a sign that something is lost, but other maps lose "
                "something as well. Ask whether `q @ T` determines `q`.",
            ),
            Mistake(
                lambda T: not torch.allclose(T, T.T),
                "Symmetry doesn't decide: ask whether `q @ T` determines `q`.",
            ),
            Mistake(
                lambda T: False,
                "You say that nothing is ever hidden. Take a turn by 0, 90, 180 or 270 degrees, each "
                "in a quarter of the cases: what can still be seen of the distribution?",
            ),
            Mistake(
                lambda T: True,
                "You say that something is always hidden. Take an augmentation that does nothing.",
            ),
        ],
    ),
    Exercise(
        "12.3",
        "The attack's score",
        difficulty=2,
        minutes=10,
        reference=_auc,
        inputs=_auc_inputs,
        atol=1e-6,
        mistakes=[
            Mistake(
                lambda members, others: 1 - _auc(members, others),
                "Swapped: a high score says *member*, so count the pairs in which the member "
                "scores higher.",
            ),
            Mistake(
                lambda members, others: (members[:, None] > others).double().mean().item(),
                "A tie counts for nothing here. An attack that gives everybody the same score "
                "would get 0 instead of 0.5: count half.",
            ),
            Mistake(
                lambda members, others: (members[:, None] >= others).double().mean().item(),
                "A tie counts as a win here. An attack that gives everybody the same score would "
                "be perfect: count half.",
            ),
            Mistake(
                lambda members, others: (
                    ((members > 0).double().mean() + (others <= 0).double().mean()).item() / 2
                ),
                "This is an accuracy at the threshold 0. A critic's logits have no natural zero "
                "for this question; compare pairs instead.",
            ),
            Mistake(
                lambda members, others: (
                    torch.cat([members > 0, others <= 0]).double().mean().item()
                ),
                "This is an accuracy at the threshold 0, and it depends on how many of each kind "
                "there are. Compare pairs instead.",
            ),
            Mistake(
                lambda members, others: 2 * _auc(members, others) - 1,
                "Your number runs from -1 to 1, with 0 for guessing: losses count as minus one. "
                "Asked for is a share of pairs, from 0 to 1.",
            ),
            Mistake(
                lambda members, others: _auc(members, others) * len(members) * len(others),
                "This is the number of pairs. Divide by how many pairs there are.",
            ),
            Mistake(
                _best_accuracy,
                "This is the accuracy at the best threshold: chosen after seeing the answers, it "
                "is above 0.5 for pure noise. Average over all pairs instead.",
            ),
            Mistake(
                _auc_by_position,
                "You compare the first member with the first other, the second with the second. Their "
                "order means nothing: compare *each* member with *each* other.",
            ),
            Mistake(
                _auc_median,
                "You compare the members with the median of the others, one threshold. Compare with "
                "each of the others.",
            ),
            Mistake(
                _auc_untied_ranks,
                "Your ranks break ties by the order in the list. Equal scores share their mean rank "
                "(or: count half for a tie).",
            ),
            Mistake(
                _auc_sigmoid,
                "You soften each comparison with a sigmoid. Only the order counts: 1, 0, or half for a "
                "tie.",
            ),
            Mistake(
                _auc_no_ties,
                "You leave ties out. An attack that gives everybody the same score would then have no "
                "score at all: count half for each.",
            ),
            Mistake(
                _auc_best_side,
                "You take the better of the score and its mirror image. An attack that is wrong more "
                "often than right has less than 0.5, and that is what the number is to say.",
            ),
            Mistake(
                _auc_gap,
                "This is the difference of the mean scores: it changes with their scale. Count pairs.",
            ),
        ],
    ),
    Exercise(
        "12.4",
        "Read a copying test",
        difficulty=1,
        minutes=5,
        reference=frozenset("BC"),
        # Every other set of letters has its own message: what is missing, what is too much.
        mistakes=[
            Mistake(frozenset(chosen), _advice(set(chosen)))
            for size in range(5)
            for chosen in itertools.combinations("ABCD", size)
            if chosen != ("B", "C")
        ],
    ),
    Exercise(
        "12.5",
        "A private gradient",
        difficulty=2,
        minutes=12,
        reference=_private,
        inputs=_private_inputs,
        mistakes=[
            Mistake(
                _private_mean_first,
                "You clip the average. The gradient of one picture can then still make up all of it. "
                "Clip every row by itself, before anything is added up.",
            ),
            Mistake(
                _private_sum_first,
                "You clip the sum. The gradient of one picture can then still make up all of it. "
                "Clip every row by itself, before anything is added up.",
            ),
            Mistake(
                _private_normalised,
                "Every row is scaled to the length `clip`, short ones are blown up. Clipping "
                "leaves rows alone that are short enough.",
            ),
            Mistake(
                _private_coordinates,
                "You clip coordinate by coordinate: a row can still be longer than `clip`. The "
                "bound is for the norm of the whole row.",
            ),
            Mistake(
                _private_no_clip_in_noise,
                "The noise must be in proportion to what one picture can change: its standard "
                "deviation is `sigma * clip`.",
            ),
            Mistake(
                _private_noise_late,
                "The noise belongs to the *sum*, before the division by `batch`; added to the "
                "average it is `batch` times too large.",
            ),
            Mistake(
                _private_unclipped,
                "Nothing is clipped: one picture with a long gradient can change the sum by more "
                "than the noise hides.",
            ),
            Mistake(
                _private_noise_each,
                "The noise is added once to every row, so the sum holds it several times. Add it "
                "once, to the sum.",
            ),
            Mistake(
                _private_sum,
                "This is the noisy sum. Divide it by `batch`.",
            ),
            Mistake(
                _private_by_count,
                "You divide by the number of rows that happened to be drawn, which depends on "
                "who is in the data. Divide by the fixed `batch`.",
            ),
            Mistake(
                _private_two_counts,
                "Noise and gradients are divided by different numbers: the rows that happened to be "
                "drawn depend on who is in the data. Divide both by the fixed `batch`.",
            ),
            Mistake(
                _private_noise_squared,
                "You scale the noise by `sigma` squared, a variance. The noise is a draw with standard "
                "deviation 1: scale it by the standard deviation, `sigma * clip`.",
            ),
            Mistake(
                _private_noise_root,
                "You divide the noise by the root of `batch` as well, as for an average of independent "
                "draws. There is one draw, for the sum.",
            ),
            Mistake(
                _private_noise_divided,
                "You divide `sigma` by `clip`. What one picture can change grows with `clip`, and the "
                "noise with it.",
            ),
            Mistake(
                _private_noise_minus,
                "You subtract the noise. As protection that is as good; the sum here is with a plus.",
            ),
            Mistake(
                _private_noise_own,
                "You draw noise of your own. Use the draw that is given.",
            ),
            Mistake(
                _private_no_noise,
                "The rows are clipped, and no noise is added: clipping alone promises nothing.",
            ),
            Mistake(
                _private_columns,
                "You take the norm of each *column*, over the pictures. The bound is for one picture: "
                "the norm of each row.",
            ),
            Mistake(
                _private_one_norm,
                "You bound the sum of absolute values. Gaussian noise is measured against the "
                "Euclidean norm.",
            ),
            Mistake(
                _private_squared_norm,
                "You divide by the *squared* norm. Divide by the norm itself.",
            ),
            Mistake(
                _private_dropped,
                "You drop the rows that are too long. Scale them down to `clip`: their direction is "
                "wanted.",
            ),
            Mistake(
                _private_blown_up,
                "The clipping is turned round: short rows are made longer and long ones stay. Only "
                "rows longer than `clip` are to be scaled.",
            ),
        ],
    ),
]
