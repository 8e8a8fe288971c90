"""Exercise 9.3: Find the checkerboard."""

import torch

from .. import Exercise, Mistake


def _power(images):
    x = images - images.mean((2, 3), keepdim=True)
    return torch.fft.fft2(x).abs().square().sum((0, 1))


def _at_period_two(power):
    h, w = power.shape[0] // 2, power.shape[1] // 2
    return power[h, 0] + power[0, w] + power[h, w]


def _checkerboard(images):
    power = _power(images)
    return _at_period_two(power) / power.sum()


def _cb_with_mean(images):
    power = torch.fft.fft2(images).abs().square().sum((0, 1))
    return _at_period_two(power) / power.sum()


def _cb_amplitude(images):
    x = images - images.mean((2, 3), keepdim=True)
    amplitude = torch.fft.fft2(x).abs().sum((0, 1))
    return _at_period_two(amplitude) / amplitude.sum()


def _cb_diagonal(images):
    power = _power(images)
    return power[power.shape[0] // 2, power.shape[1] // 2] / power.sum()


def _cb_stripes(images):
    power = _power(images)
    return (power[power.shape[0] // 2, 0] + power[0, power.shape[1] // 2]) / power.sum()


def _cb_last(images):
    power = _power(images)
    return (power[-1, 0] + power[0, -1] + power[-1, -1]) / power.sum()


def _cb_mean_first(images):
    power = _power(images.mean((0, 1), keepdim=True))
    return _at_period_two(power) / power.sum()


def _cb_each_image(images):
    return torch.stack([_checkerboard(image[None]) for image in images]).mean()


def _cb_of_the_rest(images):
    power = _power(images)
    return _at_period_two(power) / (power.sum() - _at_period_two(power))


def _cb_not_a_share(images):
    return _at_period_two(_power(images))


def _cb_rfft(images):
    x = images - images.mean((2, 3), keepdim=True)
    power = torch.fft.rfft2(x).abs().square().sum((0, 1))
    h, w = power.shape[0] // 2, power.shape[1] - 1
    return (power[h, 0] + power[0, w] + power[h, w]) / power.sum()


def _cb_one_mean(images):
    power = torch.fft.fft2(images - images.mean()).abs().square().sum((0, 1))
    return _at_period_two(power) / power.sum()


def _cb_mean_of_channels(images):
    x = images - images.mean((1, 2, 3), keepdim=True)
    power = torch.fft.fft2(x).abs().square().sum((0, 1))
    return _at_period_two(power) / power.sum()


def _cb_mean_picture(images):
    power = torch.fft.fft2(images - images.mean(0)).abs().square().sum((0, 1))
    return _at_period_two(power) / power.sum()


def _cb_one_side(images):
    """Half of the height along both axes."""
    power = _power(images)
    h = min(power.shape) // 2
    return (power[h, 0] + power[0, h] + power[h, h]) / power.sum()


def _images(g):
    def board(h, w):
        return (-1.0) ** (torch.arange(h)[:, None] + torch.arange(w))

    def stripes(h, w):
        return (-1.0) ** torch.arange(w).expand(h, w)

    cases = []
    for shape, amount in (((5, 1, 8, 8), 0.5), ((3, 3, 12, 8), 0.8), ((2, 1, 6, 10), 0.0)):
        n, _, h, w = shape
        strength = amount * torch.randn(n, 1, 1, 1, generator=g)
        pattern = board(h, w) + 0.7 * stripes(h, w)
        cases.append((0.3 * torch.randn(shape, generator=g) - 0.6 + strength * pattern,))
    return cases


MISTAKES = [
    Mistake(
        _cb_with_mean,
        "The mean brightness is still in the total, at frequency (0, 0). Subtract each "
        "image's mean first, or a dark image would look clean.",
        slip={"x = images - images.mean((2, 3), keepdim=True)": "x = images"},
    ),
    Mistake(
        _cb_amplitude,
        "These are amplitudes. Power is the amplitude *squared*; only powers add up.",
        slip={".abs().square()": ".abs()"},
    ),
    Mistake(
        _cb_diagonal,
        "This sees a checkerboard, but not stripes. A pattern of period 2 has power at three "
        "frequencies: (1/2, 0), (0, 1/2) and (1/2, 1/2).",
        slip={"power[h, 0] + power[0, w] + power[h, w]": "power[h, w]"},
    ),
    Mistake(
        _cb_stripes,
        "Stripes in both directions, but the checkerboard itself, at (1/2, 1/2), is missing. "
        "(After an `fftshift` it is in the corner; the middle is frequency 0.)",
    ),
    Mistake(
        _cb_last,
        "The last index of `fft2` is frequency -1/n, the slowest but one. Half a cycle a "
        "pixel is in the *middle*, at index n/2.",
    ),
    Mistake(
        _cb_rfft,
        "`rfft2` leaves out half of the spectrum, whose power equals that of the other "
        "half, but not for the columns 0 and W/2, which it holds whole. Use `fft2`.",
    ),
    Mistake(
        _cb_one_mean,
        "You subtract one mean from all images. Each image, and each of its channels, has "
        "its own: what is left of them is power at frequency 0.",
        slip={"images - images.mean((2, 3), keepdim=True)": "images - images.mean()"},
    ),
    Mistake(
        _cb_mean_of_channels,
        "You subtract one mean from all channels of an image. Each channel has its own.",
    ),
    Mistake(
        _cb_mean_picture,
        "You subtract the mean *image* of the batch, pixel by pixel, and with it the "
        "pattern that all of them share. Subtract from each image and channel its mean "
        "brightness, one number.",
    ),
    Mistake(
        _cb_one_side,
        "Images need not be square: half a cycle a pixel is at H/2 along the rows and at "
        "W/2 along the columns.",
    ),
    Mistake(
        _cb_mean_first,
        "You average the images and then look. Patterns of opposite sign cancel: transform "
        "each image and channel, then add up their powers.",
    ),
    Mistake(
        _cb_each_image,
        "You average each image's share. Then a nearly empty image counts as much as a full "
        "one: add up the powers first, and take one share at the end.",
    ),
    Mistake(
        _cb_of_the_rest,
        "You divide by the rest of the power. Divide by all of it (but for the mean).",
    ),
    Mistake(
        _cb_not_a_share,
        "This is a power, which grows with size and contrast. Return it as a share of the total.",
    ),
]

EXERCISE = Exercise(
    "9.3",
    "Find the checkerboard",
    difficulty=2,
    minutes=12,
    reference=_checkerboard,
    inputs=_images,
    mistakes=MISTAKES,
)
