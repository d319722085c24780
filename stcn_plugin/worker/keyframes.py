"""A host's keyframe files laid over those of a shot file: object by object, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stcn_plugin.bridge.job import KeyframeFile
from stcn_plugin.presets.resolve import absolute
from stcn_plugin.shot.model import Keyframe
from stcn_plugin.shot.selector import split_selector


def keyframe_of(given: KeyframeFile) -> Keyframe:
    """Return a host's keyframe as a shot has it."""
    name, selector = split_selector(given.file)
    return Keyframe(frame=given.frame, file=Path(absolute(name, None)), selector=selector, objects=given.objects)


def laid_over(below: Sequence[Keyframe], above: Sequence[Keyframe], *, only_name: str | None) -> list[Keyframe]:
    """Return the keyframes of one frame, where some are given anew.

    What is given anew replaces the same file, and in other files the same objects. Files are opened only where that is
    the one way to know their objects.

    Args:
        below: What the shot has there.
        above: What is given anew.
        only_name: The shot's one object, where it has one.

    Raises:
        KeyframeError: A file cannot be read.
    """
    again = {(keyframe.file, keyframe.selector) for keyframe in above}
    others = [keyframe for keyframe in below if (keyframe.file, keyframe.selector) not in again]
    replaced = {name for keyframe in above for name in _names(keyframe, only_name)} if others else set()
    left = (_without(keyframe, replaced, only_name) for keyframe in others)
    return [*(keyframe for keyframe in left if keyframe), *above]


def _without(keyframe: Keyframe, replaced: set[str], only_name: str | None) -> Keyframe | None:
    """Return a keyframe without some objects, ``None`` where it has no others."""
    names = _names(keyframe, only_name)
    kept = [name for name in names if name not in replaced]
    if len(kept) == len(names):
        return keyframe
    objects = keyframe.objects or {name: name for name in names}
    return keyframe.model_copy(update={"objects": {name: objects[name] for name in kept}}) if kept else None


def _names(keyframe: Keyframe, only_name: str | None) -> tuple[str, ...]:
    """Return the objects of a keyframe; the file is asked where nothing else says them."""
    if keyframe.objects is not None:
        return tuple(keyframe.objects)
    from stcn_plugin.media.keyframes import keyframe_names

    return keyframe_names(keyframe.file, frame=keyframe.frame, selector=keyframe.selector, only_name=only_name)
