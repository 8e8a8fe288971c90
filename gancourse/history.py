"""What a run tells while it trains: its losses, and where they stop being numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

FLUSH = 100  # steps between two looks at the losses: one device synchronisation each


class DivergedError(RuntimeError):
    """A loss or a weight was not finite: ``step`` says where, ``checkpoint`` which file holds a good
    state."""

    def __init__(
        self, step: int, checkpoint: Path | None, what: str = "the loss became non-finite"
    ):
        self.step, self.checkpoint = step, checkpoint
        kept = f"the last good state is in {checkpoint}" if checkpoint else "no checkpoint was kept"
        super().__init__(
            f"{what} at step {step}; {kept}. Usual remedies: a lower learning "
            "rate, beta1 = 0, an R1 penalty, logits instead of log(sigmoid)"
        )


def _no_losses() -> Tensor:
    return torch.empty(0, dtype=torch.float32, device="cpu")


@dataclass
class History:
    """Losses by generator step, each ``(steps,)`` on the CPU (``d_loss``: the last critic step's,
    with its penalties)."""

    d_loss: Tensor = field(default_factory=_no_losses)
    g_loss: Tensor = field(default_factory=_no_losses)

    def __len__(self) -> int:
        return len(self.d_loss)
