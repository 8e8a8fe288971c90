"""What each player minimises, as pure functions of logits.

A discriminator (or critic) returns one logit per sample, shape ``(N,)``, never a sigmoid. Both
players *minimise*: the discriminator's loss falls when it tells real from generated, the
generator's when it fools it. With ``D = sigmoid(f)``::

    log D       = -softplus(-f)          log(1 - D) = -softplus(f)

and both right-hand sides stay finite for logits of any size, where ``torch.log(torch.sigmoid(f))``
is ``-inf`` already at ``f = -200`` in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu, softplus

__all__ = [
    "GANLoss",
    "LOSSES",
    "get",
]


@dataclass(frozen=True)
class GANLoss:
    """A pair of losses, one for each player.

    Attributes:
        name: key in :data:`LOSSES`.
        discriminator: ``(real_logits (N,), fake_logits (M,)) -> ()``.
        generator: ``(fake_logits (M,), real_logits (N,) or None) -> ()``.
        pairs: whether the generator's loss compares with real logits (``relativistic`` only). A
            trainer computes real logits in the generator step only when this is true.
    """

    name: str
    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[..., Tensor]
    pairs: bool = False


def _check(**logits: Tensor) -> None:
    for name, value in logits.items():
        if not (isinstance(value, Tensor) and value.is_floating_point()):
            what = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"{name} is {what}; need a tensor of floats (N,), one logit per sample")
        if value.ndim != 1 or len(value) == 0:
            raise ValueError(
                f"{name} has shape {tuple(value.shape)}; need (N,) with N >= 1, one logit per "
                "sample. Does the discriminator end in .squeeze(1) or .flatten()?"
            )


def _check_pairs(real_logits: Tensor | None, fake_logits: Tensor) -> Tensor:
    if real_logits is None:
        raise ValueError("real_logits is None; the relativistic loss needs logits of real samples")
    _check(real_logits=real_logits, fake_logits=fake_logits)
    if len(real_logits) != len(fake_logits):
        raise ValueError(
            f"real_logits has {len(real_logits)} entries and fake_logits {len(fake_logits)}; "
            "a relativistic loss compares them in pairs, so draw two batches of one size"
        )
    return real_logits


def _cross_entropy_d(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    _check(real_logits=real_logits, fake_logits=fake_logits)
    return softplus(-real_logits).mean() + softplus(fake_logits).mean()


def _minimax_g(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    _check(fake_logits=fake_logits)
    return -softplus(fake_logits).mean()


def _nonsaturating_g(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    _check(fake_logits=fake_logits)
    return softplus(-fake_logits).mean()


def _least_squares_d(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    _check(real_logits=real_logits, fake_logits=fake_logits)
    return 0.5 * (real_logits - 1).square().mean() + 0.5 * fake_logits.square().mean()


def _least_squares_g(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    _check(fake_logits=fake_logits)
    return 0.5 * (fake_logits - 1).square().mean()


def _hinge_d(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    _check(real_logits=real_logits, fake_logits=fake_logits)
    return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()


def _wasserstein_d(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    _check(real_logits=real_logits, fake_logits=fake_logits)
    return fake_logits.mean() - real_logits.mean()


def _linear_g(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    _check(fake_logits=fake_logits)
    return -fake_logits.mean()


def _relativistic_d(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    real_logits = _check_pairs(real_logits, fake_logits)
    return softplus(fake_logits - real_logits).mean()


def _relativistic_g(fake_logits: Tensor, real_logits: Tensor | None = None) -> Tensor:
    real_logits = _check_pairs(real_logits, fake_logits)
    return softplus(real_logits - fake_logits).mean()


#: The losses of the course by name:
#:
#: - ``minimax``: log D against log(1 - D), both players (Goodfellow et al. 2014, arXiv 1406.2661).
#: - ``nonsaturating``: the same discriminator; the generator maximises log D (same paper, sec. 3).
#: - ``least_squares``: LSGAN with targets 1 and 0 (Mao et al. 2016, arXiv 1611.04076).
#: - ``hinge``: Lim & Ye 2017 (arXiv 1705.02894); Tran et al. 2017 (arXiv 1702.08896).
#: - ``wasserstein``: a critic's difference of means (Arjovsky et al. 2017, arXiv 1701.07875); it
#:   needs a Lipschitz critic: clipping, a gradient penalty or spectral normalisation.
#: - ``relativistic``: softplus of paired differences, RpGAN (Jolicoeur-Martineau 2018,
#:   arXiv 1807.00734; as used in R3GAN, Huang et al. 2024, arXiv 2501.05441).
#:
#: :meta hide-value:
LOSSES: dict[str, GANLoss] = {
    loss.name: loss
    for loss in (
        GANLoss("minimax", _cross_entropy_d, _minimax_g),
        GANLoss("nonsaturating", _cross_entropy_d, _nonsaturating_g),
        GANLoss("least_squares", _least_squares_d, _least_squares_g),
        GANLoss("hinge", _hinge_d, _linear_g),
        GANLoss("wasserstein", _wasserstein_d, _linear_g),
        GANLoss("relativistic", _relativistic_d, _relativistic_g, pairs=True),
    )
}


def get(loss: str | GANLoss) -> GANLoss:
    """Look a loss up by name; a :class:`GANLoss` is returned as it is.

    Raises:
        ValueError: for an unknown name, listing the known ones.
    """
    if isinstance(loss, GANLoss):
        return loss
    if loss not in LOSSES:
        raise ValueError(f"loss={loss!r} is unknown; choose one of {', '.join(LOSSES)}")
    return LOSSES[loss]
