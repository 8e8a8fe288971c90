"""Exercise 14.5: One value, two numbers."""

import math

import torch
from torch.nn.functional import one_hot

from .. import Exercise, Mistake


def _scores(x, weight, mean, std):
    return weight.log() - std.log() - ((x[:, None] - mean) / std).square() / 2


def _code(x, mode, mean, std):
    """Where in its mode each value lies, and the value that comes back."""
    within = ((x - mean[mode]) / (4 * std[mode])).clamp(-1, 1)
    return mode, within, mean[mode] + 4 * std[mode] * within


def _modes(x, weight, mean, std):
    return _code(x, _scores(x, weight, mean, std).argmax(1), mean, std)


def _modes_nearest(x, weight, mean, std):
    return _code(x, (x[:, None] - mean).abs().argmin(1), mean, std)


def _modes_nearest_in_std(x, weight, mean, std):
    return _code(x, ((x[:, None] - mean) / std).abs().argmin(1), mean, std)


def _modes_no_weight(x, weight, mean, std):
    return _code(x, _scores(x, torch.ones_like(weight), mean, std).argmax(1), mean, std)


def _modes_no_height(x, weight, mean, std):
    return _code(x, (_scores(x, weight, mean, std) + std.log()).argmax(1), mean, std)


def _modes_density_of(spread):
    """Densities with `spread(std)` where the standard deviation belongs."""

    def modes(x, weight, mean, std):
        return _code(x, _scores(x, weight, mean, spread(std)).argmax(1), mean, std)

    return modes


def _modes_density_square(x, weight, mean, std):
    scores = weight.log() - std.log() - (x[:, None] - mean).square() / (2 * std)
    return _code(x, scores.argmax(1), mean, std)


def _modes_density_height(x, weight, mean, std):
    return _code(x, (_scores(x, weight, mean, std) - std.log()).argmax(1), mean, std)


def _modes_density_no_half(x, weight, mean, std):
    scores = weight.log() - std.log() - ((x[:, None] - mean) / std).square()
    return _code(x, scores.argmax(1), mean, std)


def _modes_weight_squared(x, weight, mean, std):
    return _code(x, _scores(x, weight.square(), mean, std).argmax(1), mean, std)


def _modes_drawn(x, weight, mean, std):
    p = _scores(x, weight, mean, std).softmax(1)
    return _code(x, torch.multinomial(p, 1).squeeze(1), mean, std)


def _modes_tanh(x, weight, mean, std):
    mode, _, _ = _modes(x, weight, mean, std)
    within = torch.tanh((x - mean[mode]) / (4 * std[mode]))
    return mode, within, mean[mode] + 4 * std[mode] * within


def _modes_from_one(x, weight, mean, std):
    mode, within, back = _modes(x, weight, mean, std)
    return mode + 1, within, back


def _modes_bare_decode(x, weight, mean, std):
    mode, within, _ = _modes(x, weight, mean, std)
    return mode, within, mean[mode] + within


def _modes_two(x, weight, mean, std):
    return _modes(x, weight, mean, std)[:2]


def _modes_mahalanobis(x, weight, mean, std):
    return _code(x, (((x[:, None] - mean) / std).abs() / weight).argmin(1), mean, std)


def _modes_probabilities(x, weight, mean, std):
    mode, within, back = _modes(x, weight, mean, std)
    return _scores(x, weight, mean, std).softmax(1), within, back


def _modes_zero_one(x, weight, mean, std):
    mode, within, back = _modes(x, weight, mean, std)
    return mode, (within + 1) / 2, back


def _modes_weighted_log(x, weight, mean, std):
    log_density = -std.log() - math.log(2 * math.pi) / 2 - ((x[:, None] - mean) / std).square() / 2
    return _code(x, (weight * log_density).argmax(1), mean, std)


def _modes_heaviest(x, weight, mean, std):
    return _code(x, weight.argmax().repeat(len(x)), mean, std)


def _modes_one_std(x, weight, mean, std):
    mode, _, _ = _modes(x, weight, mean, std)
    within = ((x - mean[mode]) / std[mode]).clamp(-1, 1)
    return mode, within, mean[mode] + std[mode] * within


def _modes_variance(x, weight, mean, std):
    mode, _, _ = _modes(x, weight, mean, std)
    within = ((x - mean[mode]) / (4 * std[mode].square())).clamp(-1, 1)
    return mode, within, mean[mode] + 4 * std[mode].square() * within


def _modes_no_cut(x, weight, mean, std):
    mode, _, _ = _modes(x, weight, mean, std)
    within = (x - mean[mode]) / (4 * std[mode])
    return mode, within, mean[mode] + 4 * std[mode] * within


def _modes_whole_column(x, weight, mean, std):
    mode, _, _ = _modes(x, weight, mean, std)
    within = ((x - x.mean()) / (4 * x.std())).clamp(-1, 1)
    return mode, within, x.mean() + 4 * x.std() * within


def _modes_kept(x, weight, mean, std):
    mode, within, _ = _modes(x, weight, mean, std)
    return mode, within, x.clone()


def _modes_decode_without_four(x, weight, mean, std):
    mode, within, _ = _modes(x, weight, mean, std)
    return mode, within, mean[mode] + std[mode] * within


def _modes_decode_blind(x, weight, mean, std):
    mode, within, _ = _modes(x, weight, mean, std)
    middle = weight @ mean
    spread = (weight @ (std.square() + (mean - middle).square())).sqrt()
    return mode, within, middle + 4 * spread * within


def _modes_one_hot(x, weight, mean, std):
    mode, within, back = _modes(x, weight, mean, std)
    return one_hot(mode, len(mean)), within, back


def _modes_inputs(g):
    house = [torch.tensor(v) for v in ((0.31, 0.67, 0.02), (2.0, 9.0, 120.0), (0.5, 1.5, 10.0))]
    other = [torch.tensor(v) for v in ((0.6, 0.1, 0.25, 0.05), (-3.0, 0.0, 1.0, 6.0))]
    other.append(torch.tensor((1.0, 0.25, 2.0, 0.3)))
    between_and_far_out = torch.tensor((1.4, 3.2, 3.6, 3.8, 5.0, 6.9, 16.5, 78.0, 162.0))
    cases = [(between_and_far_out, *house)]
    for (weight, mean, std), n in ((house, 12), (other, 20)):
        mode = torch.arange(n) % len(mean)
        cases.append((mean[mode] + std[mode] * torch.randn(n, generator=g), weight, mean, std))
    # A fine row of values: any other rule for the mode changes hands somewhere in it.
    for weight, mean, std in (house, other):
        low, high = float(mean.min()) - 4, float(mean[:2].max()) + 7
        cases.append((torch.linspace(low, high, 97), weight, mean, std))
    return cases


MISTAKES = [
    Mistake(
        _modes_nearest,
        "You choose the mode with the nearest mean. A value can be near a narrow mode, and "
        "still many of its standard deviations away. Compare probabilities: weight times "
        "density.",
    ),
    Mistake(
        _modes_nearest_in_std,
        "You choose the mode that is nearest in standard deviations. A wide mode wins too "
        "often that way: its density is low everywhere. And a rare mode should need more "
        "evidence.",
        slip={"(weight.log() - std.log() - z.square() / 2)": "(-z.square())"},
    ),
    Mistake(
        _modes_no_weight,
        "You compare the densities without the weights: a mode that holds two values in a "
        "hundred would count as much as the others.",
        slip={"weight.log() - std.log()": "-std.log()"},
    ),
    Mistake(
        _modes_no_height,
        "Your density lacks the factor one over the standard deviation: the same share of "
        "values in a narrower mode stands higher.",
        slip={"weight.log() - std.log() - z.square()": "weight.log() - z.square()"},
    ),
    Mistake(
        _modes_density_of(torch.square),
        "In the density you use the variance where the standard deviation belongs (`Normal` "
        "wants the standard deviation).",
    ),
    Mistake(
        _modes_density_of(torch.sqrt),
        "In the density you use the root of the standard deviation: `std` is no variance.",
    ),
    Mistake(
        _modes_density_square,
        "In the density you divide the square by the standard deviation. Divide it by the *variance*.",
    ),
    Mistake(
        _modes_density_height,
        "Your density is divided by the variance. The factor in front is one over the standard "
        "deviation.",
    ),
    Mistake(
        _modes_density_no_half,
        "In the exponent of the density a factor one half is missing.",
    ),
    Mistake(
        _modes_weight_squared,
        "The weight counts twice in your comparison: once is enough.",
    ),
    Mistake(
        _modes_drawn,
        "You draw the mode from its probabilities, as CTGAN does. Here the likeliest is asked "
        "for, so that the same value always gets the same code.",
    ),
    Mistake(
        _modes_mahalanobis,
        "You divide a distance by the weight. Compare probabilities: weight times density.",
    ),
    Mistake(
        _modes_weighted_log,
        "You multiply the *logarithm* of the density by the weight. With logarithms, the "
        "logarithm of the weight is added.",
    ),
    Mistake(
        _modes_heaviest,
        "You give every value the mode with the largest weight. The weight is only half of "
        "it: how likely is this value in each mode?",
    ),
    Mistake(
        _modes_one_std,
        "You divide by one standard deviation, and the cut then takes off a third of a "
        "normal distribution. The unit is four of them.",
    ),
    Mistake(
        _modes_variance,
        "You divide by the variance. The unit is four *standard deviations*.",
    ),
    Mistake(
        _modes_no_cut,
        "Your second number leaves [-1, 1], where no tanh can follow. Cut it.",
        slip={".clamp(-1, 1)": ""},
    ),
    Mistake(
        _modes_whole_column,
        "You scale with the mean and spread of the whole column. Each value has a mode: "
        "its mean and its standard deviation are meant, on the way back, too.",
    ),
    Mistake(
        _modes_kept,
        "You return the values you were given. Decode them from the mode and the place in "
        "it alone: what was cut off does not come back.",
    ),
    Mistake(
        _modes_decode_without_four,
        "The encoding is right. On the way back the 4 is missing.",
    ),
    Mistake(
        _modes_decode_blind,
        "The encoding is right. Your way back ignores the mode: the same place means "
        "another value in every mode.",
    ),
    Mistake(
        _modes_one_hot,
        "Your modes are one-hot rows. That is what a network gets; here the index is asked for.",
    ),
    Mistake(
        _modes_probabilities,
        "Your first part holds the probability of each mode. Asked for is the index of the likeliest.",
    ),
    Mistake(_modes_from_one, "Your modes are numbered from 1. The first is 0."),
    Mistake(
        _modes_tanh,
        "You squeeze the second number with a tanh. Then no value comes back as it was; cut at "
        "-1 and 1 instead.",
    ),
    Mistake(
        _modes_zero_one,
        "Your second number runs from 0 to 1. It should run from -1 to 1, with 0 at the mean.",
    ),
    Mistake(
        _modes_bare_decode,
        "The encoding is right. On the way back the unit is missing: four standard deviations "
        "of the mode.",
    ),
    Mistake(
        _modes_two,
        "The third part is missing: the value that comes back from mode and place.",
    ),
]

EXERCISE = Exercise(
    "14.5",
    "One value, two numbers",
    difficulty=2,
    minutes=15,
    reference=_modes,
    inputs=_modes_inputs,
    parts=("The mode", "The place in the mode", "The decoded value"),
    mistakes=MISTAKES,
)
