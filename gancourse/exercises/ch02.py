"""Exercises of chapter 2, Training by turns."""

from __future__ import annotations

import copy
import functools
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import softplus
from torch.optim.optimizer import register_optimizer_step_post_hook

from . import Exercise, Mistake


def _nets(n):
    """A small generator and discriminator."""
    generator = nn.Sequential(nn.Linear(2, n), nn.ReLU(), nn.Linear(n, 2))
    discriminator = nn.Sequential(
        nn.Linear(2, n), nn.LeakyReLU(0.2), nn.Linear(n, 1), nn.Flatten(0)
    )
    return generator, discriminator


def _old_gradients(net, value=0.5):
    for parameter in net.parameters():  # as the step before may leave them
        parameter.grad = torch.full_like(parameter, value)


def _gradients(net):
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in net.named_parameters()
    }


def _moved(net):
    return any(not torch.equal(net.start[name], value) for name, value in net.state_dict().items())


def _remember(net):
    net.start = copy.deepcopy(net.state_dict())


# --- 2.1 one step of the discriminator ------------------------------------------------------------


def _d_loss(real_logits, fake_logits):
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def _d_variant(
    loss=_d_loss,
    cut=True,
    order=("zero", "backward", "step"),
    *,
    noise=lambda z: z,
    own=None,
    gradients=True,
    wipe=False,
    again=False,
):
    """A discriminator step with one thing changed."""

    def d_step(generator, discriminator, optimizer_d, real, z):
        z = noise(z)
        optimizer = own(discriminator.parameters()) if own else optimizer_d
        fake = generator(z).detach() if cut else generator(z)
        with torch.set_grad_enabled(gradients):
            value = loss(discriminator(real), discriminator(fake))
        do = {"zero": optimizer.zero_grad, "backward": value.backward, "step": optimizer.step}
        for name in order:
            do[name]()
        if wipe:
            generator.zero_grad()
        return loss(discriminator(real), discriminator(fake)).detach() if again else value.detach()

    return d_step


def _d_cases(g):
    cases = []
    # The optimizers have a memory of their own, so that no other can stand in for them.
    adam = functools.partial(torch.optim.Adam, lr=0.05, betas=(0.5, 0.9))
    momentum = functools.partial(torch.optim.SGD, lr=0.1, momentum=0.7)
    for n, real_n, make in ((8, 16, momentum), (5, 9, adam)):
        generator, discriminator = _nets(n)
        _old_gradients(discriminator)
        _old_gradients(generator, 0.25)
        optimizer: Any = make(discriminator.parameters())
        optimizer.step()
        optimizer.steps = 0
        optimizer.register_step_post_hook(_count)
        _remember(discriminator)
        real = 1 + torch.randn(real_n, 2, generator=g)
        z = torch.randn(real_n, 2, generator=g)
        cases.append((generator, discriminator, optimizer, real, z))
    return cases


def _count(optimizer, args, kwargs):
    optimizer.steps += 1


def _after_d(loss, args):
    generator, discriminator, optimizer = args[:3]
    if _moved(discriminator) and not optimizer.steps:
        return {"How D moved": "not by the optimizer that was handed over"}
    return {
        "The loss": loss,
        "The number of steps that optimizer_d took": optimizer.steps,
        "D after the step": discriminator,
        "G after the step": generator,
        "The gradients in G": _gradients(generator),
    }


_D_UNMOVED = (
    "The loss is right, but D has not moved. Its optimizer must step, and after backward; and "
    "between the two no zero_grad may wipe out what backward has written."
)
_NO_GRAPH = (
    "The loss was computed under `no_grad` (or from detached tensors), so there is no graph for "
    "backward to follow. Only the *fakes* may be made that way; D has to be called outside."
)
_D_STEP = [
    Mistake(_d_variant(gradients=False), _NO_GRAPH),
    Mistake(
        _d_variant(cut=False, wipe=True),
        "D's step is right, but you cleared the gradients in G. The old ones, which were none of "
        "this step's business, are gone as well. If that was to undo a leak: cut the fakes off "
        "from the generator before D sees them, and nothing leaks.",
    ),
    Mistake(
        _d_variant(own=lambda parameters: torch.optim.SGD(parameters, 0.1)),
        "D moved, but not by `optimizer_d`, which you were handed. An optimizer keeps a memory "
        "from step to step (momentum, Adam's averages): a new one at each step has none. Use the "
        "one you got.",
    ),
    Mistake(
        _d_variant(again=True),
        "The step is right, but you return the loss computed anew, after it. Return the value "
        "that you called backward on: it describes the D that made it, and costs nothing more.",
    ),
    Mistake(
        _d_variant(noise=torch.randn_like),
        "You draw noise of your own. The fakes are to be made from the latents `z` that you were "
        "handed, so that whoever calls you decides about the randomness.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).sum() + softplus(fake).sum()),
        "These are sums over the batch; the loss is the sum of two *means*. With sums the step "
        "would grow with the batch.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).mean() + softplus(-fake).mean()),
        "D is taught to call everything real: for generated samples the logit has to fall, so "
        "their term is softplus(f), without the minus.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).mean() + softplus(fake.detach()).mean()),
        "The loss is right, but you detached D's *logits*: D no longer learns from the fakes. Cut "
        "between G and D, before D is called, not after.",
    ),
    Mistake(
        _d_variant(lambda real, fake: softplus(-real).mean() - softplus(fake).mean()),
        "The two terms are added: D pays for real samples with a low logit and for generated ones "
        "with a high one.",
    ),
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
    noise=lambda z: z,
    make=torch.optim.SGD,
    gradients=True,
    steps=1,
    again=False,
):
    def g_step(generator, discriminator, z, lr):
        z = noise(z)
        nets = {"G": [generator], "D": [discriminator], "both": [generator, discriminator]}[players]
        optimizer = make([p for net in nets for p in net.parameters()], lr)
        for _ in range(steps):
            fake = generator(z).detach() if cut else generator(z)
            with torch.set_grad_enabled(gradients):
                value = loss(discriminator(fake))
            do = {"zero": optimizer.zero_grad, "backward": value.backward, "step": optimizer.step}
            for name in order:
                do[name]()
        return loss(discriminator(generator(z))).detach() if again else value.detach()

    return g_step


class _Watched(nn.Sequential):
    """A generator that sees which optimizers step while it is in use: the first step of SGD with
    momentum is that of plain SGD."""

    lr: float
    open: ClassVar[list] = []  # what is watched; of an answer that raised it is closed next time

    def forward(self, z):
        if self not in self.open:
            self.seen: list[str] = []
            self.handle = register_optimizer_step_post_hook(self._note)
            self.open.append(self)
        return super().forward(z)

    def _note(self, optimizer, args, kwargs):
        plain = torch.optim.SGD([torch.zeros(())], self.lr).defaults
        names = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
        odd = {k: v for k, v in optimizer.param_groups[0].items() if k in names and v != plain[k]}
        name = type(optimizer).__name__
        if name == "SGD":
            name += "".join(f", {option} {value}" for option, value in odd.items())
        self.seen.append(name)

    def close(self):
        if self in self.open:
            self.handle.remove()
            self.open.remove(self)


_Watched.__name__ = "Sequential"  # what a reader's message calls it


def _g_cases(g):
    for generator in list(_Watched.open):
        generator.close()
    cases = []
    for n, lr in ((8, 0.1), (5, 0.3)):
        generator, discriminator = _nets(n)
        generator = _Watched(*generator)
        generator.lr = lr
        _old_gradients(generator)
        _remember(generator)
        cases.append((generator, discriminator, torch.randn(3 * n, 2, generator=g), lr))
    return cases


def _after_g(loss, args):
    generator, discriminator = args[:2]
    generator.close()
    arrived = any(bool(gradient.any()) for gradient in _gradients(generator).values())
    gradient = "used" if _moved(generator) else "not used" if arrived else "never arrived"
    seen = getattr(generator, "seen", [])
    return {
        # A step by hand, with no optimizer, is judged by where it leads.
        "Your optimizer's steps": " and ".join(seen) or "SGD",
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
    Mistake(
        _g_variant(gradients=False),
        _NO_GRAPH.replace(
            "Only the *fakes* may be made that way; D has to be called outside.",
            "Gradients have to flow through D into G: no `no_grad` here.",
        ),
    ),
    Mistake(
        _g_variant(make=lambda parameters, lr: torch.optim.SGD(parameters, lr, momentum=0.9)),
        "The step is right, but it was to be plain SGD, and yours has momentum: from the second "
        "step on it would go on in old directions.",
    ),
    Mistake(
        _g_variant(make=torch.optim.Adam),
        "Adam's first step has the size of the learning rate, whatever the gradient. Asked for is "
        "plain SGD, whose step is the learning rate times the gradient.",
    ),
    Mistake(
        _g_variant(
            make=lambda parameters, lr: torch.optim.Adam(parameters, lr, betas=(0.5, 0.999))
        ),
        "Adam's first step has the size of the learning rate, whatever the gradient. Asked for is "
        "plain SGD, whose step is the learning rate times the gradient.",
    ),
    *(
        Mistake(
            _g_variant(make=lambda parameters, lr, mine=mine: torch.optim.SGD(parameters, mine)),
            "The step has the wrong length: use the learning rate `lr` that you were handed.",
        )
        for mine in (1e-4, 1e-3, 1e-2, 1.0)
    ),
    Mistake(_g_variant(steps=2), "You took two steps; asked for is one."),
    Mistake(
        _g_variant(again=True),
        "The step is right, but you return the loss computed anew, after it. Return the value "
        "that you called backward on.",
    ),
    Mistake(
        _g_variant(noise=torch.randn_like),
        "You draw noise of your own. The fakes are to be made from the latents `z` that you were "
        "handed.",
    ),
    Mistake(
        _g_variant(lambda logits: softplus(-logits).sum()),
        "This is the sum over the batch; the loss is the *mean*. With a sum the step would grow "
        "with the batch.",
    ),
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
        lambda p, q, alpha, beta: (alpha - beta) * p / (p + q),
        "The targets' difference times the old optimum is missing its floor: where only generated "
        "samples lie, the optimum is beta, not 0.",
    ),
    Mistake(
        lambda p, q, alpha, beta: (p / (p + q)).clamp(beta, alpha),
        "The optimum is not cut off at the targets. It is an *average* of them, and lies between "
        "them everywhere by itself.",
    ),
    Mistake(
        lambda p, q, alpha, beta: (alpha * p + beta * q) / (alpha * p + beta * q + q),
        "The denominator is the sum of both factors, of log D and of log(1 - D). Collect them "
        "once more: what do they add up to?",
    ),
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
        elif buffers == "statistics" and mine.is_floating_point():
            mine.copy_(theirs)


def _share_all(average, model, decay):
    for mine, theirs in zip(average.parameters(), model.parameters()):
        mine.data = theirs.data
    for mine, theirs in zip(average.buffers(), model.buffers()):
        mine.data = theirs.data


@torch.no_grad()
def _rebound(average, model, decay):
    for mine, theirs in zip(average.parameters(), model.parameters()):
        mine = decay * mine + (1 - decay) * theirs
    for mine, theirs in zip(average.buffers(), model.buffers()):
        mine.copy_(theirs)


def _new_parameters(average, model, decay):
    for mine, theirs in zip(average.modules(), model.modules()):
        for name, value in mine._parameters.items():
            if value is not None:
                mixed = decay * value.data + (1 - decay) * theirs._parameters[name].data
                mine._parameters[name] = nn.Parameter(mixed)
    for mine, theirs in zip(average.buffers(), model.buffers()):
        mine.copy_(theirs)


@torch.no_grad()
def _linear_layers_only(average, model, decay):
    for mine, theirs in zip(average.modules(), model.modules()):
        if isinstance(mine, nn.Linear):
            mine.weight.lerp_(theirs.weight, 1 - decay)
            mine.bias.lerp_(theirs.bias, 1 - decay)
    for mine, theirs in zip(average.buffers(), model.buffers()):
        mine.copy_(theirs)


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


def _yes(fact):
    return "yes" if fact else "no"


def _after_ema(result, args):
    average, model, _ = args

    def state(net):
        return {name: value.detach().clone() for name, value in net.state_dict().items()}

    seen = {"The model": state(model), "The average": state(average)}
    weights = list(average.parameters())
    seen["A graph of gradients on the average"] = _yes(any(p.grad_fn is not None for p in weights))
    seen["Parameters of the average that ask for gradients"] = _yes(
        any(p.requires_grad for p in weights)
    )
    with torch.no_grad():
        for value in [*model.parameters(), *model.buffers()]:
            value += 1
    seen["The average, once the model has trained on"] = state(average)
    return seen


_EMA = [
    Mistake(
        _rebound,
        "The buffers are right, but the weights have not moved. `a = decay * a + ...` makes a new "
        "tensor and gives it the name `a`; the parameter inside the network never hears of it. "
        "Write into the tensor that is there: the methods that end in an underscore do.",
    ),
    Mistake(
        lambda average, model, decay: None,
        "Nothing in the average has changed. `a = ...` only gives a name to a new tensor, and a "
        "new module that you return is not what the training loop holds: write into the tensors "
        "that are there. The methods that end in an underscore do.",
    ),
    Mistake(
        _new_parameters,
        "The numbers are right, but each update puts *new* parameters into the average: they ask "
        "for gradients, and whoever holds the old ones (an optimizer, a checkpoint) is left with "
        "dead tensors. Write into the tensors that are there.",
    ),
    Mistake(
        _linear_layers_only,
        "Some parameters are left behind: BatchNorm has a weight and a bias, too. Go through "
        "`parameters()`, not through the layers that you know.",
    ),
    Mistake(
        lambda average, model, decay: _update_ema(average, model, decay, "statistics"),
        "One buffer is left behind: BatchNorm also counts its batches (num_batches_tracked, an "
        "integer). Copy *all* buffers.",
    ),
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
