"""The mattes of a shot as they are on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stcn_plugin.errors import STCNError
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
            return {
                name: matte for name in self._in_file if (matte := _only_matte(self._path(name, frame))) is not None
            }
        path = self._path(next(iter(self._in_file)), frame)
        try:
            found = read_objects(path, tuple(self._in_file.values()))
        except (STCNError, OSError):
            return {}
        return {name: found[layer] for name, layer in self._in_file.items()}

    def _path(self, name: str, frame: int) -> Path:
        return self._sequences[name].find(frame)


class EarlierMattes:
    """Mattes of an earlier version, in any layout. Objects are matched by name, a single one by any name.

    Args:
        sequence: Their files; ``<object>`` in the pattern stands for the name of an object.
        objects: Names of the objects of the shot.
    """

    def __init__(self, sequence: FrameSequence, objects: Sequence[str]) -> None:
        self._sequence = sequence
        self._layers = layer_names(tuple(objects))

    def read(self, frame: int) -> Mapping[str, Matte]:
        """Return object name to matte over the display window; without those that are missing or damaged."""
        found: dict[str, Matte] = {}
        for name, layer in self._layers.items():
            sequence = self._sequence.with_object(layer) if self._sequence.has_object else self._sequence
            is_alone = self._sequence.has_object or len(self._layers) == 1
            try:
                path = sequence.find(frame)
                names = object_names(path).names
                chosen = next(
                    (each for each in (name, layer) if each in names), names[0] if is_alone and names else None
                )
                if chosen is not None:
                    found[name] = read_objects(path, [chosen])[chosen]
            except (STCNError, OSError):
                continue
        return found


def _only_matte(path: Path) -> Matte | None:
    """Return the matte of a file with one object; ``None`` if it is missing or damaged."""
    try:
        names = object_names(path).names
        return next(iter(read_objects(path, names[:1]).values())) if names else None
    except (STCNError, OSError):
        return None
