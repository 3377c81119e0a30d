"""MichiGAN's networks beside the official implementation, each alone and in the order of a transfer."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.michigan import (
    OrientationInpainter,
    SpadeGenerator,
    fill_orientation,
    rgb_to_channels,
)
from loho_bench.parity.comparison import Checks, Comparison
from loho_bench.parity.reference import Reference
from loho_bench.parity.rules import checksums, draws, generic_weights

SECTION = "michigan"
CHECKSUMS = "michigan/fill_checksums.json"
AMPLIFIED = 1e-3
"""Maps of the inpainting networks, and what is made of them: largest deviation in standard deviations.

Their 29 instance normalizations amplify rounding. On another processor the official code is as far from its
own reference (3.0e-4 on noise), and the reference as far from the same network in float64 (5.5e-4).
"""
_ROUNDING = "instance normalizations amplify rounding"
_POWER_STEPS = 3


def files(reference: Reference) -> list[str]:
    """Return the files that the folder should have for this component."""
    if SECTION not in reference.params:
        return []
    parameters = reference.params[SECTION]
    return [f"{SECTION}/{parameters[name]}" for name in ("inference", "inpainting_direct")]


def compare(reference: Reference) -> Iterator[Comparison]:
    """Compare the inpainting networks on noise, then the whole inference."""
    check, parameters = Checks(SECTION), reference.params[SECTION]
    inference, direct = (reference.tensors(name) for name in files(reference))
    gain = float(parameters["gain"])
    networks: dict[str, nn.Module] = {
        "netG": SpadeGenerator(size=parameters["crop"], width=parameters["ngf"]),
        "netIG": OrientationInpainter(),
        "netSIG": OrientationInpainter(inputs=5),
    }
    for name, network in networks.items():
        rebuild(network, int(parameters[f"salt_{name}"]), gain)
    if reference.has(CHECKSUMS):
        state = {
            f"{n}:{key}": v for n, network in networks.items() for key, v in network.state_dict().items()
        }
        found, wanted = checksums(state, reference.values(CHECKSUMS)["tensors"])
        yield check.absolute("weights rebuilt from their names", found, wanted, 1e-6)
    with torch.no_grad():
        for name in ("netIG", "netSIG"):
            found = networks[name](direct[f"{name}_in"])
            yield check.deviation(f"{name} on noise", found, direct[f"{name}_out"], AMPLIFIED, _ROUNDING)
        yield from _inference(check, networks["netG"], networks["netIG"], inference)


def rebuild(network: nn.Module, salt: int, gain: float) -> None:
    """Give a network the weights that follow from its names, spectral vectors included, and freeze it."""
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    state = generic_weights(shapes, salt, gain)
    for name, module in network.named_modules():
        if f"{name}.weight_u" not in state:
            continue
        weight = state[f"{name}.weight_orig"].double()
        matrix = (weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else weight).flatten(1)
        u = torch.from_numpy(draws(f"{name}.weight_u", (len(matrix),), salt))
        for _ in range(_POWER_STEPS):
            v = F.normalize(matrix.T @ u, dim=0)
            u = F.normalize(matrix @ v, dim=0)
        state[f"{name}.weight_u"], state[f"{name}.weight_v"] = u.float(), v.float()
    network.load_state_dict(state)
    network.eval().requires_grad_(False)


def _inference(
    check: Checks, generator: SpadeGenerator, inpainter: OrientationInpainter, values: dict[str, Tensor]
) -> Iterator[Comparison]:
    hair, hole, noise = values["label_tag"].float(), values["hole"].float(), values["noise"]
    inputs = {
        "hair": hair,
        "image": values["image_tag"],
        "reference_image": values["image_ref"],
        "reference_hair": values["label_ref"].float(),
        "noise": noise,
    }
    seen: dict[str, Tensor] = {}
    inpainter.register_forward_hook(lambda _, given, made: seen.update(map=made))
    generator.fc.register_forward_hook(lambda _, given, made: seen.update(code=made))
    generator.head_0.register_forward_hook(lambda _, given, made: seen.update(head=made))
    generator.backgroud_enc.register_forward_hook(lambda _, given, made: seen.update(background=given[1]))
    generator.conv_img.register_forward_hook(lambda _, given, made: seen.update(image=made.tanh()))

    rgb = fill_orientation(inpainter, values["orient_rgb"], hole, noise)
    channels = rgb_to_channels(rgb, hair)
    border = [generator.margin // 2] * 4
    yield check.deviation(
        "orientation, inpainted at 256 px", seen["map"], values["netIG_output_256"], AMPLIFIED, _ROUNDING
    )
    wanted = values["netG_orient_mask_padded"]
    yield check.deviation("orientation, two channels", F.pad(channels, border), wanted, AMPLIFIED, _ROUNDING)

    generator(orientation=F.pad(wanted, [-side for side in border]), **inputs)
    coarse = F.interpolate(seen["background"], size=values["background_mask_full_padded"].shape[2:])
    yield check.equal("background mask", coarse, values["background_mask_full_padded"])
    yield check.deviation("appearance code", seen["code"], values["appearance_code"])
    yield check.deviation("first block", seen["head"], values["head_0"])
    wanted = values["netG_output_padded"]
    yield check.deviation("image, of the reference's orientation", seen["image"], wanted)
    generator(orientation=channels, **inputs)
    yield check.deviation("image, whole inference", seen["image"], wanted, AMPLIFIED, _ROUNDING)
