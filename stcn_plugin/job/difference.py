"""What a run has to do: the difference between what the shot asks for and what is there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.probabilities import read_probabilities
from stcn_plugin.cache.records import read_record
from stcn_plugin.cache.states import read_state
from stcn_plugin.job.job import Job
from stcn_plugin.job.recipe import Recipe
from stcn_plugin.propagation.plan import PassDirection, Segment
from stcn_plugin.propagation.tracker import TrackerState

_DIRECTIONS: tuple[PassDirection, ...] = ("backward", "forward")
"""The order of the passes, so that mattes arrive in the order of the frames."""

STATE_INTERVAL = 50
"""Frames of a pass after which its memory is saved: some 20 seconds of work, and a few megabytes."""


@dataclass(frozen=True, eq=False)
class PassWork:
    """The part of a pass that has to run. Frames are indices into the shot.

    Args:
        direction: Direction of the pass.
        start: First frame of the whole pass.
        indices: Frames to run, in order.
        resumed: State of the memory before the first of them; ``None`` at the start of the pass.
        stored: The frames whose probabilities are needed, or were missing in the cache.
        digests: Frame to what its probabilities are made from.
        completes: Frame to the frames whose mattes can be finished when this pass has reached it.
        held: The frames whose probabilities a later pass needs to finish mattes.
    """

    direction: PassDirection
    start: int
    indices: range
    resumed: TrackerState | None
    stored: frozenset[int]
    digests: Mapping[int, str]
    completes: Mapping[int, tuple[int, ...]]
    held: frozenset[int]


@dataclass(frozen=True, eq=False)
class SegmentWork:
    """The work on a segment.

    Args:
        number: Number of the segment, from 1.
        segment: The segment.
        passes: The passes that have to run, in order.
        ready: The frames whose mattes can be finished immediately, from the cache or because no pass reaches them.
    """

    number: int
    segment: Segment
    passes: tuple[PassWork, ...]
    ready: tuple[int, ...]

    @property
    def finished(self) -> tuple[int, ...]:
        """The frames whose mattes are written, ascending."""
        return tuple(
            sorted(
                {*self.ready, *(index for each in self.passes for done in each.completes.values() for index in done)}
            )
        )

    @property
    def without_pass(self) -> frozenset[int]:
        """The frames whose mattes are finished although no pass runs on them."""
        return frozenset(self.ready).difference(*(each.indices for each in self.passes))

    @property
    def steps(self) -> int:
        """Number of frames that passes run, plus those finished without."""
        return sum(len(each.indices) for each in self.passes) + len(self.without_pass)


def difference(
    job: Job,
    cache: CacheFolder,
    recipe: Recipe,
    *,
    numbers: Collection[int] = (),
    rebuild: bool = False,
    checkpoint: Callable[[], None] = lambda: None,
) -> tuple[SegmentWork, ...]:
    """Return the work that is left on each segment.

    Args:
        job: The job.
        cache: The cache of the shot.
        recipe: What the frames are made from.
        numbers: Numbers of the segments to look at, from 1; all if empty.
        rebuild: Whether to do everything again.
        checkpoint: Called for every file that is looked at. It may raise to stop.
    """
    inventory = _Inventory(job, cache, recipe, rebuild=rebuild, checkpoint=checkpoint)
    return tuple(
        inventory.work_on(number, segment)
        for number, segment in enumerate(job.segments, 1)
        if not numbers or number in numbers
    )


class _Inventory:
    """Compares what is on disk with what the frames are made from."""

    def __init__(
        self, job: Job, cache: CacheFolder, recipe: Recipe, *, rebuild: bool, checkpoint: Callable[[], None]
    ) -> None:
        self._job = job
        self._cache = cache
        self._recipe = recipe
        self._rebuild = rebuild
        self._checkpoint = checkpoint
        self._cached: dict[tuple[PassDirection, int], bool] = {}

    def work_on(self, number: int, segment: Segment) -> SegmentWork:
        """Return the work that is left on a segment."""
        finish = [index for index in segment.frames if not self._is_finished(index)]
        needs = {index: {index, *self._job.neighbours(segment, index)} for index in finish}
        needed = sorted({index for indices in needs.values() for index in indices if index in segment.frames})
        missing = {
            direction: frozenset(
                index
                for index in needed
                if self._job.uses(segment, direction, index) and not self._is_cached(number, direction, index)
            )
            for direction in _DIRECTIONS
        }
        completes: dict[PassDirection, dict[int, list[int]]] = {direction: {} for direction in _DIRECTIONS}
        held: set[int] = set()
        ready = []
        for index in finish:
            # The last pass that finds something that the frame needs completes it.
            if late := missing["forward"] & needs[index]:
                completes["forward"].setdefault(max(late), []).append(index)
                held |= missing["backward"] & needs[index]
            elif late := missing["backward"] & needs[index]:
                completes["backward"].setdefault(min(late), []).append(index)
            else:
                ready.append(index)
        passes = [
            self._work_on_pass(
                number,
                segment,
                direction,
                indices,
                {index: tuple(frames) for index, frames in completes[direction].items()},
                frozenset(held) if direction == "backward" else frozenset(),
            )
            for direction, indices in missing.items()
            if indices
        ]
        return SegmentWork(number, segment, tuple(passes), tuple(ready))

    def _work_on_pass(
        self,
        number: int,
        segment: Segment,
        direction: PassDirection,
        missing: frozenset[int],
        completes: Mapping[int, tuple[int, ...]],
        held: frozenset[int],
    ) -> PassWork:
        whole = segment.visited(direction)
        digests = self._recipe.passes[number, direction]
        positions = [position for position, index in enumerate(whole) if index in missing]
        first, resumed = 0, None
        if state := self._state(direction, whole, positions[0], digests):
            frame, resumed = state
            first = whole.index(self._job.index_of(frame)) + 1
        indices = whole[first : positions[-1] + 1]
        stored = frozenset(
            index
            for index in indices
            if index in missing
            or (
                self._cache.keeps_probabilities
                and self._job.uses(segment, direction, index)
                and not self._is_cached(number, direction, index)
            )
        )
        return PassWork(direction, whole[0], indices, resumed, stored, digests, completes, held)

    def _is_finished(self, index: int) -> bool:
        """Whether the files of a frame are on disk as they would be written now."""
        if self._rebuild:
            return False
        self._checkpoint()
        frame = self._job.frames[index]
        record = read_record(self._cache.record(frame))
        made_from = self._recipe.manifest.frames[frame].mattes
        return record is not None and record.made_from == made_from and record.describes(self._job.files(frame))

    def _is_cached(self, number: int, direction: PassDirection, index: int) -> bool:
        """Whether the cache has the probabilities of a frame, undamaged."""
        if self._rebuild or not self._cache.keeps_probabilities:
            return False
        key = direction, index
        if key not in self._cached:
            self._checkpoint()
            path = self._cache.probabilities(direction, self._job.frames[index])
            made_from = self._recipe.passes[number, direction][index]
            self._cached[key] = read_probabilities(path, made_from=made_from) is not None
        return self._cached[key]

    def _state(
        self, direction: PassDirection, whole: range, end: int, digests: Mapping[int, str]
    ) -> tuple[int, TrackerState] | None:
        """Return the saved memory of a pass, if it is from before the position ``end``."""
        if self._rebuild or not self._cache.keeps_probabilities:
            return None
        made_from = {self._job.frames[index]: digests[index] for index in whole[:end]}
        return read_state(self._cache.state(direction, self._job.frames[whole[0]]), made_from)
