"""Exercises of chapter 11, Bigger and better."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from . import Exercise, Mistake

# --- 11.1 fading in -------------------------------------------------------------------------------


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


def _images(g):
    def pair(n, c, s):
        return (
            torch.rand(n, c, s, s, generator=g) * 2 - 1,
            torch.rand(n, c, 2 * s, 2 * s, generator=g) * 2 - 1,
        )

    return [(*pair(2, 1, 4), 0.0), (*pair(3, 3, 4), 0.3), (*pair(1, 1, 8), 1.0)]


# --- 11.2 demodulation ----------------------------------------------------------------------------


def _norm(w, axes, eps):
    return (w.square().sum(axes, keepdim=True) + eps).sqrt()


def _styled(weight, s):
    return weight[None] * s[:, None, :, None, None]


def _modulate(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (2, 3, 4), eps)


def _modulate_only(weight, s, eps=1e-8):
    return _styled(weight, s)


def _modulate_outputs_axis(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (1, 3, 4), eps)


def _modulate_layer(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (1, 2, 3, 4), eps)


def _modulate_kernel(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (3, 4), eps)


def _modulate_channels(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / _norm(w, (2,), eps)


def _modulate_before(weight, s, eps=1e-8):
    return _styled(weight / _norm(weight, (1, 2, 3), eps), s)


def _modulate_no_style(weight, s, eps=1e-8):
    w = weight / _norm(weight, (1, 2, 3), eps)
    return w[None].expand(len(s), *w.shape)


def _modulate_squared(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.square().sum((2, 3, 4), keepdim=True) + eps)


def _modulate_std(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.var((2, 3, 4), keepdim=True, unbiased=False) + eps).sqrt()


def _modulate_mean_square(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.square().mean((2, 3, 4), keepdim=True) + eps).sqrt()


def _modulate_eps(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.square().sum((2, 3, 4), keepdim=True).sqrt() + eps)


def _modulate_outputs(weight, s, eps=1e-8):
    w = weight[None] * s[:, :, None, None, None]
    return w / _norm(w, (2, 3, 4), eps)


def _modulate_shared(weight, s, eps=1e-8):
    return _modulate(weight, s.mean(0, keepdim=True).expand_as(s), eps)


def _weights(g):
    def case(k, c, size, n):
        return torch.randn(k, c, size, size, generator=g), torch.randn(n, c, generator=g)

    square, tall = case(4, 4, 3, 2), case(5, 3, 1, 3)
    silent = (torch.randn(2, 3, 3, 3, generator=g), torch.zeros(1, 3))
    return [square, tall, (*case(3, 6, 3, 2), 2.0), silent]


# --- 11.3 the great circle ------------------------------------------------------------------------


def _mix(a, b, t, angle):
    sine = torch.sin(angle)
    small = sine.abs() < 1e-5
    safe = torch.where(small, torch.ones_like(sine), sine)
    arc = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / safe
    return torch.where(small, (1 - t) * a + t * b, arc)


def _angle(a, b):
    return F.cosine_similarity(a, b, dim=1)[:, None].clamp(-1, 1).acos()


def _slerp(a, b, t):
    return _mix(a, b, t, _angle(a, b))


def _lerp(a, b, t):
    return (1 - t) * a + t * b


def _slerp_unnormalised(a, b, t):
    return _mix(a, b, t, (a * b).sum(1, keepdim=True).clamp(-1, 1).acos())


def _slerp_degrees(a, b, t):
    return _mix(a, b, t, torch.rad2deg(_angle(a, b)))


def _slerp_swapped(a, b, t):
    return _slerp(b, a, t)


def _slerp_one_angle(a, b, t):
    cosine = (a * b).sum() / (a.norm() * b.norm())
    return _mix(a, b, t, cosine.clamp(-1, 1).acos().expand(len(a), 1))


def _slerp_columns(a, b, t):
    cosine = F.cosine_similarity(a, b, dim=0)[None]
    return _mix(a, b, t, cosine.clamp(-1, 1).acos())


def _nlerp(a, b, t):
    x = F.normalize((1 - t) * F.normalize(a, dim=1) + t * F.normalize(b, dim=1), dim=1)
    length = (1 - t) * a.norm(dim=1, keepdim=True) + t * b.norm(dim=1, keepdim=True)
    return x * length


def _slerp_undivided(a, b, t):
    angle = _angle(a, b)
    return torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b


def _slerp_unit(a, b, t):
    return _slerp(F.normalize(a, dim=1), F.normalize(b, dim=1), t)


def _slerp_nan(a, b, t):
    angle = _angle(a, b)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def _pairs(g):
    a, b = torch.randn(2, 5, 16, generator=g)
    c, d = torch.randn(2, 3, 4, generator=g)
    same = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    return [
        (a, b, 0.5),
        (c, d, torch.tensor([[0.1], [0.4], [0.9]])),
        (0.01 * c, 0.02 * d, 0.25),
        (same, torch.tensor([[2.0, 0.0], [1.0, 0.0]]), 0.25),
    ]


# --- 11.4 truncation curve ------------------------------------------------------------------------


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


# --- 11.5 the bill --------------------------------------------------------------------------------


def _gpu_hours(kimg, seconds_per_kimg, gpus):
    return kimg * seconds_per_kimg * gpus / 3600


EXERCISES = [
    Exercise(
        "11.1",
        "Fade in",
        difficulty=1,
        minutes=8,
        reference=_fade_in,
        inputs=_images,
        mistakes=[
            Mistake(
                _fade_swapped,
                "The two are swapped: at alpha = 0 the new layers must be invisible, at alpha = 1 "
                "they stand alone.",
            ),
            Mistake(
                _fade_bilinear,
                "You enlarge the old image bilinearly, which blurs it. Here each old pixel becomes "
                "four equal ones (nearest).",
            ),
            Mistake(
                _fade_tiled,
                "`repeat` lays four copies of the old image side by side. Each *pixel* is to become "
                "four.",
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
                "This jumps from the old to the new at one half: the shock that fading in is meant "
                "to avoid.",
            ),
        ],
    ),
    Exercise(
        "11.2",
        "Demodulation",
        difficulty=2,
        minutes=15,
        reference=_modulate,
        inputs=_weights,
        mistakes=[
            Mistake(
                _modulate_only,
                "The style is in, the demodulation is missing: a style of 50 would make the outputs "
                "50 times as large.",
            ),
            Mistake(
                _modulate_outputs_axis,
                "You take the norm over the *output* channels, for each input channel. An output is "
                "a sum over inputs and kernel positions: take the norm over those.",
            ),
            Mistake(
                _modulate_layer,
                "One norm for the whole layer: the outputs have unit variance on average, not each. "
                "Take a norm for each output channel.",
            ),
            Mistake(
                _modulate_kernel,
                "You take a norm for each pair of input and output channel. That divides the style "
                "out again: the input channels belong into the sum.",
            ),
            Mistake(
                _modulate_channels,
                "You take a norm for each position in the kernel. All of its positions feed one "
                "output: sum over them too.",
            ),
            Mistake(
                _modulate_before,
                "You normalise the weights before the style comes in. It is the *styled* weights "
                "whose norm must be 1.",
            ),
            Mistake(
                _modulate_no_style,
                "The style is missing: all samples get the same weights.",
            ),
            Mistake(
                _modulate_squared,
                "You divide by the squared norm. Then a style twice as large makes the outputs half "
                "as large: take the root.",
            ),
            Mistake(
                _modulate_std,
                "You divide by the standard deviation, which takes off the mean and divides by the "
                "number of weights. What carries variance is the sum of squares.",
            ),
            Mistake(
                _modulate_mean_square,
                "You divide by the root of the *mean* square. The variance of a sum is the sum of "
                "the squared weights, whatever their number.",
            ),
            Mistake(
                _modulate_eps,
                "eps stands outside the root. The value is nearly the same for a small eps, but the "
                "root has an infinite slope at 0: add eps to the sum of squares.",
            ),
            Mistake(
                _modulate_outputs,
                "You scale the output channels by the style. Demodulation would undo that at once: "
                "the style belongs to the *input* channels, axis 1 of the weight.",
            ),
            Mistake(
                _modulate_shared,
                "You average the styles over the batch: each sample has its own weights.",
            ),
        ],
    ),
    Exercise(
        "11.3",
        "Along the sphere",
        difficulty=2,
        minutes=12,
        reference=_slerp,
        inputs=_pairs,
        mistakes=[
            Mistake(
                _lerp,
                "This is the straight line. For random latents it passes close to the origin, where "
                "no latent ever lies.",
            ),
            Mistake(
                _slerp_unnormalised,
                "The angle comes from a dot product of vectors that are not unit vectors. Divide by "
                "both lengths before acos.",
            ),
            Mistake(
                _slerp_degrees,
                "The angle is in degrees, and `sin` takes radians.",
            ),
            Mistake(
                _slerp_swapped,
                "You run from b to a: t = 0 must give a.",
            ),
            Mistake(
                _slerp_one_angle,
                "You use one angle for the whole batch. Each pair of rows has its own.",
            ),
            Mistake(
                _slerp_columns,
                "You take the angle between columns. A latent is a row: work along axis 1.",
            ),
            Mistake(
                _nlerp,
                "You pull the straight line out to the sphere. It is the same path, at another "
                "speed: slow at the ends, fast in the middle. Use the sines.",
            ),
            Mistake(
                _slerp_undivided,
                "The division by the sine of the angle is missing: at t = 0 you must get a itself.",
            ),
            Mistake(
                _slerp_unit,
                "You return unit vectors. Normalise for the angle only, and mix a and b themselves.",
            ),
            Mistake(
                _slerp_nan,
                "Where a and b point the same way, the sine is 0 and you divide by it. Use the "
                "straight line there: it is the same path.",
            ),
        ],
    ),
    Exercise(
        "11.4",
        "The truncation curve",
        difficulty=2,
        minutes=12,
        reference=_curve,
        inputs=_generators,
        mistakes=[
            Mistake(
                _curve_z,
                "You shrink z. The mapping network normalises z first, so this changes nothing: "
                "shrink w.",
            ),
            Mistake(
                _curve_z_clamped,
                "You clamp z, as BigGAN's trick redraws it. Here w is pulled towards its average.",
            ),
            Mistake(
                _curve_zero,
                "You pull w towards zero. Zero is no special w: pull towards the average w.",
            ),
            Mistake(
                _curve_inverted,
                "psi is inverted: psi = 1 must leave w alone, psi = 0 give the average.",
            ),
            Mistake(
                _curve_axis,
                "You average each w over its own entries. The average w is taken over samples.",
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
            ),
            Mistake(
                _curve_images,
                "You blend images with the average image, which gives ghosts. Truncate w, then "
                "draw.",
            ),
        ],
    ),
    Exercise(
        "11.5",
        "The bill",
        difficulty=1,
        minutes=5,
        reference=_gpu_hours,
        inputs=[(25_000, 28.71, 8), (1000, 36.0, 1), (5000, 10.0, 4)],
        mistakes=[
            Mistake(
                lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg / 3600,
                "These are the hours on the clock. Each hour of eight cards is eight GPU-hours.",
            ),
            Mistake(
                lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg / gpus / 3600,
                "You divide by the number of cards. The seconds were measured with all of them "
                "running, so the clock time has that in it already.",
            ),
            Mistake(
                lambda kimg, seconds_per_kimg, gpus: 1000 * kimg * seconds_per_kimg * gpus / 3600,
                "One kimg is a thousand images, and the seconds are for a thousand: don't multiply "
                "by 1,000 again.",
            ),
            Mistake(
                lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg * gpus / 86_400,
                "These are GPU-days. The bill is in hours.",
            ),
            Mistake(
                lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg * gpus,
                "These are GPU-seconds. The bill is in hours.",
            ),
            Mistake(
                lambda kimg, seconds_per_kimg, gpus: kimg / seconds_per_kimg * gpus / 3600,
                "You divide by the seconds: a slower model would be cheaper.",
            ),
        ],
    ),
]
