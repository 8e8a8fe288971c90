"""Exercises of chapter 5, Keeping the critic smooth."""
