"""Recorded runs of chapter 11: four architectures on 16x16 glyphs at one CPU budget, and the
style-based generator taken apart (mixing, path lengths, truncation, averages).

The chapter runs seed 0 of ``ch11-style`` with mixing live, with these settings. ``ch11-r3gan`` is
its GPU cell.
"""

from __future__ import annotations

import copy
import time
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from gancourse import data, features, metrics, nets, penalties
from gancourse.training import GANTrainer
from scripts.chapters import Later, chapter
from scripts.experiments import Recorder, experiment

SHAPE, N = (1, 16, 16), 1000
REAL = Later(lambda: page.judge.features(page.resize(data.glyphs(2 * N, size=16, seed=1).float())))
# Scores on 1,000 images of side 16, resized to the 28 that the judge wants, against as many real
# ones that no network was trained on.
page = chapter(
    "11", judge=Later(lambda: features.load("glyphs")), real=Later(lambda: REAL.make()[:N]),
    other=Later(lambda: REAL.make()[N:]),
)  # fmt: skip


@torch.no_grad()
def average_(net: torch.nn.Module, generator: torch.nn.Module, decay: float) -> None:
    """One step of an exponential average: net <- decay * net + (1 - decay) * generator."""
    for mine, theirs in zip(net.parameters(), generator.parameters()):
        mine.lerp_(theirs, 1 - decay)


# --- the ladder -----------------------------------------------------------------------------------


def _dcgan():
    return nets.DCGANGenerator(32, SHAPE, width=16), nets.DCGANDiscriminator(SHAPE, width=16)


def _growing():
    return nets.GrowingGenerator(32, SHAPE, width=12), nets.GrowingDiscriminator(SHAPE, width=8)


def _style():
    return nets.StyleGenerator(32, SHAPE, width=12), nets.DCGANDiscriminator(SHAPE, width=16)


def _r3gan():
    return (
        nets.R3GANGenerator(32, SHAPE, width=16, blocks=1),
        nets.R3GANDiscriminator(SHAPE, width=16, blocks=1),
    )


PLAIN = {"loss": "nonsaturating", "r1": 0.3}
# Steps that cost about the same CPU time, measured before.
MODELS: dict[str, tuple[Any, int, dict[str, Any]]] = {
    "DCGAN": (_dcgan, 1000, PLAIN),
    "growing": (_growing, 450, PLAIN),
    "style-based": (_style, 450, PLAIN),
    "R3GAN": (_r3gan, 150, {"loss": "relativistic", "r1": 0.3, "r2": 0.3}),
}
RATES = {"2e-3, 2e-3": (2e-3, 2e-3), "4e-3, 8e-3": (4e-3, 8e-3)}


def stage(step: int, steps: int) -> float:
    """0, 1, 2 at the sides 4, 8, 16, with a fade of 15 % of the steps before each doubling."""
    times = [0, 0.2, 0.35, 0.5, 0.65, 1]
    stages = [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    u = step / steps
    for i in range(5):
        if u <= times[i + 1]:
            share = (u - times[i]) / (times[i + 1] - times[i])
            return stages[i] + share * (stages[i + 1] - stages[i])
    return 2.0


def train(make, steps: int, seed: int, **settings: Any) -> tuple[GANTrainer, float]:
    torch.manual_seed(seed)
    generator, discriminator = make()
    trainer = GANTrainer(
        generator, discriminator, batch_size=32, betas=(0.0, 0.99), schedule="cosine", ema=0.99,
        seed=seed, device="cpu", **settings,
    )  # fmt: skip

    def grow(t: GANTrainer) -> None:
        nets.grow(stage(t.step, steps), t.generator, t.discriminator)

    images = data.glyphs(8000, size=16, seed=0).float()
    growing = make is _growing
    began = time.process_time()
    trainer.fit(
        images, steps, progress=False,
        callback=grow if growing else None, callback_steps=range(0, steps, 5) if growing else (),
    )  # fmt: skip
    return trainer, time.process_time() - began


@experiment("ch11-ladder", batch_size=32, images="glyphs 16x16", ema=0.99, decay="cosine")
def ladder(seed: int, device: torch.device, record: Recorder, **_: Any) -> dict[str, Any]:
    """Each model for about the same CPU time, at each of two pairs of learning rates."""
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        "real against real": page.compare(page.other),
        "models": {},
    }
    for name, (make, steps, settings) in MODELS.items():
        result["models"][name] = {}
        for rates, lr in RATES.items():
            trainer, seconds = train(make, steps, seed, lr=lr, **settings)
            images = trainer.sample(N)
            row = {"steps": steps, "cpu_seconds": seconds, **page.score(images)}
            if name == "DCGAN":  # halfway between two latents, straight and along the sphere
                g = torch.Generator().manual_seed(seed)
                a, b = torch.randn(2, N, 32, generator=g)
                net = trainer.ema.eval()
                with torch.no_grad():
                    row["midpoints"] = {
                        "lerp": page.score(net(page.lerp(a, b, 0.5))),
                        "slerp": page.score(net(page.arc(a, b, 0.5))),
                    }
            if seed == 0:  # a picture's worth of pixels, in 16 levels
                row["samples"] = ((images[:16, 0] + 1) * 7.5).round().int().flatten(1).tolist()
            result["models"][name][rates] = row
    return result


@experiment("ch11-ladder-average", batch_size=32, images="glyphs 16x16", decay="cosine", steps=150)
def ladder_average(
    seed: int, device: torch.device, record: Recorder, *, steps: int, **_: Any
) -> dict[str, Any]:
    """The ladder's R3GAN again, scored with three averages: after 150 steps, 0.99 holds 22 % of the
    initial weights."""
    torch.set_num_threads(1)
    images = data.glyphs(8000, size=16, seed=0).float()
    result: dict[str, Any] = {}
    for rates, lr in RATES.items():
        torch.manual_seed(seed)
        generator, discriminator = _r3gan()
        trainer = GANTrainer(
            generator, discriminator, batch_size=32, betas=(0.0, 0.99), schedule="cosine",
            seed=seed, device="cpu", lr=lr, **MODELS["R3GAN"][2],
        )  # fmt: skip
        averages = {d: copy.deepcopy(generator).eval() for d in (0.9, 0.99)}

        def follow(t: GANTrainer, averages=averages) -> None:
            with torch.no_grad():
                for d, net in averages.items():
                    average_(net, t.generator, d)

        trainer.fit(images, steps, progress=False, callback=follow, callback_steps=range(1, steps + 1))
        z = torch.randn(N, 32, generator=torch.Generator().manual_seed(5))
        with torch.no_grad():
            row = {str(d): page.score(net(z)) for d, net in averages.items()}
            row["none"] = page.score(trainer.generator.eval()(z))
        result[rates] = row
    return result


# --- the style-based generator taken apart --------------------------------------------------------


def take_apart(generator: nets.StyleGenerator) -> dict[str, Any]:
    """Mixing, path lengths and truncation of a trained generator."""
    n, g = N, torch.Generator().manual_seed(3)
    with torch.no_grad():
        w = generator.mapping(torch.randn(2500, 32, generator=g))
        kind = page.classes_of(generator.synthesis(w))
        mean = w.mean(0).expand(n, -1)
        of_class = torch.stack([w[kind == k].mean(0) for k in range(10)])[kind[:n]]
        a, b, ka, kb = w[:n], w[n : 2 * n], kind[:n], kind[n : 2 * n]
        different = ka != kb
        mixed = {}
        for cut in (1, 2):
            layers = torch.stack([a if j < cut else b for j in range(3)], 1)
            images = generator.synthesis(layers)
            k = page.classes_of(images)
            mixed[str(cut)] = {
                **page.score(images),
                "class of coarse": float((k == ka)[different].float().mean()),
                "class of fine": float((k == kb)[different].float().mean()),
            }
        truncation = {
            name: [page.score(generator.synthesis(page.lerp(center, a, psi))) for psi in page.PSIS]
            for name, center in (("all", mean), ("class", of_class))
        }
        za, zb = torch.randn(2, n, 32, generator=torch.Generator().manual_seed(13))
        wa, wb = generator.mapping(za), generator.mapping(zb)
    return {
        **page.score(generator.synthesis(a).detach()),
        "mixed": mixed,
        "psi": page.PSIS,
        "truncation": truncation,
        "path": {
            "z": page.path_length(lambda t: generator(page.arc(za, zb, t))),
            "w": page.path_length(lambda t: generator.synthesis(page.lerp(wa, wb, t))),
        },
    }


DECAYS = (0.9, 0.99, 0.999)


def style_trainer(
    seed: int,
    mixing: float,
    *,
    lr_g: float,
    lr_d: float,
    gamma: float,
    batch_size: int,
    ema: float | None = None,
) -> GANTrainer:
    """The chapter's style-based generator before its first step, against a plain discriminator."""
    torch.manual_seed(seed)
    return GANTrainer(
        nets.StyleGenerator(32, SHAPE, width=12, mixing=mixing),
        nets.DCGANDiscriminator(SHAPE, width=16), lr=(lr_g, lr_d), r1=gamma,
        batch_size=batch_size, betas=(0.0, 0.99), schedule="cosine", seed=seed, device="cpu", ema=ema,
    )  # fmt: skip


@experiment(
    "ch11-style", steps=800, lr_g=4e-3, lr_d=8e-3, gamma=0.3, batch_size=32, images="glyphs 16x16"
)
def style(
    seed: int,
    device: torch.device,
    record: Recorder,
    *,
    steps: int,
    lr_g: float,
    lr_d: float,
    gamma: float,
    batch_size: int,
    images: str,
) -> dict[str, Any]:
    """With and without mixing in training; averages of the first one's weights, over time."""
    torch.set_num_threads(1)
    train_images = data.glyphs(8000, size=16, seed=0).float()
    result: dict[str, Any] = {"real against real": page.compare(page.other)}
    for mixing in (0.9, 0.0):
        trainer = style_trainer(seed, mixing, lr_g=lr_g, lr_d=lr_d, gamma=gamma, batch_size=batch_size)
        averages = {d: copy.deepcopy(trainer.generator).eval() for d in DECAYS}
        curve: dict[str, dict[str, float]] = {}

        def follow(t: GANTrainer, averages=averages, curve=curve, mixing=mixing) -> None:
            with torch.no_grad():
                for d, net in averages.items():
                    average_(net, t.generator, d)
                if mixing and t.step in (50, 100, 200, 400, 800):
                    z = torch.randn(N, 32, generator=torch.Generator().manual_seed(5))
                    scores = {str(d): page.score(net(z))["fd"] for d, net in averages.items()}
                    scores["none"] = page.score(t.generator.eval()(z))["fd"]
                    curve[str(t.step)] = scores

        began = time.process_time()
        trainer.fit(
            train_images, steps, progress=False, callback=follow, callback_steps=range(1, steps + 1)
        )
        parts = take_apart(averages[0.99])
        parts["cpu_seconds"] = time.process_time() - began
        if mixing:
            parts["averages"] = curve
        result[f"mixing {mixing}"] = parts
    return result


@experiment(
    "ch11-mixing", mixing=[0.0, 0.5, 0.9], steps=800, lr_g=4e-3, lr_d=8e-3, gamma=0.3, batch_size=32,
    images="glyphs 16x16",
)  # fmt: skip
def how_much_mixing(
    seed: int,
    device: torch.device,
    record: Recorder,
    *,
    mixing: list[float],
    steps: int,
    images: str,
    **settings: Any,
) -> dict[str, Any]:
    """What mixing costs and buys: unmixed samples and mixtures, by the share mixed in training."""
    torch.set_num_threads(1)
    train_images = data.glyphs(8000, size=16, seed=0).float()
    result: dict[str, Any] = {}
    for share in mixing:
        trainer = style_trainer(seed, share, **settings)
        average = copy.deepcopy(trainer.generator).eval()
        trainer.fit(
            train_images,
            steps,
            progress=False,
            callback=lambda t, net=average: average_(net, t.generator, 0.99),
            callback_steps=range(1, steps + 1),
        )
        with torch.no_grad():
            w = average.mapping(torch.randn(2 * N, 32, generator=torch.Generator().manual_seed(3)))
            a, b = w.split(N)
            row = {"unmixed": page.score(average.synthesis(a))}
            for cut in (1, 2):
                layers = torch.stack([a if j < cut else b for j in range(3)], 1)
                row[f"cut {cut}"] = page.score(average.synthesis(layers))
        result[str(share)] = row
    return result


# --- the GPU cell ---------------------------------------------------------------------------------


@experiment(
    "ch11-r3gan", images="CIFAR-10", steps=40_000, width=256, blocks=2, batch_size=256,
    lr=2e-4, gamma=0.05, n=10_000,
)  # fmt: skip
def r3gan(
    seed: int,
    device: torch.device,
    record: Recorder,
    *,
    images: str,
    steps: int,
    width: int,
    blocks: int,
    batch_size: int,
    lr: float,
    gamma: float,
    n: int,
) -> dict[str, Any]:
    """The pair on CIFAR-10 with pairs, R1 and R2, in bfloat16; Inception features if installed."""
    import matplotlib.pyplot as plt

    from gancourse import plots

    shape = (3, 32, 32)
    real = data.cifar10(download=False)  # in GANCOURSE_DATA
    torch.manual_seed(seed)
    trainer = GANTrainer(
        nets.R3GANGenerator(64, shape, width=width, blocks=blocks),
        nets.R3GANDiscriminator(shape, width=width, blocks=blocks),
        loss="relativistic", r1=gamma, r2=gamma, lr=lr, betas=(0.0, 0.99), schedule="cosine",
        ema=0.999, batch_size=batch_size, amp="bf16", seed=seed, device=device,
    )  # fmt: skip
    began = time.perf_counter()
    trainer.fit(real, steps, progress=False)
    seconds = time.perf_counter() - began
    fakes = trainer.sample(n).cpu()
    fig, ax = plt.subplots(figsize=(7.2, 3.0))
    plots.image_grid(ax, fakes[:60], columns=15)
    record.figure(fig, alt="Sixty generated 32x32 color images, the first of the run.")
    result = {"wall_seconds": seconds, "images_per_second": steps * batch_size / seconds}
    try:
        inception = features.load("inception", device)
    except ImportError:
        return result  # the extra is not installed: pictures and speed only
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))[:n]
    result["fid_10k"] = metrics.fid(
        inception.features(real.images[order]).cpu(), inception.features(fakes).cpu()
    )
    return result


# --- what the weights say, and where the discriminator looks --------------------------------------


@torch.no_grad()
def walk_effects(generator: nets.StyleGenerator, w: Tensor) -> dict[str, dict[str, float]]:
    """How far 500 pictures move, and which share changes class, along directions of w (n, 32)."""
    styles = [m.style.weight for m in generator.modules() if isinstance(m, nets.ModulatedConv)]
    directions = torch.linalg.svd(torch.cat(styles)).Vh  # rows, strongest first
    start, step = w[:500], 2 * w.std(0).square().mean().sqrt()
    before = generator.synthesis(start)
    kind = page.classes_of(before)
    rng = torch.Generator().manual_seed(3)
    groups = {
        "first three": directions[:3],
        "random": F.normalize(torch.randn(4, 32, generator=rng), dim=1),
        "last eight": directions[-8:],
    }
    result = {}
    for name, chosen in groups.items():
        after = [generator.synthesis(start + step * d) for d in chosen]
        moved = [(x - before).flatten(1).norm(dim=1).mean().item() for x in after]
        other = [(page.classes_of(x) != kind).float().mean().item() for x in after]
        result[name] = {"moved": sum(moved) / len(moved), "other": sum(other) / len(other)}
    return result


def gaze(discriminator: torch.nn.Module, x: Tensor) -> dict[str, float]:
    """Where the squared gradient of D's logit lies, with two controls for "on the strokes".

    `share` is its part on and beside the picture's own strokes, `other` that on the strokes of other
    pictures, `fixed` that on one mask for all: the pixels that are most often near ink, as many as
    a picture has. `ratio` compares like with like, pixel by pixel: the mean over the pictures whose
    ink is near this pixel against that over the others, at pixels that are near ink in half to
    95 % of the pictures, summed over them. A gaze that never saw the picture gets 1.
    """
    x = x.clone().requires_grad_()
    gradient = penalties.input_gradient(discriminator(x), x).detach().view_as(x)
    near = F.max_pool2d((x.detach() > -0.5).float(), 3, 1, 1)
    return page.looks_at(gradient, near)


@experiment(
    "ch11-inside", steps=800, lr_g=4e-3, lr_d=8e-3, gamma=0.3, batch_size=32, images="glyphs 16x16"
)
def inside(
    seed: int,
    device: torch.device,
    record: Recorder,
    *,
    steps: int,
    lr_g: float,
    lr_d: float,
    gamma: float,
    batch_size: int,
    images: str,
) -> dict[str, Any]:
    """The chapter's style-based generator: directions in its weights, and what D looks at."""
    torch.set_num_threads(1)
    fresh = data.glyphs(2000, size=16, seed=1).float()[:500]
    torch.manual_seed(seed)
    new = nets.DCGANDiscriminator(SHAPE, width=16)
    trainer = style_trainer(seed, 0.9, lr_g=lr_g, lr_d=lr_d, gamma=gamma, batch_size=batch_size)
    # The chapter averages from the first step on, without the trainer's warm-up.
    average = copy.deepcopy(trainer.generator).eval()
    trainer.fit(
        data.glyphs(8000, size=16, seed=0).float(),
        steps,
        progress=False,
        callback=lambda t: average_(average, t.generator, 0.99),
        callback_steps=range(1, steps + 1),
    )
    with torch.no_grad():
        w = average.mapping(torch.randn(2500, 32, generator=torch.Generator().manual_seed(3)))
        drawn = average.synthesis(w[:500])
    return {
        "directions": walk_effects(average, w),
        "looks at real": gaze(trainer.discriminator, fresh),
        "looks at generated": gaze(trainer.discriminator, drawn),
        "untrained looks at real": gaze(new, fresh),
    }
