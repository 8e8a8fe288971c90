"""Exercise 9.1: The painter's matrix."""

import torch

from .. import Exercise, Mistake


def _painted_length(kernel, n_in, stride, padding):
    return (n_in - 1) * stride - 2 * padding + len(kernel)


def _paint(kernel, n_in, n_out, stride, offset):
    matrix = torch.zeros(n_out, n_in)
    for i in range(n_in):
        for k, weight in enumerate(kernel):
            o = i * stride + k - offset
            if 0 <= o < n_out:
                matrix[o, i] = weight
    return matrix


def _transposed_matrix(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    return _paint(kernel, n_in, n_out, stride, padding)


def _tm_not_transposed(kernel, n_in, stride, padding):
    return _transposed_matrix(kernel, n_in, stride, padding).T


def _tm_flipped(kernel, n_in, stride, padding):
    return _transposed_matrix(kernel.flip(0), n_in, stride, padding)


def _tm_padding_adds(kernel, n_in, stride, padding):
    n_out = (n_in - 1) * stride + 2 * padding + len(kernel)
    return _paint(kernel, n_in, n_out, stride, -padding)


def _tm_padding_ignored(kernel, n_in, stride, padding):
    return _transposed_matrix(kernel, n_in, stride, 0)


def _tm_cut_at_the_end(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    return _paint(kernel, n_in, n_out, stride, 0)


def _tm_no_stride(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    return _paint(kernel, n_in, n_out, 1, padding)


def _tm_wraps(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    matrix = torch.zeros(n_out, n_in)
    for i in range(n_in):
        for k, weight in enumerate(kernel):
            if (o := i * stride + k - padding) < n_out:
                matrix[o, i] = weight
    return matrix


def _tm_overruns(kernel, n_in, stride, padding):
    n_out = _painted_length(kernel, n_in, stride, padding)
    matrix = torch.zeros(n_out, n_in)
    for i in range(n_in):
        for k, weight in enumerate(kernel):
            matrix[i * stride + k - padding, i] = weight
    return matrix


def _tm_inverse(kernel, n_in, stride, padding):
    return torch.linalg.pinv(_transposed_matrix(kernel, n_in, stride, padding).T)


def _tm_cut_once(kernel, n_in, stride, padding):
    n_out = (n_in - 1) * stride - padding + len(kernel)
    return _paint(kernel, n_in, n_out, stride, padding)


def _tm_empty_slice(kernel, n_in, stride, padding):
    return _transposed_matrix(kernel, n_in, stride, 0)[padding:-padding]


def _tm_of_the_input(kernel, n_in, stride, padding):
    n_out = (n_in + 2 * padding - len(kernel)) // stride + 1
    return _paint(kernel, n_out, n_in, stride, padding).T


def _kernels(g):
    cases = (
        (4, 5, 2, 1), (3, 4, 2, 0), (5, 3, 3, 2), (2, 4, 1, 0), (2, 3, 3, 0), (3, 1, 2, 1),
    )  # fmt: skip
    return [(torch.randn(k, generator=g), n, stride, padding) for k, n, stride, padding in cases]


MISTAKES = [
    Mistake(
        _tm_not_transposed,
        "This is the convolution's own matrix, from the long vector to the short one. Here "
        "each *column* belongs to one input and holds what that input paints.",
    ),
    Mistake(
        _tm_flipped,
        "Your kernel is painted back to front. `conv_transpose1d` paints kernel[0] at the "
        "lowest position.",
        slip={"M[o, i] = weight": "M[o, i] = kernel[-1 - k]"},
    ),
    Mistake(
        _tm_padding_adds,
        "You let padding enlarge the output. In a transposed convolution it is undone: "
        "`padding` entries are cut off at *both* ends.",
    ),
    Mistake(
        _tm_padding_ignored,
        "The padding is not used: the output is too long by `padding` at each end.",
    ),
    Mistake(
        _tm_cut_once,
        "The output is too long by `padding`: as many entries are cut off at the far end "
        "as at the near one.",
        slip={"- 2 * padding + len(kernel)": "- padding + len(kernel)"},
    ),
    Mistake(
        _tm_empty_slice,
        "With a padding of 0 nothing is left: `[0:-0]` is an empty slice. Say from where to "
        "where in numbers counted from the start.",
    ),
    Mistake(
        _tm_of_the_input,
        "This is the matrix of the ordinary convolution of `n_in` entries. Yours must map "
        "`n_in` numbers to more of them: one *column* for each input.",
    ),
    Mistake(
        _tm_cut_at_the_end,
        "The length is right, but you cut the whole padding off at the far end. The first "
        "`padding` entries go, and as many of the last.",
    ),
    Mistake(
        _tm_no_stride,
        "Each input paints one step further than the one before it: the stride is missing. "
        "It says how far apart the paintings begin.",
        slip={"i * stride - padding + k": "i - padding + k"},
    ),
    Mistake(
        _tm_wraps,
        "Paint that falls before the first output must be dropped. Position -1 is an index "
        "too: Python took it for the *last* row.",
        slip={"if 0 <= o < n_out": "if o < n_out"},
    ),
    Mistake(
        _tm_overruns,
        "Some paint falls outside the output, before its first entry or after its last. Drop it.",
    ),
    Mistake(
        _tm_inverse,
        "This undoes the convolution as well as can be. A transposed convolution doesn't: "
        "it has the transposed matrix, not the inverse, whatever the name deconvolution "
        "says.",
    ),
]

EXERCISE = Exercise(
    "9.1",
    "The painter's matrix",
    difficulty=2,
    minutes=12,
    reference=_transposed_matrix,
    inputs=_kernels,
    mistakes=MISTAKES,
)
