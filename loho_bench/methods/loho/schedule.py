"""How the learning rate and the noise on W+ change over an optimisation.

Both follow the projection schedule of StyleGAN2, in Python floats (float64); ``progress`` is
``step / steps`` in [0, 1).
"""

from __future__ import annotations

import math


def learning_rate(progress: float, initial: float, rampup: float, rampdown: float) -> float:
    """Rise linearly over ``rampup``, stay, and fall along a cosine over the last ``rampdown``.

    The rate of the very first step is exactly 0: that step only fills Adam's moments.
    """
    remaining = min(1.0, (1.0 - progress) / rampdown)
    falling = 0.5 - 0.5 * math.cos(math.pi * remaining)
    rising = min(1.0, progress / rampup)
    return initial * (falling * rising)


def latent_noise_factor(progress: float, strength: float, ramp: float) -> float:
    """Deviation of the noise on W+, in units of the deviation of W; zero from ``ramp`` on."""
    return strength * max(0.0, 1.0 - progress / ramp) ** 2
