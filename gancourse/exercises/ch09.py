"""Exercises of chapter 9, DCGAN."""

from __future__ import annotations

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


def _kernels(g):
    cases = ((4, 5, 2, 1), (3, 4, 2, 0), (5, 3, 3, 2), (2, 4, 1, 0))
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


def _networks(g):
    """Two nets that somebody has trained already: nothing in them is at its default."""

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
    return [(spoil(up),), (spoil(down),)]


def _observe_init(result, args):
    """Mean and spread of each weight: two people never draw the same numbers."""
    seen = {}
    for name, module in args[0].named_modules():
        for kind, p in module.named_parameters(recurse=False):
            about = f"{type(module).__name__} {name}, {kind}"
            p = p.detach()
            seen[f"{about}: mean"] = float(p.mean())
            # Radford's code draws BatchNorm's scales from N(1, 0.02): good as well
            if not isinstance(module, nn.BatchNorm2d):
                seen[f"{about}: standard deviation"] = float(p.std())
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
    return cases


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
        inputs=[(7, 14, 2), (4, 7, 2), (5, 10, 3), (6, 16, 3), (16, 16, 1), (1, 4, 1)],
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
        rtol=0.1,
        atol=2e-3,
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
