"""Runs the shot that a host's request describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin.bridge.job import JobRequest, Progress
from stcn_plugin.bridge.report import Report
from stcn_plugin.errors import PresetError
from stcn_plugin.job.activities import Activities, Activity

if TYPE_CHECKING:
    from stcn_plugin.job.job import Job
    from stcn_plugin.network.engine import Engine
    from stcn_plugin.presets.model import Preset
    from stcn_plugin.shot.layers import ShotLayers
    from stcn_plugin.shot.model import Keyframe, Shot


def run_shot(
    request: JobRequest,
    engine_for: Callable[[Preset], Engine],
    *,
    on_ready: Callable[[Report], None] = lambda _: None,
    on_progress: Callable[[Progress], None],
    on_frame: Callable[[int, Sequence[Path]], None],
    on_warning: Callable[[str], None],
    is_cancelled: Callable[[], bool],
    on_activity: Callable[[Sequence[Activity]], None] = lambda _: None,
) -> Report:
    """Load, check, save and propagate the shot of a request.

    The shot is saved after all checks and before its first matte is written, so the saved file is valid, and exists
    even if the job is cancelled.

    Args:
        request: The host's request.
        engine_for: Returns the engine for settings.
        on_ready: Called after all checks, with the objects and files of the mattes that are about to be written. Not for
            a dry run.
        on_progress: As for `propagate`.
        on_frame: As for `propagate`.
        on_warning: As for `propagate`.
        is_cancelled: As for `propagate`.
        on_activity: As for `propagate`.

    Raises:
        STCNError: As for `propagate`, or the shot cannot be saved.
    """
    from stcn_plugin.studio.lookup import preset_search_path
    from stcn_plugin.studio.plugins import studio_hooks

    activities = Activities(on_activity)
    with activities.during("loading the studio's plugins"):
        studio = studio_hooks(request.plugins)
    with activities.during("reading the shot", request.shot_file):
        folders = preset_search_path(studio)
        shot = shot_of(request, search_path=folders)
    with activities.during("loading the libraries"):  # only now: mistakes in a shot are reported without torch
        from stcn_plugin.job.file_checks import without_new_folders
        from stcn_plugin.job.propagate import check, execute
        from stcn_plugin.job.watcher import Warnings, Watcher

    warnings = Warnings(on_warning)
    watcher = Watcher(on_progress, on_frame, warnings.add, is_cancelled, on_activity)
    with without_new_folders(shot) if request.build.is_dry_run else nullcontext():
        job = check(shot, studio=studio, watcher=watcher)
        file = shot.path
        if not request.build.is_dry_run:
            if request.save_as is not None:
                file = _save(job, request.save_as, folders)
            on_ready(replace(job.empty_report(), shot_file=str(file) if file else None))
        report = execute(job, engine_for, options=request.build, watcher=watcher)
    return replace(report, warnings=warnings.texts, shot_file=str(file) if file else None)


def shot_of(request: JobRequest, *, search_path: Sequence[Path] | None = None) -> Shot:
    """Return the shot of a request: its shot file, overridden by the other fields.

    Args:
        request: The host's request.
        search_path: The studio's preset folders; ``None`` uses those of ``STCN_PRESET_PATH``.

    Raises:
        PresetError: The file or a field is invalid.
        KeyframeError: A keyframe file whose object names are needed cannot be read.
    """
    from stcn_plugin.shot.layers import keyframes_layer
    from stcn_plugin.worker.keyframes import keyframe_of

    layers = _layers(request, search_path)
    keyframes = _by_frame([keyframe_of(given) for given in request.keyframes])
    if layers.keyframe_frames & keyframes.keys():
        keyframes = _merged(layers.shot(), keyframes)
    forms = {frame: _forms(files) for frame, files in keyframes.items()}
    return layers.over(keyframes_layer(forms, origin=request.origins.get("keyframes", "keyframe"))).shot()


def _layers(request: JobRequest, search_path: Sequence[Path] | None) -> ShotLayers:
    """Return the layers of a request: its shot file or preset, overridden by the other fields."""
    from stcn_plugin.config.layers import Layer, settings_layer, value_layer
    from stcn_plugin.shot.layers import ShotLayers, keys_layer

    keys = keys_layer(
        plate=request.plate,
        out=request.out,
        range=request.range,
        objects=request.objects,
        origins=request.origins,
    )
    above = [keys, settings_layer(request.settings)]
    where = request.origins.get("preset", "preset")
    if request.shot_file is not None:
        if request.preset is not None:
            above.append(value_layer(("extends",), request.preset, where))
        return ShotLayers.read(Path(request.shot_file), Layer.stacked(above), search_path=search_path)
    if request.plate is None or request.out is None:
        missing = "plate" if request.plate is None else "out"
        raise PresetError(f"the job has neither a shot file nor '{missing}'")
    above.append(value_layer(("keyframes",), {}, "keyframes"))
    preset = request.preset or "default"
    return ShotLayers.without_file(Layer.stacked(above), preset=preset, where=where, search_path=search_path)


def _merged(shot: Shot, keyframes: Mapping[int, Sequence[Keyframe]]) -> dict[int, Sequence[Keyframe]]:
    """Merge keyframes into those that a shot has on the same frames."""
    from stcn_plugin.job.prepare import only_name
    from stcn_plugin.worker.keyframes import override_keyframes

    existing, name = _by_frame(shot.keyframes), only_name(shot.objects)
    return {frame: override_keyframes(existing.get(frame, ()), new, only_name=name) for frame, new in keyframes.items()}


def _by_frame(keyframes: Sequence[Keyframe]) -> dict[int, Sequence[Keyframe]]:
    ordered = sorted(keyframes, key=attrgetter("frame"))
    return {frame: list(group) for frame, group in groupby(ordered, attrgetter("frame"))}


def _forms(keyframes: Sequence[Keyframe]) -> list[Mapping[str, object]]:
    """Return the keyframes of a frame in the form of a shot file."""
    forms: list[Mapping[str, object]] = []
    for keyframe in keyframes:
        file = str(keyframe.file) if keyframe.selector is None else f"{keyframe.file}:{keyframe.selector}"
        forms.append({"file": file} if keyframe.objects is None else {"file": file, "objects": dict(keyframe.objects)})
    return forms


def _save(job: Job, path: str, search_path: Sequence[Path]) -> Path:
    """Save a job's shot, never over its plate or keyframes."""
    from stcn_plugin.shot.writer import save_shot

    return save_shot(job.shot, path, search_path=search_path, outputs=job.outputs)
