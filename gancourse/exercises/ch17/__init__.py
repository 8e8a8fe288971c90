"""Exercises of chapter 17, Pictures that move, pictures from words."""
