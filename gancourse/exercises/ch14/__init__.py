"""Exercises of chapter 14, Beyond pictures."""
