"""Case 15.4: Everything is grey."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign
from ._probes import INF


def _sick(images):
    return images.float() / 255


def _well(images):
    return images.float() / 127.5 - 1


_BACKGROUND = ward.digits().images.float().mean((0, 1)) < 13  # pixels that are black on average


def _prepared(prepare: Callable, images: Tensor) -> Tensor:
    ready = ward.tensor(prepare(images.clone()), "prepare", tuple(images.shape))
    if not ready.is_floating_point():
        kind = str(ready.dtype).removeprefix("torch.")
        raise ward.Unusable(f"prepare should return floats (float32); it returned {kind}.")
    return ready


def _bench(prepare: Callable, seed: int) -> Exam:
    images = ward.digits().images
    ready = _prepared(prepare, images)
    star = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    star[..., 1, 2] = 255
    shown = _prepared(prepare, star)
    if (shown != shown.median()).sum() == 1 and shown[..., 1, 2] == shown.median():
        raise ward.Unusable(
            "prepare moves pixels about: the one white pixel of a black picture came out in another "
            "place. Only the values are to change."
        )
    ramp = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
    levels, dim = _prepared(prepare, 4 * ramp), _prepared(prepare, 2 * ramp + 1)
    signs = {
        "black becomes": ready[images == 0].mean().item(),
        "white becomes": ready[images == 255].mean().item(),
        "a dim picture's white (127) becomes": dim.max().item(),
        "grey levels kept, of 64": float(len(levels.unique())),
    }
    return Exam(signs)


def _run(prepare: Callable, seed: int) -> Exam:
    ready = _prepared(prepare, ward.digits().images)
    exam = ward.digits_run(seed, images=ready)
    shown = (exam.pictures["images"] + 1) / 2  # as the course's figures show pictures
    exam.signs = {
        "background shown as (0 black, 1 white)": shown[:, 0, _BACKGROUND].mean().item(),
        "Fréchet distance": exam.signs["distance"],
    }
    exam.pictures["ready"] = ready
    return exam


SIGNS = (
    Sign(
        "black becomes",
        -1.001,
        -0.99,
        exact=True,
        too_low="Black lands below -1, where no tanh gets to.",
        too_high="Black does not land at -1, the darkest that a tanh can paint.",
    ),
    Sign(
        "white becomes",
        0.99,
        1.001,
        exact=True,
        too_low="Black is right, and white does not get to 1: half of the range stands idle, "
        "or the numbers wrapped round.",
        too_high="White lands above 1, where no tanh gets to.",
    ),
    Sign(
        "a dim picture's white (127) becomes",
        -0.02,
        0.02,
        exact=True,
        too_low="Middle grey lands below 0: the way from black to white is not a straight line, "
        "or it depends on the picture.",
        too_high="Middle grey lands above 0: the way from black to white is not a straight "
        "line, or it depends on the batch.",
    ),
    Sign(
        "grey levels kept, of 64",
        64,
        64,
        exact=True,
        too_low="Different greys have become the same: something rounds or cuts them.",
    ),
    Sign("background shown as (0 black, 1 white)", -INF, 0.12, trained=True),
    Sign("Fréchet distance", -INF, 45, trained=True),
)

MISTAKES = [
    Mistake(
        lambda images: images.float() / 127.5,
        "Wide enough now, but in the wrong place: your pictures lie in [0, 2], and a tanh never "
        "gets to 2. Shift as well as scale.",
        slip={" / 127.5 - 1": " / 127.5"},
    ),
    Mistake(
        lambda images: images.float() / 255 - 0.5,
        "Centered, but half as wide as a tanh: your pictures lie in [-0.5, 0.5].",
        slip={" / 127.5 - 1": " / 255 - 0.5"},
    ),
    Mistake(
        lambda images: (images.float() - images.float().mean()) / images.float().std(),
        "Mean 0 and standard deviation 1 is right for a classifier's input. A tanh generator "
        "needs *bounds*: black at -1, white at 1.",
    ),
    Mistake(
        lambda images: 1 - images.float() / 127.5,
        "The range is right and the pictures are negatives: black has become 1.",
        slip={"images.float() / 127.5 - 1": "1 - images.float() / 127.5"},
    ),
    Mistake(
        lambda images: 2 * images.float() / images.max() - 1,
        "You divide by the brightest pixel *of this batch*: a dim picture comes out as bright "
        "as a white one, and the range depends on the company. Divide by a constant.",
    ),
    Mistake(
        lambda images: (images > 127).float() * 2 - 1,
        "Black is -1 and white is 1, but all grey levels are gone.",
        slip={"images.float() / 127.5 - 1": "(images > 127).float() * 2 - 1"},
    ),
    Mistake(
        lambda images: (2 * images - 255).float() / 255,
        "You compute with bytes and make floats of them afterwards: a byte wraps round, 256 is 0 "
        "again. First floats, then arithmetic.",
    ),
    Mistake(
        lambda images: torch.tanh(images.float() / 127.5 - 1),
        "The tanh belongs at the end of the *generator*. On the data it pulls black and white away "
        "from the ends, to 0.76.",
    ),
    Mistake(
        lambda images: (images.float() / 127.5 - 1).clamp(0, 1),
        "Shifted and scaled rightly, and then everything darker than middle grey is cut off. The "
        "range of a tanh has a negative half.",
    ),
    Mistake(
        lambda images: images.float() / 255 * 2 - 0.5,
        "Wide enough, and shifted by half of what is needed: your pictures lie in [-0.5, 1.5].",
    ),
]

EXERCISE = Case(
    "15.4",
    "Everything is grey",
    difficulty=1,
    minutes=8,
    reference=_well,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="data and generator live in different ranges",
    ill="return images.float() / 255",
    symptom="Black is still 0 for the data and -1 for everybody else.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
