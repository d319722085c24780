"""Running a job: runs the passes that are missing, and delivers every frame as soon as its results are there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from stcn_plugin.bridge.assessment import Assessment
from stcn_plugin.bridge.job import Progress
from stcn_plugin.bridge.report import Report
from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.records import read_record
from stcn_plugin.job.activities import Activities, describe_device_errors
from stcn_plugin.job.assessment import assessment_of, measure
from stcn_plugin.job.cores import Cores
from stcn_plugin.job.delivery import Delivery
from stcn_plugin.job.difference import STATE_INTERVAL, PassWork, SegmentWork
from stcn_plugin.job.frame_images import JobFrameImages
from stcn_plugin.job.job import Job
from stcn_plugin.job.overscan import fill_masks
from stcn_plugin.job.recent_plates import PlateOfFrame, ReadPlate, read_plate
from stcn_plugin.job.recipe import Recipe
from stcn_plugin.job.streams import WriteBehind, read_ahead
from stcn_plugin.job.transfers import Download, Downloader, Stopwatch, Upload, Uploader, rounded
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.matte.views import View
from stcn_plugin.network.devices import release_memory
from stcn_plugin.network.engine import Engine
from stcn_plugin.presets.model import Preset
from stcn_plugin.propagation.frame_images import WindowPrediction
from stcn_plugin.propagation.propagator import PropagationSettings
from stcn_plugin.propagation.tracker import Tracker
from stcn_plugin.studio.notifier import Notifier
from stcn_plugin.threads import same_threads_after, use_one_thread

_READ_AHEAD = max(2, min(4, (os.cpu_count() or 1) // 2))
"""Frames read ahead, and threads that read them: a GPU is faster than two, and four 4K frames fit in memory."""

_WRITE_BEHIND = 2
"""Maximum number of pending writes, enough to hide short stalls of the disk."""


def run(
    job: Job,
    work: Sequence[SegmentWork],
    engine: Engine | None,
    *,
    cache: CacheFolder,
    recipe: Recipe,
    watcher: Watcher = Watcher(),
) -> Report:
    """Do the work that is left on a shot.

    Args:
        job: From `stcn_plugin.job.prepare.prepare`.
        work: From `stcn_plugin.job.difference.difference`.
        engine: Runs the network; may be ``None`` if no pass has to run.
        cache: The cache of the shot.
        recipe: What the frames are made from.
        watcher: The callbacks.

    Raises:
        CancelledError: The job was cancelled; all files on disk are complete.
        STCNError: Reading, propagating or writing failed; all files on disk are complete.
    """
    notifier = Notifier(job.studio, watcher.on_warning)
    frames = tuple(job.frames[index] for each in work for index in each.finished)
    notifier.notify("stcn_shot_started", out=job.shot.out, frames=frames, objects=job.objects)
    try:
        with notifier.notifying_failure(job.shot.out), describe_device_errors():
            report = _Run(job, engine, cache, recipe, watcher, notifier).run(work)
    finally:
        if engine is not None:
            release_memory()  # a worker keeps the engine, but the host needs the rest of the GPU's memory
    notifier.notify("stcn_shot_finished", report=report)
    return replace(report, warnings=notifier.warnings)


def propagation_settings(settings: Preset) -> PropagationSettings:
    """Return the propagator's part of a preset; plates are read at the internal size."""
    memory, region = settings.memory, settings.compute.region
    return PropagationSettings(
        size=None,
        interval=memory.interval,
        include_last=memory.include_last,
        region=None if region == "auto" else region == "region",
        top_k=memory.top_k,
        max_frames=memory.max_frames,
        budget_bytes=memory.budget_mb << 20,
    )


def tracker_for(job: Job, engine: Engine, *, on_stage: Callable[[], None] = lambda: None) -> Tracker:
    """Return a tracker for a pass of a job."""
    return Tracker(
        engine,
        job.placement_frame(engine.object_size),
        settings=propagation_settings(job.settings),
        is_windowed=job.is_windowed,
        on_stage=on_stage,
    )


class _Run:
    """The state of one run of a job."""

    def __init__(
        self,
        job: Job,
        engine: Engine | None,
        cache: CacheFolder,
        recipe: Recipe,
        watcher: Watcher,
        notifier: Notifier,
    ) -> None:
        self._job = job
        self._engine = engine
        self._cache = cache
        self._recipe = recipe
        self._watcher = watcher
        self._activities = Activities(watcher.on_activity, watcher.is_cancelled)
        self._notifier = notifier
        self._cores = Cores(torch.get_num_threads())
        self._done = 0
        self._total = 0
        self._seconds = {"read": 0.0, "network": 0.0}

    def run(self, work: Sequence[SegmentWork]) -> Report:
        self._total = sum(each.steps for each in work)
        job = self._job
        with (
            same_threads_after(),
            WriteBehind(depth=1, prepare=use_one_thread) as files,
            Delivery(
                job,
                self._cache,
                self._recipe,
                files,
                watcher=self._watcher,
                activities=self._activities,
                notifier=self._notifier,
                cores=self._cores,
            ) as delivery,
        ):
            with WriteBehind(depth=_WRITE_BEHIND, prepare=use_one_thread) as writer:
                for each in work:
                    writer.submit(lambda each=each: delivery.begin(each))  # type: ignore[misc]
                    self._finish_ready(each, delivery, writer)
                    for part in each.passes:
                        self._run_pass(each, part, delivery, writer)
            files.wait()
            delivery.check_files_exist()
        return self._report(delivery)

    def _run_pass(self, work: SegmentWork, part: PassWork, delivery: Delivery, writer: WriteBehind) -> None:
        """Run a pass, and deliver the frames that it completes."""
        engine = self._engine
        if engine is None:
            raise ValueError("a pass has to run, but there is no engine")
        tracker, downloader = self._tracker(engine, part), Downloader(engine.device)
        before: Stopwatch | None = None
        for index, plate, upload in self._images(part.indices, engine):
            small = upload.wait().permute(2, 0, 1)
            images = JobFrameImages(self._job, index, plate.frame, small, partial(self._filled, engine, index))
            keeps_state = self._cache.keeps_probabilities and (abs(index - part.start) + 1) % STATE_INTERVAL == 0
            with self._activities.during(f"propagating frame {self._job.frames[index]}"):
                watch = Stopwatch(engine.device)
                self._between_stages()
                tracker.retire(self._job.absent(index))
                found = tracker.step(images, memorise=keeps_state or index != part.indices[-1])
                watch.stop()
            # Wait for the previous frame, not for this one: the GPU stays busy, and only two frames are in memory.
            if before is not None:
                self._seconds["network"] += before.seconds()
            before = watch
            downloads = [(each, downloader.fetch(rounded(each.own))) for each in found]
            self._submit(work, part, index, plate, downloads, delivery, writer)
            if keeps_state:
                state = tracker.state()
                writer.submit(lambda index=index, state=state: delivery.keep_state(part, index, state))  # type: ignore[misc]
        if before is not None:
            self._seconds["network"] += before.seconds()

    def _tracker(self, engine: Engine, part: PassWork) -> Tracker:
        tracker = tracker_for(self._job, engine, on_stage=self._between_stages)
        if part.resumed is not None:
            tracker.restore(part.resumed)
        return tracker

    def _between_stages(self) -> None:
        """Stop if the job is cancelled; let the network use the cores that are free now."""
        self._activities.checkpoint()
        torch.set_num_threads(self._cores.left())

    def _submit(
        self,
        work: SegmentWork,
        part: PassWork,
        index: int,
        plate: ReadPlate,
        downloads: Sequence[tuple[WindowPrediction, Download]],
        delivery: Delivery,
        writer: WriteBehind,
    ) -> None:
        """Queue a frame of a pass for keeping and, if it is complete, for finishing."""

        def deliver() -> None:
            found = [
                View(each.window, dict(zip(each.objects, download.wait(), strict=True)), each.responses)
                for each, download in downloads
                if each.objects
            ]
            delivery.keep(part, index, PlateOfFrame(plate.frame.header, plate), found)
            for each in part.completes.get(index, ()):
                delivery.finish(work, each)

        writer.submit(deliver)

    def _finish_ready(self, work: SegmentWork, delivery: Delivery, writer: WriteBehind) -> None:
        """Finish the frames that need no pass, each when the last of its neighbours is read."""
        neighbours = {index: self._job.neighbours(work.segment, index) for index in work.ready}
        in_images = {each for index, beside in neighbours.items() if beside for each in (index, *beside)}
        finished: dict[int, list[int]] = {}
        for index, beside in neighbours.items():
            finished.setdefault(max((index, *beside)), []).append(index)
        for index in sorted({*work.ready, *in_images}):
            self._activities.checkpoint()
            plate = self._plate(index, needs_image=delivery.needs_images or index in in_images)
            writer.submit(lambda index=index, plate=plate: delivery.keep_plate(index, plate))  # type: ignore[misc]
            for each in finished.get(index, ()):
                writer.submit(lambda each=each: delivery.finish(work, each))  # type: ignore[misc]
                if each in work.without_pass:
                    self._advance(each)

    def _plate(self, index: int, *, needs_image: bool) -> PlateOfFrame:
        """Return what finishing needs of a frame of the plate."""
        job, frame = self._job, self._job.frames[index]
        with self._activities.during(f"reading frame {frame} of the plate", job.plates.sequence.path(frame)):
            started = time.perf_counter()
            record = None if needs_image else read_record(self._cache.record(frame))
            if record is not None and record.identity == self._recipe.manifest.plate[frame].identity:
                plate = PlateOfFrame(job.plates.header(frame), known_pixels=record.pixels)
            else:
                plate = read_plate(job, index)
            self._seconds["read"] += time.perf_counter() - started
        return plate

    def _report(self, delivery: Delivery) -> Report:
        job, writer, assessment = self._job, self._job.writer, self._assessment()
        sheet = delivery.contact_sheet(
            {each.frame: each.confidence for each in assessment.doubtful} if assessment else {}
        )
        frames = tuple(sorted(delivery.written))
        engine = self._engine
        return Report(
            objects=job.objects,
            layers=writer.layers,
            patterns=writer.patterns,
            layout=writer.layout,
            device=str(engine.device) if engine else "none",
            precision=str(engine.precision).removeprefix("torch.") if engine else "none",
            files=tuple(str(path) for frame in frames for path in delivery.written[frame]),
            frames=frames,
            first=job.frames[0],
            last=job.frames[-1],
            seconds=self._seconds | delivery.seconds,
            contact_sheet=str(sheet) if sheet else None,
            shot_file=str(job.shot.path) if job.shot.path else None,
            warnings=self._notifier.warnings,
            weights=job.weights,
            flicker=delivery.flicker_summaries(),
            edges=delivery.edge_summaries(),
            assessment=assessment,
        )

    def _assessment(self) -> Assessment | None:
        """Assess the whole shot; ``None`` without a cache."""
        if not self._cache.keeps_probabilities:
            return None
        with self._activities.during("assessing the mattes", self._cache.path):
            return assessment_of(
                self._job, measure(self._job, self._cache, self._recipe, checkpoint=self._activities.checkpoint)
            )

    def _filled(
        self, engine: Engine, index: int, image: Tensor, keyframe: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Return a frame's masks, filled where its keyframes do not cover the window."""
        covered = self._job.covered.get(index)
        if not covered:
            return keyframe
        settings = propagation_settings(self._job.settings)
        return fill_masks(image, keyframe, covered, window=self._job.window, engine=engine, settings=settings)

    def _images(self, indices: Sequence[int], engine: Engine) -> Iterator[tuple[int, ReadPlate, Upload]]:
        """Read and upload plates ahead of their use. A frame counts as a step when the caller asks for the next one."""
        uploader = Uploader(engine.device)

        def read(index: int) -> tuple[ReadPlate, Upload, float]:
            job, frame = self._job, self._job.frames[index]
            path = job.plates.sequence.path(frame)
            with self._activities.during(f"reading frame {frame} of the plate", path):
                started = time.perf_counter()
                found = job.plates.read(frame)
                with self._cores.busy():
                    plate = ReadPlate(found, found.image(job.window, job.size))
                return plate, uploader.send(plate.image), time.perf_counter() - started

        for index, (plate, upload, seconds) in zip(indices, read_ahead(read, indices, depth=_READ_AHEAD), strict=True):
            self._activities.checkpoint()
            self._seconds["read"] += seconds
            yield index, plate, upload
            self._advance(index)

    def _advance(self, index: int) -> None:
        """Report a step."""
        self._done += 1
        self._watcher.on_progress(Progress(self._done, self._total, self._job.frames[index]))
