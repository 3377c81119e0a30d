"""LOHO and its ablations as entries of the registry."""

from __future__ import annotations

from loho_bench.methods.loho.method import Loho
from loho_bench.methods.registry import MethodSpec
from loho_bench.settings.loho import (
    LohoNoGoSettings,
    LohoOneStageSettings,
    LohoSettings,
    LohoUnprojectedSettings,
)

FAMILY = "loho"

VARIANTS = (
    MethodSpec(
        name="loho",
        label="LOHO",
        description="Two stages; the structure gradient is orthogonalized in the second.",
        settings=LohoSettings,
        build=Loho,
        family=FAMILY,
    ),
    MethodSpec(
        name="loho-no-go",
        label="LOHO without GO",
        description="Two stages; the structure loss is left out of the second, as in the authors' code.",
        settings=LohoNoGoSettings,
        build=Loho,
        family=FAMILY,
    ),
    MethodSpec(
        name="loho-unprojected",
        label="LOHO, unprojected",
        description="Two stages; the structure loss stays in the second and is not projected.",
        settings=LohoUnprojectedSettings,
        build=Loho,
        family=FAMILY,
    ),
    MethodSpec(
        name="loho-one-stage",
        label="LOHO in one stage",
        description="All losses from the first iteration on, none projected (Figure 3, column 3).",
        settings=LohoOneStageSettings,
        build=Loho,
        family=FAMILY,
    ),
)
