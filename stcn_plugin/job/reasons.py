"""Why something has to be done: explains the difference between the last run and this one."""

from __future__ import annotations

from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.manifest import Change, Manifest, changes
from stcn_plugin.cache.records import read_record
from stcn_plugin.job.difference import SegmentWork
from stcn_plugin.job.job import Job


def reasons_for(
    job: Job, cache: CacheFolder, work: SegmentWork, before: Manifest | None, now: Manifest, *, rebuild: bool
) -> tuple[str, ...]:
    """Return why there is work on a segment; empty if there is none.

    Args:
        job: The job.
        cache: The cache of the shot.
        work: The work.
        before: The manifest of the last run; ``None`` without one.
        now: The manifest of this run.
        rebuild: Whether everything is done again because the user wants it.
    """
    if not work.finished:
        return ()
    if rebuild:
        return ("a rebuild was requested",)
    if before is None:
        return ("there is no earlier run",)
    found = dict.fromkeys(change.text for change in changes(before, now) if _concerns(job, work, change))
    return tuple(found) or (_without_change(job, cache, work, before, now),)


def _concerns(job: Job, work: SegmentWork, change: Change) -> bool:
    """Whether a change explains work on a segment."""
    if change.frames is None:
        return not (work.passes and change.is_finishing)
    # A keyframe that was added or removed moves the bounds of segments: it may be on the frame after the segment.
    first, last = job.frames[work.segment.frames[0]], job.frames[work.segment.frames[-1]]
    after = job.frames[min(work.segment.frames[-1] + 1, len(job.frames) - 1)]
    return any(first <= frame <= max(last, after) for frame in change.frames)


def _without_change(job: Job, cache: CacheFolder, work: SegmentWork, before: Manifest, now: Manifest) -> str:
    """Return why there is work although nothing has changed since the last run."""
    frames = [job.frames[index] for index in work.finished]
    if any(frame not in before.frames or before.frames[frame] != now.frames[frame] for frame in frames):
        return "a neighbouring segment has changed"
    records = {frame: read_record(cache.record(frame)) for frame in frames}
    if any(record is None or record.made_from != now.frames[frame].mattes for frame, record in records.items()):
        return "the last run did not finish these frames"
    are_there = all(path.exists() for frame in frames for path in job.files(frame))
    return "matte files were modified" if are_there else "matte files are missing"
