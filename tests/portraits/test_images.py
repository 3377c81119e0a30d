"""Reading images: every kind of file becomes 8-bit RGB of known values or is refused with its reason."""

from __future__ import annotations

import pickle
import struct
import zlib
from contextlib import suppress

import cv2
import numpy as np
import pytest
from PIL import Image
from portraits.pictures import SIDE, reason, save

from loho_bench.errors import UserError
from loho_bench.portraits.images import (
    LARGEST_SIDE,
    RejectedImage,
    load_rgb,
)


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
