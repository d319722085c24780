"""Plates as the network sees them: display sRGB, 0 to 1, at network size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import MissingFrameError, PlateError
from stcn_plugin.frames import format_frame_range
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import Image, ImageHeader, read_headers, read_image
from stcn_plugin.media.picture import picture_channels
from stcn_plugin.media.placing import placed
from stcn_plugin.media.resizing import resized
from stcn_plugin.media.sanitise import PLATE_CEILING, tame
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.media.window import FrameHeader, Window


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
        colour: From the plate's colours to display sRGB.
        missing: What to do for a frame without a file: ``stop`` with an error, or ``hold`` the nearest earlier frame on
            disk (before the first, the nearest later). A damaged file is an error in any case.
        part: Part of a multi-part EXR by name; by default the first that has the picture.
        layer: Layer that is the picture; by default the unnamed RGB.
    """

    def __init__(
        self,
        sequence: FrameSequence,
        *,
        colour: ColourTransform,
        missing: Literal["stop", "hold"] = "stop",
        part: str | None = None,
        layer: str | None = None,
    ) -> None:
        self.sequence = sequence
        self._colour = colour
        self._missing = missing
        self._part = part
        self._layer = layer
        self._lock = Lock()
        self._first: tuple[int, Window] | None = None

    def header(self, frame: int) -> FrameHeader:
        """Return what the file of a frame says of itself, without reading pixels; for a held frame, of the one held.

        Raises:
            MissingFrameError: There is no file, and none to hold.
            PlateError: The file cannot be read, has no such picture, or has another display window.
        """
        found = self._on_disk(frame)
        if found is None:
            raise self._missing_error(frame)
        return self._picture(found)[0].header

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
        if found is None:
            raise self._missing_error(frame)
        header, channels = self._picture(found)
        image = read_image(
            header.path, part=header.part or None, channels=channels, unassociated=True, where=self._label(found)
        )
        pixels = self._colour.to_display(
            _at_size(image, window, size), is_float=image.is_float, file_colour_space=image.colour_space
        )
        if found == frame:
            return PlateFrame(frame, pixels, image.header)
        # Its matte is for another moment than the frame held: two mattes of one timecode would break a conform.
        return PlateFrame(frame, pixels, replace(image.header, timecode=None), held_from=found)

    def _on_disk(self, frame: int) -> int | None:
        """Return the frame whose file stands for this frame."""
        if self.sequence.path(frame).exists():
            return frame
        frames = self.sequence.frames_on_disk() if self._missing == "hold" else ()
        earlier = [other for other in frames if other < frame]
        return max(earlier) if earlier else min(frames, default=None)

    def _picture(self, frame: int) -> tuple[ImageHeader, tuple[str, ...]]:
        """Return the header of a frame's picture and its channels."""
        label = self._label(frame)
        parts = read_headers(self.sequence.path(frame), where=label)
        header, channels = picture_channels(parts, part=self._part, layer=self._layer, where=label)
        self._check_format(frame, header.header.display)
        return header, channels

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


def _at_size(image: Image, window: Window, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return ``(h, w, 3)`` of a window, averaged down; channel by channel, which is faster and takes less memory."""
    channels = []
    for index in range(len(image.channels)):
        channel = np.ascontiguousarray(placed(image.pixels[..., index], image.header.data, window))
        channels.append(resized(tame(channel, PLATE_CEILING) if image.is_float else channel, size))
    return np.stack(channels * 3 if len(channels) == 1 else channels, axis=-1)


def _words(window: Window) -> str:
    origin = f" from ({window.x}, {window.y})" if window.x or window.y else ""
    return f"{window.width}x{window.height}{origin}"
