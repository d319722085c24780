"""The objects of one matte file: layers, a Cryptomatte, palette indices, or a single matte.

Unlike a keyframe, a file may show nothing here: a matte that lost its object has to be scored, not refused. Values
are taken as they are, above 1 too, since every difference from the truth counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stcn_plugin.errors import PlateError
from stcn_plugin.evaluation.hard import Matte
from stcn_plugin.media.cryptomatte import Cryptomatte, cryptomattes, decode, rank_channels
from stcn_plugin.media.images import Image, ImageHeader, read_header, read_image
from stcn_plugin.media.palette import VOID, open_palette
from stcn_plugin.media.placing import placed

UNNAMED = "matte"
"""Name of the object of a file that names none."""

_MATTE_CHANNELS = ("a", "alpha", "y", "v")
_GREY_TOLERANCE = 0.01  # lossy compression moves the colours of a grey a little apart


@dataclass(frozen=True)
class Contents:
    """What a file shows.

    Args:
        names: Its objects.
        indexed: Whether they are indices of a palette, so that an absent one is empty.
    """

    names: tuple[str, ...]
    indexed: bool = False


def object_names(path: Path) -> Contents:
    """Return the objects that a file shows; only of a palette picture are pixels read.

    Raises:
        PlateError: The file cannot be read.
    """
    if (indices := _indices(path)) is not None:
        return Contents(tuple(str(index) for index in np.unique(indices) if index not in (0, VOID)), indexed=True)
    header = read_header(path)
    return Contents(tuple(_manifest(header)) or tuple(_layers(header)) or (UNNAMED,))


def read_objects(path: Path, names: Sequence[str]) -> dict[str, Matte]:
    """Return the ``(H, W)`` matte of each object over the display window.

    Args:
        path: The file.
        names: Objects that the files of its sequence show.

    Raises:
        PlateError: The file cannot be read, lacks an object, or has values that are not finite.
    """
    if (indices := _indices(path)) is not None:
        if not indices.any():
            return dict.fromkeys(names, np.zeros(indices.shape, np.float32))
        _require(path, names, [str(index) for index in range(1, VOID)])
        return {name: (indices == int(name)).astype(np.float32) for name in names}
    header = read_header(path)
    if objects := _manifest(header):
        _require(path, names, objects)
        mattes = {name: _decoded(path, header, objects[name], name) for name in names}
    elif layers := _layers(header):
        _require(path, names, layers)
        pixels = read_image(path, channels=[layers[name] for name in names]).pixels
        mattes = {name: pixels[..., index] for index, name in enumerate(names)}
    else:
        _require(path, names, (UNNAMED,))
        mattes = {UNNAMED: _only_matte(read_image(path, unassociated=True))}
    return {name: _over_display(matte, header, name) for name, matte in mattes.items()}


def _indices(path: Path) -> npt.NDArray[np.uint8] | None:
    """Return the indices of a palette picture; ``None`` for any other, and for greys that were saved with a palette."""
    picture = open_palette(path)
    if picture is None:
        return None
    with picture:
        try:
            indices = np.asarray(picture, np.uint8)
        except (OSError, SyntaxError, ValueError) as problem:
            raise PlateError(f"pixels are missing or damaged ({problem})", where=str(path)) from None
        colours = np.reshape(picture.getpalette("RGB") or [], (-1, 3))
    used = colours[np.unique(indices)]
    is_grey = bool((used == used[:, :1]).all()) and (len(used) > 2 or int(used.max()) == 255)
    return None if is_grey else indices


def _manifest(header: ImageHeader) -> dict[str, tuple[Cryptomatte, float]]:
    """Return the objects that the Cryptomattes of a file name."""
    return {name: (found, key) for found in cryptomattes(header.metadata) for name, key in found.ids.items()}


def _layers(header: ImageHeader) -> dict[str, str]:
    """Return each layer with a single matte channel, and that channel: ``hero`` for ``hero.A``."""
    channels: dict[str, list[str]] = defaultdict(list)
    for name in header.channels:
        channels[name.rpartition(".")[0]].append(name)
    return {
        layer: stored[0]
        for layer, stored in channels.items()
        if layer and len(stored) == 1 and stored[0].rpartition(".")[2].lower() in _MATTE_CHANNELS
    }


def _decoded(path: Path, header: ImageHeader, found: tuple[Cryptomatte, float], name: str) -> Matte:
    """Return the coverage of one object of a Cryptomatte; it may show nowhere."""
    crypto, identifier = found
    channels = [channel for pair in rank_channels(crypto.name, header.channels) for channel in pair]
    if not channels:
        raise PlateError(f"the Cryptomatte of '{name}' has no channels", where=str(path))
    return decode(read_image(path, channels=channels).pixels, identifier)


def _only_matte(image: Image) -> Matte:
    """Return the matte of a file that names no object: an alpha that is not solid, or else the grey."""
    by_name = {name.upper(): image.channel(name) for name in image.channels}
    alpha = by_name.get("A")
    if alpha is not None and (len(by_name) == 1 or not (alpha == 1).all()):
        return alpha
    colours = [by_name[name] for name in "RGB" if name in by_name] or [image.pixels[..., 0]]
    if any(float(np.abs(colours[0] - other).max()) > _GREY_TOLERANCE for other in colours[1:]):
        fix = "Give the matte as grey, as alpha, as layers <object>.A, or as a palette picture"
        raise PlateError("the picture is coloured: it does not say what the matte is", where=str(image.path), fix=fix)
    return colours[0]


def _over_display(matte: Matte, header: ImageHeader, name: str) -> Matte:
    """Lay a matte into its format; overscan is not scored."""
    if not np.isfinite(matte).all():
        what = f"the matte of '{name}' has values that are no numbers (NaN or Inf)"
        raise PlateError(what, where=str(header.path), fix="Repair the matte and evaluate again")
    return placed(matte, header.header.data, header.header.display)


def _require(path: Path, names: Sequence[str], present: Collection[str]) -> None:
    for name in names:
        if name not in present:
            what = f"there is no object '{name}' in this file, which other files of the sequence have"
            raise PlateError(what, where=str(path), fix=f"It has: {', '.join(present)}")
