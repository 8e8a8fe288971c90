"""What several exercises of this chapter share."""

import copy

import torch
from torch import nn


def two_networks(n):
    """A small generator and discriminator."""
    generator = nn.Sequential(nn.Linear(2, n), nn.ReLU(), nn.Linear(n, 2))
    discriminator = nn.Sequential(nn.Linear(2, n), nn.LeakyReLU(0.2), nn.Linear(n, 1), nn.Flatten(0))
    return generator, discriminator


def old_gradients(net, value=0.5):
    for parameter in net.parameters():  # as the step before may leave them
        parameter.grad = torch.full_like(parameter, value)


def gradients_of(net):
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in net.named_parameters()
    }


def moved(net):
    return any(not torch.equal(net.start[name], value) for name, value in net.state_dict().items())


def remember(net):
    net.start = copy.deepcopy(net.state_dict())


NO_GRAPH = (
    "The loss was computed under `no_grad` (or from detached tensors), so there is no graph for "
    "backward to follow. Only the *fakes* may be made that way; D has to be called outside."
)
