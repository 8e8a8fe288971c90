"""Exercises of chapter 9, DCGAN."""
