"""Exercises of chapter 1, The minimax game."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits, softplus

from . import Exercise, Mistake

# --- 1.1 the best discriminator -------------------------------------------------------------------


def _optimal_discriminator(p, q):
    total = p + q
    return torch.where(total > 0, p / total, 0.5)


def _two_densities(g):
    x = torch.linspace(-6, 6, 7)
    far = torch.exp(-(x**2)) / math.sqrt(math.pi), torch.exp(-((x - 1) ** 2)) / math.sqrt(math.pi)
    holes = (
        torch.tensor([0.0, 0.5, 0.0, 0.5, 1e-30, 2e-30]),
        torch.tensor([0.5, 0.0, 0.0, 0.5, 3e-30, 0.0]),
    )
    return [(torch.rand(5, generator=g), torch.rand(5, generator=g)), far, holes]


def _tail_threshold(low):
    return lambda p, q: torch.where(p + q > low, p / (p + q), 0.5)


def _small_numbers(low):
    return lambda p, q: (p + low) / (p + q + 2 * low)


_TAILS = (
    "{} changes the tails: with p = 1e-30 and q = 3e-30 the answer is still 1/4. Treat the case "
    "p + q = 0 by itself."
)
_BEST = [
    Mistake(
        lambda p, q: _optimal_discriminator(q, p),
        "This is the probability of *generated*, q over the sum: D is the probability that x is "
        "real.",
    ),
    Mistake(
        lambda p, q: q / (p + q),
        "This is the probability of *generated*: D is the probability that x is real. (And 0/0 "
        "gives NaN where both densities vanish; give 1/2 there.)",
    ),
    Mistake(
        lambda p, q: p / (p + q),
        "Right wherever a density is positive, but 0/0 gives NaN where both vanish. Give 1/2 there.",
    ),
    *(
        Mistake(wrong, _TAILS.format(what))
        for low in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)
        for wrong, what in (
            (lambda p, q, low=low: p / (p + q + low), "A small number added to the denominator"),
            (lambda p, q, low=low: p / (p + q).clamp_min(low), "The clamp in the denominator"),
            (_small_numbers(low), "A small number added to both densities gives 1/2 at 0/0, and"),
            (_tail_threshold(low), "The threshold is far too high, and"),
        )
    ),
    *(
        Mistake(
            lambda p, q, which=which: torch.where(which(p, q) > 0, p / (p + q), 0.5),
            "You answer 1/2 wherever one of the densities vanishes. Where the other does not, there "
            "is no doubt: D* is 0 or 1 there. Only where both vanish is there no evidence.",
        )
        for which in (lambda p, q: p, lambda p, q: q)
    ),
    Mistake(
        lambda p, q: torch.where((p > 0) & (q > 0), p / (p + q), 0.5),
        "You answer 1/2 wherever *either* density vanishes. Where only one does there is no doubt: "
        "D* is 0 or 1 there. Only where both vanish is there no evidence.",
    ),
    Mistake(
        lambda p, q: (p / (p + q)).nan_to_num(0.0),
        "Where both densities vanish you give 0, 'surely generated'. Neither player has evidence "
        "there: give 1/2.",
    ),
    Mistake(
        lambda p, q: p / q,
        "This is the ratio p/q, which can be any positive number, and inf or NaN where q "
        "vanishes. D is a probability: of p and q together, which share is p?",
    ),
    Mistake(
        lambda p, q: (p / q).nan_to_num(0.5),
        "This is the ratio p/q, which can be any positive number. D is a probability: of p and q "
        "together, which share is p?",
    ),
    Mistake(
        lambda p, q: torch.sigmoid(p - q),
        "The sigmoid wants a logit, and the logit of D* is log p - log q, not p - q. Here you can "
        "do without a sigmoid.",
    ),
    Mistake(
        lambda p, q: (p > q).float(),
        "This is a hard decision, 0 or 1. D* is a probability, and says how sure it is.",
    ),
]

# --- 1.2 the value function -----------------------------------------------------------------------


def _value(p, q, d, dx):
    return (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum() * dx


def _value_where_possible(p, q, d, dx):
    on_real = torch.where(d > 0, torch.xlogy(p, d), 0)
    return (on_real + torch.where(d < 1, torch.xlogy(q, 1 - d), 0)).sum() * dx


def _games(g):
    cases = []
    for n, mean in ((400, 1.0), (240, 2.0)):
        x = torch.linspace(-8, 8, n, dtype=torch.float64)
        p, q = (torch.exp(-((x - m) ** 2) / 2) / math.sqrt(2 * math.pi) for m in (0.0, mean))
        cases.append((p, q, torch.sigmoid(0.4 - 0.7 * x), 16 / (n - 1)))
    x = (torch.arange(60, dtype=torch.float64) + 0.5) / 20  # boxes: p on [0, 2], q on [1, 3]
    p, q = (x < 2).double() / 2, (x > 1).double() / 2
    refuted = p / (p + q), (x < 1).double()  # the second calls half of the real data impossible
    return [*cases, *((p, q, d, 1 / 20) for d in refuted)]


def _worth(value, args):
    """V; where it is minus infinity anything below -3 will do: a small number inside the
    logarithm, harmless elsewhere, makes -7 (for 1e-6) to -14 (for 1e-12) of it."""
    p, _, d, _ = args
    impossible = bool(((d == 0) & (p > 0)).any())
    if impossible and isinstance(value, (Tensor, np.ndarray, np.generic, float)):
        number = torch.as_tensor(value)
        return -math.inf if number.ndim == 0 and bool(number < -3) else value
    return value


_VALUE = [
    Mistake(
        lambda p, q, d, dx: (p * d.log() + q * (1 - d).log()).sum() * dx,
        "Right while 0 < D < 1. Where p = 0 and D = 0 you compute 0 · (-inf) = NaN; that point "
        "should add 0. There is a function in torch for x log y.",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).sum(),
        "You sum the values, but an integral is a sum of value times width: where is dx?",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)).mean(),
        "The mean over the grid isn't the integral: it depends on how wide the grid is. The "
        "densities already are the weights; multiply by dx and sum.",
    ),
    Mistake(
        lambda p, q, d, dx: -_value(p, q, d, dx),
        "The sign is turned: this is the discriminator's loss. V is what the discriminator "
        "maximises, and it is never positive.",
    ),
    Mistake(
        lambda p, q, d, dx: _value(q, p, d, dx),
        "The densities are swapped: log D is averaged over real data (p), log(1 - D) over "
        "generated data (q).",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(q, d)).sum() * dx,
        "For generated data D should be small: their term is log(1 - D), not log D.",
    ),
    Mistake(
        lambda p, q, d, dx: torch.xlogy(p, d).sum() * dx,
        "This is the real data's half only. Generated data have a term of their own.",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) - torch.xlogy(q, 1 - d)).sum() * dx,
        "The two terms are added: the discriminator wants both to be large.",
    ),
    Mistake(
        lambda p, q, d, dx: _value(p, q, d, dx) / math.log(2),
        "This is in bits (log2). The book counts in nats: use the natural logarithm.",
    ),
    Mistake(
        lambda p, q, d, dx: _value(p, q, d, dx) / math.log(10),
        "This is with logarithms to the base 10. The book counts in nats: use the natural one.",
    ),
    Mistake(
        lambda p, q, d, dx: _value(p, q, d, dx) / 2,
        "This is half of it: V is the sum of the two averages, not their mean.",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(q, 1 - d)) * dx,
        "These are the strips of the integral, one for each point: add them up.",
    ),
    Mistake(
        lambda p, q, d, dx: (torch.xlogy(p, d) + torch.xlogy(1 - p, 1 - d)).sum() * dx,
        "Generated data have a density of their own, q; 1 - p is no density.",
    ),
    Mistake(
        _value_where_possible,
        "Right while D is 0 or 1 only where nothing lands. In the last input D is 0 where real "
        "samples *do* land; it has called impossible what happens, and V is minus infinity. Leave "
        "out the points where the density is 0, not those where D is.",
    ),
]

# --- 1.3 cross-entropy from logits ----------------------------------------------------------------


def _bce(logits, targets):
    return (softplus(logits) - logits * targets).mean()


def _naive(logits, targets, low=0.0):
    d = torch.sigmoid(logits)
    log_d, log_not = (d + low).log(), (1 - d + low).log()
    return -(targets * log_d + (1 - targets) * log_not).mean()


def _clamped(logits, targets, low):
    d = torch.sigmoid(logits).clamp(low, 1 - low)
    return -(targets * d.log() + (1 - targets) * (1 - d).log()).mean()


def _logits_and_targets(g):
    cases = []
    for logits, targets in (
        (2 * torch.randn(4, generator=g), torch.tensor([1.0, 0.0, 0.0, 1.0])),
        # No logit is exactly 0: the popular max(f, 0) - ft + log(1 + exp(-|f|)) is right
        # everywhere, but autograd puts the kinks of its first and last term together wrongly there.
        (torch.tensor([1000.0, -1000.0, 0.5]), torch.tensor([1.0, 0.0, 0.9])),
        (torch.tensor([1000.0, -1000.0]), torch.tensor([0.0, 1.0])),
    ):
        cases.append((logits.requires_grad_(), targets))
    return cases


def _with_gradient(result, args):
    gradient = None
    if isinstance(result, Tensor) and result.requires_grad and result.ndim == 0:
        (gradient,) = torch.autograd.grad(result, args[0], allow_unused=True)
    return {
        "The loss": result,
        "Its gradient": gradient,
        "The use of binary_cross_entropy_with_logits": _uses(result, "WithLogits"),
    }


def _uses(result, name):
    """Whether an operation of this name made the result, by the graph behind it."""
    nodes, seen = [getattr(result, "grad_fn", None)], set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            nodes += [parent for parent, _ in node.next_functions]
    return "yes" if any(name in node.name() for node in seen) else "no"


_TOO_SMALL = (
    "The clamp, or the small number inside the logarithm, hides the overflow: a confident mistake "
    "at logit 1000 should cost 1000 nats, yours costs about {}, and its gradient is 0. Work with "
    "the logit itself; no sigmoid is needed."
)
_CROSS_ENTROPY = [
    Mistake(
        binary_cross_entropy_with_logits,
        "The numbers are right: this is the very function that you are asked to write. Do it once "
        "without, from `softplus` or from logarithms and exponentials.",
    ),
    Mistake(
        lambda f, t: (
            torch.where(f > 0, f + torch.log1p(torch.exp(-f)), torch.log1p(torch.exp(f))) - f * t
        ).mean(),
        "The values are right, the gradient is NaN: `where` computes both branches, and backward "
        "goes through both. In the branch that is *not* taken exp(1000) is inf, and inf times 0 is "
        "NaN. Write it so that no branch overflows: with exp(-|f|), or softplus.",
    ),
    *(
        Mistake(
            lambda f, t, bound=bound: (softplus(f.clamp(-bound, bound)) - f * t).mean(),
            "A clamp on the logit hides the overflow, and beyond it the value and the gradient are "
            "wrong. log(1 + exp(f)) has a form that never takes exp of a large positive number.",
        )
        for bound in (10, 15, 20, 30, 50, 80, 100)
    ),
    *(
        Mistake(
            lambda f, t, bound=bound: _bce(f.clamp(-bound, bound), t),
            "A clamp on the logit hides the overflow: a confident mistake at logit 1000 should "
            "cost 1000 nats, yours costs the clamp's bound, and its gradient is 0.",
        )
        for bound in (10, 15, 20, 30, 50, 80)
    ),
    Mistake(
        _naive,
        "At logit 1000 the sigmoid is exactly 1 in float32, and log(1 - 1) is -inf (times 0: NaN). "
        "Rewrite log sigmoid(f) and log(1 - sigmoid(f)) in terms of f before you compute anything.",
    ),
    *(
        Mistake(lambda f, t, low=low: _clamped(f, t, low), _TOO_SMALL.format(round(-math.log(low))))
        for low in (1e-4, 1e-5, 1e-6, 1e-7)
    ),
    *(
        Mistake(lambda f, t, low=low: _naive(f, t, low), _TOO_SMALL.format(round(-math.log(low))))
        for low in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-20)
    ),
    Mistake(
        lambda f, t: binary_cross_entropy(torch.sigmoid(f), t),
        "PyTorch's binary_cross_entropy cuts each logarithm off at -100, so a mistake at logit "
        "1000 costs 100 instead of 1000. Work with the logit itself.",
    ),
    Mistake(
        lambda f, t: ((1 + f.exp()).log() - f * t).mean(),
        "The formula is right, but exp(1000) is inf in floating point. log(1 + exp(f)) has a form "
        "that never takes exp of a large positive number; torch has it under a name that begins "
        "with 'soft'.",
    ),
    Mistake(
        lambda f, t: _bce(f, 1 - t),
        "Targets are turned around: 1 means real, and a large positive logit should then cost "
        "nothing.",
    ),
    Mistake(
        lambda f, t: -_bce(f, t),
        "The sign is turned: a loss is to be minimised, and a cross-entropy is never negative.",
    ),
    Mistake(
        lambda f, t: (softplus(f) - f * t).sum(),
        "This is the sum over samples; the loss is their mean.",
    ),
    Mistake(
        lambda f, t: softplus(f) - f * t,
        "One loss per sample is left: return their mean.",
    ),
    Mistake(
        lambda f, t: softplus(f).mean(),
        "The targets are missing: this is the cost of saying 'real' to samples that are all "
        "generated.",
    ),
    Mistake(
        lambda f, t: (softplus(-f) - f * t).mean(),
        "One sign is wrong: softplus(-f) goes with the target, softplus(f) with 1 - t; with one "
        "softplus alone it is softplus(f) - tf.",
    ),
    Mistake(
        lambda f, t: binary_cross_entropy_with_logits(torch.sigmoid(f), t),
        "A sigmoid too many: that function takes logits and applies the sigmoid itself. Nothing "
        "crashes, and nothing learns well.",
    ),
    Mistake(
        lambda f, t: binary_cross_entropy_with_logits(f, t, reduction="none"),
        "One loss per sample is left: return their mean.",
    ),
    Mistake(
        lambda f, t: (softplus(f) - f * (t > 0.5)).mean(),
        "Right for targets 0 and 1, but a target may lie between them (0.9 in the second input): "
        "don't turn targets into a yes or no.",
    ),
]

# --- 1.4 the density ratio ------------------------------------------------------------------------


def _density_ratio(logits, n_real, n_fake):
    return logits.exp() * n_fake / n_real


_RATIO = [
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() * (n_fake // n_real),
        "`//` cuts the quotient off to a whole number: with 300 real and 100 generated samples it "
        "is 0. Use `/`.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() / (n_real // n_fake),
        "`//` cuts the quotient off to a whole number, 0 for 64 real and 256 generated samples. "
        "Use `/`.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: (
            (d := torch.sigmoid(logits.double())) / (1 - d) * n_fake / n_real
        ),
        "The formula is right, but even in float64 the sigmoid of 30 has lost most digits of "
        "1 - D. What is D/(1 - D) in terms of the logit?",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() * (n_real + n_fake) / n_real,
        "You multiply by the number of all samples for each real one; what is needed is how many "
        "*generated* ones there are for each real one.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp(),
        "Right if D saw as many real samples as generated ones. With more real samples D leans to "
        "'real' everywhere; take the numbers n_real and n_fake into account.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() * n_real / n_fake,
        "The correction is upside down: with more real samples the logit is too large, so the "
        "ratio must come out smaller than exp(logit).",
    ),
    Mistake(
        lambda logits, n_real, n_fake: torch.sigmoid(logits),
        "This is D itself, a probability. Solve D = p/(p + q) for p/q.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: torch.sigmoid(logits) / (1 - torch.sigmoid(logits)),
        "D/(1 - D) is exp(logit), but not in float32: at logit 30 the sigmoid is exactly 1, and "
        "you divide by 0. Stay with the logit; and take n_real and n_fake into account.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: (
            torch.sigmoid(logits) / (1 - torch.sigmoid(logits)) * n_fake / n_real
        ),
        "The formula is right, but at logit 30 the sigmoid is exactly 1 in float32, and you divide "
        "by 0. What is D/(1 - D) in terms of the logit?",
    ),
    Mistake(
        lambda logits, n_real, n_fake: (-logits).exp() * n_real / n_fake,
        "This is q/p. The ratio asked for is p/q: large where D says 'real'.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: (-logits).exp(),
        "This is q/p for equal numbers of samples. Asked for is p/q, and n_real and n_fake count.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits + math.log(n_fake / n_real),
        "This is the logarithm of the ratio, and it is right: one step is left.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() * n_fake / (n_real + n_fake),
        "You multiply by the share of generated samples; what is needed is how many there are for "
        "each real one.",
    ),
]


EXERCISES = [
    Exercise(
        "1.1", "The best discriminator", difficulty=1, minutes=5,
        reference=_optimal_discriminator, inputs=_two_densities, mistakes=_BEST, atol=0,
    ),
    Exercise(
        "1.2", "The value of a game", difficulty=1, minutes=10,
        reference=_value, inputs=_games, mistakes=_VALUE, observe=_worth,
    ),
    Exercise(
        "1.3", "A loss that survives a logit of 1000", difficulty=2, minutes=15,
        reference=_bce, inputs=_logits_and_targets, mistakes=_CROSS_ENTROPY, observe=_with_gradient,
    ),
    Exercise(
        "1.4", "The ratio inside the logit", difficulty=2, minutes=10,
        reference=_density_ratio, mistakes=_RATIO,
        inputs=lambda g: [
            (torch.randn(5, generator=g), 100, 100),
            (torch.randn(4, generator=g), 300, 100),
            (torch.tensor([30.0, -30.0, 0.0]), 64, 256),
        ],
    ),
]  # fmt: skip
