"""The keyframes of a shot, read once: what is propagated is what is delivered, whatever becomes of the files meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stcn_plugin.errors import KeyframeError
from stcn_plugin.job.activities import Activities
from stcn_plugin.job.compressed_matte import CompressedMatte
from stcn_plugin.job.finishing import shrink
from stcn_plugin.media.keyframes import Matte, read_keyframe
from stcn_plugin.media.window import Window
from stcn_plugin.shot.model import Keyframe


@dataclass(frozen=True, eq=False)
class ShotKeyframes:
    """The artist's mattes.

    Args:
        masks: Index to object name to the matte at the network's size, ``(h, w)`` on the CPU.
        mattes: The same at plate resolution.
        covered: Index to the objects whose keyframe does not tell of the whole window, each with the part of it that the
            keyframe tells of.
        warnings: What is odd about the files.
    """

    masks: Mapping[int, Mapping[str, Tensor]]
    mattes: Mapping[int, Mapping[str, CompressedMatte]]
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
        groups: Index to the keyframes there.
        window: Where mattes are wanted.
        display: Format of the plate.
        size: ``(h, w)`` of the network's picture.
        only_name: The shot's one object, where it has one.
        activities: Told what is being read.

    Raises:
        CancelledError: The job was cancelled.
        KeyframeError: A file cannot be used, or two give the same object.
    """
    masks, kept, covered = {}, {}, {}
    namings: list[Naming] = []
    warnings: list[str] = []
    for index, group in sorted(groups.items()):
        activities.go_on()
        with activities.during(f"reading the keyframe of frame {group[0].frame}", group[0].file):
            found = _read_frame(group, window=window, display=display, only_name=only_name)
        masks[index] = {name: shrink(matte, size, torch.device("cpu")) for name, matte in found.mattes.items()}
        kept[index] = {name: CompressedMatte(matte) for name, matte in found.mattes.items()}
        covered[index] = {name: part for name, part in found.covered.items() if part != window}
        namings.append(Naming(group[0].frame, frozenset(found.mattes), found.unnamed))
        warnings += found.warnings
    if warning := naming_warning(namings):
        warnings.append(warning)
    return ShotKeyframes(masks, kept, covered, tuple(warnings))


@dataclass(frozen=True, eq=False)
class _FrameMattes:
    """The mattes of all keyframe files of one frame, by object."""

    mattes: Mapping[str, Matte]
    covered: Mapping[str, Window]
    unnamed: frozenset[str]
    warnings: tuple[str, ...]


def _read_frame(group: Sequence[Keyframe], *, window: Window, display: Window, only_name: str | None) -> _FrameMattes:
    """Read all keyframe files of one frame."""
    mattes: dict[str, Matte] = {}
    covered: dict[str, Window] = {}
    source: dict[str, Path] = {}
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
        for name, matte in found.mattes.items():
            if name in mattes:
                raise KeyframeError(
                    f"the object '{name}' of frame {keyframe.frame} is in {source[name]} already",
                    where=str(keyframe.file),
                    fix="Give each object one matte a frame; name it with objects: {name: channel}",
                )
            mattes[name], covered[name], source[name] = matte, found.covered, keyframe.file
        unnamed |= found.unnamed
        warnings += found.warnings
    return _FrameMattes(mattes, covered, frozenset(unnamed), tuple(warnings))


@dataclass(frozen=True)
class Naming:
    """How a frame's keyframes name their objects.

    Args:
        frame: The frame.
        names: All objects there.
        unnamed: Those that nobody has named: their names are numbers of a file, or the default.
    """

    frame: int
    names: frozenset[str]
    unnamed: frozenset[str]


def naming_warning(frames: Sequence[Naming]) -> str | None:
    """Return what to warn of where files number their objects, and a keyframe brings another number than those before it.

    An index that an artist or a program happened to use for the same object makes another object of it.

    Args:
        frames: The keyframes, by frame.
    """
    seen: dict[str, int] = {}
    for naming in frames:
        new = sorted(naming.unnamed - seen.keys(), key=_by_number)
        gone = sorted(set(seen) - naming.names, key=_by_number)
        if seen and new:
            first = min(seen.values())
            what = f"the keyframe of frame {naming.frame} brings {_objects(new)}, which no earlier keyframe has"
            if not gone:
                return f"{what}. If this is a mistake in its file, name the objects that are wanted with objects: {{name: number}}"
            likely = f"{gone[0]}: {new[0]}" if new[0].isdecimal() else f"{gone[0]}: A"
            return (
                f"{what}, and not {_objects(gone)} of frame {seen.get(gone[0], first)}. Files that name no objects are "
                f"told apart by number, so these are propagated as different objects. If they are the same one, write "
                f"objects: {{{likely}}} on frame {naming.frame}, or give the shot one object by name (--object NAME)"
            )
        seen.update({name: naming.frame for name in naming.names if name not in seen})
    return None


def _objects(names: Sequence[str]) -> str:
    return ("object " if len(names) == 1 else "objects ") + ", ".join(f"'{name}'" for name in names)


def _by_number(name: str) -> tuple[bool, int, str]:
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)
