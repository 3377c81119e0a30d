"""The arithmetic of the networks: what the settings ask for, as far as the machine has it.

float16 is left out: gradients of losses weighted by 1e5 and more leave its range without a scaler that looks
at every step, and bfloat16, which has the range of float32, costs the same.
"""

from __future__ import annotations

from typing import Literal

import torch

from loho_bench.errors import UserError

Precision = Literal["float32", "tf32", "bfloat16"]


def choose_precision(wanted: Literal["auto"] | Precision, device: torch.device) -> Precision:
    """Return ``wanted``, or for "auto" bfloat16 where ``device`` computes with it faster, else float32.

    Raises
    ------
    UserError
        ``wanted`` is "tf32", and ``device`` is no GPU that has it.
    """
    if wanted == "auto":
        return "bfloat16" if _has_bf16_units(device) else "float32"
    if wanted == "tf32" and not _has_tf32_units(device):
        raise UserError(
            "the precision 'tf32' cannot be had",
            cause="only GPUs of compute capability 8.0 and above have TensorFloat-32, and there is none",
            remedy="set transfer.precision to auto, float32 or bfloat16",
        )
    return wanted


def allow_tf32(allowed: bool) -> None:
    """Let GPUs round the factors of float32 products to TensorFloat-32, in this whole process, or forbid it.

    PyTorch itself allows it to convolutions and forbids it to matrix products.
    """
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed


def _has_bf16_units(device: torch.device) -> bool:
    # PyTorch and oneDNN also emulate bfloat16 where it is lacking, slower than float32.
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return supported and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _has_tf32_units(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
