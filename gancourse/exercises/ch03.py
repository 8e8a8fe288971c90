"""Exercises of chapter 3, When the game breaks."""

from __future__ import annotations

import itertools
import math

import torch

from gancourse import data
from gancourse.exercises import Exercise, Mistake

# --- 3.1 mode counter -----------------------------------------------------------------------------


def _count_modes(samples, centers, std):
    distance, nearest = torch.cdist(samples, centers).min(1)
    good = torch.bincount(nearest[distance <= 3 * std], minlength=len(centers))
    fair_share = len(samples) / len(centers)
    reached, fair = int((good > 0).sum()), int((good >= 0.2 * fair_share).sum())
    return reached, fair, float(good.sum() / len(samples))


def _counter(select=None, share=None, quality=None):
    """The mode counter with one of its parts replaced."""

    def wrong(samples, centers, std):
        distance, nearest = torch.cdist(samples, centers).min(1)
        inside = distance <= 3 * std if select is None else select(samples, centers, std)
        good = torch.bincount(nearest[inside], minlength=len(centers))
        n, k = len(samples), len(centers)
        needed = 0.2 * n / k if share is None else share(good, n, k)
        part = good.sum() / n if quality is None else quality(good, n, k)
        return int((good > 0).sum()), int((good >= needed).sum()), float(part)

    return wrong


def _squared(samples, centers, std):
    return torch.cdist(samples, centers).min(1).values.square() <= 3 * std


def _box(samples, centers, std):
    nearest = torch.cdist(samples, centers).argmin(1)
    return ((samples - centers[nearest]).abs() <= 3 * std).all(1)


def _modes_seen_only(samples, centers, std):
    distance, nearest = torch.cdist(samples, centers).min(1)
    good = torch.bincount(nearest[distance <= 3 * std])
    n, k = len(samples), len(good)
    return int((good > 0).sum()), int((good >= 0.2 * n / k).sum()), float(good.sum() / n)


def _more_than_a_share(samples, centers, std):
    reached, _, quality = _count_modes(samples, centers, std)
    distance, nearest = torch.cdist(samples, centers).min(1)
    good = torch.bincount(nearest[distance <= 3 * std], minlength=len(centers))
    return reached, int((good > 0.2 * len(samples) / len(centers)).sum()), quality


def _all_nearest_count(samples, centers, std):
    reached, _, quality = _count_modes(samples, centers, std)
    everyone = torch.bincount(torch.cdist(samples, centers).argmin(1), minlength=len(centers))
    return reached, int((everyone >= 0.2 * len(samples) / len(centers)).sum()), quality


def _mode_inputs(g):
    ring, grid = data.ring(), data.grid()
    uneven = torch.tensor([600, 300, 60, 31, 29, 20, 3, 0])
    which = torch.arange(8).repeat_interleave(uneven)
    wide = ring.centers[which] + 0.018 * torch.randn(len(which), 2, generator=g)
    blob = 2.83 * torch.randn(2500, 2, generator=g)
    edge = grid.centers[torch.randint(20, (700,), generator=g)]
    edge = edge + 0.11 * torch.randn(edge.shape, generator=g)
    one = ring.centers[:1] + 0.002 * torch.randn(400, 2, generator=g)
    # The fair share is 50, so 10 are needed; only four of eight modes are reached, not the last.
    sparse = ring.centers[torch.tensor([0] * 285 + [1] * 90 + [2] * 15 + [4] * 10)]
    solid = 4 * torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    ball = solid[torch.randint(4, (300,), generator=g)]
    ball = ball + 0.35 * torch.randn(ball.shape, generator=g)
    return [
        (sparse + 0.001 * torch.randn(400, 2, generator=g), ring.centers, 0.01),
        (ball, solid, 0.2),
        # Whole numbers, in which a distance can be 3 standard deviations exactly.
        (
            torch.tensor([[3.0, 0], [0, -3], [2, 2], [3, 1], [17, 0], [20, 3], [0, 24], [5, 5]]),
            torch.tensor([[0.0, 0], [20, 0], [0, 20]]),
            1.0,
        ),
        (wide, ring.centers, 0.01),
        (blob, grid.centers, 0.05),
        (edge, grid.centers, 0.05),
        (one, ring.centers, 0.01),
    ]


_MODES = Exercise(
    "3.1",
    "A mode counter that is hard to fool",
    difficulty=2,
    minutes=12,
    reference=_count_modes,
    parts=(
        "The number of modes reached",
        "The number of modes fairly covered",
        "The share of good samples",
    ),
    inputs=_mode_inputs,
    mistakes=[
        Mistake(
            _counter(select=lambda x, c, s: torch.ones(len(x), dtype=torch.bool)),
            "You count every sample for its nearest center, however far away it lies: keep only "
            "those within 3 standard deviations of it.",
        ),
        Mistake(
            _counter(select=lambda x, c, s: torch.cdist(x, c).min(1).values < 3 * s),
            "A sample at exactly 3 standard deviations is within them: `<=`, not `<`.",
        ),
        Mistake(
            _counter(select=_squared),
            "You compare the *squared* distance with 3 std. Take the root, or square 3 std.",
        ),
        Mistake(
            _counter(select=_box),
            "You test each coordinate on its own: that is a square of side 6 std around the "
            "center. The rule is a disc: measure the distance.",
        ),
        Mistake(
            _counter(select=lambda x, c, s: torch.cdist(x, c).min(1).values <= s),
            "You ask for samples within 1 standard deviation; the rule is 3.",
        ),
        Mistake(
            _counter(share=lambda good, n, k: 0.2 * good.sum() / k),
            "Your fair share is taken of the good samples only, so a blob with 3 good samples in "
            "2,500 can reach it. Take it of all samples.",
        ),
        Mistake(
            _counter(share=lambda good, n, k: 0.2 * n),
            "You ask each mode for 20 % of all samples. Its fair share is all samples divided by "
            "the number of modes, and 20 % of that is enough.",
        ),
        Mistake(
            _counter(share=lambda good, n, k: n / k),
            "You ask each mode for its whole fair share, so about half the modes of perfect data "
            "fail by chance: 20 % of it is enough.",
        ),
        Mistake(
            _modes_seen_only,
            "Your list of counts ends with the last mode that anybody reached, and its length is "
            "taken for the number of modes. Count with `minlength`, and divide by the number of "
            "centers.",
        ),
        Mistake(
            _more_than_a_share,
            "A mode that gets exactly 20 % of its fair share counts: *at least*, not more than.",
        ),
        Mistake(
            _all_nearest_count,
            "Your second number counts all samples that are nearest to a mode. Only the good ones "
            "count, those within 3 standard deviations.",
        ),
        Mistake(
            _counter(quality=lambda good, n, k: 100 * good.sum() / n),
            "Your third number is in percent; a share lies between 0 and 1.",
        ),
        Mistake(
            _counter(quality=lambda good, n, k: good.sum()),
            "Your third number is a count. The share of good samples is that count divided by the "
            "number of all samples.",
        ),
        Mistake(
            _counter(quality=lambda good, n, k: (good > 0).sum() / k),
            "Your third number is the share of modes reached. High quality is the share of "
            "*samples* that lie within 3 standard deviations of a center.",
        ),
    ],
)

# --- 3.2 birthday paradox -------------------------------------------------------------------------


def _duplicates(batches, tolerance):
    """Pairs of different samples closer than the tolerance, (T,)."""
    distance = torch.cdist(batches, batches)
    return torch.triu(distance <= tolerance, diagonal=1).sum((1, 2))


def _support(count=_duplicates, pairs=lambda s: s * (s - 1) / 2, hazard=lambda p: -math.log1p(-p)):
    """The birthday estimate, any of its three parts replaced by a wrong one."""

    def support_size(batches, tolerance):
        p = float((count(batches, tolerance) > 0).double().mean())
        if p in (0.0, 1.0):
            return math.inf if p == 0 else 0.0
        return pairs(batches.shape[1]) / hazard(p)

    return support_size


def _count_with_itself(batches, tolerance):
    return (torch.cdist(batches, batches) <= tolerance).sum((1, 2))


def _count_closer(batches, tolerance):
    close = torch.cdist(batches, batches) < tolerance
    return torch.triu(close, diagonal=1).sum((1, 2))


def _count_squared(batches, tolerance):
    close = torch.cdist(batches, batches).square() <= tolerance
    return torch.triu(close, diagonal=1).sum((1, 2))


def _copies_left_out(batches, tolerance):
    distance = torch.cdist(batches, batches)
    return ((distance <= tolerance) & (distance > 0)).sum((1, 2))


def _no_special_case(batches, tolerance):
    s = batches.shape[1]
    p = float((_duplicates(batches, tolerance) > 0).double().mean())
    return -s * (s - 1) / (2 * math.log(1 - p))


def _negative(batches, tolerance):
    n = _support()(batches, tolerance)
    return n if n in (0.0, math.inf) else -n


def _pair_rate(batches, tolerance):
    s = batches.shape[1]
    rate = float(_duplicates(batches, tolerance).double().mean()) / (s * (s - 1) / 2)
    return math.inf if rate == 0 else 1 / rate


def _birthday_inputs(g):
    def batches(support, trials, size, dim, jitter):
        items = torch.randn(support, dim, generator=g)
        which = torch.randint(support, (trials, size), generator=g)
        return items[which] + jitter * torch.randn(trials, size, dim, generator=g)

    return [
        (batches(365, 300, 23, 16, 0.001), 0.05),
        (batches(60, 200, 8, 5, 0.0), 0.01),
        (batches(60, 100, 8, 16, 0.02), 0.05),  # alike, but never within the tolerance
        (batches(40, 100, 6, 64, 0.02), 0.7),
        (batches(3, 30, 9, 4, 0.0), 0.01),  # one in every batch
        # Whole numbers: neighbours lie exactly at the tolerance.
        (torch.randint(40, (200, 5, 1), generator=g).float(), 1.0),
    ]


_BIRTHDAY = Exercise(
    "3.2",
    "How many different samples are there?",
    difficulty=2,
    minutes=15,
    reference=_support(),
    inputs=_birthday_inputs,
    mistakes=[
        Mistake(
            _support(count=_count_with_itself),
            "Every batch has a duplicate for you, so the estimate is 0: you compare each sample "
            "with itself. Look at pairs of different samples only.",
        ),
        Mistake(
            _support(count=_count_closer),
            "Two samples exactly at the tolerance are duplicates: *at most*, not less than.",
        ),
        Mistake(
            _support(count=_count_squared),
            "You compare the *squared* distance with the tolerance.",
        ),
        Mistake(
            _support(pairs=lambda s: s * s / 2),
            "You count s*s/2 pairs. A batch of s has s*(s-1)/2 pairs of different samples.",
        ),
        Mistake(
            _support(pairs=lambda s: s * (s - 1)),
            "You are off by a factor of 2: a batch of s has s*(s-1)/2 pairs, each counted once.",
        ),
        Mistake(
            _support(hazard=lambda p: p),
            "You use p = pairs / N, which holds for small p only: two duplicates in one batch "
            "count once. Solve p = 1 - exp(-pairs / N) for N.",
        ),
        Mistake(
            _support(hazard=lambda p: -math.log(p)),
            "You take the logarithm of p, the share of batches *with* a duplicate. Solve "
            "p = 1 - exp(-pairs / N): the logarithm is of the share without.",
        ),
        Mistake(
            _support(count=_copies_left_out),
            "You leave out pairs at distance 0, to be rid of each sample's distance to itself. "
            "Exact copies go with it, and they are duplicates like no other. Leave out the "
            "diagonal instead.",
        ),
        Mistake(
            _no_special_case,
            "In this input no batch has a duplicate: p is 0, its logarithm too, and you divide by "
            "it. Return `math.inf` then, and 0 where every batch has one (log(1 - p) fails there).",
        ),
        Mistake(
            _negative,
            "A negative number of samples? The logarithm of 1 - p is negative: turn the sign.",
        ),
        Mistake(
            _pair_rate,
            "You count all duplicate pairs. That estimates N too, but it is not the birthday test, "
            "which asks only: does this batch have a duplicate, yes or no?",
        ),
    ],
)

# --- 3.3 largest stable step ----------------------------------------------------------------------


def _largest_step(jac):
    values = torch.linalg.eigvals(jac)
    return max(0.0, float((-2 * values.real / values.abs().square()).min()))


def _step(f):
    return lambda jac: float(f(torch.linalg.eigvals(jac)))


def _jacobians(g):
    return [
        (torch.tensor(j, dtype=torch.float64),)
        for j in (
            [[0.0, 0.5], [-0.5, -0.5]],  # Dirac-GAN with R1: a pair of complex eigenvalues
            [[0.0, 0.5], [-0.5, -2.0]],  # more R1: two real ones
            [[-1.0, 3.0, 0.0], [-3.0, -1.0, 0.0], [0.0, 0.0, -4.0]],  # both kinds
            [[0.0, 0.5], [-0.5, 0.0]],  # no R1: pure rotation
            [[0.1, 2.0], [-2.0, 0.1]],  # a spiral outward
            [[-1.0, 0.0], [0.0, 0.3]],  # one direction shrinks, the other grows
            [[-1.0, 3.0, 0.5], [-3.0, -1.0, 0.0], [0.0, 0.0, 0.2]],  # the same, with rotation
            [[0.4, 2.0, 0.0], [-2.0, 0.4, 0.0], [0.0, 0.0, -6.0]],  # the rotation grows
        )
    ]


def _shrinking_only(values):
    shrinking = values[values.real < 0]
    if not len(shrinking):
        return 0.0
    return (-2 * shrinking.real / shrinking.abs().square()).min()


def _positive_bounds(values):
    bounds = -2 * values.real / values.abs().square()
    bounds = bounds[bounds > 0]
    return bounds.min() if len(bounds) else 0.0


def _dominant(values, of):
    value = values[of(values).argmax()]
    return max(0.0, float(-2 * value.real / value.abs().square()))


_STEP = Exercise(
    "3.3",
    "Eigenvalues and the largest stable step",
    difficulty=2,
    minutes=12,
    reference=_largest_step,
    inputs=_jacobians,
    mistakes=[
        Mistake(
            _step(lambda v: max(0.0, float((2 / -v.real.clamp(max=-1e-12)).min()))),
            "You use 2 / |Re|, the rule of plain gradient descent, where eigenvalues are real. A "
            "game rotates: the imaginary part counts in |1 + h*lambda|^2 too.",
        ),
        Mistake(
            _step(lambda v: (2 / v.abs()).min()),
            "You use 2 / |lambda|, so that even a pure rotation would be stable. Work out "
            "|1 + h*lambda|^2 < 1 with lambda = a + ib.",
        ),
        Mistake(
            _step(lambda v: max(0.0, float((-2 * v.real / v.abs()).min()))),
            "Almost: the denominator is |lambda| squared. With lambda = a + ib, "
            "|1 + h*lambda|^2 = 1 + 2ha + h^2 (a^2 + b^2).",
        ),
        Mistake(
            _step(lambda v: max(0.0, float((-v.real / v.abs().square()).min()))),
            "You are off by a factor of 2 (this is the step that shrinks fastest, not the largest "
            "that still shrinks).",
        ),
        Mistake(
            _step(lambda v: max(0.0, float((-2 * v.real / v.abs().square()).max()))),
            "You take the eigenvalue that allows the largest step. *All* have to be stable, so the "
            "strictest one decides.",
        ),
        *(
            Mistake(
                _step(wrong),
                "You leave out the directions that grow. One eigenvalue with a positive real part "
                "is enough, however small the step: *every* direction has to shrink, so the answer "
                "is 0 there.",
            )
            for wrong in (_shrinking_only, _positive_bounds)
        ),
        Mistake(
            lambda jac: max(0.0, float((-2 / torch.linalg.eigvalsh(jac)).min())),
            "`eigvalsh` is for symmetric matrices: it reads one triangle and makes up the other, and "
            "what comes out is real. A game's Jacobian is not symmetric: use `eigvals`.",
        ),
        Mistake(
            lambda jac: 2 / float(torch.linalg.matrix_norm(jac, 2)),
            "You divide by the matrix's largest stretch, its spectral norm. What counts is where "
            "each eigenvalue lies: work out |1 + h*lambda|^2 < 1.",
        ),
        Mistake(
            _step(lambda v: _dominant(v, torch.abs)),
            "You look at the largest eigenvalue only. A smaller one can be stricter, if it turns "
            "fast and is pulled weakly: take the smallest bound of all.",
        ),
        Mistake(
            _step(lambda v: _dominant(v, lambda values: values.real)),
            "You look at the eigenvalue with the largest real part only. Another can be stricter: "
            "take the smallest bound of all.",
        ),
        Mistake(
            _step(lambda v: max(0.0, float((-2 * v.real / v.abs().square()).mean()))),
            "You average the bounds. *All* eigenvalues have to be stable, so the strictest one "
            "decides.",
        ),
        Mistake(
            _step(lambda v: (-2 * v.real / v.abs().square()).min()),
            "A negative learning rate for a spiral outward? Where no step is stable, return 0.",
        ),
        Mistake(
            _step(lambda v: (2 * v.real / v.abs().square()).abs().min()),
            "You drop the sign: an eigenvalue with a positive real part grows at every step size. "
            "Return 0 there.",
        ),
    ],
)

# --- 3.4 two clocks -------------------------------------------------------------------------------


def _round_matrix(jac, lr_g, lr_d):
    d_moves = torch.eye(2, dtype=jac.dtype)
    g_moves = torch.eye(2, dtype=jac.dtype)
    d_moves[1] += lr_d * jac[1]
    g_moves[0] += lr_g * jac[0]
    return g_moves @ d_moves


def _simultaneous(jac, lr_g, lr_d):
    return torch.eye(2, dtype=jac.dtype) + torch.tensor([[lr_g], [lr_d]], dtype=jac.dtype) * jac


def _generator_first(jac, lr_g, lr_d):
    d_moves, g_moves = torch.eye(2, dtype=jac.dtype), torch.eye(2, dtype=jac.dtype)
    d_moves[1] += lr_d * jac[1]
    g_moves[0] += lr_g * jac[0]
    return d_moves @ g_moves


def _columns(jac, lr_g, lr_d):
    d_moves, g_moves = torch.eye(2, dtype=jac.dtype), torch.eye(2, dtype=jac.dtype)
    d_moves[:, 1] += lr_d * jac[:, 1]
    g_moves[:, 0] += lr_g * jac[:, 0]
    return g_moves @ d_moves


def _rows_exchanged(jac, lr_g, lr_d):
    d_moves, g_moves = torch.eye(2, dtype=jac.dtype), torch.eye(2, dtype=jac.dtype)
    d_moves[0] += lr_d * jac[0]
    g_moves[1] += lr_g * jac[1]
    return g_moves @ d_moves


def _no_identity(jac, lr_g, lr_d):
    d_moves, g_moves = torch.eye(2, dtype=jac.dtype), torch.eye(2, dtype=jac.dtype)
    d_moves[1] = lr_d * jac[1]
    g_moves[0] = lr_g * jac[0]
    return g_moves @ d_moves


def _round_inputs(g):
    jac = torch.tensor([[0.0, 0.5], [-0.5, -0.3]], dtype=torch.float64)
    other = torch.randn(2, 2, generator=g, dtype=torch.float64)
    return [(jac, 0.2, 0.2), (jac, 0.05, 0.4), (other, 0.3, 0.1), (-other.T, 0.1, 1.5)]


_CLOCKS = Exercise(
    "3.4",
    "Two clocks",
    difficulty=2,
    minutes=12,
    reference=_round_matrix,
    inputs=_round_inputs,
    mistakes=[
        Mistake(
            _simultaneous,
            "This is the simultaneous step: both players read the old position. The generator has "
            "to answer the discriminator's *new* psi, so multiply two matrices.",
        ),
        Mistake(
            _generator_first,
            "Your generator moves first. The matrix of the first move stands on the right, next to "
            "the vector that it acts on.",
        ),
        Mistake(
            lambda jac, lr_g, lr_d: _round_matrix(jac, lr_d, lr_g),
            "The two learning rates are swapped: row 0 of the Jacobian is the generator's move.",
        ),
        Mistake(
            _columns,
            "You add columns. Row 0 of the Jacobian says how theta moves, row 1 how psi moves: a "
            "player owns a row.",
        ),
        Mistake(
            _rows_exchanged,
            "Your players have exchanged their rows: row 0 of the Jacobian moves theta, the "
            "generator, and row 1 psi, the discriminator.",
        ),
        Mistake(
            lambda jac, lr_g, lr_d: _round_matrix(jac, lr_g, lr_d).T,
            "This is the transpose. The matrix acts on a column (theta, psi): row 0 gives the new "
            "theta.",
        ),
        Mistake(
            lambda jac, lr_g, lr_d: _round_matrix(jac, lr_g, lr_d) - torch.eye(2, dtype=jac.dtype),
            "This is the change in one round. Asked for is the matrix that leads to the new place: "
            "where it stood, plus the change.",
        ),
        Mistake(
            _no_identity,
            "The identity is missing: a step moves a player *from where it stands*, by lr times "
            "its row.",
        ),
        Mistake(
            lambda jac, lr_g, lr_d: _round_matrix(jac, -lr_g, -lr_d),
            "The sign is turned: the field already points the way each player wants to go, so its "
            "move is added.",
        ),
    ],
)

# --- 3.5 name the failure -------------------------------------------------------------------------

_FAILURES = {
    "A": "rotation",
    "B": "vanishing gradient",
    "C": "mode dropping",
    "D": "mode collapse",
}
_LOOK = {
    "A": "look at the spread from beginning to end: does it ever come to rest?",
    "B": "look at the scale of the gradient's norm, and whether the spread moves at all.",
    "C": "look at the last third: is anything still changing, and are all eight modes there?",
    "D": "look at the spread of the samples against that of the data (1).",
}


def _wrong_names():
    for names in itertools.product(_FAILURES.values(), repeat=4):
        answer = dict(zip(_FAILURES, names, strict=True))
        wrong = [run for run, name in answer.items() if name != _FAILURES[run]]
        if wrong:
            hints = " ".join(f"{run}: {_LOOK[run]}" for run in wrong)
            yield Mistake(answer, f"Not right yet: {', '.join(wrong)}. {hints}")


_NAMES = Exercise(
    "3.5",
    "Name the failure",
    difficulty=2,
    minutes=10,
    reference=_FAILURES,
    mistakes=list(_wrong_names()),
)

EXERCISES = [_MODES, _BIRTHDAY, _STEP, _CLOCKS, _NAMES]
