"""Exercises of chapter 3, When the game breaks."""
