"""The mattes of a shot as they are on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stcn_plugin.errors import MatteError, STCNError
from stcn_plugin.evaluation.hard import Matte
from stcn_plugin.evaluation.matte_file import object_names, read_objects
from stcn_plugin.media.matte_writer import MatteWriter
from stcn_plugin.media.object_names import layer_names
from stcn_plugin.media.sequences import FrameSequence


class MattesOnDisk:
    """The mattes that a writer has written.

    Args:
        writer: The writer.
        objects: Names of the objects.
    """

    def __init__(self, writer: MatteWriter, objects: Sequence[str]) -> None:
        self._layout = writer.layout
        self._in_file = {name: name if writer.layout == "cryptomatte" else writer.layers[name] for name in objects}
        self._sequences = {name: FrameSequence.parse(pattern) for name, pattern in writer.patterns.items()}

    def read(self, frame: int) -> dict[str, Matte]:
        """Return object name to matte ``(H, W)`` over the display window; without those that are missing or damaged."""
        if self._layout == "per_object":
            return {name: matte for name in self._in_file if (matte := _matte(self._path(name, frame))) is not None}
        path = self._path(next(iter(self._in_file)), frame)
        try:
            there = object_names(path).names  # objects that are new in the shot are not in older files
            found = read_objects(path, [layer for layer in self._in_file.values() if layer in there])
        except (STCNError, OSError):
            return {}
        return {name: found[layer] for name, layer in self._in_file.items() if layer in found}

    def _path(self, name: str, frame: int) -> Path:
        return self._sequences[name].find(frame)


class EarlierMattes:
    """Mattes of an earlier version, in any layout. Objects are matched by name, a single one by any name.

    Args:
        sequence: Their files; ``<object>`` in the pattern stands for the name of an object. Without it, files of single
            objects are found by the name in front of the frame number.
        objects: Names of the objects of the shot.

    Raises:
        MatteError: There are no such files.
    """

    def __init__(self, sequence: FrameSequence, objects: Sequence[str]) -> None:
        self._layers = layer_names(tuple(objects))
        own = {name: sequence.with_object(layer) for name, layer in self._layers.items()}
        is_common = not sequence.has_object and bool(sequence.frames_on_disk())
        self._is_alone = not is_common or len(objects) == 1
        self._sequences = dict.fromkeys(objects, sequence) if is_common else own
        if not is_common and not any(each.frames_on_disk() for each in own.values()):
            fix = sequence.suggestion() or "Check the pattern and the folder"
            raise MatteError("the version to compare with has no files", where=sequence.pattern, fix=fix)

    def read(self, frame: int) -> Mapping[str, Matte]:
        """Return object name to matte over the display window; without those that are missing or damaged."""
        found: dict[str, Matte] = {}
        for name, sequence in self._sequences.items():
            matte = _matte(sequence.find(frame), (name, self._layers[name]), is_alone=self._is_alone)
            if matte is not None:
                found[name] = matte
        return found


def _matte(path: Path, wanted: Sequence[str] = (), *, is_alone: bool = True) -> Matte | None:
    """Return the matte of an object; ``None`` if it is missing or damaged.

    Args:
        path: The file.
        wanted: Names that the object may have in it.
        is_alone: Whether an object of any other name is meant.
    """
    try:
        names = object_names(path).names
        chosen = [*(name for name in wanted if name in names), *(names if is_alone else ())][:1]
        return next(iter(read_objects(path, chosen).values())) if chosen else None
    except (STCNError, OSError):
        return None
