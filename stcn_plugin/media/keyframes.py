"""Keyframe mattes: what the artist drew, read strictly from whatever kind of file it is in."""

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

_EMPTY = 0.5 / 255  # below what 8 bits can show
_FAR_ABOVE = 1.5  # above what a sharpening filter adds to 1


@dataclass(frozen=True, eq=False)
class KeyframeMattes:
    """What a keyframe file gives.

    Args:
        mattes: Object name to ``(H, W)`` coverage over the window asked for, 0 to 1.
        covered: The part of that window that the file tells of; outside it the mattes are 0 because nobody drew there.
        unnamed: Objects that nobody has named: their names are the file's numbers, or the default.
        warnings: What is odd about the file, each with file and frame.
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

    * EXR: a channel (``hero.A``) or a layer (``hero``). Without one, every layer with a single matte channel is an
      object; where there is none, the alpha, the only channel or the grey colours are one object.
    * Cryptomatte: an object by its name, which must be chosen.
    * Palette picture or label picture: a number. Without one, every number but 0 and 255 is an object.
    * Any other picture: a channel (``A``) or a flat colour (``#ff0000``). Without one, the alpha, or else the grey,
      is one soft object; a coloured picture is refused.

    Args:
        path: The file.
        frame: Frame of the shot that it is for.
        window: Where mattes are wanted: the plate's display window with its overscan.
        display: Format of the plate; the matte must have its size.
        selector: The one thing that is wanted of the file; it may be a name in ``objects``.
        objects: What is wanted, by the names that the shot gives it; each must be there. A single name that stands for
            itself is also the name of the one object of a file that names none.
        only_name: The shot's one object, where it has one: the name for the one object of a file that names none.

    Raises:
        KeyframeError: The file cannot be read, does not fit the plate, has no such object or an empty one, or does
            not say what its matte is.
    """
    where = f"{path}, frame {frame}"
    file = MatteFile(Source(Path(path), KeyframeError, where))
    placing = _PlateFit(file.source, window, display)
    placing.source_window(file.header)
    planes, unnamed = _wanted(file, selector, objects or {}, only_name)
    mattes = {name: placing.fit(name, plane) for name, plane in planes.items()}
    warnings = dict.fromkeys(f"{where}: {note}" for plane in planes.values() for note in _notes(plane))
    return KeyframeMattes(mattes, placing.covered(file.headers), frozenset(unnamed), tuple(warnings))


def keyframe_names(
    path: Path, *, frame: int, selector: str | None = None, only_name: str | None = None
) -> tuple[str, ...]:
    """Return the names of the objects of a keyframe file; arguments are those of `read_keyframe`.

    Raises:
        KeyframeError: The file cannot be read, or does not say what its matte is.
    """
    file = MatteFile(Source(Path(path), KeyframeError, f"{path}, frame {frame}"))
    return tuple(_wanted(file, selector, {}, only_name)[0])


def _wanted(
    file: MatteFile, selector: str | None, objects: Mapping[str, str | int], only_name: str | None
) -> tuple[dict[str, Plane], tuple[str, ...]]:
    """Return the mattes that are wanted of a file, and which of their names nobody has given."""
    if selector is None and not objects:
        return _all(file, only_name)
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


def _all(file: MatteFile, only_name: str | None) -> tuple[dict[str, Plane], tuple[str, ...]]:
    """Return the mattes of all objects of a file from which nothing was picked, and which names nobody has given."""
    contents = file.contents
    if contents.error is not None:
        raise contents.error
    if contents.kind == "nothing":
        fix = "Check the frame, or leave this keyframe out"
        raise file.source.problem("the matte is empty: every pixel is background", fix)
    if contents.kind == "matte":
        return {only_name or UNNAMED: file.matte()}, () if only_name else (UNNAMED,)
    if contents.kind == "numbers" and len(contents.names) == 1 and only_name:
        return {only_name: file.read({only_name: contents.names[0]})[only_name]}, ()
    return file.objects(), contents.names if contents.kind == "numbers" else ()


@dataclass(frozen=True)
class _PlateFit:
    """Lays the mattes of a file into the plate.

    Args:
        source: The file, for errors.
        window: Where mattes are wanted.
        display: Format of the plate.
    """

    source: Source
    window: Window
    display: Window

    def fit(self, name: str, plane: Plane) -> Matte:
        """Lay a matte into the wanted window and make every value a coverage.

        Args:
            name: Object that it is of.
            plane: Its matte in the file.

        Returns:
            ``window.shape`` values in [0, 1]; NaN became 0 and infinity 1.

        Raises:
            KeyframeError: The matte is of another size than the plate, empty, or no coverage.
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
                "Write it from 0 to 1; if its values number objects, save them in a grey picture of integers",
            )
        return result

    def covered(self, headers: tuple[ImageHeader, ...]) -> Window:
        """Return the part of the wanted window that a file tells of.

        That is its format; and all there is where its pixels reach beyond the format, since then it was made with the
        overscan in view.
        """
        windows = [
            self.source_window(header) for header in headers if header.header.display == headers[0].header.display
        ]
        if any(window.union(self.display) != self.display for window in windows):
            return self.window
        return self.window.intersection(self.display)

    def source_window(self, header: ImageHeader) -> Window:
        """Return where a file's pixels are in the plate's coordinates.

        Raises:
            KeyframeError: The matte is of another size than the plate.
        """
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
        raise self.source.problem(
            f"the matte is {size.width}x{size.height}, but the plate is {plate}{overscan}",
            f"Write the matte at the plate's full format, {plate}, with proxy mode off",
        )

    def _check_scale(self, name: str, plane: Plane) -> None:
        """Refuse floats that are on another scale than 0 to 1."""
        values = plane.pixels
        if not values.size or float(np.fmax.reduce(values, axis=None)) <= _FAR_ABOVE:
            return
        top = float(values[np.isfinite(values)].max(initial=0))
        if is_whole(values):
            raise self.source.problem(
                f"the values of '{name}' are whole numbers up to {top:g}, not coverage from 0 to 1",
                "Divide them by the value that means full coverage; if they number objects, name these by number in a "
                "file that holds nothing else",
            )
        if is_far_above(values, _FAR_ABOVE):
            raise self.source.problem(
                f"the values of '{name}' go up to {top:g}, far above 1",
                "Write the matte from 0 to 1; divide it by 255 or 65535 if it was made from integers",
            )


def _notes(plane: Plane) -> list[str]:
    """Return what is odd about a matte that is read all the same."""
    notes = [plane.note] if plane.note else []
    if not np.isfinite(plane.pixels.sum()) or float(plane.pixels.max(initial=0)) > _FAR_ABOVE:
        broken = int(np.count_nonzero(np.isnan(plane.pixels)))
        above = int(np.count_nonzero(plane.pixels > _FAR_ABOVE))
        notes += [f"{broken} pixels are no numbers (NaN) and count as 0"] if broken else []
        notes += [f"{above} pixels are far above 1 and count as 1"] if above else []
    return notes
