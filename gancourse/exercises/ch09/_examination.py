"""What exercise 9.6 looks at: two rounds of a reader's own steps under watch, then a short run.

Nobody's networks are anybody else's, so what is compared are facts about them in words: hooks see
what was shown to D, which gradients arrived where and which weights moved.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, softplus
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ... import data, metrics
from .._sandbox import one_line

# Of the run, and the distance that passes. Over five seeds right answers come to 0.2 to 0.7 (with
# betas of 0.5 and 0.999 to 1.2), and those with a tenth of the rate to 3 to 8; black pictures have 4.
STEPS, BATCH, CLOSE = 100, 32, 1.5
NOT_YET = "not looked at before the rest is right"


class _Watch:
    """What happens during one step: calls of G and D, gradients that arrive, optimizers that act."""

    def __init__(self, G: nn.Module, D: nn.Module) -> None:
        self.nets = {"G": G, "D": D}
        self.calls: dict[str, list[dict]] = {"G": [], "D": []}
        self.arrived: dict[Tensor, Tensor] = {}
        self.stale = False
        self.betas: list[float] = []

    def __enter__(self) -> _Watch:
        self.before = {p: p.detach().clone() for net in self.nets.values() for p in net.parameters()}
        self.handles = [register_optimizer_step_pre_hook(self._optimizer)]
        for name, net in self.nets.items():
            self.handles.append(net.register_forward_hook(functools.partial(self._called, name)))
            for p in net.parameters():
                if p.requires_grad:
                    self.handles.append(p.register_hook(functools.partial(self._arrives, p)))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def _called(self, name: str, net: nn.Module, args: tuple, output: Tensor) -> None:
        call = {"in": args[0].detach().clone(), "out": output.detach().clone()}
        call |= {"mode": net.training, "gradient": None}
        if output.requires_grad:
            output.register_hook(lambda g: call.update(gradient=g.detach().clone()))
        self.calls[name].append(call)

    def _arrives(self, p: Tensor, gradient: Tensor) -> None:
        self.arrived[p] = self.arrived.get(p, 0) + gradient.detach()

    def _optimizer(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            self.betas.append(float(group.get("betas", (group.get("momentum", 0.0),))[0]))
            for p in group["params"]:
                if p.grad is not None:
                    new = self.arrived.get(p, torch.zeros_like(p))
                    self.stale |= not torch.allclose(p.grad, new, rtol=1e-3, atol=1e-9)

    def moved(self) -> str:
        names = [
            name
            for name, net in self.nets.items()
            if not all(torch.equal(p, self.before[p]) for p in net.parameters())
        ]
        return " and ".join(f"{name}'s" for name in names) or "none"

    def reached(self, name: str) -> bool:
        return any(self.arrived.get(p, p.new_zeros(1)).any() for p in self.nets[name].parameters())

    def judged(self, real: Tensor | None) -> dict[str, tuple[Tensor, Tensor]]:
        """Logits and their gradients, of real pictures and of generated ones."""
        kinds = {"generated": torch.cat([call["out"] for call in self.calls["G"]])}
        if real is not None:
            kinds["real"] = real
        found: dict[str, list] = {kind: [] for kind in kinds}
        for call in self.calls["D"]:
            gradient = call["gradient"]
            gradient = torch.zeros_like(call["out"]) if gradient is None else gradient
            for kind, pictures in kinds.items():
                same = (call["in"][:, None] == pictures[None]).flatten(2).all(2).any(1)
                found[kind].append((call["out"][same], gradient[same]))
        return {
            kind: (torch.cat([logits for logits, _ in rows]), torch.cat([g for _, g in rows]))
            for kind, rows in found.items()
            if rows
        }


def _follows(pair: tuple[Tensor, Tensor], towards: str) -> float:
    """The gradient as a multiple of that of a mean of cross-entropies; 0 if it is no multiple."""
    logits, gradient = pair
    wanted = {
        "real": -(-logits).sigmoid(),
        "generated": logits.sigmoid(),
        "saturating": -logits.sigmoid(),
    }[towards] / len(logits)
    share = gradient / wanted
    even = len(share) and torch.allclose(share, share.mean().expand_as(share), rtol=1e-2)
    return float(share.mean()) if even and share.mean() > 0 else 0.0


def _learns_d(watch: _Watch, real: Tensor | None) -> tuple[str, float | None]:
    """From which loss D's gradients come, and that loss."""
    judged = watch.judged(real)
    shown = {kind: bool(pair[1].any()) for kind, pair in judged.items()}
    if not any(shown.values()):
        return "none arrive", None
    if not all(shown.values()):
        return f"of {next(kind for kind in shown if shown[kind])} pictures alone", None
    a, b = _follows(judged["real"], "real"), _follows(judged["generated"], "generated")
    if not a or not b:
        other = _follows(judged["real"], "generated") and _follows(judged["generated"], "real")
        return ("of real and generated exchanged" if other else "of another loss"), None
    if abs(a - b) > 0.02 or not 0.4 < a < 1.1:
        return "of another mean or a sum", None
    real_logits, fake_logits = judged["real"][0], judged["generated"][0]
    loss = softplus(-real_logits).mean() + softplus(fake_logits).mean()
    return "of the cross-entropy", a * float(loss)


def _learns_g(watch: _Watch) -> tuple[str, float | None]:
    if not watch.reached("G"):
        return "none arrive", None
    pair = watch.judged(None)["generated"]
    if share := _follows(pair, "real"):
        if abs(share - 1) < 0.02:
            return "of the non-saturating loss", float(softplus(-pair[0]).mean())
        return "of another mean or a sum", None
    if _follows(pair, "saturating"):
        return "of the minimax loss, which saturates", None
    return ("of being caught" if _follows(pair, "generated") else "of another loss"), None


def _about_g(G: nn.Module, nz: int, channels: int) -> str:
    with torch.no_grad():
        pictures = G.train()(torch.randn(5, nz))
        far = torch.cat([G.eval()(1e6 * torch.randn(64, nz)).flatten(), pictures.flatten()])
    G.train()
    low, high = float(far.min()), float(far.max())
    reach = "in [-1, 1]" if low < -0.5 and 0.5 < high <= 1 and low >= -1 else "beyond [-1, 1]"
    return f"shape {tuple(pictures.shape)}, values {'in [0, 1]' if low >= 0 else reach}"


def _about_d(D: nn.Module, channels: int) -> str:
    with torch.no_grad():
        answers = D(torch.rand(5, channels, 16, 16) * 2 - 1)
        far = D(1e4 * torch.randn(64, channels, 16, 16))
    what = "probabilities" if float(far.min()) >= 0 and float(far.max()) <= 1 else "logits"
    return f"shape {tuple(answers.shape)}, {what}"


def _layers(net: nn.Module) -> str:
    def has(*kinds, strided=False):
        return any(isinstance(m, kinds) and (not strided or max(m.stride) > 1)
                   for m in net.modules())  # fmt: skip

    found = []
    if has(nn.ConvTranspose2d, strided=True) or (has(nn.Conv2d) and has(nn.Upsample, nn.PixelShuffle)):
        found.append("painting convolutions")
    elif has(nn.Conv2d, strided=True) or (has(nn.Conv2d) and has(nn.AvgPool2d, nn.MaxPool2d)):
        found.append("convolutions with a stride")
    if has(nn.BatchNorm2d):
        found.append("BatchNorm")
    return " and ".join(found) or "neither convolutions nor BatchNorm"


def _plain(number: object) -> float:
    return float(number.detach()) if isinstance(number, Tensor) else float(number)  # type: ignore


def _near(returned: object, loss: float | None) -> str:
    if loss is None:
        return NOT_YET
    try:
        return "its loss" if abs(_plain(returned) - loss) < 1e-3 * (1 + loss) else "another number"
    except (TypeError, ValueError, RuntimeError):
        return "no number"


def _rounds(G, D, train_d, train_g, channels) -> dict[str, str]:
    """Two rounds of both steps under watch."""
    watches, returned = [], []
    for _ in range(2):
        real = torch.rand(12, channels, 16, 16) * 2 - 1
        with _Watch(G, D) as at_d:
            returned.append(train_d(real))
        moved_d = at_d.moved()
        with _Watch(G, D) as at_g:
            returned.append(train_g(12))
        watches += [(at_d, real, moved_d), (at_g, None, at_g.moved())]
    (d1, first, moved_d), (g1, _, moved_g), (d2, _, _), (g2, _, _) = watches
    if not all(watch.calls["G"] and watch.calls["D"] for watch, _, _ in watches):
        return {"In each step": "one of the networks is never called"}
    z = [call["in"] for watch, _, _ in watches for call in watch.calls["G"]]
    alike = any(a.shape == b.shape and torch.equal(a, b) for i, a in enumerate(z) for b in z[:i])
    mean, std = (float(f(torch.cat(z).flatten())) for f in (torch.mean, torch.std))
    normal = abs(mean) < 0.25 and abs(std - 1) < 0.25
    learns_d, loss_d = _learns_d(d1, first)
    learns_g, loss_g = _learns_g(g1)

    def mode(watch: _Watch) -> str:
        return "training" if all(call["mode"] for call in watch.calls["G"]) else "evaluation"

    betas = [beta for watch, _, _ in watches for beta in watch.betas]
    return {
        "The latents": "the same at each step" if alike
        else "fresh from N(0, 1)" if normal else "fresh, but not from N(0, 1)",
        "G's mode in D's step": mode(d1),
        "G's mode in G's step": mode(g1),
        "G's mode after its step": "training" if G.training else "evaluation",
        "The gradients that D's step uses": learns_d,
        "The gradients that G's step uses": learns_g,
        "The weights that D's step changes": moved_d,
        "The weights that G's step changes": moved_g,
        "The gradient that D's step sends into G": "some" if d1.reached("G") else "none",
        "Gradients of earlier steps in D's": "still there" if d2.stale else "gone",
        "Gradients of earlier steps in G's": "still there" if g2.stale else "gone",
        "The number that D's step returns": _near(returned[0], loss_d),
        "The number that G's step returns": _near(returned[1], loss_g),
        "The momentum": "at most 0.5" if betas and max(betas) <= 0.5 else "above 0.5",
    }  # fmt: skip


@functools.cache
def _digits() -> Tensor:
    return data.glyphs(400, 16, seed=1, classes="017").float()


def _coarse(pictures: Tensor) -> Tensor:
    return avg_pool2d(pictures, 4).flatten(1).double()


def _ten_seconds(G, train_d, train_g, nz) -> str:
    """The answer's own steps on digits of 16 pixels; the distance in 4 x 4 coarse pixels."""
    for _ in range(STEPS):
        train_d(_digits()[torch.randint(400, (BATCH,))])
        train_g(BATCH)
    with torch.no_grad():
        made = G.eval()(torch.randn(400, nz))
    G.train()
    if not made.isfinite().all():
        return "not finite"
    distance = metrics.frechet_distance(_coarse(_digits()), _coarse(made))
    return "close to the digits" if distance < CLOSE else "far from the digits"


def examine(result, args):
    (G, D, train_d, train_g), (nz, channels) = result, args
    seen = {}
    try:
        seen["G's pictures of 5 latents"] = _about_g(G, nz, channels)
    except Exception as error:
        seen["G's pictures of 5 latents"] = f"raised {one_line(error)}"
    try:
        seen["D's answers to 5 pictures"] = _about_d(D, channels)
    except Exception as error:
        seen["D's answers to 5 pictures"] = f"raised {one_line(error)}"
    seen["G's layers"] = _layers(G)
    seen["D's layers"] = _layers(D).removesuffix(" and BatchNorm")  # which D may have
    good = {
        "G's pictures of 5 latents": f"shape (5, {channels}, 16, 16), values in [-1, 1]",
        "D's answers to 5 pictures": "shape (5,), logits",
        "G's layers": "painting convolutions and BatchNorm",
        "D's layers": "convolutions with a stride",
    }
    steps = dict.fromkeys(_RIGHT, NOT_YET)
    if seen == good:
        try:
            steps |= _rounds(G, D, train_d, train_g, channels)
        except Exception as error:
            steps["The latents"] = f"raised {one_line(error)}"
    run = f"The pictures after {STEPS} steps"
    seen |= steps | {run: NOT_YET}
    if steps == _RIGHT:
        seen[run] = "close to the digits"
        if channels == 1:
            seen[run] = _ten_seconds(G, train_d, train_g, nz)
    return seen


_RIGHT = {
    "The latents": "fresh from N(0, 1)",
    "G's mode in D's step": "training",
    "G's mode in G's step": "training",
    "G's mode after its step": "training",
    "The gradients that D's step uses": "of the cross-entropy",
    "The gradients that G's step uses": "of the non-saturating loss",
    "The weights that D's step changes": "D's",
    "The weights that G's step changes": "G's",
    "The gradient that D's step sends into G": "none",
    "Gradients of earlier steps in D's": "gone",
    "Gradients of earlier steps in G's": "gone",
    "The number that D's step returns": "its loss",
    "The number that G's step returns": "its loss",
    "The momentum": "at most 0.5",
}
