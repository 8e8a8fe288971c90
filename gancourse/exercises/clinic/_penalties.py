"""What the cases about the gradient penalty ask of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from . import _ward as ward
from ._case import Sign


def right_penalty(critic, real, fake):
    eps = torch.rand(len(real), 1, 1, 1)
    x = (eps * real + (1 - eps) * fake).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    norm = gradient.flatten(1).norm(dim=1)
    return (norm - 1).square().mean()


def penalty_with(
    mix: Callable = lambda r, f: torch.lerp(f, r, torch.rand(len(r), 1, 1, 1)),
    price: Callable = lambda g: (g.flatten(1).norm(dim=1) - 1).square().mean(),
) -> Callable:
    def gradient_penalty(critic, real, fake):
        x = mix(real, fake).requires_grad_()
        (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return price(gradient)

    return gradient_penalty


# Its graph is cut: the number is right, and the critic learns nothing from it.
UNHEARD = penalty_with(price=lambda g: (g.detach().flatten(1).norm(dim=1) - 1).square().mean())


class Look(torch.autograd.Function):
    """The identity, which notes what passes: also one sample at a time, under torch.func.vmap."""

    @staticmethod
    def forward(x: Tensor, spy: Spy) -> Tensor:
        spy.seen.append(x.detach().clone())
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, x: Tensor, spy: Spy) -> tuple[Tensor, int]:
        x = x.movedim(in_dims[0], 0)
        return Look.apply(x, spy), 0


SHAPE = 3, 4, 6  # colored, and not square: axes that are mixed up show


class Spy(nn.Module):
    """A critic whose slope is known everywhere, and which remembers what it was shown.

    The first pixel of a picture marks it: where it is positive the slope is `slopes[1]`, elsewhere
    `slopes[0]`. The slope's direction differs from pixel to pixel, so that no other norm will do.
    """

    def __init__(self, *slopes: float) -> None:
        super().__init__()
        self.slopes, self.seen = nn.Parameter(torch.tensor(slopes)), list[Tensor]()
        way = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
        way[0, 0, 0] = 0
        self.way = way / way.norm()

    def forward(self, x: Tensor) -> Tensor:
        x = Look.apply(x, self)
        marked = x[:, 0, 0, 0] > 0
        steep = torch.where(marked, self.slopes[1], self.slopes[0])
        return steep * (x * self.way).sum((1, 2, 3))

    def shown(self, n: int) -> Tensor:
        rows = torch.cat([x.reshape(-1, *SHAPE) for x in self.seen]) if self.seen else None
        if rows is not None and len(rows) > n:  # asked about something else before
            rows = rows[-n:]
        if rows is None or len(rows) != n:
            many = 0 if rows is None else len(rows)
            raise ward.Unusable(f"The critic was shown {many} points for {n} pairs.")
        return rows


def pictures(n: int, value: float) -> Tensor:
    """n pictures of one value, every other one marked in its first pixel."""
    images = torch.full((n, *SHAPE), value)
    images[:, 0, 0, 0] = torch.tensor([-1.0, 1.0]).repeat(n // 2)
    return images


def price_of(gradient_penalty: Callable, *slopes: float) -> tuple[float, float]:
    """The penalty of a critic with these slopes, and the size of its gradient in the slopes."""
    spy = Spy(*slopes)
    given = gradient_penalty(spy, pictures(64, 1.0), pictures(64, -1.0))
    price = ward.scalar(given, "Your function")
    slope = None
    if price.requires_grad:
        slope = torch.autograd.grad(price, spy.slopes, allow_unused=True)[0]
    return price.item(), 0.0 if slope is None else slope.norm().item()


def questions(gradient_penalty: Callable) -> tuple[dict[str, float], list[float]]:
    """Where the critic is questioned: signs, and marks that tell wrong places from each other."""
    n, shares = 1024, []
    for _ in range(2):
        spy = Spy(1.0, 1.0)
        gradient_penalty(spy, pictures(n, 3.0), pictures(n, 1.0))
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
        float(round(10 * before)), float(round(10 * beyond)), float(round(8 * place.mean().item())),
    ]  # fmt: skip
    return signs, marks


PLACES = (
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

FEEDBACK = Sign(
    "gradient of the penalty in the critic", 0.70, 0.715, exact=True,
    too_low="The penalty is computed, and the critic never hears of it: its gradient in the "
    "critic's weights is missing or too small. Is the graph of the gradient kept "
    "(`create_graph`), and nothing detached?",
    too_high="The penalty's own gradient is too large.",
)  # fmt: skip


def norm_sign(name: str, value: float, also: str = "") -> Sign:
    text = (
        "The price is not (norm - 1)², averaged over samples, with one norm for each sample that "
        f"runs over all of its channels, rows and columns.{also}"
    )
    return Sign(
        name, value - 2e-3, value + 2e-3, exact=True, too_low=text, too_high=text
    )  # fmt: skip
