"""Exercise 18.4: Which way a sample drifts."""

import math

import torch

from .. import Exercise, Mistake


def _weights(x, y, tau, dim=1, own=True, square=False):
    """Rows of weights over y; a sample may count as its own neighbour, or not."""
    far = torch.cdist(x, y)
    far = far.square() if square else far
    return torch.softmax(-(far if own else far.fill_diagonal_(math.inf)) / tau, dim)


def _kernels(x, data, tau):
    """Of the data and of the other samples, as they stand."""
    others = torch.cdist(x, x).fill_diagonal_(math.inf)
    return torch.exp(-torch.cdist(x, data) / tau), torch.exp(-others / tau)


def _exponents(x, data, tau):
    """Of data and other samples side by side, (N, M + N)."""
    far = torch.cat([torch.cdist(x, data), torch.cdist(x, x).fill_diagonal_(math.inf)], 1)
    return -far / tau


def _force(weights, y, x):
    """The weighted sum of the differences y - x."""
    return weights @ y - weights.sum(1, keepdim=True) * x


def _drift(x, data, tau):
    near = torch.cdist(x, data)
    others = torch.cdist(x, x).fill_diagonal_(math.inf)
    pull = torch.softmax(-near / tau, dim=1)
    push = torch.softmax(-others / tau, dim=1)
    return pull @ data - push @ x


def _drift_with_itself(x, data, tau):
    return _weights(x, data, tau) @ data - _weights(x, x, tau) @ x


def _drift_turned(x, data, tau):
    return -_drift(x, data, tau)


def _drift_turned_with_itself(x, data, tau):
    return -_drift_with_itself(x, data, tau)


def _drift_pull_only(x, data, tau):
    return _weights(x, data, tau) @ data - x


def _drift_push_only(x, data, tau):
    return x - _weights(x, x, tau, own=False) @ x


def _drift_both_pull(x, data, tau):
    return _weights(x, data, tau) @ data + _weights(x, x, tau, own=False) @ x - 2 * x


def _drift_forgets_place(x, data, tau):
    return _weights(x, data, tau) @ data - x - _weights(x, x, tau, own=False) @ x


def _drift_sum(x, data, tau):
    return _weights(x, data, tau) @ data + _weights(x, x, tau, own=False) @ x


def _drift_goal(x, data, tau):
    return x + _drift(x, data, tau)


def _drift_gaussian(x, data, tau):
    push = _weights(x, x, tau, own=False, square=True)
    return _weights(x, data, tau, square=True) @ data - push @ x


def _drift_gaussian_sigma(x, data, tau):
    push = _weights(x, x, 2 * tau**2, own=False, square=True)
    return _weights(x, data, 2 * tau**2, square=True) @ data - push @ x


def _drift_columns(x, data, tau):
    return _weights(x, data, tau, 0) @ data - _weights(x, x, tau, 0, own=False) @ x


def _drift_pull_columns(x, data, tau):
    return _weights(x, data, tau, 0) @ data - _weights(x, x, tau, own=False) @ x


def _drift_push_columns(x, data, tau):
    return _weights(x, data, tau) @ data - _weights(x, x, tau, 0, own=False) @ x


def _drift_raw_kernel(x, data, tau):
    pull, push = _kernels(x, data, tau)
    return _force(pull, data, x) - _force(push, x, x)


def _drift_mean_kernel(x, data, tau):
    pull, push = _kernels(x, data, tau)
    return _force(pull, data, x) / len(data) - _force(push, x, x) / len(x)


def _drift_no_normalising(x, data, tau):
    pull, push = _kernels(x, data, tau)
    return pull @ data - push @ x


def _drift_together(x, data, tau):
    pull, push = torch.softmax(_exponents(x, data, tau), 1).split([len(data), len(x)], 1)
    return _force(pull, data, x) - _force(push, x, x)


def _drift_together_forgets(x, data, tau):
    pull, push = torch.softmax(_exponents(x, data, tau), 1).split([len(data), len(x)], 1)
    return pull @ data - push @ x


def _drift_algorithm_2(x, data, tau):
    exponents = _exponents(x, data, tau)
    both = (torch.softmax(exponents, 1) * torch.softmax(exponents, 0)).sqrt()
    pull, push = both.split([len(data), len(x)], 1)
    return (pull * push.sum(1, keepdim=True)) @ data - (push * pull.sum(1, keepdim=True)) @ x


def _drift_times(x, data, tau):
    return _drift(x, data, 1 / tau)


def _drift_no_tau(x, data, tau):
    return _drift(x, data, 1.0)


def _drift_farthest(x, data, tau):
    pull = torch.softmax(torch.cdist(x, data) / tau, 1)
    push = torch.softmax(torch.cdist(x, x).fill_diagonal_(-math.inf) / tau, 1)
    return pull @ data - push @ x


def _drift_quotient(x, data, tau):
    pull, push = _kernels(x, data, tau)
    return pull @ data / pull.sum(1, keepdim=True) - push @ x / push.sum(1, keepdim=True)


def _drift_masked_late(x, data, tau):
    return _weights(x, data, tau) @ data - _weights(x, x, tau).fill_diagonal_(0) @ x


def _drift_nearest(x, data, tau):
    others = torch.cdist(x, x).fill_diagonal_(math.inf)
    return data[torch.cdist(x, data).argmin(1)] - x[others.argmin(1)]


def _drift_even(x, data, tau):
    return (data.mean(0) - x.mean(0)).expand(len(x), -1)


def _drift_inputs(g):
    cases = [
        (torch.randn(n, d, generator=g), torch.randn(m, d, generator=g) + 1, tau)
        for n, m, d, tau in ((5, 7, 2, 0.5), (4, 4, 3, 2.0), (6, 3, 2, 1.0))
    ]
    far = torch.randn(4, 2, generator=g) * 30  # all kernels underflow: only ratios count
    cases.append((far, far.flip(0) + 200, 0.25))
    return cases


MISTAKES = [
    Mistake(
        _drift_with_itself,
        "A generated sample counts as its own neighbour, the nearest of all: most of the weight "
        "goes to it, and it hardly feels the others. Only the *other* generated samples push.",
        slip={".fill_diagonal_(math.inf)": ""},
    ),
    Mistake(
        _drift_turned,
        "Your samples drift away from the data and towards one another. Data attract, generated "
        "samples repel.",
        slip={"pull @ data - push @ x": "push @ x - pull @ data"},
    ),
    Mistake(
        _drift_turned_with_itself,
        "Two things: the field points the wrong way (data attract, generated samples repel), and "
        "each sample counts as a neighbour of its own.",
        slip={
            ".fill_diagonal_(math.inf)": "",
            "pull @ data - push @ x": "push @ x - pull @ data",
        },
    ),
    Mistake(
        _drift_pull_only,
        "This is the attraction alone. Without the repulsion the samples run together at the "
        "nearest heaps of data, and stay there.",
    ),
    Mistake(
        _drift_push_only,
        "This is the repulsion alone. What do the data do?",
    ),
    Mistake(
        _drift_both_pull,
        "Your generated samples attract one another, as the data do: they would collapse to a "
        "point. They must repel.",
    ),
    Mistake(
        _drift_forgets_place,
        "Only one of your two forces is measured from where the sample is. Each is an average of "
        "*differences*, neighbour minus sample.",
    ),
    Mistake(
        _drift_sum,
        "You add the two averages. The field is the attraction *minus* the pull that the generated "
        "samples would exert.",
    ),
    Mistake(
        _drift_goal,
        "You return where the samples drift *to*. Asked for is the field, by how much they move.",
    ),
    Mistake(
        _drift_gaussian,
        "You use squared distances. This kernel falls with the distance itself: it has longer "
        "arms than a Gaussian.",
    ),
    Mistake(
        _drift_gaussian_sigma,
        "This is a Gaussian kernel of standard deviation `tau`. Asked for is the one that falls "
        "with the distance itself.",
    ),
    Mistake(
        _drift_columns,
        "Your weights add up to 1 over the generated samples, so that each neighbour spreads itself "
        "among them. For each generated sample they must add up to 1 over its *neighbours*.",
    ),
    Mistake(
        _drift_pull_columns,
        "In the attraction your weights add up to 1 over the generated samples. For each of them "
        "they must add up to 1 over the data.",
    ),
    Mistake(
        _drift_push_columns,
        "In the repulsion your weights add up to 1 over the samples that are pushed. For each of "
        "them they must add up to 1 over those that push.",
    ),
    *(
        Mistake(
            wrong,
            "Your forces aren't normalised: far from all data the kernel is nearly zero, and so is "
            "your field. Divide each force by the sum of its kernel values.",
        )
        for wrong in (_drift_raw_kernel, _drift_mean_kernel, _drift_no_normalising)
    ),
    *(
        Mistake(
            wrong,
            "You normalise over data and generated samples together: who has near neighbours of "
            "one kind feels little of the other. Each force has a sum of its own.",
        )
        for wrong in (_drift_together, _drift_together_forgets)
    ),
    Mistake(
        _drift_algorithm_2,
        "This is the paper's own program, which normalises over the generated samples as well. "
        "Here the plain formula is asked for.",
    ),
    Mistake(
        _drift_times,
        "You multiply by `tau`. A *small* temperature must make the kernel narrow.",
    ),
    Mistake(
        _drift_no_tau,
        "`tau` has no effect in your field. It says how far the kernel reaches.",
    ),
    Mistake(
        _drift_farthest,
        "Your farthest neighbours count most: the exponent lacks its minus sign.",
    ),
    Mistake(
        _drift_masked_late,
        "You take the sample itself out after normalising: the weights of the others no longer "
        "add up to 1. Leave it out before.",
    ),
    Mistake(
        _drift_quotient,
        "Right where neighbours are near. Where all are far, each kernel value is too small for a "
        "float and your quotient is 0 / 0, NaN. A softmax of the exponents keeps the ratios.",
    ),
    Mistake(
        _drift_nearest,
        "Only the nearest neighbour counts with you, as if the temperature were 0. Weigh all of "
        "them by the kernel.",
    ),
    Mistake(
        _drift_even,
        "All your samples drift alike, from one mean to the other. Each has its own neighbours: "
        "weigh them by the kernel.",
    ),
]

EXERCISE = Exercise(
    "18.4",
    "Which way a sample drifts",
    difficulty=3,
    minutes=15,
    reference=_drift,
    inputs=_drift_inputs,
    atol=1e-4,
    mistakes=MISTAKES,
)
