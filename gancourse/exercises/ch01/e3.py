"""Exercise 1.3: A loss that survives a logit of 1000."""

import math

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits, softplus

from .. import Exercise, Mistake


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

MISTAKES = [
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
        slip={
            "(torch.nn.functional.softplus(logits)": "torch.nn.functional.binary_cross_entropy("
            "logits.sigmoid()",
            " - logits * targets).mean()": ", targets)",
        },
    ),
    Mistake(
        lambda f, t: ((1 + f.exp()).log() - f * t).mean(),
        "The formula is right, but exp(1000) is inf in floating point. log(1 + exp(f)) has a form "
        "that never takes exp of a large positive number; torch has it under a name that begins "
        "with 'soft'.",
        slip={"torch.nn.functional.softplus(logits": "(1 + logits.exp()).log("},
    ),
    Mistake(
        lambda f, t: _bce(f, 1 - t),
        "Targets are turned around: 1 means real, and a large positive logit should then cost nothing.",
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
        "The targets are missing: this is the cost of saying 'real' to samples that are all generated.",
    ),
    Mistake(
        lambda f, t: (softplus(-f) - f * t).mean(),
        "One sign is wrong: softplus(-f) goes with the target, softplus(f) with 1 - t; with one "
        "softplus alone it is softplus(f) - tf.",
        slip={"functional.softplus(logits)": "functional.softplus(-logits)"},
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
        slip={"logits * targets).mean()": "logits * (targets > 0.5)).mean()"},
    ),
]

EXERCISE = Exercise(
    "1.3",
    "A loss that survives a logit of 1000",
    difficulty=2,
    minutes=15,
    reference=_bce,
    inputs=_logits_and_targets,
    mistakes=MISTAKES,
    observe=_with_gradient,
)
