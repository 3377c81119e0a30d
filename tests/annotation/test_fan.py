"""2D-FAN on local files: what the library computes, many portraits together, and what is said of failures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from refusals import refusal
from torch import nn
from torch.nn import functional as F

from loho_bench.annotation.faces import ALIGNED_BOX, AlignedFace, DetectedFaces, load_faces
from loho_bench.annotation.fan import NETWORK, FanLandmarks
from loho_bench.compat import prepare_torchvision
from loho_bench.errors import UserError
from loho_bench.portraits.images import to_tensor

face_alignment = pytest.importorskip("face_alignment")


@pytest.fixture(autouse=True)
def _no_downloads(monkeypatch):
    """The library downloads what it is not given: here that is a failure."""

    def refuse(*arguments, **options):
        raise AssertionError("something is being downloaded")

    for place in ("torch.hub", "face_alignment.utils"):
        monkeypatch.setattr(f"{place}.download_url_to_file", refuse)


@pytest.fixture(scope="module")
def fan_file(tmp_path_factory):
    """Random weights in the layout of the published file, with one hourglass instead of four."""
    torch.manual_seed(3)
    network = face_alignment.models.FAN(1)
    path = tmp_path_factory.mktemp("weights") / "2DFAN1.pth.tar"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(5)
    return random.integers(0, 256, (2, 12, 12, 3), dtype=np.uint8).repeat(16, axis=1).repeat(16, axis=2)


def libraries_own(fan_file, monkeypatch):
    """The library's own object, which reads the given file where it would download."""
    api = face_alignment.api
    monkeypatch.setitem(api.models_urls, "2DFAN-1", "unused")
    monkeypatch.setattr(api, "load_file_from_url", lambda url: str(fan_file))
    return face_alignment.FaceAlignment(
        face_alignment.LandmarksType.TWO_D,
        network_size=1,
        device="cpu",
        face_detector="folder",
        compile=False,
    )


class GivenFaces:
    """A detector of the library's form that answers with boxes made up beforehand, picture after picture."""

    reference_scale = 195

    def __init__(self, *answers):
        self.answers, self.seen = list(answers), []

    def detect_from_image(self, picture):
        self.seen.append(picture)
        return self.answers[len(self.seen) - 1]


class BrightSpot(nn.Module):
    """In the place of FAN: every heat map is the picture's brightness."""

    def forward(self, crops):
        return [F.avg_pool2d(crops.mean(dim=1, keepdim=True), 4).expand(-1, 68, -1, -1)]


def test_a_batch_is_what_the_library_says_of_one_picture_after_the_other(fan_file, pictures, monkeypatch):
    # One face inside the picture, one that leaves it on three sides.
    boxes = np.array([[40.3, 60.1, 150.2, 170.9], [-20.4, 10.7, 90.3, 230.1]])
    library = libraries_own(fan_file, monkeypatch)
    # It answers in whole pixels.
    expected = np.stack(
        [
            library.get_landmarks_from_image(picture, detected_faces=[list(box)])[0]
            for picture, box in zip(pictures, boxes, strict=True)
        ]
    )
    found = FanLandmarks({NETWORK: fan_file}, "aligned").locate(list(pictures), boxes)
    assert np.ptp(expected) > 50
    np.testing.assert_array_equal(np.trunc(found), expected)
    assert np.abs(found - expected).max() > 0.5


def test_aligned_portraits_need_no_detector(fan_file, pictures):
    detector = FanLandmarks({NETWORK: fan_file}, "aligned")
    landmarks, remarks = detector.detect_explained(to_tensor(pictures[:1]))
    assert (landmarks.shape, landmarks.dtype, remarks) == ((1, 68, 2), torch.float32, [""])
    of_box = detector.locate(pictures[:1], np.array([ALIGNED_BOX]) * 192)
    np.testing.assert_allclose(landmarks, of_box / 192, atol=1e-6)


def test_no_portraits_no_landmarks(fan_file):
    assert FanLandmarks({NETWORK: fan_file}, "aligned").detect(torch.zeros(0, 3, 64, 64)).shape == (0, 68, 2)


def test_landmarks_lie_where_the_heat_maps_peak(fan_file):
    detector = FanLandmarks({NETWORK: fan_file}, "aligned")
    detector.network = BrightSpot()
    images = torch.full((2, 3, 200, 200), -1.0)
    places = torch.tensor([[0.40, 0.62], [0.71, 0.33]])
    for image, (x, y) in zip(images, (places * 200).long().tolist(), strict=True):
        image[:, y - 4 : y + 4, x - 4 : x + 4] = 1.0
    found = detector.detect(images)
    # A heat map has 64 cells across 1.09 frames and is read to a quarter of a cell.
    assert (found - places[:, None]).abs().max() < 0.009


def test_portraits_without_a_face_are_told_from_those_with_several(fan_file):
    detector = FanLandmarks({NETWORK: fan_file}, "aligned")
    detector.network = BrightSpot()
    pictures = np.random.default_rng(2).integers(0, 256, (3, 192, 192, 3), dtype=np.uint8)
    aside, central = [0.0, 0.0, 40.0, 40.0, 0.99], [45.0, 75.0, 145.0, 175.0, 0.7]
    detector.faces = DetectedFaces(GivenFaces([], [aside, central], [central]))
    of_central = detector.locate([pictures[1]], np.array([central[:4]]))[0] / 192
    landmarks, remarks = detector.detect_explained(to_tensor(pictures))
    assert landmarks[0].isnan().all()
    assert landmarks[1:].isfinite().all()
    assert remarks[0].startswith("no face found")
    assert remarks[1].startswith("2 faces found")
    assert remarks[2] == ""
    np.testing.assert_allclose(landmarks[1], of_central, atol=1e-6)


def test_of_a_photograph_the_largest_face_is_taken(fan_file):
    detector = FanLandmarks({NETWORK: fan_file}, "aligned")
    detector.network = BrightSpot()
    picture = np.zeros((300, 400, 3), dtype=np.uint8)
    picture[196:204, 296:304] = 255
    picture[46:54, 46:54] = 255
    small, large = [20, 20, 80, 80, 0.9], [240, 140, 360, 260, 0.8]
    detector.faces = DetectedFaces(GivenFaces([small, large], []))
    points, remark = detector.largest_face(picture)
    assert np.abs(points - (300, 200)).max() < 3
    assert remark == "2 faces found: the largest is taken"
    with pytest.raises(UserError, match="no face found"):
        detector.largest_face(picture)


def test_faces_come_largest_first_and_specks_are_no_faces():
    boxes = [[0, 0, 20, 20, 0.9], [50, 50, 57, 90, 0.9], [10, 10, 90, 80, 0.6]]
    found = DetectedFaces(GivenFaces(boxes)).find(np.zeros((100, 100, 3), dtype=np.uint8))
    np.testing.assert_array_equal(found, [[10, 10, 90, 80], [0, 0, 20, 20]])


def test_a_large_photograph_is_searched_at_a_smaller_scale():
    detector = GivenFaces([[100, 200, 300, 400, 0.9]])
    found = DetectedFaces(detector).find(np.zeros((3072, 2048, 3), dtype=np.uint8))
    assert detector.seen[0].shape == (1024, 683, 3)
    np.testing.assert_allclose(found, [[100 * 2048 / 683, 600, 300 * 2048 / 683, 1200]])


def test_the_aligned_face_is_a_share_of_the_frame():
    found = AlignedFace().find(np.zeros((500, 1000, 3), dtype=np.uint8))
    np.testing.assert_allclose(found, [[231, 193, 769, 454]])


def test_real_aligned_faces_lie_where_they_are_expected(ffhq):
    table = pd.read_csv(ffhq / "landmarks.csv").groupby("portrait_id")[["x", "y"]]
    tight = np.concatenate([table.min().to_numpy(), table.max().to_numpy()], axis=1)
    assert len(tight) == 8
    overlap = np.minimum(tight, ALIGNED_BOX)[:, 2:] - np.maximum(tight, ALIGNED_BOX)[:, :2]
    boxes = np.concatenate([tight, [ALIGNED_BOX]])
    areas, shared = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1), overlap.prod(axis=1)
    overlaps = shared / (areas[:-1] + areas[-1] - shared)
    assert (overlaps.min() > 0.75) & (overlaps.mean() > 0.85)


def save_detector(name, tmp_path):
    """Random weights of a detector in the published layout, by the names that it is asked for."""
    prepare_torchvision()
    torch.manual_seed(4)
    library = "face_alignment.detection"
    if name == "sfd":
        network = pytest.importorskip(f"{library}.sfd.net_s3fd").s3fd()
    elif name == "retinaface":
        module = pytest.importorskip(f"{library}.retinaface.net_retinaface")
        network = module.RetinaFace(cfg=module.cfg_mnet)
    else:
        back = name == "blazeface-back"
        network = pytest.importorskip(f"{library}.blazeface.net_blazeface").BlazeFace(back_model=back)
    path = tmp_path / f"{name}.pth"
    torch.save(network.state_dict(), path)
    np.save(tmp_path / "anchors.npy", np.random.default_rng(0).random((896, 4), dtype=np.float32))
    return network, {name: path, f"{name}-anchors": tmp_path / "anchors.npy"}


@pytest.mark.parametrize("name", ["sfd", "blazeface", "blazeface-back", "retinaface"])
def test_a_detector_is_loaded_from_the_given_files(name, tmp_path):
    network, files = save_detector(name, tmp_path)
    finder = load_faces(name, files)
    for key, value in finder.detector.face_detector.state_dict().items():
        torch.testing.assert_close(value, network.state_dict()[key])
    assert finder.reference_scale == (165 if name == "retinaface" else 195)


def test_the_detector_that_was_loaded_looks_at_the_picture(tmp_path):
    _, files = save_detector("sfd", tmp_path)
    picture = np.random.default_rng(1).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    finder = load_faces("sfd", files)
    expected = np.array([box[:4] for box in finder.detector.detect_from_image(picture)])
    large = expected[(expected[:, 2:] - expected[:, :2] >= 8).all(axis=1)]
    found = finder.find(picture)
    assert len(found) > 0
    assert {tuple(box) for box in found} == {tuple(box) for box in large.astype(np.float64)}


@pytest.mark.parametrize("name", ["sfd", "blazeface", "retinaface", "yunet"])
def test_a_broken_detector_file_is_named(name, tmp_path):
    broken = tmp_path / "broken.bin"
    broken.write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError) as error:
        load_faces(name, {name: broken, f"{name}-anchors": broken})
    assert "broken.bin" in refusal(error)
    assert len(str(error.value).splitlines()) == 3


def test_an_unknown_detector_is_refused(fan_file):
    with pytest.raises(UserError) as error:
        FanLandmarks({NETWORK: fan_file}, "sdf")
    assert "Did you mean 'sfd'?" in refusal(error)


@pytest.mark.parametrize("content", [{"other.weight": torch.zeros(2)}, torch.zeros(3)])
def test_a_file_of_another_network_is_refused(content, tmp_path):
    path = tmp_path / "other.pth"
    torch.save(content, path)
    with pytest.raises(UserError) as error:
        FanLandmarks({NETWORK: path}, "aligned")
    assert "other.pth" in refusal(error)
    assert len(str(error.value).splitlines()) <= 5
