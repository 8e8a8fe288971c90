"""Exercise 16.3: What two translators are trained on."""

from functools import partial

import torch
from torch import nn
from torch.nn.functional import softplus

from .. import Exercise, Mistake, _cycles


def _fool(D, pictures):
    return softplus(-D(pictures)).mean()


def _l1(a, b):
    return (a - b).abs().mean()


def _adversarial(G, F, D_A, D_B, x, y):
    return _fool(D_B, G(x)) + _fool(D_A, F(y))


def _cycle(G, F, x, y):
    return _l1(F(G(x)), x) + _l1(G(F(y)), y)


def _loss(G, F, D_A, D_B, x, y, weight):
    return _adversarial(G, F, D_A, D_B, x, y) + weight * _cycle(G, F, x, y)


def _with_cycle(cycle):
    """The answer with another cycle term: G, F, x, y -> number."""

    def answer(G, F, D_A, D_B, x, y, weight):
        return _adversarial(G, F, D_A, D_B, x, y) + weight * cycle(G, F, x, y)

    return answer


def _with_fool(fool):
    """The answer with another adversarial term: D, pictures -> number."""

    def answer(G, F, D_A, D_B, x, y, weight):
        return fool(D_B, G(x)) + fool(D_A, F(y)) + weight * _cycle(G, F, x, y)

    return answer


def _summed(adversarial, cycle):
    """The answer with another sum of the two: adversarial, cycle, weight -> loss."""

    def answer(G, F, D_A, D_B, x, y, weight):
        a, c = _adversarial(G, F, D_A, D_B, x, y), _cycle(G, F, x, y)
        return adversarial(a, weight) + cycle(c, weight)

    return answer


def _loss_critics_swapped(G, F, D_A, D_B, x, y, weight):
    return _fool(D_A, G(x)) + _fool(D_B, F(y)) + weight * _cycle(G, F, x, y)


def _loss_home(G, F, D_A, D_B, x, y, weight):
    home = _fool(D_A, F(G(x))) + _fool(D_B, G(F(y)))
    return home + weight * _cycle(G, F, x, y)


def _loss_one_critic(G, F, D_A, D_B, x, y, weight):
    return _fool(D_B, G(x)) + weight * _cycle(G, F, x, y)


def _loss_other_critic(G, F, D_A, D_B, x, y, weight):
    return _fool(D_A, F(y)) + weight * _cycle(G, F, x, y)


def _loss_critics_too(G, F, D_A, D_B, x, y, weight):
    real = softplus(-D_A(x)).mean() + softplus(-D_B(y)).mean()
    return real + _loss(G, F, D_A, D_B, x, y, weight)


def _loss_of_critics(G, F, D_A, D_B, x, y, weight):
    real = softplus(-D_A(x)).mean() + softplus(-D_B(y)).mean()
    fake = softplus(D_A(F(y))).mean() + softplus(D_B(G(x))).mean()
    return real + fake + weight * _cycle(G, F, x, y)


def _loss_first_weighted(G, F, D_A, D_B, x, y, weight):
    first, second = _l1(F(G(x)), x), _l1(G(F(y)), y)
    return _adversarial(G, F, D_A, D_B, x, y) + weight * first + second


def _loss_with_identity(G, F, D_A, D_B, x, y, weight):
    identity = _cycles.identity(_l1, G, F, x, y)
    return _loss(G, F, D_A, D_B, x, y, weight) + weight / 2 * identity


def _loss_with_whole_identity(G, F, D_A, D_B, x, y, weight):
    identity = _cycles.identity(_l1, G, F, x, y)
    return _loss(G, F, D_A, D_B, x, y, weight) + weight * identity


def _loss_frozen_fool(G, F, D_A, D_B, x, y, weight):
    fool = _fool(D_B, G(x).detach()) + _fool(D_A, F(y).detach())
    return fool + weight * _cycle(G, F, x, y)


def _loss_item(G, F, D_A, D_B, x, y, weight):
    return _loss(G, F, D_A, D_B, x, y, weight).item()


def _loss_pair(G, F, D_A, D_B, x, y, weight):
    return _adversarial(G, F, D_A, D_B, x, y), weight * _cycle(G, F, x, y)


def _cycle_squared(G, F, x, y):
    return (F(G(x)) - x).square().mean() + (G(F(y)) - y).square().mean()


def _cycle_pixels_added(G, F, x, y):
    return (F(G(x)) - x).abs().flatten(1).sum(1).mean() + (G(F(y)) - y).abs().flatten(1).sum(1).mean()


def _cycle_signed(G, F, x, y):
    return (F(G(x)) - x).mean() + (G(F(y)) - y).mean()


def _cycle_halved(G, F, x, y):
    return _cycle(G, F, x, y) / 2


def _loss_inputs(g):
    cases = []
    for n, m, c, weight in ((4, 4, 1, 10.0), (3, 5, 2, 0.3)):
        nets = [
            *(nn.Conv2d(c, c, 3, padding=1) for _ in "GF"),
            *(nn.Conv2d(c, 1, 4, stride=2) for _ in "AB"),  # a logit for each patch
        ]
        for net in nets:
            for parameter in net.parameters():
                parameter.data = 0.4 * torch.randn(parameter.shape, generator=g)
        x, y = (torch.randn(k, c, 8, 8, generator=g) for k in (n, m))
        cases.append((*nets, x, y, weight))
    return cases


# Another way to write the first line, no mistake: no answer on the page is the odd one out.
_OTHER_START = {"there, back = G(x), F(y)": "back, there = F(y), G(x)"}

MISTAKES = [
    Mistake(
        _loss_critics_swapped,
        "The critics have changed places. `G(x)` is to look like side B: whose critic judges that?",
        slip={"D_B(there)": "D_A(there)", "D_A(back)": "D_B(back)", **_OTHER_START},
    ),
    Mistake(
        _loss_home,
        "The critics judge the pictures that have come home. It is the *translated* ones, half-way, "
        "that must look like the other side; for home there is the cycle.",
    ),
    *(
        Mistake(
            wrong,
            "Only one of the two translators meets a critic. Each side has one.",
        )
        for wrong in (_loss_one_critic, _loss_other_critic)
    ),
    Mistake(
        _with_fool(lambda D, pictures: softplus(D(pictures)).mean()),
        "A sign is wrong: your translators earn a low loss where the critics say *fake*. That is "
        "what the critics want.",
        slip={"softplus(-D_B": "softplus(D_B", "softplus(-D_A": "softplus(D_A", **_OTHER_START},
    ),
    Mistake(
        _with_fool(lambda D, pictures: -softplus(D(pictures)).mean()),
        "This is the saturating loss, the critics' own with its sign turned round: where a critic is "
        "sure, hardly any gradient is left. Asked for is the non-saturating one.",
    ),
    Mistake(
        _with_fool(lambda D, pictures: -D(pictures).mean()),
        "This is the loss for a Wasserstein critic, the bare logits. Asked for is the non-saturating "
        "one, with a softplus.",
    ),
    Mistake(
        _with_fool(lambda D, pictures: (D(pictures) - 1).square().mean()),
        "This is the least-squares loss. The paper on CycleGAN takes it, too; here the "
        "non-saturating one is asked for, with a softplus.",
    ),
    Mistake(
        _with_fool(lambda D, pictures: softplus(-D(pictures)).sum()),
        "You add the critics' verdicts up over batch and patches. Average them: else the weight of "
        "the cycle means something else for each size of picture.",
    ),
    Mistake(
        _with_fool(lambda D, pictures: softplus(-D(pictures).mean())),
        "You average the logits before the softplus. Each patch of each picture has a loss of its "
        "own; average those.",
    ),
    *(
        Mistake(
            wrong,
            "This has the critics' loss in it: translators cannot change what the critics say about "
            "real pictures, and earn by what is called real among theirs. Nothing but their own "
            "part is asked for.",
        )
        for wrong in (_loss_critics_too, _loss_of_critics)
    ),
    Mistake(
        _with_cycle(partial(_cycles.same_twice, _l1)),
        "In the cycle you apply the same translator twice. The way home belongs to the other one.",
        slip={"F(there)": "G(there)", "G(back)": "F(back)", **_OTHER_START},
    ),
    Mistake(
        _with_cycle(partial(_cycles.wrong_side, _l1)),
        "In the cycle `F` gets pictures of side A: it is made for those of B. Start each cycle with "
        "the translator of its own side.",
    ),
    Mistake(
        _with_cycle(partial(_cycles.pairs, _l1)),
        "You compare translated pictures with pictures of the other side one by one. There are no "
        "pairs: picture `i` of `x` has nothing to do with picture `i` of `y`.",
    ),
    Mistake(
        _with_cycle(partial(_cycles.nothing_changed, _l1)),
        "You compare `G(x)` with `x` itself: that asks a translator to change nothing. Compare with "
        "`x` only what has come home.",
    ),
    Mistake(
        _with_cycle(partial(_cycles.identity, _l1)),
        "This is the identity loss (a picture that is of the right side already should stay as it "
        "is) in the place of the cycle. Go there and back.",
    ),
    *(
        Mistake(
            wrong,
            "You add the identity loss. It is a term of its own that keeps colours; it is not asked "
            "for here.",
        )
        for wrong in (_loss_with_identity, _loss_with_whole_identity)
    ),
    *(
        Mistake(
            _with_cycle(partial(one, _l1)),
            "One direction of the cycle is missing: pictures of A come home by way of B, and "
            "pictures of B by way of A.",
        )
        for one in (_cycles.of_x, _cycles.of_y)
    ),
    Mistake(
        _with_cycle(_cycle_squared),
        "You square the differences of the cycle. It takes their absolute values, which blur less.",
    ),
    Mistake(
        _with_cycle(_cycle_pixels_added),
        "You add the cycle's differences up over the pixels of a picture. Average over pixels and "
        "batch.",
    ),
    Mistake(
        _with_cycle(_cycles.total),
        "You add the cycle's differences up over pixels and batch. Average them.",
    ),
    Mistake(
        _with_cycle(_cycle_signed),
        "The cycle has lost its absolute values: too bright here and too dark there cancel.",
    ),
    Mistake(
        _with_cycle(partial(_cycles.cut, _l1)),
        "The value is right, and the graph is cut half-way round each cycle: the translator that "
        "goes first learns nothing from it.",
    ),
    Mistake(
        _loss_frozen_fool,
        "The value is right, and the graph is cut before the critics: the translators learn nothing "
        "from them. (In the *critics'* step that cut is right.)",
    ),
    Mistake(
        _with_cycle(_cycle_halved),
        "The cycle counts half: its two directions are added, not averaged.",
    ),
    Mistake(
        _with_cycle(partial(_cycles.difference, _l1)),
        "You subtract one direction of the cycle from the other. Both are costs.",
    ),
    Mistake(
        _loss_first_weighted,
        "The weight stands before one direction of the cycle only. It belongs to both.",
    ),
    Mistake(
        _summed(lambda a, w: w * a, lambda c, w: c),
        "The weight is that of the cycle. You give it to the critics.",
        slip={"adversarial + weight * cycle": "weight * adversarial + cycle", **_OTHER_START},
    ),
    Mistake(
        _summed(lambda a, w: w * a, lambda c, w: w * c),
        "The weight is that of the cycle alone. On the whole loss it changes no balance.",
    ),
    Mistake(
        _summed(lambda a, w: a, lambda c, w: c),
        "`weight` has no effect. It says how much the cycle counts beside the critics.",
    ),
    Mistake(
        _summed(lambda a, w: a, lambda c, w: -w * c),
        "You subtract the cycle: your translators would be paid for losing their way home.",
    ),
    Mistake(
        _summed(lambda a, w: a / 2, lambda c, w: w * c),
        "The critics count half: the losses of the two translators are added, not averaged.",
    ),
    Mistake(
        _summed(lambda a, w: a, lambda c, w: 0 * c),
        "The cycle is missing. Critics alone let a translator turn any picture of A into any of B.",
    ),
    Mistake(
        _summed(lambda a, w: 0 * a, lambda c, w: w * c),
        "The critics are missing: two translators that change nothing would have no loss at all.",
    ),
    Mistake(
        _loss_item,
        "The value is right, but it is a plain number, from which no gradient comes. Return the tensor.",
    ),
    Mistake(_loss_pair, "These are the two parts. The loss is one number, their sum."),
]

EXERCISE = Exercise(
    "16.3",
    "What two translators are trained on",
    difficulty=2,
    minutes=12,
    reference=_loss,
    inputs=_loss_inputs,
    observe=_cycles.observe,
    mistakes=MISTAKES,
)
