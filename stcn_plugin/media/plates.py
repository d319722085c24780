"""Reads plates, and converts windows of them to display sRGB, 0 to 1, at any size."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import MissingFrameError, PlateError
from stcn_plugin.frames import format_frame_range, shortened
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.oiio_plates import OpenImageIOPlates
from stcn_plugin.media.pixels import PLATE_CEILING, place_in_window, resized, sanitise, to_float
from stcn_plugin.media.plate_files import PlateFiles, PlatePicture
from stcn_plugin.media.sequences import FilesOnDisk, FrameSequence
from stcn_plugin.media.window import MAX_PIXELS, FrameHeader, Window, limit_overscan

_BAND_ROWS = 64  # rows resized together


@dataclass(frozen=True, eq=False)
class PlateFrame:
    """One frame of a plate, in memory as its file has it.

    Args:
        frame: Frame number.
        header: Header of the file.
        picture: The image of the file.
        colour: Conversion to display sRGB.
        held_from: The frame that was read instead of a missing one; ``None`` if the frame exists.
    """

    frame: int
    header: FrameHeader
    picture: PlatePicture
    colour: ColourTransform
    held_from: int | None = None

    def image(self, window: Window, size: tuple[int, int]) -> NDArray[np.float32]:
        """Return the image of a window, ``(h, w, 3)`` float32, display sRGB in [0, 1].

        Values are sanitised before resizing, and converted to sRGB after it.

        Args:
            window: Window of the image; black outside the data window.
            size: Height and width of the image.

        Raises:
            ColourError: Its colours cannot be converted.
        """
        picture = self.picture
        pixels = _at_size(picture, window, size)
        return self.colour.to_display(pixels, is_float=picture.is_float, file_colour_space=picture.colour_space)

    @property
    def digest(self) -> str:
        """Digest of the pixels and of the header that the mattes inherit."""
        picture = self.picture
        pixels = np.ascontiguousarray(picture.pixels)
        text = repr((self.header, pixels.shape, pixels.dtype, picture.is_float, picture.colour_space))
        return f"{zlib.crc32(pixels.data, zlib.crc32(text.encode())):08x}"


class PlateReader:
    """Reads the frames of a plate. Thread-safe.

    All frames must have the display window of the first frame read. Data windows may vary; overscan beyond the size of
    the format on each side is ignored.

    Args:
        sequence: The files.
        files: Reader of single files.
        colour: Conversion to display sRGB.
        missing: Policy for missing frames: ``stop`` with an error, or ``hold`` the nearest earlier frame, or
            the first one if there is none earlier. Damaged files are always errors.
        on_disk: Listing of the files; by default the folder is listed when a file is missing.
        warn: Called for invalid or unsupported metadata, once for each kind, on the reading thread.
    """

    def __init__(
        self,
        sequence: FrameSequence,
        *,
        files: PlateFiles,
        colour: ColourTransform,
        missing: Literal["stop", "hold"] = "stop",
        on_disk: FilesOnDisk | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.sequence = sequence
        self._files = files
        self._colour = colour
        self._missing = missing
        self._on_disk = on_disk
        self._warn = warn
        self._lock = Lock()
        self._first: tuple[int, Window] | None = None
        self._warned: set[str] = set()

    @property
    def data_windows_may_differ(self) -> bool:
        """Whether data windows may vary; of the formats that OpenImageIO reads, only EXR has data windows."""
        return self.sequence.suffix == ".exr" or not isinstance(self._files, OpenImageIOPlates)

    @property
    def colour_config(self) -> str:
        """The OCIO config: a file, or the name of a built-in one."""
        return self._colour.config

    def file(self, frame: int) -> Path:
        """Return the file of a frame, or of the frame held for it.

        Raises:
            MissingFrameError: There is no file, and none to hold.
        """
        return self._source(frame)[1]

    def header(self, frame: int) -> FrameHeader:
        """Return the header of a frame, or of the frame held for it, without reading pixels.

        Raises:
            MissingFrameError: There is no file, and none to hold.
            PlateError: The file cannot be read, has no such image, or has another display window.
        """
        found, path = self._source(frame)
        return _of_frame(frame, found, self._checked(found, path, self._files.header(path, where=_label(found, path))))

    def distinct(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Return the first frame of each distinct file; several missing frames may hold the same file."""
        on_disk = self._listed()
        first: dict[int | None, int] = {}
        for frame in frames:
            first.setdefault(frame if frame in on_disk.names else on_disk.held(frame), frame)
        return tuple(first.values())

    def read(self, frame: int) -> PlateFrame:
        """Read a frame.

        Args:
            frame: Frame number.

        Raises:
            MissingFrameError: There is no file, and none to hold.
            PlateError: The file cannot be read, has no such image, or has another display window.
        """
        found, path = self._source(frame)
        label = _label(found, path)
        picture = self._files.picture(path, where=label)
        header = self._checked(found, path, picture.header)
        for name, what in picture.ignored.items():
            self._warn_once(name, f"{label}: {name} {what}.")
        if warning := self._colour.warning(picture.colour_space, is_float=picture.is_float):
            self._warn_once(warning, f"{label}: {warning}")
        held_from = None if found == frame else found
        return PlateFrame(frame, _of_frame(frame, found, header), picture, self._colour, held_from)

    def _source(self, frame: int) -> tuple[int, Path]:
        """Return the frame to read in place of a frame, usually itself, and its file."""
        path = self.sequence.path(frame)
        if os.path.exists(path):  # noqa: PTH110 - Path.exists raises where a folder cannot be searched
            return frame, path
        on_disk = self._listed()
        if there := on_disk.path(frame):
            return frame, there
        held = on_disk.held(frame) if self._missing == "hold" else None
        if held is None:
            raise self._missing_frame_error(frame, on_disk)
        return held, on_disk.folder / on_disk.names[held]

    def _listed(self) -> FilesOnDisk:
        with self._lock:
            self._on_disk = self._on_disk or self.sequence.on_disk()
            return self._on_disk

    def _checked(self, frame: int, path: Path, header: FrameHeader) -> FrameHeader:
        """Reject a display window that is too large or differs from the first; limit the overscan."""
        display = header.display
        if display.pixels > MAX_PIXELS:
            raise PlateError(
                f"the format is {_describe(display)}, above the limit of {MAX_PIXELS:,} pixels",
                where=_label(frame, path),
                fix="Check the display window, or write the plate smaller",
            )
        with self._lock:
            self._first = self._first or (frame, display)
            first, expected = self._first
        if display != expected:
            raise PlateError(
                f"the format is {_describe(display)}, but {_describe(expected)} at frame {first}",
                where=_label(frame, path),
                fix="Give all frames of a plate the same format",
            )
        data = limit_overscan(header.data, display)
        if data == header.data:
            return header
        self._warn_once(
            "data window",
            f"{_label(frame, path)}: the data window is {_describe(header.data)}, far beyond the format {_describe(display)}; "
            f"the mattes cover {_describe(data)}.",
        )
        return replace(header, data=data)

    def _warn_once(self, kind: str, text: str) -> None:
        with self._lock:
            is_new = kind not in self._warned
            self._warned.add(kind)
        if is_new:
            self._warn(text)

    def _missing_frame_error(self, frame: int, on_disk: FilesOnDisk) -> MissingFrameError:
        label = _label(frame, self.sequence.path(frame))
        if not on_disk.frames:
            what = f"no frame of the plate {self.sequence} is on disk"
            return MissingFrameError(what, where=label, fix=self.sequence.suggestion() or "Check the path of the plate")
        if frame in on_disk.broken:
            what = "this is a link to a file that no longer exists"
            fix = "Bring the file back, correct the frame range, or set read.missing to hold or skip"
            return MissingFrameError(what, where=label, fix=fix)
        return MissingFrameError(
            f"there is no such file; on disk are {shortened(format_frame_range(on_disk.frames))}",
            where=label,
            fix="Render the frame, correct the frame range, or set read.missing to hold or skip",
        )


def _of_frame(frame: int, found: int, header: FrameHeader) -> FrameHeader:
    """Remove the timecode of a frame that is held for another: two mattes with one timecode would break a conform."""
    return header if found == frame else replace(header, timecode=None)


def _label(frame: int, path: Path) -> str:
    return f"frame {frame} ({path})"


def _at_size(picture: PlatePicture, window: Window, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return ``(h, w, 3)`` of a window, resized.

    First horizontally, in bands that fit the CPU cache, then vertically.
    """
    pixels = place_in_window(picture.pixels, picture.header.data, window)
    height, width = size
    channels = []
    for index in range(pixels.shape[-1]):
        narrow = np.empty((window.height, width), np.float32)
        for top in range(0, window.height, _BAND_ROWS):
            band = _sanitised(pixels[top : top + _BAND_ROWS, :, index], is_float=picture.is_float)
            narrow[top : top + _BAND_ROWS] = resized(band, (len(band), width))
        channels.append(resized(narrow, (height, width)))
    return np.stack(channels * 3 if len(channels) == 1 else channels, axis=-1)


def _sanitised(pixels: NDArray[Any], *, is_float: bool) -> NDArray[np.float32]:
    """Return a copy of pixels as float32; floating-point values are sanitised."""
    if pixels.dtype == np.float16:
        return np.take(_sanitised_halves(), pixels.view(np.uint16), mode="clip")
    numbers = to_float(np.array(pixels, order="C"))
    return sanitise(numbers, PLATE_CEILING) if is_float else numbers


@cache
def _sanitised_halves() -> NDArray[np.float32]:
    """Return the lookup table from the bits of a half float to its sanitised value."""
    return sanitise(np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32), PLATE_CEILING)


def _describe(window: Window) -> str:
    origin = f" from ({window.x}, {window.y})" if window.x or window.y else ""
    return f"{window.width}x{window.height}{origin}"
