"""Exercises of chapters 11 to 14: right answers in other dress pass, likely slips have a name."""

import inspect
import itertools
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gancourse import exercises as ex

RIGHT = {exercise: ex.EXERCISES[exercise].reference for exercise in ex.EXERCISES}


def answer(exercise, change):
    """The right function of `exercise`, its result put through `change`."""

    def function(*args):
        return change(RIGHT[exercise](*args))

    function.__signature__ = inspect.signature(RIGHT[exercise])
    return function


def to_numpy(result):
    if isinstance(result, (tuple, list)):
        return [to_numpy(part) for part in result]
    return result.detach().numpy() if isinstance(result, torch.Tensor) else np.float64(result)


def to_double(result):
    if isinstance(result, (tuple, list)):
        return tuple(map(to_double, result))
    return result.double() if torch.is_tensor(result) and result.is_floating_point() else result


FUNCTIONS = [k for k in RIGHT if k.split(".")[0] in ("11", "12", "13", "14") and callable(RIGHT[k])]
NO_GRAPH = ("11.2", "13.1", "14.1", "14.2", "14.4")  # to be trained through: numpy has no graph


@pytest.mark.parametrize("exercise", FUNCTIONS)
def test_a_right_value_in_other_dress_passes(exercise):
    for change in (to_numpy, to_double):
        if change is to_numpy and exercise in NO_GRAPH:
            continue
        report = ex.check(exercise, answer(exercise, change))
        assert report.passed, report.message


def test_one_number_in_a_list_and_modes_as_int32():
    assert ex.check("14.4", answer("14.4", lambda loss: loss.reshape(1))).passed
    assert ex.check("14.5", answer("14.5", lambda r: (r[0].int(), *r[1:]))).passed
    assert ex.check("12.1", answer("12.1", np.array)).passed
    assert ex.check("11.4", answer("11.4", torch.tensor)).passed


@pytest.mark.parametrize("exercise, known", [("12.4", "ABCD"), ("13.4", "ABCDE")])
def test_each_wrong_set_of_letters_has_its_own_words(exercise, known):
    right = RIGHT[exercise]
    for text in ("".join(sorted(right)), ", ".join(sorted(right)), " and ".join(right)):
        assert ex.check(exercise, text).passed
    for size in range(len(known) + 1):
        for chosen in itertools.combinations(known, size):
            report = ex.check(exercise, set(chosen))
            assert report.passed == (set(chosen) == right)
            if not report.passed:
                assert any(report.message == m.message for m in ex.EXERCISES[exercise].mistakes)
    assert "F" in ex.check(exercise, {"B", "F"}).message


def gaussian(x, decoded, sigma):
    return torch.distributions.Normal(decoded, sigma).log_prob(x)


def kl(mean, logvar):
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar)


def step_clipped(x, v, u, s):
    a, b = math.cos(math.pi / 2 * u), math.sin(math.pi / 2 * u)
    c, d = math.cos(math.pi / 2 * s), math.sin(math.pi / 2 * s)
    return c * (a * x - b * v).clip(-1, 1) + d * (b * x + a * v)


def with_std(change):
    """Exercise 14.5, its modes chosen by a density with `change(std)` for the spread."""

    def modes(x, weight, mean, std):
        density = weight * gaussian(x[:, None], mean, change(std)).exp()
        mode = density.argmax(1)
        within = ((x - mean[mode]) / (4 * std[mode])).clamp(-1, 1)
        return mode, within, mean[mode] + 4 * std[mode] * within

    return modes


SLIPS = [
    ("11.1", lambda old, new, alpha: (1 - alpha) * F.pixel_shuffle(torch.cat([old] * 4, 1), 2)
     + alpha * new, "neighbouring"),
    ("11.4", lambda generator, z, psis, score: [
        score(generator.synthesis(c + p * (generator.mapping(z) - c)))
        for c in [generator.mapping(torch.randn(10_000, z.shape[1])).mean(0)] for p in psis
    ], "other latents"),
    ("12.5", lambda gradients, clip, sigma, noise, batch: (
        (gradients / (gradients.norm(dim=1, keepdim=True) / clip).clamp(min=1)).sum(0)
        + sigma**2 * clip * noise) / batch, "squared"),
    ("13.1", lambda x, decoded, mean, logvar, sigma: gaussian(x, decoded, sigma).mean(1)
     - kl(mean, logvar).sum(1), "commonest"),
    ("13.2", lambda x, eps, u: [part * by for part, by in zip(
        RIGHT["13.2"](x, eps, u), (1, math.pi / 2))], "time"),
    ("13.3", step_clipped, "clip"),
    ("13.3", lambda x, v, u, s: x - (u - s) * v, "straight step"),
    ("14.4", lambda G, F, x, y: float(RIGHT["14.4"](G, F, x, y)), "plain number"),
    ("14.4", lambda G, F, x, y: RIGHT["14.4"](G, F, x, y).detach(), "plain number"),
    ("14.4", lambda G, F, x, y: (F(G(x)) - x).abs().sum(1), "each point"),
    ("14.5", with_std(torch.square), "variance"),
    ("14.5", with_std(torch.sqrt), "no variance"),
    ("14.5", with_std(torch.ones_like), ""),
]  # fmt: skip


@pytest.mark.parametrize("exercise, slip, word", SLIPS)
def test_likely_slips_are_named(exercise, slip, word):
    report = ex.check(exercise, slip)
    assert not report.passed and word in report.message
    if word:
        assert any(m.message in report.message for m in ex.EXERCISES[exercise].mistakes)
