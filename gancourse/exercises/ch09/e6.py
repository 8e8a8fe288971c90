"""Exercise 9.6: A DCGAN of your own.

The answer is a function that returns two networks and the two steps that train them. Nobody's
networks are anybody else's, so what is compared are facts about them in words: hooks watch two
rounds of both steps (what was shown to D, which gradients arrived where, which weights moved),
then the answer trains itself on small digits.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, softplus
from torch.optim.optimizer import register_optimizer_step_pre_hook

from ... import data, metrics
from .. import Exercise, Mistake
from .._sandbox import one_line

# Of the run, and the distance that passes. Over five seeds right answers come to 0.2 to 0.7 (with
# betas of 0.5 and 0.999 to 1.2), and those with a tenth of the rate to 3 to 8; black pictures have 4.
STEPS, BATCH, CLOSE = 100, 32, 1.5
NOT_YET = "not looked at before the rest is right"


# --- answers: one right one, and what can be wrong with it ----------------------------------------


def _networks(nz, channels, wrong):
    up = [
        nn.ConvTranspose2d(32, 16, 4, 2, 1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, channels, 4, 2, 1),
    ]
    if wrong == "dense":
        up = [nn.Flatten(), nn.Linear(512, channels * 256), nn.Unflatten(1, (channels, 16, 16))]
    if wrong == "large":
        up += [nn.ReLU(), nn.ConvTranspose2d(channels, channels, 4, 2, 1)]
    if wrong == "small":
        up = [nn.ConvTranspose2d(32, channels, 4, 2, 1)]
    out = {"no tanh": nn.Identity(), "G sigmoid": nn.Sigmoid()}.get(wrong, nn.Tanh())
    start = [nn.Linear(nz, 512), nn.Unflatten(1, (32, 4, 4)), nn.BatchNorm2d(32), nn.ReLU()]
    G = nn.Sequential(*start, *up, out)
    D = nn.Sequential(
        nn.Conv2d(channels, 16, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(512, 1),
    )
    if wrong == "no BatchNorm":
        G = nn.Sequential(*(layer for layer in G if not isinstance(layer, nn.BatchNorm2d)))
    if wrong == "D dense":
        D = nn.Sequential(nn.Flatten(), nn.Linear(channels * 256, 64), nn.ReLU(), nn.Linear(64, 1))
    if wrong == "D sigmoid":
        D.append(nn.Sigmoid())
    return G, D if wrong == "column" else D.append(nn.Flatten(0))


def _built(nz, channels, wrong=""):
    if wrong == "nz fixed":
        nz = 16
    if wrong == "grey":
        channels = 1
    G, D = _networks(nz, channels, wrong)
    rate, beta = (2e-4 if wrong == "slow" else 2e-3), (0.9 if wrong == "momentum" else 0.0)
    adam_g, adam_d = (torch.optim.Adam(net.parameters(), rate, (beta, 0.99)) for net in (G, D))
    if wrong == "together":
        both = [*G.parameters(), *D.parameters()]
        adam_g = adam_d = torch.optim.Adam(both, rate, (0.0, 0.99))
    if wrong == "other optimizer":
        adam_g = adam_d
    once = torch.randn(BATCH, nz)

    def latents(n):
        if wrong == "same latents":
            return once[:n]
        return torch.rand(n, nz) if wrong == "uniform" else torch.randn(n, nz)

    def train_d(real):
        if wrong == "evaluation":
            G.eval()
        fake = G(latents(len(real)))
        fake = fake if wrong in ("attached", "together") else fake.detach()
        if wrong == "evaluation":
            G.train()
        on_real, on_fake = D(real), D(fake)
        loss = softplus(-on_real).mean() + softplus(on_fake).mean()
        if wrong == "D exchanged":
            loss = softplus(on_real).mean() + softplus(-on_fake).mean()
        elif wrong == "one half":
            loss = softplus(on_fake).mean()
        elif wrong == "only real":
            loss = softplus(-on_real).mean()
        elif wrong == "sum":
            loss = loss * len(real)
        if wrong not in ("D keeps", "both keep"):
            adam_d.zero_grad()
        loss.backward()
        adam_d.step()
        return loss.item()

    def train_g(n):
        if wrong == "left in evaluation":
            G.eval()
        fake = G(latents(n))
        logits = D(fake.detach() if wrong == "cut" else fake)
        loss = softplus(-logits).mean()
        if wrong == "saturating":
            loss = -softplus(logits).mean()
        elif wrong == "caught":
            loss = softplus(logits).mean()
        if wrong not in ("G keeps", "both keep"):
            adam_g.zero_grad()
        loss.backward()
        adam_g.step()
        return loss.item()

    if wrong == "steps exchanged":
        return G, D, train_g, train_d
    if wrong == "networks exchanged":
        return D, G, train_d, train_g
    return G, D, train_d, train_g


def _dcgan(nz, channels):
    return _built(nz, channels)


# --- the examination ------------------------------------------------------------------------------


class _Watch:
    """What happens during one step: calls of G and D, gradients that arrive, optimizers that act."""

    def __init__(self, G: nn.Module, D: nn.Module) -> None:
        self.nets = {"G": G, "D": D}
        self.calls: dict[str, list[dict]] = {"G": [], "D": []}
        self.arrived: dict[Tensor, Tensor] = {}
        self.stale = False
        self.betas: list[float] = []

    def __enter__(self) -> _Watch:
        self.before = {
            p: p.detach().clone() for net in self.nets.values() for p in net.parameters()
        }
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
    if has(nn.ConvTranspose2d, strided=True) or (
        has(nn.Conv2d) and has(nn.Upsample, nn.PixelShuffle)
    ):
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


def _examine(result, args):
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


def _wrong(how: str, message: str) -> Mistake:
    return Mistake(functools.partial(_built, wrong=how), message)


MISTAKES = [
    _wrong(
        "D sigmoid",
        "D ends in a sigmoid, so it returns probabilities. In this course D returns *logits*; "
        "the loss contains the sigmoid.",
    ),
    _wrong(
        "column",
        "D returns a column, shape (N, 1). Make it (N,): a column and a row of N numbers "
        "broadcast to N x N, and the mean over them is another loss, without an error.",
    ),
    _wrong(
        "no tanh",
        "Nothing keeps G's values in [-1, 1], where the pictures are. End it in the function "
        "that does.",
    ),
    _wrong(
        "G sigmoid",
        "G ends in a sigmoid: values from 0 to 1. The pictures go from -1 to 1; with half of "
        "their range missing D has an easy game.",
    ),
    _wrong(
        "large",
        "G's pictures are 32 pixels wide, one doubling too many. From 4 to 16 is two doublings.",
    ),
    _wrong(
        "small",
        "G's pictures are 8 pixels wide: a doubling is missing. From 4 to 16 is two doublings.",
    ),
    _wrong(
        "dense",
        "G has no transposed convolution. Reshape what the latent gives to a small map of many "
        "channels, then double it with kernel 4, stride 2, padding 1.",
    ),
    _wrong(
        "D dense",
        "D has no convolution with a stride: it doesn't know which pixels are neighbours.",
    ),
    _wrong(
        "no BatchNorm",
        "G has no BatchNorm. It belongs after each layer with weights but the last.",
    ),
    _wrong(
        "nz fixed",
        "The length of the latent is fixed at 16 somewhere. Use the argument `nz`.",
    ),
    _wrong(
        "grey",
        "The pictures have one channel, whatever is asked for. Use the argument `channels`.",
    ),
    _wrong(
        "networks exchanged",
        "G and D are returned in the wrong order: the generator comes first.",
    ),
    _wrong(
        "attached",
        "D learns rightly, but its step also sends a gradient through the generated pictures "
        "into G: a backward pass for nothing, and a danger if G's step ever forgets to wipe it. "
        "Cut the pictures from their graph before D sees them.",
    ),
    _wrong(
        "cut",
        "No gradient arrives in G. In G's own step the pictures must keep their graph: the "
        "gradient comes back through D.",
    ),
    _wrong(
        "caught",
        "G's step teaches G to be *caught*: its loss is D's loss on generated pictures. G wants "
        "D to call them real.",
    ),
    _wrong(
        "saturating",
        "This is the minimax loss: where D is sure of itself, its gradient vanishes. The "
        "non-saturating one is asked for, which is D's loss with the pictures called real.",
    ),
    _wrong(
        "D exchanged",
        "D learns to call real pictures generated and generated ones real. Which logits should "
        "be large?",
    ),
    _wrong(
        "one half",
        "D's step judges generated pictures alone. It could say `generated` to everything: add "
        "the real ones.",
    ),
    _wrong(
        "only real",
        "D's step judges real pictures alone. It could say `real` to everything: add the "
        "generated ones.",
    ),
    _wrong(
        "sum",
        "D's loss is a sum over the batch. Take the mean over the real pictures and the mean "
        "over the generated ones.",
    ),
    _wrong(
        "D keeps",
        "D's step uses gradients of earlier steps as well, G's step's among them, which sends its "
        "gradient *through* D. Wipe D's gradients before each backward pass of its own.",
    ),
    _wrong(
        "G keeps",
        "G's step adds its gradient to those of all earlier steps. Wipe G's gradients first.",
    ),
    _wrong(
        "both keep",
        "Neither step wipes the gradients of the steps before it: they add up. Wipe them before "
        "each backward pass.",
    ),
    _wrong(
        "together",
        "One optimizer holds both networks' weights, so each step trains both players, one of "
        "them against itself. Give each player its own.",
    ),
    _wrong(
        "other optimizer",
        "G's step moves the wrong weights: its optimizer was given D's parameters.",
    ),
    _wrong(
        "evaluation",
        "In D's step G is in evaluation mode, and BatchNorm uses its running averages: D trains "
        "against another generator than the one that learns. Keep G in training mode.",
    ),
    _wrong(
        "left in evaluation",
        "G trains in evaluation mode, or is left in it: BatchNorm then uses its running averages, "
        "which nothing updates. Training is done in training mode.",
    ),
    _wrong(
        "same latents",
        "The latents are drawn once and used again at each step: G would learn these pictures "
        "and no others. Draw new ones in each step.",
    ),
    _wrong(
        "uniform",
        "The latents aren't normal: `torch.rand` draws from 0 to 1. The pictures will be asked "
        "for with normal ones.",
    ),
    _wrong(
        "momentum",
        "Adam's default momentum, 0.9, ruins this game (the chapter's ablation). Set the first "
        "of its two betas to 0, at most 0.5.",
    ),
    _wrong(
        "slow",
        "All is in order, but after 100 steps G has hardly begun. The rate of 2015, 0.0002, is "
        "made for runs of days; take 0.002.",
    ),
    _wrong(
        "steps exchanged",
        "The two steps are returned in the wrong order: the discriminator's comes first.",
    ),
]

EXERCISE = Exercise(
    "9.6",
    "A DCGAN of your own",
    difficulty=3,
    minutes=40,
    reference=_dcgan,
    inputs=[(16, 1), (10, 3)],
    parts=("G", "D", "the discriminator's step", "the generator's step"),
    observe=_examine,
    seconds=40.0,
    mistakes=MISTAKES,
)
