"""Checks between the keys of a shot file."""

from __future__ import annotations

import os
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator

from stcn_plugin.config.problems import Problem
from stcn_plugin.config.wording import nearest
from stcn_plugin.frames import MAX_DIGITS, frame_token, parse_frame_range, span_text
from stcn_plugin.presets.path_checks import length_problems
from stcn_plugin.shot.model import Shot, ShotFile, object_matte
from stcn_plugin.shot.selector import split_selector


def file_problems(data: ShotFile) -> Iterator[Problem]:
    """Yield problems between keys of a shot file that are each valid.

    Args:
        data: The content of the file.
    """
    if not data.keyframes:
        yield Problem(("keyframes",), "holds no keyframe", "Give at least one, such as 1001: roto/hero.1001.exr")
    for frame, files in data.keyframes.items():
        counts = Counter(name for each in files for name in each.objects or ())
        if twice := next((name for name, count in counts.items() if count > 1), None):
            yield Problem(("keyframes", frame), f"has '{twice}' in two files", "Keep one of the two")
        for each in files:
            selector = split_selector(each.file)[1]
            if selector == "":
                yield Problem(("keyframes", frame), "has nothing after the colon", "Name a layer there, such as hero.A")
            if selector and each.objects:
                what = f"picks '{selector}' and lists objects as well"
                yield Problem(("keyframes", frame), what, "Keep one of the two")
    for name, span in data.objects.items():
        if problem := object_matte(data.matte, span).levels_problem:
            yield Problem(("objects", name, "matte"), problem)
    yield from _range_problems(data)
    yield from _object_problems(data)


def path_problems(shot: Shot) -> Iterator[Problem]:
    """Yield problems of the pattern of the mattes.

    Args:
        shot: The shot, with absolute paths.
    """
    name = os.path.basename(shot.out)  # noqa: PTH119 - a pattern, not a file
    if not frame_token(name):
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        fix = f"Write #### where it belongs, such as {stem}.####{suffix or '.exr'}"
        yield Problem(("out",), "has no frame number in its file name", fix)
    elif _numberless(shot.out) == _numberless(shot.plate):
        yield Problem(("out",), "is the plate itself, which would be overwritten", "Write the mattes somewhere else")


def _numberless(pattern: str) -> str:
    """Return a pattern with its frame number as ``#``, to compare patterns in different notations."""
    folder, name = os.path.split(os.path.normpath(pattern))
    token = frame_token(name)
    return os.path.join(folder, f"{name[: token.start()]}#{name[token.end() :]}" if token else name)  # noqa: PTH118


def _range_problems(data: ShotFile) -> Iterator[Problem]:
    if data.range is None:
        return
    frames = parse_frame_range(data.range)
    in_range = set(frames)
    for frame in data.keyframes:
        if frame not in in_range:
            fix = "Extend the range, or remove the keyframe"
            yield Problem(("keyframes", frame), f"is outside of the range {_short(data.range)}", fix)
    for name, span in data.objects.items():
        for present in span.ranges:
            if bisect_left(frames, present[0]) == bisect_right(frames, present[-1]):
                what = f"is present on {span_text(present)}, all outside of the range {_short(data.range)}"
                yield Problem(("objects", name), what, "Check both ranges")


def _object_problems(data: ShotFile) -> Iterator[Problem]:
    files = [each for files in data.keyframes.values() for each in files]
    if not all(each.objects for each in files):
        return  # the names of some objects are in the files themselves
    names = sorted({name for each in files for name in each.objects or ()})
    known = set(names)
    for name in data.objects:
        if name not in known:
            guess = nearest(name, names)
            fix = f"Perhaps you meant '{guess}'" if guess else f"The keyframes have {_short(', '.join(names))}"
            yield Problem(("objects", name), "is in no keyframe", fix)


def _short(text: str) -> str:
    """Return text, shortened for a message."""
    return text if len(text) <= 200 else f"{text[:196]} ..."


def length_and_padding_problems(shot: Shot) -> Iterator[Problem]:
    """Yield problems of the lengths of a shot's paths and of its frame numbers.

    Args:
        shot: The shot, with absolute paths.
    """
    for key, pattern in (("plate", shot.plate), ("out", shot.out)):
        token = frame_token(pattern.rpartition("/")[2])
        digits = re.sub("[^0-9]", "", token.group()).lstrip("0") if token else ""
        if len(digits) > 2 or int(digits or 0) > MAX_DIGITS:
            yield Problem((key,), f"asks for frame numbers of more than {MAX_DIGITS} digits", "Write #### instead")
    yield from length_problems(("plate",), shot.plate)
    for keyframe in shot.keyframes:
        yield from length_problems(("keyframes", keyframe.frame), str(keyframe.file))
    yield from length_problems(("out",), shot.out)
