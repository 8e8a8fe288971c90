"""Exercise 13.4: Is this comparison fair?"""

import itertools

from .. import Exercise, Mistake
from .._variant import Draw, Variant

_FLAWS = frozenset("BDE")

_FAIR = {
    "A": "A is fair: when each model has the same time, unequal numbers of steps are the "
    "consequence, and no flaw.",
    "C": "C is fair: when both had the same time and were scored with the same features on "
    "the same number of samples, a parameter count that differs is something to "
    "report, not a flaw.",
}

_MISSED = {
    "B": "In B, what was measured: the model or its hyperparameter search?",
    "D": "Read D again: what does chapter 7 say about a Fréchet distance at another number of samples?",
    "E": "Whose training was looked at more often before its number was chosen? Read E again.",
}


def _remark(chosen):
    """What a wrong set of letters gets wrong."""
    said = [text for letter, text in _FAIR.items() if letter in chosen]
    lacking = [letter for letter in _MISSED if letter not in chosen]
    if len(lacking) == 1:
        said.append(f"One is missing. {_MISSED[lacking[0]]}")
    elif lacking:
        count = {2: "Two are", 3: "Three are"}[len(lacking)]
        said.append(
            f"{count} missing. Ask of each sentence what differs between the models besides the "
            "models: the data, the judge, the number of samples, the effort, the number of tries?"
        )
    return " ".join(said)


MISTAKES = [
    Mistake(frozenset(chosen), _remark(set(chosen)))
    for size in range(6)
    for chosen in itertools.combinations("ABCDE", size)
    if set(chosen) != _FLAWS
]

# Sentences with room for numbers, and what makes the comparison unfair, or doesn't.
_SENTENCES = [
    ("The GAN's learning rate and penalty are the best of {tries} runs; the VAE ran once with a "
     "tutorial's settings.", True, "unequal efforts of search"),
    ("The Fréchet distance of the diffusion model was computed from {few} samples, since sampling is "
     "slow, that of the GAN from {many}.", True, "unequal numbers of samples, on which it depends"),
    ("The GAN's number is that of its best checkpoint out of {tries} by the same score; the others "
     "report the last one.", True, "one model gets many draws, chosen by the score"),
    ("The VAE was trained on all {many} pictures, the GAN on the first {few}.", True, "unequal data"),
    ("The GAN was scored against the training pictures, the diffusion model against {few} held-out "
     "ones.", True, "two judges, and one of them praises copies"),
    ("Each model was given {tries} seconds of CPU; the GAN did {few} steps in them, the diffusion "
     "model {many}.", False, "equal time has unequal steps as its consequence"),
    ("The GAN's networks have {few} parameters and the VAE's {many}; both were trained for the same "
     "time and scored alike.", False, "different and reported, and not what is being compared"),
    ("Each model's settings are the best of {tries} runs on the validation half; all scores come from "
     "the test half.", False, "equal efforts, and the judge was not asked before"),
    ("Each model was trained with {seeds} seeds; the table shows the mean and the range of all of "
     "them.", False, "nothing was chosen"),
]  # fmt: skip


def _anew(draw: Draw) -> Variant:
    unfair = draw.whole(2, 3)
    kinds = [[s for s in _SENTENCES if s[1] is flaw] for flaw in (True, False)]
    chosen = draw.order([*draw.some(kinds[0], unfair), *draw.some(kinds[1], 5 - unfair)])
    lines, flaws, reasons = [], [], []
    for letter, (sentence, flaw, why) in zip("ABCDE", chosen):
        few = 500 * draw.whole(2, 8)
        filled = sentence.format(
            tries=5 * draw.whole(2, 9), seeds=draw.whole(3, 9), few=f"{few:,}",
            many=f"{few * draw.whole(3, 9):,}",
        )  # fmt: skip
        lines.append(f"- **{letter}.** {filled}")
        reasons.append(f"{letter}: {why}")
        if flaw:
            flaws.append(letter)
    return Variant(
        "Five sentences from imagined papers that compare a GAN with a VAE or a diffusion model. Which "
        "of them make the comparison unfair, and why?\n\n" + "\n".join(lines),
        ", ".join(flaws),
        "; ".join(reasons) + ".",
    )


EXERCISE = Exercise(
    "13.4",
    "Is this comparison fair?",
    difficulty=1,
    minutes=5,
    reference=_FLAWS,
    # Every other set of letters has its own message: what is missing, what is too much.
    mistakes=MISTAKES,
    variant=_anew,
)
