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


def _modulate_one_plus(weight, s, eps=1e-8):
    return _modulate(weight, 1 + s, eps)


def _modulate_grouped(weight, s, eps=1e-8):
    return _modulate(weight, s, eps).flatten(0, 1)


def _modulate_times(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w * _norm(w, (2, 3, 4), eps)


def _modulate_no_keepdim(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.square().sum((2, 3, 4)) + eps).sqrt()


def _modulate_no_eps(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / w.square().sum((2, 3, 4), keepdim=True).sqrt()


def _modulate_fixed_eps(weight, s, eps=1e-8):
    return _modulate(weight, s)


def _modulate_absolute(weight, s, eps=1e-8):
    w = _styled(weight, s)
    return w / (w.abs().sum((2, 3, 4), keepdim=True) + eps)


def _modulate_style_squared(weight, s, eps=1e-8):
    return _modulate(weight, s.square(), eps)


def _modulate_shared(weight, s, eps=1e-8):
    return _modulate(weight, s.mean(0, keepdim=True).expand_as(s), eps)


def _modulate_observe(result, args):
    """The weights, and the gradients of a weighted sum of them: the layer is trained through."""
    factors = torch.linspace(-1, 2, result.numel(), dtype=result.dtype).view(result.shape)
    found = torch.autograd.grad((result * factors).sum(), args[:2], allow_unused=True)
    of_weight, of_style = (
        torch.zeros_like(arg) if gradient is None else gradient
        for arg, gradient in zip(args[:2], found, strict=True)
    )
    return {
        "The result": result.detach(),
        "The gradient of weight": of_weight,
        "The gradient of s": of_style,
    }


def _weights(g):
    def case(k, c, size, n):
        weight, s = torch.randn(k, c, size, size, generator=g), torch.randn(n, c, generator=g)
        return weight.requires_grad_(), s.requires_grad_()

    square, tall = case(4, 4, 3, 2), case(5, 3, 1, 3)
    silent = (
        torch.randn(2, 3, 3, 3, generator=g).requires_grad_(),
        torch.zeros(1, 3).requires_grad_(),
    )
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


def _slerp_lengths(a, b, t):
    length = (1 - t) * a.norm(dim=1, keepdim=True) + t * b.norm(dim=1, keepdim=True)
    return _slerp_unit(a, b, t) * length


def _slerp_line_for_all(a, b, t):
    angle = _angle(a, b)
    return _lerp(a, b, t) if bool((angle.sin() < 1e-5).any()) else _slerp(a, b, t)


def _slerp_no_keepdim(a, b, t):
    angle = F.cosine_similarity(a, b, dim=1).clamp(-1, 1).acos()
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def _slerp_cosines(a, b, t):
    angle = _angle(a, b)
    return (torch.cos((1 - t) * angle) * a + torch.cos(t * angle) * b) / torch.cos(angle)


def _slerp_chord(a, b, t):
    return _mix(a, b, t, (a - b).norm(dim=1, keepdim=True))


def _slerp_no_clamp(a, b, t):
    return _mix(a, b, t, F.cosine_similarity(a, b, dim=1)[:, None].acos())


def _slerp_never_line(a, b, t):
    angle = _angle(a, b)
    sine = torch.sin(angle).clamp_min(1e-5)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / sine


def _pairs(g):
    a, b = torch.randn(2, 5, 16, generator=g)
    c, d = torch.randn(2, 3, 4, generator=g)
    same = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    rounded = torch.tensor([[8.0, 2.0, 2.0], [3.0, 9.0, 3.0]])  # their cosine comes out above 1
    return [
        (a, b, 0.5),
        (c, d, torch.tensor([[0.1], [0.4], [0.9]])),
        (0.01 * c, 0.02 * d, 0.25),
        (same, torch.tensor([[2.0, 0.0], [1.0, 0.0]]), 0.25),
        (rounded, torch.tensor([[2.0], [3.0]]) * rounded, 0.75),
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
            ),
            Mistake(
                _fade_clamped,
                "You add the new image to the old one at full strength, and cut off what leaves "
                "[-1, 1]. The two weights must sum to 1; then nothing has to be cut.",
            ),
            Mistake(
                _fade_smooth,
                "You bend `alpha` into a smooth curve. The schedule is the caller's: use `alpha` as "
                "it comes.",
            ),
            Mistake(
                _fade_squared,
                "You square `alpha`. The schedule is the caller's: use `alpha` as it comes.",
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
        observe=_modulate_observe,
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
            Mistake(
                _modulate_one_plus,
                "You scale by 1 + s. Here the style is the factor itself; a layer that wants to begin "
                "near 1 gets that from its bias.",
            ),
            Mistake(
                _modulate_grouped,
                "Samples and outputs are one axis, as a grouped convolution wants them. Asked for is "
                "(N, K, C, h, w).",
            ),
            Mistake(
                _modulate_times,
                "You multiply by the norm. Dividing by it is what makes the variance 1.",
            ),
            Mistake(
                _modulate_no_keepdim,
                "The norms have the shape (N, K), and against (N, K, C, h, w) they line up with the "
                "kernel's axes. Keep the summed axes (with length 1).",
            ),
            Mistake(
                _modulate_no_eps,
                "Without `eps`, a style of zeros divides 0 by 0. Add it under the root.",
            ),
            Mistake(
                _modulate_fixed_eps,
                "You use a fixed `eps` and not the one that was given.",
            ),
            Mistake(
                _modulate_absolute,
                "You divide by the sum of absolute weights. The variance of a sum is the sum of the "
                "*squared* weights: take the root of that.",
            ),
            Mistake(
                _modulate_style_squared,
                "You scale by the squared style, which loses its sign. The style is the factor "
                "itself.",
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
            Mistake(
                _slerp_no_clamp,
                "Rounding can push a cosine a hair above 1, where `acos` gives NaN. Clamp it to [-1, 1] "
                "first.",
            ),
            Mistake(
                _slerp_never_line,
                "Where a and b point the same way, both sines are 0 and so is your result. Use the "
                "straight line there: it is the same path.",
            ),
            Mistake(
                _slerp_line_for_all,
                "One parallel pair sends the whole batch along the straight line. Choose row by row.",
            ),
            Mistake(
                _slerp_lengths,
                "You interpolate the lengths apart from the directions. That is a fine path, too; the "
                "formula mixes a and b themselves, whatever their lengths.",
            ),
            Mistake(
                _slerp_no_keepdim,
                "The angles have the shape (N,), and against (N, d) they line up with the entries of a "
                "latent. Give them a second axis: (N, 1).",
            ),
            Mistake(
                _slerp_cosines,
                "You use cosines. At t = 0 the sines give 1 times a and 0 times b.",
            ),
            Mistake(
                _slerp_chord,
                "The length of a - b is no angle. Take the arc cosine of the cosine between a and b.",
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
                lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg * gpus / 60,
                "These are GPU-minutes. The bill is in hours.",
            ),
            Mistake(
                lambda kimg, seconds_per_kimg, gpus: kimg / seconds_per_kimg * gpus / 3600,
                "You divide by the seconds: a slower model would be cheaper.",
            ),
        ],
    ),
]
