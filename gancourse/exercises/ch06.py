"""Exercises of chapter 6, A modern baseline."""

from __future__ import annotations

import math
import warnings

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


def _means_first(real_logits, fake_logits):
    difference = real_logits.mean() - fake_logits.mean()
    return softplus(-difference), softplus(difference)


def _pair_sums(real_logits, fake_logits):
    difference = real_logits - fake_logits
    return softplus(-difference).sum(), softplus(difference).sum()


def _no_pairs(real_logits, fake_logits):
    d_loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    return d_loss, softplus(-fake_logits).mean()


def _pair_hinge(real_logits, fake_logits):
    difference = real_logits - fake_logits
    return (1 - difference).relu().mean(), (1 + difference).relu().mean()


def _unsafe_softplus(real_logits, fake_logits):
    difference = real_logits - fake_logits
    return (1 + (-difference).exp()).log().mean(), (1 + difference.exp()).log().mean()


def _pair_no_graph(real_logits, fake_logits):
    return _pair_losses(real_logits.detach(), fake_logits.detach())


def _generator_without_real(real_logits, fake_logits):
    # the value is right; the real logits are a constant in the generator's loss
    difference = real_logits - fake_logits
    return softplus(-difference).mean(), softplus(real_logits - fake_logits.detach()).mean()


def _logits(g):
    cases = [(torch.randn(n, generator=g), 2 * torch.randn(n, generator=g)) for n in (4, 9)]
    big = torch.tensor([800.0, -800.0, 3.0])
    cases.append((big, -big.flip(0)))
    return [tuple(x.clone().requires_grad_() for x in case) for case in cases]


def _losses_and_gradients(result, args):
    """Both losses, and what each sends into the logits that its player can move."""
    d_loss, g_loss = result
    d_real, d_fake = torch.autograd.grad(d_loss, args, retain_graph=True)
    (g_fake,) = torch.autograd.grad(g_loss, args[1:], retain_graph=True)
    return {
        "The discriminator's loss": d_loss.detach(),
        "The generator's loss": g_loss.detach(),
        "The gradient of the discriminator's loss in the real logits": d_real,
        "The gradient of the discriminator's loss in the fake logits": d_fake,
        "The gradient of the generator's loss in the fake logits": g_fake,
    }


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


def _r2_attached(discriminator, fake):
    x = fake if fake.requires_grad else fake.requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean()


def _r2_first_axis(discriminator, fake):
    return _gradient(discriminator, fake).square().sum(1).mean()


def _r2_half(discriminator, fake):
    return _r2(discriminator, fake) / 2


def _r2_sum(discriminator, fake):
    return _gradient(discriminator, fake).square().sum()


def _r2_squared_mean(discriminator, fake):
    return _gradient(discriminator, fake).flatten(1).norm(dim=1).mean().square()


def _r2_weights(discriminator, fake):
    weights = list(discriminator.parameters())
    gradients = torch.autograd.grad(discriminator(fake.detach()).sum(), weights, create_graph=True)
    return torch.stack([g.square().sum() for g in gradients]).sum()


def _r2_backward(discriminator, fake):
    x = fake.detach().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        discriminator(x).sum().backward(create_graph=True)
    assert x.grad is not None
    return x.grad.flatten(1).square().sum(1).mean()


class _Smooth(nn.Module):
    """A small discriminator with a curved surface, so that its gradient depends on x."""

    def __init__(self, size: int):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        return 3 * self.net(x).squeeze(1)


def _nets_and_fakes(g):
    torch.manual_seed(0)
    cases = []
    for n, shape in ((5, (2,)), (3, (3, 4, 4)), (4, (1, 6, 2))):
        weight = torch.ones(shape, requires_grad=True)  # stands for the generator's weights
        fake = weight * torch.randn(n, *shape, generator=g)
        cases.append((_Smooth(math.prod(shape)), fake))
    return cases


def _value_and_gradient(result, args):
    """R2, and what it sends to the discriminator and to the generator."""
    discriminator, fake = args
    weights = list(discriminator.parameters())
    *to_d, to_g = torch.autograd.grad(
        result, [*weights, fake], allow_unused=True, retain_graph=True
    )
    return {
        "The penalty": result.detach(),
        "Its gradient in D's first weights": torch.zeros(()) if to_d[0] is None else to_d[0],
        "The gradient that it sends to the generator": float(0 if to_g is None else to_g.norm()),
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


def _modes_always_1000(labels, n_modes=1000):
    return _count_modes(labels, 1000)


def _modes_two_each(labels, n_modes=1000):
    counts = torch.bincount(labels, minlength=n_modes)
    return int((counts > 1).sum()), _count_modes(labels, n_modes)[1]


def _modes_mean(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, kl / modes


def _modes_negative(labels, n_modes=1000):
    modes, kl = _count_modes(labels, n_modes)
    return modes, -kl


def _modes_nan(labels, n_modes=1000):
    q = torch.bincount(labels, minlength=n_modes).double() / len(labels)
    return int((q > 0).sum()), float((q * (q * n_modes).log()).sum())


def _labels(g):
    spread = torch.randint(1000, (26_000,), generator=g)
    few = torch.randint(90, (26_000,), generator=g) * 7
    return [(spread, 1000), (few, 1000), (torch.tensor([0, 2, 2, 2]), 4),
            (torch.tensor([1, 6, 6, 3, 1, 3]), 9)]  # fmt: skip


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


def _basin_not_swapped(real, fake):
    tosses = sum(r == f for r, f in zip(real, fake, strict=True))
    return _best_separable(real, fake), -math.log(2) * tosses / len(real)


def _basin_places(real, fake):
    return _best_separable(real, fake), -math.log(2) * len(set(real) & set(fake)) / len(real)


def _basin_half_won(real, fake):
    """Swapped pairs: one of them won, the other lost by as much."""
    stuck = _best_paired(real, fake)
    return _best_separable(real, fake), stuck / 2 if _swapped_state(real, fake) else stuck


def _swapped_state(real, fake):
    return real[0] != real[1] and tuple(real[::-1]) == tuple(fake)


def _basin_by_ascent(real, fake):
    """What the chapter's `best_value` returns: 400 steps of Adam on one logit for each place."""
    return _ASCENT["".join((*real, *fake))]


def _basin_positive(real, fake):
    separable, paired = _basin(real, fake)
    return -separable, -paired


_STATES = [
    (("a", "b"), ("c", "d")),
    (("a", "b"), ("a", "c")),
    (("a", "b"), ("a", "a")),
    (("a", "b"), ("a", "b")),
    (("a", "b"), ("b", "a")),
    (("a", "b"), ("b", "c")),  # a place in common, but not in a pair
    (("a", "b"), ("c", "a")),
    (("a", "b"), ("b", "b")),
    (("a", "b"), ("c", "b")),
    (("a", "a"), ("a", "b")),  # both real points at one place
    (("c", "c"), ("c", "c")),
    (("d", "b"), ("b", "d")),
]

# real and generated points: the values that best_value comes to (it takes seconds to find them)
_ASCENT = {
    "abcd": (-0.0004139, -0.0001449), "abac": (-0.3467805, -0.3466460),
    "abaa": (-0.4774891, -0.3466460), "abab": (-0.6931472, -0.6931472),
    "abba": (-0.6931472, -0.6931472), "abbc": (-0.3467805, -0.0004139),
    "abca": (-0.3467805, -0.0004139), "abbb": (-0.4774891, -0.3466460),
    "abcb": (-0.3467805, -0.3466460), "aaab": (-0.4774891, -0.3466460),
    "cccc": (-0.6931472, -0.6931472), "dbbd": (-0.6931472, -0.6931472),
}  # fmt: skip

EXERCISES = [
    Exercise(
        "6.1",
        "The relativistic pair",
        difficulty=1,
        minutes=8,
        reference=_pair_losses,
        inputs=_logits,
        parts=("The discriminator's loss", "The generator's loss"),
        observe=_losses_and_gradients,
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
            Mistake(
                _pair_no_graph,
                "The values are right, but they are plain numbers: no gradient leads back to the "
                "logits, so neither player could learn. Leave out `.item()`, `.detach()`, "
                "`no_grad` and numpy.",
            ),
            Mistake(
                _generator_without_real,
                "The values are right, but the generator's loss sends no gradient to the fake "
                "logits, so it can't learn. Don't detach them.",
            ),
            Mistake(
                _means_first,
                "You average the logits first and compare the two averages. Each pair has its own "
                "difference: softplus first, mean last.",
            ),
            Mistake(_pair_sums, "These are sums over the pairs. Take the mean."),
            Mistake(
                _no_pairs,
                "These are the losses without pairs: a real logit never meets a fake one. Subtract "
                "them, sample by sample, before the softplus.",
            ),
            Mistake(
                _pair_hinge,
                "This is a hinge on the difference. It is a loss, but another one: softplus is "
                "asked for.",
            ),
            Mistake(
                _unsafe_softplus,
                "`exp` of a difference of hundreds overflows. `softplus` is the same function, "
                "written so that it can't.",
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
            Mistake(
                _r2_attached,
                "The value is right, but the penalty sends a gradient into the generator, which "
                "would learn to look for flat places. Cut `fake` off first.",
            ),
            Mistake(
                _r2_first_axis,
                "You sum over axis 1 only. For points that is all; for images it is the channels, "
                "and the pixels are averaged. Flatten all axes but the first.",
            ),
            Mistake(_r2_half, "This holds the half of gamma / 2. Return R2 alone."),
            Mistake(_r2_sum, "This is the sum over samples. Take their mean."),
            Mistake(
                _r2_squared_mean,
                "You square the mean norm. Square each sample's norm, then take the mean: a steep "
                "sample must not hide behind flat ones.",
            ),
            Mistake(
                _r2_weights,
                "This is the gradient in the discriminator's *weights*. R2 asks how steep the "
                "logit is in its *input*, the sample.",
            ),
            Mistake(
                _r2_backward,
                "The value is right, but `backward` has also left a gradient in each of the "
                "discriminator's weights, which its next step would follow. `torch.autograd.grad` "
                "returns a gradient and leaves nothing behind.",
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
        parts=("The number of modes", "The KL"),
        atol=1e-5,
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
            Mistake(
                _modes_always_1000,
                "You compare with 1,000 modes whatever `n_modes` says. The function is asked about "
                "other numbers of modes, too.",
            ),
            Mistake(
                _modes_two_each,
                "You count a mode from its second sample on. One is enough for this count (which "
                "is its weakness).",
            ),
            Mistake(_modes_mean, "You average the terms of the KL. It is their sum."),
            Mistake(
                _modes_negative,
                "The sign of the KL is flipped: no distribution is less than 0 away from another.",
            ),
            Mistake(
                _modes_nan,
                "A mode without samples gives 0 times log 0, which a computer calls NaN. Its limit "
                "is 0: sum over the modes that occur.",
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
        seconds=30.0,  # an answer may well try the optimizer first
        parts=("The value with separate logits", "The value with fixed pairs"),
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
            Mistake(
                _basin_not_swapped,
                "One state is missing: real points (a, b), generated ones (b, a). The first pair "
                "wants the logit of a above that of b, the second wants the opposite. What is the "
                "best that one discriminator can do for both?",
            ),
            Mistake(
                _basin_half_won,
                "In the swapped state, real (a, b) and generated (b, a), you let the discriminator "
                "win one of the two pairs. The other is then lost by as much, and log σ punishes a "
                "lost pair more than it rewards a won one: no difference of the logits beats 0.",
            ),
            Mistake(
                _basin_places,
                "You count the places at which a real and a generated point meet. With fixed pairs "
                "only real[i] and fake[i] meet: a place that is shared by two *different* pairs "
                "costs nothing.",
            ),
            Mistake(
                _basin_by_ascent,
                "This is the optimizer of the cell above: 400 steps come within 4e-4 of the best "
                "value, which is reached with logits infinitely far apart. The closed form is "
                "asked for.",
            ),
        ],
    ),
]
