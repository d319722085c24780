"""Drawing with exact coverage: polygons, hard at many samples per pixel, averaged over space and the open shutter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from scipy.signal import fftconvolve

Floats: TypeAlias = NDArray[np.float32]


def floats(values: ArrayLike) -> Floats:
    """Return values as an array of single precision."""
    return np.asarray(values, np.float32)


SAMPLES = 2
"""Samples of a pixel along each side at each time."""

_OPACITIES = 63
"""Steps of opacity; the alpha of a sample holds the object in the upper two bits, its opacity in the others."""


@dataclass(frozen=True, eq=False)
class Polygons:
    """Polygons of one object in the order of painting; later ones cover earlier ones.

    Args:
        points: ``(N, V, 2)``: x and y of the corners in pixels of the plate.
        colours: ``(N, 3)`` scene-linear, in 0-1.
        opacity: Opacity of all of them; 0 cuts a hole.
    """

    points: Floats
    colours: Floats
    opacity: float = 1.0


Moment: TypeAlias = Callable[[float], Sequence[Sequence[Polygons]]]
"""Returns, for a time in frames, the polygons of each object, from back to front."""


@dataclass(frozen=True, eq=False)
class Layer:
    """The objects of a frame.

    Args:
        colour: ``(H, W, 3)`` scene-linear, premultiplied.
        alphas: ``(O, H, W)`` visible coverage of each object. They add up to at most 1.
    """

    colour: Floats
    alphas: Floats


def render(
    moment: Moment, *, size: tuple[int, int], time: float, shutter: float, times: int, defocus: float = 0.0
) -> Layer:
    """Render the objects of a frame.

    Args:
        moment: The objects at a time.
        size: ``(H, W)`` of the plate.
        time: Middle of the exposure, in frames.
        shutter: Length of the exposure in frames: 0.5 is a shutter of 180 degrees.
        times: Number of times in the exposure.
        defocus: Radius of the circle of confusion in pixels.
    """
    drawn = [moment(time + shutter * ((step + 0.5) / times - 0.5)) for step in range(times)]
    objects = len(drawn[0])
    rows, columns = _region(drawn, size, margin=int(np.ceil(defocus)) + 2)
    height, width = rows.stop - rows.start, columns.stop - columns.start
    total = np.zeros((height * SAMPLES, width * SAMPLES, 3 + objects), np.uint16)
    for step, layers in enumerate(drawn):
        shift = np.array([_halton(step, 2), _halton(step, 3)], np.float32) - 0.5
        picture = _draw(layers, (height, width), offset=shift / SAMPLES - (columns.start, rows.start))
        _add(total, picture, objects)
    reduced = total.reshape(height, SAMPLES, width, SAMPLES, -1).sum((1, 3), dtype=np.uint32).astype(np.float32)
    reduced /= SAMPLES**2 * times * floats([255] * 3 + [_OPACITIES] * objects)
    if defocus > 0:
        reduced = np.maximum(fftconvolve(reduced, _disc(defocus)[..., None], mode="same", axes=(0, 1)), 0)
        # The transform leaves rounding errors where there is nothing.
        reduced[reduced < 1e-4] = 0
        reduced[..., 3:][reduced[..., 3:] > 1 - 1e-4] = 1
    whole = np.zeros((*size, 3 + objects), np.float32)
    whole[rows, columns] = reduced
    return Layer(whole[..., :3], np.ascontiguousarray(np.moveaxis(whole[..., 3:], -1, 0)))


def _region(drawn: Sequence[Sequence[Sequence[Polygons]]], size: tuple[int, int], margin: int) -> tuple[slice, slice]:
    """Return the rows and columns that all polygons cover."""
    shapes = [shape.points for layers in drawn for layer in layers for shape in layer]
    low = np.min([points.min((0, 1)) for points in shapes], axis=0)
    high = np.max([points.max((0, 1)) for points in shapes], axis=0)
    left, top = np.clip(np.floor(low) - margin, 0, np.array(size[::-1]) - 1).astype(int)
    right, bottom = np.clip(np.ceil(high) + margin, (left + 1, top + 1), size[::-1]).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _draw(layers: Sequence[Sequence[Polygons]], size: tuple[int, int], offset: Floats) -> NDArray[np.uint8]:
    """Return one sample each, ``(h, w, 4)``: linear colour, and object and opacity."""
    picture = Image.new("RGBA", (size[1] * SAMPLES, size[0] * SAMPLES))
    draw = ImageDraw.Draw(picture)
    for number, layer in enumerate(layers):
        for shape in layer:
            key = (number << 6) + round(shape.opacity * _OPACITIES) if shape.opacity else 0
            corners = ((shape.points + offset) * SAMPLES - 0.5).reshape(len(shape.points), -1).tolist()
            colours = np.rint(np.clip(shape.colours, 0, 1) * 255).astype(int).tolist()
            for corner, (red, green, blue) in zip(corners, colours, strict=True):
                draw.polygon(corner, fill=(red, green, blue, key))
    return np.asarray(picture)


def _add(total: NDArray[np.uint16], picture: NDArray[np.uint8], objects: int) -> None:
    """Add samples: colour in steps of 1/255, coverage in steps of opacity."""
    key = picture[..., 3]
    opacity = key & _OPACITIES
    is_opaque = bool((opacity == (key > 0) * np.uint8(_OPACITIES)).all())
    if is_opaque and objects == 1:
        total += picture
        return
    total[..., :3] += (
        picture[..., :3] if is_opaque else picture[..., :3] * opacity[..., None].astype(np.uint16) // _OPACITIES
    )
    for number in range(objects):
        total[..., 3 + number] += opacity * (key >> 6 == number)


def _halton(index: int, base: int) -> float:
    """Return the element of a sequence that covers 0-1 evenly."""
    value, fraction, index = 0.0, 1.0, index + 1
    while index:
        fraction /= base
        index, digit = divmod(index, base)
        value += digit * fraction
    return value


def _disc(radius: float) -> Floats:
    """Return the weights of a disc with a soft rim of one pixel."""
    reach = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    weights = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(weights / weights.sum(), np.float32)
