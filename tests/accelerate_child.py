"""What each process of test_accelerate.py's launch runs; also imported by it, for one process.

accelerate launch --multi_gpu --num_processes 2 tests/accelerate_child.py FOLDER
"""

import sys
from pathlib import Path

import torch

from gancourse import data, nets
from gancourse.training import DivergedError, GANTrainer

DIGIT = (1, 8, 8)
STEPS = 20


def images(loss="nonsaturating", norm=None, **settings):
    pair = nets.DCGANGenerator(8, DIGIT, norm=False), nets.DCGANDiscriminator(DIGIT, norm=norm)
    return pair, data.digits().float(), {"loss": loss, **settings}


def conditional(**settings):
    pair = (
        nets.ConditionalDCGANGenerator(8, DIGIT, norm=False),
        nets.ConditionalDCGANDiscriminator(DIGIT),
    )
    return pair, data.digits(), settings


def ring(**settings):
    return (nets.MLPGenerator(), nets.MLPDiscriminator()), data.ring(), settings


CASES = {
    "r1": lambda: images(r1=1.0),
    "conditional-ema": lambda: conditional(r1=1.0, ema=0.9, schedule="cosine"),
    "relativistic-r1-r2": lambda: conditional(r1=0.5, r2=0.5, loss="relativistic"),
    "spectral-hinge": lambda: images(norm="spectral", loss="hinge"),
    "gp-parts": lambda: ring(gp=1.0, loss="wasserstein", n_critic=2, accumulate=2),
    "fp16-parts": lambda: conditional(r1=1.0, amp="fp16", accumulate=2),
}


def train(case, accelerator=None, seed=0):
    torch.manual_seed(seed)
    pair, samples, settings = CASES[case]()
    where = {"accelerator": accelerator} if accelerator else {"device": "cpu"}
    trainer = GANTrainer(*pair, batch_size=32, lr=1e-3, seed=5, **where, **settings)
    trainer.fit(samples, STEPS, progress=False)
    nets_ = {"generator": trainer.generator, "discriminator": trainer.discriminator}
    if trainer.ema:
        nets_["ema"] = trainer.ema
    return {
        **{name: net.state_dict() for name, net in nets_.items()},
        "d_loss": trainer.history.d_loss,
        "g_loss": trainer.history.g_loss,
        "samples": trainer.sample(10),
    }


class Exploding(nets.MLPDiscriminator):
    """Infinite logits from the 63rd training call on, in one process only: in the generator's step
    21, so that the other process meets them a step later."""

    calls = 0
    here = False

    def forward(self, x):
        self.calls += self.training
        return super().forward(x) * (float("inf") if self.here and self.calls > 62 else 1)


def diverge(accelerator):
    """The step at which this process is told of an infinity in the other one's part."""
    critic = Exploding(2)
    critic.here = accelerator.process_index == 1
    trainer = GANTrainer(nets.MLPGenerator(), critic, batch_size=32, accelerator=accelerator)
    try:
        trainer.fit(data.ring(), 300, progress=False)
    except DivergedError as error:
        return error.step


def out_of_step(accelerator, folder):
    """Each process has a folder of its own, and only the main one's holds a checkpoint."""
    own = folder / f"own-{accelerator.process_index}"
    own.mkdir()
    one = GANTrainer(nets.MLPGenerator(), nets.MLPDiscriminator(), device="cpu")
    one.step = 3
    if accelerator.is_main_process:
        one.save(own / "run.ckpt")
    trainer = GANTrainer(nets.MLPGenerator(), nets.MLPDiscriminator(), accelerator=accelerator)
    try:
        trainer.fit(data.ring(), 5, checkpoint=own / "run.ckpt", progress=False)
    except ValueError as error:
        trainer.save(own / "saved.ckpt")  # by the main process only
        return str(error), (own / "saved.ckpt").exists()


def refused(accelerator):
    """What bad settings are told."""
    told = []
    for settings in ({"batch_size": 33}, {"batch_size": 34, "accumulate": 2}, {"device": "cpu"}):
        try:
            GANTrainer(nets.MLPGenerator(), nets.MLPDiscriminator(), accelerator=accelerator, **settings)
        except ValueError as error:
            told.append(str(error))
    return told


def main(folder: Path) -> None:
    from accelerate import Accelerator

    from scripts import train_accelerate

    torch.set_num_threads(1)
    accelerator = Accelerator(cpu=True)
    rank = accelerator.process_index
    results = {case: train(case, accelerator, seed=100 * rank) for case in CASES}
    results["world"] = accelerator.num_processes
    results["diverge"] = diverge(accelerator)
    results["out_of_step"] = out_of_step(accelerator, folder)
    results["refused"] = refused(accelerator)
    torch.save(results, folder / f"rank{rank}.pt")
    train_accelerate.main(sys.argv[2:])  # the uninterrupted run; ends the process group


if __name__ == "__main__":
    main(Path(sys.argv[1]))
