"""Delivery: keeps the probabilities that passes find, blends both directions, and writes the mattes of a frame."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import final

import numpy as np
from numpy.typing import NDArray

from stcn_plugin.bridge.report import EdgeSummary, FlickerSummary
from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.records import Record
from stcn_plugin.confidence.channel import pixel_confidence
from stcn_plugin.errors import OutputError
from stcn_plugin.job.activities import Activities
from stcn_plugin.job.cores import Cores
from stcn_plugin.job.difference import PassWork, SegmentWork
from stcn_plugin.job.edges import JobEdges
from stcn_plugin.job.job import Job
from stcn_plugin.job.keyframe_match import KeyframeMatch
from stcn_plugin.job.overscan import fill_mattes
from stcn_plugin.job.pass_results import PassResults
from stcn_plugin.job.recent_plates import PlateOfFrame, RecentPlates
from stcn_plugin.job.recipe import Recipe
from stcn_plugin.job.stabiliser import JobStabiliser, PropagatedFrame
from stcn_plugin.job.streams import WriteBehind
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.matte.finishing import with_keyframe
from stcn_plugin.matte.views import Views, blend
from stcn_plugin.media.overlays import OverlayWriter
from stcn_plugin.propagation.tracker import TrackerState
from stcn_plugin.studio.mattes import process_mattes
from stcn_plugin.studio.notifier import Notifier

_REACH = 2
"""Distance of the farthest frame that may still be needed: the neighbour of a frame that waits for the last one."""


@dataclass(frozen=True)
class _Finished:
    """A frame that only has to be written.

    Args:
        index: Index of the frame.
        plate: The frame of the plate.
        mattes: Object to its matte, ``(H, W)``.
        confidence: Confidence of every pixel, ``(H, W)``, if it is written.
        hazy: From `JobEdges.hazy`.
    """

    index: int
    plate: PlateOfFrame
    mattes: Mapping[str, NDArray[np.float32]]
    confidence: NDArray[np.float32] | None
    hazy: Mapping[str, float]


@final
class Delivery:
    """Finishes and writes mattes. All methods run on the thread that finishes, but those that summarise a run.

    Args:
        job: The job.
        cache: The cache of the shot.
        recipe: What the frames are made from.
        files: Writes the files of the frames, in a thread of its own.
        watcher: The callbacks.
        activities: The activities of the run, of all threads: the oldest one is reported if a job hangs.
        notifier: Notifies the studio's plugins.
        cores: The cores, which are shared with the network.
    """

    def __init__(
        self,
        job: Job,
        cache: CacheFolder,
        recipe: Recipe,
        files: WriteBehind,
        *,
        watcher: Watcher,
        activities: Activities,
        notifier: Notifier,
        cores: Cores,
    ) -> None:
        self._job = job
        self._cache = cache
        self._recipe = recipe
        self._writer = files
        self._watcher = watcher
        self._notifier = notifier
        self._cores = cores
        self._activities = activities
        self._stabiliser = JobStabiliser(job)
        self._keyframe_match = KeyframeMatch(job)
        self._edges = JobEdges(job)
        self._files: list[Path] = []
        reach = _REACH if self._stabiliser.is_needed else 0
        self._plates = RecentPlates(job, reach)
        self._found = PassResults(job, cache, recipe, cores=cores, reach=reach)
        overlay = job.settings.overlay
        self._overlays = (
            OverlayWriter(Path(overlay.folder), width=overlay.width, frames=job.frames, outputs=job.outputs)
            if overlay.folder
            else None
        )
        self.written: dict[int, tuple[Path, ...]] = {}
        self.seconds = {"finish": 0.0, "write": 0.0}

    def __enter__(self) -> Delivery:
        self._found.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._found.__exit__(kind, error, traceback)

    @property
    def needs_images(self) -> bool:
        """Whether finishing needs the image of every frame, for its edges or its overlay."""
        return self._overlays is not None or self._edges.is_needed

    def begin(self, work: SegmentWork) -> None:
        """Prepare for a segment.

        Raises:
            OutputError: There is too little temporary space for a job without a cache.
        """
        self._found.begin(work)

    def keep(self, work: PassWork, index: int, plate: PlateOfFrame, found: Views) -> None:
        """Keep what a pass found on a frame, until the frames around it are finished or in the cache.

        Args:
            work: The pass.
            index: Index of the frame.
            plate: The frame of the plate.
            found: Its probabilities.

        Raises:
            OutputError: They cannot be written.
        """
        self._plates.keep(index, plate)
        self._found.keep(work, index, found)

    def keep_state(self, work: PassWork, index: int, state: TrackerState) -> None:
        """Keep the memory of a pass after a frame.

        Raises:
            OutputError: It cannot be written.
        """
        self._found.keep_state(work, index, state)

    def keep_plate(self, index: int, plate: PlateOfFrame) -> None:
        """Keep a frame of the plate until the frames around it are finished."""
        self._plates.keep(index, plate)

    def finish(self, work: SegmentWork, index: int) -> None:
        """Finish the mattes of a frame, and queue its files for another thread: encoding and syncing take as long.

        Args:
            work: The segment.
            index: Index of the frame.

        Raises:
            PlateError: The frame or one beside it had to be read once more, and could not be.
            OutputError: The files of an earlier frame cannot be written.
        """
        frame = self._job.frames[index]
        with self._activities.during(f"finishing the mattes of frame {frame}"), self._cores.busy():
            started = time.perf_counter()
            finished = self._finished(work, index)
            self.seconds["finish"] += time.perf_counter() - started
        self._writer.submit(lambda: self._write(finished))

    def _write(self, finished: _Finished) -> None:
        """Write the files of a frame.

        Raises:
            OutputError: A file cannot be written.
        """
        job, index = self._job, finished.index
        frame = job.frames[index]
        paths = job.writer.paths(frame)
        with self._activities.during(f"writing the mattes of frame {frame}", paths[0]):
            started = time.perf_counter()
            with self._cores.busy():
                files = self._encode(finished)
            job.outputs.write_together(files)
            self._files += files
            self.written[frame] = paths
            manifest, plate = self._recipe.manifest, finished.plate
            record = Record.of(
                job.files(frame),
                made_from=manifest.frames[frame].mattes,
                identity=manifest.plate[frame].identity,
                pixels=plate.pixels,
                hazy=finished.hazy,
            )
            self._cache.write(self._cache.record(frame), record.content)
            self.seconds["write"] += time.perf_counter() - started
        self._watcher.on_frame(frame, paths)
        self._notifier.notify("stcn_frame_written", frame=frame, files=paths)

    def flicker_summaries(self) -> tuple[FlickerSummary, ...]:
        """Return what the stabiliser did to each object."""
        return self._stabiliser.summaries()

    def edge_summaries(self) -> tuple[EdgeSummary, ...]:
        """Return what the refinement of edges did to each object."""
        return self._edges.summaries()

    def contact_sheet(self, doubtful: Mapping[int, float]) -> Path | None:
        """Write the contact sheet; return its path, or ``None`` without overlays.

        Args:
            doubtful: Doubtful frames to their confidence.
        """
        keyframes = [self._job.frames[index] for index in self._job.keyframes]
        return self._overlays.finish(keyframes=keyframes, doubtful=doubtful) if self._overlays else None

    def check_files_exist(self) -> None:
        """Check that all files of this run still exist, because their folder may have been replaced or emptied.

        Raises:
            OutputError: Files are missing; names the first, and their number.
        """
        if gone := [path for path in self._files if not os.path.lexists(path)]:
            more = f", as are {len(gone) - 1} others of {len(self._files)}" if len(gone) > 1 else ""
            what = f"this file was written by this job but no longer exists{more}"
            raise OutputError(what, where=str(gone[0]), fix="Check what else uses the folder, and run the job again")

    def _finished(self, work: SegmentWork, index: int) -> _Finished:
        """Return the mattes of a frame."""
        job = self._job
        plate = self._plates.get(index)
        passes = self._found.of(work, index)
        own = blend(passes, job.objects, shape=job.window.shape, size=job.window.shape)
        confidence = self._confidence(index, own.numpy()) if job.settings.output.confidence else None
        now, *others = (
            PropagatedFrame(each, partial(self._plates.image, each), self._found.of(work, each))
            for each in (index, *job.neighbours(work.segment, index))
        )
        if others:
            self._stabiliser.steady(own, now, others)
        if plate.read is not None:
            self._keyframe_match.apply(own, now)
            own = self._edges.refine(index, own, plate.read.frame, passes)
        propagated = dict(zip(job.objects, job.finished(own).numpy(), strict=True))
        mattes = with_keyframe(propagated, self._artist_mattes(index, propagated))
        return _Finished(index, plate, mattes, confidence, self._edges.hazy(index))

    def _encode(self, finished: _Finished) -> dict[Path, bytes]:
        """Return a frame's files and their contents."""
        job, plate = self._job, finished.plate
        frame = job.frames[finished.index]
        final = process_mattes(job.studio, frame, finished.mattes)
        files = job.writer.encode(frame, final, window=job.window, header=plate.header, confidence=finished.confidence)
        if self._overlays and plate.read is not None:
            path, picture = self._overlays.draw(frame, plate.read.image, final, pixel_aspect=job.network_pixel_aspect)
            files[path] = picture
        return files

    def _confidence(self, index: int, own: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the confidence of every pixel, from probabilities at plate resolution, ``(O, H, W)``."""
        given = self._job.keyframes.get(index, {})
        rows = [row for row, name in enumerate(self._job.objects) if name not in given]
        return pixel_confidence(own[rows])

    def _artist_mattes(
        self, index: int, propagated: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the artist's mattes of a frame; empty if it is not a keyframe."""
        artist = {name: matte.unpack() for name, matte in self._job.keyframes.get(index, {}).items()}
        return fill_mattes(artist, propagated, self._job.covered.get(index, {}), window=self._job.window)
