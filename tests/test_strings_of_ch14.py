"""Chapter 14's checker of molecules: right on cases worked out by hand. Its recorded runs take it from
the chapter, too (scripts/chapters.py)."""

import random

import pytest

from scripts.chapters import chapter

ch14 = chapter("14")

MOLECULES = ["C", "CC(=O)N", "C1CC1", "C1CCCCC1", "O=C=O", "N(C)(C)C", "C(C)(C)(C)C", "C1CC1C1CC1"]
BROKEN = {
    "": "no atom at all",
    "(C)": "begins with no atom",
    "=C": "begins with no atom",
    "C(C": "a parenthesis stays open",
    "C)": "closes no parenthesis",
    "C()C": "empty parentheses",
    "C((C))": "empty parentheses",
    "C1CC": "the ring stays open",
    "C1C1": "a ring of fewer than three",
    "C11": "a ring digit after no atom",
    "C=": "ends in a bond",
    "C==C": "a bond to no atom",
    "C(=)C": "a bond to no atom",
    "CO(C)C": "too many bonds",
    "C=C(=C)=C": "too many bonds",
    "O=N=O": "too many bonds",
    "C_C": "a letter after the end",
}


@pytest.mark.parametrize("s", MOLECULES)
def test_molecules_pass(s):
    assert ch14.complaint(s) is None


@pytest.mark.parametrize("s", BROKEN)
def test_what_is_wrong_is_named(s):
    assert ch14.complaint(s) == BROKEN[s]


def random_strings(n: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("CNO=()1_", k=rng.randint(0, 10))) for _ in range(n)]


def test_what_it_accepts_rdkit_reads():
    Chem = pytest.importorskip("rdkit.Chem")
    accepted = [s for s in random_strings(5000, seed=1) if ch14.complaint(s) is None]
    assert all(Chem.MolFromSmiles(s) is not None for s in accepted)


def test_the_grammar_writes_what_the_checker_accepts():
    rng = random.Random(0)
    strings = [ch14.write_one(rng) for _ in range(300)]
    assert all(ch14.complaint(s) is None and 4 <= len(s) <= ch14.LENGTH for s in strings)
    assert ch14.decode(ch14.encode(strings)) == strings


def test_pitch_is_that_of_the_note():
    import torch

    notes = torch.arange(64) % 8
    heard = ch14.pitch(ch14.play(notes, torch.Generator().manual_seed(5)))
    assert (heard / ch14.F0[notes] - 1).abs().max() < 0.02
