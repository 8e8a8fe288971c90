"""Several processes that share each step, under Hugging Face Accelerate; or one, alone.

Every process draws the whole of a batch, from one seed, and works on its part of it: so the samples
are those of a single process, however many share them. Gradients are averaged in the backward pass.
"""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class Processes:
    """This process among those that share a step: ``rank`` of ``world``.

    Args:
        accelerator: an ``accelerate.Accelerator``, or None: this process alone.
        device: what the trainer was asked for.

    Raises:
        ValueError: for an accelerator that would change the arithmetic, or a device beside one.
    """

    def __init__(self, accelerator: Any, device: Any):
        self.accelerator = accelerator
        self.rank, self.world = 0, 1
        default = "cuda" if torch.cuda.is_available() else "cpu"
        if accelerator is not None:
            _check(accelerator, device)
            self.rank, self.world = accelerator.process_index, accelerator.num_processes
            # Processes on a CPU are given cpu:0, cpu:1, ...; torch.load knows only one.
            device = "cpu" if accelerator.device.type == "cpu" else accelerator.device
        self.device = torch.device(default if device is None else device)

    def prepare(self, generator: nn.Module, discriminator: nn.Module) -> Any:
        """What each player is called through in its own step: with an accelerator a wrapper that
        hands out rank 0's weights once and from then on averages gradients in the backward pass."""
        if self.accelerator is None:
            return generator, discriminator
        from accelerate.utils import DistributedDataParallelKwargs, broadcast

        # Buffers are handed out here, once. By default every pass would copy rank 0's to all, in the
        # midst of a step; nobody needs that: BatchNorm's statistics are not used in training, and
        # the power iterations of spectral normalisation are the same wherever the weights are.
        broadcast([*generator.buffers(), *discriminator.buffers()])
        if self.accelerator.ddp_handler is None:
            self.accelerator.ddp_handler = DistributedDataParallelKwargs(broadcast_buffers=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of the option's new name in torch 2.13
            return self.accelerator.prepare(generator, discriminator)

    def share(self, batch: Tensor) -> Tensor:
        """This process's part of a batch."""
        return batch.chunk(self.world)[self.rank] if self.world > 1 else batch

    def averaging(self, net: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Gradients are averaged once a step: in the backward pass of its last part."""
        alone = self.accelerator is not None and not last
        return self.accelerator.no_sync(net) if alone else nullcontext()

    def mean(self, values: Tensor) -> Tensor:
        """Over the processes: all see the same, so all stop at the same step."""
        return values if self.accelerator is None else self.accelerator.reduce(values, "mean")

    def main_first(self) -> AbstractContextManager[Any]:
        """The main process goes in before the others do."""
        return self.accelerator.main_process_first() if self.accelerator else nullcontext()

    def wait(self) -> None:
        """Until all are here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()

    def check_in_step(self, step: int, path: Path) -> None:
        """All must have read the same file, or they would wait for each other forever."""
        if self.accelerator is None:
            return
        steps = self.accelerator.gather(torch.tensor([step], device=self.device)).tolist()
        if len(set(steps)) > 1:
            raise ValueError(
                f"after reading checkpoint={str(path)!r} the processes stand at steps {steps}; need "
                "a folder that all of them, on all machines, see"
            )


def _check(accelerator: Any, device: Any) -> None:
    if device is not None:
        raise ValueError(f"device={device!r} and an accelerator; the accelerator brings the device")
    kind = accelerator.distributed_type.value
    if kind not in ("NO", "MULTI_CPU", "MULTI_GPU"):
        raise ValueError(f"accelerator.distributed_type is {kind}; need NO, MULTI_CPU or MULTI_GPU")
    if accelerator.mixed_precision != "no":
        raise ValueError(
            f"accelerator.mixed_precision={accelerator.mixed_precision!r}; need 'no': it would put "
            "penalties in half precision too. Give GANTrainer amp= instead"
        )
