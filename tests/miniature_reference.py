"""A small folder of reference values with its own sizes and names, made with NumPy, SciPy and skimage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy import linalg, ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

RATES = [
    {"initial_lr": 0.03, "rampup": 0.1, "rampdown": 0.5},
    {"initial_lr": 0.2, "rampup": 0.25, "rampdown": 0.2},
]
NOISES = [{"strength": 0.125, "ramp": 0.5}, {"strength": 0.02, "ramp": 1.0}]
STEPS = 37
ROUNDS = 3


def write_reference(folder: Path) -> Path:
    """Write every file; return ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(8)
    _schedules(folder)
    _masks(folder, rng)
    _projection(folder, rng)
    _noise(folder, rng)
    _scores(folder, rng)
    parameters = {
        "masks": "masks_40.npz",
        "gradient_orthogonalisation": {"layers": 4},
        "schedules": {"steps": STEPS, "lr": RATES, "noise": NOISES},
    }
    (folder / "params.json").write_text(json.dumps(parameters))
    return folder


def _schedules(folder: Path) -> None:
    t = np.arange(STEPS) / STEPS
    curves = {"steps": np.int64(STEPS)}
    for i, rate in enumerate(RATES):
        falling = 0.5 - 0.5 * np.cos(np.pi * np.minimum(1, (1 - t) / rate["rampdown"]))
        curves[f"lr_{i}"] = rate["initial_lr"] * falling * np.minimum(1, t / rate["rampup"])
    for noise in NOISES:
        name = f"latent_noise_factor_ramp{noise['ramp']}_noise{noise['strength']}"
        curves[name] = noise["strength"] * np.maximum(0, 1 - t / noise["ramp"]) ** 2
    np.savez(folder / "schedules.npz", **curves)


def _masks(folder: Path, rng: np.random.Generator) -> None:
    def blobs(n: int, height: int, width: int) -> np.ndarray:
        return ndimage.gaussian_filter(rng.random((n, height, width)), (0, 3, 3)) > 0.5

    def changed(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        grown = np.stack([ndimage.binary_dilation(mask, iterations=ROUNDS) for mask in masks])
        shrunk = np.stack([ndimage.binary_erosion(mask, iterations=ROUNDS) for mask in masks])
        return grown, shrunk

    hair, face = blobs(4, 40, 40), blobs(4, 40, 40)
    grown, shrunk = changed(hair)
    overlaps = {
        f"{name}_iou": np.array([[(a & b).sum() / (a | b).sum() for b in masks] for a in masks])
        for name, masks in (("hair", hair), ("face", face))
    }
    np.savez(
        folder / "masks_40.npz",
        names=np.array(["a", "b", "c", "d"]),
        hair_values=np.packbits(hair, axis=-1),
        face_values=np.packbits(face, axis=-1),
        hair_dilated_packed=np.packbits(grown, axis=-1),
        hair_eroded_packed=np.packbits(shrunk, axis=-1),
        **overlaps,
    )
    fractional = np.where(blobs(2, 33, 21), rng.random((2, 33, 21)), 0).astype(np.float32)
    grown, shrunk = changed(fractional != 0)
    np.savez(folder / "masks_synthetic.npz", mask=fractional, dilated=grown, eroded=shrunk)


def _projection(folder: Path, rng: np.random.Generator) -> None:
    structure, hair = rng.normal(size=(2, 5, 4, 16))
    hair[0, 1] = 0
    lengths = np.maximum((hair**2).sum(-1, keepdims=True), 1e-24)
    projected = structure - (structure * hair).sum(-1, keepdims=True) / lengths * hair
    tensors = {"g_R": structure, "g_AS": hair, "projected_per_sample": projected}
    save_file(
        {name: torch.from_numpy(value).float() for name, value in tensors.items()},
        folder / "gradient_orthogonalisation.safetensors",
    )


def _noise(folder: Path, rng: np.random.Generator) -> None:
    tensors = {}
    for tag, sides, samples in (("small", (4, 8), 1), ("pair", (4, 8, 8, 16), 2)):
        maps = [rng.normal(size=(samples, 1, side, side)) for side in sides]
        for i, level in enumerate(maps):
            tensors[f"{tag}.noise_{i}"] = level
            tensors[f"{tag}.normalized_{i}"] = (level - level.mean()) / level.std(ddof=1)
            tensors[f"{tag}.grad_{i}"] = _slope(level)
        tensors[f"{tag}.regularize_per_map"] = np.array([_autocorrelation(level) for level in maps])
        tensors[f"{tag}.regularize"] = tensors[f"{tag}.regularize_per_map"].sum()
    save_file(
        {name: torch.from_numpy(np.asarray(value)).float() for name, value in tensors.items()},
        folder / "noise_losses.safetensors",
    )


def _autocorrelation(level: np.ndarray) -> float:
    total = 0.0
    while True:
        total += sum((level * np.roll(level, 1, axis)).mean() ** 2 for axis in (2, 3))
        if level.shape[-1] <= 8:
            return total
        level = (level[..., ::2] + level[..., 1::2]) / 2
        level = (level[..., ::2, :] + level[..., 1::2, :]) / 2


def _slope(level: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Gradient by central differences."""
    slope = np.zeros_like(level)
    for place in np.ndindex(level.shape):
        nudge = np.zeros_like(level)
        nudge[place] = step
        slope[place] = (_autocorrelation(level + nudge) - _autocorrelation(level - nudge)) / (2 * step)
    return slope


def _scores(folder: Path, rng: np.random.Generator) -> None:
    images, pairs = {}, []
    for i, shape in enumerate([(20, 31, 3), (45, 18, 3)]):
        first = rng.integers(0, 256, shape, dtype=np.uint8)
        second = np.clip(first + rng.normal(0, 12 * (i + 1), shape), 0, 255).astype(np.uint8)
        options = {"channel_axis": 2, "data_range": 255}
        value, full = structural_similarity(first, second, full=True, **options)
        gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        images |= {f"a{i}": first, f"b{i}": second, f"ssim_map_uniform7_{i}": full.astype(np.float32)}
        pairs.append(
            {
                "psnr": peak_signal_noise_ratio(first, second, data_range=255),
                "ssim_uniform7": value,
                "ssim_gaussian_sigma1.5_pop": structural_similarity(first, second, **options, **gaussian),
            }
        )
    np.savez(folder / "metrics_images.npz", **images)

    features = {"x": rng.normal(size=(50, 6)), "y": rng.normal(1, 2, size=(70, 6))}
    (mu1, sigma1), (mu2, sigma2) = ((v.mean(0), np.cov(v, rowvar=False)) for v in features.values())
    root = linalg.sqrtm(sigma1 @ sigma2).real
    distance = np.square(mu1 - mu2).sum() + np.trace(sigma1 + sigma2 - 2 * root)
    moments = {"mu1": mu1, "sigma1": sigma1, "mu2": mu2, "sigma2": sigma2}
    arrays = {f"usual.{name}": value for name, value in (features | moments).items()}
    np.savez(folder / "metrics_frechet.npz", **arrays)
    values = {"image_pairs": pairs, "frechet": {"usual": {"sqrtm_formula": float(distance)}}}
    (folder / "metrics_values.json").write_text(json.dumps(values))
