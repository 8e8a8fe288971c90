"""Figures carry an alternative text and a white ground, and show the data they were given."""

import io
import re

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.gridspec import GridSpec
from PIL import Image

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from gancourse import _narrow, _panels, data, nets, plots  # noqa: E402


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def test_show_displays_an_img_with_alt_text_and_closes_the_figure(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    fig, ax = plt.subplots()
    ax.plot([0, 1])
    plots.show(fig, 'A line from 0 to 1, called "f"')
    html = shown[0]._repr_html_()
    assert 'alt="A line from 0 to 1, called &quot;f&quot;"' in html
    assert re.match(r"<img [^>]*src=\"data:image/png;base64,", html) and "\n" not in html
    assert "max-width:100%" in html
    assert not plt.fignum_exists(fig.number)
    with pytest.raises(ValueError, match="alt is empty"):
        plots.show(plt.figure(), " ")


def parts(fig) -> list[list[float]]:
    plots.png(fig)
    return [[float(n) for n in row.split()] for row in _panels.panels(fig).split(";")[:-1]]


def test_a_figure_says_where_it_can_be_taken_apart():
    """By row of panels, each with all that belongs to it; one without a scale takes its row's."""
    fig, axes = plt.subplots(2, 2, sharey="row")
    axes[0, 0].set(ylabel="a label", title="A title that begins above the scale")
    found = parts(fig)
    assert [len(row) for row in found] == [4, 7, 4, 7]
    (low, high, left, right), (_, _, second, end, scale, spine, numbers) = found[:2]
    assert 0.4 < low < high <= 1 and found[2][1] <= low + 0.004
    assert 0 <= left == scale < spine < right
    place = axes[0, 0].get_position()
    # The numbers, and neither the axis that the panel has itself nor what stands below it.
    assert place.x0 - 0.02 < spine < place.x0 and low < numbers < place.y0
    assert right <= second + 0.004 and end <= 1
    own, _ = plt.subplots(1, 2)
    assert [len(row) for row in parts(own)] == [4, 4]


def test_no_panel_takes_a_scale_that_is_not_its_own():
    """A ring beside losses, both without numbers of their own: as in the clinic."""
    fig, (losses, ring, other, log) = plt.subplots(1, 4, sharey=False)
    losses.plot([0, 9])
    ring.plot([-1, 1])
    ring.set_yticks([])
    other.plot([0, 9])
    other.set_yticks([])
    log.plot([0, 9])
    log.set(yscale="log", ylim=(0.1, 9), yticklabels=[])
    assert [len(row) for row in parts(fig)] == [4, 4, 4, 4]
    fig, (none, shared) = plt.subplots(1, 2, sharey=True)
    none.tick_params(labelleft=False)
    assert [len(row) for row in parts(fig)] == [4, 4]


def test_a_large_grid_comes_apart_by_its_columns():
    fig, _ = plt.subplots(4, 3, sharex=True, sharey="row")
    first, second, third = parts(fig)
    assert len(first) == 4 and len(second) == len(third) == 7
    assert first[1] - first[0] > 0.9 and first[3] <= second[2] + 0.004
    mixed, axes = plt.subplots(3, 3, sharey="row")
    axes[0, 1].tick_params(labelleft=True)  # a scale for a part of a column would stand at all of it
    assert len(parts(mixed)) == 9
    pictures, axes = plt.subplots(2, 4)
    for ax in axes.flat:
        ax.set_axis_off()
    assert len(parts(pictures)) == 8  # which stand side by side


def one(fig):
    fig.subplots()


def below(fig):
    fig.subplots(2, 1)


def titled(fig):
    fig.subplots(1, 2)
    fig.suptitle("Both")


def colored(fig):
    axes = fig.subplots(1, 2)
    fig.colorbar(axes[0].imshow([[0, 1]]), ax=axes)


def overlapping(fig):
    fig.subplots(1, 2)
    fig.add_axes((0.4, 0.4, 0.3, 0.3))


@pytest.mark.parametrize("draw", [one, below, titled, colored, overlapping])
def test_what_is_one_piece_stays_one(draw):
    fig = plt.figure()
    draw(fig)
    assert parts(fig) == []


def test_the_smallest_text_that_is_shown():
    fig, (left, right) = plt.subplots(1, 2)
    right.set_axis_off()
    right.tick_params(labelsize=3)  # of an axis that is off
    plots.png(fig)
    assert _panels.smallest_text(fig) == 9
    left.text(0, 0, "small", fontsize=7)
    left.text(0, 0, "unseen", fontsize=2, visible=False)
    assert _panels.smallest_text(fig) == 7
    assert _panels.smallest_text(plt.figure()) is None


def labelled(label, at):
    fig, ax = plt.subplots(figsize=(7.2, 2.4))
    ax.plot([0, 1, 2], [0, 1, 0])
    ax.set(xlabel="a short label", xlim=(0, 2))
    ax.text(*at, label)
    return fig


def test_a_figure_is_drawn_anew_for_a_phone():
    fig = labelled("a peak", (0.1, 0.9))
    made = Image.open(io.BytesIO(_narrow.png(fig, 9)))
    assert made.width == 2 * 366 and 300 < made.height <= 480  # two pixels each on a phone
    assert tuple(fig.get_size_inches()) == (7.2, 2.4)
    square, ax = plt.subplots(figsize=(7.2, 3.6))
    ax.imshow([[0, 1]])
    assert Image.open(io.BytesIO(_narrow.png(square, 9))).height < 500  # no room left empty
    assert _narrow.png(plt.figure(figsize=(3.6, 2)), 9) is None  # is narrow already
    assert _narrow.png(labelled("a peak", (0.1, 0.9)), 14) is None  # is legible already


@pytest.mark.parametrize(
    ("label", "at"),
    [
        ("a label of so many words that a phone's figure has no room for it at all", (0.0, 0.9)),
        ("across the line", (0.1, 0.5)),
    ],
)
def test_a_figure_whose_words_would_have_no_room_stays_one(label, at):
    assert _narrow.png(labelled(label, at), 9) is None


def test_drawing_anew_says_nothing(recwarn):
    """A warning would stand in the chapter."""
    fig = plt.figure(figsize=(7.2, 2.4))
    for cell in GridSpec(1, 2):  # without the figure, which has a layout that wants to know of it
        fig.add_subplot(cell)
    fig.set_layout_engine("constrained")
    _narrow.png(fig, 9)
    _narrow.png(labelled("a label of so many words " * 4, (0.0, 0.9)), 9)
    assert not recwarn.list


def test_a_figure_of_the_built_book_brings_its_narrow_form(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    plots.show(labelled("a peak", (0.1, 0.9)), "A line")
    assert "data-narrow" not in shown[0]._repr_html_()
    monkeypatch.setenv("GANCOURSE_NARROW", "1")
    plots.show(labelled("a peak", (0.1, 0.9)), "A line")
    assert re.search(r' data-narrow="data:image/png;base64,[^"]+" ', shown[1]._repr_html_())


def test_png_is_small_sharp_and_on_white():
    fig, ax = plt.subplots()
    plots.scatter(ax, data.ring().sample(500), data.grid().sample(500))
    image = Image.open(io.BytesIO(plots.png(fig)))
    assert image.size == (1440, 720)
    assert image.convert("RGB").getpixel((3, 3)) == (255, 255, 255)
    assert len(plots.png(fig)) < 150_000


def test_palette_is_distinct_without_color():
    """Luminance of the meanings that meet in one figure differs, or their marks do."""
    colors = [plots.REAL, plots.FAKE, plots.DISCRIMINATOR, plots.GENERATOR, plots.GRADIENT]
    assert len(set(colors)) == 5

    def luminance(color):
        return np.dot(to_rgb(color), [0.2126, 0.7152, 0.0722])

    assert abs(luminance(plots.REAL) - luminance(plots.FAKE)) > 0.2


def test_surface_is_signed_as_the_logit():
    fig, ax = plt.subplots()
    image = plots.decision_surface(ax, lambda x: x[:, 0] + 0.5 * x[:, 1], extent=2.0)
    logits = image.get_array()
    assert logits[40, -1] > 0 > logits[40, 0]  # to the right: real
    assert logits[-1, 40] > 0 > logits[0, 40]  # upwards too: no transposition
    assert logits[40, -1] > logits[-1, 40]
    low, high = image.get_clim()
    assert low == -high
    np.testing.assert_allclose(image.cmap(0.5)[:3], (1, 1, 1), atol=0.02)


def test_gradient_arrows_point_uphill():
    fig, ax = plt.subplots()
    torch.manual_seed(0)
    plots.gradient_arrows(ax, lambda x: 3 * x[:, 0], torch.randn(20, 2), length=0.5)
    arrows = ax.collections[0]
    np.testing.assert_allclose(arrows.U, 0.5, atol=1e-6)
    np.testing.assert_allclose(arrows.V, 0, atol=1e-6)


def test_arrows_leave_the_network_alone():
    fig, ax = plt.subplots()
    net = nets.MLPDiscriminator(2, width=8)
    plots.gradient_arrows(ax, net, torch.randn(5, 2))
    assert all(p.grad is None for p in net.parameters())


def test_image_grid_places_images_row_by_row():
    fig, ax = plt.subplots()
    images = torch.linspace(-1, 1, 6)[:, None, None, None].expand(6, 1, 4, 5)
    plots.image_grid(ax, images, columns=3, pad=1)
    canvas = ax.images[0].get_array()
    assert canvas.shape == (9, 17)
    assert canvas[0, 0] == 0 and canvas[-1, -1] == 1
    np.testing.assert_allclose([canvas[0, 6], canvas[5, 0]], [0.2, 0.6], atol=1e-6)
    plots.image_grid(ax, torch.zeros(2, 3, 4, 4))


def test_loss_curves_smooth_without_shifting():
    fig, ax = plt.subplots()
    plots.loss_curves(ax, {"D": torch.arange(200.0), "G": torch.ones(200)}, smooth=20)
    x, y = ax.lines[1].get_data()
    np.testing.assert_allclose(x, y)
    assert ax.lines[1].get_color() == plots.DISCRIMINATOR
    assert ax.lines[3].get_linestyle() == "--"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda ax: plots.scatter(ax, torch.zeros(3)), "real has shape (3,)"),
        (lambda ax: plots.scatter(ax, None, torch.zeros(3, 3)), "fake has shape (3, 3)"),
        (lambda ax: plots.image_grid(ax, torch.zeros(2, 8, 8)), "images has shape (2, 8, 8)"),
        (lambda ax: plots.image_grid(ax, torch.zeros(0, 1, 8, 8)), "images has shape (0,"),
    ],
)
def test_bad_input_is_named(call, words):
    fig, ax = plt.subplots()
    with pytest.raises(ValueError) as error:
        call(ax)
    assert words in str(error.value)


def test_each_loss_has_one_look_of_its_own():
    from gancourse import losses

    assert set(plots.LOSS_STYLE) == set(losses.LOSSES)
    looks = {(style["color"], style["linestyle"]) for style in plots.LOSS_STYLE.values()}
    assert len(looks) == len(plots.LOSS_STYLE)
    for style in plots.LOSS_STYLE.values():
        assert style["color"] not in {plots.REAL, plots.FAKE}, "real and generated data's colors"
