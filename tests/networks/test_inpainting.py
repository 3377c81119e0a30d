"""The inpainting network beside the published code, and its attention beside plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loho_bench.networks.inpainting import GatedInpainter
from loho_bench.networks.inpainting.attention import contextual_attention

# What networks_tf.py of nipponjo/deepfillv2-pytorch gives at width 8 for the weights and the scene below: the
# first channel of both stages in rows 17, 37, 57 and columns 31, 61, 91.
COARSE = [-0.149557, -0.108476, -0.018481, -0.114601, -0.014572, -0.021462, -0.160108, -0.055291, 0.053279]
REFINED = {
    False: [-0.020995, -0.1109, -0.211059, -0.289298, 0.006999, -0.242402, 0.056673, -0.045612, -0.236398],
    True: [-0.020244, -0.12518, -0.224019, -0.239712, 0.095084, -0.252573, 0.079043, -0.035241, -0.244862],
}


def scene() -> tuple[torch.Tensor, torch.Tensor]:
    """An image [1, 3, 64, 96] and a hole in it."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    image = torch.stack([torch.sin(0.21 * x + 0.1 * y), torch.cos(0.13 * x * y / 40), torch.sin(0.3 * y)])
    hole = ((y - 30).abs() < 14) & ((x - 50).abs() < 21)
    return image[None], hole[None, None].float()


def with_waves_for_weights(network: GatedInpainter) -> GatedInpainter:
    for number, (_, value) in enumerate(sorted(network.state_dict().items())):
        places = torch.arange(value.numel(), dtype=torch.float64)
        amplitude = 3.0 / value[0].numel() ** 0.5 if value.ndim > 1 else 0.1
        value.copy_((amplitude * torch.sin(0.37 * places**2 + number)).reshape(value.shape))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("fuse", [False, True])
def test_both_stages_are_those_of_the_published_code(fuse):
    network = with_waves_for_weights(GatedInpainter(8, fuse=fuse))
    for stage, wanted in zip(network(*scene()), (COARSE, REFINED[fuse]), strict=True):
        found = stage[0, 0, 17::20, 31::30].flatten()
        assert torch.allclose(found, torch.tensor(wanted), atol=2e-5)


def test_the_published_size():
    network = GatedInpainter()
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_052_478
    assert network.config() == {"width": 48, "size": 256, "fuse": True}


def test_what_the_hole_shows_does_not_matter():
    network = with_waves_for_weights(GatedInpainter(8))
    image, hole = scene()
    again = network(torch.where(hole > 0, torch.rand(image.shape), image), hole)
    for stage, other in zip(network(image, hole), again, strict=True):
        assert torch.equal(stage, other)


def test_samples_with_other_holes_do_not_mix():
    network = with_waves_for_weights(GatedInpainter(8))
    image, hole = scene()
    images, holes = torch.cat([image, image.flip(-1)]), torch.cat([hole, hole.flip(-2).roll(9, -1)])
    together = network(images, holes)[1]
    for k in range(2):
        alone = network(images[k : k + 1], holes[k : k + 1])[1]
        assert torch.allclose(together[k], alone[0], atol=1e-5)


def test_attention_pastes_what_looks_alike():
    """A loop over places, for a map so small that every step can be followed."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(2, 8, 12)).astype(np.float32)
    hole = np.zeros((32, 48), np.float32)
    hole[:17, :21] = 1
    kept_rows = np.floor(np.linspace(0, 7, 4) + 0.5).astype(int)
    kept_columns = np.floor(np.linspace(0, 11, 6) + 0.5).astype(int)
    halved = np.pad(features[:, kept_rows][:, :, kept_columns], ((0, 0), (1, 1), (1, 1)))
    hole_rows = np.floor(np.linspace(0, 31, 4) + 0.5).astype(int)
    hole_columns = np.floor(np.linspace(0, 47, 6) + 0.5).astype(int)
    small_hole = np.pad(hole[hole_rows][:, hole_columns], 1)
    whole = np.pad(features, ((0, 0), (1, 1), (1, 1)))
    places = [(i, j) for i in range(4) for j in range(6)]
    wanted = np.zeros_like(whole)
    for i, j in places:
        patch = halved[:, i : i + 3, j : j + 3]
        scores = []
        for k, m in places:
            key = halved[:, k : k + 3, m : m + 3]
            free = small_hole[k : k + 3, m : m + 3].max() == 0
            scores.append(free * (patch * key).sum() / np.linalg.norm(key))
        weights = np.exp(10 * np.array(scores))
        weights /= weights.sum()
        for weight, (k, m) in zip(weights, places, strict=True):
            if small_hole[k : k + 3, m : m + 3].max() == 0:
                pasted = whole[:, 2 * k : 2 * k + 4, 2 * m : 2 * m + 4]
                wanted[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += weight * pasted / 4
    found = contextual_attention(
        torch.from_numpy(features)[None], torch.from_numpy(hole)[None, None], fuse=False
    )
    assert np.allclose(found[0].numpy(), wanted[:, 1:-1, 1:-1], atol=1e-5)
    assert np.abs(wanted).max() > 0.1


def test_nothing_is_pasted_where_nothing_is_known():
    features = torch.randn(1, 4, 8, 8, generator=torch.manual_seed(0))
    assert contextual_attention(features, torch.ones(1, 1, 32, 32), fuse=True).abs().max() == 0


def test_features_keep_their_size_at_the_beginning():
    torch.manual_seed(0)
    network, sizes = GatedInpainter(16), []
    for layer in network.children():
        layer.register_forward_hook(lambda layer, inputs, output: sizes.append(output.std().item()))
    with torch.no_grad():
        network(*scene())
    assert len(sizes) == 42
    assert 0.05 < min(sizes) < max(sizes) < 3


def test_both_stages_learn():
    torch.manual_seed(0)
    network = GatedInpainter(8, fuse=False)
    image, hole = scene()
    sum(stage.square().mean() for stage in network(image, hole)).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or p.grad.abs().max() == 0]
    assert without == []
