"""Image2StyleGAN and Image2StyleGAN++ as methods: networks and a batch of tuples in, portraits out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from loho_bench.annotation.masks import iou
from loho_bench.errors import UserError
from loho_bench.methods.image2stylegan.crossover import TERMS, Crossover, is_reconstruction
from loho_bench.methods.image2stylegan.losses import describe, perceptual_loss, pixel_loss
from loho_bench.methods.loho.targets import resize_to
from loho_bench.methods.optimization.descent import Terms, descend
from loho_bench.methods.optimization.draws import SeededDraws
from loho_bench.methods.optimization.synthesis import finish, latent_statistics, prepare_networks
from loho_bench.methods.optimization.traces import Traces
from loho_bench.methods.protocol import Resources, Transfer, TupleBatch
from loho_bench.settings.image2stylegan import Image2StyleGanPlusPlusSettings, Image2StyleGanSettings

_HAIR_IOU = "hair_iou"


class Embedding(NamedTuple):
    """W+ ``[N,L,D]``, noise maps ``[N,1,r,r]``, and how they were found."""

    latents: Tensor
    noise: list[Tensor]
    traces: Traces


class Image2StyleGan:
    """Image2StyleGAN (ICCV 2019): W+ from the mean latent, by a perceptual and a pixel term.

    The noise maps are drawn from the tuple's seed and stay. It embeds one picture: a tuple of different
    portraits is refused. Building it freezes the networks and sets the arithmetic of their convolutions.
    """

    def __init__(self, settings: Image2StyleGanSettings, resources: Resources) -> None:
        self.settings, self.resources = settings, resources
        prepare_networks(resources)
        self._latent_mean, _ = latent_statistics(resources.generator)

    def transfer(self, batch: TupleBatch) -> Transfer:
        """Embed every tuple, and blend the hair and face found onto the identity's background.

        The last row of the trace ``hair_iou`` tells how well the result's hair, not blended, covers the
        structure's; losses in the traces carry no weight.

        Raises
        ------
        UserError
            A tuple is a transfer and this method only reconstructs.
        """
        batch = batch.to(self.resources.device)
        generator = self.resources.generator
        found = self._embed(batch)
        with torch.no_grad():
            foreground = generator.synthesis(found.latents, found.noise).clamp(-1, 1)
        finished = finish(foreground, batch, self.resources, self._seen_size)
        wanted = resize_to(batch.structure_hair, finished.hair.shape[-1])
        found.traces.record(-1, {_HAIR_IOU: iou(wanted, finished.hair)})
        return Transfer(
            images=finished.images,
            foreground=foreground,
            foreground_mask=finished.mask,
            latents=found.latents,
            latent_mean=self._latent_mean,
            traces=found.traces.on_host(),
            inpainting=self.resources.inpainter.name,
        )

    @property
    def _seen_size(self) -> int:
        return min(self.resources.generator.size, self.settings.perceptual_resolution)

    def _embed(self, batch: TupleBatch) -> Embedding:
        strangers = [
            name for name, same in zip(batch.tuple_ids, is_reconstruction(batch), strict=True) if not same
        ]
        if strangers:
            raise UserError(
                f"Image2StyleGAN cannot transfer hair: {', '.join(strangers)}",
                cause="it embeds one picture, and these tuples have several",
                remedy="use it for reconstructions; Image2StyleGAN++ (i2s-plus-plus) transfers",
            )
        settings, lpips = self.settings, self.resources.lpips
        layers, size = settings.perceptual_layers, settings.perceptual_resolution
        wanted = resize_to(batch.identity, self.resources.generator.size)
        with torch.no_grad():
            features = describe(lpips, wanted, layers, size)

        def terms(image: Tensor) -> Terms:
            return {
                "perceptual": perceptual_loss(describe(lpips, image, layers, size), features, layers),
                "pixels": pixel_loss(image, wanted),
            }

        latents, noise = self._start(batch)
        traces = self._traces(("perceptual", "pixels"), settings.steps, len(batch))
        self._search_latents(latents, noise, terms, traces)
        return Embedding(latents, noise, traces)

    def _start(self, batch: TupleBatch) -> tuple[Tensor, list[Tensor]]:
        """Give the mean latent in every layer, and noise maps of every tuple's own."""
        generator, draws = self.resources.generator, SeededDraws(batch.seeds, self.resources.device)
        latents = self._latent_mean.repeat(len(batch), generator.num_latents, 1)
        return latents, [draws.normal(1, r, r) for r in generator.noise_shapes]

    def _traces(self, terms: tuple[str, ...], steps: int, samples: int) -> Traces:
        return Traces((*terms, _HAIR_IOU), steps, samples, self.resources.device)

    def _search_latents(
        self, latents: Tensor, noise: list[Tensor], terms: Callable[[Tensor], Terms], traces: Traces
    ) -> None:
        descend(
            [latents],
            lambda inputs: terms(self.resources.generator.synthesis(inputs[0], noise)),
            self.settings.weights.model_dump(),
            steps=self.settings.steps,
            rate=self.settings.learning_rate,
            traces=traces,
        )


class Image2StyleGanPlusPlus(Image2StyleGan):
    """Image2StyleGAN++ (CVPR 2020): W+ by equation 1 in full, then the noise maps by its pixel terms.

    :mod:`loho_bench.methods.image2stylegan.crossover` says what the equation compares for a tuple.
    """

    settings: Image2StyleGanPlusPlusSettings

    def _embed(self, batch: TupleBatch) -> Embedding:
        settings, generator = self.settings, self.resources.generator
        crossover = Crossover.of(batch, self.resources.lpips, generator.size, settings)
        latents, noise = self._start(batch)
        traces = self._traces(TERMS, settings.steps + settings.noise_steps, len(batch))
        self._search_latents(latents, noise, crossover.latent_terms, traces)
        with torch.no_grad():
            embedded = generator.synthesis(latents, noise)
        descend(
            noise,
            lambda inputs: crossover.noise_terms(generator.synthesis(latents, inputs), embedded),
            settings.weights.model_dump(),
            steps=settings.noise_steps,
            rate=settings.noise_learning_rate,
            traces=traces,
            first_step=settings.steps,
        )
        return Embedding(latents, noise, traces)
