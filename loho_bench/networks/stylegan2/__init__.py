"""The StyleGAN2 generator, with the parameter names of the common PyTorch checkpoints."""

from loho_bench.networks.stylegan2.generator import Generator, latent_moments

__all__ = ["Generator", "latent_moments"]
