"""Exercise 12.3: The attack's score."""

import torch

from .. import Exercise, Mistake


def _auc(members, others):
    margin = members[:, None] - others
    return ((margin > 0).double() + 0.5 * (margin == 0)).mean().item()


def _best_accuracy(members, others):
    cuts = torch.cat([members, others, torch.tensor([float("inf")])])
    rates = [(members >= cut).double().mean() + (others < cut).double().mean() for cut in cuts]
    return float(max(rates)) / 2


def _auc_by_position(members, others):
    n = min(len(members), len(others))
    return (members[:n] > others[:n]).double().mean().item()


def _auc_median(members, others):
    return (members > others.median()).double().mean().item()


def _auc_untied_ranks(members, others):
    ranks = torch.cat([members, others]).argsort().argsort()[: len(members)] + 1
    n = len(members)
    return (ranks.sum().item() - n * (n + 1) / 2) / (n * len(others))


def _auc_sigmoid(members, others):
    return torch.sigmoid(members[:, None] - others).mean().item()


def _auc_no_ties(members, others):
    margin = members[:, None] - others
    return ((margin > 0).double().sum() / (margin != 0).double().sum()).item()


def _auc_best_side(members, others):
    return max(_auc(members, others), 1 - _auc(members, others))


def _auc_gap(members, others):
    return (members.double().mean() - others.double().mean()).item()


def _auc_inputs(g):
    cases = []
    for n, m, shift in ((9, 14, 0.5), (20, 7, 0.0), (5, 5, -1.0)):
        members = torch.randn(n, generator=g) + shift
        others = torch.randn(m, generator=g)
        cases.append(((2 * members).round(), (2 * others).round()))
    cases.append((torch.randn(30, generator=g) + 3.0, torch.randn(12, generator=g) + 2.0))
    return cases


MISTAKES = [
    Mistake(
        lambda members, others: 1 - _auc(members, others),
        "Swapped: a high score says *member*, so count the pairs in which the member scores higher.",
        slip={"members[:, None] - others": "others[:, None] - members"},
    ),
    Mistake(
        lambda members, others: (members[:, None] > others).double().mean().item(),
        "A tie counts for nothing here. An attack that gives everybody the same score "
        "would get 0 instead of 0.5: count half.",
        slip={" + 0.5 * (margin == 0)": ""},
    ),
    Mistake(
        lambda members, others: (members[:, None] >= others).double().mean().item(),
        "A tie counts as a win here. An attack that gives everybody the same score would "
        "be perfect: count half.",
        slip={"(margin > 0).double() + 0.5 * (margin == 0)": "(margin >= 0).double()"},
    ),
    Mistake(
        lambda members, others: (
            ((members > 0).double().mean() + (others <= 0).double().mean()).item() / 2
        ),
        "This is an accuracy at the threshold 0. A critic's logits have no natural zero "
        "for this question; compare pairs instead.",
    ),
    Mistake(
        lambda members, others: torch.cat([members > 0, others <= 0]).double().mean().item(),
        "This is an accuracy at the threshold 0, and it depends on how many of each kind "
        "there are. Compare pairs instead.",
    ),
    Mistake(
        lambda members, others: 2 * _auc(members, others) - 1,
        "Your number runs from -1 to 1, with 0 for guessing: losses count as minus one. "
        "Asked for is a share of pairs, from 0 to 1.",
    ),
    Mistake(
        lambda members, others: _auc(members, others) * len(members) * len(others),
        "This is the number of pairs. Divide by how many pairs there are.",
        slip={"mean": "sum"},
    ),
    Mistake(
        _best_accuracy,
        "This is the accuracy at the best threshold: chosen after seeing the answers, it "
        "is above 0.5 for pure noise. Average over all pairs instead.",
    ),
    Mistake(
        _auc_by_position,
        "You compare the first member with the first other, the second with the second. Their "
        "order means nothing: compare *each* member with *each* other.",
    ),
    Mistake(
        _auc_median,
        "You compare the members with the median of the others, one threshold. Compare with "
        "each of the others.",
    ),
    Mistake(
        _auc_untied_ranks,
        "Your ranks break ties by the order in the list. Equal scores share their mean rank "
        "(or: count half for a tie).",
    ),
    Mistake(
        _auc_sigmoid,
        "You soften each comparison with a sigmoid. Only the order counts: 1, 0, or half for a tie.",
    ),
    Mistake(
        _auc_no_ties,
        "You leave ties out. An attack that gives everybody the same score would then have no "
        "score at all: count half for each.",
    ),
    Mistake(
        _auc_best_side,
        "You take the better of the score and its mirror image. An attack that is wrong more "
        "often than right has less than 0.5, and that is what the number is to say.",
    ),
    Mistake(
        _auc_gap,
        "This is the difference of the mean scores: it changes with their scale. Count pairs.",
    ),
]

EXERCISE = Exercise(
    "12.3",
    "The attack's score",
    difficulty=2,
    minutes=10,
    reference=_auc,
    inputs=_auc_inputs,
    atol=1e-6,
    mistakes=MISTAKES,
)
