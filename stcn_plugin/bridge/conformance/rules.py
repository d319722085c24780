"""What a host's request, and the mattes in its script, must be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin.bridge.conformance.trial import Trial
from stcn_plugin.bridge.files import frame_path, has_frame_number
from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.frames import parse_frame_range


@dataclass(frozen=True)
class Finding:
    """Something that a host does wrong.

    Args:
        what: What is wrong.
        fix: What to do.
    """

    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}. {self.fix}."


def check_request(trial: Trial, request: JobRequest) -> Iterator[Finding]:
    """Yield what is wrong in a request for a trial."""
    yield from check_pattern(trial, request)
    yield from _check_keyframes(trial, request)
    if request.range is not None:
        frames, wanted = parse_frame_range(request.range), parse_frame_range(trial.range)
        if frames != wanted:
            yield Finding(
                f"the request has the frame range {request.range}; the artist chose {trial.range}",
                "Send the artist's range, in frame numbers of the plate",
            )


def check_pattern(trial: Trial, request: JobRequest) -> Iterator[Finding]:
    """Yield what is wrong in the patterns of a request."""
    if request.plate is not None and not has_frame_number(request.plate):
        yield Finding(f"the plate has no frame number: {request.plate}", "Send a frame pattern, such as sh010.####.exr")
    if request.out is None or not has_frame_number(request.out):
        yield Finding(
            f"the mattes have no frame pattern: {request.out}", "Send a frame pattern, such as sh010.####.exr"
        )
    elif os.path.dirname(os.path.abspath(request.out)) != os.path.dirname(os.path.abspath(trial.out)):  # noqa: PTH100, PTH120
        yield Finding(
            f"the mattes go to {request.out}; the artist chose {trial.out}", "Send the artist's pattern for the mattes"
        )


def _check_keyframes(trial: Trial, request: JobRequest) -> Iterator[Finding]:
    frames = sorted({keyframe.frame for keyframe in request.keyframes})
    wanted = sorted({keyframe.frame for keyframe in trial.keyframes})
    if frames != wanted:
        yield Finding(
            f"the keyframes are at {listed(frames)}; the artist drew at {listed(wanted)}",
            "Send all keyframes of the shot with every job, at frame numbers of the plate",
        )
    for keyframe in request.keyframes:
        if not any(Path(file).is_file() for file in (keyframe.file, keyframe.file.rpartition(":")[0])):
            yield Finding(
                f"the file of the keyframe at {keyframe.frame} does not exist: {keyframe.file}",
                "Write it before returning from stcn_render_keyframes, and keep it: the shot file names it",
            )


def compare_shown(shown: Sequence[tuple[str, str]], expected: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    """Yield how the mattes in the script differ from those of the report."""
    names, wanted = [name for name, _ in shown], [name for name, _ in expected]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        yield Finding(
            f"the script has the mattes of '{twice}' {names.count(twice)} times",
            "Update the nodes of an earlier job instead of adding others",
        )
    elif names != wanted:
        yield Finding(
            f"the script shows the mattes of {listed(names) or 'no object'}; there are those of {listed(wanted)}",
            "Load every object of Report.patterns in stcn_deliver_mattes, also if the job wrote no frame",
        )
    else:
        (name, file), (_, right) = next(pair for pair in zip(shown, expected) if pair[0] != pair[1])  # noqa: B905
        yield Finding(f"the script shows {file} for '{name}' instead of {right}", "Use the patterns of Report.patterns")


def path_of(pattern: str, frame: int) -> str:
    """Return the file of a frame in one spelling."""
    return os.path.normpath(frame_path(pattern, frame))


def listed(values: Iterable[object]) -> str:
    """Return values for a sentence."""
    return ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in values)
