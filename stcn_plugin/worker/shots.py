"""From a host's request to a shot that runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin.bridge.job import JobRequest, Progress, Report
from stcn_plugin.errors import PresetError

if TYPE_CHECKING:
    from stcn_plugin.network.stcn import STCN
    from stcn_plugin.presets.model import Preset
    from stcn_plugin.presets.shot_model import Shot


def run_shot(
    request: JobRequest,
    network_for: Callable[[Preset], STCN],
    *,
    on_progress: Callable[[Progress], None],
    on_frame: Callable[[int, Sequence[Path]], None],
    on_warning: Callable[[str], None],
    is_cancelled: Callable[[], bool],
) -> Report:
    """Load, check and propagate the shot of a request.

    Args:
        request: What the host asks for.
        network_for: Gives the network that settings ask for.
        on_progress: As for `propagate`.
        on_frame: As for `propagate`.
        on_warning: As for `propagate`.
        is_cancelled: As for `propagate`.

    Raises:
        STCNError: As for `propagate`.
    """
    shot = shot_of(request)
    from stcn_plugin.shot.propagate import propagate  # only now: a mistake in a shot is told without waiting for torch

    report = propagate(
        shot,
        on_progress=on_progress,
        on_frame=on_frame,
        on_warning=on_warning,
        is_cancelled=is_cancelled,
        network_for=network_for,
    )
    return replace(report, shot_file=str(shot.path) if shot.path else None)


def shot_of(request: JobRequest) -> Shot:
    """Return the shot of a request: its shot file, with the other keys over it.

    Raises:
        PresetError: The file or a key is wrong.
    """
    from stcn_plugin.presets.shot_file import load_shot, make_shot

    if request.shot_file is not None:
        return load_shot(request.shot_file, overrides=[*_shot_keys(request), *request.settings])
    if request.plate is None or request.out is None:
        missing = "plate" if request.plate is None else "out"
        raise PresetError(f"the job has neither a shot file nor '{missing}'")
    return make_shot(
        plate=request.plate,
        keyframes=_keyframes(request),
        out=request.out,
        range=request.range,
        objects=request.objects,
        preset=request.preset or "default",
        overrides=request.settings,
    )


def _shot_keys(request: JobRequest) -> list[str]:
    """Return what goes over a shot file as KEY=VALUE; as JSON, so that YAML takes each as what it is."""
    given = {"extends": request.preset, "plate": request.plate, "out": request.out, "range": request.range}
    texts = [f"{key}={json.dumps(value)}" for key, value in given.items() if value is not None]
    keyframes = [f"keyframes.{frame}={json.dumps(files)}" for frame, files in _keyframes(request).items()]
    # As a whole, since object names may have dots.
    objects = [f"objects={json.dumps(dict(request.objects))}"] if request.objects else []
    return [*texts, *keyframes, *objects]


def _keyframes(request: JobRequest) -> dict[int, list[dict[str, object]]]:
    """Gather keyframe files by their frame, as a shot file has them."""
    by_frame: dict[int, list[dict[str, object]]] = {}
    for keyframe in request.keyframes:
        form: dict[str, object] = {"file": keyframe.file}
        if keyframe.objects is not None:
            form["objects"] = dict(keyframe.objects)
        by_frame.setdefault(keyframe.frame, []).append(form)
    return by_frame
