"""Exercise 16.2: What one patch sees."""

from .. import Exercise, Mistake


def _field(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step *= stride
    return field, step


def _steps(layers):
    return _field(layers)[1]


def _field_with(grow, start=1):
    """The answer with another rule of growth: kernel, stride, step so far -> pixels more."""

    def answer(layers):
        field, step = start, 1
        for kernel, stride in layers:
            field += grow(kernel, stride, step)
            step *= stride
        return field, step

    return answer


def _field_step_first(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        step *= stride
        field += (kernel - 1) * step
    return field, step


def _field_steps_added(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step += stride
    return field, step


def _field_steps_summed(layers):
    field, step = 1, 1
    for number, (kernel, _) in enumerate(layers):
        step = sum(stride for _, stride in layers[:number]) or 1
        field += (kernel - 1) * step
    return field, sum(stride for _, stride in layers) or 1


def _field_last_step(layers):
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step = stride
    return field, step


def _field_reversed(layers):
    return _field(layers[::-1])


def _field_backward_whole(layers):
    field = 1
    for kernel, stride in layers[::-1]:
        field = field * stride + kernel
    return field, _steps(layers)


def _field_touching(layers):
    field = 1
    for kernel, stride in layers[::-1]:
        field = field * stride + kernel - 1
    return field, _steps(layers)


def _field_product(layers):
    field = 1
    for kernel, _ in layers:
        field *= kernel
    return field, _steps(layers)


def _field_no_last_step(layers):
    return _field(layers)[0], _steps(layers[:-1])


def _field_of_all(change):
    """The right answer, put through `change(field, step)`."""

    def answer(layers):
        return change(*_field(layers))

    return answer


# Another way to write the first line, no mistake: no answer on the page is the odd one out.
_OTHER_START = {"field, step = 1, 1": "field = step = 1"}

MISTAKES = [
    Mistake(
        _field_step_first,
        "A layer's own stride widens its own kernel in your count. Its kernel steps over the "
        "outputs of the layers *before* it; the stride counts from the next layer on.",
        slip={
            "        field += (kernel - 1) * step\n        step *= stride": (
                "        step *= stride\n        field += (kernel - 1) * step"
            ),
            **_OTHER_START,
        },
    ),
    Mistake(
        _field_with(lambda kernel, stride, step: kernel * step),
        "Each layer adds one pixel's width too much: of a kernel's `k` pixels one was there "
        "already, so that a kernel of 1 adds nothing.",
        slip={"(kernel - 1) * step": "kernel * step", **_OTHER_START},
    ),
    Mistake(
        _field_with(lambda kernel, stride, step: kernel * step, start=0),
        "A kernel of 1 must add nothing, and yours does: of a kernel's `k` pixels one was there "
        "already. And without any layer the output is the pixel itself, a field of 1.",
    ),
    Mistake(
        _field_with(lambda kernel, stride, step: (kernel - 1) * stride),
        "You widen a kernel by its own stride. What counts is how far apart, in pixels of the "
        "picture, its inputs lie: the *product* of all strides before it.",
        slip={
            "(kernel - 1) * step": "(kernel - 1) * stride",
            **_OTHER_START,
        },
    ),
    Mistake(
        _field_with(lambda kernel, stride, step: kernel - 1),
        "The strides have no effect on your field. After a stride of 2 neighbouring inputs of "
        "the next layer lie two pixels apart, and its kernel reaches twice as far.",
    ),
    Mistake(
        _field_with(lambda kernel, stride, step: 2 * (kernel // 2) * step),
        "You count `k // 2` pixels on either side of a centre. A kernel of 4 has no centre: it "
        "adds 3, not 4.",
    ),
    Mistake(
        _field_with(lambda kernel, stride, step: (kernel // 2) * step),
        "You count the pixels on one side of the centre only.",
    ),
    Mistake(
        _field_with(lambda kernel, stride, step: (kernel - 1) * step, start=0),
        "One pixel is missing: before any layer the field is the pixel itself, 1.",
    ),
    *(
        Mistake(
            wrong,
            "Strides multiply: two layers of stride 2 put neighbouring outputs 4 pixels apart, and "
            "three of them 8. Yours add up.",
            slip=slip,
        )
        for wrong, slip in (
            (_field_steps_added, {"step *= stride": "step += stride", **_OTHER_START}),
            (_field_steps_summed, None),
        )
    ),
    Mistake(
        _field_last_step,
        "Your step forgets all strides but the last. They multiply.",
    ),
    Mistake(
        _field_reversed,
        "The rule and the direction do not fit: your layers come in the wrong order for it. A "
        "kernel is widened by the strides of the layers that are nearer to the *picture*.",
    ),
    Mistake(
        _field_backward_whole,
        "You walk back from the last layer, which works; but `n` neighbours, each a stride from "
        "the next, span `n - 1` strides and one kernel.",
    ),
    Mistake(
        _field_touching,
        "You walk back from the last layer, which works; but the last of `n` neighbours does not "
        "need a whole stride: there are `n - 1` gaps between them.",
    ),
    Mistake(
        _field_product,
        "Kernels do not multiply: two 3 x 3 kernels one after the other see 5 x 5 pixels, not 9 x 9.",
    ),
    Mistake(
        _field_no_last_step,
        "The field is right. How far apart the fields of neighbouring outputs lie depends on the "
        "last layer's stride, too.",
    ),
    Mistake(
        _field_of_all(lambda field, step: (step, field)),
        "Right numbers in the wrong order: the field first, then the step.",
    ),
    Mistake(
        _field_of_all(lambda field, step: field),
        "This is the field alone. Return the step as well: the pair *(field, step)*.",
    ),
    Mistake(
        _field_of_all(lambda field, step: (field**2, step)),
        "This is the number of pixels in the field, its area. Return the length of its side.",
    ),
    Mistake(
        _field_of_all(lambda field, step: (field, field)),
        "The field is right. The fields of neighbouring outputs overlap: they do not lie a whole "
        "field apart.",
    ),
    Mistake(
        _field_of_all(lambda field, step: (field, field - step)),
        "The field is right; the second number is the *overlap* of two neighbours. Return by how "
        "many pixels they are shifted.",
    ),
]

EXERCISE = Exercise(
    "16.2",
    "What one patch sees",
    difficulty=1,
    minutes=8,
    reference=_field,
    inputs=[
        ([(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)],),
        ([(3, 1), (3, 1)],),
        ([(5, 3), (2, 2), (1, 1), (3, 2)],),
        ([(1, 2), (4, 1), (7, 5)],),
        ([(6, 4)],),
    ],
    parts=("The field", "The step"),
    mistakes=MISTAKES,
)
