"""Exercise 11.3: Along the sphere."""

import torch
from torch.nn import functional as F

from .. import Exercise, Mistake


def _mix(a, b, t, angle):
    sine = torch.sin(angle)
    small = sine.abs() < 1e-5
    safe = torch.where(small, torch.ones_like(sine), sine)
    arc = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / safe
    return torch.where(small, (1 - t) * a + t * b, arc)


def _angle(a, b):
    return F.cosine_similarity(a, b, dim=1)[:, None].clamp(-1, 1).acos()


def _slerp(a, b, t):
    return _mix(a, b, t, _angle(a, b))


def _lerp(a, b, t):
    return (1 - t) * a + t * b


def _slerp_unnormalised(a, b, t):
    return _mix(a, b, t, (a * b).sum(1, keepdim=True).clamp(-1, 1).acos())


def _slerp_degrees(a, b, t):
    return _mix(a, b, t, torch.rad2deg(_angle(a, b)))


def _slerp_swapped(a, b, t):
    return _slerp(b, a, t)


def _slerp_one_angle(a, b, t):
    cosine = (a * b).sum() / (a.norm() * b.norm())
    return _mix(a, b, t, cosine.clamp(-1, 1).acos().expand(len(a), 1))


def _slerp_columns(a, b, t):
    cosine = F.cosine_similarity(a, b, dim=0)[None]
    return _mix(a, b, t, cosine.clamp(-1, 1).acos())


def _nlerp(a, b, t):
    x = F.normalize((1 - t) * F.normalize(a, dim=1) + t * F.normalize(b, dim=1), dim=1)
    length = (1 - t) * a.norm(dim=1, keepdim=True) + t * b.norm(dim=1, keepdim=True)
    return x * length


def _slerp_undivided(a, b, t):
    angle = _angle(a, b)
    return torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b


def _slerp_unit(a, b, t):
    return _slerp(F.normalize(a, dim=1), F.normalize(b, dim=1), t)


def _slerp_nan(a, b, t):
    angle = _angle(a, b)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def _slerp_lengths(a, b, t):
    length = (1 - t) * a.norm(dim=1, keepdim=True) + t * b.norm(dim=1, keepdim=True)
    return _slerp_unit(a, b, t) * length


def _slerp_line_for_all(a, b, t):
    angle = _angle(a, b)
    return _lerp(a, b, t) if bool((angle.sin() < 1e-5).any()) else _slerp(a, b, t)


def _slerp_no_keepdim(a, b, t):
    angle = F.cosine_similarity(a, b, dim=1).clamp(-1, 1).acos()
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def _slerp_cosines(a, b, t):
    angle = _angle(a, b)
    return (torch.cos((1 - t) * angle) * a + torch.cos(t * angle) * b) / torch.cos(angle)


def _slerp_chord(a, b, t):
    return _mix(a, b, t, (a - b).norm(dim=1, keepdim=True))


def _slerp_no_clamp(a, b, t):
    return _mix(a, b, t, F.cosine_similarity(a, b, dim=1)[:, None].acos())


def _slerp_never_line(a, b, t):
    angle = _angle(a, b)
    sine = torch.sin(angle).clamp_min(1e-5)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / sine


def _pairs(g):
    a, b = torch.randn(2, 5, 16, generator=g)
    c, d = torch.randn(2, 3, 4, generator=g)
    same = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    rounded = torch.tensor([[8.0, 2.0, 2.0], [3.0, 9.0, 3.0]])  # their cosine comes out above 1
    return [
        (a, b, 0.5),
        (c, d, torch.tensor([[0.1], [0.4], [0.9]])),
        (0.01 * c, 0.02 * d, 0.25),
        (same, torch.tensor([[2.0, 0.0], [1.0, 0.0]]), 0.25),
        (rounded, torch.tensor([[2.0], [3.0]]) * rounded, 0.75),
    ]


MISTAKES = [
    Mistake(
        _lerp,
        "This is the straight line. For random latents it passes close to the origin, where "
        "no latent ever lies.",
        slip={"torch.where(sine < 1e-5, (1 - t) * a + t * b, arc)": "(1 - t) * a + t * b"},
    ),
    Mistake(
        _slerp_unnormalised,
        "The angle comes from a dot product of vectors that are not unit vectors. Divide by "
        "both lengths before acos.",
    ),
    Mistake(
        _slerp_degrees,
        "The angle is in degrees, and `sin` takes radians.",
    ),
    Mistake(
        _slerp_swapped,
        "You run from b to a: t = 0 must give a.",
    ),
    Mistake(
        _slerp_one_angle,
        "You use one angle for the whole batch. Each pair of rows has its own.",
    ),
    Mistake(
        _slerp_columns,
        "You take the angle between columns. A latent is a row: work along axis 1.",
        slip={"F.cosine_similarity(a, b, dim=1)[:, None]": "F.cosine_similarity(a, b, dim=0)"},
    ),
    Mistake(
        _nlerp,
        "You pull the straight line out to the sphere. It is the same path, at another "
        "speed: slow at the ends, fast in the middle. Use the sines.",
    ),
    Mistake(
        _slerp_undivided,
        "The division by the sine of the angle is missing: at t = 0 you must get a itself.",
    ),
    Mistake(
        _slerp_unit,
        "You return unit vectors. Normalise for the angle only, and mix a and b themselves.",
    ),
    Mistake(
        _slerp_nan,
        "Where a and b point the same way, the sine is 0 and you divide by it. Use the "
        "straight line there: it is the same path.",
    ),
    Mistake(
        _slerp_no_clamp,
        "Rounding can push a cosine a hair above 1, where `acos` gives NaN. Clamp it to [-1, 1] first.",
        slip={".clamp(-1, 1).acos()": ".acos()"},
    ),
    Mistake(
        _slerp_never_line,
        "Where a and b point the same way, both sines are 0 and so is your result. Use the "
        "straight line there: it is the same path.",
        slip={"(1 - t) * a + t * b, arc)": "0.0, arc)"},
    ),
    Mistake(
        _slerp_line_for_all,
        "One parallel pair sends the whole batch along the straight line. Choose row by row.",
    ),
    Mistake(
        _slerp_lengths,
        "You interpolate the lengths apart from the directions. That is a fine path, too; the "
        "formula mixes a and b themselves, whatever their lengths.",
    ),
    Mistake(
        _slerp_no_keepdim,
        "The angles have the shape (N,), and against (N, d) they line up with the entries of a "
        "latent. Give them a second axis: (N, 1).",
    ),
    Mistake(
        _slerp_cosines,
        "You use cosines. At t = 0 the sines give 1 times a and 0 times b.",
    ),
    Mistake(
        _slerp_chord,
        "The length of a - b is no angle. Take the arc cosine of the cosine between a and b.",
    ),
]

EXERCISE = Exercise(
    "11.3",
    "Along the sphere",
    difficulty=2,
    minutes=12,
    reference=_slerp,
    inputs=_pairs,
    mistakes=MISTAKES,
)
