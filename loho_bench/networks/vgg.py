"""VGG-16 feature network of any width, with the parameter names of torchvision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loho_bench.networks.matching import network_for
from loho_bench.networks.prepared import Prepared

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = (2, 2, 3, 3, 3)
# A block holds convolution and ReLU pairs and then one pooling: that numbering gives torchvision's names.
_BLOCK_STARTS = [sum(2 * d + 1 for d in DEPTHS[:b]) for b in range(5)]
LAYERS = {
    f"relu{b + 1}_{i + 1}": str(_BLOCK_STARTS[b] + 2 * i)
    for b, depth in enumerate(DEPTHS)
    for i in range(depth)
}


class Vgg16(nn.Module):
    """The thirteen convolutions of VGG-16 (Simonyan and Zisserman), without the classifier.

    Nothing is normalised inside: LPIPS scales its images first, LOHO's style and appearance terms do not.

    Parameters
    ----------
    widths : sequence of 5 int
        Channels of the blocks; (64, 128, 256, 512, 512) as published.
    compute_dtype : torch.dtype
        Of the feature maps inside, float32 or bfloat16. May be changed at any time.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, *, compute_dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.compute_dtype = compute_dtype
        self.features = nn.ModuleDict()
        channels = 3
        for name, index in LAYERS.items():
            width = self.widths[int(name[4]) - 1]
            self.features[index] = nn.Conv2d(channels, width, 3, padding=1)
            channels = width
        self._prepared = {index: Prepared() for index in LAYERS.values()}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Tensor]) -> Vgg16:
        """Network for a torchvision state dict, widths taken from its tensors; `classifier.*` is ignored.

        It comes in evaluation mode with frozen weights.

        Raises
        ------
        UserError
            Missing, unknown or misshapen tensors.
        """
        state = {key: value for key, value in state.items() if not key.startswith("classifier.")}
        network = network_for(
            lambda: cls([state[f"features.{start}.weight"].shape[0] for start in _BLOCK_STARTS]),
            state,
            what="These tensors are not a VGG-16 feature network.",
            remedy="Give the state dict of torchvision's vgg16 (keys features.0.weight ... ).",
        )
        return network.eval().requires_grad_(False)

    def forward(self, x: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Activations after the named ReLUs.

        Parameters
        ----------
        x : Tensor [N, 3, H, W] float32
            Images in the range that the weights expect; H, W at least 16 for block 5.
        layers : sequence of str
            Names among relu1_1, relu1_2, relu2_1, ..., relu5_3. Nothing deeper is computed.

        Returns
        -------
        dict of Tensor
            Float32 maps [N, C_b, H / 2^(b-1), W / 2^(b-1)] by name, b the block.

        Raises
        ------
        ValueError
            An unknown layer name.
        """
        unknown = [name for name in layers if name not in LAYERS]
        if unknown:
            raise ValueError(f"unknown VGG-16 layers {unknown}; the names are {', '.join(LAYERS)}")
        x = x.to(self.compute_dtype).contiguous(memory_format=torch.channels_last)
        wanted: dict[str, Tensor] = {}
        for name, index in LAYERS.items():
            if len(wanted) == len(set(layers)):
                break
            if name.endswith("_1") and name != "relu1_1":
                x = F.max_pool2d(x, 2)
            x = F.relu_(F.conv2d(x, *self._weights(index, x.dtype), padding=1))
            if name in layers:
                wanted[name] = x.float()
        return wanted

    def _weights(self, index: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        conv = self.features[index]
        return self._prepared[index].get(
            conv.weight,
            dtype,
            lambda: (
                conv.weight.to(dtype=dtype, memory_format=torch.channels_last),
                conv.bias.to(dtype),
            ),
        )
