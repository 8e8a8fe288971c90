"""Recorded runs of chapter 12: synthetic pictures as training data, augmenting the discriminator,
membership attacks, a differentially private critic, and detectors of generated pictures.

The functions are the chapter's own, which runs seed 0 live, for fewer steps where it says so.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gancourse import data, features, metrics, nets
from gancourse.training import GANTrainer
from scripts.chapters import Later, chapter
from scripts.experiments import Recorder, experiment

page = chapter(
    "12",
    KEY=torch.randint(2, (12, 12), generator=torch.Generator().manual_seed(42)) * 2.0 - 1,
    real_fresh=Later(lambda: data.glyphs(1000, size=12, seed=56).float()),
)
Augment = Callable[[Tensor], Tensor]

# --- synthetic pictures as training data ----------------------------------------------------------


@experiment("ch12-augment-long", seeds=tuple(range(5)), steps=5000, added=[100, 300, 1000])
@experiment("ch12-augment", seeds=tuple(range(8)), steps=2000, added=[100, 300, 1000])
def augment(seed: int, device: torch.device, record: Recorder, *, steps: int, added: list[int]):
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    train, test = data.digits("train"), data.digits("test")
    x, y = train.float(), train.labels
    few = page.ten_per_class(y, seed)
    small = page.conditional_gan(x[few], y[few], steps, seed)
    big = page.conditional_gan(x, y, steps, seed)
    fake_y = torch.arange(max(added)) % 10
    torch.manual_seed(seed)
    repeat = max(added) // 100
    sources = {
        "GAN of the same 100": (small.sample(max(added)), fake_y),
        "shifts and turns": (page.jitter(x[few].repeat(repeat, 1, 1, 1)), y[few].repeat(repeat)),
        "GAN of all 1,437": (big.sample(max(added)), fake_y),
    }
    result: dict[str, Any] = {}
    for name, make in (
        ("svc", lambda: SVC(C=10)),
        ("logistic", lambda: LogisticRegression(max_iter=500)),
    ):

        def accuracy(x: Tensor, y: Tensor, make: Callable[[], Any] = make) -> float:
            model = make().fit(x.flatten(1).numpy(), y.numpy())
            return float(model.score(test.float().flatten(1).numpy(), test.labels.numpy()))

        rows = {
            "100 real": accuracy(x[few], y[few]),
            "all 1,437 real": accuracy(x, y),
            "only GAN of the same 100": accuracy(*sources["GAN of the same 100"]),
            "only GAN of all 1,437": accuracy(*sources["GAN of all 1,437"]),
        }
        for source, (more, labels) in sources.items():
            for n in added:
                both = torch.cat([x[few], more[:n]]), torch.cat([y[few], labels[:n]])
                rows[f"+ {n} {source}"] = accuracy(*both)
        result[name] = rows
    return result


# --- augmenting the discriminator's pictures ------------------------------------------------------


@experiment("ch12-leak", seeds=(0, 1, 2, 3, 4), steps=1000)
def leak(seed: int, device: torch.device, record: Recorder, *, steps: int):
    x = data.digits("train").float()
    rows = {}
    half, always = page.roll(0.5), page.roll(1.0)
    for name, on_real, on_fake in (
        ("reals only, p = 0.5", half, page.same),
        ("both, p = 0.5", half, half),
        ("both, p = 1", always, always),
    ):
        G, _ = page.augmented_gan(x, on_real, on_fake, seed, steps)
        with torch.no_grad():
            rows[name] = page.displaced(G(torch.randn(1000, 16)))
    return rows


@experiment("ch12-diffaug", seeds=(0, 1, 2), n=100, steps=[1000, 2000, 4000])
def diffaug(seed: int, device: torch.device, record: Recorder, *, n: int, steps: list[int]):
    net = features.load("digits")
    everything = data.digits("train").float()
    real = net.features(everything)
    order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(seed))
    x = everything[order[:n]]
    others = torch.cat([everything[order[n:]], data.digits("test").float()])

    @torch.no_grad()
    def note(G: nn.Module, D: nn.Module) -> dict[str, float]:
        z = torch.randn(len(real), 16, generator=torch.Generator().manual_seed(100))
        fake = net.features(G(z))
        _, recall = metrics.precision_recall(real, fake)
        return {
            "frechet": metrics.frechet_distance(real, fake),
            "recall": recall,
            "auc": page.auc(D(x), D(others)),
        }

    rows = []
    for name, on_real, on_fake in (
        ("none", page.same, page.same),
        ("reals only", page.jitter, page.same),
        ("both", page.jitter, page.jitter),
    ):
        for count in steps:  # a longer run begins with the steps of a shorter one
            found = note(*page.augmented_gan(x, on_real, on_fake, seed, count))
            rows.append({"augmented": name, "steps": count, **found})
    return {"rows": rows}


# --- who was in the training set? -----------------------------------------------------------------


def attacked(seed: int, n: int, steps: list[int]) -> list[dict[str, Any]]:
    """A GAN of n glyphs, attacked each time that `steps` (in all) have been made."""
    others = data.glyphs(2000, size=12, seed=999).float()
    members = data.glyphs(n, size=12, seed=7 + 100 * seed).float()
    trainer = page.glyph_gan(members, seed)
    rows = []
    for step in steps:
        trainer.fit(members, step, progress=False)
        rows.append({"n": n, "steps": step, **page.attacks(trainer, members, others)})
    return rows


@experiment("ch12-membership", seeds=(0, 1, 2), sizes=[50, 200, 800, 3200], steps=[1000, 2000])
def membership(seed: int, device: torch.device, record: Recorder, *, sizes: list[int], steps: list[int]):
    return {"rows": [row for n in sizes for row in attacked(seed, n, steps)]}


@experiment("ch12-showings", seeds=(0, 1, 2), sizes=[50, 200, 800], shown=[40, 160])
def showings(seed: int, device: torch.device, record: Recorder, *, sizes: list[int], shown: list[int]):
    """The same attacks after each picture was shown equally often, in batches of 32."""
    return {
        "rows": [
            {"shown": times, **row}
            for n in sizes
            for times, row in zip(shown, attacked(seed, n, [k * n // 32 for k in shown]))
        ]
    }


# --- a private critic -----------------------------------------------------------------------------


@experiment("ch12-private", seeds=(0, 1, 2), batch=256, steps=[300, 1000], sigmas=[1.0, 2.0, 4.0])
def private(
    seed: int, device: torch.device, record: Recorder, *, batch: int, steps: list[int],
    sigmas: list[float],
):  # fmt: skip
    net = features.load("digits")
    x = data.digits("train").float()
    real = net.features(x)

    @torch.no_grad()
    def note(G: nn.Module) -> float:
        z = torch.randn(len(x), 16, generator=torch.Generator().manual_seed(100))
        return metrics.frechet_distance(real, net.features(G(z)))

    rows = []
    for clip, sigma in [(1e9, 0.0), *((1.0, sigma) for sigma in sigmas)]:
        for count in steps:
            G, _ = page.private_gan(x, count, batch, clip, sigma, seed)
            spent = float(page.epsilon(batch / len(x), sigma, count)) if sigma else None
            row = {"sigma": sigma, "steps": count, "frechet": note(G), "epsilon": spent}
            rows.append(row)
    return {"rows": rows}


# --- was it generated? ----------------------------------------------------------------------------


def grain(x: Tensor) -> Tensor:
    return (x + 0.1 * torch.randn_like(x)).clamp(-1, 1)


def jpeg(x: Tensor, quality: int = 50) -> Tensor:
    import io

    from PIL import Image

    saved = []
    for picture in features.to_uint8(x).numpy()[:, 0]:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        saved.append(np.asarray(Image.open(file)))
    return torch.from_numpy(np.stack(saved))[:, None].float() / 127.5 - 1


def sometimes(x: Tensor) -> Tensor:
    return (page.same, page.blur, grain)[int(torch.randint(3, ()))](x)


@experiment("ch12-detector", seeds=(0, 1, 2), steps=1000, steps_b=400)
def detectors(seed: int, device: torch.device, record: Recorder, *, steps: int, steps_b: int):
    members = data.glyphs(3200, size=12, seed=7 + 100 * seed).float()
    real = data.glyphs(2000, size=12, seed=55).float()

    def pictures(trainer: GANTrainer, steps: int) -> Tensor:
        trainer.fit(members, steps, progress=False)
        return page.samples(trainer)

    a = pictures(page.glyph_gan(members, seed), steps)
    again = pictures(page.glyph_gan(members, seed + 1000), steps)
    torch.manual_seed(seed)
    pair = nets.DCGANGenerator(32, (1, 12, 12)), nets.DCGANDiscriminator((1, 12, 12))
    other = GANTrainer(
        *pair, lr=2e-3, betas=(0, 0.99), r1=1.0, ema=0.99, batch_size=32, seed=seed, device="cpu"
    )
    b = pictures(other, steps_b)
    result = {}
    for name, source, process in (
        ("A", a, page.same),
        ("A, processed", a, sometimes),
        ("B", b, page.same),
    ):
        net = page.detector(real, source[:2000], process, seed)
        result[name] = {}
        for tested, fake, spoil in (
            ("A", a, page.same), ("A, another seed", again, page.same), ("B", b, page.same),
            ("A, blurred", a, page.blur), ("A, grain", a, grain), ("A, JPEG", a, jpeg),
        ):  # fmt: skip
            torch.manual_seed(0)
            names = ("auc", "real called fake", "fake called real")
            result[name][tested] = dict(zip(names, page.detected(net, fake, spoil), strict=True))
    return result


# --- a watermark ----------------------------------------------------------------------------------


@experiment("ch12-watermark", seeds=(0, 1, 2), steps=1000, strength=0.1)
def watermark(seed: int, device: torch.device, record: Recorder, *, steps: int, strength: float):
    """A generator trained on marked pictures: does it carry the mark? And through a blur?

    Each score twice: plainly, and after subtracting the mean detail of 1,000 unmarked pictures of
    the owner's, treated alike.
    """
    mine, fresh = data.glyphs(1000, size=12, seed=6).float(), page.real_fresh
    x = page.mark(data.glyphs(3200, size=12, seed=7 + 100 * seed).float(), strength)
    trainer = page.glyph_gan(x, seed)
    trainer.fit(x, steps, progress=False)
    fake = page.samples(trainer, 1000)
    rows = {
        "fresh pictures": (fresh, mine),
        "its samples": (fake, mine),
        "its samples, blurred": (page.blur(fake), page.blur(mine)),
        "moved by a pixel": (fake.roll(1, 3), mine.roll(1, 3)),
    }
    scores = {
        name: {"plain": page.z_score(x), "subtracted": page.z_score(x, page.detail(own))}
        for name, (x, own) in rows.items()
    }
    tried = [(fake.roll(1 + by, 3), mine.roll(1 + by, 3)) for by in (-1, 0, 1)]
    scores["moved, three places tried"] = {
        "plain": max(page.z_score(x) for x, _ in tried),
        "subtracted": max(page.z_score(x, page.detail(own)) for x, own in tried),
    }
    return scores


# --- lopsided data, and a new typeface ------------------------------------------------------------


@experiment("ch12-lopsided", seeds=(0, 1, 2, 3, 4), n=2000, steps=[300, 1000])
def lopsided(seed: int, device: torch.device, record: Recorder, *, n: int, steps: list[int]):
    """Nine zeros to one seven: what share of sevens does a generator make, and when truncated?"""
    count, x = page.seven_or_zero(), page.lopsided(n, seed)
    rows = {"held out": count(page.lopsided(4000, 80 + seed))}
    for name, r1 in (("R1", 1.0), ("no penalty", 0.0)):
        trainer = page.small_gan(seed, r1)
        for until in steps:
            trainer.fit(x, until, progress=False)
            rows[f"{name} {until}"] = page.shares_of_rare(trainer, count)
    return rows


@experiment("ch12-new-face", seeds=(0, 1, 2), n=200, before=1500, steps=[100, 500], long=2000)
def new_face(
    seed: int, device: torch.device, record: Recorder, *, n: int, before: int, steps: list[int],
    long: int,
):  # fmt: skip
    """A generator of eleven typefaces moves to 200 pictures of a twelfth; Fréchet distances to it."""
    few = page.in_face(n, 100 + seed, True)
    real, other = (page.glyph_features(page.in_face(1000, k, True)) for k in (300, 301))
    base = page.small_gan(seed)
    base.fit(page.in_face(6000, 200 + seed, False), before, progress=False)

    def score(images: Tensor) -> dict[str, float]:
        x = page.glyph_features(images)
        precision, recall = metrics.precision_recall(real, x)
        return {
            "frechet": metrics.frechet_distance(real, x), "precision": precision, "recall": recall
        }  # fmt: skip

    def drawn(trainer: GANTrainer) -> Tensor:
        return trainer.sample(1000, torch.Generator().manual_seed(1))

    rows: dict[str, Any] = {
        "floor": metrics.frechet_distance(real, other), "copier": score(few.repeat(5, 1, 1, 1)),
        "before": score(drawn(base)),
    }  # fmt: skip
    for name, kept_g, kept_d in (("all layers", 0, 0), ("D frozen", 0, 1), ("G frozen", 1, 0)):
        G, D = copy.deepcopy(base.ema), copy.deepcopy(base.discriminator)
        G.requires_grad_(True)
        trainer = page.small_gan(seed, G=page.frozen(G, kept_g), D=page.frozen(D, kept_d))
        for until in steps:
            trainer.fit(few, until, progress=False)
            rows[f"{name} {until}"] = score(drawn(trainer))
    trainer = page.small_gan(seed)
    for until in [*steps, long]:
        trainer.fit(few, until, progress=False)
        rows[f"from scratch {until}"] = score(drawn(trainer))
    return rows
