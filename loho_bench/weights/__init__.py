"""Trained weights: the embedded ones, published ones, and which of them the settings ask for."""
