"""Exercise 5.2: What λ costs."""

from .. import Exercise, Mistake


def _gp_estimates(distance, lam):
    bias = distance / (2 * lam)
    return distance * (1 + bias), -distance * (1 - bias)


MISTAKES = [
    Mistake(
        lambda distance, lam: (1 + distance / (2 * lam), -(1 - distance / (2 * lam))),
        "These are the slopes. The estimate is the difference of the critic at two points "
        "a distance apart: what turns a slope into that?",
        slip={"return distance * right, distance * wrong": "return right, wrong"},
    ),
    Mistake(
        lambda distance, lam: (
            distance * (1 + 1 / (2 * lam)),
            -distance * (1 - 1 / (2 * lam)),
        ),
        "You used the slopes for distance 1. With the points further apart the first term "
        "pulls harder: write the objective again with its distance and differentiate.",
        slip={
            "right = 1 + distance / (2 * lam)": "right = 1 + 1 / (2 * lam)",
            "(1 - distance / (2 * lam))": "(1 - 1 / (2 * lam))",
        },
    ),
    Mistake(
        lambda distance, lam: (
            distance * (1 + distance / lam),
            -distance * (1 - distance / lam),
        ),
        "A factor 2 is missing: the derivative of the square brings one down.",
        slip={
            "1 + distance / (2 * lam)": "1 + distance / lam",
            "(1 - distance / (2 * lam))": "(1 - distance / lam)",
        },
    ),
    Mistake(
        lambda distance, lam: (
            distance * (1 - distance / (2 * lam)),
            -distance * (1 + distance / (2 * lam)),
        ),
        "The correction has the wrong sign: the first term rewards steepness, so on the "
        "right branch the slope ends *above* 1.",
        slip={
            "    right = 1 + distance / (2 * lam)": "    right = 1 - distance / (2 * lam)",
            "-(1 - distance": "-(1 + distance",
        },
    ),
    Mistake(
        lambda distance, lam: (
            distance * (1 + distance / (2 * lam)),
            distance * (1 - distance / (2 * lam)),
        ),
        "On the wrong branch the critic slopes the other way: that estimate is negative.",
    ),
    Mistake(
        lambda distance, lam: _gp_estimates(distance, lam)[::-1],
        "These are the two estimates, in the other order: the right one comes first.",
    ),
    Mistake(
        lambda distance, lam: (distance, -distance),
        "That is the limit of an infinite λ. With a finite one the slope gives way a "
        "little: by how much?",
    ),
]

EXERCISE = Exercise(
    "5.2",
    "What λ costs",
    difficulty=1,
    minutes=8,
    reference=_gp_estimates,
    inputs=[(1.0, 10.0), (1.0, 2.0), (3.0, 10.0), (0.5, 0.5), (7.0, 4.0)],
    parts=("The right estimate", "The wrong one"),
    mistakes=MISTAKES,
)
