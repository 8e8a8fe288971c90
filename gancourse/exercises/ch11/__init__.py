"""Exercises of chapter 11, Bigger and better."""
