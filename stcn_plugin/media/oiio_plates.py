"""Reads plates by OpenImageIO."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from stcn_plugin.media.images import read_headers, read_stored
from stcn_plugin.media.picture_channels import other_colour_parts, picture_channels
from stcn_plugin.media.plate_files import PlatePicture
from stcn_plugin.media.window import FrameHeader, limit_overscan


@dataclass(frozen=True)
class OpenImageIOPlates:
    """Reads the files of a plate in every format that OpenImageIO supports.

    Args:
        part: Part of a multi-part EXR; by default the first with an image.
        layer: Layer of the image; by default the unnamed one.
    """

    part: str | None = None
    layer: str | None = None

    def header(self, path: Path, *, where: str) -> FrameHeader:
        """Return the header of a file's image.

        Raises:
            PlateError: The file cannot be read, or has no such image.
        """
        parts = read_headers(path, where=where)
        return picture_channels(parts, part=self.part, layer=self.layer, where=where)[0].header

    def picture(self, path: Path, *, where: str) -> PlatePicture:
        """Return a file's image.

        Raises:
            PlateError: The file cannot be read, or has no such image.
        """
        parts = read_headers(path, where=where)
        header, channels = picture_channels(parts, part=self.part, layer=self.layer, where=where)
        window = limit_overscan(header.header.data, header.header.display)
        image, pixels = read_stored(
            path, part=header.part or None, channels=channels, unassociated=True, window=window, where=where
        )
        frame, oddities = replace(image.header, data=window), dict(image.ignored)
        if self.part is None and (others := other_colour_parts(parts, header, layer=self.layer)):
            also = f"{'part' if len(others) == 1 else 'parts'} {', '.join(others)}"
            oddities["the file"] = f"has colours in the {also}, too; {header.part} is used. Set read.part to choose"
        return PlatePicture(frame, pixels, image.is_float, image.colour_space, oddities)
