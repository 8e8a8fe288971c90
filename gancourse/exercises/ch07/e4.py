"""Exercise 7.4: Find the leak."""

import torch

from .. import Exercise, Mistake


def _same_picture(reference, train):
    """(n, m) bool: which pictures are equal, pixel by pixel."""
    return (reference.flatten(1)[:, None] == train.flatten(1)).all(2)


def _leak(reference, train):
    return float(_same_picture(reference, train).any(1).double().mean())


def _as_set(images):
    return {image.numpy().tobytes() for image in images}


def _leak_by_place(reference, train):
    n = min(len(reference), len(train))
    return float((reference[:n] == train[:n]).flatten(1).all(1).double().mean())


def _leak_unique(reference, train):
    both = torch.cat([reference, train]).flatten(1)
    return float((len(both) - len(both.unique(dim=0))) / len(reference))


def _leak_near(reference, train):
    gap = reference.flatten(1).float()[:, None] - train.flatten(1).float()
    return float((gap.abs().amax(2) < 2.5).any(1).double().mean())


def _leak_by_sum(reference, train):
    a, b = reference.flatten(1).long().sum(1), train.flatten(1).long().sum(1)
    return float((a[:, None] == b).any(1).double().mean())


def _leak_any_pixel(reference, train):
    equal = reference.flatten(1)[:, None] == train.flatten(1)
    return float(equal.any(2).any(1).double().mean())


def _picture_inputs(g):
    def fresh(n):
        return torch.randint(0, 256, (n, 1, 4, 4), generator=g, dtype=torch.uint8)

    train = fresh(10)
    train[7] = train[2]  # the training set holds one picture twice
    near = train[4:5].clone()
    near[0, 0, 0, 0] ^= 1  # one grey level in one pixel: another picture
    last = train[[8, 3]].clone()
    last[0, 0, 3, 3] ^= 64  # all rows but the last are equal
    last[1, 0, 1:3, 1:3] ^= 255  # the border is equal
    turned = train[5:7].flip(2)  # the same pixels in another order
    first = torch.cat([fresh(3), train[[2, 9]], near, last, turned, fresh(1)])
    twice = fresh(4)
    second = torch.cat([twice, twice[:1], train[:6]])  # it repeats one of its own
    in_place = fresh(6)
    in_place[0] = train[0]
    again = torch.cat([train[[4, 4, 4, 1]], fresh(3)])  # a leaked picture three times
    wide = torch.randint(0, 256, (5, 1, 3, 6), generator=g, dtype=torch.uint8)
    more = torch.cat([wide, wide[1:4], wide[:1]])
    more[7:] = 255 - more[7:]
    return [
        (first, train),
        (second, train),
        (fresh(5), train),
        (in_place, train[:4]),
        (again, train),
        (more, wide[[3, 0]]),
    ]


MISTAKES = [
    Mistake(
        _leak_by_place,
        "You compare the first with the first, the second with the second. A leaked picture can "
        "stand anywhere in the training set.",
        slip={
            "picture.numpy().tobytes() in seen": "torch.equal(a, b)",
            "for picture in reference": "for a, b in zip(reference, train)",
        },
    ),
    Mistake(
        lambda r, t: float(_same_picture(r, t).any(0).double().mean()),
        "You give the share of the *training* pictures that come back. Asked is which share of "
        "the reference has been trained on.",
        slip={
            "for picture in reference]": "for picture in train]",
            "for picture in train}": "for picture in reference}",
        },
    ),
    Mistake(
        lambda r, t: float(_same_picture(r, t).sum() / len(r)),
        "You count pairs. A training picture that is there twice makes two pairs, but the "
        "reference holds only one leaked picture.",
    ),
    Mistake(
        _leak_unique,
        "You count everything that occurs twice in the two sets together. A picture that one set "
        "holds twice on its own is no leak.",
    ),
    Mistake(
        lambda r, t: len(_as_set(r) & _as_set(t)) / len(r),
        "You count each leaked picture once. The reference may hold it twice, and then two of its "
        "pictures have leaked: ask of each picture in turn.",
    ),
    Mistake(
        lambda r, t: len(_as_set(r) & _as_set(t)) / len(_as_set(r)),
        "You drop repeated pictures before you count. Asked is the share of all pictures of the "
        "reference, a repeated one as often as it stands there.",
    ),
    Mistake(
        lambda r, t: 1 - _leak(r, t),
        "This is the share that has *not* leaked.",
        slip={"sum(found) / len(found)": "1 - sum(found) / len(found)"},
    ),
    Mistake(
        lambda r, t: _leak(r, t) * len(r),
        "This is a count. Divide it by the number of pictures in the reference.",
        slip={"sum(found) / len(found)": "sum(found)"},
    ),
    Mistake(
        lambda r, t: 100 * _leak(r, t),
        "This is in per cent. Return a share between 0 and 1.",
    ),
    Mistake(
        _leak_near,
        "You call pictures equal that differ by a grey level or two. Real near-duplicates are "
        "worth looking for, but here a leak is an exact copy.",
    ),
    Mistake(
        _leak_by_sum,
        "You compare a summary of the pixels, such as their sum. Different pictures can share it.",
    ),
    Mistake(
        _leak_any_pixel,
        "One equal pixel is enough for you. A copy is equal in *all* of them.",
    ),
]

EXERCISE = Exercise(
    "7.4",
    "Find the leak",
    difficulty=2,
    minutes=12,
    reference=_leak,
    inputs=_picture_inputs,
    mistakes=MISTAKES,
)
