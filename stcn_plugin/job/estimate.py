"""Estimates of what a run needs, from measured rates and from the shot's own keyframes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from platform import node
from statistics import median

import torch

from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.probabilities import encode_probabilities
from stcn_plugin.job.difference import SegmentWork
from stcn_plugin.job.job import Job
from stcn_plugin.job.transfers import rounded
from stcn_plugin.media.window import FrameHeader
from stcn_plugin.network.engine import Engine
from stcn_plugin.presets.model import Preset
from stcn_plugin.propagation.plan import PASS_DIRECTIONS
from stcn_plugin.propagation.propagator import PropagationSettings, Propagator

Rates = Mapping[str, float]
"""``step`` and ``frame``: seconds per frame of a pass, and per frame that is only finished. ``memory``: peak bytes.
``cached``: bytes of a frame in the cache."""

_TRIAL_FRAMES = 4
_FIRST_FRAMES = 2
"""Frames of a trial that are not measured, because the first steps allocate memory and choose kernels."""


def rates_key(settings: Preset) -> str:
    """Return the key of rates in a manifest: they hold for a machine and a device."""
    return f"{node()} {settings.compute.device}"


def measured(job: Job, engine: Engine, settings: PropagationSettings) -> Rates:
    """Propagate a few frames from the first keyframe, without writing anything, and return the rates."""
    reset_peak_memory(engine)
    first = min(job.masks)
    indices = list(islice(range(first, len(job.frames)), _TRIAL_FRAMES))
    propagator = Propagator(engine, settings=settings)
    steps = []
    for index in indices:
        started = time.perf_counter()
        plate = job.plates.read(job.frames[index], window=job.window, size=job.size)
        image = torch.from_numpy(plate.image).to(engine.device).permute(2, 0, 1)
        masks = (
            {name: mask.to(engine.device) for name, mask in job.masks.get(index, {}).items()} if index == first else {}
        )
        found = propagator.step(image, masks)
        own = rounded(found.own).cpu().numpy()
        steps.append(time.perf_counter() - started)
    frame = measured_frame(job)
    # Every other step finishes a frame where both directions contribute, every step elsewhere: at most one each.
    step = median(steps[_FIRST_FRAMES:] or steps) + frame
    cached = encode_probabilities(dict(zip(found.objects, own, strict=True)), made_from="", window=job.window)
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
    masks = job.masks[index]
    own = torch.stack([masks.get(name, torch.zeros(job.size)) for name in job.objects])
    mattes = dict(zip(job.objects, job.finished(own).numpy(), strict=True))
    return job.writer.encode(job.frames[index], mattes, window=job.window, header=header)


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
