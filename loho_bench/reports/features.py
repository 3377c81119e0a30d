"""Features behind FID, computed once and kept in ``scores/features`` under their inputs' hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from loho_bench.metrics.feature_set import FeatureSet, Reading
from loho_bench.metrics.features import EmbeddedExtractor
from loho_bench.metrics.fid import Extractor, extract_features
from loho_bench.metrics.inception import load_inception
from loho_bench.metrics.scoring_inputs import RunInputs, load_result, parse_masks
from loho_bench.progress import get_logger
from loho_bench.provenance import stable_hash
from loho_bench.reports.run import Run
from loho_bench.settings.project import Settings
from loho_bench.storage import file_sha256
from loho_bench.weights.embedded import load_extractor
from loho_bench.weights.needs import EMBEDDED, needed_files
from loho_bench.weights.published.store import WeightStore

READINGS: tuple[Reading, ...] = ("full", "hair+face")


class LazyImages(Sequence[np.ndarray]):
    """Arrays made when they are asked for, so that 70 000 portraits need not fit into memory."""

    def __init__(self, keys: Sequence[str], make: Callable[[str], np.ndarray]):
        self._keys, self._make = list(keys), make

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._make(self._keys[index])


def choose_extractor(settings: Settings, device: torch.device | str = "cpu") -> Extractor:
    """Load the extractor that the settings name: Inception onto ``device``, or the embedded one.

    The embedded one is small and stays on the processor, where both take their images from.

    Raises
    ------
    UserError
        Inception's file is missing or is not of the mode asked for.
    """
    networks = settings.networks
    if networks.extractor == EMBEDDED:
        return EmbeddedExtractor(load_extractor())
    files = WeightStore.from_settings(settings.weights).require(needed_files(networks, "extractor"))
    (path,) = files.values()
    return load_inception(networks.inception_mode, path, device=device)


def eligible_portraits(run: Run) -> list[str]:
    """Ids of the portraits that may be part of a tuple: annotated, and enough hair (section 4.1)."""
    rows = run.inputs.annotations
    enough = rows["hair_fraction"] >= run.settings.tuples.minimum_hair_fraction
    return sorted(rows.index[(rows["status"] == "ok") & enough])


def reference_features(run: Run, extractor: Extractor, reading: Reading) -> FeatureSet:
    """Features of all eligible portraits of the run; their annotated masks for the hair-and-face reading."""
    inputs, ids = run.inputs, eligible_portraits(run)
    annotations = inputs.annotations.loc[ids]
    contents = [inputs.portraits.loc[ids, "sha256"].tolist()]
    if reading == "hair+face":
        contents += [[hashlib.sha256(mask).hexdigest() for mask in annotations[part]] for part in _MASKS]
    images = LazyImages(ids, inputs.image)
    masks = LazyImages(ids, lambda portrait: _foreground(inputs, portrait))
    return _cached(run, "portraits", contents, images, masks, extractor, reading)


def result_features(
    run: Run, method: str, extractor: Extractor, reference: FeatureSet
) -> tuple[list[str], FeatureSet]:
    """Tuple ids and features of all finished transfers of a method, in the order of the tuples.

    The reading is that of ``reference``; for hair and face the results are parsed, as the portraits were.
    """
    reading = reference.reading
    rows = run.results(method)
    rows = rows[(rows["status"] == "ok") & rows["tuple_id"].isin(run.transfers["tuple_id"])]
    if rows.empty:
        return [], reference.subset(np.zeros(0, dtype=int))
    portraits = [str(run.root / path) for path in rows["portrait"]]
    contents = [[file_sha256(path) for path in portraits]]
    images = LazyImages(portraits, load_result)
    masks: list[np.ndarray] = []
    if reading == "hair+face":
        masks = [np.logical_or(*parse_masks(run.parser, image).values()) for image in images]
        contents += [[hashlib.sha256(np.packbits(mask)).hexdigest() for mask in masks]]
    return rows["tuple_id"].tolist(), _cached(run, method, contents, images, masks, extractor, reading)


_MASKS = ("hair_mask", "face_mask")


def _foreground(inputs: RunInputs, portrait: str) -> np.ndarray:
    return inputs.mask(portrait, "hair") | inputs.mask(portrait, "face")


def _cached(
    run: Run,
    what: str,
    contents: list[list[str]],
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    extractor: Extractor,
    reading: Reading,
) -> FeatureSet:
    key = stable_hash([contents, _fingerprint(extractor), reading, run.inputs.resolution])
    path = run.root / "scores" / "features" / f"{what}-{reading.replace('+', '-')}-{key}.npz"
    if path.exists():
        return FeatureSet.load(path)
    get_logger("reports").info("features of %d images of %s, %s", len(images), what, reading)
    features = extract_features(images, extractor, foregrounds=None if reading == "full" else masks)
    features.save(path)
    return features


def _fingerprint(extractor: Extractor) -> list[str]:
    """Name and weights of an extractor: other weights under the same name make other features."""
    digest = hashlib.sha256()
    if isinstance(extractor, nn.Module):
        for name, tensor in extractor.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.cpu().numpy().tobytes())
    return [extractor.name, digest.hexdigest()]
