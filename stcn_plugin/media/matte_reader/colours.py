"""Extracts mattes from the flat colours of an ID image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.media.matte_reader.source import Source, listed
from stcn_plugin.media.matte_reader.values import is_inside
from stcn_plugin.media.pixels import to_float

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_HASH_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


def is_colour(selector: str) -> bool:
    """Whether a selector is a colour such as ``#ff0000``."""
    return _HEX.fullmatch(selector) is not None


class FlatColours:
    """The colours that fill areas of an image.

    A colour is flat if at least one pixel and its four neighbours have exactly this colour; anti-aliasing does not
    produce such pixels. Black and fully transparent pixels are background.

    Args:
        planes: ``(H, W)`` red, green, blue and optionally alpha as stored, not premultiplied.
    """

    def __init__(self, planes: Sequence[NDArray[Any]]) -> None:
        self._alpha = to_float(planes[3]) if len(planes) > 3 else None
        self._codes = np.zeros(planes[0].shape, np.uint32)
        self._exact = np.zeros(planes[0].shape, np.uint64)
        for plane, mixer in zip(planes[:3], _HASH_FACTORS, strict=True):
            values = np.ascontiguousarray(to_float(plane))
            self._exact += values.view(np.uint32) * mixer
            self._codes <<= np.uint32(8)
            self._codes |= np.rint(np.nan_to_num(values).clip(0, 1) * np.float32(255)).astype(np.uint32)
        if self._alpha is not None:
            self._codes[self._alpha == 0] = 0
            self._exact[self._alpha == 0] = 0

    @cached_property
    def _flat(self) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
        """Hashes of the exact flat colours and their 8-bit codes, by descending area."""
        inside = is_inside(self._exact)
        exact, first, counts = np.unique(self._exact[inside], return_index=True, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return exact[order], self._codes[inside][first][order]

    @cached_property
    def names(self) -> list[str]:
        """The flat colours except black, as ``#rrggbb``, by descending area."""
        return [f"#{code:06x}" for code in dict.fromkeys(self._flat[1].tolist()) if code]

    @cached_property
    def cover_picture(self) -> bool:
        """Whether every pixel has a flat colour or is background."""
        return bool((np.isin(self._exact, self._flat[0]) | (self._codes == 0)).all())

    @property
    def has_background(self) -> bool:
        """Whether any pixel is background."""
        return not self._codes.all()

    def read(self, source: Source, wanted: Mapping[str, str]) -> dict[str, NDArray[np.float32]]:
        """Extract objects by colour; alpha, if present, gives them soft edges.

        Other flat colours belong to other objects. Colours that are not flat are mixtures at anti-aliased edges, which
        cannot be assigned to an object, and are rejected.

        Args:
            source: The file, for errors.
            wanted: Key to colour, ``#rrggbb``.

        Returns:
            Key to ``(H, W)`` coverage.

        Raises:
            STCNError: A colour is absent or ambiguous, or edges are anti-aliased.
        """
        flat, flat_codes = self._flat
        assigned = np.isin(self._exact, flat) | (self._codes == 0)
        found = {}
        for key, selector in wanted.items():
            code = np.uint32(int(selector[1:], 16))
            found[key] = self._codes == code
            if not found[key].any():
                raise source.not_found("colour", selector.lower(), self.names)
            if (sharing := np.count_nonzero(flat_codes == code)) > 1 and code:
                what = f"{sharing} flat colours of the image are {selector.lower()} in 8 bits"
                raise source.problem(what, "Give each object its own matte, or colours that differ in 8 bits")
            assigned |= found[key]
        if mixed := int(np.count_nonzero(~assigned)):
            raise source.problem(
                f"{mixed} pixels lie between the flat colours of the ID image",
                "Render it without anti-aliasing and filtering, or give each object its own matte, "
                f"or name every colour. Its flat colours are: {listed(self.names)}",
            )
        alpha = np.float32(1) if self._alpha is None else self._alpha
        return {
            key: cast("NDArray[np.float32]", np.multiply(mask, alpha, dtype=np.float32)) for key, mask in found.items()
        }
