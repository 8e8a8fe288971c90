"""The nets of chapter 11: residual (R3GAN), style-based, growing."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gancourse import nets
from gancourse.training import GANTrainer

torch.set_num_threads(1)
SHAPES = [(1, 8, 8), (1, 16, 16), (1, 28, 28), (3, 32, 32)]
S = (1, 16, 16)


def pairs(shape):
    return {
        "r3gan": (
            nets.R3GANGenerator(7, shape, width=8, blocks=1),
            nets.R3GANDiscriminator(shape, width=8, blocks=1),
        ),
        "style": (
            nets.StyleGenerator(7, shape, width=4, mixing=0.9),
            nets.DCGANDiscriminator(shape, width=8),
        ),
        "growing": (
            nets.GrowingGenerator(7, shape, width=4),
            nets.GrowingDiscriminator(shape, width=4),
        ),
    }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["r3gan", "style", "growing"])
def test_shapes_and_range(name, shape):
    torch.manual_seed(0)
    generator, discriminator = pairs(shape)[name]
    x = generator(torch.randn(5, 7))
    assert generator.nz == 7
    assert x.shape == (5, *shape) and x.abs().max() <= 1
    assert discriminator(x).shape == (5,)


@pytest.mark.parametrize("amp", [None, "bf16"])
@pytest.mark.parametrize("name", ["r3gan", "style", "growing"])
def test_they_train_resume_and_average_like_any_other(name, amp, tmp_path):
    """R1 + R2, EMA, autocast; a run cut off and resumed ends where an uninterrupted one does."""
    x = torch.rand(40, *S) * 2 - 1

    def fit(steps, path=None):
        torch.manual_seed(0)
        generator, discriminator = pairs(S)[name]
        if name == "growing":
            nets.grow(1.3, generator, discriminator)
        trainer = GANTrainer(
            generator, discriminator, loss="relativistic", lr=2e-3, r1=1.0, r2=1.0, ema=0.9,
            batch_size=6, amp=amp, device="cpu",
        )  # fmt: skip
        trainer.fit(x, steps, checkpoint=path, save_every=2, progress=False)
        return trainer

    whole = fit(4)
    fit(2, tmp_path / "run")
    resumed = fit(4, tmp_path / "run")
    assert whole.history.d_loss.isfinite().all()
    assert torch.equal(whole.history.g_loss, resumed.history.g_loss)
    assert torch.equal(whole.sample(3), resumed.sample(3))
    if name == "growing":
        assert float(resumed.ema.stage) == pytest.approx(1.3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nets.R3GANGenerator(0, S), "nz=0"),
        (lambda: nets.R3GANGenerator(4, S, width=12), "multiple of 8"),
        (lambda: nets.R3GANDiscriminator(S, blocks=0), "blocks=0"),
        (lambda: nets.R3GANDiscriminator(S, width=8)(torch.zeros(2, 1, 8, 8)), "(N, 1, 16, 16)"),
        (lambda: nets.StyleGenerator(4, (1, 7, 7)), "need a square image"),
        (lambda: nets.StyleGenerator(4, S, mixing=1.5), "mixing=1.5"),
        (lambda: nets.StyleGenerator(4, S)(torch.zeros(2, 5)), "needs (N, 4)"),
        (lambda: nets.StyleGenerator(4, S).synthesis(torch.zeros(2, 2, 4)), "(N, 3, 4)"),
        (lambda: nets.GrowingDiscriminator(S, width=0), "width=0"),
        (lambda: nets.grow(2.1, nets.GrowingGenerator(4, S)), "need 0 to 2"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError) as error:
        call()
    assert words in str(error.value)


# --- residual -------------------------------------------------------------------------------------


def test_a_block_starts_as_the_identity_and_can_learn():
    torch.manual_seed(0)
    block, x = nets.ResidualBlock(16, blocks=4), torch.randn(3, 16, 8, 8)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.f[-1].weight.grad.abs().sum() > 0


def test_fixup_scales_the_inner_layers_by_the_fourth_root_of_depth():
    torch.manual_seed(0)
    one, many = (nets.ResidualBlock(256, blocks=b) for b in (1, 16))
    for i in (0, 2):
        assert (one.f[i].weight.std() / many.f[i].weight.std()).item() == pytest.approx(2, rel=0.02)
    # with blocks = 1 the variance of unit noise survives the layer and its LeakyReLU
    x = F.leaky_relu(torch.randn(2, 256, 16, 16), 0.2)
    assert (one.f[0](x).var() / x.square().mean() / 2 * 1.04).item() == pytest.approx(1, rel=0.05)


def test_the_authors_size_for_cifar10():
    """Width 768, two blocks at each of 4, 8, 16 and 32, groups of 16: counted by hand."""
    with torch.device("meta"):
        generator = nets.R3GANGenerator(64, (3, 32, 32), width=768, blocks=2)
        discriminator = nets.R3GANDiscriminator((3, 32, 32), width=768, blocks=2)
    wide = 2 * 768
    block = (768 * wide + wide) + (wide * 16 * 9 + wide) + wide * 768
    assert sum(p.numel() for p in generator.parameters()) == (8 * block + 768 * 16 + 64 * 768 + 768 * 3)
    assert sum(p.numel() for p in discriminator.parameters()) == (8 * block + 768 * 3 + 768 * 16 + 768)
    kinds = {type(m).__name__ for m in generator.modules()}
    assert not any("Norm" in kind for kind in kinds)


# --- style-based ----------------------------------------------------------------------------------


def test_modulated_convolution_is_one_convolution_a_sample():
    torch.manual_seed(0)
    layer = nets.ModulatedConv(5, 6, 4)
    x, w = torch.randn(3, 5, 8, 8), torch.randn(3, 4)
    for i in range(3):
        weight = layer.weight * layer.style(w[i])[None, :, None, None]
        weight = weight / weight.flatten(1).norm(dim=1)[:, None, None, None]
        expected = F.conv2d(x[i : i + 1], weight, padding=1)
        torch.testing.assert_close(layer(x, w)[i : i + 1], expected, rtol=1e-4, atol=1e-5)


def test_demodulation_keeps_unit_variance_whatever_the_style():
    torch.manual_seed(0)
    layer = nets.ModulatedConv(64, 64, 4)
    x = torch.randn(4, 64, 16, 16)
    w = torch.tensor([0.0, 1.0, 5.0, 50.0])[:, None] * torch.randn(4)
    inside = layer(x, w)[:, :, 1:-1, 1:-1]  # at the border the padding is zero
    torch.testing.assert_close(inside.var((1, 2, 3)), torch.ones(4), rtol=0.1, atol=0.0)
    layer.demodulate = False
    assert layer(x, w)[3].var() > 50


def test_mapping_and_synthesis_make_the_generator():
    torch.manual_seed(0)
    generator = nets.StyleGenerator(8, S, width=4).eval()
    z = torch.randn(4, 8)
    w = generator.mapping(z)
    assert torch.equal(generator(z), generator.synthesis(w))
    each = w[:, None].expand(-1, 3, -1)
    assert torch.equal(generator(z), generator.synthesis(each))
    torch.testing.assert_close(generator(3 * z), generator(z), rtol=1e-4, atol=1e-5)


def test_w_differs_between_latents_from_the_start():
    torch.manual_seed(0)
    generator = nets.StyleGenerator(32, S, width=4, depth=4)
    assert generator.mapping(torch.randn(500, 32)).std(0).mean() > 0.7


def test_mixing_swaps_the_fine_layers_in_training_only():
    torch.manual_seed(0)
    generator = nets.StyleGenerator(8, S, width=4, mixing=1.0)
    z = torch.randn(6, 8)
    w = generator.mapping(z)
    other = w.roll(1, 0)
    options = torch.stack(
        [
            generator.synthesis(torch.stack([w if j < cut else other for j in range(3)], 1))
            for cut in (1, 2)
        ]
    )
    mixed = generator(z)  # strengths are 0 at the start: no noise
    distance = (options - mixed).abs().flatten(2).amax(2).amin(0)
    assert distance.max() < 1e-5
    assert torch.equal(generator.eval()(z), generator.synthesis(w))


def test_noise_is_new_in_training_and_fixed_in_evaluation():
    torch.manual_seed(0)
    generator = nets.StyleGenerator(8, S, width=4)
    for layer in generator.layers:
        nn.init.constant_(layer.strength, 0.5)
    z = torch.randn(2, 8)
    assert not torch.equal(generator(z), generator(z))
    generator.eval()
    assert torch.equal(generator(z), generator(z))
    assert torch.equal(generator(z), copy.deepcopy(generator)(z))


# --- growing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stage", "block"), [(0, 4), (1, 2), (2, 1)])
def test_an_image_has_the_pixels_of_its_stage(stage, block):
    torch.manual_seed(0)
    generator = nets.GrowingGenerator(8, S, width=4)
    nets.grow(stage, generator)
    x = generator(torch.randn(2, 8))
    small = F.avg_pool2d(x, block)
    torch.testing.assert_close(F.interpolate(small, S[1:]), x)
    coarser = F.interpolate(F.avg_pool2d(x, 2 * block), S[1:])
    assert not torch.allclose(coarser, x)


def test_fading_in_starts_at_the_old_image_and_ends_at_the_new():
    torch.manual_seed(0)
    generator = nets.GrowingGenerator(8, S, width=4)
    discriminator = nets.GrowingDiscriminator(S, width=4)
    z, x = torch.randn(3, 8), torch.rand(3, *S) * 2 - 1

    def at(stage):
        nets.grow(stage, generator, discriminator)
        with torch.no_grad():
            return generator(z), discriminator(x)

    for stage in (1, 2):
        (old, d_old), (new, d_new) = at(stage - 1), at(stage)
        (mixed, _), (early, d_early) = at(stage - 0.7), at(stage - 1 + 1e-6)
        torch.testing.assert_close(mixed, 0.7 * old + 0.3 * new, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(early, old, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(d_early, d_old, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(at(stage - 1e-6)[1], d_new, rtol=1e-4, atol=1e-4)


def test_the_discriminator_sees_no_detail_beyond_its_stage():
    torch.manual_seed(0)
    discriminator = nets.GrowingDiscriminator(S, width=4)
    x = torch.rand(2, *S)
    blurred = F.interpolate(F.avg_pool2d(x, 4), S[1:])
    torch.testing.assert_close(discriminator(x), discriminator(blurred))
    nets.grow(2, discriminator)
    assert not torch.allclose(discriminator(x), discriminator(blurred))


def test_layers_of_later_stages_cost_nothing_and_stay_as_they_are():
    torch.manual_seed(0)
    generator, discriminator = pairs(S)["growing"]
    before = copy.deepcopy(generator.state_dict())
    trainer = GANTrainer(generator, discriminator, batch_size=4, r1=1.0, device="cpu")
    trainer.fit(torch.rand(8, *S), 2, progress=False)
    assert torch.equal(generator.blocks[2].weight, before["blocks.2.weight"])
    assert not torch.equal(generator.blocks[0].weight, before["blocks.0.weight"])
