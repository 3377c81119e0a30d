"""How the embedded MichiGAN is made."""
