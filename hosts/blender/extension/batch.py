"""A job from Blender's command line, with the settings saved in the scene and flags that override them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import bpy

from stcn_plugin.bridge import Report, WarmWorker
from stcn_plugin.bridge.batch import (
    SHARED_ORIGINS,
    BatchParser,
    add_shared_flags,
    build_options,
    parse_arguments,
    several_shots_problem,
    shared_request,
)
from stcn_plugin.bridge.batch_run import BatchLog, BatchShot, run_batch, run_shots_of_batch
from stcn_plugin.errors import HostError

from .host import create_job
from .settings import scene_settings
from .shot_settings import ShotSettings
from .state import make_worker

_EXAMPLES = """\
  blender -b shot.blend --python-exit-code 3 -P batch.py -- --range 1001-1100 --preset hero
  blender -b shot.blend --python-exit-code 3 -P batch.py -- --mask roto --at 1001,1040 --render
  blender -b shot.blend --python-exit-code 3 -P batch.py -- --dry-run
  blender -b sh010.blend --python-exit-code 3 -P batch.py -- sh020.blend sh030.blend --report night.json"""


def main(arguments: Sequence[str]) -> int:
    """Run the jobs of one or several scenes, and return the exit code.

    Args:
        arguments: The arguments after ``--`` on Blender's command line.
    """
    flags = parse_arguments(
        _parser(), arguments, lambda flags: several_shots_problem(flags, len(_names(flags)), ["--keyframe"])
    )
    return flags if isinstance(flags, int) else run_batch(lambda: _run(flags))


def _run(flags: argparse.Namespace) -> int:
    worker = make_worker(flags.worker)
    shots = [
        BatchShot(_shot_name(file, scene, is_alone=not flags.files), partial(_run_shot, flags, file, scene, worker))
        for file, scene in _names(flags)
    ]
    return run_shots_of_batch(flags, shots, worker)


def _names(flags: argparse.Namespace) -> list[tuple[str, str | None]]:
    """Return the file and the scene of every shot."""
    return [(file, scene) for file in (bpy.data.filepath, *flags.files) for scene in flags.scene or [None]]


def _shot_name(file: str, scene: str | None, *, is_alone: bool) -> str:
    if scene is None:
        return file
    return scene if is_alone else f"{file}:{scene}"


def _run_shot(
    flags: argparse.Namespace, file: str, name: str | None, worker: WarmWorker, plugins: Sequence[object], log: BatchLog
) -> Report:
    """Run the job of a scene."""
    if file and file != bpy.data.filepath:
        _open(file)
    scene = bpy.data.scenes.get(name) if name else bpy.context.scene
    if scene is None:
        names = ", ".join(each.name for each in bpy.data.scenes)
        raise HostError(f"the file has no scene '{name}'", where=bpy.data.filepath, fix=f"It has: {names}")
    if bpy.context.window:
        bpy.context.window.scene = scene  # masks follow the scene that is shown
    _apply_flags(scene, flags)
    settings = ShotSettings.of(scene)
    settings = replace(
        settings,
        build=build_options(flags),
        origins={**settings.origins, **_origins(flags)},
        flags=shared_request(flags),
    )
    log.frame_shift = settings.plate.shift
    report = create_job(settings, worker, plugins=plugins).run()
    if flags.render and settings.build.makes_whole_shot:
        _render(scene, settings.frames)
    if flags.save_blend and settings.build.makes_whole_shot:
        bpy.ops.wm.save_mainfile()
    return report


def _open(file: str) -> None:
    """Open another .blend file.

    Raises:
        HostError: It cannot be opened.
    """
    try:
        bpy.ops.wm.open_mainfile(filepath=str(Path(file).absolute()))
    except RuntimeError as error:
        raise HostError(f"the file cannot be opened ({str(error).strip()})", where=file) from None


def _origins(flags: argparse.Namespace) -> dict[str, str]:
    """Return the fields of the request, and settings, that flags override, each with its flag."""
    origins = {**SHARED_ORIGINS, "keyframes": "--keyframe"}
    return {key: flag for key, flag in origins.items() if getattr(flags, flag.removeprefix("--"))}


def _apply_flags(scene: bpy.types.Scene, flags: argparse.Namespace) -> None:
    settings = scene_settings(scene)
    if flags.node is not None:
        settings.plate_kind, settings.plate_node = "NODE", flags.node
    elif flags.image is not None:
        settings.plate_kind, settings.plate_image = "IMAGE", _find(bpy.data.images, flags.image, "image")
    elif flags.clip is not None:
        settings.plate_kind, settings.plate_clip = "CLIP", _find(bpy.data.movieclips, flags.clip, "movie clip")
    if flags.mask is not None:
        settings.keyframe_kind, settings.mask = "MASK", _find(bpy.data.masks, flags.mask, "mask")
    if flags.keyframe:
        settings.keyframe_kind = "FILES"
        settings.keyframe_files.clear()
        for frame, file in flags.keyframe:
            entry = settings.keyframe_files.add()
            entry.frame, entry.file = frame, file
    values = {
        "preset": flags.preset,
        "frame_range": flags.range,
        "keyframes_at": flags.at,
        "weights": flags.weights,
        "device": flags.device,
        "out": flags.out,
    }
    for name, value in values.items():
        if value is not None:
            setattr(settings, name, value)


def _find(blocks: Any, name: str, what: str) -> Any:
    """Return a data block of the file.

    Raises:
        HostError: There is no block with this name.
    """
    block = blocks.get(name)
    if block is None:
        names = ", ".join(each.name for each in blocks) or "none"
        raise HostError(f"the file has no {what} '{name}'", where=bpy.data.filepath or None, fix=f"It has: {names}")
    return block


def _render(scene: bpy.types.Scene, frames: Sequence[int]) -> None:
    """Render the scene over the frames of the shot, as ``blender -a`` does."""
    scene.frame_start, scene.frame_end = frames[0], frames[-1]
    try:
        bpy.ops.render.render(animation=True, scene=scene.name)
    except RuntimeError as error:
        raise HostError(f"the mattes are done, but the scene does not render ({str(error).strip()})") from None


def _keyframe(text: str) -> tuple[int, str]:
    frame, _, file = text.partition("=")
    try:
        number = int(frame)
    except ValueError:
        file = ""
    if not file:
        raise argparse.ArgumentTypeError(f"'{text}' is not FRAME=FILE, such as 1001=roto/hero.1001.exr")
    return number, file


def _parser() -> argparse.ArgumentParser:
    parser = BatchParser(
        "blender -b FILE.blend -P batch.py --",
        description="Propagate keyframe mattes over a plate, with the settings saved in the scene. Flags override them; "
        "frames are those of the scene.",
        examples=_EXAMPLES,
    )
    plate = parser.add_mutually_exclusive_group()
    plate.add_argument("--node", metavar="NAME", help="plate: an Image or Movie Clip node of the compositor")
    plate.add_argument("--image", metavar="NAME", help="plate: an image sequence")
    plate.add_argument("--clip", metavar="NAME", help="plate: a movie clip")
    keyframes = parser.add_mutually_exclusive_group()
    keyframes.add_argument("--mask", metavar="NAME", help="keyframes: a mask, each layer an object")
    keyframes.add_argument(
        "--keyframe",
        metavar="FRAME=FILE",
        action="append",
        type=_keyframe,
        help="keyframes: a matte file, 1001=roto.1001.exr:hero.A; may be repeated",
    )
    parser.add_argument(
        "--at",
        metavar="FRAMES",
        help="frames at which all layers of the mask are keyframes; '' for the shape keys of each layer",
    )
    parser.add_argument("files", nargs="*", metavar="FILE.blend", help="further .blend files; each is a shot")
    parser.add_argument(
        "--scene",
        metavar="NAME",
        action="append",
        help="the scene; by default, the active scene of the file. May be repeated: each is a shot",
    )
    add_shared_flags(parser)
    parser.add_argument("--render", action="store_true", help="render the compositor over the frames afterwards")
    parser.add_argument("--save-blend", action="store_true", help="save the .blend file with the new nodes")
    return parser
