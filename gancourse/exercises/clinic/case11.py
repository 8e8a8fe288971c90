"""Case 15.11: Fine in training, garbage in the demo."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import nn

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign
from ._probes import INF


@torch.no_grad()
def _sick(ema, net, decay):
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        mine.lerp_(theirs, 1 - decay)


@torch.no_grad()
def _well(ema, net, decay):
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
    _sick(ema, net, decay)
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
    _sick(ema, net, decay)
    ema.train()


def _without_no_grad(ema, net, decay):
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        mine.lerp_(theirs, 1 - decay)
    for mine, theirs in zip(ema.buffers(), net.buffers()):
        mine.copy_(theirs)


@torch.no_grad()
def _into_the_net(ema, net, decay):
    for mine, theirs in zip(ema.parameters(), net.parameters()):
        theirs.lerp_(mine, 1 - decay)
    for mine, theirs in zip(ema.buffers(), net.buffers()):
        mine.copy_(theirs)


@torch.no_grad()
def _buffers_only(ema, net, decay):
    for mine, theirs in zip(ema.buffers(), net.buffers()):
        mine.copy_(theirs)


def _bench(update_ema: Callable, seed: int) -> Exam:
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


def _run(update_ema: Callable, seed: int) -> Exam:
    exam = ward.average_run(update_ema, seed)
    exam.signs = {
        "distance to the data, live net": exam.signs["live"],
        "distance to the data, average": exam.signs["average"],
    }
    return exam


SIGNS = (
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
        too_low="The running mean has arrived and the running *variance* has not: BatchNorm keeps both.",
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
)

MISTAKES = [
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
        slip={"mine.copy_(theirs)": "theirs.copy_(mine)"},
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
        slip={("@torch.no_grad()\n"): ""},
    ),
    Mistake(
        _rebound,
        "`mine = ...` gives a new tensor to a name and leaves the average as it was: nothing "
        "is updated any more. Work in place.",
        slip={
            ("        mine.lerp_(theirs, 1 - decay)\n"): (
                "        mine = decay * mine + (1 - decay) * theirs\n"
            ),
            "        mine.copy_(theirs)": "        mine = theirs",
        },
    ),
    Mistake(
        _wrong_way,
        "The buffers are right, and the weights have changed roles: the newest net now counts "
        "for `decay`, the past for the rest.",
        slip={"mine.lerp_(theirs, 1 - decay)": "mine.lerp_(theirs, decay)"},
    ),
    Mistake(
        _into_the_net,
        "You move the weights of the *net* towards the average, which stays where it is: the net "
        "that trains is dragged back at every step. Turn that line round.",
    ),
    Mistake(
        _buffers_only,
        "The buffers arrive, and the weights are not averaged any more: your average is what it was "
        "born as. Both belong in the function.",
    ),
]

EXERCISE = Case(
    "15.11",
    "Fine in training, garbage in the demo",
    difficulty=2,
    minutes=12,
    reference=_well,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="a difference between training and evaluation mode",
    symptom="The average still normalises with the statistics it was born with.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
