"""Assesses the mattes of a job from what is in its cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from statistics import fmean

import numpy as np

from stcn_plugin.bridge.assessment import Assessment, DoubtfulFrame, Problem
from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.records import read_record
from stcn_plugin.confidence.arrivals import Arrivals, arrivals_of
from stcn_plugin.confidence.figures import Figures, blended_figures, figures_of
from stcn_plugin.confidence.findings import findings
from stcn_plugin.confidence.grids import Grid, grid_of, grid_size, read_grids
from stcn_plugin.confidence.ranking import doubtful, next_keyframes, worst
from stcn_plugin.confidence.series import Series
from stcn_plugin.confidence.store import FrameFigures, encode_figures, read_figures
from stcn_plugin.errors import OutputError
from stcn_plugin.job.job import Job
from stcn_plugin.job.recipe import Recipe, digest
from stcn_plugin.propagation.plan import PASS_DIRECTIONS, PassDirection

_MOST = 5
"""Number of doubtful frames that are named."""

_NEXT = 3
"""Number of next keyframes that are named."""


def measure(
    job: Job, cache: CacheFolder, recipe: Recipe, *, checkpoint: Callable[[], None] = lambda: None
) -> tuple[Series, ...]:
    """Return the figures of all objects over the shot.

    Figures of earlier runs are reused if what they were computed from has not changed; new ones are kept in the cache.

    Args:
        job: The job.
        cache: The cache of the shot.
        recipe: What the frames are made from.
        checkpoint: Called before every frame. It may raise to stop.
    """
    known = read_figures(cache.figures)
    measuring = _Measuring(job, cache, recipe)
    found: dict[int, FrameFigures] = {}
    for index, frame in enumerate(job.frames):
        checkpoint()
        made_from = measuring.made_from(index)
        before = known.get(frame)
        found[frame] = before if before and before.made_from == made_from else measuring.measured(index, made_from)
    complete = {frame: each for frame, each in found.items() if each.made_from}
    if complete != known and cache.manifest.is_file():  # otherwise the shot has never been run
        with suppress(OutputError):  # they are computed again by the next run
            cache.write(cache.figures, encode_figures(complete))
    hazy = _hazy(job, cache, recipe)
    return tuple(_series(job, name, found, hazy) for name in job.objects)


def assessment_of(job: Job, all_series: tuple[Series, ...]) -> Assessment:
    """Return what the figures of a shot say.

    Args:
        job: The job.
        all_series: From `measure`.
    """
    lowest: dict[int, tuple[float, str]] = {}
    for series in all_series:
        for index, value in series.confidence.items():
            lowest[index] = min(lowest.get(index, (1.0, series.name)), (value, series.name))
    all_doubtful = {index for series in all_series for index in doubtful(series)}
    named = worst({index: lowest[index][0] for index in all_doubtful}, len(job.frames), most=_MOST)
    means = {
        series.name: fmean(values)
        for series in all_series
        if (values := [value for index, value in series.confidence.items() if index not in series.keyframes])
    }
    return Assessment(
        confidence={name: round(value, 4) for name, value in means.items()},
        doubtful=tuple(
            DoubtfulFrame(job.frames[index], lowest[index][1], round(lowest[index][0], 4)) for index in named
        ),
        doubtful_frames=len(all_doubtful),
        next_keyframes=tuple(job.frames[index] for index in next_keyframes(all_series, len(job.frames), most=_NEXT)),
        problems=tuple(
            Problem(job.frames[each.index], each.object_name, each.what, each.fix)
            for each in findings(all_series, job.frames)
        ),
    )


class _Measuring:
    """Computes the figures of frames."""

    def __init__(self, job: Job, cache: CacheFolder, recipe: Recipe) -> None:
        self._job = job
        self._cache = cache
        self._recipe = recipe
        self._number = {index: number for number, each in enumerate(job.segments, 1) for index in each.frames}

    def made_from(self, index: int) -> str:
        """Return the digest of everything that the figures of a frame are computed from."""
        own = self._recipe.manifest.frames[self._job.frames[index]]
        beside = [self._digest(direction, index + step) for direction in PASS_DIRECTIONS for step in (-1, 1)]
        keyframes = self._recipe.manifest.keyframes.get(self._job.frames[index], {})
        return digest(own.forward, own.backward, self._weights(index), keyframes, beside if keyframes else None)

    def measured(self, index: int, made_from: str) -> FrameFigures:
        """Return the figures of a frame; without `made_from` if some of its probabilities are not in the cache."""
        job, masks = self._job, self._job.masks.get(index, {})
        grids: dict[PassDirection, Mapping[str, Grid]] = {"forward": {}, "backward": {}}
        segment = job.segments[self._number[index] - 1]
        is_complete = True
        for direction in grids:
            if job.uses(segment, direction, index):
                found = self._grids(direction, index)
                is_complete &= found is not None
                grids[direction] = found or {}
        weights = {name: value for name, value in self._weights(index).items() if name not in masks}
        objects = blended_figures(grids["forward"], grids["backward"], weights) if is_complete else {}
        arrivals = {}
        for name, mask in masks.items():
            grid = grid_of(mask.numpy(), grid_size(job.window.shape))
            objects[name] = figures_of(grid)
            arrivals[name] = arrivals_of(
                grid,
                before=self._grid("forward", index - 1, name),
                after=self._grid("backward", index + 1, name),
                left=self._grid("backward", index - 1, name),
                right=self._grid("forward", index + 1, name),
            )
        return FrameFigures(made_from if is_complete else "", objects, arrivals)

    def _weights(self, index: int) -> dict[str, float]:
        """Return the weight of the forward pass, of the objects that a pass reaches."""
        segment = self._job.segments[self._number[index] - 1]
        row = segment.weight[index - segment.frames.start]
        return {name: float(weight) for name, weight in zip(self._job.objects, row, strict=True) if np.isfinite(weight)}

    def _digest(self, direction: PassDirection, index: int) -> str | None:
        if index not in self._number:
            return None
        made = self._recipe.manifest.frames[self._job.frames[index]]
        return made.forward if direction == "forward" else made.backward

    def _grid(self, direction: PassDirection, index: int, name: str) -> Grid | None:
        return (self._grids(direction, index) or {}).get(name)

    def _grids(self, direction: PassDirection, index: int) -> Mapping[str, Grid] | None:
        made_from = self._digest(direction, index)
        if made_from is None:
            return None
        return read_grids(self._cache.probabilities(direction, self._job.frames[index]), made_from=made_from)


def _hazy(job: Job, cache: CacheFolder, recipe: Recipe) -> dict[int, Mapping[str, float]]:
    """Return how hazy the edges of the mattes on disk are, of the frames that are up to date."""
    records = {index: read_record(cache.record(frame)) for index, frame in enumerate(job.frames)}
    made_from = recipe.manifest.frames
    return {
        index: record.hazy
        for index, record in records.items()
        if record and record.made_from == made_from[job.frames[index]].mattes
    }


def _series(job: Job, name: str, found: Mapping[int, FrameFigures], hazy: Mapping[int, Mapping[str, float]]) -> Series:
    figures: dict[int, Figures] = {}
    arrivals: dict[int, Arrivals] = {}
    for index, frame in enumerate(job.frames):
        if name in found[frame].objects:
            figures[index] = found[frame].objects[name]
        if name in found[frame].arrivals:
            arrivals[index] = found[frame].arrivals[name]
    keyframes = [index for index, masks in job.masks.items() if name in masks]
    own = {index: shares[name] for index, shares in hazy.items() if name in shares}
    return Series.of(name, job.presence[name], keyframes, figures, arrivals, own)
