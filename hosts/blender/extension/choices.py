"""From the panel's settings to a job, in the plate's own numbers."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
from stcn_plugin.bridge.places import OBJECT

from stcn_plugin.bridge import JobRequest, KeyframeFile, matte_folder
from stcn_plugin.errors import FrameRangeError, HostError
from stcn_plugin.frames import frame_token, parse_frame_range

from .colour_spaces import input_space
from .plates import Plate, collect_plate
from .sequences import shifted

SHOT_ENDING = ".stcn.yaml"
"""How the name of a shot file ends."""


@dataclass(frozen=True)
class Choices:
    """What the artist chose; frames are those of the scene.

    Args:
        scene: The scene's name.
        plate: The footage.
        keyframe_kind: ``MASK`` or ``FILES``.
        mask: Name of the mask.
        keyframes_at: Frames at which the mask is right; empty for its own keys.
        keyframe_files: Frame and matte file of every keyframe.
        preset: Name or file.
        frame_range: Frames to matte; empty for all of the plate.
        weights: Name; empty for the preset's.
        device: Name; empty for the preset's.
        colour: ``BLENDER`` or ``PRESET``.
        overrides: Settings, each ``memory.interval=3``.
        out: Folder of the mattes, or their pattern.
        wiring: ``SET_ALPHA`` or ``SOCKETS``.
        shot_file: The shot file of the last job.
    """

    scene: str
    plate: Plate
    keyframe_kind: str
    mask: str
    keyframes_at: str
    keyframe_files: tuple[tuple[int, str], ...]
    preset: str
    frame_range: str
    weights: str
    device: str
    colour: str
    overrides: tuple[str, ...]
    out: str
    wiring: str
    shot_file: str

    @classmethod
    def of(cls, scene: bpy.types.Scene) -> Choices:
        """Read a scene's settings.

        Raises:
            STCNError: There is no plate, or settings that cannot be understood.
        """
        said = scene.stcn
        try:
            overrides = tuple(shlex.split(said.overrides))
        except ValueError as error:
            raise HostError(
                f"the settings cannot be read ({error})", where=said.overrides, fix="Close the quotes"
            ) from None
        return cls(
            scene=scene.name,
            plate=collect_plate(scene),
            keyframe_kind=said.keyframe_kind,
            mask=said.mask.name if said.mask else "",
            keyframes_at=said.keyframes_at.strip(),
            keyframe_files=tuple((each.frame, each.file) for each in said.keyframe_files if each.file),
            preset=said.preset.strip() or "default",
            frame_range=said.frame_range.strip(),
            weights=said.weights.strip(),
            device=said.device.strip(),
            colour=said.colour,
            overrides=overrides,
            out=said.out.strip(),
            wiring=said.wiring,
            shot_file=absolute(said.shot_file) if said.shot_file else "",
        )

    @property
    def out_pattern(self) -> str:
        """Frame pattern of the mattes, absolute.

        Raises:
            HostError: It starts at a .blend file that is not saved.
        """
        if frame_token(Path(self.out).name):
            return absolute(self.out)
        stem = self.plate.files.stem
        return str(Path(absolute(self.out or "//")) / stem / f"{stem}_matte.{'#' * len(self.plate.files.number)}.exr")

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of the scene that get mattes.

        Raises:
            STCNError: The range cannot be read, or no file of the plate is there.
        """
        if self.frame_range:
            return parse_frame_range(self.frame_range)
        numbers = self.plate.files.numbers_on_disk()
        if not numbers:
            raise HostError(
                "no file of the plate is on disk", where=self.plate.files.pattern, fix="Check the plate's path"
            )
        return tuple(range(numbers[0] - self.plate.shift, numbers[-1] - self.plate.shift + 1))

    def request(self) -> tuple[JobRequest, tuple[str, ...]]:
        """Return the job for the whole shot, without the keyframes of a mask, and warnings.

        Raises:
            STCNError: A setting is missing or cannot be understood.
        """
        settings, warnings = self._settings()
        out = self.out_pattern
        files = self.keyframe_files if self.keyframe_kind == "FILES" else ()
        if self.keyframe_kind == "FILES" and not files:
            raise HostError("there is no keyframe file", where="STCN panel", fix="Add a matte file, or choose a mask")
        request = JobRequest(
            plate=self.plate.files.pattern,
            keyframes=self._keyframes(files),
            out=out,
            range=shifted(self.frame_range, self.plate.shift) if self.frame_range else None,
            preset=self.preset if not self.preset.startswith("//") else absolute(self.preset),
            settings=settings,
            save_as=shot_file_of(out),
        )
        return request, warnings

    def update_request(self, frame: int) -> JobRequest:
        """Return the job that takes in a new or changed keyframe, without that of a mask.

        Raises:
            HostError: Nothing was propagated yet, or the keyframe's file is not listed.
        """
        if not self.shot_file or not Path(self.shot_file).is_file():
            fix = "Propagate once; then keyframes can be added"
            raise HostError("there is no shot to update", where=self.shot_file or f"scene {self.scene}", fix=fix)
        files: Sequence[tuple[int, str]] = ()
        if self.keyframe_kind == "FILES":
            files = [each for each in self.keyframe_files if each[0] == frame]
            if not files:
                raise HostError(
                    f"no keyframe file is listed for frame {frame}", where="STCN panel", fix="Add it to the list"
                )
        return JobRequest(
            shot_file=self.shot_file,
            keyframes=self._keyframes(files),
            update=(frame + self.plate.shift,),
            save_as=self.shot_file,
        )

    def replaced(self, **changes: object) -> Choices:
        """Return the choices with some of them changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def _settings(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the settings over those of the preset, and warnings."""
        chosen, warnings = [], []
        if self.colour == "BLENDER":
            space = input_space(self.plate.colour_space)
            if space:
                chosen.append(f"colour.input={json.dumps(space)}")
            else:
                warnings.append(
                    f"the worker does not know Blender's colour space '{self.plate.colour_space}'; "
                    "the plate's files say what they are, or set colour.input yourself"
                )
        if self.weights:
            weights = absolute(self.weights) if self.weights.startswith("//") else self.weights
            chosen.append(f"weights={json.dumps(weights)}")
        if self.device:
            chosen.append(f"compute.device={json.dumps(self.device)}")
        return (*chosen, *self.overrides), tuple(warnings)

    def _keyframes(self, files: Sequence[tuple[int, str]]) -> tuple[KeyframeFile, ...]:
        return tuple(KeyframeFile(frame + self.plate.shift, absolute(file)) for frame, file in files)


def absolute(path: str) -> str:
    """Return a path that does not depend on the .blend file.

    Raises:
        HostError: It starts at a .blend file that is not saved.
    """
    if path.startswith("//") and not bpy.data.filepath:
        raise HostError(
            "this path starts at the .blend file, which is not saved",
            where=path,
            fix="Save the file first, or give a whole path",
        )
    whole = bpy.path.abspath(path) if path.startswith("//") else Path(path).expanduser()
    return os.path.normpath(Path(whole).absolute())


def shot_file_of(out: str) -> str:
    """Return where the shot of mattes is saved: beside them, by their name, and above any folder per object."""
    name = Path(out).name
    name = name[: token.start()] if (token := frame_token(name)) else name
    name = re.sub(rf"[._-]*{OBJECT}", "", name).strip("._- ") or "shot"
    return str(Path(matte_folder(out)) / f"{name}{SHOT_ENDING}")


def frames_of(text: str) -> tuple[int, ...]:
    """Read the frames at which a mask is right.

    Raises:
        FrameRangeError: They cannot be understood.
    """
    try:
        return parse_frame_range(text)
    except FrameRangeError as error:
        raise FrameRangeError(error.what, where="keyframes at", fix=error.fix) from None
