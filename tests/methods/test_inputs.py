"""From tables to batches: masks against block means in NumPy, images against Pillow, fingerprints."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from refusals import refusal

from loho_bench.annotation.record import Annotation
from loho_bench.errors import UserError
from loho_bench.methods.inputs import TupleInputs
from loho_bench.portraits.images import to_tensor
from loho_bench.storage import file_sha256, write_png, write_table

IDS = ("00018", "NA", "p2")


@pytest.fixture
def world(tmp_path):
    """Three noise portraits with noise masks: tables in ``tmp_path``, and the arrays by portrait id."""

    def build(size: int = 64, mask_size: int = 64, seed: int = 0) -> dict[str, tuple]:
        rng = np.random.default_rng(seed)
        arrays, portraits, notes = {}, [], []
        for name in IDS:
            image = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            hair, face = rng.random((2, mask_size, mask_size)) < 0.5
            arrays[name] = (image, hair, face)
            write_png(image, tmp_path / f"{name}.png")
            portraits.append({"portrait_id": name, "path": str(tmp_path / f"{name}.png")})
            portraits[-1]["sha256"] = file_sha256(tmp_path / f"{name}.png")
            notes.append(Annotation(name, hair, face, np.zeros((68, 2), np.float32)).to_row())
        write_table(pd.DataFrame(portraits), tmp_path / "portraits.parquet")
        for number, rows in enumerate((notes[:2], notes[2:])):
            write_table(pd.DataFrame(rows), tmp_path / f"shard-{number}.parquet")
        return arrays

    return build


def read(folder, resolution: int) -> TupleInputs:
    shards = [folder / "shard-0.parquet", folder / "shard-1.parquet"]
    return TupleInputs.read(folder / "portraits.parquet", shards, resolution)


def record(tuple_id="easy-0001", identity="00018", structure="NA", appearance="p2") -> dict[str, str]:
    return {"tuple_id": tuple_id, "identity": identity, "structure": structure, "appearance": appearance}


TURNED = record("easy-0002", "p2", "00018", "00018")


def test_every_role_gets_its_own_image_and_masks(world, tmp_path):
    arrays = world()
    batch = read(tmp_path, 64).batch([record(), TURNED], [7, 2**62])
    assert batch.tuple_ids == ("easy-0001", "easy-0002")
    assert batch.seeds == (7, 2**62)
    for position, chosen in enumerate((record(), TURNED)):
        for role in ("identity", "structure", "appearance"):
            image, hair, face = arrays[chosen[role]]
            expected = image.transpose(2, 0, 1) / 127.5 - 1
            np.testing.assert_allclose(getattr(batch, role)[position], expected, atol=1e-6)
            np.testing.assert_array_equal(getattr(batch, f"{role}_hair")[position, 0], hair)
            np.testing.assert_array_equal(getattr(batch, f"{role}_face")[position, 0], face)
    assert batch.identity.dtype == batch.identity_hair.dtype == torch.float32


def test_a_larger_mask_is_reduced_by_majority_of_area(world, tmp_path):
    hair, face = world(mask_size=256)["00018"][1:]
    batch = read(tmp_path, 128).batch([record()], [0])
    for mask, found in ((hair, batch.identity_hair), (face, batch.identity_face)):
        blocks = mask.reshape(128, 2, 128, 2).mean(axis=(1, 3))
        # A half counts as set; of noise, every share from none to all occurs.
        assert set(np.unique(blocks)) == {0, 0.25, 0.5, 0.75, 1}
        np.testing.assert_array_equal(found[0, 0], blocks >= 0.5)


def test_a_smaller_mask_is_enlarged_by_the_nearest_pixel(world, tmp_path):
    hair = world(size=128, mask_size=64)["00018"][1]
    found = read(tmp_path, 128).batch([record()], [0]).identity_hair[0, 0]
    np.testing.assert_array_equal(found, np.kron(hair, np.ones((2, 2))))


def test_images_are_resized_as_pillow_does(world, tmp_path):
    image = world(size=128)["NA"][0]
    expected = np.asarray(Image.fromarray(image).resize((64, 64), Image.Resampling.LANCZOS))
    found = read(tmp_path, 64).batch([record()], [0]).structure
    assert torch.equal(found, to_tensor(expected[None].copy()))


def test_a_fingerprint_follows_portraits_masks_and_roles(world, tmp_path):
    world()
    inputs = read(tmp_path, 64)
    original = inputs.fingerprint(record())
    assert original == read(tmp_path, 64).fingerprint(record("another-name"))
    seen = {original, inputs.fingerprint(TURNED), inputs.fingerprint(record(structure="00018"))}
    assert len(seen) == 3

    for column in ("hair_mask", "face_mask"):
        notes = pd.read_parquet(tmp_path / "shard-1.parquet")
        saved = notes.copy()
        packed = notes[column][0]
        notes.at[0, column] = packed[:-1] + bytes([packed[-1] ^ 1])
        write_table(notes, tmp_path / "shard-1.parquet")
        # p2 is the appearance of the first tuple.
        seen.add(read(tmp_path, 64).fingerprint(record()))
        write_table(saved, tmp_path / "shard-1.parquet")
    assert len(seen) == 5

    portraits = pd.read_parquet(tmp_path / "portraits.parquet")
    portraits.loc[2, "sha256"] = "0" * 64
    write_table(portraits, tmp_path / "portraits.parquet")
    assert read(tmp_path, 64).fingerprint(record()) not in seen
    unrelated = record(appearance="NA")
    assert read(tmp_path, 64).fingerprint(unrelated) == inputs.fingerprint(unrelated)


def test_a_portrait_that_is_gone_is_named(world, tmp_path):
    world()
    inputs = read(tmp_path, 64)
    (tmp_path / "NA.png").unlink()
    with pytest.raises(UserError, match=r"NA\.png"):
        inputs.batch([record()], [0])


def test_only_what_tuples_are_made_of_is_read(world, tmp_path):
    world()
    reconstruction = record(identity="00018", structure="00018", appearance="00018")
    shards = [tmp_path / f"shard-{number}.parquet" for number in (0, 1)]
    found = TupleInputs.read(tmp_path / "portraits.parquet", shards, 64, pd.DataFrame([reconstruction]))
    assert set(found.portraits.index) == set(found.annotations.index) == {"00018"}
    assert found.fingerprint(reconstruction) == read(tmp_path, 64).fingerprint(reconstruction)


def test_a_missing_table_is_named(world, tmp_path):
    world()
    with pytest.raises(UserError, match=r"shard-9\.parquet"):
        TupleInputs.read(tmp_path / "portraits.parquet", [tmp_path / "shard-9.parquet"], 64)


def test_a_portrait_in_two_tables_is_named_with_both(world, tmp_path):
    world()
    shards = [pd.read_parquet(tmp_path / f"shard-{number}.parquet") for number in (0, 1)]
    write_table(pd.concat([shards[1], shards[0].iloc[:1]]), tmp_path / "shard-1.parquet")
    with pytest.raises(UserError, match="'00018' stands in more than one row") as error:
        read(tmp_path, 64)
    assert all(f"shard-{number}.parquet" in refusal(error) for number in (0, 1))


def test_a_portrait_twice_in_its_table_is_named(world, tmp_path):
    world()
    portraits = pd.read_parquet(tmp_path / "portraits.parquet")
    write_table(portraits.iloc[[0, 1, 2, 1]], tmp_path / "portraits.parquet")
    with pytest.raises(UserError, match="'NA' stands in more than one row") as error:
        read(tmp_path, 64)
    assert str(tmp_path / "portraits.parquet") in refusal(error)


def test_a_tuple_of_unknown_portraits_is_named(world, tmp_path):
    world()
    inputs = read(tmp_path, 64)
    for call in (inputs.fingerprint, lambda chosen: inputs.batch([chosen], [0])):
        with pytest.raises(UserError, match="'p9'") as error:
            call(record(structure="p9"))
        assert error.value.remedy
