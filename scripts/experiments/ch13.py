"""Recorded runs of chapter 13: three generative models on one budget, and two marriages;
how good the VAE's decoder is on codes, and both likelihood bounds.

The chapter writes the same networks and loops out and runs seed 0 at 2,000 steps live.
"""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Normal
from torch.nn.functional import mse_loss, softplus

from gancourse import data, features, metrics, nets, penalties
from gancourse.training import GANTrainer
from scripts.experiments import Recorder, experiment

LEVEL = 2 / 16  # distance between two of the 17 grey levels, in [-1, 1]
BATCH = 128
RING_STD = 0.02


def cosine(optimizer: torch.optim.Optimizer, lr: float, step: int, steps: int) -> None:
    for group in optimizer.param_groups:
        group["lr"] = lr * (1 + math.cos(math.pi * step / steps)) / 2


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


class VAE(nn.Module):
    def __init__(self, nz: int = 16, width: int = 256):
        super().__init__()
        self.nz = nz
        self.encoder = nets.mlp([64, width, width, 2 * nz], nn.ReLU())
        self.decoder = nets.mlp([nz, width, width, 64], nn.ReLU())
        self.log_sigma = nn.Parameter(torch.tensor(-1.0))

    def elbo(self, x: Tensor) -> Tensor:
        mean, logvar = self.encoder(x).chunk(2, dim=1)
        z = mean + (logvar / 2).exp() * torch.randn_like(mean)
        error = (x - self.decoder(z)) / self.log_sigma.exp()
        logp = -0.5 * error.square() - self.log_sigma - 0.5 * math.log(2 * math.pi)
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar)
        return logp.sum(1) - kl.sum(1)


def train_vae(x: Tensor, steps: int, lr: float = 1e-3) -> VAE:
    model = VAE()
    adam = torch.optim.Adam(model.parameters(), lr, fused=True)
    for step in range(steps):
        cosine(adam, lr, step, steps)
        batch = x[torch.randint(len(x), (BATCH,))]
        batch = batch + LEVEL * (torch.rand_like(batch) - 0.5)
        update(adam, -model.elbo(batch).mean())
    return model


def schedule(u: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cos(math.pi / 2 * u), torch.sin(math.pi / 2 * u)


class Denoiser(nn.Module):
    def __init__(self, dim: int = 64, width: int = 256):
        super().__init__()
        self.net = nets.mlp([dim + 32] + [width] * 3 + [dim], nn.SiLU())
        self.register_buffer("frequencies", math.pi / 2 * torch.arange(1, 17))

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        angles = u[:, None] * self.frequencies
        return self.net(torch.cat([x, angles.sin(), angles.cos()], dim=1))


def train_denoiser(
    draw: Callable[[], Tensor], dim: int, width: int, steps: int, lr: float = 4e-3
) -> Denoiser:
    model = Denoiser(dim, width)
    average = copy.deepcopy(model).requires_grad_(False)
    adam = torch.optim.Adam(model.parameters(), lr, fused=True)
    for step in range(steps):
        cosine(adam, lr, step, steps)
        x = draw()
        u = torch.rand(len(x))
        alpha, sigma = schedule(u[:, None])
        eps = torch.randn_like(x)
        update(adam, mse_loss(model(alpha * x + sigma * eps, u), alpha * eps - sigma * x))
        torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 0.005)
    return average


@torch.no_grad()
def ddim(v: Callable[[Tensor, Tensor], Tensor], x: Tensor, steps: int, clip: float) -> Tensor:
    times = torch.linspace(0.999, 0, steps + 1)
    for u, s in zip(times[:-1], times[1:], strict=True):
        (a, b), (a_next, b_next) = schedule(u), schedule(s)
        velocity = v(x, u.expand(len(x)))
        clean = (a * x - b * velocity).clamp(-clip, clip)
        x = a_next * clean + b_next * (x - a * clean) / b
    return x


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


class Judge:
    """Scores 1,437 samples against the 1,437 training images, in the digit classifier's features."""

    def __init__(self) -> None:
        self.net = features.load("digits")
        self.train = self.net.features(data.digits("train").float())
        self.test = self.net.features(data.digits("test").float())

    def __call__(self, x: Tensor) -> dict[str, float]:
        fake = self.net.features(x.view(-1, 1, 8, 8).clamp(-1, 1))
        precision, recall = metrics.precision_recall(self.train, fake)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", metrics.SampleSizeWarning)
            copies = metrics.copying_test(self.train, self.test, fake)
        return {
            "frechet": metrics.fid(self.train, fake),
            "precision": precision,
            "recall": recall,
            "closer": copies.closer,
        }


@experiment("ch13-budget", seeds=(0, 1, 2), steps=[1000, 2000, 4000, 8000])
def budget(seed: int, device: torch.device, record: Recorder, *, steps: list[int]) -> Any:
    judge, x = Judge(), data.digits("train").float().flatten(1)
    n = len(x)
    rows = []
    for length in steps:
        for name in ("VAE", "diffusion", "GAN"):
            torch.manual_seed(seed)
            began = time.process_time()
            if name == "VAE":
                vae = train_vae(x, length)
            elif name == "diffusion":
                denoiser = train_denoiser(
                    lambda: x[torch.randint(len(x), (BATCH,))], 64, 256, length
                )
            else:
                gan = train_gan(x, seed, length)
            seconds = time.process_time() - began
            torch.manual_seed(seed + 100)
            if name == "VAE":
                with torch.no_grad():
                    samples = vae.decoder(torch.randn(n, vae.nz))
            elif name == "diffusion":
                samples = ddim(denoiser, torch.randn(n, 64), 50, clip=1.0)
            else:
                samples = gan.sample(n)
            row = {"model": name, "steps": length, "cpu_seconds": round(seconds, 2)}
            rows.append(row | {k: round(v, 4) for k, v in judge(samples).items()})
    return {"rows": rows}


def adversarial_vae(vae: VAE, x: Tensor, steps: int, weight: float, lr: float = 1e-3) -> VAE:
    """Go on with the decoder against a discriminator; ``weight`` of the squared error."""
    vae = copy.deepcopy(vae)
    critic = nets.MLPDiscriminator(64, width=128, depth=2)
    adam_g = torch.optim.Adam(vae.decoder.parameters(), lr, (0.0, 0.99), fused=True)
    adam_d = torch.optim.Adam(critic.parameters(), lr, (0.0, 0.99), fused=True)
    for step in range(steps):
        cosine(adam_g, lr, step, steps)
        cosine(adam_d, lr, step, steps)
        real = x[torch.randint(len(x), (BATCH,))]
        with torch.no_grad():
            fake = vae.decoder(torch.randn(BATCH, vae.nz))
            mean, logvar = vae.encoder(real).chunk(2, dim=1)
            code = mean + (logvar / 2).exp() * torch.randn_like(mean)
        d_loss = softplus(-critic(real)).mean() + softplus(critic(fake)).mean()
        update(adam_d, d_loss + 0.1 / 2 * penalties.r1_penalty(critic, real))
        g_loss = softplus(-critic(vae.decoder(torch.randn(BATCH, vae.nz)))).mean()
        if weight:
            error = (vae.decoder(code) - real).square().sum(1).mean()
            g_loss = g_loss + weight * error
        update(adam_g, g_loss)
    return vae


@experiment(
    "ch13-vaegan", seeds=(0, 1, 2), vae_steps=2000, steps=1000, weights=[0.0, 0.02, 0.1, 0.5]
)
def vaegan(
    seed: int, device: torch.device, record: Recorder, *, vae_steps: int, steps: int, weights: Any
) -> Any:
    judge, x = Judge(), data.digits("train").float().flatten(1)
    test = data.digits("test").float().flatten(1)
    torch.manual_seed(seed)
    vae = train_vae(x, vae_steps)
    rows = []
    for weight in [None, *weights]:
        torch.manual_seed(seed)
        model = vae if weight is None else adversarial_vae(vae, x, steps, weight)
        torch.manual_seed(seed + 100)
        with torch.no_grad():
            samples = model.decoder(torch.randn(len(x), model.nz))
            error = mse_loss(model.decoder(model.encoder(test).chunk(2, dim=1)[0]), test).item()
        row = {"weight": weight, "reconstruction": round(error, 5)}
        rows.append(row | {k: round(v, 4) for k, v in judge(samples).items()})
    return {"rows": rows}


def bits_per_pixel(nats: Tensor) -> float:
    return nats.mean().item() / 64 / math.log(2) - math.log2(LEVEL)


@torch.no_grad()
def vae_bits(vae: VAE, x: Tensor, draws: int = 64) -> tuple[float, float]:
    """Bounds in bits per pixel from one latent and from many (Burda et al. 2015)."""
    mean, logvar = vae.encoder(x).chunk(2, dim=1)
    prior, code = Normal(0.0, 1.0), Normal(mean, (logvar / 2).exp())
    weights = []
    for _ in range(draws):
        z = code.sample()
        logp = Normal(vae.decoder(z), vae.log_sigma.exp()).log_prob(x).sum(1)
        weights.append(logp + (prior.log_prob(z) - code.log_prob(z)).sum(1))
    log_weight = torch.stack(weights)
    many = log_weight.logsumexp(0) - math.log(draws)
    return bits_per_pixel(-log_weight), bits_per_pixel(-many)


@torch.no_grad()
def diffusion_bits(model: Denoiser, x: Tensor, steps: int, first: float = 0.02) -> float:
    """Bound in bits per pixel, in steps of equal ratio of sigma to alpha (Kingma et al. 2021)."""
    ends = torch.tan(math.pi / 2 * torch.tensor([first, 0.999])).log()
    times = torch.linspace(*ends.tolist(), steps + 1).exp().atan() * 2 / math.pi
    snr = [(a / b).square() for a, b in map(schedule, times)]
    (a, b), (a0, b0) = schedule(times[-1]), schedule(times[0])
    nats = ((a * x).square() + b**2 - 1 - 2 * b.log()).sum(1) / 2
    for u, s, t in zip(times[1:], snr[:-1], snr[1:], strict=True):
        a, b = schedule(u)
        noisy = a * x + b * torch.randn_like(x)
        clean = (a * noisy - b * model(noisy, u.expand(len(x)))).clamp(-1.07, 1.07)
        nats += (s - t) / 2 * (x - clean).square().sum(1)
    return bits_per_pixel(nats + 32 * torch.log(2 * math.pi * math.e * (b0 / a0) ** 2))


@experiment("ch13-inside", seeds=(0, 1, 2), steps=[2000, 8000], walks=[50, 100, 400])
def inside(
    seed: int, device: torch.device, record: Recorder, *, steps: list[int], walks: list[int]
) -> Any:
    """Why the VAE stops where it stops, and both likelihood bounds, in bits per pixel."""
    judge, x = Judge(), data.digits("train").float().flatten(1)
    test = data.digits("test").float().flatten(1)
    pictures = test + LEVEL * (torch.rand_like(test) - 0.5)

    def distance(samples: Tensor) -> float:  # 360 against the 360 held-out images
        fake = judge.net.features(samples.view(-1, 1, 8, 8).clamp(-1, 1))
        return round(metrics.fid(judge.test, fake), 4)

    rows, bits = [], {}
    for length in steps:
        torch.manual_seed(seed)
        vae = train_vae(x, length)
        torch.manual_seed(seed + 100)
        with torch.no_grad():
            mean, logvar = vae.encoder(test).chunk(2, dim=1)
            codes = mean + (logvar / 2).exp() * torch.randn_like(mean)
            prior = torch.randn_like(mean)
            row = {"steps": length, "prior": distance(vae.decoder(prior))}
            rows.append(row | {"codes": distance(vae.decoder(codes))})
        if length == steps[0]:
            one, many = vae_bits(vae, pictures)
            bits |= {"VAE, one latent": round(one, 4), "VAE, 64 latents": round(many, 4)}
    for name, noise in (("diffusion", 0.0), ("diffusion, level noise", LEVEL)):

        def draw(noise: float = noise) -> Tensor:
            batch = x[torch.randint(len(x), (BATCH,))]
            return batch + noise * (torch.rand_like(batch) - 0.5) if noise else batch

        torch.manual_seed(seed)
        denoiser = train_denoiser(draw, 64, 256, steps[0])
        for walk in walks:
            torch.manual_seed(seed + 100)
            bound = diffusion_bits(denoiser, pictures, walk)
            bits[f"{name}, {walk} steps"] = round(bound, 4)
    floor = round(metrics.fid(judge.test, judge.train[: len(test)]), 4)
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

    judge, x = Judge(), data.digits("train").float().flatten(1)
    test = data.digits("test").float().flatten(1)
    torch.manual_seed(seed)
    vae = train_vae(x, steps)
    torch.manual_seed(seed + 100)

    def features_of(images: Tensor) -> Tensor:
        return judge.net.features(images.view(-1, 1, 8, 8).clamp(-1, 1))

    with torch.no_grad():

        def encoded(images: Tensor) -> Tensor:
            mean, logvar = vae.encoder(images).chunk(2, dim=1)
            return mean + (logvar / 2).exp() * torch.randn_like(mean)

        made = {
            "prior": features_of(vae.decoder(torch.randn(len(test), vae.nz))),
            "codes": features_of(vae.decoder(encoded(test))),
            "real": judge.test,
        }
        picks = [torch.randperm(len(x))[: len(test)] for _ in range(draws)]
        others = {
            name: sum(metrics.fid(judge.train[rows], f) for rows in picks) / draws
            for name, f in made.items()
        }
        same = {name: metrics.fid(judge.test, made[name]) for name in ("prior", "codes")}
        z = encoded(x)
        sources = {"prior": torch.randn(len(x), vae.nz)}
        for k in components:
            fitted = GaussianMixture(k, random_state=seed, reg_covar=1e-3).fit(z.double().numpy())
            sources[str(k)] = torch.tensor(fitted.sample(len(x))[0]).float()
        mixtures = {name: judge(vae.decoder(latents)) for name, latents in sources.items()}
    return {"same pictures": same, "other pictures": others, "latents": mixtures}


def student(
    pairs: tuple[Tensor, Tensor], steps: int, copy_weight: float, fool: float, lr: float = 1e-3
) -> nets.MLPGenerator:
    """One-step generator: copies the teacher's map, fools a discriminator, or both."""
    z, target = pairs
    ring = data.ring(std=RING_STD)
    generator, critic = nets.MLPGenerator(), nets.MLPDiscriminator()
    adam_g = torch.optim.Adam(generator.parameters(), lr, (0.0, 0.99), fused=True)
    adam_d = torch.optim.Adam(critic.parameters(), lr, (0.0, 0.99), fused=True)
    for step in range(steps):
        cosine(adam_g, lr, step, steps)
        cosine(adam_d, lr, step, steps)
        if fool:
            real = ring.sample(BATCH)
            with torch.no_grad():
                fake = generator(torch.randn(BATCH, 2))
            d_loss = softplus(-critic(real)).mean() + softplus(critic(fake)).mean()
            update(adam_d, d_loss + 0.1 / 2 * penalties.r1_penalty(critic, real))
        rows = torch.randint(len(z), (BATCH,))
        made = generator(z[rows])
        g_loss = copy_weight * mse_loss(made, target[rows])
        if fool:
            g_loss = g_loss + fool * softplus(-critic(made)).mean()
        update(adam_g, g_loss)
    return generator


STUDENTS = {"copy": (1.0, 0.0), "fool": (0.0, 1.0), "copy + fool": (1.0, 1.0)}


@experiment("ch13-distil", seeds=(0, 1, 2), teacher_steps=2500, steps=1500, pairs=4000)
def distil(
    seed: int, device: torch.device, record: Recorder, *, teacher_steps: int, steps: int, pairs: int
) -> Any:
    ring = data.ring(std=RING_STD)
    torch.manual_seed(seed)
    teacher = train_denoiser(lambda: ring.sample(2 * BATCH), 2, 128, teacher_steps, lr=2e-3)
    z, fresh = torch.randn(pairs, 2), torch.randn(2500, 2)
    target, wanted = ddim(teacher, z, 50, clip=9.0), ddim(teacher, fresh, 50, clip=9.0)

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

    rows = [row(f"teacher, {k}", k, ddim(teacher, fresh, k, clip=9.0)) for k in (1, 4, 10, 50)]
    for name, (copying, fooling) in STUDENTS.items():
        torch.manual_seed(seed)
        net = student((z, target), steps, copying, fooling)
        with torch.no_grad():
            rows.append(row(name, 1, net(fresh)))
    return {"rows": rows}
