"""Recorded runs of chapter 13: three generative models on one budget, and two marriages;
how good the VAE's decoder is on codes, the gaps between them, and both likelihood bounds.

Networks and loops are the chapter's own, which runs seed 0 at 2,000 steps live.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from gancourse import data, features, metrics, nets
from gancourse.training import GANTrainer
from scripts.chapters import Later, chapter
from scripts.experiments import Recorder, experiment

NET = Later(lambda: features.load("digits"))
page = chapter(
    "13", net=NET, ring=data.ring(std=0.02),
    real=Later(lambda: data.digits("train").float().flatten(1)),
    held_out=Later(lambda: held_out()),
    train_features=Later(lambda: NET.make().features(data.digits("train").float())),
    test_features=Later(lambda: NET.make().features(data.digits("test").float())),
)  # fmt: skip


def train_gan(x: Tensor, seed: int, steps: int) -> GANTrainer:
    pair = (
        nets.MLPGenerator(16, (1, 8, 8), width=128, depth=2),
        nets.MLPDiscriminator((1, 8, 8), width=128, depth=2),
    )
    trainer = GANTrainer(
        *pair, lr=1e-3, betas=(0, 0.99), r1=0.1, schedule="cosine", seed=seed, device="cpu"
    )
    trainer.fit(x.view(-1, 1, 8, 8), steps, progress=False)
    return trainer


def judge(x: Tensor) -> dict[str, float]:
    """The chapter's scores of 1,437 samples, rounded."""
    names = ("frechet", "precision", "recall", "closer")
    return {k: round(v, 4) for k, v in zip(names, page.judge(x), strict=True)}


def held_out() -> Tensor:
    return data.digits("test").float().flatten(1)


@experiment("ch13-budget", seeds=(0, 1, 2), steps=[1000, 2000, 4000, 8000])
def budget(seed: int, device: torch.device, record: Recorder, *, steps: list[int]) -> Any:
    n, rows = len(page.real), []
    train_vae, train_denoiser = page.train_vae, page.train_denoiser  # loaded before the clock runs
    for length in steps:
        for name in ("VAE", "diffusion", "GAN"):
            began = time.process_time()
            if name == "VAE":
                vae, _ = train_vae(seed, length)
            elif name == "diffusion":
                denoiser, _ = train_denoiser(seed, page.draw_digits, steps=length)
            else:
                torch.manual_seed(seed)
                gan = train_gan(page.real, seed, length)
            seconds = time.process_time() - began
            torch.manual_seed(seed + 100)
            if name == "VAE":
                with torch.no_grad():
                    samples = vae.decoder(torch.randn(n, vae.nz))
            elif name == "diffusion":
                samples = page.ddim(denoiser, torch.randn(n, 64), 50, clip=1.0)
            else:
                samples = gan.sample(n)
            row = {"model": name, "steps": length, "cpu_seconds": round(seconds, 2)}
            rows.append(row | judge(samples))
    return {"rows": rows}


@experiment("ch13-vaegan", seeds=(0, 1, 2), vae_steps=2000, steps=1000, weights=[0.0, 0.02, 0.1, 0.5])
def vaegan(
    seed: int, device: torch.device, record: Recorder, *, vae_steps: int, steps: int, weights: Any
) -> Any:
    test = held_out()
    vae, _ = page.train_vae(seed, vae_steps)
    rows = []
    for weight in [None, *weights]:
        model = vae if weight is None else page.with_critic(vae, weight, seed, steps)
        torch.manual_seed(seed + 100)
        with torch.no_grad():
            samples = model.decoder(torch.randn(len(page.real), model.nz))
            error = mse_loss(model.decoder(model.encoder(test).chunk(2, dim=1)[0]), test).item()
        rows.append({"weight": weight, "reconstruction": round(error, 5)} | judge(samples))
    return {"rows": rows}


@experiment("ch13-inside", seeds=(0, 1, 2), steps=[2000, 8000], walks=[50, 100, 400])
def inside(
    seed: int, device: torch.device, record: Recorder, *, steps: list[int], walks: list[int]
) -> Any:
    """Why the VAE stops where it stops, and both likelihood bounds, in bits per pixel."""
    test = held_out()
    NET.make()  # its first weights are drawn: the noise that follows is that of the recorded run
    pictures = page.with_level_noise(test)

    def distance(samples: Tensor) -> float:  # 360 against the 360 held-out images
        return round(metrics.frechet_distance(page.test_features, page.features_of(samples)), 4)

    rows, bits = [], {}
    for length in steps:
        vae, _ = page.train_vae(seed, length)
        torch.manual_seed(seed + 100)
        with torch.no_grad():
            codes = page.codes_of(vae, test)
            prior = torch.randn_like(codes)
            row = {"steps": length, "prior": distance(vae.decoder(prior))}
            rows.append(row | {"codes": distance(vae.decoder(codes))})
        if length == steps[0]:
            one, many = page.vae_bits(vae, pictures)
            bits |= {"VAE, one latent": round(one, 4), "VAE, 64 latents": round(many, 4)}
    draw = page.draw_digits
    for name, draw_one in (
        ("diffusion", draw),
        ("diffusion, level noise", lambda: page.with_level_noise(draw())),
    ):
        denoiser, _ = page.train_denoiser(seed, draw_one, steps=steps[0])
        for walk in walks:
            torch.manual_seed(seed + 100)
            bound = page.diffusion_bits(denoiser, pictures, walk)
            bits[f"{name}, {walk} steps"] = round(bound, 4)
    floor = round(metrics.frechet_distance(page.test_features, page.train_features[: len(test)]), 4)
    return {"rows": rows, "bits": bits, "floor": floor}


@experiment("ch13-codes", seeds=(0, 1, 2), steps=2000, draws=5, components=[1, 5, 10, 20])
def codes(
    seed: int,
    device: torch.device,
    record: Recorder,
    *,
    steps: int,
    draws: int,
    components: list[int],
) -> Any:
    """Is the gap between codes and prior what spoils a VAE's samples?

    Reconstructions of held-out pictures are compared with those pictures and with other ones;
    then the latents are drawn from mixtures of Gaussians fitted to the codes of the training set.
    """
    from sklearn.mixture import GaussianMixture

    test, reference = held_out(), {"train": page.train_features, "test": page.test_features}
    vae, _ = page.train_vae(seed, steps)
    torch.manual_seed(seed + 100)
    with torch.no_grad():
        made = {
            "prior": page.features_of(vae.decoder(torch.randn(len(test), vae.nz))),
            "codes": page.features_of(vae.decoder(page.codes_of(vae, test))),
            "real": reference["test"],
        }
        n = len(page.real)
        picks = [torch.randperm(n)[: len(test)] for _ in range(draws)]
        others = {
            name: sum(metrics.frechet_distance(reference["train"][rows], f) for rows in picks) / draws
            for name, f in made.items()
        }
        same = {
            name: metrics.frechet_distance(reference["test"], made[name]) for name in ("prior", "codes")
        }
        z = page.codes_of(vae, page.real)
        sources = {"prior": torch.randn(n, vae.nz)}
        for k in components:
            fitted = GaussianMixture(k, random_state=seed, reg_covar=1e-3).fit(z.double().numpy())
            sources[str(k)] = torch.tensor(fitted.sample(n)[0]).float()
        names = ("frechet", "precision", "recall", "closer")
        mixtures = {
            name: dict(zip(names, page.judge(vae.decoder(latents)), strict=True))
            for name, latents in sources.items()
        }
    return {"same pictures": same, "other pictures": others, "latents": mixtures}


@experiment("ch13-gaps", seeds=(0, 1, 2), steps=2000, flat_steps=1000)
def gaps(
    seed: int, device: torch.device, record: Recorder, *, steps: int, flat_steps: int
) -> dict[str, dict[str, float]]:
    """How much of the prior lies in gaps between the codes, for the chapter's VAE and for one that
    can be drawn, and of how many pictures the judge is unsure."""
    vaes = {
        "16 latents": page.train_vae(seed, steps)[0],
        "2 latents": page.train_vae(seed, flat_steps, 2)[0],
    }
    return {
        name: {what: round(share, 4) for what, share in page.gaps(vae).items()}
        for name, vae in vaes.items()
    }


STUDENTS = {"copy": (1.0, 0.0), "fool": (0.0, 1.0), "copy + fool": (1.0, 1.0)}


@experiment("ch13-distil", seeds=(0, 1, 2), teacher_steps=2500, steps=1500, pairs=4000)
def distil(
    seed: int, device: torch.device, record: Recorder, *, teacher_steps: int, steps: int, pairs: int
) -> Any:
    ring, ddim = page.ring, page.ddim
    teacher, _ = page.train_denoiser(
        seed, lambda: ring.sample(2 * page.BATCH), 2, 128, teacher_steps, lr=2e-3
    )
    z, fresh = torch.randn(pairs, 2), torch.randn(2500, 2)
    target, wanted = ddim(teacher, z, 50), ddim(teacher, fresh, 50)

    def row(name: str, network_calls: int, samples: Tensor) -> dict[str, Any]:
        score = metrics.mode_coverage(samples, ring.centers, ring.std)
        same = (samples - wanted).norm(dim=1) < 0.1
        return {
            "model": name,
            "calls": network_calls,
            "modes": score.fair_modes,
            "high_quality": round(score.high_quality, 3),
            "same_place": round(same.float().mean().item(), 3),
        }

    rows = [row(f"teacher, {k}", k, ddim(teacher, fresh, k)) for k in (1, 4, 10, 50)]
    for name, (copying, fooling) in STUDENTS.items():
        net = page.train_student(z, target, copying, fooling, seed, steps)
        with torch.no_grad():
            rows.append(row(name, 1, net(fresh)))
    return {"rows": rows}
