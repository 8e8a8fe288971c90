"""Case 15.1: It catches every forgery."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import softplus

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign
from ._probes import INF, Shift, quotient


class _Linear(nn.Module):
    """f(x) = w . x, for probes that can be worked out by hand."""

    def __init__(self, *w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.w


def _sick(D, G, adam, real, z):
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
    D, G = _Linear(*w), Shift(-1.0, 0.0, 0.0)
    real, z = torch.tensor([1.0, 0.0, 0.0]).repeat(64, 1), torch.tensor([1.0, 1.0, 0.0])
    sgd, moved, logged = torch.optim.SGD(D.parameters(), rate), [], list[float]()
    for _ in range(steps):
        before = D.w.detach().clone()
        found = ward.pair(d_step(D, G, sgd, real, z.repeat(64, 1)), "d_step", "real_loss, fake_loss")
        moved.append(((D.w.detach() - before) / max(rate, 1e-9)).tolist())
        logged = [ward.value(loss, "d_step") for loss in found]
    return moved, logged


def _zeroed_late(D, G, adam, real, z):
    real_loss, fake_loss = softplus(-D(real)).mean(), softplus(D(G(z).detach())).mean()
    (real_loss + fake_loss).backward()
    adam.zero_grad()
    adam.step()
    return real_loss.item(), fake_loss.item()


def _never_zeroed(D, G, adam, real, z):
    real_loss, fake_loss = softplus(-D(real)).mean(), softplus(D(G(z).detach())).mean()
    (real_loss + fake_loss).backward()
    adam.step()
    return real_loss.item(), fake_loss.item()


def _bench(d_step: Callable, seed: int) -> Exam:
    # Logits of 0.3 and 0.4: there hinge and least squares pull real points up and fakes down, too.
    (first, second), _ = _d_steps(d_step, (0.3, 0.4, 0.0), 0.1, 2)
    logged = [sum(_d_steps(d_step, w, 0.0, 1)[1]) for w in ((-1.0, 1.0, 0.0), (1.0, -1.0, 0.0))]
    wrong, right = (_d_steps(d_step, w, 0.0, 1)[1] for w in ((-1.0, 0.0, 0.0), (1.0, 0.0, 0.0)))
    if wrong[0] - right[0] < wrong[1] - right[1] - 1e-3:
        raise ward.Unusable(
            "d_step should return real_loss first and fake_loss second: yours come the other way "
            "round, so that the log is read wrongly."
        )
    again = [quotient(b, a) for a, b in zip(first[:2], second[:2]) if a]
    signs = {
        "one step moves D(real) by": first[0],
        "one step moves D(fake) by": first[1],
        "pull on real / pull on fakes": quotient(*map(abs, first[:2])) if any(first[:2]) else 1.0,
        "one step moves D elsewhere by": abs(first[2]),
        "second step / first step": max(again, default=0.0),
        "logged losses, D wrong minus D right": logged[0] - logged[1],
    }
    return Exam(signs)


def _run(d_step: Callable, seed: int, rate_of_g: float = 4e-3) -> Exam:
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


SIGNS = (
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
        too_low="D learns, and what you return is not its loss: it should be larger when D is wrong.",
    ),
    Sign("right about real points", 0.15, 1, trained=True),
    Sign("distance to the data", -INF, 0.15, trained=True),
    Sign("modes covered, of 8", 6, 8, trained=True),
)

MISTAKES = [
    Mistake(
        _discriminator_step(lambda r, f: softplus(-r).mean()),
        "Now D learns from the real points only, and calls everything real. It needs both "
        "halves of its loss in one step.",
        slip={"(real_loss + fake_loss).backward()": "real_loss.backward()"},
    ),
    Mistake(
        _discriminator_step(lambda r, f: softplus(-r).mean() + softplus(-f).mean()),
        "Both halves are there, but D is asked to call the fakes real as well: that is the "
        "generator's wish. Look at the sign inside the fakes' half.",
        slip={"(real_loss + fake_loss)": "(real_loss + softplus(-D(fake)).mean())"},
    ),
    Mistake(
        _discriminator_step(lambda r, f: softplus(-r).mean() - softplus(f).mean()),
        "The two losses have to be *added*: both are errors of D, and D wants both small. Your "
        "difference rewards errors on fakes.",
        slip={"(real_loss + fake_loss)": "(real_loss - fake_loss)"},
    ),
    Mistake(
        _discriminator_step(lambda r, f: softplus(r).mean() + softplus(f).mean()),
        "D now sees the real points, and is asked to call them fake, too: look at the sign "
        "inside the real half.",
        slip={"(real_loss + fake_loss)": "(softplus(D(real)).mean() + fake_loss)"},
    ),
    Mistake(
        _discriminator_step(lambda r, f: bce(r, torch.full_like(r, 0.9)) + softplus(f).mean()),
        "Both halves are there. But label smoothing is a treatment of its own: D's answer when "
        "it can't tell sinks from 0.5 to 0.45, so hardly a real point counts as real any more. "
        "Repair first, and without it.",
    ),
    Mistake(
        _zeroed_late,
        "D does not move at all: `step` is not called, or finds no gradients (not computed yet, or "
        "just set to zero). First `zero_grad`, then `backward`, then `step`.",
    ),
    Mistake(
        _never_zeroed,
        "Both halves are there, but nobody sets the gradients to zero any more: the second step "
        "repeats the first and adds its own, and so on.",
    ),
]

EXERCISE = Case(
    "15.1",
    "It catches every forgery",
    difficulty=1,
    minutes=8,
    reference=ward.d_step,
    broken=_sick,
    bench=_bench,
    run=_run,
    second_run=lambda d_step, seed: _run(d_step, seed, rate_of_g=1e-3),  # a hinge needs it
    diagnosis="D never learnt what real looks like",
    ill="fake_loss.backward()",
    symptom="D still learns from fakes only, and is wrong about nearly every real point.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
