"""The three-dimensional head: 68 landmarks, and the camera that aligns the face as FFHQ does.

Axes: x to the right of the image, y down, z towards the viewer; the origin lies between the eyes, inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loho_bench.portraits.synthetic.parameters import Expression, Identity, Pose

SKULL_CENTRE = np.array([0.0, -0.28, -0.12])


def skull_radii(identity: Identity) -> np.ndarray:
    """Half axes of the ellipsoid on which the hair grows: float64 [3]."""
    return np.array([identity.face_width * 1.01, 0.90, 0.93])


def jaw_line(identity: Identity, count: int = 17) -> np.ndarray:
    """Points from ear to ear along the chin: float64 [count, 3]; 17 of them are iBUG points 0-16."""
    angle = np.linspace(-1, 1, count) * np.pi / 2
    side, front = np.sin(angle), np.cos(angle)
    x = identity.face_width * np.sign(side) * np.abs(side) ** identity.jaw_roundness
    y = -0.02 + (identity.chin_height + 0.02) * np.abs(front) ** 0.82
    return np.stack([x, y, -0.30 + 0.85 * front], 1)


def landmarks_3d(identity: Identity, expression: Expression) -> np.ndarray:
    """The 68 iBUG points of the unrotated head: float64 [68, 3]."""
    eyes_left = _left_eye(identity)
    eyes_right = (eyes_left * [-1, 1, 1])[[3, 2, 1, 0, 5, 4]]
    brow_left = _left_brow(identity)
    brow_right = (brow_left * [-1, 1, 1])[::-1]
    parts = [jaw_line(identity), brow_left, brow_right, _nose(identity), eyes_left, eyes_right]
    return np.concatenate([*parts, _mouth(identity, expression)])


def _left_brow(identity: Identity) -> np.ndarray:
    along = np.linspace(0, 1, 5)
    arch = -0.335 - 0.06 * np.sin(along * np.pi * 0.8 + 0.25)
    y = arch + identity.brow_height - identity.brow_tilt * (along - 0.5)
    return np.stack([-0.66 + 0.49 * along, y, 0.50 + 0.26 * along], 1)


def _nose(identity: Identity) -> np.ndarray:
    length = identity.nose_length
    ridge = [[0, -0.08, 0.74], [0, 0.08, 0.84], [0, 0.21, 0.94], [0, 0.32 + length, 1.02]]
    x = np.array([-0.165, -0.085, 0, 0.085, 0.165]) * identity.nose_width
    y = np.array([0.41, 0.44, 0.455, 0.44, 0.41]) + length
    base = np.stack([x, y, [0.70, 0.78, 0.82, 0.78, 0.70]], 1)
    return np.concatenate([np.array(ridge), base])


def _left_eye(identity: Identity) -> np.ndarray:
    width = 0.158 * identity.eye_size
    height = 0.062 * identity.eye_size * identity.eye_opening
    x = width * np.array([-1, -0.45, 0.45, 1, 0.45, -0.45]) - identity.eye_spacing
    y = np.array([0.01, -1.1 * height, -1.1 * height, 0, 0.8 * height, 0.8 * height]) - 0.05
    return np.stack([x, y, [0.52, 0.60, 0.65, 0.64, 0.63, 0.59]], 1)


def _mouth(identity: Identity, expression: Expression) -> np.ndarray:
    smile, opening, full = expression.smile, 0.10 * expression.mouth_opening, identity.lip_fullness
    width = identity.mouth_width * (1 + 0.12 * smile)
    middle = 0.69 + 0.5 * identity.nose_length
    corner = -0.045 * smile
    upper = np.array([-0.055, -0.085, -0.070, -0.085, -0.055]) * full - 0.02 * smile * np.array(
        [1, 0, 0, 0, 1]
    )
    lower = np.array([0.075, 0.105, 0.11, 0.105, 0.075]) * full + opening
    lower -= 0.01 * smile * np.array([1, 0, 0, 0, 1])
    outer_x = np.array([-1, -0.6, -0.22, 0, 0.22, 0.6, 1, 0.6, 0.22, 0, -0.22, -0.6]) * width
    outer_y = middle + np.concatenate([[corner], upper, [corner], lower])
    outer_z = [0.58, 0.70, 0.77, 0.79, 0.77, 0.70, 0.58, 0.70, 0.77, 0.78, 0.77, 0.70]
    inner_x = np.array([-0.85, -0.25, 0, 0.25, 0.85, 0.25, 0, -0.25]) * width
    inner_corner = -0.035 * smile
    inner_y = middle + np.array(
        [
            inner_corner,
            -0.012,
            -0.008,
            -0.012,
            inner_corner,
            0.008 + opening,
            0.012 + opening,
            0.008 + opening,
        ]
    )
    inner_z = [0.60, 0.75, 0.77, 0.75, 0.60, 0.75, 0.77, 0.75]
    return np.concatenate(
        [np.stack([outer_x, outer_y, outer_z], 1), np.stack([inner_x, inner_y, inner_z], 1)]
    )


def rotation(pose: Pose) -> np.ndarray:
    """Rotation matrix [3, 3] of the head: yaw first, then pitch."""
    cos_yaw, sin_yaw, cos_pitch, sin_pitch = (
        np.cos(pose.yaw),
        np.sin(pose.yaw),
        np.cos(pose.pitch),
        np.sin(pose.pitch),
    )
    turn = np.array([[cos_yaw, 0, sin_yaw], [0, 1, 0], [-sin_yaw, 0, cos_yaw]])
    nod = np.array([[1, 0, 0], [0, cos_pitch, -sin_pitch], [0, sin_pitch, cos_pitch]])
    return nod @ turn


def ffhq_frame(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre [2] and half-width vector [2] of the square that FFHQ cuts around landmarks [68, 2].

    Karras et al. 2019, the alignment of CelebA-HQ's appendix: the frame follows the line of the eyes
    and the line from eyes to mouth.
    """
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    eyes = (left + right) / 2
    eye_to_eye = right - left
    eye_to_mouth = (points[48] + points[54]) / 2 - eyes
    axis = eye_to_eye - np.array([-eye_to_mouth[1], eye_to_mouth[0]])
    axis /= np.hypot(*axis)
    axis *= max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eye_to_mouth) * 1.8)
    return eyes + eye_to_mouth * 0.1, axis


@dataclass(frozen=True)
class Camera:
    """Orthographic view of the rotated head in an FFHQ-aligned square of `size` pixels."""

    size: int
    rotation: np.ndarray
    centre: np.ndarray
    matrix: np.ndarray
    unit: float

    @classmethod
    def aligned(cls, pose: Pose, landmarks: np.ndarray, size: int) -> Camera:
        """The camera that aligns `landmarks` float64 [68, 3] of the unrotated head."""
        turn = rotation(pose)
        centre, half_width = ffhq_frame((landmarks @ turn.T)[:, :2])
        length = float(np.hypot(*half_width))
        right = half_width / length
        matrix = np.stack([right, [-right[1], right[0]]]) / length * (size / 2)
        return cls(size, turn, centre, matrix, size / 2 / length)

    def turned(self, points: np.ndarray) -> np.ndarray:
        """Head points [..., 3] after the rotation of the head."""
        return np.asarray(points, np.float64) @ self.rotation.T

    def flattened(self, turned: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of points that are turned already."""
        return (turned[..., :2] - self.centre) @ self.matrix.T + self.size / 2

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] of head points [..., 3]."""
        return self.flattened(self.turned(points))
