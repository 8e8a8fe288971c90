"""Exercises of chapter 7: Inception Score, Fréchet distance, its bias, leaks, merged statistics."""
