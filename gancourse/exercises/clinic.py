"""Exercises of chapter 15, The debugging clinic: twelve functions that run and are ill.

Each case holds the broken function (the stub in the notebook, word for word), the repaired one, a
probe that turns a function into signs, and wrong edits. Healthy ranges were set from ten seeds of
the repaired function; the recorded run `clinic-seeds` shows five of each side.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

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


def _probe_1(d_step: Callable, seed: int) -> Exam:
    D, real, fake = _Linear(0.5, -1.0), torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    before = D.w.detach().clone()
    d_step(D, _Shift(0.0, 0.0), torch.optim.SGD(D.parameters(), 1.0), real, fake)
    pull = (D.w.detach() - before).tolist()
    exam = ward.ring_run(
        seed, d_step=lambda *args: ward.pair(d_step(*args), "d_step", "two losses")
    )
    exam.signs = {
        "one step moves D(real) by": pull[0],
        "one step moves D(fake) by": pull[1],
        "right about real points": exam.signs["right on real"],
        "right about fakes": exam.signs["right on fakes"],
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
    probe=_probe_1,
    symptom="D is still right about every fake and wrong about every real point.",
    signs=(
        Sign("one step moves D(real) by", 0.05, INF, exact=True),
        Sign("one step moves D(fake) by", -INF, -0.05, exact=True),
        Sign("right about real points", 0.15, 0.98, trained=True),
        Sign("right about fakes", 0.1, 0.98, trained=True),
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
            "Both halves are there: cured. But label smoothing is a treatment of its own: D's "
            "answer when it can't tell sinks from 0.5 to 0.47, so no real point counts as real any "
            "more. Repair first, and without it.",
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
    d_loss, g_loss = ward.pair(losses(real, fake), "losses", "d_loss, g_loss")
    of_d = torch.autograd.grad(d_loss, (real, fake), allow_unused=True, retain_graph=True)
    of_g = torch.autograd.grad(g_loss, fake, allow_unused=True) if g_loss.requires_grad else [None]
    d_real, d_fake, g_fake = (torch.zeros(len(real)) if s is None else s for s in (*of_d, *of_g))
    return d_real, d_fake, g_fake


_LOGITS = (  # D is right, D is wrong; within (0, 1), where hinge and least squares pull, too
    (torch.tensor([0.8, 0.9, 0.6]), torch.tensor([0.2, 0.4, 0.1])),
    (torch.tensor([0.2, 0.1, 0.4]), torch.tensor([0.8, 0.5, 0.9])),
)


def _agreements(losses: Callable) -> tuple[float, float, list[float]]:
    """Cosines: of D's pull and G's pull on the fakes; of D's pulls on real and on fakes."""
    found = [_slopes(losses, *logits) for logits in _LOGITS]
    cosine = torch.nn.functional.cosine_similarity
    players = max(cosine(f, g, dim=0).item() for _, f, g in found)  # the worse of the two
    sides = max((r.sum().sign() * f.sum().sign()).item() for r, f, _ in found)
    prints = [s.sum().item() for triple in found for s in triple]
    return players, sides, prints


def _probe_2(losses: Callable, seed: int) -> Exam:
    players, sides, prints = _agreements(losses)
    d_step, g_step = ward.steps_from(losses)
    exam = ward.ring_run(seed, d_step=d_step, g_step=g_step, pass_real=True)
    exam.signs = {
        "pulls of G and D on fakes (cosine)": players,
        "pulls of D on real and fake (sign)": sides,
        "distance to the data": exam.signs["distance"],
        "modes covered, of 8": exam.signs["modes"],
    }
    exam.fingerprint = prints
    return exam


_TWO = Case(
    "15.2",
    "The best loss curves on the ward",
    difficulty=1,
    minutes=8,
    reference=_well_2,
    broken=_sick_2,
    probe=_probe_2,
    symptom="The two players still pull the fakes' logits the same way.",
    signs=(
        Sign("pulls of G and D on fakes (cosine)", -INF, -0.5, exact=True),
        Sign("pulls of D on real and fake (sign)", -1, -1, exact=True),
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


def _probe_3(g_step: Callable, seed: int) -> Exam:
    G, z = _Shift(0.0, 0.0), torch.tensor([[0.5, 1.0], [-0.5, 2.0]])
    sgd, places = torch.optim.SGD(G.parameters(), 1.0), [0.0]
    for _ in range(2):
        g_step(_Linear(1.0, 0.0), G, sgd, z)
        places.append(G.b[0].item())
    first, second = places[1] - places[0], places[2] - places[1]

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
        "first step, up D's slope": first,
        "second step / first step": second / first if first else 0.0,
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
    probe=_probe_3,
    symptom="No gradient arrives in G, and its samples stay where they were.",
    signs=(
        Sign("first step, up D's slope", 0.05, INF, exact=True),
        Sign("second step / first step", 0.2, 1.5, exact=True),
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


_BACKGROUND = data.digits().images.float().mean((0, 1)) < 13  # pixels that are black on average


def _probe_4(prepare: Callable, seed: int) -> Exam:
    images = data.digits().images
    ready = ward.tensor(prepare(images.clone()), "prepare", tuple(images.shape))
    if ready.dtype != torch.float32:
        raise ward.Unusable(f"prepare should return floats (float32); it returned {ready.dtype}.")
    levels = prepare(torch.arange(64, dtype=torch.uint8).mul(4).view(1, 1, 8, 8))
    dim = prepare(torch.arange(64, dtype=torch.uint8).mul(2).add(1).view(1, 1, 8, 8))
    black, white = ready[images == 0].mean().item(), ready[images == 255].mean().item()
    exam = ward.digits_run(seed, images=ready)
    shown = (exam.pictures["images"] + 1) / 2  # as the course's figures show pictures
    exam.signs = {
        "black becomes": black,
        "white becomes": white,
        "a dim picture's white (127) becomes": dim.max().item(),
        "grey levels kept, of 64": float(len(levels.unique())),
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
    probe=_probe_4,
    symptom="Black is still 0 for the data and -1 for everybody else.",
    signs=(
        Sign("black becomes", -1.001, -0.99, exact=True),
        Sign("white becomes", 0.99, 1.001, exact=True),
        Sign("a dim picture's white (127) becomes", -0.02, 0.02, exact=True),
        Sign("grey levels kept, of 64", 64, 64, exact=True),
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


def _probe_5(losses: Callable, seed: int) -> Exam:
    def d_loss(real: float, fake: float) -> float:
        both = losses(torch.full((4,), real), torch.full((4,), fake))
        return float(ward.pair(both, "losses", "d_loss, g_loss")[0])

    fake = torch.full((4,), -6.0)
    pull = -_slopes(losses, -fake, fake)[2].sum().item()
    d_step, g_step = ward.steps_from(losses)
    exam = ward.ring_run(seed, d_step=d_step, g_step=g_step, pass_real=True)
    exam.signs = {
        "D's loss, all answers right (logits ±10)": d_loss(10.0, -10.0),
        "D's loss, all wrong (logits ±200)": d_loss(-200.0, 200.0),
        "G's pull on a sure fake (logit -6)": pull,
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
    probe=_probe_5,
    symptom="D's loss still cannot fall below 1.006, however right D is.",
    signs=(
        Sign("D's loss, all answers right (logits ±10)", -INF, 0.01, exact=True),
        Sign("D's loss, all wrong (logits ±200)", 10, 1000, exact=True),
        Sign("G's pull on a sure fake (logit -6)", 0.2, 2, exact=True),
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
            "The second sigmoid is gone. But your G now has the saturating loss of chapter 1: where "
            "D is sure of a fake, its pull is gone as well. The patient had the other one.",
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


def _probe_6(losses: Callable, seed: int) -> Exam:
    players, sides, prints = _agreements(losses)
    d_step, g_step = ward.steps_from(losses)
    exam = ward.ring_run(seed, d_step=d_step, g_step=g_step, pass_real=True, clip=0.2)
    exam.signs = {
        "pulls of G and critic on fakes (cosine)": players,
        "pulls of critic on real and fake (sign)": sides,
        "farthest sample (the ring has radius 1)": exam.signs["farthest"],
        "distance to the data": exam.signs["distance"],
        "modes covered, of 8": exam.signs["modes"],
    }
    exam.fingerprint = prints
    return exam


_SIX = Case(
    "15.6",
    "The estimate that only grows",
    difficulty=2,
    minutes=10,
    reference=_well_6,
    broken=_sick_6,
    probe=_probe_6,
    symptom="Critic and generator still push the fakes' scores the same way.",
    signs=(
        Sign("pulls of G and critic on fakes (cosine)", -INF, -0.5, exact=True),
        Sign("pulls of critic on real and fake (sign)", -1, -1, exact=True),
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


class _Spy(nn.Module):
    """A critic with one slope per sample that remembers what it was shown."""

    def __init__(self, slopes: Tensor) -> None:
        super().__init__()
        self.slopes, self.seen = nn.Parameter(slopes), torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x.detach()
        return self.slopes * x.flatten(1).sum(1) / math.sqrt(x[0].numel())


def _price(gradient_penalty: Callable, slopes: Tensor) -> Tensor:
    ones = torch.ones(len(slopes), 1, 8, 8)
    return ward.scalar(gradient_penalty(_Spy(slopes), ones, -ones), "gradient_penalty")


def _probe_7(gradient_penalty: Callable, seed: int) -> Exam:
    spy, ones, seen = _Spy(torch.full((256,), 3.0)), torch.ones(256, 1, 8, 8), []
    for _ in range(2):
        price = ward.scalar(gradient_penalty(spy, 3 * ones, ones), "gradient_penalty").item()
        if len(spy.seen) != 256:
            raise ward.Unusable(f"The critic was shown {len(spy.seen)} points for 256 pairs.")
        seen.append((spy.seen.flatten(1) - 1) / 2)  # pixel by pixel, from fake (0) to real (1)
    share = seen[1]
    exam = ward.critic_run(gradient_penalty, seed, steps=250, hidden=nn.Tanh)
    profile = exam.pictures["profile"]
    exam.signs = {
        "penalty of a critic with slope 3": price,
        "points off their segment": (share.std(1) > 1e-3).float().mean().item(),
        "points before 0 or beyond 1": ((share < -1e-4) | (share > 1.0001)).any(1).float().mean().item(),
        "places along the segment: spread": share.mean(1).std().item(),
        "critic's slope at the middle": profile[5],
        "critic's slope at the ends": max(profile[0], profile[-1]),
    }  # fmt: skip
    exam.fingerprint = [float(torch.equal(*seen)), float(len(share[0].round(decimals=5).unique()))]
    return exam


_SEVEN = Case(
    "15.7",
    "Gentle in the middle",
    difficulty=3,
    minutes=15,
    reference=_well_7,
    broken=_sick_7,
    probe=_probe_7,
    symptom="The critic is still questioned about points that lie on no segment.",
    signs=(
        Sign("penalty of a critic with slope 3", 3.99, 4.01, exact=True),
        Sign("points off their segment", 0, 0.01, exact=True),
        Sign("points before 0 or beyond 1", 0, 0.01),
        Sign("places along the segment: spread", 0.24, 0.34),
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


def _probe_8(gradient_penalty: Callable, seed: int) -> Exam:
    mixed = _Spy(torch.tensor([0.5, 1.5] * 32))
    ones = torch.ones(64, 1, 8, 8)
    price = ward.scalar(gradient_penalty(mixed, ones, -ones), "gradient_penalty")
    learns = torch.autograd.grad(price, mixed.slopes)[0] if price.requires_grad else torch.zeros(1)
    exam = ward.critic_run(gradient_penalty, seed, steps=200, hidden=lambda: nn.LeakyReLU(0.2))
    exam.signs = {
        "penalty, all slopes 1": _price(gradient_penalty, torch.ones(64)).item(),
        "penalty, all slopes 3": _price(gradient_penalty, torch.full((64,), 3.0)).item(),
        "penalty, slopes 1/2 and 3/2 by halves": price.item(),
        "gradient of the penalty in the critic": learns.norm().item(),
        "critic's slope after 200 steps": exam.signs["slope"],
    }
    return exam


_EIGHT = Case(
    "15.8",
    "Twenty times too steep",
    difficulty=2,
    minutes=12,
    reference=_well_7,
    broken=_sick_8,
    probe=_probe_8,
    symptom="A critic with slope 1 everywhere is still fined.",
    signs=(
        Sign("penalty, all slopes 1", -INF, 1e-3, exact=True),
        Sign("penalty, all slopes 3", 3.99, 4.01, exact=True),
        Sign("penalty, slopes 1/2 and 3/2 by halves", 0.249, 0.251, exact=True),
        Sign("gradient of the penalty in the critic", 0.01, INF, exact=True),
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


def _probe_9(ring_centers: Callable, seed: int) -> Exam:
    centers = ward.tensor(ring_centers(8, 1.0), "ring_centers(8, 1.0)", (8, 2)).float()
    other = ward.tensor(ring_centers(5, 3.0), "ring_centers(5, 3.0)", (5, 2)).float()
    angle = torch.atan2(centers[:, 1], centers[:, 0]).rad2deg().remainder(360).sort().values
    gaps = torch.cat([angle[1:] - angle[:-1], angle[:1] + 360 - angle[-1:]])
    same = torch.cdist(centers, centers) < 0.05
    real = data.GaussianMixture(centers, 0.1).sample(2500, torch.Generator().manual_seed(seed))
    exam = ward.ring_run(seed, centers=centers)
    exam.signs = {
        "different places among 8 centers": (1 / same.sum(1)).sum().item(),
        "largest gap (degrees)": gaps.max().item(),
        "radius of ring_centers(5, 3.0)": other.norm(dim=1).mean().item(),
        "heaviest place, share of real points": _heaviest(real, centers),
        "heaviest place, share of generated": _heaviest(exam.pictures["points"], centers),
        "modes covered, by the usual count": exam.signs["modes"],
    }
    exam.pictures["centers"] = centers
    exam.fingerprint = [gaps.min().item()]
    return exam


_NINE = Case(
    "15.9",
    "Eight of eight, says the counter",
    difficulty=1,
    minutes=8,
    reference=_well_9,
    broken=_sick_9,
    probe=_probe_9,
    symptom="One place is still twice as heavy as the others, in the real data too.",
    signs=(
        Sign("different places among 8 centers", 7.9, 8, exact=True),
        Sign("largest gap (degrees)", 44.9, 45.1, exact=True),
        Sign("radius of ring_centers(5, 3.0)", 2.99, 3.01, exact=True),
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


def _probe_10(block: Callable, seed: int) -> Exam:
    torch.manual_seed(seed)
    net, share = _Deep(block), _one_batchs_share(_Deep(block).blocks[0])
    z, spreads = torch.randn(512, 16), []
    with torch.no_grad():
        h = z
        for module in net.blocks:
            h = module(h)
            spreads.append(h.std(0).mean().item())
        first = torch.tanh(net.head(h))
        dead = _Deep(block).blocks[0](torch.zeros(8, 16))  # every feature constant
    exam = ward.digits_run(seed, generator=_Deep(block))
    exam.signs = {
        "spread after block 1": spreads[0],
        "spread after block 4": spreads[3],
        "spread of the first samples": first.std(0).mean().item(),
        "output on constant features": dead.abs().max().item(),
        "weight of one batch in the running mean": share,
        "Fréchet distance": exam.signs["distance"],
    }
    exam.pictures["spreads"] = spreads
    return exam


_TEN = Case(
    "15.10",
    "A generator that wakes up late",
    difficulty=2,
    minutes=12,
    reference=_well_10,
    broken=_sick_10,
    probe=_probe_10,
    symptom="Every block still divides the signal by ten.",
    signs=(
        Sign("spread after block 1", 0.4, 1.2, exact=True),
        Sign("spread after block 4", 0.4, 1.2, exact=True),
        Sign("spread of the first samples", 0.03, INF),
        Sign("output on constant features", 0, 10, exact=True),
        Sign("weight of one batch in the running mean", 0, 0.5, exact=True),
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


def _probe_11(update_ema: Callable, seed: int) -> Exam:
    net, average = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    assert net.running_mean is not None and average.running_mean is not None
    with torch.no_grad():
        net.weight.fill_(3.0)
        net.running_mean.fill_(5.0)
    kept = {name: value.clone() for name, value in net.state_dict().items()}
    update_ema(average, net, 0.9)
    newest = (average.weight.mean().item() - 1) / 2
    for _ in range(300):
        update_ema(average, net, 0.9)
    changed = max(
        (value - kept[name]).abs().max().item() for name, value in net.state_dict().items()
    )
    exam = ward.average_run(update_ema, seed)
    exam.signs = {
        "weight of the newest net, decay 0.9": newest,
        "running mean after 301 updates (net: 5)": average.running_mean.mean().item(),
        "change of the net itself": changed,
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
    probe=_probe_11,
    symptom="The average still normalises with the statistics it was born with.",
    signs=(
        Sign("weight of the newest net, decay 0.9", 0.099, 0.101, exact=True),
        Sign("running mean after 301 updates (net: 5)", 4.9, 5.1, exact=True),
        Sign("change of the net itself", 0, 1e-6, exact=True),
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
    images, rng = data.digits().float(), torch.Generator().manual_seed(seed)

    def noisy(sigma: float) -> Tensor:
        rows = torch.randperm(len(images), generator=rng)[:360]
        noise = sigma * torch.randn(360, 1, 8, 8, generator=rng)
        return ward.digit_net().features((images[rows] + noise).clamp(-1, 1))

    real = ward.digit_features("train")[torch.randperm(len(images), generator=rng)]
    return {"A": noisy(0.25), "B": noisy(0.4), "real": real}


def _probe_12(evaluate: Callable, seed: int) -> Exam:
    train, test = ward.digit_features("train"), ward.digit_features("test")
    rng = torch.Generator().manual_seed(seed)
    scores: dict[str, list[float]] = {"A": [], "B": [], "real": []}
    with warnings.catch_warnings():  # 1,437 real digits against 360: meant so
        warnings.filterwarnings("ignore", ".*made the same way")
        for draw in range(20):
            order = torch.randperm(len(test), generator=rng)
            for name, fake in _candidates(1000 * seed + draw).items():
                scores[name].append(float(evaluate(train, test[order], fake)))
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
    probe=_probe_12,
    symptom="Real digits still score 10, as bad as the models, and the better model still loses draws.",
    signs=(
        Sign("score of the training set itself", 0.1, 1.2, exact=True),
        Sign("score of A, a little noise", 0.5, 4, exact=True),
        Sign("score of B, more noise", 1, 6, exact=True),
        Sign("draws in which A beats B, of 20", 18, 20),
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
