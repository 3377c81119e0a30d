"""The inpainting network of Yu et al. (Free-Form Image Inpainting with Gated Convolution, ICCV 2019)."""

from loho_bench.networks.inpainting.network import GatedInpainter

__all__ = ["GatedInpainter"]
