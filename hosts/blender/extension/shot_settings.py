"""The panel's settings as plain data, and the requests to the worker made from them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from stcn_plugin.bridge import JobRequest, KeyframeFile
from stcn_plugin.bridge.batch import SharedRequest
from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.bridge.files import default_matte_pattern, expanded, has_frame_number, shot_file_path
from stcn_plugin.bridge.job import Setting, chosen_settings
from stcn_plugin.bridge.panel import panel_settings
from stcn_plugin.errors import FrameRangeError, HostError
from stcn_plugin.frames import parse_frame_range, shift_frame_range

from .colour_spaces import input_space
from .plates import Plate, collect_plate
from .settings import chosen_values, scene_settings

_PANEL = "STCN panel"


def _field(label: str) -> str:
    """Return how error messages name a field of the panel."""
    return f"{_PANEL}, {label}"


_PANEL_ORIGINS = {
    "range": _field("Range"),
    "out": _field("Mattes"),
    "keyframes": _field("Keyframes"),
    "preset": _field("Preset"),
    "colour.input": _field("Colour"),
    "weights": _field("Weights"),
    "compute.device": _field("Device"),
}


@dataclass(frozen=True)
class ShotSettings:
    """The settings of a scene; frames are those of the scene.

    Args:
        scene: Name of the scene.
        plate: The footage.
        keyframe_kind: ``MASK`` or ``FILES``.
        mask: Name of the mask.
        keyframes_at: Frames of the mask's keyframes; empty for the frames with shape keys.
        keyframe_files: Frame and matte file of every keyframe.
        preset: Name or file of the preset.
        frame_range: Frames to matte; empty for all frames of the plate.
        weights: Name of the weights; empty for those of the preset.
        device: Device; empty for that of the preset.
        colour: ``BLENDER`` or ``PRESET``.
        overrides: Further settings.
        out: Folder or frame pattern of the mattes.
        wiring: ``SET_ALPHA`` or ``SOCKETS``.
        build: Which part of the work to do.
        origins: Field of the request, or setting, to the field of the panel or the flag that set it.
        flags: What the flags of a batch add to the request.
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
    overrides: Mapping[str, Setting]
    out: str
    wiring: str
    build: BuildOptions = field(default_factory=BuildOptions)
    origins: Mapping[str, str] = field(default_factory=lambda: _PANEL_ORIGINS)
    flags: SharedRequest = field(default_factory=SharedRequest)

    @classmethod
    def of(cls, scene: bpy.types.Scene | None) -> ShotSettings:
        """Read the settings of a scene.

        Raises:
            STCNError: There is no plate, or a setting is invalid.
        """
        if scene is None:
            raise HostError("there is no scene", fix="Open a scene in this window")
        settings = scene_settings(scene)
        overrides = panel_settings(chosen_values(settings), settings.overrides, place=_PANEL)
        return cls(
            scene=scene.name,
            plate=collect_plate(scene),
            keyframe_kind=settings.keyframe_kind,
            mask=settings.mask.name if settings.mask else "",
            keyframes_at=settings.keyframes_at.strip(),
            keyframe_files=tuple((each.frame, each.file) for each in settings.keyframe_files if each.file),
            preset=settings.preset.strip() or "default",
            frame_range=settings.frame_range.strip(),
            weights=settings.weights.strip(),
            device=settings.device.strip(),
            colour=settings.colour,
            overrides=overrides,
            out=settings.out.strip(),
            wiring=settings.wiring,
        )

    @property
    def out_pattern(self) -> str:
        """Absolute frame pattern of the mattes.

        Raises:
            HostError: It is relative to a .blend file that is not saved.
        """
        if has_frame_number(self.out):
            return absolute(self.out)
        files = self.plate.files
        return default_matte_pattern(absolute(self.out or "//"), files.stem, padding=len(files.number))

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames of the scene to matte.

        Raises:
            STCNError: The range is invalid, or no file of the plate exists.
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
        """Return the request, without the keyframes of a mask, and warnings.

        Raises:
            STCNError: A setting is missing or invalid.
        """
        settings, warnings = self._settings()
        out = self.out_pattern
        files = self.keyframe_files if self.keyframe_kind == "FILES" else ()
        if self.keyframe_kind == "FILES" and not files:
            raise HostError("there is no keyframe file", where="STCN panel", fix="Add a matte file, or choose a mask")
        request = JobRequest(
            plate=self.plate.files.pattern,
            keyframes=tuple(KeyframeFile(frame + self.plate.shift, absolute(file)) for frame, file in files),
            out=out,
            range=shift_frame_range(self.frame_range, self.plate.shift) if self.frame_range else None,
            preset=absolute(self.preset) if self.preset.startswith("//") else self.preset,
            settings=settings,
            origins=self.origins,
            build=self.build,
            save_as=shot_file_path(out),
        )
        return self.flags.applied(request), warnings

    def _settings(self) -> tuple[Mapping[str, Setting], tuple[str, ...]]:
        """Return the settings that override the preset, and warnings."""
        space = input_space(self.plate.colour_space) if self.colour == "BLENDER" else None
        warnings: tuple[str, ...] = ()
        if self.colour == "BLENDER" and space is None:
            warnings = (
                f"the worker does not know Blender's colour space '{self.plate.colour_space}' and uses the one stated in "
                "the plate's files; if that is wrong, set colour.input",
            )
        weights = absolute(self.weights) if self.weights.startswith("//") else self.weights
        chosen = {"colour.input": space, "weights": weights or None, "compute.device": self.device or None}
        return {**chosen_settings(chosen, self.origins), **self.overrides}, warnings


def absolute(path: str) -> str:
    """Return an absolute path; ``//`` is the folder of the .blend file.

    Raises:
        HostError: It is relative to a .blend file that is not saved.
    """
    if path.startswith("//") and not bpy.data.filepath:
        raise HostError(
            "this path is relative to the .blend file, which is not saved",
            where=path,
            fix="Save the file first, or enter an absolute path",
        )
    full = bpy.path.abspath(path) if path.startswith("//") else expanded(path)
    return os.path.normpath(Path(full).absolute())


def parse_keyframes_at(text: str) -> tuple[int, ...]:
    """Read the setting ``keyframes_at``.

    Raises:
        FrameRangeError: It is not a frame range.
    """
    try:
        return parse_frame_range(text)
    except FrameRangeError as error:
        raise FrameRangeError(error.what, where="keyframes at", fix=error.fix) from None
