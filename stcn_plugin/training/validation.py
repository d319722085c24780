"""Validation: held-out clips are propagated from their first mask by the complete pipeline, and scored as in DAVIS."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from stcn_plugin.errors import TrainingError
from stcn_plugin.evaluation import evaluate
from stcn_plugin.evaluation.matte_file import object_names
from stcn_plugin.frames import format_frame_range
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.network.devices import choose_device, choose_precision
from stcn_plugin.network.engine import Engine
from stcn_plugin.shot.file import make_shot
from stcn_plugin.training.config import Compute, Validation
from stcn_plugin.training.pictures import Clip, Picture, find_clips
from stcn_plugin.training.reports import ValidationReport
from stcn_plugin.weights.reading import LoadedWeights, build_network


def find_validation_clips(validation: Validation) -> tuple[Clip, ...]:
    """Return the validation clips; none if no folder is configured.

    Raises:
        TrainingError: A clip does not exist, or has fewer than three frames.
        FrameRangeError: The frames of a clip are not one sequence.
    """
    clips = {clip.name: clip for source in validation.clips for clip in find_clips(Path(source.folder))}
    names = validation.names or sorted(clips)
    for name in names:
        if name not in clips:
            raise TrainingError(
                f"validation.names: there is no clip '{name}'", fix=f"There are {', '.join(sorted(clips))}"
            )
        if len(clips[name].pictures) < 3:
            raise TrainingError(f"the clip '{name}' has fewer than three frames with masks, too few for validation")
        first = clips[name].pictures[0]
        for file in (first.plate, first.mask):
            FrameSequence.parse(file.parent)
    return tuple(clips[name] for name in names)


def validate(
    weights: LoadedWeights,
    clips: Sequence[Clip],
    *,
    validation: Validation,
    compute: Compute,
    step: int,
) -> ValidationReport:
    """Propagate every clip from its first mask, and score it.

    Args:
        weights: The weights to validate.
        clips: From `find_validation_clips`. Objects that are not in the first mask of a clip are not scored.
        validation: Internal size and number of frames.
        compute: Device and precision.
        step: Completed steps, for the report.

    Raises:
        STCNError: A clip cannot be read.
    """
    device = choose_device(compute.device)
    engine = Engine(build_network(weights, device=device), precision=choose_precision(compute.precision, device))
    scores = {clip.name: _score(clip, engine, validation, compute) for clip in clips}
    return ValidationReport(step, scores)


def _score(clip: Clip, engine: Engine, validation: Validation, compute: Compute) -> float:
    pictures = clip.pictures[: validation.frames or None]
    first = pictures[0]
    frames = [picture.frame for picture in pictures]
    with tempfile.TemporaryDirectory() as folder:
        shot = make_shot(
            plate=FrameSequence.parse(first.plate.parent).pattern,
            keyframes={first.frame: _keyframe(first.mask)},
            range=format_frame_range(frames),
            out=Path(folder) / "matte.#####.exr",
            overrides=[f"size={validation.size}", f"compute.device={compute.device}", "cache=off"],
        )
        build(prepare(shot), lambda _: engine)
        mattes, truth = FrameSequence.parse(shot.out), FrameSequence.parse(first.mask.parent)
        return evaluate(mattes, truth, frames=frames, davis=True, objects=_scored_objects(pictures)).mean.jf


def _keyframe(mask: Path) -> Path | Mapping[str, object]:
    """Return a mask as a keyframe. Palette indices are mapped explicitly, because palettes of data sets vary."""
    shown = object_names(mask)
    return {"file": str(mask), "objects": {name: int(name) for name in shown.names}} if shown.indexed else mask


def _scored_objects(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """Return the objects of the first mask that also appear in a later scored frame."""
    first, *others = (object_names(picture.mask).names for picture in pictures[:-1])
    return tuple(name for name in first if any(name in names for names in others))
