"""Exercise 3.4: Two clocks."""

import torch

from .. import Exercise, Mistake


def _round_matrix(jac, lr_g, lr_d):
    d_moves = torch.eye(2, dtype=jac.dtype)
    g_moves = torch.eye(2, dtype=jac.dtype)
    d_moves[1] += lr_d * jac[1]
    g_moves[0] += lr_g * jac[0]
    return g_moves @ d_moves


def _simultaneous(jac, lr_g, lr_d):
    return torch.eye(2, dtype=jac.dtype) + torch.tensor([[lr_g], [lr_d]], dtype=jac.dtype) * jac


def _generator_first(jac, lr_g, lr_d):
    d_moves, g_moves = torch.eye(2, dtype=jac.dtype), torch.eye(2, dtype=jac.dtype)
    d_moves[1] += lr_d * jac[1]
    g_moves[0] += lr_g * jac[0]
    return d_moves @ g_moves


def _columns(jac, lr_g, lr_d):
    d_moves, g_moves = torch.eye(2, dtype=jac.dtype), torch.eye(2, dtype=jac.dtype)
    d_moves[:, 1] += lr_d * jac[:, 1]
    g_moves[:, 0] += lr_g * jac[:, 0]
    return g_moves @ d_moves


def _rows_exchanged(jac, lr_g, lr_d):
    d_moves, g_moves = torch.eye(2, dtype=jac.dtype), torch.eye(2, dtype=jac.dtype)
    d_moves[0] += lr_d * jac[0]
    g_moves[1] += lr_g * jac[1]
    return g_moves @ d_moves


def _no_identity(jac, lr_g, lr_d):
    d_moves, g_moves = torch.eye(2, dtype=jac.dtype), torch.eye(2, dtype=jac.dtype)
    d_moves[1] = lr_d * jac[1]
    g_moves[0] = lr_g * jac[0]
    return g_moves @ d_moves


def _round_inputs(g):
    jac = torch.tensor([[0.0, 0.5], [-0.5, -0.3]], dtype=torch.float64)
    other = torch.randn(2, 2, generator=g, dtype=torch.float64)
    return [(jac, 0.2, 0.2), (jac, 0.05, 0.4), (other, 0.3, 0.1), (-other.T, 0.1, 1.5)]


MISTAKES = [
    Mistake(
        _simultaneous,
        "This is the simultaneous step: both players read the old position. The generator has "
        "to answer the discriminator's *new* psi, so multiply two matrices.",
        slip={"return g_moves @ d_moves": "return g_moves + d_moves - torch.eye(2, dtype=jac.dtype)"},
    ),
    Mistake(
        _generator_first,
        "Your generator moves first. The matrix of the first move stands on the right, next to "
        "the vector that it acts on.",
        slip={"g_moves @ d_moves": "d_moves @ g_moves"},
    ),
    Mistake(
        lambda jac, lr_g, lr_d: _round_matrix(jac, lr_d, lr_g),
        "The two learning rates are swapped: row 0 of the Jacobian is the generator's move.",
        slip={
            "d_moves[1] += lr_d * jac[1]": "d_moves[1] += lr_g * jac[1]",
            "g_moves[0] += lr_g * jac[0]": "g_moves[0] += lr_d * jac[0]",
        },
    ),
    Mistake(
        _columns,
        "You add columns. Row 0 of the Jacobian says how theta moves, row 1 how psi moves: a "
        "player owns a row.",
        slip={
            "d_moves[1] += lr_d * jac[1]": "d_moves[:, 1] += lr_d * jac[:, 1]",
            "g_moves[0] += lr_g * jac[0]": "g_moves[:, 0] += lr_g * jac[:, 0]",
        },
    ),
    Mistake(
        _rows_exchanged,
        "Your players have exchanged their rows: row 0 of the Jacobian moves theta, the "
        "generator, and row 1 psi, the discriminator.",
    ),
    Mistake(
        lambda jac, lr_g, lr_d: _round_matrix(jac, lr_g, lr_d).T,
        "This is the transpose. The matrix acts on a column (theta, psi): row 0 gives the new theta.",
    ),
    Mistake(
        lambda jac, lr_g, lr_d: _round_matrix(jac, lr_g, lr_d) - torch.eye(2, dtype=jac.dtype),
        "This is the change in one round. Asked for is the matrix that leads to the new place: "
        "where it stood, plus the change.",
    ),
    Mistake(
        _no_identity,
        "The identity is missing: a step moves a player *from where it stands*, by lr times its row.",
    ),
    Mistake(
        lambda jac, lr_g, lr_d: _round_matrix(jac, -lr_g, -lr_d),
        "The sign is turned: the field already points the way each player wants to go, so its "
        "move is added.",
    ),
]

EXERCISE = Exercise(
    "3.4",
    "Two clocks",
    difficulty=2,
    minutes=12,
    reference=_round_matrix,
    inputs=_round_inputs,
    mistakes=MISTAKES,
)
