"""Reads the stored pixels of a matte file, and creates errors about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.bridge.printable import printable
from stcn_plugin.errors import MatteError, STCNError
from stcn_plugin.media.images import ImageHeader, read_headers, read_stored
from stcn_plugin.media.pixels import to_float

_MAX_LISTED = 24
_MAX_COMPARED = 2000  # names in the search for a similar one


@dataclass(frozen=True)
class Source:
    """A matte file on disk.

    Args:
        path: The file.
        error: Class of the errors raised.
        where: ``where`` of the errors; the path if empty.
    """

    path: Path
    error: type[STCNError] = MatteError
    where: str = ""

    def headers(self) -> tuple[ImageHeader, ...]:
        """Return the header of every part.

        Raises:
            STCNError: Of class ``error``: the file is missing or not an image.
        """
        return read_headers(self.path, error=self.error, where=self.where or str(self.path))

    def read_stored(self, part: str | None, channels: Sequence[str]) -> tuple[ImageHeader, NDArray[Any]]:
        """Read channels of a part as stored, without premultiplying colours by alpha.

        Args:
            part: Name of the part; ``None`` is the first that has the channels.
            channels: Channels to read, in the order of the result.

        Returns:
            The part's header, and ``(H, W, C)`` pixels.

        Raises:
            STCNError: Of class ``error``: pixels are missing or damaged.
        """
        return read_stored(
            self.path,
            part=part,
            channels=channels,
            unassociated=True,
            error=self.error,
            where=self.where or str(self.path),
        )

    def problem(self, what: str, fix: str) -> STCNError:
        """Return an error about this file, with control characters escaped."""
        return self.error(printable(what), where=self.where or str(self.path), fix=printable(fix))

    def not_found(self, kind: str, wanted: str, present: Iterable[str]) -> STCNError:
        """Return the error for a name that is not in the file. It lists the names that are, similar ones first.

        Args:
            kind: Kind of name, such as ``channel or layer``.
            wanted: The name.
            present: All names in the file.
        """
        names = list(present)
        likely = (
            names if len(names) <= _MAX_COMPARED else [name for name in names if name[:1].lower() == wanted[:1].lower()]
        )
        lowered = {name.lower(): name for name in reversed(likely[:_MAX_COMPARED])}
        near = [lowered[name] for name in difflib.get_close_matches(wanted.lower(), lowered, n=3)]
        ordered = [*near, *(name for name in names if name not in near)]
        fix = f"It has: {listed(ordered)}" if ordered else "It has none"
        return self.problem(f"there is no {kind} '{wanted}' in the file", fix)


@dataclass(frozen=True, eq=False)
class Plane:
    """One matte of a file.

    Args:
        pixels: ``(H, W)`` float32 over the data window; integers are value / maximum, floats are not clamped.
        header: The header of its part.
        note: A warning about a possible mistake.
    """

    pixels: NDArray[np.float32]
    header: ImageHeader
    note: str | None = None


def plane_of(stored: NDArray[Any], header: ImageHeader) -> Plane:
    """Convert stored values to coverage; negative integers count as 0."""
    if np.issubdtype(stored.dtype, np.signedinteger):
        stored = np.maximum(stored, 0)
    return Plane(to_float(stored), header)


def listed(names: Iterable[str]) -> str:
    """Return a comma-separated list, shortened to two dozen names."""
    names = list(names)
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more
