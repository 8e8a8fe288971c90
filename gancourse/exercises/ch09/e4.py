"""Exercise 9.4: DCGAN's first weights."""

import copy

import torch
from torch import nn

from .. import Exercise, Mistake

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


MISTAKES = [
    Mistake(
        _init_variance,
        "The spread is √0.02 = 0.14: 0.02 is the standard deviation, not the variance.",
        slip={"0.0, 0.02)": "0.0, 0.02**0.5)"},
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
        "Your normal distribution is cut off at two standard deviations. Draw from the whole one.",
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
        "Mean and standard deviation are exchanged: the mean is 0, the standard deviation 0.02.",
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
        slip={"(nn.Conv2d, nn.ConvTranspose2d, nn.Linear)": "(nn.Conv2d, nn.Linear)"},
    ),
    Mistake(
        _init_no_linear,
        "The linear layers are left as they were. Popular code has this gap: it looks for "
        "`Conv` in the class's name.",
        slip={"(nn.Conv2d, nn.ConvTranspose2d, nn.Linear)": "(nn.Conv2d, nn.ConvTranspose2d)"},
    ),
    Mistake(
        _init_no_bias,
        "The biases of the convolutions and linear layers are left as they were; they start at 0.",
    ),
    Mistake(
        _init_norm_left,
        "The BatchNorm layers are left as they were. Their scale starts at 1, their shift at 0.",
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
        slip={"net.modules()": "net.children()"},
    ),
]

EXERCISE = Exercise(
    "9.4",
    "DCGAN's first weights",
    difficulty=1,
    minutes=8,
    reference=_dcgan_init,
    inputs=_networks,
    observe=_observe_init,
    rtol=0.02,
    atol=1e-4,
    mistakes=MISTAKES,
)
