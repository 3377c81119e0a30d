"""One transfer from files: the parts of the tuple reach the method, and what cannot be used is named."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from refusals import refusal
from runner_world import Mix, MixSettings

from loho_bench.errors import UserError
from loho_bench.methods import single
from loho_bench.methods.registry import MethodSpec, Registry
from loho_bench.methods.single import transfer_files
from loho_bench.settings.loading import validate_settings

SETTINGS = validate_settings({"transfer": {"resolution": 64}, "annotation": {"mask_size": 64}})


class ColourParser:
    """Calls red pixels hair and blue pixels face."""

    size = 128

    def parse(self, images: torch.Tensor) -> torch.Tensor:
        assert images.shape[-1] == self.size
        labels = torch.zeros(images.shape[0], *images.shape[2:], dtype=torch.uint8)
        labels[images[:, 0] > 0.5] = 2
        labels[images[:, 2] > 0.5] = 13
        return labels


@pytest.fixture
def method(monkeypatch) -> Mix:
    """The only method, named mix."""
    built = Mix(MixSettings())
    registry = Registry()
    registry.register(MethodSpec("mix", "Mix", "a mixture", MixSettings, lambda settings, resources: built))
    monkeypatch.setattr(single, "registry_for", lambda settings: registry)
    resources = SimpleNamespace(parser=ColourParser())
    monkeypatch.setattr(single, "load_resources", lambda settings, jobs: resources)
    return built


def picture(path: Path, hair_rows: int, face_rows: int, side: int = 128) -> Path:
    pixels = np.full((side, side, 3), 20, np.uint8)
    pixels[:hair_rows, :, 0] = 255
    pixels[side - face_rows :, :, 2] = 255
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    rows = {"identity": (20, 60), "structure": (40, 40), "appearance": (60, 20)}
    return {role: picture(tmp_path / f"{role}.png", *rows[role]) for role in rows}


def test_images_and_masks_reach_the_method_by_their_roles(method, files):
    seen = []
    method.incident = seen.append
    found = transfer_files("mix", files, SETTINGS)
    (batch,) = seen
    for role, hair, face in (("identity", 10, 30), ("structure", 20, 20), ("appearance", 30, 10)):
        assert getattr(batch, f"{role}_hair")[0, 0].sum() == hair * 64
        assert getattr(batch, f"{role}_face")[0, 0, -face:].all()
        assert found.annotations[role].hair.sum() == hair * 64
    # The mixture is 0.9 times the mean of identity and structure, and a little noise from the seed.
    assert found.image.shape == (64, 64, 3)
    expected = (batch.identity + batch.structure)[0].permute(1, 2, 0).numpy() * 0.45
    np.testing.assert_allclose(found.foreground, np.clip((expected + 1) * 127.5, 0, 255), atol=1)
    assert set(np.unique(found.soft_mask)) == {0, 255}
    assert (found.soft_mask[:10] == 255).all()


def test_the_same_seed_gives_the_same_image(method, files):
    first = transfer_files("mix", files, SETTINGS).image
    np.testing.assert_array_equal(transfer_files("mix", files, SETTINGS).image, first)
    other = SETTINGS.model_copy(update={"seed": 4})
    assert (transfer_files("mix", files, other).image != first).any()


@pytest.mark.parametrize(
    ("role", "rows", "part"),
    [("structure", (0, 40), "hair"), ("appearance", (0, 40), "hair"), ("identity", (40, 0), "face")],
)
def test_a_portrait_without_what_its_role_needs_is_named(method, files, role, rows, part):
    picture(files[role], *rows)
    with pytest.raises(UserError) as error:
        transfer_files("mix", files, SETTINGS)
    assert f"{files[role]} cannot be the {role}" in refusal(error)
    assert f"no {part}" in str(error.value)
    assert not method.batches


def test_files_that_are_no_portraits_are_named_before_anything_is_loaded(method, files, monkeypatch):
    monkeypatch.setattr(single, "load_resources", lambda settings, jobs: pytest.fail("loaded"))
    Image.new("RGB", (128, 100)).save(files["appearance"])
    with pytest.raises(UserError, match="not square"):
        transfer_files("mix", files, SETTINGS)
    files["structure"].unlink()
    with pytest.raises(UserError, match=r"structure\.png"):
        transfer_files("mix", files, SETTINGS)
    with pytest.raises(UserError, match="Did you mean 'mix'"):
        transfer_files("mixx", files, SETTINGS)


def test_an_image_that_is_not_finite_is_no_result(method, files):
    def spoil(batch):
        batch.identity[:] = torch.nan

    method.incident = spoil
    with pytest.raises(UserError) as error:
        transfer_files("mix", files, SETTINGS)
    assert "not finite" in refusal(error)
