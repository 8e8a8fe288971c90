"""Exercises of chapter 4: transport plans, W1 on a line, the dual's constraint, the WGAN step."""
