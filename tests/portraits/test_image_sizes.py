"""Images as tensors and at other sizes: reading to a size is reading and resizing."""

from __future__ import annotations

import io
import warnings
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from portraits.pictures import SIDE, reason, save

from loho_bench.portraits.images import (
    RejectedImage,
    load_resized,
    load_rgb,
    resize,
    to_tensor,
    to_uint8,
)


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
