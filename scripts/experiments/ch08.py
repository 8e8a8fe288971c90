"""Recorded runs of chapter 8: three ways to train the same small GAN on the digits, ten seeds each.

The chapter asks how far one run's score can be trusted, so each run is scored on the same held-out
digits with ten independent draws from its generator: the spread over draws is that of sampling,
the spread over seeds that of training. The chapter trains one of these runs itself, with the same
code written out. ``ch08-interval`` asks how wide the intervals of ``metrics.interval`` come out, and how
often they hold: one interval tells neither. ``ch08-judge`` trains on the distance itself.
``ch08-blind`` keeps twenty pictures for the reader to judge.
"""

from __future__ import annotations

import base64
import functools
import time

import numpy as np
import torch

from gancourse import data, features, metrics, nets, training
from scripts import generators
from scripts.chapters import chapter
from scripts.experiments import experiment

METHODS = {
    "plain": dict(loss="nonsaturating", betas=(0.5, 0.999)),
    "R1": dict(loss="nonsaturating", r1=0.3, betas=(0.0, 0.99), schedule="cosine"),
    "relativistic": dict(
        loss="relativistic", r1=0.1, r2=0.1, betas=(0.0, 0.99), schedule="cosine"
    ),  # + R1 + R2
}


def train(method: str, seed: int, steps: int) -> training.GANTrainer:
    torch.manual_seed(seed)
    generator = nets.MLPGenerator(16, (1, 8, 8), width=128, depth=2)
    discriminator = nets.MLPDiscriminator((1, 8, 8), width=128, depth=2)
    trainer = training.GANTrainer(
        generator, discriminator, lr=1e-3, seed=seed, device="cpu", **METHODS[method]
    )
    trainer.fit(data.digits("train").float(), steps, progress=False)
    return trainer


@experiment("ch08-seeds", seeds=tuple(range(10)), steps=1500, draws=10)
def seeds(seed, device, record, *, steps, draws):
    net, test = features.load("digits"), data.digits("test")
    real, result = net.features(test.images), {}
    for method in METHODS:
        began = time.process_time()
        trainer = train(method, seed, steps)
        seconds = time.process_time() - began
        fakes = [
            net.features(trainer.sample(len(real), torch.Generator().manual_seed(draw)))
            for draw in range(draws)
        ]
        precision, recall = np.mean([metrics.precision_recall(real, f) for f in fakes], axis=0)
        result[method] = {
            "frechet": [metrics.frechet_distance(real, f) for f in fakes],
            "kid": [metrics.kid(real, f) for f in fakes],
            "precision": float(precision),
            "recall": float(recall),
            "cpu_seconds": seconds,
        }
    return result


@experiment("ch08-interval", seeds=tuple(range(5)), steps=1500, sets=200, tried=60)
def interval(seed, device, record, *, steps, sets, tried):
    """The 95 % interval over generated samples, against the spread of ``sets`` fresh ones."""
    net, test = features.load("digits"), data.digits("test")
    real, trainer = net.features(test.images), train("R1", seed, steps)
    fakes = [
        net.features(trainer.sample(len(real), torch.Generator().manual_seed(draw)))
        for draw in range(sets)
    ]
    values = np.array([metrics.frechet_distance(real, fake) for fake in fakes])
    width, mean, widths, held = 2 * 1.96 * values.std(ddof=1), values.mean(), [], 0
    for fake in fakes[:tried]:
        _, low, high = metrics.interval(lambda f: metrics.frechet_distance(real, f), fake)
        widths.append((high - low) / width)
        held += bool(low < mean < high)
    return {"widths": widths, "held": held / tried}


# The deeper page "When the score becomes the loss". Its functions are the chapter's own.
page = chapter("08")


@functools.cache
def _judges():
    """Name -> network: the package's own, two more seeds of it, and one that learned nothing."""
    return {
        "the judge": features.load("digits"),
        "second seed": page.another_judge(7),
        "third seed": page.another_judge(8),
        "untrained": page.untrained_judge(99),
    }


@experiment("ch08-judge", steps=300, gan_steps=1500)
def judged(seed, device, record, *, steps, gan_steps):
    """Pictures trained on the Fréchet distance, before judges that they were and were not shown."""
    reference, fresh = data.digits("train").float()[:360], data.digits("test").float()
    networks = _judges()
    spaces = {name: lambda x, n=net: n.features(x).double() for name, net in networks.items()}
    spaces["pixels"] = page.grey_levels
    gan = page.gan_of(reference, seed, gan_steps)
    pictures = {
        "distance": page.train_on(networks["the judge"], reference, seed, steps=steps),
        "GAN": page.sample_360(gan),
        "copier": reference,
    }
    return {name: page.verdict(spaces, reference, fresh, images) for name, images in pictures.items()}


@experiment("ch08-blind", seeds=(0,), real_seed=5)
def blind(seed, device, record, *, real_seed):
    """One glyph of each class, and what chapter 9's generator (its 8-bit weights) answers to the ten
    requests: (10, 28, 28) bytes each, in base64. Nobody has chosen among them."""
    glyphs = data.glyphs(200, seed=real_seed)
    first = [int((glyphs.labels == k).nonzero()[0]) for k in range(10)]
    G = generators.unpack(generators.read(generators.FOLDER / "dcgan.js"))
    with torch.no_grad():
        drawn = G(torch.randn(10, G.nz, generator=torch.Generator().manual_seed(seed)), torch.arange(10))
    bytes_of = {
        "real": glyphs.images[first],
        "generated": ((drawn + 1) * 127.5).round().to(torch.uint8),
    }
    return {name: base64.b64encode(x.numpy().tobytes()).decode() for name, x in bytes_of.items()}
