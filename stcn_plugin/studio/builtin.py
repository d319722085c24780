"""The built-in behaviour, as a plugin that is called last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin.bridge.hooks import hookimpl

if TYPE_CHECKING:
    from stcn_plugin.media.plate_files import PlateFiles

NAME = "built-in"
"""Name of the built-in plugin."""


class BuiltIn:
    """Plates read by OpenImageIO, and the presets and weights of the package."""

    @hookimpl
    def stcn_preset_folders(self) -> Sequence[Path]:
        """Return the folder in the package."""
        from stcn_plugin.presets.library import builtin_folder

        return (builtin_folder(),)

    @hookimpl
    def stcn_weights_files(self) -> Mapping[str, Path]:
        """Return the starter weights."""
        from stcn_plugin.weights.store import builtin_files

        return builtin_files()

    @hookimpl
    def stcn_open_plate(self, part: str | None, layer: str | None) -> PlateFiles:
        """Return a reader for all formats of OpenImageIO."""
        from stcn_plugin.media.oiio_plates import OpenImageIOPlates

        return OpenImageIOPlates(part, layer)
