"""Exercises of chapter 14, Beyond pictures."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import gumbel_softmax, one_hot

from . import Exercise, Mistake

# --- 14.1 Gumbel-softmax ----------------------------------------------------------------------------


def _gumbel(u):
    return -torch.log(-torch.log(u))


def _bias(draws, logits):
    return draws, draws.mean(0) - torch.softmax(logits, dim=0)


def _gs(logits, tau, u):
    return _bias(torch.softmax((logits + _gumbel(u)) / tau, dim=1), logits)


def _gs_one_log(logits, tau, u):
    return _bias(torch.softmax((logits - torch.log(u)) / tau, dim=1), logits)


def _gs_sign(logits, tau, u):
    return _bias(torch.softmax((logits - _gumbel(u)) / tau, dim=1), logits)


def _gs_uniform(logits, tau, u):
    return _bias(torch.softmax((logits + u) / tau, dim=1), logits)


def _gs_times(logits, tau, u):
    return _bias(torch.softmax((logits + _gumbel(u)) * tau, dim=1), logits)


def _gs_cold_logits(logits, tau, u):
    return _bias(torch.softmax(logits / tau + _gumbel(u), dim=1), logits)


def _gs_axis(logits, tau, u):
    return _bias(torch.softmax((logits + _gumbel(u)) / tau, dim=0), logits)


def _gs_probabilities(logits, tau, u):
    draws = torch.softmax((torch.softmax(logits, dim=0) + _gumbel(u)) / tau, dim=1)
    return _bias(draws, logits)


def _gs_hard(logits, tau, u):
    draws = one_hot((logits + _gumbel(u)).argmax(1), len(logits)).to(logits.dtype)
    return _bias(draws, logits)


def _gs_warm_truth(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws.mean(0) - torch.softmax(logits / tau, dim=0)


def _gs_bias_sign(logits, tau, u):
    draws, bias = _gs(logits, tau, u)
    return draws, -bias


def _gs_mean(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws.mean(0)


def _gs_mirrored(logits, tau, u):
    return _gs(logits, tau, 1 - u)


def _gs_absolute(logits, tau, u):
    draws, bias = _gs(logits, tau, u)
    return draws, bias.abs()


def _gs_against_uniform(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws.mean(0) - 1 / len(logits)


def _gs_relative(logits, tau, u):
    draws, bias = _gs(logits, tau, u)
    return draws, bias / torch.softmax(logits, dim=0)


def _gs_against_hard(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws.mean(0) - _gs_hard(logits, tau, u)[0].mean(0)


def _gs_each(logits, tau, u):
    draws = _gs(logits, tau, u)[0]
    return draws, draws - torch.softmax(logits, dim=0)


def _gs_observe(result, args):
    """Draws and bias, and the gradient of a weighted sum of the draws with respect to the logits."""
    draws, bias = result
    weights = torch.arange(draws.numel(), dtype=draws.dtype).view(draws.shape) + 1
    if not draws.requires_grad:
        raise ValueError("no gradient leads from the draws to `logits`")
    (gradient,) = torch.autograd.grad((draws * weights).sum(), args[0], allow_unused=True)
    return {
        "The draws": draws.detach(),
        "The bias": bias.detach(),
        "The gradient": torch.zeros_like(args[0]) if gradient is None else gradient,
    }


def _gs_inputs(g):
    return [
        (
            torch.randn(k, generator=g).requires_grad_(),
            tau,
            torch.rand(n, k, generator=g) * 0.98 + 0.01,
        )
        for n, k, tau in ((6, 3, 0.5), (9, 4, 2.0), (5, 2, 0.2))
    ]


# --- 14.2 straight-through --------------------------------------------------------------------------


def _hard(p):
    return one_hot(p.argmax(-1), p.shape[-1]).to(p.dtype)


def _st(p):
    return _hard(p) + (p - p.detach())


def _st_observe(result, args):
    """The value, and the gradient of a weighted sum with respect to the probabilities."""
    if not result.requires_grad:
        raise ValueError("no gradient leads from the letters to `p`")
    weights = torch.arange(result.numel(), dtype=result.dtype).view(result.shape) + 1
    (gradient,) = torch.autograd.grad((result * weights).sum(), args[0], allow_unused=True)
    return {
        "The value": result.detach(),
        "The gradient": torch.zeros_like(args[0]) if gradient is None else gradient,
    }


def _st_sign(p):
    return _hard(p) + (p.detach() - p)


def _st_no_stop(p):
    return _hard(p) + (p - p)


def _st_sum(p):
    return _hard(p) + p


def _st_axis(p):
    hard = torch.zeros_like(p).scatter(1, p.argmax(1, keepdim=True), 1.0)
    return hard + (p - p.detach())


def _st_times(p):
    return _hard(p) * p / p.detach()


def _st_drawn(p):
    drawn = torch.multinomial(p.flatten(0, -2), 1).view(p.shape[:-1])
    return one_hot(drawn, p.shape[-1]).to(p.dtype) + (p - p.detach())


def _st_rounded(p):
    return p.round() + (p - p.detach())


def _st_gumbel(p):
    return gumbel_softmax(p, hard=True)


def _st_rows(p):
    return _st(p).flatten(0, 1)


def _st_masked(p):
    return _hard(p) * p + (_hard(p) - _hard(p) * p).detach()


def _st_inputs(g):
    return [
        (torch.softmax(torch.randn(shape, generator=g), -1).requires_grad_(),)
        for shape in ((3, 4, 5), (2, 6, 3), (4, 1, 2))
    ]


# --- 14.3 validity, uniqueness, novelty -------------------------------------------------------------


def _good(strings, valid):
    return [s for s, ok in zip(strings, valid, strict=True) if ok]


def _share(part, whole):
    return part / max(1, whole)


def _three(strings, valid, known):
    good = _good(strings, valid)
    kinds = set(good)
    return (
        _share(len(good), len(strings)),
        _share(len(kinds), len(good)),
        _share(len(kinds - set(known)), len(kinds)),
    )


def _three_unique_all(strings, valid, known):
    v, _, n = _three(strings, valid, known)
    return v, _share(len(set(strings)), len(strings)), n


def _three_valid_unique_of_all(strings, valid, known):
    v, _, n = _three(strings, valid, known)
    return v, _share(len(set(_good(strings, valid))), len(strings)), n


def _three_once(strings, valid, known):
    v, _, n = _three(strings, valid, known)
    good = _good(strings, valid)
    return v, _share(sum(good.count(s) == 1 for s in good), len(good)), n


def _three_novel_repeats(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    good = _good(strings, valid)
    return v, u, _share(sum(s not in known for s in good), len(good))


def _three_novel_invalid(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    kinds = set(strings)
    return v, u, _share(len(kinds - set(known)), len(kinds))


def _three_novel_of_all(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    return v, u, _share(len(set(_good(strings, valid)) - set(known)), len(strings))


def _three_novel_of_valid(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    good = _good(strings, valid)
    return v, u, _share(len(set(good) - set(known)), len(good))


def _three_copied(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    kinds = set(_good(strings, valid))
    return v, u, _share(len(kinds & set(known)), len(kinds))


def _three_percent(strings, valid, known):
    return tuple(100 * share for share in _three(strings, valid, known))


def _three_nan(strings, valid, known):
    return tuple(
        v if i == 0 or any(valid) else math.nan for i, v in enumerate(_three(strings, valid, known))
    )


def _three_divided(strings, valid, known):
    good = _good(strings, valid)
    kinds = set(good)
    return len(good) / len(strings), len(kinds) / len(good), len(kinds - known) / len(kinds)


def _three_by_known(strings, valid, known):
    v, u, _ = _three(strings, valid, known)
    return v, u, _share(len(set(_good(strings, valid)) - set(known)), len(known))


def _three_of_all(strings, valid, known):
    kinds, n = set(_good(strings, valid)), len(strings)
    return sum(valid) / n, len(kinds) / n, len(kinds - set(known)) / n


def _three_invalid(strings, valid, known):
    v, u, n = _three(strings, valid, known)
    return 1 - v, u, n


def _three_counts(strings, valid, known):
    kinds = set(_good(strings, valid))
    return sum(valid), len(kinds), len(kinds - set(known))


def _three_valid_kinds(strings, valid, known):
    _, u, n = _three(strings, valid, known)
    return _share(len(set(_good(strings, valid))), len(set(strings))), u, n


def _three_inputs(g):
    del g
    return [
        (["CO"], [True], {"CC"}),
        (
            ["CC", "CC", "CO", "C=", "N(", "CN", "C=", "OCO"],
            [True, True, True, False, False, True, False, True],
            {"CO", "CCC"},
        ),
        (["C("] * 3, [False] * 3, {"CC"}),
        (
            ["CCC", "NN", "CCC", "1C", "NN", "CCC", "C)", "C)"],
            [True, True, True, False, True, True, False, False],
            {"CCC"},
        ),
    ]


# --- 14.4 the cycle loss ----------------------------------------------------------------------------


def _l1(a, b):
    return (a - b).abs().sum(1).mean()


def _cycle(G, F, x, y):
    return _l1(F(G(x)), x) + _l1(G(F(y)), y)


def _cycle_one(G, F, x, y):
    return _l1(F(G(x)), x)


def _cycle_other_one(G, F, x, y):
    return _l1(G(F(y)), y)


def _cycle_squared(G, F, x, y):
    return (F(G(x)) - x).square().sum(1).mean() + (G(F(y)) - y).square().sum(1).mean()


def _cycle_identity(G, F, x, y):
    return _l1(G(x), x) + _l1(F(y), y)


def _cycle_same(G, F, x, y):
    return _l1(G(G(x)), x) + _l1(F(F(y)), y)


def _cycle_swapped(G, F, x, y):
    return _l1(G(F(x)), x) + _l1(F(G(y)), y)


def _cycle_pairs(G, F, x, y):
    n = min(len(x), len(y))
    return _l1(G(x)[:n], y[:n]) + _l1(F(y)[:n], x[:n])


def _cycle_mean(G, F, x, y):
    return (F(G(x)) - x).abs().mean() + (G(F(y)) - y).abs().mean()


def _cycle_half(G, F, x, y):
    return _cycle(G, F, x, y) / 2


def _cycle_total(G, F, x, y):
    return (F(G(x)) - x).abs().sum() + (G(F(y)) - y).abs().sum()


def _cycle_euclid(G, F, x, y):
    return (F(G(x)) - x).norm(dim=1).mean() + (G(F(y)) - y).norm(dim=1).mean()


def _cycle_detached(G, F, x, y):
    return _l1(F(G(x).detach()), x) + _l1(G(F(y).detach()), y)


def _cycle_item(G, F, x, y):
    return _cycle(G, F, x, y).item()


def _cycle_points(G, F, x, y):
    return (F(G(x)) - x).abs().sum(1)


def _cycle_all_points(G, F, x, y):
    return torch.cat([(F(G(x)) - x).abs().sum(1), (G(F(y)) - y).abs().sum(1)])


def _cycle_added_points(G, F, x, y):
    return (F(G(x)) - x).abs().sum(1) + (G(F(y)) - y).abs().sum(1)


def _cycle_pair(G, F, x, y):
    return _l1(F(G(x)), x), _l1(G(F(y)), y)


def _cycle_signed(G, F, x, y):
    return (F(G(x)) - x).sum(1).mean() + (G(F(y)) - y).sum(1).mean()


def _cycle_mean_first(G, F, x, y):
    return (F(G(x)) - x).mean(0).abs().sum() + (G(F(y)) - y).mean(0).abs().sum()


def _cycle_weighted(G, F, x, y):
    return 10 * _cycle(G, F, x, y)


def _cycle_with_identity(G, F, x, y):
    return _cycle(G, F, x, y) + _l1(G(y), y) + _l1(F(x), x)


def _cycle_difference(G, F, x, y):
    return _l1(F(G(x)), x) - _l1(G(F(y)), y)


def _cycle_one_average(G, F, x, y):
    return 2 * _cycle_all_points(G, F, x, y).mean()


def _cycle_observe(result, args):
    """The value, and the gradients of both translators."""
    seen = {"The loss": result.detach()}
    for name, net in zip(("The gradient of G", "The gradient of F"), args, strict=False):
        gradient = None
        if result.requires_grad:
            (gradient,) = torch.autograd.grad(
                result.sum(), net.weight, allow_unused=True, retain_graph=True
            )
        seen[name] = torch.zeros_like(net.weight) if gradient is None else gradient
    return seen


def _cycle_inputs(g):
    cases = []
    for n, m, d in ((5, 5, 2), (4, 7, 3)):
        translators = []
        for _ in range(2):
            net = nn.Linear(d, d)
            for parameter in net.parameters():
                parameter.data = torch.randn(parameter.shape, generator=g)
            translators.append(net)
        x, y = torch.randn(n, d, generator=g), torch.randn(m, d, generator=g)
        cases.append((*translators, x, y))
    return cases


# --- 14.5 mode-specific normalisation ----------------------------------------------------------------


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


EXERCISES = [
    Exercise(
        "14.1",
        "A Gumbel-softmax draw, and its bias",
        difficulty=2,
        minutes=10,
        reference=_gs,
        inputs=_gs_inputs,
        observe=_gs_observe,
        parts=("The draws", "The bias"),
        mistakes=[
            Mistake(
                _gs_one_log,
                "Your noise has one logarithm: that is exponential noise. With it the largest "
                "score no longer falls on each letter with its probability. Gumbel noise takes "
                "the logarithm twice, with a minus sign each time.",
            ),
            Mistake(
                _gs_sign,
                "Your noise has the wrong sign: the outer minus is missing (or the noise is "
                "subtracted). The Gumbel distribution is lopsided, so its negative is another "
                "distribution.",
            ),
            Mistake(
                _gs_uniform,
                "You add the uniform numbers themselves. They must first be turned into Gumbel "
                "noise.",
            ),
            Mistake(
                _gs_times,
                "You multiply by the temperature. A *low* temperature must give nearly hard draws.",
            ),
            Mistake(
                _gs_cold_logits,
                "You divide only the logits by `tau`. The noise is added first and the sum "
                "divided: else the temperature changes the probabilities of the letters and not "
                "only the softness.",
            ),
            Mistake(
                _gs_axis,
                "Your softmax runs over the draws. It belongs over the letters: each *row* adds "
                "up to 1.",
            ),
            Mistake(
                _gs_probabilities,
                "You add the noise to the probabilities. It belongs on the logits (or on the "
                "logarithms of the probabilities): only then is the largest sum letter `k` as "
                "often as it should be.",
            ),
            Mistake(
                _gs_hard,
                "These are hard draws: their average is right, and they have no slope. Here the "
                "soft ones are asked for.",
            ),
            Mistake(
                _gs_warm_truth,
                "The draws are right. Your bias compares with the softmax at temperature `tau`; "
                "the letters' probabilities are those of the logits as they are.",
            ),
            Mistake(
                _gs_bias_sign,
                "The draws are right; the bias has its sign turned round. It is the average of the "
                "draws minus the probabilities.",
            ),
            Mistake(
                _gs_mean,
                "The second part is the average of the draws. How far is it from the "
                "probabilities?",
            ),
            Mistake(
                _gs_mirrored,
                "You use 1 - u. It is as uniform as u, so your draws are as good; they are other "
                "draws than those of the given `u`.",
            ),
            Mistake(
                _gs_absolute,
                "Your bias has lost its sign. Too much of one letter is too little of another: keep it.",
            ),
            Mistake(
                _gs_against_uniform,
                "You compare the average with equal shares. Compare it with the letters' "
                "probabilities, the softmax of the logits.",
            ),
            Mistake(
                _gs_relative,
                "You divide the bias by the probabilities. Asked for is the plain difference.",
            ),
            Mistake(
                _gs_against_hard,
                "You compare with the average of hard draws, which has chance in it. The "
                "probabilities are known: the softmax of the logits.",
            ),
            Mistake(
                _gs_each,
                "You return a difference for each draw. The bias is that of their *average*.",
            ),
        ],
    ),
    Exercise(
        "14.2",
        "Straight through",
        difficulty=2,
        minutes=10,
        reference=_st,
        inputs=_st_inputs,
        observe=_st_observe,
        mistakes=[
            Mistake(
                _st_sign,
                "The value is right, and the gradient has the opposite sign: the detach is on the "
                "wrong term. A generator trained with this walks away from what the "
                "discriminator likes.",
            ),
            Mistake(
                _hard,
                "The value is right, and no gradient comes back: an index has none, and what is "
                "detached has none. Add something whose value is zero and whose gradient is not.",
            ),
            Mistake(
                _st_no_stop,
                "The value is right, and the gradient of `p` is zero. `p - p` has none: one of the two "
                "must be taken as a constant. (And `requires_grad_` on the letters only makes a new "
                "start of the graph.)",
            ),
            Mistake(
                lambda p: p,
                "You return the probabilities as they are: the discriminator would see no letter.",
            ),
            Mistake(
                _st_sum,
                "The gradient is right, and the value is hard *plus* soft. The soft part's value "
                "has to be taken off again, as a constant.",
            ),
            Mistake(
                _st_axis,
                "Your argmax runs over the places of the word. It belongs over the letters, the "
                "last axis.",
            ),
            Mistake(
                _st_times,
                "The value is right, and only the chosen letter gets a gradient, divided by its "
                "probability. The gradient asked for is that of `p`: the letters not chosen get "
                "one, too.",
            ),
            Mistake(
                _st_masked,
                "The value is right, and only the chosen letter gets a gradient. The gradient asked "
                "for is that of `p`: the letters not chosen get one, too.",
            ),
            Mistake(
                _st_drawn,
                "You draw a letter. The noise is in `p` already: take the likeliest.",
            ),
            Mistake(
                _st_gumbel,
                "You draw once more, with the probabilities for logits. The noise is in `p` already: "
                "take the likeliest letter.",
            ),
            Mistake(
                _st_rounded,
                "You round. Where no letter has more than one half, none is left: take the largest.",
            ),
            Mistake(
                _st_rows,
                "The values are right, but the words are gone: keep the shape of `p`.",
            ),
        ],
    ),
    Exercise(
        "14.3",
        "Validity, uniqueness, novelty",
        difficulty=1,
        minutes=10,
        reference=_three,
        inputs=_three_inputs,
        parts=("Validity", "Uniqueness", "Novelty"),
        mistakes=[
            Mistake(
                _three_unique_all,
                "Your uniqueness counts invalid strings, above and below the line. Only valid "
                "ones belong in it.",
            ),
            Mistake(
                _three_valid_unique_of_all,
                "Your uniqueness divides by all strings, so it contains the validity once more. "
                "Divide by the valid ones.",
            ),
            Mistake(
                _three_once,
                "You count strings that occur exactly once. A molecule that was written twice is "
                "still one different molecule.",
            ),
            Mistake(
                _three_novel_repeats,
                "Your novelty counts repetitions: one new molecule, written often, would raise "
                "it. Count different ones.",
            ),
            Mistake(
                _three_novel_invalid,
                "Your novelty counts invalid strings. Those are almost always new: the worst "
                "generator would look the most original.",
            ),
            Mistake(
                _three_novel_of_all,
                "Your novelty divides by all strings. Its denominator is the number of different "
                "valid ones.",
            ),
            Mistake(
                _three_novel_of_valid,
                "Your novelty divides by all valid strings, repetitions included, so it contains "
                "the uniqueness once more. Divide by the number of different ones.",
            ),
            Mistake(
                _three_copied,
                "Your third number is the share that *is* in the training data. Novelty is the "
                "rest.",
            ),
            Mistake(_three_percent, "These are percentages. Return shares between 0 and 1."),
            Mistake(_three_counts, "These are counts. Divide each by its own total."),
            Mistake(
                _three_nan,
                "With no valid string there is nothing to be unique or novel: those shares are 0, not "
                "NaN.",
            ),
            Mistake(
                _three_divided,
                "With no valid string you divide by zero. A share of nothing is 0.",
            ),
            Mistake(
                _three_by_known,
                "Your novelty divides by the size of the training set. Its denominator is the number "
                "of different valid strings.",
            ),
            Mistake(
                _three_of_all,
                "You divide all three by the number of strings. Mind the denominators: each share is "
                "one of what the share before has left.",
            ),
            Mistake(_three_invalid, "Your first number is the share of *invalid* strings."),
            Mistake(
                _three_valid_kinds,
                "Your validity counts different strings. Repetitions count here: valid strings over "
                "all strings.",
            ),
        ],
    ),
    Exercise(
        "14.4",
        "The cycle loss",
        difficulty=1,
        minutes=5,
        reference=_cycle,
        inputs=_cycle_inputs,
        observe=_cycle_observe,
        mistakes=[
            Mistake(
                _cycle_one,
                "Only one direction: from A there and back. The points of B must come home, too.",
            ),
            Mistake(
                _cycle_other_one,
                "Only one direction: from B there and back. The points of A must come home, too.",
            ),
            Mistake(
                _cycle_squared,
                "You square the differences. The loss takes their absolute values, which blur "
                "less.",
            ),
            Mistake(
                _cycle_identity,
                "You compare `G(x)` with `x`: that asks a translator to change nothing. Compare "
                "with `x` only after the way back.",
            ),
            Mistake(
                _cycle_same,
                "You apply the same translator twice. The way back belongs to the other one.",
            ),
            Mistake(
                _cycle_swapped,
                "`G` expects points of A and gets points of B: `F(x)` is no meaningful input. "
                "Start each cycle with the translator of its own side.",
            ),
            Mistake(
                _cycle_pairs,
                "You compare `G(x)` with `y` row by row. That needs pairs, and there are none: "
                "row `i` of `x` has nothing to do with row `i` of `y`.",
            ),
            Mistake(
                _cycle_mean,
                "You average over the coordinates as well. Sum over them, and average over the "
                "points.",
            ),
            Mistake(_cycle_half, "This is half the loss: the two directions are added."),
            Mistake(
                _cycle_total,
                "You sum over the points: the loss would grow with the batch. Average over them.",
            ),
            Mistake(
                _cycle_euclid,
                "You take the Euclidean distance. The loss takes the 1-norm, the sum of absolute "
                "differences.",
            ),
            Mistake(
                _cycle_detached,
                "The value is right, but the graph is cut between the two translators: the first "
                "of each cycle learns nothing from it. Don't detach.",
            ),
            Mistake(
                _cycle_item,
                "The value is right, but it is a plain number, from which no gradient comes: both "
                "translators are to learn from it. Return the tensor (without `.item()` or `detach`).",
            ),
            *(
                Mistake(
                    wrong,
                    "This is a loss for each point. Average over the points, each direction by "
                    "itself: A and B need not have equally many.",
                )
                for wrong in (_cycle_points, _cycle_all_points, _cycle_added_points)
            ),
            Mistake(_cycle_pair, "These are the two directions. The loss is their sum."),
            Mistake(
                _cycle_signed,
                "The absolute values are missing: errors to the left and to the right cancel.",
            ),
            Mistake(
                _cycle_mean_first,
                "You average over the points before taking absolute values, so errors of different "
                "points cancel. Absolute values first.",
            ),
            Mistake(
                _cycle_weighted,
                "This is ten times the loss. The weight that CycleGAN gives it belongs where the losses "
                "are added up.",
            ),
            Mistake(
                _cycle_with_identity,
                "You add CycleGAN's identity loss. It is a term of its own; here the cycle alone is "
                "asked for.",
            ),
            Mistake(_cycle_difference, "You subtract the second direction. Both are costs: add."),
            Mistake(
                _cycle_one_average,
                "You average over all points of both sides together. Where one side has more, it counts "
                "more: average each direction by itself.",
            ),
        ],
    ),
    Exercise(
        "14.5",
        "One value, two numbers",
        difficulty=2,
        minutes=15,
        reference=_modes,
        inputs=_modes_inputs,
        parts=("The mode", "The place in the mode", "The decoded value"),
        mistakes=[
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
            ),
            Mistake(
                _modes_no_weight,
                "You compare the densities without the weights: a mode that holds two values in a "
                "hundred would count as much as the others.",
            ),
            Mistake(
                _modes_no_height,
                "Your density lacks the factor one over the standard deviation: the same share of "
                "values in a narrower mode stands higher.",
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
                "In the density you divide the square by the standard deviation. Divide it by the "
                "*variance*.",
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
                "Your modes are one-hot rows. That is what a network gets; here the index is asked "
                "for.",
            ),
            Mistake(
                _modes_probabilities,
                "Your first part holds the probability of each mode. Asked for is the index of the "
                "likeliest.",
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
        ],
    ),
]
