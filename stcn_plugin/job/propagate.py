"""`propagate`: runs a shot from checking its files to writing its mattes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from stcn_plugin.bridge.build import BuildOptions
from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.bridge.job import Progress
from stcn_plugin.bridge.report import Report
from stcn_plugin.job.activities import Activities, Activity
from stcn_plugin.job.build import build
from stcn_plugin.job.file_checks import without_new_folders
from stcn_plugin.job.job import Job
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.watcher import Warnings, Watcher
from stcn_plugin.network.engine import Engine
from stcn_plugin.presets.model import Preset
from stcn_plugin.shot.model import Shot
from stcn_plugin.studio.lookup import weights_store
from stcn_plugin.studio.plugins import builtin_hooks
from stcn_plugin.weights.loading import load_engine


def load_engine_for(settings: Preset) -> Engine:
    """Load the engine for a preset. The number of CPU threads is set for the whole process.

    Raises:
        WeightsError: There are no such weights, or the file is damaged.
        DeviceError: The device does not exist, or does not support the precision.
    """
    compute = settings.compute
    if compute.threads != "auto":
        torch.set_num_threads(compute.threads)
    return load_engine(settings.weights, device=compute.device, precision=compute.precision)


def propagate(
    shot: Shot,
    *,
    options: BuildOptions = BuildOptions(),
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_frame: Callable[[int, Sequence[Path]], None] = lambda _frame, _files: None,
    on_warning: Callable[[str], None] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
    on_activity: Callable[[Sequence[Activity]], None] = lambda _: None,
    engine_for: Callable[[Preset], Engine] = load_engine_for,
    studio: Hooks | None = None,
) -> Report:
    """Propagate a shot's keyframe mattes over its plate and write the mattes.

    Args:
        shot: From `load_shot` or `make_shot`.
        options: Which part of the work to do. By default, everything that is not up to date.
        on_progress: Called after every step.
        on_frame: Called with a frame and its files when they are on disk, on another thread.
        on_warning: Called with problems that do not affect the mattes.
        is_cancelled: Called before every step and between its stages.
        on_activity: Called with the current activities whenever one begins, advances or ends, on any thread.
        engine_for: Returns the engine for settings. Override it to share an engine between shots.
        studio: The studio's plugins, from `stcn_plugin.studio.studio_hooks`. ``None`` loads no plugins, not even
            installed ones.

    Returns:
        The files, the weights and device that were used, and the seconds of each stage.

    Raises:
        STCNError: The shot has a problem, or a file could not be read or written. All files on disk are complete.
    """
    warnings = Warnings(on_warning)
    watcher = Watcher(on_progress, on_frame, warnings.add, is_cancelled, on_activity)
    with without_new_folders(shot) if options.is_dry_run else nullcontext():
        job = check(shot, studio=studio, watcher=watcher)
        return replace(execute(job, engine_for, options=options, watcher=watcher), warnings=warnings.texts)


def check(shot: Shot, *, studio: Hooks | None = None, watcher: Watcher = Watcher(), needs_outputs: bool = True) -> Job:
    """Find and check everything that a shot needs, including its weights.

    Args:
        shot: As for `propagate`.
        studio: As for `propagate`.
        watcher: The callbacks.
        needs_outputs: As for `stcn_plugin.job.prepare.prepare`.

    Returns:
        A job for `execute`. Its settings name the file of the weights, so that loading them needs no plugins.

    Raises:
        STCNError: The shot has a problem. Nothing has been written.
    """
    studio, activities = studio or builtin_hooks(), Activities(watcher.on_activity)
    with shot.naming_origins():
        entry = weights_store(studio).entry_for(shot.settings.weights)
        with activities.during("reading the weights", entry.path):
            weights = entry.used()
        job = prepare(shot, studio=studio, watcher=watcher, weights=weights, needs_outputs=needs_outputs)
    return replace(job, settings=job.settings.model_copy(update={"weights": str(entry.path)}))


def execute(
    job: Job,
    engine_for: Callable[[Preset], Engine],
    *,
    options: BuildOptions = BuildOptions(),
    watcher: Watcher = Watcher(),
) -> Report:
    """Propagate what is missing, and write the mattes.

    Args:
        job: From `check`.
        engine_for: As for `propagate`.
        options: Which part of the work to do.
        watcher: The callbacks.

    Raises:
        STCNError: As for `propagate`.
    """
    with job.shot.naming_origins():
        return build(job, engine_for, options=options, watcher=watcher)
