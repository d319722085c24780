"""One keyframe matte file: what is wanted of it, where its pixels go, and how its errors read."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import KeyframeError
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.placing import as_coverage, placed
from stcn_plugin.media.window import Window

Matte = NDArray[np.float32]

_EMPTY = 0.5 / 255  # below what 8 bits can show
_MOST_LISTED = 24


@dataclass(frozen=True, kw_only=True)
class KeyframeFile:
    """What is wanted of a keyframe matte file.

    Args:
        path: The file.
        frame: Frame of the shot that it is for.
        window: Where mattes are wanted.
        display: Format of the plate.
        selector: The one channel, layer, object, index or colour that is wanted.
        objects: What is wanted, by the names the shot gives it.
        default_name: Name of an object whose file names none.
    """

    path: Path
    frame: int
    window: Window
    display: Window
    selector: str | None
    objects: Mapping[str, str | int]
    default_name: str

    @property
    def where(self) -> str:
        """File and frame, as errors tell them."""
        return f"{self.path}, frame {self.frame}"

    def picks(self, name_of: Callable[[str], str]) -> dict[str, str]:
        """Return object names and what to read for each; empty where the file is to say.

        Args:
            name_of: Names the object of a selector that the shot has no name for.
        """
        objects = {name: str(value) for name, value in self.objects.items()}
        if self.selector is None:
            return objects
        for name, value in objects.items():
            if self.selector in (name, value):
                return {name: value}
        return {name_of(self.selector): self.selector}

    def fit(self, name: str, pixels: Matte, header: ImageHeader) -> Matte:
        """Lay a matte into the wanted window and make every value a coverage.

        Args:
            name: Object that it is of.
            pixels: ``(H, W)`` over the file's data window.
            header: The file's header.

        Returns:
            ``window.shape`` values in [0, 1]; NaN became 0 and infinity 1.

        Raises:
            KeyframeError: The matte is of another size than the plate, or empty.
        """
        result = as_coverage(placed(pixels, self._source_window(header), self.window))
        if not result.size or float(result.max()) < _EMPTY:
            fix = "Check the channel and the frame, or leave this object out of this keyframe"
            raise self.error(f"the matte of '{name}' is empty", fix)
        return result

    def check_size(self, header: ImageHeader) -> None:
        """Refuse a matte of another size than the plate.

        Raises:
            KeyframeError: With both sizes.
        """
        self._source_window(header)

    def _source_window(self, header: ImageHeader) -> Window:
        """Return where the file's pixels are in the plate's coordinates."""
        display, data = header.header.display, header.header.data
        if header.file_format == "openexr":
            if display.shape == self.display.shape:
                x, y = self.display.x - display.x, self.display.y - display.y
                return Window(data.x + x, data.y + y, data.width, data.height)
            size = display
        else:  # other formats know no windows: the picture is the format, or all of an overscanned plate
            if data.shape == self.display.shape:
                return self.display
            if data.shape == self.window.shape:
                return self.window
            size = data
        plate = f"{self.display.width}x{self.display.height}"
        overscan = f" ({self.window.width}x{self.window.height} with overscan)" if self.window != self.display else ""
        raise self.error(
            f"the matte is {size.width}x{size.height}, but the plate is {plate}{overscan}",
            f"Write the matte at the plate's full format, {plate}, with proxy mode off",
        )

    def error(self, what: str, fix: str) -> KeyframeError:
        """Return an error about this file."""
        return KeyframeError(what, where=self.where, fix=fix)

    def unknown(self, kind: str, wanted: str, present: Iterable[str]) -> KeyframeError:
        """Return the error of something that is not in the file; lists what is, nearest spelling first.

        Args:
            kind: What was looked for, such as ``channel or layer``.
            wanted: Its name.
            present: Names of all that there are.
        """
        names = list(present)
        lowered = {name.lower(): name for name in reversed(names)}
        near = [lowered[name] for name in difflib.get_close_matches(wanted.lower(), lowered, n=3)]
        ordered = [*near, *(name for name in names if name not in near)]
        fix = f"It has: {listed(ordered)}" if ordered else "It has none"
        return self.error(f"there is no {kind} '{wanted}' in the file", fix)


def listed(names: Iterable[str]) -> str:
    """Return names as text, the first two dozen of them."""
    every = list(names)
    more = f" and {len(every) - _MOST_LISTED} more" if len(every) > _MOST_LISTED else ""
    return ", ".join(every[:_MOST_LISTED]) + more
