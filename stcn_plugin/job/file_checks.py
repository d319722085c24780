"""Checks of a shot and its files without running it. Unlike `prepare`, it reports all problems and not only the first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape, glob
from pathlib import Path

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.cache.folder import CacheFolder
from stcn_plugin.errors import KeyframeError, STCNError
from stcn_plugin.job.checks import shot_frames, shot_outputs
from stcn_plugin.job.prepare import only_name, prepare
from stcn_plugin.job.watcher import Warnings, Watcher
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import read_headers
from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.overlays import overlay_files
from stcn_plugin.media.sequences import OBJECT, FrameSequence
from stcn_plugin.presets.model import Preset
from stcn_plugin.shot.model import Keyframe, Shot
from stcn_plugin.studio.lookup import weights_store
from stcn_plugin.studio.plugins import builtin_hooks
from stcn_plugin.weights.reading import read_weights


def shot_problems(
    shot: Shot, *, studio: Hooks | None = None, on_warning: Callable[[str], None] = lambda _: None
) -> tuple[STCNError, ...]:
    """Return the problems of a shot: of its plate, keyframes, weights, colour settings and output folders.

    Nothing is propagated. Folders that are created to check whether they can be created are removed again.

    Args:
        shot: The shot.
        studio: The studio's plugins; ``None`` for the built-in plugin alone.
        on_warning: Called with each warning that the job would give before it runs.
    """
    studio = studio or builtin_hooks()
    found, weights = _Problems(), None
    with found.collect(), shot.naming_origins():
        entry = weights_store(studio).entry_for(shot.settings.weights)
        read_weights(entry.path)
        weights = entry.used()
    with without_new_folders(shot):
        with found.collect() as first, shot.naming_origins():
            watcher = Watcher(on_warning=Warnings(on_warning).add)
            job = prepare(shot, studio=studio, watcher=watcher, weights=weights)
            # Colour spaces and layers are only checked when an image is read.
            job.plates.read(job.frames[0]).image(job.window, job.size)
        if first.errors:
            _check_each_file(shot, found)
    return tuple(found.errors.values())


def settings_problems(settings: Preset, *, studio: Hooks | None = None) -> tuple[STCNError, ...]:
    """Return the problems of the files that settings name: the weights and the OCIO config.

    Args:
        settings: The settings.
        studio: The studio's plugins; ``None`` for the built-in plugin alone.
    """
    found = _Problems()
    with found.collect():
        read_weights(weights_store(studio or builtin_hooks()).path(settings.weights))
    with found.collect():
        _check_colour(settings)
    return tuple(found.errors.values())


class _Problems:
    """Distinct errors, by message."""

    def __init__(self) -> None:
        self.errors: dict[str, STCNError] = {}

    @contextmanager
    def collect(self) -> Iterator[_Problems]:
        """Collect an error that is raised inside; yields the problems of this block alone."""
        own = _Problems()
        try:
            yield own
        except STCNError as error:
            own.errors[str(error)] = error
            self.errors.setdefault(str(error), error)


def _check_each_file(shot: Shot, found: _Problems) -> None:
    """Check every file separately, because `prepare` stops at the first error."""
    frames: tuple[int, ...] = (shot.keyframes[0].frame,)
    with found.collect():
        sequence = FrameSequence.parse(shot.plate)
        frames = shot_frames(sequence, sequence.on_disk(), shot)
    with found.collect(), shot.naming_origins():
        _check_colour(shot.settings)
    name = only_name(shot.objects)
    for keyframe in shot.keyframes:
        with found.collect():
            _check_keyframe(keyframe, name)
    with found.collect():
        outputs = shot_outputs(shot)
        with found.collect():
            outputs.prepare([FrameSequence.parse(shot.out).path(frames[0])])
        if folder := shot.settings.overlay.folder:
            outputs.prepare(overlay_files(Path(folder), frames))


def _check_keyframe(keyframe: Keyframe, name: str | None) -> None:
    """Read a keyframe in its own format, independent of the plate."""
    where = f"{keyframe.file}, frame {keyframe.frame}"
    display = read_headers(keyframe.file, error=KeyframeError, where=where)[0].header.display
    read_keyframe(
        keyframe.file,
        frame=keyframe.frame,
        window=display,
        display=display,
        selector=keyframe.selector,
        objects=keyframe.objects,
        only_name=name,
    )


def _check_colour(settings: Preset) -> None:
    colour = settings.colour
    ColourTransform(config=colour.config, input=colour.input, highlights=colour.highlights)


@contextmanager
def without_new_folders(shot: Shot) -> Iterator[None]:
    """Remove empty folders of outputs that were created inside the context."""
    cache = CacheFolder.of(shot.out, shot.settings.cache).path
    overlays = shot.settings.overlay.folder
    wanted = [Path(shot.out).parent, cache, *([Path(overlays)] if overlays else [])]
    before = _existing(wanted)
    try:
        yield
    finally:
        for folder in sorted(_existing(wanted) - before, reverse=True):  # a folder after those in it
            with suppress(OSError):
                os.rmdir(folder)  # noqa: PTH106 - what glob names


def _existing(folders: Iterable[Path]) -> set[str]:
    """Return the folders and their parents that exist, with any name in place of ``<object>``."""
    patterns = {str(each) for folder in folders for each in (folder, *folder.parents)}
    return {path for pattern in patterns for path in glob(escape(pattern).replace(OBJECT, "*"))}  # noqa: PTH207 - no base folder
