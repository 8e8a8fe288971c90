"""Exercise 3.3: Eigenvalues and the largest stable step."""

import torch

from .. import Exercise, Mistake


def _largest_step(jac):
    values = torch.linalg.eigvals(jac)
    return max(0.0, float((-2 * values.real / values.abs().square()).min()))


def _step(f):
    return lambda jac: float(f(torch.linalg.eigvals(jac)))


def _jacobians(g):
    return [
        (torch.tensor(j, dtype=torch.float64),)
        for j in (
            [[0.0, 0.5], [-0.5, -0.5]],  # Dirac-GAN with R1: a pair of complex eigenvalues
            [[0.0, 0.5], [-0.5, -2.0]],  # more R1: two real ones
            [[-1.0, 3.0, 0.0], [-3.0, -1.0, 0.0], [0.0, 0.0, -4.0]],  # both kinds
            [[0.0, 0.5], [-0.5, 0.0]],  # no R1: pure rotation
            [[0.1, 2.0], [-2.0, 0.1]],  # a spiral outward
            [[-1.0, 0.0], [0.0, 0.3]],  # one direction shrinks, the other grows
            [[-1.0, 3.0, 0.5], [-3.0, -1.0, 0.0], [0.0, 0.0, 0.2]],  # the same, with rotation
            [[0.4, 2.0, 0.0], [-2.0, 0.4, 0.0], [0.0, 0.0, -6.0]],  # the rotation grows
        )
    ]


def _shrinking_only(values):
    shrinking = values[values.real < 0]
    if not len(shrinking):
        return 0.0
    return (-2 * shrinking.real / shrinking.abs().square()).min()


def _positive_bounds(values):
    bounds = -2 * values.real / values.abs().square()
    bounds = bounds[bounds > 0]
    return bounds.min() if len(bounds) else 0.0


def _dominant(values, of):
    value = values[of(values).argmax()]
    return max(0.0, float(-2 * value.real / value.abs().square()))


MISTAKES = [
    Mistake(
        _step(lambda v: max(0.0, float((2 / -v.real.clamp(max=-1e-12)).min()))),
        "You use 2 / |Re|, the rule of plain gradient descent, where eigenvalues are real. A "
        "game rotates: the imaginary part counts in |1 + h*lambda|^2 too.",
    ),
    Mistake(
        _step(lambda v: (2 / v.abs()).min()),
        "You use 2 / |lambda|, so that even a pure rotation would be stable. Work out "
        "|1 + h*lambda|^2 < 1 with lambda = a + ib.",
        slip={"-2 * values.real / values.abs().square()": "2 / values.abs()"},
    ),
    Mistake(
        _step(lambda v: max(0.0, float((-2 * v.real / v.abs()).min()))),
        "Almost: the denominator is |lambda| squared. With lambda = a + ib, "
        "|1 + h*lambda|^2 = 1 + 2ha + h^2 (a^2 + b^2).",
        slip={"values.abs().square()": "values.abs()"},
    ),
    Mistake(
        _step(lambda v: max(0.0, float((-v.real / v.abs().square()).min()))),
        "You are off by a factor of 2 (this is the step that shrinks fastest, not the largest "
        "that still shrinks).",
    ),
    Mistake(
        _step(lambda v: max(0.0, float((-2 * v.real / v.abs().square()).max()))),
        "You take the eigenvalue that allows the largest step. *All* have to be stable, so the "
        "strictest one decides.",
        slip={"bound.min()": "bound.max()"},
    ),
    *(
        Mistake(
            _step(wrong),
            "You leave out the directions that grow. One eigenvalue with a positive real part "
            "is enough, however small the step: *every* direction has to shrink, so the answer "
            "is 0 there.",
        )
        for wrong in (_shrinking_only, _positive_bounds)
    ),
    Mistake(
        lambda jac: max(0.0, float((-2 / torch.linalg.eigvalsh(jac)).min())),
        "`eigvalsh` is for symmetric matrices: it reads one triangle and makes up the other, and "
        "what comes out is real. A game's Jacobian is not symmetric: use `eigvals`.",
    ),
    Mistake(
        lambda jac: 2 / float(torch.linalg.matrix_norm(jac, 2)),
        "You divide by the matrix's largest stretch, its spectral norm. What counts is where "
        "each eigenvalue lies: work out |1 + h*lambda|^2 < 1.",
    ),
    Mistake(
        _step(lambda v: _dominant(v, torch.abs)),
        "You look at the largest eigenvalue only. A smaller one can be stricter, if it turns "
        "fast and is pulled weakly: take the smallest bound of all.",
    ),
    Mistake(
        _step(lambda v: _dominant(v, lambda values: values.real)),
        "You look at the eigenvalue with the largest real part only. Another can be stricter: "
        "take the smallest bound of all.",
    ),
    Mistake(
        _step(lambda v: max(0.0, float((-2 * v.real / v.abs().square()).mean()))),
        "You average the bounds. *All* eigenvalues have to be stable, so the strictest one decides.",
    ),
    Mistake(
        _step(lambda v: (-2 * v.real / v.abs().square()).min()),
        "A negative learning rate for a spiral outward? Where no step is stable, return 0.",
    ),
    Mistake(
        _step(lambda v: (2 * v.real / v.abs().square()).abs().min()),
        "You drop the sign: an eigenvalue with a positive real part grows at every step size. "
        "Return 0 there.",
        slip={"max(0.0, bound.min().item())": "bound.abs().min().item()"},
    ),
]

EXERCISE = Exercise(
    "3.3",
    "Eigenvalues and the largest stable step",
    difficulty=2,
    minutes=12,
    reference=_largest_step,
    inputs=_jacobians,
    mistakes=MISTAKES,
)
