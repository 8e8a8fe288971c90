"""Exercises of chapter 8, Beyond one number."""
