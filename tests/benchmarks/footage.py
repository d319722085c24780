"""The footage of a benchmark: synthetic, or the user's plate and keyframe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from benchmarks.synthetic import SyntheticScene
from numpy.typing import NDArray
from PIL import Image

from stcn_plugin.media.sequences import FrameSequence

FIRST = 1001


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
    scene = SyntheticScene(objects, size)
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


def _write(path: Path, picture: NDArray[np.float32]) -> None:
    is_linear = path.suffix == ".exr"
    pixels = oiio.ImageBuf(np.ascontiguousarray(picture**2.2 if is_linear else picture))
    if not pixels.write(str(path), "half" if is_linear else "uint8"):
        raise OSError(pixels.geterror())
