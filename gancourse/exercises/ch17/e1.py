"""Exercise 17.1: Where is it now?"""

import torch

from .. import Exercise, Mistake


def _bounce(start, velocity, t, low, high):
    span = high - low
    way = start + velocity * t - low
    return high - (way % (2 * span) - span).abs()


def _bounce_at(place):
    """The answer with another way home: way from `low` (unfolded), span -> way from `low`."""

    def answer(start, velocity, t, low, high):
        return low + place(start + velocity * t - low, high - low)

    return answer


def _mirrored(way, span):
    return span - (way % (2 * span) - span).abs()


def _once(way, span):
    return torch.where(way > span, 2 * span - way, way).abs()


def _bounce_from_zero(start, velocity, t, low, high):
    span = high - low
    return high - ((start + velocity * t) % (2 * span) - span).abs()


def _bounce_low_left_out(start, velocity, t, low, high):
    return _mirrored(start + velocity * t - low, high - low)


def _bounce_walls_from_zero(start, velocity, t, low, high):
    return _mirrored(start + velocity * t, high)


def _bounce_start_at_low(start, velocity, t, low, high):
    return low + _mirrored(velocity * t, high - low)


def _bounce_no_speed(start, velocity, t, low, high):
    return low + _mirrored(start + t - low, high - low)


def _bounce_backwards(start, velocity, t, low, high):
    return _bounce(start, -velocity, t, low, high)


def _bounce_speed_only(start, velocity, t, low, high):
    return _bounce(start, velocity.abs(), t, low, high)


def _bounce_start_kept(start, velocity, t, low, high):
    return _bounce(start, velocity, t, low, high) - start


def _frames(start, velocity, t, low, high, turn):
    """Frame by frame, whole frames: turn(place, velocity, low, high) -> place, velocity."""
    times = torch.as_tensor(t)
    most = int(times.max())
    place = start + torch.zeros_like(velocity)
    velocity = velocity + torch.zeros_like(place)
    seen = [place]
    for _ in range(most):
        place, velocity = turn(place + velocity, velocity, low, high)
        seen.append(place)
    if times.ndim == 0:
        return seen[most]
    return torch.stack([seen[int(one)] for one in times.flatten()])


def _overshoot(place, velocity, low, high):
    return place, torch.where((place > high) | (place < low), -velocity, velocity)


def _stopped(place, velocity, low, high):
    velocity = torch.where((place > high) | (place < low), -velocity, velocity)
    return place.clamp(low, high), velocity


def _once_a_frame(place, velocity, low, high):
    out = (place > high) | (place < low)
    place = torch.where(place > high, 2 * high - place, place)
    place = torch.where(place < low, 2 * low - place, place)
    return place, torch.where(out, -velocity, velocity)


def _by_frames(turn):
    def answer(start, velocity, t, low, high):
        return _frames(start, velocity, t, low, high, turn)

    return answer


def _bounce_inputs(g):
    cases = []
    for shape, t, low, high, fast in (
        ((6, 2), 3, 4.0, 12.0, 2.0),
        ((5,), 40, -1.0, 2.5, 3.0),
        ((4, 2), torch.arange(9.0)[:, None, None], 0.25, 0.75, 0.3),
        ((7,), 2, 3.0, 5.0, 9.0),
    ):
        start = low + (high - low) * torch.rand(shape, generator=g)
        cases.append((start, fast * torch.randn(shape, generator=g), t, low, high))
    return cases


# Another way to write a line, no mistake: no answer on the page is the odd one out.
_OTHER_LINE = {"way = start + velocity * t - low": "way = start - low + velocity * t"}

MISTAKES = [
    Mistake(
        _bounce_at(lambda way, span: way % span),
        "Whatever leaves through one wall comes in through the other, and goes on. Going there "
        "*and back* is one period: twice the distance of the walls.",
        slip={
            "(way % (2 * span) - span).abs()": "span - way % span",
            **_OTHER_LINE,
        },
    ),
    Mistake(
        _bounce_at(lambda way, span: (way % span - span / 2).abs() * 2),
        "Your period is the distance of the walls, and what is seen in it is stretched. Going there "
        "*and back* is one period: twice that distance.",
    ),
    Mistake(
        _bounce_at(lambda way, span: way.clamp(0 * span, span)),
        "Your symbols stick to the wall that they reach. They bounce.",
    ),
    Mistake(
        _bounce_at(lambda way, span: way),
        "There are no walls in this: your symbols leave.",
    ),
    Mistake(
        _bounce_at(_once),
        "One bounce at each wall comes out right, more do not: what has bounced may still be "
        "outside. Any number of bounces is asked for.",
    ),
    Mistake(
        _bounce_at(lambda way, span: torch.where(way > span, 2 * span - way, way)),
        "Your symbols bounce off the upper wall, once. There is a lower wall, too, and a fast symbol "
        "bounces many times.",
    ),
    Mistake(
        _bounce_at(lambda way, span: span - (torch.fmod(way, 2 * span) - span).abs()),
        "What has left through the *lower* wall comes out wrong: `fmod` keeps the sign of a negative "
        "way. You want a remainder that is never negative.",
    ),
    Mistake(
        _bounce_at(lambda way, span: (way % (2 * span) - span).abs()),
        "Your symbols are mirrored (even and odd numbers of bounces have changed places): near the "
        "upper wall where they should be near the lower one. Check with a time of 0.",
        slip={"return high - ": "return low + ", **_OTHER_LINE},
    ),
    Mistake(
        _bounce_at(lambda way, span: 2 * span - way % (2 * span)),
        "Half of the time your symbols are beyond the upper wall: the way back is missing. How far "
        "is the rest from the *middle* of a period?",
        slip={"- span).abs()": "- span)", **_OTHER_LINE},
    ),
    Mistake(
        _bounce_at(lambda way, span: way % (2 * span)),
        "The remainder runs from 0 to twice the distance of the walls; its second half is the way "
        "back, and must be folded.",
    ),
    Mistake(
        _bounce_from_zero,
        "You count the way from 0, and the walls from `low`. Count both from the lower wall: only "
        "with a wall at 0 are these the same.",
        slip={"way = start + velocity * t - low": "way = start + velocity * t"},
    ),
    Mistake(
        _bounce_walls_from_zero,
        "Your lower wall is at 0. It is at `low`.",
    ),
    Mistake(
        _bounce_low_left_out,
        "Your places count from the lower wall. Add where that is.",
    ),
    Mistake(
        _bounce_start_at_low,
        "All your symbols start at the lower wall. Each has its own `start`.",
    ),
    Mistake(
        _bounce_no_speed,
        "`velocity` has no effect: the way is velocity times time.",
    ),
    Mistake(
        _bounce_backwards,
        "Your symbols run backwards in time: a velocity above 0 leads towards the upper wall.",
    ),
    Mistake(
        _bounce_speed_only,
        "Your velocities have lost their sign: all symbols start towards the upper wall.",
    ),
    Mistake(
        _bounce_start_kept,
        "This is how far each symbol has got from its start. Return where it is.",
    ),
    Mistake(
        _by_frames(_overshoot),
        "You go frame by frame and turn the velocity *after* the symbol has left: what it went "
        "too far must be reflected, too. A formula needs no frames.",
    ),
    Mistake(
        _by_frames(_stopped),
        "You go frame by frame and hold a symbol at the wall until the next frame: the rest of its "
        "way in that frame is lost. Exact physics reflects it.",
    ),
    Mistake(
        _by_frames(_once_a_frame),
        "You go frame by frame and reflect once in each. A fast symbol bounces several times "
        "between two frames.",
    ),
]

EXERCISE = Exercise(
    "17.1",
    "Where is it now?",
    difficulty=2,
    minutes=10,
    reference=_bounce,
    inputs=_bounce_inputs,
    atol=1e-4,
    mistakes=MISTAKES,
)
