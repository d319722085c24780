"""Small synthetic images, drawn from their masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 96, 128
"""Height and width of an image."""

GREY = 0.5
"""Value of the flat background."""


def disc(centre: tuple[float, float], radius: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Coverage of a disc with a soft edge of one pixel; ``centre`` is ``(x, y)``, pixel centres at half-integers."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return np.clip(radius + 0.5 - np.hypot(x - centre[0], y - centre[1]), 0, 1).astype(np.float32)


def square(left: int, top: int, side: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Coverage of a square with hard edges."""
    mask = np.zeros(size, np.float32)
    mask[top : top + side, left : left + side] = 1
    return mask


def texture(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Coloured waves, ``(H, W, 3)`` in 0-1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    slope, phase = rng.uniform(-0.25, 0.25, (2, 3)), rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(x[..., None] * slope[0] + y[..., None] * slope[1] + phase)
    return (rng.uniform(0.3, 0.7, 3) + 0.25 * waves).astype(np.float32)


def laid(mask: np.ndarray, over: np.ndarray | tuple[float, ...], below: np.ndarray | float) -> np.ndarray:
    """Composite a colour or an image over another; return ``(H, W, 3)``."""
    return mask[..., None] * np.asarray(over) + (1 - mask[..., None]) * np.asarray(below)


def to_bytes(values: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def save(folder: Path, name: str, rgb: np.ndarray, mask: np.ndarray | None) -> None:
    """Write ``plates/NAME.png``, and ``masks/NAME.png`` if there is a mask."""
    for kind, values in (("plates", rgb), ("masks", mask)):
        if values is not None:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(to_bytes(values)).save(folder / kind / f"{name}.png")


def save_clip(folder: Path, *, frames: int, seed: int, colour: tuple[float, float, float], first: int = 1) -> None:
    """Write a clip of a disc that moves over a texture."""
    for number in range(frames):
        mask = disc((44 + 5 * number, 48 + 2 * number), 20)
        save(folder, f"{first + number:04d}", laid(mask, colour, texture(seed)), mask)


def save_pair(folder: Path, *, frames: int) -> None:
    """Write a clip of a disc that occludes a square, with palette masks: 1 is the disc, 2 the square."""
    for number in range(frames):
        front, behind = disc((30 + 12 * number, 40), 18) > 0.5, square(60, 30, 36)
        rgb = laid(front, (0.1, 0.3, 0.9), laid(behind, texture(5), texture(6)))
        save(folder, f"{number:02d}", rgb, None)
        indices = np.where(front, 1, behind * 2).astype(np.uint8)
        mask = Image.fromarray(indices)
        mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        (folder / "masks").mkdir(exist_ok=True)
        mask.save(folder / "masks" / f"{number:02d}.png")
