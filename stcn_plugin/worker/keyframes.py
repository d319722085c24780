"""Keyframe files of a request override those of a shot file, per object and frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stcn_plugin.bridge.job import KeyframeFile
from stcn_plugin.presets.resolve import absolute
from stcn_plugin.shot.model import Keyframe
from stcn_plugin.shot.selector import split_selector


def keyframe_of(given: KeyframeFile) -> Keyframe:
    """Convert a keyframe of a request to one of a shot."""
    name, selector = split_selector(given.file)
    return Keyframe(frame=given.frame, file=Path(absolute(name, None)), selector=selector, objects=given.objects)


def override_keyframes(
    existing: Sequence[Keyframe], new: Sequence[Keyframe], *, only_name: str | None
) -> list[Keyframe]:
    """Merge new keyframes into the existing ones of the same frame.

    A new keyframe replaces one with the same file, and its objects in keyframes with other files; an empty file without
    object names replaces all. A file is opened only if nothing else names its objects.

    Args:
        existing: Keyframes of the shot.
        new: Keyframes of the request.
        only_name: The name of the shot's object if it has exactly one; ``None`` otherwise.

    Raises:
        KeyframeError: A file cannot be read.
    """
    new_files = {(keyframe.file, keyframe.selector) for keyframe in new}
    others = [keyframe for keyframe in existing if (keyframe.file, keyframe.selector) not in new_files]
    named = [_names(keyframe, only_name) for keyframe in new] if others else []
    if None in named:
        return list(new)
    replaced = {name for names in named for name in names or ()}
    remaining = (_without(keyframe, replaced, only_name) for keyframe in others)
    return [*(keyframe for keyframe in remaining if keyframe), *new]


def _without(keyframe: Keyframe, replaced: set[str], only_name: str | None) -> Keyframe | None:
    """Return a keyframe without some objects, ``None`` if it has no others."""
    names = _names(keyframe, only_name) or ()
    remaining = [name for name in names if name not in replaced]
    if len(remaining) == len(names):
        return keyframe
    objects = keyframe.objects or {name: name for name in names}
    return keyframe.model_copy(update={"objects": {name: objects[name] for name in remaining}}) if remaining else None


def _names(keyframe: Keyframe, only_name: str | None) -> tuple[str, ...] | None:
    """Return the object names of a keyframe, ``None`` for an empty file without names.

    Reads the file only if the keyframe does not list them.
    """
    if keyframe.objects is not None:
        return tuple(keyframe.objects)
    from stcn_plugin.media.keyframes import keyframe_names

    return keyframe_names(keyframe.file, frame=keyframe.frame, selector=keyframe.selector, only_name=only_name)
