"""Milliseconds a step of GANTrainer, beside other forms of the same training step.

    python scripts/bench.py [--rounds 15] [--steps 100]
    python scripts/bench.py --device cuda

- *popular*: the loop as tutorials write it (own re-creation): fakes made with their graph in the
  discriminator's step, the discriminator not frozen in the
  generator's step, plain Adam, ``.item()`` on both losses at each step. (Tutorials also read
  through a DataLoader; it is left out here, to compare the steps alone.)
- *bare*: the shortest loop with the same arithmetic as GANTrainer: no history, no checks, no
  options.

Same networks, same batch, one thread. The forms run interleaved, round by round, so that a change
in the machine's load hits all of them; the table shows medians over the rounds and the ratio
within a round. CPU time is counted, not wall time.

On a GPU: a DCGAN at 32x32, 64 channels and up, batch 128, on random pictures (the time does not
depend on what is in them). GANTrainer then works in channels-last layout by itself; it is measured
in float32 and in each half precision that the card has. There wall time counts, with the queue
empty at both ends.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from gancourse import data, nets
from gancourse.training import GANTrainer

NZ, LR, BETAS = 64, 1e-3, (0.5, 0.999)


Pair = tuple[nn.Module, nn.Module]
Form = Callable[[Pair, Tensor, int], Callable[[int], None]]


def popular(pair: Pair, samples: Tensor, batch: int) -> Callable[[int], None]:
    device = samples.device
    generator, discriminator = (net.to(device) for net in pair)
    optimizer_g = torch.optim.Adam(generator.parameters(), LR, BETAS)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), LR, BETAS)
    log: list[tuple[float, float]] = []

    def run(steps: int) -> None:
        for _ in range(steps):
            real = samples[torch.randint(len(samples), (batch,), device=device)]
            ones, zeros = torch.ones(batch, device=device), torch.zeros(batch, device=device)
            optimizer_g.zero_grad()
            fake = generator(torch.randn(batch, NZ, device=device))
            g_loss = binary_cross_entropy_with_logits(discriminator(fake), ones)
            g_loss.backward()  # fills the discriminator's gradients too, for nothing
            optimizer_g.step()
            optimizer_d.zero_grad()
            fake = generator(torch.randn(batch, NZ, device=device))  # with its graph, not detached
            d_loss = binary_cross_entropy_with_logits(discriminator(real), ones)
            d_loss = d_loss + binary_cross_entropy_with_logits(discriminator(fake), zeros)
            d_loss.backward()  # all the way through the generator, whose step throws it away
            optimizer_d.step()
            log.append((d_loss.item(), g_loss.item()))

    return run


def bare(pair: Pair, samples: Tensor, batch: int) -> Callable[[int], None]:
    device = samples.device
    generator, discriminator = (net.to(device) for net in pair)
    optimizer_g = torch.optim.Adam(generator.parameters(), LR, BETAS, fused=True)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), LR, BETAS, fused=True)
    rng = torch.Generator(device).manual_seed(0)
    frozen = list(discriminator.parameters())

    def run(steps: int) -> None:
        for _ in range(steps):
            real = samples[torch.randint(len(samples), (batch,), generator=rng, device=device)]
            with torch.no_grad():
                fake = generator(torch.randn(batch, NZ, generator=rng, device=device))
            d_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
            optimizer_d.zero_grad()
            d_loss.backward()
            optimizer_d.step()
            for parameter in frozen:
                parameter.requires_grad_(False)
            g_loss = softplus(
                -discriminator(generator(torch.randn(batch, NZ, generator=rng, device=device)))
            )
            optimizer_g.zero_grad()
            g_loss.mean().backward()
            optimizer_g.step()
            for parameter in frozen:
                parameter.requires_grad_(True)

    return run


def course(pair: Pair, samples: Tensor, batch: int, amp: str | None = None) -> Callable[[int], None]:
    trainer = GANTrainer(*pair, lr=LR, betas=BETAS, batch_size=batch, amp=amp, device=samples.device)

    def run(steps: int) -> None:
        trainer.fit(samples, trainer.step + steps, progress=False)

    return run


FORMS: dict[str, Form] = {"popular": popular, "bare": bare, "GANTrainer": course}
HALVES: dict[str, Form] = {
    f"GANTrainer {amp}": functools.partial(course, amp=amp) for amp in ("fp16", "bf16")
}


def mlps() -> Pair:
    return nets.MLPGenerator(NZ, (1, 8, 8), width=128), nets.MLPDiscriminator((1, 8, 8), width=128)


def dcgans() -> Pair:
    return nets.DCGANGenerator(NZ, (1, 28, 28)), nets.DCGANDiscriminator((1, 28, 28))


def wide_dcgans(width: int = 64) -> Pair:
    shape = (3, 32, 32)
    return nets.DCGANGenerator(NZ, shape, width=width), nets.DCGANDiscriminator(shape, width=width)


def clock(device: torch.device) -> float:
    if device.type != "cuda":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def measure(
    make: Callable[[], Pair],
    samples: Tensor,
    batch: int,
    steps: int,
    rounds: int,
    forms: dict[str, Form] = FORMS,
) -> dict[str, list[float]]:
    """Milliseconds a step by form, one value a round: CPU time, or wall time on a GPU."""
    runs = {}
    for name, form in forms.items():
        torch.manual_seed(0)
        runs[name] = form(make(), samples, batch)
        runs[name](max(10, steps // 5))  # warm up
    times: dict[str, list[float]] = {name: [] for name in runs}
    order = list(runs)
    for round_ in range(rounds):
        first = round_ % len(order)
        for name in order[first:] + order[:first]:  # each form goes first in turn
            start = clock(samples.device)
            runs[name](steps)
            times[name].append(1e3 * (clock(samples.device) - start) / steps)
    return times


def summary(times: dict[str, list[float]], batch: int) -> dict[str, dict[str, float]]:
    """By form: median ms a step, images a second, how much faster than popular, slower than bare.

    Ratios are medians of the ratios within a round. JSON values, for a recorded run.
    """

    def ratio(a: str, b: str) -> float:
        return statistics.median(x / y for x, y in zip(times[a], times[b], strict=True))

    rows = {}
    for name in times:
        ms = statistics.median(times[name])
        rows[name] = {"ms": ms, "images_per_second": 1e3 * batch / ms}
        rows[name]["faster_than_popular"] = ratio("popular", name)
        if "bare" in times:
            rows[name]["slower_than_bare"] = ratio(name, "bare")
    return rows


def report(title: str, times: dict[str, list[float]], batch: int) -> None:
    print(f"\n{title}")
    print(f"{'form':16} {'ms a step':>10} {'images/s':>10} {'popular / it':>13} {'it / bare':>10}")
    for name, row in summary(times, batch).items():
        bare_ = f"{row['slower_than_bare']:9.3f}x" if "slower_than_bare" in row else ""
        print(
            f"{name:16} {row['ms']:10.3f} {row['images_per_second']:10,.0f} "
            f"{row['faster_than_popular']:12.2f}x {bare_}"
        )


def dcgan_on(
    device: torch.device, *, steps: int = 200, rounds: int = 9, batch: int = 128, width: int = 64
) -> dict[str, list[float]]:
    """Times of the wide DCGAN in all forms that the device has."""
    rng = torch.Generator().manual_seed(0)
    samples = (torch.rand(4 * batch, 3, 32, 32, generator=rng) * 2 - 1).to(device)
    forms = FORMS | HALVES
    if device.type == "cuda" and torch.cuda.get_device_capability(device)[0] < 8:
        del forms["GANTrainer bf16"]  # emulated there
    return measure(lambda: wide_dcgans(width), samples, batch, steps, rounds, forms)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu, or cuda")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=100, help="steps of the MLP in a round")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    rounds, device = arguments.rounds, torch.device(arguments.device)
    if device.type == "cuda":
        card = torch.cuda.get_device_name(device)
        print(f"torch {torch.__version__}, {card}, medians of {rounds} rounds, wall time")
        times = dcgan_on(device, steps=2 * arguments.steps, rounds=rounds)
        report("random 32x32, DCGAN with 64 channels, batch 128, non-saturating", times, 128)
        return
    print(f"torch {torch.__version__}, one thread, medians of {rounds} rounds, CPU time")
    times = measure(mlps, data.digits().float(), 64, arguments.steps, rounds)
    report("digits 8x8, MLP 3x128, batch 64, non-saturating", times, 64)
    samples = data.glyphs(2000).float()
    times = measure(dcgans, samples, 32, max(1, arguments.steps // 5), rounds)
    report("glyphs 28x28, tiny DCGAN, batch 32, non-saturating", times, 32)


if __name__ == "__main__":
    main()
