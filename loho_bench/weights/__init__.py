"""Trained weights: the embedded ones, and how they are kept."""
