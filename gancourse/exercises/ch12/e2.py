"""Exercise 12.2: Will it leak?"""

import torch

from .. import Exercise, Mistake


def _hidden(T):
    return bool(torch.linalg.matrix_rank(T) < len(T))


def _hidden_rows(T):
    n = len(T)
    return any(torch.allclose(T[i], T[j]) for i in range(n) for j in range(i))


def _mixing(states, p):
    return (1 - p) * torch.eye(states).double() + p / states


def _same_answer(expected, got):
    """Yes or no in any dress: True, 1, numpy's and torch's."""
    value = torch.as_tensor(got)
    return value.numel() == 1 and value.item() in (0, 1) and bool(value.item()) == expected


def _hidden_inputs(g):
    halves = torch.tensor([[0.8, 0.2, 0.0], [0.0, 0.2, 0.8], [0.4, 0.2, 0.4]])
    chain = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.7, 0.3], [0.1, 0.0, 0.9]])
    flip = torch.tensor([[0.5, 0.5], [0.5, 0.5]])
    # Here, too, one row is a mixture; but rounding leaves a determinant that is not quite zero.
    blend = torch.rand(12, 12, generator=g).double() + 0.1
    blend[7] = blend[:7].mean(0)
    blend = blend / blend.sum(1, keepdim=True)
    # `halves` has no two equal rows, and its third is the mean of the others.
    return [
        (T.double(),)
        for T in (
            _mixing(8, 0.5),
            _mixing(8, 1.0),
            torch.eye(3)[[1, 2, 0]],  # always turned: nothing is lost
            torch.eye(2)[[1, 0]],  # always mirrored, determinant -1: nothing is lost
            flip,
            _mixing(4, 0.9),
            _mixing(2, 0.999),  # hardly anything is left to be seen, and it is enough
            halves,
            chain,
            torch.eye(3),
            blend,
        )
    ]


MISTAKES = [
    Mistake(
        lambda T: bool(torch.linalg.det(T) < 1e-9),
        "A negative determinant is fine: a mirror that is always applied can be undone. "
        "Only a determinant of zero says that something is lost.",
    ),
    Mistake(
        lambda T: bool(torch.linalg.det(T) == 0),
        "The idea is right, but a determinant that should be 0 is often 1e-20 in floating "
        "point (and an inverse that should not exist is computed without a complaint). Leave "
        "room for rounding, or let `torch.linalg.matrix_rank` do it.",
        slip={"torch.linalg.matrix_rank(T) < len(T)": "torch.linalg.det(T) == 0"},
    ),
    Mistake(
        lambda T: not _hidden(T),
        "The other way round: True says that something is hidden, so that the generator "
        "may get away with a wrong distribution.",
        slip={"< len(T)": "== len(T)"},
    ),
    Mistake(
        lambda T: not torch.equal(T, torch.eye(len(T)).to(T)),
        "You call every augmentation a leak. Pictures may be altered as long as the "
        "*distribution* can be worked out from what is seen.",
        slip={"torch.linalg.matrix_rank(T) < len(T)": "(T != torch.eye(len(T))).any()"},
    ),
    Mistake(
        lambda T: bool((T.diagonal() < 0.5).any()),
        "Staying the same less than half of the time is not the question: one that is "
        "*always* turned hides nothing, and exactly half can hide all. Ask whether "
        "`q @ T` determines `q`.",
        slip={"torch.linalg.matrix_rank(T) < len(T)": "T.diagonal().min() < 0.5"},
    ),
    Mistake(
        lambda T: bool((T.diagonal() <= 0.5).any()),
        "How often a picture is altered does not decide: one that is *always* turned by "
        "90 degrees hides nothing, you turn it back. Ask whether `q @ T` determines `q`.",
    ),
    Mistake(
        _hidden_rows,
        "Two equal rows hide something, but they are not the only way: a row can also be "
        "a mixture of others.",
    ),
    Mistake(
        lambda T: bool(torch.linalg.matrix_rank(T - torch.eye(len(T)).to(T)) < len(T)),
        "T minus the identity is singular for every stochastic matrix (its rows sum to "
        "1). It is T itself that has to be undone.",
    ),
    Mistake(
        lambda T: bool(torch.linalg.det(T).abs() < 0.1),
        "A small determinant is not zero: with many states or a strong augmentation it is tiny, "
        "and the map can be undone all the same. Leave room for rounding only.",
    ),
    Mistake(
        lambda T: bool((torch.linalg.eigvals(T).abs() < 0.2).any()),
        "A small eigenvalue is not zero: such a map can be undone, if with much noise. Leave "
        "room for rounding only.",
    ),
    Mistake(
        lambda T: bool(torch.allclose(T @ T, T)),
        "Doing it twice like once is a sign that something is lost, but other maps lose "
        "something as well. Ask whether `q @ T` determines `q`.",
    ),
    Mistake(
        lambda T: not torch.allclose(T, T.T),
        "Symmetry doesn't decide: ask whether `q @ T` determines `q`.",
    ),
    Mistake(
        lambda T: False,
        "You say that nothing is ever hidden. Take a turn by 0, 90, 180 or 270 degrees, each "
        "in a quarter of the cases: what can still be seen of the distribution?",
    ),
    Mistake(
        lambda T: True,
        "You say that something is always hidden. Take an augmentation that does nothing.",
    ),
]

EXERCISE = Exercise(
    "12.2",
    "Will it leak?",
    difficulty=2,
    minutes=10,
    reference=_hidden,
    inputs=_hidden_inputs,
    compare=_same_answer,
    mistakes=MISTAKES,
)
