"""Exercises of chapter 10, Conditional GANs."""
