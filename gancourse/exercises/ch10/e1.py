"""Exercise 10.1: The discriminator's step, with labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from .. import Exercise, Mistake


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
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, num_classes))

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


MISTAKES = [
    Mistake(
        _attached,
        "The value is right, but its gradient reaches the generator: the discriminator's "
        "step would train the generator to be *caught*. Cut the generated samples from "
        "their graph.",
        slip={("    with torch.no_grad():\n        fake = G(z, labels)"): "    fake = G(z, labels)"},
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
        slip={"D(fake, labels)": "D(fake, torch.zeros_like(labels))"},
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
        slip={"-D(real, labels)).mean() + softplus(D": "D(real, labels)).mean() + softplus(-D"},
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
        slip={
            "D(real, labels)": "D(real, labels).sigmoid()",
            "D(fake, labels)": "D(fake, labels).sigmoid()",
        },
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
        "This is the hinge loss. The cross-entropy is asked for: softplus in place of the hinge.",
    ),
]

EXERCISE = Exercise(
    "10.1",
    "The discriminator's step, with labels",
    difficulty=2,
    minutes=10,
    reference=_d_loss,
    inputs=_pair_and_batch,
    observe=_loss_and_gradients,
    mistakes=MISTAKES,
)
