"""``stcn propagate``: a shot file, or a plate and keyframes as flags, to mattes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stcn_plugin.bridge.job import Report
    from stcn_plugin.presets.shot_model import Shot

_EXAMPLES = """
\b
Examples:
  stcn propagate sh010.yaml
  stcn propagate sh010.yaml --preset hero --set memory.interval=3 --range 1001-1040
  stcn propagate --plate 'plates/sh010.####.exr' --keyframe 1001=roto/sh010.1001.png --out 'mattes/sh010.####.exr'
  stcn propagate --plate 'p.####.exr' --keyframe 1001=a.exr:hero.A --keyframe 1040=b.exr:hero.A --out 'm.####.exr'
"""


@click.command(epilog=_EXAMPLES)
@click.argument("shot_file", metavar="[SHOT.yaml]", required=False, type=click.Path(path_type=Path))
@click.option("--plate", metavar="PATTERN", help="Footage: plates/sh010.####.exr (also %04d, $F4, @@@@).")
@click.option(
    "--keyframe",
    "keyframes",
    metavar="FRAME=FILE[:SELECTOR]",
    multiple=True,
    help="An artist's matte and its frame; repeat for more. SELECTOR is a channel, layer, index, colour or name.",
)
@click.option("--out", metavar="PATTERN", help="Mattes: mattes/sh010.####.exr, or .png, .tif.")
@click.option("--range", "frames", metavar="RANGE", help="Frames to matte, such as 1001-1100x2,1200.")
@click.option(
    "--object",
    "spans",
    metavar="NAME=RANGE",
    multiple=True,
    help="Frames of an object that enters late or leaves early; repeat for more.",
)
@click.option("--preset", metavar="NAME", help="Settings to start from: see `stcn presets list`.")
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="One setting over the preset's, such as memory.interval=3; repeat for more.",
)
@click.option("--weights", metavar="NAME", help="Weights: see `stcn weights list`.")
@click.option("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--overlay", metavar="DIR", help="Also write small overlay pictures and a contact sheet there.")
@click.option("--quiet", "-q", is_flag=True, help="Only errors.")
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
    quiet: bool,
) -> None:
    """Propagate keyframe mattes over a shot.

    Takes a shot file, or everything as flags; flags go over what the file says. Mattes come at plate resolution with
    one layer per object, or as --set output.layout and the ending of --out say.
    """
    shortcuts = {"weights": weights, "compute.device": device, "overlay.folder": overlay}
    settings = [*overrides, *_settings(shortcuts)]
    if shot_file is not None:
        given = {"extends": preset, "plate": plate, "out": out, "range": frames}
        additions = [*_settings(given), *_keyframe_settings(keyframes), *_span_settings(spans)]
        shot = _load(shot_file, [*additions, *settings])
    else:
        shot = _make(plate, keyframes, out, frames, spans, preset, settings)
    report = _run(shot, quiet=quiet)
    if not quiet:
        _summarise(report, shot)


def _settings(values: Mapping[str, str | None]) -> list[str]:
    """Return the flags that were given as KEY=VALUE; quoted, so that YAML takes them as the text they are."""
    return [f"{key}={json.dumps(value)}" for key, value in values.items() if value is not None]


def _load(shot_file: Path, overrides: Sequence[str]) -> Shot:
    from stcn_plugin.presets.shot_file import load_shot

    return load_shot(shot_file, overrides=overrides)


def _make(
    plate: str | None,
    keyframes: Sequence[str],
    out: str | None,
    frames: str | None,
    spans: Sequence[str],
    preset: str | None,
    settings: Sequence[str],
) -> Shot:
    from stcn_plugin.presets.shot_file import make_shot

    flags = {"--plate": plate, "--keyframe": keyframes, "--out": out}
    if missing := [flag for flag, value in flags.items() if not value]:
        raise click.UsageError(
            f"Give a shot file, or all of --plate, --keyframe and --out; missing: {', '.join(missing)}"
        )
    return make_shot(
        plate=plate or "",
        keyframes=_by_frame(keyframes),
        out=out or "",
        range=frames,
        objects=_spans(spans),
        preset=preset or "default",
        overrides=settings,
    )


def _keyframe(text: str) -> tuple[int, str]:
    """Split ``1001=roto.1001.png``."""
    frame, equals, file = text.partition("=")
    try:
        number = int(frame)
    except ValueError:
        number, equals = 0, ""
    if not equals or not file:
        raise click.UsageError(f"--keyframe {text}: write it as FRAME=FILE, such as 1001=roto.1001.png")
    return number, file


def _keyframe_settings(keyframes: Sequence[str]) -> list[str]:
    """Return keyframes as overrides of a shot file; those of one frame together."""
    return [f"keyframes.{frame}={json.dumps(files)}" for frame, files in _by_frame(keyframes).items()]


def _by_frame(keyframes: Sequence[str]) -> dict[int, list[str]]:
    """Gather keyframe files by their frame."""
    by_frame: dict[int, list[str]] = {}
    for text in keyframes:
        frame, file = _keyframe(text)
        by_frame.setdefault(frame, []).append(file)
    return by_frame


def _span_settings(spans: Sequence[str]) -> list[str]:
    """Return objects' ranges as an override of a shot file; as a whole, since names may have dots."""
    return [f"objects={json.dumps(_spans(spans))}"] if spans else []


def _spans(spans: Sequence[str]) -> dict[str, str]:
    """Split ``hero=1001-1060``."""
    found: dict[str, str] = {}
    for text in spans:
        name, equals, span = text.rpartition("=")
        if not equals or not name or not span:
            raise click.UsageError(f"--object {text}: write it as NAME=RANGE, such as hero=1001-1060")
        found[name] = span
    return found


def _run(shot: Shot, *, quiet: bool) -> Report:
    from stcn_plugin.cli.progress import progress_display
    from stcn_plugin.shot.propagate import propagate as run

    with progress_display(quiet=quiet) as on_progress:
        return run(shot, on_progress=on_progress)


def _summarise(report: Report, shot: Shot) -> None:
    """Say what was written and what it took."""
    from stcn_plugin.frames import format_frame_range

    objects = ", ".join(report.objects)
    click.echo(
        f"{len(report.frames)} frames ({format_frame_range(report.frames)}) of {objects} -> {shot.out}", err=True
    )
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.seconds.items())
    click.echo(f"{report.device}, {report.precision}; {stages}", err=True)
    if report.contact_sheet:
        click.echo(f"contact sheet: {report.contact_sheet}", err=True)
