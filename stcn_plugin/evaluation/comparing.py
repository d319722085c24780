"""Comparison of mattes with ground truth, frame by frame, with two frames in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from stcn_plugin.errors import MatteError, MissingFrameError
from stcn_plugin.evaluation.band import edge_band
from stcn_plugin.evaluation.connectivity import connectivity_error
from stcn_plugin.evaluation.flicker import Sight, flicker, sight_of
from stcn_plugin.evaluation.hard import Mask, Matte, boundary_accuracy, mask_of, region_overlap
from stcn_plugin.evaluation.matching import match_objects
from stcn_plugin.evaluation.plate import PlateImages
from stcn_plugin.evaluation.reading import MatteFiles
from stcn_plugin.evaluation.scores import Evaluation, ObjectScores, Scores
from stcn_plugin.evaluation.soft import absolute_difference, gradient_error, mean_squared_error, temporal_error
from stcn_plugin.media.sequences import FrameSequence

Pair = tuple[Matte, Matte]
"""A matte and its ground truth."""


def evaluate(
    mattes: FrameSequence,
    truth: FrameSequence,
    *,
    frames: Collection[int] | None = None,
    skip: Collection[int] = (),
    davis: bool = False,
    objects: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
    plate: PlateImages | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score mattes against ground truth, on every frame that has ground truth.

    Objects are matched by name; a single object on each side is matched by any name. Files may hold layers
    ``<object>.A``, a Cryptomatte, palette indices, or one grey or alpha matte; ``<object>`` in a pattern stands for
    one file per object.

    Args:
        mattes: Mattes to score.
        truth: Ground truth.
        frames: Frames to score if they have ground truth; ``None`` is all.
        skip: Frames to leave out, such as keyframes.
        davis: Leave out the first and the last of the frames, as DAVIS does.
        objects: Names of the objects to score; all of the ground truth if empty.
        renamed: Name in the mattes to name in the ground truth, for objects with different names.
        plate: Images of the plate, along whose motion flicker is measured, from `plate_images`; without them flicker is
            not scored.
        progress: Called with the frames done and their total after each one.

    Raises:
        MissingFrameError: A frame with ground truth has no matte.
        MatteError: A file cannot be read, sizes differ, an object has no counterpart, or there are no frames to score.
    """
    ours, theirs = MatteFiles(mattes, "mattes"), MatteFiles(truth, "truth")
    scored = _frames_to_score(theirs, frames, skip, davis)
    ours.require(scored)
    names = match_objects(ours.side(scored), theirs.side(scored), objects=objects, renamed=renamed)
    step = min((after - before for before, after in pairwise(scored)), default=1)
    scores: dict[str, dict[int, Scores]] = {name: {} for name in names}
    previous: dict[str, Pair] = {}
    sights: dict[str, Sight] = {}
    for done, frame in enumerate(scored, start=1):
        pairs = _read_pairs(ours, theirs, frame, names)
        if done > 1 and frame - scored[done - 2] != step:
            previous, sights = {}, {}  # a change across a gap is not flicker
        image = plate(frame, _shape(pairs)) if plate else None
        for name, pair in pairs.items():
            band = edge_band(pair[1])
            before, sight = sights.pop(name, None), None if image is None else sight_of(*pair, band, image)
            found = _score(*pair, band, previous.get(name))
            scores[name][frame] = replace(found, flicker=flicker(sight, before) if sight and before else None)
            if sight:
                sights[name] = sight
        previous = pairs
        if progress:
            progress(done, len(scored))
    return Evaluation(
        mattes=ours.where,
        truth=theirs.where,
        objects=tuple(ObjectScores(name, matte, scores[name]) for name, matte in names.items()),
    )


def _frames_to_score(
    truth: MatteFiles, frames: Collection[int] | None, skip: Collection[int], davis: bool
) -> tuple[int, ...]:
    """Return the frames to score, ascending."""
    present = truth.frames()
    if not present:
        raise MissingFrameError("the ground truth has no files", where=truth.where, fix="Check the pattern")
    scored = tuple(frame for frame in present if (frames is None or frame in frames) and frame not in skip)
    scored = scored[1:-1] if davis else scored
    if not scored:
        fix = "Choose other frames; DAVIS leaves out the first and the last one" if davis else "Choose other frames"
        raise MatteError("no frame with ground truth is left to score", where=truth.where, fix=fix)
    return scored


def _read_pairs(ours: MatteFiles, theirs: MatteFiles, frame: int, names: Mapping[str, str]) -> dict[str, Pair]:
    """Read mattes and ground truth of a frame, by the names in the ground truth."""
    mattes, truths = ours.read(frame, tuple(names.values())), theirs.read(frame, tuple(names))
    for name, matte in names.items():
        actual, expected = mattes[matte].shape, truths[name].shape
        if actual != expected:
            what = f"the matte is {actual[1]}x{actual[0]}, but its ground truth is {expected[1]}x{expected[0]}"
            fix = "Write the mattes at the size of the ground truth"
            raise MatteError(what, where=f"{ours.path(frame, matte)}, frame {frame}", fix=fix)
    return {name: (mattes[matte], truths[name]) for name, matte in names.items()}


def _shape(pairs: Mapping[str, Pair]) -> tuple[int, int]:
    height, width = next(iter(pairs.values()))[0].shape
    return height, width


def _score(matte: Matte, truth: Matte, band: Mask, previous: Pair | None) -> Scores:
    """Score a matte without its flicker; ``previous`` is the pair of the previous frame."""
    mask, true_mask = mask_of(matte), mask_of(truth)
    has_band = bool(band.any())
    return Scores(
        j=region_overlap(mask, true_mask),
        f=boundary_accuracy(mask, true_mask),
        mse=mean_squared_error(matte, truth),
        sad=absolute_difference(matte, truth),
        gradient=gradient_error(matte, truth),
        connectivity=connectivity_error(matte, truth),
        dtssd=temporal_error(matte, truth, *previous) if previous else None,
        band_mse=mean_squared_error(matte, truth, band) if has_band else None,
        band_sad=absolute_difference(matte, truth, band) if has_band else None,
        band_gradient=gradient_error(matte, truth, band) if has_band else None,
        band_dtssd=temporal_error(matte, truth, *previous, band) if previous and has_band else None,
        flicker=None,
    )
