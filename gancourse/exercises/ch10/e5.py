"""Exercise 10.5: What a noisy label asks for."""

import torch

from .. import Exercise, Mistake


def _asked_for(prior, channel):
    joint = prior[:, None] * channel  # (true class, label written down)
    return (joint / joint.sum(0)).T


def _priors_and_channels(g):
    cases = []
    for k in (3, 5):
        prior = torch.rand(k, generator=g, dtype=torch.double) + 0.1
        channel = torch.rand(k, k, generator=g, dtype=torch.double) + 2 * torch.eye(k)
        cases.append((prior / prior.sum(), channel / channel.sum(1, keepdim=True)))
    flip = torch.tensor([[0.9, 0.1], [0.4, 0.6]], dtype=torch.double)
    cases.append((torch.tensor([0.2, 0.8], dtype=torch.double), flip))
    return cases


MISTAKES = [
    Mistake(
        lambda prior, channel: channel,
        "This is the channel: label given class. Wanted is class given label; turn it "
        "round with Bayes's rule.",
    ),
    Mistake(
        lambda prior, channel: (channel / channel.sum(0)).T,
        "The prior is missing. A label that is mostly a slip of the pen from a common "
        "class shows mostly that class.",
        slip={"prior[:, None] * channel": "channel"},
    ),
    Mistake(
        lambda prior, channel: (prior[:, None] * channel).T,
        "These are joint probabilities: divide by how often each label is written, so "
        "that every row sums to 1.",
        slip={"joint / joint.sum(0)": "joint"},
    ),
    Mistake(
        lambda prior, channel: prior[:, None] * channel / (prior @ channel),
        "The numbers are right, but rows and columns have changed places: row j is for "
        "the label j that is asked for.",
        slip={"(joint / joint.sum(0)).T": "joint / joint.sum(0)"},
    ),
    Mistake(
        lambda prior, channel: channel.T,
        "You turned the channel round without Bayes's rule: how frequent a class is, and "
        "how often its label is written, both count.",
    ),
    Mistake(
        lambda prior, channel: torch.linalg.inv(channel),
        "This is the inverse of the channel, which turns frequencies of labels into those "
        "of classes; its entries are no probabilities. What is wanted is the chance of a "
        "class behind *one* label: Bayes's rule.",
    ),
    Mistake(
        lambda prior, channel: (prior[:, None] * channel / prior).T,
        "You divide by the frequency of a class. Divide by how often the *label* is "
        "written at all, so that every row sums to 1.",
        slip={"joint / joint.sum(0)": "joint / prior"},
    ),
    Mistake(
        lambda prior, channel: (prior * channel) / (prior * channel).sum(1, keepdim=True),
        "The prior multiplies the wrong axis: it belongs to the true classes, which are "
        "the rows of `channel`.",
    ),
]

EXERCISE = Exercise(
    "10.5",
    "What a noisy label asks for",
    difficulty=2,
    minutes=8,
    reference=_asked_for,
    inputs=_priors_and_channels,
    mistakes=MISTAKES,
)
