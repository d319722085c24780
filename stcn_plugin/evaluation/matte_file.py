"""The objects of one matte file that is to be scored, or of its truth.

Unlike a keyframe, a file may show nothing here: a matte that lost its object has to be scored, not refused. Values
are taken as they are, above 1 too, since every difference from the truth counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stcn_plugin.errors import MatteError
from stcn_plugin.evaluation.hard import Matte
from stcn_plugin.media.matte_reader import UNNAMED, Contents, MatteFile, Plane, Source
from stcn_plugin.media.pixels import place_in_window


@dataclass(frozen=True)
class Shown:
    """What one file, or all files of a sequence, show.

    Args:
        names: The objects.
        indexed: Whether they are numbers, so that an absent one is empty.
    """

    names: tuple[str, ...]
    indexed: bool = False


def object_names(*paths: Path) -> Shown:
    """Return the objects that the files of a sequence show.

    Grey pictures hold the numbers of objects where all of them look so; where a single one is a matte, all are.

    Args:
        paths: The files.

    Raises:
        MatteError: A file cannot be read, or is a Cryptomatte without names.
    """
    found = [MatteFile(Source(path)).contents for path in paths]
    if named := [contents for contents in found if contents.kind in ("layers", "cryptomatte")]:
        names = dict.fromkeys(name for contents in named for name in contents.names)
        if not names and named[0].error:
            raise named[0].error
        return Shown(tuple(names))
    if not _are_numbers(found):
        return Shown((UNNAMED,))
    numbers = {number for contents in found for number in (contents.indices or contents.names)}
    return Shown(tuple(sorted(numbers, key=int)), indexed=True)


def read_objects(path: Path, names: Sequence[str]) -> dict[str, Matte]:
    """Return the ``(H, W)`` matte of each object over the display window.

    Args:
        path: The file.
        names: Objects that the files of its sequence show.

    Raises:
        MatteError: The file cannot be read, lacks an object, or has values that are not finite.
    """
    file = MatteFile(Source(path))
    contents = file.contents
    if contents.kind in ("layers", "cryptomatte"):
        _require(path, names, contents.names)
        return {name: _over_display(plane, name) for name, plane in file.objects(names).items()}
    if tuple(names) == (UNNAMED,) and not (contents.is_certain and contents.kind != "matte"):
        return {UNNAMED: _over_display(file.matte(), UNNAMED)}
    _require(path, [name for name in names if not name.isdecimal()], contents.names)
    present = file.objects([name for name in names if file.has_number(name)])
    empty = np.zeros(file.header.header.display.shape, np.float32)
    return {name: _over_display(present[name], name) if name in present else empty for name in names}


def _are_numbers(found: Sequence[Contents]) -> bool:
    kinds = {contents.kind for contents in found}
    # Data sets have palettes of any colours, also for the background; their indices are numbers all the same.
    if any(contents.is_certain and contents.kind != "matte" for contents in found):
        return True
    return "numbers" in kinds and kinds <= {"numbers", "nothing"}


def _over_display(plane: Plane, name: str) -> Matte:
    """Lay a matte into its format; overscan is not scored."""
    if not np.isfinite(plane.pixels).all():
        what = f"the matte of '{name}' has values that are no numbers (NaN or Inf)"
        raise MatteError(what, where=str(plane.header.path), fix="Repair the matte and evaluate again")
    return place_in_window(plane.pixels, plane.header.header.data, plane.header.header.display)


def _require(path: Path, names: Sequence[str], present: Collection[str]) -> None:
    for name in names:
        if name not in present:
            what = f"there is no object '{name}' in this file, which other files of the sequence have"
            raise MatteError(what, where=str(path), fix=f"It has: {', '.join(present)}")
