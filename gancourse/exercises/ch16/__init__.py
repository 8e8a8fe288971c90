"""Exercises of chapter 16, Pictures into pictures."""
