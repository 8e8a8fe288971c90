"""Case 15.10: A generator that wakes up late."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from . import _ward as ward
from ._case import Case, Exam, Mistake, Sign
from ._probes import INF, quotient


def _sick(n_in, n_out):
    return nn.Sequential(
        nn.Linear(n_in, n_out),
        nn.BatchNorm1d(n_out, 0.8),
        nn.ReLU(),
    )


def _well(n_in, n_out):
    return nn.Sequential(
        nn.Linear(n_in, n_out),
        nn.BatchNorm1d(n_out),
        nn.ReLU(),
    )


def _block(*middle: Callable[[int], nn.Module]) -> Callable:
    def block(n_in, n_out):
        return nn.Sequential(nn.Linear(n_in, n_out), *(make(n_out) for make in middle))

    return block


class _Deep(nn.Module):
    nz = 16

    def __init__(self, block: Callable) -> None:
        super().__init__()
        made = [block(16, 64)] + [block(64, 64) for _ in range(3)]
        for module in made:
            if not isinstance(module, nn.Module):
                raise ward.Unusable(f"block should return a module; it returned {module!r:.60}.")
        self.blocks = nn.ModuleList(made)
        self.head = nn.Linear(64, 64)
        for module in self.modules():  # as DCGAN does
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, z: Tensor) -> Tensor:
        for block in self.blocks:
            z = block(z)
        return torch.tanh(self.head(z)).view(-1, 1, 8, 8)


def _one_batchs_share(block: nn.Module) -> float:
    """Momentum, as a running mean shows it that starts at 0 and sees one batch twice."""
    block.train()
    x, seen = 1 + torch.randn(256, 16), []
    for _ in range(2):
        block(x)
        seen.append([b.clone() for name, b in block.named_buffers() if "running_mean" in name])
    if not seen[0]:
        return 0.0
    first, second = seen[0][0], seen[1][0]
    return float(2 - (second @ first) / (first @ first))


def _bend(block: nn.Module) -> float:
    """How far the block is from a straight line: 0 for f(a + b) - f(0) = f(a) - f(0) + f(b) - f(0)."""
    a, b, zero = torch.randn(64, 16), torch.randn(64, 16), torch.zeros(64, 16)
    with torch.no_grad():
        both, one, other, none = block(torch.cat([a + b, a, b, zero])).chunk(4)
    off = (both - one - other + none).abs().mean()
    return quotient(off.item(), (one - none).abs().mean().item())


def _bench(block: Callable, seed: int) -> Exam:
    torch.manual_seed(seed)
    net, share = _Deep(block), _one_batchs_share(_Deep(block).blocks[0])
    z, spreads = torch.randn(512, 16), []
    with torch.no_grad():
        h = z
        for module in net.blocks:
            h = module(h)
            spreads.append(h.std(0).mean().item())
        first = torch.tanh(net.head(h))
        large = _Deep(block).blocks[0](10 * z).std(0).mean().item()
        dead = _Deep(block).blocks[0](torch.zeros(8, 16))  # every feature constant
        noise = _Deep(block).blocks[0](1 + 1e-4 * torch.randn(512, 16)).std(0).mean().item()
    signs = {
        "spread after block 1": spreads[0],
        "spread after block 4": spreads[3],
        "spread after block 1, input 10 times as large": large,
        "spread of the first samples": first.std(0).mean().item(),
        "bend (0: the block is a linear map)": _bend(_Deep(block).blocks[0]),
        "output on constant features": dead.abs().max().item(),
        "spread from features that differ by 1e-4": noise,
        "weight of one batch in the running mean": share,
    }
    return Exam(signs, pictures={"spreads": spreads})


def _run(block: Callable, seed: int) -> Exam:
    torch.manual_seed(101 + seed)  # G's weights; the run seeds the rest
    exam = ward.digits_run(seed, generator=_Deep(block))
    exam.signs = {"Fréchet distance": exam.signs["distance"]}
    return exam


SIGNS = (
    Sign(
        "spread after block 1",
        0.4,
        1.2,
        exact=True,
        too_low="The block still shrinks the signal. What stands next to the variance in "
        "BatchNorm's root?",
        too_high="The block makes the signal grow: block after block it explodes.",
    ),
    Sign(
        "spread after block 4",
        0.4,
        1.2,
        exact=True,
        too_low="Block after block the signal dies away.",
        too_high="Block after block the signal grows.",
    ),
    Sign(
        "spread after block 1, input 10 times as large",
        0.4,
        1.2,
        exact=True,
        too_low="A larger input comes out smaller.",
        too_high="The block's output grows with its input: it scales, and does not normalise. "
        "It fits the weights of today and not those of tomorrow.",
    ),
    Sign("spread of the first samples", 0.03, INF),
    Sign(
        "bend (0: the block is a linear map)",
        0.1,
        INF,
        too_low="Nothing in the block bends any more: a chain of such blocks is one linear "
        "map. The activation belongs in it.",
    ),
    Sign(
        "output on constant features",
        0,
        10,
        exact=True,
        too_high="A feature that is constant over the batch is blown up.",
    ),
    Sign(
        "spread from features that differ by 1e-4",
        0,
        0.3,
        exact=True,
        too_high="Features that differ by a ten-thousandth come out at full size, so rounding "
        "is amplified to a signal: eps is too small to stop it. The default is 1e-5.",
    ),
    Sign(
        "weight of one batch in the running mean",
        0,
        0.5,
        exact=True,
        too_high="The running statistics are nearly those of the last batch: PyTorch's "
        "momentum is the weight of the *new* batch.",
    ),
    Sign("Fréchet distance", -INF, 25, trained=True),
)

MISTAKES = [
    Mistake(
        _block(lambda n: nn.BatchNorm1d(n, momentum=0.8), lambda n: nn.ReLU()),
        "The signal lives. But PyTorch's momentum is the weight of the *new* batch (Keras': "
        "of the old average), so 0.8 makes the running statistics those of the last batch.",
        slip={"nn.BatchNorm1d(n_out)": "nn.BatchNorm1d(n_out, momentum=0.8)"},
    ),
    Mistake(
        _block(lambda n: nn.ReLU()),
        "Without any normalisation the weights of standard deviation 0.02 shrink the signal "
        "just as much: BatchNorm was right to be here, its argument was not.",
        slip={"nn.BatchNorm1d(n_out)": "nn.Identity()"},
    ),
    Mistake(
        _block(lambda n: nn.BatchNorm1d(n, eps=0.0), lambda n: nn.ReLU()),
        "eps exists for a feature that is constant over the batch: with eps = 0 it is divided "
        "by zero, and NaN spreads. A small one is right; the default is 1e-5.",
        slip={"nn.BatchNorm1d(n_out)": "nn.BatchNorm1d(n_out, eps=0)"},
    ),
    Mistake(
        _block(lambda n: nn.BatchNorm1d(n, 0.2), lambda n: nn.ReLU()),
        "Smaller, and still the same argument: the second one is eps, which is added to the "
        "*variance*. Against a variance of 0.006, 0.2 is a lot, too.",
        slip={"nn.BatchNorm1d(n_out)": "nn.BatchNorm1d(n_out, 0.2)"},
    ),
    Mistake(
        _block(lambda n: nn.BatchNorm1d(n, momentum=0.0), lambda n: nn.ReLU()),
        "The signal lives. But with a momentum of 0 no batch ever counts, and the running "
        "statistics stay as they were born: in evaluation mode nothing is normalised.",
    ),
    Mistake(
        _block(lambda n: nn.BatchNorm1d(n)),
        "The argument is gone, and the ReLU with it: a chain of such blocks is one linear map.",
    ),
    Mistake(
        _block(lambda n: nn.InstanceNorm1d(n), lambda n: nn.ReLU()),
        "This normalises each *sample* by itself, over its features. BatchNorm was right to be "
        "here, its argument was not.",
    ),
]

EXERCISE = Case(
    "15.10",
    "A generator that wakes up late",
    difficulty=2,
    minutes=12,
    reference=_well,
    broken=_sick,
    bench=_bench,
    run=_run,
    diagnosis="the latent has no effect at the start",
    ill="nn.BatchNorm1d(n_out, 0.8),",
    symptom="Every block still divides the signal by ten.",
    signs=SIGNS,
    mistakes=MISTAKES,
)
