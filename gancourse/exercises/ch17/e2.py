"""Exercise 17.2: Lawful bounces."""

import torch

from .. import Exercise, Mistake
from .e1 import _bounce


def _steps(path):
    step = path[:, 1:] - path[:, :-1]
    return step[:, :-1], step[:, 1:]


def _turns(before, after, speed):
    return (before * after < 0) & ((before - after).abs() > speed / 2)


def _wall(before, low, high):
    return low + (before > 0) * (high - low)


def _near(frame, before, speed, low, high, slack):
    return (frame - _wall(before, low, high)).abs() <= speed / 2 + slack


def _found(path, speed, low, high, slack):
    """(turns, which frames are near the wall that they were going to)"""
    before, after = _steps(path)
    near = _near(path[:, 1:-1], before, speed, low, high, slack)
    return _turns(before, after, speed), near


def _lawful(path, speed, low, high, slack):
    turn, near = _found(path, speed, low, high, slack)
    return (turn & near).sum() / turn.sum()


def _counted(count):
    """The answer with another share: turn, near -> number."""

    def answer(path, speed, low, high, slack):
        return count(*_found(path, speed, low, high, slack))

    return answer


def _turning(turns):
    """The answer with another idea of a turn: before, after, speed -> mask."""

    def answer(path, speed, low, high, slack):
        near = _found(path, speed, low, high, slack)[1]
        turn = turns(*_steps(path), speed)
        return (turn & near).sum() / turn.sum()

    return answer


def _nearing(nears, at=1):
    """The answer with another idea of near, or which looks at another frame than the middle one of
    the three: frames, before, speed, low, high, slack -> mask."""

    def answer(path, speed, low, high, slack):
        before, after = _steps(path)
        turn = _turns(before, after, speed)
        frames = path[:, at : at + path.shape[1] - 2]
        return (turn & nears(frames, before, speed, low, high, slack)).sum() / turn.sum()

    return answer


def _within(reach):
    """Near the wall that the symbol was going to, within reach(speed, slack)."""

    def near(frame, before, speed, low, high, slack):
        return (frame - _wall(before, low, high)).abs() <= reach(speed, slack)

    return near


def _near_any(frame, before, speed, low, high, slack):
    return torch.minimum((frame - low).abs(), (frame - high).abs()) <= speed / 2 + slack


def _near_any_or_beyond(frame, before, speed, low, high, slack):
    return torch.minimum(frame - low, high - frame) <= speed / 2 + slack


def _near_other(frame, before, speed, low, high, slack):
    return _near(frame, -before, speed, low, high, slack)


def _near_or_beyond(frame, before, speed, low, high, slack):
    distance = torch.where(before > 0, high - frame, frame - low)
    return distance <= speed / 2 + slack


def _beyond(frame, before, speed, low, high, slack):
    return (frame <= low + slack) | (frame >= high - slack)


def _near_high(frame, before, speed, low, high, slack):
    return (frame - high).abs() <= speed / 2 + slack


def _whole_turns(before, after, speed):
    turn = (before * after).sum(-1, keepdim=True) < 0
    return turn.expand(before.shape)


def _turns_of_clips(turn, near):
    return ((turn & near).flatten(1).sum(1) / turn.flatten(1).sum(1)).mean()


def _turns_of_axes(turn, near):
    return ((turn & near).sum((0, 1)) / turn.sum((0, 1))).mean()


def _lawful_inputs(g):
    cases = []
    for n, frames, speed, low, high, slack in (
        (24, 10, 1.6, 4.0, 12.0, 0.25),
        (15, 14, 0.12, 0.0, 1.0, 0.02),
    ):
        start = low + (high - low) * torch.rand(1, n, 2, generator=g)
        angle = 6.3 * torch.rand(1, n, generator=g)
        velocity = speed * torch.stack([angle.cos(), angle.sin()], dim=2)
        path = _bounce(start, velocity, torch.arange(frames)[:, None, None], low, high)
        path = path.transpose(0, 1) + 0.02 * speed * torch.randn(n, frames, 2, generator=g)
        walk = speed * torch.randn(n, frames, 2, generator=g).cumsum(1) / 2
        middle = (low + high) / 2
        walk = (middle + walk) + (high - low) * (torch.rand(n, 1, 2, generator=g) - 0.5)
        cases.append((torch.cat([path, walk]), speed, low, high, slack))
    along = torch.tensor(
        [
            [3.0, 5.0, 7.0, 9.0, 8.0, 6.0, 4.0, 2.0],  # a turn exactly half a step from the wall
            [1.0, 3.0, 3.0, 5.0, 5.5, 5.0, 7.0, 5.0],  # a stop; and a turn too small to count
            [8.0, 6.0, 4.0, 2.0, 0.0, 2.0, 4.0, 6.0],
            [5.0, 3.0, 1.0, 3.0, 1.0, 3.0, 5.0, 3.0],  # turns back on its way from the wall
            [9.0, 7.0, 7.0, 5.0, 7.0, 7.0, 5.0, 3.0],
        ]
    )
    cases.append((torch.stack([along, along.flip(0)], dim=2), 2.0, 0.0, 10.0, 0.0))
    return cases


# Another way to write a line, no mistake: no answer on the page is the odd one out.
_OTHER_LINE = {"before, after = step[:, :-1], step[:, 1:]": "after, before = step[:, 1:], step[:, :-1]"}

MISTAKES = [
    Mistake(
        _turning(lambda before, after, speed: before * after < 0),
        "You take every change of sign for a turn: along an axis on which a symbol hardly moves, "
        "measuring noise makes one in every other frame. A turn changes the step by more than half "
        "the speed.",
        slip={
            "(before * after < 0) & ((before - after).abs() > speed / 2)": "before * after < 0",
            **_OTHER_LINE,
        },
    ),
    Mistake(
        _turning(lambda before, after, speed: (before - after).abs() > speed / 2),
        "You take every large change of a step for a turn, slowing down among them. The two steps "
        "must have opposite signs.",
    ),
    Mistake(
        _turning(
            lambda before, after, speed: (
                (before.sign() != after.sign()) & ((before - after).abs() > speed / 2)
            )
        ),
        "A symbol that stops, or starts, changes its sign in your count. A turn is a step one way "
        "and then a step the *other* way: 0 is neither.",
    ),
    Mistake(
        _turning(lambda before, after, speed: (before * after < 0) & ((before - after).abs() > speed)),
        "Your turns must be larger than those of the text: the step changes by more than *half* the "
        "speed.",
    ),
    Mistake(
        _turning(
            lambda before, after, speed: (before * after < 0) & ((before + after).abs() > speed / 2)
        ),
        "You add the two steps, or compare their lengths. A bounce turns the sign and keeps the "
        "length: it is the *difference* of the two steps that is large.",
    ),
    Mistake(
        _turning(_whole_turns),
        "You ask whether the direction in the plane has turned by more than a right angle. Each axis "
        "bounces for itself.",
    ),
    Mistake(
        _nearing(_near, at=2),
        "You look where the symbol is *after* the turn. The frame between the two steps counts.",
        slip={"path[:, 1:-1]": "path[:, 2:]", **_OTHER_LINE},
    ),
    Mistake(
        _nearing(_near, at=0),
        "You look where the symbol was *before* the turn began. The frame between the two steps counts.",
    ),
    Mistake(
        _nearing(_near_other),
        "You measure from the wrong wall. A symbol that bounces was on its way *to* the wall.",
        slip={"before > 0, high, low": "before > 0, low, high", **_OTHER_LINE},
    ),
    *(
        Mistake(
            _nearing(near),
            "Any wall will do in your count. A symbol that comes *from* a wall and turns round has "
            "bounced off nothing: it must be near the wall that it was going to.",
        )
        for near in (_near_any, _near_any_or_beyond)
    ),
    Mistake(
        _nearing(_near_or_beyond),
        "A turn far behind the wall counts as lawful. Near is near, on either side.",
    ),
    Mistake(
        _nearing(_beyond),
        "You ask that a frame shows the symbol at the wall. It bounces between two frames: up to "
        "half a step away.",
    ),
    Mistake(
        _nearing(_near_high),
        "You measure from the upper wall only. A symbol that moves down is going to the lower one.",
    ),
    Mistake(
        _nearing(_within(lambda speed, slack: speed + slack)),
        "You allow a whole step from the wall. Farther than half a step away a symbol would still "
        "be going towards it in the next frame, and there would be no turn.",
    ),
    Mistake(
        _nearing(_within(lambda speed, slack: speed / 2)),
        "`slack` has no effect. Places are measured, and a little wrong.",
    ),
    Mistake(
        _nearing(_within(lambda speed, slack: slack)),
        "Within `slack` of the wall is too strict: a symbol bounces between two frames, so that its "
        "nearest frame is up to half a step away.",
    ),
    Mistake(
        _counted(lambda turn, near: (turn & near).sum() / near.sum()),
        "You divide by all frames near a wall. Asked for is the share of the *turns*.",
        slip={"/ turn.sum()": "/ near.sum()", **_OTHER_LINE},
    ),
    Mistake(
        _counted(lambda turn, near: (turn & near).double().mean()),
        "You divide by all frames. Asked for is the share of the *turns*.",
    ),
    Mistake(
        _counted(lambda turn, near: (turn & near).sum() / len(turn)),
        "You divide by the number of clips. Asked for is the share of the *turns*.",
    ),
    Mistake(
        _counted(lambda turn, near: (turn & near).sum()),
        "This is the number of lawful turns. Divide by that of all turns.",
    ),
    Mistake(
        _counted(lambda turn, near: (turn & ~near).sum() / turn.sum()),
        "This is the share of *unlawful* turns.",
    ),
    Mistake(
        _counted(lambda turn, near: near.double().mean()),
        "You forgot the turns: this is the share of frames near a wall.",
    ),
    Mistake(
        _counted(_turns_of_clips),
        "You average the shares of the clips. A clip with one turn then counts as much as one "
        "with ten: count all turns together.",
    ),
    Mistake(
        _counted(_turns_of_axes),
        "You average the shares of the two axes. Count all turns together.",
    ),
]

EXERCISE = Exercise(
    "17.2",
    "Lawful bounces",
    difficulty=2,
    minutes=12,
    reference=_lawful,
    inputs=_lawful_inputs,
    mistakes=MISTAKES,
)
