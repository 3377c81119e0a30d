"""How the embedded StyleGAN2 is made: codes, regression onto renders, mapping network, adversarial phase."""
