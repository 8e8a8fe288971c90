"""Exercise 5.3: Who moves whose logit?"""

import torch
from torch import nn

from .. import Exercise, Mistake


def _rows(critic, x, measure):
    x = x.detach().requires_grad_()
    logits = critic(x)
    rows = [torch.autograd.grad(f, x, retain_graph=True)[0] for f in logits]
    return torch.stack([measure(row.flatten(1)) for row in rows])


def _influence(critic, x):
    return _rows(critic, x, lambda row: row.norm(dim=1))


def _influence_of_sum(critic, x):
    x = x.detach().requires_grad_()
    norm = torch.autograd.grad(critic(x).sum(), x)[0].flatten(1).norm(dim=1)
    return norm.expand(len(x), -1).clone()


def _influence_diagonal(critic, x):
    return _influence(critic, x).diagonal().diag()


def _influence_alone(critic, x):
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x)
    return gradient.flatten(1).norm(dim=1).diag()


def _influence_signed(critic, x):
    return _rows(critic, x, lambda row: row.sum(1))


def _influence_eval(critic, x):
    critic.eval()
    return _influence(critic, x)


def _influence_piling_up(critic, x):
    x = x.detach().requires_grad_()
    rows = []
    for logit in critic(x):
        logit.backward(retain_graph=True)
        assert x.grad is not None
        rows.append(x.grad.flatten(1).norm(dim=1))
    return torch.stack(rows)


def _influence_one_by_one(critic, x):
    rows = []
    for i in range(len(x)):
        one = x[i : i + 1].detach().requires_grad_()
        (gradient,) = torch.autograd.grad(critic(one).sum(), one)
        rows.append(gradient.flatten(1).norm(dim=1))
    return torch.cat(rows).diag()


def _influence_axis_one(critic, x):
    x = x.detach().requires_grad_()
    rows = [torch.autograd.grad(f, x, retain_graph=True)[0].norm(dim=1) for f in critic(x)]
    return torch.stack(rows)


def _influence_shares(critic, x):
    norm = _influence(critic, x)
    return norm / norm.sum(1, keepdim=True)


def _influence_no_retain(critic, x):
    x = x.detach().requires_grad_()
    return torch.stack([torch.autograd.grad(f, x)[0].flatten(1).norm(dim=1) for f in critic(x)])


def _batches(g):
    normed = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0)
    )
    images = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Softplus(), nn.Flatten(), nn.Linear(16, 1),
        nn.Flatten(0),
    )  # fmt: skip
    plain = nn.Sequential(nn.Linear(3, 8), nn.Softplus(), nn.Linear(8, 1), nn.Flatten(0))
    return [
        (normed, torch.randn(5, 3, generator=g)),
        (plain, torch.randn(6, 3, generator=g)),
        (images, torch.randn(4, 2, 4, 4, generator=g)),
    ]


MISTAKES = [
    Mistake(
        _influence_of_sum,
        "All your rows are the gradient of the *sum* of the logits, which adds up a column. "
        "Differentiate one logit at a time.",
        slip={"grad(logit, x,": "grad(logits.sum(), x,"},
    ),
    Mistake(
        _influence_alone,
        "You put the gradient of the sum on the diagonal and assume zero elsewhere. That is "
        "the very assumption to test: differentiate each logit by every sample.",
    ),
    Mistake(
        _influence_diagonal,
        "The diagonal is right, but you leave the rest at zero. Keep every sample's norm: "
        "what a logit owes to the *other* samples is the answer.",
    ),
    Mistake(
        lambda critic, x: _influence(critic, x).T,
        "Your matrix is transposed: row i belongs to logit i, column j to sample j.",
        slip={"torch.stack(rows)": "torch.stack(rows, dim=1)"},
    ),
    Mistake(
        lambda critic, x: _influence(critic, x).square(),
        "These are squared norms: take the root.",
        slip={"gradient.flatten(1).norm(dim=1)": "gradient.flatten(1).square().sum(1)"},
    ),
    Mistake(
        _influence_signed,
        "You add the entries of the gradient, and they cancel. Take a norm over all the "
        "entries of a sample.",
    ),
    Mistake(
        _influence_eval,
        "You switched the critic to evaluation mode, where BatchNorm uses stored averages "
        "and mixes nothing. Measure it as it is trained.",
    ),
    Mistake(
        _influence_piling_up,
        "Your rows add up: `backward` adds each logit's gradient to what the ones before "
        "it have left in `x.grad` (and leaves gradients in the critic's weights, too). "
        "`torch.autograd.grad` returns one gradient and leaves nothing behind.",
    ),
    Mistake(
        _influence_one_by_one,
        "You hand the samples over one at a time: then nobody can move another's logit, "
        "and BatchNorm refuses a batch of one. Give the critic the whole batch, and "
        "differentiate its logits one at a time.",
    ),
    Mistake(
        _influence_axis_one,
        "Your norm runs over axis 1 only. For images that leaves rows and columns over: "
        "flatten each sample first.",
    ),
    Mistake(
        _influence_shares,
        "You divide each row by its sum. The norms themselves are asked for.",
    ),
    Mistake(
        _influence_no_retain,
        "The graph is gone after the first logit: PyTorch frees it as soon as it has been "
        "walked. Ask it to keep the graph for the next logit.",
        slip={", retain_graph=True": ""},
    ),
]

EXERCISE = Exercise(
    "5.3",
    "Who moves whose logit?",
    difficulty=2,
    minutes=12,
    reference=_influence,
    inputs=_batches,
    may_change=("critic",),  # it is only measured
    rtol=1e-3,
    atol=1e-5,
    mistakes=MISTAKES,
)
