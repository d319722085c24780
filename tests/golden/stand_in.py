"""Stand-in weights, frames and masks for the golden outputs in this folder.

The value of each state-dict entry depends only on its name and shape. An implementation with the published names can
therefore be compared with the published one without its checkpoint.
"""

from __future__ import annotations

import zlib

import numpy as np


def golden_array(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the float32 stand-in for a state-dict entry, derived from its name and shape."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_mean"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    if name.endswith("running_var"):
        return rng.uniform(0.7, 1.3, shape).astype(np.float32)
    if len(shape) <= 1:  # biases, and the affine part of batch normalisation
        is_bn_scale = name.endswith("weight")
        centre = 1.0 if is_bn_scale else 0.0
        return (centre + 0.05 * rng.standard_normal(shape)).astype(np.float32)
    gain = {"key_proj.key_proj.weight": 0.4, "decoder.pred.weight": 0.4}.get(name, 1.15)
    fan_in = int(np.prod(shape[1:]))
    return (gain * rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32)


def golden_state(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return a stand-in state dict for a mapping of entry names to shapes."""
    return {name: golden_array(name, shape) for name, shape in shapes.items()}


def golden_frames(count: int, height: int, width: int, seed: int = 7) -> np.ndarray:
    """Return ``(count, height, width, 3)`` uint8 frames: textured discs drifting over texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    frames = []
    phase = rng.uniform(0, 2 * np.pi, (2, 3))
    for t in range(count):
        image = 0.5 + 0.2 * np.sin(0.13 * x[..., None] + 0.05 * t + phase[0]) * np.cos(0.11 * y[..., None] + phase[1])
        for k in range(3):
            cx = width * (0.25 + 0.25 * k) + 3.0 * t * (1 if k % 2 else -1)
            cy = height * (0.4 + 0.1 * k) + 2.0 * np.sin(t + k)
            inside = (x - cx) ** 2 + (y - cy) ** 2 < (0.16 * height) ** 2
            colour = (
                np.array([0.9, 0.3, 0.2])
                if k == 0
                else np.array([0.2, 0.8, 0.4])
                if k == 1
                else np.array([0.3, 0.3, 0.95])
            )
            stripes = 0.8 + 0.2 * np.sin(0.6 * (x - cx))
            image[inside] = (colour * stripes[..., None])[inside]
        frames.append(np.clip(image * 255.0, 0, 255).astype(np.uint8))
    return np.stack(frames)


def golden_masks(height: int, width: int, t: int = 0) -> np.ndarray:
    """Return ``(3, height, width)`` uint8 0/1 masks of the three discs of :func:`golden_frames` at frame ``t``."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    masks = []
    for k in range(3):
        cx = width * (0.25 + 0.25 * k) + 3.0 * t * (1 if k % 2 else -1)
        cy = height * (0.4 + 0.1 * k) + 2.0 * np.sin(t + k)
        masks.append(((x - cx) ** 2 + (y - cy) ** 2 < (0.16 * height) ** 2).astype(np.uint8))
    result = np.stack(masks)
    for k in range(2, 0, -1):  # later discs are drawn on top
        result[:k] &= 1 - result[k]
    return result
