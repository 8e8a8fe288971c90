"""Exercise 7.3: The distance at infinity."""

import numpy as np
import torch

from .. import Exercise, Mistake


def _line(feature):
    def fit(sizes, fids):
        return float(np.polyfit(feature(np.asarray(sizes, float)), np.asarray(fids), 1)[1])

    return fit


def _slope(sizes, fids):
    return float(np.polyfit(1 / np.asarray(sizes), np.asarray(fids), 1)[0])


def _ends(sizes, fids):
    u, v = 1 / sizes[0], 1 / sizes[-1]
    return float((fids[-1] * u - fids[0] * v) / (u - v))


def _line_inputs(g):
    cases = []
    for sizes, value, slope in (
        ([100, 200, 500, 1000], 3.0, 460.0),
        ([300, 150, 400, 250, 350], 0.0, 2200.0),  # in no order, and with nothing left at infinity
        ([500, 1000, 2000, 4000, 8000], 12.5, 900.0),
    ):
        n = torch.tensor(sizes, dtype=torch.float64)
        noise = 0.05 * slope / n * torch.randn(len(n), generator=g, dtype=torch.float64)
        cases.append((n.tolist(), (value + slope / n + noise).tolist()))
    cases.append(([800.0, 900.0, 1000.0], [3.1, 2.9, 2.95]))  # the smallest is not the last
    return cases


MISTAKES = [
    Mistake(
        _line(lambda n: n),
        "You fit a line against n and read it at n = 0: no samples at all. Plot the distances "
        "against another function of n, in which infinitely many samples are a place on the axis.",
        slip={"1 / np": "np"},
    ),
    Mistake(
        _slope,
        "This is the slope: how much bias there is. The value at infinity is the other number of "
        "the fit.",
        slip={"slope, value": "value, slope"},
    ),
    Mistake(
        _line(lambda n: 1 / np.sqrt(n)),
        "You fit against the inverse *root* of n. That is how fast the noise falls; the bias falls "
        "like 1/n.",
        slip={"1 / np.asarray(sizes)": "1 / np.sqrt(np.asarray(sizes))"},
    ),
    Mistake(
        _line(np.log),
        "You fit against log n, which has no place for infinity: your value is the one at n = 1.",
    ),
    Mistake(
        lambda sizes, fids: float(fids[int(np.argmax(sizes))]),
        "This is the distance at the largest n. It still holds the bias of that n.",
    ),
    Mistake(
        lambda sizes, fids: float(min(fids)),
        "The smallest of the distances is not the limit: it still holds bias, and by choosing the "
        "smallest you add luck.",
    ),
    Mistake(
        lambda sizes, fids: _line(lambda n: 1 / n)(sorted(sizes), fids),
        "You sort the sizes and leave the distances as they came, so they no longer belong "
        "together. A fit needs no order.",
    ),
    Mistake(
        lambda sizes, fids: float(np.polyfit(1 / np.asarray(sizes), fids, 2)[-1]),
        "You fit a parabola. With a few noisy points its value at the edge is mostly noise; the "
        "bias is a straight line in 1/n.",
    ),
    Mistake(
        lambda sizes, fids: float(np.polyfit(1 / np.asarray(sizes), fids, 1) @ [1 / max(sizes), 1]),
        "This is the fitted line at the largest n. At infinity 1/n is 0.",
        slip={"float(value)": "float(value + slope / max(sizes))"},
    ),
    Mistake(
        lambda sizes, fids: float(
            np.polyfit(1 / np.asarray(sizes), fids, 1, w=np.sqrt(np.asarray(sizes)))[1]
        ),
        "You weigh the points by their size. That is defensible; asked is the plain least-squares "
        "line through all points.",
    ),
    Mistake(
        _ends,
        "You draw the line through the first and the last point only. Each point is noisy: fit "
        "all of them.",
    ),
    Mistake(
        lambda sizes, fids: float(np.mean(fids)),
        "The mean of the distances is a distance at some middle n. Extrapolate to 1/n = 0.",
    ),
]

EXERCISE = Exercise(
    "7.3",
    "The distance at infinity",
    difficulty=1,
    minutes=8,
    reference=_line(lambda n: 1 / n),
    inputs=_line_inputs,
    mistakes=MISTAKES,
    atol=1e-4,
)
