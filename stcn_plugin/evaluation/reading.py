"""The files of the mattes or the ground truth: frames, objects and pixels."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stcn_plugin.errors import MatteError, MissingFrameError
from stcn_plugin.evaluation.hard import Matte
from stcn_plugin.evaluation.matching import Side
from stcn_plugin.evaluation.matte_file import object_names, read_objects
from stcn_plugin.frames import format_frame_range
from stcn_plugin.media.sequences import OBJECT, FrameSequence


class MatteFiles:
    """One side of a comparison.

    Args:
        sequence: The files; ``<object>`` in the pattern is the object name of each file.
        label: ``mattes`` or ``truth``, for errors.
    """

    def __init__(self, sequence: FrameSequence, label: str) -> None:
        self._sequence = sequence
        self._label = label
        self._by_object = {name: sequence.with_object(name) for name in _objects_on_disk(sequence)}
        self._inside: dict[str, tuple[str, ...]] = {}  # object names inside files, with a file per object

    @property
    def where(self) -> str:
        """The pattern."""
        return str(self._sequence)

    def frames(self) -> tuple[int, ...]:
        """Return the frames on disk, ascending; with a file per object, those of any object.

        Broken links count: reading them is an error, so that the score leaves none out.
        """
        sequences = self._by_object.values() if self._sequence.has_object else [self._sequence]
        found = [sequence.on_disk() for sequence in sequences]
        return tuple(sorted({frame for on_disk in found for frame in (*on_disk.names, *on_disk.broken)}))

    def require(self, frames: Iterable[int]) -> None:
        """Check that frames are on disk.

        Raises:
            MissingFrameError: Some are not; the error names them.
        """
        present = set(self.frames())
        missing = [frame for frame in frames if frame not in present]
        if missing:
            word = "frame" if len(missing) == 1 else "frames"
            what = f"there is no file of the {self._label} for {word} {format_frame_range(missing)}"
            fix = f"{self._advice(bool(present))}, or choose other frames with --frames or --skip"
            raise MissingFrameError(what, where=self.where, fix=fix)

    def side(self, frames: Sequence[int]) -> Side:
        """Return the objects in the files of some frames.

        Raises:
            MatteError: A file cannot be read, or no file has an object.
        """
        if self._sequence.has_object:
            for name, sequence in self._by_object.items():
                self._inside[name] = _only_object([sequence.find(frame) for frame in frames])
            return Side(self._label, self.where, tuple(self._by_object))
        objects = object_names(*(self._sequence.find(frame) for frame in frames))
        if not objects.names and self._label == "truth":
            raise MatteError("the ground truth has no object in these frames", where=self.where)
        return Side(self._label, self.where, tuple(sorted(objects.names, key=_by_number)), open_ended=objects.indexed)

    def read(self, frame: int, names: Sequence[str]) -> Mapping[str, Matte]:
        """Return the ``(H, W)`` mattes of objects over the display window.

        Raises:
            MatteError: A file cannot be read, or does not have an object.
        """
        if not self._sequence.has_object:
            return read_objects(self._sequence.find(frame), names)
        found = {name: read_objects(self._by_object[name].find(frame), self._inside[name]) for name in names}
        return {name: next(iter(mattes.values())) for name, mattes in found.items()}

    def path(self, frame: int, name: str) -> Path:
        """Return the file with an object on a frame."""
        return self._by_object.get(name, self._sequence).find(frame)

    def _advice(self, any_present: bool) -> str:
        if any_present or self._sequence.has_object:
            return "Write them first"
        one_each = self._sequence.with_object(OBJECT)
        return f"Check the pattern; a file per object is written as {Path(one_each.pattern).name}"


def _only_object(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return the object name inside files with one object each."""
    names = object_names(*paths).names
    if len(names) > 1:
        fix = "Leave <object> out of the pattern"
        raise MatteError(f"the files have {len(names)} objects: {', '.join(names)}", where=str(paths[0]), fix=fix)
    return names or ("1",)


def _objects_on_disk(sequence: FrameSequence) -> tuple[str, ...]:
    """Return the object names in the file names on disk, sorted."""
    if not sequence.has_object:
        return ()
    before, after = os.path.join(sequence.folder, sequence.prefix), sequence.ending  # noqa: PTH118 - keeps the text
    wild = f"{glob.escape(before)}*{glob.escape(after)}".replace(OBJECT, "*")
    named = f"{re.escape(before)}-?[0-9]+{re.escape(after)}"
    head, *tails = named.split(OBJECT)
    named = head + r"(?P<object>[^/\\]+?)" + "(?P=object)".join(tails)
    matches = (re.fullmatch(named, path) for path in glob.iglob(wild))  # noqa: PTH207 - Path.glob takes no full path
    return tuple(sorted({match["object"] for match in matches if match}))


def _by_number(name: str) -> tuple[int, str]:
    """Sort indices by number, followed by names in their order."""
    return (int(name), "") if name.isdecimal() else (256, "")
