"""Exercises of chapter 2, Training by turns."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.functional import softplus

from . import Exercise, Mistake


def _nets(n):
    """A small generator and discriminator; the tensors of each remember where they started."""
    generator = nn.Sequential(nn.Linear(2, n), nn.ReLU(), nn.Linear(n, 2))
    discriminator = nn.Sequential(
        nn.Linear(2, n), nn.LeakyReLU(0.2), nn.Linear(n, 1), nn.Flatten(0)
    )
    return generator, discriminator


def _old_gradients(net):
    for parameter in net.parameters():  # as the step before may leave them
        parameter.grad = torch.full_like(parameter, 0.5)


def _gradient_size(net):
    return sum(float(p.grad.abs().sum()) for p in net.parameters() if p.grad is not None)


# --- 2.1 one step of the discriminator ------------------------------------------------------------


def _d_loss(real_logits, fake_logits):
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def _d_variant(loss=_d_loss, cut=True, order=("zero", "backward", "step")):
    """A discriminator step with one thing changed."""

    def d_step(generator, discriminator, optimizer_d, real, z):
        fake = generator(z).detach() if cut else generator(z)
        value = loss(discriminator(real), discriminator(fake))
        do = {"zero": optimizer_d.zero_grad, "backward": value.backward, "step": optimizer_d.step}
        for name in order:
            do[name]()
        return value.detach()

    return d_step


def _d_cases(g):
    cases = []
    for n, real_n in ((8, 16), (5, 9)):
        generator, discriminator = _nets(n)
        _old_gradients(discriminator)
        optimizer = torch.optim.SGD(discriminator.parameters(), 0.1)
        real = 1 + torch.randn(real_n, 2, generator=g)
        z = torch.randn(real_n, 2, generator=g)
        cases.append((generator, discriminator, optimizer, real, z))
    return cases


def _after_d(loss, args):
    generator, discriminator = args[:2]
    return {
        "The loss": loss,
        "D after the step": discriminator,
        "G after the step": generator,
        "The size of the gradients left in G": _gradient_size(generator),
    }


_D_UNMOVED = (
    "The loss is right, but D has not moved. Its optimizer must step, and after backward; and "
    "between the two no zero_grad may wipe out what backward has written."
)
_D_STEP = [
    Mistake(
        _d_variant(cut=False),
        "D's step is right, but backward went on into the generator and left gradients there, "
        "which a later generator step may add to its own (and it cost a backward pass for "
        "nothing). Cut the fakes off from the generator before D sees them.",
    ),
    Mistake(
        _d_variant(order=("backward", "step")),
        "backward *adds* to the gradients that are there already, and D still held old ones, from "
        "the generator's step. Zero them before backward.",
    ),
    Mistake(
        _d_variant(lambda real, fake: _d_loss(fake, real)),
        "The signs are swapped: this D learns to call generated samples real. Minimising "
        "softplus(-f) raises the logit f; for which samples should it rise?",
    ),
    Mistake(
        _d_variant(lambda real, fake: -_d_loss(real, fake)),
        "The sign is turned: optimizers minimise, and you hand them the negative loss. D gets "
        "worse at each step.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(fake).mean()),
        "D saw generated samples only. It can call everything generated and be right; it needs "
        "the real batch in its loss as well.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).mean()),
        "D saw real samples only. It can call everything real and be right; it needs the "
        "generated batch in its loss as well.",
    ),
    Mistake(_d_variant(order=("zero", "backward")), _D_UNMOVED),
    Mistake(_d_variant(order=("backward", "zero", "step")), _D_UNMOVED),
    Mistake(_d_variant(order=("zero", "step", "backward")), _D_UNMOVED),
    Mistake(
        _d_variant(order=("step", "zero", "backward")),
        "D stepped along the gradients of an earlier step, before backward had computed this "
        "one's: zero, backward, step, in this order.",
    ),
    Mistake(
        _d_variant(lambda real, fake: _d_loss(real, fake) / 2),
        "You average the two terms; the value function adds them. That only halves D's step, and "
        "many programs do it on purpose, but then their losses compare with log 2, not with 2 log "
        "2. Here: the sum.",
    ),
    Mistake(
        _d_variant(lambda real, fake: _d_loss(torch.sigmoid(real), torch.sigmoid(fake))),
        "A sigmoid too many: softplus wants logits. With probabilities the loss never gets near "
        "0, and D learns little.",
    ),
]

# --- 2.2 one step of the generator ----------------------------------------------------------------


def _g_variant(
    loss=lambda logits: softplus(-logits).mean(),
    *,
    cut=False,
    players="G",
    order=("zero", "backward", "step"),
):
    def g_step(generator, discriminator, z, lr):
        nets = {"G": [generator], "D": [discriminator], "both": [generator, discriminator]}[players]
        optimizer = torch.optim.SGD([p for net in nets for p in net.parameters()], lr)
        fake = generator(z).detach() if cut else generator(z)
        value = loss(discriminator(fake))
        do = {"zero": optimizer.zero_grad, "backward": value.backward, "step": optimizer.step}
        for name in order:
            do[name]()
        return value.detach()

    return g_step


def _g_cases(g):
    cases = []
    for n, lr in ((8, 0.1), (5, 0.3)):
        generator, discriminator = _nets(n)
        _old_gradients(generator)
        generator.start = copy.deepcopy(generator.state_dict())
        cases.append((generator, discriminator, torch.randn(3 * n, 2, generator=g), lr))
    return cases


def _after_g(loss, args):
    generator, discriminator = args[:2]
    moved = any(not torch.equal(generator.start[k], v) for k, v in generator.state_dict().items())
    gradient = "used" if moved else "not used" if _gradient_size(generator) else "never arrived"
    return {
        "The loss": loss,
        "D after the step": discriminator,
        "The gradient in G": gradient,
        "G after the step": generator,
    }


_NO_GRADIENT = (
    "The loss is right, but G stepped without a gradient and stayed where it was. Either the "
    "fakes were made outside the graph (detach, no_grad), and then backward can't find the way "
    "from D to G; or zero_grad stands between backward and step."
)
_G_STEP = [
    Mistake(_g_variant(cut=True), _NO_GRADIENT),
    Mistake(_g_variant(order=("backward", "zero", "step")), _NO_GRADIENT),
    Mistake(
        _g_variant(order=("zero", "backward")),
        "The gradient is there, but nothing steps after it was computed, so G stays where it was: "
        "zero, backward, step, in this order.",
    ),
    Mistake(
        _g_variant(order=("backward", "step")),
        "backward *adds* to the gradients that are there already, and G still held old ones. Zero "
        "them before backward.",
    ),
    Mistake(
        _g_variant(order=("step", "zero", "backward")),
        "G stepped along the gradients of an earlier step, before backward had computed this "
        "one's: zero, backward, step, in this order.",
    ),
    Mistake(
        _g_variant(players="both"),
        "G's step is right, but D moved too: your optimizer holds the parameters of both players, "
        "so D stepped towards being fooled. Each player gets an optimizer of its own.",
    ),
    Mistake(
        _g_variant(players="D"),
        "The wrong player moved: the optimizer holds D's parameters, so D learned to be fooled. "
        "Give it the generator's.",
    ),
    Mistake(
        _g_variant(lambda logits: softplus(logits).mean()),
        "The sign is swapped: softplus(f) is small when D says 'generated', so this G learns to be "
        "caught. It wants D to say 'real'.",
    ),
    Mistake(
        _g_variant(lambda logits: -softplus(logits).mean()),
        "This is the saturating loss log(1 - D). It pulls in the right direction, but hardly at "
        "all while D is sure; asked for is the non-saturating one, -log D.",
    ),
    Mistake(
        _g_variant(lambda logits: -softplus(-logits).mean()),
        "The sign is turned: optimizers minimise, and you hand them log D, so that G makes D "
        "surer each time. Minimise -log D.",
    ),
    Mistake(
        _g_variant(lambda logits: softplus(-torch.sigmoid(logits)).mean()),
        "A sigmoid too many: softplus wants logits.",
    ),
]

# --- 2.3 the optimum under label smoothing --------------------------------------------------------


def _smoothed_optimum(p, q, alpha, beta):
    return (alpha * p + beta * q) / (p + q)


_SMOOTH = [
    Mistake(
        lambda p, q, alpha, beta: p / (p + q),
        "This is the optimum without smoothing, for targets 1 and 0. Put alpha and beta in their "
        "place in the loss and set its derivative to 0 again.",
    ),
    Mistake(
        lambda p, q, alpha, beta: alpha * p / (alpha * p + beta * q),
        "Targets are not weights: this is the optimum for *more* or *fewer* samples of each kind. "
        "The denominator still counts all samples at x.",
    ),
    Mistake(
        lambda p, q, alpha, beta: alpha * p / (alpha * p + q),
        "Targets are not weights: alpha stands in the numerator only, since the denominator still "
        "counts all samples at x; and beta is missing.",
    ),
    Mistake(
        lambda p, q, alpha, beta: alpha * p / (p + q),
        "Right for one-sided smoothing (beta = 0). With beta > 0 generated samples ask for "
        "something too.",
    ),
    Mistake(
        lambda p, q, alpha, beta: _smoothed_optimum(p, q, beta, alpha),
        "alpha and beta are swapped: alpha is the target on real data (p), beta on generated data "
        "(q).",
    ),
    Mistake(
        lambda p, q, alpha, beta: _smoothed_optimum(p, q, alpha, 1 - beta),
        "beta is already the target for D on generated data: 0 means 'surely generated'. Don't "
        "take it from 1.",
    ),
    Mistake(
        lambda p, q, alpha, beta: alpha * p + beta * q,
        "This is the numerator. What do the targets at x add up to, and how many samples share "
        "them? D is an average of targets.",
    ),
]

# --- 2.4 the average of the weights ---------------------------------------------------------------


@torch.no_grad()
def _update_ema(average, model, decay, buffers="copy", keep=None):
    keep = decay if keep is None else keep
    for mine, theirs in zip(average.parameters(), model.parameters()):
        mine.mul_(keep).add_(theirs, alpha=1 - keep)
    for mine, theirs in zip(average.buffers(), model.buffers()):
        mean = keep * mine + (1 - keep) * theirs
        if buffers == "copy":
            mine.copy_(theirs)
        elif buffers == "share":
            mine.data = theirs.data
        elif buffers == "average" or (buffers == "floats" and mine.is_floating_point()):
            mine.copy_(mean)
        elif buffers == "floats":
            mine.copy_(theirs)


def _share_all(average, model, decay):
    for mine, theirs in zip(average.parameters(), model.parameters()):
        mine.data = theirs.data
    for mine, theirs in zip(average.buffers(), model.buffers()):
        mine.data = theirs.data


def _with_graph(average, model, decay):
    for mine, theirs in zip(average.parameters(), model.parameters()):
        mine.mul_(decay).add_(theirs, alpha=1 - decay)
    for mine, theirs in zip(average.buffers(), model.buffers()):
        mine.copy_(theirs)


def _ema_cases(g):
    cases = []
    for n, decay in ((4, 0.9), (7, 0.75)):
        model = nn.Sequential(nn.Linear(2, n), nn.BatchNorm1d(n), nn.ReLU(), nn.Linear(n, 2))
        average = copy.deepcopy(model).requires_grad_(False)
        for _ in range(5):  # a little "training": BatchNorm's buffers and all weights move
            model(2 + 3 * torch.randn(32, 2, generator=g))
        for parameter in model.parameters():
            parameter.data += torch.randn(parameter.shape, generator=g)
        cases.append((average, model, decay))
    return cases


def _after_ema(result, args):
    average, model, _ = args

    def state(net):
        return {name: value.detach().clone() for name, value in net.state_dict().items()}

    seen = {"The model": state(model), "The average": state(average)}
    seen["A graph of gradients on the average"] = any(p.requires_grad for p in average.parameters())
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            value += 1
    seen["The average, once the model has trained on"] = state(average)
    return seen


_EMA = [
    Mistake(
        lambda average, model, decay: _update_ema(average, model, decay, "skip"),
        "The weights are right, the buffers were left behind. BatchNorm's running mean and "
        "variance are not parameters, and an average that keeps those of step 0 makes grey mush "
        "in eval mode. Copy them.",
    ),
    Mistake(
        lambda average, model, decay: _update_ema(average, model, decay, keep=1 - decay),
        "decay and 1 - decay are swapped: with decay 0.999 the average should keep 99.9 % of "
        "itself, not follow the model at every step.",
    ),
    Mistake(
        lambda average, model, decay: _update_ema(average, model, decay, "share"),
        "Right now it is right, but the average's buffers have become the *same tensors* as the "
        "model's: the next training step changes them behind your back. Copy the values into the "
        "tensors that are there.",
    ),
    Mistake(
        _share_all,
        "The average now shares its tensors with the model: it is no average, and each training "
        "step changes it. Mix values into the tensors that are there, in place.",
    ),
    Mistake(
        lambda average, model, decay: _update_ema(average, model, decay, "average"),
        "You average the buffers as well. BatchNorm's num_batches_tracked is an integer count, so "
        "the mean is cut off to a whole number, and the running statistics are averages already. "
        "Copy buffers.",
    ),
    Mistake(
        lambda average, model, decay: _update_ema(average, model, decay, "floats"),
        "You average the running statistics too. They are moving averages already; here buffers "
        "are copied as they are.",
    ),
    Mistake(
        lambda average, model, decay: average.load_state_dict(model.state_dict()),
        "This copies the model; what became of the average so far? Keep a share `decay` of it.",
    ),
    Mistake(
        lambda average, model, decay: _update_ema(model, average, 1 - decay),
        "You changed the model. Training must not notice the average: read from the model, write "
        "to the average.",
    ),
    Mistake(
        _with_graph,
        "The numbers are right, but the average now carries a graph of gradients back to the "
        "model, which grows with every update until memory is full. Averaging is not something to "
        "differentiate.",
    ),
]

# --- 2.5 reading loss curves ----------------------------------------------------------------------


def four_runs(steps=600, seed=0):
    """Four GANs on the ring, trained here so that the chapter doesn't show how: name -> (History,
    samples (1000, 2))."""
    from .. import data, nets, training

    runs = {}
    for name, lr in zip("abcd", ((2e-3, 1e-9), (1e-9, 1e-9), (1e-3, 1e-3), (1e-5, 2e-3))):
        torch.manual_seed(seed)
        trainer = training.GANTrainer(
            nets.MLPGenerator(2), nets.MLPDiscriminator(2), lr=lr, seed=seed, device="cpu"
        )
        history = trainer.fit(data.ring(), steps, progress=False)
        runs[name] = history, trainer.sample(1000)
    return runs


_RUNS = [
    Mistake(
        "a",
        "In run a the generator's loss falls to 0 while the discriminator's climbs and climbs: G "
        "fools a D that never answers. Here D's learning rate was 1e-9, as if its optimizer had "
        "been given the wrong parameters. A game in which one player wins has stopped teaching "
        "the other.",
    ),
    Mistake(
        "b",
        "Run b sits at 2 log 2 and log 2, the values of a perfect equilibrium, from the very "
        "first step. Nobody is that good at step 1: an untrained D answers 1/2 to everything. "
        "Neither player moves here.",
    ),
    Mistake(
        "d",
        "In run d the discriminator's loss is near 0 and the generator's is several times log 2: "
        "D tells the two kinds apart with certainty, and G lags behind. A low D loss is no praise "
        "for the pair.",
    ),
]


EXERCISES = [
    Exercise(
        "2.1", "One step of the discriminator", difficulty=1, minutes=10,
        reference=_d_variant(), inputs=_d_cases, mistakes=_D_STEP, observe=_after_d,
    ),
    Exercise(
        "2.2", "One step of the generator", difficulty=2, minutes=10,
        reference=_g_variant(), inputs=_g_cases, mistakes=_G_STEP, observe=_after_g,
    ),
    Exercise(
        "2.3", "What smoothed labels teach", difficulty=2, minutes=10,
        reference=_smoothed_optimum, mistakes=_SMOOTH,
        inputs=lambda g: [
            (torch.rand(4, generator=g), torch.rand(4, generator=g), 0.9, 0.0),
            (torch.rand(5, generator=g), torch.rand(5, generator=g), 0.9, 0.2),
            (torch.tensor([1.0, 1e-6, 0.0]), torch.tensor([1e-6, 1.0, 2.0]), 0.8, 0.1),
        ],
    ),
    Exercise(
        "2.4", "An average of the generator", difficulty=2, minutes=15,
        reference=lambda average, model, decay: _update_ema(average, model, decay),
        inputs=_ema_cases, mistakes=_EMA, observe=_after_ema,
    ),
    Exercise(
        "2.5", "Which run is healthy?", difficulty=1, minutes=5, reference="c", mistakes=_RUNS,
    ),
]  # fmt: skip
