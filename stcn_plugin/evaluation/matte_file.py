"""The objects of a matte file to score, or of a ground truth file.

Unlike a keyframe, a file may be empty: a matte that lost its object is scored, not refused. Values above 1 are not
clipped, since every difference from the ground truth counts.
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
class FileObjects:
    """The objects in one file or in all files of a sequence.

    Args:
        names: Names of the objects.
        indexed: Whether the names are indices, so that a missing object is empty.
    """

    names: tuple[str, ...]
    indexed: bool = False


def object_names(*paths: Path) -> FileObjects:
    """Return the objects in the files of a sequence.

    Grey images contain object indices only if all of them look like it; if one is a matte, all are.

    Args:
        paths: The files.

    Raises:
        MatteError: A file cannot be read, or is a Cryptomatte without object names.
    """
    found = [MatteFile(Source(path)).contents for path in paths]
    if named := [contents for contents in found if contents.kind in ("layers", "cryptomatte")]:
        names = dict.fromkeys(name for contents in named for name in contents.names)
        if not names and named[0].error:
            raise named[0].error
        return FileObjects(tuple(names))
    if not _are_numbers(found):
        return FileObjects((UNNAMED,))
    numbers = {number for contents in found for number in (contents.indices or contents.names)}
    return FileObjects(tuple(sorted(numbers, key=int)), indexed=True)


def read_objects(path: Path, names: Sequence[str]) -> dict[str, Matte]:
    """Return the ``(H, W)`` matte of each object over the display window.

    Args:
        path: The file.
        names: Objects of the sequence.

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
    # Data sets have palettes with any colours, also for the background, but their indices are object numbers.
    if any(contents.is_certain and contents.kind != "matte" for contents in found):
        return True
    return "numbers" in kinds and kinds <= {"numbers", "nothing"}


def _over_display(plane: Plane, name: str) -> Matte:
    """Place a matte in the display window; overscan is not scored."""
    if not np.isfinite(plane.pixels).all():
        what = f"the matte of '{name}' has NaN or infinite values"
        raise MatteError(what, where=str(plane.header.path), fix="Repair the matte and evaluate again")
    return place_in_window(plane.pixels, plane.header.header.data, plane.header.header.display)


def _require(path: Path, names: Sequence[str], present: Collection[str]) -> None:
    for name in names:
        if name not in present:
            what = f"this file has no object '{name}', but others of the sequence do"
            raise MatteError(what, where=str(path), fix=f"It has: {', '.join(present) or 'no object with a name'}")
