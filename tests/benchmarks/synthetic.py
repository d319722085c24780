"""Synthetic footage in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_COVER = 0.16
"""Fraction of the image that all objects cover together, as in typical footage."""


class SyntheticScene:
    """Images and labels of moving, textured ellipses over a panning texture with grain.

    Args:
        objects: Number of ellipses; together they always cover the same fraction of the image.
        size: ``(H, W)``.
    """

    def __init__(self, objects: int, size: tuple[int, int]) -> None:
        self._objects = objects
        self._height, self._width = size
        random = np.random.default_rng(3)
        octaves = [_smooth(random, size, cells) / step for step, cells in enumerate((5, 16, 60), 1)]
        self._texture: NDArray[np.float32] = np.add.reduce(octaves) / np.float32(1.9)
        self._grain = random.normal(0, 0.012, (*size, 1)).astype(np.float32)
        self._tints = random.uniform(0.35, 1.0, (objects + 1, 3)).astype(np.float32)
        self._phases = random.uniform(0, 2 * np.pi, objects + 1)
        self._y, self._x = np.mgrid[: size[0], : size[1]].astype(np.float32)

    def labels(self, index: int) -> NDArray[np.uint8]:
        """Return ``(H, W)``: 0 is background, and the object with the larger number is in front."""
        labels = np.zeros((self._height, self._width), np.uint8)
        columns = int(np.ceil(np.sqrt(self._objects * self._width / self._height)))
        rows = int(np.ceil(self._objects / columns))
        radius = np.sqrt(_COVER * self._height * self._width / (np.pi * self._objects))
        for number in range(1, self._objects + 1):
            row, column = divmod(number - 1, columns)
            sway = np.sin(0.13 * index + self._phases[number])
            x = self._width * (column + 0.5) / columns + 0.35 * radius * sway
            y = self._height * (row + 0.5) / rows + 0.2 * radius * np.cos(0.1 * index + self._phases[number])
            tall = 1.2 + 0.1 * sway
            labels[((self._x - x) * tall) ** 2 + ((self._y - y) / tall) ** 2 < radius**2] = number
        return labels

    def picture(self, index: int) -> NDArray[np.float32]:
        """Return ``(H, W, 3)``, display-referred in 0-1."""
        labels = self.labels(index)
        ground = np.roll(self._texture, (index, 2 * index), (0, 1))
        front = np.roll(self._texture[::-1], (index // 2, -index), (0, 1))
        texture = np.where(labels[..., None] > 0, 0.25 + 0.75 * front, 0.8 * ground)
        grain = np.roll(self._grain, (37 * index, 101 * index), (0, 1))
        picture: NDArray[np.float32] = np.clip(texture * self._tints[labels] + grain, 0, 1).astype(np.float32)
        return picture


def _smooth(random: np.random.Generator, size: tuple[int, int], cells: int) -> NDArray[np.float32]:
    """Return ``(H, W, 3)`` of smooth noise with the given number of cells from top to bottom."""
    height, width = size
    channels = []
    for _ in range(3):
        coarse = random.random((cells, max(1, cells * width // height)), np.float32)
        channels.append(np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)))
    return np.stack(channels, -1)
