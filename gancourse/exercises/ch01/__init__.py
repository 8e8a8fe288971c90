"""Exercises of chapter 1, The minimax game."""
