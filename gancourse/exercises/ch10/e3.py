"""Exercise 10.3: Does it listen to its label?"""

import torch

from .. import Exercise, Mistake


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
    noisy = torch.where(torch.rand(n, generator=g) < 0.15, right, torch.randint(10, (n,), generator=g))
    common = (torch.rand(40, generator=g) < 0.1).long()
    ones = torch.zeros(40, dtype=torch.long)  # always makes the class that is asked for most
    cases = [(right, right.clone()), (right, noisy), (common, ones)]
    cases.append((right, torch.randint(10, (n,), generator=g)))
    names = torch.tensor([2, 5, 9])  # labels need not be 0, 1, 2, ...
    few = names[torch.randint(3, (24,), generator=g)]
    cases.append((few, torch.where(torch.rand(24, generator=g) < 0.4, few, few.roll(1))))
    return [(a, s, _orders(len(a), orders, g)) for a, s in cases]


MISTAKES = [
    Mistake(
        _both_shuffled,
        "You move the labels asked for and the labels seen together, so each pair stays "
        "together and nothing changes. Shuffle one of the two.",
        slip={"(asked[orders] == seen)": "(asked[orders] == seen[orders])"},
    ),
    Mistake(
        _strictly,
        "A shuffle that does *as well* counts too. With a strict comparison a generator "
        "that always makes the same class looks significant.",
        slip={">= accuracy": "> accuracy"},
    ),
    Mistake(
        _without_itself,
        "The order as it came is one of the possible shuffles: count it, above and below. "
        "Otherwise p can be 0, which no finite number of shuffles can show.",
        slip={
            "(1 + (shuffled >= accuracy).sum())": "(shuffled >= accuracy).sum()",
            "(1 + len(orders))": "len(orders)",
        },
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
        slip={">= accuracy": "<= accuracy"},
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
]

EXERCISE = Exercise(
    "10.3",
    "Does it listen to its label?",
    difficulty=2,
    minutes=12,
    reference=_shuffle_test,
    inputs=_asked_and_seen,
    parts=("The accuracy", "p"),
    mistakes=MISTAKES,
)
