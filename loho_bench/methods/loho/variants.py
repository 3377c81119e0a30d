"""LOHO and its ablations as entries of the registry."""

from __future__ import annotations

from loho_bench.methods.loho.fast.method import LohoFast
from loho_bench.methods.loho.method import Loho
from loho_bench.methods.registry import MethodSpec
from loho_bench.settings.loho import (
    LohoFastSettings,
    LohoNoGoSettings,
    LohoOneStageSettings,
    LohoSettings,
    LohoUnprojectedSettings,
)


def _variant(
    name: str, label: str, settings: type[LohoSettings], description: str, build: type[Loho] = Loho
) -> MethodSpec:
    return MethodSpec(
        name=name,
        label=label,
        description=description,
        settings=settings,
        build=build,
        family="loho",
        needs=("generator", "features", "parser", "inpainter"),
        citation="Saha et al., LOHO: Latent Optimization of Hairstyles via Orthogonalization, CVPR 2021",
    )


SPECS = (
    _variant(
        "loho",
        "LOHO",
        LohoSettings,
        "Two stages; the structure gradient is orthogonalized in the second.",
    ),
    _variant(
        "loho-no-go",
        "LOHO without GO",
        LohoNoGoSettings,
        "Two stages; the structure loss is left out of the second, as in the authors' code.",
    ),
    _variant(
        "loho-unprojected",
        "LOHO, unprojected",
        LohoUnprojectedSettings,
        "Two stages; the structure loss stays in the second and is not projected.",
    ),
    _variant(
        "loho-one-stage",
        "LOHO in one stage",
        LohoOneStageSettings,
        "All losses from the first iteration on, none projected (Figure 3, column 3).",
    ),
    _variant(
        "loho-fast",
        "LOHO, fast profile",
        LohoFastSettings,
        "Beyond the paper: fewer, longer steps, and each stage is left on a plateau.",
        LohoFast,
    ),
)
