"""The built-in ways, as a plugin that is asked last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin.bridge.hooks import hookimpl

if TYPE_CHECKING:
    from stcn_plugin.media.plate_files import PlateFiles

NAME = "built-in"
"""What the built-in plugin is called."""


class BuiltIn:
    """Plates by OpenImageIO, and the presets and weights that ship with the package."""

    @hookimpl
    def stcn_preset_folders(self) -> Sequence[Path]:
        """Name the folder inside the package."""
        from stcn_plugin.presets.library import builtin_folder

        return (builtin_folder(),)

    @hookimpl
    def stcn_weights_files(self) -> Mapping[str, Path]:
        """Name the starter weights."""
        from stcn_plugin.weights.store import builtin_files

        return builtin_files()

    @hookimpl
    def stcn_open_plate(self, part: str | None, layer: str | None) -> PlateFiles:
        """Read whatever OpenImageIO knows."""
        from stcn_plugin.media.oiio_plates import OpenImageIOPlates

        return OpenImageIOPlates(part, layer)
