"""Exercises of chapter 13, GAN, VAE, diffusion."""
