"""Exercises of chapter 2, Training by turns."""

import torch


def four_runs(steps=600, seed=0):
    """Four GANs on the ring, trained here so that the chapter doesn't show how: name -> (History,
    samples (1000, 2))."""
    from gancourse import data, nets, training

    runs = {}
    for name, lr in zip("abcd", ((2e-3, 1e-9), (1e-9, 1e-9), (1e-3, 1e-3), (1e-5, 2e-3))):
        torch.manual_seed(seed)
        trainer = training.GANTrainer(
            nets.MLPGenerator(2), nets.MLPDiscriminator(2), lr=lr, seed=seed, device="cpu"
        )
        history = trainer.fit(data.ring(), steps, progress=False)
        runs[name] = history, trainer.sample(1000)
    return runs
