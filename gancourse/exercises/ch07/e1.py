"""Exercise 7.1: The Inception Score."""

import numpy as np
import torch

from .. import Exercise, Mistake


def _logs(logits, dim=1):
    """log p(y|x) and log p(y), safe for large logits."""
    log_p = logits.log_softmax(dim)
    return log_p, log_p.logsumexp(0) - np.log(len(log_p))


def _inception_score(logits):
    log_p, log_marginal = _logs(logits)
    return (log_p.exp() * (log_p - log_marginal)).sum(1).mean().exp()


def _score_unsafe(logits):
    p = logits.softmax(1)
    return (p * (p.log() - p.mean(0).log())).sum(1).mean().exp()


def _score_geometric(logits):
    log_p = logits.log_softmax(1)
    return (log_p.exp() * (log_p - log_p.mean(0))).sum(1).mean().exp()


def _score_reversed(logits):
    log_p, log_marginal = _logs(logits)
    return (log_marginal.exp() * (log_marginal - log_p)).sum(1).mean().exp()


def _score_wrong_axis(logits):
    log_p, log_marginal = _logs(logits, dim=0)
    return (log_p.exp() * (log_p - log_marginal)).sum(1).mean().exp()


def _score_of_counts(logits):
    share = torch.bincount(logits.argmax(1), minlength=logits.shape[1]) / len(logits)
    return (-torch.xlogy(share, share).sum()).exp()


def _kl(logits):
    log_p, log_marginal = _logs(logits)
    return log_p.exp() * (log_p - log_marginal)


def _marginal_entropy(logits):
    _, log_marginal = _logs(logits)
    return (-(log_marginal.exp() * log_marginal).sum()).exp()


def _no_log_n(logits):
    return _inception_score(logits) / len(logits)


def _score_other_base(logits):
    return (_kl(logits).sum(1).mean() / np.log(2)).exp()


def _score_mean_logits(logits):
    log_p = logits.log_softmax(1)
    log_marginal = logits.mean(0).log_softmax(0)
    return (log_p.exp() * (log_p - log_marginal)).sum(1).mean().exp()


def _score_sure_only(logits):
    log_p = logits.log_softmax(1)
    return (log_p.exp() * log_p).sum(1).mean().neg().exp()


def _logit_inputs(g):
    return [
        (torch.randn(6, 3, generator=g),),
        (4 * torch.randn(40, 10, generator=g),),
        (400 * torch.randn(9, 5, generator=g),),  # a very sure classifier
        (2 * torch.randn(1, 4, generator=g),),  # one picture: it tells nothing apart
        (3 * torch.randn(7, 7, generator=g) + 5 * torch.arange(7.0),),  # as many as classes
    ]


MISTAKES = [
    Mistake(
        _score_unsafe,
        "A very sure classifier gives probabilities that are exactly 0 in float32, and 0 times "
        "log 0 is NaN. Stay with logarithms: take them from the logits directly.",
    ),
    Mistake(
        lambda x: _kl(x).sum(1).mean(),
        "This is the mean divergence itself, in nats. The score is its exponential, so that it "
        "runs from 1 to the number of classes.",
    ),
    Mistake(
        lambda x: _kl(x).sum(1).exp().mean(),
        "You take the exponential of each picture's divergence and average then. The average "
        "comes first, the exponential last.",
        slip={".sum(1).mean().exp()": ".sum(1).exp().mean()"},
    ),
    Mistake(
        lambda x: _kl(x).mean().exp(),
        "You average over pictures and classes. A divergence is a *sum* over classes; only over "
        "the pictures is it a mean.",
        slip={".sum(1).mean().exp()": ".mean().exp()"},
    ),
    Mistake(
        _score_geometric,
        "Your p(y) averages the logarithms of the probabilities. It is the average of the "
        "probabilities themselves; take its logarithm afterwards.",
        slip={"log_p.logsumexp(0) - math.log(len(logits))": "log_p.mean(0)"},
    ),
    Mistake(
        _score_reversed,
        "The divergence is the wrong way round: it is weighted by p(y|x), not by p(y).",
    ),
    Mistake(
        _score_wrong_axis,
        "You normalise over the pictures. Each row of logits becomes one distribution over the "
        "classes: which axis is that?",
        slip={"log_softmax(1)": "log_softmax(0)"},
    ),
    Mistake(
        _marginal_entropy,
        "This is the evenness of the classes alone. How sure the classifier is of each picture "
        "is missing.",
    ),
    Mistake(
        _no_log_n,
        "Too small by the factor n: your p(y) is the *sum* of the pictures' probabilities. It is "
        "their mean, so subtract the logarithm of the number of pictures.",
    ),
    Mistake(
        _score_mean_logits,
        "Your p(y) comes from the average *logits*. Turn each picture's logits into probabilities "
        "first, and average those.",
    ),
    Mistake(
        lambda x: (-_kl(x).sum(1).mean()).exp(),
        "The sign is wrong: a divergence is at least 0, so the score is at least 1.",
    ),
    Mistake(
        _score_other_base,
        "Your divergence is in bits and the exponential in nats. Take natural logarithms throughout.",
    ),
    Mistake(
        _score_sure_only,
        "This is the classifier's doubt about single pictures alone. How even the classes are, "
        "p(y), is missing.",
    ),
    Mistake(
        _score_of_counts,
        "You count the most likely class of each picture, as if the classifier were always sure. "
        "The score works with its probabilities.",
    ),
]

EXERCISE = Exercise(
    "7.1",
    "The Inception Score",
    difficulty=1,
    minutes=10,
    reference=_inception_score,
    inputs=_logit_inputs,
    mistakes=MISTAKES,
    rtol=1e-3,
)
