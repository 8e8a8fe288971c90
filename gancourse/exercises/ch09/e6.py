"""Exercise 9.6: A DCGAN of your own.

The answer is a function that returns two networks and the two steps that train them. Nobody's
networks are anybody else's, so what is compared are facts about them in words: hooks watch two
rounds of both steps (what was shown to D, which gradients arrived where, which weights moved),
then the answer trains itself on small digits.
"""

from __future__ import annotations

import functools

import torch
from torch import nn
from torch.nn.functional import softplus

from .. import Exercise, Mistake
from ._examination import BATCH, examine

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


def _wrong(how: str, message: str, slip: dict[str, str] | None = None) -> Mistake:
    return Mistake(functools.partial(_built, wrong=how), message, slip)


MISTAKES = [
    _wrong(
        "D sigmoid",
        "D ends in a sigmoid, so it returns probabilities. In this course D returns *logits*; "
        "the loss contains the sigmoid.",
        slip={"4 * 4, 1), nn.Flatten(0)": "4 * 4, 1), nn.Sigmoid(), nn.Flatten(0)"},
    ),
    _wrong(
        "column",
        "D returns a column, shape (N, 1). Make it (N,): a column and a row of N numbers "
        "broadcast to N x N, and the mean over them is another loss, without an error.",
    ),
    _wrong(
        "no tanh",
        "Nothing keeps G's values in [-1, 1], where the pictures are. End it in the function that does.",
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
        slip={"D(G(torch.randn(n, nz)))": "D(G(torch.randn(n, nz)).detach())"},
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
        slip={"-D(real)).mean() + softplus(D(fake))": "D(real)).mean() + softplus(-D(fake))"},
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
        slip={
            "G.parameters(), 0.002, (0.0": "G.parameters(), 0.002, (0.9",
            "D.parameters(), 0.002, (0.0": "D.parameters(), 0.002, (0.9",
        },
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
    observe=examine,
    seconds=40.0,
    mistakes=MISTAKES,
)
