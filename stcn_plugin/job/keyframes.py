"""The keyframes of a shot. Each file is read once, so changing it during a job has no effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from stcn_plugin.errors import KeyframeError
from stcn_plugin.job.activities import Activities
from stcn_plugin.job.compressed_matte import CompressedMatte
from stcn_plugin.media.keyframes import Matte, read_keyframe
from stcn_plugin.media.window import Window
from stcn_plugin.shot.model import Keyframe


@dataclass(frozen=True, eq=False)
class ShotKeyframes:
    """The artist's mattes.

    Args:
        masks: Index to object name to the matte at the internal size, ``(h, w)`` on the CPU.
        mattes: The same at plate resolution.
        absent: Index to the objects that an empty matte makes absent there.
        covered: Index to object name to the part of the window that its keyframe covers, for partial keyframes only.
        warnings: Warnings about the files.
    """

    masks: Mapping[int, Mapping[str, Tensor]]
    mattes: Mapping[int, Mapping[str, CompressedMatte]]
    absent: Mapping[int, frozenset[str]]
    covered: Mapping[int, Mapping[str, Window]]
    warnings: tuple[str, ...]


def read_keyframes(
    groups: Mapping[int, Sequence[Keyframe]],
    *,
    window: Window,
    display: Window,
    size: tuple[int, int],
    only_name: str | None,
    activities: Activities,
) -> ShotKeyframes:
    """Read all keyframes of a shot.

    Args:
        groups: Index to the keyframes of that frame.
        window: The window of the mattes.
        display: Format of the plate.
        size: ``(h, w)``, the internal size.
        only_name: The name of the shot's object if it has exactly one; ``None`` otherwise.
        activities: Records what is being read.

    Raises:
        CancelledError: The job was cancelled.
        KeyframeError: A file cannot be used, two files have the same object, or all mattes of an object are empty.
    """
    masks, mattes, covered = {}, {}, {}
    empty: dict[int, tuple[_Empty, ...]] = {}
    namings: list[Naming] = []
    warnings: list[str] = []
    for index, group in sorted(groups.items()):
        activities.checkpoint()
        with activities.during(f"reading the keyframe of frame {group[0].frame}", group[0].file):
            found = _read_frame(group, window=window, display=display, only_name=only_name)
        if found.mattes:
            masks[index] = {name: shrink(matte, size, torch.device("cpu")) for name, matte in found.mattes.items()}
            mattes[index] = {name: CompressedMatte(matte) for name, matte in found.mattes.items()}
            covered[index] = {name: part for name, part in found.covered.items() if part != window}
        empty[index] = found.empty
        names = frozenset(found.mattes).union(*(file.names for file in found.empty))
        namings.append(Naming(group[0].frame, names, found.unnamed))
        warnings += found.warnings
    if warning := naming_warning(namings):
        warnings.append(warning)
    objects = frozenset(name for index in masks for name in masks[index])
    absent: dict[int, frozenset[str]] = {}
    for index, files in empty.items():
        for file in files:
            others = objects.difference(masks.get(index, ()), absent.get(index, ()))
            warnings.append(file.warning(names := file.absent(objects, others)))
            absent[index] = absent.get(index, frozenset()) | names
    return ShotKeyframes(masks, mattes, absent, covered, tuple(warnings))


@dataclass(frozen=True)
class _Empty:
    """A keyframe file with empty mattes.

    Args:
        file: The file.
        frame: Its frame.
        names: The objects with empty mattes; none if the file names no object.
    """

    file: Path
    frame: int
    names: frozenset[str]

    def absent(self, objects: frozenset[str], others: frozenset[str]) -> frozenset[str]:
        """Return the objects that are absent.

        Args:
            objects: All objects that have a matte on any frame.
            others: The objects that no other file of this frame has, which are absent if this file names none.

        Raises:
            KeyframeError: There are no other mattes of an object.
        """
        if unknown := sorted(self.names - objects):
            what, wanted = f"all mattes of '{unknown[0]}' are empty", "its matte, or leave this object out"
        elif not objects:
            what, wanted = "the matte is empty: all pixels are background", "a matte"
        else:
            return self.names or others
        where = f"{self.file}, frame {self.frame}"
        raise KeyframeError(what, where=where, fix=f"Check the file, and add a keyframe with {wanted}")

    def warning(self, names: frozenset[str]) -> str:
        """Return the warning about the absent objects, because a matte may be empty by mistake."""
        known = ", ".join(f"'{name}'" for name in sorted(names, key=_by_number))
        if len(names) == 1:
            return f"{self.file}: the matte of {known} is empty: it is treated as absent on frame {self.frame}"
        if names:
            return f"{self.file}: the mattes of {known} are empty: they are treated as absent on frame {self.frame}"
        return f"{self.file}: the matte is empty, but all objects have mattes in other files of frame {self.frame}"


@dataclass(frozen=True, eq=False)
class _FrameMattes:
    """The mattes of all keyframe files of one frame, by object."""

    mattes: Mapping[str, Matte]
    covered: Mapping[str, Window]
    empty: tuple[_Empty, ...]
    unnamed: frozenset[str]
    warnings: tuple[str, ...]


def _read_frame(group: Sequence[Keyframe], *, window: Window, display: Window, only_name: str | None) -> _FrameMattes:
    """Read all keyframe files of one frame."""
    mattes: dict[str, Matte] = {}
    covered: dict[str, Window] = {}
    source: dict[str, Path] = {}
    empty: list[_Empty] = []
    unnamed: set[str] = set()
    warnings: list[str] = []
    for keyframe in group:
        found = read_keyframe(
            keyframe.file,
            frame=keyframe.frame,
            window=window,
            display=display,
            selector=keyframe.selector,
            objects=keyframe.objects,
            only_name=only_name,
        )
        for name in (*found.mattes, *found.empty):
            if name in source:
                raise KeyframeError(
                    f"the object '{name}' of frame {keyframe.frame} is in {source[name]} already",
                    where=str(keyframe.file),
                    fix="Give each object one matte a frame; name it with objects: {name: channel}",
                )
            source[name] = keyframe.file
        mattes |= found.mattes
        covered |= dict.fromkeys(found.mattes, found.covered)
        if found.empty or found.is_blank:
            empty.append(_Empty(keyframe.file, keyframe.frame, frozenset(found.empty)))
        unnamed |= found.unnamed
        warnings += found.warnings
    return _FrameMattes(mattes, covered, tuple(empty), frozenset(unnamed), tuple(warnings))


@dataclass(frozen=True)
class Naming:
    """The object names of a frame's keyframes.

    Args:
        frame: The frame.
        names: All object names.
        unnamed: Names that the artist did not choose: a number in a file, or the default.
    """

    frame: int
    names: frozenset[str]
    unnamed: frozenset[str]


def naming_warning(frames: Sequence[Naming]) -> str | None:
    """Return a warning if a keyframe has a numbered object that no earlier keyframe has; ``None`` otherwise.

    If files number their objects, the same object with another number would be propagated as a different object.

    Args:
        frames: The keyframes, by frame.
    """
    seen: dict[str, int] = {}
    for naming in frames:
        new = sorted(naming.unnamed - seen.keys(), key=_by_number)
        gone = sorted(set(seen) - naming.names, key=_by_number)
        if seen and new:
            first = min(seen.values())
            what = f"the keyframe of frame {naming.frame} has {_objects(new)}, which no earlier keyframe has"
            if not gone:
                return (
                    f"{what}. If this is a mistake in its file, list the wanted objects with objects: {{name: number}}"
                )
            likely = f"{gone[0]}: {new[0]}" if new[0].isdecimal() else f"{gone[0]}: A"
            return (
                f"{what}, and lacks {_objects(gone)} of frame {seen.get(gone[0], first)}. In files without names, objects "
                f"are identified by number, so these are propagated as different objects. If they are the same object, "
                f"write objects: {{{likely}}} on frame {naming.frame}, or name the only object of the shot (--object NAME)"
            )
        seen.update({name: naming.frame for name in naming.names if name not in seen})
    return None


def _objects(names: Sequence[str]) -> str:
    return ("object " if len(names) == 1 else "objects ") + ", ".join(f"'{name}'" for name in names)


def _by_number(name: str) -> tuple[bool, int, str]:
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)


def shrink(matte: NDArray[np.float32], size: tuple[int, int], device: torch.device) -> Tensor:
    """Return a matte at the internal size, ``(h, w)`` on ``device``, averaged over the area of each pixel."""
    full = torch.from_numpy(matte)[None, None].to(device)
    if matte.shape == size:
        return full[0, 0]
    smaller = functional.interpolate(full, size=size, mode="bilinear", align_corners=False, antialias=True)
    return smaller[0, 0].clamp(0, 1)
