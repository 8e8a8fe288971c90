"""Exercise 7.2: The Fréchet distance of two samples."""

import torch

from .. import Exercise, Mistake


def _frechet(x, y):
    x, y = x.double(), y.double()
    a = (x - x.mean(0)) / (len(x) - 1) ** 0.5
    b = (y - y.mean(0)) / (len(y) - 1) ** 0.5
    root = torch.linalg.svdvals(a @ b.T).sum()
    apart = (x.mean(0) - y.mean(0)).square().sum()
    return float(apart + a.square().sum() + b.square().sum() - 2 * root)


def _root(s):
    values, vectors = torch.linalg.eigh(s)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def _root_unclamped(s):
    values, vectors = torch.linalg.eigh(s)
    return vectors * values.sqrt() @ vectors.T


def _no_clamp_first(a, b):
    root = _root_unclamped(a)
    return torch.linalg.eigvalsh(root @ b @ root).clamp(min=0).sqrt().sum()


def _no_clamp_last(a, b):
    root = _root(a)
    return torch.linalg.eigvalsh(root @ b @ root).sqrt().sum()


def _with_a_little_more(a, b):
    """As pytorch-fid does where the product is singular."""
    little = 1e-6 * torch.eye(len(a), dtype=a.dtype)
    root = _root(a + little)
    return torch.linalg.eigvalsh(root @ (b + little) @ root).clamp(min=0).sqrt().sum()


def _distance_a_little_more(x, y):
    little = 1e-6 * torch.eye(x.shape[1], dtype=torch.float64)
    return _distance(x, y, cov=lambda z: torch.cov(z.T) + little)


def _distance(x, y, *, trace=None, apart=None, cov=None, two=2.0, double=True):
    """The same from covariances, with one part exchanged."""
    if double:
        x, y = x.double(), y.double()
    cov = cov or (lambda z: torch.cov(z.T))
    s1, s2 = cov(x), cov(y)
    delta = x.mean(0) - y.mean(0)
    total = (apart(delta) if apart else delta.square().sum()) + s1.trace() + s2.trace()
    if trace is None:
        root = _root(s1)
        cross = torch.linalg.eigvalsh(root @ s2 @ root).clamp(min=0).sqrt().sum()
    else:
        cross = trace(s1, s2)
    return float(total - two * cross)


def _distance_variant(**change):
    return lambda x, y: _distance(x, y, **change)


def _sample_inputs(g):
    def cloud(n, d, shift=0.0):
        mix = torch.randn(d, d, generator=g) / d**0.5
        return torch.randn(n, d, generator=g) @ mix + shift

    return [
        (cloud(50, 3), cloud(70, 3, 1.0)),
        (cloud(40, 5, 2.0), cloud(40, 5)),
        (cloud(12, 30), cloud(15, 30, 0.3)),  # fewer rows than columns
        (cloud(8, 8), cloud(8, 8)),
        (cloud(60, 4, 3.0) * torch.tensor([3.0, 1.0, 1.0, 0.2]), cloud(25, 4, 3.0)),
    ]


MISTAKES = [
    Mistake(
        _distance_variant(trace=lambda a, b: torch.linalg.eigvalsh(a @ b).clamp(min=0).sqrt().sum()),
        "The product of two covariances is not symmetric, and `eigvalsh` does not check: it reads "
        "one triangle and imagines the other. Bring the product into a symmetric form that has "
        "the same eigenvalues, or use singular values.",
    ),
    Mistake(
        _distance_variant(cov=lambda z: torch.cov(z.T, correction=0)),
        "Your covariances divide by n. The field divides by n - 1 (so do `np.cov` and "
        "`torch.cov`), and at small n the difference shows.",
        slip={
            "math.sqrt(len(x) - 1)": "math.sqrt(len(x))",
            "math.sqrt(len(y) - 1)": "math.sqrt(len(y))",
        },
    ),
    Mistake(
        _distance_variant(apart=torch.linalg.vector_norm),
        "The distance of the means must be squared, like everything else in this formula.",
        slip={(".square().sum()\n    return"): (".square().sum().sqrt()\n    return")},
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: (a @ b).diagonal().clamp(min=0).sqrt().sum()),
        "You take the root of each element. The root of a matrix M is a matrix R with R R = M: "
        "its trace is the sum of the roots of M's eigenvalues.",
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: (a @ b).sqrt().trace()),
        "You take the root of each element (and of negative ones: hence NaN). The root of a "
        "matrix M is a matrix R with R R = M: its trace is the sum of the roots of M's "
        "eigenvalues.",
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: torch.trace(_root(a) @ _root(b))),
        "The root of a product is not the product of the roots, unless the two matrices commute.",
    ),
    Mistake(
        _distance_variant(
            double=False,
            trace=lambda a, b: torch.linalg.eigvals(a @ b).sqrt().sum().real,
        ),
        "Right where there are many rows, off where there are few. There the product has "
        "eigenvalues that should be 0 and come out as tiny numbers of both signs: the roots of "
        "the negative ones are imaginary and you drop them silently, the roots of the positive "
        "ones add up. Use float64 and a symmetric form, and clamp at 0.",
    ),
    Mistake(
        _distance_variant(double=False),
        "Nearly: computed in float32. Where there are fewer rows than columns, rounding leaves "
        "eigenvalues of about 1e-7 that should be 0, and the *roots* of dozens of them add up. "
        "Convert the features to float64 first.",
    ),
    Mistake(
        _distance_variant(trace=_with_a_little_more),
        "You add a little to the diagonals, as popular code does against singular covariances. It "
        "is not needed, and its root is not little: clamp the eigenvalues at 0 instead.",
    ),
    Mistake(
        _distance_a_little_more,
        "You add a little to the diagonals, as popular code does against singular covariances. It "
        "is not needed, and its root is not little: clamp the eigenvalues at 0 instead.",
    ),
    Mistake(
        _distance_variant(trace=_no_clamp_first),
        "A covariance of fewer rows than columns has eigenvalues 0, rounding pushes some of them "
        "below, and their roots are NaN. Clamp the eigenvalues at 0 before you take the roots.",
    ),
    Mistake(
        _distance_variant(trace=_no_clamp_last),
        "Some eigenvalues of the product are 0, rounding pushes a few below, and their roots are "
        "NaN. Clamp at 0 before you take the roots.",
    ),
    Mistake(
        _distance_variant(apart=lambda delta: delta.square().mean()),
        "You average the squared differences of the means. The squared distance of two points is "
        "their *sum*.",
    ),
    Mistake(
        _distance_variant(apart=lambda delta: delta.sum().square()),
        "Square first, then add: differences of opposite sign must not cancel.",
    ),
    Mistake(
        _distance_variant(apart=lambda delta: delta.new_zeros(())),
        "The distance between the two means is missing.",
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: (a @ b).trace()),
        "The root is missing: this is the trace of the product itself.",
    ),
    Mistake(
        _distance_variant(trace=lambda a, b: (a @ b).trace().clamp(min=0).sqrt()),
        "You take the root of the trace. Asked is the trace of the root: the roots of the "
        "eigenvalues come first, then their sum.",
    ),
    Mistake(
        _distance_variant(cov=torch.cov),
        "`torch.cov` takes variables in rows and observations in columns. Your features are the "
        "other way round, so you have the covariance between pictures.",
    ),
    Mistake(
        _distance_variant(cov=lambda z: z.T @ z / (len(z) - 1)),
        "You forgot to subtract the mean before the products: these are second moments, not "
        "covariances.",
        slip={"(x - x.mean(0)) /": "x /", "(y - y.mean(0)) /": "y /"},
    ),
    Mistake(
        _distance_variant(two=1.0),
        "Between equal samples your value is not 0. How often does the cross term count?",
        slip={"- 2 * cross": "- cross"},
    ),
    Mistake(
        lambda x, y: _frechet(x, y) ** 0.5,
        "This is the distance, the root of what the field prints: FID is a squared distance.",
    ),
]

EXERCISE = Exercise(
    "7.2",
    "The Fréchet distance of two samples",
    difficulty=3,
    minutes=25,
    reference=_frechet,
    inputs=_sample_inputs,
    mistakes=MISTAKES,
    rtol=1e-4,
    atol=1e-5,
)
