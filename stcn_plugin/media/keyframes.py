"""Reads the artist's keyframe mattes from any supported kind of file, and rejects unusable ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

_FAR_ABOVE = 1.5  # above the overshoot of sharpening filters


@dataclass(frozen=True, eq=False)
class KeyframeMattes:
    """The mattes in a keyframe file.

    Args:
        mattes: Object name to ``(H, W)`` coverage in [0, 1] over the requested window; not 0 everywhere.
        empty: Objects whose mattes are 0 everywhere: they are absent on this frame.
        is_blank: Whether the file is empty and names no object, so that all objects are absent that no other file gives.
        covered: The part of that window that the file covers; outside it the mattes are 0 but were not drawn.
        unnamed: Objects without a name from the shot or the file, which are called by number or by the default name.
        warnings: Oddities of the file, each with file and frame.
    """

    mattes: Mapping[str, Matte]
    covered: Window
    empty: tuple[str, ...] = ()
    is_blank: bool = False
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
        KeyframeError: The file cannot be read, does not fit the plate, is ambiguous, or lacks an object or has a faint
            one.
    """
    where = f"{path}, frame {frame}"
    file = MatteFile(Source(Path(path), KeyframeError, where))
    fit = _PlateFit(file.source, window, display)
    fit.source_window(file.header)
    selection = _select(file, selector, objects or {}, only_name)
    placed = {name: fit.place(name, plane) for name, plane in selection.planes.items()}
    mattes = {name: matte for name, matte in placed.items() if matte is not None}
    empty = [*selection.empty, *(name for name in placed if name not in mattes)]
    if selection.is_nameless and not mattes:
        empty = []
    notes = [note for plane in selection.planes.values() for note in _notes(plane)]
    notes += [
        _note_on_solid(file, name, str((objects or {}).get(name, selector)))
        for name, plane in selection.planes.items()
        if fit.is_solid(plane)
    ]
    warnings = dict.fromkeys(f"{where}: {note}" for note in notes)
    return KeyframeMattes(
        mattes,
        fit.covered(file.headers),
        empty=tuple(empty),
        is_blank=not mattes and not empty,
        unnamed=frozenset(selection.unnamed).intersection(mattes),
        warnings=tuple(warnings),
    )


def keyframe_names(
    path: Path, *, frame: int, selector: str | None = None, only_name: str | None = None
) -> tuple[str, ...] | None:
    """Return the names of the objects in a keyframe file; arguments as for `read_keyframe`.

    Returns:
        The names; ``None`` for an empty file without names, which applies to all objects.

    Raises:
        KeyframeError: The file cannot be read, or is ambiguous.
    """
    file = MatteFile(Source(Path(path), KeyframeError, f"{path}, frame {frame}"))
    selection = _select(file, selector, {}, only_name)
    if selection.is_nameless and not any(_is_above_0(plane) for plane in selection.planes.values()):
        return None
    return (*selection.planes, *selection.empty)


@dataclass(frozen=True, eq=False)
class _Selection:
    """The selected mattes of a file.

    Args:
        planes: Object name to its matte.
        unnamed: Names that were not given by the shot or the file.
        empty: Objects that were selected by number or colour in an image of background alone.
    """

    planes: Mapping[str, Plane]
    unnamed: Sequence[str] = ()
    empty: Sequence[str] = ()

    @property
    def is_nameless(self) -> bool:
        """Whether neither the shot nor the file names an object, not even by a number."""
        return not self.empty and set(self.planes) <= {UNNAMED}.intersection(self.unnamed)


def _select(
    file: MatteFile, selector: str | None, objects: Mapping[str, str | int], only_name: str | None
) -> _Selection:
    """Select the mattes of a file; arguments as for `read_keyframe`."""
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
                return _Selection({name: only})
            if file.contents.error is not None:
                raise file.contents.error
    empty = [name for name, value in picks.items() if file.is_background(value)]
    return _Selection(file.read({name: value for name, value in picks.items() if name not in empty}), unnamed, empty)


def _select_all(file: MatteFile, only_name: str | None) -> _Selection:
    """Select all objects in a file."""
    contents = file.contents
    if contents.error is not None:
        raise contents.error
    if contents.kind == "nothing":
        if not file.is_blank:
            fix = "Check the frame, or name the index of the object, such as objects: {hero: 255}"
            raise file.source.problem("the matte is empty: all pixels are background or void", fix)
        return _Selection({}, empty=(only_name,) if only_name else ())
    if contents.kind == "matte":
        return _Selection({only_name or UNNAMED: file.matte()}, () if only_name else (UNNAMED,))
    if contents.kind == "numbers" and len(contents.names) == 1 and only_name:
        return _Selection(file.read({only_name: contents.names[0]}))
    return _Selection(file.objects(), contents.names if contents.kind == "numbers" else ())


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

    def place(self, name: str, plane: Plane) -> Matte | None:
        """Place a matte in the window and convert it to coverage.

        Args:
            name: Name of the object.
            plane: Its matte in the file.

        Returns:
            Coverage in [0, 1] over ``window``; ``None`` if it is 0 everywhere.

        Raises:
            KeyframeError: The size differs from the plate, or the matte is faint or not coverage.
        """
        self._check_scale(name, plane)
        result = as_coverage(place_in_window(plane.pixels, self.source_window(plane.header), self.window))
        if not result.any():
            if np.isnan(plane.pixels).any():
                fix = "Write it again, or leave this object out of this keyframe"
                raise self.source.problem(f"the matte of '{name}' is empty but for pixels that are NaN", fix)
            return None
        if is_faint(result):
            raise self.source.problem(
                f"the matte of '{name}' is nearly empty: its highest value is {float(result.max()):.2g}",
                "Write it from 0 to 1; if its values are object numbers, save them in a grey image of integers",
            )
        return result

    def is_solid(self, plane: Plane) -> bool:
        """Whether a matte is 1 on the whole plate."""
        window = self.source_window(plane.header)
        return window.union(self.display) == window and bool((plane.pixels >= 1).all())

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


def _is_above_0(plane: Plane) -> bool:
    return bool((plane.pixels > 0).any())


def _note_on_solid(file: MatteFile, name: str, selector: str) -> str:
    """Return a warning about a matte that is 1 everywhere, as of an alpha that was not drawn."""
    what = f"the matte of '{name}' is 1 everywhere and covers the whole frame"
    if colour := file.colour_beside_alpha(selector):
        return f"{what}, since the alpha is solid. If the matte is in the colours, read {colour} instead of {selector}"
    return f"{what}. Check the file if the object does not"


def _notes(plane: Plane) -> list[str]:
    """Return warnings about a matte that is usable nonetheless."""
    notes = [plane.note] if plane.note else []
    if not np.isfinite(plane.pixels.sum()) or float(plane.pixels.max(initial=0)) > _FAR_ABOVE:
        broken = int(np.count_nonzero(np.isnan(plane.pixels)))
        above = int(np.count_nonzero(plane.pixels > _FAR_ABOVE))
        notes += [f"{broken} pixels are NaN and count as 0"] if broken else []
        notes += [f"{above} pixels are far above 1 and count as 1"] if above else []
    return notes
