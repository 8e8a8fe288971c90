"""Exercise 11.1: Fade in."""

import torch
from torch.nn import functional as F

from .. import Exercise, Mistake


def _double(x, mode="nearest"):
    return F.interpolate(x, scale_factor=2, mode=mode)


def _fade_in(old, new, alpha):
    return (1 - alpha) * _double(old) + alpha * new


def _fade_swapped(old, new, alpha):
    return alpha * _double(old) + (1 - alpha) * new


def _fade_bilinear(old, new, alpha):
    return (1 - alpha) * _double(old, "bilinear") + alpha * new


def _fade_tiled(old, new, alpha):
    return (1 - alpha) * old.repeat(1, 1, 2, 2) + alpha * new


def _fade_reshaped(old, new, alpha):
    n, c, h, w = new.shape
    return (1 - alpha) * old.repeat(1, 4, 1, 1).reshape(n, c, h, w) + alpha * new


def _fade_shrunk(old, new, alpha):
    return (1 - alpha) * old + alpha * F.avg_pool2d(new, 2)


def _fade_added(old, new, alpha):
    return _double(old) + alpha * new


def _fade_crossfade(old, new, alpha):
    return (1 - alpha) ** 0.5 * _double(old) + alpha**0.5 * new


def _fade_logits(old, new, alpha):
    def logit(x):
        return torch.atanh(x.clamp(-0.9999, 0.9999))

    return torch.tanh((1 - alpha) * logit(_double(old)) + alpha * logit(new))


def _fade_switched(old, new, alpha):
    return new if alpha >= 0.5 else _double(old)


def _fade_shuffled(old, new, alpha):
    return (1 - alpha) * F.pixel_shuffle(old.repeat(1, 4, 1, 1), 2) + alpha * new


def _fade_bicubic(old, new, alpha):
    return (1 - alpha) * _double(old, "bicubic") + alpha * new


def _fade_transposed(old, new, alpha):
    return (1 - alpha) * _double(old).transpose(2, 3) + alpha * new


def _fade_old_alpha_only(old, new, alpha):
    return (1 - alpha) * _double(old) + new


def _fade_clamped(old, new, alpha):
    return _fade_added(old, new, alpha).clamp(-1, 1)


def _fade_smooth(old, new, alpha):
    return _fade_in(old, new, alpha**2 * (3 - 2 * alpha))


def _fade_squared(old, new, alpha):
    return _fade_in(old, new, alpha**2)


def _images(g):
    def pair(n, c, s):
        return (
            torch.rand(n, c, s, s, generator=g) * 2 - 1,
            torch.rand(n, c, 2 * s, 2 * s, generator=g) * 2 - 1,
        )

    return [
        (*pair(2, 1, 4), 0.0),
        (*pair(3, 3, 4), 0.3),
        (*pair(1, 1, 8), 1.0),
        (*pair(2, 2, 2), 0.7),
    ]


MISTAKES = [
    Mistake(
        _fade_swapped,
        "The two are swapped: at alpha = 0 the new layers must be invisible, at alpha = 1 "
        "they stand alone.",
        slip={"(1 - alpha) * doubled + alpha * new": "alpha * doubled + (1 - alpha) * new"},
    ),
    Mistake(
        _fade_bilinear,
        "You enlarge the old image bilinearly, which blurs it. Here each old pixel becomes "
        "four equal ones (nearest).",
        slip={'mode="nearest"': 'mode="bilinear"'},
    ),
    Mistake(
        _fade_tiled,
        "`repeat` lays four copies of the old image side by side. Each *pixel* is to become four.",
        slip={'F.interpolate(old, scale_factor=2, mode="nearest")': "old.repeat(1, 1, 2, 2)"},
    ),
    Mistake(
        _fade_reshaped,
        "The shape is right, but the reshape scrambles the rows of the old image. Enlarge "
        "it along height and width.",
    ),
    Mistake(
        _fade_shrunk,
        "You shrink the new image. Then the discriminator would never see the new detail: "
        "enlarge the old one.",
    ),
    Mistake(
        _fade_added,
        "You add the new image to the old one at full strength. The two weights must sum "
        "to 1, or the image leaves [-1, 1].",
    ),
    Mistake(
        _fade_crossfade,
        "The square roots keep the *power* of two unrelated sounds. Two pictures of the "
        "same thing need weights that sum to 1.",
    ),
    Mistake(
        _fade_logits,
        "You blend before the tanh. Then half a black pixel and half a white one are not "
        "grey in proportion: blend the images themselves.",
    ),
    Mistake(
        _fade_switched,
        "This jumps from the old to the new at one half: the shock that fading in is meant to avoid.",
    ),
    Mistake(
        _fade_shuffled,
        "`pixel_shuffle` makes the four pixels of a square from four *neighbouring* channels, "
        "and `repeat` puts the copies of all channels behind one another: with three colors "
        "they mix. Repeat each channel four times in place, or enlarge without shuffling.",
    ),
    Mistake(
        _fade_bicubic,
        "You enlarge the old image bicubically, which blurs it and can leave [-1, 1]. Here "
        "each old pixel becomes four equal ones (nearest).",
    ),
    Mistake(
        _fade_transposed,
        "Height and width of the old image have changed places.",
    ),
    Mistake(
        _fade_old_alpha_only,
        "Only the old image is faded; the new one comes in at full strength from the start. "
        "Weigh it with `alpha`.",
        slip={"(1 - alpha) * doubled + alpha": "(1 - alpha) * doubled + 1"},
    ),
    Mistake(
        _fade_clamped,
        "You add the new image to the old one at full strength, and cut off what leaves "
        "[-1, 1]. The two weights must sum to 1; then nothing has to be cut.",
    ),
    Mistake(
        _fade_smooth,
        "You bend `alpha` into a smooth curve. The schedule is the caller's: use `alpha` as it comes.",
    ),
    Mistake(
        _fade_squared,
        "You square `alpha`. The schedule is the caller's: use `alpha` as it comes.",
    ),
]

EXERCISE = Exercise(
    "11.1",
    "Fade in",
    difficulty=1,
    minutes=8,
    reference=_fade_in,
    inputs=_images,
    mistakes=MISTAKES,
)
