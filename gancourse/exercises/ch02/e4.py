"""Exercise 2.4: An average of the generator."""

import copy

import torch
from torch import nn

from .. import Exercise, Mistake


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


MISTAKES = [
    Mistake(
        _rebound,
        "The buffers are right, but the weights have not moved. `a = decay * a + ...` makes a new "
        "tensor and gives it the name `a`; the parameter inside the network never hears of it. "
        "Write into the tensor that is there: the methods that end in an underscore do.",
        slip={"mine.mul_(decay).add_(theirs, alpha=1": "mine = decay * mine + theirs * (1"},
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
        slip={
            (
                "    for mine, theirs in zip(average.buffers(), model.buffers()):\n"
                "        mine.copy_(theirs)"
            ): "    average.eval()"
        },
    ),
    Mistake(
        lambda average, model, decay: _update_ema(average, model, decay, keep=1 - decay),
        "decay and 1 - decay are swapped: with decay 0.999 the average should keep 99.9 % of "
        "itself, not follow the model at every step.",
        slip={"decay).add_(theirs, alpha=1 - decay": "1 - decay).add_(theirs, alpha=decay"},
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
        slip={"mine.copy_(theirs)": "mine.copy_(decay * mine + (1 - decay) * theirs)"},
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

EXERCISE = Exercise(
    "2.4",
    "An average of the generator",
    difficulty=2,
    minutes=15,
    reference=lambda average, model, decay: _update_ema(average, model, decay),
    inputs=_ema_cases,
    mistakes=MISTAKES,
    observe=_after_ema,
)
