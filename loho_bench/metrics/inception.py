"""Inception-v3 for FID and KID, in the three forms that clean-fid knows.

==================  =======================================  ===========================  =================
mode                file                                     images                       network sees
==================  =======================================  ===========================  =================
clean               inception-2015-12-05.pt                  bicubic to 299x299 (Pillow)  (x − 128) / 128
legacy_pytorch      pt_inception-2015-12-05-6726825d.pth     bilinear to 299x299          2 x / 255 − 1
legacy_tensorflow   inception-2015-12-05.pt                  as they are                  resizes by itself
==================  =======================================  ===========================  =================

The features are the 2048 values of the last average pooling. Networks, resizing and arithmetic are those of
the installed clean-fid (Parmar et al., "On Aliased Resizing and Surprising Subtleties in GAN Evaluation",
2022); only the file comes from elsewhere. Left to itself clean-fid downloads it: the TorchScript file to
``/tmp``, the other one to PyTorch's hub cache. Nothing here downloads.
"""

from __future__ import annotations

import re
import tempfile
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from loho_bench.compat import prepare_torchvision
from loho_bench.metrics.feature_set import Mode
from loho_bench.weights.reading.checkpoints import load_strictly, read_checkpoint
from loho_bench.weights.reading.file_kinds import Kind, kind_of, refusal

NAME = "inception-v3"
_TORCHSCRIPT_FILE = "inception-2015-12-05.pt"
_OTHER_FILE = "fetch the file that the mode needs with 'loho-bench weights fetch'"
# Operators of TorchScript that write or map files, or reach other processes.
_OUTWARD = re.compile(rb"\b(save|from_file|load_tensor|rpc_\w+)\s*\(")


class InceptionExtractor(nn.Module):
    """Images to 2048 features in one mode of clean-fid; frozen, in evaluation mode.

    Parameters
    ----------
    network : Module
        clean-fid's ``InceptionV3W`` (``clean``, ``legacy_tensorflow``) or ``InceptionV3``.
    mode : Mode
    device : torch.device
        Where the network is moved, and every batch.
    """

    def __init__(self, network: nn.Module, mode: Mode, device: torch.device | str = "cpu"):
        super().__init__()
        self.device = torch.device(device)
        self.network, self.protocol, self.name = network.to(self.device), mode, f"{NAME} ({mode})"
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return features ``[N, 2048]`` of images ``[N, 3, H, W]`` in [0, 255] that the mode has resized."""
        images = images.to(self.device)
        if self.protocol == "legacy_pytorch":
            return self.network(images / 255)[0].flatten(1)
        return self.network(images)


def load_inception(mode: Mode, path: str | Path, *, device: torch.device | str = "cpu") -> InceptionExtractor:
    """Load the Inception network of one mode from a local file.

    Parameters
    ----------
    mode : Mode
        ``clean``, ``legacy_pytorch`` or ``legacy_tensorflow``.
    path : str or Path
        ``legacy_pytorch``: a state dict, read as weights only. Else a TorchScript archive, see Notes. The
        file may have any name.
    device : torch.device or str

    Returns
    -------
    InceptionExtractor
        Pass it to :func:`~loho_bench.metrics.fid.extract_features`, which resizes as it needs.

    Raises
    ------
    UserError
        The file is missing, broken, of another network, or a program that does more than compute.

    Notes
    -----
    A TorchScript archive is a program as well as weights. ``torch.jit.load`` runs none of Python's code and
    none of its pickle's globals, for its own reader builds tensors and TorchScript's objects only. It does
    compile the archive's program, which can call PyTorch's operators and nothing else, and runs the parts
    named ``__setstate__`` while it loads, the rest when features are computed. A few operators write files or
    talk to other processes; an archive that names one is refused before it is loaded. That is a guard, not a
    proof: the file's hash, which ``loho-bench weights check`` compares, says whose program it is.
    """
    path = Path(path)
    if mode == "legacy_pytorch":
        network = _from_state_dict(path)
    else:
        network = _from_torchscript(path, resize_inside=mode == "legacy_tensorflow")
    return InceptionExtractor(network, mode, device)


def _from_state_dict(path: Path) -> nn.Module:
    tensors = read_checkpoint(path)
    if not isinstance(tensors, Mapping):
        raise refusal(path, f"it holds a {type(tensors).__name__}, no named tensors", _OTHER_FILE)
    prepare_torchvision()
    from cleanfid import inception_pytorch
    from torchvision.models import inception_v3

    # The network that clean-fid patches has the same names and shapes: it tells what is wrong with a file.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # clean-fid builds it with arguments that torchvision has renamed
        plain = inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
        load_strictly(plain, tensors, path)
        # clean-fid's constructor asks its download function for the weights.
        with mock.patch.object(inception_pytorch, "load_state_dict_from_url", return_value=tensors):
            return inception_pytorch.InceptionV3(output_blocks=[3], resize_input=False)


def _from_torchscript(path: Path, resize_inside: bool) -> nn.Module:
    _check_program(path)
    prepare_torchvision()
    from cleanfid.inception_torchscript import InceptionV3W

    with tempfile.TemporaryDirectory() as folder:
        # clean-fid takes a folder and looks for one name in it.
        (Path(folder) / _TORCHSCRIPT_FILE).symlink_to(path.resolve())
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as such
                return InceptionV3W(folder, download=False, resize_inside=resize_inside)
        except (RuntimeError, AttributeError, ValueError) as error:
            cause = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
            raise refusal(path, f"no TorchScript program of this network: {cause}", _OTHER_FILE) from error


def _check_program(path: Path) -> None:
    """Refuse what is no TorchScript archive, and programs that reach out of the process."""
    if kind_of(path) is not Kind.TORCH_ZIP:
        raise refusal(path, f"it is no TorchScript archive but {kind_of(path).value}", _OTHER_FILE)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            programs = [archive.read(entry) for entry in entries if entry.filename.endswith(".py")]
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise refusal(path, f"truncated: not a whole zip archive ({error})", _OTHER_FILE) from error
    if not any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise refusal(path, "it holds weights alone, where a TorchScript program is needed", _OTHER_FILE)
    if called := next((found for program in programs if (found := _OUTWARD.search(program))), None):
        cause = f"its program calls '{called[1].decode()}', which no network needs"
        raise refusal(path, cause, "give a file from a source you trust; nothing was executed")
