"""Exercise 9.2: Which layers fit?"""

from .. import Exercise, Mistake


def _candidates():
    return [(kernel, padding) for kernel in range(1, 8) for padding in range(kernel // 2 + 1)]


def _layers_that_fit(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in - 1) * stride - 2 * p + k == n_out]


def _fit_convolution(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in + 2 * p - k) // stride + 1 == n_out]


def _fit_one_side(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in - 1) * stride - p + k == n_out]


def _fit_padding_adds(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in - 1) * stride + 2 * p + k == n_out]


def _fit_all_steps(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if n_in * stride - 2 * p + k == n_out]


def _fit_floor(n_in, n_out, stride):
    rest = n_out - (n_in - 1) * stride
    return [(k, p) for k, p in _candidates() if p == (k - rest) // 2]


def _fit_first(n_in, n_out, stride):
    return _layers_that_fit(n_in, n_out, stride)[:1]


def _fit_padding_first(n_in, n_out, stride):
    return [(p, k) for k, p in _layers_that_fit(n_in, n_out, stride)]


def _fit_output_padding(n_in, n_out, stride):
    rest = n_out - (n_in - 1) * stride
    return [(k, p) for k, p in _candidates() if 0 <= rest - (k - 2 * p) < stride]


def _fit_to_6(n_in, n_out, stride):
    return [(k, p) for k, p in _layers_that_fit(n_in, n_out, stride) if k < 7]


def _fit_less_padding(n_in, n_out, stride):
    return [(k, p) for k, p in _layers_that_fit(n_in, n_out, stride) if p < k // 2]


def _fit_from_2(n_in, n_out, stride):
    return [(k, p) for k, p in _layers_that_fit(n_in, n_out, stride) if k > 1]


def _fit_at_least(n_in, n_out, stride):
    return [(k, p) for k, p in _candidates() if (n_in - 1) * stride - 2 * p + k >= n_out]


def _fit_any_padding(n_in, n_out, stride):
    sizes = ((k, p) for k in range(1, 8) for p in range(k))
    return [(k, p) for k, p in sizes if (n_in - 1) * stride - 2 * p + k == n_out]


def _fit_padding_to_3(n_in, n_out, stride):
    sizes = ((k, p) for k in range(1, 8) for p in range(4))
    return [(k, p) for k, p in sizes if (n_in - 1) * stride - 2 * p + k == n_out]


def _observe_pairs(result, args):
    """The pairs as text, so that a missing one is seen in the message."""
    if not isinstance(result, (list, tuple)):
        raise TypeError("it should be a list of pairs")
    pairs = [tuple(int(number) for number in pair) for pair in result]
    if any(number != int(number) for pair in result for number in pair):
        raise ValueError("kernel and padding are whole numbers")
    told = ", ".join(map(str, pairs)) or "none"
    return {f"The list of (kernel, padding) from {args[0]} to {args[1]} at stride {args[2]}": told}


MISTAKES = [
    Mistake(
        _fit_convolution,
        "This is the size of an ordinary convolution. For the transposed one, solve that "
        "formula for the *input's* size.",
    ),
    Mistake(_fit_one_side, "Padding is cut off at both ends: it counts twice.", slip={"- 2 * p": "- p"}),
    Mistake(
        _fit_padding_adds,
        "Padding makes the output of a transposed convolution smaller, not larger.",
        slip={"- 2 * p": "+ 2 * p"},
    ),
    Mistake(
        _fit_all_steps,
        "From the first of n inputs to the last there are n - 1 strides, not n.",
        slip={"(n_in - 1) * stride - 2 * p + k": "n_in * stride - 2 * p + k"},
    ),
    Mistake(
        _fit_floor,
        "Some of these miss the size by one: an integer division hid a remainder. Odd and "
        "even kernels don't fit the same sizes.",
    ),
    Mistake(
        _fit_to_6,
        "Kernel 7 is missing: `range` stops before its end.",
        slip={"range(1, 8)": "range(1, 7)"},
    ),
    Mistake(
        _fit_from_2,
        "Kernel 1 is missing: at stride 1 it keeps the size, and it fits elsewhere too.",
    ),
    Mistake(
        _fit_less_padding,
        "The largest padding, `kernel // 2` itself, is missing: `range` stops before its end.",
    ),
    Mistake(
        _fit_at_least,
        "These layers make at least `n_out`. The size must be met exactly.",
    ),
    Mistake(
        _fit_any_padding,
        "Some of these have more padding than `kernel // 2`.",
    ),
    Mistake(
        _fit_padding_to_3,
        "Some of these have more padding than `kernel // 2`.",
    ),
    Mistake(
        _fit_first,
        "This is the first layer that fits. Return all of them.",
    ),
    Mistake(
        _fit_padding_first,
        "The pairs are the wrong way round: (kernel, padding).",
    ),
    Mistake(
        _fit_output_padding,
        "Some of these need `output_padding` to reach the size. Leave it at 0.",
    ),
]

EXERCISE = Exercise(
    "9.2",
    "Which layers fit?",
    difficulty=1,
    minutes=8,
    reference=_layers_that_fit,
    inputs=[
        (7, 14, 2),
        (4, 7, 2),
        (5, 10, 3),
        (6, 16, 3),
        (16, 16, 1),
        (1, 4, 1),
        (9, 8, 1),
        (6, 4, 1),
        (3, 14, 4),
    ],
    observe=_observe_pairs,
    strict=True,  # a list is asked for
    mistakes=MISTAKES,
)
