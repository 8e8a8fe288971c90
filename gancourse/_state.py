"""What a run is made of, and a copy of it: where an interrupt within a step goes back to."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from .training import GANTrainer

KEEP = 2.0  # seconds of work that an interrupt may cost: at least so often the state is copied


def nets_of(run: GANTrainer) -> list[nn.Module]:
    """All networks of a run: both players and the average, if there is one."""
    return [n for n in (run.generator, run.discriminator, run.ema) if n is not None]


def scalers_of(run: GANTrainer) -> Any:
    """A loss scaler for each player, as it is before the first step; off without fp16."""
    fp16 = run.amp == "fp16"
    return [torch.amp.GradScaler(run.device.type, enabled=fp16) for _ in range(2)]


def random_state(run: GANTrainer) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    """Of the run's own stream, of torch's on the CPU, on the GPU (or None), of augmentation."""
    device = torch.cuda.get_rng_state(run.device) if run._cuda else None
    return run.rng.get_state(), torch.get_rng_state(), device, run.augment_rng.get_state()


def modes_of(*nets: nn.Module) -> list[tuple[nn.Module, bool]]:
    """Each layer, and whether it is in training mode."""
    return [(module, module.training) for net in nets for module in net.modules()]


@torch.no_grad()
def soundness(run: GANTrainer) -> Tensor:
    """On the device: 0, or less if a weight or a buffer of a network is not finite."""
    ends: dict[torch.dtype, list[Tensor]] = {}
    for net in nets_of(run):
        for tensor in (*net.parameters(), *net.buffers()):
            if tensor.is_floating_point() and tensor.numel():
                ends.setdefault(tensor.dtype, []).extend(tensor.aminmax())
    finite = [torch.stack(values).isfinite().all() for values in ends.values()]
    return torch.stack(finite).all().float() - 1


def what_is_unsound(run: GANTrainer) -> str:
    """In words, which network holds a value that is not finite."""
    names = ("generator", "discriminator", "generator's average")
    for name, net in zip(names, (run.generator, run.discriminator, run.ema), strict=True):
        tensors = () if net is None else (*net.parameters(), *net.buffers())
        if not all(bool(t.isfinite().all()) for t in tensors):
            return f"a weight of the {name} became non-finite"
    return "a weight became non-finite in another process"


def settings_of(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """An optimizer's settings by group, without the parameters."""
    return [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]


def _tensors(net: nn.Module) -> list[tuple[str, Tensor]]:
    return [*net.named_parameters(), *net.named_buffers()]


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else copy.deepcopy(value)


class Kept:
    """What a step changes, as it was between two steps: where an interrupt within one goes back to.

    Made once in a hundred steps or two seconds, so that it costs the loop nothing to speak of; the
    steps since are repeated, with the same random numbers.
    """

    def __init__(self, run: GANTrainer):
        self.until = time.monotonic() + KEEP
        self.nets = [{name: _copy(t) for name, t in _tensors(net)} for net in nets_of(run)]
        self.trained = [(p, p.requires_grad) for net in nets_of(run) for p in net.parameters()]
        self.optimizers = [
            ({p: {k: _copy(v) for k, v in s.items()} for p, s in o.state.items()}, settings_of(o))
            for o in (run.optimizer_g, run.optimizer_d)
        ]
        self.scalers = [scaler.state_dict() for scaler in (run.scaler_g, run.scaler_d)]
        self.random = random_state(run)
        h = run.history
        self.history, self.losses = h, (h.d_loss, h.g_loss, h.penalty)
        self.numbers = run.step, run._done, run.total, run._averaged

    @torch.no_grad()
    def give_back(self, run: GANTrainer) -> None:
        for net, kept in zip(nets_of(run), self.nets, strict=True):
            for name, tensor in _tensors(net):
                if name in kept:
                    tensor.copy_(kept[name])
        for weight, flag in self.trained:
            weight.requires_grad_(flag)
        for optimizer, (state, groups) in zip(
            (run.optimizer_g, run.optimizer_d), self.optimizers, strict=True
        ):
            optimizer.state.clear()
            for parameter, values in state.items():
                optimizer.state[parameter] = {k: _copy(v) for k, v in values.items()}
            for group, settings in zip(optimizer.param_groups, groups, strict=True):
                group.update(settings)
        run.scaler_g, run.scaler_d = scalers_of(run)  # one cut off in its step would stay there
        for scaler, values in zip((run.scaler_g, run.scaler_d), self.scalers, strict=True):
            if values:
                scaler.load_state_dict(values)
        rng, torch_rng, device_rng, augment_rng = self.random
        run.rng.set_state(rng)
        run.augment_rng.set_state(augment_rng)
        torch.set_rng_state(torch_rng)
        if device_rng is not None:
            torch.cuda.set_rng_state(device_rng, run.device)
        run.history, run._frozen, run._pending = self.history, [], []
        run.history.d_loss, run.history.g_loss, run.history.penalty = self.losses
        run.step, run._done, run.total, run._averaged = self.numbers
