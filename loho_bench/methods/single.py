"""One transfer from three image files, without a run around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from loho_bench.annotation.choice import choose_landmarks
from loho_bench.annotation.parsing import find_hair_and_face
from loho_bench.annotation.protocols import LandmarkDetector, Parser
from loho_bench.annotation.record import POINTS, Annotation
from loho_bench.errors import UserError
from loho_bench.methods.catalogue import registry_for
from loho_bench.methods.configuration import configure_method
from loho_bench.methods.inputs import ROLES, TupleInputs
from loho_bench.methods.registry import ANSWER, LANDMARKS, MethodSpec
from loho_bench.methods.resources import load_resources
from loho_bench.portraits.images import load_rgb, resize, to_tensor, to_uint8
from loho_bench.provenance import derive_seed
from loho_bench.settings.project import Settings

_NAME = "one"
_NEEDED = {"identity": "face", "structure": "hair", "appearance": "hair"}
"""What each portrait of a tuple cannot do without."""


@dataclass(frozen=True)
class SingleTransfer:
    """What came of one tuple.

    ``image`` ``[S, S, 3] uint8`` is the result, ``foreground`` the synthesized portrait before it was laid
    over the background, ``soft_mask`` ``[S, S] uint8`` where it was; ``annotations`` are what the parser saw,
    by role.
    """

    image: np.ndarray
    foreground: np.ndarray
    soft_mask: np.ndarray
    annotations: dict[str, Annotation]


def transfer_files(method: str, images: Mapping[str, Path], settings: Settings) -> SingleTransfer:
    """Transfer the hair of three portraits on disk.

    Parameters
    ----------
    method : str
        Name in the registry.
    images : mapping of str to Path
        "identity", "structure" and "appearance": square, aligned portraits of any size.
    settings : Settings
        ``seed``, ``networks``, ``weights``, ``transfer``, ``annotation.mask_size`` and the method's are read.

    Raises
    ------
    UserError
        Unknown method, missing weights, an image that cannot be used, or one without the hair or face that
        its part of the tuple needs.
    """
    spec = registry_for(settings).get(method)
    _require_images_alone(spec)
    method_settings = configure_method(spec, settings)
    loaded = {role: load_rgb(images[role]) for role in ROLES}
    resources = load_resources(settings, (*spec.jobs, "parser"))
    annotations = {
        role: _annotate(role, images[role], image, resources.parser, settings.annotation.mask_size)
        for role, image in loaded.items()
    }
    if LANDMARKS in spec.needs:
        detector = choose_landmarks(settings, resources.device)
        annotations = {
            role: replace(note, landmarks=_find_landmarks(loaded[role], detector))
            for role, note in annotations.items()
        }
    inputs = TupleInputs(
        portraits=pd.DataFrame({"path": {role: str(images[role]) for role in ROLES}}),
        annotations=pd.DataFrame([note.to_row() for note in annotations.values()]).set_index("portrait_id"),
        resolution=settings.transfer.resolution,
    )
    record = {"tuple_id": _NAME, **{role: role for role in ROLES}}
    seed = derive_seed(_NAME, spec.name, settings.seed)
    found = spec.build(method_settings, resources).transfer(inputs.batch([record], [seed]))
    if not bool(found.images.isfinite().all()):
        raise UserError(
            f"the method '{method}' gave no image for this tuple",
            cause="its pixels are not finite numbers",
            remedy="try another seed or a smaller learning rate",
        )
    mask = (found.foreground_mask[0, 0].float() * 255).round().byte().cpu().numpy()
    return SingleTransfer(to_uint8(found.images)[0], to_uint8(found.foreground)[0], mask, annotations)


def _find_landmarks(image: np.ndarray, detector: LandmarkDetector) -> np.ndarray:
    return detector.detect(to_tensor(resize(image, detector.size)[None]))[0].cpu().numpy()


def _require_images_alone(spec: MethodSpec) -> None:
    spec.require_builder()
    if ANSWER in spec.needs:
        raise UserError(
            f"the method '{spec.name}' needs the true answer",
            cause="three image files do not tell what a perfect transfer would be",
            remedy="choose another method",
        )


def _annotate(role: str, path: Path, image: np.ndarray, parser: Parser, mask_size: int) -> Annotation:
    shown = to_tensor(resize(image, parser.size)[None])
    hair, face = (masks[0] for masks in find_hair_and_face(shown, parser, mask_size))
    note = Annotation(role, hair, face, np.full((POINTS, 2), np.nan, np.float32))
    part = _NEEDED[role]
    if not getattr(note, part).any():
        raise UserError(
            f"the image {path} cannot be the {role} of a tuple",
            cause=f"the parser finds no {part} in it",
            remedy="give an aligned portrait that shows it ('loho-bench align' makes one of a photograph)",
        )
    return note
