"""The footage of a benchmark: synthetic, or the user's plate and keyframe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray
from PIL import Image

from stcn_plugin.media.sequences import FrameSequence

FIRST = 1001
_COVER = 0.16
"""Fraction of the image that all objects cover together, as in typical footage."""


@dataclass(frozen=True)
class Footage:
    """A plate and its keyframe, on disk.

    Args:
        plate: Frame pattern.
        keyframe: Matte file of the first frame.
        objects: Object name to palette index in the keyframe; ``None`` takes what the file has.
        first: First frame, which is the keyframe.
        count: Frames to propagate.
    """

    plate: str
    keyframe: Path
    objects: Mapping[str, int] | None
    first: int
    count: int

    @property
    def range(self) -> str:
        """The frame range."""
        return f"{self.first}-{self.first + self.count - 1}"

    def start(self, count: int) -> Footage:
        """Return its first frames."""
        return replace(self, count=min(count, self.count))


def given_footage(plate: str, keyframe: Path, count: int) -> Footage:
    """Return the first frames of an existing plate, with a keyframe for its first frame."""
    frames = FrameSequence.parse(plate).frames_on_disk()
    return Footage(plate, keyframe, None, frames[0], min(count, len(frames)))


def make_footage(folder: Path, *, objects: int, size: tuple[int, int], count: int, suffix: str) -> Footage:
    """Write a plate of moving, textured ellipses over a panning texture with grain, and the keyframe of all of them.

    Args:
        folder: Where; made where it is not there.
        objects: Number of ellipses; together they always cover the same fraction of the image.
        size: ``(H, W)``.
        count: Frames.
        suffix: ``exr`` writes half floats, scene-linear; ``png`` 8 bit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scene = _Scene(objects, size)
    for index in range(count):
        _write(folder / f"plate.{FIRST + index}.{suffix}", scene.picture(index))
    keyframe = Image.fromarray(scene.labels(0))
    keyframe.putpalette([channel for shade in range(objects + 1) for channel in (shade * 20 % 256, 90, 160)])
    keyframe.save(folder / "keyframe.png")
    names = {f"object{number}": number for number in range(1, objects + 1)}
    return Footage(str(folder / f"plate.####.{suffix}"), folder / "keyframe.png", names, FIRST, count)


def looped(footage: Footage, folder: Path, count: int) -> Footage:
    """Return a longer plate of symbolic links to the frames of a short one, alternating forward and back."""
    folder.mkdir(parents=True, exist_ok=True)
    source = FrameSequence.parse(footage.plate)
    there = list(range(footage.first, footage.first + footage.count))
    cycle = there + there[-2:0:-1]
    for index in range(count):
        link = folder / f"loop.{index + 1:06d}{source.suffix}"
        link.symlink_to(Path(source.path(cycle[index % len(cycle)])).resolve())
    return replace(footage, plate=str(folder / f"loop.######{source.suffix}"), first=1, count=count)


class _Scene:
    """Images and labels of the synthetic footage."""

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


def _write(path: Path, picture: NDArray[np.float32]) -> None:
    is_linear = path.suffix == ".exr"
    pixels = oiio.ImageBuf(np.ascontiguousarray(picture**2.2 if is_linear else picture))
    if not pixels.write(str(path), "half" if is_linear else "uint8"):
        raise OSError(pixels.geterror())
