"""Exercise 13.4: Is this comparison fair?"""

import itertools

from .. import Exercise, Mistake

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

EXERCISE = Exercise(
    "13.4",
    "Is this comparison fair?",
    difficulty=1,
    minutes=5,
    reference=_FLAWS,
    # Every other set of letters has its own message: what is missing, what is too much.
    mistakes=MISTAKES,
)
