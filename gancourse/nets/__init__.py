"""Generators and discriminators: a generator maps latents to samples, a discriminator samples to
logits ``(N,)``.

Every generator has an attribute ``nz``, the size of its latent, so that whoever holds it can draw
``z`` for it. A conditional net has the attribute ``num_classes`` too, and takes the labels
``y (N,)``, int64, as its second argument.

One file a family: ``mlps``, ``dcgan``, ``conditional``, ``residual``, ``style``, ``growing``.
"""

from gancourse.nets._common import LRELU_GAIN as LRELU_GAIN
from gancourse.nets.conditional import (
    ConditionalDCGANDiscriminator,
    ConditionalDCGANGenerator,
    ConditionalMLPDiscriminator,
    ConditionalMLPGenerator,
)
from gancourse.nets.dcgan import DCGANDiscriminator, DCGANGenerator
from gancourse.nets.growing import GrowingDiscriminator, GrowingGenerator, grow
from gancourse.nets.mlps import MLPDiscriminator, MLPGenerator, mlp
from gancourse.nets.residual import GROUP as GROUP
from gancourse.nets.residual import R3GANDiscriminator, R3GANGenerator, ResidualBlock
from gancourse.nets.style import ModulatedConv, StyleGenerator, StyleLayer

__all__ = [
    "mlp",
    "MLPGenerator",
    "MLPDiscriminator",
    "ConditionalMLPGenerator",
    "ConditionalMLPDiscriminator",
    "DCGANGenerator",
    "DCGANDiscriminator",
    "ConditionalDCGANGenerator",
    "ConditionalDCGANDiscriminator",
    "ResidualBlock",
    "R3GANGenerator",
    "R3GANDiscriminator",
    "ModulatedConv",
    "StyleLayer",
    "StyleGenerator",
    "GrowingGenerator",
    "GrowingDiscriminator",
    "grow",
]
