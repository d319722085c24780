"""Plates that plugins read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.errors import PluginError, STCNError
from stcn_plugin.media.plate_files import PlateFiles, PlatePicture
from stcn_plugin.media.window import FrameHeader
from stcn_plugin.studio.builtin import NAME as BUILT_IN
from stcn_plugin.studio.lookup import invalid_result, type_name

_HOOK = "stcn_open_plate"


def plate_files(hooks: Hooks, pattern: str, *, part: str | None, layer: str | None) -> PlateFiles:
    """Return the reader for a plate: that of the first plugin that returns one.

    Args:
        hooks: The plugins.
        pattern: The plate's frame pattern.
        part: Name of the part of a multi-part EXR.
        layer: Name of the layer with the image.

    Raises:
        PluginError: A plugin raised, or did not return a reader.
    """
    plugin, files = next(hooks.results(_HOOK, pattern=pattern, part=part, layer=layer))
    if plugin == BUILT_IN:
        return files  # type: ignore[no-any-return]
    if missing := [name for name in ("header", "picture") if not callable(getattr(files, name, None))]:
        raise invalid_result(plugin, _HOOK, f"{type_name(files)}, which has no method '{missing[0]}'")
    return _Checked(plugin, files)


@dataclass(frozen=True)
class _Checked:
    """Checks the results of a plugin's reader; errors name the plugin and the frame."""

    plugin: str
    files: PlateFiles

    def header(self, path: Path, *, where: str) -> FrameHeader:
        try:
            header = self.files.header(path, where=where)
        except Exception as error:
            raise self._failed(where, error) from error
        return self._check_header(header, where)

    def picture(self, path: Path, *, where: str) -> PlatePicture:
        try:
            picture = self.files.picture(path, where=where)
        except Exception as error:
            raise self._failed(where, error) from error
        if not isinstance(picture, PlatePicture):
            raise self._wrong(where, f"returned {type_name(picture)}, not a PlatePicture")
        shape = self._check_header(picture.header, where).data.shape
        pixels = picture.pixels
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.float32:
            given = f"{pixels.dtype} pixels" if isinstance(pixels, np.ndarray) else type_name(pixels)
            raise self._wrong(where, f"returned {given}, not float32 pixels")
        if pixels.shape not in {(*shape, 1), (*shape, 3)}:
            raise self._wrong(where, f"returned pixels of shape {pixels.shape}, not {(*shape, 3)} or {(*shape, 1)}")
        # Pixels are sanitised in place, which must not change an array of the plugin. Three channels are copied anyway.
        return replace(picture, pixels=pixels.copy()) if pixels.shape[-1] == 1 else picture

    def _check_header(self, header: object, where: str) -> FrameHeader:
        if not isinstance(header, FrameHeader):
            raise self._wrong(where, f"returned {type_name(header)}, not a FrameHeader")
        if not 0 < header.pixel_aspect < float("inf") or min(*header.display.shape, *header.data.shape) < 1:
            raise self._wrong(where, f"returned a header with an invalid size or pixel aspect: {header}")
        return header

    def _failed(self, where: str, error: Exception) -> STCNError:
        if isinstance(error, STCNError):
            return error
        return self._wrong(where, f"failed ({type(error).__name__}: {error})")

    def _wrong(self, where: str, what: str) -> PluginError:
        return PluginError(f"plugin {self.plugin}: reading the plate {what}", where=where)
