"""Recorded runs of chapter 14: strings, sound, a table, and translation without pairs.

The chapter writes the same networks and loops out and runs seed 0 live.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gumbel_softmax, one_hot, softplus

from gancourse import nets
from gancourse.training import GANTrainer
from scripts.experiments import Recorder, experiment

# --- strings ----------------------------------------------------------------------------------------

VALENCE = {"C": 4, "N": 3, "O": 2}
ALPHABET, LENGTH = "_CNO=()1", 8
UNFINISHED = (None, "ends in a bond", "a parenthesis stays open", "the ring stays open")


def complaint(s: str) -> str | None:
    """Why s is no molecule; None if it is one."""
    free: list[int] = []  # bonds that each atom has left
    bonds: set[tuple[int, int]] = set()
    opened: list[int] = []
    atom = ring = None
    order, last = 1, ""
    for c in s:
        if c in VALENCE:
            free.append(VALENCE[c])
            new = len(free) - 1
            if atom is not None:
                bonds.add((atom, new))
                free[atom] -= order
                free[new] -= order
            atom, order = new, 1
        elif atom is None:
            return "begins with no atom"
        elif last == "=":
            return "a bond to no atom"
        elif c == "=":
            order = 2
        elif c == "(":
            if last == "(":
                return "empty parentheses"
            opened.append(atom)
        elif c == ")":
            if not opened:
                return "closes no parenthesis"
            if last == "(":
                return "empty parentheses"
            atom = opened.pop()
        elif c == "1":
            if last not in VALENCE:
                return "a ring digit after no atom"
            if ring is None:
                ring = atom
            elif ring == atom or (ring, atom) in bonds:
                return "a ring of fewer than three"
            else:
                bonds.add((ring, atom))
                free[ring] -= 1
                free[atom] -= 1
                ring = None
        else:
            return "a letter after the end"
        last = c
    if not free:
        return "no atom at all"
    if min(free) < 0:
        return "too many bonds"
    if last == "=":
        return "ends in a bond"
    if opened:
        return "a parenthesis stays open"
    return None if ring is None else "the ring stays open"


def write_one(rng: random.Random) -> str:
    while True:
        s = rng.choices("CNO", (6, 2, 2))[0]
        while len(s) < LENGTH and rng.random() > 0.07:
            longer = s + rng.choices("CNO=()1", (8, 2, 2, 2.5, 2, 2.5, 2))[0]
            if complaint(longer) in UNFINISHED:
                s = longer
        if len(s) >= 4 and complaint(s) is None:
            return s


def corpus(n: int = 8000) -> list[str]:
    rng, found = random.Random(0), set()
    while len(found) < n:
        found.add(write_one(rng))
    return sorted(found)


def encode(strings: list[str]) -> Tensor:
    rows = [[ALPHABET.index(c) for c in s.ljust(LENGTH, "_")] for s in strings]
    return one_hot(torch.tensor(rows), len(ALPHABET)).float()


def decode(x: Tensor) -> list[str]:
    return ["".join(ALPHABET[i] for i in row).rstrip("_") for row in x.argmax(2).tolist()]


class Writer(nn.Module):
    def __init__(self, nz: int = 32, width: int = 128):
        super().__init__()
        self.nz, self.temperature = nz, 1.0
        self.start = nn.Linear(nz, width)
        self.cell = nn.GRUCell(len(ALPHABET), width)
        self.out = nn.Linear(width, len(ALPHABET))

    def forward(self, z: Tensor, words: Tensor | None = None) -> Tensor:
        h = torch.tanh(self.start(z))
        letter = z.new_zeros(len(z), len(ALPHABET))
        letters, scores = [], []
        for i in range(LENGTH):
            h = self.cell(letter, h)
            scores.append(self.out(h) / self.temperature)
            letter = gumbel_softmax(scores[-1], hard=True) if words is None else words[:, i]
            letters.append(letter)
        return torch.stack(letters if words is None else scores, 1)


@torch.no_grad()
def scores(writer: Writer, known: set[str], temperature: float, n: int = 2000) -> dict[str, float]:
    torch.manual_seed(1)
    writer.temperature = temperature
    strings = decode(writer(torch.randn(n, writer.nz)))
    writer.temperature = 1.0
    return rate(strings, known)


def rate(strings: list[str], known: set[str]) -> dict[str, float]:
    good = [s for s in strings if complaint(s) is None]
    kinds = set(good)
    return {
        "valid": len(good) / len(strings),
        "unique": len(kinds) / max(1, len(good)),
        "novel": len(kinds - known) / max(1, len(kinds)),
    }


def string_gan(x: Tensor, seed: int, steps: int) -> Writer:
    torch.manual_seed(seed)
    trainer = GANTrainer(
        Writer(),
        nets.MLPDiscriminator((LENGTH, len(ALPHABET)), width=256, depth=2),
        lr=3e-3,
        betas=(0.0, 0.99),
        r1=0.1,
        schedule="cosine",
        batch_size=64,
        seed=seed,
        device="cpu",
    )
    trainer.fit(x, steps, progress=False)
    return trainer.generator  # type: ignore[return-value]


def likelihood(x: Tensor, seed: int, steps: int) -> Writer:
    torch.manual_seed(seed)
    writer = Writer()
    adam = torch.optim.Adam(writer.parameters(), 3e-3, fused=True)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        words = x[torch.randint(len(x), (64,))]
        logits = writer(torch.randn(64, writer.nz), words)
        loss = cross_entropy(logits.flatten(0, 1), words.argmax(2).flatten())
        adam.zero_grad()
        loss.backward()
        adam.step()
        decay.step()
    return writer


TEMPERATURES = (1.0, 0.85, 0.7, 0.5, 0.3)


@experiment("ch14-strings", seeds=(0, 1, 2), steps=[1200, 5000], likelihood_steps=1800)
def strings(
    seed: int, device: torch.device, record: Recorder, *, steps: list[int], likelihood_steps: int
) -> Any:
    known = corpus()
    x, known_set = encode(known), set(known)
    torch.manual_seed(seed)
    result: dict[str, Any] = {
        "untrained": {str(t): scores(Writer(), known_set, t) for t in TEMPERATURES}
    }
    for n in steps:
        writer = string_gan(x, seed, n)
        result[f"gan {n}"] = {str(t): scores(writer, known_set, t) for t in TEMPERATURES}
    writer = likelihood(x, seed, likelihood_steps)
    result["likelihood"] = {str(t): scores(writer, known_set, t) for t in TEMPERATURES}
    return result


@experiment("ch14-checker", seeds=(0,), draws=400_000)
def checker(seed: int, device: torch.device, record: Recorder, *, draws: int) -> Any:
    import rdkit
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    rng = random.Random(seed)
    both = only_ours = only_theirs = digits = 0
    for _ in range(draws):
        letters = rng.choices("CNO=()1", (6, 2, 2, 1.5, 1.5, 1.5, 1.5), k=rng.randint(1, LENGTH))
        s = "".join(letters)
        ours, theirs = complaint(s) is None, Chem.MolFromSmiles(s) is not None
        both += ours and theirs
        only_ours += ours and not theirs
        only_theirs += theirs and not ours
        digits += theirs and not ours and ("=1" in s or ")1" in s)
    molecules = [Chem.MolFromSmiles(s) for s in corpus()]
    return {
        "rdkit": rdkit.__version__,
        "both": both,
        "only ours": only_ours,
        "only rdkit": only_theirs,
        "of these with =1 or )1": digits,
        "corpus read": sum(m is not None for m in molecules),
        "different molecules in the corpus": len({Chem.MolToSmiles(m) for m in molecules}),
    }


# --- sound ------------------------------------------------------------------------------------------

RATE, SAMPLES = 4000, 1024
NOTES = {"C4": 60, "D4": 62, "E4": 64, "F4": 65, "G4": 67, "A4": 69, "B4": 71, "C5": 72}
F0 = 440 * 2 ** ((torch.tensor(list(NOTES.values())) - 69) / 12)


def play(notes: Tensor, rng: torch.Generator, any_phase: bool = False) -> Tensor:
    """Waveforms (n, 1, SAMPLES) of the notes, each with its own timbre, decay and tuning.

    With any_phase each harmonic begins anywhere in its period, as it never does in the chapter.
    """
    n, t = len(notes), torch.arange(SAMPLES) / RATE
    fall = 0.8 + 1.2 * torch.rand(n, 1, 1, generator=rng)
    decay = 2 + 8 * torch.rand(n, 1, generator=rng)
    tuning = 1 + 0.003 * torch.randn(n, 1, 1, generator=rng)
    k = torch.arange(1, 4)[None, :, None]
    angle = 2 * math.pi * k * F0[notes][:, None, None] * tuning * t
    if any_phase:
        angle = angle + 2 * math.pi * torch.rand(n, 3, 1, generator=rng)
    tones = k**-fall * torch.sin(angle)
    wave = tones.sum(1) * torch.exp(-decay * t) * (t / 0.01).clamp(max=1)
    return 0.8 * (wave / wave.abs().amax(1, keepdim=True))[:, None]


def pitch(x: Tensor, fine: int = 16) -> Tensor:
    """Fundamental frequency in Hz, (n,): the lag at which a wave is most like itself."""
    x = x.flatten(1)
    n = x.shape[1]
    power = torch.fft.rfft(x - x.mean(1, keepdim=True), 2 * n).abs().square()
    likeness = torch.fft.irfft(power, 2 * n * fine)
    low, high = fine * RATE // 600, fine * RATE // 220
    return fine * RATE / (likeness[:, low:high].argmax(1) + low)


def timbre(x: Tensor, f0: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Second and third harmonic / first in amplitude, energy beside the harmonics: each (n,)."""
    power = torch.fft.rfft(x.flatten(1)).abs().square()
    order = torch.fft.rfftfreq(x.shape[-1], 1 / RATE) / f0[:, None]  # 1, 2, 3 at the harmonics
    band = [(power * ((order - k).abs() < 0.15)).sum(1) for k in (1, 2, 3)]
    second, third = ((band[k] / band[0]).sqrt() for k in (1, 2))
    return second, third, 1 - (band[0] + band[1] + band[2]) / power.sum(1)


class SoundGenerator(nn.Module):
    def __init__(self, nz: int = 16, width: int = 16):
        super().__init__()
        self.nz, self.num_classes, w = nz, 8, width
        self.net = nn.Sequential(
            nn.Linear(nz + 8, 2 * w * 16), nn.Unflatten(1, (2 * w, 16)), nn.ReLU(),
            nn.ConvTranspose1d(2 * w, w, 16, 4, 6), nn.ReLU(),
            nn.ConvTranspose1d(w, w, 16, 4, 6), nn.ReLU(),
            nn.ConvTranspose1d(w, 1, 16, 4, 6), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.net(torch.cat([z, one_hot(y, 8).float()], 1))


class SoundDiscriminator(nn.Module):
    def __init__(self, width: int = 16):
        super().__init__()
        self.num_classes, w = 8, width
        self.net = nn.Sequential(
            nn.Conv1d(1, w, 16, 4, 6), nn.LeakyReLU(0.2),
            nn.Conv1d(w, w, 16, 4, 6), nn.LeakyReLU(0.2),
            nn.Conv1d(w, 2 * w, 16, 4, 6), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(2 * w * 16, 8),
        )  # fmt: skip

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.net(x).gather(1, y[:, None]).squeeze(1)


def listen(x: Tensor, notes: Tensor) -> dict[str, Any]:
    error = (pitch(x) / F0[notes] - 1).abs()
    second, third, beside = timbre(x, F0[notes])
    return {
        "within 3 %": (error < 0.03).double().mean().item(),
        "worst note": max(error[notes == k].median().item() for k in range(8)),
        "second harmonic": second.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist(),
        "third by note": [third[notes == k].median().item() for k in range(8)],
        "beside": beside.median().item(),
    }


def sound_gan(seed: int, steps: int, any_phase: bool = False) -> dict[str, Any]:
    notes = torch.arange(4096) % 8
    x = play(notes, torch.Generator().manual_seed(0), any_phase)
    torch.manual_seed(seed)
    trainer = GANTrainer(
        SoundGenerator(),
        SoundDiscriminator(),
        lr=2e-3,
        betas=(0.0, 0.99),
        r1=3.0,
        ema=0.99,
        schedule="cosine",
        batch_size=32,
        seed=seed,
        device="cpu",
    )
    asked = torch.arange(800) % 8
    untrained = listen(trainer.sample(800), asked)
    trainer.fit((x, notes), steps, progress=False)
    real = listen(x[:800], notes[:800])
    return {"untrained": untrained, "trained": listen(trainer.sample(800), asked), "real": real}


@experiment("ch14-sound", seeds=(0, 1, 2), steps=600)
def sound(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    return sound_gan(seed, steps)


@experiment("ch14-phase", seeds=(0, 1, 2), steps=600)
def phase(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    return sound_gan(seed, steps, any_phase=True)


# --- a table ----------------------------------------------------------------------------------------


def table(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heating (0 gas, 1 electric, 2 heat pump), outside temperature, kWh a day."""
    rng = np.random.default_rng(seed)
    heating = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    outside = rng.normal(8, 5, n)
    home = rng.random(n) < np.array([0.75, 0.6, 0.5])[heating]
    used = np.array([9, 13, 10])[heating] - 0.25 * (outside - 8) + rng.normal(0, 0.8, n)
    kwh = np.where(home, used, rng.normal(2, 0.12, n))
    kwh = np.where(rng.random(n) < 0.02, rng.normal(120, 8, n), kwh)
    return heating, outside, kwh


class MinMax:
    def __init__(self, column: np.ndarray):
        self.low, self.high = column.min(), column.max()
        self.parts = [("number", 1)]

    def encode(self, column: np.ndarray) -> np.ndarray:
        return (2 * (column - self.low) / (self.high - self.low) - 1)[:, None]

    def decode(self, x: np.ndarray) -> np.ndarray:
        return (x[:, 0] + 1) / 2 * (self.high - self.low) + self.low


class ModeSpecific:
    def __init__(self, column: np.ndarray, modes: int = 6):
        from sklearn.mixture import BayesianGaussianMixture

        self.mixture = BayesianGaussianMixture(
            n_components=modes, weight_concentration_prior=1e-3, max_iter=500, random_state=0
        ).fit(column[:, None])
        self.keep = np.flatnonzero(self.mixture.weights_ > 0.005)
        self.mean = self.mixture.means_[self.keep, 0]
        self.std = np.sqrt(self.mixture.covariances_[self.keep, 0, 0])
        self.parts = [("choice", len(self.keep)), ("number", 1)]

    def encode(self, column: np.ndarray) -> np.ndarray:
        p = self.mixture.predict_proba(column[:, None])[:, self.keep]
        u = np.random.default_rng(1).random((len(column), 1)) * p.sum(1, keepdims=True)
        mode = (p.cumsum(1) > u).argmax(1)
        within = ((column - self.mean[mode]) / (4 * self.std[mode])).clip(-1, 1)
        return np.concatenate([np.eye(len(self.keep))[mode], within[:, None]], 1)

    def decode(self, x: np.ndarray) -> np.ndarray:
        mode = x[:, :-1].argmax(1)
        return self.mean[mode] + 4 * self.std[mode] * x[:, -1]


class RowGenerator(nn.Module):
    def __init__(self, parts: list[tuple[str, int]], nz: int = 16, width: int = 128):
        super().__init__()
        self.nz, self.parts = nz, parts
        self.net = nets.mlp([nz, width, width, sum(n for _, n in parts)], nn.ReLU())

    def forward(self, z: Tensor) -> Tensor:
        pieces = self.net(z).split([n for _, n in self.parts], 1)
        return torch.cat(
            [
                torch.tanh(piece) if kind == "number" else gumbel_softmax(piece, 0.5, hard=True)
                for piece, (kind, _) in zip(pieces, self.parts, strict=True)
            ],
            1,
        )


def fit_table(coder: type, seed: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    heating, outside, kwh = table(4000, 0)
    a, b = MinMax(outside), coder(kwh)
    x = np.concatenate([np.eye(3)[heating], a.encode(outside), b.encode(kwh)], 1)
    torch.manual_seed(seed)
    trainer = GANTrainer(
        RowGenerator([("choice", 3), *a.parts, *b.parts]),
        nets.MLPDiscriminator(x.shape[1], width=128, depth=2),
        lr=2e-3,
        betas=(0.0, 0.99),
        r1=0.1,
        schedule="cosine",
        batch_size=128,
        seed=seed,
        device="cpu",
    )
    trainer.fit(torch.tensor(x).float(), steps, progress=False)
    torch.manual_seed(seed)
    made = trainer.sample(4000).numpy()
    return made[:, :3].argmax(1), a.decode(made[:, 3:4]), b.decode(made[:, 4:])


def ks(a: np.ndarray, b: np.ndarray) -> float:
    grid = np.concatenate([a, b])
    steps = [np.searchsorted(np.sort(c), grid, "right") / len(c) for c in (a, b)]
    return float(np.abs(steps[0] - steps[1]).max())


def table_report(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, float]:
    other = table(4000, 1)
    at_home = [(r[2] > 5) & (r[2] < 40) for r in (rows, other)]
    share = [
        np.array([h[r[0] == k].mean() for k in range(3)])
        for r, h in zip((rows, other), at_home, strict=True)
    ]
    slope = [
        np.corrcoef(r[1][h], r[2][h])[0, 1] for r, h in zip((rows, other), at_home, strict=True)
    ]
    counts = [np.bincount(r[0], minlength=3) / len(r[0]) for r in (rows, other)]
    return {
        "heating": float(np.abs(counts[0] - counts[1]).sum() / 2),
        "outside": ks(rows[1], other[1]),
        "kwh": ks(rows[2], other[2]),
        "empty house": float(((rows[2] > 1.5) & (rows[2] < 2.5)).mean()),
        "between": float(((rows[2] > 2.6) & (rows[2] < 5)).mean()),
        "home by heating": float(np.abs(share[0] - share[1]).max()),
        "correlation": float(slope[0]),
        "true correlation": float(slope[1]),
    }


@experiment("ch14-table", seeds=(0, 1, 2), steps=800, longer=4000)
def tabular(seed: int, device: torch.device, record: Recorder, *, steps: int, longer: int) -> Any:
    return {
        "real": table_report(table(4000, 0)),
        "min-max": table_report(fit_table(MinMax, seed, steps)),
        "mode-specific": table_report(fit_table(ModeSpecific, seed, steps)),
        "min-max longer": table_report(fit_table(MinMax, seed, longer)),
        "mode-specific longer": table_report(fit_table(ModeSpecific, seed, longer)),
    }


# --- translation without pairs ----------------------------------------------------------------------


def cycle_gan(
    draw_a: Callable[[int], Tensor],
    draw_b: Callable[[int], Tensor],
    seed: int,
    steps: int,
    weight: float,
    r1: float,
    lr: float = 2e-3,
) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(seed)
    to_b, to_a = (nets.mlp([2, 64, 64, 2], nn.ReLU()) for _ in range(2))
    d_a, d_b = (nets.MLPDiscriminator(2, width=64, depth=2) for _ in range(2))
    players = [*to_b.parameters(), *to_a.parameters()], [*d_a.parameters(), *d_b.parameters()]
    adam_g, adam_d = (torch.optim.Adam(p, lr, (0.0, 0.99), fused=True) for p in players)
    for step in range(steps):
        for adam in (adam_g, adam_d):
            adam.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * step / steps)) / 2
        a, b = draw_a(128), draw_b(128)
        with torch.no_grad():
            fakes = to_a(b), to_b(a)
        loss = torch.zeros(())
        for d, real, fake in zip((d_a, d_b), (a, b), fakes, strict=True):
            real.requires_grad_()
            logits = d(real)
            (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
            loss = loss + softplus(-logits).mean() + softplus(d(fake)).mean()
            loss = loss + r1 / 2 * slope.square().sum(1).mean()
        adam_d.zero_grad()
        torch.autograd.backward(loss, inputs=players[1])
        adam_d.step()

        a, b = draw_a(128), draw_b(128)
        fake_b, fake_a = to_b(a), to_a(b)
        cycle = (to_a(fake_b) - a).abs().sum(1).mean() + (to_b(fake_a) - b).abs().sum(1).mean()
        loss = softplus(-d_b(fake_b)).mean() + softplus(-d_a(fake_a)).mean() + weight * cycle
        adam_g.zero_grad()
        torch.autograd.backward(loss, inputs=players[0])
        adam_g.step()
    return to_b, to_a


CORNERS = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
TURN = torch.tensor([[1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2)  # by 45 degrees
PARTNERS = CORNERS @ TURN.T


def near(centers: Tensor) -> Callable[[int], Tensor]:
    return lambda n: centers[torch.randint(4, (n,))] + 0.15 * torch.randn(n, 2)


@experiment("ch14-matching", seeds=tuple(range(8)), steps=600)
def matching(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    to_b, to_a = cycle_gan(near(CORNERS), near(PARTNERS), seed, steps, weight=5.0, r1=0.1)
    torch.manual_seed(0)
    with torch.no_grad():
        a, sent = near(CORNERS)(1000), to_b(CORNERS)
        cycle = (to_a(to_b(a)) - a).abs().sum(1).mean()
        apart = torch.cdist(sent, PARTNERS)
    return {
        "matching": apart.argmin(1).tolist(),
        "distance": apart.min(1).values.max().item(),
        "cycle": cycle.item(),
    }


WIDTH = 0.05


def square(n: int) -> Tensor:
    return 2 * torch.rand(n, 2) - 1


def road(n: int) -> Tensor:
    return torch.stack([2 * torch.rand(n) - 1, WIDTH * torch.randn(n)], 1)


@experiment("ch14-hidden", seeds=(0, 1, 2), steps=1200)
def hidden(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    to_b, to_a = cycle_gan(square, road, seed, steps, weight=1.0, r1=0.02)
    torch.manual_seed(0)
    with torch.no_grad():
        a = square(4000)
        b, flat = to_b(a), torch.tensor([1.0, 0.0])
        noise = torch.stack([torch.zeros(4000), WIDTH * torch.randn(4000)], 1)

        def lost(changed: Tensor) -> list[float]:
            return (to_a(changed) - a).abs().mean(0).tolist()

        return {
            "width": b.std(0)[1].item(),
            "untouched": lost(b),
            "noise": {str(s): lost(b + s * noise) for s in (0.1, 0.3, 1.0)},
            "flattened": lost(b * flat),
        }
