"""Estimates of what a run needs, from measured rates and from the shot's own keyframes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from platform import node
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.probabilities import encode_probabilities
from stcn_plugin.job.difference import SegmentWork
from stcn_plugin.job.frame_images import JobFrameImages
from stcn_plugin.job.job import Job
from stcn_plugin.job.transfers import rounded
from stcn_plugin.matte.views import View
from stcn_plugin.media.window import FrameHeader
from stcn_plugin.network.engine import Engine
from stcn_plugin.presets.model import Preset
from stcn_plugin.propagation.frame_images import WindowPrediction
from stcn_plugin.propagation.plan import PASS_DIRECTIONS
from stcn_plugin.propagation.tracker import Tracker

Rates = Mapping[str, float]
"""``step`` and ``frame``: seconds per frame of a pass, and per frame that is only finished. ``memory``: peak bytes.
``cached``: bytes of a frame in the cache."""

_TRIAL_FRAMES = 4
_FIRST_FRAMES = 2
"""Frames of a trial that are not measured, because the first steps allocate memory and choose kernels."""


def rates_key(settings: Preset) -> str:
    """Return the key of rates in a manifest: they hold for a machine and a device."""
    return f"{node()} {settings.compute.device}"


def measured(job: Job, engine: Engine, tracker: Tracker) -> Rates:
    """Propagate a few frames from the first keyframe, without writing anything, and return the rates.

    Args:
        job: The job.
        engine: The network.
        tracker: A new tracker of the job.
    """
    reset_peak_memory(engine)
    first = min(job.masks)
    indices = list(islice(range(first, len(job.frames)), _TRIAL_FRAMES))
    steps = []
    for index in indices:
        started = time.perf_counter()
        plate = job.plates.read(job.frames[index])
        small = torch.from_numpy(plate.image(job.window, job.size)).to(engine.device).permute(2, 0, 1)
        found = tracker.step(JobFrameImages(job, index, plate, small, lambda _, masks: masks))
        views = [View(each.window, _planes(each), each.responses) for each in found if each.objects]
        steps.append(time.perf_counter() - started)
    frame = measured_frame(job)
    # Every other step finishes a frame where both directions contribute, every step elsewhere: at most one each.
    step = median(steps[_FIRST_FRAMES:] or steps) + frame
    cached = encode_probabilities(views, made_from="")
    return {"step": step, "frame": frame, "memory": float(peak_memory(engine)), "cached": float(len(cached))}


def measured_frame(job: Job) -> float:
    """Finish a frame without writing it, and return the seconds."""
    first = min(job.masks)
    started = time.perf_counter()
    encoded_mattes(job, first, job.plates.header(job.frames[first]))
    return time.perf_counter() - started


def seconds(work: Sequence[SegmentWork], rates: Rates) -> float:
    """Return the estimated time of work."""
    steps = sum(len(part.indices) for each in work for part in each.passes)
    ready = sum(len(each.ready) for each in work)
    return steps * rates.get("step", 0.0) + ready * rates.get("frame", rates.get("step", 0.0))


def matte_bytes(job: Job, frames: int) -> int:
    """Return the size of a number of mattes if all are like that of the first keyframe."""
    if not frames:
        return 0
    first = min(job.masks)
    files = encoded_mattes(job, first, job.plates.header(job.frames[first]))
    return frames * sum(map(len, files.values()))


def cache_bytes(job: Job, cache: CacheFolder, rates: Rates) -> int:
    """Return the size of the whole cache: from the files in it, or else from a measured frame; 0 if none is kept."""
    if not cache.keeps_probabilities:
        return 0
    sizes = cache.probability_sizes()
    one = sum(sizes) / len(sizes) if sizes else rates.get("cached", 0.0)
    count = sum(
        job.uses(segment, direction, index)
        for segment in job.segments
        for direction in PASS_DIRECTIONS
        for index in segment.visited(direction)
    )
    return int(one * count)


def encoded_mattes(job: Job, index: int, header: FrameHeader) -> Mapping[Path, bytes]:
    """Return the matte files of a keyframe."""
    given = job.keyframes[index]
    own = torch.stack(
        [
            torch.from_numpy(given[name].unpack()) if name in given else torch.zeros(job.window.shape)
            for name in job.objects
        ]
    )
    mattes = dict(zip(job.objects, job.finished(own).numpy(), strict=True))
    return job.writer.encode(job.frames[index], mattes, window=job.window, header=header)


def _planes(found: WindowPrediction) -> dict[str, NDArray[np.float16]]:
    return dict(zip(found.objects, rounded(found.own).cpu().numpy(), strict=True))


def reset_peak_memory(engine: Engine | None) -> None:
    """Start to measure the peak memory of this process, or of its GPU."""
    if engine is not None and engine.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(engine.device)
    with suppress(OSError):  # Linux only
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak_memory(engine: Engine | None) -> int:
    """Return the peak memory since then in bytes: of the GPU if the network runs there; 0 if it is not known."""
    if engine is not None and engine.device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(engine.device))
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    return 0
