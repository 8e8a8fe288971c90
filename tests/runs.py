"""Small runs that several test files train."""

import torch
from torch import nn

from gancourse import nets
from gancourse.training import GANTrainer


def trainer(shape=2, **settings):
    torch.manual_seed(0)
    settings = {"batch_size": 16, "seed": 1, "device": "cpu"} | settings
    return GANTrainer(
        nets.MLPGenerator(3, shape, width=16, depth=2),
        nets.MLPDiscriminator(shape, width=16, depth=2),
        **settings,
    )


def state(net):
    return {k: v.clone() for k, v in net.state_dict().items()}


def same(a, b):
    return all(a[k].equal(b[k]) for k in a) and a.keys() == b.keys()


class NormGenerator(nn.Module):
    nz = 3

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, z):
        return self.net(z)


CENTERS = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])


def three_classes(n=600):
    rng = torch.Generator().manual_seed(0)
    y = torch.randint(3, (n,), generator=rng)
    return CENTERS[y] + 0.1 * torch.randn(n, 2, generator=rng), y


def conditional(**settings):
    torch.manual_seed(0)
    settings = {"batch_size": 32, "seed": 1, "device": "cpu"} | settings
    return GANTrainer(
        nets.ConditionalMLPGenerator(2, num_classes=3, width=32, depth=2),
        nets.ConditionalMLPDiscriminator(2, num_classes=3, width=32, depth=2),
        **settings,
    )


def conditional_images(**settings):
    torch.manual_seed(0)
    settings = {"batch_size": 16, "device": "cpu"} | settings
    shape = (1, 8, 8)
    return GANTrainer(
        nets.ConditionalDCGANGenerator(6, shape, width=8),
        nets.ConditionalDCGANDiscriminator(shape, width=8),
        **settings,
    )


class Mixed(nn.Module):
    """Batch statistics and dropout: buffers, the global random stream, a mode that matters."""

    nz = 2

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2)
        )

    def forward(self, z):
        return self.net(z)


def mixed(**settings):
    torch.manual_seed(0)
    settings = {"batch_size": 8, "device": "cpu"} | settings
    return GANTrainer(Mixed(), nets.MLPDiscriminator(2, width=8, depth=1), **settings)
