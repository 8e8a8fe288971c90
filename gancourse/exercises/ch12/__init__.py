"""Exercises of chapter 12, Data, privacy and misuse."""
