"""What every method is given and what it gives back. A method never reads a path or a table."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from loho_bench.annotation.protocols import Parser
from loho_bench.methods.compositing import Inpainter
from loho_bench.methods.precision import Precision
from loho_bench.networks.lpips import Lpips
from loho_bench.networks.stylegan2 import Generator

if TYPE_CHECKING:
    from loho_bench.networks.michigan import MichiganNetworks

POINTS = 68
_IMAGES = ("identity", "structure", "appearance", "answer")


@dataclass(frozen=True)
class TupleBatch:
    """``N`` tuples of identity, structure and appearance portraits, ``I1``, ``I2`` and ``I3``.

    Images are ``[N,3,S,S] float32`` in [-1,1], RGB; masks ``[N,1,S,S] float32`` in [0,1]; landmarks
    ``[N,68,2] float32``, (x, y) as fractions of the frame, nan where they are not known. Every tuple
    brings its own seed, so that its result depends neither on its batch nor on its place in it.
    ``answer``, what a perfect transfer would give, is there for methods that declare to need it.

    Raises
    ------
    ValueError
        When the shapes, or the numbers of tuples, do not fit together.
    """

    tuple_ids: tuple[str, ...]
    identity: Tensor
    structure: Tensor
    appearance: Tensor
    identity_hair: Tensor
    identity_face: Tensor
    structure_hair: Tensor
    structure_face: Tensor
    appearance_hair: Tensor
    appearance_face: Tensor
    seeds: tuple[int, ...]
    identity_landmarks: Tensor | None = None
    structure_landmarks: Tensor | None = None
    appearance_landmarks: Tensor | None = None
    answer: Tensor | None = None

    def __post_init__(self) -> None:
        n, _, height, width = self.identity.shape
        if not len(self.tuple_ids) == len(self.seeds) == n:
            raise ValueError(f"{n} images, {len(self.tuple_ids)} tuple ids and {len(self.seeds)} seeds")
        for name, tensor in self._tensors().items():
            expected = (n, 3 if name in _IMAGES else 1, height, width)
            if name.endswith("_landmarks"):
                expected = (n, POINTS, 2)
            if tuple(tensor.shape) != expected:
                raise ValueError(f"{name} should be {expected} but is {tuple(tensor.shape)}")

    def __len__(self) -> int:
        return len(self.tuple_ids)

    def to(self, device: torch.device | str) -> TupleBatch:
        """Give the same batch with its tensors on ``device``."""
        moved = {name: tensor.to(device) for name, tensor in self._tensors().items()}
        return TupleBatch(tuple_ids=self.tuple_ids, seeds=self.seeds, **moved)

    def select(self, indices: list[int]) -> TupleBatch:
        """Give the tuples at ``indices``, in that order."""
        chosen = {name: tensor[indices] for name, tensor in self._tensors().items()}
        return TupleBatch(
            tuple_ids=tuple(self.tuple_ids[i] for i in indices),
            seeds=tuple(self.seeds[i] for i in indices),
            **chosen,
        )

    def _tensors(self) -> dict[str, Tensor]:
        found: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in found.items() if isinstance(value, Tensor)}


@dataclass(frozen=True)
class Transfer:
    """What a method makes of a :class:`TupleBatch`.

    ``images`` ``[N,3,S,S]`` in [-1,1] is the result: ``foreground``, the synthesized portrait, blended
    by ``foreground_mask`` ``[N,1,S,S]`` onto the background of the identity. ``S`` is the size of the
    generator, if the method has one. ``latents`` ``[N,L,D]`` are the W+ found and ``latent_mean`` ``[D]``
    is the mean latent. ``traces`` ``[steps,N]`` hold a value per iteration, nan where there is none.
    ``inpainting`` names what filled the hole that the identity's hair and face left, if anything did.
    """

    images: Tensor
    foreground: Tensor
    foreground_mask: Tensor
    latents: Tensor | None = None
    latent_mean: Tensor | None = None
    traces: dict[str, Tensor] = field(default_factory=dict)
    inpainting: str = ""

    def select(self, indices: list[int]) -> Transfer:
        """Give the results at ``indices``, in that order."""
        return Transfer(
            images=self.images[indices],
            foreground=self.foreground[indices],
            foreground_mask=self.foreground_mask[indices],
            latents=None if self.latents is None else self.latents[indices],
            latent_mean=self.latent_mean,
            traces={name: trace[:, indices] for name, trace in self.traces.items()},
            inpainting=self.inpainting,
        )


@dataclass(frozen=True)
class Resources:
    """Networks, in evaluation mode and on ``device``, and the arithmetic they shall run in.

    Networks that a method does not declare to need are None. ``cuda_graphs`` allows a method to record
    iterations on a GPU.
    """

    generator: Generator | None
    lpips: Lpips | None
    parser: Parser | None
    device: torch.device
    precision: Precision = "float32"
    inpainter: Inpainter | None = None
    michigan: MichiganNetworks | None = None
    cuda_graphs: bool = False

    @property
    def compute_dtype(self) -> torch.dtype:
        """What feature maps are stored as; TensorFloat-32 is how float32 is multiplied."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32


class Method(Protocol):
    """A hairstyle transfer."""

    def transfer(self, batch: TupleBatch) -> Transfer:
        """Transfer the hair of every tuple of ``batch``."""
        ...
