"""``stcn propagate``: a shot file, or a plate and keyframes as flags, to mattes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from stcn_plugin.bridge.job import JobRequest, KeyframeFile, chosen_settings, parse_settings
from stcn_plugin.cli.terminal import echo
from stcn_plugin.errors import FrameRangeError

_EXAMPLES = """
\b
Examples:
  stcn propagate sh010.yaml
  stcn propagate sh010.yaml --preset hero --set memory.interval=3 --range 1001-1040
  stcn propagate --plate 'plates/sh010.####.exr' --keyframe 1001=roto/sh010.1001.png --out 'mattes/sh010.####.exr'
  stcn propagate --plate 'p.####.exr' --keyframe 1001=a.exr:hero.A --keyframe 1040=b.exr:hero.A --out 'm.####.exr'
\b
Add a keyframe at frame 1060 and recompute only the frames between its neighbouring keyframes:
  stcn propagate sh010.yaml --keyframe 1060=roto/sh010.1060.png --update 1060 --save sh010.v2.yaml
"""

_ORIGINS = {
    "plate": "--plate",
    "keyframes": "--keyframe",
    "out": "--out",
    "range": "--range",
    "objects": "--object",
    "preset": "--preset",
    "weights": "--weights",
    "compute.device": "--device",
    "overlay.folder": "--overlay",
}
"""Fields of the request and settings, each with its flag."""


@click.command(epilog=_EXAMPLES)
@click.argument("shot_file", metavar="[SHOT.yaml]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--plate",
    metavar="PATTERN",
    help="Frame pattern of the plate, such as plates/sh010.####.exr. %04d, $F4 and @@@@ work too.",
)
@click.option(
    "--keyframe",
    "keyframes",
    metavar="FRAME=FILE[:SELECTOR]",
    multiple=True,
    help="Frame and matte file of a keyframe. SELECTOR is a channel, layer, palette index, colour or object name. "
    "Repeatable.",
)
@click.option(
    "--out",
    metavar="PATTERN",
    help="Frame pattern of the mattes, such as mattes/sh010.####.exr. The extension sets the format: .exr, .png, .tif.",
)
@click.option("--range", "frames", metavar="RANGE", help="Frames to matte, such as 1001-1100x2,1200. All by default.")
@click.option(
    "--object",
    "spans",
    metavar="NAME[=RANGE]",
    multiple=True,
    help="An object by name, with its frame range if it enters late or leaves early. A single NAME also names the object of "
    "keyframe files that name none. Repeatable.",
)
@click.option("--preset", metavar="NAME", help="Preset to start from, see `stcn presets list`.")
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a setting, such as memory.interval=3. Repeatable.",
)
@click.option("--weights", metavar="NAME", help="Weights to use, see `stcn weights list`.")
@click.option("--device", metavar="DEVICE", help="Device to run on: auto, cpu, cuda, cuda:1 or mps.")
@click.option("--overlay", metavar="DIR", help="Folder for overlay pictures and a contact sheet.")
@click.option(
    "--update",
    metavar="RANGE",
    help="Frames whose keyframes are new, changed, or removed for all objects. Only the frames between their "
    "neighbouring keyframes are propagated, into the existing mattes.",
)
@click.option("--save", "save_as", metavar="FILE", help="Save the shot, with all options, as a shot file.")
@click.option("--plugin", "plugins", metavar="MODULE|FILE", multiple=True, help="Studio plugin to load. Repeatable.")
@click.option("--verbose", "-v", is_flag=True, help="Print the worker's log as well.")
@click.option("--quiet", "-q", is_flag=True, help="Print only warnings and errors.")
def propagate(
    shot_file: Path | None,
    plate: str | None,
    keyframes: Sequence[str],
    out: str | None,
    frames: str | None,
    spans: Sequence[str],
    preset: str | None,
    overrides: Sequence[str],
    weights: str | None,
    device: str | None,
    overlay: str | None,
    update: str | None,
    save_as: str | None,
    plugins: Sequence[str],
    verbose: bool,
    quiet: bool,
) -> None:
    """Propagate keyframe mattes over a shot.

    Takes a shot file, or everything as options. Options override the shot file. Mattes are written at plate resolution
    with one layer per object, unless output.layout or the extension of --out says otherwise.
    """
    flags = {"--plate": plate, "--keyframe": keyframes, "--out": out}
    if shot_file is None and (missing := [flag for flag, value in flags.items() if not value]):
        raise click.UsageError(
            f"Give a shot file, or all of --plate, --keyframe and --out; missing: {', '.join(missing)}"
        )
    chosen = {"weights": weights, "compute.device": device, "overlay.folder": overlay}
    request = JobRequest(
        shot_file=str(shot_file) if shot_file else None,
        plate=plate,
        keyframes=tuple(map(_keyframe, keyframes)),
        out=out,
        range=frames,
        objects=_spans(spans),
        preset=preset,
        settings=parse_settings(overrides, "--set") | chosen_settings(chosen, _ORIGINS),
        origins=_ORIGINS,
        update=_frames(update),
        save_as=save_as,
        plugins=tuple(plugins),
    )
    _run(request, verbose=verbose, quiet=quiet)


def _keyframe(text: str) -> KeyframeFile:
    """Split ``1001=roto.1001.png``."""
    frame, equals, file = text.partition("=")
    try:
        number = int(frame)
    except ValueError:
        number, equals = 0, ""
    if not equals or not file:
        raise click.UsageError(f"--keyframe {text}: write it as FRAME=FILE, such as 1001=roto.1001.png")
    return KeyframeFile(number, file)


def _spans(spans: Sequence[str]) -> dict[str, str | None]:
    """Split ``hero=1001-1060``; ``hero`` alone is there throughout."""
    found: dict[str, str | None] = {}
    for text in spans:
        name, equals, span = text.rpartition("=") if "=" in text else (text, "", "")
        if not name or bool(equals) != bool(span):
            raise click.UsageError(f"--object {text}: write it as NAME or NAME=RANGE, such as hero=1001-1060")
        found[name] = span or None
    return found


def _frames(text: str | None) -> tuple[int, ...]:
    from stcn_plugin.frames import parse_frame_range

    if text is None:
        return ()
    try:
        return parse_frame_range(text)
    except FrameRangeError as error:
        raise FrameRangeError(error.what, where="--update", fix=error.fix) from None


def _run(request: JobRequest, *, verbose: bool, quiet: bool) -> None:
    """Drive a worker of this same Python; it ends with this command."""
    from stcn_plugin.bridge.client import WorkerClient
    from stcn_plugin.bridge.launch import WorkerLaunch
    from stcn_plugin.bridge.session import Session
    from stcn_plugin.cli.host import CommandLineHost
    from stcn_plugin.cli.progress import progress_display

    def log(line: str) -> None:
        if verbose:
            echo(line, err=True)

    with (
        WorkerClient(WorkerLaunch(sys.executable), on_log=log) as worker,
        progress_display(quiet=quiet) as on_progress,
    ):
        session = Session(CommandLineHost(request, on_progress=on_progress, quiet=quiet), worker)
        worker.start()  # it loads while the rest is set up
        session.run()
