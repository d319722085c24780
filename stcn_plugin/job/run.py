"""Running a job: propagates its segments in both directions and writes every matte as soon as it is finished."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stcn_plugin.bridge.job import Progress, Report
from stcn_plugin.errors import OutputError
from stcn_plugin.job.activities import Activities, describe_device_errors
from stcn_plugin.job.backward_buffer import BackwardBuffer
from stcn_plugin.job.device_lock import DeviceFileLock
from stcn_plugin.job.finishing import finish, with_keyframe
from stcn_plugin.job.job import Job
from stcn_plugin.job.overscan import fill_masks, fill_mattes
from stcn_plugin.job.streams import WriteBehind, read_ahead
from stcn_plugin.job.transfers import Download, Downloader, Stopwatch, Upload, Uploader
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.media.overlays import OverlayWriter
from stcn_plugin.media.plates import PlateFrame
from stcn_plugin.network.devices import release_memory
from stcn_plugin.network.engine import Engine
from stcn_plugin.presets.model import Preset
from stcn_plugin.propagation.plan import Segment
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator
from stcn_plugin.studio.mattes import process_mattes
from stcn_plugin.studio.notifier import Notifier

_READ_AHEAD = max(2, min(4, (os.cpu_count() or 1) // 2))
"""Frames read ahead, and threads that read them: a GPU is faster than two, and four 4K frames fit in memory."""

_WRITE_BEHIND = 2
"""Maximum number of pending writes, enough to hide short stalls of the disk."""


def run(job: Job, engine: Engine, *, watcher: Watcher = Watcher()) -> Report:
    """Propagate a job's keyframes and write its mattes.

    Args:
        job: From `stcn_plugin.job.prepare.prepare`.
        engine: Runs the network.
        watcher: The callbacks.

    Raises:
        CancelledError: The job was cancelled; all files on disk are complete.
        STCNError: Reading, propagating or writing failed; all files on disk are complete.
    """
    notifier = Notifier(job.studio, watcher.on_warning)
    notifier.notify("stcn_shot_started", out=job.shot.out, frames=job.written, objects=job.objects)
    try:
        with notifier.notifying_failure(job.shot.out), describe_device_errors():
            report = _Run(job, engine, watcher, notifier).run()
    finally:
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


class _Run:
    """The state of one run of a job."""

    def __init__(self, job: Job, engine: Engine, watcher: Watcher, notifier: Notifier) -> None:
        self._job = job
        self._engine = engine
        self._device = engine.device
        self._settings = propagation_settings(job.settings)
        self._watcher = watcher
        self._activities = Activities(watcher.on_activity, watcher.is_cancelled)
        self._notifier = notifier
        self._uploader = Uploader(engine.device)
        self._downloader = Downloader(engine.device)
        self._lock = DeviceFileLock(is_shared=engine.device.type != "cpu")
        self._done = 0
        self._written: dict[int, tuple[Path, ...]] = {}
        self._files: list[Path] = []
        self._seconds = dict.fromkeys(("read", "network", "finish", "write"), 0.0)
        overlay = job.settings.overlay
        self._overlays = (
            OverlayWriter(Path(overlay.folder), width=overlay.width, frames=job.frames, outputs=job.outputs)
            if overlay.folder
            else None
        )

    def run(self) -> Report:
        with WriteBehind(depth=_WRITE_BEHIND) as writer:
            for segment in self._job.segments:
                self._run(segment, writer)
        self._check_files_exist()
        return self._report()

    def _run(self, segment: Segment, writer: WriteBehind) -> None:
        """Run both passes through a segment; each frame is written as soon as both of its results are available."""
        job = self._job
        # One transfer for all frames; with one per frame, a GPU would wait for each of them.
        weights = torch.from_numpy(segment.weight).to(self._device)
        with BackwardBuffer((len(job.objects), *job.size), records=segment.blended) as backward:
            for index, plate, own in self._pass(segment.backward):
                if segment.source(index) == "both":
                    backward.put(index, own)
                elif segment.source(index) == "backward":
                    self._deliver(index, plate, self._blend(weights[index - segment.frames.start], None, own), writer)
            for index, plate, own in self._pass(segment.forward):
                if segment.source(index) == "both":
                    back = backward.get(index, self._device)
                    self._deliver(index, plate, self._blend(weights[index - segment.frames.start], own, back), writer)
                elif segment.source(index) == "forward":
                    self._deliver(index, plate, self._blend(weights[index - segment.frames.start], own, None), writer)
        self._deliver_unreached(segment, writer)

    def _check_files_exist(self) -> None:
        """Check that all files of this run still exist, because their folder may have been replaced or emptied.

        Raises:
            OutputError: Files are missing; names the first, and their number.
        """
        if gone := [path for path in self._files if not os.path.lexists(path)]:
            more = f", as are {len(gone) - 1} others of {len(self._files)}" if len(gone) > 1 else ""
            what = f"this file was written by this job but no longer exists{more}"
            raise OutputError(what, where=str(gone[0]), fix="Check what else uses the folder, and run the job again")

    def _report(self) -> Report:
        writer, sheet = self._job.writer, self._overlays.finish() if self._overlays else None
        frames = tuple(sorted(self._written))
        return Report(
            objects=self._job.objects,
            layers=writer.layers,
            patterns=writer.patterns,
            layout=writer.layout,
            device=str(self._device),
            precision=str(self._engine.precision).removeprefix("torch."),
            files=tuple(str(path) for frame in frames for path in self._written[frame]),
            frames=frames,
            first=self._job.frames[0],
            last=self._job.frames[-1],
            seconds=self._seconds,
            contact_sheet=str(sheet) if sheet else None,
            shot_file=str(self._job.shot.path) if self._job.shot.path else None,
            warnings=self._notifier.warnings,
            weights=self._job.weights,
        )

    def _pass(self, indices: Sequence[int]) -> Iterator[tuple[int, PlateFrame, Tensor]]:
        """Propagate in one direction; yield index, plate and the objects' probabilities ``(O, h, w)``."""
        job = self._job
        propagator = Propagator(
            self._engine, objects=job.objects, settings=self._settings, on_stage=self._activities.checkpoint
        )
        before: Stopwatch | None = None
        for index, plate, upload in self._plates(indices):
            propagator.retire(name for name, spans in job.presence.items() if not any(index in span for span in spans))
            image = upload.wait().permute(2, 0, 1)
            keyframe = {name: mask.to(self._device) for name, mask in self._job.masks.get(index, {}).items()}
            with self._lock.network(), self._activities.during(f"propagating frame {job.frames[index]}"):
                watch = Stopwatch(self._device)
                keyframe = self._filled(index, image, keyframe)
                own = propagator.step(image, keyframe, memorise=index != indices[-1]).own
                watch.stop()
            # Wait for the previous frame, not for this one: the GPU stays busy, and only two frames are in memory.
            if before is not None:
                self._seconds["network"] += before.seconds()
            before = watch
            yield index, plate, own
        if before is not None:
            self._seconds["network"] += before.seconds()

    def _filled(self, index: int, image: Tensor, keyframe: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a frame's masks, filled where its keyframes do not cover the window."""
        covered = self._job.covered.get(index)
        if not covered:
            return keyframe
        return fill_masks(
            image, keyframe, covered, window=self._job.window, engine=self._engine, settings=self._settings
        )

    def _plates(self, indices: Sequence[int]) -> Iterator[tuple[int, PlateFrame, Upload]]:
        """Read and upload plates ahead of their use. A frame counts as a step when the caller asks for the next one."""

        def read(index: int) -> tuple[PlateFrame, Upload, float]:
            job, frame = self._job, self._job.frames[index]
            path = job.plates.sequence.path(frame)
            with self._lock.file(), self._activities.during(f"reading frame {frame} of the plate", path):
                started = time.perf_counter()
                plate = job.plates.read(frame, window=job.window, size=job.size)
                return plate, self._uploader.send(plate.image), time.perf_counter() - started

        for index, (plate, upload, seconds) in zip(indices, read_ahead(read, indices, depth=_READ_AHEAD), strict=True):
            self._activities.checkpoint()
            self._seconds["read"] += seconds
            yield index, plate, upload
            self._done += 1
            self._watcher.on_progress(Progress(self._done, self._job.steps, self._job.frames[index]))

    def _blend(self, weight: Tensor, forward: Tensor | None, backward: Tensor | None) -> Tensor:
        """Blend the results of both passes with the plan's weights ``(O,)``; 0 for objects that no pass reaches."""
        weight = weight[:, None, None]
        reached = weight.isfinite()
        weight = weight.nan_to_num(0)
        nothing = torch.zeros((), device=self._device)
        ahead = nothing if forward is None else forward
        back = nothing if backward is None else backward
        return torch.where(reached, weight * ahead + (1 - weight) * back, nothing)

    def _deliver(self, index: int, plate: PlateFrame, own: Tensor, writer: WriteBehind) -> None:
        """Finish a frame's mattes and queue them for writing, unless an update leaves them as they are."""
        if index in self._job.unchanged:
            return
        started = time.perf_counter()
        job, matte = self._job, self._job.settings.matte
        fetch = self._downloader.fetch
        mattes = fetch(finish(own, size=job.window.shape, black=matte.black, white=matte.white))
        small = fetch(finish(own, size=job.size, black=matte.black, white=matte.white)) if self._overlays else None
        self._seconds["finish"] += time.perf_counter() - started

        writer.submit(lambda: self._write(index, plate, mattes, small))

    def _deliver_unreached(self, segment: Segment, writer: WriteBehind) -> None:
        """Write empty mattes for frames that no keyframe reaches, so that the sequence has no gaps."""
        nothing = torch.zeros((len(self._job.objects), *self._job.size), device=self._device)
        for index, plate, _ in self._plates(segment.unreached):
            self._deliver(index, plate, nothing, writer)

    def _write(self, index: int, plate: PlateFrame, finished: Download, small: Download | None) -> None:
        """Write a frame's files. Only encoding holds the lock, because waiting for the disk uses no CPU time."""
        job, frame = self._job, self._job.frames[index]
        with self._activities.during(f"writing the mattes of frame {frame}", job.writer.paths(frame)[0]):
            with self._lock.file():
                files = self._encode(index, plate, finished, small)
            started = time.perf_counter()
            job.outputs.write_together(files)
            self._files += files
            self._written[frame] = mattes = job.writer.paths(frame)
            self._seconds["write"] += time.perf_counter() - started
        self._watcher.on_frame(frame, mattes)
        self._notifier.notify("stcn_frame_written", frame=frame, files=mattes)

    def _encode(self, index: int, plate: PlateFrame, finished: Download, small: Download | None) -> dict[Path, bytes]:
        """Return a frame's files and their contents."""
        propagated = dict(zip(self._job.objects, finished.wait(), strict=True))
        started = time.perf_counter()
        frame = self._job.frames[index]
        mattes = with_keyframe(propagated, self._artist_mattes(index, propagated))
        final = process_mattes(self._job.studio, frame, mattes)
        files = self._job.writer.encode(frame, final, window=self._job.window, header=plate.header)
        if self._overlays and small is not None:
            shown = dict(zip(self._job.objects, small.wait(), strict=True)) if final is mattes else final
            path, picture = self._overlays.draw(frame, plate.image, shown, pixel_aspect=self._job.network_pixel_aspect)
            files[path] = picture
        self._seconds["write"] += time.perf_counter() - started
        return files

    def _artist_mattes(
        self, index: int, propagated: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the artist's mattes of a frame; empty if it is not a keyframe."""
        artist = {name: matte.unpack() for name, matte in self._job.keyframes.get(index, {}).items()}
        return fill_mattes(artist, propagated, self._job.covered.get(index, {}), window=self._job.window)
