"""Reading checkpoints: what comes back on the CPU, and one clear error for every broken or hostile file."""

from __future__ import annotations

import argparse
import io
import os
import pickle
import zipfile

import pytest
import torch
from nvidia_snapshots import module, write
from safetensors.torch import save_file
from torch import nn

from loho_bench.errors import UserError
from loho_bench.weights.reading.checkpoints import load_strictly, read_checkpoint, strip_prefix

STATE = {"a.weight": torch.arange(6.0).view(2, 3), "a.count": torch.tensor(3)}


class Asks:
    """Pickles as the call ``os.system(command)``."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def saved(contents, zipped: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(contents, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def zipped_text() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "no weights")
    return stream.getvalue()


def refused(path, contents: bytes | None = None) -> str:
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(UserError, match="cannot load the weights") as error:
        read_checkpoint(path)
    lines = str(error.value).splitlines()
    assert str(path) in lines[0]
    assert len(lines) == 3
    assert all(len(line) < 300 for line in lines)
    if contents is not None:
        assert path.read_bytes() == contents
    return error.value.cause


def check_state(found) -> None:
    assert set(found) == set(STATE)
    for name, value in STATE.items():
        assert torch.equal(found[name], value)
        assert found[name].dtype == value.dtype
        assert found[name].device.type == "cpu"


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors", ".txt", ""])
@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_the_content_decides_not_the_suffix(tmp_path, form, suffix):
    path = tmp_path / f"weights{suffix}"
    if form == "safetensors":
        save_file(STATE, path)
    else:
        path.write_bytes(saved(STATE, form == "zip"))
    check_state(read_checkpoint(path))


@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_saved_on_a_gpu_come_to_the_cpu(tmp_path, monkeypatch, zipped):
    path = tmp_path / "w.pth"
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    contents = saved(STATE, zipped)
    assert b"cuda:0" in contents
    path.write_bytes(contents)
    check_state(read_checkpoint(path))
    if not zipped:  # as the first versions named the storages of a GPU
        path.write_bytes(contents.replace(b"ctorch\nFloatStorage", b"ctorch.cuda\nFloatStorage"))
        check_state(read_checkpoint(path))


def test_a_command_line_beside_the_weights_is_allowed(tmp_path):
    (tmp_path / "w.pt").write_bytes(saved({"args": argparse.Namespace(size=64), "g": STATE}))
    contents = read_checkpoint(tmp_path / "w.pt")
    assert contents["args"].size == 64
    check_state(contents["g"])


FOREIGN = {
    "empty": (b"", "the file is empty"),
    "web page": (b"\n <!DOCTYPE html><html>Google Drive: can't scan", "this is a web page"),
    "web page with a mark": (b"\xef\xbb\xbf<HTML><body>", "this is a web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "Git LFS pointer"),
    "text": (b"Not Found", "a text file that begins with 'Not Found'"),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "compressed"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "zip of something": (zipped_text(), "PyTorch did not write"),
    "noise": (bytes(range(129, 256)), "neither a PyTorch file nor safetensors"),
    "plain pickle": (pickle.dumps({"a": 1}), "plain values, without tensors"),
    "truncated zip": (saved(STATE)[:-30], "truncated"),
    "half a zip": (saved(STATE)[:400], "truncated"),
    "truncated legacy": (saved(STATE, False)[:-10], "truncated"),
    "half a legacy": (saved(STATE, False)[:100], "truncated"),
    "start of a legacy": (saved(STATE, False)[:6], "truncated"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_files_say_what_they_are(tmp_path, name):
    contents, reason = FOREIGN[name]
    assert reason in refused(tmp_path / "w.pth", contents)


def test_a_folder_and_a_missing_file(tmp_path):
    assert "folder" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "absent.pt")


@pytest.mark.parametrize("kept", [9, 60, -3])
def test_truncated_safetensors(tmp_path, kept):
    save_file(STATE, tmp_path / "w.safetensors")
    whole = (tmp_path / "w.safetensors").read_bytes()
    assert "not a whole safetensors file" in refused(tmp_path / "w.safetensors", whole[:kept])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_torchscript_is_named(tmp_path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), tmp_path / "w.pt")
    assert "TorchScript" in refused(tmp_path / "w.pt")


def test_nvidia_snapshots_are_sent_to_their_reader(tmp_path):
    assert "NVIDIA" in refused(write(tmp_path / "n.pkl", module("Generator")))


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_a_forbidden_call_is_named_and_not_made(tmp_path, form):
    made = tmp_path / "made"
    evil = {"weight": torch.zeros(2), "extra": Asks(f"touch {made}")}
    contents = pickle.dumps(evil["extra"]) if form == "pickle" else saved(evil, form == "zip")
    cause = refused(tmp_path / "w.pt", contents)
    assert f"{os.system.__module__}.system" in cause
    assert not made.exists()


def test_a_wrong_architecture_in_few_words(tmp_path):
    network = nn.Sequential(*(nn.Linear(3, 3) for _ in range(100)))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    tensors = {f"features.{i}.weight": torch.zeros(2) for i in range(0, 200, 2)}
    tensors |= {"0.weight": torch.ones(3, 3), "1.bias": torch.ones(4)}
    with pytest.raises(UserError) as error:
        load_strictly(network, tensors, tmp_path / "w.pt")
    message = str(error.value)
    assert len(message.splitlines()) <= 5
    assert len(message) < 700
    # Of 200 tensors two are there, one of them with another shape; 100 have names of VGG16.
    assert "299 tensors differ from the network's (198 missing, 100 unknown, 1 misshapen)" in message
    assert "0.bias: file absent, network (3,)" in message
    assert "features.0.weight: file (2,), network absent" in message
    assert "1.bias: file (4,), network (3,)" in message
    assert "looks like VGG16" in message
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_values_that_are_no_tensors_are_named(tmp_path):
    with pytest.raises(UserError, match=r"bias: file no tensor \(int\), network \(2,\)"):
        load_strictly(nn.Linear(1, 2), {"weight": torch.zeros(2, 1), "bias": 3}, tmp_path / "w.pt")


def test_the_right_tensors_are_loaded(tmp_path):
    network = nn.Linear(1, 2)
    load_strictly(network, {"weight": torch.ones(2, 1), "bias": torch.full((2,), 5.0)}, tmp_path / "w.pt")
    assert network(torch.ones(1, 1)).tolist() == [[6.0, 6.0]]


def test_a_prefix_goes_only_where_all_names_have_it():
    assert strip_prefix({"module.a": 1, "module.module.b": 2}, "module.") == {"a": 1, "module.b": 2}
    assert strip_prefix({"module.a": 1, "b": 2}, "module.") == {"module.a": 1, "b": 2}
    assert strip_prefix({}, "module.") == {}
    assert strip_prefix({0: 1}, "module.") == {0: 1}
