"""Which files of the plate are the same as in the last run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.manifest import Manifest, PlateFile
from stcn_plugin.cache.records import read_record
from stcn_plugin.job.activities import Activities
from stcn_plugin.job.job import Job
from stcn_plugin.job.recipe import image_digest

_PIXELS = " pixels "
"""Between the name of a file and the digest of its pixels, in its identity."""


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
        path = job.plates.file(frame)
        now, old = PlateFile.of(path), known.get(frame)
        if old and old.stamp == now.stamp:
            now = old
        if verify:
            activities.checkpoint()
            with activities.during(f"comparing frame {frame} of the plate", path):
                pixels = image_digest(job.plates.read(frame, window=job.window, size=job.size).image)
            by_pixels = f"{path.name}{_PIXELS}{pixels}"
            is_same = old and _is_unchanged(old, now, pixels, _recorded_pixels(cache, before, frame))
            now = replace(now, identity=old.identity if old and is_same else by_pixels)
        found[frame] = now
    return found


def _is_unchanged(old: PlateFile, now: PlateFile, pixels: str, recorded: str | None) -> bool:
    """Return whether a file that was identified by its size and time has the pixels of the last run.

    Without a record of these, its size and time decide: the plate of a keyframe need not have been read.
    """
    if old.identity.startswith(f"{old.name}{_PIXELS}"):
        return False  # its new identity is the same if its pixels are
    return pixels == recorded if recorded else old.stamp == now.stamp


def _recorded_pixels(cache: CacheFolder, before: Manifest | None, frame: int) -> str | None:
    """Return the digest of a frame's pixels in the last run; ``None`` if its mattes were not written then."""
    made, record = before.frames.get(frame) if before else None, read_record(cache.record(frame))
    return record.plate if made and record and record.made_from == made.mattes else None
