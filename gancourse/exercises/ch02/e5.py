"""Exercise 2.5: Which run is healthy?"""

from .. import Exercise, Mistake
from .._variant import Draw, Variant, table

MISTAKES = [
    Mistake(
        "a",
        "In run a the generator's loss falls to 0 while the discriminator's climbs and climbs: G "
        "fools a D that never answers. Here D's learning rate was 1e-9, as if its optimizer had "
        "been given the wrong parameters. A game in which one player wins has stopped teaching "
        "the other.",
    ),
    Mistake(
        "b",
        "Run b sits at 2 log 2 and log 2, the values of a perfect equilibrium, from the very "
        "first step. Nobody is that good at step 1: an untrained D answers 1/2 to everything. "
        "Neither player moves here.",
    ),
    Mistake(
        "d",
        "In run d the discriminator's loss is near 0 and the generator's is several times log 2: "
        "D tells the two kinds apart with certainty, and G lags behind. A low D loss is no praise "
        "for the pair.",
    ),
]

# Of the four runs (a test looks): what to say of each; D's and G's loss at the first step, between the
# 50th and the 100th, and between the 400th and the last.
_RUNS = {
    "a": ("D does not learn",
          ((1.38, 1.38), (4.8, 7.3), (12.6, 14.6)), ((0.67, 0.67), (0.004, 0.02), (0, 0))),
    "b": ("nobody moves",
          ((1.38, 1.38), (1.38, 1.38), (1.38, 1.38)), ((0.67, 0.67), (0.67, 0.67), (0.67, 0.67))),
    "c": ("healthy",
          ((1.38, 1.38), (1.25, 1.6), (1.3, 1.35)), ((0.68, 0.68), (0.65, 1.1), (0.69, 0.77))),
    "d": ("G does not keep up",
          ((1.38, 1.38), (0.003, 0.014), (0.01, 0.2)), ((0.69, 0.69), (5.3, 7), (8, 12.5))),
}  # fmt: skip


def _anew(draw: Draw) -> Variant:
    steps = 1, draw.whole(50, 100), draw.whole(400, 600)
    rows, answer = [], []
    for letter, name in zip("ABCD", draw.order(list(_RUNS))):
        says, *losses = _RUNS[name]
        of_d, of_g = ([f"{draw.between(*ends):.2f}" for ends in each] for each in losses)
        rows.append([letter, *of_d, *of_g])
        answer.append(f"{letter} {says}")
    head = ["run", *(f"L_{player}, step {step}" for player in "DG" for step in steps)]
    return Variant(
        "Four GANs of the same size were trained on the ring. L_D and L_G are the two losses, in nats; "
        "2 log 2 = 1.39 and log 2 = 0.69.\n\n"
        + table(head, rows)
        + "\n\nOne of the four is healthy. In the others D does not learn, G does not keep up, or "
        "nobody moves. Which is which, and by which numbers do you see it?",
        ", ".join(answer),
        "D does not learn: its loss climbs while G's falls to 0. G does not keep up: the other way "
        "round. Nobody moves: an untrained D answers 1/2 to everything, at the last step as at the "
        "first. Healthy: both losses move, and neither player has won.",
    )


EXERCISE = Exercise(
    "2.5",
    "Which run is healthy?",
    difficulty=1,
    minutes=5,
    reference="c",
    mistakes=MISTAKES,
    variant=_anew,
)
