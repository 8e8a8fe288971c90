"""Recorded runs of chapter 12: synthetic pictures as training data, augmenting the discriminator,
membership attacks, a differentially private critic, and detectors of generated pictures.

The chapter writes the same functions out and runs seed 0 live, for fewer steps where it says so.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.special import gammaln, logsumexp
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.func import functional_call, grad, grad_and_value, vmap
from torch.nn import functional as F
from torch.nn.functional import softplus

from gancourse import data, features, metrics, nets, penalties
from gancourse.training import GANTrainer
from scripts.experiments import Recorder, experiment

Augment = Callable[[Tensor], Tensor]


def auc(members: Tensor, others: Tensor) -> float:
    """Chance that a member scores higher than another one, ties counting half."""
    ranks = rankdata(torch.cat([members, others]).numpy())
    n, m = len(members), len(others)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def jitter(x: Tensor, degrees: float = 10, shift: float = 0.0625) -> Tensor:
    """Each image turned and moved by a random amount, differentiably; shift is a share of it."""
    n = len(x)
    angle = (2 * torch.rand(n) - 1) * math.radians(degrees)
    move = (2 * torch.rand(n, 2) - 1) * 2 * shift
    cos, sin = angle.cos(), angle.sin()
    matrix = torch.stack([cos, -sin, move[:, 0], sin, cos, move[:, 1]], 1).view(n, 2, 3)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x + 1, grid, align_corners=False) - 1  # outside is black, -1


# --- synthetic pictures as training data ----------------------------------------------------------


def conditional_gan(x: Tensor, y: Tensor, steps: int, seed: int) -> GANTrainer:
    torch.manual_seed(seed)
    pair = (
        nets.ConditionalMLPGenerator(16, (1, 8, 8), width=128, depth=2),
        nets.ConditionalMLPDiscriminator((1, 8, 8), width=128, depth=2),
    )
    trainer = GANTrainer(
        *pair, lr=1e-3, betas=(0, 0.99), r1=0.1, ema=0.995, schedule="cosine", batch_size=64,
        seed=seed, device="cpu",
    )  # fmt: skip
    trainer.fit((x, y), steps, progress=False)
    return trainer


def ten_per_class(labels: Tensor, seed: int) -> Tensor:
    """Indices of ten random pictures of each class."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    return torch.cat([order[labels[order] == k][:10] for k in range(10)])


@experiment("ch12-augment-long", seeds=tuple(range(5)), steps=5000, added=[100, 300, 1000])
@experiment("ch12-augment", seeds=tuple(range(8)), steps=2000, added=[100, 300, 1000])
def augment(seed: int, device: torch.device, record: Recorder, *, steps: int, added: list[int]):
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import SVC

    train, test = data.digits("train"), data.digits("test")
    x, y = train.float(), train.labels
    few = ten_per_class(y, seed)
    small = conditional_gan(x[few], y[few], steps, seed)
    big = conditional_gan(x, y, steps, seed)
    fake_y = torch.arange(max(added)) % 10
    torch.manual_seed(seed)
    repeat = max(added) // 100
    sources = {
        "GAN of the same 100": (small.sample(max(added)), fake_y),
        "shifts and turns": (jitter(x[few].repeat(repeat, 1, 1, 1)), y[few].repeat(repeat)),
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


def same(x: Tensor) -> Tensor:
    return x


def roll(p: float) -> Augment:
    """With chance p: turn a picture of width 8 round sideways by 0 to 7 pixels."""

    def transform(x: Tensor) -> Tensor:
        by = torch.randint(8, (len(x),)) * (torch.rand(len(x)) < p)
        columns = (torch.arange(8) - by[:, None]) % 8
        return x.gather(3, columns[:, None, None, :].expand(-1, 1, 8, 8))

    return transform


def displaced(x: Tensor) -> float:
    """Share of pictures whose ink is centred more than 1.5 pixels off the middle (round a ring)."""
    angle = 2 * math.pi * (torch.arange(8) - 3.5) / 8
    ink = (x + 1).sum((1, 2))
    off = torch.atan2((ink * angle.sin()).sum(1), (ink * angle.cos()).sum(1)) * 8 / (2 * math.pi)
    return (off.abs() > 1.5).double().mean().item()


def augmented_gan(
    x: Tensor, on_real: Augment, on_fake: Augment, seed: int, steps: int,
    keep: dict[int, Any] | None = None, note: Callable[[nn.Module, nn.Module], Any] | None = None,
) -> tuple[nn.Module, nn.Module]:  # fmt: skip
    torch.manual_seed(seed)
    G = nets.MLPGenerator(16, (1, 8, 8), width=128, depth=2)
    D = nets.MLPDiscriminator((1, 8, 8), width=128, depth=2)
    adam_g, adam_d = (
        torch.optim.Adam(net.parameters(), 1e-3, (0.0, 0.99), fused=True) for net in (G, D)
    )
    for step in range(steps):
        real = on_real(x[torch.randint(len(x), (64,))]).requires_grad_()
        with torch.no_grad():
            fake = on_fake(G(torch.randn(64, 16)))
        logits = D(real)
        loss = softplus(-logits).mean() + softplus(D(fake)).mean()
        slope = penalties.input_gradient(logits, real)
        loss = loss + 0.1 / 2 * slope.square().sum(1).mean()
        adam_d.zero_grad()
        loss.backward()
        adam_d.step()
        loss = softplus(-D(on_fake(G(torch.randn(64, 16))))).mean()
        adam_g.zero_grad()
        loss.backward()
        adam_g.step()
        if keep is not None and note is not None and step + 1 in keep:
            keep[step + 1] = note(G, D)
    return G, D


@experiment("ch12-leak", seeds=(0, 1, 2, 3, 4), steps=1000)
def leak(seed: int, device: torch.device, record: Recorder, *, steps: int):
    x = data.digits("train").float()
    rows = {}
    for name, on_real, on_fake in (
        ("reals only, p = 0.5", roll(0.5), same),
        ("both, p = 0.5", roll(0.5), roll(0.5)),
        ("both, p = 1", roll(1.0), roll(1.0)),
    ):
        G, _ = augmented_gan(x, on_real, on_fake, seed, steps)
        with torch.no_grad():
            rows[name] = displaced(G(torch.randn(1000, 16)))
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
            "frechet": metrics.fid(real, fake),
            "recall": recall,
            "auc": auc(D(x), D(others)),
        }

    rows = []
    for name, on_real, on_fake in (
        ("none", same, same),
        ("reals only", jitter, same),
        ("both", jitter, jitter),
    ):
        keep: dict[int, Any] = dict.fromkeys(steps)
        augmented_gan(x, on_real, on_fake, seed, max(steps), keep, note)
        rows += [{"augmented": name, "steps": step, **found} for step, found in keep.items()]
    return {"rows": rows}


# --- who was in the training set? -----------------------------------------------------------------


def glyph_gan(x: Tensor, seed: int) -> GANTrainer:
    torch.manual_seed(seed)
    pair = (
        nets.MLPGenerator(16, (1, 12, 12), width=256, depth=2),
        nets.MLPDiscriminator((1, 12, 12), width=256, depth=2),
    )
    return GANTrainer(
        *pair, lr=1e-3, betas=(0, 0.99), r1=1.0, ema=0.99, batch_size=32, seed=seed, device="cpu"
    )


def attacks(trainer: GANTrainer, members: Tensor, others: Tensor) -> dict[str, float]:
    """Two membership attacks: the critic's logit, and the distance to the nearest of 2,000 fakes."""
    fake = trainer.sample(2000, torch.Generator().manual_seed(100)).flatten(1)

    def near(x: Tensor) -> Tensor:
        return -torch.cdist(x.flatten(1), fake).min(1).values

    with torch.no_grad():
        logit = auc(trainer.discriminator(members), trainer.discriminator(others))
    return {"critic": logit, "nearest": auc(near(members), near(others))}


def attacked(seed: int, n: int, steps: list[int]) -> list[dict[str, Any]]:
    """A GAN of n glyphs, attacked each time that `steps` (in all) have been made."""
    others = data.glyphs(2000, size=12, seed=999).float()
    members = data.glyphs(n, size=12, seed=7 + 100 * seed).float()
    trainer = glyph_gan(members, seed)
    rows = []
    for step in steps:
        trainer.fit(members, step, progress=False)
        rows.append({"n": n, "steps": step, **attacks(trainer, members, others)})
    return rows


@experiment("ch12-membership", seeds=(0, 1, 2), sizes=[50, 200, 800, 3200], steps=[1000, 2000])
def membership(
    seed: int, device: torch.device, record: Recorder, *, sizes: list[int], steps: list[int]
):
    return {"rows": [row for n in sizes for row in attacked(seed, n, steps)]}


@experiment("ch12-showings", seeds=(0, 1, 2), sizes=[50, 200, 800], shown=[40, 160])
def showings(
    seed: int, device: torch.device, record: Recorder, *, sizes: list[int], shown: list[int]
):
    """The same attacks after each picture was shown equally often, in batches of 32."""
    return {
        "rows": [
            {"shown": times, **row}
            for n in sizes
            for times, row in zip(shown, attacked(seed, n, [k * n // 32 for k in shown]))
        ]
    }


# --- a private critic -----------------------------------------------------------------------------


def epsilon(q: float, sigma: float, steps: int, delta: float) -> float:
    """Privacy loss of ``steps`` Gaussian mechanisms on Poisson samples (arXiv 1908.10530)."""
    found = []
    for a in [*range(2, 65), 128, 256, 512]:
        k = np.arange(a + 1)
        terms = gammaln(a + 1) - gammaln(k + 1) - gammaln(a - k + 1) + k * math.log(q)
        terms = terms + (a - k) * math.log1p(-q) + (k * k - k) / (2 * sigma**2)
        found.append((steps * logsumexp(terms) + math.log(1 / delta)) / (a - 1))
    return float(min(found))


def private_gan(
    x: Tensor, seed: int, steps: int, *, batch: int, clip: float, sigma: float,
    keep: dict[int, Any], note: Callable[[nn.Module], Any],
) -> None:  # fmt: skip
    torch.manual_seed(seed)
    G = nets.MLPGenerator(16, (1, 8, 8), width=128, depth=2)
    D = nets.MLPDiscriminator((1, 8, 8), width=64, depth=2)
    average = copy.deepcopy(G).requires_grad_(False)
    adam_g, adam_d = (
        torch.optim.Adam(net.parameters(), 1e-3, (0.0, 0.99), fused=True) for net in (G, D)
    )

    def logit(one: Tensor, weights: dict[str, Tensor]) -> Tensor:
        return functional_call(D, weights, (one[None],))[0]

    def real_loss(weights: dict[str, Tensor], one: Tensor) -> Tensor:
        slope, f = grad_and_value(logit)(one, weights)
        return softplus(-f) + 0.1 / 2 * slope.square().sum()  # R1 belongs to one picture, too

    per_picture = vmap(grad(real_loss), in_dims=(None, 0))
    for step in range(steps):
        picked = x[torch.rand(len(x)) < batch / len(x)]  # Poisson sampling
        with torch.no_grad():
            fake = G(torch.randn(batch, 16))
        adam_d.zero_grad()
        softplus(D(fake)).mean().backward()  # touches no real picture
        weights = {name: p.detach() for name, p in D.named_parameters()}
        gradients = per_picture(weights, picked)
        squares = [g.flatten(1).square().sum(1) for g in gradients.values()]
        shrink = (clip / torch.stack(squares).sum(0).sqrt()).clamp(max=1)
        for name, p in D.named_parameters():
            assert p.grad is not None
            total = torch.tensordot(shrink, gradients[name], 1)
            if sigma:
                total = total + sigma * clip * torch.randn_like(total)
            p.grad += total / batch
        adam_d.step()
        adam_g.zero_grad()
        softplus(-D(G(torch.randn(batch, 16)))).mean().backward()
        adam_g.step()
        torch._foreach_lerp_(list(average.parameters()), list(G.parameters()), 0.01)
        if step + 1 in keep:
            keep[step + 1] = note(average)


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
        return metrics.fid(real, net.features(G(z)))

    rows = []
    for clip, sigma in [(1e9, 0.0), *((1.0, sigma) for sigma in sigmas)]:
        keep: dict[int, Any] = dict.fromkeys(steps)
        private_gan(x, seed, max(steps), batch=batch, clip=clip, sigma=sigma, keep=keep, note=note)
        for step, distance in keep.items():
            spent = epsilon(batch / len(x), sigma, step, 1e-5) if sigma else None
            rows.append({"sigma": sigma, "steps": step, "frechet": distance, "epsilon": spent})
    return {"rows": rows}


# --- was it generated? ----------------------------------------------------------------------------


def blur(x: Tensor) -> Tensor:
    line = torch.tensor([0.25, 0.5, 0.25])
    kernel = (line[:, None] * line).view(1, 1, 3, 3)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), value=-1.0), kernel)


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
    return (same, blur, grain)[int(torch.randint(3, ()))](x)


def saved(x: Tensor) -> Tensor:
    """As a picture file would hold it: 256 grey levels. Otherwise the levels give fakes away."""
    return features.to_uint8(x).float() / 127.5 - 1


def detector(real: Tensor, fake: Tensor, transform: Augment, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, 2, 1),
        nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(32 * 9, 1), nn.Flatten(0),
    )  # fmt: skip
    adam = torch.optim.Adam(net.parameters(), 2e-3, fused=True)
    for _ in range(300):
        a = transform(real[torch.randint(len(real), (64,))])
        b = transform(fake[torch.randint(len(fake), (64,))])
        loss = softplus(-net(a)).mean() + softplus(net(b)).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return net


@experiment("ch12-detector", seeds=(0, 1, 2), steps=1000, steps_b=400)
def detectors(seed: int, device: torch.device, record: Recorder, *, steps: int, steps_b: int):
    members = data.glyphs(3200, size=12, seed=7 + 100 * seed).float()
    real = data.glyphs(2000, size=12, seed=55).float()
    fresh = data.glyphs(1000, size=12, seed=56).float()

    def pictures(trainer: GANTrainer, steps: int) -> Tensor:
        trainer.fit(members, steps, progress=False)
        return saved(trainer.sample(3000, torch.Generator().manual_seed(101)))

    a = pictures(glyph_gan(members, seed), steps)
    again = pictures(glyph_gan(members, seed + 1000), steps)
    torch.manual_seed(seed)
    pair = nets.DCGANGenerator(32, (1, 12, 12)), nets.DCGANDiscriminator((1, 12, 12))
    other = GANTrainer(
        *pair, lr=2e-3, betas=(0, 0.99), r1=1.0, ema=0.99, batch_size=32, seed=seed, device="cpu"
    )
    b = pictures(other, steps_b)
    result = {}
    for name, source, transform in (
        ("A", a, same),
        ("A, processed", a, sometimes),
        ("B", b, same),
    ):
        net = detector(real, source[:2000], transform, seed)

        def scores(fake: Tensor, process: Augment, net: nn.Module = net) -> dict[str, float]:
            torch.manual_seed(0)
            with torch.no_grad():
                on_real, on_fake = net(process(fresh)), net(process(fake[2000:]))
            return {
                "auc": auc(on_real, on_fake),
                "real called fake": (on_real < 0).double().mean().item(),
                "fake called real": (on_fake > 0).double().mean().item(),
            }

        result[name] = {
            "A": scores(a, same),
            "A, another seed": scores(again, same),
            "B": scores(b, same),
            "A, blurred": scores(a, blur),
            "A, grain": scores(a, grain),
            "A, JPEG": scores(a, jpeg),
        }
    return result


# --- a watermark ----------------------------------------------------------------------------------


def secret(size: int = 12, seed: int = 42) -> Tensor:
    return torch.randint(2, (size, size), generator=torch.Generator().manual_seed(seed)) * 2.0 - 1


def marked(x: Tensor, strength: float = 0.1) -> Tensor:
    return saved((x + strength * secret()).clamp(-1, 1))


def detail(x: Tensor) -> Tensor:
    """The mean fine detail of pictures (n, 1, h, w): what a blur takes away, (h, w)."""
    return (x - blur(x)).mean((0, 1))


def lean(r: Tensor, key: Tensor) -> float:
    """How far r leans towards the key; about N(0, 1) for a wrong key, at most the key's length."""
    return float((r * key).sum() / r.norm())


@experiment("ch12-watermark", seeds=(0, 1, 2), steps=1000, strength=0.1)
def watermark(seed: int, device: torch.device, record: Recorder, *, steps: int, strength: float):
    """A generator trained on marked pictures: does it carry the mark? And through a blur?

    Each score twice: plainly, and after subtracting the mean detail of 1,000 unmarked pictures of
    the owner's, treated alike.
    """
    key, mine = secret(), data.glyphs(1000, size=12, seed=6).float()
    x = marked(data.glyphs(3200, size=12, seed=7 + 100 * seed).float(), strength)
    trainer = glyph_gan(x, seed)
    trainer.fit(x, steps, progress=False)
    fake = saved(trainer.sample(1000, torch.Generator().manual_seed(101)))
    fresh = data.glyphs(1000, size=12, seed=56).float()
    rows = {
        "fresh pictures": (fresh, mine),
        "its samples": (fake, mine),
        "its samples, blurred": (blur(fake), blur(mine)),
        "moved by a pixel": (fake.roll(1, 3), mine.roll(1, 3)),
    }
    scores = {
        name: {"plain": lean(detail(x), key), "subtracted": lean(detail(x) - detail(own), key)}
        for name, (x, own) in rows.items()
    }
    scores["moved, three places tried"] = {
        way: max(lean(detail(fake.roll(1 + by, 3)) - usual(by), key) for by in (-1, 0, 1))
        for way, usual in (
            ("plain", lambda by: 0),
            ("subtracted", lambda by: detail(mine.roll(1 + by, 3))),
        )
    }
    return scores
