"""Files with the probabilities of a frame, as one pass found them: half-float EXR, one layer per object.

A file has one part for the whole frame, and one for each window.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import PlateError, STCNError
from stcn_plugin.matte.views import View, Views
from stcn_plugin.media.image_encoding import encode_image
from stcn_plugin.media.images import ImageHeader, read_headers, read_stored
from stcn_plugin.media.matte_encoding import exr_part
from stcn_plugin.media.object_names import layer_names
from stcn_plugin.media.window import FrameHeader, Window
from stcn_plugin.response import Response

_MADE_FROM = "stcn/madeFrom"
_OBJECTS = "stcn/objects"
_CHECKSUM = "stcn/checksum"
_WINDOW = "stcn/window"
_PART = "stcn/part"
_RESPONSES = "stcn/responses"
_COMPRESSION = "pxr24"  # lossless for half floats; the files are as small as with zip, in half of the time


def encode_probabilities(views: Views, *, made_from: str) -> bytes:
    """Return the EXR file of a frame.

    Args:
        views: At least one, each with at least one object.
        made_from: Digest of everything that they are made from.

    Raises:
        OSError: It cannot be encoded.
    """
    height, width = next(iter(views[0].planes.values())).shape
    display = Window(0, 0, width, height)
    parts = []
    for number, view in enumerate(views):
        names = layer_names(tuple(view.planes))
        height, width = next(iter(view.planes.values())).shape
        place = {
            _OBJECTS: json.dumps(list(view.planes)),
            _WINDOW: " ".join(map(str, astuple(view.window))),
            _PART: f"{number + 1} of {len(views)}",
            _RESPONSES: json.dumps({name: response.alpha for name, response in view.responses.items()}),
        }
        parts.append(
            exr_part(
                {f"{names[name]}.A": plane for name, plane in view.planes.items()},
                "half",
                header=FrameHeader(display=display, data=Window(0, 0, width, height), pixel_aspect=1.0),
                attributes={
                    "compression": _COMPRESSION,
                    _MADE_FROM: made_from,
                    _CHECKSUM: _checksum(place, view.planes),
                    **place,
                },
                name=f"window{number}" if number else "frame",
            )
        )
    return encode_image(parts, ".exr")


def read_probabilities(path: Path, *, made_from: str) -> Views | None:
    """Read the file of a frame.

    Returns:
        The probabilities; ``None`` if the file is missing, damaged, of another program, or made from something else.
    """
    try:
        headers = read_headers(path)
        if any(header.metadata.get(_MADE_FROM) != made_from for header in headers):
            return None
        numbers = [f"{number + 1} of {len(headers)}" for number in range(len(headers))]
        if [header.metadata.get(_PART) for header in headers] != numbers:
            return None
        views = [_read(path, header) for header in headers]
    except (STCNError, ValueError, TypeError, KeyError):
        return None
    return None if None in views else [view for view in views if view is not None]


def _read(path: Path, header: ImageHeader) -> View | None:
    """Read a part; ``None`` if it is damaged."""
    place = {key: header.metadata.get(key, "") for key in (_OBJECTS, _WINDOW, _PART, _RESPONSES)}
    objects = json.loads(place[_OBJECTS])
    x, y, width, height = map(int, place[_WINDOW].split())
    names = layer_names(objects)
    found, pixels = read_stored(path, part=header.part)
    planes = {name: pixels[..., found.channels.index(f"{names[name]}.A")] for name in objects}
    is_whole = (
        bool(planes) and pixels.dtype == np.float16 and _checksum(place, planes) == header.metadata.get(_CHECKSUM)
    )
    if not is_whole:
        return None
    responses = {name: Response(tuple(alpha)) for name, alpha in json.loads(place[_RESPONSES]).items()}
    return View(Window(x, y, width, height), planes, responses)


def made_from(path: Path) -> str | None:
    """Return the digest of what a file says that it is made from; ``None`` if it says nothing."""
    try:
        return read_headers(path, error=PlateError)[0].metadata.get(_MADE_FROM)
    except STCNError:
        return None


def _checksum(place: Mapping[str, str], planes: Mapping[str, NDArray[np.float16]]) -> str:
    """Return a checksum of a part, because OpenEXR does not notice damage in metadata and in uncompressed chunks."""
    value = zlib.crc32(json.dumps(place, sort_keys=True).encode())
    for plane in planes.values():
        value = zlib.crc32(np.ascontiguousarray(plane).tobytes(), value)
    return f"{value:08x}"
