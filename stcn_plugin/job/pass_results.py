"""What the passes found: kept in memory for the next frames, in the cache, or in a temporary file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import final

import numpy as np

from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.probabilities import encode_probabilities, read_probabilities
from stcn_plugin.cache.states import encode_state
from stcn_plugin.errors import OutputError
from stcn_plugin.job.backward_buffer import BackwardBuffer
from stcn_plugin.job.cores import Cores
from stcn_plugin.job.difference import PassWork, SegmentWork
from stcn_plugin.job.job import Job
from stcn_plugin.job.recipe import Recipe
from stcn_plugin.matte.views import Views
from stcn_plugin.propagation.plan import PASS_DIRECTIONS, PassDirection
from stcn_plugin.propagation.tracker import TrackerState

WeightedViews = tuple[Views, Mapping[str, float]]
"""What a pass found on a frame, and the weight of each object in it."""


@final
class PassResults:
    """What the passes of a segment found. The probabilities are half floats, whether they come from the cache or not.

    Args:
        job: The job.
        cache: The cache of the shot.
        recipe: What the frames are made from.
        cores: The cores, which are shared with the network.
        reach: Distance of the farthest frame to keep in memory.
    """

    def __init__(self, job: Job, cache: CacheFolder, recipe: Recipe, *, cores: Cores, reach: int) -> None:
        self._job = job
        self._cache = cache
        self._recipe = recipe
        self._cores = cores
        self._reach = reach
        self._recent: dict[tuple[int, PassDirection], Views] = {}
        self._buffer: BackwardBuffer | None = None
        self._buffers = ExitStack()

    def __enter__(self) -> PassResults:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._buffers.close()

    def begin(self, work: SegmentWork) -> None:
        """Forget the last segment, and prepare for the next one.

        Raises:
            OutputError: There is too little temporary space for a job without a cache.
        """
        self._buffers.close()
        self._buffer = None
        self._recent = {}
        held = sum(len(each.held) for each in work.passes)
        if held and not self._cache.keeps_probabilities:
            expected = held * 2 * len(self._job.objects) * math.prod(self._job.size)
            self._buffer = self._buffers.enter_context(BackwardBuffer(expected))

    def keep(self, work: PassWork, index: int, found: Views) -> None:
        """Keep what a pass found on a frame.

        Args:
            work: The pass.
            index: Index of the frame.
            found: Its probabilities.

        Raises:
            OutputError: They cannot be written.
        """
        self._remember(index, work.direction, found)
        if self._buffer is not None and index in work.held:
            self._buffer.put(index, found)
        if not self._cache.keeps_probabilities or index not in work.stored or not found:
            return
        path = self._cache.probabilities(work.direction, self._job.frames[index])
        with self._cores.busy():
            content = encode_probabilities(found, made_from=work.digests[index])
        self._cache.write(path, content)

    def keep_state(self, work: PassWork, index: int, state: TrackerState) -> None:
        """Keep the memory of a pass after a frame.

        Raises:
            OutputError: It cannot be written.
        """
        frame = self._job.frames[index]
        content = encode_state(state, frame=frame, made_from=work.digests[index])
        self._cache.write(self._cache.state(work.direction, self._job.frames[work.start]), content)

    def of(self, work: SegmentWork, index: int) -> list[WeightedViews]:
        """Return what the passes of a segment found on a frame, and the weight of each object; none outside of it.

        Raises:
            OutputError: The file of the frame was changed or deleted.
        """
        segment = work.segment
        if index not in segment.frames:
            return []
        forward = {
            name: float(weight)
            for name, weight in zip(self._job.objects, segment.weight[index - segment.frames.start], strict=True)
            if np.isfinite(weight)
        }
        weights = {"forward": forward, "backward": {name: 1 - weight for name, weight in forward.items()}}
        return [
            (self._views(work, direction, index), weights[direction])
            for direction in PASS_DIRECTIONS
            if self._job.uses(segment, direction, index)
        ]

    def _views(self, work: SegmentWork, direction: PassDirection, index: int) -> Views:
        """Return what a pass found on a frame."""
        if (found := self._recent.get((index, direction))) is not None:
            return found
        if self._buffer is not None:
            return self._buffer.get(index)
        path = self._cache.probabilities(direction, self._job.frames[index])
        made_from = self._recipe.passes[work.number, direction][index]
        if (found := read_probabilities(path, made_from=made_from)) is None:
            what = "this cache file was changed or deleted while the job was running"
            fix = "Check what else uses the folder, and run the job again"
            raise OutputError(what, where=str(path), fix=fix, retry=True)
        self._remember(index, direction, found)
        return found

    def _remember(self, index: int, direction: PassDirection, found: Views) -> None:
        self._recent[index, direction] = found
        self._recent = {key: kept for key, kept in self._recent.items() if abs(key[0] - index) <= self._reach}
