"""How good weights are: held-out clips, propagated from their first mask by the whole pipeline, scored as DAVIS does."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from stcn_plugin.errors import TrainingError
from stcn_plugin.evaluation import evaluate
from stcn_plugin.evaluation.matte_file import object_names
from stcn_plugin.frames import format_frame_range
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.run import run
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.network.devices import choose_device, choose_precision
from stcn_plugin.network.engine import Engine
from stcn_plugin.shot.file import make_shot
from stcn_plugin.training.config import Compute, Validation
from stcn_plugin.training.pictures import Clip, Picture, find_clips
from stcn_plugin.weights.reading import LoadedWeights, build_network


@dataclass(frozen=True)
class ValidationReport:
    """How good weights are.

    Args:
        step: Steps done.
        scores: Clip to its mean J&F, 0 to 1; the first and the last frame are left out.
    """

    step: int
    scores: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Mean over the clips."""
        return fmean(self.scores.values())


def find_validation_clips(validation: Validation) -> tuple[Clip, ...]:
    """Return the clips to validate on; none where the configuration names no folder.

    Raises:
        TrainingError: A clip is not there, or has fewer than three frames.
        FrameRangeError: Its frames are not one sequence.
    """
    clips = {clip.name: clip for source in validation.clips for clip in find_clips(Path(source.folder))}
    names = validation.names or sorted(clips)
    for name in names:
        if name not in clips:
            raise TrainingError(
                f"validation.names: there is no clip '{name}'", fix=f"There are {', '.join(sorted(clips))}"
            )
        if len(clips[name].pictures) < 3:
            raise TrainingError(f"the clip '{name}' has fewer than three frames with masks, too few to validate on")
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
        weights: What is judged.
        clips: From `find_validation_clips`. Objects that a clip's first mask does not show are not scored.
        validation: At what size, and how many frames.
        compute: Where it runs.
        step: Steps done, for the report.

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
            overrides=[f"size={validation.lines}", f"compute.device={compute.device}"],
        )
        run(prepare(shot), engine)
        mattes, truth = FrameSequence.parse(shot.out), FrameSequence.parse(first.mask.parent)
        return evaluate(mattes, truth, frames=frames, davis=True, objects=_given(pictures)).mean.jf


def _keyframe(mask: Path) -> Path | Mapping[str, object]:
    """Return a mask as a keyframe; its numbers by name, since data sets have palettes that a keyframe may not have."""
    shown = object_names(mask)
    return {"file": str(mask), "objects": {name: int(name) for name in shown.names}} if shown.indexed else mask


def _given(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """Return the objects that the first mask shows, as far as there is more of them to score."""
    first, *others = (object_names(picture.mask).names for picture in pictures[:-1])
    return tuple(name for name in first if any(name in names for names in others))
