"""LOHO: Latent Optimization of Hairstyles via Orthogonalization (CVPR 2021).

Read in this order: ``losses`` and ``noise`` (equations 2 to 7), ``orthogonalization``, ``schedule``,
``targets``, ``objective`` (equation 8 and its gradients), ``optimize`` (the loop), ``method``.
"""
