"""Whether a shot could run now, without running it: everything that `prepare` checks, and all that is wrong at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stcn_plugin.bridge.hooks import Hooks
from stcn_plugin.errors import KeyframeError, STCNError
from stcn_plugin.job.checks import shot_frames, shot_outputs
from stcn_plugin.job.prepare import only_name, prepare
from stcn_plugin.media.colour import ColourTransform
from stcn_plugin.media.images import read_headers
from stcn_plugin.media.keyframes import read_keyframe
from stcn_plugin.media.overlays import overlay_files
from stcn_plugin.media.sequences import FrameSequence
from stcn_plugin.presets.model import Preset
from stcn_plugin.shot.model import Keyframe, Shot
from stcn_plugin.studio.lookup import weights_store
from stcn_plugin.studio.plugins import builtin_hooks
from stcn_plugin.weights.reading import read_weights


def shot_problems(shot: Shot, *, studio: Hooks | None = None) -> tuple[STCNError, ...]:
    """Return why a shot cannot run: its plate, keyframes, weights, colours, and where its mattes go.

    Nothing is propagated and no file is left: a folder that is made to see whether it can be is removed again.

    Args:
        shot: The shot.
        studio: The studio's plugins; ``None`` has no other than the built-in.
    """
    studio = studio or builtin_hooks()
    found = _Problems()
    with found.collected(), shot.naming_origins():
        read_weights(weights_store(studio).path(shot.settings.weights))
    with _no_folders_left(shot):
        with found.collected() as first, shot.naming_origins():
            job = prepare(shot, studio=studio)
            # Colours and layers are not looked at before a picture is read.
            job.plates.read(job.frames[0], window=job.window, size=job.size)
        if first.errors:
            _check_apart(shot, found)
    return tuple(found.errors.values())


def settings_problems(settings: Preset, *, studio: Hooks | None = None) -> tuple[STCNError, ...]:
    """Return what is wrong with the files that settings name: weights and the OCIO config.

    Args:
        settings: The settings.
        studio: As for `shot_problems`.
    """
    found = _Problems()
    with found.collected():
        read_weights(weights_store(studio or builtin_hooks()).path(settings.weights))
    with found.collected():
        _check_colour(settings)
    return tuple(found.errors.values())


class _Problems:
    """Errors, each once."""

    def __init__(self) -> None:
        self.errors: dict[str, STCNError] = {}

    @contextmanager
    def collected(self) -> Iterator[_Problems]:
        """Keep the error of what is done inside; give the errors of this part alone."""
        own = _Problems()
        try:
            yield own
        except STCNError as error:
            own.errors[str(error)] = error
            self.errors.setdefault(str(error), error)


def _check_apart(shot: Shot, found: _Problems) -> None:
    """Check every file by itself: `prepare` ends with the first that is wrong."""
    frames: tuple[int, ...] = (shot.keyframes[0].frame,)
    with found.collected():
        sequence = FrameSequence.parse(shot.plate)
        frames = shot_frames(sequence, sequence.on_disk(), shot)
    with found.collected(), shot.naming_origins():
        _check_colour(shot.settings)
    name = only_name(shot.objects)
    for keyframe in shot.keyframes:
        with found.collected():
            _check_keyframe(keyframe, name)
    with found.collected():
        outputs = shot_outputs(shot)
        with found.collected():
            outputs.prepare([FrameSequence.parse(shot.out).path(frames[0])])
        if folder := shot.settings.overlay.folder:
            outputs.prepare(overlay_files(Path(folder), frames))


def _check_keyframe(keyframe: Keyframe, name: str | None) -> None:
    """Read a keyframe over its own format, whatever that of the plate is."""
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
def _no_folders_left(shot: Shot) -> Iterator[None]:
    """Remove the folders that checks have made, as far as they are empty."""
    wanted = [Path(shot.out).parent, *([Path(shot.settings.overlay.folder)] if shot.settings.overlay.folder else [])]
    missing = [top for folder in wanted if (top := _topmost_missing(folder))]
    try:
        yield
    finally:
        for top in missing:
            for folder, _, _ in os.walk(top, topdown=False):
                with suppress(OSError):
                    os.rmdir(folder)  # noqa: PTH106 - what os.walk names


def _topmost_missing(folder: Path) -> Path | None:
    """Return the first folder of a path that is not there."""
    missing = None
    for each in (folder, *folder.parents):
        if "<object>" in each.name or not os.path.lexists(each):
            missing = each
    return missing
