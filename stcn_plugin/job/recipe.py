"""What the frames of a shot are made from, as digests.

The probabilities of a pass on a frame depend on what came before in that pass: the digest of a frame is made of the digest
of the frame before it, the plate file, and the keyframes and departures on the frame itself. If a keyframe is added to
a segment, the passes towards it therefore keep their digests up to the new keyframe, and only those that start at it are
new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from stcn_plugin.cache.manifest import FrameMade, Manifest, PlateFile
from stcn_plugin.job.edges import edge_sources, edge_weights_digest
from stcn_plugin.job.job import Job
from stcn_plugin.propagation.plan import PASS_DIRECTIONS, PassDirection, Segment
from stcn_plugin.studio.builtin import NAME as BUILT_IN

_NUMERICS = 6
"""Raise it when the same inputs give other probabilities or mattes, so that older caches are not used."""

_PROPAGATION = ("window", "memory", "read", "colour", "compute")
_NOT_IN_PROBABILITIES = {"memory.budget_mb", "read.missing", "compute.device", "compute.threads"}
_FINISHING = ("direction", "matte", "output", "overlay")


@dataclass(frozen=True, eq=False)
class Recipe:
    """What the frames of a shot are made from.

    Args:
        manifest: The digests by frame, and the inputs.
        passes: The digests of the frames that the pass of each segment visits: by number of the segment, from 1, and direction.
    """

    manifest: Manifest
    passes: Mapping[tuple[int, PassDirection], Mapping[int, str]]


def recipe_of(job: Job, plate: Mapping[int, PlateFile]) -> Recipe:
    """Return what the frames of a job are made from.

    Args:
        job: The job.
        plate: Frame to its file.
    """
    propagation, finishing = _propagation(job), _finishing(job)
    masks = {index: {name: _of_mask(mask) for name, mask in masks.items()} for index, masks in job.masks.items()}
    covered = {index: {name: repr(part) for name, part in parts.items()} for index, parts in job.covered.items()}
    passes: dict[tuple[int, PassDirection], Mapping[int, str]] = {}
    frames: dict[int, FrameMade] = {}
    start, finish = digest(_NUMERICS, propagation), digest(_NUMERICS, finishing)
    keyframes = {
        job.frames[index]: {name: matte.digest for name, matte in job.keyframes.get(index, {}).items()}
        | dict.fromkeys(sorted(job.empty.get(index, ())), "empty")
        for index in sorted({*job.keyframes, *job.empty})
    }
    for number, segment in enumerate(job.segments, 1):
        for direction in PASS_DIRECTIONS:
            passes[number, direction] = _chain(job, start, segment.visited(direction), plate, masks, covered)

        def found(index: int, number: int = number, segment: Segment = segment) -> tuple[str | None, str | None]:
            """Return the digests of what the passes find on a frame, forward and backward."""
            forward, backward = (
                passes[number, direction][index] if job.uses(segment, direction, index) else None
                for direction in PASS_DIRECTIONS
            )
            return forward, backward

        def propagated(index: int, segment: Segment = segment) -> tuple[object, ...]:
            """Return what the mattes of a frame are made from before finishing, by itself."""
            is_inside = index in segment.frames
            return (
                plate[job.frames[index]].identity,
                *(found(index) if is_inside else (None, None)),
                _weights(job, segment, index) if is_inside else None,
                keyframes.get(job.frames[index], {}),
                covered.get(index, {}),
            )

        def drawn(name: str, index: int) -> tuple[object, ...]:
            """Return what the mattes of other frames are made from if a keyframe is the nearest one."""
            frame = job.frames[index]
            return plate[frame].identity, keyframes[frame][name], covered.get(index, {}).get(name)

        for index in segment.frames:
            mattes = digest(
                finish,
                *propagated(index),
                {name: drawn(name, at) for name, at in edge_sources(job, index).items()} if any(found(index)) else {},
                [propagated(each) for each in job.neighbours(segment, index)],
            )
            frames[job.frames[index]] = FrameMade(*found(index), mattes)
    return Recipe(Manifest(job.shot.out, propagation, finishing, plate, keyframes, frames), passes)


def digest(*parts: object) -> str:
    """Return a digest of values that JSON can express."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _chain(
    job: Job,
    start: str,
    indices: Iterable[int],
    plate: Mapping[int, PlateFile],
    masks: Mapping[int, Mapping[str, str]],
    covered: Mapping[int, Mapping[str, str]],
) -> dict[int, str]:
    """Return the digest of every frame of a pass."""
    found: dict[int, str] = {}
    in_play: set[str] = set()
    current = start
    for index in indices:
        leaving = in_play.intersection(job.absent(index))
        given = masks.get(index, {})
        in_play = (in_play - leaving) | set(given)
        parts = (plate[job.frames[index]].identity, sorted(leaving), given, covered.get(index, {}))
        found[index] = current = digest(current, *parts)
    return found


def _propagation(job: Job) -> dict[str, Any]:
    """Return everything that the probabilities of all frames depend on."""
    found: dict[str, Any] = {"weights": job.weights.name if job.weights else None}
    found["weights.sha256"] = job.weights.sha256 if job.weights else None
    found["size"] = "x".join(map(str, job.size[::-1]))
    settings = _flat(job.settings.model_dump(include=set(_PROPAGATION)))
    found |= {key: value for key, value in settings.items() if key not in _NOT_IN_PROBABILITIES}
    found["colour.config"] = _identity(job.plates.colour_config)
    found["plate.window"] = [job.window.x, job.window.y, job.window.width, job.window.height]
    found["plate plugin"] = _plugins(job, "stcn_open_plate")
    return found


def _finishing(job: Job) -> dict[str, Any]:
    """Return everything that only the matte files of all frames depend on."""
    found: dict[str, Any] = _flat(job.settings.model_dump(include=set(_FINISHING)))
    found["objects"] = list(job.objects)
    for name, span in job.shot.objects.items():
        found |= _flat(span.matte_keys, f"objects.{name}.matte.")
    if any(settings.edges == "network" for settings in job.matte_settings):
        found["edge weights"] = edge_weights_digest()
    found["format"] = [repr(job.display), repr(job.window), job.pixel_aspect]
    # The metadata of every matte names the weights, also where no pass contributes.
    found["weights"] = job.weights.name if job.weights else None
    found["weights.sha256"] = job.weights.sha256 if job.weights else None
    found["licence"] = job.weights.text if job.weights else None
    found["matte plugin"] = _plugins(job, "stcn_process_mattes")
    return found


def _plugins(job: Job, hook: str) -> dict[str, str]:
    """Return the studio's plugins that implement a hook, each with the identity of its source file."""
    found = job.studio.implementations(hook)
    return {name: _identity(file) for name, file in found.items() if name != BUILT_IN}


def _identity(file: str) -> str:
    """Return the identity of a file; the text itself if there is no such file."""
    return PlateFile.of(Path(file)).identity if Path(file).is_file() else file


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings with keys such as ``memory.interval``."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _weights(job: Job, segment: Segment, index: int) -> dict[str, float | None]:
    """Return the weight of the forward pass by object; ``None`` for objects that no pass reaches."""
    row = segment.weight[index - segment.frames.start]
    return {name: float(weight) if np.isfinite(weight) else None for name, weight in zip(job.objects, row, strict=True)}


def _of_mask(mask: Tensor) -> str:
    array = np.ascontiguousarray(mask.numpy())
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()[:32]
