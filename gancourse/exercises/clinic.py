"""Exercises of chapter 15, The debugging clinic: twelve functions that run and are ill.

Each case holds the broken function (the stub in the notebook, word for word), the repaired one, a
bench and a run that turn a function into signs, and wrong edits. Signs are about the method and not
about the text, so that any correct repair is cured: a bench asks what can be worked out by hand.
Healthy ranges of a run were set from ten seeds of the repaired function; the recorded run
`clinic-seeds` shows five of each side.
"""

from __future__ import annotations

import copy
import functools
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, softplus
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from gancourse import data, metrics

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign, examined
from ._charts import DRAWN, log
from ._ward import critic_run, energy, frechet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXERCISES", "Exam", "admit", "chart", "critic_run", "energy", "frechet", "log"]
INF = math.inf


class _Linear(nn.Module):
    """f(x) = w . x, for probes that can be worked out by hand."""

    def __init__(self, *w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.w


class _Shift(nn.Module):
    """G(z) = z + b."""

    def __init__(self, *b: float) -> None:
        super().__init__()
        self.b = nn.Parameter(torch.tensor(b))

    def forward(self, z: Tensor) -> Tensor:
        return z + self.b


# --- 15.1 -----------------------------------------------------------------------------------------


def _sick_1(D, G, adam, real, z):
    with torch.no_grad():
        fake = G(z)
    real_loss = softplus(-D(real)).mean()
    fake_loss = softplus(D(fake)).mean()
    adam.zero_grad()
    fake_loss.backward()
    adam.step()
    return real_loss.item(), fake_loss.item()


def _discriminator_step(objective: Callable) -> Callable:
    def d_step(D, G, adam, real, z):
        real_logits, fake_logits = D(real), D(G(z).detach())
        adam.zero_grad()
        objective(real_logits, fake_logits).backward()
        adam.step()
        return softplus(-real_logits).mean().item(), softplus(fake_logits).mean().item()

    return d_step


def _d_steps(d_step: Callable, w: tuple[float, ...], rate: float, steps: int) -> tuple[list, list]:
    """Movements of D's weights by d_step, in units of the rate, and the losses logged at the end.

    D(x) = w . x, real points lie at (1, 0, 0), and G shifts its latents to fakes at (0, 1, 0).
    """
    D, G = _Linear(*w), _Shift(-1.0, 0.0, 0.0)
    real, z = torch.tensor([1.0, 0.0, 0.0]).repeat(64, 1), torch.tensor([1.0, 1.0, 0.0])
    sgd, moved, logged = torch.optim.SGD(D.parameters(), rate), [], list[float]()
    for _ in range(steps):
        before = D.w.detach().clone()
        found = ward.pair(
            d_step(D, G, sgd, real, z.repeat(64, 1)), "d_step", "real_loss, fake_loss"
        )
        moved.append(((D.w.detach() - before) / max(rate, 1e-9)).tolist())
        logged = [ward.value(loss, "d_step") for loss in found]
    return moved, logged


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.copysign(math.inf, a) if a else 0.0


def _bench_1(d_step: Callable, seed: int) -> Exam:
    # Logits of 0.3 and 0.4: there hinge and least squares pull real points up and fakes down, too.
    (first, second), _ = _d_steps(d_step, (0.3, 0.4, 0.0), 0.1, 2)
    logged = [sum(_d_steps(d_step, w, 0.0, 1)[1]) for w in ((-1.0, 1.0, 0.0), (1.0, -1.0, 0.0))]
    wrong, right = (_d_steps(d_step, w, 0.0, 1)[1] for w in ((-1.0, 0.0, 0.0), (1.0, 0.0, 0.0)))
    if wrong[0] - right[0] < wrong[1] - right[1] - 1e-3:
        raise ward.Unusable(
            "d_step should return real_loss first and fake_loss second: yours come the other way "
            "round, so that the log is read wrongly."
        )
    again = [_ratio(b, a) for a, b in zip(first[:2], second[:2]) if a]
    signs = {
        "one step moves D(real) by": first[0],
        "one step moves D(fake) by": first[1],
        "pull on real / pull on fakes": _ratio(*map(abs, first[:2])) if any(first[:2]) else 1.0,
        "one step moves D elsewhere by": abs(first[2]),
        "second step / first step": max(again, default=0.0),
        "logged losses, D wrong minus D right": logged[0] - logged[1],
    }
    return Exam(signs)


def _run_1(d_step: Callable, seed: int, rate_of_g: float = 4e-3) -> Exam:
    exam = ward.ring_run(
        seed,
        d_step=lambda *args: ward.pair(d_step(*args), "d_step", "real_loss, fake_loss"),
        rate_of_g=rate_of_g,
    )
    exam.signs = {
        "right about real points": exam.signs["right on real"],
        "distance to the data": exam.signs["distance"],
        "modes covered, of 8": exam.signs["modes"],
    }
    return exam


_ONE = Case(
    "15.1",
    "It catches every forgery",
    difficulty=1,
    minutes=8,
    reference=ward.d_step,
    broken=_sick_1,
    bench=_bench_1,
    run=_run_1,
    second_run=lambda d_step, seed: _run_1(d_step, seed, rate_of_g=1e-3),  # a hinge needs it
    symptom="D still learns from fakes only, and is wrong about nearly every real point.",
    signs=(
        Sign(
            "one step moves D(real) by",
            0.05,
            8,
            exact=True,
            too_low="D's step hardly raises its answer on real points: does their loss reach "
            "`backward`, in full, and does `step` come after it?",
            too_high="The step is far too long: is the loss a sum over the batch, or multiplied?",
        ),
        Sign(
            "one step moves D elsewhere by",
            0,
            1e-3,
            exact=True,
            too_high="D learns about places where there are neither real points nor samples of G. "
            "The fakes have to be G's.",
        ),
        Sign(
            "one step moves D(fake) by",
            -8,
            -0.05,
            exact=True,
            too_low="The step is far too long: a sum over the batch where a mean was?",
            too_high="D's step does not lower its answer on fakes: does their loss reach "
            "`backward`, with the right sign?",
        ),
        Sign(
            "pull on real / pull on fakes",
            0.2,
            5,
            exact=True,
            too_low="Next to the fakes' loss that of the real points weighs nothing. Both halves "
            "count alike.",
            too_high="Next to the real points' loss that of the fakes weighs nothing. Both halves "
            "count alike.",
        ),
        Sign(
            "second step / first step",
            0.2,
            1.5,
            exact=True,
            too_low="The second step hardly moves D, or moves it back.",
            too_high="The second step repeats the first and adds its own: gradients pile up. Set "
            "them to zero before `backward`.",
        ),
        Sign(
            "logged losses, D wrong minus D right",
            0.1,
            INF,
            exact=True,
            too_low="D learns, and what you return is not its loss: it should be larger when D is "
            "wrong.",
        ),
        Sign("right about real points", 0.15, 1, trained=True),
        Sign("distance to the data", -INF, 0.15, trained=True),
        Sign("modes covered, of 8", 6, 8, trained=True),
    ),
    mistakes=[
        Mistake(
            _discriminator_step(lambda r, f: softplus(-r).mean()),
            "Now D learns from the real points only, and calls everything real. It needs both "
            "halves of its loss in one step.",
        ),
        Mistake(
            _discriminator_step(lambda r, f: softplus(-r).mean() + softplus(-f).mean()),
            "Both halves are there, but D is asked to call the fakes real as well: that is the "
            "generator's wish. Look at the sign inside the fakes' half.",
        ),
        Mistake(
            _discriminator_step(lambda r, f: softplus(-r).mean() - softplus(f).mean()),
            "The two losses have to be *added*: both are errors of D, and D wants both small. Your "
            "difference rewards errors on fakes.",
        ),
        Mistake(
            _discriminator_step(lambda r, f: softplus(r).mean() + softplus(f).mean()),
            "D now sees the real points, and is asked to call them fake, too: look at the sign "
            "inside the real half.",
        ),
        Mistake(
            _discriminator_step(lambda r, f: bce(r, torch.full_like(r, 0.9)) + softplus(f).mean()),
            "Both halves are there. But label smoothing is a treatment of its own: D's answer when "
            "it can't tell sinks from 0.5 to 0.45, so hardly a real point counts as real any more. "
            "Repair first, and without it.",
        ),
    ],
)

# --- 15.2 -----------------------------------------------------------------------------------------


def _sick_2(real_logits, fake_logits):
    d_loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    g_loss = softplus(fake_logits).mean()
    return d_loss, g_loss


def _well_2(real_logits, fake_logits):
    d_loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    g_loss = softplus(-fake_logits).mean()
    return d_loss, g_loss


def _slopes(losses: Callable, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How D's loss falls with its logits on real and fake points, and G's with those on fakes."""
    real, fake = real.clone().requires_grad_(), fake.clone().requires_grad_()
    found: list[Tensor] = []
    for loss, logits in zip(ward.two_losses(losses(real, fake)), ((real, fake), (fake,))):
        slopes: tuple[Tensor | None, ...] = (None,) * len(logits)
        if loss.requires_grad:
            slopes = torch.autograd.grad(loss, logits, allow_unused=True, retain_graph=True)
        found += [torch.zeros(len(real)) if slope is None else slope for slope in slopes]
    return found[0], found[1], found[2]


_LOGITS = tuple(  # D is right, D is wrong; within (0, 1), where hinge and least squares pull, too
    (torch.tensor(real).repeat(16), torch.tensor(fake).repeat(16))
    for real, fake in (([0.8, 0.9, 0.6], [0.2, 0.4, 0.1]), ([0.2, 0.1, 0.4], [0.8, 0.5, 0.9]))
)


def _agreements(losses: Callable) -> tuple[float, float, float, float, list[float]]:
    """How the pulls agree: G's with D's on the fakes, D's on real with D's on fakes; their sizes.

    Returns two cosines (the worse of two batches), D's pull on real over that on fakes, the largest
    pull of all, and the pulls themselves.
    """
    found = [_slopes(losses, *logits) for logits in _LOGITS]
    cosine = torch.nn.functional.cosine_similarity
    players = max(cosine(f, g, dim=0).item() for _, f, g in found)
    sides = max((r.sum().sign() * f.sum().sign()).item() for r, f, _ in found)
    prints = [s.sum().item() for triple in found for s in triple]
    balance = [_ratio(abs(a), abs(b)) for a, b in (prints[:2], prints[3:5])]
    worst = max(balance, key=lambda ratio: abs(math.log(ratio)) if 0 < ratio < INF else INF)
    return players, sides, worst, max(map(abs, prints)), prints


def _alliance(players: str, sides: str, d: str) -> tuple[Sign, ...]:
    """The bench signs of two players' losses, for cases 2 and 6."""
    return (
        Sign(
            players, -INF, -0.5, exact=True,
            too_high=f"On the fakes {d} and G do not pull against each other: what makes the one "
            "loss small must make the other large.",
        ),
        Sign(
            sides, -1, -1, exact=True,
            too_high=f"{d[0].upper()}{d[1:]}'s loss does not pull real and fake apart: it has to "
            "push the one up and the other down, and both have to be in it.",
        ),
        Sign(
            f"{d}'s pull on real / on fakes", 0.2, 5, exact=True,
            too_low=f"In {d}'s loss the real half weighs next to nothing.",
            too_high=f"In {d}'s loss the half on fakes weighs next to nothing.",
        ),
        Sign(
            "largest pull of a batch", 0.02, 8, exact=True,
            too_low="The losses hardly depend on the logits.",
            too_high="The losses grow with the batch: a sum where a mean was?",
        ),
    )  # fmt: skip


def _bench_2(losses: Callable, seed: int) -> Exam:
    players, sides, balance, size, prints = _agreements(losses)
    signs = {
        "pulls of G and D on fakes (cosine)": players,
        "pulls of D on real and fake (sign)": sides,
        "D's pull on real / on fakes": balance,
        "largest pull of a batch": size,
    }
    return Exam(signs, fingerprint=prints)


def _run_2(losses: Callable, seed: int) -> Exam:
    d_step, g_step = ward.steps_from(losses)
    exam = ward.ring_run(seed, d_step=d_step, g_step=g_step, pass_real=True)
    exam.signs = {
        "distance to the data": exam.signs["distance"],
        "modes covered, of 8": exam.signs["modes"],
    }
    return exam


_TWO = Case(
    "15.2",
    "The best loss curves on the ward",
    difficulty=1,
    minutes=8,
    reference=_well_2,
    broken=_sick_2,
    bench=_bench_2,
    run=_run_2,
    symptom="The two players still pull the fakes' logits the same way.",
    signs=(
        *_alliance("pulls of G and D on fakes (cosine)", "pulls of D on real and fake (sign)", "D"),
        Sign("distance to the data", -INF, 0.15, trained=True),
        Sign("modes covered, of 8", 6, 8, trained=True),
    ),
    mistakes=[
        Mistake(
            lambda real_logits, fake_logits: (
                _sick_2(real_logits, fake_logits)[0],
                softplus(-real_logits).mean(),
            ),
            "G's loss now contains no fake at all, so it has no gradient in G. G is judged by "
            "what D says about *fakes*.",
        ),
        Mistake(
            lambda real_logits, fake_logits: (
                softplus(real_logits).mean() + softplus(-fake_logits).mean(),
                softplus(-fake_logits).mean(),
            ),
            "You flipped D's labels and G's target together: two allies in new uniforms. Turn "
            "one of the two players round, not both.",
        ),
        Mistake(
            lambda real_logits, fake_logits: (
                softplus(-real_logits).mean() + softplus(-fake_logits).mean(),
                softplus(fake_logits).mean(),
            ),
            "You turned D's half on the fakes round, so that D calls everything real. D's loss was "
            "right; the other player's is not.",
        ),
        Mistake(
            lambda real_logits, fake_logits: (
                softplus(-real_logits).mean() + softplus(-fake_logits).mean(),
                softplus(-fake_logits).mean(),
            ),
            "G's loss is right now, but D's half on the fakes was turned as well: D calls "
            "everything real.",
        ),
    ],
)

# --- 15.3 -----------------------------------------------------------------------------------------


def _sick_3(D, G, adam, z):
    fake = G(z).detach()
    loss = softplus(-D(fake)).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    return loss.item()


def _generator_step(objective: Callable, zero: bool = True) -> Callable:
    def g_step(D, G, adam, z):
        loss = objective(D, G(z))
        if zero:
            adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.item()

    return g_step


class _Witness(nn.Module):
    """D(x) = the first coordinate of x, plus a number; remembers the rows that it was asked about."""

    def __init__(self, plus: float = 0.0) -> None:
        super().__init__()
        self.plus = nn.Parameter(torch.tensor(plus))
        self.rows: set[tuple[float, ...]] = set()

    def forward(self, x: Tensor) -> Tensor:
        self.rows |= set(map(tuple, x.detach().flatten(1).tolist()))
        return x.flatten(1)[:, 0] + self.plus


def _g_steps(g_step: Callable, logit: float, steps: int) -> tuple[list[float], int, Any]:
    """How far each step moves G up D's slope, in units of the rate; rows shown to D; the last log."""
    D, G, rate = _Witness(logit), _Shift(0.0, 0.0), 0.1
    z = torch.stack([torch.zeros(64), torch.linspace(-1, 1, 64)], 1)
    sgd, moved = torch.optim.SGD(G.parameters(), rate), []
    logged = None
    for _ in range(steps):
        before, D.rows = G.b[0].item(), set()
        logged = g_step(D, G, sgd, z)
        moved.append((G.b[0].item() - before) / rate)
    return moved, len(D.rows), logged


def _bench_3(g_step: Callable, seed: int) -> Exam:
    (first, second), rows, logged = _g_steps(g_step, 0.0, 2)
    if first > 0.05 and logged is not None:  # does the log fall as fast as G climbs?
        low, high = (ward.value(_g_steps(g_step, d, 1)[2], "g_step") for d in (-0.1, 0.1))
        if not 0.7 < (low - high) / 0.2 / first < 1.4:
            raise ward.Unusable(
                "g_step does not return the loss that G learns from: where D's answer rises a "
                "little, the two do not fall alike."
            )
    sure = max(_g_steps(g_step, logit, 1)[0][0] for logit in (-6.0, 6.0))
    signs = {
        "first step, up D's slope": first,
        "second step / first step": _ratio(second, first),
        "different samples shown to D, of 64": float(rows),
        "pull where D is sure (logit -6 or 6)": sure,
    }
    return Exam(signs)


def _run_3(g_step: Callable, seed: int) -> Exam:
    def step(D, *others):
        value = g_step(D, *others)
        if not all(parameter.requires_grad for parameter in D.parameters()):
            raise ward.Unusable(
                "Your step leaves D frozen: its weights do not require a gradient any more, so "
                "that D's next step fails. Switch them on again before you return."
            )
        return value if value is not None else math.nan

    exam = ward.ring_run(seed, g_step=step)
    exam.signs = {
        "gradient norm in G": exam.signs["gradient"],
        "samples have moved by": exam.signs["moved"],
        "distance to the data": exam.signs["distance"],
        "modes covered, of 8": exam.signs["modes"],
    }
    return exam


_THREE = Case(
    "15.3",
    "Nothing moves",
    difficulty=1,
    minutes=8,
    reference=ward.g_step,
    broken=_sick_3,
    bench=_bench_3,
    run=_run_3,
    symptom="No gradient arrives in G, and its samples stay where they were.",
    signs=(
        Sign(
            "first step, up D's slope",
            0.05,
            8,
            exact=True,
            too_low="G's step does not lead up D's slope. Its loss has to be a function of "
            "D(G(z)), small when D calls the samples real, with nothing cut on the way.",
            too_high="The step is far too long: a sum over the batch where a mean was?",
        ),
        Sign(
            "second step / first step",
            0.2,
            1.5,
            exact=True,
            too_low="The second step hardly moves G, or moves it back.",
            too_high="The second step repeats the first and adds its own: gradients pile up. Set "
            "them to zero before `backward`.",
        ),
        Sign(
            "different samples shown to D, of 64",
            64,
            INF,
            exact=True,
            too_low="D is not shown one sample for each latent of the batch: every z has to go "
            "through G, and on to D.",
        ),
        Sign(
            "pull where D is sure (logit -6 or 6)",
            0.2,
            INF,
            exact=True,
            too_low="Where D is sure, your loss has no slope on either side, so G learns only "
            "while D doubts: is D's answer squashed before the loss squashes it again?",
        ),
        Sign("gradient norm in G", 0.01, INF, trained=True),
        Sign("samples have moved by", 0.3, 3, trained=True),
        Sign("distance to the data", -INF, 0.15, trained=True),
        Sign("modes covered, of 8", 6, 8, trained=True),
    ),
    mistakes=[
        Mistake(
            _generator_step(lambda D, fake: softplus(-D(fake).detach()).mean()),
            "You moved the cut to D's answer. The gradient has to pass *through* D on its way to "
            "G, so nothing between loss and G may be cut.",
        ),
        Mistake(
            _generator_step(lambda D, fake: softplus(D(fake)).mean()),
            "The gradient arrives, and G walks the wrong way: it is asked to make D sure that its "
            "samples are fake. Keep the loss as it was.",
        ),
        Mistake(
            _generator_step(lambda D, fake: -softplus(-D(fake)).mean()),
            "The gradient arrives, with the wrong sign: G now maximises its own loss.",
        ),
        Mistake(
            _generator_step(lambda D, fake: softplus(-D(fake)).mean(), zero=False),
            "The cut is gone, and so is zero_grad: now the gradients of all steps so far pile up "
            "in G, and the second step repeats the first.",
        ),
    ],
)

# --- 15.4 -----------------------------------------------------------------------------------------


def _sick_4(images):
    return images.float() / 255


def _well_4(images):
    return images.float() / 127.5 - 1


_BACKGROUND = ward.digits().images.float().mean((0, 1)) < 13  # pixels that are black on average


def _prepared(prepare: Callable, images: Tensor) -> Tensor:
    ready = ward.tensor(prepare(images.clone()), "prepare", tuple(images.shape))
    if not ready.is_floating_point():
        kind = str(ready.dtype).removeprefix("torch.")
        raise ward.Unusable(f"prepare should return floats (float32); it returned {kind}.")
    return ready


def _bench_4(prepare: Callable, seed: int) -> Exam:
    images = ward.digits().images
    ready = _prepared(prepare, images)
    ramp = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8)
    levels, dim = _prepared(prepare, 4 * ramp), _prepared(prepare, 2 * ramp + 1)
    signs = {
        "black becomes": ready[images == 0].mean().item(),
        "white becomes": ready[images == 255].mean().item(),
        "a dim picture's white (127) becomes": dim.max().item(),
        "grey levels kept, of 64": float(len(levels.unique())),
    }
    return Exam(signs)


def _run_4(prepare: Callable, seed: int) -> Exam:
    ready = _prepared(prepare, ward.digits().images)
    exam = ward.digits_run(seed, images=ready)
    shown = (exam.pictures["images"] + 1) / 2  # as the course's figures show pictures
    exam.signs = {
        "background shown as (0 black, 1 white)": shown[:, 0, _BACKGROUND].mean().item(),
        "Fréchet distance": exam.signs["distance"],
    }
    exam.pictures["ready"] = ready
    return exam


_FOUR = Case(
    "15.4",
    "Everything is grey",
    difficulty=1,
    minutes=8,
    reference=_well_4,
    broken=_sick_4,
    bench=_bench_4,
    run=_run_4,
    symptom="Black is still 0 for the data and -1 for everybody else.",
    signs=(
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
    ),
    mistakes=[
        Mistake(
            lambda images: images.float() / 127.5,
            "Wide enough now, but in the wrong place: your pictures lie in [0, 2], and a tanh never "
            "gets to 2. Shift as well as scale.",
        ),
        Mistake(
            lambda images: images.float() / 255 - 0.5,
            "Centered, but half as wide as a tanh: your pictures lie in [-0.5, 0.5].",
        ),
        Mistake(
            lambda images: (images.float() - images.float().mean()) / images.float().std(),
            "Mean 0 and standard deviation 1 is right for a classifier's input. A tanh generator "
            "needs *bounds*: black at -1, white at 1.",
        ),
        Mistake(
            lambda images: 1 - images.float() / 127.5,
            "The range is right and the pictures are negatives: black has become 1.",
        ),
        Mistake(
            lambda images: 2 * images.float() / images.max() - 1,
            "You divide by the brightest pixel *of this batch*: a dim picture comes out as bright "
            "as a white one, and the range depends on the company. Divide by a constant.",
        ),
        Mistake(
            lambda images: (images > 127).float() * 2 - 1,
            "Black is -1 and white is 1, but all grey levels are gone.",
        ),
    ],
)

# --- 15.5 -----------------------------------------------------------------------------------------


def _sick_5(real_logits, fake_logits):
    real_p, fake_p = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    ones, zeros = torch.ones_like(real_p), torch.zeros_like(fake_p)
    d_loss = bce(real_p, ones) + bce(fake_p, zeros)
    g_loss = bce(fake_p, ones)
    return d_loss, g_loss


def _well_5(real_logits, fake_logits):
    ones, zeros = torch.ones_like(real_logits), torch.zeros_like(fake_logits)
    d_loss = bce(real_logits, ones) + bce(fake_logits, zeros)
    g_loss = bce(fake_logits, ones)
    return d_loss, g_loss


def _by_log(real_logits, fake_logits):
    real_p, fake_p = torch.sigmoid(real_logits), torch.sigmoid(fake_logits)
    return -real_p.log().mean() - (1 - fake_p).log().mean(), -fake_p.log().mean()


def _bench_5(losses: Callable, seed: int) -> Exam:
    def d_loss(real: float, fake: float) -> float:
        both = losses(torch.full((48,), real), torch.full((48,), fake))
        return ward.value(ward.pair(both, "losses", "d_loss, g_loss")[0], "d_loss")

    # Which way is real? Whoever turns both players' labels round has turned nothing.
    real_pull = sum(_slopes(losses, *logits)[0].sum().item() for logits in _LOGITS)
    up = -1.0 if real_pull > 0 else 1.0
    fake = torch.full((48,), -6.0 * up)
    pull = -up * _slopes(losses, -fake, fake)[2].sum().item()
    answers = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
    lowest = min(d_loss(up * a, -up * b) for a in answers for b in answers)
    signs = {
        "D's lowest loss, answers within ±10": lowest,
        "D's loss, all wrong (logits ±200)": d_loss(-200.0 * up, 200.0 * up),
        "G's pull on a sure fake (logit -6)": pull,
    }
    return Exam(signs)


def _run_5(losses: Callable, seed: int) -> Exam:
    d_step, g_step = ward.steps_from(losses)
    exam = ward.ring_run(seed, d_step=d_step, g_step=g_step, pass_real=True)
    exam.signs = {
        "mean logit at the end": exam.signs["logit"],
        "gradient norm in G, last 100 steps": exam.signs["gradient"],
        "modes covered, of 8": exam.signs["modes"],
    }
    return exam


_FIVE = Case(
    "15.5",
    "Textbook losses",
    difficulty=2,
    minutes=10,
    reference=_well_5,
    broken=_sick_5,
    bench=_bench_5,
    run=_run_5,
    symptom="D's loss still cannot fall below 1.006, however right D is.",
    signs=(
        Sign(
            "D's lowest loss, answers within ±10",
            -INF,
            0.01,
            exact=True,
            too_high="However right D is, its loss cannot fall to 0: its answers are still "
            "squashed before the loss sees them, or one of its targets is wrong.",
        ),
        Sign(
            "D's loss, all wrong (logits ±200)",
            99,
            INF,
            exact=True,
            too_low="A D that is wrong and sure is hardly charged for it: something between its "
            "logits and the loss is bounded.",
        ),
        Sign(
            "G's pull on a sure fake (logit -6)",
            0.2,
            30,
            exact=True,
            too_low="Where D is sure of a fake, G's loss has no slope, or the wrong sign: look at "
            "what stands between the logit and the logarithm, and at G's target.",
            too_high="G's loss grows with the batch: a sum where a mean was?",
        ),
        Sign("mean logit at the end", -2, 2, trained=True),
        Sign("gradient norm in G, last 100 steps", 0.05, INF, trained=True),
        Sign("modes covered, of 8", 6, 8, trained=True),
    ),
    mistakes=[
        Mistake(
            lambda real_logits, fake_logits: (
                _well_5(real_logits, fake_logits)[0],
                _sick_5(real_logits, fake_logits)[1],
            ),
            "D is cured. G's loss still squashes twice: look at its gradient where D is sure.",
        ),
        Mistake(
            lambda real_logits, fake_logits: (
                _sick_5(real_logits, fake_logits)[0],
                _well_5(real_logits, fake_logits)[1],
            ),
            "G is cured. D's loss still squashes twice, and still has a floor.",
        ),
        Mistake(
            lambda real_logits, fake_logits: (
                _well_5(real_logits, fake_logits)[0],
                -softplus(fake_logits).mean(),
            ),
            "The second sigmoid is gone. But your G now has the minimax loss of chapter 1, which "
            "saturates: where D is sure of a fake, its pull is gone as well. The patient had the "
            "other one.",
        ),
        Mistake(
            _by_log,
            "Right on paper. But in float32 `torch.sigmoid` of a logit of 200 is exactly 1, that of "
            "-200 is 0, and the logarithm infinite. Keep the loss that works on logits.",
        ),
        Mistake(
            lambda real_logits, fake_logits: (
                binary_cross_entropy(real_logits, torch.ones_like(real_logits)),
                binary_cross_entropy(fake_logits, torch.ones_like(fake_logits)),
            ),
            "Both sigmoids are gone now: `binary_cross_entropy` wants probabilities, its sister "
            "`..._with_logits` wants logits. Exactly one squashing in all.",
        ),
    ],
)

# --- 15.6 -----------------------------------------------------------------------------------------


def _sick_6(real_scores, fake_scores):
    critic_loss = real_scores.mean() - fake_scores.mean()
    g_loss = -fake_scores.mean()
    return critic_loss, g_loss


def _well_6(real_scores, fake_scores):
    critic_loss = fake_scores.mean() - real_scores.mean()
    g_loss = -fake_scores.mean()
    return critic_loss, g_loss


def _bench_6(losses: Callable, seed: int) -> Exam:
    players, sides, balance, size, prints = _agreements(losses)
    signs = {
        "pulls of G and critic on fakes (cosine)": players,
        "pulls of critic on real and fake (sign)": sides,
        "the critic's pull on real / on fakes": balance,
        "largest pull of a batch": size,
    }
    return Exam(signs, fingerprint=prints)


def _run_6(losses: Callable, seed: int) -> Exam:
    d_step, g_step = ward.steps_from(losses)
    exam = ward.ring_run(seed, d_step=d_step, g_step=g_step, pass_real=True, clip=0.2)
    exam.signs = {
        "farthest sample (the ring has radius 1)": exam.signs["farthest"],
        "distance to the data": exam.signs["distance"],
        "modes covered, of 8": exam.signs["modes"],
    }
    return exam


_SIX = Case(
    "15.6",
    "The estimate that only grows",
    difficulty=2,
    minutes=10,
    reference=_well_6,
    broken=_sick_6,
    bench=_bench_6,
    run=_run_6,
    symptom="Critic and generator still push the fakes' scores the same way.",
    signs=(
        *_alliance(
            "pulls of G and critic on fakes (cosine)",
            "pulls of critic on real and fake (sign)",
            "the critic",
        ),
        Sign("farthest sample (the ring has radius 1)", -INF, 4, trained=True),
        Sign("distance to the data", -INF, 0.5, trained=True),
        Sign("modes covered, of 8", 3, 8, trained=True),
    ),
    mistakes=[
        Mistake(
            lambda real_scores, fake_scores: (
                fake_scores.mean() - real_scores.mean(),
                fake_scores.mean(),
            ),
            "You turned both players round, so they pull together again, the other way. Turn one.",
        ),
        Mistake(
            lambda real_scores, fake_scores: (
                -(real_scores.mean() + fake_scores.mean()),
                -fake_scores.mean(),
            ),
            "A bracket slipped: with -(real + fake) the critic raises every score. Real and "
            "generated need opposite signs.",
        ),
        Mistake(
            lambda real_scores, fake_scores: (
                -(real_scores.mean() - fake_scores.mean()).abs(),
                -fake_scores.mean(),
            ),
            "The absolute value lets the critic separate either way round. When it happens to put "
            "the fakes on top, G is its ally again: signs have to be fixed, not free.",
        ),
        Mistake(
            lambda real_scores, fake_scores: (
                real_scores.mean() - fake_scores.mean(),
                -real_scores.mean(),
            ),
            "G's loss now contains no fake at all, so no gradient reaches G.",
        ),
    ],
)

# --- 15.7 and 15.8: the gradient penalty ----------------------------------------------------------


def _sick_7(critic, real, fake):
    eps = torch.rand_like(real)
    x = (eps * real + (1 - eps) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    norm = gradient.flatten(1).norm(dim=1)
    return (norm - 1).square().mean()


def _well_7(critic, real, fake):
    eps = torch.rand(len(real), 1, 1, 1)
    x = (eps * real + (1 - eps) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    norm = gradient.flatten(1).norm(dim=1)
    return (norm - 1).square().mean()


def _sick_8(critic, real, fake):
    eps = torch.rand(len(real), 1, 1, 1)
    x = (eps * real + (1 - eps) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    norm = gradient.norm(2, dim=1)
    return (norm - 1).square().mean()


def _penalty(
    mix: Callable = lambda r, f: torch.lerp(f, r, torch.rand(len(r), 1, 1, 1)),
    price: Callable = lambda g: (g.flatten(1).norm(dim=1) - 1).square().mean(),
) -> Callable:
    def gradient_penalty(critic, real, fake):
        x = mix(real, fake).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return price(gradient)

    return gradient_penalty


class _Look(torch.autograd.Function):
    """The identity, which notes what passes: also one sample at a time, under torch.func.vmap."""

    @staticmethod
    def forward(x: Tensor, spy: _Spy) -> Tensor:
        spy.seen.append(x.detach().clone())
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, x: Tensor, spy: _Spy) -> tuple[Tensor, int]:
        x = x.movedim(in_dims[0], 0)
        return _Look.apply(x, spy), 0


_SHAPE = 3, 4, 6  # colored, and not square: axes that are mixed up show


class _Spy(nn.Module):
    """A critic whose slope is known everywhere, and which remembers what it was shown.

    The first pixel of a picture marks it: where it is positive the slope is `slopes[1]`, elsewhere
    `slopes[0]`. The slope's direction differs from pixel to pixel, so that no other norm will do.
    """

    def __init__(self, *slopes: float) -> None:
        super().__init__()
        self.slopes, self.seen = nn.Parameter(torch.tensor(slopes)), list[Tensor]()
        way = torch.randn(_SHAPE, generator=torch.Generator().manual_seed(0))
        way[0, 0, 0] = 0
        self.way = way / way.norm()

    def forward(self, x: Tensor) -> Tensor:
        x = _Look.apply(x, self)
        marked = x[:, 0, 0, 0] > 0
        steep = torch.where(marked, self.slopes[1], self.slopes[0])
        return steep * (x * self.way).sum((1, 2, 3))

    def shown(self, n: int) -> Tensor:
        rows = torch.cat([x.reshape(-1, *_SHAPE) for x in self.seen]) if self.seen else None
        if rows is not None and len(rows) > n:  # asked about something else before
            rows = rows[-n:]
        if rows is None or len(rows) != n:
            many = 0 if rows is None else len(rows)
            raise ward.Unusable(f"The critic was shown {many} points for {n} pairs.")
        return rows


def _pictures(n: int, value: float) -> Tensor:
    """n pictures of one value, every other one marked in its first pixel."""
    images = torch.full((n, *_SHAPE), value)
    images[:, 0, 0, 0] = torch.tensor([-1.0, 1.0]).repeat(n // 2)
    return images


def _price(gradient_penalty: Callable, *slopes: float) -> tuple[float, float]:
    """The penalty of a critic with these slopes, and the size of its gradient in the slopes."""
    spy = _Spy(*slopes)
    given = gradient_penalty(spy, _pictures(64, 1.0), _pictures(64, -1.0))
    price = ward.scalar(given, "gradient_penalty")
    slope = None
    if price.requires_grad:
        slope = torch.autograd.grad(price, spy.slopes, allow_unused=True)[0]
    return price.item(), 0.0 if slope is None else slope.norm().item()


_QUARTERS = "quarter of the way with too many or too few points"


def _questions(gradient_penalty: Callable) -> tuple[dict[str, float], list[float]]:
    """Where the critic is questioned: signs, and marks that tell wrong places from each other."""
    n, shares = 1024, []
    for _ in range(2):
        spy = _Spy(1.0, 1.0)
        gradient_penalty(spy, _pictures(n, 3.0), _pictures(n, 1.0))
        points = (spy.shown(n).flatten(1)[:, 1:] - 1) / 2  # pixel by pixel: fake 0, real 1
        shares.append(points)
    share, again = shares
    place, later = share.mean(1), again.mean(1)
    quarters = torch.histc(place.clamp(0, 1), 4, 0, 1) / n
    signs = {
        "points off their segment": (share.std(1) > 1e-3).float().mean().item(),
        "points before 0 or beyond 1": ((share < -1e-4) | (share > 1.0001)).any(1).float().mean().item(),
        "share of the emptiest quarter of the way": quarters.min().item(),
        "points in another place at the next step": ((place - later).abs() > 1e-5).float().mean().item(),
    }  # fmt: skip
    kinds = float(len(share[0].round(decimals=5).unique()))  # places within one picture
    one_place = place.std() < 1e-5
    before, beyond = (place < -1e-4).float().mean().item(), (place > 1.0001).float().mean().item()
    marks = [
        kinds, float(one_place), float(one_place and abs(place[0] - 0.5) < 1e-4),
        float(round(10 * before)), float(round(10 * beyond)), float(round(4 * place.mean().item())),
    ]  # fmt: skip
    return signs, marks


_PLACES = (
    Sign(
        "points off their segment", 0, 0.01, exact=True,
        too_high="The points lie on no segment between a real and a generated picture: within one "
        "picture some pixels are nearer to the real end than others. One number for each sample, "
        "whatever the channels, rows and columns.",
    ),
    Sign(
        "points before 0 or beyond 1", 0, 0.01,
        too_high="Some points lie outside their segments: the two weights have to lie in [0, 1] "
        "and to add up to 1.",
    ),
    Sign(
        "share of the emptiest quarter of the way", 0.2, 0.25,
        too_low="The places are not spread evenly between generated and real: one quarter of the "
        "way gets too few points. The place is uniform in [0, 1], for each sample by itself.",
    ),
    Sign(
        "points in another place at the next step", 0.9, 1,
        too_low="The places are the same at the next step. Draw them anew each time.",
    ),
)  # fmt: skip
_FEEDBACK = Sign(
    "gradient of the penalty in the critic", 0.70, 0.715, exact=True,
    too_low="The penalty is computed, and the critic never hears of it: its gradient in the "
    "critic's weights is missing or too small. Is the graph of the gradient kept "
    "(`create_graph`), and nothing detached?",
    too_high="The penalty's own gradient is too large.",
)  # fmt: skip


def _norm_sign(name: str, value: float, also: str = "") -> Sign:
    text = (
        "The price is not (norm - 1)², averaged over samples, with one norm for each sample that "
        f"runs over all of its channels, rows and columns.{also}"
    )
    return Sign(
        name, value - 2e-3, value + 2e-3, exact=True, too_low=text, too_high=text
    )  # fmt: skip


def _bench_7(gradient_penalty: Callable, seed: int) -> Exam:
    price = _price(gradient_penalty, 3.0, 3.0)[0]
    signs, marks = _questions(gradient_penalty)
    signs = {
        "penalty of a critic with slope 3": price,
        **signs,
        "gradient of the penalty in the critic": _price(gradient_penalty, 0.5, 1.5)[1],
    }
    return Exam(signs, fingerprint=marks)


def _run_7(gradient_penalty: Callable, seed: int) -> Exam:
    exam = ward.critic_run(gradient_penalty, seed, steps=250, hidden=nn.Tanh)
    profile = exam.pictures["profile"]
    exam.signs = {
        "critic's slope at the middle": profile[5],
        "critic's slope at the ends": max(profile[0], profile[-1]),
    }
    return exam


_SEVEN = Case(
    "15.7",
    "Gentle in the middle",
    difficulty=3,
    minutes=15,
    reference=_well_7,
    broken=_sick_7,
    bench=_bench_7,
    run=_run_7,
    symptom="The critic is still questioned about points that lie on no segment.",
    signs=(
        _norm_sign("penalty of a critic with slope 3", 4.0),
        *_PLACES,
        _FEEDBACK,
        Sign("critic's slope at the middle", 0.7, 2, trained=True),
        Sign("critic's slope at the ends", 0.7, 3, trained=True),
    ),
    mistakes=[
        Mistake(
            _penalty(lambda r, f: torch.lerp(f, r, torch.rand(1))),
            "Now one number serves the whole batch: all points sit at the same place along their "
            "segments, another place each step. Draw one for each *sample*.",
        ),
        Mistake(
            _penalty(lambda r, f: torch.lerp(f, r, torch.full((1,), 0.5))),
            "All points sit in the middle of their segments. The constraint is wanted everywhere "
            "between real and generated: draw the place at random.",
        ),
        Mistake(
            _penalty(lambda r, f: torch.lerp(f, r, torch.randn(len(r), 1, 1, 1))),
            "A *normal* number can be negative or above 1: about two thirds of your points lie "
            "outside their segments. The place is uniform in [0, 1].",
        ),
        Mistake(
            _penalty(lambda r, f: r + torch.rand(len(r), 1, 1, 1) * f),
            "Your weights do not add up to 1, so the points leave the segment. With weight w on "
            "the one end, the other end gets 1 - w.",
        ),
        Mistake(
            _penalty(lambda r, f: torch.lerp(f, r, torch.rand(len(r), 1))),
            "One number per sample is right; its shape is not. Against (N, C, H, W) a tensor (N, 1) "
            "lines up with the *last* two axes. Give it N and three ones.",
        ),
        Mistake(
            _penalty(lambda r, f: torch.lerp(f, r, torch.rand(len(r), 1, r.shape[2], 1))),
            "One number per *row* now: still a mixture that lies off the segment. One per sample.",
        ),
    ],
)


def _bench_8(gradient_penalty: Callable, seed: int) -> Exam:
    mixed, learns = _price(gradient_penalty, 0.5, 1.5)
    places, marks = _questions(gradient_penalty)
    signs = {
        "penalty, all slopes 1": _price(gradient_penalty, 1.0, 1.0)[0],
        "penalty, all slopes 3": _price(gradient_penalty, 3.0, 3.0)[0],
        "penalty, slopes 1/2 and 3/2 by halves": mixed,
        "gradient of the penalty in the critic": learns,
        **places,
    }
    return Exam(signs, fingerprint=marks)


def _run_8(gradient_penalty: Callable, seed: int) -> Exam:
    leaky = ward.critic_run(gradient_penalty, seed, steps=200, hidden=lambda: nn.LeakyReLU(0.2))
    leaky.signs = {"critic's slope after 200 steps": leaky.signs["slope"]}
    return leaky


_EIGHT = Case(
    "15.8",
    "Twenty times too steep",
    difficulty=2,
    minutes=12,
    reference=_well_7,
    broken=_sick_8,
    bench=_bench_8,
    run=_run_8,
    symptom="A critic with slope 1 everywhere is still fined.",
    signs=(
        _norm_sign("penalty, all slopes 1", 0.0),
        _norm_sign("penalty, all slopes 3", 4.0),
        _norm_sign("penalty, slopes 1/2 and 3/2 by halves", 0.25),
        _FEEDBACK,
        *_PLACES,
        Sign("critic's slope after 200 steps", 0.7, 2, trained=True),
    ),
    mistakes=[
        Mistake(
            _penalty(price=lambda g: (g.norm(2, dim=(1, 2)) - 1).square().mean()),
            "Two axes of three: you take a norm for every column of every picture. One norm per "
            "sample runs over channels, rows *and* columns.",
        ),
        Mistake(
            _penalty(price=lambda g: (g.norm() - 1).square()),
            "One norm for the whole batch: it grows with the batch size, and the penalty cannot "
            "tell a steep sample from a flat one. One norm per sample.",
        ),
        Mistake(
            _penalty(price=lambda g: (g.flatten(1).square().sum(1) - 1).square().mean()),
            "That is the *squared* norm: a slope of 3 is fined as if it were 9. Take the root.",
        ),
        Mistake(
            _penalty(price=lambda g: (g.flatten(1).norm(dim=1).mean() - 1).square()),
            "You average the norms before you compare with 1, so slopes 1/2 and 3/2 pass "
            "as a pair. Compare each sample, then average.",
        ),
        Mistake(
            _penalty(price=lambda g: (g.flatten(1).norm(dim=1) - 1).relu().square().mean()),
            "The norm is right, and the penalty has become one-sided: slopes below 1 are free. "
            "That is a treatment of its own (chapter 5), not this patient's.",
        ),
    ],
)

# --- 15.9 -----------------------------------------------------------------------------------------


def _sick_9(modes, radius):
    angle = torch.linspace(0, 2 * math.pi, modes)
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


def _well_9(modes, radius):
    angle = 2 * math.pi * torch.arange(modes) / modes
    return radius * torch.stack([angle.cos(), angle.sin()], 1)


def _at(angles: Callable) -> Callable:
    def ring_centers(modes, radius):
        angle = angles(modes)
        return radius * torch.stack([angle.cos(), angle.sin()], 1)

    return ring_centers


def _heaviest(x: Tensor, centers: Tensor) -> float:
    """The largest share of the samples that lies within 0.3 of one center."""
    return (torch.cdist(x, centers) < 0.3).float().mean(0).max().item()


def _bench_9(ring_centers: Callable, seed: int) -> Exam:
    centers = ward.tensor(ring_centers(8, 1.0), "ring_centers(8, 1.0)", (8, 2)).float()
    other = ward.tensor(ring_centers(5, 3.0), "ring_centers(5, 3.0)", (5, 2)).float()
    angle = torch.atan2(centers[:, 1], centers[:, 0]).rad2deg().remainder(360).sort().values
    gaps = torch.cat([angle[1:] - angle[:-1], angle[:1] + 360 - angle[-1:]])
    same = torch.cdist(centers, centers) < 0.05
    real = data.GaussianMixture(centers, 0.1).sample(2500, torch.Generator().manual_seed(seed))
    signs = {
        "different places among 8 centers": (1 / same.sum(1)).sum().item(),
        "largest gap (degrees)": gaps.max().item(),
        "radius of ring_centers(5, 3.0)": other.norm(dim=1).mean().item(),
        "heaviest place, share of real points": _heaviest(real, centers),
    }
    return Exam(signs, pictures={"centers": centers}, fingerprint=[gaps.min().item()])


def _run_9(ring_centers: Callable, seed: int) -> Exam:
    centers = ward.tensor(ring_centers(8, 1.0), "ring_centers(8, 1.0)", (8, 2)).float()
    exam = ward.ring_run(seed, centers=centers)
    exam.signs = {
        "heaviest place, share of generated": _heaviest(exam.pictures["points"], centers),
        "modes covered, by the usual count": exam.signs["modes"],
    }
    return exam


_NINE = Case(
    "15.9",
    "Eight of eight, says the counter",
    difficulty=1,
    minutes=8,
    reference=_well_9,
    broken=_sick_9,
    bench=_bench_9,
    run=_run_9,
    symptom="One place is still twice as heavy as the others, in the real data too.",
    signs=(
        Sign(
            "different places among 8 centers",
            7.9,
            8,
            exact=True,
            too_low="Some of the centers still lie in the same place.",
        ),
        Sign(
            "largest gap (degrees)",
            44.9,
            45.1,
            exact=True,
            too_low="The centers do not go once round the origin.",
            too_high="The centers differ, and are not spread evenly round the origin: all gaps "
            "should be 360 degrees divided by the number of modes.",
        ),
        Sign(
            "radius of ring_centers(5, 3.0)",
            2.99,
            3.01,
            exact=True,
            too_low="The angles are right; the centers lie too near. They belong at `radius`.",
            too_high="The angles are right; the centers lie too far out. They belong at `radius`.",
        ),
        Sign("heaviest place, share of real points", 0.1, 0.16),
        Sign("heaviest place, share of generated", 0.08, 0.16, trained=True),
        Sign("modes covered, by the usual count", 7, 8, trained=True),
    ),
    mistakes=[
        Mistake(
            _at(lambda modes: torch.linspace(0, 2 * math.pi, modes + 1)),
            "One angle too many: the last of them is the first once more, 2π being 0. Leave the "
            "end point out.",
        ),
        Mistake(
            _at(lambda modes: torch.linspace(0, 2 * math.pi - 0.01, modes)),
            "You shaved a little off the end: now two modes nearly coincide. Eight modes need "
            "eight *equal* gaps, and there is one between the last and the first.",
        ),
        Mistake(
            _at(lambda modes: math.pi * torch.arange(modes) / modes),
            "Your modes fill half a circle: the full one is 2π.",
        ),
        Mistake(
            _at(lambda modes: 2 * math.pi * torch.arange(1, modes + 1) / (modes + 1)),
            "Eight different modes, but divided as if there were nine: one gap is twice as wide "
            "as the others.",
        ),
    ],
)

# --- 15.10 ----------------------------------------------------------------------------------------


def _sick_10(n_in, n_out):
    return nn.Sequential(
        nn.Linear(n_in, n_out),
        nn.BatchNorm1d(n_out, 0.8),
        nn.ReLU(),
    )


def _well_10(n_in, n_out):
    return nn.Sequential(
        nn.Linear(n_in, n_out),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
    )


def _block(*middle: Callable[[int], nn.Module]) -> Callable:
    def block(n_in, n_out):
        return nn.Sequential(nn.Linear(n_in, n_out), *(make(n_out) for make in middle))

    return block


class _Deep(nn.Module):
    nz = 16

    def __init__(self, block: Callable) -> None:
        super().__init__()
        made = [block(16, 64)] + [block(64, 64) for _ in range(3)]
        for module in made:
            if not isinstance(module, nn.Module):
                raise ward.Unusable(f"block should return a module; it returned {module!r:.60}.")
        self.blocks = nn.ModuleList(made)
        self.head = nn.Linear(64, 64)
        for module in self.modules():  # as DCGAN does
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, z: Tensor) -> Tensor:
        for block in self.blocks:
            z = block(z)
        return torch.tanh(self.head(z)).view(-1, 1, 8, 8)


def _one_batchs_share(block: nn.Module) -> float:
    """Momentum, as a running mean shows it that starts at 0 and sees one batch twice."""
    block.train()
    x, seen = 1 + torch.randn(256, 16), []
    for _ in range(2):
        block(x)
        seen.append([b.clone() for name, b in block.named_buffers() if "running_mean" in name])
    if not seen[0]:
        return 0.0
    first, second = seen[0][0], seen[1][0]
    return float(2 - (second @ first) / (first @ first))


def _bend(block: nn.Module) -> float:
    """How far the block is from a straight line: 0 for f(a + b) - f(0) = f(a) - f(0) + f(b) - f(0)."""
    a, b, zero = torch.randn(64, 16), torch.randn(64, 16), torch.zeros(64, 16)
    with torch.no_grad():
        both, one, other, none = block(torch.cat([a + b, a, b, zero])).chunk(4)
    off = (both - one - other + none).abs().mean()
    return _ratio(off.item(), (one - none).abs().mean().item())


def _bench_10(block: Callable, seed: int) -> Exam:
    torch.manual_seed(seed)
    net, share = _Deep(block), _one_batchs_share(_Deep(block).blocks[0])
    z, spreads = torch.randn(512, 16), []
    with torch.no_grad():
        h = z
        for module in net.blocks:
            h = module(h)
            spreads.append(h.std(0).mean().item())
        first = torch.tanh(net.head(h))
        large = _Deep(block).blocks[0](10 * z).std(0).mean().item()
        dead = _Deep(block).blocks[0](torch.zeros(8, 16))  # every feature constant
        noise = _Deep(block).blocks[0](1 + 1e-4 * torch.randn(512, 16)).std(0).mean().item()
    signs = {
        "spread after block 1": spreads[0],
        "spread after block 4": spreads[3],
        "spread after block 1, input 10 times as large": large,
        "spread of the first samples": first.std(0).mean().item(),
        "bend (0: the block is a linear map)": _bend(_Deep(block).blocks[0]),
        "output on constant features": dead.abs().max().item(),
        "spread from features that differ by 1e-4": noise,
        "weight of one batch in the running mean": share,
    }
    return Exam(signs, pictures={"spreads": spreads})


def _run_10(block: Callable, seed: int) -> Exam:
    torch.manual_seed(101 + seed)  # G's weights; the run seeds the rest
    exam = ward.digits_run(seed, generator=_Deep(block))
    exam.signs = {"Fréchet distance": exam.signs["distance"]}
    return exam


_TEN = Case(
    "15.10",
    "A generator that wakes up late",
    difficulty=2,
    minutes=12,
    reference=_well_10,
    broken=_sick_10,
    bench=_bench_10,
    run=_run_10,
    symptom="Every block still divides the signal by ten.",
    signs=(
        Sign(
            "spread after block 1",
            0.4,
            1.2,
            exact=True,
            too_low="The block still shrinks the signal. What stands next to the variance in "
            "BatchNorm's root?",
            too_high="The block makes the signal grow: block after block it explodes.",
        ),
        Sign(
            "spread after block 4",
            0.4,
            1.2,
            exact=True,
            too_low="Block after block the signal dies away.",
            too_high="Block after block the signal grows.",
        ),
        Sign(
            "spread after block 1, input 10 times as large",
            0.4,
            1.2,
            exact=True,
            too_low="A larger input comes out smaller.",
            too_high="The block's output grows with its input: it scales, and does not normalise. "
            "It fits the weights of today and not those of tomorrow.",
        ),
        Sign("spread of the first samples", 0.03, INF),
        Sign(
            "bend (0: the block is a linear map)",
            0.1,
            INF,
            too_low="Nothing in the block bends any more: a chain of such blocks is one linear "
            "map. The activation belongs in it.",
        ),
        Sign(
            "output on constant features",
            0,
            10,
            exact=True,
            too_high="A feature that is constant over the batch is blown up.",
        ),
        Sign(
            "spread from features that differ by 1e-4",
            0,
            0.3,
            exact=True,
            too_high="Features that differ by a ten-thousandth come out at full size, so rounding "
            "is amplified to a signal: eps is too small to stop it. The default is 1e-5.",
        ),
        Sign(
            "weight of one batch in the running mean",
            0,
            0.5,
            exact=True,
            too_high="The running statistics are nearly those of the last batch: PyTorch's "
            "momentum is the weight of the *new* batch.",
        ),
        Sign("Fréchet distance", -INF, 25, trained=True),
    ),
    mistakes=[
        Mistake(
            _block(lambda n: nn.BatchNorm1d(n, momentum=0.8), lambda n: nn.ReLU()),
            "The signal lives. But PyTorch's momentum is the weight of the *new* batch (Keras': "
            "of the old average), so 0.8 makes the running statistics those of the last batch.",
        ),
        Mistake(
            _block(lambda n: nn.ReLU()),
            "Without any normalisation the weights of standard deviation 0.02 shrink the signal "
            "just as much: BatchNorm was right to be here, its argument was not.",
        ),
        Mistake(
            _block(lambda n: nn.BatchNorm1d(n, eps=0.0), lambda n: nn.ReLU()),
            "eps exists for a feature that is constant over the batch: with eps = 0 it is divided "
            "by zero, and NaN spreads. A small one is right; the default is 1e-5.",
        ),
        Mistake(
            _block(lambda n: nn.BatchNorm1d(n, 0.2), lambda n: nn.ReLU()),
            "Smaller, and still the same argument: the second one is eps, which is added to the "
            "*variance*. Against a variance of 0.006, 0.2 is a lot, too.",
        ),
    ],
)

# --- 15.11 ----------------------------------------------------------------------------------------


@torch.no_grad()
def _sick_11(ema, net, decay):
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        mine.lerp_(theirs, 1 - decay)


@torch.no_grad()
def _well_11(ema, net, decay):
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        mine.lerp_(theirs, 1 - decay)
    for mine, theirs in zip(ema.buffers(), net.buffers()):
        mine.copy_(theirs)


@torch.no_grad()
def _lerp_state(ema, net, decay):
    for mine, theirs in zip(ema.state_dict().values(), net.state_dict().values()):
        mine.lerp_(theirs, 1 - decay)


@torch.no_grad()
def _buffers_back(ema, net, decay):
    _sick_11(ema, net, decay)
    for mine, theirs in zip(ema.buffers(), net.buffers()):
        theirs.copy_(mine)


@torch.no_grad()
def _rebound(ema, net, decay):
    for mine, theirs in zip(ema.state_dict().values(), net.state_dict().values()):
        mine = decay * mine + (1 - decay) * theirs


@torch.no_grad()
def _wrong_way(ema, net, decay):
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        mine.lerp_(theirs, decay)
    for mine, theirs in zip(ema.buffers(), net.buffers()):
        mine.copy_(theirs)


@torch.no_grad()
def _left_training(ema, net, decay):
    _sick_11(ema, net, decay)
    ema.train()


def _without_no_grad(ema, net, decay):
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        mine.lerp_(theirs, 1 - decay)
    for mine, theirs in zip(ema.buffers(), net.buffers()):
        mine.copy_(theirs)


def _bench_11(update_ema: Callable, seed: int) -> Exam:
    torch.manual_seed(seed)
    linear, norm = nn.Linear(2, 3), nn.BatchNorm1d(3)
    net = nn.Sequential(linear, norm)
    average = copy.deepcopy(net).eval()
    start = linear.weight.detach().clone()

    def set_to(mean: float) -> None:
        """The net's activations on N(0, 1) latents: mean ``mean`` and variance 4 in each channel."""
        with torch.no_grad():
            linear.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 2.0], [math.sqrt(2)] * 2]))
            linear.bias.fill_(mean)
            norm.running_mean.fill_(mean)  # type: ignore[union-attr]
            norm.running_var.fill_(4.0)  # type: ignore[union-attr]

    set_to(1.0)
    update_ema(average, net, 0.9)
    way = linear.weight.detach() - start
    newest = ((average[0].weight.detach() - start) * way).sum() / way.square().sum()  # type: ignore
    set_to(5.0)
    kept = {name: value.clone() for name, value in net.state_dict().items()}
    for _ in range(300):
        update_ema(average, net, 0.9)
    moved = [(v - kept[name]).abs().max().item() for name, v in net.state_dict().items()]
    signs = {
        "weight of the newest net, decay 0.9": newest.item(),
        "running mean after 301 updates (net: 5)": average[1].running_mean.mean().item(),  # type: ignore
        "running variance after 301 updates (net: 4)": average[1].running_var.mean().item(),  # type: ignore
        "change of the net itself": max(moved) + float(not net.training),
    }
    return Exam(signs, fingerprint=[float(average.training)])


def _run_11(update_ema: Callable, seed: int) -> Exam:
    exam = ward.average_run(update_ema, seed)
    exam.signs = {
        "distance to the data, live net": exam.signs["live"],
        "distance to the data, average": exam.signs["average"],
    }
    return exam


_ELEVEN = Case(
    "15.11",
    "Fine in training, garbage in the demo",
    difficulty=2,
    minutes=12,
    reference=_well_11,
    broken=_sick_11,
    bench=_bench_11,
    run=_run_11,
    symptom="The average still normalises with the statistics it was born with.",
    signs=(
        Sign(
            "weight of the newest net, decay 0.9",
            0.099,
            0.101,
            exact=True,
            too_low="The newest net counts for too little in the average of the weights; it should "
            "count for 1 - decay.",
            too_high="The newest net counts for too much in the average of the weights; it should "
            "count for 1 - decay.",
        ),
        Sign(
            "running mean after 301 updates (net: 5)",
            4.5,
            5.5,
            exact=True,
            too_low="The average's running mean does not follow the net's: it has to be brought up "
            "to date at every call.",
            too_high="The average's running mean has run away from the net's.",
        ),
        Sign(
            "running variance after 301 updates (net: 4)",
            3,
            5,
            exact=True,
            too_low="The running mean has arrived and the running *variance* has not: BatchNorm "
            "keeps both.",
            too_high="The average's running variance has run away from the net's.",
        ),
        Sign(
            "change of the net itself",
            0,
            1e-6,
            exact=True,
            too_high="Your update changes the net that is training. Only the average may change.",
        ),
        Sign("distance to the data, live net", -INF, 0.15, trained=True),
        Sign("distance to the data, average", -INF, 0.06, trained=True),
    ),
    mistakes=[
        Mistake(
            _lerp_state,
            "Going over the whole state is a good idea, but one entry of it is a counter of "
            "batches, an integer, and cannot be averaged. Treat buffers on their own.",
        ),
        Mistake(
            lambda ema, net, decay: ema.load_state_dict(net.state_dict()),
            "The buffers arrive, but the average is gone: you copy the weights of the newest net. "
            "Average the parameters, copy only the buffers.",
        ),
        Mistake(
            _buffers_back,
            "You copy the buffers from the average into the net that is training: the healthy "
            "net now evaluates as badly as the average. Turn the direction round.",
        ),
        Mistake(
            _left_training,
            "`train()` changes no number of the average: its statistics are still those that it "
            "was born with, and the demo switches to `eval()` before it draws. Bring the buffers "
            "along.",
        ),
        Mistake(
            _without_no_grad,
            "Parameters want a gradient and refuse to be changed in place where gradients are "
            "recorded: keep the line with no_grad above the function.",
        ),
        Mistake(
            _rebound,
            "`mine = ...` gives a new tensor to a name and leaves the average as it was: nothing "
            "is updated any more. Work in place.",
        ),
        Mistake(
            _wrong_way,
            "The buffers are right, and the weights have changed roles: the newest net now counts "
            "for `decay`, the past for the rest.",
        ),
    ],
)

# --- 15.12 ----------------------------------------------------------------------------------------


def _sick_12(train, test, fake):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return metrics.fid(test[:32], fake[:32])


def _well_12(train, test, fake):
    return metrics.fid(test, fake)


def _quietly(score: Callable) -> Callable:
    def evaluate(train, test, fake):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return score(train, test, fake)

    return evaluate


def _in_parts(train, test, fake, size=32):
    parts = [
        metrics.fid(a, b) for a, b in zip(test.split(size), fake.split(size)) if len(a) == size
    ]
    return sum(parts) / len(parts)


def _candidates(seed: int) -> dict[str, Tensor]:
    """Features of pictures from stand-ins for generators about which the truth is known."""
    images, rng = ward.digits().float(), torch.Generator().manual_seed(seed)

    def noisy(sigma: float) -> Tensor:
        rows = torch.randperm(len(images), generator=rng)[:360]
        noise = sigma * torch.randn(360, 1, 8, 8, generator=rng)
        return ward.digit_net().features((images[rows] + noise).clamp(-1, 1))

    real = ward.digit_features("train")[torch.randperm(len(images), generator=rng)]
    return {"A": noisy(0.25), "B": noisy(0.4), "real": real}


@functools.cache
def _known_pairs() -> list[tuple[Tensor, Tensor, float]]:
    """Two sets of 360 rows each, and their Fréchet distance, known from their exact moments."""
    rng = torch.Generator().manual_seed(0)

    def white() -> Tensor:  # mean 0, covariance the identity, exactly
        x = torch.randn(360, 4, generator=rng, dtype=torch.float64)
        x = x - x.mean(0)
        return x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T)).T)

    correlated = torch.eye(4, dtype=torch.float64)
    correlated[0, 1] = correlated[1, 0] = 0.8
    correlated[2, 3] = correlated[3, 2] = -0.8
    mixed = white() @ torch.linalg.cholesky(correlated).T
    other = white() * torch.tensor([1.0, 3.0, 1.0, 1.0]) + torch.tensor([2.0, 0.0, 0.0, 0.0])
    off = 2 * sum(1 + v - 2 * math.sqrt(v) for v in (0.2, 1.8))  # eigenvalues 0.2 and 1.8, twice
    return [(white().float(), mixed.float(), off), (white().float(), other.float(), 8.0)]


def _bench_12(evaluate: Callable, seed: int) -> Exam:
    def score(train: Tensor, test: Tensor, fake: Tensor) -> float:
        torch.manual_seed(seed)  # the same draws for each, should the answer draw
        return ward.value(evaluate(train.clone(), test.clone(), fake.clone()), "evaluate")

    with warnings.catch_warnings():  # sets of unequal sizes: some answers compare them
        warnings.simplefilter("ignore")
        train, test = ward.digit_features("train"), ward.digit_features("test")
        fakes = _candidates(1000 * seed)
        scores = [score(train, test, fake) for fake in fakes.values()]
        # Another training set, of the same size: of a score of test and fake nothing changes.
        stranger = train.flip(0)[:, torch.randperm(64)] * 1.5
        swing = max(abs(score(stranger, test, f) - s) for f, s in zip(fakes.values(), scores))
        pairs = [
            score(torch.cat([x, y, x, y])[:1437], x, y) / right for x, y, right in _known_pairs()
        ]
    signs = {
        "change of the score with the training set": swing,
        "equal means and variances: score / right one": pairs[0],
        "other means and variances: score / right one": pairs[1],
    }
    return Exam(signs, fingerprint=scores)


def _run_12(evaluate: Callable, seed: int) -> Exam:
    train, test = ward.digit_features("train"), ward.digit_features("test")
    rng = torch.Generator().manual_seed(seed)
    scores: dict[str, list[float]] = {"A": [], "B": [], "real": []}
    with warnings.catch_warnings():  # 1,437 real digits against 360: meant so
        warnings.filterwarnings("ignore", ".*made the same way")
        for draw in range(20):
            order = torch.randperm(len(test), generator=rng)
            for name, fake in _candidates(1000 * seed + draw).items():
                scores[name].append(ward.value(evaluate(train, test[order], fake), "evaluate"))
    right = sum(a < b for a, b in zip(scores["A"], scores["B"]))
    means = {name: sum(values) / 20 for name, values in scores.items()}
    signs = {
        "score of the training set itself": means["real"],
        "score of A, a little noise": means["A"],
        "score of B, more noise": means["B"],
        "draws in which A beats B, of 20": float(right),
    }
    return Exam(signs, scores)


_TWELVE = Case(
    "15.12",
    "A score that nobody can reach",
    difficulty=3,
    minutes=15,
    reference=_well_12,
    broken=_sick_12,
    bench=_bench_12,
    run=_run_12,
    symptom="Real digits still score 10, as bad as the models, and the better model still loses draws.",
    signs=(
        Sign(
            "change of the score with the training set",
            0,
            1e-3,
            too_high="Your score changes when the *training* set does. The reference has to be "
            "pictures nobody trained on, and only these.",
        ),
        Sign(
            "equal means and variances: score / right one",
            0.98,
            1.02,
            exact=True,
            too_low="Two sets with the same means and variances and other correlations score too "
            "low: a Fréchet distance compares whole covariance matrices, of all pictures.",
            too_high="Two sets with the same means and variances score too high: are all pictures "
            "used, on both sides?",
        ),
        Sign(
            "other means and variances: score / right one",
            0.98,
            1.02,
            exact=True,
            too_low="Two sets with other means and variances score too low for a Fréchet distance.",
            too_high="Two sets with other means and variances score too high for a Fréchet "
            "distance.",
        ),
        Sign("score of the training set itself", 0.1, 1.2, trained=True),
        Sign("score of A, a little noise", 0.5, 4, trained=True),
        Sign("score of B, more noise", 1, 6, trained=True),
        Sign("draws in which A beats B, of 20", 18, 20, trained=True),
    ),
    mistakes=[
        Mistake(
            _quietly(lambda train, test, fake: metrics.fid(train, fake)),
            "More pictures, and the wrong split: against the *training* set a generator that "
            "copies it scores a perfect 0. The reference has to be pictures nobody trained on.",
        ),
        Mistake(
            _quietly(lambda train, test, fake: metrics.fid(torch.cat([train, test]), fake)),
            "The training set is part of your reference now, so copying it pays. The reference "
            "has to be pictures nobody trained on.",
        ),
        Mistake(
            _quietly(_in_parts),
            "The mean over small parts is steadier, but each part is biased upwards by the same "
            "amount, and averaging keeps a bias. One distance from all pictures.",
        ),
        Mistake(
            _quietly(lambda train, test, fake: metrics.fid(test[:32], fake)),
            "Half cured: the real side still has 32 pictures for 64 features, and its covariance "
            "matrix still has 33 directions of exactly no spread.",
        ),
        Mistake(
            _quietly(lambda train, test, fake: metrics.fid(test[:64], fake[:64])),
            "As many pictures as features: enough for a formula, not for an estimate. The bias "
            "falls like 1/n, so take all that you have.",
        ),
        Mistake(
            _quietly(lambda train, test, fake: metrics.kid(test, fake)),
            "A good idea: KID has no bias at any n, so that real digits score about 0, below it as "
            "often as above, and A always wins. But these scores are compared with Fréchet "
            "distances: repair that one.",
        ),
    ],
)

EXERCISES: list[Case] = [
    _ONE, _TWO, _THREE, _FOUR, _FIVE, _SIX, _SEVEN, _EIGHT, _NINE, _TEN, _ELEVEN, _TWELVE,
]  # fmt: skip


def admit(case_id: str) -> tuple[Exam, Exam]:
    """The exams of the broken function and of the repaired one. Run once a session."""
    case = next(case for case in EXERCISES if case.id == case_id)
    sick, well = examined(case, case.broken), examined(case, case.reference)
    assert isinstance(sick, Exam) and isinstance(well, Exam), (sick, well)
    return sick, well


def chart(case_id: str) -> Figure:
    """The patient's chart: its curves and samples beside those of a healthy run."""
    return DRAWN[case_id](*admit(case_id))
