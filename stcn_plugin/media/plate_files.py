"""Interface for readers of plate files, which a studio plugin may implement. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stcn_plugin.media.window import FrameHeader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stcn_plugin.media.colour_encoding import Encoding


@dataclass(frozen=True, eq=False)
class PlatePicture:
    """The image in one file of a plate.

    Args:
        header: Windows, pixel aspect, timecode and frame rate.
        pixels: ``(H, W, 3)`` RGB or ``(H, W, 1)`` grey over the data window. Plugins return float32, with integers as
            value / maximum; the OpenImageIO reader returns the number format of the file.
        is_float: Whether the file stores floating point. Such pixels may be above 1 or NaN, and are scene-linear by
            default; integers are sRGB by default.
        colour_space: Colour space in the file's metadata, by an OCIO name or as numbers; ``None`` if it has none.
        ignored: Names of invalid attributes, each with what is wrong and what is used instead.
    """

    header: FrameHeader
    pixels: NDArray[Any]
    is_float: bool
    colour_space: str | Encoding | None = None
    ignored: Mapping[str, str] = field(default_factory=dict)


class PlateFiles(Protocol):
    """Reads the files of a plate, one per frame. Must be thread-safe."""

    def header(self, path: Path, *, where: str) -> FrameHeader:
        """Return a file's windows, pixel aspect, timecode and frame rate, without reading pixels.

        Args:
            path: The file, which exists.
            where: Frame and file, for error messages.

        Raises:
            PlateError: The file cannot be read.
        """
        ...

    def picture(self, path: Path, *, where: str) -> PlatePicture:
        """Return a file's image.

        Args:
            path: The file, which exists.
            where: Frame and file, for error messages.

        Raises:
            PlateError: The file cannot be read.
        """
        ...
