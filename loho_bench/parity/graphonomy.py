"""Graphonomy beside the official implementation: inside the network, its scores, and the masks they give."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from loho_bench.annotation.graphonomy import MULTI_SCALE, GraphonomyParser
from loho_bench.networks.graphonomy import (
    FACE,
    HAIR,
    TransferGraphonomy,
    class_graph,
    class_similarities,
    source_graph,
    upsample_aligned,
)
from loho_bench.parity.comparison import LOGITS, Checks, Comparison
from loho_bench.parity.reference import Reference
from loho_bench.parity.rules import checksums, generic_weights, graphonomy_gain, shapes_of

SECTION = "graphonomy"
GRAPHS = "graphonomy/adjacency.safetensors"
CHECKSUMS = "graphonomy/fill_checksums.json"


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    if SECTION not in reference.params:
        return []
    return [_file(size) for size in reference.params[SECTION]["sizes"]]


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare the graphs, and for every size the network's stages, its scores and its masks."""
    check, parameters = Checks("graphonomy"), reference.params[SECTION]
    if reference.has(GRAPHS):
        yield from _graphs(check, reference.tensors(GRAPHS))
    network = rebuilt_parser(int(parameters["salt"]))
    if reference.has(CHECKSUMS):
        found, wanted = checksums(network.state_dict(), reference.values(CHECKSUMS)["tensors"])
        yield check.absolute("weights rebuilt from their names", found, wanted, 1e-6)
    for size in parameters["sizes"]:
        values, title = reference.tensors(_file(size)), f"{size} px"
        network.semantic.bias.data.copy_(values["semantic_bias_override"])
        with torch.no_grad():
            yield from _stages(check, title, network, values)
            yield from _scores(check, title, network, values)


def rebuilt_parser(salt: int, graph_gain: float = 2.0) -> TransferGraphonomy:
    """Return the network of published widths whose weights follow from their names, frozen."""
    state = generic_weights(shapes_of(TransferGraphonomy), salt, lambda key: graphonomy_gain(key, graph_gain))
    network = TransferGraphonomy().eval().requires_grad_(False)
    network.load_state_dict(state)
    return network


def _graphs(check: Checks, wanted: dict[str, Tensor]) -> Iterator[Comparison]:
    graphs = {
        "adj1_target_cihp": ("graph of the classes", class_graph()),
        "adj2_source_pascal": ("source graph", source_graph()),
        "adj3_transfer_20x7": ("similarities of names", class_similarities()),
    }
    for name, (title, found) in graphs.items():
        if name in wanted:
            yield check.absolute(title, found, wanted[name][0, 0], 1e-6)


def _stages(
    check: Checks, title: str, network: TransferGraphonomy, values: dict[str, Tensor]
) -> Iterator[Comparison]:
    images = values["net_input_scale1_bgr"]
    features, low_level = network.xception_features(images)
    decoded = network.decode(features, low_level)
    nodes = network.reason(decoded)
    fed_back = network.target_graph_2_fea(nodes).expand(-1, -1, *decoded.shape[2:])
    logits = upsample_aligned(network.classify(decoded, nodes), images.shape[2:])
    mirrored = network(images.flip(-1))
    found = {
        "xception_low_level_feat": low_level,
        "xception_out": features,
        "decoder_out_first32": decoded,
        "source_nodes": network.source_featuremap_2_graph(decoded),
        "target_nodes": network.target_featuremap_2_graph(decoded),
        "final_nodes": nodes[None],
        "graph_2_fea_first32": fed_back,
        "logits_scale1": logits,
        "logits_scale1_of_flipped_input": mirrored,
    }
    for name, value in found.items():
        if name not in values:
            continue
        # Of wide maps the reference keeps the first channels only.
        part = value[:, : values[name].shape[1]]
        yield check.deviation(f"{title}: {name.replace('_', ' ')}", part, values[name], LOGITS)


def _scores(
    check: Checks, title: str, network: TransferGraphonomy, values: dict[str, Tensor]
) -> Iterator[Comparison]:
    logits = GraphonomyParser(network, MULTI_SCALE, flip=True).summed_logits(values["image_in"])
    yield check.deviation(
        f"{title}: sum over scales and flips", logits, values["final_summed_logits"], LOGITS
    )
    labels = logits.argmax(1)
    masks = {"argmax": labels, "hair_mask": labels == HAIR, "face_mask": labels == FACE}
    for name, found in masks.items():
        yield compare_labels(check, f"{title}: {name.replace('_', ' ')}", found, values[name], logits)


def compare_labels(check: Checks, case: str, found: Tensor, wanted: Tensor, logits: Tensor) -> Comparison:
    """Compare labels or masks ``[N,H,W]``: equal, save where the two best of ``logits`` ``[N,C,H,W]`` tie.

    For pixels that differ the lead of the best class counts, in standard deviations of the scores.
    """
    differing = found != wanted
    if not differing.any():
        return check.equal(case, found, wanted)
    best, second = logits.topk(2, dim=1).values.unbind(1)
    lead = (best - second)[differing]
    note = f"{len(lead)} of {found.numel()} pixels differ; how far their best class leads, in deviations"
    return check.scaled(case, lead, 0 * lead, float(logits.std()), LOGITS, note)


def _file(size: int | str) -> str:
    return f"graphonomy/io_{size}.safetensors"
