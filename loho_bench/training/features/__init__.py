"""How the feature networks are made: what they are asked for, the network of the losses and that of FID."""
