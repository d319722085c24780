"""Colour encodings given as numbers (primaries, white point and transfer curve), and their conversion to linear Rec.709."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Curve = Literal["linear", "srgb", "pq", "hlg"]
Matrix = tuple[float, ...]

REC709 = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, 0.3127, 0.3290)
"""Red, green, blue and white of Rec.709 and sRGB, each x and y."""

_XYZ_PRIMARIES = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_IDENTITY_TOLERANCE = 2e-3
_MAX_ENTRY = 100.0  # of a matrix; with larger entries the primaries are nearly one colour
_SRGB_TOLERANCE = 0.05  # relative distance from an exponent of 1/2.2 that still means the sRGB curve
_PQ_WHITE = 203 / 10000  # reference white relative to the PQ peak (BT.2408)
_HLG_WHITE = 0.75  # HLG signal of reference white


@dataclass(frozen=True)
class Encoding:
    """The colour encoding in a file's metadata, as numbers instead of an OCIO name.

    Args:
        source: The attribute, chunk or tag it comes from, for messages.
        matrix: Rows of the 3x3 matrix from linear RGB to linear Rec.709; ``None`` for Rec.709 primaries.
        curve: Transfer curve: a name, the exponent of a pure power (2.2 if light is the value to the power of 2.2), or
            a table of light over evenly spaced values. ``None`` is the default of the file format.
        name: A colour space that the file also names; it takes precedence if the config knows it.
        warning: Metadata that is invalid or not supported; the text names ``source``.
    """

    source: str
    matrix: Matrix | None = None
    curve: Curve | float | tuple[float, ...] | None = None
    name: str | None = None
    warning: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it has a matrix or a curve."""
        return self.matrix is not None or self.curve is not None

    def to_linear(self, pixels: NDArray[np.float32], *, is_float: bool) -> NDArray[np.float32]:
        """Convert pixels to linear Rec.709 with white at 1.

        Args:
            pixels: ``(h, w, 3)``, not negative.
            is_float: Whether the file stores floating point, whose default curve is linear.
        """
        curve = self.curve if self.curve is not None else "linear" if is_float else "srgb"
        light = _to_light(pixels, curve)
        if self.matrix is None:
            return light
        matrix = np.array(self.matrix, np.float32).reshape(3, 3)
        converted: NDArray[np.float32] = light @ matrix.T
        return converted

    def is_srgb(self, *, is_float: bool) -> bool:
        """Whether pixels are sRGB already."""
        return self.matrix is None and (self.curve == "srgb" or (self.curve is None and not is_float))


def power_curve(exponent: float) -> Curve | float:
    """Return the curve of a power: linear for 1, sRGB for about 2.2, since programs write that exponent for sRGB.

    Args:
        exponent: Light is the pixel value to this power.
    """
    if abs(2.2 / exponent - 1) < _SRGB_TOLERANCE:
        return "srgb"
    return "linear" if exponent == 1 else exponent


@lru_cache(64)
def matrix_from_primaries(primaries: Sequence[float]) -> Matrix | None:
    """Return the matrix from linear RGB with the given primaries to linear Rec.709.

    White points other than D65 are adapted by Bradford. The exception are CIE XYZ primaries with an equal-energy white:
    such files hold XYZ values relative to D65, and are not adapted.

    Args:
        primaries: Red, green, blue and white, each x and y.

    Returns:
        Nine numbers in row order; ``None`` for Rec.709 itself.

    Raises:
        ValueError: Not valid primaries: not finite, collinear, or with the white point outside.
    """
    if len(primaries) == len(_XYZ_PRIMARIES) and np.allclose(primaries, _XYZ_PRIMARIES, atol=1e-4):
        return _none_if_identity(np.asarray(np.linalg.inv(_to_xyz(REC709)), np.float64))
    return matrix_from_xyz(_to_xyz(primaries), white=_xyz_of(*primaries[6:]))


def matrix_from_xyz(matrix: NDArray[np.float64], *, white: NDArray[np.float64]) -> Matrix | None:
    """Return the matrix from linear RGB to linear Rec.709.

    Args:
        matrix: ``(3, 3)`` from linear RGB to XYZ.
        white: ``(3,)`` XYZ of the white point, which is adapted to D65.

    Returns:
        As for `matrix_from_primaries`.

    Raises:
        ValueError: The result is not a valid colour matrix.
    """
    cone, target = _BRADFORD @ white, _BRADFORD @ _xyz_of(*REC709[6:])
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(target / cone) @ _BRADFORD @ matrix
    return _none_if_identity(np.asarray(np.linalg.inv(_to_xyz(REC709)) @ adapted, np.float64))


def _to_xyz(primaries: Sequence[float]) -> NDArray[np.float64]:
    """Return the ``(3, 3)`` matrix from linear RGB to XYZ."""
    numbers = np.array(primaries, np.float64)
    if numbers.shape != (8,) or not np.isfinite(numbers).all() or np.abs(numbers).max() > _MAX_ENTRY:
        raise ValueError("not eight finite numbers")
    columns = np.array([[x, y, 1 - x - y] for x, y in numbers[:6].reshape(3, 2)]).T
    if abs(np.linalg.det(columns)) < 1e-5:
        raise ValueError("the primaries are collinear")
    scale = np.linalg.solve(columns, _xyz_of(*numbers[6:]))
    if scale.min() <= 1e-6:
        raise ValueError("the white point is outside the primaries")
    matrix: NDArray[np.float64] = columns * scale
    return matrix


def _xyz_of(x: float, y: float) -> NDArray[np.float64]:
    """Return XYZ of a chromaticity at luminance 1."""
    if not (0.05 < x < 0.9 and 0.05 < y < 0.9 and x + y < 1):
        raise ValueError("the white point is not valid")
    return np.array([x / y, 1, (1 - x - y) / y])


def _none_if_identity(matrix: NDArray[np.float64]) -> Matrix | None:
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > _MAX_ENTRY:
        raise ValueError("the primaries are nearly one colour")
    if np.allclose(matrix, np.eye(3), atol=_IDENTITY_TOLERANCE):
        return None
    return tuple(float(value) for value in matrix.ravel())


def _to_light(pixels: NDArray[np.float32], curve: Curve | float | tuple[float, ...]) -> NDArray[np.float32]:
    """Decode pixels to linear light with white at 1."""
    if curve == "linear":
        return pixels
    if isinstance(curve, tuple):
        return np.asarray(np.interp(pixels, np.linspace(0, 1, len(curve)), curve), np.float32)
    if isinstance(curve, float | int):
        return np.asarray(pixels ** np.float32(curve), np.float32)
    if curve == "srgb":
        bright = ((pixels + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
        return np.asarray(np.where(pixels <= np.float32(0.04045), pixels / np.float32(12.92), bright), np.float32)
    if curve == "pq":
        return np.asarray(_pq(pixels) / _PQ_WHITE, np.float32)
    return np.asarray(_hlg(pixels) / _hlg(np.float32(_HLG_WHITE)), np.float32)


def _pq(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return luminance relative to 10,000 cd/m² (SMPTE ST 2084)."""
    root = np.minimum(pixels, 1) ** np.float32(32 / 2523)
    light: NDArray[np.float32] = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** np.float32(
        16384 / 2610
    )
    return light


def _hlg(pixels: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    """Return scene light, at most 1 (ARIB STD-B67)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = (np.exp((np.minimum(pixels, 1) - c) / a) + b) / 12
    light: NDArray[np.float32] = np.where(pixels <= 0.5, np.square(pixels) / 3, bright)
    return light
