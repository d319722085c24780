"""Paths that no file system takes, told with the line that says them and not when a job comes to them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from stcn_plugin.frames import MOST_DIGITS, frame_token
from stcn_plugin.presets.model import Preset
from stcn_plugin.presets.problems import Problem
from stcn_plugin.presets.shot_model import Shot
from stcn_plugin.presets.yaml_scalars import KeyPath

_LONGEST_PATH = 4095  # bytes, of Linux; longer than those of all others
_LONGEST_NAME = 255  # bytes, of every file system in use


def preset_problems(settings: Preset) -> Iterator[Problem]:
    """Yield what is wrong with the paths of settings.

    Args:
        settings: The settings, their paths as they are written.
    """
    yield from _problems(("weights",), settings.weights)
    yield from _problems(("colour", "config"), settings.colour.config)
    if settings.overlay.folder is not None:
        yield from _problems(("overlay", "folder"), settings.overlay.folder)


def shot_problems(shot: Shot) -> Iterator[Problem]:
    """Yield what is wrong with the paths of a shot, beside those of its settings.

    Args:
        shot: The shot, its paths absolute.
    """
    for key, pattern in (("plate", shot.plate), ("out", shot.out)):
        token = frame_token(pattern.rpartition("/")[2])
        digits = re.sub("[^0-9]", "", token.group()).lstrip("0") if token else ""
        if len(digits) > 2 or int(digits or 0) > MOST_DIGITS:
            yield Problem((key,), f"asks for frame numbers of more than {MOST_DIGITS} digits", "Write #### instead")
    yield from _problems(("plate",), shot.plate)
    for keyframe in shot.keyframes:
        yield from _problems(("keyframes", keyframe.frame), str(keyframe.file))
    yield from _problems(("out",), shot.out)


def _problems(key: KeyPath, path: str) -> Iterator[Problem]:
    size = _size(path)
    longest = max(_size(part) for part in path.replace(os.sep, "/").split("/"))
    if longest > _LONGEST_NAME:
        what = f"has a file or folder name of {longest:,} bytes, where {_LONGEST_NAME} are the most"
        yield Problem(key, what, "Use a shorter name")
    elif size > _LONGEST_PATH:
        yield Problem(key, f"is a path of {size:,} bytes, where {_LONGEST_PATH:,} are the most", "Use a shorter path")


def _size(text: str) -> int:
    return len(os.fsencode(text))
