"""Files with the probabilities of a frame, as one pass found them: half-float EXR, one layer per object."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import PlateError, STCNError
from stcn_plugin.media.images import read_header, read_stored
from stcn_plugin.media.matte_encoding import encode_exr
from stcn_plugin.media.object_names import layer_names
from stcn_plugin.media.window import FrameHeader, Window

Probabilities: TypeAlias = Mapping[str, NDArray[np.float16]]
"""Object name to ``(h, w)`` probabilities at the internal size. All arrays have the same shape."""

_MADE_FROM = "stcn/madeFrom"
_OBJECTS = "stcn/objects"
_CHECKSUM = "stcn/checksum"
_WINDOW = "stcn/window"
_COMPRESSION = "pxr24"  # lossless for half floats; the files are as small as with zip, in half of the time


def encode_probabilities(probabilities: Probabilities, *, made_from: str, window: Window) -> bytes:
    """Return the EXR file of a frame.

    Args:
        probabilities: At least one object.
        made_from: Digest of everything that they are made from.
        window: The window of the plate that they cover, for other programs.

    Raises:
        OSError: It cannot be encoded.
    """
    names = layer_names(tuple(probabilities))
    height, width = next(iter(probabilities.values())).shape
    whole = Window(0, 0, width, height)
    return encode_exr(
        {f"{names[name]}.A": plane for name, plane in probabilities.items()},
        "half",
        header=FrameHeader(display=whole, data=whole, pixel_aspect=1.0),
        attributes={
            "compression": _COMPRESSION,
            _MADE_FROM: made_from,
            _OBJECTS: json.dumps(list(probabilities)),
            _CHECKSUM: _checksum(probabilities),
            _WINDOW: f"{window.x} {window.y} {window.width} {window.height}",
        },
    )


def read_probabilities(path: Path, *, made_from: str) -> Probabilities | None:
    """Read the file of a frame.

    Returns:
        The probabilities; ``None`` if the file is missing, damaged, of another program, or made from something else.
    """
    try:
        if read_header(path).metadata.get(_MADE_FROM) != made_from:
            return None
        header, pixels = read_stored(path)
        objects = json.loads(header.metadata.get(_OBJECTS, ""))
        names = layer_names(objects)
        planes = {name: pixels[..., header.channels.index(f"{names[name]}.A")] for name in objects}
    except (STCNError, ValueError, TypeError, KeyError):
        return None
    is_whole = bool(planes) and pixels.dtype == np.float16 and _checksum(planes) == header.metadata.get(_CHECKSUM)
    return planes if is_whole else None


def made_from(path: Path) -> str | None:
    """Return the digest of what a file says that it is made from; ``None`` if it says nothing."""
    try:
        return read_header(path, error=PlateError).metadata.get(_MADE_FROM)
    except STCNError:
        return None


def _checksum(probabilities: Probabilities) -> str:
    """Return a checksum of the pixels: OpenEXR does not notice damage in chunks that it could not compress."""
    value = 0
    for plane in probabilities.values():
        value = zlib.crc32(np.ascontiguousarray(plane).tobytes(), value)
    return f"{value:08x}"
