"""LOHO as it is written down: the yardstick of benchmarks/transfer.py.

A transcription of the algorithm for one tuple that saves nothing: textbook layers (StyleGAN2 with modulated
weights, channels first), a generator and a feature network whose weights collect gradients, every term
computed in every iteration from both of its images, the parser asked in every iteration, a backward pass for
each group of terms, every value fetched. Its gradients are those of ``loho_bench.methods.loho``.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from loho_bench.annotation.masks import dilate, erode, scaled_pixels
from loho_bench.annotation.protocols import Parser
from loho_bench.methods.loho.targets import APPEARANCE_LAYER, STYLE_LAYERS, resize_to
from loho_bench.methods.protocol import TupleBatch
from loho_bench.networks.graphonomy import HAIR
from loho_bench.networks.lpips import BLOCK_LAYERS, Lpips, scale_input
from loho_bench.networks.stylegan2 import Generator
from loho_bench.networks.vgg import LAYERS, Vgg16
from loho_bench.settings.loho import LohoSettings


class LiteralLoho:
    """One tuple, one iteration at a time.

    Parameters
    ----------
    generator, lpips, parser
        The networks; generator and feature network are copied, and their copies' weights are trainable.
    batch : TupleBatch
        One tuple.
    settings : LohoSettings
        Weights, blocks and sizes; ``masking`` is that of the authors' code.
    """

    def __init__(
        self, generator: Generator, lpips: Lpips, parser: Parser, batch: TupleBatch, settings: LohoSettings
    ) -> None:
        self.generator = copy.deepcopy(generator).requires_grad_(True)
        self.lpips, self.parser, self.settings = lpips, parser, settings
        self.vgg = copy.deepcopy(lpips.vgg).requires_grad_(True)
        self.size = min(generator.size, settings.working_resolution)
        self.identity, self.structure, self.appearance, face, self.hair2, self.hair3 = (
            resize_to(tensor, self.size)
            for tensor in (
                batch.identity,
                batch.structure,
                batch.appearance,
                batch.identity_face,
                batch.structure_hair,
                batch.appearance_hair,
            )
        )
        margin = scaled_pixels(settings.margin, self.size)
        self.face_region = face * (1 - dilate(self.hair2, margin))
        self.hair_region = erode(self.hair2, margin)

    def iterate(self, latents: Tensor, noise: Sequence[Tensor], hair_mask: Tensor | None) -> list[Tensor]:
        """Give the gradients of W+ and of the noise maps: of stage 1 without ``hair_mask``, else of 2."""
        variables = [level.detach().clone().requires_grad_() for level in (latents, *noise)]
        image = synthesize(self.generator, variables[0], variables[1:])
        image = resize_to(image, self.size)
        with torch.no_grad():
            found = (self.parser.parse(image.detach().clamp(-1, 1))[:, None] == HAIR).float()
        mask = found if hair_mask is None else hair_mask
        weights = self.settings.weights
        face = weights.face * self._lpips(
            image, self.identity, self.face_region, self.settings.identity_blocks
        )
        hair = weights.structure * self._lpips(
            image, self.structure, self.hair_region, self.settings.structure_blocks
        )
        hair_of_2 = self._hair_terms(image, mask, self.structure, self.hair2)
        hair_of_3 = self._hair_terms(image, mask, self.appearance, self.hair3)
        regularization = weights.noise * sum(noise_terms(level) for level in variables[1:])
        for value in (face, hair, hair_of_2, hair_of_3, regularization):
            value.item()
        if hair_mask is None:
            return self._backward(face + hair + regularization, variables)
        structure = self._backward(hair, variables)
        reference = self._backward(hair_of_2, variables)
        self._backward(hair_of_3, variables)
        simple = self._backward(face + regularization + hair_of_3, variables)
        everything = self._backward(face + regularization + hair_of_3 + hair, variables)
        projected = structure[0].clone()
        for layer in range(projected.shape[1]):
            direction = reference[0][0, layer] / reference[0][0, layer].norm().clamp(min=1e-12)
            projected[0, layer] -= (structure[0][0, layer] @ direction).item() * direction
        for_noise = [full - part for full, part in zip(everything[1:], structure[1:], strict=True)]
        return [simple[0] + projected, *for_noise]

    def _backward(self, loss: Tensor, variables: Sequence[Tensor]) -> list[Tensor]:
        for tensor in (*variables, *self.generator.parameters(), *self.vgg.parameters()):
            tensor.grad = None
        loss.backward(retain_graph=True)
        return [torch.zeros_like(v) if v.grad is None else v.grad.clone() for v in variables]

    def _lpips(self, image: Tensor, target: Tensor, mask: Tensor, blocks: Sequence[int]) -> Tensor:
        total = image.new_zeros(())
        maps = [activations(self.lpips.vgg, scale_input(x)) for x in (image, target)]
        for block, layer in enumerate(BLOCK_LAYERS, start=1):
            x, y = (m[layer] / (m[layer].norm(dim=1, keepdim=True) + 1e-10) for m in maps)
            mask = F.interpolate(mask, size=x.shape[2:], mode="nearest")
            difference = F.conv2d((x - y).square(), self.lpips.heads.weights(block))
            if block in blocks:
                total = total + (difference * mask).sum() / mask.sum()
        return total

    def _hair_terms(self, image: Tensor, mask: Tensor, target: Tensor, target_mask: Tensor) -> Tensor:
        """``λ_a L_a + λ_s L_s``: each describes both images anew."""
        size = (self.settings.style_resolution,) * 2
        pairs = ((image, mask), (target, target_mask))

        def describe() -> list[dict[str, Tensor]]:
            masked = (x * m for x, m in pairs)
            frames = (F.interpolate(x, size=size, mode="bilinear", align_corners=True) for x in masked)
            return [activations(self.vgg, frame) for frame in frames]

        means = []
        for maps, (_, m) in zip(describe(), pairs, strict=True):
            m = F.interpolate(m, size=size, mode="nearest")
            means.append((maps[APPEARANCE_LAYER] * m).sum(dim=(2, 3)) / (m.sum(dim=(2, 3)) + 1e-8))
        appearance = (means[0] - means[1]).square().mean()
        style = image.new_zeros(())
        described = describe()
        for layer in STYLE_LAYERS:
            grams = []
            for maps, (_, m) in zip(described, pairs, strict=True):
                features = maps[layer] * F.interpolate(m, size=maps[layer].shape[2:], mode="nearest")
                flat = features.flatten(2)
                grams.append(flat @ flat.transpose(1, 2) / maps[layer].numel())
            style = style + (grams[0] - grams[1]).square().mean() / len(STYLE_LAYERS)
        return self.settings.weights.appearance * appearance + self.settings.weights.style * style


def activations(vgg: Vgg16, x: Tensor) -> dict[str, Tensor]:
    """Run all thirteen convolutions and keep every activation."""
    maps = {}
    for name, index in LAYERS.items():
        if name.endswith("_1") and name != "relu1_1":
            x = F.max_pool2d(x, 2)
        conv = vgg.features[index]
        x = maps[name] = F.relu(F.conv2d(x, conv.weight.contiguous(), conv.bias, padding=1))
    return maps


def noise_terms(level: Tensor) -> Tensor:
    """Equation 7 of one map."""
    total = level.new_zeros(())
    while True:
        for axis in (2, 3):
            total = total + (level * level.roll(1, axis)).mean().square()
        if level.shape[-1] <= 8:
            return total
        level = F.avg_pool2d(level, 2)


def synthesize(generator: Generator, latents: Tensor, noise: Sequence[Tensor]) -> Tensor:
    """StyleGAN2 with modulated weights (section 2.2 of its paper), channels first."""
    x = generator.input.input.expand(len(latents), -1, -1, -1)
    x = _styled(generator.conv1, x, latents[:, 0], noise[0])
    image = _rgb(generator.to_rgb1, x, latents[:, 1], None)
    for b, to_rgb in enumerate(generator.to_rgbs):
        first = 1 + 2 * b
        x = _styled(generator.convs[2 * b], x, latents[:, first], noise[first])
        x = _styled(generator.convs[2 * b + 1], x, latents[:, first + 1], noise[first + 1])
        image = _rgb(to_rgb, x, latents[:, first + 2], image)
    return image


def _styled(layer: torch.nn.Module, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    weight = layer.conv.weight * layer.conv.styles(w)[:, None, :, None, None]
    weight = weight * torch.rsqrt(weight.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
    n, out, channels, *kernel = weight.shape
    grouped = x.reshape(1, n * channels, *x.shape[2:])
    if layer.conv.blur is None:
        y = F.conv2d(grouped, weight.reshape(n * out, channels, *kernel), padding=1, groups=n)
    else:
        turned = weight.transpose(1, 2).reshape(n * channels, out, *kernel)
        y = F.conv_transpose2d(grouped, turned, stride=2, groups=n)
        low_pass = layer.conv.blur.kernel.expand(n * out, 1, 4, 4)
        y = F.conv2d(y, low_pass, padding=1, groups=n * out)
    y = y.reshape(n, out, *y.shape[2:]) + layer.noise.weight * noise
    return F.leaky_relu(y + layer.activate.bias[:, None, None], 0.2) * 2**0.5


def _rgb(layer: torch.nn.Module, x: Tensor, w: Tensor, skip: Tensor | None) -> Tensor:
    weight = layer.conv.weight * layer.conv.styles(w)[:, None, :, None, None]
    n, out, channels, *kernel = weight.shape
    grouped = x.reshape(1, n * channels, *x.shape[2:])
    rgb = F.conv2d(grouped, weight.reshape(n * out, channels, *kernel), groups=n)
    rgb = rgb.reshape(n, out, *x.shape[2:]) + layer.bias
    return rgb if skip is None else rgb + layer.upsample.double(skip)
