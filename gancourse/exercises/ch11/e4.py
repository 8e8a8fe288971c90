"""Exercise 11.4: The truncation curve."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from .. import Exercise, Mistake


def _curve(generator, z, psis, score):
    w = generator.mapping(z)
    center = w.mean(0)
    return [score(generator.synthesis(center + psi * (w - center))) for psi in psis]


def _curve_z(generator, z, psis, score):
    return [score(generator(psi * z)) for psi in psis]


def _curve_z_clamped(generator, z, psis, score):
    return [score(generator(z.clamp(-psi, psi))) for psi in psis]


def _curve_zero(generator, z, psis, score):
    w = generator.mapping(z)
    return [score(generator.synthesis(psi * w)) for psi in psis]


def _curve_inverted(generator, z, psis, score):
    w = generator.mapping(z)
    center = w.mean(0)
    return [score(generator.synthesis(w + psi * (center - w))) for psi in psis]


def _curve_axis(generator, z, psis, score):
    w = generator.mapping(z)
    center = w.mean(1, keepdim=True)
    return [score(generator.synthesis(center + psi * (w - center))) for psi in psis]


def _curve_scalar(generator, z, psis, score):
    w = generator.mapping(z)
    return [score(generator.synthesis(w.mean() + psi * (w - w.mean()))) for psi in psis]


def _curve_again(generator, z, psis, score):
    w, scores = generator.mapping(z), []
    center = w.mean(0)
    for psi in psis:
        w = center + psi * (w - center)
        scores.append(score(generator.synthesis(w)))
    return scores


def _curve_mean_z(generator, z, psis, score):
    w, center = generator.mapping(z), generator.mapping(z.mean(0, keepdim=True))
    return [score(generator.synthesis(center + psi * (w - center))) for psi in psis]


def _curve_images(generator, z, psis, score):
    images = generator(z)
    center = images.mean(0)
    return [score(center + psi * (images - center)) for psi in psis]


def _curve_other_latents(n):
    def curve(generator, z, psis, score):
        w = generator.mapping(z)
        center = generator.mapping(torch.randn(n, z.shape[1])).mean(0)
        return [score(generator.synthesis(center + psi * (w - center))) for psi in psis]

    return curve


def _curve_not_centered(generator, z, psis, score):
    w = generator.mapping(z)
    return [score(generator.synthesis(w.mean(0) + psi * w)) for psi in psis]


def _curve_fresh(generator, z, psis, score):
    return [_curve(generator, torch.randn_like(z), [psi], score)[0] for psi in psis]


def _curve_median(generator, z, psis, score):
    w = generator.mapping(z)
    center = w.median(0).values
    return [score(generator.synthesis(center + psi * (w - center))) for psi in psis]


def _curve_sorted(generator, z, psis, score):
    return _curve(generator, z, sorted(psis), score)


def _curve_average(generator, z, psis, score):
    return sum(_curve(generator, z, psis, score)) / len(psis)


def _curve_one_image_each(generator, z, psis, score):
    w = generator.mapping(z)
    center = w.mean(0)
    return [
        sum(score(generator.synthesis(center + psi * (row - center)[None])) for row in w) / len(w)
        for psi in psis
    ]


class _Drawer(nn.Module):
    """A tiny style-based generator whose average w is far from zero."""

    def __init__(self, nz: int, seed: int):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        self.into, self.out = torch.randn(nz, 6, generator=g), torch.randn(6, 16, generator=g)

    def mapping(self, z):
        z = z / z.square().mean(1, keepdim=True).clamp_min(1e-8).sqrt()
        return F.softplus(z @ self.into) + 0.5

    def synthesis(self, w):
        return torch.tanh(w @ self.out).reshape(len(w), 1, 4, 4)

    def forward(self, z):
        return self.synthesis(self.mapping(z))


def _spread(images):
    return float(images.flatten(1).std(0).mean())


def _power(images):
    return float(images.square().mean())


def _generators(g):
    return [
        (_Drawer(3, 1), torch.randn(9, 3, generator=g), [1.0, 0.7, 0.4, 0.0], _spread),
        (_Drawer(5, 2), torch.randn(6, 5, generator=g), [0.5, 1.0], _power),
    ]


MISTAKES = [
    Mistake(
        _curve_z,
        "You shrink z. The mapping network normalises z first, so this changes nothing: shrink w.",
    ),
    Mistake(
        _curve_z_clamped,
        "You clamp z, as BigGAN's trick redraws it. Here w is pulled towards its average.",
    ),
    Mistake(
        _curve_zero,
        "You pull w towards zero. Zero is no special w: pull towards the average w.",
        slip={"center + psi * (w - center)": "psi * w"},
    ),
    Mistake(
        _curve_inverted,
        "psi is inverted: psi = 1 must leave w alone, psi = 0 give the average.",
        slip={"center + psi * (w - center)": "w + psi * (center - w)"},
    ),
    Mistake(
        _curve_axis,
        "You average each w over its own entries. The average w is taken over samples.",
        slip={"center = w.mean(0)": "center = w.mean(1, keepdim=True)"},
    ),
    Mistake(
        _curve_scalar,
        "You average over everything, which leaves one number. The average w is a vector: "
        "average over samples only.",
    ),
    Mistake(
        _curve_again,
        "You overwrite w in the loop, so each psi truncates what the one before has already "
        "truncated. Start from the same w each time.",
    ),
    Mistake(
        _curve_mean_z,
        "You map the average z. The mapping is not linear, so that is not the average w: "
        "average after mapping.",
        slip={"center = w.mean(0)": "center = generator.mapping(z.mean(0, keepdim=True))"},
    ),
    Mistake(
        _curve_images,
        "You blend images with the average image, which gives ghosts. Truncate w, then draw.",
    ),
    *(
        Mistake(
            _curve_other_latents(n),
            "Your average w is that of other latents, as StyleGAN keeps one over its "
            "training. Here it is the average over the given `z`.",
        )
        for n in (1000, 4096, 10_000)
    ),
    Mistake(
        _curve_not_centered,
        "You add the average w to `psi` times w: at psi = 1 that is not w. Pull the "
        "*difference* from the average together.",
    ),
    Mistake(
        _curve_fresh,
        "You draw new latents for each psi. Use the given `z` for all of them, so that the "
        "curve shows psi and not the draws.",
    ),
    Mistake(_curve_median, "Your center is the median. Pull towards the *average* w."),
    Mistake(
        _curve_sorted,
        "The scores come in another order than `psis`: don't sort.",
    ),
    Mistake(
        _curve_average,
        "This is one number, the average of the scores. Return one score for each psi.",
    ),
    Mistake(
        _curve_one_image_each,
        "You score the images one at a time and average. A score such as recall is that of a "
        "whole set: pass all images of one psi at once.",
    ),
]

EXERCISE = Exercise(
    "11.4",
    "The truncation curve",
    difficulty=2,
    minutes=12,
    reference=_curve,
    inputs=_generators,
    mistakes=MISTAKES,
)
