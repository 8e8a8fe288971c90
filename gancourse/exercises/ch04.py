"""Exercises of chapter 4: transport plans, W1 on a line, the dual's constraint, the WGAN step."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from . import Exercise, Mistake

# --- 4.1 read a transport plan --------------------------------------------------------------------


def _read_plan(plan, x, y):
    cost = (plan * torch.cdist(x, y)).sum()
    p = plan.sum(1)
    destination = torch.where(p[:, None] > 0, plan @ y / p[:, None].clamp_min(1e-30), x)
    return p, plan.sum(0), cost, destination


def _plan_inputs(g):
    def plan(n, m):
        weights = torch.rand(n, m, generator=g) * (torch.rand(n, m, generator=g) < 0.6)
        weights[:, 0] += 0.05
        return weights / weights.sum()

    empty = plan(4, 3)
    empty[2] = 0  # a pile with nothing in it
    return [
        (plan(3, 2), torch.randn(3, 2, generator=g), torch.randn(2, 2, generator=g)),
        (plan(2, 4), torch.randn(2, 1, generator=g), torch.randn(4, 1, generator=g)),
        (empty / empty.sum(), torch.randn(4, 2, generator=g), torch.randn(3, 2, generator=g)),
    ]


def _plan_variant(change):
    def wrong(plan, x, y):
        parts = dict(zip(("p", "q", "cost", "destination"), _read_plan(plan, x, y), strict=True))
        parts |= change(plan, x, y, parts)
        return tuple(parts.values())

    return wrong


_PLAN_MISTAKES = [
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"p": r["q"], "q": r["p"]}),
        "p and q are exchanged: row i of the plan says where the earth of pile i goes, so what "
        "pile i held is the sum along that row.",
    ),
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"destination": plan @ y}),
        "The destinations are sums weighted by mass, not averages. A pile of mass 0.2 that goes "
        "to one place ends at that place, not at a fifth of it: what must you divide by?",
    ),
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"destination": plan @ y / plan.sum(1)[:, None]}),
        "A pile of mass zero gives 0/0 here. Nothing leaves it, so its destination is where it "
        "stands: treat that row apart.",
    ),
    Mistake(
        _plan_variant(
            lambda plan, x, y, r: {"destination": plan @ y / r["p"][:, None].clamp_min(1e-12)}
        ),
        "The pile that held nothing is sent to the origin: 0 divided by a clamped 0 is 0. Nothing "
        "leaves it, so it stays where it is: choose its own place for that row.",
    ),
    Mistake(
        _plan_variant(
            lambda plan, x, y, r: {
                "destination": torch.where(r["p"][:, None] > 0, y[plan.argmax(1)], x)
            }
        ),
        "Your destinations are the holes that get most of each pile. Asked for is the average "
        "place, each hole weighted by the amount it gets.",
    ),
    Mistake(
        _plan_variant(
            lambda plan, x, y, r: {
                "destination": torch.where(
                    plan.sum(1)[:, None] > 0,
                    (plan > 0).to(y) @ y / (plan > 0).sum(1, keepdim=True).clamp_min(1),
                    x,
                )
            }
        ),
        "Your destinations average the holes of each pile alike. A hole that gets more of the pile "
        "counts for more: weight it by the amount.",
    ),
    Mistake(
        _plan_variant(
            lambda plan, x, y, r: {"cost": (r["p"] * (x - r["destination"]).norm(dim=1)).sum()}
        ),
        "Your cost carries each pile to its average destination. Earth that goes left and earth "
        "that goes right don't cancel: each load pays its own way.",
    ),
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"cost": (plan * torch.cdist(x, y, p=1)).sum()}),
        "Your distances are sums of the coordinates' differences (L1). Here they are Euclidean.",
    ),
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"cost": (plan * torch.cdist(x, y)).mean()}),
        "The cost is a sum over all loads, not their mean: the amounts are the weights already.",
    ),
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"cost": torch.cdist(x, y).mean()}),
        "The cost is the average of all distances, as if each pile went everywhere alike. Only "
        "what the plan moves counts: weight each distance by the mass that travels it.",
    ),
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"cost": torch.cdist(x, y)[plan > 0].sum()}),
        "You add up the distances of the roads in use, but not how much travels on each. Mass "
        "times distance is what costs.",
    ),
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"cost": (plan * torch.cdist(x, y) ** 2).sum()}),
        "The distances are squared: that is the cost of another problem (W2, before its root). "
        "For W1 a unit of earth pays the distance itself.",
    ),
]

# --- 4.2 W1 on a line -----------------------------------------------------------------------------


def _distribution_functions(x, y, right=True):
    """Places where either function jumps; both functions on the interval that begins there."""
    at = torch.cat([x, y]).sort().values
    f = torch.searchsorted(x.sort().values, at, right=right).to(x) / len(x)
    g = torch.searchsorted(y.sort().values, at, right=right).to(x) / len(y)
    return at, f, g


def _w1_1d(x, y):
    at, f, g = _distribution_functions(x, y)
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _w1_signed(x, y):
    at, f, g = _distribution_functions(x, y)
    return ((f - g)[:-1] * at.diff()).sum()


def _w1_cramer(x, y):
    at, f, g = _distribution_functions(x, y)
    return ((f - g).square()[:-1] * at.diff()).sum()


def _w1_no_widths(x, y):
    _, f, g = _distribution_functions(x, y)
    return (f - g).abs().mean()


def _counts_over(x, y, n, m):
    at = torch.cat([x, y]).sort().values
    f = torch.searchsorted(x.sort().values, at, right=True) / n
    g = torch.searchsorted(y.sort().values, at, right=True) / m
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _w1_searched_unsorted(x, y):
    at = torch.cat([x, y]).sort().values
    f = torch.searchsorted(x, at, right=True) / len(x)
    g = torch.searchsorted(y, at, right=True) / len(y)
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _largest_gap(x, y):
    _, f, g = _distribution_functions(x, y)
    return (f - g).abs().max()


def _w1_widths_unsorted(x, y):
    at = torch.cat([x, y])
    f, g = ((s[:, None] <= at).float().mean(0) for s in (x, y))
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _w1_strict(x, y):
    at, f, g = _distribution_functions(x, y, right=False)
    return ((f - g).abs()[:-1] * at.diff()).sum()


def _w1_truncated(x, y):
    k = min(len(x), len(y))
    return (x.sort().values[:k] - y.sort().values[:k]).abs().mean()


def _w1_unsorted(x, y):
    k = min(len(x), len(y))
    return (x[:k] - y[:k]).abs().mean()


def _w1_all_pairs(x, y):
    return (x[:, None] - y).abs().mean()


def _line_inputs(g):
    return [
        (torch.randn(4, generator=g), torch.randn(7, generator=g) + 1),
        (torch.randn(6, generator=g), 2 * torch.randn(6, generator=g)),
        (torch.tensor([0.0, 0.0, 1.0, 1.0, 5.0]), torch.tensor([1.0, 0.0, 3.0])),  # ties
        (100 * torch.randn(30, generator=g), torch.tensor([500.0])),
    ]


_LINE_MISTAKES = [
    Mistake(
        _w1_truncated,
        "You cut the larger sample to the size of the smaller one, so part of its mass never "
        "moves. With different sizes a point of one sample is shared by several of the other: "
        "the area between the two distribution functions takes care of that.",
    ),
    Mistake(
        _w1_unsorted,
        "You pair the points in the order in which they came. The cheapest pairing on a line "
        "never crosses: smallest to smallest. And the sizes may differ.",
    ),
    Mistake(
        _w1_signed,
        "Positive and negative areas cancel: what is left is the difference of the two means. "
        "Earth that moves to the left costs as much as earth that moves to the right.",
    ),
    Mistake(
        lambda x, y: (x.mean() - y.mean()).abs(),
        "This is the distance of the two means. Two samples with one mean and different spreads "
        "are not the same, and W1 between them is not zero.",
    ),
    Mistake(
        _w1_no_widths,
        "You average |F - G| over the points. F and G are constant between neighbouring points, "
        "and what counts is the area there: height times width.",
    ),
    Mistake(
        _w1_strict,
        "Your distribution functions lag by one point: on the interval that begins at a data "
        "point, that point is already counted (less or equal, not less).",
    ),
    Mistake(
        _w1_searched_unsorted,
        "`searchsorted` expects its first argument sorted, and doesn't look: in an unsorted sample "
        "it counts wrongly without a word. Sort x and y.",
    ),
    Mistake(
        _w1_widths_unsorted,
        "The places are in the order in which they came, so the widths between neighbours are not "
        "the widths of intervals (some are negative). Sort them first.",
    ),
    Mistake(
        lambda x, y: _counts_over(x, y, 1, 1),
        "You compare counts. The samples may differ in size, and each has the total mass 1: divide "
        "each count by its own number of points.",
    ),
    *(
        Mistake(
            wrong,
            "You divide both counts by the same number. Each sample has the total mass 1: divide "
            "each count by its own number of points.",
        )
        for wrong in (
            lambda x, y: _counts_over(x, y, len(x), len(x)),
            lambda x, y: _counts_over(x, y, len(y), len(y)),
            lambda x, y: _counts_over(x, y, len(x) + len(y), len(x) + len(y)),
        )
    ),
    Mistake(
        _largest_gap,
        "This is the largest gap between F and G (the Kolmogorov-Smirnov distance), a height. W1 "
        "is the area between them: height times width, added up.",
    ),
    Mistake(
        _w1_cramer,
        "You integrate (F - G) squared: that is the Cramér distance, another one. W1 is the area "
        "between the two functions.",
    ),
    Mistake(
        _w1_all_pairs,
        "This is the mean distance over all pairs: a plan that sends every point everywhere. It "
        "is a plan, but not the cheapest: for two equal samples it isn't even zero.",
    ),
]

# --- 4.3 the dual's constraint --------------------------------------------------------------------


def _slopes(values, points, p=2.0, power=1):
    n = len(points)
    i, j = torch.triu_indices(n, n, 1)
    rise = (values[i] - values[j]).abs()
    # The exact differences: cdist's shortcut by matrix products loses digits for close points.
    run = torch.linalg.vector_norm(points[i] - points[j], p, dim=1) ** power
    return rise, run


def _lipschitz_constant(values, points):
    rise, run = _slopes(values, points)
    return torch.where(rise == 0, rise, rise / run).max()


def _lipschitz_neighbours(values, points):
    return (values.diff().abs() / points.diff(dim=0).norm(dim=1).clamp_min(1e-12)).max()


def _lipschitz_range(values, points):
    return (values.max() - values.min()) / _slopes(values, points)[1].max()


def _lipschitz_nearest(values, points):
    run = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    run, nearest = run.fill_diagonal_(torch.inf).min(1)
    return ((values - values[nearest]).abs() / run).nan_to_num(0).max()


def _lipschitz_nan(values, points):
    return ((values[:, None] - values).abs() / (points[:, None] - points).norm(dim=2)).max()


def _lipschitz_signed(values, points):
    i, j = torch.triu_indices(len(points), len(points), 1)
    rise, run = values[j] - values[i], (points[i] - points[j]).norm(dim=1)
    return torch.where(rise == 0, rise, rise / run).max()


def _slope_variant(reduce, **options):
    def wrong(values, points):
        rise, run = _slopes(values, points, **options)
        return reduce(torch.where(rise == 0, rise, rise / run))

    return wrong


def _slope_inputs(g):
    twice = torch.randn(5, 2, generator=g)
    twice = torch.cat([twice, twice[:1]])  # one place twice, with one value
    values = torch.randn(5, generator=g)
    falling = torch.linspace(0, 1, 6)[:, None]
    return [
        (torch.randn(6, generator=g), torch.randn(6, 2, generator=g)),
        (torch.cat([values, values[:1]]), twice),
        (-3 * falling[:, 0].square(), falling),
        (torch.randn(40, generator=g), 3 * torch.randn(40, 3, generator=g)),
        (0.01 * torch.randn(7, generator=g), 0.1 * torch.randn(7, 2, generator=g)),
    ]


_SLOPE_MISTAKES = [
    Mistake(
        _lipschitz_neighbours,
        "You compare each point with the next one in the list only. In the plane there is no "
        "order: the condition is about every pair.",
    ),
    Mistake(
        _slope_variant(torch.mean),
        "You average the slopes. One pair that is too steep breaks the condition: the largest "
        "slope decides.",
    ),
    Mistake(
        _lipschitz_nan,
        "There is a 0/0 in your slopes: a point with itself, or the same place twice. Such a "
        "pair says nothing about steepness: leave it out.",
    ),
    Mistake(
        _lipschitz_signed,
        "You look at each pair in one direction only, so that steep descents escape you. The "
        "condition bounds the size of the difference, whichever end is higher.",
    ),
    Mistake(
        _slope_variant(torch.max, p=1.0),
        "Your distance is the sum of the coordinates' differences (L1). W1 here carries earth "
        "along straight lines: use the Euclidean distance.",
    ),
    Mistake(
        _slope_variant(torch.max, power=2),
        "You divide by the squared distance. A slope is rise over run, to the first power.",
    ),
    Mistake(
        lambda values, points: _lipschitz_constant(values, points) <= 1,
        "This says whether the critic is allowed. Asked for is the steepest slope itself, a number.",
    ),
    Mistake(
        _lipschitz_nearest,
        "You compare each point with its nearest neighbour only. The steepest pair need not be a "
        "close one: the condition is about every pair.",
    ),
    Mistake(
        _lipschitz_range,
        "You divide the range of the values by the largest distance. The steepest pair is seldom "
        "the one that is farthest apart.",
    ),
]

# --- 4.4 the two losses ---------------------------------------------------------------------------


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


_LOSS_MISTAKES = [
    *(
        Mistake(
            _cut(*cut),
            "The numbers are right, but a loss has lost its graph: it is a number without a past "
            "(by `.item()`, `float`, `.detach()` or `no_grad`), so backward has nowhere to go and "
            "nobody would learn. Return what `mean` returns, of the heights as they came.",
        )
        for cut in itertools.product((_keep, torch.Tensor.item, torch.Tensor.detach), repeat=2)
        if cut != (_keep, _keep)
    ),
    Mistake(
        lambda r, f: ((f - r).mean(), -f.mean()),
        "You pair each generated height with a real one. They are two batches that have nothing to "
        "do with each other, and may differ in size: take the mean of each by itself.",
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
    ),
    Mistake(
        lambda r, f: (f.mean() - r.mean(), f.mean()),
        "The generator's sign is wrong: minimising this moves its samples to where the critic "
        "scores low, away from the data. It wants its score to rise.",
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

# --- 4.5 clip after the step ----------------------------------------------------------------------


def _step(critic, optimizer, real, fake, bound, *, order=("clear", "backward", "step"), sign=1,
          detach=True, before=None, gradients=None, after=None, again=False, loss=None, own=None,
          graph=True):  # fmt: skip
    if before:
        before(critic, bound)
    if own:
        optimizer = own(critic.parameters())
    loss = loss or (lambda f, r: f.mean() - r.mean())
    with torch.set_grad_enabled(graph):
        value = loss(critic(fake.detach() if detach else fake), critic(real))

    def backward():
        (sign * value).backward()
        if gradients:
            gradients(critic, bound)

    do = {"clear": optimizer.zero_grad, "backward": backward, "step": optimizer.step}
    for name in order:
        do[name]()
    if after:
        after(critic, bound)
    return loss(critic(fake.detach()), critic(real)) if again else value


@torch.no_grad()
def _clamp(critic, bound):
    for parameter in critic.parameters():
        parameter.clamp_(-bound, bound)


@torch.no_grad()
def _clamp_matrices(critic, bound):
    for parameter in critic.parameters():
        if parameter.ndim > 1:
            parameter.clamp_(-bound, bound)


@torch.no_grad()
def _clamp_above(critic, bound):
    for parameter in critic.parameters():
        parameter.clamp_(max=bound)


def _clamp_gradients(critic, bound):
    for parameter in critic.parameters():
        parameter.grad.clamp_(-bound, bound)


def _clamp_with_graph(critic, bound):
    for parameter in critic.parameters():
        parameter.clamp_(-bound, bound)


def _critic_step(critic, optimizer, real, fake, bound):
    return _step(critic, optimizer, real, fake, bound, after=_clamp)


class _Squeeze(nn.Module):
    def forward(self, x):
        return x.squeeze(1)


def _step_inputs(g):
    cases = []
    for d, width, bound, lr, momentum in (
        (2, 5, 0.1, 0.5, 0.0), (3, 4, 0.05, 0.2, 0.5), (1, 6, 0.3, 1.0, 0.0)
    ):  # fmt: skip
        critic = nn.Sequential(nn.Linear(d, width), nn.Tanh(), nn.Linear(width, 1), _Squeeze())
        for parameter in critic.parameters():  # what the generator's step left behind
            parameter.grad = 0.3 * torch.randn(parameter.shape, generator=g)
        optimizer: Any = torch.optim.SGD(critic.parameters(), lr, momentum)
        optimizer.step()  # so that momentum has a past, which no other optimizer has
        optimizer.steps = 0
        optimizer.register_step_post_hook(_count)
        real = torch.randn(8, d, generator=g) + 1
        fake: Any = torch.randn(8, d, generator=g).requires_grad_()
        fake.register_hook(functools.partial(_reached, fake.__dict__))
        cases.append((critic, optimizer, real, fake, bound))
    return cases


def _reached(mark, gradient):
    mark["reached"] = True  # whatever becomes of the fakes' .grad afterwards


def _count(optimizer, args, kwargs):
    optimizer.steps += 1


def _observe_step(loss, args):
    critic, optimizer, _, fake, _ = args
    loss = loss.detach() if isinstance(loss, torch.Tensor) else loss
    return {
        "The loss": loss,
        "The number of steps that the optimizer took": optimizer.steps,
        "The critic": critic,
        "The gradient of the fakes": "asked for" if hasattr(fake, "reached") else "left alone",
    }


def _variant(**options):
    def wrong(critic, optimizer, real, fake, bound):
        return _step(critic, optimizer, real, fake, bound, **options)

    return wrong


_STEP_MISTAKES = [
    Mistake(
        _variant(after=_clamp, order=("clear", "backward")),
        "The weights are clipped, but no step was taken: after backward the optimizer has to move "
        "them.",
    ),
    Mistake(
        _variant(after=_clamp, order=("backward", "clear", "step")),
        "The gradients were cleared between backward and the step, so the step had nothing to "
        "follow. Clear them before backward.",
    ),
    Mistake(
        _variant(after=_clamp, order=("step", "clear", "backward")),
        "The optimizer stepped before backward, along the gradients of an earlier step: clear, "
        "backward, step, clip, in this order.",
    ),
    Mistake(
        _variant(before=_clamp, after=_clamp),
        "You clip before the step and after it. The one after is right; the one before changes "
        "the critic whose loss you measure. Clip once, as the last thing.",
    ),
    Mistake(
        _variant(after=_clamp, again=True),
        "The step is right, but you return the loss computed anew, after it. Return the one that "
        "you called backward on, of the critic as it was.",
    ),
    Mistake(
        _variant(after=_clamp, graph=False),
        "The loss was computed under `no_grad`, so there is no graph for backward to follow. Only "
        "the clipping belongs there.",
    ),
    Mistake(
        _variant(after=_clamp_with_graph),
        "A parameter that asks for gradients can't be changed in place while autograd looks on: "
        "clip under `torch.no_grad()`.",
    ),
    Mistake(
        _variant(gradients=lambda critic, b: nn.utils.clip_grad_norm_(critic.parameters(), b)),
        "You clip the length of the gradient. That limits how far one step goes, not how large the "
        "weights become. Clip the weights, after the step.",
    ),
    Mistake(
        _variant(after=_clamp, loss=lambda f, r: softplus(f).mean() + softplus(-r).mean()),
        "This is the classifier's loss. The critic's is a difference of two means: generated minus "
        "real.",
    ),
    Mistake(
        _variant(after=_clamp, loss=lambda f, r: f.sum() - r.sum()),
        "These are sums over the batch; the critic's loss is a difference of *means*.",
    ),
    *(
        Mistake(
            _variant(own=lambda p, make=make, lr=lr: make(p, lr), after=_clamp),
            "The critic moved, but not by the optimizer that you were handed. An optimizer keeps a "
            "memory from step to step; use the one you got.",
        )
        for make, lr in (
            (torch.optim.SGD, 0.1),
            (torch.optim.RMSprop, 5e-5),
            (torch.optim.Adam, 1e-3),
        )
    ),
    Mistake(
        _variant(before=_clamp),
        "You clip before the step, and then the step carries the weights out of the box again: "
        "the critic that the generator meets is not bounded. What must be the last thing to "
        "happen?",
    ),
    Mistake(
        _variant(),
        "Nothing is clipped: after the step some weights lie outside [-bound, bound].",
    ),
    Mistake(
        _variant(gradients=_clamp_gradients),
        "You clip the gradients. That limits how far one step goes, not how large the weights "
        "become: a thousand small steps leave the box as well. Clip the weights.",
    ),
    Mistake(
        _variant(after=_clamp_matrices),
        "The biases are not clipped. WGAN's algorithm puts every parameter of the critic in the "
        "box.",
    ),
    Mistake(
        _variant(after=_clamp_above),
        "You clip from above only: large negative weights stay. The box has two sides.",
    ),
    Mistake(
        _variant(after=_clamp, order=("backward", "step")),
        "Old gradients were still there when you called backward, and the new ones were added to "
        "them. The generator's step leaves gradients in the critic: clear them first.",
    ),
    Mistake(
        _variant(after=_clamp, detach=False),
        "The weights are right, but the gradient went on through the generated samples, into the "
        "generator. In the critic's step the fakes are data: cut them off from their graph.",
    ),
    Mistake(
        _variant(after=_clamp, sign=-1),
        "The critic went the wrong way: after your step it scores generated samples higher, "
        "relative to real ones, than before.",
    ),
]

EXERCISES = [
    Exercise("4.1", "Read a transport plan", difficulty=1, minutes=10, reference=_read_plan,
             inputs=_plan_inputs, mistakes=_PLAN_MISTAKES, rtol=1e-3, atol=1e-5,
             parts=("The piles' shares p", "The holes' shares q", "The cost", "The destinations")),
    Exercise("4.2", "W1 on a line, for samples of any sizes", difficulty=2, minutes=20,
             reference=_w1_1d, inputs=_line_inputs, mistakes=_LINE_MISTAKES, atol=1e-5),
    Exercise("4.3", "Is this critic allowed?", difficulty=2, minutes=15,
             reference=_lipschitz_constant, inputs=_slope_inputs, mistakes=_SLOPE_MISTAKES,
             rtol=1e-3),
    Exercise("4.4", "Two losses, two signs", difficulty=1, minutes=5, reference=_wgan_losses,
             inputs=_logit_inputs, mistakes=_LOSS_MISTAKES, observe=_losses_and_pushes,
             parts=("The critic's loss", "The generator's loss")),
    Exercise("4.5", "One critic step", difficulty=2, minutes=15, reference=_critic_step,
             inputs=_step_inputs, mistakes=_STEP_MISTAKES, observe=_observe_step,
             may_change=("fake",)),  # detach_ in place; a gradient that reaches it is observed
]  # fmt: skip
