"""Reading images: every kind of file becomes 8-bit RGB of known values or is refused with its reason."""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from loho_bench.errors import UserError
from loho_bench.portraits.images import (
    LARGEST_SIDE,
    RejectedImage,
    load_resized,
    load_rgb,
    resize,
    to_tensor,
    to_uint8,
)

SIDE = 80


@pytest.fixture
def picture() -> np.ndarray:
    """A random RGB picture, uint8 [80, 80, 3]."""
    return np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def save(image: Image.Image, path: Path, **options) -> Path:
    image.save(path, **options)
    return path


def reason(path: Path) -> str:
    with pytest.raises(RejectedImage) as caught:
        load_rgb(path)
    assert str(path) in str(caught.value)
    return caught.value.reason


def test_rgb_png_is_read_exactly(tmp_path, picture):
    read = load_rgb(save(Image.fromarray(picture), tmp_path / "a.png"))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, picture)


def test_grey_becomes_three_equal_channels(tmp_path, picture):
    read = load_rgb(save(Image.fromarray(picture[..., 0]), tmp_path / "a.png"))
    np.testing.assert_array_equal(read, np.repeat(picture[..., :1], 3, axis=2))


def test_palette_keeps_its_colours(tmp_path):
    indices = np.random.default_rng(1).integers(0, 3, (SIDE, SIDE), dtype=np.uint8)
    colours = np.array([[250, 10, 20], [0, 99, 200], [7, 8, 9]], dtype=np.uint8)
    image = Image.fromarray(indices, mode="P")
    image.putpalette(colours.ravel().tolist())
    np.testing.assert_array_equal(load_rgb(save(image, tmp_path / "a.png")), colours[indices])


def test_opaque_alpha_is_dropped(tmp_path, picture):
    opaque = np.dstack([picture, np.full((SIDE, SIDE), 255, np.uint8)])
    np.testing.assert_array_equal(load_rgb(save(Image.fromarray(opaque), tmp_path / "a.png")), picture)


def test_transparent_pixels_lie_over_white(tmp_path, picture):
    alpha = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    read = load_rgb(save(Image.fromarray(np.dstack([picture, alpha])), tmp_path / "a.png"))
    share = alpha[..., None] / 255.0
    np.testing.assert_allclose(read, share * picture + (1 - share) * 255, atol=1)


def test_transparent_palette_colour_lies_over_white(tmp_path):
    indices = np.zeros((SIDE, SIDE), dtype=np.uint8)
    indices[:, 40:] = 1
    image = Image.fromarray(indices, mode="P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    read = load_rgb(save(image, tmp_path / "a.png", transparency=0))
    assert read[0, 0].tolist() == [255, 255, 255]
    assert read[0, 79].tolist() == [40, 50, 60]


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    levels = np.linspace(0, 65535, SIDE * SIDE).round().astype(np.uint16).reshape(SIDE, SIDE)
    cv2.imwrite(str(tmp_path / "a.png"), levels)
    read = load_rgb(tmp_path / "a.png")
    expected = np.round(levels / 257.0)
    np.testing.assert_array_equal(read, np.repeat(expected[..., None], 3, axis=2))
    assert len(np.unique(read)) == 256


def test_sixteen_bit_colour_is_scaled_not_clipped(tmp_path):
    levels = np.random.default_rng(3).integers(0, 65536, (SIDE, SIDE, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), levels[..., ::-1])
    np.testing.assert_allclose(load_rgb(tmp_path / "a.png"), levels / 257.0, atol=1)


def test_cmyk_jpeg_is_converted(tmp_path):
    image = Image.new("CMYK", (SIDE, SIDE), (0, 255, 255, 0))
    read = load_rgb(save(image, tmp_path / "a.jpg", quality=100, subsampling=0))
    np.testing.assert_allclose(read, np.broadcast_to([255, 0, 0], read.shape), atol=4)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda x: x),
        (2, lambda x: x[:, ::-1]),
        (3, lambda x: x[::-1, ::-1]),
        (6, lambda x: np.rot90(x, -1)),
        (8, lambda x: np.rot90(x, 1)),
    ],
)
def test_exif_orientation_is_applied(tmp_path, picture, orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = load_rgb(save(Image.fromarray(picture), tmp_path / "a.png", exif=exif))
    np.testing.assert_array_equal(read, turn(picture))


def test_missing_file(tmp_path):
    assert "no such file" in reason(tmp_path / "nobody.png")


@pytest.mark.parametrize("content", [b"", b"not an image at all", b"\x89PNG\r\n\x1a\n"])
def test_no_image(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert "unreadable" in reason(path)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_truncated_file(tmp_path, picture, suffix, share):
    path = save(Image.fromarray(picture), tmp_path / f"a.{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "truncated" in reason(path)


def test_damaged_files_are_always_refused_by_the_same_error(tmp_path, picture):
    generator = np.random.default_rng(4)
    for suffix in ("png", "jpg", "tif", "webp", "bmp"):
        path = save(Image.fromarray(picture), tmp_path / f"a.{suffix}")
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        for _ in range(25):
            damaged = content.copy()
            places = generator.integers(0, min(len(damaged), 400), 12)
            damaged[places] = generator.integers(0, 256, 12)
            path.write_bytes(damaged.tobytes())
            with suppress(RejectedImage):
                load_rgb(path)


def test_not_square(tmp_path, picture):
    assert "align it first" in reason(save(Image.fromarray(picture[:70]), tmp_path / "a.png"))


def test_tiny(tmp_path, picture):
    path = save(Image.fromarray(picture[:63, :63]), tmp_path / "a.png")
    assert "too small (63x63" in reason(path)
    assert load_rgb(path, smallest=32).shape == (63, 63, 3)
    assert load_rgb(save(Image.fromarray(picture[:64, :64]), tmp_path / "b.png")).shape == (64, 64, 3)


@pytest.mark.parametrize("side", [LARGEST_SIDE + 1, 100_000])
def test_huge_is_refused_before_its_pixels_are_decoded(tmp_path, side):
    # A PNG of a few bytes that claims to be enormous: decoding it would take gigabytes.
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"0"))
        + chunk(b"IEND", b"")
    )
    assert "too large" in reason(path)


def test_floating_point_pixels_are_refused(tmp_path):
    image = Image.fromarray(np.random.default_rng(5).random((SIDE, SIDE)).astype(np.float32))
    assert "32-bit" in reason(save(image, tmp_path / "a.tif"))


def test_rejection_survives_the_way_between_processes(tmp_path):
    with pytest.raises(UserError) as caught:
        load_rgb(tmp_path / "nobody.png")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.reason) == (str(caught.value), caught.value.reason)


def test_tensor_and_back_is_exact_over_all_levels():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    levels[..., 1] = 255 - levels[..., 1]
    tensor = to_tensor(levels)
    assert tensor.shape == (1, 3, 16, 16)
    assert tensor.dtype == torch.float32
    assert (float(tensor.min()), float(tensor.max())) == (-1.0, 1.0)
    np.testing.assert_array_equal(tensor[0, 1].numpy(), levels[0, ..., 1] / np.float32(127.5) - 1)
    np.testing.assert_array_equal(to_uint8(tensor), levels)


def test_to_uint8_rounds_and_clamps():
    values = torch.tensor([-7.0, -1.0, 100.6 / 127.5 - 1, 100.4 / 127.5 - 1, 1.0, 7.0])
    read = to_uint8(values.view(1, 1, 1, 6).expand(1, 3, 1, 6))
    assert read[0, 0, :, 0].tolist() == [0, 0, 101, 100, 255, 255]


def test_resize_is_antialiased():
    # Stripes of one pixel have no place at a fifth of the size: what is left is their mean.
    stripes = np.zeros((320, 320, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resize(stripes, 64)[:, 4:-4].astype(int) - 127).max() <= 3
    assert resize(stripes, 320) is stripes


def test_resize_keeps_a_smooth_picture_in_place():
    ramp = np.tile(np.linspace(0, 255, 256), (256, 1))
    image = np.repeat(ramp[..., None], 3, axis=2).round().astype(np.uint8)
    expected = ramp[0].reshape(64, 4).mean(axis=1)
    np.testing.assert_allclose(resize(image, 64)[30, 4:-4, 0], expected[4:-4], atol=1.5)


def test_jpeg_is_read_as_pillow_decodes_it(tmp_path, picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG")
    path = tmp_path / "a.jpeg"
    path.write_bytes(buffer.getvalue())
    np.testing.assert_allclose(load_rgb(path), cv2.imread(str(path))[..., ::-1], atol=2)


@pytest.mark.parametrize("size", [32, SIDE, 200])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "I;16"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif", "gif"])
def test_reading_to_a_size_is_reading_and_resizing(tmp_path, picture, suffix, mode, size):
    image = Image.fromarray(np.dstack([picture, picture[..., 0]]))
    if mode == "I;16":
        image = Image.fromarray(picture[..., 0].astype(np.uint16) * 257)
    elif mode != "RGBA":
        image = image.convert("RGB").convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    try:
        path = save(image, tmp_path / f"a.{suffix}", exif=exif)
    except (OSError, ValueError):
        pytest.skip("there are no such files")
    # Pillow's own steps, written down once more.
    with Image.open(path) as stored:
        turned = np.array(ImageOps.exif_transpose(stored).convert("RGB"))
    if mode in ("RGB", "L", "P", "CMYK"):
        np.testing.assert_array_equal(load_rgb(path), turned)
    np.testing.assert_array_equal(load_resized(path, size), resize(load_rgb(path), size))
    assert load_resized(path, size).flags.writeable


def test_reading_to_a_size_refuses_what_reading_refuses(tmp_path, picture):
    path = save(Image.fromarray(picture[:, :70]), tmp_path / "a.png")
    with pytest.raises(RejectedImage) as caught:
        load_resized(path, 32)
    assert caught.value.reason == reason(path)


def test_pillows_warnings_are_not_shown_whatever_thread_reads(tmp_path):
    broken_exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x05broken"
    path = save(Image.new("RGB", (SIDE, SIDE)), tmp_path / "a.jpg", exif=broken_exif)
    with pytest.warns(UserWarning, match="EXIF"), Image.open(path) as image:
        image.getexif()
    with warnings.catch_warnings(record=True) as shown, ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("always")
        list(pool.map(load_rgb, [path] * 40))
    assert not shown
