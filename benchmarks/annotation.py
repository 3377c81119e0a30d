"""Annotation in batches against one portrait at a time, and its memory as portraits grow in number.

    python benchmarks/annotation.py --json annotation.json
    python benchmarks/annotation.py --quick --threads 2

Images per second, each pair measured in this run with the same weights: the embedded networks on drawn
portraits of 128 px and of 1024 px (files to rows, against reading, parsing and detecting one after the
other); 2D-FAN of published size against face-alignment's own call, boxes given; Graphonomy of published size
over six scales and their mirror images against the published script's loop, a portrait and a scale at a time.
Weights of the last two are random: speed does not depend on them. All are measured in bfloat16 too. Then the
peak memory of processes that annotate as many portraits as ``--portraits`` says, in one shard, and a tenth of
them in one shard and in four.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from measuring import machine, median_seconds, peak_rss_gb, write_json

from loho_bench.cli.threads import configure_threads

if TYPE_CHECKING:
    import pandas as pd
    import torch

DRAWN, MASK_SIZE = 32, 256


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer portraits, less certain figures.")] = False,
    portraits: Annotated[int | None, typer.Option(help="Of the measurement of memory.")] = None,
    memory_alone: Annotated[bool, typer.Option("--memory-alone", help="Measure nothing else.")] = False,
    threads: Annotated[int, typer.Option(help="Of every process.")] = 2,
    json: Annotated[Path | None, typer.Option(help="File to write.")] = None,
) -> None:
    """Measure, print, and write the figures."""
    threads = configure_threads(threads)
    import torch

    torch.manual_seed(0)
    few = 1 if quick else 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = draw(folder, 128, 96 // few), draw(folder, 1024, 64 // few)
        values = {"machine": machine()}
        if not memory_alone:
            values |= {
                "embedded_128": embedded(small, 2 * few - 1),
                "embedded_1024": embedded(large, 2 * few - 1),
                "2dfan": fan(folder, 4 * few),
                "graphonomy_multiple": graphonomy(few),
            }
        count = portraits or (1000 if quick else 10_000)
        values["peak_rss_gb"] = memory(small, folder, threads, count)
    write_json(json, values)


def draw(folder: Path, size: int, count: int) -> pd.DataFrame:
    """Return a table of ``count`` portraits; a few are drawn and saved, and each file serves several."""
    import pandas as pd

    from loho_bench.portraits.synthetic import render, sample_parameters
    from loho_bench.storage import write_png

    paths = [folder / f"{size}-{index}.png" for index in range(min(count, DRAWN // (size // 128)))]
    for index, path in enumerate(paths):
        write_png(render(sample_parameters(index), size).image, path)
    rows = [(f"{index:05d}", str(paths[index % len(paths)]), "ok") for index in range(count)]
    return pd.DataFrame(rows, columns=["portrait_id", "path", "status"])


def embedded(portraits: pd.DataFrame, repeats: int) -> dict[str, float]:
    """Measure the shard loop with the embedded networks."""
    import numpy as np

    from loho_bench.annotation.embedded import embedded_landmarks, embedded_parser
    from loho_bench.annotation.parsing import find_hair_and_face
    from loho_bench.annotation.record import Annotation
    from loho_bench.annotation.shards import annotate_images
    from loho_bench.portraits.images import load_rgb, resize, to_tensor

    parser, detector = embedded_parser(), embedded_landmarks()

    def in_batches(arithmetic: Callable[[], AbstractContextManager[Any]] = nullcontext) -> list[Annotation]:
        rows = annotate_images(portraits, parser, detector, MASK_SIZE, arithmetic)
        return [Annotation.from_row(row) for row in rows]

    def one_at_a_time() -> None:
        for path in portraits["path"]:
            image = to_tensor(np.stack([resize(load_rgb(path), parser.size)]))
            find_hair_and_face(image, parser, MASK_SIZE)
            detector.detect(image)

    pairs = list(zip(in_batches(), in_batches(bfloat16()), strict=True))
    overlaps = [(one.hair & two.hair).sum() / max(1, (one.hair | two.hair).sum()) for one, two in pairs]
    distances = [np.linalg.norm(one.landmarks - two.landmarks, axis=1).mean() for one, two in pairs]
    return {
        **compare(len(portraits), one_at_a_time, in_batches, repeats),
        "bfloat16_hair_iou": float(np.mean(overlaps)),
        "bfloat16_landmarks_px_of_128": 128 * float(np.mean(distances)),
    }


def fan(folder: Path, count: int) -> dict[str, float]:
    """Measure 2D-FAN's network and its pictures' crops."""
    import numpy as np
    import torch

    try:
        from face_alignment import FaceAlignment, LandmarksType, api, models
    except ImportError:
        return {}
    from loho_bench.annotation.faces import ALIGNED_BOX
    from loho_bench.annotation.fan import NETWORK, FanLandmarks
    from loho_bench.portraits.images import load_resized

    file = folder / "2dfan4.pth"
    torch.save(models.FAN(4).state_dict(), file)
    # The library downloads its weights: here it is handed the file.
    api.load_file_from_url = lambda url: str(file)
    library = FaceAlignment(LandmarksType.TWO_D, device="cpu", face_detector="folder", compile=False)
    ours = FanLandmarks({NETWORK: file}, "aligned")
    pictures = [load_resized(path, ours.size) for path in sorted(folder.glob("1024-*.png"))[:count]]
    boxes = np.array([ALIGNED_BOX] * len(pictures)) * ours.size

    def one_at_a_time() -> np.ndarray:
        return np.stack(
            [
                library.get_landmarks_from_image(picture, detected_faces=[list(box)])[0]
                for picture, box in zip(pictures, boxes, strict=True)
            ]
        )

    def in_batches(arithmetic: Callable[[], AbstractContextManager[Any]] = nullcontext) -> np.ndarray:
        with arithmetic():
            return ours.locate(pictures, boxes)

    # The library answers in whole pixels.
    same = np.abs(np.trunc(in_batches()) - one_at_a_time()).max(axis=(1, 2)) == 0
    return {**compare(len(pictures), one_at_a_time, in_batches), "same_answers": float(same.mean())}


def graphonomy(count: int) -> dict[str, float]:
    """Measure the published protocol on portraits that are in memory."""
    import copy

    import torch
    from torch.nn import functional as F

    from loho_bench.annotation.graphonomy import MULTI_SCALE, WORKING_SIZE, GraphonomyParser, unmirror
    from loho_bench.networks.graphonomy import TransferGraphonomy, upsample_aligned

    network = TransferGraphonomy().eval().requires_grad_(False)
    ours = GraphonomyParser(copy.deepcopy(network), MULTI_SCALE, flip=True)
    images = torch.rand(2 * count, 3, WORKING_SIZE, WORKING_SIZE) * 2 - 1

    @torch.no_grad()
    def one_at_a_time() -> torch.Tensor:
        labels = []
        for image in images:
            total = 0
            for scale in MULTI_SCALE:
                scaled = F.interpolate(image[None].flip(1), scale_factor=scale, mode="bilinear")
                upright, mirrored = network(torch.cat([scaled, scaled.flip(-1)]))
                mean = (upright[None] + unmirror(mirrored[None])) / 2
                total = total + upsample_aligned(mean, image.shape[1:])
            labels.append(total.argmax(dim=1))
        return torch.cat(labels)

    def in_batches(arithmetic: Callable[[], AbstractContextManager[Any]] = nullcontext) -> torch.Tensor:
        with arithmetic():
            return ours.parse(images)

    same = (in_batches() == one_at_a_time()).float().mean()
    return {**compare(len(images), one_at_a_time, in_batches, warmup=0), "same_pixels": float(same)}


def compare(
    count: int,
    one_at_a_time: Callable[[], Any],
    in_batches: Callable[..., Any],
    repeats: int = 1,
    warmup: int = 1,
) -> dict[str, float]:
    """Return images per second, and how many times those of the first the others are."""
    functions = {
        "one_at_a_time": one_at_a_time,
        "batched": in_batches,
        "batched_bfloat16": lambda: in_batches(bfloat16()),
    }
    rates = {name: count / median_seconds(call, repeats, warmup) for name, call in functions.items()}
    base = rates["one_at_a_time"]
    speedups = {f"speedup_{name}": rate / base for name, rate in rates.items() if name != "one_at_a_time"}
    return {f"{name}_per_second": rate for name, rate in rates.items()} | speedups


def bfloat16() -> Callable[[], AbstractContextManager[Any]]:
    """Return what makes the context of the setting ``annotation.precision: bfloat16``."""
    import torch

    return partial(torch.autocast, "cpu", torch.bfloat16)


def memory(portraits: pd.DataFrame, folder: Path, threads: int, count: int) -> dict[str, float]:
    """Return the peak memory of processes that annotate many portraits, as they do it for a run."""
    from loho_bench.processes import process_pool

    peaks = {}
    for number, shards in ((count // 10, 1), (count // 10, 4), (count, 1)):
        table = portraits.iloc[[index % len(portraits) for index in range(number)]]
        table = table.assign(portrait_id=[f"{index:05d}" for index in range(number)])
        table.to_parquet(folder / "portraits.parquet")
        with process_pool(1, partial(configure_threads, threads)) as pool:
            peak = pool.submit(annotate, folder, number // shards, shards).result()
        peaks[f"{number}_portraits_in_{shards}_shards"] = peak
    return peaks


def annotate(folder: Path, shard_size: int, shards: int) -> float:
    """Annotate shard after shard, and return the peak memory of this process."""
    from loho_bench.annotation.shards import annotate_shard
    from loho_bench.settings.project import Settings

    settings = Settings(annotation={"shard_size": shard_size})
    for shard in range(shards):
        annotate_shard(folder / "portraits.parquet", settings, shard, folder / f"{shard}.parquet")
    return peak_rss_gb()


if __name__ == "__main__":
    typer.run(main)
