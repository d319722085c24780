"""Colours that a file says by numbers: primaries, a white point and a curve, and from there to linear Rec.709."""

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

_XYZ = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_SAME = 2e-3  # what two matrices may differ by that mean the same colours
_LARGEST = 100.0  # entry of a matrix; beyond it the primaries are all but one colour
_SRGB_LIKE = 0.05  # how far an exponent may be from 1/2.2, in parts of it, to stand for the curve of sRGB
_PQ_WHITE = 203 / 10000  # the white of a page, in parts of the brightest that PQ encodes (BT.2408)
_HLG_WHITE = 0.75  # the same as HLG encodes it


@dataclass(frozen=True)
class Encoding:
    """What a file says its colours are, by numbers instead of by a name of the OCIO config.

    Args:
        source: The attribute, chunk or tag that says so, as messages call it.
        matrix: Rows of the 3x3 matrix from its linear RGB to linear Rec.709; ``None`` is Rec.709 itself.
        curve: How light became numbers: by name, as the exponent of a pure power (2.2 where light is the number to
            the power of 2.2), or as a table of light over evenly spaced numbers. ``None`` is what the kind of file
            has where nothing is said.
        name: A colour space that the file names as well; it goes first where the config knows it.
        warning: What cannot be true or is not honoured, for a warning that names ``source``.
    """

    source: str
    matrix: Matrix | None = None
    curve: Curve | float | tuple[float, ...] | None = None
    name: str | None = None
    warning: str | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it says more than nothing."""
        return self.matrix is not None or self.curve is not None

    def to_linear(self, pixels: NDArray[np.float32], *, is_float: bool) -> NDArray[np.float32]:
        """Return pixels as linear Rec.709, white as 1.

        Args:
            pixels: ``(h, w, 3)`` of 0 and more.
            is_float: Whether the file stores floating point, which is linear where no curve is said.
        """
        curve = self.curve if self.curve is not None else "linear" if is_float else "srgb"
        light = _to_light(pixels, curve)
        if self.matrix is None:
            return light
        matrix = np.array(self.matrix, np.float32).reshape(3, 3)
        converted: NDArray[np.float32] = light @ matrix.T
        return converted

    def is_srgb(self, *, is_float: bool) -> bool:
        """Whether its numbers are those of sRGB, so that nothing is to be converted."""
        return self.matrix is None and (self.curve == "srgb" or (self.curve is None and not is_float))


def power_curve(exponent: float) -> Curve | float:
    """Return the curve of a pure power: linear for 1, sRGB's for about 2.2, which programs write for sRGB.

    Args:
        exponent: Light is the number to this power.
    """
    if abs(2.2 / exponent - 1) < _SRGB_LIKE:
        return "srgb"
    return "linear" if exponent == 1 else exponent


@lru_cache(64)
def matrix_from_primaries(eight: Sequence[float]) -> Matrix | None:
    """Return the matrix from linear RGB of any primaries to linear Rec.709.

    White becomes white: another white point is adapted to D65 by Bradford. Only the primaries of CIE XYZ with equal
    energy are taken as XYZ itself, whose white is D65's, since that is how such files are written.

    Args:
        eight: Red, green, blue and white, each x and y.

    Returns:
        Nine numbers, row by row; ``None`` for Rec.709 itself.

    Raises:
        ValueError: The numbers are no primaries: not finite, in one line, or with a white outside of them.
    """
    if np.allclose(eight, _XYZ, atol=1e-4):
        return _none_if_identity(np.asarray(np.linalg.inv(_to_xyz(REC709)), np.float64))
    return matrix_from_xyz(_to_xyz(eight), white=_xyz_of(*eight[6:]))


def matrix_from_xyz(matrix: NDArray[np.float64], *, white: NDArray[np.float64]) -> Matrix | None:
    """Return the matrix to linear Rec.709, given that to XYZ.

    Args:
        matrix: ``(3, 3)`` from linear RGB to XYZ.
        white: ``(3,)`` XYZ of its white, which becomes D65.

    Returns:
        As for `matrix_from_primaries`.

    Raises:
        ValueError: The result is no matrix of colours.
    """
    cone, target = _BRADFORD @ white, _BRADFORD @ _xyz_of(*REC709[6:])
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(target / cone) @ _BRADFORD @ matrix
    return _none_if_identity(np.asarray(np.linalg.inv(_to_xyz(REC709)) @ adapted, np.float64))


def _to_xyz(eight: Sequence[float]) -> NDArray[np.float64]:
    """Return the ``(3, 3)`` matrix from linear RGB of primaries to XYZ."""
    numbers = np.array(eight, np.float64)
    if numbers.shape != (8,) or not np.isfinite(numbers).all() or np.abs(numbers).max() > _LARGEST:
        raise ValueError("not eight finite numbers")
    columns = np.array([[x, y, 1 - x - y] for x, y in numbers[:6].reshape(3, 2)]).T
    if abs(np.linalg.det(columns)) < 1e-5:
        raise ValueError("the primaries are in one line")
    scale = np.linalg.solve(columns, _xyz_of(*numbers[6:]))
    if scale.min() <= 1e-6:
        raise ValueError("white is outside of the primaries")
    matrix: NDArray[np.float64] = columns * scale
    return matrix


def _xyz_of(x: float, y: float) -> NDArray[np.float64]:
    """Return XYZ of a chromaticity at luminance 1."""
    if not (0.05 < x < 0.9 and 0.05 < y < 0.9 and x + y < 1):
        raise ValueError("white is no white")
    return np.array([x / y, 1, (1 - x - y) / y])


def _none_if_identity(matrix: NDArray[np.float64]) -> Matrix | None:
    if not np.isfinite(matrix).all() or np.abs(matrix).max() > _LARGEST:
        raise ValueError("the primaries are all but one colour")
    return None if np.allclose(matrix, np.eye(3), atol=_SAME) else tuple(float(value) for value in matrix.ravel())


def _to_light(pixels: NDArray[np.float32], curve: Curve | float | tuple[float, ...]) -> NDArray[np.float32]:
    """Return linear light, 1 for white, by an encoding curve."""
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
    """Return luminance over 10,000 candelas per square metre (SMPTE ST 2084)."""
    root = np.minimum(pixels, 1) ** np.float32(32 / 2523)
    light: NDArray[np.float32] = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** np.float32(
        16384 / 2610
    )
    return light


def _hlg(pixels: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    """Return scene light, 1 at the most (ARIB STD-B67)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = (np.exp((np.minimum(pixels, 1) - c) / a) + b) / 12
    light: NDArray[np.float32] = np.where(pixels <= 0.5, np.square(pixels) / 3, bright)
    return light
