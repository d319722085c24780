"""Builds a shot: finds out what is missing, and does only that."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from stcn_plugin.bridge.build import BuildOptions, Estimate, Plan, PlannedSegment
from stcn_plugin.bridge.report import Report
from stcn_plugin.cache.claims import Claim, claimed
from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.cache.manifest import Manifest
from stcn_plugin.errors import PresetError
from stcn_plugin.frames import format_frame_range
from stcn_plugin.job import estimate
from stcn_plugin.job.activities import Activities
from stcn_plugin.job.difference import SegmentWork, difference
from stcn_plugin.job.job import Job
from stcn_plugin.job.plate_stamps import plate_stamps
from stcn_plugin.job.reasons import reasons_for
from stcn_plugin.job.recipe import recipe_of
from stcn_plugin.job.run import run, tracker_for
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.network.engine import Engine
from stcn_plugin.presets.model import Preset


def build(
    job: Job,
    engine_for: Callable[[Preset], Engine],
    *,
    options: BuildOptions = BuildOptions(),
    watcher: Watcher = Watcher(),
) -> Report:
    """Do what is missing of a shot: propagate, finish and write mattes.

    Waits while another process works on the same frames.

    Args:
        job: From `stcn_plugin.job.prepare.prepare`.
        engine_for: Returns the engine for settings. Called only if a pass has to run.
        options: Which part of the work to do.
        watcher: The callbacks.

    Raises:
        CancelledError: The job was cancelled; all files on disk are complete.
        STCNError: Reading, propagating or writing failed; all files on disk are complete.
    """
    segments = _chosen_segments(job, options.segments)
    cache = CacheFolder.of(job.shot.out, job.settings.cache)
    activities = Activities(watcher.on_activity, watcher.is_cancelled)
    if options.is_dry_run:
        return _Build(job, cache, options, activities).report(engine_for)
    frames = [job.frames[index] for number in segments for index in job.segments[number - 1].frames]
    waiting = _Waiting(watcher, activities)
    with claimed(cache, frames, on_wait=waiting.wait):
        found = _Build(job, cache, options, activities)
        return found.run(engine_for, watcher)


class _Build:
    """What there is to do."""

    def __init__(self, job: Job, cache: CacheFolder, options: BuildOptions, activities: Activities) -> None:
        self._job = job
        self._cache = cache
        self._options = options
        self._activities = activities
        self._before = Manifest.read(cache.manifest)
        with activities.during("checking whether the plate has changed", job.shot.plate):
            plate = plate_stamps(job, cache, self._before, verify=options.verify, activities=activities)
        self._recipe = recipe_of(job, plate)
        with activities.during("checking which mattes are up to date", cache.path):
            self._work = difference(
                job,
                cache,
                self._recipe,
                numbers=options.segments,
                rebuild=options.rebuild,
                checkpoint=activities.checkpoint,
            )
        key = estimate.rates_key(job.settings)
        self._rates = dict(self._before.rates) if self._before else {}
        self._own_rates = dict(self._rates.get(key, {}))
        self._rates[key] = self._own_rates

    @property
    def needs_network(self) -> bool:
        """Whether a pass has to run."""
        return any(each.passes for each in self._work)

    def run(self, engine_for: Callable[[Preset], Engine], watcher: Watcher) -> Report:
        """Do it."""
        plan = self._plan()
        self._write_manifest()
        engine = None
        if self.needs_network:
            with self._activities.during("loading the weights", self._job.settings.weights):
                engine = engine_for(self._job.settings)
        estimate.reset_peak_memory(engine)
        started = time.monotonic()
        report = run(self._job, self._work, engine, cache=self._cache, recipe=self._recipe, watcher=watcher)
        self._measure(report, time.monotonic() - started, engine)
        self._write_manifest()
        return replace(report, plan=plan)

    def report(self, engine_for: Callable[[Preset], Engine]) -> Report:
        """Report what there is to do, and what it needs."""
        return replace(self._job.empty_report(), plan=self._plan(), estimate=self._estimate(engine_for))

    def _plan(self) -> Plan:
        kept = self._cache.keeps_probabilities
        return Plan(tuple(map(self._planned, self._work)), str(self._cache.path) if kept else None)

    def _estimate(self, engine_for: Callable[[Preset], Engine]) -> Estimate:
        """Estimate from the rates of earlier runs; without any, a few frames are measured."""
        job, cache, rates = self._job, self._cache, self._own_rates
        frames = sum(len(each.finished) for each in self._work)
        if self.needs_network and "step" not in rates:
            with self._activities.during("measuring the speed"):
                engine = engine_for(job.settings)
                rates |= estimate.measured(job, engine, tracker_for(job, engine))
        elif frames and "frame" not in rates:
            rates["frame"] = estimate.measured_frame(job)
        return Estimate(
            frames=frames,
            seconds=estimate.seconds(self._work, rates),
            matte_bytes=estimate.matte_bytes(job, frames),
            cache_bytes=estimate.cache_bytes(job, cache, rates),
            free_bytes=cache.free_bytes(),
            memory_bytes=int(rates.get("memory", 0)) or None,
        )

    def _planned(self, work: SegmentWork) -> PlannedSegment:
        frames = self._job.frames
        return PlannedSegment(
            number=work.number,
            frames=format_frame_range(frames[index] for index in work.segment.frames),
            propagated=sum(len(part.indices) for part in work.passes),
            written=format_frame_range(frames[index] for index in work.finished),
            reasons=reasons_for(
                self._job, self._cache, work, self._before, self._recipe.manifest, rebuild=self._options.rebuild
            ),
        )

    def _measure(self, report: Report, seconds: float, engine: Engine | None) -> None:
        """Remember the rates of a run."""
        steps = sum(len(part.indices) for each in self._work for part in each.passes)
        ready = sum(len(each.ready) for each in self._work)
        if report.frames:
            self._own_rates["frame"] = (report.seconds["finish"] + report.seconds["write"]) / len(report.frames)
        if steps:
            self._own_rates["step"] = max(0.0, seconds - ready * self._own_rates.get("frame", 0.0)) / steps
            self._own_rates["memory"] = float(estimate.peak_memory(engine))

    def _write_manifest(self) -> None:
        manifest = replace(self._recipe.manifest, rates=self._rates)
        self._cache.write(self._cache.manifest, manifest.content)


class _Waiting:
    """Reports that another process works on the same frames."""

    def __init__(self, watcher: Watcher, activities: Activities) -> None:
        self._watcher = watcher
        self._activities = activities
        self._has_warned = False

    def wait(self, claim: Claim) -> None:
        """Report who is at work, and stop if the job is cancelled.

        Raises:
            CancelledError: The job is cancelled.
        """
        if not self._has_warned:
            self._has_warned = True
            self._watcher.on_warning(f"waiting for {claim.text}")
        with self._activities.during(f"waiting for {claim.text}"):
            self._activities.checkpoint()


def _chosen_segments(job: Job, numbers: Sequence[int]) -> Sequence[int]:
    """Return the numbers of the segments to work on.

    Raises:
        PresetError: The shot does not have a segment.
    """
    count = len(job.segments)
    if unknown := [number for number in numbers if not 1 <= number <= count]:
        has = "1 segment" if count == 1 else f"{count} segments"
        raise PresetError(
            f"there is no segment {unknown[0]}; the shot has {has}",
            where=str(job.shot.path or job.shot.out),
            fix="List them with `stcn propagate --dry-run` or `stcn farm tasks`",
        )
    return numbers or range(1, count + 1)
