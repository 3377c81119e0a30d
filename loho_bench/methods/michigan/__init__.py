"""MichiGAN: hair painted by a conditional network, in one pass."""
