"""Exercise 17.3: A discriminator that reads the caption."""

import math

import torch
from torch.nn.functional import softplus

from .. import Exercise, Mistake
from .._gradients import weight_gradients
from .._networks import Small


def _is(logits):
    return softplus(-logits).mean()


def _not(logits):
    return softplus(logits).mean()


def _matching(score, real, fake, caption, wrong):
    right = softplus(-score(real, caption)).mean()
    mismatched = softplus(score(real, wrong)).mean()
    made = softplus(score(fake, caption)).mean()
    return right + (mismatched + made) / 2


def _fake_wrong_for_mismatch(score, real, fake, caption, wrong):
    refused = _not(score(fake, wrong)) + _not(score(fake, caption))
    return _is(score(real, caption)) + refused / 2


def _fake_told_wrong(score, real, fake, caption, wrong):
    refused = _not(score(real, wrong)) + _not(score(fake, wrong))
    return _is(score(real, caption)) + refused / 2


def _both_fake_wrong(score, real, fake, caption, wrong):
    return _is(score(real, caption)) + _not(score(fake, wrong))


def _three_alike(score, real, fake, caption, wrong):
    refused = _not(score(real, wrong)) + _not(score(fake, caption))
    return _is(score(real, caption)) + refused


def _third_each(score, real, fake, caption, wrong):
    return _three_alike(score, real, fake, caption, wrong) / 3


def _all_halved(score, real, fake, caption, wrong):
    return _three_alike(score, real, fake, caption, wrong) / 2


def _only_mismatch_halved(score, real, fake, caption, wrong):
    refused = _not(score(real, wrong)) / 2 + _not(score(fake, caption))
    return _is(score(real, caption)) + refused


def _only_made_halved(score, real, fake, caption, wrong):
    refused = _not(score(real, wrong)) + _not(score(fake, caption)) / 2
    return _is(score(real, caption)) + refused


def _no_mismatch(score, real, fake, caption, wrong):
    return _is(score(real, caption)) + _not(score(fake, caption))


def _no_mismatch_halved(score, real, fake, caption, wrong):
    return _is(score(real, caption)) + _not(score(fake, caption)) / 2


def _no_fakes(score, real, fake, caption, wrong):
    return _is(score(real, caption)) + _not(score(real, wrong))


def _no_fakes_halved(score, real, fake, caption, wrong):
    return _is(score(real, caption)) + _not(score(real, wrong)) / 2


def _mismatch_is_real(score, real, fake, caption, wrong):
    accepted = _is(score(real, caption)) + _is(score(real, wrong)) / 2
    return accepted + _not(score(fake, caption)) / 2


def _mismatch_is_real_averaged(score, real, fake, caption, wrong):
    accepted = _is(score(real, caption)) + _is(score(real, wrong))
    return accepted / 2 + _not(score(fake, caption))


def _for_the_generator(score, real, fake, caption, wrong):
    return _is(score(fake, caption))


def _turned(score, real, fake, caption, wrong):
    accepted = _is(score(real, wrong)) + _is(score(fake, caption))
    return _not(score(real, caption)) + accepted / 2


def _negative(score, real, fake, caption, wrong):
    return -_matching(score, real, fake, caption, wrong)


def _summed(score, real, fake, caption, wrong):
    refused = softplus(score(real, wrong)).sum() + softplus(score(fake, caption)).sum()
    return softplus(-score(real, caption)).sum() + refused / 2


def _each(score, real, fake, caption, wrong):
    refused = softplus(score(real, wrong)) + softplus(score(fake, caption))
    return softplus(-score(real, caption)) + refused / 2


def _averaged_logits(score, real, fake, caption, wrong):
    refused = softplus(score(real, wrong).mean()) + softplus(score(fake, caption).mean())
    return softplus(-score(real, caption).mean()) + refused / 2


def _two_sigmoids(score, real, fake, caption, wrong):
    return _matching(lambda *pair: score(*pair).sigmoid(), real, fake, caption, wrong)


def _by_log(score, real, fake, caption, wrong):
    def p(x, text):
        return score(x, text).sigmoid()

    refused = (1 - p(real, wrong)).log().mean() + (1 - p(fake, caption)).log().mean()
    return -p(real, caption).log().mean() - refused / 2


def _hinge(score, real, fake, caption, wrong):
    refused = (1 + score(real, wrong)).relu().mean() + (1 + score(fake, caption)).relu().mean()
    return (1 - score(real, caption)).relu().mean() + refused / 2


def _captions_swapped(score, real, fake, caption, wrong):
    return _matching(score, real, fake, wrong, caption)


def _rolled(score, real, fake, caption, wrong):
    return _matching(score, real, fake, caption, caption.roll(1, 0))


def _observe(result, args):
    """The loss, and what it tells the discriminator."""
    return {
        "The loss": result.detach(),
        "The gradient that reaches the discriminator": weight_gradients(result, args[0], "the loss"),
    }


def _inputs(g):
    cases = []
    for shape, words, size in (((5, 2), 3, 1.0), ((4, 1, 2, 2), 2, 3.0), ((3, 4), 4, 150.0)):
        score = Small(math.prod(shape[1:]) + words, g, size=size)
        pictures = [torch.randn(shape, generator=g) for _ in range(2)]
        captions = [torch.randn(shape[0], words, generator=g) for _ in range(2)]
        cases.append((score, *pictures, *captions))
    return cases


MISTAKES = [
    Mistake(
        _fake_wrong_for_mismatch,
        "Your mismatched pair is a *generated* picture with a wrong caption. It can be refused for "
        "the picture alone. Only a real picture with a wrong caption must be refused for its caption.",
        slip={"score(real, wrong)": "score(fake, wrong)"},
    ),
    Mistake(
        _fake_told_wrong,
        "You show the generated pictures with the wrong captions. They were made for `caption`: "
        "show them with that one.",
        slip={"score(fake, caption)": "score(fake, wrong)"},
    ),
    Mistake(
        _both_fake_wrong,
        "You show the generated pictures with wrong captions, and no real picture with a wrong one: "
        "nothing here needs the caption to be read.",
        slip={
            "score(real, wrong)": "score(fake, wrong)",
            "score(fake, caption)": "score(fake, wrong)",
        },
    ),
    Mistake(
        _three_alike,
        "All three terms count alike: then two of three lessons say no. Let the two kinds of "
        "no together weigh as much as the yes.",
    ),
    Mistake(
        _third_each,
        "You average the three terms: then two of three lessons say no. Let the two kinds of "
        "no together weigh as much as the yes, which has the weight 1.",
    ),
    Mistake(
        _all_halved,
        "You halve the right pairs, too. Their term has the weight 1; the halves belong to the two "
        "that must be refused.",
    ),
    Mistake(
        _only_mismatch_halved,
        "Only the mismatched pairs are halved. Both terms that must be refused have the weight one "
        "half.",
    ),
    Mistake(
        _only_made_halved,
        "Only the generated pictures are halved. Both terms that must be refused have the weight "
        "one half.",
    ),
    *(
        Mistake(
            wrong,
            "The mismatched pairs are missing. Without them a discriminator that never reads the "
            "caption does as well.",
        )
        for wrong in (_no_mismatch, _no_mismatch_halved)
    ),
    *(
        Mistake(
            wrong,
            "The generated pictures are missing: this trains a reader of captions, which says "
            "nothing of what is generated.",
        )
        for wrong in (_no_fakes, _no_fakes_halved)
    ),
    *(
        Mistake(
            wrong,
            "You call a real picture with a wrong caption right. The picture is real; the *pair* "
            "is wrong, and the pair is judged.",
        )
        for wrong in (_mismatch_is_real, _mismatch_is_real_averaged)
    ),
    Mistake(
        _for_the_generator,
        "This is the generator's loss. Asked for is the discriminator's.",
    ),
    Mistake(
        _turned,
        "Your signs are turned round: the right pairs are pushed down and the others up.",
    ),
    Mistake(
        _negative,
        "This is the negative of the loss. The discriminator *minimises* what you return.",
    ),
    Mistake(
        _summed,
        "You sum over the batch. Average each term.",
    ),
    Mistake(
        _each,
        "You return a loss for each sample. Average over the batch.",
    ),
    Mistake(
        _averaged_logits,
        "You average the logits first. A few that are far off would hide behind the others: take "
        "each logit's loss, then the average.",
    ),
    Mistake(
        _two_sigmoids,
        "You hand probabilities to a loss that wants logits: a second sigmoid is in there.",
    ),
    Mistake(
        _by_log,
        "Right, while the logits are small. Where the discriminator is sure and wrong, you take the "
        "logarithm of 0. Compute the loss from the logits.",
    ),
    Mistake(
        _hinge,
        "This is the hinge loss of the three terms. Asked for is cross-entropy, that of a logit.",
    ),
    Mistake(
        _captions_swapped,
        "The two captions have changed places: `caption` belongs to the real pictures and was "
        "given to the generator, `wrong` belongs to neither.",
    ),
    Mistake(
        _rolled,
        "You make wrong captions of your own, of those of the neighbours. Take `wrong`: a "
        "neighbour may have the same caption.",
    ),
]

EXERCISE = Exercise(
    "17.3",
    "A discriminator that reads the caption",
    difficulty=1,
    minutes=8,
    reference=_matching,
    inputs=_inputs,
    observe=_observe,
    mistakes=MISTAKES,
)
