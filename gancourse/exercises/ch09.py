"""Exercises of chapter 9, DCGAN."""

from __future__ import annotations

import copy

import torch
from torch import nn

from . import Exercise, Mistake

# --- 9.1 the transposed convolution as a matrix ---------------------------------------------------


def _painted_length(kernel, n_in, stride, padding):
    return (n_in - 1) * stride - 2 * padding + len(kernel)


def _paint(kernel, n_in, n_out, stride, offset):
    matrix = torch.zeros(n_out, n_in)
    for i in range(n_in):
        for k, weight in enumerate(kernel):
            o = i * stride + k - offset
            if 0 <= o < n_out:
                matrix[o, i] = weight
    return matrix


def _transposed_matrix(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    return _paint(kernel, n_in, n_out, stride, padding)


def _tm_not_transposed(kernel, n_in, stride, padding):
    return _transposed_matrix(kernel, n_in, stride, padding).T


def _tm_flipped(kernel, n_in, stride, padding):
    return _transposed_matrix(kernel.flip(0), n_in, stride, padding)


def _tm_padding_adds(kernel, n_in, stride, padding):
    n_out = (n_in - 1) * stride + 2 * padding + len(kernel)
    return _paint(kernel, n_in, n_out, stride, -padding)


def _tm_padding_ignored(kernel, n_in, stride, padding):
    return _transposed_matrix(kernel, n_in, stride, 0)


def _tm_cut_at_the_end(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    return _paint(kernel, n_in, n_out, stride, 0)


def _tm_no_stride(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    return _paint(kernel, n_in, n_out, 1, padding)


def _tm_wraps(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    matrix = torch.zeros(n_out, n_in)
    for i in range(n_in):
        for k, weight in enumerate(kernel):
            if (o := i * stride + k - padding) < n_out:
                matrix[o, i] = weight
    return matrix


def _tm_overruns(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    matrix = torch.zeros(n_out, n_in)
    for i in range(n_in):
        for k, weight in enumerate(kernel):
            matrix[i * stride + k - padding, i] = weight
    return matrix


def _tm_inverse(kernel, n_in, stride, padding):
    return torch.linalg.pinv(_transposed_matrix(kernel, n_in, stride, padding).T)


def _tm_cut_once(kernel, n_in, stride, padding):
    n_out = (n_in - 1) * stride - padding + len(kernel)
    return _paint(kernel, n_in, n_out, stride, padding)


def _tm_empty_slice(kernel, n_in, stride, padding):
    return _transposed_matrix(kernel, n_in, stride, 0)[padding:-padding]


def _tm_of_the_input(kernel, n_in, stride, padding):
    n_out = (n_in + 2 * padding - len(kernel)) // stride + 1
    return _paint(kernel, n_out, n_in, stride, padding).T


def _kernels(g):
    cases = (
        (4, 5, 2, 1), (3, 4, 2, 0), (5, 3, 3, 2), (2, 4, 1, 0), (2, 3, 3, 0), (3, 1, 2, 1),
    )  # fmt: skip
    return [(torch.randn(k, generator=g), n, stride, padding) for k, n, stride, padding in cases]


# --- 9.2 which layers fit? ------------------------------------------------------------------------


def _candidates():
    return [(kernel, padding) for kernel in range(1, 8) for padding in range(kernel // 2 + 1)]


def _layers_that_fit(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in - 1) * stride - 2 * p + k == n_out]


def _fit_convolution(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in + 2 * p - k) // stride + 1 == n_out]


def _fit_one_side(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in - 1) * stride - p + k == n_out]


def _fit_padding_adds(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in - 1) * stride + 2 * p + k == n_out]


def _fit_all_steps(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if n_in * stride - 2 * p + k == n_out]


def _fit_floor(n_in, n_out, stride):
    rest = n_out - (n_in - 1) * stride
    return [(k, p) for k, p in _candidates() if p == (k - rest) // 2]


def _fit_first(n_in, n_out, stride):
    return _layers_that_fit(n_in, n_out, stride)[:1]


def _fit_padding_first(n_in, n_out, stride):
    return [(p, k) for k, p in _layers_that_fit(n_in, n_out, stride)]


def _fit_output_padding(n_in, n_out, stride):
    rest = n_out - (n_in - 1) * stride
    return [(k, p) for k, p in _candidates() if 0 <= rest - (k - 2 * p) < stride]


def _fit_to_6(n_in, n_out, stride):
    return [(k, p) for k, p in _layers_that_fit(n_in, n_out, stride) if k < 7]


def _fit_less_padding(n_in, n_out, stride):
    return [(k, p) for k, p in _layers_that_fit(n_in, n_out, stride) if p < k // 2]


def _fit_from_2(n_in, n_out, stride):
    return [(k, p) for k, p in _layers_that_fit(n_in, n_out, stride) if k > 1]


def _fit_at_least(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in - 1) * stride - 2 * p + k >= n_out]


def _fit_any_padding(n_in, n_out, stride):
    sizes = ((k, p) for k in range(1, 8) for p in range(k))
    return [(k, p) for k, p in sizes if (n_in - 1) * stride - 2 * p + k == n_out]


def _fit_padding_to_3(n_in, n_out, stride):
    sizes = ((k, p) for k in range(1, 8) for p in range(4))
    return [(k, p) for k, p in sizes if (n_in - 1) * stride - 2 * p + k == n_out]


def _observe_pairs(result, args):
    """The pairs as text, so that a missing one is seen in the message."""
    if not isinstance(result, (list, tuple)):
        raise TypeError("it should be a list of pairs")
    pairs = [tuple(int(number) for number in pair) for pair in result]
    if any(number != int(number) for pair in result for number in pair):
        raise ValueError("kernel and padding are whole numbers")
    told = ", ".join(map(str, pairs)) or "none"
    return {f"The list of (kernel, padding) from {args[0]} to {args[1]} at stride {args[2]}": told}


# --- 9.3 find the checkerboard --------------------------------------------------------------------


def _power(images):
    x = images - images.mean((2, 3), keepdim=True)
    return torch.fft.fft2(x).abs().square().sum((0, 1))


def _at_period_two(power):
    h, w = power.shape[0] // 2, power.shape[1] // 2
    return power[h, 0] + power[0, w] + power[h, w]


def _checkerboard(images):
    power = _power(images)
    return _at_period_two(power) / power.sum()


def _cb_with_mean(images):
    power = torch.fft.fft2(images).abs().square().sum((0, 1))
    return _at_period_two(power) / power.sum()


def _cb_amplitude(images):
    x = images - images.mean((2, 3), keepdim=True)
    amplitude = torch.fft.fft2(x).abs().sum((0, 1))
    return _at_period_two(amplitude) / amplitude.sum()


def _cb_diagonal(images):
    power = _power(images)
    return power[power.shape[0] // 2, power.shape[1] // 2] / power.sum()


def _cb_stripes(images):
    power = _power(images)
    return (power[power.shape[0] // 2, 0] + power[0, power.shape[1] // 2]) / power.sum()


def _cb_last(images):
    power = _power(images)
    return (power[-1, 0] + power[0, -1] + power[-1, -1]) / power.sum()


def _cb_mean_first(images):
    power = _power(images.mean((0, 1), keepdim=True))
    return _at_period_two(power) / power.sum()


def _cb_each_image(images):
    return torch.stack([_checkerboard(image[None]) for image in images]).mean()


def _cb_of_the_rest(images):
    power = _power(images)
    return _at_period_two(power) / (power.sum() - _at_period_two(power))


def _cb_not_a_share(images):
    return _at_period_two(_power(images))


def _cb_rfft(images):
    x = images - images.mean((2, 3), keepdim=True)
    power = torch.fft.rfft2(x).abs().square().sum((0, 1))
    h, w = power.shape[0] // 2, power.shape[1] - 1
    return (power[h, 0] + power[0, w] + power[h, w]) / power.sum()


def _cb_one_mean(images):
    power = torch.fft.fft2(images - images.mean()).abs().square().sum((0, 1))
    return _at_period_two(power) / power.sum()


def _cb_mean_of_channels(images):
    x = images - images.mean((1, 2, 3), keepdim=True)
    power = torch.fft.fft2(x).abs().square().sum((0, 1))
    return _at_period_two(power) / power.sum()


def _cb_mean_picture(images):
    power = torch.fft.fft2(images - images.mean(0)).abs().square().sum((0, 1))
    return _at_period_two(power) / power.sum()


def _cb_one_side(images):
    """Half of the height along both axes."""
    power = _power(images)
    h = min(power.shape) // 2
    return (power[h, 0] + power[0, h] + power[h, h]) / power.sum()


def _cb_lowest_kept(images):
    power = _power(images)
    return (power[0, 0] + _at_period_two(power)) / power.sum()


def _images(g):
    def board(h, w):
        return (-1.0) ** (torch.arange(h)[:, None] + torch.arange(w))

    def stripes(h, w):
        return (-1.0) ** torch.arange(w).expand(h, w)

    cases = []
    for shape, amount in (((5, 1, 8, 8), 0.5), ((3, 3, 12, 8), 0.8), ((2, 1, 6, 10), 0.0)):
        n, _, h, w = shape
        strength = amount * torch.randn(n, 1, 1, 1, generator=g)
        pattern = board(h, w) + 0.7 * stripes(h, w)
        cases.append((0.3 * torch.randn(shape, generator=g) - 0.6 + strength * pattern,))
    return cases


# --- 9.4 DCGAN's initialisation -------------------------------------------------------------------

_WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def _init(net, layers=_WEIGHTED, draw=None, bias=True, norm=True, modules=None):
    draw = draw or (lambda w: nn.init.normal_(w, 0.0, 0.02))
    for module in net.modules() if modules is None else modules:
        if isinstance(module, layers):
            draw(module.weight)
            if bias and module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and norm:
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def _dcgan_init(net):
    _init(net)


def _init_variance(net):
    _init(net, draw=lambda w: nn.init.normal_(w, 0.0, 0.02**0.5))


def _init_uniform(net):
    _init(net, draw=lambda w: nn.init.uniform_(w, -0.02, 0.02))


def _init_added(net):
    with torch.no_grad():
        _init(net, draw=lambda w: w.add_(0.02 * torch.randn_like(w)))


def _init_no_transposed(net):
    _init(net, layers=(nn.Conv2d, nn.Linear))


def _init_no_linear(net):
    _init(net, layers=(nn.Conv2d, nn.ConvTranspose2d))


def _init_no_bias(net):
    _init(net, bias=False)


def _init_norm_left(net):
    _init(net, norm=False)


def _init_norm_small(net):
    _init(net)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 0.0, 0.02)


def _init_children(net):
    _init(net, modules=list(net.children()))


def _init_norm_wide(net):
    _init(net)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.2)


def _init_wide(net):
    _init(net, draw=lambda w: nn.init.normal_(w, 0.0, 0.2))


def _init_of_a_copy(net):
    net = copy.deepcopy(net)
    _init(net)
    return net


def _init_exchanged(net):
    _init(net, draw=lambda w: nn.init.normal_(w, 0.02, 1.0))


def _init_same_spread(net):
    """Uniform, with the right standard deviation."""
    _init(net, draw=lambda w: nn.init.uniform_(w, -0.02 * 3**0.5, 0.02 * 3**0.5))


def _init_cut(net):
    _init(net, draw=lambda w: nn.init.trunc_normal_(w, 0.0, 0.02, -0.04, 0.04))


def _init_positive(net):
    _init(net, draw=lambda w: nn.init.normal_(w, 0.0, 0.02).abs_())


def _init_bias_drawn(net):
    _init(net)
    for module in net.modules():
        if isinstance(module, _WEIGHTED) and module.bias is not None:
            nn.init.normal_(module.bias, 0.0, 0.02)


def _init_shift_left(net):
    shifts = [m.bias for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [shift.detach().clone() for shift in shifts]
    _init(net)
    for shift, old in zip(shifts, before):
        shift.data = old


def _init_reset(net):
    for module in net.modules():
        if isinstance(module, (*_WEIGHTED, nn.BatchNorm2d)):
            module.reset_parameters()


def _init_kaiming(net):
    _init(net, draw=lambda w: nn.init.kaiming_normal_(w))


def _init_xavier(net):
    _init(net, draw=lambda w: nn.init.xavier_normal_(w))


def _init_all_parameters(net):
    for p in net.parameters():
        nn.init.normal_(p, 0.0, 0.02)


def _networks(g):
    """Three nets that somebody has trained already: nothing in them is at its default."""

    def spoil(net):
        for p in net.parameters():
            p.data = 0.3 + 0.2 * torch.randn(p.shape, generator=g)
        return net

    up = nn.Sequential(
        nn.Linear(64, 32 * 9), nn.Unflatten(1, (32, 3, 3)),
        nn.Sequential(nn.BatchNorm2d(32), nn.ReLU(), nn.ConvTranspose2d(32, 16, 4, 2, 1)),
        nn.BatchNorm2d(16), nn.ReLU(), nn.ConvTranspose2d(16, 8, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    down = nn.Sequential(
        nn.Conv2d(8, 16, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Sequential(nn.Conv2d(16, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.LeakyReLU(0.2)),
        nn.Flatten(), nn.Linear(32 * 9, 10),
    )  # fmt: skip
    alone = nn.ConvTranspose2d(16, 16, 4, 2, 1)  # a net may be a single layer
    return [(spoil(up),), (spoil(down),), (spoil(alone),)]


def _near(value, target, allowed):
    """The target itself, if the value is as near as another draw may be."""
    return target if abs(value - target) <= allowed else value


def _observe_init(result, args):
    """Mean, spread and shape of the weights: two people never draw the same numbers.

    What is as it should be up to the luck of a draw is shown as what it should be.
    """
    seen, weights = {}, []
    for name, module in args[0].named_modules():
        for kind, p in module.named_parameters(recurse=False):
            p, of = p.detach(), "weights" if kind == "weight" else "biases"
            norm = isinstance(module, nn.BatchNorm2d)
            if norm:
                of = "scales" if kind == "weight" else "shifts"
            about = f"of the {of} of {type(module).__name__}{f' {name}' if name else ''}"
            drawn = kind == "weight" and not norm
            target = float(norm and kind == "weight")
            # Radford's code draws BatchNorm's scales from N(1, 0.02): good as well
            luck = 0.02 if of == "scales" else 0.002 if drawn else 1e-6
            mean = _near(float(p.mean()), target, luck)
            spread, luck = (0.02, 0.0015) if drawn else (0.0, 0.035 if of == "scales" else 1e-6)
            seen[f"The standard deviation {about}"] = _near(float(p.std()), spread, luck)
            seen[f"The mean {about}"] = mean
            if drawn:
                weights.append(p.flatten())
    # Of normal weights 4.6 % are farther than two standard deviations from 0, and half positive.
    far = float((torch.cat(weights).abs() > 0.04).double().mean())
    seen["The share of weights beyond two standard deviations, 0.04"] = _near(far, 0.0455, 0.006)
    return seen


# --- 9.5 BatchNorm in both its modes --------------------------------------------------------------


def _view(v):
    return v.view(1, -1, 1, 1)


def _normalise(x, mean, var, eps):
    return (x - _view(mean)) / (_view(var) + eps).sqrt()


def _running(x, mean, var, momentum):
    new_mean, new_var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    return mean.lerp(new_mean, momentum), var.lerp(new_var, momentum)


def _batch_norm(x, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _normalise(x, mean, var, eps), mean, var
    y = _normalise(x, x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False), eps)
    return y, *_running(x, mean, var, momentum)


def _bn_per_pixel(x, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _batch_norm(x, mean, var, training, momentum, eps)
    y = (x - x.mean(0)) / (x.var(0, unbiased=False) + eps).sqrt()
    return y, *_running(x, mean, var, momentum)


def _bn_per_sample(x, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _batch_norm(x, mean, var, training, momentum, eps)
    center, spread = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
    return (x - center) / (spread + eps).sqrt(), *_running(x, mean, var, momentum)


def _bn_biased_running(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    if training:
        new_var = var.lerp(x.var((0, 2, 3), unbiased=False), momentum)
    return y, new_mean, new_var


def _bn_unbiased(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    if training:
        y = _normalise(x, x.mean((0, 2, 3)), x.var((0, 2, 3)), eps)
    return y, new_mean, new_var


def _bn_momentum(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, training, 1 - momentum, eps)


def _bn_running_in_training(x, mean, var, training, momentum=0.1, eps=1e-5):
    _, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    return _normalise(x, new_mean, new_var, eps), new_mean, new_var


def _bn_always_batch(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, *_ = _batch_norm(x, mean, var, True, momentum, eps)
    return y, *_batch_norm(x, mean, var, training, momentum, eps)[1:]


def _bn_always_training(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, True, momentum, eps)


def _bn_updates_in_eval(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, *_ = _batch_norm(x, mean, var, training, momentum, eps)
    return y, *_running(x, mean, var, momentum)


def _bn_never_updates(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, training, momentum, eps)[0], mean, var


def _bn_eps_outside(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    return (x - _view(mean)) / (_view(var).sqrt() + eps), new_mean, new_var


def _bn_variance(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, new_var = _batch_norm(x, mean, var, training, momentum, eps)
    if training:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
    return (x - _view(mean)) / (_view(var) + eps), new_mean, new_var


def _bn_momentum_fixed(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, training, 0.1, eps)


def _bn_no_eps(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, training, momentum, 0.0)


def _bn_layer(x, mean, var, training, momentum=0.1, eps=1e-5):
    if not training:
        return _batch_norm(x, mean, var, training, momentum, eps)
    center = x.mean((1, 2, 3), keepdim=True)
    spread = x.var((1, 2, 3), unbiased=False, keepdim=True)
    return (x - center) / (spread + eps).sqrt(), *_running(x, mean, var, momentum)


def _bn_keeps_batch(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, *_ = _batch_norm(x, mean, var, training, momentum, eps)
    return (y, x.mean((0, 2, 3)), x.var((0, 2, 3))) if training else (y, mean, var)


def _bn_keeps_std(x, mean, var, training, momentum=0.1, eps=1e-5):
    y, new_mean, _ = _batch_norm(x, mean, var, training, momentum, eps)
    return y, new_mean, var.lerp(x.std((0, 2, 3)), momentum) if training else var


def _bn_never_training(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, False, momentum, eps)


def _bn_other_mode(x, mean, var, training, momentum=0.1, eps=1e-5):
    return _batch_norm(x, mean, var, not training, momentum, eps)


def _batches(g):
    cases = []
    for shape, training, momentum, eps in (
        ((4, 3, 5, 5), True, 0.1, 1e-5), ((4, 3, 5, 5), False, 0.1, 1e-5),
        ((2, 2, 3, 4), True, 0.3, 0.01), ((1, 2, 3, 4), False, 0.3, 0.01),
    ):  # fmt: skip
        scale = 0.5 + torch.rand(1, shape[1], 1, 1, generator=g)
        x = 2 * torch.randn(1, shape[1], 1, 1, generator=g) + scale * torch.randn(
            shape, generator=g
        )
        mean, var = torch.randn(shape[1], generator=g), 0.5 + torch.rand(shape[1], generator=g)
        cases.append((x, mean, var, training, momentum, eps))
    x, mean, var = (
        0.01 * torch.randn(3, 2, 4, 4, generator=g),
        torch.zeros(2),
        torch.full((2,), 1e-4),
    )
    # so faint that the default eps counts, and the default momentum does
    return [*cases, (x, mean, var, True), (x.clone(), mean.clone(), var.clone(), False)]


EXERCISES = [
    Exercise(
        "9.1",
        "The painter's matrix",
        difficulty=2,
        minutes=12,
        reference=_transposed_matrix,
        inputs=_kernels,
        mistakes=[
            Mistake(
                _tm_not_transposed,
                "This is the convolution's own matrix, from the long vector to the short one. Here "
                "each *column* belongs to one input and holds what that input paints.",
            ),
            Mistake(
                _tm_flipped,
                "Your kernel is painted back to front. `conv_transpose1d` paints kernel[0] at the "
                "lowest position.",
            ),
            Mistake(
                _tm_padding_adds,
                "You let padding enlarge the output. In a transposed convolution it is undone: "
                "`padding` entries are cut off at *both* ends.",
            ),
            Mistake(
                _tm_padding_ignored,
                "The padding is not used: the output is too long by `padding` at each end.",
            ),
            Mistake(
                _tm_cut_once,
                "The output is too long by `padding`: as many entries are cut off at the far end "
                "as at the near one.",
            ),
            Mistake(
                _tm_empty_slice,
                "With a padding of 0 nothing is left: `[0:-0]` is an empty slice. Say from where to "
                "where in numbers counted from the start.",
            ),
            Mistake(
                _tm_of_the_input,
                "This is the matrix of the ordinary convolution of `n_in` entries. Yours must map "
                "`n_in` numbers to more of them: one *column* for each input.",
            ),
            Mistake(
                _tm_cut_at_the_end,
                "The length is right, but you cut the whole padding off at the far end. The first "
                "`padding` entries go, and as many of the last.",
            ),
            Mistake(
                _tm_no_stride,
                "Each input paints one step further than the one before it: the stride is missing. "
                "It says how far apart the paintings begin.",
            ),
            Mistake(
                _tm_wraps,
                "Paint that falls before the first output must be dropped. Position -1 is an index "
                "too: Python took it for the *last* row.",
            ),
            Mistake(
                _tm_overruns,
                "Some paint falls outside the output, before its first entry or after its last. "
                "Drop it.",
            ),
            Mistake(
                _tm_inverse,
                "This undoes the convolution as well as can be. A transposed convolution doesn't: "
                "it has the transposed matrix, not the inverse, whatever the name deconvolution "
                "says.",
            ),
        ],
    ),
    Exercise(
        "9.2",
        "Which layers fit?",
        difficulty=1,
        minutes=8,
        reference=_layers_that_fit,
        inputs=[
            (7, 14, 2),
            (4, 7, 2),
            (5, 10, 3),
            (6, 16, 3),
            (16, 16, 1),
            (1, 4, 1),
            (9, 8, 1),
            (6, 4, 1),
            (3, 14, 4),
        ],
        observe=_observe_pairs,
        strict=True,  # a list is asked for
        mistakes=[
            Mistake(
                _fit_convolution,
                "This is the size of an ordinary convolution. For the transposed one, solve that "
                "formula for the *input's* size.",
            ),
            Mistake(
                _fit_one_side,
                "Padding is cut off at both ends: it counts twice.",
            ),
            Mistake(
                _fit_padding_adds,
                "Padding makes the output of a transposed convolution smaller, not larger.",
            ),
            Mistake(
                _fit_all_steps,
                "From the first of n inputs to the last there are n - 1 strides, not n.",
            ),
            Mistake(
                _fit_floor,
                "Some of these miss the size by one: an integer division hid a remainder. Odd and "
                "even kernels don't fit the same sizes.",
            ),
            Mistake(
                _fit_to_6,
                "Kernel 7 is missing: `range` stops before its end.",
            ),
            Mistake(
                _fit_from_2,
                "Kernel 1 is missing: at stride 1 it keeps the size, and it fits elsewhere too.",
            ),
            Mistake(
                _fit_less_padding,
                "The largest padding, `kernel // 2` itself, is missing: `range` stops before its "
                "end.",
            ),
            Mistake(
                _fit_at_least,
                "These layers make at least `n_out`. The size must be met exactly.",
            ),
            Mistake(
                _fit_any_padding,
                "Some of these have more padding than `kernel // 2`.",
            ),
            Mistake(
                _fit_padding_to_3,
                "Some of these have more padding than `kernel // 2`.",
            ),
            Mistake(
                _fit_first,
                "This is the first layer that fits. Return all of them.",
            ),
            Mistake(
                _fit_padding_first,
                "The pairs are the wrong way round: (kernel, padding).",
            ),
            Mistake(
                _fit_output_padding,
                "Some of these need `output_padding` to reach the size. Leave it at 0.",
            ),
        ],
    ),
    Exercise(
        "9.3",
        "Find the checkerboard",
        difficulty=2,
        minutes=12,
        reference=_checkerboard,
        inputs=_images,
        mistakes=[
            Mistake(
                _cb_with_mean,
                "The mean brightness is still in the total, at frequency (0, 0). Subtract each "
                "image's mean first, or a dark image would look clean.",
            ),
            Mistake(
                _cb_amplitude,
                "These are amplitudes. Power is the amplitude *squared*; only powers add up.",
            ),
            Mistake(
                _cb_diagonal,
                "This sees a checkerboard, but not stripes. A pattern of period 2 has power at three "
                "frequencies: (1/2, 0), (0, 1/2) and (1/2, 1/2).",
            ),
            Mistake(
                _cb_stripes,
                "Stripes in both directions, but the checkerboard itself, at (1/2, 1/2), is missing. "
                "(After an `fftshift` it is in the corner; the middle is frequency 0.)",
            ),
            Mistake(
                _cb_last,
                "The last index of `fft2` is frequency -1/n, the slowest but one. Half a cycle a "
                "pixel is in the *middle*, at index n/2.",
            ),
            Mistake(
                _cb_rfft,
                "`rfft2` leaves out half of the spectrum, whose power equals that of the other "
                "half, but not for the columns 0 and W/2, which it holds whole. Use `fft2`.",
            ),
            Mistake(
                _cb_one_mean,
                "You subtract one mean from all images. Each image, and each of its channels, has "
                "its own: what is left of them is power at frequency 0.",
            ),
            Mistake(
                _cb_mean_of_channels,
                "You subtract one mean from all channels of an image. Each channel has its own.",
            ),
            Mistake(
                _cb_mean_picture,
                "You subtract the mean *image* of the batch, pixel by pixel, and with it the "
                "pattern that all of them share. Subtract from each image and channel its mean "
                "brightness, one number.",
            ),
            Mistake(
                _cb_one_side,
                "Images need not be square: half a cycle a pixel is at H/2 along the rows and at "
                "W/2 along the columns.",
            ),
            Mistake(
                _cb_mean_first,
                "You average the images and then look. Patterns of opposite sign cancel: transform "
                "each image and channel, then add up their powers.",
            ),
            Mistake(
                _cb_each_image,
                "You average each image's share. Then a nearly empty image counts as much as a full "
                "one: add up the powers first, and take one share at the end.",
            ),
            Mistake(
                _cb_of_the_rest,
                "You divide by the rest of the power. Divide by all of it (but for the mean).",
            ),
            Mistake(
                _cb_not_a_share,
                "This is a power, which grows with size and contrast. Return it as a share of the "
                "total.",
            ),
        ],
    ),
    Exercise(
        "9.4",
        "DCGAN's first weights",
        difficulty=1,
        minutes=8,
        reference=_dcgan_init,
        inputs=_networks,
        observe=_observe_init,
        rtol=0.02,
        atol=1e-4,
        mistakes=[
            Mistake(
                _init_variance,
                "The spread is √0.02 = 0.14: 0.02 is the standard deviation, not the variance.",
            ),
            Mistake(
                _init_uniform,
                "Uniform between -0.02 and 0.02 has a standard deviation of 0.0115. Draw from a "
                "normal distribution.",
            ),
            Mistake(
                _init_same_spread,
                "The spread is right and the shape is not: these weights are uniform. Draw from a "
                "*normal* distribution.",
            ),
            Mistake(
                _init_cut,
                "Your normal distribution is cut off at two standard deviations. Draw from the "
                "whole one.",
            ),
            Mistake(
                _init_positive,
                "All your weights are positive. Draw around 0, both signs alike.",
            ),
            Mistake(
                _init_wide,
                "The standard deviation is 0.2, ten times too large. DCGAN's is 0.02.",
            ),
            Mistake(
                _init_of_a_copy,
                "The network that was given is as it was. Work in place: write into its own "
                "weights, not into those of a copy.",
            ),
            Mistake(
                _init_exchanged,
                "Mean and standard deviation are exchanged: the mean is 0, the standard deviation "
                "0.02.",
            ),
            Mistake(
                _init_kaiming,
                "This is Kaiming's rule, which fits the spread to each layer's size. DCGAN draws "
                "all layers with one standard deviation, 0.02.",
            ),
            Mistake(
                _init_xavier,
                "This is Xavier's rule, which fits the spread to each layer's size. DCGAN draws "
                "all layers with one standard deviation, 0.02.",
            ),
            Mistake(
                _init_reset,
                "`reset_parameters` brings PyTorch's own first weights back. DCGAN's are drawn "
                "from a normal distribution with standard deviation 0.02.",
            ),
            Mistake(
                _init_bias_drawn,
                "You draw the biases, too. They start at 0.",
            ),
            Mistake(
                _init_all_parameters,
                "You draw all parameters alike. Biases start at 0, and BatchNorm's scale at 1: "
                "look at what kind of layer each belongs to.",
            ),
            Mistake(
                _init_norm_wide,
                "BatchNorm's scales are spread too wide. They start at 1 exactly; the authors' "
                "code draws them from N(1, 0.02), which is right as well, not from N(1, 0.2).",
            ),
            Mistake(
                _init_shift_left,
                "BatchNorm's shifts are left as they were. They start at 0.",
            ),
            Mistake(
                _init_added,
                "You add noise to the old weights. Replace them.",
            ),
            Mistake(
                _init_no_transposed,
                "The transposed convolutions are left as they were: `ConvTranspose2d` is no "
                "subclass of `Conv2d`.",
            ),
            Mistake(
                _init_no_linear,
                "The linear layers are left as they were. Popular code has this gap: it looks for "
                "`Conv` in the class's name.",
            ),
            Mistake(
                _init_no_bias,
                "The biases of the convolutions and linear layers are left as they were; they "
                "start at 0.",
            ),
            Mistake(
                _init_norm_left,
                "The BatchNorm layers are left as they were. Their scale starts at 1, their shift "
                "at 0.",
            ),
            Mistake(
                _init_norm_small,
                "You draw BatchNorm's scales around 0 as well. The paper says *all weights*, and "
                "means the others: a scale of 0.02 would undo the normalisation, and with it the "
                "signal. It starts at 1.",
            ),
            Mistake(
                _init_children,
                "Layers inside a nested block are missed: children are only the first level. Go "
                "through all modules.",
            ),
        ],
    ),
    Exercise(
        "9.5",
        "BatchNorm, twice",
        difficulty=2,
        minutes=15,
        reference=_batch_norm,
        inputs=_batches,
        parts=("y", "mean", "var"),
        may_change=("mean", "var"),  # PyTorch changes its running averages in place
        mistakes=[
            Mistake(
                _bn_per_pixel,
                "You normalise each pixel over the batch. A channel has *one* mean and variance, "
                "over samples, rows and columns together.",
            ),
            Mistake(
                _bn_per_sample,
                "You normalise each sample by itself: that is instance normalisation. The batch "
                "shares its mean and variance.",
            ),
            Mistake(
                _bn_biased_running,
                "Nearly. PyTorch normalises with the biased variance (divided by n), and *keeps* "
                "the unbiased one (n - 1) for later.",
            ),
            Mistake(
                _bn_unbiased,
                "Nearly. In training, normalise with the biased variance (divided by n); only the "
                "running one is unbiased.",
            ),
            Mistake(
                _bn_momentum,
                "Momentum the wrong way round: PyTorch's `momentum` is the weight of the *new* "
                "batch, not of the past.",
            ),
            Mistake(
                _bn_running_in_training,
                "In training you normalise with the running averages. Use the batch's own "
                "statistics; the averages are only kept for evaluation.",
            ),
            Mistake(
                _bn_always_batch,
                "In evaluation mode you still normalise with the batch's statistics. Use the "
                "running ones: a sample must not depend on its neighbours.",
            ),
            Mistake(
                _bn_always_training,
                "The argument `training` is not used: evaluation does what training does.",
            ),
            Mistake(
                _bn_updates_in_eval,
                "Evaluation changes the running averages. They must stay as they are.",
            ),
            Mistake(
                _bn_never_updates,
                "Training must return the updated running averages.",
            ),
            Mistake(
                _bn_momentum_fixed,
                "The argument `momentum` is not used.",
            ),
            Mistake(
                _bn_no_eps,
                "`eps` is missing, or fixed. Add the argument to the variance, under the root.",
            ),
            Mistake(
                _bn_layer,
                "You normalise each sample over all its channels: that is layer normalisation. "
                "Each channel has its own mean and variance, over the whole batch.",
            ),
            Mistake(
                _bn_keeps_batch,
                "You return the batch's own statistics as the averages. They are mixed with the "
                "old ones: `momentum` is the weight of the new batch.",
            ),
            Mistake(
                _bn_keeps_std,
                "The running average keeps variances; yours mixes in a standard deviation.",
            ),
            Mistake(
                _bn_never_training,
                "The argument `training` is not used: training does what evaluation does.",
            ),
            Mistake(
                _bn_other_mode,
                "The two modes are exchanged: in *training* the batch's own statistics count.",
            ),
            Mistake(
                _bn_eps_outside,
                "eps is added to the standard deviation. It belongs to the variance, under the "
                "root.",
            ),
            Mistake(
                _bn_variance,
                "You divide by the variance. Divide by its root.",
            ),
        ],
    ),
]
