"""Exercise 4.1: Read a transport plan."""

import torch

from .. import Exercise, Mistake


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


MISTAKES = [
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"p": r["q"], "q": r["p"]}),
        "p and q are exchanged: row i of the plan says where the earth of pile i goes, so what "
        "pile i held is the sum along that row.",
    ),
    Mistake(
        _plan_variant(lambda plan, x, y, r: {"destination": plan @ y}),
        "The destinations are sums weighted by mass, not averages. A pile of mass 0.2 that goes "
        "to one place ends at that place, not at a fifth of it: what must you divide by?",
        slip={
            "plan @ y / p[:, None].clamp_min(1e-12)": "plan @ y",
            "torch.where(p[:, None] > 0, average, x)": "average",
        },
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
        slip={"torch.where(p[:, None] > 0, average, x)": "average"},
    ),
    Mistake(
        _plan_variant(
            lambda plan, x, y, r: {"destination": torch.where(r["p"][:, None] > 0, y[plan.argmax(1)], x)}
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
        slip={"(plan * torch.cdist(x, y)).sum()": "(plan * torch.cdist(x, y)).mean()"},
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
        slip={"torch.cdist(x, y)": "torch.cdist(x, y).square()"},
    ),
]

EXERCISE = Exercise(
    "4.1",
    "Read a transport plan",
    difficulty=1,
    minutes=10,
    reference=_read_plan,
    inputs=_plan_inputs,
    mistakes=MISTAKES,
    rtol=1e-3,
    atol=1e-5,
    parts=("The piles' shares p", "The holes' shares q", "The cost", "The destinations"),
)
