"""Exercises of chapter 10, Conditional GANs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from .. import metrics
from . import Exercise, Mistake

# --- 10.1 the conditional discriminator step ------------------------------------------------------


class _G(nn.Module):
    """A small conditional generator with smooth layers; any shape of sample."""

    def __init__(self, nz: int, shape: tuple[int, ...], num_classes: int):
        super().__init__()
        self.nz, self.shape, self.num_classes = nz, shape, num_classes
        size = int(torch.tensor(shape).prod())
        self.net = nn.Sequential(nn.Linear(nz + num_classes, 8), nn.Tanh(), nn.Linear(8, size))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        x = self.net(torch.cat([z, 2.0 * one_hot(y, self.num_classes)], 1))
        return x.unflatten(1, self.shape)


class _D(nn.Module):
    """A small conditional discriminator: one logit a class, the label's one is taken."""

    def __init__(self, shape: tuple[int, ...], num_classes: int):
        super().__init__()
        self.num_classes = num_classes
        size = int(torch.tensor(shape).prod())
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, num_classes)
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return 3 * self.net(x).gather(1, y[:, None]).squeeze(1)


def _bce(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def _d_loss(G, D, real, labels, z):
    fake = G(z, labels).detach()
    return _bce(D(real, labels), D(fake, labels))


def _attached(G, D, real, labels, z):
    return _bce(D(real, labels), D(G(z, labels), labels))


def _asked_otherwise(G, D, real, labels, z):
    asked = torch.randint(G.num_classes, labels.shape)
    return _bce(D(real, labels), D(G(z, asked).detach(), labels))


def _told_otherwise(G, D, real, labels, z):
    told = torch.randint(G.num_classes, labels.shape)
    return _bce(D(real, labels), D(G(z, labels).detach(), told))


def _own_requests(G, D, real, labels, z):
    asked = torch.randint(G.num_classes, labels.shape)
    return _bce(D(real, labels), D(G(z, asked).detach(), asked))


def _real_unlabelled(G, D, real, labels, z):
    fake = G(z, labels).detach()
    return _bce(D(real, torch.zeros_like(labels)), D(fake, labels))


def _real_shuffled(G, D, real, labels, z):
    fake = G(z, labels).detach()
    return _bce(D(real, labels[torch.randperm(len(labels))]), D(fake, labels))


def _fakes_unlabelled(G, D, real, labels, z):
    fake = G(z, labels).detach()
    return _bce(D(real, labels), D(fake, torch.zeros_like(labels)))


def _signs(G, D, real, labels, z):
    fake = G(z, labels).detach()
    return _bce(D(fake, labels), D(real, labels))


def _one_half(G, D, real, labels, z):
    return softplus(D(G(z, labels).detach(), labels)).mean()


def _joined(G, D, real, labels, z):
    """Cross-entropy on one batch of 2N: the mean over all, half of the sum of two means."""
    fake = G(z, labels).detach()
    return _bce(D(real, labels), D(fake, labels)) / 2


def _summed_up(G, D, real, labels, z):
    return _d_loss(G, D, real, labels, z) * len(labels)


def _no_graph(G, D, real, labels, z):
    with torch.no_grad():
        return _d_loss(G, D, real, labels, z)


def _fakes_without_graph(G, D, real, labels, z):
    with torch.no_grad():
        on_fake = D(G(z, labels), labels)
    return _bce(D(real, labels), on_fake)


def _reals_without_graph(G, D, real, labels, z):
    with torch.no_grad():
        on_real = D(real, labels)
    return _bce(on_real, D(G(z, labels).detach(), labels))


def _frozen(G, D, real, labels, z):
    G.requires_grad_(False)
    return _bce(D(real, labels), D(G(z, labels), labels))


def _fresh_latents(G, D, real, labels, z):
    return _d_loss(G, D, real, labels, torch.randn_like(z))


def _smoothed(G, D, real, labels, z):
    on_real, on_fake = D(real, labels), D(G(z, labels).detach(), labels)
    return (softplus(-on_real) + 0.1 * on_real).mean() + softplus(on_fake).mean()


def _hinged(G, D, real, labels, z):
    on_real, on_fake = D(real, labels), D(G(z, labels).detach(), labels)
    return (1 - on_real).relu().mean() + (1 + on_fake).relu().mean()


def _sigmoid_first(G, D, real, labels, z):
    fake = G(z, labels).detach()
    return _bce(D(real, labels).sigmoid(), D(fake, labels).sigmoid())


def _pair_and_batch(g):
    torch.manual_seed(0)
    cases = []
    for n, shape, classes in ((6, (2,), 3), (9, (1, 4, 4), 5)):
        G, D = _G(4, shape, classes), _D(shape, classes)
        real = torch.randn(n, *shape, generator=g)
        labels = torch.randint(classes, (n,), generator=g)
        cases.append((G, D, real, labels, torch.randn(n, 4, generator=g)))
    return cases


def _loss_and_gradients(result, args):
    G, D = args[:2]
    first_d, first_g = next(D.parameters()), next(G.parameters())
    (to_d,) = torch.autograd.grad(result, first_d, retain_graph=True)
    to_g = None
    if first_g.requires_grad:
        (to_g,) = torch.autograd.grad(result, first_g, allow_unused=True)
    return {
        "The loss": result.detach(),
        "Its gradient in D's first weights": to_d,
        "The gradient that it sends to the generator": float(0 if to_g is None else to_g.norm()),
    }


# --- 10.2 the projection logit --------------------------------------------------------------------


def _projection(phi, y, w, c, v):
    return phi @ w + c + (v[y] * phi).sum(1)


def _projection_inputs(g):
    cases = []
    for n, d, k in ((5, 3, 4), (4, 4, 4), (7, 6, 10)):
        phi, v = torch.randn(n, d, generator=g), torch.randn(k, d, generator=g)
        y = torch.randint(k, (n,), generator=g)
        w, c = torch.randn(d, generator=g), torch.randn((), generator=g)
        cases.append((phi, y, w, c, v))
    return cases


def _column_of_v(phi, y, w, c, v):
    # column instead of row; runs only where there are as many features as classes or more
    return phi @ w + c + (v.T[y] * phi).sum(1)


# --- 10.3 the label-shuffle test ------------------------------------------------------------------


def _shuffle_test(asked, seen, orders):
    accuracy = (asked == seen).double().mean()
    chance = (asked[orders] == seen).double().mean(1)
    p = (1 + (chance >= accuracy).sum()) / (1 + len(orders))
    return float(accuracy), float(p)


def _shuffles(asked, seen, orders):
    return (asked == seen).double().mean(), (asked[orders] == seen).double().mean(1)


def _both_shuffled(asked, seen, orders):
    accuracy = (asked == seen).double().mean()
    chance = (asked[orders] == seen[orders]).double().mean(1)
    return float(accuracy), float((1 + (chance >= accuracy).sum()) / (1 + len(orders)))


def _strictly(asked, seen, orders):
    accuracy, chance = _shuffles(asked, seen, orders)
    return float(accuracy), float((1 + (chance > accuracy).sum()) / (1 + len(orders)))


def _without_itself(asked, seen, orders):
    accuracy, chance = _shuffles(asked, seen, orders)
    return float(accuracy), float((chance >= accuracy).double().mean())


def _other_tail(asked, seen, orders):
    accuracy, chance = _shuffles(asked, seen, orders)
    return float(accuracy), float((1 + (chance <= accuracy).sum()) / (1 + len(orders)))


def _gain(asked, seen, orders):
    accuracy, chance = _shuffles(asked, seen, orders)
    return float(accuracy), float(accuracy - chance.mean())


def _uniform_chance(asked, seen, orders):
    """The chance of that many hits by guessing uniformly: blind to how common each class is."""
    accuracy = (asked == seen).double().mean()
    classes = int(torch.cat([asked, seen]).max()) + 1
    n, hits = len(asked), int((asked == seen).sum())
    log = torch.distributions.Binomial(n, torch.tensor(1 / classes, dtype=torch.double)).log_prob(
        torch.arange(hits, n + 1).double()
    )
    return float(accuracy), float(log.exp().sum())


def _without_itself_above(asked, seen, orders):
    accuracy, chance = _shuffles(asked, seen, orders)
    return float(accuracy), float((chance >= accuracy).sum() / (1 + len(orders)))


def _itself_above_only(asked, seen, orders):
    accuracy, chance = _shuffles(asked, seen, orders)
    return float(accuracy), float((1 + (chance >= accuracy).sum()) / len(orders))


def _mid_p(asked, seen, orders):
    accuracy, chance = _shuffles(asked, seen, orders)
    ties = (chance == accuracy).sum() + 1
    return float(accuracy), float(((chance > accuracy).sum() + 0.5 * ties) / (1 + len(orders)))


def _two_sided(asked, seen, orders):
    accuracy, chance = _shuffles(asked, seen, orders)
    away = (chance - chance.mean()).abs() >= (accuracy - chance.mean()).abs()
    return float(accuracy), float((1 + away.sum()) / (1 + len(orders)))


def _orders(n, count, g):
    """`count` orders (an odd number), each with its inverse: to shuffle the answers by an order is
    to shuffle the requests by its inverse, so both ways give the same p."""
    drawn = torch.stack([torch.randperm(n, generator=g) for _ in range(count // 2)])
    return torch.cat([drawn, drawn.argsort(1), torch.arange(n - 1, -1, -1)[None]])


def _asked_and_seen(g):
    n, orders = 60, 199
    right = torch.randint(10, (n,), generator=g)
    noisy = torch.where(
        torch.rand(n, generator=g) < 0.15, right, torch.randint(10, (n,), generator=g)
    )
    common = (torch.rand(40, generator=g) < 0.1).long()
    ones = torch.zeros(40, dtype=torch.long)  # always makes the class that is asked for most
    cases = [(right, right.clone()), (right, noisy), (common, ones)]
    cases.append((right, torch.randint(10, (n,), generator=g)))
    names = torch.tensor([2, 5, 9])  # labels need not be 0, 1, 2, ...
    few = names[torch.randint(3, (24,), generator=g)]
    cases.append((few, torch.where(torch.rand(24, generator=g) < 0.4, few, few.roll(1))))
    return [(a, s, _orders(len(a), orders, g)) for a, s in cases]


# --- 10.4 the Fréchet distance within classes -----------------------------------------------------


def _intra_fid(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    scores = [metrics.fid(real[real_labels == k], fake[fake_labels == k]) for k in classes]
    return sum(scores) / len(scores)


def _pooled(real, real_labels, fake, fake_labels):
    return metrics.fid(real, fake)


def _fake_labels_unused(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    return sum(metrics.fid(real[real_labels == k], fake) for k in classes) / len(classes)


def _one_mask(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    scores = [metrics.fid(real[real_labels == k], fake[real_labels == k]) for k in classes]
    return sum(scores) / len(scores)


def _summed(real, real_labels, fake, fake_labels):
    return _intra_fid(real, real_labels, fake, fake_labels) * len(real_labels.unique())


def _weighted(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    scores = [metrics.fid(real[real_labels == k], fake[fake_labels == k]) for k in classes]
    shares = [float((real_labels == k).double().mean()) for k in classes]
    return sum(s * w for s, w in zip(scores, shares, strict=True))


def _worst(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    return max(metrics.fid(real[real_labels == k], fake[fake_labels == k]) for k in classes)


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
    scores = [metrics.fid(real[real_labels == k], fake[fake_labels == k]) for k in range(count)]
    return sum(scores) / count


def _median(real, real_labels, fake, fake_labels):
    classes = real_labels.unique()
    scores = [metrics.fid(real[real_labels == k], fake[fake_labels == k]) for k in classes]
    return float(torch.tensor(scores, dtype=torch.double).quantile(0.5))


def _requested_classes(real, real_labels, fake, fake_labels):
    classes = fake_labels.unique()
    scores = [metrics.fid(real[real_labels == k], fake[fake_labels == k]) for k in classes]
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


# --- 10.5 what a noisy label asks for -------------------------------------------------------------


def _asked_for(prior, channel):
    joint = prior[:, None] * channel  # (true class, label written down)
    return (joint / joint.sum(0)).T


def _priors_and_channels(g):
    cases = []
    for k in (3, 5):
        prior = torch.rand(k, generator=g, dtype=torch.double) + 0.1
        channel = torch.rand(k, k, generator=g, dtype=torch.double) + 2 * torch.eye(k)
        cases.append((prior / prior.sum(), channel / channel.sum(1, keepdim=True)))
    flip = torch.tensor([[0.9, 0.1], [0.4, 0.6]], dtype=torch.double)
    cases.append((torch.tensor([0.2, 0.8], dtype=torch.double), flip))
    return cases


EXERCISES = [
    Exercise(
        "10.1",
        "The discriminator's step, with labels",
        difficulty=2,
        minutes=10,
        reference=_d_loss,
        inputs=_pair_and_batch,
        observe=_loss_and_gradients,
        mistakes=[
            Mistake(
                _attached,
                "The value is right, but its gradient reaches the generator: the discriminator's "
                "step would train the generator to be *caught*. Cut the generated samples from "
                "their graph.",
            ),
            Mistake(
                _asked_otherwise,
                "You ask the generator for one set of labels and show its samples to the "
                "discriminator under another. A seven must be judged as a seven: use the labels "
                "it was made with.",
            ),
            Mistake(
                _told_otherwise,
                "You make the samples with `labels`, but judge them with freshly drawn ones. The "
                "discriminator then learns that generated pairs don't match, whatever the "
                "generator does. Judge each sample with the label it was made for.",
            ),
            Mistake(
                _own_requests,
                "You draw requests of your own, uniformly. The generated pairs are consistent, but "
                "unless the data's classes are equally frequent the discriminator can tell the two "
                "kinds apart by counting labels. Ask for `labels`.",
            ),
            Mistake(
                _fakes_unlabelled,
                "Real samples are judged with their labels, generated ones all with label 0. The "
                "discriminator could tell them apart by the label alone; give both their own.",
            ),
            Mistake(
                _real_unlabelled,
                "Generated samples are judged with their labels, real ones all with label 0, so "
                "nothing ties a label to what it looks like. Give the real samples theirs.",
            ),
            Mistake(
                _real_shuffled,
                "The real samples' labels are in another order than the samples: row i of `labels` "
                "belongs to row i of `real`. Keep them together.",
            ),
            Mistake(
                _signs,
                "Real and generated have changed places: this loss is small when the "
                "discriminator calls generated samples real. Which logits should be large?",
            ),
            Mistake(
                _one_half,
                "Only generated samples are judged. Without real pairs the discriminator can say "
                "`no` to everything; add the real half.",
            ),
            Mistake(
                _sigmoid_first,
                "A sigmoid comes before the softplus. `D` returns logits, and the softplus already "
                "contains the sigmoid: leave one out.",
            ),
            Mistake(
                _joined,
                "This is half of the loss: the mean over a joined batch of real and generated "
                "pairs. Here the mean over the real pairs and the mean over the generated ones are "
                "*added*.",
            ),
            Mistake(_summed_up, "You add up the samples. Take the mean over each kind of pair."),
            Mistake(
                _no_graph,
                "The value is right, but no gradient leads to `D`: it would learn nothing. Only "
                "the generator's part of the graph is to be cut, so only `G` may stand under "
                "`no_grad`.",
            ),
            Mistake(
                _fakes_without_graph,
                "The value is right, but `D` gets no gradient from the generated pairs: it would "
                "learn from the real ones alone. `D` must not stand under `no_grad`, only `G`.",
            ),
            Mistake(
                _reals_without_graph,
                "The value is right, but `D` gets no gradient from the real pairs. `D` must not "
                "stand under `no_grad`, only `G`.",
            ),
            Mistake(
                _frozen,
                "You freeze the generator and leave it frozen: its own next step would raise or do "
                "nothing. Cut its samples from their graph instead.",
            ),
            Mistake(
                _fresh_latents,
                "You draw latents of your own. Use `z`: whoever calls the function decides on "
                "which latents the step is made.",
            ),
            Mistake(
                _smoothed,
                "Your target for real pairs is 0.9 (one-sided label smoothing). That is another "
                "loss; the plain cross-entropy is asked for.",
            ),
            Mistake(
                _hinged,
                "This is the hinge loss. The cross-entropy is asked for: softplus in place of the "
                "hinge.",
            ),
        ],
    ),
    Exercise(
        "10.2",
        "The projection logit",
        difficulty=1,
        minutes=8,
        reference=_projection,
        inputs=_projection_inputs,
        rtol=1e-4,
        atol=1e-5,
        mistakes=[
            Mistake(
                lambda phi, y, w, c, v: (v[y] * phi).sum(1),
                "The unconditional part is missing: without `phi @ w + c` nobody asks whether the "
                "sample looks real at all, only whether it fits its label.",
            ),
            Mistake(
                lambda phi, y, w, c, v: phi @ w + (v[y] * phi).sum(1),
                "The bias `c` is missing.",
            ),
            Mistake(
                lambda phi, y, w, c, v: phi @ w + c,
                "The label isn't used: this is the unconditional logit. Add the projection on the "
                "label's vector.",
            ),
            Mistake(
                lambda phi, y, w, c, v: phi @ w + c + (v[y] * phi).mean(1),
                "You take the mean over the features: an inner product is their sum.",
            ),
            Mistake(
                lambda phi, y, w, c, v: (phi @ w).sum() + c + (v[y] * phi).sum(0),
                "You sum over the samples (axis 0), which mixes the batch: each sample needs a "
                "number of its own, so sum over its features.",
            ),
            Mistake(
                lambda phi, y, w, c, v: phi @ w + c + v[y] @ phi.T,
                "The result is a matrix: every sample met every other sample's label. Only pairs "
                "of the same row belong together.",
            ),
            Mistake(
                lambda phi, y, w, c, v: phi @ w + c + (phi @ v.T).sum(1),
                "You add the projections on *all* labels' vectors, so the label makes no "
                "difference. Take the one that belongs to `y`.",
            ),
            Mistake(
                lambda phi, y, w, c, v: phi @ w + c + (phi @ v.T).max(1).values,
                "You take the label that fits best, not the one that was asked for: the "
                "discriminator would never notice a wrong label.",
            ),
            Mistake(
                _column_of_v,
                "You pick columns of `v`. It has one *row* a class, `(K, d)`.",
            ),
            Mistake(
                lambda phi, y, w, c, v: (phi @ w + c + (v[y] * phi).sum(1))[:, None],
                "Your logits have the shape (N, 1). Against logits of shape (N,) a difference would "
                "spread out to a matrix: return (N,).",
            ),
            Mistake(
                lambda phi, y, w, c, v: (
                    phi @ w + c + torch.nn.functional.cosine_similarity(v[y], phi)
                ),
                "You normalise the two vectors. The projection is their plain inner product: the "
                "length of `phi` counts.",
            ),
            Mistake(
                lambda phi, y, w, c, v: (phi @ w + c) * (v[y] * phi).sum(1),
                "You multiply the two parts. They are two terms of a log ratio: add them.",
            ),
        ],
    ),
    Exercise(
        "10.3",
        "Does it listen to its label?",
        difficulty=2,
        minutes=12,
        reference=_shuffle_test,
        inputs=_asked_and_seen,
        parts=("The accuracy", "p"),
        mistakes=[
            Mistake(
                _both_shuffled,
                "You move the labels asked for and the labels seen together, so each pair stays "
                "together and nothing changes. Shuffle one of the two.",
            ),
            Mistake(
                _strictly,
                "A shuffle that does *as well* counts too. With a strict comparison a generator "
                "that always makes the same class looks significant.",
            ),
            Mistake(
                _without_itself,
                "The order as it came is one of the possible shuffles: count it, above and below. "
                "Otherwise p can be 0, which no finite number of shuffles can show.",
            ),
            Mistake(
                _without_itself_above,
                "You divide by S + 1, but the order as it came is missing among those that are "
                "counted: it is as good as itself.",
            ),
            Mistake(
                _itself_above_only,
                "You count the order as it came, but divide by the number of shuffles: with it "
                "there are S + 1 orders.",
            ),
            Mistake(
                _mid_p,
                "You count ties by half. That is another p (mid-p), a little too small; here a "
                "shuffle that does as well counts in full.",
            ),
            Mistake(
                _two_sided,
                "You count shuffles that are as far from the average on *either* side. Doing worse "
                "than chance is no sign of listening: count one side.",
            ),
            Mistake(
                lambda asked, seen, orders: _shuffle_test(asked, seen, orders)[::-1],
                "The two numbers have changed places: the accuracy comes first.",
            ),
            Mistake(
                _other_tail,
                "You count the shuffles that do worse. p is the share that do as well or better.",
            ),
            Mistake(
                _gain,
                "The second number is how much better than the shuffles' average. Useful, but not "
                "p: it doesn't say how far shuffles scatter.",
            ),
            Mistake(
                _uniform_chance,
                "You compare with a guess that is uniform over the classes. If most requests are "
                "for one class, always making that class beats it without listening. Compare with "
                "shuffles of the requests themselves.",
            ),
        ],
    ),
    Exercise(
        "10.4",
        "The Fréchet distance that sees labels",
        difficulty=2,
        minutes=10,
        reference=_intra_fid,
        inputs=_labelled_features,
        mistakes=[
            Mistake(
                _pooled,
                "This is the distance of all samples pooled: it doesn't look at a single label.",
            ),
            Mistake(
                _fake_labels_unused,
                "Each real class is compared with *all* generated samples. Compare it with those "
                "that were made for this class.",
            ),
            Mistake(
                _one_mask,
                "You choose the generated samples with the real samples' labels. Row i of one set "
                "has nothing to do with row i of the other; each has its own labels.",
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
            Mistake(_worst, "This is the worst class. The mean over classes is asked for."),
            Mistake(_median, "This is the median class. The mean over classes is asked for."),
            Mistake(
                _requested_classes,
                "You go through the classes that were *asked for*. A request for a class that the "
                "data don't have has nothing to be compared with: take the real labels' classes.",
            ),
            Mistake(
                _classes_in_a_row,
                "You take the classes to be 0, 1, 2, ... Labels may be any numbers: go through "
                "those that occur.",
            ),
            Mistake(
                _means_only,
                "Only the means are compared. The spread within a class is what collapse takes "
                "away first: use the whole Fréchet distance, `metrics.fid`.",
            ),
        ],
    ),
    Exercise(
        "10.5",
        "What a noisy label asks for",
        difficulty=2,
        minutes=8,
        reference=_asked_for,
        inputs=_priors_and_channels,
        mistakes=[
            Mistake(
                lambda prior, channel: channel,
                "This is the channel: label given class. Wanted is class given label; turn it "
                "round with Bayes's rule.",
            ),
            Mistake(
                lambda prior, channel: (channel / channel.sum(0)).T,
                "The prior is missing. A label that is mostly a slip of the pen from a common "
                "class shows mostly that class.",
            ),
            Mistake(
                lambda prior, channel: (prior[:, None] * channel).T,
                "These are joint probabilities: divide by how often each label is written, so "
                "that every row sums to 1.",
            ),
            Mistake(
                lambda prior, channel: prior[:, None] * channel / (prior @ channel),
                "The numbers are right, but rows and columns have changed places: row j is for "
                "the label j that is asked for.",
            ),
            Mistake(
                lambda prior, channel: channel.T,
                "You turned the channel round without Bayes's rule: how frequent a class is, and "
                "how often its label is written, both count.",
            ),
            Mistake(
                lambda prior, channel: torch.linalg.inv(channel),
                "This is the inverse of the channel, which turns frequencies of labels into those "
                "of classes; its entries are no probabilities. What is wanted is the chance of a "
                "class behind *one* label: Bayes's rule.",
            ),
            Mistake(
                lambda prior, channel: (prior[:, None] * channel / prior).T,
                "You divide by the frequency of a class. Divide by how often the *label* is "
                "written at all, so that every row sums to 1.",
            ),
            Mistake(
                lambda prior, channel: (prior * channel) / (prior * channel).sum(1, keepdim=True),
                "The prior multiplies the wrong axis: it belongs to the true classes, which are "
                "the rows of `channel`.",
            ),
        ],
    ),
]
