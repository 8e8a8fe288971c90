"""Train a class-conditional DCGAN on as many processes as `accelerate launch` starts.

    accelerate launch --multi_gpu --num_processes 2 scripts/train_accelerate.py --data mnist
    python scripts/train_accelerate.py --data digits --steps 200

The second line is the same run on one process: same seed, same batches, same result up to rounding
(but for BatchNorm, which sees each process's part of a batch; --no-norm leaves it out). A run that
was cut off goes on from its checkpoint when it is started again, on any number of processes that
divides the batch. The book's appendix "Scaling out" explains what happens here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from accelerate import Accelerator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a clone need not be installed

from gancourse import data, nets, plots  # noqa: E402
from gancourse.training import GANTrainer, run_folder  # noqa: E402

DATA: dict[str, Callable[[], data.ImageSet]] = {
    "digits": data.digits,
    "glyphs": lambda: data.glyphs(5000),
    "mnist": data.mnist,
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", choices=list(DATA), default="glyphs")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch-size", type=int, default=64, help="of all processes together")
    parser.add_argument("--every", type=int, default=200, help="steps between two checkpoints")
    parser.add_argument("--amp", choices=["bf16", "fp16"], help="half precision")
    parser.add_argument("--no-norm", action="store_true", help="no BatchNorm in the generator")
    parser.add_argument("--folder", type=Path, help="for checkpoint and samples")
    arguments = parser.parse_args(argv)

    # Before anything touches a device: it finds out which process this is and which GPU it gets.
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    folder = arguments.folder or run_folder("train-accelerate")
    folder.mkdir(parents=True, exist_ok=True)
    with accelerator.main_process_first():  # one process downloads, the others find the files
        images = DATA[arguments.data]()

    torch.manual_seed(0)
    shape, classes = tuple(images.images.shape[1:]), len(images.classes)
    generator = nets.ConditionalDCGANGenerator(
        64, shape, num_classes=classes, norm=not arguments.no_norm
    )
    discriminator = nets.ConditionalDCGANDiscriminator(shape, num_classes=classes)
    trainer = GANTrainer(
        generator, discriminator, r1=1.0, lr=2e-3, betas=(0.0, 0.99), ema=0.995, schedule="cosine",
        batch_size=arguments.batch_size, amp=arguments.amp, accelerator=accelerator,
    )  # fmt: skip
    trainer.fit(images, arguments.steps, checkpoint=folder / "run.ckpt", save_every=arguments.every)

    samples = trainer.sample(8 * classes)
    if accelerator.is_main_process:
        figure, ax = plt.subplots(figsize=(0.6 * classes, 4.8), layout="constrained")
        plots.image_grid(ax, samples, columns=classes)
        figure.savefig(folder / "samples.png", dpi=200)
        print(f"step {trainer.step} on {accelerator.num_processes} process(es): {folder}")
    accelerator.end_training()  # lets the processes part in good order


if __name__ == "__main__":
    main()
