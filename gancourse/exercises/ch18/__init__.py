"""Exercises of chapter 18, One step."""
