"""Figures of parser and landmark network: exact answers, known shifts, and the worst tenth."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from loho_bench.evaluation.annotators import (
    landmark_figures,
    measure_landmarks,
    measure_parser,
    overlap,
    pooled_iou,
)
from loho_bench.networks.graphonomy import HAIR


def test_exact_annotators_are_perfect(portraits, oracle):
    assert measure_parser(oracle, portraits) == {"parser_hair_iou": 1, "parser_face_iou": 1}
    assert set(measure_landmarks(oracle, portraits).values()) == {0}


def test_parser_that_loses_the_left_half_of_the_frame(portraits, oracle):
    class HalfBlind:
        def parse(self, images):
            labels = oracle.parse(images)
            labels[:, :, :64] = 0
            return labels

    hair = portraits.labels == HAIR
    found = measure_parser(HalfBlind(), portraits)
    assert found["parser_hair_iou"] == pytest.approx(hair[:, :, 64:].sum() / hair.sum())


def test_iou_is_pooled_over_pixels_not_averaged_over_portraits():
    found, wanted = np.zeros((2, 10, 10), np.uint8), np.zeros((2, 10, 10), np.uint8)
    wanted[0], wanted[1, 0, 0] = HAIR, HAIR
    found[0] = HAIR
    counts = [overlap(found[i : i + 1], wanted[i : i + 1], HAIR) for i in range(2)]
    assert pooled_iou(counts) == pytest.approx(100 / 101)
    assert pooled_iou([overlap(np.zeros_like(found), np.zeros_like(found), HAIR)]) == 1


def test_landmarks_that_are_3_px_right_and_4_px_down(portraits, oracle):
    class Shifted:
        def detect(self, images):
            return oracle.detect(images) + torch.tensor([3.0, 4.0]) / 128

    found = measure_landmarks(Shifted(), portraits)
    assert list(found.values()) == pytest.approx([5, 5, 5], rel=1e-4)


def test_worst_tenth_is_one_of_portraits_not_of_points():
    errors = np.ones((20, 68))
    errors[:, 0] = 69.0  # one bad point a portrait: every portrait has the error 2
    assert list(landmark_figures(errors).values()) == pytest.approx([2, 2, 2])
    errors = np.repeat(np.arange(1.0, 21.0)[:, None], 68, axis=1)
    found = landmark_figures(errors[::-1])
    assert found["landmark_error_px"] == pytest.approx(10.5)
    assert found["landmark_error_p90_px"] == pytest.approx(18.1)  # NumPy's linear percentile of 1 to 20
    assert found["landmark_error_worst_tenth_px"] == pytest.approx(19.5)
