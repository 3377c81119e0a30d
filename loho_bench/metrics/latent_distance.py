"""Distance of an embedded latent from the mean latent (last row of the paper's Table 3)."""

from __future__ import annotations

from torch import Tensor


def latent_distance(latents: Tensor, mean: Tensor) -> Tensor:
    """Return ``‖w* − ŵ‖`` for every code, ``[N]``, at least 0.

    The paper writes the norm without saying over what. Here it is the Euclidean norm of the whole code, all
    ``L·D`` numbers together, because ``w*`` is a point of W+ and the plain norm of a point is taken over all
    of it. It grows with the square root of ``L``: compare generators of different depth by
    ``‖w* − ŵ‖ / √L``, the root-mean-square distance of a layer.

    Parameters
    ----------
    latents : float [N, L, D]
        W+ codes, one vector a layer.
    mean : float [D]
        Mean latent of the generator's mapping network, the same for every layer.

    Raises
    ------
    ValueError
        The shapes do not belong together.
    """
    if latents.ndim != 3 or mean.shape != latents.shape[-1:]:
        raise ValueError(f"expected [N, L, D] and [D], got {tuple(latents.shape)} and {tuple(mean.shape)}")
    return (latents.double() - mean.double()).flatten(1).norm(dim=1)
