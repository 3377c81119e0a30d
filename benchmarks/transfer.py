"""How fast is LOHO's optimisation, and how near to the machine's limit?

    python benchmarks/transfer.py --size 256 --quick --json transfer.json
    python benchmarks/transfer.py --size 1024 --batches 1,4,8,16          # on a GPU

Networks of the published sizes with random weights (StyleGAN2 config-f cut at ``--size``, VGG16, Graphonomy
on six scales and their mirror images), 1000 iterations in each stage. The yardstick is ``literal.py`` in the
same run with the same weights and threads, against the first of ``--batches``, which is 1 for that. A tuple's
time is made up from measured iterations and from what is done once. ``batch_gain`` is the embedded default's:
tuples per hour in its batches over its own one at a time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from itertools import product

from measuring import machine, median_seconds, peak_rss_gb, write_json

from loho_bench.cli.threads import configure_threads

STEPS = 1000
WIDTHS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256, choices=[size for size in WIDTHS if size >= 64])
    parser.add_argument("--batches", default="1", help="sizes of batches, such as 1,4,8")
    parser.add_argument("--quick", action="store_true", help="measure every iteration once or twice")
    parser.add_argument("--no-literal", action="store_true", help="leave the yardstick out")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    chosen = parser.parse_args()
    configure_threads(chosen.threads)
    batches = [int(size) for size in chosen.batches.split(",")]
    write_json(chosen.json, measure(chosen.size, batches, chosen.quick, not chosen.no_literal))


def measure(size: int, batches: list[int], quick: bool, with_literal: bool) -> dict:
    """Measure everything at one size."""
    import torch
    from literal import LiteralLoho
    from roofline import Ceilings, count

    from loho_bench.annotation.choice import choose_device
    from loho_bench.methods.precision import allow_tf32
    from loho_bench.settings.loho import LohoSettings

    device, settings = choose_device(), LohoSettings()
    networks = published_networks(size, device)
    results: dict = {"size": size, "machine": machine()}
    seconds: dict[str, dict] = {}

    results["seconds_per_iteration"] = seconds
    on_gpu = device.type == "cuda"
    for batch, precision, graphs in product(
        batches, ("float32", *(["tf32"] if on_gpu else []), "bfloat16"), (False, True) if on_gpu else (False,)
    ):
        name = f"{precision}, batch {batch}" + (", CUDA graphs" if graphs else "")
        parts = evaluation(networks, settings, precision, batch, graphs=graphs)
        seconds[name] = iterations(parts, repeats=3 if quick else 5)
        seconds[name]["tuples_per_hour"] = 3600 * batch / seconds[name]["tuple"]
        print(name, seconds[name], flush=True)

    ceilings = Ceilings.measure(device, torch.float32)
    step = evaluation(networks, settings, "float32", batches[0])
    least = {stage: count(step[stage], ceilings) for stage in ("stage1", "stage2")}
    first = seconds[f"float32, batch {batches[0]}"]
    results["roofline"] = {"operations_per_s": ceilings.operations, "bytes_per_s": ceilings.bytes, **least}
    needed = sum(part["seconds"] for part in least.values())
    results["roofline_fraction"] = needed / (first["stage1"] + first["stage2"])

    if with_literal:
        allow_tf32(False)
        problem = random_tuples(1, size, device)
        literal = LiteralLoho(networks.generator, networks.lpips, networks.parser, problem, settings)
        latents, noise = random_start(networks.generator, 1, device)
        yardstick = {
            stage: median_seconds(partial(literal.iterate, latents, noise, mask), 1 if quick else 3)
            for stage, mask in (("stage1", None), ("stage2", problem.structure_hair))
        }
        yardstick["tuple"] = STEPS * (yardstick["stage1"] + yardstick["stage2"])
        seconds["literal"] = yardstick
        for stage in yardstick:
            results[f"speedup_{stage}"] = yardstick[stage] / first[stage]
        results["speedup_tuple_reduced"] = yardstick["tuple"] / seconds["bfloat16, batch 1"]["tuple"]
    results |= embedded_default(quick)
    results["peak_rss_gb"] = peak_rss_gb()
    return results


def published_networks(size: int, device):
    """Build the networks of the paper with random weights."""
    import torch

    from loho_bench.annotation.graphonomy import MULTI_SCALE, GraphonomyParser
    from loho_bench.methods.compositing import Telea
    from loho_bench.methods.protocol import Resources
    from loho_bench.networks.graphonomy import Graphonomy
    from loho_bench.networks.lpips import Lpips, LpipsHeads
    from loho_bench.networks.stylegan2 import Generator
    from loho_bench.networks.vgg import Vgg16

    torch.manual_seed(0)
    channels = {r: width for r, width in WIDTHS.items() if r <= size}
    generator = Generator(size, 512, 8, channels).to(device)
    lpips = Lpips(Vgg16(), LpipsHeads()).to(device)
    parser = GraphonomyParser(Graphonomy().to(device), MULTI_SCALE, flip=True)
    return Resources(generator, lpips, parser, device, inpainter=Telea())


def random_tuples(count: int, size: int, device):
    """Make smooth images with a face in the middle and hair around it."""
    import torch
    from torch.nn import functional as F

    from loho_bench.methods.protocol import TupleBatch

    draw = torch.Generator().manual_seed(1)
    down, across = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    face = ((across / 0.45) ** 2 + ((down - 0.1) / 0.6) ** 2 < 1).float().expand(count, 1, -1, -1)
    hair = ((across / 0.75) ** 2 + ((down + 0.05) / 0.85) ** 2 < 1).float() * (1 - face)

    def image():
        return F.interpolate(torch.rand(count, 3, 16, 16, generator=draw) * 2 - 1, size=size, mode="bilinear")

    names = tuple(f"tuple-{index}" for index in range(count))
    batch = TupleBatch(names, image(), image(), image(), *(hair, face) * 3, tuple(range(count)))
    return batch.to(device)


def random_start(generator, count: int, device):
    """Draw W+ and noise maps."""
    import torch

    draw = torch.Generator().manual_seed(2)
    latents = torch.randn(count, generator.num_latents, generator.style_dim, generator=draw).to(device)
    return latents, [torch.randn(count, 1, r, r, generator=draw).to(device) for r in generator.noise_shapes]


def evaluation(
    resources, settings, precision: str, batch: int, *, graphs: bool = False
) -> dict[str, Callable]:
    """Return an iteration of each stage, and what is done once in an optimisation, as functions."""
    from dataclasses import replace

    from loho_bench.methods.loho.capture import Captured
    from loho_bench.methods.loho.method import Loho
    from loho_bench.methods.precision import allow_tf32

    allow_tf32(precision == "tf32")
    method = Loho(settings, replace(resources, precision=precision))
    size, device = resources.generator.size, resources.device
    tuples = random_tuples(batch, size, device)
    latents, noise = random_start(resources.generator, batch, device)
    problem = method.problem(tuples)
    evaluate = Captured(problem.evaluate) if graphs else problem.evaluate
    return {
        "stage1": partial(evaluate, latents, noise, None),
        "stage2": partial(evaluate, latents, noise, problem.objective.targets.structure_hair),
        "targets": partial(method.problem, tuples),
        "parser": partial(problem.find_hair, latents, noise),
    }


def iterations(parts: dict[str, Callable], repeats: int) -> dict[str, float]:
    """Measure a batch: seconds of its iterations, and of its tuples from beginning to end together."""
    measured = {name: median_seconds(function, repeats) for name, function in parts.items()}
    # The parser sees the image at the end of stage 1, at the end, and the portrait that is blended.
    once = measured["targets"] + 3 * measured["parser"]
    stages = {stage: measured[stage] for stage in ("stage1", "stage2")}
    return {**stages, "once": once, "tuple": once + STEPS * sum(stages.values())}


def embedded_default(quick: bool) -> dict[str, float]:
    """Measure the embedded default in batches of its own size, and one tuple at a time."""
    from pathlib import Path

    from loho_bench.methods.catalogue import registry_for
    from loho_bench.methods.configuration import configure_method, load_checked_settings
    from loho_bench.methods.resources import load_resources

    config = Path(__file__).parents[1] / "config" / "default.yaml"
    chosen = load_checked_settings(config)
    spec = registry_for(chosen).get("loho")
    settings, resources = configure_method(spec, chosen), load_resources(chosen, spec.jobs)
    per_tuple = {}
    for batch in (1, chosen.transfer.batch_size):
        parts = evaluation(resources, settings, resources.precision, batch)
        stages = [median_seconds(parts[stage], 5 if quick else 20) for stage in ("stage1", "stage2")]
        steps = (settings.steps_stage_one, settings.steps_stage_two)
        per_tuple[batch] = sum(n * s for n, s in zip(steps, stages, strict=True)) / batch
    alone, together = per_tuple.values()
    return {
        "batch_gain": alone / together,
        "embedded_seconds_per_tuple": {str(batch): seconds for batch, seconds in per_tuple.items()},
    }


if __name__ == "__main__":
    main()
