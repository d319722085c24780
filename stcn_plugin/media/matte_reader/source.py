"""The file that a matte is read from: its pixels as they are stored, and how its errors read."""

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
_MAX_COMPARED = 2000  # names that are compared with what was asked for, letter by letter


@dataclass(frozen=True)
class Source:
    """A matte file on disk.

    Args:
        path: The file.
        error: Class of the errors raised.
        where: What an error names first; the path where it is empty.
    """

    path: Path
    error: type[STCNError] = MatteError
    where: str = ""

    def headers(self) -> tuple[ImageHeader, ...]:
        """Return the header of every part.

        Raises:
            STCNError: Of class ``error``: the file is missing or no picture.
        """
        return read_headers(self.path, error=self.error, where=self.where or str(self.path))

    def stored(self, part: str | None, channels: Sequence[str]) -> tuple[ImageHeader, NDArray[Any]]:
        """Read channels of a part as they are stored; colours are not multiplied by alpha.

        Args:
            part: Name of the part; ``None`` takes the first that has the channels.
            channels: Names of the channels, in the order wanted.

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
        """Return an error about this file; names that come from the file are made harmless to a terminal."""
        return self.error(printable(what), where=self.where or str(self.path), fix=printable(fix))

    def unknown(self, kind: str, wanted: str, present: Iterable[str]) -> STCNError:
        """Return the error for something that the file does not have. It lists what there is, nearest spelling first.

        Args:
            kind: What was looked for, such as ``channel or layer``.
            wanted: Its name.
            present: Names of all that there are.
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
    """One matte as the file has it.

    Args:
        pixels: ``(H, W)`` float32 over the data window; integers are value / maximum, floats are not limited.
        header: The header of the part that it is from.
        note: What is odd about it and may be a mistake.
    """

    pixels: NDArray[np.float32]
    header: ImageHeader
    note: str | None = None


def plane_of(stored: NDArray[Any], header: ImageHeader) -> Plane:
    """Return stored numbers as coverage; negative integers count as 0."""
    if np.issubdtype(stored.dtype, np.signedinteger):
        stored = np.maximum(stored, 0)
    return Plane(to_float(stored), header)


def listed(names: Iterable[str]) -> str:
    """Return names as text, the first two dozen of them."""
    every = list(names)
    more = f" and {len(every) - _MAX_LISTED} more" if len(every) > _MAX_LISTED else ""
    return ", ".join(every[:_MAX_LISTED]) + more
