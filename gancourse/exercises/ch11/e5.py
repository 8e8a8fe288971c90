"""Exercise 11.5: The bill."""

from .. import Exercise, Mistake


def _gpu_hours(kimg, seconds_per_kimg, gpus):
    return kimg * seconds_per_kimg * gpus / 3600


MISTAKES = [
    Mistake(
        lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg / 3600,
        "These are the hours on the clock. Each hour of eight cards is eight GPU-hours.",
        slip={" * gpus / 3600": " / 3600"},
    ),
    Mistake(
        lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg / gpus / 3600,
        "You divide by the number of cards. The seconds were measured with all of them "
        "running, so the clock time has that in it already.",
        slip={" * gpus": " / gpus"},
    ),
    Mistake(
        lambda kimg, seconds_per_kimg, gpus: 1000 * kimg * seconds_per_kimg * gpus / 3600,
        "One kimg is a thousand images, and the seconds are for a thousand: don't multiply "
        "by 1,000 again.",
        slip={"kimg * sec": "1000 * kimg * sec"},
    ),
    Mistake(
        lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg * gpus / 86_400,
        "These are GPU-days. The bill is in hours.",
        slip={"/ 3600": "/ 86400"},
    ),
    Mistake(
        lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg * gpus,
        "These are GPU-seconds. The bill is in hours.",
    ),
    Mistake(
        lambda kimg, seconds_per_kimg, gpus: kimg * seconds_per_kimg * gpus / 60,
        "These are GPU-minutes. The bill is in hours.",
    ),
    Mistake(
        lambda kimg, seconds_per_kimg, gpus: kimg / seconds_per_kimg * gpus / 3600,
        "You divide by the seconds: a slower model would be cheaper.",
    ),
]

EXERCISE = Exercise(
    "11.5",
    "The bill",
    difficulty=1,
    minutes=5,
    reference=_gpu_hours,
    inputs=[(25_000, 28.71, 8), (1000, 36.0, 1), (5000, 10.0, 4)],
    mistakes=MISTAKES,
)
