"""A job from the command line of Blender, with the settings that the scene was saved with and flags over them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import bpy

from stcn_plugin.bridge import Report
from stcn_plugin.bridge.printable import printable_lines
from stcn_plugin.bridge.signals import exit_code, stop_signals_raised
from stcn_plugin.errors import HostError, STCNError

from .choices import Choices
from .kept import KEPT
from .preferences import worker_python
from .runs import Run

_USAGE = 2

_ABOUT = """\
Propagate keyframe mattes over a plate, with the settings saved in the scene; flags go over them.
Frames are those of the scene."""

_EXAMPLES = """\
examples:
  blender -b shot.blend --python-exit-code 3 -P batch.py -- --frames 1001-1100 --preset hero
  blender -b shot.blend --python-exit-code 3 -P batch.py -- --mask roto --at 1001,1040 --render
  blender -b shot.blend --python-exit-code 3 -P batch.py -- --update 1024

exit codes: 0 done, 1 failed, 2 wrong flags; cancelled, with the mattes written so far whole: 130 Ctrl-C (SIGINT),
143 SIGTERM, 129 SIGHUP"""


def main(arguments: Sequence[str]) -> int:
    """Run one job to its end; return the exit code.

    Args:
        arguments: What stands after ``--`` on Blender's command line.
    """
    parser = _parser()
    try:
        flags = parser.parse_args(arguments)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else _USAGE
    try:
        with stop_signals_raised():
            try:
                report = _run(flags)
            finally:
                KEPT.close()
    except KeyboardInterrupt as error:
        _say("stopped")
        return exit_code(error)
    except STCNError as error:
        _say(f"error: {error}")
        return exit_code(error)
    _say(f"{len(report.frames)} frames of {', '.join(report.objects)}, shot file {report.shot_file}")
    return 0


def _run(flags: argparse.Namespace) -> Report:
    scene = bpy.data.scenes.get(flags.scene) if flags.scene else bpy.context.scene
    if scene is None:
        names = ", ".join(each.name for each in bpy.data.scenes)
        raise HostError(f"the file has no scene '{flags.scene}'", where=bpy.data.filepath, fix=f"It has: {names}")
    if bpy.context.window:
        bpy.context.window.scene = scene  # masks follow the scene that is shown
    _set_plate(scene, flags)
    settings = scene.stcn
    if flags.mask is not None:
        settings.mask, settings.keyframe_kind = _found(bpy.data.masks, flags.mask, "mask"), "MASK"
    if flags.keyframe:
        settings.keyframe_kind = "FILES"
        settings.keyframe_files.clear()
        for frame, file in flags.keyframe:
            entry = settings.keyframe_files.add()
            entry.frame, entry.file = frame, file
    given = {
        "preset": flags.preset,
        "frame_range": flags.frames,
        "keyframes_at": flags.at,
        "weights": flags.weights,
        "device": flags.device,
        "out": flags.out,
    }
    for name, value in given.items():
        if value is not None:
            setattr(settings, name, value)
    choices = Choices.of(scene)
    choices = choices.replaced(overrides=(*choices.overrides, *flags.set))
    run = Run(choices, flags.worker or worker_python(), update=flags.update, on_progress=lambda: _show(run))
    report = run.wait()
    for text in run.status.warnings:
        _say(f"warning: {text}")
    if flags.render:
        _render(scene, choices.frames)
    if flags.save:
        bpy.ops.wm.save_mainfile()
    return report


def _set_plate(scene: bpy.types.Scene, flags: argparse.Namespace) -> None:
    settings = scene.stcn
    if flags.node is not None:
        settings.plate_kind, settings.plate_node = "NODE", flags.node
    elif flags.image is not None:
        settings.plate_kind, settings.plate_image = "IMAGE", _found(bpy.data.images, flags.image, "image")
    elif flags.clip is not None:
        settings.plate_kind, settings.plate_clip = "CLIP", _found(bpy.data.movieclips, flags.clip, "movie clip")


def _found(blocks: bpy.types.bpy_prop_collection, name: str, what: str) -> bpy.types.ID:
    block = blocks.get(name)
    if block is None:
        known = ", ".join(each.name for each in blocks) or "none"
        raise HostError(f"the file has no {what} '{name}'", where=bpy.data.filepath or None, fix=f"It has: {known}")
    return block


def _render(scene: bpy.types.Scene, frames: Sequence[int]) -> None:
    """Render the scene over the frames that got mattes, as ``blender -a`` would."""
    scene.frame_start, scene.frame_end = frames[0], frames[-1]
    try:
        bpy.ops.render.render(animation=True, scene=scene.name)
    except RuntimeError as error:
        raise HostError(f"the mattes are done, but the scene does not render ({str(error).strip()})") from None


def _keyframe(text: str) -> tuple[int, str]:
    frame, equals, file = text.partition("=")
    try:
        return int(frame), file if equals and file else _no_file(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not FRAME=FILE, such as 1001=roto/hero.1001.exr") from None


def _no_file(text: str) -> str:
    raise ValueError(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "blender -b FILE.blend -P batch.py --",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    shot = parser.add_argument_group("the shot")
    plate = shot.add_mutually_exclusive_group()
    plate.add_argument("--node", metavar="NAME", help="plate: an Image or Movie Clip node of the compositor")
    plate.add_argument("--image", metavar="NAME", help="plate: an image sequence")
    plate.add_argument("--clip", metavar="NAME", help="plate: a movie clip")
    shot.add_argument("--frames", metavar="RANGE", help="frames to matte, such as 1001-1100; '' for all of the plate")
    keyframes = shot.add_mutually_exclusive_group()
    keyframes.add_argument("--mask", metavar="NAME", help="keyframes: a mask, an object for each of its layers")
    keyframes.add_argument(
        "--keyframe",
        metavar="FRAME=FILE",
        action="append",
        type=_keyframe,
        help="keyframes: a matte file, 1001=roto.1001.exr:hero.A; may be given several times",
    )
    shot.add_argument("--at", metavar="FRAMES", help="frames at which the mask is right; '' for its own keys")
    shot.add_argument("--out", metavar="PATH", help="folder of the mattes, or their frame pattern")
    shot.add_argument("--scene", metavar="NAME", help="scene to work in; the file's active one by default")
    how = parser.add_argument_group("how")
    how.add_argument("--preset", metavar="NAME", help="preset by name, or a YAML file")
    how.add_argument("--weights", metavar="NAME", help="weights by name")
    how.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1")
    how.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="a setting over the preset: memory.interval=3"
    )
    how.add_argument("--worker", metavar="PYTHON", help="Python that has stcn_plugin; the preferences' by default")
    job = parser.add_argument_group("what to do")
    job.add_argument(
        "--update",
        metavar="FRAME",
        type=int,
        help="take in a keyframe at a frame, and compute only what it changes; of a mask, that of the layers with "
        "selected points, else of the active layer, as the .blend was saved",
    )
    job.add_argument("--render", action="store_true", help="render the compositor over these frames afterwards")
    job.add_argument("--save", action="store_true", help="save the .blend with the new nodes")
    return parser


def _show(run: Run) -> None:
    _say(f"{run.status.text}, step {run.status.done} of {run.status.total}")


def _say(text: str) -> None:
    print(f"stcn: {printable_lines(text, indent='  ')}", file=sys.stderr, flush=True)  # noqa: T201 - the command line is what a batch talks to
