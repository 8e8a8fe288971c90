"""Exercise 2.5: Which run is healthy?"""

from .. import Exercise, Mistake

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

EXERCISE = Exercise(
    "2.5",
    "Which run is healthy?",
    difficulty=1,
    minutes=5,
    reference="c",
    mistakes=MISTAKES,
)
