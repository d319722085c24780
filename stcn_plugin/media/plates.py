"""Plates as the network sees them: display sRGB, 0 to 1, at network size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import MissingFrameError, PlateError
from stcn_plugin.frames import format_frame_range
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import to_float
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.placing import placed
from stcn_plugin.media.plate_files import PlateFiles, PlatePicture
from stcn_plugin.media.resizing import resized
from stcn_plugin.media.sanitise import PLATE_CEILING, tame
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window

_BAND = 64  # lines of a picture prepared at once


@dataclass(frozen=True, eq=False)
class PlateFrame:
    """One frame of a plate.

    Args:
        frame: The frame asked for.
        image: ``(h, w, 3)`` float32, display sRGB in [0, 1], over the window asked for at the size asked for.
        header: What the file said of itself.
        held_from: The frame whose file this is, where the frame itself has none and the policy is to hold.
    """

    frame: int
    image: NDArray[np.float32]
    header: FrameHeader
    held_from: int | None = None


class PlateReader:
    """Reads the frames of a plate; one may serve several threads.

    All frames must have the display window of the first frame that the reader meets, since one set of mattes is made
    for all of them. Data windows may change from frame to frame.

    Args:
        sequence: The files.
        files: What reads one of them.
        colour: From the plate's colours to display sRGB.
        missing: What to do for a frame without a file: ``stop`` with an error, or ``hold`` the nearest earlier frame on
            disk (before the first, the nearest later). A damaged file is an error in any case.
    """

    def __init__(
        self,
        sequence: FrameSequence,
        *,
        files: PlateFiles,
        colour: ColourTransform,
        missing: Literal["stop", "hold"] = "stop",
    ) -> None:
        self.sequence = sequence
        self._files = files
        self._colour = colour
        self._missing = missing
        self._lock = Lock()
        self._first: tuple[int, Window] | None = None

    @property
    def data_windows_may_differ(self) -> bool:
        """Whether frames may have overscan of their own; of what OpenImageIO reads, only EXR has data windows."""
        return self.sequence.suffix == ".exr" or not isinstance(self._files, OpenImageIOPlates)

    def header(self, frame: int) -> FrameHeader:
        """Return what the file of a frame says of itself, without reading pixels; for a held frame, of the one held.

        Raises:
            MissingFrameError: There is no file, and none to hold.
            PlateError: The file cannot be read, has no such picture, or has another display window.
        """
        found = self._on_disk(frame)
        header = self._files.header(self.sequence.path(found), where=self._label(found))
        self._check_format(found, header.display)
        return header

    def read(self, frame: int, *, window: Window, size: tuple[int, int]) -> PlateFrame:
        """Read a frame.

        Values are made safe before anything is averaged, and converted to sRGB after, at the smaller size.

        Args:
            frame: Frame number.
            window: Pixels wanted; black where the file has none.
            size: Height and width of the image wanted.

        Raises:
            MissingFrameError: There is no file, and none to hold.
            PlateError: The file cannot be read, has no such picture, or has another display window.
            ColourError: Its colours cannot be converted.
        """
        found = self._on_disk(frame)
        picture = self._files.picture(self.sequence.path(found), where=self._label(found))
        self._check_format(found, picture.header.display)
        pixels = self._colour.to_display(
            _at_size(picture, window, size), is_float=picture.is_float, file_colour_space=picture.colour_space
        )
        if found == frame:
            return PlateFrame(frame, pixels, picture.header)
        # Its matte is for another moment than the frame held: two mattes of one timecode would break a conform.
        return PlateFrame(frame, pixels, replace(picture.header, timecode=None), held_from=found)

    def _on_disk(self, frame: int) -> int:
        """Return the frame whose file stands for this frame."""
        if self.sequence.path(frame).exists():
            return frame
        frames = self.sequence.frames_on_disk() if self._missing == "hold" else ()
        if not frames:
            raise self._missing_error(frame)
        earlier = [other for other in frames if other < frame]
        return max(earlier) if earlier else min(frames)

    def _check_format(self, frame: int, display: Window) -> None:
        """Refuse a display window other than the first."""
        with self._lock:
            self._first = self._first or (frame, display)
            first, expected = self._first
        if display != expected:
            raise PlateError(
                f"the format is {_words(display)}, but {_words(expected)} at frame {first}",
                where=self._label(frame),
                fix="Bring all frames to one format, or leave the odd ones out of the frame range",
            )

    def _label(self, frame: int) -> str:
        return f"frame {frame} ({self.sequence.path(frame)})"

    def _missing_error(self, frame: int) -> MissingFrameError:
        frames = self.sequence.frames_on_disk()
        if not frames:
            what = f"no frame of the plate {self.sequence} is on disk"
            return MissingFrameError(what, where=self._label(frame), fix="Check the path of the plate")
        return MissingFrameError(
            f"there is no such file; on disk are {format_frame_range(frames)}",
            where=self._label(frame),
            fix="Render the frame, correct the frame range, or set read.missing to hold or skip",
        )


def _at_size(picture: PlatePicture, window: Window, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return ``(h, w, 3)`` of a window, averaged down.

    First across, in bands that stay in the processor's cache, then down.
    """
    pixels = placed(picture.pixels, picture.header.data, window)
    height, width = size
    channels = []
    for index in range(pixels.shape[-1]):
        narrow = np.empty((window.height, width), np.float32)
        for top in range(0, window.height, _BAND):
            band = _safe(pixels[top : top + _BAND, :, index], is_float=picture.is_float)
            narrow[top : top + _BAND] = resized(band, (len(band), width))
        channels.append(resized(narrow, (height, width)))
    return np.stack(channels * 3 if len(channels) == 1 else channels, axis=-1)


def _safe(pixels: NDArray[Any], *, is_float: bool) -> NDArray[np.float32]:
    """Return pixels as float32 in an array of their own; those of floating point tamed."""
    if pixels.dtype == np.float16:
        return np.take(_tamed_halves(), pixels.view(np.uint16), mode="clip")
    numbers = to_float(np.array(pixels, order="C"))
    return tame(numbers, PLATE_CEILING) if is_float else numbers


@cache
def _tamed_halves() -> NDArray[np.float32]:
    """Return every half float there is, tamed, by its 16 bits: faster to look up than to work out for each pixel."""
    return tame(np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32), PLATE_CEILING)


def _words(window: Window) -> str:
    origin = f" from ({window.x}, {window.y})" if window.x or window.y else ""
    return f"{window.width}x{window.height}{origin}"
