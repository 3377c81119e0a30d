"""The arithmetic that is chosen: by the settings, and by what the device computes with faster."""

from __future__ import annotations

import pytest
import torch
from refusals import refusal

from loho_bench.errors import UserError
from loho_bench.methods import precision, resources
from loho_bench.methods.precision import allow_tf32, choose_precision
from loho_bench.methods.protocol import Resources
from loho_bench.settings.loading import validate_settings

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def _flags():
    """PyTorch's own: TensorFloat-32 for convolutions, not for matrix products."""
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False


@pytest.fixture
def gpu(monkeypatch):
    """Pretend that there is a GPU of some compute capability."""

    def pretend(capability: tuple[int, int]) -> None:
        def supported(including_emulation: bool = True) -> bool:
            return including_emulation or capability >= (8, 0)

        monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)

    return pretend


@pytest.mark.parametrize("wanted", ["float32", "bfloat16"])
def test_what_is_wanted_is_taken(wanted):
    assert choose_precision(wanted, CPU) == wanted


@pytest.mark.parametrize(
    ("avx", "amx", "expected"),
    [(True, False, "bfloat16"), (False, True, "bfloat16"), (False, False, "float32")],
)
def test_auto_on_a_processor_asks_for_its_units(monkeypatch, avx, amx, expected):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert choose_precision("auto", CPU) == expected


@pytest.mark.parametrize(("capability", "expected"), [((8, 0), "bfloat16"), ((7, 5), "float32")])
def test_auto_on_a_gpu_takes_no_emulation(gpu, capability, expected):
    gpu(capability)
    assert choose_precision("auto", GPU) == expected


def test_tf32_needs_a_gpu_that_has_it(gpu):
    with pytest.raises(UserError) as error:
        choose_precision("tf32", CPU)
    assert "transfer.precision" in refusal(error)
    gpu((7, 5))
    with pytest.raises(UserError):
        choose_precision("tf32", GPU)
    gpu((9, 0))
    assert choose_precision("tf32", GPU) == "tf32"


def test_feature_maps_are_float32_but_in_bfloat16():
    dtypes = {
        name: Resources(None, None, None, CPU, name).compute_dtype for name in ("float32", "tf32", "bfloat16")
    }
    assert dtypes == {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}


@pytest.mark.parametrize(("wanted", "allowed"), [("float32", False), ("bfloat16", False), ("tf32", True)])
def test_gpus_round_float32_products_in_tf32_alone(monkeypatch, wanted, allowed):
    """PyTorch lets cuDNN round them unless it is told otherwise."""
    allow_tf32(not allowed)
    monkeypatch.setattr(precision, "_has_tf32_units", lambda device: True)
    settings = validate_settings({"transfer": {"precision": wanted}})
    assert resources.load_resources(settings, ()).precision == wanted
    assert torch.backends.cudnn.allow_tf32 is allowed
    assert torch.backends.cuda.matmul.allow_tf32 is allowed
