"""Reads the artist's keyframe mattes from any supported kind of file, and rejects unusable ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.errors import KeyframeError
from stcn_plugin.media.images import ImageHeader
from stcn_plugin.media.matte_reader import UNNAMED, MatteFile, Plane, Source, is_faint, is_far_above, is_whole
from stcn_plugin.media.pixels import as_coverage, place_in_window
from stcn_plugin.media.window import Window

Matte = NDArray[np.float32]

_EMPTY = 0.5 / 255  # below the smallest 8-bit value
_FAR_ABOVE = 1.5  # above the overshoot of sharpening filters


@dataclass(frozen=True, eq=False)
class KeyframeMattes:
    """The mattes in a keyframe file.

    Args:
        mattes: Object name to ``(H, W)`` coverage in [0, 1] over the requested window.
        covered: The part of that window that the file covers; outside it the mattes are 0 but were not drawn.
        unnamed: Objects without a name from the shot or the file, which are called by number or by the default name.
        warnings: Oddities of the file, each with file and frame.
    """

    mattes: Mapping[str, Matte]
    covered: Window
    unnamed: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


def read_keyframe(
    path: Path,
    *,
    frame: int,
    window: Window,
    display: Window,
    selector: str | None = None,
    objects: Mapping[str, str | int] | None = None,
    only_name: str | None = None,
) -> KeyframeMattes:
    """Read the mattes of a keyframe.

    Selectors by kind of file:

    * EXR: a channel (``hero.A``) or a layer (``hero``). Without a selector, every layer with a single matte channel is
      an object; without such layers, the alpha, the only channel or grey colours are one object.
    * Cryptomatte: the name of an object; required.
    * Palette or label image: a number. Without a selector, every number except 0 and 255 is an object.
    * Other images: a channel (``A``) or a flat colour (``#ff0000``). Without a selector, the alpha, else the grey, is
      one soft object; coloured images are rejected.

    Args:
        path: The file.
        frame: Frame number of the keyframe.
        window: Window of the result: the plate's display window with its overscan.
        display: Display window of the plate; the matte must have its size.
        selector: Selects a single object in the file; may be a name in ``objects``.
        objects: Object names to selectors, all of which must exist. A single name equal to its selector may also name
            the only object of a file without names.
        only_name: Name of the shot's only object, if it has one, for the only object of a file without names.

    Raises:
        KeyframeError: The file cannot be read, does not fit the plate, is ambiguous, or lacks an object or has an empty
            one.
    """
    where = f"{path}, frame {frame}"
    file = MatteFile(Source(Path(path), KeyframeError, where))
    fit = _PlateFit(file.source, window, display)
    fit.source_window(file.header)
    planes, unnamed = _select(file, selector, objects or {}, only_name)
    mattes = {name: fit.place(name, plane) for name, plane in planes.items()}
    warnings = dict.fromkeys(f"{where}: {note}" for plane in planes.values() for note in _notes(plane))
    return KeyframeMattes(mattes, fit.covered(file.headers), frozenset(unnamed), tuple(warnings))


def keyframe_names(
    path: Path, *, frame: int, selector: str | None = None, only_name: str | None = None
) -> tuple[str, ...]:
    """Return the names of the objects in a keyframe file; arguments as for `read_keyframe`.

    Raises:
        KeyframeError: The file cannot be read, or is ambiguous.
    """
    file = MatteFile(Source(Path(path), KeyframeError, f"{path}, frame {frame}"))
    return tuple(_select(file, selector, {}, only_name)[0])


def _select(
    file: MatteFile, selector: str | None, objects: Mapping[str, str | int], only_name: str | None
) -> tuple[dict[str, Plane], tuple[str, ...]]:
    """Return the selected mattes by object name, and the names that were not given by the shot or the file."""
    if selector is None and not objects:
        return _select_all(file, only_name)
    picks = {name: str(value) for name, value in objects.items()}
    unnamed: tuple[str, ...] = ()
    if selector is not None:
        name = next((name for name, value in picks.items() if selector in (name, value)), None)
        if name is None:
            given = file.name_of(selector)
            is_named = given is not None and not given.isdecimal()
            name = given if given is not None and is_named else only_name or given or UNNAMED
            unnamed = () if is_named or only_name else (name,)
        picks = {name: picks.get(name, selector)}
    elif len(picks) == 1:
        ((name, value),) = picks.items()
        if name == value and file.layer_kind is None and not file.has(value):
            if (only := file.only_object()) is not None:
                return {name: only}, ()
            if file.contents.error is not None:
                raise file.contents.error
    return file.read(picks), unnamed


def _select_all(file: MatteFile, only_name: str | None) -> tuple[dict[str, Plane], tuple[str, ...]]:
    """Return the mattes of all objects in a file, as for `_select`."""
    contents = file.contents
    if contents.error is not None:
        raise contents.error
    if contents.kind == "nothing":
        fix = "Check the frame, or leave this keyframe out"
        raise file.source.problem("the matte is empty: all pixels are background", fix)
    if contents.kind == "matte":
        return {only_name or UNNAMED: file.matte()}, () if only_name else (UNNAMED,)
    if contents.kind == "numbers" and len(contents.names) == 1 and only_name:
        return {only_name: file.read({only_name: contents.names[0]})[only_name]}, ()
    return file.objects(), contents.names if contents.kind == "numbers" else ()


@dataclass(frozen=True)
class _PlateFit:
    """Fits the mattes of a file to the plate.

    Args:
        source: The file, for errors.
        window: Window of the result.
        display: Display window of the plate.
    """

    source: Source
    window: Window
    display: Window

    def place(self, name: str, plane: Plane) -> Matte:
        """Place a matte in the window and convert it to coverage.

        Args:
            name: Name of the object.
            plane: Its matte in the file.

        Returns:
            Coverage in [0, 1] over ``window``.

        Raises:
            KeyframeError: The size differs from the plate, or the matte is empty or not coverage.
        """
        self._check_scale(name, plane)
        result = as_coverage(place_in_window(plane.pixels, self.source_window(plane.header), self.window))
        top = float(result.max()) if result.size else 0.0
        if top < _EMPTY:
            fix = "Check the channel and the frame, or leave this object out of this keyframe"
            raise self.source.problem(f"the matte of '{name}' is empty", fix)
        if is_faint(result):
            raise self.source.problem(
                f"the matte of '{name}' is nearly empty: its highest value is {top:.4f}",
                "Write it from 0 to 1; if its values are object numbers, save them in a grey image of integers",
            )
        return result

    def covered(self, headers: tuple[ImageHeader, ...]) -> Window:
        """Return the part of the window that a file covers.

        This is the display window; if the file has pixels beyond it, the artist saw the overscan, and the file covers
        the whole window.
        """
        windows = [
            self.source_window(header) for header in headers if header.header.display == headers[0].header.display
        ]
        if any(window.union(self.display) != self.display for window in windows):
            return self.window
        return self.window.intersection(self.display)

    def source_window(self, header: ImageHeader) -> Window:
        """Return the window of a file's pixels in the coordinates of the plate.

        Raises:
            KeyframeError: The size differs from the plate.
        """
        display, data = header.header.display, header.header.data
        if header.file_format == "openexr":
            if display.shape == self.display.shape:
                x, y = self.display.x - display.x, self.display.y - display.y
                return Window(data.x + x, data.y + y, data.width, data.height)
            size = display
        else:  # other formats have no windows: the image is the format, or the plate with overscan
            if data.shape == self.display.shape:
                return self.display
            if data.shape == self.window.shape:
                return self.window
            size = data
        plate = f"{self.display.width}x{self.display.height}"
        overscan = f" ({self.window.width}x{self.window.height} with overscan)" if self.window != self.display else ""
        raise self.source.problem(
            f"the matte is {size.width}x{size.height}, but the plate is {plate}{overscan}",
            f"Write the matte at the plate's full format, {plate}, with proxy mode off",
        )

    def _check_scale(self, name: str, plane: Plane) -> None:
        """Reject floats on a scale other than 0 to 1."""
        values = plane.pixels
        if not values.size or float(np.fmax.reduce(values, axis=None)) <= _FAR_ABOVE:
            return
        top = float(values[np.isfinite(values)].max(initial=0))
        if is_whole(values):
            raise self.source.problem(
                f"the values of '{name}' are whole numbers up to {top:g}, not coverage from 0 to 1",
                "Divide them by the value of full coverage; if they are object numbers, save them in a file with nothing "
                "else, and name the objects by number",
            )
        if is_far_above(values, _FAR_ABOVE):
            raise self.source.problem(
                f"the values of '{name}' go up to {top:g}, far above 1",
                "Write the matte from 0 to 1; divide it by 255 or 65535 if it was made from integers",
            )


def _notes(plane: Plane) -> list[str]:
    """Return warnings about a matte that is usable nonetheless."""
    notes = [plane.note] if plane.note else []
    if not np.isfinite(plane.pixels.sum()) or float(plane.pixels.max(initial=0)) > _FAR_ABOVE:
        broken = int(np.count_nonzero(np.isnan(plane.pixels)))
        above = int(np.count_nonzero(plane.pixels > _FAR_ABOVE))
        notes += [f"{broken} pixels are NaN and count as 0"] if broken else []
        notes += [f"{above} pixels are far above 1 and count as 1"] if above else []
    return notes
