"""NVIDIA's snapshots: tensors and attributes come out, and nothing that the file asks for is ever done."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess

import pytest
import torch
from nvidia_snapshots import module, small_generator, snapshot, write

from loho_bench.errors import UserError
from loho_bench.weights.reading.inert_pickle import PickleRefusal, read_pickle
from loho_bench.weights.reading.nvidia_pickle import read_generator


class Asks:
    """Pickles as the call ``function(*arguments)``."""

    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def refused(path) -> str:
    with pytest.raises(UserError, match="cannot load the weights") as error:
        read_generator(path)
    assert str(path) in str(error.value)
    assert len(str(error.value).splitlines()) == 3
    return error.value.cause


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_tensors_and_attributes_of_every_module(tmp_path, protocol):
    layer = module(
        "FullyConnectedLayer",
        {"weight": torch.nn.Parameter(torch.arange(6.0).view(2, 3).T), "bias": None},
        {"half": torch.ones(2, dtype=torch.float16), "count": torch.tensor(7), "none": torch.zeros(0, 3)},
        activation="linear",
    )
    network = read_generator(write(tmp_path / "n.pkl", module("G", modules={"fc": layer}, c_dim=0), protocol))
    assert network.classes == {"": "G", "fc": "FullyConnectedLayer"}
    assert network.attributes[""]["c_dim"] == 0
    assert network.attributes["fc"]["activation"] == "linear"
    assert set(network.tensors) == {"fc.weight", "fc.half", "fc.count", "fc.none"}
    assert network.tensors["fc.weight"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert network.tensors["fc.half"].dtype == torch.float16
    assert int(network.tensors["fc.count"]) == 7
    assert network.tensors["fc.none"].shape == (0, 3)


@pytest.mark.parametrize("protocol", [3, 4])
def test_the_source_inside_is_not_executed(tmp_path, protocol):
    written = tmp_path / "written"
    source = f"open({str(written)!r}, 'w').write('executed')"
    exec(source)  # what a reader that trusts the file would do
    assert written.exists()
    written.unlink()
    network = snapshot(small_generator())
    for part in (network, network.meta["state"]["_modules"]["synthesis"]):
        part.meta["module_src"] = source
    assert read_generator(write(tmp_path / "n.pkl", network, protocol)).tensors
    assert not written.exists()


def test_tensors_saved_on_a_gpu_come_to_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    path = write(tmp_path / "n.pkl", module("G", {"weight": torch.arange(3.0)}))
    assert b"cuda:0" in path.read_bytes()
    assert read_generator(path).tensors["weight"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("place", ["beside", "inside"])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch {}",), f"{os.system.__module__}.system"),
        (subprocess.Popen, (["touch", "{}"],), "subprocess.Popen"),
        (eval, ("open('{}', 'w')",), "builtins.eval"),
        (exec, ("open('{}', 'w')",), "builtins.exec"),
        (open, ("{}", "w"), "open"),
        (getattr, ({}, "clear"), "builtins.getattr"),
        (torch.load, ("{}",), "torch.serialization.load"),
        (torch.hub.load, ("{}", "model"), "torch.hub.load"),
    ],
)
def test_a_call_of_anything_else_is_refused_by_name(tmp_path, function, arguments, name, place):
    target = tmp_path / "made"
    filled = [
        [v.format(target) for v in value] if isinstance(value, list) else str(value).format(target)
        for value in arguments
    ]
    asked = Asks(function, *filled)
    network = module("G", c_dim=asked if place == "inside" else 0)
    contents = {"augment_pipe": asked if place == "beside" else None, "G_ema": network}
    cause = refused(write(tmp_path / "n.pkl", contents))
    assert name in cause
    assert "nothing was executed" in cause
    assert not target.exists()


def test_a_call_hidden_in_the_numbers_of_a_tensor_is_refused(tmp_path):
    target = tmp_path / "made"
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, Asks(os.system, f"touch {target}"), []]
    hidden = b"".join(pickle.dumps(part, 2) for part in parts)
    tensor = Asks(
        torch._utils._rebuild_tensor_v2,
        Asks(torch.storage._load_from_bytes, hidden),
        0,
        (1,),
        (1,),
        False,
        {},
    )
    assert "system" in refused(write(tmp_path / "n.pkl", module("G", {"weight": tensor})))
    assert not target.exists()


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"\x80\x02(X\x02\x00\x00\x00idios\nsystem\n.", "opcode INST"),
        (b"\x80\x02(cos\nsystem\nX\x02\x00\x00\x00ido.", "os.system"),
        (b"\x80\x02(ccollections\nOrderedDict\no.", "opcode OBJ"),
        (b"\x80\x02\x82\x01.", "opcode EXT1"),
        (b"\x80\x02}}b.", "a dict stands where"),  # state given to something that is no recorded call
        (b"\x80\x02ccollections\nOrderedDict\n}b.", "a Global stands where"),
        (b"\x80\x02}}\x85R.", "a dict stands where"),  # a call of something that is no name
        (b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"Ns.", "a tuple stands where"),  # a key too deep to hash
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"abc.", "more bytes than"),
        (b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60) + b"abc.", "more bytes than"),
        (b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"abc.", "more bytes than"),
        (b"\x80\x02h\x07.", "damaged or truncated"),
        (b"\x80\x02(.", "a mark stands"),
        (b"\x80\x02R.", "damaged or truncated"),
        (b"\x80\x02\xff.", "damaged or truncated"),
        (b"", "truncated"),
    ],
)
def test_tricks_of_the_format_are_refused(stream, reason):
    with pytest.raises(PickleRefusal, match=reason):
        read_pickle(io.BytesIO(stream), frozenset({"collections.OrderedDict"}))


def test_a_huge_memo_index_costs_no_memory():
    stream = b"\x80\x02]r" + struct.pack("<I", 2**32 - 1) + b"."
    assert read_pickle(io.BytesIO(stream), frozenset()) == []


def rebuilt(size, stride, offset=0, values=4) -> Asks:
    """A tensor of the given layout over ``values`` numbers."""
    data = io.BytesIO()
    torch.save(torch.zeros(values)._typed_storage(), data, _use_new_zipfile_serialization=False)
    storage = Asks(torch.storage._load_from_bytes, data.getvalue())
    return Asks(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, {})


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((5,), (1,), 0),
        ((4,), (1,), 1),
        ((2, 2), (3, 1), 0),
        ((100, 100), (0, 0), 0),  # many numbers out of one
        ((10**6, 10**6), (0, 0), 0),
        ((2**40, 2**40), (1, 1), 0),
        ((-1,), (1,), 0),
        ((2,), (-1,), 1),
        ((2,), (1, 1), 0),
        (("2",), (1,), 0),
        (2, 1, 0),
    ],
)
def test_a_tensor_larger_than_its_data_is_refused(tmp_path, size, stride, offset):
    path = write(tmp_path / "n.pkl", module("G", {"weight": rebuilt(size, stride, offset)}))
    assert "damaged" in refused(path)


def test_announced_and_present_numbers_must_agree(tmp_path):
    path = write(tmp_path / "n.pkl", module("G", {"weight": rebuilt((4,), (1,))}))
    whole = path.read_bytes()
    assert read_generator(path).tensors["weight"].shape == (4,)
    count = struct.pack("<q", 4) + bytes(16)  # the count, then four zeros
    assert whole.count(count) == 1
    path.write_bytes(whole.replace(count, struct.pack("<q", 1 << 50) + bytes(16)))
    assert "another length" in refused(path)


def test_a_module_that_stands_in_two_places_is_refused(tmp_path):
    inner = module("A")
    network = module("G", modules={"a": inner, "b": inner})
    assert "twice" in refused(write(tmp_path / "n.pkl", network))


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_snapshot_is_refused(tmp_path, part):
    path = write(tmp_path / "n.pkl", snapshot(small_generator()))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    assert "truncated" in refused(path)


@pytest.mark.parametrize("contents", [[1, 2], {"G": None}, {"G_ema": None}, {"G_ema": {"a": 1}}, 5])
def test_other_contents_are_refused(tmp_path, contents):
    assert "G_ema" in refused(write(tmp_path / "n.pkl", contents)) or "missing" in refused(tmp_path / "n.pkl")


def test_the_tensorflow_version_is_named(tmp_path):
    path = tmp_path / "n.pkl"
    path.write_bytes(b"\x80\x03cdnnlib.tflib.network\nNetwork\n)\x81}b.")
    assert "TensorFlow" in refused(path)
