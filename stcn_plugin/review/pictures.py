"""The pictures of a page: the plate, the mattes, and a part of both at plate resolution, as WebP."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stcn_plugin.errors import STCNError
from stcn_plugin.evaluation.hard import Matte
from stcn_plugin.evaluation.unsteadiness import Moment
from stcn_plugin.job.job import Job
from stcn_plugin.media.pixels import resized
from stcn_plugin.media.window import Window
from stcn_plugin.review.flicker import moment_of
from stcn_plugin.review.mattes import EarlierMattes, MattesOnDisk

_BUDGET = 13_500_000
"""Bytes of all pictures of 200 frames. Longer shots get as much for each frame."""

_WIDTHS = ((60, 960), (120, 800), (300, 640))
"""Frames of a shot up to which its pictures have this width; 480 beyond."""

_QUALITIES = (80, 65, 50, 35, 20)
_EDGE = 200
"""Plate pixels across an edge picture."""

_CHANNELS = 3
"""Mattes in one picture: in its red, green and blue."""


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Args:
        name: ``p`` for the plate, ``m`` for mattes, ``b`` for earlier ones, ``c``, ``d`` and ``e`` for the plate, the
            mattes and earlier ones at an edge; then the index of the frame and, after a hyphen, the number of the picture
            of three mattes.
        content: The WebP file.
    """

    name: str
    content: bytes

    @property
    def text(self) -> str:
        """The content in base64."""
        return base64.b64encode(self.content).decode("ascii")


@dataclass(frozen=True, eq=False)
class FramePictures:
    """The pictures of a frame.

    Args:
        pictures: The pictures; those that cannot be read are left out.
        moment: The plate and the mattes, to measure flicker; ``None`` if the plate cannot be read.
    """

    pictures: Sequence[Picture]
    moment: Moment | None


class PictureMaker:
    """Makes the pictures of a shot. Thread-safe.

    Args:
        job: The shot.
        earlier: Mattes to compare with.
    """

    def __init__(self, job: Job, *, earlier: EarlierMattes | None = None) -> None:
        self._job = job
        self._mattes = MattesOnDisk(job.writer, job.objects)
        self._earlier = earlier
        wide = max(1, round(job.display.width * job.pixel_aspect))
        count = len(job.frames)
        width = min(wide, next((width for most, width in _WIDTHS if count <= most), 480))
        self.size = width, max(1, round(job.display.height * width / wide))
        self._bytes = int(0.75 * _BUDGET / max(40, min(200, count)))

    def make(self, index: int, weakest: str | None) -> FramePictures:
        """Return the pictures of a frame.

        Args:
            index: Index of the frame.
            weakest: The object whose edge is shown.
        """
        job, frame = self._job, self._job.frames[index]
        width, height = self.size
        mattes = self._mattes.read(frame)
        earlier = self._earlier.read(frame) if self._earlier is not None else {}
        found = [*self._packed("m", index, mattes), *self._packed("b", index, earlier)]
        found += self._edge(index, mattes, earlier, weakest)
        left = self._bytes - sum(len(each.content) for each in found)
        try:
            image = job.plates.read(frame).image(job.display, (height, width))
        except STCNError:
            return FramePictures(found, None)
        return FramePictures([Picture(f"p{index}", _photo(image, limit=left)), *found], moment_of(image, mattes))

    def overlay_input(self, index: int) -> tuple[NDArray[np.float32], Mapping[str, Matte]] | None:
        """Return the plate ``(h, w, 3)`` and the mattes of a frame at the size of the pictures."""
        job, (width, height) = self._job, self.size
        try:
            image = job.plates.read(job.frames[index]).image(job.display, (height, width))
        except STCNError:
            return None
        return image, {
            name: resized(each, (height, width)) for name, each in self._mattes.read(job.frames[index]).items()
        }

    def _packed(self, prefix: str, index: int, mattes: Mapping[str, Matte]) -> list[Picture]:
        width, height = self.size
        small = {name: resized(matte, (height, width)) for name, matte in mattes.items()}
        return _packs(prefix, index, self._job.objects, small, (height, width)) if small else []

    def _edge(
        self, index: int, mattes: Mapping[str, Matte], earlier: Mapping[str, Matte], weakest: str | None
    ) -> list[Picture]:
        """Return a part of the plate and of all mattes, pixel for pixel, where the edge is least certain."""
        job = self._job
        matte = mattes.get(weakest or "")
        place = None if matte is None else _softest(matte)
        if place is None:
            return []
        height, width = (min(_EDGE, side) for side in job.display.shape)
        top = min(max(place[0] - height // 2, 0), job.display.height - height)
        left = min(max(place[1] - width // 2, 0), job.display.width - width)
        window = Window(job.display.x + left, job.display.y + top, width, height)
        try:
            image = job.plates.read(job.frames[index]).image(window, (height, width))
        except STCNError:
            return []
        found = [Picture(f"c{index}", _photo(image, limit=self._bytes // 4))]
        for prefix, version in (("d", mattes), ("e", earlier)):
            parts = {
                name: resized(each, job.display.shape)[top : top + height, left : left + width]
                for name, each in version.items()
            }
            found += _packs(prefix, index, job.objects, parts, (height, width)) if parts else []
        return found


def _packs(
    prefix: str, index: int, objects: Sequence[str], mattes: Mapping[str, Matte], shape: tuple[int, int]
) -> list[Picture]:
    """Return pictures of three mattes each, losslessly compressed."""
    found = []
    for number, start in enumerate(range(0, len(objects), _CHANNELS)):
        levels = np.zeros((*shape, _CHANNELS), np.uint8)
        for channel, name in enumerate(objects[start : start + _CHANNELS]):
            if name in mattes:
                levels[..., channel] = np.rint(255 * mattes[name].clip(0, 1))
        found.append(Picture(f"{prefix}{index}-{number}", _webp(levels, lossless=True, quality=40, method=2)))
    return found


def _photo(image: NDArray[np.float32], *, limit: int) -> bytes:
    """Return a photograph in the best quality that fits; in the lowest if none does."""
    levels = np.rint(255 * image.clip(0, 1)).astype(np.uint8)
    content = b""
    for quality in _QUALITIES:
        content = _webp(levels, quality=quality, method=2)
        if len(content) <= limit:
            break
    return content


def _webp(levels: NDArray[np.uint8], **options: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "webp", **options)
    return stream.getvalue()


def _softest(matte: Matte) -> tuple[int, int] | None:
    """Return the row and column around which a matte has most soft pixels, or most edge; ``None`` without any."""
    rows, columns = (max(1, side // (_EDGE // 2)) for side in matte.shape)
    soft = resized(_doubt(matte), (rows, columns))
    if not soft.any():  # a hard matte
        soft = _doubt(resized(matte, (rows, columns)))
    if not soft.any():
        return None
    row, column = np.unravel_index(int(soft.argmax()), soft.shape)
    return int((row + 0.5) * matte.shape[0] / rows), int((column + 0.5) * matte.shape[1] / columns)


def _doubt(matte: Matte) -> Matte:
    """Return where a matte is neither 0 nor 1: 1 where it is 0.5."""
    return np.asarray(4 * matte * (1 - matte), np.float32)
