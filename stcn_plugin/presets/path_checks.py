"""Finds paths that no file system accepts, so that an error names their line before the job runs."""

from __future__ import annotations

import os
from collections.abc import Iterator

from stcn_plugin.config.problems import Problem
from stcn_plugin.config.yaml_scalars import KeyPath
from stcn_plugin.presets.model import Preset

_LONGEST_PATH = 4095  # bytes; Linux, which has the longest
_LONGEST_NAME = 255  # bytes; common file systems


def preset_problems(settings: Preset) -> Iterator[Problem]:
    """Yield problems of the paths in settings.

    Args:
        settings: The settings, with paths as written.
    """
    yield from length_problems(("weights",), settings.weights)
    yield from length_problems(("colour", "config"), settings.colour.config)
    if settings.overlay.folder is not None:
        yield from length_problems(("overlay", "folder"), settings.overlay.folder)


def length_problems(key: KeyPath, path: str) -> Iterator[Problem]:
    """Yield a problem if a path is too long.

    Args:
        key: The key of the path.
        path: The path.
    """
    size = _size(path)
    longest = max(_size(part) for part in path.replace(os.sep, "/").split("/"))
    if longest > _LONGEST_NAME:
        what = f"has a file or folder name of {longest:,} bytes, where {_LONGEST_NAME} are the most"
        yield Problem(key, what, "Use a shorter name")
    elif size > _LONGEST_PATH:
        yield Problem(key, f"is a path of {size:,} bytes, where {_LONGEST_PATH:,} are the most", "Use a shorter path")


def _size(text: str) -> int:
    return len(os.fsencode(text))
