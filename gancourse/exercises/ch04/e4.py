"""Exercise 4.4: Two losses, two signs."""

from __future__ import annotations

import itertools

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from .. import Exercise, Mistake


def _wgan_losses(real_logits, fake_logits):
    return fake_logits.mean() - real_logits.mean(), -fake_logits.mean()


def _logit_inputs(g):
    cases = []
    for n, m, shift in ((4, 4, 1.0), (7, 5, -2.0), (3, 3, 500.0)):
        real, fake = torch.randn(n, generator=g) + shift, torch.randn(m, generator=g)
        cases.append((real.requires_grad_(), fake.requires_grad_()))
    return cases


def _losses_and_pushes(losses, args):
    """Both losses, and what each makes of the heights when its player steps."""
    if not isinstance(losses, (list, tuple)) or len(losses) != 2:
        return losses
    seen = dict(zip(("The critic's loss", "The generator's loss"), losses, strict=True))
    for name, loss in list(seen.items()):
        pushes: list | None = None
        if isinstance(loss, torch.Tensor) and loss.requires_grad and loss.ndim == 0:
            found = torch.autograd.grad(loss, args, allow_unused=True, retain_graph=True)
            pushes = [torch.zeros_like(a) if g is None else g for a, g in zip(args, found)]
        for kind, push in zip(("real", "generated"), pushes or (None, None)):
            seen[f"{name}: its gradient on {kind} heights"] = push
    return seen


def _bce_losses(r, f):
    bce = binary_cross_entropy_with_logits
    return (
        bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f)),
        bce(f, torch.ones_like(f)),
    )


def _cut(first, second):
    def losses(r, f):
        critic_loss, generator_loss = _wgan_losses(r, f)
        return first(critic_loss), second(generator_loss)

    return losses


def _keep(loss):
    return loss


MISTAKES = [
    *(
        Mistake(
            _cut(*cut),
            "The numbers are right, but a loss has lost its graph: it is a number without a past "
            "(by `.item()`, `float`, `.detach()` or `no_grad`), so backward has nowhere to go and "
            "nobody would learn. Return what `mean` returns, of the heights as they came.",
            slip={"critic_loss, generator_loss": "critic_loss.item(), generator_loss.item()"},
        )
        for cut in itertools.product((_keep, torch.Tensor.item, torch.Tensor.detach), repeat=2)
        if cut != (_keep, _keep)
    ),
    Mistake(
        lambda r, f: ((f - r).mean(), -f.mean()),
        "You pair each generated height with a real one. They are two batches that have nothing to "
        "do with each other, and may differ in size: take the mean of each by itself.",
        slip={"fake_logits.mean() - real_logits.mean()": "(fake_logits - real_logits).mean()"},
    ),
    Mistake(
        lambda r, f: (f.sum() - r.sum(), -f.sum()),
        "These are sums; the expectations are estimated by means. With sums the step would grow "
        "with the batch, and unequal batches would not compare.",
    ),
    Mistake(
        lambda r, f: ((f.mean() - r.mean()) / 2, -f.mean()),
        "The critic's loss is halved: it is the whole difference of the two means.",
    ),
    Mistake(
        lambda r, f: ((r - 1).square().mean() + f.square().mean(), (f - 1).square().mean()),
        "These are the least-squares losses. The dual of the transport problem asks for a "
        "difference of means, and the heights have no target.",
    ),
    Mistake(
        lambda r, f: ((1 - r).relu().mean() + (1 + f).relu().mean(), -f.mean()),
        "This is the hinge loss for the critic. The dual of the transport problem asks for a plain "
        "difference of means.",
    ),
    Mistake(
        lambda r, f: (-f.mean(), f.mean() - r.mean()),
        "The two losses are in the wrong order: first the critic's, then the generator's.",
    ),
    Mistake(
        lambda r, f: (r.mean() - f.mean(), -f.mean()),
        "The critic's sign is wrong: both losses are minimised, so yours trains the critic to "
        "score generated samples above real ones, while the generator climbs the same score. "
        "Both would push the same way, and nothing would ever compare.",
        slip={"fake_logits.mean() - real_logits.mean()": "real_logits.mean() - fake_logits.mean()"},
    ),
    Mistake(
        lambda r, f: (f.mean() - r.mean(), f.mean()),
        "The generator's sign is wrong: minimising this moves its samples to where the critic "
        "scores low, away from the data. It wants its score to rise.",
        slip={"generator_loss = -fake_logits.mean()": "generator_loss = fake_logits.mean()"},
    ),
    Mistake(
        lambda r, f: (r.mean() - f.mean(), f.mean()),
        "Both signs are turned. That game would train (it is this one with -f in place of f), "
        "but the critic would score real samples low, and its loss would be the opposite of what "
        "the rest of the course plots. Keep the critic high on real.",
    ),
    Mistake(
        lambda r, f: (f.mean() - r.mean(), f.mean() - r.mean()),
        "Both players have one loss, so they pull in the same direction. The generator must want "
        "the opposite of what the critic wants.",
    ),
    Mistake(
        lambda r, f: (f.mean() - r.mean(), r.mean() - f.mean()),
        "Right gradients, needless work: the real scores don't depend on the generator. Leave "
        "them out of its loss, and the step saves a pass over a real batch.",
    ),
    Mistake(
        lambda r, f: ((r.mean() - f.mean()).abs().neg(), -f.mean()),
        "With the absolute value the critic may end up either way round, high on real or low on "
        "real, and the generator would follow it in the wrong direction half of the time. Keep "
        "the sign.",
    ),
    Mistake(
        lambda r, f: (f.sigmoid().mean() - r.sigmoid().mean(), -f.sigmoid().mean()),
        "A critic's score is a height, not a probability: leave the sigmoid out. It would flatten "
        "the score just where the two samples are far apart.",
    ),
    Mistake(
        _bce_losses,
        "This is the classifier's loss of chapters 1 to 3. The dual of the transport problem asks "
        "for a difference of means, with no logarithm.",
    ),
]

EXERCISE = Exercise(
    "4.4",
    "Two losses, two signs",
    difficulty=1,
    minutes=5,
    reference=_wgan_losses,
    inputs=_logit_inputs,
    mistakes=MISTAKES,
    observe=_losses_and_pushes,
    parts=("The critic's loss", "The generator's loss"),
)
