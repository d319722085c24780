"""The last frames of the plate, which finishing needs: a frame is finished when the one after it is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.job.job import Job
from stcn_plugin.media.plates import PlateFrame
from stcn_plugin.media.window import FrameHeader
from stcn_plugin.window import Window


@dataclass(frozen=True, eq=False)
class ReadPlate:
    """A frame of the plate that was read.

    Args:
        frame: The frame.
        image: ``(h, w, 3)`` at the internal size.
    """

    frame: PlateFrame
    image: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PlateOfFrame:
    """What finishing needs of a frame of the plate.

    Args:
        header: Its header, which the mattes inherit.
        read: The frame; ``None`` if it was not read.
        known_pixels: The digest of its pixels if it was not read, from an earlier run.
    """

    header: FrameHeader
    read: ReadPlate | None = None
    known_pixels: str = ""

    @property
    def pixels(self) -> str:
        """Digest of the pixels."""
        return self.read.frame.digest if self.read else self.known_pixels


def read_plate(job: Job, index: int) -> PlateOfFrame:
    """Read a frame of the plate.

    Raises:
        PlateError: It cannot be read.
    """
    frame = job.plates.read(job.frames[index])
    return PlateOfFrame(frame.header, ReadPlate(frame, frame.image(job.window, job.size)))


@final
class RecentPlates:
    """The last frames of the plate, and their images.

    Args:
        job: The job.
        reach: Distance of the farthest frame to keep.
    """

    def __init__(self, job: Job, reach: int) -> None:
        self._job = job
        self._reach = reach
        self._plates: dict[int, PlateOfFrame] = {}
        self._images: dict[tuple[int, Window, tuple[int, int]], NDArray[np.float32]] = {}

    def keep(self, index: int, plate: PlateOfFrame) -> None:
        """Keep a frame, and drop those that are far away."""
        self._plates[index] = plate
        self._plates = {each: kept for each, kept in self._plates.items() if abs(each - index) <= self._reach}
        self._images = {key: kept for key, kept in self._images.items() if abs(key[0] - index) <= self._reach}

    def get(self, index: int) -> PlateOfFrame:
        """Return a frame, which is read if it is not one of the last.

        Raises:
            PlateError: It cannot be read.
        """
        if index not in self._plates:
            self.keep(index, read_plate(self._job, index))
        return self._plates[index]

    def image(self, index: int, window: Window, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return a window of a frame at a size, ``(h, w, 3)`` display-referred in 0-1.

        Args:
            index: Index of the frame.
            window: The window, from the corner of the window that is propagated.
            size: Height and width of the image.

        Raises:
            PlateError: The frame has to be read, and cannot be.
        """
        job, key = self._job, (index, window, size)
        if key not in self._images:
            if (read := self.get(index).read) is None:
                self.keep(index, found := read_plate(job, index))
                read = found.read
            assert read is not None  # noqa: S101
            if window.shape == job.window.shape and size == job.size:
                return read.image
            placed = replace(window, x=job.window.x + window.x, y=job.window.y + window.y)
            self._images[key] = read.frame.image(placed, size)
        return self._images[key]
