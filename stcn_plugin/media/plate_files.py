"""What reads the files of a plate, whoever wrote them; light, so that a studio's plugin may import it."""

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
    """The picture of one file of a plate.

    Args:
        header: Windows, pixel aspect, timecode and frame rate.
        pixels: ``(H, W, 3)`` RGB or ``(H, W, 1)`` grey over the data window. A plugin gives float32, integers as
            value / maximum; OpenImageIO's are numbers as the file stores them.
        is_float: Whether the file holds floating point: such pixels may be above 1 or no numbers at all, and are
            scene-linear where nothing says otherwise. Others are sRGB then.
        colour_space: What the file says its colours are, by a name of the OCIO config or by numbers; ``None`` where it
            says nothing.
        ignored: What the file says that cannot be true, by name, each with what is taken instead.
    """

    header: FrameHeader
    pixels: NDArray[Any]
    is_float: bool
    colour_space: str | Encoding | None = None
    ignored: Mapping[str, str] = field(default_factory=dict)


class PlateFiles(Protocol):
    """Reads the files of a plate, one frame each. Called from several threads at once."""

    def header(self, path: Path, *, where: str) -> FrameHeader:
        """Return a file's windows, pixel aspect, timecode and frame rate, without reading pixels.

        Args:
            path: The file, which is there.
            where: Frame and file, for a message.

        Raises:
            PlateError: The file cannot be read.
        """
        ...

    def picture(self, path: Path, *, where: str) -> PlatePicture:
        """Return a file's picture.

        Args:
            path: The file, which is there.
            where: Frame and file, for a message.

        Raises:
            PlateError: The file cannot be read.
        """
        ...
