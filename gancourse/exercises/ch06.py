"""Exercises of chapter 6, A modern baseline."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import softplus

from . import Exercise, Mistake

# --- 6.1 the relativistic pair --------------------------------------------------------------------


def _pair_losses(real_logits, fake_logits):
    difference = real_logits - fake_logits
    return softplus(-difference).mean(), softplus(difference).mean()


def _average_critic(real_logits, fake_logits):
    d_loss = softplus(-(real_logits - fake_logits.mean())).mean()
    return d_loss, softplus(-(fake_logits - real_logits.mean())).mean()


def _one_sign(real_logits, fake_logits):
    loss = softplus(-(real_logits - fake_logits)).mean()
    return loss, loss


def _swapped(real_logits, fake_logits):
    return _pair_losses(real_logits, fake_logits)[::-1]


def _probabilities(real_logits, fake_logits):
    difference = real_logits.sigmoid() - fake_logits.sigmoid()
    return softplus(-difference).mean(), softplus(difference).mean()


def _all_pairs(real_logits, fake_logits):
    difference = real_logits[:, None] - fake_logits[None]
    return softplus(-difference).mean(), softplus(difference).mean()


def _negated(real_logits, fake_logits):
    d_loss = softplus(-(real_logits - fake_logits)).mean()
    return d_loss, -d_loss


def _logits(g):
    cases = [(torch.randn(n, generator=g), torch.randn(n, generator=g)) for n in (4, 9)]
    big = torch.tensor([800.0, -800.0, 3.0])
    return [*cases, (big, -big)]


# --- 6.3 R2 ---------------------------------------------------------------------------------------


def _gradient(discriminator, x, create_graph=True):
    x = x.detach().requires_grad_()
    return torch.autograd.grad(discriminator(x).sum(), x, create_graph=create_graph)[0]


def _r2(discriminator, fake):
    return _gradient(discriminator, fake).flatten(1).square().sum(1).mean()


def _r2_unsquared(discriminator, fake):
    return _gradient(discriminator, fake).flatten(1).norm(dim=1).mean()


def _r2_of_the_mean(discriminator, fake):
    x = fake.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).mean(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean()


def _r2_whole_batch(discriminator, fake):
    return _gradient(discriminator, fake).square().mean()


def _r2_target(discriminator, fake):
    return (_gradient(discriminator, fake).flatten(1).norm(dim=1) - 1).square().mean()


def _r2_no_graph(discriminator, fake):
    return _gradient(discriminator, fake, create_graph=False).flatten(1).square().sum(1).mean()


def _r2_sigmoid(discriminator, fake):
    return _r2(lambda x: discriminator(x).sigmoid(), fake)


class _Smooth(nn.Module):
    """A small discriminator with a curved surface, so that its gradient depends on x."""

    def __init__(self, size: int):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        return 3 * self.net(x).squeeze(1)


def _nets_and_fakes(g):
    torch.manual_seed(0)
    return [
        (_Smooth(2), torch.randn(5, 2, generator=g)),
        (_Smooth(48), torch.randn(3, 3, 4, 4, generator=g)),
    ]


def _value_and_gradient(result, args):
    value = result if isinstance(result, torch.Tensor) else torch.as_tensor(result)
    if not value.requires_grad:
        return {"the penalty": value, "it can be trained on (has a graph)": "no"}
    weights = [p for p in args[0].parameters()]
    grads = torch.autograd.grad(value, weights, allow_unused=True, retain_graph=True)
    return {
        "the penalty": value.detach(),
        "it can be trained on (has a graph)": "yes",
        "its gradient in D's first weights": torch.zeros(()) if grads[0] is None else grads[0],
    }


# --- 6.4 a thousand modes -------------------------------------------------------------------------


def _count_modes(labels, n_modes=1000):
    counts = torch.bincount(labels, minlength=n_modes).double()
    q = counts / counts.sum()
    seen = q[q > 0]
    return int((counts > 0).sum()), float((seen * (seen * n_modes).log()).sum())


def _modes_bits(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, kl / math.log(2)


def _modes_seen_only(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, kl - math.log(n_modes / modes)


def _modes_unnormalised(labels, n_modes=1000):
    counts = torch.bincount(labels, minlength=n_modes).double()
    seen = counts[counts > 0]
    return len(seen), float((seen * (seen * n_modes).log()).sum())


def _modes_reversed(labels, n_modes=1000):
    counts = torch.bincount(labels, minlength=n_modes).double()
    q = (counts / counts.sum()).clamp_min(1e-12)
    return int((counts > 0).sum()), float((-(q * n_modes).log() / n_modes).sum())


def _modes_entropy(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, math.log(n_modes) - kl


def _modes_largest(labels, n_modes=1000):
    return int(labels.max()) + 1, _count_modes(labels, n_modes)[1]


def _labels(g):
    spread = torch.randint(1000, (26_000,), generator=g)
    few = torch.randint(90, (26_000,), generator=g) * 7
    return [(spread, 1000), (few, 1000), (torch.tensor([0, 2, 2, 2]), 4)]


# --- 6.2 the two-point basin ----------------------------------------------------------------------


def _best_separable(real, fake):
    value = 0.0
    for place in set(real) | set(fake):
        r, f = real.count(place), fake.count(place)
        value += r * math.log(r / (r + f)) if r else 0.0
        value += f * math.log(f / (r + f)) if f else 0.0
    return value / (2 * len(real))


def _best_paired(real, fake):
    # a pair at one place is worth log(1/2) whatever f is; a closed loop of pairs likewise
    pairs = list(zip(real, fake, strict=True))
    reach = {(a, b) for a, b in pairs}
    for _ in pairs:
        reach |= {(a, d) for a, b in reach for c, d in reach if b == c}
    stuck = sum((b, a) in reach or a == b for a, b in pairs)
    return -math.log(2) * stuck / len(pairs)


def _basin(real, fake):
    return _best_separable(real, fake), _best_paired(real, fake)


def _basin_sums(real, fake):
    separable, paired = _basin(real, fake)
    return separable * 2 * len(real), paired * len(real)


def _basin_apart(real, fake):
    """Real and generated points at one place get logits of their own."""
    return 0.0, 0.0


def _basin_half(real, fake):
    """D = 1/2 wherever both kinds meet, whatever their numbers."""
    shared = set(real) & set(fake)
    together = sum(p in shared for p in real) + sum(p in shared for p in fake)
    return -math.log(2) * together / (2 * len(real)), _best_paired(real, fake)


def _basin_all_pairs(real, fake):
    met = sum(r == f for r in real for f in fake)
    matched = sorted(real) == sorted(fake)
    value = -math.log(2) if matched else -math.log(2) * met / len(real) ** 2
    return _best_separable(real, fake), value


def _basin_positive(real, fake):
    separable, paired = _basin(real, fake)
    return -separable, -paired


_STATES = [
    (("a", "b"), ("c", "d")),
    (("a", "b"), ("a", "c")),
    (("a", "b"), ("a", "a")),
    (("a", "b"), ("a", "b")),
    (("a", "b"), ("b", "a")),
]

EXERCISES = [
    Exercise(
        "6.1",
        "The relativistic pair",
        difficulty=1,
        minutes=8,
        reference=_pair_losses,
        inputs=_logits,
        mistakes=[
            Mistake(
                _average_critic,
                "You compare each logit with the other side's *average*. That is the relativistic "
                "average GAN (RaGAN); here sample i meets sample i: subtract before averaging.",
            ),
            Mistake(
                _one_sign,
                "Both players minimise the same number, so they cooperate: the generator learns to "
                "look generated. Its loss must fall when fake logits rise.",
            ),
            Mistake(
                _swapped,
                "The two losses come in the wrong order, or with exchanged signs: the "
                "discriminator's must fall when real logits rise above fake ones.",
            ),
            Mistake(
                _probabilities,
                "You squash the logits first and compare probabilities: differences beyond 1 "
                "can't occur then, and gradients vanish. Subtract the logits themselves.",
            ),
            Mistake(
                _all_pairs,
                "Every real sample meets every fake one (N times N pairs). That is another loss, "
                "with another landscape, as section 3 shows: pair sample i with sample i.",
            ),
            Mistake(
                _negated,
                "Your generator's loss is minus the discriminator's: the saturating form. It is "
                "flat exactly where the discriminator wins; use softplus of the opposite "
                "difference.",
            ),
        ],
    ),
    Exercise(
        "6.3",
        "R2, the other half",
        difficulty=2,
        minutes=10,
        reference=_r2,
        inputs=_nets_and_fakes,
        observe=_value_and_gradient,
        mistakes=[
            Mistake(
                _r2_no_graph,
                "The value is right, but it is a constant to the optimizer: the gradient was taken "
                "without building its own graph, so the penalty never trains anything.",
            ),
            Mistake(
                _r2_unsquared,
                "This is the mean norm; R2 is the mean *squared* norm. The square is what makes "
                "the penalty vanish smoothly where the gradient does.",
            ),
            Mistake(
                _r2_of_the_mean,
                "You differentiate the batch's mean logit, so each sample's gradient is N times "
                "too small and the penalty shrinks with the batch size. Differentiate the sum.",
            ),
            Mistake(
                _r2_whole_batch,
                "You average over the coordinates too. Sum the squares within a sample, then take "
                "the mean over samples, or the penalty shrinks with the image size.",
            ),
            Mistake(
                _r2_target,
                "This pulls the norm to 1: WGAN-GP's penalty, at generated points. R2 pulls it "
                "to 0.",
            ),
            Mistake(
                _r2_sigmoid,
                "You penalise the gradient of the probability: where the discriminator is sure, "
                "the sigmoid hides a steep logit. Penalise the logit.",
            ),
        ],
    ),
    Exercise(
        "6.4",
        "Count a thousand modes",
        difficulty=1,
        minutes=8,
        reference=_count_modes,
        inputs=_labels,
        atol=1e-9,
        rtol=1e-7,
        mistakes=[
            Mistake(
                _modes_bits, "The KL is in bits. The papers' tables use nats: natural logarithm."
            ),
            Mistake(
                _modes_seen_only,
                "You compare with a uniform distribution over the modes that were *seen*. A run "
                "with one mode would score 0: compare with all n_modes.",
            ),
            Mistake(
                _modes_unnormalised,
                "Your counts are not divided by their sum, so they are no distribution.",
            ),
            Mistake(
                _modes_reversed,
                "This is KL(uniform || generated), infinite as soon as one mode is missing (your "
                "epsilon hides it). The papers report KL(generated || uniform).",
            ),
            Mistake(
                _modes_entropy,
                "This is the entropy, which is largest for a perfect generator. The KL to the "
                "uniform distribution is what is missing from log n_modes.",
            ),
            Mistake(
                _modes_largest,
                "The largest label says nothing about how many labels occur: count those with at "
                "least one sample.",
            ),
        ],
    ),
    Exercise(
        "6.2",
        "The two-point basin",
        difficulty=3,
        minutes=20,
        reference=_basin,
        inputs=_STATES,
        mistakes=[
            Mistake(_basin_sums, "These are sums. Divide by the number of logits (or of pairs)."),
            Mistake(
                _basin_apart,
                "You let a real and a generated point at the same place have different logits. The "
                "discriminator is a function of the place: there it has one value for both.",
            ),
            Mistake(
                _basin_half,
                "D = 1/2 is best only where as many real points as generated ones sit. With two "
                "generated points on one real one the best D there is 1/3.",
            ),
            Mistake(
                _basin_all_pairs,
                "You let every real point meet every generated one. Here the pairs are fixed: "
                "real[i] meets fake[i] only.",
            ),
            Mistake(
                _basin_positive,
                "The sign is flipped: the discriminator maximises a mean of log-probabilities, so "
                "no value is above 0.",
            ),
        ],
    ),
]
