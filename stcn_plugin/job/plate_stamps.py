"""Which files of the plate are the same as in the last run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.manifest import Manifest, PlateFile
from stcn_plugin.cache.records import read_record
from stcn_plugin.job.activities import Activities
from stcn_plugin.job.job import Job


def plate_stamps(
    job: Job, cache: CacheFolder, before: Manifest | None, *, verify: bool, activities: Activities
) -> Mapping[int, PlateFile]:
    """Return the files of the plate by frame. A file with the same identity as in the last run has not changed.

    Args:
        job: The job.
        cache: The cache of the shot.
        before: The manifest of the last run; ``None`` without one.
        verify: Compare the pixels with those of the last run, instead of the size and time of the files. Files that are
            seen for the first time are identified by their pixels, so that they can be written again.
        activities: Records what is being read.

    Raises:
        CancelledError: The job was cancelled.
        PlateError: A file cannot be read.
    """
    known = before.plate if before else {}
    found: dict[int, PlateFile] = {}
    for frame in job.frames:
        activities.checkpoint()
        path = job.plates.file(frame)
        now, old = PlateFile.of(path), known.get(frame)
        if old and old.stamp == now.stamp:
            now = old
        if verify:
            with activities.during(f"comparing frame {frame} of the plate", path):
                pixels = job.plates.read(frame).digest
            record = read_record(cache.record(frame))
            is_same = old and record and record.identity == old.identity and record.pixels == pixels
            now = replace(now, identity=old.identity if old and is_same else f"{path.name} {pixels}")
        found[frame] = now
    return found
