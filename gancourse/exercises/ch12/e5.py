"""Exercise 12.5: A private gradient."""

import torch

from .. import Exercise, Mistake


def _clipped(gradients, clip):
    norms = gradients.norm(dim=1, keepdim=True)
    return gradients * (clip / norms).clamp(max=1)


def _private(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * clip * noise) / batch


def _private_mean_first(gradients, clip, sigma, noise, batch):
    mean = gradients.sum(0) / batch
    return mean * min(1.0, clip / float(mean.norm())) + sigma * clip * noise / batch


def _private_sum_first(gradients, clip, sigma, noise, batch):
    total = gradients.sum(0)
    return (total * min(1.0, clip / float(total.norm())) + sigma * clip * noise) / batch


def _private_normalised(gradients, clip, sigma, noise, batch):
    unit = torch.nn.functional.normalize(gradients, dim=1)
    return (clip * unit.sum(0) + sigma * clip * noise) / batch


def _private_coordinates(gradients, clip, sigma, noise, batch):
    return (gradients.clamp(-clip, clip).sum(0) + sigma * clip * noise) / batch


def _private_no_clip_in_noise(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * noise) / batch


def _private_noise_late(gradients, clip, sigma, noise, batch):
    return _clipped(gradients, clip).sum(0) / batch + sigma * clip * noise


def _private_by_count(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * clip * noise) / len(gradients)


def _private_unclipped(gradients, clip, sigma, noise, batch):
    return (gradients.sum(0) + sigma * clip * noise) / batch


def _private_noise_each(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip) + sigma * clip * noise).sum(0) / batch


def _private_sum(gradients, clip, sigma, noise, batch):
    return _clipped(gradients, clip).sum(0) + sigma * clip * noise


def _private_noise_squared(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma**2 * clip * noise) / batch


def _private_noise_root(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * clip * noise / batch**0.5) / batch


def _private_noise_divided(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma / clip * noise) / batch


def _private_noise_minus(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) - sigma * clip * noise) / batch


def _private_noise_own(gradients, clip, sigma, noise, batch):
    return (_clipped(gradients, clip).sum(0) + sigma * clip * torch.randn_like(noise)) / batch


def _private_no_noise(gradients, clip, sigma, noise, batch):
    return _clipped(gradients, clip).sum(0) / batch


def _private_two_counts(gradients, clip, sigma, noise, batch):
    return _clipped(gradients, clip).mean(0) + sigma * clip * noise / batch


def _private_columns(gradients, clip, sigma, noise, batch):
    clipped = gradients * (clip / gradients.norm(dim=0, keepdim=True)).clamp(max=1)
    return (clipped.sum(0) + sigma * clip * noise) / batch


def _private_one_norm(gradients, clip, sigma, noise, batch):
    clipped = gradients * (clip / gradients.abs().sum(1, keepdim=True)).clamp(max=1)
    return (clipped.sum(0) + sigma * clip * noise) / batch


def _private_squared_norm(gradients, clip, sigma, noise, batch):
    clipped = gradients * (clip / gradients.square().sum(1, keepdim=True)).clamp(max=1)
    return (clipped.sum(0) + sigma * clip * noise) / batch


def _private_dropped(gradients, clip, sigma, noise, batch):
    kept = gradients[gradients.norm(dim=1) <= clip]
    return (kept.sum(0) + sigma * clip * noise) / batch


def _private_blown_up(gradients, clip, sigma, noise, batch):
    clipped = gradients * (clip / gradients.norm(dim=1, keepdim=True)).clamp(min=1)
    return (clipped.sum(0) + sigma * clip * noise) / batch


def _private_inputs(g):
    cases = []
    for n, d, clip, sigma, batch in ((5, 3, 1.0, 0.7, 4), (7, 4, 0.5, 2.0, 8), (3, 6, 2.0, 1.0, 6)):
        gradients = torch.randn(n, d, generator=g)
        gradients[0] *= 0.05  # one that needs no clipping, and one far too long
        gradients[1] *= 6
        cases.append((gradients, clip, sigma, torch.randn(d, generator=g), batch))
    return cases


MISTAKES = [
    Mistake(
        _private_mean_first,
        "You clip the average. The gradient of one picture can then still make up all of it. "
        "Clip every row by itself, before anything is added up.",
    ),
    Mistake(
        _private_sum_first,
        "You clip the sum. The gradient of one picture can then still make up all of it. "
        "Clip every row by itself, before anything is added up.",
    ),
    Mistake(
        _private_normalised,
        "Every row is scaled to the length `clip`, short ones are blown up. Clipping "
        "leaves rows alone that are short enough.",
        slip={".clamp(max=1)": ""},
    ),
    Mistake(
        _private_coordinates,
        "You clip coordinate by coordinate: a row can still be longer than `clip`. The "
        "bound is for the norm of the whole row.",
    ),
    Mistake(
        _private_no_clip_in_noise,
        "The noise must be in proportion to what one picture can change: its standard "
        "deviation is `sigma * clip`.",
        slip={"sigma * clip * noise": "sigma * noise"},
    ),
    Mistake(
        _private_noise_late,
        "The noise belongs to the *sum*, before the division by `batch`; added to the "
        "average it is `batch` times too large.",
        slip={
            "(clipped.sum(0) + sigma": "clipped.sum(0) / batch + sigma",
            "noise) / batch": "noise",
        },
    ),
    Mistake(
        _private_unclipped,
        "Nothing is clipped: one picture with a long gradient can change the sum by more "
        "than the noise hides.",
    ),
    Mistake(
        _private_noise_each,
        "The noise is added once to every row, so the sum holds it several times. Add it "
        "once, to the sum.",
    ),
    Mistake(
        _private_sum,
        "This is the noisy sum. Divide it by `batch`.",
    ),
    Mistake(
        _private_by_count,
        "You divide by the number of rows that happened to be drawn, which depends on "
        "who is in the data. Divide by the fixed `batch`.",
        slip={"/ batch": "/ len(gradients)"},
    ),
    Mistake(
        _private_two_counts,
        "Noise and gradients are divided by different numbers: the rows that happened to be "
        "drawn depend on who is in the data. Divide both by the fixed `batch`.",
    ),
    Mistake(
        _private_noise_squared,
        "You scale the noise by `sigma` squared, a variance. The noise is a draw with standard "
        "deviation 1: scale it by the standard deviation, `sigma * clip`.",
    ),
    Mistake(
        _private_noise_root,
        "You divide the noise by the root of `batch` as well, as for an average of independent "
        "draws. There is one draw, for the sum.",
    ),
    Mistake(
        _private_noise_divided,
        "You divide `sigma` by `clip`. What one picture can change grows with `clip`, and the "
        "noise with it.",
    ),
    Mistake(
        _private_noise_minus,
        "You subtract the noise. As protection that is as good; the sum here is with a plus.",
    ),
    Mistake(
        _private_noise_own,
        "You draw noise of your own. Use the draw that is given.",
    ),
    Mistake(
        _private_no_noise,
        "The rows are clipped, and no noise is added: clipping alone promises nothing.",
    ),
    Mistake(
        _private_columns,
        "You take the norm of each *column*, over the pictures. The bound is for one picture: "
        "the norm of each row.",
    ),
    Mistake(
        _private_one_norm,
        "You bound the sum of absolute values. Gaussian noise is measured against the Euclidean norm.",
    ),
    Mistake(
        _private_squared_norm,
        "You divide by the *squared* norm. Divide by the norm itself.",
    ),
    Mistake(
        _private_dropped,
        "You drop the rows that are too long. Scale them down to `clip`: their direction is wanted.",
    ),
    Mistake(
        _private_blown_up,
        "The clipping is turned round: short rows are made longer and long ones stay. Only "
        "rows longer than `clip` are to be scaled.",
    ),
]

EXERCISE = Exercise(
    "12.5",
    "A private gradient",
    difficulty=2,
    minutes=12,
    reference=_private,
    inputs=_private_inputs,
    mistakes=MISTAKES,
)
