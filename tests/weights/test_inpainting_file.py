"""DeepFill v2's published layout, with random weights: the file as converted, flat, and wrong ones."""

from __future__ import annotations

import pytest
import torch

from loho_bench.errors import UserError
from loho_bench.networks.inpainting import GatedInpainter
from loho_bench.weights.inpainting import load_deepfillv2

# Layers of the published generator, as the authors' TensorFlow code names them too: inputs and outputs of the
# convolution, whose outputs are features and gates.
PUBLISHED = {
    "conv1.conv": (5, 48),
    "conv2_downsample.conv": (24, 96),
    "conv10_atrous.conv": (96, 192),
    "conv13_upsample.conv.conv": (96, 96),
    "conv16.conv": (24, 24),
    "conv17.conv": (12, 3),
    "xconv4_downsample.conv": (48, 96),
    "pmconv4_downsample.conv": (48, 192),
    "pmconv10.conv": (96, 192),
    "allconv11.conv": (192, 192),
    "allconv15_upsample.conv.conv": (48, 48),
    "allconv17.conv": (12, 3),
}


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return GatedInpainter().state_dict()


def test_names_and_shapes_are_the_published_ones(tensors):
    for name, (inputs, outputs) in PUBLISHED.items():
        assert tensors[f"{name}.weight"].shape[:2] == (outputs, inputs)
        assert tensors[f"{name}.bias"].shape == (outputs,)
    assert len(tensors) == 84


@pytest.mark.parametrize("wrap", [lambda t: {"G": t, "D": {}, "n_iter": 3}, lambda t: t])
def test_the_file_loads_whole_and_frozen(tensors, tmp_path, wrap):
    torch.save(wrap(tensors), tmp_path / "states_tf_places2.pth")
    network = load_deepfillv2(tmp_path / "states_tf_places2.pth")
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert network.fuse
    loaded = network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in tensors.items())


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ({"G": [torch.zeros(3)]}, "under 'G' it holds a list"),
        ({"G": {"stage1.conv1.conv.weight": torch.zeros(48, 5, 5, 5)}}, "tensors differ"),
        ([torch.zeros(3)], "holds a list"),
    ],
)
def test_other_files_are_refused(content, hint, tmp_path):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(UserError) as caught:
        load_deepfillv2(tmp_path / "other.pth")
    assert "other.pth" in str(caught.value)
    assert hint in str(caught.value)
