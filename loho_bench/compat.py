"""Make torchvision importable beside a CPU build of PyTorch; the only place that knows of the matter.

torchvision's wheel on the package index is linked against the CUDA build of PyTorch. Beside a CPU build its
native library does not load, which torchvision itself tolerates, but its Python half then registers kernels
for ``torchvision::nms`` and fails because nobody defined that operator. Defining the two schemas that the
native library would have brought lets the import succeed. Everything here that needs torchvision (clean-fid's
data set class) uses none of its native operators, so none of them is missed.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import torch

_BOX_FILTER_SCHEMAS = tuple(
    f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")
)


def _native_library_loads() -> bool:
    """Whether torchvision is installed with a native library that fits this PyTorch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return False
    libraries = [file for place in spec.submodule_search_locations for file in Path(place).glob("_C*.so")]
    for library in libraries:
        try:
            torch.ops.load_library(library)
        except OSError:
            continue
        return True
    return False


@cache
def prepare_torchvision() -> torch.library.Library | None:
    """Define ``torchvision::nms`` and ``torchvision::qnms`` where no native library defines them.

    Call it before anything imports torchvision. The second call does nothing.

    Returns
    -------
    torch.library.Library or None
        Owner of the two definitions (they live as long as it does: the cache keeps it), or None where the
        native library loads and nothing had to be defined.
    """
    # A definition made before the native library is loaded would clash with its own: ask the library first.
    if _native_library_loads() or hasattr(torch.ops.torchvision, "nms"):
        return None
    definitions = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _BOX_FILTER_SCHEMAS:
        definitions.define(schema)
    return definitions
