"""Given masks and landmarks: what is in the files comes out, what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loho_bench.annotation.given import RejectedAnnotation, read_landmarks, read_masks
from loho_bench.errors import UserError

GENERATOR = np.random.default_rng(0)


def save_mask(folder: Path, name: str, pixels: np.ndarray) -> Path:
    path = folder / f"{name}.png"
    Image.fromarray(pixels).save(path)
    return path


def write_points(path: Path, portraits: dict[str, np.ndarray], changes: dict[int, str] | None = None) -> Path:
    """Write a landmarks table; ``changes`` replaces lines of the file, counted from 1."""
    lines = ["portrait_id,point,x,y"]
    lines += [f"{name},{i},{x},{y}" for name, points in portraits.items() for i, (x, y) in enumerate(points)]
    for line, text in (changes or {}).items():
        lines[line - 1] = text
    path.write_text("\n".join(line for line in lines if line is not None) + "\n")
    return path


@pytest.fixture
def points() -> dict[str, np.ndarray]:
    return {name: GENERATOR.uniform(0, 1, (68, 2)).astype(np.float32) for name in ("00018", "b", "c")}


def test_red_is_hair_and_blue_is_face(tmp_path):
    pixels = GENERATOR.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    save_mask(tmp_path, "a", pixels)
    hair, face = read_masks(tmp_path, "a", 64)
    np.testing.assert_array_equal(hair, pixels[..., 0] > 127)
    np.testing.assert_array_equal(face, pixels[..., 2] > 127)
    assert hair.dtype == face.dtype == bool


@pytest.mark.parametrize(("size", "given"), [(64, 128), (128, 64), (256, 256)])
def test_a_square_mask_of_another_size_is_resized_to_the_nearest_pixel(tmp_path, size, given):
    coarse = np.random.default_rng(1).integers(0, 2, (32, 32, 3), dtype=np.uint8) * 255
    save_mask(tmp_path, "a", np.kron(coarse, np.ones((given // 32, given // 32, 1), np.uint8)))
    hair, face = read_masks(tmp_path, "a", size)
    enlarge = np.ones((size // 32, size // 32), bool)
    np.testing.assert_array_equal(hair, np.kron(coarse[..., 0] > 0, enlarge))
    np.testing.assert_array_equal(face, np.kron(coarse[..., 2] > 0, enlarge))


def test_masks_of_the_real_parser(ffhq, golden):
    stored = np.load(golden / "masks_256.npz")
    for index, name in enumerate(stored["names"]):
        if (ffhq / "masks" / f"{name}.png").exists():
            hair, face = read_masks(ffhq / "masks", str(name), 256)
            assert hair.sum() == stored["hair_area"][index]
            assert face.sum() == stored["face_area"][index]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "given mask missing"),
        (b"no image", "unreadable"),
        (np.zeros((64, 48, 3), np.uint8), "48x64"),
        (np.zeros((64, 64), np.uint8), "no RGB"),
        ("cut", "truncated"),
    ],
)
def test_a_mask_that_cannot_be_used_names_its_file(tmp_path, content, word):
    path = tmp_path / "a.png"
    if isinstance(content, np.ndarray):
        save_mask(tmp_path, "a", content)
    elif content == "cut":
        whole = save_mask(tmp_path, "a", GENERATOR.integers(0, 256, (64, 64, 3), dtype=np.uint8)).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif content:
        path.write_bytes(content)
    with pytest.raises(RejectedAnnotation, match=word) as caught:
        read_masks(tmp_path, "a", 64)
    assert str(path) in str(caught.value)


def test_damaged_masks_are_always_refused_by_the_same_error(tmp_path):
    draw = np.random.default_rng(4)
    path = save_mask(tmp_path, "a", draw.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    refused = 0
    for _ in range(100):
        damaged = content.copy()
        damaged[draw.integers(8, 400, 6)] = draw.integers(0, 256, 6)
        path.write_bytes(damaged.tobytes())
        try:
            read_masks(tmp_path, "a", 64)
        except RejectedAnnotation:
            refused += 1
    assert refused > 50


def test_points_come_out_in_their_order_whatever_the_order_of_lines(tmp_path, points):
    path = write_points(tmp_path / "l.csv", points)
    header, *lines = path.read_text().splitlines()
    GENERATOR.shuffle(lines)
    path.write_text("\ufeff" + "\n".join([header, *lines, "", ""]))
    read = read_landmarks(path)
    assert not read.problems
    for name, expected in points.items():
        assert read.of(name).dtype == np.float32
        np.testing.assert_array_equal(read.of(name), expected)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("b,0,nan,0.5", "no finite number"),
        ("b,0,inf,0.5", "no finite number"),
        ("b,0,oops,0.5", "no finite number"),
        ("b,0,0.5,", "no finite number"),
        ("b,0,0.5", "no finite number"),
        ("b,0,0.5,0.5,0.5", "too many fields"),
        ("b,68,0.5,0.5", "not one of 0 to 67"),
        ("b,0.5,0.5,0.5", "not one of 0 to 67"),
        ("b,1,0.5,0.5", "line 71"),
        ("b,0,64.0,0.5", "not pixels"),
        ("b,0,0.5,-0.51", "outside"),
    ],
)
def test_a_bad_line_is_named_and_spoils_its_portrait_only(tmp_path, points, text, word):
    # Line 70 is the first of the second portrait.
    read = read_landmarks(write_points(tmp_path / "l.csv", points, {70: text}))
    with pytest.raises(RejectedAnnotation, match=word) as caught:
        read.of("b")
    assert "'b'" in str(caught.value)
    assert "line 7" in str(caught.value)
    np.testing.assert_array_equal(read.of("00018"), points["00018"])
    np.testing.assert_array_equal(read.of("c"), points["c"])


def test_points_a_little_outside_the_frame_are_taken(tmp_path, points):
    read = read_landmarks(write_points(tmp_path / "l.csv", points, {70: "b,0,-0.5,1.5"}))
    assert read.of("b")[0].tolist() == [-0.5, 1.5]


def test_too_few_points_and_none(tmp_path, points):
    read = read_landmarks(write_points(tmp_path / "l.csv", points, {70: None}))
    with pytest.raises(RejectedAnnotation, match="67 points of 'b' instead of 68"):
        read.of("b")
    with pytest.raises(RejectedAnnotation, match=r"missing landmarks.*'nobody'"):
        read.of("nobody")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "no such file"),
        (b"", "no csv"),
        (b"id,point,x,y\n", "no portrait_id"),
        (b"\xff\xfe\x00", "no csv"),
    ],
)
def test_a_table_that_is_none_stops_the_run(tmp_path, content, word):
    path = tmp_path / "l.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_landmarks(path)
    assert str(path) in str(caught.value)
    assert word in caught.value.cause
    assert "annotation.landmarks" in caught.value.remedy
