"""A trial: the shot that a script of the tool is set up with, and the script's side of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stcn_plugin.bridge.conformance.pictures import Disc, write_matte, write_plate

FIRST = 1001
"""First frame of every trial."""


@dataclass(frozen=True)
class TrialKeyframe:
    """The artist's matte of an object at a frame.

    Args:
        frame: The frame.
        object_name: The object.
        file: The matte as a grey PNG of the plate's size. It is a new name for every frame and object.
        outline: The same shape as a closed polygon, in plate pixels from the top left corner, for tools in which the
            artist draws.
    """

    frame: int
    object_name: str
    file: str
    outline: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Trial:
    """A shot, as an artist would set it up in the tool.

    Args:
        plate: Frame pattern of the plate, such as ``/tmp/x/plate.####.png``; empty if none is chosen.
        keyframes: The artist's mattes; empty if nothing is drawn.
        range: The frames to matte, such as ``1001-1004``.
        out: Frame pattern of the mattes.
        preset: Name of the preset.
    """

    plate: str
    keyframes: tuple[TrialKeyframe, ...]
    range: str
    out: str
    preset: str = "draft"


class TrialScript(Protocol):
    """An open script of the tool: a document, scene or project. A host's module returns one from ``new_script()``.

    It may also have a method ``cancel()``, which does what the tool's own Cancel button does.
    """

    def set_up(self, trial: Trial) -> object:
        """Change the script to what the trial describes, and return the host plugin for its next job.

        It is called before every job. Between the jobs of a script, only what differs from the last trial changes: a
        keyframe more, or a plate that was missing.

        Args:
            trial: The shot.
        """

    def mattes(self) -> Iterable[tuple[str, str]]:
        """Return the mattes that the script shows: object name and frame pattern of the files, one pair per object."""


class TrialFiles:
    """Writes the files of trials.

    Args:
        folder: Their folder; it may not exist yet.
        objects: Names of the objects.
        count: Frames of the plate.
    """

    def __init__(self, folder: Path, objects: Sequence[str] = ("hero",), count: int = 4) -> None:
        self._folder = folder
        self._objects = objects
        self.frames = tuple(range(FIRST, FIRST + count))
        """The frames of the plate."""
        for frame in self.frames:
            discs = tuple(Disc.of(number, frame - FIRST) for number in range(len(objects)))
            write_plate(folder / "plate" / f"plate.{frame}.png", discs)

    def trial(
        self, keyframes: Iterable[int] = (FIRST,), *, has_plate: bool = True, has_plate_files: bool = True
    ) -> Trial:
        """Return a trial.

        Args:
            keyframes: Frames at which all objects are keyframes.
            has_plate: Whether a plate is chosen.
            has_plate_files: Whether the files of the plate exist.
        """
        name = "plate" if has_plate_files else "gone"
        return Trial(
            plate=str(self._folder / "plate" / f"{name}.####.png") if has_plate else "",
            keyframes=tuple(
                self._keyframe(frame, number) for frame in keyframes for number in range(len(self._objects))
            ),
            range=f"{self.frames[0]}-{self.frames[-1]}",
            out=str(self._folder / "mattes" / "trial.####.exr"),
        )

    def written(self) -> Mapping[str, int]:
        """Return the matte files with their times of modification."""
        files = (self._folder / "mattes").glob("*.exr")
        return {file.name: file.stat().st_mtime_ns for file in files}

    def _keyframe(self, frame: int, number: int) -> TrialKeyframe:
        disc = Disc.of(number, frame - FIRST)
        file = self._folder / "drawn" / f"{number}.{frame}.png"
        write_matte(file, disc)
        return TrialKeyframe(frame, self._objects[number], str(file), disc.outline)
