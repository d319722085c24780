"""Keyframe mattes: what the artist drew, read strictly from whatever kind of file it is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import KeyframeError
from stcn_plugin.media import keyframe_cryptomattes, keyframe_layers, palette
from stcn_plugin.media.images import Image, ImageHeader, read_headers, read_image
from stcn_plugin.media.keyframe_file import KeyframeFile, Matte
from stcn_plugin.media.window import Window


def read_keyframe(
    path: Path,
    *,
    frame: int,
    window: Window,
    display: Window,
    selector: str | None = None,
    objects: Mapping[str, str | int] | None = None,
    default_name: str = "matte",
) -> dict[str, NDArray[np.float32]]:
    """Read the mattes of a keyframe.

    * EXR: a channel (``hero.A``) or a layer (``hero``). Without one, every layer with a single matte channel is an
      object; where there is none, the alpha, the only channel or the grey colours are one object.
    * Cryptomatte: an object by its name, which must be chosen.
    * Palette picture: an index. Without one, every index but 0 and 255 is an object by its number.
    * Any other picture: a channel (``A``) or a flat colour (``#ff0000``). Without one, the alpha, or else the grey,
      is one soft object; a coloured picture is refused.

    Args:
        path: The file.
        frame: Frame of the shot that it is for.
        window: Where mattes are wanted: the plate's display window with its overscan.
        display: Format of the plate; the matte must have its size.
        selector: The one thing that is wanted of the file; it may be a name in ``objects``.
        objects: What is wanted, by the names that the shot gives it; each must be there.
        default_name: Name of an object whose file names none.

    Returns:
        ``(H, W)`` coverage over ``window`` of each object, 0 to 1.

    Raises:
        KeyframeError: The file cannot be read, does not fit the plate, has no such object or an empty one, or does
            not say what its matte is.
    """
    file = KeyframeFile(
        path=Path(path),
        frame=frame,
        window=window,
        display=display,
        selector=selector,
        objects=objects or {},
        default_name=default_name,
    )
    headers = read_headers(file.path, error=KeyframeError, where=file.where)
    file.check_size(headers[0])
    if headers[0].file_format == "openexr":
        return _read_exr(file, headers)
    if (picture := palette.open_palette(file.path)) is not None:
        with picture:
            return palette.read_palette(file, picture, headers[0])
    return _read_picture(file)


def _read_exr(file: KeyframeFile, headers: Sequence[ImageHeader]) -> dict[str, Matte]:
    """Read layers, or the objects of a Cryptomatte."""
    channels = keyframe_layers.channels_of(headers)
    found = keyframe_cryptomattes.find_cryptomattes(headers)
    picks = file.picks(lambda selector: keyframe_layers.object_name(channels, selector, file.default_name))
    if not picks:
        if found:
            raise keyframe_cryptomattes.choose_object(file, found)
        return keyframe_layers.read_layers(file, channels)
    mattes = {}
    for name, selector in picks.items():
        if members := keyframe_layers.find_channels(channels, selector):
            mattes[name] = keyframe_layers.read_picked(file, name, members)
        elif found:
            mattes[name] = keyframe_cryptomattes.read_object(file, name, selector, found, channels)
        else:
            raise file.unknown("channel or layer", selector, [channel.name for channel in channels])
    return mattes


def _read_picture(file: KeyframeFile) -> dict[str, Matte]:
    """Read a grey or RGBA picture, or one of flat colours."""
    image = read_image(file.path, unassociated=True, error=KeyframeError, where=file.where)
    channels = keyframe_layers.channels_of([image])
    picks = file.picks(lambda _: file.default_name)
    if picks and all(palette.is_colour(selector) for selector in picks.values()) and image.pixels.shape[-1] >= 3:
        return palette.read_colours(file, picks, image.pixels, image)
    mattes = {}
    for name, selector in picks.items():
        found = keyframe_layers.find_channels(channels, selector)
        if not found:
            raise file.unknown("channel", selector, image.channels)
        mattes[name] = file.fit(name, image.channel(found[0].stored), image)
    return mattes or {file.default_name: _only_matte(file, image)}


def _only_matte(file: KeyframeFile, image: Image) -> Matte:
    """Return the one matte of a picture: an alpha that says something, or else the grey."""
    if "A" in image.channels:
        alpha = image.channel("A")
        if image.channels == ("A",) or not (alpha == 1).all():
            return file.fit(file.default_name, alpha, image)
    colours = [image.channel(name) for name in image.channels if name != "A"][:3]
    if any(float(np.abs(colours[0] - other).max()) > keyframe_layers.GREY_TOLERANCE for other in colours[1:]):
        raise palette.colours_error(file, image.pixels)
    return file.fit(file.default_name, colours[0], image)
