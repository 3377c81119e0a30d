"""``loho-bench align``: photographs as a camera leaves them, to portraits aligned as FFHQ's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loho_bench.cli.options import CoresOption, SettingsOption, ThreadsOption
from loho_bench.cli.threads import configure_threads

if TYPE_CHECKING:
    import numpy as np

    from loho_bench.portraits.align_folder import LandmarkSource
    from loho_bench.settings.project import Settings


def align(
    photographs: Annotated[list[Path], typer.Argument(help="Photographs, or folders of them.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write ID.png and alignment.csv to.")],
    landmarks: Annotated[
        Path | None,
        typer.Option(
            "--landmarks",
            help="Table portrait_id,point,x,y of 68 points a photograph, in pixels.",
            show_default="found by 2D-FAN",
        ),
    ] = None,
    detector: Annotated[
        str, typer.Option("--detector", help="Face detector before 2D-FAN: the largest face is taken.")
    ] = "sfd",
    size: Annotated[
        int, typer.Option("--size", min=64, max=4096, help="Side of the portraits in pixels.")
    ] = 1024,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Cut aligned portraits out of photographs."""
    configure_threads(threads, cores)
    from loho_bench.errors import UserError
    from loho_bench.portraits.align_folder import TABLE, align_photographs
    from loho_bench.portraits.photographs import list_photographs
    from loho_bench.settings.loading import load_settings

    chosen = load_settings(settings)
    found = list_photographs(photographs, leave_out=out)
    source = _given(landmarks) if landmarks else _found(detector, chosen)
    table = align_photographs(found, out, source, size)
    aligned = table["status"] == "ok"
    if not aligned.any():
        raise UserError(
            "no photograph could be aligned",
            cause=table["reason"].iloc[0] if len(table) else f"all that was named lies in {out}",
            remedy=f"see the reasons in {out / TABLE}",
        )
    typer.echo(f"{aligned.sum()} of {len(table)} photographs aligned: {out}")


def _given(path: Path) -> LandmarkSource:
    from loho_bench.errors import UserError
    from loho_bench.portraits.align_folder import LandmarkSource
    from loho_bench.portraits.photographs import read_pixel_landmarks

    given = read_pixel_landmarks(path)

    def locate(portrait_id: str, photograph: np.ndarray) -> tuple[np.ndarray, str]:
        if portrait_id not in given:
            raise UserError(
                "cannot align without landmarks",
                cause=f"{path} has no row of '{portrait_id}'",
                remedy="add its 68 points, or leave out --landmarks",
            )
        return given[portrait_id], ""

    return LandmarkSource(
        locate, lambda portrait_id: [point.tolist() for point in given.get(portrait_id, ())]
    )


def _found(detector: str, settings: Settings) -> LandmarkSource:
    from loho_bench.annotation.choice import choose_device
    from loho_bench.annotation.faces import ALIGNED, DETECTORS
    from loho_bench.annotation.fan import FanLandmarks
    from loho_bench.errors import UserError, suggest
    from loho_bench.portraits.align_folder import LandmarkSource
    from loho_bench.weights.needs import find_files, weights_hash

    searching = [name for name in DETECTORS if name != ALIGNED]
    if detector not in searching:
        raise UserError(
            f"there is no face detector '{detector}' for photographs.{suggest(detector, searching)}",
            cause="it takes portraits to be aligned already"
            if detector == ALIGNED
            else "nothing has that name",
            remedy=f"choose one of {', '.join(searching)}, or give --landmarks",
        )
    chosen = settings.networks.model_copy(update={"landmarks": "2dfan", "face_detector": detector})
    settings = settings.model_copy(update={"networks": chosen})
    network = FanLandmarks(find_files(settings, "landmarks"), detector, choose_device())
    origin = weights_hash(settings, "landmarks")

    def locate(portrait_id: str, photograph: np.ndarray) -> tuple[np.ndarray, str]:
        points, remark = network.largest_face(photograph)
        # 2D-FAN measures from the first pixel's edge, the recipe from its centre.
        return points - 0.5, remark

    return LandmarkSource(locate, lambda portrait_id: origin)
