"""How many threads a job computes with. Call this before anything imports PyTorch."""

from __future__ import annotations

import ctypes
import os

# Numbers of glibc's malloc.h: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_TOP_PAD, in bytes.
_MALLOC_OPTIONS = ((-3, 1 << 30), (-1, (1 << 31) - 1), (-2, 1 << 27))


def share_of_threads(threads: int, cores: int | None, available: int) -> int:
    """Return how many threads a job may really start.

    Parameters
    ----------
    threads : int
        What the job was given.
    cores : int or None
        What all jobs together were promised; None when there is only this one.
    available : int
        Processors that there are. Where more were promised, every job gets a proportional share.

    Returns
    -------
    int
        At least 1.
    """
    promised = max(cores or 0, threads)
    return max(1, min(threads, threads * available // promised))


def jobs_at_once(threads: int, cores: int | None) -> int:
    """Return how many jobs of ``threads`` run together on the ``cores`` promised; None: only this one."""
    return max(1, (cores or threads) // threads)


def processors() -> int:
    """Return how many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def configure_threads(threads: int, cores: int | None = None) -> int:
    """Set the number of threads of OpenMP, PyTorch and OpenCV, and return it.

    OpenMP reads its environment when its library is loaded, hence the variables and hence the order:
    first these, then the import. Passive waiting matters where processes share the processors, since a
    spinning thread of one takes time from the other.
    """
    count = share_of_threads(threads, cores, processors())
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ["OMP_NUM_THREADS"] = str(count)

    import cv2
    import torch

    torch.set_num_threads(count)
    # Optimised latents and fading Adam moments reach denormal numbers, which processors handle slowly.
    torch.set_flush_denormal(True)
    cv2.setNumThreads(count)
    _keep_freed_memory()
    return count


def _keep_freed_memory() -> None:
    """Let the C library keep large blocks that are freed, instead of asking for them anew in every step.

    An optimisation frees and takes the same tensors thousands of times; returned to the system, each costs
    its page faults again, a tenth of the time of a step. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option, value in _MALLOC_OPTIONS:
        mallopt(option, value)
