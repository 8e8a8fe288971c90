"""Milliseconds a step of GANTrainer, beside two other forms of the same training step.

    python scripts/bench.py [--rounds 15] [--steps 100]

- *popular*: the loop as tutorials write it (own re-creation): fakes made with their graph in the
  discriminator's step, the discriminator not frozen in the
  generator's step, plain Adam, ``.item()`` on both losses at each step. (Tutorials also read
  through a DataLoader; it is left out here, to compare the steps alone.)
- *bare*: the shortest loop with the same arithmetic as GANTrainer: no history, no checks, no
  options.

Same networks, same batch, one thread. The three run interleaved, round by round, so that a change
in the machine's load hits all of them; the table shows medians over the rounds and the ratio
within a round. CPU time is counted, not wall time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from gancourse import data, nets
from gancourse.training import GANTrainer

NZ, LR, BETAS = 64, 1e-3, (0.5, 0.999)


Pair = tuple[nn.Module, nn.Module]


def popular(pair: Pair, samples: Tensor, batch: int) -> Callable[[int], None]:
    generator, discriminator = pair
    optimizer_g = torch.optim.Adam(generator.parameters(), LR, BETAS)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), LR, BETAS)
    log: list[tuple[float, float]] = []

    def run(steps: int) -> None:
        for _ in range(steps):
            real = samples[torch.randint(len(samples), (batch,))]
            ones, zeros = torch.ones(batch), torch.zeros(batch)
            optimizer_g.zero_grad()
            fake = generator(torch.randn(batch, NZ))
            g_loss = binary_cross_entropy_with_logits(discriminator(fake), ones)
            g_loss.backward()  # fills the discriminator's gradients too, for nothing
            optimizer_g.step()
            optimizer_d.zero_grad()
            fake = generator(torch.randn(batch, NZ))  # with its graph, not detached
            d_loss = binary_cross_entropy_with_logits(discriminator(real), ones)
            d_loss = d_loss + binary_cross_entropy_with_logits(discriminator(fake), zeros)
            d_loss.backward()  # all the way through the generator, whose step throws it away
            optimizer_d.step()
            log.append((d_loss.item(), g_loss.item()))

    return run


def bare(pair: Pair, samples: Tensor, batch: int) -> Callable[[int], None]:
    generator, discriminator = pair
    optimizer_g = torch.optim.Adam(generator.parameters(), LR, BETAS, fused=True)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), LR, BETAS, fused=True)
    rng = torch.Generator().manual_seed(0)
    frozen = list(discriminator.parameters())

    def run(steps: int) -> None:
        for _ in range(steps):
            real = samples[torch.randint(len(samples), (batch,), generator=rng)]
            with torch.no_grad():
                fake = generator(torch.randn(batch, NZ, generator=rng))
            d_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
            optimizer_d.zero_grad()
            d_loss.backward()
            optimizer_d.step()
            for parameter in frozen:
                parameter.requires_grad_(False)
            g_loss = softplus(-discriminator(generator(torch.randn(batch, NZ, generator=rng))))
            optimizer_g.zero_grad()
            g_loss.mean().backward()
            optimizer_g.step()
            for parameter in frozen:
                parameter.requires_grad_(True)

    return run


def course(pair: Pair, samples: Tensor, batch: int) -> Callable[[int], None]:
    trainer = GANTrainer(*pair, lr=LR, betas=BETAS, batch_size=batch, device="cpu")

    def run(steps: int) -> None:
        trainer.fit(samples, trainer.step + steps, progress=False)

    return run


FORMS = {"popular": popular, "bare": bare, "GANTrainer": course}


def mlps() -> Pair:
    return nets.MLPGenerator(NZ, (1, 8, 8), width=128), nets.MLPDiscriminator((1, 8, 8), width=128)


def dcgans() -> Pair:
    return nets.DCGANGenerator(NZ, (1, 28, 28)), nets.DCGANDiscriminator((1, 28, 28))


def measure(
    make: Callable[[], Pair], samples: Tensor, batch: int, steps: int, rounds: int
) -> dict[str, list[float]]:
    """CPU milliseconds a step by form, one value a round."""
    runs = {}
    for name, form in FORMS.items():
        torch.manual_seed(0)
        runs[name] = form(make(), samples, batch)
        runs[name](max(10, steps // 5))  # warm up
    times: dict[str, list[float]] = {name: [] for name in runs}
    order = list(runs)
    for round_ in range(rounds):
        for name in order[round_ % 3 :] + order[: round_ % 3]:  # each form goes first in turn
            start = time.process_time()
            runs[name](steps)
            times[name].append(1e3 * (time.process_time() - start) / steps)
    return times


def report(title: str, times: dict[str, list[float]]) -> None:
    print(f"\n{title}")
    print(f"{'form':12} {'ms a step':>10} {'popular / it':>13} {'it / bare':>10}")
    for name, values in times.items():
        faster = statistics.median(p / v for p, v in zip(times["popular"], values, strict=True))
        over = statistics.median(v / b for v, b in zip(values, times["bare"], strict=True))
        print(f"{name:12} {statistics.median(values):10.3f} {faster:12.2f}x {over:9.3f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=100, help="steps of the MLP in a round")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, medians of {arguments.rounds} rounds, CPU time")
    times = measure(mlps, data.digits().float(), 64, arguments.steps, arguments.rounds)
    report("digits 8x8, MLP 3x128, batch 64, non-saturating", times)
    samples = data.glyphs(2000).float()
    times = measure(dcgans, samples, 32, max(1, arguments.steps // 5), arguments.rounds)
    report("glyphs 28x28, tiny DCGAN, batch 32, non-saturating", times)


if __name__ == "__main__":
    main()
