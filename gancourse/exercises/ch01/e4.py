"""Exercise 1.4: The ratio inside the logit."""

import math

import torch

from .. import Exercise, Mistake
from .._variant import Draw, Variant, signed


def _density_ratio(logits, n_real, n_fake):
    return logits.exp() * n_fake / n_real


MISTAKES = [
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() * (n_fake // n_real),
        "`//` cuts the quotient off to a whole number: with 300 real and 100 generated samples it "
        "is 0. Use `/`.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() / (n_real // n_fake),
        "`//` cuts the quotient off to a whole number, 0 for 64 real and 256 generated samples. "
        "Use `/`.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: (d := torch.sigmoid(logits.double())) / (1 - d) * n_fake / n_real,
        "The formula is right, but even in float64 the sigmoid of 30 has lost most digits of "
        "1 - D. What is D/(1 - D) in terms of the logit?",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() * (n_real + n_fake) / n_real,
        "You multiply by the number of all samples for each real one; what is needed is how many "
        "*generated* ones there are for each real one.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp(),
        "Right if D saw as many real samples as generated ones. With more real samples D leans to "
        "'real' everywhere; take the numbers n_real and n_fake into account.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() * n_real / n_fake,
        "The correction is upside down: with more real samples the logit is too large, so the "
        "ratio must come out smaller than exp(logit).",
        slip={"logits.exp() * n_fake / n_real": "logits.exp() * n_real / n_fake"},
    ),
    Mistake(
        lambda logits, n_real, n_fake: torch.sigmoid(logits),
        "This is D itself, a probability. Solve D = p/(p + q) for p/q.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: torch.sigmoid(logits) / (1 - torch.sigmoid(logits)),
        "D/(1 - D) is exp(logit), but not in float32: at logit 30 the sigmoid is exactly 1, and "
        "you divide by 0. Stay with the logit; and take n_real and n_fake into account.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: (
            torch.sigmoid(logits) / (1 - torch.sigmoid(logits)) * n_fake / n_real
        ),
        "The formula is right, but at logit 30 the sigmoid is exactly 1 in float32, and you divide "
        "by 0. What is D/(1 - D) in terms of the logit?",
        slip={"exp(": "sigmoid() / (1 - logits.sigmoid()"},
    ),
    Mistake(
        lambda logits, n_real, n_fake: (-logits).exp() * n_real / n_fake,
        "This is q/p. The ratio asked for is p/q: large where D says 'real'.",
        slip={"logits.exp() * n_fake / n_real": "(-logits).exp() * n_real / n_fake"},
    ),
    Mistake(
        lambda logits, n_real, n_fake: (-logits).exp(),
        "This is q/p for equal numbers of samples. Asked for is p/q, and n_real and n_fake count.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits + math.log(n_fake / n_real),
        "This is the logarithm of the ratio, and it is right: one step is left.",
    ),
    Mistake(
        lambda logits, n_real, n_fake: logits.exp() * n_fake / (n_real + n_fake),
        "You multiply by the share of generated samples; what is needed is how many there are for "
        "each real one.",
        slip={" * n_fake / n_real": " * (n_fake / (n_real + n_fake))"},
    ),
]


def _anew(draw: Draw) -> Variant:
    real, fake = draw.some((100, 200, 300, 400, 500, 800), 2)
    logit = draw.one((-1, 1)) * draw.whole(5, 25) / 10
    ratio = _density_ratio(torch.tensor(logit), real, fake).item()
    return Variant(
        f"A discriminator was trained to the optimum on {real} real and {fake} generated samples. At a "
        f"place its logit is {signed(logit)}. How many times as large as the generator's density is "
        "that of the data there (three digits)?",
        f"{ratio:.3g}",
        f"The exponential of the logit, {math.exp(logit):.3g}, is the ratio that the discriminator saw; "
        f"times {fake}/{real} for the unequal numbers.",
    )


EXERCISE = Exercise(
    "1.4",
    "The ratio inside the logit",
    difficulty=2,
    minutes=10,
    reference=_density_ratio,
    mistakes=MISTAKES,
    variant=_anew,
    inputs=lambda g: [
        (torch.randn(5, generator=g), 100, 100),
        (torch.randn(4, generator=g), 300, 100),
        (torch.tensor([30.0, -30.0, 0.0]), 64, 256),
    ],
)
