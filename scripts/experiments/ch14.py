"""Recorded runs of chapter 14: strings, sound, a table, and translation without pairs.

Networks and loops are the chapter's own, which runs seed 0 live.
"""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gancourse import nets
from gancourse.training import GANTrainer
from scripts.chapters import Later, chapter
from scripts.experiments import Recorder, experiment

plain = chapter("14")
rows = [Later(lambda i=i: plain.table_rows(4000, 0)[i]) for i in range(3)]
page = chapter(
    "14", listed=Later(lambda: plain.corpus()), heating=rows[0], outside=rows[1], kwh=rows[2],
    other=Later(lambda: plain.table_rows(4000, 1)),
)  # fmt: skip

# --- strings ----------------------------------------------------------------------------------------


def scores(writer: nn.Module, temperature: float) -> dict[str, float]:
    """The chapter's three shares, of 2,000 strings."""
    found = page.rate(page.written(writer, temperature))
    return dict(zip(("valid", "unique", "novel"), found, strict=True))


def string_gan(x: Tensor, seed: int, steps: int) -> nn.Module:
    torch.manual_seed(seed)
    trainer = GANTrainer(
        page.Writer(), nets.MLPDiscriminator(x.shape[1:], width=256, depth=2), lr=3e-3,
        betas=(0.0, 0.99), r1=0.1, schedule="cosine", batch_size=64, seed=seed, device="cpu",
    )  # fmt: skip
    trainer.fit(x, steps, progress=False)
    return trainer.generator


def next_letters(writer: Any, z: Tensor, words: Tensor) -> Tensor:
    """Scores of each letter of known words (n, place, letter), given z and the letters before."""
    h = torch.tanh(writer.start(z))
    letter, found = torch.zeros_like(words[:, 0]), []
    for i in range(words.shape[1]):
        h = writer.cell(letter, h)
        found.append(writer.out(h))
        letter = words[:, i]
    return torch.stack(found, 1)


def likelihood(x: Tensor, seed: int, steps: int) -> nn.Module:
    torch.manual_seed(seed)
    writer = page.Writer()
    adam = torch.optim.Adam(writer.parameters(), 3e-3, fused=True)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        words = x[torch.randint(len(x), (64,))]
        logits = next_letters(writer, torch.randn(64, writer.nz), words)
        loss = cross_entropy(logits.flatten(0, 1), words.argmax(2).flatten())
        adam.zero_grad()
        loss.backward()
        adam.step()
        decay.step()
    return writer


@experiment("ch14-strings", seeds=(0, 1, 2), steps=[1200, 5000], likelihood_steps=1800)
def strings(
    seed: int, device: torch.device, record: Recorder, *, steps: list[int], likelihood_steps: int
) -> Any:
    x = page.encode(page.listed)
    torch.manual_seed(seed)
    writers = {"untrained": page.Writer()}
    writers |= {f"gan {n}": string_gan(x, seed, n) for n in steps}
    writers["likelihood"] = likelihood(x, seed, likelihood_steps)
    return {
        name: {str(t): scores(writer, t) for t in page.TEMPERATURES} for name, writer in writers.items()
    }


@experiment("ch14-checker", seeds=(0,), draws=400_000)
def checker(seed: int, device: torch.device, record: Recorder, *, draws: int) -> Any:
    import rdkit
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    rng = random.Random(seed)
    both = only_ours = only_theirs = digits = 0
    for _ in range(draws):
        letters = rng.choices("CNO=()1", (6, 2, 2, 1.5, 1.5, 1.5, 1.5), k=rng.randint(1, page.LENGTH))
        s = "".join(letters)
        ours, theirs = page.complaint(s) is None, Chem.MolFromSmiles(s) is not None
        both += ours and theirs
        only_ours += ours and not theirs
        only_theirs += theirs and not ours
        digits += theirs and not ours and ("=1" in s or ")1" in s)
    molecules = [Chem.MolFromSmiles(s) for s in page.listed]
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


def sound_gan(seed: int, steps: int, any_phase: bool = False) -> dict[str, Any]:
    notes = torch.arange(4096) % 8
    x = page.play(notes, torch.Generator().manual_seed(0), any_phase)
    torch.manual_seed(seed)
    trainer = GANTrainer(
        page.SoundGenerator(), page.SoundDiscriminator(), lr=2e-3, betas=(0.0, 0.99), r1=3.0,
        ema=0.99, schedule="cosine", batch_size=32, seed=seed, device="cpu",
    )  # fmt: skip
    asked = torch.arange(800) % 8
    untrained = page.listen(trainer.sample(800), asked)
    trainer.fit((x, notes), steps, progress=False)
    trained, real = (page.listen(y, asked) for y in (trainer.sample(800), x[:800]))
    return {"untrained": untrained, "trained": trained, "real": real}


@experiment("ch14-sound", seeds=(0, 1, 2), steps=600)
def sound(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    return sound_gan(seed, steps)


@experiment("ch14-phase", seeds=(0, 1, 2), steps=600)
def phase(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    return sound_gan(seed, steps, any_phase=True)


# --- a table ----------------------------------------------------------------------------------------


@experiment("ch14-table", seeds=(0, 1, 2), steps=800, longer=4000)
def tabular(seed: int, device: torch.device, record: Recorder, *, steps: int, longer: int) -> Any:
    truth = page.report(page.other)["correlation"]
    coders = {"min-max": page.MinMax(page.kwh), "mode-specific": page.ModeSpecific(page.kwh)}
    made = {"real": page.report((page.heating, page.outside, page.kwh))}
    for more, count in (("", steps), (" longer", longer)):
        for name, coder in coders.items():
            made[name + more] = page.report(page.fit_table(coder, seed, count))
    return {name: {**row, "true correlation": truth} for name, row in made.items()}


# --- translation without pairs ----------------------------------------------------------------------


@experiment("ch14-matching", seeds=tuple(range(8)), steps=600)
def matching(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    near, corners, partners = page.near, page.CORNERS, page.PARTNERS
    to_b, to_a = page.cycle_gan(near(corners), near(partners), seed, steps, weight=5.0, r1=0.1)
    torch.manual_seed(0)
    with torch.no_grad():
        a, sent = near(corners)(1000), to_b(corners)
        cycle = (to_a(to_b(a)) - a).abs().sum(1).mean()
        apart = torch.cdist(sent, partners)
    return {
        "matching": apart.argmin(1).tolist(),
        "distance": apart.min(1).values.max().item(),
        "cycle": cycle.item(),
    }


@experiment("ch14-hidden", seeds=(0, 1, 2), steps=1200)
def hidden(seed: int, device: torch.device, record: Recorder, *, steps: int) -> Any:
    to_b, to_a = page.cycle_gan(page.square, page.road, seed, steps, weight=1.0, r1=0.02)
    torch.manual_seed(0)
    with torch.no_grad():
        a = page.square(4000)
        b, flat = to_b(a), torch.tensor([1.0, 0.0])
        noise = torch.stack([torch.zeros(4000), page.WIDTH * torch.randn(4000)], 1)

        def lost(changed: Tensor) -> list[float]:
            return (to_a(changed) - a).abs().mean(0).tolist()

        return {
            "width": b.std(0)[1].item(),
            "untouched": lost(b),
            "noise": {str(s): lost(b + s * noise) for s in (0.1, 0.3, 1.0)},
            "flattened": lost(b * flat),
        }
