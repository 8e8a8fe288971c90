"""Exercise 16.1: The average of what it may have been."""

import torch
from torch.nn import functional as F

from .. import Exercise, Mistake


def _shrunk(candidates, seen):
    return F.avg_pool2d(candidates, candidates.shape[-1] // seen.shape[-1])


def _squared(small, seen):
    return (seen[:, None] - small).square().flatten(2).sum(2)


def _weight(candidates, seen, sigma):
    return torch.softmax(-_squared(_shrunk(candidates, seen), seen) / (2 * sigma**2), dim=1)


def _blend(weight, candidates):
    return torch.tensordot(weight, candidates, dims=1)


def _mean(candidates, seen, sigma):
    return _blend(_weight(candidates, seen, sigma), candidates)


def _shrunk_by(shrink):
    """The answer with another way to shrink: candidates, factor -> small pictures."""

    def answer(candidates, seen, sigma):
        small = shrink(candidates, candidates.shape[-1] // seen.shape[-1])
        return _blend(torch.softmax(-_squared(small, seen) / (2 * sigma**2), dim=1), candidates)

    return answer


def _weighed(weigh):
    """The answer with other weights: squared error (N, K), sigma -> weights (N, K)."""

    def answer(candidates, seen, sigma):
        return _blend(weigh(_squared(_shrunk(candidates, seen), seen), sigma), candidates)

    return answer


def _scored(score):
    """The answer with another exponent: squared error (N, K), sigma -> exponent."""
    return _weighed(lambda squared, sigma: torch.softmax(score(squared, sigma), dim=1))


def _density(squared, sigma):
    return torch.exp(-squared / (2 * sigma**2))


def _shared(weight, beside=0.0):
    return weight / (weight.sum(1, keepdim=True) + beside)


def _mean_over_pixels(candidates, seen, sigma):
    return _mean(candidates, seen, sigma * seen[0].numel() ** 0.5)


def _mean_likeliest(candidates, seen, sigma):
    return candidates[_weight(candidates, seen, sigma).argmax(1)]


def _mean_prior(candidates, seen, sigma):
    return candidates.mean(0).expand(len(seen), *candidates.shape[1:])


def _mean_in_the_large(candidates, seen, sigma):
    factor = candidates.shape[-1] // seen.shape[-1]
    large = seen.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    return _blend(torch.softmax(-_squared(candidates, large) / (2 * sigma**2), dim=1), candidates)


def _mean_small(candidates, seen, sigma):
    return _blend(_weight(candidates, seen, sigma), _shrunk(candidates, seen))


def _mean_weights(candidates, seen, sigma):
    return _weight(candidates, seen, sigma)


def _mean_of_all(candidates, seen, sigma):
    return _mean(candidates, seen, sigma).mean(0)


def _mean_divided(candidates, seen, sigma):
    return _mean(candidates, seen, sigma) / len(candidates)


def _mean_one(candidates, seen, sigma):
    squared = (seen[:1] - _shrunk(candidates, seen)).square().flatten(1).sum(1)
    weight = torch.softmax(-squared / (2 * sigma**2), dim=0)
    return _blend(weight[None].expand(len(seen), -1), candidates)


def _mean_inputs(g):
    cases = []
    for n, k, c, small, factor, sigma in (
        (5, 7, 1, (4, 4), 2, 1.5),
        (3, 6, 3, (4, 2), 4, 1.0),
        (4, 9, 1, (3, 5), 4, 0.05),
    ):
        # Eighths, so that means of blocks are exact, in whatever order they are taken.
        candidates = torch.randint(-8, 9, (k, c, *(factor * side for side in small)), generator=g) / 8
        candidates[1] = candidates[0]  # another picture that looks the same when shrunk
        candidates[1, :, :2, :2] = candidates[0, :, :2, :2].flip(-1)
        noise = torch.randint(-64, 65, (n, c, *small), generator=g) / 64
        seen = F.avg_pool2d(candidates, factor)[torch.arange(n) % 3] + noise
        cases.append((candidates, seen, sigma))
    return cases


# Another way to write the last line, no mistake: no answer on the page is the odd one out.
_OTHER_SUM = {
    "torch.tensordot(weight, candidates, dims=1)": ('torch.einsum("nk,kchw->nchw", weight, candidates)')
}

MISTAKES = [
    Mistake(
        _shrunk_by(lambda candidates, factor: candidates[..., ::factor, ::factor]),
        "You shrink by keeping one pixel of each block. The small picture that was seen holds "
        "the *average* of each block.",
        slip={
            "F.avg_pool2d(candidates, factor)": "candidates[..., ::factor, ::factor]",
            **_OTHER_SUM,
        },
    ),
    Mistake(
        _shrunk_by(lambda candidates, factor: F.max_pool2d(candidates, factor)),
        "You shrink by the largest pixel of each block. The small picture that was seen holds "
        "the *average* of each block.",
    ),
    Mistake(
        _shrunk_by(lambda candidates, factor: factor**2 * F.avg_pool2d(candidates, factor)),
        "You shrink by the sum of each block. The small picture that was seen holds the "
        "*average* of each block.",
    ),
    *(
        Mistake(
            _shrunk_by(
                lambda candidates, factor, mode=mode: F.interpolate(
                    candidates, scale_factor=1 / factor, mode=mode
                )
            ),
            "You shrink by interpolating between the pixels near the middle of each block. The "
            "small picture that was seen holds the *average* over the whole block.",
        )
        for mode in ("bilinear", "bicubic")
    ),
    Mistake(
        _mean_over_pixels,
        "You average the squared differences over the pixels. Noise that is independent from "
        "pixel to pixel makes the probabilities multiply, so their logarithms *add up*: with an "
        "average, sixteen pixels tell no more than one.",
        slip={
            ".sum(2)": ".mean(2)",
            **_OTHER_SUM,
        },
    ),
    Mistake(
        _scored(lambda squared, sigma: -squared / sigma**2),
        "Your weights are too sure of themselves: a factor is missing in the exponent of the "
        "Gaussian density, where the square is divided by *twice* the variance.",
        slip={
            "(2 * sigma**2)": "sigma**2",
            **_OTHER_SUM,
        },
    ),
    Mistake(
        _scored(lambda squared, sigma: -squared / (2 * sigma)),
        "In the exponent you divide by the standard deviation. There the square is divided by "
        "twice the *variance*.",
    ),
    Mistake(
        _scored(lambda squared, sigma: -squared),
        "`sigma` has no effect. The smaller the noise, the more a small difference tells.",
    ),
    Mistake(
        _scored(lambda squared, sigma: -squared / 2),
        "`sigma` has no effect, as if it were 1. The smaller the noise, the more a small "
        "difference tells.",
    ),
    Mistake(
        _scored(lambda squared, sigma: squared / (2 * sigma**2)),
        "A sign is missing: the candidates that look *least* like the small picture get the "
        "largest weights.",
    ),
    Mistake(
        _scored(lambda squared, sigma: -squared.sqrt() / (2 * sigma**2)),
        "In the exponent stands the distance. A Gaussian density has its *square* there.",
    ),
    Mistake(
        _scored(lambda squared, sigma: -squared.sqrt()),
        "In the exponent stands the plain distance. A Gaussian density has its *square* there, "
        "divided by twice the variance.",
    ),
    Mistake(
        _weighed(lambda squared, sigma: torch.softmax(-squared / (2 * sigma**2), dim=0)),
        "Your weights add up to 1 over the small pictures that were seen. For *each* of these "
        "they must add up to 1 over the candidates.",
        slip={", dim=1)\n": ", dim=0)\n", **_OTHER_SUM},
    ),
    Mistake(
        _mean_likeliest,
        "You return the likeliest candidate. That is one possible picture, and a crisp one; the "
        "answer with the least squared error is an average of all, each as much as it is likely.",
    ),
    Mistake(
        _weighed(lambda squared, sigma: _shared((squared == squared.amin(1, keepdim=True)).float())),
        "You average only the candidates that fit best. The others are possible, too, each as "
        "much as the noise allows.",
    ),
    Mistake(
        _mean_prior,
        "This is the average of all candidates, whatever was seen. Weigh them by how well each, "
        "shrunk, fits the small picture.",
    ),
    Mistake(
        _weighed(_density),
        "Your weights are densities and do not add up to 1, so that the result is no average: with "
        "small noise it is zero. Divide by their sum (as a softmax does).",
    ),
    Mistake(
        _weighed(lambda squared, sigma: _shared(_density(squared, sigma))),
        "With small noise all your densities underflow to 0, and 0 / 0 is NaN. Only their "
        "ratios count: a softmax of the exponents computes these without underflow.",
    ),
    Mistake(
        _weighed(lambda squared, sigma: _shared(_density(squared, sigma), 1e-8)),
        "With small noise all your densities underflow to 0; the tiny number in the denominator "
        "hides that, and your answer is 0 everywhere. A softmax of the exponents has no underflow.",
    ),
    Mistake(
        _weighed(lambda squared, sigma: _shared(1 / (squared + 1e-8))),
        "Your weights are one over the squared difference. How likely a difference is says the "
        "noise: a Gaussian with standard deviation `sigma`.",
    ),
    Mistake(
        _mean_in_the_large,
        "You enlarge the small picture and compare large pictures: a candidate then pays for its "
        "own fine detail, about which the small picture says nothing. Compare small ones.",
    ),
    Mistake(
        _mean_small,
        "These are the averages of the *shrunk* candidates. The weights come from the small "
        "pictures; the average is over the large ones.",
    ),
    Mistake(
        _mean_weights,
        "These are the weights, one for each candidate. Return the pictures that they average to.",
    ),
    Mistake(
        _mean_of_all,
        "You averaged over the pictures that were seen. Return one large picture for each.",
    ),
    Mistake(
        _mean_divided,
        "You divide by the number of candidates. Weights that add up to 1 are an average already.",
    ),
    Mistake(
        _mean_one,
        "All answers are that for the first small picture. Each of the small pictures has "
        "weights of its own.",
    ),
]

EXERCISE = Exercise(
    "16.1",
    "The average of what it may have been",
    difficulty=2,
    minutes=12,
    reference=_mean,
    inputs=_mean_inputs,
    rtol=1e-3,
    atol=1e-4,
    mistakes=MISTAKES,
)
