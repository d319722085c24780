"""From a host's request to a shot that runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin.bridge.job import JobRequest, Progress, Report
from stcn_plugin.errors import PresetError
from stcn_plugin.job.activities import Activities, Activity

if TYPE_CHECKING:
    from stcn_plugin.network.engine import Engine
    from stcn_plugin.presets.model import Preset
    from stcn_plugin.shot.model import Keyframe, Shot


def run_shot(
    request: JobRequest,
    engine_for: Callable[[Preset], Engine],
    *,
    on_progress: Callable[[Progress], None],
    on_frame: Callable[[int, Sequence[Path]], None],
    on_warning: Callable[[str], None],
    is_cancelled: Callable[[], bool],
    on_activity: Callable[[Sequence[Activity]], None] = lambda _: None,
) -> Report:
    """Load, check, save and propagate the shot of a request.

    A shot is saved when everything about it is checked and before its first matte is written, so that the file is
    right, and is there also where the job is cancelled.

    Args:
        request: What the host asks for.
        engine_for: Gives the network that settings ask for.
        on_progress: As for `propagate`.
        on_frame: As for `propagate`.
        on_warning: As for `propagate`.
        is_cancelled: As for `propagate`.
        on_activity: As for `propagate`.

    Raises:
        STCNError: As for `propagate`, or the shot cannot be saved.
    """
    from stcn_plugin.studio.plugins import studio_hooks
    from stcn_plugin.studio.presets import preset_search_path

    activities = Activities(on_activity)
    with activities.during("loading the studio's plugins"):
        studio = studio_hooks(request.plugins)
    with activities.during("reading the shot", request.shot_file):
        folders = preset_search_path(studio)
        shot = shot_of(request, search_path=folders)
    with activities.during("loading the libraries"):
        from stcn_plugin.job.propagate import propagate  # only now: a mistake in a shot is told without torch

    saved: list[Path] = []
    report = propagate(
        shot,
        update=request.update,
        on_checked=lambda: saved.extend(_save(shot, request, folders)),
        on_progress=on_progress,
        on_frame=on_frame,
        on_warning=on_warning,
        is_cancelled=is_cancelled,
        on_activity=on_activity,
        engine_for=engine_for,
        studio=studio,
    )
    file = saved[0] if saved else shot.path
    return replace(report, shot_file=str(file) if file else None)


def shot_of(request: JobRequest, *, search_path: Sequence[Path] | None = None) -> Shot:
    """Return the shot of a request: its shot file, with the other keys over it.

    Args:
        request: What the host asks for.
        search_path: The studio's preset folders; ``None`` takes those of ``STCN_PRESET_PATH``.

    Raises:
        PresetError: The file or a key is wrong.
        KeyframeError: A keyframe's file cannot be read, where its objects have to be known.
    """
    from stcn_plugin.shot.file import load_shot, make_shot
    from stcn_plugin.worker.keyframes import keyframe_of

    keyframes = _by_frame([keyframe_of(given) for given in request.keyframes])
    if request.shot_file is not None:
        others = [*_keys(request), *request.settings]
        merged = _laid_over_those_of(request.shot_file, keyframes, others, search_path)
        given = [f"keyframes.{frame}={_json(_forms(files))}" for frame, files in merged.items()]
        return load_shot(request.shot_file, overrides=[*given, *others], search_path=search_path)
    if request.plate is None or request.out is None:
        missing = "plate" if request.plate is None else "out"
        raise PresetError(f"the job has neither a shot file nor '{missing}'")
    return make_shot(
        plate=request.plate,
        keyframes={frame: _forms(files) for frame, files in keyframes.items()},
        out=request.out,
        range=request.range,
        objects=request.objects,
        preset=request.preset or "default",
        overrides=request.settings,
        search_path=search_path,
    )


def _laid_over_those_of(
    shot_file: str,
    keyframes: Mapping[int, Sequence[Keyframe]],
    overrides: Sequence[str],
    search_path: Sequence[Path] | None,
) -> dict[int, Sequence[Keyframe]]:
    """Lay keyframes over those that a shot file has on the same frames."""
    from stcn_plugin.shot.file import keyframe_frames, load_shot
    from stcn_plugin.worker.keyframes import laid_over

    if not set(keyframes) & set(keyframe_frames(shot_file, search_path=search_path)):
        return dict(keyframes)
    from stcn_plugin.job.prepare import only_name

    below = load_shot(shot_file, overrides=overrides, search_path=search_path)
    theirs = _by_frame(below.keyframes)
    name = only_name(below.objects)
    return {frame: laid_over(theirs.get(frame, ()), above, only_name=name) for frame, above in keyframes.items()}


def _keys(request: JobRequest) -> list[str]:
    """Return what goes over a shot file as KEY=VALUE; as JSON, so that YAML takes each as what it is."""
    given = {"extends": request.preset, "plate": request.plate, "out": request.out, "range": request.range}
    texts = [f"{key}={_json(value)}" for key, value in given.items() if value is not None]
    # As a whole, since object names may have dots.
    return [*texts, f"objects={_json(dict(request.objects))}"] if request.objects else texts


def _by_frame(keyframes: Sequence[Keyframe]) -> dict[int, Sequence[Keyframe]]:
    ordered = sorted(keyframes, key=attrgetter("frame"))
    return {frame: list(group) for frame, group in groupby(ordered, attrgetter("frame"))}


def _forms(keyframes: Sequence[Keyframe]) -> list[Mapping[str, object]]:
    """Return the keyframes of a frame as a shot file has them."""
    forms: list[Mapping[str, object]] = []
    for keyframe in keyframes:
        file = str(keyframe.file) if keyframe.selector is None else f"{keyframe.file}:{keyframe.selector}"
        forms.append({"file": file} if keyframe.objects is None else {"file": file, "objects": dict(keyframe.objects)})
    return forms


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _save(shot: Shot, request: JobRequest, search_path: Sequence[Path]) -> list[Path]:
    """Save the shot where the host asks for it."""
    if request.save_as is None:
        return []
    from stcn_plugin.job.checks import shot_outputs
    from stcn_plugin.shot.writer import preset_under, save_shot

    below = preset_under(request.shot_file, search_path=search_path) if request.shot_file else "default"
    preset, outputs = request.preset or below, shot_outputs(shot)
    return [save_shot(shot, request.save_as, preset=preset, search_path=search_path, outputs=outputs)]
