"""FID against clean-fid itself: the same folders, the same extractor, the same number."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import linalg
from torch import nn
from torch.nn import functional

from loho_bench.compat import prepare_torchvision
from loho_bench.errors import UserError
from loho_bench.metrics.fid import FeatureSet, extract_features, fid, hair_and_face_only
from loho_bench.metrics.frechet import feature_statistics


class CoarseColours(nn.Module):
    """Means of a 3x3 grid after a square root: 27 features that depend on the range of the input."""

    name = "coarse-colours"

    def forward(self, images):
        assert images.shape[1:] == (3, 299, 299)
        assert images.dtype == torch.float32
        assert images.min() >= 0
        assert 1 < images.max() <= 255
        return functional.adaptive_avg_pool2d(images.sqrt(), 3).flatten(1)


class FullFrame(nn.Module):
    """Size, extremes and mean of what it is shown, whatever the size."""

    name = "full-frame"

    def forward(self, images):
        assert images.dtype == torch.float32
        height = torch.full((len(images),), float(images.shape[-1]))
        pixels = images.flatten(1)
        return torch.stack([height, pixels[:, 7000], pixels.amin(1), pixels.amax(1), pixels.mean(1)], 1)


def random_pictures(seed, n, height=72, width=72):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 5, 5, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(c).resize((width, height), Image.Resampling.BICUBIC)) for c in coarse]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    for name, seed in (("generated", 1), ("reference", 2)):
        (root / name).mkdir()
        for i, picture in enumerate(random_pictures(seed, 36)):
            Image.fromarray(picture).save(root / name / f"{i:02d}.png")
    return root / "generated", root / "reference"


def clean_fid_features(folder, extractor=None, mode="clean"):
    prepare_torchvision()
    from cleanfid.fid import get_folder_features

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_folder_features(
            str(folder),
            extractor or CoarseColours(),
            num_workers=0,
            batch_size=7,
            device="cpu",
            mode=mode,
            verbose=False,
        )


def clean_fid_number(first, second):
    """clean-fid's own result; its formula through SciPy where SciPy no longer takes clean-fid's call."""
    from cleanfid.fid import fid_from_feats

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fid_from_feats(first, second)
    except TypeError:
        (mu1, cov1), (mu2, cov2) = feature_statistics(first), feature_statistics(second)
        return np.sum((mu1 - mu2) ** 2) + np.trace(cov1 + cov2 - 2 * linalg.sqrtm(cov1 @ cov2).real)


def test_features_and_number_are_those_of_clean_fid(folders):
    sets = [
        extract_features(sorted(folder.glob("*.png")), CoarseColours(), batch_size=5) for folder in folders
    ]
    theirs = [clean_fid_features(folder) for folder in folders]
    for ours, expected in zip(sets, theirs, strict=True):
        np.testing.assert_allclose(ours.features, expected, rtol=1e-5, atol=1e-5)
    row = fid(*sets)
    expected = clean_fid_number(theirs[0].astype(np.float64), theirs[1].astype(np.float64))
    assert row["fid"] == pytest.approx(expected, rel=1e-4)
    assert expected > 0.1


def test_row_says_what_the_number_is(folders):
    sets = [extract_features(sorted(folder.glob("*.png")), CoarseColours()) for folder in folders]
    row = fid(sets[0].subset(range(30)), sets[1])
    assert {key: row[key] for key in ("extractor", "protocol", "reading", "resolution")} == {
        "extractor": "coarse-colours",
        "protocol": "clean",
        "reading": "full",
        "resolution": "72",
    }
    assert (row["n"], row["n_reference"], row["features"]) == (30, 36, 27)
    assert "30 images are fewer than 2048" in row["caution"]


@pytest.mark.parametrize("protocol", ["legacy_pytorch", "legacy_tensorflow"])
def test_the_protocol_is_a_choice_and_part_of_the_row(folders, protocol):
    paths = sorted(folders[0].glob("*.png"))[:3]
    extractor = FullFrame()
    ours = extract_features(paths, extractor, protocol=protocol)
    expected = clean_fid_features(folders[0], extractor, protocol)[:3]
    np.testing.assert_allclose(ours.features, expected, rtol=1e-6, atol=1e-6)
    assert fid(ours, ours)["protocol"] == protocol
    clean = extract_features(paths, extractor)
    assert np.abs(clean.features - ours.features).max() > 0.1
    with pytest.raises(ValueError, match="different protocol"):
        fid(ours, clean)


def test_no_protocol_silences_the_warnings_of_others(folders):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        extract_features(sorted(folders[0].glob("*.png"))[:1], FullFrame(), protocol="legacy_pytorch")
        warnings.warn("still heard", UserWarning, stacklevel=1)
    assert "still heard" in [str(warning.message) for warning in caught]


def test_large_sets_need_no_caution():
    many = FeatureSet(np.random.default_rng(0).normal(size=(2048, 3)).astype(np.float32), "any", "64", "full")
    assert fid(many, many)["caution"] == ""
    assert fid(many, many)["fid"] == pytest.approx(0, abs=1e-9)


def test_arrays_and_files_give_the_same(folders):
    paths = sorted(folders[0].glob("*.png"))
    arrays = [np.asarray(Image.open(path)) for path in paths]
    from_arrays = extract_features(arrays, CoarseColours())
    np.testing.assert_array_equal(extract_features(paths, CoarseColours()).features, from_arrays.features)


def test_hair_and_face_reading_ignores_the_background_and_nothing_else():
    pictures = random_pictures(3, 6)
    mask = np.zeros((72, 72), bool)
    mask[20:55, 15:60] = True
    other_background = [np.where(mask[..., None], p, np.uint8(7)) for p in pictures]
    other_face = [np.where(mask[..., None], np.uint8(7), p) for p in pictures]
    ours, same, different = (
        extract_features(images, CoarseColours(), foregrounds=[mask] * 6)
        for images in (pictures, other_background, other_face)
    )
    np.testing.assert_array_equal(ours.features, same.features)
    assert np.abs(ours.features - different.features).max() > 1
    assert ours.reading == "hair+face"


def test_background_becomes_mid_grey_and_the_input_stays():
    picture = random_pictures(4, 1)[0].copy()
    before = picture.copy()
    mask = np.eye(72, dtype=bool)
    masked = hair_and_face_only(picture, mask)
    assert masked.dtype == np.uint8
    assert np.array_equal(masked[mask], picture[mask])
    assert np.all(masked[~mask] == 128)
    assert np.array_equal(picture, before)
    with pytest.raises(ValueError, match="boolean mask"):
        hair_and_face_only(picture, mask[:20])


def test_unlike_sets_are_not_compared():
    features = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    ours = FeatureSet(features, "embedded", "128", "full")
    with pytest.raises(ValueError, match="different extractor"):
        fid(ours, FeatureSet(features, "inception", "128", "full"))
    with pytest.raises(ValueError, match="different reading"):
        fid(ours, FeatureSet(features, "embedded", "128", "hair+face"))
    assert "the reference 256 px" in fid(ours, FeatureSet(features, "embedded", "256", "full"))["caution"]


def test_one_image_has_no_fid():
    features = np.zeros((5, 3), np.float32)
    row = fid(FeatureSet(features[:1], "e", "64", "full"), FeatureSet(features, "e", "64", "full"))
    assert np.isnan(row["fid"])
    assert "two images" in row["caution"]


def test_resolution_of_frames_and_mixed_sets():
    wide, square = random_pictures(5, 2, 54, 72), random_pictures(5, 2)
    assert extract_features(wide, CoarseColours()).resolution == "72x54"
    assert extract_features([*wide, *square], CoarseColours()).resolution == "mixed"


def test_wrong_number_of_masks_and_empty_sets_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        extract_features(random_pictures(6, 3), CoarseColours(), foregrounds=[np.ones((72, 72), bool)])
    with pytest.raises(UserError, match="no images"):
        extract_features([], CoarseColours())


def test_cache_gives_back_what_was_stored_and_names_a_broken_file(tmp_path):
    ours = extract_features(random_pictures(7, 3), CoarseColours())
    fid(ours, ours)  # what it works out about a set is not stored with the set
    ours.save(tmp_path / "features.npz")
    again = FeatureSet.load(tmp_path / "features.npz")
    np.testing.assert_array_equal(again.features, ours.features)
    assert (again.extractor, again.resolution, again.reading, again.protocol) == (
        "coarse-colours",
        "72",
        "full",
        "clean",
    )
    whole = (tmp_path / "features.npz").read_bytes()
    for content in (b"", whole[: len(whole) // 2]):
        (tmp_path / "broken.npz").write_bytes(content)
        with pytest.raises(UserError, match=r"broken\.npz"):
            FeatureSet.load(tmp_path / "broken.npz")
