"""``loho-bench transfer-one METHOD``: one transfer from three image files to one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.cli.options import CoresOption, SettingsOption, ThreadsOption
from loho_bench.cli.threads import configure_threads


def transfer_one(
    method: Annotated[str, typer.Argument(help="Name of the method; 'loho-bench methods' lists them.")],
    identity: Annotated[Path, typer.Option("--identity", help="Portrait whose face and background stay.")],
    structure: Annotated[Path, typer.Option("--structure", help="Portrait that gives the hair its shape.")],
    appearance: Annotated[
        Path, typer.Option("--appearance", help="Portrait that gives the hair its colour and style.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG to write.")],
    parts: Annotated[
        Path | None,
        typer.Option("--parts", help="Folder for the masks, the soft mask and the synthesized portrait."),
    ] = None,
    settings: SettingsOption = None,
    threads: ThreadsOption = 1,
    cores: CoresOption = None,
) -> None:
    """Transfer the hair of one tuple of aligned portraits; no run is needed."""
    configure_threads(threads, cores)
    from loho_bench.annotation.given import colour_masks
    from loho_bench.methods.configuration import load_checked_settings
    from loho_bench.methods.single import transfer_files
    from loho_bench.storage import check_writable, write_png

    chosen = load_checked_settings(settings)
    # An optimisation takes minutes: a folder that cannot take its result is found out before.
    for folder in (out.parent, *([parts] if parts else [])):
        check_writable(folder)
    found = transfer_files(
        method, {"identity": identity, "structure": structure, "appearance": appearance}, chosen
    )
    write_png(found.image, out)
    if parts:
        for role, note in found.annotations.items():
            write_png(colour_masks(note.hair, note.face), parts / f"mask-{role}.png")
        write_png(found.soft_mask, parts / "soft-mask.png")
        write_png(found.foreground, parts / "foreground.png")
